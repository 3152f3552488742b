package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"aldaba/internal/credential"
)

// maxCharges bounds the charges of one counter that are kept: far above every
// limit of a policy.
const maxCharges = 1024

// Attempts implements [credential.Tx].
func (t *tx) Attempts(s credential.Subject, b credential.Budget) (credential.Attempts, error) {
	a := credential.Attempts{Subject: s, Budget: b}
	var times []byte
	err := t.one(`SELECT times, total, version FROM attempts WHERE subject = $1 AND budget = $2`,
		[]any{s[:], string(b)}, &times, &a.Total, &a.Version)
	if errors.Is(err, credential.ErrNoRow) {
		return a, nil
	}
	if err != nil {
		return credential.Attempts{}, wrap("reading attempts", err)
	}
	if len(times)%8 != 0 {
		return credential.Attempts{}, fmt.Errorf("reading attempts: %d bytes are no list of instants", len(times))
	}
	for ; len(times) > 0; times = times[8:] {
		a.Times = append(a.Times, time.UnixMilli(int64(binary.BigEndian.Uint64(times))).UTC())
	}
	return a, nil
}

// SaveAttempts implements [credential.Tx].
func (t *tx) SaveAttempts(a credential.Attempts) error {
	if len(a.Times) > maxCharges {
		return fmt.Errorf("saving attempts: %d charges, above the bound of %d", len(a.Times), maxCharges)
	}
	times, newest := make([]byte, 0, 8*len(a.Times)), int64(0)
	for _, at := range a.Times {
		times = binary.BigEndian.AppendUint64(times, uint64(at.UnixMilli()))
		newest = max(newest, at.UnixMilli())
	}
	// One statement for a counter that is new and for one that was used before:
	// which of the two it is must not show (S9). What it returns tells them apart:
	// a row that should have been there and is gone is a lost write.
	var version int64
	err := t.one(`INSERT INTO attempts (subject, budget, times, total, newest, version)
		VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT (subject, budget) DO UPDATE
		SET times = excluded.times, total = excluded.total, newest = excluded.newest, version = $6
		WHERE attempts.version = $7 RETURNING version`,
		[]any{a.Subject[:], string(a.Budget), times, int64(a.Total), newest, a.Version + 1, a.Version}, &version)
	if errors.Is(err, credential.ErrNoRow) || err == nil && version != a.Version+1 {
		err = credential.ErrTaken
	}
	return wrap("saving attempts", err)
}

// Mark implements [credential.Tx].
func (t *tx) Mark(scope string, key [32]byte, s credential.Subject, at time.Time) error {
	_, err := t.exec(`INSERT INTO marks (scope, hash, subject, latest) VALUES ($1, $2, $3, $4)
		ON CONFLICT (scope, hash, subject) DO UPDATE SET latest = excluded.latest WHERE marks.latest < excluded.latest`,
		scope, key[:], s[:], millis(at))
	return wrap("marking", err)
}

// Marks implements [credential.Tx]. The instant itself counts. SQLite prepares a
// statement again whose plan its values could change, each time: the additions
// keep the instant and the limit out of the plan.
func (t *tx) Marks(scope string, key [32]byte, since time.Time, atMost int) (n int, err error) {
	err = t.one(`SELECT count(*) FROM (SELECT 1 AS one FROM marks WHERE scope = $1 AND hash = $2 AND latest + 0 >= $3 LIMIT $4 + 0) AS found`,
		[]any{scope, key[:], millis(since), int64(atMost)}, &n)
	return n, wrap("counting marks", err)
}

// Marked implements [credential.Tx]. The instant itself counts.
func (t *tx) Marked(scope string, key [32]byte, s credential.Subject, since time.Time) (bool, error) {
	var n int
	err := t.one(`SELECT count(*) FROM marks WHERE scope = $1 AND hash = $2 AND subject = $3 AND latest >= $4`,
		[]any{scope, key[:], s[:], millis(since)}, &n)
	return n > 0, wrap("looking for a mark", err)
}

// UseOnce implements [credential.Tx]: the statement alone decides who was first.
func (t *tx) UseOnce(id [32]byte, expires time.Time) (bool, error) {
	first, err := t.execOne(`INSERT INTO used_once (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
		id[:], millis(expires))
	return first, wrap("using once", err)
}

// AddDevice implements [credential.Tx].
func (t *tx) AddDevice(s credential.Subject, device [32]byte, at, expires time.Time) error {
	_, err := t.exec(`INSERT INTO devices (subject, device, added_at, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (subject, device) DO UPDATE SET added_at = excluded.added_at, expires_at = excluded.expires_at`,
		s[:], device[:], millis(at), millis(expires))
	return wrap("adding a device", err)
}

// RenewDevice implements [credential.Tx].
func (t *tx) RenewDevice(old, new [32]byte) error {
	_, err := t.exec(`UPDATE devices SET device = $2 WHERE device = $1`, old[:], new[:])
	return wrap("renewing a device", err)
}

// ForgetDevices implements [credential.Tx].
func (t *tx) ForgetDevices(s credential.Subject) error {
	_, err := t.exec(`DELETE FROM devices WHERE subject = $1`, s[:])
	return wrap("forgetting devices", err)
}

// DevicePeople implements [credential.Tx].
func (t *tx) DevicePeople(device [32]byte, now time.Time) (n int, err error) {
	err = t.one(`SELECT count(*) FROM devices WHERE device = $1 AND expires_at > $2`, []any{device[:], millis(now)}, &n)
	return n, wrap("counting a device's people", err)
}

// KnowsDevice implements [credential.Tx].
func (t *tx) KnowsDevice(s credential.Subject, device [32]byte, now time.Time) (bool, error) {
	var n int
	err := t.one(`SELECT count(*) FROM devices WHERE subject = $1 AND device = $2 AND expires_at > $3`,
		[]any{s[:], device[:], millis(now)}, &n)
	return n > 0, wrap("looking for a device", err)
}

// DeviceOwner implements [credential.Tx].
func (t *tx) DeviceOwner(device [32]byte, now time.Time) (s credential.Subject, err error) {
	people, err := list(t, `SELECT subject FROM devices WHERE device = $1 AND expires_at > $2 LIMIT 2`, []any{device[:], millis(now)},
		func(scan func(...any) error) (one credential.Subject, err error) { return one, scan(exactly(one[:])) })
	if err == nil && len(people) != 1 {
		err = credential.ErrNoRow
	}
	if err != nil {
		return s, wrap("looking for a device's owner", err)
	}
	return people[0], nil
}

// DevicesOf implements [credential.Tx].
func (t *tx) DevicesOf(s credential.Subject, now time.Time) (n int, err error) {
	err = t.one(`SELECT count(*) FROM devices WHERE subject = $1 AND expires_at > $2`, []any{s[:], millis(now)}, &n)
	return n, wrap("counting a person's devices", err)
}

// PutActivationCode implements [credential.Tx].
func (t *tx) PutActivationCode(c credential.ActivationCode) error {
	_, err := t.exec(`INSERT INTO activation_codes (subject, id, mac, issued_at, expires_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject) DO UPDATE SET id = excluded.id, mac = excluded.mac,
			issued_at = excluded.issued_at, expires_at = excluded.expires_at, used_at = excluded.used_at`,
		c.Subject[:], c.ID[:], c.MAC, millis(c.IssuedAt), millis(c.ExpiresAt), millis(c.UsedAt))
	return wrap("storing an activation code", err)
}

// ActivationCode implements [credential.Tx].
func (t *tx) ActivationCode(s credential.Subject) (c credential.ActivationCode, err error) {
	err = t.one(`SELECT subject, id, mac, issued_at, expires_at, used_at FROM activation_codes WHERE subject = $1`, []any{s[:]},
		exactly(c.Subject[:]), exactly(c.ID[:]), &c.MAC, instant{&c.IssuedAt}, instant{&c.ExpiresAt}, instant{&c.UsedAt})
	if err != nil {
		return credential.ActivationCode{}, wrap("reading an activation code", err)
	}
	return c, nil
}

// UseActivationCode implements [credential.Tx]: the statement alone decides who was first.
func (t *tx) UseActivationCode(s credential.Subject, id credential.ID, at time.Time) (bool, error) {
	done, err := t.execOne(`UPDATE activation_codes SET used_at = $3 WHERE subject = $1 AND id = $2 AND used_at = 0`,
		s[:], id[:], millis(at))
	return done, wrap("using an activation code", err)
}

// Meta implements [credential.Tx].
func (t *tx) Meta(key string) (value string, err error) {
	err = t.one(`SELECT value FROM meta WHERE name = $1`, []any{key}, &value)
	if errors.Is(err, credential.ErrNoRow) {
		return "", nil
	}
	return value, wrap("reading meta", err)
}

// SetMeta implements [credential.Tx].
func (t *tx) SetMeta(key, value string) error {
	_, err := t.exec(`INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, key, value)
	return wrap("storing meta", err)
}

// SwapMeta implements [credential.Tx].
func (t *tx) SwapMeta(key, was, is string) (bool, error) {
	done, err := t.execOne(swapMeta, key, was, is)
	return done, wrap("replacing meta", err)
}

// swapMeta is one statement also for a fact that is not stored yet.
const swapMeta = `INSERT INTO meta (name, value) SELECT $1, $3
	WHERE $2 = '' OR EXISTS (SELECT 1 FROM meta WHERE name = $1)
	ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.value = $2`

// sweepBatch is how many rows of one kind a call of Sweep deletes at most, so
// that nobody waits long for it.
const sweepBatch = 500

// Sweep implements [credential.Tx]. It deletes at most sweepBatch rows of each
// kind; a caller repeats it, in a transaction each, until it returns 0.
func (t *tx) Sweep(r credential.Retention) (deleted int64, err error) {
	for _, d := range []struct {
		query  string
		before time.Time
	}{
		{`DELETE FROM used_once WHERE id IN (SELECT id FROM used_once WHERE expires_at < $1 LIMIT $2)`, r.Now},
		{`DELETE FROM devices WHERE (subject, device) IN (SELECT subject, device FROM devices WHERE expires_at < $1 LIMIT $2)`, r.Now},
		{`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2)`, r.Now},
		{`DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE expires_at < $1 LIMIT $2)`, r.Now},
		{`DELETE FROM activation_codes WHERE subject IN (SELECT subject FROM activation_codes WHERE expires_at < $1 LIMIT $2)`, r.Procedures},
		// What the figures have not seen yet stays until they have.
		{`DELETE FROM procedures WHERE id IN (SELECT id FROM procedures WHERE counted = 1 AND expires_at < $1 LIMIT $2)`, r.Procedures},
		// The total of an owner's failed proofs binds until a procedure finishes,
		// however long ago they were.
		{`DELETE FROM attempts WHERE (subject, budget) IN (SELECT a.subject, a.budget FROM attempts a WHERE a.newest < $1
			AND (a.budget <> '` + string(credential.BudgetProof) + `' OR a.total = 0
				OR NOT EXISTS (SELECT 1 FROM people p WHERE p.subject = a.subject)) LIMIT $2)`, r.Attempts},
		{`DELETE FROM marks WHERE (scope, hash, subject) IN (SELECT scope, hash, subject FROM marks WHERE latest < $1 LIMIT $2)`, r.Marks},
		{`DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE ended_at > 0 AND ended_at < $1 LIMIT $2)`, r.Requests},
		// Likewise what the figures have not seen.
		{`DELETE FROM complaints WHERE id IN (SELECT id FROM complaints WHERE keep_until < $1 AND (confirmed_at > 0 OR lapsed = 1) LIMIT $2)`, r.Now},
		{`DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE ended <> '' AND ended_at < $1 LIMIT $2)`, r.Mails},
	} {
		if d.before.IsZero() {
			continue
		}
		n, err := t.exec(d.query, d.before.UnixMilli(), int64(sweepBatch))
		if err != nil {
			return deleted, wrap("sweeping", err)
		}
		deleted += n
	}
	return deleted, nil
}
