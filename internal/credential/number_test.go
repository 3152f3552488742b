package credential

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func mustParseNumber(t testing.TB, document Document, typed string) Number {
	t.Helper()
	n, err := ParseNumber(document, typed)
	if err != nil {
		t.Fatalf("ParseNumber(%q, %q): %v", document, typed, err)
	}
	return n
}

// ruleOf returns field and rule of an Invalid refusal, or "" for no error.
func ruleOf(t testing.TB, err error) (field, rule string) {
	t.Helper()
	if err == nil {
		return "", ""
	}
	refusal, ok := errors.AsType[*Error](err)
	if !ok || refusal.Kind != Invalid {
		t.Fatalf("error = %v, want an Invalid refusal", err)
	}
	return refusal.Field, refusal.Rule
}

func TestNumberVectors(t *testing.T) {
	file, err := os.Open("testdata/identifiers.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 80 {
		t.Fatalf("%d vectors, want at least 80", len(rows))
	}
	for _, row := range rows[1:] {
		typed, document, expected, canonical, why := row[0], Document(row[1]), row[2], row[3], row[4]
		n, err := ParseNumber(document, typed)
		if expected == "refuse" {
			if err == nil {
				t.Errorf("ParseNumber(%q, %q) accepted, want refused: %s", document, typed, why)
			}
			continue
		}
		if err != nil || n.Reveal() != canonical || n.Document() != document {
			t.Errorf("ParseNumber(%q, %q) = %q, %v, want %q: %s", document, typed, n.Reveal(), err, canonical, why)
		}
	}
}

func TestParseNumberRefusals(t *testing.T) {
	tests := []struct {
		document    Document
		typed, rule string
	}{
		{Cedula, "", "empty"},
		{Cedula, " -.\u200b ", "empty"},
		{RUC, strings.Repeat(" ", 65), "length"},
		{ForeignCode, strings.Repeat("9", 5000), "length"},
		{Cedula, "205123456A", "cedula_digits"},
		{Cedula, "２０５１２３４５６１", "cedula_digits"},
		{Cedula, "205123456\x00", "cedula_digits"},
		{Cedula, "205123456\xff", "cedula_digits"},
		{Cedula, "205123456", "cedula_length"},
		{Cedula, "2051234561001", "cedula_length"},
		{Cedula, "0051234565", "cedula_province"},
		{Cedula, "2571234561", "cedula_province"},
		{Cedula, "2071234567", "cedula_third_digit"},
		{Cedula, "2051234560", "cedula_check_digit"},
		{RUC, "20512345610O1", "ruc_digits"},
		{RUC, "2051234561", "ruc_length"},
		{RUC, "2551234566001", "ruc_province"},
		{RUC, "9990000000001", "ruc_province"},
		{RUC, "2071234567001", "ruc_third_digit"},
		{RUC, "2081234565001", "ruc_third_digit"},
		{RUC, "2051234560001", "ruc_check_digit"},
		{RUC, "2051234561000", "ruc_establishment"},
		{RUC, "2065555130000", "ruc_establishment"},
		{RUC, "2090555513000", "ruc_establishment"},
		{ForeignCode, "ABC/1234", "code_characters"},
		{ForeignCode, "ÑANDU123", "code_characters"},
		{ForeignCode, "\u212aELVIN1", "code_characters"}, // Kelvin sign
		{ForeignCode, "АВС12345", "code_characters"},     // Cyrillic
		{ForeignCode, "AB123", "code_length"},
		{ForeignCode, "ABCDEFGH12345678", "code_length"},
	}
	seen := map[string]bool{}
	for _, test := range tests {
		_, err := ParseNumber(test.document, test.typed)
		field, rule := ruleOf(t, err)
		if field != "number" || rule != test.rule {
			t.Errorf("ParseNumber(%q, %q): %s/%s, want number/%s", test.document, test.typed, field, rule, test.rule)
		}
		seen[rule] = true
	}
	for _, rule := range NumberRules() {
		if !seen[rule] {
			t.Errorf("no case for rule %q", rule)
		}
		delete(seen, rule)
	}
	if len(seen) > 0 {
		t.Errorf("rules missing from NumberRules: %v", seen)
	}
	_, err := ParseNumber("pasaporte", "2051234561")
	if field, rule := ruleOf(t, err); field != "document" || rule != "choose" {
		t.Errorf("unknown document: %s/%s, want document/choose", field, rule)
	}
}

// TestS12OneNumberPerSpelling shows that no spelling of a number is a second
// subject with a counter of its own (security case S12).
func TestS12OneNumberPerSpelling(t *testing.T) {
	tests := []struct {
		document  Document
		key       string
		spellings []string
	}{
		{Cedula, "cedula:2051234561", []string{
			"2051234561", " 205 123 456-1 ", "205.123.456\u00a01", "2051\u200b234561", "\ufeff2051234561",
			"\u202a2051234561\u202c", "205–123—456−1", "205\u00ad1234561", "\t2051234561\r\n", "2051\u2060234561", "205\u3000123\u202f4561"}},
		{ForeignCode, "extranjero:AB12345", []string{"AB12345", "ab12345", "aB-123 45", "AB.12345\u200d"}},
		{RUC, "ruc:2051234561", []string{"2051234561001", "2051234561 002", "205123456-1-999"}},
	}
	for _, test := range tests {
		for _, typed := range test.spellings {
			if got := mustParseNumber(t, test.document, typed).SubjectKey(); got != test.key {
				t.Errorf("SubjectKey of %q = %q, want %q", typed, got, test.key)
			}
		}
	}
	if mustParseNumber(t, Cedula, "205 1234561") != mustParseNumber(t, Cedula, "2051234561") {
		t.Error("two spellings of one number are not equal")
	}
	if mustParseNumber(t, Cedula, "2051234561") == mustParseNumber(t, ForeignCode, "2051234561") {
		t.Error("one number on two documents is equal")
	}
}

func TestNumberMasked(t *testing.T) {
	n := mustParseNumber(t, Cedula, "2051234561")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "n", n, "p", Person{Number: n}, "e", fmt.Errorf("for %v", n))
	type hidden struct{ n Number }
	out := log.String() + fmt.Sprintf("%v %+v %#v %s %q %x %v %+v %#v", n, n, n, n, n, n, Person{Number: n}, hidden{n}, hidden{n})
	for _, secret := range []string{"2051234561", "234561", fmt.Sprintf("%x", "2051234561")} {
		if strings.Contains(out, secret) {
			t.Errorf("%q shows in %s", secret, out)
		}
	}
	if got := n.String(); got != "cedula •••" {
		t.Errorf("String() = %q", got)
	}
	var zero Number
	if !zero.IsZero() || n.IsZero() || zero.SubjectKey() != "" || zero.Reveal() != "" {
		t.Error("the zero number is something")
	}
}

func TestParseDocument(t *testing.T) {
	for _, d := range Documents() {
		if got, err := ParseDocument(string(d)); got != d || err != nil {
			t.Errorf("ParseDocument(%q) = %q, %v", d, got, err)
		}
	}
	for _, s := range []string{"", "Cedula", "cedula ", "pasaporte"} {
		if _, err := ParseDocument(s); err == nil {
			t.Errorf("ParseDocument(%q) accepted", s)
		}
	}
}

func TestCheckDigit(t *testing.T) {
	tests := []struct {
		nine string
		want byte
	}{{"205123456", '1'}, {"195555555", '0'}, {"171003406", '5'}, {"", 0}, {"12345678", 0}, {"1234567890", 0}, {"12345678A", 0}}
	for _, test := range tests {
		if got := CheckDigit(test.nine); got != test.want {
			t.Errorf("CheckDigit(%q) = %q, want %q", test.nine, got, test.want)
		}
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"2051234561", "205 123-456.1", "2051234561001", "ab-12345", "\u200b", "２０５", "\xff"} {
		for i := range Documents() {
			f.Add(i, s)
		}
	}
	f.Fuzz(func(t *testing.T, which int, typed string) {
		document := Documents()[uint(which)%3]
		n, err := ParseNumber(document, typed)
		if err != nil {
			if _, rule := ruleOf(t, err); !slices.Contains(NumberRules(), rule) {
				t.Fatalf("rule %q is not in NumberRules", rule)
			}
			if !n.IsZero() {
				t.Fatal("refused, and yet a number")
			}
			return
		}
		canonical := n.Reveal()
		for _, c := range []byte(canonical) {
			if !isDigit(c) && (document != ForeignCode || c < 'A' || c > 'Z') {
				t.Fatalf("canonical %q of %q", canonical, typed)
			}
		}
		if utf8.RuneCountInString(typed) > maxNumberTyped {
			t.Fatal("accepted above the bound")
		}
		again, err := ParseNumber(document, canonical)
		if err != nil || again != n {
			t.Fatalf("canonical %q parses to %v, %v", canonical, again, err)
		}
		if !strings.HasPrefix(n.SubjectKey(), string(document)+":") {
			t.Fatalf("subject key %q", n.SubjectKey())
		}
	})
}
