package site

import (
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
	"aldaba/internal/web"
)

// askUnlock fills the page of «Desbloqueo de clave».
func (b *browser) askUnlock(p web.DemoPerson) *answer {
	b.w.t.Helper()
	return b.get("/clave/desbloquear").want(200).press("Desbloquear", "documento", p.Document, "numero", p.Number)
}

const unlockSubject = "DESBLOQUEO DE CLAVE"

// The mailed link ends the lock once, and the old clave works again; only for a
// locked account whose address was verified in person does a mail leave.
func TestUnlock(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["bloqueada-presencial"]
		w.browser().logIn(p, p.Clave).want(429)
		first := ""
		for _, who := range []web.DemoPerson{
			p, w.people["bloqueada"], w.people["con-clave-presencial"], w.people["nueva-presencial"], w.people["fallecida"], nobody(p),
		} {
			page := w.browser().askUnlock(who).want(303).follow().want(200)
			if first == "" {
				first = page.Body.String()
			}
			if page.Body.String() != first {
				t.Errorf("%s: another page", who.Case)
			}
		}
		w.waitFor("unlock mail", func() bool { return len(w.mails(p.Email, unlockSubject)) > 0 })
		w.settled()
		if n := len(w.box.Messages("")); n != 1 {
			t.Errorf("%d mails, want the one to who is locked and was seen", n)
		}
		link := linkIn(t, w.mails(p.Email, unlockSubject)[0], "/clave/enlace/")
		scanner, b := w.browser(), w.browser()
		for range 3 {
			scanner.get(link).want(303)
		}
		page := b.get(link).want(303).follow().want(200)
		w.browser().logIn(p, p.Clave).want(429)
		page.press("Desbloquear mi clave").want(303).follow().want(200)
		w.browser().logIn(p, p.Clave).want(303)
		// It counts once, and tells.
		b.get(link).want(410)
		page.press("Desbloquear mi clave").want(410)
		w.settled()
		if n := len(w.mails(p.Email, "Aviso: se desbloqueó su clave")); n != 1 {
			t.Errorf("%d notices, want 1", n)
		}
		// This browser is known now: strangers do not keep it out.
		for range 5 {
			w.clock.advance(10 * time.Second)
			w.browser().logIn(p, "una clave equivocada").want(422)
		}
		w.browser().logIn(p, p.Clave).want(429)
		b.logIn(p, p.Clave).want(303)
	})
}

// The link of one procedure does not do what that of another does, and it ends.
func TestS7_UnlockLinkUnlocksAlone(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), with("link_life", "3m"))
	p := w.people["bloqueada-presencial"]
	ask := func(n int) mailbox.Message {
		w.browser().askUnlock(p).want(303)
		w.waitFor("unlock mail", func() bool { return len(w.mails(p.Email, unlockSubject)) >= n })
		w.settled()
		return w.mails(p.Email, unlockSubject)[0]
	}
	b := w.browser()
	link := linkIn(t, ask(1), "/clave/enlace/")
	page := b.get(link).want(303).follow().want(200)
	_, inputs := page.form("Desbloquear mi clave")
	inputs.Set("dia", "1")
	inputs.Set("mes", "1")
	if a := b.send("POST", "/clave/enlace", inputs); a.Code == 200 || a.Header().Get("Location") == "/clave/generar-recuperar/nueva-clave" {
		t.Errorf("an unlock's link leads to a clave: %v", a)
	}
	b.send("POST", "/clave/enlace/reenviar", inputs).want(410)
	w.clock.advance(3 * time.Minute)
	b.get(link).want(410)
	page.press("Desbloquear mi clave").want(410)
	if n := len(w.mails(p.Email, unlockSubject)); n != 1 {
		t.Errorf("%d mails", n)
	}
	// And the link of a recover ends no lock.
	r := w.browser()
	r.sent(credential.Recover, p, "")
	m := w.activation(p.Email, 1)
	behind := r.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().want(200)
	_, inputs = behind.form("Continuar")
	if a := r.send("POST", "/clave/enlace/desbloquear", inputs); a.Code == 200 {
		t.Errorf("a recover's link unlocks: %v", a)
	}
	w.browser().logIn(p, p.Clave).want(429)
}

// A new clave behind the link of an unlock asks the proof of a recover and no other
// mail; the lock ends with it, and the link counts once, for what is finished first.
func TestNewClaveBehindUnlock(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["bloqueada-presencial"]
		w.browser().askUnlock(p).want(303)
		w.waitFor("unlock mail", func() bool { return len(w.mails(p.Email, unlockSubject)) > 0 })
		link := linkIn(t, w.mails(p.Email, unlockSubject)[0], "/clave/enlace/")
		behind := func(b *browser) *answer {
			return b.get(link).want(303).follow().want(200).press("Poner una clave nueva").want(303).follow().want(200)
		}
		mails := len(w.box.Messages(""))

		// Whoever reads the mailbox and knows nothing else sets no clave.
		thief := w.browser()
		wrong := p
		wrong.Birth = "1911-01-01"
		page := behind(thief)
		page.press("Continuar", page.proof(wrong)...).want(303).follow().want(200).press("Aceptar").want(422)
		thief.get("/clave/generar-recuperar/nueva-clave").want(303)
		w.browser().logIn(p, p.Clave).want(429) // still locked

		b, second := w.browser(), w.browser()
		page = behind(b)
		waits := behind(second)
		waits = waits.press("Continuar", waits.proof(p)...).want(303).follow().want(200)
		page = page.press("Continuar", page.proof(p)...).want(303).follow().want(200)
		w.clock.advance(10 * time.Minute) // the link's own time is over; what it began goes on
		page = page.press("Aceptar").want(303).follow().want(200)
		page = page.own(p)
		page.setClave(goodClave).want(303).follow().want(200).press("Finalizar").want(303)
		if text := b.get("/ingresar").want(200); !strings.Contains(text.Body.String(), `value="`+p.Number+`"`) {
			t.Error("the log-in asks the number again")
		}
		if text := b.get("/ingresar").want(200); strings.Contains(text.Body.String(), p.Number) {
			t.Error("the next one at this browser sees the number")
		}
		b.logIn(p, goodClave).want(303)
		w.browser().logIn(p, goodClave).want(303) // the lock ended for everybody
		w.settled()
		if n := len(w.mails(p.Email, "ACTIVACIÓN CLAVE")); n != 0 {
			t.Errorf("%d mails more, want none", n)
		}
		if n := len(w.box.Messages("")) - mails; n != 1 {
			t.Errorf("%d notices, want 1", n)
		}
		b.get(link).want(410)
		waits.press("Aceptar").want(303).follow().want(200).own(p).setClave("otra clave, demasiado tarde").want(410)
		if !w.hasClave(p, goodClave) {
			t.Error("one link set two claves")
		}
	})
}

// With a code from staff behind the same link everything is set anew, and asked: the
// questions, and a mail of its own.
func TestByCodeBehindUnlock(t *testing.T) {
	presetsOnce(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.handOver(w.people["bloqueada-presencial"], "ABCDE-23456")
		w.browser().askUnlock(p).want(303)
		w.waitFor("unlock mail", func() bool { return len(w.mails(p.Email, unlockSubject)) > 0 })
		b := w.browser()
		page := b.get(linkIn(t, w.mails(p.Email, unlockSubject)[0], "/clave/enlace/")).want(303).follow().want(200).press("Poner una clave nueva").want(303).follow().want(200)
		page = page.press("Tengo un código de activación").want(303).follow().want(200)
		page.press("Continuar", "dia", p.Birth[8:], "mes", p.Birth[5:7], "anio", p.Birth[:4], "activacion", p.Activation).want(303).follow().want(200).press("Aceptar").want(303)
		b.get("/clave/generar-recuperar/nueva-clave").want(303)
		next := "/clave/generar-recuperar/preguntas"
		if w.policy().OwnQuestions == 0 {
			next = "/clave/generar-recuperar/correo"
		}
		b.get(next).want(200)
	})
}

// By the sheet's way the link of an unlock ends the lock alone.
func TestUnlockAsTheSheetSays(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), with("unlock_link", "unlock"))
	p := w.people["bloqueada-presencial"]
	w.browser().askUnlock(p).want(303)
	w.waitFor("unlock mail", func() bool { return len(w.mails(p.Email, unlockSubject)) > 0 })
	b := w.browser()
	page := b.get(linkIn(t, w.mails(p.Email, unlockSubject)[0], "/clave/enlace/")).want(303).follow().want(200)
	if strings.Contains(page.text(), "Poner una clave nueva") {
		t.Error("the page offers a new clave")
	}
	_, inputs := page.form("Desbloquear mi clave")
	b.send("POST", "/clave/enlace/clave-nueva", inputs).want(303)
	b.get("/clave/generar-recuperar/prueba").want(303)
	page.press("Desbloquear mi clave").want(303)
}
