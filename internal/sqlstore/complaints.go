package sqlstore

import (
	"time"

	"aldaba/internal/credential"
)

const complaintColumns = `id, number, subject, kind, topic, text, email, reference, received_at, due_at, confirm_until, confirmed_at, proof, answered_at, keep_until`

func complaintPlace(column string, id credential.ID) credential.Place {
	return credential.Place{Table: "complaints", Column: column, Row: id[:]}
}

// CreateComplaint implements [credential.Tx].
func (t *tx) CreateComplaint(c credential.Complaint) error {
	keys := t.store.keys
	return wrap("storing a complaint", t.must(`INSERT INTO complaints (`+complaintColumns+`, lapsed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0) ON CONFLICT (number) DO NOTHING`,
		c.ID[:], c.Number, c.Subject[:], string(c.Kind), string(c.Topic), keys.Seal([]byte(c.Text.Reveal()), complaintPlace("text", c.ID)),
		keys.Seal([]byte(c.Email.Reveal()), complaintPlace("email", c.ID)), c.Reference, millis(c.ReceivedAt), millis(c.DueAt),
		millis(c.ConfirmUntil), millis(c.ConfirmedAt), string(c.Proof), millis(c.AnsweredAt), millis(c.KeepUntil)))
}

// Complaint implements [credential.Tx].
func (t *tx) Complaint(id credential.ID) (credential.Complaint, error) {
	return t.complaint(`id = $1`, id[:])
}

// ComplaintNumbered implements [credential.Tx].
func (t *tx) ComplaintNumbered(number string) (credential.Complaint, error) {
	return t.complaint(`number = $1`, number)
}

func (t *tx) complaint(where string, key any) (c credential.Complaint, err error) {
	c, err = t.scanComplaint(func(dest ...any) error {
		return t.one(`SELECT `+complaintColumns+` FROM complaints WHERE `+where, []any{key}, dest...)
	})
	if err != nil {
		return credential.Complaint{}, wrap("reading a complaint", err)
	}
	return c, nil
}

func (t *tx) scanComplaint(scan func(...any) error) (c credential.Complaint, err error) {
	var text, email []byte
	err = scan(exactly(c.ID[:]), &c.Number, exactly(c.Subject[:]), &c.Kind, &c.Topic, &text, &email, &c.Reference, instant{&c.ReceivedAt},
		instant{&c.DueAt}, instant{&c.ConfirmUntil}, instant{&c.ConfirmedAt}, &c.Proof, instant{&c.AnsweredAt}, instant{&c.KeepUntil})
	if err != nil {
		return c, err
	}
	plain, err := t.store.keys.Open(text, complaintPlace("text", c.ID))
	if err != nil {
		return c, err
	}
	c.Text = credential.NewText(string(plain))
	plain, err = t.store.keys.Open(email, complaintPlace("email", c.ID))
	if err != nil {
		return c, err
	}
	c.Email, err = storedEmail(string(plain))
	return c, err
}

// maxComplaints bounds how many complaints are read at once.
const maxComplaints = 1000

// ComplaintsOf implements [credential.Tx]. It gives the latest maxComplaints, and
// none of nobody.
func (t *tx) ComplaintsOf(s credential.Subject) ([]credential.Complaint, error) {
	if s == (credential.Subject{}) {
		return nil, nil
	}
	all, err := list(t, `SELECT `+complaintColumns+` FROM complaints WHERE subject = $1 ORDER BY received_at DESC, id LIMIT $2`,
		[]any{s[:], maxComplaints}, t.scanComplaint)
	if err != nil {
		return nil, wrap("reading a person's complaints", err)
	}
	return all, nil
}

// OpenComplaints implements [credential.Tx].
func (t *tx) OpenComplaints(since time.Time, n int) ([]credential.Complaint, error) {
	all, err := list(t, `SELECT `+complaintColumns+` FROM complaints WHERE answered_at = 0 AND received_at >= $1 ORDER BY received_at, id LIMIT $2`,
		[]any{millis(since), int64(min(max(n, 0), maxComplaints))}, t.scanComplaint)
	if err != nil {
		return nil, wrap("reading open complaints", err)
	}
	return all, nil
}

// ConfirmComplaint implements [credential.Tx]: the statement alone decides who was first.
func (t *tx) ConfirmComplaint(id credential.ID, by credential.ComplaintProof, at, keepUntil time.Time) (bool, error) {
	done, err := t.execOne(`UPDATE complaints SET confirmed_at = $2, proof = $3, keep_until = $4 WHERE id = $1 AND confirmed_at = 0 AND lapsed = 0`,
		id[:], millis(at), string(by), millis(keepUntil))
	return done, wrap("confirming a complaint", err)
}

// LapseComplaints implements [credential.Tx]. One statement finds and marks them.
func (t *tx) LapseComplaints(before time.Time, n int) ([]credential.LapsedComplaint, error) {
	all, err := list(t, `UPDATE complaints SET lapsed = 1 WHERE lapsed = 0 AND id IN (
			SELECT id FROM complaints WHERE confirmed_at = 0 AND lapsed = 0 AND confirm_until < $1 ORDER BY confirm_until LIMIT $2)
		AND confirmed_at = 0 RETURNING kind, confirm_until`, []any{millis(before), int64(min(max(n, 0), maxComplaints))},
		func(scan func(...any) error) (c credential.LapsedComplaint, err error) {
			err = scan(&c.Kind, instant{&c.Until})
			return c, err
		})
	if err != nil {
		return nil, wrap("marking complaints that nobody confirmed", err)
	}
	return all, nil
}
