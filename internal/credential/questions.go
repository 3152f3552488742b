package credential

import (
	"context"
	"slices"
)

// ownData gathers what no secret of a person may be built from.
func ownData(n Number, p Person, email Email) OwnData {
	return OwnData{Number: n, GivenNames: p.GivenNames, Surnames: p.Surnames, Birth: p.Birth, Email: email}
}

// SetQuestions takes the bank of ten of a generate: at least three answered,
// none of them weak. Three are kept, as one hash: the first three of the
// number's order where they were answered, else the next answered ones.
func (s *Service) SetQuestions(ctx context.Context, by Actor, c Claim, typed map[PersonalQuestionID]string) (err error) {
	now := s.now()
	var p Procedure
	defer s.observed(PressQuestions, &p.Kind, &err)
	err = s.store.Glance(ctx, func(tx Tx) (err error) {
		p, err = s.heldAt(tx, c, now, StepQuestions, StepContact, StepContactReview)
		if err == nil && (p.Kind != Generate || s.policy.OwnQuestions != AskedAtRecovery) {
			err = errStep
		}
		return err
	})
	if err != nil {
		return err
	}
	answers := givenAnswers(s.bankOrder(p.Subject), typed)
	person, _, err := s.person(ctx, p.Subject)
	if err != nil {
		return err
	}
	err = CheckAnswers(answers, s.policy.BankAnswers, ownData(p.Typed.Number, person, Email{}))
	if err != nil {
		return err
	}
	kept := answers[:AskedAtRecovery]
	set, err := s.hashAnswers(ctx, kept)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepQuestions, StepContact, StepContactReview)
		if err != nil {
			return err
		}
		p.Typed.Bank = set
		p.Step = StepContact
		return saved(tx, p, by, ActQuestionsSet, now, nil)
	})
}

// hashAnswers makes the one hash of three answers, inside the gate.
func (s *Service) hashAnswers(ctx context.Context, kept []PersonalAnswer) (AnswerSet, error) {
	leave, err := s.gate.Enter(ctx)
	if err != nil {
		return AnswerSet{}, err
	}
	defer leave()
	return HashAnswers(s.policy.HashParams(), kept), nil
}

// HashAnswers makes the stored form of the three answers of an account.
func HashAnswers(params HashParams, kept []PersonalAnswer) AnswerSet {
	set := AnswerSet{Hash: params.Hash(EncodeAnswers(kept)), Normaliser: NormaliserVersion}
	for _, a := range kept {
		set.Questions = append(set.Questions, a.Question)
	}
	slices.Sort(set.Questions)
	return set
}

// AskedFirst gives the questions that a recover of this number asks when all of
// them were answered: the bank page lists them first.
func (s *Service) AskedFirst(n Number) []PersonalQuestionID {
	return s.bankOrder(s.keys.Subject(n))[:AskedAtRecovery]
}
