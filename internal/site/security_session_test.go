package site

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// The cases of docs/security-cases.md for log in, lock, change, unlock and sessions.

// unlockLink asks an unlock for a locked person and gives the mail's link.
func (w *world) unlockLink(p web.DemoPerson) string {
	w.t.Helper()
	n := len(w.mails(p.Email, unlockSubject))
	w.browser().askUnlock(p).want(303)
	w.waitFor("unlock mail", func() bool { return len(w.mails(p.Email, unlockSubject)) > n })
	w.settled()
	return linkIn(w.t, w.mails(p.Email, unlockSubject)[0], "/clave/enlace/")
}

// A link opened in a browser where the same person, or another, is logged in says
// what it is, logs nobody in and touches no session that is not its own.
func TestS3_LinkBesideASession(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p, other := w.people["con-clave-presencial"], w.people["con-clave"]
		asked := w.browser()
		asked.sent(credential.Recover, p, p.Email)
		link := linkIn(t, w.activation(p.Email, 1), "/clave/enlace/")
		same, foreign := w.browser(), w.browser()
		same.logIn(p, p.Clave).want(303)
		foreign.logIn(other, other.Clave).want(303)
		for name, b := range map[string]*browser{"same": same, "foreign": foreign} {
			before := b.cookies["sesion"]
			page := b.get(link).want(303).follow().want(200)
			if !strings.Contains(page.text(), "Continuar") || b.cookies["sesion"] != before || !b.inside() {
				t.Errorf("%s: the link ended or changed a session, or its page is not the link's", name)
			}
		}
		foreign.get("/clave/enlace").want(200).press("Continuar", proofDate(p)...).want(303).follow().want(200).setClave(goodClave).want(303)
		if !foreign.inside() || same.inside() || !w.hasClave(p, goodClave) || !w.hasClave(other, other.Clave) {
			t.Error("the new clave ends its owner's sessions and nobody else's")
		}
		if text := foreign.get("/mi-cuenta").want(200).text(); !strings.Contains(text, strings.Fields(other.GivenNames)[0]) {
			t.Error("the link of one logged another in")
		}
	})
}

// The link of one person's unlock with the form or session of another unlocks
// nobody.
func TestS7_UnlockOfAnother(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	p, q := w.people["bloqueada-presencial"], w.people["con-clave-presencial"]
	for range 5 {
		w.browser().logIn(q, "una clave equivocada").want(422)
		w.clock.advance(10 * time.Second)
	}
	b, c := w.browser(), w.browser()
	mine, theirs := b.get(w.unlockLink(p)).want(303).follow().want(200), c.get(w.unlockLink(q)).want(303).follow().want(200)
	action, form := theirs.form("Desbloquear mi clave")
	if a := b.send(http.MethodPost, action, form); a.Code != 409 {
		t.Errorf("the form of another: %v", a)
	}
	_, form = mine.form("Desbloquear mi clave")
	if a := w.browser().send(http.MethodPost, action, form); a.Code < 400 {
		t.Errorf("a form without the link: %v", a)
	}
	for _, who := range []web.DemoPerson{p, q} {
		w.browser().logIn(who, who.Clave).want(429)
	}
	mine.press("Desbloquear mi clave").want(303)
	w.browser().logIn(p, p.Clave).want(303)
	w.browser().logIn(q, q.Clave).want(429)
}

// No header of a request gets into what log in, change and unlock answer or mail.
func TestS11_HostOfASession(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	p := w.people["bloqueada-presencial"]
	b := w.browser()
	b.change = func(r *http.Request) {
		r.Host, r.URL.Scheme, r.URL.Host = "evil.example", "http", "evil.example"
		for _, name := range []string{"X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"} {
			r.Header.Set(name, "/evil.example")
		}
		r.Header.Set("Forwarded", "host=evil.example;proto=evil")
	}
	check := func(a *answer) *answer {
		t.Helper()
		if to := a.Header().Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to+a.Body.String()+fmt.Sprint(a.Header()), "evil") {
			t.Errorf("%v carries what the request said of the host", a)
		}
		return a
	}
	check(b.askUnlock(p).want(303))
	w.waitFor("unlock mail", func() bool { return len(w.mails(p.Email, unlockSubject)) > 0 })
	link := linkIn(t, w.mails(p.Email, unlockSubject)[0], "/clave/enlace/") // of aldaba.example
	check(check(b.get(link).want(303)).follow().want(200).press("Desbloquear mi clave").want(303))
	check(check(b.logIn(p, p.Clave).want(303)).follow().want(200))
	check(b.get("/clave/cambiar").want(200).press("Cambiar clave", "actual", p.Clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si").want(303))
	check(b.get("/mi-cuenta").want(200).press("Salir").want(303))
	w.settled()
	for _, m := range w.box.Messages("") {
		if strings.Contains(m.Text+m.HTML, "evil") {
			t.Errorf("the mail %q carries what a request said of the host", m.Subject)
		}
	}
}

// Log in, change and unlock know one number in all its spellings: one counter, one
// lock, one unlock.
func TestS13_OneLock(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave-presencial"]
		n := p.Number
		spelled := func(text string) web.DemoPerson { q := p; q.Number = text; return q }
		spellings := []string{n[:9] + "-" + n[9:], " " + n + "\t", n[:5] + "\u00a0" + n[5:], n[:2] + "\u200b" + n[2:], n[:9] + "–" + n[9:]}
		for i, text := range spellings {
			if i%2 == 0 {
				w.browser().logIn(spelled(text), "una clave equivocada").want(422)
			} else {
				w.browser().get("/clave/cambiar").want(200).press("Cambiar clave", "documento", p.Document, "numero", text,
					"actual", "una clave equivocada", "clave", goodClave, "repita", goodClave, "acuerdo", "si").want(422)
			}
			w.clock.advance(10 * time.Second)
		}
		w.browser().logIn(spelled(strings.Join(strings.Split(n, ""), " ")), p.Clave).want(429)
		link := w.unlockLink(spelled("\u202a" + n + "\u202c"))
		w.browser().get(link).want(303).follow().want(200).press("Desbloquear mi clave").want(303)
		w.browser().logIn(spelled(spellings[1]), p.Clave).want(303)
	})
}

// A wrong clave stays charged where the request panics after the comparison; what
// is refused before costs nothing.
func TestS17_AClaveStaysCharged(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		var db spy
		w := newWorld(t, dsn, idle(), db.option())
		p := w.people["con-clave"]
		b := w.browser()
		for range 10 { // no clave, no number, no document
			b.logIn(p, "").want(422)
			b.get("/ingresar").press("Ingresar", "numero", p.Number[:9], "clave", p.Clave).want(422)
			b.get("/ingresar").press("Ingresar", "documento", "x", "numero", p.Number, "clave", p.Clave).want(422)
		}
		for i := range 5 {
			clave := "una clave equivocada"
			if i%2 == 1 {
				clave = p.Clave
			}
			page := b.get("/ingresar").want(200)
			db.set(func(query string) {
				if strings.HasPrefix(query, "INSERT INTO audit_people") { // the second transaction, of right and wrong alike
					panic("a fault behind the comparison")
				}
			})
			page.press("Ingresar", "documento", p.Document, "numero", p.Number, "clave", clave).want(500)
			db.set(nil)
			w.clock.advance(10 * time.Second)
		}
		if b.logIn(p, p.Clave).want(429); b.inside() {
			t.Error("five charges that were cut short do not lock")
		}
	})
}

// A locked number is locked by every method and way of sending, and no method but
// POST logs anybody in or changes a clave.
func TestS20_EveryMethod(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	p, locked := w.people["con-clave"], w.people["bloqueada"]
	form := func(p web.DemoPerson) url.Values {
		return url.Values{"documento": {p.Document}, "numero": {p.Number}, "actual": {p.Clave}, "clave": {p.Clave}, "acuerdo": {"si"}}
	}
	for _, path := range []string{"/ingresar", "/clave/cambiar"} {
		for _, who := range []web.DemoPerson{p, locked} {
			in := form(who)
			if path == "/clave/cambiar" {
				in.Set("clave", goodClave)
				in.Set("repita", goodClave)
			}
			for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY", "post"} {
				b := w.browser()
				a := b.send(method, path+"?"+in.Encode(), in)
				if a.Code < 400 && method != "GET" && method != "HEAD" || b.cookies["sesion"] != "" || b.cookies["dispositivo"] != "" {
					t.Errorf("%s %s for %s: %v", method, path, who.Case, a)
				}
			}
			override := w.browser()
			override.header.Set("X-HTTP-Method-Override", "PUT")
			if who.Case == "bloqueada" {
				override.send(http.MethodPost, path, in).want(429)
			}
			w.browser().send(http.MethodPost, path+"?"+in.Encode(), url.Values{}).want(map[string]int{"/ingresar": 422, "/clave/cambiar": 303}[path])
		}
	}
	if !w.hasClave(p, p.Clave) || !w.hasClave(locked, locked.Clave) {
		t.Error("a clave was changed by another method than POST")
	}
}

// No clave, number or token of log in, change and unlock is in a log line, a
// redirect, or the page of a refusal but for the number in its own field.
func TestS28_SecretsOfASession(t *testing.T) {
	var log safeBuffer
	w := newWorld(t, dsnOf(t, "sqlite"), configured(func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	p := w.people["bloqueada-presencial"]
	b := w.browser()
	const wrong = "una-clave-distinta-88"
	link := w.unlockLink(p)
	refused := []*answer{b.logIn(p, wrong).want(429)}
	b.get(link).want(303).follow().press("Desbloquear mi clave").want(303)
	refused = append(refused, b.logIn(p, wrong).want(422))
	in := b.logIn(p, p.Clave).want(303)
	page := b.get("/clave/cambiar").want(200)
	refused = append(refused, page.press("Cambiar clave", "actual", p.Clave, "clave", wrong, "repita", goodClave, "acuerdo", "si").want(422))
	session := b.cookies["sesion"]
	changed := page.press("Cambiar clave", "actual", p.Clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si").want(303)
	out := b.get("/mi-cuenta").press("Salir").want(303)
	for _, secret := range []string{p.Clave, wrong, goodClave} {
		for _, a := range refused {
			if strings.Contains(a.Body.String(), secret) {
				t.Errorf("%v shows a clave again", a)
			}
		}
	}
	w.settled()
	seen := log.String()
	for _, a := range []*answer{in, changed, out} {
		seen += a.Header().Get("Location")
	}
	for _, secret := range []string{p.Clave, wrong, goodClave, p.Number, p.Email, session, b.cookies["dispositivo"], strings.TrimPrefix(link, "/clave/enlace/")} {
		if strings.Contains(seen, secret) {
			t.Errorf("%q is in a log line or a redirect", secret)
		}
	}
}

// A form sent twice has one effect, and its second answer is kind: another log-in
// in place of the first, a link that says it was used, and for a change, inside a
// session, "please log in".
func TestS29_DoubleClickInside(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["bloqueada-presencial"]
		b := w.browser()
		page := b.get(w.unlockLink(p)).want(303).follow().want(200)
		again := *page
		again.b = b.clone() // both presses leave before an answer comes
		page.press("Desbloquear mi clave").want(303)
		if second := again.press("Desbloquear mi clave").want(410); !strings.Contains(second.text(), "ya se usó") {
			t.Errorf("a second press: %s", clipText(second.text(), 200))
		}
		page = b.get("/ingresar").want(200)
		fill := []string{"documento", p.Document, "numero", p.Number, "clave", p.Clave}
		page.press("Ingresar", fill...).want(303)
		first := b.clone()
		page.press("Ingresar", fill...).want(303).follow().want(200)
		if first.inside() {
			t.Error("the first session of two presses is left behind")
		}
		page = b.get("/clave/cambiar").want(200)
		twin := b.clone()
		change := []string{"actual", p.Clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si"}
		page.press("Cambiar clave", change...).want(303)
		page.b = twin
		page.press("Cambiar clave", change...).want(303).follow().want(200)
		w.settled()
		if n := len(w.mails(p.Email, "Aviso: se cambió su clave")); n != 1 || w.acts(p, credential.ActClaveChanged) != 1 || !w.hasClave(p, goodClave) {
			t.Errorf("%d notices of one change", n)
		}
		if !b.inside() {
			t.Error("the session that changed it is over")
		}
	})
}
