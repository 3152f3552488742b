package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestBounded: a complaint may be larger than other forms, but few such are read at
// once, and the small ones never wait for them.
func TestBounded(t *testing.T) {
	reading, finish := make(chan struct{}), make(chan struct{})
	handler := bounded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Wait") != "" {
			reading <- struct{}{}
			<-finish
		}
		_, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}))
	send := func(path string, size int, wait string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(strings.Repeat("x", size)))
		r.Header.Set("Wait", wait)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		path string
		size int
		want int
	}{
		{pathComplaints, maxBody, 200}, {pathComplaints, maxBody + 1, 200}, {pathComplaints, maxComplaintBody, 200},
		{pathComplaints, maxComplaintBody + 1, 413}, {pathComplaintFollow, maxBody + 1, 413}, {pathLogIn, maxBody + 1, 413},
	} {
		if got := send(c.path, c.size, ""); got != c.want {
			t.Errorf("%d bytes to %s: %d, want %d", c.size, c.path, got, c.want)
		}
	}
	var all sync.WaitGroup
	for range complaintsAtOnce {
		all.Go(func() {
			if got := send(pathComplaints, maxBody+1, "yes"); got != 200 {
				t.Errorf("one of %d at once: %d", complaintsAtOnce, got)
			}
		})
		<-reading
	}
	if got := send(pathComplaints, maxBody+1, ""); got != 413 {
		t.Errorf("one more: %d, want 413", got)
	}
	if got := send(pathComplaints, maxBody, ""); got != 200 {
		t.Errorf("a small one beside them: %d", got)
	}
	close(finish)
	all.Wait()
	if got := send(pathComplaints, maxBody+1, ""); got != 200 {
		t.Errorf("after them: %d", got)
	}
}
