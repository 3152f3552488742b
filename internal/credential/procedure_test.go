package credential

import (
	"testing"
	"time"
)

// TestMailClock: from which instant a link holds, until when, and what the
// waiting page says meanwhile.
func TestMailClock(t *testing.T) {
	policy := presets[Ficha2026] // life 3 minutes, cap 2 hours
	at := func(minutes float64) time.Time {
		return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(minutes * float64(time.Minute)))
	}
	for _, c := range []struct {
		name      string
		procedure Procedure
		until     time.Time
		now       time.Time
		state     MailState
	}{
		{"held", Procedure{HoldUntil: at(60)}, time.Time{}, at(59), MailHeld},
		{"hold over", Procedure{HoldUntil: at(60)}, time.Time{}, at(60), MailQueued},
		{"queued", Procedure{}, time.Time{}, at(0), MailQueued},
		{"tried", Procedure{Attempted: at(0)}, at(120), at(1), MailTrying},
		{"tried and never taken", Procedure{Attempted: at(0)}, at(120), at(120), MailExpired},
		{"taken", Procedure{Attempted: at(0), Accepted: at(1)}, at(4), at(3.9), MailLeft},
		{"taken and over", Procedure{Attempted: at(0), Accepted: at(1)}, at(4), at(4), MailExpired},
		{"taken late: the cap counts", Procedure{Attempted: at(0), Accepted: at(119)}, at(120), at(119.5), MailLeft},
		{"sent again late: the first one's cap counts", Procedure{Attempted: at(119), Accepted: at(119), ExpiresAt: at(120)}, at(120), at(119.5), MailLeft},
		{"refused", Procedure{Attempted: at(0), Typed: Typed{Refused: true}}, at(120), at(1), MailRefusedBy},
	} {
		if c.procedure.ExpiresAt.IsZero() {
			c.procedure.ExpiresAt = at(600)
		}
		until := c.procedure.validUntil(policy)
		if !until.Equal(c.until) {
			t.Errorf("%s: valid until %v, want %v", c.name, until, c.until)
		}
		if got := mailState(c.procedure, until, c.now); got != c.state {
			t.Errorf("%s: %s, want %s", c.name, got, c.state)
		}
	}
}

// TestPositions: under each policy each step of a kind counts one further than the
// one before, within the number the page shows.
func TestPositions(t *testing.T) {
	for name, policy := range presets {
		for _, kind := range []ProcedureKind{Generate, Recover} {
			for _, untold := range []bool{false, true} {
				last := 1 // the first page
				untold = untold || policy.neverTells(kind)
				for _, step := range append(policy.steps(kind, untold, false), StepDone) {
					n, of := policy.Position(Progress{Kind: kind, Step: step, Untold: untold})
					if step != StepDone && n != last+1 || n > of {
						t.Errorf("%s, %s, %s: step %d of %d after %d", name, kind, step, n, of, last)
					}
					last = n
				}
			}
		}
	}
}
