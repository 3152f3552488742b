package institution

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/settings"
)

// Agreement is the text that somebody accepts who changes their clave: «Acuerdo de uso
// de clave».
type Agreement struct {
	Version    string    // names the text in every language; kept with each acceptance
	Since      time.Time // the day from which it holds
	Title      string
	Paragraphs []string
	Points     []string // listed after them; may be none
	Language   string   // of the texts
}

// Digest is a short hash of the text as it is shown, by which a kept copy is proven to
// be what somebody accepted: the first 16 hexadecimal digits of the SHA-256 of version,
// day, title, how many paragraphs there are, the paragraphs, how many points, and the
// points, each on a line that ends in a line feed. As a text of the folder is one line,
// the two numbers tell where each list ends: no two agreements have the same lines.
func (a Agreement) Digest() string {
	lines := slices.Concat(
		[]string{a.Version, a.Since.Format(time.DateOnly), a.Title},
		[]string{strconv.Itoa(len(a.Paragraphs))}, a.Paragraphs,
		[]string{strconv.Itoa(len(a.Points))}, a.Points,
	)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	return hex.EncodeToString(sum[:])[:16]
}

// Privacy is what the page of privacy says of the institution itself. What is kept of
// people, and for how long, the program says.
type Privacy struct {
	Controller string // who answers for the data
	Address    string
	Delegate   string   // e-mail of the delegate for data protection; may be empty
	Basis      []string // laws and articles that allow the treatment, word for word
	Policy     string   // where the whole policy stands; may be empty
}

// Statement is what the page of accessibility says of the institution's own look at the
// site. The zero one is not shown.
type Statement struct {
	Date       time.Time
	AssessedBy string
	Contact    string   // an e-mail address; may be empty
	Texts      []string // may be none
}

// legalFile holds the texts that the law or a lawyer words.
const legalFile = "legal.toml"

func readLegal(s source, i *Institution) {
	a := &i.Agreement
	a.Version, _ = s.text("agreement.version", true, "2026-11", maxName/2)
	a.Since = s.day("agreement.since", true)
	a.Title, _ = s.text("agreement.title", true, "Acuerdo de uso de clave", maxName)
	a.Paragraphs = s.lines("agreement.paragraphs", true, "La clave es personal.")
	a.Points = s.lines("agreement.points", false, "No la comparta con nadie.")

	i.Privacy.Controller, _ = s.text("privacy.controller", true, "Instituto de Seguridad Social", maxText)
	i.Privacy.Address, _ = s.text("privacy.address", true, "Av. de Ejemplo 100, Quito", maxText)
	i.Privacy.Delegate = s.email("privacy.delegate", false, "datos@institucion.example")
	i.Privacy.Basis = s.lines("privacy.basis", true, "Ley Orgánica de Protección de Datos Personales, art. 7.")
	i.Privacy.Policy = s.optionalAddress("privacy.policy", "https://www.institucion.example/datos")

	st, shown := &i.Accessibility, s.HasTable("accessibility")
	st.Date = s.day("accessibility.date", shown)
	st.AssessedBy, _ = s.text("accessibility.assessed_by", shown, "La unidad de sistemas", maxText)
	st.Contact = s.email("accessibility.contact", false, "accesibilidad@institucion.example")
	st.Texts = s.lines("accessibility.text", false, "En la recepción hay intérprete de lengua de señas.")
	i.Cookies = s.lines("cookies.text", s.HasTable("cookies"), "Los servicios detrás de la clave usan las suyas.")
}

// legalWords reads the same texts in another language. What names them (version, day)
// and the legal basis are not translated.
func (s source) legalWords(i Institution, language string, t *translation) {
	t.agreement = i.Agreement
	t.agreement.Language = language
	t.agreement.Title = s.words("agreement.title", i.Agreement.Title, maxName)
	t.agreement.Paragraphs = s.wordList("agreement.paragraphs", i.Agreement.Paragraphs)
	t.agreement.Points = s.wordList("agreement.points", i.Agreement.Points)
	t.controller, _ = s.text("privacy.controller", false, untranslated, maxText)
	t.address, _ = s.text("privacy.address", false, untranslated, maxText)
	t.assessedBy = s.words("accessibility.assessed_by", i.Accessibility.AssessedBy, maxText)
	t.statement = s.wordList("accessibility.text", i.Accessibility.Texts)
	t.cookies = s.wordList("cookies.text", i.Cookies)
}

// day reads a day: its first instant in the institution's zone.
func (s source) day(key string, needed bool) time.Time {
	const example = "2026-11-01"
	text, ok := s.text(key, needed, example, maxName)
	if !ok {
		return time.Time{}
	}
	day, err := time.ParseInLocation(time.DateOnly, text, credential.Zone)
	if err != nil {
		s.Wrong(key, "%q is no day; write such as %q", settings.Printable(text), example)
	}
	return day
}

// email reads an address of the institution, which is public.
func (s source) email(key string, needed bool, example string) string {
	text, ok := s.text(key, needed, example, maxText)
	if !ok {
		return ""
	}
	email, err := credential.ParseEmail(text)
	if err != nil {
		s.Wrong(key, "%q is not a mail address; write such as %q", settings.Printable(text), example)
		return ""
	}
	return email.Reveal()
}
