package sqlstore

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"aldaba/internal/credential"
)

// maxAuditPage bounds how many rows one call of AuditRows gives.
const maxAuditPage = 1000

// Audit implements [credential.Tx]. The head of a chain is locked from its
// reading to the commit, so rows are kept until everything else is done.
func (t *tx) Audit(e credential.AuditEntry) error {
	if t.readOnly {
		return errors.New("auditing: a view writes nothing")
	}
	t.audit = append(t.audit, e)
	return nil
}

// auditPerson is how the audit knows somebody.
type auditPerson struct {
	person [16]byte
	key    []byte // that seals the details of their rows
}

// appendAudit appends what [tx.Audit] kept: first everything that needs no head,
// then chain after chain in order of number, so that no two updates wait for each
// other.
func (t *tx) appendAudit() error {
	if len(t.audit) == 0 {
		return nil
	}
	people := map[credential.Subject]auditPerson{}
	byShard := map[uint8][]credential.AuditEntry{}
	for _, e := range t.audit {
		if _, known := people[e.Subject]; !known {
			p, err := t.auditPerson(e.Subject)
			if err != nil {
				return wrap("auditing", err)
			}
			people[e.Subject] = p
		}
		shard := credential.AuditShard(e.Subject)
		byShard[shard] = append(byShard[shard], e)
	}
	for shard := range uint8(credential.AuditShards) {
		if len(byShard[shard]) == 0 {
			continue
		}
		err := t.appendChain(shard, byShard[shard], people)
		if err != nil {
			return wrap("auditing", err)
		}
	}
	return nil
}

// auditPerson finds the random number and the key of a subject, and makes both
// the first time. It is one statement that writes one row either way: whether a
// number was ever here before must not show in the work of asking for it (S9).
func (t *tx) auditPerson(s credential.Subject) (p auditPerson, err error) {
	place := credential.Place{Table: "audit_people", Column: "key", Row: s[:]}
	var person [16]byte
	rand.Read(person[:])
	var sealed []byte
	err = t.one(`INSERT INTO audit_people (subject, person, key) VALUES ($1, $2, $3)
		ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject RETURNING person, key`,
		[]any{s[:], person[:], t.store.keys.Seal(credential.NewPersonKey(), place)}, exactly(p.person[:]), &sealed)
	if err != nil {
		return p, err
	}
	p.key, err = t.store.keys.Open(sealed, place)
	return p, err
}

func auditPlace(shard uint8, seq int64) credential.Place {
	return credential.Place{Table: "audit", Column: "details", Row: binary.BigEndian.AppendUint64([]byte{shard}, uint64(seq))}
}

func (t *tx) appendChain(shard uint8, entries []credential.AuditEntry, people map[credential.Subject]auditPerson) error {
	keys := t.store.keys
	seq, last, mac, err := t.head(shard, t.store.dialect.forUpdate)
	if errors.Is(err, credential.ErrNoRow) {
		err = credential.ErrSealed // deleted: a fault of the chain, not of what the caller asked for
	}
	if err != nil {
		return fmt.Errorf("the head of chain %d: %w", shard, err)
	}
	// Without this a chain cut short would be whole again after the next row.
	if seq > 0 && !hmac.Equal(mac, keys.HeadMAC(shard, seq, last)) {
		return fmt.Errorf("the head of chain %d: %w", shard, credential.ErrSealed)
	}
	for _, e := range entries {
		seq++
		who := people[e.Subject]
		details, err := json.Marshal(e.Details)
		if err != nil {
			return err
		}
		sealed, err := credential.SealUnder(who.key, details, auditPlace(shard, seq))
		if err != nil {
			return err
		}
		r := credential.AuditRow{
			Shard: shard, Seq: seq, Person: who.person, Actor: e.Actor, Act: e.Act, Office: e.Office,
			At: fromMillis(millis(e.At)), Route: e.Route, Details: sealed,
		}
		r.MAC = keys.ChainMAC(last, r)
		_, err = t.exec(`INSERT INTO audit (shard, seq, person, actor, act, office, at, route, details, mac)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			int64(r.Shard), r.Seq, r.Person[:], string(r.Actor), string(r.Act), r.Office, millis(r.At), r.Route, r.Details, r.MAC)
		if err != nil {
			return err
		}
		last = r.MAC
	}
	moved, err := t.execOne(`UPDATE audit_heads SET seq = $2, last = $3, mac = $4 WHERE shard = $1`,
		int64(shard), seq, last, keys.HeadMAC(shard, seq, last))
	if err == nil && !moved {
		err = credential.ErrTaken
	}
	return err
}

func (t *tx) head(shard uint8, suffix string) (seq int64, last, mac []byte, err error) {
	err = t.one(`SELECT seq, last, mac FROM audit_heads WHERE shard = $1`+suffix, []any{int64(shard)}, &seq, &last, &mac)
	return seq, last, mac, err
}

// AuditRows implements [credential.Tx]. One call gives at most maxAuditPage rows.
func (t *tx) AuditRows(shard uint8, after int64, n int) ([]credential.AuditRow, error) {
	all, err := list(t, `SELECT shard, seq, person, actor, act, office, at, route, details, mac
		FROM audit WHERE shard = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
		[]any{int64(shard), after, int64(min(max(n, 0), maxAuditPage))},
		func(scan func(...any) error) (r credential.AuditRow, err error) {
			err = scan(&r.Shard, &r.Seq, exactly(r.Person[:]), &r.Actor, &r.Act, &r.Office, instant{&r.At}, &r.Route, &r.Details, &r.MAC)
			return r, err
		})
	if err != nil {
		return nil, wrap("reading audit rows", err)
	}
	return all, nil
}

// AuditHead implements [credential.Tx]. A head that was deleted reads as that of
// an empty chain, so that the verifier names the rows it should stand for.
func (t *tx) AuditHead(shard uint8) (int64, []byte, error) {
	seq, _, mac, err := t.head(shard, "")
	if errors.Is(err, credential.ErrNoRow) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, wrap("reading an audit head", err)
	}
	return seq, mac, nil
}

// AuditLast implements [credential.Tx]. It answers from the authenticated head,
// not from the rows: a tail that was deleted must not be signed as the end. A
// head that was edited fails with ErrSealed.
func (t *tx) AuditLast(shard uint8) (int64, []byte, error) {
	seq, last, mac, err := t.head(shard, "")
	if errors.Is(err, credential.ErrNoRow) || err == nil && seq > 0 && !hmac.Equal(mac, t.store.keys.HeadMAC(shard, seq, last)) {
		err = credential.ErrSealed
	}
	if err != nil {
		return 0, nil, wrap(fmt.Sprintf("reading the head of chain %d", shard), err)
	}
	return seq, last, nil
}

// AuditOf implements [credential.Tx].
func (t *tx) AuditOf(s credential.Subject, q credential.AuditQuery) ([]credential.AuditEntry, error) {
	all, err := t.auditOf(s, q)
	if err != nil {
		return nil, wrap("reading somebody's acts", err)
	}
	return all, nil
}

func (t *tx) auditOf(s credential.Subject, q credential.AuditQuery) ([]credential.AuditEntry, error) {
	var person [16]byte
	var sealed []byte
	err := t.one(`SELECT person, key FROM audit_people WHERE subject = $1`, []any{s[:]}, exactly(person[:]), &sealed)
	if errors.Is(err, credential.ErrNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := t.store.keys.Open(sealed, credential.Place{Table: "audit_people", Column: "key", Row: s[:]})
	if err != nil {
		return nil, err
	}
	until := int64(math.MaxInt64)
	if !q.Until.IsZero() {
		until = millis(q.Until)
	}
	args := []any{person[:], millis(q.Since), until, string(q.Actor), int64(min(max(q.N, 0), maxAuditPage)), int64(max(q.Skip, 0))}
	acts := ""
	if len(q.Acts) > 0 { // as many texts of the statement as there are kinds of a history
		acts = " AND act IN ("
		if q.Except {
			acts = " AND act NOT IN ("
		}
		for i, act := range q.Acts {
			if i > 0 {
				acts += ", "
			}
			args = append(args, string(act))
			acts += "$" + strconv.Itoa(len(args))
		}
		acts += ")"
	}
	return list(t, `SELECT shard, seq, actor, act, office, at, route, details FROM audit
		WHERE person = $1 AND at >= $2 AND at < $3 AND ($4 = '' OR actor = $4)`+acts+` ORDER BY seq DESC LIMIT $5 OFFSET $6`,
		args,
		func(scan func(...any) error) (e credential.AuditEntry, err error) {
			var shard uint8
			var seq int64
			var details []byte
			err = scan(&shard, &seq, &e.Actor, &e.Act, &e.Office, instant{&e.At}, &e.Route, &details)
			if err != nil {
				return e, err
			}
			plain, err := credential.OpenUnder(key, details, auditPlace(shard, seq))
			if err != nil {
				return e, err
			}
			e.Subject = s
			return e, json.Unmarshal(plain, &e.Details)
		})
}
