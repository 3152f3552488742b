package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"

	"aldaba/internal/credential"
)

// ErrInUse says that another program has the database open, ErrFull that a disk
// has no room.
var (
	ErrInUse = errors.New("another program has the database open; stop it first")
	ErrFull  = errors.New("the disk is full")
)

// File gives the file of an SQLite address, with symbolic links followed: what
// replaces a file must not replace a link to it. An address of PostgreSQL is
// refused.
func File(dsn string) (string, error) {
	d, err := dialectOf(dsn)
	if err != nil {
		return "", err
	}
	if d != &sqliteDialect {
		return "", errors.New("a PostgreSQL database has its own tools: pg_dump and pg_restore, or point-in-time recovery (docs/operations.md, \"Backups\")")
	}
	path, _, err := sqlitePath(dsn)
	if err != nil {
		return "", err
	}
	return resolved(path)
}

func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) { // the file; or its folder, which whoever opens it will say
		return path, nil
	}
	return real, err
}

// lockSuffix names the file beside a database that is locked while the database
// is open. It is never removed, and never takes another's place as the database
// itself does when one is restored.
const lockSuffix = "-lock"

// Share keeps [Hold] off as long as the file it gives is open. The lock dies with
// the process, however it dies.
func Share(path string) (*os.File, error) {
	return lockBeside(path, syscall.LOCK_SH, errors.New("it is being restored; start when that is done"))
}

// Hold keeps every program of ours off a database as long as the file it gives
// is open; [ErrInUse] while one has it open.
func Hold(path string) (*os.File, error) { return lockBeside(path, syscall.LOCK_EX, ErrInUse) }

func lockBeside(path string, how int, taken error) (*os.File, error) {
	real, err := resolved(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: cannot be opened: %w", path, reasonOf(err))
	}
	file, err := os.OpenFile(real+lockSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database %s: its %s file cannot be opened: %w", path, lockSuffix, reasonOf(err))
	}
	err = LikeOwner(real+lockSuffix, real)
	if err == nil {
		err = syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = taken
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), file.Close())
	}
	return file, nil
}

// LikeOwner gives a file to the owner of another, or of its folder, when root
// works on what a service owns. It does nothing for anybody else.
func LikeOwner(path, other string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(other)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(other))
	}
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// reasonOf is why a file could not be used, without its name.
func reasonOf(err error) error {
	if fault, ok := errors.AsType[*fs.PathError](err); ok {
		return fault.Err
	}
	return err
}

// metaBackup is where a backup says when it was made. A database that is in use
// has none: a copy of its file alone, which lacks what stands in its -wal, is no
// backup.
const metaBackup = "backup_made"

// WriteBackup writes one consistent picture of a database to an empty file and
// marks it as made at that instant. Writers go on meanwhile. It carries nothing
// that was deleted before. Nobody has looked yet whether it is whole: see
// [OpenBackup]. The schema may be older than this program's.
//
// alone is for a database that is about to be replaced: it refuses with [ErrInUse]
// when any program, also one that is not ours, has it open, and leaves no -wal
// that would belong to the file that comes.
func WriteBackup(ctx context.Context, path, to string, made time.Time, alone bool) (err error) {
	_, err = os.Stat(path)
	if err != nil {
		return reasonOf(err)
	}
	var pragmas []string
	if alone {
		pragmas = []string{"locking_mode(EXCLUSIVE)"}
	}
	db, err := openRaw(path, pragmas...)
	if err != nil {
		return err
	}
	err = vacuumInto(ctx, db, path, to, alone)
	err = errors.Join(sqliteReason(err), db.Close())
	if err == nil && alone && (beside(path, "-wal") || beside(path, "-journal")) {
		err = errors.New("what its last program left beside it could not be brought into it")
	}
	if err != nil {
		return err
	}
	// What follows is private to this process and synchronised by whoever names it.
	db, err = openRaw(to, "journal_mode(MEMORY)", "synchronous(OFF)")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, metaBackup, made.UTC().Format(time.RFC3339Nano))
	return errors.Join(sqliteReason(err), db.Close())
}

func vacuumInto(ctx context.Context, db *sql.DB, path, to string, alone bool) error {
	err := reachSQLite(ctx, db, path) // another program's is refused before it is read whole
	if err != nil {
		return err
	}
	if alone {
		_, err = db.ExecContext(ctx, "BEGIN EXCLUSIVE; COMMIT")
		if err != nil {
			return err
		}
		var busy, pages, done int
		err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
		if err == nil && busy != 0 {
			err = ErrInUse
		}
		if err != nil {
			return err
		}
	}
	// Writes what stands in the tables and nothing of what was deleted, in one
	// reading transaction: with a -wal it keeps no writer waiting.
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", to)
	return err
}

func beside(path, suffix string) bool {
	info, err := os.Stat(path + suffix)
	return err == nil && info.Size() > 0
}

// openRaw opens a file on one connection, without a word about its journal but
// those given.
func openRaw(path string, pragmas ...string) (*sql.DB, error) {
	v := url.Values{"mode": {"rw"}, "_dqs": {"0"}, "_txlock": {"immediate"}, "_busy_timeout": {"1000"}, "_pragma": pragmas}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+v.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// sqliteReason is an error of SQLite's in words for whoever runs the program.
func sqliteReason(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case sqlitecode.SQLITE_BUSY, sqlitecode.SQLITE_LOCKED:
		return ErrInUse
	case sqlitecode.SQLITE_NOTADB, sqlitecode.SQLITE_CORRUPT:
		return errNotWhole
	case sqlitecode.SQLITE_FULL:
		return ErrFull
	}
	return err
}

var errNotWhole = errors.New("is not an SQLite database, or it is damaged")

// Contents is what a backup holds.
type Contents struct {
	Made     time.Time
	Schema   int // of the database it was made from
	Program  int // the schema this program needs
	People   int64
	Accounts int64
}

// OpenBackup opens a file that [WriteBackup] made, and that nobody else has open,
// and checks it whole: what is no backup, is damaged or of a schema newer than
// this program's is refused. It opens it as it is, also with an older schema.
func OpenBackup(ctx context.Context, path string, keys *credential.KeyRing) (_ *Store, c Contents, err error) {
	s, err := unopened(&sqliteDialect, Config{Keys: keys})
	if err != nil {
		return nil, c, err
	}
	db, err := openRaw(path, "journal_mode(DELETE)", "synchronous(FULL)", "trusted_schema(0)")
	if err != nil {
		return nil, c, err
	}
	s.write = &pool{db: db}
	s.read = s.write
	c, err = s.contents(ctx)
	if err != nil {
		return nil, c, errors.Join(sqliteReason(err), s.Close())
	}
	return s, c, nil
}

func (s *Store) contents(ctx context.Context) (c Contents, err error) {
	var tables int
	var verdict string
	db := s.write.db
	err = db.QueryRowContext(ctx, sqliteDialect.hasSchema).Scan(&tables)
	if err == nil && tables == 0 {
		err = errors.New("is the database of another program, or an empty one")
	}
	if err == nil {
		err = db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict)
	}
	if err == nil && verdict != "ok" {
		err = errNotWhole
	}
	if err != nil {
		return c, err
	}
	steps, err := migrations(migrationFiles, sqliteDialect.name)
	if err != nil {
		return c, err
	}
	err = s.View(ctx, func(view credential.Tx) error {
		t := view.(*tx)
		applied, err := appliedMigrations(ctx, t.sql)
		if err == nil {
			err = known(applied, steps)
		}
		if err != nil {
			return err
		}
		c.Schema, c.Program = len(applied), len(steps)
		made, err := t.Meta(metaBackup)
		if err != nil {
			return err
		}
		c.Made, err = time.Parse(time.RFC3339Nano, made)
		if err != nil {
			return errors.New("is no backup that `aldaba backup` made; the file of a database in use is not whole by itself")
		}
		people := "SELECT count(*) FROM people"
		if c.Schema >= generationsSince {
			people += " WHERE generation = " + generationRead
		}
		err = t.one(people, nil, &c.People)
		if err != nil {
			return err
		}
		return t.one("SELECT count(*) FROM accounts", nil, &c.Accounts)
	})
	return c, err
}

// A backup, and the database that it replaces, may be of an older schema: since
// which version people stand in generations, and since which there are figures,
// accounts freeze, their owners close them and make requests, and there are complaints.
const (
	generationsSince = 2
	figuresSince     = 6
	freezesSince     = 7
	insideSince      = 8
	complaintsSince  = 9
)

// Rewind makes an opened backup one that may be put into use: everything that
// lived for somebody when it was made is ended, in one transaction, with an audit
// row. later is a backup of the database it replaces, "" where that cannot be
// read: of it come the attempts spent, the secrets used, the disputes and the
// freezes and the public figures. The file gets this program's schema, and is no
// backup any more.
func (s *Store) Rewind(ctx context.Context, later string, at time.Time) (r credential.Rewound, err error) {
	steps, err := migrations(migrationFiles, sqliteDialect.name)
	if err == nil {
		err = migrate(ctx, s.write.db, s.dialect, steps)
	}
	if err != nil {
		return r, wrap("bringing a backup's schema up to date", err)
	}
	if later != "" {
		_, err = s.write.db.ExecContext(ctx, "ATTACH $1 AS later", later)
		if err != nil {
			return r, wrap("reading the later state", err)
		}
	}
	err = s.Update(ctx, 0, func(update credential.Tx) error {
		t := update.(*tx)
		r = credential.Rewound{Spent: later != ""}
		if later != "" {
			err := t.carryOver()
			if err != nil {
				return err
			}
		}
		made, err := t.Meta(metaBackup)
		if err != nil {
			return err
		}
		for _, end := range []struct {
			query string
			args  []any
			n     *int64
		}{
			{`UPDATE procedures SET ended = $1, ended_at = $2, version = version + 1 WHERE ended = ''`,
				[]any{string(credential.TimedOut), millis(at)}, &r.Procedures},
			{`UPDATE outbox SET ended = $1, ended_at = $2, leased_until = 0, recipient = NULL, facts = NULL WHERE ended = ''`,
				[]any{string(credential.MailDropped), millis(at)}, &r.Mails},
			{`UPDATE activation_codes SET used_at = $1 WHERE used_at = 0`, []any{millis(at)}, &r.Codes},
			// A restore ended them and no citizen, or the later state has counted them.
			{`UPDATE procedures SET counted = 1 WHERE counted = 0`, nil, new(int64)},
			{`DELETE FROM devices`, nil, &r.Devices},
			{`DELETE FROM sessions`, nil, &r.Sessions},
			{`DELETE FROM meta WHERE name = $1`, []any{metaBackup}, new(int64)},
		} {
			*end.n, err = t.exec(end.query, end.args...)
			if err != nil {
				return err
			}
		}
		return t.Audit(credential.AuditEntry{
			Actor: credential.System, Act: credential.ActRestored, At: at, Route: "restore", Details: map[string]string{
				"backup": made, "procedures": fmt.Sprint(r.Procedures), "mails": fmt.Sprint(r.Mails), "codes": fmt.Sprint(r.Codes), "devices": fmt.Sprint(r.Devices),
				"sessions": fmt.Sprint(r.Sessions),
				"spent":    fmt.Sprint(r.Spent),
			},
		})
	})
	if later != "" {
		_, detachErr := s.write.db.ExecContext(ctx, "DETACH later")
		err = errors.Join(err, detachErr)
	}
	return r, wrap("ending what a backup brings back", err)
}

// carryOver takes what must not go back in time from the later state. A counter
// that the later state reset stays as the backup has it: too strict is the safe
// side. What the public was told stands, whatever is forgotten here.
func (t *tx) carryOver() error {
	var later int
	err := t.one("SELECT count(*) FROM later.schema_migrations", nil, &later)
	if err != nil {
		return err
	}
	if later >= figuresSince {
		for _, query := range []string{
			`DELETE FROM figure_events`, `DELETE FROM figure_counts`, `DELETE FROM figure_records`,
			`INSERT INTO figure_events (id, day, measure, kind, detail, bucket)
				SELECT id, day, measure, kind, detail, bucket FROM later.figure_events`,
			`INSERT INTO figure_counts (day, measure, kind, detail, bucket, n)
				SELECT day, measure, kind, detail, bucket, n FROM later.figure_counts`,
			`INSERT INTO figure_records (seq, month, state, at, body, heads, previous, signature)
				SELECT seq, month, state, at, body, heads, previous, signature FROM later.figure_records`,
		} {
			_, err = t.exec(query)
			if err != nil {
				return err
			}
		}
	}
	columns, used := "subject, id, kind, procedure, created_at, expires_at, used_at", "used_at = max(notices.used_at, excluded.used_at)"
	if later >= freezesSince {
		columns, used = noticeColumns, used+", case_number = excluded.case_number"
	}
	for _, query := range []string{
		`INSERT INTO attempts (subject, budget, times, total, newest, version)
			SELECT subject, budget, times, total, newest, version FROM later.attempts WHERE true
			ON CONFLICT (subject, budget) DO UPDATE SET times = excluded.times, total = max(attempts.total, excluded.total),
				newest = excluded.newest, version = max(attempts.version, excluded.version) WHERE excluded.newest >= attempts.newest`,
		`INSERT INTO marks (scope, hash, subject, latest) SELECT scope, hash, subject, latest FROM later.marks WHERE true
			ON CONFLICT (scope, hash, subject) DO UPDATE SET latest = max(marks.latest, excluded.latest)`,
		`INSERT INTO used_once (id, expires_at) SELECT id, expires_at FROM later.used_once WHERE true ON CONFLICT (id) DO NOTHING`,
		`INSERT INTO notices (` + columns + `) SELECT ` + columns + ` FROM later.notices WHERE true
			ON CONFLICT (subject, id) DO UPDATE SET ` + used,
	} {
		_, err := t.exec(query)
		if err != nil {
			return err
		}
	}
	if later >= insideSince { // each has a last day that was promised
		_, err = t.exec(`INSERT INTO requests (subject, id, kind, text, reference, created_at, due_at, state, ended_at)
			SELECT subject, id, kind, text, reference, created_at, due_at, state, ended_at FROM later.requests WHERE true
			ON CONFLICT (subject, id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at`)
		if err != nil {
			return err
		}
	}
	if later >= complaintsSince { // each has a number that somebody kept, and may be counted
		columns := complaintColumns + `, lapsed`
		_, err = t.exec(`INSERT INTO complaints (` + columns + `) SELECT ` + columns + ` FROM later.complaints WHERE true
			ON CONFLICT (id) DO UPDATE SET confirmed_at = excluded.confirmed_at, proof = excluded.proof, answered_at = excluded.answered_at,
				keep_until = excluded.keep_until, lapsed = excluded.lapsed`)
		if err != nil {
			return err
		}
	}
	if later < freezesSince {
		return nil
	}
	closed := "0"
	if later >= insideSince {
		closed = "later.accounts.closed_at"
	}
	return t.carryFreezes(closed)
}

// carryFreezes freezes and closes again what was frozen, or closed by its owner, since
// the backup, and keeps the cases. closed is where the later state has the latter.
func (t *tx) carryFreezes(closed string) error {
	_, err := t.exec(`INSERT INTO cases (subject, number, kind, froze, opened_at) SELECT subject, number, kind, froze, opened_at
		FROM later.cases WHERE true ON CONFLICT (subject, number) DO NOTHING`)
	if err != nil {
		return err
	}
	frozen, err := list(t, `SELECT later.accounts.subject, later.accounts.frozen_from, `+closed+` FROM later.accounts
		JOIN main.accounts ON main.accounts.subject = later.accounts.subject
		WHERE later.accounts.frozen_from > 0 OR `+closed+` > 0 ORDER BY later.accounts.subject`, nil,
		func(scan func(...any) error) (a credential.Account, err error) {
			err = scan(exactly(a.Subject[:]), instant{&a.FrozenFrom}, instant{&a.ClosedAt})
			return a, err
		})
	if err != nil {
		return err
	}
	for _, later := range frozen {
		a, err := t.account(later.Subject)
		if err != nil {
			return err
		}
		a.FrozenFrom, a.ClosedAt = later.FrozenFrom, later.ClosedAt
		err = t.SaveAccount(a)
		if err != nil {
			return err
		}
	}
	return nil
}

// sidecars are the files that SQLite keeps beside a database and reads with it.
var sidecars = []string{"-wal", "-journal"}

// Move moves a database with what belongs to it. The database goes first: whoever
// is killed on the way leaves no file without it that could be read as another's.
func Move(from, to string) error {
	for _, suffix := range append([]string{""}, sidecars...) {
		err := os.Rename(from+suffix, to+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return ignoreMissing(os.Remove(from + "-shm")) // made anew from the -wal
}

// Remove removes a database that nobody has open, with everything beside it.
func Remove(path string) error {
	for _, suffix := range append([]string{"", "-shm"}, sidecars...) {
		err := ignoreMissing(os.Remove(path + suffix))
		if err != nil {
			return err
		}
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
