package site

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

// pressed presses «No fui yo» in a mail, from a browser that knows nothing.
func (w *world) pressed(m mailbox.Message) *answer {
	w.t.Helper()
	path := linkIn(w.t, m, "/no-fui-yo/")
	w.browser().get(path).want(200) // looking changes nothing
	return w.browser().send(http.MethodPost, path, nil).want(200)
}

// notice waits for a notice to an address, by its subject.
func (w *world) notice(to, subject string) mailbox.Message {
	w.t.Helper()
	w.waitFor("notice: "+subject, func() bool { return len(w.mails(to, subject)) > 0 })
	return w.mails(to, subject)[0]
}

const (
	otherClave     = "otra clave larga y buena"
	noticeOfClave  = "Aviso: se cambió su clave"
	noticeOfFreeze = "Aviso: su cuenta está congelada"
)

// change is somebody's «Cambio de clave» from a browser that nobody knows; changed
// is one that succeeds.
func (w *world) change(p web.DemoPerson, from, to string) *answer {
	w.t.Helper()
	return w.browser().get("/clave/cambiar").want(200).press("Cambiar clave", "documento", p.Document, "numero", p.Number,
		"actual", from, "clave", to, "repita", to, "acuerdo", "si")
}

func (w *world) changed(p web.DemoPerson, from, to string) {
	w.t.Helper()
	w.change(p, from, to).want(303)
}

// actsAmong gives the acts on a person that a test asks for, latest first.
func (w *world) actsAmong(p web.DemoPerson, wanted ...credential.Act) []credential.Act {
	w.t.Helper()
	var got []credential.Act
	w.view(func(tx credential.Tx) error {
		entries, err := tx.AuditOf(w.subject(p), credential.AuditQuery{Acts: wanted, N: 500})
		for _, e := range entries {
			got = append(got, e.Act)
		}
		return err
	})
	return got
}

// «No fui yo» of an act freezes the account until its owner is proven by an
// address that was confirmed before that act.
func TestFreeze(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		owner := w.browser()
		owner.logIn(p, p.Clave).want(303)
		w.changed(p, p.Clave, goodClave)
		if owner.inside() {
			t.Error("a session outlived a change of clave")
		}
		owner.logIn(p, goodClave).want(303)
		waiting := w.browser()
		waiting.sent(credential.Recover, p, p.Email)
		w.activation(p.Email, 1) // a freeze ends the mails that have not left
		notice := w.notice(p.Email, noticeOfClave)
		page := w.pressed(notice)
		number := lineOf(page, "Su número de caso es")
		if !strings.HasPrefix(number, "C-") || !strings.Contains(page.text(), words.Spanish().Text("objection.frozen")) {
			t.Fatalf("after the press: %s", clipText(page.text(), 600))
		}
		if owner.inside() {
			t.Error("a session outlived the freeze")
		}
		if got := waiting.state(); got != "over" {
			t.Errorf("a procedure that was under way is %q", got)
		}
		owner.logIn(p, goodClave).want(422) // as if it were wrong
		w.restart()
		w.clock.advance(time.Minute)
		w.change(p, goodClave, otherClave).want(422)
		told := w.notice(p.Email, noticeOfFreeze)
		if !strings.Contains(told.Text, number) {
			t.Errorf("the notice of the freeze does not name the case:\n%s", told.Text)
		}
		again := w.pressed(notice)
		if lineOf(again, "Su número de caso es") != number {
			t.Errorf("a second press: %s", clipText(again.text(), 400))
		}
		// Pressing the notice of the freeze opens another case, and ends nothing.
		if other := lineOf(w.pressed(told), "Su número de caso es"); other == number || other == "" {
			t.Errorf("the notice of the freeze opened case %q", other)
		}
		w.clock.advance(time.Minute)
		owner.logIn(p, goodClave).want(422)

		// Another address than those of before is refused, at once and after any wait.
		thief := w.browser()
		thief.prove(credential.Recover, p).want(303).follow().want(200).contact("ladron@malo.example").want(422)
		w.clock.advance(48 * time.Hour)
		thief = w.browser()
		thief.prove(credential.Recover, p).want(303).follow().want(200).contact("ladron@malo.example").want(422)
		w.settled()
		if n := len(w.mails("ladron@malo.example", "")); n != 0 {
			t.Errorf("the thief got %d mails", n)
		}
		back := w.browser()
		back.sent(credential.Recover, p, p.Email)
		page = back.opened(w.activation(p.Email, 2), p)
		page.setClave(goodClave).want(422) // the one that somebody else knows
		page.setClave(otherClave).want(303)
		w.browser().logIn(p, otherClave).want(303)
		want := []credential.Act{credential.ActThawed, credential.ActCaseOpened, credential.ActFrozen}
		if got := w.actsAmong(p, want...); !slices.Equal(got, want) {
			t.Errorf("acts %v, want %v", got, want)
		}
	})
}

// A notice to an address that is less well proven than the act, or that is no
// longer on record, opens a case and freezes nothing.
func TestFreezeByWhom(t *testing.T) {
	t.Run("weaker address", func(t *testing.T) {
		w := newWorld(t, dsnOf(t, "sqlite"))
		p, weak := w.people["con-clave-presencial"], "otra@correo.example"
		email, err := credential.ParseEmail(weak)
		if err != nil {
			t.Fatal(err)
		}
		err = w.site.Store.Update(t.Context(), 0, func(tx credential.Tx) error {
			return tx.PutAddress(credential.Address{
				Subject: w.subject(p), ID: credential.ID{9}, Email: email,
				Provenance: credential.Provenance{Origin: credential.OriginConfirmed, At: w.clock.Now().Add(-time.Hour)},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		w.changed(p, p.Clave, goodClave)
		weaker := w.notice(weak, noticeOfClave)
		page := w.browser().get(linkIn(t, weaker, "/no-fui-yo/")).want(200)
		if !strings.Contains(page.text(), words.Spanish().Text("objection.opens_case")) {
			t.Errorf("the page says: %s", clipText(page.text(), 500))
		}
		if text := w.pressed(weaker).text(); !strings.Contains(text, words.Spanish().Text("objection.case_only")) {
			t.Errorf("after the press: %s", clipText(text, 500))
		}
		w.browser().logIn(p, goodClave).want(303)
		w.pressed(w.notice(p.Email, noticeOfClave)) // its own
		w.browser().logIn(p, goodClave).want(422)
		w.browser().finished(credential.Recover, p, "", otherClave)
		w.browser().logIn(p, otherClave).want(303)
	})
	t.Run("replaced address", func(t *testing.T) {
		w := newWorld(t, dsnOf(t, "sqlite"))
		p, to := w.people["con-clave"], "otra.direccion@correo.example"
		b := w.browser()
		b.changing(p, to, 1)
		w.pass(24 * time.Hour)
		b.opened(w.activation(to, 1), p).setClave(goodClave).want(303)
		if text := w.pressed(w.notice(p.Email, "Aviso: se recuperó su clave")).text(); !strings.Contains(text, words.Spanish().Text("objection.case_only")) {
			t.Errorf("after the press: %s", clipText(text, 500))
		}
		b.logIn(p, goodClave).want(303)
		// Nor does a press on a change that is done stand in the way of the next one.
		w.clock.advance(time.Minute)
		w.pressed(w.notice(p.Email, noticeOfChange))
		w.browser().prove(credential.Recover, p).want(303).follow().want(200).toReview("tercera@correo.example").press("Aceptar").want(303)
	})
}

// A freeze link lives its ten days whatever else happens, and not a moment more.
func TestS6_FreezeLinkLivesTenDays(t *testing.T) {
	for _, test := range []struct {
		name string
		wait time.Duration
		want int
	}{{"within", 240*time.Hour - 2*time.Second, 200}, {"after", 240 * time.Hour, 410}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, dsnOf(t, "sqlite"))
			p := w.people["con-clave"]
			w.changed(p, p.Clave, otherClave)
			path := linkIn(t, w.notice(p.Email, noticeOfClave), "/no-fui-yo/")
			w.clock.advance(time.Second)
			w.browser().finished(credential.Recover, p, p.Email, goodClave)
			w.clock.advance(test.wait)
			w.browser().send(http.MethodPost, path, nil).want(test.want)
			if frozen := w.mustAccount(p).FrozenFrom; frozen.IsZero() != (test.want == 410) {
				t.Errorf("frozen from %v", frozen)
			}
		})
	}
}

// queued counts the mails that wait.
func (w *world) queued() (n int) {
	w.t.Helper()
	n, _, err := w.site.Service.MailQueue(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// Repeats of an act within five minutes are told together; the first at once.
func TestNoticesMerge(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		claves := []string{p.Clave, goodClave, otherClave, goodClave + "2", otherClave + "2"}
		w.changed(p, claves[0], claves[1])
		w.notice(p.Email, noticeOfClave)
		for i := 1; i < 4; i++ {
			w.clock.advance(time.Minute)
			w.changed(p, claves[i], claves[i+1])
		}
		w.clock.advance(90 * time.Second)
		if n, waiting := len(w.mails(p.Email, noticeOfClave)), w.queued(); n != 1 || waiting != 1 {
			t.Fatalf("within five minutes %d notices arrived and %d wait, want the first, and one for the rest", n, waiting)
		}
		w.pass(time.Minute)
		w.waitFor("the merged notice", func() bool { return len(w.mails(p.Email, noticeOfClave)) == 2 })
		if text := w.mails(p.Email, noticeOfClave)[0].Text; !strings.Contains(text, "Ocurrió 3 veces en total") {
			t.Errorf("the merged notice says:\n%s", text)
		}
		w.pressed(w.mails(p.Email, noticeOfClave)[0])
		w.browser().logIn(p, claves[4]).want(422)
	})
}

// A lock is told once, to the owner alone, and a stranger's sixth failure costs
// the owner no mail more.
func TestNoticeOfLock(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		for _, who := range []web.DemoPerson{p, nobody(p), w.people["nueva"]} {
			for range 6 {
				w.clock.advance(20 * time.Second)
				w.browser().logIn(who, "una clave equivocada")
			}
		}
		w.pass(time.Minute)
		w.notice(p.Email, "Aviso: se bloqueó su clave")
		w.settled()
		if n := len(w.box.Messages("")); n != 1 {
			t.Errorf("%d mails, want the one notice", n)
		}
	})
}

// A log-in with a device and from a network not seen before is told; the next one
// like it is not, nor one from a browser that the person is known by.
func TestNoticeOfNewDevice(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		const subject = "Aviso: ingresaron a su cuenta desde otro equipo o desde otra red"
		w.browser().logIn(p, p.Clave).want(303)
		w.notice(p.Email, subject)
		w.clock.advance(10 * time.Minute)
		w.browser().logIn(p, p.Clave).want(303)
		w.clock.advance(31 * 24 * time.Hour)
		known := w.browser()
		known.finished(credential.Recover, p, p.Email, goodClave)
		known.logIn(p, goodClave).want(303)
		w.settled()
		if n := len(w.mails(p.Email, subject)); n != 1 {
			t.Errorf("%d notices of a new device, want 1", n)
		}
	})
}

// byCode goes from the first page to the verdict with a code that staff handed
// over just now, under any policy.
func (b *browser) byCode(kind credential.ProcedureKind, p web.DemoPerson) *answer {
	b.w.t.Helper()
	p = b.w.handOver(p, "ABCDE-23456")
	page := b.begin(kind, p).want(303).follow().want(200)
	if strings.Contains(page.text(), words.Spanish().Text("prove.have_code")) {
		page = page.press("Tengo un código de activación").want(303).follow().want(200)
	}
	pairs := []string{"dia", p.Birth[8:], "mes", p.Birth[5:7], "activacion", p.Activation}
	if b.w.policy().BirthYear {
		pairs = append(pairs, "anio", p.Birth[:4])
	}
	return page.press("Continuar", pairs...).want(303).follow().want(200).press("Aceptar")
}

// A code that staff hand over opens a frozen account under every policy, whatever
// was set before the visit: nobody who set it is asked, and nothing of it stays.
func TestS24_CodeSupersedesWhatWasBefore(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["con-clave"]
		w.changed(p, p.Clave, otherClave)
		w.pressed(w.notice(p.Email, noticeOfClave))
		for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
			b, to := w.browser(), "ventanilla."+string(kind)+"@correo.example"
			page := b.byCode(kind, p).want(303).follow().want(200)
			page.toReview(to).press("Aceptar").want(303)
			b.opened(w.activation(to, 1), p).setClave(goodClave).want(303)
			account := w.mustAccount(p)
			if account.Level != credential.InPerson || !account.FrozenFrom.IsZero() || !w.hasClave(p, goodClave) {
				t.Errorf("%s: level %v, frozen from %v", kind, account.Level, account.FrozenFrom)
			}
			b.logIn(p, goodClave).want(303)
			if kind == credential.Generate {
				// Made again what a thief would: frozen, of a level that a visit raised once.
				w.clock.advance(10 * time.Minute)
				w.changed(p, goodClave, otherClave)
				w.waitFor("another notice", func() bool { return len(w.mails(to, noticeOfClave)) == 1 })
				w.pressed(w.mails(to, noticeOfClave)[0])
				if w.mustAccount(p).FrozenFrom.IsZero() {
					t.Fatal("the second press froze nothing")
				}
			}
		}
	})
}

// What a code proves is asked like anything else: without one, or with a wrong
// one, the same refusal for everybody.
func TestByCodeRefusals(t *testing.T) {
	presetsOnce(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["con-clave"]
		if w.policy().ActivationCode {
			t.Skip("the policy asks the code of everybody: presets_reforzada_test.go")
		}
		for _, who := range []web.DemoPerson{p, w.people["nueva"], nobody(p)} {
			page := w.browser().begin(credential.Recover, who).want(303).follow().want(200).press("Tengo un código de activación").want(303).follow().want(200)
			pairs := []string{"dia", who.Birth[8:], "mes", who.Birth[5:7], "anio", who.Birth[:4], "activacion"}
			page.press("Continuar", append(pairs, "")...).want(422)
			page.press("Continuar", append(pairs, "corto")...).want(422)
			page.press("Continuar", append(pairs, "ABCDE-23457")...).want(303).follow().want(200).press("Aceptar").want(422)
		}
	})
}

// An address that staff verified in person takes the place of every other, opens a
// frozen account by a recovery, and raises no level by itself.
func TestS24_StaffVerifyAnAddress(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["con-clave"]
		w.changed(p, p.Clave, otherClave)
		w.pressed(w.notice(p.Email, noticeOfClave))
		number, err := StaffNumber("auto", p.Number)
		if err != nil {
			t.Fatal(err)
		}
		by, to := credential.Actor{Kind: credential.Staff, Route: "test"}, "anotada@correo.example"
		err = w.site.Service.SetAddressInPerson(t.Context(), by, number, to, "Quito Norte", "Perdió su correo")
		if err != nil {
			t.Fatal(err)
		}
		if level := w.mustAccount(p).Level; level != credential.Declared {
			t.Errorf("the address alone made the level %v", level)
		}
		for _, address := range []string{p.Email, to} {
			told := w.notice(address, "Aviso: se cambió el correo de su cuenta")
			if strings.Contains(told.Text, "equipo") {
				t.Errorf("the notice names a device that there was not:\n%s", told.Text)
			}
		}
		w.browser().finished(credential.Recover, p, "", goodClave)
		account := w.mustAccount(p)
		if account.Level != credential.InPerson || !account.FrozenFrom.IsZero() || len(w.mails(p.Email, "ACTIVACIÓN CLAVE")) != 0 {
			t.Errorf("level %v, frozen from %v", account.Level, account.FrozenFrom)
		}
		for name, wrong := range map[string][3]string{
			"address": {"no es correo", "", "Vino"}, "reason": {to, "", " "}, "office": {to, strings.Repeat("x", 300), "Vino"},
		} {
			if err := w.site.Service.SetAddressInPerson(t.Context(), by, number, wrong[0], wrong[1], wrong[2]); !credential.IsKind(err, credential.Invalid) {
				t.Errorf("a wrong %s: %v", name, err)
			}
		}
	})
}

// A closing of the web way that its owner disputes ends with the freeze: a thief
// with the clave must not shut the web for good.
func TestFreezeOfAClosing(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["con-clave"]
		thief := w.browser()
		thief.logIn(p, p.Clave).want(303)
		thief.get("/mi-cuenta/cerrar-via-web").want(200).press("Cerrar la vía web", "actual", p.Clave, "entiendo", "si").want(303)
		w.pressed(w.notice(p.Email, "Aviso: se cerró la vía web de su cuenta"))
		w.browser().finished(credential.Recover, p, p.Email, goodClave)
		w.browser().logIn(p, goodClave).want(303)
		if account := w.mustAccount(p); !account.ClosedAt.IsZero() || !account.FrozenFrom.IsZero() {
			t.Errorf("closed at %v, frozen from %v", account.ClosedAt, account.FrozenFrom)
		}
	})
}

// TestS21_StrangersDoNotStopASession: a lock by strangers does not keep who is
// logged in from what asks the clave again.
func TestS21_StrangersDoNotStopASession(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["con-clave"]
		b := w.browser()
		b.logIn(p, p.Clave).want(303)
		for range 6 {
			w.clock.advance(20 * time.Second)
			w.browser().logIn(p, "una clave equivocada")
		}
		w.browser().logIn(p, p.Clave).want(429)
		b.get("/clave/cambiar").want(200).press("Cambiar clave", "actual", p.Clave, "clave", goodClave, "repita", goodClave, "acuerdo", "si").want(303)
	})
}

// TestS27_CopiedDeviceCookie: whoever copied a shared computer's cookie is not
// known by it to the person who finishes there afterwards.
func TestS27_CopiedDeviceCookie(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		other, p := w.people["con-clave-presencial"], w.people["con-clave"]
		shared := w.browser()
		shared.finished(credential.Recover, other, "", goodClave)
		copied := shared.clone()
		shared.finished(credential.Recover, p, p.Email, otherClave)
		for range 5 {
			w.clock.advance(20 * time.Second)
			copied.logIn(p, "una clave equivocada").want(422)
		}
		copied.logIn(p, otherClave).want(429)
		shared.logIn(p, otherClave).want(303)
		shared.get("/mi-cuenta").want(200).press("Salir").want(303)
		for range 6 { // and the other person is still known here
			w.clock.advance(20 * time.Second)
			w.browser().logIn(other, "una clave equivocada")
		}
		shared.logIn(other, goodClave).want(303)
	})
}
