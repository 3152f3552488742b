package web

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/words"
)

// problem is one refusal as a page shows it: in the summary, and beside its
// field.
type problem struct {
	Field string // name of the input; empty for the whole form
	Text  string
	About string // instead of Text in the summary, which is far from the field; may be empty
}

// Listed is the sentence of the summary.
func (p problem) Listed() string {
	if p.About != "" {
		return p.About
	}
	return p.Text
}

// Anchor is the id of the input, for the summary's link.
func (p problem) Anchor() string {
	if p.Field == "" {
		return ""
	}
	return "#" + anchor(p.Field)
}

// anchor is the id of the first control of a field.
func anchor(field string) string { return strings.ReplaceAll(field, ".", "-") }

// problems are all refusals of a form, in page order.
type problems []problem

// Of gives the sentence beside a field; empty for none.
func (p problems) Of(field string) string {
	for _, one := range p {
		if one.Field == field {
			return one.Text
		}
	}
	return ""
}

// inputs maps the domain's fields to the names of our inputs.
var inputs = map[string]string{
	"kind": "necesita", "document": "documento", "number": "numero", "audience": "soy", "captcha": "altcha",
	"day": "dia", "month": "mes", "email": "correo", "code": "codigo",
	"year": "anio", "activation": "activacion", "image": "imagen", "question": "pregunta", "answer": "respuesta", "phone": "telefono",
	"agreed": "acuerdo", "current": "actual", "old_code": "codigo", "act_kind": "que",
	"understood": "entiendo", "request_kind": "pedido", "request": "texto",
	"complaint_kind": "tipo", "topic": "asunto", "complaint": "texto", "complaint_number": "numero", "complaint_code": "codigo",
	"declared": "declaro", "password": "clave", "repeat": "repita",
}

func inputOf(field string) string {
	if name, ok := inputs[field]; ok {
		return name
	}
	return field // "record.<id>" and "bank.<id>" are their own names
}

// explained turns refusals into sentences; ok is false for an error that is no
// refusal of a form.
func (s *Server) explained(err error) (list problems, first *credential.Error, ok bool) {
	var refusals []*credential.Error
	if several, is := errors.AsType[credential.Errors](err); is {
		refusals = several
	} else if one, is := errors.AsType[*credential.Error](err); is {
		refusals = []*credential.Error{one}
	}
	if len(refusals) == 0 {
		return nil, nil, false
	}
	for _, refusal := range refusals {
		switch refusal.Kind {
		case credential.Denied:
			if refusal.Rule == "level" {
				return nil, nil, false // about the account, and nothing in the form
			}
		case credential.Invalid, credential.TooMany, credential.Unavailable:
		case credential.Expired:
			if refusal.Rule != "mail_expired" {
				return nil, nil, false
			}
		default:
			return nil, nil, false
		}
		one := problem{Field: inputOf(refusal.Field), Text: sentence(s.Words, refusal, s.Service.Policy(), s.Now())}
		one.About = about(s.Words, refusal, one.Text)
		list = append(list, one)
	}
	return list, refusals[0], true
}

// sentence finds the words of a refusal: "rule.<field>.<rule>", where record and
// bank questions share theirs, else "rule.<rule>". A sentence may name the
// policy's numbers, {min} and {max} of a clave, {least} of the bank, the
// {attempt_window}, how much is taken at {most}, and how long to {wait} or {until}
// when, to the minute after.
func sentence(l *words.Language, refusal *credential.Error, policy credential.Policy, now time.Time) string {
	seconds := max(1, int(math.Ceil(refusal.RetryAfter.Seconds())))
	until := now.Add(refusal.RetryAfter + time.Minute - 1).Truncate(time.Minute)
	wait := l.Text("lasting.seconds", "n", seconds)
	if seconds == 1 {
		wait = l.Text("lasting.second")
	}
	numbers := []any{
		"most", l.Number(credential.MaxLetter), "min", policy.PasswordMin, "max", policy.PasswordMax, "least", policy.BankAnswers, "wait", wait, "until", l.DateTime(until),
		"attempt_window", l.Lasting(policy.AttemptWindow),
	}
	group, _, _ := strings.Cut(refusal.Field, ".")
	if key := "rule." + group + "." + refusal.Rule; group != "" && l.Has(key) {
		return l.Text(key, numbers...)
	}
	return l.Text("rule."+refusal.Rule, numbers...)
}

// about is the sentence of a refused answer with its question, so that the links
// of a summary differ; empty for what is no answer to a question.
func about(l *words.Language, refusal *credential.Error, text string) string {
	group, id, _ := strings.Cut(refusal.Field, ".")
	var question string
	switch {
	case id == "":
		return ""
	case group == "record":
		question = l.RecordQuestion(credential.FactID(id))
	case group == "bank":
		question = l.PersonalQuestion(credential.PersonalQuestionID(id))
	default:
		return ""
	}
	if key := "rule." + group + "." + refusal.Rule + "_of"; l.Has(key) {
		return l.Text(key, "question", question)
	}
	return l.Text("rule.answer_of", "question", question, "problem", text)
}

// both is a refusal after another one, which may be none, in page order.
func both(err error, refusal *credential.Error) error {
	if earlier, ok := errors.AsType[*credential.Error](err); ok {
		return credential.Errors{earlier, refusal}
	}
	return refusal
}

// problemPage shows a form, with what is wrong with it.
type problemPage func(w http.ResponseWriter, r *http.Request, status int, p problems) error

// refused shows a form again with what is wrong, or passes on an error that is
// none of the form's.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, err error, show problemPage) error {
	list, first, ok := s.explained(err)
	if !ok {
		return err
	}
	noteRefusal(r, first)
	setRetryAfter(w, first)
	return show(w, r, statusOf(first), list)
}

// choice is one radio or option.
type choice struct {
	Value, Label, Hint string
	Chosen             bool
}
