package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"aldaba/internal/site"
)

type serveCommand struct {
	Config string   `required:"" help:"Configuration file; \"aldaba config example\" prints one." placeholder:"FILE"`
	Set    []string `sep:"none" help:"Override one value of the policy; may be repeated." placeholder:"KEY=VALUE"`
}

func (c *serveCommand) Run(ctx context.Context, t terminal) error {
	config, err := site.ReadConfig(c.Config)
	if _, wrong := errors.AsType[site.Faults](err); err != nil && !wrong {
		return err
	}
	policy, setErr := overridden(config.Policy, c.Set, false)
	if setErr != nil {
		return usageError{setErr}
	}
	if err != nil {
		return err
	}
	config.Policy, config.Version = policy, version
	config.Logger = slog.New(slog.NewJSONHandler(t.err, &slog.HandlerOptions{Level: config.LogLevel}))
	collectLess()
	service, err := site.StartService(ctx, config)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "Aldaba %s for %s\n", version, config.PublicURL)
	for _, l := range service.Listening() {
		if err == nil {
			_, err = fmt.Fprintf(t.out, "  %-10s http://%s\n", l.Name, l.Listener.Addr())
		}
	}
	if err == nil {
		err = service.Run(ctx)
	}
	return errors.Join(err, service.Close())
}

type checkCommand struct {
	Config string `required:"" help:"Configuration file." placeholder:"FILE"`
}

func (c *checkCommand) Run(ctx context.Context, t terminal) error {
	config, err := site.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	whose := c.Config + " holds; the site is that of " + config.Institution.Name
	if !config.Institution.Official {
		whose += ", and says that it is not official"
	}
	findings := []site.Finding{{What: "configuration", Says: whose}, {What: "agreement", Says: agreementsOf(config.Config)}}
	for _, remark := range config.Institution.Remarks {
		findings = append(findings, site.Finding{What: "institution", Says: remark})
	}
	findings = append(findings, site.Check(ctx, config.Config)...)
	wrong := 0
	for _, f := range findings {
		if f.Wrong {
			complain(t, errors.New(f.What+": "+f.Says), failed)
			wrong++
			continue
		}
		_, err = fmt.Fprintf(t.out, "%s: %s\n", f.What, f.Says)
		if err != nil {
			return err
		}
	}
	if wrong > 0 {
		return errToldAlready
	}
	return nil
}

// agreementsOf says which text people accept, with the hash of it in each language: what
// the audit keeps of an acceptance.
func agreementsOf(c site.Config) string {
	says := fmt.Sprintf("version %s since %s", c.Institution.Agreement.Version, c.Institution.Agreement.Since.Format(time.DateOnly))
	for _, language := range c.Institution.Languages {
		says += fmt.Sprintf(", %s %s", language, c.Institution.In(language).Agreement.Digest())
	}
	return says
}

type migrateCommand struct {
	Config string `required:"" help:"Configuration file." placeholder:"FILE"`
}

func (c *migrateCommand) Run(ctx context.Context, t terminal) error {
	config, err := site.ReadConfig(c.Config)
	if err == nil {
		err = site.Migrate(ctx, config.Config)
	}
	if err == nil {
		_, err = fmt.Fprintln(t.out, "database: its tables are those of this program")
	}
	return err
}

type configCommand struct {
	Example configExample `cmd:"" help:"Print a complete configuration with an explanation of every key, or write an institution's folder."`
}

type configExample struct {
	Institution string `help:"Write an example of the institution's folder there instead; one that is not empty is left alone." placeholder:"DIR"`
}

func (c *configExample) Run(t terminal) error {
	if c.Institution != "" {
		err := site.NewInstitution(c.Institution)
		if err == nil {
			_, err = fmt.Fprintf(t.out, "%s: an example of an institution. Put your own in place of it, and write institution = %q into the configuration.\n", c.Institution, filepath.Base(c.Institution))
		}
		return err
	}
	_, err := fmt.Fprint(t.out, site.ExampleConfig)
	return err
}

type keysCommand struct {
	New keysNew `cmd:"" help:"Make a key ring in a new file."`
}

type keysNew struct {
	File string `arg:"" help:"The file to make; one that is there already is left alone."`
}

func (c *keysNew) Run(t terminal) error {
	err := site.NewKeys(c.File)
	if err == nil {
		_, err = fmt.Fprintf(t.out, "%s: a new key ring. Keep a copy apart from the database: without it nothing there can be read.\n", c.File)
	}
	return err
}
