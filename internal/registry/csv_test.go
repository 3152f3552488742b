package registry

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/text/encoding/charmap"

	"aldaba/internal/credential"
)

// file writes a register of invented people, with its header.
func file(t testing.TB, seed string, n int) string {
	t.Helper()
	var out bytes.Buffer
	err := WriteHeader(&out)
	for f := range All(seed, n, today) {
		err = errors.Join(err, WriteLine(&out, f))
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func readAll(t testing.TB, text string, encoding Encoding) (Layout, []Entry) {
	t.Helper()
	l, err := ReadLayout(strings.NewReader(text), encoding)
	if err != nil {
		t.Fatal(err)
	}
	r, p := NewReader(strings.NewReader(text[l.End:]), l), NewParser(l, today)
	var all []Entry
	for {
		b, err := r.Read()
		if errors.Is(err, io.EOF) {
			return l, all
		}
		if err != nil {
			t.Fatal(err)
		}
		err = p.Parse(b, func(e *Entry) error {
			kept := *e
			kept.Person.Audiences, kept.Person.Facts = slices.Clone(e.Person.Audiences), slices.Clone(e.Person.Facts)
			slices.SortFunc(kept.Person.Facts, func(a, b credential.PlainFact) int { return strings.Compare(string(a.ID), string(b.ID)) })
			all = append(all, kept)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// entryOf is what the line of an invented person says.
func entryOf(f Fake) (e Entry) {
	p := f.Person
	e.Person = credential.PlainPerson{
		Document: p.Number.Document(), Number: p.Number.Reveal(), GivenNames: p.GivenNames.Reveal(), Surnames: p.Surnames.Reveal(),
		Birth: p.Birth, Death: p.Death, Audiences: p.Audiences, Email: f.Email, InPerson: f.InPerson,
	}
	for _, id := range slices.Sorted(maps.Keys(p.Facts)) {
		if code := p.Facts[id]; code != credential.NotOnRecord {
			e.Person.Facts = append(e.Person.Facts, credential.PlainFact{ID: id, Code: code})
		}
	}
	return e
}

func same(a, b Entry) bool {
	return a.Rejected == b.Rejected && cmp.Equal(a.Person, b.Person, cmpopts.EquateEmpty())
}

// TestEverySpellingReadsAlike: what is written is read back, in both encodings,
// with either separator, with and without a byte order mark, with the columns in
// another order.
func TestEverySpellingReadsAlike(t *testing.T) {
	plain := file(t, "csv", 60)
	latin, err := charmap.Windows1252.NewEncoder().String(plain)
	if err != nil || latin == plain {
		t.Fatal("the example has no letter beyond ASCII", err)
	}
	var turned strings.Builder
	for line := range strings.Lines(plain) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ",")
		slices.Reverse(fields)
		turned.WriteString(strings.Join(fields, ",") + "\n")
	}
	_, want := readAll(t, plain, DetectEncoding)
	for i, f := range Generate("csv", 60, today) {
		if !same(want[i], entryOf(f)) || want[i].Line != int64(i+2) {
			t.Errorf("%s: line %d reads otherwise (%s)", f.Case, want[i].Line, want[i].Rejected)
		}
	}
	for name, text := range map[string]string{
		"marked":     "\ufeff" + plain,
		"semicolons": strings.ReplaceAll(plain, ",", ";"),
		"CRLF":       strings.ReplaceAll(plain, "\n", "\r\n"),
		"Latin-1":    latin,
		"turned":     turned.String(),
		"blank line": strings.Replace(plain, "\n", "\n\n", 3),
		"quoted":     strings.ReplaceAll(plain, "cedula", `"cedula"`),
	} {
		_, got := readAll(t, text, DetectEncoding)
		if !slices.EqualFunc(got, want, same) {
			t.Errorf("%s: read otherwise", name)
		}
	}
	if l, _ := readAll(t, latin, DetectEncoding); l.Encoding != Latin1 {
		t.Errorf("Latin-1 is taken for %s", l.Encoding)
	}
	// One broken character is one rejected line, not another encoding.
	torn := strings.Replace(plain, "afiliado", "\xff", 1)
	l, got := readAll(t, torn, DetectEncoding)
	rejected := slices.IndexFunc(got, func(e Entry) bool { return e.Rejected != "" })
	if l.Encoding != UTF8 || rejected < 0 || got[rejected].Rejected != "not UTF-8" || len(got) != len(want) {
		t.Errorf("a broken character: %s, line %d", l.Encoding, rejected)
	}
}

func TestHeaderRefused(t *testing.T) {
	header := strings.Join(Columns(), ",")
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"UTF-16", "\xff\xfet\x00i\x00", "UTF-16"},
		{"binary", "PK\x03\x04\x00\x00", "no text"},
		{"unknown column", header + ",edad\n", `"edad"`},
		{"twice", header + ",tipo\n", "twice"},
		{"missing", strings.Replace(header, ",fallecimiento", "", 1) + "\n", `"fallecimiento" is missing`},
		{"no header", "cedula,2051234561,Ana\n", "column 1"},
		{"long", strings.Repeat("x", maxLine+1) + "\n", "longer"},
		{"endless", strings.Repeat("x", sampleSize+1), "longer"},
		{"no line break", header, "no end"},
		{"open quote", `"tipo` + "\n", "quote"},
	} {
		_, err := ReadLayout(strings.NewReader(c.text), DetectEncoding)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: ReadLayout = %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := ReadLayout(strings.NewReader(header+"\n"), "ebcdic"); err == nil {
		t.Error("an unknown encoding was taken")
	}
}

// TestRejectedLines: every fault is one rejected line with its reason, which
// repeats nothing of the person, and the lines around it are read.
func TestRejectedLines(t *testing.T) {
	plain := strings.Split(strings.TrimSuffix(file(t, "bad", 1), "\n"), "\n")
	set := func(column, value string) string {
		fields := strings.Split(plain[2], ",") // nueva-presencial: an address, in person
		fields[slices.Index(Columns(), column)] = value
		return strings.Join(fields, ",")
	}
	for _, c := range []struct{ name, line, want string }{
		{"impossible date", set("nacimiento", "1981-02-29"), "nacimiento"},
		{"date in words", set("nacimiento", "1 de mayo"), "nacimiento"},
		{"future", set("nacimiento", "2099-01-01"), "future"},
		{"long ago", set("nacimiento", "1000-01-01"), "before 1880"},
		{"no birth", set("nacimiento", ""), "nacimiento"},
		{"death before birth", set("fallecimiento", "1900-01-01"), "before the birth"},
		{"unknown option", set("first_year", "1066"), "first_year"},
		{"unknown audience", set("audiencias", "jefe"), "audiencias"},
		{"no audience", set("audiencias", " | "), "audiencias"},
		{"unknown document", set("tipo", "pasaporte"), "tipo"},
		{"check digit", set("numero", "1710034066"), "cedula_check_digit"},
		{"bad address", set("correo", "ana@"), "correo"},
		{"in person nowhere", set("correo", ""), "presencial"},
		{"neither yes nor no", set("presencial", "quizás"), "presencial"},
		{"no name", set("nombres", ""), "nombres"},
		{"long name", set("apellidos", strings.Repeat("ñ", maxName+1)), "apellidos"},
		{"control character", set("nombres", "Ana\x00"), "control"},
		{"a field more", plain[2] + ",", "fields"},
		{"cut", plain[2][:40], "fields"},
		{"open quote", set("nombres", `"Ana`), "quote"},
		{"quote inside", set("nombres", `A"na`), "quote"},
		{"after a quote", set("nombres", `"Ana"x`), "quote"},
		{"a megabyte", strings.Repeat("x", 1<<20), "longer"},
		{"a little too long", strings.Repeat("x", maxLine+1), "longer"},
		{"not UTF-8", set("nombres", "Jos\xe9"), "UTF-8"},
	} {
		_, got := readAll(t, plain[0]+"\n"+plain[1]+"\n"+c.line+"\n"+plain[3]+"\n", UTF8)
		if len(got) != 3 || got[0].Rejected != "" || got[2].Rejected != "" || got[2].Line != 4 {
			t.Errorf("%s: the lines around it were lost: %d lines", c.name, len(got))
			continue
		}
		if !strings.Contains(got[1].Rejected, c.want) || len(got[1].Rejected) > 200 {
			t.Errorf("%s: rejected for %q, want %q", c.name, got[1].Rejected, c.want)
		}
	}
	_, got := readAll(t, plain[0]+"\n"+plain[1], UTF8)
	if len(got) != 1 || !strings.Contains(got[0].Rejected, "cut") {
		t.Error("a last line without its end was taken")
	}
}

// TestBlocks: many blocks are what one would be, lines counted, and the last one
// ends where the file ends.
func TestBlocks(t *testing.T) {
	text := strings.Replace(file(t, "on", 3000), "\n", "\n\n"+strings.Repeat("x", maxLine+1)+"\n", 2)
	l, all := readAll(t, text, DetectEncoding)
	if len(all) != 3000+13+2 || all[0].Line != 3 || all[0].Rejected == "" || all[len(all)-1].Line != 3000+13+1+4 {
		t.Errorf("%d lines, the last one %d", len(all), all[len(all)-1].Line)
	}
	r := NewReader(strings.NewReader(text[l.End:]), l)
	blocks, last := 0, &Block{}
	for {
		b, err := r.Read()
		if err != nil {
			break
		}
		if b.End <= last.End || b.Lines <= last.Lines || cap(b.text) > blockSize+2*maxLine {
			t.Fatalf("a block of %d bytes to %d after %d", cap(b.text), b.End, last.End)
		}
		blocks, last = blocks+1, b
	}
	if blocks < 3 || last.End != int64(len(text)) || last.Lines != all[len(all)-1].Line {
		t.Errorf("%d blocks to %d of %d, line %d", blocks, last.End, len(text), last.Lines)
	}
}

// endless gives one line for ever.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	n := min(len(p), e.left)
	if n == 0 {
		return 0, io.EOF
	}
	e.left -= n
	for i := range p[:n] {
		p[i] = 'x'
	}
	return n, nil
}

// TestReaderKeepsLittle: a line of a hundred megabytes costs no memory.
func TestReaderKeepsLittle(t *testing.T) {
	l := Layout{Encoding: UTF8, Separator: ',', Columns: Columns()}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b, err := NewReader(&endless{100 << 20}, l).Read()
	runtime.ReadMemStats(&after)
	if err != nil || len(b.faults) != 1 || !strings.Contains(b.faults[0], "longer") || b.End != 100<<20 {
		t.Errorf("Read = %q to %d, %v", b.faults, b.End, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("one long line took %d bytes", grown)
	}
}

func FuzzReader(f *testing.F) {
	text := file(f, "fuzz", 2)
	f.Add(text, "latin1")
	f.Add(strings.ReplaceAll(text, ",", ";"), "auto")
	f.Add(strings.ReplaceAll(text, "a", `"`), "utf8")
	header := strings.Join(Columns(), ",") + "\n"
	f.Add(header+"\r\n\"\"\"\",\xff,,;\n", "auto")
	f.Fuzz(func(t *testing.T, text, encoding string) {
		l, err := ReadLayout(strings.NewReader(text), Encoding(encoding))
		if err != nil {
			return
		}
		if l.End > int64(len(text)) {
			t.Fatalf("the header ends at %d of %d", l.End, len(text))
		}
		r, p := NewReader(strings.NewReader(text[l.End:]), l), NewParser(l, today)
		for last, line := l.End, int64(1); ; {
			b, err := r.Read()
			if err != nil {
				break
			}
			if b.End <= last || b.End > int64(len(text)) {
				t.Fatalf("a block ends at %d after %d", b.End, last)
			}
			last = b.End
			err = p.Parse(b, func(e *Entry) error {
				if e.Line <= line || e.Line > b.Lines {
					t.Fatalf("line %d after %d", e.Line, line)
				}
				line = e.Line
				who := e.Person
				if e.Rejected == "" && (who.Number == "" || who.Birth.IsZero() || who.InPerson && who.Email == "") {
					t.Fatalf("line %d was taken", e.Line)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
