package credential

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Gate bounds how many hashes run at once, and how many wait for that. Each
// takes a core for tens of milliseconds and MemoryKiB of memory, so without a
// bound a crowd would exhaust both and everybody would be served late or never.
// Those who wait are served in the order in which they came; those whom the gate
// is told are known (see [Gate.EnterKnown]) wait in a queue of their own, which
// gets every other slot, so that a crowd of strangers keeps none of them out.
type Gate struct {
	running int
	wait    time.Duration

	mu       sync.Mutex
	inside   int
	refused  uint64
	waiting  waitingQueue
	known    waitingQueue
	hadKnown bool          // the last slot that was handed over went to a known one
	typical  time.Duration // how long a stay lasts, a moving average; zero before the first ended
}

// waitingQueue is of *waiter, first come first.
type waitingQueue struct {
	list.List
	places int
}

// waiter is one place in the queue. admitted is closed, under the lock, by the
// one who leaves and hands over the slot.
type waiter struct {
	ctx      context.Context
	admitted chan struct{}
}

// NewGate returns a gate with running slots (0 or less: as many as cores), a
// queue of queue places (0 or less: none), a quarter as many for known ones
// besides, and the longest wait in it.
func NewGate(running, queue int, wait time.Duration) *Gate {
	if running <= 0 {
		running = runtime.GOMAXPROCS(0)
	}
	queue = max(queue, 0)
	return &Gate{running: running, wait: wait, waiting: waitingQueue{places: queue}, known: waitingQueue{places: (queue + 3) / 4}}
}

// Enter takes a slot, waiting for one if need be. After a nil error the caller
// owns the slot until it calls leave, which may be called more than once.
//
// A full queue and a wait that lasts too long are refused as Unavailable with
// rule "gate_full" and RetryAfter, in whole seconds, when the present queue
// should be served. If ctx ends, Enter leaves the queue and returns its error,
// wrapped; a client who went away never takes a slot.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	return g.enter(ctx, &g.waiting)
}

// EnterKnown is [Gate.Enter] for who has shown already to be more than a number:
// a browser that the person is known by. Where their own queue is full they wait
// with the others.
func (g *Gate) EnterKnown(ctx context.Context) (leave func(), err error) {
	return g.enter(ctx, &g.known)
}

func (g *Gate) enter(ctx context.Context, queue *waitingQueue) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, entering(err)
	}
	g.mu.Lock()
	// A slot is free only when nobody waits: leaving hands it over.
	if g.inside < g.running {
		g.inside++
		g.mu.Unlock()
		return g.stay(), nil
	}
	if queue.Len() >= queue.places {
		queue = &g.waiting
	}
	if queue.Len() >= queue.places || g.wait <= 0 {
		defer g.mu.Unlock()
		return nil, g.full()
	}
	w := &waiter{ctx, make(chan struct{})}
	place := queue.PushBack(w)
	g.mu.Unlock()

	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case <-w.admitted:
	case <-ctx.Done():
	case <-timer.C:
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.admitted:
		if err := ctx.Err(); err != nil { // both at once: hand the slot on
			g.release()
			return nil, entering(err)
		}
		return g.stay(), nil
	default:
	}
	queue.Remove(place)
	if err := ctx.Err(); err != nil {
		return nil, entering(err)
	}
	return nil, g.full()
}

func entering(err error) error { return fmt.Errorf("entering the hash gate: %w", err) }

// Running returns how many slots are taken.
func (g *Gate) Running() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}

// Waiting returns how many wait for a slot.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inQueues()
}

// Refused returns how many were refused a place.
func (g *Gate) Refused() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// stay begins a stay inside and returns what ends it.
func (g *Gate) stay() (leave func()) {
	began := time.Now()
	var once sync.Once
	return func() {
		once.Do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.learn(time.Since(began))
			g.release()
		})
	}
}

// learn takes a stay of one eighth into the average.
func (g *Gate) learn(stay time.Duration) {
	if g.typical == 0 {
		g.typical = stay
		return
	}
	g.typical += (stay - g.typical) / 8
}

// inQueues is how many wait. The lock is held.
func (g *Gate) inQueues() int { return g.waiting.Len() + g.known.Len() }

// release hands a slot to the first in a queue who is still there, the queues in
// turns, or frees it. The lock is held.
func (g *Gate) release() {
	for g.inQueues() > 0 {
		g.hadKnown = g.known.Len() > 0 && (!g.hadKnown || g.waiting.Len() == 0)
		queue := &g.waiting
		if g.hadKnown {
			queue = &g.known
		}
		w := queue.Remove(queue.Front()).(*waiter)
		if w.ctx.Err() == nil {
			close(w.admitted)
			return
		}
	}
	g.inside--
}

// full is the refusal, with an estimate of when those inside and those in the
// queues will have been served: their number times a typical stay, over the
// slots. Before any stay has ended nothing is known and it is the longest wait.
// The lock is held.
func (g *Gate) full() *Error {
	g.refused++
	estimate := g.wait
	if g.typical > 0 {
		estimate = g.typical * time.Duration(g.inside+g.inQueues()) / time.Duration(g.running)
	}
	seconds := max((estimate+time.Second-1)/time.Second, 1)
	return &Error{Kind: Unavailable, Rule: "gate_full", RetryAfter: seconds * time.Second}
}
