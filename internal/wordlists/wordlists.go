// Package wordlists holds the two embedded lists behind the rules for a clave:
// the common and breached passwords that are refused, and the plain Spanish
// words of which a proposed phrase is made.
//
// common.bin is a binary fuse filter: a set that answers "is it in there?" in
// two bytes an entry and cannot be read back. It never misses an entry; about
// one string in 65,000 that is not an entry passes for one. Eight-bit
// fingerprints would halve the file, but [List.IsCommon] looks up some hundred
// pieces of each password, and at one in 256 every other good password would
// contain a false word; at one in 65,000 a good password is refused by chance
// about once in ten thousand times, and the next try is a different one.
//
// «make assets» builds it again with
//
//	(cd internal/wordlists/source && npm ci)
//	go run ./internal/wordlists/build SOURCE...
//
// and the same sources give the same bytes. phrase.txt and
// source/spanish.txt (words, names, places and clubs that people of Ecuador
// use in passwords) are written by hand.
package wordlists

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/FastFilter/xorfilter"
)

//go:embed common.bin
var commonFile []byte

//go:embed phrase.txt
var phraseFile string

const (
	// minEntry is the shortest entry worth keeping, in characters: shorter
	// ones cost a guesser as much letter by letter.
	minEntry = 4
	// maxEntry bounds the pieces that are looked up. Longer entries of the
	// sources are left out; nobody's habits are that long.
	maxEntry = 40
	// phraseWords is how many words a proposed phrase has. With the 2,300
	// words of phrase.txt four are 44.7 bits.
	phraseWords = 4
	// minPhraseWords is the fewest words phrase.txt may have: four of 2,048
	// are 44 bits.
	minPhraseWords = 2048
	// minPhrase is the shortest phrase that is proposed, in characters: it
	// passes every preset's minimum.
	minPhrase = 16
)

// magic begins common.bin; its last byte is the version of the format and of
// [fold], which must agree between the builder and the reader.
const magic = "ALDWORD\x01"

// List answers both questions. It is read only and safe for concurrent use.
type List struct {
	filter *xorfilter.BinaryFuse[uint16]
	words  []string
}

// Load reads the embedded lists, once for the whole process. It fails only if
// the program was built with damaged files.
func Load() (*List, error) { return load() }

var load = sync.OnceValues(func() (*List, error) { return read(commonFile, phraseFile) })

func read(common []byte, phrase string) (*List, error) {
	filter, err := decode(common)
	if err != nil {
		return nil, fmt.Errorf("reading the list of common passwords: %w", err)
	}
	words := strings.Fields(phrase)
	if len(words) < minPhraseWords || !slices.IsSorted(words) {
		return nil, fmt.Errorf("reading the words of phrases: %d words, not sorted or fewer than %d", len(words), minPhraseWords)
	}
	return &List{filter: filter, words: words}, nil
}

// Phrase proposes a clave: four random words from crypto/rand joined by
// hyphens, for example «colibri-ventana-azul-maizal», at least 16 characters
// long and never one that IsCommon refuses.
func (l *List) Phrase() string {
	limit := big.NewInt(int64(len(l.words)))
	for {
		words := make([]string, phraseWords)
		for i := range words {
			// rand.Int fails only with its reader, and crypto/rand's never does.
			n, _ := rand.Int(rand.Reader, limit)
			words[i] = l.words[n.Int64()]
		}
		if twice(words) {
			continue
		}
		phrase := strings.Join(words, "-")
		if len(phrase) >= minPhrase && !l.IsCommon(phrase) {
			return phrase
		}
	}
}

// twice reports whether a word repeats: the page would look broken.
func twice(words []string) bool {
	for i, w := range words {
		if slices.Contains(words[:i], w) {
			return true
		}
	}
	return false
}

// Compile writes common.bin from the entries of the sources, normalised as
// [List.IsCommon] normalises, and returns how many different ones it holds.
// The same set of entries gives the same bytes, whatever their order.
func Compile(w io.Writer, entries []string) (int, error) {
	keys := make([]uint64, 0, len(entries))
	for _, entry := range entries {
		text, _ := squeeze(entry)
		if len(text) < minEntry || len(text) > maxEntry {
			continue
		}
		keys = append(keys, keyOf(text))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) < 2 {
		return 0, errors.New("the sources hold no entries")
	}
	count := len(keys)
	filter, err := xorfilter.NewBinaryFuse[uint16](keys)
	if err != nil {
		return 0, fmt.Errorf("building the filter: %w", err)
	}
	var body bytes.Buffer
	body.WriteString(magic)
	if err := filter.Save(&body); err != nil {
		return 0, fmt.Errorf("writing the filter: %w", err)
	}
	sum := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(body.Bytes()))
	body.Write(sum)
	if _, err := w.Write(body.Bytes()); err != nil {
		return 0, err
	}
	return count, nil
}

// decode reads what Compile wrote. The checksum guards against a damaged
// checkout; the sizes are checked besides, because Contains indexes without
// asking.
func decode(file []byte) (*xorfilter.BinaryFuse[uint16], error) {
	const header = len(magic) + 8 + 5*4
	if len(file) < header+4 || string(file[:len(magic)]) != magic {
		return nil, errors.New("not a filter of this version")
	}
	body, sum := file[:len(file)-4], file[len(file)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return nil, errors.New("wrong checksum")
	}
	if n := binary.LittleEndian.Uint32(file[header-4:]); uint64(n)*2 != uint64(len(body)-header) {
		return nil, errors.New("wrong number of fingerprints")
	}
	filter, err := xorfilter.LoadBinaryFuse[uint16](bytes.NewReader(body[len(magic):]))
	if err != nil {
		return nil, err
	}
	need := uint64(filter.SegmentCountLength) + 2*uint64(filter.SegmentLength)
	if filter.SegmentLength == 0 || filter.SegmentLengthMask != filter.SegmentLength-1 || need > uint64(len(filter.Fingerprints)) {
		return nil, errors.New("wrong sizes")
	}
	return filter, nil
}
