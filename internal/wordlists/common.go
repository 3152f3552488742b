package wordlists

import (
	"math"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Costs of the pieces a password is made of, in bits: the logarithm of how many
// a guesser tries before the right one. They are rough on purpose; only the sum
// is compared, with enough.
const (
	enough = 38.0 // below this the password is common

	letter   = 4.7  // log2 26
	digit    = 3.33 // log2 10, rounded up so that twelve digits pass
	symbol   = 5.0
	foreign  = 6.0  // a character of another script, an emoji
	entryMax = 20.0 // log2 of the entries of the list
	year     = 7.0  // 1900 to 2049
	date     = 15.0 // any day of a century
	leet     = 2.0  // "c0ntr4sen4" beside "contrasena"
	separate = 1.0  // one blank, hyphen, dot or underscore
	walk     = 6.0  // where a walk on the keyboard starts
	turn     = 2.5  // each change of its direction
	step     = 0.3  // each further key of a walk, sequence or repetition

	maxSeparate = 6.0 // however many separators: they are a habit, not a secret

	// maxLooked is how many characters are judged; a password may have 256
	// code points, and what comes after these adds nothing to the verdict.
	maxLooked = 128
)

// IsCommon reports whether a guesser who knows the list and people's habits
// would soon try the password: it is an entry of the list, or entries with
// years, dates, sequences, walks on the keyboard, repetitions and a few
// digits or symbols around, whatever the case, the accents, the separators and
// the usual replacements of letters by digits. Two unrelated words are the
// least that passes, so a phrase of words passes easily.
//
// It finds the cheapest way to write the password with such pieces and refuses
// what is cheaper than 38 bits: an entry is worth at most 20 of them, a date
// behind it 15 more. Random letters pass from nine characters on; of random
// digits alone twelve do not always, fourteen nearly always. The longest
// password takes less than a millisecond.
func (l *List) IsCommon(password string) bool {
	text, separators := squeeze(password)
	if len(text) == 0 {
		return true
	}
	if len(text) > maxLooked {
		text = text[:maxLooked]
	}
	return l.cost(text)+min(float64(separators)*separate, maxSeparate) < enough
}

// cost is the price of the cheapest division of text into pieces.
func (l *List) cost(text []rune) float64 {
	n := len(text)
	best := make([]float64, n+1)
	for i := range best[1:] {
		best[i+1] = math.Inf(1)
	}
	plainI, plainL := unleet(text, 'i'), unleet(text, 'l')
	for i := range n {
		offer := func(length int, price float64) {
			if to := i + length; best[i]+price < best[to] {
				best[to] = best[i] + price
			}
		}
		offer(1, single(text[i]))
		l.offerEntries(text[i:], 0, offer)
		l.offerEntries(plainI[i:], leet, offer)
		l.offerEntries(plainL[i:], leet, offer)
		offerDigits(text, i, offer)
		offerSequence(text[i:], offer)
		offerWalk(text[i:], offer)
		offerCopy(text, i, offer)
	}
	return best[n]
}

// offerEntries offers every entry of the list with which text begins.
func (l *List) offerEntries(text []rune, extra float64, offer func(int, float64)) {
	key, letters := uint64(fnvOffset), 0.0
	for length := 1; length <= min(len(text), maxEntry); length++ {
		key = addKey(key, text[length-1])
		letters += single(text[length-1])
		if length >= minEntry && l.filter.Contains(key) {
			offer(length, min(letters, entryMax)+extra)
		}
	}
}

// single is the price of one character that belongs to no piece.
func single(r rune) float64 {
	switch {
	case r >= 'a' && r <= 'z':
		return letter
	case r >= '0' && r <= '9':
		return digit
	case r < unicode.MaxASCII:
		return symbol
	}
	return foreign
}

// offerDigits offers a year, and a day written in six or eight digits, where a
// run of digits begins or ends: four digits that look like a year stand inside
// every other long number.
func offerDigits(text []rune, at int, offer func(int, float64)) {
	first := at == 0 || !isDigit(text[at-1])
	value, length := 0, 0
	for length < min(len(text)-at, 8) && isDigit(text[at+length]) {
		value = value*10 + int(text[at+length]-'0')
		length++
		last := at+length == len(text) || !isDigit(text[at+length])
		if !first && !last {
			continue
		}
		switch {
		case length == 4 && isYear(value):
			offer(4, year)
		case length == 6 && first && last && (isDay(value/10000, value/100%100) || isDay(value%100, value/100%100)):
			offer(6, date)
		case length == 8 && (isDay(value/1000000, value/10000%100) && isYear(value%10000) ||
			isDay(value%100, value/100%100) && isYear(value/10000)):
			offer(8, date)
		}
	}
}

func isYear(n int) bool       { return n >= 1900 && n < 2050 }
func isDay(d, month int) bool { return d >= 1 && d <= 31 && month >= 1 && month <= 12 }

// offerSequence offers "aaaa", "abcd", "4321", "2468": equal steps of at most
// two in the alphabet or, going round, in the digits.
func offerSequence(text []rune, offer func(int, float64)) {
	if len(text) < 4 {
		return
	}
	by, ok := between(text[0], text[1])
	if !ok {
		return
	}
	for length := 2; length < len(text); length++ {
		if next, ok := between(text[length-1], text[length]); !ok || next != by {
			return
		}
		if length < 3 {
			continue // three stand in a row in every other long number
		}
		offer(length+1, single(text[0])+math.Abs(float64(by))+1+step*float64(length+1))
	}
}

// between is the step from one character to the next, if it is a small one.
func between(from, to rune) (int, bool) {
	if from == to {
		return 0, true
	}
	by := int(to - from)
	if isDigit(from) && isDigit(to) { // 8, 9, 0, 1
		by = (by+10)%10 - 10*(((by+10)%10)/6)
	} else if !isLetter(from) || !isLetter(to) {
		return 0, false
	}
	return by, by >= -2 && by <= 2
}

func isDigit(r rune) bool  { return r >= '0' && r <= '9' }
func isLetter(r rune) bool { return r >= 'a' && r <= 'z' }

// rows are the letters and digits of the keyboard. The ñ beside the l is folded
// to n like every other and so stands where n does.
var rows = []string{"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"}

type place struct{ row, column int }

var places = func() map[rune]place {
	all := make(map[rune]place)
	for y, keys := range rows {
		for x, key := range keys {
			all[key] = place{y, x}
		}
	}
	return all
}()

// offerWalk offers a walk from key to neighbouring key, "qwertyuiop", "1qaz".
func offerWalk(text []rune, offer func(int, float64)) {
	at, ok := places[text[0]]
	if !ok {
		return
	}
	price, heading := walk, place{}
	for length := 1; length < len(text); length++ {
		to, ok := places[text[length]]
		move := place{to.row - at.row, to.column - at.column}
		if !ok || move.row*move.row > 1 || move.column*move.column > 1 {
			return
		}
		if length > 1 && move != heading {
			price += turn
		}
		at, heading = to, move
		if length >= 3 { // shorter walks stand in ordinary words
			offer(length+1, price+step*float64(length+1))
		}
	}
}

// offerCopy offers a piece of three or more characters that stood before, as in
// "mariposamariposa" and "abc1abc1abc1". It may run on into itself.
func offerCopy(text []rune, at int, offer func(int, float64)) {
	for from := range at {
		length := 0
		for at+length < len(text) && text[from+length] == text[at+length] {
			length++
		}
		if length >= 3 {
			offer(length, 3+math.Log2(float64(at+1))+step*float64(length))
		}
	}
}

// squeeze folds the text and leaves its separators out, counting them.
func squeeze(s string) (text []rune, separators int) {
	for _, r := range fold(s) {
		if unicode.IsSpace(r) || strings.ContainsRune("-_.,", r) {
			separators++
			continue
		}
		text = append(text, r)
	}
	return text, separators
}

// fold makes the case, the accents and the width of letters equal: "Ñandú" is
// "nandu". The builder and the reader share it; see [magic].
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(strings.ToValidUTF8(s, "")))
}

// unleet gives letters for the digits and symbols that people write in their
// place, one for each, so that positions stay. A one stands for i or for l.
func unleet(text []rune, one rune) []rune {
	plain := make([]rune, len(text))
	for i, r := range text {
		switch r {
		case '0':
			r = 'o'
		case '1', '!', '|':
			r = one
		case '3', '€':
			r = 'e'
		case '4', '@':
			r = 'a'
		case '5', '$':
			r = 's'
		case '7', '+':
			r = 't'
		case '8':
			r = 'b'
		case '9':
			r = 'g'
		}
		plain[i] = r
	}
	return plain
}

// The key of an entry is its 64-bit FNV-1a over code points, because it grows
// one character at a time. Two entries falling together would only refuse one
// password more.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func addKey(key uint64, r rune) uint64 { return (key ^ uint64(r)) * fnvPrime }

func keyOf(text []rune) uint64 {
	key := uint64(fnvOffset)
	for _, r := range text {
		key = addKey(key, r)
	}
	return key
}
