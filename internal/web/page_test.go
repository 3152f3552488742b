package web

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
	"aldaba/internal/stats"
	"aldaba/internal/words"
)

// newPages gives a server that can render and nothing else.
func newPages(t *testing.T) *Server {
	t.Helper()
	s := &Server{Config: newPagesConfig(), Words: words.Spanish()}
	s.spoken = &spoken{sites: []*Server{s}}
	var err error
	s.assets, err = loadAssets(s.Institution)
	if err != nil {
		t.Fatal(err)
	}
	s.pages, err = s.loadPages()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newPagesConfig is what such a server is made of.
func newPagesConfig() Config {
	return Config{
		Service: new(credential.Service), Languages: words.Languages(),
		Institution: institution.Institution{
			Name: "Instituto de Ejemplo", ShortName: "Ejemplo", Official: true, Email: "ayuda@example.com",
			Phone: "+59321234567", PhoneText: "02 123 4567", Hours: "de 08:00 a 17:00", Offices: sampleOffices,
			Logo: institution.Logo{File: "logo.svg", Content: []byte("<svg/>")}, Sheets: sampleSheets,
			Agreement: institution.Agreement{Version: "3", Since: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Title: "Acuerdo", Paragraphs: []string{"Uno.", "Dos."}, Points: []string{"Punto."}},
			Privacy: institution.Privacy{
				Controller: "Instituto Entero", Address: "Calle 1", Delegate: "datos@example.com", Basis: []string{"Ley, art. 1.", "Otra, art. 2."}, Policy: "https://politica.example/",
			},
			Accessibility: institution.Statement{Date: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC), AssessedBy: "La unidad", Contact: "todos@example.com", Texts: []string{"Rampa."}},
			Cookies:       []string{"Otras."},
		},
		PublicURL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"},
		Now:       func() time.Time { return time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC) },
	}
}

var sampleOffices = []institution.Office{
	{Name: "Centro Norte", Address: "Calle Larga 1", City: "Quito", Map: "https://mapa.example/1", Hours: "de 08:00 a 17:00"},
	{Name: "Centro de Loja", Address: "Calle Corta 2", City: "Loja", Map: "https://mapa.example/2", Hours: "de 08:00 a 13:00"},
	{Name: "Centro Sur", Address: "Calle Ancha 3", City: "Quito", Map: "https://mapa.example/3", Hours: "de 08:00 a 17:00"},
}

var sampleSheets = []institution.Sheet{
	{ID: "cambio", Name: "Cambio", Procedure: institution.Change, Text: "Para cambiarla.", Whom: "Quien la tiene.", Kind: "Servicio", Gets: []string{"Otra"}, Needs: []string{"Cédula."},
		Cases: []institution.Case{{Title: "Caso", Steps: []string{"Uno."}}}, Laws: []institution.Law{{Name: "Ley", Articles: "Art. 1."}}},
	{ID: "otro", Name: "Otro", Official: "OTRO TRÁMITE", URL: "https://otro.example/", Text: "Vale {link_life}.", People: []string{"Ecuatoriana", "Extranjera"}, Gets: []string{"Una", "Dos"},
		Needs: []string{"Cédula."}, Instead: []string{"Código.", "RUC."}, Cases: []institution.Case{{Title: "Caso", Needs: []string{"Correo.", "Tiempo."}, Steps: []string{"{attempts} veces."}}},
		Laws: []institution.Law{{Name: "Ley", Articles: "Art. 1.", URL: "https://ley.example/1"}}, Words: []string{"contraseña"}},
}

var sampleLinks = []choice{{Value: pathHelp + "#bloqueada", Label: "Mi clave está bloqueada"}, {Value: pathSheets + "/otro", Label: "Otro"}}

func aRequest(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func policyOf(preset string) credential.Policy {
	policy, err := credential.Preset(preset)
	if err != nil {
		panic(err)
	}
	return policy
}

// searchOf is the view of what was found.
func searchOf(s *Server, query string) searchView {
	return s.searchView(aRequest(pathSearch+"?"+url.Values{paramQuery: {query}}.Encode()), s.newIndex(policyOf(credential.Ficha2026)))
}

// sampleSheet is the view of a sheet as the handler makes it.
func sampleSheet(s *Server, b base, sheet institution.Sheet, figures *stats.Published) sheetView {
	with := *s
	with.Figures = func(context.Context) (*stats.Published, error) {
		if figures == nil {
			return nil, errors.New("away")
		}
		return figures, nil
	}
	v := with.sheet(httptest.NewRequest(http.MethodGet, pathSheets+"/"+sheet.ID, nil), sheet, policyOf(credential.Ficha2026))
	b.Public = v.Public
	v.base = b
	return v
}

var sampleServices = servicesView{Groups: []serviceGroup{
	{"Salud", []credential.OnlineService{{Name: "Agendamiento de citas", Text: "Pedir una cita.", URL: "https://servicios.example/citas"}}},
	{"Mis datos", []credential.OnlineService{{Name: "Actualizar datos", Text: "Su dirección.", URL: PathDemoService + "actualizar-datos"}}},
}}

// fullBase is a base with everything that a page may show around its text.
func fullBase(s *Server, title string) base {
	return base{
		Title: title, Institution: s.Institution, Path: "/x", Position: 3, Of: 7,
		Demo: true, Mailbox: true, Session: true, Clock: s.Words.Text("demo.clock.ahead", "by", "4 min"),
		Procedure: "p-1", Now: "2026-03-05T10:00:00Z", Deadline: "2026-03-05T10:30:00Z", DeadlineAt: "05:30",
		CanExtend: true, server: s,
	}
}

// shown is one view of a page.
type shown struct {
	name string // of the page
	as   string // which of its views
	view any
}

// months, kinds and the like as the handlers make them.
func sampleMonths(s *Server) []choice {
	var list []choice
	for m := 1; m <= 12; m++ {
		list = append(list, choice{Value: numberText(m), Label: s.Words.Month(m), Chosen: m == 3})
	}
	return list
}

func samplePersonal(s *Server, problem string) []questionView {
	var list []questionView
	for _, id := range credential.PersonalQuestions() {
		q := s.personalQuestion(id, nil)
		list = append(list, q)
	}
	list[0].Problem = problem
	list[0].Value = "San José"
	return list
}

func sampleRecord(s *Server, problem string) []questionView {
	var list []questionView
	for _, q := range credential.RecordQuestions(credential.Affiliate) {
		name := "record." + string(q.ID)
		one := questionView{Name: name, ID: anchor(name), Text: s.Words.RecordQuestion(q.ID), Select: len(q.Options) > radiosUpTo}
		for _, code := range q.Options {
			one.Options = append(one.Options, choice{Value: code, Label: s.Words.RecordOption(q.ID, code)})
		}
		list = append(list, one)
	}
	list[0].Problem = problem
	return list
}

func sampleChoices(s *Server, prefix, chosen string, values ...string) []choice {
	var list []choice
	for _, v := range values {
		list = append(list, s.choice(prefix, v, chosen))
	}
	return list
}

// sampleFigures holds every state and every outcome that is published.
func sampleFigures() *stats.Published {
	p := &stats.Published{Until: "2026-12-02", PublicKey: make([]byte, 32), Earlier: stats.Total{Months: 2, Attentions: 86_761}, All: stats.Total{Months: 4, Complaints: 3, Attentions: 1_478_647}}
	p.Rows = []stats.Row{
		{Month: "2024-01", State: stats.Earlier, Attentions: 43_651},
		{Month: "2024-02", State: stats.Earlier, Attentions: 43_110},
		{Month: "2024-02", State: stats.Correction, Attentions: -12, Reason: "Se contó dos veces un día"},
		{Month: "2026-11", State: stats.Closed, Complaints: 2, Attentions: 120},
		{Month: "2026-12", State: stats.Provisional, Complaints: 1, Attentions: 7},
	}
	p.Days = []stats.Day{{Day: "2026-11-30", Attentions: 120}, {Day: "2026-12-02", Complaints: 1, Attentions: 7}}
	p.Records = []stats.Seal{{Seq: 1, Month: "2024-01", State: stats.Earlier}}
	full := stats.Breakdown{
		Month: "2026-11", OpenComplaints: 10, Expired: new(4),
		Mail:    &stats.Timing{P50: 300 * time.Millisecond, P95: 12 * time.Second, P99: 3 * time.Minute},
		Answers: &stats.Timing{P50: 30 * time.Hour, P95: 100 * time.Hour, P99: 400 * time.Hour},
	}
	for _, k := range []credential.ProcedureKind{credential.Generate, credential.Recover, credential.Unlock, credential.KindChange, credential.KindFirstClave} {
		full.Finished = append(full.Finished, stats.Part{Kind: k, N: 1230})
		full.Durations = append(full.Durations, stats.Timing{Kind: k, P50: 252 * time.Second, P95: 11 * time.Minute, P99: 26 * time.Hour})
	}
	for _, how := range []string{"replaced", "objected", "expired", "no_mail"} {
		full.Unfinished = append(full.Unfinished, stats.Part{Kind: credential.Recover, Outcome: how, N: 20})
	}
	for _, step := range []credential.Step{
		credential.StepProve, credential.StepProveReview, credential.StepQuestions, credential.StepContact, credential.StepContactReview,
		credential.StepOwnQuestion, credential.StepClave,
	} {
		full.Unfinished = append(full.Unfinished, stats.Part{Kind: credential.Generate, Outcome: "gave_up_" + string(step), N: 20})
	}
	p.Breakdowns = []stats.Breakdown{full, {Month: "2026-10"}}
	return p
}

// transparencyOf is the view of figures as the handler makes it.
func transparencyOf(s *Server, b base, query string, p *stats.Published) transparencyView {
	v, err := s.transparency(httptest.NewRequest(http.MethodGet, pathTransparency+query, nil), p)
	if err != nil {
		panic(err)
	}
	v.base = b
	return v
}

// views are all pages, each with a nearly empty view and with full ones.
func views(s *Server) []shown {
	zero := base{server: s, Institution: s.Institution, Title: "Título"}
	unofficial := s.Institution
	unofficial.Official = false
	calm := func(key string) base { return fullBase(s, s.Words.Text(key)) }
	// Behind the mail there is no more time to ask for.
	mailed := func(key string) base { b := calm(key); b.CanExtend = false; return b }
	kinds := sampleChoices(s, "start.kind.", "recover", "generate", "recover")
	documents := sampleChoices(s, "start.document.", "cedula", "cedula", "extranjero", "ruc")
	audiences := sampleChoices(s, "start.audience.", "afiliado", "afiliado", "pensionista", "derechohabiente", "empleador")
	start := calm("start.title")
	start.Position, start.Of, start.Procedure, start.CanExtend = 1, 0, "", false
	rule := func(field, rule string) problem {
		return problem{Field: field, Text: s.Words.Text(rule, "min", 12, "max", 256, "least", 3, "attempt_window", "24 h")}
	}
	var filledSheets []institution.Sheet
	for _, one := range sampleSheets {
		one, _ = s.filled(one, policyOf(credential.Ficha2026))
		filledSheets = append(filledSheets, one)
	}
	complaint := complaintView{
		base: calmOutside(s, "complaint.title"), Number: "Q-AB23-CD45", Kind: "Queja", Topic: "Otro", Received: "5 de marzo de 2026",
		LastDay: "20 de marzo de 2026", Until: "12 de marzo de 2026, 10:00",
	}
	standing := func(state, code, mask, action string) complaintView {
		c := complaint
		c.State, c.Code, c.Mask, c.Action = state, code, mask, action
		return c
	}
	list := []shown{
		{"transparency", "empty", transparencyOf(s, zero, "", &stats.Published{Until: "2026-11-19"})},
		{"transparency", "full", transparencyOf(s, calmOutside(s, "transparency.title"), "", sampleFigures())},
		{"transparency", "another month", transparencyOf(s, calmOutside(s, "transparency.title"), "?mes=2026-10", sampleFigures())},
		{"sheet", "no figures", sampleSheet(s, zero, sampleSheets[0], nil)},
		{"sheet", "full", sampleSheet(s, calmOutside(s, "sheets.title"), sampleSheets[1], sampleFigures())},
		{"sheets", "zero", sheetsView{base: zero}}, {"sheets", "full", sheetsView{calmOutside(s, "sheets.title"), filledSheets}},
		{"door", "zero", doorView{base: zero}}, {"door", "full", doorView{calmOutside(s, "door.title"), sampleLinks, sampleLinks[:1]}},
		{"help", "zero", helpView{base: zero}}, {"help", "full", helpView{calmOutside(s, "help.title"), s.cities(), s.helpGroups(policyOf(credential.Ficha2026))}},
		{"help", "guia", helpView{calmOutside(s, "help.title"), nil, s.helpGroups(policyOf(credential.Guia))}},
		{"help", "reforzada", helpView{calmOutside(s, "help.title"), nil, s.helpGroups(policyOf(credential.Reforzada))}},
		{"text", "zero", textView{base: zero}}, {"text", "privacy", s.privacyView(aRequest(pathPrivacy), policyOf(credential.Ficha2026).Kept())},
		{"text", "accessibility", s.accessibilityView(aRequest(pathAccessibility))},
		{"text", "cookies", s.cookiesView(aRequest(pathCookies), policyOf(credential.Ficha2026))},
		{"search", "zero", searchView{base: zero}}, {"search", "nothing", searchOf(s, "xyzzy")}, {"search", "found", searchOf(s, "clave")},
		{"not_open", "staff", notOpenView{base{Title: "Título", Institution: s.Institution, Demo: true, Staff: true, server: s}, "counter"}},
		{"door", "unofficial", doorView{base: base{Title: "Título", Institution: unofficial, server: s}}},
		{"demo_service", "full", demoServiceView{calmOutside(s, "account.title"), "Pedir una cita."}},
		{"log_in", "zero", logInView{base: zero}},
		{"log_in", "first", logInView{base: calmOutside(s, "log_in.title"), numberView: numberView{Documents: documents}, Again: true}},
		{"log_in", "picture", logInView{
			base: calmOutside(s, "log_in.title"), numberView: numberView{Documents: documents}, Image: new(s.image("colibri")),
		}},
		{"log_in", "problems", logInView{
			base:       calmOutside(s, "log_in.title").with(problems{rule("numero", "rule.number.cedula_length"), rule("clave", "rule.password.empty")}),
			numberView: numberView{Documents: documents, Number: "171003406"},
		}},
		{"session_close", "zero", closeView{base: zero}},
		{"session_close", "problems", closeView{
			base: calmOutside(s, "session_close.title").with(problems{rule("actual", "rule.current.empty")}),
			ID:   "s-2", Device: "una computadora con Windows", Since: "4 de marzo de 2026, 10:00",
		}},
		{"history", "zero", historyView{base: zero}},
		{"history", "problems", historyView{
			base:     calmOutside(s, "history.title").with(problems{rule("que", "rule.act_kind.choose"), rule("desde", "rule.desde.no_day"), rule("hasta", "rule.hasta.before")}),
			Filtered: true, From: day{Value: "ayer"}, CSV: pathHistory + ".csv", MadeAt: "5 de marzo de 2026, 10:00",
			Kinds: []choice{{Value: "claves", Label: "Claves", Chosen: true}},
		}},
		{"history", "empty", historyView{
			base: calmOutside(s, "history.title"), Filtered: true, CSV: pathHistory + ".csv?que=claves", MadeAt: "5 de marzo de 2026, 10:00",
			From: day{"2026-03-05", "5 de marzo de 2026"}, Until: day{"2026-03-05", "5 de marzo de 2026"}, Page: 1,
		}},
		{"history", "full", historyView{base: calmOutside(s, "history.title"), Acts: []historyAct{
			{When: "5 de marzo de 2026, 10:00", What: "Se ingresó a la cuenta", Who: "En el sitio"},
			{When: "4 de marzo de 2026, 10:00", What: "Se entregó un código", Who: "Personal", Office: "Quito", Reason: "Vino con su cédula", To: "n•••@x.ec", Reference: "ABCD-2345"},
		}, CSV: pathHistory + ".csv", MadeAt: "5 de marzo de 2026, 10:00", Page: 2, Newer: pathHistory, Older: pathHistory + "?pagina=3"}},
		{"complaints", "zero", complaintsView{base: zero}},
		{"complaints", "full", complaintsView{
			base: calmOutside(s, "complaints.title").with(problems{
				rule("tipo", "rule.complaint_kind.choose"), rule("asunto", "rule.topic.choose"), rule("texto", "rule.complaint.empty"),
				rule("correo", "rule.email.shape"), rule("altcha", "rule.captcha.missing"),
			}),
			Text: "\n<b>=1+1</b>", Email: "nina@@gmail", Inside: true,
			Reference: "ABCD-2345", Named: true, Captcha: `{"parameters":{}}`,
			Kinds:  sampleChoices(s, "complaints.kind.", "praise", "complaint", "suggestion", "praise"),
			Topics: sampleChoices(s, "complaints.topic.", "unlock", "generate", "unlock"),
		}},
		{"complaint_follow", "zero", followView{base: zero}},
		{"complaint_follow", "problems", followView{
			base:   calmOutside(s, "follow.title").with(problems{rule("numero", "rule.complaint_number.empty"), rule("codigo", "rule.complaint_code.wrong")}),
			Number: "Q-2222-3333", Code: "x",
		}},
		{"complaint", "zero", complaintView{base: zero}},
		{"complaint_done", "zero", complaintView{base: zero}},
		{"unlock", "problems", unlockView{
			base:       calmOutside(s, "unlock.title").with(problems{rule("numero", "rule.number.empty"), rule("altcha", "rule.captcha.missing")}),
			numberView: numberView{Documents: documents}, Captcha: `{"parameters":{}}`,
		}},
		{"unlock_sent", "full", unlockSentView{calmOutside(s, "unlock_sent.title")}},
		{"unlock_link", "full", unlockLinkView{mailed("unlock_link.title"), "ABCD-2345", "10:35", true}},
		{"account", "zero", homeView{base: zero, Level: "none"}},
		{"account", "declared", homeView{
			base: calmOutside(s, "account.title"), Name: "Nina", Level: "declared", EndsAt: "10:35",
			Services:  servicesView{Groups: sampleServices.Groups[:1], Above: []string{"Historia laboral", "Cesantía"}},
			Addresses: []homeAddress{{"n•••••@gmail.com", "Comprobado con un enlace", "5 de marzo de 2026"}},
			Sessions: []homeSession{
				{ID: "s-1", Device: "Un iPhone", Since: "5 de marzo de 2026, 10:00", Seen: "5 de marzo de 2026, 10:20", This: true},
				{ID: "s-2", Device: "Una computadora con Windows", Since: "4 de marzo de 2026, 10:00", Seen: "5 de marzo de 2026, 10:19"},
				{ID: "s-3", Device: "Una computadora con Windows", Since: "4 de marzo de 2026, 10:01", Seen: "5 de marzo de 2026, 10:18"},
			},
		}},
		{"account", "in person", homeView{base: calmOutside(s, "account.title"), Level: "in_person", EndsAt: "10:35", Phone: "•••567", Services: sampleServices}},
		{"account", "change waits", homeView{base: calmOutside(s, "account.title"), Level: "in_person", EndsAt: "10:35", Inside: insideView{
			High: true, Change: s.pendingOf(sampleChange(credential.StepSent, credential.MailHeld)),
		}}},
		{"account", "may change", homeView{base: calmOutside(s, "account.title"), Level: "in_person", EndsAt: "10:35", Inside: insideView{
			High: true,
		}}},
		{"address", "zero", addressView{base: zero}},
		{"address", "problems", addressView{
			base: calmOutside(s, "address.title").with(problems{rule("correo", "rule.email.shape"), rule("actual", "rule.current.wrong")}),
			Old:  "m•••••@gmail.com", Hold: s.holdText(24 * time.Hour), Email: "nina@@gmail",
		}},
		{"account", "requests", homeView{base: calmOutside(s, "account.title"), Level: "in_person", EndsAt: "10:35", Inside: insideView{
			High: true, Questions: true, Open: []requestView{sampleRequest},
		}}},
		{"renew", "zero", renewView{base: zero}},
		{"renew", "one", renewView{base: calmOutside(s, "renew.title"), One: true, Choices: sampleChoices(s, "bank.", "first_pet", "first_pet")}},
		{"renew", "problems", renewView{
			base:      calmOutside(s, "renew.title").with(problems{{Field: samplePersonal(s, "")[0].Name, Text: s.Words.Text("rule.bank.too_short")}, rule("actual", "rule.current.wrong")}),
			Questions: samplePersonal(s, s.Words.Text("rule.bank.too_short")), First: 3, Least: 3,
		}},
		{"closing", "zero", closingView{base: zero}},
		{"closing", "problems", closingView{
			base:       calmOutside(s, "closing.title").with(problems{rule("entiendo", "rule.understood.needed"), rule("actual", "rule.current.empty")}),
			Understood: true,
		}},
		{"rights", "zero", rightsView{base: zero}},
		{"rights", "full", rightsView{
			base:        calmOutside(s, "rights.title").with(problems{rule("actual", "rule.current.wrong"), rule("pedido", "rule.request_kind.choose"), rule("texto", "rule.request.empty")}),
			MayDownload: true, Requests: []requestView{sampleRequest}, Received: &sampleRequest, Text: "Mi dirección <b>",
			Kinds: sampleChoices(s, "rights.kind.", "erasure", "rectification", "erasure"),
		}},
		{"address_link", "full", addressLinkView{mailed("address_link.title"), "n•••••@gmail.com", "ABCD-2345", "5 de marzo de 2026, 10:35"}},
		{"change", "zero", changeView{base: zero}},
		{"change", "first", changeView{base: calmOutside(s, "change.title"), numberView: numberView{Documents: documents}, First: true, Min: 12, Max: 256}},
		{"change", "inside", changeView{base: calmOutside(s, "change.title"), Inside: true, Keep: true, Agreed: true, Min: 12, Max: 256}},
		{"change", "problems", changeView{
			base: calmOutside(s, "change.title").with(problems{
				rule("numero", "rule.number.empty"), rule("actual", "rule.current.empty"), rule("clave", "rule.password.same"),
				rule("repita", "rule.repeat.differs"), rule("acuerdo", "rule.agreed.needed"),
			}),
			numberView: numberView{Documents: documents}, Min: 12, Max: 256,
		}},
		{"start", "zero", startView{base: zero}},
		{"start", "first", startView{base: start, Kinds: sampleChoices(s, "start.kind.", "", "generate", "recover"), Documents: documents, Audiences: audiences, Captcha: `{"parameters":{}}`}},
		{"start", "problems", startView{
			base:  start.with(problems{rule("numero", "rule.number.cedula_length"), rule("altcha", "rule.captcha.missing")}),
			Kinds: kinds, Documents: documents, Audiences: audiences, Number: "171003406", Captcha: `{"parameters":{}}`,
		}},
		{"prove", "zero", proveView{base: zero, Kind: credential.Generate, Way: wayQuestions}},
		{"prove", "generate", proveView{base: calm("prove.title"), Kind: credential.Generate, Way: wayQuestions, Months: sampleMonths(s), Questions: sampleRecord(s, "")}},
		{"prove", "failed", proveView{
			base: calm("prove.title").with(problems{rule("", "rule.proof")}),
			Kind: credential.Generate, Way: wayQuestions, Day: "7", Month: "3", Months: sampleMonths(s), Questions: sampleRecord(s, ""),
			Failed: true, TriesLeft: 4,
		}},
		{"prove", "recover", proveView{
			base: calm("prove.title").with(problems{rule("dia", "rule.day.not_in_month"), rule("mes", "rule.month.range"), {Field: samplePersonal(s, "")[0].Name, Text: s.Words.Text("rule.bank.empty")}}),
			Kind: credential.Recover, Way: wayQuestions, Day: "31", Month: "2", Months: sampleMonths(s),
			Questions: samplePersonal(s, s.Words.Text("rule.bank.empty"))[:3], Failed: true, TriesLeft: 1,
		}},
		{"prove", "spent", proveView{base: calm("prove.title").with(problems{rule("", "rule.attempts")}), Kind: credential.Recover, Way: wayQuestions, Months: sampleMonths(s), Failed: true}},
		{"prove", "whole date", proveView{
			base: calm("prove.title").with(problems{rule("anio", "rule.year.range")}),
			Kind: credential.Generate, Way: wayDate, Day: "7", Months: sampleMonths(s), AsksYear: true, Year: "68", Failed: true, TriesLeft: 4,
		}},
		{"prove", "whole date, recover", proveView{
			base: calm("prove.title"), Kind: credential.Recover, Way: wayDate, Months: sampleMonths(s), AsksYear: true, Failed: true, TriesLeft: 4,
		}},
		{"prove", "code", proveView{
			base: calm("prove.title").with(problems{rule("activacion", "rule.activation.shape")}),
			Kind: credential.Generate, Way: wayMail, Months: sampleMonths(s), AsksCode: true, Code: "ABC", Failed: true, TriesLeft: 4,
		}},
		{"prove", "held", proveView{base: calm("prove.title"), Kind: credential.Recover, Way: wayHeld, Months: sampleMonths(s), Failed: true}},
		{"prove_review", "held", proveReviewView{base: calm("prove_review.title.questions"), Kind: credential.Recover, Way: wayHeld, Day: 7, Month: "marzo"}},
		{"prove", "by code", proveView{base: calm("prove.title"), Kind: credential.Generate, Way: wayCode, Months: sampleMonths(s), AsksCode: true}},
		{"prove", "may by code", proveView{base: calm("prove.title"), Kind: credential.Recover, Way: wayQuestions, Months: sampleMonths(s), MayByCode: true}},
		{"prove_review", "by code", proveReviewView{base: calm("prove_review.title.questions"), Kind: credential.Generate, Way: wayCode, Day: 7, Month: "marzo"}},
		{"prove", "mail", proveView{base: calm("prove.title"), Kind: credential.Recover, Way: wayMail, Months: sampleMonths(s), Failed: true}},
		{"prove_review", "zero", proveReviewView{base: zero, Kind: credential.Generate, Way: wayQuestions}},
		{"prove_review", "whole date", proveReviewView{base: calm("prove_review.title.questions"), Kind: credential.Generate, Way: wayDate, Day: 7, Month: "marzo", Year: 1968}},
		{"prove_review", "no code", proveReviewView{base: calm("prove_review.title.questions"), Kind: credential.Generate, Way: wayMail, Day: 7, Month: "marzo", NoCode: true}},
		{"prove_review", "full", proveReviewView{
			base: calm("prove_review.title.questions"), Kind: credential.Recover, Way: wayQuestions, Day: 7, Month: "marzo",
			Answers: []answerView{{"¿Cómo se llamaba su primera escuela?", "San José"}, {"¿Cómo se llamaba su primera mascota?", "Canela"}},
		}},
		{"questions", "zero", questionsView{base: zero}},
		{"questions", "first", questionsView{base: calm("questions.title"), Questions: samplePersonal(s, ""), Least: 3}},
		{"questions", "full", questionsView{
			base:      calm("questions.title").with(problems{{Field: samplePersonal(s, "")[0].Name, Text: s.Words.Text("rule.bank.too_short")}}),
			Questions: samplePersonal(s, s.Words.Text("rule.bank.too_short")), Least: 3,
		}},
		{"security", "zero", securityView{base: zero}},
		{"security", "first", securityView{base: calm("security.title"), Images: s.images(""), Questions: sampleChoices(s, "bank.", "", "first_pet", "first_trip")}},
		{"security", "fixed", securityView{base: calm("security.title"), Images: s.images("colibri"), Fixed: true, Mask: "m•••••@gmail.com"}},
		{"security", "problems", securityView{
			base: calm("security.title").with(problems{
				rule("imagen", "rule.image.choose"), rule("pregunta", "rule.question.choose"), rule("respuesta", "rule.answer.too_short"),
				rule("telefono", "rule.phone.shape"), rule("correo", "rule.email.shape"),
			}),
			Images: s.images(""), Questions: sampleChoices(s, "bank.", "first_pet", "first_pet"), Answer: "x", Phone: "1", Email: "nina@@gmail",
		}},
		{"own_question", "first", ownQuestionView{base: calm("own_question.title"), Questions: samplePersonal(s, "")[:1]}},
		{"own_question", "known", ownQuestionView{base: calm("own_question.title"), Questions: samplePersonal(s, "")[:1], Image: new(s.image("colibri"))}},
		{"own_question", "problems", ownQuestionView{
			base:      calm("own_question.title").with(problems{{Field: samplePersonal(s, "")[0].Name, Text: s.Words.Text("rule.bank.empty")}}),
			Questions: samplePersonal(s, s.Words.Text("rule.bank.empty"))[:1], Failed: true, TriesLeft: 1,
		}},
		{"contact", "zero", contactView{base: zero}},
		{"contact", "first", contactView{base: calm("contact.title"), Kind: credential.Generate}},
		{"contact", "fixed", contactView{base: calm("contact.title"), Fixed: true, Mask: "m•••••@gmail.com", Kind: credential.Recover}},
		{"contact", "problems", contactView{base: calm("contact.title").with(problems{rule("correo", "rule.email.shape")}), Email: "nina@@gmail", Refused: true}},
		{"contact_review", "zero", contactReviewView{base: zero}},
		{"contact_review", "suggestion", contactReviewView{base: calm("contact_review.title"), Address: "nina.quispe@gmial.com", Suggestion: "nina.quispe@gmail.com"}},
		{"contact_review", "change", contactReviewView{base: calm("contact_review.title"), Address: "nina@otro.example", WouldWait: "23 de noviembre de 2026, 19:46"}},
		{"contact_review", "fixed", contactReviewView{base: calm("contact_review.title"), Fixed: true, Address: "m•••••@gmail.com"}},
		{"waiting", "zero", waitingView{base: zero}},
		{"link", "zero", linkView{base: zero}},
		{"link", "same", linkView{base: mailed("link.title"), SameOne: true, Reference: "ABCD-2345", Until: "10:35"}},
		{"link", "elsewhere", linkView{
			base:      mailed("link.title").with(problems{rule("", "rule.birthday")}),
			Reference: "ABCD-2345", Until: "10:35", Day: "7", Months: sampleMonths(s), Other: "p-2",
		}},
		{"link_expired", "zero", linkView{base: zero}},
		{"link_expired", "problems", linkView{base: mailed("link_expired.title").with(problems{rule("", "rule.birthday")}), Day: "7", Months: sampleMonths(s)}},
		{"clave", "zero", claveView{base: zero}},
		{"clave", "first", claveView{base: mailed("clave.title"), Min: 12, Max: 256, Reference: "ABCD-2345", PhraseURL: pathClave + "/frase", EndsAt: "10:35"}},
		{"clave", "problems", claveView{
			base:     mailed("clave.title").with(problems{rule("declaro", "rule.declared.needed"), rule("clave", "rule.password.too_short"), rule("repita", "rule.repeat.differs")}),
			Declared: true, Min: 12, Max: 256, PhraseURL: pathClave + "/frase", EndsAt: "10:35",
		}},
		{"done", "generate", doneView{mailed("done.title.generate"), credential.Generate, ""}},
		{"done", "recover", doneView{mailed("done.title.recover"), credential.Recover, "m•••••@gmail.com"}},
		{"objection", "clave", objectionView{base: calmOutside(s, "objection.title"), Kind: credential.MailClaveSet, Freezes: true, Button: "freeze", ClaveSet: true, Action: PathObjection + "/t"}},
		{"objection", "cancellable", objectionView{base: calmOutside(s, "objection.title"), Kind: credential.MailAddressChange, Cancellable: true, Button: "cancel", ClaveSet: true, Action: PathObjection + "/t"}},
		{"objection", "case", objectionView{base: calmOutside(s, "objection.title"), Kind: credential.MailRegisterChange, Button: "case", Action: PathObjection + "/t"}},
		{"objection", "address changed", objectionView{base: calmOutside(s, "objection.title"), Kind: credential.MailAddressChanged, Button: "case", ClaveSet: true, Action: PathObjection + "/t"}},
		{"objection", "used", objectionView{base: calmOutside(s, "objection.title"), Case: "C-AB2C-3DEF", Outcome: "used"}},
		{"objection", "cancelled", objectionView{base: calmOutside(s, "objection.cancelled_title"), Case: "C-AB2C-3DEF", Outcome: "cancelled"}},
		{"objection", "frozen", objectionView{base: calmOutside(s, "objection.frozen_title"), Case: "C-AB2C-3DEF", Outcome: "frozen", Frozen: true}},
		{"objection", "case only", objectionView{base: calmOutside(s, "objection.done_title"), Case: "C-AB2C-3DEF", Outcome: "case_only"}},
		{"message", "resend", messageView{base: mailed("message.expired_mine.title"), Key: "expired_mine", Resend: "p-1"}},
		{"demo_people", "zero", demoPeopleView{base: zero}},
		{"demo_people", "full", demoPeopleView{calmOutside(s, "demo.people.title"), []DemoPerson{
			{
				Case: "nueva", Document: "cedula", Number: "2051234561", GivenNames: "Nina María", Surnames: "Quispe Andrade", Birth: "1990-03-07",
				Audiences: []string{"afiliado", "pensionista"}, Email: "nina@example.com", Clave: "cuatro palabras juntas hoy", Activation: "ABCD-2345",
				Answers: map[string]string{"¿Cómo se llamaba su primera escuela?": "San José"}, Explanation: "Nunca tuvo una clave.",
			},
			{Document: "extranjero", Number: "AB123456", GivenNames: "John", Surnames: "Doe", Birth: "1980-01-01", Audiences: []string{"afiliado"}},
			{Document: "ruc", Number: "1790012345001", GivenNames: "Florícola", Surnames: "Inventada", Birth: "1980-01-01", Audiences: []string{"empleador"}},
		}}},
		{"demo_mailbox", "relay", mailboxView{base: base{Title: "Título", Institution: s.Institution, Demo: true, server: s}}},
		{"demo_mailbox", "empty", mailboxView{base: calmOutside(s, "demo.mailbox.title"), To: "nina@example.com"}},
		{"demo_mailbox", "one", mailboxView{base: calmOutside(s, "demo.mailbox.title"), Mails: sampleMails[:1], Total: 1}},
		{"demo_mailbox", "several", mailboxView{base: calmOutside(s, "demo.mailbox.title"), Mails: sampleMails, Total: 80}},
		{"demo_mail", "full", demoMailView{calmOutside(s, "demo.mailbox.title"), sampleMails[0], mailLines(sampleMails[0].Text, "http://127.0.0.1:8080")}},
	}
	for _, step := range []credential.Step{credential.StepOldCode, credential.StepSent} {
		for _, state := range mailStates[:6] {
			if step == credential.StepOldCode && state == credential.MailHeld {
				continue // the code never waits
			}
			c := sampleChange(step, state)
			list = append(list, shown{"address", string(step) + " " + string(state), addressView{
				base: calmOutside(s, "address.title").with(problems{rule("", "rule.resends")}), Code: "12345", Change: s.pendingOf(c),
			}})
		}
		c := sampleChange(step, credential.MailLeft)
		c.TriesLeft, c.ResendsLeft = 0, 0
		list = append(list, shown{"address", string(step) + " at last", addressView{base: calmOutside(s, "address.title"), Change: s.pendingOf(c)}})
	}
	for _, kind := range []credential.MailKind{
		credential.MailAddressCode, credential.MailAddressLink, credential.MailAddressChanged,
		credential.MailQuestionsRenewed, credential.MailWebClosed, credential.MailDataRequest,
		credential.MailActivation, credential.MailClaveSet, credential.MailClaveRecovered, credential.MailAddressChange,
		credential.MailRegisterChange, credential.MailActivationCode, credential.MailClaveChanged,
		credential.MailUnlock, credential.MailUnlocked, credential.MailLocked, credential.MailNewDevice, credential.MailFrozen,
	} {
		list = append(list, shown{"objection", string(kind), objectionView{base: zero, Kind: kind, Button: "case", Action: PathObjection + "/t"}})
	}
	for _, state := range mailStates {
		v := waitingView{
			base: mailed("waiting.title"), Mask: "n•••••@gmail.com", Reference: "ABCD-2345", State: state,
			Status: s.Words.Text("waiting.status."+string(state), "until", "10:35"), Until: "10:35",
			ResendsLeft: 5, TriesLeft: 5, StatusURL: pathWaiting + "/estado",
		}
		switch state {
		case credential.MailQueued:
			v.Until = ""
		case credential.MailLeft:
			v.Code, v.base = "12345", v.with(problems{rule("codigo", "rule.code.shape")})
		}
		list = append(list, shown{"waiting", string(state), v})
		v.ResendsLeft = 0
		list = append(list, shown{"waiting", string(state) + " at last", v})
		v.Fixed = true
		list = append(list, shown{"waiting", string(state) + " fixed", v})
		if state == credential.MailUntold || state == credential.MailExpired {
			v.Fixed, v.Untold = false, true
			list = append(list, shown{"waiting", string(state) + " untold", v})
		}
	}
	for _, key := range messageKeys() {
		list = append(list, shown{"message", key, messageView{base: calmOutside(s, "message."+key+".title"), Key: key, Action: s.actionOf(key), Ways: namesWays(key), Else: s.elsewhere()}})
	}
	for _, state := range []string{"answered", "confirmed", "waiting", "unconfirmed", "late"} {
		list = append(list,
			shown{"complaint", state, standing(state, "", "", "")},
			shown{"complaint_done", state, standing(state, "ABCDE-FGHJ-KLMN", "m•••••@gmail.com", "")})
	}
	list = append(list, shown{"complaint", "to confirm", standing("waiting", "", "", PathComplaintConfirm+"/t")})
	return list
}

// sampleChange is a change of address that waits.
func sampleChange(step credential.Step, state credential.MailState) credential.AddressChange {
	at := time.Date(2026, time.March, 5, 15, 35, 0, 0, time.UTC)
	return credential.AddressChange{
		ID: credential.ID{1}, Step: step, Old: "m•••••@gmail.com", New: "n•••••@gmail.com", Reference: "ABCD-2345",
		HoldUntil: at, Mail: state, ValidUntil: at, TriesLeft: 5, ResendsLeft: 5,
	}
}

var sampleRequest = requestView{"Eliminar un dato", "ABCD-2345", "5 de marzo de 2026", "20 de marzo de 2026", "en trámite"}

// calmOutside is the base of a page outside the journey, in the demo.
func calmOutside(s *Server, key string) base {
	return base{Title: s.Words.Text(key), Institution: s.Institution, Demo: true, Mailbox: true, server: s}
}

var mailStates = []credential.MailState{
	credential.MailHeld, credential.MailQueued, credential.MailTrying, credential.MailLeft, credential.MailExpired, credential.MailRefusedBy,
	credential.MailUntold,
}

var sampleMails = []DemoMail{
	{
		ID: "m2", To: "nina@example.com", Subject: "ACTIVACIÓN CLAVE", Received: "2026-03-05T15:04:05.678Z",
		Text: "Hola:\n\nhttp://127.0.0.1:8080/clave/enlace/abc\n\nCódigo: 123456\n", HTML: "<p>Hola:</p><p><a href=\"#\">CLIC PARA CONTINUAR</a></p>",
	},
	{ID: "m1", To: "nina@example.com", Subject: "ACTIVACIÓN CLAVE", Received: "2026-03-05T15:00:05.678Z", Text: "Hola:"},
}

func execute(t *testing.T, s *Server, one shown) string {
	t.Helper()
	p, ok := s.pages[one.name]
	if !ok {
		t.Fatalf("no page %s", one.name)
	}
	var body bytes.Buffer
	err := p.tmpl.Execute(&body, one.view)
	if err != nil {
		t.Fatal(err)
	}
	return body.String()
}

// newPagesIn is newPages in each language.
func newPagesIn(t *testing.T) []*Server {
	first := newPages(t)
	first.spoken = &spoken{}
	for _, l := range words.Languages() {
		s := *first
		s.Words = l
		first.spoken.sites = append(first.spoken.sites, &s)
	}
	return first.spoken.sites
}

func TestEveryPage(t *testing.T) {
	for _, s := range newPagesIn(t) {
		t.Run(string(s.Words.Code()), func(t *testing.T) { everyPage(t, s) })
	}
}

func everyPage(t *testing.T, s *Server) {
	seen := map[string]bool{}
	for _, one := range views(s) {
		t.Run(one.name+"/"+one.as, func(t *testing.T) {
			seen[one.name] = true
			body := execute(t, s, one)
			if i := strings.Index(body, "[["); i >= 0 {
				t.Errorf("a missing sentence: %s", body[i:min(len(body), i+60)])
			}
			for _, sign := range []string{"ZgotmplZ", "<no value>", "%!", "style=", "onclick=", "<style"} {
				if strings.Contains(body, sign) {
					t.Errorf("the page contains %q", sign)
				}
			}
			if found := regexp.MustCompile(`\{[a-z_]+\}`).FindString(body); found != "" {
				t.Errorf("a value was not filled in: %s", found)
			}
			checkDocument(t, "", body)
		})
	}
	names, err := fs.Glob(templateFiles, "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name = strings.TrimSuffix(filepath.Base(name), ".html"); !seen[name] {
			t.Errorf("no view of page %s is tested", name)
		}
	}
}

var pagesTo = flag.String("pages", "", "leave every page, as it is sent, in this folder (make html)")

// leave writes a page, as it is sent, for the validator of make html. A test
// that looks at several pages tells them apart by name.
func leave(t *testing.T, name, body string) {
	t.Helper()
	file := filepath.Join(*pagesTo, strings.ReplaceAll(t.Name()+name, "/", "_")+".html")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(body)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// checkDocument holds a page against what every page promises: one main, one
// first heading, unique ids, labels for every field, links of the summary that
// lead somewhere, and inside main no two controls of the same role and name.
// For what HTML itself asks, it leaves the page to a validator: see leave.
func checkDocument(t *testing.T, name, body string) {
	t.Helper()
	if *pagesTo != "" {
		leave(t, name, body)
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var mains, headings int
	ids := map[string]bool{}
	labels := map[string]string{}
	controls := map[string]bool{}
	var targets []string
	var walk func(n *html.Node, inMain, inLabel bool)
	walk = func(n *html.Node, inMain, inLabel bool) {
		if n.Type == html.ElementNode {
			if id := attribute(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("id %s stands twice", id)
				}
				ids[id] = true
			}
			for _, name := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "for", "form"} {
				targets = append(targets, strings.Fields(attribute(n, name))...)
			}
			if href := attribute(n, "href"); n.Data == "a" && strings.HasPrefix(href, "#") {
				targets = append(targets, href[1:])
			}
			switch n.Data {
			case "main":
				mains++
				inMain = true
			case "h1":
				headings++
			case "label":
				labels[attribute(n, "for")] = textOf(n)
			case "noscript":
				return // the parser keeps its content as text
			case "form":
				if attribute(n, "method") == "post" && strings.HasPrefix(attribute(n, "action"), PathStart+"/") && hidden(n, "tramite") == nil {
					t.Errorf("form %s does not carry its procedure", attribute(n, "action"))
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, inMain, inLabel)
		}
	}
	walk(doc, false, false)
	if mains != 1 || headings != 1 {
		t.Errorf("%d main and %d h1, want one of each", mains, headings)
	}
	for _, target := range targets {
		if !ids[target] {
			t.Errorf("something refers to #%s, which is not there", target)
		}
	}
	var check func(n *html.Node, inMain bool, group string)
	check = func(n *html.Node, inMain bool, group string) {
		if n.Type == html.ElementNode {
			role, name := "", ""
			switch n.Data {
			case "main":
				inMain = true
			case "fieldset":
				for c := n.FirstChild; c != nil; c = c.NextSibling {
					if c.Type == html.ElementNode && c.Data == "legend" {
						group = textOf(c)
					}
				}
			case "button":
				role, name = "button", textOf(n)
				if label := attribute(n, "aria-label"); label != "" {
					name = label
				}
			case "a":
				role, name = "link", textOf(n)
			case "summary":
				role, name = "summary", textOf(n)
			case "select":
				role, name = "list", labels[attribute(n, "id")]
			case "input":
				switch kind := attribute(n, "type"); kind {
				case "hidden":
				case "radio":
					role, name = "radio of "+group, labels[attribute(n, "id")]
				default:
					role, name = kind, labels[attribute(n, "id")]
				}
			}
			if role != "" {
				if name == "" {
					t.Errorf("a %s without a name: %v", role, n.Attr)
				}
				if inMain && controls[role+" "+name] {
					t.Errorf("two controls are a %s named %q", role, name)
				}
				if inMain {
					controls[role+" "+name] = true
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			check(c, inMain, group)
		}
	}
	check(doc, false, "")
}

func hidden(n *html.Node, name string) *html.Node {
	if n.Type == html.ElementNode && n.Data == "input" && attribute(n, "type") == "hidden" && attribute(n, "name") == name {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := hidden(c, name); found != nil {
			return found
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// TestNoWordsInTemplates holds that every sentence comes from package words.
func TestNoWordsInTemplates(t *testing.T) {
	action := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	tag := regexp.MustCompile(`(?s)<[^>]*>`)
	letters := regexp.MustCompile(`\pL+`)
	err := fs.WalkDir(templateFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := templateFiles.ReadFile(name)
		if err != nil {
			return err
		}
		text := tag.ReplaceAllString(action.ReplaceAllString(string(content), ""), "")
		if found := letters.FindString(text); found != "" {
			t.Errorf("%s says %q itself", name, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// refusals are kind, field group and rule of every refusal that the domain
// spells out.
type refusal struct{ kind, group, rule string }

// domainRefusals reads the refusals out of the domain's source: calls of
// invalid, and literals of Error.
func domainRefusals(t *testing.T) []refusal {
	t.Helper()
	files, err := filepath.Glob("../credential/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no source of the domain", err)
	}
	found := map[refusal]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "invalid" && len(n.Args) == 2 {
					if rule := literal(n.Args[1]); rule != "" {
						found[refusal{"invalid", group(n.Args[0]), rule}] = true
					}
				}
			case *ast.CompositeLit:
				if name, ok := n.Type.(*ast.Ident); !ok || name.Name != "Error" {
					return true
				}
				var one refusal
				for _, element := range n.Elts {
					pair, ok := element.(*ast.KeyValueExpr)
					if !ok {
						continue
					}
					switch pair.Key.(*ast.Ident).Name {
					case "Kind":
						if name, ok := pair.Value.(*ast.Ident); ok {
							one.kind = kindNames[name.Name]
						}
					case "Field":
						one.group = group(pair.Value)
					case "Rule":
						one.rule = literal(pair.Value)
					}
				}
				if one.kind != "" && one.rule != "" {
					found[one] = true
				}
			}
			return true
		})
	}
	for _, rule := range credential.NumberRules() {
		found[refusal{"invalid", "number", rule}] = true
	}
	for _, rule := range credential.EmailRules() {
		found[refusal{"invalid", "email", rule}] = true
	}
	for _, rule := range credential.PasswordRules() {
		found[refusal{"invalid", "password", rule}] = true
	}
	for _, rule := range credential.AnswersRules() {
		one := refusal{"invalid", "bank", rule}
		if rule == "too_few" || rule == "unknown_question" {
			one.group = ""
		}
		found[one] = true
	}
	for _, end := range []credential.End{credential.Finished, credential.Replaced, credential.Objected, credential.Abandoned} {
		found[refusal{"expired", "", string(end)}] = true
	}
	var list []refusal
	for one := range found {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b refusal) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

var kindNames = map[string]string{
	"Invalid": "invalid", "Denied": "denied", "NotFound": "not_found", "Conflict": "conflict",
	"Expired": "expired", "TooMany": "too_many", "Unavailable": "unavailable",
}

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

// group is the field up to its dot; "bank."+id is bank.
func group(e ast.Expr) string {
	if sum, ok := e.(*ast.BinaryExpr); ok {
		e = sum.X
	}
	if name, ok := e.(*ast.Ident); ok && name.Name == "field" {
		return "bank" // the one variable by that name, in CheckAnswers
	}
	field, _, _ := strings.Cut(literal(e), ".")
	return field
}

// TestEveryRuleHasASentence holds the domain's rules against the words: those of
// a form beside its field, the others on a page of their own.
func TestEveryRuleHasASentence(t *testing.T) {
	l := words.Spanish()
	all := domainRefusals(t)
	if len(all) < 60 {
		t.Fatalf("only %d refusals found in the domain", len(all))
	}
	for _, one := range all {
		if one.kind == "expired" && one.rule == "session" {
			continue // leads to the log-in, and says nothing (fail)
		}
		onPage := one.kind == "not_found" || one.kind == "conflict" || (one.kind == "expired" && one.rule != "mail_expired")
		if onPage {
			key := "message." + one.kind + "_" + one.rule
			if one.rule == "step" || (one.kind == "expired" && one.rule == "expired") {
				key = "message." + one.kind
			}
			if !l.Has(key+".title") || !l.Has(key+".text") {
				t.Errorf("%v has no page %s", one, key)
			}
			continue
		}
		if one.group != "" && l.Has("rule."+one.group+"."+one.rule) || l.Has("rule."+one.rule) {
			continue
		}
		t.Errorf("%v has no sentence", one)
	}
}

// messageKeys are all pages that only say something.
func messageKeys() []string {
	var keys []string
	for _, key := range words.Spanish().Keys() {
		name, ok := strings.CutPrefix(key, "message.")
		if name, isTitle := strings.CutSuffix(name, ".title"); ok && isTitle {
			keys = append(keys, name)
		}
	}
	return keys
}

// TestMessages holds that every kind of refusal and every fault of HTTP has its
// page, with a way on.
func TestMessages(t *testing.T) {
	s := newPages(t)
	for _, kind := range kindNames {
		if !s.Words.Has("message."+kind+".title") || !s.Words.Has("message."+kind+".text") {
			t.Errorf("kind %s has no page", kind)
		}
	}
	for _, key := range []string{"too_large", "unreadable", "forbidden", "method", "fault", "clock", "ended", "expired_mine", "replaced_mine", "sent_again"} {
		if !s.Words.Has("message." + key + ".title") {
			t.Errorf("%s has no page", key)
		}
	}
	for _, key := range messageKeys() {
		if !s.Words.Has("message." + key + ".text") {
			t.Errorf("message.%s has no text", key)
		}
	}
}

func TestStatusOfFailure(t *testing.T) {
	s := newPages(t)
	for _, tt := range []struct {
		err    error
		status int
		key    string
	}{
		{&credential.Error{Kind: credential.Expired, Rule: "finished"}, 410, "expired_finished"},
		{&credential.Error{Kind: credential.Expired, Rule: "expired"}, 410, "expired"},
		{&credential.Error{Kind: credential.NotFound, Rule: "link"}, 404, "not_found_link"},
		{&credential.Error{Kind: credential.Conflict, Rule: "other_procedure"}, 409, "conflict_other_procedure"},
		{&credential.Error{Kind: credential.TooMany, Rule: "network"}, 429, "too_many_network"},
		{&credential.Error{Kind: credential.Unavailable, Rule: "never heard of"}, 503, "unavailable"},
		{&httpError{http.StatusForbidden, "forbidden"}, 403, "forbidden"},
		{&http.MaxBytesError{Limit: 1}, 413, "too_large"},
		{errors.New("secret detail"), 500, "fault"},
		{context.Canceled, 503, "fault"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
		s.fail(w, r, tt.err)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), s.Words.Text("message."+tt.key+".title")) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v: %d, want %d with the words of %s", tt.err, w.Code, tt.status, tt.key)
		}
		if again := w.Header().Get("Retry-After"); (again != "") != (tt.status == 429 || tt.key == "unavailable") {
			t.Errorf("%v: Retry-After %q", tt.err, again)
		}
	}
}

func TestSentenceNamesTheNumbers(t *testing.T) {
	policy := credential.Policy{PasswordMin: 15, PasswordMax: 99, BankAnswers: 4}
	for _, tt := range []struct {
		field, rule, want string
	}{
		{"password", "too_short", "15"}, {"password", "too_long", "99"}, {"", "too_few", "4"},
	} {
		got := sentence(words.Spanish(), &credential.Error{Kind: credential.Invalid, Field: tt.field, Rule: tt.rule}, policy, time.Time{})
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s/%s = %q, want it to name %s", tt.field, tt.rule, got, tt.want)
		}
	}
}

func TestMoment(t *testing.T) {
	b := base{server: newPages(t)}
	if got, want := b.Moment("2026-03-05T15:04:05.678Z"), b.server.Words.DateTime(time.Date(2026, 3, 5, 15, 4, 5, 0, time.UTC)); got != want {
		t.Errorf("Moment() = %q, want %q", got, want)
	}
	if got := b.Moment("soon"); got != "soon" {
		t.Errorf("Moment of no time = %q", got)
	}
}

// TestLinksLeadToRoutes holds every link and form of ours against the paths of
// the site.
func TestLinksLeadToRoutes(t *testing.T) {
	s := newPages(t)
	known := []string{
		"/", PathStart, pathProve, pathProve + "/codigo", PathLink + "/clave-nueva", pathProveReview, pathQuestions, pathContact, pathContactReview, pathWaiting, pathWaiting + "/reenviar",
		pathOwnQuestion, pathClave, pathDone, PathStart + "/mas-tiempo", PathStart + "/terminar", PathLink, PathLink + "/reenviar", pathHelp, pathLogIn,
		pathChange, "/salir", pathAccount + "/sesiones", pathAccount, pathAccount + "/historia", pathAccount + "/historia.csv", pathUnlock, PathLink + "/desbloquear",
		PathDemoService + "actualizar-datos", pathAddress, pathAddress + "/codigo", pathAddress + "/reenviar", pathAddress + "/cancelar", PathLink + "/confirmar", pathRenew, pathClosing, pathRights, pathRights + "/descarga", "/demo/personas", "/demo/personas.json", "/demo/correo",
		pathTransparency, pathFiguresCSV, pathFiguresJSON, pathComplaints, pathComplaintFollow, PathComplaintConfirm + "/t",
		pathSheets, pathSearch, pathPrivacy, pathAccessibility, pathCookies, pathSheets + "/cambio", pathSheets + "/cambio.pdf", pathSheets + "/otro", pathSheets + "/otro.pdf",
		"/demo/correo/m1", "/demo/correo/m2", "/demo/correo/m2/html", PathLink + "/abc", PathObjection + "/t",
	}
	for _, one := range views(s) {
		doc, err := html.Parse(strings.NewReader(execute(t, s, one)))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			for _, name := range []string{"href", "src", "action", "formaction", "data-status-url", "data-phrase-url"} {
				to := attribute(n, name)
				u, err := url.Parse(to)
				if err != nil {
					t.Errorf("%s/%s: %v", one.name, one.as, err)
					continue
				}
				local := u.Host == "" || u.Host == "127.0.0.1:8080"
				if to == "" || strings.HasPrefix(to, "#") || !local || u.Scheme == "mailto" || u.Scheme == "tel" || strings.HasPrefix(u.Path, "/static/") {
					continue
				}
				if !slices.Contains(known, u.Path) && u.Path != pathWaiting+"/estado" && u.Path != pathClave+"/frase" {
					t.Errorf("%s/%s: %s=%q leads nowhere", one.name, one.as, name, to)
				}
			}
		}
	}
}

// newSite gives a demo's site without any person or procedure behind it.
func newSite(t *testing.T, demo *Demo) *Server {
	t.Helper()
	return newSiteOf(t, newPages(t).Institution, demo)
}

// newSiteOf is newSite of an institution; demo may be nil.
func newSiteOf(t testing.TB, of institution.Institution, demo *Demo) *Server {
	t.Helper()
	s, err := New(Config{
		Service: new(credential.Service), Languages: words.Languages(), PublicURL: &url.URL{Scheme: "http", Host: "127.0.0.1:8080"},
		Institution: of, Demo: demo, Now: time.Now,
		Figures: func(context.Context) (*stats.Published, error) { return sampleFigures(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBothListenersPages walks from the first page of each listener to every
// page that a link leads to: each is there, says everything in words, and the
// staff's never leads to a citizens' page.
func TestBothListenersPages(t *testing.T) {
	s := newSite(t, &Demo{
		Mails:  func(string) []DemoMail { return sampleMails },
		Offset: func() time.Duration { return 3*time.Hour + 20*time.Minute },
	})
	for _, tt := range []struct {
		name    string
		handler http.Handler
		start   []string
		least   int
	}{
		{"citizens", s.Citizens(), []string{"/", "/ingresar", "/no-existe", PathStart + "/prueba", PathLink}, 10},
		{"staff", s.Staff(), []string{"/", "/no-existe", "/ayuda"}, 3},
	} {
		for _, l := range words.Languages() {
			t.Run(tt.name+"/"+string(l.Code()), func(t *testing.T) {
				seen := map[string]bool{}
				todo := slices.Clone(tt.start)
				for len(todo) > 0 {
					path := todo[0]
					todo = todo[1:]
					if seen[path] {
						continue
					}
					seen[path] = true
					w := httptest.NewRecorder()
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
					r.Header.Set("Accept-Language", l.Tag())
					tt.handler.ServeHTTP(w, r)
					if w.Code >= 400 && !slices.Contains(tt.start, path) || w.Code >= 500 {
						t.Errorf("%s: %d", path, w.Code)
					}
					body := w.Body.String()
					// What is compressed may hold any two bytes.
					if i := strings.Index(body, "[["); i >= 0 && w.Header().Get("Content-Type") != "application/pdf" {
						t.Errorf("%s: a missing sentence: %s", path, body[i:min(len(body), i+60)])
					}
					if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || strings.HasSuffix(path, "/html") {
						continue
					}
					if !strings.Contains(body, `lang="`+l.Tag()+`"`) && !strings.HasPrefix(path, "/demo/correo/") {
						t.Errorf("%s: not in %s", path, l.Tag())
					}
					checkDocument(t, string(l.Code())+path, body)
					doc, err := html.Parse(strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					for n := range doc.Descendants() {
						for _, name := range []string{"href", "src"} {
							u, err := url.Parse(attribute(n, name))
							if err != nil {
								t.Errorf("%s: %v", path, err)
								continue
							}
							if u.Path != "" && u.Scheme == "" && !strings.HasPrefix(u.Path, PathLink+"/") {
								todo = append(todo, u.Path)
							}
						}
					}
				}
				if len(seen) < tt.least {
					t.Errorf("only %d pages seen", len(seen))
				}
			})
		}
	}
}

// TestWordsAreThere holds the keys that code and templates spell out against
// the words, and that a key put together from parts has words to be one of.
func TestWordsAreThere(t *testing.T) {
	l := words.Spanish()
	var sources []string
	for _, pattern := range []string{"*.go", "base.html", "pages/*.html", "partials/*.html"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, names...)
	}
	whole := regexp.MustCompile(`(?:\bText\(|\.(?:T|Filled) )"([a-z_.]+)"(\s*\+)?`)
	begun := regexp.MustCompile(`(?:\bText\(|\(print )"([a-z_.]+\.)"`)
	notOpen := regexp.MustCompile(`\bnotOpen\("([a-z_]+)"\)`)
	found := 0
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range whole.FindAllSubmatch(source, -1) {
			if key := string(m[1]); len(m[2]) == 0 {
				found++
				if !l.Has(key) {
					t.Errorf("%s: there are no words %s", name, key)
				}
			}
		}
		for _, m := range begun.FindAllSubmatch(source, -1) {
			if prefix := string(m[1]); !slices.ContainsFunc(l.Keys(), func(key string) bool { return strings.HasPrefix(key, prefix) }) {
				t.Errorf("%s: no words begin with %s", name, prefix)
			}
		}
		for _, m := range notOpen.FindAllSubmatch(source, -1) {
			for _, part := range []string{".title", ".text"} {
				if key := "not_open." + string(m[1]) + part; !l.Has(key) {
					t.Errorf("%s: there are no words %s", name, key)
				}
			}
		}
	}
	if found < 150 {
		t.Errorf("only %d keys found", found)
	}
}

func TestMailInItsFrame(t *testing.T) {
	s := newSite(t, &Demo{Mails: func(string) []DemoMail { return sampleMails }})
	site := s.Citizens()
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w
	}
	w := get("/demo/correo/m2/html")
	if w.Code != http.StatusOK || w.Body.String() != sampleMails[0].HTML {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'self'", "sandbox ", "allow-popups-to-escape-sandbox"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %q: %s", part, policy)
		}
	}
	if strings.Contains(policy, "allow-scripts") || strings.Contains(policy, "allow-same-origin") {
		t.Errorf("the mail may run as a page of ours: %s", policy)
	}
	for _, path := range []string{"/demo/correo/m1/html", "/demo/correo/none/html", "/demo/correo/none"} {
		if w := get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}

	s.Demo.Mails = nil // mails leave by a relay
	if w := get("/demo/correo.json"); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("without a mailbox: %d %s", w.Code, w.Body)
	}
	body := get("/demo/correo").Body.String()
	if !strings.Contains(body, s.Words.Text("demo.mailbox.lead_relay")) || !strings.Contains(body, s.Words.Text("page.demo.text_relay")) {
		t.Error("without a mailbox the demo does not say where mails go")
	}
	if strings.Contains(body, `href="/demo/correo"`) {
		t.Error("without a mailbox something leads to it")
	}
}

func TestClockMoved(t *testing.T) {
	s := newPages(t)
	var by time.Duration
	s.Demo = &Demo{Offset: func() time.Duration { return by }}
	for _, tt := range []struct {
		by   time.Duration
		want string
	}{
		{0, ""},
		{3*time.Hour + 20*time.Minute, "Reloj de la demostración adelantado 3 h 20 min."},
		{-25 * time.Hour, "Reloj de la demostración atrasado 1 d 1 h."},
		{30 * time.Second, "Reloj de la demostración adelantado 30 s."},
		{time.Millisecond, "Reloj de la demostración adelantado 1 s."},
	} {
		by = tt.by
		if got := s.clockMoved(); got != tt.want {
			t.Errorf("clockMoved() after %v = %q, want %q", tt.by, got, tt.want)
		}
	}
}

func TestSummaryNamesTheQuestion(t *testing.T) {
	l := words.Spanish()
	seen := map[string]bool{}
	for _, tt := range []struct{ field, rule string }{
		{"record.first_year", "choose"}, {"record.first_month", "choose"}, {"bank.first_pet", "empty"}, {"bank.first_trip", "too_short"},
	} {
		refusal := &credential.Error{Kind: credential.Invalid, Field: tt.field, Rule: tt.rule}
		p := problem{Field: tt.field, Text: sentence(l, refusal, credential.Policy{}, time.Time{})}
		p.About = about(l, refusal, p.Text)
		if listed := p.Listed(); seen[listed] || !strings.Contains(listed, "?»: ") || strings.Contains(listed, "[[") {
			t.Errorf("%s/%s is listed as %q", tt.field, tt.rule, listed)
		}
		seen[p.Listed()] = true
	}
	if p := (problem{Text: "a", About: about(l, &credential.Error{Field: "number", Rule: "empty"}, "a")}); p.Listed() != "a" {
		t.Errorf("a number is listed as %q", p.Listed())
	}
}

func TestStatusOfTheMail(t *testing.T) {
	s := newPages(t)
	now := time.Date(2026, 3, 5, 15, 0, 0, 0, time.UTC)
	look := func(state credential.MailState, tried time.Duration, fixed bool, resends int) mailStatus {
		v := credential.Progress{Now: now, Fixed: fixed}
		v.Mail = credential.MailProgress{
			State: state, Attempted: now.Add(-tried), ValidUntil: now.Add(2 * time.Hour), HoldUntil: now.Add(24 * time.Hour), ResendsLeft: resends,
		}
		return s.statusOf(v)
	}
	young, old := look(credential.MailTrying, time.Second, false, 5), look(credential.MailTrying, 10*time.Second, false, 5)
	if young.Until != "" || young.Text != s.Words.Text("waiting.status.queued") || young.State != "trying" {
		t.Errorf("a mail just tried: %+v", young)
	}
	if old.Until != "12:00" || !strings.Contains(old.Text, "12:00") {
		t.Errorf("a mail tried for long: %+v", old)
	}
	titles := map[string]bool{}
	for _, state := range []credential.MailState{credential.MailHeld, credential.MailLeft, credential.MailExpired, credential.MailRefusedBy} {
		titles[look(state, time.Minute, false, 5).Title] = true
	}
	if len(titles) != 4 {
		t.Errorf("titles %v, want one for each state", titles)
	}
	if text := look(credential.MailExpired, time.Minute, false, 0).Text; strings.Contains(text, "Enviar de nuevo") {
		t.Errorf("no mails left, and it says %q", text)
	}
	if text := look(credential.MailRefusedBy, time.Minute, true, 5).Text; strings.Contains(text, "Corríjala") {
		t.Errorf("a fixed address, and it says %q", text)
	}
}

// TestEveryActHasWords: what the audit keeps, its person can read.
func TestEveryActHasWords(t *testing.T) {
	l := words.Spanish()
	for act := range constants(t, "Act") {
		if !l.Has("act." + act) {
			t.Errorf("act %s has no words", act)
		}
	}
	for kind := range constants(t, "ActorKind") {
		if !l.Has("actor." + kind) {
			t.Errorf("actor %s has no words", kind)
		}
	}
}

// constants gives the values of the domain's constants of a type.
func constants(t *testing.T, of string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	files, err := filepath.Glob("../credential/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for n := range ast.Preorder(tree) {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				continue
			}
			name, ok := spec.Type.(*ast.Ident)
			value, isLiteral := spec.Values[0].(*ast.BasicLit)
			if ok && isLiteral && name.Name == of {
				text, err := strconv.Unquote(value.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[text] = true
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no constants of type %s", of)
	}
	return found
}
