package web

import (
	"net/http"

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
			ID: x.ID.String(), Device: s.Words.Text("browser." + x.Browser), Since: s.Words.DateTime(x.CreatedAt), Seen: s.Words.DateTime(x.SeenAt),
			This: x.ID == home.Session,
		})
	}
	view.Inside = insideView{base: view.base, High: home.Level >= credential.InPerson, Change: s.pendingOf(home.Change)}
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
