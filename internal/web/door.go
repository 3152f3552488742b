package web

import (
	"net/http"
	"slices"
)

// doorView is the way in: «Trámites virtuales» by audience.
type doorView struct {
	base
	Stuck  []choice // what to do if
	Sheets []choice
}

func (s *Server) door(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "door", s.doorView(r))
	return nil
}

// stuckTopics are what the door names for whoever cannot go on as they are.
var stuckTopics = []string{"locked", "no_mail", "abroad", "no_cedula", "helper"}

func (s *Server) doorView(r *http.Request) doorView {
	v := doorView{base: s.public(r, s.Words.Text("door.title"), s.Words.Text("door.lead"))}
	for _, key := range stuckTopics {
		at := slices.IndexFunc(helpTopics, func(t topic) bool { return t.key == key })
		v.Stuck = append(v.Stuck, choice{Value: pathHelp + "#" + helpTopics[at].id, Label: s.Words.Text("door.stuck." + key)})
	}
	for _, one := range s.Institution.Sheets {
		v.Sheets = append(v.Sheets, choice{Value: pathSheets + "/" + one.ID, Label: one.Name})
	}
	return v
}
