package site

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
	"aldaba/internal/web"
)

// Whoever else opens the mailed link, however often and by whatever method, it
// still works for its owner, once.
func TestS1_LinkSurvivesScanners(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p, b := w.people["nueva"], w.browser()
		b.sent(credential.Generate, p, "nueva@correo.example")
		link := linkIn(t, w.activation("nueva@correo.example", 1), "/clave/enlace/")
		for i := range 10 {
			for _, c := range []struct {
				method, purpose string
				want            int
			}{
				{http.MethodGet, "", 303}, {http.MethodHead, "", 303}, {http.MethodGet, "prefetch", 303},
				{http.MethodGet, "prefetch;prerender", 303}, {http.MethodOptions, "", 405}, {http.MethodPost, "", 405},
				{http.MethodPut, "", 405},
			} {
				scanner := w.browser()
				scanner.addr = fmt.Sprintf("198.51.100.%d:%d", 10+i, 1000+i)
				scanner.header.Set("User-Agent", "MailScanner")
				if c.purpose != "" {
					scanner.header.Set("Sec-Purpose", c.purpose)
				}
				got := scanner.send(c.method, link, nil).want(c.want)
				if c.want == 303 {
					got.follow().want(200) // scanners follow redirects too
					scanner.send(http.MethodHead, "/clave/enlace", nil).want(200)
				}
			}
		}
		page := b.get(link).want(303).follow().want(200).press("Continuar").want(303).follow().want(200)
		b.clone().get(link).want(303) // still alive: «Continuar» consumed nothing
		page.setClave(goodClave).want(303).follow().want(200)
		if !w.hasClave(p, goodClave) {
			t.Error("the clave is not the one that was set")
		}
		b.get(link).want(410)
		w.browser().get(link).want(410)
		w.browser().send(http.MethodHead, link, nil).want(410)
	})
}

// Of sixteen presses of «Generar» at once, each with a clave of its own, one
// wins, and the stored clave is the winner's.
func TestS2_OneWinner(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p, b := w.people["nueva"], w.browser()
		b.sent(credential.Generate, p, "nueva@correo.example")
		m := w.activation("nueva@correo.example", 1)
		b.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().press("Continuar").want(303)
		var pages []*answer
		clave := map[*answer]string{}
		for i := range 16 {
			page := b.clone().get(journey[6]).want(200)
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
		w.settled()
		if n := len(w.mails("nueva@correo.example", "")); n != 2 {
			t.Errorf("%d mails, want the activation and one notice", n)
		}
	})
}

// No order of steps, no way back and no restart reaches a page that was not
// earned.
func TestS4_StepsAreEarned(t *testing.T) {
	presetsOnce(t, stepsAreEarned)
}

func stepsAreEarned(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset)
	p, b := w.people["nueva"], w.browser()
	later := func(at int) {
		t.Helper()
		id, _, _ := strings.Cut(b.cookies["tramite"], ".")
		for i := at + 1; i < len(journey); i++ {
			for _, path := range []string{journey[i], journey[i] + "?paso=" + fmt.Sprint(i)} {
				for range 2 {
					if got := b.get(path).want(303).Header().Get("Location"); got != journey[at] {
						t.Errorf("standing at %s, GET %s leads to %s", journey[at], path, got)
					}
				}
			}
			if i == 7 {
				continue // «Finalizar» lets go of a procedure, whatever its step
			}
			form := url.Values{"tramite": {id}, "paso": {"nueva-clave"}, "step": {"clave"}, "correo": {"otra@correo.example"}, "codigo": {"123456"},
				"declaro": {"on"}, "clave": {goodClave}, "repita": {goodClave},
				"imagen": {"luna"}, "pregunta": {"first_pet"}, "respuesta": {"Canelo"}, "activacion": {p.Activation}}
			for _, q := range credential.PersonalQuestions() {
				form.Set("bank."+string(q), "respuesta de "+string(q))
			}
			if got := b.send(http.MethodPost, journey[i], form).want(303).Header().Get("Location"); got != journey[at] {
				t.Errorf("standing at %s, POST %s leads to %s", journey[at], journey[i], got)
			}
		}
		if at < 5 {
			b.send(http.MethodPost, journey[5]+"/reenviar", url.Values{"tramite": {id}}).want(303)
		}
		b.send(http.MethodPost, journey[6]+"/frase", url.Values{"tramite": {id}}).want(404)
		if got := b.get(journey[at]).want(200); got.path != journey[at] {
			t.Errorf("stands no more at %s", journey[at])
		}
	}
	page := b.begin(credential.Generate, p).want(303).follow().want(200)
	later(0)
	page.press("Continuar", page.proof(p)...).want(303).follow().want(200)
	later(1)
	page = b.get(journey[0]).want(200) // back, and on again
	page = page.press("Continuar", page.proof(p)...).want(303).follow().want(200)
	page = page.press("Aceptar").want(303).follow().want(200)
	for page.path != journey[4] {
		later(slices.Index(journey, page.path))
		b.get(journey[0]).want(303)
		b.send(http.MethodPost, journey[1], url.Values{"tramite": {page.procedure()}}).want(303)
		page = page.contact("nueva@correo.example").want(303).follow().want(200)
	}
	later(4)
	page.press("Aceptar").want(303).follow().want(200)
	m := w.activation("nueva@correo.example", 1)
	later(5)
	for i := range 5 { // nothing of before opens again
		b.get(journey[i]).want(303)
	}
	// A restart in the same browser begins at the beginning.
	sent := b.clone()
	b.begin(credential.Generate, p).want(303)
	later(0)
	b.get("/clave/enlace").want(410)
	// The link itself, opened, still asks for «Continuar».
	sent.get(linkIn(t, m, "/clave/enlace/")).want(303)
	if got := sent.get(journey[6]).want(303).Header().Get("Location"); got != journey[5] {
		t.Errorf("an opened link leads to %s before «Continuar»", got)
	}
	if n := len(w.box.Messages("")); n != 1 {
		t.Errorf("%d mails, want one", n)
	}
	if _, err := w.account(p); err == nil {
		t.Error("an account was made without its clave being earned")
	}
}

// procedure is the id in a page's forms.
func (a *answer) procedure() string {
	id, _, _ := strings.Cut(a.b.cookies["tramite"], ".")
	return id
}

// restarted makes the program anew on the same database, as a start of the
// process would: nothing that was in memory is left.
func (w *world) restarted() {
	w.t.Helper()
	s, err := New(context.Background(), w.site.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	w.handler = s.Web.Citizens()
}

// Link and code work one second before their end and not at it, whatever the
// client believes the time to be and whether or not the program was restarted.
func TestS5_LivesExactly(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, with("proven_mails", "100", "unproven_mails", "100"))
		life, over := w.policy().LinkLife, http.StatusGone
		if !w.has("code over") {
			over = http.StatusUnprocessableEntity
		}
		p := w.people["con-clave"]
		mails := 0
		next := func() (*browser, mailbox.Message) {
			b := w.browser()
			b.header.Set("Date", "Mon, 01 Jan 2001 00:00:00 GMT")
			b.header.Set("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")
			b.sent(credential.Recover, p, p.Email)
			mails++
			return b, w.activation(p.Email, mails)
		}
		for _, restart := range []bool{false, true} {
			for _, c := range []struct {
				after time.Duration
				alive bool
			}{
				{life - time.Second, true}, {life - time.Millisecond, true},
				{life, false}, {life + time.Second, false}, {2*time.Hour - time.Second, false},
			} {
				name := fmt.Sprintf("after %v, restarted %v", c.after, restart)
				b, m := next()
				code := b.clone()
				waiting := code.get(journey[5]).want(200)
				link := linkIn(t, m, "/clave/enlace/")
				early := b.clone()
				stale := early.get(link).want(303).follow().want(200)
				w.clock.advance(c.after)
				if restart {
					w.restarted()
				}
				other := w.browser()
				if !c.alive {
					for _, a := range []*answer{
						b.get(link), other.get(link), other.send(http.MethodHead, link, nil), early.get("/clave/enlace"),
						stale.press("Continuar"),
					} {
						if a.Code != 410 {
							t.Errorf("%s: %v, want 410", name, a)
						}
					}
					waiting.press("Continuar", "codigo", lineIn(t, m, "Código")).want(over)
					if got := b.get(journey[6]); got.Code == 200 {
						t.Errorf("%s: %v", name, got)
					}
					continue
				}
				other.get(link).want(303).follow().want(200)
				b.get(link).want(303).follow().want(200)
				if c.after == life-time.Second {
					waiting.press("Continuar", "codigo", lineIn(t, m, "Código")).want(303).follow().want(200)
				} else {
					stale.press("Continuar").want(303).follow().want(200)
				}
			}
		}
	})
}

// What was made for one person opens nothing of another's, in any combination.
func TestS7_TokensDoNotMix(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		a, b := w.people["nueva"], w.people["con-clave"]
		mine, theirs := w.browser(), w.browser()
		mine.sent(credential.Generate, a, "nueva@correo.example")
		m := w.activation("nueva@correo.example", 1)
		theirs.sent(credential.Recover, b, b.Email)
		m2 := w.activation(b.Email, 1)
		link, link2 := linkIn(t, m, "/clave/enlace/"), linkIn(t, m2, "/clave/enlace/")
		idA, secretA, _ := strings.Cut(mine.cookies["tramite"], ".")
		idB, secretB, _ := strings.Cut(theirs.cookies["tramite"], ".")

		// The link of one in the browser of the other: it says so, and takes nothing over.
		cross := theirs.clone()
		page := cross.get(link).want(303).follow().want(200)
		page.press("Continuar", "dia", "1", "mes", "1").want(409)
		cross.send(http.MethodPost, "/clave/enlace", url.Values{"tramite": {idB}}).want(409)
		cross.get(journey[6]).want(303)
		if cross.cookies["tramite"] != theirs.cookies["tramite"] {
			t.Error("the link of another took this browser's procedure over")
		}
		// Codes and forms of one with the procedure of the other.
		code := lineIn(t, m, "Código")
		if code != lineIn(t, m2, "Código") {
			theirs.clone().get(journey[5]).want(200).press("Continuar", "codigo", code).want(422)
		}
		for _, path := range append([]string{journey[5] + "/reenviar", "/clave/generar-recuperar/terminar"}, journey...) {
			theirs.clone().send(http.MethodPost, path, url.Values{"tramite": {idA}, "codigo": {code},
				"declaro": {"on"}, "clave": {goodClave}, "repita": {goodClave}}).want(409)
		}
		// Cookies put together from both.
		for _, cookie := range []string{idA + "." + secretB, idB + "." + secretA} {
			forged := w.browser()
			forged.cookies["tramite"] = cookie
			forged.get(journey[5]).want(410)
			id, _, _ := strings.Cut(cookie, ".")
			forged.send(http.MethodPost, journey[5], url.Values{"tramite": {id}, "codigo": {code}}).want(410)
			forged.send(http.MethodPost, journey[6], url.Values{"tramite": {id}, "declaro": {"on"}, "clave": {goodClave}, "repita": {goodClave}}).want(410)
		}
		// Links put together from both, and one bit off.
		raw, raw2 := []byte(strings.TrimPrefix(link, "/clave/enlace/")), []byte(strings.TrimPrefix(link2, "/clave/enlace/"))
		for _, token := range [][]byte{append(raw[:21:21], raw2[21:]...), append(raw[:25:25], raw2[25:]...), flipped(raw, 3), flipped(raw, 22), flipped(raw, 40)} {
			w.browser().get("/clave/enlace/" + string(token)).want(404)
			mine.clone().get("/clave/enlace/" + string(token)).want(404)
		}
		w.browser().get("/no-fui-yo/" + string(raw)).want(404)

		// Another browser must know day and month, five times at most; the owner's
		// own browser is not held up by that.
		thief := w.browser()
		thief.get(link).want(303)
		for range 5 {
			thief.get("/clave/enlace").want(200).press("Continuar", "dia", "2", "mes", "1").want(422)
		}
		thief.get("/clave/enlace").want(200).press("Continuar", proofDate(a)...).want(429)
		thief.get(journey[6]).want(303)

		page = mine.get(link).want(303).follow().want(200).press("Continuar").want(303).follow().want(200)
		page.setClave(goodClave).want(303)
		if !w.hasClave(a, goodClave) || w.hasClave(b, goodClave) || !w.hasClave(b, b.Clave) {
			t.Error("the claves are not whose they should be")
		}
		// A notice's token is no link, nor a link's a notice.
		w.settled()
		notice := w.mails("nueva@correo.example", "")[0]
		objection := strings.TrimPrefix(linkIn(t, notice, "/no-fui-yo/"), "/no-fui-yo/")
		w.browser().get("/clave/enlace/" + objection).want(404)
		// The other's procedure goes on.
		theirs.get(link2).want(303).follow().want(200).press("Continuar").want(303)
	})
}

// flipped changes one character of a token into another of its alphabet.
func flipped(token []byte, i int) []byte {
	out := append([]byte{}, token...)
	out[i] = 'x'
	if token[i] == 'x' {
		out[i] = 'y'
	}
	return out
}

// No header of a request has a part in a link, a redirect or a page.
func TestS11_HostIsConfigured(t *testing.T) {
	presetsOnce(t, hostIsConfigured)
}

func hostIsConfigured(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset)
	inner := w.handler
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, r)
		if to := rec.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
			t.Errorf("%s %s leads to %q", r.Method, r.URL.Path, to)
		}
		if strings.Contains(fmt.Sprint(rec.Header())+rec.Body.String(), "evil") {
			t.Errorf("%s %s answers with what the request said of the host", r.Method, r.URL.Path)
		}
		for name, values := range rec.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(rec.Body.Bytes())
	})
	b := w.browser()
	b.change = func(r *http.Request) {
		r.Host, r.URL.Scheme, r.URL.Host = "evil.example", "http", "evil.example" // absolute-form
		r.RequestURI = "http://evil.example" + r.URL.RequestURI()
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Host", "X-Original-Host", "X-Rewrite-URL", "X-Original-URL"} {
			r.Header.Set(name, "evil.example")
		}
		r.Header.Set("X-Forwarded-Proto", "evil")
		r.Header.Set("X-Forwarded-For", "evil")
		r.Header.Set("X-Forwarded-Prefix", "/evil")
		r.Header.Set("Forwarded", `host=evil.example;proto=evil;for="[2001:db8::evil]"`)
		r.Header.Set("Referer", "http://evil.example/")
	}
	p := w.people["con-clave"]
	b.finished(credential.Recover, p, p.Email, goodClave)
	b.sent(credential.Generate, w.people["nueva"], "nueva@correo.example").press("Enviar de nuevo").want(303)
	w.activation("nueva@correo.example", 1)
	b.cookies = map[string]string{}
	for _, path := range []string{"/", "/ayuda", "/no-hay", "/clave/enlace/x", "/clave//generar-recuperar", "/a/../ingresar", journey[6], "/clave/generar-recuperar"} {
		b.get(path)
	}
	w.settled()
	mails := w.box.Messages("")
	if len(mails) < 3 {
		t.Fatalf("only %d mails", len(mails))
	}
	for _, m := range mails {
		if strings.Contains(strings.ToLower(m.Subject+m.Text+m.HTML), "evil") {
			t.Errorf("the mail %q carries what a request said of the host:\n%s", m.Subject, m.Text)
		}
	}
	// A path that looks like a host leads nowhere else. (These stand alone: such a
	// path may come back as a path.)
	w.handler = inner
	for _, path := range []string{"//evil.example", "//evil.example/..", "/%2F%2Fevil.example", "/.//evil.example", "/%5Cevil.example"} {
		if to := w.browser().get("http://aldaba.example" + path).Header().Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "://") || strings.HasPrefix(to, `/\`) {
			t.Errorf("%s leads to %q", path, to)
		}
	}
}

// proofDate is a person's day and month as typed.
func proofDate(p web.DemoPerson) []string {
	return []string{"dia", strings.TrimLeft(p.Birth[8:], "0"), "mes", strings.TrimLeft(p.Birth[5:7], "0")}
}
