package sqlstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"aldaba/internal/credential"
)

// maxClaim bounds how many mails one call leases.
const maxClaim = 1000

func mailPlace(column string, id credential.ID) credential.Place {
	return credential.Place{Table: "outbox", Column: column, Row: id[:]}
}

// QueueMail implements [credential.Tx].
func (t *tx) QueueMail(m credential.Mail) error {
	facts, err := json.Marshal(m.Facts)
	if err != nil {
		return wrap("queueing a mail", err)
	}
	keys := t.store.keys
	_, err = t.exec(`INSERT INTO outbox (id, kind, recipient, procedure, generation, notice, facts,
		queued_at, due, tries, leased_until, ended, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', 0)`,
		m.ID[:], string(m.Kind), keys.Seal([]byte(m.To.Reveal()), mailPlace("recipient", m.ID)), m.Procedure[:],
		int64(m.Generation), m.Notice[:], keys.Seal(facts, mailPlace("facts", m.ID)),
		millis(m.QueuedAt), millis(m.Due), int64(m.Tries))
	return wrap("queueing a mail", err)
}

// ClaimMails implements [credential.Tx]. One statement finds and leases them;
// on PostgreSQL rows that another caller is leasing are passed over.
func (t *tx) ClaimMails(now, leaseUntil time.Time, n int) ([]credential.Mail, error) {
	suffix := ""
	if t.store.dialect.forUpdate != "" {
		suffix = t.store.dialect.forUpdate + " SKIP LOCKED"
	}
	all, err := list(t, `WITH claim AS MATERIALIZED (
			SELECT id FROM outbox WHERE ended = '' AND due <= $1 AND leased_until <= $1
			ORDER BY due, id LIMIT $3`+suffix+`)
		UPDATE outbox SET leased_until = $2 FROM claim WHERE outbox.id = claim.id
		RETURNING outbox.id, outbox.kind, outbox.recipient, outbox.procedure, outbox.generation, outbox.notice, outbox.facts,
			outbox.queued_at, outbox.due, outbox.tries`,
		[]any{millis(now), millis(leaseUntil), int64(min(max(n, 0), maxClaim))}, t.scanMail)
	if err != nil {
		return nil, wrap("claiming mails", err)
	}
	// RETURNING promises no order.
	slices.SortFunc(all, func(a, b credential.Mail) int {
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return all, nil
}

func (t *tx) scanMail(scan func(...any) error) (m credential.Mail, err error) {
	var to, facts []byte
	err = scan(exactly(m.ID[:]), &m.Kind, &to, exactly(m.Procedure[:]), &m.Generation, exactly(m.Notice[:]), &facts,
		instant{&m.QueuedAt}, instant{&m.Due}, &m.Tries)
	if err != nil {
		return m, err
	}
	plain, err := t.store.keys.Open(to, mailPlace("recipient", m.ID))
	if err != nil {
		return m, err
	}
	m.To, err = storedEmail(string(plain))
	if err != nil {
		return m, fmt.Errorf("outbox.recipient: %w", err)
	}
	plain, err = t.store.keys.Open(facts, mailPlace("facts", m.ID))
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(plain, &m.Facts)
}

// FinishMail implements [credential.Tx]. A mail that ended already stays as it is.
func (t *tx) FinishMail(id credential.ID, end credential.MailEnd, at time.Time) error {
	if end == "" {
		return fmt.Errorf("finishing a mail: no end given")
	}
	_, err := t.exec(`UPDATE outbox SET ended = $2, ended_at = $3, leased_until = 0, recipient = NULL, facts = NULL
		WHERE id = $1 AND ended = ''`, id[:], string(end), millis(at))
	return wrap("finishing a mail", err)
}

// DelayMail implements [credential.Tx]. A mail that ended meanwhile stays ended.
func (t *tx) DelayMail(id credential.ID, tries int, due time.Time) error {
	_, err := t.exec(`UPDATE outbox SET tries = $2, due = $3, leased_until = 0 WHERE id = $1 AND ended = ''`,
		id[:], int64(tries), millis(due))
	return wrap("delaying a mail", err)
}

// DropMails implements [credential.Tx]. It knows no instant, so a dropped mail
// counts as ended when it was due.
func (t *tx) DropMails(procedure credential.ID, except uint16) error {
	_, err := t.exec(`UPDATE outbox SET ended = $3, ended_at = due, leased_until = 0, recipient = NULL, facts = NULL
		WHERE procedure = $1 AND kind = $4 AND generation <> $2 AND ended = ''`,
		procedure[:], int64(except), string(credential.MailDropped), string(credential.MailActivation))
	return wrap("dropping mails", err)
}

// MailQueue implements [credential.Tx]. The instant is that at which the oldest
// is or was due first, of one that was tried when it was queued: a try that
// failed makes it due later, and no less late.
func (t *tx) MailQueue() (waiting int, oldest time.Time, err error) {
	err = t.one(`SELECT count(*), coalesce(min(CASE WHEN tries > 0 THEN queued_at ELSE due END), 0) FROM outbox WHERE ended = ''`,
		nil, &waiting, instant{&oldest})
	return waiting, oldest, wrap("measuring the mail queue", err)
}
