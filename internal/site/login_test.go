package site

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

// logIn fills the page of the log-in.
func (b *browser) logIn(p web.DemoPerson, clave string) *answer {
	b.w.t.Helper()
	return b.get("/ingresar").want(200).press("Ingresar", "documento", p.Document, "numero", p.Number, "clave", clave)
}

// inside reports whether the browser sees an account.
func (b *browser) inside() bool {
	b.w.t.Helper()
	return b.get("/mi-cuenta").Code == 200
}

// nobody is a person whose number nobody has.
func nobody(like web.DemoPerson) web.DemoPerson {
	like.Document, like.Number = "cedula", "1710034065"
	return like
}

func TestLogIn(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		b := w.browser()
		if b.inside() {
			t.Fatal("nobody logged in, and there is an account")
		}
		b.cookies["sesion"] = "vorgegeben"
		before := b.cookies["sesion"]
		account := b.logIn(p, p.Clave).want(303).follow().want(200)
		if b.cookies["sesion"] == before {
			t.Error("the session has the token that the browser brought")
		}
		for _, want := range []string{strings.Fields(p.GivenNames)[0], "Nivel declarado", "Comprobado con un enlace", "este equipo"} {
			if !strings.Contains(account.text(), want) {
				t.Errorf("the account lacks %q: %s", want, clipText(account.text(), 600))
			}
		}
		if strings.Contains(account.text(), p.Email) {
			t.Error("the account shows the address whole")
		}
		w.restart()
		if !b.inside() {
			t.Error("a restart ends the session")
		}
		// In a second tab, from a form that stood there before.
		earlier := b.clone()
		b.get("/ingresar").want(303)
		b.send(http.MethodPost, "/ingresar", url.Values{"documento": {p.Document}, "numero": {p.Number}, "clave": {p.Clave}}).want(303)
		if earlier.inside() || !b.inside() {
			t.Error("a second log-in leaves the browser's first session open")
		}
		// Another browser sees it and closes it.
		other := w.browser()
		other.header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)")
		page := other.logIn(p, p.Clave).want(303).follow().want(200)
		page.press("Cerrar").want(303)
		if b.inside() || !other.inside() {
			t.Error("«Cerrar» ends another session than the one beside it")
		}
		stolen := other.clone()
		out := other.get("/mi-cuenta").press("Salir").want(303)
		if other.cookies["sesion"] != "" || out.Header().Get("Cache-Control") != "no-store" {
			t.Error("logging out leaves something behind")
		}
		if stolen.inside() {
			t.Error("a copied cookie outlives the log-out")
		}
	})
}

// Another session is closed with the clave given again, unless the log-in is fresh;
// a session alone closes none, and a clave tried there counts like a log-in's.
func TestClosingAsksTheClave(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle())
		p := w.people["con-clave"]
		found, owner := w.browser(), w.browser()
		found.logIn(p, p.Clave).want(303)
		w.clock.advance(6 * time.Minute)
		owner.logIn(p, p.Clave).want(303)
		page := found.get("/mi-cuenta").want(200).press("Cerrar").want(303).follow().want(200)
		if !owner.inside() {
			t.Fatal("a session that was found open closes its owner's")
		}
		page.press("Cerrar la sesión").want(422)
		page.press("Cerrar la sesión", "actual", "una clave equivocada").want(422)
		if !owner.inside() || w.charges(p) != [2]int{} {
			t.Error("a wrong clave closes a session, or is charged to a proof")
		}
		before := found.clone()
		page.press("Cerrar la sesión", "actual", p.Clave).want(303).follow().want(200)
		if owner.inside() || !found.inside() || before.inside() {
			t.Error("the right clave leaves the other session, ends this one, or keeps its token")
		}
		page.press("Cerrar la sesión", "actual", p.Clave).want(303).follow().want(200) // closed already
		if got := w.acts(p, credential.ActLoggedOut); got != 1 {
			t.Errorf("%d sessions closed in the history, want 1", got)
		}
		// Of another person: nothing happens, and nothing is told.
		q := w.people["con-clave-presencial"]
		theirs, mine := w.browser(), w.browser()
		theirs.logIn(q, q.Clave).want(303)
		mine.logIn(p, p.Clave).want(303)
		id, _, _ := strings.Cut(theirs.cookies["sesion"], ".")
		mine.send(http.MethodPost, "/mi-cuenta/sesiones", url.Values{"sesion": {id}}).want(303)
		if a := mine.get("/mi-cuenta/sesiones?sesion=" + id).want(303); a.Header().Get("Location") != "/mi-cuenta" || !theirs.inside() {
			t.Error("the session of another person was closed, or shown")
		}
	})
}

// A session ends by itself: after a while of nothing, and in the end however
// much it is used; edited, of another kind or stolen it is "please log in".
func TestSessionEnds(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	p := w.people["con-clave"]
	b := w.browser()
	b.logIn(p, p.Clave).want(303)
	w.clock.advance(15*time.Minute - time.Second)
	if !b.inside() {
		t.Error("over before its idle end")
	}
	w.clock.advance(15*time.Minute - time.Second)
	if !b.inside() {
		t.Error("its use was not noted")
	}
	w.clock.advance(15 * time.Minute)
	if b.inside() {
		t.Error("alive past its idle end")
	}
	b.logIn(p, p.Clave).want(303)
	for range 8 * 5 {
		w.clock.advance(12 * time.Minute)
		b.get("/mi-cuenta")
	}
	if b.inside() {
		t.Error("alive past its absolute end")
	}
	b.logIn(p, p.Clave).want(303)
	good := b.cookies["sesion"]
	for _, bad := range []string{"", "x", good + "x", good[:len(good)-4] + "AAAA", strings.ToUpper(good)} {
		thief := w.browser()
		thief.cookies["sesion"] = bad
		if a := thief.get("/mi-cuenta"); a.Code != 303 || !strings.HasPrefix(a.Header().Get("Location"), "/ingresar") {
			t.Errorf("cookie %q: %v", bad, a)
		}
	}
}

// A cookie of another kind, edited, made up or older than its end is "please log
// in", at every page and form of a session, and no fault at the log-in itself. A
// token that was copied while it lived is dead once its owner ended the session;
// what the browser calls itself is asked of nobody.
func TestCookieThatOpensNothing(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	p := w.people["con-clave"]
	b := w.browser()
	b.begin(credential.Recover, p).want(303)
	b.logIn(p, p.Clave).want(303)
	good := b.cookies["sesion"]
	ended := w.browser()
	ended.logIn(p, p.Clave).want(303)
	copied := ended.cookies["sesion"]
	ended.get("/mi-cuenta").press("Salir").want(303)
	other := w.browser()
	other.logIn(p, p.Clave).want(303)
	id, _, _ := strings.Cut(good, ".")
	_, secret, _ := strings.Cut(other.cookies["sesion"], ".")
	bad := map[string]string{
		"of a procedure": b.cookies["tramite"], "edited": string(flipped([]byte(good), len(good)-5)), "of two": id + "." + secret,
		"made up": "x", "long": strings.Repeat("a", 4000), "ended": copied, "cut": good[:len(good)/2],
	}
	please := func(t *testing.T, what string, a *answer) {
		t.Helper()
		if to := a.Header().Get("Location"); a.Code != 303 || to != "/ingresar?otra-vez" || a.b.cookies["sesion"] != "" {
			t.Errorf("%s: %v to %q, want the log-in and no cookie", what, a, to)
		}
	}
	check := func(name, cookie string) {
		t.Helper()
		with := func() *browser {
			b := w.browser()
			b.cookies["sesion"] = cookie
			return b
		}
		for _, path := range []string{"/mi-cuenta", "/mi-cuenta/historia", "/mi-cuenta/historia.csv"} {
			please(t, name+" "+path, with().get(path))
		}
		please(t, name+" close", with().send(http.MethodPost, "/mi-cuenta/sesiones", url.Values{"sesion": {id}}))
		please(t, name+" change", with().send(http.MethodPost, "/clave/cambiar", url.Values{"actual": {p.Clave}, "clave": {goodClave}, "repita": {goodClave}, "acuerdo": {"si"}}))
		with().get("/ingresar").want(200)
		with().get("/clave/cambiar").want(200)
		with().send(http.MethodPost, "/salir", nil).want(303)
		in := with()
		in.send(http.MethodPost, "/ingresar", url.Values{"documento": {p.Document}, "numero": {p.Number}, "clave": {p.Clave}}).want(303)
		if !in.inside() || in.cookies["sesion"] == cookie {
			t.Errorf("%s: no log-in with it", name)
		}
		in.get("/mi-cuenta").press("Salir").want(303)
	}
	for name, cookie := range bad {
		check(name, cookie)
	}
	b.header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)")
	if !b.inside() || !w.hasClave(p, p.Clave) {
		t.Error("a session ended, or the clave is another, by cookies that open nothing")
	}
	w.clock.advance(15 * time.Minute)
	check("old", good)
}

// The page that was sent empty names everything that is missing.
func TestLogInNamesAllFaults(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	page := w.browser().get("/ingresar").want(200).press("Ingresar").want(422)
	if got := page.faults(); !slices.Equal(got, []string{"numero", "clave"}) {
		t.Errorf("the page names %v", got)
	}
}

// A lock says until what hour of what day, and says the same of a number that
// nobody has.
func TestLockSaysUntilWhen(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle(), with("lock_life", "2h"))
	p := w.people["con-clave"]
	b := w.browser()
	var pages []string
	for _, who := range []web.DemoPerson{p, nobody(p)} {
		began := w.clock.Now()
		for range 5 {
			b.logIn(who, "una clave equivocada").want(422)
			w.clock.advance(10 * time.Second)
		}
		page := b.logIn(who, who.Clave).want(429)
		want := words.Spanish().DateTime(began.Add(2 * time.Hour))
		if !strings.Contains(page.text(), want) {
			t.Errorf("the lock does not say %q: %s", want, clipText(page.text(), 500))
		}
		pages = append(pages, strings.NewReplacer(who.Number, "·", want, "·").Replace(page.Body.String()))
		w.clock.advance(time.Minute - 50*time.Second)
	}
	if pages[0] != pages[1] {
		t.Error("a lock tells who has a clave")
	}
}

// From every page of a session one gets out, and no browser keeps one.
func TestPagesInside(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	p := w.people["con-clave-presencial"]
	b := w.browser()
	account := b.logIn(p, p.Clave).want(303).follow().want(200)
	if local, domain, _ := strings.Cut(p.Email, "@"); !strings.Contains(account.text(), local[len(local)-1:]+"@"+domain) || strings.Contains(account.text(), p.Email) {
		t.Errorf("who was seen in person cannot tell their address: %s", clipText(account.text(), 600))
	}
	w.browser().logIn(p, p.Clave).want(303)
	todo, seen := []string{"/mi-cuenta", "/clave/cambiar/listo-adentro", "/clave/cambiar/listo-conservadas"}, map[string]bool{}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		page := b.get(path).want(200)
		if page.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %q", path, page.Header().Get("Cache-Control"))
		}
		if !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
			continue
		}
		if action, _ := page.form("Salir"); action != "/salir" {
			t.Errorf("%s: «Salir» leads to %s", path, action)
		}
		main := find(page.root, func(n *html.Node) bool { return n.Data == "main" })
		for link := range descendants(main, "a") {
			if to := attr(link, "href"); strings.HasPrefix(to, "/mi-cuenta") || to == "/clave/cambiar" {
				todo = append(todo, to)
			}
		}
	}
	if !seen["/clave/cambiar"] || !seen["/mi-cuenta/historia"] {
		t.Errorf("seen only %v", seen)
	}
}

// Unknown, locked, never activated, dead and wrong: one answer, one work.
func TestS8_LogInTellsNothing(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		var statements []string
		var mu sync.Mutex
		w := newWorld(t, dsn, idle(), configured(func(c *Config) {
			c.Observe = func(query string, _ int64, _ time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				statements = append(statements, query)
			}
		}))
		known := w.people["con-clave"]
		var text string
		var work []string
		for i, p := range []web.DemoPerson{known, nobody(known), w.people["nueva"], w.people["fallecida"], w.people["registro-delgado"]} {
			page := w.browser().get("/ingresar").want(200)
			mu.Lock()
			statements = nil
			mu.Unlock()
			clave := "otra cosa muy distinta"
			if p.Case == "fallecida" {
				clave = p.Clave
			}
			a := page.press("Ingresar", "documento", p.Document, "numero", p.Number, "clave", clave).want(422)
			body := strings.ReplaceAll(a.Body.String(), p.Number, "·")
			mu.Lock()
			did := slices.Clone(statements)
			mu.Unlock()
			if i == 0 {
				text, work = body, did
				continue
			}
			if body != text {
				t.Errorf("%s %s: another page", p.Case, p.Number)
			}
			if !slices.Equal(did, work) {
				t.Errorf("%s: %d statements, want the %d of a wrong clave", p.Case, len(did), len(work))
			}
		}
	})
}

// Five wrong claves lock browsers that the person is not known by, for a day, for
// ghosts alike; a session, a known browser and a recovery go on.
func TestS20_LockIsNoWeapon(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, with("proven_mails", "100"))
		p := w.people["con-clave"]
		known, live := w.browser(), w.browser()
		known.finished(credential.Recover, p, p.Email, goodClave)
		live.logIn(p, goodClave).want(303)
		for _, who := range []web.DemoPerson{p, nobody(p)} {
			for i := range 5 {
				w.browser().logIn(who, "una clave equivocada").want(422)
				if i > 0 {
					wait := w.browser().logIn(who, "una clave equivocada").want(429)
					if wait.Header().Get("Retry-After") == "" {
						t.Error("a wait does not say how long")
					}
				}
				w.clock.advance(10 * time.Second)
			}
			for _, clave := range []string{"una clave equivocada", goodClave} {
				w.browser().logIn(who, clave).want(429)
			}
		}
		if !live.inside() {
			t.Error("a lock ended a session")
		}
		known.logIn(p, goodClave).want(303)
		if !known.inside() {
			t.Error("a lock keeps a known browser out")
		}
		w.clock.advance(24 * time.Hour)
		w.browser().logIn(p, goodClave).want(303)
	})
}

// Of fifty at once at most five are compared.
func TestS16_FiftyLogIns(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle())
		p := w.people["con-clave"]
		page := w.browser().get("/ingresar").want(200)
		_, inputs := page.form("Ingresar")
		inputs.Set("numero", p.Number)
		inputs.Set("clave", "una clave equivocada")
		var all sync.WaitGroup
		codes := make([]int, 50)
		for i := range codes {
			b := w.browser()
			all.Go(func() { codes[i] = b.send(http.MethodPost, "/ingresar", inputs).Code })
		}
		all.Wait()
		compared := 0
		for _, code := range codes {
			switch code {
			case 422:
				compared++
			case 429, 503:
			default:
				t.Errorf("status %d", code)
			}
		}
		if compared < 1 || compared > 5 {
			t.Errorf("%d compared, want 1 to 5", compared)
		}
	})
}

// After a recovery every session is dead, and nobody is logged in by it (S23).
func TestS23_RecoveryEndsSessions(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		thief, owner := w.browser(), w.browser()
		thief.logIn(p, p.Clave).want(303)
		owner.finished(credential.Recover, p, p.Email, goodClave)
		if thief.inside() || owner.inside() {
			t.Error("a session is alive after the recovery")
		}
		owner.logIn(p, p.Clave).want(422)
		w.clock.advance(time.Minute)
		owner.logIn(p, goodClave).want(303)
	})
}

func TestChange(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		const next = "otro-colibrí-distinto-81"
		form := func(current, clave string) []string {
			return []string{
				"documento", p.Document, "numero", p.Number, "actual", current, "clave", clave, "repita", clave, "acuerdo", "si",
			}
		}
		thief, owner := w.browser(), w.browser()
		thief.logIn(p, p.Clave).want(303)
		page := owner.get("/clave/cambiar").want(200)
		page.press("Cambiar clave", form("una clave equivocada", next)...).want(422)
		w.clock.advance(time.Minute)
		// What is of the person is said only after the current clave was right.
		own := p.Number + "zq"
		wrong := page.press("Cambiar clave", form("una clave equivocada", own)...).want(422)
		if strings.Contains(wrong.text(), "datos suyos") {
			t.Error("own data is told without the current clave")
		}
		w.clock.advance(time.Minute)
		right := page.press("Cambiar clave", form(p.Clave, own)...).want(422)
		if !strings.Contains(right.text(), "datos suyos") {
			t.Errorf("own data is not told: %s", clipText(right.text(), 300))
		}
		page.press("Cambiar clave", form(p.Clave, p.Clave)...).want(422)
		page.press("Cambiar clave", form(p.Clave, next)...).want(303)
		if thief.inside() || !w.hasClave(p, next) {
			t.Error("the change did not end a session, or was not stored")
		}
		w.settled()
		if n := len(w.mails(p.Email, "Aviso: se cambió su clave")); n != 1 {
			t.Errorf("%d notices, want 1", n)
		}
		// Inside a session no number is asked, and this session goes on.
		owner.logIn(p, next).want(303)
		copied := owner.clone()
		inside := owner.get("/clave/cambiar").want(200)
		if _, inputs := inside.form("Cambiar clave"); inputs.Has("numero") {
			t.Error("a number is asked inside a session")
		}
		inside.press("Cambiar clave", "actual", next, "clave", goodClave, "repita", goodClave, "acuerdo", "si").want(303)
		if !owner.inside() || !w.hasClave(p, goodClave) {
			t.Error("the change inside a session ended it, or was not stored")
		}
		if copied.inside() {
			t.Error("a copied cookie outlives the change of clave")
		}
		inside.press("Cambiar clave", "actual", goodClave, "clave", next, "repita", next).want(422) // without the agreement
	})
}

// A clave that the institution handed over opens nothing but the change, for a day.
func TestFirstClave(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	p := w.people["primera-clave"]
	b := w.browser()
	to := b.logIn(p, p.Clave).want(303)
	if b.inside() || !strings.HasPrefix(to.Header().Get("Location"), "/clave/cambiar") {
		t.Errorf("a first clave leads to %s", to.Header().Get("Location"))
	}
	form := []string{"documento", p.Document, "numero", p.Number, "actual", p.Clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si"}
	if sight := fmt.Sprint(to.Header()); strings.Contains(sight, p.Number) {
		t.Errorf("the number stands in %s", sight)
	}
	page := to.follow().want(200)
	if _, inputs := page.form("Cambiar clave"); inputs.Get("numero") != p.Number || inputs.Get("documento") != p.Document {
		t.Errorf("the number is asked twice: %v", inputs)
	}
	if again := b.get("/clave/cambiar?primera").want(200); strings.Contains(again.Body.String(), p.Number) {
		t.Error("who opens the page next in this browser sees the number")
	}
	page.press("Cambiar clave", "actual", p.Clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si").want(303)
	b.logIn(p, goodClave).want(303)
	if !b.inside() {
		t.Error("the changed clave opens nothing")
	}
	other := newWorld(t, dsnOf(t, "sqlite"))
	p = other.people["primera-clave"]
	late := other.browser()
	to = late.logIn(p, p.Clave).want(303)
	edited := late.clone()
	edited.cookies["numero"] = string(flipped([]byte(edited.cookies["numero"]), 40))
	other.clock.advance(credential.SealedNumberLife)
	for name, b := range map[string]*browser{"late": late, "edited": edited} {
		if page := b.get(to.Header().Get("Location")).want(200); strings.Contains(page.Body.String(), p.Number) || b.cookies["numero"] != "" {
			t.Errorf("%s: a cookie that is worth nothing fills the number in, or stays", name)
		}
	}
	page = other.browser().get("/clave/cambiar").want(200)
	other.clock.advance(24*time.Hour + time.Second)
	form[3], form[5] = p.Number, p.Clave
	other.browser().logIn(p, p.Clave).want(422) // as if it were wrong
	other.clock.advance(time.Minute)
	page.press("Cambiar clave", form...).want(422)
}

// A person reads the acts on their account since it was proven, and at level 2 all
// of them, staff's with office and reason.
func TestHistory(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		stranger := w.browser()
		stranger.logIn(p, "una clave equivocada").want(422)
		w.clock.advance(time.Minute)
		b := w.browser()
		b.logIn(p, p.Clave).want(303)
		text := b.get("/mi-cuenta/historia").want(200).text()
		for _, want := range []string{"Se probó una clave equivocada", "Se ingresó a la cuenta"} {
			if !strings.Contains(text, want) {
				t.Errorf("the history lacks %q: %s", want, clipText(text, 500))
			}
		}
		w.clock.advance(time.Minute)
		recovered := w.browser()
		recovered.finished(credential.Recover, p, p.Email, goodClave)
		recovered.logIn(p, goodClave).want(303)
		if text := recovered.get("/mi-cuenta/historia").want(200).text(); strings.Contains(text, "equivocada") {
			t.Error("level 1 reads what was before its proof")
		}
		table := recovered.get("/mi-cuenta/historia.csv").want(200)
		if !strings.Contains(table.Body.String(), "Se recuperó la clave") || table.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("the table: %s", table.Body)
		}
		w.browser().get("/mi-cuenta/historia").want(303)
		w.browser().get("/mi-cuenta/historia.csv").want(303)
	})
}

// The history shows what was asked of it: a kind of acts, days, one page after the
// other; the file has the same acts on all pages.
func TestHistoryFilter(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle())
		p := w.people["con-clave-presencial"]
		subject := w.subject(p)
		began := w.clock.Now()
		err := w.site.Store.Update(t.Context(), subject.Shard(), func(tx credential.Tx) error {
			entry := credential.AuditEntry{Subject: subject, Actor: credential.Staff, Act: credential.ActActivationCodeIssued, Office: "Quito Sur",
				At: began, Route: "r", Details: map[string]string{"reason": "=Vino con su cédula"}}
			err := tx.Audit(entry)
			entry.Actor, entry.Office, entry.Details = credential.Citizen, "", nil
			entry.Act = credential.ActObjected
			err = errors.Join(err, tx.Audit(entry))
			entry.Act = credential.ActClaveChanged
			for i := range 120 {
				entry.At = began.Add(time.Duration(i) * time.Second)
				err = errors.Join(err, tx.Audit(entry))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.clock.advance(48 * time.Hour)
		b := w.browser()
		b.logIn(p, p.Clave).want(303)
		acts := func(a *answer) (list []string) {
			for act := range descendants(find(a.root, func(n *html.Node) bool { return n.Data == "dl" }), "dd") {
				list = append(list, strings.TrimSpace(textOf(find(act, func(n *html.Node) bool { return n.Data == "p" }))))
			}
			return list
		}
		link := func(a *answer, text string) string {
			for link := range descendants(a.root, "a") {
				if strings.TrimSpace(textOf(link)) == text {
					return attr(link, "href")
				}
			}
			return ""
		}
		const changed, in, issued, pressed = "Se cambió la clave", "Se ingresó a la cuenta", "Se entregó un código de activación", "Se presionó «No fui yo» y se canceló un cambio de correo"
		page := b.get("/mi-cuenta/historia").want(200)
		var all []string
		for n := 1; ; n++ {
			shown := acts(page)
			all = append(all, shown...)
			older := link(page, "Más antiguo")
			if older == "" {
				break
			}
			if len(shown) != 50 || n > 3 {
				t.Fatalf("page %d has %d acts", n, len(shown))
			}
			page = b.get(older).want(200)
		}
		if len(all) < 123 || all[0] != in || !slices.Contains(all, issued) || !slices.Contains(all, pressed) {
			t.Errorf("%d acts on all pages, the first %q", len(all), all[0])
		}
		if newer := link(page, "Más reciente"); newer != "/mi-cuenta/historia?pagina=2" {
			t.Errorf("the third page leads back to %q", newer)
		}
		// As the form sends it.
		form, inputs := b.get("/mi-cuenta/historia").want(200).form("Mostrar")
		ask := func(pairs ...string) *answer {
			asked := url.Values{}
			for name := range inputs {
				asked.Set(name, "")
			}
			for i := 0; i < len(pairs); i += 2 {
				asked.Set(pairs[i], pairs[i+1])
			}
			return b.get(form + "?" + asked.Encode())
		}
		day, next := words.InputDay(began), words.InputDay(w.clock.Now())
		for _, c := range []struct {
			name  string
			pairs []string
			want  []string // all of them
		}{
			{"log-ins", []string{"que", "ingresos"}, []string{in}},
			{"log-ins before", []string{"que", "ingresos", "hasta", day}, nil},
			{"log-ins since", []string{"que", "ingresos", "desde", next, "hasta", next}, []string{in}},
			{"the day before", []string{"desde", "1/1/2020", "hasta", words.InputDay(began.AddDate(0, 0, -1))}, nil},
		} {
			page := ask(c.pairs...).want(200)
			if got := acts(page); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
		for kind, want := range map[string]string{"claves": changed, "personal": issued, "correo": pressed, "otros": "Se creó la cuenta de demostración"} {
			page := ask("que", kind, "hasta", day).want(200)
			if got := acts(page); !slices.Contains(got, want) || slices.Contains(got, in) {
				t.Errorf("%s: %v", kind, clipText(strings.Join(got, ", "), 300))
			}
		}
		staff := ask("que", "personal").want(200)
		if text := staff.text(); !strings.Contains(text, "Quito Sur") || !strings.Contains(text, "Motivo: =Vino con su cédula") {
			t.Errorf("an act of staff lacks office or reason: %s", clipText(text, 900))
		}
		// The file has the same, with no page between.
		table := b.get(link(staff, "Descargar esta selección como tabla")).want(200).Body.String()
		if strings.Contains(table, in) || !strings.Contains(table, ",Quito Sur,'=Vino con su cédula,") {
			t.Errorf("the file of the selection: %s", table)
		}
		table = b.get("/mi-cuenta/historia.csv?que=claves&pagina=2").want(200).Body.String()
		if n := strings.Count(table, changed); n != 120 {
			t.Errorf("%d changes in the file, want 120", n)
		}
		// What is no kind, day or page.
		for query, want := range map[string][]string{
			"que=nada": {"que"}, "desde=ayer&hasta=31/2/2026": {"desde", "hasta"}, "desde=2026-03-06&hasta=2026-03-05": {"hasta"},
		} {
			if got := b.get("/mi-cuenta/historia?" + query).want(422).faults(); !slices.Equal(got, want) {
				t.Errorf("%s: faults %v, want %v", query, got, want)
			}
			b.get("/mi-cuenta/historia.csv?" + query).want(303).follow().want(422)
			w.browser().get("/mi-cuenta/historia?" + query).want(303)
		}
		for _, page := range []string{"0", "-1", "x", "201", "99999999999999999999"} {
			b.get("/mi-cuenta/historia?pagina=" + page).want(404)
		}
		if got := acts(b.get("/mi-cuenta/historia?pagina=200").want(200)); len(got) != 0 {
			t.Errorf("page 200 has %v", got)
		}
	})
}

// A hundred wrong claves of strangers bind strangers alone; a new clave begins a
// new count, for browsers that are known and for others.
func TestS21_AHundredOfStrangers(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), with("proven_mails", "100", "people_per_mailbox", "100"))
	p := w.people["con-clave"]
	known := w.browser()
	known.finished(credential.Recover, p, p.Email, goodClave)
	fail := func(b *browser, times int) {
		t.Helper()
		for i := range times {
			if i%5 == 0 {
				w.clock.advance(25 * time.Hour)
			}
			w.clock.advance(10 * time.Second)
			b.logIn(p, "una clave equivocada").want(422)
		}
		w.clock.advance(25 * time.Hour)
	}
	fail(w.browser(), 100)
	w.browser().logIn(p, goodClave).want(422) // the hundred are spent, and nothing tells
	w.clock.advance(time.Minute)
	known.logIn(p, goodClave).want(303)
	fail(w.browser(), 100)
	fail(known, 100)
	known.logIn(p, goodClave).want(422)
	again := w.browser()
	again.finished(credential.Recover, p, p.Email, "otro-colibrí-distinto-81")
	again.logIn(p, "otro-colibrí-distinto-81").want(303)
	w.browser().logIn(p, "otro-colibrí-distinto-81").want(303)
}

// While strangers fill the gate, a browser that the person is known by is let in.
func TestS21_AFullGateServesTheKnown(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), with("gate_running", "1", "gate_queue", "1", "numbers_per_network", "0"))
	p := w.people["con-clave"]
	known := w.browser()
	known.finished(credential.Recover, p, p.Email, goodClave)
	page := known.get("/ingresar").want(200)
	form := func(p web.DemoPerson, clave string) url.Values {
		_, inputs := page.form("Ingresar")
		inputs.Set("numero", p.Number)
		inputs.Set("clave", clave)
		return inputs
	}
	var next, refused atomic.Int32
	var all sync.WaitGroup
	full, served := make(chan struct{}), make(chan struct{})
	for range 8 {
		stranger := w.browser()
		all.Go(func() {
			for {
				select {
				case <-served:
					return
				default:
				}
				who := w.people[fmt.Sprintf("azar-%d", next.Add(1)%200+1)]
				if stranger.lean(http.MethodPost, "/ingresar", form(who, "una clave equivocada")).Code == 503 && refused.Add(1) == 20 {
					close(full)
				}
			}
		})
	}
	<-full
	for i := range 5 {
		if code := known.lean(http.MethodPost, "/ingresar", form(p, goodClave)).Code; code != 303 {
			t.Errorf("log-in %d of a known browser in a crowd: %d, want 303", i, code)
		}
		delete(known.cookies, "sesion")
	}
	close(served)
	all.Wait()
}

// A recovery to the confirmed address ends the lock of the browser that one has, too.
func TestRecoveryEndsTheLockOfAKnownBrowser(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), with("proven_mails", "100"))
	p := w.people["con-clave"]
	b := w.browser()
	b.finished(credential.Recover, p, p.Email, goodClave)
	for range 5 {
		w.clock.advance(10 * time.Second)
		b.logIn(p, "una clave equivocada").want(422)
	}
	b.logIn(p, goodClave).want(429)
	b.finished(credential.Recover, p, p.Email, "otro-colibrí-distinto-81")
	b.logIn(p, "otro-colibrí-distinto-81").want(303)
}

// What a person kept under guia, one answer, is neither shown nor a proof under
// ficha-2026: everybody is asked three.
func TestOneAnswerIsNoProofOfThree(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Guia), idle())
	config := w.site.config
	w.halt()
	var err error
	config.Policy, err = credential.Preset(credential.Ficha2026)
	if err == nil {
		err = errors.Join(config.Policy.Set("captcha_cost", "0", true), config.Policy.Set("hash_memory_kib", "64", true),
			config.Policy.Set("hash_passes", "1", true), config.Policy.Set("numbers_per_network", "0", true))
	}
	if err != nil {
		t.Fatal(err)
	}
	w.site, err = New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	w.handler, w.halt = w.site.Web.Citizens(), func() { _ = w.site.Close() }
	p := w.people["con-clave"]
	for _, who := range []web.DemoPerson{p, nobody(p)} {
		page := w.browser().begin(credential.Recover, who).want(303).follow().want(200)
		if n := len(page.questions()) - 1; n != 3 { // «Mes» is a list, too
			t.Errorf("%s: %d questions, want 3", who.Number, n)
		}
		page.press("Continuar", page.proof(p)...).want(303).follow().press("Aceptar").want(422)
	}
}

// A network that tries claves on many numbers is refused, for numbers that nobody
// has alike.
func TestS10_LogInsOfANetwork(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle(), with("numbers_per_network", "3"))
	p := w.people["con-clave"]
	for _, who := range append(w.unknowns("cedula", 2), p) {
		w.browser().logIn(who, "una clave equivocada").want(422)
	}
	other := w.people["con-clave-presencial"]
	w.browser().logIn(other, other.Clave).want(429)
	w.clock.advance(time.Minute)
	w.browser().logIn(p, p.Clave).want(303) // not a new number
	elsewhere := w.browser()
	elsewhere.addr = "198.51.100.7:40000"
	elsewhere.logIn(other, other.Clave).want(303)
}
