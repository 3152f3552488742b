package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"aldaba/internal/site"
	"aldaba/internal/spreadsheet"
)

type staffComplaints struct {
	place
	Since string `help:"Only those received from this day on, such as 2026-11-20." placeholder:"DAY"`
	Most  int    `default:"100" help:"How many at most, from 1 to 1000." placeholder:"N"`
	CSV   bool   `name:"csv" help:"As a table for a spreadsheet."`
}

func (c *staffComplaints) Run(ctx context.Context, t terminal) error {
	if c.Most < 1 || c.Most > 1000 {
		return usageError{fmt.Errorf("--most: %d is not from 1 to 1000", c.Most)}
	}
	config, err := c.config("staff complaints")
	if err == nil && c.Data != "" {
		config.Policy, config.Now, err = site.DemoPolicy(ctx, c.Data, config.Database, config.Keys)
	}
	if err != nil {
		return err
	}
	list, err := site.OpenComplaints(ctx, config, c.Since, c.Most)
	if err != nil {
		return err
	}
	if c.CSV {
		return complaintTable(t.out, list)
	}
	for _, one := range list {
		err = complaintBlock(t.out, one)
		if err != nil {
			return err
		}
	}
	switch len(list) {
	case 0:
		_, err = fmt.Fprintln(t.out, "no complaint waits for an answer")
	case c.Most:
		_, err = fmt.Fprintf(t.out, "%d shown; there may be more, see --since and --most\n", len(list))
	}
	return err
}

// complaintBlock writes a complaint for a terminal. Its text holds no control
// characters (they were left out when it was taken); each of its lines is marked, so
// that none passes for one of ours.
func complaintBlock(out io.Writer, c site.ReadComplaint) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  received %s  answer by %s  confirmed by: %s\n", c.Number, c.Received, c.LastDay, c.Proof)
	for _, line := range [][2]string{{"kind", c.Kind}, {"procedure", c.Topic}, {"e-mail", c.Email}, {"reference", c.Reference}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "  %s: %s\n", line[0], line[1])
		}
	}
	for line := range strings.Lines(c.Text + "\n") {
		b.WriteString("  | " + line)
	}
	_, err := io.WriteString(out, b.String()+"\n")
	return err
}

func complaintTable(out io.Writer, list []site.ReadComplaint) error {
	rows := [][]string{{"numero", "recibida", "responder_hasta", "confirmada", "tipo", "tramite", "correo", "referencia", "texto"}}
	for _, c := range list {
		row := []string{c.Number, c.Received, c.LastDay, c.Proof, c.Kind, c.Topic, c.Email, c.Reference, c.Text}
		for i := range row {
			row[i] = spreadsheet.Inert(row[i])
		}
		rows = append(rows, row)
	}
	return csv.NewWriter(out).WriteAll(rows)
}
