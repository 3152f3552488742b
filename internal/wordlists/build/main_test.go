package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lines := write("a.txt", "mariposa\r\ncontraseña\n\nabc\n")
	list := write("b.json", `["ñandú", "mariposa"]`)
	broken := write("c.json", `{"a": 1}`)
	out, again := filepath.Join(dir, "out.bin"), filepath.Join(dir, "again.bin")

	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"both kinds", []string{"-o", out, lines, list}, 0},
		{"other order", []string{"-o", again, list, lines}, 0},
		{"no source", nil, 2},
		{"unknown flag", []string{"-x"}, 2},
		{"no such file", []string{"-o", out, filepath.Join(dir, "none.txt")}, 1},
		{"not an array", []string{"-o", out, broken}, 1},
	} {
		if got := run(c.args, io.Discard, io.Discard); got != c.want {
			t.Errorf("%s: exit %d, want %d", c.name, got, c.want)
		}
	}
	one, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the order of the sources changed the file")
	}
}
