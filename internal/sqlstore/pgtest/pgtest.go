//go:build unix

// Package pgtest gives tests a real PostgreSQL.
//
// One server is started for the whole test process, in a temporary folder, on
// a free port of the loopback interface, as its own system user when the tests
// run as root. Every test that asks gets a database of its own. A package that
// uses it declares
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
// and a test calls [Open] or [Start]. The server starts at the first such call, so a
// run without PostgreSQL tests pays nothing. It never skips: a test of a store
// that did not run on PostgreSQL has shown nothing, because SQLite hides the
// races that PostgreSQL shows.
//
// The system's own PostgreSQL cluster is neither used nor touched: only its
// programs are.
package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
)

const (
	// maxConnections is what the server accepts at once: enough for the races of
	// the store contract (fifty at once) in several tests that run in parallel.
	maxConnections = 200

	// startTimeout bounds initdb and the start of the server. Both together take
	// about two seconds; a loaded machine gets room.
	startTimeout = 90 * time.Second

	// stopTimeout is how long the server gets to stop by itself before it is killed.
	stopTimeout = 20 * time.Second

	// portTries is how often another free port is taken when somebody else took
	// the one found before the server bound it.
	portTries = 5

	// debian is where Debian keeps the programs of each version, outside PATH.
	debian = "/usr/lib/postgresql/*/bin"

	// superuser is the database role of the tests.
	superuser = "aldaba"
)

// errMissing is what a test says on a machine without PostgreSQL.
var errMissing = errors.New("PostgreSQL is missing on this machine: run make test, which installs it")

// options is what an [Option] changes.
type options struct {
	durable bool
}

// An Option changes the server that [Main] prepares.
type Option func(*options)

// Durable keeps fsync and synchronous_commit on, for tests that kill the server
// and look at what is left. Without it both are off: a test server outlives no
// crash of the machine, and commits are several times faster.
func Durable() Option { return func(o *options) { o.durable = true } }

// shared is the one server of this test process.
var shared struct {
	mu      sync.Mutex
	options options
	ready   bool // Main has been called
	server  *server
	err     error // why it did not start; asked once only
	created int   // databases handed out, for their names
}

// Main runs the tests of a package and then stops the server, if any test asked
// for one, and removes its folder. It returns the status to exit with:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
func Main(m *testing.M, opts ...Option) (status int) {
	shared.mu.Lock()
	for _, opt := range opts {
		opt(&shared.options)
	}
	shared.ready = true
	shared.mu.Unlock()

	defer func() {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			status = max(status, 1)
		}
	}()
	return m.Run()
}

// stop ends the server of this process and removes its folder; without a server
// it does nothing.
func stop() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		return nil
	}
	err := shared.server.stop()
	shared.server = nil
	return err
}

// Start gives the test an empty database of its own and returns its address, a
// URL for the driver "pgx". The database is dropped when the test ends, whatever
// connections are still open. It fails the test, and never skips it, when there is no
// PostgreSQL.
func Start(t testing.TB) (dsn string) {
	t.Helper()
	s, number, err := acquire()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	name := "test_" + strconv.Itoa(number)
	// template0 has no connections, ever; copying template1 is refused while
	// somebody looks at it.
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatalf("pgtest: creating a database: %v\n%s", err, s.tail())
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		// A test may have stopped the server on purpose; nothing is left to drop then.
		if _, err := s.admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Logf("pgtest: dropping %s: %v", name, err)
		}
	})
	return s.dsn(name)
}

// Open is [Start] with the database already open through database/sql; it is
// closed when the test ends.
func Open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", Start(t))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("pgtest: closing: %v", err)
		}
	})
	return db
}

// acquire starts the server at its first call and numbers the caller's database.
func acquire() (*server, int, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.ready {
		return nil, 0, errors.New("this package has no TestMain that calls pgtest.Main, so nobody would stop the server")
	}
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = launch(shared.options)
	}
	if shared.err != nil {
		return nil, 0, shared.err
	}
	shared.created++
	return shared.server, shared.created, nil
}

// server is one running PostgreSQL.
type server struct {
	dir      string // everything it has on disk: data, socket, log
	port     int
	password string
	process  *exec.Cmd
	exited   chan struct{} // closed once the process is gone
	admin    *sql.DB       // on the database "postgres"
}

// dsn is the address of one of the server's databases.
func (s *server) dsn(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// launch makes a data folder and starts a server on it, and returns once it answers.
func launch(o options) (_ *server, err error) {
	bin, err := programs(debian)
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// The default of os.MkdirTemp may be deep; the path of a Unix socket must stay
	// under 108 bytes.
	dir, err := os.MkdirTemp("", "aldaba-pg-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, fmt.Errorf("giving the folder to the user of PostgreSQL: %w", err)
		}
	}
	s := &server{dir: dir, password: token()}
	if err := s.initialise(bin, owner, o); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		if err = s.run(bin, owner, o); err == nil {
			return s, nil
		}
		if taken := strings.Contains(s.tail(), "Address already in use"); !taken || try == portTries {
			return nil, fmt.Errorf("%w\n%s", err, s.tail())
		}
	}
}

// initialise makes the data folder.
func (s *server) initialise(bin string, owner *syscall.Credential, o options) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	// The password keeps other users of the machine out: loopback is theirs too.
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		return fmt.Errorf("writing the password of PostgreSQL: %w", err)
	}
	if owner != nil {
		if err := os.Chown(secret, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("writing the password of PostgreSQL: %w", err)
		}
	}
	args := []string{
		"--pgdata", filepath.Join(s.dir, "data"), "--username", superuser, "--pwfile", secret,
		// The C locale is the same on every machine, so the order of text is too.
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
	}
	if !o.durable {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
	cmd.Dir = s.dir
	cmd.Env = environment()
	cmd.SysProcAttr = attributes(owner)
	out, err := onOneThread(cmd.CombinedOutput)
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// run starts the server on a free port and waits until it answers.
func (s *server) run(bin string, owner *syscall.Credential, o options) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.port = port
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=" + s.dir,
		"unix_socket_permissions=0700",
		"max_connections=" + strconv.Itoa(maxConnections),
		"shared_buffers=64MB",
		"timezone=UTC",
		"log_statement=none",
		"jit=off",
	}
	if !o.durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", filepath.Join(s.dir, "data")}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	log, err := os.Create(s.logFile())
	if err != nil {
		return fmt.Errorf("making the log of PostgreSQL: %w", err)
	}
	defer func() { _ = log.Close() }() // the server has its own handle

	cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
	cmd.Dir = s.dir
	cmd.Env = environment()
	cmd.SysProcAttr = attributes(owner)
	cmd.Stdout, cmd.Stderr = log, log

	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		// The signal that SysProcAttr.Pdeathsig promises is sent when the *thread*
		// that started the child ends, not the process. This goroutine holds its thread until
		// the server is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the log tells why it ended
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	s.process, s.exited = cmd, exited

	if s.admin, err = sql.Open("pgx", s.dsn("postgres")); err != nil {
		return errors.Join(err, s.halt())
	}
	if err := s.wait(); err != nil {
		return errors.Join(err, s.admin.Close(), s.halt())
	}
	return nil
}

// wait returns once the server answers, or with the reason why it will not.
func (s *server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("PostgreSQL ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer after %v: %w", startTimeout, err)
		case <-tick.C:
		}
	}
}

// stop ends the server and removes its folder.
func (s *server) stop() error {
	return errors.Join(s.admin.Close(), s.halt(), os.RemoveAll(s.dir))
}

// halt ends the server: fast shutdown first, which closes open connections, then by force.
func (s *server) halt() error {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := s.process.Process.Signal(signal); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		select {
		case <-s.exited:
			return nil
		case <-time.After(stopTimeout):
		}
	}
	return fmt.Errorf("PostgreSQL (process %d) does not end", s.process.Process.Pid)
}

// logFile is where the server writes.
func (s *server) logFile() string { return filepath.Join(s.dir, "log") }

// tail returns the end of the server's log, to explain a failure.
func (s *server) tail() string {
	const most = 4 << 10
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-most):])
}

// programs finds the folder with initdb and postgres: the newest version among
// the folders of the pattern, else what PATH has.
func programs(pattern string) (string, error) {
	folders, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	version := func(folder string) float64 {
		n, err := strconv.ParseFloat(filepath.Base(filepath.Dir(folder)), 64)
		if err != nil {
			return 0
		}
		return n
	}
	slices.SortFunc(folders, func(a, b string) int {
		return int(version(b)*10) - int(version(a)*10)
	})
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	for _, folder := range folders {
		if executable(filepath.Join(folder, "initdb")) && executable(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", errMissing
}

// executable tells whether path is a program.
func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// unprivileged returns who the server must run as, or nil for ourselves:
// PostgreSQL refuses to run as root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (it has no user «postgres» here, and it does not run as root)", errMissing)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the number of the user «postgres»: %w", err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the group of the user «postgres»: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// environment is ours without the PG* variables, which would change the server's
// defaults and those of initdb, and with messages in English, which launch reads.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG")
	})
	return append(env, "LC_ALL=C")
}

// onOneThread calls f on a thread that lives as long as f, for the same reason as in run.
func onOneThread(f func() ([]byte, error)) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return f()
}

// freePort asks the kernel for a port that nobody listens on.
func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// token returns sixteen random bytes as text.
func token() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails: it ends the process instead
	return hex.EncodeToString(random)
}
