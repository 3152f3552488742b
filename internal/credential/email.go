package credential

import (
	"log/slog"
	"slices"
	"strings"
	"unicode"
)

// Email is an address that mail can be sent to: ASCII, the local part as typed,
// the domain in lower case. It is personal and prints and logs as "•••". Emails
// are comparable, but two spellings of one address need [Email.Key].
type Email struct{ address Text }

const (
	maxEmail      = 254 // RFC 5321 4.5.3.1.3, path less its two brackets
	maxEmailLocal = 64  // RFC 5321 4.5.3.1.1
	maxLabel      = 63  // RFC 1035 2.3.4

	// maxEmailTyped bounds in bytes what is looked at before trimming.
	maxEmailTyped = 1024
)

// EmailRules lists every rule by which [ParseEmail] refuses the field "email",
// so that a test can ask for a sentence for each.
func EmailRules() []string { return []string{"empty", "length", "characters", "shape", "domain"} }

// ParseEmail reads an address as a person typed it. Spaces around it are
// dropped. Everything beyond printable ASCII is refused, not folded: no accent,
// look-alike letter or invisible character can make one address pass for
// another's (security case S12). The refusals are Invalid, field "email", one
// of [EmailRules]:
//
//   - empty: nothing was typed
//   - length: above 254 characters, or 64 before the @
//   - characters: an accent, a space, a quote, anything that mail does not take
//   - shape: not one @ with something on both sides, or dots that lead, trail or repeat
//   - domain: what follows the @ is no name of the Internet with a dot in it
//
// Quoted local parts and numeric addresses are refused although RFC 5321 has
// them: no person has one.
func ParseEmail(typed string) (Email, error) {
	s, err := canonicalEmail(typed)
	if err != nil {
		return Email{}, err
	}
	return Email{NewText(s)}, nil
}

// canonicalEmail is [ParseEmail] for whoever makes no Email of it.
func canonicalEmail(typed string) (string, error) {
	if len(typed) > maxEmailTyped {
		return "", invalid("email", "length")
	}
	s := strings.TrimFunc(typed, unicode.IsSpace)
	if s == "" {
		return "", invalid("email", "empty")
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || strings.IndexByte(`"(),:;<>\`, c) >= 0 {
			return "", invalid("email", "characters")
		}
	}
	local, domain, found := strings.Cut(s, "@")
	switch {
	case !found, local == "", domain == "", strings.Contains(domain, "@"):
		return "", invalid("email", "shape")
	case len(s) > maxEmail, len(local) > maxEmailLocal:
		return "", invalid("email", "length")
	case badDots(local), badDots(domain):
		return "", invalid("email", "shape")
	case strings.ContainsAny(local, "[]"):
		return "", invalid("email", "characters")
	}
	domain = strings.ToLower(domain)
	if !isDomain(domain) {
		return "", invalid("email", "domain")
	}
	return local + "@" + domain, nil
}

// badDots reports dots that lead, trail or follow one another.
func badDots(s string) bool {
	return s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..")
}

// isDomain reports whether s, in lower case, is a host name of at least two
// labels whose last is no number. Names in other alphabets come in as xn--.
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !isDigit(c) && (c < 'a' || c > 'z') && c != '-' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return len(last) >= 2 && !isDigit(last[0])
}

// Reveal returns the address as mail is sent to it: the local part as typed,
// since RFC 5321 leaves its case to the server that receives.
func (e Email) Reveal() string { return e.address.Reveal() }

// Key returns what two addresses are compared by: the whole in lower case, for
// no mail service tells two people apart by case.
func (e Email) Key() string { return strings.ToLower(e.Reveal()) }

// Mailbox returns the canonical mailbox, for the cap on people per mailbox and
// nothing else: lower case, without plus-tag, dots of the local part folded,
// googlemail.com as gmail.com. Two addresses with one Mailbox may belong to two
// people at services that tell dots apart, so it never decides whose an address
// is.
func (e Email) Mailbox() string {
	if e.IsZero() {
		return ""
	}
	local, domain, _ := strings.Cut(e.Key(), "@")
	if i := strings.IndexByte(local, '+'); i > 0 {
		local = local[:i]
	}
	local = strings.ReplaceAll(local, ".", "")
	if domain == "googlemail.com" {
		domain = "gmail.com"
	}
	return local + "@" + domain
}

// IsZero reports whether e is no address.
func (e Email) IsZero() bool { return e == Email{} }

// String masks the address wholly; for pages there is [Email.Mask].
func (e Email) String() string { return masked }

// LogValue masks the address in structured logs.
func (e Email) LogValue() slog.Value { return slog.StringValue(masked) }

// GoString masks the address for %#v.
func (e Email) GoString() string { return "credential.Email(•••)" }

// commonDomains are those that most people here have their mail at. A masked
// address may show one of them, because it names nobody.
var commonDomains = []string{
	"gmail.com", "hotmail.com", "outlook.com", "outlook.es", "yahoo.com", "yahoo.es", "live.com", "icloud.com", "hotmail.es",
}

// maskDots stands for everything hidden, of whatever length.
const maskDots = "•••••"

// Mask returns the address as its owner recognises it and nobody else learns
// it: the first letter, dots that do not tell the length, and the domain, itself
// dots unless it is one of the commonest. An Email that is zero gives "".
func (e Email) Mask() string {
	if e.IsZero() {
		return ""
	}
	local, domain, _ := strings.Cut(e.Reveal(), "@")
	if !slices.Contains(commonDomains, domain) {
		domain = maskDots
	}
	return local[:1] + maskDots + "@" + domain
}

// OwnerMask is [Email.Mask] for a page that only the owner sees, known in person:
// with the last letter and the domain, by which one tells addresses of one's own
// apart. It is not the whole address, which whoever finds a session open could
// write to (ASVS 5.0, 14.2.6).
func (e Email) OwnerMask() string {
	if e.IsZero() {
		return ""
	}
	local, domain, _ := strings.Cut(e.Reveal(), "@")
	last := ""
	if len(local) > 3 {
		last = local[len(local)-1:]
	}
	return local[:1] + maskDots + last + "@" + domain
}

// plausibleDomains are real mail domains within a typo of a common one, about
// which nobody is asked whether they meant another.
var plausibleDomains = []string{
	"aol.com", "cloud.com", "email.com", "gail.com", "gmx.com", "gmx.es", "gmx.net", "googlemail.com", "hotmart.com",
	"live.com.ar", "live.com.mx", "live.com.pt", "mail.com", "me.com", "msn.com", "proton.me", "protonmail.com",
	"rocketmail.com", "ymail.com",
}

// Suggestion returns the whole address with its domain corrected, where the
// domain looks like one of the commonest mistyped («¿quiso decir gmail.com?»).
// It is a question to the person, never a correction made for them: the answer
// reveals the address and is false where there is nothing to ask.
func (e Email) Suggestion() (string, bool) {
	local, domain, _ := strings.Cut(e.Reveal(), "@")
	if domain == "" || slices.Contains(commonDomains, domain) || slices.Contains(plausibleDomains, domain) {
		return "", false
	}
	name, suffix, _ := strings.Cut(domain, ".")
	meantName, ok := meantProvider(name)
	if !ok {
		return "", false
	}
	meantSuffix, ok := meantSuffix(suffix, meantName)
	if !ok {
		return "", false
	}
	meant := meantName + "." + meantSuffix
	if meant == domain {
		return "", false
	}
	corrected, err := ParseEmail(local + "@" + meant)
	if err != nil { // the corrected domain may be the longer one
		return "", false
	}
	return corrected.Reveal(), true
}

// meantProvider returns the common provider that name is, or is a typo of. How
// far a typo may be depends on how long the name is: short names have real
// neighbours (mail, five, cloud), long ones have not.
func meantProvider(name string) (string, bool) {
	providers := []struct {
		name  string
		typos int
	}{{"gmail", 1}, {"hotmail", 2}, {"outlook", 2}, {"yahoo", 1}, {"live", 0}, {"icloud", 1}}
	for _, p := range providers {
		distance := typoDistance(name, p.name)
		if distance == 0 {
			return p.name, true
		}
		if distance > p.typos {
			continue
		}
		// Most typos spare the first letter, most real names that resemble a
		// provider do not (ymail, tmail); one swap at the start is a typo.
		sameStart := name[0] == p.name[0] || name[0] == p.name[1] && len(name) > 1 && name[1] == p.name[0]
		if sameStart || distance == 1 && len(p.name) > 6 {
			return p.name, true
		}
	}
	return "", false
}

// meantSuffix returns the ending that was meant after a provider's name. No
// provider has addresses under .ec or .com.ec; gmail and icloud have them under
// .com alone.
func meantSuffix(suffix, provider string) (string, bool) {
	switch suffix {
	case "com", "ec", "com.ec", "com.com", "co.com":
		return "com", true
	case "es":
		if slices.Contains(commonDomains, provider+".es") {
			return "es", true
		}
	case "com.es":
		return "com", true
	}
	if typoDistance(suffix, "com") <= 1 {
		return "com", true
	}
	if (provider == "gmail" || provider == "icloud") && !strings.Contains(suffix, ".") {
		return "com", true
	}
	return "", false
}

// typoDistance counts the typing mistakes between two ASCII strings: a letter
// missing, added, wrong, or two neighbours swapped (optimal string alignment).
// Strings whose lengths differ by more than two are simply far apart, which
// keeps the table small.
func typoDistance(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 3
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
