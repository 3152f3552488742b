package main

import (
	"context"
	"fmt"

	"aldaba/internal/credential"
	"aldaba/internal/site"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Check every audit chain and name the first row that was edited, deleted or is missing."`
}

type auditVerify struct {
	place
}

func (c *auditVerify) Run(ctx context.Context, t terminal) error {
	where, err := c.config("audit verify")
	if err != nil {
		return err
	}
	var kept []credential.AuditHeads
	if where.HeadsFile != "" {
		kept, err = site.KeptHeads(where.HeadsFile)
		if err != nil {
			return err
		}
	}
	rows, err := site.VerifyAudit(ctx, where.Database, where.Keys, kept)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "audit: %d rows in %d chains hold; %d signed heads agree\n", rows, credential.AuditShards, len(kept))
	return err
}
