package web

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"aldaba/internal/credential"
)

// executePartial gives what a partial shows.
func executePartial(t *testing.T, s *Server, name string, pairs ...any) *html.Node {
	t.Helper()
	arguments, err := dict(pairs...)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	err = s.pages["message"].tmpl.ExecuteTemplate(&body, name, arguments)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestEveryImage: each code has a picture of its own that is small and brings
// nothing but drawing, and a word; no picture or word is without its code.
func TestEveryImage(t *testing.T) {
	s := newPages(t)
	foreign := regexp.MustCompile(`(?i)<(script|text|image|use|style|foreignObject|!)|href|url\(|\son[a-z]+=|\sid=`)
	codes := map[string]bool{}
	used := map[string]bool{}
	for _, code := range credential.SecurityImages() {
		codes[string(code)] = true
		one := s.image(code)
		if one.Label == "" || strings.Contains(one.Label, "[[") || used[one.Label] {
			t.Errorf("%s has no word of its own: %q", code, one.Label)
		}
		file, ok := s.assets[one.File]
		if !ok {
			t.Errorf("%s has no picture", code)
			continue
		}
		if used[file.hash] {
			t.Errorf("%s has the picture of another", code)
		}
		used[one.Label], used[file.hash] = true, true
		if file.mime != "image/svg+xml" || len(file.content) > 3<<10 || !bytes.Contains(file.content, []byte(`viewBox="0 0 96 96"`)) {
			t.Errorf("%s: %s, %d bytes", one.File, file.mime, len(file.content))
		}
		if found := foreign.Find(file.content); found != nil {
			t.Errorf("%s brings %q", one.File, found)
		}
	}
	names, err := fs.Glob(staticFiles, "static/image-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if code := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "image-"), ".svg"); !codes[code] {
			t.Errorf("%s is nobody's picture", name)
		}
	}
	for _, key := range s.Words.Keys() {
		if code, ok := strings.CutPrefix(key, "image."); ok && !codes[code] {
			t.Errorf("%s is nobody's word", key)
		}
	}
}

// TestImageRadios: the name of each radio is the word and nothing else, its
// picture is there, and at most the chosen one is checked.
func TestImageRadios(t *testing.T) {
	site := newSite(t, nil)
	all := credential.SecurityImages()
	for _, chosen := range []credential.SecurityImage{"", all[3]} {
		doc := executePartial(t, site, "images", "P", base{server: site}, "Problem", "Elija.", "Images", site.images(chosen))
		radios := map[string]*html.Node{}
		var names []string
		ids := map[string]bool{}
		described := ""
		for n := range doc.Descendants() {
			if id := attribute(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("id %s stands twice", id)
				}
				ids[id] = true
			}
			switch n.Data {
			case "fieldset":
				described = attribute(n, "aria-describedby")
			case "input":
				radios[attribute(n, "id")] = n
			case "label":
				radio := radios[attribute(n, "for")]
				if radio == nil {
					t.Fatalf("label %q is of nothing", textOf(n))
				}
				code := credential.SecurityImage(attribute(radio, "value"))
				names = append(names, string(code))
				if attribute(radio, "type") != "radio" || attribute(radio, "name") != "imagen" || textOf(n) != site.image(code).Label {
					t.Errorf("radio %s is named %q", code, textOf(n))
				}
				isChecked := slices.ContainsFunc(radio.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
				if isChecked != (code == chosen) {
					t.Errorf("%s: checked is %t with %q chosen", code, isChecked, chosen)
				}
			case "img":
				if !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "alt" && a.Val == "" }) {
					t.Error("a picture in a label adds to the name of its radio")
				}
				w := httptest.NewRecorder()
				site.Citizens().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, attribute(n, "src"), nil))
				if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") != "image/svg+xml" {
					t.Errorf("%s: %d %v", attribute(n, "src"), w.Code, w.Header())
				}
			}
		}
		if len(names) != len(all) || names[0] != string(all[0]) || !ids["imagen"] {
			t.Errorf("radios %v, want all in order from #imagen on", names)
		}
		for _, id := range strings.Fields(described) {
			if !ids[id] {
				t.Errorf("the group is described by #%s, which is not there", id)
			}
		}
		if !strings.Contains(described, "imagen-error") {
			t.Error("the problem does not describe the group")
		}
	}
}

func TestImageShown(t *testing.T) {
	s := newPages(t)
	one := s.image("volcan")
	doc := executePartial(t, s, "image", "P", base{server: s}, "Image", one)
	for n := range doc.Descendants() {
		if n.Data == "img" {
			want, err := s.assets.url(one.File)
			if err != nil || attribute(n, "src") != want || attribute(n, "alt") != one.Label {
				t.Errorf("the picture is %v, want %s with %q", n.Attr, want, one.Label)
			}
			return
		}
	}
	t.Error("no picture is shown")
}
