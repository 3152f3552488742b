package web

import (
	"cmp"
	"slices"
	"strings"
)

// A word of fewer letters is not taken for a misspelt one, nor is what sounds shorter
// taken for another's beginning: too many are alike.
const (
	minSpelled = 5
	minSound   = 3
)

// spelling is a word that a misspelt one may stand for: how it sounds, and in how many
// things it is found.
type spelling struct {
	word, sound string
	in          int
}

// meant is the word that one which finds nothing stands for: one that sounds the same,
// or begins so, or is a slip of the hand away; of several, that which is found in most.
// Where there is none it is the word itself.
func (x *index) meant(word string) string {
	sound := sounding(word)
	if len(sound) < minSound || strings.ContainsAny(word, "0123456789") {
		return word
	}
	stem := stemmed(sound)
	best, near := spelling{word: word}, 4
	for _, one := range x.spellings {
		var far int
		switch {
		case one.sound == sound:
			far = 1
		case strings.HasPrefix(one.sound, stem):
			far = 2
		case len(word) >= minSpelled && len(one.word) >= minSpelled-1 && slip(one.sound, sound):
			far = 3
		default:
			continue
		}
		if cmp.Or(cmp.Compare(far, near), cmp.Compare(best.in, one.in)) < 0 {
			best, near = one, far
		}
	}
	return best.word
}

// alike writes what sounds alike in the Spanish of Ecuador in one way: s, z and c before e
// and i; b and v; ll and y; g before e and i, and j; k, qu and c; doubled letters. The h is
// mute.
var alike = strings.NewReplacer(
	"ch", "C", "cce", "se", "cci", "si", "ce", "se", "ci", "si", "c", "k", "qu", "k", "q", "k", "z", "s", "ss", "s", "v", "b", "h", "",
	"ll", "y", "gue", "ge", "gui", "gi", "ge", "je", "gi", "ji", "rr", "r", "nn", "n", "mm", "m", "tt", "t", "ff", "f", "pp", "p",
)

// sounding is how a folded word sounds, without the s at its end, which many do not say
// and which is most often a plural's.
func sounding(word string) string { return strings.TrimSuffix(alike.Replace(word), "s") }

// slip reports whether a word becomes the other by one letter that is left out, put in,
// replaced, or changes places with the next.
func slip(a, b string) bool {
	if max(len(a), len(b))-min(len(a), len(b)) > 1 {
		return false
	}
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// spelled lists the words that find something: those of what can be found, and those that
// mean the same as one of them; and those that are ignored, whatever their spelling.
func (s *Server) spelled(entries []entry) []spelling {
	in := map[string]int{}
	for _, e := range entries {
		words := slices.Concat(e.named, e.known, e.words)
		slices.Sort(words)
		for _, word := range slices.Compact(words) {
			in[word]++
		}
	}
	for _, key := range s.Words.Keys() {
		if word, same := strings.CutPrefix(key, searchSame); same {
			in[word] = max(in[word], 1)
		}
	}
	for _, word := range folded(s.Words.Text("search.ignored")) {
		in[word] = 0 // they stand in every text
	}
	list := make([]spelling, 0, len(in))
	for word, n := range in {
		list = append(list, spelling{word, sounding(word), n})
	}
	slices.SortFunc(list, func(a, b spelling) int { return cmp.Compare(a.word, b.word) })
	return list
}
