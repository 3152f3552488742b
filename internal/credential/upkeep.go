package credential

import (
	"context"
	"time"
)

// How long rows are kept after they have no more use.
const (
	keepProcedures = 30 * day
	keepMarks      = 62 * day
	keepMails      = 30 * day
	// keepRequests is how long a request that was answered can be shown to have been.
	keepRequests = 3 * 365 * day
)

// Kept is for how long what is kept of people has a use, and is kept after it: what
// the page about privacy tells.
type Kept struct {
	Procedures     time.Duration // after their end, with what was typed, sealed
	Counters       time.Duration // of failed tries, after the latest
	Marks          time.Duration // of networks, browsers and mailboxes, after the latest use
	Mails          time.Duration // that a mail was sent, without its address and text
	Requests       time.Duration // about one's data, after their answer
	Complaints     time.Duration // that were confirmed, from their receipt
	Unconfirmed    time.Duration // complaints that nobody confirmed
	Devices        time.Duration // browsers that a person is known by
	SessionsAtMost time.Duration
}

// Kept gives the retention under a policy.
func (p Policy) Kept() Kept {
	return Kept{
		Procedures: keepProcedures, Counters: 2 * strangersMemory * p.AttemptWindow, Marks: keepMarks, Mails: keepMails,
		Requests: keepRequests, Complaints: keepComplaints, Unconfirmed: keepUnconfirmed,
		Devices: p.DeviceLife, SessionsAtMost: p.SessionLife,
	}
}

// Sweep deletes what is past its retention, batch after batch, each in a
// transaction of its own so that nobody waits long for it.
func (s *Service) Sweep(ctx context.Context) (int64, error) {
	now, kept := s.now(), s.policy.Kept()
	r := Retention{
		Now: now, Procedures: now.Add(-kept.Procedures), Attempts: now.Add(-kept.Counters),
		Marks: now.Add(-kept.Marks), Mails: now.Add(-kept.Mails), Requests: now.Add(-kept.Requests),
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
