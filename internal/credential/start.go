package credential

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// StartForm is the first page: the applicant says which case is theirs.
type StartForm struct {
	Kind     ProcedureKind
	Number   Number
	Audience Audience // of a generate
	Captcha  string   // the widget's solution
}

// captchaStart binds a captcha to the first page.
const captchaStart = "start"

// A network that fails pays a dearer captcha: from so many distinct failures
// within an attempt window on, twice and four times.
const (
	dearerFrom  = 10
	dearestFrom = 50
)

// Challenge makes a captcha challenge for the first page of a kind, dearer for a
// network that misbehaves. ok is false where the policy leaves the captcha out.
func (s *Service) Challenge(ctx context.Context, by Actor, kind ProcedureKind) (challenge CaptchaChallenge, ok bool, err error) {
	purpose := captchaStart
	if kind == Unlock {
		purpose = captchaUnlock
	}
	return s.challenge(ctx, by, purpose, markNetwork, markCaptcha)
}

// challenge makes a challenge for a purpose, dearer the more marks of the scopes the
// network has.
func (s *Service) challenge(ctx context.Context, by Actor, purpose string, scopes ...string) (challenge CaptchaChallenge, ok bool, err error) {
	if s.captcha == nil {
		return CaptchaChallenge{}, false, nil
	}
	now := s.now()
	factor := 1
	err = s.store.View(ctx, func(tx Tx) error {
		since := now.Add(-s.policy.AttemptWindow)
		failures := 0
		for _, scope := range scopes {
			n, err := tx.Marks(scope, s.networkKey(by), since, dearestFrom)
			if err != nil {
				return err
			}
			failures += n
		}
		switch {
		case failures >= dearestFrom:
			factor = 4
		case failures >= dearerFrom:
			factor = 2
		}
		return nil
	})
	if err != nil {
		return CaptchaChallenge{}, false, err
	}
	return s.captcha.Challenge(now, purpose, factor), true, nil
}

// captchaPlaces is how many distinct failures of the captcha a network can have:
// enough that fifty of them are reached after about a hundred failures.
const captchaPlaces = 64

// The scopes of [Tx.Mark].
const (
	markNetwork = "network" // numbers that failed a proof from a network
	markDevice  = "device"  // and from a known browser
	markMailbox = "mailbox" // people whose mail goes to a mailbox
	markCaptcha = "captcha" // captchas that failed from a network
	markHome    = "home"    // people who were let in from a network with a kind of device
	markAsker   = "asker"   // numbers for which mail was asked without proof from a network
)

// checkCaptcha holds a solution against the toll. It uses nothing up; a bad one
// makes the network's next challenges dearer.
func (s *Service) checkCaptcha(ctx context.Context, by Actor, purpose, solution string, now time.Time) (id [32]byte, expires time.Time, err error) {
	if s.captcha == nil {
		return id, expires, nil
	}
	id, expires, err = s.captcha.Verify(now, purpose, solution)
	if err == nil || solution == "" {
		return id, expires, err
	}
	// Each failure counts as one of a bounded number of places, drawn by lot: a
	// network leaves a few rows, however often it fails.
	network := s.networkKey(by)
	var place Subject
	place[0] = byte(rand.IntN(captchaPlaces))
	markErr := s.store.Update(ctx, Subject(network[:16]).Shard(), func(tx Tx) error {
		return tx.Mark(markCaptcha, network, place, now)
	})
	return id, expires, errors.Join(err, markErr)
}

// useCaptcha uses a solution up.
func (s *Service) useCaptcha(tx Tx, id [32]byte, expires time.Time) error {
	if s.captcha == nil {
		return nil
	}
	first, err := tx.UseOnce(id, expires)
	if err == nil && !first {
		err = &Error{Kind: Invalid, Field: "captcha", Rule: "used"}
	}
	return err
}

// Start begins a procedure for a well-formed number, whether or not it is
// anybody's, and gives the claim of the browser that holds it. Refusals: a
// captcha that is missing, wrong, used or expired (Invalid); a network with too
// many failed numbers (TooMany).
func (s *Service) Start(ctx context.Context, by Actor, form StartForm) (_ Claim, err error) {
	defer s.observed(PressStart, &form.Kind, &err)
	now := s.now()
	captchaID, captchaExpires, err := s.checkCaptcha(ctx, by, captchaStart, form.Captcha, now)
	if err != nil {
		return Claim{}, err
	}
	subject := s.keys.Subject(form.Number)
	claim := newClaim(newID(subject.Shard()))
	p := Procedure{
		ID:        claim.ID,
		Subject:   subject,
		Kind:      form.Kind,
		Step:      StepProve,
		Policy:    s.policy.Name,
		Browser:   s.claimHash(claim),
		Reference: newReference(),
		CreatedAt: now,
		ExpiresAt: now.Add(s.policy.ProcedureLife),
		Typed:     Typed{Document: form.Number.Document(), Number: form.Number, Language: by.Language},
	}
	if form.Kind == Generate {
		p.Typed.Audience = QuestionsAudience(form.Number.Document(), form.Audience)
	}
	err = s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		err := s.applicantHasRoom(tx, by, subject, now)
		if err == nil {
			err = s.useCaptcha(tx, captchaID, captchaExpires)
		}
		if err != nil {
			return err
		}
		return s.begin(tx, by, p, now)
	})
	if err != nil {
		return Claim{}, err
	}
	return claim, nil
}

// begin stores a procedure at its first step, with the questions that it asks.
func (s *Service) begin(tx Tx, by Actor, p Procedure, now time.Time) (err error) {
	if s.policy.asksBefore(p.Kind) {
		p.Typed.Asked, err = s.asked(tx, p.Subject)
		if err != nil {
			return err
		}
	}
	err = tx.CreateProcedure(p)
	if err != nil {
		return err
	}
	return audited(tx, p, by, ActStarted, now, nil)
}

// applicantKey is one of the things an applicant is known by.
type applicantKey struct {
	scope string
	hash  [32]byte
}

// applicantKeys gives the applicant's network and, where there is a device
// cookie, browser.
func (s *Service) applicantKeys(by Actor) []applicantKey {
	keys := []applicantKey{{markNetwork, s.networkKey(by)}}
	if !by.Device.IsZero() {
		keys = append(keys, applicantKey{markDevice, s.deviceHash(by.Device)})
	}
	return keys
}

// markApplicant remembers a number against the applicant: network and known
// browser.
func (s *Service) markApplicant(tx Tx, by Actor, subject Subject, now time.Time) error {
	return markAll(tx, s.applicantKeys(by), subject, now)
}

func markAll(tx Tx, keys []applicantKey, subject Subject, now time.Time) error {
	for _, key := range keys {
		err := tx.Mark(key.scope, key.hash, subject, now)
		if err != nil {
			return err
		}
	}
	return nil
}

// applicantHasRoom refuses a network or a browser from which too many distinct
// numbers failed; a number that already failed from there is not a new one.
func (s *Service) applicantHasRoom(tx Tx, by Actor, subject Subject, now time.Time) error {
	return s.hasRoom(tx, s.applicantKeys(by), s.policy.NumbersPerNetwork, subject, now)
}

// askersPerNetwork is how many times more numbers may ask from a network for a
// mail without proof, where nobody learns whether they failed, than may fail.
const askersPerNetwork = 5

// askerKeys are the applicant's keys for what may be honest as well as not.
func (s *Service) askerKeys(by Actor) []applicantKey {
	return []applicantKey{{markAsker, s.networkKey(by)}}
}

// askerHasRoom is applicantHasRoom for a mail asked without proof.
func (s *Service) askerHasRoom(tx Tx, by Actor, subject Subject, now time.Time) error {
	err := s.applicantHasRoom(tx, by, subject, now)
	if err == nil {
		err = s.hasRoom(tx, s.askerKeys(by), askersPerNetwork*s.policy.NumbersPerNetwork, subject, now)
	}
	return err
}

// markAsker remembers a number that asked.
func (s *Service) markAsker(tx Tx, by Actor, subject Subject, now time.Time) error {
	return markAll(tx, s.askerKeys(by), subject, now)
}

func (s *Service) hasRoom(tx Tx, keys []applicantKey, most int, subject Subject, now time.Time) error {
	if most == 0 {
		return nil
	}
	since := now.Add(-s.policy.AttemptWindow)
	for _, key := range keys {
		n, err := tx.Marks(key.scope, key.hash, since, most)
		if err != nil {
			return err
		}
		if n < most {
			continue
		}
		known, err := tx.Marked(key.scope, key.hash, subject, since)
		if err != nil {
			return err
		}
		if !known {
			return &Error{Kind: TooMany, Rule: "network", RetryAfter: s.policy.AttemptWindow}
		}
	}
	return nil
}

// bankOrder is the bank of ten in the order that a keyed hash of the number
// gives it. Its first three are the ones a recover asks, for people and ghosts
// alike, so no restart, browser or language re-rolls them.
func (s *Service) bankOrder(subject Subject) []PersonalQuestionID {
	bank := PersonalQuestions()
	rank := func(id PersonalQuestionID) []byte {
		sum := s.keys.Lookup("bank order", append(subject[:], id...))
		return sum[:]
	}
	slices.SortFunc(bank, func(a, b PersonalQuestionID) int { return bytes.Compare(rank(a), rank(b)) })
	return bank
}

// asked gives the three personal questions of a recover: those of the account,
// which are the first of [Service.bankOrder] unless its owner skipped one (the
// only thing before the verdict that the record decides; see
// docs/decisions/0003), else those first three.
func (s *Service) asked(tx Tx, subject Subject) ([]PersonalQuestionID, error) {
	order := s.bankOrder(subject)
	asked := order[:AskedAtRecovery]
	account, err := tx.Account(subject)
	switch {
	case err == nil && len(account.Answers.Questions) == AskedAtRecovery: // fewer were kept under another policy
		asked = account.Answers.Questions
	case err != nil && !isNoRow(err):
		return nil, err
	}
	// Always shown in the order of the hash, whoever they come from.
	return slices.DeleteFunc(order, func(id PersonalQuestionID) bool { return !slices.Contains(asked, id) }), nil
}
