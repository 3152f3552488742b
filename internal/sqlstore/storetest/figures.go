package storetest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/stats"
)

func updateFigures(t testing.TB, s Store, f func(tx stats.Tx) error) {
	t.Helper()
	err := s.UpdateFigures(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
}

// figures: what acts append is summed up and taken, each once; what is over is
// counted once; records stand as they were written.
func figures(t *testing.T, e *env) {
	who := newSubject()
	night := time.Date(2026, time.December, 1, 4, 59, 59, 0, time.UTC) // still November in Ecuador
	morning := night.Add(time.Second)
	finished := credential.Figure{Measure: credential.FigureFinished, Kind: credential.Recover, At: night, Took: 3 * time.Minute}
	next := finished
	next.At, next.Kind = morning, credential.KindChange
	e.update(t, who, func(tx credential.Tx) error {
		return errors.Join(tx.Count(finished), tx.Count(finished), tx.Count(next),
			tx.Count(credential.Figure{Measure: credential.FigureMail, Kind: credential.Recover, At: night, Took: time.Second}))
	})
	if err := e.store.Update(t.Context(), who.Shard(), func(tx credential.Tx) error {
		return errors.Join(tx.Count(finished), errors.New("the act failed"))
	}); err == nil {
		t.Fatal("an act that failed was none")
	}
	day := func(s string, m credential.Measure, k credential.ProcedureKind, bucket int, n int64) stats.Count {
		return stats.Count{Day: s, Measure: m, Kind: k, Bucket: bucket, N: n}
	}
	daily := func(before string) (all []stats.Count) {
		err := e.other.ViewFigures(t.Context(), func(tx stats.Tx) (err error) {
			all, err = tx.Daily(before)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	wantDaily := []stats.Count{day("2026-11-30", credential.FigureFinished, "", 0, 2), day("2026-12-01", credential.FigureFinished, "", 0, 1)}
	same := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	same("the days of events", daily("2026-12-02"), wantDaily)
	same("the days before one", daily("2026-12-01"), wantDaily[:1])

	bucket := stats.Bucket(3 * time.Minute)
	for i := range 3 { // all, none, and summed up again
		updateFigures(t, e.store, func(tx stats.Tx) error {
			events, err := tx.TakeEvents(10)
			if want := []int{4, 0, 0}[i]; len(events) != want {
				t.Errorf("TakeEvents = %d, want %d", len(events), want)
			}
			return errors.Join(err, tx.AddCounts(events))
		})
	}
	same("the days of sums", daily("2026-12-02"), wantDaily)
	updateFigures(t, e.store, func(tx stats.Tx) error {
		months, err1 := tx.CountedMonths()
		same("the counted months", months, []stats.Month{"2026-11", "2026-12"})
		counts, err2 := tx.TakeCounts("2026-11")
		slices.SortFunc(counts, func(a, b stats.Count) int { return strings.Compare(string(a.Measure), string(b.Measure)) })
		same("what a month holds", counts, []stats.Count{
			day("2026-11-30", credential.FigureFinished, credential.Recover, bucket, 2),
			day("2026-11-30", credential.FigureMail, credential.Recover, stats.Bucket(time.Second), 1),
		})
		again, err3 := tx.TakeCounts("2026-11")
		if len(again) != 0 {
			t.Errorf("a month was taken twice: %v", again)
		}
		return errors.Join(err1, err2, err3)
	})

	over, finishedOne, alive := fullProcedure(t, who), fullProcedure(t, who), fullProcedure(t, who)
	over.Kind, over.Step, over.End, over.Accepted, over.ExpiresAt = credential.Generate, credential.StepSent, credential.NotEnded, t0, t0.Add(-time.Hour)
	finishedOne.Kind, finishedOne.Step, finishedOne.End, finishedOne.Accepted = credential.Recover, credential.StepDone, credential.Finished, time.Time{}
	finishedOne.ExpiresAt, alive.ExpiresAt = t0.Add(-time.Minute), t0
	e.update(t, who, func(tx credential.Tx) error {
		return errors.Join(tx.CreateProcedure(over), tx.CreateProcedure(finishedOne), tx.CreateProcedure(alive))
	})
	take := func() (ended []stats.Ended) {
		updateFigures(t, e.store, func(tx stats.Tx) (err error) {
			ended, err = tx.TakeEnded(t0, 10)
			return err
		})
		slices.SortFunc(ended, func(a, b stats.Ended) int { return a.Over.Compare(b.Over) })
		return ended
	}
	same("what is over", take(), []stats.Ended{
		{Kind: credential.Generate, Step: credential.StepSent, Mailed: true, Over: over.ExpiresAt},
		{Kind: credential.Recover, Step: credential.StepDone, End: credential.Finished, Over: finishedOne.ExpiresAt},
	})
	same("what is over, again", len(take()), 0)
	e.update(t, who, func(tx credential.Tx) error {
		p, err := tx.Procedure(over.ID)
		if err != nil {
			return err
		}
		return tx.SaveProcedure(p) // whoever writes to one that was counted does not make it uncounted
	})
	same("what is over, written again", len(take()), 0)

	record := stats.Record{
		Seq: 1, Month: "2026-11", State: stats.Closed, At: t0, Body: []byte("{}"), Heads: []byte("[]"),
		Previous: newHash(), Signature: make([]byte, 64),
	}
	correction := record
	correction.Seq, correction.State = 2, stats.Correction
	updateFigures(t, e.store, func(tx stats.Tx) error { return errors.Join(tx.AddRecord(record), tx.AddRecord(correction)) })
	if err := e.store.ViewFigures(t.Context(), func(tx stats.Tx) error {
		all, err := tx.Records()
		same("the records", all, []stats.Record{record, correction})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for what, second := range map[string]stats.Record{
		"the same number": {Seq: 2, Month: "2026-12", State: stats.Closed}, "a month closed twice": {Seq: 3, Month: "2026-11", State: stats.Earlier},
	} {
		second.At, second.Body, second.Heads, second.Signature = t0, record.Body, record.Heads, record.Signature
		if err := e.store.UpdateFigures(t.Context(), func(tx stats.Tx) error { return tx.AddRecord(second) }); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
}

// figuresTakenOnce: several processes sum up at once while people go on finishing,
// and nothing is counted twice or lost.
func figuresTakenOnce(t *testing.T, e *env) {
	const writers, each = 4, 25
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for range each {
				who := newSubject()
				err := e.store.Update(t.Context(), who.Shard(), func(tx credential.Tx) error {
					return tx.Count(credential.Figure{Measure: credential.FigureFinished, Kind: credential.Generate, At: t0})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	sumUp := func(s Store) (n int) {
		err := s.UpdateFigures(t.Context(), func(tx stats.Tx) error {
			events, err := tx.TakeEvents(7)
			n = len(events)
			return errors.Join(err, tx.AddCounts(events))
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	for _, s := range []Store{e.store, e.other} {
		done.Go(func() {
			for range 20 {
				sumUp(s)
			}
		})
	}
	done.Wait()
	for sumUp(e.store) > 0 {
	}
	updateFigures(t, e.store, func(tx stats.Tx) error {
		counts, err := tx.TakeCounts(stats.MonthOf(t0))
		if len(counts) != 1 || counts[0].N != writers*each {
			t.Errorf("summed up: %v, want %d", counts, writers*each)
		}
		return err
	})
}
