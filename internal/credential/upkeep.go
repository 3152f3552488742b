package credential

import (
	"context"
)

// How long rows are kept after they have no more use.
const (
	keepProcedures = 30 * day
	keepMarks      = 62 * day
	keepMails      = 30 * day
	// keepRequests is how long a request that was answered can be shown to have been.
	keepRequests = 3 * 365 * day
)

// Sweep deletes what is past its retention, batch after batch, each in a
// transaction of its own so that nobody waits long for it.
func (s *Service) Sweep(ctx context.Context) (int64, error) {
	now := s.now()
	r := Retention{
		Now: now, Procedures: now.Add(-keepProcedures), Attempts: now.Add(-2 * strangersMemory * s.policy.AttemptWindow),
		Marks: now.Add(-keepMarks), Mails: now.Add(-keepMails), Requests: now.Add(-keepRequests),
	}
	var all int64
	for {
		var n int64
		err := s.store.Update(ctx, 0, func(tx Tx) (err error) {
			n, err = tx.Sweep(r)
			return err
		})
		all += n
		if err != nil || n == 0 {
			return all, err
		}
	}
}

// SignHeads reads the heads of all audit chains and signs them, to be kept
// outside the database.
func (s *Service) SignHeads(ctx context.Context) (AuditHeads, error) {
	now := s.now()
	var heads AuditHeads
	err := s.store.View(ctx, func(tx Tx) (err error) {
		heads, err = s.keys.SignHeads(tx, now)
		return err
	})
	return heads, err
}
