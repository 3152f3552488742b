package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sample has every kind of block; steps is how many items its columns have.
func sample(steps int) Document {
	d := Document{Title: "Ficha", Author: "Instituto", Language: "es-EC", Blocks: []Block{
		Plain(Head, "Instituto"), Plain(Title, "Generar / Recuperar clave"), Plain(Text, "Texto."), {Kind: Fact, Label: "Costo", Spans: []Span{{Text: "Nada."}}}, Plain(Heading, "¿Cómo se hace?"),
	}}
	var column []Block
	for n := range steps {
		column = append(column, Block{Kind: Item, Label: fmt.Sprint(n+1, "."), Spans: []Span{{Text: strings.Repeat("palabra ", 12)}}})
	}
	d.Blocks = append(d.Blocks, Block{Columns: [][]Block{append([]Block{Plain(Heading2, "Uno")}, column...), append([]Block{Plain(Heading2, "Otro")}, column...)}})
	d.Blocks = append(d.Blocks, Block{Kind: Item, Spans: []Span{{Text: "Ley", URL: "https://ley.example/a"}, {Text: ". Art. 1."}}})
	return d
}

var (
	pageObject = regexp.MustCompile(`/Type/Page[^s]`)
)

// read takes a file apart as a reader does: by its table, which must name every
// object. It gives the pages' drawings.
func read(t *testing.T, file []byte) (pages int, content string) {
	t.Helper()
	start := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(file)
	if start == nil {
		t.Fatal("the file does not say where its table is")
	}
	at, _ := strconv.Atoi(string(start[1]))
	lines := strings.Split(string(file[at:]), "\n")
	_, count, _ := strings.Cut(lines[1], " ")
	n, _ := strconv.Atoi(count)
	for i := 1; i < n; i++ {
		offset, err := strconv.Atoi(lines[2+i][:10])
		if want := fmt.Sprintf("%d 0 obj\n", i); err != nil || !bytes.HasPrefix(file[offset:], []byte(want)) {
			t.Fatalf("object %d is not where the table says", i)
		}
	}
	for _, ref := range regexp.MustCompile(`(\d+) 0 R`).FindAllSubmatch(file, -1) {
		if k, _ := strconv.Atoi(string(ref[1])); k >= n {
			t.Errorf("object %d is referred to and is not there", k)
		}
	}
	for _, part := range bytes.Split(file, []byte("stream\n"))[1:] {
		zipped, _, is := bytes.Cut(part, []byte("\nend"))
		r, err := zlib.NewReader(bytes.NewReader(zipped))
		if !is || err != nil {
			continue // what stands behind an "endstream"
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		content += string(text)
	}
	return len(pageObject.FindAll(file, -1)), content
}

func TestWrite(t *testing.T) {
	file := sample(12).Write()
	pages, content := read(t, file)
	if pages != 1 {
		t.Errorf("%d pages, want all on one", pages)
	}
	if got := strings.Count(content, "BDC"); got != strings.Count(content, "EMC")-strings.Count(content, "/Artifact") || got == 0 {
		t.Errorf("%d marks begun, another number ended", got)
	}
	if !strings.Contains(content, fmt.Sprintf("<%x> Tj", encoded("¿Cómo se hace?"))) {
		t.Error("the heading is not drawn")
	}
	for _, part := range []string{"/S/H1", "/S/H2", "/S/H3", "/S/L/", "/S/LI", "/S/Lbl", "/S/LBody", "/MarkInfo<< /Marked true>>", "/URI " + literal("https://ley.example/a"), "/Lang " + text("es-EC")} {
		if !bytes.Contains(file, []byte(part)) {
			t.Errorf("the file lacks %s", part)
		}
	}
	if !bytes.Equal(file, sample(12).Write()) {
		t.Error("one document gives two files")
	}
	if pages, content = read(t, sample(150).Write()); pages < 2 || strings.Count(content, fmt.Sprintf("<%x> Tj", encoded("150."))) != 2 {
		t.Errorf("a long document has %d pages, and not all of its text", pages)
	}
}

func TestEncoded(t *testing.T) {
	if got, want := string(encoded("ñÑ«»–…€日\t")), "\xf1\xd1\xab\xbb\x96\x85\x80??"; got != want {
		t.Errorf("encoded = %q, want %q", got, want)
	}
}

// FuzzWrapped: no line is wider than it may be, and no letter is lost.
func FuzzWrapped(f *testing.F) {
	f.Add("una palabra larguísima que no cabe", 40.0)
	f.Add("  dos  espacios ", 10.0)
	f.Fuzz(func(t *testing.T, content string, width float64) {
		if !(width >= 12 && width < 1000) { // a letter fits in any
			t.Skip()
		}
		got := ""
		for _, line := range wrapped([]Span{{Text: content}, {Text: " fin", URL: "x"}}, false, 10, width) {
			whole := ""
			for _, part := range line {
				whole += part.Text
			}
			if measure(strings.TrimRight(whole, " "), false, 10) > width+0.001 {
				t.Errorf("%q is wider than %g", whole, width)
			}
			got += whole
		}
		if got != content+" fin" {
			t.Errorf("%q became %q", content+" fin", got)
		}
	})
}
