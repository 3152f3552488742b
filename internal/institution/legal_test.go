package institution

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

// goodLegal is a file in which nothing is wrong.
const goodLegal = `[agreement]
version = "3"
since = "2026-11-01"
title = "Acuerdo"
paragraphs = [
  "Uno.",
  "Dos.",
]
points = ["Punto."]
[privacy]
controller = "Instituto Entero"
address = "Calle 1"
delegate = "datos@ejemplo.ec"
basis = ["Ley, art. 1."]
policy = "https://ejemplo.ec/datos"
[accessibility]
date = "2026-10-31"
assessed_by = "La unidad"
contact = "todos@ejemplo.ec"
text = ["Rampa."]
[cookies]
text = ["Otras."]
`

const englishLegal = `[agreement]
title = "Terms"
paragraphs = ["One.", "Two."]
points = ["Point."]
[accessibility]
assessed_by = "The unit"
text = ["Ramp."]
[cookies]
text = ["Others."]
`

func TestLegal(t *testing.T) {
	i, err := Read("casa", folderInTwo(t), false, program)
	if err != nil {
		t.Fatal(err)
	}
	a, e := i.Agreement, i.In("en").Agreement
	if a.Version != "3" || a.Since.Format(time.DateOnly) != "2026-11-01" || a.Title != "Acuerdo" || a.Paragraphs[1] != "Dos." || a.Points[0] != "Punto." || a.Language != "es" {
		t.Errorf("agreement %+v", a)
	}
	if e.Version != "3" || !e.Since.Equal(a.Since) || e.Title != "Terms" || e.Paragraphs[1] != "Two." || e.Points[0] != "Point." || e.Language != "en" {
		t.Errorf("agreement in English %+v", e)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte("3\n2026-11-01\nAcuerdo\n2\nUno.\nDos.\n1\nPunto.\n")))[:16]; a.Digest() != want {
		t.Errorf("digest %s, want %s", a.Digest(), want)
	}
	digests := map[string]string{a.Digest(): "the agreement"}
	for _, other := range []struct {
		name               string
		paragraphs, points []string
	}{
		{"another language", e.Paragraphs, e.Points},
		{"a point that became a paragraph", []string{"Uno.", "Dos.", "Punto."}, nil},
		{"a paragraph that became a point", []string{"Uno."}, []string{"Dos.", "Punto."}},
		{"a paragraph less", []string{"Uno."}, []string{"Punto."}},
		{"two paragraphs in one", []string{"Uno. Dos."}, []string{"Punto."}},
		{"numbers as texts", []string{"Uno.", "Dos.", "1", "Punto."}, nil},
	} {
		b := a
		b.Paragraphs, b.Points = other.paragraphs, other.points
		if same, found := digests[b.Digest()]; found {
			t.Errorf("%s has the digest of %s", other.name, same)
		}
		digests[b.Digest()] = other.name
	}
	p := i.In("en").Privacy
	if p.Controller != "Instituto Entero" || p.Address != "Calle 1" || p.Delegate != "datos@ejemplo.ec" || p.Basis[0] != "Ley, art. 1." || p.Policy != "https://ejemplo.ec/datos" {
		t.Errorf("privacy %+v", p)
	}
	s := i.In("en").Accessibility
	if s.Date.Format(time.DateOnly) != "2026-10-31" || s.AssessedBy != "The unit" || s.Contact != "todos@ejemplo.ec" || s.Texts[0] != "Ramp." || i.Accessibility.Texts[0] != "Rampa." {
		t.Errorf("statement %+v", s)
	}
	if i.Cookies[0] != "Otras." || i.In("en").Cookies[0] != "Others." {
		t.Errorf("cookies %q", i.Cookies)
	}

	least := folder(t)
	least[legalFile].Data = []byte(goodLegal[:strings.Index(goodLegal, "[accessibility]")])
	if i, err = Read("casa", least, false, spanish); err != nil || !i.Accessibility.Date.IsZero() || i.Cookies != nil {
		t.Errorf("without a statement: %v", err)
	}
}

func TestLegalFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"no version", []string{"version = \"3\"\n", ""}, []string{`legal.toml:1: agreement.version: is missing; write below [agreement] version = "2026-11"`}},
		{"a day", []string{"2026-11-01", "01/11/2026", "2026-10-31", "2026-10-32"}, []string{
			`legal.toml:3: agreement.since: "01/11/2026" is no day; write such as "2026-11-01"`, `legal.toml:17: accessibility.date: "2026-10-32" is no day`}},
		{"no paragraph", []string{"paragraphs = [\n  \"Uno.\",\n  \"Dos.\",\n]", "paragraphs = []"}, []string{"legal.toml:5: agreement.paragraphs: is empty"}},
		{"too many paragraphs", []string{"  \"Dos.\",\n", strings.Repeat("\"x\",\n", 20)}, []string{"legal.toml:26: agreement.paragraphs: is number 21; write at most 20"}},
		{"a long one", []string{"Dos.", strings.Repeat("x", 601)}, []string{"legal.toml:7: agreement.paragraphs: number 2 has 601 characters"}},
		{"a point", []string{`"Punto."`, `" Punto."`}, []string{"legal.toml:9: agreement.points: number 1 is empty, or begins"}},
		{"who answers", []string{"controller", "responsable"}, []string{"legal.toml:10: privacy.controller: is missing", "legal.toml:11: privacy.responsable: there is no such key"}},
		{"the delegate", []string{"datos@ejemplo.ec", "mailto:datos@ejemplo.ec", "todos@ejemplo.ec", "x"}, []string{
			`legal.toml:13: privacy.delegate: "mailto:datos@ejemplo.ec" is not a mail address`, `legal.toml:19: accessibility.contact: "x" is not a mail address`}},
		{"the basis and the policy", []string{"basis = [\"Ley, art. 1.\"]\n", "", "https://ejemplo.ec/datos", "http://ejemplo.ec/datos"}, []string{
			"legal.toml:10: privacy.basis: is missing (the page is not complete without it)", `legal.toml:14: privacy.policy: "http://ejemplo.ec/datos" is not encrypted`}},
		{"half a statement", []string{"date = \"2026-10-31\"\nassessed_by = \"La unidad\"\n", "", "text = [\"Otras.\"]", ""}, []string{
			"legal.toml:16: accessibility.assessed_by: is missing", "legal.toml:16: accessibility.date: is missing", "legal.toml:19: cookies.text: is missing"}},
		{"a file without", []string{goodLegal, ""}, []string{"legal.toml:1: agreement.paragraphs: is missing", "legal.toml:1: agreement.since: ", "legal.toml:1: agreement.title: ", "legal.toml:1: agreement.version: ",
			"legal.toml:1: privacy.address: ", "legal.toml:1: privacy.basis: ", "legal.toml:1: privacy.controller: "}},
	} {
		t.Run(c.name, func(t *testing.T) { holdsFaults(t, folder(t, c.pairs...), c.want) })
	}
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"half translated", []string{"title = \"Terms\"\n", "", `["One.", "Two."]`, `["One."]`, "text = [\"Ramp.\"]\n", "", "assessed_by", "contact", "text = [\"Others.\"]\n", ""}, []string{
			`en/legal.toml:1: agreement.title: is missing (the translation of "Acuerdo")`, "en/legal.toml:2: agreement.paragraphs: holds 1 texts, and those to translate are 2",
			"en/legal.toml:4: accessibility.assessed_by: is missing", "en/legal.toml:4: accessibility.text: is missing", "en/legal.toml:5: accessibility.contact: is no text to translate",
			"en/legal.toml:6: cookies.text: is missing"}},
		{"what is the same in every language", []string{"[accessibility]", "version = \"4\"\nsince = \"2026-12-01\"\n[privacy]\nbasis = [\"Law\"]\n[accessibility]"}, []string{
			"en/legal.toml:5: agreement.version: is no text to translate", "en/legal.toml:6: agreement.since: is no text to translate", "en/legal.toml:8: privacy.basis: is no text to translate"}},
	} {
		t.Run(c.name, func(t *testing.T) { holdsFaultsIn(t, folderInTwo(t, c.pairs...), program, c.want) })
	}
}
