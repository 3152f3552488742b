// Package pdf writes documents of text as PDF: headings, paragraphs, lists, facts and
// columns on A4, tagged so that a screen reader follows them. It knows what a sheet
// for people needs and nothing else: no pictures, no typefaces of its own.
package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

// Kind is what a block of a document is.
type Kind int

// The kinds of blocks.
const (
	Head    Kind = iota // whose document it is; a rule follows
	Title               // of the document; one
	Heading             // of a part
	Heading2
	Text
	Item // of a list; Label is its number, or empty for a bullet
	Fact // Label is its name
)

// Block is a paragraph, or columns of them beside each other.
type Block struct {
	Kind    Kind
	Label   string
	Spans   []Span
	Columns [][]Block // then nothing else
}

// Span is some text of a block. URL is where it leads; empty for nowhere.
type Span struct{ Text, URL string }

// Plain is a block of text that leads nowhere.
func Plain(kind Kind, text string) Block { return Block{Kind: kind, Spans: []Span{{Text: text}}} }

// Document is what is written.
type Document struct {
	Title, Author, Language string // Language as "es-EC"
	Blocks                  []Block
}

// A4, in points, and what stays white around the text.
const (
	pageWidth, pageHeight = 595.28, 841.89
	margin                = 40.0
	gutter                = 18.0 // between columns
)

// largest and smallest are the sizes of type between which a document is made to fit
// on one page, in points. One that does not fit even so has several pages, at largest.
const (
	largest  = 10.0
	smallest = 7.0
)

// Write gives the file. The same document gives the same bytes.
func (d Document) Write() []byte {
	for size := largest; size >= smallest; size -= 0.25 {
		if l := (&layout{size: size, oneColumn: false}); l.fits(d.Blocks) {
			return d.file(l)
		}
	}
	l := &layout{size: largest, oneColumn: true}
	l.document(d.Blocks)
	return d.file(l)
}

// mark is a tagged piece of a page.
type mark struct{ page, id int }

// element is one of the structure tree: a block, or a list around its items.
type element struct {
	kind  string // of PDF: "H1", "P", "L" …
	inner []*element
	marks []mark
	links []*link
}

// link is an active area of a page.
type link struct {
	page       int
	rect       [4]float64
	text, url  string
	structured int // its number in the parent tree
	of         *element
}

// page is the drawing of one, and how many marks it has.
type page struct {
	content bytes.Buffer
	owners  []*element // by the number of the mark
}

// layout sets blocks in type.
type layout struct {
	size      float64
	oneColumn bool // columns stand one below the other
	pages     []*page
	root      element
	list      *element // the list that the next item joins
	links     []*link
	y         float64 // the next line's top, from the top of the page
	overflown bool    // more than one page was needed
}

// fits sets the document and reports whether it is one page.
func (l *layout) fits(blocks []Block) bool {
	l.document(blocks)
	return !l.overflown
}

func (l *layout) document(blocks []Block) {
	l.turn()
	l.overflown = false
	for _, b := range blocks {
		if b.Columns != nil {
			l.columns(b.Columns)
			continue
		}
		l.block(b, margin, pageWidth-2*margin)
	}
}

// turn begins a page.
func (l *layout) turn() {
	l.pages = append(l.pages, &page{})
	l.y, l.overflown = margin, true
}

func (l *layout) columns(columns [][]Block) {
	top, lowest := l.y, l.y
	width := (pageWidth - 2*margin - gutter*float64(len(columns)-1)) / float64(len(columns))
	for n, blocks := range columns {
		left := margin + float64(n)*(width+gutter)
		if l.oneColumn {
			left, width = margin, pageWidth-2*margin
		} else {
			l.y = top
		}
		l.list = nil
		for _, b := range blocks {
			l.block(b, left, width)
		}
		lowest = max(lowest, l.y)
	}
	l.list = nil
	if !l.oneColumn {
		l.y = lowest
	}
}

// face is how a kind of block is set, in shares of the size of type.
type face struct {
	tag           string
	scale         float64
	bold          bool
	before, after float64
	indent        float64
}

var faces = map[Kind]face{
	Head:     {tag: "P", scale: 1.2, bold: true, after: 0.9},
	Title:    {tag: "H1", scale: 1.9, bold: true, after: 0.5},
	Heading:  {tag: "H2", scale: 1.2, bold: true, before: 0.7, after: 0.2},
	Heading2: {tag: "H3", scale: 1.05, bold: true, before: 0.1, after: 0.15},
	Text:     {tag: "P", scale: 1, after: 0.3},
	Item:     {tag: "LBody", scale: 1, after: 0.15, indent: 1.7},
	Fact:     {tag: "P", scale: 1, after: 0.3, indent: 13.5},
}

const lineHeight = 1.22 // of the size of type

// block sets one block between left and left+width.
func (l *layout) block(b Block, left, width float64) {
	f := faces[b.Kind]
	size := l.size * f.scale
	l.y += f.before * l.size
	e := &element{kind: f.tag}
	switch b.Kind {
	case Item:
		if l.list == nil {
			l.list = &element{kind: "L"}
			l.root.inner = append(l.root.inner, l.list)
		}
		l.list.inner = append(l.list.inner, &element{kind: "LI", inner: []*element{e}})
	default:
		l.list = nil
		l.root.inner = append(l.root.inner, e)
	}
	indent := f.indent * l.size
	lines := wrapped(b.Spans, f.bold, size, width-indent)
	for n, line := range lines {
		if l.y+size*lineHeight > pageHeight-margin {
			l.turn()
		}
		base := l.y + size
		if n == 0 && b.Kind == Item {
			label := b.Label
			if label == "" {
				label = "•"
			}
			lbl := &element{kind: "Lbl"}
			item := l.list.inner[len(l.list.inner)-1]
			item.inner = []*element{lbl, e}
			l.draw(lbl, label, false, size, left+indent-measure(label, false, size)-0.5*size, base)
		}
		if n == 0 && b.Kind == Fact {
			l.draw(e, b.Label, true, size, left, base)
		}
		x := left + indent
		for _, part := range line {
			end := x + measure(part.Text, f.bold, size)
			if part.URL == "" {
				l.draw(e, part.Text, f.bold, size, x, base)
			} else {
				p := l.pages[len(l.pages)-1]
				fmt.Fprintf(&p.content, "q 0.04 0.36 0.43 rg\n")
				l.draw(e, part.Text, f.bold, size, x, base)
				fmt.Fprintf(&p.content, "/Artifact BMC %.2f %.2f %.2f %.2f re f EMC Q\n", x, pageHeight-base-0.13*size, end-x, 0.06*size)
				made := &link{
					page: len(l.pages) - 1, text: part.Text, url: part.URL, of: e,
					rect: [4]float64{x, pageHeight - base - 0.25*size, end, pageHeight - base + 0.8*size},
				}
				l.links, e.links = append(l.links, made), append(e.links, made)
			}
			x = end
		}
		l.y += size * lineHeight
	}
	if b.Kind == Head {
		fmt.Fprintf(&l.pages[len(l.pages)-1].content, "/Artifact BMC %.2f %.2f %.2f 0.75 re f EMC\n", left, pageHeight-l.y-0.4*l.size, width)
	}
	l.y += f.after * l.size
}

// draw puts a text on the page as part of an element.
func (l *layout) draw(e *element, text string, bold bool, size, x, base float64) {
	at := len(l.pages) - 1
	p := l.pages[at]
	id := len(p.owners)
	p.owners = append(p.owners, e)
	e.marks = append(e.marks, mark{at, id})
	name := "F1"
	if bold {
		name = "F2"
	}
	fmt.Fprintf(&p.content, "/%s << /MCID %d>> BDC BT /%s %.2f Tf %.2f %.2f Td <%x> Tj ET EMC\n", e.kind, id, name, size, x, pageHeight-base, encoded(text))
}

// encoded is the text as the typefaces have it; what they have not becomes "?".
func encoded(text string) []byte {
	codes := make([]byte, 0, len(text))
	for _, r := range text {
		codes = append(codes, codeOf(r))
	}
	return codes
}

func codeOf(r rune) byte {
	code, ok := charmap.Windows1252.EncodeRune(r)
	if !ok || code < 32 {
		return '?'
	}
	return code
}

// measure is how wide a text is, in points.
func measure(text string, bold bool, size float64) float64 {
	widths, sum := &plainWidths, 0
	if bold {
		widths = &boldWidths
	}
	for _, r := range text {
		sum += int(widths[codeOf(r)-32])
	}
	return float64(sum) * size / 1000
}

// wrapped breaks text into lines of a width, between words; a word that is longer
// than a line is broken where it must be.
func wrapped(spans []Span, bold bool, size, width float64) (lines [][]Span) {
	var line []Span
	used := 0.0
	add := func(text, url string) {
		if n := len(line); n > 0 && line[n-1].URL == url {
			line[n-1].Text += text
		} else {
			line = append(line, Span{text, url})
		}
		used += measure(text, bold, size)
	}
	end := func() {
		lines, line, used = append(lines, line), nil, 0
	}
	for _, span := range spans {
		for word := range strings.SplitAfterSeq(span.Text, " ") {
			bare := strings.TrimSuffix(word, " ")
			if used > 0 && used+measure(bare, bold, size) > width {
				end()
			}
			for measure(bare, bold, size) > width {
				cut := 0
				for i := range bare {
					if i > 0 && measure(bare[:i], bold, size) > width {
						break
					}
					cut = i
				}
				if cut == 0 {
					break // not one letter fits: it stands out
				}
				add(bare[:cut], span.URL)
				end()
				bare, word = bare[cut:], word[cut:]
			}
			add(word, span.URL)
		}
	}
	if len(line) > 0 {
		end()
	}
	return lines
}

// file writes the pages and the structure around them.
func (d Document) file(l *layout) []byte {
	w := &writer{}
	w.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	catalog, tree, root, parents := w.number(), w.number(), w.number(), w.number()
	plain, bold, info := w.number(), w.number(), w.number()
	pages := make([]int, len(l.pages))
	for n := range pages {
		pages[n] = w.number()
	}
	for n, k := range l.links {
		k.structured = len(l.pages) + n
	}

	annotations := make([]int, len(l.links))
	for n := range l.links {
		annotations[n] = w.number()
	}
	annotationOf := map[*link]int{}
	for n, k := range l.links {
		annotationOf[k] = annotations[n]
	}

	// The elements, each after its children.
	numbers := map[*element]int{}
	var number func(*element)
	number = func(e *element) {
		numbers[e] = w.number()
		for _, child := range e.inner {
			number(child)
		}
	}
	document := &element{kind: "Document", inner: l.root.inner}
	number(document)
	var put func(e *element, parent int)
	put = func(e *element, parent int) {
		var kids strings.Builder
		for _, child := range e.inner {
			fmt.Fprintf(&kids, "%d 0 R ", numbers[child])
			put(child, numbers[e])
		}
		for _, m := range e.marks {
			fmt.Fprintf(&kids, "<< /Type/MCR/Pg %d 0 R/MCID %d>> ", pages[m.page], m.id)
		}
		for _, k := range e.links {
			fmt.Fprintf(&kids, "<< /Type/OBJR/Pg %d 0 R/Obj %d 0 R>> ", pages[k.page], annotationOf[k])
		}
		w.object(numbers[e], fmt.Sprintf("<< /Type/StructElem/S/%s/P %d 0 R/K[%s]>>", e.kind, parent, kids.String()))
	}
	put(document, root)

	var nums strings.Builder
	for n, p := range l.pages {
		fmt.Fprintf(&nums, "%d[", n)
		for _, owner := range p.owners {
			fmt.Fprintf(&nums, "%d 0 R ", numbers[owner])
		}
		nums.WriteString("]")
	}
	for _, k := range l.links {
		fmt.Fprintf(&nums, "%d %d 0 R ", k.structured, numbers[k.of])
	}
	w.object(parents, "<< /Nums["+nums.String()+"]>>")
	w.object(root, fmt.Sprintf("<< /Type/StructTreeRoot/K %d 0 R/ParentTree %d 0 R/ParentTreeNextKey %d>>", numbers[document], parents, len(l.pages)+len(l.links)))

	for n, p := range l.pages {
		var zipped bytes.Buffer
		z := zlib.NewWriter(&zipped)
		_, _ = z.Write(p.content.Bytes()) // into memory
		_ = z.Close()
		content := w.number()
		w.object(content, fmt.Sprintf("<< /Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream", zipped.Len(), zipped.String()))
		var links strings.Builder
		for i, k := range l.links {
			if k.page == n {
				fmt.Fprintf(&links, "%d 0 R ", annotations[i])
			}
		}
		w.object(pages[n], fmt.Sprintf("<< /Type/Page/Parent %d 0 R/MediaBox[0 0 %.2f %.2f]/Contents %d 0 R/StructParents %d/Tabs/S/Annots[%s]"+
			"/Resources<< /Font<< /F1 %d 0 R/F2 %d 0 R>>>>>>", tree, pageWidth, pageHeight, content, n, links.String(), plain, bold))
	}
	for n, k := range l.links {
		w.object(annotations[n], fmt.Sprintf("<< /Type/Annot/Subtype/Link/Rect[%.2f %.2f %.2f %.2f]/Border[0 0 0]/F 4/StructParent %d/Contents %s/A<< /S/URI/URI %s>>>>",
			k.rect[0], k.rect[1], k.rect[2], k.rect[3], k.structured, text(k.text), literal(k.url)))
	}
	var kids strings.Builder
	for _, n := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", n)
	}
	w.object(tree, fmt.Sprintf("<< /Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(pages)))
	w.object(plain, "<< /Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
	w.object(bold, "<< /Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>")
	w.object(info, fmt.Sprintf("<< /Title %s/Author %s>>", text(d.Title), text(d.Author)))
	w.object(catalog, fmt.Sprintf("<< /Type/Catalog/Pages %d 0 R/Lang %s/MarkInfo<< /Marked true>>/StructTreeRoot %d 0 R/ViewerPreferences<< /DisplayDocTitle true>>>>",
		tree, text(d.Language), root))
	return w.end(catalog, info)
}

// writer numbers objects and notes where each begins.
type writer struct {
	bytes.Buffer
	offsets []int // by number, from 1
}

func (w *writer) number() int {
	w.offsets = append(w.offsets, 0)
	return len(w.offsets)
}

func (w *writer) object(number int, body string) {
	w.offsets[number-1] = w.Len()
	fmt.Fprintf(w, "%d 0 obj\n%s\nendobj\n", number, body)
}

// end writes the table of objects and the trailer.
func (w *writer) end(catalog, info int) []byte {
	at := w.Len()
	fmt.Fprintf(w, "xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, offset := range w.offsets {
		fmt.Fprintf(w, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(w, "trailer\n<< /Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(w.offsets)+1, catalog, info, at)
	return w.Bytes()
}

// text is a text of people, in UTF-16 as PDF takes any.
func text(s string) string {
	codes := []byte{0xfe, 0xff}
	for _, unit := range utf16.Encode([]rune(s)) {
		codes = append(codes, byte(unit>>8), byte(unit))
	}
	return "<" + hex.EncodeToString(codes) + ">"
}

// literal is an address, which is of ASCII.
func literal(s string) string { return "<" + hex.EncodeToString([]byte(s)) + ">" }
