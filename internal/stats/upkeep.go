package stats

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"aldaba/internal/credential"
)

const (
	// batch is how many rows one transaction of an upkeep takes, so that nobody
	// waits long for it.
	batch = 500

	// grace is how long after a procedure's end it counts as over: longer than a
	// use case that read the clock before it can take.
	grace = 10 * time.Minute

	// closingDelay is how long after its end a month is closed: a day, so that
	// everything that belongs to it is in.
	closingDelay = 24 * time.Hour
)

// Upkept is what an upkeep did.
type Upkept struct {
	Ended     int     // procedures whose end was counted
	Closed    []Month // months that were closed
	Corrected []Month // closed or earlier months for which something came late
}

// Upkeep counts what nobody's act counts, sums up, and closes every month that
// ended more than a day ago. Each stride is a transaction of its own and can be
// repeated: a process that dies anywhere has lost nothing, and of two that do it
// together one finds nothing to do.
func (s *Service) Upkeep(ctx context.Context, by credential.Actor) (u Upkept, err error) {
	now := s.now()
	for n := batch; n == batch; {
		n, err = s.countEnded(ctx, now)
		if err != nil {
			return u, err
		}
		u.Ended += n
	}
	for n := batch; n == batch; {
		err = s.store.UpdateFigures(ctx, func(tx Tx) (err error) {
			n, err = sumUp(tx)
			return err
		})
		if err != nil {
			return u, err
		}
	}
	for {
		month, state, err := s.recordOne(ctx, by, now)
		switch {
		case err != nil, month == "":
			s.forget()
			return u, err
		case state == Correction:
			u.Corrected = append(u.Corrected, month)
		default:
			u.Closed = append(u.Closed, month)
		}
	}
}

// countEnded counts how a batch of procedures ended.
func (s *Service) countEnded(ctx context.Context, now time.Time) (n int, err error) {
	err = s.store.UpdateFigures(ctx, func(tx Tx) error {
		ended, err := tx.TakeEnded(now.Add(-grace), batch)
		if err != nil {
			return err
		}
		n = len(ended)
		var counts []Count
		for _, e := range ended {
			if how := outcome(e); how != "" {
				counts = append(counts, Count{Day: DayOf(e.Over), Measure: credential.FigureUnfinished, Kind: e.Kind, Detail: how, N: 1})
			}
		}
		return tx.AddCounts(sum(counts))
	})
	return n, err
}

// How a procedure ended that did not finish. The others are gaveUp with a step.
const (
	outcomeReplaced = "replaced" // another one of the same person finished
	outcomeObjected = "objected" // «No fui yo»
	outcomeExpired  = "expired"  // its mail left, and nobody used the link or the code in time
	outcomeNoMail   = "no_mail"  // none left: there was nobody to send it to, or no relay took it
	gaveUp          = "gave_up_"
)

// outcome is how a procedure that is over did not finish; empty for one that did,
// which its act has counted, and for a kind that the public is not told of.
func outcome(e Ended) string {
	switch {
	case e.End == credential.Finished, !slices.Contains(publicKinds, e.Kind):
		return ""
	case e.End == credential.Replaced:
		return outcomeReplaced
	case e.End == credential.Objected:
		return outcomeObjected
	case e.Step == credential.StepSent && !e.Mailed:
		return outcomeNoMail
	case e.Step == credential.StepSent:
		return outcomeExpired
	}
	return gaveUp + string(e.Step)
}

// sumUp moves a batch of what acts appended into the sums.
func sumUp(tx Tx) (n int, err error) {
	events, err := tx.TakeEvents(batch)
	if err != nil {
		return 0, err
	}
	return len(events), tx.AddCounts(sum(events))
}

// sum adds up what is the same, in order.
func sum(counts []Count) []Count {
	all := map[Count]int64{}
	for _, c := range counts {
		n := c.N
		c.N = 0
		all[c] += n
	}
	list := make([]Count, 0, len(all))
	for c, n := range all {
		c.N = n
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(strings.Compare(a.Day, b.Day), cmp.Compare(a.Measure, b.Measure), cmp.Compare(a.Kind, b.Kind),
			strings.Compare(a.Detail, b.Detail), cmp.Compare(a.Bucket, b.Bucket))
	})
	return list
}

// freeze makes of a month's sums what is kept of it. It empties their days.
func freeze(counts []Count) (f frozen) {
	byDay := map[string]*Day{}
	for i, c := range counts {
		counts[i].Day = ""
		if c.Measure != credential.FigureFinished && c.Measure != credential.FigureComplaint {
			continue
		}
		day, ok := byDay[c.Day]
		if !ok {
			day = &Day{Day: c.Day}
			byDay[c.Day] = day
		}
		if c.Measure == credential.FigureFinished {
			day.Attentions, f.Attentions = day.Attentions+c.N, f.Attentions+c.N
		} else {
			day.Complaints, f.Complaints = day.Complaints+c.N, f.Complaints+c.N
		}
	}
	for _, day := range byDay {
		f.Days = append(f.Days, *day)
	}
	slices.SortFunc(f.Days, func(a, b Day) int { return strings.Compare(a.Day, b.Day) })
	f.Counts = sum(counts)
	return f
}

// recordOne records one thing that is due: a correction, or the oldest month to be
// closed; month is empty when nothing is.
func (s *Service) recordOne(ctx context.Context, by credential.Actor, now time.Time) (month Month, state State, err error) {
	err = s.store.UpdateFigures(ctx, func(tx Tx) error {
		month, state = "", ""
		for n := batch; n == batch; { // what came meanwhile
			var err error
			n, err = sumUp(tx)
			if err != nil {
				return err
			}
		}
		records, err := tx.Records()
		if err != nil {
			return err
		}
		counted, err := tx.CountedMonths()
		if err != nil {
			return err
		}
		month, state = due(records, counted, now)
		if month == "" {
			return nil
		}
		counts, err := tx.TakeCounts(month)
		if err != nil {
			return err
		}
		c, err := s.chainAt(tx, records, now)
		if err != nil {
			return err
		}
		err = c.add(month, state, freeze(counts))
		if err != nil {
			return err
		}
		return c.finish(by)
	})
	return month, state, err
}

// due is what is to be recorded next: something that came for a month that is
// recorded already, or the oldest month of this program that ended more than a
// day ago. A month without anything, after others, is closed too.
func due(records []Record, counted []Month, now time.Time) (Month, State) {
	var last Month // closed
	recorded := map[Month]bool{}
	for _, r := range records {
		recorded[r.Month] = true
		if r.State == Closed {
			last = max(last, r.Month)
		}
	}
	for _, m := range counted {
		if recorded[m] {
			return m, Correction
		}
	}
	next := last.next()
	if len(counted) > 0 && (last == "" || counted[0] < next) {
		next = counted[0]
	} else if last == "" {
		return "", ""
	}
	for recorded[next] { // the institution's own figure of it stands
		next = next.next()
	}
	if now.Before(next.end().Add(closingDelay)) {
		return "", ""
	}
	return next, Closed
}
