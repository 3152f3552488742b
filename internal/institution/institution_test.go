package institution

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"aldaba/internal/credential"
	"aldaba/internal/settings"
)

// The languages that the program has, and those of a folder that translates nothing.
var program, spanish = []string{"es", "en"}, []string{"es"}

// goodMain and goodServices are files in which nothing is wrong.
const goodMain = `name = "Instituto"
short_name = "IE"
official = true
logo = "logo.svg"
[contact]
email = "ayuda@ejemplo.ec"
phone = "+59320000000"
hours = "de lunes a viernes"
[colours.light]
masthead = "#0b4f5c"
masthead_text = "#ffffff"
accent = "#d9652b"
accent_text = "#a34312"
link = "#0a5c6e"
button = "#0b5c6b"
button_text = "#ffffff"
[office.sur]
name = "Centro Sur"
address = "Calle 1"
city = "Quito"
map = "https://mapa.example/1"
[office.norte]
name = "Centro Norte"
address = "Calle 2"
city = "Quito"
map = "https://mapa.example/2"
hours = "los sábados"
`

const goodServices = `groups = ["Salud", "Dinero"]
[service.cesantia]
name = "Cesantía"
text = "Su fondo."
group = "Dinero"
audiences = ["afiliado", "pensionista"]
level = 2
url = "https://servicios.ejemplo.ec/cesantia"
[service.citas]
name = "Citas"
text = "Una cita."
group = "Salud"
audiences = ["afiliado"]
level = 1
url = "https://servicios.ejemplo.ec/citas?x=1"
`

// folder is a good one, with pairs of what to replace.
func folder(t testing.TB, pairs ...string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{
		mainFile: {Data: []byte(goodMain)}, servicesFile: {Data: []byte(goodServices)}, legalFile: {Data: []byte(goodLegal)},
		"logo.svg": {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>`)}, "LEAME.md": {},
	}
	for _, p := range procedures {
		files[sheetPath(p)] = &fstest.MapFile{Data: []byte(strings.Replace(goodSheet, "PROCEDURE", string(p), 1))}
	}
	for i := 0; i < len(pairs); i += 2 {
		found := false
		for _, name := range []string{mainFile, servicesFile, sheetPath(Generate), legalFile} {
			if text := string(files[name].Data); strings.Contains(text, pairs[i]) {
				found = true
				files[name].Data = []byte(strings.Replace(text, pairs[i], pairs[i+1], 1))
				break
			}
		}
		if !found {
			t.Fatalf("no %q in the good files", pairs[i])
		}
	}
	return files
}

func TestGoodFolder(t *testing.T) {
	i, err := Read("casa", folder(t), false, spanish)
	if err != nil {
		t.Fatal(err)
	}
	if i.Name != "Instituto" || !i.Official || i.PhoneText != "+59320000000" || i.Email != "ayuda@ejemplo.ec" || i.Logo.File != "logo.svg" || i.Dark != nil {
		t.Errorf("read %+v", i)
	}
	if len(i.Offices) != 2 || i.Offices[0].Name != "Centro Sur" || i.Offices[0].Hours != "de lunes a viernes" || i.Offices[1].Hours != "los sábados" {
		t.Errorf("offices %+v, want both in the file's order, the first with the common hours", i.Offices)
	}
	if len(i.Services) != 2 || i.Services[0].ID != "citas" || i.Services[0].Level != credential.Declared || i.Services[1].Level != credential.InPerson ||
		!slices.Equal(i.Services[1].Audiences, []credential.Audience{credential.Affiliate, credential.Pensioner}) {
		t.Errorf("services %+v, want them by group", i.Services)
	}
	if i.Light.Masthead.String() != "#0b4f5c" || i.Light.ButtonHover.String() != "#084550" {
		t.Errorf("colours %+v", i.Light)
	}
	local := folder(t, "https://servicios.ejemplo.ec/cesantia", "http://127.0.0.1:9000/x")
	if i, err = Read("casa", local, true, spanish); err != nil || i.Services[1].URL != "http://127.0.0.1:9000/x" {
		t.Errorf("a service of this machine: %v", err)
	}
	if _, err = Read("casa", local, false, spanish); err == nil {
		t.Error("a site that is not of this machine alone takes a service on it without https")
	}
}

// TestFaults names every fault of every file at once, each with file, line and key.
func TestFaults(t *testing.T) {
	long := strings.Repeat("ñ", 81)
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string // "file:line: key: some of the sentence", in order
	}{
		{"answers in no time", []string{"[contact]", "[complaints]\nanswer_days = 0\n\n[contact]"}, []string{"institution.toml:6: complaints.answer_days: holds what is no number from 1 to 90"}},
		{"not official by saying nothing", []string{"official = true\n", ""}, []string{"institution.toml:1: official: is missing; write, above the first table, official = true, or false"}},
		{"official is a text", []string{"= true", `= "si"`}, []string{"institution.toml:3: official: holds a text where true or false is needed"}},
		{"names", []string{`"Instituto"`, `"` + long + `"`, `"IE"`, `" "`}, []string{
			"institution.toml:1: name: has 81 characters; write at most 80", "institution.toml:2: short_name: is empty"}},
		{"contact", []string{"ayuda@ejemplo.ec", "ayuda", "+59320000000", "(02) 22", `hours = "de lunes a viernes"`, "fax = 1"}, []string{
			`institution.toml:5: contact.hours: is missing; write below [contact] hours = "de lunes`, `institution.toml:6: contact.email: "ayuda" is not a mail address`,
			"institution.toml:7: contact.phone: ", "institution.toml:8: contact.fax: there is no such key; the keys here are email, hours, phone, phone_text"}},
		{"colours", []string{`accent_text = "#a34312"` + "\n", "", `link = "#0a5c6e"`, `link = "teal"`}, []string{
			"institution.toml:9: colours.light.accent_text: is missing; write below [colours.light]", `institution.toml:13: colours.light.link: "teal" is no colour`}},
		{"text that cannot be read", []string{`masthead_text = "#ffffff"`, `masthead_text = "#1a7a8c"`}, []string{
			"institution.toml:11: colours.light.masthead_text: #1a7a8c on #0b4f5c (masthead) has a contrast of 1.8:1; write one with at least 4.5:1"}},
		{"a link that cannot be read on a box", []string{`link = "#0a5c6e"`, `link = "#757575"`}, []string{
			"institution.toml:14: colours.light.link: #757575 on #eef3f3 (boxes) has a contrast of 4.1:1"}},
		{"unknown colours", []string{"[colours.light]", "[colours.sepia]"}, []string{
			"institution.toml:9: there is no table [colours.sepia]; the tables are colours.dark, colours.light, contact, office.NAME",
			"institution.toml:10: colours.sepia.masthead: there is no such key", "", "", "", "", "", ""}},
		{"offices", []string{"[office.sur]", "[office.Sur]", `address = "Calle 1"` + "\n", "", "https://mapa.example/2", "http://mapa.example/2"}, []string{
			"institution.toml:17: office.Sur: is no name for a table", "institution.toml:17: office.Sur.address: is missing; write below [office.Sur] address =",
			`institution.toml:25: office.norte.map: "http://mapa.example/2" is not encrypted`}},
		{"one office in two tables", []string{"[office.norte]", "[office.sur]"}, []string{
			"institution.toml:22: the table [office.sur] was already begun on line 17", "", "", "", ""}},
		{"a service without a level", []string{"level = 2\n", ""}, []string{
			"services.toml:2: service.cesantia.level: is missing; write below [service.cesantia] level = 1 for appointments and complaints, 2 for money"}},
		{"levels that are none", []string{"level = 2", "level = 3", "level = 1", `level = "1"`}, []string{
			"services.toml:7: service.cesantia.level: holds what is no number from 1 to 2", "services.toml:14: service.citas.level: "}},
		{"audiences", []string{`"pensionista"`, `"jubilado"`, `["afiliado"]`, `[]`}, []string{
			`services.toml:6: service.cesantia.audiences: "jubilado" is no audience; write one or more of "afiliado", "pensionista", "derechohabiente", "empleador"`,
			"services.toml:13: service.citas.audiences: is empty"}},
		{"an audience twice, and none", []string{`"pensionista"`, `"afiliado"`, `audiences = ["afiliado"]` + "\n", ""}, []string{
			`services.toml:6: service.cesantia.audiences: "afiliado" stands twice`, "services.toml:9: service.citas.audiences: is missing (it says who sees the service)"}},
		{"addresses", []string{"https://servicios.ejemplo.ec/cesantia", "javascript:alert(1)", "https://servicios", "https://ana:secreto@servicios"}, []string{
			`services.toml:8: service.cesantia.url: "javascript:alert(1)" is not an address`, "services.toml:15: service.citas.url: names a user"}},
		{"addresses without host or encryption", []string{"https://servicios.ejemplo.ec/cesantia", "https:///x", "https://servicios", "http://localhost"}, []string{
			"services.toml:8: service.cesantia.url: ", "services.toml:15: service.citas.url: \"http://localhost.ejemplo.ec/citas?x=1\" is not encrypted"}},
		{"groups", []string{`["Salud", "Dinero"]`, `["Salud", "Salud", ""]`}, []string{
			`services.toml:1: groups: "Salud" stands twice`, `services.toml:1: groups: "" is no heading`, `services.toml:5: service.cesantia.group: "Dinero" is none of the groups above`}},
		{"no groups", []string{`groups = ["Salud", "Dinero"]` + "\n", ""}, []string{"services.toml:1: groups: is missing (services stand in groups); write, above the first table, groups = [\"Salud\"]"}},
		{"what nobody sees", []string{`"Instituto"`, `"X\u009b31m"`, `"IE"`, "\"I\u202eE\"", "a viernes", "a\u200b viernes"}, []string{
			"institution.toml:1: name: holds the character U+009B, which nobody can see; take it out",
			"institution.toml:2: short_name: holds the character U+202E, which nobody can see", "institution.toml:8: contact.hours: holds the character U+200B"}},
		{"what nobody sees in lists and names", []string{`["Salud", "Dinero"]`, `["Sa\u00adlud", "Dinero"]`, `"pensionista"`, `"pensio\u2060nista"`, "[office.sur]", "[office.\"s\u2066ur\"]"}, []string{
			`institution.toml:17: office.s\u2066ur: is no name for a table`, "services.toml:1: groups: number 1 holds the character U+00AD",
			"services.toml:6: service.cesantia.audiences: number 2 holds the character U+2060"}},
		{"a list of tables", []string{"[service.citas]", "[[service]]"}, []string{"services.toml:9: [[service]] is a list of tables; write [service], or [service.NAME]", "", "", "", "", "", ""}},
		{"both files", []string{"short_name", "short-name", "level = 1", "nivel = 1"}, []string{
			"institution.toml:1: short_name: is missing", "institution.toml:2: short-name: there is no such key",
			"services.toml:9: service.citas.level: is missing", "services.toml:14: service.citas.nivel: there is no such key; the keys here are audiences, group, level, name, text, url"}},
	} {
		t.Run(c.name, func(t *testing.T) { holdsFaults(t, folder(t, c.pairs...), c.want) })
	}
}

// holdsFaults reads a folder and holds its faults against the beginnings of what is
// wanted; "" takes any.
func holdsFaults(t *testing.T, files fs.FS, want []string) {
	t.Helper()
	holdsFaultsIn(t, files, spanish, want)
}

func holdsFaultsIn(t *testing.T, files fs.FS, languages, want []string) {
	t.Helper()
	_, err := Read("casa", files, false, languages)
	faults, ok := errors.AsType[settings.Faults](err)
	if !ok {
		t.Fatalf("Read = %v, want faults", err)
	}
	for n := range max(len(faults), len(want)) {
		switch {
		case n >= len(faults):
			t.Errorf("not named: %s", want[n])
		case n >= len(want):
			t.Errorf("named besides: %s", faults[n])
		case want[n] != "" && !strings.HasPrefix(faults[n].String(), "casa/"+want[n]):
			t.Errorf("fault %d is %s\nwant %s", n+1, faults[n], want[n])
		}
	}
	if strings.Contains(err.Error(), "secreto") {
		t.Errorf("a secret is told: %v", err)
	}
}

func TestFilesOfTheFolder(t *testing.T) {
	missing := folder(t)
	delete(missing, servicesFile)
	missing["service.toml"] = &fstest.MapFile{}
	holdsFaults(t, missing, []string{"services.toml:1: cannot be read (file does not exist); `aldaba config example --institution DIR`", "service.toml:1: is none of the files that are read"})
	large := folder(t)
	large[servicesFile].Data = bytes.Repeat([]byte("#"), settings.MaxFile+1)
	holdsFaults(t, large, []string{"services.toml:1: cannot be read (is larger than 1048576 bytes)"})
	none := folder(t)
	none[servicesFile].Data = []byte(`groups = ["Salud"]`)
	holdsFaults(t, none, []string{"services.toml:1: service: there is none; write [service.historia-laboral]"})
	many := folder(t)
	for n := range maxServices {
		many[servicesFile].Data = append(many[servicesFile].Data, strings.NewReplacer("citas]", "x"+strings.Repeat("y", n%30)+strings.Repeat("z", n/30)+"]").
			Replace(goodServices[strings.Index(goodServices, "[service.citas]"):])...)
	}
	holdsFaults(t, many, []string{"services.toml:702: service.xyyyyyyyyzzz: is number 101; write at most 100"})
}

// TestIrregularFiles: a pipe of the folder is refused instead of waited for.
func TestIrregularFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, folder(t)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, want string }{
		{"logo.svg", "institution.toml:4: logo: logo.svg cannot be read (is no regular file)"},
		{legalFile, "legal.toml:1: cannot be read (is no regular file)"},
	} {
		file := filepath.Join(dir, c.file)
		if err := errors.Join(os.Rename(file, file+".bak"), syscall.Mkfifo(file, 0o600)); err != nil {
			t.Fatal(err)
		}
		holdsFaults(t, os.DirFS(dir), []string{c.want})
		if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
			t.Fatal(err)
		}
		holdsFaults(t, os.DirFS(dir), []string{strings.Replace(c.want, "no regular file", "a folder", 1)})
		if err := errors.Join(os.Remove(file), os.Symlink(filepath.Base(file)+".bak", file)); err != nil {
			t.Fatal(err)
		}
		if _, err := Read("casa", os.DirFS(dir), false, spanish); err != nil {
			t.Errorf("%s through a link: %v", c.file, err)
		}
	}
}

func TestLogo(t *testing.T) {
	var dots, wide bytes.Buffer
	if err := errors.Join(png.Encode(&dots, image.NewGray(image.Rect(0, 0, 8, 8))), png.Encode(&wide, image.NewGray(image.Rect(0, 0, 1001, 1)))); err != nil {
		t.Fatal(err)
	}
	svg := func(inside string) string { return `<svg xmlns="http://www.w3.org/2000/svg">` + inside + `</svg>` }
	for _, c := range []struct{ file, content, want string }{
		{"a.png", dots.String(), ""},
		{"a.svg", svg(`<defs><linearGradient id="a"/></defs><path fill="url(#a)" d="M0 0"/><use href="#b"/>`), ""},
		{"a.svg", "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- Hecho (a mano) -->\n" + svg(`<title>Casa (sede)</title><desc>url(x)</desc>`) + "\n", ""},
		{"a.svg", `<svg:svg xmlns:svg="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" xml:space="preserve"><svg:symbol id="b"/><svg:use xlink:href="#b"/></svg:svg>`, ""},
		{"a.svg", svg(`<g transform="translate(1,2) rotate(45)" fill="rgb(1,2,3)" clip-path="url(#c.1)" mask="url(#m) " aria-label="Casa (sede)"><text><tspan>url(x)</tspan></text></g>`), ""},
		{"a.png", wide.String(), "has 1001 by 1 dots; make it at most 1000 by 1000"},
		{"a.png", "no", "is no PNG"},
		{"a.svg", "no", "is no SVG"},
		{"a.svg", "<html/>", "is no SVG"},
		{"a.svg", svg("<g>"), "is no SVG"},
		{"a.svg", svg("<script>x()</script>"), `holds the element "script"`},
		{"a.svg", svg(`<foreignObject/>`), `holds the element "foreignObject"`},
		{"a.svg", svg(`<style>*{fill:url(https://ajeno.example)}</style>`), `holds the element "style"`},
		{"a.svg", svg(`<set attributeName="href" to="javascript:x()"/>`), `holds the element "set"`},
		{"a.svg", svg(`<animate attributeName="href" values="javascript:x()"/>`), `holds the element "animate"`},
		{"a.svg", svg(`<a href="#a"/>`), `holds the element "a"`},
		{"a.svg", svg(`<image href="#a"/>`), `holds the element "image"`},
		{"a.svg", svg(`<feImage href="#a"/>`), `holds the element "feImage"`},
		{"a.svg", svg(`<lineargradient/>`), `holds the element "lineargradient"`},
		{"a.svg", svg(`<h:form xmlns:h="http://www.w3.org/1999/xhtml" action="https://ajeno.example"/>`), `holds the element "form" of "http://www.w3.org/1999/xhtml"`},
		{"a.svg", svg(`<h:meta xmlns:h="http://www.w3.org/1999/xhtml" http-equiv="refresh"/>`), `holds the element "meta" of `},
		{"a.svg", svg(`<g xmlns="http://www.w3.org/1999/xhtml"/>`), `holds the element "g" of "http://www.w3.org/1999/xhtml"`},
		{"a.svg", svg(`<svg:g/>`), `holds the element "g" of "svg"`}, // of a prefix that nothing declares
		{"a.svg", `<?xml-stylesheet href="https://ajeno.example/x.css"?>` + svg(""), "holds <?xml-stylesheet?>"},
		{"a.svg", svg(`<?php x() ?>`), "holds <?php?>"},
		{"a.svg", svg("") + svg(""), "is no SVG"},
		{"a.svg", svg("") + "x", "is no SVG"},
		{"a.svg", "<svg/>", "is no SVG"},
		{"a.svg", `<h:svg xmlns:h="http://www.w3.org/1999/xhtml"/>`, "is no SVG"},
		{"a.svg", svg("&nbsp;"), "is no SVG"},
		{"a.svg", svg(`<path onload="x()"/>`), `holds the attribute "onload" in "path"`},
		{"a.svg", svg(`<use href="https://ajeno.example/x.svg"/>`), `holds the attribute "href"`},
		{"a.svg", svg(`<use href=" #b"/>`), `holds the attribute "href"`},
		{"a.svg", svg(`<use HREF="x.svg"/>`), `holds the attribute "HREF"`},
		{"a.svg", svg(`<use xmlns:l="http://www.w3.org/1999/xlink" l:href="x.svg"/>`), `holds the attribute "href"`},
		{"a.svg", svg(`<use xlink:href="#b"/>`), `holds the attribute "href"`}, // of a prefix that nothing declares
		{"a.svg", svg(`<use xml:base="https://ajeno.example/"/>`), `holds the attribute "base"`},
		{"a.svg", svg(`<use i:label="x" xmlns:i="urn:i"/>`), `holds the attribute "label"`},
		{"a.svg", svg(`<path style="fill:#fff"/>`), `holds the attribute "style"`},
		{"a.svg", svg(`<path fill="url(https://ajeno.example/x)"/>`), `holds the attribute "fill"`},
		{"a.svg", svg(`<path filter="url(#a) url(https://ajeno.example/x)"/>`), `holds the attribute "filter"`},
		{"a.svg", svg(`<path fill="URL( &#104;ttps://ajeno.example/x)"/>`), `holds the attribute "fill"`},
		{"a.svg", svg(`<path fill="ur\6c (https://ajeno.example/x)"/>`), `holds the attribute "fill"`},
		{"a.svg", svg(`<path mask="image-set('https://ajeno.example/x' 1x)"/>`), `holds the attribute "mask"`},
		{"a.svg", `<!DOCTYPE svg [<!ENTITY a "b">]>` + svg(""), "holds a <!DOCTYPE>"},
		{"a.svg", svg(strings.Repeat(" ", maxLogo)), "is larger than 32768 bytes"},
		{"a.gif", "GIF89a", "is no picture of this folder"},
		{"../a.svg", svg(""), "is no picture of this folder"},
	} {
		files := folder(t, `"logo.svg"`, `"`+c.file+`"`)
		files[c.file] = &fstest.MapFile{Data: []byte(c.content)}
		i, err := Read("casa", files, false, spanish)
		switch {
		case c.want == "" && (err != nil || string(i.Logo.Content) != c.content):
			t.Errorf("%s %.60q: %v", c.file, c.content, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "casa/institution.toml:4: logo: ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s %.60q: %v, want %q at line 4", c.file, c.content, err, c.want)
		}
	}
}

// TestExample holds the example to what it promises: complete, marked, and with the
// levels that the table of trust gives by default.
func TestExample(t *testing.T) {
	i, err := Read("example", ExampleFiles(), false, program)
	if err != nil {
		t.Fatal(err)
	}
	if i.Official || !strings.Contains(i.Name, "ejemplo") || i.Logo.File == "" || i.Light == nil || i.Dark == nil {
		t.Errorf("the example is not complete, or not marked: %+v", i)
	}
	for _, o := range i.Offices {
		if !strings.Contains(o.Name, "(ejemplo)") {
			t.Errorf("office %q is not marked as an example", o.Name)
		}
	}
	for _, a := range credential.Audiences() {
		open, above := credential.ServicesFor(i.Services, []credential.Audience{a}, credential.Declared)
		if len(above) == 0 {
			t.Errorf("nothing is for a %s", a)
		}
		for _, o := range open {
			if o.ID != "agendamiento-citas" {
				t.Errorf("%s opens at level 1", o.ID)
			}
		}
	}
	for _, name := range []string{ // the citizens' guides name them
		"Actualizar datos", "Historia laboral", "Historia prestacional", "Registro de cuenta bancaria", "Cesantía", "Fondos de reserva", "Seguro de desempleo",
		"Préstamos quirografarios", "Préstamos hipotecarios", "Calificación de atención médica", "Agendamiento de citas", "Certificado de afiliación",
	} {
		if !slices.ContainsFunc(i.Services, func(o credential.OnlineService) bool { return o.Name == name }) {
			t.Errorf("the example has no service %q", name)
		}
	}
	if !slices.Equal(i.Languages, program) || len(i.Remarks) > 0 {
		t.Errorf("the example has %q, and remarks %q", i.Languages, i.Remarks)
	}
	if a := i.Agreement; a.Version == "" || a.Title != "Acuerdo de uso de clave" || i.Privacy.Delegate == "" || i.Accessibility.Date.IsZero() || len(i.Cookies) == 0 {
		t.Errorf("the example's legal texts are not complete: %+v, %+v, %+v", a, i.Privacy, i.Accessibility)
	}
	if english := i.In("en"); english.Agreement.Title != "Password terms of use" || !strings.Contains(english.Name, "example") || english.Services[0].Group != "Health" || english.Sheets[0].Language != "en" {
		t.Errorf("the example in English is %s, %+v", english.Name, english.Services[0])
	}
	if i = Example(); len(i.Services) == 0 {
		t.Fatal("Example gives nothing")
	}
	i.Services[0].URL = "changed"
	if Example().Services[0].URL == "changed" {
		t.Error("one caller of Example changes it for all")
	}
}

// TestLeftOfExample: who is official is told of everything that still is the example's,
// in every file and language, and of nothing else; who is not, of nothing.
func TestLeftOfExample(t *testing.T) {
	read := func(pairs ...string) []string {
		t.Helper()
		files := fstest.MapFS{}
		err := fs.WalkDir(ExampleFiles(), ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(ExampleFiles(), name)
			files[name] = &fstest.MapFile{Data: []byte(strings.NewReplacer(pairs...).Replace(string(content)))}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		i, err := Read("casa", files, false, program)
		if err != nil {
			t.Fatal(err)
		}
		return i.Remarks
	}
	if left := read(); len(left) > 0 {
		t.Errorf("an example that says so is told %q", left)
	}
	official := []string{"official = false", "official = true"}
	left := strings.Join(read(official...), "\n")
	for _, want := range []string{
		`casa/institution.toml:11: name: "Instituto Ecuatoriano de Seguridad Social (ejemplo)" is the example's; write your own`,
		`contact.email: "atencionalusuario@iess.gob.ec" is what the example says; write your own, or leave it if it is`,
		`contact.phone: "+59323945666" is`, `contact.phone_text: "(02) 394 5666" is`, `office.quito.name: `, `office.guayaquil.address: "Calle Inventada 200`,
		`office.cuenca.address: `, `security.contact: "mailto:seguridad@institucion.example" is the example's`, `casa/legal.toml:26: privacy.controller: `,
		`accessibility.text: "En las oficinas de este ejemplo`, `service.historia-laboral.url: `, `casa/en/institution.toml:5: name: `,
		`casa/tramites/generar-recuperar-clave.toml:13: official_name: "GENERAR / RECUPERAR CLAVE DE AFILIADO PARA ACCESO AL PORTAL IESS" is what the example says`,
	} {
		if !strings.Contains(left, want) {
			t.Errorf("%q is not among the remarks:\n%s", want, left)
		}
	}
	if clean := read(append(official, "institucion.example", "instituto.gob.ec", " (ejemplo)", "", " (example)", "", "Calle Inventada", "Calle 2", "Av. de Ejemplo", "Av. 1",
		"es un ejemplo", "es cierto", "de este ejemplo", "nuestras", "is an example", "is so", "of this example", "", "atencionalusuario@iess.gob.ec", "ayuda@instituto.gob.ec",
		"+59323945666", "+59320000000", "(02) 394 5666", "(02) 000 0000", "GENERAR / RECUPERAR CLAVE DE AFILIADO PARA ACCESO AL PORTAL IESS", "CLAVE")...); len(clean) > 0 {
		t.Errorf("of a folder that has its own texts is said %q", clean)
	}
}

// TestContrast: figures published with the definition of the ratio.
func TestContrast(t *testing.T) {
	for _, c := range []struct {
		a, b Colour
		want float64
	}{{rgb(0), rgb(0xffffff), 21}, {rgb(0xffffff), rgb(0xffffff), 1}, {rgb(0x777777), rgb(0xffffff), 4.478}, {rgb(0xff0000), rgb(0xffffff), 3.998}} {
		for _, got := range []float64{contrast(c.a, c.b), contrast(c.b, c.a)} {
			if got < c.want-0.001 || got > c.want+0.001 {
				t.Errorf("contrast(%v, %v) = %.3f, want %.3f", c.a, c.b, got, c.want)
			}
		}
	}
}

// TestGrounds holds the grounds against the program's own palette.
func TestGrounds(t *testing.T) {
	source, err := os.ReadFile("../web/static/aldaba.css")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]Colour{
		"--govuk-body-background-colour":    {lightGrounds.page, darkGrounds.page},
		"--al-raised":                       {lightGrounds.raised, darkGrounds.raised},
		"--govuk-surface-background-colour": {lightGrounds.footer, darkGrounds.footer},
		"--al-warn":                         {lightGrounds.warn, darkGrounds.warn},
	} {
		found := regexp.MustCompile(name+`: ?(#[0-9a-f]{6})`).FindAllSubmatch(source, -1)
		if len(found) != 2 || string(found[0][1]) != want[0].String() || string(found[1][1]) != want[1].String() {
			t.Errorf("%s is %q in the styles, want %v, then %v for dark screens", name, found, want[0], want[1])
		}
	}
}

// FuzzServices: whatever the file holds, each fault is one line that names a line of it.
func FuzzServices(f *testing.F) {
	for _, seed := range []string{goodServices, "", "service = 1", "[service.a.b]\nlevel = 0x2", "service.a.level = 1", "[service.\"a.b\"]", "groups = [[1]]", "[[service]]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Read("casa", fstest.MapFS{mainFile: {Data: []byte(goodMain)}, servicesFile: {Data: []byte(text)}, legalFile: {Data: []byte(goodLegal)}, "logo.svg": {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)}}, false, spanish)
		faults, _ := errors.AsType[settings.Faults](err)
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > 1+strings.Count(text, "\n") || strings.ContainsAny(fault.String(), "\n\r") {
				t.Errorf("%q is no line about a line of the file", fault.String())
			}
		}
	})
}
