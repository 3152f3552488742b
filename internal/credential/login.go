package credential

import (
	"context"
	"time"
)

// LogInForm is the page of the log-in as typed.
type LogInForm struct {
	Number Number
	Clave  string
}

// claveInAll bounds wrong claves between two successes (SP 800-63B-4, 3.2.2): from
// browsers that the person is not known by, and from known ones, each. Beyond it
// every clave is a wrong one there, and nothing tells.
const claveInAll = 100

// claveCharge is a charge for one comparison of a clave.
type claveCharge struct {
	account Account // zero where there is none
	budget  Budget
	may     bool // the total has room
	locks   bool // a wrong one is the last before the lock
}

// triedClave is one that was charged and compared. The caller holds a place in
// the gate until leave.
type triedClave struct {
	claveCharge
	person Person // zero for nobody, and for who died
	right  bool
	leave  func()
}

// tryClave charges and compares a clave, with the same work for everyone.
func (s *Service) tryClave(ctx context.Context, by Actor, subject Subject, typed Password, now time.Time) (triedClave, error) {
	person, found, err := s.person(ctx, subject)
	if err != nil {
		return triedClave{}, err
	}
	leave, err := s.enterToTry(ctx, by, subject, now)
	if err != nil {
		return triedClave{}, err
	}
	charge, err := s.chargeClave(ctx, by, subject, now)
	if err != nil {
		leave()
		return triedClave{}, err
	}
	alive := found && person.Death.IsZero()
	right := s.claveHolds(charge, typed) && alive && !charge.account.shut()
	if !alive {
		person = Person{}
	}
	return triedClave{charge, person, right, leave}, nil
}

// enterToTry takes a place in the gate: a browser that the person is known by, or
// logged in with, does not wait behind strangers.
func (s *Service) enterToTry(ctx context.Context, by Actor, subject Subject, now time.Time) (leave func(), err error) {
	known := false
	err = s.store.Glance(ctx, func(tx Tx) (err error) {
		known, err = s.knowsBrowser(tx, by, subject, now)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case known:
		return s.gate.EnterKnown(ctx)
	}
	return s.gate.Enter(ctx)
}

// knowsBrowser reports whether the person is known by a browser, or logged in with
// it. One that brings nothing costs no read.
func (s *Service) knowsBrowser(tx Tx, by Actor, subject Subject, now time.Time) (bool, error) {
	if by.inside || by.Device.IsZero() {
		return by.inside, nil
	}
	return tx.KnowsDevice(subject, s.deviceHash(by.Device), now)
}

// LogIn opens a session for number and clave. A charge commits before the
// comparison and success gives it back. Denied "log_in" for a number that is
// nobody's, one that has no clave and a wrong clave alike; TooMany "wait" in the
// growing waits between failures and "locked" after the policy's, whoever the number is of
// and whatever the clave; Denied "must_change" for the right clave that the
// institution handed over: it opens nothing but the change of clave.
//
// The lock stops browsers that the person is not known by. A known one has a
// counter of its own, so that nobody is kept out by a stranger.
func (s *Service) LogIn(ctx context.Context, by Actor, form LogInForm) (_ SessionToken, err error) {
	defer s.pressed(PressLogIn, &err)
	now := s.now()
	subject := s.keys.Subject(form.Number)
	typed, err := ParsePassword(form.Clave, 1, s.policy.PasswordMax)
	if err != nil {
		return SessionToken{}, &Error{Kind: Denied, Rule: "log_in"}
	}
	tried, err := s.tryClave(ctx, by, subject, typed, now)
	if err != nil {
		return SessionToken{}, err
	}
	defer tried.leave()
	renewed := ""
	if tried.right && s.policy.HashParams().Outdated(tried.account.Clave) {
		renewed = s.policy.HashParams().Hash([]byte(typed.Reveal()))
	}
	tried.leave() // the next one hashes while this one writes

	ctx, cancel := afterCharge(ctx)
	defer cancel()
	token := newSessionToken(subject.Shard())
	if !tried.right {
		return SessionToken{}, s.wrongClave(ctx, by, subject, tried, now)
	}
	var refusal error
	greeted := false
	err = s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		refusal, greeted = nil, false
		account, err := tx.Account(subject)
		if err != nil {
			return err
		}
		if account.changedSince(tried.account) {
			refusal = &Error{Kind: Denied, Rule: "log_in"} // meanwhile
			return tx.Audit(entryOf(by, subject, ActLogInFailed, now))
		}
		if account.MustChange && now.After(account.ProvenAt.Add(firstClaveLife)) {
			refusal = &Error{Kind: Denied, Rule: "log_in"} // as if it were wrong
			return tx.Audit(entryOf(by, subject, ActLogInFailed, now))
		}
		err = settleClave(tx, subject, tried.budget, now)
		if err != nil {
			return err
		}
		if account.MustChange {
			refusal = &Error{Kind: Denied, Rule: "must_change"}
			return tx.Audit(entryOf(by, subject, ActLogInFailed, now))
		}
		if renewed != "" {
			account.Clave = renewed
			err = tx.SaveAccount(account)
			if err != nil {
				return err
			}
		}
		err = tx.OpenSession(Session{
			Subject: subject, ID: token.ID, Token: s.sessionHash(token), CreatedAt: now, SeenAt: now,
			ExpiresAt: now.Add(s.policy.SessionLife), Browser: by.Browser,
		})
		if err != nil {
			return err
		}
		entry := entryOf(by, subject, ActLoggedIn, now)
		if tried.budget != BudgetClaveKnown {
			entry.Details, err = s.greet(tx, by, subject, tried.person, now)
			if err != nil {
				return err
			}
			greeted = entry.Details != nil
		}
		return tx.Audit(entry)
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return SessionToken{}, err
	}
	if greeted {
		s.mailQueued()
	}
	return token, nil
}

// greet tells of a log-in with a kind of device and from a network that the
// person was not seen with these thirty days, and gives what its act says; nil
// where they are known.
func (s *Service) greet(tx Tx, by Actor, subject Subject, person Person, now time.Time) (map[string]string, error) {
	facts, err := s.facts(tx, by, subject, person, newReference(), now)
	if err != nil || facts.Network == NetworkKnown {
		return nil, err
	}
	err = tx.Mark(markHome, s.homeKey(by), subject, now)
	if err != nil {
		return nil, err
	}
	on, err := addressesOf(tx, subject, person)
	if err == nil {
		err = s.notify(tx, news{Subject: subject, Kind: MailNewDevice}, on, facts, now)
	}
	return map[string]string{"reference": facts.Reference}, err
}

// chargeClave takes one comparison of a clave, in its own transaction, from the
// counter of known browsers, which one with a live session is, or from that of
// all others. What is read and written
// depends on the browser alone, and not on whose the number is.
func (s *Service) chargeClave(ctx context.Context, by Actor, subject Subject, now time.Time) (claveCharge, error) {
	var charge claveCharge
	err := s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		charge = claveCharge{budget: BudgetClave}
		known, err := s.knowsBrowser(tx, by, subject, now)
		if err != nil {
			return err
		}
		if known { // whoever shares its network does not keep the owner out
			charge.budget = BudgetClaveKnown
		} else {
			err := s.applicantHasRoom(tx, by, subject, now) // many numbers from one place
			if err != nil {
				return err
			}
		}
		a, err := tx.Attempts(subject, charge.budget)
		if err == nil {
			err = s.claveRoom(a, now)
		}
		if err != nil {
			return err
		}
		charge.may = a.Total < claveInAll
		a.take(now, s.policy.LockLife)
		more, _ := a.room(now, s.lockLimit())
		charge.locks = !more
		err = tx.SaveAttempts(a)
		if err != nil {
			return err
		}
		charge.account, err = accountOf(tx, subject)
		return err
	})
	return charge, err
}

// lockLimit is how many wrong claves lock a number, and for how long.
func (s *Service) lockLimit() limit {
	return limit{Count: s.policy.LockAfter, Window: s.policy.LockLife}
}

// claveRoom refuses a clave in the growing waits between failures, and after the
// policy's failures until the lock ends by itself.
func (s *Service) claveRoom(a Attempts, now time.Time) error {
	room, again := a.room(now, s.lockLimit())
	if !room {
		return &Error{Kind: TooMany, Rule: "locked", RetryAfter: again.Sub(now)}
	}
	n := len(a.Times)
	if n == 0 {
		return nil
	}
	// None after the first failure, then one second, two, four.
	next := a.Times[n-1].Add(time.Second << min(n, 10) / 4)
	if n > 1 && now.Before(next) {
		return &Error{Kind: TooMany, Rule: "wait", RetryAfter: next.Sub(now)}
	}
	return nil
}

// claveHolds compares, with the same work for everyone.
func (s *Service) claveHolds(c claveCharge, typed Password) bool {
	hash := c.account.Clave
	if hash == "" {
		hash = s.ghost
	}
	right := VerifyHash(hash, []byte(typed.Reveal()))
	return right && c.may && c.account.Clave != ""
}

// settleClave gives the charge of a right clave back, and ends the total. What
// strangers failed falls with time alone, so that they do not learn when the
// owner was here.
func settleClave(tx Tx, subject Subject, charged Budget, now time.Time) error {
	for _, budget := range []Budget{BudgetClave, BudgetClaveKnown} {
		a, err := tx.Attempts(subject, budget)
		if err != nil {
			return err
		}
		if budget != charged && a.Total == 0 && (budget == BudgetClave || len(a.Times) == 0) {
			continue // it is as it should be
		}
		if budget == charged {
			a.giveBack(now)
		}
		if budget == BudgetClaveKnown {
			a.Times = nil
		}
		a.Total = 0
		err = tx.SaveAttempts(a)
		if err != nil {
			return err
		}
	}
	return nil
}

// newClaveCount ends what was counted against a clave that is no more: its total,
// and where the owner was proven well enough for that, the lock too.
func newClaveCount(tx Tx, subject Subject, endLock bool) error {
	for _, budget := range []Budget{BudgetClave, BudgetClaveKnown} {
		a, err := tx.Attempts(subject, budget)
		if err != nil {
			return err
		}
		a.Total = 0
		if endLock {
			a.Times = nil
		}
		err = tx.SaveAttempts(a)
		if err != nil {
			return err
		}
	}
	return nil
}

// wrongClave notes a wrong clave, whose charge stands, and is its refusal. The one
// that locks the number is told to its owner, by the same rows whoever that is.
func (s *Service) wrongClave(ctx context.Context, by Actor, subject Subject, tried triedClave, now time.Time) error {
	err := s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		err := s.markApplicant(tx, by, subject, now)
		if err == nil && tried.locks {
			err = s.tellLock(tx, by, subject, tried, now)
		}
		if err != nil {
			return err
		}
		return tx.Audit(entryOf(by, subject, ActLogInFailed, now))
	})
	if err != nil {
		return err
	}
	return &Error{Kind: Denied, Rule: "log_in"}
}

// tellLock queues the notice of a lock to the address that proves its owner best;
// where there is no clave to lock, or its owner died, one to nobody. The dispatcher
// is not woken: see untold.go. It freezes nothing: whoever knows a number could have
// it sent.
func (s *Service) tellLock(tx Tx, by Actor, subject Subject, tried triedClave, now time.Time) error {
	facts, err := s.facts(tx, by, subject, tried.person, newReference(), now)
	if err != nil {
		return err
	}
	on, err := addressesOf(tx, subject, tried.person)
	if err != nil {
		return err
	}
	var best Address
	if tried.account.Clave != "" && !tried.person.Number.IsZero() {
		best = bestAddress(on)
	}
	return s.notifyOne(tx, news{Subject: subject, Kind: MailLocked}, best.Email, false, facts, now)
}
