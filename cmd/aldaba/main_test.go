package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"aldaba/internal/credential"
)

// asProgram makes the test binary run main: a real process to signal and kill.
const asProgram = "ALDABA_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestMisuse holds every refusal of the command line to one line on stderr that
// names what was wrong, and to its exit status.
func TestMisuse(t *testing.T) {
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = occupied.Close() }()
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(path)
	}
	noDatabase := write("no-database/aldaba.db", strings.Repeat("not a database ", 400))
	write("no-database/keys.json", string(credential.NewKeyFile()))
	cases := []struct {
		name   string
		args   string
		status int
		says   string
	}{
		{"no command", "", misuse, "demo"},
		{"unknown command", "frob", misuse, "frob"},
		{"unknown flag", "demo --nope", misuse, "--nope"},
		{"unknown policy", "demo --policy nope", misuse, "ficha-2026"},
		{"unknown key", "demo --set nope=1", misuse, "link_life"},
		{"no value", "demo --set link_life", misuse, "key=value"},
		{"bad duration", "demo --set link_life=soon", misuse, "link_life"},
		{"outside its range", "demo --set code_tries=1000", misuse, "code_tries"},
		{"bad address", "demo --listen nowhere", misuse, "--listen nowhere"},
		{"bad port", "demo --listen 127.0.0.1:99999", misuse, "--listen"},
		{"bad number", "demo --people many", misuse, "--people"},
		{"too many people", "demo --people 10000000", misuse, "--people"},
		{"bad database", "demo --database mysql://x", misuse, "postgres://"},
		{"bad relay", "demo --smtp nowhere", misuse, "--smtp nowhere"},
		{"no such institution", "demo --institution " + filepath.Join(dir, "nobody"), failed, "--institution: " + filepath.Join(dir, "nobody") + " is not there; `aldaba config example"},
		{"no PostgreSQL there", "demo --listen 127.0.0.1:0 --staff-listen 127.0.0.1:0 --database postgres://127.0.0.1:1/none --data " +
			filepath.Join(dir, "unused"), failed, "PostgreSQL"},
		{"port in use", "demo --data " + filepath.Join(dir, "unused") + " --listen " + occupied.Addr().String(), failed, "in use"},
		{"no database at all", "demo --listen 127.0.0.1:0 --staff-listen 127.0.0.1:0 --data " + noDatabase, failed, "aldaba.db"},
		{"database without its ring", "demo --listen 127.0.0.1:0 --staff-listen 127.0.0.1:0 --data " +
			write("no-ring/aldaba.db", "x"), failed, "key ring"},
		{"broken ring", "demo --listen 127.0.0.1:0 --staff-listen 127.0.0.1:0 --data " +
			write("bad-ring/keys.json", "{}"), failed, "keys.json"},
		{"nothing to verify at", "audit verify", misuse, "--config FILE"},
		{"nothing to verify", "audit verify --data " + filepath.Join(dir, "none"), failed, "none"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			status := run(t.Context(), strings.Fields(c.args), terminal{&out, &err})
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if n := strings.Count(err.String(), "\n"); n != 1 || !strings.Contains(err.String(), c.says) {
				t.Errorf("stderr %q, want one line with %q", err.String(), c.says)
			}
			if out.Len() > 0 {
				t.Errorf("stdout %q, want nothing", out.String())
			}
		})
	}
	_, statErr := os.Stat(filepath.Join(dir, "unused"))
	if !os.IsNotExist(statErr) {
		t.Error("a start that failed left its folder behind")
	}
}

// program is a running demo.
type program struct {
	cmd *exec.Cmd
	url string
}

func start(t *testing.T, args ...string) program {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{
		"demo", "--listen", "127.0.0.1:0", "--staff-listen", "127.0.0.1:0", "--people", "0",
		"--set", "hash_memory_kib=64", "--set", "hash_passes=1", "--set", "captcha_cost=0",
	}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := address.FindString(lines.Text()); found != "" {
			go func() {
				for lines.Scan() { // keep the pipe empty
				}
			}()
			return program{cmd, found}
		}
	}
	t.Fatal("the demo printed no address")
	return program{}
}

// TestGoesOnAfterKill kills the demo in the middle of a journey: the same
// folder goes on where it stopped, a cookie and the moved clock included.
func TestGoesOnAfterKill(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data", dir, "--seed", "otra")
	var people []struct{ Numero string }
	getJSON(t, p.url+"/demo/personas.json", &people)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.PostForm(p.url+"/clave/generar-recuperar", url.Values{
		"necesita": {"generate"}, "documento": {"cedula"}, "soy": {"afiliado"}, "numero": {people[0].Numero},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther || len(answer.Cookies()) != 1 {
		t.Fatalf("«Buscar»: %s with %d cookies", answer.Status, len(answer.Cookies()))
	}
	moved, err := client.PostForm(p.url+"/demo/reloj", url.Values{"avanza": {"10m"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = moved.Body.Close()
	err = p.cmd.Process.Signal(syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()

	p = start(t, "--data", dir)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+answer.Header.Get("Location"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.AddCookie(answer.Cookies()[0])
	page, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = page.Body.Close()
	if page.StatusCode != http.StatusOK {
		t.Errorf("the proof page after the restart: %s", page.Status)
	}
	offset, err := os.ReadFile(filepath.Join(dir, "clock"))
	if err != nil || strings.TrimSpace(string(offset)) != "10m0s" {
		t.Errorf("the clock's offset after the restart is %q, %v", offset, err)
	}
	var out, errs bytes.Buffer
	err = p.cmd.Process.Signal(syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	err = p.cmd.Wait()
	if err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
	status := run(t.Context(), []string{"audit", "verify", "--data", dir}, terminal{&out, &errs})
	if status != done || !strings.Contains(out.String(), "hold") {
		t.Errorf("audit verify: %d, %s%s", status, out.String(), errs.String())
	}
	for _, other := range [][]string{{"--seed", "another"}, {"--people", "3"}} {
		errs.Reset()
		args := append([]string{"demo", "--listen", "127.0.0.1:0", "--staff-listen", "127.0.0.1:0", "--people", "0", "--data", dir}, other...)
		if status := run(t.Context(), args, terminal{&out, &errs}); status != failed || !strings.Contains(errs.String(), other[0]) {
			t.Errorf("%v on the same folder: %d, %s", other, status, errs.String())
		}
	}
}

func getJSON(t *testing.T, from string, into any) {
	t.Helper()
	answer, err := http.Get(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	err = json.NewDecoder(answer.Body).Decode(into)
	if err != nil {
		t.Fatal(err)
	}
}
