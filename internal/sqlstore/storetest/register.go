package storetest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"aldaba/internal/credential"
)

func swapMeta(t *testing.T, e *env) {
	swap := func(was, is string) (done bool) {
		e.update(t, credential.Subject{}, func(tx credential.Tx) (err error) {
			done, err = tx.SwapMeta("run", was, is)
			return err
		})
		return done
	}
	for _, c := range []struct {
		was, is string
		want    bool
	}{{"x", "1", false}, {"", "1", true}, {"", "2", false}, {"1", "2", true}, {"1", "3", false}, {"2", "", true}, {"", "4", true}} {
		if got := swap(c.was, c.is); got != c.want {
			t.Errorf("SwapMeta(%q, %q) = %v, want %v", c.was, c.is, got, c.want)
		}
	}
	if v := read(t, e, func(tx credential.Tx) (string, error) { return tx.Meta("run") }); v != "4" {
		t.Errorf("Meta = %q, want 4", v)
	}
}

// runNow reads how far an import is, and which generation is read.
func runNow(t testing.TB, e *env) (run credential.RegisterRun, generation int64) {
	t.Helper()
	e.view(t, func(tx credential.Tx) (err error) {
		run, generation, err = credential.RegisterRunNow(tx)
		return err
	})
	return run, generation
}

// staged makes a person with the given names of each number, in order of subject.
func staged(t testing.TB, e *env, run credential.RegisterRun, names string, numbers ...int) (all []credential.StagedPerson) {
	t.Helper()
	sealer, err := e.store.RegisterSealer(run)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		p := credential.PlainPerson{
			Document: credential.ForeignCode, Number: fmt.Sprintf("X%08d", n), GivenNames: names, Surnames: "Ñusta",
			Birth: credential.Date{Year: 1981, Month: time.May, Day: 4}, Audiences: []credential.Audience{credential.Affiliate},
			Email: fmt.Sprintf("p%d@example.com", n),
		}
		_, one := sealer.Seal(nil, &p)
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b credential.StagedPerson) int { return bytes.Compare(a.Subject[:], b.Subject[:]) })
	return all
}

// load stages all of the people, in as many batches as the engine makes of them.
func load(t testing.TB, store Store, run credential.RegisterRun, people []credential.StagedPerson) credential.RegisterRun {
	t.Helper()
	for done := 0; done < len(people); {
		next, err := store.StagePeople(t.Context(), run, people[done:], func(n int) credential.RegisterRun {
			if n < 1 || n > len(people)-done {
				t.Fatalf("a batch of %d of %d", n, len(people)-done)
			}
			done += n
			is := run
			is.People += int64(n)
			is.After = hex.EncodeToString(people[done-1].Subject[:])
			return is
		})
		if err != nil {
			t.Fatal(err)
		}
		run = next
	}
	return run
}

// begin begins a run that loads the next generation.
func begin(t testing.TB, e *env) credential.RegisterRun {
	t.Helper()
	was, generation := runNow(t, e)
	run := credential.RegisterRun{Stage: credential.RegisterLoading, Generation: generation + 1, At: t0, File: "f"}
	e.update(t, credential.Subject{}, func(tx credential.Tx) error { return credential.MoveRegisterRun(tx, was, run) })
	return run
}

// generations: what is loaded is read by nobody until it is whole, then all at
// once; the old one is deleted afterwards, the one that is read never.
func generations(t *testing.T, e *env) {
	run := begin(t, e)
	numbers := make([]int, 1200)
	for i := range numbers {
		numbers[i] = i
	}
	people := staged(t, e, run, "Nueva", numbers...)
	old, stays, first := newSubject(), people[3].Subject, people[0].Subject
	e.update(t, old, func(tx credential.Tx) error {
		same := fullPerson(t)
		same.Email, same.EmailFrom = mustEmail(t, "a@example.com"), credential.Provenance{Origin: credential.OriginImported, At: t0}
		return errors.Join(tx.PutPerson(old, fullPerson(t)), tx.PutPerson(stays, same))
	})
	names := func(s credential.Subject) string {
		t.Helper()
		p, found, err := e.other.Person(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return ""
		}
		return p.GivenNames.Reveal()
	}
	run = load(t, e.store, run, people)
	if stored, generation := runNow(t, e); stored.People != run.People || generation != 1 {
		t.Errorf("the run is stored as %+v, generation %d is read", stored, generation)
	}
	if names(old) == "" || names(stays) != "María Ñusta" || names(first) != "" {
		t.Error("something of a register that is not whole is read")
	}
	if n, err := e.store.CountPeople(t.Context(), run.Generation); n != 1200 || err != nil {
		t.Errorf("CountPeople = %d, %v", n, err)
	}

	// A batch in which something is wrong is not stored at all.
	more := staged(t, e, run, "x", 5000, 5001)
	for name, batch := range map[string][]credential.StagedPerson{
		"somebody who is there": {more[0], people[7]}, "doubled": {more[0], more[0]}, "no record": {more[0], {Subject: more[1].Subject}},
	} {
		_, err := e.store.StagePeople(t.Context(), run, batch, func(int) credential.RegisterRun { return run })
		if n, _ := e.store.CountPeople(t.Context(), run.Generation); n != 1200 || err == nil {
			t.Errorf("%s: %v, %d people", name, err, n)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	_, err := e.store.StagePeople(stopped, run, more, func(int) credential.RegisterRun {
		cancel()
		return run
	})
	if n, _ := e.store.CountPeople(t.Context(), run.Generation); n != 1200 || !errors.Is(err, context.Canceled) {
		t.Errorf("a batch cut short: %v, %d people", err, n)
	}

	var gone int64
	var changed []credential.RegisterChange
	for _, part := range [][2][]byte{{nil, {0x80}}, {{0x80}, nil}} {
		g, c, err := e.store.CompareGenerations(t.Context(), 1, run.Generation, part[0], part[1])
		if err != nil {
			t.Fatal(err)
		}
		gone += g
		changed = append(changed, c...)
	}
	if gone != 1 || len(changed) != 1 || changed[0].Subject != stays || !changed[0].Address() || changed[0].Mark() || changed[0].Death() {
		t.Errorf("compared: %d gone, %d changed", gone, len(changed))
	}

	e.update(t, credential.Subject{}, func(tx credential.Tx) (err error) {
		run, err = credential.SwitchRegister(tx, run)
		return err
	})
	if run.Previous != 1 || run.Stage != credential.RegisterApplying {
		t.Errorf("after the switch: %+v", run)
	}
	if names(old) != "" || names(stays) != "Nueva" || names(first) != "Nueva" {
		t.Error("the new register is not read whole")
	}
	for _, part := range [][2][]byte{{nil, stays[:]}, {stays[:], nil}} {
		was := e.count(t, 1)
		err = e.store.ClearGeneration(t.Context(), 1, part[0], part[1])
		if err != nil || e.count(t, 1) == was && part[1] == nil {
			t.Errorf("clearing to %x: %v, %d left of %d", part[1], err, e.count(t, 1), was)
		}
	}
	if n := e.count(t, 1); n != 0 {
		t.Errorf("%d people of the old register were left", n)
	}
	if err := e.store.ClearGeneration(t.Context(), run.Generation, nil, nil); err == nil || e.count(t, run.Generation) != 1200 {
		t.Errorf("the register that is read was deleted: %v", err)
	}
}

func (e *env) count(t testing.TB, generation int64) int64 {
	t.Helper()
	n, err := e.store.CountPeople(t.Context(), generation)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// twoImports: the second program takes over, the first one stops with nothing
// stored.
func twoImports(t *testing.T, e *env) {
	first := begin(t, e)
	second := load(t, e.other, first, staged(t, e, first, "x", 1))
	_, err := e.store.StagePeople(t.Context(), first, staged(t, e, first, "x", 2), func(int) credential.RegisterRun {
		next := first
		next.After = "00"
		return next
	})
	if n, _ := e.store.CountPeople(t.Context(), first.Generation); !errors.Is(err, credential.ErrRegisterBusy) || n != 1 {
		t.Errorf("the first of two: %v, %d people", err, n)
	}
	err = e.store.Update(t.Context(), 0, func(tx credential.Tx) error {
		_, err := credential.SwitchRegister(tx, first)
		return err
	})
	if _, generation := runNow(t, e); !errors.Is(err, credential.ErrRegisterBusy) || generation != 1 {
		t.Errorf("the first of two switched: %v, generation %d", err, generation)
	}
	load(t, e.other, second, staged(t, e, second, "x", 3))
}
