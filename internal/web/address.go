package web

import (
	"net/http"
	"time"

	"aldaba/internal/credential"
)

// insideView is what «Mi cuenta» offers of its own pages.
type insideView struct {
	High      bool           // level 2
	Questions bool           // there are personal questions to renew
	Change    *pendingChange // nil for none
	Open      []requestView  // requests about one's data that nobody has answered yet
}

// addressView is «Cambio de correo»: the form, or the change that waits.
type addressView struct {
	base
	Old    string // masked; empty where no address was ever proven
	Hold   string // in words
	Email  string
	Code   string
	Change *pendingChange
}

// pendingChange is a change of address that waits, in words.
type pendingChange struct {
	ID, Old, New, Reference string
	Status                  string
	AsksCode                bool
	Resend                  bool
}

// pendingOf says how a change of address stands; nil for none.
func (s *Server) pendingOf(c credential.AddressChange) *pendingChange {
	if c.ID.IsZero() {
		return nil
	}
	code := c.Step == credential.StepOldCode
	v := &pendingChange{
		ID: c.ID.String(), Old: c.Old, New: c.New, Reference: c.Reference,
		AsksCode: code && c.TriesLeft > 0 && c.Mail != credential.MailRefusedBy && c.Mail != credential.MailExpired,
		Resend:   c.ResendsLeft > 0 && (c.Mail == credential.MailLeft || c.Mail == credential.MailTrying || c.Mail == credential.MailExpired),
	}
	key, until := string(c.Mail), c.HoldUntil
	if c.Mail == credential.MailLeft || c.Mail == credential.MailTrying {
		key, until = "sent", c.ValidUntil
	}
	switch {
	case !code:
		v.Status = s.Words.Text("address.sent."+key, "until", s.Words.DateTime(until))
	case c.TriesLeft == 0:
		v.Resend = false
		v.Status = s.Words.Text("address.old_code.spent")
	default:
		v.Status = s.Words.Text("address.old_code.text", "mask", c.Old) + " "
		if key == "sent" {
			v.Status += s.Words.Text("address.old_code.until", "until", s.Words.Clock(until))
		} else {
			v.Status += s.Words.Text("address.old_code." + key)
		}
	}
	return v
}

// titleOf is the title of the page of the address.
func (s *Server) titleOf(c credential.AddressChange) string {
	switch {
	case c.ID.IsZero():
		return s.Words.Text("address.title")
	case c.Step == credential.StepOldCode:
		return s.Words.Text("address.old_code.title")
	case c.Mail != credential.MailHeld:
		return s.Words.Text("address.sent.title_confirm")
	}
	return s.Words.Text("address.sent.title")
}

func (s *Server) showAddress(w http.ResponseWriter, r *http.Request) error {
	return s.addressPage(w, r, http.StatusOK, nil)
}

func (s *Server) addressPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	token, err := s.loggedIn(r)
	if err != nil {
		return err
	}
	look, err := s.Service.LookAddress(r.Context(), token)
	if err != nil {
		return err
	}
	view := addressView{
		base: s.base(r, s.titleOf(look.Pending)).with(p), Old: look.Old, Hold: s.holdText(look.Hold),
		Email: clip(r.PostForm.Get("correo")), Code: clip(r.PostForm.Get("codigo")), Change: s.pendingOf(look.Pending),
	}
	for i := range view.Problems {
		one := &view.Problems[i]
		if one.Field == "codigo" && (view.Change == nil || !view.Change.AsksCode) || one.Field != "codigo" && view.Change != nil {
			one.Field = "" // the field is not shown any more: nothing to link to
		}
	}
	s.render(w, r, status, "address", view)
	return nil
}

// holdText writes how long the link to a new address waits.
func (s *Server) holdText(d time.Duration) string {
	switch {
	case d == time.Hour:
		return s.Words.Text("address.hold.hour")
	case d >= time.Hour:
		return s.Words.Text("address.hold.hours", "n", int(d/time.Hour))
	case d >= time.Minute:
		return s.Words.Text("address.hold.minutes", "n", int(d/time.Minute))
	}
	return s.Words.Text("address.hold.seconds", "n", int(d/time.Second))
}

// onChange is a press about the change of address that waits: act gets its id.
func (s *Server) onChange(w http.ResponseWriter, r *http.Request, to string, act func(token credential.SessionToken, id credential.ID) error) error {
	token, err := s.insideForm(r)
	if err != nil {
		return err
	}
	id, _ := credential.ParseID(r.PostForm.Get("tramite"))
	err = act(token, id)
	if err == nil {
		redirect(w, to)
		return nil
	}
	return s.refused(w, r, err, s.addressPage)
}

// askAddress is «Cambiar mi correo».
func (s *Server) askAddress(w http.ResponseWriter, r *http.Request) error {
	token, err := s.insideForm(r)
	if err != nil {
		return err
	}
	fresh, err := s.Service.AskAddress(r.Context(), s.actor(r), token, credential.AddressForm{
		Email: r.PostForm.Get("correo"), Current: r.PostForm.Get("actual"),
	})
	if err == nil {
		s.setCookie(w, cookieSession, fresh.Token(), 0)
		redirect(w, pathAddress)
		return nil
	}
	return s.refused(w, r, err, s.addressPage)
}

// enterOldCode is the code of the mail to the old address.
func (s *Server) enterOldCode(w http.ResponseWriter, r *http.Request) error {
	return s.onChange(w, r, pathAddress, func(token credential.SessionToken, id credential.ID) error {
		return s.Service.EnterOldCode(r.Context(), s.actor(r), token, id, r.PostForm.Get("codigo"))
	})
}

// resendChange is «Enviar de nuevo».
func (s *Server) resendChange(w http.ResponseWriter, r *http.Request) error {
	return s.onChange(w, r, pathAddress, func(token credential.SessionToken, id credential.ID) error {
		return s.Service.ResendChange(r.Context(), s.actor(r), token, id)
	})
}

// cancelAddress is «Cancelar el cambio».
func (s *Server) cancelAddress(w http.ResponseWriter, r *http.Request) error {
	return s.onChange(w, r, pathAddress+"/cancelado", func(token credential.SessionToken, id credential.ID) error {
		return s.Service.CancelAddress(r.Context(), s.actor(r), token, id)
	})
}

// addressLinkView is the page behind the link to a new address.
type addressLinkView struct {
	base
	Mask, Reference, Until string
}

func (s *Server) addressLinkPage(w http.ResponseWriter, r *http.Request, look credential.LinkView) error {
	view := addressLinkView{
		base: s.base(r, s.Words.Text("address_link.title")), Mask: look.Mask, Reference: look.Reference,
		Until: s.Words.DateTime(look.Until),
	}
	view.Procedure = look.ID.String()
	s.render(w, r, http.StatusOK, "address_link", view)
	return nil
}

// confirmAddress is «Confirmar mi correo».
func (s *Server) confirmAddress(w http.ResponseWriter, r *http.Request) error {
	link, err := s.postedLink(r)
	if err != nil {
		return err
	}
	err = s.Service.ConfirmAddress(r.Context(), s.actor(r), link)
	if err != nil {
		return err
	}
	s.dropCookie(w, cookieLink)
	redirect(w, pathAddress+"/listo")
	return nil
}
