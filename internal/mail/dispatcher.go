package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"aldaba/internal/credential"
)

// Sender hands one message to a relay. It has two implementations, [SMTP] and
// the mailbox of the demo. An error that is no [*SendError] counts as one that
// time cures, and its text is not logged, for nobody knows what it quotes.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Outbox is where mails wait; *credential.Service is one. What is claimed stays
// with whoever claimed it for a minute and is given out again afterwards, so
// that a process that dies loses nothing. When a refused mail is tried again is
// decided there.
type Outbox interface {
	NextMails(ctx context.Context, n int) ([]credential.Outgoing, error)
	MailAccepted(ctx context.Context, m credential.Outgoing) error
	MailRefused(ctx context.Context, m credential.Outgoing, forGood bool) error
}

// Together the first four stay below the minute that the outbox leaves a
// claimed mail with us; else another process would send it too.
const (
	claimPatience  = 5 * time.Second  // for one claim
	beginPatience  = 15 * time.Second // until a claimed mail has found a worker
	sendPatience   = 30 * time.Second // for one mail with the relay
	recordPatience = 5 * time.Second  // to record how it ended, tries included

	// At shutdown: when conversations are cut, and when records are. The program
	// promises to end within ten seconds, five of which are the listeners'.
	sendGrace     = 3 * time.Second
	shutdownGrace = 4 * time.Second

	firstRecordPause = 20 * time.Millisecond
	slowestClaim     = 30 * time.Second // between two claims while the store fails
)

// DispatcherConfig is what a [Dispatcher] is made of. Outbox, Renderer and
// Sender are required.
type DispatcherConfig struct {
	Outbox   Outbox
	Renderer *Renderer
	Sender   Sender
	Workers  int           // mails under way at once: 4 by default, 64 at most
	Poll     time.Duration // between two looks at the outbox without a Wake: 1 s by default
	Batch    int           // mails claimed at once: 16 by default, 1000 at most
	Logger   *slog.Logger  // nil discards
}

// Dispatcher takes mails from the outbox to the sender.
type Dispatcher struct {
	DispatcherConfig
	wake chan struct{}

	mu       sync.Mutex
	underWay map[credential.ID]bool
}

// NewDispatcher checks c. Nothing is sent before [Dispatcher.Run].
func NewDispatcher(c DispatcherConfig) (*Dispatcher, error) {
	if c.Outbox == nil || c.Renderer == nil || c.Sender == nil {
		return nil, errors.New("mail: outbox, renderer and sender are all needed")
	}
	if c.Workers < 0 || c.Workers > maxConns || c.Poll < 0 || c.Batch < 0 || c.Batch > 1000 {
		return nil, fmt.Errorf("mail: workers not between 1 and %d, batch not between 1 and 1000, or negative poll", maxConns)
	}
	if c.Workers == 0 {
		c.Workers = 4
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Batch == 0 {
		c.Batch = 16
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Dispatcher{
		DispatcherConfig: c,
		wake:             make(chan struct{}, 1),
		underWay:         map[credential.ID]bool{},
	}, nil
}

// Wake tells that mail was queued and committed. It never blocks and may be
// called at any time, before Run too.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default: // a look at the outbox is ahead anyway
	}
}

// Run sends until ctx ends, then finishes what was claimed: within eight
// seconds, after which a conversation with the relay is cut and its mail left
// for later. It always returns nil, with no goroutine left. Run it once at a time.
func (d *Dispatcher) Run(ctx context.Context) error {
	// What is under way outlives ctx: sending for a while, recording a little longer.
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	sending, stopSending := context.WithCancel(recording)
	defer stopSending()

	claimed := make(chan credential.Outgoing)
	var all sync.WaitGroup
	all.Go(func() {
		defer close(claimed)
		d.claim(ctx, sending, claimed)
	})
	for range d.Workers {
		all.Go(func() {
			for o := range claimed {
				d.deliver(sending, recording, o)
			}
		})
	}
	<-ctx.Done()
	defer time.AfterFunc(sendGrace, stopSending).Stop()
	defer time.AfterFunc(shutdownGrace, stopRecording).Stop()
	all.Wait()
	return nil
}

// claim claims what is due, whenever woken or polled and at once again after a
// full batch, and hands it out until ctx ends. The end of ctx does not cut a
// claim under way: one whose commit the store made and nobody heard of would
// hold its mails for the whole minute.
func (d *Dispatcher) claim(ctx, sending context.Context, out chan<- credential.Outgoing) {
	var backOff time.Duration
	for ctx.Err() == nil {
		patient, cancel := context.WithTimeout(sending, claimPatience)
		mails, err := d.Outbox.NextMails(patient, d.Batch)
		cancel()
		switch {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			// Being woken does not shorten this: under load it would be as if
			// there were no pause.
			backOff = min(max(2*backOff, d.Poll), slowestClaim)
			d.Logger.LogAttrs(ctx, slog.LevelError, "outbox not read",
				slog.Duration("again_in", backOff), slog.String("error", err.Error()))
			pause(ctx, backOff)
			continue
		}
		backOff = 0
		d.handOut(sending, mails, out)
		if len(mails) >= d.Batch {
			continue
		}
		wait := time.NewTimer(d.Poll)
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// handOut gives each mail to a worker. What finds none in time, because the
// relay is slow, is left: its claim ends and it comes again.
func (d *Dispatcher) handOut(sending context.Context, mails []credential.Outgoing, out chan<- credential.Outgoing) {
	ctx, cancel := context.WithTimeout(sending, beginPatience)
	defer cancel()
	for i, o := range mails {
		// A clock that was put forward ends claims early.
		if !d.setUnderWay(o.ID, true) {
			continue
		}
		select {
		case out <- o:
		case <-ctx.Done():
			d.setUnderWay(o.ID, false)
			d.Logger.LogAttrs(ctx, slog.LevelWarn, "mails left for later", slog.Int("count", len(mails)-i))
			return
		}
	}
}

// setUnderWay notes whether a mail is with a worker, and reports whether that
// is news.
func (d *Dispatcher) setUnderWay(id credential.ID, is bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.underWay[id] == is {
		return false
	}
	if is {
		d.underWay[id] = true
	} else {
		delete(d.underWay, id)
	}
	return true
}

// deliver sends one mail and records how that ended.
func (d *Dispatcher) deliver(sending, recording context.Context, o credential.Outgoing) {
	forGood, err := d.send(sending, o)
	// Before the record, which may make a refused mail due again.
	d.setUnderWay(o.ID, false)
	if err == nil {
		d.record(recording, o, "accepted", func(ctx context.Context) error { return d.Outbox.MailAccepted(ctx, o) })
		return
	}
	var code int
	text := fmt.Sprintf("%T", err)
	if failure, ok := errors.AsType[*SendError](err); ok {
		code, text = failure.Code, failure.Error()
	}
	d.Logger.LogAttrs(recording, slog.LevelWarn, "mail not sent", append(about(o),
		slog.Bool("for_good", forGood), slog.Int("code", code), slog.String("error", text))...)
	d.record(recording, o, "refused", func(ctx context.Context) error { return d.Outbox.MailRefused(ctx, o, forGood) })
}

// send renders and sends one mail.
func (d *Dispatcher) send(ctx context.Context, o credential.Outgoing) (forGood bool, err error) {
	m, err := d.Renderer.Render(o)
	if err != nil {
		// Not for good: a newer version of the program may know what this one does not.
		return false, &SendError{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	err = d.Sender.Send(ctx, m)
	failure, ok := errors.AsType[*SendError](err)
	return ok && failure.Permanent, err
}

// record tries for a while to note how a mail ended. An acceptance that cannot
// be noted means a second copy after the claim ends, with the same Message-ID.
func (d *Dispatcher) record(ctx context.Context, o credential.Outgoing, end string, note func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	for wait := firstRecordPause; ; wait *= 2 {
		err := note(ctx)
		if err == nil {
			return
		}
		if !pause(ctx, wait) {
			d.Logger.LogAttrs(ctx, slog.LevelError, "end of a mail not recorded", append(about(o),
				slog.String("end", end), slog.String("error", err.Error()))...)
			return
		}
	}
}

// about names a mail in a log, without what is personal or secret in it.
func about(o credential.Outgoing) []slog.Attr {
	return []slog.Attr{
		slog.String("mail", o.ID.String()), slog.String("kind", string(o.Kind)),
		slog.String("reference", oneLine(o.Facts.Reference, maxName)), slog.Int("tries", o.Tries),
	}
}

// pause waits for d and reports whether ctx lasted that long.
func pause(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
