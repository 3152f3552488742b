package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestTakesGzip(t *testing.T) {
	for _, tt := range []struct {
		in   []string
		want bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"gzip, deflate, br, zstd"}, true},
		{[]string{"br;q=1.0, GZIP;Q=0.5"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip; q=0.000, *"}, false},
		{[]string{"*, gzip;q=0"}, false},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"identity"}, false},
		{[]string{"gzip;q=often"}, false},
		{[]string{"gzippo"}, false},
	} {
		r := aRequest("/")
		r.Header["Accept-Encoding"] = tt.in
		if got := takesGzip(r); got != tt.want {
			t.Errorf("takesGzip(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func uncompressed(t *testing.T, body io.Reader) []byte {
	t.Helper()
	reader, err := gzip.NewReader(body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestCompressed asks for files and pages with gzip and without: both are the same
// content under lengths of their own, and say that they are two.
func TestCompressed(t *testing.T) {
	s := newSite(t, nil)
	site := s.Citizens()
	ask := func(method, path, encoding, tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		r.Header.Set("Accept-Encoding", encoding)
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w
	}
	for name, small := range map[string]bool{
		"aldaba.css": true, "public.css": true, "altcha.js": true, "favicon.svg": true, "social.png": false, "page": true,
	} {
		path := "/ayuda"
		if name != "page" {
			var err error
			path, err = s.assets.url(name)
			if err != nil {
				t.Fatal(err)
			}
		}
		plain, packed := ask(http.MethodGet, path, "", ""), ask(http.MethodGet, path, "gzip", "")
		if plain.Code != http.StatusOK || packed.Code != http.StatusOK || plain.Header().Get("Content-Encoding") != "" {
			t.Fatalf("%s: %d and %d, Content-Encoding %q where none was asked for", name, plain.Code, packed.Code, plain.Header().Get("Content-Encoding"))
		}
		if got := packed.Header().Get("Content-Encoding") == "gzip"; got != small {
			t.Errorf("%s: compressed %v, want %v", name, got, small)
			continue
		}
		if name != "page" && plain.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", name, plain.Header().Get("Cache-Control"))
		}
		if !small {
			continue
		}
		for _, w := range []*httptest.ResponseRecorder{plain, packed} {
			if !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept-Encoding") {
				t.Errorf("%s: Vary = %q", name, w.Header().Values("Vary"))
			}
			if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
				t.Errorf("%s: Content-Length %s of %d bytes", name, got, w.Body.Len())
			}
		}
		if head := ask(http.MethodHead, path, "gzip", ""); head.Header().Get("Content-Length") != packed.Header().Get("Content-Length") || head.Body.Len() != 0 {
			t.Errorf("%s: HEAD says %s bytes and brings %d", name, head.Header().Get("Content-Length"), head.Body.Len())
		}
		tag := packed.Header().Get("ETag")
		if name != "page" {
			if tag == plain.Header().Get("ETag") {
				t.Errorf("%s: one ETag for two contents", name)
			}
			if w := ask(http.MethodGet, path, "gzip", tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("Content-Encoding") != "" {
				t.Errorf("%s, known: %d with %d bytes", name, w.Code, w.Body.Len())
			}
			if w := ask(http.MethodGet, path, "", tag); w.Code != http.StatusOK {
				t.Errorf("%s, known in the other encoding: %d", name, w.Code)
			}
		}
		if length := packed.Body.Len(); length >= plain.Body.Len() {
			t.Errorf("%s: %d bytes compressed, %d plain", name, length, plain.Body.Len())
		}
		if !bytes.Equal(uncompressed(t, packed.Body), plain.Body.Bytes()) {
			t.Errorf("%s: the two contents are not the same", name)
		}
	}
}
