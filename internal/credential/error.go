package credential

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what a refusal is, in the terms a caller acts on. It is the whole
// vocabulary: an error that is not an [*Error] is a fault of ours and is shown
// to nobody.
type Kind string

// The kinds of refusal.
const (
	Invalid     Kind = "invalid"     // what was typed cannot be taken
	Denied      Kind = "denied"      // the proof did not hold; it never says which part
	NotFound    Kind = "not_found"   // no such procedure, link or page
	Conflict    Kind = "conflict"    // a form of another procedure, or a step not earned
	Expired     Kind = "expired"     // a link or procedure that is over; Rule says how it ended
	TooMany     Kind = "too_many"    // a limit, with RetryAfter where time cures it
	Unavailable Kind = "unavailable" // the gate is full or a source is away; nothing was spent
)

// Error is a refusal: what kind, about which field, by which rule. It carries
// no sentence; the words for people live in package words under
// "rule.<Field>.<Rule>" or "rule.<Rule>".
type Error struct {
	Kind       Kind
	Field      string        // the form field it is about; empty for the whole form
	Rule       string        // the rule that refused, for example "check_digit"
	RetryAfter time.Duration // for TooMany and Unavailable; zero when unknown
	Err        error         // the cause, never shown to people; may be nil
}

// Error describes the refusal for a log: kind, field and rule, no personal data.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s %s/%s", e.Kind, e.Field, e.Rule)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsKind reports whether err is, or wraps, a refusal of kind k.
func IsKind(err error, k Kind) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Kind == k
}

// invalid is the refusal of one field by one rule.
func invalid(field, rule string) *Error {
	return &Error{Kind: Invalid, Field: field, Rule: rule}
}

// Errors are the refusals of several fields of one form, in page order.
type Errors []*Error

// add appends a refusal; nil adds nothing.
func (e *Errors) add(refusal *Error) {
	if refusal != nil {
		*e = append(*e, refusal)
	}
}

// take appends what err refuses, and returns err where it is no refusal.
func (e *Errors) take(err error) error {
	refusal, ok := errors.AsType[*Error](err)
	if ok {
		e.add(refusal)
		return nil
	}
	return err
}

// Error describes the refusals for a log.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, refusal := range e {
		texts[i] = refusal.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap lists the refusals.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, refusal := range e {
		list[i] = refusal
	}
	return list
}
