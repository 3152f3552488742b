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
)

const (
	pathSearch = "/buscar"
	paramQuery = "q"

	// What a search takes and gives at most: a sentence of a person, a page of answers.
	maxQuery   = 100 // characters
	maxTerms   = 8
	maxResults = 15
	maxExcerpt = 180 // characters
	elseAtMost = 8   // offered where nothing was found
)

// entry is one thing that can be found.
type entry struct {
	to, title           string
	texts               []string
	named, known, words []string // folded: of its title, of the words it is also known by, of its texts
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

// entries lists all that can be found, as a policy makes it.
func (s *Server) entries(p credential.Policy) []entry {
	var list []entry
	for _, sheet := range s.Institution.Sheets {
		sheet, cases := s.filled(sheet, p)
		e := entry{to: pathSheets + "/" + sheet.ID, title: sheet.Name, texts: []string{sheet.Text, sheet.Whom}, known: sheet.Words}
		e.texts = slices.Concat(e.texts, sheet.Gets, sheet.Needs, sheet.Instead)
		for _, c := range cases {
			e.texts = append(append(e.texts, c.Title), c.Steps...)
		}
		list = append(list, e)
	}
	list = append(list, s.pageEntries()...)
	for _, t := range helpTopics {
		answer := s.topic(t, p)
		list = append(list, entry{to: pathHelp + "#" + t.id, title: answer.Title, texts: answer.Texts})
	}
	for n := range list {
		e := &list[n]
		e.named, e.known, e.words = folded(e.title), folded(strings.Join(e.known, " ")), folded(strings.Join(e.texts, " "))
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
			texts: []string{s.Words.Text("help.contact.ready"), s.Institution.Email, s.Institution.PhoneText},
		},
	)
	if len(s.Institution.Offices) == 0 {
		return list
	}
	offices := entry{to: pathHelp + "#oficinas", title: s.Words.Text("help.offices.title"), texts: []string{s.Words.Text("help.offices.text")}}
	for _, o := range s.Institution.Offices {
		offices.texts = append(offices.texts, o.City+" "+o.Name+" "+o.Address)
	}
	return append(list, offices)
}

// find looks for words. What has most of them comes, in order of how it has them.
func (s *Server) find(query string, among []entry) []foundView {
	terms := s.terms(query)
	type match struct {
		entry
		terms, score int
	}
	var found []match
	for _, e := range among {
		m := match{entry: e}
		for _, term := range terms {
			score := 8*count(e.named, term, 1) + 5*count(e.known, term, 1) + count(e.words, term, 3)
			m.score += score
			m.terms += min(score, 1)
		}
		if m.terms > 0 {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b match) int { return cmp.Or(cmp.Compare(b.terms, a.terms), cmp.Compare(b.score, a.score)) })
	var list []foundView
	for _, m := range found {
		if len(list) == maxResults || m.terms < found[0].terms {
			break
		}
		list = append(list, foundView{m.to, m.title, excerpt(m.texts, terms)})
	}
	return list
}

// terms are the words of a query that tell something, each with those that mean the
// same here joined to one.
func (s *Server) terms(query string) []string {
	ignored := folded(s.Words.Text("search.ignored"))
	var terms []string
	for _, word := range folded(query) {
		if same := "search.same." + word; s.Words.Has(same) {
			word = folded(s.Words.Text(same))[0]
		}
		if !slices.Contains(ignored, word) && !slices.Contains(terms, word) && len(terms) < maxTerms {
			terms = append(terms, word)
		}
	}
	return terms
}

// count is how many words, up to a number, a term stands for.
func count(words []string, term string, most int) int {
	stem, n := stemmed(term), 0
	for _, word := range words {
		if strings.HasPrefix(word, stem) {
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

// excerpt is the first text that has one of the terms, else the first, cut at a word.
func excerpt(texts, terms []string) string {
	if len(texts) == 0 {
		return ""
	}
	at := slices.IndexFunc(texts, func(text string) bool {
		words := folded(text)
		return slices.ContainsFunc(terms, func(term string) bool { return count(words, term, 1) > 0 })
	})
	text := texts[max(at, 0)]
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

func (s *Server) searchView(r *http.Request, index []entry) searchView {
	query := strings.TrimSpace(strings.ToValidUTF8(r.URL.Query().Get(paramQuery), ""))
	if utf8.RuneCountInString(query) > maxQuery {
		query = string([]rune(query)[:maxQuery])
	}
	v := searchView{base: s.public(r, s.Words.Text("search.title"), s.Words.Text("search.text")), Asked: query != ""}
	v.Public.Index, v.Public.Query = false, query
	v.Found = s.find(query, index)
	v.N = numberText(len(v.Found))
	if len(v.Found) == 0 {
		for _, e := range index {
			if strings.HasPrefix(e.to, pathSheets+"/") || strings.HasPrefix(e.to, pathHelp+"#") && len(v.Else) < elseAtMost {
				v.Else = append(v.Else, choice{Value: e.to, Label: e.title})
			}
		}
	}
	return v
}
