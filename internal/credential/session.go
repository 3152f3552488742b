package credential

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"log/slog"
	"time"
)

// Session is one log-in that lasts: a row, so that it ends the moment somebody
// ends it. What the browser holds is a random token, of which the row keeps a hash.
type Session struct {
	Subject   Subject
	ID        ID
	Token     [32]byte // hash of the token's secret
	CreatedAt time.Time
	SeenAt    time.Time // last use, noted at most once a minute
	ExpiresAt time.Time // the absolute end
	Browser   string    // kind of device, a word key
}

// MaxSessions is how many sessions a person can have open: more than anybody's
// devices, and few enough to look through.
const MaxSessions = 20

// SessionToken is what a browser brings to say that a session is its own.
type SessionToken struct {
	ID     ID
	secret [32]byte
}

func newSessionToken(shard Shard) SessionToken {
	t := SessionToken{ID: newID(shard)}
	rand.Read(t.secret[:])
	return t
}

// Token writes the session's token for its cookie.
func (t SessionToken) Token() string {
	return writeSecret(t.ID, t.secret)
}

// ParseSessionToken reads a cookie. Anything not written by [SessionToken.Token]
// is false.
func ParseSessionToken(token string) (SessionToken, bool) {
	id, secret, ok := parseSecret(token)
	return SessionToken{ID: id, secret: secret}, ok
}

// String masks the secret.
func (t SessionToken) String() string { return t.ID.String() + "." + masked }

// LogValue masks the secret in structured logs.
func (t SessionToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

func (s *Service) sessionHash(t SessionToken) [32]byte {
	return s.keys.tokenHash("session", t.secret[:])
}

// seenEvery is how often the use of a session is noted: its idle end is that
// much early at most, and a page costs no write.
const seenEvery = time.Minute

// over reports whether the session has ended by itself.
func (x Session) over(p Policy, now time.Time) bool {
	return !now.Before(x.ExpiresAt) || !now.Before(x.SeenAt.Add(p.SessionIdle))
}

// errNoSession says that nobody is logged in: no session, one that ended, or
// another browser's. It is one answer for all of them.
var errNoSession = &Error{Kind: Expired, Rule: "session"}

// session finds the live session of a token.
func (s *Service) session(tx Tx, t SessionToken, now time.Time) (Session, error) {
	x, err := tx.Session(t.ID)
	if isNoRow(err) {
		return Session{}, errNoSession
	}
	if err != nil {
		return Session{}, err
	}
	hash := s.sessionHash(t)
	if subtle.ConstantTimeCompare(hash[:], x.Token[:]) != 1 || x.over(s.policy, now) {
		return Session{}, errNoSession
	}
	return x, nil
}

// sessionNow is session on its own, without more of its transaction.
func (s *Service) sessionNow(ctx context.Context, t SessionToken, now time.Time) (x Session, err error) {
	err = s.store.Glance(ctx, func(tx Tx) (err error) {
		x, err = s.session(tx, t, now)
		return err
	})
	return x, err
}

// Home is what a person sees of their own account.
type Home struct {
	GivenName string
	Audiences []Audience
	Level     Level
	Session   ID // the one that looks
	Sessions  []Session
	Addresses []HomeAddress
	Phone     string    // masked but for its end; empty for none
	EndsAt    time.Time // when the session ends if nothing is done
	Change    AddressChange
	Open      []DataRequest // that nobody has answered yet
}

// HomeAddress is one address on record with where its proof comes from.
type HomeAddress struct {
	Mask   string
	Origin Origin
	At     time.Time
}

// Home reads a person's own page, and notes that the session was used. Expired
// "session" for who is not logged in.
func (s *Service) Home(ctx context.Context, t SessionToken) (Home, error) {
	now := s.now()
	var v Home
	var x Session
	var set []Address
	err := s.store.View(ctx, func(tx Tx) (err error) {
		x, err = s.session(tx, t, now)
		if err != nil {
			return err
		}
		account, err := tx.Account(x.Subject)
		if err != nil {
			return err
		}
		v.Level, v.Session, v.Phone = account.Level, x.ID, maskPhone(account.Phone)
		change, err := s.pendingChange(tx, x.Subject, now)
		if err != nil {
			return err
		}
		v.Change = s.addressChange(change, now)
		requests, err := tx.Requests(x.Subject)
		if err != nil {
			return err
		}
		v.Open = openRequests(requests)
		v.Sessions, err = tx.Sessions(x.Subject, now.Add(-s.policy.SessionIdle), now)
		if err == nil {
			set, err = tx.Addresses(x.Subject)
		}
		return err
	})
	if err != nil {
		return Home{}, err
	}
	person, found, err := s.person(ctx, x.Subject)
	if err != nil {
		return Home{}, err
	}
	if !found || !person.Death.IsZero() {
		return Home{}, errNoSession // left the register since
	}
	v.GivenName, v.Audiences = firstName(person), person.Audiences
	for _, a := range onRecord(x.Subject, set, person) {
		shown := a.Email.Mask()
		if v.Level == InPerson {
			shown = a.Email.OwnerMask()
		}
		v.Addresses = append(v.Addresses, HomeAddress{shown, a.Provenance.Origin, a.Provenance.At})
	}
	v.EndsAt = now.Add(s.policy.SessionIdle)
	if x.ExpiresAt.Before(v.EndsAt) {
		v.EndsAt = x.ExpiresAt
	}
	return v, s.used(ctx, x, now)
}

// used notes a use of a session, at most once a minute.
func (s *Service) used(ctx context.Context, x Session, now time.Time) error {
	if now.Sub(x.SeenAt) < seenEvery {
		return nil
	}
	return s.store.Update(ctx, x.Subject.Shard(), func(tx Tx) error { return tx.SeeSession(x.ID, now) })
}

// LoggedIn reports whether a session is live, without noting a use of it.
func (s *Service) LoggedIn(ctx context.Context, t SessionToken) (bool, error) {
	_, err := s.sessionNow(ctx, t, s.now())
	if IsKind(err, Expired) {
		return false, nil
	}
	return err == nil, err
}

// EndSession is «Salir»: it ends the session of a token. Expired "session" for who
// is not logged in.
func (s *Service) EndSession(ctx context.Context, by Actor, t SessionToken) error {
	now := s.now()
	return s.store.Update(ctx, t.ID.Shard(), func(tx Tx) error {
		x, err := s.session(tx, t, now)
		if err != nil {
			return err
		}
		return endSession(tx, by, x.Subject, x.ID, now)
	})
}

// freshLogIn is how long a log-in counts as the clave given again, where another
// session is to be closed.
const freshLogIn = 5 * time.Minute

// CloseSession is «Cerrar»: it ends another session of the person who is logged in.
// One that is not theirs, or over, is no fault: it is not there afterwards. The
// clave is asked once more (ASVS 5.0, 7.5.2), unless the log-in is fresh: whoever
// finds a session open must not shut its owner out of all others. It returns the
// token that the browser goes on with.
//
// Refusals: Expired "session"; [Errors] of "current", empty; those of
// [Service.LogIn], a wrong clave beside "current".
func (s *Service) CloseSession(ctx context.Context, by Actor, t SessionToken, which ID, clave string) (SessionToken, error) {
	now := s.now()
	x, err := s.sessionNow(ctx, t, now)
	if err != nil {
		return SessionToken{}, err
	}
	if age := now.Sub(x.CreatedAt); age >= 0 && age < freshLogIn {
		return t, s.store.Update(ctx, x.Subject.Shard(), func(tx Tx) error {
			x, err := s.session(tx, t, now)
			if err != nil {
				return err
			}
			return endSession(tx, by, x.Subject, which, now)
		})
	}
	again, err := s.proveAgain(ctx, by, t, NoLevel, clave, nil, now)
	if err != nil {
		return SessionToken{}, err
	}
	defer again.leave()
	err = s.doAgain(ctx, by, again, now, func(tx Tx, _ Account) error { return endSession(tx, by, again.session.Subject, which, now) })
	return again.token, err
}

// endSession ends a session of a person, and notes it where there was one.
func endSession(tx Tx, by Actor, subject Subject, which ID, now time.Time) error {
	ended, err := tx.EndSession(subject, which)
	if err != nil || !ended {
		return err
	}
	return tx.Audit(entryOf(by, subject, ActLoggedOut, now))
}
