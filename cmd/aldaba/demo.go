package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/site"
)

type demoCommand struct {
	Listen      string   `default:"127.0.0.1:8080" help:"Address for citizens; port 0 takes a free one." placeholder:"A"`
	StaffListen string   `default:"127.0.0.1:8081" help:"Address for staff and operation." placeholder:"A"`
	Data        string   `help:"Folder for database, key ring, mailbox and people; a temporary one when left out." placeholder:"DIR"`
	People      *int     `help:"How many random people besides the named cases: 200, or as many as the folder holds." placeholder:"N"`
	Seed        *string  `help:"What the fake people are made from: \"aldaba\", or what the folder was made from." placeholder:"S"`
	Policy      string   `default:"ficha-2026" help:"Named policy." placeholder:"NAME"`
	Set         []string `sep:"none" help:"Override one value of the policy; may be repeated." placeholder:"KEY=VALUE"`
	Database    string   `help:"A PostgreSQL database instead of the embedded one." placeholder:"postgres://…"`
	SMTP        string   `name:"smtp" help:"A relay instead of the demo's own mailbox." placeholder:"HOST:PORT"`
	Institution string   `help:"An institution's folder instead of the example." placeholder:"DIR"`
}

// maxPeople bounds the demo's register.
const maxPeople = 100_000

func (c *demoCommand) Run(ctx context.Context, t terminal) error {
	policy, err := c.policy()
	if err != nil {
		return usageError{err}
	}
	if c.People != nil && (*c.People < 0 || *c.People > maxPeople) {
		return usageError{fmt.Errorf("--people %d: from 0 to %d", *c.People, maxPeople)}
	}
	for flag, address := range map[string]string{"--listen": c.Listen, "--staff-listen": c.StaffListen} {
		if !site.IsListenAddress(address) {
			return usageError{fmt.Errorf("%s %s: an address such as 127.0.0.1:8080 is needed", flag, address)}
		}
	}
	if c.Seed != nil && (*c.Seed == "" || len(*c.Seed) > 100) {
		return usageError{errors.New("--seed: from 1 to 100 characters")}
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		return usageError{errors.New("--database: an address that begins with postgres:// is needed")}
	}
	if c.SMTP != "" && !site.IsListenAddress(c.SMTP) {
		return usageError{fmt.Errorf("--smtp %s: a relay such as 127.0.0.1:25 is needed", c.SMTP)}
	}
	dir := c.Data
	if dir == "" {
		dir, err = os.MkdirTemp("", "aldaba-demo-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // a temporary folder; the system clears it otherwise
	}
	collectLess()
	demo, err := site.StartDemo(ctx, site.DemoConfig{
		Dir: dir, People: c.People, Seed: c.Seed, Policy: policy, Database: c.Database, SMTP: c.SMTP, Institution: c.Institution,
		Listen: c.Listen, StaffListen: c.StaffListen, Version: version,
		Logger: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, `Aldaba %s: demostración. No es el sitio oficial de ninguna institución; las personas son ficticias.

  Ciudadanía  %s
  Personal    %s
  Correo      %s
  Personas    %s/demo/personas

  Política %s. Datos en %s. Para terminar: Ctrl+C.
%s`, version, demo.URL, demo.StaffURL, c.mailLine(demo), demo.URL, policy.Name, dir, clockLine(demo.ClockOffset()))
	if err == nil {
		err = demo.Run(ctx)
	}
	return errors.Join(err, demo.Close())
}

// mailLine says where the demo's mail goes.
func (c *demoCommand) mailLine(demo *site.Demo) string {
	if c.SMTP != "" {
		return "sale de verdad, por " + c.SMTP
	}
	return demo.URL.String() + "/demo/correo"
}

// clockLine tells of a clock that was moved in an earlier run; nothing otherwise.
func clockLine(offset time.Duration) string {
	if offset == 0 {
		return ""
	}
	return fmt.Sprintf("  Reloj movido %v en un uso anterior de esta carpeta.\n", offset)
}

func (c *demoCommand) policy() (credential.Policy, error) {
	policy, err := credential.Preset(c.Policy)
	if err != nil {
		return policy, fmt.Errorf("--policy: %w", err)
	}
	policy.NumbersPerNetwork = 0 // everybody who tries a demo comes from one network
	return overridden(policy, c.Set, true)
}

// overridden is a policy with the values of --set; demo says whose ranges hold.
func overridden(policy credential.Policy, pairs []string, demo bool) (credential.Policy, error) {
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return policy, fmt.Errorf("--set %s: key=value is needed", pair)
		}
		err := policy.Set(key, value, demo)
		if err != nil {
			return policy, fmt.Errorf("--set %s: %w", pair, err)
		}
	}
	return policy, policy.Check()
}
