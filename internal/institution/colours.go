package institution

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"aldaba/internal/settings"
)

// Colour is one of the sRGB space.
type Colour struct{ R, G, B uint8 }

// String gives the colour as style sheets write it, "#rrggbb".
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// Palette is the institution's own colours, for light or for dark screens. The
// last three are made from the others.
type Palette struct {
	Masthead, MastheadText Colour
	Accent, AccentText     Colour // lines; the number of a step
	Link                   Colour
	Button, ButtonText     Colour

	LinkHover, ButtonHover, ButtonShadow Colour
}

// What a colour must stand out from (WCAG 2.2, 1.4.3 for text and 1.4.11 for what
// is no text), as a ratio of luminances.
const (
	textContrast = 4.5
	lineContrast = 3.0
)

// grounds are what text stands on in the program's own styles
// (assets/src/_palette.scss; a test holds them together).
type grounds struct {
	page, raised, footer, warn Colour
	hover                      Colour // towards which a link goes under the pointer
}

var (
	lightGrounds = grounds{page: rgb(0xffffff), raised: rgb(0xeef3f3), footer: rgb(0xeef3f3), warn: rgb(0xfff3d6), hover: rgb(0x000000)}
	darkGrounds  = grounds{page: rgb(0x111b1e), raised: rgb(0x1a272b), footer: rgb(0x0a1113), warn: rgb(0x33270b), hover: rgb(0xffffff)}
)

func rgb(n uint32) Colour { return Colour{uint8(n >> 16), uint8(n >> 8), uint8(n)} }

var hexColour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// palette reads a table of colours; nil where there is none, or something is wrong.
func (s source) palette(table string, on grounds) *Palette {
	var p Palette
	keys := []struct {
		name, example string
		to            *Colour
	}{
		{"masthead", "#0b4f5c", &p.Masthead}, {"masthead_text", "#ffffff", &p.MastheadText},
		{"accent", "#d9652b", &p.Accent}, {"accent_text", "#a34312", &p.AccentText},
		{"link", "#0a5c6e", &p.Link}, {"button", "#0b5c6b", &p.Button}, {"button_text", "#ffffff", &p.ButtonText},
	}
	// A palette that is begun is whole: half of one would stand on colours that it
	// was not held against.
	needed, before := s.HasTable(table), s.Count()
	for _, k := range keys {
		text, ok := s.text(table+"."+k.name, needed, k.example, maxName)
		if !ok {
			continue
		}
		if !hexColour.MatchString(text) {
			s.Wrong(table+"."+k.name, "%q is no colour; write such as %q", settings.Printable(text), k.example)
			continue
		}
		n, _ := strconv.ParseUint(text[1:], 16, 24) // six digits, as the expression says
		*k.to = rgb(uint32(n))
	}
	if !needed || s.Count() > before || s.Broken() {
		return nil
	}
	for _, pair := range []struct {
		name   string
		colour Colour
		on     Colour
		what   string
		least  float64
	}{
		{"masthead_text", p.MastheadText, p.Masthead, "masthead", textContrast},
		{"accent", p.Accent, on.page, "the page", lineContrast},
		{"accent_text", p.AccentText, on.page, "the page", textContrast},
		{"link", p.Link, on.page, "the page", textContrast},
		{"link", p.Link, on.raised, "boxes", textContrast},
		{"link", p.Link, on.footer, "the footer", textContrast},
		{"link", p.Link, on.warn, "warnings", textContrast},
		{"button", p.Button, on.page, "the page", lineContrast},
		{"button_text", p.ButtonText, p.Button, "button", textContrast},
	} {
		if got := contrast(pair.colour, pair.on); got < pair.least {
			s.Wrong(table+"."+pair.name, "%s on %s (%s) has a contrast of %.1f:1; write one with at least %.1f:1",
				pair.colour, pair.on, pair.what, math.Floor(got*10)/10, pair.least)
			break
		}
	}
	// Away from the text, so that the contrast only grows.
	away := rgb(0x000000)
	if luminance(p.ButtonText) < luminance(p.Button) {
		away = rgb(0xffffff)
	}
	p.ButtonHover, p.ButtonShadow = mix(p.Button, away, 0.25), mix(p.Button, rgb(0x000000), 0.5)
	p.LinkHover = mix(p.Link, on.hover, 0.4)
	return &p
}

// mix goes a share of the way from one colour to another.
func mix(from, to Colour, share float64) Colour {
	part := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-share) + float64(b)*share)) }
	return Colour{part(from.R, to.R), part(from.G, to.G), part(from.B, to.B)}
}

// contrast is the ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").
func contrast(a, b Colour) float64 {
	high, low := luminance(a), luminance(b)
	if high < low {
		high, low = low, high
	}
	return (high + 0.05) / (low + 0.05)
}

// luminance is how bright a colour is, from 0 to 1 (WCAG 2.2, "relative luminance").
func luminance(c Colour) float64 {
	part := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
}
