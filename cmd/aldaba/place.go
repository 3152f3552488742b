package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"aldaba/internal/credential"
	"aldaba/internal/site"
)

// place is the flags of a command that works on what a program keeps: a
// service's, by its configuration, or a demo's, by its folder.
type place struct {
	Config   string `help:"Configuration file." placeholder:"FILE"`
	Data     string `help:"A demo's data folder instead." placeholder:"DIR"`
	Database string `help:"That demo's PostgreSQL database, if it has one." placeholder:"postgres://…"`
}

// config finds database, key ring, policy and kept heads for the named command.
func (p place) config(command string) (site.Config, error) {
	switch {
	case (p.Config == "") == (p.Data == ""):
		return site.Config{}, usageError{fmt.Errorf("%s: one of --config FILE and --data DIR is needed", command)}
	case p.Config != "" && p.Database != "":
		return site.Config{}, usageError{errors.New("--database belongs to --data; with --config the file names the database")}
	case p.Config != "":
		read, err := site.ReadConfig(p.Config)
		return read.Config, err
	}
	_, err := os.Stat(p.Data)
	if err != nil {
		return site.Config{}, err
	}
	keys, err := site.LoadKeys(filepath.Join(p.Data, "keys.json"), false)
	if err != nil {
		return site.Config{}, err
	}
	policy, err := credential.Preset(credential.Ficha2026)
	database := p.Database
	if database == "" {
		database = filepath.Join(p.Data, "aldaba.db")
	}
	return site.Config{
		Database: database, Keys: keys, Policy: policy, HeadsFile: filepath.Join(p.Data, "audit-heads.jsonl"),
	}, err
}
