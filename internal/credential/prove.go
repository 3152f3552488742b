package credential

import (
	"context"
	"time"
	"unicode/utf8"
)

// ProofForm is the proof page as typed: the birth date, and what the policy asks
// for the kind: record questions or an activation code (generate), personal
// questions (recover).
type ProofForm struct {
	Day, Month, Year int // 0 where it did not read as a number
	Record           map[FactID]string
	Answers          map[PersonalQuestionID]string
	Code             string // activation code; empty for none
}

// Prove takes what was typed on the proof page, checks its shape alone, and
// leads to the review. Refusals are [Errors], one for each field.
func (s *Service) Prove(ctx context.Context, by Actor, c Claim, form ProofForm) (err error) {
	var kind ProcedureKind
	defer s.observed(PressProve, &kind, &err)
	now := s.now()
	return s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepProve, StepProveReview)
		if err != nil {
			return err
		}
		kind = p.Kind
		faults := s.takeProof(&p, form, now)
		if len(faults) > 0 {
			return faults
		}
		if p.Step == StepProveReview {
			return tx.SaveProcedure(p) // typed again: no second row in the audit
		}
		p.Step = StepProveReview
		return saved(tx, p, by, ActTyped, now, nil)
	})
}

// ByCode is «Tengo un código de activación», where the policy asks something
// else: the proof is then the birth date and the code that staff handed over, and
// the procedure one that sets everything anew.
func (s *Service) ByCode(ctx context.Context, c Claim) error {
	now := s.now()
	return s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepProve, StepProveReview)
		if err != nil {
			return err
		}
		p.Step, p.Kind = StepProve, Generate
		p.Typed.ByCode = !s.policy.ActivationCode
		p.Typed.Record, p.Typed.Answers, p.Typed.Asked = nil, nil, nil
		// Behind the link of an unlock too it is a procedure of its own, mail and all.
		p.Typed.MailProven, p.Typed.Begun, p.Typed.Email, p.Typed.Fixed = false, ID{}, "", false
		return tx.SaveProcedure(p)
	})
}

// takeProof puts what was typed into the procedure, checked for its shape alone.
func (s *Service) takeProof(p *Procedure, form ProofForm, now time.Time) Errors {
	faults := checkBirthday(form.Day, form.Month)
	p.Typed.Day, p.Typed.Month, p.Typed.Year = form.Day, form.Month, 0
	if s.policy.BirthYear {
		p.Typed.Year = form.Year
		faults = append(faults, checkBirthYear(form, len(faults) == 0, now)...)
	}
	if s.policy.asksRecord(p.Kind, p.Typed.ByCode) {
		var unanswered Errors
		p.Typed.Record, unanswered = ParseRecordAnswers(p.Typed.Audience, func(id FactID) string { return form.Record[id] })
		faults = append(faults, unanswered...)
	}
	if s.policy.asksCode(p.Kind, p.Typed.ByCode) {
		code, ok := parseActivationCode(form.Code)
		switch {
		case !ok:
			faults.add(invalid("activation", "shape"))
		case code == "" && p.Typed.ByCode:
			faults.add(invalid("activation", "empty"))
		}
		p.Typed.Code = code
	}
	if s.policy.asksBefore(p.Kind) {
		var unanswered Errors
		p.Typed.Answers, unanswered = takeAnswers(p.Typed.Asked, form.Answers)
		faults = append(faults, unanswered...)
	}
	return faults
}

// takeAnswers takes what was typed for the questions asked; what is none is
// refused, by its question.
func takeAnswers(asked []PersonalQuestionID, typed map[PersonalQuestionID]string) (map[string]string, Errors) {
	var faults Errors
	answers := map[string]string{}
	for _, id := range asked {
		answer := typed[id]
		switch {
		case NormaliseAnswer(answer) == "":
			faults.add(invalid("bank."+string(id), "empty"))
		case utf8.RuneCountInString(answer) > maxAnswerTyped:
			faults.add(invalid("bank."+string(id), "too_long"))
		}
		answers[string(id)] = answer
	}
	return answers, faults
}

// oldestBirthYear bounds the year that a birth date is typed with.
const oldestBirthYear = 1890

// checkBirthYear holds the year against the calendar, and with it the whole date
// where day and month stand.
func checkBirthYear(form ProofForm, dayStands bool, now time.Time) Errors {
	date := time.Date(form.Year, time.Month(form.Month), form.Day, 0, 0, 0, 0, time.UTC)
	switch {
	case form.Year < oldestBirthYear, form.Year > now.Year(), dayStands && date.After(now):
		return Errors{invalid("year", "range")}
	case dayStands && date.Day() != form.Day:
		return Errors{invalid("day", "not_in_month")}
	}
	return nil
}

// checkBirthday holds day and month against the calendar, 29 February included;
// the refusals name each that is wrong.
func checkBirthday(d, m int) Errors {
	var faults Errors
	if d < 1 || d > 31 {
		faults.add(invalid("day", "range"))
	}
	if m < 1 || m > 12 {
		faults.add(invalid("month", "range"))
	}
	if len(faults) == 0 && d > time.Date(2000, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		faults.add(invalid("day", "not_in_month"))
	}
	return faults
}

// triesSpent refuses a procedure that has lost all its verdicts, before any
// work: one captcha pays for so many and no more.
func (s *Service) triesSpent(p Procedure) error {
	if p.Failed < s.policy.Attempts {
		return nil
	}
	return &Error{Kind: TooMany, Rule: "attempts", RetryAfter: s.policy.AttemptWindow}
}

// JudgeProof is «Aceptar» on the review: the verdict. A charge commits before
// anything is compared; success gives it back. A lost verdict is Denied, or
// TooMany once the number's failures fill their window, by a count in which
// nothing of the record takes part; both say only that the data do not match.
// Unavailable for a record that is away or a full gate spends nothing.
//
// With the trust the claim changes: the returned one takes the place of c, so
// that whoever copied a cookie before the proof holds nothing after it.
//
// Where the policy tells no verdict on what was typed, everybody is led to the
// page that waits for the mail, and the mail tells.
func (s *Service) JudgeProof(ctx context.Context, by Actor, c Claim) (_ Claim, err error) {
	now := s.now()
	var p Procedure
	defer s.observed(PressVerdict, &p.Kind, &err)
	err = s.store.Glance(ctx, func(tx Tx) (err error) {
		p, err = s.heldAt(tx, c, now, StepProveReview)
		return err
	})
	if err == nil {
		err = s.triesSpent(p)
	}
	if err != nil {
		return Claim{}, err
	}
	person, found, err := s.person(ctx, p.Subject)
	if err != nil {
		return Claim{}, err
	}
	if !s.policy.tells(p.Kind, p.Typed) {
		return c, s.askUntold(ctx, by, c, person, found, now)
	}
	leave := func() {} // most hash nothing here
	if s.policy.asksBefore(p.Kind) {
		leave, err = s.gate.Enter(ctx)
		if err != nil {
			return Claim{}, err
		}
		defer leave()
	}
	charge, err := s.chargeProof(ctx, by, c, person, found, now)
	if err != nil {
		return Claim{}, err
	}
	holds := s.proofHolds(charge, person, found)
	leave() // the next one hashes while this one writes
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	return s.writeVerdict(ctx, by, c, charge, holds, now)
}

// proofCharge is a charge that stands: what is compared now, once.
type proofCharge struct {
	now       time.Time
	kind      ProcedureKind
	typed     Typed
	account   Account        // zero where there is none
	code      ActivationCode // likewise
	dateRight bool
	budget    Budget    // the owner's
	owner     bool      // it had room and was charged
	shown     bool      // so had the strangers', which alone decides what the page says
	again     time.Time // when it will have room, if not
}

// activationLimit is how many wrong codes a number takes while one can be used.
var activationLimit = limit{Count: 100, Window: activationCodeLife}

func (s *Service) ownerLimit() limit {
	return limit{Count: s.policy.Attempts, Window: s.policy.AttemptWindow, Total: s.policy.AttemptsTotal}
}

// strangersRoom holds the number's failures against the window and against the
// total, which for strangers is a longer window.
func (s *Service) strangersRoom(a Attempts, now time.Time) (bool, time.Time) {
	ok, again := a.room(now, limit{Count: s.policy.Attempts, Window: s.policy.AttemptWindow})
	all, allAgain := a.room(now, limit{Count: s.policy.AttemptsTotal, Window: strangersMemory * s.policy.AttemptWindow})
	if allAgain.After(again) {
		again = allAgain
	}
	return ok && all, again
}

// chargeProof takes the attempt, in its own transaction: the birth date picks
// the budget (ghosts are never right), and the typed answers leave the
// procedure, so that the same review cannot be judged twice. Both counters are
// written whatever was right.
func (s *Service) chargeProof(ctx context.Context, by Actor, c Claim, person Person, found bool, now time.Time) (proofCharge, error) {
	var charge proofCharge
	err := s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepProveReview)
		if err != nil {
			return err
		}
		err = s.triesSpent(p)
		if err == nil {
			err = s.applicantHasRoom(tx, by, p.Subject, now)
		}
		if err != nil {
			return err
		}
		charge = proofCharge{now: now, kind: p.Kind, typed: p.Typed}
		charge.account, err = accountOf(tx, p.Subject)
		if err != nil {
			return err
		}
		if s.policy.asksCode(p.Kind, p.Typed.ByCode) {
			charge.code, err = tx.ActivationCode(p.Subject)
			if err != nil && !isNoRow(err) {
				return err
			}
		}
		limit := s.ownerLimit()
		charge.budget = BudgetProof
		if s.policy.asksCode(p.Kind, p.Typed.ByCode) {
			charge.budget, limit = BudgetActivation, activationLimit
		}
		owner, err := tx.Attempts(p.Subject, charge.budget)
		if err != nil {
			return err
		}
		strangers, err := tx.Attempts(p.Subject, BudgetStrangers)
		if err != nil {
			return err
		}
		charge.dateRight = found && s.birthHolds(p.Typed, person)
		room, _ := owner.room(now, limit)
		charge.shown, charge.again = s.strangersRoom(strangers, now)
		// A date that nothing comes on top of could be guessed by trying: then what
		// strangers spend binds the owner, too.
		if charge.owner = room && charge.dateRight && (charge.shown || !s.policy.dateAlone(p.Kind, p.Typed.ByCode)); charge.owner {
			owner.take(now, limit.Window)
		}
		if charge.shown {
			strangers.take(now, strangersMemory*s.policy.AttemptWindow)
		}
		for _, a := range []Attempts{owner, strangers} {
			err = tx.SaveAttempts(a)
			if err != nil {
				return err
			}
		}
		p.Step = StepProve
		p.Failed++
		p.Typed.Answers, p.Typed.Code = nil, ""
		return tx.SaveProcedure(p)
	})
	return charge, err
}

// birthHolds compares as much of the birth date as the policy asks.
func (s *Service) birthHolds(typed Typed, person Person) bool {
	return int(person.Birth.Month) == typed.Month && person.Birth.Day == typed.Day &&
		(!s.policy.BirthYear || person.Birth.Year == typed.Year)
}

// proofHolds compares what was typed with the record, with the same work for
// everyone: one argon2id where personal answers were asked, a walk over all
// record questions where those were.
func (s *Service) proofHolds(c proofCharge, person Person, found bool) bool {
	alive := found && person.Death.IsZero()
	may := c.owner && c.dateRight && alive
	open := !c.account.closed() || c.account.closingDisputed()
	switch {
	case s.policy.asksBefore(c.kind):
		kept := c.account.Answers
		if len(kept.Questions) != AskedAtRecovery {
			kept = AnswerSet{} // fewer were kept under another policy, and are no proof under this
		}
		right := s.answersHold(kept, c.typed.Asked, c.typed.Answers)
		return may && right && open
	case c.kind == Recover && s.policy.OwnQuestions == 0: // the mailbox is proven, or no page tells
		return may && c.account.Clave != "" && open
	case c.kind == Recover: // its questions are asked behind the link
		return may && !c.account.Answers.IsZero() && open
	case s.policy.asksCode(c.kind, c.typed.ByCode):
		// Whoever was handed a code was seen, and may have a clave already.
		right := s.keys.activationHolds(c.code, c.typed.Code)
		return may && right && c.code.usableAt(c.now)
	}
	may = may && c.account.Clave == "" && person.HasAudience(c.typed.Audience) // whoever has a clave recovers it
	if !s.policy.RecordQuestions {
		return may
	}
	right := true
	for _, q := range RecordQuestions(c.typed.Audience) {
		same := constantTimeEqual(c.typed.Record[q.ID], person.Facts.Answer(q.ID))
		right = right && same
	}
	return may && right && !ThinRecord(person, c.typed.Audience)
}

// answersHold compares typed answers with an account's, by one argon2id whether
// or not it has any.
func (s *Service) answersHold(kept AnswerSet, asked []PersonalQuestionID, typed map[string]string) bool {
	hash := kept.Hash
	if hash == "" {
		hash = s.ghost
	}
	var answers []PersonalAnswer
	for _, id := range asked {
		answers = append(answers, PersonalAnswer{Question: id, Answer: NewText(typed[string(id)])})
	}
	return VerifyHash(hash, EncodeAnswers(answers))
}

// writeVerdict writes what the comparison said. The procedure is read again: what
// another tab did to it meanwhile stands, an end most of all.
func (s *Service) writeVerdict(ctx context.Context, by Actor, c Claim, charge proofCharge, holds bool, now time.Time) (Claim, error) {
	fresh := newClaim(c.ID)
	var verdict error
	err := s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepProve, StepProveReview)
		if err != nil {
			return err
		}
		verdict = nil
		if !holds {
			verdict = &Error{Kind: Denied, Rule: "proof"}
			if !charge.shown {
				verdict = &Error{Kind: TooMany, Rule: "attempts", RetryAfter: charge.again.Sub(now)}
			}
			return s.noteFailure(tx, by, p, now)
		}
		for _, budget := range []Budget{charge.budget, BudgetStrangers} {
			a, err := tx.Attempts(p.Subject, budget)
			if err != nil {
				return err
			}
			if budget == charge.budget || charge.shown {
				a.giveBack(now)
			}
			err = tx.SaveAttempts(a)
			if err != nil {
				return err
			}
		}
		p.Failed--
		p.Step = s.policy.steps(p.Kind, false, p.Typed.MailProven)[2] // what follows the review
		proven := charge.typed                                        // as proven, whatever another tab typed since
		p.Typed.Day, p.Typed.Month, p.Typed.Year = proven.Day, proven.Month, proven.Year
		p.Typed.Record, p.Typed.Answers, p.Typed.Code = nil, nil, ""
		if s.policy.asksCode(p.Kind, proven.ByCode) {
			p.Typed.Proof = charge.code.ID
		}
		p.Browser = s.claimHash(fresh)
		return saved(tx, p, by, ActProofPassed, now, nil)
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return Claim{}, err
	}
	return fresh, nil
}

// noteFailure remembers a lost verdict against the applicant: network and known
// browser.
func (s *Service) noteFailure(tx Tx, by Actor, p Procedure, now time.Time) error {
	err := s.markApplicant(tx, by, p.Subject, now)
	if err != nil {
		return err
	}
	return audited(tx, p, by, ActProofFailed, now, nil)
}
