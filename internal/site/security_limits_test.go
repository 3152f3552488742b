package site

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// verdict walks a number to its verdict with a date and answers of as.
func (b *browser) verdict(kind credential.ProcedureKind, p, as web.DemoPerson) *answer {
	b.w.t.Helper()
	page := b.send(http.MethodPost, "/clave/generar-recuperar", url.Values{"necesita": {string(kind)}, "documento": {p.Document},
		"soy": {"afiliado"}, "numero": {p.Number}}).want(303).follow().want(200)
	page.press("Continuar", page.proof(as)...).want(303)
	return b.send(http.MethodPost, journey[1], url.Values{"tramite": {page.procedure()}})
}

// review walks a number to the review page.
func (b *browser) review(kind credential.ProcedureKind, p, as web.DemoPerson) *answer {
	b.w.t.Helper()
	page := b.beginWith(kind, p.Document, p.Number, "afiliado").want(303).follow().want(200)
	return page.press("Continuar", page.proof(as)...).want(303).follow().want(200)
}

// attempt is one try in a history: when, and whether the date typed is the one
// of the person on record.
type attempt struct {
	after time.Duration // since the one before
	right bool
	owner bool // before it, the owner proves with everything right
}

// tries makes a history from a drawing: R and w are tries with the person's
// date and with another, O lets the owner in before the next one, and a space
// waits for gap.
func tries(drawing string, gap time.Duration) (all []attempt) {
	var next attempt
	for _, c := range drawing {
		switch c {
		case ' ':
			next.after += gap
			continue
		case 'O':
			next.owner = true
			continue
		case 'R':
			next.right = true
		}
		all = append(all, next)
		next = attempt{}
	}
	return all
}

// The refusals of a number fall after the same count, say the same and end at
// the same time, whatever was right and whether or not somebody has the number.
func TestS10_LimitsTellNothing(t *testing.T) {
	histories := []struct {
		name    string
		history []attempt
		want    string // statuses
	}{
		{"wrong dates", tries("wwwwwww", 0), "422×5 429×2"},
		{"right dates", tries("RRRRRRR", 0), "422×5 429×2"},
		{"mixed", tries("wRwRwRwR", 0), "422×5 429×3"},
		{"right first, spread over the day", tries("RRR www RRR", time.Hour), "422×5 429×4"},
		{"the owner comes between", tries("wwwwOwOwOR", time.Minute), "422×5 429×2"},
		{"the owner comes when all is spent", tries("RwRwR OR OwOR", time.Hour), "422×5 429×3"},
		{"the window slides", tries("w R w R w R w R w R", 5*time.Hour), "422×10"},
		{"one millisecond early, then on time", append(tries("RwRwR", 0),
			attempt{after: 24*time.Hour - time.Millisecond}, attempt{after: time.Millisecond, right: true}), "422×5 429×1 422×1"},
		{"twenty in all, by strangers", tries("wwwwww wwwwww wwwwww wwwwww wR wR", 24*time.Hour), "422×5 429×1 422×5 429×1 422×5 429×1 422×5 429×5"},
		{"twenty in all, by date", tries("RRRRRR RRRRRR RRRRRR RRRRRR RRw RRw", 24*time.Hour), "422×5 429×1 422×5 429×1 422×5 429×1 422×5 429×7"},
		{"twenty in all, forgotten", append(tries("RRRRR wwwww RRRRR wwwww R", 24*time.Hour),
			attempt{after: 26 * 24 * time.Hour, right: true}, attempt{}), "422×20 429×1 422×2"},
	}
	for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
		t.Run(string(kind), func(t *testing.T) {
			presets(t, func(t *testing.T, dsn string, preset option) {
				histories := histories
				if kind == credential.Generate { // the same counters: some will do
					if strings.HasPrefix(dsn, "postgres") {
						return
					}
					histories = histories[1:6]
				}
				w := newWorld(t, dsn, preset, idle(), people(60))
				if !w.has(string(kind)) {
					return
				}
				owners := w.owners(kind, len(histories))
				nobody := w.unknowns("cedula", len(histories))
				for i, h := range histories {
					owner := owners[i]
					// The same is typed for both: the owner's date, or another.
					right := web.DemoPerson{Birth: owner.Birth}
					wrong := web.DemoPerson{Birth: "1970-01-02"}
					var statuses []string
					for n, a := range h.history {
						w.clock.advance(a.after)
						if a.owner {
							owner = w.renewed(owner)
							w.browser().verdict(kind, owner, owner).want(303)
						}
						as := wrong
						if a.right {
							as = right
						}
						none, known := w.browser().verdict(kind, nobody[i], as), w.browser().verdict(kind, owner, as)
						masked := kind == credential.Recover
						if want, got := none.sight("verdict", masked), known.sight("verdict", masked); !reflect.DeepEqual(want, got) {
							t.Errorf("%s: try %d tells the owner from nobody:\n%s", h.name, n+1, clipText(cmp.Diff(want, got), 2000))
						}
						after, err := strconv.Atoi(known.Header().Get("Retry-After"))
						if (known.Code == 429) != (err == nil && after > 0) {
							t.Errorf("%s: status %d with Retry-After %q", h.name, known.Code, known.Header().Get("Retry-After"))
						}
						statuses = append(statuses, strconv.Itoa(known.Code))
					}
					if got := counted(statuses); got != h.want {
						t.Errorf("%s: statuses %s, want %s", h.name, got, h.want)
					}
					w.clock.advance(40 * 24 * time.Hour)
				}
			})
		})
	}
}

// owners gives n random people who may prove themselves by a kind.
func (w *world) owners(kind credential.ProcedureKind, n int) (list []web.DemoPerson) {
	w.t.Helper()
	for i := 1; len(list) < n; i++ {
		p, ok := w.people[fmt.Sprintf("azar-%d", i)]
		switch {
		case !ok:
			w.t.Fatalf("only %d people can %s", len(list), kind)
		case p.Document != "cedula", p.Locked:
		case kind == credential.Recover && p.Clave != "", kind == credential.Generate && p.Clave == "" && audienceOf(p) == "afiliado":
			list = append(list, p)
		}
	}
	return list
}

// counted writes runs of equal statuses as "422×5 429×2".
func counted(statuses []string) string {
	var runs []string
	for i, n := 0, 0; i < len(statuses); i++ {
		n++
		if i+1 == len(statuses) || statuses[i+1] != statuses[i] {
			runs = append(runs, fmt.Sprintf("%s×%d", statuses[i], n))
			n = 0
		}
	}
	return strings.Join(runs, " ")
}

// Of twelve at once five are verdicts, whoever has the number, and an owner who
// comes among strangers with wrong dates gets in.
func TestS10_AtOnce(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, idle())
		kind, provers := w.provers()
		owner := provers[0]
		dated := web.DemoPerson{Birth: owner.Birth}
		wrong := web.DemoPerson{Birth: "1970-01-02"}
		nobody := w.unknowns("cedula", 2)
		var want map[string]int
		for _, c := range []struct {
			name  string
			p     web.DemoPerson
			as    []web.DemoPerson
			owner bool
		}{
			{"nobody", nobody[0], []web.DemoPerson{dated}, false},
			{"nobody, mixed", nobody[1], []web.DemoPerson{dated, wrong}, false},
			{"right date", owner, []web.DemoPerson{dated}, false},
			{"mixed", provers[1], []web.DemoPerson{{Birth: provers[1].Birth}, wrong}, false},
			{"wrong dates and the owner", provers[2], []web.DemoPerson{wrong}, true},
		} {
			var pages []*answer
			for i := range 12 {
				pages = append(pages, w.browser().review(kind, c.p, c.as[i%len(c.as)]))
			}
			if c.owner {
				pages = append(pages, w.browser().review(kind, c.p, c.p))
			}
			answers := together(pages, func(a *answer) *answer { return a.press("Aceptar") })
			if c.owner {
				answers[12].want(303)
				continue
			}
			got := map[string]int{}
			for _, a := range answers {
				got[fmt.Sprintf("%d after %q", a.Code, a.Header().Get("Retry-After"))]++
			}
			if want == nil {
				want = map[string]int{`422 after ""`: 5, `429 after "86400"`: 7}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:\n%s", c.name, diff)
			}
		}
	})
}

// together does the same to several pages at the same time.
func together(pages []*answer, do func(*answer) *answer) []*answer {
	answers := make([]*answer, len(pages))
	var all sync.WaitGroup
	start := make(chan struct{})
	for i, page := range pages {
		all.Go(func() {
			<-start
			answers[i] = do(page)
		})
	}
	close(start)
	all.Wait()
	return answers
}

// A network that failed with too many numbers is refused for a known number as
// for one that nobody has; other networks are not.
func TestS10_NetworkRefusal(t *testing.T) {
	presetsOnce(t, networkRefusal)
}

func networkRefusal(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, idle(), with("numbers_per_network", "3"))
	kind, _ := w.provers()
	wrong := web.DemoPerson{Birth: "1970-01-02"}
	from := func(addr string) *browser {
		b := w.browser()
		b.addr = addr
		return b
	}
	for addr, failing := range map[string][]web.DemoPerson{
		"192.0.2.77:1":          w.unknowns("cedula", 3),
		"[2001:db8:1:2ff::1]:1": {w.people["nueva"], w.people["con-clave"], w.people["fallecida"]},
	} {
		b := func() *browser { return from(addr) }
		for _, p := range failing {
			for range 2 { // a number counts once
				b().verdict(kind, p, wrong).want(422)
			}
		}
		var want sight
		for _, p := range append(w.unknowns("cedula", 4)[3:], w.people["registro-delgado"], w.people["con-clave-presencial"]) {
			got := b().beginWith(kind, p.Document, p.Number, "afiliado").want(429).sight("Buscar", false)
			got.Body = strings.ReplaceAll(got.Body, p.Number, "<number>")
			if want.Request == "" {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s from %s:\n%s", p.Case, addr, clipText(diff, 2000))
			}
			if got.Header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", p.Case)
			}
		}
		// What failed already is no new number.
		b().beginWith(kind, failing[0].Document, failing[0].Number, "afiliado").want(http.StatusSeeOther)
		from("198.51.100.7:1").beginWith(kind, "cedula", w.people["registro-delgado"].Number, "afiliado").want(http.StatusSeeOther)
	}
}
