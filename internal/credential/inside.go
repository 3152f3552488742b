package credential

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// errLevel refuses somebody who is logged in, but whose account is not proven well
// enough for what was asked.
var errLevel = &Error{Kind: Denied, Rule: "level"}

// insider finds the live session of a token, of an account that is proven at
// least as well as what is asked needs. Expired "session", or Denied "level".
func (s *Service) insider(tx Tx, t SessionToken, least Level, now time.Time) (Session, Account, error) {
	x, err := s.session(tx, t, now)
	if err != nil {
		return Session{}, Account{}, err
	}
	account, err := tx.Account(x.Subject)
	if err == nil && account.Level < least {
		err = errLevel
	}
	return x, account, err
}

// LookInside refuses whoever is not logged in, and notes the use of a session.
// Expired "session".
func (s *Service) LookInside(ctx context.Context, t SessionToken) error {
	now := s.now()
	x, err := s.sessionNow(ctx, t, now)
	if err != nil {
		return err
	}
	return s.used(ctx, x, now)
}

// provenAgain is who gave the current clave once more inside a session: what can
// take an account away is not done with a session alone, which may be a forgotten
// computer's. The caller holds a place in the gate until leave.
type provenAgain struct {
	triedClave
	session Session
	token   SessionToken // takes the place of the session's; zero for none
	least   Level        // that the account must still have
}

// proveAgain finds the session, lets checked refuse what anybody's form may be
// refused for, and charges and compares the clave like [Service.ChangeClave].
// Refusals besides checked's: Expired "session", Denied "level", Denied
// "current", TooMany.
func (s *Service) proveAgain(ctx context.Context, by Actor, t SessionToken, least Level, clave string, checked Errors, now time.Time) (provenAgain, error) {
	var x Session
	err := s.store.View(ctx, func(tx Tx) (err error) {
		x, _, err = s.insider(tx, t, least, now)
		return err
	})
	if err != nil {
		return provenAgain{}, err
	}
	typed, fault := ParsePassword(clave, 1, s.policy.PasswordMax)
	if fault != nil {
		checked.add(invalid("current", "empty"))
	}
	if len(checked) > 0 {
		return provenAgain{}, checked
	}
	by.inside = true
	tried, err := s.tryClave(ctx, by, x.Subject, typed, now)
	if err != nil {
		return provenAgain{}, err
	}
	a := provenAgain{triedClave: tried, session: x, token: newSessionToken(x.Subject.Shard()), least: least}
	if !tried.right {
		tried.leave()
		return provenAgain{}, s.wrongAgain(ctx, by, x.Subject, tried, now)
	}
	return a, nil
}

// wrongAgain notes a wrong clave, as the log-in does, and says so beside its field.
func (s *Service) wrongAgain(ctx context.Context, by Actor, subject Subject, tried triedClave, now time.Time) error {
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	err := s.wrongClave(ctx, by, subject, tried, now)
	if IsKind(err, Denied) {
		err = &Error{Kind: Denied, Field: "current", Rule: "wrong"}
	}
	return err
}

// doAgain writes what a clave given again allows: f gets the account as it is now,
// and the charge and the session's token are settled with it. A refusal of f gives
// the charge back and leaves the session as it was. Whoever changed the clave or
// ended the session meanwhile wins.
func (s *Service) doAgain(ctx context.Context, by Actor, a provenAgain, now time.Time, f func(tx Tx, account Account) error) error {
	a.leave() // the next one hashes while this one writes
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	subject := a.session.Subject
	replaced := false
	err := s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		account, err := tx.Account(subject)
		if err != nil {
			return err
		}
		replaced = account.changedSince(a.account)
		if replaced {
			return nil
		}
		x, err := tx.Session(a.session.ID)
		if isNoRow(err) {
			err = errNoSession
		}
		if err == nil && account.Level < a.least {
			err = errLevel
		}
		if err == nil {
			err = f(tx, account)
		}
		if err == nil {
			err = settleClave(tx, subject, a.budget, now)
		}
		if err != nil || a.token.ID.IsZero() {
			return err
		}
		return s.renewSession(tx, subject, x, a.token, true, now)
	})
	switch {
	case err != nil:
		return s.undoAgain(ctx, a, now, err)
	case replaced:
		return s.wrongAgain(ctx, by, subject, a.triedClave, now)
	}
	return nil
}

// undoAgain gives back the charge of a right clave whose form was refused.
func (s *Service) undoAgain(ctx context.Context, a provenAgain, now time.Time, refusal error) error {
	a.leave()
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	return errors.Join(s.giveClaveBack(ctx, a.session.Subject, a.budget, now), refusal)
}

// tellInside tells every address on record of an act inside a session, and notes
// it. Of facts, the reference (one is made where there is none) and the last day
// are taken.
func (s *Service) tellInside(tx Tx, by Actor, subject Subject, person Person, kind MailKind, act Act, facts MailFacts, now time.Time) error {
	on, err := addressesOf(tx, subject, person)
	if err != nil {
		return err
	}
	told, err := s.facts(tx, by, subject, person, cmp.Or(facts.Reference, newReference()), now)
	if err != nil {
		return err
	}
	told.LastDay = facts.LastDay
	err = s.notify(tx, news{Subject: subject, Kind: kind}, on, told, now)
	if err != nil {
		return err
	}
	return noted(tx, by, subject, act, now, map[string]string{"reference": told.Reference})
}
