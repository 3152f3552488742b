package credential

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
)

// Claim is what a browser brings to say that a procedure is its own: the
// procedure's id and a random secret whose hash the procedure keeps.
type Claim struct {
	ID     ID
	secret [32]byte
}

func newClaim(id ID) Claim {
	c := Claim{ID: id}
	rand.Read(c.secret[:])
	return c
}

// Token writes the claim for a cookie.
func (c Claim) Token() string {
	return writeSecret(c.ID, c.secret)
}

// writeSecret writes an id and the secret that proves it for a cookie.
func writeSecret(id ID, secret [32]byte) string {
	return id.String() + "." + base64.RawURLEncoding.EncodeToString(secret[:])
}

// parseSecret reads what writeSecret writes, and nothing else.
func parseSecret(token string) (id ID, secret [32]byte, ok bool) {
	head, tail, _ := strings.Cut(token, ".")
	id, ok = ParseID(head)
	if !ok {
		return ID{}, secret, false
	}
	raw, ok := decodeToken(tail, len(secret))
	if !ok {
		return ID{}, secret, false
	}
	return id, [32]byte(raw), true
}

// ParseClaim reads a cookie. Anything not written by [Claim.Token] is false.
func ParseClaim(token string) (Claim, bool) {
	id, secret, ok := parseSecret(token)
	return Claim{ID: id, secret: secret}, ok
}

// String masks the secret.
func (c Claim) String() string { return c.ID.String() + "." + masked }

// LogValue masks the secret in structured logs.
func (c Claim) LogValue() slog.Value { return slog.StringValue(c.String()) }

// linkMACSize is the length of a link's MAC in bytes: 128 bits.
const linkMACSize = 16

// Link is the mailed link's token: procedure, generation of its mail, MAC. It
// is made when the mail is rendered and stored nowhere.
type Link struct {
	ID         ID
	Generation uint16
	mac        [linkMACSize]byte
}

func (k *KeyRing) link(id ID, generation uint16) Link {
	l := Link{ID: id, Generation: generation}
	copy(l.mac[:], k.tokenMAC("link", id[:], l.generationBytes()))
	return l
}

func (l Link) generationBytes() []byte { return binary.BigEndian.AppendUint16(nil, l.Generation) }

func (k *KeyRing) linkHolds(l Link) bool {
	return k.tokenHolds(l.mac[:], "link", l.ID[:], l.generationBytes())
}

// Token writes the link's token for the URL and for the cookie that replaces it.
func (l Link) Token() string {
	raw := append([]byte{}, l.ID[:]...)
	raw = append(raw, l.generationBytes()...)
	return base64.RawURLEncoding.EncodeToString(append(raw, l.mac[:]...))
}

// ParseLink reads what [Link.Token] writes; whether its MAC holds is asked later.
func ParseLink(token string) (Link, bool) {
	raw, ok := decodeToken(token, len(ID{})+2+linkMACSize)
	if !ok {
		return Link{}, false
	}
	return Link{
		ID:         ID(raw[:16]),
		Generation: binary.BigEndian.Uint16(raw[16:18]),
		mac:        [linkMACSize]byte(raw[18:]),
	}, true
}

// String masks the token.
func (l Link) String() string { return masked }

// LogValue masks the token in structured logs.
func (l Link) LogValue() slog.Value { return slog.StringValue(masked) }

// code is the six digits of a mail: bound to procedure and generation.
func (k *KeyRing) code(id ID, generation uint16) string {
	return codeUnder(k.token[0], id, generation)
}

func codeUnder(key []byte, id ID, generation uint16) string {
	sum := mac(key, "code", id[:], binary.BigEndian.AppendUint16(nil, generation))
	// 64 bits modulo a million: the bias is below 10⁻¹³.
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum[:8])%1_000_000)
}

// codeHolds reports whether digits is the code under any token key.
func (k *KeyRing) codeHolds(digits string, id ID, generation uint16) bool {
	holds := false
	for _, key := range k.token {
		if constantTimeEqual(digits, codeUnder(key, id, generation)) {
			holds = true
		}
	}
	return holds
}

// Objection is the token of a «No fui yo» link: the notice it stands in, and a MAC.
type Objection struct {
	Notice ID
	mac    [linkMACSize]byte
}

func (k *KeyRing) objection(notice ID) Objection {
	o := Objection{Notice: notice}
	copy(o.mac[:], k.tokenMAC("objection", notice[:]))
	return o
}

func (k *KeyRing) objectionHolds(o Objection) bool {
	return k.tokenHolds(o.mac[:], "objection", o.Notice[:])
}

// Token writes the objection for the URL.
func (o Objection) Token() string {
	return base64.RawURLEncoding.EncodeToString(append(append([]byte{}, o.Notice[:]...), o.mac[:]...))
}

// ParseObjection reads what [Objection.Token] writes.
func ParseObjection(token string) (Objection, bool) {
	raw, ok := decodeToken(token, len(ID{})+linkMACSize)
	if !ok {
		return Objection{}, false
	}
	return Objection{Notice: ID(raw[:16]), mac: [linkMACSize]byte(raw[16:])}, true
}

// String masks the token.
func (o Objection) String() string { return masked }

// ComplaintLink is the token of the link that confirms a complaint: its id, and a MAC.
type ComplaintLink struct {
	ID  ID
	mac [linkMACSize]byte
}

func (k *KeyRing) complaintLink(id ID) ComplaintLink {
	l := ComplaintLink{ID: id}
	copy(l.mac[:], k.tokenMAC("complaint", id[:]))
	return l
}

func (k *KeyRing) complaintLinkHolds(l ComplaintLink) bool {
	return k.tokenHolds(l.mac[:], "complaint", l.ID[:])
}

// Token writes the link's token for the URL.
func (l ComplaintLink) Token() string {
	return base64.RawURLEncoding.EncodeToString(append(append([]byte{}, l.ID[:]...), l.mac[:]...))
}

// ParseComplaintLink reads what [ComplaintLink.Token] writes.
func ParseComplaintLink(token string) (ComplaintLink, bool) {
	raw, ok := decodeToken(token, len(ID{})+linkMACSize)
	if !ok {
		return ComplaintLink{}, false
	}
	return ComplaintLink{ID: ID(raw[:16]), mac: [linkMACSize]byte(raw[16:])}, true
}

// String masks the token.
func (l ComplaintLink) String() string { return masked }

// DeviceID is the random id of a browser that once finished a procedure.
type DeviceID [24]byte

// Token writes the device id for its cookie.
func (d DeviceID) Token() string { return base64.RawURLEncoding.EncodeToString(d[:]) }

// IsZero reports whether there is no device.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// String masks the id.
func (d DeviceID) String() string { return masked }

func newDeviceID() DeviceID {
	var d DeviceID
	rand.Read(d[:])
	return d
}

// ParseDeviceID reads a device cookie; anything else is the zero id and false.
func ParseDeviceID(token string) (DeviceID, bool) {
	raw, ok := decodeToken(token, len(DeviceID{}))
	if !ok {
		return DeviceID{}, false
	}
	return DeviceID(raw), true
}

// newReference makes the reference number that page and mail show: eight
// characters of an alphabet without look-alikes, XXXX-XXXX.
func newReference() string {
	var raw [8]byte
	rand.Read(raw[:])
	text := make([]byte, 0, 9)
	for i, b := range raw {
		if i == 4 {
			text = append(text, '-')
		}
		text = append(text, plainAlphabet[b%32])
	}
	return string(text)
}
