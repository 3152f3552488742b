// Package words holds every sentence that a person reads, on pages and in
// mails: one file per language, and the ways of that language with dates and
// hours. The domain speaks in rules and identifiers; the sentence for each is
// found here by its key.
package words

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/BurntSushi/toml"

	"aldaba/internal/credential"
)

// The languages: a file here is one, named by its code. What it must hold is what
// that of Spanish holds; a test names each sentence that is missing.
//
//go:embed *.toml
var files embed.FS

// spanish is the language that every other one is held to.
const spanish credential.Language = "es"

// Language is the words of one language. It is read-only after [Load], so that
// any number of goroutines may share it.
type Language struct {
	code  credential.Language
	texts map[string]string
}

// Load reads the words of a language from the text of its file: TOML tables,
// nested as deep as one likes, whose leaves are texts. A key is the path to its
// leaf, joined by dots. A leaf that is not a text, or an empty one, is an error
// that names its key.
func Load(code credential.Language, file string) (*Language, error) {
	var tree map[string]any
	if _, err := toml.Decode(file, &tree); err != nil {
		return nil, fmt.Errorf("words: %w", err)
	}
	l := &Language{code: code, texts: map[string]string{}}
	if err := l.add("", tree); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Language) add(prefix string, tree map[string]any) error {
	for name, value := range tree {
		key := prefix + name
		switch value := value.(type) {
		case string:
			if strings.TrimSpace(value) == "" {
				return fmt.Errorf("words: %s is empty", key)
			}
			l.texts[key] = value
		case map[string]any:
			if err := l.add(key+".", value); err != nil {
				return err
			}
		default:
			return fmt.Errorf("words: %s is a %T, want a text", key, value)
		}
	}
	return nil
}

var languages = sync.OnceValues(func() ([]*Language, error) {
	names, err := files.ReadDir(".")
	var all []*Language
	for _, file := range names {
		text, readErr := files.ReadFile(file.Name())
		l, loadErr := Load(credential.Language(strings.TrimSuffix(file.Name(), path.Ext(file.Name()))), string(text))
		if fault := errors.Join(readErr, loadErr); fault != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", file.Name(), fault))
			continue
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b *Language) int {
		switch spanish {
		case a.code:
			return -1
		case b.code:
			return 1
		}
		return strings.Compare(string(a.code), string(b.code))
	})
	return all, err
})

// Languages gives every language there are words of, Spanish first, read once from
// the files in the program. A fault in a file would be one of the build
// (TestLanguages reads them), so that there is no error to handle.
func Languages() []*Language {
	all, err := languages()
	if err != nil {
		return []*Language{{code: spanish}} // every text shows as missing
	}
	return slices.Clone(all)
}

// Spanish gives the Spanish of Ecuador.
func Spanish() *Language { return Languages()[0] }

// Code is the language's own, such as "es": the name of its file.
func (l *Language) Code() credential.Language { return l.code }

// Tag is the language as a page declares it (BCP 47), such as "es-EC".
func (l *Language) Tag() string { return l.Text("language.tag") }

// Name is what the language calls itself.
func (l *Language) Name() string { return l.Text("language.name") }

// Text gives the sentence for a key. The arguments are pairs of a name and its
// value; each {name} in the sentence becomes the value as [fmt.Sprint] writes
// it, once: braces inside a value stay. A missing key gives "[[key]]", which
// tests of pages look for.
func (l *Language) Text(key string, args ...any) string {
	text, ok := l.texts[key]
	if !ok {
		return "[[" + key + "]]"
	}
	if len(args) < 2 {
		return text
	}
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		pairs = append(pairs, "{"+fmt.Sprint(args[i])+"}", fmt.Sprint(args[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Has reports whether there is a sentence for key.
func (l *Language) Has(key string) bool {
	_, ok := l.texts[key]
	return ok
}

// Keys lists all keys, sorted.
func (l *Language) Keys() []string { return slices.Sorted(maps.Keys(l.texts)) }

// zone is where dates and hours are read.
var zone = credential.Zone

// Month names month n, from 1 to 12; else it is empty.
func (l *Language) Month(n int) string {
	if n < 1 || n > 12 {
		return ""
	}
	return l.Text("calendar.month." + strconv.Itoa(n))
}

// Date writes the day of t in words, in Ecuador's time: «5 de marzo de 2026».
func (l *Language) Date(t time.Time) string {
	t = t.In(zone)
	return l.Text("calendar.date", "day", t.Day(), "month", l.Month(int(t.Month())), "year", t.Year())
}

// Clock writes the hour of t in Ecuador's time, on 24 hours: «09:05».
func (l *Language) Clock(t time.Time) string { return t.In(zone).Format("15:04") }

// DateTime writes day and hour of t in Ecuador's time: «5 de marzo de 2026, 09:05».
func (l *Language) DateTime(t time.Time) string {
	return l.Text("calendar.date_time", "date", l.Date(t), "clock", l.Clock(t))
}

// ParseDay reads a day as a browser's date field sends it («2026-03-05») or as
// people here write it («5/3/2026», with / or -), and gives its first instant in
// Ecuador's time. What is no day is false.
func ParseDay(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02", "2/1/2006", "2-1-2006"} {
		day, err := time.ParseInLocation(layout, strings.TrimSpace(text), zone)
		if err == nil {
			return day, true
		}
	}
	return time.Time{}, false
}

// InputDay writes the day of t in Ecuador's time as a browser's date field takes it.
func InputDay(t time.Time) string { return t.In(zone).Format(time.DateOnly) }

// Lasting writes how long something lasts, as people say it and exactly: in years, in days
// from two on, in hours, in minutes, whichever is the first that is whole; else in seconds.
func (l *Language) Lasting(d time.Duration) string {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for _, unit := range []struct {
		key    string
		length time.Duration
		from   int
	}{{"year", year, 1}, {"day", day, 2}, {"hour", time.Hour, 1}, {"minute", time.Minute, 1}} {
		n := int(d / unit.length)
		switch {
		case n < unit.from || d%unit.length != 0:
		case n == 1:
			return l.Text("lasting." + unit.key)
		default:
			return l.Text("lasting."+unit.key+"s", "n", n)
		}
	}
	if n := int(d / time.Second); n != 1 {
		return l.Text("lasting.seconds", "n", n)
	}
	return l.Text("lasting.second")
}

// Number writes a whole number in groups of three: «1.478.647».
func (l *Language) Number(n int64) string {
	if n < 0 {
		return l.Text("number.minus") + l.Number(-n)
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + l.Text("number.group") + digits[i:]
	}
	return digits
}

// RecordQuestion gives the text of the question about a fact of the record.
// Every fact has a text of its own.
func (l *Language) RecordQuestion(id credential.FactID) string {
	return l.Text("record.question." + string(id))
}

// RecordOption gives the text of one option of the question for id. Years and
// plain numbers stand for themselves. What is no option gives "[[key]]".
func (l *Language) RecordOption(id credential.FactID, code string) string {
	key := "record.option." + id.Domain() + "." + code
	switch {
	case code == credential.NotOnRecord:
		return l.Text("record.option.none")
	case !credential.FactDomainOK(id, code):
		return "[[" + key + "]]"
	case code == credential.EarlierYear:
		return l.Text(key, "year", credential.FirstRecordYear)
	case code == credential.LaterYear:
		return l.Text(key, "year", credential.LastRecordYear)
	case id.Domain() == "month":
		n, err := strconv.Atoi(code)
		if err != nil {
			return "[[" + key + "]]"
		}
		return l.Month(n)
	case id.Domain() != "province" && onlyDigits(code):
		return code
	}
	return l.Text(key)
}

func onlyDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// PersonalQuestion gives the text of a question of the personal bank (M8).
func (l *Language) PersonalQuestion(id credential.PersonalQuestionID) string {
	return l.Text("bank." + string(id))
}
