package web

import (
	"errors"
	"net/http"

	"aldaba/internal/credential"
)

// numberView is «Documento» and the number, as every page asks them.
type numberView struct {
	Documents []choice
	Number    string
}

func (s *Server) numberView(r *http.Request) numberView {
	document := r.PostForm.Get("documento")
	if document == "" {
		document = string(credential.Cedula)
	}
	v := numberView{Number: clip(r.PostForm.Get("numero"))}
	for _, d := range credential.Documents() {
		v.Documents = append(v.Documents, s.choice("start.document.", string(d), document))
	}
	return v
}

// postedNumber parses «Documento» and the number of a form.
func postedNumber(r *http.Request) (credential.Number, error) {
	document, err := credential.ParseDocument(r.PostForm.Get("documento"))
	if err != nil {
		return credential.Number{}, err
	}
	return credential.ParseNumber(document, r.PostForm.Get("numero"))
}

// logInView is the page of the log-in. The clave is never filled in again.
type logInView struct {
	base
	numberView
	Problems problems
	Again    bool // a session ended, or there was none for the page asked for
}

func (s *Server) showLogIn(w http.ResponseWriter, r *http.Request) error {
	return s.logInPage(w, r, http.StatusOK, nil)
}

func (s *Server) logInPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := logInView{
		base: s.base(r, s.Words.Text("log_in.title")), numberView: s.numberView(r), Problems: p,
		Again: r.URL.Query().Has("otra-vez"),
	}
	view.Problem = len(p) > 0
	s.render(w, r, status, "log_in", view)
	return nil
}

// logIn is «Ingresar».
func (s *Server) logIn(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	number, err := postedNumber(r)
	if err == nil && r.PostForm.Get("clave") == "" {
		err = &credential.Error{Kind: credential.Invalid, Field: "password", Rule: "empty"}
	}
	if err == nil {
		var token credential.SessionToken
		token, err = s.Service.LogIn(r.Context(), s.actor(r), credential.LogInForm{Number: number, Clave: r.PostForm.Get("clave")})
		if err == nil {
			s.setCookie(w, cookieSession, token.Token(), 0)
			redirect(w, pathAccount)
			return nil
		}
	}
	if refusal, ok := errors.AsType[*credential.Error](err); ok && refusal.Rule == "must_change" {
		redirect(w, pathChange+"?primera")
		return nil
	}
	return s.refused(w, r, err, func(status int, p problems) error { return s.logInPage(w, r, status, p) })
}

// session reads the browser's session token. Nobody is logged in where there is none.
func (s *Server) session(r *http.Request) (credential.SessionToken, bool) {
	return credential.ParseSessionToken(s.cookie(r, cookieSession))
}

// toLogIn leads whoever is not logged in, for whatever reason, to the log-in.
func (s *Server) toLogIn(w http.ResponseWriter, r *http.Request) error {
	if s.cookie(r, cookieSession) != "" {
		s.dropCookie(w, cookieSession)
	}
	redirect(w, pathLogIn+"?otra-vez")
	return nil
}

// homeView is «Mi cuenta».
type homeView struct {
	base
	Name      string
	Level     string // words "account.level.<key>"
	Addresses []homeAddress
	Sessions  []homeSession
	EndsAt    string
}

type homeAddress struct{ Mask, From, At string }

type homeSession struct {
	ID, Device, Since, Seen string
	This                    bool
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) error {
	token, ok := s.session(r)
	if !ok {
		return s.toLogIn(w, r)
	}
	home, err := s.Service.Home(r.Context(), token)
	if credential.IsKind(err, credential.Expired) {
		return s.toLogIn(w, r)
	}
	if err != nil {
		return err
	}
	view := homeView{
		base: s.base(r, s.Words.Text("account.title")), Name: home.GivenName, Level: "none", EndsAt: s.Words.Clock(home.EndsAt),
	}
	switch home.Level {
	case credential.Declared:
		view.Level = "declared"
	case credential.InPerson:
		view.Level = "in_person"
	}
	for _, a := range home.Addresses {
		view.Addresses = append(view.Addresses, homeAddress{a.Mask, s.Words.Text("account.origin." + string(a.Origin)), s.Words.Date(a.At)})
	}
	for _, x := range home.Sessions {
		view.Sessions = append(view.Sessions, homeSession{
			ID: x.ID.String(), Device: s.Words.Text("browser." + x.Browser), Since: s.Words.DateTime(x.CreatedAt), Seen: s.Words.DateTime(x.SeenAt),
			This: x.ID == home.Session,
		})
	}
	s.render(w, r, http.StatusOK, "account", view)
	return nil
}

// endSession is «Cerrar» beside another session.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	token, ok := s.session(r)
	if !ok {
		return s.toLogIn(w, r)
	}
	which, _ := credential.ParseID(r.PostForm.Get("sesion"))
	err = s.Service.EndSession(r.Context(), s.actor(r), token, which)
	if credential.IsKind(err, credential.Expired) {
		return s.toLogIn(w, r)
	}
	if err != nil {
		return err
	}
	redirect(w, pathAccount)
	return nil
}

// logOut ends the session, and with it what this browser shows of it.
func (s *Server) logOut(w http.ResponseWriter, r *http.Request) error {
	token, ok := s.session(r)
	if ok {
		err := s.Service.LogOut(r.Context(), s.actor(r), token)
		if err != nil && !credential.IsKind(err, credential.Expired) {
			return err
		}
	}
	s.dropCookie(w, cookieSession)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	s.message(w, r, http.StatusOK, "logged_out")
	return nil
}

// changeView is «Cambio de clave», without a session or in one.
type changeView struct {
	base
	numberView
	Problems problems
	Inside   bool // in a session: no number is asked
	First    bool // a clave that the institution handed over
	Keep     bool
	Agreed   bool
	Min, Max int
}

func (s *Server) showChange(w http.ResponseWriter, r *http.Request) error {
	return s.changePage(w, r, http.StatusOK, nil)
}

func (s *Server) changePage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := changeView{
		base: s.base(r, s.Words.Text("change.title")), numberView: s.numberView(r), Problems: p,
		Inside: s.inside(r), First: r.URL.Query().Has("primera"), Agreed: r.PostForm.Get("acuerdo") != "", Keep: r.PostForm.Get("conservar") != "",
		Min: s.Service.Policy().PasswordMin, Max: s.Service.Policy().PasswordMax,
	}
	view.Problem = len(p) > 0
	s.render(w, r, status, "change", view)
	return nil
}

// inside reports whether a live session asks.
func (s *Server) inside(r *http.Request) bool {
	token, ok := s.session(r)
	if !ok {
		return false
	}
	_, err := s.Service.Home(r.Context(), token)
	return err == nil
}

// changeClave is «Cambiar clave».
func (s *Server) changeClave(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	in := credential.ChangeForm{
		Current: r.PostForm.Get("actual"), New: r.PostForm.Get("clave"), Repeat: r.PostForm.Get("repita"),
		Agreed: r.PostForm.Get("acuerdo") != "", KeepOthers: r.PostForm.Get("conservar") != "",
	}
	var held *credential.SessionToken
	if token, ok := s.session(r); ok && !r.PostForm.Has("numero") {
		held = &token
	} else {
		in.Number, err = postedNumber(r)
	}
	if err == nil {
		var device credential.DeviceID
		device, err = s.Service.ChangeClave(r.Context(), s.actor(r), held, in)
		if err == nil {
			s.setCookie(w, cookieDevice, device.Token(), s.Service.Policy().DeviceLife)
			s.message(w, r, http.StatusOK, "changed")
			return nil
		}
	}
	if credential.IsKind(err, credential.Expired) {
		return s.toLogIn(w, r)
	}
	return s.refused(w, r, err, func(status int, p problems) error { return s.changePage(w, r, status, p) })
}
