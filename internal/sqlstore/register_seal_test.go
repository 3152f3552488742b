package sqlstore

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"aldaba/internal/credential"
)

// TestRegisterRecord: what is written by hand is what encoding/json reads back as
// the record, whatever stands in a name.
func TestRegisterRecord(t *testing.T) {
	keys, err := credential.ParseKeyRing(credential.NewKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	run := credential.RegisterRun{At: time.Date(2026, time.May, 4, 3, 2, 1, 5e6, time.UTC), Source: `r"é.csv`, File: "0123456789abcdef0123"}
	made, err := (&Store{keys: keys}).RegisterSealer(run)
	if err != nil {
		t.Fatal(err)
	}
	sealer := made.(*registerSealer)
	date := rapid.Custom(func(t *rapid.T) credential.Date {
		return credential.Date{Year: rapid.IntRange(1880, 2030).Draw(t, "y"), Month: time.Month(rapid.IntRange(1, 12).Draw(t, "m")), Day: rapid.IntRange(1, 31).Draw(t, "d")}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := credential.PlainPerson{
			Document: credential.Cedula, Number: "1710034065", Birth: date.Draw(t, "birth"),
			GivenNames: rapid.String().Draw(t, "names"), Surnames: rapid.SampledFrom([]string{`a"b\\c`, "Ñusta", "\x00\x1f\u2028<>&", "x"}).Draw(t, "surnames"),
			Audiences: []credential.Audience{credential.Affiliate, credential.Employer},
			Facts:     []credential.PlainFact{{ID: "first_year", Code: "1999"}, {ID: "employers", Code: "6_7"}},
		}
		want := personRecord{
			Document: p.Document, Number: p.Number, GivenNames: p.GivenNames, Surnames: p.Surnames, Birth: p.Birth,
			Audiences: p.Audiences, Facts: credential.Facts{"first_year": "1999", "employers": "6_7"},
		}
		if rapid.Bool().Draw(t, "dead") {
			p.Death = date.Draw(t, "death")
			want.Death = p.Death
		}
		if rapid.Bool().Draw(t, "reached") {
			p.Email, p.InPerson = "Ana@example.com", rapid.Bool().Draw(t, "seen")
			want.Email = p.Email
			want.EmailFrom = credential.Provenance{Origin: credential.OriginImported, At: run.At, Source: run.Source, Run: run.File[:16]}
			if p.InPerson {
				want.EmailFrom.Origin = credential.OriginImportedInPerson
			}
		}
		_, staged := sealer.Seal([]byte("before"), &p)
		text, err := keys.Open(staged.Record, personPlace(staged.Subject))
		if err != nil {
			t.Fatal(err)
		}
		var got personRecord
		err = json.Unmarshal(text, &got)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// TestCopyStream: the bytes are the same however little is asked for at a time.
func TestCopyStream(t *testing.T) {
	people := []credential.StagedPerson{{Subject: credential.Subject{1}, Record: []byte("abc")}, {Record: make([]byte, 5000)}}
	size := len(copyHeader) + 2*(2+4*4+8+16+16) + 3 + 5000
	read := func(n int) (all []byte) {
		c := &copyStream{generation: 7, people: people}
		for part := make([]byte, n); ; {
			got, err := c.Read(part)
			if err != nil {
				return all
			}
			all = append(all, part[:got]...)
		}
	}
	want := read(1 << 16)
	for _, n := range []int{1, 7, 100} {
		if got := read(n); string(got) != string(want) || len(got) != size {
			t.Errorf("%d bytes at a time: %d, want %d", n, len(got), size)
		}
	}
}
