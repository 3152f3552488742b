package credential

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

// FuzzTokens: whatever a cookie or a URL brings, a parser takes exactly what the
// program writes: one spelling for one token.
func FuzzTokens(f *testing.F) {
	ring, other := newRing(f, nil), newRing(f, nil)
	id := newID(7)
	for _, token := range []string{
		newClaim(id).Token(), ring.link(id, 1).Token(), ring.objection(id).Token(), newDeviceID().Token(), id.String(),
		"", ".", "AAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("A", 22) + "." + strings.Repeat("A", 43),
		strings.Repeat("A", 21) + "B", strings.Repeat("=", 22), strings.Repeat("é", 11), strings.Repeat("A", 1<<16),
	} {
		f.Add(token)
		f.Add(token + "=")
		f.Add(token + "\n")
	}
	f.Fuzz(func(t *testing.T, token string) {
		if c, ok := ParseClaim(token); ok && c.Token() != token {
			t.Errorf("claim %q reads as %q", token, c.Token())
		}
		if l, ok := ParseLink(token); ok && (l.Token() != token || other.linkHolds(l)) {
			t.Errorf("link %q reads as %q", token, l.Token())
		}
		if o, ok := ParseObjection(token); ok && (o.Token() != token || other.objectionHolds(o)) {
			t.Errorf("objection %q reads as %q", token, o.Token())
		}
		if d, ok := ParseDeviceID(token); ok && d.Token() != token {
			t.Errorf("device %q reads as %q", token, d.Token())
		}
		if id, ok := ParseID(token); ok && id.String() != token {
			t.Errorf("id %q reads as %q", token, id)
		}
	})
}

// TestTokensRoundTrip: each token reads back as itself, holds under the ring
// that made it, and is good for nothing else.
func TestTokensRoundTrip(t *testing.T) {
	ring, other := newRing(t, nil), newRing(t, nil)
	for shard := range Shard(50) {
		id := newID(shard)
		claim := newClaim(id)
		if c, ok := ParseClaim(claim.Token()); !ok || c != claim {
			t.Fatalf("claim %q does not read back", claim.Token())
		}
		if got, ok := ParseID(id.String()); !ok || got != id || got.Shard() != shard {
			t.Fatalf("id %v does not read back", id)
		}
		device := newDeviceID()
		if d, ok := ParseDeviceID(device.Token()); !ok || d != device || d.IsZero() {
			t.Fatalf("device %q does not read back", device.Token())
		}
		link, ok := ParseLink(ring.link(id, uint16(shard)+1).Token())
		if !ok || !ring.linkHolds(link) || link.ID != id || link.Generation != uint16(shard)+1 {
			t.Fatalf("link of %v does not read back", id)
		}
		objection, ok := ParseObjection(ring.objection(id).Token())
		if !ok || !ring.objectionHolds(objection) || objection.Notice != id {
			t.Fatalf("objection of %v does not read back", id)
		}
		next := link
		next.Generation++
		if other.linkHolds(link) || ring.linkHolds(next) || other.objectionHolds(objection) {
			t.Fatal("a token holds for another ring or another mail")
		}
		// A link's MAC is no objection's, though both are about one id.
		if ring.objectionHolds(Objection{id, link.mac}) || ring.linkHolds(Link{id, link.Generation, objection.mac}) {
			t.Fatal("a token of one kind holds as another")
		}
		code := ring.code(id, 1)
		if !regexp.MustCompile(`^[0-9]{6}$`).MatchString(code) || !ring.codeHolds(code, id, 1) {
			t.Fatalf("code %q", code)
		}
	}
}

// TestTokensMaskThemselves: printed or logged, a token shows nothing that could
// be used.
func TestTokensMaskThemselves(t *testing.T) {
	ring := newRing(t, nil)
	id := newID(7)
	claim, link, objection, device := newClaim(id), ring.link(id, 1), ring.objection(id), newDeviceID()
	for _, c := range []struct {
		value any
		token string
	}{{claim, claim.Token()}, {link, link.Token()}, {objection, objection.Token()}, {device, device.Token()}} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "value", c.value)
		secret := c.token[max(0, len(c.token)-22):] // every token ends with its secret part
		for _, text := range []string{fmt.Sprint(c.value), fmt.Sprintf("%v %+v %s", c.value, c.value, c.value), log.String()} {
			if strings.Contains(text, secret) || !strings.Contains(text, masked) {
				t.Errorf("%T prints as %q", c.value, text)
			}
		}
	}
}

func TestReference(t *testing.T) {
	pattern := regexp.MustCompile(`^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$`)
	seen := map[string]bool{}
	for range 1000 {
		reference := newReference()
		if !pattern.MatchString(reference) || seen[reference] {
			t.Fatalf("reference %q", reference)
		}
		seen[reference] = true
	}
}

// FuzzCode: what is typed as a code becomes six digits or nothing.
func FuzzCode(f *testing.F) {
	for _, typed := range []string{"123456", "123 456", "12-34-56", "123456", "１２３４５６", "12345a", strings.Repeat("1", 100)} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		if digits := onlyTheDigits(typed); strings.Trim(digits, "0123456789") != "" || len(digits) > len(typed) {
			t.Errorf("%q reads as %q", typed, digits)
		}
	})
}
