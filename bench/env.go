package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"aldaba/internal/sqlstore/pgtest"
)

// The engines, as the table names them.
const (
	SQLite   = "SQLite"
	Postgres = "PostgreSQL"
)

// Engines are both, in the order in which they are measured.
var Engines = []string{SQLite, Postgres}

// Env is what measurements share: the binary, a temporary folder, a PostgreSQL.
type Env struct {
	Binary string
	Quick  bool

	dir      string
	made     int
	postgres *pgtest.Server // started when first asked for
}

func newEnv(o options) (*Env, error) {
	binary, err := filepath.Abs(o.binary)
	if err == nil {
		_, err = os.Stat(binary)
	}
	if err != nil {
		return nil, fmt.Errorf("the program is not there (make build makes it): %w", err)
	}
	dir, err := os.MkdirTemp("", "aldaba-bench-")
	return &Env{Binary: binary, Quick: o.quick, dir: dir}, err
}

func (e *Env) close() error {
	err := os.RemoveAll(e.dir)
	if e.postgres != nil {
		err = errors.Join(err, e.postgres.Stop())
	}
	return err
}

// Say tells whoever waits how far the run is.
func (e *Env) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// Samples is n, or a few for --quick.
func (e *Env) Samples(n int) int {
	if e.Quick {
		return max(1, n/50)
	}
	return n
}

// Folder makes a folder that goes with the run.
func (e *Env) Folder() (string, error) {
	e.made++
	dir := filepath.Join(e.dir, strconv.Itoa(e.made))
	return dir, os.Mkdir(dir, 0o700)
}

// Database gives the address of an empty database: a file of that folder, or a
// database of a PostgreSQL of the run's own, whose commits are durable as those
// of a real one.
func (e *Env) Database(ctx context.Context, engine, folder string) (dsn string, err error) {
	if engine == SQLite {
		return filepath.Join(folder, "aldaba.db"), nil
	}
	if e.postgres == nil {
		e.postgres, err = pgtest.Launch(pgtest.Durable())
		if err != nil {
			return "", err
		}
	}
	return e.postgres.Database(ctx, "")
}

// Demo starts `aldaba demo` on a new database and free ports, with values of the
// policy as --set takes them. Mail goes to the relay at smtp; to the demo's own
// mailbox where that is empty.
func (e *Env) Demo(ctx context.Context, engine, smtp string, people int, set ...string) (*Program, error) {
	folder, err := e.Folder()
	if err != nil {
		return nil, err
	}
	dsn, err := e.Database(ctx, engine, folder)
	if err != nil {
		return nil, err
	}
	args := []string{"demo", "--listen", "127.0.0.1:0", "--staff-listen", "127.0.0.1:0",
		"--data", folder, "--people", strconv.Itoa(people)}
	if engine == Postgres {
		args = append(args, "--database", dsn)
	}
	if smtp != "" {
		args = append(args, "--smtp", smtp)
	}
	p := &Program{folder: folder, dsn: dsn, args: args}
	return p.Again(ctx, e, set...)
}

// Again starts a demo that has ended on the same data, with other values of the
// policy.
func (p *Program) Again(ctx context.Context, e *Env, set ...string) (*Program, error) {
	args := slices.Clone(p.args)
	for _, pair := range set {
		args = append(args, "--set", pair)
	}
	started, err := e.Start(ctx, args...)
	if err != nil {
		return nil, err
	}
	started.folder, started.dsn, started.args = p.folder, p.dsn, p.args
	return started, nil
}

// Cheap are the values of the policy for figures that are not about hashing or
// captchas or limits: they leave the rest of the program's work as it is.
var Cheap = []string{
	"captcha_cost=0", "hash_memory_kib=64", "hash_passes=1", "numbers_per_network=0",
	"attempts=20", "attempts_total=100", "people_per_mailbox=10000", "proven_mails=100",
}
