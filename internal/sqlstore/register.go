package sqlstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"aldaba/internal/credential"
)

// batchTime is about how long a batch of an import may keep SQLite's one writer
// from everybody else: far below what a person notices.
const batchTime = 25 * time.Millisecond

// StagePeople implements [credential.RegisterStore].
func (s *Store) StagePeople(ctx context.Context, run credential.RegisterRun, people []credential.StagedPerson,
	advance func(n int) credential.RegisterRun) (credential.RegisterRun, error) {
	stage := s.stageOneByOne
	if s.dialect.copies {
		stage = s.stageByCopy
	}
	next, err := stage(ctx, run, people, advance)
	if err != nil {
		return run, s.refusal(wrap("storing a register", err))
	}
	s.letOthers(ctx)
	return next, nil
}

// letOthers lets other programs write between two batches, where there is one
// writer at a time: they look for their turn every millisecond.
func (s *Store) letOthers(ctx context.Context) {
	if s.dialect.lockShard != "" {
		return
	}
	timer := time.NewTimer(2 * busyPoll)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

const insertStaged = "INSERT INTO people (generation, subject, record, digest) VALUES ($1, $2, $3, $4)"

// stageOneByOne is for SQLite: one prepared statement in one short transaction.
func (s *Store) stageOneByOne(ctx context.Context, run credential.RegisterRun, people []credential.StagedPerson,
	advance func(int) credential.RegisterRun) (next credential.RegisterRun, err error) {
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
		n := 0
		for n < len(people) && (n == 0 || time.Since(started) < batchTime) {
			p := &people[n]
			_, err := stmt.ExecContext(t.ctx, run.Generation, p.Subject[:], p.Record, p.Digest[:])
			if err != nil {
				return t.note(err)
			}
			n++
		}
		s.tell(insertStaged, int64(n), started)
		if err := ctx.Err(); err != nil {
			return err
		}
		next = advance(n)
		return credential.MoveRegisterRun(t, run, next)
	})
	return next, err
}

// stageByCopy is for PostgreSQL.
func (s *Store) stageByCopy(ctx context.Context, run credential.RegisterRun, people []credential.StagedPerson,
	advance func(int) credential.RegisterRun) (next credential.RegisterRun, err error) {
	conn, err := s.write.db.Conn(ctx)
	if err != nil {
		return next, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	started := time.Now()
	err = conn.Raw(func(driverConn any) error {
		next, err = copyPeople(ctx, driverConn.(*stdlib.Conn).Conn(), run, people, advance)
		return err
	})
	s.tell("COPY people", int64(len(people)), started)
	return next, interrupted(ctx, err)
}

func copyPeople(ctx context.Context, conn *pgx.Conn, run credential.RegisterRun, people []credential.StagedPerson,
	advance func(int) credential.RegisterRun) (next credential.RegisterRun, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return next, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // after Commit it has nothing to do
	_, err = conn.PgConn().CopyFrom(ctx, &copyStream{generation: run.Generation, people: people},
		"COPY people (generation, subject, record, digest) FROM STDIN BINARY")
	if err != nil {
		return next, err
	}
	next = advance(len(people))
	err = credential.MoveRegisterRun(pgxMeta{ctx: ctx, tx: tx}, run, next)
	if err != nil {
		return next, err
	}
	return next, tx.Commit(ctx)
}

// copyStream gives people in the binary format of COPY. The driver's own way
// makes a slice of values for each row.
type copyStream struct {
	generation int64
	people     []credential.StagedPerson
	begun      bool
	text, left []byte
}

// copyHeader is the signature, no flags, no extension.
var copyHeader = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// Read implements [io.Reader].
func (c *copyStream) Read(to []byte) (int, error) {
	if len(c.left) == 0 {
		c.text = c.text[:0]
		if !c.begun {
			c.text, c.begun = append(c.text, copyHeader...), true
		}
		for len(c.people) > 0 && len(c.text) < len(to) {
			p := &c.people[0]
			c.people = c.people[1:]
			c.text = append(c.text, 0, 4, 0, 0, 0, 8) // four fields; the first one's length
			c.text = binary.BigEndian.AppendUint64(c.text, uint64(c.generation))
			for _, field := range [...][]byte{p.Subject[:], p.Record, p.Digest[:]} {
				c.text = binary.BigEndian.AppendUint32(c.text, uint32(len(field)))
				c.text = append(c.text, field...)
			}
		}
		c.left = c.text
	}
	if len(c.left) == 0 {
		return 0, io.EOF // PostgreSQL needs no trailer before the end of the data
	}
	n := copy(to, c.left)
	c.left = c.left[n:]
	return n, nil
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

// bounds gives two subjects that a range is between: an end that is empty lies
// before or behind every subject.
func bounds(from, to []byte) (first, last []byte) {
	if len(to) == 0 {
		to = slices.Repeat([]byte{0xff}, len(credential.Subject{})+1)
	}
	if from == nil {
		from = []byte{}
	}
	return from, to
}

// ClearGeneration implements [credential.RegisterStore].
func (s *Store) ClearGeneration(ctx context.Context, generation int64, from, to []byte) error {
	from, to = bounds(from, to)
	err := s.Update(ctx, 0, func(update credential.Tx) error {
		_, read, err := credential.RegisterRunNow(update)
		if err != nil {
			return err
		}
		if read == generation {
			return fmt.Errorf("generation %d of people is the one that is read", generation)
		}
		_, err = update.(*tx).exec("DELETE FROM people WHERE generation = $1 AND subject >= $2 AND subject < $3", generation, from, to)
		return err
	})
	s.letOthers(ctx)
	return wrap("deleting an old register", err)
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
	from, to = bounds(from, to)
	err = s.View(ctx, func(view credential.Tx) (err error) {
		t := view.(*tx)
		err = t.one(`SELECT count(*) FROM people o WHERE o.generation = $1 AND o.subject >= $3 AND o.subject < $4
			AND NOT EXISTS (SELECT 1 FROM people n WHERE n.generation = $2 AND n.subject = o.subject
			AND n.subject >= $3 AND n.subject < $4)`, []any{old, new, from, to}, &gone)
		if err != nil {
			return err
		}
		changed, err = list(t, `SELECT o.subject, o.record, n.record FROM people o
			JOIN people n ON n.generation = $2 AND n.subject = o.subject
			WHERE o.generation = $1 AND o.subject >= $3 AND o.subject < $4 AND n.subject >= $3 AND n.subject < $4 AND o.digest <> n.digest
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
