// Command bench measures the program against the figures that it must hold:
// each a ratio to a raw limit of the same machine, measured in turns in the same
// run, or a bound. It starts the real binary in temporary folders and counts the
// processor time of that process alone. See docs/bench.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// measurements are all there are, in the order in which they run.
var measurements = []measurement{
	{"cpu", journeyFigures},
	{"step", stepFigures},
	{"first", firstFigures},
	{"mail", mailFigures},
	{"crowd", crowdFigures},
	{"login", loginFigures},
	{"telltale", telltaleFigures},
	{"serve", serveFigures},
	{"import", importFigures},
}

// options are the flags.
type options struct {
	binary, json string
	only         string
	quick        bool
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareServer {
		os.Exit(complain(serveBare()))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(status)
}

// run gives the exit status: 0 for all targets met, 1 for some missed or not
// measured, 2 for wrong usage.
func run(ctx context.Context, args []string, out io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.binary, "binary", "bin/aldaba", "the program")
	flags.StringVar(&o.json, "json", "var/bench.json", "file for the figures; empty for none")
	flags.StringVar(&o.only, "only", "", "measure only what begins so, such as cpu or mail; several with commas")
	flags.BoolVar(&o.quick, "quick", false, "few samples: shows that it runs, not how fast")
	flags.Usage = func() {
		_, _ = fmt.Fprintf(flags.Output(), "bench measures %s; flags:\n", strings.Join(names(), ", "))
		flags.PrintDefaults()
	}
	if flags.Parse(args) != nil {
		return 2
	}
	chosen, err := choose(o.only)
	if err != nil || flags.NArg() > 0 {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err, flags.Args())
		return 2
	}
	env, err := newEnv(o)
	if err != nil {
		return complain(err)
	}
	figures, faults := measure(ctx, env, chosen)
	faults = append(faults, env.close(), table(out, figures))
	if o.json != "" {
		faults = append(faults, save(o, figures))
	}
	status := complain(errors.Join(faults...))
	if slices.ContainsFunc(figures, func(f Figure) bool { return !f.Met }) {
		status = 1
	}
	return status
}

func complain(err error) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}

func names() []string {
	var list []string
	for _, m := range measurements {
		list = append(list, m.name)
	}
	return list
}

// choose gives the measurements that --only names.
func choose(only string) ([]measurement, error) {
	var chosen []measurement
	for _, m := range measurements {
		if slices.ContainsFunc(strings.Split(only, ","), func(name string) bool { return strings.HasPrefix(m.name, name) }) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("--only %s: nothing is called so; there are %s", only, strings.Join(names(), ", "))
	}
	return chosen, nil
}

// measure runs one after the other; one that fails does not stop the others.
func measure(ctx context.Context, env *Env, chosen []measurement) (figures []Figure, faults []error) {
	for _, m := range chosen {
		began := time.Now()
		env.Say("%s …", m.name)
		found, err := m.run(ctx, env)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", m.name, err))
		}
		for _, f := range found {
			figures = append(figures, f.judged())
		}
		env.Say("%s: %d figures in %.0f s", m.name, len(found), time.Since(began).Seconds())
		if ctx.Err() != nil {
			break
		}
	}
	return figures, faults
}

// table writes the figures for a person.
func table(out io.Writer, figures []Figure) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "FIGURE\tENGINE\tTARGET\tMEASURED\t\tRAW LIMITS AND REASONS BESIDE IT")
	for _, f := range figures {
		verdict := "MISSED"
		if f.Met {
			verdict = "met"
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\n", f.What, f.Engine, f.Target, f.measured(), verdict, f.beside())
		}
	}
	return errors.Join(err, w.Flush())
}

// results is the JSON file.
type results struct {
	At      time.Time `json:"at"`
	Quick   bool      `json:"quick,omitempty"` // the figures mean nothing
	Cores   int       `json:"cores"`
	Go      string    `json:"go"`
	Figures []Figure  `json:"figures"`
}

func save(o options, figures []Figure) error {
	content, err := json.MarshalIndent(results{time.Now().UTC(), o.quick, runtime.NumCPU(), runtime.Version(), figures}, "", "  ")
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(o.json), 0o755)
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(content, '\n'), 0o644)
}
