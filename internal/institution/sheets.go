package institution

import (
	"cmp"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"aldaba/internal/credential"
	"aldaba/internal/settings"
)

// Sheet is what the public reads of a procedure (trámite): every field of the
// official sheet of procedures. Its texts may hold marks such as «{link_life}» for
// what the running policy decides ([Marks]).
type Sheet struct {
	ID        string // name of its file; its page is /tramites/ID
	Language  string // of its texts: one that nobody translated keeps the folder's own
	Name      string
	Official  string    // the name in the institution's catalogue of procedures, where it has another
	Procedure Procedure // which of the program's; empty for one that is done elsewhere
	URL       string    // where one that is done elsewhere begins
	Text      string
	Whom      string   // whom it is for, in a sentence
	People    []string // and as the catalogue lists it
	Kind      string   // kind of result
	Gets      []string // what one gets
	Needs     []string // general requirements
	Instead   []string // alternative ones
	Cases     []Case
	Channel   string
	Cost      string
	Hours     string
	Laws      []Law
	Unit      string   // who answers; address and telephone are the institution's
	Words     []string // further ones by which the search finds it
}

// Case is one way through a procedure, step by step.
type Case struct {
	ID       string // name of its table
	Title    string
	Policies []string // presets under which it is so; none for all
	Needs    []string // besides the sheet's
	Steps    []string
}

// Law is a text on which the procedure stands. URL may be empty: an address that
// nobody vouches for is worse than none.
type Law struct{ Name, Articles, URL string }

// Procedure is one of those that this program runs, as a sheet names it.
type Procedure string

// The procedures of the program that citizens begin, each of which has a sheet.
const (
	Generate Procedure = "generar-recuperar"
	Change   Procedure = "cambio"
	Unlock   Procedure = "desbloqueo"
)

var procedures = []Procedure{Generate, Change, Unlock}

// Marks are what the policy puts into the texts of a sheet, each written {name}.
func Marks() []string {
	return []string{
		"link_life", "link_cap", "code_tries", "attempts", "attempt_window", "bank_answers", "password_min",
		"lock_after", "lock_life", "address_hold", "resends",
	}
}

// CasesUnder gives the cases that hold under a preset.
func (s Sheet) CasesUnder(preset string) []Case {
	var list []Case
	for _, c := range s.Cases {
		if len(c.Policies) == 0 || slices.Contains(c.Policies, preset) {
			list = append(list, c)
		}
	}
	return list
}

const (
	sheetsFolder = "tramites"
	maxSheets    = 50
	maxParagraph = 600 // a description, a step
	maxItems     = 20  // of a list: steps, requirements, laws
	maxCases     = 12
)

// sheets reads the sheets, a file each: those of the program's procedures in their
// order, as a menu has them, then the others in order of their names.
func (r *reader) sheets(i *Institution) {
	files := r.sheetFiles(".")
	if len(files) > maxSheets {
		r.fault(sheetsFolder, "holds %d sheets; keep at most %d", len(files), maxSheets)
		return
	}
	before := len(r.faults)
	of := map[Procedure]string{}
	for _, file := range files {
		id := sheetID(file)
		if !tableName.MatchString(id) {
			r.fault(file, "its name becomes an address; use small letters, digits and hyphens, such as cambio-de-clave.toml")
			continue
		}
		s, ok := r.open(file, "")
		if !ok {
			continue
		}
		sheet := s.sheet(id)
		if first, twice := of[sheet.Procedure]; twice && sheet.Procedure != "" {
			s.Wrong("procedure", "%q has a sheet already, %s; leave one of them", sheet.Procedure, first)
		}
		of[sheet.Procedure] = filepath.Join(r.name, file)
		i.Sheets = append(i.Sheets, sheet)
		r.close(file, s)
	}
	place := func(s Sheet) int {
		if at := slices.Index(procedures, s.Procedure); at >= 0 {
			return at
		}
		return len(procedures)
	}
	slices.SortStableFunc(i.Sheets, func(a, b Sheet) int { return cmp.Compare(place(a), place(b)) })
	for _, p := range procedures {
		if _, found := of[p]; !found && len(r.faults) == before {
			r.fault(sheetsFolder, "no sheet has procedure = %q; every procedure of the program needs one, and `aldaba config example --institution DIR` writes them to start from", string(p))
		}
	}
}

// sheetFiles lists the files of sheets, of a language's folder or of the whole one.
func (r *reader) sheetFiles(folder string) []string {
	files, err := fs.Glob(r.folder, path.Join(folder, sheetsFolder, "*.toml"))
	if err != nil {
		return nil // not with this pattern
	}
	return files
}

func sheetID(file string) string { return strings.TrimSuffix(path.Base(file), ".toml") }

func (s source) sheet(id string) Sheet {
	sheet := Sheet{ID: id}
	sheet.Name, _ = s.marked("name", true, "Cambio de clave", maxName)
	sheet.Official, _ = s.marked("official_name", false, "CAMBIO DE CLAVE", maxText)
	sheet.Procedure, sheet.URL = s.begins()
	sheet.Text, _ = s.marked("text", true, "Para poner otra clave en lugar de la que tiene.", maxParagraph)
	sheet.Whom, _ = s.marked("whom", true, "Afiliados, pensionistas y empleadores que ya tienen clave.", maxParagraph)
	sheet.People = s.markedLines("people", false, "Persona Natural - Ecuatoriana")
	sheet.Kind, _ = s.marked("result", true, "Acceder a beneficio o servicio", maxText)
	sheet.Gets = s.markedLines("gets", true, "Una clave nueva")
	sheet.Needs = s.markedLines("needs", true, "Cédula de identidad o ciudadanía.")
	sheet.Instead = s.markedLines("instead", false, "Código de identificación para extranjeros.")
	sheet.Channel, _ = s.marked("channel", true, "En línea", maxText)
	sheet.Cost, _ = s.marked("cost", true, "El trámite no tiene costo.", maxText)
	sheet.Hours, _ = s.marked("hours", true, "Las 24 horas.", maxText)
	sheet.Unit, _ = s.marked("unit", true, "Atención al Ciudadano", maxName)
	sheet.Words = s.lines("words", false, "contraseña")
	sheet.Cases = s.cases()
	for _, name := range s.names("law", maxItems, "seguridad-social") {
		key := "law." + name + "."
		var law Law
		law.Name, _ = s.text(key+"name", true, "Ley de Seguridad Social", maxText)
		law.Articles, _ = s.text(key+"articles", true, "Art. 16; 18", maxParagraph)
		law.URL = s.optionalAddress(key+"url", "https://www.institucion.example/ley.pdf")
		sheet.Laws = append(sheet.Laws, law)
	}
	return sheet
}

// begins gives where the procedure begins: in the program, or elsewhere.
func (s source) begins() (p Procedure, url string) {
	const key, other = "procedure", "url"
	text, ok := s.text(key, false, string(Change), maxName)
	switch {
	case ok && s.Has(other):
		s.Wrong(other, "the procedure %q begins in this program; leave one of url and %s", settings.Printable(text), key)
		_, _ = s.text(other, false, "", maxURL)
	case ok && !slices.Contains(procedures, Procedure(text)):
		s.Wrong(key, "%q is no procedure of the program; write one of %s, or url = \"https://…\" for one that is done elsewhere", settings.Printable(text), quoted(procedures))
	case ok:
		_, _ = s.text(other, false, "", maxURL) // known, and left out
		return Procedure(text), ""
	case !s.Has(key):
		return "", s.address(other, "https://servicios.institucion.example/tramite")
	}
	return "", ""
}

// cases reads the ways through a procedure. Under every preset there is one.
func (s source) cases() []Case {
	var list []Case
	before := s.Count()
	for _, name := range s.names("case", maxCases, "general") {
		key := "case." + name + "."
		c := Case{ID: name}
		c.Title, _ = s.marked(key+"title", true, "Cambiar la clave", maxText)
		c.Policies = s.Texts(key+"policies", credential.Ficha2026)
		for at, text := range c.Policies {
			if !slices.Contains(credential.Presets(), text) {
				s.WrongItem(key+"policies", at, "%q is no policy; write one or more of %s, or leave the line out for all", settings.Printable(text), quoted(credential.Presets()))
			}
		}
		c.Needs = s.markedLines(key+"needs", false, "Un correo que pueda abrir.")
		c.Steps = s.markedLines(key+"steps", true, "Escriba su número y presione «Buscar».")
		list = append(list, c)
	}
	if s.Count() == before && !s.Broken() {
		for _, preset := range credential.Presets() {
			if len((Sheet{Cases: list}).CasesUnder(preset)) == 0 {
				s.WrongTable("case", "there is none for the policy %q; add it to the policies of one, or leave that line out", preset)
			}
		}
	}
	return list
}

// markedLines is lines in which marks may stand.
func (s source) markedLines(key string, needed bool, example string) []string {
	texts := s.lines(key, needed, example)
	for at, text := range texts {
		checkMarks(text, func(format string, args ...any) { s.WrongItem(key, at, format, args...) })
	}
	return texts
}

// lines gives a list of texts that people read, each bounded, with no empty one.
func (s source) lines(key string, needed bool, example string) []string {
	texts := s.Texts(key, example)
	switch {
	case needed && !s.Has(key):
		s.MissingList(key, example, "the page is not complete without it")
	case texts != nil && len(texts) == 0:
		s.Wrong(key, "is empty; write %s = [%q], or leave the line out where it may be", key[strings.LastIndexByte(key, '.')+1:], example)
	case len(texts) > maxItems:
		s.WrongItem(key, maxItems, "is number %d; write at most %d", maxItems+1, maxItems)
	}
	for at, text := range texts {
		fault := func(format string, args ...any) { s.WrongItem(key, at, format, args...) }
		switch n := utf8.RuneCountInString(text); {
		case strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text:
			fault("number %d is empty, or begins or ends with a space; write such as %q", at+1, example)
		case n > maxParagraph:
			fault("number %d has %d characters; write at most %d", at+1, n, maxParagraph)
		}
	}
	return texts
}

// marked is text in which marks may stand.
func (s source) marked(key string, needed bool, example string, most int) (string, bool) {
	text, ok := s.text(key, needed, example, most)
	if ok {
		checkMarks(text, func(format string, args ...any) { s.Wrong(key, format, args...) })
	}
	return text, ok
}

var mark = regexp.MustCompile(`\{([^{}]*)\}?|\}`)

// checkMarks names what looks like a mark and is none: people would read it as it
// stands.
func checkMarks(text string, fault func(format string, args ...any)) {
	for _, found := range mark.FindAllStringSubmatch(text, -1) {
		if found[0] != "{"+found[1]+"}" || !slices.Contains(Marks(), found[1]) {
			fault("%q is no mark; the marks are {%s}", settings.Printable(found[0]), strings.Join(Marks(), "}, {"))
			return
		}
	}
}
