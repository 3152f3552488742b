package site

import (
	"bytes"
	"context"
	_ "embed"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore"
	"aldaba/internal/stats"
)

// exampleMonths are the 28 months of the official sheet.
//
//go:embed transparencia.csv
var exampleMonths []byte

// exampleFigures gives a demo without figures those of the official sheet.
func exampleFigures(ctx context.Context, s *stats.Service) error {
	published, err := s.Published(ctx)
	if err != nil || len(published.Records) > 0 {
		return err
	}
	rows, err := stats.ReadEarlier(bytes.NewReader(exampleMonths))
	if err == nil {
		_, err = s.Import(ctx, credential.Actor{Kind: credential.System, Route: "demo"}, rows, "")
	}
	return err
}

// WithStats gives the public figures of a database to a command beside a program
// that may be serving. Of the configuration it needs database, keys and clock.
func WithStats(ctx context.Context, c Config, f func(*stats.Service) error) error {
	return onDatabase(ctx, c, func(store *sqlstore.Store) error {
		s, err := stats.New(stats.Config{Store: store, Keys: c.Keys, Now: c.Now})
		if err != nil {
			return err
		}
		return f(s)
	})
}
