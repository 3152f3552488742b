package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStats: the demo begins with the example's months; the commands work beside
// it, in its time, and refuse in one line with the right status.
func TestStats(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	p := start(t, "--data", dir)
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		err := os.WriteFile(path, []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	const header = "anio,mes,quejas,atenciones\n"
	exported := filepath.Join(t.TempDir(), "figures.json")
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		out    string // in what is printed, or in the refusal
	}{
		{"the example is there", []string{"export"}, done, "2026,4,0,65605,anterior\n"},
		{"as JSON", []string{"export", "--format", "json", "--out", exported}, done, ""},
		{"by day", []string{"export", "--days"}, done, "fecha,quejas,atenciones\n"},
		{"no such format", []string{"export", "--format", "xml"}, misuse, "--format"},
		{"days of JSON", []string{"export", "--days", "--format", "json"}, misuse, "--days belongs to"},
		{"whole", []string{"verify"}, done, "28 records hold"},
		{"nothing is due", []string{"close"}, done, "nothing is due"},
		{"the same again", []string{"import", write("same.csv", header+"2024,1,0,43651\n")}, done, "0 months recorded, 1 stood there already"},
		{"one more", []string{"import", write("more.csv", header+"2023,12,2,41000\n")}, done, "1 months recorded"},
		{"another number", []string{"import", write("other.csv", header+"2024,1,0,43650\n")}, failed, "other.csv: refused whole: line 2: 2024-01 is recorded"},
		{"with a reason", []string{"import", write("correct.csv", header+"2024,1,0,43650\n"), "--correct", "Un trámite se contó dos veces"}, done, "1 corrected"},
		{"wrong lines", []string{"import", write("wrong.csv", header+"2024,13,0,1\n2024,1,-1,1\n")}, failed, "wrong.csv: refused whole: line 2"},
		{"no such file", []string{"import", filepath.Join(dir, "none.csv")}, failed, "no such file"},
		{"the correction is seen", []string{"export"}, done, "2024,1,0,-1,correccion\n"},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), append(append([]string{"stats"}, tt.args...), "--data", dir), terminal{&out, &errs})
		if said := out.String() + errs.String(); status != tt.status || !strings.Contains(said, tt.out) || strings.Count(errs.String(), "\n") > 1 {
			t.Errorf("%s: status %d, %q; want %d and %q", tt.name, status, said, tt.status, tt.out)
		}
	}
	if text, err := os.ReadFile(exported); err != nil || !strings.Contains(string(text), `"atenciones": 1478647`) {
		t.Errorf("the exported JSON: %v", err)
	}
	// The commands live in the demo's time.
	answer, err := http.PostForm(p.url+"/demo/reloj", url.Values{"avanza": {"-10000h"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"stats", "import", write("future.csv", header+"2026,5,0,1\n"), "--data", dir}, terminal{&out, &errs}); status != failed || !strings.Contains(errs.String(), "has not ended") {
		t.Errorf("a month that has not come: %d, %s", status, errs.String())
	}
	if status := run(t.Context(), []string{"stats", "verify"}, terminal{&out, &errs}); status != misuse {
		t.Errorf("no place: %d", status)
	}
}
