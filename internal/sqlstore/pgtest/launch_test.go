//go:build unix

package pgtest

import (
	"database/sql"
	"errors"
	"os"
	"testing"
)

func TestLaunch(t *testing.T) {
	t.Parallel()
	s, err := Launch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := s.Stop()
		if err != nil {
			t.Errorf("stop: %v", err)
		}
		if _, err := os.Stat(s.Log()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("log after stop: %v, want it gone", err)
		}
	})
	first, err := s.Database(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", first)
	if err == nil {
		_, err = db.ExecContext(t.Context(), "CREATE TABLE thing (id BIGINT PRIMARY KEY)")
	}
	if err != nil {
		t.Fatal(err)
	}
	err = db.Close() // a database that somebody uses is not copied
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, like string
		tables     int
	}{{"copy", first, 1}, {"empty", "", 0}} {
		dsn, err := s.Database(t.Context(), test.like)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := ask[int](t, db, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'thing'"); got != test.tables {
			t.Errorf("%s: %d tables, want %d", test.name, got, test.tables)
		}
		err = db.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Database(t.Context(), "postgres://elsewhere/x"); err == nil {
		t.Error("a database of another server was copied")
	}
}
