// Command aldaba is the whole program: the demo, and the tools beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
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
	Demo    demoCommand    `cmd:"" help:"Start the demo: fake people, a mailbox of its own, everything else real."`
	Audit   auditCommand   `cmd:"" help:"Look after the audit log."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type demoCommand struct {
	Listen      string   `default:"127.0.0.1:8080" help:"Address for citizens; port 0 takes a free one." placeholder:"A"`
	StaffListen string   `default:"127.0.0.1:8081" help:"Address for staff and operation." placeholder:"A"`
	Data        string   `help:"Folder for database, key ring, mailbox and people; a temporary one when left out." placeholder:"DIR"`
	People      int      `default:"200" help:"How many random people besides the named cases." placeholder:"N"`
	Seed        string   `default:"aldaba" help:"What the fake people are made from." placeholder:"S"`
	Policy      string   `default:"ficha-2026" help:"Named policy." placeholder:"NAME"`
	Set         []string `sep:"none" help:"Override one value of the policy; may be repeated." placeholder:"KEY=VALUE"`
	Database    string   `help:"A PostgreSQL database instead of the embedded one." placeholder:"postgres://…"`
	SMTP        string   `name:"smtp" help:"A relay instead of the demo's own mailbox." placeholder:"HOST:PORT"`
}

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Check every audit chain and name the first row that was edited, deleted or is missing."`
}

type auditVerify struct {
	Data     string `required:"" help:"The demo's data folder." placeholder:"DIR"`
	Database string `help:"Its PostgreSQL database, if it has one." placeholder:"postgres://…"`
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
	if _, usage := errors.AsType[usageError](err); usage {
		return complain(t, err, misuse)
	}
	if err != nil {
		return complain(t, err, failed)
	}
	return done
}

// complain writes an error as one line.
func complain(t terminal, err error, status int) int {
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
	_, _ = fmt.Fprintln(t.err, "aldaba: "+text) // nobody is left to tell
	return status
}

// maxPeople bounds the demo's register.
const maxPeople = 100_000

func (c *demoCommand) Run(ctx context.Context, t terminal) error {
	policy, err := c.policy()
	if err != nil {
		return usageError{err}
	}
	if c.People < 0 || c.People > maxPeople {
		return usageError{fmt.Errorf("--people %d: from 0 to %d", c.People, maxPeople)}
	}
	for flag, address := range map[string]string{"--listen": c.Listen, "--staff-listen": c.StaffListen} {
		_, port, err := net.SplitHostPort(address)
		if n, convErr := strconv.Atoi(port); err != nil || convErr != nil || n < 0 || n > 65535 {
			return usageError{fmt.Errorf("%s %s: an address such as 127.0.0.1:8080 is needed", flag, address)}
		}
	}
	if c.Seed == "" || len(c.Seed) > 100 {
		return usageError{errors.New("--seed: from 1 to 100 characters")}
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		return usageError{errors.New("--database: an address that begins with postgres:// is needed")}
	}
	dir := c.Data
	if dir == "" {
		dir, err = os.MkdirTemp("", "aldaba-demo-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // a temporary folder; the system clears it otherwise
	}
	demo, err := site.StartDemo(ctx, site.DemoConfig{
		Dir: dir, People: c.People, Seed: c.Seed, Policy: policy, Database: c.Database, SMTP: c.SMTP,
		Listen: c.Listen, StaffListen: c.StaffListen,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, `Aldaba %s: demostración. No es el sitio oficial de ninguna institución; las personas son ficticias.

  Ciudadanía  %s
  Personal    %s
  Correo      %s/demo/correo
  Personas    %s/demo/personas

  Política %s. Datos en %s. Para terminar: Ctrl+C.
`, version, demo.URL, demo.StaffURL, demo.URL, demo.URL, policy.Name, dir)
	if err == nil {
		err = demo.Run(ctx)
	}
	return errors.Join(err, demo.Close())
}

func (c *demoCommand) policy() (credential.Policy, error) {
	policy, err := credential.Preset(c.Policy)
	if err != nil {
		return policy, fmt.Errorf("--policy: %w", err)
	}
	policy.NumbersPerNetwork = 0 // everybody who tries a demo comes from one network
	for _, pair := range c.Set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return policy, fmt.Errorf("--set %s: key=value is needed", pair)
		}
		err = policy.Set(key, value, true)
		if err != nil {
			return policy, fmt.Errorf("--set %s: %w", pair, err)
		}
	}
	return policy, policy.Check()
}

func (c *auditVerify) Run(ctx context.Context, t terminal) error {
	_, err := os.Stat(c.Data)
	if err != nil {
		return err
	}
	keys, err := site.LoadKeys(filepath.Join(c.Data, "keys.json"), false)
	if err != nil {
		return err
	}
	kept, err := site.KeptHeads(filepath.Join(c.Data, "audit-heads.jsonl"))
	if err != nil {
		return err
	}
	database := c.Database
	if database == "" {
		database = filepath.Join(c.Data, "aldaba.db")
	}
	rows, err := site.VerifyAudit(ctx, database, keys, kept)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "audit: %d rows in %d chains hold; %d signed heads agree\n", rows, credential.AuditShards, len(kept))
	return err
}

func (versionCommand) Run(t terminal) error {
	_, err := fmt.Fprintln(t.out, "aldaba "+version)
	return err
}
