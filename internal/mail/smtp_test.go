package mail

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aldaba/internal/credential"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

const relayUser, relayPassword = "aldaba", "la clave del relevo"

// relay is a real SMTP server on loopback that tests and benchmarks send to.
type relay struct {
	addr     string
	roots    *x509.CertPool
	accepted atomic.Int64 // connections
	hungUp   chan struct{}

	rcpt func(to string) error
	data func(raw []byte) error

	mu     sync.Mutex
	taken  []string // raw mails
	to     []string
	server *smtp.Server
	tls    *tls.Config
	plain  bool // offers no STARTTLS
	direct bool // TLS from the first byte
}

// newRelay starts a relay after configure, which may be nil.
func newRelay(tb testing.TB, configure func(*relay)) *relay {
	tb.Helper()
	r := &relay{hungUp: make(chan struct{}, 1000)}
	if configure != nil {
		configure(r)
	}
	r.tls, r.roots = newCertificate(tb)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r.addr = listener.Addr().String()
	r.serve(listener)
	tb.Cleanup(func() { r.server.Close() })
	return r
}

// serve runs a server on the listener in the background.
func (r *relay) serve(listener net.Listener) {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &relaySession{relay: r}, nil
	}))
	server.Domain = "relay.test"
	server.AllowInsecureAuth = true
	server.EnableSMTPUTF8 = true
	server.ErrorLog = log.New(io.Discard, "", 0)
	if !r.plain && !r.direct {
		server.TLSConfig = r.tls
	}
	counted := net.Listener(&countingListener{listener, r})
	if r.direct {
		counted = tls.NewListener(counted, r.tls)
	}
	r.server = server
	go server.Serve(counted)
}

// restart ends every connection and listens again at the same address.
func (r *relay) restart(tb testing.TB) {
	tb.Helper()
	r.server.Close()
	listener, err := net.Listen("tcp", r.addr)
	if err != nil {
		tb.Fatal(err)
	}
	r.serve(listener)
}

// mails returns what was taken, oldest first.
func (r *relay) mails() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.taken...)
}

type countingListener struct {
	net.Listener
	r *relay
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.r.accepted.Add(1)
	}
	return conn, err
}

type relaySession struct {
	relay  *relay
	proven bool
	to     string
}

func (s *relaySession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *relaySession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != relayUser || password != relayPassword {
			return smtp.ErrAuthFailed
		}
		s.proven = true
		return nil
	}), nil
}
func (s *relaySession) Mail(string, *smtp.MailOptions) error {
	if !s.proven {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "who are you"}
	}
	return nil
}
func (s *relaySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if s.relay.rcpt != nil {
		return s.relay.rcpt(to)
	}
	return nil
}
func (s *relaySession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.relay.data != nil {
		if err := s.relay.data(raw); err != nil {
			return err
		}
	}
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.taken = append(s.relay.taken, string(raw))
	s.relay.to = append(s.relay.to, s.to)
	return nil
}
func (s *relaySession) Reset() { s.to = "" }
func (s *relaySession) Logout() error {
	if s.proven {
		s.relay.hungUp <- struct{}{}
	}
	return nil
}

// newCertificate makes a server's certificate and the pool that trusts it.
func newCertificate(tb testing.TB) (*tls.Config, *x509.CertPool) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// newSender returns a sender to r, after change, which may be nil.
func newSender(tb testing.TB, r *relay, change func(*SMTPConfig)) *SMTP {
	tb.Helper()
	cfg := SMTPConfig{
		Addr: r.addr, From: "clave@institucion.test", FromName: "Institución Ñandú",
		Username: relayUser, Password: relayPassword, RootCAs: r.roots,
		Timeout: 10 * time.Second,
		Now:     func() time.Time { return time.Date(2026, 3, 1, 12, 30, 0, 0, time.FixedZone("", -5*3600)) },
	}
	if change != nil {
		change(&cfg)
	}
	s, err := NewSMTP(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func mustEmail(tb testing.TB, s string) credential.Email {
	tb.Helper()
	e, err := credential.ParseEmail(s)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

const (
	secretAddress = "rosa.quishpe@correo.test"
	secretText    = "Código: 123456"
)

func aMessage(tb testing.TB) Message {
	tb.Helper()
	return Message{
		To: mustEmail(tb, secretAddress), Subject: "ACTIVACIÓN CLAVE", ID: "m1", Reference: "AB12-CD34",
		Text: secretText + "\n\nhttps://clave.test/enlace\n", HTML: "<p>" + secretText + "</p>",
	}
}

// wantFailure checks class and code, and that the text tells nothing.
func wantFailure(t *testing.T, err error, permanent bool, code int) *SendError {
	t.Helper()
	failure, ok := errors.AsType[*SendError](err)
	if !ok {
		t.Fatalf("error is %T %v, want a *SendError", err, err)
	}
	if failure.Permanent != permanent || failure.Code != code {
		t.Errorf("failure is permanent %v, code %d, want %v, %d: %v", failure.Permanent, failure.Code, permanent, code, failure)
	}
	for e := error(failure); e != nil; e = errors.Unwrap(e) {
		text := strings.ToLower(fmt.Sprintf("%v %+v %q", e, e, e.Error()))
		for _, secret := range []string{"rosa", "quishpe", "123456", "activaci", relayPassword} {
			if strings.Contains(text, secret) {
				t.Errorf("the error says %q: %s", secret, text)
			}
		}
	}
	return failure
}

func TestSMTPRoundTrip(t *testing.T) {
	for _, security := range []string{"starttls", "tls", "none"} {
		t.Run(security, func(t *testing.T) {
			r := newRelay(t, func(r *relay) { r.direct, r.plain = security == "tls", security == "none" })
			s := newSender(t, r, func(c *SMTPConfig) { c.Security = security })
			m := aMessage(t)
			m.Subject = "ACTIVACIÓN CLAVE — " + strings.Repeat("señal ✉ 请 ", 12) + "fin"
			m.Text = "Año nuevo, ñandú ✉ 请\n.\n..punto\nFrom aquí\n" + strings.Repeat("línea muy larga ", 80) + "\nhttps://clave.test/enlace?x=1&y==2\nfin"
			m.HTML = "<p title=\"ñ\">Año = 2026\n.</p>"
			if err := s.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if got := r.mails(); len(got) != 1 || r.to[0] != secretAddress {
				t.Fatalf("relay took %d mails for %v, want one for %s", len(got), r.to, secretAddress)
			}
			mail, err := netmail.ReadMessage(strings.NewReader(r.mails()[0]))
			if err != nil {
				t.Fatal(err)
			}
			decode := func(name string) string {
				text, err := new(mime.WordDecoder).DecodeHeader(mail.Header.Get(name))
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			want := map[string]string{
				"Subject": m.Subject, "To": "<" + secretAddress + ">", "From": "Institución Ñandú <clave@institucion.test>",
				"Message-Id": "<m1@institucion.test>", "Date": "Sun, 01 Mar 2026 12:30:00 -0500",
				"Auto-Submitted": "auto-generated", "X-Aldaba-Reference": "AB12-CD34",
				"User-Agent": "", "X-Mailer": "", "Mime-Version": "1.0",
			}
			got := map[string]string{}
			for name := range want {
				got[name] = decode(name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{m.Text, m.HTML}, bodies(t, mail)); diff != "" {
				t.Errorf("bodies (-want +got):\n%s", diff)
			}
		})
	}
}

// bodies returns the decoded parts of a multipart/alternative.
func bodies(t *testing.T, mail *netmail.Message) []string {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(mail.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %q, %v, want multipart/alternative", kind, err)
	}
	var found []string
	parts := multipart.NewReader(mail.Body, parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
}

func TestSMTPTextOnlyAndRandomID(t *testing.T) {
	r := newRelay(t, nil)
	s := newSender(t, r, nil)
	m := aMessage(t)
	m.HTML, m.ID, m.Reference = "", "", ""
	for range 2 {
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]bool{}
	for _, raw := range r.mails() {
		mail, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[mail.Header.Get("Message-Id")] = true
		if kind := mail.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") {
			t.Errorf("content type %q, want text/plain", kind)
		}
	}
	if len(ids) != 2 {
		t.Errorf("two mails without an ID got %v, want two different ones", ids)
	}
}

func TestSMTPConnectionIsReused(t *testing.T) {
	r := newRelay(t, nil)
	s := newSender(t, r, nil)
	for range 20 {
		if err := s.Send(t.Context(), aMessage(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.accepted.Load(); n != 1 {
		t.Errorf("20 mails took %d connections, want 1", n)
	}
	s.Close()
	<-r.hungUp // the goodbye of Close
	wantFailure(t, s.Send(t.Context(), aMessage(t)), false, 0)
}

func TestSMTPIdleConnectionIsClosed(t *testing.T) {
	r := newRelay(t, nil)
	s := newSender(t, r, func(c *SMTPConfig) { c.IdleTimeout = 20 * time.Millisecond })
	for want := int64(1); want <= 2; want++ {
		if err := s.Send(t.Context(), aMessage(t)); err != nil {
			t.Fatal(err)
		}
		<-r.hungUp
		if n := r.accepted.Load(); n != want {
			t.Errorf("%d connections, want %d", n, want)
		}
	}
}

func TestSMTPReconnectsAfterRestart(t *testing.T) {
	r := newRelay(t, nil)
	s := newSender(t, r, nil)
	// Four connections at once, so that four are stale afterwards.
	var barrier sync.WaitGroup
	barrier.Add(4)
	r.rcpt = func(string) error { barrier.Done(); barrier.Wait(); return nil }
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := s.Send(t.Context(), aMessage(t)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.accepted.Load(); n != 4 {
		t.Fatalf("four mails at once took %d connections, want 4", n)
	}
	r.rcpt = nil
	r.restart(t)
	if err := s.Send(t.Context(), aMessage(t)); err != nil {
		t.Fatalf("after the restart: %v", err)
	}
	if got := len(r.mails()); got != 5 {
		t.Errorf("relay took %d mails, want 5", got)
	}
}

func TestSMTPRelayAway(t *testing.T) {
	r := newRelay(t, nil)
	s := newSender(t, r, nil)
	if err := s.Send(t.Context(), aMessage(t)); err != nil {
		t.Fatal(err)
	}
	r.server.Close()
	wantFailure(t, s.Send(t.Context(), aMessage(t)), false, 0)
	wantFailure(t, s.Check(t.Context()), false, 0)
}

func TestSMTPRefusals(t *testing.T) {
	quoting := func(code int, enhanced smtp.EnhancedCode) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "<" + secretAddress + "> " + secretText + "\n" + secretAddress}
	}
	for _, test := range []struct {
		name      string
		rcpt      error
		data      error
		permanent bool
		code      int
		says      string
		conns     int64
	}{
		{"mailbox full", quoting(452, smtp.EnhancedCode{4, 2, 2}), nil, false, 452, "452 4.2.2", 1},
		{"no such user", quoting(550, smtp.EnhancedCode{5, 1, 1}), nil, true, 550, "550 5.1.1", 1},
		{"no enhanced code", quoting(550, smtp.NoEnhancedCode), nil, true, 550, "550", 1},
		{"content refused", nil, quoting(554, smtp.EnhancedCode{5, 7, 1}), true, 554, "554 5.7.1", 1},
		{"later", nil, quoting(451, smtp.EnhancedCode{4, 7, 1}), false, 451, "451 4.7.1", 1},
		{"going away", quoting(421, smtp.EnhancedCode{4, 3, 2}), nil, false, 421, "421 4.3.2", 2},
		{"out of step", quoting(503, smtp.EnhancedCode{5, 5, 1}), nil, false, 503, "503 5.5.1", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			var refusing atomic.Bool
			refusing.Store(true)
			r := newRelay(t, func(r *relay) {
				r.rcpt = func(string) error {
					if refusing.Load() {
						return test.rcpt
					}
					return nil
				}
				r.data = func([]byte) error {
					if refusing.Load() {
						return test.data
					}
					return nil
				}
			})
			s := newSender(t, r, nil)
			failure := wantFailure(t, s.Send(t.Context(), aMessage(t)), test.permanent, test.code)
			if !strings.HasSuffix(failure.Error(), ": "+test.says) {
				t.Errorf("error %q does not end in %q", failure, test.says)
			}
			refusing.Store(false)
			if err := s.Send(t.Context(), aMessage(t)); err != nil {
				t.Errorf("the mail after: %v", err)
			}
			if n := r.accepted.Load(); n != test.conns {
				t.Errorf("%d connections, want %d", n, test.conns)
			}
		})
	}
}

func TestSMTPRefusesWrongServers(t *testing.T) {
	for _, test := range []struct {
		name   string
		relay  func(*relay)
		sender func(*SMTPConfig)
		code   int
		says   string
	}{
		{"no STARTTLS", func(r *relay) { r.plain = true }, nil, 0, "STARTTLS"},
		{"unknown authority", nil, func(c *SMTPConfig) { _, c.RootCAs = newCertificate(t) }, 0, "certificate"},
		{"unknown authority, tls", func(r *relay) { r.direct = true }, func(c *SMTPConfig) {
			c.Security = "tls"
			_, c.RootCAs = newCertificate(t)
		}, 0, "certificate"},
		{"other name", nil, func(c *SMTPConfig) { c.Addr = strings.Replace(c.Addr, "127.0.0.1", "localhost", 1) }, 0, "certificate"},
		{"wrong password", nil, func(c *SMTPConfig) { c.Password = "otra" }, 535, "AUTH: 535 5.7.8"},
		{"no password", nil, func(c *SMTPConfig) { c.Username, c.Password = "", "" }, 530, "MAIL FROM: 530 5.7.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRelay(t, test.relay)
			var before atomic.Bool
			r.rcpt = func(string) error { before.Store(true); return nil }
			s := newSender(t, r, test.sender)
			failure := wantFailure(t, s.Send(t.Context(), aMessage(t)), false, test.code)
			if !strings.Contains(failure.Error(), test.says) {
				t.Errorf("error %q does not say %q", failure, test.says)
			}
			if before.Load() || len(r.mails()) != 0 {
				t.Error("the recipient was told to a relay that was not proven")
			}
		})
	}
}

func TestSMTPRefusesInjection(t *testing.T) {
	r := newRelay(t, nil)
	s := newSender(t, r, nil)
	for name, change := range map[string]func(*Message){
		"subject CRLF":    func(m *Message) { m.Subject = "Hola\r\nBcc: otro@correo.test" },
		"subject LF":      func(m *Message) { m.Subject = "Hola\nBcc: otro@correo.test" },
		"subject CR":      func(m *Message) { m.Subject = "Hola\rX" },
		"subject empty":   func(m *Message) { m.Subject = "" },
		"subject long":    func(m *Message) { m.Subject = strings.Repeat("á", maxSubject+1) },
		"reference CRLF":  func(m *Message) { m.Reference = "AB\r\nBcc: otro@correo.test" },
		"reference space": func(m *Message) { m.Reference = "AB CD" },
		"id CRLF":         func(m *Message) { m.ID = "x\r\nBcc: otro@correo.test" },
		"id bracket":      func(m *Message) { m.ID = "x>" },
		"no recipient":    func(m *Message) { m.To = credential.Email{} },
		"no text":         func(m *Message) { m.Text = "" },
		"huge text":       func(m *Message) { m.Text = strings.Repeat("a", maxBody+1) },
	} {
		m := aMessage(t)
		change(&m)
		t.Run(name, func(t *testing.T) { wantFailure(t, s.Send(t.Context(), m), true, 0) })
	}
	for _, to := range []string{
		"a@b.test\r\nBcc: otro@c.test", "a@b.test>\r\nRCPT TO:<otro@c.test", "a@b.test, otro@c.test", "a@b.test\n", "<a@b.test>",
		"Ana <a@b.test>", "a b@c.test", "\"a b\"@c.test", "a@b.test SIZE=1", "a", "", "ñ@b.test", "a@b.test\x00", strings.Repeat("a", 300) + "@b.test",
	} {
		if _, err := s.compose(to, aMessage(t)); err == nil {
			t.Errorf("compose to %q succeeded", to)
		}
	}
	if n := r.accepted.Load(); n != 0 {
		t.Errorf("%d connections for mails that cannot be written, want none", n)
	}

	// A body may say what it likes and stays a body.
	m := aMessage(t)
	m.Text, m.HTML = "\r\n.\r\nMAIL FROM:<x@y.test>\r\nBcc: otro@correo.test", ""
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got := r.mails(); len(got) != 1 {
		t.Fatalf("relay took %d mails, want 1", len(got))
	}
	mail, err := netmail.ReadMessage(strings.NewReader(r.mails()[0]))
	if err != nil || mail.Header.Get("Bcc") != "" {
		t.Errorf("headers %v, %v, want no Bcc", mail.Header, err)
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("rosa@correo.test", "ACTIVACIÓN CLAVE", "hola\r\n.\r\n", "<p>", "AB-1", "id")
	f.Add("a@b.test\r\nX: y", "x\r\nBcc: z@z.test", "", "", "\n", "\r")
	s, err := NewSMTP(SMTPConfig{Addr: "127.0.0.1:25", From: "clave@institucion.test", FromName: "Ñ"})
	if err != nil {
		f.Fatal(err)
	}
	allowed := map[string]bool{
		"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true,
		"Auto-Submitted": true, "X-Aldaba-Reference": true, "Content-Type": true, "Content-Transfer-Encoding": true,
	}
	f.Fuzz(func(t *testing.T, to, subject, text, html, reference, id string) {
		raw, err := s.compose(to, Message{Subject: subject, Text: text, HTML: html, Reference: reference, ID: id})
		if err != nil {
			return
		}
		mail, err := netmail.ReadMessage(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatalf("not a mail: %v\n%s", err, raw)
		}
		for name, values := range mail.Header {
			if !allowed[name] || len(values) != 1 {
				t.Errorf("header %s: %q", name, values)
			}
		}
		if list, err := mail.Header.AddressList("To"); err != nil || len(list) != 1 || list[0].Address != to {
			t.Errorf("To is %v, %v, want %q", list, err, to)
		}
		for line := range strings.SplitSeq(string(raw), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
				t.Errorf("line %q", line)
			}
		}
	})
}

// FuzzComposeTakesEveryEmail holds the two grammars of addresses together.
func FuzzComposeTakesEveryEmail(f *testing.F) {
	for _, seed := range []string{"rosa@correo.test", "a.b+c@d.ec", "o'x!#$%&*/=?^_`{|}~-@x-y.com", "a[b@c.ec", "a@xn--.ec"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		if e, err := credential.ParseEmail(typed); err == nil && !bareAddress(e.Reveal()) {
			t.Errorf("%q is an Email but no mail can be written to it", typed)
		}
	})
}

func TestSMTPContextEnds(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	r := newRelay(t, func(r *relay) {
		r.data = func([]byte) error { close(reached); <-release; return nil }
	})
	defer close(release)
	s := newSender(t, r, func(c *SMTPConfig) { c.MaxConns, c.Timeout = 1, time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	err := s.Send(ctx, aMessage(t))
	wantFailure(t, err, false, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v is not the cancellation", err)
	}
	// With the only connection gone and the context over, nothing waits.
	err = s.Send(ctx, aMessage(t))
	wantFailure(t, err, false, 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v is not the cancellation", err)
	}
}

func TestSMTPTimeout(t *testing.T) {
	release := make(chan struct{})
	r := newRelay(t, func(r *relay) { r.data = func([]byte) error { <-release; return nil } })
	defer close(release)
	s := newSender(t, r, func(c *SMTPConfig) { c.Timeout = 300 * time.Millisecond })
	err := s.Send(t.Context(), aMessage(t))
	wantFailure(t, err, false, 0)
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		t.Errorf("error %v is not a timeout", err)
	}
}

// TestSMTPHostileRelay speaks with servers that do not keep to the protocol.
func TestSMTPHostileRelay(t *testing.T) {
	for name, script := range map[string]func(net.Conn){
		"endless greeting": func(c net.Conn) {
			line := []byte("220-" + strings.Repeat("x", 1000) + "\r\n")
			for {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		},
		"endless line": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte(strings.Repeat("2", 1000))); err != nil {
					return
				}
			}
		},
		"not SMTP": func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 "+secretAddress+"\r\n\r\n") },
		"hangs up": func(net.Conn) {},
		"quotes what it cannot say": func(c net.Conn) {
			io.WriteString(c, "220 hi\r\n250 hi\r\n250 ok\r\n<"+secretAddress+"> ?\r\n")
			io.Copy(io.Discard, c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				script(conn)
			}()
			s, err := NewSMTP(SMTPConfig{Addr: listener.Addr().String(), From: "a@b.test", Security: "none", Timeout: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			err = s.Send(t.Context(), aMessage(t))
			wantFailure(t, err, false, 0)
			if endless := strings.HasPrefix(name, "endless"); endless != errors.Is(err, errTooMuch) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestSMTPConcurrent(t *testing.T) {
	const mails, senders = 200, 16
	r := newRelay(t, nil)
	s := newSender(t, r, func(c *SMTPConfig) { c.MaxConns = 3 })
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for n := i; n < mails; n += senders {
				m := aMessage(t)
				m.ID = fmt.Sprint("m", n)
				if err := s.Send(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	ids := map[string]int{}
	for _, raw := range r.mails() {
		mail, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[mail.Header.Get("Message-Id")]++
	}
	if len(ids) != mails || len(r.mails()) != mails {
		t.Errorf("%d mails, %d different, want %d", len(r.mails()), len(ids), mails)
	}
	if n := r.accepted.Load(); n > 3 {
		t.Errorf("%d connections, want at most 3", n)
	}
}

func TestNewSMTPRefuses(t *testing.T) {
	good := SMTPConfig{Addr: "relay.test:587", From: "clave@institucion.test"}
	if _, err := NewSMTP(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*SMTPConfig){
		"no port":            func(c *SMTPConfig) { c.Addr = "relay.test" },
		"no host":            func(c *SMTPConfig) { c.Addr = ":25" },
		"port zero":          func(c *SMTPConfig) { c.Addr = "relay.test:0" },
		"port name":          func(c *SMTPConfig) { c.Addr = "relay.test:smtp" },
		"no sender":          func(c *SMTPConfig) { c.From = "" },
		"sender with name":   func(c *SMTPConfig) { c.From = "Clave <clave@institucion.test>" },
		"sender's name CRLF": func(c *SMTPConfig) { c.FromName = "a\r\nBcc: x@y.test" },
		"HELO CRLF":          func(c *SMTPConfig) { c.HELO = "a\r\nQUIT" },
		"unknown security":   func(c *SMTPConfig) { c.Security = "ssl" },
		"plain":              func(c *SMTPConfig) { c.Security = "none" },
		"plain password":     func(c *SMTPConfig) { c.Security, c.AllowPlain, c.Username = "none", true, "u" },
		"negative timeout":   func(c *SMTPConfig) { c.Timeout = -1 },
		"too many":           func(c *SMTPConfig) { c.MaxConns = maxConns + 1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := NewSMTP(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	plain := good
	plain.Security, plain.AllowPlain = "none", true
	if _, err := NewSMTP(plain); err != nil {
		t.Errorf("plain where allowed: %v", err)
	}
}

// BenchmarkSMTPSend is the figure of mails per second over loopback with
// STARTTLS and four connections; the target is 500.
func BenchmarkSMTPSend(b *testing.B) {
	r := newRelay(b, nil)
	s := newSender(b, r, nil)
	m := aMessage(b)
	m.HTML = "<p>" + strings.Repeat("texto ", 500)
	var all sync.WaitGroup
	work := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for range work {
				if err := s.Send(b.Context(), m); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}
