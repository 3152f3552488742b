package credential

import (
	"strings"
	"testing"
	"time"
)

func TestParseActivationCode(t *testing.T) {
	for typed, want := range map[string]string{
		"ABCDE-23456": "ABCDE23456", "abcde23456": "ABCDE23456", " abc de-234 56 ": "ABCDE23456", "ABCDE\u00a023456": "ABCDE23456",
		"": "", " - ": "",
	} {
		if got, ok := parseActivationCode(typed); got != want || !ok {
			t.Errorf("parseActivationCode(%q) = %q, %v, want %q", typed, got, ok, want)
		}
	}
	for _, typed := range []string{"ABCDE-2345", "ABCDE-234567", "ABCDE-2345O", "ABCDE-2345ı", "ÁBCDE-23456", strings.Repeat("A", 65), "A'BCDE23456"} {
		if got, ok := parseActivationCode(typed); ok || got != "" {
			t.Errorf("parseActivationCode(%q) = %q, %v, want a refusal", typed, got, ok)
		}
	}
}

// FuzzParseActivationCode: what is taken is a code as it is stored, and reads as
// itself when it is written for people.
func FuzzParseActivationCode(f *testing.F) {
	f.Add("ABCDE-23456")
	f.Add("")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := parseActivationCode(typed)
		if again, fine := parseActivationCode(ActivationCodeText(code)); again != code || !fine {
			t.Errorf("%q became %q, and that %q", typed, code, again)
		}
		if code != "" && (!ok || len(code) != activationSize || strings.Trim(code, plainAlphabet) != "") {
			t.Errorf("%q became %q", typed, code)
		}
	})
}

// TestActivationHolds: a code proves its own person, unused, before its end, and
// the MAC of nobody's code holds for nothing.
func TestActivationHolds(t *testing.T) {
	keys, err := ParseKeyRing(NewKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	code := newActivationCode()
	row := keys.SeedActivationCode(Subject{1}, code, at)
	if !keys.activationHolds(row, code) || keys.activationHolds(row, newActivationCode()) || keys.activationHolds(row, "") {
		t.Error("a code holds that is another one, or the right one does not")
	}
	moved := row
	moved.Subject = Subject{2}
	if keys.activationHolds(moved, code) || keys.activationHolds(ActivationCode{}, code) || keys.activationHolds(ActivationCode{}, "") {
		t.Error("a code holds for somebody else, or for nobody")
	}
	used := row
	used.UsedAt = at
	for _, c := range []struct {
		row  ActivationCode
		now  time.Time
		want bool
	}{{row, at, true}, {row, at.Add(day - time.Millisecond), true}, {row, at.Add(day), false}, {used, at, false}, {ActivationCode{}, at, false}} {
		if got := c.row.usableAt(c.now); got != c.want {
			t.Errorf("usable after %v: %v", c.now.Sub(at), got)
		}
	}
}

// TestActivationCodeSpace: 50 bits, each letter as likely as the next.
func TestActivationCodeSpace(t *testing.T) {
	if len(plainAlphabet) != 32 || activationSize*5 != 50 {
		t.Errorf("%d letters in %d places are not 50 bits", len(plainAlphabet), activationSize)
	}
	seen := map[rune]bool{}
	for range 400 {
		for _, r := range newActivationCode() {
			seen[r] = true
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d letters in 400 codes, want all 32", len(seen))
	}
}

func TestParsePhone(t *testing.T) {
	for typed, want := range map[string]string{
		"099 123 4567": "0991234567", "+593 (99) 123-4567": "+593991234567", " 02.234.5678 ": "022345678", "": "", "  ": "",
	} {
		got, err := ParsePhone(typed)
		if got.Reveal() != want || err != nil {
			t.Errorf("ParsePhone(%q) = %q, %v, want %q", typed, got.Reveal(), err, want)
		}
	}
	for _, typed := range []string{"123456", "1234567890123456", "no tengo", "099 123 4567 ext 2", "++593991234567", "+", strings.Repeat("1", 65), "٠٩٩١٢٣٤٥٦٧"} {
		got, err := ParsePhone(typed)
		if !got.IsZero() || !IsKind(err, Invalid) {
			t.Errorf("ParsePhone(%q) = %q, %v, want a refusal", typed, got.Reveal(), err)
		}
	}
}
