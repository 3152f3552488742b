package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// TestBounded: a complaint may be larger than other forms, but few such are read at
// once, fewer from one network, and the small ones never wait for them.
func TestBounded(t *testing.T) {
	reading, finish := make(chan struct{}), make(chan struct{})
	s := &Server{spoken: &spoken{}}
	handler := s.bounded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Wait") != "" {
			reading <- struct{}{}
			<-finish
		}
		_, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}))
	send := func(method, path string, size, network int, wait string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(strings.Repeat("x", size)))
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1234", network)
		r.Header.Set("Wait", wait)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		method, path string
		size         int
		want         int
	}{
		{"POST", pathComplaints, maxBody, 200}, {"POST", pathComplaints, maxBody + 1, 200}, {"POST", pathComplaints, maxComplaintBody, 200},
		{"POST", pathComplaints, maxComplaintBody + 1, 413}, {"GET", pathComplaints, maxBody + 1, 413},
		{"POST", pathComplaintFollow, maxBody + 1, 413}, {"POST", pathLogIn, maxBody + 1, 413},
	} {
		if got := send(c.method, c.path, c.size, 1, ""); got != c.want {
			t.Errorf("%d bytes by %s to %s: %d, want %d", c.size, c.method, c.path, got, c.want)
		}
	}
	var all sync.WaitGroup
	for n := range complaintsAtOnce {
		all.Go(func() {
			if got := send("POST", pathComplaints, maxBody+1, n/complaintsOfNetwork, "yes"); got != 200 {
				t.Errorf("one of %d at once: %d", complaintsAtOnce, got)
			}
		})
		<-reading
		full := n == complaintsAtOnce-1
		if got := send("POST", pathComplaints, maxBody+1, 99, ""); (got == 413) != full {
			t.Errorf("another network beside %d: %d", n+1, got)
		}
		if got := send("POST", pathComplaints, maxBody+1, 0, ""); (got == 413) != (n+1 >= complaintsOfNetwork) {
			t.Errorf("one more of the first network, beside %d: %d", n+1, got)
		}
	}
	if got := send("POST", pathComplaints, maxBody, 0, ""); got != 200 {
		t.Errorf("a small one beside them: %d", got)
	}
	close(finish)
	all.Wait()
	if got := send("POST", pathComplaints, maxBody+1, 0, ""); got != 200 || s.spoken.large.taken != 0 || len(s.spoken.large.by) != 0 {
		t.Errorf("after them: %d, and taken are %d by %v", got, s.spoken.large.taken, s.spoken.large.by)
	}
}

// connection is an answer whose reading can be given an end.
type connection struct {
	*httptest.ResponseRecorder
	end time.Time
}

func (c *connection) SetReadDeadline(end time.Time) error { c.end = end; return nil }

// TestLargeForms: a large complaint is read for seconds, whoever waits; the site in
// every language has the same places, and the form of another site takes none.
func TestLargeForms(t *testing.T) {
	site := newSite(t, nil).Citizens()
	send := func(size int, language, origin string, rest io.Reader) *connection {
		body := io.MultiReader(strings.NewReader(strings.Repeat("x", size)), rest, iotest.ErrReader(io.ErrUnexpectedEOF))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, pathComplaints, body)
		r.ContentLength = int64(size)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept-Language", language)
		r.Header.Set("Sec-Fetch-Site", origin)
		c := &connection{ResponseRecorder: httptest.NewRecorder()}
		site.ServeHTTP(c, r)
		return c
	}
	for _, c := range []struct {
		name   string
		size   int
		origin string
		want   int
		hurry  bool
	}{
		{"small", maxBody / 2, "same-origin", 400, false},
		{"large", maxBody + 1, "same-origin", 400, true},
		{"of another site", maxBody + 1, "cross-site", 403, false},
	} {
		got := send(c.size, "es", c.origin, strings.NewReader(""))
		if got.Code != c.want || got.end.IsZero() == c.hurry || time.Until(got.end) > complaintReadingLimit {
			t.Errorf("%s: %d, to be read until %v", c.name, got.Code, got.end)
		}
	}
	finish := make(chan struct{})
	var all sync.WaitGroup
	for _, language := range []string{"es", "en"} {
		reading, writing := io.Pipe()
		all.Go(func() { send(maxBody+1, language, "same-origin", reading) })
		if _, err := writing.Write([]byte("x")); err != nil { // returns once it is read
			t.Fatal(err)
		}
		all.Go(func() { <-finish; _ = writing.Close() })
	}
	if got := send(maxBody+1, "es", "same-origin", strings.NewReader("")); got.Code != 413 {
		t.Errorf("a third beside one in each language: %d", got.Code)
	}
	close(finish)
	all.Wait()
}
