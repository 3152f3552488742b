package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"aldaba/internal/credential"
)

// tx is one transaction, a [credential.Tx], or without sql one glance. It lives as long as the function it
// is given to, and carries that call's context.
type tx struct {
	ctx      context.Context
	store    *Store
	pool     *pool
	sql      *sql.Tx // nil in a glance
	looked   bool    // a glance has had its statement
	readOnly bool
	fresh    []string                // queries that are not prepared yet
	audit    []credential.AuditEntry // appended before the commit
	failed   error                   // the first statement that failed; nothing commits after it
}

// statement gives the prepared statement of a query, or nil the first time.
func (t *tx) statement(query string) *sql.Stmt {
	stmt := t.pool.statement(query)
	if stmt == nil {
		if t.pool.prepare {
			t.fresh = append(t.fresh, query)
		}
		return nil
	}
	if t.sql == nil {
		return stmt
	}
	return t.sql.StmtContext(t.ctx, stmt)
}

// errSecondLook is a fault of ours: two statements are not one picture.
var errSecondLook = errors.New("a glance is one read; this is another statement")

// look admits the one read of a glance.
func (t *tx) look() error {
	if t.sql != nil {
		return nil
	}
	if t.looked {
		return errSecondLook
	}
	t.looked = true
	return nil
}

// query runs a query that is not prepared yet.
func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	if t.sql == nil {
		return t.pool.db.QueryContext(t.ctx, query, args...)
	}
	return t.sql.QueryContext(t.ctx, query, args...)
}

// exec runs a statement and tells how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if t.sql == nil {
		return 0, t.note(errSecondLook)
	}
	started := time.Now()
	var (
		result sql.Result
		err    error
	)
	if stmt := t.statement(query); stmt != nil {
		result, err = stmt.ExecContext(t.ctx, args...)
	} else {
		result, err = t.sql.ExecContext(t.ctx, query, args...)
	}
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	t.store.tell(query, n, started)
	return n, t.note(err)
}

// execOne is [tx.exec] for a statement that decides something: whether it
// changed its one row.
func (t *tx) execOne(query string, args ...any) (bool, error) {
	n, err := t.exec(query, args...)
	return n == 1, err
}

// must is [tx.exec] for a conditional write: ErrTaken when it changed nothing.
func (t *tx) must(query string, args ...any) error {
	done, err := t.execOne(query, args...)
	if err == nil && !done {
		return credential.ErrTaken
	}
	return err
}

// one reads a single row into dest: ErrNoRow when there is none.
func (t *tx) one(query string, args []any, dest ...any) error {
	found := false
	_, err := list(t, query, args, func(scan func(...any) error) (struct{}, error) {
		found = true
		return struct{}{}, scan(dest...)
	})
	if err == nil && !found {
		return credential.ErrNoRow
	}
	return err
}

// list reads rows with f, which scans one.
func list[T any](t *tx, query string, args []any, f func(scan func(...any) error) (T, error)) (all []T, err error) {
	err = t.look()
	if err != nil {
		return nil, t.note(err)
	}
	started := time.Now()
	var rows *sql.Rows
	if stmt := t.statement(query); stmt != nil {
		rows, err = stmt.QueryContext(t.ctx, args...)
	} else {
		rows, err = t.query(query, args...)
	}
	if err != nil {
		t.store.tell(query, 0, started)
		return nil, t.note(err)
	}
	defer func() {
		err = errors.Join(err, t.note(rows.Close()))
		t.store.tell(query, int64(len(all)), started)
	}()
	for rows.Next() {
		v, err := f(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, t.note(rows.Err())
}

// note remembers that a statement failed.
func (t *tx) note(err error) error {
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}

// wrap says what was being done, and leaves nil as it is.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// millis is how an instant is stored; none is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// instant scans what [millis] stored, in UTC.
type instant struct{ to *time.Time }

func (i instant) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return fmt.Errorf("an instant is stored as %T", src)
	}
	*i.to = fromMillis(ms)
	return nil
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// exactly scans bytes of a known length into its slice: an id or a hash.
type exactly []byte

func (b exactly) Scan(src any) error {
	got, ok := src.([]byte)
	if !ok || len(got) != len(b) {
		return fmt.Errorf("%d bytes are stored as %T of length %d", len(b), src, len(got))
	}
	copy(b, got)
	return nil
}
