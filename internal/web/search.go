package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
)

const (
	pathSearch = "/buscar"
	paramQuery = "q"
	searchSame = "search.same." // and a word: that which means the same here

	// What a search takes and gives at most: a sentence of a person, a page of answers.
	maxQuery   = 100 // characters
	maxTerms   = 8
	maxResults = 15
	maxExcerpt = 180 // characters
	elseAtMost = 8   // offered where nothing was found

	minStem = 3 // of fewer letters it is a word, and the beginning of none
)

// entry is one thing that can be found.
type entry struct {
	to, title           string
	texts               []string
	sentences           []passage // of its texts
	named, known, words []string  // folded: of its title, of the words it is also known by, of its texts
}

// passage is a sentence of a text, with its words, folded.
type passage struct {
	text  string
	words []string
}

// index is all that can be found in a language. It does not change.
type index struct {
	entries   []entry
	own       []string // words that name the institution, folded
	spellings []spelling
}

// foundView is one thing that was found.
type foundView struct{ To, Title, Text string }

// searchView is what was found.
type searchView struct {
	base
	Asked bool // something was written
	Found []foundView
	N     string
	Else  []choice // what to read where nothing was found
}

// newIndex lists all that can be found, as a policy makes it. Of what is found equally
// well the first comes first: of the sheets, that of the procedure most people are after.
func (s *Server) newIndex(p credential.Policy) *index {
	var list []entry
	for _, sheet := range s.Institution.Sheets {
		sheet, cases := s.filled(sheet, p)
		e := entry{to: pathSheets + "/" + sheet.ID, title: sheet.Name, texts: []string{sheet.Text, sheet.Whom}, known: sheet.Words}
		e.texts = slices.Concat(e.texts, sheet.Gets, sheet.Needs, sheet.Instead)
		for _, c := range cases {
			e.texts = append(append(e.texts, c.Title), c.Steps...)
		}
		e.texts = append(e.texts, sheet.Channel, sheet.Cost, s.Words.Text("search.hours", "hours", sheet.Hours))
		if sheet.Procedure == institution.Generate {
			list = slices.Insert(list, 0, e)
		} else {
			list = append(list, e)
		}
	}
	list = append(list, s.pageEntries()...)
	for _, t := range helpTopics {
		answer := s.topic(t, p)
		list = append(list, entry{to: pathHelp + "#" + t.id, title: answer.Title, texts: answer.Texts, known: s.alsoKnown(t.key)})
	}
	for n := range list {
		list[n].fold()
	}
	return &index{list, s.ownWords(), s.spelled(list)}
}

// alsoKnown gives further words by which a part of the help is found.
func (s *Server) alsoKnown(part string) []string {
	if key := "search.known." + part; s.Words.Has(key) {
		return []string{s.Words.Text(key)}
	}
	return nil
}

// ownWords are those that name the institution: of its names, the initials of its long
// one, and what else people call any institution of this kind.
func (s *Server) ownWords() []string {
	name, _, _ := strings.Cut(s.Institution.Name, "(")
	initials := ""
	for word := range strings.FieldsSeq(name) {
		if first, _ := utf8.DecodeRuneInString(word); unicode.IsUpper(first) {
			initials += string(first)
		}
	}
	return folded(strings.Join([]string{s.Institution.Name, s.Institution.ShortName, initials, s.Words.Text("search.own")}, " "))
}

// fold makes what is compared when somebody searches.
func (e *entry) fold() {
	e.named, e.known = folded(e.title), folded(strings.Join(e.known, " "))
	for _, text := range e.texts {
		for _, one := range sentences(text) {
			words := folded(withoutAddresses(one))
			e.sentences, e.words = append(e.sentences, passage{one, words}), append(e.words, words...)
		}
	}
}

// withoutAddresses leaves e-mail addresses out: their parts are words of no text.
func withoutAddresses(text string) string {
	fields := strings.Fields(text)
	return strings.Join(slices.DeleteFunc(fields, func(field string) bool { return strings.Contains(field, "@") }), " ")
}

// sentences cuts a text where a sentence ends: at a mark after a word that is not as
// short and capital as «Av.» and «Art.», before what begins neither small nor with a digit.
func sentences(text string) []string {
	fields := strings.Fields(text)
	var list []string
	from := 0
	for n, field := range fields {
		word := strings.TrimRight(field, ".?!»”\")")
		first, _ := utf8.DecodeRuneInString(word)
		ends := strings.ContainsAny(field[len(word):], ".?!") && (utf8.RuneCountInString(word) > 3 || !unicode.IsUpper(first))
		if n+1 < len(fields) {
			next, _ := utf8.DecodeRuneInString(fields[n+1])
			ends = ends && !unicode.IsLower(next) && !unicode.IsDigit(next)
		}
		if ends || n+1 == len(fields) {
			list = append(list, strings.Join(fields[from:n+1], " "))
			from = n + 1
		}
	}
	return list
}

// pageEntries lists the pages that are found by the words of their title and lead, and
// the parts of the help page that are no question.
func (s *Server) pageEntries() []entry {
	var list []entry
	for _, page := range []struct{ path, key string }{
		{pathTransparency, "transparency"}, {pathComplaints, "complaints"}, {pathPrivacy, "privacy"},
		{pathAccessibility, "accessibility"}, {pathCookies, "cookies"}, {pathSheets, "sheets"},
	} {
		list = append(list, entry{to: page.path, title: s.Words.Text(page.key + ".title"), texts: []string{s.Words.Text(page.key + ".lead")}})
	}
	list = append(list,
		entry{to: pathLogIn, title: s.Words.Text("log_in.title"), texts: []string{s.Words.Text("search.log_in")}},
		entry{
			to: pathHelp + "#contacto", title: s.Words.Text("help.contact.title"),
			texts: []string{s.Words.Text("search.contact", "phone", s.Institution.PhoneText, "hours", s.Institution.Hours), s.Words.Text("help.contact.ready")},
			known: s.alsoKnown("contact"),
		},
	)
	if len(s.Institution.Offices) == 0 {
		return list
	}
	offices := entry{to: pathHelp + "#oficinas", title: s.Words.Text("help.offices.title"), known: s.alsoKnown("offices")}
	for _, o := range s.Institution.Offices {
		offices.texts = append(offices.texts, s.Words.Text("search.office", "city", o.City, "name", o.Name, "address", o.Address, "hours", o.Hours))
	}
	offices.texts = append(offices.texts, s.Words.Text("help.offices.text"))
	return append(list, offices)
}

// find looks for words. What has most of them comes, in order of how it has them. Words
// that name the institution, which is what all of this is about, count only where there
// is nothing else to go by: then it is the procedures that people are after.
func (s *Server) find(query string, in *index) []foundView {
	terms, own := s.terms(query, in)
	found := in.having(terms)
	if len(found) == 0 && len(own) > 0 {
		terms = own
		found = slices.DeleteFunc(slices.Clone(in.entries), func(e entry) bool { return !e.procedure() })
		found = append(found, slices.DeleteFunc(in.having(own), entry.procedure)...)
	}
	var list []foundView
	for _, e := range found[:min(len(found), maxResults)] {
		list = append(list, foundView{e.to, e.title, e.excerpt(terms)})
	}
	return list
}

func (e entry) procedure() bool { return strings.HasPrefix(e.to, pathSheets+"/") }

// having gives what has most of the terms, best first.
func (x *index) having(terms []string) []entry {
	type match struct {
		entry
		terms, score int
	}
	var found []match
	for _, e := range x.entries {
		m := match{entry: e}
		for _, term := range terms {
			score := e.score(term)
			m.score += score
			m.terms += min(score, 1)
		}
		if m.terms > 0 {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b match) int { return cmp.Or(cmp.Compare(b.terms, a.terms), cmp.Compare(b.score, a.score)) })
	var list []entry
	for _, m := range found {
		if m.terms == found[0].terms {
			list = append(list, m.entry)
		}
	}
	return list
}

// score is how well a term finds it: by its title, by what else it is known by, by its
// texts.
func (e entry) score(term string) int {
	return 8*count(e.named, term, 1) + 5*count(e.known, term, 1) + count(e.words, term, 3)
}

// terms are the words of a query that tell something, each with those that mean the
// same here joined to one, and those apart that name the institution. One that finds
// nothing may be misspelt.
func (s *Server) terms(query string, in *index) (terms, own []string) {
	ignored := folded(s.Words.Text("search.ignored"))
	for _, word := range folded(query) {
		if slices.Contains(ignored, word) {
			continue
		}
		if len(terms)+len(own) == maxTerms {
			break
		}
		list := &terms
		switch {
		case s.Words.Has(searchSame + word): // spelt well
		case slices.Contains(in.own, word):
			list = &own
		case !slices.ContainsFunc(in.entries, func(e entry) bool { return e.score(word) > 0 }):
			word = in.meant(word)
		}
		if same := searchSame + word; s.Words.Has(same) {
			word = folded(s.Words.Text(same))[0]
		}
		if !slices.Contains(*list, word) {
			*list = append(*list, word)
		}
	}
	return slices.DeleteFunc(terms, func(term string) bool { return slices.Contains(ignored, term) }), own
}

// count is how many words, up to a number, a term stands for.
func count(words []string, term string, most int) int {
	stem, n := stemmed(term), 0
	for _, word := range words {
		if word == term || len(stem) >= minStem && strings.HasPrefix(word, stem) {
			n++
			if n == most {
				break
			}
		}
	}
	return n
}

// stemmed is the beginning that a word shares with its other forms, as far as its
// length tells: «bloqueada» and «bloqueo», «claves» and «clave».
func stemmed(word string) string {
	switch n := len(word); {
	case n >= 7:
		return word[:n-2]
	case n >= 5:
		return word[:n-1]
	}
	return word
}

// folded cuts a text into words, without case and accents.
func folded(text string) []string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, norm.NFKD.String(text))
	words := strings.Fields(plain)
	for n, word := range words { // a stem may be cut anywhere
		if !isASCII(word) {
			words[n] = strings.ToValidUTF8(strings.Map(asciiOnly, word), "")
		}
	}
	return slices.DeleteFunc(words, func(word string) bool { return word == "" })
}

func isASCII(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return r >= utf8.RuneSelf })
}

func asciiOnly(r rune) rune {
	if r >= utf8.RuneSelf {
		return -1
	}
	return r
}

// excerpt is the sentence with most of the terms, else the first.
func (e entry) excerpt(terms []string) string {
	best, most := passage{}, -1
	for _, one := range e.sentences {
		n := 0
		for _, term := range terms {
			n += count(one.words, term, 1)
		}
		if n > most {
			best, most = one, n
		}
	}
	return clipped(best.text, terms)
}

// clipped cuts a sentence that is too long at words, so that it shows the first that one
// of the terms stands for.
func clipped(text string, terms []string) string {
	if utf8.RuneCountInString(text) <= maxExcerpt {
		return text
	}
	const before = 6 // words that show what it is about
	fields := strings.Fields(text)
	at := slices.IndexFunc(fields, func(field string) bool {
		words := folded(field)
		return slices.ContainsFunc(terms, func(term string) bool { return count(words, term, 1) > 0 })
	})
	if at > before && utf8.RuneCountInString(strings.Join(fields[:at+1], " ")) >= maxExcerpt {
		text = "…" + strings.Join(fields[at-before:], " ")
	}
	if utf8.RuneCountInString(text) <= maxExcerpt {
		return text
	}
	cut := string([]rune(text)[:maxExcerpt])
	return cut[:max(strings.LastIndexByte(cut, ' '), 1)] + "…"
}

// search answers the search's form, which stands in the head of every public page.
// What was asked goes into no log and is kept nowhere.
func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "search", s.searchView(r, s.index))
	return nil
}

func (s *Server) searchView(r *http.Request, in *index) searchView {
	query := strings.TrimSpace(strings.ToValidUTF8(r.URL.Query().Get(paramQuery), ""))
	if utf8.RuneCountInString(query) > maxQuery {
		query = string([]rune(query)[:maxQuery])
	}
	v := searchView{base: s.public(r, s.Words.Text("search.title"), s.Words.Text("search.text")), Asked: query != ""}
	v.Public.Index, v.Public.Query = false, query
	v.Found = s.find(query, in)
	v.N = numberText(len(v.Found))
	if len(v.Found) == 0 {
		for _, e := range in.entries {
			if e.procedure() || strings.HasPrefix(e.to, pathHelp+"#") && len(v.Else) < elseAtMost {
				v.Else = append(v.Else, choice{Value: e.to, Label: e.title})
			}
		}
	}
	return v
}
