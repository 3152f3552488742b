package web

import (
	"encoding/csv"
	"net/http"

	"aldaba/internal/credential"
)

// historyView is «Mi historia».
type historyView struct {
	base
	Acts []historyAct
	CSV  string
}

// historyAct is one act in words. What is not known of it is empty.
type historyAct struct{ When, What, Who, Office, Reason, To, Reference string }

// historyOf reads the history of who is logged in.
func (s *Server) historyOf(r *http.Request) ([]historyAct, error) {
	token, ok := s.session(r)
	if !ok {
		return nil, &credential.Error{Kind: credential.Expired, Rule: "session"}
	}
	acts, err := s.Service.History(r.Context(), token)
	if err != nil {
		return nil, err
	}
	list := make([]historyAct, 0, len(acts))
	for _, a := range acts {
		list = append(list, historyAct{
			When: s.Words.DateTime(a.At), What: s.Words.Text("act." + string(a.Act)), Who: s.Words.Text("actor." + string(a.Actor)),
			Office: a.Office, Reason: a.Reason, To: a.To, Reference: a.Reference,
		})
	}
	return list, nil
}

func (s *Server) showHistory(w http.ResponseWriter, r *http.Request) error {
	acts, err := s.historyOf(r)
	if credential.IsKind(err, credential.Expired) {
		return s.toLogIn(w, r)
	}
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "history", historyView{s.base(r, s.Words.Text("history.title")), acts, pathAccount + "/historia.csv"})
	return nil
}

// historyCSV is the same as a table for a spreadsheet.
func (s *Server) historyCSV(w http.ResponseWriter, r *http.Request) error {
	acts, err := s.historyOf(r)
	if credential.IsKind(err, credential.Expired) {
		return s.toLogIn(w, r)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="mi-historia.csv"`)
	out := csv.NewWriter(w)
	var head []string
	for _, key := range []string{"when", "what", "who", "office", "reason", "to", "reference"} {
		head = append(head, s.Words.Text("history."+key))
	}
	rows := [][]string{head}
	for _, a := range acts {
		row := []string{a.When, a.What, a.Who, a.Office, a.Reason, a.To, a.Reference}
		for i := range row {
			row[i] = harmless(row[i])
		}
		rows = append(rows, row)
	}
	return out.WriteAll(rows)
}

// harmless keeps a spreadsheet from taking a text for a formula: what staff wrote
// as a reason is opened on the person's own machine.
func harmless(text string) string {
	if text != "" && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@' || text[0] == '\t') {
		return "'" + text
	}
	return text
}
