package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Sink is a relay that keeps when each mail came and the link in it, and
// delivers nothing. It can be away, and slow.
type Sink struct {
	addr   string
	server *smtp.Server

	mu      sync.Mutex
	arrived []time.Time
	wanted  map[string]*Arrival
	slow    time.Duration // before each mail is answered for
}

// Arrival is a mail that is waited for.
type Arrival struct {
	At   time.Time // when its last byte was here
	Link string    // path of its activation link
	done chan struct{}
}

// OpenSink opens a relay on a free port.
func OpenSink() (*Sink, error) {
	s := &Sink{wanted: map[string]*Arrival{}, addr: "127.0.0.1:0"}
	return s, s.Open()
}

// Addr is host:port, the same however often the sink was away.
func (s *Sink) Addr() string { return s.addr }

// Open takes mail, at first and again after Close.
func (s *Sink) Open() error {
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.addr = listener.Addr().String()
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &delivery{sink: s}, nil }))
	s.server.Domain, s.server.EnableSMTPUTF8 = "localhost", true
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = s.server.Serve(listener) }() // until Close
	return nil
}

// Close is away: it takes no connections and cuts those there are.
func (s *Sink) Close() error {
	err := s.server.Close()
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Slow makes each mail take so long.
func (s *Sink) Slow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

// Expect begins to wait for the next mail to an address, before it is sent.
func (s *Sink) Expect(to string) *Arrival {
	a := &Arrival{done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted[strings.ToLower(to)] = a
	return a
}

// mailPatience is how long a mail is waited for.
const mailPatience = time.Minute

// Wait gives the mail once it is here.
func (a *Arrival) Wait(ctx context.Context) (*Arrival, error) {
	patience := time.NewTimer(mailPatience)
	defer patience.Stop()
	select {
	case <-a.done:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, errors.New("a mail did not come within a minute")
	}
}

// Times are when the mails came, in order.
func (s *Sink) Times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.arrived...)
}

// link finds the activation link; a mail's soft line ends are out by then.
var link = regexp.MustCompile(`/clave/enlace/[A-Za-z0-9_.~-]+`)

func (s *Sink) take(to []string, raw []byte) {
	at := time.Now()
	found := string(link.Find(bytes.ReplaceAll(raw, []byte("=\r\n"), nil)))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range to {
		s.arrived = append(s.arrived, at)
		one = strings.ToLower(one)
		if a := s.wanted[one]; a != nil {
			delete(s.wanted, one)
			a.At, a.Link = at, found
			close(a.done)
		}
	}
}

// delivery is one client's conversation.
type delivery struct {
	sink *Sink
	to   []string
}

// Mail begins a mail.
func (d *delivery) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt takes a recipient.
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = append(d.to, to)
	return nil
}

// Data takes the mail.
func (d *delivery) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	d.sink.take(d.to, raw)
	d.sink.mu.Lock()
	slow := d.sink.slow
	d.sink.mu.Unlock()
	time.Sleep(slow)
	return nil
}

// Reset forgets the mail being written.
func (d *delivery) Reset() { d.to = nil }

// Logout ends the conversation.
func (d *delivery) Logout() error { return nil }
