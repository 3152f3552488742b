// Package storetest is the contract of a [credential.Store], in tests. Every
// engine runs every case: there are no switches, because what one engine hides
// another shows.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/stats"
)

// Store is what an engine gives.
type Store interface {
	credential.Store
	credential.Registry
	credential.RegisterStore
	stats.Store
	Ping(ctx context.Context) error
	Close() error
}

// Database is one database of an engine, empty when the test gets it.
type Database struct {
	// Open opens it. It may be called several times, also while others are open:
	// several processes work on one database.
	Open func(keys *credential.KeyRing) (Store, error)

	// Exec runs SQL behind the store's back and tells how many rows it changed.
	// Placeholders are $1, $2 …
	Exec func(t testing.TB, query string, args ...any) int64
}

// Run holds an engine to the contract. create makes an empty database for each
// case.
func Run(t *testing.T, create func(t testing.TB) Database) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, e *env)
	}{
		{"People", people},
		{"Accounts", accounts},
		{"Addresses", addresses},
		{"Procedures", procedures},
		{"SealedPerRow_S32", sealedPerRow},
		{"LevelRaisedOutside", levelRaised},
		{"AddressEditedOutside", addressEdited},
		{"Attempts", attempts},
		{"Marks", marks},
		{"UseOnce", useOnce},
		{"Devices", devices},
		{"Sessions", sessions},
		{"Requests", requests},
		{"Complaints", complaints},
		{"ActivationCodes", activationCodes},
		{"ActivationCodeRace", activationCodeRace},
		{"Notices", notices},
		{"Cases", cases},
		{"Outbox", outbox},
		{"Meta", meta},
		{"SwapMeta", swapMeta},
		{"Generations", generations},
		{"TwoImportsAtOnce", twoImports},
		{"Rollback", rollback},
		{"FailedStatement", failedStatement},
		{"ViewIsOnePictureAndWritesNothing", view},
		{"GlanceIsOneRead", glance},
		{"CancelledContext", cancelled},
		{"LostWriteIsTriedAgain", lostWrite},
		{"SixteenRedemptions", sixteenRedemptions},
		{"FiftyCharges", fiftyCharges},
		{"OneShardInOrder", oneShardInOrder},
		{"UseOnceRace", useOnceRace},
		{"MailClaimRace", mailClaimRace},
		{"AuditUnderRace", auditUnderRace},
		{"AuditEdited_S31", auditEdited},
		{"AuditOf", auditOf},
		{"Sweep", sweep},
		{"Figures", figures},
		{"FiguresTakenOnce", figuresTakenOnce},
		{"ReopenKeepsAll", reopen},
		{"OtherKeysOpenNothing", otherKeys},
		{"SchemaRefused", schemaRefused},
		{"StartersAtOnce", startersAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newEnv(t, create(t)))
		})
	}
}

// env is a database with two stores open on it, as two processes would have.
type env struct {
	Database
	keys  *credential.KeyRing
	store Store
	other Store
}

func newEnv(t *testing.T, d Database) *env {
	t.Helper()
	e := &env{Database: d, keys: NewKeys(t)}
	e.store = e.open(t)
	e.other = e.open(t)
	return e
}

func (e *env) open(t testing.TB) Store {
	t.Helper()
	s, err := e.Open(e.keys)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// NewKeys makes a fresh key ring.
func NewKeys(t testing.TB) *credential.KeyRing {
	t.Helper()
	keys, err := credential.ParseKeyRing(credential.NewKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// update runs f and wants it to commit.
func (e *env) update(t testing.TB, s credential.Subject, f func(tx credential.Tx) error) {
	t.Helper()
	err := e.store.Update(t.Context(), s.Shard(), f)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func (e *env) view(t testing.TB, f func(tx credential.Tx) error) {
	t.Helper()
	err := e.store.View(t.Context(), f)
	if err != nil {
		t.Fatalf("View: %v", err)
	}
}

// read reads one value in a view.
func read[T any](t testing.TB, e *env, f func(tx credential.Tx) (T, error)) (v T) {
	t.Helper()
	e.view(t, func(tx credential.Tx) (err error) {
		v, err = f(tx)
		return err
	})
	return v
}

// t0 is an instant as it is stored: milliseconds, UTC.
var t0 = time.Date(2026, 11, 3, 14, 5, 6, 789_000_000, time.UTC)

func newID() (id credential.ID) {
	rand.Read(id[:])
	return id
}

func newSubject() (s credential.Subject) {
	rand.Read(s[:])
	return s
}

func newHash() (h [32]byte) {
	rand.Read(h[:])
	return h
}

func mustNumber(t testing.TB) credential.Number {
	t.Helper()
	n, err := credential.ParseNumber(credential.Cedula, "2051234561")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func mustEmail(t testing.TB, address string) credential.Email {
	t.Helper()
	m, err := credential.ParseEmail(address)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// same compares personal data by its values: the domain's types are comparable,
// and cmp would print what they mask if it could look inside.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	opts := cmp.Options{
		cmp.Comparer(func(a, b credential.Text) bool { return a == b }),
		cmp.Comparer(func(a, b credential.Number) bool { return a == b }),
		cmp.Comparer(func(a, b credential.Email) bool { return a == b }),
	}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func fullPerson(t testing.TB) credential.Person {
	return credential.Person{
		Number:     mustNumber(t),
		GivenNames: credential.NewText("María Ñusta"), Surnames: credential.NewText("Quishpe D'Amico"),
		Birth:     credential.Date{Year: 1961, Month: 2, Day: 28},
		Death:     credential.Date{Year: 2024, Month: 12, Day: 31},
		Audiences: []credential.Audience{credential.Affiliate, credential.Pensioner},
		Facts:     credential.Facts{"sector": "farming", "year": credential.NotOnRecord},
	}
}

func people(t *testing.T, e *env) {
	full, empty, nobody := newSubject(), newSubject(), newSubject()
	e.update(t, full, func(tx credential.Tx) error {
		return errors.Join(tx.PutPerson(full, fullPerson(t)), tx.PutPerson(empty, credential.Person{}))
	})
	for range 3 { // the first reads are not prepared yet
		for _, c := range []struct {
			name    string
			subject credential.Subject
			want    credential.Person
			found   bool
		}{
			{"full", full, fullPerson(t), true},
			{"zero", empty, credential.Person{}, true},
			{"nobody", nobody, credential.Person{}, false},
		} {
			got, found, err := e.store.Person(t.Context(), c.subject)
			if err != nil || found != c.found {
				t.Fatalf("Person(%s) = found %v, %v; want %v", c.name, found, err, c.found)
			}
			same(t, "Person("+c.name+")", got, c.want)
		}
	}
	e.update(t, full, func(tx credential.Tx) error { return tx.PutPerson(full, credential.Person{}) })
	got, found, err := e.other.Person(t.Context(), full)
	if err != nil || !found {
		t.Fatalf("Person = found %v, %v", found, err)
	}
	same(t, "a person stored again", got, credential.Person{})
}

func fullAccount(s credential.Subject) credential.Account {
	return credential.Account{
		Subject: s, Clave: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
		Answers: credential.AnswerSet{
			Questions: []credential.PersonalQuestionID{"first_pet", "first_school", "first_trip"},
			Hash:      "$argon2id$other", Normaliser: 1,
		},
		Image: "colibri", Phone: credential.NewText("+593991234567"),
		Level: credential.InPerson, ProvenAt: t0, MustChange: true, FrozenFrom: t0.Add(-time.Minute), ClosedAt: t0.Add(time.Minute), CreatedAt: t0.Add(-time.Hour),
	}
}

func accounts(t *testing.T, e *env) {
	full, empty := fullAccount(newSubject()), credential.Account{Subject: newSubject()}
	e.view(t, func(tx credential.Tx) error {
		if _, err := tx.Account(full.Subject); !errors.Is(err, credential.ErrNoRow) {
			t.Errorf("Account of nobody: %v, want ErrNoRow", err)
		}
		return nil
	})
	for _, a := range []credential.Account{full, empty} {
		e.update(t, a.Subject, func(tx credential.Tx) error { return tx.SaveAccount(a) })
		stored := read(t, e, func(tx credential.Tx) (credential.Account, error) { return tx.Account(a.Subject) })
		a.Version = 1
		same(t, "Account", stored, a)
		stored.Level, stored.MustChange, stored.Clave, stored.ClosedAt = credential.Declared, false, "another", time.Time{}
		e.update(t, a.Subject, func(tx credential.Tx) error { return tx.SaveAccount(stored) })
		again := read(t, e, func(tx credential.Tx) (credential.Account, error) { return tx.Account(a.Subject) })
		stored.Version = 2
		same(t, "Account saved again", again, stored)
	}
	// A stale version, and a second first save, are lost.
	for _, version := range []int64{0, 1, 3} {
		full.Version = version
		err := stale(e, func(tx credential.Tx) error { return tx.SaveAccount(full) })
		if !errors.Is(err, credential.ErrTaken) {
			t.Errorf("SaveAccount with version %d over 2: %v, want ErrTaken", version, err)
		}
	}
}

// errStop ends an update without trying again.
var errStop = errors.New("stop")

// stale gives the error of one write, and lets nothing of it commit.
func stale(e *env, f func(tx credential.Tx) error) (err error) {
	outer := e.store.Update(context.Background(), 0, func(tx credential.Tx) error {
		err = f(tx)
		return errStop
	})
	if !errors.Is(outer, errStop) {
		return outer
	}
	return err
}

func fullAddress(t testing.TB, s credential.Subject) credential.Address {
	return credential.Address{
		Subject: s, ID: newID(), Email: mustEmail(t, "Maria.Quishpe+iess@gmail.com"),
		Provenance: credential.Provenance{
			Origin: credential.OriginInPerson, At: t0, Source: "register", Run: "2026-10", Officer: "officer-7", Office: "Quito Sur",
		},
	}
}

func addresses(t *testing.T, e *env) {
	s := newSubject()
	get := func() []credential.Address {
		return read(t, e, func(tx credential.Tx) ([]credential.Address, error) { return tx.Addresses(s) })
	}
	if got := get(); len(got) != 0 {
		t.Errorf("Addresses of nobody = %d of them", len(got))
	}
	newer, older, empty := fullAddress(t, s), fullAddress(t, s), credential.Address{Subject: s}
	older.Provenance = credential.Provenance{Origin: credential.OriginTyped, At: t0.Add(-time.Hour)}
	elsewhere := fullAddress(t, newSubject())
	e.update(t, s, func(tx credential.Tx) error {
		return errors.Join(tx.PutAddress(newer), tx.PutAddress(older), tx.PutAddress(empty), tx.PutAddress(elsewhere))
	})
	same(t, "Addresses", get(), []credential.Address{empty, older, newer})
	empty.Email = mustEmail(t, "otra@example.com")
	older.ReplacedAt = t0
	e.update(t, s, func(tx credential.Tx) error { return errors.Join(tx.PutAddress(older), tx.PutAddress(empty)) })
	same(t, "Addresses after one was replaced", get(), []credential.Address{empty, newer})
	former := read(t, e, func(tx credential.Tx) ([]credential.Address, error) { return tx.FormerAddresses(s) })
	same(t, "FormerAddresses", former, []credential.Address{older})
}

func fullProcedure(t testing.TB, s credential.Subject) credential.Procedure {
	id := newID()
	copy(id[:2], s[:2])
	return credential.Procedure{
		ID: id, Subject: s, Kind: credential.Generate, Step: credential.StepClave, Policy: credential.Ficha2026,
		Browser: newHash(), Reference: "AB2C-3DEF", CreatedAt: t0, ExpiresAt: t0.Add(20 * time.Minute),
		Extensions: 2, Failed: 3, CodeTries: 4, Generation: 65535,
		HoldUntil: t0.Add(time.Minute), Attempted: t0.Add(2 * time.Minute), Accepted: t0.Add(3 * time.Minute),
		Typed: credential.Typed{
			Document: credential.Cedula, Number: mustNumber(t), Audience: credential.Affiliate,
			Asked: []credential.PersonalQuestionID{"first_pet"}, Day: 28, Month: 2,
			Record: credential.Facts{"sector": "farming"}, Answers: map[string]string{"first_pet": "ñandú"},
			Bank:  credential.AnswerSet{Questions: []credential.PersonalQuestionID{"first_trip"}, Hash: "h", Normaliser: 1},
			Email: "maria@example.com", Fixed: true, Refused: true,
		},
	}
}

func procedures(t *testing.T, e *env) {
	full := fullProcedure(t, newSubject())
	empty := credential.Procedure{ID: newID(), Subject: newSubject()}
	ended := fullProcedure(t, full.Subject)
	ended.End, ended.EndedAt, ended.Version = credential.Abandoned, t0, 7
	get := func(id credential.ID) credential.Procedure {
		return read(t, e, func(tx credential.Tx) (credential.Procedure, error) { return tx.Procedure(id) })
	}
	e.view(t, func(tx credential.Tx) error {
		if _, err := tx.Procedure(full.ID); !errors.Is(err, credential.ErrNoRow) {
			t.Errorf("Procedure that is not there: %v, want ErrNoRow", err)
		}
		return nil
	})
	for _, p := range []credential.Procedure{full, empty, ended} {
		e.update(t, p.Subject, func(tx credential.Tx) error { return tx.CreateProcedure(p) })
		same(t, "Procedure", get(p.ID), p)
		p.Step, p.Typed.Answers, p.Typed.Day = credential.StepSent, nil, 0
		e.update(t, p.Subject, func(tx credential.Tx) error { return tx.SaveProcedure(p) })
		p.Version++
		same(t, "Procedure saved", get(p.ID), p)
	}
	err := stale(e, func(tx credential.Tx) error { return tx.SaveProcedure(full) })
	if !errors.Is(err, credential.ErrTaken) {
		t.Errorf("SaveProcedure of a stale version: %v, want ErrTaken", err)
	}
	if err := stale(e, func(tx credential.Tx) error { return tx.CreateProcedure(full) }); err == nil {
		t.Error("CreateProcedure of an id that is there: no error")
	}

	// The newest of a kind that is open: neither ended nor expired, nor anybody else's.
	open := func(at time.Time) (p credential.Procedure) {
		e.view(t, func(tx credential.Tx) (err error) {
			p, err = tx.OpenProcedure(full.Subject, full.Kind, at)
			if errors.Is(err, credential.ErrNoRow) {
				err = nil
			}
			return err
		})
		return p
	}
	full.Step, full.Typed.Answers, full.Typed.Day = credential.StepSent, nil, 0
	full.Version++
	same(t, "OpenProcedure", open(full.ExpiresAt.Add(-time.Millisecond)), full)
	if p := open(full.ExpiresAt); !p.ID.IsZero() {
		t.Errorf("OpenProcedure of an expired one: %v", p.ID)
	}
	newer := fullProcedure(t, full.Subject)
	newer.CreatedAt = full.CreatedAt.Add(time.Millisecond)
	otherKind := fullProcedure(t, full.Subject)
	otherKind.Kind, otherKind.CreatedAt = credential.Unlock, newer.CreatedAt.Add(time.Millisecond)
	for _, p := range []credential.Procedure{newer, otherKind} {
		e.update(t, p.Subject, func(tx credential.Tx) error { return tx.CreateProcedure(p) })
	}
	same(t, "OpenProcedure, the newest", open(t0), newer)

	// Finishing: only from StepClave, only what has not ended, only once.
	finish := func(id credential.ID) (won bool) {
		e.update(t, full.Subject, func(tx credential.Tx) (err error) {
			won, err = tx.FinishProcedure(id, t0.Add(time.Hour))
			return err
		})
		return won
	}
	done := fullProcedure(t, full.Subject)
	notYet := fullProcedure(t, full.Subject)
	notYet.Step = credential.StepSent
	ended = fullProcedure(t, full.Subject)
	ended.End, ended.EndedAt = credential.Abandoned, t0
	for _, p := range []credential.Procedure{done, notYet, ended} {
		e.update(t, p.Subject, func(tx credential.Tx) error { return tx.CreateProcedure(p) })
	}
	for _, c := range []struct {
		name string
		id   credential.ID
		want bool
	}{
		{"not at the clave", notYet.ID, false}, {"ended", ended.ID, false}, {"unknown", newID(), false},
		{"ready", done.ID, true}, {"finished already", done.ID, false},
	} {
		if got := finish(c.id); got != c.want {
			t.Errorf("FinishProcedure(%s) = %v, want %v", c.name, got, c.want)
		}
	}
	want := done
	want.Step, want.End, want.EndedAt, want.Version = credential.StepDone, credential.Finished, t0.Add(time.Hour), 1
	same(t, "Procedure finished", get(done.ID), want)
	err = stale(e, func(tx credential.Tx) error { return tx.SaveProcedure(done) })
	if !errors.Is(err, credential.ErrTaken) {
		t.Errorf("SaveProcedure over a finished one: %v, want ErrTaken", err)
	}

	stranger := fullProcedure(t, newSubject())
	e.update(t, stranger.Subject, func(tx credential.Tx) error { return tx.CreateProcedure(stranger) })
	// Two more of the person: one before its verdict, one whose mail is held.
	unproven, held := fullProcedure(t, full.Subject), fullProcedure(t, full.Subject)
	unproven.ID, unproven.Step = newID(), credential.StepProveReview
	held.ID, held.HoldUntil = newID(), t0.Add(48*time.Hour)
	for _, p := range []credential.Procedure{unproven, held} {
		e.update(t, p.Subject, func(tx credential.Tx) error { return tx.CreateProcedure(p) })
	}
	at := t0.Add(2 * time.Hour)
	e.update(t, full.Subject, func(tx credential.Tx) error {
		return tx.EndHeld(full.Subject, notYet.ID, credential.Replaced, at)
	})
	if get(held.ID).End != credential.Replaced || get(full.ID).End != credential.NotEnded {
		t.Errorf("EndHeld: the held one ended %q, the other %q", get(held.ID).End, get(full.ID).End)
	}
	e.update(t, full.Subject, func(tx credential.Tx) error {
		return tx.EndProven(full.Subject, notYet.ID, credential.Replaced, at)
	})
	for _, c := range []struct {
		name string
		id   credential.ID
		want credential.End
	}{
		{"other", full.ID, credential.Replaced}, {"finished", done.ID, credential.Finished}, {"abandoned", ended.ID, credential.Abandoned},
		{"unproven", unproven.ID, credential.NotEnded},
		{"excepted", notYet.ID, credential.NotEnded}, {"somebody else's", stranger.ID, credential.NotEnded},
	} {
		if got := get(c.id).End; got != c.want {
			t.Errorf("after EndProven the %s one ended %q, want %q", c.name, got, c.want)
		}
	}
	if got := get(full.ID); !got.EndedAt.Equal(at) || got.Version != 2 {
		t.Errorf("a replaced procedure ended at %v, version %d", got.EndedAt, got.Version)
	}
}

// sealedPerRow is S32: what is sealed for one row does not open in another.
func sealedPerRow(t *testing.T, e *env) {
	a, b := newSubject(), newSubject()
	mailA, mailB := fullMail(t), fullMail(t)
	procA, procB := fullProcedure(t, a), fullProcedure(t, b)
	addressA, addressB := fullAddress(t, a), fullAddress(t, b)
	e.update(t, a, func(tx credential.Tx) error {
		return errors.Join(
			tx.PutPerson(a, fullPerson(t)), tx.PutPerson(b, credential.Person{}),
			tx.SaveAccount(fullAccount(a)), tx.SaveAccount(fullAccount(b)),
			tx.PutAddress(addressA), tx.PutAddress(addressB),
			tx.CreateProcedure(procA), tx.CreateProcedure(procB),
			tx.QueueMail(mailA), tx.QueueMail(mailB),
			tx.Audit(credential.AuditEntry{Subject: a, Act: credential.ActStarted, At: t0}),
			tx.Audit(credential.AuditEntry{Subject: b, Act: credential.ActStarted, At: t0}))
	})
	inTx := func(f func(tx credential.Tx) error) func() error {
		return func() error { return stale(e, f) }
	}
	for _, c := range []struct {
		table, column, key string
		from, to           []byte
		read               func() error
	}{
		{"people", "record", "subject", a[:], b[:], func() error { _, _, err := e.store.Person(t.Context(), b); return err }},
		{"accounts", "clave", "subject", a[:], b[:], inTx(func(tx credential.Tx) error { _, err := tx.Account(b); return err })},
		{"accounts", "answers", "subject", a[:], b[:], inTx(func(tx credential.Tx) error { _, err := tx.Account(b); return err })},
		{"addresses", "email", "id", addressA.ID[:], addressB.ID[:], inTx(func(tx credential.Tx) error { _, err := tx.Addresses(b); return err })},
		{"procedures", "typed", "id", procA.ID[:], procB.ID[:], inTx(func(tx credential.Tx) error { _, err := tx.Procedure(procB.ID); return err })},
		{"outbox", "recipient", "id", mailA.ID[:], mailB.ID[:], inTx(claimAll)},
		{"outbox", "facts", "id", mailA.ID[:], mailB.ID[:], inTx(claimAll)},
		{"audit_people", "key", "subject", a[:], b[:], func() error {
			return e.store.Update(t.Context(), 0, func(tx credential.Tx) error {
				return tx.Audit(credential.AuditEntry{Subject: b, Act: credential.ActTyped, At: t0})
			})
		}},
	} {
		name := c.table + "." + c.column
		if c.table != "audit_people" { // reading its row also writes
			if err := c.read(); err != nil {
				t.Fatalf("%s before: %v", name, err)
			}
		}
		swap := fmt.Sprintf(`UPDATE %[1]s SET %[2]s = o.%[2]s FROM (SELECT %[3]s AS k, %[2]s FROM %[1]s WHERE %[3]s IN ($1, $2)) o
			WHERE %[1]s.%[3]s IN ($1, $2) AND o.k <> %[1]s.%[3]s`, c.table, c.column, c.key)
		if n := e.Exec(t, swap, c.from, c.to); n != 2 {
			t.Fatalf("%s: swapped %d rows", name, n)
		}
		if err := c.read(); !errors.Is(err, credential.ErrSealed) {
			t.Errorf("%s of another row: %v, want ErrSealed", name, err)
		}
		e.Exec(t, swap, c.from, c.to)
		if err := c.read(); err != nil {
			t.Errorf("%s put back: %v", name, err)
		}
	}
}

func claimAll(tx credential.Tx) error {
	_, err := tx.ClaimMails(t0.Add(24*time.Hour), t0.Add(25*time.Hour), 100)
	return err
}

func levelRaised(t *testing.T, e *env) {
	a := fullAccount(newSubject())
	a.Level = credential.Declared
	for _, edit := range []string{"level = 2", "proven_at = proven_at + 1", "must_change = NOT must_change", "frozen_from = 0", "closed_at = 0", "version = version + 1"} {
		a.Subject = newSubject()
		e.update(t, a.Subject, func(tx credential.Tx) error { return tx.SaveAccount(a) })
		if n := e.Exec(t, "UPDATE accounts SET "+edit+" WHERE subject = $1", a.Subject[:]); n != 1 {
			t.Fatalf("%s changed %d rows", edit, n)
		}
		err := stale(e, func(tx credential.Tx) error { _, err := tx.Account(a.Subject); return err })
		if !errors.Is(err, credential.ErrSealed) {
			t.Errorf("an account after %s: %v, want ErrSealed", edit, err)
		}
	}
}

func addressEdited(t *testing.T, e *env) {
	for _, edit := range []string{"origin = 'in_person'", "proven_at = proven_at + 1", "officer = 'another'", "office = 'x'", "source = 'x'", "run = 'x'"} {
		a := fullAddress(t, newSubject())
		a.Provenance.Origin = credential.OriginTyped
		e.update(t, a.Subject, func(tx credential.Tx) error { return tx.PutAddress(a) })
		if n := e.Exec(t, "UPDATE addresses SET "+edit+" WHERE subject = $1", a.Subject[:]); n != 1 {
			t.Fatalf("%s changed %d rows", edit, n)
		}
		err := stale(e, func(tx credential.Tx) error { _, err := tx.Addresses(a.Subject); return err })
		if !errors.Is(err, credential.ErrSealed) {
			t.Errorf("an address after %s: %v, want ErrSealed", edit, err)
		}
	}
}

func attempts(t *testing.T, e *env) {
	s := newSubject()
	get := func(b credential.Budget) credential.Attempts {
		return read(t, e, func(tx credential.Tx) (credential.Attempts, error) { return tx.Attempts(s, b) })
	}
	same(t, "Attempts not stored", get(credential.BudgetProof), credential.Attempts{Subject: s, Budget: credential.BudgetProof})
	a := credential.Attempts{Subject: s, Budget: credential.BudgetProof, Times: []time.Time{t0, t0.Add(time.Millisecond)}, Total: 19}
	e.update(t, s, func(tx credential.Tx) error { return tx.SaveAttempts(a) })
	a.Version = 1
	same(t, "Attempts", get(credential.BudgetProof), a)
	same(t, "Attempts of another budget", get(credential.BudgetCode), credential.Attempts{Subject: s, Budget: credential.BudgetCode})
	a.Times, a.Total = nil, 0
	e.update(t, s, func(tx credential.Tx) error { return tx.SaveAttempts(a) })
	a.Version = 2
	same(t, "Attempts emptied", get(credential.BudgetProof), a)
	for _, version := range []int64{0, 1, 3} {
		a.Version = version
		err := stale(e, func(tx credential.Tx) error { return tx.SaveAttempts(a) })
		if !errors.Is(err, credential.ErrTaken) {
			t.Errorf("SaveAttempts with version %d over 2: %v, want ErrTaken", version, err)
		}
	}
	a.Version, a.Times = 2, make([]time.Time, 100_000)
	err := stale(e, func(tx credential.Tx) error { return tx.SaveAttempts(a) })
	if err == nil || errors.Is(err, credential.ErrTaken) {
		t.Errorf("SaveAttempts of a hundred thousand charges: %v, want a refusal", err)
	}
}

func marks(t *testing.T, e *env) {
	network, other, a, b := newHash(), newHash(), newSubject(), newSubject()
	e.update(t, a, func(tx credential.Tx) error {
		return errors.Join(
			tx.Mark("network", network, a, t0), tx.Mark("network", network, a, t0.Add(-time.Hour)), // never back
			tx.Mark("network", network, b, t0.Add(-time.Hour)), tx.Mark("network", network, b, t0.Add(-time.Minute)), // forward
			tx.Mark("device", network, a, t0), tx.Mark("network", other, a, t0))
	})
	e.view(t, func(tx credential.Tx) error {
		for _, c := range []struct {
			since  time.Duration
			n      int
			marked bool // a
		}{
			{-time.Hour, 2, true}, {-time.Minute, 2, true}, {-time.Second, 1, true}, {0, 1, true}, {time.Millisecond, 0, false},
		} {
			n, err := tx.Marks("network", network, t0.Add(c.since), 100)
			if err != nil || n != c.n {
				t.Errorf("Marks since %v = %d, %v; want %d", c.since, n, err, c.n)
			}
			marked, err := tx.Marked("network", network, a, t0.Add(c.since))
			if err != nil || marked != c.marked {
				t.Errorf("Marked since %v = %v, %v; want %v", c.since, marked, err, c.marked)
			}
		}
		marked, err := tx.Marked("mailbox", network, a, t0)
		if err != nil || marked {
			t.Errorf("Marked under another scope = %v, %v", marked, err)
		}
		return nil
	})
}

func useOnce(t *testing.T, e *env) {
	id, another := newHash(), newHash()
	for _, c := range []struct {
		id   [32]byte
		want bool
	}{{id, true}, {id, false}, {another, true}} {
		e.update(t, newSubject(), func(tx credential.Tx) error {
			first, err := tx.UseOnce(c.id, t0)
			if first != c.want {
				t.Errorf("UseOnce = %v, want %v", first, c.want)
			}
			return err
		})
	}
}

func devices(t *testing.T, e *env) {
	device, a, b := newHash(), newSubject(), newSubject()
	count := func(at time.Time) int {
		return read(t, e, func(tx credential.Tx) (int, error) { return tx.DevicePeople(device, at) })
	}
	e.update(t, a, func(tx credential.Tx) error {
		return errors.Join(
			tx.AddDevice(a, device, t0, t0.Add(time.Hour)), tx.AddDevice(a, device, t0, t0.Add(2*time.Hour)),
			tx.AddDevice(b, device, t0, t0.Add(time.Hour)), tx.AddDevice(b, newHash(), t0, t0.Add(time.Hour)))
	})
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 2}, {time.Hour - time.Millisecond, 2}, {time.Hour, 1}, {2 * time.Hour, 0}} {
		if got := count(t0.Add(c.after)); got != c.want {
			t.Errorf("DevicePeople after %v = %d, want %d", c.after, got, c.want)
		}
	}
	for _, c := range []struct {
		who   credential.Subject
		after time.Duration
		want  bool
	}{{a, 0, true}, {a, 2 * time.Hour, false}, {b, 0, true}, {b, time.Hour, false}, {newSubject(), 0, false}} {
		if got := read(t, e, func(tx credential.Tx) (bool, error) { return tx.KnowsDevice(c.who, device, t0.Add(c.after)) }); got != c.want {
			t.Errorf("KnowsDevice after %v = %v, want %v", c.after, got, c.want)
		}
	}
	owner := func(at time.Time) (s credential.Subject, err error) {
		err = e.store.View(t.Context(), func(tx credential.Tx) error {
			s, err = tx.DeviceOwner(device, at)
			return err
		})
		return s, err
	}
	if _, err := owner(t0); !errors.Is(err, credential.ErrNoRow) {
		t.Errorf("DeviceOwner of two people's device: %v, want ErrNoRow", err)
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 2}, {time.Hour, 0}} {
		if got := read(t, e, func(tx credential.Tx) (int, error) { return tx.DevicesOf(b, t0.Add(c.after)) }); got != c.want {
			t.Errorf("DevicesOf after %v = %d, want %d", c.after, got, c.want)
		}
	}
	renewed := newHash()
	e.update(t, a, func(tx credential.Tx) error { return tx.RenewDevice(device, renewed) })
	for _, one := range []struct {
		hash [32]byte
		want int
	}{{device, 0}, {renewed, 2}} {
		n := read(t, e, func(tx credential.Tx) (int, error) { return tx.DevicePeople(one.hash, t0) })
		if n != one.want {
			t.Errorf("%d people of a renewed device, want %d", n, one.want)
		}
	}
	e.update(t, a, func(tx credential.Tx) error { return tx.RenewDevice(renewed, device) })
	e.update(t, a, func(tx credential.Tx) error { return tx.ForgetDevices(a) })
	if got := count(t0); got != 1 {
		t.Errorf("DevicePeople after one was forgotten = %d, want 1", got)
	}
	if got, err := owner(t0); got != b || err != nil {
		t.Errorf("DeviceOwner = %v, %v, want the one who is left", got, err)
	}
	if _, err := owner(t0.Add(1000 * time.Hour)); !errors.Is(err, credential.ErrNoRow) {
		t.Errorf("DeviceOwner of a device past its life: %v, want ErrNoRow", err)
	}
}

func auditOf(t *testing.T, e *env) {
	a, b := newSubject(), newSubject()
	entry := func(s credential.Subject, act credential.Act, at time.Time) credential.AuditEntry {
		return credential.AuditEntry{
			Subject: s, Actor: credential.Staff, Act: act, Office: "Quito", At: at, Route: "r", Details: map[string]string{"reason": string(act)},
		}
	}
	first, second := entry(a, credential.ActStarted, t0), entry(a, credential.ActActivationCodeIssued, t0.Add(time.Hour))
	e.update(t, a, func(tx credential.Tx) error { return tx.Audit(first) })
	e.update(t, b, func(tx credential.Tx) error { return tx.Audit(entry(b, credential.ActObjected, t0)) })
	e.update(t, a, func(tx credential.Tx) error { return tx.Audit(second) })
	third := entry(a, credential.ActLoggedIn, t0.Add(2*time.Hour))
	third.Actor, third.Office = credential.Citizen, ""
	e.update(t, a, func(tx credential.Tx) error { return tx.Audit(third) })
	acts := func(s credential.Subject, q credential.AuditQuery) []credential.AuditEntry {
		return read(t, e, func(tx credential.Tx) ([]credential.AuditEntry, error) { return tx.AuditOf(s, q) })
	}
	for _, c := range []struct {
		name string
		q    credential.AuditQuery
		want []credential.AuditEntry
	}{
		{"all", credential.AuditQuery{Since: t0, N: 10}, []credential.AuditEntry{third, second, first}},
		{"since", credential.AuditQuery{Since: t0.Add(time.Millisecond), N: 10}, []credential.AuditEntry{third, second}},
		{"until", credential.AuditQuery{Until: t0.Add(time.Hour), N: 10}, []credential.AuditEntry{first}},
		{"one", credential.AuditQuery{N: 1}, []credential.AuditEntry{third}},
		{"the next", credential.AuditQuery{N: 1, Skip: 1}, []credential.AuditEntry{second}},
		{"past the end", credential.AuditQuery{N: 1, Skip: 3}, nil},
		{"of staff", credential.AuditQuery{Actor: credential.Staff, N: 10}, []credential.AuditEntry{second, first}},
		{"two acts", credential.AuditQuery{Acts: []credential.Act{credential.ActStarted, credential.ActLoggedIn}, N: 10}, []credential.AuditEntry{third, first}},
		{"all but one", credential.AuditQuery{Acts: []credential.Act{credential.ActStarted}, Except: true, N: 10}, []credential.AuditEntry{third, second}},
		{"none", credential.AuditQuery{}, nil},
	} {
		same(t, "AuditOf "+c.name, acts(a, c.q), c.want)
	}
	if n := len(acts(newSubject(), credential.AuditQuery{N: 10})); n != 0 {
		t.Errorf("%d acts on nobody", n)
	}
}

func glance(t *testing.T, e *env) {
	a := fullAccount(newSubject())
	e.update(t, a.Subject, func(tx credential.Tx) error { return tx.SaveAccount(a) })
	a.Version = 1
	for range 2 { // the second time the statement is prepared
		err := e.store.Glance(t.Context(), func(tx credential.Tx) error {
			got, err := tx.Account(a.Subject)
			same(t, "Account at a glance", got, a)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	for name, f := range map[string]func(tx credential.Tx) error{
		"a second read": func(tx credential.Tx) error {
			_, err := tx.Account(a.Subject)
			if err == nil {
				_, err = tx.Account(a.Subject)
			}
			return err
		},
		"a write":           func(tx credential.Tx) error { return tx.SetMeta("a", "b") },
		"a write unnoticed": func(tx credential.Tx) error { _ = tx.SetMeta("a", "b"); return nil },
		"an audit row":      func(tx credential.Tx) error { return tx.Audit(credential.AuditEntry{Subject: a.Subject}) },
	} {
		if err := e.store.Glance(t.Context(), f); err == nil {
			t.Errorf("%s at a glance is no error", name)
		}
	}
	err := e.store.Glance(t.Context(), func(tx credential.Tx) error {
		_, err := tx.Account(newSubject())
		return err
	})
	if !errors.Is(err, credential.ErrNoRow) {
		t.Errorf("Glance at nobody: %v, want ErrNoRow", err)
	}
}

func requests(t *testing.T, e *env) {
	s, other := newSubject(), newSubject()
	first := credential.DataRequest{
		Subject: s, ID: newID(), Kind: credential.Erasure, Text: credential.NewText("Dos líneas\nde texto"), Reference: "ABCD-2345",
		CreatedAt: t0, DueAt: t0.Add(15 * 24 * time.Hour), State: credential.RequestOpen,
	}
	second, others := first, first
	second.ID, second.Kind, second.CreatedAt = newID(), credential.Rectification, t0.Add(time.Minute)
	others.ID, others.Subject = newID(), other
	for _, r := range []credential.DataRequest{first, second, others} {
		e.update(t, r.Subject, func(tx credential.Tx) error { return tx.PutRequest(r) })
	}
	of := func(s credential.Subject) []credential.DataRequest {
		return read(t, e, func(tx credential.Tx) ([]credential.DataRequest, error) { return tx.Requests(s) })
	}
	same(t, "Requests", of(s), []credential.DataRequest{second, first})
	first.State, first.EndedAt = "answered", t0.Add(time.Hour)
	e.update(t, s, func(tx credential.Tx) error { return tx.PutRequest(first) })
	same(t, "Requests, one answered", of(s), []credential.DataRequest{second, first})
	if got := of(newSubject()); len(got) != 0 {
		t.Errorf("Requests of nobody: %v", got)
	}
}

func complaints(t *testing.T, e *env) {
	s := newSubject()
	written := func(number string, at time.Time) credential.Complaint {
		return credential.Complaint{
			ID: newID(), Number: number, Kind: credential.Complain, Topic: credential.TopicUnlock, Text: credential.NewText("Dos líneas\n=1+1 <b>"),
			Email: mustEmail(t, "rosa@correo.example"), Reference: "ABCD-2345", ReceivedAt: at, DueAt: at.Add(15 * 24 * time.Hour),
			ConfirmUntil: at.Add(7 * 24 * time.Hour), KeepUntil: at.Add(365 * 24 * time.Hour),
		}
	}
	first, second, third := written("Q-2222-3333", t0), written("Q-4444-5555", t0.Add(time.Minute)), written("Q-6666-7777", t0.Add(2*time.Minute))
	second.Subject, second.Email, second.Reference = s, credential.Email{}, ""
	second.ConfirmedAt, second.Proof = second.ReceivedAt, credential.BySession
	third.Kind = credential.Praise
	for _, c := range []credential.Complaint{third, first, second} {
		e.update(t, c.Subject, func(tx credential.Tx) error { return tx.CreateComplaint(c) })
	}
	taken, tries := first, 0
	taken.ID = newID()
	e.update(t, s, func(tx credential.Tx) error {
		tries++
		if tries == 2 { // whoever draws a number that is taken draws again
			taken.Number = "Q-8888-9999"
		}
		return tx.CreateComplaint(taken)
	})
	if tries != 2 {
		t.Errorf("a number that is taken: %d tries", tries)
	}
	byID := func(id credential.ID) (credential.Complaint, error) {
		var c credential.Complaint
		err := e.store.View(t.Context(), func(tx credential.Tx) (err error) {
			c, err = tx.Complaint(id)
			return err
		})
		return c, err
	}
	for _, want := range []credential.Complaint{first, second, third} {
		got, err := byID(want.ID)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "Complaint", got, want)
		same(t, "ComplaintNumbered", read(t, e, func(tx credential.Tx) (credential.Complaint, error) { return tx.ComplaintNumbered(want.Number) }), want)
	}
	if _, err := byID(newID()); !errors.Is(err, credential.ErrNoRow) {
		t.Errorf("Complaint of nothing: %v", err)
	}
	open := func(since time.Time, n int) []credential.Complaint {
		return read(t, e, func(tx credential.Tx) ([]credential.Complaint, error) { return tx.OpenComplaints(since, n) })
	}
	same(t, "OpenComplaints", open(second.ReceivedAt, 9), []credential.Complaint{second, third})
	same(t, "OpenComplaints, one", open(second.ReceivedAt, 1), []credential.Complaint{second})
	of := func(s credential.Subject) []credential.Complaint {
		return read(t, e, func(tx credential.Tx) ([]credential.Complaint, error) { return tx.ComplaintsOf(s) })
	}
	same(t, "ComplaintsOf", of(s), []credential.Complaint{second})
	if got := of(credential.Subject{}); len(got) != 0 {
		t.Errorf("ComplaintsOf nobody: %d", len(got))
	}

	// Confirmed once, by one of many.
	at, keep := t0.Add(time.Hour), t0.Add(3*365*24*time.Hour)
	var won atomic.Int32
	together(e, 8, func(_ int, store Store) {
		err := store.Update(t.Context(), first.ID.Shard(), func(tx credential.Tx) error {
			done, err := tx.ConfirmComplaint(first.ID, credential.ByMail, at, keep)
			if done {
				won.Add(1)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	first.ConfirmedAt, first.Proof, first.KeepUntil = at, credential.ByMail, keep
	if got, err := byID(first.ID); err != nil || won.Load() != 1 {
		t.Errorf("%d confirmed it, want 1; %v", won.Load(), err)
	} else {
		same(t, "Complaint, confirmed", got, first)
	}
	// What nobody confirmed lapses once, and cannot be confirmed after that.
	lapse := func(before time.Time) (all []credential.LapsedComplaint) {
		e.update(t, s, func(tx credential.Tx) (err error) {
			all, err = tx.LapseComplaints(before, 9)
			return err
		})
		return all
	}
	if got := lapse(taken.ConfirmUntil); len(got) != 0 {
		t.Errorf("lapsed at the instant itself: %v", got)
	}
	same(t, "LapseComplaints", lapse(third.ConfirmUntil), []credential.LapsedComplaint{{Kind: taken.Kind, Until: taken.ConfirmUntil}})
	same(t, "LapseComplaints, later", lapse(third.ConfirmUntil.Add(1)), []credential.LapsedComplaint(nil))
	same(t, "LapseComplaints, a millisecond later", lapse(third.ConfirmUntil.Add(time.Millisecond)), []credential.LapsedComplaint{{Kind: third.Kind, Until: third.ConfirmUntil}})
	e.update(t, s, func(tx credential.Tx) error {
		done, err := tx.ConfirmComplaint(third.ID, credential.ByMail, at, keep)
		if done {
			t.Error("what lapsed was confirmed")
		}
		return err
	})
	// Swept past its end, and what the figures have not seen stays.
	unseen := written("Q-2345-2345", t0.Add(time.Second))
	e.update(t, s, func(tx credential.Tx) error { return tx.CreateComplaint(unseen) })
	e.update(t, s, func(tx credential.Tx) error {
		n, err := tx.Sweep(credential.Retention{Now: third.KeepUntil.Add(time.Minute)})
		if n != 3 {
			t.Errorf("Sweep = %d, want the two that lapsed and the one of a session", n)
		}
		return err
	})
	same(t, "what is left", open(t0, 9), []credential.Complaint{first, unseen})
}

func sessions(t *testing.T, e *env) {
	a, b := newSubject(), newSubject()
	open := func(s credential.Subject, seen time.Time) credential.Session {
		x := credential.Session{
			Subject: s, ID: newID(), Token: newHash(), CreatedAt: t0, SeenAt: seen, ExpiresAt: t0.Add(8 * time.Hour), Browser: "android",
		}
		e.update(t, s, func(tx credential.Tx) error { return tx.OpenSession(x) })
		return x
	}
	crowd := newSubject()
	var kept []credential.ID
	for i := range credential.MaxSessions + 3 {
		kept = append(kept, open(crowd, t0.Add(time.Duration(i)*time.Second)).ID)
	}
	for i, id := range kept {
		err := stale(e, func(tx credential.Tx) error { _, err := tx.Session(id); return err })
		if gone := errors.Is(err, credential.ErrNoRow); gone != (i < 3) {
			t.Errorf("session %d of too many: %v", i, err)
		}
	}
	first, second, others := open(a, t0), open(a, t0.Add(time.Minute)), open(b, t0)
	same(t, "Session", read(t, e, func(tx credential.Tx) (credential.Session, error) { return tx.Session(first.ID) }), first)
	live := func(s credential.Subject, usedAfter, now time.Time) []credential.Session {
		return read(t, e, func(tx credential.Tx) ([]credential.Session, error) { return tx.Sessions(s, usedAfter, now) })
	}
	same(t, "Sessions", live(a, t0.Add(-time.Second), t0), []credential.Session{second, first})
	same(t, "Sessions used lately", live(a, t0, t0), []credential.Session{second})
	if n := len(live(a, t0.Add(-time.Second), t0.Add(8*time.Hour))); n != 0 {
		t.Errorf("%d sessions past their end", n)
	}
	e.update(t, a, func(tx credential.Tx) error {
		return errors.Join(tx.SeeSession(first.ID, t0.Add(time.Hour)), tx.SeeSession(second.ID, t0))
	})
	first.SeenAt = t0.Add(time.Hour)
	same(t, "Sessions seen", live(a, t0.Add(-time.Second), t0), []credential.Session{first, second})
	for _, c := range []struct {
		who  credential.Subject
		id   credential.ID
		want bool
	}{{b, first.ID, false}, {a, first.ID, true}, {a, first.ID, false}} {
		e.update(t, c.who, func(tx credential.Tx) error {
			ended, err := tx.EndSession(c.who, c.id)
			if ended != c.want {
				t.Errorf("EndSession = %v, want %v", ended, c.want)
			}
			return err
		})
	}
	third := open(a, t0)
	e.update(t, a, func(tx credential.Tx) error { return tx.EndSessions(a, third.ID) })
	same(t, "Sessions but one", live(a, t0.Add(-time.Second), t0), []credential.Session{third})
	same(t, "Sessions of another", live(b, t0.Add(-time.Second), t0), []credential.Session{others})
	e.view(t, func(tx credential.Tx) error {
		if _, err := tx.Session(second.ID); !errors.Is(err, credential.ErrNoRow) {
			t.Errorf("Session that ended: %v, want ErrNoRow", err)
		}
		return nil
	})
}

func activationCodes(t *testing.T, e *env) {
	hash := newHash()
	older := credential.ActivationCode{
		Subject: newSubject(), ID: newID(), MAC: hash[:], IssuedAt: t0, ExpiresAt: t0.Add(24 * time.Hour),
	}
	newer := older
	newer.ID, newer.IssuedAt = newID(), t0.Add(time.Hour)
	use := func(id credential.ID) (first bool) {
		e.update(t, older.Subject, func(tx credential.Tx) (err error) {
			first, err = tx.UseActivationCode(older.Subject, id, t0.Add(time.Minute))
			return err
		})
		return first
	}
	e.view(t, func(tx credential.Tx) error {
		if _, err := tx.ActivationCode(older.Subject); !errors.Is(err, credential.ErrNoRow) {
			t.Errorf("ActivationCode of nobody: %v, want ErrNoRow", err)
		}
		return nil
	})
	for _, c := range []credential.ActivationCode{older, newer} { // the newer takes the older's place
		e.update(t, c.Subject, func(tx credential.Tx) error { return tx.PutActivationCode(c) })
		stored := read(t, e, func(tx credential.Tx) (credential.ActivationCode, error) { return tx.ActivationCode(c.Subject) })
		same(t, "ActivationCode", stored, c)
	}
	if use(older.ID) || !use(newer.ID) || use(newer.ID) {
		t.Error("a code that was replaced or used could be used")
	}
	newer.UsedAt = t0.Add(time.Minute)
	same(t, "ActivationCode used", read(t, e, func(tx credential.Tx) (credential.ActivationCode, error) {
		return tx.ActivationCode(newer.Subject)
	}), newer)
}

func activationCodeRace(t *testing.T, e *env) {
	hash := newHash()
	c := credential.ActivationCode{Subject: newSubject(), ID: newID(), MAC: hash[:], IssuedAt: t0, ExpiresAt: t0.Add(time.Hour)}
	e.update(t, c.Subject, func(tx credential.Tx) error { return tx.PutActivationCode(c) })
	race(t, e, func(tx credential.Tx) (bool, error) { return tx.UseActivationCode(c.Subject, c.ID, t0) })
}

func notices(t *testing.T, e *env) {
	full := credential.Notice{
		ID: newID(), Subject: newSubject(), Kind: credential.MailLocked, Procedure: newID(), Address: newHash(), MayFreeze: true,
		CreatedAt: t0, Due: t0.Add(time.Minute), Repeats: 2, LatestAt: t0.Add(time.Second), ExpiresAt: t0.Add(240 * time.Hour),
	}
	empty := credential.Notice{ID: newID()}
	e.update(t, full.Subject, func(tx credential.Tx) error {
		if _, err := tx.Notice(full.ID); !errors.Is(err, credential.ErrNoRow) {
			t.Errorf("Notice that is not there: %v, want ErrNoRow", err)
		}
		return errors.Join(tx.PutNotice(full), tx.PutNotice(empty))
	})
	for _, n := range []credential.Notice{full, empty} {
		for _, want := range []bool{true, false} {
			same(t, "Notice", read(t, e, func(tx credential.Tx) (credential.Notice, error) { return tx.Notice(n.ID) }), n)
			e.update(t, n.Subject, func(tx credential.Tx) error {
				used, err := tx.UseNotice(n.ID, map[bool]string{true: "C-1", false: "C-2"}[want], true, t0.Add(time.Minute))
				if used != want {
					t.Errorf("UseNotice = %v, want %v", used, want)
				}
				return err
			})
			n.UsedAt, n.Case = t0.Add(time.Minute), "C-1"
		}
	}
	last := full
	last.ID, last.Due = newID(), full.Due.Add(time.Minute)
	others := []credential.Notice{last, last, last}
	others[0].ID, others[0].Kind, others[0].Due = newID(), credential.MailUnlocked, last.Due.Add(time.Minute)
	others[1].ID, others[1].Address, others[1].Due = newID(), newHash(), last.Due.Add(time.Minute)
	others[2].ID, others[2].Subject, others[2].Due = newID(), newSubject(), last.Due.Add(time.Minute)
	e.update(t, full.Subject, func(tx credential.Tx) error {
		_, err := tx.LatestNotice(newSubject(), last.Kind, last.Address)
		if !errors.Is(err, credential.ErrNoRow) {
			t.Errorf("LatestNotice of nobody: %v, want ErrNoRow", err)
		}
		return errors.Join(tx.PutNotice(last), tx.PutNotice(others[0]), tx.PutNotice(others[1]), tx.PutNotice(others[2]),
			tx.RepeatNotice(last.ID, t0.Add(time.Hour)))
	})
	last.Repeats, last.LatestAt = 3, t0.Add(time.Hour)
	same(t, "LatestNotice", read(t, e, func(tx credential.Tx) (credential.Notice, error) {
		return tx.LatestNotice(full.Subject, full.Kind, full.Address)
	}), last)
}

func cases(t *testing.T, e *env) {
	first := credential.Case{Number: "C-A-" + newID().String(), Subject: newSubject(), Kind: credential.MailClaveSet, Froze: true, OpenedAt: t0}
	second := credential.Case{Number: "C-B-" + newID().String(), Subject: first.Subject, Kind: credential.MailLocked, OpenedAt: t0.Add(time.Hour)}
	other := second
	other.Number, other.Subject = "C-C-"+newID().String(), newSubject()
	for _, c := range []credential.Case{second, first, other} {
		e.update(t, c.Subject, func(tx credential.Tx) error { return tx.OpenCase(c) })
	}
	same(t, "Cases", read(t, e, func(tx credential.Tx) ([]credential.Case, error) { return tx.Cases(first.Subject) }),
		[]credential.Case{second, first})
}

func fullMail(t testing.TB) credential.Mail {
	return credential.Mail{
		ID: newID(), Kind: credential.MailActivation, To: mustEmail(t, "maria@example.com"), Procedure: newID(),
		Generation: 3, Notice: newID(), QueuedAt: t0, Due: t0, Tries: 2,
		Facts: credential.MailFacts{
			GivenName: "María", Reference: "AB2C-3DEF", At: t0, Browser: "android", NewMask: "m•••••@gmail.com", HoldUntil: t0.Add(time.Hour),
		},
	}
}

func (e *env) claim(t testing.TB, now time.Time, n int) (mails []credential.Mail) {
	t.Helper()
	e.update(t, newSubject(), func(tx credential.Tx) (err error) {
		mails, err = tx.ClaimMails(now, now.Add(time.Minute), n)
		return err
	})
	return mails
}

func ids(mails []credential.Mail) (all []credential.ID) {
	for _, m := range mails {
		all = append(all, m.ID)
	}
	return all
}

func outbox(t *testing.T, e *env) {
	queue := func() (int, time.Time) {
		var n int
		var oldest time.Time
		e.view(t, func(tx credential.Tx) (err error) {
			n, oldest, err = tx.MailQueue()
			return err
		})
		return n, oldest
	}
	if n, oldest := queue(); n != 0 || !oldest.IsZero() {
		t.Errorf("an empty MailQueue = %d, %v", n, oldest)
	}
	early, late, held := fullMail(t), fullMail(t), fullMail(t)
	empty := credential.Mail{ID: newID()}
	early.Due, held.Due = t0.Add(-time.Minute), t0.Add(48*time.Hour)
	held.Procedure = late.Procedure
	e.update(t, newSubject(), func(tx credential.Tx) error {
		return errors.Join(tx.QueueMail(late), tx.QueueMail(held), tx.QueueMail(early), tx.QueueMail(empty))
	})
	if n, oldest := queue(); n != 4 || !oldest.Equal(time.Time{}) {
		t.Errorf("MailQueue = %d, %v", n, oldest)
	}
	same(t, "the first two due", e.claim(t, t0, 2), []credential.Mail{empty, early})
	same(t, "the others due", e.claim(t, t0, 9), []credential.Mail{late})
	same(t, "while all are leased", len(e.claim(t, t0.Add(time.Minute-time.Millisecond), 9)), 0)
	e.update(t, newSubject(), func(tx credential.Tx) error {
		return errors.Join(tx.FinishMail(empty.ID, credential.MailSent, t0), tx.DelayMail(early.ID, 3, t0.Add(time.Hour)))
	})
	same(t, "after the lease", e.claim(t, t0.Add(time.Minute), 9), []credential.Mail{late})
	early.Tries, early.Due = 3, t0.Add(time.Hour)
	same(t, "after the delay", e.claim(t, t0.Add(time.Hour), 1), []credential.Mail{late})
	same(t, "after the delay, next", e.claim(t, t0.Add(time.Hour), 1), []credential.Mail{early})
	if n, oldest := queue(); n != 3 || !oldest.Equal(t0) {
		t.Errorf("MailQueue = %d, %v; want 3, %v", n, oldest, t0)
	}

	// Nothing of a mail that ended is left, and it stays ended.
	if n := e.Exec(t, "DELETE FROM outbox WHERE id = $1 AND recipient IS NULL AND facts IS NULL", empty.ID[:]); n != 1 {
		t.Error("a finished mail keeps its address or its facts")
	}
	another := fullMail(t)
	notice := fullMail(t)
	another.Procedure, another.Generation = late.Procedure, 4
	notice.Procedure, notice.Kind = late.Procedure, credential.MailClaveSet
	elsewhere := fullMail(t)
	e.update(t, newSubject(), func(tx credential.Tx) error {
		return errors.Join(tx.QueueMail(another), tx.QueueMail(notice), tx.QueueMail(elsewhere), tx.DropMails(late.Procedure, 4),
			tx.DelayMail(late.ID, 1, t0), tx.FinishMail(held.ID, credential.MailGaveUp, t0))
	})
	left := ids(e.claim(t, t0.Add(100*time.Hour), 9))
	want := []credential.ID{another.ID, notice.ID, elsewhere.ID, early.ID}
	byBytes := func(a, b credential.ID) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(left, byBytes)
	slices.SortFunc(want, byBytes)
	same(t, "mails left after DropMails", left, want)
	if n := e.Exec(t, "DELETE FROM outbox WHERE ended = 'dropped' AND recipient IS NULL AND facts IS NULL"); n != 2 {
		t.Errorf("%d mails were dropped, want 2", n)
	}
	if err := stale(e, func(tx credential.Tx) error { return tx.FinishMail(another.ID, "", t0) }); err == nil {
		t.Error("FinishMail without an end: no error")
	}
}

func meta(t *testing.T, e *env) {
	for _, value := range []string{"", "7", "8"} {
		if value != "" {
			e.update(t, newSubject(), func(tx credential.Tx) error { return tx.SetMeta("seed", value) })
		}
		got := read(t, e, func(tx credential.Tx) (string, error) { return tx.Meta("seed") })
		if got != value {
			t.Errorf("Meta = %q, want %q", got, value)
		}
	}
}

// writeAll writes one row of every kind.
func writeAll(t testing.TB, tx credential.Tx, s credential.Subject, p credential.Procedure, m credential.Mail) error {
	_, err := tx.UseOnce([32]byte(slices.Concat(s[:], s[:])), t0)
	return errors.Join(err,
		tx.PutPerson(s, fullPerson(t)), tx.SaveAccount(fullAccount(s)), tx.PutAddress(fullAddress(t, s)), tx.CreateProcedure(p),
		tx.SaveAttempts(credential.Attempts{Subject: s, Budget: credential.BudgetProof, Times: []time.Time{t0}, Total: 1}),
		tx.Mark("network", [32]byte{1}, s, t0), tx.AddDevice(s, [32]byte{2}, t0, t0.Add(time.Hour)),
		tx.PutNotice(credential.Notice{ID: m.ID, Subject: s, ExpiresAt: t0.Add(time.Hour)}), tx.QueueMail(m), tx.SetMeta("seed", "1"),
		tx.Audit(credential.AuditEntry{Subject: s, Actor: credential.Citizen, Act: credential.ActStarted, At: t0}))
}

// kinds tells which kinds of row there are.
func kinds(t testing.TB, e *env, s credential.Subject, p credential.Procedure, m credential.Mail) (have []string) {
	t.Helper()
	note := func(kind string, is bool, err error) error {
		if errors.Is(err, credential.ErrNoRow) {
			return nil
		}
		if is && err == nil {
			have = append(have, kind)
		}
		return err
	}
	_, found, err := e.store.Person(t.Context(), s)
	if err := note("person", found, err); err != nil {
		t.Fatal(err)
	}
	e.view(t, func(tx credential.Tx) error {
		_, err1 := tx.Account(s)
		list, err2 := tx.Addresses(s)
		_, err3 := tx.Procedure(p.ID)
		a, err4 := tx.Attempts(s, credential.BudgetProof)
		n, err5 := tx.Marks("network", [32]byte{1}, t0, 100)
		d, err6 := tx.DevicePeople([32]byte{2}, t0)
		_, err7 := tx.Notice(m.ID)
		q, _, err8 := tx.MailQueue()
		v, err9 := tx.Meta("seed")
		seq, _, err10 := tx.AuditHead(credential.AuditShard(s))
		rows, err11 := tx.AuditRows(credential.AuditShard(s), 0, 10)
		return errors.Join(note("account", true, err1), note("address", len(list) > 0, err2), note("procedure", true, err3),
			note("attempts", a.Version > 0, err4), note("mark", n > 0, err5), note("device", d > 0, err6), note("notice", true, err7),
			note("mail", q > 0, err8), note("meta", v != "", err9), note("audit head", seq > 0, err10), note("audit row", len(rows) > 0, err11))
	})
	e.update(t, s, func(tx credential.Tx) error {
		first, err := tx.UseOnce([32]byte(slices.Concat(s[:], s[:])), t0)
		return note("used once", !first, err)
	})
	return have
}

var allKinds = []string{"person", "account", "address", "procedure", "attempts", "mark", "device", "notice", "mail", "meta", "audit head", "audit row", "used once"}

func rollback(t *testing.T, e *env) {
	s := newSubject()
	p, m := fullProcedure(t, s), fullMail(t)
	boom := errors.New("boom")
	err := e.store.Update(t.Context(), s.Shard(), func(tx credential.Tx) error {
		if err := writeAll(t, tx, s, p, m); err != nil {
			t.Fatal(err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("Update = %v, want the function's own error", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = e.store.Update(t.Context(), s.Shard(), func(tx credential.Tx) error {
			if err := writeAll(t, tx, s, p, m); err != nil {
				t.Fatal(err)
			}
			panic("boom")
		})
	}()
	if have := kinds(t, e, s, p, m); len(have) != 0 {
		t.Errorf("an update that failed left: %v", have)
	}
	refusal := &credential.Error{Kind: credential.TooMany, Rule: "attempts"}
	err = e.store.Update(t.Context(), s.Shard(), func(credential.Tx) error { return refusal })
	if got, ok := errors.AsType[*credential.Error](err); !ok || got != refusal {
		t.Errorf("Update = %v, want the refusal as it is", err)
	}
	e.Exec(t, "DELETE FROM used_once")
	e.update(t, s, func(tx credential.Tx) error { return writeAll(t, tx, s, p, m) })
	same(t, "kinds of row after the same that commits", kinds(t, e, s, p, m), allKinds)
}

// failedStatement: nothing commits after a statement that failed, also when the
// caller overlooks it.
func failedStatement(t *testing.T, e *env) {
	p := fullProcedure(t, newSubject())
	e.update(t, p.Subject, func(tx credential.Tx) error { return tx.CreateProcedure(p) })
	err := e.store.Update(t.Context(), 0, func(tx credential.Tx) error {
		if err := tx.SetMeta("seed", "1"); err != nil {
			return err
		}
		if err := tx.CreateProcedure(p); err == nil {
			t.Error("a procedure was created twice")
		}
		return nil
	})
	if err == nil {
		t.Error("an update committed over a failed statement")
	}
	if got := read(t, e, func(tx credential.Tx) (string, error) { return tx.Meta("seed") }); got != "" {
		t.Errorf("it left %q", got)
	}
}

func view(t *testing.T, e *env) {
	set := func(value string) {
		e.update(t, newSubject(), func(tx credential.Tx) error { return tx.SetMeta("seed", value) })
	}
	set("1")
	err := e.other.View(t.Context(), func(tx credential.Tx) error {
		for range 3 {
			got, err := tx.Meta("seed")
			if err != nil || got != "1" {
				t.Errorf("Meta within the view = %q, %v; want what it was at first", got, err)
			}
			set("2") // by the other store, meanwhile
		}
		return nil
	})
	if err != nil {
		t.Errorf("View = %v", err)
	}
	if err := e.store.View(t.Context(), func(tx credential.Tx) error { return tx.SetMeta("seed", "3") }); err == nil {
		t.Error("a view wrote")
	}
	if err := e.store.View(t.Context(), func(tx credential.Tx) error { return tx.Audit(credential.AuditEntry{}) }); err == nil {
		t.Error("a view audited")
	}
	if got := read(t, e, func(tx credential.Tx) (string, error) { return tx.Meta("seed") }); got != "2" {
		t.Errorf("Meta = %q, want 2", got)
	}
	if err := e.store.Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
}

func cancelled(t *testing.T, e *env) {
	ctx, cancel := context.WithCancel(t.Context())
	err := e.store.Update(ctx, 0, func(tx credential.Tx) error {
		err := tx.SetMeta("seed", "1")
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update cancelled before its commit = %v, want context.Canceled", err)
	}
	if got := read(t, e, func(tx credential.Tx) (string, error) { return tx.Meta("seed") }); got != "" {
		t.Errorf("it left %q", got)
	}
	called := false
	err = e.store.Update(ctx, 0, func(credential.Tx) error { called = true; return nil })
	if !errors.Is(err, context.Canceled) || called {
		t.Errorf("Update of a cancelled context = %v, called %v", err, called)
	}
	e.update(t, newSubject(), func(tx credential.Tx) error { return tx.SetMeta("seed", "2") })
	err = e.store.Update(t.Context(), 0, func(credential.Tx) error { return credential.ErrTaken })
	if !errors.Is(err, credential.ErrTaken) || !credential.IsKind(err, credential.Unavailable) {
		t.Errorf("Update that always loses = %v, want Unavailable because of ErrTaken", err)
	}
	if err := e.store.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := e.store.Ping(t.Context()); !credential.IsKind(err, credential.Unavailable) {
		t.Errorf("Ping of a closed store = %v, want Unavailable", err)
	}
}

// lostWrite: an update whose function loses runs again, from a clean start.
func lostWrite(t *testing.T, e *env) {
	s := newSubject()
	runs := 0
	e.update(t, s, func(tx credential.Tx) error {
		runs++
		a, err := tx.Attempts(s, credential.BudgetProof)
		if err != nil {
			return err
		}
		a.Times, a.Total = append(a.Times, t0), a.Total+1
		if runs < 4 {
			a.Version++ // as though somebody else had saved meanwhile
		}
		err = tx.Audit(credential.AuditEntry{Subject: s, Act: credential.ActTyped, At: t0})
		if err != nil {
			return err
		}
		err = tx.SaveAttempts(a)
		if err != nil {
			return fmt.Errorf("saving: %w", err) // wrapped, as use cases do
		}
		return nil
	})
	if runs != 4 {
		t.Errorf("the function ran %d times, want 4", runs)
	}
	a := read(t, e, func(tx credential.Tx) (credential.Attempts, error) { return tx.Attempts(s, credential.BudgetProof) })
	if a.Total != 1 || a.Version != 1 {
		t.Errorf("Attempts = total %d, version %d; want one charge", a.Total, a.Version)
	}
	if n := verify(t, e, ""); n != 1 {
		t.Errorf("%d audit rows, want that of the run that committed", n)
	}
}

// verify walks the chains and wants the fault named, or none.
func verify(t testing.TB, e *env, want string) (rows int64) {
	t.Helper()
	got := ""
	e.view(t, func(tx credential.Tx) (err error) {
		rows, err = e.keys.VerifyAudit(tx, nil)
		if fault, ok := errors.AsType[*credential.AuditFault](err); ok {
			got = fault.Error()
			return nil
		}
		return err
	})
	if got != want {
		t.Errorf("VerifyAudit = %q, want %q", got, want)
	}
	return rows
}

// together runs f n times at once, on both stores in turn, and waits for all.
func together(e *env, n int, f func(i int, s Store)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i, []Store{e.store, e.other}[i%2])
		})
	}
	close(start)
	wg.Wait()
}

// race runs decide sixteen times at once and wants exactly one to win. The shards
// differ, so that no order of updates helps: the statement alone decides.
func race(t *testing.T, e *env, decide func(tx credential.Tx) (bool, error)) {
	t.Helper()
	won := make([]bool, 16)
	together(e, len(won), func(i int, s Store) {
		err := s.Update(t.Context(), credential.Shard(i), func(tx credential.Tx) (err error) {
			won[i], err = decide(tx)
			return err
		})
		if err != nil {
			t.Errorf("Update: %v", err)
		}
	})
	winners := 0
	for _, w := range won {
		if w {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d won, want one", winners, len(won))
	}
}

func sixteenRedemptions(t *testing.T, e *env) {
	for range 5 {
		p := fullProcedure(t, newSubject())
		n := credential.Notice{ID: newID(), Subject: p.Subject, ExpiresAt: t0}
		e.update(t, p.Subject, func(tx credential.Tx) error { return errors.Join(tx.CreateProcedure(p), tx.PutNotice(n)) })
		race(t, e, func(tx credential.Tx) (bool, error) { return tx.FinishProcedure(p.ID, t0) })
		race(t, e, func(tx credential.Tx) (bool, error) { return tx.UseNotice(n.ID, "C-1", true, t0) })
	}
}

func useOnceRace(t *testing.T, e *env) {
	for range 5 {
		id := newHash()
		race(t, e, func(tx credential.Tx) (bool, error) { return tx.UseOnce(id, t0) })
	}
}

// fiftyCharges: read, decide and write of one person come one after the other.
// The same holds where the shards differ and the version alone decides.
func fiftyCharges(t *testing.T, e *env) {
	const limit = 5
	for _, shards := range []int{1, 50} {
		s := newSubject()
		taken := make([]bool, 50)
		together(e, len(taken), func(i int, store Store) {
			err := store.Update(t.Context(), s.Shard()+credential.Shard(i%shards), func(tx credential.Tx) error {
				taken[i] = false
				a, err := tx.Attempts(s, credential.BudgetProof)
				if err != nil || len(a.Times) >= limit {
					return err
				}
				a.Times, a.Total = append(a.Times, t0.Add(time.Duration(i)*time.Second)), a.Total+1
				taken[i] = true
				return tx.SaveAttempts(a)
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		})
		n := 0
		for _, is := range taken {
			if is {
				n++
			}
		}
		a := read(t, e, func(tx credential.Tx) (credential.Attempts, error) { return tx.Attempts(s, credential.BudgetProof) })
		if n != limit || len(a.Times) != limit || a.Total != limit || a.Version != limit {
			t.Errorf("%d shards: %d charges went through, %d stored, total %d, version %d; want %d", shards, n, len(a.Times), a.Total, a.Version, limit)
		}
	}
}

// oneShardInOrder: updates of one shard come one after the other, so that not
// even a read and a write without any condition lose anything.
func oneShardInOrder(t *testing.T, e *env) {
	const writers, each = 8, 10
	together(e, writers, func(_ int, s Store) {
		for range each {
			err := s.Update(t.Context(), 7, func(tx credential.Tx) error {
				v, err := tx.Meta("count")
				if err != nil {
					return err
				}
				return tx.SetMeta("count", v+"x")
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		}
	})
	got := read(t, e, func(tx credential.Tx) (string, error) { return tx.Meta("count") })
	if len(got) != writers*each {
		t.Errorf("%d of %d updates left their mark", len(got), writers*each)
	}
}

func mailClaimRace(t *testing.T, e *env) {
	const mails, workers = 200, 8
	want := map[credential.ID]int{}
	e.update(t, newSubject(), func(tx credential.Tx) error {
		for range mails {
			m := fullMail(t)
			want[m.ID] = 1
			if err := tx.QueueMail(m); err != nil {
				return err
			}
		}
		return nil
	})
	var mu sync.Mutex
	got := map[credential.ID]int{}
	together(e, workers, func(i int, s Store) {
		for {
			var claimed []credential.Mail
			err := s.Update(t.Context(), credential.Shard(i), func(tx credential.Tx) (err error) {
				claimed, err = tx.ClaimMails(t0, t0.Add(time.Minute), 7)
				return err
			})
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			if len(claimed) > 7 {
				t.Errorf("%d mails claimed, asked for 7", len(claimed))
			}
			mu.Lock()
			for _, m := range claimed {
				got[m.ID]++
			}
			mu.Unlock()
			// Half of them are finished at once, half stay leased.
			for _, m := range claimed[:len(claimed)/2] {
				err := s.Update(t.Context(), credential.Shard(i), func(tx credential.Tx) error {
					return tx.FinishMail(m.ID, credential.MailSent, t0)
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
			if len(claimed) == 0 {
				return
			}
		}
	})
	if !maps.Equal(got, want) {
		t.Errorf("%d of %d mails were claimed, some more than once", len(got), mails)
	}
}

func auditUnderRace(t *testing.T, e *env) {
	const writers, each = 16, 10
	shared := credential.Subject{3} // everybody's first row of this one meets the others'
	together(e, writers, func(i int, s Store) {
		for j := range each {
			mine := newSubject()
			boom := errors.New("boom")
			err := s.Update(t.Context(), credential.Shard(i), func(tx credential.Tx) error {
				err := errors.Join(
					tx.Audit(credential.AuditEntry{Subject: mine, Actor: credential.Citizen, Act: credential.ActTyped, At: t0,
						Route: "POST /generar", Office: "web", Details: map[string]string{"reference": "AB2C-3DEF"}}),
					tx.Audit(credential.AuditEntry{Subject: shared, Actor: credential.System, Act: credential.ActCodeHeld, At: t0}),
					tx.Audit(credential.AuditEntry{Subject: mine}))
				if err == nil && j%5 == 4 {
					return boom // leaves no gap
				}
				return err
			})
			if err != nil && !errors.Is(err, boom) {
				t.Errorf("Update: %v", err)
			}
		}
	})
	if n, want := verify(t, e, ""), int64(writers*each*4/5*3); n != want {
		t.Errorf("%d audit rows hold, want %d", n, want)
	}
	// One person, one random number, whoever was first.
	seen := map[[16]byte]bool{}
	e.view(t, func(tx credential.Tx) error {
		rows, err := tx.AuditRows(credential.AuditShard(shared), 0, 1000)
		for _, r := range rows {
			if r.Act == credential.ActCodeHeld {
				seen[r.Person] = true
				same(t, "AuditRow", credential.AuditRow{Actor: r.Actor, Act: r.Act, At: r.At},
					credential.AuditRow{Actor: credential.System, Act: credential.ActCodeHeld, At: t0})
			}
			if strings.Contains(string(r.Details), "AB2C") {
				t.Error("details stand in the open")
			}
		}
		return err
	})
	if len(seen) != 1 {
		t.Errorf("one person has %d random numbers in the audit", len(seen))
	}
}

// auditEdited is S31: whatever row is edited or deleted, the verifier names it.
func auditEdited(t *testing.T, e *env) {
	s := credential.Subject{5}
	add := func(n int) {
		for range n {
			e.update(t, s, func(tx credential.Tx) error {
				return tx.Audit(credential.AuditEntry{Subject: s, Actor: credential.Citizen, Act: credential.ActTyped, At: t0, Route: "POST /generar", Office: "web"})
			})
		}
	}
	add(5)
	verify(t, e, "")
	for _, c := range []struct {
		name, edit, undo, want string
	}{
		{"act of a middle row", "UPDATE audit SET act = 'x' WHERE seq = 3", "UPDATE audit SET act = 'proof_typed' WHERE seq = 3", "audit: chain 5, row 3: edited"},
		{"office", "UPDATE audit SET office = 'x' WHERE seq = 1", "UPDATE audit SET office = 'web' WHERE seq = 1", "audit: chain 5, row 1: edited"},
		{"route of the last row", "UPDATE audit SET route = 'x' WHERE seq = 5", "UPDATE audit SET route = 'POST /generar' WHERE seq = 5", "audit: chain 5, row 5: edited"},
		{"instant", "UPDATE audit SET at = at + 1 WHERE seq = 2", "UPDATE audit SET at = at - 1 WHERE seq = 2", "audit: chain 5, row 2: edited"},
		{"actor", "UPDATE audit SET actor = 'staff' WHERE seq = 2", "UPDATE audit SET actor = 'citizen' WHERE seq = 2", "audit: chain 5, row 2: edited"},
		{"chain", "UPDATE audit SET shard = 4 WHERE seq = 5", "UPDATE audit SET shard = 5 WHERE seq = 5", "audit: chain 4, row 1: missing"},
		{"details of a later row", "UPDATE audit SET seq = 9 WHERE seq = 4", "UPDATE audit SET seq = 4 WHERE seq = 9", "audit: chain 5, row 4: missing"},
		{"head's number", "UPDATE audit_heads SET seq = 4 WHERE shard = 5", "UPDATE audit_heads SET seq = 5 WHERE shard = 5", "audit: chain 5, row 5: head edited"},
		{"head away", "UPDATE audit_heads SET shard = 99 WHERE shard = 5", "UPDATE audit_heads SET shard = 5 WHERE shard = 99", "audit: chain 5, row 5: head edited"},
		{"head of an empty chain", "UPDATE audit_heads SET seq = 2 WHERE shard = 7", "UPDATE audit_heads SET seq = 0 WHERE shard = 7", "audit: chain 7, row 1: tail deleted"},
	} {
		if n := e.Exec(t, c.edit); n != 1 {
			t.Fatalf("%s: %d rows", c.name, n)
		}
		verify(t, e, c.want)
		e.Exec(t, c.undo)
		verify(t, e, "")
	}

	// A head that was put back does not take another row: that would make a
	// chain cut short whole again.
	for _, edit := range []string{"UPDATE audit_heads SET seq = 4 WHERE shard = 5", "UPDATE audit_heads SET shard = 99 WHERE shard = 5"} {
		e.Exec(t, edit)
		err := e.store.Update(t.Context(), s.Shard(), func(tx credential.Tx) error { return tx.Audit(credential.AuditEntry{Subject: s}) })
		if !errors.Is(err, credential.ErrSealed) {
			t.Errorf("an update that audits after %s: %v, want ErrSealed", edit, err)
		}
	}
	e.Exec(t, "UPDATE audit_heads SET shard = 5, seq = 5 WHERE shard = 99")
	verify(t, e, "")

	e.Exec(t, "DELETE FROM audit WHERE seq = 5")
	verify(t, e, "audit: chain 5, row 5: tail deleted")
	e.Exec(t, "DELETE FROM audit WHERE seq = 3")
	verify(t, e, "audit: chain 5, row 3: missing")
	add(1)
	verify(t, e, "audit: chain 5, row 3: missing")
}

func sweep(t *testing.T, e *env) {
	owner, nobody := newSubject(), newSubject()
	old, now := t0.Add(-100*24*time.Hour), t0
	r := credential.Retention{Now: now, Procedures: now.Add(-time.Hour), Attempts: now.Add(-time.Hour), Marks: now.Add(-time.Hour), Mails: now.Add(-time.Hour), Requests: now.Add(-time.Hour)}
	run := func() (n int64) {
		e.update(t, owner, func(tx credential.Tx) (err error) {
			n, err = tx.Sweep(r)
			return err
		})
		return n
	}
	charges := func(s credential.Subject, b credential.Budget, at time.Time) credential.Attempts {
		return credential.Attempts{Subject: s, Budget: b, Times: []time.Time{at}, Total: 3}
	}
	keptMail, endedMail, freshMail := fullMail(t), fullMail(t), fullMail(t)
	oldProcedure, freshProcedure := fullProcedure(t, owner), fullProcedure(t, owner)
	oldProcedure.ExpiresAt = old
	hash := newHash()
	oldCode := credential.ActivationCode{Subject: owner, ID: newID(), MAC: hash[:], ExpiresAt: old}
	freshCode := credential.ActivationCode{Subject: nobody, ID: newID(), MAC: hash[:], ExpiresAt: now}
	oldNotice, freshNotice := credential.Notice{ID: newID(), ExpiresAt: old}, credential.Notice{ID: newID(), ExpiresAt: now}
	e.update(t, owner, func(tx credential.Tx) error {
		_, err1 := tx.UseOnce([32]byte{1}, old)
		_, err2 := tx.UseOnce([32]byte{2}, now)
		return errors.Join(err1, err2,
			tx.PutPerson(owner, fullPerson(t)),
			tx.SaveAttempts(charges(owner, credential.BudgetProof, old)),  // binds still
			tx.SaveAttempts(charges(owner, credential.BudgetCode, old)),   // goes
			tx.SaveAttempts(charges(nobody, credential.BudgetProof, old)), // goes
			tx.SaveAttempts(charges(nobody, credential.BudgetCode, now)),
			tx.Mark("network", [32]byte{1}, owner, old), tx.Mark("network", [32]byte{1}, nobody, now),
			tx.AddDevice(owner, [32]byte{1}, old, old), tx.AddDevice(nobody, [32]byte{1}, old, now),
			tx.PutNotice(oldNotice), tx.PutNotice(freshNotice),
			tx.CreateProcedure(oldProcedure), tx.CreateProcedure(freshProcedure),
			tx.PutActivationCode(oldCode), tx.PutActivationCode(freshCode),
			tx.PutRequest(credential.DataRequest{Subject: owner, ID: newID(), Kind: credential.Erasure, Text: credential.NewText("x"), State: "answered", EndedAt: old}),
			tx.PutRequest(credential.DataRequest{Subject: owner, ID: newID(), Kind: credential.Erasure, Text: credential.NewText("x"), State: credential.RequestOpen, CreatedAt: old}),
			tx.QueueMail(keptMail), tx.QueueMail(endedMail), tx.QueueMail(freshMail),
			tx.FinishMail(endedMail.ID, credential.MailSent, old), tx.FinishMail(freshMail.ID, credential.MailSent, now))
	})
	e.update(t, owner, func(tx credential.Tx) error {
		n, err := tx.Sweep(credential.Retention{})
		if n != 0 {
			t.Errorf("Sweep with no bounds given deleted %d rows", n)
		}
		return err
	})
	if n := run(); n != 9 {
		t.Errorf("Sweep = %d rows, want 9: all but the procedure that the figures have not seen", n)
	}
	updateFigures(t, e.store, func(tx stats.Tx) error {
		_, err := tx.TakeEnded(now, 10)
		return err
	})
	if n := run(); n != 1 {
		t.Errorf("Sweep of what the figures have seen = %d rows, want 1", n)
	}
	if n := run(); n != 0 {
		t.Errorf("Sweep again = %d rows, want 0", n)
	}
	e.view(t, func(tx credential.Tx) error {
		a, err1 := tx.Attempts(owner, credential.BudgetProof)
		b, err2 := tx.Attempts(nobody, credential.BudgetCode)
		n, err3 := tx.DevicePeople([32]byte{1}, old)
		m, err4 := tx.Marks("network", [32]byte{1}, time.Time{}, 100)
		q, _, err5 := tx.MailQueue()
		_, err6 := tx.Notice(freshNotice.ID)
		_, err7 := tx.Procedure(freshProcedure.ID)
		_, err8 := tx.ActivationCode(nobody)
		if a.Total != 3 || b.Total != 3 || n != 1 || m != 1 || q != 1 {
			t.Errorf("Sweep left: owner's total %d, fresh total %d, devices %d, marks %d, mails %d", a.Total, b.Total, n, m, q)
		}
		return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8)
	})

	// It takes large heaps in bounded bites.
	e.update(t, owner, func(tx credential.Tx) error {
		for i := range 1200 {
			if err := tx.Mark("network", [32]byte{9}, credential.Subject(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i))), old); err != nil {
				return err
			}
		}
		return nil
	})
	var total int64
	for calls := 1; ; calls++ {
		n := run()
		total += n
		if n > 500 {
			t.Errorf("one Sweep deleted %d marks", n)
		}
		if n == 0 {
			break
		}
		if calls > 10 {
			t.Fatal("Sweep does not end")
		}
	}
	if total != 1200 {
		t.Errorf("Sweep deleted %d marks in all, want 1200", total)
	}
}

func reopen(t *testing.T, e *env) {
	s := newSubject()
	p, m := fullProcedure(t, s), fullMail(t)
	e.update(t, s, func(tx credential.Tx) error { return writeAll(t, tx, s, p, m) })
	if err := errors.Join(e.store.Close(), e.other.Close()); err != nil {
		t.Fatal(err)
	}
	e.store = e.open(t)
	same(t, "kinds of row after opening again", kinds(t, e, s, p, m), allKinds)
	verify(t, e, "")
}

func otherKeys(t *testing.T, e *env) {
	s := newSubject()
	p, m := fullProcedure(t, s), fullMail(t)
	e.update(t, s, func(tx credential.Tx) error { return writeAll(t, tx, s, p, m) })
	stranger, err := e.Open(NewKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stranger.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, _, err := stranger.Person(t.Context(), s); !errors.Is(err, credential.ErrSealed) {
		t.Errorf("Person under other keys: %v, want ErrSealed", err)
	}
	for name, read := range map[string]func(tx credential.Tx) error{
		"Account":   func(tx credential.Tx) error { _, err := tx.Account(s); return err },
		"Addresses": func(tx credential.Tx) error { _, err := tx.Addresses(s); return err },
		"Procedure": func(tx credential.Tx) error { _, err := tx.Procedure(p.ID); return err },
	} {
		if err := stranger.View(t.Context(), read); !errors.Is(err, credential.ErrSealed) {
			t.Errorf("%s under other keys: %v, want ErrSealed", name, err)
		}
	}
	if _, found, err := stranger.Person(t.Context(), newSubject()); found || err != nil {
		t.Errorf("Person of nobody under other keys = %v, %v", found, err)
	}
}

func schemaRefused(t *testing.T, e *env) {
	for _, c := range []struct{ name, edit, undo, want string }{
		{"newer", "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, '9999_future', 'x', 0)",
			"DELETE FROM schema_migrations WHERE version = 9999", "newer program"},
		{"edited", "UPDATE schema_migrations SET checksum = 'x' || checksum WHERE version = 1",
			"UPDATE schema_migrations SET checksum = substr(checksum, 2) WHERE version = 1", "0001_core was edited"},
	} {
		if n := e.Exec(t, c.edit); n != 1 {
			t.Fatalf("%s: %d rows", c.name, n)
		}
		s, err := e.Open(e.keys)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("opening a %s schema: %v, want one line with %q", c.name, err, c.want)
		}
		e.Exec(t, c.undo)
		e.open(t)
	}
}

// startersAtOnce: many processes may begin with an empty database together.
func startersAtOnce(t *testing.T, e *env) {
	if err := errors.Join(e.store.Close(), e.other.Close()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"meta", "people", "accounts", "addresses", "procedures", "attempts", "marks", "used_once", "devices",
		"activation_codes", "sessions", "requests", "complaints", "notices", "cases", "outbox", "audit_people", "audit", "audit_heads",
		"figure_events", "figure_counts", "figure_records", "schema_migrations"} {
		e.Exec(t, "DROP TABLE "+table)
	}
	together(e, 8, func(int, Store) {
		s, err := e.Open(e.keys)
		if err != nil {
			t.Errorf("opening: %v", err)
			return
		}
		err = s.Update(t.Context(), 1, func(tx credential.Tx) error { return tx.SetMeta("seed", "1") })
		if err := errors.Join(err, s.Close()); err != nil {
			t.Error(err)
		}
	})
	e.store = e.open(t)
	verify(t, e, "")
}
