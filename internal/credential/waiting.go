package credential

import (
	"context"
	"time"
)

// Resend mails the activation again to the same address: a new generation,
// which kills the older link and code. While the current mail has not been
// tried yet it is that mail which will arrive, and nothing changes.
func (s *Service) Resend(ctx context.Context, by Actor, c Claim) error {
	now := s.now()
	person, _, err := s.personOf(ctx, c, now)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepSent)
		if err != nil {
			return err
		}
		if p.HoldUntil.After(now) || (p.Attempted.IsZero() && p.Generation > 0) {
			return nil
		}
		if int(p.Generation) > s.policy.Resends {
			return &Error{Kind: TooMany, Rule: "resends", RetryAfter: p.ExpiresAt.Sub(now)}
		}
		to, err := ParseEmail(p.Typed.Email)
		if err != nil {
			return err
		}
		err = s.queueActivation(tx, &p, to, person, now)
		if err != nil {
			return err
		}
		return saved(tx, p, by, ActMailAsked, now, map[string]string{"to": to.Mask(), "again": "yes"})
	})
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// codeDigits is the length of the mailed code.
const codeDigits = 6

// EnterCode is the code of the mail, typed where the mail is awaited. Refusals:
// a code that is no six digits (Invalid "shape", nothing spent); a wrong one
// (Denied "code"); one too late (Expired); all tries spent, here or for the
// number today (TooMany).
func (s *Service) EnterCode(ctx context.Context, by Actor, c Claim, typed string) error {
	now := s.now()
	digits := onlyTheDigits(typed)
	if len(digits) != codeDigits {
		return invalid("code", "shape")
	}
	var p Procedure
	err := s.store.Update(ctx, c.ID.Shard(), func(tx Tx) (err error) {
		p, err = s.heldAt(tx, c, now, StepSent)
		if err != nil {
			return err
		}
		err = s.mailAlive(p, now)
		if err != nil {
			return err
		}
		return s.chargeCode(tx, &p, now)
	})
	if err != nil {
		return err
	}
	right := s.keys.codeHolds(digits, p.ID, p.Generation)
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	return s.afterCode(ctx, by, p, right, ActCodeHeld, nil, now)
}

// mailAlive refuses when the current mail's link and code do not hold at now.
func (s *Service) mailAlive(p Procedure, now time.Time) error {
	until := p.validUntil(s.policy)
	if until.IsZero() || !now.Before(until) {
		return &Error{Kind: Expired, Field: "code", Rule: "mail_expired"}
	}
	return nil
}

// chargeCode takes one try at a secret of the mail: of the procedure's, over all
// its mails, and of the number's day.
func (s *Service) chargeCode(tx Tx, p *Procedure, now time.Time) error {
	if p.CodeTries >= s.policy.CodeTries {
		return &Error{Kind: TooMany, Field: "code", Rule: "code_tries", RetryAfter: p.ExpiresAt.Sub(now)}
	}
	today, err := tx.Attempts(p.Subject, BudgetCode)
	if err != nil {
		return err
	}
	room, again := today.room(now, limit{Count: codesPerDay, Window: day})
	if !room {
		return &Error{Kind: TooMany, Field: "code", Rule: "code_day", RetryAfter: again.Sub(now)}
	}
	today.take(now, day)
	err = tx.SaveAttempts(today)
	if err != nil {
		return err
	}
	p.CodeTries++
	err = tx.SaveProcedure(*p)
	p.Version++
	return err
}

// afterCode writes how a try ended. With a fresh claim the procedure moves to
// another browser.
func (s *Service) afterCode(ctx context.Context, by Actor, p Procedure, right bool, act Act, fresh *Claim, now time.Time) error {
	var refusal error
	err := s.store.Update(ctx, p.ID.Shard(), func(tx Tx) error {
		refusal = nil
		if !right {
			refusal = &Error{Kind: Denied, Field: "code", Rule: "code"}
			if fresh != nil {
				refusal = &Error{Kind: Denied, Rule: "birthday"}
			}
			return audited(tx, p, by, ActCodeFailed, now, nil)
		}
		p := p
		p.Step = StepClave
		if life := now.Add(s.policy.ProcedureLife); life.Before(p.ExpiresAt) {
			p.ExpiresAt = life
		}
		if fresh != nil {
			p.Browser = s.claimHash(*fresh)
		}
		today, err := tx.Attempts(p.Subject, BudgetCode)
		if err != nil {
			return err
		}
		today.giveBack(now)
		err = tx.SaveAttempts(today)
		if err != nil {
			return err
		}
		return saved(tx, p, by, act, now, nil)
	})
	if err != nil {
		return err
	}
	return refusal
}

func onlyTheDigits(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	var digits []byte
	for _, r := range typed {
		switch {
		case r >= '0' && r <= '9':
			digits = append(digits, byte(r))
		case r == ' ' || r == '-' || r == '\u00a0' || r == '.':
		default:
			return ""
		}
	}
	return string(digits)
}

// LinkView is what the page behind a mailed link needs to know.
type LinkView struct {
	ID        ID
	SameOne   bool // this browser holds the procedure: no further question
	Reference string
	Until     time.Time // the link's end
}

// LookLink reads what a mailed link leads to, for any client any number of
// times: it changes nothing. c is the browser's claim, if it has one. Expired
// says how the link ended: "expired", "finished" (used), "replaced", "objected".
func (s *Service) LookLink(ctx context.Context, l Link, c *Claim) (LinkView, error) {
	now := s.now()
	var v LinkView
	err := s.store.View(ctx, func(tx Tx) error {
		p, err := s.behind(tx, l, now)
		if err != nil {
			return err
		}
		v = LinkView{ID: p.ID, SameOne: s.holds(p, c), Reference: p.Reference, Until: p.validUntil(s.policy)}
		return nil
	})
	return v, err
}

func (s *Service) holds(p Procedure, c *Claim) bool {
	return c != nil && c.ID == p.ID && p.Browser == s.claimHash(*c)
}

// behind finds the live procedure behind a link.
func (s *Service) behind(tx Tx, l Link, now time.Time) (Procedure, error) {
	if !s.keys.linkHolds(l) {
		return Procedure{}, &Error{Kind: NotFound, Rule: "link"}
	}
	p, err := tx.Procedure(l.ID)
	if isNoRow(err) {
		return Procedure{}, &Error{Kind: Expired, Rule: "expired"}
	}
	if err != nil {
		return Procedure{}, err
	}
	if p.End != NotEnded {
		return Procedure{}, &Error{Kind: Expired, Rule: string(p.End)}
	}
	if p.Generation != l.Generation {
		return Procedure{}, &Error{Kind: Expired, Rule: "replaced_mail"}
	}
	err = p.over(now)
	if err == nil {
		err = s.mailAlive(p, now)
	}
	if err != nil || (p.Step != StepSent && p.Step != StepClave) {
		return Procedure{}, &Error{Kind: Expired, Rule: "expired"}
	}
	return p, nil
}

// ContinueLink is «Continuar» behind the link. In the browser that asked for
// the mail it is enough; in another, day and month of birth are asked again
// (each try is one of the procedure's), and the procedure moves here: the
// returned claim takes the place of the old one. It consumes nothing.
func (s *Service) ContinueLink(ctx context.Context, by Actor, l Link, c *Claim, d, m int) (Claim, error) {
	now := s.now()
	var p Procedure
	same := false
	err := s.store.Update(ctx, l.ID.Shard(), func(tx Tx) (err error) {
		p, err = s.behind(tx, l, now)
		if err != nil {
			return err
		}
		same = s.holds(p, c)
		if same {
			if p.Step == StepClave {
				return nil
			}
			p.Step = StepClave
			if life := now.Add(s.policy.ProcedureLife); life.Before(p.ExpiresAt) {
				p.ExpiresAt = life
			}
			return saved(tx, p, by, ActLinkOpened, now, nil)
		}
		fault := checkBirthday(d, m)
		if fault != nil {
			return fault
		}
		return s.chargeCode(tx, &p, now)
	})
	if err != nil {
		return Claim{}, err
	}
	if same {
		return *c, nil
	}
	fresh := newClaim(p.ID)
	right := d == p.Typed.Day && m == p.Typed.Month
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	err = s.afterCode(ctx, by, p, right, ActLinkOpened, &fresh, now)
	if err != nil {
		return Claim{}, err
	}
	return fresh, nil
}
