package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"aldaba/internal/credential"
	"aldaba/internal/site"
	"aldaba/internal/stats"
)

type statsCommand struct {
	Import statsImport `cmd:"" help:"Record the institution's earlier figures from a CSV file, all or none."`
	Close  statsClose  `cmd:"" help:"Close every month that ended more than a day ago, as a program that serves does by itself."`
	Verify statsVerify `cmd:"" help:"Check every recorded month and name the first that was edited, deleted or is missing."`
	Export statsExport `cmd:"" help:"Write the figures as /transparencia publishes them."`
}

// figures works on the public figures of a place, with the clock of a demo.
func (p place) figures(ctx context.Context, command string, f func(*stats.Service) error) error {
	config, err := p.config(command)
	if err == nil && p.Data != "" {
		config.Now, err = site.DemoClock(p.Data)
	}
	if err != nil {
		return err
	}
	return site.WithStats(ctx, config, f)
}

// officer is who runs a command.
func officer(command string) credential.Actor {
	return credential.Actor{Kind: credential.Staff, Route: command}
}

type statsImport struct {
	File string `arg:"" help:"The earlier figures; its header is anio,mes,quejas,atenciones." placeholder:"FILE.csv"`
	place
	Correct string `help:"Record what differs from before as corrections, with this reason, which everybody reads." placeholder:"REASON"`
}

func (c *statsImport) Run(ctx context.Context, t terminal) (err error) {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	rows, err := stats.ReadEarlier(file)
	if err != nil {
		return refusedWhole(c.File, err)
	}
	return c.figures(ctx, "stats import", func(s *stats.Service) error {
		done, err := s.Import(ctx, officer("stats import"), rows, c.Correct)
		if err != nil {
			return refusedWhole(c.File, err)
		}
		_, err = fmt.Fprintf(t.out, "earlier figures: %d months recorded, %d stood there already, %d corrected\n", done.Added, done.Same, done.Corrected)
		return err
	})
}

// refusedWhole names the file of whose lines an error tells.
func refusedWhole(file string, err error) error {
	return fmt.Errorf("%s: refused whole: %w", file, err)
}

type statsClose struct{ place }

func (c *statsClose) Run(ctx context.Context, t terminal) error {
	return c.figures(ctx, "stats close", func(s *stats.Service) error {
		done, err := s.Upkeep(ctx, officer("stats close"))
		for _, m := range done.Closed {
			_, printErr := fmt.Fprintf(t.out, "%s: closed\n", m)
			err = errors.Join(err, printErr)
		}
		for _, m := range done.Corrected {
			_, printErr := fmt.Fprintf(t.out, "%s: corrected\n", m)
			err = errors.Join(err, printErr)
		}
		if err == nil && len(done.Closed)+len(done.Corrected) == 0 {
			_, err = fmt.Fprintln(t.out, "nothing is due: a month is closed a day after its end")
		}
		return err
	})
}

type statsVerify struct{ place }

func (c *statsVerify) Run(ctx context.Context, t terminal) error {
	return c.figures(ctx, "stats verify", func(s *stats.Service) error {
		n, err := s.Verify(ctx)
		if err == nil {
			_, err = fmt.Fprintf(t.out, "figures: %d records hold\n", n)
		}
		return err
	})
}

type statsExport struct {
	place
	Format string `default:"csv" enum:"csv,json" help:"csv or json." placeholder:"NAME"`
	Days   bool   `help:"One line for each day instead of each month (csv)."`
	Out    string `help:"Write here instead of to the terminal." placeholder:"FILE"`
}

func (c *statsExport) Run(ctx context.Context, t terminal) error {
	if c.Days && c.Format != "csv" {
		return usageError{errors.New("--days belongs to --format csv; the JSON has the days")}
	}
	return c.figures(ctx, "stats export", func(s *stats.Service) (err error) {
		published, err := s.Published(ctx)
		if err != nil {
			return err
		}
		to := t.out
		if c.Out != "" {
			file, err := os.Create(c.Out)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			to = file
		}
		return c.write(to, published)
	})
}

func (c *statsExport) write(to io.Writer, p *stats.Published) error {
	if c.Format == "json" {
		return p.WriteJSON(to)
	}
	return p.WriteCSV(to, c.Days)
}
