package site

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// ownQuestion walks a person who recovers up to the own question behind the
// link; their n-th mail brings it.
func (b *browser) ownQuestion(p web.DemoPerson, n int) *answer {
	b.w.t.Helper()
	b.sent(credential.Recover, p, p.Email)
	return b.continued(linkIn(b.w.t, b.w.activation(p.Email, n), "/clave/enlace/"))
}

// continued opens a link and presses «Continuar», with a birthday where it asks one.
func (b *browser) continued(link string, birthday ...string) *answer {
	b.w.t.Helper()
	page := b.get(link).want(303).follow().want(200).press("Continuar", birthday...).want(303).follow().want(200)
	if page.path != pathOwnQuestion {
		b.w.t.Fatalf("the link leads to %s", page.path)
	}
	return page
}

// The whole date is asked and held against the calendar, before anything is
// spent, and all of it counts.
func TestGuia_WholeDate(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Guia), idle())
	for kind, p := range map[credential.ProcedureKind]web.DemoPerson{
		credential.Generate: w.people["nueva"], credential.Recover: w.people["con-clave"],
	} {
		page := w.browser().begin(kind, p).follow().want(200)
		for _, c := range []struct {
			day, month, year string
			status           int
		}{
			{"29", "2", "2001", 422}, {"29", "2", "1900", 422}, {"29", "2", "2000", 303}, {"31", "4", "1980", 422}, {"0", "4", "1980", 422},
			{"1", "13", "1980", 422}, {"1", "1", "", 422}, {"1", "1", "80", 422}, {"1", "1", "1889", 422}, {"1", "1", "1890", 303},
			{"21", "11", "2026", 422}, {"20", "11", "2026", 303}, {"1", "1", "2027", 422}, {"1", "1", "19800", 422}, {"1", "1", "mil", 422}, {"1", "1", "-1980", 422},
		} {
			a := page.press("Continuar", "dia", c.day, "mes", c.month, "anio", c.year)
			if a.Code != c.status {
				t.Errorf("%s: %s.%s.%s: status %d, want %d", kind, c.day, c.month, c.year, a.Code, c.status)
			}
		}
		if n := w.charges(p); n != [2]int{} {
			t.Errorf("%s: dates alone cost %v", kind, n)
		}
		other := p
		for _, birth := range []string{"1931" + p.Birth[4:], p.Birth[:5] + "02-01"} {
			other.Birth = birth
			w.browser().verdict(kind, p, other).want(422)
		}
		if n := w.charges(p); n != [2]int{0, 2} {
			t.Errorf("%s: two wrong dates cost %v", kind, n)
		}
		w.browser().verdict(kind, p, p).want(303)
		if n := w.charges(p); n != [2]int{0, 2} {
			t.Errorf("%s: after a right date the windows hold %v", kind, n)
		}
	}
}

// Five wrong dates close a number for the window, for its owner as for anybody,
// and for nobody's numbers alike: else the date could be guessed by trying.
func TestGuia_DateLimits(t *testing.T) {
	for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Guia), idle(), people(60))
			nobody := w.unknowns("cedula", 3)
			for i, owner := range w.owners(kind, 3) {
				var statuses []string
				try := func(as web.DemoPerson, comparable bool) {
					t.Helper()
					none, known := w.browser().verdict(kind, nobody[i], as), w.browser().verdict(kind, owner, as)
					if want, got := none.sight("verdict", false), known.sight("verdict", false); comparable && !reflect.DeepEqual(want, got) {
						t.Errorf("the owner is told from nobody:\n%s", clipText(cmp.Diff(want, got), 2000))
					}
					if known.Code == 429 && known.Header().Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
					statuses = append(statuses, fmt.Sprint(known.Code))
				}
				wrong := web.DemoPerson{Birth: "1970-01-02"}
				want := ""
				switch i {
				case 0: // closed within the window, open after it
					for range 5 {
						try(wrong, true)
					}
					try(wrong, true)
					try(owner, true)
					w.clock.advance(24*time.Hour - time.Millisecond)
					try(owner, true)
					w.clock.advance(time.Millisecond)
					try(wrong, true)
					try(owner, false)
					want = "422×5 429×3 422×1 303×1"
				case 1: // the owner between four wrong ones spends nothing
					for range 4 {
						try(wrong, true)
					}
					for range 2 {
						w.browser().verdict(kind, owner, owner).want(303)
					}
					try(wrong, true)
					try(owner, true)
					want = "422×5 429×1"
				case 2: // twenty in thirty days
					for range 4 {
						for range 5 {
							try(wrong, true)
						}
						w.clock.advance(25 * time.Hour)
					}
					try(owner, true)
					w.clock.advance(27 * 24 * time.Hour)
					try(wrong, true)
					try(owner, false)
					want = "422×20 429×1 422×1 303×1"
				}
				if got := counted(statuses); got != want {
					t.Errorf("history %d: statuses %s, want %s", i, got, want)
				}
				w.clock.advance(40 * 24 * time.Hour)
			}
		})
	}
}

// Of fifty wrong dates at once five are verdicts, and then the right one is none.
func TestGuia_DatesAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Guia), idle())
		p := w.people["con-clave"]
		for _, who := range []web.DemoPerson{p, w.unknowns("cedula", 1)[0]} {
			var pages []*answer
			for range 50 {
				pages = append(pages, w.browser().review(credential.Recover, who, wrongDate(p)))
			}
			got := map[int]int{}
			for _, a := range together(pages, func(a *answer) *answer { return a.press("Aceptar") }) {
				got[a.Code]++
			}
			if diff := cmp.Diff(map[int]int{422: 5, 429: 45}, got); diff != "" {
				t.Errorf("statuses of fifty at once:\n%s", diff)
			}
			if n := w.charges(who); n != [2]int{0, 5} {
				t.Errorf("the windows hold %v", n)
			}
			w.browser().verdict(credential.Recover, who, p).want(429)
		}
		w.clock.advance(24 * time.Hour)
		w.browser().verdict(credential.Recover, p, p).want(303)
	})
}

// faults gives where the summary of problems leads to.
func (a *answer) faults() (fields []string) {
	for link := range descendants(find(a.root, func(n *html.Node) bool { return n.Data == "main" }), "a") {
		if field, ok := strings.CutPrefix(attr(link, "href"), "#"); ok && !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

// The page of picture, question and contact: each field has its rule, all are
// named at once, and what was taken is kept.
func TestGuia_SecurityPage(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Guia))
		p := w.people["nueva"]
		page := w.browser().prove(credential.Generate, p).want(303).follow().want(200)
		if n := len(credential.SecurityImages()); n < 12 || strings.Count(page.Body.String(), `name="imagen"`) != n {
			t.Errorf("%d pictures, of which the page offers %d", n, strings.Count(page.Body.String(), `name="imagen"`))
		}
		good := page.filled("nueva@correo.example")
		surname := strings.Fields(p.Surnames)[0]
		for _, c := range []struct{ name, value string }{
			{"imagen", ""}, {"imagen", "../../etc"}, {"imagen", "Luna"}, {"pregunta", ""}, {"pregunta", "mother"},
			{"respuesta", ""}, {"respuesta", " . "}, {"respuesta", "ab"}, {"respuesta", strings.Repeat("a", 101)}, {"respuesta", surname}, {"respuesta", p.Number},
			{"respuesta", p.Birth}, {"telefono", "12345"}, {"telefono", "0991234567890123"}, {"telefono", "099-CASA-77"}, {"telefono", "099+1234567"},
			{"telefono", "٠٩٩٨٧٦٥٤٣"}, {"telefono", strings.Repeat("9", 5000)}, {"correo", "no es"}, {"correo", ""},
		} {
			a := page.press("Continuar", append(slices.Clone(good), c.name, c.value)...)
			if a.Code != 422 || len(a.faults()) == 0 || !slices.ContainsFunc(a.faults(), func(f string) bool { return strings.HasPrefix(f, c.name) }) {
				t.Errorf("%s %q: status %d, problems at %q", c.name, clipText(c.value, 40), a.Code, a.faults())
			}
		}
		all := page.press("Continuar", "imagen", "x", "pregunta", "x", "respuesta", "a", "telefono", "1", "correo", "x").want(422).faults()
		for _, field := range []string{"imagen", "pregunta", "telefono", "correo"} {
			if !slices.ContainsFunc(all, func(f string) bool { return strings.HasPrefix(f, field) }) {
				t.Errorf("of a page that is wrong all over, %s is not named: %q", field, all)
			}
		}
		page.b.get(journey[4]).want(303) // nothing of it earned the review
		for _, phone := range []string{"", "0998765432", "+593 99 876 5432", "(02) 234-5678", "2.345.678"} {
			page.press("Continuar", append(slices.Clone(good), "telefono", phone)...).want(303)
		}
		page.press("Continuar", append(slices.Clone(good), "telefono", "+593 (99) 876-5432")...).want(303).follow().want(200).press("Aceptar").want(303)
		page.b.opened(w.activation("nueva@correo.example", 1), p).setClave(goodClave).want(303)
		a := w.mustAccount(p)
		if a.Image != credential.SecurityImages()[3] || a.Phone.Reveal() != "+593998765432" ||
			!slices.Equal(a.Answers.Questions, credential.PersonalQuestions()[:1]) || a.Level != credential.Declared {
			t.Errorf("kept: picture %q, telephone %q, questions %v, level %v", a.Image, a.Phone.Reveal(), a.Answers.Questions, a.Level)
		}

		// Where the address was verified in person it is not asked, and not taken.
		p = w.people["nueva-presencial"]
		page = w.browser().prove(credential.Generate, p).want(303).follow().want(200)
		if _, inputs := page.form("Continuar"); inputs.Has("correo") || strings.Contains(page.Body.String(), p.Email) {
			t.Error("an address verified in person is asked for, or shown in the open")
		}
		page = page.press("Continuar", append(page.filled(""), "correo", "ladron@correo.example")...).want(303).follow().want(200)
		page.press("Aceptar").want(303)
		page.b.opened(w.activation(p.Email, 1), p).setClave(goodClave).want(303)
		if got := w.mustAccount(p).Level; got != credential.InPerson || len(w.mails("ladron@correo.example", "")) > 0 {
			t.Errorf("level %v, %d mails to a typed address", got, len(w.mails("ladron@correo.example", "")))
		}
	})
}

// The own question stands behind the link, in the browser that asked for it and
// in any other, and nothing leads past it.
func TestGuia_OwnQuestion(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Guia))
		p := w.people["con-clave"]
		b := w.browser()
		waiting := b.sent(credential.Recover, p, p.Email)
		m := w.activation(p.Email, 1)
		link := linkIn(t, m, "/clave/enlace/")
		b.get(pathOwnQuestion).want(303)
		byCode := waiting.press("Continuar", "codigo", lineIn(t, m, "Código")).want(303).follow().want(200)
		past := func(page *answer) {
			t.Helper()
			if page.path != pathOwnQuestion || len(page.asked()) != 1 {
				t.Fatalf("%s asks %q", page.path, page.asked())
			}
			for _, path := range []string{journey[6], journey[5], journey[7], journey[3]} {
				if to := page.b.get(path).want(303).Header().Get("Location"); to != pathOwnQuestion {
					t.Errorf("GET %s leads to %s", path, to)
				}
			}
			form := url.Values{"tramite": {page.procedure()}, "declaro": {"on"}, "clave": {goodClave}, "repita": {goodClave}}
			if to := page.b.send(http.MethodPost, journey[6], form).want(303).Header().Get("Location"); to != pathOwnQuestion {
				t.Errorf("POST %s leads to %s", journey[6], to)
			}
			page.b.send(http.MethodPost, journey[6]+"/frase", form).want(404)
		}
		past(byCode)
		past(b.continued(link))

		// Elsewhere: the birthday first, then the same question, anew.
		other := w.browser()
		other.get(link).want(303).follow().want(200).press("Continuar", "dia", "2", "mes", "1").want(422)
		page := other.continued(link, proofDate(p)...)
		past(page)
		if got := page.asked(); !slices.Equal(got, byCode.asked()) {
			t.Errorf("elsewhere %q is asked", got)
		}
		b.get(journey[6]).want(410) // it moved
		thief := other.clone()
		last := page.own(p)
		if last.path != journey[6] {
			t.Fatalf("the answer leads to %s", last.path)
		}
		thief.get(journey[6]).want(410) // a cookie of before opens nothing
		// What was answered stays answered here; whoever comes next is asked.
		if to := other.get(link).want(303).follow().want(200).press("Continuar").want(303).Header().Get("Location"); to != journey[6] {
			t.Errorf("opened again, the link leads to %s", to)
		}
		past(w.browser().continued(link, proofDate(p)...))
		w.browser().continued(link, proofDate(p)...).own(p).setClave(goodClave).want(303)
		if !w.hasClave(p, goodClave) {
			t.Error("the clave is not the one that was set")
		}
		w.browser().get(link).want(410)
	})
}

// Wrong answers are charged like proofs: five, in all browsers together, and
// then the right one is not looked at until the window has room again.
func TestGuia_OwnQuestionTries(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Guia))
		p := w.people["con-clave"]
		b := w.browser()
		page := b.ownQuestion(p, 1)
		for _, shape := range []string{"", "  ", "¿?", strings.Repeat("a", 101)} {
			pairs := page.answers(p)
			page.press("Continuar", pairs[0], shape).want(422)
		}
		if n := w.charges(p); n != [2]int{} {
			t.Errorf("what is no answer cost %v", n)
		}
		page.press("Continuar", page.answers(wrongAnswers(p))...).want(422)
		second := b.ownQuestion(p, 2)
		for range 3 {
			second.press("Continuar", second.answers(wrongAnswers(p))...).want(422)
		}
		third := w.browser().ownQuestion(p, 3)
		lost := third.press("Continuar", third.answers(wrongAnswers(p))...).want(422)
		for id, answer := range map[string]string{"answer": p.Answers[third.asked()[0]], "mail": p.Email} {
			if strings.Contains(lost.Body.String(), html.EscapeString(answer)) {
				t.Errorf("a lost try shows the %s", id)
			}
		}
		if n := w.charges(p); n != [2]int{5, 0} {
			t.Errorf("after five wrong answers the windows hold %v", n)
		}
		refused := third.press("Continuar", third.answers(p)...).want(429)
		if refused.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		third.b.get(journey[6]).want(303)
		w.clock.advance(24 * time.Hour)
		w.browser().ownQuestion(p, 4).own(p).setClave(goodClave).want(303)
		if n := w.charges(p); n[0] != 0 && !w.hasClave(p, goodClave) {
			t.Errorf("a right answer did not give its charge back: %v", n)
		}
	})
}

// Of fifty wrong answers at once five are compared.
func TestGuia_OwnQuestionAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Guia))
		p := w.people["con-clave"]
		page := w.browser().ownQuestion(p, 1)
		var pages []*answer
		for range 50 {
			pages = append(pages, page.b.clone().get(pathOwnQuestion).want(200))
		}
		got := map[int]int{}
		for _, a := range together(pages, func(a *answer) *answer { return a.press("Continuar", a.answers(wrongAnswers(p))...) }) {
			got[a.Code]++
		}
		if diff := cmp.Diff(map[int]int{422: 5, 429: 45}, got); diff != "" {
			t.Errorf("statuses of fifty at once:\n%s", diff)
		}
		if n := w.charges(p); n != [2]int{5, 0} {
			t.Errorf("the windows hold %v", n)
		}
		page.press("Continuar", page.answers(p)...).want(429)
	})
}

// The picture is shown in a browser that its owner is known by, and in no other;
// nothing else of the page differs.
func TestGuia_Picture(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Guia))
	p, other := w.people["con-clave"], w.people["con-clave-presencial"]
	known := w.browser()
	known.finished(credential.Recover, p, p.Email, goodClave)
	picture := string(w.mustAccount(p).Image)
	if picture == "" || p.Image == "" {
		t.Fatalf("the person has picture %q, %q", picture, p.Image)
	}
	shown := known.ownQuestion(p, 2)
	// Nobody's browser, one with an invented cookie, and one that knows another person.
	stranger, forged, others := w.browser(), w.browser(), w.browser()
	forged.cookies["dispositivo"] = strings.Repeat("A", len(known.cookies["dispositivo"]))
	others.finished(credential.Recover, other, other.Email, goodClave)
	body := func(a *answer) string { return reference.ReplaceAllString(a.sight("", false).Body, "") }
	var plain string
	for i, b := range []*browser{stranger, forged, others} {
		page := b.ownQuestion(p, 3+i)
		if strings.Contains(page.Body.String(), "image-") || strings.Contains(page.text(), p.Image) {
			t.Errorf("browser %d sees a picture", i)
		}
		if plain == "" {
			plain = body(page)
		} else if body(page) != plain {
			t.Errorf("browser %d sees another page:\n%s", i, cmp.Diff(plain, body(page)))
		}
	}
	if !strings.Contains(shown.Body.String(), "image-"+picture+".svg") || !strings.Contains(shown.Body.String(), p.Image) {
		t.Error("the known browser sees no picture")
	}
	without := strings.Split(body(shown), "\n")
	from := slices.IndexFunc(without, func(line string) bool { return strings.Contains(line, "</h1>") })
	to := slices.IndexFunc(without, func(line string) bool { return strings.Contains(line, `id="formulario"`) })
	rest := strings.Split(plain, "\n")
	restFrom := slices.IndexFunc(rest, func(line string) bool { return strings.Contains(line, "</h1>") })
	restTo := slices.IndexFunc(rest, func(line string) bool { return strings.Contains(line, `id="formulario"`) })
	if !slices.Equal(without[:from], rest[:restFrom]) || !slices.Equal(without[to:], rest[restTo:]) {
		t.Errorf("more than the picture differs:\n%s", cmp.Diff(rest, without))
	}
	// Before the link no browser is shown any, known or not.
	for _, b := range []*browser{known, stranger} {
		page := b.begin(credential.Recover, p).follow().want(200)
		all := page.Body.String() + page.press("Continuar", page.proof(p)...).follow().Body.String()
		if strings.Contains(all, "image-") {
			t.Error("a picture is shown before the link")
		}
	}
}

// The log-in shows the picture of the one person that a browser is known by, before
// anything is typed and whatever is typed; all other browsers get the page of those
// that nobody is known by, byte for byte.
func TestGuia_PictureAtLogIn(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Guia))
		p, other := w.people["con-clave"], w.people["con-clave-presencial"]
		known := w.browser()
		known.finished(credential.Recover, p, p.Email, goodClave)
		picture := "image-" + string(w.mustAccount(p).Image) + ".svg"
		sees := func(a *answer) bool { return strings.Contains(a.Body.String(), "image-") }
		if page := known.get("/ingresar").want(200); !strings.Contains(page.Body.String(), picture) || !strings.Contains(page.text(), p.Image) && find(page.root, func(n *html.Node) bool { return attr(n, "alt") == p.Image }) == nil {
			t.Error("the known browser sees no picture, or one without a text")
		}
		// Whoever's number is typed, the page is the same.
		var bodies []string
		for _, who := range []web.DemoPerson{p, other, nobody(p)} {
			page := known.logIn(who, "una clave equivocada").want(422)
			if !strings.Contains(page.Body.String(), picture) {
				t.Errorf("the picture is gone for %s", who.Number)
			}
			bodies = append(bodies, strings.ReplaceAll(page.Body.String(), who.Number, "·"))
		}
		if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
			t.Error("a number that this browser knows gets another page")
		}
		if known.logIn(p, goodClave).want(303); !known.inside() {
			t.Error("no log-in with the picture")
		}
		known.get("/mi-cuenta").press("Salir")
		// Nobody's browser, one with an invented cookie, and one that knows two people.
		stranger, forged, two := w.browser(), w.browser(), known.clone()
		forged.cookies["dispositivo"] = strings.Repeat("A", len(known.cookies["dispositivo"]))
		two.finished(credential.Recover, other, other.Email, goodClave)
		plain := stranger.get("/ingresar").want(200)
		for name, b := range map[string]*browser{"nobody's": stranger, "forged": forged, "of two": two} {
			page := b.get("/ingresar").want(200)
			if sees(page) || page.Body.String() != plain.Body.String() || len(page.Result().Cookies()) > 0 {
				t.Errorf("%s: not the page of a browser that knows nobody", name)
			}
		}
		// A new clave elsewhere makes this browser forget its owner, and leaves the other.
		w.browser().finished(credential.Recover, p, p.Email, "otro-colibrí-distinto-81")
		if page := two.get("/ingresar").want(200); strings.Contains(page.Body.String(), picture) || !sees(page) {
			t.Error("the picture of who is forgotten is shown, or that of who is left is not")
		}
		// Another policy shows none.
		w.switchTo(credential.Ficha2026)
		if sees(two.get("/ingresar").want(200)) {
			t.Error("ficha-2026 shows a picture")
		}
	})
}

// A charge of the own question stands when the request panics or is rolled back
// after it; with the gate full nothing is spent.
func TestGuia_AChargeStands(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		var db spy
		w := newWorld(t, dsn, under(credential.Guia), with("gate_running", "1", "gate_queue", "0"), db.option())
		p, q := w.people["con-clave"], w.people["con-clave-presencial"]
		page, other := w.browser().ownQuestion(p, 1), w.browser().ownQuestion(q, 1)
		w.settled()
		for i, as := range []web.DemoPerson{wrongAnswers(p), p} {
			charged := 0
			db.set(func(query string) {
				if strings.HasPrefix(query, "UPDATE attempts") || strings.HasPrefix(query, "INSERT INTO attempts") {
					charged++
				}
				if charged > 1 || strings.HasPrefix(query, "INSERT INTO marks") {
					panic("a fault after the charge")
				}
			})
			page.press("Continuar", page.answers(as)...).want(500)
			db.set(nil)
			if n := w.charges(p); n != [2]int{i + 1, 0} {
				t.Errorf("after %d panics the windows hold %v", i+1, n)
			}
		}
		inside, leave := make(chan struct{}), make(chan struct{})
		first := true
		db.set(func(query string) {
			if strings.Contains(query, "FROM attempts") && first {
				first = false
				close(inside)
				<-leave
			}
		})
		done := make(chan *answer)
		go func() { done <- page.press("Continuar", page.answers(p)...) }()
		<-inside // it holds the only place in the gate
		full := other.press("Continuar", other.answers(q)...)
		close(leave)
		(<-done).want(303)
		db.set(nil)
		if full.Code != http.StatusServiceUnavailable || full.Header().Get("Retry-After") == "" {
			t.Errorf("with the gate full: status %d, Retry-After %q", full.Code, full.Header().Get("Retry-After"))
		}
		if n := w.charges(q); n != [2]int{} {
			t.Errorf("what was refused before the charge cost %v", n)
		}
		if n := w.charges(p); n != [2]int{2, 0} {
			t.Errorf("a success gave back more or less than its own: %v", n)
		}
		other.own(q)
	})
}

// No browser, language, new start or restart brings another question, or the
// five tries anew.
func TestGuia_NothingRerolls(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Guia))
	p := w.people["con-clave"]
	var first []string
	for i, language := range []string{"es-EC", "en", "qu", "xx;q=broken", "es-EC"} {
		b := w.browser()
		b.header.Set("Accept-Language", language)
		if i == 3 {
			w.restart()
		}
		page := b.ownQuestion(p, i+1)
		if first == nil {
			first = page.asked()
		}
		if len(first) != 1 || !slices.Equal(page.asked(), first) {
			t.Errorf("browser %d is asked %q, the first %q", i+1, page.asked(), first)
		}
		page.press("Continuar", page.answers(wrongAnswers(p))...).want(422)
	}
	w.restart()
	for _, wrong := range []web.DemoPerson{wrongDate(p), w.unknowns("cedula", 1)[0]} { // dates, too
		for range 5 {
			w.browser().verdict(credential.Recover, wrong, web.DemoPerson{Birth: "1970-01-02"}).want(422)
		}
		w.restart()
		w.browser().verdict(credential.Recover, wrong, p).want(429)
	}
}
