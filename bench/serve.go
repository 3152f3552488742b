package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Installed is what `aldaba serve` needs, in a folder: a configuration, a key
// ring, and a database with its tables and no people.
type Installed struct {
	Folder, Config, DSN string
}

// Install makes an installation as its operator would. The relay, where there is
// none, is an address at which nobody answers: serve does not need it.
func (e *Env) Install(ctx context.Context, engine, smtp string) (Installed, error) {
	folder, err := e.Folder()
	if err != nil {
		return Installed{}, err
	}
	i := Installed{Folder: folder, Config: filepath.Join(folder, "aldaba.toml")}
	i.DSN, err = e.Database(ctx, engine, folder)
	if err != nil {
		return i, err
	}
	if smtp == "" {
		smtp = "127.0.0.1:9" // discard
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(folder, "dsn"), []byte(i.DSN+"\n"), 0o600),
		os.WriteFile(i.Config, []byte(strings.NewReplacer("SMTP", smtp).Replace(configuration)), 0o600),
	)
	for _, args := range [][]string{{"keys", "new", filepath.Join(folder, "keys.json")}, {"migrate", "--config", i.Config}} {
		if err == nil {
			err = e.Aldaba(ctx, args...)
		}
	}
	return i, err
}

// configuration is for a machine's own use: nothing stands before the program.
const configuration = `public_url = "http://127.0.0.1:8080"
[listen]
citizens = "127.0.0.1:0"
staff = "127.0.0.1:0"
[database]
dsn_file = "dsn"
[keys]
file = "keys.json"
[smtp]
addr = "SMTP"
security = "none"
from = "no-responder@institucion.example"
[log]
level = "warn"
`

// Aldaba runs a command of the program to its end.
func (e *Env) Aldaba(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, e.Binary, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	if err != nil {
		return fmt.Errorf("aldaba %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return nil
}

// idleAfter is when the memory of a program that nobody has asked anything is
// read.
const idleAfter = 2 * time.Second

// serveFigures measures how `serve` starts on a database that is there, and what
// it holds before its first hash; and the file of the program.
func serveFigures(ctx context.Context, env *Env) ([]Figure, error) {
	info, err := os.Stat(env.Binary)
	if err != nil {
		return nil, err
	}
	figures := []Figure{{
		Name: "serve/binary", What: "size of the program", Value: float64(info.Size()) / 1e6, Unit: "MB",
		Target: atMost(45), Samples: 1, How: "the file that make build makes, everything embedded",
	}}
	for _, engine := range Engines {
		starts, err := serveStarts(ctx, env, engine)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", engine, err)
		}
		figures = append(figures, starts...)
	}
	return figures, nil
}

func serveStarts(ctx context.Context, env *Env, engine string) ([]Figure, error) {
	i, err := env.Install(ctx, engine, "")
	if err != nil {
		return nil, err
	}
	var ready, bare, idle []float64
	for n := range env.Samples(20) {
		raw, err := startBare(ctx)
		if err != nil {
			return nil, err
		}
		bare = append(bare, milliseconds(time.Since(raw.Began)))
		raw.Kill()
		p, err := env.Start(ctx, "serve", "--config", i.Config)
		if err != nil {
			return nil, err
		}
		err = p.Ready(ctx)
		ready = append(ready, milliseconds(time.Since(p.Began)))
		if n == 0 && err == nil {
			time.Sleep(idleAfter)
			var held float64
			held, err = p.Memory("VmRSS")
			idle = append(idle, held/(1<<20))
		}
		err = errors.Join(err, p.Stop())
		if err != nil {
			return nil, err
		}
	}
	return []Figure{{
		Name: "serve/healthy", Engine: engine, What: "serve, from exec to ready", Value: median(ready), Unit: "ms",
		Target: atMost(300), Samples: len(ready),
		Raw: []Measure{{"slowest", percentile(ready, 1), "ms"}, {"bare net/http process", median(bare), "ms"}},
		How: "median from exec to the first 200 of /readyz (database and key ring answer), on a database that has its tables",
	}, {
		Name: "serve/idle", Engine: engine, What: "serve, idle memory before the first hash", Value: percentile(idle, 1), Unit: "MiB",
		Target: atMost(45), Samples: len(idle), How: "resident memory (VmRSS) two seconds after ready, pages of the program's file included",
	}}, nil
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

// startBare starts this binary as the bare server.
func startBare(ctx context.Context) (*Program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(ctx, self, bareServer)
}
