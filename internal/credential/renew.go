package credential

import (
	"context"
	"strings"
)

// RenewForm is the personal questions as answered anew: the bank where the policy
// keeps three answers, one question where it keeps one.
type RenewForm struct {
	Current  string // the clave
	Bank     map[PersonalQuestionID]string
	Question PersonalQuestionID
	Answer   string
}

// errNoQuestions says that the policy asks nobody a personal question.
var errNoQuestions = &Error{Kind: NotFound, Rule: "own_questions"}

// LookQuestions gives the bank as the page of its renewal lists it. Expired
// "session", Denied "level"; NotFound "own_questions" where the policy keeps none.
func (s *Service) LookQuestions(ctx context.Context, t SessionToken) ([]PersonalQuestionID, error) {
	now := s.now()
	var x Session
	err := s.store.View(ctx, func(tx Tx) (err error) {
		x, _, err = s.insider(tx, t, InPerson, now)
		return err
	})
	if err == nil && s.policy.OwnQuestions == 0 {
		err = errNoQuestions
	}
	if err != nil {
		return nil, err
	}
	return bankPage(s.bankOrder(x.Subject)), s.used(ctx, x, now)
}

// RenewQuestions replaces the personal answers of an account of level 2, all of
// them together, by who gives the current clave once more. Every address on record
// is told. It returns the token that takes the place of t.
//
// Refusals: Expired "session", Denied "level", NotFound "own_questions"; [Errors] of
// "current" and of the answers as for [Service.SetQuestions] or [Service.SetSecurity];
// those of [Service.LogIn].
func (s *Service) RenewQuestions(ctx context.Context, by Actor, t SessionToken, form RenewForm) (_ SessionToken, err error) {
	defer s.pressed(PressQuestions, &err)
	now := s.now()
	if s.policy.OwnQuestions == 0 {
		return SessionToken{}, errNoQuestions
	}
	// What could only be said of a real person is said after the clave was right.
	_, faults, err := s.renewed(form, PersonalQuestions(), OwnData{})
	if err != nil {
		return SessionToken{}, err
	}
	again, err := s.proveAgain(ctx, by, t, InPerson, form.Current, faults, now)
	if err != nil {
		return SessionToken{}, err
	}
	defer again.leave()
	subject, person := again.session.Subject, again.person
	kept, faults, err := s.renewed(form, s.bankOrder(subject), ownData(person.Number, person, Email{}))
	if err == nil && len(faults) > 0 {
		err = faults
	}
	if err != nil {
		return SessionToken{}, s.undoAgain(ctx, again, now, err)
	}
	set := HashAnswers(s.policy.HashParams(), kept)
	err = s.doAgain(ctx, by, again, now, func(tx Tx, account Account) error {
		account.Answers = set
		err := tx.SaveAccount(account)
		if err != nil {
			return err
		}
		return s.tellInside(tx, by, subject, person, MailQuestionsRenewed, ActQuestionsRenewed, MailFacts{}, now)
	})
	if err != nil {
		return SessionToken{}, err
	}
	s.mailQueued()
	return again.token, nil
}

// renewed checks the answers of a form and gives those that are kept.
func (s *Service) renewed(form RenewForm, order []PersonalQuestionID, about OwnData) ([]PersonalAnswer, Errors, error) {
	var faults Errors
	if s.policy.OwnQuestions != AskedAtRecovery {
		answer, questionFault, answerFault := checkOwnAnswer(SecurityForm{Question: form.Question, Answer: form.Answer}, about)
		for _, fault := range []error{questionFault, answerFault} {
			err := faults.take(fault)
			if err != nil {
				return nil, nil, err
			}
		}
		return []PersonalAnswer{answer}, faults, nil
	}
	answers := givenAnswers(order, form.Bank)
	err := faults.take(CheckAnswers(answers, s.policy.BankAnswers, about))
	return answers[:min(len(answers), AskedAtRecovery)], faults, err
}

// givenAnswers lists the questions of the bank that were answered, in an order.
func givenAnswers(order []PersonalQuestionID, typed map[PersonalQuestionID]string) []PersonalAnswer {
	var answers []PersonalAnswer
	for _, id := range order {
		if strings.TrimSpace(typed[id]) != "" {
			answers = append(answers, PersonalAnswer{Question: id, Answer: NewText(typed[id])})
		}
	}
	return answers
}
