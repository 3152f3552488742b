package site

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

const (
	subjectOldCode     = "CÓDIGO PARA CAMBIAR SU CORREO"
	subjectNewLink     = "CONFIRME SU CORREO"
	subjectAsked       = "Aviso: piden usar otro correo para su clave"
	subjectNewAddress  = "Aviso: se cambió el correo de su cuenta"
	pathAddressInside  = "/mi-cuenta/correo"
	newAddress         = "nueva.direccion@correo.example"
	levelTooLowHeading = "Para esto hace falta el nivel presencial"
)

// inOf logs a person in.
func (w *world) inOf(p web.DemoPerson) *browser {
	w.t.Helper()
	b := w.browser()
	b.logIn(p, p.Clave).want(303)
	return b
}

// high is somebody whose account is of level 2.
func (w *world) high() web.DemoPerson { return w.people["con-clave-presencial"] }

// asked asks for a change of address and waits for the code.
func (b *browser) asked(p web.DemoPerson, to string) mailbox.Message {
	b.w.t.Helper()
	before := len(b.w.mails(p.Email, subjectOldCode))
	b.get(pathAddressInside).want(200).press("Cambiar mi correo", "correo", to, "actual", p.Clave).want(303).follow().want(200)
	b.w.waitFor("code", func() bool { return len(b.w.mails(p.Email, subjectOldCode)) > before })
	b.w.settled()
	return b.w.mails(p.Email, subjectOldCode)[0]
}

// codeTyped types a code on the page of the change that waits.
func (b *browser) codeTyped(code string) *answer {
	b.w.t.Helper()
	return b.get(pathAddressInside).want(200).press("Continuar", "codigo", code)
}

// linkTo waits for the n-th link to a new address and opens it in a browser.
func (b *browser) linkTo(address string, n int) *answer {
	b.w.t.Helper()
	b.w.waitFor("link to the new address", func() bool { return len(b.w.mails(address, subjectNewLink)) >= n })
	b.w.settled()
	return b.get(linkIn(b.w.t, b.w.mails(address, subjectNewLink)[0], "/clave/enlace/"))
}

// onRecord gives the addresses of a person that are stored, with their origins.
func (w *world) onRecord(p web.DemoPerson) map[string]credential.Origin {
	w.t.Helper()
	found := map[string]credential.Origin{}
	w.view(func(tx credential.Tx) error {
		clear(found)
		on, err := tx.Addresses(w.subject(p))
		for _, a := range on {
			found[a.Email.Reveal()] = a.Provenance.Origin
		}
		return err
	})
	return found
}

// Level 2 changes its address: every address is told first, the old one's code is
// typed, the link to the new one waits for the hold, and only its button changes
// anything, once. The new one is fixed like the old, and proves at most level 1.
func TestChangeOfAddress(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.high()
		b := w.inOf(p)
		before := w.onRecord(p)
		copied := b.clone()
		m := b.asked(p, newAddress)
		if copied.inside() || !b.inside() {
			t.Error("the clave was given again, and the session's token is the same")
		}
		if strings.Contains(m.Text, "/clave/enlace/") || strings.Contains(m.Text, newAddress) {
			t.Errorf("the code's mail has a link, or the whole new address:\n%s", m.Text)
		}
		w.waitFor("notice", func() bool { return len(w.mails(p.Email, subjectAsked)) == 1 })
		if text := b.get("/mi-cuenta").want(200).text(); !strings.Contains(text, "Pidió cambiar su correo") {
			t.Errorf("the account does not show the change that waits: %s", clipText(text, 600))
		}
		b.codeTyped("12345").want(422)
		wrong := "000000"
		if lineIn(t, m, "Código") == wrong {
			wrong = "000001"
		}
		b.codeTyped(wrong).want(422)
		held := b.codeTyped(lineIn(t, m, "Código")).want(303).follow().want(200)
		if !strings.Contains(held.text(), "Si nadie se opone") {
			t.Errorf("the page does not say that the link waits: %s", clipText(held.text(), 600))
		}
		w.restart()
		w.clock.advance(24*time.Hour - time.Minute)
		if n := len(w.mails(newAddress, "")); n > 0 {
			t.Fatalf("%d mails left for the new address during the hold", n)
		}
		w.clock.advance(2 * time.Minute)
		elsewhere := w.browser()
		page := elsewhere.linkTo(newAddress, 1).want(303).follow().want(200)
		elsewhere.linkTo(newAddress, 1).want(303)
		if got := w.onRecord(p); len(got) != len(before) || got[newAddress] != "" {
			t.Errorf("before the link was confirmed: %v", got)
		}
		page.press("Confirmar mi correo").want(303).follow().want(200)
		if got := w.onRecord(p); len(got) != 1 || got[newAddress] != credential.OriginSucceeds {
			t.Errorf("on record after the change: %v", got)
		}
		page.press("Confirmar mi correo").want(410)
		elsewhere.linkTo(newAddress, 1).want(410)
		for _, to := range []string{p.Email, newAddress} {
			w.waitFor("notice of the change", func() bool { return len(w.mails(to, subjectNewAddress)) == 1 })
		}
		if account, err := w.account(p); err != nil || account.Level != credential.InPerson {
			t.Errorf("level %v, %v", account.Level, err)
		}
		again := w.inOf(p)
		text := again.get("/mi-cuenta").want(200).text()
		if !strings.Contains(text, "en lugar de uno registrado en persona") {
			t.Errorf("the account does not say where the address comes from: %s", clipText(text, 600))
		}
		// Who recovers never sees the empty box, and by the successor earns level 1.
		moved := p
		moved.Email = newAddress
		recovering := w.browser()
		contact := recovering.prove(credential.Recover, p).want(303).follow().want(200)
		if _, inputs := contact.form("Continuar"); inputs.Has("correo") {
			t.Error("the empty box is back")
		}
		w.browser().finished(credential.Recover, moved, newAddress, goodClave)
		if account, err := w.account(p); err != nil || account.Level != credential.Declared {
			t.Errorf("level after a recovery by the successor: %v, %v", account.Level, err)
		}
		if got := w.onRecord(p); got[newAddress] != credential.OriginSucceeds {
			t.Errorf("on record after the recovery: %v", got)
		}
	})
}

// Of eight confirmations at once one counts.
func TestChangeOfAddressOnce(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, with("address_hold", "1s"))
		p := w.high()
		b := w.inOf(p)
		b.codeTyped(lineIn(t, b.asked(p, newAddress), "Código")).want(303)
		w.clock.advance(2 * time.Second)
		page := b.linkTo(newAddress, 1).want(303).follow().want(200)
		_, inputs := page.form("Confirmar mi correo")
		var all sync.WaitGroup
		codes := make([]int, 8)
		for i := range codes {
			one := b.clone()
			all.Go(func() { codes[i] = one.send(http.MethodPost, "/clave/enlace/confirmar", inputs).Code })
		}
		all.Wait()
		won := 0
		for _, code := range codes {
			switch code {
			case 303:
				won++
			case 410:
			default:
				t.Errorf("status %d", code)
			}
		}
		if won != 1 {
			t.Errorf("%d of eight confirmations counted", won)
		}
		w.settled()
		if n := len(w.mails(p.Email, subjectNewAddress)); n != 1 {
			t.Errorf("%d notices", n)
		}
	})
}

// Whatever ends a change of address before its last step leaves everything as it
// was, and its code and link are worth nothing.
func TestChangeOfAddressThatEnds(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, with("proven_mails", "100"))
		p := w.high()
		before := w.onRecord(p)
		same := func(when string) {
			t.Helper()
			if got := w.onRecord(p); len(got) != len(before) || got[p.Email] != before[p.Email] {
				t.Errorf("%s: on record %v, want %v", when, got, before)
			}
		}
		b := w.inOf(p)
		// Cancelled, while the code is awaited and while the link is.
		m := b.asked(p, newAddress)
		page := b.get(pathAddressInside).want(200)
		page.press("Cancelar el cambio").want(303)
		page.press("Continuar", "codigo", lineIn(t, m, "Código")).want(409)
		b.codeTypedNow(b.asked(p, newAddress)).want(303)
		b.get("/mi-cuenta").want(200).press("Cancelar el cambio").want(303)
		w.clock.advance(25 * time.Hour)
		same("cancelled")
		// Replaced: a second one ends the first, whose link never leaves.
		b = w.inOf(p)
		b.codeTypedNow(b.asked(p, "primera@correo.example")).want(303)
		codes := len(w.mails(p.Email, subjectOldCode))
		b.send(http.MethodPost, pathAddressInside, url.Values{"correo": {newAddress}, "actual": {p.Clave}}).want(303)
		w.waitFor("the second code", func() bool { return len(w.mails(p.Email, subjectOldCode)) == codes+1 })
		w.clock.advance(25 * time.Hour)
		w.settled()
		if n := len(w.mails("primera@correo.example", "")); n > 0 {
			t.Errorf("%d mails to an address of a replaced change", n)
		}
		same("replaced")
		// Expired: the link was never opened.
		b = w.inOf(p)
		b.codeTypedNow(b.asked(p, newAddress)).want(303)
		w.clock.advance(24*time.Hour + time.Second)
		link := b.linkTo(newAddress, 1).want(303).follow().want(200)
		w.clock.advance(24 * time.Hour)
		link.press("Confirmar mi correo").want(410)
		b.linkTo(newAddress, 1).want(410)
		same("expired")
		// «No fui yo», after the link has left: the link is dead, and no other change
		// is taken while the notice lives.
		b = w.inOf(p)
		b.codeTypedNow(b.asked(p, newAddress)).want(303)
		w.clock.advance(24*time.Hour + time.Second)
		link = b.linkTo(newAddress, 2).want(303).follow().want(200)
		objection := w.browser().get(linkIn(t, w.mails(p.Email, subjectAsked)[0], "/no-fui-yo/")).want(200)
		w.browser().send(http.MethodPost, objection.path, nil).want(200)
		link.press("Confirmar mi correo").want(410)
		same("objected")
	})
}

// codeTypedNow types the code of a mail.
func (b *browser) codeTypedNow(m mailbox.Message) *answer {
	b.w.t.Helper()
	return b.codeTyped(lineIn(b.w.t, m, "Código"))
}

// What level 2 may do, level 1 may by no way, and nobody without a session.
func TestLevelOneIsTooLow(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	p := w.people["con-clave"]
	low, none := w.inOf(p), w.browser()
	if text := low.get("/mi-cuenta").want(200).text(); strings.Contains(text, "Cambiar mi correo") {
		t.Error("level 1 is offered what it may not do")
	}
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, pathAddressInside}, {http.MethodPost, pathAddressInside}, {http.MethodPost, pathAddressInside + "/codigo"},
		{http.MethodPost, pathAddressInside + "/reenviar"}, {http.MethodGet, pathRenewInside}, {http.MethodPost, pathRenewInside},
		{http.MethodPost, pathRightsInside + "/descarga"},
	} {
		form := url.Values{"correo": {newAddress}, "actual": {p.Clave}, "codigo": {"123456"}}
		if c.method == http.MethodGet {
			form = nil
		}
		a := low.send(c.method, c.path, form).want(403)
		if !strings.Contains(a.text(), levelTooLowHeading) || !strings.Contains(a.text(), "Centro de Atención Universal") {
			t.Errorf("%s %s does not say how to raise the level: %s", c.method, c.path, clipText(a.text(), 300))
		}
		out := none.send(c.method, c.path, form).want(303)
		if to := out.Header().Get("Location"); !strings.HasPrefix(to, "/ingresar") {
			t.Errorf("%s %s without a session leads to %s", c.method, c.path, to)
		}
	}
	w.settled()
	if n := len(w.mails(p.Email, subjectOldCode)) + len(w.mails(p.Email, subjectAsked)) + len(w.mails(newAddress, "")); n > 0 {
		t.Errorf("%d mails left for a refused change", n)
	}
}

// The form, code and link of one person are worth nothing in the session of
// another, nor for another purpose (S7).
func TestS7_ChangeOfAddressIsOnesOwn(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), with("proven_mails", "100", "address_hold", "1s"))
	a, other := w.high(), w.people["bloqueada-presencial"]
	thief := w.browser()
	w.clock.advance(25 * time.Hour) // the seeded lock is over
	thief.logIn(other, other.Clave).want(303)
	owner := w.inOf(a)
	code := owner.asked(a, newAddress)
	_, inputs := owner.get(pathAddressInside).want(200).form("Continuar")
	inputs.Set("codigo", lineIn(t, code, "Código"))
	for _, path := range []string{"/codigo", "/reenviar", "/cancelar"} {
		thief.send(http.MethodPost, pathAddressInside+path, inputs).want(409)
	}
	owner.send(http.MethodPost, pathAddressInside+"/codigo", inputs).want(303)
	w.clock.advance(2 * time.Second)
	page := w.browser().linkTo(newAddress, 1).want(303).follow().want(200)
	_, form := page.form("Confirmar mi correo")
	for _, path := range []string{"/clave/enlace", "/clave/enlace/desbloquear", "/clave/enlace/reenviar"} {
		form.Set("dia", "1")
		form.Set("mes", "1")
		if got := page.b.send(http.MethodPost, path, form); got.Code == 200 || strings.HasPrefix(got.Header().Get("Location"), "/clave/desbloquear") ||
			strings.HasPrefix(got.Header().Get("Location"), "/clave/generar-recuperar/nueva-clave") {
			t.Errorf("%s takes the link of a change of address: %v", path, got)
		}
	}
	// And the link of a recover confirms no address.
	m := func() mailbox.Message {
		b := w.browser()
		b.sent(credential.Recover, other, "")
		return w.activation(other.Email, 1)
	}()
	recovering := w.browser()
	_, theirs := recovering.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().want(200).form("Continuar")
	if got := recovering.send(http.MethodPost, "/clave/enlace/confirmar", theirs); got.Header().Get("Location") == pathAddressInside+"/listo" {
		t.Error("the link of a recover confirmed an address")
	}
	if got := w.onRecord(other); got[newAddress] != "" {
		t.Errorf("on record: %v", got)
	}
}

// The clave that is asked again is charged like a log-in's; the code has five
// tries; a number asks for five changes a day.
func TestChangeOfAddressLimits(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	p := w.high()
	b := w.inOf(p)
	page := b.get(pathAddressInside).want(200)
	page.press("Cambiar mi correo", "correo", p.Email, "actual", p.Clave).want(422) // it is the same
	page.press("Cambiar mi correo", "correo", "nada", "actual", "").want(422)
	m := b.asked(p, newAddress)
	right := lineIn(t, m, "Código")
	wrong := "111111"
	if right == wrong {
		wrong = "222222"
	}
	form := b.get(pathAddressInside).want(200)
	for range 5 {
		form.press("Continuar", "codigo", wrong).want(422)
	}
	form.press("Continuar", "codigo", right).want(429)
	for range 4 {
		b.send(http.MethodPost, pathAddressInside, url.Values{"correo": {newAddress}, "actual": {p.Clave}}).want(303)
	}
	b.send(http.MethodPost, pathAddressInside, url.Values{"correo": {newAddress}, "actual": {p.Clave}}).want(429)
	b.get(pathAddressInside).want(200).press("Cancelar el cambio").want(303)
	page = b.get(pathAddressInside).want(200)
	for range 5 {
		page.press("Cambiar mi correo", "correo", newAddress, "actual", "una clave equivocada").want(422)
		w.clock.advance(10 * time.Second)
	}
	page.press("Cambiar mi correo", "correo", newAddress, "actual", p.Clave).want(429)
	if !b.inside() {
		t.Error("wrong claves ended the session")
	}
}

const (
	pathRenewInside   = "/mi-cuenta/preguntas"
	pathClosingInside = "/mi-cuenta/cerrar-via-web"
	pathRightsInside  = "/mi-cuenta/mis-datos"
)

// renewed are other answers than those that [answer.filled] chooses.
func (a *answer) renewed(clave string) []string {
	a.b.w.t.Helper()
	_, inputs := a.form("Guardar mis preguntas")
	pairs := []string{"actual", clave}
	for i, id := range credential.PersonalQuestions() {
		if name := "bank." + string(id); inputs.Has(name) {
			pairs = append(pairs, name, "Renovada "+fakeAnswers[i])
		}
	}
	if inputs.Has("pregunta") {
		pairs = append(pairs, "pregunta", string(credential.PersonalQuestions()[4]), "respuesta", "Renovada "+fakeAnswers[4])
	}
	return pairs
}

// Level 2 renews its personal answers, all together: from then on the new ones
// recover and the old ones do not, and every address is told.
func TestRenewQuestions(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, with("proven_mails", "100", "unproven_mails", "100"))
		p := w.high()
		b := w.inOf(p)
		if w.policy().OwnQuestions == 0 {
			b.get(pathRenewInside).want(404)
			b.send(http.MethodPost, pathRenewInside, url.Values{"actual": {p.Clave}}).want(404)
			return
		}
		page := b.get(pathRenewInside).want(200)
		good := page.renewed(p.Clave)
		page.press("Guardar mis preguntas", append(good, "actual", "")...).want(422)
		page.press("Guardar mis preguntas", append(good, "actual", "una clave equivocada")...).want(422)
		w.clock.advance(time.Minute)
		page.press("Guardar mis preguntas", "actual", p.Clave).want(422) // nothing answered
		name := strings.Fields(p.Surnames)[0]
		own := append(slices.Clone(good), good[len(good)-2], name)
		// That an answer is of the person's own data is said after the clave alone.
		wrong := page.press("Guardar mis preguntas", append(own, "actual", "una clave equivocada")...).want(422)
		if strings.Contains(wrong.text(), "datos suyos") {
			t.Error("own data is told without the clave")
		}
		w.clock.advance(time.Minute)
		if right := page.press("Guardar mis preguntas", own...).want(422); !strings.Contains(right.text(), "datos suyos") {
			t.Errorf("own data is not told: %s", clipText(right.text(), 300))
		}
		copied := b.clone()
		page.press("Guardar mis preguntas", good...).want(303).follow().want(200)
		if copied.inside() || !b.inside() {
			t.Error("the clave was given again, and the session's token is the same")
		}
		w.waitFor("notice", func() bool { return len(w.mails(p.Email, "Aviso: sus preguntas se renovaron")) == 1 })
		account, err := w.account(p)
		if err != nil || len(account.Answers.Questions) != w.policy().OwnQuestions {
			t.Fatalf("answers %v, %v", account.Answers.Questions, err)
		}
		renewed := p
		renewed.Answers = map[string]string{}
		for i, id := range credential.PersonalQuestions() {
			renewed.Answers[words.Spanish().PersonalQuestion(id)] = "Renovada " + fakeAnswers[i]
		}
		if w.policy().AskedBehindLink {
			w.browser().finished(credential.Recover, renewed, "", goodClave)
			return
		}
		w.browser().prove(credential.Recover, p).want(422)
		w.browser().finished(credential.Recover, renewed, "", goodClave)
	})
}

// losingAfter are the efforts of every way that a number has, up to its refusal.
func (w *world) losingAfter(e *efforts, p, as web.DemoPerson, clave string) (all []effort) {
	w.t.Helper()
	for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
		all = append(all, losingEffort(w, e, kind, p, as)...)
	}
	page := w.browser().get("/ingresar").want(200)
	one, a := e.of("Ingresar", func() *answer {
		return page.press("Ingresar", "documento", p.Document, "numero", p.Number, "clave", clave)
	})
	a.want(422)
	all = append(all, one)
	page = w.browser().get("/clave/cambiar").want(200)
	w.clock.advance(time.Minute)
	one, a = e.of("Cambiar clave", func() *answer {
		return page.press("Cambiar clave", "documento", p.Document, "numero", p.Number, "actual", clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si")
	})
	a.want(422)
	all = append(all, one)
	page = w.browser().get("/clave/desbloquear").want(200)
	one, a = e.of("Desbloquear", func() *answer { return page.press("Desbloquear", "documento", p.Document, "numero", p.Number) })
	a.want(303)
	return append(all, one)
}

// Whoever closes the web way is out everywhere, and from then on every way fails as
// for anybody who failed: the same work, rows and pages (S8, S9). Not parallel: see efforts.
func TestS9_ClosedNumber(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			e := &efforts{}
			w := newWorld(t, dsnOf(t, engine), people(0), with("hash_memory_kib", strconv.Itoa(hashMemory>>10), "proven_mails", "100"),
				configured(func(c *Config) { c.Observe = e.observe }))
			p := w.high()
			b, other := w.inOf(p), w.inOf(p)
			page := b.get(pathClosingInside).want(200)
			page.press("Cerrar la vía web", "actual", p.Clave).want(422) // not understood
			page.press("Cerrar la vía web", "entiendo", "si", "actual", "una clave equivocada").want(422)
			w.clock.advance(time.Minute)
			// A link that is under way ends with it.
			waiting := w.browser()
			waiting.sent(credential.Recover, p, "")
			m := w.activation(p.Email, 1)
			page.press("Cerrar la vía web", "entiendo", "si", "actual", p.Clave).want(303).follow().want(200)
			if b.inside() || other.inside() {
				t.Error("a session outlives the closing")
			}
			waiting.get(linkIn(t, m, "/clave/enlace/")).want(410)
			w.waitFor("notice", func() bool { return len(w.mails(p.Email, "Aviso: se cerró la vía web de su cuenta")) == 1 })
			w.restart()
			w.stopTasks()
			sent := len(w.mails("", "ACTIVACIÓN CLAVE"))
			w.clock.advance(25 * time.Hour)
			open := w.people["con-clave"]
			want := w.losingAfter(e, open, wrongAnswers(open), "una clave equivocada")
			w.clock.advance(25 * time.Hour)
			got := w.losingAfter(e, p, p, p.Clave) // everything right
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("a closed number makes other work:\n%s", diff)
			}
			// Locked, too, it gets no mail: those that wait are to nobody.
			w.clock.advance(25 * time.Hour)
			for range 5 {
				w.clock.advance(10 * time.Second)
				w.browser().logIn(p, "una clave equivocada").want(422)
			}
			w.browser().logIn(p, p.Clave).want(429)
			w.browser().get("/clave/desbloquear").want(200).press("Desbloquear", "documento", p.Document, "numero", p.Number).want(303)
			w.idle = false
			w.restart()
			w.settled()
			if n := len(w.mails("", "ACTIVACIÓN CLAVE")) + len(w.mails("", "DESBLOQUEO DE CLAVE")); n != sent {
				t.Errorf("%d mails with a link left", n-sent)
			}
		})
	}
}

// stopTasks ends the program's tasks and goes on without them, so that nothing runs
// beside what is measured.
func (w *world) stopTasks() {
	w.t.Helper()
	w.idle = true
	w.restart()
}

// Level 1 closes the web way too, and a code of staff's opens it again, whenever
// it was handed over: whoever merely knows the clave has no say in what a visit gave.
func TestReopenByStaff(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), under(credential.Reforzada), with("unproven_mails", "100"))
	p := w.people["con-clave"]
	w.inOf(p).get(pathClosingInside).want(200).press("Cerrar la vía web", "entiendo", "si", "actual", p.Clave).want(303)
	w.browser().logIn(p, p.Clave).want(422)
	// A mail alone opens nothing either.
	sent := len(w.mails(p.Email, "ACTIVACIÓN CLAVE"))
	w.browser().sent(credential.Recover, p, "")
	w.settled()
	if n := len(w.mails(p.Email, "ACTIVACIÓN CLAVE")); n != sent {
		t.Error("a mail left for a closed number")
	}
	w.clock.advance(25 * time.Hour)
	after := w.handOver(p, "FGHJK-23456")
	w.browser().finished(credential.Generate, after, p.Email, goodClave)
	b := w.browser()
	b.logIn(p, goodClave).want(303)
	if account, err := w.account(p); err != nil || !account.ClosedAt.IsZero() || account.Level != credential.InPerson {
		t.Errorf("after the code of staff: %v, %v", account.ClosedAt, err)
	}
	if text := b.get("/mi-cuenta/historia").want(200).text(); !strings.Contains(text, "Se volvió a abrir la vía web") {
		t.Errorf("the history lacks the reopening: %s", clipText(text, 500))
	}
}

// Everything kept of a person is in the file, no secret is, and level 1 gets none.
func TestDownload(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.high()
		b := w.inOf(p)
		page := b.get(pathRightsInside).want(200)
		page.press("Enviar el pedido", "pedido", "erasure", "texto", "Mi \u202eteléfono.\x07\r\nYa no lo uso.").want(303)
		page.press("Descargar mis datos", "actual", "una clave equivocada").want(422)
		w.clock.advance(time.Minute)
		change := b.get("/clave/cambiar").want(200)
		typed := []string{"actual", p.Clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si"}
		// Another text held when the page was opened: nothing is accepted unseen.
		shown := change.press("Cambiar clave", append(typed, "leido", "0123456789abcdef")...).want(422)
		if _, inputs := shown.form("Cambiar clave"); inputs.Has("acuerdo") || !strings.Contains(shown.Body.String(), words.Spanish().Text("rule.agreed.changed")) {
			t.Error("an agreement that changed is not shown again")
		}
		shown.press("Cambiar clave", typed...).want(303)
		a := page.press("Descargar mis datos", "actual", goodClave).want(200)
		if got := a.Header().Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("the file is sent as %q, %q", got, a.Header().Get("Cache-Control"))
		}
		var file map[string]any
		err := json.Unmarshal(a.Body.Bytes(), &file)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for key := range file {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		want := []string{"acuerdo", "casos", "correos", "correos_anteriores", "cuenta", "equipos_conocidos", "formato", "generado", "historia", "historia_completa",
			"quejas", "registro", "sesiones", "solicitudes"}
		if diff := cmp.Diff(want, keys); diff != "" {
			t.Errorf("the file's parts (-want +got):\n%s", diff)
		}
		text, agreed := a.Body.String(), DemoInstitution().Agreement
		for _, want := range []string{p.Number, p.Surnames, p.Birth, p.Email, "Mi teléfono.\\nYa no lo uso.", agreed.Version, agreed.Digest(), "presencial", "Se ingresó a la cuenta"} {
			if !strings.Contains(text, want) {
				t.Errorf("the file lacks %q", want)
			}
		}
		for _, never := range []string{"argon2", goodClave, b.cookies["sesion"], p.Answers[words.Spanish().PersonalQuestion("first_pet")]} {
			if never != "" && strings.Contains(text, never) {
				t.Errorf("the file holds %q", never)
			}
		}
		if text := b.get("/mi-cuenta/historia").want(200).text(); !strings.Contains(text, "Se descargaron los datos personales") {
			t.Error("the history does not say that the data were downloaded")
		}
		low := w.people["con-clave"]
		thief := w.inOf(low)
		if text := thief.get(pathRightsInside).want(200).text(); strings.Contains(text, "No lleva su clave") {
			t.Error("level 1 is offered the file")
		}
		thief.send(http.MethodPost, pathRightsInside+"/descarga", url.Values{"actual": {low.Clave}}).want(403)
	})
}

// A request gets a reference and its last day, in Ecuador's days; an empty or
// too long one is refused; a person has three open ones at most.
func TestDataRequests(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		w.clock.advance(13*time.Hour + 30*time.Minute) // 04:30 UTC of the 21st: still the 20th in Quito
		b := w.inOf(p)
		page := b.get(pathRightsInside).want(200)
		for _, bad := range []string{"", " \n ", "\u202e \u200b\x07", strings.Repeat("ñ", 2001)} {
			page.press("Enviar el pedido", "pedido", "rectification", "texto", bad).want(422)
		}
		page.press("Enviar el pedido", "pedido", "otra", "texto", "Mi nombre").want(422)
		page.press("Enviar el pedido", "texto", "Mi nombre").want(422)
		shown := page.press("Enviar el pedido", "pedido", "rectification", "texto", strings.Repeat("ñ", 2000)).want(303).follow().want(200)
		if !strings.Contains(shown.text(), "Último día para responderle: 5 de diciembre de 2026") {
			t.Errorf("the request's last day: %s", clipText(shown.text(), 900))
		}
		if text := b.get("/mi-cuenta").want(200).text(); !strings.Contains(text, "a más tardar el 5 de diciembre de 2026") {
			t.Errorf("the account does not show the open request: %s", clipText(text, 900))
		}
		w.waitFor("notice", func() bool { return len(w.mails(p.Email, "Aviso: recibimos un pedido sobre sus datos")) == 1 })
		m := w.mails(p.Email, "Aviso: recibimos un pedido sobre sus datos")[0]
		if day := lineIn(t, m, "Último día para responderle"); day != "5 de diciembre de 2026" || !strings.Contains(shown.text(), lineIn(t, m, "Referencia")) {
			t.Errorf("the mail says %q, and another reference than the page", day)
		}
		for range 2 {
			page.press("Enviar el pedido", "pedido", "erasure", "texto", "Mi teléfono").want(303)
		}
		page.press("Enviar el pedido", "pedido", "erasure", "texto", "Mi teléfono").want(429)
		// They are the person's own.
		other := w.people["con-clave-presencial"]
		if text := w.inOf(other).get(pathRightsInside).want(200).text(); strings.Contains(text, "Sus pedidos") {
			t.Error("another person sees the requests")
		}
		for _, path := range []string{pathRightsInside, pathRightsInside + "/descarga", pathClosingInside, pathRenewInside} {
			if to := w.browser().send(http.MethodPost, path, url.Values{}).want(303).Header().Get("Location"); !strings.HasPrefix(to, "/ingresar") {
				t.Errorf("%s without a session leads to %s", path, to)
			}
		}
	})
}
