package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// newRing makes a ring from a fresh file, changed first.
func newRing(t testing.TB, change func(*keyFile)) *KeyRing {
	t.Helper()
	ring, err := ParseKeyRing(editedKeys(t, NewKeyFile(), change))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func editedKeys(t testing.TB, content []byte, change func(*keyFile)) []byte {
	t.Helper()
	var file keyFile
	err := json.Unmarshal(content, &file)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&file)
	}
	content, err = json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestParseKeyRing: a faulty file is refused by a line that names the fault and
// no key.
func TestParseKeyRing(t *testing.T) {
	good := NewKeyFile()
	var file keyFile
	err := json.Unmarshal(good, &file)
	if err != nil {
		t.Fatal(err)
	}
	short, odd := file.Seal[0][:62], file.Seal[0][:63]
	for _, c := range []struct {
		name   string
		change func(*keyFile)
		want   string
	}{
		{"good", nil, ""},
		{"newer version", func(f *keyFile) { f.Version = 2 }, "version 2"},
		{"no version", func(f *keyFile) { f.Version = 0 }, "version 0"},
		{"no seal key", func(f *keyFile) { f.Seal = nil }, "no key to seal"},
		{"no token key", func(f *keyFile) { f.Token = []string{} }, "no key to seal or to make tokens"},
		{"short seal key", func(f *keyFile) { f.Seal[0] = short }, "seal key 0"},
		{"second seal key", func(f *keyFile) { f.Seal = append(f.Seal, odd) }, "seal key 1"},
		{"no hex", func(f *keyFile) { f.Token[0] = strings.Repeat("z", 64) }, "token key 0"},
		{"no lookup key", func(f *keyFile) { f.Lookup = "" }, "lookup key 0"},
		{"long audit key", func(f *keyFile) { f.Audit += "00" }, "audit key 0"},
		{"signer", func(f *keyFile) { f.Signer = short }, "signer key 0"},
	} {
		ring, err := ParseKeyRing(editedKeys(t, good, c.change))
		switch {
		case c.want == "" && (err != nil || ring == nil):
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		case err != nil && (strings.Contains(err.Error(), short) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: the refusal tells a key or has several lines: %v", c.name, err)
		}
	}
	for _, content := range []string{"", "{", "[]", "null", `{"version":1}`, `{"seal":"x"}`, string(good[:len(good)/2])} {
		if _, err := ParseKeyRing([]byte(content)); err == nil {
			t.Errorf("%q is accepted as a key ring", content)
		}
	}
}

func FuzzParseKeyRing(f *testing.F) {
	f.Add(NewKeyFile())
	f.Add([]byte(`{"version":1,"seal":[""],"token":[""]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		ring, err := ParseKeyRing(content)
		if (ring == nil) == (err == nil) {
			t.Fatalf("ring %v and error %v", ring != nil, err)
		}
		if ring != nil {
			at := Place{Table: "t"}
			plain, err := ring.Open(ring.Seal([]byte("x"), at), at)
			if err != nil || string(plain) != "x" {
				t.Fatalf("an accepted ring does not open what it seals: %v", err)
			}
		}
	})
}

// TestS32_SealIsBoundToItsPlace: what is sealed opens at its place, and at no
// other table, column or row, not even where the parts joined read the same.
func TestS32_SealIsBoundToItsPlace(t *testing.T) {
	ring, other := newRing(t, nil), newRing(t, nil)
	personKey, otherKey := NewPersonKey(), NewPersonKey()
	place := rapid.Custom(func(t *rapid.T) Place {
		part := rapid.StringMatching(`[ab]{0,3}`)
		return Place{part.Draw(t, "table"), part.Draw(t, "column"), []byte(part.Draw(t, "row"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "plain")
		at, elsewhere := place.Draw(t, "at"), place.Draw(t, "elsewhere")
		same := at.Table == elsewhere.Table && at.Column == elsewhere.Column && bytes.Equal(at.Row, elsewhere.Row)
		sealed := ring.Seal(plain, at)
		under, err := SealUnder(personKey, plain, at)
		if err != nil {
			t.Fatal(err)
		}
		for name, open := range map[string]func(Place) ([]byte, error){
			"Open":      func(p Place) ([]byte, error) { return ring.Open(sealed, p) },
			"OpenUnder": func(p Place) ([]byte, error) { return OpenUnder(personKey, under, p) },
		} {
			got, err := open(at)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("%s at its place: %v", name, err)
			}
			_, err = open(elsewhere)
			if same == errors.Is(err, ErrSealed) {
				t.Fatalf("%s of %v at %v: %v", name, at, elsewhere, err)
			}
		}
		_, err = other.Open(sealed, at)
		if !errors.Is(err, ErrSealed) {
			t.Fatalf("another ring opens it: %v", err)
		}
		_, err = OpenUnder(otherKey, under, at)
		if !errors.Is(err, ErrSealed) {
			t.Fatalf("another person's key opens it: %v", err)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "byte")
		sealed[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err = ring.Open(sealed, at)
		if !errors.Is(err, ErrSealed) {
			t.Fatalf("with byte %d changed it opens: %v", i, err)
		}
	})
}

// TestRotation: after a rotation the new key writes and the old ones still
// read; a ring without the old ones does not.
func TestRotation(t *testing.T) {
	content := NewKeyFile()
	before, err := ParseKeyRing(content)
	if err != nil {
		t.Fatal(err)
	}
	var fresh keyFile
	err = json.Unmarshal(NewKeyFile(), &fresh)
	if err != nil {
		t.Fatal(err)
	}
	rotated := editedKeys(t, content, func(f *keyFile) {
		f.Seal = append(fresh.Seal, f.Seal...)
		f.Token = append(fresh.Token, f.Token...)
	})
	after, err := ParseKeyRing(rotated)
	if err != nil {
		t.Fatal(err)
	}
	at := Place{Table: "people", Column: "record", Row: []byte("1")}
	plain, err := after.Open(before.Seal([]byte("secret"), at), at)
	if err != nil || string(plain) != "secret" {
		t.Errorf("the rotated ring does not open what the old one sealed: %v", err)
	}
	_, err = before.Open(after.Seal([]byte("secret"), at), at)
	if !errors.Is(err, ErrSealed) {
		t.Errorf("the old ring opens what the new key sealed: %v", err)
	}
	id := newID(7)
	if !after.linkHolds(before.link(id, 3)) || !after.codeHolds(before.code(id, 3), id, 3) || !after.objectionHolds(before.objection(id)) {
		t.Error("a mail sent before the rotation no longer holds")
	}
	if before.linkHolds(after.link(id, 3)) {
		t.Error("the new token key does not write")
	}
	n, err := ParseNumber(Cedula, "2051234561")
	if err != nil {
		t.Fatal(err)
	}
	if before.Subject(n) != after.Subject(n) {
		t.Error("a rotation of the other keys moved the subjects")
	}
}

func FuzzOpen(f *testing.F) {
	ring := newRing(f, nil)
	at := Place{Table: "people", Column: "record", Row: []byte("1")}
	f.Add(ring.Seal([]byte("secret"), at)[:20])
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if plain, err := ring.Open(sealed, at); err == nil {
			t.Fatalf("%x opens as %q", sealed, plain)
		}
		if plain, err := OpenUnder(make([]byte, keySize), sealed, at); err == nil {
			t.Fatalf("%x opens under a person's key as %q", sealed, plain)
		}
	})
}
