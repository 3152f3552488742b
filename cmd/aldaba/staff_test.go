package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStaffActivationCode: a code is made beside a demo that serves, its person is
// told, and every refusal is one line with its status.
func TestStaffActivationCode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	p := start(t, "--data", dir, "--policy", "reforzada")
	other := filepath.Join(t.TempDir(), "ficha")
	_ = start(t, "--data", other)
	var people []struct{ Caso, Numero, Correo string }
	answer, err := http.Get(p.url + "/demo/personas.json")
	if err != nil {
		t.Fatal(err)
	}
	err = json.NewDecoder(answer.Body).Decode(&people)
	_ = answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	number := map[string]string{}
	for _, one := range people {
		number[one.Caso] = one.Numero
	}
	do := func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		status := run(t.Context(), append([]string{"staff", "activation-code"}, args...), terminal{&out, &err})
		return status, out.String(), err.String()
	}
	shape := regexp.MustCompile(`(?m)^[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}$`)
	seen := map[string]bool{}
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string // on stdout when done, else on stderr
	}{
		{"cédula", []string{number["nueva-presencial"], "--data", dir, "--reason", "Vino con su cédula", "--office", "Quito"}, done, "valid once"},
		{"again", []string{number["nueva-presencial"], "--data", dir, "--reason", "Perdió el papel"}, done, "valid once"},
		{"RUC", []string{number["empleador"], "--data", dir, "--reason", "x"}, done, "valid once"},
		{"foreign code", []string{number["extranjera"], "--data", dir, "--reason", "x"}, done, "valid once"},
		{"the dead", []string{number["fallecida"], "--data", dir, "--reason", "x"}, failed, "fallecida"},
		{"nobody", []string{"1710034065", "--data", dir, "--reason", "x"}, failed, "Nadie"},
		{"wrong number", []string{"1710034066", "--data", dir, "--reason", "x"}, misuse, "cédula"},
		{"wrong document", []string{number["nueva"], "--document", "pasaporte", "--data", dir, "--reason", "x"}, misuse, "documento"},
		{"no reason", []string{number["nueva"], "--data", dir}, misuse, "--reason"},
		{"empty reason", []string{number["nueva"], "--data", dir, "--reason", "  "}, failed, "motivo"},
		{"long reason", []string{number["nueva"], "--data", dir, "--reason", strings.Repeat("x", 201)}, failed, "motivo"},
		{"nowhere", []string{number["nueva"], "--reason", "x"}, misuse, "--config"},
		{"another policy", []string{number["nueva"], "--data", other, "--reason", "x"}, done, "valid once"},
		{"no folder", []string{number["nueva"], "--data", filepath.Join(dir, "none"), "--reason", "x"}, failed, "none"},
	} {
		status, out, errs := do(c.args...)
		said := errs
		if c.status == done {
			said = out
			code := shape.FindString(out)
			if code == "" || seen[code] {
				t.Errorf("%s: no code of its own in %q", c.name, out)
			}
			seen[code] = true
		}
		if status != c.status || !strings.Contains(said, c.says) || (status != done) != (strings.Count(errs, "\n") == 1) {
			t.Errorf("%s: %d\n%s%s", c.name, status, out, errs)
		}
	}
	address := func(args ...string) (int, string) {
		var out, err bytes.Buffer
		status := run(t.Context(), append([]string{"staff", "address", number["nueva"], "--data", dir, "--reason", "Perdió su correo"}, args...), terminal{&out, &err})
		return status, out.String() + err.String()
	}
	if status, said := address("--email", "ana@correo.example", "--office", "Quito"); status != done || !strings.Contains(said, "verified in person") {
		t.Errorf("an address: %d\n%s", status, said)
	}
	if status, said := address("--email", "no es correo"); status != failed || strings.Count(said, "\n") != 1 {
		t.Errorf("a wrong address: %d\n%s", status, said)
	}
	if status, _ := address(); status != misuse {
		t.Errorf("no address: %d", status)
	}
}
