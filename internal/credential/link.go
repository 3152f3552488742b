package credential

import (
	"context"
	"time"
)

// LinkView is what the page behind a mailed link needs to know.
type LinkView struct {
	ID        ID
	Kind      ProcedureKind
	SameOne   bool // this browser holds the procedure: no further question
	Reference string
	Until     time.Time // the link's end
	NewClave  bool      // of an unlock: a new clave can be set behind it
	Mask      string    // of a change of address: the new one, masked
}

// LookLink reads what a mailed link leads to, for any client any number of
// times: it changes nothing. c is the browser's claim, if it has one. Expired
// says how the link ended: "link_expired" (its time), "expired" (the
// procedure's), "finished" (used), "replaced", "replaced_mail" (by a newer one of
// the same procedure), "objected"; of an unlock always "unlock_over"; of a change of
// address "address_finished", "address_replaced", "address_over", "objected".
func (s *Service) LookLink(ctx context.Context, l Link, c *Claim) (LinkView, error) {
	now := s.now()
	var v LinkView
	err := s.store.View(ctx, func(tx Tx) error {
		p, err := s.behind(tx, l, now)
		if err != nil {
			return err
		}
		v = LinkView{ID: p.ID, Kind: p.Kind, Reference: p.Reference, Until: p.validUntil(s.policy)}
		if p.Kind == ChangeAddress {
			to, err := ParseEmail(p.Typed.Email)
			if err != nil {
				return err
			}
			v.Mask = to.Mask()
		}
		v.NewClave = p.Kind == Unlock && s.policy.newClaveBehindUnlock()
		v.SameOne, _, err = s.holds(tx, p, c, now)
		return err
	})
	return v, err
}

// holds reports whether a browser holds the procedure of a link, or one that the
// link began in it (begun).
func (s *Service) holds(tx Tx, p Procedure, c *Claim, now time.Time) (holds, begun bool, err error) {
	if c == nil || c.ID == p.ID {
		return c != nil && p.Browser == s.claimHash(*c), false, nil
	}
	own, err := tx.Procedure(c.ID)
	if err != nil {
		return false, false, ignoreNoRow(err)
	}
	begun = own.Typed.Begun == p.ID && own.Browser == s.claimHash(*c) && s.over(own, now) == nil
	return begun, begun, nil
}

// unlockOver is the rule of an unlock's link that holds no more.
const unlockOver = "unlock_over"

// behind finds the procedure behind a link that still holds. A link whose time
// is over, but whose procedure still waits for its mail, is Expired with rule
// "link_expired": another mail can be asked for.
func (s *Service) behind(tx Tx, l Link, now time.Time) (Procedure, error) {
	p, err := s.waitingBehind(tx, l, now)
	if err != nil {
		return Procedure{}, err
	}
	if s.mailAlive(p, now) != nil {
		rule := "link_expired"
		switch p.Kind {
		case Unlock:
			rule = unlockOver
		case ChangeAddress:
			rule = addressOver
		}
		return Procedure{}, &Error{Kind: Expired, Rule: rule}
	}
	return p, nil
}

// behindOf is behind for the links of one kind; another kind's is refused.
func (s *Service) behindOf(tx Tx, l Link, kind ProcedureKind, now time.Time) (Procedure, error) {
	p, err := s.behind(tx, l, now)
	if err == nil && p.Kind != kind {
		err = errStep
	}
	return p, err
}

// linkOf is behindOf on its own, for who has yet to read the record of its person.
func (s *Service) linkOf(ctx context.Context, l Link, kind ProcedureKind, now time.Time) (p Procedure, err error) {
	err = s.store.Glance(ctx, func(tx Tx) (err error) {
		p, err = s.behindOf(tx, l, kind, now)
		return err
	})
	return p, err
}

// addressOver is the rule of a link to a new address whose time is over.
const addressOver = "address_over"

// changeOver refuses the link of a change of address that is over, by how it
// ended; nil while the change waits for it.
func (s *Service) changeOver(p Procedure, l Link, now time.Time) error {
	switch {
	case p.End == Objected:
		return &Error{Kind: Expired, Rule: "objected"}
	case p.End == Finished:
		return &Error{Kind: Expired, Rule: "address_finished"}
	case p.End == Replaced, p.End == NotEnded && p.Generation != l.Generation:
		return &Error{Kind: Expired, Rule: "address_replaced"}
	case s.over(p, now) != nil, p.Step != StepSent:
		return &Error{Kind: Expired, Rule: addressOver}
	}
	return nil
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
	if p.Kind == Unlock && (p.End != NotEnded || s.over(p, now) != nil) {
		return Procedure{}, &Error{Kind: Expired, Rule: unlockOver}
	}
	if p.Kind == ChangeAddress {
		return p, s.changeOver(p, l, now)
	}
	if p.End != NotEnded {
		return Procedure{}, &Error{Kind: Expired, Rule: string(p.End)}
	}
	if p.Generation != l.Generation {
		return Procedure{}, &Error{Kind: Expired, Rule: "replaced_mail"}
	}
	if s.over(p, now) != nil || !behindMail(p.Step) {
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
	held := newClaim(l.ID)
	var p Procedure
	same, begun := false, false
	err = s.store.Update(ctx, l.ID.Shard(), func(tx Tx) (err error) {
		p, err = s.behind(tx, l, now)
		if err != nil {
			return err
		}
		kind = p.Kind
		if !p.Kind.setsClave() {
			return errStep // its link opens no page for a clave
		}
		same, begun, err = s.holds(tx, p, c, now)
		switch {
		case err != nil, begun:
			return err
		case same && p.Step == StepClave: // pressed again: what was answered stays answered
			p.Browser = s.claimHash(held)
			return saved(tx, p, by, ActLinkOpened, now, nil)
		case same:
			return s.openClave(tx, p, held, by, ActLinkOpened, now)
		}
		return s.chargeBirthday(tx, &p, d, m, now)
	})
	switch {
	case err != nil:
		return Claim{}, err
	case begun:
		return *c, nil
	case same:
		return held, nil
	}
	return s.afterCode(ctx, by, p, false, birthdayHolds(p, d, m), ActLinkOpened, now)
}

// chargeBirthday takes a try at day and month in a browser that did not ask for
// the mail. What waits for the mail of an untold procedure sees nothing of it.
func (s *Service) chargeBirthday(tx Tx, p *Procedure, d, m int, now time.Time) error {
	faults := checkBirthday(d, m)
	if len(faults) > 0 {
		return faults
	}
	if !p.Typed.Untold {
		return s.chargeCode(tx, p, now)
	}
	err := s.takeTry(&p.Typed.LinkTries, *p, now)
	if err != nil {
		return err
	}
	return tx.SaveProcedure(*p)
}

// birthdayHolds compares day and month with those that the procedure was proven
// by: a refusal, or nil.
func birthdayHolds(p Procedure, d, m int) error {
	if d == p.Typed.Day && m == p.Typed.Month {
		return nil
	}
	return &Error{Kind: Denied, Rule: "birthday"}
}

// ResendFromLink is «Enviar de nuevo» behind a link whose time is over, in a
// browser that did not ask for the mail: day and month of birth are asked, as
// for [Service.ContinueLink], and the mail goes to the same address again.
func (s *Service) ResendFromLink(ctx context.Context, by Actor, l Link, d, m int) error {
	now := s.now()
	var charged Procedure
	err := s.store.Update(ctx, l.ID.Shard(), func(tx Tx) (err error) {
		charged, err = s.waitingBehind(tx, l, now)
		if err == nil && (charged.Step != StepSent || !charged.Kind.setsClave()) {
			err = &Error{Kind: Expired, Rule: "expired"}
		}
		if err == nil {
			err = s.chargeBirthday(tx, &charged, d, m, now)
		}
		return err
	})
	if err != nil {
		return err
	}
	refusal := birthdayHolds(charged, d, m)
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	person, _, err := s.person(ctx, charged.Subject)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		p, err := s.waitingBehind(tx, l, now)
		if err != nil {
			return err
		}
		switch {
		case refusal != nil:
			return audited(tx, p, by, ActCodeFailed, now, nil)
		case p.Typed.Untold:
			return s.sendUntoldAgain(tx, p, by, person, false, now)
		}
		return s.sendAgain(tx, p, by, person, now)
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}
