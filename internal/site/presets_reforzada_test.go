package site

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
	"aldaba/internal/web"
)

// issued is a person with a code that staff made by the real use case.
func (w *world) issued(p web.DemoPerson) web.DemoPerson {
	w.t.Helper()
	n, err := credential.ParseNumber(credential.Document(p.Document), p.Number)
	if err != nil {
		w.t.Fatal(err)
	}
	by := credential.Actor{Kind: credential.System, Route: "prueba"}
	p.Activation, _, err = w.site.Service.IssueActivationCode(w.t.Context(), by, n, "Quito", "vino con su cédula")
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// A first clave by a code is level 2, and the code works once.
func TestReforzada_Code(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Reforzada))
		p := w.issued(w.people["nueva"])
		other := w.browser()
		other.prove(credential.Generate, p).want(303).follow().want(200)
		w.browser().finished(credential.Generate, p, "nueva@correo.example", goodClave)
		if a := w.mustAccount(p); a.Level != credential.InPerson || !w.hasClave(p, goodClave) {
			t.Errorf("by a code the level is %v", a.Level)
		}
		other.get(journey[3]).want(410)                                    // what was proven by the same code is over
		w.browser().verdict(credential.Generate, p, p).want(422)           // used
		w.browser().verdict(credential.Generate, w.issued(p), p).want(422) // the older one
		// Whoever comes again is seen again, and needs no second person for it.
		w.browser().verdict(credential.Generate, p, w.issued(p)).want(303)
	})
}

// Of sixteen procedures proven by one code, each at its last page, one wins.
func TestReforzada_OneCodeOneWinner(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Reforzada), with("proven_mails", "100"))
		p, to := w.issued(w.people["nueva"]), "nueva@correo.example"
		var pages []*answer
		clave := map[*answer]string{}
		for i := range 16 {
			b := w.browser()
			b.sent(credential.Generate, p, to)
			page := b.opened(w.activation(to, i+1), p)
			pages, clave[page] = append(pages, page), fmt.Sprintf("colibrí-maletín-abrigo-%02d", i)
		}
		won := ""
		for i, a := range together(pages, func(page *answer) *answer { return page.setClave(clave[page]) }) {
			switch {
			case a.Code == 303 && won == "":
				won = clave[pages[i]]
			case a.Code != 410:
				t.Errorf("press %d: status %d beside a winner, want 410", i, a.Code)
			}
		}
		if won == "" || !w.hasClave(p, won) {
			t.Errorf("the stored clave is not the winner's %q", won)
		}
	})
}

// What a code is worth: for its person, for a day, until a newer one, once.
func TestReforzada_CodeRules(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Reforzada))
		p := w.issued(w.people["nueva"])
		typed := func(code string) *answer {
			as := p
			as.Activation = code
			return w.browser().verdict(credential.Generate, p, as)
		}
		for _, spelling := range []string{p.Activation, strings.ToLower(p.Activation), strings.ReplaceAll(p.Activation, "-", ""),
			" " + strings.Join(strings.Split(p.Activation, ""), " ") + " ", strings.ReplaceAll(p.Activation, "-", "–")} {
			typed(spelling).want(303)
		}
		if n := w.charges(p); n != [2]int{} {
			t.Errorf("right codes cost %v", n)
		}
		// Of another shape: refused on its page, and nothing spent.
		page := w.browser().begin(credential.Generate, p).follow().want(200)
		right := page.proof(p)
		for _, bad := range []string{"ABCDE", "ABCDE-2345", "ABCDE-234567", "ABCDE-2345O", "ABCDE-2345I", "ABCDE-2345Ñ", "ABCDE-23４56", strings.Repeat("A", 5000)} {
			page.press("Continuar", append(right, "activacion", bad)...).want(422)
		}
		if n := w.charges(p); n != [2]int{} {
			t.Errorf("codes of another shape cost %v", n)
		}
		// Until its end, whatever happened to the program meanwhile.
		w.clock.advance(24*time.Hour - time.Second)
		typed(p.Activation).want(303)
		w.restart()
		w.clock.advance(time.Second)
		typed(p.Activation).want(422)
		old := p.Activation
		p = w.issued(p)
		typed(old).want(422)
		typed(p.Activation).want(303)
		// One that somebody was proven by, and that a newer one replaced before
		// «Generar»: the procedure is over, and nothing was set.
		b := w.browser()
		b.sent(credential.Generate, p, "nueva@correo.example")
		last := b.opened(w.activation("nueva@correo.example", 1), p)
		p = w.issued(p)
		last.setClave(goodClave).want(410)
		if w.hasClave(p, goodClave) {
			t.Error("a code that a newer one replaced set a clave")
		}
		// Another person's code, and another person's row put in place of one's own.
		q := w.issued(w.people["pensionista"])
		typed(q.Activation).want(422)
		a, c := w.subject(p), w.subject(q)
		w.exec("CREATE TABLE aside AS SELECT subject, mac FROM activation_codes")
		if n := w.exec("UPDATE activation_codes SET mac = (SELECT o.mac FROM aside o WHERE o.subject = $1) WHERE subject = $2", c[:], a[:]); n != 1 {
			t.Fatalf("%d rows", n)
		}
		typed(q.Activation).want(422)
		w.clock.advance(24 * time.Hour)

		// Wrong ones are counted apart from other proofs: after five everybody is told
		// to wait, but whoever knows number and birth date spends nobody's code.
		p = w.issued(p)
		before := w.charges(p)
		for range 5 {
			typed(wrongCode).want(422)
		}
		if n := w.charges(p); n[0] != 5 || n[1] != before[1]+5 { // strangers' failures are kept for longer
			t.Errorf("after five wrong codes the windows hold %v, before %v", n, before)
		}
		if a := typed(wrongCode).want(429); a.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		typed(p.Activation).want(303)
	})
}

// A first clave without a code: the mail goes to an address verified in person,
// and to nobody else.
func TestReforzada_WithoutCode(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Reforzada))
	for _, c := range []string{"nueva", "pensionista", "con-clave", "con-clave-presencial", "fallecida", "registro-delgado", "primera-clave"} {
		w.browser().untold(credential.Generate, w.people[c], w.people[c])
	}
	w.browser().untold(credential.Generate, w.people["nueva-presencial"], wrongDate(w.people["nueva-presencial"]))
	w.settled()
	if mails := w.box.Messages(""); len(mails) > 0 {
		t.Fatalf("%d mails, the first to %s", len(mails), mails[0].To)
	}
	p := w.people["nueva-presencial"]
	b := w.browser()
	b.untold(credential.Generate, p, p)
	b.opened(w.activation(p.Email, 1), p).setClave(goodClave).want(303)
	if a := w.mustAccount(p); a.Level != credential.InPerson || !w.hasClave(p, goodClave) {
		t.Errorf("by an address verified in person the level is %v", a.Level)
	}
}

// A recover goes to no address that its owner has not confirmed: the register's
// word alone is none.
func TestReforzada_UnconfirmedAddress(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Reforzada))
	p := w.people["con-clave"]
	s := w.subject(p)
	err := w.site.Store.Update(t.Context(), s.Shard(), func(tx credential.Tx) error {
		on, err := tx.Addresses(s)
		for _, a := range on {
			a.Provenance.Origin = credential.OriginImported
			if err == nil {
				err = tx.PutAddress(a)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.browser().untold(credential.Recover, p, p)
	w.settled()
	if mails := w.box.Messages(""); len(mails) > 0 {
		t.Errorf("%d mails, the first to %s", len(mails), mails[0].To)
	}
}

// untold walks a number up to the page that waits, without a code.
func (b *browser) untold(kind credential.ProcedureKind, p, as web.DemoPerson) *answer {
	b.w.t.Helper()
	review := b.reviewUntold(kind, p, as)
	return review.press("Aceptar").want(303).follow().want(200)
}

func (b *browser) reviewUntold(kind credential.ProcedureKind, p, as web.DemoPerson) *answer {
	b.w.t.Helper()
	page := b.beginWith(kind, p.Document, p.Number, "afiliado").want(303).follow().want(200)
	pairs := page.proof(as)
	if kind == credential.Generate {
		pairs = append(pairs, "activacion", "")
	}
	return page.press("Continuar", pairs...).want(303).follow().want(200)
}

// walker is one who waits for a mail: with the date that is typed.
type walker struct {
	name  string
	p, as web.DemoPerson
	b     *browser
	seen  []sight
}

// reference is what a page shows of a procedure's reference.
var reference = regexp.MustCompile(`\b[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}\b`)

func (r *walker) note(request string, a *answer) {
	s := a.sight(request, false)
	s.Body = reference.ReplaceAllString(s.Body, "<reference>")
	r.seen = append(r.seen, s)
}

// Where no verdict is told, everybody sees one page, byte for byte, for as long
// as there is one: whatever date was typed, whoever has the number, and whatever
// became of the mail and of its link elsewhere.
func TestReforzada_OnePageForAll(t *testing.T) {
	for _, kind := range []credential.ProcedureKind{credential.Recover, credential.Generate} {
		t.Run(string(kind), func(t *testing.T) {
			engines(t, func(t *testing.T, dsn string) { onePageForAll(t, dsn, kind) })
		})
	}
}

func onePageForAll(t *testing.T, dsn string, kind credential.ProcedureKind) {
	refused := map[string]int{}
	w := newWorld(t, dsn, under(credential.Reforzada), refusing(func(to string) error {
		if code := refused[to]; code != 0 {
			return &mailbox.Refusal{Code: code, Text: "no"}
		}
		return nil
	}))
	refused[w.people["bloqueada"].Email] = 550
	refused[w.people["bloqueada-presencial"].Email] = 451
	var walkers []*walker
	add := func(name string, p, as web.DemoPerson) {
		walkers = append(walkers, &walker{name: name, p: p, as: as, b: w.browser()})
	}
	nobody := w.unknowns("cedula", 2)
	add("nobody", nobody[0], w.people["con-clave"])
	add("another nobody", nobody[1], w.people["fallecida"])
	for _, c := range demoCases {
		if p := w.people[c]; p.Document == "cedula" {
			add(c, p, p)
			add(c+", wrong date", p, wrongDate(p))
		}
	}
	each := func(do func(r *walker)) {
		for _, r := range walkers {
			do(r)
		}
	}
	var others []string // on one database only: the pages are the same
	if !strings.HasPrefix(dsn, "postgres") {
		others = append([]string{"/clave/enlace"}, journey...)
	}
	look := func(when string) {
		each(func(r *walker) {
			for _, path := range append([]string{journey[5] + "/estado", journey[5]}, others...) {
				r.note(when+": GET "+path, r.b.peek(http.MethodGet, path, nil))
			}
			if len(others) == 0 {
				return
			}
			id, _, _ := strings.Cut(r.b.cookies["tramite"], ".")
			for _, path := range []string{journey[0], journey[1], journey[2], journey[3], journey[4], journey[6], journey[6] + "/frase", pathOwnQuestion, "/clave/generar-recuperar/mas-tiempo"} {
				r.note(when+": POST "+path, r.b.peek(http.MethodPost, path, url.Values{"tramite": {id}, "correo": {"a@correo.example"},
					"declaro": {"on"}, "clave": {goodClave}, "repita": {goodClave}}))
			}
		})
	}
	press := func(what, path string, pairs ...string) {
		each(func(r *walker) {
			id, _, _ := strings.Cut(r.b.cookies["tramite"], ".")
			values := url.Values{"tramite": {id}}
			for i := 0; i < len(pairs); i += 2 {
				values.Set(pairs[i], pairs[i+1])
			}
			r.note(what, r.b.peek(http.MethodPost, path, values))
		})
	}
	each(func(r *walker) { r.note("Aceptar", r.b.reviewUntold(kind, r.p, r.as).press("Aceptar").want(303)) })
	look("asked")
	owner := w.people["con-clave"]
	if kind == credential.Generate {
		owner = w.people["nueva-presencial"]
	}
	// mailed waits for the owner's n-th mail, and until the program has noted when the
	// relay took it: its time counts from then.
	mailed := func(n int) {
		w.waitFor("mail", func() bool { return len(w.mails(owner.Email, "")) == n })
		w.waitFor("note of it", func() (noted bool) {
			at := slices.IndexFunc(walkers, func(r *walker) bool { return r.name == owner.Case })
			text, _, _ := strings.Cut(walkers[at].b.cookies["tramite"], ".")
			id, _ := credential.ParseID(text)
			w.view(func(tx credential.Tx) error {
				p, err := tx.Procedure(id)
				noted = !p.Accepted.IsZero()
				return err
			})
			return noted
		})
	}
	mailed(1)
	look("the relay has answered")
	press("malformed code", journey[5], "codigo", "12")
	press("wrong code", journey[5], "codigo", "000000")
	w.clock.advance(time.Minute)
	press("again", journey[5]+"/reenviar")
	mailed(2)
	look("sent again")
	// The owner comes too late elsewhere, and asks for another mail there; opens its
	// link, and finishes.
	late := linkIn(t, w.mails(owner.Email, "")[0], "/clave/enlace/")
	w.clock.advance(w.policy().LinkLife)
	look("the time of the second mail is over")
	w.browser().get(late).want(410).press("Enviar de nuevo", proofDate(owner)...).want(200)
	mailed(3)
	look("another mail was asked for elsewhere")
	press("again", journey[5]+"/reenviar")
	mailed(4)
	elsewhere := w.browser()
	m := w.mails(owner.Email, "")[0]
	page := elsewhere.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().want(200)
	look("the link was opened elsewhere")
	page = page.press("Continuar", proofDate(owner)...).want(303).follow().want(200)
	look("and held")
	page.setClave(goodClave).want(303)
	if !w.hasClave(owner, goodClave) {
		t.Fatal("the owner set no clave")
	}
	look("the owner has finished elsewhere")
	press("wrong code", journey[5], "codigo", "000001")
	press("again", journey[5]+"/reenviar")
	w.clock.advance(w.policy().LinkLife - time.Second)
	look("a second before the end")
	w.clock.advance(time.Second)
	look("the time of the mail is over")
	for n := range 4 { // the sixth press of each is one too many
		if n < 3 {
			press("again", journey[5]+"/reenviar")
		}
		press("wrong code", journey[5], "codigo", strconv.Itoa(100001+n))
	}
	look("all is spent")
	w.clock.advance(2 * time.Hour)
	look("the procedure is over")
	press("end", "/clave/generar-recuperar/terminar")

	for _, r := range walkers[1:] {
		for i, got := range r.seen {
			if want := walkers[0].seen[i]; !reflect.DeepEqual(want, got) {
				t.Errorf("%s is told apart from nobody, %s:\n%s", r.name, got.Request, clipText(cmp.Diff(want, got), 3000))
				break
			}
		}
	}
	statuses := map[string][]string{}
	for _, s := range walkers[0].seen {
		if !strings.Contains(s.Request, ":") {
			statuses[s.Request] = append(statuses[s.Request], strconv.Itoa(s.Status))
		}
	}
	want := map[string][]string{
		"Aceptar": {"303"}, "malformed code": {"422"}, "end": {"200"},
		"wrong code": {"422", "422", "422", "422", "422", "429"}, "again": {"303", "303", "303", "303", "303", "429"},
	}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("statuses:\n%s", diff)
	}
	// Nobody was mailed at an address that was not proven before.
	for _, m := range w.box.Messages("") {
		ok := false
		for _, r := range walkers {
			ok = ok || m.To == r.p.Email && r.name == r.p.Case && (r.p.Clave != "") == (kind == credential.Recover)
		}
		if !ok {
			t.Errorf("a mail went to %s", m.To)
		}
	}
}

// «Aceptar», «Enviar de nuevo» and a wrong code make the same work whoever has
// the number. Not parallel: see efforts.
func TestReforzada_EqualWork(t *testing.T) {
	for _, kind := range []credential.ProcedureKind{credential.Recover, credential.Generate} {
		for _, engine := range []string{"sqlite", "postgres"} {
			t.Run(string(kind)+"/"+engine, func(t *testing.T) {
				e := &efforts{}
				w := newWorld(t, dsnOf(t, engine), under(credential.Reforzada), idle(), people(0),
					with("hash_memory_kib", strconv.Itoa(hashMemory>>10), "numbers_per_network", "200"),
					configured(func(c *Config) { c.Observe = e.observe }))
				nobody := w.unknowns("cedula", 2)
				all := []*walker{{name: "nobody", p: nobody[0], as: w.people["con-clave"]}, {name: "another", p: nobody[1], as: w.people["con-clave"]}}
				for _, c := range demoCases {
					if p := w.people[c]; p.Document == "cedula" {
						all = append(all, &walker{name: c, p: p, as: p})
					}
				}
				var want []effort
				for _, r := range all {
					b := w.browser()
					review := b.reviewUntold(kind, r.p, r.as)
					var got []effort
					step := func(request string, status int, f func() *answer) *answer {
						t.Helper()
						one, a := e.of(request, f)
						got = append(got, one)
						return a.want(status)
					}
					step("Aceptar", 303, func() *answer { return review.press("Aceptar") })
					page := step("page", 200, func() *answer { return b.get(journey[5]) })
					w.deliver()
					step("page again", 200, func() *answer { return b.get(journey[5]) })
					step("status", 200, func() *answer { return b.get(journey[5] + "/estado") })
					step("wrong code", 422, func() *answer { return page.press("Continuar", "codigo", "000000") })
					step("again", 303, func() *answer { return page.press("Enviar de nuevo") })
					w.deliver()
					step("wrong code again", 422, func() *answer { return page.press("Continuar", "codigo", "000001") })
					if want == nil {
						want = got
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s makes other work than nobody:\n%s", r.name, diff)
					}
				}
				for _, one := range want {
					if one.Hashes != 0 {
						t.Errorf("%s hashes %d times", one.Request, one.Hashes)
					}
				}
			})
		}
	}
}

// deliver does the dispatcher's part, with a relay that takes everything.
func (w *world) deliver() {
	w.t.Helper()
	mails, err := w.site.Service.NextMails(w.t.Context(), 100)
	for _, m := range mails {
		if err == nil {
			err = w.site.Service.MailAccepted(w.t.Context(), m)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Mails asked with a birth date alone are capped in silence, and a living link
// goes on living. Strangers with wrong dates use up nothing of the owner's.
func TestReforzada_UnprovenMails(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Reforzada))
		p := w.people["con-clave"]
		for range 8 {
			stranger := w.browser().untold(credential.Recover, p, wrongDate(p))
			stranger.press("Enviar de nuevo").want(303)
		}
		w.settled()
		if n := len(w.mails(p.Email, "")); n != 0 {
			t.Fatalf("%d mails by wrong dates", n)
		}
		var pages []string
		var first *browser
		var link string
		for n := 1; n <= 7; n++ {
			b := w.browser()
			page := b.untold(credential.Recover, p, p)
			pages = append(pages, reference.ReplaceAllString(page.text(), ""))
			if n == 1 {
				first = b
			}
			if n <= 5 {
				link = linkIn(t, w.activation(p.Email, n), "/clave/enlace/")
			}
		}
		first.get(journey[5]).press("Enviar de nuevo").want(303)
		w.settled()
		if n := len(w.mails(p.Email, "")); n != 5 {
			t.Errorf("%d mails left, the cap is five", n)
		}
		for i, text := range pages {
			if text != pages[0] {
				t.Errorf("page %d tells of the cap:\n%s", i+1, cmp.Diff(pages[0], text))
			}
		}
		w.browser().get(link).want(303)
		m := w.mails(p.Email, "")[4] // of the first procedure, whose further mail was not sent
		first.get(linkIn(t, m, "/clave/enlace/")).want(303)
		w.clock.advance(24 * time.Hour)
		w.browser().finished(credential.Recover, p, p.Email, goodClave)
	})
}

// The code of the mail, typed in the tab that waits, holds for that mail alone;
// the link opened elsewhere asks the birthday, of a count of its own.
func TestReforzada_WaitingTab(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Reforzada))
		p := w.people["con-clave"]
		stranger, tab := w.browser(), w.browser()
		strangers := stranger.untold(credential.Recover, p, wrongDate(p))
		page := tab.untold(credential.Recover, p, p)
		m := w.activation(p.Email, 1)
		strangers.press("Continuar", "codigo", lineIn(t, m, "Código")).want(422)
		strangers.b.get(journey[6]).want(303)
		// Elsewhere, five wrong birthdays are too many; the tab has its five codes.
		thief := w.browser()
		link := linkIn(t, m, "/clave/enlace/")
		behind := thief.get(link).want(303).follow().want(200)
		for range 5 {
			behind.press("Continuar", "dia", "2", "mes", "1").want(422)
		}
		behind.press("Continuar", proofDate(p)...).want(429)
		for range 4 {
			page.press("Continuar", "codigo", "000000").want(422)
		}
		copied := tab.clone()
		last := page.press("Continuar", "codigo", lineIn(t, m, "Código")).want(303).follow().want(200)
		if last.path != journey[6] {
			t.Fatalf("the code leads to %s", last.path)
		}
		copied.get(journey[6]).want(410) // a cookie of before opens nothing
		last.setClave(goodClave).want(303)
		for _, b := range []*browser{tab, thief} {
			if over := b.get(link).want(410); !strings.Contains(over.text(), "ya se usó") {
				t.Errorf("a used link says: %s", clipText(over.text(), 200))
			}
		}

		// Opened in two other browsers: each goes on alone, and one finishes.
		p = w.people["con-clave-presencial"]
		w.browser().untold(credential.Recover, p, p)
		link = linkIn(t, w.activation(p.Email, 1), "/clave/enlace/")
		var lasts []*answer
		for range 2 {
			page := w.browser().get(link).want(303).follow().want(200)
			lasts = append(lasts, page.press("Continuar", proofDate(p)...).want(303).follow().want(200))
		}
		got := map[int]int{}
		for _, a := range together(lasts, func(a *answer) *answer { return a.setClave(goodClave + a.procedure()) }) {
			got[a.Code]++
		}
		if diff := cmp.Diff(map[int]int{303: 1, 410: 1}, got); diff != "" {
			t.Errorf("two browsers behind one link:\n%s", diff)
		}
		if over := w.browser().get(link).want(410); !strings.Contains(over.text(), "ya se usó") {
			t.Errorf("a link that was used elsewhere says: %s", clipText(over.text(), 200))
		}
	})
}

// A number asked for without a verdict counts for its network, which may ask for
// five times as many as may fail.
func TestReforzada_Network(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Reforzada), idle(), with("numbers_per_network", "1"))
	like := w.people["con-clave"]
	asked := append(w.unknowns("cedula", 4), like)
	for _, p := range asked {
		w.browser().untold(credential.Recover, p, like)
	}
	for _, p := range append(w.unknowns("cedula", 5)[4:], w.people["bloqueada"]) {
		w.browser().review(credential.Recover, p, like).press("Aceptar").want(429)
	}
	w.browser().untold(credential.Recover, like, like) // not a new number
	elsewhere := w.browser()
	elsewhere.addr = "198.51.100.7:40000"
	elsewhere.untold(credential.Recover, w.people["bloqueada"], like)
}

// Trust, the rows of this policy: a code or an address verified in person here
// is level 2; the register's mark is not.
func TestReforzada_Trust(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, under(credential.Reforzada))
		marked := w.people["derechohabiente"]
		marked.Email, marked.Activation = "marcada@correo.example", ""
		subject := w.subject(marked)
		err := w.site.Store.Update(t.Context(), subject.Shard(), func(tx credential.Tx) error {
			email, err := credential.ParseEmail(marked.Email)
			if err != nil {
				return err
			}
			return tx.PutAddress(credential.Address{Subject: subject, ID: credential.NewSeedID(subject), Email: email,
				Provenance: credential.Provenance{Origin: credential.OriginImportedInPerson, At: w.clock.Now()}})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name  string
			kind  credential.ProcedureKind
			p     web.DemoPerson
			typed string
			code  bool
			level credential.Level
			from  credential.Origin
		}{
			{"a code and a typed address", credential.Generate, w.people["nueva"], "a1@correo.example", true, credential.InPerson, credential.OriginConfirmed},
			{"a code and an address on record", credential.Generate, w.people["con-clave"], w.people["con-clave"].Email, true, credential.InPerson, credential.OriginConfirmed},
			{"an address confirmed before", credential.Recover, w.people["bloqueada"], "", false, credential.Declared, credential.OriginConfirmed},
			{"an address verified in person", credential.Recover, w.people["con-clave-presencial"], "", false, credential.InPerson, credential.OriginInPerson},
			{"the same, for a first clave", credential.Generate, w.people["nueva-presencial"], "", false, credential.InPerson, credential.OriginInPerson},
			{"the register's mark", credential.Generate, marked, "", false, credential.Declared, credential.OriginImportedInPerson},
		} {
			b, to := w.browser(), c.p.Email
			if c.code {
				to = c.typed
				b.sent(c.kind, w.issued(c.p), to)
			} else {
				b.untold(c.kind, c.p, c.p)
			}
			b.opened(w.activation(to, 1), c.p).setClave(goodClave).want(303)
			if got := w.mustAccount(c.p).Level; got != c.level {
				t.Errorf("%s: level %v, want %v", c.name, got, c.level)
			}
			var got []string
			err := w.site.Store.View(t.Context(), func(tx credential.Tx) error {
				on, err := tx.Addresses(w.subject(c.p))
				for _, a := range on {
					got = append(got, a.Email.Reveal()+" "+string(a.Provenance.Origin))
				}
				return err
			})
			if diff := cmp.Diff([]string{to + " " + string(c.from)}, got); err != nil || diff != "" {
				t.Errorf("%s: addresses on record (%v):\n%s", c.name, err, diff)
			}
		}
	})
}
