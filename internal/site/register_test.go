package site

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
)

// csvOf writes a register of invented people; change makes of somebody what the
// file says, and leaves out whom it refuses.
func csvOf(t testing.TB, seed string, n int, change func(*registry.Fake) bool) string {
	t.Helper()
	var out bytes.Buffer
	err := registry.WriteHeader(&out)
	for f := range registry.All(seed, n, seedEpoch) {
		if change == nil || change(&f) {
			err = errors.Join(err, registry.WriteLine(&out, f))
		}
	}
	path := filepath.Join(t.TempDir(), "registro.csv")
	err = errors.Join(err, os.WriteFile(path, out.Bytes(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// bring brings a register into a world, large shares included.
func (w *world) bring(ctx context.Context, path string, change func(*ImportConfig)) (ImportReport, error) {
	c := ImportConfig{Config: w.site.config, File: path, Yes: true}
	if change != nil {
		change(&c)
	}
	return ImportRegister(ctx, c)
}

func (w *world) mustBring(path string) ImportReport {
	w.t.Helper()
	r, err := w.bring(context.Background(), path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// names gives the given names on the record of a case's person, "" for nobody.
func (w *world) names(number credential.Number) string {
	w.t.Helper()
	p, found, err := w.site.Store.Person(context.Background(), w.site.config.Keys.Subject(number))
	if err != nil {
		w.t.Fatal(err)
	}
	if !found {
		return ""
	}
	return p.GivenNames.Reveal()
}

func (w *world) run1() (run credential.RegisterRun, generation int64) {
	w.t.Helper()
	err := w.site.Store.View(context.Background(), func(tx credential.Tx) (err error) {
		run, generation, err = credential.RegisterRunNow(tx)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return run, generation
}

// TestImportReports: a dry run counts and changes nothing, a large share asks for
// --yes, and rejected lines are named in their file.
func TestImportReports(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle())
		base := w.mustBring(csvOf(t, "prueba", 2000, nil))
		if base.People != 2013 || base.New != 1995 || base.Rejected != 0 || base.Rejects != "" {
			t.Errorf("the first register: %+v", base)
		}
		i := 0
		path := csvOf(t, "prueba", 2000, func(f *registry.Fake) bool {
			i++
			switch {
			case i > 13 && i%100 == 0: // 20 leave
				return false
			case i > 13 && i%100 == 1 && f.Email != "": // another address
				f.Email = "otra." + f.Email
			case i > 13 && i%100 == 2: // deaths
				f.Person.Death = credential.Date{Year: 2026, Month: 1, Day: 2}
			case i > 13 && i%100 == 3 && f.InPerson: // no mark
				f.InPerson = false
			}
			return true
		})
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		bad := append(slices.Clone(lines[:20]), "cedula,x\n", lines[3], strings.Repeat("y", 1<<20)+"\n")
		bad = append(bad, lines[20:]...)
		if err := os.WriteFile(path, []byte(strings.Join(bad, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		dry, err := w.bring(t.Context(), path, func(c *ImportConfig) { c.DryRun = true })
		if err != nil {
			t.Fatal(err)
		}
		if dry.Gone != 20 || dry.Deaths != 20 || dry.Rejected != 3 || dry.Address == 0 || dry.Unmarked == 0 || dry.New != 0 || dry.Before != 2013 {
			t.Errorf("dry run: %+v", dry)
		}
		rejects, err := os.ReadFile(dry.Rejects)
		want := "linea,motivo\n21,\"2 fields where the header has 34\"\n22,\"" + errDoubled + "\"\n23,\"the line is longer than 16384 bytes\"\n"
		if err != nil || string(rejects) != want {
			t.Errorf("rejects: %v\n%s\nwant\n%s", err, rejects, want)
		}
		if run, generation := w.run1(); run != (credential.RegisterRun{}) || generation != 2 {
			t.Errorf("a dry run left %+v, generation %d", run, generation)
		}
		if n, err := w.site.Store.CountPeople(t.Context(), 3); n != 0 || err != nil {
			t.Errorf("a dry run left %d people, %v", n, err)
		}
		real, err := w.bring(t.Context(), path, func(c *ImportConfig) { c.Yes = false })
		if err != nil || real != dry {
			t.Errorf("the import after its dry run: %v\n%+v, want\n%+v", err, real, dry)
		}
		// Half of the people are gone: that needs a word.
		half := csvOf(t, "prueba", 1000, nil)
		r, err := w.bring(t.Context(), half, func(c *ImportConfig) { c.Yes = false })
		if _, large := errors.AsType[ErrLargeChange](err); !large || r.Gone < 900 {
			t.Fatalf("half a register: %v, %+v", err, r)
		}
		if _, generation := w.run1(); generation != 3 {
			t.Error("it was taken without a word")
		}
		if r := w.mustBring(half); r.Resumed != 1013 || r.People != 1013 {
			t.Errorf("with --yes: %+v", r)
		}
		for name, content := range map[string]string{"empty": "", "header alone": lines[0], "all bad": lines[0] + "a\nb\n", "no register": "a,b\n1,2\n"} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := w.bring(t.Context(), path, nil)
			if err == nil {
				t.Errorf("%s: taken", name)
			}
			if run, generation := w.run1(); run != (credential.RegisterRun{}) || generation != 4 {
				t.Errorf("%s: left %+v, generation %d", name, run, generation)
			}
		}
		if _, err := w.bring(t.Context(), filepath.Join(t.TempDir(), "none.csv"), nil); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
	})
}

// TestImportKilled ends an import at every batch in turn: nothing of it is read
// before it is whole, and going on comes to what an import in one piece does, with
// every effect once.
func TestImportKilled(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle())
		const people = 3500
		w.mustBring(csvOf(t, "prueba", people, nil))
		dead, moved := 0, 0
		path := csvOf(t, "prueba", people, func(f *registry.Fake) bool {
			f.Person.GivenNames = credential.NewText("Nueva Generación")
			switch {
			case f.Case == "azar-30", f.Case == "azar-900", f.Case == "azar-3000":
				f.Person.Death = credential.Date{Year: 2026, Month: 1, Day: 2}
				dead++
			case f.InPerson && f.Clave == "" && strings.HasPrefix(f.Case, "azar-") && moved < 5:
				f.Email = "otra." + f.Email
				moved++
			}
			return true
		})
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, "cedula,x\n"...)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		numbers := []credential.Number{}
		for f := range registry.All("prueba", people, seedEpoch) {
			numbers = append(numbers, f.Person.Number)
		}
		whole, resumed := false, 0
		for kill := 1; ; kill++ {
			if kill > 500 {
				t.Fatal("it never ends")
			}
			ctx, cancel := context.WithCancel(t.Context())
			steps := 0
			_, err := w.bring(ctx, path, func(c *ImportConfig) {
				c.part = 128 << 10 // some twenty batches
				c.Progress = func(p ImportProgress) {
					if p.Stage == "checking" || p.Stage == "reading" || p.Stage == "comparing" {
						return
					}
					steps++
					if steps == 2 { // each try comes one step further than the last
						cancel()
					}
				}
			})
			cancel()
			_, generation := w.run1()
			for _, at := range []int{0, 500, people} {
				isNew := w.names(numbers[at]) == "Nueva Generación"
				if isNew != (generation == 3) {
					t.Fatalf("killed %d times: person %d new %v, generation %d", kill, at, isNew, generation)
				}
			}
			if generation == 3 {
				whole = true
			}
			if run, _ := w.run1(); run.Stage == credential.RegisterLoading && run.People > 0 {
				resumed++
			}
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("killed %d times: %v", kill, err)
			}
			if whole {
				// The next try finishes, and reads the same file once more.
				break
			}
		}
		if resumed < 3 {
			t.Errorf("killed %d times in the middle of storing", resumed)
		}
		r := w.mustBring(path)
		if r.People != people+13 || r.Rejected != 1 || r.Gone != 0 || r.New != 0 {
			t.Errorf("in the end: %+v", r)
		}
		if rejects, err := os.ReadFile(r.Rejects); err != nil || strings.Count(string(rejects), "\n") != 2 {
			t.Errorf("rejects: %v\n%s", err, rejects)
		}
		if n := w.notices(t); n != 2*moved {
			t.Errorf("%d notices of %d changed addresses, want two each: the old one and the new one", n, moved)
		}
		if n := w.countActs(t, credential.ActRegisterDeath); n != dead {
			t.Errorf("%d deaths in the audit, want %d", n, dead)
		}
		if run, _ := w.run1(); run != (credential.RegisterRun{}) {
			t.Errorf("left over: %+v", run)
		}
		keys := w.site.config.Keys
		w.view(func(tx credential.Tx) error {
			_, err := keys.VerifyAudit(tx, nil)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// notices counts the mails about changed addresses in the outbox.
func (w *world) notices(t testing.TB) (n int) {
	t.Helper()
	for {
		out, err := w.site.Service.NextMails(t.Context(), 500)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out {
			if o.Kind == credential.MailRegisterChange {
				n++
			}
			if err := w.site.Service.MailAccepted(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		if len(out) == 0 {
			return n
		}
	}
}

// countActs counts the audit rows of an act.
func (w *world) countActs(t testing.TB, act credential.Act) (n int) {
	t.Helper()
	err := w.site.Store.View(t.Context(), func(tx credential.Tx) error {
		for shard := range uint8(credential.AuditShards) {
			for after := int64(0); ; {
				rows, err := tx.AuditRows(shard, after, 500)
				if err != nil {
					return err
				}
				if len(rows) == 0 {
					break
				}
				for _, r := range rows {
					if r.Act == act {
						n++
					}
					after = r.Seq
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestImportOfAnotherFile: what an import of one file left is cleared away by that
// of another.
func TestImportOfAnotherFile(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.bring(ctx, csvOf(t, "una", 3000, nil), func(c *ImportConfig) {
		c.Progress = func(p ImportProgress) {
			if p.Stage == "loading" {
				cancel()
			}
		}
	})
	if run, _ := w.run1(); !errors.Is(err, context.Canceled) || run.People == 0 {
		t.Fatalf("interrupted: %v, %+v", err, run)
	}
	r := w.mustBring(csvOf(t, "prueba", 100, nil))
	if r.People != 113 || r.Resumed != 0 {
		t.Errorf("another file: %+v", r)
	}
	if n, err := w.site.Store.CountPeople(t.Context(), 2); n != 113 || err != nil {
		t.Errorf("%d people are read, %v", n, err)
	}
}

// TestImportOfAChangedFile: what is stored must be what the file says now.
func TestImportOfAChangedFile(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	path := csvOf(t, "prueba", 100, nil)
	w.mustBring(csvOf(t, "prueba", 1000, nil))
	_, err := w.bring(t.Context(), path, func(c *ImportConfig) { c.Yes = false })
	if _, large := errors.AsType[ErrLargeChange](err); !large {
		t.Fatal(err)
	}
	run, generation := w.run1()
	more := run
	more.People++ // as if somebody had been in the file who is not
	err = w.site.Store.Update(t.Context(), 0, func(tx credential.Tx) error { return credential.MoveRegisterRun(tx, run, more) })
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.bring(t.Context(), path, nil)
	if err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("taken: %v", err)
	}
	if now, read := w.run1(); now != (credential.RegisterRun{}) || read != generation {
		t.Errorf("left %+v, generation %d", now, read)
	}
	if r := w.mustBring(path); r.People != 113 {
		t.Errorf("the next try: %+v", r)
	}
}

// TestSorter: people come back in order of subject, each once, however many parts
// and pieces they were in, with the first of their lines.
func TestSorter(t *testing.T) {
	store := newWorld(t, dsnOf(t, "sqlite"), idle()).site.Store
	sealer, err := store.RegisterSealer(credential.RegisterRun{})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{0, 10 << 20, 1 << 40} {
		s, err := newSorter(filepath.Join(t.TempDir(), "registro.csv"), size, partBytes)
		if err != nil {
			t.Fatal(err)
		}
		const people, lines = 3000, 4000 // a thousand stand there twice
		first := map[credential.Subject][]byte{}
		for line := range lines {
			p := credential.PlainPerson{Document: credential.ForeignCode, Number: fmt.Sprintf("X%08d", line%people), InPerson: true, Email: "a@b.ec"}
			sealed, one := sealer.Seal(make([]byte, sortRecord), &p)
			if _, there := first[one.Subject]; !there {
				first[one.Subject] = one.Record
			}
			copy(sealed[sortSubject:], one.Subject[:])
			binary.BigEndian.PutUint64(sealed[sortLine:], uint64(line))
			sealed[sortFlags] = isSeen | isReached
			binary.BigEndian.PutUint32(sealed[sortLength:], uint32(len(one.Record)))
			if err := s.add(sealed); err != nil {
				t.Fatal(err)
			}
		}
		var all []credential.StagedPerson
		var doubled []int64
		seen := int64(0)
		for i := range s.parts {
			p := s.read(&s.parts[i])
			if p.err != nil || p.seen != p.reached || p.dead != 0 {
				t.Fatalf("part %d: %v, %d seen, %d reached, %d dead", i, p.err, p.seen, p.reached, p.dead)
			}
			all, doubled, seen = append(all, p.people...), append(doubled, p.doubled...), seen+p.seen
		}
		inOrder := slices.IsSortedFunc(all, func(a, b credential.StagedPerson) int { return bytes.Compare(a.Subject[:], b.Subject[:]) })
		if !inOrder || len(all) != people || seen != people || len(doubled) != lines-people || slices.Min(doubled) != people {
			t.Errorf("%d parts: %d people, %d seen, in order %v, %d doubled", len(s.parts), len(all), seen, inOrder, len(doubled))
		}
		for _, p := range all {
			if !bytes.Equal(p.Record, first[p.Subject]) {
				t.Fatalf("%d parts: another line of somebody who stands there twice", len(s.parts))
			}
		}
		if err := s.file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDoubledLines stand in their places among the other rejected ones, and alone.
func TestDoubledLines(t *testing.T) {
	for _, c := range []struct{ others, doubled, want []int64 }{
		{[]int64{3, 5, 9}, []int64{11, 4, 2, 6}, []int64{2, 3, 4, 5, 6, 9, 11}},
		{nil, []int64{7, 6}, []int64{6, 7}},
		{[]int64{7}, nil, []int64{7}},
		{nil, nil, nil},
	} {
		path := filepath.Join(t.TempDir(), "registro.csv"+rejectsSuffix)
		r, err := openRejects(path)
		for _, line := range c.others {
			err = errors.Join(err, r.add(appendReject(nil, line, `a "reason", with a comma`)))
		}
		err = errors.Join(err, r.addDoubled(c.doubled), r.close())
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if (err != nil) != (c.want == nil) {
			t.Fatal(err)
		}
		want := ""
		for _, line := range c.want {
			if want == "" {
				want = rejectsHeader
			}
			reason := errDoubled
			if slices.Contains(c.others, line) {
				reason = `a ""reason"", with a comma`
			}
			want += fmt.Sprintf("%d,\"%s\"\n", line, reason)
		}
		if string(text) != want {
			t.Errorf("%v and %v:\n%swant\n%s", c.others, c.doubled, text, want)
		}
	}
}

// TestImportWhileCitizensWork: somebody goes through the whole journey while
// registers come in, again and again.
func TestImportWhileCitizensWork(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		path := csvOf(t, "prueba", 5000, nil)
		stop := make(chan struct{})
		var importing sync.WaitGroup
		importing.Go(func() {
			for {
				if _, err := w.bring(context.Background(), path, nil); err != nil {
					t.Errorf("importing: %v", err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		w.browser().finished(credential.Generate, w.people["nueva"], "nueva@correo.example", goodClave)
		w.browser().finished(credential.Recover, w.people["con-clave"], w.people["con-clave"].Email, goodClave)
		close(stop)
		importing.Wait()
	})
}

// TestImportedAddresses: what the register says of an address, on the pages and in
// the mails.
func TestImportedAddresses(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		say := func(email string, inPerson bool) {
			t.Helper()
			w.mustBring(csvOf(t, "prueba", 5, func(f *registry.Fake) bool {
				if f.Case == "nueva" {
					f.Email, f.InPerson = email, inPerson
				}
				if f.Case == "con-clave" { // has an address that was confirmed here
					f.Email, f.InPerson = "registro@correo.example", true
				}
				return true
			}))
			w.settled()
		}
		const notice = "Aviso: cambió el correo de su registro"
		nueva := w.people["nueva"]

		say("uno@correo.example", false)
		if n := len(w.mails("uno@correo.example", "")); n != 0 {
			t.Errorf("%d mails about a first address", n)
		}
		say("dos@correo.example", false)
		for _, to := range []string{"uno@correo.example", "dos@correo.example"} {
			if n := len(w.mails(to, notice)); n != 1 {
				t.Errorf("%d notices to %s", n, to)
			}
		}
		// Taken away, and another one typed: the one that was there is told first.
		say("", false)
		b := w.browser()
		b.sent(credential.Generate, nueva, "tres@correo.example")
		if b.state() != "held" {
			t.Errorf("a typed address where the register had another: the mail is %s", b.state())
		}
		w.waitFor("notice of the held change", func() bool { return len(w.mails("dos@correo.example", "")) == 2 })
		w.pass(24 * time.Hour) // the held mail leaves
		w.settled()

		// Marked: the address is fixed, the level stays declared.
		say("dos@correo.example", true)
		nueva.Email, nueva.InPerson = "dos@correo.example", true
		w.browser().finished(credential.Generate, nueva, nueva.Email, goodClave)
		if level := w.mustAccount(nueva).Level; level != credential.Declared {
			t.Errorf("an imported mark gives level %v", level)
		}

		// An address that was set here is not replaced, and nobody is told.
		clave := w.people["con-clave"]
		if n := len(w.mails(clave.Email, notice)) + len(w.mails("registro@correo.example", "")); n != 0 {
			t.Errorf("%d notices about an address that was set here", n)
		}
		w.browser().finished(credential.Recover, clave, clave.Email, goodClave)
	})
}

// TestImportedDeath ends links and devices.
func TestImportedDeath(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		p := w.people["nueva"]
		const to = "nueva@correo.example"
		w.mustBring(csvOf(t, "prueba", 5, nil))
		b := w.browser()
		b.sent(credential.Generate, p, to)
		path := linkIn(t, w.activation(to, 1), "/clave/enlace/")
		subject := w.subject(p)
		device := [32]byte{7}
		err := w.site.Store.Update(t.Context(), subject.Shard(), func(tx credential.Tx) error {
			return tx.AddDevice(subject, device, w.clock.Now(), w.clock.Now().Add(time.Hour))
		})
		if err != nil {
			t.Fatal(err)
		}
		b.get(path).want(303)
		in := w.browser()
		in.logIn(w.people["con-clave"], w.people["con-clave"].Clave).want(303)
		w.mustBring(csvOf(t, "prueba", 5, func(f *registry.Fake) bool {
			if f.Case == "nueva" || f.Case == "con-clave" {
				f.Person.Death = credential.Date{Year: 2026, Month: 11, Day: 19}
			}
			return true
		}))
		b.get(path).want(410)
		in.get("/mi-cuenta/historia").want(303) // which, unlike «Mi cuenta», does not look at the register
		w.view(func(tx credential.Tx) error {
			n, err := tx.DevicePeople(device, w.clock.Now())
			if n != 0 {
				t.Errorf("a device of somebody who died is remembered")
			}
			return err
		})
	})
}

// TestImportMemory: 200,000 lines cost no more memory than a few thousand.
func TestImportMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("measures memory: make test runs it without the race detector")
	}
	path := filepath.Join(t.TempDir(), "grande.csv")
	file, err := os.Create(path)
	if err == nil {
		err = errors.Join(WriteExampleRegister(file, 200_000), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most uint64
	reports := 0
	r, err := w.bring(t.Context(), path, func(c *ImportConfig) {
		c.Progress = func(ImportProgress) {
			if reports++; reports%50 == 0 {
				runtime.GC() // what is kept, not what is thrown away
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	})
	if err != nil || r.People != 200_013 {
		t.Fatalf("%v, %+v", err, r)
	}
	const bound = 40 << 20
	if grown := most - min(most, before.HeapAlloc); grown > bound || reports < 100 {
		t.Errorf("200,000 lines kept %d bytes, want at most %d (%d reports)", grown, bound, reports)
	}
}

func TestLargeShares(t *testing.T) {
	base := ImportReport{Before: 1000, People: 1000}
	for _, c := range []struct {
		name   string
		change func(*ImportReport)
		want   string
	}{
		{"nothing", func(*ImportReport) {}, ""},
		{"a tenth gone", func(r *ImportReport) { r.Gone = 100 }, ""},
		{"more gone", func(r *ImportReport) { r.Gone = 101 }, "101 of 1000 people would leave"},
		{"addresses", func(r *ImportReport) { r.Address = 51 }, "address"},
		{"marks", func(r *ImportReport) { r.Unmarked = 51 }, "mark"},
		{"deaths", func(r *ImportReport) { r.Deaths = 21 }, "dead"},
		{"rejected", func(r *ImportReport) { r.Rejected = 60 }, "rejected"},
		{"the first register", func(r *ImportReport) { *r = ImportReport{People: 1000} }, ""},
	} {
		r := base
		c.change(&r)
		if got := r.Large(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if _, err := ImportRegister(t.Context(), ImportConfig{File: t.TempDir()}); err == nil || !strings.Contains(fmt.Sprint(err), "not a file") && !strings.Contains(fmt.Sprint(err), "directory") {
		t.Errorf("a folder: %v", err)
	}
}
