package web

import (
	"errors"
	"net/http"

	"aldaba/internal/credential"
)

// logInView is the page of the log-in. The clave is never filled in again.
type logInView struct {
	base
	numberView
	Image *imageView // of the one person that this browser is known by; nil for none
	Again bool       // a session ended, or there was none for the page asked for
}

func (s *Server) showLogIn(w http.ResponseWriter, r *http.Request) error {
	if s.inside(r) {
		redirect(w, pathAccount)
		return nil
	}
	return s.logInPage(w, r, http.StatusOK, nil)
}

func (s *Server) logInPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := logInView{
		base: s.base(r, s.Words.Text("log_in.title")).with(p), numberView: s.numberView(r),
		Again: r.URL.Query().Has("otra-vez"),
	}
	if r.Method == http.MethodGet {
		s.carriedNumber(w, r, &view.numberView)
	}
	known, err := s.Service.KnownImage(r.Context(), s.actor(r))
	if err != nil {
		return err
	}
	if known != "" {
		view.Image = new(s.image(known))
	}
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
	if r.PostForm.Get("clave") == "" {
		err = both(err, &credential.Error{Kind: credential.Invalid, Field: "password", Rule: "empty"})
	}
	if err == nil {
		var token credential.SessionToken
		token, err = s.Service.LogIn(r.Context(), s.actor(r), credential.LogInForm{Number: number, Clave: r.PostForm.Get("clave")})
		if err == nil {
			err = s.endEarlier(r)
			if err != nil {
				return err
			}
			s.setCookie(w, cookieSession, token.Token(), 0)
			redirect(w, pathAccount)
			return nil
		}
	}
	if refusal, ok := errors.AsType[*credential.Error](err); ok && refusal.Rule == "must_change" {
		s.setCookie(w, cookieNumber, s.Service.SealNumber(number), credential.SealedNumberLife)
		redirect(w, pathChange+"?primera")
		return nil
	}
	return s.refused(w, r, err, s.logInPage)
}

// endEarlier ends the session that the browser had before a log-in, whoever's: its
// token is about to be forgotten here, and must not live on.
func (s *Server) endEarlier(r *http.Request) error {
	earlier, ok := s.session(r)
	if !ok {
		return nil
	}
	err := s.Service.EndSession(r.Context(), s.actor(r), earlier)
	if credential.IsKind(err, credential.Expired) {
		return nil
	}
	return err
}

// session reads the browser's session token. Nobody is logged in where there is none.
func (s *Server) session(r *http.Request) (credential.SessionToken, bool) {
	return credential.ParseSessionToken(s.cookie(r, cookieSession))
}

// errNoSession is the domain's answer to who is not logged in, for a browser that
// brings nothing which could be. It leads to the log-in (fail).
var errNoSession = &credential.Error{Kind: credential.Expired, Rule: "session"}

// isNoSession reports whether an error says that nobody is logged in.
func isNoSession(err error) bool {
	refusal, ok := errors.AsType[*credential.Error](err)
	return ok && refusal.Kind == errNoSession.Kind && refusal.Rule == errNoSession.Rule
}

// loggedIn is session for a page that is nobody else's.
func (s *Server) loggedIn(r *http.Request) (credential.SessionToken, error) {
	token, ok := s.session(r)
	if !ok {
		return token, errNoSession
	}
	return token, nil
}

// lookInside refuses whoever is not logged in, for a page that reads nothing else.
func (s *Server) lookInside(r *http.Request) error {
	token, err := s.loggedIn(r)
	if err != nil {
		return err
	}
	return s.Service.LookInside(r.Context(), token)
}

// insideForm reads a form of a page inside a session.
func (s *Server) insideForm(r *http.Request) (credential.SessionToken, error) {
	err := form(r)
	if err != nil {
		return credential.SessionToken{}, err
	}
	return s.loggedIn(r)
}

// toLogIn leads whoever is not logged in, for whatever reason, to the log-in.
func (s *Server) toLogIn(w http.ResponseWriter, r *http.Request) {
	if s.cookie(r, cookieSession) != "" {
		s.dropCookie(w, cookieSession)
	}
	redirect(w, pathLogIn+"?otra-vez")
}

// logOut ends the session, and with it what this browser shows of it.
func (s *Server) logOut(w http.ResponseWriter, r *http.Request) error {
	token, ok := s.session(r)
	if ok {
		err := s.Service.EndSession(r.Context(), s.actor(r), token)
		if err != nil && !credential.IsKind(err, credential.Expired) {
			return err
		}
	}
	s.dropCookie(w, cookieSession)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	redirect(w, pathLogOut)
	return nil
}
