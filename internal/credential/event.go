package credential

import (
	"context"
	"errors"
)

// Event is what one press in a procedure came to, for the figures of whoever runs
// the program: what was chosen on the first page, which press, and how the page
// answered. Nothing in it is personal, and nothing that the page did not say.
type Event struct {
	Kind    ProcedureKind // empty where no procedure was found
	Press   Press
	Outcome string // "done", the [Kind] of the refusal, "gone" (the client), or "fault" (ours)
}

// Press is a use case that moves a procedure on, or fails to.
type Press string

// The presses, in the order of the journey.
const (
	PressStart       Press = "start"
	PressProve       Press = "prove"
	PressVerdict     Press = "verdict"
	PressQuestions   Press = "questions"
	PressContact     Press = "contact"
	PressSend        Press = "send"
	PressResend      Press = "resend"
	PressCode        Press = "code"
	PressLink        Press = "link"
	PressOwnQuestion Press = "own_question"
	PressClave       Press = "clave"
	PressUnlock      Press = "unlock"
	PressLogIn       Press = "log_in"
	PressChange      Press = "change"
	PressAddress     Press = "address"
	PressClose       Press = "close"
	PressDownload    Press = "download"
	PressRequest     Press = "request"
	PressAbandon     Press = "abandon"
	PressObjection   Press = "objection"

	PressComplaint     Press = "complaint"
	PressComplaintLink Press = "complaint_link"
)

// observed tells of a press. It is deferred, so that kind and err are those with
// which the press ended.
func (s *Service) observed(press Press, kind *ProcedureKind, err *error) {
	if s.observe != nil {
		s.observe(Event{Kind: *kind, Press: press, Outcome: outcomeOf(*err)})
	}
}

// pressed is observed for what is no procedure.
func (s *Service) pressed(press Press, err *error) {
	var none ProcedureKind
	s.observed(press, &none, err)
}

func outcomeOf(err error) string {
	if err == nil {
		return "done"
	}
	if refusal, ok := errors.AsType[*Error](err); ok {
		return string(refusal.Kind)
	}
	if errors.Is(err, context.Canceled) {
		return "gone"
	}
	return "fault"
}
