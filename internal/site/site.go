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
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
	"aldaba/internal/mail"
	"aldaba/internal/sqlstore"
	"aldaba/internal/stats"
	"aldaba/internal/web"
	"aldaba/internal/wordlists"
)

// Config is what a [Site] is built from.
type Config struct {
	Database     string // DSN, see sqlstore.Config
	Existing     bool   // the database must be there, with this program's schema
	Real         bool   // of real people: a database that a demo filled is refused
	Keys         *credential.KeyRing
	Policy       credential.Policy
	PublicURL    *url.URL
	Institution  institution.Institution
	Proxies      []netip.Prefix // whose X-Forwarded-For counts
	SMTP         mail.SMTPConfig
	HeadsFile    string // where signed audit heads are appended; "" for nowhere
	Now          func() time.Time
	Logger       *slog.Logger
	Demo         *web.Demo // the demo's own pages; nil in serve
	Observe      func(query string, rows int64, took time.Duration)
	Metrics      *prometheus.Registry                          // takes the figures; a new one when nil, never the global one
	Version      string                                        // of the program, among the figures
	WrapRegistry func(credential.Registry) credential.Registry // tests put a source that is away; nil for none
}

// Site is the program, ready to serve.
type Site struct {
	Store   *sqlstore.Store
	Service *credential.Service
	Stats   *stats.Service
	Web     *web.Server

	config     Config
	dispatcher *mail.Dispatcher
	smtp       *mail.SMTP
	gathered   *prometheus.Registry
	figures    *figures
	moved      chan struct{} // the clock was moved: a month may be over
}

// New opens the database and puts everything together. It starts nothing.
func New(ctx context.Context, c Config) (*Site, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Site{config: c, gathered: c.Metrics, moved: make(chan struct{}, 1)}
	if s.gathered == nil {
		s.gathered = prometheus.NewRegistry()
	}
	var err error
	s.figures, err = newFigures(s.gathered, c.Version, s)
	if err != nil {
		return nil, err
	}
	s.Store, err = sqlstore.Open(ctx, sqlstore.Config{DSN: c.Database, Keys: c.Keys, Existing: c.Existing, Observe: s.observe})
	if err != nil {
		return nil, err
	}
	err = s.build(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Store.Close())
	}
	return s, nil
}

// observe counts a statement, and tells whoever asked to be told.
func (s *Site) observe(query string, rows int64, took time.Duration) {
	s.figures.statement(query, took)
	if s.config.Observe != nil {
		s.config.Observe(query, rows, took)
	}
}

func (s *Site) build(ctx context.Context) error {
	c := s.config
	err := checkRing(ctx, s.Store, s.config)
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
		Common: lists, Phrase: lists.Phrase, Now: c.Now, AnswerDays: c.Institution.AnswerDays,
		MailQueued: func() { s.dispatcher.Wake() }, Observe: s.figures.step,
	})
	if err != nil {
		return err
	}
	languages := spoken(c.Institution)
	var voices []mail.Voice
	for _, l := range languages {
		i := c.Institution.In(string(l.Code()))
		voices = append(voices, mail.Voice{Words: l, Institution: i.Name, HelpText: i.PhoneText + " · " + i.Email})
	}
	renderer, err := mail.NewRenderer(mail.Config{PublicURL: c.PublicURL, Demo: c.Demo != nil, Voices: voices})
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
	s.Stats, err = stats.New(stats.Config{Store: s.Store, Keys: c.Keys, Now: c.Now})
	if err != nil {
		return err
	}
	s.Web, err = web.New(web.Config{
		Service: s.Service, Figures: s.Stats.Published, Languages: languages, PublicURL: c.PublicURL,
		Institution: c.Institution, Logger: c.Logger, Demo: c.Demo, Now: c.Now, Proxies: c.Proxies,
		Observe: s.figures.request,
	})
	return err
}

// metaRing is where the database keeps the mark of the ring it was filled with.
const metaRing = "key_ring"

// checkRing refuses a database that was filled with another key ring or is not
// for these people, and marks one that has no mark.
func checkRing(ctx context.Context, store *sqlstore.Store, c Config) error {
	return store.Update(ctx, 0, func(tx credential.Tx) error {
		mine, err := belongs(tx, c)
		if err != nil || mine == "" {
			return err
		}
		return tx.SetMeta(metaRing, mine)
	})
}

// belongs is ringOf, and refuses the fake people of a demo where real ones are
// expected.
func belongs(tx credential.Tx, c Config) (mark string, err error) {
	mark, err = ringOf(tx, c.Keys)
	if err != nil || !c.Real {
		return mark, err
	}
	seeded, err := tx.Meta(metaSeed)
	if err == nil && seeded != "" {
		err = errFakePeople
	}
	return mark, err
}

var errFakePeople = errors.New("the database holds the fake people of a demo; name another one, and fill it with `aldaba registry import`")

// ringOf refuses a database that was filled with another key ring: nothing in it
// would open. mark is what one without a mark should get; empty for one that has it.
func ringOf(tx credential.Tx, keys *credential.KeyRing) (mark string, err error) {
	sum := keys.Lookup("key ring", nil)
	mine := fmt.Sprintf("%x", sum[:8])
	its, err := tx.Meta(metaRing)
	switch {
	case err != nil, its == mine:
		return "", err
	case its != "":
		return "", errOtherRing
	}
	return mine, nil
}

var errOtherRing = errors.New("the database was filled with another key ring; start with the key ring that belongs to it")

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
		case <-s.moved:
			s.keepFigures(ctx)
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

// clockMoved has the figures looked at soon.
func (s *Site) clockMoved() {
	select {
	case s.moved <- struct{}{}:
	default: // it is known already
	}
}

// keepFigures counts what is over and closes the months that are due.
func (s *Site) keepFigures(ctx context.Context) {
	err := s.Service.LapseComplaints(ctx) // first: it adds to the figures
	if err == nil {
		_, err = s.Stats.Upkeep(ctx, credential.Actor{Kind: credential.System, Route: "upkeep"})
	}
	if err != nil && ctx.Err() == nil {
		s.config.Logger.Error("keeping the public figures", "error", err)
	}
}

func (s *Site) sweep(ctx context.Context) {
	s.keepFigures(ctx) // first: they look at what is deleted here
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

// Operation is what operators and probes ask, health, readiness and figures, in front of
// the staff's pages: for a staff listener without a third one beside it.
func (s *Site) Operation() http.Handler {
	mux := s.operation()
	mux.Handle("/", s.Web.Staff())
	return mux
}

// operation belongs on the staff listener or a third one, never on the citizens'.
func (s *Site) operation() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		text, missing := s.readiness(r.Context())
		if missing {
			say(w, http.StatusServiceUnavailable, text)
			return
		}
		say(w, http.StatusOK, text)
	})
	mux.Handle("GET /metrics", s.metricsHandler())
	return mux
}

// readiness says whether requests can be served; if not, a word for what is
// missing. A relay that is away is no reason: mail waits.
func (s *Site) readiness(ctx context.Context) (text string, missing bool) {
	var waiting int
	var oldest time.Time
	err := s.Store.View(ctx, func(tx credential.Tx) (err error) {
		if _, err = ringOf(tx, s.config.Keys); err == nil {
			waiting, oldest, err = tx.MailQueue()
		}
		return err
	})
	switch {
	case errors.Is(err, errOtherRing):
		return "key ring", true
	case err != nil:
		return "database", true
	case waiting > 0 && s.config.Now().Sub(oldest) > slowMail:
		return fmt.Sprintf("ok\nsmtp: waiting, %d queued", waiting), false
	}
	return "ok", false
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

// What a listener is for.
const (
	citizens  = "citizens"
	staff     = "staff"
	operation = "operation"
)

// handlers gives each listener what it answers.
func (s *Site) handlers(listening []Listening) map[string]http.Handler {
	handlers := map[string]http.Handler{citizens: s.Web.Citizens(), staff: s.Operation()}
	if slices.ContainsFunc(listening, func(l Listening) bool { return l.Name == operation }) {
		handlers[staff], handlers[operation] = s.Web.Staff(), s.operation()
	}
	return handlers
}

// Serve answers on the listeners and runs the tasks until ctx ends; then it
// takes no new connections, finishes what is under way, and returns.
func (s *Site) Serve(ctx context.Context, listening ...Listening) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	servers := map[*http.Server]net.Listener{}
	handlers := s.handlers(listening)
	for _, l := range listening {
		servers[web.HTTPServer(handlers[l.Name], s.config.Logger)] = l.Listener
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
