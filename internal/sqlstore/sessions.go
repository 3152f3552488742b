package sqlstore

import (
	"time"

	"aldaba/internal/credential"
)

// OpenSession implements [credential.Tx].
func (t *tx) OpenSession(x credential.Session) error {
	_, err := t.exec(`INSERT INTO sessions (subject, id, token, created_at, seen_at, expires_at, browser)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		x.Subject[:], x.ID[:], x.Token[:], millis(x.CreatedAt), millis(x.SeenAt), millis(x.ExpiresAt), x.Browser)
	if err == nil {
		_, err = t.exec(`DELETE FROM sessions WHERE subject = $1 AND id IN
			(SELECT id FROM sessions WHERE subject = $1 ORDER BY seen_at DESC, id LIMIT 1000 OFFSET $2)`, x.Subject[:], int64(credential.MaxSessions))
	}
	return wrap("opening a session", err)
}

const sessionColumns = `SELECT subject, id, token, created_at, seen_at, expires_at, browser FROM sessions `

func scanSession(scan func(...any) error) (x credential.Session, err error) {
	err = scan(exactly(x.Subject[:]), exactly(x.ID[:]), exactly(x.Token[:]),
		instant{&x.CreatedAt}, instant{&x.SeenAt}, instant{&x.ExpiresAt}, &x.Browser)
	return x, err
}

// Session implements [credential.Tx].
func (t *tx) Session(id credential.ID) (x credential.Session, err error) {
	x, err = scanSession(func(dest ...any) error {
		return t.one(sessionColumns+`WHERE id = $1`, []any{id[:]}, dest...)
	})
	if err != nil {
		return credential.Session{}, wrap("reading a session", err)
	}
	return x, nil
}

// Sessions implements [credential.Tx].
func (t *tx) Sessions(s credential.Subject, usedAfter, now time.Time) ([]credential.Session, error) {
	all, err := list(t, sessionColumns+`WHERE subject = $1 AND seen_at > $2 AND expires_at > $3 ORDER BY seen_at DESC, id`,
		[]any{s[:], millis(usedAfter), millis(now)}, scanSession)
	return all, wrap("reading sessions", err)
}

// SeeSession implements [credential.Tx].
func (t *tx) SeeSession(id credential.ID, at time.Time) error {
	_, err := t.exec(`UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2`, id[:], millis(at))
	return wrap("noting the use of a session", err)
}

// EndSession implements [credential.Tx].
func (t *tx) EndSession(s credential.Subject, id credential.ID) (bool, error) {
	ended, err := t.execOne(`DELETE FROM sessions WHERE subject = $1 AND id = $2`, s[:], id[:])
	return ended, wrap("ending a session", err)
}

// EndSessions implements [credential.Tx].
func (t *tx) EndSessions(s credential.Subject, except credential.ID) error {
	_, err := t.exec(`DELETE FROM sessions WHERE subject = $1 AND id <> $2`, s[:], except[:])
	return wrap("ending sessions", err)
}
