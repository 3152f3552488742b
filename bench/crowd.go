package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"

	"aldaba/internal/credential"
	"aldaba/internal/site"
	"aldaba/internal/sqlstore"
)

// crowd is how many people press «Generar» at the same time.
const crowd = 500

// crowdFigures are what five hundred people at once do to the program: each sets
// the clave at the end of a procedure, with real argon2id.
func crowdFigures(ctx context.Context, env *Env) ([]Figure, error) {
	var figures []Figure
	for _, engine := range Engines {
		found, err := crowdFigure(ctx, env, engine)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", engine, err)
		}
		figures = append(figures, found...)
	}
	return figures, nil
}

func crowdFigure(ctx context.Context, env *Env, engine string) (_ []Figure, err error) {
	n := env.Samples(crowd)
	population := 2*n + 100
	box, err := OpenSink()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	// What comes before is walked with cheap hashes and a long time to press the
	// last button; then the program starts again, on the same data, as it is.
	before, err := env.Demo(ctx, engine, box.Addr(), population, append([]string{"procedure_life=3h"}, Cheap...)...)
	if err != nil {
		return nil, err
	}
	walkers := fakes(population).first[:n]
	client := newClient(crowd)
	citizens := make([]*citizen, n)
	err = together(parallel, n, func(i int) error {
		citizens[i] = newCitizen(client, before.URL)
		err := citizens[i].upToContact(ctx, credential.Generate, walkers[i])
		if err != nil {
			return err
		}
		mail := box.Expect(address(walkers[i]))
		_, err = citizens[i].walk(ctx, pageContactReview, pageWaiting)
		if err != nil {
			return err
		}
		arrived, err := mail.Wait(ctx)
		if err != nil {
			return err
		}
		return citizens[i].upToClave(ctx, arrived.Link)
	})
	err = errors.Join(err, before.Stop())
	if err != nil {
		return nil, err
	}
	p, err := before.Again(ctx, env, "captcha_cost=0")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	idle, err := p.Memory("VmHWM")
	if err != nil {
		return nil, err
	}
	answers := make([]page, n)
	faults := make([]error, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i, c := range citizens {
		c.base = p.URL
		all.Go(func() {
			<-begin
			answers[i], faults[i] = c.post(ctx, pageClave, claveForm(claveOf(i))...)
		})
	}
	close(begin)
	all.Wait()
	peak, err := p.Memory("VmHWM")
	if err != nil {
		return nil, err
	}
	served, refused, silent, lost := 0, 0, 0, 0
	store, keys, err := p.store(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for i, a := range answers {
		switch {
		case faults[i] != nil:
			silent++
		case a.status == http.StatusSeeOther:
			served++
			holds, err := hasClave(ctx, store, keys.Subject(walkers[i].Person.Number), claveOf(i))
			if err != nil {
				return nil, err
			}
			if !holds {
				lost++
			}
		default:
			refused++
			if after, err := strconv.Atoi(a.retryAfter); a.status != http.StatusServiceUnavailable || err != nil || after < 1 {
				silent++
			}
		}
	}
	beside := []Measure{{"served", float64(served), ""}, {"refused", float64(refused), ""}}
	return []Figure{{
		Name: "crowd/memory", Engine: engine, What: "500 set a clave at once, peak memory", Value: peak / (1 << 20), Unit: "MiB", Target: atMost(250), Samples: n,
		Raw: append([]Measure{{"before", idle / (1 << 20), "MiB"}, {"one hash", 19, "MiB"}}, beside...),
		How: "VmHWM of the server process after 500 people pressed «Generar» at the same time, real argon2id, gate as by default",
	}, {
		Name: "crowd/lost", Engine: engine, What: "… claves confirmed and not stored", Value: float64(lost), Target: atMost(0), Samples: served, Raw: beside,
		How: "each that was answered 303 is read back from the database and its hash verified",
	}, {
		Name: "crowd/told", Engine: engine, What: "… neither served nor told when", Value: float64(silent), Target: atMost(0), Samples: n, Raw: beside,
		How: "answers that are neither 303 nor 503 with Retry-After, broken connections included",
	}}, nil
}

func claveOf(i int) string { return fmt.Sprintf("colibrí-maletín-%d-abrigo", i*7919) }

// store opens the database of a demo beside it.
func (p *Program) store(ctx context.Context) (*sqlstore.Store, *credential.KeyRing, error) {
	keys, err := site.LoadKeys(filepath.Join(p.folder, "keys.json"), false)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: p.dsn, Keys: keys, Existing: true})
	return store, keys, err
}

// hasClave reports whether the stored clave of somebody is the given one.
func hasClave(ctx context.Context, store *sqlstore.Store, s credential.Subject, clave string) (holds bool, err error) {
	var account credential.Account
	err = store.View(ctx, func(tx credential.Tx) (err error) {
		account, err = tx.Account(s)
		return err
	})
	if errors.Is(err, credential.ErrNoRow) {
		return false, nil
	}
	return err == nil && credential.VerifyHash(account.Clave, []byte(clave)), err
}
