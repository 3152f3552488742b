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
	Used        bool
	Cancelled   bool // by the press just now
	ClaveSet    bool // the act set a clave, or may have
	Action      string
}

func (s *Server) showObjection(w http.ResponseWriter, r *http.Request) error {
	return s.objectionPage(w, r, false)
}

func (s *Server) objectionPage(w http.ResponseWriter, r *http.Request, cancelled bool) error {
	objection, ok := credential.ParseObjection(r.PathValue("token"))
	if !ok {
		return &credential.Error{Kind: credential.NotFound, Rule: "objection"}
	}
	look, err := s.Service.LookObjection(r.Context(), objection)
	if err != nil {
		return err
	}
	title := "objection.title"
	if cancelled {
		title = "objection.cancelled_title"
	}
	s.render(w, r, http.StatusOK, "objection", objectionView{
		base: s.base(r, s.Words.Text(title)),
		Kind: look.Kind, Cancellable: look.Cancellable, Used: look.Used, Cancelled: cancelled,
		ClaveSet: !look.Cancellable && !look.Used && !cancelled && setsClave(look.Kind),
		Action:   PathObjection + "/" + objection.Token(),
	})
	return nil
}

// setsClave reports whether what a notice tells of may end with a clave that
// somebody else knows.
func setsClave(kind credential.MailKind) bool {
	switch kind {
	case credential.MailClaveSet, credential.MailClaveRecovered, credential.MailAddressChange,
		credential.MailClaveChanged, credential.MailUnlocked, credential.MailActivationCode:
		return true
	}
	return false
}

// object is the one press: it needs no log-in.
func (s *Server) object(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	objection, ok := credential.ParseObjection(r.PathValue("token"))
	if !ok {
		return &credential.Error{Kind: credential.NotFound, Rule: "objection"}
	}
	cancelled, err := s.Service.Object(r.Context(), s.actor(r), objection)
	if err != nil {
		return err
	}
	return s.objectionPage(w, r, cancelled)
}
