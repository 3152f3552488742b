package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"aldaba/internal/credential"
)

// headers sets what every answer carries.
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// contentSecurityPolicy allows this origin and nothing inline. The favicon is a
// file of ours too.
const contentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// otherPages gives what the mux answers by itself pages of ours: a method that a
// path does not take, and a path that there is not.
func (s *Server) otherPages(mux *http.ServeMux) http.Handler {
	method := s.page("method", func(http.ResponseWriter, *http.Request) error {
		return &httpError{http.StatusMethodNotAllowed, "method"}
	})
	none := s.page("none", s.noSuchPage)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var probe discard
		mux.ServeHTTP(&probe, r)
		if allow := probe.Header().Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			method.ServeHTTP(w, r)
			return
		}
		none.ServeHTTP(w, r)
	})
}

// discard is an answer nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// event is what one request leaves in the log: no personal data, no query, no
// token; the route pattern and not the path.
type event struct {
	route   string
	refusal string
	err     error
}

type eventKey struct{}

func eventOf(r *http.Request) *event {
	e, ok := r.Context().Value(eventKey{}).(*event)
	if !ok {
		return &event{}
	}
	return e
}

func noteRoute(r *http.Request, pattern string) { eventOf(r).route = pattern }
func noteError(r *http.Request, err error)      { eventOf(r).err = err }
func noteRefusal(r *http.Request, refusal *credential.Error) {
	eventOf(r).refusal = string(refusal.Kind) + "/" + refusal.Rule
}

// recorder counts what an answer was. It is the only wrapper of ResponseWriter.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += n
	return n, err
}

// Unwrap gives the answer to http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// logged writes one line per request and turns a panic into our page.
func (s *Server) logged(next http.Handler, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Now()
		e := &event{route: "none"}
		r = r.WithContext(context.WithValue(r.Context(), eventKey{}, e))
		if _, pattern := mux.Handler(r); pattern != "" {
			e.route = pattern
		}
		rec := &recorder{ResponseWriter: w}
		id := requestID()
		defer func() {
			if fault := recover(); fault != nil {
				if fault == http.ErrAbortHandler {
					panic(fault) // the server's own way to cut a connection
				}
				// The value may hold anything; its type and the stack do not.
				e.err = fmt.Errorf("panic of %T at %s", fault, debug.Stack())
				if rec.status == 0 {
					s.message(rec, r, http.StatusInternalServerError, "fault")
				}
			}
			took := s.Now().Sub(began)
			if s.Observe != nil {
				s.Observe(Request{Route: e.route, Method: methodOf(r), Status: rec.status, Refusal: e.refusal, Took: took})
			}
			level := slog.LevelInfo
			attrs := []slog.Attr{
				slog.String("route", e.route), slog.Int("status", rec.status), slog.Int("bytes", rec.bytes),
				slog.Duration("took", took), slog.String("request", id),
			}
			if e.refusal != "" {
				attrs = append(attrs, slog.String("refusal", e.refusal))
			}
			if e.err != nil {
				level = slog.LevelError
				attrs = append(attrs, slog.String("error", e.err.Error()))
			}
			s.Logger.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
		}()
		next.ServeHTTP(rec, r)
	})
}

// Request is what one request leaves for figures: words of the program's own and
// nothing that a client wrote.
type Request struct {
	Route   string // the pattern, "none" for a path that is none of ours
	Method  string // "other" for one that no page takes
	Status  int
	Refusal string // "kind/rule", "gone" for a client that left, empty for none
	Took    time.Duration
}

// methodOf keeps what a client may invent from being a figure's name.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return r.Method
	}
	return "other"
}

func requestID() string {
	var raw [9]byte
	rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
