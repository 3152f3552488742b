package site

import (
	"testing"

	"aldaba/internal/credential"
)

// TestGenerate walks the whole journey of everyone who never had a clave.
func TestGenerate(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		for _, name := range []string{"nueva", "nueva-presencial", "extranjera", "pensionista", "derechohabiente", "empleador"} {
			p := w.people[name]
			w.browser().finished(credential.Generate, p, name+"@correo.example", goodClave)
			if !w.hasClave(p, goodClave) {
				t.Errorf("%s: the clave is not the one that was set", name)
			}
			account, err := w.account(p)
			if err != nil {
				t.Fatal(err)
			}
			want := credential.Declared
			if p.InPerson || p.Activation != "" {
				want = credential.InPerson
			}
			if account.Level != want {
				t.Errorf("%s: level %v, want %v", name, account.Level, want)
			}
		}
	})
}

// TestRecover walks the whole journey of people who have a clave, and of one
// who has just made it.
func TestRecover(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		for _, name := range []string{"con-clave", "con-clave-presencial", "bloqueada", "bloqueada-presencial"} {
			p := w.people[name]
			w.browser().finished(credential.Recover, p, p.Email, goodClave)
			if !w.hasClave(p, goodClave) {
				t.Errorf("%s: the clave is not the one that was set", name)
			}
		}
		p := w.people["nueva"]
		b := w.browser()
		b.finished(credential.Generate, p, "nueva@correo.example", goodClave)
		p = chosen(p)
		b.sent(credential.Recover, p, "nueva@correo.example")
		m := w.activation("nueva@correo.example", 2)
		page := b.get(journey[5]).want(200).press("Continuar", "codigo", lineIn(t, m, "Código")).want(303).follow().want(200)
		page.own(p).setClave(goodClave + "-2").want(303).follow().want(200).press("Finalizar").want(303).follow().want(200)
		if !w.hasClave(p, goodClave+"-2") {
			t.Error("the recovered clave is not the one that was set")
		}
	})
}
