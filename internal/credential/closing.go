package credential

import (
	"context"
	"time"
)

// CloseForm is the closing of the web way as typed.
type CloseForm struct {
	Current    string // the clave
	Understood bool   // that a counter alone opens it again
}

// errClosed refuses to finish what was proven while the owner closed the web way.
var errClosed = &Error{Kind: Denied, Rule: "proof"}

// closed reports whether the owner closed the web way.
func (a Account) closed() bool { return !a.ClosedAt.IsZero() }

// closingDisputed reports whether the web way was closed by an act that «No fui yo»
// disputed, or after it: then it is not known to be the owner's will.
func (a Account) closingDisputed() bool {
	return a.closed() && a.frozen() && !a.ClosedAt.Before(a.FrozenFrom)
}

// shut reports whether no clave opens the account now: it is frozen, or closed.
func (a Account) shut() bool { return a.frozen() || a.closed() }

// changedSince reports whether an account is no longer the one that a right clave
// was compared with: another one was set, or none opens it any more.
func (a Account) changedSince(compared Account) bool { return a.Clave != compared.Clave || a.shut() }

// CloseWeb closes the web way for the number of who is logged in, at any level, and
// gives the current clave once more. Sessions, devices, links, activation codes
// and pending changes end; from then on to log in, change, unlock, generate and
// recover fail as for anybody whose proof did not hold, until a clave is set with a
// code that staff hand over. Every address on record is told.
//
// Refusals: Expired "session"; [Errors] of "understood", "current"; those of
// [Service.LogIn].
func (s *Service) CloseWeb(ctx context.Context, by Actor, t SessionToken, form CloseForm) (err error) {
	defer s.pressed(PressClose, &err)
	now := s.now()
	var faults Errors
	if !form.Understood {
		faults.add(invalid("understood", "needed"))
	}
	again, err := s.proveAgain(ctx, by, t, NoLevel, form.Current, faults, now)
	if err != nil {
		return err
	}
	defer again.leave()
	subject, person := again.session.Subject, again.person
	again.token = SessionToken{} // there is no session afterwards
	err = s.doAgain(ctx, by, again, now, func(tx Tx, account Account) error {
		account.ClosedAt = now
		err := shutOut(tx, account, now)
		if err == nil {
			err = tx.EndProven(subject, ID{}, TimedOut, now)
		}
		if err != nil {
			return err
		}
		return s.tellInside(tx, by, subject, person, MailWebClosed, ActWebClosed, MailFacts{}, now)
	})
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// reopen decides whether a finished procedure may set a clave for a number whose
// web way is closed: by a code that staff handed over, which opens it again.
func reopen(tx Tx, by Actor, p Procedure, account *Account, now time.Time) error {
	if !account.closed() {
		return nil
	}
	if p.Typed.Proof.IsZero() && !account.closingDisputed() {
		return errClosed
	}
	account.ClosedAt = time.Time{}
	return audited(tx, p, by, ActWebReopened, now, nil)
}
