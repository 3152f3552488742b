package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// objectionView is the page behind «No fui yo».
type objectionView struct {
	base
	Kind        credential.MailKind
	Cancellable bool
	Freezes     bool
	Button      string // what the press does, a word of its sentences
	Case        string // of the press just now, or an earlier one
	Outcome     string // likewise, a word of its sentences
	Frozen      bool   // by the press just now
	ClaveSet    bool   // the act set a clave, or may have
	Action      string
}

func (s *Server) showObjection(w http.ResponseWriter, r *http.Request) error {
	objection, err := objectionOf(r)
	if err != nil {
		return err
	}
	look, err := s.Service.LookObjection(r.Context(), objection)
	if err != nil {
		return err
	}
	view := objectionView{
		base: s.base(r, s.Words.Text("objection.title")),
		Kind: look.Kind, Cancellable: look.Cancellable, Freezes: look.Freezes, Button: "case",
		Case: look.Case, Outcome: "used", ClaveSet: !look.Used && setsClave(look.Kind),
		Action: PathObjection + "/" + objection.Token(),
	}
	switch {
	case look.Freezes:
		view.Button = "freeze"
	case look.Cancellable:
		view.Button = "cancel"
	}
	s.render(w, r, http.StatusOK, "objection", view)
	return nil
}

// objectionOf reads the token of a «No fui yo» link.
func objectionOf(r *http.Request) (credential.Objection, error) {
	objection, ok := credential.ParseObjection(r.PathValue("token"))
	if !ok {
		return objection, &credential.Error{Kind: credential.NotFound, Rule: "objection"}
	}
	return objection, nil
}

// setsClave reports whether what a notice tells of may end with a clave that
// somebody else knows.
func setsClave(kind credential.MailKind) bool {
	switch kind {
	case credential.MailLocked, credential.MailFrozen, credential.MailRegisterChange:
		return false
	}
	return true
}

// object is the one press: it needs no log-in.
func (s *Server) object(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	objection, err := objectionOf(r)
	if err != nil {
		return err
	}
	done, err := s.Service.Object(r.Context(), s.actor(r), objection)
	if err != nil {
		return err
	}
	view := objectionView{Case: done.Case, Frozen: done.Frozen}
	title := "objection.done_title"
	switch {
	case !done.First:
		view.Outcome = "used"
	case done.Frozen:
		view.Outcome, title = "frozen", "objection.frozen_title"
	case done.Cancelled:
		view.Outcome, title = "cancelled", "objection.cancelled_title"
	default:
		view.Outcome = "case_only"
	}
	view.base = s.base(r, s.Words.Text(title))
	s.render(w, r, http.StatusOK, "objection", view)
	return nil
}
