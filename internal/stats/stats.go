// Package stats is the public figures: what the institution owes the public about
// how its front door works, by month, and never anything of anybody.
//
// An attention is a finished procedure of a person on record, counted on the day
// (America/Guayaquil) on which it finished. Acts append to the figures in the
// transaction that does them ([credential.Tx.Count]); what nobody does, such as
// running out of time, is counted by [Service.Upkeep], once, when it is certain.
//
//	act ─► figure_events ─► figure_counts (by day) ─► a closed month
//	            Upkeep, every hour         a day after the month's end
//
// A month is closed once: its figures leave the tables that can grow and become a
// [Record], signed with the heads of the audit chains and chained to the record
// before. What comes for it later is another record, a correction that everybody
// sees. docs/transparency.md has the definitions in full.
package stats

import (
	"context"
	"errors"
	"sync"
	"time"

	"aldaba/internal/credential"
)

// Store keeps the figures. It is an interface so that this package knows no SQL;
// sqlstore implements it on both engines.
type Store interface {
	// ViewFigures runs f on one consistent, read-only picture.
	ViewFigures(ctx context.Context, f func(Tx) error) error
	// UpdateFigures runs f in one transaction, one after the other on every engine
	// and over all processes. f may run more than once.
	UpdateFigures(ctx context.Context, f func(Tx) error) error
}

// Tx is one transaction on the figures. What it takes is gone with the commit.
type Tx interface {
	// TakeEnded gives up to n procedures whose time was over before an instant and
	// that were not counted yet, and marks them as counted.
	TakeEnded(before time.Time, n int) ([]Ended, error)
	// TakeEvents takes up to n of what acts appended.
	TakeEvents(n int) ([]Count, error)
	// AddCounts sums up.
	AddCounts(counts []Count) error
	// CountedMonths lists the months that hold sums, oldest first; TakeCounts takes
	// those of one.
	CountedMonths() ([]Month, error)
	TakeCounts(m Month) ([]Count, error)
	// Daily gives the attentions and confirmed complaints that are of no record yet,
	// of the days before one, by day and measure.
	Daily(before string) ([]Count, error)

	// Records gives all, in order; AddRecord appends one.
	Records() ([]Record, error)
	AddRecord(r Record) error

	Audit(e credential.AuditEntry) error
	AuditLast(shard uint8) (seq int64, mac []byte, err error)
	AuditOf(s credential.Subject, q credential.AuditQuery) ([]credential.AuditEntry, error)
}

// Count is how often the same thing happened.
type Count struct {
	Day     string                   `json:"day,omitempty"` // YYYY-MM-DD; empty in a sum over a month
	Measure credential.Measure       `json:"measure"`
	Kind    credential.ProcedureKind `json:"kind,omitempty"`
	Detail  string                   `json:"detail,omitempty"`
	Bucket  int                      `json:"bucket,omitempty"` // of a duration, see [Bucket]; 0 for none
	N       int64                    `json:"n"`
}

// Ended is how a procedure stood when its time was over.
type Ended struct {
	Kind   credential.ProcedureKind
	Step   credential.Step
	End    credential.End
	Mailed bool // the relay took its latest mail
	Over   time.Time
}

// Config is what a [Service] is made of.
type Config struct {
	Store Store
	Keys  *credential.KeyRing
	Now   func() time.Time // time.Now when nil
}

// Service is the use cases. It is safe for concurrent use.
type Service struct {
	store Store
	keys  *credential.KeyRing
	clock func() time.Time

	mu        sync.Mutex
	published *computed // as last given
}

// New checks the configuration and makes the service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Keys == nil {
		return nil, errors.New("stats: store and keys are both needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{store: c.Store, keys: c.Keys, clock: c.Now}, nil
}

func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }
