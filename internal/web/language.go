package web

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"golang.org/x/text/language"

	"aldaba/internal/credential"
	"aldaba/internal/words"
)

// paramLanguage chooses a language, in the address of any page.
const paramLanguage = "idioma"

// languageLife is for how long a browser keeps the language that was chosen in it.
const languageLife = 365 * 24 * time.Hour

// spoken is the site in every language there is. Which one answers is decided once,
// before anything else looks at the request; from there on a page knows no other.
type spoken struct {
	sites   []*Server
	matcher language.Matcher // of what a browser asks for, to a place among sites
	large   largeForms       // one number of places, whatever the language
}

// inEach makes a site for each language. They share all but what is written, which is
// the words of the program and those of the institution.
func (s *Server) inEach(languages []*words.Language) (*spoken, error) {
	all := &spoken{}
	var tags []language.Tag
	for _, one := range languages {
		tag, err := language.Parse(one.Tag())
		if err != nil {
			return nil, err
		}
		site := *s
		site.Words, site.Institution, site.spoken = one, s.Institution.In(string(one.Code())), all
		site.origin, err = sameOrigin(s.PublicURL)
		if err != nil {
			return nil, err
		}
		site.index = site.newIndex(s.Service.Policy())
		all.sites, tags = append(all.sites, &site), append(tags, tag)
	}
	all.matcher = language.NewMatcher(tags)
	return all, nil
}

// in gives the site in a language, or another one where there is none.
func (all *spoken) in(code credential.Language, other *Server) *Server {
	if n, ok := all.named(string(code)); ok {
		return all.sites[n]
	}
	return other
}

// tags lists the languages as pages declare them.
func (all *spoken) tags() []string {
	var tags []string
	for _, site := range all.sites {
		tags = append(tags, site.Words.Tag())
	}
	return tags
}

// handler answers each request by the site in its language.
func (all *spoken) handler(of func(*Server) http.Handler) http.Handler {
	handlers := make([]http.Handler, len(all.sites))
	for n, site := range all.sites {
		handlers[n] = of(site)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handlers[all.choose(w, r)].ServeHTTP(w, r) })
}

// choose gives the place of the language that a request is answered in: the one that
// its address chooses, which the browser then keeps; else the one that it has kept;
// else what it asks for; else the first.
func (all *spoken) choose(w http.ResponseWriter, r *http.Request) int {
	site := all.sites[0]
	if r.URL.RawQuery != "" {
		if n, ok := all.named(r.URL.Query().Get(paramLanguage)); ok {
			if !strings.HasPrefix(r.URL.Path, pathStatic) { // what anybody's browser keeps sets nobody's
				site.setCookie(w, cookieLanguage, string(all.sites[n].Words.Code()), languageLife)
			}
			return n
		}
	}
	if n, ok := all.named(site.cookie(r, cookieLanguage)); ok {
		return n
	}
	_, n := language.MatchStrings(all.matcher, r.Header.Get("Accept-Language"))
	return n
}

// varies says of an answer which language it is in, and that another request for it
// may get it in another one.
func (s *Server) varies(w http.ResponseWriter) {
	w.Header().Set("Content-Language", s.Words.Tag())
	w.Header().Add("Vary", "Accept-Language, Cookie")
}

// named finds the language with a code.
func (all *spoken) named(code string) (n int, ok bool) {
	for n, site := range all.sites {
		if site.Words.Code() == credential.Language(code) {
			return n, true
		}
	}
	return 0, false
}

// carried names what of a page's own address goes with it to another language: what it
// shows depends on it. Nothing else of an address is written into a page: it may hold a
// secret.
var carried = map[string][]string{
	PathStart:        {"soy"},
	pathChange:       {"primera"},
	pathLogIn:        {"otra-vez"},
	pathSearch:       {paramQuery},
	pathComplaints:   {"asunto"},
	pathTransparency: {paramMonth},
	pathSessions:     {"sesion"},
	pathHistory:      {"que", "desde", "hasta", "pagina"},
	pathRights:       {paramReceived},
}

// translated is a page in one language: its address there, and the language's own tag
// and name.
type translated struct{ Address, Tag, Name string }

// otherLanguages gives this page in the other languages.
func (s *Server) otherLanguages(r *http.Request) []translated {
	asked := r.URL.Query()
	var list []translated
	for _, site := range s.spoken.sites {
		if site.Words == s.Words {
			continue
		}
		query := url.Values{paramLanguage: {string(site.Words.Code())}}
		for _, name := range carried[r.URL.Path] {
			if asked.Has(name) {
				query.Set(name, asked.Get(name))
			}
		}
		list = append(list, translated{s.formPage(r) + "?" + query.Encode(), site.Words.Tag(), site.Words.Name()})
	}
	return list
}

// formPage is the page whose form this request sent, for the links of its answer: the
// nearest one at or above the form's own address that a browser can ask for. It is empty
// where that is the address of the request itself.
func (s *Server) formPage(r *http.Request) string {
	if r.Method != http.MethodPost {
		return ""
	}
	to, ok := strings.CutPrefix(eventOf(r).route, http.MethodPost+" ")
	switch {
	case !ok:
		return "/"
	case strings.HasSuffix(to, "}"): // a mailed link's: page and form have one address
		return ""
	}
	for ; to != "/"; to = path.Dir(to) {
		_, pattern := s.routes.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: to}})
		if pattern == http.MethodGet+" "+to {
			break
		}
	}
	return to
}
