package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// relay is a mail server on this machine that takes one password.
func relay(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return session{}, nil }))
	server.AllowInsecureAuth = true
	server.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }() // it ends when the test closes it
	t.Cleanup(func() { _ = server.Close(); <-done })
	return listener.Addr().String()
}

type session struct{}

func (session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "aldaba" || password != "secreto" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (session) Mail(string, *smtp.MailOptions) error { return nil }
func (session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (session) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }
func (session) Reset()                               {}
func (session) Logout() error                        { return nil }

// aldaba runs a command inside the test.
func aldaba(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(t.Context(), args, terminal{&out, &errs}); status != want {
		t.Errorf("aldaba %s: status %d, want %d\n%s%s", strings.Join(args, " "), status, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// filledIn is the example with its files beside it, for this machine; edits are
// pairs of what to replace.
func filledIn(t *testing.T, relay string, edits ...string) (file string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "aldaba.toml")
	text, _ := aldaba(t, done, "config", "example")
	edits = append(edits, "smtp.institucion.example:587", relay, `security = "starttls"`, `security = "none"`,
		"127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:8081", "127.0.0.1:0", "127.0.0.1:8082", "127.0.0.1:0")
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("the example has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	writeFile(t, file, text)
	aldaba(t, done, "keys", "new", filepath.Join(dir, "keys.json"))
	writeFile(t, filepath.Join(dir, "smtp-password"), "secreto\n")
	return file
}

// institutionBeside writes the example of an institution's folder beside a
// configuration; edits are pairs of what to replace in its files.
func institutionBeside(t *testing.T, config string, edits ...string) (folder string) {
	t.Helper()
	folder = filepath.Join(filepath.Dir(config), "institution")
	aldaba(t, done, "config", "example", "--institution", folder)
	names, err := filepath.Glob(filepath.Join(folder, "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(edits); i += 2 {
			text = bytes.Replace(text, []byte(edits[i]), []byte(edits[i+1]), 1)
		}
		writeFile(t, name, string(text))
	}
	return folder
}

// TestInstitutionFolder: the example of the folder holds, is never written over
// anything, and one fault in it keeps the program from starting.
func TestInstitutionFolder(t *testing.T) {
	file := filledIn(t, relay(t), "# institution =", "institution =")
	_, errs := aldaba(t, failed, "check", "--config", file)
	if !strings.Contains(errs, "/institution is not there; `aldaba config example --institution ") || strings.Count(errs, "\n") != 1 {
		t.Errorf("check without the folder: %q", errs)
	}
	folder := institutionBeside(t, file)
	aldaba(t, done, "migrate", "--config", file)
	out, _ := aldaba(t, done, "check", "--config", file)
	if !strings.Contains(out, "the site is that of Instituto Ecuatoriano de Seguridad Social (ejemplo), and says that it is not official\n") {
		t.Errorf("check says %q", out)
	}
	if !regexp.MustCompile(`(?m)^agreement: version 2026-11 since 2026-11-01, es [0-9a-f]{16}, en [0-9a-f]{16}$`).MatchString(out) {
		t.Errorf("check says nothing of the agreement: %q", out)
	}
	if _, errs = aldaba(t, failed, "config", "example", "--institution", folder); !strings.Contains(errs, "is not empty and is left as it is") {
		t.Errorf("the example over a folder that is there: %q", errs)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(folder), ".aldaba-*")); err != nil || len(left) > 0 {
		t.Errorf("drafts stay: %v, %v", left, err)
	}
	main := filepath.Join(folder, "institution.toml")
	own, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, main, strings.Replace(string(own), "official = false", "official = true", 1))
	out, _ = aldaba(t, done, "check", "--config", file)
	for _, left := range []string{
		"institution: " + file + ":13: public_url: \"https://tramites.institucion.example\" is the example's; write your own\n",
		"institution: " + main + ":11: name: \"Instituto Ecuatoriano de Seguridad Social (ejemplo)\" is the example's; write your own\n",
	} {
		if !strings.Contains(out, left) {
			t.Errorf("check of an official site with the example's values says %q, want %q", out, left)
		}
	}
	writeFile(t, main, string(own))
	sheet := filepath.Join(folder, "en", "tramites", "cambio-de-clave.toml")
	if err := os.Remove(sheet); err != nil {
		t.Fatal(err)
	}
	if out, _ = aldaba(t, done, "check", "--config", file); !strings.Contains(out, "institution: the sheet cambio-de-clave is shown in \"es\" to who reads \"en\": "+sheet+" is not there\n") {
		t.Errorf("check of a sheet that is not translated says %q", out)
	}
	services := filepath.Join(folder, "services.toml")
	text, err := os.ReadFile(services)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, services, strings.Replace(string(text), "level = 1\n", "", 1))
	for _, command := range []string{"serve", "check"} {
		_, errs = aldaba(t, failed, command, "--config", file)
		if !strings.HasPrefix(errs, "aldaba: "+services+":") && !strings.HasPrefix(errs, services+":") || !strings.Contains(errs, ": service.agendamiento-citas.level: is missing") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s with a service that states no level: %q", command, errs)
		}
	}
}

// TestDemoOfAFolder: the demo shows an institution's own folder, and names what is wrong
// with it as serve does.
func TestDemoOfAFolder(t *testing.T) {
	config := filepath.Join(t.TempDir(), "aldaba.toml") // only the folder beside it counts
	folder := institutionBeside(t, config, "official = false", "official = true", "(ejemplo)", "de la Prueba",
		"https://servicios.institucion.example/agendamiento-citas", "http://127.0.0.1:9/citas")
	p := start(t, "--institution", folder)
	reply, err := http.Get(p.url)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(reply.Body)
	if err = errors.Join(err, reply.Body.Close()); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Instituto Ecuatoriano de Seguridad Social de la Prueba", "Demostración: no es un sitio oficial."} {
		if !bytes.Contains(page, []byte(part)) {
			t.Errorf("the door lacks %q", part)
		}
	}
	if reply, err = http.Get(p.url + "/demo/servicios/agendamiento-citas"); err != nil || reply.Body.Close() != nil || reply.StatusCode != http.StatusOK {
		t.Errorf("a service of the folder: %v, %v", reply, err)
	}

	main := filepath.Join(folder, "institution.toml")
	text, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, main, strings.NewReplacer("name = \"", "nombre = \"", "answer_days = 15", "answer_days = 0").Replace(string(text)))
	data := filepath.Join(t.TempDir(), "data")
	_, errs := aldaba(t, failed, "demo", "--listen", "127.0.0.1:0", "--staff-listen", "127.0.0.1:0", "--data", data, "--institution", folder)
	for _, fault := range []string{main + ":", "nombre: there is no such key", "complaints.answer_days: "} {
		if !strings.Contains(errs, fault) {
			t.Errorf("the faults %q lack %q", errs, fault)
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a start that failed left its folder behind (%v)", err)
	}
}

// TestExamplePassesCheck takes the printed example, makes the files that it
// names, and checks it; then takes away what it needs, one by one.
func TestExamplePassesCheck(t *testing.T) {
	file := filledIn(t, relay(t))
	beside := func(name string) string { return filepath.Join(filepath.Dir(file), name) }

	_, errs := aldaba(t, failed, "check", "--config", file)
	if !strings.Contains(errs, "aldaba.db: there is no such file; `aldaba migrate` makes it") || strings.Count(errs, "\n") != 1 {
		t.Errorf("check before migrate: %q", errs)
	}
	_, errs = aldaba(t, failed, "serve", "--config", file)
	if !strings.Contains(errs, "`aldaba migrate`") || strings.Count(errs, "\n") != 1 {
		t.Errorf("serve before migrate: %q", errs)
	}
	if _, err := os.Stat(beside("aldaba.db")); err == nil {
		t.Error("check or serve made a database")
	}
	aldaba(t, done, "migrate", "--config", file)
	aldaba(t, done, "migrate", "--config", file) // there is nothing left to do
	out, errs := aldaba(t, done, "check", "--config", file)
	for _, what := range []string{"configuration: ", "database: answers", "relay: 127.0.0.1:"} {
		if !strings.Contains(out, what) {
			t.Errorf("check says %q, want a line with %q", out, what)
		}
	}
	if strings.Count(out, "\n") != 4 || errs != "" {
		t.Errorf("check says %q and %q, want four lines", out, errs)
	}
	out, _ = aldaba(t, done, "audit", "verify", "--config", file)
	if !strings.Contains(out, "hold") {
		t.Errorf("audit verify says %q", out)
	}

	writeFile(t, beside("smtp-password"), "otro")
	if _, errs = aldaba(t, failed, "check", "--config", file); !strings.HasPrefix(errs, "aldaba: relay: ") || strings.Contains(errs, "otro") {
		t.Errorf("check with another password: %q", errs)
	}
	_, errs = aldaba(t, misuse, "serve", "--config", file, "--set", "captcha_cost=0")
	if !strings.Contains(errs, "--set captcha_cost=0") || strings.Count(errs, "\n") != 1 {
		t.Errorf("serve without captcha: %q", errs)
	}
	_, errs = aldaba(t, misuse, "audit", "verify", "--config", file, "--data", filepath.Dir(file))
	if !strings.Contains(errs, "one of --config FILE and --data DIR") {
		t.Errorf("audit verify with both: %q", errs)
	}

	ring := beside("keys.json")
	before, err := os.ReadFile(ring)
	if err != nil {
		t.Fatal(err)
	}
	if _, errs = aldaba(t, failed, "keys", "new", ring); !strings.Contains(errs, "already there") {
		t.Errorf("keys new over a ring: %q", errs)
	}
	if after, err := os.ReadFile(ring); err != nil || !bytes.Equal(before, after) {
		t.Error("keys new changed a ring that was there")
	}
	if info, err := os.Stat(ring); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the ring's mode is %v, %v", info.Mode(), err)
	}
	if err := os.Remove(ring); err != nil {
		t.Fatal(err)
	}
	aldaba(t, done, "keys", "new", ring)
	for _, command := range []string{"check", "serve", "migrate"} {
		if _, errs = aldaba(t, failed, command, "--config", file); !strings.Contains(errs, "another key ring") {
			t.Errorf("%s with another ring: %q", command, errs)
		}
	}
}

// TestFaultsAreLines: every fault of a file is a line on stderr, and nothing starts.
func TestFaultsAreLines(t *testing.T) {
	file := filledIn(t, "127.0.0.1:25", "https://tramites.institucion.example", "tramites", "link_cap", "link_caps",
		`level = "info"`, `level = "loud"`, "# link_caps", "link_caps")
	for _, command := range []string{"serve", "check", "migrate"} {
		_, errs := aldaba(t, failed, command, "--config", file)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], ": public_url: ") || !strings.Contains(lines[1], ": policy.link_caps: ") || !strings.Contains(lines[2], ": log.level: ") {
			t.Errorf("%s says %q, want a line for each of three faults", command, errs)
		}
		for _, line := range lines {
			if !strings.HasPrefix(line, file+":") {
				t.Errorf("%q does not begin with file and line", line)
			}
		}
	}
	_, errs := aldaba(t, failed, "check", "--config", filepath.Join(t.TempDir(), "none.toml"))
	if !strings.Contains(errs, "none.toml: no such file") || strings.Count(errs, "\n") != 1 {
		t.Errorf("check without a file: %q", errs)
	}
	_, errs = aldaba(t, misuse, "serve")
	if !strings.Contains(errs, "--config") {
		t.Errorf("serve without --config: %q", errs)
	}
}

// TestServe starts the program as an institution does, its relay away, and ends
// it by SIGTERM.
func TestServe(t *testing.T) {
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = away.Close() // a port where nobody answers
	file := filledIn(t, away.Addr().String(), "# institution =", "institution =")
	institutionBeside(t, file, "Instituto Ecuatoriano de Seguridad Social (ejemplo)", "Instituto de los Ríos", "official = false", "official = true")
	aldaba(t, done, "migrate", "--config", file)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "serve", "--config", file, "--set", "hash_passes=3")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var logged bytes.Buffer
	cmd.Stderr = &logged
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	at := map[string]string{}
	lines := bufio.NewScanner(out)
	for len(at) < 3 && lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && strings.HasPrefix(fields[1], "http://") {
			at[fields[0]] = fields[1]
		}
	}
	if len(at) < 3 {
		t.Fatalf("serve printed no three addresses: %v", lines.Err())
	}
	ask := func(address string, want int) string {
		t.Helper()
		answer, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != want {
			t.Errorf("GET %s: %s, %v; want %d", address, answer.Status, err, want)
		}
		return string(body)
	}
	ask(at["operation"]+"/healthz", http.StatusOK)
	if ready := ask(at["operation"]+"/readyz", http.StatusOK); ready != "ok\n" {
		t.Errorf("readyz says %q", ready)
	}
	if figures := ask(at["operation"]+"/metrics", http.StatusOK); !strings.Contains(figures, "aldaba_build_info{") || !strings.Contains(figures, "aldaba_mail_waiting 0") {
		t.Errorf("metrics says %s", figures)
	}
	page := ask(at["citizens"]+"/clave/generar-recuperar?secreto=1", http.StatusOK)
	if !strings.Contains(page, "Instituto de los Ríos") || strings.Contains(strings.ToLower(page), "demostración") || strings.Contains(page, "sitio oficial") {
		t.Error("the first page does not show the institution alone")
	}
	for _, path := range []string{
		"/demo/personas.json", "/demo/personas", "/demo/correo", "/demo/correo.json", "/demo/correo/1", "/demo/reloj",
		"/healthz", "/readyz", "/metrics",
	} {
		ask(at["citizens"]+path, http.StatusNotFound)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} { // a third listener has them
		ask(at["staff"]+path, http.StatusNotFound)
	}
	ask(at["staff"]+"/", http.StatusOK)

	if err = cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err = cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
	requests := 0
	for line := range strings.Lines(logged.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("the log has a line that is no JSON: %s", line)
		}
		if entry["msg"] == "request" {
			requests++
			if entry["route"] == nil || entry["status"] == nil || entry["took"] == nil {
				t.Errorf("a request's line without route, status or time: %s", line)
			}
		}
	}
	if requests != 14 || strings.Contains(logged.String(), "secreto") {
		t.Errorf("%d requests are logged, want those of both sites; query and address never:\n%s", requests, logged.String())
	}
}
