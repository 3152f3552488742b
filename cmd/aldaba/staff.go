package main

import (
	"context"
	"fmt"

	"aldaba/internal/site"
)

type staffCommand struct {
	ActivationCode staffActivationCode `cmd:"" help:"Make a one-use activation code for somebody whom staff saw, valid for a day."`
}

type staffActivationCode struct {
	Number string `arg:"" help:"The person's number." placeholder:"NUMBER"`
	place
	Document string `default:"auto" help:"cedula, extranjero, ruc, or auto: ten digits are a cédula, thirteen a RUC." placeholder:"KIND"`
	Reason   string `required:"" help:"Why, in words that the person will read among the acts of the account." placeholder:"TEXT"`
	Office   string `help:"The office, likewise." placeholder:"TEXT"`
}

func (c *staffActivationCode) Run(ctx context.Context, t terminal) error {
	number, err := site.StaffNumber(c.Document, c.Number)
	if err != nil {
		return usageError{err}
	}
	config, err := c.config("staff activation-code")
	if err != nil {
		return err
	}
	if c.Data != "" {
		config.Policy, config.Now, err = site.DemoPolicy(ctx, c.Data, config.Database, config.Keys)
		if err != nil {
			return err
		}
	}
	issued, err := site.IssueActivationCode(ctx, config, number, c.Office, c.Reason)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s\nvalid once, until %s; hand it over in person, it stands nowhere else\n",
		issued.Code, issued.Until)
	return err
}
