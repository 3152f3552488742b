// Package institution reads what one institution says of itself: who it is, how to
// reach it, its colours, the services behind the clave, its legal texts and the sheets of
// its procedures, in each of its languages. It stands in a folder of strict TOML files, so
// that the program holds nothing of any institution but the example, which is marked as
// one.
package institution

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"aldaba/internal/credential"
	"aldaba/internal/settings"
)

// Institution is who runs the front door and how to reach them. Its texts are in the
// first of its languages; [Institution.In] gives them in another.
type Institution struct {
	Languages     []string // offered to readers, such as "es", "en"; first the one of the folder's own files
	Name          string
	ShortName     string
	Official      bool // false: every page says that this is not the institution's site
	Email         string
	Phone         string // as dialled, for tel: links (RFC 3966)
	PhoneText     string // as read
	Hours         string
	Offices       []Office
	Logo          Logo
	Light         *Palette // nil for the program's own colours
	Dark          *Palette
	AnswerDays    int                        // within which a complaint is answered
	Services      []credential.OnlineService // by group, in the order of the page
	Sheets        []Sheet                    // of the program's procedures in their order, then the others by name
	Security      SecurityContact            // the zero one is not published
	Agreement     Agreement
	Privacy       Privacy
	Accessibility Statement
	Cookies       []string // what the page of cookies says besides; may be none
	Remarks       []string // what is no fault, and worth knowing before the site is opened

	groups []string               // headings of the services, in the order of the page
	others map[string]translation // by language
}

// SecurityContact is where somebody who found a fault of the site tells it (RFC 9116).
type SecurityContact struct {
	Contact string // a mailto: or https: address
	Policy  string // how the institution deals with what it is told; may be empty
}

// Office is a place where people are seen. ID is the name of its table; Hours is
// never empty.
type Office struct{ ID, Name, Address, City, Map, Hours string }

// source is one file of the folder.
type source struct {
	*settings.Document
	local bool // an address of this machine may go without encryption
}

// The files of the folder, and of each of its languages. What comes later gets a line
// in [Read] and in [reader.translate], and its name here.
const (
	mainFile     = "institution.toml"
	servicesFile = "services.toml"
)

var knownFiles = []string{mainFile, servicesFile, legalFile}

// reader reads one folder.
type reader struct {
	name   string // of the folder, as faults call it
	folder fs.FS
	local  bool
	files  map[string]source // of the first language, by their path in the folder
	faults settings.Faults
}

// Read reads an institution's folder; name is what its faults call it. The error is
// everything that is wrong with all of its files, as [settings.Faults]; translations
// are read once the files that they translate hold. local lets the address of a
// service on this machine go without https. languages are those that the program has
// words for, the first one being what it speaks where nobody chose.
func Read(name string, folder fs.FS, local bool, languages []string) (Institution, error) {
	r := reader{name: name, folder: folder, local: local, files: map[string]source{}}
	var i Institution
	if s, ok := r.open(mainFile, exampleHint); ok {
		i.Languages = s.languages(languages)
		readMain(s, folder, &i)
		r.close(mainFile, s)
	}
	if s, ok := r.open(servicesFile, exampleHint); ok {
		readServices(s, &i)
		r.close(servicesFile, s)
	}
	if s, ok := r.open(legalFile, exampleHint); ok {
		readLegal(s, &i)
		r.close(legalFile, s)
	}
	r.sheets(&i)
	r.strangers(".")
	if len(r.faults) == 0 {
		i.Agreement.Language = i.Languages[0]
		for n := range i.Sheets {
			i.Sheets[n].Language = i.Languages[0]
		}
		r.translations(&i, languages)
		if i.Official {
			for _, name := range slices.Sorted(maps.Keys(r.files)) {
				i.Remarks = append(i.Remarks, LeftOfExample(r.files[name].Document)...)
			}
		}
	}
	if len(r.faults) > 0 {
		return Institution{}, r.faults
	}
	return i, nil
}

// exampleHint is what to do where a file of the folder is not there.
const exampleHint = "; `aldaba config example --institution DIR` writes one to start from"

// open takes a file of the folder apart. One that cannot be read is a fault, and hint
// what to do then.
func (r *reader) open(file, hint string) (source, bool) {
	full := filepath.Join(r.name, file)
	content, err := readFile(r.folder, file, settings.MaxFile)
	if err != nil {
		r.fault(file, "cannot be read (%v)%s", err, hint)
		return source{}, false
	}
	return source{settings.Parse(full, content), r.local}, true
}

// close takes the faults of a file that was read.
func (r *reader) close(file string, s source) {
	faults, _ := errors.AsType[settings.Faults](s.Done())
	r.faults = append(r.faults, faults...)
	r.files[file] = s
}

// fault notes what is wrong with a file or a folder as a whole.
func (r *reader) fault(file, format string, args ...any) {
	full := filepath.Join(r.name, filepath.Dir(file), settings.Printable(filepath.Base(file)))
	r.faults = append(r.faults, settings.Fault{File: full, Line: 1, Text: fmt.Sprintf(format, args...)})
}

// readFile reads a file of the folder up to a size. Its error does not name it.
func readFile(folder fs.FS, name string, most int64) ([]byte, error) {
	content, err := readRegular(folder, name, most)
	if fault, ok := errors.AsType[*fs.PathError](err); ok {
		err = fault.Err
	}
	return content, err
}

func readRegular(folder fs.FS, name string, most int64) ([]byte, error) {
	err := settings.Regular(fs.Stat(folder, name))
	if err != nil {
		return nil, err
	}
	file, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read only
	return settings.ReadBounded(file, most)
}

// strangers names the TOML files of a folder that nothing reads: one with a wrong name
// would be left out in silence.
func (r *reader) strangers(folder string) {
	entries, err := fs.ReadDir(r.folder, folder)
	if err != nil {
		r.fault(folder, "is no folder that can be read; write the name of one")
	}
	for _, e := range entries {
		if strings.EqualFold(filepath.Ext(e.Name()), ".toml") && !slices.Contains(knownFiles, e.Name()) {
			r.fault(path.Join(folder, e.Name()), "is none of the files that are read, which are %s; rename it or take it away", strings.Join(knownFiles, ", "))
		}
	}
}

// Bounds of what an institution may write, in characters: what a page at 320 pixels
// takes. And of how many.
const (
	maxName     = 80
	maxText     = 200
	maxURL      = 500
	maxOffices  = 200
	maxServices = 100
	maxAnswer   = 90 // days
	maxGroups   = 12
)

// text gives a text of bounded length; see [settings.Document.Text].
func (s source) text(key string, needed bool, example string, most int) (string, bool) {
	text, ok := s.Text(key, needed, example)
	if n := utf8.RuneCountInString(text); n > most {
		s.Wrong(key, "has %d characters; write at most %d", n, most)
		return "", false
	}
	return text, ok
}

// phone is a telephone number as tel: links take it.
var phone = regexp.MustCompile(`^\+?[0-9]{3,15}$`)

func readMain(s source, folder fs.FS, i *Institution) {
	i.Name, _ = s.text("name", true, "Instituto de Seguridad Social", maxName)
	i.ShortName, _ = s.text("short_name", true, "Seguridad Social", maxName/2)
	i.Official = s.Flag("official", "true, or false for what is an example or a trial")
	i.Logo = s.logo(folder)

	i.Email = s.email("contact.email", true, "ayuda@institucion.example")
	i.Phone, _ = s.text("contact.phone", true, "+59320000000", maxName)
	if i.Phone != "" && !phone.MatchString(i.Phone) {
		s.Wrong("contact.phone", "%q is not a number as dialled; write such as \"+59320000000\" (phone_text is how people read it)", settings.Printable(i.Phone))
	}
	i.PhoneText = i.Phone
	if text, ok := s.text("contact.phone_text", false, "(02) 000 0000", maxName/2); ok {
		i.PhoneText = text
	}
	i.Hours, _ = s.text("contact.hours", true, "de lunes a viernes, de 08:00 a 16:30", maxText)

	if key := "complaints.answer_days"; s.Has(key) {
		i.AnswerDays, _ = s.Whole(key, 1, maxAnswer, "15")
	}

	i.Light = s.palette("colours.light", lightGrounds)
	i.Dark = s.palette("colours.dark", darkGrounds)
	i.Offices = s.offices(i.Hours)
	i.Security = s.security()
}

// security reads whom to tell of a fault of the site; the table may be left out.
func (s source) security() (c SecurityContact) {
	const table, key, policy = "security", "security.contact", "security.policy"
	text, ok := s.text(key, s.HasTable(table), "mailto:seguridad@institucion.example", maxURL)
	if ok {
		u, err := url.Parse(text)
		switch {
		case err == nil && u.Scheme == "mailto":
			if _, err = credential.ParseEmail(u.Opaque); err != nil || u.RawQuery != "" {
				s.Wrong(key, "%q is no mail address; write such as \"mailto:seguridad@institucion.example\"", settings.Printable(text))
			}
		case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
			s.Wrong(key, "%q is neither a mailto: nor an https: address; write such as \"mailto:seguridad@institucion.example\"", settings.Printable(text))
		}
		c.Contact = text
	}
	c.Policy = s.optionalAddress(policy, "https://www.institucion.example/seguridad")
	return c
}

// names gives the names of the tables below one, and says what is wrong with them.
func (s source) names(table string, most int, example string) []string {
	names := s.Names(table)
	switch {
	case len(names) == 0 && !s.Broken():
		s.WrongTable(table, "there is none; write [%s.%s] and below it its keys", table, example)
	case len(names) > most:
		s.WrongTable(table+"."+names[most], "is number %d; write at most %d", most+1, most)
	}
	for _, name := range names {
		if !tableName.MatchString(name) {
			s.WrongTable(table+"."+name, "is no name for a table; write small letters, digits and hyphens, such as [%s.%s]", table, example)
		}
	}
	return names
}

var tableName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

func (s source) offices(hours string) []Office {
	var list []Office
	for _, name := range s.names("office", maxOffices, "quito-centro") {
		key := "office." + name + "."
		o := Office{ID: name}
		o.Name, _ = s.text(key+"name", true, "Centro de Atención Universal Quito Centro", maxName)
		o.Address, _ = s.text(key+"address", true, "Av. de Ejemplo 100", maxText)
		o.City, _ = s.text(key+"city", true, "Quito", maxName)
		o.Map = s.address(key+"map", "https://www.openstreetmap.org/#map=17/-0.2200/-78.5100")
		o.Hours = hours
		if own, ok := s.text(key+"hours", false, "de lunes a viernes, de 08:00 a 16:30", maxText); ok {
			o.Hours = own
		}
		list = append(list, o)
	}
	return list
}

//go:embed example
var exampleFiles embed.FS

// ExampleFiles is the folder of the example: an institution that is complete and
// marked as no official one.
func ExampleFiles() fs.FS {
	folder, err := fs.Sub(exampleFiles, "example")
	if err != nil { // not with a name that is right; a test reads it
		return exampleFiles
	}
	return folder
}

// exampleLanguages are those of the example; a folder for another one is named here.
var exampleLanguages = []string{"es", "en"}

var example = sync.OnceValues(func() (Institution, error) {
	return Read("example", ExampleFiles(), false, exampleLanguages)
})

// exampleText is what only an example says: its marks, its invented addresses, and the
// domain that nobody can have.
var exampleText = regexp.MustCompile(`(?i)\(ejemplo\)|\(example\)|institucion\.example|calle inventada|av\. de ejemplo|es un ejemplo|de este ejemplo|is an example|of this example`)

// exampleFacts are what the example says of a real institution, by key: true only of it.
var exampleFacts = sync.OnceValue(func() map[string][]string {
	facts := map[string][]string{"contact.email": nil, "contact.phone": nil, "contact.phone_text": nil, "official_name": nil}
	names, _ := fs.Glob(ExampleFiles(), sheetsFolder+"/*.toml") // the pattern is right
	for _, name := range append(names, mainFile) {
		content, _ := fs.ReadFile(ExampleFiles(), name) // embedded: it is there
		_ = settings.Parse(name, content).Remarks(func(key, text string) string {
			if _, asked := facts[key]; asked {
				facts[key] = append(facts[key], text)
			}
			return ""
		})
	}
	return facts
})

// LeftOfExample names the texts of a file that are still those of the example, each with
// file, line and key. Whoever is official should have none, but for a telephone and the like that
// are its own.
func LeftOfExample(d *settings.Document) (list []string) {
	facts := exampleFacts()
	for _, remark := range d.Remarks(func(key, text string) string {
		switch {
		case exampleText.MatchString(text):
			return fmt.Sprintf("%q is the example's; write your own", text)
		case slices.Contains(facts[key], text):
			return fmt.Sprintf("%q is what the example says; write your own, or leave it if it is yours", text)
		}
		return ""
	}) {
		list = append(list, remark.String())
	}
	return list
}

// Example is the institution of the example. What was wrong with it would be a fault
// of the build (a test reads it), so that there is no error to handle.
func Example() Institution {
	i, err := example()
	if err != nil {
		return Institution{}
	}
	i.Services, i.Offices, i.Sheets = slices.Clone(i.Services), slices.Clone(i.Offices), slices.Clone(i.Sheets)
	return i
}
