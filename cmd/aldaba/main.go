// Command aldaba is the whole program: the demo, and the tools beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"aldaba/internal/credential"
	"aldaba/internal/site"
)

// version is set by the build.
var version = "dev"

// The exit statuses that the outside relies on.
const (
	done   = 0
	failed = 1
	misuse = 2
)

// commands is the command line.
type commands struct {
	Demo     demoCommand     `cmd:"" help:"Start the demo: fake people, a mailbox of its own, everything else real."`
	Serve    serveCommand    `cmd:"" help:"Serve citizens and staff as a configuration file says."`
	Check    checkCommand    `cmd:"" help:"Check a configuration file without starting, and try its database and relay."`
	Migrate  migrateCommand  `cmd:"" help:"Make the database's tables, or bring them up to this program."`
	Config   configCommand   `cmd:"" help:"Configuration."`
	Keys     keysCommand     `cmd:"" help:"Key rings."`
	Registry registryCommand `cmd:"" help:"The institution's register of people."`
	Staff    staffCommand    `cmd:"" help:"What staff do until they have pages of their own."`
	Stats    statsCommand    `cmd:"" help:"The public figures."`
	Audit    auditCommand    `cmd:"" help:"Look after the audit log."`
	Backup   backupCommand   `cmd:"" help:"Write an SQLite database to one file, while it is in use or not."`
	Restore  restoreCommand  `cmd:"" help:"Put a backup in the place of an SQLite database that nobody has open."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

type versionCommand struct{}

// terminal is where a command writes.
type terminal struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	status := run(ctx, os.Args[1:], terminal{os.Stdout, os.Stderr})
	stop()
	os.Exit(status)
}

// usageError is a fault of flags or values: exit status 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// errToldAlready is a failure that the command itself has told.
var errToldAlready = errors.New("told already")

// exited carries the status with which kong would end the process.
type exited int

func run(ctx context.Context, args []string, t terminal) (status int) {
	defer func() {
		// kong ends the process after --help; here it ends the function.
		if code, ok := recover().(exited); ok {
			status = int(code)
		}
	}()
	var line commands
	parser, err := kong.New(&line,
		kong.Name("aldaba"),
		kong.Description("The front door of a social-security institution: generate and recover a clave."),
		kong.Writers(t.out, t.err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(t),
	)
	if err != nil {
		return complain(t, err, failed)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return complain(t, err, misuse)
	}
	err = parsed.Run()
	if faults, ok := errors.AsType[site.Faults](err); ok {
		_, _ = fmt.Fprintln(t.err, faults) // nobody is left to tell
		return failed
	}
	if _, usage := errors.AsType[usageError](err); usage {
		return complain(t, err, misuse)
	}
	if errors.Is(err, errToldAlready) {
		return failed
	}
	if err != nil {
		return complain(t, err, failed)
	}
	return done
}

// collectLess makes the garbage collector of a program that serves wait for more:
// an argon2id hash takes 19 MiB and gives them back, and by the usual measure
// every second one would start a collection. The limit bounds what that costs;
// with it the program peaks below 250 MiB with five hundred people at once. Who
// sets GOGC or GOMEMLIMIT knows better.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(160 << 20)
	}
}

// complain writes an error as one line.
func complain(t terminal, err error, status int) int {
	if refusal, ok := errors.AsType[*credential.Error](err); ok && refusal.Err != nil {
		err = refusal.Err // what an operator can act on, without the domain's own terms
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
	_, _ = fmt.Fprintln(t.err, "aldaba: "+text) // nobody is left to tell
	return status
}

func (versionCommand) Run(t terminal) error {
	_, err := fmt.Fprintln(t.out, "aldaba "+version)
	return err
}
