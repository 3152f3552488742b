package main

import (
	"bytes"
	"fmt"
	"html/template"
	"os"
	"strconv"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
	"aldaba/internal/site"
	"aldaba/internal/words"
)

// view is what a page shows, for the program's own templates: its fields by
// name, and the methods that the templates call.
type view map[string]any

// T gives a sentence.
func (view) T(key string, args ...any) string { return words.Spanish().Text(key, args...) }

// Has reports whether there is a sentence.
func (view) Has(key string) bool { return words.Spanish().Has(key) }

// AtSign cuts an address after its @.
func (view) AtSign(address string) []string { return strings.SplitAfterN(address, "@", 2) }

// option is one of a list.
type option struct {
	Value, Label, Hint string
	Chosen             bool
}

// problems are none.
type problems []struct{ Anchor, Listed string }

// Of gives the sentence beside a field: none.
func (problems) Of(string) string { return "" }

// templates are the program's own, read from the tree: its code gives them to
// nobody.
func templates(name string) (*template.Template, error) {
	dict := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			m[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		return m
	}
	asset := func(file string) string { return "/static/0123456789abcdef/" + file }
	return template.New("base.html").Funcs(template.FuncMap{"asset": asset, "dict": dict}).
		ParseFS(os.DirFS("internal/web"), "base.html", "partials/*.html", "pages/"+name+".html")
}

// framed is what every page of a procedure shows.
func framed(title string, position int) view {
	l, now := words.Spanish(), time.Now()
	return view{
		"Title": l.Text(title), "Problem": false, "Institution": site.DemoInstitution(), "Staff": false, "Demo": true,
		"Mailbox": false, "Clock": "", "Position": position, "Of": 8, "Procedure": "AAAAAAAAAAAAAAAAAAAAAAAAAA",
		"Now": now.Format(time.RFC3339), "Deadline": now.Format(time.RFC3339), "DeadlineAt": l.Clock(now), "CanExtend": true,
		"Extended": false, "Problems": problems(nil),
	}
}

// provePage is the proof page of a generate.
func provePage(f registry.Fake) view {
	l, v := words.Spanish(), framed("prove.title", 2)
	audience := f.Person.Audiences[0]
	v["Kind"], v["Audience"], v["Day"], v["Month"], v["Year"] = credential.Generate, audience, "", "", ""
	v["TriesLeft"], v["Failed"] = 5, false
	var months []option
	for m := 1; m <= 12; m++ {
		months = append(months, option{Value: strconv.Itoa(m), Label: l.Month(m)})
	}
	v["Months"] = months
	type question struct {
		Name, ID, Text, Problem, Value string
		Options                        []option
		Select                         bool
	}
	var questions []question
	for _, q := range credential.RecordQuestions(audience) {
		one := question{Name: "record." + string(q.ID), ID: "record-" + string(q.ID), Text: l.RecordQuestion(q.ID), Select: len(q.Options) > 8}
		for _, code := range q.Options {
			one.Options = append(one.Options, option{Value: code, Label: l.RecordOption(q.ID, code)})
		}
		questions = append(questions, one)
	}
	v["Questions"] = questions
	return v
}

// reviewPage is the review of what was typed on it.
func reviewPage(f registry.Fake) view {
	l, v := words.Spanish(), framed("prove_review.title", 3)
	v["Kind"], v["Way"] = credential.Generate, credential.Generate
	v["Day"], v["Month"], v["Year"] = f.Person.Birth.Day, l.Month(int(f.Person.Birth.Month)), 0
	type answer struct{ Question, Answer string }
	var answers []answer
	for _, q := range credential.RecordQuestions(f.Person.Audiences[0]) {
		answers = append(answers, answer{l.RecordQuestion(q.ID), l.RecordOption(q.ID, f.Person.Facts.Answer(q.ID))})
	}
	v["Answers"] = answers
	return v
}

// rendered renders a page; its size must be about that of the page that the
// program served, or the view here is not the program's any more.
func rendered(t *template.Template, v view, served int) error {
	var body bytes.Buffer
	err := t.Execute(&body, v)
	if err != nil {
		return err
	}
	if body.Len() < served*9/10 || body.Len() > served*11/10 {
		return fmt.Errorf("bench/render.go renders %d bytes where the program served %d", body.Len(), served)
	}
	return nil
}
