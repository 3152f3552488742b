package web

import (
	"net/http"
	"strings"
	"time"
)

// publicView is what a page that anybody may find and pass on says of itself to
// search engines and to whoever shows its address.
type publicView struct {
	Text    string       // what it is about
	Address string       // in the language of the page
	Locale  string       // the same language, as who shows the address wants it written
	InEach  []translated // this page in every language, its own too
	Picture string       // address of the picture beside it
	Index   bool         // search engines may show it: not in a demo or an example
	Query   string       // what was searched for
}

// Searching reports whether this is the page of the search: on a phone its form stands
// there alone.
func (b base) Searching() bool { return b.Path == pathSearch }

// public is base for such a page.
func (s *Server) public(r *http.Request, title, text string) base {
	b := s.base(r, title)
	path := r.URL.EscapedPath()
	b.Public = &publicView{
		Text: text, Address: s.address(path), Locale: strings.ReplaceAll(s.Words.Tag(), "-", "_"), Index: s.Demo == nil && s.Institution.Official,
	}
	for _, one := range s.spoken.sites {
		b.Public.InEach = append(b.Public.InEach, translated{one.address(path), one.Words.Tag(), one.Words.Name()})
	}
	picture, err := s.assets.url("social.png")
	if err == nil {
		b.Public.Picture = rootOf(s.PublicURL) + picture
	}
	return b
}

// address is where a page is read in this site's language, whatever a browser asks for:
// the first language has the plain one.
func (s *Server) address(path string) string {
	to := rootOf(s.PublicURL) + path
	if s.Words != s.spoken.sites[0].Words {
		to += "?" + paramLanguage + "=" + string(s.Words.Code())
	}
	return to
}

// lasting writes how long something lasts, in the page's language.
func (s *Server) lasting(d time.Duration) string { return s.Words.Lasting(d) }
