// Package mail takes mails from the outbox to the institution's relay. In this
// file is the last step, the conversation with the relay.
package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"aldaba/internal/credential"
)

// Bounds of one message. Ours are a few kilobytes; these only keep a fault from
// growing.
const (
	maxAddress   = 254       // bytes of an address, RFC 5321 4.5.3.1.3
	maxSubject   = 200       // runes of a subject
	maxBody      = 512 << 10 // bytes of each body
	maxToken     = 128       // bytes of a Message-ID's left part or a reference
	maxReplies   = 256 << 10 // bytes a relay may answer during one message or one greeting
	maxConns     = 64        // connections a configuration may ask for
	quitPatience = time.Second
)

// Message is one mail to one person, rendered and ready to go.
type Message struct {
	To      credential.Email
	Subject string // one line, at most 200 characters
	Text    string // the plain body, required: it is what is read with images off
	HTML    string // the same in HTML; empty for a mail with text only

	// Reference is the number the person sees on the page («Referencia»), put
	// in the header X-Aldaba-Reference so that whoever runs the relay can find
	// the mail without knowing the address. Optional; letters, digits, "-", "_", ".".
	Reference string

	// ID is the left part of the Message-ID, the right one is the host of the
	// sender's address. A retry must carry the same one: where a relay took the
	// mail and its answer was lost, it is how the copies are known to be one.
	// Same alphabet as Reference; empty means a random one.
	ID string
}

// SendError is why a mail was not sent, in the terms a dispatcher acts on. Its
// text, and that of everything it wraps, never holds the recipient, the subject
// or the body: of what a relay says once it has been told the recipient, only
// the numbers are kept, because relays like to repeat the address and
// sometimes the text (S28).
type SendError struct {
	// Permanent says that the same message will never be taken: it cannot be
	// written, or the relay refused its recipient or content with a 5xx. All
	// the rest (no relay, certificate, credentials, sender refused, 4xx) is
	// cured by time or by the operator, so the message may wait.
	Permanent bool
	Code      int   // the relay's reply code, for example 452; zero when it gave none
	Err       error // what happened, safe to log
}

// Error describes the failure for a log, without personal data.
func (e *SendError) Error() string {
	if e.Permanent {
		return "mail refused for good: " + e.Err.Error()
	}
	return "mail not sent: " + e.Err.Error()
}

// Unwrap returns what happened.
func (e *SendError) Unwrap() error { return e.Err }

// SMTPConfig says how to reach the relay and who signs the mails. Addr and From
// are required.
type SMTPConfig struct {
	Addr     string // host:port of the relay; the host is also the name its certificate must have
	From     string // bare address of the sender, of the envelope too
	FromName string // the name beside it; may be empty

	// Security is "starttls" (default: the relay must offer it), "tls" (TLS
	// from the first byte) or "none" (plain, only to a loopback host unless
	// AllowPlain).
	Security   string
	AllowPlain bool // permits "none" to any host; never together with a Username

	Username string // empty for a relay without authentication
	Password string
	RootCAs  *x509.CertPool // nil for the system's

	Timeout     time.Duration // for each message and each connecting, 30 s by default
	IdleTimeout time.Duration // after which an unused connection is closed, 30 s by default
	MaxConns    int           // connections at once, 4 by default, 64 at most
	HELO        string        // the name we greet with; by default the host of From

	Now func() time.Time // the clock of the Date header; time.Now by default
}

// SMTP sends mails through one relay over a few connections that are kept
// between messages. It is safe for concurrent use.
type SMTP struct {
	cfg    SMTPConfig
	host   string // of the relay
	domain string // of the sender's address, the right part of every Message-ID
	tls    *tls.Config
	slots  chan struct{} // one token per connection in use

	mu     sync.Mutex
	idle   []*connection // oldest first; the newest is taken first
	reaper *time.Timer   // nil while nothing idles
	closed bool
}

// NewSMTP checks cfg and returns a sender. It does not touch the network: a
// relay that is away is an error of Send, not of the start.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil || host == "" {
		return nil, fmt.Errorf("smtp: address %q is not host:port", cfg.Addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("smtp: %q is not a port", port)
	}
	if !bareAddress(cfg.From) {
		return nil, fmt.Errorf("smtp: sender %q is not a mail address", cfg.From)
	}
	if hasControl(cfg.FromName) {
		return nil, errors.New("smtp: the sender's name has control characters")
	}
	domain := cfg.From[strings.LastIndexByte(cfg.From, '@')+1:]
	if cfg.HELO == "" {
		cfg.HELO = domain
	}
	if hasControl(cfg.HELO) || strings.ContainsRune(cfg.HELO, ' ') {
		return nil, fmt.Errorf("smtp: %q is not a host name to greet with", cfg.HELO)
	}
	switch cfg.Security {
	case "":
		cfg.Security = "starttls"
	case "starttls", "tls":
	case "none":
		if !loopback(host) && !cfg.AllowPlain {
			return nil, fmt.Errorf("smtp: %q without encryption is not a loopback host", host)
		}
		if !loopback(host) && cfg.Username != "" {
			return nil, errors.New("smtp: a password is never sent without encryption")
		}
	default:
		return nil, fmt.Errorf("smtp: security %q is none of starttls, tls, none", cfg.Security)
	}
	if cfg.Timeout < 0 || cfg.IdleTimeout < 0 || cfg.MaxConns < 0 || cfg.MaxConns > maxConns {
		return nil, fmt.Errorf("smtp: negative duration, or connections not between 1 and %d", maxConns)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = 30 * time.Second
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 4
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &SMTP{
		cfg:    cfg,
		host:   host,
		domain: domain,
		tls:    &tls.Config{ServerName: host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12},
		slots:  make(chan struct{}, cfg.MaxConns),
	}, nil
}

// Send hands m to the relay and returns nil once the relay answered for it.
// Every error is a [*SendError]. An error that is not permanent may, when the
// connection broke after the last byte, belong to a message that the relay did
// take: send it again with the same ID.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	to := m.To.Reveal()
	raw, err := s.compose(to, m)
	if err != nil {
		return &SendError{Permanent: true, Err: err}
	}
	if refusal := s.withConnection(ctx, func(c *connection) *outcome {
		return c.deliver(s.cfg.From, to, raw)
	}); refusal != nil {
		return refusal
	}
	return nil
}

// Check reaches the relay, proves its certificate and logs in, without sending
// anything. The error is a [*SendError], never permanent.
func (s *SMTP) Check(ctx context.Context) error {
	if refusal := s.withConnection(ctx, func(c *connection) *outcome {
		if err := c.command(250, "NOOP"); err != nil {
			return c.failed("NOOP", err)
		}
		return &outcome{reusable: true}
	}); refusal != nil {
		return refusal
	}
	return nil
}

// Close says goodbye on the idle connections; those in use end with their
// message. Send fails afterwards.
func (s *SMTP) Close() error {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	if s.reaper != nil {
		s.reaper.Stop()
	}
	s.mu.Unlock()
	for _, c := range idle {
		c.quit()
	}
	return nil
}

// outcome is how a piece of work on a connection ended.
type outcome struct {
	err      *SendError // nil: done
	reusable bool       // the connection is in a known state and may serve another message
	untaken  bool       // the connection broke and the relay cannot have taken the message
}

// withConnection runs work on a kept connection or a new one. A relay may have
// dropped a kept one meanwhile, so as long as nothing can have been taken, the
// work is tried on the next, at last on a new one, whose failure counts.
func (s *SMTP) withConnection(ctx context.Context, work func(*connection) *outcome) *SendError {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return &SendError{Err: fmt.Errorf("waiting for a connection: %w", ctx.Err())}
	}
	for {
		c, err := s.takeIdle()
		if err != nil {
			return err
		}
		kept := c != nil
		if !kept {
			if c, err = s.connect(ctx); err != nil {
				return err
			}
		}
		result := c.during(ctx, s.cfg.Timeout, func() *outcome {
			if kept {
				// Finds out whether the relay is still there, and clears
				// whatever state a refused message left.
				if err := c.command(250, "RSET"); err != nil {
					return &outcome{err: c.failed("RSET", err).err, untaken: true}
				}
			}
			return work(c)
		})
		if result.reusable {
			s.putIdle(c)
		} else {
			_ = c.conn.Close() // it is given up; how that goes changes nothing
		}
		if result.err != nil && result.untaken && kept && ctx.Err() == nil {
			continue
		}
		return result.err
	}
}

// takeIdle returns the connection used last, nil when there is none.
func (s *SMTP) takeIdle() (*connection, *SendError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &SendError{Err: errors.New("the sender is closed")}
	}
	last := len(s.idle) - 1
	if last < 0 {
		return nil, nil
	}
	c := s.idle[last]
	s.idle[last] = nil
	s.idle = s.idle[:last]
	return c, nil
}

// putIdle keeps c for the next message, or ends it when the sender was closed.
func (s *SMTP) putIdle(c *connection) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		c.quit()
		return
	}
	c.idleSince = time.Now()
	s.idle = append(s.idle, c)
	if s.reaper == nil {
		s.reaper = time.AfterFunc(s.cfg.IdleTimeout, s.reap)
	}
	s.mu.Unlock()
}

// reap ends the connections that idled for too long and comes back for the rest.
func (s *SMTP) reap() {
	s.mu.Lock()
	var old []*connection
	now := time.Now()
	for len(s.idle) > 0 && now.Sub(s.idle[0].idleSince) >= s.cfg.IdleTimeout {
		old = append(old, s.idle[0])
		s.idle = s.idle[1:]
	}
	s.reaper = nil
	if len(s.idle) > 0 && !s.closed {
		s.reaper = time.AfterFunc(s.cfg.IdleTimeout-now.Sub(s.idle[0].idleSince), s.reap)
	}
	s.mu.Unlock()
	for _, c := range old {
		c.quit()
	}
}

// connection is one conversation with the relay.
type connection struct {
	conn      *boundedConn
	client    *smtp.Client
	idleSince time.Time
}

// connect dials, greets, encrypts and logs in. Nothing has been said of any
// recipient yet, so its errors may quote the relay; only the answer to the
// password is reduced to its numbers.
//
// The library's own dialler is not used: it leaks the connection when anything
// after the dialling fails, and ignores ctx from there on.
func (s *SMTP) connect(ctx context.Context) (*connection, *SendError) {
	dialer := net.Dialer{Timeout: s.cfg.Timeout}
	raw, err := dialer.DialContext(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return nil, &SendError{Err: fmt.Errorf("connecting: %w", err)}
	}
	c := &connection{conn: &boundedConn{Conn: raw}}
	result := c.during(ctx, s.cfg.Timeout, func() *outcome { return s.greet(c) })
	if result.err != nil {
		_ = raw.Close() // the greeting's error is the one to tell
		return nil, result.err
	}
	return c, nil
}

// greet brings a fresh connection to where it may send.
func (s *SMTP) greet(c *connection) *outcome {
	var conn net.Conn = c.conn
	if s.cfg.Security == "tls" {
		conn = tls.Client(c.conn, s.tls)
	}
	var err error
	if c.client, err = smtp.NewClient(conn, s.host); err != nil {
		return early("greeting", err)
	}
	if err := c.client.Hello(s.cfg.HELO); err != nil {
		return early("EHLO", err)
	}
	if s.cfg.Security == "starttls" {
		if offered, _ := c.client.Extension("STARTTLS"); !offered {
			return early("STARTTLS", errors.New("the relay does not offer it"))
		}
		if err := c.client.StartTLS(s.tls); err != nil {
			return early("STARTTLS", err)
		}
	}
	if s.cfg.Username == "" {
		return &outcome{reusable: true}
	}
	_, mechanisms := c.client.Extension("AUTH")
	// NewSMTP has refused a password without encryption except to loopback,
	// so the library need not judge again.
	var auth smtp.Auth
	switch offered := strings.Fields(strings.ToUpper(mechanisms)); {
	case slices.Contains(offered, "PLAIN"):
		auth = smtp.PlainAuth("", s.cfg.Username, s.cfg.Password, s.host, true)
	case slices.Contains(offered, "LOGIN"):
		auth = smtp.LoginAuth(s.cfg.Username, s.cfg.Password, s.host, true)
	default:
		return early("AUTH", errors.New("the relay offers neither PLAIN nor LOGIN"))
	}
	if err := c.client.Auth(auth); err != nil {
		return c.failed("AUTH", err)
	}
	return &outcome{reusable: true}
}

// during runs work with a deadline of timeout, cut short when ctx ends. After
// a cut the connection is in no known state and is not kept.
func (c *connection) during(ctx context.Context, timeout time.Duration, work func() *outcome) *outcome {
	if err := ctx.Err(); err != nil {
		return &outcome{err: &SendError{Err: err}}
	}
	c.conn.left = maxReplies
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return &outcome{err: &SendError{Err: err}, untaken: true}
	}
	release := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	result := work()
	if !release() {
		result.reusable = false
		if result.err != nil && result.err.Code == 0 {
			result.err.Err = fmt.Errorf("%w: %w", ctx.Err(), result.err.Err)
		}
	}
	return result
}

// deliver is one mail transaction.
func (c *connection) deliver(from, to string, raw []byte) *outcome {
	// Addresses are ASCII. Asking for SMTPUTF8 all the same would have a relay
	// further on, which may lack it, return a mail that it could have carried.
	c.client.SkipSMTPUTF8(true)
	if err := c.client.Mail("<" + from + ">"); err != nil {
		// A refusal here is about us, the sender, so no message is given up
		// for it.
		return c.failed("MAIL FROM", err)
	}
	if err := c.client.Rcpt("<" + to + ">"); err != nil {
		return c.failed("RCPT TO", err).aboutMessage()
	}
	body, err := c.client.Data()
	if err != nil {
		return c.failed("DATA", err).aboutMessage()
	}
	if _, err := body.Write(raw); err != nil {
		// The relay cannot take what never got its final dot.
		return c.failed("message", err)
	}
	if err := body.Close(); err != nil {
		result := c.failed("end of message", err).aboutMessage()
		// The dot may have arrived and only the answer been lost.
		result.untaken = false
		return result
	}
	return &outcome{reusable: true}
}

// command sends one line without arguments and wants the reply code given.
func (c *connection) command(code int, line string) error {
	id, err := c.client.Text.Cmd("%s", line)
	if err != nil {
		return err
	}
	c.client.Text.StartResponse(id)
	defer c.client.Text.EndResponse(id)
	_, _, err = c.client.Text.ReadResponse(code)
	return err
}

// quit says goodbye, briefly, and closes.
func (c *connection) quit() {
	c.conn.left = maxReplies
	if c.conn.SetDeadline(time.Now().Add(quitPatience)) == nil {
		_ = c.command(221, "QUIT") // a farewell; the answer changes nothing
	}
	_ = c.conn.Close() // said farewell to, or not: it is over
}

// failed is the outcome of a step that went wrong, with only such words as
// cannot come from the relay.
func (c *connection) failed(step string, err error) *outcome {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		text := strconv.Itoa(reply.Code)
		if enhanced := enhancedCode(reply.Msg); enhanced != "" {
			text += " " + enhanced
		}
		// 421: the relay is going away. 503: we and it disagree about where
		// the conversation stands.
		gone := reply.Code == 421 || reply.Code == 503
		return &outcome{
			err:      &SendError{Code: reply.Code, Err: fmt.Errorf("%s: %s", step, text)},
			reusable: !gone && reply.Code >= 400 && reply.Code < 600,
			untaken:  gone,
		}
	}
	_, network := errors.AsType[net.Error](err)
	if !network && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) &&
		!errors.Is(err, net.ErrClosed) && !errors.Is(err, errTooMuch) {
		// For example textproto.ProtocolError, which quotes the line.
		err = errors.New("the relay's answer could not be understood")
	}
	return &outcome{err: &SendError{Err: fmt.Errorf("%s: %w", step, err)}, untaken: true}
}

// aboutMessage marks a 5xx as a refusal of this very message.
func (o *outcome) aboutMessage() *outcome {
	if o.err.Code >= 500 && o.err.Code < 600 && o.err.Code != 503 {
		o.err.Permanent = true
	}
	return o
}

// early is the outcome of a step before any recipient or password was said, so
// the operator may read what the relay answered.
func early(step string, err error) *outcome {
	failure := &SendError{Err: fmt.Errorf("%s: %w", step, err)}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		failure.Code = reply.Code
		failure.Err = fmt.Errorf("%s: %d %s", step, reply.Code, printable(reply.Msg, 200))
	} else if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		failure.Err = fmt.Errorf("%s: the answer is not SMTP", step)
	}
	return &outcome{err: failure}
}

// compose writes the mail as it travels: headers and quoted-printable bodies,
// every line short and ASCII.
func (s *SMTP) compose(to string, m Message) ([]byte, error) {
	switch {
	case !bareAddress(to):
		return nil, errors.New("the recipient is not a mail address")
	case m.Subject == "" || hasControl(m.Subject) || len([]rune(m.Subject)) > maxSubject:
		return nil, fmt.Errorf("the subject is empty, has control characters or more than %d", maxSubject)
	case m.Text == "":
		return nil, errors.New("there is no text")
	case len(m.Text) > maxBody || len(m.HTML) > maxBody:
		return nil, fmt.Errorf("a body has more than %d bytes", maxBody)
	case !token(m.Reference) || !token(m.ID):
		return nil, errors.New("the reference or the identifier has characters it may not have")
	}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	msg.FromMailAddress(&netmail.Address{Name: s.cfg.FromName, Address: s.cfg.From})
	msg.ToMailAddress(&netmail.Address{Address: to})
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.cfg.Now())
	msg.SetMessageIDWithValue(m.ID + "@" + s.domain)
	// RFC 3834: nobody's holiday notice should answer.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if m.Reference != "" {
		msg.SetGenHeader("X-Aldaba-Reference", m.Reference)
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		// The library's error may quote what it could not write.
		return nil, errors.New("the message could not be written")
	}
	return raw.Bytes(), nil
}

// errTooMuch is what reading from a relay that talks without end gives.
var errTooMuch = errors.New("the relay answered more than it may")

// boundedConn reads at most left bytes, since the SMTP reader has no limit of
// its own.
type boundedConn struct {
	net.Conn
	left int
}

// Read reads until the bound is spent.
func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// bareAddress reports whether s is local@host in ASCII and nothing else, by the
// grammar of RFC 5322 without comments, quotes, names or line breaks.
func bareAddress(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || strings.IndexByte("<>\"(),:;\\", c) >= 0 {
			return false
		}
	}
	if len(s) > maxAddress {
		return false
	}
	parsed, err := netmail.ParseAddress(s)
	return err == nil && parsed.Name == "" && parsed.Address == s
}

// token reports whether s can stand in a header unencoded: at most 128 letters,
// digits, "-", "_" and ".". The empty string can.
func token(s string) bool {
	if len(s) > maxToken {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.') {
			return false
		}
	}
	return true
}

// enhancedCode returns the enhanced status code (RFC 2034) of a reply, "5.1.1"
// of "5.1.1 Unknown user", empty when it has none. Of several lines the first
// that has one counts, since some servers number only the last.
func enhancedCode(reply string) string {
	for line := range strings.Lines(reply) {
		code, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		parts := strings.Split(code, ".")
		if len(parts) == 3 && (parts[0] == "4" || parts[0] == "5") && digits(parts[1]) && digits(parts[2]) {
			return code
		}
	}
	return ""
}

// digits reports whether s is one to three digits.
func digits(s string) bool {
	return len(s) >= 1 && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit]) + "…"
	}
	return s
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
