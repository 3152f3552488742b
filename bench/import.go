package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
	"aldaba/internal/site"
	"aldaba/internal/sqlstore"
)

// importFigures are how fast a register comes in beside what the engine itself
// takes, and how long a citizen's step waits meanwhile.
func importFigures(ctx context.Context, env *Env) ([]Figure, error) {
	folder, err := env.Folder()
	if err != nil {
		return nil, err
	}
	people := env.Samples(1_000_000)
	file := filepath.Join(folder, "registro.csv")
	err = writeRegister(file, people)
	if err != nil {
		return nil, err
	}
	var figures []Figure
	for _, engine := range Engines {
		f, err := importFigure(ctx, env, engine, file)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", engine, err)
		}
		figures = append(figures, f)
	}
	for _, engine := range Engines {
		f, err := whileImporting(ctx, env, engine, file)
		if err != nil {
			return figures, fmt.Errorf("steps meanwhile, %s: %w", engine, err)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// writeRegister writes people who do not exist, the demo's among them.
func writeRegister(path string, people int) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(site.WriteExampleRegister(file, people), file.Close())
}

// importFigure measures in turns the command on a new database, and the engine
// alone with the same people, sealed beforehand, on another one.
func importFigure(ctx context.Context, env *Env, engine, file string) (Figure, error) {
	rows, err := sealedRows(ctx, env, file)
	if err != nil {
		return Figure{}, err
	}
	inOrder := slices.Clone(rows)
	slices.SortFunc(inOrder, func(a, b credential.StagedPerson) int { return slices.Compare(a.Subject[:], b.Subject[:]) })
	var rates, limits, sorted []float64
	for range max(1, env.Samples(3)) {
		i, err := env.Install(ctx, engine, "")
		if err != nil {
			return Figure{}, err
		}
		began := time.Now()
		err = env.Aldaba(ctx, "registry", "import", file, "--config", i.Config, "--yes")
		if err != nil {
			return Figure{}, err
		}
		rates = append(rates, float64(len(rows))/time.Since(began).Seconds())
		for _, raw := range []struct {
			rows []credential.StagedPerson
			to   *[]float64
		}{{rows, &limits}, {inOrder, &sorted}} {
			took, err := bulk(ctx, env, engine, raw.rows)
			if err != nil {
				return Figure{}, fmt.Errorf("the engine alone: %w", err)
			}
			*raw.to = append(*raw.to, float64(len(rows))/took.Seconds())
		}
	}
	value, err := ratio(rates, limits)
	return Figure{
		Name: "import/rate", Engine: engine, What: "import of people ÷ the engine's bulk limit", Value: value,
		Target: atLeast(0.6), Samples: len(rates),
		Raw: []Measure{
			{"people", float64(len(rows)), ""}, {"import", mean(rates), "/s"},
			{"bulk limit", mean(limits), "/s"}, {"the same in order of subject", mean(sorted), "/s"},
		},
		How: "people a second of the whole command on a new database, over the same people in the order of their file, parsed and sealed beforehand, " +
			"in tables of the same keys and indexes: by COPY, or by one prepared statement in one transaction; in turns, each in a new database",
	}, err
}

// sealedRows reads and seals the people of a file as the program does.
func sealedRows(ctx context.Context, env *Env, path string) (rows []credential.StagedPerson, err error) {
	keys, err := credential.ParseKeyRing(credential.NewKeyFile())
	if err != nil {
		return nil, err
	}
	folder, err := env.Folder()
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: filepath.Join(folder, "keys.db"), Keys: keys})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	sealer, err := store.RegisterSealer(credential.RegisterRun{At: time.Now(), Source: filepath.Base(path), File: "0123456789abcdef"})
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	layout, err := registry.ReadLayout(file, registry.UTF8)
	if err == nil {
		_, err = file.Seek(layout.End, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	reader, parser := registry.NewReader(file, layout), registry.NewParser(layout, time.Now())
	for {
		block, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		var sealed []byte
		err = parser.Parse(block, func(e *registry.Entry) error {
			if e.Rejected != "" {
				return fmt.Errorf("line %d: %s", e.Line, e.Rejected)
			}
			var row credential.StagedPerson
			sealed, row = sealer.Seal(sealed, &e.Person)
			rows = append(rows, row)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
}

// generation is one that no import makes of its own.
const generation = 2

// bulk stores the rows in a new database with the program's tables as fast as
// the engine takes them from one connection, with an import's own settings.
func bulk(ctx context.Context, env *Env, engine string, rows []credential.StagedPerson) (took time.Duration, err error) {
	i, err := env.Install(ctx, engine, "")
	if err != nil {
		return 0, err
	}
	if engine == Postgres {
		conn, err := pgx.Connect(ctx, i.DSN)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, conn.Close(ctx)) }()
		began := time.Now()
		_, err = conn.PgConn().CopyFrom(ctx, copyOf(rows), "COPY people (generation, subject, record, digest) FROM STDIN BINARY")
		return time.Since(began), err
	}
	db, err := sql.Open("sqlite", "file:"+i.DSN+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	began := time.Now()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it has nothing to do
	insert, err := tx.Prepare("INSERT INTO people (generation, subject, record, digest) VALUES ($1, $2, $3, $4)")
	if err != nil {
		return 0, err
	}
	for n := range rows {
		p := &rows[n]
		_, err = insert.Exec(int64(generation), p.Subject[:], p.Record, p.Digest[:])
		if err != nil {
			return 0, err
		}
	}
	err = tx.Commit()
	return time.Since(began), err
}

// copyOf encodes rows in the binary format of COPY.
func copyOf(rows []credential.StagedPerson) io.Reader {
	from, to := io.Pipe()
	go func() {
		text := []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		var err error
		for n := range rows {
			p := &rows[n]
			text = append(text, 0, 4, 0, 0, 0, 8)
			text = binary.BigEndian.AppendUint64(text, generation)
			for _, field := range [][]byte{p.Subject[:], p.Record, p.Digest[:]} {
				text = binary.BigEndian.AppendUint32(text, uint32(len(field)))
				text = append(text, field...)
			}
			if len(text) < 64<<10 && n+1 < len(rows) {
				continue
			}
			_, err = to.Write(text)
			if err != nil {
				break
			}
			text = text[:0]
		}
		_ = to.CloseWithError(err) // nil ends the stream
	}()
	return from
}

// whileImporting is how long a citizen's step takes while a register comes in
// beside the program that serves: the proof page, and «Continuar» on it.
func whileImporting(ctx context.Context, env *Env, engine, file string) (_ Figure, err error) {
	const population, citizens = 300, 40
	p, err := env.Demo(ctx, engine, "", population, Cheap...)
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	client := newClient(citizens)
	var walkers []walker
	for _, f := range fakes(population).first[:citizens] {
		w := walker{newCitizen(client, p.URL), f}
		_, err = w.citizen.begin(ctx, credential.Generate, f.Person.Number, f.Person.Audiences[0])
		if err != nil {
			return Figure{}, err
		}
		walkers = append(walkers, w)
	}
	alone, err := stepsMeanwhile(ctx, walkers, func() error {
		time.Sleep(max(time.Second, time.Duration(env.Samples(10))*time.Second))
		return nil
	})
	if err != nil {
		return Figure{}, err
	}
	args := []string{"registry", "import", file, "--yes", "--data", p.folder}
	if engine == Postgres {
		args = append(args, "--database", p.dsn)
	}
	// The second one compares, and deletes the first.
	meanwhile, err := stepsMeanwhile(ctx, walkers, func() error {
		for range 2 {
			err := env.Aldaba(ctx, args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return Figure{
		Name: "import/wait", Engine: engine, What: "a citizen's step while importing, p99", Value: percentile(meanwhile, 0.99), Unit: "ms",
		Target: atMost(100), Samples: len(meanwhile),
		Raw: []Measure{
			{"p50", median(meanwhile), "ms"}, {"slowest", percentile(meanwhile, 1), "ms"},
			{"p99 with no import", percentile(alone, 0.99), "ms"},
		},
		How: "ten proof pages and ten times «Continuar» a second, whatever the answers take, on the program that serves, " +
			"while the command brings in a register and then the same once more; from sending to the last byte",
	}, err
}

// stepsMeanwhile takes steps until work has ended, and gives what each took in
// milliseconds.
func stepsMeanwhile(ctx context.Context, walkers []walker, work func() error) (took []float64, err error) {
	done := make(chan error, 1)
	go func() { done <- work() }()
	var (
		mu      sync.Mutex
		under   sync.WaitGroup
		stepErr error
	)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case err = <-done:
			under.Wait()
			return took, errors.Join(err, stepErr)
		case <-tick.C:
		}
		w := walkers[n%len(walkers)]
		under.Go(func() {
			shown, err := w.citizen.open(ctx, pageProve)
			var sent page
			if err == nil {
				sent, err = w.citizen.post(ctx, pageProve, proofForm(shown, credential.Generate, w.fake, w.fake.Person.Audiences[0])...)
			}
			if err == nil {
				err = sent.want(pageProve, 303)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, milliseconds(shown.took), milliseconds(sent.took))
			stepErr = errors.Join(stepErr, err)
		})
	}
}
