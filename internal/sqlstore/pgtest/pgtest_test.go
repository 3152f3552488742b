//go:build unix

package pgtest

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// orphan is the variable that makes this test binary start a server, tell where
// it is, and wait to be killed.
const orphan = "ALDABA_PGTEST_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphan) != "" {
		os.Exit(waitToBeKilled())
	}
	os.Exit(Main(m, Durable()))
}

// waitToBeKilled is the child of TestServerDiesWithTheTests.
func waitToBeKilled() int {
	s, err := launch(options{})
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println(s.port, s.dir)
	// Ends at the latest when the parent does, which holds the other end.
	_, _ = os.Stdin.Read(make([]byte, 1))
	_ = s.stop()
	return 1
}

func TestStartGivesEachTestItsOwnDatabase(t *testing.T) {
	t.Parallel()
	var first, second string
	t.Run("pair", func(t *testing.T) {
		a, b := Open(t), Open(t)
		for _, db := range []*sql.DB{a, b} {
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE thing (id BIGINT PRIMARY KEY)"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.ExecContext(t.Context(), "INSERT INTO thing (id) VALUES ($1)", 7); err != nil {
			t.Fatal(err)
		}
		if got := ask[int](t, b, "SELECT count(*) FROM thing"); got != 0 {
			t.Errorf("rows of the first database seen in the second: %d", got)
		}
		first, second = ask[string](t, a, "SELECT current_database()"), ask[string](t, b, "SELECT current_database()")
		if first == second {
			t.Errorf("both are called %q", first)
		}
	})
	// The subtest is over: its databases are gone, though it dropped none itself.
	left := ask[int](t, Open(t), "SELECT count(*) FROM pg_database WHERE datname IN ($1, $2)", first, second)
	if left != 0 {
		t.Errorf("databases left after their test: %d, want 0", left)
	}
}

func TestStartDropsADatabaseInUse(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("leaves a connection open", func(sub *testing.T) {
		db, err := sql.Open("pgx", Start(sub))
		if err != nil {
			sub.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() }) // after the database is gone
		name = ask[string](sub, db, "SELECT current_database()")
	})
	if left := ask[int](t, Open(t), "SELECT count(*) FROM pg_database WHERE datname = $1", name); left != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	db := Open(t)
	const want = 100
	var wg sync.WaitGroup
	for range want {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatalf("connection refused: %v", err)
		}
		wg.Go(func() {
			if err := conn.PingContext(t.Context()); err != nil {
				t.Errorf("ping: %v", err)
			}
		})
		defer func() { _ = conn.Close() }()
	}
	wg.Wait()
	if got := ask[int](t, db, "SELECT current_setting('max_connections')::int"); got != maxConnections {
		t.Errorf("max_connections = %d, want %d", got, maxConnections)
	}
}

func TestServerKnowsOnlyItsPassword(t *testing.T) {
	t.Parallel()
	dsn := Start(t)
	wrong := strings.Replace(dsn, shared.server.password, "otra", 1)
	if wrong == dsn {
		t.Fatal("the address carries no password")
	}
	db, err := sql.Open("pgx", wrong)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.PingContext(t.Context()); err == nil {
		t.Error("a wrong password was accepted")
	}
}

// TestDurability shows both settings: this package's shared server is durable,
// the one started here is not. They run side by side.
func TestDurability(t *testing.T) {
	t.Parallel()
	quick, err := launch(options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"fsync", "synchronous_commit"} {
		if got := ask[string](t, Open(t), "SELECT current_setting($1)", setting); got != "on" {
			t.Errorf("durable: %s = %q, want on", setting, got)
		}
		if got := ask[string](t, quick.admin, "SELECT current_setting($1)", setting); got != "off" {
			t.Errorf("not durable: %s = %q, want off", setting, got)
		}
	}
	if err := quick.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if _, err := os.Stat(quick.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder after stop: %v, want it gone", err)
	}
	if listening(t, quick.port) {
		t.Error("the server still listens after stop")
	}
}

func TestServerDiesWithTheTests(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program)
	child.Env = append(os.Environ(), orphan+"=1")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the child told nothing: %v", err)
	}
	number, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
	port, err := strconv.Atoi(number)
	if err != nil || !strings.Contains(dir, "aldaba-pg-") {
		t.Fatalf("the child said %q", line)
	}
	// Killed, the child removes nothing.
	defer func() { _ = os.RemoveAll(dir) }()
	if !listening(t, port) {
		t.Fatal("the server of the child does not listen")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed"

	deadline, tick := time.After(stopTimeout), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for listening(t, port) {
		select {
		case <-deadline:
			t.Fatalf("the server still listens %v after its test process was killed", stopTimeout)
		case <-tick.C:
		}
	}
}

func TestMissingPostgreSQLIsSaid(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PATH", empty)
	if _, err := programs(filepath.Join(empty, "*", "bin")); !errors.Is(err, errMissing) {
		t.Errorf("programs in an empty folder: %v, want %v", err, errMissing)
	}
}

func TestNewestVersionIsTaken(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"9.6", "15", "17", "junk"} {
		bin := filepath.Join(root, version, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"initdb", "postgres"} {
			// Version 17 is incomplete: nobody may execute its programs.
			mode := os.FileMode(0o755)
			if version == "17" {
				mode = 0o644
			}
			if err := os.WriteFile(filepath.Join(bin, name), nil, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := programs(filepath.Join(root, "*", "bin"))
	if want := filepath.Join(root, "15", "bin"); err != nil || got != want {
		t.Errorf("programs = %q, %v, want %q", got, err, want)
	}
}

// ask returns the one value of a query.
func ask[T any](t *testing.T, db *sql.DB, query string, args ...any) T {
	t.Helper()
	var value T
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// listening tells whether somebody accepts connections on the port.
func listening(t *testing.T, port int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
