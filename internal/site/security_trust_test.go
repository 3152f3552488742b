package site

import (
	"net/http"
	"testing"
	"time"

	"aldaba/internal/credential"
)

// TestS8_SpyBeforeTheVerdict: a procedure that somebody began with nothing but a
// number tells nothing of what its owner does meanwhile.
func TestS8_SpyBeforeTheVerdict(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["pensionista"]
		spy, reviewing := w.browser(), w.browser()
		before := spy.begin(credential.Generate, p).want(303).follow().want(200)
		page := reviewing.begin(credential.Generate, p).want(303).follow().want(200)
		page.press("Continuar", page.proof(p)...).want(303)
		w.browser().finished(credential.Generate, p, "pensionista@correo.example", goodClave)
		after := spy.get(before.path).want(200)
		if before.Body.String() != after.Body.String() {
			t.Error("the proof page changed when the owner finished")
		}
		reviewing.get("/clave/generar-recuperar/prueba/revision").want(200)
	})
}

// TestS27_ClaimIsRenewed: a cookie copied before the proof opens nothing after
// it, and one copied before the code nothing after that.
func TestS27_ClaimIsRenewed(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["nueva"]
		b := w.browser()
		page := b.begin(credential.Generate, p).want(303).follow().want(200)
		thief := b.clone()
		page = page.press("Continuar", page.proof(p)...).want(303).follow().want(200)
		page = page.press("Aceptar").want(303).follow().want(200)
		thief.get(page.path).want(410)
		page.toReview("nueva@correo.example").press("Aceptar").want(303)
		m := w.activation("nueva@correo.example", 1)
		thief = b.clone()
		page = b.get("/clave/generar-recuperar/espera").press("Continuar", "codigo", lineIn(t, m, "Código")).want(303).follow().want(200)
		thief.get(page.path).want(410)
		page.setClave(goodClave).want(303)
	})
}

// TestObjectionEndsEverythingProven: «No fui yo» ends whatever was proven with
// the same answers, and no other change of address is taken while it lives; the
// address on record still is.
func TestObjectionEndsEverythingProven(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		kind, p := w.retyping(w.people["con-clave"])
		first, second, third := w.browser(), w.browser(), w.browser()
		first.sent(kind, p, "ladron1@malo.example")
		w.waitFor("the older notice", func() bool { return len(w.mails(p.Email, "")) == 1 })
		second.sent(kind, p, "ladron2@malo.example")
		first.get("/clave/generar-recuperar/espera").want(410) // one change waits at a time
		third.prove(kind, p).want(303).follow().want(200)
		w.waitFor("two notices", func() bool { return len(w.mails(p.Email, "")) >= 2 })
		page := w.browser().get(linkIn(t, w.mails(p.Email, "")[0], "/no-fui-yo/")).want(200)
		w.browser().send(http.MethodPost, page.path, nil).want(200)
		second.get("/clave/generar-recuperar/espera").want(410)
		third.get("/clave/generar-recuperar/correo").want(410)

		again := w.browser().prove(kind, p).want(303).follow().want(200).toReview("ladron3@malo.example")
		again.press("Aceptar").want(422)
		w.clock.advance(25 * time.Hour)
		if mails := w.mails("ladron1@malo.example", ""); len(mails) > 0 {
			t.Errorf("the thief got %d mails", len(mails))
		}
		w.browser().finished(credential.Recover, p, p.Email, goodClave)
		if !w.hasClave(p, goodClave) {
			t.Error("the owner could not recover with the address on record")
		}
	})
}

// TestMoreTimeDuringTheVerdict: another tab that asks for more time while a right
// proof is being compared costs it neither the verdict nor a try.
func TestMoreTimeDuringTheVerdict(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		// A slow hash leaves time between the charge and the verdict.
		w := newWorld(t, dsn, preset, people(0), once("hash_memory_kib", "65536", "hash_passes", "3"))
		w.browser().finished(credential.Generate, w.people["nueva"], "nueva@correo.example", goodClave)
		p, b := chosen(w.people["nueva"]), w.browser()
		page := b.begin(credential.Recover, p).want(303).follow().want(200)
		page = page.press("Continuar", page.proof(p)...).want(303).follow().want(200)
		_, inputs := page.form("Aceptar")
		other := b.clone()
		verdict := make(chan *answer)
		go func() { verdict <- page.press("Aceptar") }()
		w.waitFor("charge", func() bool { return w.charges(p) == [2]int{1, 1} })
		other.send(http.MethodPost, "/clave/generar-recuperar/mas-tiempo", inputs).want(303)
		(<-verdict).want(303).follow().want(200)
		if n := w.charges(p); n != [2]int{} {
			t.Errorf("%v charges stand after a success", n)
		}
	})
}

// TestPeoplePerMailboxAtAccept: the cap of a mailbox holds for people who all
// typed it before any of them accepted.
func TestPeoplePerMailboxAtAccept(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, with("people_per_mailbox", "2"))
		var reviews []*answer
		for _, name := range []string{"nueva", "pensionista", "derechohabiente"} {
			page := w.browser().prove(credential.Generate, w.people[name]).want(303).follow().want(200)
			reviews = append(reviews, page.toReview("granja@malo.example"))
		}
		reviews[0].press("Aceptar").want(303)
		reviews[1].press("Aceptar").want(303)
		reviews[2].press("Aceptar").want(422)
	})
}
