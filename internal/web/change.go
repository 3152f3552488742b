package web

import (
	"net/http"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
)

// changeView is «Cambio de clave», without a session or in one.
type changeView struct {
	base
	numberView
	Inside   bool // in a session: no number is asked
	First    bool // a clave that the institution handed over
	Keep     bool
	Agreed   bool
	Min, Max int
}

// Terms are the agreement that the page shows.
func (v changeView) Terms() institution.Agreement { return v.Institution.Agreement }

// Since says from which day the agreement holds.
func (v changeView) Since() string {
	return v.T("change.since", "version", v.Terms().Version, "date", v.server.Words.Date(v.Terms().Since))
}

func (s *Server) showChange(w http.ResponseWriter, r *http.Request) error {
	return s.changePage(w, r, http.StatusOK, nil)
}

func (s *Server) changePage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := changeView{
		base: s.base(r, s.Words.Text("change.title")).with(p), numberView: s.numberView(r),
		Inside: s.inside(r), First: r.URL.Query().Has("primera") || r.PostForm.Has("primera"), Keep: r.PostForm.Get("conservar") != "",
		Agreed: r.PostForm.Get("acuerdo") != "" && s.termsRead(r) == s.Institution.Agreement.Digest(),
		Min:    s.Service.Policy().PasswordMin, Max: s.Service.Policy().PasswordMax,
	}
	if r.Method != http.MethodPost {
		s.carriedNumber(w, r, &view.numberView)
	}
	s.render(w, r, status, "change", view)
	return nil
}

// termsRead is the digest of the agreement that the page of this form showed. A form
// without it is none of our pages': who writes one accepts what holds.
func (s *Server) termsRead(r *http.Request) string {
	if !r.PostForm.Has("leido") {
		return s.Institution.Agreement.Digest()
	}
	return r.PostForm.Get("leido")
}

// inside reports whether a live session asks.
func (s *Server) inside(r *http.Request) bool {
	token, ok := s.session(r)
	if !ok {
		return false
	}
	in, err := s.Service.LoggedIn(r.Context(), token)
	return err == nil && in
}

// changeClave is «Cambiar clave».
func (s *Server) changeClave(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	in := credential.ChangeForm{
		Current: r.PostForm.Get("actual"), New: r.PostForm.Get("clave"), Repeat: r.PostForm.Get("repita"),
		Agreed: r.PostForm.Get("acuerdo") != "", Read: s.termsRead(r), KeepOthers: r.PostForm.Get("conservar") != "",
	}
	terms := s.Institution.Agreement
	in.Agreement = credential.Agreement{Version: terms.Version, Language: terms.Language, Digest: terms.Digest()}
	var held *credential.SessionToken
	if !r.PostForm.Has("numero") { // the form of a session
		token, err := s.loggedIn(r)
		if err != nil {
			return err
		}
		held = &token
	} else {
		in.Number, err = postedNumber(r)
	}
	if err == nil {
		var done credential.Changed
		done, err = s.Service.ChangeClave(r.Context(), s.actor(r), held, in)
		if err == nil {
			s.setCookie(w, cookieDevice, done.Device.Token(), s.Service.Policy().DeviceLife)
			if held != nil {
				s.setCookie(w, cookieSession, done.Session.Token(), 0)
			}
			to := pathChange + "/listo"
			switch {
			case held != nil && in.KeepOthers:
				to = pathChange + "/listo-conservadas"
			case held != nil:
				to = pathChange + "/listo-adentro"
			case r.PostForm.Has("primera") && s.Service.Policy().OwnQuestions > 0:
				to = pathChange + "/listo-primera"
			}
			redirect(w, to)
			return nil
		}
	}
	return s.refused(w, r, err, s.changePage)
}
