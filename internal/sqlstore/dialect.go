package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"
)

// dialect is all that differs between the engines besides the DDL.
type dialect struct {
	name      string // its folder of migrations
	open      func(ctx context.Context, c Config) (write, read *pool, err error)
	view      sql.TxOptions           // of a read-only picture
	lockShard string                  // first statement of an update; empty where one connection orders all updates
	hasSchema string                  // gives 0 where the table of migrations is not there
	forUpdate string                  // suffix of a SELECT that locks what it reads
	copies    bool                    // takes many rows by COPY
	classify  func(error) faultOfBase // what an error of the driver means
}

// faultOfBase is what an error of the database means for whoever asked.
type faultOfBase int

const (
	ours     faultOfBase = iota // a fault of the program or of the data
	conflict                    // two transactions met; trying again cures it
	away                        // the database cannot be reached or used now
)

const (
	// busyTimeout is how long SQLite waits for another process's writing.
	busyTimeout = 5 * time.Second

	// busyPoll is how often a writer looks whether another process has finished.
	// SQLite's own waiting looks ever more seldom, up to every 100 ms, and so misses
	// the pauses that a long import makes for others.
	busyPoll = time.Millisecond

	// defaultPostgresConnections bounds the pool where Config says nothing:
	// PostgreSQL's own default of 100 is shared by several processes.
	defaultPostgresConnections = 16
)

var sqliteDialect = dialect{
	name:      "sqlite",
	open:      openSQLite,
	view:      sql.TxOptions{ReadOnly: true},
	hasSchema: "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'",
	classify:  classifySQLite,
}

var postgresDialect = dialect{
	name: "postgres",
	open: openPostgres,
	view: sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	// The first key is the namespace, so that shards meet neither the lock of the
	// migrations nor somebody else's.
	lockShard: "SELECT pg_advisory_xact_lock(1634493537, $1::integer)",
	hasSchema: "SELECT CASE WHEN to_regclass('schema_migrations') IS NULL THEN 0 ELSE 1 END",
	forUpdate: " FOR UPDATE",
	copies:    true,
	classify:  classifyPostgres,
}

// dialectOf tells the engine from the address.
func dialectOf(dsn string) (*dialect, error) {
	scheme, _, found := strings.Cut(dsn, "://")
	switch {
	case dsn == "":
		return nil, errors.New("database: no address given; a path means SQLite, postgres://… PostgreSQL")
	case strings.HasPrefix(dsn, "file:"), !found:
		return &sqliteDialect, nil
	case scheme == "postgres", scheme == "postgresql":
		return &postgresDialect, nil
	}
	return nil, fmt.Errorf("database: %q is no database this program knows; use a path for SQLite or postgres://… for PostgreSQL", scheme+"://")
}

// openSQLite opens one connection that writes and several that read. Writers on
// one connection wait in order; on several they would fight for the file's lock
// and the unlucky one could wait for seconds.
func openSQLite(ctx context.Context, c Config) (write, read *pool, err error) {
	path, query, err := sqlitePath(c.DSN)
	if err != nil {
		return nil, nil, err
	}
	// SQLite would make the file readable by everybody; its -wal and -shm files
	// take their mode from it.
	flags := os.O_RDWR | os.O_CREATE
	if c.Existing {
		flags = os.O_RDWR
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if c.Existing && errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("database %s: there is no such file; `aldaba migrate` makes it", path)
	}
	if err != nil {
		reason := err
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			reason = pathErr.Err
		}
		return nil, nil, fmt.Errorf("database %s: cannot be opened: %w", path, reason)
	}
	err = file.Close()
	if err != nil {
		return nil, nil, fmt.Errorf("database %s: cannot be opened: %w", path, err)
	}
	inUse, err := Share(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, inUse.Close())
		}
	}()
	base := url.Values{}
	for name, values := range query {
		base[name] = values
	}
	base.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	synchronous := "synchronous(FULL)"
	if c.Bulk {
		synchronous = "synchronous(NORMAL)"
	}
	base["_pragma"] = []string{"journal_mode(WAL)", synchronous, "foreign_keys(1)"}
	base.Set("_dqs", "0")
	dsn := func(extra ...string) string {
		v := url.Values{}
		for name, values := range base {
			v[name] = values
		}
		for i := 0; i < len(extra); i += 2 {
			v.Set(extra[i], extra[i+1])
		}
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + v.Encode()
	}
	writer, err := sql.Open("sqlite", dsn("_txlock", "immediate", "_busy_timeout", fmt.Sprint(busyPoll.Milliseconds())))
	if err != nil {
		return nil, nil, fmt.Errorf("database %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	writer.SetMaxIdleConns(1)
	err = reachSQLite(ctx, writer, path)
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader, err := sql.Open("sqlite", dsn("_txlock", "deferred", "_query_only", "1"))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("database %s: %w", path, err), writer.Close())
	}
	n := c.Connections
	if n == 0 {
		n = max(4, runtime.GOMAXPROCS(0))
	}
	reader.SetMaxOpenConns(n)
	reader.SetMaxIdleConns(n)
	return &pool{db: writer, prepare: true, inUse: inUse}, &pool{db: reader, prepare: true}, nil
}

// sqlitePath takes an address apart. A database in memory is refused: the
// reading connections would each see another one.
func sqlitePath(dsn string) (path string, query url.Values, err error) {
	path = dsn
	if rest, isURI := strings.CutPrefix(dsn, "file:"); isURI {
		text, tail, _ := strings.Cut(rest, "?")
		query, err = url.ParseQuery(tail)
		if err == nil {
			path, err = url.PathUnescape(text)
		}
		if err != nil {
			return "", nil, errors.New("database: the file: address is not a valid one")
		}
		// file://localhost/path and file:///path are spellings of /path.
		if absolute, ok := strings.CutPrefix(path, "//localhost/"); ok {
			path = "/" + absolute
		} else if absolute, ok := strings.CutPrefix(path, "///"); ok {
			path = "/" + absolute
		}
	}
	if path == "" || strings.Contains(path, ":memory:") || query.Get("mode") == "memory" {
		return "", nil, errors.New("database: SQLite needs a file here, not a database in memory")
	}
	if strings.ContainsRune(path, 0) {
		return "", nil, errors.New("database: the path holds a NUL character")
	}
	return path, query, nil
}

// reachSQLite opens the first connection, and says in one sentence why it
// cannot. Turning a new file to WAL fails at once when another process does the
// same, whatever the busy timeout, so it tries again for as long.
func reachSQLite(ctx context.Context, db *sql.DB, path string) error {
	give := time.Now().Add(busyTimeout)
	for try := 0; ; try++ {
		// Reading the schema reads the file's header; opening alone does not.
		var tables, known int
		err := db.QueryRowContext(ctx, "SELECT count(*), count(*) FILTER (WHERE name = 'schema_migrations') FROM sqlite_schema").Scan(&tables, &known)
		if err == nil && tables > 0 && known == 0 {
			return fmt.Errorf("database %s: the file is the database of another program", path)
		}
		if err == nil {
			return nil
		}
		code := 0
		if e, ok := errors.AsType[*sqlite.Error](err); ok {
			code = e.Code() & 0xff
		}
		switch code {
		case sqlitecode.SQLITE_NOTADB, sqlitecode.SQLITE_CORRUPT:
			return fmt.Errorf("database %s: the file is not an SQLite database, or it is damaged", path)
		case sqlitecode.SQLITE_CANTOPEN, sqlitecode.SQLITE_READONLY, sqlitecode.SQLITE_PERM:
			return fmt.Errorf("database %s: the file or its folder cannot be written", path)
		case sqlitecode.SQLITE_BUSY:
			if time.Now().Before(give) {
				if e := pause(ctx, try); e != nil {
					return e
				}
				continue
			}
		}
		return fmt.Errorf("database %s: cannot be opened: %w", path, err)
	}
}

// begin begins a transaction. On SQLite's writing connection it waits its turn
// behind other processes.
func begin(ctx context.Context, db *sql.DB, options *sql.TxOptions) (*sql.Tx, error) {
	give := time.Now().Add(busyTimeout)
	for {
		tx, err := db.BeginTx(ctx, options)
		busy, ok := errors.AsType[*sqlite.Error](err)
		if !ok || busy.Code()&0xff != sqlitecode.SQLITE_BUSY || time.Now().After(give) || ctx.Err() != nil {
			return tx, err
		}
	}
}

// classifySQLite finds no conflicts: updates begin IMMEDIATE on one connection,
// and another process's are waited for by [begin].
func classifySQLite(err error) faultOfBase {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return classifyCommon(err)
	}
	switch e.Code() & 0xff {
	case sqlitecode.SQLITE_BUSY, sqlitecode.SQLITE_LOCKED, sqlitecode.SQLITE_FULL, sqlitecode.SQLITE_IOERR,
		sqlitecode.SQLITE_CANTOPEN, sqlitecode.SQLITE_READONLY, sqlitecode.SQLITE_NOMEM, sqlitecode.SQLITE_PROTOCOL:
		return away
	}
	return ours
}

// openPostgres opens one bounded pool for reading and writing. It prepares
// nothing by itself: pgx keeps a cache of statements for each connection, which
// an address can switch off for a proxy that cannot have it
// (default_query_exec_mode=exec).
func openPostgres(ctx context.Context, c Config) (write, read *pool, err error) {
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		// The text of pgx hides the password only where it could parse it.
		return nil, nil, errors.New("database: the postgres:// address is not a valid one")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if c.Bulk {
		config.RuntimeParams["synchronous_commit"] = "off"
	}
	db := stdlib.OpenDB(*config)
	n := c.Connections
	if n == 0 {
		n = defaultPostgresConnections
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute) // finds its way back after a failover
	p := &pool{db: db}
	err = db.PingContext(ctx)
	if err != nil {
		return nil, nil, errors.Join(unavailable(fmt.Errorf("database: PostgreSQL cannot be reached: %w", err)), db.Close())
	}
	return p, p, nil
}

func classifyPostgres(err error) faultOfBase {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case e.Code == "40001", e.Code == "40P01": // serialization failure, deadlock
			return conflict
		case strings.HasPrefix(e.Code, "08"), // connection
			strings.HasPrefix(e.Code, "53"),  // no memory, disk full, too many connections
			strings.HasPrefix(e.Code, "57P"), // shut down, starting, dropped
			strings.HasPrefix(e.Code, "58"),  // I/O
			e.Code == "55P03",                // lock not available
			e.Code == "57014",                // cancelled
			e.Code == "25006":                // a standby: the leader has just moved
			return away
		}
		return ours
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || pgconn.SafeToRetry(err) {
		return away
	}
	return classifyCommon(err)
}

func classifyCommon(err error) faultOfBase {
	if _, ok := errors.AsType[net.Error](err); ok {
		return away
	}
	for _, gone := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, gone) {
			return away
		}
	}
	return ours
}
