package web

import (
	"encoding/csv"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/spreadsheet"
	"aldaba/internal/words"
)

// How much of a history one page shows, and how many pages' worth one file takes:
// dates get whatever is older than that.
const (
	actsPerPage   = 50
	maxPagesOfCSV = 20
)

// historyView is «Mi historia».
type historyView struct {
	base
	Kinds        []choice
	From, Until  day
	Filtered     bool
	Acts         []historyAct
	Page         int    // from 1
	Newer, Older string // of the pages beside this one; empty for none
	CSV          string
	MadeAt       string // when the page was made, for paper
}

// day is one day of the filter: as its input takes it, or as typed where it is
// none, and in words.
type day struct{ Value, Words string }

func (s *Server) day(typed string) day {
	at, ok := words.ParseDay(typed)
	if !ok {
		return day{Value: clip(typed)}
	}
	return day{words.InputDay(at), s.Words.Date(at)}
}

// historyAct is one act in words. What is not known of it is empty.
type historyAct struct{ When, What, Who, Office, Reason, To, Reference string }

// historyQuery reads which acts a page or a file is asked for. A day counts to its
// end.
func historyQuery(r *http.Request) (credential.HistoryQuery, error) {
	asked := r.URL.Query()
	q := credential.HistoryQuery{Kind: credential.HistoryKind(asked.Get("que"))}
	var faults credential.Errors
	for _, bound := range []struct {
		name string
		to   *time.Time
	}{{"desde", &q.From}, {"hasta", &q.Until}} {
		text := asked.Get(bound.name)
		if text == "" {
			continue
		}
		day, ok := words.ParseDay(text)
		if !ok {
			faults = append(faults, &credential.Error{Kind: credential.Invalid, Field: bound.name, Rule: "no_day"})
			continue
		}
		*bound.to = day
	}
	if !q.Until.IsZero() {
		q.Until = q.Until.AddDate(0, 0, 1)
		if len(faults) == 0 && !q.From.Before(q.Until) {
			faults = append(faults, &credential.Error{Kind: credential.Invalid, Field: "hasta", Rule: "before"})
		}
	}
	if text := asked.Get("pagina"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return q, &httpError{http.StatusNotFound, "not_found"}
		}
		q.Page = n - 1
	}
	if len(faults) > 0 {
		return q, faults
	}
	return q, nil
}

// historyAddress is the address of a page or file of the history with what was
// asked of it.
func historyAddress(r *http.Request, path string, page int) string {
	asked := url.Values{}
	for _, name := range []string{"que", "desde", "hasta"} {
		if text := r.URL.Query().Get(name); text != "" {
			asked.Set(name, text)
		}
	}
	if page > 1 {
		asked.Set("pagina", strconv.Itoa(page))
	}
	if len(asked) == 0 {
		return path
	}
	return path + "?" + asked.Encode()
}

// historyOf reads acts of who is logged in.
func (s *Server) historyOf(r *http.Request, q credential.HistoryQuery) (list []historyAct, more bool, err error) {
	token, err := s.loggedIn(r)
	if err != nil {
		return nil, false, err
	}
	page, err := s.Service.History(r.Context(), token, q)
	if err != nil {
		return nil, false, err
	}
	for _, a := range page.Acts {
		list = append(list, historyAct{
			When: s.Words.DateTime(a.At), What: s.Words.Text("act." + string(a.Act)), Who: s.Words.Text("actor." + string(a.Actor)),
			Office: a.Office, Reason: a.Reason, To: a.To, Reference: a.Reference,
		})
	}
	return list, page.More, nil
}

func (s *Server) showHistory(w http.ResponseWriter, r *http.Request) error {
	q, err := historyQuery(r)
	q.PerPage = actsPerPage
	var acts []historyAct
	more := false
	if err == nil {
		acts, more, err = s.historyOf(r, q)
	} else if noSession := s.lookInside(r); noSession != nil { // whoever is not logged in learns that first
		return noSession
	}
	if isNoSession(err) {
		return err
	}
	if refusal, ok := errors.AsType[*credential.Error](err); ok && refusal.Field == "page" {
		return &httpError{http.StatusNotFound, "not_found"}
	}
	show := func(w http.ResponseWriter, r *http.Request, status int, p problems) error {
		asked := r.URL.Query()
		view := historyView{
			base: s.base(r, s.Words.Text("history.title")).with(p), From: s.day(asked.Get("desde")), Until: s.day(asked.Get("hasta")),
			Acts: acts, Page: q.Page + 1, CSV: historyAddress(r, pathHistory+".csv", 0), MadeAt: s.Words.DateTime(s.Now()),
		}
		view.Filtered = view.CSV != pathHistory+".csv"
		for _, kind := range credential.HistoryKinds()[1:] {
			view.Kinds = append(view.Kinds, s.choice("history.kind.", string(kind), asked.Get("que")))
		}
		if q.Page > 0 {
			view.Newer = historyAddress(r, pathHistory, q.Page)
		}
		if more {
			view.Older = historyAddress(r, pathHistory, q.Page+2)
		}
		s.render(w, r, status, "history", view)
		return nil
	}
	if err != nil {
		return s.refused(w, r, err, show)
	}
	return show(w, r, http.StatusOK, nil)
}

// historyCSV is the same as a table for a spreadsheet, all pages of it.
func (s *Server) historyCSV(w http.ResponseWriter, r *http.Request) error {
	q, err := historyQuery(r)
	var acts []historyAct
	more := true
	for q.Page = 0; err == nil && more && q.Page < maxPagesOfCSV; q.Page++ {
		var page []historyAct
		page, more, err = s.historyOf(r, q)
		acts = append(acts, page...)
	}
	if _, _, refused := s.explained(err); refused {
		redirect(w, historyAddress(r, pathHistory, 0)) // which says what is wrong
		return nil
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
			row[i] = spreadsheet.Inert(row[i])
		}
		rows = append(rows, row)
	}
	if more {
		rows = append(rows, []string{s.Words.Text("history.csv_more")})
	}
	return out.WriteAll(rows)
}
