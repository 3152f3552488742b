package credential

import (
	"context"
	"errors"
	"time"
)

// ChangeForm is «Cambio de clave» as typed. Who is logged in types no number.
type ChangeForm struct {
	Number               Number
	Current, New, Repeat string
	Agreed               bool // «He leído y acepto el acuerdo de uso de clave»
	Agreement            Agreement
	Read                 string // the digest of the agreement that the page showed
	KeepOthers           bool   // inside a session: leave the others open
}

// Agreement is the institution's text that [ChangeForm.Agreed] accepts, as the audit
// keeps it: enough to prove later which text it was.
type Agreement struct {
	Version  string
	Language string // in which it was shown
	Digest   string // of the text in that language
}

// Changed is what a browser gets for a change of clave.
type Changed struct {
	Device  DeviceID     // to remember it by
	Session SessionToken // inside a session, in place of the one that asked; else zero
}

// ChangeClave sets a new clave for who knows the current one, without a session
// or in one (token; nil for none). The current one is charged and compared like
// a log-in's, under the same limits, and what could be said of a real person
// alone (that the new one is built of their data) is said only after it held. All
// sessions end, unless the form says to keep the others, and so do all links and
// devices; the one that asks goes on under another token. Every address on record
// is told.
//
// Refusals: [Errors] of "agreed" (also where another text holds by now than the page
// showed), "current", "password", "repeat"; those of [Service.LogIn].
func (s *Service) ChangeClave(ctx context.Context, by Actor, t *SessionToken, form ChangeForm) (_ Changed, err error) {
	defer s.pressed(PressChange, &err)
	now := s.now()
	subject := s.keys.Subject(form.Number)
	var session Session // zero without one
	if t != nil {
		session, err = s.sessionNow(ctx, *t, now)
		if err != nil {
			return Changed{}, err
		}
		subject, by.inside = session.Subject, true
	}
	current, clave, err := s.checkChange(form)
	if err != nil {
		return Changed{}, err
	}
	tried, err := s.tryClave(ctx, by, subject, current, now)
	if err != nil {
		return Changed{}, err
	}
	defer tried.leave()
	person := tried.person
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	if !tried.right {
		tried.leave()
		return Changed{}, s.wrongClave(ctx, by, subject, tried, now)
	}
	set, err := s.addressesNow(ctx, subject, person)
	if err == nil {
		err = CheckPassword(clave, ownData(person.Number, person, firstEmail(set)), s.common)
	}
	if err == nil && constantTimeEqual(clave.Reveal(), current.Reveal()) {
		err = invalid("password", "same")
	}
	if err != nil {
		return Changed{}, errors.Join(s.giveClaveBack(ctx, subject, tried.budget, now), err)
	}
	hash := s.policy.HashParams().Hash([]byte(clave.Reveal()))
	tried.leave() // the next one hashes while this one writes
	var done Changed
	if t != nil {
		done.Session = newSessionToken(subject.Shard())
	}
	replaced := false // or the account was frozen meanwhile
	err = s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		account, err := tx.Account(subject)
		if err != nil {
			return err
		}
		// Another one was set meanwhile, or a first one is too old: as if it were wrong.
		replaced = account.changedSince(tried.account) || account.MustChange && now.After(account.ProvenAt.Add(firstClaveLife))
		if replaced {
			return nil
		}
		facts, err := s.facts(tx, by, subject, person, newReference(), now)
		if err != nil {
			return err
		}
		kind := changeKind(account.MustChange)
		account.Clave, account.MustChange, account.Language = hash, false, by.Language
		err = tx.SaveAccount(account)
		if err == nil {
			err = attended(tx, kind, time.Time{}, now)
		}
		if err == nil {
			err = settleClave(tx, subject, tried.budget, now)
		}
		if err == nil {
			err = tx.EndProven(subject, ID{}, Replaced, now)
		}
		if err == nil {
			err = s.renewSession(tx, subject, session, done.Session, form.KeepOthers, now)
		}
		if err != nil {
			return err
		}
		done.Device, err = s.rememberDevice(tx, by, subject, now)
		if err != nil {
			return err
		}
		err = s.notify(tx, news{Subject: subject, Kind: MailClaveChanged}, set, facts, now)
		if err != nil {
			return err
		}
		return noted(tx, by, subject, ActClaveChanged, now, map[string]string{
			"agreement": form.Agreement.Version, "agreement_language": form.Agreement.Language, "agreement_digest": form.Agreement.Digest,
			"reference": facts.Reference,
		})
	})
	if err == nil && replaced {
		err = s.wrongClave(ctx, by, subject, tried, now)
	}
	if err != nil {
		return Changed{}, err
	}
	s.mailQueued()
	return done, nil
}

// renewSession ends the session that asked, and the others unless they are to be
// kept, and opens one in its place, with the same end: a token that somebody
// copied before is worth nothing after.
func (s *Service) renewSession(tx Tx, subject Subject, was Session, token SessionToken, keepOthers bool, now time.Time) error {
	if was.ID.IsZero() {
		return tx.EndSessions(subject, ID{})
	}
	_, err := tx.EndSession(subject, was.ID)
	if err == nil && !keepOthers {
		err = tx.EndSessions(subject, ID{})
	}
	if err != nil {
		return err
	}
	was.ID, was.Token, was.SeenAt = token.ID, s.sessionHash(token), now
	return tx.OpenSession(was)
}

// firstClaveLife is how long a clave that the institution handed over can be
// changed.
const firstClaveLife = day

// checkChange checks what can be said of anybody's form.
func (s *Service) checkChange(form ChangeForm) (current, clave Password, err error) {
	var faults Errors
	switch {
	case !form.Agreed:
		faults.add(invalid("agreed", "needed"))
	case form.Read != form.Agreement.Digest:
		faults.add(invalid("agreed", "changed"))
	}
	current, fault := ParsePassword(form.Current, 1, s.policy.PasswordMax)
	if fault != nil {
		faults.add(invalid("current", "empty"))
	}
	clave, fault = ParsePassword(form.New, s.policy.PasswordMin, s.policy.PasswordMax)
	if fault == nil {
		fault = CheckPassword(clave, OwnData{}, s.common)
	}
	err = faults.take(fault)
	if err != nil {
		return current, clave, err
	}
	repeat, fault := ParsePassword(form.Repeat, 1, s.policy.PasswordMax)
	if !clave.IsZero() && (fault != nil || !constantTimeEqual(repeat.Reveal(), clave.Reveal())) {
		faults.add(invalid("repeat", "differs"))
	}
	if len(faults) > 0 {
		return current, clave, faults
	}
	return current, clave, nil
}

// giveClaveBack returns the charge of a right clave whose change was refused.
func (s *Service) giveClaveBack(ctx context.Context, subject Subject, budget Budget, now time.Time) error {
	return s.store.Update(ctx, subject.Shard(), func(tx Tx) error { return settleClave(tx, subject, budget, now) })
}

func (s *Service) addressesNow(ctx context.Context, subject Subject, person Person) (on []Address, err error) {
	err = s.store.View(ctx, func(tx Tx) (err error) {
		on, err = addressesOf(tx, subject, person)
		return err
	})
	return on, err
}

func firstEmail(on []Address) Email {
	if len(on) == 0 {
		return Email{}
	}
	return on[0].Email
}
