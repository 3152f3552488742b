package credential

import (
	"context"
	"time"
)

// UnlockForm is the page of «Desbloqueo de clave» as typed.
type UnlockForm struct {
	Number  Number
	Captcha string
}

// captchaUnlock binds a captcha to that page.
const captchaUnlock = "unlock"

// AskUnlock is «Desbloquear»: a mail with a link, and no code, leaves for a locked
// account whose address was verified in person, and for nobody else. Every number
// costs the same work and gets the same answer; what is spent is one of the
// number's mails asked without proof. Refusals: those of [Service.Start].
func (s *Service) AskUnlock(ctx context.Context, by Actor, form UnlockForm) (err error) {
	kind := Unlock
	defer s.observed(PressUnlock, &kind, &err)
	now := s.now()
	captchaID, captchaExpires, err := s.checkCaptcha(ctx, by, captchaUnlock, form.Captcha, now)
	if err != nil {
		return err
	}
	subject := s.keys.Subject(form.Number)
	person, found, err := s.person(ctx, subject)
	if err != nil {
		return err
	}
	p := Procedure{
		ID: newID(subject.Shard()), Subject: subject, Kind: Unlock, Step: StepSent, Policy: s.policy.Name,
		Reference: newReference(), CreatedAt: now, ExpiresAt: now.Add(s.policy.LinkCap),
		Typed: Typed{Document: form.Number.Document(), Number: form.Number, Language: by.Language, Untold: true, AskedAt: now},
	}
	err = s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		err := s.askerHasRoom(tx, by, subject, now)
		if err == nil {
			err = s.useCaptcha(tx, captchaID, captchaExpires)
		}
		if err != nil {
			return err
		}
		to, err := s.unlockAddress(tx, subject, person, now)
		if err != nil {
			return err
		}
		if !found || !person.Death.IsZero() {
			to = Email{}
		}
		fresh := p // an update may run more than once
		to, err = s.queueUntold(tx, &fresh, MailUnlock, BudgetUnlock, to, person, now)
		if err != nil {
			return err
		}
		fresh.Typed.Email = to.Reveal()
		err = tx.CreateProcedure(fresh)
		if err != nil {
			return err
		}
		err = s.markAsker(tx, by, subject, now)
		if err != nil {
			return err
		}
		return audited(tx, fresh, by, ActUnlockAsked, now, nil)
	})
	return err // the mail leaves at the next look at the outbox: see untold.go
}

// unlockAddress is where the mail of an unlock goes; the zero Email where the
// number is not locked, has no clave, or has no address verified in person.
func (s *Service) unlockAddress(tx Tx, subject Subject, person Person, now time.Time) (Email, error) {
	account, err := accountOf(tx, subject)
	if err != nil {
		return Email{}, err
	}
	locked := false
	for _, budget := range []Budget{BudgetClave, BudgetClaveKnown} {
		wrong, err := tx.Attempts(subject, budget)
		if err != nil {
			return Email{}, err
		}
		room, _ := wrong.room(now, s.lockLimit())
		locked = locked || !room
	}
	on, err := addressesOf(tx, subject, person)
	if err != nil {
		return Email{}, err
	}
	fixed, ok := fixedAddress(on)
	if !locked || !ok || !fixed.Provenance.Origin.seen() || account.Clave == "" || account.shut() {
		return Email{}, nil
	}
	return fixed.Email, nil
}

// OpenLock is «Desbloquear mi clave» behind the mailed link: the lock ends, and the
// clave works again. It counts once. It returns the device id to remember this
// browser by. Expired "unlock_over" says that the link is over, whatever ended it.
func (s *Service) OpenLock(ctx context.Context, by Actor, l Link) (_ DeviceID, err error) {
	kind := Unlock
	defer s.observed(PressUnlock, &kind, &err)
	now := s.now()
	first, err := s.linkOf(ctx, l, kind, now)
	if err != nil {
		return DeviceID{}, err
	}
	person, _, err := s.person(ctx, first.Subject)
	if err != nil {
		return DeviceID{}, err
	}
	var device DeviceID
	err = s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		p, err := s.behindOf(tx, l, kind, now)
		if err != nil {
			return err
		}
		p.Step, p.End, p.EndedAt = StepDone, Finished, now
		err = saved(tx, p, by, ActUnlocked, now, nil)
		if err != nil {
			return err
		}
		err = tx.EndProven(p.Subject, p.ID, Replaced, now)
		if err != nil {
			return err
		}
		err = newClaveCount(tx, p.Subject, true)
		if err != nil {
			return err
		}
		err = attended(tx, p.Kind, p.CreatedAt, now)
		if err != nil {
			return err
		}
		facts, err := s.facts(tx, by, p.Subject, person, p.Reference, now)
		if err != nil {
			return err
		}
		device, err = s.rememberDevice(tx, by, p.Subject, now)
		if err != nil {
			return err
		}
		on, err := addressesOf(tx, p.Subject, person)
		if err != nil {
			return err
		}
		return s.notify(tx, news{Subject: p.Subject, Kind: MailUnlocked, Procedure: p.ID}, on, facts, now)
	})
	if err != nil {
		return DeviceID{}, err
	}
	s.mailQueued()
	return device, nil
}

// NewClaveBehindUnlock is «Poner una clave nueva» behind the link of an unlock: a
// recover begins whose mail is proven by that link, so that what it asks is the
// proof of a recover, and no other mail. The link goes on living its time, and
// counts once, for what is finished first. Refusals: those of [Service.OpenLock].
func (s *Service) NewClaveBehindUnlock(ctx context.Context, by Actor, l Link) (_ Claim, err error) {
	kind := Recover
	defer s.observed(PressStart, &kind, &err)
	now := s.now()
	if !s.policy.newClaveBehindUnlock() {
		return Claim{}, errStep
	}
	claim := newClaim(newID(l.ID.Shard()))
	err = s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		first, err := s.behindOf(tx, l, Unlock, now)
		switch {
		case err != nil:
			return err
		case first.Typed.Again >= s.policy.Resends: // a press is a row
			return &Error{Kind: TooMany, Rule: "resends", RetryAfter: first.ExpiresAt.Sub(now)}
		}
		first.Typed.Again++
		err = tx.SaveProcedure(first)
		if err != nil {
			return err
		}
		return s.begin(tx, by, Procedure{
			ID: claim.ID, Subject: first.Subject, Kind: Recover, Step: StepProve, Policy: s.policy.Name, Browser: s.claimHash(claim),
			Reference: first.Reference, CreatedAt: now, ExpiresAt: now.Add(s.policy.ProcedureLife),
			Typed: Typed{
				Document: first.Typed.Document, Number: first.Typed.Number, Language: by.Language, Email: first.Typed.Email, Fixed: true, MailProven: true, Begun: first.ID,
			},
		}, now)
	})
	if err != nil {
		return Claim{}, err
	}
	return claim, nil
}
