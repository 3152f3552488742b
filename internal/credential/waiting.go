package credential

import (
	"context"
	"time"
)

// Resend mails the activation again to the same address: a new generation,
// which kills the older link and code. While the current mail has not been
// tried yet it is that mail which will arrive, and nothing changes.
func (s *Service) Resend(ctx context.Context, by Actor, c Claim) (err error) {
	var kind ProcedureKind
	defer s.observed(PressResend, &kind, &err)
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
		kind = p.Kind
		if p.Typed.Untold {
			return s.sendUntoldAgain(tx, p, by, person, true, now)
		}
		return s.sendAgain(tx, p, by, person, now)
	})
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// sendAgain gives a procedure a new mail to the same address, unless its mail is
// still to be tried.
func (s *Service) sendAgain(tx Tx, p Procedure, by Actor, person Person, now time.Time) error {
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
	_, err = s.queueActivation(tx, &p, to, person, now)
	if err != nil {
		return err
	}
	return saved(tx, p, by, ActMailAsked, now, map[string]string{"to": to.Mask(), "again": "yes"})
}

// codeDigits is the length of the mailed code.
const codeDigits = 6

// EnterCode is the code of the mail, typed where the mail is awaited. Refusals:
// a code that is no six digits (Invalid "shape", nothing spent); a wrong one
// (Denied "code"); one too late (Expired); all tries spent, here or for the
// number today (TooMany). The returned claim takes the place of c.
func (s *Service) EnterCode(ctx context.Context, by Actor, c Claim, typed string) (_ Claim, err error) {
	var kind ProcedureKind
	defer s.observed(PressCode, &kind, &err)
	now := s.now()
	digits := onlyTheDigits(typed)
	if len(digits) != codeDigits {
		return Claim{}, invalid("code", "shape")
	}
	var p Procedure
	alive := true
	err = s.store.Update(ctx, c.ID.Shard(), func(tx Tx) (err error) {
		p, err = s.heldAt(tx, c, now, StepSent)
		if err != nil {
			return err
		}
		kind = p.Kind
		if p.Typed.Untold {
			alive, err = s.chargeUntoldCode(tx, &p, now)
			return err
		}
		err = s.mailAlive(p, now)
		if err == nil {
			err = s.chargeCode(tx, &p, now)
		}
		return err
	})
	if err != nil {
		return Claim{}, err
	}
	var refusal error
	switch holds := s.keys.codeHolds(digits, c.ID, p.Generation) && alive; {
	case holds:
	case p.Typed.Untold:
		refusal = &Error{Kind: Denied, Field: "code", Rule: "code_untold"}
	default:
		refusal = &Error{Kind: Denied, Field: "code", Rule: "code"}
	}
	return s.afterCode(ctx, by, p, true, refusal, ActCodeHeld, now)
}

// mailAlive refuses when the current mail's link and code do not hold at now.
func (s *Service) mailAlive(p Procedure, now time.Time) error {
	until := p.validUntil(s.policy)
	if until.IsZero() || !now.Before(until) {
		return &Error{Kind: Expired, Field: "code", Rule: "mail_expired"}
	}
	return nil
}

// takeTry takes one of a procedure's tries at what its mail proves.
func (s *Service) takeTry(tries *int, p Procedure, now time.Time) error {
	if *tries >= s.policy.CodeTries {
		return &Error{Kind: TooMany, Field: "code", Rule: "code_tries", RetryAfter: p.ExpiresAt.Sub(now)}
	}
	*tries++
	return nil
}

// chargeCode takes one try at a secret of the mail: of the procedure's,
// over all its mails, and of the number's day.
func (s *Service) chargeCode(tx Tx, p *Procedure, now time.Time) error {
	err := s.takeTry(&p.CodeTries, *p, now)
	if err != nil {
		return err
	}
	today, err := tx.Attempts(p.Subject, BudgetCode)
	if err != nil {
		return err
	}
	room, again := today.room(now, limit{Count: codesPerDay, Window: day, Total: codesInAll})
	if !room {
		return &Error{Kind: TooMany, Field: "code", Rule: "code_day", RetryAfter: max(0, again.Sub(now))}
	}
	today.take(now, day)
	err = tx.SaveAttempts(today)
	if err != nil {
		return err
	}
	return tx.SaveProcedure(*p)
}

// giveCodeBack returns the number's day the try of a code that held.
func giveCodeBack(tx Tx, subject Subject, now time.Time) error {
	today, err := tx.Attempts(subject, BudgetCode)
	if err != nil {
		return err
	}
	today.giveBack(now)
	return tx.SaveAttempts(today)
}

// afterCode writes how a charged try ended: refusal, or nil for one that held.
// The procedure is read again, so that an end or a newer mail meanwhile wins.
// With the trust the claim changes, and with it perhaps the browser: here says
// whether it is the one that waits for the mail.
func (s *Service) afterCode(ctx context.Context, by Actor, charged Procedure, here bool, refusal error, act Act, now time.Time) (Claim, error) {
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	fresh := newClaim(charged.ID)
	if charged.Typed.Untold && !here {
		fresh = newClaim(newID(charged.ID.Shard()))
	}
	err := s.store.Update(ctx, charged.ID.Shard(), func(tx Tx) error {
		p, err := tx.Procedure(charged.ID)
		if err != nil {
			return err
		}
		if refusal != nil {
			return audited(tx, p, by, ActCodeFailed, now, nil)
		}
		err = s.over(p, now)
		if err != nil {
			return err
		}
		if p.Generation != charged.Generation || !behindMail(p.Step) {
			return errStep
		}
		err = giveCodeBack(tx, p.Subject, now)
		if err != nil {
			return err
		}
		if fresh.ID != p.ID {
			p = begunElsewhere(p, fresh.ID, now)
			err = tx.CreateProcedure(p)
			if err != nil {
				return err
			}
		}
		return s.openClave(tx, p, fresh, by, act, now)
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Claim{}, err
	}
	return fresh, nil
}

// behindMail lists the steps at which a mail's link and code mean something.
func behindMail(step Step) bool {
	return step == StepSent || step == StepOwnQuestion || step == StepClave
}

// openClave opens what stands behind the mail to the browser that gets the fresh
// claim: the last page, or before it the own questions, which another browser is
// asked anew. It has a procedure's life to finish, never beyond the mail's cap.
func (s *Service) openClave(tx Tx, p Procedure, fresh Claim, by Actor, act Act, now time.Time) error {
	p.Step = StepClave
	if s.policy.asksBehindLink(p.Kind) {
		p.Step = StepOwnQuestion
	}
	if end := now.Add(s.policy.ProcedureLife); end.Before(p.ExpiresAt) {
		p.ExpiresAt = end
	}
	p.Browser = s.claimHash(fresh)
	return saved(tx, p, by, act, now, nil)
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
