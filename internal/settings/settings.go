// Package settings reads the strict TOML files of whoever operates the program:
// where each key stands, and everything that is wrong, each fault with its file,
// its line and what to write instead.
package settings

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// A Fault is one thing that is wrong with a file.
type Fault struct {
	File string
	Line int    // from 1
	Key  string // its path, such as "smtp.addr"; empty where the line holds none
	Text string // what is wrong, and what to write
}

// String is the fault as one line, in which everything can be seen: "FILE:LINE: key:
// what is wrong and what to write".
func (f Fault) String() string {
	key := f.Key
	if key != "" {
		key += ": "
	}
	return visible(fmt.Sprintf("%s:%d: %s%s", f.File, f.Line, key, f.Text))
}

// Faults are all that is wrong with a file, in order of line; of several files, one
// file after the other.
type Faults []Fault

// maxShown bounds how many faults are told at once: more would be the same slip over
// and over, and push the first ones off the screen.
const maxShown = 100

// Error gives each of the first faults a line, and says how many more there are.
func (f Faults) Error() string {
	var lines []string
	for _, one := range f[:min(len(f), maxShown)] {
		lines = append(lines, one.String())
	}
	if more := len(f) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// value is what stands behind a key.
type value struct {
	line int
	kind unstable.Kind
	text string  // of a text, a number, a boolean: as written, a text without its quotes
	list []value // of an array
}

// Document is a TOML file taken apart: where each key stands, and what is wrong.
// The parser of the TOML library gives the lines that its decoder does not.
//
// A key is named by its path, such as "smtp.addr". The methods that give a value
// also note that the program knows its key; [Document.Done] names all others.
type Document struct {
	file   string
	values map[string]value // by path
	tables map[string]int   // line of each table's header
	asked  []string         // paths that the program knows
	named  []string         // tables whose tables have names of the writer's choice
	faults Faults
	broken bool // some of the file could not be read, so nothing can be called missing
}

const (
	// MaxFile bounds a file, in bytes: ours have some hundred lines.
	MaxFile = 1 << 20
	// maxFaults bounds how many lines that do not read are named at once.
	maxFaults = 50
)

// mark is what some editors put before a text in UTF-8, where it says nothing.
const mark = "\ufeff"

// Parse reads as much of a file as can be read. A line that is no TOML is
// a fault, and the rest is read as if that line were empty.
func Parse(file string, content []byte) *Document {
	content = bytes.Clone(bytes.TrimPrefix(content, []byte(mark)))
	var syntax Faults
	for {
		d := &Document{file: file, values: map[string]value{}, tables: map[string]int{}}
		at, err := d.read(content)
		if err != nil {
			syntax = append(syntax, Fault{File: file, Line: lineAt(content, at), Text: "not TOML: " + err.Error()})
			from, to := lineBounds(content, at)
			line := content[from:to]
			// After a header that does not read, or inside something that began
			// on another line, what follows would be misread.
			if len(syntax) < maxFaults && !bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) && !readsAlone(line) {
				copy(line, bytes.Repeat([]byte(" "), len(line)))
				continue
			}
		}
		d.broken = len(syntax) > 0
		d.faults = append(d.faults, syntax...)
		return d
	}
}

// readsAlone reports whether a line is TOML when nothing stands around it: then
// what is wrong stands somewhere else.
func readsAlone(line []byte) bool {
	d := &Document{values: map[string]value{}, tables: map[string]int{}}
	_, err := d.read(line)
	return err == nil
}

func lineAt(content []byte, offset int) int { return 1 + bytes.Count(content[:offset], []byte("\n")) }

func lineBounds(content []byte, offset int) (from, to int) {
	from = bytes.LastIndexByte(content[:offset], '\n') + 1
	to = len(content)
	if end := bytes.IndexByte(content[from:], '\n'); end >= 0 {
		to = from + end
	}
	return from, to
}

// read walks the file's expressions. On a fault of syntax it gives the offset.
func (d *Document) read(content []byte) (offset int, err error) {
	var p unstable.Parser
	p.Reset(content)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, line := keyOf(content, e.Key())
			first, twice := d.tables[path]
			switch {
			case e.Kind == unstable.ArrayTable:
				d.fault(line, "", "[[%s]] is a list of tables; write [%s], or [%[1]s.NAME] where each has a name", path, path)
			case twice:
				d.fault(line, "", "the table [%s] was already begun on line %d", path, first)
			}
			if !twice {
				d.tables[path] = line
			}
			table = path + "."
		case unstable.KeyValue:
			d.add(content, table, e)
		default:
		}
	}
	if err = p.Error(); err == nil {
		return 0, nil
	}
	if fault, ok := errors.AsType[*unstable.ParserError](err); ok {
		offset = cap(content) - cap(fault.Highlight) // as the parser itself finds it
	}
	return max(0, min(offset, len(content))), errors.New(err.Error()) // the parser's does not outlive it
}

// keyOf gives a dotted key as a path, and its line.
func keyOf(content []byte, parts unstable.Iterator) (path string, line int) {
	var names []string
	for parts.Next() {
		if len(names) == 0 {
			line = lineAt(content, int(parts.Node().Raw.Offset))
		}
		names = append(names, Printable(string(parts.Node().Data)))
	}
	return strings.Join(names, "."), line
}

// Printable keeps a name of the file from breaking the line that quotes it: it is short,
// and everything in it can be seen.
func Printable(name string) string {
	const most = 80
	var quoted strings.Builder
	for _, r := range strings.ToValidUTF8(name, "\ufffd") {
		if r == '"' || r == '\\' {
			quoted.WriteByte('\\')
		}
		quoted.WriteString(visible(string(r)))
		if quoted.Len() > most {
			return quoted.String() + "…"
		}
	}
	return quoted.String()
}

// hidden reports whether nobody sees a character of a text that is one line, or what it
// does to the others: controls (a terminal obeys them), line breaks, what turns the
// direction of writing, and what has no shape of its own. Not even the joiner of emoji
// has a use in what an institution writes, and two texts that look the same would be
// two.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// visible writes what cannot be seen as Go and TOML do, such as \u202e.
func visible(text string) string {
	var shown strings.Builder
	for _, r := range text {
		if hidden(r) {
			shown.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			shown.WriteRune(r)
		}
	}
	return shown.String()
}

// hiddenFault says what of a text cannot be seen; it is empty where all can.
func hiddenFault(text string) string {
	at := strings.IndexFunc(text, hidden)
	if at < 0 {
		return ""
	}
	r, _ := utf8.DecodeRuneInString(text[at:])
	if strings.ContainsRune("\n\r\v\f\u0085\u2028\u2029", r) {
		return fmt.Sprintf("holds a line break (%U); write it on one line", r)
	}
	return fmt.Sprintf("holds the character %U, which nobody can see; take it out", r)
}

// add notes a key and what stands behind it. Inline tables are tables.
func (d *Document) add(content []byte, table string, e *unstable.Node) {
	name, line := keyOf(content, e.Key())
	path := table + name
	if e.Value().Kind == unstable.InlineTable {
		d.tables[path] = line
		inside := e.Value().Children()
		for inside.Next() {
			d.add(content, path+".", inside.Node())
		}
		return
	}
	if first, twice := d.values[path]; twice {
		d.fault(line, path, "is already set on line %d; leave one of them", first.line)
		return
	}
	v := valueOf(content, e.Value())
	v.line = line
	d.values[path] = v
}

func valueOf(content []byte, n *unstable.Node) value {
	v := value{line: lineAt(content, min(int(n.Raw.Offset), len(content))), kind: n.Kind, text: string(n.Data)}
	if n.Kind == unstable.Array {
		inside := n.Children()
		for inside.Next() {
			v.list = append(v.list, valueOf(content, inside.Node()))
		}
	}
	return v
}

// fault notes what is wrong at a line.
func (d *Document) fault(line int, key, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

// Wrong notes what is wrong with a key that was found.
func (d *Document) Wrong(key, format string, args ...any) {
	d.fault(d.values[key].line, key, format, args...)
}

// WrongItem notes what is wrong with one text of a list, counted from 0, at its own
// line.
func (d *Document) WrongItem(key string, item int, format string, args ...any) {
	d.fault(d.values[key].list[item].line, key, format, args...)
}

// Text gives a text. ok is false where the key is not there, holds no text, an empty
// one, or one in which not everything can be seen; the latter three, and a missing one
// that is needed, are faults.
func (d *Document) Text(key string, needed bool, example string) (text string, ok bool) {
	d.asked = append(d.asked, key)
	v, found := d.values[key]
	switch {
	case !found && needed:
		d.missing(key, strconv.Quote(example))
		return "", false
	case !found:
		return "", false
	case v.kind != unstable.String:
		d.Wrong(key, "holds %s where a text is needed; write %s = %q", kindWords(v.kind), lastPart(key), example)
		return "", false
	case strings.TrimSpace(v.text) == "":
		d.Wrong(key, "is empty; write such as %q, or leave the line out", example)
		return "", false
	}
	if fault := hiddenFault(v.text); fault != "" {
		d.Wrong(key, "%s", fault)
		return "", false
	}
	return strings.TrimSpace(v.text), true
}

// Texts gives a list of texts; nil where the key is not there, or holds something else,
// which is a fault.
func (d *Document) Texts(key, example string) []string {
	d.asked = append(d.asked, key)
	v, found := d.values[key]
	if !found {
		return nil
	}
	list := []string{}
	for _, one := range v.list {
		if one.kind == unstable.String {
			list = append(list, one.text)
		}
	}
	if v.kind != unstable.Array || len(list) != len(v.list) {
		d.Wrong(key, "holds %s where a list of texts is needed; write %s = [%q]", kindWords(v.kind), lastPart(key), example)
		return nil
	}
	before := d.Count()
	for at, text := range list {
		if fault := hiddenFault(text); fault != "" {
			d.WrongItem(key, at, "number %d %s", at+1, fault)
		}
	}
	if d.Count() > before {
		return nil
	}
	return list
}

// Whole gives a whole number from lowest to highest. ok is false where the key is
// not there, or holds none; both are faults, and choices says what to write.
func (d *Document) Whole(key string, lowest, highest int, choices string) (n int, ok bool) {
	d.asked = append(d.asked, key)
	v, found := d.values[key]
	if !found {
		d.missing(key, choices)
		return 0, false
	}
	n, err := strconv.Atoi(v.text)
	if v.kind != unstable.Integer || err != nil || n < lowest || n > highest {
		d.Wrong(key, "holds what is no number from %d to %d; write %s = %s", lowest, highest, lastPart(key), choices)
		return 0, false
	}
	return n, true
}

// Flag gives true or false. A key that is not there, or holds something else, is a
// fault; choices says what to write.
func (d *Document) Flag(key, choices string) bool {
	d.asked = append(d.asked, key)
	v, found := d.values[key]
	switch {
	case !found:
		d.missing(key, choices)
	case v.kind != unstable.Bool:
		d.Wrong(key, "holds %s where true or false is needed; write %s = %s", kindWords(v.kind), lastPart(key), choices)
	}
	return v.kind == unstable.Bool && v.text == "true"
}

// Scalar gives a text or a number as it is written. found is false where the key is
// not there or, which is a fault, holds something else.
func (d *Document) Scalar(key string) (text string, found bool) {
	d.asked = append(d.asked, key)
	v, found := d.values[key]
	if found && v.kind != unstable.String && v.kind != unstable.Integer {
		d.Wrong(key, "holds %s where a number or a text is needed", kindWords(v.kind))
		return "", false
	}
	if fault := hiddenFault(v.text); fault != "" {
		d.Wrong(key, "%s", fault)
		return "", false
	}
	return v.text, found
}

// Has reports whether the file sets a key.
func (d *Document) Has(key string) bool {
	_, found := d.values[key]
	return found
}

// HasTable reports whether the file begins a table.
func (d *Document) HasTable(table string) bool {
	_, found := d.tables[table]
	return found
}

// Names gives the names that the writer chose for the tables below one, such as
// "quito" for [office.quito], in the order of the file.
func (d *Document) Names(table string) []string {
	d.named = append(d.named, table)
	lines := map[string]int{}
	note := func(path string, line int) {
		name, below := strings.CutPrefix(path, table+".")
		if below {
			name, _, _ = strings.Cut(name, ".")
			if first, found := lines[name]; !found || line < first {
				lines[name] = line
			}
		}
	}
	for path, line := range d.tables {
		note(path, line)
	}
	for path, v := range d.values {
		if strings.Count(path, ".") > strings.Count(table, ".")+1 { // else it is a key of the table itself
			note(path, v.line)
		}
	}
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(lines[a], lines[b]), cmp.Compare(a, b)) })
	return names
}

// Remarks asks says about every text of the file, those of lists too, and gives what it
// says, in order of line. What it says nothing about it answers with an empty text.
func (d *Document) Remarks(says func(key, text string) string) (list Faults) {
	for key, v := range d.values {
		for _, one := range append([]value{v}, v.list...) {
			if one.kind != unstable.String {
				continue
			}
			if remark := says(key, one.text); remark != "" {
				list = append(list, Fault{File: d.file, Line: one.line, Key: key, Text: remark})
			}
		}
	}
	slices.SortFunc(list, func(a, b Fault) int { return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Key, b.Key)) })
	return list
}

// Retire refuses, in one fault, a table that the program knew once.
func (d *Document) Retire(table, format string, args ...any) {
	line, found := d.tables[table]
	for path, v := range d.values {
		if strings.HasPrefix(path, table+".") {
			d.asked = append(d.asked, path)
			if !found || v.line < line {
				line, found = v.line, true
			}
		}
	}
	if found {
		d.fault(line, table, format, args...)
		delete(d.tables, table)
	}
}

// RefuseKnown refuses each key that nobody asked for here, and somebody asked for in
// another file: to say that there is no such key would send its writer looking for a
// slip of the pen.
func (d *Document) RefuseKnown(other *Document, format string, args ...any) {
	for path, v := range d.values {
		if slices.Contains(other.asked, path) && !slices.Contains(d.asked, path) {
			d.fault(v.line, path, format, args...)
			delete(d.values, path)
		}
	}
}

// WrongTable notes what is wrong with a table as a whole, at its header, or at the
// first line where it has none.
func (d *Document) WrongTable(table, format string, args ...any) {
	d.fault(max(1, d.tables[table]), table, format, args...)
}

// Count is how many faults were noted so far.
func (d *Document) Count() int { return len(d.faults) }

// Broken reports whether some of the file could not be read, so that nothing can be
// called missing.
func (d *Document) Broken() bool { return d.broken }

// Asked lists the keys that the program asked for so far.
func (d *Document) Asked() []string { return slices.Clone(d.asked) }

// missing notes that a key is needed, at its table's header. example is what to
// write behind it, as TOML.
func (d *Document) missing(key, example string) { d.missingFor(key, example, "is missing") }

// MissingText notes that a text is needed, with the reason.
func (d *Document) MissingText(key, example, reason string) {
	d.missingFor(key, strconv.Quote(example), "is missing ("+reason+")")
}

// MissingList notes that a list is needed, with the reason.
func (d *Document) MissingList(key, example, reason string) {
	d.missingFor(key, "["+strconv.Quote(example)+"]", "is missing ("+reason+")")
}

func (d *Document) missingFor(key, example, says string) {
	if d.broken {
		return
	}
	at := strings.LastIndexByte(key, '.')
	if at < 0 {
		d.fault(1, key, "%s; write, above the first table, %s = %s", says, key, example)
		return
	}
	table, name := key[:at], key[at+1:]
	if line, found := d.tables[table]; found {
		d.fault(line, key, "%s; write below [%s] %s = %s", says, table, name, example)
		return
	}
	d.fault(1, key, "%s; write [%s] and below it %s = %s", says, table, name, example)
}

// Done notes every key and table that nobody asked for, and gives the faults in
// order of line as [Faults]; nil when there are none.
func (d *Document) Done() error {
	// Looked up and not searched: a file of a megabyte may hold a hundred thousand slips.
	known, headers := map[string]bool{}, map[string]bool{}
	beside := map[string][]string{} // the keys of a table
	for _, key := range d.asked {
		if known[key] {
			continue
		}
		known[key] = true
		table, name := split(key)
		beside[table] = append(beside[table], name)
		for ; table != ""; table, _ = split(table) {
			headers[table] = true
		}
	}
	tables := strings.Join(d.knownTables(), ", ")
	for path, v := range d.values {
		if known[path] {
			continue
		}
		table, _ := split(path)
		names := "the tables are " + tables
		if list := beside[table]; len(list) > 0 {
			slices.Sort(list)
			names = "the keys here are " + strings.Join(list, ", ")
		}
		d.fault(v.line, path, "there is no such key; %s", names)
	}
	for table, line := range d.tables {
		if !headers[table] {
			d.fault(line, "", "there is no table [%s]; the tables are %s", table, tables)
		}
	}
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key))
	})
	return d.faults
}

// split parts a path at its last dot: the table, "" for none, and the key in it.
func split(path string) (table, name string) {
	at := strings.LastIndexByte(path, '.')
	return path[:max(at, 0)], path[at+1:]
}

// knownTables lists the tables that there may be.
func (d *Document) knownTables() []string {
	var names []string
	for _, key := range d.asked {
		table, name, inside := strings.Cut(key, ".")
		switch {
		case slices.Contains(d.named, table):
			names = append(names, table+".NAME")
		case strings.Contains(name, "."):
			part, _, _ := strings.Cut(name, ".")
			names = append(names, table+"."+part)
		case inside:
			names = append(names, table)
		}
	}
	for _, table := range d.named {
		names = append(names, table+".NAME")
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func lastPart(key string) string {
	_, name := split(key)
	return name
}

// kindWords names a kind of value.
func kindWords(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a text"
	case unstable.Integer, unstable.Float:
		return "a number"
	case unstable.Bool:
		return "true or false"
	case unstable.Array:
		return "a list"
	}
	return "a date or time"
}

// Regular takes what a file system says of a file that is to be read, and refuses what is
// no regular one: a pipe would be waited for forever.
func Regular(info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("is a folder")
	case !info.Mode().IsRegular():
		return errors.New("is no regular file")
	}
	return nil
}

// ReadBounded reads all there is, up to a number of bytes.
func ReadBounded(r io.Reader, most int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(content)) > most {
		return nil, fmt.Errorf("is larger than %d bytes", most)
	}
	return content, err
}
