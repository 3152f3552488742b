package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"aldaba/internal/credential"
)

// batchTime is about how long a batch of an import may keep SQLite's one writer
// from everybody else: far below what a person notices.
const batchTime = 25 * time.Millisecond

// SealPerson implements [credential.RegisterStore].
func (s *Store) SealPerson(subject credential.Subject, p credential.Person) (credential.StagedPerson, error) {
	record, err := sealPerson(s.keys, subject, p)
	if err != nil {
		return credential.StagedPerson{}, wrap("sealing a person", err)
	}
	return credential.StagedPerson{Subject: subject, Record: record, Digest: s.keys.RegisterDigest(subject, p)}, nil
}

// StagePeople implements [credential.RegisterStore].
func (s *Store) StagePeople(ctx context.Context, run credential.RegisterRun, people []credential.StagedPerson,
	advance func(n int, doubled []int) (credential.RegisterRun, error)) (credential.RegisterRun, error) {
	stage := s.stageOneByOne
	if s.dialect.copies {
		stage = s.stageByCopy
	}
	next, err := stage(ctx, run, people, advance)
	if err != nil {
		return run, s.refusal(wrap("storing a register", err))
	}
	return next, nil
}

const insertStaged = `INSERT INTO people (generation, subject, record, digest) VALUES ($1, $2, $3, $4)
	ON CONFLICT (generation, subject) DO NOTHING`

// stageOneByOne is for SQLite: one prepared statement in one short transaction.
func (s *Store) stageOneByOne(ctx context.Context, run credential.RegisterRun, people []credential.StagedPerson,
	advance func(int, []int) (credential.RegisterRun, error)) (next credential.RegisterRun, err error) {
	s.write.learn(ctx, []string{insertStaged})
	err = s.transact(ctx, s.write, nil, func(t *tx) error {
		// A context that can end costs a goroutine for each row; the batch is
		// short, and looks at it itself.
		t.ctx = context.WithoutCancel(ctx)
		stmt := t.statement(insertStaged)
		if stmt == nil {
			return errors.New("the statement is not prepared")
		}
		started := time.Now()
		var doubled []int
		n := 0
		for n < len(people) && (n == 0 || time.Since(started) < batchTime) {
			p := &people[n]
			result, err := stmt.ExecContext(t.ctx, run.Generation, p.Subject[:], p.Record, p.Digest[:])
			if err != nil {
				return t.note(err)
			}
			stored, err := result.RowsAffected()
			if err != nil {
				return t.note(err)
			}
			if stored == 0 {
				doubled = append(doubled, n)
			}
			n++
		}
		s.tell(insertStaged, int64(n-len(doubled)), started)
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err = advance(n, doubled)
		if err != nil {
			return err
		}
		return credential.MoveRegisterRun(t, run, next)
	})
	return next, err
}

// stageByCopy is for PostgreSQL. COPY refuses a batch in which a subject is
// doubled; only then the doubled ones are looked for.
func (s *Store) stageByCopy(ctx context.Context, run credential.RegisterRun, people []credential.StagedPerson,
	advance func(int, []int) (credential.RegisterRun, error)) (next credential.RegisterRun, err error) {
	conn, err := s.write.db.Conn(ctx)
	if err != nil {
		return next, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var doubled []int
	for try := 0; ; try++ {
		started := time.Now()
		err = conn.Raw(func(driverConn any) error {
			next, err = copyPeople(ctx, driverConn.(*stdlib.Conn).Conn(), run, people, doubled, advance)
			return err
		})
		duplicate, isRefusal := errors.AsType[*pgconn.PgError](err)
		if !isRefusal || duplicate.Code != "23505" || try > 0 {
			s.tell("COPY people", int64(len(people)-len(doubled)), started)
			return next, interrupted(ctx, err)
		}
		doubled, err = doubledIn(ctx, conn, run.Generation, people)
		if err != nil {
			return next, interrupted(ctx, err)
		}
	}
}

func copyPeople(ctx context.Context, conn *pgx.Conn, run credential.RegisterRun, people []credential.StagedPerson, doubled []int,
	advance func(int, []int) (credential.RegisterRun, error)) (next credential.RegisterRun, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return next, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after Commit it has nothing to do
	i := -1
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"people"}, []string{"generation", "subject", "record", "digest"},
		pgx.CopyFromFunc(func() ([]any, error) {
			for i++; i < len(people); i++ {
				if _, left := slices.BinarySearch(doubled, i); !left {
					p := &people[i]
					return []any{run.Generation, p.Subject[:], p.Record, p.Digest[:]}, nil
				}
			}
			return nil, nil
		}))
	if err != nil {
		return next, err
	}
	next, err = advance(len(people), doubled)
	if err != nil {
		return next, err
	}
	err = credential.MoveRegisterRun(pgxMeta{ctx: ctx, tx: tx}, run, next)
	if err != nil {
		return next, err
	}
	return next, tx.Commit(ctx)
}

// pgxMeta is the one thing that a run needs of a transaction of the driver's own.
type pgxMeta struct {
	ctx context.Context
	tx  pgx.Tx
}

// SwapMeta implements [credential.Tx].
func (t pgxMeta) SwapMeta(key, was, is string) (bool, error) {
	tag, err := t.tx.Exec(t.ctx, swapMeta, key, was, is)
	return tag.RowsAffected() == 1, err
}

// doubledIn gives the places of those whom the generation has already, or who
// stood before among the same people.
func doubledIn(ctx context.Context, conn *sql.Conn, generation int64, people []credential.StagedPerson) (doubled []int, err error) {
	subjects := make([][]byte, len(people))
	for i := range people {
		subjects[i] = people[i].Subject[:]
	}
	rows, err := conn.QueryContext(ctx, "SELECT subject FROM people WHERE generation = $1 AND subject = ANY($2)", generation, subjects)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	seen := map[credential.Subject]bool{}
	for rows.Next() {
		var subject credential.Subject
		err = rows.Scan(exactly(subject[:]))
		if err != nil {
			return nil, err
		}
		seen[subject] = true
	}
	for i, p := range people {
		if seen[p.Subject] {
			doubled = append(doubled, i)
		}
		seen[p.Subject] = true
	}
	return doubled, rows.Err()
}

// ClearGeneration implements [credential.RegisterStore].
func (s *Store) ClearGeneration(ctx context.Context, generation int64) (done bool, err error) {
	const part = 500 // deleted within a few milliseconds
	err = s.Update(ctx, 0, func(update credential.Tx) error {
		_, read, err := credential.RegisterRunNow(update)
		if err != nil {
			return err
		}
		if read == generation {
			return fmt.Errorf("generation %d of people is the one that is read", generation)
		}
		n, err := update.(*tx).exec(`DELETE FROM people WHERE generation = $1 AND subject IN
			(SELECT subject FROM people WHERE generation = $1 ORDER BY subject LIMIT $2)`, generation, int64(part))
		done = n < part
		return err
	})
	return done, wrap("deleting an old register", err)
}

// CountPeople implements [credential.RegisterStore].
func (s *Store) CountPeople(ctx context.Context, generation int64) (n int64, err error) {
	err = s.View(ctx, func(view credential.Tx) error {
		return view.(*tx).one("SELECT count(*) FROM people WHERE generation = $1", []any{generation}, &n)
	})
	return n, wrap("counting people", err)
}

// CompareGenerations implements [credential.RegisterStore].
func (s *Store) CompareGenerations(ctx context.Context, old, new int64, from, to []byte) (gone int64, changed []credential.RegisterChange, err error) {
	if len(to) == 0 {
		to = slices.Repeat([]byte{0xff}, len(credential.Subject{})+1) // behind every subject
	}
	if from == nil {
		from = []byte{}
	}
	err = s.View(ctx, func(view credential.Tx) (err error) {
		t := view.(*tx)
		err = t.one(`SELECT count(*) FROM people o WHERE o.generation = $1 AND o.subject >= $3 AND o.subject < $4
			AND NOT EXISTS (SELECT 1 FROM people n WHERE n.generation = $2 AND n.subject = o.subject)`, []any{old, new, from, to}, &gone)
		if err != nil {
			return err
		}
		changed, err = list(t, `SELECT o.subject, o.record, n.record FROM people o
			JOIN people n ON n.generation = $2 AND n.subject = o.subject
			WHERE o.generation = $1 AND o.subject >= $3 AND o.subject < $4 AND o.digest <> n.digest
			ORDER BY o.subject`, []any{old, new, from, to}, t.scanChange)
		return err
	})
	return gone, changed, wrap("comparing two registers", err)
}

func (t *tx) scanChange(scan func(...any) error) (c credential.RegisterChange, err error) {
	var was, is []byte
	err = scan(exactly(c.Subject[:]), &was, &is)
	if err == nil {
		c.Old, err = openPerson(t.store.keys, c.Subject, was)
	}
	if err == nil {
		c.New, err = openPerson(t.store.keys, c.Subject, is)
	}
	return c, err
}
