package storetest

import (
	"context"
	"errors"
	"testing"

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

// staged seals a person for each of the subjects, all with the given names.
func staged(t testing.TB, e *env, names string, subjects ...credential.Subject) (all []credential.StagedPerson) {
	t.Helper()
	for _, s := range subjects {
		p := fullPerson(t)
		p.GivenNames = credential.NewText(names)
		one, err := e.store.SealPerson(s, p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// load stages all of the people, in as many batches as the engine makes of them,
// and gives the places that were doubled.
func load(t testing.TB, store Store, run credential.RegisterRun, people []credential.StagedPerson) (credential.RegisterRun, []int) {
	t.Helper()
	var all []int
	for done := 0; done < len(people); {
		next, err := store.StagePeople(t.Context(), run, people[done:], func(n int, doubled []int) (credential.RegisterRun, error) {
			if n < 1 || n > len(people)-done {
				t.Fatalf("a batch of %d of %d", n, len(people)-done)
			}
			for _, d := range doubled {
				all = append(all, done+d)
			}
			done += n
			is := run
			is.People += int64(n - len(doubled))
			is.Line += int64(n)
			return is, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		run = next
	}
	return run, all
}

// begin begins a run that loads the next generation.
func begin(t testing.TB, e *env) credential.RegisterRun {
	t.Helper()
	was, generation := runNow(t, e)
	run := credential.RegisterRun{Stage: credential.RegisterLoading, Generation: generation + 1, At: t0, File: "f", Line: 2}
	e.update(t, credential.Subject{}, func(tx credential.Tx) error { return credential.MoveRegisterRun(tx, was, run) })
	return run
}

// generations: what is loaded is read by nobody until it is whole, then all at
// once; the old one is deleted afterwards, the one that is read never.
func generations(t *testing.T, e *env) {
	subjects := make([]credential.Subject, 1200)
	for i := range subjects {
		subjects[i] = newSubject()
	}
	old, stays := newSubject(), subjects[3]
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
	run := begin(t, e)
	people := staged(t, e, "Nueva", subjects...)
	people = append(people, people[7], staged(t, e, "Otra", subjects[8])[0]) // doubled, in a batch and later
	run, doubled := load(t, e.store, run, people)
	if len(doubled) != 2 || doubled[0] != 1200 || doubled[1] != 1201 {
		t.Errorf("doubled at %v, want the last two", doubled)
	}
	run, doubled = load(t, e.store, run, people[:2])
	if len(doubled) != 2 || run.People != 1200 || run.Line != 1206 {
		t.Errorf("loaded again: doubled at %v, the run at %+v", doubled, run)
	}
	if stored, generation := runNow(t, e); stored.People != run.People || generation != 1 {
		t.Errorf("the run is stored as %+v, generation %d is read", stored, generation)
	}
	if names(old) == "" || names(stays) != "María Ñusta" || names(subjects[0]) != "" {
		t.Error("something of a register that is not whole is read")
	}
	if n, err := e.store.CountPeople(t.Context(), run.Generation); n != 1200 || err != nil {
		t.Errorf("CountPeople = %d, %v", n, err)
	}

	// What advance refuses is not stored.
	refused := errors.New("no")
	_, err := e.store.StagePeople(t.Context(), run, staged(t, e, "x", newSubject()), func(int, []int) (credential.RegisterRun, error) { return run, refused })
	if n, _ := e.store.CountPeople(t.Context(), run.Generation); n != 1200 || !errors.Is(err, refused) {
		t.Errorf("a refused batch: %v, %d people", err, n)
	}
	stopped, cancel := context.WithCancel(t.Context())
	_, err = e.store.StagePeople(stopped, run, staged(t, e, "x", newSubject()), func(int, []int) (credential.RegisterRun, error) {
		cancel()
		return run, nil
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
	if names(old) != "" || names(stays) != "Nueva" || names(subjects[0]) != "Nueva" || names(subjects[8]) != "Nueva" {
		t.Error("the new register is not read whole")
	}
	for done := false; !done; {
		done, err = e.store.ClearGeneration(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := e.Exec(t, "DELETE FROM people WHERE generation = 1"); n != 0 {
		t.Errorf("%d people of the old register were left", n)
	}
	if _, err := e.store.ClearGeneration(t.Context(), run.Generation); err == nil || names(stays) == "" {
		t.Errorf("the register that is read was deleted: %v", err)
	}
}

// twoImports: the second program takes over, the first one stops with nothing
// stored.
func twoImports(t *testing.T, e *env) {
	first := begin(t, e)
	second, _ := load(t, e.other, first, staged(t, e, "x", newSubject()))
	_, err := e.store.StagePeople(t.Context(), first, staged(t, e, "x", newSubject()), func(n int, _ []int) (credential.RegisterRun, error) {
		next := first
		next.Line += int64(n)
		return next, nil
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
	load(t, e.other, second, staged(t, e, "x", newSubject()))
}
