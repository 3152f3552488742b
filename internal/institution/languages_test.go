package institution

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"aldaba/internal/settings"
)

// The English of the good folder.
const (
	englishMain = `short_name = "EI"
[contact]
hours = "Monday to Friday"
[office.norte]
hours = "on Saturdays"
`
	englishServices = `groups = ["Health", "Money"]
[service.cesantia]
name = "Savings"
text = "Your fund."
[service.citas]
name = "Appointments"
text = "An appointment."
`
	englishSheet = `name = "Sheet"
text = "What for. Valid {link_life}."
whom = "For whoever wants it."
result = "Access"
gets = ["Something"]
needs = [
  "Cédula.",
  "An e-mail.",
]
channel = "Online"
cost = "Nothing."
hours = "Always."
unit = "Care"
words = ["secret"]
[case.todos]
title = "Case"
steps = ["One.", "Two, {attempts} times."]
[case.guia]
title = "Other"
steps = ["One."]
`
)

// folderInTwo is a good folder in Spanish and English, with what is replaced, in pairs,
// in the English first and else in the Spanish. One sheet is translated.
func folderInTwo(t testing.TB, pairs ...string) fstest.MapFS {
	t.Helper()
	english := map[string]string{"en/" + mainFile: englishMain, "en/" + servicesFile: englishServices, "en/" + sheetPath(Generate): englishSheet, "en/" + legalFile: englishLegal}
	var rest []string
	for i := 0; i < len(pairs); i += 2 {
		name := ""
		for _, file := range []string{mainFile, servicesFile, sheetPath(Generate), legalFile} {
			if name == "" && strings.Contains(english["en/"+file], pairs[i]) {
				name = "en/" + file
			}
		}
		if name == "" {
			rest = append(rest, pairs[i], pairs[i+1])
			continue
		}
		english[name] = strings.Replace(english[name], pairs[i], pairs[i+1], 1)
	}
	files := folder(t, rest...)
	for name, text := range english {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestLanguages(t *testing.T) {
	i, err := Read("casa", folderInTwo(t), false, program)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(i.Languages, program) {
		t.Errorf("languages %q, want all that the program has", i.Languages)
	}
	english := i.In("en")
	if english.Name != "Instituto" || english.ShortName != "EI" || english.Hours != "Monday to Friday" || english.Phone != i.Phone || english.Light == nil {
		t.Errorf("in English %+v", english)
	}
	if o := english.Offices; o[0].Hours != "Monday to Friday" || o[1].Hours != "on Saturdays" || o[1].Name != "Centro Norte" || o[1].City != "Quito" {
		t.Errorf("offices in English %+v", o)
	}
	if o := english.Services; o[0].Name != "Appointments" || o[0].Group != "Health" || o[1].Text != "Your fund." || o[1].Level != i.Services[1].Level || o[1].URL != i.Services[1].URL {
		t.Errorf("services in English %+v", o)
	}
	s := english.Sheets[0]
	if s.Language != "en" || s.Name != "Sheet" || s.Needs[1] != "An e-mail." || s.Cases[0].Steps[1] != "Two, {attempts} times." || s.Words[0] != "secret" ||
		!slices.Equal(s.Cases[1].Policies, []string{"guia"}) || s.Laws[0].Name != "Ley" || s.Procedure != Generate {
		t.Errorf("the sheet in English %+v", s)
	}
	if s = english.Sheets[1]; s.Language != "es" || s.Name != "Ficha" {
		t.Errorf("a sheet that nobody translated: %+v", s)
	}
	if i.Sheets[0].Language != "es" || i.Sheets[0].Cases[0].Title != "Caso" || i.Offices[1].Hours != "los sábados" || i.Services[0].Group != "Salud" {
		t.Error("asking for English changed the Spanish")
	}
	for _, language := range []string{"es", "qu", ""} {
		if got := i.In(language); got.Hours != i.Hours || got.Sheets[0].Name != "Ficha" {
			t.Errorf("In(%q) is not the first language", language)
		}
	}
	if len(i.Remarks) != 2 || i.Remarks[0] != `the sheet cambio is shown in "es" to who reads "en": casa/en/tramites/cambio.toml is not there` {
		t.Errorf("remarks %q", i.Remarks)
	}

	// The other way round: what the folder's own files say is English.
	turned := folderInTwo(t, `short_name = "IE"`, "languages = [\"en\"]\nshort_name = \"IE\"")
	for name := range turned {
		if strings.HasPrefix(name, "en/") {
			delete(turned, name)
		}
	}
	turned["es/README"] = &fstest.MapFile{}
	i, err = Read("casa", turned, false, program)
	if err != nil || !slices.Equal(i.Languages, []string{"en"}) || i.Sheets[0].Language != "en" {
		t.Errorf("English alone: %v", err)
	}
	if len(i.Remarks) != 1 || i.Remarks[0] != `casa/es is not read, because casa/institution.toml does not name "es" among its languages` {
		t.Errorf("remarks %q", i.Remarks)
	}
}

func TestLanguageFaults(t *testing.T) {
	sheet := "en/tramites/generar-recuperar.toml:"
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"a language that the program lacks", []string{"official = true", "languages = [\n\"es\",\n\"qu\"]\nofficial = true"}, []string{
			`institution.toml:5: languages: the program has no words in "qu"; write one or more of "es", "en", or leave the line out for all`}},
		{"a language twice", []string{"official = true", `languages = ["es", "es"]` + "\nofficial = true"}, []string{`institution.toml:3: languages: "es" stands twice`}},
		{"no language", []string{"official = true", "languages = []\nofficial = true"}, []string{`institution.toml:3: languages: is empty; write one or more of "es", "en"`}},
		{"a language that is no list", []string{"official = true", "languages = \"es\"\nofficial = true"}, []string{`institution.toml:3: languages: holds a text where a list of texts is needed`}},
		{"the first language twice", []string{"official = true", "languages = [\"en\"]\nofficial = true"}, []string{
			"en:1: is the first of the languages, whose texts stand in the folder itself"}},
		{"hours", []string{`hours = "Monday to Friday"` + "\n", "", `hours = "on Saturdays"`, `city = "Quito"`}, []string{
			`en/institution.toml:2: contact.hours: is missing (the translation of "de lunes a viernes"); write below [contact] hours = "…"`,
			`en/institution.toml:3: office.norte.hours: is missing (the translation of "los sábados")`,
			"en/institution.toml:4: office.norte.city: is no text to translate: casa/institution.toml has none there, or it is the same in every language"}},
		{"hours that are those of the contact", []string{"[office.norte]", "[office.sur]\nhours = \"never\"\n[office.norte]"}, []string{"en/institution.toml:5: office.sur.hours: is no text to translate"}},
		{"what is the same in every language", []string{"[contact]", "official = true\nlanguages = []\n[contact]\nphone = \"1\""}, []string{
			"en/institution.toml:2: official: is no text", "en/institution.toml:3: languages: is no text", "en/institution.toml:5: contact.phone: is no text"}},
		{"a key of nobody", []string{"[contact]", "nombre = \"x\"\n[contact]"}, []string{"en/institution.toml:2: nombre: there is no such key; the keys here are name, short_name"}},
		{"an office of nobody", []string{"[office.norte]", "[office.este]\nname = \"x\"\n[office.norte]"}, []string{
			"en/institution.toml:4: office.este: translates nothing: the first language has no [office.este]"}},
		{"long", []string{`"EI"`, `"` + strings.Repeat("x", 41) + `"`}, []string{"en/institution.toml:1: short_name: has 41 characters; write at most 40"}},
		{"groups", []string{`["Health", "Money"]`, `["Health"]`}, []string{`en/services.toml:1: groups: holds 1 headings, and those to translate are 2: "Salud", "Dinero"`}},
		{"no groups", []string{"groups = [\"Health\", \"Money\"]\n", ""}, []string{`en/services.toml:1: groups: is missing (the translation of "Salud", "Dinero"); write, above the first table, groups = ["…"]`}},
		{"a service half translated", []string{"text = \"An appointment.\"\n", "level = 2\n"}, []string{
			`en/services.toml:5: service.citas.text: is missing (the translation of "Una cita.")`, "en/services.toml:7: service.citas.level: is no text to translate"}},
		{"a service not translated", []string{"[service.citas]", "[service.cita]"}, []string{
			"en/services.toml:1: service.citas.name: is missing", "en/services.toml:1: service.citas.text: is missing", "en/services.toml:5: service.cita: translates nothing"}},
		{"a sheet half translated", []string{"cost = \"Nothing.\"\n", "", "gets = [\"Something\"]\n", "", "title = \"Other\"\n", ""}, []string{
			sheet + `1: cost: is missing (the translation of "Nada."); write, above the first table, cost = "…"`,
			sheet + `1: gets: is missing (the translation of its 1 texts, from "Algo" on); write, above the first table, gets = ["…"]`,
			sheet + `16: case.guia.title: is missing`}},
		{"fewer steps", []string{`["One.", "Two, {attempts} times."]`, `["One."]`}, []string{sheet + `17: case.todos.steps: holds 1 texts, and those to translate are 2`}},
		{"an empty step", []string{`["One.", "Two, {attempts} times."]`, `["One.", ""]`}, []string{sheet + `17: case.todos.steps: number 2 is empty`}},
		{"a mark lost", []string{"{attempts}", "5", " {link_life}", ""}, []string{
			sheet + `2: text: its marks are none, and those of the text that it translates {link_life}`,
			sheet + `17: case.todos.steps: its marks are none, and those of the text that it translates {attempts}`}},
		{"another mark", []string{"{link_life}", "{link_life"}, []string{sheet + "2: text: its marks are {link_life., and those of the text that it translates {link_life}"}},
		{"laws, policies and what the Spanish does not say", []string{"words =", "instead = [\"x\"]\nprocedure = \"cambio\"\nwords =", `title = "Other"`, "title = \"Other\"\npolicies = [\"guia\"]", "[case.todos]", "[law.una]\nname = \"Law\"\n[case.todos]"}, []string{
			sheet + "14: instead: is no text", sheet + "15: procedure: is no text", sheet + "17: there is no table [law.una]", sheet + "18: law.una.name: is no text", sheet + "24: case.guia.policies: is no text"}},
		{"a case of nobody", []string{"[case.guia]", "[case.otro]\nsteps = [\"x\"]\n[case.guia]"}, []string{sheet + "18: case.otro: translates nothing: the first language has no [case.otro]"}},
		{"what does not read", []string{"cost =", "cost"}, []string{sheet + "11: not TOML: "}},
		{"the Spanish first", []string{"level = 2", "level = 3", `"EI"`, `""`}, []string{"services.toml:7: service.cesantia.level: "}},
	} {
		t.Run(c.name, func(t *testing.T) { holdsFaultsIn(t, folderInTwo(t, c.pairs...), program, c.want) })
	}
}

func TestFilesOfALanguage(t *testing.T) {
	holdsFaultsIn(t, folder(t), program, []string{
		`en/institution.toml:1: cannot be read (file does not exist); write the texts in "en" there, or leave that language out: languages = ["es"] in casa/institution.toml`,
		`en/services.toml:1: cannot be read`, `en/legal.toml:1: cannot be read`})
	strange := folderInTwo(t)
	strange["en/service.toml"] = &fstest.MapFile{}
	strange["en/tramites/otro.toml"] = &fstest.MapFile{}
	holdsFaultsIn(t, strange, program, []string{
		`en/tramites/otro.toml:1: translates no sheet; those there are, in casa/tramites, are "generar-recuperar", "cambio", "desbloqueo"`,
		"en/service.toml:1: is none of the files that are read"})
}

// FuzzWords: whatever a translated file holds, each fault is one line that names a line
// of it, and a folder without faults speaks its language whole.
func FuzzWords(f *testing.F) {
	files := []string{mainFile, servicesFile, legalFile, sheetPath(Generate)}
	for n, text := range []string{englishMain, englishServices, englishLegal, englishSheet} {
		f.Add(uint8(n), text)
		f.Add(uint8(n), "[office]\nx=1\n[service.citas.name]\n[case.\"a.b\"]\ngroups=[[1]]")
	}
	good := folderInTwo(f)
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		folder := maps.Clone(good)
		folder["en/"+files[int(which)%len(files)]] = &fstest.MapFile{Data: []byte(text)}
		i, err := Read("casa", folder, false, program)
		faults, _ := errors.AsType[settings.Faults](err)
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > 1+strings.Count(text, "\n") || strings.ContainsAny(fault.String(), "\n\r") || !strings.HasPrefix(fault.File, "casa/en/") {
				t.Errorf("%q is no line about a line of the file", fault.String())
			}
		}
		if err != nil {
			return
		}
		english := i.In("en")
		if english.Services[1].Group == "" || len(english.Agreement.Paragraphs) != 2 || len(english.Sheets[0].Cases[0].Steps) != 2 || english.Hours == "" {
			t.Errorf("without faults, and not whole: %+v", english)
		}
	})
}
