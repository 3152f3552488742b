package web

import (
	"net/http"
)

// doorView is the way in: «Trámites virtuales» by audience.
type doorView struct{ base }

func (s *Server) door(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "door", doorView{s.base(r, s.Words.Text("door.title"))})
	return nil
}

// helpView names every way on: contact, no mail, an old mail, locked out.
type helpView struct {
	base
	Cities []cityView
}

func (s *Server) help(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "help", helpView{s.base(r, s.Words.Text("help.title")), s.cities()})
	return nil
}

// notOpenView says honestly that a part of the site is not open yet.
type notOpenView struct {
	base
	Key string // words "not_open.<key>"
}

func (s *Server) notOpen(key string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		s.render(w, r, http.StatusOK, "not_open", notOpenView{s.base(r, s.Words.Text("not_open."+key+".title")), key})
		return nil
	}
}

// Staff is the staff listener's site. Its pages are not open yet, and say so, in
// a frame without the citizens' links: their pages are not on this listener.
func (s *Server) Staff() http.Handler {
	staff := *s
	staff.staff = true
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", staff.page("GET /{$}", staff.notOpen("counter")))
	mux.Handle("GET /static/{hash}/{file}", staff.page("GET /static/{hash}/{file}", staff.static))
	mux.Handle("GET /favicon.ico", staff.page("GET /favicon.ico", staff.favicon))
	mux.Handle("/", staff.page("/", staff.noSuchPage))
	return staff.logged(staff.headers(http.MaxBytesHandler(mux, maxBody)), mux)
}
