package credential

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

const (
	// minDifferent is how many different characters a clave needs.
	minDifferent = 5
	// minBeside is how many characters a clave needs beside own data.
	minBeside = 8
	// minOwn is the shortest piece of own data that is looked for in a clave.
	minOwn = 3
)

// Password is a clave as typed, in NFC: opaque, and masked wherever it prints.
// Only [ParsePassword] makes one; the zero Password is no clave.
type Password struct{ text Text }

// Reveal returns the clave itself, for the hash and for nothing else.
func (p Password) Reveal() string { return p.text.Reveal() }

// IsZero reports whether p is no clave.
func (p Password) IsZero() bool { return p.text.IsZero() }

// String masks the clave.
func (p Password) String() string { return masked }

// GoString masks the clave for %#v.
func (p Password) GoString() string { return "credential.Password(•••)" }

// LogValue masks the clave in structured logs.
func (p Password) LogValue() slog.Value { return slog.StringValue(masked) }

// Blocklist knows the passwords that a guesser tries first.
type Blocklist interface {
	// IsCommon reports whether the password is among them, or close to one.
	IsCommon(password string) bool
}

// PasswordRules lists the rules by which [ParsePassword] and [CheckPassword]
// refuse, all about the field "password", so that a test can ask for a sentence
// for each.
func PasswordRules() []string {
	return []string{"empty", "not_text", "too_short", "too_long", "simple", "common", "own_data"}
}

// ParsePassword takes a clave as typed. Any characters are allowed, blanks at
// the ends too, and none is required; composed and decomposed accents are the
// same clave, whatever the keyboard sends. Its length in code points is at
// least least and at most most (policy password_min, password_max). It refuses
// as Invalid, field "password", with the first of [PasswordRules] up to
// "too_long" that holds.
//
// At log-in pass 1 as least: a clave may be older than today's minimum.
func ParsePassword(typed string, least, most int) (Password, error) {
	// A code point of NFC comes from at most four typed ones (Unicode, UAX 15), so
	// what is longer than this is too long whatever it becomes, and the normaliser
	// never sees a body full of accents.
	tooMany := 4 * utf8.UTFMax * most
	switch {
	case typed == "":
		return Password{}, invalid("password", "empty")
	case len(typed) > tooMany:
		return Password{}, invalid("password", "too_long")
	case !utf8.ValidString(typed):
		return Password{}, invalid("password", "not_text")
	}
	text := norm.NFC.String(typed)
	switch length := utf8.RuneCountInString(text); {
	case length < least:
		return Password{}, invalid("password", "too_short")
	case length > most:
		return Password{}, invalid("password", "too_long")
	}
	return Password{NewText(text)}, nil
}

// CheckPassword refuses a new clave that somebody would guess: "simple" (fewer
// than five different characters, or one pattern over and over), "common" (see
// [Blocklist]) or "own_data" (fewer than eight characters beside what is known
// about the person). Only one who has proved to be the person may see the last
// answer: it confirms own data. The error is Invalid, field "password".
func CheckPassword(p Password, about OwnData, common Blocklist) error {
	typed := p.Reveal()
	switch {
	case isSimple(typed):
		return invalid("password", "simple")
	case common.IsCommon(typed):
		return invalid("password", "common")
	case isOwnData(typed, about.Fragments()):
		return invalid("password", "own_data")
	}
	return nil
}

// isSimple reports whether the clave is made of few characters or is a pattern
// repeated, its last turn cut or not.
func isSimple(typed string) bool {
	text := []rune(foldCase(typed))
	different := make(map[rune]bool)
	for _, r := range text {
		different[r] = true
	}
	if len(different) < minDifferent {
		return true
	}
	for period := 1; period <= len(text)/2; period++ {
		repeats := true
		for i := period; i < len(text) && repeats; i++ {
			repeats = text[i] == text[i-period]
		}
		if repeats {
			return true
		}
	}
	return false
}

// isOwnData reports whether the clave holds pieces of own data and little
// else. Pieces are found across blanks and the marks in dates, and with digits
// in the place of letters («m4r1a»). Beside them count letters, digits, and
// each different symbol once.
func isOwnData(typed string, fragments []string) bool {
	var plain, letters []rune
	for _, r := range foldCase(typed) {
		if unicode.Is(unicode.M, r) || unicode.IsSpace(r) || strings.ContainsRune("-_.,/", r) {
			continue
		}
		plain = append(plain, r)
		letters = append(letters, asLetter(r))
	}
	own := make([]bool, len(plain))
	found := false
	for _, f := range fragments {
		piece := []rune(f)
		if len(piece) < minOwn {
			continue
		}
		for i := 0; i+len(piece) <= len(plain); i++ {
			if string(plain[i:i+len(piece)]) == f || string(letters[i:i+len(piece)]) == f {
				found = true
				for j := range piece {
					own[i+j] = true
				}
			}
		}
	}
	if !found {
		return false
	}
	beside, symbols := 0, make(map[rune]bool)
	for i, r := range plain {
		switch {
		case own[i]:
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			beside++
		default:
			symbols[r] = true
		}
	}
	return beside+len(symbols) < minBeside
}

// asLetter is the letter that people replace by r.
func asLetter(r rune) rune {
	switch r {
	case '0':
		return 'o'
	case '1', '!':
		return 'i'
	case '3', '€':
		return 'e'
	case '4', '@':
		return 'a'
	case '5', '$':
		return 's'
	case '7':
		return 't'
	}
	return r
}

// HashParams are the costs of argon2id (RFC 9106), always with one lane: the
// gate runs one hash a core, so lanes would only compete.
type HashParams struct {
	MemoryKiB uint32 // memory of one hash in KiB
	Passes    uint32 // passes over that memory
}

// Bounds of the parameters that are written, and of those that are read: a
// string from elsewhere must not make one check eat the machine.
const (
	minMemoryKiB = 8 // RFC 9106, 3.1: eight blocks a lane
	maxMemoryKiB = 256 << 10
	maxPasses    = 10

	saltBytes = 16 // RFC 9106, 3.1: recommended for passwords
	keyBytes  = 32
	maxPHC    = 256 // bytes of a PHC string that are looked at
)

// Hash hashes a secret with a new salt and returns a PHC string,
// "$argon2id$v=19$m=19456,t=2,p=1$salt$key". Parameters out of bounds are taken
// as the nearest bound, so that what is written can always be verified.
//
// golang.org/x/crypto/argon2 allocates MemoryKiB anew on each call and offers no
// way to reuse it. Call it only inside the [Gate], which bounds how many of
// these allocations live at once; the collector frees them between.
func (p HashParams) Hash(secret []byte) string {
	p = p.bounded()
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	return p.phc(salt, argon2.IDKey(secret, salt, p.Passes, p.MemoryKiB, 1, keyBytes))
}

// Dummy returns a well-formed hash with these parameters that no secret
// matches: its key is random. Verifying against it costs what verifying a
// person's costs, so people who do not exist take as long to refuse. Making
// it costs nothing.
func (p HashParams) Dummy() string {
	random := make([]byte, saltBytes+keyBytes)
	rand.Read(random)
	return p.bounded().phc(random[:saltBytes], random[saltBytes:])
}

// Outdated reports whether a hash was made with other parameters than these,
// and should be made again when its secret is next at hand. What is no hash at
// all is outdated too.
func (p HashParams) Outdated(phc string) bool {
	h, ok := parsePHC(phc)
	return !ok || h.params != p.bounded() || h.lanes != 1 || len(h.salt) != saltBytes || len(h.key) != keyBytes
}

// VerifyHash reports whether the secret is the one that was hashed, comparing
// in constant time. It uses the parameters in the string, up to 256 MiB and ten
// passes; a string that is beyond them or no argon2id hash matches nothing and
// costs nothing, so stored strings must be ours. Like [HashParams.Hash], call
// it inside the [Gate].
func VerifyHash(phc string, secret []byte) bool {
	h, ok := parsePHC(phc)
	if !ok {
		return false
	}
	key := argon2.IDKey(secret, h.salt, h.params.Passes, h.params.MemoryKiB, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

func (p HashParams) bounded() HashParams {
	return HashParams{
		MemoryKiB: min(max(p.MemoryKiB, minMemoryKiB), maxMemoryKiB),
		Passes:    min(max(p.Passes, 1), maxPasses),
	}
}

func (p HashParams) phc(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, p.MemoryKiB, p.Passes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// storedHash is a PHC string taken apart.
type storedHash struct {
	params    HashParams
	lanes     uint8
	salt, key []byte
}

// parsePHC takes an argon2id PHC string apart if it is well formed, with the
// parameters in the order m, t, p, and within the bounds.
func parsePHC(phc string) (storedHash, bool) {
	if len(phc) > maxPHC || strings.ContainsAny(phc, "\r\n") { // base64 passes over line ends
		return storedHash{}, false
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return storedHash{}, false
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return storedHash{}, false
	}
	lanes, ok := cost(costs[2], "p=", 1, 4)
	if !ok {
		return storedHash{}, false
	}
	memory, okMemory := cost(costs[0], "m=", minMemoryKiB*lanes, maxMemoryKiB)
	passes, okPasses := cost(costs[1], "t=", 1, maxPasses)
	// Strict refuses stray bits at the end: one hash, one string.
	encoding := base64.RawStdEncoding.Strict()
	salt, errSalt := encoding.DecodeString(parts[4])
	key, errKey := encoding.DecodeString(parts[5])
	if !okMemory || !okPasses || errSalt != nil || errKey != nil ||
		len(salt) < 8 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return storedHash{}, false
	}
	return storedHash{HashParams{memory, passes}, uint8(lanes), salt, key}, true
}

// cost reads one parameter, written as we write it: no sign, no leading zero.
func cost(text, name string, least, most uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, false
	}
	return uint32(n), uint32(n) >= least && uint32(n) <= most
}
