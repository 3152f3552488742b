package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore"
	"aldaba/internal/sqlstore/pgtest"
	"aldaba/internal/sqlstore/storetest"
)

// database is the Database of an address, with SQL behind its back.
func database(t testing.TB, driver, dsn, raw string) storetest.Database {
	t.Helper()
	db, err := sql.Open(driver, raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the raw connection: %v", err)
		}
	})
	return storetest.Database{
		Open: func(keys *credential.KeyRing) (storetest.Store, error) {
			return sqlstore.Open(t.Context(), sqlstore.Config{DSN: dsn, Keys: keys})
		},
		Exec: func(t testing.TB, query string, args ...any) int64 {
			t.Helper()
			result, err := db.ExecContext(t.Context(), query, args...)
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			n, err := result.RowsAffected()
			if err != nil {
				t.Fatal(err)
			}
			return n
		},
	}
}

func sqliteDatabase(t testing.TB) storetest.Database {
	path := filepath.Join(t.TempDir(), "aldaba.db")
	return database(t, "sqlite", path, "file:"+path+"?_busy_timeout=5000")
}

func postgresDatabase(t testing.TB) storetest.Database {
	dsn := pgtest.Start(t)
	return database(t, "pgx", dsn, dsn)
}

func TestSQLite(t *testing.T) { storetest.Run(t, sqliteDatabase) }

func TestPostgreSQL(t *testing.T) { storetest.Run(t, postgresDatabase) }

// TestMigrationPairs: every migration stands on both sides under one name.
func TestMigrationPairs(t *testing.T) {
	names := func(engine string) (all []string) {
		entries, err := fs.ReadDir(os.DirFS("migrations"), engine)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	lite, post := names("sqlite"), names("postgres")
	if !slices.Equal(lite, post) || len(lite) == 0 {
		t.Errorf("migrations of SQLite %v, of PostgreSQL %v", lite, post)
	}
	for i, name := range lite {
		if !strings.HasPrefix(name, fmt.Sprintf("%04d_", i+1)) {
			t.Errorf("%s stands where %04d is due", name, i+1)
		}
	}
}

// TestOpenRefuses: whatever is wrong is one sentence for whoever runs the program.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, dsn, want string }{
		{"no address", "", "no address given"},
		{"unknown scheme", "mysql://root:secret@host/db", `"mysql://" is no database this program knows`},
		{"in memory", ":memory:", "needs a file"},
		{"in memory as URI", "file:x?mode=memory", "needs a file"},
		{"not a database", write("text.db", strings.Repeat("This is no database. ", 500)), "not an SQLite database"},
		{"short file", write("short.db", "Hello, I am no database"), "not an SQLite database"},
		{"another program's", foreign, "another program"},
		{"a folder", dir, "cannot be opened"},
		{"no such folder", filepath.Join(dir, "none", "a.db"), "cannot be opened: no such file or directory"},
		{"bad URI", "file:%zz", "not a valid one"},
		{"bad postgres address", "postgres://user:secret@host:notaport/db", "not a valid one"},
		{"postgres away", "postgres://user:secret@127.0.0.1:1/db?sslmode=disable", "cannot be reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: c.dsn, Keys: storetest.NewKeys(t)})
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open(%q) = %v, want %q", c.dsn, err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("Open(%q) tells the password: %v", c.dsn, err)
			}
			if c.name == "postgres away" != credential.IsKind(err, credential.Unavailable) {
				t.Errorf("Open(%q) is %v", c.dsn, err)
			}
		})
	}
	if _, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: filepath.Join(dir, "new.db")}); err == nil {
		t.Error("opened without keys")
	}
	if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
		t.Error("a refused start left a file")
	}
}

// TestSQLiteFile: spellings of a path, odd characters, and who may read it.
func TestSQLiteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "datos del año #1 100%?.db")
	uri := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23", " ", "%20").Replace(path)
	for i, dsn := range []string{path, uri, "file://" + strings.TrimPrefix(uri, "file:")} {
		s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: dsn, Keys: storetest.NewKeys(t)})
		if err != nil {
			t.Fatalf("Open(%q) = %v", dsn, err)
		}
		err = s.Update(t.Context(), 0, func(tx credential.Tx) error {
			v, err := tx.Meta("seed")
			if want := strings.Repeat("x", i); v != want {
				t.Errorf("Open(%q) opened another file", dsn)
			}
			if err != nil {
				return err
			}
			return tx.SetMeta("seed", v+"x")
		})
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 || !strings.HasPrefix(e.Name(), filepath.Base(path)) {
				t.Errorf("%s has mode %v", e.Name(), info.Mode())
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPostgresDropped: a database that goes away is a refusal, not a fault.
func TestPostgresDropped(t *testing.T) {
	dsn := pgtest.Start(t)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: dsn, Keys: storetest.NewKeys(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	// The connection is killed under the transaction's feet.
	err = s.Update(t.Context(), 0, func(tx credential.Tx) error {
		_, err := admin.ExecContext(t.Context(),
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			t.Errorf("killing: %v", err)
		}
		return tx.SetMeta("seed", "1")
	})
	if !credential.IsKind(err, credential.Unavailable) {
		t.Errorf("Update over a killed connection = %v, want Unavailable", err)
	}
	err = s.Update(t.Context(), 0, func(tx credential.Tx) error {
		if v, err := tx.Meta("seed"); v != "" || err != nil {
			t.Errorf("Meta = %q, %v; want nothing stored", v, err)
		}
		return tx.SetMeta("seed", "2")
	})
	if err != nil {
		t.Errorf("the next Update = %v, want a new connection", err)
	}
}

// TestOtherShardsPass: on PostgreSQL an update waits for those of its own shard
// alone.
func TestOtherShardsPass(t *testing.T) {
	d := postgresDatabase(t)
	keys := storetest.NewKeys(t)
	a, errA := d.Open(keys)
	b, errB := d.Open(keys)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	defer func() { _, _ = a.Close(), b.Close() }()
	err := a.Update(t.Context(), 7, func(credential.Tx) error {
		return b.Update(t.Context(), 8, func(credential.Tx) error { return nil })
	})
	if err != nil {
		t.Error(err)
	}
	// One that does wait gives up when its caller does, with nothing spent.
	err = a.Update(t.Context(), 7, func(credential.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := b.Update(ctx, 7, func(credential.Tx) error { return nil })
		if !credential.IsKind(err, credential.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an update that waited too long = %v, want Unavailable by its deadline", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAuditDetails: details open with the person's own key and with nothing
// else, so erasing the row that holds it erases them.
func TestAuditDetails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	keys := storetest.NewKeys(t)
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: path, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	who := credential.Subject{5}
	err = s.Update(t.Context(), 0, func(tx credential.Tx) error {
		return tx.Audit(credential.AuditEntry{Subject: who, Details: map[string]string{"reference": "AB2C-3DEF"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var sealedKey, details []byte
	err = db.QueryRowContext(t.Context(), `SELECT p.key, a.details FROM audit a JOIN audit_people p ON p.person = a.person
		WHERE p.subject = $1 AND a.shard = 5 AND a.seq = 1`, who[:]).Scan(&sealedKey, &details)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.Open(sealedKey, credential.Place{Table: "audit_people", Column: "key", Row: who[:]})
	if err != nil {
		t.Fatal(err)
	}
	place := credential.Place{Table: "audit", Column: "details", Row: []byte{5, 0, 0, 0, 0, 0, 0, 0, 1}}
	plain, err := credential.OpenUnder(key, details, place)
	if want := `{"reference":"AB2C-3DEF"}`; err != nil || string(plain) != want {
		t.Errorf("details = %s, %v; want %s", plain, err, want)
	}
	place.Row[8] = 2
	if _, err := credential.OpenUnder(key, details, place); err == nil {
		t.Error("details open in another row")
	}
	if _, err := credential.OpenUnder(credential.NewPersonKey(), details, place); err == nil {
		t.Error("details open under another key")
	}
}

// TestObserve: somebody and nobody cost the same statements.
func TestObserve(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{
		DSN: filepath.Join(t.TempDir(), "a.db"), Keys: storetest.NewKeys(t),
		Observe: func(query string, rows int64, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, query)
			if took < 0 || rows < 0 {
				t.Errorf("Observe(%q, %d, %v)", query, rows, took)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	known := credential.Subject{1}
	err = s.Update(t.Context(), 0, func(tx credential.Tx) error { return tx.PutPerson(known, credential.Person{}) })
	if err != nil {
		t.Fatal(err)
	}
	trace := func(subject credential.Subject) []string {
		mu.Lock()
		seen = nil
		mu.Unlock()
		if _, _, err := s.Person(t.Context(), subject); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
	somebody, nobody := trace(known), trace(credential.Subject{2})
	if len(somebody) != 1 || !slices.Equal(somebody, nobody) {
		t.Errorf("statements for somebody %v, for nobody %v", somebody, nobody)
	}
}

// BenchmarkUpdate measures durable updates per second on SQLite: one
// conditional write and one audit row in each, as a charge has them.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("goroutines=%d", writers), func(b *testing.B) {
			s, err := sqlstore.Open(b.Context(), sqlstore.Config{DSN: filepath.Join(b.TempDir(), "a.db"), Keys: storetest.NewKeys(b)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			work := make(chan int)
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for i := range work {
						subject := credential.Subject{byte(i), byte(i >> 8), byte(i >> 16)}
						err := s.Update(b.Context(), subject.Shard(), func(tx credential.Tx) error {
							a, err := tx.Attempts(subject, credential.BudgetProof)
							if err != nil {
								return err
							}
							a.Times, a.Total = []time.Time{time.UnixMilli(1)}, a.Total+1
							err = tx.SaveAttempts(a)
							if err != nil {
								return err
							}
							return tx.Audit(credential.AuditEntry{Subject: subject, Act: credential.ActTyped})
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for i := range b.N {
				work <- i % 1000
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}

// TestExisting: a database that must be there already is refused, unchanged,
// when it is missing, empty, older, newer or made by other texts.
func TestExisting(t *testing.T) {
	for name, dsn := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "aldaba.db"), "postgres": pgtest.Start(t)} {
		t.Run(name, func(t *testing.T) {
			keys := storetest.NewKeys(t)
			driver, raw := "sqlite", "file:"+dsn
			if name == "postgres" {
				driver, raw = "pgx", dsn
			}
			refused := func(state, want string) {
				t.Helper()
				s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: dsn, Keys: keys, Existing: true})
				if err == nil {
					_ = s.Close()
				}
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%s: Open = %v, want %q", state, err, want)
				}
			}
			if name == "sqlite" {
				refused("no file", "no such file")
				if _, err := os.Stat(dsn); err == nil {
					t.Error("the refusal made the file")
				}
				if err := os.WriteFile(dsn, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			refused("empty", "aldaba migrate")
			refused("still empty", "aldaba migrate")
			s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: dsn, Keys: keys})
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			refused("up to date", "")
			db, err := sql.Open(driver, raw)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			for _, c := range []struct{ state, change, want string }{
				{"edited", "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1", "do not belong together"},
				{"older", "DELETE FROM schema_migrations", "aldaba migrate"},
				{"newer", "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (99, '0099_x', 'x', 0)", "newer program"},
			} {
				if _, err := db.ExecContext(t.Context(), c.change); err != nil {
					t.Fatal(err)
				}
				refused(c.state, c.want)
			}
		})
	}
}
