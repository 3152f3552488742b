package main

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestStaffComplaints: what was written beside a demo that serves can be read, inert
// in a terminal and in a spreadsheet.
func TestStaffComplaints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	p := start(t, "--data", dir, "--set", "captcha_cost=0")
	do := func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		status := run(t.Context(), append([]string{"staff", "complaints"}, args...), terminal{&out, &err})
		return status, out.String(), err.String()
	}
	if status, out, _ := do("--data", dir); status != done || out != "no complaint waits for an answer\n" {
		t.Errorf("without any: %d %q", status, out)
	}
	const hostile = "=cmd|'/C calc'!A1\x1b[2J\u202e\r\nQ-2222-3333  received;=1+1;\"+2\", -3"
	for _, text := range []string{hostile, "Otra cosa"} {
		once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := once.PostForm(p.url+"/quejas", url.Values{"tipo": {"complaint"}, "asunto": {"unlock"}, "texto": {text}, "correo": {"rosa@correo.example"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusSeeOther {
			t.Fatalf("the complaint was answered with %s", answer.Status)
		}
	}
	status, out, _ := do("--data", dir)
	for _, must := range []string{
		"confirmed by: none\n  kind: Queja\n  procedure: Desbloqueo de clave\n  e-mail: rosa@correo.example\n  | =cmd", "\n  | Q-2222-3333  received", "  | Otra cosa\n",
	} {
		if status != done || !strings.Contains(out, must) {
			t.Errorf("%d, and no %q in\n%s", status, must, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\r\u202e") {
		t.Errorf("the terminal gets %q", out)
	}
	if _, out, _ := do("--data", dir, "--most", "1"); !strings.Contains(out, "1 shown; there may be more") || strings.Contains(out, "Otra cosa") {
		t.Errorf("one at most:\n%s", out)
	}
	_, out, _ = do("--data", dir, "--csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v:\n%s", len(rows), err, out)
	}
	if got, want := rows[1][8], "'=cmd|'/C calc'!A1[2J\nQ-2222-3333  received;'=1+1;\"'+2\", '-3"; got != want {
		t.Errorf("the cell is %q, want %q", got, want)
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--data", dir, "--since", "2040-01-01"}, done, ""},
		{[]string{"--data", dir, "--since", "ayer"}, failed, "2026-11-20"},
		{[]string{"--data", dir, "--most", "0"}, misuse, "1000"},
		{nil, misuse, "--config"},
		{[]string{"--data", filepath.Join(dir, "none")}, failed, "none"},
	} {
		status, _, errs := do(c.args...)
		if status != c.status || !strings.Contains(errs, c.says) {
			t.Errorf("%v: %d %s", c.args, status, errs)
		}
	}
}
