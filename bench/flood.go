package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	floodLasts = 20 * time.Second
	// knownInFlood is how many people log in from browsers that they are known by,
	// each once a second, while the crowd does.
	knownInFlood = 20
	// impatience is after how long somebody who was refused presses again: long
	// before they were told to. Without it the crowd would be an attack on HTTP, by
	// one process on the cores of the server.
	impatience = time.Second
	// gateWait is how long the program lets somebody wait for a hash, as by default,
	// with the hash itself.
	gateWait = 10*time.Second + 500*time.Millisecond
)

// flood is what became of the log-ins of a crowd.
type flood struct {
	mu                      sync.Mutex
	served, refused, silent int       // in, told when to come again, neither
	slow                    int       // answered later than the gate's wait
	waits, refusals         []float64 // of those served and refused, in milliseconds
	odd                     string    // the first answer that was neither
}

// note counts an answer. One that was cut off with the flood was not an answer.
func (f *flood) note(ctx context.Context, answer page, err error) {
	if err != nil && ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	after, told := strconv.Atoi(answer.retryAfter)
	switch {
	case inside(answer, err) == nil:
		f.served++
		f.waits = append(f.waits, milliseconds(answer.took))
	case err == nil && answer.status == http.StatusServiceUnavailable && told == nil && after > 0:
		f.refused++
		f.refusals = append(f.refusals, milliseconds(answer.took))
	default:
		f.silent++
		if f.odd == "" {
			f.odd = fmt.Sprint(inside(answer, err))
		}
	}
	if answer.took > gateWait {
		f.slow++
	}
}

// floodFigures are what a crowd does that logs in for twenty seconds, each again as
// soon as they are in, and a second after a refusal; and the first log-in after it.
func floodFigures(ctx context.Context, env *Env, engine string, load loginLoad, crowd []*loginPerson, usual float64) ([]Figure, error) {
	lasts := floodLasts
	if env.Quick {
		lasts = 2 * time.Second
	}
	idle, err := load.p.Memory("VmRSS")
	if err != nil {
		return nil, err
	}
	err = together(parallel, len(crowd), func(i int) error { _, err := crowd[i].browser.open(ctx, pageLogIn); return err })
	if err != nil {
		return nil, err
	}
	var strangers, known flood
	var health []float64
	during, stop := context.WithTimeout(ctx, lasts)
	defer stop()
	var all sync.WaitGroup
	for _, q := range crowd {
		all.Go(func() {
			for during.Err() == nil {
				answer, err := q.logIn(during)
				strangers.note(during, answer, err)
				if answer.status != http.StatusSeeOther {
					select {
					case <-during.Done():
					case <-time.After(impatience):
					}
				}
			}
		})
	}
	for i, q := range load.people[:knownInFlood] {
		all.Go(func() {
			turn := time.NewTimer(time.Duration(i) * time.Second / knownInFlood)
			for {
				select {
				case <-during.Done():
					return
				case <-turn.C:
				}
				answer, err := q.logIn(during)
				known.note(during, answer, err)
				turn.Reset(time.Second)
			}
		})
	}
	var sick error
	all.Go(func() {
		probe := newCitizen(newClient(1), load.p.StaffURL)
		for during.Err() == nil {
			answer, err := probe.open(during, "/healthz")
			if err == nil {
				health = append(health, milliseconds(answer.took))
			} else if during.Err() == nil {
				sick = errors.Join(sick, err)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	all.Wait()
	// Those who still waited have gone. The next one finds an empty house.
	first, err := load.people[len(load.people)-1].logIn(ctx)
	err = errors.Join(sick, inside(first, err))
	if err != nil {
		return nil, err
	}
	peak, err := load.p.Memory("VmHWM")
	if err != nil {
		return nil, err
	}
	if strangers.odd != "" {
		env.Say("an answer of the crowd: %s", strangers.odd)
	}
	if known.odd != "" {
		env.Say("an answer to a known browser: %s", known.odd)
	}
	n := strangers.served + strangers.refused + strangers.silent
	beside := []Measure{{"served", float64(strangers.served), ""}, {"refused", float64(strangers.refused), ""}}
	told := append(waited("those let in", strangers.waits), waited("a refusal", strangers.refusals)...)
	return []Figure{{
		Name: "login/flood/memory", Engine: engine, What: "500 log in at a time for 20 s, peak memory", Value: peak / (1 << 20), Unit: "MiB", Target: atMost(250), Samples: n,
		Raw: append([]Measure{{"before", idle / (1 << 20), "MiB"}}, beside...),
		How: "VmHWM of the server process; five hundred people with browsers of their own, each logging in again as soon as they are in, and a second after a refusal, whatever Retry-After says",
	}, {
		Name: "login/flood/told", Engine: engine, What: "… neither let in nor told when, or later than the gate's wait", Value: float64(strangers.silent + strangers.slow), Target: atMost(0), Samples: n,
		Raw: append(told, beside...),
		How: "answers that are neither 303 to the account nor 503 with Retry-After, and those after 10.5 s",
	}, {
		Name: "login/flood/known", Engine: engine, What: "… log-ins from known browsers that were not let in", Value: float64(known.refused + known.silent + known.slow), Target: atMost(0), Samples: known.served + known.refused + known.silent,
		Raw: append(waited("those let in", known.waits), Measure{"let in", float64(known.served), ""}),
		How: "twenty people with their device cookies, each a second after the last answer, beside the crowd",
	}, {
		Name: "login/flood/health", Engine: engine, What: "… p99 of /healthz meanwhile", Value: percentile(health, 0.99), Unit: "ms", Target: atMost(100), Samples: len(health),
		Raw: []Measure{{"p50", median(health), "ms"}, {"slowest", percentile(health, 1), "ms"}},
		How: "one GET 5 ms after the other on one connection to the staff's listener",
	}, {
		Name: "login/flood/after", Engine: engine, What: "… the first log-in after it ÷ a usual one", Value: milliseconds(first.took) / usual, Target: atMost(5), Samples: 1,
		Raw: []Measure{{"the first", milliseconds(first.took), "ms"}, {"median with nobody else", usual, "ms"}},
		How: "the crowd is cut off in the middle of its requests, and somebody logs in at once",
	}}, nil
}

// waited is how long answers of a kind took; nothing where there were none, since
// the JSON file has no word for a value that is no number.
func waited(what string, waits []float64) []Measure {
	if len(waits) == 0 {
		return nil
	}
	return []Measure{
		{what + ", p50", median(waits), "ms"}, {"p99", percentile(waits, 0.99), "ms"}, {"slowest", percentile(waits, 1), "ms"},
	}
}
