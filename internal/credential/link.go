package credential

import (
	"context"
	"time"
)

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

// behind finds the procedure behind a link that still holds. A link whose time
// is over, but whose procedure still waits for its mail, is Expired with rule
// "link_expired": another mail can be asked for.
func (s *Service) behind(tx Tx, l Link, now time.Time) (Procedure, error) {
	p, err := s.waitingBehind(tx, l, now)
	if err != nil {
		return Procedure{}, err
	}
	if s.mailAlive(p, now) != nil {
		return Procedure{}, &Error{Kind: Expired, Rule: "link_expired"}
	}
	return p, nil
}

// waitingBehind finds the live procedure behind a link, whether or not the
// link's own time is over.
func (s *Service) waitingBehind(tx Tx, l Link, now time.Time) (Procedure, error) {
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
	if p.over(now) != nil || (p.Step != StepSent && p.Step != StepClave) {
		return Procedure{}, &Error{Kind: Expired, Rule: "expired"}
	}
	return p, nil
}

// ContinueLink is «Continuar» behind the link. In the browser that asked for
// the mail it is enough; in another, day and month of birth are asked again
// (each try is one of the procedure's), and the procedure moves here. It
// consumes nothing. The returned claim takes the place of the old one.
func (s *Service) ContinueLink(ctx context.Context, by Actor, l Link, c *Claim, d, m int) (_ Claim, err error) {
	var kind ProcedureKind
	defer s.observed(PressLink, &kind, &err)
	now := s.now()
	fresh := newClaim(l.ID)
	same, right := false, false
	err = s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		p, err := s.behind(tx, l, now)
		if err != nil {
			return err
		}
		kind = p.Kind
		same = s.holds(p, c)
		if same {
			return s.openClave(tx, p, fresh, by, ActLinkOpened, now)
		}
		faults := checkBirthday(d, m)
		if len(faults) > 0 {
			return faults
		}
		right = d == p.Typed.Day && m == p.Typed.Month
		return s.chargeCode(tx, p, now)
	})
	if err != nil {
		return Claim{}, err
	}
	if same {
		return fresh, nil
	}
	var refusal error
	if !right {
		refusal = &Error{Kind: Denied, Rule: "birthday"}
	}
	return s.afterCode(ctx, by, l.ID, l.Generation, refusal, ActLinkOpened, now)
}

// ResendFromLink is «Enviar de nuevo» behind a link whose time is over, in a
// browser that did not ask for the mail: day and month of birth are asked, as
// for [Service.ContinueLink], and the mail goes to the same address again.
func (s *Service) ResendFromLink(ctx context.Context, by Actor, l Link, d, m int) error {
	now := s.now()
	var subject Subject
	right := false
	err := s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		p, err := s.waitingBehind(tx, l, now)
		if err != nil {
			return err
		}
		if p.Step != StepSent {
			return &Error{Kind: Expired, Rule: "expired"}
		}
		faults := checkBirthday(d, m)
		if len(faults) > 0 {
			return faults
		}
		subject, right = p.Subject, d == p.Typed.Day && m == p.Typed.Month
		return s.chargeCode(tx, p, now)
	})
	if err != nil {
		return err
	}
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	person, _, err := s.person(ctx, subject)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		p, err := s.waitingBehind(tx, l, now)
		if err != nil {
			return err
		}
		if !right {
			return audited(tx, p, by, ActCodeFailed, now, nil)
		}
		return s.sendAgain(tx, p, by, person, now)
	})
	if err == nil && !right {
		err = &Error{Kind: Denied, Rule: "birthday"}
	}
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}
