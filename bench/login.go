package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore"
)

// loginFigures are what a log-in costs beside the one argon2id hash that it
// needs, how many of them the machine does, and what five hundred people do to it.
func loginFigures(ctx context.Context, env *Env) ([]Figure, error) {
	// The raw hashes are made here, and collected here as the program collects.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(160 << 20))
	var figures []Figure
	for _, engine := range Engines {
		found, err := loginOn(ctx, env, engine)
		figures = append(figures, found...)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", engine, err)
		}
	}
	return figures, nil
}

// regulars is how many people log in from the browser that they are known by.
const regulars = 128

func loginOn(ctx context.Context, env *Env, engine string) (figures []Figure, err error) {
	// serve, not a demo: that one holds its people in memory to show them.
	i, err := env.Install(ctx, engine, "")
	if err != nil {
		return nil, err
	}
	p, err := env.Start(ctx, "serve", "--config", i.Config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	p.folder, p.dsn = i.Folder, i.DSN
	people, err := loginPeople(ctx, p, regulars+max(env.Samples(crowd), 8))
	if err != nil {
		return nil, err
	}
	params, err := hashParams()
	if err != nil {
		return nil, err
	}
	load := loginLoad{p: p, people: people[:regulars], params: params}
	if engine == Postgres {
		load.database, err = sql.Open("pgx", p.dsn)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, load.database.Close()) }()
	}
	err = load.becomeKnown(ctx)
	if err != nil {
		return nil, err
	}
	usual := 0.0
	for _, c := range []struct {
		at, block, blocks int
		target            float64
	}{{1, 20, 20, 1.05}, {eight, 64, 20, 1.05}, {64, 128, 12, 1.1}} {
		blocks, fault := load.measure(ctx, c.at, c.block, max(2, env.Samples(c.blocks)))
		if fault != nil { // a machine too busy to hash for so many within the gate's wait
			err = errors.Join(err, fmt.Errorf("%d at a time: %w", c.at, fault))
			continue
		}
		found, fault := blocks.figures(engine, c.at, c.block, c.target)
		err = errors.Join(err, fault)
		figures = append(figures, found...)
		if c.at == 1 {
			usual = median(blocks.waits)
		}
	}
	found, fault := floodFigures(ctx, env, engine, load, people[regulars:], usual)
	return append(figures, found...), errors.Join(err, fault)
}

func hashParams() (credential.HashParams, error) {
	policy, err := credential.Preset(credential.Ficha2026)
	return policy.HashParams(), err
}

// loginPerson is somebody who has a clave, before a browser.
type loginPerson struct {
	browser *citizen
	number  credential.Number
	clave   string
}

// loginPeople are put into the register of a running program, all with the same
// clave and without an address: nobody is told of a log-in by mail.
func loginPeople(ctx context.Context, p *Program, n int) (_ []*loginPerson, err error) {
	params, err := hashParams()
	if err != nil {
		return nil, err
	}
	store, keys, err := p.store(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	client, hash := newClient(n), params.Hash([]byte(goodClave))
	all := fakes(2*n + 100).first[:n]
	list := make([]*loginPerson, n)
	err = together(parallel, n, func(i int) error {
		list[i] = &loginPerson{newCitizen(client, p.URL), all[i].Person.Number, goodClave}
		return enter(ctx, store, keys.Subject(all[i].Person.Number), all[i].Person, hash)
	})
	return list, err
}

// enter puts somebody with a clave into the register.
func enter(ctx context.Context, store *sqlstore.Store, s credential.Subject, person credential.Person, hash string) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return store.Update(ctx, s.Shard(), func(tx credential.Tx) error {
		err := tx.PutPerson(s, person)
		if err != nil {
			return err
		}
		return tx.SaveAccount(credential.Account{
			Subject: s, Clave: hash, Level: credential.Declared, CreatedAt: now, ProvenAt: now,
		})
	})
}

// logIn presses «Ingresar» in a browser that nobody is logged in at.
func (q *loginPerson) logIn(ctx context.Context) (page, error) {
	delete(q.browser.cookies, "sesion")
	return q.browser.post(ctx, pageLogIn, "documento", string(q.number.Document()), "numero", q.number.Reveal(), "clave", q.clave)
}

// inside is the error of a log-in that opened no session.
func inside(p page, err error) error {
	if err == nil {
		err = p.want(pageLogIn, http.StatusSeeOther)
	}
	if err == nil && p.location != pageAccount {
		err = fmt.Errorf("the log-in leads to %s", p.location)
	}
	return err
}

// loginLoad is a program, and people who log in.
type loginLoad struct {
	p        *Program
	people   []*loginPerson
	params   credential.HashParams
	database *sql.DB // of PostgreSQL; nil on SQLite
}

// becomeKnown makes everybody known by their browser: who changes a clave is, from
// then on. Each then asks for the page of the log-in, as a browser does before it.
func (l loginLoad) becomeKnown(ctx context.Context) error {
	return together(parallel, len(l.people), func(i int) error {
		q := l.people[i]
		clave := claveOf(i)
		changed, err := q.browser.post(ctx, pageChange, "documento", string(q.number.Document()), "numero", q.number.Reveal(),
			"actual", q.clave, "clave", clave, "repita", clave, "acuerdo", "si")
		if err == nil {
			err = changed.want(pageChange, http.StatusSeeOther)
		}
		if err == nil && q.browser.cookies["dispositivo"] == "" {
			err = errors.New("a change of clave makes no browser known")
		}
		q.clave = clave
		if err == nil {
			_, err = q.browser.open(ctx, pageLogIn)
		}
		return err
	})
}

// loginBlocks are blocks of log-ins and blocks of as many raw hashes, in turns;
// per log-in, or hash, in milliseconds.
type loginBlocks struct {
	cost, rawCost []float64 // processor time
	took, rawTook []float64 // of the clock
	database      []float64 // processor time of PostgreSQL's own processes
	waits         []float64 // of each log-in
}

// measure has so many people at a time log in, and makes raw hashes on as many
// cores as they could use.
func (l loginLoad) measure(ctx context.Context, at, block, blocks int) (loginBlocks, error) {
	var found loginBlocks
	for i := range blocks + 1 {
		raw := func() error {
			began, before := time.Now(), ownCPU()
			err := together(min(at, runtime.GOMAXPROCS(0)), block, func(int) error { l.params.Hash([]byte(goodClave)); return nil })
			if i > 0 { // the first block warms up
				found.rawCost = append(found.rawCost, milliseconds(ownCPU()-before)/float64(block))
				found.rawTook = append(found.rawTook, milliseconds(time.Since(began))/float64(block))
			}
			return err
		}
		if i%2 == 0 {
			err := raw()
			if err != nil {
				return found, err
			}
		}
		one, err := l.block(ctx, at, block)
		if err != nil {
			return found, err
		}
		if i > 0 {
			found.cost = append(found.cost, one.cost...)
			found.took = append(found.took, one.took...)
			found.database = append(found.database, one.database...)
			found.waits = append(found.waits, one.waits...)
		}
		if i%2 == 1 {
			err = raw()
			if err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// block is one block of log-ins, each of another person.
func (l loginLoad) block(ctx context.Context, at, n int) (one loginBlocks, err error) {
	before, err := l.p.CPU()
	if err != nil {
		return one, err
	}
	database, err := l.databaseCPU(ctx)
	if err != nil {
		return one, err
	}
	one.waits = make([]float64, n)
	began := time.Now()
	err = together(at, n, func(i int) error {
		answer, err := l.people[i].logIn(ctx)
		one.waits[i] = milliseconds(answer.took)
		return inside(answer, err)
	})
	one.took = []float64{milliseconds(time.Since(began)) / float64(n)}
	if err != nil {
		return one, err
	}
	time.Sleep(settle)
	after, err := l.p.CPU()
	if err != nil {
		return one, err
	}
	one.cost = []float64{milliseconds(after-before) / float64(n)}
	used, err := l.databaseCPU(ctx)
	var all time.Duration
	for pid, cpu := range used {
		all += cpu - database[pid]
	}
	one.database = []float64{milliseconds(all) / float64(n)}
	return one, err
}

// databaseCPU is the processor time of each of PostgreSQL's processes so far.
func (l loginLoad) databaseCPU(ctx context.Context) (map[int]time.Duration, error) {
	used := map[int]time.Duration{}
	if l.database == nil {
		return used, nil
	}
	rows, err := l.database.QueryContext(ctx, "SELECT pid FROM pg_stat_activity")
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var pid int
		err = rows.Scan(&pid)
		if err != nil {
			break
		}
		cpu, gone := processCPU(pid)
		if gone == nil { // one that has ended meanwhile did nothing for the program
			used[pid] = cpu
		}
	}
	return used, errors.Join(err, rows.Err(), rows.Close())
}

func (b loginBlocks) figures(engine string, at, block int, target float64) ([]Figure, error) {
	value, interval, err := ratioBetween(b.cost, b.rawCost)
	if err != nil {
		return nil, err
	}
	many := strconv.Itoa(at)
	beside := []Measure{{"raw hash", mean(b.rawCost), "ms"}, {"log-in", mean(b.cost), "ms"}}
	if engine == Postgres {
		beside = append(beside, Measure{"PostgreSQL's own processes", mean(b.database), "ms"})
	}
	beside = append(beside, Measure{"p50", median(b.waits), "ms"}, Measure{"p99", percentile(b.waits, 0.99), "ms"},
		Measure{"log-ins", 1e3 / mean(b.took), "/s"})
	list := []Figure{{
		Name: "login/cpu/" + many, Engine: engine, What: "CPU of a log-in ÷ one hash, " + many + " at a time", Value: value, Interval: interval,
		Target: atMost(target), Samples: len(b.cost) * block, Raw: beside,
		How: "processor time of the server process for POST /ingresar with number and clave by people whose browsers are known and have the page, one session row each, " +
			"over argon2id of 19 MiB and 2 passes made in the measuring process on as many cores as the log-ins could use, collected as in the program; blocks in turns, jackknife over blocks",
	}}
	if at != eight {
		return list, nil
	}
	least := 0.92
	if engine == Postgres {
		least = 0.85
	}
	// Rates: how often the one goes into the time of the other.
	value, interval, err = ratioBetween(b.rawTook, b.took)
	return append(list, Figure{
		Name: "login/rate", Engine: engine, What: "log-ins/s ÷ the machine's hashes/s, " + many + " at a time", Value: value, Interval: interval,
		Target: atLeast(least), Samples: len(b.took) * block,
		Raw: []Measure{{"log-ins", 1e3 / mean(b.took), "/s"}, {"raw hashes", 1e3 / mean(b.rawTook), "/s"}},
		How: "the same blocks, by the clock; the people who log in, and PostgreSQL, run on the same cores as the server",
	}), err
}
