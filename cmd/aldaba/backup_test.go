package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestBackup backs up a demo that works, and restores it after it has stopped;
// every refusal is one line with its status.
func TestBackup(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	p := start(t, "--data", dir)
	out := filepath.Join(elsewhere, "copia")
	said, errs := aldaba(t, done, "backup", "--data", dir, out)
	for _, what := range []string{"13 people", " accounts, ", " bytes in " + out + "\n", "key ring is not in it"} {
		if !strings.Contains(said, what) || errs != "" {
			t.Errorf("backup says %q and %q, want %q", said, errs, what)
		}
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"backup", "--data", dir, out}, failed, "already there"},
		{[]string{"backup", "--data", dir}, misuse, "<out>"},
		{[]string{"backup", out}, misuse, "--config FILE"},
		{[]string{"backup", "--data", filepath.Join(dir, "none"), out}, failed, "none"},
		{[]string{"backup", "--data", dir, filepath.Join(dir, "none", "x")}, failed, "folder"},
		{[]string{"backup", "--data", dir, "--database", "postgres://x/y", out + "2"}, failed, "pg_dump"},
		{[]string{"restore", "--data", dir, "--database", "postgres://x/y", out}, failed, "pg_restore"},
		{[]string{"restore", "--data", dir}, misuse, "<in>"},
		{[]string{"restore", out}, misuse, "--config FILE"},
		{[]string{"restore", "--data", dir, out}, failed, "stop it first"},
	} {
		if said, errs := aldaba(t, c.status, c.args...); !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 || said != "" {
			t.Errorf("%v says %q and %q, want one line with %q", c.args, said, errs, c.says)
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil { // its -wal stays
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	said, errs = aldaba(t, done, "restore", "--data", dir, out)
	for _, what := range []string{"restored: 13 people", "kept: what was there, as a backup: ", "ended: ", "lost: "} {
		if !strings.Contains(said, what) || errs != "" {
			t.Errorf("restore says %q and %q, want %q", said, errs, what)
		}
	}
	aldaba(t, done, "audit", "verify", "--data", dir)
	start(t, "--data", dir) // it goes on
}

// TestServeRefusesADemo: fake people serve nobody real, and a demo's backup does
// not get into an installation.
func TestServeRefusesADemo(t *testing.T) {
	dir := t.TempDir()
	start(t, "--data", dir)
	file := filledIn(t, relay(t))
	aldaba(t, done, "migrate", "--config", file)
	ours := filepath.Join(t.TempDir(), "copia")
	aldaba(t, done, "backup", "--config", file, ours)
	aldaba(t, done, "restore", "--config", file, ours)
	aldaba(t, done, "check", "--config", file)

	theirs := filepath.Join(t.TempDir(), "copia")
	aldaba(t, done, "backup", "--data", dir, theirs)
	ring, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, errs := aldaba(t, failed, "restore", "--config", file, theirs); !strings.Contains(errs, "another key ring") {
		t.Errorf("restore of another ring's: %q", errs)
	}
	writeFile(t, filepath.Join(filepath.Dir(file), "keys.json"), string(ring))
	if _, errs := aldaba(t, failed, "restore", "--config", file, theirs); !strings.Contains(errs, "fake people") {
		t.Errorf("restore of a demo's: %q", errs)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, strings.Replace(string(content), "aldaba.db", filepath.Join(dir, "aldaba.db"), 1))
	register := filepath.Join(t.TempDir(), "registro.csv")
	example, _ := aldaba(t, done, "registry", "example")
	writeFile(t, register, example)
	for _, command := range [][]string{{"serve"}, {"check"}, {"registry", "import", register}} {
		if said, errs := aldaba(t, failed, append(command, "--config", file)...); !strings.Contains(errs, "fake people of a demo") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v on a demo's database: %q, %q", command, said, errs)
		}
	}
	aldaba(t, done, "registry", "import", register, "--data", dir, "--dry-run")
}

// watched runs the program and kills it when the folder has held as many
// different names as asked for; it reports whether it was killed.
func watched(t *testing.T, dir string, names int, args ...string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	seen := map[string]bool{}
	look := func() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
		}
		for _, e := range entries {
			seen[e.Name()] = true
		}
	}
	look()
	before := len(seen)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(50 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v: %v, %s", args, err, errs.String())
			}
			return false
		case <-tick.C:
			look()
			if len(seen)-before >= names {
				_ = cmd.Process.Kill() // it may have ended
				return <-ended != nil
			}
		}
	}
}

// TestKilledInTheMiddle kills backups and restores at every step that shows in
// the folder: the database is always the old one or the new one, whole, and the
// same command goes through afterwards.
func TestKilledInTheMiddle(t *testing.T) {
	dir, backups := t.TempDir(), t.TempDir()
	p := start(t, "--data", dir, "--people", "300")
	old := filepath.Join(backups, "vieja")
	aldaba(t, done, "backup", "--data", dir, old)
	var busy sync.WaitGroup
	stop := make(chan struct{})
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			answer, err := http.PostForm(p.url+"/clave/generar-recuperar", url.Values{
				"necesita": {"generate"}, "documento": {"cedula"}, "soy": {"afiliado"}, "numero": {"1710034065"},
			})
			if err != nil {
				t.Error(err)
				return
			}
			_ = answer.Body.Close()
		}
	})
	killed := 0
	for names := range 6 {
		out := filepath.Join(backups, "nueva"+string(rune('a'+names)))
		if watched(t, backups, names+1, "backup", "--data", dir, out) {
			killed++
		}
	}
	close(stop)
	busy.Wait()
	t.Logf("%d backups killed", killed)
	if killed == 0 {
		t.Error("no backup was killed in the middle")
	}
	aldaba(t, done, "backup", "--data", dir, filepath.Join(backups, "después"))
	torn, err := filepath.Glob(filepath.Join(backups, ".*"))
	if err != nil || len(torn) > 0 {
		t.Errorf("torn files stay: %v, %v", torn, err)
	}

	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
	if err := os.Remove(filepath.Join(dir, "audit-heads.jsonl")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err) // the old database lies behind what was kept
	}
	aldaba(t, done, "audit", "verify", "--data", dir)
	named, err := filepath.Glob(filepath.Join(backups, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, whole := range named { // what got its name is whole, whenever its maker was killed
		aldaba(t, done, "restore", "--data", dir, whole)
	}
	killed = 0
	for names := range 12 {
		if watched(t, dir, names+1, "restore", "--data", dir, old) {
			killed++
		}
		aldaba(t, done, "audit", "verify", "--data", dir)
	}
	t.Logf("%d restores killed", killed)
	if killed == 0 {
		t.Error("no restore was killed in the middle")
	}
	aldaba(t, done, "restore", "--data", dir, old)
	start(t, "--data", dir, "--people", "300")
}
