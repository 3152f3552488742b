package credential

import (
	"fmt"
	"log/slog"
	"time"
)

// Audience is the capacity in which a person deals with the institution. The
// applicant chooses it on the first page of a generate; it picks the list of
// record questions (see [RecordQuestions]).
type Audience string

// The audiences of the institution, with its own words.
const (
	Affiliate Audience = "afiliado"        // contributes today or did
	Pensioner Audience = "pensionista"     // draws a pension of their own
	Survivor  Audience = "derechohabiente" // draws a pension left by somebody
	Employer  Audience = "empleador"       // pays contributions for others, under a RUC
)

// Audiences lists them in the order in which pages show them.
func Audiences() []Audience { return []Audience{Affiliate, Pensioner, Survivor, Employer} }

// ParseAudience takes the code of an audience as forms send it.
func ParseAudience(s string) (Audience, error) {
	for _, a := range Audiences() {
		if string(a) == s {
			return a, nil
		}
	}
	return "", invalid("audience", "choose")
}

// Date is a calendar day without a time or a zone. The zero Date is no date.
type Date struct {
	Year  int        `json:"y,omitempty"`
	Month time.Month `json:"m,omitempty"`
	Day   int        `json:"d,omitempty"`
}

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// ISO gives the date as YYYY-MM-DD. A birth date is personal: callers of ISO
// reveal it.
func (d Date) ISO() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// String masks the date, which is somebody's birth date more often than not.
func (d Date) String() string { return masked }

// GoString masks the date for %#v.
func (d Date) GoString() string { return "credential.Date(•••)" }

// LogValue masks the date in structured logs.
func (d Date) LogValue() slog.Value { return slog.StringValue(masked) }

// Person is what the institution's record says of one number. It is read only
// after the verdict's charge, and nothing of it is ever shown before the proof.
// For a RUC the record is the employer's, and names, birth date and facts are
// those of its legal representative.
type Person struct {
	Number     Number
	GivenNames Text
	Surnames   Text
	Birth      Date
	Death      Date // zero while alive
	Audiences  []Audience
	Facts      Facts

	// Email is the address that the register itself has, the zero Email where it
	// has none, and EmailFrom its provenance: OriginImported or
	// OriginImportedInPerson.
	Email     Email
	EmailFrom Provenance
}

// HasAudience reports whether the person deals with the institution as a.
func (p Person) HasAudience(a Audience) bool {
	for _, have := range p.Audiences {
		if have == a {
			return true
		}
	}
	return false
}

// FactID names one fact of the record, and with it the record question that
// asks for it.
type FactID string

// NotOnRecord is the option «No consta» that every record question offers: the
// right answer where the record holds no such fact.
const NotOnRecord = "none"

// Facts are the facts behind the record questions: for each, the code of the
// right option. A fact that is missing is answered by [NotOnRecord].
type Facts map[FactID]string

// Answer returns the right option for the fact.
func (f Facts) Answer(id FactID) string {
	if code, ok := f[id]; ok {
		return code
	}
	return NotOnRecord
}

// RecordQuestion is one question about the institution's record. Its options
// are a whole domain, the same for everyone, so that no page ever shows a true
// fact of anybody.
type RecordQuestion struct {
	ID      FactID
	Options []string // codes, in page order, NotOnRecord last
}

// PersonalQuestionID names one question of the personal bank (M8).
type PersonalQuestionID string

// PersonalQuestions is the bank of ten, in page order. Their texts are words
// "bank.<id>".
func PersonalQuestions() []PersonalQuestionID {
	return []PersonalQuestionID{
		"first_school", "childhood_street", "grandmother", "first_job_boss", "childhood_friend",
		"first_teacher", "favourite_dish_of_childhood", "first_pet", "birth_hospital", "first_trip",
	}
}
