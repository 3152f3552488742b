package site

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
	"aldaba/internal/sqlstore"
)

// ImportConfig is what `aldaba registry import` was asked for. Of Config it
// needs database, keys and policy.
type ImportConfig struct {
	Config
	File     string
	Encoding string // utf8, latin1 or auto; "" means auto
	DryRun   bool   // tell what would change, and leave everything as it was
	Yes      bool   // take a register that changes a large share

	// Progress is told now and then how far it is. It may be nil.
	Progress func(ImportProgress)

	part int64 // bytes that are sorted at a time, see partBytes; 0 for those
}

// ImportProgress is how far an import is.
type ImportProgress struct {
	Stage       string // "checking", "reading", "loading", "comparing", "applying" or "clearing"
	Done, Total int64  // in bytes of the file while checking and reading, else in parts
	Lines       int64  // read so far, while reading
}

// ImportReport is what a new register changes.
type ImportReport struct {
	Before   int64 // people in the register that is read until now
	People   int64 // people in the new one
	Rejected int64 // lines that could not be taken
	New      int64
	Gone     int64
	Deaths   int64 // people who died by the new register alone
	Address  int64 // people whose address is another, was added or was taken away
	Marked   int64 // people marked as seen in person who were in the old register without the mark
	Unmarked int64

	AllMarked, AllAddress, AllDead int64 // in the new register, whoever is new included

	Rejects string // the file that names the rejected lines; "" where there are none
	Resumed int64  // people whom an interrupted import had stored already
	Pending string // what an interrupted import had left to do, and was done first; "" for nothing
}

// What a register may change without somebody saying that it is meant: a week's
// life of an institution stays far below; a file cut short, exported with a wrong
// filter or with its columns shifted does not. In percent of the people there were.
const (
	mostGone     = 10
	mostAddress  = 5
	mostUnmarked = 5
	mostDeaths   = 2
	mostRejected = 5 // of the file's lines
)

// Large names what is a large share, in words; "" where nothing is.
func (r ImportReport) Large() string {
	var all []string
	share := func(what string, n, of, most int64) {
		if of > 0 && n*100 > most*of {
			all = append(all, fmt.Sprintf("%d of %d %s (more than %d %%)", n, of, what, most))
		}
	}
	share("people would leave the register", r.Gone, r.Before, mostGone)
	share("people would have another address", r.Address, r.Before, mostAddress)
	share("people would lose the mark of having come in person", r.Unmarked, r.Before, mostUnmarked)
	share("people would be dead", r.Deaths, r.Before, mostDeaths)
	share("lines were rejected", r.Rejected, r.Rejected+r.People, mostRejected)
	return strings.Join(all, "; ")
}

// ErrLargeChange refuses a register that changes a large share without Yes. What
// was loaded stays for the next try with the same file.
type ErrLargeChange struct{ What string }

func (e ErrLargeChange) Error() string {
	return e.What + "; if that is meant, say --yes: the same file goes on from here"
}

// rejectsSuffix is what the name of a file of rejected lines ends in.
const rejectsSuffix = ".rechazos.csv"

// ImportRegister brings a register file in beside the one that is read, and when
// it is whole puts it in its place. Whoever dies in the middle leaves nothing that
// anybody reads; the next import of the same file goes on from there, and that of
// another one clears it away. The report also comes with [ErrLargeChange].
func ImportRegister(ctx context.Context, c ImportConfig) (ImportReport, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.part == 0 {
		c.part = partBytes
	}
	if c.Progress == nil {
		c.Progress = func(ImportProgress) {}
	}
	i := &importer{ImportConfig: c}
	err := i.openFile(ctx)
	if err != nil {
		return i.report, fmt.Errorf("%s: %w", c.File, err)
	}
	defer func() { _ = i.file.Close() }() // it was only read
	i.store, err = sqlstore.Open(ctx, sqlstore.Config{DSN: c.Database, Keys: c.Keys, Existing: true, Bulk: true, Observe: c.Observe})
	if err != nil {
		return i.report, err
	}
	err = i.run(ctx)
	return i.report, errors.Join(err, i.store.Close())
}

// importer is one import.
type importer struct {
	ImportConfig
	store   *sqlstore.Store
	service *credential.Service
	file    *os.File
	size    int64
	hash    string
	layout  registry.Layout
	now     credential.RegisterRun // how far it is
	read    int64                  // the generation that is read
	effects map[int64]bool         // the windows in which something is to be done; nil where that is not known
	report  ImportReport
}

// openFile looks at the whole file once: its header, its length and its hash.
func (i *importer) openFile(ctx context.Context) (err error) {
	i.file, err = os.Open(i.File)
	if err != nil {
		return reasonOf(err)
	}
	defer func() {
		if err != nil {
			_ = i.file.Close() // it was only read
		}
	}()
	info, err := i.file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("is not a file")
	}
	i.size = info.Size()
	encoding := registry.Encoding(i.Encoding)
	if encoding == "" {
		encoding = registry.DetectEncoding
	}
	i.layout, err = registry.ReadLayout(i.file, encoding)
	if err != nil {
		return err
	}
	_, err = i.file.Seek(0, io.SeekStart)
	if err != nil {
		return err
	}
	sum := sha256.New()
	var read int64
	for {
		n, err := io.CopyN(sum, i.file, 4<<20)
		read += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		i.Progress(ImportProgress{Stage: "checking", Done: read, Total: i.size})
	}
	i.size = read
	i.hash = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (i *importer) run(ctx context.Context) error {
	err := checkRing(ctx, i.store, i.Config)
	if err != nil {
		return err
	}
	i.service, err = serviceOn(i.store, i.Config)
	if err != nil {
		return err
	}
	err = i.pending(ctx)
	if err == nil {
		err = i.load(ctx)
	}
	if err == nil {
		err = i.compare(ctx)
	}
	if err != nil {
		return err
	}
	large := i.report.Large()
	switch {
	case i.report.People != i.now.People: // of one hash, and read twice
		return errors.Join(errors.New("the file changed while it was read; nothing was changed"), i.discard(ctx))
	case i.report.People == 0:
		return errors.Join(errors.New("no line of the file could be taken; nothing was changed"), i.discard(ctx))
	case i.DryRun:
		return i.discard(ctx)
	case large != "" && !i.Yes:
		return ErrLargeChange{large}
	}
	err = i.store.Update(ctx, 0, func(tx credential.Tx) (err error) {
		next, err := credential.SwitchRegister(tx, i.now)
		if err == nil {
			i.now = next
		}
		return err
	})
	if err == nil {
		err = i.apply(ctx)
	}
	return err
}

// look reads how far the register is.
func (i *importer) look(ctx context.Context) error {
	return i.store.View(ctx, func(tx credential.Tx) (err error) {
		i.now, i.read, err = credential.RegisterRunNow(tx)
		return err
	})
}

// move writes how far the register is.
func (i *importer) move(ctx context.Context, next credential.RegisterRun) error {
	err := i.store.Update(ctx, 0, func(tx credential.Tx) error { return credential.MoveRegisterRun(tx, i.now, next) })
	if err == nil {
		i.now = next
	}
	return err
}

// pending does first what an interrupted import has left: a register that is read
// already is done with, one that is not is gone on with if it is the same file, and
// else cleared away.
func (i *importer) pending(ctx context.Context) error {
	err := i.look(ctx)
	if err != nil {
		return err
	}
	switch i.now.Stage {
	case "":
	case credential.RegisterApplying:
		i.report.Pending = "the changes of " + i.now.Source
		err = i.apply(ctx)
	case credential.RegisterClearing:
		err = i.clear(ctx)
	case credential.RegisterLoading:
		if i.now.File == i.hash && i.now.Reading == i.reading() {
			i.report.Resumed = i.now.People
			return nil
		}
		err = i.discard(ctx)
	default:
		err = fmt.Errorf("the database has an import at stage %q, which this program does not know; use the newer one", i.now.Stage)
	}
	if err == nil {
		err = i.look(ctx)
	}
	return err
}

// reading tells two ways of reading one file apart.
func (i *importer) reading() string { return string(i.layout.Encoding) }

// load stores the people of the file, from where the run stands.
func (i *importer) load(ctx context.Context) error {
	if i.now.Stage == "" {
		first := credential.RegisterRun{
			Stage: credential.RegisterLoading, Generation: i.read + 1, At: i.Now().UTC().Truncate(time.Millisecond),
			File: i.hash, Source: filepath.Base(i.File), Reading: i.reading(),
		}
		if len(first.Source) > 100 {
			first.Source = first.Source[:100]
		}
		first.Source = strings.ToValidUTF8(first.Source, "?")
		err := i.move(ctx, first)
		if err != nil {
			return err
		}
	}
	rejects, err := openRejects(i.File + rejectsSuffix)
	if err != nil {
		return err
	}
	sorter, err := newSorter(i.File, i.size, i.part)
	if err != nil {
		return err
	}
	var doubled []int64
	err = i.sort(ctx, sorter, rejects)
	if err == nil {
		doubled, err = i.storeSorted(ctx, sorter)
	}
	if err == nil {
		err = rejects.addDoubled(doubled)
	}
	if i.report.Rejected > 0 {
		i.report.Rejects = i.File + rejectsSuffix
	}
	return errors.Join(err, rejects.close(), sorter.file.Close())
}

// compare counts what the loaded register changes.
func (i *importer) compare(ctx context.Context) (err error) {
	r := &i.report
	r.Before, err = i.store.CountPeople(ctx, i.read)
	if err != nil {
		return err
	}
	i.effects = map[int64]bool{}
	err = i.windows(ctx, "comparing", i.now.People, nil, func(w int64, from, to []byte) error {
		gone, changed, err := i.store.CompareGenerations(ctx, i.read, i.now.Generation, from, to)
		if err != nil {
			return err
		}
		r.Gone += gone
		for _, c := range changed {
			if hasEffects(c) {
				i.effects[w] = true
			}
			if c.Death() {
				r.Deaths++
			}
			if c.Address() {
				r.Address++
			}
			switch {
			case !c.Mark():
			case c.New.EmailFrom.Origin == credential.OriginImportedInPerson:
				r.Marked++
			default:
				r.Unmarked++
			}
		}
		return nil
	})
	r.New = r.People - (r.Before - r.Gone)
	return err
}

// hasEffects reports whether something is to be done about a change.
func hasEffects(c credential.RegisterChange) bool { return c.Death() || c.Address() }

const (
	windowPeople = 1000 // people who are looked at, or deleted, at a time
	mostWindows  = 1 << 14
)

// windows goes through generations part by part: subjects are evenly spread, so
// that equal ranges of their first bytes hold about as many people each. It begins
// with the range of the subject after.
func (i *importer) windows(ctx context.Context, stage string, people int64, after []byte, f func(w int64, from, to []byte) error) error {
	n := min(max(people/windowPeople, 1), mostWindows)
	bound := func(w int64) []byte { return binary.BigEndian.AppendUint16(nil, uint16(w*(1<<16)/n)) }
	for w := range n {
		var to []byte
		if w+1 < n {
			to = bound(w + 1)
		}
		if to != nil && bytes.Compare(to, after) <= 0 {
			continue
		}
		err := f(w, bound(w), to)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		i.Progress(ImportProgress{Stage: stage, Done: w + 1, Total: n})
	}
	return nil
}

// apply does what the register that is read now changes for people, from where
// the run stands, and then clears the old one away.
func (i *importer) apply(ctx context.Context) error {
	after, err := hex.DecodeString(i.now.After)
	if err != nil {
		return fmt.Errorf("reading how far the register is: %w", err)
	}
	err = i.windows(ctx, "applying", i.now.People, after, func(w int64, from, to []byte) error {
		if i.effects != nil && !i.effects[w] {
			return nil
		}
		_, changed, err := i.store.CompareGenerations(ctx, i.now.Previous, i.now.Generation, from, to)
		for _, c := range changed {
			if err != nil {
				return err
			}
			if bytes.Compare(c.Subject[:], after) > 0 && hasEffects(c) {
				i.now, err = i.service.ApplyRegisterChange(ctx, i.now, c)
			}
		}
		return err
	})
	if err == nil {
		err = i.move(ctx, credential.RegisterRun{Stage: credential.RegisterClearing, Generation: i.now.Previous})
	}
	if err == nil {
		err = i.clear(ctx)
	}
	return err
}

// discard clears away what was loaded.
func (i *importer) discard(ctx context.Context) error {
	err := i.move(ctx, credential.RegisterRun{Stage: credential.RegisterClearing, Generation: i.now.Generation})
	if err != nil {
		return err
	}
	return i.clear(ctx)
}

// clear deletes a generation that nobody reads, in short batches.
func (i *importer) clear(ctx context.Context) error {
	people, err := i.store.CountPeople(ctx, i.now.Generation)
	if err == nil {
		err = i.windows(ctx, "clearing", people, nil, func(_ int64, from, to []byte) error {
			return i.store.ClearGeneration(ctx, i.now.Generation, from, to)
		})
	}
	if err == nil {
		err = i.move(ctx, credential.RegisterRun{})
	}
	return err
}

// MaxExamplePeople bounds how many random people an example register may have.
const MaxExamplePeople = registry.MaxPeople

// WriteExampleRegister writes a register file of people who do not exist: the
// demo's named cases and n random people.
func WriteExampleRegister(w io.Writer, n int) error {
	out := bufio.NewWriterSize(w, 1<<16)
	err := registry.WriteHeader(out)
	if err != nil {
		return err
	}
	for f := range registry.All("aldaba", n, seedEpoch) {
		err = registry.WriteLine(out, f)
		if err != nil {
			return err
		}
	}
	return out.Flush()
}
