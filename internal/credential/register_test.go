package credential

import (
	"fmt"
	"testing"
	"time"
)

// TestManyKeys: what is done for many people is what is done for one.
func TestManyKeys(t *testing.T) {
	ring := newRing(t, nil)
	many := ring.Many("people", "record")
	for i, p := range []PlainPerson{
		{Document: Cedula, Number: "1710034065"},
		{Document: RUC, Number: "1790011674001", Email: "Ana@example.com"},
		{Document: RUC, Number: "1790011674002", Email: "Ana@example.com", InPerson: true},
		{Document: ForeignCode, Number: "AB1234", Death: Date{2026, time.January, 2}},
	} {
		number, err := ParseNumber(p.Document, p.Number)
		if err != nil {
			t.Fatal(err)
		}
		person := Person{Number: number, Death: p.Death}
		if p.Email != "" {
			person.Email, err = ParseEmail(p.Email)
			person.EmailFrom.Origin = OriginImported
			if p.InPerson {
				person.EmailFrom.Origin = OriginImportedInPerson
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		subject := ring.Subject(number)
		if many.Subject(&p) != subject || many.Digest(subject, &p) != ring.RegisterDigest(subject, person) {
			t.Errorf("person %d: another subject or digest", i)
		}
		at := Place{Table: "people", Column: "record", Row: subject[:]}
		first, second := many.Seal([]byte("x"), []byte("plain"), subject), many.Seal(nil, []byte("plain"), subject)
		plain, err := ring.Open(first[1:], at)
		if err != nil || string(plain) != "plain" || string(first[1:]) == string(second) {
			t.Errorf("person %d: opens as %q, %v", i, plain, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", p, p, &p); text != "••• ••• credential.PlainPerson(•••)" {
			t.Errorf("a person prints as %s", text)
		}
	}
	// More than one draw of nonces: none comes twice.
	seen := map[string]bool{}
	for range 1000 {
		seen[string(many.Seal(nil, nil, Subject{})[5:17])] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d nonces for 1000 records", len(seen))
	}
}
