package site

import (
	"testing"

	"aldaba/internal/credential"
)

// TestGenerate walks the whole journey of everyone who never had a clave.
func TestGenerate(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
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
			if p.InPerson {
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
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
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
		page := b.begin(credential.Recover, p).want(303).follow().want(200)
		_, inputs := page.form("Continuar")
		pairs := page.proof(p)
		i := 0
		for _, id := range credential.PersonalQuestions() {
			if _, ok := inputs["bank."+string(id)]; ok {
				pairs = append(pairs, "bank."+string(id), bankAnswer(t, id))
				i++
			}
		}
		if i != 3 {
			t.Fatalf("a recover asks %d questions, want 3", i)
		}
		page = page.press("Continuar", pairs...).want(303).follow().want(200).press("Aceptar").want(303).follow().want(200)
		page = page.press("Continuar", "correo", "nueva@correo.example").want(303).follow().want(200)
		page.press("Aceptar").want(303).follow().want(200)
		m := w.activation("nueva@correo.example", 2)
		page = b.get(pathWaitingForTest).want(200).press("Continuar", "codigo", lineIn(t, m, "Código")).want(303).follow().want(200)
		page.setClave(goodClave + "-2").want(303).follow().want(200).press("Finalizar").want(303).follow().want(200)
		if !w.hasClave(p, goodClave+"-2") {
			t.Error("the recovered clave is not the one that was set")
		}
	})
}

const pathWaitingForTest = "/clave/generar-recuperar/espera"

// bankAnswer gives the answer that [answer.bank] gave to a question: it fills the
// bank in the order of PersonalQuestions.
func bankAnswer(t *testing.T, id credential.PersonalQuestionID) string {
	t.Helper()
	for i, one := range credential.PersonalQuestions() {
		if one == id {
			return fakeAnswers[i]
		}
	}
	t.Fatalf("no question %s", id)
	return ""
}
