package site

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// crowd is how many people press at the same time.
const crowd = 500

// memoryBound is the most heap that a crowd may add: two hashes at once of 19
// MiB, what the collector lets lie beside them and the program's lists, and room
// for 500 requests. Without the gate 500 hashes would take 9.5 GB.
const memoryBound = 256 << 20

// watch samples the heap and the operators' pages until the returned function is
// called; that one gives the most that the heap held over what it held before.
func (w *world) watch() func() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before, most := heap(), uint64(0)
	operation := w.site.Operation()
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			most = max(most, heap())
			if n%50 == 0 {
				for _, path := range []string{"/healthz", "/readyz"} {
					b := w.browser()
					a := (&browser{w: &world{t: w.t, handler: operation}, cookies: b.cookies, addr: b.addr}).get(path)
					if a.Code != http.StatusOK {
						w.t.Errorf("%s says %d in a crowd", path, a.Code)
					}
				}
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	return func() uint64 {
		close(stop)
		watching.Wait()
		return most - min(most, before)
	}
}

// lean sends without reading the page that comes back: a crowd's pages would
// cost more than the program.
func (b *browser) lean(method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Host, r.RemoteAddr = "aldaba.example", b.addr
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	b.w.handler.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return rec
}

// crowded puts one person each, with what comes before the step behind them,
// into a browser of their own.
func (w *world) crowded(step credential.Step) (people []web.DemoPerson, browsers []*browser) {
	w.t.Helper()
	keys, now := w.site.config.Keys, w.clock.Now().UTC()
	err := w.site.Store.Update(w.t.Context(), 0, func(tx credential.Tx) error {
		people, browsers = nil, nil
		for i := 1; len(people) < crowd; i++ {
			p, ok := w.people[fmt.Sprintf("azar-%d", i)]
			if !ok {
				return fmt.Errorf("only %d people", len(people))
			}
			if p.Clave != "" || p.Email != "" {
				continue
			}
			number, err := credential.ParseNumber(credential.Document(p.Document), p.Number)
			if err != nil {
				return err
			}
			s := keys.Subject(number)
			id := credential.NewSeedID(s)
			// What the browser of a procedure holds, and what the database keeps of it.
			secret := []byte(fmt.Sprintf("%032d", i))
			b := w.browser()
			b.cookies["tramite"] = id.String() + "." + base64.RawURLEncoding.EncodeToString(secret)
			b.addr = fmt.Sprintf("198.51.%d.%d:40000", i/250, i%250+1)
			err = tx.CreateProcedure(credential.Procedure{
				ID: id, Subject: s, Kind: credential.Generate, Step: step, Policy: credential.Ficha2026,
				Browser: keys.Lookup("secret:browser", secret), Reference: "AAAA-BBBB", CreatedAt: now, ExpiresAt: now.Add(time.Hour),
				Typed: credential.Typed{
					Document: credential.Document(p.Document), Number: number, Audience: credential.Audience(audienceOf(p)),
					Day: 1, Month: 1, Email: fmt.Sprintf("persona%d@correo.example", i),
					Bank: credential.AnswerSet{Questions: credential.PersonalQuestions()[:3], Hash: "$argon2id$", Normaliser: 1},
				},
			})
			if err != nil {
				return err
			}
			p.Email = fmt.Sprintf("persona%d@correo.example", i)
			people, browsers = append(people, p), append(browsers, b)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return people, browsers
}

// all does the same for everyone at the same time.
func all(browsers []*browser, do func(i int, b *browser) *httptest.ResponseRecorder) []*httptest.ResponseRecorder {
	answers := make([]*httptest.ResponseRecorder, len(browsers))
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, b := range browsers {
		wg.Go(func() {
			<-start
			answers[i] = do(i, b)
		})
	}
	close(start)
	wg.Wait()
	return answers
}

// Five hundred people ask for their mail at once, then open its link at once,
// then press «Generar» at once, with real argon2id: memory stays bounded, each is
// answered or clearly told to come back, nothing confirmed is lost, and health is
// green all the while.
func TestS26_FiveHundredAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("measures memory: make test runs it without the race detector")
	}
	for _, engine := range []string{"sqlite", "postgres"} { // one after the other, and beside no other test
		t.Run(engine, func(t *testing.T) {
			w := newWorld(t, dsnOf(t, engine), once("hash_memory_kib", "19456", "hash_passes", "2",
				"gate_running", "2", "gate_queue", "60", "gate_wait", "1s"),
				func(_ *Config, c *worldConfig) { c.people = crowd + 400 })
			first := credential.StepContactReview
			if engine == "postgres" { // the mails are the same; the writes are not
				first = credential.StepClave
			}
			people, browsers := w.crowded(first)
			peak := w.watch()
			form := func(b *browser, pairs ...string) url.Values {
				id, _, _ := strings.Cut(b.cookies["tramite"], ".")
				values := url.Values{"tramite": {id}}
				for i := 0; i < len(pairs); i += 2 {
					values.Set(pairs[i], pairs[i+1])
				}
				return values
			}
			if first == credential.StepContactReview {
				w.crowdOpens(people, browsers, form)
			}
			clave := func(i int) string { return fmt.Sprintf("colibrí-maletín-%d-abrigo", i*7919) }
			generate := func(i int, b *browser) *httptest.ResponseRecorder {
				return b.lean(http.MethodPost, journey[6], form(b, "declaro", "si", "clave", clave(i), "repita", clave(i)))
			}
			set := w.answered("Generar", all(browsers, generate))
			if added := peak(); added > memoryBound {
				t.Errorf("a crowd of %d took %d MiB, the bound is %d", crowd, added>>20, memoryBound>>20)
			} else {
				t.Logf("the heap grew by %d MiB at most", added>>20)
			}
			refused := 0
			for i, p := range people {
				account, err := w.account(p)
				switch {
				case set[i] && (err != nil || account.Clave == ""):
					t.Errorf("a clave that was confirmed is lost: %v", err)
				case !set[i] && err == nil:
					t.Error("a clave was set for somebody who was told to come back")
				case set[i] && i%10 == 0 && !credential.VerifyHash(account.Clave, []byte(clave(i))):
					t.Error("the stored clave is another one's")
				case !set[i]: // a few come back, as they were told, and are served
					if refused++; refused > 3 {
						continue
					}
					if a := generate(i, browsers[i]); a.Code != http.StatusSeeOther {
						t.Errorf("one who came back got %d", a.Code)
					}
				}
			}
			if refused == 0 {
				t.Error("nobody was refused: the gate was not full, and this tests nothing")
			}
		})
	}
}

// crowdOpens takes a crowd from the review of the address through its mails and
// links to the last page.
func (w *world) crowdOpens(people []web.DemoPerson, browsers []*browser, form func(*browser, ...string) url.Values) {
	w.t.Helper()
	step := func(what string, do func(i int, b *browser) *httptest.ResponseRecorder) {
		w.t.Helper()
		for i, served := range w.answered(what, all(browsers, do)) {
			if served {
				continue
			}
			if a := do(i, browsers[i]); a.Code != http.StatusSeeOther {
				w.t.Fatalf("%s: one who came back got %d", what, a.Code)
			}
		}
	}
	step("mail", func(_ int, b *browser) *httptest.ResponseRecorder {
		return b.lean(http.MethodPost, journey[4], form(b))
	})
	links := make([]string, len(people))
	for i, p := range people {
		w.waitFor("mail", func() bool { return len(w.mails(p.Email, "")) == 1 })
		links[i] = linkIn(w.t, w.mails(p.Email, "")[0], "/clave/enlace/")
	}
	w.settled()
	step("link", func(i int, b *browser) *httptest.ResponseRecorder {
		if a := b.lean(http.MethodGet, links[i], nil); a.Code != http.StatusSeeOther {
			return a
		}
		return b.lean(http.MethodPost, "/clave/enlace", form(b))
	})
}

// answered says who was served; whoever was not got a clear refusal.
func (w *world) answered(what string, answers []*httptest.ResponseRecorder) (served []bool) {
	w.t.Helper()
	n := 0
	for _, a := range answers {
		ok := a.Code == http.StatusSeeOther
		if served = append(served, ok); ok {
			n++
			continue
		}
		after, err := strconv.Atoi(a.Header().Get("Retry-After"))
		if a.Code != http.StatusServiceUnavailable || err != nil || after < 1 || !strings.Contains(a.Body.String(), "<main") {
			w.t.Fatalf("%s: status %d, Retry-After %q: %s", what, a.Code, a.Header().Get("Retry-After"), clipText(a.Body.String(), 300))
		}
	}
	w.t.Logf("%s: %d served, %d told to come back", what, n, len(answers)-n)
	if n == 0 {
		w.t.Errorf("%s: nobody was served", what)
	}
	return served
}
