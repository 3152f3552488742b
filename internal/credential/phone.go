package credential

import "strings"

// The digits that a telephone number has: of a national number at least seven,
// of an international one at most fifteen (ITU-T E.164).
const (
	minPhone = 7
	maxPhone = 15
)

// ParsePhone reads a telephone number as typed, with spaces, hyphens, dots and
// brackets anywhere and a plus in front: it gives the digits, after a plus where
// there was one. Nothing typed is no number, and taken. The refusal is Invalid
// "phone" "shape".
func ParsePhone(typed string) (Text, error) {
	if len(typed) > 64 {
		return Text{}, invalid("phone", "shape")
	}
	phone := strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "\u00a0", "").Replace(strings.TrimSpace(typed))
	digits := strings.TrimPrefix(phone, "+")
	switch {
	case phone == "":
		return Text{}, nil
	case len(digits) < minPhone, len(digits) > maxPhone, strings.Trim(digits, "0123456789") != "":
		return Text{}, invalid("phone", "shape")
	}
	return NewText(phone), nil
}

// maskPhone shows the last three digits of a telephone number; nothing of none.
func maskPhone(phone Text) string {
	text := phone.Reveal()
	if len(text) < minPhone {
		return ""
	}
	return "•••" + text[len(text)-3:]
}
