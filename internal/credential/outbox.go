package credential

import (
	"context"
	"fmt"
	"time"
)

// Outgoing is a mail claimed from the outbox, with the secrets that only its
// rendering may know. A retry of the same mail carries the same ones.
type Outgoing struct {
	Mail
	Link      Link          // of a mail that carries one
	Code      string        // likewise: six digits; of a complaint the code that follows it
	Objection Objection     // of a notice
	Complaint ComplaintLink // of a mail that confirms a complaint
	Life      time.Duration // of the link, from its acceptance
	Repeats   int           // of a notice: how often it happened besides the first
	LatestAt  time.Time     // the last of them; zero for none
}

// Limits of the outbox.
const (
	// mailLease is how long a claimed mail stays with its sender: longer than
	// any conversation with a relay may last.
	mailLease = time.Minute
	// noticeLife is how long a notice is tried.
	noticeLife = 3 * day
	// slowestRetry bounds the back-off between two tries.
	slowestRetry = 5 * time.Minute
)

// NextMails claims up to n due mails. The clock of a link starts here, by a
// record that commits before the first attempt; one that its procedure no
// longer needs is dropped.
func (s *Service) NextMails(ctx context.Context, n int) ([]Outgoing, error) {
	now := s.now()
	var out []Outgoing
	err := s.store.Update(ctx, 0, func(tx Tx) error {
		out = nil
		mails, err := tx.ClaimMails(now, now.Add(mailLease), n)
		if err != nil {
			return err
		}
		for _, m := range mails {
			wanted, err := s.startClock(tx, m, now)
			if err != nil {
				return err
			}
			if !wanted {
				err = tx.FinishMail(m.ID, MailDropped, now)
				if err != nil {
					return err
				}
				continue
			}
			o := Outgoing{Mail: m, Life: s.policy.LinkLife}
			if m.Kind == MailAddressLink {
				o.Life = addressLinkLife
			}
			if m.Kind.hasLink() {
				o.Link = s.keys.link(m.Procedure, m.Generation)
			}
			if m.Kind.hasCode() {
				o.Code = s.keys.code(m.Procedure, m.Generation)
			}
			if m.Kind.ofComplaint() {
				o.Complaint, o.Code = s.keys.complaintLink(m.Procedure), s.keys.complaintCode(m.Procedure)
			}
			if !m.Notice.IsZero() {
				notice, err := tx.Notice(m.Notice)
				if err != nil && !isNoRow(err) {
					return err
				}
				o.Objection, o.Repeats, o.LatestAt = s.keys.objection(m.Notice), notice.Repeats, notice.LatestAt
			}
			out = append(out, o)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claiming mails: %w", err)
	}
	return out, nil
}

// startClock notes the first attempt at a mail that a procedure waits for, and
// reports whether the mail is still wanted.
func (s *Service) startClock(tx Tx, m Mail, now time.Time) (bool, error) {
	if m.To.IsZero() {
		return false, nil // what was queued for nobody; see untold.go
	}
	if !m.Kind.timed() {
		return true, nil
	}
	p, err := tx.Procedure(m.Procedure)
	if isNoRow(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.over(p, now) != nil || p.Generation != m.Generation {
		return false, nil
	}
	if !p.Attempted.IsZero() {
		return now.Before(p.validUntil(s.policy)), nil
	}
	p.Attempted = now
	_, cap := p.mailLife(s.policy)
	if end := now.Add(cap); end.Before(p.ExpiresAt) {
		p.ExpiresAt = end
	}
	return true, tx.SaveProcedure(p)
}

// MailAccepted notes that the relay took a mail: the life of its link, if it has
// one, is counted from here.
func (s *Service) MailAccepted(ctx context.Context, m Outgoing) error {
	now := s.now()
	return s.store.Update(ctx, m.ID.Shard(), func(tx Tx) error {
		err := tx.FinishMail(m.ID, MailSent, now)
		if err != nil || !m.Kind.timed() {
			return err
		}
		p, err := tx.Procedure(m.Procedure)
		if err != nil {
			return ignoreNoRow(err)
		}
		if p.Generation != m.Generation || !p.Accepted.IsZero() {
			return nil
		}
		p.Accepted = now
		if m.Kind.hasLink() {
			err = delivered(tx, p, m.Mail, now)
		}
		if err != nil {
			return err
		}
		return tx.SaveProcedure(p)
	})
}

// MailRefused notes that an attempt failed: for good, or to be tried again with
// growing waits until the mail is of no more use.
func (s *Service) MailRefused(ctx context.Context, m Outgoing, forGood bool) error {
	now := s.now()
	return s.store.Update(ctx, m.ID.Shard(), func(tx Tx) error {
		wait := min(time.Second<<min(m.Tries, 10), slowestRetry)
		end := m.QueuedAt.Add(noticeLife)
		if m.Kind.timed() {
			p, err := tx.Procedure(m.Procedure)
			if err != nil {
				return ignoreNoRow(err)
			}
			end = p.validUntil(s.policy)
			if forGood && p.Generation == m.Generation && (p.Step == StepSent || p.Step == StepOldCode) && !p.Typed.Untold {
				p.Typed.Refused = true
				err = tx.SaveProcedure(p)
				if err != nil {
					return err
				}
			}
		}
		if forGood || now.Add(wait).After(end) {
			return tx.FinishMail(m.ID, MailGaveUp, now)
		}
		return tx.DelayMail(m.ID, m.Tries+1, now.Add(wait))
	})
}

// MailQueue counts the mails that wait and says since when the oldest does.
func (s *Service) MailQueue(ctx context.Context) (waiting int, oldest time.Time, err error) {
	err = s.store.Glance(ctx, func(tx Tx) error {
		waiting, oldest, err = tx.MailQueue()
		return err
	})
	return waiting, oldest, err
}
