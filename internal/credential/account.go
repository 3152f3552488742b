package credential

import (
	"encoding/binary"
	"time"
)

// Account is what the system itself knows of a person: the clave, the personal
// answers and how far the owner was proven. It exists from the first clave on.
type Account struct {
	Subject    Subject
	Clave      string        // argon2id in PHC form; stored sealed
	Answers    AnswerSet     // stored sealed
	Image      SecurityImage // likewise; empty for none
	Phone      Text          // likewise; as [ParsePhone] gives it, empty for none
	Language   Language      // likewise: of the page where the clave was last set or changed, for the notices
	Level      Level
	ProvenAt   time.Time // when the clave was last set by a proof
	MustChange bool      // a clave handed over by the institution, good for one change
	// FrozenFrom is the instant of the act that «No fui yo» disputed: the account
	// opens nothing until its owner proves themselves by what stood before it. Zero
	// while it is not frozen. See freeze.go.
	FrozenFrom time.Time
	ClosedAt   time.Time // when the owner closed the web way (closing.go); zero while it is open
	CreatedAt  time.Time
	Version    int64 // 0 for an account that is not stored yet
}

// bound is what the row's MAC covers: person, level, version and act, so that a
// level raised or a freeze ended in the database alone is noticed.
func (a Account) bound() []byte {
	out := append([]byte{}, a.Subject[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(a.Level))
	out = binary.BigEndian.AppendUint64(out, uint64(a.ProvenAt.UnixMilli()))
	out = append(out, boolByte(a.MustChange))
	if !a.FrozenFrom.IsZero() {
		out = append(out, millis(a.FrozenFrom)...)
	}
	if !a.ClosedAt.IsZero() { // rows from before there was such a thing have MACs without it
		out = append(out, "closed"...)
		out = append(out, millis(a.ClosedAt)...)
	}
	return binary.BigEndian.AppendUint64(out, uint64(a.Version))
}

// AccountMAC authenticates level, proof time and version of an account.
func (k *KeyRing) AccountMAC(a Account) []byte { return k.rowMAC("account", a.bound()) }

// Address is one e-mail address of a person with where its proof comes from.
// The current ones are those not replaced; every notice goes to all of them.
type Address struct {
	Subject    Subject
	ID         ID
	Email      Email // stored sealed
	Provenance Provenance
	ReplacedAt time.Time // zero while it is on record
}

// AddressMAC authenticates person, address, provenance and whether it is still
// on record, together.
func (k *KeyRing) AddressMAC(a Address) []byte {
	p := a.Provenance
	return k.rowMAC("address", a.Subject[:], a.ID[:], []byte(a.Email.Reveal()), []byte(p.Origin),
		millis(p.At),
		[]byte(p.Source), []byte(p.Run), []byte(p.Officer), []byte(p.Office), millis(a.ReplacedAt))
}

// fixedAddress finds the address verified in person, here or by the register's
// mark, or the one that took its place: who proves themselves by questions cannot
// change it. One verified here goes before
// one of the register, and of several the newest.
func fixedAddress(on []Address) (Address, bool) {
	var best Address
	found := false
	for _, a := range on {
		if !a.Provenance.Origin.fixed() {
			continue
		}
		here, bestHere := a.Provenance.Origin == OriginInPerson, best.Provenance.Origin == OriginInPerson
		if !found || here && !bestHere || here == bestHere && a.Provenance.At.After(best.Provenance.At) {
			best, found = a, true
		}
	}
	return best, found
}

// provenAddress finds the address that was proven to be its owner's, which a change
// of it is proven by: the fixed one, else the one confirmed last.
func provenAddress(on []Address) (Address, bool) {
	if a, ok := fixedAddress(on); ok {
		return a, true
	}
	var best Address
	for _, a := range on {
		if a.Provenance.Origin == OriginConfirmed && !a.Provenance.At.Before(best.Provenance.At) {
			best = a
		}
	}
	return best, !best.ID.IsZero()
}

// bestAddress is the address on record that proves its owner best, of several the
// newest; zero where there is none.
func bestAddress(on []Address) (best Address) {
	for _, a := range on {
		rank, most := a.Provenance.Origin.rank(), best.Provenance.Origin.rank()
		if best.Email.IsZero() || rank > most || rank == most && a.Provenance.At.After(best.Provenance.At) {
			best = a
		}
	}
	return best
}

// accountOf reads the account of a subject; zero where there is none.
func accountOf(tx Tx, s Subject) (Account, error) {
	account, err := tx.Account(s)
	return account, ignoreNoRow(err)
}

// millis writes an instant as the database keeps it; the zero time is 0.
func millis(t time.Time) []byte {
	if t.IsZero() {
		return int64Bytes(0)
	}
	return int64Bytes(t.UnixMilli())
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
