package stats

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"aldaba/internal/credential"
)

// State says where the figures of a row come from.
type State string

// The states. All but Provisional are of a [Record].
const (
	Earlier     State = "earlier"     // the institution's own count, from before this program
	Provisional State = "provisional" // of this program, may still grow
	Closed      State = "closed"      // of this program, never changes again
	Correction  State = "correction"  // what is to be added to a month that was recorded before
)

// Record is what never changes again: a month, or a correction of one.
type Record struct {
	Seq       int64 // 1, 2, 3 … without a gap
	Month     Month
	State     State
	At        time.Time // when it was recorded
	Body      []byte    // a frozen, as JSON
	Heads     []byte    // [credential.AuditHeads] of that moment, as JSON
	Previous  [32]byte  // hash of the record before; zero for the first
	Signature []byte    // Ed25519 over the hash, by the ring
}

// hash is over everything that the record says.
func (r Record) hash() [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{
		[]byte("aldaba figures record 1"), number(r.Seq), []byte(r.Month), []byte(r.State), number(r.At.UnixMilli()),
		r.Body, r.Heads, r.Previous[:],
	} {
		h.Write(number(int64(len(part)))) // so that no part flows into the next
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// frozen is the figures of a record.
type frozen struct {
	Complaints int64   `json:"complaints"`
	Attentions int64   `json:"attentions"`
	Days       []Day   `json:"days,omitempty"`   // those on which something happened
	Counts     []Count `json:"counts,omitempty"` // sums over the month
	Reason     string  `json:"reason,omitempty"` // of a correction that somebody asked for
}

// Day is the two official figures of one day.
type Day struct {
	Day        string `json:"day"` // YYYY-MM-DD
	Complaints int64  `json:"complaints"`
	Attentions int64  `json:"attentions"`
}

// Month is the day's month.
func (d Day) Month() Month { return monthOfDay(d.Day) }

func (r Record) figures() (f frozen, err error) {
	err = json.Unmarshal(r.Body, &f)
	if err != nil {
		return f, fmt.Errorf("figures of %s: record %d does not read: %w", r.Month, r.Seq, err)
	}
	return f, nil
}

// chain appends records in one transaction.
type chain struct {
	tx    Tx
	keys  *credential.KeyRing
	at    time.Time
	heads []byte
	last  Record // zero before the first
	added int
}

// chainAt reads where the chain ends. Nothing is appended to one that does not hold.
func (s *Service) chainAt(tx Tx, records []Record, at time.Time) (*chain, error) {
	c := &chain{tx: tx, keys: s.keys, at: at}
	if n := len(records); n > 0 {
		c.last = records[n-1]
		if fault := s.fault(c.last, int64(n), c.last.Previous); fault != "" {
			return nil, &Fault{c.last.Month, c.last.Seq, fault}
		}
	}
	heads, err := s.keys.SignHeads(tx, at)
	if err != nil {
		return nil, err
	}
	c.heads, err = json.Marshal(heads)
	return c, err
}

func (c *chain) add(m Month, state State, f frozen) error {
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	r := Record{Seq: c.last.Seq + 1, Month: m, State: state, At: c.at, Body: body, Heads: c.heads}
	if c.last.Seq > 0 {
		r.Previous = c.last.hash()
	}
	r.Signature = c.keys.SignFigures(r.hash())
	err = c.tx.AddRecord(r)
	c.last, c.added = r, c.added+1
	return err
}

// The details of an act of recording.
const (
	detailSeq   = "seq"
	detailMonth = "month"
	detailHash  = "hash"
)

// finish notes in the audit how far the chain goes, so that a tail that is
// deleted later is missed.
func (c *chain) finish(by credential.Actor) error {
	if c.added == 0 {
		return nil
	}
	hash := c.last.hash()
	return c.tx.Audit(credential.AuditEntry{
		Actor: by.Kind, Act: credential.ActFiguresRecorded, At: c.at, Route: by.Route,
		Details: map[string]string{
			detailSeq: strconv.FormatInt(c.last.Seq, 10), detailMonth: string(c.last.Month), detailHash: hex.EncodeToString(hash[:]),
		},
	})
}

// Fault is the first record that does not hold.
type Fault struct {
	Month Month
	Seq   int64
	What  string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("figures of %s: record %d: %s", f.Month, f.Seq, f.What)
}

// fault says what is wrong with a record that should be number seq and follow
// previous; empty for nothing.
func (s *Service) fault(r Record, seq int64, previous [32]byte) string {
	f, err := r.figures()
	days := r.State == Closed || r.State == Correction && f.Reason == ""
	for _, d := range f.Days {
		f.Attentions, f.Complaints = f.Attentions-d.Attentions, f.Complaints-d.Complaints
	}
	switch {
	case r.Seq != seq:
		return fmt.Sprintf("missing: record %d stands in its place", r.Seq)
	case !s.keys.FiguresHold(r.hash(), r.Signature):
		return "edited, or signed with another key ring"
	case r.Previous != previous:
		return "a record before it was replaced"
	case !s.keys.HeadsHold(r.Heads):
		return "the signature of its audit heads does not hold"
	case err != nil, days && (f.Attentions != 0 || f.Complaints != 0):
		return "its days do not add up"
	}
	return ""
}

// auditLookBack is how many acts of recording the chain is held against: those of
// decades.
const auditLookBack = 1000

// Verify walks all records of one picture and returns the first [Fault]: one that
// was edited, deleted or is missing, the last ones included. records is how many hold.
func (s *Service) Verify(ctx context.Context) (records int, err error) {
	err = s.store.ViewFigures(ctx, func(tx Tx) error {
		records = 0
		all, err := tx.Records()
		if err != nil {
			return err
		}
		acts, err := tx.AuditOf(credential.Subject{}, credential.AuditQuery{Acts: []credential.Act{credential.ActFiguresRecorded}, N: auditLookBack})
		if err != nil {
			return err
		}
		var previous [32]byte
		for _, r := range all {
			if fault := s.fault(r, int64(records)+1, previous); fault != "" {
				return &Fault{r.Month, int64(records) + 1, fault}
			}
			records++
			previous = r.hash()
		}
		return missing(all, acts)
	})
	return records, err
}

// missing holds the chain against what the audit, newest act first, knows of it.
func missing(all []Record, acts []credential.AuditEntry) error {
	var fault *Fault
	for _, a := range acts {
		seq, err := strconv.ParseInt(a.Details[detailSeq], 10, 64)
		if err != nil || seq < 1 {
			return fmt.Errorf("figures: the audit names record %q", a.Details[detailSeq])
		}
		if seq > int64(len(all)) {
			fault = &Fault{Month(a.Details[detailMonth]), seq, "deleted"} // the oldest of those is named
			continue
		}
		if hash := all[seq-1].hash(); hex.EncodeToString(hash[:]) != a.Details[detailHash] {
			return &Fault{all[seq-1].Month, seq, "replaced by another one"}
		}
	}
	if fault == nil {
		return nil
	}
	return fault
}
