package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// contactView asks for the address, or shows the fixed one.
type contactView struct {
	base
	Fixed   bool
	Mask    string
	Email   string
	Kind    credential.ProcedureKind
	Refused bool // the relay refused the address typed before
}

func (s *Server) showContact(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepContact, credential.StepContactReview, credential.StepSent)
	if err != nil {
		return err
	}
	if v.Step == credential.StepSent && v.Mail.State != credential.MailRefusedBy {
		return &credential.Error{Kind: credential.Conflict, Rule: "step"}
	}
	return s.contactPage(w, r, http.StatusOK, v, nil)
}

func (s *Server) contactPage(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	refused := v.Mail.State == credential.MailRefusedBy
	v.Step = credential.StepContact
	view := contactView{
		base:  s.within(r, v, s.Words.Text("contact.title")).with(p),
		Fixed: v.Fixed, Mask: v.Mask, Email: v.Typed, Kind: v.Kind, Refused: refused,
	}
	if _, posted := r.PostForm["correo"]; posted {
		view.Email = clip(r.PostForm.Get("correo"))
	}
	s.render(w, r, status, "contact", view)
	return nil
}

func (s *Server) setContact(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	err = s.Service.SetContact(r.Context(), s.actor(r), claim, r.PostForm.Get("correo"))
	if err == nil {
		redirect(w, pathContactReview)
		return nil
	}
	return s.refused(w, r, err, s.again(claim, s.contactPage))
}

// contactReviewView shows the address once more, with the typo that it may hold.
type contactReviewView struct {
	base
	Fixed      bool
	Address    string // as typed, or masked where it is fixed
	Suggestion string // the whole address that was perhaps meant
	WouldWait  string // day and hour until which a changed address waits; empty for none
	Back       string // where it was typed
}

func (s *Server) showContactReview(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepContactReview)
	if err != nil {
		return err
	}
	view := contactReviewView{
		base: s.within(r, v, s.Words.Text("contact_review.title")), Fixed: v.Fixed,
		Address: v.Typed, Suggestion: v.Suggestion, Back: pathContact,
	}
	if s.Service.Policy().SecurityImage && v.Kind == credential.Generate {
		view.Back = pathQuestions
	}
	if v.Fixed {
		view.Address = v.Mask
	}
	if !v.WouldWait.IsZero() {
		view.WouldWait = s.Words.DateTime(v.WouldWait)
	}
	s.render(w, r, http.StatusOK, "contact_review", view)
	return nil
}

func (s *Server) acceptContact(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	err = s.Service.AcceptContact(r.Context(), s.actor(r), claim)
	if err == nil {
		redirect(w, pathWaiting)
		return nil
	}
	if credential.IsKind(err, credential.Unavailable) {
		return err // the review still stands, for another «Aceptar»
	}
	return s.refused(w, r, err, s.again(claim, s.contactPage))
}
