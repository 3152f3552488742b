package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/mail"
	"aldaba/internal/sqlstore"
)

// Service is the program on its listeners, as a configuration file asks for.
type Service struct {
	site      *Site
	listening []Listening
}

// Listening is one listener and what it is for.
type Listening struct {
	Name     string // "citizens", "staff" or "operation"
	Listener net.Listener
}

// StartService opens the database, which must be there with this program's
// schema, and takes the listeners. Nothing is served until [Service.Run]; the
// relay is not needed.
func StartService(ctx context.Context, c Serving) (*Service, error) {
	s := &Service{}
	err := s.start(ctx, c)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Service) start(ctx context.Context, c Serving) error {
	for _, l := range []struct{ name, address string }{{citizens, c.Citizens}, {staff, c.Staff}, {operation, c.Operation}} {
		if l.address == "" {
			continue
		}
		listener, err := net.Listen("tcp", l.address)
		if err != nil {
			return fmt.Errorf("listen.%s %s: %w", l.name, l.address, cause(err))
		}
		s.listening = append(s.listening, Listening{l.name, listener})
	}
	c.Existing = true
	var err error
	s.site, err = New(ctx, c.Config)
	return err
}

// Listening gives the listeners that were taken.
func (s *Service) Listening() []Listening { return s.listening }

// Run serves until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.site.Serve(ctx, s.listening...) }

// Close lets go of everything that StartService took.
func (s *Service) Close() error {
	var errs []error
	if s.site != nil {
		errs = append(errs, s.site.Close())
	}
	for _, l := range s.listening {
		if err := l.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Migrate makes the database's tables, or brings them up to this program, and
// marks an empty database as belonging to the key ring.
func Migrate(ctx context.Context, c Config) error {
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: c.Database, Keys: c.Keys})
	if err != nil {
		return err
	}
	return errors.Join(checkRing(ctx, store, c), store.Close())
}

// Finding is what [Check] found about one thing, in one line.
type Finding struct {
	What  string
	Says  string
	Wrong bool
}

// checkPatience bounds how long each thing that is tried may take.
const checkPatience = 15 * time.Second

// Check tries the database, which it does not change, and the relay, to which it
// sends nothing.
func Check(ctx context.Context, c Config) []Finding {
	return []Finding{
		found("database", "answers; tables and key ring are the right ones", checkDatabase(ctx, c)),
		found("relay", c.SMTP.Addr+" answers and takes our log-in", checkRelay(ctx, c.SMTP)),
	}
}

func found(what, says string, err error) Finding {
	if err != nil {
		return Finding{what, strings.TrimPrefix(err.Error(), what+": "), true}
	}
	return Finding{what, says, false}
}

func checkDatabase(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: c.Database, Keys: c.Keys, Existing: true})
	if err != nil {
		return err
	}
	err = store.View(ctx, func(tx credential.Tx) error {
		_, err := belongs(tx, c)
		return err
	})
	return errors.Join(err, store.Close())
}

func checkRelay(ctx context.Context, c mail.SMTPConfig) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	sender, err := mail.NewSMTP(c)
	if err != nil {
		return err
	}
	return errors.Join(sender.Check(ctx), sender.Close())
}

// NewKeys makes a key ring in a new file that its owner alone may read. A file
// that is there already is left as it is.
func NewKeys(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is already there and is left as it is; name another file", path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, reasonOf(err))
	}
	_, err = file.Write(credential.NewKeyFile())
	return errors.Join(err, file.Sync(), file.Close())
}
