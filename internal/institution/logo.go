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

// checkSVG takes a drawing and nothing else: whoever opens its address sees it as a
// document of the site, so it may hold no script and ask for no other file.
func checkSVG(content []byte) error {
	d := xml.NewDecoder(bytes.NewReader(content))
	root := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.New("is no SVG; save the drawing again as one")
		}
		element, ok := token.(xml.StartElement)
		if _, is := token.(xml.Directive); is {
			return errors.New("holds a <!DOCTYPE>; take that line out")
		}
		if !ok {
			continue
		}
		name := strings.ToLower(element.Name.Local)
		if root == "" {
			root = name
		}
		switch name {
		case "script", "foreignobject", "style", "image", "iframe", "a":
			return fmt.Errorf("holds the element %q; save it as a plain drawing, without it", name)
		}
		for _, a := range element.Attr {
			key, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
			outside := key == "href" && !strings.HasPrefix(value, "#") || strings.Contains(value, "url(") && !strings.Contains(value, "url(#")
			if strings.HasPrefix(key, "on") || key == "style" || outside {
				return fmt.Errorf("holds the attribute %q in %q; save it as a plain drawing, without it", key, name)
			}
		}
	}
	if root != "svg" {
		return errors.New("is no SVG; save the drawing again as one")
	}
	return nil
}
