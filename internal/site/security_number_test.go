package site

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// What only looks like a number or an address is nobody's: refused, not folded
// into somebody's.
func TestS12_LookAlikes(t *testing.T) {
	presetsOnce(t, lookAlikes)
}

func lookAlikes(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, with("people_per_mailbox", "2"))
	p, foreigner := w.people["con-clave"], w.people["extranjera"]
	for name, number := range map[string]string{
		"Arabic digits":        mapDigits(p.Number, '٠'),
		"full width":           mapDigits(p.Number, '０'),
		"mathematical digits":  mapDigits(p.Number, '𝟎'),
		"one of another":       strings.Replace(p.Number, p.Number[:1], string('٠'+rune(p.Number[0]-'0')), 1),
		"superscript":          p.Number[:9] + "²",
		"letter o and l":       strings.NewReplacer("0", "O", "1", "l").Replace(p.Number + "0"),
		"a combining mark":     p.Number[:5] + "\u0301" + p.Number[5:],
		"variation selector":   p.Number[:5] + "\ufe0f" + p.Number[5:],
		"an enclosing keycap":  p.Number + "\u20e3",
		"a number and another": p.Number + "," + p.Number,
	} {
		if got := w.browser().beginWith(credential.Recover, "cedula", number, ""); got.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d, want 422", name, got.Code)
		}
	}
	code := foreigner.Number
	i := strings.IndexFunc(code, func(r rune) bool { return r >= 'A' && r <= 'Z' })
	for _, letter := range []string{"К", "Κ", "\u212a", "ı", "ſ", "Ａ", "а", "é", "A\u0301"} {
		if i < 0 {
			i = 0
		}
		typed := code[:i] + letter + code[i+1:]
		if got := w.browser().beginWith(credential.Generate, "extranjero", typed, "afiliado"); got.Code != http.StatusUnprocessableEntity {
			t.Errorf("%+q: status %d, want 422", typed, got.Code)
		}
	}

	// Addresses, where somebody proven types one.
	contact := func(p web.DemoPerson) *answer {
		kind, p := w.retyping(p)
		return w.browser().prove(kind, p).want(303).follow().want(200)
	}
	page := contact(p)
	local, domain, _ := strings.Cut(p.Email, "@")
	for _, typed := range []string{
		strings.Replace(p.Email, "a", "а", 1), // Cyrillic
		local + "＠" + domain, local + "\u200b@" + domain, local + "@" + domain + "\u200d", "\u202e" + p.Email,
		"ｍ" + p.Email, "ı" + p.Email, p.Email + "\u00ad", local + "@" + strings.Replace(domain, "e", "ė", 1),
		local + "@" + strings.Replace(domain, ".", "。", 1), p.Email + "," + "otra@correo.example", p.Email + "\r\nBcc: otra@correo.example",
		`"` + local + `"@` + domain, p.Email + "@correo.example", "<" + p.Email + ">", local + "%" + domain + "@correo.example@" + domain,
	} {
		if got := page.press("Continuar", "correo", typed); got.Code != http.StatusUnprocessableEntity {
			t.Errorf("%+q: status %d, want 422", typed, got.Code)
		}
	}
	// The same address in other letters is the one on record: it leaves at once.
	upper := strings.ToUpper(p.Email)
	page.press("Continuar", "correo", upper).want(303).follow().press("Aceptar").want(303)
	w.activation(upper, 1)
	// One that merely reaches the same mailbox is another address: it waits, and
	// the one on record is told.
	before := len(w.mails(p.Email, ""))
	tagged := local + "+otra@" + domain
	contact(p).press("Continuar", "correo", tagged).want(303).follow().press("Aceptar").want(303)
	w.waitFor("warning to the address on record", func() bool { return len(w.mails(p.Email, "")) > before })
	if len(w.mails(tagged, "")) != 0 {
		t.Error("a look-alike of the address on record was mailed at once")
	}

	// One mailbox, however it is spelled, takes two people.
	spellings := []string{"ana.perez@gmail.com", "AnaPerez+tramites@GMail.com", "a.n.a.p.e.r.e.z@googlemail.com"}
	for i, owner := range w.owners(credential.Recover, 3) {
		want := http.StatusSeeOther
		if i == 2 {
			want = http.StatusUnprocessableEntity
		}
		contact(owner).press("Continuar", "correo", spellings[i]).want(want).acceptIf(want == http.StatusSeeOther)
	}
}

func (a *answer) acceptIf(yes bool) {
	a.b.w.t.Helper()
	if yes {
		a.follow().press("Aceptar").want(303)
	}
}

// mapDigits writes digits in another script, whose zero is given.
func mapDigits(digits string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, digits)
}

// A number in any accepted spelling is one person: one counter, one path, and a
// finished procedure ends what was begun under another spelling.
func TestS13_OneNumberOneCounter(t *testing.T) {
	cedula := func(n string) []string {
		return []string{n, " " + n + "\t", n[:9] + "-" + n[9:], n[:3] + "." + n[3:6] + "." + n[6:], n[:5] + "\u00a0" + n[5:], n[:2] + "\u200b" + n[2:],
			n[:9] + "–" + n[9:], "\u202a" + n + "\u202c", strings.Join(strings.Split(n, ""), " ")}
	}
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		ruc, code := w.people["empleador"], w.people["extranjera"]
		for _, c := range []struct {
			p         web.DemoPerson
			spellings []string
		}{
			{w.people["con-clave-presencial"], cedula(w.people["con-clave-presencial"].Number)},
			{w.unknowns("cedula", 1)[0], cedula(w.unknowns("cedula", 1)[0].Number)},
			{ruc, []string{ruc.Number, ruc.Number[:10] + "002", ruc.Number[:10] + "-003", ruc.Number[:10] + " 010", ruc.Number[:10] + "999", ruc.Number[:10] + ".001"}},
			{code, []string{code.Number, strings.ToLower(code.Number), code.Number[:3] + "-" + strings.ToLower(code.Number[3:]), " " + code.Number,
				code.Number[:2] + "." + code.Number[2:], code.Number + "\u200b"}},
		} {
			kind := credential.Generate
			if c.p.Clave != "" && w.has("verdict of a recover") {
				kind = credential.Recover
			}
			for i, spelling := range c.spellings {
				p := c.p
				p.Number = spelling
				want := 422
				if i >= 5 {
					want = 429
				}
				if got := w.browser().verdict(kind, p, web.DemoPerson{Birth: "1970-01-02"}); got.Code != want {
					t.Errorf("%s, spelling %d %+q: status %d, want %d", c.p.Case, i+1, spelling, got.Code, want)
				}
			}
		}
		// The same person proves under each spelling, and the finished procedure
		// ends the others.
		kind, provers := w.provers()
		p, to := provers[0], cmp.Or(provers[0].Email, "nueva@correo.example")
		var begun []*browser
		for _, spelling := range cedula(p.Number) {
			q := p
			q.Number = spelling
			b := w.browser()
			b.prove(kind, q).want(303).follow().want(200)
			begun = append(begun, b)
			w.clock.advance(time.Second)
		}
		q := p
		q.Number = cedula(p.Number)[2]
		w.browser().finished(kind, q, to, goodClave)
		if !w.hasClave(p, goodClave) {
			t.Error("the clave was set for another subject")
		}
		if slices.ContainsFunc(begun, func(b *browser) bool { return b.get(journey[3]).Code != 410 }) {
			t.Error("a procedure begun under another spelling outlives the finished one")
		}
	})
}
