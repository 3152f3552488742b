package credential

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Config is what a [Service] is made of.
type Config struct {
	Store    Store
	Registry Registry
	Keys     *KeyRing
	Policy   Policy
	Common   Blocklist        // common and breached passwords
	Phrase   func() string    // proposes a passphrase
	Now      func() time.Time // time.Now when nil
	// AnswerDays is within how many days the institution answers a complaint; 15
	// where it is 0.
	AnswerDays int
	// MailQueued is called after a transaction that queued mail, so that it
	// leaves at once. It must not block. May be nil.
	MailQueued func()
	// Observe is told what each press came to, for figures. It must not block.
	// May be nil.
	Observe func(Event)
}

// Service is the use cases. It is safe for concurrent use.
type Service struct {
	store      Store
	registry   Registry
	keys       *KeyRing
	policy     Policy
	common     Blocklist
	phrase     func() string
	clock      func() time.Time
	mailQueued func()
	observe    func(Event)
	gate       *Gate
	answerDays int
	captcha    *Captcha // nil where the policy leaves it out
	// ghost is the hash that numbers without answers are compared with: of the
	// same cost, matched by nothing.
	ghost string
}

// New checks the configuration and makes the service.
func New(c Config) (*Service, error) {
	switch {
	case c.Store == nil, c.Registry == nil, c.Keys == nil, c.Common == nil, c.Phrase == nil:
		return nil, errors.New("credential: store, registry, keys, common passwords and phrases are all needed")
	}
	err := c.Policy.Check()
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AnswerDays == 0 {
		c.AnswerDays = defaultAnswerDays
	}
	if c.MailQueued == nil {
		c.MailQueued = func() {}
	}
	s := &Service{
		store: c.Store, registry: c.Registry, keys: c.Keys, policy: c.Policy,
		common: c.Common, phrase: c.Phrase, clock: c.Now, mailQueued: c.MailQueued, observe: c.Observe,
		answerDays: c.AnswerDays,
		gate:       NewGate(c.Policy.GateRunning, c.Policy.GateQueue, c.Policy.GateWait),
		ghost:      c.Policy.HashParams().Dummy(),
	}
	if c.Policy.CaptchaCost > 0 {
		s.captcha = NewCaptcha(c.Keys.CaptchaKey(), c.Policy.CaptchaCost, c.Policy.CaptchaLife)
	}
	return s, nil
}

// GateLoad says how many hashes run, how many wait to, and how many were refused
// a place since the start.
func (s *Service) GateLoad() (running, waiting int, refused uint64) {
	return s.gate.Running(), s.gate.Waiting(), s.gate.Refused()
}

// AnswerDays is within how many days the institution answers a complaint.
func (s *Service) AnswerDays() int { return s.answerDays }

// Policy gives the numbers and choices by which the procedures run.
func (s *Service) Policy() Policy { return s.policy }

// now reads the clock, at the precision at which times are stored.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }

// held finds the procedure that a browser claims. A procedure that is over is a
// refusal of kind Expired that says how; one that another browser holds by now
// is Expired with rule "other_browser".
func (s *Service) held(tx Tx, c Claim, now time.Time) (Procedure, error) {
	p, err := tx.Procedure(c.ID)
	if isNoRow(err) {
		return Procedure{}, &Error{Kind: NotFound, Rule: "procedure"}
	}
	if err != nil {
		return Procedure{}, err
	}
	hash := s.claimHash(c)
	if p.Browser != hash {
		return Procedure{}, &Error{Kind: Expired, Rule: "other_browser"}
	}
	if p.Step == StepDone {
		// The page of success stays for the browser that earned it.
		if now.Before(p.ExpiresAt) {
			return p, nil
		}
		return Procedure{}, &Error{Kind: Expired, Rule: string(Finished)}
	}
	seen := p
	if p.untold() {
		// However its mail was answered elsewhere: whoever waits with nothing but a
		// birth date does not learn it, neither now nor when the time is over.
		seen.End = NotEnded
	}
	return p, s.over(seen, now)
}

// over is [Procedure.over]; a procedure begun under another policy, which asked
// something else, is over too.
func (s *Service) over(p Procedure, now time.Time) error {
	err := p.over(now)
	if err == nil && p.Policy != s.policy.Name {
		err = &Error{Kind: Expired, Rule: "expired"}
	}
	return err
}

func (s *Service) claimHash(c Claim) [32]byte {
	return s.keys.tokenHash("browser", c.secret[:])
}

// errStep refuses a step that the procedure has not earned, or has left behind.
// The web answers by leading to where the procedure stands.
var errStep = &Error{Kind: Conflict, Rule: "step"}

// heldAt is held, and at one of the given steps.
func (s *Service) heldAt(tx Tx, c Claim, now time.Time, at ...Step) (Procedure, error) {
	p, err := s.held(tx, c, now)
	if err != nil {
		return Procedure{}, err
	}
	if !slices.Contains(at, p.Step) {
		return Procedure{}, errStep
	}
	return p, nil
}

// saved writes the procedure and its audit row.
func saved(tx Tx, p Procedure, by Actor, act Act, now time.Time, details map[string]string) error {
	err := tx.SaveProcedure(p)
	if err != nil {
		return err
	}
	return audited(tx, p, by, act, now, details)
}

// audited writes an audit row about a procedure.
func audited(tx Tx, p Procedure, by Actor, act Act, now time.Time, details map[string]string) error {
	if details == nil {
		details = map[string]string{}
	}
	details["procedure"] = p.ID.String()
	details["kind"] = string(p.Kind)
	return noted(tx, by, p.Subject, act, now, details)
}

// networkKey is the keyed hash of the applicant's network.
func (s *Service) networkKey(by Actor) [32]byte { return s.keys.Lookup("network", []byte(by.Network)) }

// afterCharge is the context of what must be written once a charge stands: it
// outlives a client that has gone, and has an end of its own.
func afterCharge(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
}

// person asks the institution's record. A record that does not answer is
// "try later": nothing was spent, no path opens (S19).
func (s *Service) person(ctx context.Context, subject Subject) (Person, bool, error) {
	p, found, err := s.registry.Person(ctx, subject)
	if err != nil {
		return Person{}, false, &Error{Kind: Unavailable, Rule: "registry", RetryAfter: time.Minute, Err: err}
	}
	return p, found, nil
}
