package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// unlockView is «Desbloqueo de clave».
type unlockView struct {
	base
	numberView
	Captcha string // the challenge as JSON; empty where the policy leaves it out
}

func (s *Server) showUnlock(w http.ResponseWriter, r *http.Request) error {
	return s.unlockPage(w, r, http.StatusOK, nil)
}

func (s *Server) unlockPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := unlockView{base: s.base(r, s.Words.Text("unlock.title")).with(p), numberView: s.numberView(r)}
	challenge, ok, err := s.Service.Challenge(r.Context(), s.actor(r), credential.Unlock)
	if err != nil {
		return err
	}
	if ok {
		view.Captcha = challenge.String()
	}
	s.render(w, r, status, "unlock", view)
	return nil
}

// unlockSentView is the page that everyone comes to.
type unlockSentView struct{ base }

// askUnlock is «Desbloquear».
func (s *Server) askUnlock(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	number, err := postedNumber(r)
	if err == nil {
		err = s.Service.AskUnlock(r.Context(), s.actor(r), credential.UnlockForm{Number: number, Captcha: r.PostForm.Get("altcha")})
	}
	if err == nil {
		redirect(w, pathUnlock+"/correo")
		return nil
	}
	return s.refused(w, r, err, s.unlockPage)
}

func (s *Server) showUnlockSent(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "unlock_sent", unlockSentView{s.base(r, s.Words.Text("unlock_sent.title"))})
	return nil
}

// unlockLinkView is the page behind the link of an unlock.
type unlockLinkView struct {
	base
	Reference, Until string
	NewClave         bool
}

func (s *Server) unlockLinkPage(w http.ResponseWriter, r *http.Request, look credential.LinkView) error {
	view := unlockLinkView{
		base: s.base(r, s.Words.Text("unlock_link.title")), Reference: look.Reference, Until: s.Words.Clock(look.Until), NewClave: look.NewClave,
	}
	view.Procedure = look.ID.String()
	s.render(w, r, http.StatusOK, "unlock_link", view)
	return nil
}

// openLock is «Desbloquear mi clave».
func (s *Server) openLock(w http.ResponseWriter, r *http.Request) error {
	link, err := s.postedLink(r)
	if err != nil {
		return err
	}
	device, err := s.Service.OpenLock(r.Context(), s.actor(r), link)
	if err != nil {
		return err
	}
	s.setCookie(w, cookieDevice, device.Token(), s.Service.Policy().DeviceLife)
	s.dropCookie(w, cookieLink)
	redirect(w, pathUnlock+"/listo")
	return nil
}

// newClaveBehindUnlock is «Poner una clave nueva» there. It never takes the place
// of another live procedure of this browser.
func (s *Server) newClaveBehindUnlock(w http.ResponseWriter, r *http.Request) error {
	link, err := s.postedLink(r)
	if err != nil {
		return err
	}
	if s.otherLive(r, link) != "" {
		return &credential.Error{Kind: credential.Conflict, Rule: "other_procedure"}
	}
	claim, err := s.Service.NewClaveBehindUnlock(r.Context(), s.actor(r), link)
	if err != nil {
		return err
	}
	s.setCookie(w, cookieProcedure, claim.Token(), 0)
	return s.toStandingOf(w, r, claim)
}
