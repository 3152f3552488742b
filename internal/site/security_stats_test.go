package site

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aldaba/internal/credential"
	"aldaba/internal/stats"
)

// upkeep does what the program does every hour.
func (w *world) upkeep() stats.Upkept {
	w.t.Helper()
	done, err := w.site.Stats.Upkeep(w.t.Context(), credential.Actor{Kind: credential.System, Route: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// figures reads the CSV that the public gets, without its header.
func (w *world) figures(query string) [][]string {
	w.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(w.browser().get("/transparencia.csv" + query).want(200).Body.String())).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	return rows[1:]
}

// monthOf gives the row of a month in a state, nil without one.
func monthOf(rows [][]string, month, state string) []string {
	for _, row := range rows {
		if row[0]+"-"+row[1] == month && row[4] == state {
			return row
		}
	}
	return nil
}

// update writes to the store of a world.
func (w *world) update(f func(credential.Tx) error) {
	w.t.Helper()
	err := w.site.Store.Update(w.t.Context(), 0, f)
	if err != nil {
		w.t.Fatal(err)
	}
}

// The page shows the institution's 28 months as they were given, and what was done
// on its pages; a closed month never changes.
func TestS30_FiguresEqualTheEvents(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		err := exampleFigures(t.Context(), w.site.Stats)
		if err != nil {
			t.Fatal(err)
		}
		given := monthsGiven(t)
		if diff := cmp.Diff(given, w.figures("")); diff != "" {
			t.Errorf("the months given:\n%s", diff)
		}
		page := w.browser().get("/transparencia").want(200).text()
		if n := len(given); n != 28 || !strings.Contains(page, "1.478.647") {
			t.Errorf("%d rows, want 28 and their sum: %s", n, clipText(page, 300))
		}

		want := w.live()
		w.clock.advance(time.Minute)                           // for so long the last answer is given again
		w.publishes(want.public(given, "2026-11-19", nil), "") // the present day is not published yet
		w.clock.advance(time.Date(2026, time.December, 2, 4, 59, 0, 0, time.UTC).Sub(w.clock.Now()))
		if done := w.upkeep(); len(done.Closed) != 0 {
			t.Errorf("%v closed within a day of its end", done.Closed)
		}
		w.publishes(want.public(given, "2026-11-30", nil), "")
		w.clock.advance(2 * time.Minute)
		if done := w.upkeep(); !slices.Equal(done.Closed, []stats.Month{"2026-11"}) {
			t.Errorf("closed %v, want November", done.Closed)
		}
		if done := w.upkeep(); done.Ended+len(done.Closed)+len(done.Corrected) != 0 {
			t.Errorf("a second upkeep did %+v", done)
		}
		w.publishes(want.public(given, "2026-12-01", []string{"2026-11"}), "2026-11")

		// What comes late is a row of its own.
		before := w.record(29)
		w.update(func(tx credential.Tx) error {
			return tx.Count(credential.Figure{Measure: credential.FigureFinished, Kind: credential.Recover, At: w.clock.Now().Add(-72 * time.Hour)})
		})
		if done := w.upkeep(); !slices.Equal(done.Corrected, []stats.Month{"2026-11"}) {
			t.Errorf("corrected %v, want November", done.Corrected)
		}
		if !cmp.Equal(before, w.record(29)) {
			t.Error("a closed month changed")
		}
		want.attended = append(want.attended, attention{kind: credential.Recover, at: w.clock.Now().Add(-72 * time.Hour), late: true})
		w.publishes(want.public(given, "2026-12-01", []string{"2026-11"}), "2026-11")
		if text := w.browser().get("/transparencia").want(200).text(); !strings.Contains(text, "noviembre de 2026 corrección") || !strings.Contains(text, "+1") {
			t.Error("the page does not show the correction")
		}

		// Figures outlive everybody they count.
		rows, days := w.figures(""), w.figures("?por=dia")
		for _, table := range []string{"people", "accounts", "addresses", "procedures", "audit_people"} {
			w.exec("DELETE FROM " + table)
		}
		w.clock.advance(2 * time.Hour)
		w.upkeep()
		if !cmp.Equal(rows, w.figures("")) || !cmp.Equal(days, w.figures("?por=dia")) {
			t.Error("the figures changed with the people")
		}
	})
}

// fill puts attentions and procedures that nobody finished into November, more of
// them at once than any use case does.
func (w *world) fill(finished, unfinished int) {
	w.t.Helper()
	at := time.Date(2026, time.November, 10, 12, 0, 0, 0, time.UTC)
	w.update(func(tx credential.Tx) error {
		for range finished {
			err := tx.Count(credential.Figure{Measure: credential.FigureFinished, Kind: credential.Recover, At: at, Took: time.Minute})
			if err != nil {
				return err
			}
		}
		for i := range unfinished {
			s := credential.Subject{0: byte(i), 14: byte(i >> 8), 15: byte(i)}
			err := tx.CreateProcedure(credential.Procedure{
				ID: credential.NewSeedID(s), Subject: s, Kind: credential.Recover, Step: credential.StepProve, CreatedAt: at, ExpiresAt: at.Add(pagesLife),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// live goes every way through the real pages that ends in an attention, and some
// that do not.
func (w *world) live() *tally {
	w.t.Helper()
	c := &tally{}
	attended := func(kind credential.ProcedureKind) {
		a := attention{kind: kind, at: w.clock.Now()}
		if kind != credential.KindChange && kind != credential.KindFirstClave {
			a.took = time.Millisecond // the clock stands
		}
		c.attended = append(c.attended, a)
	}
	left := func(kind credential.ProcedureKind, how string, life time.Duration) {
		c.unfinished = append(c.unfinished, unfinished{kind, how, w.clock.Now().Add(life)})
	}
	w.browser().finished(credential.Generate, w.people["nueva"], "nueva@correo.example", goodClave)
	attended(credential.Generate)
	p := w.people["con-clave"]
	m := w.browser().finished(credential.Recover, p, p.Email, goodClave)
	attended(credential.Recover)
	w.browser().get(linkIn(w.t, m, "/clave/enlace/")).want(410) // used: no second attention
	b := w.browser()
	b.get("/clave/cambiar").want(200).press("Cambiar clave", "documento", p.Document, "numero", p.Number, "actual", goodClave,
		"clave", "otro-sendero-nublado-31", "repita", "otro-sendero-nublado-31", "acuerdo", "si").want(303)
	attended(credential.KindChange)
	w.browser().get("/clave/cambiar").want(200).press("Cambiar clave", "documento", p.Document, "numero", p.Number, "actual", "equivocada del todo",
		"clave", goodClave, "repita", goodClave, "acuerdo", "si").want(422)
	first := w.people["primera-clave"]
	b = w.browser()
	b.get("/clave/cambiar").want(200).press("Cambiar clave", "documento", first.Document, "numero", first.Number, "actual", first.Clave,
		"clave", goodClave, "repita", goodClave, "acuerdo", "si").want(303)
	attended(credential.KindFirstClave)
	locked := w.people["bloqueada-presencial"]
	w.browser().askUnlock(locked).want(303)
	w.waitFor("unlock mail", func() bool { return len(w.mails(locked.Email, unlockSubject)) > 0 })
	w.settled()
	w.browser().get(linkIn(w.t, w.mails(locked.Email, unlockSubject)[0], "/clave/enlace/")).want(303).follow().want(200).press("Desbloquear mi clave").want(303)
	attended(credential.Unlock)
	// Who loses the verdict, and who is nobody, give up at the same step: they type
	// once more, and end it there.
	for _, who := range []string{"extranjera", "nobody"} {
		p := w.people["pensionista"]
		if who == "nobody" {
			p = w.unknowns("cedula", 1)[0]
		}
		w.browser().losing(credential.Recover, p, w.people["derechohabiente"], false)
		left(credential.Recover, leftReview, pagesLife)
	}
	// Whoever asks for an unlock that is not theirs gets no mail.
	w.browser().askUnlock(w.people["nueva"]).want(303)
	left(credential.Unlock, noMail, mailCap)
	return c
}

// publishes compares everything that is published with what happened; the page breaks
// one month down.
func (w *world) publishes(want published, month string) {
	w.t.Helper()
	inCSV, inJSON := w.inFiles()
	for _, one := range []struct {
		where     string
		want, got published
	}{
		{"JSON", want, inJSON},
		{"CSV", published{Months: want.Months, Days: want.Days}, inCSV},
		{"page", want.asOnPage(month), w.onPage(month)},
	} {
		if diff := cmp.Diff(one.want, one.got, cmpopts.EquateEmpty()); diff != "" {
			w.t.Errorf("%v, %s:\n%s", w.clock.Now(), one.where, diff)
		}
	}
}

// After a month of traffic through the use cases the public reads exactly what
// happened: months, days and, of a closed month, its breakdown, on the page and in
// both files.
func TestS30_AMonthOfTraffic(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of procedures one after the other: make test runs it without the race detector")
	}
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle(), func(_ *Config, c *worldConfig) {
			c.people, c.start = residents, monthStart.Add(-time.Hour)
		})
		err := exampleFigures(t.Context(), w.site.Stats)
		if err != nil {
			t.Fatal(err)
		}
		m := newMonth(w)
		m.ordinary()
		given := monthsGiven(t)
		m.until(monthStart.Add(13*24*time.Hour + 12*time.Hour))
		m.publishes(m.tally.public(given, "2026-11-13", []string{"2026-10"}), "2026-10")
		m.until(monthEnd.Add(24*time.Hour - time.Minute))
		m.publishes(m.tally.public(given, "2026-11-30", []string{"2026-10"}), "2026-10")
		m.until(monthEnd.Add(24 * time.Hour))
		m.publishes(m.tally.public(given, "2026-12-01", []string{"2026-10", "2026-11"}), "2026-11")

		// A clock that was wrong: what comes for a closed month stands beside it.
		m.clock.advance(-60 * time.Hour)
		m.changes()
		m.tally.attended[len(m.tally.attended)-1].late = true
		m.until(monthEnd.Add(26 * time.Hour))
		m.publishes(m.tally.public(given, "2026-12-01", []string{"2026-10", "2026-11"}), "2026-11")

		if n, least := len(m.tally.attended)+len(m.tally.unfinished), 2000; n < least {
			t.Errorf("the month had %d procedures, want %d at least", n, least)
		}
		if n, err := m.site.Stats.Verify(t.Context()); err != nil || n != len(given)+3 {
			t.Errorf("Verify = %d, %v; want the months given, two that were closed and a correction", n, err)
		}
	})
}

// monthsGiven are the institution's earlier months as they are to be published.
func monthsGiven(t *testing.T) [][]string {
	t.Helper()
	given, err := csv.NewReader(strings.NewReader(string(exampleMonths))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range given {
		given[i] = append(given[i], "anterior")
	}
	return given[1:]
}

// record reads the n-th record.
func (w *world) record(n int) (r stats.Record) {
	w.t.Helper()
	err := w.site.Store.ViewFigures(w.t.Context(), func(tx stats.Tx) error {
		all, err := tx.Records()
		if err == nil && len(all) >= n {
			r = all[n-1]
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// Nothing in the tables of the figures is of anybody: every value is a date, a
// number or a word of the program's own.
func TestS30_FiguresHoldNoPersonalData(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		want := map[credential.ProcedureKind]int64{}
		for _, a := range w.live().attended {
			want[a.kind]++
		}
		w.clock.advance(time.Hour)
		harmless := regexp.MustCompile(`^(\d{1,4}|\d{4}-\d{2}-\d{2}|[a-z_]{0,32})$`)
		look := func(table string, least int) {
			t.Helper()
			n := 0
			w.behind(func(db *sql.DB) error {
				rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
				if err != nil {
					return err
				}
				columns, err := rows.Columns()
				for rows.Next() && err == nil {
					n++
					values := make([]any, len(columns))
					for i := range values {
						values[i] = new(any)
					}
					err = rows.Scan(values...)
					for i, value := range values {
						if text := fmt.Sprint(*value.(*any)); !harmless.MatchString(text) {
							t.Errorf("%s.%s holds %q", table, columns[i], text)
						}
					}
				}
				return errors.Join(err, rows.Err(), rows.Close())
			})
			if n < least {
				t.Errorf("%s has %d rows, want at least %d", table, n, least)
			}
		}
		look("figure_events", 8) // five attentions, three mails with links
		w.upkeep()
		look("figure_counts", 5)
		w.clock.advance(40 * 24 * time.Hour)
		w.upkeep()
		var frozen struct{ Counts []stats.Count }
		err := json.Unmarshal(w.record(1).Body, &frozen)
		if err != nil {
			t.Fatal(err)
		}
		exact := map[credential.ProcedureKind]int64{}
		for _, c := range frozen.Counts {
			if c.Measure == credential.FigureFinished {
				exact[c.Kind] += c.N
			}
			if timed := c.Kind != credential.KindChange && c.Kind != credential.KindFirstClave; c.Measure == credential.FigureFinished && timed != (c.Bucket > 0) {
				t.Errorf("%s took %d", c.Kind, c.Bucket)
			}
		}
		if diff := cmp.Diff(want, exact); diff != "" {
			t.Errorf("the attentions by procedure:\n%s", diff)
		}
		body := string(w.record(1).Body)
		for _, p := range w.people {
			for _, theirs := range []string{p.Number, p.Email, p.Surnames} {
				if theirs != "" && strings.Contains(body, theirs) {
					t.Errorf("the record of a month holds %q", theirs)
				}
			}
		}
		if !regexp.MustCompile(`^[{}\[\]",:a-z_0-9-]+$`).MatchString(body) {
			t.Errorf("the record of a month holds more than words and numbers: %s", body)
		}
	})
}

// The verifier names the first month that does not hold: edited, deleted in the
// middle or at the end, its signature taken from another, or the whole table.
func TestS30_VerifyNamesTheMonth(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	err := exampleFigures(t.Context(), w.site.Stats)
	if err != nil {
		t.Fatal(err)
	}
	w.fill(50, 10)
	w.clock.advance(50 * 24 * time.Hour)
	if done := w.upkeep(); !slices.Equal(done.Closed, []stats.Month{"2026-11", "2026-12"}) { // December had nothing, and is closed too
		t.Fatalf("closed %v", done.Closed)
	}
	n, err := w.site.Stats.Verify(t.Context())
	if err != nil || n != 30 {
		t.Fatalf("Verify = %d, %v; want 30 records", n, err)
	}
	keep := func() { w.exec("CREATE TABLE kept AS SELECT * FROM figure_records") }
	restore := func() {
		w.exec("DELETE FROM figure_records")
		w.exec("INSERT INTO figure_records SELECT * FROM kept")
	}
	keep()
	for _, tt := range []struct{ name, query, want string }{
		{"a figure edited", `UPDATE figure_records SET body = CAST(replace(CAST(body AS TEXT), 'attentions":43110', 'attentions":43111') AS BLOB) WHERE seq = 2`, "figures of 2024-02: record 2: edited"},
		{"its state", `UPDATE figure_records SET state = 'earlier' WHERE seq = 29`, "figures of 2026-11: record 29: edited"},
		{"its day", `UPDATE figure_records SET at = at + 1 WHERE seq = 5`, "figures of 2024-05: record 5: edited"},
		{"its audit heads", `UPDATE figure_records SET heads = CAST('[]' AS BLOB) WHERE seq = 7`, "record 7: edited"},
		{"another's signature", `UPDATE figure_records SET signature = (SELECT signature FROM figure_records WHERE seq = 3) WHERE seq = 4`, "record 4: edited"},
		{"deleted in the middle", `DELETE FROM figure_records WHERE seq = 12`, "record 12: missing"},
		{"the last", `DELETE FROM figure_records WHERE seq = 30`, "figures of 2026-12: record 30: deleted"},
		{"the last two", `DELETE FROM figure_records WHERE seq >= 29`, "figures of 2026-11: record 29: deleted"},
		{"all", `DELETE FROM figure_records`, "record 28: deleted"},
	} {
		if w.exec(tt.query) == 0 {
			t.Errorf("%s: nothing was changed", tt.name)
		}
		_, err := w.site.Stats.Verify(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		restore()
	}
	// Nothing is built on what does not hold.
	w.exec(`UPDATE figure_records SET at = at + 1 WHERE seq = 30`)
	w.update(func(tx credential.Tx) error {
		return tx.Count(credential.Figure{Measure: credential.FigureFinished, Kind: credential.Recover, At: w.clock.Now()})
	})
	w.clock.advance(60 * 24 * time.Hour)
	_, err = w.site.Stats.Upkeep(t.Context(), credential.Actor{Kind: credential.System})
	if err == nil || !strings.Contains(err.Error(), "record 30: edited") {
		t.Errorf("a month was closed behind an edited one: %v", err)
	}
}

// Several processes that close together close once, and what one leaves undone
// the next one does.
func TestS30_ClosingIsOnce(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle())
		w.fill(700, 600)
		w.clock.advance(15 * 24 * time.Hour)
		// A process that is stopped on the way: some of its strides are done.
		ctx, cancel := context.WithCancel(t.Context())
		other, err := stats.New(stats.Config{Store: stopping{w.site.Store, cancel, new(int)}, Keys: w.site.config.Keys, Now: w.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Upkeep(ctx, credential.Actor{Kind: credential.System}); err == nil {
			t.Fatal("an upkeep that was stopped was not")
		}
		var together sync.WaitGroup
		closed := make(chan stats.Month, 9)
		for range 3 {
			s, err := stats.New(stats.Config{Store: w.site.Store, Keys: w.site.config.Keys, Now: w.clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			together.Go(func() {
				done, err := s.Upkeep(t.Context(), credential.Actor{Kind: credential.System})
				if err != nil {
					t.Error(err)
				}
				for _, m := range done.Closed {
					closed <- m
				}
			})
		}
		together.Wait()
		close(closed)
		if n := len(closed); n != 1 {
			t.Errorf("closed %d times", n)
		}
		if row := monthOf(w.figures(""), "2026-11", "cerrado"); row == nil || row[3] != "700" {
			t.Errorf("the closed month is %v, want 700 attentions", row)
		}
		if rows := w.figures(""); len(rows) != 1 {
			t.Errorf("rows %v, want one", rows)
		}
	})
}

// stopping stops whoever uses it after a few updates.
type stopping struct {
	stats.Store
	stop func()
	n    *int
}

func (s stopping) UpdateFigures(ctx context.Context, f func(stats.Tx) error) error {
	if *s.n++; *s.n == 3 {
		s.stop()
	}
	return s.Store.UpdateFigures(ctx, f)
}

// The institution's earlier figures are taken once; what differs is refused, or
// with a reason becomes a row that everybody sees.
func TestEarlierFigures(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	by := credential.Actor{Kind: credential.Staff, Route: "test"}
	bring := func(text, reason string) (stats.Imported, error) {
		t.Helper()
		rows, err := stats.ReadEarlier(strings.NewReader(stats.EarlierHeader + "\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		return w.site.Stats.Import(t.Context(), by, rows, reason)
	}
	const three = "2024,2,1,200\n2024,1,0,100\n2024,3,0,300\n"
	for i, want := range []stats.Imported{{Added: 3}, {Same: 3}} {
		if done, err := bring(three, ""); err != nil || done != want {
			t.Fatalf("import %d = %+v, %v; want %+v", i+1, done, err, want)
		}
	}
	for _, tt := range []struct{ name, text, want string }{
		{"other figures", "2024,4,0,400\n2024,2,1,201\n", "line 3: 2024-02 is recorded with 1 complaints and 200 attentions"},
		{"the present month", "2026,11,0,1\n", "line 2: 2026-11 is counted by this program itself"},
		{"a month to come", "2027,1,0,1\n", "line 2: 2027-01 has not ended"},
	} {
		_, err := bring(tt.text, "")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if rows := w.figures(""); len(rows) != 3 {
		t.Errorf("after refusals there are %v", rows)
	}
	const reason = "=Se contó dos veces un día"
	if done, err := bring("2024,2,1,190\n2024,1,0,100\n", reason); err != nil || done != (stats.Imported{Same: 1, Corrected: 1}) {
		t.Errorf("correcting = %+v, %v", done, err)
	}
	if done, err := bring("2024,2,1,190\n", reason); err != nil || done != (stats.Imported{Same: 1}) {
		t.Errorf("correcting again = %+v, %v", done, err)
	}
	want := [][]string{
		{"2024", "1", "0", "100", "anterior"}, {"2024", "2", "1", "200", "anterior"}, {"2024", "2", "0", "-10", "correccion"}, {"2024", "3", "0", "300", "anterior"},
	}
	if diff := cmp.Diff(want, w.figures("")); diff != "" {
		t.Errorf("after a correction:\n%s", diff)
	}
	if text := w.browser().get("/transparencia").want(200).text(); !strings.Contains(text, reason) || !strings.Contains(text, "−10") || !strings.Contains(text, "590") {
		t.Error("the page lacks the correction, its reason or the sum")
	}
	for _, bad := range []string{strings.Repeat("x", 201), "two\nlines"} {
		if _, err := bring(three, bad); err == nil {
			t.Errorf("the reason %q was taken", clipText(bad, 20))
		}
	}
	if _, err := w.site.Stats.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// The files say what they are, may be kept as long as they are the same, and what
// is asked for and is none is 404.
func TestFiguresFiles(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	err := exampleFigures(t.Context(), w.site.Stats)
	if err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{
		"/transparencia": "text/html; charset=utf-8", "/transparencia.csv": "text/csv; charset=utf-8", "/transparencia.json": "application/json; charset=utf-8",
	} {
		a := w.browser().get(path).want(200)
		if got := a.Header().Get("Content-Type"); got != kind {
			t.Errorf("%s is %s", path, got)
		}
		if got := a.Header().Get("Cache-Control"); !strings.Contains(got, "no-cache") {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if tag := a.Header().Get("ETag"); path != "/transparencia" {
			b := w.browser()
			b.header.Set("If-None-Match", tag)
			if again := b.get(path); again.Code != http.StatusNotModified {
				t.Errorf("%s with its tag: %d", path, again.Code)
			}
		}
		if len(a.Result().Cookies()) != 0 {
			t.Errorf("%s sets a cookie", path)
		}
	}
	for _, path := range []string{"/transparencia?mes=2026-10", "/transparencia?mes=x", "/transparencia.csv?por=hora"} {
		w.browser().get(path).want(404)
	}
}

// A demo whose clock is moved past a month's end closes it soon, without waiting
// for the hour.
func TestMovedClockClosesMonths(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	w.update(func(tx credential.Tx) error {
		return tx.Count(credential.Figure{Measure: credential.FigureFinished, Kind: credential.Recover, At: w.clock.Now()})
	})
	w.clock.advance(20 * 24 * time.Hour)
	w.site.clockMoved()
	w.waitFor("closed month", func() bool { return monthOf(w.figures(""), "2026-11", "cerrado") != nil })
}
