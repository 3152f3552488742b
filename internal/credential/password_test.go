package credential

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// cheap are parameters for tests that hash often.
var cheap = HashParams{MemoryKiB: 64, Passes: 1}

func TestParsePassword(t *testing.T) {
	for _, c := range []struct {
		name, in, want, rule string
	}{
		{"phrase", "gato verde luna", "gato verde luna", ""},
		{"blanks stay", "  gato verde  ", "  gato verde  ", ""},
		{"any script", "猫は緑色の月と海が好きです", "猫は緑色の月と海が好きです", ""},
		{"control characters", "tab\there\x00and", "tab\there\x00and", ""},
		{"composed", "n\u0303andu\u0301 y luna", "ñandú y luna", ""},
		{"twelve composed", strings.Repeat("a\u0301", 12), strings.Repeat("á", 12), ""},
		{"eleven decomposed", strings.Repeat("a\u0301", 11), "", "too_short"},
		{"longest", strings.Repeat("ñ", 256), strings.Repeat("ñ", 256), ""},
		{"longest of four marks each", strings.Repeat("\u03b1\u0313\u0300\u0345", 256), strings.Repeat("\u1f82", 256), ""},
		{"nothing", "", "", "empty"},
		{"eleven", "12345678901", "", "too_short"},
		{"257", strings.Repeat("a", 257), "", "too_long"},
		{"a megabyte of accents", strings.Repeat("\u0301", 1<<19), "", "too_long"},
		{"not UTF-8", "gato verde \xff luna", "", "not_text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := ParsePassword(c.in, 12, 256)
			if got := passwordRule(t, err); got != c.rule {
				t.Fatalf("ParsePassword(%q) refused by %q, want %q", c.in, got, c.rule)
			}
			if p.Reveal() != c.want {
				t.Errorf("ParsePassword(%q) = %q, want %q", c.in, p.Reveal(), c.want)
			}
		})
	}
}

// passwordRule gives the rule of a refusal and checks the rest of it.
func passwordRule(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	refusal, ok := errors.AsType[*Error](err)
	if !ok || refusal.Kind != Invalid || refusal.Field != "password" {
		t.Fatalf("err = %v, want a refusal of the password", err)
	}
	for _, rule := range PasswordRules() {
		if rule == refusal.Rule {
			return rule
		}
	}
	t.Fatalf("PasswordRules lacks %q", refusal.Rule)
	return ""
}

func mustPassword(t testing.TB, typed string) Password {
	t.Helper()
	p, err := ParsePassword(typed, 1, 256)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasswordIsMasked(t *testing.T) {
	p := mustPassword(t, "gato verde luna")
	holder := struct{ p Password }{p}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", p, "holder", holder)
	for _, shown := range []string{fmt.Sprint(p), fmt.Sprintf("%+v %#v %q", p, p, p), fmt.Sprintf("%v %#v", holder, holder), log.String()} {
		if strings.Contains(shown, "gato") {
			t.Errorf("the clave shows in %q", shown)
		}
	}
}

// commonList is a Blocklist of a few words.
type commonList []string

func (l commonList) IsCommon(s string) bool {
	for _, w := range l {
		if s == w {
			return true
		}
	}
	return false
}

func TestCheckPassword(t *testing.T) {
	about := OwnData{
		GivenNames: NewText("María Elena"), Surnames: NewText("Guamán Ñáñez"),
		Birth: Date{1985, time.March, 9},
	}
	common := commonList{"clave de todos", "maria elena 1985 comun"}
	for _, c := range []struct {
		in, want string
	}{
		{"gato verde luna mar", ""},
		{"k7Qz!p0xVt2m", ""},
		{"clave de todos", "common"},
		{"aaaaaaaaaaaa", "simple"},
		{"abababcdcdcd", "simple"},
		{"AaBbCcDdAaBb", "simple"}, // four letters
		{"gato5gato5gato5", "simple"},
		{"mariposaMARIPOSA", "simple"},
		{"colibrí colibrí ", "simple"},
		{"colibri colibri!", ""},
		{"María.Elena.1985", "own_data"},
		{"M4r14 Gu4m4n!!!!!!!", "own_data"},
		{"maria guaman luna", "own_data"},
		{"nanez 09/03/1985", "own_data"},
		{"maria y el gato verde", ""},
		{"mi amiga maria canta", ""},
		{"!#%&?*+[]{}<>", ""},
		{"maria!#%&?*+[]", ""},
		{"maria!!!!????####", "own_data"},
		{"maria elena 1985 comun", "common"}, // before own data
	} {
		if got := passwordRule(t, CheckPassword(mustPassword(t, c.in), about, common)); got != c.want {
			t.Errorf("CheckPassword(%q) refused by %q, want %q", c.in, got, c.want)
		}
	}
	// The same claves are nobody's own data where the person is unknown.
	if err := CheckPassword(mustPassword(t, "María.Elena.1985"), OwnData{}, common); err != nil {
		t.Errorf("CheckPassword without own data = %v, want nil", err)
	}
}

func TestHash(t *testing.T) {
	secret := []byte("gato verde luna")
	one, two := cheap.Hash(secret), cheap.Hash(secret)
	if one == two {
		t.Error("two hashes share a salt")
	}
	if !strings.HasPrefix(one, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("Hash = %q, want a PHC string of its parameters", one)
	}
	if !VerifyHash(one, secret) || !VerifyHash(two, secret) {
		t.Error("the right secret was refused")
	}
	if VerifyHash(one, []byte("gato verde lunA")) || VerifyHash(one, nil) {
		t.Error("a wrong secret was taken")
	}
	if cheap.Outdated(one) {
		t.Error("a fresh hash is outdated")
	}
	for _, other := range []HashParams{{64, 2}, {128, 1}} {
		if !other.Outdated(one) {
			t.Errorf("%+v takes a hash of %+v for its own", other, cheap)
		}
	}
	// Out of bounds: what is written can be verified.
	if h := (HashParams{}).Hash(secret); !VerifyHash(h, secret) || (HashParams{}).Outdated(h) {
		t.Errorf("the zero parameters gave %q, which does not verify", h)
	}
}

// A string of another maker: the reference implementation's own test of version
// 19, two passes over 64 MiB, one lane.
func TestVerifyHashOfReference(t *testing.T) {
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !VerifyHash(phc, []byte("password")) {
		t.Error("a hash of the reference program does not verify")
	}
	if VerifyHash(phc, []byte("Password")) {
		t.Error("another secret verifies")
	}
}

func TestVerifyHashBounds(t *testing.T) {
	good := cheap.Hash([]byte("x"))
	change := func(old, new string) string {
		t.Helper()
		changed := strings.Replace(good, old, new, 1)
		if changed == good {
			t.Fatalf("%q is not in %q", old, good)
		}
		return changed
	}
	for _, in := range []string{
		"", "$", strings.Repeat("$", 5), "x" + good, good + "$", good + "=", good[:len(good)-30],
		change("argon2id", "argon2i"), change("v=19", "v=16"), change("m=64", "m=262145"), change("m=64", "m=7"),
		change("m=64", "m=064"), change("m=64", "m=+64"), change("m=64", "m=4294967360"), change("t=1", "t=0"), change("t=1", "t=11"),
		change("p=1", "p=0"), change("p=1", "p=5"), change("p=1", "p=257"), change("m=64,t=1", "t=1,m=64"), change("p=1", "p=1,x=1"),
		good + strings.Repeat("A", 300), good + "\n", good[:len(good)-5] + "\r\n" + good[len(good)-5:],
	} {
		if _, ok := parsePHC(in); ok || VerifyHash(in, []byte("x")) {
			t.Errorf("parsePHC(%q) took it", in)
		}
		if !cheap.Outdated(in) {
			t.Errorf("Outdated(%q) = false", in)
		}
	}
}

func TestDummy(t *testing.T) {
	one := cheap.Dummy()
	if one == cheap.Dummy() {
		t.Error("dummies repeat")
	}
	h, ok := parsePHC(one)
	if !ok || cheap.Outdated(one) || len(one) != len(cheap.Hash(nil)) || h.params != cheap {
		t.Errorf("Dummy() = %q, not shaped as a hash", one)
	}
	if VerifyHash(one, nil) || VerifyHash(one, []byte("gato")) {
		t.Error("a secret matches a dummy")
	}
}

func FuzzParsePassword(f *testing.F) {
	f.Add("gato verde luna")
	f.Add("n\u0303\xff")
	f.Add("e" + strings.Repeat("\u0301", 40))
	f.Fuzz(func(t *testing.T, typed string) {
		p, err := ParsePassword(typed, 12, 256)
		if rule := passwordRule(t, err); rule != "" {
			return
		}
		text := p.Reveal()
		if n := utf8.RuneCountInString(text); n < 12 || n > 256 || !utf8.ValidString(text) || !norm.NFC.IsNormalString(text) {
			t.Errorf("ParsePassword(%q) = %q, out of its rules", typed, text)
		}
		again, err := ParsePassword(text, 12, 256)
		if err != nil || again != p {
			t.Errorf("ParsePassword(%q) again = %q, %v", text, again.Reveal(), err)
		}
		passwordRule(t, CheckPassword(p, OwnData{GivenNames: NewText("Ana"), Birth: Date{1990, 1, 1}}, commonList{}))
	})
}

func FuzzParsePHC(f *testing.F) {
	f.Add(cheap.Dummy())
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$")
	f.Add("$argon2id$v=19$m=10,t=1,p=1$00000000\r000$000000000000000000000A")
	f.Fuzz(func(t *testing.T, phc string) {
		h, ok := parsePHC(phc)
		if !ok {
			return
		}
		if h.params != h.params.bounded() || h.lanes < 1 || h.lanes > 4 {
			t.Errorf("parsePHC(%q) = %+v, out of bounds", phc, h.params)
		}
		if h.lanes == 1 && h.params.phc(h.salt, h.key) != phc {
			t.Errorf("parsePHC(%q) is written as %q", phc, h.params.phc(h.salt, h.key))
		}
	})
}
