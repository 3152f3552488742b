package web

import (
	"net/http"
	"unicode"
	"unicode/utf8"

	"aldaba/internal/credential"
)

// homeView is «Mi cuenta».
type homeView struct {
	base
	Name      string
	Level     string // words "account.level.<key>"
	Addresses []homeAddress
	Phone     string
	Sessions  []homeSession
	EndsAt    string
	Inside    insideView
	Services  servicesView
}

type homeAddress struct{ Mask, From, At string }

type homeSession struct {
	ID, Device, Since, Seen string
	This                    bool
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) error {
	token, err := s.loggedIn(r)
	if err != nil {
		return err
	}
	home, err := s.Service.Home(r.Context(), token)
	if err != nil {
		return err
	}
	view := homeView{
		base: s.base(r, s.Words.Text("account.title")), Name: home.GivenName, Level: "none", Phone: home.Phone, EndsAt: s.Words.Clock(home.EndsAt),
		Services: s.services(home),
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
			ID: x.ID.String(), Device: capital(s.Words.Text("browser." + x.Browser)), Since: s.Words.DateTime(x.CreatedAt), Seen: s.Words.DateTime(x.SeenAt),
			This: x.ID == home.Session,
		})
	}
	high := home.Level >= credential.InPerson
	view.Inside = insideView{
		High: high, Questions: high && s.Service.Policy().OwnQuestions > 0, Change: s.pendingOf(home.Change),
	}
	for _, q := range home.Open {
		view.Inside.Open = append(view.Inside.Open, s.requestOf(q))
	}
	s.render(w, r, http.StatusOK, "account", view)
	return nil
}

// capital writes a text as what begins a line.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// closeView is the page that asks the clave before another session is closed.
type closeView struct {
	base
	ID, Device, Since string
}

// closeSession is «Cerrar» beside another session, and the button of the page
// that asks the clave.
func (s *Server) closeSession(w http.ResponseWriter, r *http.Request) error {
	token, err := s.insideForm(r)
	if err != nil {
		return err
	}
	which, _ := credential.ParseID(r.PostForm.Get("sesion"))
	next, err := s.Service.CloseSession(r.Context(), s.actor(r), token, which, r.PostForm.Get("actual"))
	switch {
	case err == nil:
		if next != token {
			s.setCookie(w, cookieSession, next.Token(), 0)
		}
		redirect(w, pathAccount)
		return nil
	case !r.PostForm.Has("actual") && credential.IsKind(err, credential.Invalid):
		redirect(w, pathSessions+"?sesion="+which.String())
		return nil
	}
	return s.refused(w, r, err, func(w http.ResponseWriter, r *http.Request, status int, p problems) error {
		return s.closePage(w, r, status, token, which, p)
	})
}

func (s *Server) showClose(w http.ResponseWriter, r *http.Request) error {
	token, err := s.loggedIn(r)
	if err != nil {
		return err
	}
	which, _ := credential.ParseID(r.URL.Query().Get("sesion"))
	return s.closePage(w, r, http.StatusOK, token, which, nil)
}

func (s *Server) closePage(w http.ResponseWriter, r *http.Request, status int, token credential.SessionToken, which credential.ID, p problems) error {
	home, err := s.Service.Home(r.Context(), token)
	if err != nil {
		return err
	}
	for _, x := range home.Sessions {
		if x.ID != which || x.ID == home.Session {
			continue
		}
		view := closeView{
			base: s.base(r, s.Words.Text("session_close.title")).with(p),
			ID:   which.String(), Device: s.Words.Text("browser." + x.Browser), Since: s.Words.DateTime(x.CreatedAt),
		}
		s.render(w, r, status, "session_close", view)
		return nil
	}
	redirect(w, pathAccount) // it is closed, or was never theirs
	return nil
}
