package site

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// A Fault is one thing that is wrong with a configuration file.
type Fault struct {
	File string
	Line int    // from 1
	Key  string // its path, such as "smtp.addr"; empty where the line holds none
	Text string // what is wrong, and what to write
}

// String is the fault as one line: "FILE:LINE: key: what is wrong and what to write".
func (f Fault) String() string {
	if f.Key == "" {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Key, f.Text)
}

// Faults are all that is wrong with a configuration file, in order of line.
type Faults []Fault

// Error gives each fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.String()
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

// document is a TOML file taken apart: where each key stands, and what is wrong.
// The parser of the TOML library gives the lines that its decoder does not.
type document struct {
	file   string
	values map[string]value // by path
	tables map[string]int   // line of each table's header
	asked  []string         // paths that the program knows
	faults Faults
	broken bool // some of the file could not be read, so nothing can be called missing
}

const (
	// maxFile bounds a configuration file: ours has a hundred lines.
	maxFile = 1 << 20
	// maxFaults bounds how many lines that do not read are named at once.
	maxFaults = 50
)

// parseDocument reads as much of a file as can be read. A line that is no TOML is
// a fault, and the rest is read as if that line were empty.
func parseDocument(file string, content []byte) *document {
	content = bytes.Clone(content)
	var syntax Faults
	for {
		d := &document{file: file, values: map[string]value{}, tables: map[string]int{}}
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
	d := &document{values: map[string]value{}, tables: map[string]int{}}
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
func (d *document) read(content []byte) (offset int, err error) {
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
				d.fault(line, "", "[[%s]] is a list of tables; write [%s]", path, path)
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
		names = append(names, printable(string(parts.Node().Data)))
	}
	return strings.Join(names, "."), line
}

// printable keeps a name of the file from breaking the line that quotes it.
func printable(name string) string {
	const most = 80
	name = strings.ToValidUTF8(name, "�")
	quoted := strings.Trim(fmt.Sprintf("%+q", name), `"`)
	if len(quoted) > most {
		quoted = quoted[:most] + "…"
	}
	return quoted
}

// add notes a key and what stands behind it. Inline tables are tables.
func (d *document) add(content []byte, table string, e *unstable.Node) {
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
	v := valueOf(e.Value())
	v.line = line
	d.values[path] = v
}

func valueOf(n *unstable.Node) value {
	v := value{kind: n.Kind, text: string(n.Data)}
	if n.Kind == unstable.Array {
		inside := n.Children()
		for inside.Next() {
			v.list = append(v.list, valueOf(inside.Node()))
		}
	}
	return v
}

// fault notes what is wrong at a line.
func (d *document) fault(line int, key, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

// wrong notes what is wrong with a key that was found; see [document.fault].
func (d *document) wrong(key, format string, args ...any) {
	d.fault(d.values[key].line, key, format, args...)
}

// text gives a text. ok is false where the key is not there, holds no text, or
// an empty one; the latter two, and a missing one that is needed, are faults.
func (d *document) text(key string, needed bool, example string) (text string, ok bool) {
	d.asked = append(d.asked, key)
	v, found := d.values[key]
	switch {
	case !found && needed:
		d.missing(key, example)
		return "", false
	case !found:
		return "", false
	case v.kind != unstable.String:
		d.wrong(key, "holds %s where a text is needed; write %s = %q", kindWords(v.kind), lastPart(key), example)
		return "", false
	case strings.TrimSpace(v.text) == "":
		d.wrong(key, "is empty; write such as %q, or leave the line out", example)
		return "", false
	case strings.ContainsFunc(v.text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.wrong(key, "holds a line break or another control character; write it on one line")
		return "", false
	}
	return strings.TrimSpace(v.text), true
}

// texts gives a list of texts; nil where the key is not there.
func (d *document) texts(key, example string) []string {
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
		d.wrong(key, "holds %s where a list of texts is needed; write %s = [%q]", kindWords(v.kind), lastPart(key), example)
		return nil
	}
	return list
}

// missing notes that a key is needed, at its table's header.
func (d *document) missing(key, example string) {
	if d.broken {
		return
	}
	table, name, inside := strings.Cut(key, ".")
	if !inside {
		d.fault(1, key, "is missing; write, above the first table, %s = %q", key, example)
		return
	}
	if line, found := d.tables[table]; found {
		d.fault(line, key, "is missing; write below [%s] %s = %q", table, name, example)
		return
	}
	d.fault(1, key, "is missing; write [%s] and below it %s = %q", table, name, example)
}

// missingList is [document.missing] for a list, with the reason.
func (d *document) missingList(key, example, reason string) {
	table, name, _ := strings.Cut(key, ".")
	line, found := d.tables[table]
	if d.broken {
		return
	}
	if !found {
		d.fault(1, key, "is missing (%s); write [%s] and below it %s = [%q]", reason, table, name, example)
		return
	}
	d.fault(line, key, "is missing (%s); write below [%s] %s = [%q]", reason, table, name, example)
}

// done notes every key and table that nobody asked for, and gives the faults in
// order of line; nil when there are none.
func (d *document) done() error {
	for path, v := range d.values {
		if slices.Contains(d.asked, path) {
			continue
		}
		d.fault(v.line, path, "there is no such key; %s", d.knownBeside(path))
	}
	for table, line := range d.tables {
		if !slices.ContainsFunc(d.asked, func(key string) bool { return strings.HasPrefix(key, table+".") }) {
			d.fault(line, "", "there is no table [%s]; the tables are %s", table, strings.Join(d.knownTables(), ", "))
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

// knownBeside lists what may stand where a key stands.
func (d *document) knownBeside(path string) string {
	table := ""
	if at := strings.LastIndexByte(path, '.'); at >= 0 {
		table = path[:at+1]
	}
	var names []string
	for _, key := range d.asked {
		if name, ok := strings.CutPrefix(key, table); ok && !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "the tables are " + strings.Join(d.knownTables(), ", ")
	}
	slices.Sort(names)
	return "the keys here are " + strings.Join(slices.Compact(names), ", ")
}

func (d *document) knownTables() []string {
	var names []string
	for _, key := range d.asked {
		if table, _, inside := strings.Cut(key, "."); inside {
			names = append(names, table)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

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
