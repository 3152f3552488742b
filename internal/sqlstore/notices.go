package sqlstore

import (
	"time"

	"aldaba/internal/credential"
)

const noticeColumns = `subject, id, kind, procedure, address, may_freeze, created_at, due, repeats, latest_at, expires_at, used_at, case_number`

// PutNotice implements [credential.Tx].
func (t *tx) PutNotice(n credential.Notice) error {
	_, err := t.exec(`INSERT INTO notices (`+noticeColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		n.Subject[:], n.ID[:], string(n.Kind), n.Procedure[:], n.Address[:], n.MayFreeze, millis(n.CreatedAt), millis(n.Due),
		int64(n.Repeats), millis(n.LatestAt), millis(n.ExpiresAt), millis(n.UsedAt), n.Case)
	return wrap("storing a notice", err)
}

// Notice implements [credential.Tx].
func (t *tx) Notice(id credential.ID) (credential.Notice, error) {
	return t.notice(`SELECT `+noticeColumns+` FROM notices WHERE id = $1`, id[:])
}

// LatestNotice implements [credential.Tx].
func (t *tx) LatestNotice(s credential.Subject, kind credential.MailKind, address [32]byte) (credential.Notice, error) {
	return t.notice(`SELECT `+noticeColumns+` FROM notices WHERE subject = $1 AND kind = $2 AND address = $3
		ORDER BY due DESC LIMIT 1`, s[:], string(kind), address[:])
}

func (t *tx) notice(query string, args ...any) (n credential.Notice, err error) {
	var address []byte // NULL in rows older than the column
	err = t.one(query, args, exactly(n.Subject[:]), exactly(n.ID[:]), &n.Kind, exactly(n.Procedure[:]), &address, &n.MayFreeze,
		instant{&n.CreatedAt}, instant{&n.Due}, &n.Repeats, instant{&n.LatestAt}, instant{&n.ExpiresAt}, instant{&n.UsedAt}, &n.Case)
	if err != nil {
		return credential.Notice{}, wrap("reading a notice", err)
	}
	copy(n.Address[:], address)
	return n, nil
}

// RepeatNotice implements [credential.Tx].
func (t *tx) RepeatNotice(id credential.ID, at time.Time) error {
	return wrap("counting a repeat of a notice",
		t.must(`UPDATE notices SET repeats = repeats + 1, latest_at = $2 WHERE id = $1`, id[:], millis(at)))
}

// Disputed implements [credential.Tx].
func (t *tx) Disputed(s credential.Subject, kind credential.MailKind, at time.Time) (bool, error) {
	var n int
	err := t.one(`SELECT count(*) FROM notices WHERE subject = $1 AND kind = $2 AND used_at > 0 AND disputes = $4 AND expires_at > $3`,
		[]any{s[:], string(kind), millis(at), true}, &n)
	return n > 0, wrap("looking for disputed notices", err)
}

// UseNotice implements [credential.Tx]: the statement alone decides who was first.
func (t *tx) UseNotice(id credential.ID, number string, disputes bool, at time.Time) (bool, error) {
	done, err := t.execOne(`UPDATE notices SET used_at = $2, case_number = $3, disputes = $4 WHERE id = $1 AND used_at = 0`,
		id[:], millis(at), number, disputes)
	return done, wrap("using a notice", err)
}

// OpenCase implements [credential.Tx].
func (t *tx) OpenCase(c credential.Case) error {
	_, err := t.exec(`INSERT INTO cases (subject, number, kind, froze, opened_at) VALUES ($1, $2, $3, $4, $5)`,
		c.Subject[:], c.Number, string(c.Kind), c.Froze, millis(c.OpenedAt))
	return wrap("opening a case", err)
}

// Cases implements [credential.Tx].
func (t *tx) Cases(s credential.Subject) ([]credential.Case, error) {
	cases, err := list(t, `SELECT subject, number, kind, froze, opened_at FROM cases WHERE subject = $1 ORDER BY opened_at DESC, number`, []any{s[:]},
		func(scan func(...any) error) (c credential.Case, err error) {
			err = scan(exactly(c.Subject[:]), &c.Number, &c.Kind, &c.Froze, instant{&c.OpenedAt})
			return c, err
		})
	return cases, wrap("reading cases", err)
}
