package sqlstore

import (
	"context"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/stats"
)

var _ stats.Store = (*Store)(nil)

// figuresShard orders the updates of the public figures over all processes.
const figuresShard = 0

// maxFigures bounds how many rows one call takes.
const maxFigures = 1000

// ViewFigures implements [stats.Store].
func (s *Store) ViewFigures(ctx context.Context, f func(stats.Tx) error) error {
	return s.View(ctx, func(view credential.Tx) error { return f(view.(*tx)) })
}

// UpdateFigures implements [stats.Store].
func (s *Store) UpdateFigures(ctx context.Context, f func(stats.Tx) error) error {
	return s.Update(ctx, figuresShard, func(update credential.Tx) error { return f(update.(*tx)) })
}

// Count implements [credential.Tx]. It appends: a sum would make everybody who
// finishes wait for one row.
func (t *tx) Count(f credential.Figure) error {
	_, err := t.exec(`INSERT INTO figure_events (day, measure, kind, detail, bucket) VALUES ($1, $2, $3, $4, $5)`,
		stats.DayOf(f.At), string(f.Measure), string(f.Kind), f.Detail, int64(stats.Bucket(f.Took)))
	return wrap("counting", err)
}

// TakeEnded implements [stats.Tx]. One statement finds and marks them; on
// PostgreSQL those that somebody else is writing are left for the next time.
func (t *tx) TakeEnded(before time.Time, n int) ([]stats.Ended, error) {
	suffix := ""
	if t.store.dialect.forUpdate != "" {
		suffix = t.store.dialect.forUpdate + " SKIP LOCKED"
	}
	all, err := list(t, `WITH over_now AS MATERIALIZED (
			SELECT id FROM procedures WHERE counted = 0 AND expires_at < $1 ORDER BY expires_at LIMIT $2`+suffix+`)
		UPDATE procedures SET counted = 1 FROM over_now WHERE procedures.id = over_now.id
		RETURNING procedures.kind, procedures.step, procedures.ended, procedures.accepted, procedures.expires_at`,
		[]any{millis(before), int64(min(max(n, 0), maxFigures))},
		func(scan func(...any) error) (e stats.Ended, err error) {
			var accepted int64
			err = scan(&e.Kind, &e.Step, &e.End, &accepted, instant{&e.Over})
			e.Mailed = accepted > 0
			return e, err
		})
	if err != nil {
		return nil, wrap("counting what is over", err)
	}
	return all, nil
}

// TakeEvents implements [stats.Tx].
func (t *tx) TakeEvents(n int) ([]stats.Count, error) {
	all, err := list(t, `DELETE FROM figure_events WHERE id IN (SELECT id FROM figure_events ORDER BY id LIMIT $1)
		RETURNING day, measure, kind, detail, bucket, 1`, []any{int64(min(max(n, 0), maxFigures))}, scanCount)
	if err != nil {
		return nil, wrap("taking events", err)
	}
	return all, nil
}

func scanCount(scan func(...any) error) (c stats.Count, err error) {
	err = scan(&c.Day, &c.Measure, &c.Kind, &c.Detail, &c.Bucket, &c.N)
	return c, err
}

// AddCounts implements [stats.Tx].
func (t *tx) AddCounts(counts []stats.Count) error {
	for _, c := range counts {
		_, err := t.exec(`INSERT INTO figure_counts (day, measure, kind, detail, bucket, n) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (day, measure, kind, detail, bucket) DO UPDATE SET n = figure_counts.n + excluded.n`,
			c.Day, string(c.Measure), string(c.Kind), c.Detail, int64(c.Bucket), c.N)
		if err != nil {
			return wrap("summing up", err)
		}
	}
	return nil
}

// CountedMonths implements [stats.Tx].
func (t *tx) CountedMonths() ([]stats.Month, error) {
	all, err := list(t, `SELECT DISTINCT substr(day, 1, 7) FROM figure_counts ORDER BY 1`, nil,
		func(scan func(...any) error) (m stats.Month, err error) {
			err = scan(&m)
			return m, err
		})
	if err != nil {
		return nil, wrap("listing counted months", err)
	}
	return all, nil
}

// TakeCounts implements [stats.Tx].
func (t *tx) TakeCounts(m stats.Month) ([]stats.Count, error) {
	all, err := list(t, `DELETE FROM figure_counts WHERE day >= $1 AND day <= $2 RETURNING day, measure, kind, detail, bucket, n`,
		[]any{string(m) + "-01", string(m) + "-31"}, scanCount)
	if err != nil {
		return nil, wrap("taking a month's counts", err)
	}
	return all, nil
}

// Daily implements [stats.Tx].
func (t *tx) Daily(before string) ([]stats.Count, error) {
	all, err := list(t, `SELECT day, measure, '', '', 0, CAST(sum(n) AS BIGINT) FROM (
			SELECT day, measure, count(*) AS n FROM figure_events WHERE measure IN ($2, $3) AND day < $1 GROUP BY day, measure
			UNION ALL SELECT day, measure, n FROM figure_counts WHERE measure IN ($2, $3) AND day < $1) AS both_tables
		GROUP BY day, measure ORDER BY day, measure`,
		[]any{before, string(credential.FigureFinished), string(credential.FigureComplaint)}, scanCount)
	if err != nil {
		return nil, wrap("reading the daily figures", err)
	}
	return all, nil
}

// Records implements [stats.Tx].
func (t *tx) Records() ([]stats.Record, error) {
	all, err := list(t, `SELECT seq, month, state, at, body, heads, previous, signature FROM figure_records ORDER BY seq`, nil,
		func(scan func(...any) error) (r stats.Record, err error) {
			err = scan(&r.Seq, &r.Month, &r.State, instant{&r.At}, &r.Body, &r.Heads, exactly(r.Previous[:]), &r.Signature)
			return r, err
		})
	if err != nil {
		return nil, wrap("reading the records of figures", err)
	}
	return all, nil
}

// AddRecord implements [stats.Tx].
func (t *tx) AddRecord(r stats.Record) error {
	_, err := t.exec(`INSERT INTO figure_records (seq, month, state, at, body, heads, previous, signature)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		r.Seq, string(r.Month), string(r.State), millis(r.At), r.Body, r.Heads, r.Previous[:], r.Signature)
	return wrap("recording figures", err)
}
