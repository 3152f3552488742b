package credential

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"
)

// SecurityForm is the page behind the verdict of a first time where the policy
// asks it: picture, own question and contact.
type SecurityForm struct {
	Image    string
	Question PersonalQuestionID
	Answer   string
	Phone    string // may be empty
	Email    string // counts for nothing where the address on record is fixed
}

// SetSecurity takes that page whole, and leads to the review of the address.
// Refusals are [Errors], one for each field: "image", "question", "answer",
// "phone", "email".
func (s *Service) SetSecurity(ctx context.Context, by Actor, c Claim, form SecurityForm) (err error) {
	now := s.now()
	var p Procedure
	defer s.observed(PressQuestions, &p.Kind, &err)
	at := []Step{StepQuestions, StepContact, StepContactReview}
	err = s.store.Glance(ctx, func(tx Tx) (err error) {
		p, err = s.heldAt(tx, c, now, at...)
		if err == nil && (p.Kind != Generate || !s.policy.SecurityImage) {
			err = errStep
		}
		return err
	})
	if err != nil {
		return err
	}
	person, _, err := s.person(ctx, p.Subject)
	if err != nil {
		return err
	}
	image, imageFault := ParseSecurityImage(form.Image)
	answer, questionFault, answerFault := checkOwnAnswer(form, ownData(p.Typed.Number, person, Email{}))
	phone, phoneFault := ParsePhone(form.Phone)
	contactFault := s.store.View(ctx, func(tx Tx) error {
		_, _, err := s.contactFor(tx, p, person, form.Email, now)
		return err
	})
	var faults Errors
	for _, fault := range []error{imageFault, questionFault, answerFault, phoneFault, contactFault} {
		err = faults.take(fault)
		if err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return faults
	}
	set, err := s.hashAnswers(ctx, []PersonalAnswer{answer})
	if err != nil {
		return err
	}
	return s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, at...)
		if err != nil {
			return err
		}
		email, fixed, err := s.contactFor(tx, p, person, form.Email, now)
		if err != nil {
			return err
		}
		p.Typed.Image, p.Typed.Bank, p.Typed.Phone = image, set, phone.Reveal()
		p.Typed.Email, p.Typed.Fixed = email.Reveal(), fixed
		p.Step = StepContactReview
		return saved(tx, p, by, ActQuestionsSet, now, nil)
	})
}

// checkOwnAnswer holds question and answer, each for itself, against the rules of
// the bank.
func checkOwnAnswer(form SecurityForm, about OwnData) (answer PersonalAnswer, questionFault, answerFault error) {
	answer = PersonalAnswer{Question: form.Question, Answer: NewText(form.Answer)}
	if bank := PersonalQuestions(); !slices.Contains(bank, form.Question) {
		questionFault, answer.Question = invalid("question", "choose"), bank[0]
	}
	if NormaliseAnswer(form.Answer) == "" && utf8.RuneCountInString(form.Answer) <= maxAnswerTyped {
		return answer, questionFault, invalid("answer", "empty")
	}
	err := CheckAnswers([]PersonalAnswer{answer}, 1, about)
	if refusal, ok := errors.AsType[*Error](err); ok {
		err = invalid("answer", refusal.Rule)
	}
	return answer, questionFault, err
}

// OwnQuestion is what the page of own questions behind the mailed link shows.
type OwnQuestion struct {
	Asked []PersonalQuestionID
	// Image is the picture that the person chose, for a browser that the person
	// is known by; empty for any other.
	Image SecurityImage
}

// LookOwnQuestion reads what the page of own questions shows.
func (s *Service) LookOwnQuestion(ctx context.Context, by Actor, c Claim) (OwnQuestion, error) {
	now := s.now()
	var v OwnQuestion
	err := s.store.View(ctx, func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepOwnQuestion)
		if err != nil {
			return err
		}
		account, err := tx.Account(p.Subject)
		if err != nil {
			return err
		}
		v.Asked = account.Answers.Questions
		if by.Device.IsZero() {
			return nil
		}
		known, err := tx.KnowsDevice(p.Subject, s.deviceHash(by.Device), now)
		if err == nil && known {
			v.Image = account.Image
		}
		return err
	})
	return v, err
}

// AnswerOwn takes the answers to the own questions behind the mailed link. Each
// try is charged like a proof, before it is compared. Refusals: [Errors] for
// what is no answer; Denied "own_answer"; TooMany once the tries of the procedure or of
// the number are spent. The returned claim takes the place of c.
func (s *Service) AnswerOwn(ctx context.Context, by Actor, c Claim, typed map[PersonalQuestionID]string) (_ Claim, err error) {
	now := s.now()
	var p Procedure
	defer s.observed(PressOwnQuestion, &p.Kind, &err)
	var account Account
	err = s.store.View(ctx, func(tx Tx) (err error) {
		p, err = s.heldAt(tx, c, now, StepOwnQuestion)
		if err == nil {
			account, err = tx.Account(p.Subject)
		}
		return err
	})
	if err == nil {
		err = s.triesSpent(p)
	}
	if err != nil {
		return Claim{}, err
	}
	answers, faults := takeAnswers(account.Answers.Questions, typed)
	if len(faults) > 0 {
		return Claim{}, faults
	}
	leave, err := s.gate.Enter(ctx)
	if err != nil {
		return Claim{}, err
	}
	defer leave()
	err = s.chargeOwn(ctx, c, now)
	if err != nil {
		return Claim{}, err
	}
	right := s.answersHold(account.Answers, account.Answers.Questions, answers)
	leave() // the next one hashes while this one writes
	ctx, cancel := afterCharge(ctx)
	defer cancel()
	fresh := newClaim(c.ID)
	err = s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepOwnQuestion)
		if err != nil {
			return err
		}
		if !right {
			return s.noteFailure(tx, by, p, now)
		}
		owner, err := tx.Attempts(p.Subject, BudgetProof)
		if err != nil {
			return err
		}
		owner.giveBack(now)
		err = tx.SaveAttempts(owner)
		if err != nil {
			return err
		}
		p.Failed--
		p.Step = StepClave
		p.Browser = s.claimHash(fresh)
		return saved(tx, p, by, ActProofPassed, now, nil)
	})
	if err == nil && !right {
		err = &Error{Kind: Denied, Rule: "own_answer"}
	}
	if err != nil {
		return Claim{}, err
	}
	return fresh, nil
}

// chargeOwn takes the attempt, in its own transaction: of the procedure's and of
// the owner's, whose birth date has held.
func (s *Service) chargeOwn(ctx context.Context, c Claim, now time.Time) error {
	return s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepOwnQuestion)
		if err == nil {
			err = s.triesSpent(p)
		}
		if err != nil {
			return err
		}
		owner, err := tx.Attempts(p.Subject, BudgetProof)
		if err != nil {
			return err
		}
		room, again := owner.room(now, s.ownerLimit())
		if !room {
			return &Error{Kind: TooMany, Rule: "attempts", RetryAfter: max(0, again.Sub(now))}
		}
		owner.take(now, s.policy.AttemptWindow)
		err = tx.SaveAttempts(owner)
		if err != nil {
			return err
		}
		p.Failed++
		return tx.SaveProcedure(p)
	})
}
