package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"aldaba/internal/credential"
)

func procedurePlace(p credential.Procedure) credential.Place {
	return credential.Place{Table: "procedures", Column: "typed", Row: rowKey(p.Subject, p.ID)}
}

func (t *tx) sealTyped(p credential.Procedure) ([]byte, error) {
	typed := p.Typed
	if !typed.Number.IsZero() && typed.Number.Document() != typed.Document {
		return nil, errors.New("what was typed holds a number of another document")
	}
	typed.Digits = typed.Number.Reveal()
	text, err := json.Marshal(typed)
	if err != nil {
		return nil, err
	}
	return t.store.keys.Seal(text, procedurePlace(p)), nil
}

func (t *tx) openTyped(sealed []byte, p credential.Procedure) (typed credential.Typed, err error) {
	text, err := t.store.keys.Open(sealed, procedurePlace(p))
	if err != nil {
		return typed, err
	}
	err = json.Unmarshal(text, &typed)
	if err != nil {
		return typed, fmt.Errorf("procedures.typed: %w", err)
	}
	typed.Number, err = storedNumber(typed.Document, typed.Digits)
	if err != nil {
		return typed, fmt.Errorf("procedures.typed: %w", err)
	}
	typed.Digits = "" // Number has it, and masks itself
	return typed, nil
}

// procedureArgs gives every column in the order of the table, with version.
func (t *tx) procedureArgs(p credential.Procedure, version int64) ([]any, error) {
	typed, err := t.sealTyped(p)
	if err != nil {
		return nil, err
	}
	return []any{
		p.Subject[:], p.ID[:], string(p.Kind), string(p.Step), p.Policy, p.Browser[:], p.Reference,
		millis(p.CreatedAt), millis(p.ExpiresAt), string(p.End), millis(p.EndedAt),
		int64(p.Extensions), int64(p.Failed), int64(p.CodeTries),
		int64(p.Generation), millis(p.HoldUntil), millis(p.Attempted), millis(p.Accepted), typed, version,
	}, nil
}

// CreateProcedure implements [credential.Tx]. The row has the Version given.
func (t *tx) CreateProcedure(p credential.Procedure) error {
	args, err := t.procedureArgs(p, p.Version)
	if err != nil {
		return wrap("creating a procedure", err)
	}
	_, err = t.exec(`INSERT INTO procedures (subject, id, kind, step, policy, browser, reference,
		created_at, expires_at, ended, ended_at, extensions, failed, code_tries,
		generation, hold_until, attempted, accepted, typed, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`, args...)
	return wrap("creating a procedure", err)
}

// Procedure implements [credential.Tx].
func (t *tx) Procedure(id credential.ID) (credential.Procedure, error) {
	p, err := t.procedure(id)
	if err != nil {
		return credential.Procedure{}, wrap("reading a procedure", err)
	}
	return p, nil
}

func (t *tx) procedure(id credential.ID) (credential.Procedure, error) {
	return t.oneProcedure(procedureColumns+`WHERE id = $1`, id[:])
}

const procedureColumns = `SELECT subject, id, kind, step, policy, browser, reference,
	created_at, expires_at, ended, ended_at, extensions, failed, code_tries,
	generation, hold_until, attempted, accepted, typed, version
	FROM procedures `

// OpenProcedure implements [credential.Tx].
func (t *tx) OpenProcedure(s credential.Subject, kind credential.ProcedureKind, at time.Time) (credential.Procedure, error) {
	p, err := t.oneProcedure(procedureColumns+`WHERE subject = $1 AND kind = $2 AND ended = '' AND expires_at > $3
		ORDER BY created_at DESC, id LIMIT 1`, s[:], string(kind), millis(at))
	if err != nil {
		return credential.Procedure{}, wrap("reading an open procedure", err)
	}
	return p, nil
}

func (t *tx) oneProcedure(query string, args ...any) (p credential.Procedure, err error) {
	var typed []byte
	err = t.one(query, args,
		exactly(p.Subject[:]), exactly(p.ID[:]), &p.Kind, &p.Step, &p.Policy, exactly(p.Browser[:]), &p.Reference,
		instant{&p.CreatedAt}, instant{&p.ExpiresAt}, &p.End, instant{&p.EndedAt}, &p.Extensions, &p.Failed, &p.CodeTries,
		&p.Generation, instant{&p.HoldUntil}, instant{&p.Attempted}, instant{&p.Accepted}, &typed, &p.Version)
	if err != nil {
		return p, err
	}
	p.Typed, err = t.openTyped(typed, p)
	return p, err
}

// SaveProcedure implements [credential.Tx].
func (t *tx) SaveProcedure(p credential.Procedure) error {
	args, err := t.procedureArgs(p, p.Version+1)
	if err != nil {
		return wrap("saving a procedure", err)
	}
	return wrap("saving a procedure", t.must(`UPDATE procedures SET kind = $3, step = $4, policy = $5, browser = $6,
		reference = $7, created_at = $8, expires_at = $9, ended = $10, ended_at = $11, extensions = $12, failed = $13,
		code_tries = $14, generation = $15, hold_until = $16, attempted = $17, accepted = $18, typed = $19, version = $20
		WHERE subject = $1 AND id = $2 AND version = $21`, append(args, p.Version)...))
}

// FinishProcedure implements [credential.Tx]: the statement alone decides who
// was first. It raises the version, so that nobody saves over it what was read
// before.
func (t *tx) FinishProcedure(id credential.ID, at time.Time) (bool, error) {
	done, err := t.execOne(`UPDATE procedures SET step = $2, ended = $3, ended_at = $4, version = version + 1
		WHERE id = $1 AND step = $5 AND ended = ''`,
		id[:], string(credential.StepDone), string(credential.Finished), millis(at), string(credential.StepClave))
	return done, wrap("finishing a procedure", err)
}

// EndProven implements [credential.Tx]. It raises the version of each.
func (t *tx) EndProven(s credential.Subject, except credential.ID, end credential.End, at time.Time) error {
	return t.endProven(s, except, end, at, -1)
}

// EndHeld implements [credential.Tx].
func (t *tx) EndHeld(s credential.Subject, except credential.ID, end credential.End, at time.Time) error {
	return t.endProven(s, except, end, at, millis(at))
}

// endProven ends those whose mail is held for longer than an instant; no hold is 0.
func (t *tx) endProven(s credential.Subject, except credential.ID, end credential.End, at time.Time, heldAfter int64) error {
	_, err := t.exec(`UPDATE procedures SET ended = $3, ended_at = $4, version = version + 1
		WHERE subject = $1 AND ended = '' AND id <> $2 AND step NOT IN ($5, $6) AND hold_until > $7`,
		s[:], except[:], string(end), millis(at),
		string(credential.StepProve), string(credential.StepProveReview), heldAfter)
	return wrap("ending proven procedures", err)
}
