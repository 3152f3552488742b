package settings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPrintable: what a fault quotes is short, and everything in it can be seen.
func TestPrintable(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Préstamos ñ 日本", "Préstamos ñ 日本"},
		{`a"b\c`, `a\"b\\c`},
		{"a\nb\t\x00\x7f", `a\nb\t\x00\x7f`},
		{"X\u009b31m", `X\u009b31m`},                         // a terminal's escape in one character
		{"a\u202eb\u2066c\u200fd", `a\u202eb\u2066c\u200fd`}, // directions of writing
		{"a\u200bb\u200dc\u2060d\u00ade\ufefff", `a\u200bb\u200dc\u2060d\u00ade\ufefff`},
		{"a\u2028b\u3164c\ufe0fd\U000e0041", `a\u2028b\u3164c\ufe0fd\U000e0041`}, // lines, fillers, selectors, tags
		{"a\x9bb\xff", "a\ufffdb\ufffd"},
		{strings.Repeat("ñ", 100), strings.Repeat("ñ", 41) + "…"},
	} {
		if got := Printable(c.in); got != c.want {
			t.Errorf("Printable(%q) = %s, want %s", c.in, got, c.want)
		}
	}
	fault := Fault{File: "\u009ba.toml", Line: 1, Key: "k\u202e", Text: "not TOML: \u200b\n"}
	if got, want := fault.String(), `\u009ba.toml:1: k\u202e: not TOML: \u200b\n`; got != want {
		t.Errorf("the fault is %s, want %s", got, want)
	}
}

// TestManyFaults: thousands of the same slip do not push the first from the screen.
func TestManyFaults(t *testing.T) {
	for _, c := range []struct {
		faults, lines int
		last          string
	}{{maxShown, maxShown, "a.toml:100: x99: there is no such key"}, {maxShown + 1, maxShown + 1, "… and 1 more"}, {5000, maxShown + 1, "… and 4900 more"}} {
		var file strings.Builder
		for n := range c.faults {
			_, _ = fmt.Fprintf(&file, "x%d = 1\n", n)
		}
		lines := strings.Split(Parse("a.toml", []byte(file.String())).Done().Error(), "\n")
		if last := lines[len(lines)-1]; len(lines) != c.lines || !strings.HasPrefix(lines[0], "a.toml:1: x0: ") || !strings.HasPrefix(last, c.last) {
			t.Errorf("%d faults are %d lines, from %q to %q", c.faults, len(lines), lines[0], last)
		}
	}
}

// TestUnknown: what nobody asked for is named, with what may stand there.
func TestUnknown(t *testing.T) {
	d := Parse("a.toml", []byte("x = 1\n[a]\nb = \"1\"\nx = 1\n\"\" = 1\n[a.c]\nd = \"1\"\n[a.c.e]\n[z]\nx = 1\n[\"\"]\n"))
	for _, key := range []string{"a.b", "a.b", "a.f", "a.c.d", "g.h"} {
		_, _ = d.Text(key, false, "1")
	}
	want := []string{
		"a.toml:1: x: there is no such key; the tables are a, a.c, g", "a.toml:4: a.x: there is no such key; the keys here are b, f",
		"a.toml:5: a.: there is no such key; the keys here are b, f", "a.toml:8: there is no table [a.c.e]; the tables are a, a.c, g",
		"a.toml:9: there is no table [z]; the tables are a, a.c, g", "a.toml:10: z.x: there is no such key; the tables are a, a.c, g",
		"a.toml:11: there is no table []; the tables are a, a.c, g",
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), d.Done().Error()); diff != "" {
		t.Error(diff)
	}
}

// TestByteOrderMark: what some editors write before the text is no fault, and moves no
// line.
func TestByteOrderMark(t *testing.T) {
	d := Parse("a.toml", []byte("\ufeffname = \"Uno\"\nnope = 1\n"))
	name, ok := d.Text("name", true, "x")
	if err := d.Done(); !ok || name != "Uno" || err == nil || !strings.HasPrefix(err.Error(), "a.toml:2: nope: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("name %q, faults %v", name, err)
	}
	if err := Parse("a.toml", []byte("# x\n\ufeffname = 1\n")).Done(); err == nil || !strings.HasPrefix(err.Error(), "a.toml:2: not TOML") {
		t.Errorf("in the middle: %v", err)
	}
}
