package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"aldaba/internal/credential"
)

// firstFigures are what the first page of a procedure costs, as everybody gets
// it: with a captcha's challenge.
func firstFigures(ctx context.Context, env *Env) ([]Figure, error) {
	var figures []Figure
	for _, engine := range Engines {
		found, err := firstFigure(ctx, env, engine)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", engine, err)
		}
		figures = append(figures, found...)
	}
	return figures, nil
}

func firstFigure(ctx context.Context, env *Env, engine string) (_ []Figure, err error) {
	p, err := env.Demo(ctx, engine, "", 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	bare, err := startBare(ctx)
	if err != nil {
		return nil, err
	}
	defer bare.Kill()
	client := newClient(eight)
	ours, raw := newCitizen(client, p.URL), newCitizen(client, bare.URL)
	first, err := ours.open(ctx, pageStart)
	if err != nil {
		return nil, err
	}
	barePath := fmt.Sprintf("/%d", len(first.body))
	const block = 50 // pages between two readings of the processor's clock
	var cost, rawCost []float64
	for i := range env.Samples(50) + 1 {
		a, err := cpuOf(p, block, func() error { _, err := ours.open(ctx, pageStart); return err })
		if err != nil {
			return nil, err
		}
		b, err := cpuOf(bare, block, func() error { _, err := raw.open(ctx, barePath); return err })
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first block warms up
			cost, rawCost = append(cost, a), append(rawCost, b)
		}
	}
	captcha := credential.NewCaptcha([]byte("sixteen bytes or more"), 1, time.Minute)
	challenge, err := ownCPUOf(env.Samples(1000), func() error { captcha.Challenge(time.Now(), "start", 1); return nil })
	if err != nil {
		return nil, err
	}
	n := env.Samples(4000)
	waits, err := atOnce(n, func() (page, error) { return newCitizen(client, p.URL).open(ctx, pageStart) })
	if err != nil {
		return nil, err
	}
	rawWaits, err := atOnce(n, func() (page, error) { return newCitizen(client, bare.URL).open(ctx, barePath) })
	return []Figure{{
		Name: "first/cpu", Engine: engine, What: "first page, CPU per GET", Value: mean(cost), Unit: "ms", Target: atMost(1), Samples: len(cost) * block,
		Raw: []Measure{{"bare GET of as many bytes", mean(rawCost), "ms"}, {"a captcha's challenge", challenge, "ms"}, {"bytes", float64(len(first.body)), ""}},
		How: "processor time of the server process, one GET after the other on one connection, challenge of the captcha included",
	}, {
		Name: "first/p99", Engine: engine, What: "first page, p99 at 8 at a time", Value: percentile(waits, 0.99), Unit: "ms", Target: atMost(40), Samples: len(waits),
		Raw: []Measure{{"p50", median(waits), "ms"}, {"bare p99", percentile(rawWaits, 0.99), "ms"}},
		How: "eight clients, each one GET after the other, on the same cores as the server; 40 ms is Kratos' figure in docs/bench.md",
	}}, err
}

// eight clients at a time, as the figures of other systems have it.
const eight = 8

// cpuOf is the processor time of a program for one of n doings, in milliseconds.
func cpuOf(p *Program, n int, do func() error) (float64, error) {
	before, err := p.CPU()
	if err != nil {
		return 0, err
	}
	for range n {
		err = do()
		if err != nil {
			return 0, err
		}
	}
	after, err := p.CPU()
	return milliseconds(after-before) / float64(n), err
}

// atOnce gives how long each of n pages took, eight at a time, in milliseconds.
func atOnce(n int, ask func() (page, error)) (waits []float64, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range eight {
		all.Go(func() {
			for range n / eight {
				p, fault := ask()
				mu.Lock()
				waits, err = append(waits, milliseconds(p.took)), errors.Join(err, fault)
				failed := err != nil
				mu.Unlock()
				if failed {
					return
				}
			}
		})
	}
	all.Wait()
	return waits, err
}

// ownCPUOf is the processor time of this process for one of n doings, in
// milliseconds.
func ownCPUOf(n int, do func() error) (float64, error) {
	before := ownCPU()
	for range n {
		err := do()
		if err != nil {
			return 0, err
		}
	}
	return milliseconds(ownCPU()-before) / float64(n), nil
}
