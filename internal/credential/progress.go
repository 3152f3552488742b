package credential

import (
	"context"
	"slices"
	"time"
)

// Progress is what the pages of a procedure may know of it. Up to the verdict
// it holds nothing but what was typed and chosen.
type Progress struct {
	ID        ID
	Kind      ProcedureKind
	Step      Step
	Document  Document
	Audience  Audience
	Reference string
	Now       time.Time
	ExpiresAt time.Time
	CanExtend bool

	Day, Month, Year int
	AsksCode         bool                          // an activation code
	AsksRecord       bool                          // questions about the record
	MayByCode        bool                          // «Tengo un código de activación» leads to another proof
	Code             string                        // activation code as typed, until the verdict
	Record           Facts                         // options chosen
	Asked            []PersonalQuestionID          // recover: the three
	Answers          map[PersonalQuestionID]string // recover: as typed, until the verdict
	TriesLeft        int                           // in this procedure
	Failed           int

	Bank []PersonalQuestionID // generate: the ten, those asked first in front; none where the policy asks none

	Fixed      bool   // the address cannot be changed here
	Mask       string // masked address, fixed or typed
	Typed      string // typed address, to show on its review
	Suggestion string // «¿quiso decir …?», the whole address; empty for none
	// WouldWait is when the mail would leave if the typed address, which is not
	// the one on record, were accepted now; zero where it leaves at once.
	WouldWait time.Time

	Mail MailProgress

	// Untold is where no page tells the verdict: a mail goes to an address that
	// was proven before, or nobody gets one.
	Untold bool
	// MailProven is a recover begun behind the link of an unlock.
	MailProven bool
	// Begun is the procedure whose mailed link began this one; zero for none.
	Begun ID
}

// MailProgress is what the waiting page tells.
type MailProgress struct {
	State       MailState
	HoldUntil   time.Time
	Attempted   time.Time // first attempt to send it; zero before
	ValidUntil  time.Time // zero before the first attempt
	Accepted    bool      // the relay has it
	ResendsLeft int
	TriesLeft   int // codes
}

// MailState says where the mail is.
type MailState string

// The states of the mail that a page waits for.
const (
	MailHeld      MailState = "held"    // a change of address: it leaves later
	MailQueued    MailState = "queued"  // about to leave
	MailTrying    MailState = "trying"  // tried, not taken yet: the relay is slow or away
	MailLeft      MailState = "sent"    // taken by the relay
	MailExpired   MailState = "expired" // its link and code are over
	MailRefusedBy MailState = "refused" // the address does not exist, says its server
	MailUntold    MailState = "untold"  // asked for; whether there is one is told by the mail alone
)

// Look reads where a claimed procedure stands.
func (s *Service) Look(ctx context.Context, c Claim) (Progress, error) {
	now := s.now()
	var v Progress
	var p Procedure
	err := s.store.Glance(ctx, func(tx Tx) (err error) {
		p, err = s.held(tx, c, now)
		return err
	})
	if err != nil {
		return Progress{}, err
	}
	v = s.progress(p, now)
	if !s.showsContact(p.Step) {
		return v, nil
	}
	var set []Address
	var account Account
	err = s.store.View(ctx, func(tx Tx) (err error) {
		set, err = tx.Addresses(p.Subject)
		if err == nil {
			account, err = tx.Account(p.Subject)
		}
		return ignoreNoRow(err)
	})
	if err != nil {
		return Progress{}, err
	}
	person, _, err := s.person(ctx, p.Subject)
	if err != nil {
		return Progress{}, err
	}
	on := onRecord(p.Subject, set, person)
	if fixed, ok := fixedAddress(on); ok {
		v.Fixed, v.Mask, v.Typed, v.Suggestion = true, fixed.Email.Mask(), "", ""
		return v, nil
	}
	if typed, err := ParseEmail(v.Typed); err == nil && len(on) > 0 {
		if _, known := amongThem(on, typed); !known && !p.supersedes(account) {
			v.WouldWait = now.Add(s.policy.AddressHold)
		}
	}
	return v, nil
}

// showsContact reports whether the page of a step shows the address, or asks it.
func (s *Service) showsContact(step Step) bool {
	return step == StepContact || step == StepContactReview || step == StepQuestions && s.policy.contactWithQuestions()
}

func (s *Service) progress(p Procedure, now time.Time) Progress {
	v := Progress{
		ID: p.ID, Kind: p.Kind, Step: p.Step, Document: p.Typed.Document, Audience: p.Typed.Audience,
		Reference: p.Reference, Now: now, ExpiresAt: p.ExpiresAt,
		Day: p.Typed.Day, Month: p.Typed.Month, Year: p.Typed.Year, Code: ActivationCodeText(p.Typed.Code), Record: p.Typed.Record,
		AsksCode: s.policy.asksCode(p.Kind, p.Typed.ByCode), AsksRecord: s.policy.asksRecord(p.Kind, p.Typed.ByCode),
		MayByCode: !s.policy.asksCode(p.Kind, p.Typed.ByCode),
		Asked:     p.Typed.Asked, Answers: map[PersonalQuestionID]string{},
		TriesLeft: s.policy.Attempts - p.Failed, Failed: p.Failed,
		Fixed: p.Typed.Fixed, Begun: p.Typed.Begun, MailProven: p.Typed.MailProven,
	}
	for id, answer := range p.Typed.Answers {
		v.Answers[PersonalQuestionID(id)] = answer
	}
	switch p.Step {
	case StepSent, StepOwnQuestion, StepClave, StepDone:
	default:
		v.CanExtend = p.Extensions < maxExtensions
	}
	if p.Kind == Generate && s.policy.OwnQuestions > 0 {
		v.Bank = bankPage(s.bankOrder(p.Subject))
	}
	if p.untold() {
		return s.untoldProgress(p, v)
	}
	if email, err := ParseEmail(p.Typed.Email); err == nil {
		v.Mask = email.Mask()
		if !p.Typed.Fixed {
			v.Typed = email.Reveal()
			v.Suggestion, _ = email.Suggestion()
		}
	}
	v.Mail = MailProgress{
		HoldUntil: p.HoldUntil, Attempted: p.Attempted, ValidUntil: p.validUntil(s.policy), Accepted: !p.Accepted.IsZero(),
		ResendsLeft: max(0, s.policy.Resends+1-int(p.Generation)),
		TriesLeft:   max(0, s.policy.CodeTries-p.CodeTries),
	}
	v.Mail.State = mailState(p, v.Mail.ValidUntil, now)
	return v
}

func mailState(p Procedure, until, now time.Time) MailState {
	switch {
	case p.Typed.Refused:
		return MailRefusedBy
	case p.Attempted.IsZero() && p.HoldUntil.After(now):
		return MailHeld
	case p.Attempted.IsZero():
		return MailQueued
	case !now.Before(until):
		return MailExpired
	case p.Accepted.IsZero():
		return MailTrying
	}
	return MailLeft
}

// bankPage is the bank of ten as its page lists it: the questions that a recover
// will ask first, then the others in the bank's own order.
func bankPage(order []PersonalQuestionID) []PersonalQuestionID {
	first := order[:AskedAtRecovery]
	page := slices.Clone(first)
	for _, id := range PersonalQuestions() {
		if !slices.Contains(first, id) {
			page = append(page, id)
		}
	}
	return page
}
