package credential

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

// Subject is the keyed hash of a canonical number. It stands for the number in
// every table, counter and lock, whether or not the number is anybody's.
type Subject [16]byte

// Shard is the part of a subject that every token about it carries: the unit by
// which writes about one person are put in order, and by which a larger
// database could be divided.
type Shard uint16

// Shard gives the subject's shard.
func (s Subject) Shard() Shard { return Shard(binary.BigEndian.Uint16(s[:2])) }

// Subject gives the subject of a number.
func (k *KeyRing) Subject(n Number) Subject {
	sum := k.Lookup("subject", []byte(n.SubjectKey()))
	return Subject(sum[:16])
}

// ID names a procedure or a notice: two bytes of shard and fourteen random ones.
type ID [16]byte

// newID makes a fresh id in a shard.
func newID(shard Shard) ID {
	var id ID
	rand.Read(id[2:])
	binary.BigEndian.PutUint16(id[:2], uint16(shard))
	return id
}

// Shard gives the shard that the id carries.
func (id ID) Shard() Shard { return Shard(binary.BigEndian.Uint16(id[:2])) }

// IsZero reports whether the id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String gives the id as it stands in forms and links: 22 URL-safe characters.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseID reads what [ID.String] writes. Anything else is the zero ID and false.
func ParseID(text string) (ID, bool) {
	raw, ok := decodeToken(text, len(ID{}))
	if !ok {
		return ID{}, false
	}
	return ID(raw), true
}

// decodeToken reads exactly n bytes of URL-safe base64, strictly: one spelling
// for one token.
func decodeToken(text string, n int) ([]byte, bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(n) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != n {
		return nil, false
	}
	return raw, true
}

// constantTimeEqual compares two short strings without telling where they differ.
func constantTimeEqual(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// NewSeedID makes an id about a subject for rows that do not come from a use
// case: an import, the demo's people.
func NewSeedID(s Subject) ID { return newID(s.Shard()) }
