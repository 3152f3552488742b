package site

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore/pgtest"
)

// stored is what a command finds of a world: the same database and keys.
func (w *world) stored() Config {
	c := w.site.config
	return Config{Database: c.Database, Keys: c.Keys, Policy: c.Policy, HeadsFile: c.HeadsFile, Now: c.Now}
}

// wrong fails unless err says what.
func wrong(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), what) {
		t.Errorf("%v, want %q", err, what)
	}
}

// TestRestoreEndsWhatLived: a backup is made while people are in the middle of
// their journeys; after it a link is used and attempts are spent. Restored,
// everything is as it was but for what must not come back.
func TestRestoreEndsWhatLived(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "aldaba.db"), with("attempts", "2"))
	p, other, third := w.people["con-clave"], w.people["nueva"], w.people["con-clave-presencial"]
	b := w.browser()
	b.sent(credential.Recover, p, p.Email)
	link := linkIn(t, w.activation(p.Email, 1), "/clave/enlace/")
	w.browser().sent(credential.Generate, other, "nueva@correo.example")
	unused := linkIn(t, w.activation("nueva@correo.example", 1), "/clave/enlace/")

	// Somebody's whole journey runs while the backup is made.
	var journey sync.WaitGroup
	journey.Go(func() { w.browser().finished(credential.Recover, third, third.Email, goodClave) })
	file := filepath.Join(t.TempDir(), "copia.aldaba")
	report, err := Backup(t.Context(), w.stored(), file)
	journey.Wait()
	info, statErr := os.Stat(file)
	if err != nil || statErr != nil {
		t.Fatal(err, statErr)
	}
	if report.People != 18 || report.Accounts == 0 || report.Bytes != info.Size() || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %+v, %v", report, info.Mode())
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Backup(t.Context(), w.stored(), file)
	wrong(t, err, "already there")

	b.get(link).want(303).follow().want(200).press("Continuar").want(303).follow().want(200).setClave(goodClave).want(303)
	if !w.hasClave(p, goodClave) {
		t.Fatal("the link did not set the clave")
	}
	for range 2 {
		page := w.browser().begin(credential.Recover, third).want(303).follow().want(200)
		wrongly := page.proof(third)
		for i := 4; i < len(wrongly); i += 2 {
			wrongly[i+1] = "nada de esto"
		}
		page.press("Continuar", wrongly...).want(303).follow().want(200).press("Aceptar").want(422)
	}

	_, err = Restore(t.Context(), w.stored(), file)
	wrong(t, err, "stop it first")
	w.halt() // the heads are kept, with rows the backup does not have
	w.halt = func() {}
	restored, err := Restore(t.Context(), w.stored(), file)
	if err != nil {
		t.Fatal(err)
	}
	if restored.Damaged != nil || restored.Audit != nil || !restored.Spent || restored.Heads != 1 || restored.Ahead != 1 || restored.Procedures < 2 {
		t.Errorf("restored: %+v", restored)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(content, after) {
		t.Error("the backup was changed")
	}
	_, err = VerifyAudit(t.Context(), w.site.config.Database, w.site.config.Keys, nil)
	if err != nil {
		t.Error(err)
	}
	kept, err := KeptHeads(w.site.config.HeadsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = VerifyAudit(t.Context(), w.site.config.Database, w.site.config.Keys, kept)
	if _, ok := errors.AsType[*credential.AuditFault](err); !ok {
		t.Errorf("against the heads of before the audit says %v, want what is missing", err)
	}

	w.restart()
	if w.hasClave(p, goodClave) {
		t.Error("a clave set after the backup is still there")
	}
	b.get(link).want(410)
	w.browser().get(unused).want(410)
	page := w.browser().begin(credential.Recover, third)
	if page.Code == 303 {
		page = page.follow()
	}
	if page.Code != 429 {
		page = page.press("Continuar", page.proof(third)...)
		if page.Code == 303 {
			page = page.follow().press("Aceptar")
		}
	}
	page.want(429) // the attempts are spent as they were
	w.browser().finished(credential.Recover, p, p.Email, "otra-clave-colibrí-88")
	if !w.hasClave(p, "otra-clave-colibrí-88") {
		t.Error("nobody can recover after the restore")
	}

	// What was there is a backup too: the way back.
	w.halt()
	w.halt = func() {}
	_, err = Restore(t.Context(), w.stored(), restored.Kept)
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	if !w.hasClave(p, goodClave) {
		t.Error("the way back did not bring the clave back")
	}
}

// TestRestoreRefuses: what is refused changes nothing.
func TestRestoreRefuses(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "aldaba.db"), idle())
	c := w.stored()
	file := filepath.Join(t.TempDir(), "copia")
	if _, err := Backup(t.Context(), c, file); err != nil {
		t.Fatal(err)
	}
	stranger := newWorld(t, filepath.Join(t.TempDir(), "aldaba.db"), idle())
	theirs := filepath.Join(t.TempDir(), "ajena")
	if _, err := Backup(t.Context(), stranger.stored(), theirs); err != nil {
		t.Fatal(err)
	}
	w.halt()
	w.halt = func() {}
	before, err := os.ReadFile(c.Database)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content []byte) string {
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	real := c
	real.Real = true
	nobodys := write(content)
	edit(t, nobodys, "DELETE FROM meta WHERE name = 'demo_seed'")
	newer := write(content)
	edit(t, newer, "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (99, '0099_x', 'x', 0)")
	for _, test := range []struct {
		name, from string
		config     Config
		want       string
	}{
		{"another ring", theirs, c, "another key ring"},
		{"newer", newer, c, "newer program"},
		{"truncated", write(content[:len(content)-5000]), c, "damaged"},
		{"no such file", filepath.Join(t.TempDir(), "none"), c, "no such file"},
		{"a folder", t.TempDir(), c, "is not a file"},
		{"the database itself", c.Database, c, "is the database itself"},
		{"a demo's for real people", file, real, "fake people"},
		{"real people's for a demo", nobodys, c, "holds no demo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Restore(t.Context(), test.config, test.from)
			wrong(t, err, test.want)
			if err != nil && !strings.Contains(err.Error(), test.from) {
				t.Errorf("%v does not name %s", err, test.from)
			}
		})
	}
	after, err := os.ReadFile(c.Database)
	if err != nil || !bytes.Equal(before, after) {
		t.Error("a refused restore changed the database")
	}
	for _, name := range namesIn(t, filepath.Dir(c.Database)) {
		if name != "aldaba.db" && name != "aldaba.db-lock" {
			t.Errorf("a refused restore left %s", name)
		}
	}
	away := c
	away.Database = filepath.Join(t.TempDir(), "none", "aldaba.db")
	_, err = Backup(t.Context(), away, filepath.Join(t.TempDir(), "b"))
	wrong(t, err, "no such file")
	_, err = Restore(t.Context(), away, file)
	wrong(t, err, "no such file")
	_, err = Backup(t.Context(), c, filepath.Join(t.TempDir(), "none", "b"))
	wrong(t, err, "its folder cannot be written")
	away.Database = "postgres://127.0.0.1:1/x"
	_, err = Backup(t.Context(), away, filepath.Join(t.TempDir(), "b"))
	wrong(t, err, "pg_dump")
	_, err = Restore(t.Context(), away, file)
	wrong(t, err, "pg_restore")
}

// edit runs a statement on a database file.
func edit(t *testing.T, path, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.ExecContext(t.Context(), query, args...)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestRestoreOverRuins: in the place of a database that is damaged, of another
// ring or not there at all; and what was there is kept as it was.
func TestRestoreOverRuins(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "aldaba.db"), idle())
	c := w.stored()
	file := filepath.Join(t.TempDir(), "copia")
	if _, err := Backup(t.Context(), c, file); err != nil {
		t.Fatal(err)
	}
	stranger := newWorld(t, filepath.Join(t.TempDir(), "aldaba.db"), idle())
	stranger.halt()
	stranger.halt = func() {}
	theirs, err := os.ReadFile(stranger.site.config.Database)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		db, wal  string
		leftover string
		kept     bool
	}{
		{name: "nothing there"},
		{name: "a -wal alone", wal: "huérfano"},
		{name: "ruins", db: strings.Repeat("ruina ", 2000), wal: "sus últimas palabras", kept: true},
		{name: "another ring's", db: string(theirs), kept: true},
		{name: "after a restore that was killed", leftover: "a medias"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := c
			c.Database = filepath.Join(t.TempDir(), "aldaba.db")
			for suffix, content := range map[string]string{"": test.db, "-wal": test.wal, restoring: test.leftover, restoring + "-journal": test.leftover} {
				if content == "" {
					continue
				}
				if err := os.WriteFile(c.Database+suffix, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r, err := Restore(t.Context(), c, file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(c.Database + "-wal"); err == nil {
				t.Error("another database's -wal stands beside the new one")
			}
			if r.Spent || r.Damaged == nil || (r.Kept != "") != test.kept {
				t.Errorf("restored: %+v", r)
			}
			if test.kept {
				db, err := os.ReadFile(r.Kept)
				if err != nil || string(db) != test.db {
					t.Errorf("what was there is not kept as it was, %v", err)
				}
			}
			if _, err := VerifyAudit(t.Context(), c.Database, c.Keys, nil); err != nil {
				t.Error(err)
			}
			for _, name := range namesIn(t, filepath.Dir(c.Database)) {
				if strings.Contains(name, restoring) {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}

// TestOlderBackup: one from before an upgrade is restored, and gets this
// program's schema with it.
func TestOlderBackup(t *testing.T) {
	text, err := os.ReadFile("../sqlstore/migrations/sqlite/0001_core.sql")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := credential.ParseKeyRing(credential.NewKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Database: filepath.Join(t.TempDir(), "aldaba.db"), Keys: keys, Real: true}
	sum := sha256.Sum256(text)
	edit(t, c.Database, string(text))
	edit(t, c.Database, "CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)")
	edit(t, c.Database, "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (1, '0001_core', $1, 0)", hex.EncodeToString(sum[:]))
	file := filepath.Join(t.TempDir(), "copia")
	_, err = Backup(t.Context(), c, file)
	wrong(t, err, "never used with a key ring")
	mark := keys.Lookup("key ring", nil)
	edit(t, c.Database, "INSERT INTO meta (name, value) VALUES ('key_ring', $1)", hex.EncodeToString(mark[:8]))
	if _, err = Backup(t.Context(), c, file); err != nil {
		t.Fatal(err)
	}
	r, err := Restore(t.Context(), c, file)
	if err != nil || r.Schema != 1 || r.Program < 2 {
		t.Fatalf("restored: %+v, %v", r, err)
	}
	if err := checkDatabase(t.Context(), c); err != nil {
		t.Error(err)
	}
}

// TestTornBackups: what a killed backup left is no backup, and goes with the next
// one; one that is being written stays.
func TestTornBackups(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "aldaba.db"), idle())
	dir := t.TempDir()
	torn := filepath.Join(dir, ".aldaba-backup-1.partial")
	for _, name := range []string{torn, torn + "-journal"} {
		if err := os.WriteFile(name, []byte("a medias"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Restore(t.Context(), w.stored(), torn)
	wrong(t, err, "stop it first")
	if _, err := Backup(t.Context(), w.stored(), filepath.Join(dir, "copia")); err != nil {
		t.Fatal(err)
	}
	if names := namesIn(t, dir); len(names) != 1 || names[0] != "copia" {
		t.Errorf("the folder holds %v", names)
	}
}

// TestFakePeopleAreRefused: what a demo filled serves nobody real.
func TestFakePeopleAreRefused(t *testing.T) {
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "aldaba.db"), "postgres": pgtest.Start(t)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dsn, idle())
			c := w.stored()
			c.SMTP, c.PublicURL, c.Institution = w.site.config.SMTP, w.site.config.PublicURL, w.site.config.Institution
			register := filepath.Join(t.TempDir(), "registro.csv")
			var text bytes.Buffer
			if err := WriteExampleRegister(&text, 5); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(register, text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			tries := func() map[string]error {
				service, serveErr := StartService(t.Context(), Serving{Config: c, Citizens: "127.0.0.1:0"})
				if serveErr == nil {
					serveErr = service.Close()
				}
				_, importErr := ImportRegister(t.Context(), ImportConfig{Config: c, File: register, DryRun: true})
				return map[string]error{"serve": serveErr, "check": checkDatabase(t.Context(), c), "import": importErr}
			}
			for what, err := range tries() {
				if err != nil {
					t.Errorf("%s of a demo's own: %v", what, err)
				}
			}
			c.Real = true
			for what, err := range tries() {
				if !errors.Is(err, errFakePeople) {
					t.Errorf("%s for real people: %v", what, err)
				}
			}
		})
	}
}
