package registry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"aldaba/internal/credential"
)

// The columns of a register file that are no facts, in the order in which
// [WriteHeader] writes them.
const (
	columnDocument   = "tipo"
	columnNumber     = "numero"
	columnGivenNames = "nombres"
	columnSurnames   = "apellidos"
	columnBirth      = "nacimiento"
	columnDeath      = "fallecimiento"
	columnAudiences  = "audiencias"
	columnEmail      = "correo"
	columnInPerson   = "presencial"
)

const (
	// maxLine bounds a line of a register file, in bytes: many times the longest
	// real one. What is longer is passed over without being kept.
	maxLine = 16 << 10

	// maxName bounds the given names and the surnames, in characters.
	maxName = 200

	// earliestYear is before anybody alive was born.
	earliestYear = 1880

	// sampleSize is how much of a file decides its encoding.
	sampleSize = 256 << 10
)

// Encoding is how the characters of a register file are written.
type Encoding string

// The encodings.
const (
	DetectEncoding Encoding = "auto"   // told from the beginning of the file
	UTF8           Encoding = "utf8"   // with or without a byte order mark
	Latin1         Encoding = "latin1" // ISO 8859-1, and what Windows-1252 adds to it
)

// Columns lists the columns of a register file: all are needed, in any order.
func Columns() []string {
	columns := []string{
		columnDocument, columnNumber, columnGivenNames, columnSurnames, columnBirth, columnDeath,
		columnAudiences, columnEmail, columnInPerson,
	}
	for _, a := range credential.Audiences() {
		for _, q := range credential.RecordQuestions(a) {
			if !slices.Contains(columns, string(q.ID)) {
				columns = append(columns, string(q.ID))
			}
		}
	}
	return columns
}

// columns are [Columns], made once.
var columns = sync.OnceValue(Columns)

// Entry is one line of a register file.
type Entry struct {
	Line     int64  // counted from 1, the header's line
	Rejected string // why the line cannot be taken, in one sentence; "" for one that can
	Person   credential.PlainPerson
}

// Layout is what the beginning of a register file tells of the rest.
type Layout struct {
	Encoding  Encoding // UTF8 or Latin1
	Separator byte     // ',' or ';'
	Columns   []string // in the order of the file
	End       int64    // where the first line after the header begins
}

// ReadLayout reads the header of a register file. A file of another shape is
// refused in one sentence.
func ReadLayout(r io.Reader, encoding Encoding) (Layout, error) {
	sample, err := io.ReadAll(io.LimitReader(r, sampleSize))
	if err != nil {
		return Layout{}, err
	}
	whole := len(sample) < sampleSize
	var l Layout
	switch {
	case len(sample) == 0:
		return l, errors.New("the file is empty; its first line names the columns")
	case bytes.HasPrefix(sample, []byte{0xff, 0xfe}), bytes.HasPrefix(sample, []byte{0xfe, 0xff}), bytes.IndexByte(sample[:min(len(sample), 64)], 0) >= 0:
		return l, errors.New("the file is UTF-16 or no text at all; save it as CSV in UTF-8 or Latin-1")
	}
	marked := bytes.HasPrefix(sample, utf8Mark)
	switch encoding {
	case DetectEncoding:
		l.Encoding = detect(sample, whole, marked)
	case UTF8, Latin1:
		l.Encoding = encoding
	default:
		return l, fmt.Errorf("encoding %q: it is utf8, latin1 or auto", encoding)
	}
	if marked {
		l.End = int64(len(utf8Mark))
	}
	line, _, found := bytes.Cut(sample[l.End:], []byte("\n"))
	if len(line) > maxLine {
		return l, fmt.Errorf("the header is longer than %d bytes; is this a register in CSV?", maxLine)
	}
	if !found {
		return l, errors.New("the file has nothing after its first line, or the line has no end")
	}
	l.End += int64(len(line)) + 1
	text, fault := decode(bytes.TrimSuffix(line, []byte("\r")), l.Encoding)
	if fault != "" {
		return l, fmt.Errorf("the header: %s; if the file is Latin-1, say --encoding latin1", fault)
	}
	l.Separator = ','
	if strings.Count(text, ";") > strings.Count(text, ",") {
		l.Separator = ';'
	}
	l.Columns, fault = split(text, l.Separator, nil)
	if fault != "" {
		return l, fmt.Errorf("the header: %s", fault)
	}
	return l, checkColumns(l.Columns)
}

var utf8Mark = []byte{0xef, 0xbb, 0xbf}

// detect tells the encoding from the beginning of a file. A single broken
// character does not make a UTF-8 file a Latin-1 one: what there is more of
// counts.
func detect(sample []byte, whole, marked bool) Encoding {
	if marked {
		return UTF8
	}
	if !whole { // a character may be cut in two at the end
		sample = sample[:len(sample)-utf8.UTFMax]
	}
	good, bad := 0, 0
	for len(sample) > 0 {
		r, size := utf8.DecodeRune(sample)
		switch {
		case r == utf8.RuneError && size == 1:
			bad++
		case size > 1:
			good++
		}
		sample = sample[size:]
	}
	if bad > good {
		return Latin1
	}
	return UTF8
}

func checkColumns(columns []string) error {
	want := Columns()
	for i, name := range columns {
		columns[i] = strings.ToLower(strings.TrimSpace(name))
		switch name = columns[i]; {
		case !slices.Contains(want, name):
			return fmt.Errorf("the header: column %d is called %.40q, which this program does not know; `aldaba registry example` shows them all", i+1, name)
		case slices.Index(columns, name) != i:
			return fmt.Errorf("the header: column %q stands twice", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(columns, name) {
			return fmt.Errorf("the header: column %q is missing; `aldaba registry example` shows them all", name)
		}
	}
	return nil
}

// blockSize is about how many bytes a [Block] holds.
const blockSize = 128 << 10

// Block is some lines of a register file, one after the other.
type Block struct {
	End   int64 // where the next line begins, in bytes from the start of the file
	Lines int64 // up to here, the header among them

	text   []byte
	spans  []span
	faults []string // of those lines that have no text
}

// Size is how many bytes the lines have.
func (b *Block) Size() int { return len(b.text) }

// span is a line among a block's bytes.
type span struct {
	line   int64
	end    int // of its text, which begins where that of the line before ends
	faulty bool
}

// Reader reads a register file in blocks. What a line costs is bounded, and so is
// what the reader keeps. What stands in the lines a [Parser] says.
type Reader struct {
	from *bufio.Reader
	line int64
	at   int64
}

// NewReader reads on where r stands: behind the header.
func NewReader(r io.Reader, l Layout) *Reader {
	return &Reader{from: bufio.NewReaderSize(r, maxLine+2), line: 2, at: l.End}
}

// Read gives the next lines: io.EOF after the last ones. Empty lines are passed
// over. Any other error is the source's.
func (r *Reader) Read() (*Block, error) {
	b := &Block{text: make([]byte, 0, blockSize+maxLine), spans: make([]span, 0, blockSize/128)}
	for first := r.line; len(b.text) < blockSize && r.line-first < blockSize/16; {
		line, fault, err := r.next()
		if errors.Is(err, io.EOF) && b.End > 0 {
			break
		}
		if err != nil {
			return nil, err
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if fault != "" {
			b.faults = append(b.faults, fault)
		}
		if fault != "" || len(line) > 0 {
			b.text = append(b.text, line...)
			b.spans = append(b.spans, span{r.line, len(b.text), fault != ""})
		}
		r.line++
		b.End, b.Lines = r.at, r.line-1
	}
	return b, nil
}

// Parser reads what stands in the lines of a register file. One goroutine uses it.
type Parser struct {
	layout Layout
	today  credential.Date
	column map[string]int
	facts  []map[string]credential.PlainFact // by column, then by code; nil for a column that is no fact
	fields []string
	entry  Entry
}

// NewParser makes one for a file of a layout. now is for dates that have not come
// yet.
func NewParser(l Layout, now time.Time) *Parser {
	p := &Parser{
		layout: l, today: dateOf(now), column: map[string]int{}, facts: make([]map[string]credential.PlainFact, len(l.Columns)),
	}
	for i, name := range l.Columns {
		p.column[name] = i
	}
	for _, a := range credential.Audiences() {
		for _, q := range credential.RecordQuestions(a) {
			i, there := p.column[string(q.ID)]
			if !there {
				continue
			}
			p.facts[i] = map[string]credential.PlainFact{}
			for _, code := range q.Options {
				p.facts[i][code] = credential.PlainFact{ID: q.ID, Code: code}
			}
		}
	}
	return p
}

// Parse gives the lines of a block one after the other, and ends with the first
// error of f. The entry is good until f returns.
func (p *Parser) Parse(b *Block, f func(*Entry) error) error {
	begin, faults := 0, b.faults
	e := &p.entry
	for _, s := range b.spans {
		e.Line = s.line
		if s.faulty {
			e.Rejected, faults = faults[0], faults[1:]
		} else {
			e.Rejected = p.parse(b.text[begin:s.end], &e.Person)
		}
		begin = s.end
		err := f(e)
		if err != nil {
			return err
		}
	}
	return nil
}

func dateOf(t time.Time) credential.Date {
	return credential.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
}

// next reads one line without its end. A line without an end may have been cut,
// in the middle of an address for example, and nothing would tell.
func (r *Reader) next() (line []byte, fault string, err error) {
	line, err = r.from.ReadSlice('\n')
	r.at += int64(len(line))
	switch {
	case err == nil && len(line) <= maxLine:
		return line[:len(line)-1], "", nil
	case err == nil:
		return nil, tooLong, nil
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, "", io.EOF
	case errors.Is(err, io.EOF):
		return nil, "the last line has no line break at its end: the file may have been cut", nil
	case !errors.Is(err, bufio.ErrBufferFull):
		return nil, "", err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.from.ReadSlice('\n')
		r.at += int64(len(line))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	return nil, tooLong, nil
}

var tooLong = fmt.Sprintf("the line is longer than %d bytes", maxLine)

// parse reads one line into who and says why it cannot be taken, or "". It never
// repeats what stands in the line: the file of rejected lines says where to look.
func (p *Parser) parse(raw []byte, who *credential.PlainPerson) string {
	text, fault := decode(raw, p.layout.Encoding)
	if fault != "" {
		return fault
	}
	p.fields, fault = split(text, p.layout.Separator, p.fields[:0])
	if fault != "" {
		return fault
	}
	if len(p.fields) != len(p.layout.Columns) {
		return fmt.Sprintf("%d fields where the header has %d", len(p.fields), len(p.layout.Columns))
	}
	control := strings.ContainsFunc(text, unicode.IsControl)
	for i, field := range p.fields {
		p.fields[i] = strings.TrimSpace(field)
		if control && strings.ContainsFunc(p.fields[i], unicode.IsControl) {
			return p.layout.Columns[i] + ": a control character"
		}
	}
	*who = credential.PlainPerson{Audiences: who.Audiences[:0], Facts: who.Facts[:0]}
	for _, step := range [...]func(*Parser, *credential.PlainPerson) string{
		(*Parser).number, (*Parser).names, (*Parser).dates, (*Parser).audiences, (*Parser).address, (*Parser).factsOf,
	} {
		if fault := step(p, who); fault != "" {
			return fault
		}
	}
	return ""
}

func (p *Parser) field(name string) string { return p.fields[p.column[name]] }

func (p *Parser) number(who *credential.PlainPerson) string {
	document, err := credential.ParseDocument(strings.ToLower(p.field(columnDocument)))
	if err != nil {
		return columnDocument + ": it is cedula, extranjero or ruc"
	}
	err = who.SetNumber(document, p.field(columnNumber))
	if refusal, ok := errors.AsType[*credential.Error](err); ok {
		return columnNumber + ": not a number of that kind (" + refusal.Rule + ")"
	}
	return ""
}

func (p *Parser) names(who *credential.PlainPerson) string {
	who.GivenNames, who.Surnames = p.field(columnGivenNames), p.field(columnSurnames)
	for _, name := range [...]struct{ column, text string }{{columnGivenNames, who.GivenNames}, {columnSurnames, who.Surnames}} {
		switch {
		case name.text == "":
			return name.column + ": empty"
		case len(name.text) > maxName && utf8.RuneCountInString(name.text) > maxName:
			return fmt.Sprintf("%s: more than %d characters", name.column, maxName)
		}
	}
	return ""
}

func (p *Parser) dates(who *credential.PlainPerson) string {
	var fault string
	who.Birth, fault = p.date(columnBirth)
	if fault != "" {
		return fault
	}
	if p.field(columnDeath) == "" {
		return ""
	}
	who.Death, fault = p.date(columnDeath)
	if fault == "" && before(who.Death, who.Birth) {
		fault = columnDeath + ": before the birth"
	}
	return fault
}

func (p *Parser) date(column string) (credential.Date, string) {
	t, err := time.Parse(time.DateOnly, p.field(column))
	d := dateOf(t)
	switch {
	case err != nil:
		return credential.Date{}, column + ": not a day of the calendar, written YYYY-MM-DD"
	case d.Year < earliestYear:
		return credential.Date{}, fmt.Sprintf("%s: before %d", column, earliestYear)
	case before(p.today, d):
		return credential.Date{}, column + ": in the future"
	}
	return d, ""
}

func before(a, b credential.Date) bool {
	if a.Year != b.Year {
		return a.Year < b.Year
	}
	if a.Month != b.Month {
		return a.Month < b.Month
	}
	return a.Day < b.Day
}

func (p *Parser) audiences(who *credential.PlainPerson) string {
	for code := range strings.FieldsFuncSeq(p.field(columnAudiences), func(c rune) bool { return c == ' ' || c == '|' || c == ',' }) {
		a, err := credential.ParseAudience(strings.ToLower(code))
		if err != nil {
			return columnAudiences + ": each is afiliado, pensionista, derechohabiente or empleador"
		}
		if !slices.Contains(who.Audiences, a) {
			who.Audiences = append(who.Audiences, a)
		}
	}
	if len(who.Audiences) == 0 {
		return columnAudiences + ": empty"
	}
	return ""
}

func (p *Parser) address(who *credential.PlainPerson) string {
	if text := p.field(columnEmail); text != "" {
		err := who.SetEmail(text)
		if refusal, ok := errors.AsType[*credential.Error](err); ok {
			return columnEmail + ": not an address (" + refusal.Rule + ")"
		}
	}
	switch strings.ToLower(p.field(columnInPerson)) {
	case "si", "sí", "true", "1":
		who.InPerson = true
	case "no", "false", "0", "":
	default:
		return columnInPerson + ": it is si or no"
	}
	if who.InPerson && who.Email == "" {
		return columnInPerson + ": si, but there is no correo"
	}
	return ""
}

func (p *Parser) factsOf(who *credential.PlainPerson) string {
	for i, options := range p.facts {
		code := p.fields[i]
		if options == nil || code == "" {
			continue
		}
		fact, ok := options[code]
		if !ok {
			return p.layout.Columns[i] + ": not one of its options"
		}
		if code != credential.NotOnRecord {
			who.Facts = append(who.Facts, fact)
		}
	}
	return ""
}

// decode gives a line as text.
func decode(raw []byte, encoding Encoding) (text, fault string) {
	if encoding == Latin1 {
		ascii := !slices.ContainsFunc(raw, func(c byte) bool { return c >= utf8.RuneSelf })
		if ascii {
			return string(raw), ""
		}
		plain, err := charmap.Windows1252.NewDecoder().Bytes(raw)
		if err != nil {
			return "", "not Latin-1"
		}
		return string(plain), ""
	}
	if !utf8.Valid(raw) {
		return "", "not UTF-8"
	}
	return string(raw), ""
}

// split takes a line apart. A field in quotes may hold the separator, and a quote
// written twice; it ends on its line.
func split(line string, separator byte, fields []string) ([]string, string) {
	for {
		if !strings.HasPrefix(line, `"`) {
			end := strings.IndexByte(line, separator)
			if end < 0 {
				end = len(line)
			}
			if strings.Contains(line[:end], `"`) {
				return fields, fmt.Sprintf("field %d: a quote in the middle of a field", len(fields)+1)
			}
			fields = append(fields, line[:end])
			if end == len(line) {
				return fields, ""
			}
			line = line[end+1:]
			continue
		}
		var field strings.Builder
		line = line[1:]
		for {
			end := strings.IndexByte(line, '"')
			if end < 0 {
				return fields, fmt.Sprintf("field %d: a quote that does not end on this line", len(fields)+1)
			}
			field.WriteString(line[:end])
			line = line[end+1:]
			if !strings.HasPrefix(line, `"`) {
				break
			}
			field.WriteByte('"')
			line = line[1:]
		}
		fields = append(fields, field.String())
		switch {
		case line == "":
			return fields, ""
		case line[0] != separator:
			return fields, fmt.Sprintf("field %d: something after its closing quote", len(fields))
		}
		line = line[1:]
	}
}

// WriteHeader writes the header line of a register file.
func WriteHeader(w io.Writer) error {
	_, err := io.WriteString(w, strings.Join(Columns(), ",")+"\n")
	return err
}

// WriteLine writes one invented person as a line of a register file, with the
// columns of [WriteHeader].
func WriteLine(w io.Writer, f Fake) error {
	p := f.Person
	audiences := make([]string, 0, len(p.Audiences))
	for _, a := range p.Audiences {
		audiences = append(audiences, string(a))
	}
	death := ""
	if !p.Death.IsZero() {
		death = p.Death.ISO()
	}
	inPerson := "no"
	if f.InPerson {
		inPerson = "si"
	}
	values := map[string]string{
		columnDocument: string(p.Number.Document()), columnNumber: p.Number.Reveal(),
		columnGivenNames: p.GivenNames.Reveal(), columnSurnames: p.Surnames.Reveal(),
		columnBirth: p.Birth.ISO(), columnDeath: death, columnAudiences: strings.Join(audiences, " "),
		columnEmail: f.Email, columnInPerson: inPerson,
	}
	var line strings.Builder
	for i, name := range columns() {
		value, ok := values[name]
		if !ok {
			value = p.Facts[credential.FactID(name)]
		}
		if i > 0 {
			line.WriteByte(',')
		}
		if strings.ContainsAny(value, `",;`) {
			value = `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
		}
		line.WriteString(value)
	}
	line.WriteByte('\n')
	_, err := io.WriteString(w, line.String())
	return err
}
