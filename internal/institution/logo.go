package institution

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"aldaba/internal/settings"
)

// Logo is the picture in the head of every page. The zero Logo is none.
type Logo struct {
	File    string // "logo.svg" or "logo.png", whatever it was called
	Content []byte
}

const (
	// maxLogo bounds the file: it is loaded by every first visit, on any telephone.
	maxLogo = 32 << 10
	// maxLogoSide bounds a picture of dots, in each direction.
	maxLogoSide = 1000
)

// logo reads the picture that the file names, if any.
func (s source) logo(folder fs.FS) Logo {
	const key = "logo"
	name, ok := s.text(key, false, "logo.svg", maxName)
	if !ok {
		return Logo{}
	}
	kind := strings.ToLower(path.Ext(name))
	if !fs.ValidPath(name) || kind != ".svg" && kind != ".png" {
		s.Wrong(key, "%q is no picture of this folder; write the name of an SVG or PNG file in it", settings.Printable(name))
		return Logo{}
	}
	content, err := readFile(folder, name, maxLogo)
	if err != nil {
		s.Wrong(key, "%s cannot be read (%v); write the name of an SVG or PNG file in this folder", settings.Printable(name), err)
		return Logo{}
	}
	if kind == ".svg" {
		err = checkSVG(content)
	} else {
		err = checkPNG(content)
	}
	if err != nil {
		s.Wrong(key, "%s %v", settings.Printable(name), err)
		return Logo{}
	}
	return Logo{"logo" + kind, content}
}

func checkPNG(content []byte) error {
	head, err := png.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return errors.New("is no PNG; save the picture again as one")
	}
	if head.Width > maxLogoSide || head.Height > maxLogoSide {
		return fmt.Errorf("has %d by %d dots; make it at most %d by %[3]d", head.Width, head.Height, maxLogoSide)
	}
	return nil
}

// svgSpace and xlinkSpace are the namespaces of a drawing and of its links.
const (
	svgSpace   = "http://www.w3.org/2000/svg"
	xlinkSpace = "http://www.w3.org/1999/xlink"
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
)

// drawn are the elements that a drawing may hold: shapes and texts, what groups and
// names them, and what paints, cuts or repeats them. None of them runs, moves, or asks
// for another file but by an attribute that [plain] refuses.
var drawn = []string{
	"svg", "g", "defs", "symbol", "use", "title", "desc",
	"path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath",
	"linearGradient", "radialGradient", "stop", "pattern", "clipPath", "mask", "marker",
}

// functions are what an attribute's value may call, besides url of the drawing itself.
var functions = []string{"matrix", "translate", "scale", "rotate", "skewX", "skewY", "rgb", "rgba", "hsl", "hsla"}

var (
	call     = regexp.MustCompile(`([\p{L}\p{N}_-]+)\(`)
	ownPaint = regexp.MustCompile(`url\(#[\w.:-]+\)`)
)

const noSVG = "is no SVG; save the drawing again as one"

// checkSVG takes a drawing and nothing else: whoever opens its address sees it as a
// document of the site, so it may hold no script and ask for no other file. What is not
// known to be harmless is refused.
func checkSVG(content []byte) error {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	for depth, begun := 0, false; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && begun {
			return nil
		}
		if err != nil {
			return errors.New(noSVG)
		}
		switch token := token.(type) {
		case xml.Directive:
			return errors.New("holds a <!DOCTYPE>; take that line out")
		case xml.ProcInst:
			if token.Target != "xml" {
				return fmt.Errorf("holds <?%s?>; take that line out", settings.Printable(token.Target))
			}
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(token)) > 0 {
				return errors.New(noSVG)
			}
		case xml.StartElement:
			if depth == 0 && (begun || token.Name != xml.Name{Space: svgSpace, Local: "svg"}) {
				return errors.New(noSVG)
			}
			depth, begun = depth+1, true
			err = checkElement(token)
			if err != nil {
				return err
			}
		case xml.EndElement:
			depth--
		}
	}
}

func checkElement(e xml.StartElement) error {
	name := settings.Printable(e.Name.Local)
	if e.Name.Space != svgSpace {
		return fmt.Errorf("holds the element \"%s\" of %q, which is not of a drawing; save it as a plain SVG, without it", name, settings.Printable(e.Name.Space))
	}
	if !slices.Contains(drawn, e.Name.Local) {
		return fmt.Errorf("holds the element \"%s\"; save it as a plain drawing, of no elements but %s", name, strings.Join(drawn, ", "))
	}
	for _, a := range e.Attr {
		if !plain(a) {
			return fmt.Errorf("holds the attribute \"%s\" in \"%s\", which may run, style or ask for another file; save it as a plain drawing, without it", settings.Printable(a.Name.Local), name)
		}
	}
	return nil
}

// plain reports whether an attribute says how to draw, and no more.
func plain(a xml.Attr) bool {
	switch a.Name.Space {
	case "xmlns": // declares a prefix; what bears it is judged by itself
		return true
	case xmlSpace:
		return a.Name.Local == "space" || a.Name.Local == "lang"
	case xlinkSpace:
		return a.Name.Local == "href" && strings.HasPrefix(a.Value, "#")
	case "":
	default:
		return false
	}
	name := strings.ToLower(a.Name.Local)
	switch {
	case name == "href":
		return strings.HasPrefix(a.Value, "#")
	case strings.HasPrefix(name, "on"), name == "style", name == "src":
		return false
	case strings.Contains(a.Value, `\`): // it may hide a letter of url
		return false
	}
	for _, found := range call.FindAllStringSubmatch(ownPaint.ReplaceAllString(a.Value, ""), -1) {
		if !slices.Contains(functions, found[1]) {
			return false
		}
	}
	return true
}
