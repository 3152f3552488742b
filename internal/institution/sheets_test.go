package institution

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"aldaba/internal/credential"
)

// goodSheet is a sheet in which nothing is wrong, of PROCEDURE.
const goodSheet = `name = "Ficha"
procedure = "PROCEDURE"
text = "Para qué. Vale {link_life}."
whom = "Para quien quiera."
result = "Acceder a servicio"
gets = ["Algo"]
needs = [
  "Cédula.",
  "Un correo.",
]
channel = "En línea"
cost = "Nada."
hours = "Siempre."
unit = "Atención"
[law.una]
name = "Ley"
articles = "Art. 1."
url = "https://ley.example/1"
[case.todos]
title = "Caso"
steps = ["Uno.", "Dos, {attempts} veces."]
[case.guia]
title = "Otro"
policies = ["guia"]
steps = ["Uno."]
`

func sheetPath(p Procedure) string { return sheetsFolder + "/" + string(p) + ".toml" }

func TestSheet(t *testing.T) {
	i, err := Read("casa", folder(t), false, spanish)
	if err != nil {
		t.Fatal(err)
	}
	if len(i.Sheets) != 3 || i.Sheets[0].Procedure != Generate || i.Sheets[1].ID != "cambio" || i.Sheets[2].Procedure != Unlock {
		t.Fatalf("sheets %+v, want three in the order of their procedures", i.Sheets)
	}
	s := i.Sheets[0]
	if len(s.Needs) != 2 || s.Laws[0] != (Law{"Ley", "Art. 1.", "https://ley.example/1"}) || len(s.Cases) != 2 || len(s.Cases[0].Steps) != 2 {
		t.Errorf("sheet %+v", s)
	}
	for preset, want := range map[string]int{credential.Guia: 2, credential.Ficha2026: 1} {
		if got := len(s.CasesUnder(preset)); got != want {
			t.Errorf("%d cases under %s, want %d", got, preset, want)
		}
	}
	elsewhere := folder(t)
	elsewhere[sheetsFolder+"/antes.toml"] = &fstest.MapFile{Data: []byte(strings.Replace(goodSheet, `procedure = "PROCEDURE"`, `url = "https://otro.example/"`, 1))}
	if i, err = Read("casa", elsewhere, false, spanish); err != nil || i.Sheets[3].URL != "https://otro.example/" || i.Sheets[3].Procedure != "" {
		t.Errorf("a procedure that is done elsewhere: %v", err)
	}
}

func TestSheetFaults(t *testing.T) {
	file := "tramites/generar-recuperar.toml:"
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"a field missing", []string{"cost = \"Nada.\"\n", ""}, []string{file + `1: cost: is missing; write, above the first table, cost = "El trámite no tiene costo."`}},
		{"a list missing", []string{"gets = [\"Algo\"]\n", ""}, []string{file + `1: gets: is missing (the page is not complete without it)`}},
		{"an empty list", []string{`["Algo"]`, `[]`}, []string{file + `6: gets: is empty; write gets = ["Una clave nueva"]`}},
		{"an item", []string{`"Un correo."`, `" "`}, []string{file + `9: needs: number 2 is empty, or begins or ends with a space`}},
		{"a line break", []string{`"Un correo."`, `"Un\ncorreo."`}, []string{file + `9: needs: number 2 holds a line break (U+000A); write it on one line`}},
		{"a long item", []string{`Un correo.`, strings.Repeat("x", 601)}, []string{file + `9: needs: number 2 has 601 characters; write at most 600`}},
		{"a strange key", []string{`cost =`, `costo = "x"` + "\ncost ="}, []string{file + `12: costo: there is no such key`}},
		{"a mark", []string{"{link_life}", "{vida}"}, []string{file + `3: text: "{vida}" is no mark; the marks are {link_life}, `}},
		{"a mark left open", []string{"{attempts}", "{attempts"}, []string{file + `21: case.todos.steps: "{attempts veces." is no mark`}},
		{"a mark never begun", []string{"Uno.\"", "Uno}.\""}, []string{file + `21: case.todos.steps: "}" is no mark`}},
		{"a procedure", []string{`"generar-recuperar"`, `"otra"`}, []string{file + `2: procedure: "otra" is no procedure of the program; write one of "generar-recuperar"`}},
		{"both", []string{`name = "Ficha"`, "name = \"Ficha\"\nurl = \"https://a.example\""}, []string{file + `2: url: the procedure "generar-recuperar" begins in this program`}},
		{"neither", []string{"procedure = \"generar-recuperar\"\n", ""}, []string{file + `1: url: is missing`}},
		{"twice", []string{`"generar-recuperar"`, `"cambio"`}, []string{file + `2: procedure: "cambio" has a sheet already, casa/tramites/cambio.toml`}},
		{"a policy", []string{`["guia"]`, `["guia", "dura"]`}, []string{file + `24: case.guia.policies: "dura" is no policy; write one or more of "ficha-2026"`}},
		{"no case for a policy", []string{"title = \"Caso\"\n", "title = \"Caso\"\npolicies = [\"ficha-2026\"]\n"}, []string{file + `1: case: there is none for the policy "reforzada"`}},
		{"no law", []string{"[law.una]\nname = \"Ley\"\narticles = \"Art. 1.\"\nurl = \"https://ley.example/1\"\n", ""}, []string{file + `1: law: there is none; write [law.seguridad-social]`}},
		{"an address of a law", []string{"https://ley", "ftp://ley"}, []string{file + `18: law.una.url: "ftp://ley.example/1" is not an address`}},
		{"security", []string{"[office.sur]", "[security]\ncontact = \"seguridad\"\n[office.sur]"}, []string{`institution.toml:18: security.contact: "seguridad" is neither a mailto: nor an https: address`}},
		{"security's mail", []string{"[office.sur]", "[security]\ncontact = \"mailto:a@b?cc=x\"\npolicy = \"x\"\n[office.sur]"}, []string{
			`institution.toml:18: security.contact: "mailto:a@b?cc=x" is no mail address`, `institution.toml:19: security.policy: "x" is not an address`}},
		{"security, empty", []string{"[office.sur]", "[security]\npolicy = \"https://a.example\"\n[office.sur]"}, []string{`institution.toml:17: security.contact: is missing`}},
	} {
		t.Run(c.name, func(t *testing.T) { holdsFaults(t, folder(t, c.pairs...), c.want) })
	}
	none := folder(t)
	delete(none, sheetPath(Unlock))
	holdsFaults(t, none, []string{`tramites:1: no sheet has procedure = "desbloqueo"`})
	named := folder(t)
	named[sheetsFolder+"/Otra Ficha.toml"] = &fstest.MapFile{}
	holdsFaults(t, named, []string{"tramites/Otra Ficha.toml:1: its name becomes an address"})
	many := folder(t)
	for n := range maxSheets {
		many[sheetsFolder+"/x"+strings.Repeat("y", n)+".toml"] = &fstest.MapFile{}
	}
	holdsFaults(t, many, []string{"tramites:1: holds 53 sheets; keep at most 50"})
}

// TestExampleSheets holds the example against the official sheet and the guides.
func TestExampleSheets(t *testing.T) {
	sheets := Example().Sheets
	at := slices.IndexFunc(sheets, func(s Sheet) bool { return s.ID == "generar-recuperar-clave" })
	if len(sheets) != 3 || at < 0 {
		t.Fatalf("sheets %+v", sheets)
	}
	s := sheets[at]
	cases := s.CasesUnder(credential.Ficha2026)
	if len(cases) != 2 || len(cases[0].Steps) != 12 || len(cases[1].Steps) != 11 {
		t.Errorf("the official sheet has two cases, of 12 and 11 steps: %+v", cases)
	}
	laws := ""
	for _, law := range s.Laws {
		laws += law.Name + " " + law.Articles + "\n"
	}
	for _, part := range []string{
		"Ley de Seguridad Social Art. 16; 18; 25; 244; 247.1; 248.", "3, numeral 1; 11, numerales 3, 4, 5, 6, 8, 9; 34; 66 numerales 2; 82; 226; 227; 370.",
		"3; 4; 5; 14; 22; 24; 33; 35; 37; 39; 90.", "Artículo 10, numerales 3.1.1., literales: a, c, d, e, g; 3.1.1.1., literales: a, b, i, l.",
		"2 numeral 6; 3 numerales 1; 4, 5, 8, 9, 10, 11, 14.", "RESOLUCION CD 625 Artículos: 3; 28.",
	} {
		if !strings.Contains(laws, part) {
			t.Errorf("the legal basis lacks %q", part)
		}
	}
	for _, one := range sheets {
		for _, c := range one.Cases {
			for _, step := range c.Steps {
				if strings.Contains(step, "minutos") || strings.Contains(step, "intentos") && !strings.Contains(step, "{attempts}") {
					t.Errorf("%s: %q says itself what the policy decides", one.ID, step)
				}
			}
		}
	}
}
