// Package aldaba_test holds the rules that span the whole tree. They read the
// source files themselves and shell out to nothing, so that the cache of go
// test knows what they depend on.
package aldaba_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

const module = "aldaba"

// all lets a package import every other one of ours.
const all = "*"

// fence is what one package may import.
type fence struct {
	ours      []string // packages of ours, below internal/
	tests     []string // more of ours, for its _test.go files only
	forbidden []string // of the standard library, with everything below them
}

// fences is the architecture: a star. The domain imports nothing of ours, adapters
// import the domain and the words and never each other, and only site sees all. A
// package that is not here fails. Test files may also import packages of ours whose
// name ends in "test".
var fences = map[string]fence{
	"bench":      {ours: []string{all, "sqlstore/pgtest"}}, // never part of the program; wants a PostgreSQL of its own
	"cmd/aldaba": {ours: []string{"site", "credential", "stats", "spreadsheet"}},
	"internal/credential": {
		forbidden: []string{"net/http", "database/sql", "html/template", "os"},
	},
	"internal/institution":        {ours: []string{"credential", "settings"}},
	"internal/mail":               {ours: []string{"credential", "words"}},
	"internal/mailbox":            {},
	"internal/pdf":                {},
	"internal/registry":           {ours: []string{"credential"}},
	"internal/settings":           {},
	"internal/site":               {ours: []string{all}},
	"internal/spreadsheet":        {},
	"internal/sqlstore":           {ours: []string{"credential", "stats"}},
	"internal/sqlstore/pgtest":    {},
	"internal/sqlstore/storetest": {ours: []string{"credential", "stats"}},
	"internal/stats": { // the domain's other part: what the public sees
		ours:      []string{"credential"},
		forbidden: []string{"net/http", "database/sql", "html/template", "os"},
	},
	"internal/web":             {ours: []string{"credential", "institution", "pdf", "spreadsheet", "stats", "words"}},
	"internal/wordlists":       {},
	"internal/wordlists/build": {ours: []string{"wordlists"}},
	"internal/words":           {ours: []string{"credential"}},
}

// realClock names who may read the machine's clock, and why. All others take their time
// from Config.Now, so that the demo's clock can be moved and tests hold it still.
// Naming time.Now as a default value, without calling it, is free.
var realClock = map[string]string{
	"bench/":                      "measures",
	"cmd/aldaba/":                 "the program's edge",
	"internal/site/":              "makes the clock that all others are given",
	"internal/sqlstore/pgtest/":   "waits for a process",
	"internal/mail/smtp.go":       "deadlines of sockets are of the machine's clock",
	"internal/web/complaints.go":  "so is that of a large form",
	"internal/credential/gate.go": "how long a hash takes is measured, not simulated",
	"internal/sqlstore/":          "how long a statement took, and since when a schema stands; rules take Config.Now",
	"internal/mailbox/":           "a certificate's dates are judged by the machine's clock",
}

// skipped are the folders that hold nothing of ours.
var skipped = []string{".git", "node_modules", "bin", "var", "testdata", "third_party"}

// source is one Go file of ours.
type source struct {
	path   string // slash-separated, from the root
	syntax *ast.File
	set    *token.FileSet
}

// folder is the folder of the file, which names its package in fences.
func (s source) folder() string { return path.Dir(s.path) }

// test reports whether the file is compiled for tests only: a _test.go file, or one of a
// package whose name ends in "test".
func (s source) test() bool {
	return strings.HasSuffix(s.path, "_test.go") || strings.HasSuffix(s.folder(), "test")
}

// at describes where in the file something is.
func (s source) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(node.Pos()).Line)
}

// sources parses every Go file of the tree.
func sources(t *testing.T, tree fs.FS) []source {
	t.Helper()
	var found []source
	walk(t, tree, func(name string) {
		if path.Ext(name) != ".go" {
			return
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, name, read(t, tree, name), parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, source{path: name, syntax: syntax, set: set})
	})
	return found
}

// walk calls visit with every file of the tree that is ours.
func walk(t *testing.T, tree fs.FS, visit func(name string)) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(skipped, entry.Name()) {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			visit(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// read returns a file of the tree.
func read(t *testing.T, tree fs.FS, name string) []byte {
	t.Helper()
	content, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// importFaults is what the files import against their fences.
func importFaults(files []source) []string {
	var faults []string
	for _, file := range files {
		if file.folder() == "." { // this file
			continue
		}
		allowed, known := fences[file.folder()]
		if !known {
			faults = append(faults, file.path+": package "+file.folder()+" is not in the map of architecture_test.go")
			continue
		}
		inTest := strings.HasSuffix(file.path, "_test.go")
		for _, spec := range file.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				faults = append(faults, file.at(spec)+": "+err.Error())
				continue
			}
			if fault := importFault(file.folder(), imported, allowed, inTest); fault != "" {
				faults = append(faults, file.at(spec)+": "+fault)
			}
		}
	}
	return faults
}

// importFault tells why a file in folder must not import a package, or nothing.
func importFault(folder, imported string, allowed fence, inTest bool) string {
	below, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		if inTest {
			return ""
		}
		for _, name := range allowed.forbidden {
			if imported == name || strings.HasPrefix(imported, name+"/") {
				return folder + " must not import " + imported
			}
		}
		if imported == "testing" && !strings.HasSuffix(folder, "test") {
			return folder + " must not import testing outside its tests"
		}
		return ""
	}
	short := strings.TrimPrefix(below, "internal/")
	switch {
	case slices.Contains(allowed.ours, short):
		return "" // by its name; all is all but tests' packages
	case slices.Contains(allowed.ours, all):
		if strings.HasSuffix(short, "test") && !inTest {
			return folder + " must not import " + imported + " outside its tests"
		}
		return ""
	case inTest && (below == folder || strings.HasSuffix(short, "test") || slices.Contains(allowed.tests, short)):
		return ""
	}
	return folder + " must not import " + imported
}

// markup is text that begins a tag, or ends one anywhere.
var markup = regexp.MustCompile(`^\s*<[A-Za-z!/]|</[A-Za-z]`)

// htmlFaults is where Go outside tests makes HTML: a type that switches escaping off,
// or a format with a tag in it.
func htmlFaults(files []source) []string {
	trusted := []string{"HTML", "HTMLAttr", "JS", "JSStr", "URL", "CSS", "Srcset"}
	formats := []string{"Sprintf", "Fprintf", "Appendf", "Sprint", "Fprint", "Sprintln", "Fprintln"}
	var faults []string
	for _, file := range files {
		if file.test() {
			continue
		}
		template, format := nameOf(file, "html/template"), nameOf(file, "fmt")
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.SelectorExpr:
				if slices.Contains(trusted, n.Sel.Name) && isName(n.X, template) {
					faults = append(faults, file.at(n)+": template."+n.Sel.Name+" switches escaping off")
				}
			case *ast.CallExpr:
				call, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || !isName(call.X, format) || !slices.Contains(formats, call.Sel.Name) {
					return true
				}
				for _, argument := range n.Args {
					if text, ok := literal(argument); ok && markup.MatchString(text) {
						faults = append(faults, file.at(n)+": HTML made by fmt."+call.Sel.Name+"; it belongs in a template")
					}
				}
			}
			return true
		})
	}
	return faults
}

// clockFaults is where the machine's clock is read without leave, and where a test sleeps.
func clockFaults(files []source) []string {
	var faults []string
	for _, file := range files {
		clock := nameOf(file, "time")
		if clock == "" {
			continue
		}
		allowed := file.test()
		for prefix := range realClock {
			allowed = allowed || strings.HasPrefix(file.path, prefix)
		}
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !isName(name.X, clock) {
				return true
			}
			switch name.Sel.Name {
			case "Now", "Since", "Until":
				if !allowed {
					faults = append(faults, file.at(call)+": time."+name.Sel.Name+" reads the machine's clock; take the time from Config.Now")
				}
			case "Sleep":
				if file.test() && nameOf(file, "testing/synctest") == "" { // in its bubble a sleep takes no time
					faults = append(faults, file.at(call)+": a test sleeps; wait for a signal or use testing/synctest")
				}
			}
			return true
		})
	}
	return faults
}

// migration is the name of a migration file.
var migration = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// migrationFaults is where the migrations of the two engines are not pairs with
// the numbers 1, 2, 3 and so on.
func migrationFaults(tree fs.FS) []string {
	const root = "internal/sqlstore/migrations"
	engines := []string{"postgres", "sqlite"}
	var faults []string
	names := map[string][]string{}
	for _, engine := range engines {
		entries, err := fs.ReadDir(tree, path.Join(root, engine))
		if err != nil && !os.IsNotExist(err) {
			return []string{err.Error()}
		}
		for i, entry := range entries {
			parts := migration.FindStringSubmatch(entry.Name())
			where := path.Join(root, engine, entry.Name())
			if parts == nil {
				faults = append(faults, where+": not called NNNN_what.sql")
			} else if want := fmt.Sprintf("%04d", i+1); parts[1] != want {
				faults = append(faults, where+": its number should be "+want)
			}
			names[engine] = append(names[engine], entry.Name())
		}
	}
	for i, engine := range engines {
		other := engines[1-i]
		for _, name := range names[engine] {
			if !slices.Contains(names[other], name) {
				faults = append(faults, path.Join(root, other, name)+": missing, while "+engine+" has it")
			}
		}
	}
	return faults
}

// decision is the name of a decision record.
var decision = regexp.MustCompile(`^([0-9]{4})-[a-z0-9-]+\.md$`)

// decisionFaults is which decision records have another's number, or another than their
// title says.
func decisionFaults(t *testing.T, tree fs.FS) []string {
	t.Helper()
	const root = "docs/decisions"
	entries, err := fs.ReadDir(tree, root)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var faults []string
	for i, entry := range entries {
		where := path.Join(root, entry.Name())
		parts := decision.FindStringSubmatch(entry.Name())
		switch {
		case parts == nil:
			faults = append(faults, where+": not called NNNN-what.md")
		case parts[1] != fmt.Sprintf("%04d", i+1):
			faults = append(faults, fmt.Sprintf("%s: its number should be %04d", where, i+1))
		case !bytes.HasPrefix(read(t, tree, where), []byte("# "+parts[1]+". ")):
			faults = append(faults, where+": its title does not begin with its number")
		}
	}
	return faults
}

// placeFaults is which text files name a folder of the machine they were written on.
func placeFaults(t *testing.T, tree fs.FS) []string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// The folder of this tree, whatever it is called here, and those that only
	// one person's machine has. In parts, or this file would be the first to have one.
	places := []string{here + "/", "/ro" + "ot/", "/home" + "/"}
	var faults []string
	walk(t, tree, func(name string) {
		content := read(t, tree, name)
		if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
			return
		}
		for _, place := range places {
			if at := bytes.Index(content, []byte(place)); at >= 0 {
				line := 1 + bytes.Count(content[:at], []byte("\n"))
				faults = append(faults, fmt.Sprintf("%s:%d: names %s, a folder of one machine", name, line, place))
			}
		}
	})
	return faults
}

// nameOf is the name by which the file calls a package, or "".
func nameOf(file source, imported string) string {
	for _, spec := range file.syntax.Imports {
		if spec.Path.Value != strconv.Quote(imported) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// isName reports whether the expression is this very name.
func isName(expression ast.Expr, name string) bool {
	identifier, ok := expression.(*ast.Ident)
	return ok && name != "" && identifier.Name == name
}

// literal returns the text of a string literal.
func literal(expression ast.Expr) (string, bool) {
	basic, ok := expression.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

// report fails with each fault.
func report(t *testing.T, faults []string) {
	t.Helper()
	for _, fault := range faults {
		t.Error(fault)
	}
}

// ours is the tree of the project.
func ours() fs.FS { return os.DirFS(".") }

func TestImportsStayInsideTheirFences(t *testing.T) { report(t, importFaults(sources(t, ours()))) }

func TestNoHTMLInGo(t *testing.T) { report(t, htmlFaults(sources(t, ours()))) }

func TestNobodySleepsOrReadsTheClock(t *testing.T) { report(t, clockFaults(sources(t, ours()))) }

func TestMigrationsArePairs(t *testing.T) { report(t, migrationFaults(ours())) }

func TestDecisionsHaveANumberEach(t *testing.T) { report(t, decisionFaults(t, ours())) }

func TestNoFileNamesAFolderOfOneMachine(t *testing.T) { report(t, placeFaults(t, ours())) }

// TestTheRulesCanFail plants one fault at a time in a tree of its own, and one thing beside
// it that is right.
func TestTheRulesCanFail(t *testing.T) {
	imports := func(t *testing.T, tree fs.FS) []string { return importFaults(sources(t, tree)) }
	html := func(t *testing.T, tree fs.FS) []string { return htmlFaults(sources(t, tree)) }
	clock := func(t *testing.T, tree fs.FS) []string { return clockFaults(sources(t, tree)) }
	pairs := func(_ *testing.T, tree fs.FS) []string { return migrationFaults(tree) }

	for _, test := range []struct {
		name string
		rule func(*testing.T, fs.FS) []string
		file string
		text string
		want string // in the one fault; none expected when empty
	}{
		{"adapter imports domain", imports, "internal/web/a.go", `package web; import "aldaba/internal/credential"`, ""},
		{"adapter imports adapter", imports, "internal/web/a.go", `package web; import "aldaba/internal/mail"`, "must not import aldaba/internal/mail"},
		{"domain imports ours", imports, "internal/credential/a.go", `package credential; import "aldaba/internal/words"`, "must not import"},
		{"domain imports os", imports, "internal/credential/a.go", `package credential; import "os"`, "must not import os"},
		{"domain imports below os", imports, "internal/credential/a.go", `package credential; import "os/user"`, "must not import os/user"},
		{"domain imports a driver", imports, "internal/credential/a.go", `package credential; import "database/sql/driver"`, "must not import"},
		{"domain's test imports os", imports, "internal/credential/a_test.go", `package credential; import "os"`, ""},
		{"unknown package", imports, "internal/util/a.go", `package util`, "not in the map"},
		{"site imports all", imports, "internal/site/a.go", `package site; import "aldaba/internal/mailbox"`, ""},
		{"bench imports a test package", imports, "bench/a.go", `package main; import "aldaba/internal/sqlstore/pgtest"`, ""},
		{"site imports a test package", imports, "internal/site/a.go", `package site; import "aldaba/internal/sqlstore/pgtest"`, "outside its tests"},
		{"test imports a test package", imports, "internal/sqlstore/a_test.go", `package sqlstore; import "aldaba/internal/sqlstore/pgtest"`, ""},
		{"test imports its own package", imports, "internal/mailbox/a_test.go", `package mailbox_test; import "aldaba/internal/mailbox"`, ""},
		{"test imports another adapter", imports, "internal/mail/a_test.go", `package mail; import "aldaba/internal/mailbox"`, "must not import"},
		{"program imports testing", imports, "internal/web/a.go", `package web; import "testing"`, "must not import testing"},
		{"test package imports testing", imports, "internal/sqlstore/pgtest/a.go", `package pgtest; import "testing"`, ""},

		{"template.HTML", html, "internal/web/a.go", "package web\nimport \"html/template\"\nvar a = template.HTML(\"\")", "template.HTML"},
		{"renamed template.URL", html, "internal/web/a.go", "package web\nimport h \"html/template\"\nvar a h.URL", "template.URL"},
		{"template.Template", html, "internal/web/a.go", "package web\nimport \"html/template\"\nvar a template.Template", ""},
		{"tag in a format", html, "internal/web/a.go", "package web\nimport \"fmt\"\nvar a = fmt.Sprintf(\"<a href=%s>\", \"\")", "fmt.Sprintf"},
		{"end of a tag", html, "internal/web/a.go", "package web\nimport \"fmt\"\nvar a = fmt.Sprint(`hola</p>`)", "fmt.Sprint"},
		{"address in a format", html, "internal/mail/a.go", "package mail\nimport \"fmt\"\nvar a = fmt.Sprintf(\"<%s@%s>\", \"\", \"\")", ""},
		{"tag in a test", html, "internal/web/a_test.go", "package web\nimport \"fmt\"\nvar a = fmt.Sprintf(\"<p>\")", ""},

		{"clock read", clock, "internal/web/a.go", "package web\nimport \"time\"\nvar a = time.Now()", "time.Now"},
		{"time since", clock, "internal/credential/a.go", "package credential\nimport \"time\"\nvar a = time.Since(time.Time{})", "time.Since"},
		{"clock as default", clock, "internal/web/a.go", "package web\nimport \"time\"\nvar a = time.Now", ""},
		{"clock read by site", clock, "internal/site/a.go", "package site\nimport \"time\"\nvar a = time.Now()", ""},
		{"sleep in a test", clock, "internal/web/a_test.go", "package web\nimport \"time\"\nfunc f() { time.Sleep(1) }", "sleeps"},
		{"sleep in a test package", clock, "internal/sqlstore/pgtest/a.go", "package pgtest\nimport \"time\"\nfunc f() { time.Sleep(1) }", "sleeps"},

		{"no migrations", pairs, "go.mod", "", ""},
		{"one engine only", pairs, "internal/sqlstore/migrations/sqlite/0001_start.sql", "", "postgres/0001_start.sql: missing"},

		{"decision", decisionFaults, "docs/decisions/0001-a-star.md", "# 0001. A star\n", ""},
		{"decision with a number of its own making", decisionFaults, "docs/decisions/0002-a-star.md", "# 0002. A star\n", "should be 0001"},
		{"decision with another's title", decisionFaults, "docs/decisions/0001-a-star.md", "# 1. A star\n", "does not begin"},

		{"place", placeFaults, "docs/a.md", "x\n/home" + "/ana/y", "docs/a.md:2"},
		{"place in a binary", placeFaults, "docs/a.png", "\x00/home" + "/ana/y", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.rule(t, fstest.MapFS{test.file: {Data: []byte(test.text)}})
			switch {
			case test.want == "" && len(got) != 0:
				t.Errorf("faults = %q, want none", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
				t.Errorf("faults = %q, want one with %q", got, test.want)
			}
		})
	}
}

func TestMigrationNumbersHaveNoGap(t *testing.T) {
	tree := fstest.MapFS{}
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, name := range []string{"0001_start.sql", "0003_later.sql", "notes.txt"} {
			tree["internal/sqlstore/migrations/"+engine+"/"+name] = &fstest.MapFile{}
		}
	}
	if got := migrationFaults(tree); len(got) != 4 {
		t.Errorf("faults = %q, want two on each side: a gap and a strange name", got)
	}
}
