package web

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/stats"
	"aldaba/internal/words"
)

// transparencyView is the public figures. Every number in it is written as people
// read it.
type transparencyView struct {
	base
	Until      string // the last day that is counted
	Total      figureView
	Earlier    figureView // zero where the institution gave none
	Complaints string
	Months     *chartView // nil where nothing is counted yet
	Rows       []rowView
	Gaps       []string // months without a row, in words
	States     []string // that rows have, in order of their explanation
	Days       *daysView
	Breakdown  *breakdownView // nil before a month is closed
	Others     []choice       // the other months with one, latest first
	Key        string         // of the ring, for whoever checks a seal
	Seal       string         // hash of the latest record; empty without one
	CSV        string
	CSVDays    string
	JSON       string
}

// figureView is a sum over months.
type figureView struct {
	N, Raw      string // as people and as programs read it
	Since, Last string // the first and the last month
	Months      int
}

// rowView is a month, or a correction of one.
type rowView struct {
	Month, State, Reason   string
	Complaints, Attentions string
}

// daysView is the days of the latest month that has any.
type daysView struct {
	Month string
	Chart chartView
	Rows  []rowView // Month is the day
}

// breakdownView is how a closed month was made up.
type breakdownView struct {
	Month      string
	Finished   []partView
	Unfinished []partView
	Times      []timeView
	Expired    string // per cent; empty where too few
	Open       string // how many complaints nobody confirmed, a sentence
}

type partView struct{ What, How, N string }

type timeView struct{ What, P50, P95, P99 string }

func (s *Server) showTransparency(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Figures(r.Context())
	if err != nil {
		return err
	}
	v, err := s.transparency(r, p)
	if err != nil {
		return err
	}
	// Its frame is of whoever looks at it.
	w.Header().Set("Cache-Control", "private, no-cache")
	s.render(w, r, http.StatusOK, "transparency", v)
	return nil
}

// The paths of the figures.
const (
	pathTransparency = "/transparencia"
	pathFiguresCSV   = pathTransparency + ".csv"
	pathFiguresJSON  = pathTransparency + ".json"
)

// The parameters of the figures: which closed month is broken down, and whether
// the CSV has a line for each day.
const (
	paramMonth = "mes"
	paramPer   = "por"
	perDay     = "dia"
)

func (s *Server) transparency(r *http.Request, p *stats.Published) (transparencyView, error) {
	v := transparencyView{
		base: s.public(r, s.Words.Text("transparency.title"), s.Words.Text("transparency.lead")), Until: s.day(p.Until).Words,
		CSV: pathFiguresCSV, CSVDays: pathFiguresCSV + "?" + paramPer + "=" + perDay, JSON: pathFiguresJSON,
		Complaints: s.Words.Number(p.All.Complaints), Key: base64.StdEncoding.EncodeToString(p.PublicKey),
	}
	if n := len(p.Records); n > 0 {
		v.Seal = hex.EncodeToString(p.Records[n-1].Hash[:])
	}
	earlier := slices.DeleteFunc(slices.Clone(p.Rows), func(row stats.Row) bool { return row.State != stats.Earlier })
	v.Total, v.Earlier = s.figure(p.All, p.Rows), s.figure(p.Earlier, earlier)
	for _, row := range slices.Backward(p.Rows) { // the latest first
		v.Rows = append(v.Rows, rowView{
			Month: s.month(row.Month), State: string(row.State), Reason: row.Reason,
			Complaints: s.signed(row.Complaints, row.State), Attentions: s.signed(row.Attentions, row.State),
		})
	}
	if len(p.Rows) > 0 {
		v.Months = s.monthsChart(p.Rows)
	}
	v.Gaps = s.gaps(p)
	for _, state := range []stats.State{stats.Earlier, stats.Closed, stats.Provisional, stats.Correction} {
		if slices.ContainsFunc(p.Rows, func(row stats.Row) bool { return row.State == state }) {
			v.States = append(v.States, string(state))
		}
	}
	v.Days = s.lastDays(p.Days)
	err := s.breakDown(&v, r, p.Breakdowns)
	return v, err
}

func (s *Server) figure(t stats.Total, rows []stats.Row) (f figureView) {
	if len(rows) == 0 {
		return f
	}
	return figureView{
		N: s.Words.Number(t.Attentions), Raw: numberText(int(t.Attentions)), Months: t.Months,
		Since: s.month(rows[0].Month), Last: s.month(rows[len(rows)-1].Month),
	}
}

// signed writes a number, and of a correction which way it goes.
func (s *Server) signed(n int64, state stats.State) string {
	if state == stats.Correction && n >= 0 {
		return "+" + s.Words.Number(n)
	}
	return s.Words.Number(n)
}

func (s *Server) month(m stats.Month) string {
	return s.Words.Text("transparency.month", "month", s.Words.Month(m.Number()), "year", m.Year())
}

// gaps names the months between the rows, and from the last to that of the last day
// counted, oldest first, that have none: nothing was counted in them, which is not the
// same as a zero.
func (s *Server) gaps(p *stats.Published) (list []string) {
	count := func(m stats.Month) int { return m.Year()*12 + m.Number() - 1 }
	name := func(n int) string {
		return s.Words.Text("transparency.month", "month", s.Words.Month(n%12+1), "year", n/12)
	}
	reached := 0 // a correction may stand behind later months
	tell := func(from, last int) {
		switch {
		case reached == 0: // before the first
		case from == last:
			list = append(list, s.Words.Text("transparency.no_data", "month", name(from)))
		case from < last:
			list = append(list, s.Words.Text("transparency.no_data_between", "from", name(from), "last", name(last)))
		}
	}
	for _, row := range p.Rows {
		at := count(row.Month)
		tell(reached+1, at-1)
		reached = max(reached, at)
	}
	if day, ok := words.ParseDay(p.Until); ok {
		tell(reached+1, count(stats.MonthOf(day)))
	}
	return list
}

// breakDown adds the closed month that was asked for, or the latest.
func (s *Server) breakDown(v *transparencyView, r *http.Request, all []stats.Breakdown) error {
	asked := r.URL.Query().Get(paramMonth)
	at := 0
	if asked != "" {
		at = slices.IndexFunc(all, func(b stats.Breakdown) bool { return string(b.Month) == asked })
	}
	switch {
	case at < 0:
		return &httpError{http.StatusNotFound, "not_found"}
	case len(all) == 0:
		return nil
	}
	for i, b := range all {
		if i != at {
			v.Others = append(v.Others, choice{Value: pathTransparency + "?" + paramMonth + "=" + string(b.Month) + "#desglose", Label: s.month(b.Month)})
		}
	}
	b := all[at]
	shown := breakdownView{Month: s.month(b.Month), Open: s.Words.Text("transparency.open", "n", s.Words.Number(b.OpenComplaints))}
	if b.OpenComplaints == 0 {
		shown.Open = s.Words.Text("transparency.open_few")
	}
	for _, part := range b.Finished {
		shown.Finished = append(shown.Finished, partView{What: s.kind(part.Kind), N: s.Words.Number(part.N)})
	}
	for _, part := range b.Unfinished {
		shown.Unfinished = append(shown.Unfinished, partView{s.Words.Text("transparency.doing." + string(part.Kind)), s.Words.Text("transparency.outcome." + part.Outcome), s.Words.Number(part.N)})
	}
	for _, t := range b.Durations {
		shown.Times = append(shown.Times, s.timing(s.Words.Text("transparency.took", "what", s.kind(t.Kind)), t))
	}
	if b.Mail != nil {
		shown.Times = append(shown.Times, s.timing(s.Words.Text("transparency.mail"), *b.Mail))
	}
	if b.Answers != nil {
		shown.Times = append(shown.Times, s.timing(s.Words.Text("transparency.answers"), *b.Answers))
	}
	if b.Expired != nil {
		shown.Expired = numberText(*b.Expired)
	}
	v.Breakdown = &shown
	return nil
}

func (s *Server) kind(k credential.ProcedureKind) string {
	return s.Words.Text("transparency.kind." + string(k))
}

func (s *Server) timing(what string, t stats.Timing) timeView {
	return timeView{what, s.took(t.P50), s.took(t.P95), s.took(t.P99)}
}

// took writes how long something took, as exactly as it is known.
func (s *Server) took(d time.Duration) string {
	switch {
	case d < time.Second:
		return s.Words.Text("transparency.under_second")
	case d < time.Minute:
		return s.Words.Text("transparency.seconds", "n", int(d.Round(time.Second).Seconds()))
	case d < 10*time.Minute:
		d = d.Round(time.Second)
		return s.Words.Text("transparency.minutes", "m", int(d.Minutes()), "s", int(d.Seconds())%60)
	}
	return s.span(d.Round(time.Minute))
}

// lastDays shows the days of the latest month that this program counted.
func (s *Server) lastDays(days []stats.Day) *daysView {
	if len(days) == 0 {
		return nil
	}
	last := days[len(days)-1].Month()
	from := slices.IndexFunc(days, func(d stats.Day) bool { return d.Month() == last })
	v := &daysView{Month: s.month(last)}
	var bars []bar
	for _, d := range days[from:] {
		v.Rows = append(v.Rows, rowView{Month: s.day(d.Day).Words, Complaints: s.Words.Number(d.Complaints), Attentions: s.Words.Number(d.Attentions)})
	}
	next := from
	for day := 1; day <= 31; day++ { // the days without anything are days too
		b := bar{place: day - 1}
		if day == 1 || day%5 == 0 {
			b.label = numberText(day)
		}
		if next < len(days) && days[next].Day == fmt.Sprintf("%s-%02d", last, day) {
			b.n = days[next].Attentions
			next++
		}
		bars = append(bars, b)
	}
	v.Chart = s.chart(bars)
	v.Chart.ID, v.Chart.Title = "dias", s.Words.Text("transparency.days.chart", "month", v.Month)
	top := slices.MaxFunc(days[from:], func(a, b stats.Day) int { return cmp.Compare(a.Attentions, b.Attentions) })
	v.Chart.Text = s.Words.Text("transparency.days.chart_text", "top", s.Words.Number(top.Attentions), "day", s.day(top.Day).Words)
	return v
}

// figuresCSV and figuresJSON are the same figures for a program.
func (s *Server) figuresCSV(w http.ResponseWriter, r *http.Request) error {
	per := r.URL.Query().Get(paramPer)
	if per != "" && per != perDay {
		return &httpError{http.StatusNotFound, "not_found"}
	}
	p, err := s.Figures(r.Context())
	if err != nil {
		return err
	}
	name := "transparencia"
	if per == perDay {
		name += "-dias"
	}
	var body bytes.Buffer
	err = p.WriteCSV(&body, per == perDay)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	return servePublic(w, r, "text/csv; charset=utf-8", body.Bytes())
}

func (s *Server) figuresJSON(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Figures(r.Context())
	if err != nil {
		return err
	}
	var body bytes.Buffer
	err = p.WriteJSON(&body)
	if err != nil {
		return err
	}
	return servePublic(w, r, "application/json; charset=utf-8", body.Bytes())
}
