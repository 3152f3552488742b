package site

import (
	"slices"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

// english is a browser that asks for English.
func (w *world) english() *browser {
	b := w.browser()
	b.header.Set("Accept-Language", "en-US,en;q=0.9")
	return b
}

// TestLanguageOfMails holds in which language whom is written to: a mail that somebody
// asked for in that of the page, a notice in that of the account before the act. So
// nobody who takes over an account decides how its owner is warned.
func TestLanguageOfMails(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		newest := func(p web.DemoPerson, email string, want ...string) {
			t.Helper()
			w.settled()
			var got []string
			for _, m := range w.mails(email, "") {
				got = append(got, m.Subject)
			}
			got = got[:min(len(got), len(want))]
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: the newest mails are %q, want %q", p.Case, got, want)
			}
		}
		language := func(p web.DemoPerson, want credential.Language) {
			t.Helper()
			account, err := w.account(p)
			if err != nil || account.Language != want {
				t.Errorf("%s: the account's language is %q (%v), want %q", p.Case, account.Language, err, want)
			}
		}

		subject := func(l int, kind credential.MailKind) string {
			return words.Languages()[l].Text("mail." + string(kind) + ".subject")
		}
		const spanish, english = 0, 1

		fresh, email := w.people["nueva"], "nueva@correo.example"
		if fresh.InPerson {
			email = fresh.Email
		}
		w.english().finished(credential.Generate, fresh, email, goodClave)
		newest(fresh, email, subject(english, credential.MailActivation), subject(english, credential.MailClaveSet))
		language(fresh, "en")

		// Somebody in English recovers the clave of an owner who never said a language.
		p := w.people["con-clave"]
		w.english().finished(credential.Recover, p, p.Email, goodClave)
		newest(p, p.Email, subject(english, credential.MailActivation), subject(spanish, credential.MailClaveRecovered))
		language(p, "en")
		// By a code that staff handed over it counts as a first time, and is none.
		b := w.english()
		owner := w.people["con-clave-presencial"]
		b.byCode(credential.Recover, owner).want(303).follow().want(200).toReview(owner.Email).press("Aceptar").want(303)
		b.opened(w.activation(owner.Email, 1), owner).setClave(goodClave).want(303)
		newest(owner, owner.Email, subject(english, credential.MailActivation), subject(spanish, credential.MailClaveSet))
		// From there on the notices are in English, whoever acts.
		w.clock.advance(mergeNotices)
		b = w.browser()
		b.header.Set("User-Agent", "Mozilla/5.0 (iPad)")
		b.logIn(p, goodClave).want(303)
		newest(p, p.Email, subject(english, credential.MailNewDevice))
		w.clock.advance(mergeNotices)
		// A change of clave is told in the old language, and moves to the page's.
		page := w.browser().get("/clave/cambiar").want(200)
		page.press("Cambiar clave", "documento", p.Document, "numero", p.Number, "actual", goodClave,
			"clave", goodClave+"-1", "repita", goodClave+"-1", "acuerdo", "on").want(303)
		newest(p, p.Email, subject(english, credential.MailClaveChanged))
		language(p, "es")
		w.clock.advance(mergeNotices)
		w.english().finished(credential.Recover, p, p.Email, goodClave+"-2")
		newest(p, p.Email, subject(english, credential.MailActivation), subject(spanish, credential.MailClaveRecovered))
		language(p, "en")
	})
}

// mergeNotices is longer than notices of one kind are told together.
const mergeNotices = 6 * time.Minute

// TestLanguageOfFiles: what programs read is the same in every language, what people
// read is in theirs.
func TestLanguageOfFiles(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	for _, path := range []string{"/transparencia.csv", "/transparencia.json", "/demo/personas.json", "/robots.txt", "/.well-known/security.txt"} {
		if w.browser().peek("GET", path, nil).Body.String() != w.english().peek("GET", path, nil).Body.String() {
			t.Errorf("%s differs by language", path)
		}
	}
	file := w.english().peek("GET", "/tramites/cambio-de-clave.pdf", nil).Body.String()
	if !strings.Contains(file, "/Lang <feff0065006e002d00470042>") { // en-GB
		t.Error("the PDF does not say that it is in English")
	}
}

// TestDemoPeople: who tries the demo reads in each language what a person is for, and
// what that person answers as the pages ask it.
func TestDemoPeople(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	fakes := registry.Generate("prueba", 0, w.clock.Now())
	asked := map[string]credential.Language{}
	for _, l := range words.Languages() {
		for _, p := range shownPeople(w.site, fakes, l) {
			if strings.HasPrefix(p.Explanation, "[[") || p.Explanation == "" {
				t.Errorf("%s: nothing says what %s is for", l.Code(), p.Case)
			}
			for question := range p.Answers {
				if other := asked[question]; other != "" && other != l.Code() {
					t.Errorf("%s: %q is asked in %s too", p.Case, question, other)
				}
				asked[question] = l.Code()
			}
		}
	}
}

// TestEnglishComplaint: who writes in English is answered in it.
func TestEnglishComplaint(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	w.english().complained("reader@correo.example")
	w.settled()
	if m := w.mails("reader@correo.example", ""); len(m) != 1 || m[0].Subject != words.Languages()[1].Text("mail.complaint.subject") {
		t.Errorf("mails: %v", m)
	}
}
