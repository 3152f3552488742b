package credential

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func mustParseEmail(t testing.TB, typed string) Email {
	t.Helper()
	e, err := ParseEmail(typed)
	if err != nil {
		t.Fatalf("ParseEmail(%q): %v", typed, err)
	}
	return e
}

func TestParseEmail(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	domain189 := label63 + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 58) + ".ec" // 189
	tests := []struct{ typed, want, rule string }{
		{"rosa@gmail.com", "rosa@gmail.com", ""},
		{" Rosa.Quishpe+clave@GMAIL.Com\t", "Rosa.Quishpe+clave@gmail.com", ""},
		{"\u00a0rosa@correo.gob.ec\u00a0", "rosa@correo.gob.ec", ""},
		{"o'brien_#1@xn--espaa-rta.com", "o'brien_#1@xn--espaa-rta.com", ""},
		{strings.Repeat("a", 64) + "@" + domain189, strings.Repeat("a", 64) + "@" + domain189, ""},
		{"", "", "empty"},
		{" \u00a0\t", "", "empty"},
		{strings.Repeat("a", 65) + "@b.ec", "", "length"},
		{strings.Repeat("a", 64) + "@x" + domain189, "", "length"},
		{strings.Repeat(" ", 2000) + "a@b.ec", "", "length"},
		{"josé@gmail.com", "", "characters"},
		{"rosa@gmaıl.com", "", "characters"},        // dotless i
		{"rosa@gm\u0430il.com", "", "characters"},   // Cyrillic a
		{"\uff52osa@gmail.com", "", "characters"},   // full-width r
		{"rosa@\u212aorreo.com", "", "characters"},  // Kelvin sign, lower case is k
		{"ro\u200bsa@gmail.com", "", "characters"},  // zero width
		{"\u202erosa@gmail.com", "", "characters"},  // direction override
		{"rosa@gmail.com\u200b", "", "characters"},  // at the end too
		{"rosa@gmail。com", "", "characters"},        // ideographic full stop
		{"rosa\r\nBcc: x@y.ec", "", "characters"},   // header injection
		{"rosa@gmail.com\x00", "", "characters"},    //
		{"rosa q@gmail.com", "", "characters"},      //
		{`"rosa"@gmail.com`, "", "characters"},      //
		{"a@b.ec,c@d.ec", "", "characters"},         //
		{"Rosa <rosa@gmail.com>", "", "characters"}, //
		{"ro[sa@gmail.com", "", "characters"},       //
		{"rosa@gmail.com\xff", "", "characters"},    //
		{"rosa", "", "shape"},                       //
		{"@gmail.com", "", "shape"},                 //
		{"rosa@", "", "shape"},                      //
		{"rosa@quishpe@gmail.com", "", "shape"},     //
		{".rosa@gmail.com", "", "shape"},            //
		{"rosa.@gmail.com", "", "shape"},            //
		{"ro..sa@gmail.com", "", "shape"},           //
		{"rosa@gmail..com", "", "shape"},            //
		{"rosa@.gmail.com", "", "shape"},            //
		{"rosa@gmail.com.", "", "shape"},            //
		{"rosa@localhost", "", "domain"},            //
		{"rosa@127.0.0.1", "", "domain"},            //
		{"rosa@[127.0.0.1]", "", "domain"},          //
		{"rosa@-gmail.com", "", "domain"},           //
		{"rosa@gmail-.com", "", "domain"},           //
		{"rosa@g_mail.com", "", "domain"},           //
		{"rosa@gmail.c", "", "domain"},              //
		{"rosa@a" + label63 + ".ec", "", "domain"},  //
	}
	seen := map[string]bool{}
	for _, test := range tests {
		e, err := ParseEmail(test.typed)
		field, rule := ruleOf(t, err)
		if e.Reveal() != test.want || rule != test.rule || err != nil && field != "email" {
			t.Errorf("ParseEmail(%q) = %q, %s/%s, want %q, %q", test.typed, e.Reveal(), field, rule, test.want, test.rule)
		}
		seen[rule] = true
	}
	for _, rule := range EmailRules() {
		if !seen[rule] {
			t.Errorf("no case for rule %q", rule)
		}
	}
}

// TestS12OneMailbox shows that case, dots and tags make no second mailbox for
// the cap, while equality folds case alone (security case S12).
func TestS12OneMailbox(t *testing.T) {
	first := mustParseEmail(t, "rosa.quishpe@gmail.com")
	for _, typed := range []string{"ROSA.QUISHPE@gmail.com", "r.o.s.a.quishpe@Gmail.com", "rosaquishpe+iess@gmail.com", "rosaquishpe@googlemail.com"} {
		if got := mustParseEmail(t, typed).Mailbox(); got != first.Mailbox() {
			t.Errorf("Mailbox of %q = %q, want %q", typed, got, first.Mailbox())
		}
	}
	if got, want := mustParseEmail(t, "ROSA.Quishpe@gmail.com").Key(), first.Key(); got != want {
		t.Errorf("Key = %q, want %q", got, want)
	}
	if mustParseEmail(t, "rosaquishpe@gmail.com").Key() == first.Key() {
		t.Error("Key folds dots, which would match another person")
	}
	if got := mustParseEmail(t, "+tag@gmail.com").Mailbox(); got != "+tag@gmail.com" {
		t.Errorf("Mailbox of a bare tag = %q", got)
	}
}

func TestEmailMask(t *testing.T) {
	tests := []struct{ typed, want, owner string }{
		{"rosa@gmail.com", "r•••••@gmail.com", "r•••••a@gmail.com"},
		{"r@gmail.com", "r•••••@gmail.com", "r•••••@gmail.com"},
		{"rosa.maria.quishpe@hotmail.es", "r•••••@hotmail.es", "r•••••e@hotmail.es"},
		{"ros@quishpe.ec", "r•••••@•••••", "r•••••@quishpe.ec"},
		{"rosa@empresa-muy-larga.com.ec", "r•••••@•••••", "r•••••a@empresa-muy-larga.com.ec"},
	}
	for _, test := range tests {
		email := mustParseEmail(t, test.typed)
		if got := email.Mask(); got != test.want {
			t.Errorf("Mask of %q = %q, want %q", test.typed, got, test.want)
		}
		if got := email.OwnerMask(); got != test.owner {
			t.Errorf("OwnerMask of %q = %q, want %q", test.typed, got, test.owner)
		}
	}
	if got := (Email{}).Mask() + (Email{}).OwnerMask(); got != "" {
		t.Errorf("Mask of no address = %q", got)
	}
}

func TestEmailMasked(t *testing.T) {
	e := mustParseEmail(t, "rosa.quishpe@correo.gob.ec")
	type hidden struct{ e Email }
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "e", e)
	out := log.String() + fmt.Sprintf("%v %+v %#v %s %q %x %v %+v %#v", e, e, e, e, e, e, hidden{e}, hidden{e}, hidden{e})
	for _, secret := range []string{"rosa", "quishpe", "correo", fmt.Sprintf("%x", "rosa")} {
		if strings.Contains(out, secret) {
			t.Errorf("%q shows in %s", secret, out)
		}
	}
}

func TestEmailSuggestion(t *testing.T) {
	tests := []struct{ domain, want string }{
		{"gmail.con", "gmail.com"}, {"gmial.com", "gmail.com"}, {"hotmial.com", "hotmail.com"}, {"gmail.com.ec", "gmail.com"},
		{"gmail.cmo", "gmail.com"}, {"gmai.com", "gmail.com"}, {"gmaill.com", "gmail.com"}, {"gamil.com", "gmail.com"},
		{"gnail.com", "gmail.com"}, {"gmail.co", "gmail.com"}, {"gmail.om", "gmail.com"}, {"gmail.es", "gmail.com"},
		{"gmial.con", "gmail.com"}, {"gmail.ec", "gmail.com"}, {"mgail.com", "gmail.com"},
		{"hotmal.com", "hotmail.com"}, {"hotmai.con", "hotmail.com"}, {"hotnial.com", "hotmail.com"}, {"homail.es", "hotmail.es"},
		{"jotmail.com", "hotmail.com"}, {"hotmail.com.ec", "hotmail.com"},
		{"outlok.com", "outlook.com"}, {"outloook.es", "outlook.es"}, {"outlook.con", "outlook.com"}, {"putlook.com", "outlook.com"},
		{"yaho.com", "yahoo.com"}, {"yahooo.es", "yahoo.es"}, {"yhaoo.com", "yahoo.com"}, {"yahoo.com.ec", "yahoo.com"},
		{"live.con", "live.com"}, {"live.com.ec", "live.com"}, {"iclud.com", "icloud.com"}, {"icloud.co", "icloud.com"},

		{"gmail.com", ""}, {"hotmail.es", ""}, {"icloud.com", ""},
		{"gmx.com", ""}, {"gmx.es", ""}, {"mail.com", ""}, {"ymail.com", ""}, {"email.com", ""}, {"proton.me", ""},
		{"protonmail.com", ""}, {"me.com", ""}, {"msn.com", ""}, {"cloud.com", ""}, {"googlemail.com", ""}, {"hotmart.com", ""},
		{"love.com", ""}, {"five.com", ""}, {"olive.com", ""}, {"hotel.com", ""}, {"fastmail.com", ""}, {"hushmail.com", ""},
		{"tmail.com", ""}, {"yahoo.com.mx", ""}, {"yahoo.fr", ""}, {"hotmail.fr", ""}, {"hotmail.co.uk", ""}, {"outlook.cl", ""},
		{"live.com.mx", ""}, {"live.cl", ""}, {"iess.gob.ec", ""}, {"espe.edu.ec", ""}, {"live.espe.edu.ec", ""},
		{"gmail.empresa.ec", ""}, {"cnt.net.ec", ""}, {"andinanet.net", ""}, {"g.ec", ""}, {"a.com", ""},
	}
	for _, test := range tests {
		got, ok := mustParseEmail(t, "Rosa.Q@"+test.domain).Suggestion()
		want := ""
		if test.want != "" {
			want = "Rosa.Q@" + test.want
		}
		if got != want || ok != (want != "") {
			t.Errorf("Suggestion at %q = %q, %v, want %q", test.domain, got, ok, want)
		}
	}
	if got, ok := (Email{}).Suggestion(); ok {
		t.Errorf("Suggestion for no address = %q", got)
	}
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"rosa@gmail.con", " A.b+c@x-y.gob.ec ", "@", "a@b", `"a b"@c.ec`, "ro\u200bsa@gmail.com", "a@[::1]", "a@g.ec", "\xff@\x00.ec"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		e, err := ParseEmail(typed)
		if err != nil {
			if _, rule := ruleOf(t, err); !slices.Contains(EmailRules(), rule) || !e.IsZero() {
				t.Fatalf("refusal %v with %q", err, e.Reveal())
			}
			return
		}
		address := e.Reveal()
		if len(address) > maxEmail || strings.Count(address, "@") != 1 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>,;:\`, r) }) {
			t.Fatalf("ParseEmail(%q) = %q", typed, address)
		}
		if !strings.EqualFold(strings.TrimSpace(typed), address) {
			t.Fatalf("ParseEmail(%q) = %q: more than spaces and case changed", typed, address)
		}
		if again, err := ParseEmail(address); err != nil || again != e {
			t.Fatalf("%q does not parse to itself: %v", address, err)
		}
		if key, err := ParseEmail(e.Key()); err != nil || key.Key() != e.Key() || key.Mailbox() != e.Mailbox() {
			t.Fatalf("key %q: %v", e.Key(), err)
		}
		if local, domain, _ := strings.Cut(e.Mailbox(), "@"); local == "" || domain == "" {
			t.Fatalf("mailbox %q", e.Mailbox())
		}
		if s, ok := e.Suggestion(); ok {
			meant, err := ParseEmail(s)
			if err != nil || meant == e {
				t.Fatalf("suggestion %q for %q: %v", s, address, err)
			}
			if _, more := meant.Suggestion(); more {
				t.Fatalf("suggestion %q asks again", s)
			}
		}
		if mask := []rune(e.Mask()); len(mask) > 1+5+1+len("hotmail.com") {
			t.Fatalf("mask %q", string(mask))
		}
	})
}
