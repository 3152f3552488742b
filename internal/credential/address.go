package credential

import (
	"context"
	"slices"
	"time"
)

// A change of address from inside a session (level 2) is a procedure of kind
// [ChangeAddress], which lives as long as its mails:
//
//	AskAddress ─► old_code ─EnterOldCode─► sent ─ConfirmAddress─► done
//	  notice to      code to the             link to the new      notice to all,
//	  all            old proven one          one, after the hold  old and new
//
// Until its last step it changes nothing but its own row: whatever ends it before
// (CancelAddress, time, «No fui yo», another clave) leaves the addresses as they were.

const (
	// changesPerDay bounds how often a change of address is asked for a number: each
	// one writes to every address on record.
	changesPerDay = 5
	// addressLinkLife is how long the link to a new address holds, from the first
	// attempt to send it: it leaves after the hold, at an hour that nobody chose, and
	// opens nothing but the change that was asked for. SP 800-63B-4, 4.2.1.2, allows a
	// mailed secret 24 hours.
	addressLinkLife = day
)

// AddressForm is the change of address as typed.
type AddressForm struct {
	Email   string
	Current string // the clave
}

// AddressPage is what the page of the address shows to who may change it.
type AddressPage struct {
	Old     string        // masked: where the code goes; empty where no address was ever proven
	Hold    time.Duration // how long the link to the new address waits
	Pending AddressChange // zero for none
}

// AddressChange is a change of address that waits.
type AddressChange struct {
	ID          ID // zero for none
	Step        Step
	Old, New    string // masked as for who is logged in at level 2
	Reference   string
	HoldUntil   time.Time
	Mail        MailState // of the code, or of the link
	ValidUntil  time.Time // of the code or the link; zero before it was tried
	TriesLeft   int       // codes
	ResendsLeft int
}

// pendingChange reads the change of address of a person that waits; its ID is zero
// where none does.
func (s *Service) pendingChange(tx Tx, subject Subject, now time.Time) (Procedure, error) {
	p, err := tx.OpenProcedure(subject, ChangeAddress, now)
	if isNoRow(err) || err == nil && s.over(p, now) != nil {
		return Procedure{}, nil
	}
	return p, err
}

// addressChange is what pages show of a change that waits.
func (s *Service) addressChange(p Procedure, now time.Time) AddressChange {
	if p.ID.IsZero() {
		return AddressChange{}
	}
	v := AddressChange{
		ID: p.ID, Step: p.Step, Reference: p.Reference, HoldUntil: p.HoldUntil, ValidUntil: p.validUntil(s.policy),
		TriesLeft: max(0, s.policy.CodeTries-p.CodeTries), ResendsLeft: max(0, s.policy.Resends-p.Typed.Again),
		Old: ownerMask(p.Typed.Old), New: ownerMask(p.Typed.Email),
	}
	if p.Step == StepOldCode {
		p.HoldUntil = time.Time{} // holds the link, not the code
	}
	v.Mail = mailState(p, v.ValidUntil, now)
	return v
}

// ownerMask masks an address as a procedure keeps it; empty for what is none.
func ownerMask(kept string) string {
	email, err := ParseEmail(kept)
	if err != nil {
		return ""
	}
	return email.OwnerMask()
}

// LookAddress reads the page of the address. Expired "session" for who is not
// logged in, Denied "level" for an account below level 2.
func (s *Service) LookAddress(ctx context.Context, t SessionToken) (AddressPage, error) {
	now := s.now()
	v := AddressPage{Hold: s.policy.AddressHold}
	var x Session
	var set []Address
	err := s.store.View(ctx, func(tx Tx) (err error) {
		x, _, err = s.insider(tx, t, InPerson, now)
		if err != nil {
			return err
		}
		p, err := s.pendingChange(tx, x.Subject, now)
		if err != nil {
			return err
		}
		v.Pending = s.addressChange(p, now)
		set, err = tx.Addresses(x.Subject)
		return err
	})
	if err != nil {
		return AddressPage{}, err
	}
	person, _, err := s.person(ctx, x.Subject)
	if err != nil {
		return AddressPage{}, err
	}
	if old, ok := provenAddress(onRecord(x.Subject, set, person)); ok {
		v.Old = old.Email.OwnerMask()
	}
	return v, s.used(ctx, x, now)
}

// AskAddress begins a change of address: the current clave once more, then a
// notice to every address on record and a code to the one that was proven. One
// change waits at a time. It returns the token that takes the place of t.
//
// Refusals: Expired "session", Denied "level"; [Errors] of "email", "current"; those
// of [Service.LogIn]; Invalid "email": "same", "disputed", "mailbox_full",
// "no_proven"; TooMany "changes".
func (s *Service) AskAddress(ctx context.Context, by Actor, t SessionToken, form AddressForm) (_ SessionToken, err error) {
	kind := ChangeAddress
	defer s.observed(PressAddress, &kind, &err)
	now := s.now()
	var faults Errors
	email, fault := ParseEmail(form.Email)
	err = faults.take(fault)
	if err != nil {
		return SessionToken{}, err
	}
	again, err := s.proveAgain(ctx, by, t, InPerson, form.Current, faults, now)
	if err != nil {
		return SessionToken{}, err
	}
	defer again.leave()
	subject, person := again.session.Subject, again.person
	err = s.doAgain(ctx, by, again, now, func(tx Tx, _ Account) error {
		on, err := addressesOf(tx, subject, person)
		if err != nil {
			return err
		}
		old, err := s.mayChange(tx, subject, on, email, now)
		if err != nil {
			return err
		}
		err = tx.EndHeld(subject, ID{}, Replaced, now)
		if err != nil {
			return err
		}
		p := Procedure{
			ID: newID(subject.Shard()), Subject: subject, Kind: ChangeAddress, Step: StepOldCode, Policy: s.policy.Name,
			Reference: newReference(), CreatedAt: now, ExpiresAt: now.Add(mailUnsentLife), HoldUntil: now.Add(s.policy.AddressHold),
			Typed: Typed{Email: email.Reveal(), Old: old.Email.Reveal(), Language: by.Language},
		}
		err = s.queueChange(tx, &p, MailAddressCode, old.Email, person, now)
		if err == nil {
			err = tx.CreateProcedure(p)
		}
		if err != nil {
			return err
		}
		facts, err := s.facts(tx, by, subject, person, p.Reference, now)
		if err != nil {
			return err
		}
		facts.NewMask, facts.HoldUntil = email.Mask(), p.HoldUntil
		err = s.notify(tx, news{Subject: subject, Kind: MailAddressChange, Procedure: p.ID}, on, facts, now)
		if err == nil {
			err = tx.Mark(markMailbox, s.mailboxKey(email), subject, now)
		}
		if err != nil {
			return err
		}
		return audited(tx, p, by, ActAddressAsked, now, map[string]string{"to": email.Mask(), "reference": p.Reference})
	})
	if err != nil {
		return SessionToken{}, err
	}
	s.mailQueued()
	return again.token, nil
}

// mayChange refuses a change that is none, that is disputed, or that nobody
// could prove, and takes one of the day's. It gives the address that proves it.
func (s *Service) mayChange(tx Tx, subject Subject, on []Address, to Email, now time.Time) (Address, error) {
	old, ok := provenAddress(on)
	if !ok {
		return old, invalid("email", "no_proven")
	}
	if _, known := amongThem(on, to); known {
		return old, invalid("email", "same")
	}
	err := s.mailboxHasRoom(tx, to, subject, now)
	if err != nil {
		return old, err
	}
	disputed, err := tx.Disputed(subject, MailAddressChange, now)
	if err == nil && disputed {
		err = invalid("email", "disputed")
	}
	if err != nil {
		return old, err
	}
	asked, err := tx.Attempts(subject, BudgetAddress)
	if err != nil {
		return old, err
	}
	room, again := asked.room(now, limit{Count: changesPerDay, Window: day})
	if !room {
		return old, &Error{Kind: TooMany, Field: "email", Rule: "changes", RetryAfter: max(0, again.Sub(now))}
	}
	asked.take(now, day)
	return old, tx.SaveAttempts(asked)
}

// queueChange gives a change of address a new generation of its mail.
func (s *Service) queueChange(tx Tx, p *Procedure, kind MailKind, to Email, person Person, now time.Time) error {
	p.Generation++
	p.Attempted, p.Accepted = time.Time{}, time.Time{}
	p.Typed.Refused = false
	facts := p.mailFacts(person, now)
	due := now
	if kind == MailAddressCode {
		e, err := ParseEmail(p.Typed.Email)
		if err != nil {
			return err
		}
		facts.NewMask = e.Mask()
	} else if p.HoldUntil.After(now) {
		due = p.HoldUntil
	}
	return tx.QueueMail(Mail{
		ID: newID(p.ID.Shard()), Kind: kind, To: to, Procedure: p.ID, Generation: p.Generation,
		Facts: facts, QueuedAt: now, Due: due,
	})
}

// errOtherChange refuses a form about a change of address that is not the one
// which waits: another person's, or one that is over.
var errOtherChange = &Error{Kind: Conflict, Rule: "other_change"}

// heldChange finds the change of address with an id that waits for the person who
// is logged in, at one of the given steps.
func (s *Service) heldChange(tx Tx, t SessionToken, least Level, id ID, now time.Time, at ...Step) (Procedure, error) {
	x, _, err := s.insider(tx, t, least, now)
	if err != nil {
		return Procedure{}, err
	}
	p, err := s.pendingChange(tx, x.Subject, now)
	if err != nil {
		return Procedure{}, err
	}
	if p.ID.IsZero() || p.ID != id || !slices.Contains(at, p.Step) {
		return Procedure{}, errOtherChange
	}
	return p, nil
}

// asOldCode says a refusal of a mailed code in the words of this page, on which
// there is no link to use instead.
func asOldCode(err error) error {
	if refusal, ok := err.(*Error); ok && refusal.Field == "code" {
		own := *refusal
		own.Field = "old_code"
		return &own
	}
	return err
}

// EnterOldCode is the code of the mail to the old address: it lets the link to the
// new one leave, after the hold. Refusals: Expired "session", Denied "level",
// Conflict "other_change"; of the code, with field "old_code", those of [Service.EnterCode].
func (s *Service) EnterOldCode(ctx context.Context, by Actor, t SessionToken, id ID, typed string) (err error) {
	kind := ChangeAddress
	defer s.observed(PressCode, &kind, &err)
	now := s.now()
	digits := onlyTheDigits(typed)
	if len(digits) != codeDigits {
		return invalid("old_code", "shape")
	}
	var charged Procedure
	err = s.store.Update(ctx, t.ID.Shard(), func(tx Tx) (err error) {
		charged, err = s.heldChange(tx, t, InPerson, id, now, StepOldCode)
		if err == nil {
			err = s.mailAlive(charged, now)
		}
		if err == nil {
			err = s.chargeCode(tx, &charged, now)
		}
		return err
	})
	if err != nil {
		return asOldCode(err)
	}
	holds := s.keys.codeHolds(digits, id, charged.Generation)
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	person, _, err := s.person(ctx, charged.Subject)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, t.ID.Shard(), func(tx Tx) error {
		p, err := s.heldChange(tx, t, InPerson, id, now, StepOldCode)
		if err != nil {
			return err
		}
		if !holds {
			return audited(tx, p, by, ActCodeFailed, now, nil)
		}
		if p.Generation != charged.Generation {
			return errOtherChange
		}
		err = giveCodeBack(tx, p.Subject, now)
		if err != nil {
			return err
		}
		to, err := ParseEmail(p.Typed.Email)
		if err != nil {
			return err
		}
		p.Step, p.Typed.Again = StepSent, 0
		p.ExpiresAt = now.Add(mailUnsentLife)
		if p.HoldUntil.After(now) {
			p.ExpiresAt = p.HoldUntil.Add(mailUnsentLife)
		}
		err = s.queueChange(tx, &p, MailAddressLink, to, person, now)
		if err != nil {
			return err
		}
		return saved(tx, p, by, ActCodeHeld, now, nil)
	})
	if err == nil && !holds {
		err = &Error{Kind: Denied, Field: "old_code", Rule: "code"}
	}
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// ResendChange is «Enviar de nuevo» of a change of address: the code, or the link
// once it has left. While a mail is still to be tried it is that one which will
// arrive, and nothing changes. TooMany "resends"; else as [Service.EnterOldCode].
func (s *Service) ResendChange(ctx context.Context, by Actor, t SessionToken, id ID) (err error) {
	kind := ChangeAddress
	defer s.observed(PressResend, &kind, &err)
	now := s.now()
	x, err := s.sessionNow(ctx, t, now)
	if err != nil {
		return err
	}
	person, _, err := s.person(ctx, x.Subject)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, x.Subject.Shard(), func(tx Tx) error {
		p, err := s.heldChange(tx, t, InPerson, id, now, StepOldCode, StepSent)
		if err != nil || p.Attempted.IsZero() {
			return err
		}
		if p.Typed.Again >= s.policy.Resends {
			return &Error{Kind: TooMany, Rule: "resends", RetryAfter: p.ExpiresAt.Sub(now)}
		}
		p.Typed.Again++
		mail, address := MailAddressCode, p.Typed.Old
		if p.Step == StepSent {
			mail, address = MailAddressLink, p.Typed.Email
		}
		to, err := ParseEmail(address)
		if err == nil {
			err = s.queueChange(tx, &p, mail, to, person, now)
		}
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

// CancelAddress is «Cancelar»: the change that waits ends, and nothing else
// changes. Refusals: Expired "session", Conflict "other_change".
func (s *Service) CancelAddress(ctx context.Context, by Actor, t SessionToken, id ID) (err error) {
	kind := ChangeAddress
	defer s.observed(PressAbandon, &kind, &err)
	now := s.now()
	return s.store.Update(ctx, t.ID.Shard(), func(tx Tx) error {
		p, err := s.heldChange(tx, t, NoLevel, id, now, StepOldCode, StepSent)
		if err != nil {
			return err
		}
		p.End, p.EndedAt = Abandoned, now
		return saved(tx, p, by, ActAddressCancelled, now, nil)
	})
}

// ConfirmAddress is «Confirmar mi correo» behind the link to the new address, in
// any browser: it counts once. The new address takes the place of every other,
// fixed like the old one where that was; the old and the new ones are told.
// Refusals: those of [Service.LookLink] for a change of address.
func (s *Service) ConfirmAddress(ctx context.Context, by Actor, l Link) (err error) {
	kind := ChangeAddress
	defer s.observed(PressLink, &kind, &err)
	now := s.now()
	first, err := s.linkOf(ctx, l, kind, now)
	if err != nil {
		return err
	}
	person, found, err := s.person(ctx, first.Subject)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		p, err := s.behindOf(tx, l, kind, now)
		if err != nil {
			return err
		}
		account, err := tx.Account(p.Subject)
		if err != nil {
			return err
		}
		on, err := addressesOf(tx, p.Subject, person)
		if err != nil {
			return err
		}
		old, err := ParseEmail(p.Typed.Old)
		if err != nil {
			return err
		}
		// What was proven by the old address is worth nothing once another is the
		// one that proves.
		proven, ok := provenAddress(on)
		if !ok || proven.Email.Key() != old.Key() || account.Level < InPerson || !found || !person.Death.IsZero() {
			return &Error{Kind: Expired, Rule: "address_replaced"}
		}
		fresh, err := succeed(tx, p, on, proven, now)
		if err != nil {
			return err
		}
		p.Step, p.End, p.EndedAt = StepDone, Finished, now
		err = saved(tx, p, by, ActAddressChanged, now, map[string]string{"to": fresh.Email.Mask(), "reference": p.Reference})
		if err == nil {
			err = tx.EndProven(p.Subject, p.ID, Replaced, now)
		}
		if err != nil {
			return err
		}
		facts, err := s.facts(tx, by, p.Subject, person, p.Reference, now)
		if err != nil {
			return err
		}
		facts.NewMask = fresh.Email.Mask()
		return s.notify(tx, news{Subject: p.Subject, Kind: MailAddressChanged, Procedure: p.ID}, onRecordOnce(on, []Address{fresh}), facts, now)
	})
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// succeed puts the new address in the place of all others.
func succeed(tx Tx, p Procedure, on []Address, proven Address, now time.Time) (Address, error) {
	email, err := ParseEmail(p.Typed.Email)
	if err != nil {
		return Address{}, err
	}
	fresh := Address{
		Subject: p.Subject, ID: newID(p.ID.Shard()), Email: email, Provenance: Provenance{Origin: OriginConfirmed, At: now},
	}
	if proven.Provenance.Origin.fixed() {
		fresh.Provenance.Origin = OriginSucceeds
	}
	return fresh, replaceAddresses(tx, on, &fresh, now)
}
