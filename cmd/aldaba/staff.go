package main

import (
	"context"
	"fmt"

	"aldaba/internal/credential"
	"aldaba/internal/site"
)

type staffCommand struct {
	ActivationCode staffActivationCode `cmd:"" help:"Make a one-use activation code for somebody whom staff saw, valid for a day."`
	Address        staffAddress        `cmd:"" help:"Take down the e-mail of somebody whom staff saw, as verified in person."`
	Complaints     staffComplaints     `cmd:"" help:"List the complaints, suggestions and praise that nobody answered yet, oldest first."`
}

// seen is somebody whom staff saw, and why they do what they do.
type seen struct {
	Number string `arg:"" help:"The person's number." placeholder:"NUMBER"`
	place
	Document string `default:"auto" help:"cedula, extranjero, ruc, or auto: ten digits are a cédula, thirteen a RUC." placeholder:"KIND"`
	Reason   string `required:"" help:"Why, in words that the person will read among the acts of the account." placeholder:"TEXT"`
	Office   string `help:"The office, likewise." placeholder:"TEXT"`
}

// read gives the number and the configuration by which a command works.
func (c *seen) read(ctx context.Context, command string) (credential.Number, site.Config, error) {
	number, err := site.StaffNumber(c.Document, c.Number)
	if err != nil {
		return number, site.Config{}, usageError{err}
	}
	config, err := c.config(command)
	if err == nil && c.Data != "" {
		config.Policy, config.Now, err = site.DemoPolicy(ctx, c.Data, config.Database, config.Keys)
	}
	return number, config, err
}

type staffActivationCode struct{ seen }

func (c *staffActivationCode) Run(ctx context.Context, t terminal) error {
	number, config, err := c.read(ctx, "staff activation-code")
	if err != nil {
		return err
	}
	issued, err := site.IssueActivationCode(ctx, config, number, c.Office, c.Reason)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s\nvalid once, until %s, the time of mainland Ecuador; hand it over in person: it is kept nowhere and cannot be shown again\n",
		issued.Code, issued.Until.In(credential.Zone).Format("2006-01-02 15:04"))
	return err
}

type staffAddress struct {
	seen
	Email string `required:"" help:"The address, as the person says it." placeholder:"ADDRESS"`
}

func (c *staffAddress) Run(ctx context.Context, t terminal) error {
	number, config, err := c.read(ctx, "staff address")
	if err != nil {
		return err
	}
	err = site.SetAddressInPerson(ctx, config, number, c.Email, c.Office, c.Reason)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, "verified in person; every address on record is told")
	return err
}
