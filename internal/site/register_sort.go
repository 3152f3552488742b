package site

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
)

// A register is stored in order of subject: the index then grows at its end, page
// by page, where a million people in the order of their file would change a page
// of it each. The people are sorted outside memory: sealed, they go into a file
// in as many parts as each fits memory, a part for a range of subjects; then part
// after part is read back, sorted and stored.

// What a person's row in the file of parts begins with: subject, digest, line,
// flags, and the length of the sealed record that follows.
const (
	sortSubject = 0
	sortDigest  = 16
	sortLine    = 32
	sortFlags   = 40
	sortLength  = 41
	sortRecord  = 45
)

// The flags.
const (
	isSeen = 1 << iota
	isReached
	isDead
)

const (
	partBytes    = 4 << 20  // about how much of the sealed people a part has
	partBuffer   = 16 << 10 // written to the file at once
	mostParts    = 1024
	sealedGrowth = 3 // a sealed person is about so many times as long as their line
)

// sorter is the file of parts.
type sorter struct {
	file  *os.File
	size  int64
	parts []sortPart
}

// sortPart is one range of subjects: pieces of the file, and what is not written
// yet.
type sortPart struct {
	buffer []byte
	pieces []sortPiece
}

type sortPiece struct {
	at int64
	n  int
}

// newSorter makes the file beside the register, and in the folder for temporary
// files where it cannot. Nobody else finds it, and nothing of it is left behind.
func newSorter(register string, size, part int64) (*sorter, error) {
	const pattern = ".aldaba-import-*"
	file, err := os.CreateTemp(filepath.Dir(register), pattern)
	if err != nil {
		file, err = os.CreateTemp("", pattern)
	}
	if err != nil {
		return nil, fmt.Errorf("a file to sort the register in: %w", err)
	}
	err = os.Remove(file.Name())
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	n := min(max(size*sealedGrowth/part, 1), mostParts)
	return &sorter{file: file, parts: make([]sortPart, n)}, nil
}

// add takes the rows of some people, in the order of their lines.
func (s *sorter) add(rows []byte) error {
	for len(rows) > 0 {
		n := sortRecord + int(binary.BigEndian.Uint32(rows[sortLength:]))
		p := &s.parts[int(binary.BigEndian.Uint16(rows))*len(s.parts)>>16]
		if len(p.buffer)+n > partBuffer {
			err := s.flush(p)
			if err != nil {
				return err
			}
		}
		p.buffer = append(p.buffer, rows[:n]...)
		rows = rows[n:]
	}
	return nil
}

func (s *sorter) flush(p *sortPart) error {
	if len(p.buffer) == 0 {
		return nil
	}
	_, err := s.file.WriteAt(p.buffer, s.size)
	if err != nil {
		return fmt.Errorf("sorting the register: %w", err)
	}
	p.pieces = append(p.pieces, sortPiece{s.size, len(p.buffer)})
	s.size += int64(len(p.buffer))
	p.buffer = p.buffer[:0]
	return nil
}

// sorted is a part in order, each subject once.
type sorted struct {
	people              []credential.StagedPerson
	seen, reached, dead int64
	doubled             []int64 // lines about somebody of a line before
	err                 error
}

// read gives a part. Of several lines about one person the first one counts.
func (s *sorter) read(p *sortPart) (all sorted) {
	all.err = s.flush(p)
	p.buffer = nil
	there := map[credential.Subject]bool{}
	for _, piece := range p.pieces {
		rows := make([]byte, piece.n) // the people refer to it
		if all.err == nil {
			_, all.err = s.file.ReadAt(rows, piece.at)
		}
		if all.err != nil {
			all.err = fmt.Errorf("sorting the register: %w", all.err)
			return all
		}
		for len(rows) > 0 {
			n := sortRecord + int(binary.BigEndian.Uint32(rows[sortLength:]))
			row := rows[:n:n]
			rows = rows[n:]
			who := credential.StagedPerson{
				Subject: credential.Subject(row[sortSubject:sortDigest]), Digest: [16]byte(row[sortDigest:sortLine]), Record: row[sortRecord:],
			}
			if there[who.Subject] {
				all.doubled = append(all.doubled, int64(binary.BigEndian.Uint64(row[sortLine:])))
				continue
			}
			there[who.Subject] = true
			all.people = append(all.people, who)
			flags := row[sortFlags]
			all.seen += one(flags&isSeen != 0)
			all.reached += one(flags&isReached != 0)
			all.dead += one(flags&isDead != 0)
		}
	}
	slices.SortFunc(all.people, func(a, b credential.StagedPerson) int { return bytes.Compare(a.Subject[:], b.Subject[:]) })
	return all
}

// one counts what is true.
func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// sealing is a block of lines on its way: read, then sealed.
type sealing struct {
	block   *registry.Block
	rows    []byte
	rejects []byte
	refused int64
	done    chan error
}

// sort seals the lines of the file and takes them into the sorter. One goroutine
// reads, one for each core seals, and this one writes, in the order of the file.
func (i *importer) sort(ctx context.Context, to *sorter, rejects *rejects) error {
	_, err := i.file.Seek(i.layout.End, io.SeekStart)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	toSeal, inOrder := make(chan *sealing), make(chan *sealing, workers+1)
	var readErr error
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop()
	run := i.now
	for range workers {
		sealer, err := i.store.RegisterSealer(run)
		if err != nil {
			return err
		}
		parser := registry.NewParser(i.layout, run.At)
		tasks.Go(func() {
			for s := range toSeal {
				s.done <- s.seal(parser, sealer)
			}
		})
	}
	tasks.Go(func() {
		defer close(inOrder)
		defer close(toSeal)
		readErr = i.readBlocks(reading, toSeal, inOrder)
	})
	for s := range inOrder {
		err := <-s.done
		if err == nil {
			err = to.add(s.rows)
		}
		if err == nil {
			err = rejects.add(s.rejects)
		}
		if err != nil {
			stop()
			for range inOrder { // let the reader end
			}
			return err
		}
		i.report.Rejected += s.refused
		i.Progress(ImportProgress{Stage: "reading", Done: s.block.End, Total: i.size, Lines: s.block.Lines})
	}
	return readErr
}

func (i *importer) readBlocks(ctx context.Context, toSeal, inOrder chan<- *sealing) error {
	hashed := io.LimitReader(i.file, i.size-i.layout.End) // what the hash is of, and no more
	lines := registry.NewReader(hashed, i.layout)
	for {
		block, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", i.File, reasonOf(err))
		}
		s := &sealing{block: block, done: make(chan error, 1)}
		// inOrder is bounded: it holds the reader back.
		for _, to := range []chan<- *sealing{inOrder, toSeal} {
			select {
			case to <- s:
			case <-ctx.Done():
				s.done <- ctx.Err() // nobody else will
				return ctx.Err()
			}
		}
	}
}

// seal makes the rows of a block.
func (s *sealing) seal(parser *registry.Parser, sealer credential.RegisterSealer) error {
	var head [sortRecord]byte
	s.rows = make([]byte, 0, s.block.Size()*(sealedGrowth+1))
	return parser.Parse(s.block, func(e *registry.Entry) error {
		if e.Rejected != "" {
			s.refused++
			s.rejects = appendReject(s.rejects, e.Line, e.Rejected)
			return nil
		}
		begin := len(s.rows)
		rows, p := sealer.Seal(append(s.rows, head[:]...), &e.Person)
		s.rows = rows
		row := rows[begin:]
		copy(row[sortSubject:], p.Subject[:])
		copy(row[sortDigest:], p.Digest[:])
		binary.BigEndian.PutUint64(row[sortLine:], uint64(e.Line))
		if e.Person.InPerson {
			row[sortFlags] |= isSeen
		}
		if e.Person.Email != "" {
			row[sortFlags] |= isReached
		}
		if !e.Person.Death.IsZero() {
			row[sortFlags] |= isDead
		}
		binary.BigEndian.PutUint32(row[sortLength:], uint32(len(row)-sortRecord))
		return nil
	})
}

// storeSorted stores the parts, from behind the last subject that an interrupted
// import has stored, and gives the lines that are doubled. While one part is
// stored the next is read.
func (i *importer) storeSorted(ctx context.Context, from *sorter) (doubled []int64, err error) {
	after, err := hex.DecodeString(i.now.After)
	if err != nil {
		return nil, fmt.Errorf("reading how far the register is: %w", err)
	}
	reading, stop := context.WithCancel(ctx)
	parts := make(chan sorted)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer stop()
	reader.Go(func() {
		defer close(parts)
		for p := range from.parts {
			select {
			case parts <- from.read(&from.parts[p]):
			case <-reading.Done():
				return
			}
		}
	})
	n := int64(0)
	for p := range parts {
		if p.err != nil {
			return nil, p.err
		}
		i.report.People += int64(len(p.people))
		i.report.AllMarked += p.seen
		i.report.AllAddress += p.reached
		i.report.AllDead += p.dead
		i.report.Rejected += int64(len(p.doubled))
		doubled = append(doubled, p.doubled...)
		done, _ := slices.BinarySearchFunc(p.people, after, func(p credential.StagedPerson, after []byte) int {
			if bytes.Compare(p.Subject[:], after) <= 0 {
				return -1
			}
			return 1
		})
		for people := p.people[done:]; len(people) > 0; {
			stored := 0
			next, err := i.store.StagePeople(ctx, i.now, people, func(n int) credential.RegisterRun {
				run := i.now
				run.People += int64(n)
				run.After = hex.EncodeToString(people[n-1].Subject[:])
				stored = n
				return run
			})
			if err != nil {
				return nil, err
			}
			i.now, people = next, people[stored:]
			i.Progress(ImportProgress{Stage: "loading", Done: n, Total: int64(len(from.parts))})
		}
		n++
	}
	return doubled, ctx.Err()
}

// rejects is the file of rejected lines. It is made with the first of them.
type rejects struct {
	path string
	file *os.File
	out  *bufio.Writer
}

// openRejects removes an older import's file.
func openRejects(path string) (*rejects, error) {
	err := os.Remove(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return &rejects{path: path}, nil
}

const rejectsHeader = "linea,motivo\n"

func appendReject(to []byte, line int64, reason string) []byte {
	to = append(strconv.AppendInt(to, line, 10), `,"`...)
	to = append(to, strings.ReplaceAll(reason, `"`, `""`)...)
	return append(to, "\"\n"...)
}

// add writes some lines of the file, in order.
func (r *rejects) add(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if r.file == nil {
		file, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		r.file, r.out = file, bufio.NewWriter(file)
		_, err = r.out.WriteString(rejectsHeader)
		if err != nil {
			return err
		}
	}
	_, err := r.out.Write(lines)
	return err
}

func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.out.Flush(), r.file.Close())
	r.file = nil
	return err
}

// errDoubled is why a line about somebody who stood in the file before is
// rejected.
const errDoubled = "numero: stands in the file already (of a RUC all establishments are one)"

// addDoubled puts the lines that are doubled in their places among the others.
func (r *rejects) addDoubled(doubled []int64) (err error) {
	if len(doubled) == 0 {
		return nil
	}
	slices.Sort(doubled)
	err = r.close()
	if err != nil {
		return err
	}
	others, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		others, err = nil, nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = others.Close() }() // it was only read, or is nil
	whole := &rejects{path: r.path + ".nuevo"}
	var line []byte
	upTo := func(at int64) error {
		for len(doubled) > 0 && doubled[0] < at && err == nil {
			line = appendReject(line[:0], doubled[0], errDoubled)
			doubled = doubled[1:]
			err = whole.add(line)
		}
		return err
	}
	lines := bufio.NewScanner(others)
	for others != nil && lines.Scan() {
		number, _, _ := strings.Cut(lines.Text(), ",")
		at, numberErr := strconv.ParseInt(number, 10, 64)
		if numberErr != nil {
			continue // the header
		}
		err = upTo(at)
		if err == nil {
			err = whole.add(append(lines.Bytes(), '\n'))
		}
	}
	if err == nil && others != nil {
		err = lines.Err()
	}
	if err == nil {
		err = upTo(math.MaxInt64)
	}
	err = errors.Join(err, whole.close())
	if err == nil {
		err = os.Rename(whole.path, r.path)
	}
	return err
}
