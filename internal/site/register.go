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
	"runtime"
	"strconv"
	"strings"
	"sync"
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
}

// ImportProgress is how far an import is.
type ImportProgress struct {
	Stage       string // "checking", "loading", "comparing", "applying" or "clearing"
	Done, Total int64  // in bytes of the file while checking and loading, else in parts
	Lines       int64  // read so far, while loading
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
	Resumed int64  // lines that an interrupted import had stored already
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
	err := (&Site{config: i.Config, Store: i.store}).checkRing(ctx)
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
			i.report.Resumed = i.now.People + i.now.Rejected
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

// chunkLines is how many lines go through sealing together; with the bound on a
// line it bounds the memory of an import.
const chunkLines = 2000

// chunk is some lines of the file, in order, and who of them are ready to be
// stored.
type chunk struct {
	entries []registry.Entry
	staged  []credential.StagedPerson
	place   []int // of each staged person among the entries
	sealed  chan error
}

// load stores the lines of the file from where the run stands. One goroutine
// reads, one for each core seals, and this one stores, in the order of the file.
func (i *importer) load(ctx context.Context) error {
	if i.now.Stage == "" {
		first := credential.RegisterRun{
			Stage: credential.RegisterLoading, Generation: i.read + 1, At: i.Now().UTC().Truncate(time.Millisecond),
			File: i.hash, Source: filepath.Base(i.File), Reading: i.reading(), Line: 2, Offset: i.layout.End,
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
	rejects, err := openRejects(i.File+rejectsSuffix, i.now.Rejects)
	if err != nil {
		return err
	}
	_, err = i.file.Seek(i.now.Offset, io.SeekStart)
	if err == nil {
		err = i.storeAll(ctx, rejects)
	}
	err = errors.Join(err, rejects.close())
	if i.now.Rejected > 0 {
		i.report.Rejects = i.File + rejectsSuffix
	}
	i.report.People, i.report.Rejected = i.now.People, i.now.Rejected
	i.report.AllMarked, i.report.AllAddress, i.report.AllDead = i.now.Seen, i.now.Reached, i.now.Dead
	return err
}

func (i *importer) storeAll(ctx context.Context, rejects *rejects) error {
	reading, stop := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	toSeal, inOrder := make(chan *chunk), make(chan *chunk, workers+1)
	var readErr error
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop()
	from := i.now // moves on with what is stored
	tasks.Go(func() {
		defer close(inOrder)
		defer close(toSeal)
		readErr = i.readChunks(reading, from, toSeal, inOrder)
	})
	for range workers {
		tasks.Go(func() {
			for c := range toSeal {
				c.sealed <- i.seal(from, c)
			}
		})
	}
	for c := range inOrder {
		err := <-c.sealed
		if err == nil {
			err = i.storeChunk(ctx, c, rejects)
		}
		if err != nil {
			stop()
			for range inOrder { // let the reader end
			}
			return err
		}
	}
	return readErr
}

func (i *importer) readChunks(ctx context.Context, from credential.RegisterRun, toSeal, inOrder chan<- *chunk) error {
	hashed := io.LimitReader(i.file, i.size-from.Offset) // what the hash is of, and no more
	lines := registry.NewReader(hashed, i.layout, from.Line, from.Offset, from.At)
	for {
		c := &chunk{sealed: make(chan error, 1)}
		var err error
		for len(c.entries) < chunkLines && err == nil {
			var e registry.Entry
			e, err = lines.Next()
			if err == nil {
				c.entries = append(c.entries, e)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", i.File, reasonOf(err))
		}
		if len(c.entries) > 0 {
			// inOrder is bounded: it holds the reader back.
			for _, to := range []chan<- *chunk{inOrder, toSeal} {
				select {
				case to <- c:
				case <-ctx.Done():
					c.sealed <- ctx.Err() // nobody else will
					return ctx.Err()
				}
			}
		}
		if err != nil {
			return nil
		}
	}
}

func (i *importer) seal(run credential.RegisterRun, c *chunk) error {
	for at, e := range c.entries {
		if e.Rejected != "" {
			continue
		}
		p := e.Person
		if !e.Email.IsZero() {
			p.Email = e.Email
			p.EmailFrom = credential.Provenance{Origin: credential.OriginImported, At: run.At, Source: run.Source, Run: run.File[:16]}
			if e.InPerson {
				p.EmailFrom.Origin = credential.OriginImportedInPerson
			}
		}
		staged, err := i.store.SealPerson(i.Keys.Subject(p.Number), p)
		if err != nil {
			return fmt.Errorf("line %d: %w", e.Line, err)
		}
		c.staged, c.place = append(c.staged, staged), append(c.place, at)
	}
	return nil
}

// errDoubled is why a line about somebody who stood in the file before is
// rejected.
const errDoubled = "numero: stands in the file already (of a RUC all establishments are one)"

// storeChunk stores a chunk, in batches as short as the store makes them.
func (i *importer) storeChunk(ctx context.Context, c *chunk, rejects *rejects) error {
	done, stored := 0, 0 // entries, staged
	for done < len(c.entries) {
		next, err := i.store.StagePeople(ctx, i.now, c.staged[stored:], func(n int, doubled []int) (credential.RegisterRun, error) {
			upTo := len(c.entries)
			if stored+n < len(c.staged) {
				upTo = c.place[stored+n]
			}
			again := map[int]bool{}
			for _, d := range doubled {
				again[c.place[stored+d]] = true
			}
			run := i.now
			for at := done; at < upTo; at++ {
				e := c.entries[at]
				reason := e.Rejected
				if again[at] {
					reason = errDoubled
				}
				if reason != "" {
					run.Rejected++
					rejects.add(e.Line, reason)
					continue
				}
				run.People++
				run.Seen += one(e.InPerson)
				run.Reached += one(!e.Email.IsZero())
				run.Dead += one(!e.Person.Death.IsZero())
			}
			last := c.entries[upTo-1]
			run.Line, run.Offset = last.Line+1, last.End
			var err error
			run.Rejects, err = rejects.flush()
			done, stored = upTo, stored+n
			return run, err
		})
		if err != nil {
			return err
		}
		i.now = next
		i.Progress(ImportProgress{Stage: "loading", Done: i.now.Offset, Total: i.size, Lines: i.now.People + i.now.Rejected})
		if done < len(c.entries) {
			pauseForOthers(ctx)
		}
	}
	pauseForOthers(ctx)
	return nil
}

// one counts what is true.
func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// pauseForOthers lets other programs write between two batches: they look for
// their turn every millisecond.
func pauseForOthers(ctx context.Context) {
	timer := time.NewTimer(2 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// compare counts what the loaded register changes.
func (i *importer) compare(ctx context.Context) (err error) {
	r := &i.report
	r.Before, err = i.store.CountPeople(ctx, i.read)
	if err != nil {
		return err
	}
	err = i.windows(ctx, "comparing", i.read, i.now.Generation, nil, func(gone int64, changed []credential.RegisterChange) error {
		r.Gone += gone
		for _, c := range changed {
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

const (
	windowPeople = 1000 // people whom two generations are compared by at a time
	mostWindows  = 4096
)

// windows compares two generations part by part: subjects are evenly spread, so
// that equal ranges of their first bytes hold about as many people each. It begins
// with the range of the subject after.
func (i *importer) windows(ctx context.Context, stage string, old, new int64, after []byte,
	f func(gone int64, changed []credential.RegisterChange) error) error {
	n := min(max(i.now.People/windowPeople, 1), mostWindows)
	bound := func(w int64) []byte { return binary.BigEndian.AppendUint16(nil, uint16(w*(1<<16)/n)) }
	for w := range n {
		var to []byte
		if w+1 < n {
			to = bound(w + 1)
		}
		if to != nil && bytes.Compare(to, after) <= 0 {
			continue
		}
		gone, changed, err := i.store.CompareGenerations(ctx, old, new, bound(w), to)
		if err == nil {
			err = f(gone, changed)
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
	err = i.windows(ctx, "applying", i.now.Previous, i.now.Generation, after, func(_ int64, changed []credential.RegisterChange) error {
		for _, c := range changed {
			if bytes.Compare(c.Subject[:], after) <= 0 || !c.Death() && !c.Address() {
				continue
			}
			next, err := i.service.ApplyRegisterChange(ctx, i.now, c)
			if err != nil {
				return err
			}
			i.now = next
		}
		return nil
	})
	if err == nil {
		err = i.move(ctx, credential.RegisterRun{Stage: credential.RegisterClearing, Generation: i.now.Previous, People: i.now.People})
	}
	if err == nil {
		err = i.clear(ctx)
	}
	return err
}

// discard clears away what was loaded.
func (i *importer) discard(ctx context.Context) error {
	err := i.move(ctx, credential.RegisterRun{Stage: credential.RegisterClearing, Generation: i.now.Generation, People: i.now.People})
	if err != nil {
		return err
	}
	return i.clear(ctx)
}

// clear deletes a generation that nobody reads, in short batches.
func (i *importer) clear(ctx context.Context) error {
	for {
		done, err := i.store.ClearGeneration(ctx, i.now.Generation)
		if err != nil {
			return err
		}
		if done {
			return i.move(ctx, credential.RegisterRun{})
		}
		i.Progress(ImportProgress{Stage: "clearing"})
		pauseForOthers(ctx)
	}
}

// rejects is the file of rejected lines. It is made with the first of them.
type rejects struct {
	path string
	file *os.File
	size int64
	text bytes.Buffer
}

// openRejects goes on in a file of rejected lines after size bytes: what stands
// behind was written by somebody who died before the lines were done with. With
// none it removes an older import's file.
func openRejects(path string, size int64) (*rejects, error) {
	r := &rejects{path: path, size: size}
	if size == 0 {
		err := os.Remove(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return r, nil
	}
	err := r.open()
	if err == nil {
		err = r.file.Truncate(size)
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rejects) open() (err error) {
	r.file, err = os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}

func (r *rejects) add(line int64, reason string) {
	if r.size == 0 && r.text.Len() == 0 {
		r.text.WriteString("linea,motivo\n")
	}
	r.text.WriteString(strconv.FormatInt(line, 10) + `,"` + strings.ReplaceAll(reason, `"`, `""`) + "\"\n")
}

// flush writes what was added and gives the file's length with it.
func (r *rejects) flush() (int64, error) {
	if r.text.Len() == 0 {
		return r.size, nil
	}
	if r.file == nil {
		err := r.open()
		if err != nil {
			return 0, err
		}
	}
	n, err := r.file.WriteAt(r.text.Bytes(), r.size)
	r.size += int64(n)
	r.text.Reset()
	return r.size, err
}

func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
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
