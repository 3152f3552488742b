package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
	"aldaba/internal/pdf"
	"aldaba/internal/stats"
)

// sheetView is the sheet of a procedure.
type sheetView struct {
	base
	Sheet   institution.Sheet // what the policy decides is in its texts
	Cases   []institution.Case
	Begin   string         // where the procedure begins
	PDF     string         // address of the file
	Figures *figuresView   // nil where there are none of it, or they cannot be read now
	Data    map[string]any // the same for programs (schema.org)
	Others  []choice
	Note    string // in the reader's language: that the sheet is in another one; empty where it is not
	NoteTag string // the reader's language
	LawTag  string // language of what is never translated: the legal basis, the official name

	// Elsewhere says that the figures of this procedure stand among those of all, on
	// their own page alone.
	Elsewhere bool
	// What paper says besides: where all figures are, and on what day the sheet was read,
	// as a sentence.
	AllFigures, Seen string
}

// figuresView is the last months of the public figures.
type figuresView struct {
	Rows  []rowView
	Total figureView
	// All complaints, over the same months as Total.
	Complaints string
	Gaps       []string // months without figures, in words
}

// pathSheets lists the sheets; behind it stands the name of one, with .pdf for the
// file.
const (
	pathSheets = "/tramites"
	sheetFile  = ".pdf"
	// sheetMonths is how many months of figures a sheet shows.
	sheetMonths = 12
)

func (s *Server) showSheet(w http.ResponseWriter, r *http.Request) error {
	id, file := strings.CutSuffix(r.PathValue("name"), sheetFile)
	at := slices.IndexFunc(s.Institution.Sheets, func(one institution.Sheet) bool { return one.ID == id })
	if at < 0 {
		return s.noSuchPage(w, r)
	}
	sheet := s.Institution.Sheets[at]
	in := s.spoken.in(credential.Language(sheet.Language), s)
	v := in.sheet(r, sheet, s.Service.Policy())
	if in != s {
		v.Note, v.NoteTag = s.Words.Text("sheet.only", "language", in.Words.Name()), s.Words.Tag()
	}
	if file {
		return in.sheetPDF(w, r, v)
	}
	in.render(w, r, http.StatusOK, "sheet", v)
	return nil
}

func (s *Server) sheet(r *http.Request, sheet institution.Sheet, p credential.Policy) sheetView {
	sheet, cases := s.filled(sheet, p)
	v := sheetView{
		LawTag: s.spoken.sites[0].Words.Tag(),
		base:   s.public(r, sheet.Name, sheet.Text), Sheet: sheet, Cases: cases,
		Begin: beginOf(sheet), PDF: pathSheets + "/" + sheet.ID + sheetFile,
		AllFigures: s.address(pathTransparency), Seen: s.Words.Text("sheet.seen", "day", s.Words.Date(s.Now())),
	}
	switch sheet.Procedure {
	case institution.Generate: // the months before this program are those of its official sheet
		v.Figures = s.lastMonths(r)
	case institution.Change, institution.Unlock:
		v.Elsewhere = true
	}
	v.Data = s.structured(v)
	for _, other := range s.Institution.Sheets {
		if other.ID != sheet.ID {
			v.Others = append(v.Others, choice{Value: pathSheets + "/" + other.ID, Label: other.Name})
		}
	}
	return v
}

// beginOf is where the procedure of a sheet begins.
func beginOf(sheet institution.Sheet) string {
	switch sheet.Procedure {
	case institution.Generate:
		return PathStart
	case institution.Change:
		return pathChange
	case institution.Unlock:
		return pathUnlock
	}
	return sheet.URL
}

// filled is a sheet as a policy makes it, with the cases that hold under it.
func (s *Server) filled(sheet institution.Sheet, policy credential.Policy) (institution.Sheet, []institution.Case) {
	var pairs []string
	for _, mark := range institution.Marks() {
		pairs = append(pairs, "{"+mark+"}", s.decided(policy, mark))
	}
	fill := strings.NewReplacer(pairs...)
	all := func(texts []string) []string {
		filled := make([]string, len(texts))
		for n, text := range texts {
			filled[n] = fill.Replace(text)
		}
		return filled
	}
	for _, text := range []*string{
		&sheet.Name, &sheet.Official, &sheet.Text, &sheet.Whom, &sheet.Kind, &sheet.Channel, &sheet.Cost, &sheet.Hours, &sheet.Unit,
	} {
		*text = fill.Replace(*text)
	}
	sheet.People, sheet.Gets, sheet.Needs, sheet.Instead = all(sheet.People), all(sheet.Gets), all(sheet.Needs), all(sheet.Instead)
	cases := sheet.CasesUnder(policy.Name)
	for n, c := range cases {
		cases[n] = institution.Case{Title: fill.Replace(c.Title), Needs: all(c.Needs), Steps: all(c.Steps)}
	}
	return sheet, cases
}

// decided writes what the policy decides of a mark.
func (s *Server) decided(p credential.Policy, mark string) string {
	switch mark {
	case "link_life":
		return s.lasting(p.LinkLife)
	case "link_cap":
		return s.lasting(p.LinkCap)
	case "attempt_window":
		return s.lasting(p.AttemptWindow)
	case "lock_life":
		return s.lasting(p.LockLife)
	case "address_hold":
		return s.lasting(p.AddressHold)
	case "attempts":
		return numberText(p.Attempts)
	case "code_tries":
		return numberText(p.CodeTries)
	case "bank_answers":
		return numberText(p.BankAnswers)
	case "password_min":
		return numberText(p.PasswordMin)
	case "lock_after":
		return numberText(p.LockAfter)
	case "resends":
		return numberText(p.Resends)
	}
	return ""
}

// lastMonths is the figures that stand on the sheet of «Generar / Recuperar». A sheet is
// there without them too: whoever cannot be served still reads where else to go.
func (s *Server) lastMonths(r *http.Request) *figuresView {
	p, err := s.Figures(context.WithoutCancel(r.Context()))
	if err != nil {
		noteError(r, err)
		return nil
	}
	if len(p.Rows) == 0 {
		return nil
	}
	v := &figuresView{Total: s.figure(p.All, p.Rows), Complaints: s.Words.Number(p.All.Complaints), Gaps: s.gaps(p)}
	for _, row := range slices.Backward(p.Rows) {
		if row.State == stats.Correction {
			continue // they stand, with their reasons, in the whole table
		}
		if len(v.Rows) == sheetMonths {
			break
		}
		v.Rows = append(v.Rows, rowView{
			Month: s.month(row.Month), State: string(row.State),
			Complaints: s.Words.Number(row.Complaints), Attentions: s.Words.Number(row.Attentions),
		})
	}
	return v
}

// structured describes the procedure to programs, in the terms of schema.org.
func (s *Server) structured(v sheetView) map[string]any {
	root := rootOf(s.PublicURL)
	begin := v.Begin
	if strings.HasPrefix(begin, "/") {
		begin = root + begin
	}
	provider := map[string]any{"@type": "GovernmentOrganization", "name": s.Institution.Name, "url": root + "/"}
	channel := map[string]any{"@type": "ServiceChannel", "name": v.Sheet.Channel, "serviceUrl": begin, "availableLanguage": s.spoken.tags()}
	if s.Institution.Phone != "" {
		provider["telephone"] = s.Institution.Phone
		channel["servicePhone"] = map[string]any{"@type": "ContactPoint", "telephone": s.Institution.Phone, "contactType": v.Sheet.Unit}
	}
	if s.Institution.Email != "" {
		provider["email"] = s.Institution.Email
	}
	return map[string]any{
		"@context": "https://schema.org", "@type": "GovernmentService",
		"name": v.Sheet.Name, "description": v.Sheet.Text, "url": v.Public.Address, "inLanguage": s.Words.Tag(), "areaServed": "EC",
		"serviceType": v.Sheet.Kind, "serviceOutput": strings.Join(v.Sheet.Gets, "; "), "serviceOperator": provider, "provider": provider,
		"audience":         map[string]any{"@type": "Audience", "audienceType": v.Sheet.Whom},
		"availableChannel": channel,
	}
}

// sheetsView lists the sheets.
type sheetsView struct {
	base
	Sheets []institution.Sheet
}

func (s *Server) showSheets(w http.ResponseWriter, r *http.Request) error {
	v := sheetsView{base: s.public(r, s.Words.Text("sheets.title"), s.Words.Text("sheets.lead"))}
	for _, one := range s.Institution.Sheets {
		one, _ = s.filled(one, s.Service.Policy())
		v.Sheets = append(v.Sheets, one)
	}
	s.render(w, r, http.StatusOK, "sheets", v)
	return nil
}

// sheetPDF is the same sheet as a file for paper: on one page, or on more where the
// institution's texts are long.
func (s *Server) sheetPDF(w http.ResponseWriter, r *http.Request, v sheetView) error {
	w.Header().Set("Content-Disposition", `inline; filename="`+v.Sheet.ID+sheetFile+`"`)
	s.varies(w)
	return servePublic(w, r, "application/pdf", s.paper(v).Write())
}

// paper is a sheet as a document of text.
func (s *Server) paper(v sheetView) pdf.Document {
	t := s.Words.Text
	d := pdf.Document{Title: v.Sheet.Name, Author: s.Institution.Name, Language: s.Words.Tag()}
	put := func(blocks ...pdf.Block) { d.Blocks = append(d.Blocks, blocks...) }
	fact := func(key, text string) {
		put(pdf.Block{Kind: pdf.Fact, Label: t("sheet." + key), Spans: []pdf.Span{{Text: text}}})
	}
	switch {
	case v.Demo:
		put(pdf.Plain(pdf.Text, t("page.demo.title")))
	case !s.Institution.Official:
		put(pdf.Plain(pdf.Text, t("page.unofficial")))
	}
	put(pdf.Plain(pdf.Head, s.Institution.Name), pdf.Plain(pdf.Title, v.Sheet.Name), pdf.Plain(pdf.Text, v.Sheet.Text))
	fact("name", cmp.Or(v.Sheet.Official, v.Sheet.Name))
	fact("institution", s.Institution.Name)
	whom := v.Sheet.Whom
	if len(v.Sheet.People) > 0 {
		whom += " " + strings.Join(v.Sheet.People, ", ") + "."
	}
	fact("whom", whom)
	fact("gets", strings.Join(v.Sheet.Gets, "; ")+". "+t("sheet.kind", "kind", v.Sheet.Kind))
	fact("needs", strings.Join(v.Sheet.Needs, " "))
	if len(v.Sheet.Instead) > 0 {
		fact("instead", strings.Join(v.Sheet.Instead, " "))
	}
	fact("channel", v.Sheet.Channel)
	fact("cost", v.Sheet.Cost)
	fact("hours", v.Sheet.Hours)
	put(pdf.Plain(pdf.Heading, t("sheet.steps")))
	cases := pdf.Block{Columns: [][]pdf.Block{}}
	for _, c := range v.Cases {
		column := []pdf.Block{pdf.Plain(pdf.Heading2, c.Title)}
		if len(c.Needs) > 0 {
			column = append(column, pdf.Plain(pdf.Text, t("sheet.besides")+" "+strings.Join(c.Needs, " ")))
		}
		for n, step := range c.Steps {
			column = append(column, pdf.Block{Kind: pdf.Item, Label: numberText(n+1) + ".", Spans: []pdf.Span{{Text: step}}})
		}
		cases.Columns = append(cases.Columns, column)
	}
	put(cases, pdf.Plain(pdf.Heading, t("sheet.laws")))
	for _, law := range v.Sheet.Laws {
		put(pdf.Block{Kind: pdf.Item, Spans: []pdf.Span{{Text: law.Name, URL: law.URL}, {Text: ". " + law.Articles}}})
	}
	contact := []pdf.Span{{Text: v.Sheet.Unit}}
	if i := s.Institution; i.Email != "" {
		contact = append(contact, pdf.Span{Text: " · "}, pdf.Span{Text: i.Email, URL: "mailto:" + i.Email})
	}
	if i := s.Institution; i.Phone != "" {
		contact = append(contact, pdf.Span{Text: " · "}, pdf.Span{Text: i.PhoneText, URL: "tel:" + i.Phone}, pdf.Span{Text: " · " + i.Hours})
	}
	put(pdf.Plain(pdf.Heading, t("sheet.contact")), pdf.Block{Kind: pdf.Text, Spans: contact})
	put(pdf.Plain(pdf.Heading, t("sheet.figures.title")))
	if f := v.Figures; f != nil {
		sum := t("sheet.figures.sum", "since", f.Total.Since, "last", f.Total.Last, "attentions", f.Total.N, "complaints", f.Complaints)
		put(pdf.Plain(pdf.Text, strings.Join(append([]string{sum, t("sheet.figures.scope")}, f.Gaps...), " ")))
	}
	if v.Elsewhere {
		put(pdf.Plain(pdf.Text, t("sheet.figures.elsewhere")))
	}
	put(pdf.Block{Kind: pdf.Text, Spans: []pdf.Span{{Text: t("sheet.figures.all") + ": "}, {Text: v.AllFigures, URL: v.AllFigures}}})
	here := s.address(pathSheets + "/" + v.Sheet.ID)
	put(pdf.Block{Kind: pdf.Text, Spans: []pdf.Span{{Text: t("sheet.paper", "address", "")}, {Text: here, URL: here}}}, pdf.Plain(pdf.Text, v.Seen))
	return d
}
