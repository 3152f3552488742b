package credential

import (
	"log/slog"
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
