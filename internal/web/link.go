package web

import (
	"errors"
	"net/http"

	"aldaba/internal/credential"
)

// linkView is the page behind the mailed link: «Continuar», and in a browser
// that did not ask for the mail, day and month.
type linkView struct {
	base
	SameOne   bool
	Reference string
	Until     string
	Day       string
	Month     string
	Months    []choice
	Other     string // id of another live procedure of this browser; empty for none
}

// openLink is the mailed link itself. It changes nothing on the server: the
// token leaves the URL for a cookie of its own, which never takes the place of
// the browser's procedure, and whoever follows a link with GET or HEAD, mail
// scanners too, gets the same answer any number of times.
func (s *Server) openLink(w http.ResponseWriter, r *http.Request) error {
	link, ok := credential.ParseLink(r.PathValue("token"))
	if !ok {
		return &credential.Error{Kind: credential.NotFound, Rule: "link"}
	}
	_, err := s.lookLink(r, link)
	if err != nil {
		return s.linkOver(w, r, link, err)
	}
	s.setCookie(w, cookieLink, link.Token(), linkCookieLife)
	redirect(w, PathLink)
	return nil
}

func (s *Server) lookLink(r *http.Request, link credential.Link) (credential.LinkView, error) {
	claim, ok := s.claim(r)
	if !ok {
		return s.Service.LookLink(r.Context(), link, nil)
	}
	return s.Service.LookLink(r.Context(), link, &claim)
}

// linkOver shows how a link ended, with its one button. While the procedure
// waits that is another mail: at once in the browser that asked for it, after
// day and month in any other.
func (s *Server) linkOver(w http.ResponseWriter, r *http.Request, link credential.Link, err error) error {
	refusal, ok := errors.AsType[*credential.Error](err)
	if !ok || refusal.Kind != credential.Expired {
		return err
	}
	claim, ok := s.claim(r)
	if ok && claim.ID == link.ID {
		v, lookErr := s.Service.Look(r.Context(), claim)
		if lookErr == nil && v.Step == credential.StepSent && v.Mail.ResendsLeft > 0 {
			key := "expired_mine"
			if refusal.Rule == "replaced_mail" {
				key = "replaced_mine"
			}
			s.render(w, r, http.StatusGone, "message", messageView{
				base: s.within(r, v, s.Words.Text("message."+key+".title")), Key: key, Resend: v.ID.String(),
			})
			return nil
		}
	}
	if refusal.Rule != "link_expired" {
		return err
	}
	s.setCookie(w, cookieLink, link.Token(), linkCookieLife)
	return s.linkExpiredPage(w, r, http.StatusGone, link, nil)
}

// linkExpiredPage asks day and month for another mail.
func (s *Server) linkExpiredPage(w http.ResponseWriter, r *http.Request, status int, link credential.Link, p problems) error {
	view := linkView{
		base: s.base(r, s.Words.Text("link_expired.title")).with(p),
		Day:  clip(r.PostForm.Get("dia")), Month: clip(r.PostForm.Get("mes")),
	}
	view.Months = s.months(view.Month)
	view.Procedure = link.ID.String()
	s.render(w, r, status, "link_expired", view)
	return nil
}

// resendFromLink is «Enviar de nuevo» there.
func (s *Server) resendFromLink(w http.ResponseWriter, r *http.Request) error {
	link, err := s.postedLink(r)
	if err != nil {
		return err
	}
	err = s.Service.ResendFromLink(r.Context(), s.actor(r), link, parseNumber(r.PostForm.Get("dia")), parseNumber(r.PostForm.Get("mes")))
	if err == nil {
		s.message(w, r, http.StatusOK, "sent_again")
		return nil
	}
	return s.refused(w, r, err, func(w http.ResponseWriter, r *http.Request, status int, p problems) error {
		return s.linkExpiredPage(w, r, status, link, p)
	})
}

// postedLink reads a form behind a link, and the link that waits in its cookie.
func (s *Server) postedLink(r *http.Request) (credential.Link, error) {
	err := form(r)
	if err != nil {
		return credential.Link{}, err
	}
	link, err := s.link(r)
	if err != nil {
		return credential.Link{}, err
	}
	if r.PostForm.Get("tramite") != link.ID.String() {
		return credential.Link{}, &credential.Error{Kind: credential.Conflict, Rule: "other_procedure"}
	}
	return link, nil
}

// link reads the link that waits in its cookie.
func (s *Server) link(r *http.Request) (credential.Link, error) {
	link, ok := credential.ParseLink(s.cookie(r, cookieLink))
	if !ok {
		return credential.Link{}, &credential.Error{Kind: credential.Expired, Rule: "no_link"}
	}
	return link, nil
}

func (s *Server) showLink(w http.ResponseWriter, r *http.Request) error {
	return s.linkPage(w, r, http.StatusOK, nil)
}

func (s *Server) linkPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	link, err := s.link(r)
	if err != nil {
		return err
	}
	look, err := s.lookLink(r, link)
	if err != nil {
		return s.linkOver(w, r, link, err)
	}
	switch look.Kind {
	case credential.Unlock:
		return s.unlockLinkPage(w, r, look)
	case credential.ChangeAddress:
		return s.addressLinkPage(w, r, look)
	}
	view := linkView{
		base:    s.base(r, s.Words.Text("link.title")).with(p),
		SameOne: look.SameOne, Reference: look.Reference, Until: s.Words.Clock(look.Until),
		Day: clip(r.PostForm.Get("dia")), Month: clip(r.PostForm.Get("mes")),
		Other: s.otherLive(r, link),
	}
	view.Procedure = look.ID.String()
	view.Months = s.months(view.Month)
	s.render(w, r, status, "link", view)
	return nil
}

// otherLive gives the id of a live procedure of this browser that is not the
// link's; empty for none.
func (s *Server) otherLive(r *http.Request, link credential.Link) string {
	claim, ok := s.claim(r)
	if !ok || claim.ID == link.ID {
		return ""
	}
	v, err := s.Service.Look(r.Context(), claim)
	if err != nil || v.Step == credential.StepDone || v.Begun == link.ID {
		return ""
	}
	return v.ID.String()
}

// continueLink is «Continuar» behind the link. It never takes the place of
// another live procedure of this browser.
func (s *Server) continueLink(w http.ResponseWriter, r *http.Request) error {
	link, err := s.postedLink(r)
	if err != nil {
		return err
	}
	if s.otherLive(r, link) != "" {
		return s.linkPage(w, r, http.StatusConflict, problems{{Text: s.Words.Text("rule.other_live")}})
	}
	var held *credential.Claim
	if claim, ok := s.claim(r); ok {
		held = &claim
	}
	claim, err := s.Service.ContinueLink(r.Context(), s.actor(r), link, held,
		parseNumber(r.PostForm.Get("dia")), parseNumber(r.PostForm.Get("mes")))
	if err == nil {
		s.setCookie(w, cookieProcedure, claim.Token(), 0)
		return s.toStandingOf(w, r, claim)
	}
	if credential.IsKind(err, credential.Expired) {
		return s.linkOver(w, r, link, err)
	}
	return s.refused(w, r, err, s.linkPage)
}
