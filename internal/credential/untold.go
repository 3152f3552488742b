package credential

import (
	"context"
	"time"
)

// A policy that asks no secret questions leaves a birth date alone to tell
// somebody by, which is no proof and must not be one: were the verdict told, it
// would say who has an account and when they were born. So nobody is told.
// Everyone comes to the same page that waits for a mail, and the mail goes only
// to an address that was proven before. What its owner then does elsewhere shows
// on that page neither.

// untold reports whether the procedure waits for a mail that may never have been
// sent, and whose page must not tell.
func (p Procedure) untold() bool { return p.Typed.Untold && p.Step == StepSent }

// mailed reports whether there is anybody behind an untold procedure.
func (p Procedure) mailed() bool { return p.Typed.Email != "" && p.End == NotEnded }

// askUntold is «Aceptar» where the verdict is not told: the same rows are read
// and written whoever the number is of, down to a mail that is dropped before
// it leaves. What is spent is a place among the mails asked without proof.
func (s *Service) askUntold(ctx context.Context, by Actor, c Claim, person Person, found bool, now time.Time) error {
	err := s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepProveReview)
		if err == nil {
			err = s.askerHasRoom(tx, by, p.Subject, now)
		}
		if err != nil {
			return err
		}
		account, err := accountOf(tx, p.Subject)
		if err != nil {
			return err
		}
		on, err := addressesOf(tx, p.Subject, person)
		if err != nil {
			return err
		}
		to, fixed := untoldTo(p.Kind, account, account.usable(on))
		if !found || !person.Death.IsZero() || !s.birthHolds(p.Typed, person) {
			to = Email{}
		}
		p.Typed.Untold, p.Typed.AskedAt, p.Typed.Fixed = true, now, fixed && !to.IsZero()
		p.Step = StepSent
		p.ExpiresAt = now.Add(s.policy.LinkCap)
		to, err = s.queueUntold(tx, &p, MailActivation, BudgetUnproven, to, person, now)
		if err != nil {
			return err
		}
		p.Typed.Email = to.Reveal()
		err = s.markAsker(tx, by, p.Subject, now)
		if err != nil {
			return err
		}
		return saved(tx, p, by, ActMailAsked, now, nil)
	})
	// The dispatcher is not woken: what it does at once for a mail, and not for
	// none, would show in the time of the next request.
	return err
}

// untoldTo is where a mail goes that was asked for with a birth date alone: for a
// recover to the proven address, for a first clave to one verified in person. The
// zero Email where there is none.
func untoldTo(kind ProcedureKind, account Account, on []Address) (to Email, fixed bool) {
	if (kind == Recover) != (account.Clave != "") || account.closed() && !account.closingDisputed() {
		return Email{}, false // the other case is theirs, or the owner closed the web way
	}
	a, _ := provenAddress(on)
	fixed = a.Provenance.Origin.fixed()
	if kind != Recover && !fixed {
		return Email{}, false
	}
	return a.Email, fixed
}

// queueUntold queues the mail of an untold procedure, or one to nobody that the
// dispatcher drops, and gives whom it goes to. Beyond the cap of its number it
// goes to nobody, and a link that lives goes on living.
func (s *Service) queueUntold(tx Tx, p *Procedure, kind MailKind, budget Budget, to Email, person Person, now time.Time) (Email, error) {
	mails, err := tx.Attempts(p.Subject, budget)
	if err != nil {
		return Email{}, err
	}
	room, _ := mails.room(now, limit{Count: s.policy.UnprovenMails, Window: s.policy.MailWindow})
	switch {
	case !room:
		to = Email{}
	case !to.IsZero(): // a stranger's wrong dates leave the owner's mails alone
		mails.take(now, s.policy.MailWindow)
	}
	err = tx.SaveAttempts(mails)
	if err != nil {
		return Email{}, err
	}
	if !to.IsZero() {
		p.Generation++
		p.Attempted, p.Accepted = time.Time{}, time.Time{}
	}
	err = tx.DropMails(p.ID, p.Generation)
	if err != nil {
		return Email{}, err
	}
	return to, tx.QueueMail(Mail{
		ID: newID(p.ID.Shard()), Kind: kind, To: to,
		Procedure: p.ID, Generation: p.Generation,
		Facts:    p.mailFacts(person, now),
		QueuedAt: now, Due: now,
	})
}

// sendUntoldAgain is «Enviar de nuevo» of an untold procedure, on its page or
// behind its link. What is pressed behind the link does not show on the page: the
// tries at the birthday bound it.
func (s *Service) sendUntoldAgain(tx Tx, p Procedure, by Actor, person Person, here bool, now time.Time) error {
	if here {
		if p.Typed.Again >= s.policy.Resends {
			return &Error{Kind: TooMany, Rule: "resends", RetryAfter: p.ExpiresAt.Sub(now)}
		}
		p.Typed.Again++
		p.Typed.AskedAt = now
	}
	var to Email
	if p.mailed() {
		var err error
		to, err = ParseEmail(p.Typed.Email)
		if err != nil {
			return err
		}
	}
	_, err := s.queueUntold(tx, &p, MailActivation, BudgetUnproven, to, person, now)
	if err != nil {
		return err
	}
	return saved(tx, p, by, ActMailAsked, now, map[string]string{"again": "yes"})
}

// chargeUntoldCode takes one try at the code of an untold procedure, and reports
// whether the right one would count: there is a mail, and it is alive. Tries of
// a procedure are told; those of the number in all are not, and only a mail that
// was sent takes one. None is of the number's day: a day spent by somebody with
// a number alone would be the owner's.
func (s *Service) chargeUntoldCode(tx Tx, p *Procedure, now time.Time) (alive bool, err error) {
	err = s.takeTry(&p.CodeTries, *p, now)
	if err != nil {
		return false, err
	}
	codes, err := tx.Attempts(p.Subject, BudgetCode)
	if err != nil {
		return false, err
	}
	alive = p.mailed() && codes.Total < codesInAll && s.mailAlive(*p, now) == nil
	if alive {
		codes.take(now, day)
	}
	err = tx.SaveAttempts(codes)
	if err != nil {
		return false, err
	}
	return alive, tx.SaveProcedure(*p)
}

// begunElsewhere is the procedure that the link of an untold one begins in
// another browser: the untold one stays as it is where it waits, and tells
// nothing there.
func begunElsewhere(p Procedure, id ID, now time.Time) Procedure {
	begun := p
	begun.ID, begun.Version, begun.CreatedAt = id, 0, now
	begun.Typed.Untold, begun.Typed.Begun = false, p.ID
	begun.CodeTries = 0
	return begun
}

// finishBegun ends the procedure whose mail a finished one came from: its link was
// used. That of an unlock counts once, for the lock or for a clave.
func finishBegun(tx Tx, p Procedure, now time.Time) error {
	if p.Typed.Begun.IsZero() {
		return nil
	}
	first, err := tx.Procedure(p.Typed.Begun)
	if err != nil {
		return ignoreNoRow(err)
	}
	if first.End != NotEnded {
		if first.Kind == Unlock {
			return &Error{Kind: Expired, Rule: string(first.End)}
		}
		return nil
	}
	first.End, first.EndedAt = Finished, now
	return tx.SaveProcedure(first)
}

// untoldProgress is what the page of an untold procedure tells: nothing but what
// was typed and pressed on it.
func (s *Service) untoldProgress(p Procedure, v Progress) Progress {
	v.Untold = true
	v.Fixed, v.Mask, v.Typed, v.Suggestion = false, "", "", ""
	until := p.Typed.AskedAt.Add(s.policy.LinkLife)
	v.Mail = MailProgress{
		State: MailUntold, ValidUntil: until,
		ResendsLeft: max(0, s.policy.Resends-p.Typed.Again),
		TriesLeft:   max(0, s.policy.CodeTries-p.CodeTries),
	}
	if !v.Now.Before(until) {
		v.Mail.State = MailExpired
	}
	return v
}
