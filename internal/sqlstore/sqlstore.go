// Package sqlstore keeps what the domain remembers in SQLite or PostgreSQL. It
// is the only package that knows SQL.
//
// Every statement that reads or writes is written once and runs on both
// engines; only the schema is written twice, in migrations/. What differs else is
// a [dialect]. Both engines are held to one contract, package storetest.
//
// Personal data that is not searched by is sealed with the key ring, bound to
// its table, column and row; what decides rights carries a MAC; audit rows are
// chained. See docs/decisions/0002 for the order of writes.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"aldaba/internal/credential"
)

// Config says which database to open and with which keys.
type Config struct {
	// DSN is the address: a path or "file:…" for SQLite, "postgres://…" for
	// PostgreSQL.
	DSN string

	// Keys opens the sealed columns. A database is of use with the ring it was
	// filled with, and with no other.
	Keys *credential.KeyRing

	// Connections bounds the pool: PostgreSQL's, or SQLite's reading ones.
	// 0 means 16, or as many as cores and at least 4.
	Connections int

	// Existing refuses a database that is not there, or whose schema is not this
	// program's, instead of making it so: nothing is written by opening.
	Existing bool

	// Bulk is for an import: a commit does not wait for the disk. A loss of power
	// may take back the last ones, in order and each as a whole, and one that
	// waits, of whatever program, makes those before it last.
	Bulk bool

	// Observe, if set, is told of every statement after it ran: its text (a
	// constant, without values), how many rows it gave or changed, and how long
	// it took. It is called from many goroutines.
	Observe func(query string, rows int64, took time.Duration)
}

// Store is a [credential.Store] and a [credential.Registry].
type Store struct {
	dialect *dialect
	keys    *credential.KeyRing
	observe func(query string, rows int64, took time.Duration)
	write   *pool
	read    *pool     // the same as write on PostgreSQL
	nobody  []byte    // a record that is opened when a number is nobody's
	empty   [3][]byte // clave, answers and profile that are opened when there is no account
	turns   [turns]chan struct{}
}

var (
	_ credential.Store    = (*Store)(nil)
	_ credential.Registry = (*Store)(nil)

	_ credential.RegisterStore = (*Store)(nil)
)

const (
	// turns is how many updates of this process may wait for the database at
	// once, by shard: without it, a crowd that writes about one number would hold
	// every connection while it waits for that number's lock.
	turns = 256

	// maxTries bounds how often an update is begun again.
	maxTries = 20
)

// Open opens the database and, unless it must exist already, brings its schema
// up to date; several processes may do so at once. What is wrong with the address, the file or the schema is
// one sentence for whoever runs the program. A PostgreSQL that does not answer is
// refused as [credential.Unavailable].
func Open(ctx context.Context, c Config) (_ *Store, err error) {
	if c.Keys == nil {
		return nil, errors.New("database: no key ring given")
	}
	if c.Connections < 0 {
		return nil, errors.New("database: the number of connections is below zero")
	}
	d, err := dialectOf(c.DSN)
	if err != nil {
		return nil, err
	}
	steps, err := migrations(migrationFiles, d.name)
	if err != nil {
		return nil, err
	}
	s, err := unopened(d, c)
	if err != nil {
		return nil, err
	}
	s.write, s.read, err = d.open(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.Existing {
		err = current(ctx, s.read.db, d, steps)
	} else {
		err = migrate(ctx, s.write.db, d, steps)
	}
	if err != nil {
		return nil, errors.Join(s.refusal(err), s.Close())
	}
	return s, nil
}

// unopened is a store without its connections.
func unopened(d *dialect, c Config) (s *Store, err error) {
	s = &Store{dialect: d, keys: c.Keys, observe: c.Observe}
	for i := range s.turns {
		s.turns[i] = make(chan struct{}, 1)
	}
	s.nobody, err = sealNobody(c.Keys)
	if err == nil {
		s.empty, err = sealNoAccount(c.Keys)
	}
	return s, err
}

// Close closes every connection. Whoever is inside an update or a view finishes
// first.
func (s *Store) Close() error {
	err := s.write.close()
	if s.read != s.write {
		err = errors.Join(s.read.close(), err)
	}
	return err
}

// Ping reports whether the database answers; the refusal is
// [credential.Unavailable].
func (s *Store) Ping(ctx context.Context) error {
	var one int
	err := s.read.db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// View implements [credential.Store].
func (s *Store) View(ctx context.Context, f func(credential.Tx) error) error {
	return s.refusal(s.transact(ctx, s.read, &s.dialect.view, func(t *tx) error {
		t.readOnly = true
		return f(t)
	}))
}

// Glance implements [credential.Store]: a transaction around one statement would
// cost as much as the statement, and on PostgreSQL two more journeys.
func (s *Store) Glance(ctx context.Context, f func(credential.Tx) error) error {
	t := &tx{ctx: ctx, store: s, pool: s.read, readOnly: true}
	err := f(t)
	if err == nil && t.failed != nil {
		err = fmt.Errorf("a statement failed and went unnoticed: %w", t.failed)
	}
	if err != nil {
		if t.failed != nil {
			err = interrupted(ctx, err)
		}
		return s.refusal(err)
	}
	s.read.learn(ctx, t.fresh)
	return nil
}

// Update implements [credential.Store]. After maxTries it gives up with
// [credential.Unavailable] and the reason of the last one.
func (s *Store) Update(ctx context.Context, shard credential.Shard, f func(credential.Tx) error) error {
	turn := s.turns[shard%turns]
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return s.refusal(ctx.Err())
	}
	for try := 1; ; try++ {
		err := s.transact(ctx, s.write, nil, func(t *tx) error {
			if s.dialect.lockShard != "" {
				_, err := t.exec(s.dialect.lockShard, int64(shard))
				if err != nil {
					return err
				}
			}
			err := f(t)
			if err != nil {
				return err
			}
			return t.appendAudit()
		})
		if err == nil {
			return nil
		}
		if !errors.Is(err, credential.ErrTaken) && s.dialect.classify(err) != conflict {
			return s.refusal(err)
		}
		if try == maxTries {
			return unavailable(fmt.Errorf("gave up after %d tries: %w", try, err))
		}
		if pauseErr := pause(ctx, try); pauseErr != nil {
			return s.refusal(errors.Join(pauseErr, err))
		}
	}
}

// transact runs f in one transaction of p. It commits when f returns nil and no
// statement of f failed; whatever else happens, a panic included, leaves nothing.
func (s *Store) transact(ctx context.Context, p *pool, options *sql.TxOptions, f func(*tx) error) error {
	sqlTx, err := begin(ctx, p.db, options)
	if err != nil {
		return interrupted(ctx, fmt.Errorf("beginning: %w", err))
	}
	t := &tx{ctx: ctx, store: s, pool: p, sql: sqlTx}
	defer func() { _ = sqlTx.Rollback() }() // after Commit it has nothing to do
	err = f(t)
	switch {
	case err != nil && t.failed != nil:
		return interrupted(ctx, err)
	case err != nil:
		return err
	case t.failed != nil:
		return interrupted(ctx, fmt.Errorf("a statement failed and went unnoticed: %w", t.failed))
	}
	err = sqlTx.Commit()
	if err != nil {
		return interrupted(ctx, fmt.Errorf("committing: %w", err))
	}
	p.learn(ctx, t.fresh)
	return nil
}

// interrupted adds to what the database said that the caller's context is over:
// the drivers tell it each in their own way, and only sometimes.
func interrupted(ctx context.Context, err error) error {
	if over := ctx.Err(); over != nil && !errors.Is(err, over) {
		return fmt.Errorf("%w: %w", over, err)
	}
	return err
}

// Person implements [credential.Registry] on the imported copy of the register.
func (s *Store) Person(ctx context.Context, subject credential.Subject) (credential.Person, bool, error) {
	const query = "SELECT record FROM people WHERE generation = " + generationRead + " AND subject = $1"
	p, found, err := s.person(ctx, query, subject)
	if err != nil {
		return credential.Person{}, false, s.refusal(fmt.Errorf("reading a person: %w", err))
	}
	s.read.learn(ctx, []string{query})
	return p, found, nil
}

func (s *Store) person(ctx context.Context, query string, subject credential.Subject) (credential.Person, bool, error) {
	var (
		sealed  []byte
		started = time.Now()
		row     *sql.Row
		n       int64
	)
	if stmt := s.read.statement(query); stmt != nil {
		row = stmt.QueryRowContext(ctx, subject[:])
	} else {
		row = s.read.db.QueryRowContext(ctx, query, subject[:])
	}
	err := row.Scan(&sealed)
	found, of := true, subject
	switch {
	case err == nil:
		n = 1
	case errors.Is(err, sql.ErrNoRows):
		// Somebody who is not there costs the same: a record of usual size is
		// opened and read all the same, and thrown away.
		found, sealed, of = false, s.nobody, credential.Subject{}
	default:
		return credential.Person{}, false, err
	}
	s.tell(query, n, started)
	p, err := openPerson(s.keys, of, sealed)
	if err != nil || !found {
		return credential.Person{}, false, err
	}
	return p, true, nil
}

func (s *Store) tell(query string, rows int64, started time.Time) {
	if s.observe != nil {
		s.observe(query, rows, time.Since(started))
	}
}

// refusal makes the refusal of an error that means that the database is away,
// and leaves every other error as it is.
func (s *Store) refusal(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err // nobody waits for the answer
	}
	if errors.Is(err, context.DeadlineExceeded) || s.dialect.classify(err) == away {
		return unavailable(err)
	}
	return err
}

func unavailable(err error) error {
	return &credential.Error{Kind: credential.Unavailable, Rule: "database", Err: err}
}

// pause waits before another try: longer each time, and never two callers
// equally long. It returns ctx's error if that ends first.
func pause(ctx context.Context, try int) error {
	const first, longest = 2 * time.Millisecond, 100 * time.Millisecond
	limit := min(first<<min(try, 10), longest)
	timer := time.NewTimer(limit/2 + rand.N(limit/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pool is a handle with the statements it has prepared. database/sql keeps no
// statements by itself; SQLite spends more on parsing a short one than on
// running it.
type pool struct {
	db       *sql.DB
	prepare  bool
	prepared sync.Map // query text → *sql.Stmt
	learning sync.Mutex
	inUse    *os.File // locked as long as the pool is open; nil on PostgreSQL and for reading
}

func (p *pool) statement(query string) *sql.Stmt {
	if stmt, ok := p.prepared.Load(query); ok {
		return stmt.(*sql.Stmt)
	}
	return nil
}

// learn prepares queries for the next time. It runs outside transactions: with a
// single connection, preparing inside one would wait for itself. All queries are
// constants of this package, which bounds how many there are. A failure costs
// speed alone.
func (p *pool) learn(ctx context.Context, queries []string) {
	if !p.prepare || len(queries) == 0 {
		return
	}
	p.learning.Lock()
	defer p.learning.Unlock()
	for _, query := range queries {
		if p.statement(query) != nil {
			continue
		}
		stmt, err := p.db.PrepareContext(ctx, query)
		if err != nil {
			return
		}
		p.prepared.Store(query, stmt)
	}
}

func (p *pool) close() error {
	var err error
	p.prepared.Range(func(_, stmt any) bool {
		err = errors.Join(err, stmt.(*sql.Stmt).Close())
		return true
	})
	err = errors.Join(err, p.db.Close())
	if p.inUse != nil {
		unlocked := p.inUse.Close()
		if !errors.Is(unlocked, os.ErrClosed) { // closing twice is no fault, as for a database
			err = errors.Join(err, unlocked)
		}
	}
	return err
}
