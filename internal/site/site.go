// Package site builds the whole program from a Config: store, domain, pages,
// mail and the tasks beside them. The command line and the end-to-end tests
// start the same thing.
package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/mail"
	"aldaba/internal/sqlstore"
	"aldaba/internal/web"
	"aldaba/internal/wordlists"
	"aldaba/internal/words"
)

// Config is what a [Site] is built from.
type Config struct {
	Database     string // DSN, see sqlstore.Config
	Keys         *credential.KeyRing
	Policy       credential.Policy
	PublicURL    *url.URL
	Institution  web.Institution
	Proxies      []netip.Prefix // whose X-Forwarded-For counts
	SMTP         mail.SMTPConfig
	HeadsFile    string // where signed audit heads are appended; "" for nowhere
	Now          func() time.Time
	Logger       *slog.Logger
	Demo         *web.Demo // the demo's own pages; nil in serve
	Observe      func(query string, rows int64, took time.Duration)
	WrapRegistry func(credential.Registry) credential.Registry // tests put a source that is away; nil for none
}

// Site is the program, ready to serve.
type Site struct {
	Store   *sqlstore.Store
	Service *credential.Service
	Web     *web.Server

	config     Config
	dispatcher *mail.Dispatcher
	smtp       *mail.SMTP
}

// New opens the database and puts everything together. It starts nothing.
func New(ctx context.Context, c Config) (*Site, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: c.Database, Keys: c.Keys, Observe: c.Observe})
	if err != nil {
		return nil, err
	}
	s := &Site{Store: store, config: c}
	err = s.build(ctx)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

func (s *Site) build(ctx context.Context) error {
	c := s.config
	err := s.checkRing(ctx)
	if err != nil {
		return err
	}
	lists, err := wordlists.Load()
	if err != nil {
		return err
	}
	var registry credential.Registry = s.Store
	if c.WrapRegistry != nil {
		registry = c.WrapRegistry(registry)
	}
	s.Service, err = credential.New(credential.Config{
		Store: s.Store, Registry: registry, Keys: c.Keys, Policy: c.Policy,
		Common: lists, Phrase: lists.Phrase, Now: c.Now,
		MailQueued: func() { s.dispatcher.Wake() },
	})
	if err != nil {
		return err
	}
	renderer, err := mail.NewRenderer(mail.Config{
		Words: words.Spanish(), PublicURL: c.PublicURL, Institution: c.Institution.Name,
		HelpText: c.Institution.PhoneText + " · " + c.Institution.Email, Demo: c.Demo != nil,
	})
	if err != nil {
		return err
	}
	s.smtp, err = mail.NewSMTP(c.SMTP)
	if err != nil {
		return err
	}
	s.dispatcher, err = mail.NewDispatcher(mail.DispatcherConfig{
		Outbox: s.Service, Renderer: renderer, Sender: s.smtp, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	s.Web, err = web.New(web.Config{
		Service: s.Service, Words: words.Spanish(), PublicURL: c.PublicURL,
		Institution: c.Institution, Logger: c.Logger, Demo: c.Demo, Now: c.Now, Proxies: c.Proxies,
	})
	return err
}

// metaRing is where the database keeps the mark of the ring it was filled with.
const metaRing = "key_ring"

// checkRing refuses a database that was filled with another key ring: nothing
// in it would open.
func (s *Site) checkRing(ctx context.Context) error {
	sum := s.config.Keys.Lookup("key ring", nil)
	mine := fmt.Sprintf("%x", sum[:8])
	return s.Store.Update(ctx, 0, func(tx credential.Tx) error {
		its, err := tx.Meta(metaRing)
		switch {
		case err != nil:
			return err
		case its == "":
			return tx.SetMeta(metaRing, mine)
		case its != mine:
			return errors.New("the database was filled with another key ring; start with the key ring that belongs to it")
		}
		return nil
	})
}

// Run sends mail and tidies up until ctx ends, then finishes what is under way.
func (s *Site) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	var sendErr error
	tasks.Go(func() { sendErr = s.dispatcher.Run(ctx) })
	tasks.Go(func() { s.tidy(ctx) })
	tasks.Wait()
	return sendErr
}

// Close closes relay and database.
func (s *Site) Close() error { return errors.Join(s.smtp.Close(), s.Store.Close()) }

// How often the program tidies up, and sends the audit heads out.
const tidyEvery = time.Hour

// tidy deletes what is past its retention, at the start and every hour, and
// keeps the signed audit heads, every hour and at the end.
func (s *Site) tidy(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	s.sweep(ctx)
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			s.noteHeads(last)
			cancel()
			return
		case <-ticker.C:
			s.noteHeads(ctx)
			s.sweep(ctx)
		}
	}
}

func (s *Site) sweep(ctx context.Context) {
	_, err := s.Service.Sweep(ctx)
	if err != nil && ctx.Err() == nil {
		s.config.Logger.Error("sweeping", "error", err)
	}
}

func (s *Site) noteHeads(ctx context.Context) {
	if s.config.HeadsFile == "" {
		return
	}
	err := s.appendHeads(ctx)
	if err != nil {
		s.config.Logger.Error("keeping the audit heads", "error", err)
	}
}

func (s *Site) appendHeads(ctx context.Context) error {
	heads, err := s.Service.SignHeads(ctx)
	if err != nil {
		return err
	}
	line, err := json.Marshal(heads)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(s.config.HeadsFile, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = cutTornLine(file)
	if err == nil {
		_, err = file.Write(append(line, '\n'))
	}
	return errors.Join(err, file.Sync(), file.Close())
}

// cutTornLine cuts what a writer that died left of a line, and stands at the end.
func cutTornLine(file *os.File) error {
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	whole := int64(bytes.LastIndexByte(content, '\n') + 1)
	err = file.Truncate(whole)
	if err != nil {
		return err
	}
	_, err = file.Seek(whole, io.SeekStart)
	return err
}

// KeptHeads reads the signed heads that a program kept in a file; none where
// there is no file. A last line that a writer's death tore is left out.
func KeptHeads(path string) ([]credential.AuditHeads, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var kept []credential.AuditHeads
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	n := 0
	for line := range bytes.Lines(content) {
		n++
		var heads credential.AuditHeads
		err = json.Unmarshal(line, &heads)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: not a line of signed heads", path, n)
		}
		kept = append(kept, heads)
	}
	return kept, nil
}

// Operation is what operators and probes ask: health, readiness. It belongs on
// the staff listener, never on the citizens' one.
func (s *Site) Operation() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		waiting, oldest, err := s.Service.MailQueue(r.Context())
		switch {
		case err != nil:
			say(w, http.StatusServiceUnavailable, "database")
		case waiting > 0 && s.config.Now().Sub(oldest) > slowMail:
			say(w, http.StatusOK, fmt.Sprintf("ok\nsmtp: waiting, %d queued", waiting))
		default:
			say(w, http.StatusOK, "ok")
		}
	})
	mux.Handle("/", s.Web.Staff())
	return mux
}

// slowMail is how old the oldest waiting mail is when the relay is said to wait.
const slowMail = 10 * time.Second

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // a probe that has gone needs no answer
}

// drainTime is how long a stop waits for requests under way. After it the mail
// dispatcher has up to four seconds for what they queued (its shutdownGrace):
// together less than the ten seconds in which the program promises to end.
const drainTime = 5 * time.Second

// Serve answers on both listeners and runs the tasks until ctx ends; then it
// takes no new connections, finishes what is under way, and returns.
func (s *Site) Serve(ctx context.Context, citizens, staff net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	servers := map[*http.Server]net.Listener{
		web.HTTPServer(s.Web.Citizens(), s.config.Logger): citizens,
		web.HTTPServer(s.Operation(), s.config.Logger):    staff,
	}
	var running sync.WaitGroup
	faults := make(chan error, len(servers)+1)
	// The tasks outlive the listeners, so that mail queued by the last request
	// still leaves.
	tasks, stopTasks := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTasks()
	tasksDone := make(chan struct{})
	go func() {
		defer close(tasksDone)
		faults <- s.Run(tasks)
	}()
	for server, listener := range servers {
		running.Go(func() {
			err := server.Serve(listener)
			if !errors.Is(err, http.ErrServerClosed) {
				faults <- err
				stop()
			}
		})
	}
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	var drained sync.WaitGroup
	for server := range servers {
		drained.Go(func() {
			if server.Shutdown(drain) != nil {
				_ = server.Close() // drainTime is over: cut what is left
			}
		})
	}
	drained.Wait()
	running.Wait()
	stopTasks()
	<-tasksDone
	close(faults)
	var all []error
	for err := range faults {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// LoadKeys reads a key-ring file, or makes it where mayMake is set and none is
// there.
func LoadKeys(path string, mayMake bool) (*credential.KeyRing, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && mayMake {
		content = credential.NewKeyFile()
		err = writeWhole(path, content)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: the key ring is missing; without it the database beside it cannot be read", path)
	}
	if err != nil {
		return nil, err
	}
	ring, err := credential.ParseKeyRing(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, nil
}

// writeWhole writes a file that is there whole or not at all, readable by its
// owner alone.
func writeWhole(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// VerifyAudit checks every audit chain of a database, against the signed heads
// kept outside it; see [credential.KeyRing.VerifyAudit].
func VerifyAudit(ctx context.Context, database string, keys *credential.KeyRing, kept []credential.AuditHeads) (int64, error) {
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: database, Keys: keys, Existing: true})
	if err != nil {
		return 0, err
	}
	var rows int64
	err = store.View(ctx, func(tx credential.Tx) (err error) {
		rows, err = keys.VerifyAudit(tx, kept)
		return err
	})
	return rows, errors.Join(err, store.Close())
}
