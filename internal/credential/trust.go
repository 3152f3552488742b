package credential

import "time"

// Level is how well an account's owner was proven when the clave was last set
// (table in docs/security-cases.md; waiting never raises it).
type Level int

// The levels of trust.
const (
	NoLevel  Level = 0 // no clave was ever set here
	Declared Level = 1 // «declarado»: record or own questions and a typed or confirmed address
	InPerson Level = 2 // «presencial»: an address verified in person, an activation code, a visit
)

// Origin is where the proof of an address comes from.
type Origin string

// The origins, weakest first.
const (
	OriginImported  Origin = "imported"  // came with the institution's register
	OriginTyped     Origin = "typed"     // typed by whoever held the proof
	OriginConfirmed Origin = "confirmed" // a mail sent there was answered here
	OriginInPerson  Origin = "in_person" // an officer saw the person

	// OriginImportedInPerson came with the register, with the mark that the
	// institution saw the person. It fixes the address, as one verified in person
	// does, and never gives level 2: nobody here saw whom it was.
	OriginImportedInPerson Origin = "imported_in_person"

	// OriginSucceeds took the place of a fixed address, by a code to that one and a
	// link to this. It is fixed as well, so that who was once verified in person
	// never sees the empty box again; but no officer saw it, so a recovery by it
	// gives level 1, and no lock is ended by a mail to it.
	OriginSucceeds Origin = "succeeds"
)

// fixed reports whether such an address cannot be changed by who proves themselves
// by questions: it changes at a counter, or by a code to itself.
func (o Origin) fixed() bool { return o.seen() || o == OriginSucceeds }

// seen reports whether somebody saw the person, here or at the institution.
func (o Origin) seen() bool { return o == OriginInPerson || o == OriginImportedInPerson }

// Provenance says where an address comes from: what kind of proof, when, and by
// whom. Source and Run are set for what was imported, Officer and Office for
// OriginInPerson.
type Provenance struct {
	Origin  Origin    `json:"origin"`
	At      time.Time `json:"at"`
	Source  string    `json:"source,omitempty"`
	Run     string    `json:"run,omitempty"`
	Officer string    `json:"officer,omitempty"`
	Office  string    `json:"office,omitempty"`
}

// String gives the level's name, as the institution says it.
func (l Level) String() string {
	switch l {
	case Declared:
		return "declarado"
	case InPerson:
		return "presencial"
	}
	return "ninguno"
}
