package credential

import (
	"context"
	"time"
)

// SetContact takes the typed address, or nothing where the address on record is
// fixed, and leads to its review. It is open again after the relay refused the
// address for good.
func (s *Service) SetContact(ctx context.Context, by Actor, c Claim, typed string) (err error) {
	var kind ProcedureKind
	defer s.observed(PressContact, &kind, &err)
	now := s.now()
	person, _, err := s.personOf(ctx, c, now)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepContact, StepContactReview, StepSent)
		if err != nil {
			return err
		}
		kind = p.Kind
		if p.Step == StepSent && !p.Typed.Refused {
			return errStep
		}
		email, fixed, err := s.contactFor(tx, p, person, typed, now)
		if err != nil {
			return err
		}
		p.Typed.Email, p.Typed.Fixed = email.Reveal(), fixed
		if p.Step == StepContactReview {
			return tx.SaveProcedure(p) // typed again: no second row in the audit
		}
		p.Step = StepContactReview
		return saved(tx, p, by, ActContactTyped, now, nil)
	})
}

// provable narrows the addresses on record to those that may prove the owner to a
// procedure. frozen reports whether no other may: a code from staff opens a frozen
// account by any.
func provable(tx Tx, p Procedure, on []Address) (account Account, able []Address, frozen bool, err error) {
	account, err = accountOf(tx, p.Subject)
	frozen = account.frozen() && p.Typed.Proof.IsZero()
	if frozen {
		on = account.usable(on)
	}
	return account, on, frozen, err
}

// contactFor gives the address of a procedure: the fixed one, or what was typed,
// if it is an address whose mailbox has room.
func (s *Service) contactFor(tx Tx, p Procedure, person Person, typed string, now time.Time) (email Email, fixed bool, err error) {
	on, err := addressesOf(tx, p.Subject, person)
	if err != nil {
		return Email{}, false, err
	}
	_, on, frozen, err := provable(tx, p, on)
	if err != nil {
		return Email{}, false, err
	}
	if a, ok := fixedAddress(on); ok {
		return a.Email, true, nil
	}
	email, err = ParseEmail(typed)
	_, known := amongThem(on, email)
	switch {
	case err != nil, known:
	case frozen:
		err = invalid("email", "frozen")
	default:
		err = s.mailboxHasRoom(tx, email, p.Subject, now)
	}
	return email, false, err
}

func (s *Service) mailboxKey(e Email) [32]byte { return s.keys.Lookup("mailbox", []byte(e.Mailbox())) }

// mailboxHasRoom refuses a mailbox that too many people used this month. It is
// said openly: whoever reads it has proven who they are.
func (s *Service) mailboxHasRoom(tx Tx, e Email, subject Subject, now time.Time) error {
	since := now.Add(-31 * day)
	n, err := tx.Marks(markMailbox, s.mailboxKey(e), since, s.policy.PeoplePerMailbox)
	if err != nil || n < s.policy.PeoplePerMailbox {
		return err
	}
	known, err := tx.Marked(markMailbox, s.mailboxKey(e), subject, since)
	if err != nil || known {
		return err
	}
	return invalid("email", "mailbox_full")
}

// AcceptContact is «Aceptar» on the address: it queues the mail. An address that
// differs from one on record is a change: every address on record is told
// first, and the link leaves after the policy's hold unless somebody objects.
func (s *Service) AcceptContact(ctx context.Context, by Actor, c Claim) (err error) {
	var kind ProcedureKind
	defer s.observed(PressSend, &kind, &err)
	now := s.now()
	shown, found, err := s.personOf(ctx, c, now)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepContactReview)
		if err != nil {
			return err
		}
		kind = p.Kind
		if !found {
			return errStep
		}
		on, err := addressesOf(tx, p.Subject, shown)
		if err != nil {
			return err
		}
		to, held, err := s.destination(tx, &p, on, now)
		if err != nil {
			return err
		}
		p.Step = StepSent
		p.ExpiresAt = now.Add(mailUnsentLife)
		p.HoldUntil = time.Time{}
		p.Typed.Refused = false
		if held {
			p.HoldUntil = now.Add(s.policy.AddressHold)
			p.ExpiresAt = p.HoldUntil.Add(mailUnsentLife)
		}
		queued, err := s.queueActivation(tx, &p, to, shown, now)
		if err != nil {
			return err
		}
		if held && queued {
			facts, err := s.facts(tx, by, p.Subject, shown, p.Reference, now)
			if err != nil {
				return err
			}
			facts.NewMask, facts.HoldUntil = to.Mask(), p.HoldUntil
			err = s.notify(tx, news{Subject: p.Subject, Kind: MailAddressChange, Procedure: p.ID}, on, facts, now)
			if err != nil {
				return err
			}
		}
		if !p.Typed.Fixed {
			err = tx.Mark(markMailbox, s.mailboxKey(to), p.Subject, now)
			if err != nil {
				return err
			}
		}
		return saved(tx, p, by, ActMailAsked, now, map[string]string{"to": to.Mask()})
	})
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// addressesOf gives the addresses on record of a person: those stored here and
// the register's own.
func addressesOf(tx Tx, s Subject, p Person) ([]Address, error) {
	set, err := tx.Addresses(s)
	return onRecord(s, set, p), err
}

// amongThem finds an address among those on record, whatever the case it was
// typed in.
func amongThem(on []Address, e Email) (Address, bool) {
	for _, a := range on {
		if a.Email.Key() == e.Key() {
			return a, true
		}
	}
	return Address{}, false
}

// personOf reads the record of the person that a claimed procedure is about.
func (s *Service) personOf(ctx context.Context, c Claim, now time.Time) (Person, bool, error) {
	var subject Subject
	err := s.store.Glance(ctx, func(tx Tx) error {
		p, err := s.held(tx, c, now)
		subject = p.Subject
		return err
	})
	if err != nil {
		return Person{}, false, err
	}
	return s.person(ctx, subject)
}

// destination decides where the activation goes, once more at «Aceptar», because
// the record may have changed since the address was typed: to the one verified
// in person where there is one; else to the typed one, in the spelling of the
// record where it stands there; else it is a change. One change waits at a time,
// and none is taken while an earlier one is disputed by «No fui yo». For a frozen
// account it goes to no address but one that stood before the disputed act. held
// reports whether the link waits for objections.
func (s *Service) destination(tx Tx, p *Procedure, on []Address, now time.Time) (to Email, held bool, err error) {
	account, on, frozen, err := provable(tx, *p, on)
	if err != nil {
		return Email{}, false, err
	}
	if fixed, ok := fixedAddress(on); ok {
		p.Typed.Email, p.Typed.Fixed = fixed.Email.Reveal(), true
		return fixed.Email, false, nil
	}
	to, err = ParseEmail(p.Typed.Email)
	if err != nil {
		return Email{}, false, err
	}
	if a, ok := amongThem(on, to); ok {
		p.Typed.Email = a.Email.Reveal()
		return a.Email, false, nil
	}
	err = s.mailboxHasRoom(tx, to, p.Subject, now)
	if err != nil {
		return Email{}, false, err
	}
	if frozen {
		return Email{}, false, invalid("email", "frozen")
	}
	if len(on) == 0 {
		return to, false, nil
	}
	if p.supersedes(account) {
		return to, false, tx.EndHeld(p.Subject, p.ID, Replaced, now)
	}
	disputed, err := tx.Disputed(p.Subject, MailAddressChange, now)
	if err != nil {
		return Email{}, false, err
	}
	if disputed {
		return Email{}, false, invalid("email", "disputed")
	}
	return to, true, tx.EndHeld(p.Subject, p.ID, Replaced, now)
}

// supersedes reports whether the procedure is proven by a code from staff, and the
// account by less, or frozen: what was set before the visit is about to end, and
// whoever set it has no say in what comes.
func (p Procedure) supersedes(a Account) bool {
	return !p.Typed.Proof.IsZero() && (a.Level < InPerson || a.frozen())
}

// queueActivation gives the procedure a new generation of its mail and queues
// it. The cap over all procedures of a number is silent: beyond it nothing is
// queued, the living link goes on living, and the page looks the same. It
// reports whether a mail was queued.
func (s *Service) queueActivation(tx Tx, p *Procedure, to Email, person Person, now time.Time) (bool, error) {
	budget := BudgetMail
	if !p.HoldUntil.IsZero() {
		budget = BudgetMailHeld
	}
	mails, err := tx.Attempts(p.Subject, budget)
	if err != nil {
		return false, err
	}
	room, _ := mails.room(now, limit{Count: s.policy.ProvenMails, Window: s.policy.MailWindow})
	if !room {
		return false, nil
	}
	p.Generation++
	p.Attempted, p.Accepted = time.Time{}, time.Time{}
	err = tx.DropMails(p.ID, p.Generation)
	if err != nil {
		return false, err
	}
	mails.take(now, s.policy.MailWindow)
	err = tx.SaveAttempts(mails)
	if err != nil {
		return false, err
	}
	due := now
	if p.HoldUntil.After(now) {
		due = p.HoldUntil
	}
	return true, tx.QueueMail(Mail{
		ID: newID(p.ID.Shard()), Kind: MailActivation, To: to,
		Procedure: p.ID, Generation: p.Generation,
		Facts:    p.mailFacts(person, now),
		QueuedAt: now, Due: due,
	})
}
