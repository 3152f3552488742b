package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aldaba/internal/credential"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

// fakeOutbox is an outbox in memory without leases: what is claimed is gone
// until a test puts it again.
type fakeOutbox struct {
	claimFault func() error           // asked at each claim; may be nil
	endFault   func(end ending) error // asked at each record; may be nil
	ended      chan ending            // one for each record that was kept

	mu     sync.Mutex
	due    []credential.Outgoing
	claims []int // mails given, one entry for each claim
	starts []time.Time
}

// ending is how a mail ended.
type ending struct {
	ID  byte   // the last byte of its id
	End string // "accepted", "refused" or "given up"
}

func newFakeOutbox(mails ...credential.Outgoing) *fakeOutbox {
	return &fakeOutbox{due: mails, ended: make(chan ending, 10_000)}
}

func (f *fakeOutbox) put(mails ...credential.Outgoing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due = append(f.due, mails...)
}

// looks gives when mails were asked for. The dispatcher goes on asking meanwhile.
func (f *fakeOutbox) looks() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.starts)
}

// NextMails gives the first n.
func (f *fakeOutbox) NextMails(ctx context.Context, n int) ([]credential.Outgoing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts = append(f.starts, time.Now())
	if f.claimFault != nil {
		if err := f.claimFault(); err != nil {
			return nil, err
		}
	}
	given := slices.Clone(f.due[:min(n, len(f.due))])
	f.due = f.due[len(given):]
	f.claims = append(f.claims, len(given))
	return given, ctx.Err()
}

func (f *fakeOutbox) end(ctx context.Context, o credential.Outgoing, how string) error {
	end := ending{o.ID[15], how}
	if f.endFault != nil {
		if err := f.endFault(end); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.ended <- end
	return nil
}

// MailAccepted notes it.
func (f *fakeOutbox) MailAccepted(ctx context.Context, o credential.Outgoing) error {
	return f.end(ctx, o, "accepted")
}

// MailRefused notes it.
func (f *fakeOutbox) MailRefused(ctx context.Context, o credential.Outgoing, forGood bool) error {
	if forGood {
		return f.end(ctx, o, "given up")
	}
	return f.end(ctx, o, "refused")
}

// senderFunc sends by a function.
type senderFunc func(ctx context.Context, m Message) error

// Send calls f.
func (f senderFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }

// lockedBuffer takes logs of several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// running is a dispatcher at work.
type running struct {
	*Dispatcher
	log  *lockedBuffer
	stop context.CancelFunc
	done chan error
}

// start runs a dispatcher until the test ends.
func start(tb testing.TB, outbox Outbox, sender Sender, change func(*DispatcherConfig)) *running {
	tb.Helper()
	log := &lockedBuffer{}
	c := DispatcherConfig{
		Outbox: outbox, Sender: sender, Renderer: newRenderer(tb, nil),
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
	if change != nil {
		change(&c)
	}
	d, err := NewDispatcher(c)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{d, log, stop, make(chan error, 1)}
	stopped := make(chan struct{})
	go func() { defer close(stopped); r.done <- d.Run(ctx) }()
	tb.Cleanup(func() { stop(); <-stopped })
	return r
}

// mailTo is an activation with id n to n@correo.test.
func mailTo(tb testing.TB, n byte) credential.Outgoing {
	tb.Helper()
	o := anOutgoing(tb, credential.MailActivation, n)
	o.To = mustEmail(tb, fmt.Sprintf("secreto%d@correo.test", n))
	return o
}

func mailsTo(tb testing.TB, count int) []credential.Outgoing {
	tb.Helper()
	all := make([]credential.Outgoing, count)
	for i := range all {
		all[i] = mailTo(tb, byte(i+1))
		all[i].ID[14] = byte((i + 1) >> 8)
	}
	return all
}

// sorted takes n ends and sorts them by mail.
func sorted(f *fakeOutbox, n int) []ending {
	ends := make([]ending, n)
	for i := range ends {
		ends[i] = <-f.ended
	}
	slices.SortFunc(ends, func(a, b ending) int { return int(a.ID) - int(b.ID) })
	return ends
}

func wantSame(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// wantQuiet holds that a log has no address, code, link or name.
func wantQuiet(t *testing.T, log string) {
	t.Helper()
	o := mailTo(t, 1)
	for _, secret := range []string{"secreto", "correo.test", "012345", o.Link.Token(), "Rosa"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log says %q:\n%s", secret, log)
		}
	}
}

// TestDispatcherConversation talks with a real SMTP server: one mail is taken,
// one at the second try, one never.
func TestDispatcherConversation(t *testing.T) {
	var mu sync.Mutex
	tries := map[string]int{}
	r := newRelay(t, func(r *relay) {
		r.rcpt = func(to string) error {
			mu.Lock()
			defer mu.Unlock()
			tries[to]++
			switch {
			case to == "secreto2@correo.test" && tries[to] == 1:
				return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: to + " is full"}
			case to == "secreto3@correo.test":
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: to + " unknown"}
			}
			return nil
		}
	})
	outbox := newFakeOutbox(mailTo(t, 1), mailTo(t, 2), mailTo(t, 3))
	d := start(t, outbox, newSender(t, r, nil), nil)
	wantSame(t, "first ends", []ending{{1, "accepted"}, {2, "refused"}, {3, "given up"}}, sorted(outbox, 3))

	again := mailTo(t, 2)
	again.Tries = 1
	outbox.put(again)
	d.Wake()
	wantSame(t, "second ends", []ending{{2, "accepted"}}, sorted(outbox, 1))

	ids := map[string]bool{}
	for _, raw := range r.mails() {
		m, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-ID")] = true
		if got := m.Header.Get("X-Aldaba-Reference"); got != "AB23-CD45" {
			t.Errorf("reference = %q", got)
		}
	}
	wantSame(t, "mails taken", map[string]bool{
		"<" + anID(1).String() + "@institucion.test>": true, "<" + anID(2).String() + "@institucion.test>": true,
	}, ids)
	log := d.log.String()
	wantQuiet(t, log)
	for _, want := range []string{"452 4.2.2", "550 5.1.1", "for_good=true", "reference=AB23-CD45"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	if n := strings.Count(log, "\n"); n != 2 {
		t.Errorf("%d lines for two failures:\n%s", n, log)
	}
}

func TestDispatcherRelayDownThenUp(t *testing.T) {
	r := newRelay(t, nil)
	sender := newSender(t, r, nil)
	// Once it answers it listens, so that Close finds something to close.
	if err := sender.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.server.Close()
	outbox := newFakeOutbox(mailsTo(t, 5)...)
	d := start(t, outbox, sender, nil)
	for _, end := range sorted(outbox, 5) {
		if end.End != "refused" {
			t.Errorf("without a relay mail %d is %s", end.ID, end.End)
		}
	}
	r.restart(t)
	outbox.put(mailsTo(t, 5)...)
	d.Wake()
	for _, end := range sorted(outbox, 5) {
		if end.End != "accepted" {
			t.Errorf("with the relay back mail %d is %s", end.ID, end.End)
		}
	}
	if n := len(r.mails()); n != 5 {
		t.Errorf("the relay has %d mails, want 5", n)
	}
	wantQuiet(t, d.log.String())
}

func TestDispatcherShutdownRecordsWhatIsUnderWay(t *testing.T) {
	sending, release := make(chan struct{}), make(chan struct{})
	r := newRelay(t, func(r *relay) {
		r.data = func([]byte) error { close(sending); <-release; return nil }
	})
	outbox := newFakeOutbox(mailTo(t, 1))
	d := start(t, outbox, newSender(t, r, nil), nil)
	<-sending
	d.stop()
	select {
	case <-d.done:
		t.Fatal("Run returned with a mail under way")
	default:
	}
	close(release)
	if err := <-d.done; err != nil {
		t.Errorf("Run() = %v", err)
	}
	wantSame(t, "ends", []ending{{1, "accepted"}}, sorted(outbox, 1))
}

// TestDispatcherShutdownFinishesTheBatch holds that what was claimed leaves,
// rather than wait for its claim to end.
func TestDispatcherShutdownFinishesTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox(mailsTo(t, 20)...)
		first := make(chan struct{}, 20)
		d := start(t, outbox, senderFunc(func(ctx context.Context, _ Message) error {
			first <- struct{}{}
			pause(ctx, 100*time.Millisecond)
			return nil
		}), func(c *DispatcherConfig) { c.Workers = 2 })
		<-first
		d.stop()
		<-d.done
		if n := len(outbox.ended); n != 16 {
			t.Errorf("%d mails ended, want the 16 that were claimed", n)
		}
	})
}

// TestDispatcherShutdownLetsAClaimEnd holds that a stop does not cut a claim
// under way: the store may have given the mails away already.
func TestDispatcherShutdownLetsAClaimEnd(t *testing.T) {
	claiming, stopped := make(chan struct{}), make(chan struct{})
	outbox := newFakeOutbox(mailsTo(t, 3)...)
	outbox.claimFault = func() error { close(claiming); <-stopped; return nil }
	d := start(t, outbox, senderFunc(func(context.Context, Message) error { return nil }), nil)
	<-claiming
	d.stop()
	close(stopped)
	<-d.done
	wantSame(t, "ends", []ending{{1, "accepted"}, {2, "accepted"}, {3, "accepted"}}, sorted(outbox, 3))
}

func TestDispatcherShutdownIsBounded(t *testing.T) {
	t.Run("relay hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			outbox := newFakeOutbox(mailsTo(t, 9)...)
			d := start(t, outbox, senderFunc(func(ctx context.Context, _ Message) error {
				<-ctx.Done()
				return &SendError{Err: ctx.Err()}
			}), nil)
			synctest.Wait()
			began := time.Now()
			d.stop()
			<-d.done
			if took := time.Since(began); took != sendGrace {
				t.Errorf("shutdown took %v, want %v", took, sendGrace)
			}
			for _, end := range sorted(outbox, 4) {
				if end.End != "refused" {
					t.Errorf("mail %d is %s", end.ID, end.End)
				}
			}
			if !strings.Contains(d.log.String(), `msg="mails left for later" count=5`) {
				t.Errorf("the log does not say that five are left:\n%s", d.log)
			}
		})
	})
	t.Run("store hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			outbox := newFakeOutbox(mailTo(t, 1))
			outbox.endFault = func(ending) error { return errors.New("away") }
			d := start(t, outbox, senderFunc(func(ctx context.Context, _ Message) error {
				pause(ctx, sendGrace-time.Second) // records would go on for 5 s from here
				return nil
			}), nil)
			synctest.Wait()
			began := time.Now()
			d.stop()
			<-d.done
			if took := time.Since(began); took != shutdownGrace {
				t.Errorf("shutdown took %v, want %v", took, shutdownGrace)
			}
			if n := strings.Count(d.log.String(), "end of a mail not recorded"); n != 1 {
				t.Errorf("%d lines about the record, want 1:\n%s", n, d.log)
			}
			wantQuiet(t, d.log.String())
		})
	})
}

func TestDispatcherWakeAndPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox()
		d := start(t, outbox, senderFunc(func(context.Context, Message) error { return nil }), nil)
		synctest.Wait()
		began := time.Now()
		outbox.put(mailTo(t, 1))
		for range 100 {
			d.Wake() // must not block
		}
		<-outbox.ended
		if took := time.Since(began); took != 0 {
			t.Errorf("woken it took %v", took)
		}
		synctest.Wait()
		outbox.put(mailTo(t, 2))
		<-outbox.ended
		if took := time.Since(began); took != time.Second {
			t.Errorf("unwoken it took %v, want the poll's second", took)
		}
		if n := len(outbox.looks()); n > 6 {
			t.Errorf("%d claims for two mails", n)
		}
	})
}

func TestDispatcherClaimsOnWhileBatchesAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox(mailsTo(t, 40)...)
		var mu sync.Mutex
		var order []string
		now, most := 0, 0
		start(t, outbox, senderFunc(func(ctx context.Context, m Message) error {
			mu.Lock()
			now++
			most = max(most, now)
			order = append(order, m.To.Reveal())
			mu.Unlock()
			pause(ctx, time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return nil
		}), func(c *DispatcherConfig) { c.Workers = 3 })
		began := time.Now()
		sorted(outbox, 40)
		if took := time.Since(began); took != 14*time.Millisecond {
			t.Errorf("40 mails by three workers took %v, want 14 ms", took)
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		wantSame(t, "claims", []int{16, 16, 8}, outbox.claims)
		if most != 3 {
			t.Errorf("%d mails at once, want 3", most)
		}
		// The oldest go first, give or take what is under way at once.
		for i, to := range order {
			var n int
			if _, err := fmt.Sscanf(to, "secreto%d@", &n); err != nil {
				t.Fatal(err)
			}
			if n < i-1 || n > i+3 {
				t.Errorf("mail %d left as number %d", n, i+1)
			}
		}
	})
}

func TestDispatcherBacksOffFromAFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox(mailTo(t, 1))
		failures := 7
		outbox.claimFault = func() error {
			if failures--; failures >= 0 {
				return errors.New("database away")
			}
			return nil
		}
		began := time.Now()
		d := start(t, outbox, senderFunc(func(context.Context, Message) error { return nil }), nil)
		waking, stop := context.WithCancel(t.Context())
		defer stop()
		go func() {
			for pause(waking, 10*time.Millisecond) {
				d.Wake()
			}
		}()
		<-outbox.ended
		stop()
		var at []int
		for _, s := range outbox.looks()[:8] {
			at = append(at, int(s.Sub(began)/time.Second))
		}
		wantSame(t, "seconds of the claims", []int{0, 1, 3, 7, 15, 31, 61, 91}, at)
		if n := strings.Count(d.log.String(), "outbox not read"); n != 7 {
			t.Errorf("%d lines for 7 failures:\n%s", n, d.log)
		}
	})
}

// TestDispatcherRecordsThroughAShortFault holds that a database away for a
// moment costs no second copy.
func TestDispatcherRecordsThroughAShortFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox(mailTo(t, 1))
		faults := 3
		outbox.endFault = func(ending) error {
			if faults--; faults >= 0 {
				return errors.New("database away")
			}
			return nil
		}
		d := start(t, outbox, senderFunc(func(context.Context, Message) error { return nil }), nil)
		wantSame(t, "ends", []ending{{1, "accepted"}}, sorted(outbox, 1))
		if log := d.log.String(); log != "" {
			t.Errorf("it logs what went well: %s", log)
		}
	})
}

// TestDispatcherKeepsWithinTheClaim holds that a mail is never sent after its
// claim may have ended: of three, two find no worker in time.
func TestDispatcherKeepsWithinTheClaim(t *testing.T) {
	if claimPatience+beginPatience+sendPatience+recordPatience >= time.Minute {
		t.Fatal("a mail may be with us for longer than its claim")
	}
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox(mailsTo(t, 3)...)
		d := start(t, outbox, senderFunc(func(ctx context.Context, _ Message) error {
			<-ctx.Done()
			return ctx.Err()
		}), func(c *DispatcherConfig) { c.Workers = 1 })
		began := time.Now()
		wantSame(t, "ends", []ending{{1, "refused"}}, sorted(outbox, 1))
		if took := time.Since(began); took != sendPatience {
			t.Errorf("a relay that hangs was left after %v", took)
		}
		synctest.Wait()
		log := d.log.String()
		if !strings.Contains(log, `msg="mails left for later" count=2`) || !strings.Contains(log, "error=context.deadlineExceededError") {
			t.Errorf("log:\n%s", log)
		}
		if n := len(outbox.ended); n != 0 {
			t.Errorf("%d mails left for later were recorded", n)
		}
		// They come again, the same ones.
		outbox.put(mailTo(t, 2))
		wantSame(t, "ends", []ending{{2, "refused"}}, sorted(outbox, 1))
	})
}

func TestDispatcherSendsAMailOnceThoughClaimedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox(mailTo(t, 1))
		sent := 0
		d := start(t, outbox, senderFunc(func(ctx context.Context, _ Message) error {
			sent++
			pause(ctx, 10*time.Second)
			return nil
		}), nil)
		synctest.Wait()
		outbox.put(mailTo(t, 1)) // the demo's clock was put forward
		d.Wake()
		<-outbox.ended
		pause(t.Context(), time.Minute)
		if sent != 1 || len(outbox.ended) != 0 {
			t.Errorf("sent %d times", sent)
		}
	})
}

func TestDispatcherRefusesWhatItCannotRender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		odd := mailTo(t, 1)
		odd.Kind = "nothing we know"
		outbox := newFakeOutbox(odd, mailTo(t, 2))
		d := start(t, outbox, senderFunc(func(context.Context, Message) error { return nil }), nil)
		wantSame(t, "ends", []ending{{1, "refused"}, {2, "accepted"}}, sorted(outbox, 2))
		wantQuiet(t, d.log.String())
	})
}

// TestDispatcherDoesNotLogAStrangersError holds that only errors known to be
// clean are written.
func TestDispatcherDoesNotLogAStrangersError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outbox := newFakeOutbox(mailTo(t, 1))
		d := start(t, outbox, senderFunc(func(_ context.Context, m Message) error {
			return fmt.Errorf("%w: %s", http.ErrHandlerTimeout, m.To.Reveal()+m.Text)
		}), nil)
		wantSame(t, "ends", []ending{{1, "refused"}}, sorted(outbox, 1))
		wantQuiet(t, d.log.String())
	})
}

func TestNewDispatcherRefuses(t *testing.T) {
	for name, change := range map[string]func(*DispatcherConfig){
		"no outbox":     func(c *DispatcherConfig) { c.Outbox = nil },
		"no renderer":   func(c *DispatcherConfig) { c.Renderer = nil },
		"no sender":     func(c *DispatcherConfig) { c.Sender = nil },
		"workers":       func(c *DispatcherConfig) { c.Workers = 65 },
		"negative poll": func(c *DispatcherConfig) { c.Poll = -1 },
		"batch":         func(c *DispatcherConfig) { c.Batch = 1001 },
	} {
		c := DispatcherConfig{Outbox: newFakeOutbox(), Renderer: newRenderer(t, nil), Sender: senderFunc(nil)}
		change(&c)
		if _, err := NewDispatcher(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// BenchmarkDispatcher is the figure of mails per second from an outbox in memory
// to a relay over TLS; the target is 500.
func BenchmarkDispatcher(b *testing.B) {
	r := newRelay(b, nil)
	all := mailsTo(b, b.N)
	outbox := newFakeOutbox()
	outbox.ended = make(chan ending, b.N)
	d := start(b, outbox, newSender(b, r, nil), nil)
	b.ResetTimer()
	outbox.put(all...)
	d.Wake()
	sorted(outbox, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}

// BenchmarkDispatcherLatency is the time of one mail from the call of Wake to
// the record of its acceptance; the target is 30 ms.
func BenchmarkDispatcherLatency(b *testing.B) {
	r := newRelay(b, nil)
	outbox := newFakeOutbox()
	d := start(b, outbox, newSender(b, r, nil), nil)
	o := mailTo(b, 1)
	for b.Loop() {
		outbox.put(o)
		d.Wake()
		if end := <-outbox.ended; end.End != "accepted" {
			b.Fatal(end)
		}
	}
}
