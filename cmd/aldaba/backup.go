package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aldaba/internal/site"
)

type backupCommand struct {
	Out string `arg:"" help:"The file to make; one that is there already is left alone." placeholder:"OUT"`
	place
}

func (c *backupCommand) Run(ctx context.Context, t terminal) error {
	where, err := c.atItsTime("backup")
	if err != nil {
		return err
	}
	report, err := site.Backup(ctx, where, c.Out)
	if errors.Is(err, context.Canceled) {
		return errors.New("backup: interrupted; there is none")
	}
	if err == nil {
		_, err = fmt.Fprintf(t.out, "backup: %d people, %d accounts, %d bytes in %s\n"+
			"The key ring is not in it: keep a copy of that elsewhere, without it nobody can read this file, and with both everybody can.\n",
			report.People, report.Accounts, report.Bytes, c.Out)
	}
	return err
}

type restoreCommand struct {
	In string `arg:"" help:"A file that \"aldaba backup\" made." placeholder:"IN"`
	place
}

func (c *restoreCommand) Run(ctx context.Context, t terminal) error {
	where, err := c.atItsTime("restore")
	if err != nil {
		return err
	}
	report, err := site.Restore(ctx, where, c.In)
	if errors.Is(err, context.Canceled) {
		return errors.New("restore: interrupted; the database is as it was")
	}
	if err != nil {
		return err
	}
	return tellRestore(t.out, report, c.In, where.HeadsFile)
}

// atItsTime is config, with the clock of the demo where it is one.
func (p place) atItsTime(command string) (site.Config, error) {
	where, err := p.config(command)
	if err == nil && p.Data != "" {
		where.Now, err = site.DemoClock(p.Data)
	}
	return where, err
}

// tellRestore says what is in place, what is lost and what is left to do.
func tellRestore(w io.Writer, r site.RestoreReport, in, heads string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "restored: %d people, %d accounts, as they were at %s, from %s\n",
		r.People, r.Accounts, r.Made.Format(time.RFC3339), in)
	switch {
	case r.Kept == "":
		text.WriteString("kept: nothing, there was no database\n")
	case r.Damaged != nil:
		fmt.Fprintf(&text, "kept: %s, as it was, because no backup could be made of it: %v\n", r.Kept, r.Damaged)
	default:
		fmt.Fprintf(&text, "kept: what was there, as a backup: %s\n", r.Kept)
	}
	fmt.Fprintf(&text, "ended: %d procedures with their links and codes, %d mails that waited, %d activation codes, %d known devices, %d sessions\n",
		r.Procedures, r.Mails, r.Codes, r.Devices, r.Sessions)
	spent := "taken over from what was there"
	if !r.Spent {
		spent = "as they were then, too"
	}
	fmt.Fprintf(&text, "attempts, used secrets and disputes: %s\n", spent)
	text.WriteString("lost: claves, addresses and registers of since then; docs/operations.md, \"After a restore\", says whom to tell\n")
	if r.Audit != nil {
		fmt.Fprintf(&text, "audit: it did not hold when the backup was made: %v\n", r.Audit)
	}
	if r.Ahead > 0 {
		fmt.Fprintf(&text, "audit: from line %d on, %s tells of rows that the restore took back; `aldaba audit verify` names them until those lines are put aside\n", r.Ahead, heads)
	}
	if r.Schema < r.Program {
		fmt.Fprintf(&text, "schema: version %d, brought to version %d\n", r.Schema, r.Program)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
