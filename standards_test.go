package aldaba_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// asvs says how many requirements each section of chapters V6 and V7 of OWASP ASVS
// 5.0.0 has. They are numbered from 1 without a gap.
var asvs = map[string]int{
	"6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4,
	"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2,
}

// states are the words that the page may say of a preset. Those that are true need a
// note which says why.
var states = map[string]bool{"holds": false, "so far": false, "**no**": true, "**open**": true, "not yet": false, "n/a": false}

// columns of a row of requirements: line, level or kind, what it asks, one state for
// each preset, code, test.
const (
	columnStates = 3
	columnCode   = 6
	columnTest   = 7
	columnCount  = 8
)

var (
	cited     = regexp.MustCompile("`([^`]+)`")
	lineAlike = regexp.MustCompile(`^\d+\.\d+`)
	noted     = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// standardsFaults is what the page about the standards says and the tree does not.
func standardsFaults(page string, files []source, tree fs.FS) []string {
	names, tests := declared(files)
	notes := map[string]bool{}
	var rows [][]string
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "- **") {
			head, _, _ := strings.Cut(line, ": ")
			section := ""
			for _, m := range noted.FindAllStringSubmatch(head, -1) {
				name := m[1]
				if lineAlike.MatchString(name) { // a note on «3.1.1.2 managers», «show»
					section, _, _ = strings.Cut(name, " ")
				} else {
					name = section + " " + name
				}
				notes[name] = true
			}
		}
		if cells, ok := requirement(line); ok {
			rows = append(rows, cells)
		}
	}

	var faults []string
	seen := map[string]bool{}
	for _, cells := range rows {
		id := cells[0]
		if len(cells) != columnCount {
			faults = append(faults, fmt.Sprintf("%s: %d columns, want %d", id, len(cells), columnCount))
			continue
		}
		if seen[id] {
			faults = append(faults, id+": stands twice")
		}
		seen[id] = true
		for _, state := range cells[columnStates:columnCode] {
			needsNote, known := states[state]
			if !known {
				faults = append(faults, id+": "+state+" is no state")
			}
			if needsNote && !notes[id] {
				faults = append(faults, id+": "+state+" without a note that says why")
			}
		}
		for _, m := range cited.FindAllStringSubmatch(cells[columnCode], -1) {
			if !names[m[1]] && !stands(tree, m[1]) {
				faults = append(faults, id+": there is no code "+m[1])
			}
		}
		for _, m := range cited.FindAllStringSubmatch(cells[columnTest], -1) {
			if !tests[m[1]] && !stands(tree, m[1]) {
				faults = append(faults, id+": there is no test "+m[1])
			}
		}
	}
	for section, count := range asvs {
		for i := range count {
			if id := fmt.Sprintf("%s.%d", section, i+1); !seen[id] {
				faults = append(faults, id+": a requirement of ASVS that is not on the page")
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// requirement takes a row of a table of requirements apart: its first cell begins with
// the number of a line.
func requirement(line string) ([]string, bool) {
	inside, ok := strings.CutPrefix(line, "| ")
	if !ok {
		return nil, false
	}
	cells := strings.Split(strings.TrimSuffix(inside, " |"), " | ")
	return cells, lineAlike.MatchString(cells[0])
}

// stands reports whether a citation with a slash is a file or folder of the tree.
func stands(tree fs.FS, name string) bool {
	if !strings.Contains(name, "/") {
		return false
	}
	_, err := fs.Stat(tree, name)
	return err == nil
}

// declared is what the files declare: outside tests as package.Name, and
// package.Type.Name for methods and fields; and the names of test and fuzz functions.
func declared(files []source) (names, tests map[string]bool) {
	names, tests = map[string]bool{}, map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file.path, "_test.go") {
			for _, declaration := range file.syntax.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
					tests[f.Name.Name] = true
				}
			}
			continue
		}
		prefix := path.Base(file.folder()) + "."
		for _, declaration := range file.syntax.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					name = receiver(d.Recv.List[0].Type) + "." + name
				}
				names[prefix+name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					declareSpec(names, prefix, spec)
				}
			}
		}
	}
	return names, tests
}

// declareSpec adds what one specification declares, fields included.
func declareSpec(names map[string]bool, prefix string, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			names[prefix+name.Name] = true
		}
	case *ast.TypeSpec:
		names[prefix+s.Name.Name] = true
		structure, ok := s.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				names[prefix+s.Name.Name+"."+name.Name] = true
			}
		}
	}
}

// receiver is the name of a method's type.
func receiver(expression ast.Expr) string {
	if star, ok := expression.(*ast.StarExpr); ok {
		expression = star.X
	}
	if name, ok := expression.(*ast.Ident); ok {
		return name.Name
	}
	return "" // a generic type: nothing on the page is a method of one
}

func TestStandardsPageIsOfThisTree(t *testing.T) {
	report(t, standardsFaults(string(read(t, ours(), "docs/standards.md")), sources(t, ours()), ours()))
}

// TestStandardsFaultsAreFound: the check can fail.
func TestStandardsFaultsAreFound(t *testing.T) {
	tree := fstest.MapFS{
		"internal/a/a.go":      {Data: []byte("package a\n\ntype T struct{ F int }\n\nfunc (t *T) M() {}\n\nconst C = 1\n")},
		"internal/a/a_test.go": {Data: []byte("package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n\nfunc helper() {}\n")},
	}
	var whole strings.Builder
	for section, count := range asvs {
		for i := range count {
			fmt.Fprintf(&whole, "| %s.%d | 1 | x | holds | holds | holds | — | — |\n", section, i+1)
		}
	}
	for _, c := range []struct{ name, row, want string }{
		{"nothing", "", ""},
		{"all there", "| 9.1 | shall | x | holds | so far | n/a | `a.T`, `a.T.F`, `a.T.M`, `a.C`, `internal/a/a.go` | `TestA`, `internal/a` |", ""},
		{"no such code", "| 9.1 | shall | x | holds | holds | holds | `a.Gone` | — |", "9.1: there is no code a.Gone"},
		{"no such method", "| 9.1 | shall | x | holds | holds | holds | `a.T.Gone` | — |", "9.1: there is no code a.T.Gone"},
		{"no such file", "| 9.1 | shall | x | holds | holds | holds | `internal/a/b.go` | — |", "9.1: there is no code internal/a/b.go"},
		{"code of a test", "| 9.1 | shall | x | holds | holds | holds | `a.helper` | — |", "9.1: there is no code a.helper"},
		{"no such test", "| 9.1 | shall | x | holds | holds | holds | — | `TestGone` |", "9.1: there is no test TestGone"},
		{"no test but a function", "| 9.1 | shall | x | holds | holds | holds | — | `helper` |", "9.1: there is no test helper"},
		{"another word", "| 9.1 | shall | x | maybe | holds | holds | — | — |", "9.1: maybe is no state"},
		{"no reason", "| 9.1 x | shall | x | **no** | holds | holds | — | — |", "9.1 x: **no** without a note that says why"},
		{"a reason", "| 9.1 x | shall | x | **no** | holds | holds | — | — |\n- **9.1 y**, **x**: because", ""},
		{"twice", "| 6.1.1 | 1 | x | holds | holds | holds | — | — |", "6.1.1: stands twice"},
		{"a column less", "| 9.1 | shall | holds | holds | holds | — | — |", "9.1: 7 columns, want 8"},
	} {
		got := strings.Join(standardsFaults(whole.String()+c.row, sources(t, tree), tree), "\n")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	missing := strings.Replace(whole.String(), "| 7.6.2 |", "| 9.9 |", 1)
	if got := standardsFaults(missing, nil, tree); len(got) != 1 || got[0] != "7.6.2: a requirement of ASVS that is not on the page" {
		t.Errorf("a missing requirement: %q", got)
	}
}
