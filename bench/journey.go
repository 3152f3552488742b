package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"aldaba/internal/credential"
)

// journeyFigures are the processor time of a whole generate and a whole recover
// over that of the two argon2id hashes that each needs, with the program's own
// parameters.
func journeyFigures(ctx context.Context, env *Env) ([]Figure, error) {
	var figures []Figure
	for _, engine := range Engines {
		for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
			f, err := journeyFigure(ctx, env, engine, kind)
			if err != nil {
				return figures, fmt.Errorf("%s, %s: %w", kind, engine, err)
			}
			figures = append(figures, f)
		}
	}
	return figures, nil
}

func journeyFigure(ctx context.Context, env *Env, engine string, kind credential.ProcedureKind) (_ Figure, err error) {
	const population = 300
	box, err := OpenSink()
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	p, err := env.Demo(ctx, engine, box.Addr(), population, "captcha_cost=0", "proven_mails=100", "people_per_mailbox=10000")
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	walkers := fakes(population).first
	target := 1.40
	if kind == credential.Recover {
		walkers, target = fakes(population).again, 1.35
	}
	policy, err := credential.Preset(credential.Ficha2026)
	if err != nil {
		return Figure{}, err
	}
	params := policy.HashParams()
	client := newClient(1)
	var whole, hashes []float64
	for i := range env.Samples(100) + warmUp {
		before, err := p.CPU()
		if err != nil {
			return Figure{}, err
		}
		err = newCitizen(client, p.URL).whole(ctx, kind, walkers[i%len(walkers)], box)
		if err != nil {
			return Figure{}, fmt.Errorf("journey %d: %w", i, err)
		}
		time.Sleep(settle)
		after, err := p.CPU()
		if err != nil {
			return Figure{}, err
		}
		raw := ownCPU()
		params.Hash([]byte(goodClave))
		params.Hash([]byte(goodClave))
		raw = ownCPU() - raw
		if i < warmUp {
			continue
		}
		whole = append(whole, milliseconds(after-before))
		hashes = append(hashes, milliseconds(raw))
	}
	value, err := ratio(whole, hashes)
	return Figure{
		Name: "cpu/" + string(kind), Engine: engine, What: "CPU of a whole " + string(kind) + " ÷ its hashes", Value: value,
		Target: atMost(target), Samples: len(whole),
		Raw: []Measure{{"two hashes", mean(hashes), "ms"}, {"the procedure", mean(whole), "ms"}},
		How: "processor time of the server process from the first page to «Listo», its mail and the collector's work included, captcha left out, " +
			"over two argon2id of 19 MiB and 2 passes made in turns in the measuring process; PostgreSQL's own processes are not counted",
	}, err
}

const (
	// warmUp is how many come before those that are counted: statements are
	// prepared and pages loaded once.
	warmUp = 3
	// settle is how long the program gets for what follows a procedure: the
	// record that its mail left, the collector.
	settle = 10 * time.Millisecond
)

// ownCPU is how much processor time this process has used.
func ownCPU() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0 // it has no way to fail
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
