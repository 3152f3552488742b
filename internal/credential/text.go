package credential

import (
	"log/slog"
	"strings"
	"unicode"
	"unique"
)

// masked is what every personal value prints as.
const masked = "•••"

// Text is a piece of personal data: a name, an answer, an address. It prints
// and logs as "•••" wherever it stands, inside an unexported field too, because
// the value sits behind a handle that fmt and slog cannot look through. The
// zero Text is empty. Texts are comparable.
type Text struct{ h unique.Handle[string] }

// NewText wraps s.
func NewText(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{unique.Make(s)}
}

// Reveal returns the value itself. Every use is a decision to show or compare
// personal data; grep for Reveal() to review them all.
func (t Text) Reveal() string {
	if t == (Text{}) {
		return ""
	}
	return t.h.Value()
}

// IsZero reports whether the text is empty.
func (t Text) IsZero() bool { return t == Text{} }

// String masks the value.
func (t Text) String() string { return masked }

// LogValue masks the value in structured logs.
func (t Text) LogValue() slog.Value { return slog.StringValue(masked) }

// GoString masks the value for %#v.
func (t Text) GoString() string { return "credential.Text(•••)" }

// MaxLetter bounds what people write to the institution, a complaint or a request about
// their data, in code points: a page of a letter.
const MaxLetter = 2000

// joiner joins the characters of one emoji; it is the only one that cannot
// be seen and has a use in a text.
const joiner = '\u200d'

// inertText takes what somebody wrote in several lines and leaves what can be seen:
// lines and spaces of one kind, no control characters, none that turn the direction
// of writing. It refuses nothing: what a telephone or a word processor puts between
// the letters is not the writer's doing. It is empty where nothing can be seen.
func inertText(typed string) string {
	typed = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(strings.ToValidUTF8(typed, "\ufffd"))
	inert := strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || unicode.Is(unicode.Zs, r):
			return ' '
		case r != joiner && r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)):
			return -1
		}
		return r
	}, typed)
	return strings.Trim(inert, " \n"+string(joiner))
}
