package web

import (
	"encoding/json"
	"net/http"
	"time"

	"aldaba/internal/credential"
)

// slowAfter is how long the relay may take before the page says that it is slow.
const slowAfter = 5 * time.Second

// waitingView is the page that waits for the mail.
type waitingView struct {
	base
	Mask        string
	Reference   string
	State       credential.MailState
	Status      string // the sentence about the mail
	Until       string // clock time; empty while it is not known
	Fixed       bool   // the address cannot be corrected here
	Untold      bool   // whether a mail was sent is told by the mail alone
	ResendsLeft int
	TriesLeft   int
	Code        string
	StatusURL   string
}

// mailStatus is what the page's script asks for.
type mailStatus struct {
	State string `json:"state"`
	Title string `json:"title"`
	Text  string `json:"text"`
	Until string `json:"until"`
}

func (s *Server) showWaiting(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepSent)
	if err != nil {
		return err
	}
	return s.waitingPage(w, r, http.StatusOK, v, nil)
}

func (s *Server) waitingPage(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	if v.Step != credential.StepSent {
		return &credential.Error{Kind: credential.Conflict, Rule: "step"}
	}
	now := s.statusOf(v)
	view := waitingView{
		base: s.within(r, v, now.Title).with(p),
		Mask: v.Mask, Reference: v.Reference, State: v.Mail.State, Status: now.Text, Until: now.Until, Fixed: v.Fixed, Untold: v.Untold,
		ResendsLeft: v.Mail.ResendsLeft, TriesLeft: v.Mail.TriesLeft,
		Code: clip(r.PostForm.Get("codigo")), StatusURL: pathWaiting + "/estado",
	}
	if v.Mail.State == credential.MailExpired {
		// The field is not shown any more: nothing to link to.
		for i := range view.Problems {
			view.Problems[i].Field = ""
		}
	}
	s.render(w, r, status, "waiting", view)
	return nil
}

// statusOf says in words where the mail is.
func (s *Server) statusOf(v credential.Progress) mailStatus {
	key := string(v.Mail.State)
	if v.Untold && v.Mail.State == credential.MailExpired {
		key = "untold_over"
	}
	status := mailStatus{State: string(v.Mail.State), Title: s.waitingTitle(key)}
	switch {
	case v.Mail.State == credential.MailHeld:
		status.Until = s.Words.DateTime(v.Mail.HoldUntil)
	case v.Mail.State == credential.MailTrying && v.Now.Sub(v.Mail.Attempted) < slowAfter:
		// Most mails leave within this time, and only then is their end known.
		key = string(credential.MailQueued)
	case !v.Mail.ValidUntil.IsZero():
		status.Until = s.Words.Clock(v.Mail.ValidUntil)
	}
	switch {
	case v.Fixed && v.Mail.State == credential.MailRefusedBy:
		key = "refused_fixed"
	case v.Untold:
	case v.Mail.ResendsLeft == 0 && v.Mail.State == credential.MailExpired:
		key = "expired_last"
	}
	status.Text = s.Words.Text("waiting.status."+key, "until", status.Until)
	return status
}

// waitingTitle is the title of a state: its own, or that of the page.
func (s *Server) waitingTitle(state string) string {
	if key := "waiting.title_of." + state; s.Words.Has(key) {
		return s.Words.Text(key)
	}
	return s.Words.Text("waiting.title")
}

// waitingStatus answers the page's script: where the mail is, "moved" once the
// procedure has gone on (the link was opened in this browser), or "over".
func (s *Server) waitingStatus(w http.ResponseWriter, r *http.Request) error {
	status := mailStatus{State: "over", Title: s.waitingTitle("over"), Text: s.Words.Text("waiting.status.over")}
	claim, ok := s.claim(r)
	if ok {
		v, err := s.Service.Look(r.Context(), claim)
		switch {
		case err == nil && v.Step == credential.StepSent:
			status = s.statusOf(v)
		case err == nil:
			status = mailStatus{State: "moved", Title: s.waitingTitle("moved"), Text: s.Words.Text("waiting.status.moved")}
		case !credential.IsKind(err, credential.Expired) && !credential.IsKind(err, credential.NotFound):
			return err
		}
	}
	return writeJSON(w, status)
}

func writeJSON(w http.ResponseWriter, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, err = w.Write(append(body, '\n'))
	return err
}

func (s *Server) enterCode(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	fresh, err := s.Service.EnterCode(r.Context(), s.actor(r), claim, r.PostForm.Get("codigo"))
	if err == nil {
		s.setCookie(w, cookieProcedure, fresh.Token(), 0)
		return s.toStandingOf(w, r, fresh)
	}
	return s.refused(w, r, err, s.again(claim, s.waitingPage))
}

func (s *Server) resend(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	err = s.Service.Resend(r.Context(), s.actor(r), claim)
	if err == nil {
		redirect(w, pathWaiting)
		return nil
	}
	return s.refused(w, r, err, s.again(claim, s.waitingPage))
}

// showStanding leads to where the browser's procedure stands.
func (s *Server) showStanding(w http.ResponseWriter, r *http.Request) error {
	s.toStanding(w, r)
	return nil
}

// extend renews the time of a procedure. Its button sends the page's own form
// along, so that nothing typed is lost: the page comes back as it was.
func (s *Server) extend(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	err = s.Service.Extend(r.Context(), s.actor(r), claim)
	if err != nil {
		return err
	}
	v, err := s.Service.Look(r.Context(), claim)
	if err != nil {
		return err
	}
	proving := v.Step == credential.StepProve || v.Step == credential.StepProveReview
	switch {
	case proving && r.PostForm.Has("dia"):
		return s.provePage(w, r, http.StatusOK, v, nil)
	case !proving && r.PostForm.Has("pregunta"):
		return s.securityPage(w, r, http.StatusOK, v, nil)
	case !proving && r.PostForm.Has("correo"):
		return s.contactPage(w, r, http.StatusOK, v, nil)
	case !proving && len(v.Bank) > 0 && r.PostForm.Has("bank."+string(v.Bank[0])):
		return s.questionsPage(w, r, http.StatusOK, v, nil)
	}
	redirect(w, pathOf(v.Step))
	return nil
}

// abandon is «Terminar aquí»: this browser forgets the procedure.
func (s *Server) abandon(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	_, err = s.Service.Abandon(r.Context(), s.actor(r), claim)
	if err != nil && !credential.IsKind(err, credential.Expired) {
		return err
	}
	s.dropCookie(w, cookieProcedure)
	s.dropCookie(w, cookieLink)
	s.message(w, r, http.StatusOK, "ended")
	return nil
}
