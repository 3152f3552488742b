package credential

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAttemptsRoom walks random histories of a counter beside the plainest model
// of it: a list of charges that stand.
func TestAttemptsRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := limit{
			Count:  rapid.IntRange(1, 5).Draw(t, "count"),
			Window: time.Duration(rapid.IntRange(1, 100).Draw(t, "window")) * time.Minute,
			Total:  rapid.IntRange(0, 8).Draw(t, "total"),
		}
		now := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
		var a Attempts
		var stand []time.Time // every charge ever taken and not given back
		total := 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute)
			inWindow := 0
			for _, at := range stand {
				if at.After(now.Add(-l.Window)) {
					inWindow++
				}
			}
			closed := l.Total > 0 && total >= l.Total
			ok, again := a.room(now, l)
			if want := !closed && inWindow < l.Count; ok != want {
				t.Fatalf("room with %d in the window of %d and %d of %d in all: %v", inWindow, l.Count, total, l.Total, ok)
			}
			switch {
			case ok, closed:
				if !again.IsZero() {
					t.Fatalf("room says when to come again (%v) where time changes nothing", again)
				}
			default:
				if before, _ := a.room(again.Add(-time.Millisecond), l); before {
					t.Fatalf("there is room before %v", again)
				}
				if then, _ := a.room(again, l); !then {
					t.Fatalf("there is no room at %v, when it was promised", again)
				}
			}
			if !ok {
				continue
			}
			a.take(now, l.Window)
			stand, total = append(stand, now), total+1
			if rapid.Bool().Draw(t, "given back") {
				a.giveBack(now)
				stand, total = stand[:len(stand)-1], total-1
			}
			if a.Total != total {
				t.Fatalf("the counter says %d in all, want %d", a.Total, total)
			}
			if len(a.Times) > l.Count || !slices.IsSortedFunc(a.Times, time.Time.Compare) {
				t.Fatalf("the counter keeps %v for a limit of %d", a.Times, l.Count)
			}
		}
	})
}

// TestGiveBackIsItsOwn: a success gives its own slot back, never another's (S16).
func TestGiveBackIsItsOwn(t *testing.T) {
	now := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	var a Attempts
	for i := range 3 {
		a.take(now.Add(time.Duration(i)*time.Second), day)
	}
	a.giveBack(now.Add(time.Second))
	a.giveBack(now.Add(time.Second)) // it is gone: a second time gives nothing
	a.giveBack(now.Add(time.Hour))   // never taken
	want := []time.Time{now, now.Add(2 * time.Second)}
	if !slices.Equal(a.Times, want) || a.Total != 2 {
		t.Errorf("after giving one of three back the counter holds %v, %d in all", a.Times, a.Total)
	}
}

// TestAttemptsBackwards: the demo's clock may be set back; order and count hold.
func TestAttemptsBackwards(t *testing.T) {
	now := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	var a Attempts
	for _, shift := range []time.Duration{0, -time.Hour, -2 * time.Hour} {
		a.take(now.Add(shift), day)
	}
	if ok, _ := a.room(now.Add(-2*time.Hour), limit{Count: 3, Window: day}); ok {
		t.Error("setting the clock back opened a full window")
	}
	if !slices.IsSortedFunc(a.Times, time.Time.Compare) {
		t.Errorf("charges out of order: %v", a.Times)
	}
}
