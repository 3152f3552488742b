package credential

import (
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Document is the kind of document that a number stands on. The person says
// which one they have; it is never guessed from the number.
type Document string

// The documents, with the codes that forms send.
const (
	Cedula      Document = "cedula"     // identity card: ten digits
	ForeignCode Document = "extranjero" // identification code for foreigners: 6 to 15 letters or digits
	RUC         Document = "ruc"        // taxpayer number: thirteen digits
)

// Documents lists them in the order in which pages show them.
func Documents() []Document { return []Document{Cedula, ForeignCode, RUC} }

// ParseDocument takes the code of a document as forms send it. The refusal is
// Invalid, field "document", rule "choose".
func ParseDocument(s string) (Document, error) {
	for _, d := range Documents() {
		if string(d) == s {
			return d, nil
		}
	}
	return "", invalid("document", "choose")
}

// Number is the number of a person or an employer, with its document, in its
// one canonical form. It is personal: it prints and logs as its document and
// "•••". Numbers are comparable; two spellings of one number are equal.
type Number struct {
	document  Document
	canonical Text
}

// Document tells which document the number stands on.
func (n Number) Document() Document { return n.document }

// Reveal returns the canonical number: ten digits, thirteen digits with the
// establishment for a RUC, or the code in upper case.
func (n Number) Reveal() string { return n.canonical.Reveal() }

// SubjectKey returns what a subject's keyed hash is computed over: document,
// colon, number. All establishments of a RUC are one subject, so it stops there
// at the first ten digits. A RUC and the cédula inside it are two subjects. The
// key reveals the number; it is for hashing only.
func (n Number) SubjectKey() string {
	if n.IsZero() {
		return ""
	}
	return subjectKey(n.document, n.Reveal())
}

func subjectKey(document Document, number string) string {
	if document == RUC {
		number = number[:cedulaLength]
	}
	return string(document) + ":" + number
}

// IsZero reports whether n is no number.
func (n Number) IsZero() bool { return n == Number{} }

// String masks the number and leaves its document.
func (n Number) String() string {
	if n.IsZero() {
		return masked
	}
	return string(n.document) + " " + masked
}

// LogValue masks the number in structured logs.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// GoString masks the number for %#v.
func (n Number) GoString() string { return "credential.Number(" + n.String() + ")" }

const (
	// maxNumberTyped bounds what a person may type for a number, in code points:
	// far above the longest number with a separator after every digit.
	maxNumberTyped = 64

	cedulaLength  = 10
	rucLength     = 13
	codeMinLength = 6
	codeMaxLength = 15
)

// NumberRules lists every rule by which [ParseNumber] refuses the field
// "number", so that a test can ask for a sentence for each.
func NumberRules() []string {
	return []string{
		"empty", "length",
		"cedula_digits", "cedula_length", "cedula_province", "cedula_third_digit", "cedula_check_digit",
		"ruc_digits", "ruc_length", "ruc_province", "ruc_third_digit", "ruc_check_digit", "ruc_establishment",
		"code_characters", "code_length",
	}
}

// ParseNumber reads a number as a person typed it. Spaces, hyphens, dots and
// invisible characters are dropped, not punished; digits of other scripts are
// refused, so that a number has one canonical form and one counter. The
// refusals are Invalid, field "number", one of [NumberRules]; an unknown
// document is refused as by [ParseDocument].
//
// The check digit is help with typing: whether somebody has the number, only
// the register says. Where the numbers in use carry no reliable check digit (a
// RUC of a company, of a public entity, of a foreign resident), only the shape
// is looked at.
func ParseNumber(document Document, typed string) (Number, error) {
	s, err := canonicalNumber(document, typed)
	if err != nil {
		return Number{}, err
	}
	return Number{document, NewText(s)}, nil
}

// canonicalNumber is [ParseNumber] for whoever makes no Number of it.
func canonicalNumber(document Document, typed string) (string, error) {
	if _, err := ParseDocument(string(document)); err != nil {
		return "", err
	}
	// The first comparison keeps the counting itself bounded.
	if len(typed) > maxNumberTyped*utf8.UTFMax || utf8.RuneCountInString(typed) > maxNumberTyped {
		return "", invalid("number", "length")
	}
	s := strings.Map(dropSeparator, typed)
	if s == "" {
		return "", invalid("number", "empty")
	}
	var rule string
	switch document {
	case Cedula:
		rule = cedulaFault(s)
	case RUC:
		rule = rucFault(s)
	case ForeignCode:
		// Only ASCII is folded: the Kelvin sign must not become a K.
		s = strings.Map(upperASCII, s)
		rule = codeFault(s)
	}
	if rule != "" {
		return "", invalid("number", rule)
	}
	return s, nil
}

// dropSeparator drops what people and programs put between digits: spaces of
// any width, dashes of any length, dots, and the invisible format characters
// (zero-width, soft hyphen, direction marks) that come along when a number is
// copied. None of them can tell two numbers apart.
func dropSeparator(r rune) rune {
	switch {
	case r == '.', r == '\u2212', r == '\u2060',
		unicode.IsSpace(r), unicode.Is(unicode.Zs, r), unicode.Is(unicode.Pd, r), unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

func upperASCII(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}

// cedulaFault returns the rule that s breaks as a cédula, or "".
func cedulaFault(s string) string {
	switch {
	case !onlyDigits(s):
		return "cedula_digits"
	case len(s) != cedulaLength:
		return "cedula_length"
	case !isProvince(s[:2]):
		return "cedula_province"
	case s[2] > '6': // 6 is for foreign residents
		return "cedula_third_digit"
	case CheckDigit(s[:cedulaLength-1]) != s[cedulaLength-1]:
		return "cedula_check_digit"
	}
	return ""
}

// rucFault returns the rule that s breaks as a RUC, or "". The third digit says
// whose it is: 0 to 5 a natural person, whose first ten digits are a cédula; 6 a
// public entity or a natural person of foreign origin; 9 a company. The check
// digits of the last two are not looked at: numbers of recent years have none.
func rucFault(s string) string {
	switch {
	case !onlyDigits(s):
		return "ruc_digits"
	case len(s) != rucLength:
		return "ruc_length"
	case !isProvince(s[:2]):
		return "ruc_province"
	case s[2] == '7' || s[2] == '8':
		return "ruc_third_digit"
	case s[2] <= '5' && CheckDigit(s[:cedulaLength-1]) != s[cedulaLength-1]:
		return "ruc_check_digit"
	case s[cedulaLength:] == "000":
		// A public entity counts its establishments in four digits; three
		// zeros at the end refuse its 0000 too, and none has a thousand.
		return "ruc_establishment"
	}
	return ""
}

// codeFault returns the rule that s, already in upper case, breaks as an
// identification code for foreigners, or "". Its format is not public.
func codeFault(s string) string {
	for _, c := range []byte(s) {
		if !isDigit(c) && (c < 'A' || c > 'Z') {
			return "code_characters"
		}
	}
	if len(s) < codeMinLength || len(s) > codeMaxLength {
		return "code_length"
	}
	return ""
}

// isProvince reports whether two digits are a province of birth or issue: 01 to
// 24, or 30 for those registered abroad.
func isProvince(two string) bool {
	return "01" <= two && two <= "24" || two == "30"
}

// CheckDigit computes the tenth digit of a cédula, '0' to '9', from its first
// nine: module 10 with coefficients 2,1,2,1,2,1,2,1,2, nine subtracted from
// products above nine. Anything but nine ASCII digits gives 0, which is no
// digit.
func CheckDigit(nine string) byte {
	if len(nine) != cedulaLength-1 || !onlyDigits(nine) {
		return 0
	}
	sum := 0
	for i, c := range []byte(nine) {
		product := int(c-'0') * (2 - i%2)
		if product > 9 {
			product -= 9
		}
		sum += product
	}
	return byte('0' + (10-sum%10)%10)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func onlyDigits(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return !isDigit(c) })
}
