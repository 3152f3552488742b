package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aldaba/internal/site"
)

// TestRegistry: an example is imported into a demo's folder, and every refusal is
// one line with its status.
func TestRegistry(t *testing.T) {
	dir := t.TempDir()
	_ = start(t, "--data", dir) // the demo serves meanwhile
	path := filepath.Join(t.TempDir(), "registro.csv")
	do := func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		status := run(t.Context(), append([]string{"registry"}, args...), terminal{&out, &err})
		return status, out.String(), err.String()
	}
	status, example, errs := do("example", "--people", "100")
	if status != done || strings.Count(example, "\n") != 114 || errs != "" {
		t.Fatalf("example: %d, %d lines, %s", status, strings.Count(example, "\n"), errs)
	}
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "malo.csv")
	if err := os.WriteFile(bad, []byte("cedula;nombre\n1;2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, args string
		status     int
		says       string // on stdout when done, else on stderr
	}{
		{"dry run", path + " --data " + dir + " --dry-run", done, "people      113, before 13: 100 new, 0 gone"},
		{"a large share", path + " --data " + dir, failed, "--yes"},
		{"with --yes", path + " --data " + dir + " --yes", done, "113 lines were stored already"},
		{"again", path + " --data " + dir, done, "0 new, 0 gone"},
		{"wrong header", bad + " --data " + dir, failed, `"cedula"`},
		{"no such file", "none.csv --data " + dir, failed, "none.csv"},
		{"nowhere", path, misuse, "--config"},
		{"twice", path + " --config x --data " + dir, misuse, "--config"},
		{"encoding", path + " --encoding ebcdic --data " + dir, misuse, "ebcdic"},
		{"no folder", path + " --data " + filepath.Join(dir, "none"), failed, "none"},
	} {
		status, out, errs := do(append([]string{"import"}, strings.Fields(c.args)...)...)
		said := errs
		if c.status == done {
			said = out
		}
		if status != c.status || !strings.Contains(said, c.says) || (status != done) != (strings.Count(errs, "\n") == 1) {
			t.Errorf("%s: %d\n%s%s", c.name, status, out, errs)
		}
	}
	if status, _, errs := do("example", "--people", "-1"); status != misuse {
		t.Errorf("example of -1 people: %d, %s", status, errs)
	}
}

func TestProgressText(t *testing.T) {
	first := site.ImportProgress{Stage: "loading", Done: 1000, Total: 5000, Lines: 10}
	for _, c := range []struct {
		now  site.ImportProgress
		took time.Duration
		want string
	}{
		{first, 0, "loading   20 %"},
		{site.ImportProgress{Stage: "loading", Done: 2000, Total: 5000, Lines: 30}, 2 * time.Second, "loading   40 %  30 lines  10 lines/s  6s left"},
		{site.ImportProgress{Stage: "loading", Done: 5000, Total: 5000, Lines: 90}, 8 * time.Second, "loading  100 %  90 lines  10 lines/s"},
		{site.ImportProgress{Stage: "clearing"}, time.Second, "clearing"},
	} {
		if got := progressText(c.now, first, c.took); got != c.want {
			t.Errorf("progressText = %q, want %q", got, c.want)
		}
	}
	var out bytes.Buffer
	bar := newProgressLine(&out)
	bar.show(first)
	bar.end()
	if out.Len() != 0 {
		t.Errorf("what is no terminal got %q", out.String())
	}
}
