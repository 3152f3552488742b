package web

import "net/http"

// Staff is the staff listener's site. Its pages are not open yet, and say so, in
// a frame without the citizens' links: their pages are not on this listener.
func (s *Server) Staff() http.Handler { return s.spoken.handler((*Server).staffSite) }

func (s *Server) staffSite() http.Handler {
	staff := *s
	staff.staff = true
	mux := http.NewServeMux()
	staff.routes = mux
	mux.Handle("GET /{$}", staff.page("GET /{$}", staff.notOpen("counter")))
	mux.Handle("GET /static/{hash}/{file}", staff.page("GET /static/{hash}/{file}", staff.static))
	mux.Handle("GET /favicon.ico", staff.page("GET /favicon.ico", staff.favicon))
	mux.Handle("/", staff.page("/", staff.noSuchPage))
	return staff.logged(staff.headers(http.MaxBytesHandler(mux, maxBody)), mux)
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
