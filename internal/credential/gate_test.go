package credential

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGateServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2, 10, time.Minute)
		var mu sync.Mutex
		var order []int
		var inside, most atomic.Int32
		for i := range 8 {
			go func() {
				leave, err := g.Enter(t.Context())
				if err != nil {
					t.Errorf("Enter = %v", err)
					return
				}
				defer leave()
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				time.Sleep(time.Second + time.Duration(i)*time.Millisecond)
				inside.Add(-1)
			}()
			synctest.Wait()
		}
		if g.Running() != 2 || g.Waiting() != 6 {
			t.Errorf("running %d, waiting %d, want 2 and 6", g.Running(), g.Waiting())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []int{0, 1, 2, 3, 4, 5, 6, 7}; !slices.Equal(order, want) {
			t.Errorf("order = %v, want %v", order, want)
		}
		if most.Load() != 2 || g.Running() != 0 || g.Waiting() != 0 {
			t.Errorf("at most %d inside, then running %d, waiting %d", most.Load(), g.Running(), g.Waiting())
		}
	})
}

// A crowd fills its queue; those who are known still find a place, and half the slots.
func TestGateServesTheKnownInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 8, time.Minute)
		leave := mustEnter(t, g)
		var mu sync.Mutex
		var order []string
		wait := func(who string, enter func(context.Context) (func(), error)) {
			go func() {
				leave, err := enter(t.Context())
				if err != nil {
					t.Errorf("%s: %v", who, err)
					return
				}
				mu.Lock()
				order = append(order, who)
				mu.Unlock()
				leave()
			}()
			synctest.Wait()
		}
		for i := range 8 {
			wait(fmt.Sprint("stranger ", i), g.Enter)
		}
		if _, err := g.Enter(t.Context()); !IsKind(err, Unavailable) {
			t.Errorf("a ninth stranger: %v, want Unavailable", err)
		}
		for i := range 2 { // a quarter of the places
			wait(fmt.Sprint("known ", i), g.EnterKnown)
		}
		if _, err := g.EnterKnown(t.Context()); !IsKind(err, Unavailable) {
			t.Errorf("a third known one: %v, want Unavailable", err)
		}
		if g.Waiting() != 10 {
			t.Errorf("waiting = %d, want 10", g.Waiting())
		}
		leave()
		synctest.Wait()
		leave = mustEnter(t, g)
		for i := range 10 { // all places are theirs when nobody else comes
			wait(fmt.Sprint("known again ", i), g.EnterKnown)
		}
		leave()
		synctest.Wait()
		if len(order) != 20 {
			t.Errorf("%d were let in, want 20", len(order))
		}
		want := []string{"known 0", "stranger 0", "known 1", "stranger 1", "stranger 2"}
		if !slices.Equal(order[:5], want) {
			t.Errorf("order = %q, want it to begin %q", order, want)
		}
	})
}

func TestGateFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 2, 10*time.Second)
		// One stay of 1.5 s makes the estimate known.
		leave := mustEnter(t, g)
		time.Sleep(1500 * time.Millisecond)
		leave()

		leave = mustEnter(t, g)
		for range 2 {
			go func() {
				if _, err := g.Enter(t.Context()); !IsKind(err, Unavailable) {
					t.Errorf("Enter after the deadline = %v, want Unavailable", err)
				}
			}()
		}
		synctest.Wait()

		began := time.Now()
		_, err := g.Enter(t.Context())
		refusal, ok := errors.AsType[*Error](err)
		if !ok || refusal.Kind != Unavailable || refusal.Rule != "gate_full" || refusal.Field != "" {
			t.Fatalf("Enter of a full gate = %v, want gate_full", err)
		}
		// One inside and two waiting, 1.5 s each, are 4.5 s: five.
		if refusal.RetryAfter != 5*time.Second {
			t.Errorf("RetryAfter = %v, want 5s", refusal.RetryAfter)
		}
		if time.Since(began) != 0 {
			t.Error("a full gate made its refusal wait")
		}

		time.Sleep(10 * time.Second)
		synctest.Wait()
		if g.Waiting() != 0 || g.Running() != 1 {
			t.Errorf("after the deadline: waiting %d, running %d, want 0 and 1", g.Waiting(), g.Running())
		}
		if g.Refused() != 3 { // one at once, two by the deadline
			t.Errorf("refused = %d, want 3", g.Refused())
		}
		leave()
		if g.Running() != 0 {
			t.Errorf("running = %d, want 0", g.Running())
		}
	})
}

func mustEnter(t testing.TB, g *Gate) (leave func()) {
	t.Helper()
	leave, err := g.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

func TestGateWithoutQueue(t *testing.T) {
	for _, g := range []*Gate{NewGate(1, 0, time.Minute), NewGate(1, -1, time.Minute), NewGate(1, 5, 0)} {
		leave := mustEnter(t, g)
		if _, err := g.Enter(t.Context()); !IsKind(err, Unavailable) {
			t.Errorf("Enter = %v, want Unavailable at once", err)
		}
		leave()
		mustEnter(t, g)()
	}
	if got := NewGate(0, 0, 0).running; got != runtime.GOMAXPROCS(0) {
		t.Errorf("NewGate(0, …) runs %d at once, want one a core", got)
	}
}

// Before anything ended nothing is known but the longest wait.
func TestGateFirstEstimate(t *testing.T) {
	g := NewGate(1, 0, 2500*time.Millisecond)
	defer mustEnter(t, g)()
	_, err := g.Enter(t.Context())
	if refusal, ok := errors.AsType[*Error](err); !ok || refusal.RetryAfter != 3*time.Second {
		t.Errorf("Enter = %v, want RetryAfter 3s", err)
	}
}

func TestGateLeaveIsIdempotent(t *testing.T) {
	g := NewGate(2, 0, time.Second)
	leave := mustEnter(t, g)
	mustEnter(t, g)
	leave()
	leave()
	if g.Running() != 1 {
		t.Errorf("running = %d after one left twice, want 1", g.Running())
	}
}

func TestGateDropsThoseWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 3, time.Minute)
		leave := mustEnter(t, g)

		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := g.Enter(ctx)
			gone <- err
		}()
		synctest.Wait()
		served := make(chan func(), 1)
		go func() {
			leave, err := g.Enter(t.Context())
			if err != nil {
				t.Errorf("Enter = %v", err)
				leave = func() {}
			}
			served <- leave
		}()
		synctest.Wait()

		cancel()
		synctest.Wait()
		if err := <-gone; !errors.Is(err, context.Canceled) || IsKind(err, Unavailable) {
			t.Errorf("Enter of one who left = %v, want context.Canceled", err)
		}
		if g.Waiting() != 1 {
			t.Errorf("waiting = %d, want the one who is there", g.Waiting())
		}
		leave()
		(<-served)()
		if g.Running() != 0 || g.Waiting() != 0 {
			t.Errorf("running %d, waiting %d, want 0 and 0", g.Running(), g.Waiting())
		}
		if _, err := g.Enter(ctx); !errors.Is(err, context.Canceled) || g.Running() != 0 {
			t.Errorf("Enter with an ended context = %v, running %d", err, g.Running())
		}
	})
}

// One who left but has not been scheduled since to say so is passed over.
func TestGatePassesOverThoseWhoLeft(t *testing.T) {
	g := NewGate(1, 3, time.Minute)
	leave := mustEnter(t, g)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone, here := &waiter{ctx, make(chan struct{})}, &waiter{t.Context(), make(chan struct{})}
	g.waiting.PushBack(gone)
	g.waiting.PushBack(here)
	leave()
	select {
	case <-gone.admitted:
		t.Error("one who left was admitted")
	default:
	}
	select {
	case <-here.admitted:
	default:
		t.Error("the next was not admitted")
	}
}

// One who leaves in the instant in which the slot is handed over hands it on.
func TestGateHandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 3, time.Minute)
		mustEnter(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := g.Enter(ctx)
			result <- err
		}()
		synctest.Wait()
		g.mu.Lock()
		g.release()
		cancel()
		g.mu.Unlock()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Enter = %v, want context.Canceled", err)
		}
		if g.Running() != 0 {
			t.Errorf("running = %d, want the slot free", g.Running())
		}
	})
}

// A slot handed over in the instant in which its waiter leaves is not lost.
func TestGateLosesNoSlot(t *testing.T) {
	g := NewGate(3, 50, 200*time.Microsecond)
	var inside atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(rand.Uint64(), 1))
			for range 400 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(300))*time.Microsecond)
				if leave, err := g.Enter(ctx); err == nil {
					if n := inside.Add(1); n > 3 {
						t.Errorf("%d inside", n)
					}
					for range random.IntN(50) {
						runtime.Gosched()
					}
					inside.Add(-1)
					leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if g.Running() != 0 || g.Waiting() != 0 {
		t.Fatalf("afterwards running %d, waiting %d, want 0 and 0", g.Running(), g.Waiting())
	}
}

// The gate must cost nothing beside a hash: compare hashes a second at the
// default parameters with and without it, and with many more clients than
// cores.
func BenchmarkGate(b *testing.B) {
	params := HashParams{MemoryKiB: 19456, Passes: 2}
	secret := []byte("gato verde luna mar")
	for _, clients := range []int{1, 50} {
		b.Run(fmt.Sprintf("raw/%d", clients), func(b *testing.B) {
			b.SetParallelism(clients)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					params.Hash(secret)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hashes/s")
		})
		b.Run(fmt.Sprintf("gate/%d", clients), func(b *testing.B) {
			g := NewGate(0, 1000, time.Minute)
			b.SetParallelism(clients)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					leave, err := g.Enter(b.Context())
					if err != nil {
						b.Error(err)
						return
					}
					params.Hash(secret)
					leave()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hashes/s")
		})
	}
}
