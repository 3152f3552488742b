package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
)

const (
	mailRate   = 20               // procedures begun a second
	mailLength = 20 * time.Second // for so long
)

// mailFigures are the time from «Aceptar» to the mail at the relay while whole
// procedures come at a steady rate, and how fast the outbox empties after the
// relay was away.
func mailFigures(ctx context.Context, env *Env) ([]Figure, error) {
	var figures []Figure
	for _, engine := range Engines {
		found, err := mailLatency(ctx, env, engine)
		figures = append(figures, found...)
		if err != nil {
			return figures, fmt.Errorf("request to mail, %s: %w", engine, err)
		}
		drain, err := mailDrain(ctx, env, engine)
		if err != nil {
			return figures, fmt.Errorf("outbox, %s: %w", engine, err)
		}
		figures = append(figures, drain)
	}
	return figures, nil
}

// mailLatency begins procedures by the clock, whether those before have ended or
// not: a program that is slow is not asked less for it.
func mailLatency(ctx context.Context, env *Env, engine string) (_ []Figure, err error) {
	const population = 1000
	box, err := OpenSink()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	p, err := env.Demo(ctx, engine, box.Addr(), population, Cheap...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	walkers := fakes(population).first
	client := newClient(64)
	for i := range warmUp {
		err = newCitizen(client, p.URL).whole(ctx, credential.Generate, walkers[len(walkers)-1-i], box)
		if err != nil {
			return nil, err
		}
	}
	n := env.Samples(mailRate * int(mailLength/time.Second))
	var (
		mu     sync.Mutex
		waits  []float64
		faults []error
		all    sync.WaitGroup
	)
	bare, err := bareMail(box.Addr())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	var raw []float64
	tick := time.NewTicker(time.Second / mailRate)
	defer tick.Stop()
	for i := range n {
		all.Go(func() {
			wait, err := mailWait(ctx, newCitizen(client, p.URL), walkers[i], box)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				faults = append(faults, err)
				return
			}
			waits = append(waits, milliseconds(wait))
		})
		if i%mailRate == 0 {
			began := time.Now()
			if err = sendBare(bare); err != nil {
				return nil, err
			}
			raw = append(raw, milliseconds(time.Since(began)))
		}
		<-tick.C
	}
	all.Wait()
	if len(faults) > 0 {
		return nil, fmt.Errorf("%d of %d procedures failed, such as: %w", len(faults), n, faults[0])
	}
	const how = "from sending «Aceptar» on the review of the address to the last byte of the mail at the relay, a new procedure every 50 ms for 20 s, " +
		"each walked to its end whether the others have ended or not, cheap hashes"
	beside := []Measure{{"bare SMTP mail on an open connection", median(raw), "ms"}}
	return []Figure{
		{Name: "mail/p50", Engine: engine, What: "«Aceptar» to mail, p50 at 20/s", Value: median(waits), Unit: "ms", Target: atMost(30), Samples: len(waits), Raw: beside, How: how},
		{Name: "mail/p99", Engine: engine, What: "«Aceptar» to mail, p99 at 20/s", Value: percentile(waits, 0.99), Unit: "ms", Target: atMost(250), Samples: len(waits), Raw: beside, How: how},
	}, nil
}

// mailWait walks a whole procedure and gives how long its mail took.
func mailWait(ctx context.Context, c *citizen, f registry.Fake, box *Sink) (time.Duration, error) {
	err := c.upToContact(ctx, credential.Generate, f)
	if err != nil {
		return 0, err
	}
	mail := box.Expect(address(f))
	began := time.Now()
	_, err = c.walk(ctx, pageContactReview, pageWaiting)
	if err != nil {
		return 0, err
	}
	arrived, err := mail.Wait(ctx)
	if err != nil {
		return 0, err
	}
	wait := arrived.At.Sub(began)
	err = c.upToClave(ctx, arrived.Link)
	if err == nil {
		_, err = c.walk(ctx, pageClave, pageDone, claveForm(goodClave)...)
	}
	return wait, err
}

// mailDrain fills the outbox while the relay is away, lets it come back, and
// makes all mails due at once by the demo's clock.
func mailDrain(ctx context.Context, env *Env, engine string) (_ Figure, err error) {
	n := env.Samples(1000)
	population := 2*n + 100
	box, err := OpenSink()
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	p, err := env.Demo(ctx, engine, box.Addr(), population, Cheap...)
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	err = box.Close()
	if err != nil {
		return Figure{}, err
	}
	walkers := fakes(population).first[:n]
	client := newClient(parallel)
	err = together(parallel, len(walkers), func(i int) error {
		c := newCitizen(client, p.URL)
		err := c.upToContact(ctx, credential.Generate, walkers[i])
		if err == nil {
			_, err = c.walk(ctx, pageContactReview, pageWaiting)
		}
		return err
	})
	if err != nil {
		return Figure{}, err
	}
	raw, err := OpenSink() // another one: mails come to the first as soon as it is back
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	before, err := bareMails(raw.Addr(), n)
	if err == nil {
		err = box.Open()
	}
	if err != nil {
		return Figure{}, err
	}
	began := time.Now() // what was tried again before it became due with all others does not count
	moved, err := newCitizen(client, p.URL).send(ctx, "POST", "/demo/reloj", url.Values{"avanza": {"10m"}}.Encode())
	if err == nil {
		err = moved.want("/demo/reloj", 204)
	}
	if err != nil {
		return Figure{}, err
	}
	patience := time.After(2 * mailPatience)
	for len(box.Times()) < n {
		select {
		case <-patience:
			return Figure{}, fmt.Errorf("%d of %d mails came", len(box.Times()), n)
		case <-time.After(5 * time.Millisecond):
		}
	}
	times := slices.DeleteFunc(box.Times(), began.After)
	if len(times) <= n/2 {
		return Figure{}, fmt.Errorf("%d of %d mails had left before all were due", n-len(times), n)
	}
	took := times[len(times)-1].Sub(times[0])
	after, err := bareMails(raw.Addr(), n)
	if err != nil {
		return Figure{}, err
	}
	commits, err := bareCommits(ctx, env, engine)
	return Figure{
		Name: "mail/outbox", Engine: engine, What: "mails/s of the outbox", Value: float64(len(times)-1) / took.Seconds(), Unit: "mails/s",
		Target: atLeast(500), Samples: len(times),
		Raw: []Measure{{"bare SMTP on 4 connections", (before + after) / 2, "mails/s"}, {"bare durable commits, one at a time", commits, "/s"}},
		How: "mails queued while the relay was away, from the first to the last that it takes after it came back and all were due; each is claimed, rendered, sent and recorded as sent",
	}, err
}

// parallel is how many citizens walk at once where only the result matters.
const parallel = 4

// together does f for 0 to n-1, so many at once; it gives the first error.
func together(many, n int, f func(i int) error) error {
	next := make(chan int)
	faults := make(chan error, many)
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			var first error
			for i := range next {
				if first == nil {
					first = f(i)
				}
			}
			faults <- first
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	close(faults)
	for err := range faults {
		if err != nil {
			return err
		}
	}
	return nil
}

// bareMail opens a conversation with a relay.
func bareMail(addr string) (*smtp.Client, error) {
	c, err := smtp.Dial(addr)
	if err != nil {
		return nil, err
	}
	return c, c.Hello("localhost")
}

// bareText is about as long as an activation mail.
var bareText = "Subject: x\r\n\r\n" + strings.Repeat("una línea de unos sesenta y cuatro caracteres, con su fin .....\r\n", 120)

func sendBare(c *smtp.Client) error {
	return c.SendMail("a@correo.example", []string{"b@correo.example"}, bytes.NewReader([]byte(bareText)))
}

// bareMails is how many mails a second a relay takes from a client that does
// nothing else.
func bareMails(addr string, n int) (perSecond float64, err error) {
	clients := make([]*smtp.Client, parallel)
	for i := range clients {
		clients[i], err = bareMail(addr)
		if err != nil {
			return 0, err
		}
	}
	var all sync.WaitGroup
	faults := make([]error, parallel)
	began := time.Now()
	for i, c := range clients {
		all.Go(func() {
			for range n/parallel + 1 {
				if faults[i] = sendBare(c); faults[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	for _, c := range clients {
		faults = append(faults, c.Quit())
	}
	return float64((n/parallel+1)*parallel) / took.Seconds(), errors.Join(faults...)
}

// openBare opens a database as the program does, through database/sql alone.
func openBare(engine, dsn string) (*sql.DB, error) {
	if engine == SQLite {
		values := url.Values{
			"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}, "_txlock": {"immediate"}, "_busy_timeout": {"5000"},
		}
		db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: dsn}).EscapedPath()+"?"+values.Encode())
		if err == nil {
			db.SetMaxOpenConns(1)
		}
		return db, err
	}
	return sql.Open("pgx", dsn)
}

// bareCommits is how many transactions of one small row a second the engine
// makes durable for one client.
func bareCommits(ctx context.Context, env *Env, engine string) (perSecond float64, err error) {
	folder, err := env.Folder()
	if err != nil {
		return 0, err
	}
	dsn, err := env.Database(ctx, engine, folder)
	if err != nil {
		return 0, err
	}
	db, err := openBare(engine, dsn)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close(), os.RemoveAll(filepath.Join(folder, "aldaba.db"))) }()
	_, err = db.ExecContext(ctx, "CREATE TABLE rows (id BIGINT PRIMARY KEY)")
	if err != nil {
		return 0, err
	}
	n := env.Samples(1000)
	began := time.Now()
	for i := range n {
		_, err = db.ExecContext(ctx, "INSERT INTO rows (id) VALUES ($1)", i)
		if err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
