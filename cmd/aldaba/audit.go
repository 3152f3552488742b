package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"aldaba/internal/credential"
	"aldaba/internal/site"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Check every audit chain and name the first row that was edited, deleted or is missing."`
}

type auditVerify struct {
	Config   string `help:"Configuration file." placeholder:"FILE"`
	Data     string `help:"A demo's data folder instead." placeholder:"DIR"`
	Database string `help:"That demo's PostgreSQL database, if it has one." placeholder:"postgres://…"`
}

func (c *auditVerify) Run(ctx context.Context, t terminal) error {
	if (c.Config == "") == (c.Data == "") {
		return usageError{errors.New("audit verify: one of --config FILE and --data DIR is needed")}
	}
	where, err := c.where()
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

// where finds database, key ring and kept heads.
func (c *auditVerify) where() (site.Config, error) {
	if c.Config != "" {
		if c.Database != "" {
			return site.Config{}, usageError{errors.New("--database belongs to --data; with --config the file names the database")}
		}
		read, err := site.ReadConfig(c.Config)
		return read.Config, err
	}
	_, err := os.Stat(c.Data)
	if err != nil {
		return site.Config{}, err
	}
	keys, err := site.LoadKeys(filepath.Join(c.Data, "keys.json"), false)
	database := c.Database
	if database == "" {
		database = filepath.Join(c.Data, "aldaba.db")
	}
	return site.Config{Database: database, Keys: keys, HeadsFile: filepath.Join(c.Data, "audit-heads.jsonl")}, err
}
