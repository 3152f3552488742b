package site

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore/pgtest"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

// dsnOf gives an empty database of an engine, for tests that may not run beside
// each other.
func dsnOf(t *testing.T, engine string) string {
	if engine == "postgres" {
		return pgtest.Start(t)
	}
	return filepath.Join(t.TempDir(), "aldaba.db")
}

// people sets how many random people there are beside the thirteen cases.
func people(n int) option { return func(_ *Config, w *worldConfig) { w.people = n } }

// steps of the journey, in the order in which they are earned.
var journey = []string{
	"/clave/generar-recuperar/prueba", "/clave/generar-recuperar/prueba/revision", "/clave/generar-recuperar/preguntas",
	"/clave/generar-recuperar/correo", "/clave/generar-recuperar/correo/revision", "/clave/generar-recuperar/espera",
	"/clave/generar-recuperar/nueva-clave", "/clave/generar-recuperar/listo",
	pathOwnQuestion, // of a recover whose policy asks behind the link, before the clave
}

const pathOwnQuestion = "/clave/generar-recuperar/su-pregunta"

// unknowns gives n well-formed numbers of a document that nobody has.
func (w *world) unknowns(document string, n int) []web.DemoPerson {
	w.t.Helper()
	taken := map[string]bool{}
	for _, p := range w.people {
		taken[p.Number] = true
	}
	var list []web.DemoPerson
	for i := 0; len(list) < n; i++ {
		number := fmt.Sprintf("ZQ%07d", 8_100_000+i*37)
		if document != "extranjero" {
			nine := fmt.Sprintf("17%07d", 4_100_000+i*37)
			number = nine + string(credential.CheckDigit(nine))
		}
		if document == "ruc" {
			number += "001"
		}
		if !taken[number] {
			list = append(list, web.DemoPerson{Case: fmt.Sprintf("desconocido-%d", len(list)+1), Document: document, Number: number})
		}
	}
	return list
}

// sight is all that an answer shows from outside, with the procedure's id out of
// it, and with the texts and names of the bank's questions, which are a keyed
// hash of the number, when masked.
type sight struct {
	Request string
	Status  int
	Header  http.Header
	Cookies []string
	Body    string
}

func (a *answer) sight(request string, masked bool) sight {
	header := a.Header().Clone()
	header.Del("Set-Cookie")
	body := a.Body.String()
	if length := header.Get("Content-Length"); length != "" && length != strconv.Itoa(len(body)) {
		a.b.w.t.Errorf("%s: Content-Length %s over %d bytes", request, length, len(body))
	}
	if id, _, ok := strings.Cut(a.b.cookies["tramite"], "."); ok {
		body = strings.ReplaceAll(body, id, "<id>")
	}
	if masked {
		header.Del("Content-Length")
		body = bankMask.Replace(body)
	}
	s := sight{Request: request, Status: a.Code, Header: header, Body: body}
	for _, c := range a.Result().Cookies() {
		s.Cookies = append(s.Cookies, fmt.Sprintf("%s, %d long, path=%s age=%d http=%v secure=%v site=%d",
			c.Name, len(c.Value), c.Path, c.MaxAge, c.HttpOnly, c.Secure, c.SameSite))
	}
	return s
}

// bankMask takes the texts and the names of the bank's questions out of a page.
var bankMask = func() *strings.Replacer {
	var pairs []string
	for _, id := range credential.PersonalQuestions() {
		pairs = append(pairs, html.EscapeString(words.Spanish().PersonalQuestion(id)), "<question>",
			"bank."+string(id), "bank.<id>", "bank-"+string(id), "bank-<id>")
	}
	return strings.NewReplacer(pairs...)
}()

// losing walks one number to a lost verdict by the choices of as. With all, it
// looks at every page before each step and after the last, and sends every form,
// also those that are refused.
func (b *browser) losing(kind credential.ProcedureKind, p, as web.DemoPerson, all bool) []sight {
	b.w.t.Helper()
	var seen []sight
	masked := kind == credential.Recover
	note := func(request string, a *answer) *answer {
		seen = append(seen, a.sight(request, masked))
		return a
	}
	around := func(when string) {
		if !all {
			return
		}
		for _, path := range append([]string{"/clave/generar-recuperar", "/ingresar"}, journey...) {
			note(when+": GET "+path, b.peek(http.MethodGet, path, nil))
		}
		for _, path := range journey[2:7] {
			id, _, _ := strings.Cut(b.cookies["tramite"], ".")
			note(when+": POST "+path, b.peek(http.MethodPost, path, url.Values{"tramite": {id}, "correo": {"a@correo.example"}}))
		}
	}
	note("first page", b.get("/clave/generar-recuperar"))
	note("Buscar", b.beginWith(kind, p.Document, p.Number, audienceOf(as)).want(303))
	around("proof")
	page := b.get(journey[0]).want(200)
	right := page.proof(as)
	note("nothing typed", page.press("Continuar").want(422))
	note("no such day", page.press("Continuar", append(right, "dia", "31", "mes", "2")...).want(422))
	note("proof", page.press("Continuar", right...).want(303))
	around("review")
	note("another form", b.send(http.MethodPost, journey[1], url.Values{"tramite": {"AAAAAAAAAAAAAAAAAAAAAA"}}))
	note("verdict", b.get(journey[1]).want(200).press("Aceptar").want(422))
	around("after")
	note("again", b.get(journey[0]).want(200).press("Continuar", right...).want(303))
	id, _, _ := strings.Cut(b.cookies["tramite"], ".")
	note("more time", b.send(http.MethodPost, "/clave/generar-recuperar/mas-tiempo", url.Values{"tramite": {id}}).want(303))
	note("Terminar aquí", b.send(http.MethodPost, "/clave/generar-recuperar/terminar", url.Values{"tramite": {id}}).want(200))
	return seen
}

// Nobody who looks from outside can tell a number that somebody has from one
// that nobody has, nor one person's state from another's, up to and including
// the lost verdict.
func TestS8_NothingBeforeTheVerdictTells(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, idle(), people(0))
		whole := !strings.HasPrefix(dsn, "postgres") // once is enough: the pages are the same
		wrong := web.DemoPerson{Birth: "1970-01-02"}
		if slices.ContainsFunc(slices.Collect(maps.Values(w.people)), func(p web.DemoPerson) bool { return strings.HasSuffix(p.Birth, "01-02") }) {
			t.Fatal("somebody was born on 2 January: choose another day")
		}
		seen, walks := map[string][]sight{}, 0
		same := func(name string, got []sight, key string) {
			t.Helper()
			walks++
			if want, ok := seen[key]; !ok {
				seen[key] = got
			} else if !reflect.DeepEqual(want, got) { // cmp.Diff takes its time
				t.Errorf("%s is told apart from nobody (%s):\n%s", name, key, clipText(cmp.Diff(want, got), 3000))
			}
		}
		for _, document := range []string{"cedula", "extranjero", "ruc"} {
			numbers := w.unknowns(document, 3)
			for _, c := range demoCases {
				if p := w.people[c]; p.Document == document {
					numbers = append(numbers, p)
				}
			}
			for _, a := range credential.Audiences() {
				if a != credential.Affiliate && !whole {
					continue
				}
				as := wrong
				as.Audiences = []string{string(a)}
				for _, p := range numbers {
					key := document + " generate " + string(a)
					same(p.Case, w.browser().losing(credential.Generate, p, as, whole && document == "cedula" && a == credential.Affiliate), key)
				}
				w.clock.advance(25 * time.Hour) // the five failures of a day are another test
			}
			if !w.has("recover") {
				continue
			}
			for _, p := range numbers {
				same(p.Case, w.browser().losing(credential.Recover, p, wrong, whole && document == "cedula"), document+" recover")
			}
			w.clock.advance(25 * time.Hour)
		}
		// Everything right, but in a state that may not: what is typed is the same
		// for the person and for nobody.
		for _, c := range []string{"con-clave", "con-clave-presencial", "bloqueada", "fallecida", "registro-delgado", "primera-clave"} {
			p := w.people[c]
			if c == "registro-delgado" && !w.has("thin record") {
				continue
			}
			for _, who := range append(w.unknowns("cedula", 1), p, w.people["nueva"]) {
				same(who.Case, w.browser().losing(credential.Generate, who, p, false), "everything right of "+c)
			}
			w.clock.advance(25 * time.Hour)
		}
		// On recover the answers differ with the questions, so the page of the
		// verdict, on which they are gone, is compared.
		lost := func(p, as web.DemoPerson) []sight {
			all := w.browser().losing(credential.Recover, p, as, false)
			at := slices.IndexFunc(all, func(s sight) bool { return s.Request == "verdict" })
			return all[at : at+1]
		}
		for _, c := range []string{"fallecida", "nueva", "nueva-presencial"} {
			p := w.people[c]
			if !w.has("recover") {
				break
			}
			same(c, lost(p, p), "everything right of "+c+" who recovers")
			same("nobody", lost(w.unknowns("cedula", 1)[0], p), "everything right of "+c+" who recovers")
		}
		if walks < 60 {
			t.Errorf("only %d walks", walks)
		}
		if mails := w.box.Messages(""); len(mails) > 0 {
			t.Errorf("%d mails left before any verdict was won", len(mails))
		}
	})
}

// demoCases are the thirteen cases of the demo.
var demoCases = []string{
	"nueva", "nueva-presencial", "con-clave", "con-clave-presencial", "bloqueada", "bloqueada-presencial", "extranjera",
	"pensionista", "derechohabiente", "empleador", "fallecida", "registro-delgado", "primera-clave",
}

// effort is the work that one request makes: statements in order, with the rows
// that they wrote, and argon2id hashes.
type effort struct {
	Request    string
	Statements []string
	Hashes     int
}

// efforts measures work. The hashes are counted by the memory that each takes,
// so nothing else may run beside.
type efforts struct {
	mu         sync.Mutex
	statements []string
}

// hashMemory is far above what a request takes otherwise.
const hashMemory = 4 << 20

func (e *efforts) observe(query string, rows int64, _ time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	query = strings.Join(strings.Fields(query), " ")
	if !strings.HasPrefix(query, "SELECT") {
		query = fmt.Sprintf("%d rows: %s", rows, query)
	}
	e.statements = append(e.statements, query)
}

func (e *efforts) of(request string, f func() *answer) (effort, *answer) {
	var before, after runtime.MemStats
	e.statements = nil
	runtime.ReadMemStats(&before)
	a := f()
	runtime.ReadMemStats(&after)
	return effort{request, e.statements, int((after.TotalAlloc - before.TotalAlloc + hashMemory/2) / hashMemory)}, a
}

// The work behind every page before the verdict, and behind a lost verdict, is
// the same for whoever has the number and for nobody. Not parallel: see efforts.
func TestS9_EqualWork(t *testing.T) {
	for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
		for _, on := range everywhere {
			t.Run(string(kind)+"/"+on.name, func(t *testing.T) {
				e := &efforts{}
				w := newWorld(t, dsnOf(t, on.engine), under(on.preset), idle(), people(0), with("hash_memory_kib", strconv.Itoa(hashMemory>>10), "numbers_per_network", "200"),
					configured(func(c *Config) { c.Observe = e.observe }))
				if !w.has(string(kind)) {
					return
				}
				wrong := web.DemoPerson{Birth: "1970-01-02"}
				type contact struct {
					name  string
					p, as web.DemoPerson
				}
				nobody := w.unknowns("cedula", 2)
				contacts := []contact{{"nobody", nobody[0], wrong}, {"nobody, another", nobody[1], wrong}}
				for _, c := range demoCases {
					p := w.people[c]
					if p.Document != "cedula" {
						continue
					}
					contacts = append(contacts, contact{c + ", date wrong", p, wrong})
				}
				// For the next ones the number has been asked for before.
				again := []contact{{"nobody again", nobody[0], wrong}}
				for _, c := range []string{"con-clave", "fallecida", "registro-delgado", "primera-clave", "bloqueada", "nueva"} {
					p := w.people[c]
					if w.has("answers") || !w.wins(kind, p) {
						again = append(again, contact{c + ", answers wrong", p, wrongAnswers(p)})
					}
					if !w.wins(kind, p) {
						again = append(again, contact{c + ", all right", p, p})
					}
				}
				var want []effort
				measure := func(c contact) {
					t.Helper()
					got := losingEffort(w, e, kind, c.p, c.as)
					if want == nil {
						want = got
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s makes other work than nobody:\n%s", c.name, diff)
					}
				}
				for _, c := range contacts {
					measure(c)
				}
				hashes := 0
				for _, one := range want {
					hashes += one.Hashes
				}
				wantHashes := 0
				if kind == credential.Recover && w.has("answers") {
					wantHashes = 1
				}
				if hashes != wantHashes {
					t.Errorf("a lost verdict costs %d hashes, want %d: the measure or the product is off", hashes, wantHashes)
				}
				want = nil
				for _, c := range again {
					measure(c)
				}
			})
		}
	}
}

// Whoever used the site before is not told by the work from a number that is
// asked for the first time.
func TestS9_HistoryDoesNotTell(t *testing.T) {
	for _, on := range everywhere {
		t.Run(on.name, func(t *testing.T) {
			e := &efforts{}
			w := newWorld(t, dsnOf(t, on.engine), under(on.preset), idle(), people(0), configured(func(c *Config) { c.Observe = e.observe }))
			kind, provers := w.provers()
			p, nobody := provers[0], w.unknowns("cedula", 1)[0]
			w.browser().prove(kind, p).want(303)
			wrong := web.DemoPerson{Birth: "1970-01-02"}
			want := losingEffort(w, e, kind, nobody, wrong)
			got := losingEffort(w, e, kind, p, wrong)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("a number with a history makes other work than nobody's:\n%s", diff)
			}
		})
	}
}

// losingEffort walks to a lost verdict and gives the work of every step.
func losingEffort(w *world, e *efforts, kind credential.ProcedureKind, p, as web.DemoPerson) (all []effort) {
	w.t.Helper()
	b := w.browser()
	step := func(request string, status int, f func() *answer) *answer {
		w.t.Helper()
		one, a := e.of(request, f)
		all = append(all, one)
		return a.want(status)
	}
	step("Buscar", 303, func() *answer { return b.beginWith(kind, p.Document, p.Number, "afiliado") })
	page := step("proof page", 200, func() *answer { return b.get(journey[0]) })
	step("Continuar", 303, func() *answer { return page.press("Continuar", page.proof(as)...) })
	page = step("review", 200, func() *answer { return b.get(journey[1]) })
	step("Aceptar", 422, func() *answer { return page.press("Aceptar") })
	step("proof page again", 200, func() *answer { return b.get(journey[0]) })
	step("not earned", 303, func() *answer { return b.get(journey[6]) })
	return all
}
