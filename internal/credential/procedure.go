package credential

import (
	"log/slog"
	"slices"
	"time"
)

// ProcedureKind says what a procedure (trámite) is for.
type ProcedureKind string

// The kinds, chosen by the applicant on the first page.
const (
	Generate ProcedureKind = "generate" // «Generar mi clave por primera vez»
	Recover  ProcedureKind = "recover"  // «Recuperar mi clave»

	// Unlock is «Desbloqueo de clave», which has a page of its own.
	Unlock ProcedureKind = "unlock"

	// ChangeAddress is the change of one's address from inside a session (address.go).
	ChangeAddress ProcedureKind = "address"
)

// setsClave reports whether a kind ends with a new clave, so that its link leads
// to the page for one.
func (k ProcedureKind) setsClave() bool { return k == Generate || k == Recover }

// ParseProcedureKind takes the code of a kind as forms send it.
func ParseProcedureKind(s string) (ProcedureKind, error) {
	switch k := ProcedureKind(s); k {
	case Generate, Recover:
		return k, nil
	}
	return "", invalid("kind", "choose")
}

// Step is where a procedure stands. It lives in the row and nowhere else.
type Step string

// The steps, in the order in which they are earned. See the package comment for
// the drawing.
const (
	StepProve         Step = "prove"          // waits for date and answers or code
	StepProveReview   Step = "prove_review"   // they stand; «Aceptar» brings the verdict
	StepQuestions     Step = "questions"      // generate only: the bank of ten, or image, question and contact
	StepContact       Step = "contact"        // waits for the address
	StepContactReview Step = "contact_review" // it stands; «Aceptar» sends the mail
	StepSent          Step = "sent"           // the mail is queued, held or gone
	StepOwnQuestion   Step = "own_question"   // link or code held; an own question is still to be answered
	StepClave         Step = "clave"          // everything holds; «Generar» finishes
	StepDone          Step = "done"

	StepOldCode Step = "old_code" // a change of address waits for the code mailed to the old one
)

// steps lists the steps of a kind, as pages count them («Paso 3 de 7»). Where
// the verdict is not told there is no contact page: whose address it would be?
// Behind the link of an unlock there is no mail.
func (p Policy) steps(kind ProcedureKind, untold, mailHeld bool) []Step {
	list := []Step{StepProve, StepProveReview}
	switch {
	case untold, mailHeld:
	case kind == Generate && p.contactWithQuestions():
		list = append(list, StepQuestions, StepContactReview)
	case kind == Generate && p.OwnQuestions > 0:
		list = append(list, StepQuestions, StepContact, StepContactReview)
	default:
		list = append(list, StepContact, StepContactReview)
	}
	if !mailHeld {
		list = append(list, StepSent)
	}
	if p.asksBehindLink(kind) {
		list = append(list, StepOwnQuestion)
	}
	return append(list, StepClave)
}

// Position gives the number of a procedure's step among those of its kind, the
// first page counted as 1, and how many there are.
func (p Policy) Position(v Progress) (n, of int) {
	list, step := p.steps(v.Kind, v.Untold || p.neverTells(v.Kind), v.MailProven), v.Step
	of = len(list) + 1
	if step == StepContact && p.contactWithQuestions() && v.Kind == Generate {
		step = StepQuestions
	}
	i := slices.Index(list, step)
	if i < 0 {
		return of, of
	}
	return i + 2, of
}

// End says how a procedure ended, where it did.
type End string

// The ends. A procedure that merely ran out of time has none: its ExpiresAt tells.
const (
	NotEnded  End = ""
	Finished  End = "finished"  // a clave was set
	Replaced  End = "replaced"  // another procedure of the person finished
	Objected  End = "objected"  // «No fui yo» cancelled its change of address
	Abandoned End = "abandoned" // «Terminar aquí» before the mail was sent
	TimedOut  End = "expired"   // ended by the register; it reads as one that ran out of time
)

// Procedure is one trámite, from the first page to «Finalizar». The person it
// is about may not exist: until the verdict nothing tells.
type Procedure struct {
	ID        ID
	Subject   Subject
	Kind      ProcedureKind
	Step      Step
	Policy    string   // the preset under which it runs
	Browser   [32]byte // hash of the secret of the browser that holds it; zero when none does
	Reference string   // XXXX-XXXX, on the page and in the mail
	CreatedAt time.Time
	ExpiresAt time.Time
	End       End
	EndedAt   time.Time // zero while it has not ended

	Extensions int // how often its time was renewed
	Failed     int // verdicts lost within it
	CodeTries  int // codes typed within it

	Generation uint16    // of its current mail; 0 before the first
	HoldUntil  time.Time // the mail leaves then; zero for at once
	Attempted  time.Time // first attempt to send the current generation; zero before
	Accepted   time.Time // first acceptance by the relay; zero without a record

	Typed Typed // sealed

	Version int64 // of the row; a save with another one is refused
}

// Typed is what the applicant typed and chose, and after the verdict what was
// proven; of an unlock, number, address and what an untold one has. It is stored
// sealed as one value.
type Typed struct {
	Document Document `json:"document"`
	Number   Number   `json:"-"`
	Digits   string   `json:"number"` // Number as stored
	Audience Audience `json:"audience,omitempty"`

	Language Language `json:"language,omitempty"` // of its mails: that of the page where it began

	Asked []PersonalQuestionID `json:"asked,omitempty"` // recover: the three

	Day     int               `json:"day,omitempty"`
	Month   int               `json:"month,omitempty"`
	Year    int               `json:"year,omitempty"`    // where the policy asks it
	Record  Facts             `json:"record,omitempty"`  // generate: options chosen
	Answers map[string]string `json:"answers,omitempty"` // recover: personal answers, erased at the verdict
	Code    string            `json:"code,omitempty"`    // generate: activation code, erased at the verdict
	ByCode  bool              `json:"by_code,omitempty"` // «Tengo un código de activación», where the policy asks something else

	Proof ID `json:"proof,omitzero"` // the activation code that held, spent by «Generar»

	Bank  AnswerSet     `json:"bank,omitzero"`   // generate: the hash of the answers, never the answers
	Image SecurityImage `json:"image,omitempty"` // generate: the picture chosen
	Phone string        `json:"phone,omitempty"` // generate: as stored

	// Untold is where the verdict is told by no page but only by the mail (see
	// untold.go): Email is then empty for whom nothing was sent to. AskedAt is when a mail
	// was asked for last, Again how often again. Begun is, of a procedure that a
	// link began elsewhere, the one whose mail it was.
	Untold    bool      `json:"untold,omitempty"`
	AskedAt   time.Time `json:"asked_at,omitzero"`
	Again     int       `json:"again,omitempty"`
	LinkTries int       `json:"link_tries,omitempty"` // birthdays typed behind its link in other browsers
	Begun     ID        `json:"begun,omitzero"`

	// MailProven is a recover begun behind the link of an unlock: whoever reads the
	// mailbox is proven already, and no other mail is sent.
	MailProven bool `json:"mail_held,omitempty"`

	Email string `json:"email,omitempty"` // typed, or the fixed one at the time it was accepted
	Fixed bool   `json:"fixed,omitempty"` // the address on record, verified in person
	Old   string `json:"old,omitempty"`   // of a change of address: the one that proves it

	Refused bool `json:"refused,omitempty"` // the relay refused the address for good
}

// String masks everything that was typed.
func (Typed) String() string { return masked }

// GoString masks it for %#v.
func (Typed) GoString() string { return "credential.Typed(•••)" }

// LogValue masks it in structured logs.
func (Typed) LogValue() slog.Value { return slog.StringValue(masked) }

// AnswerSet is the three personal answers by which an account recovers, as one
// hash: nobody can test a single answer.
type AnswerSet struct {
	Questions  []PersonalQuestionID `json:"questions,omitempty"` // in order of id
	Hash       string               `json:"hash,omitempty"`      // argon2id over EncodeAnswers
	Normaliser int                  `json:"normaliser,omitempty"`
}

// IsZero reports whether there are no answers.
func (a AnswerSet) IsZero() bool { return a.Hash == "" }

// mailLife gives how long the current mail's link or code holds: from its
// acceptance by the relay, and at most from the first attempt to send it.
func (p Procedure) mailLife(policy Policy) (life, cap time.Duration) {
	if p.Kind == ChangeAddress && p.Step == StepSent {
		return addressLinkLife, addressLinkLife
	}
	return policy.LinkLife, policy.LinkCap
}

// validUntil says until when the current mail's link and code hold: from the
// first attempt to send until the earlier of acceptance plus life, and the cap.
// Zero means not yet: the mail has not been tried.
func (p Procedure) validUntil(policy Policy) time.Time {
	if p.Attempted.IsZero() {
		return time.Time{}
	}
	life, cap := p.mailLife(policy)
	until := p.Attempted.Add(cap)
	if byLife := p.Accepted.Add(life); !p.Accepted.IsZero() && byLife.Before(until) {
		until = byLife
	}
	if p.ExpiresAt.Before(until) {
		until = p.ExpiresAt // a mail sent again does not outlive the first one's cap
	}
	return until
}

// over reports how the procedure is over at now, as a refusal, or nil.
func (p Procedure) over(now time.Time) error {
	switch {
	case p.End != NotEnded:
		return &Error{Kind: Expired, Rule: string(p.End)}
	case !now.Before(p.ExpiresAt):
		return &Error{Kind: Expired, Rule: "expired"}
	}
	return nil
}
