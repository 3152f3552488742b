// Package mailbox is the demo's post office: an SMTP server inside the process
// that keeps what it is sent, so that the demo sends mail through the same
// client, encryption and log-in as a real deployment and shows it on a page.
//
// It listens on a loopback port that the kernel picks, demands STARTTLS (with a
// certificate made at start) and a password (made at start), and delivers
// nothing anywhere.
package mailbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"
)

// Bounds of the server. Only this program knows the password, so they guard
// against faults and against other programs of the same machine.
const (
	maxMessage    = 1 << 20 // bytes of one mail as it travels
	maxRecipients = 50      // of one mail
	maxConns      = 64      // at once
	patience      = time.Minute
	defaultKeep   = 10_000 // the page promises the last 5,000
)

// Config says where the mailbox keeps its mails. The zero value keeps them in
// memory.
type Config struct {
	// Dir is an existing folder in which the file mailbox.jsonl lives; empty
	// for a mailbox that ends with the process. One process per folder.
	Dir string

	Now  func() time.Time // the clock of Received; time.Now by default
	Keep int              // mails kept, newest first; 10,000 by default

	// Refuse is for drills: it is asked about every recipient before the mail
	// is taken, with the address as sent, and what it returns is what the
	// sender is told, a [*Refusal] with its code, any other error as 451. It may
	// block, which makes a slow relay. Called from several goroutines. nil
	// refuses nobody.
	Refuse func(to string) error
}

// Refusal is a reply that [Config.Refuse] gives instead of taking a mail.
type Refusal struct {
	Code int    // SMTP reply code, 400 to 599: 452 the sender may try again, 550 never
	Text string // what is said with it
}

// Error describes the refusal.
func (r *Refusal) Error() string { return fmt.Sprintf("%d %s", r.Code, r.Text) }

// Mailbox is a running mailbox. All methods may be called from several
// goroutines.
type Mailbox struct {
	cfg      Config
	listener net.Listener
	server   *smtp.Server
	roots    *x509.CertPool
	password string

	mu     sync.RWMutex
	mails  []Message // oldest first, at most twice cfg.Keep
	file   *journal  // nil in memory
	closed bool
}

// username is what the sender logs in as; the password is what is secret.
const username = "aldaba"

// Open reads the mails of before, opens the port and returns. Connections wait
// until Run. The error is about the folder, the file or the port.
func Open(cfg Config) (*Mailbox, error) {
	if cfg.Keep < 0 {
		return nil, fmt.Errorf("mailbox: cannot keep %d mails", cfg.Keep)
	}
	if cfg.Keep == 0 {
		cfg.Keep = defaultKeep
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	certificate, roots, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("mailbox: making the certificate: %w", err)
	}
	m := &Mailbox{cfg: cfg, roots: roots, password: rand.Text()}
	if cfg.Dir != "" {
		if m.file, m.mails, err = openJournal(cfg.Dir, cfg.Keep); err != nil {
			return nil, fmt.Errorf("mailbox: %w", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		if m.file != nil {
			err = errors.Join(err, m.file.close())
		}
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	m.listener = netutil.LimitListener(listener, maxConns)

	m.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{box: m}, nil
	}))
	m.server.Domain = "localhost"
	m.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	m.server.MaxMessageBytes = maxMessage
	m.server.MaxRecipients = maxRecipients
	m.server.ReadTimeout = patience
	m.server.WriteTimeout = patience
	m.server.EnableSMTPUTF8 = true
	// The library logs addresses of peers and handshake faults of strangers;
	// the sender reports what went wrong with a mail.
	m.server.ErrorLog = log.New(io.Discard, "", 0)
	return m, nil
}

// Addr is host:port for the sender.
func (m *Mailbox) Addr() string { return m.listener.Addr().String() }

// RootCAs is the pool with which the sender proves that it speaks with this
// mailbox.
func (m *Mailbox) RootCAs() *x509.CertPool { return m.roots }

// Username is what the sender logs in as.
func (m *Mailbox) Username() string { return username }

// Password is the sender's password, another one at every start.
func (m *Mailbox) Password() string { return m.password }

// Run takes mail until ctx ends or Close, then returns nil. Connections are cut
// at once: a mail that was answered for is kept already, one that was not will
// be sent again. A mailbox runs once.
func (m *Mailbox) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, m.stop)
	defer stop()
	err := m.server.Serve(m.listener)
	m.mu.RLock()
	closed := m.closed
	m.mu.RUnlock()
	if ctx.Err() != nil || closed || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("mailbox: %w", err)
}

// stop ends the server. The listener is closed besides, since a server that
// does not serve yet knows none.
func (m *Mailbox) stop() {
	_ = m.server.Close()   // it is over either way; Run tells what went wrong
	_ = m.listener.Close() // perhaps the second time
}

// Close ends Run and closes the file. Messages still answers. Closing again
// does nothing.
func (m *Mailbox) Close() error {
	m.stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	if m.file == nil {
		return nil
	}
	return m.file.close()
}

// Messages returns the mails to an address, newest first: the whole address in
// any case, "" for everybody's. The slice is the caller's.
func (m *Mailbox) Messages(to string) []Message {
	m.mu.RLock()
	defer m.mu.RUnlock()
	kept := m.mails[max(0, len(m.mails)-m.cfg.Keep):]
	found := []Message{} // never nil: an empty mailbox is [] in JSON
	for i := len(kept) - 1; i >= 0; i-- {
		if to == "" || strings.EqualFold(kept[i].To, to) {
			found = append(found, kept[i])
		}
	}
	return found
}

// store keeps one mail for each recipient, all or none.
func (m *Mailbox) store(mails []Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("closed")
	}
	if m.file != nil {
		if err := m.file.append(mails); err != nil {
			return err
		}
	}
	m.mails = append(m.mails, mails...)
	if len(m.mails) >= 2*m.cfg.Keep {
		// A fresh slice, or the old mails would stay in memory under it.
		m.mails = append(make([]Message, 0, 2*m.cfg.Keep+maxRecipients), m.mails[len(m.mails)-m.cfg.Keep:]...)
	}
	if m.file != nil && m.file.lines > 2*m.cfg.Keep {
		// The mails are kept already; a folder that does not let us tidy up
		// is no reason to refuse them.
		_ = m.file.compact(m.mails[max(0, len(m.mails)-m.cfg.Keep):])
	}
	return nil
}

// session is one client's conversation.
type session struct {
	box    *Mailbox
	proven bool
	to     []string
}

// AuthMechanisms names what we accept; the server offers it under TLS only.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth checks the password, in constant time.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(username))
		samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(s.box.password))
		if sameUser&samePassword != 1 {
			return smtp.ErrAuthFailed
		}
		s.proven = true
		return nil
	}), nil
}

// Mail begins a mail; without a password, and so without TLS, it is refused.
func (s *session) Mail(string, *smtp.MailOptions) error {
	if !s.proven {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	return nil
}

// Rcpt adds a recipient unless the drill refuses it.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.box.cfg.Refuse != nil {
		if err := s.box.cfg.Refuse(to); err != nil {
			refusal, ok := errors.AsType[*Refusal](err)
			if !ok || refusal.Code < 400 || refusal.Code > 599 {
				return &smtp.SMTPError{Code: 451, Message: "Try again later"}
			}
			return &smtp.SMTPError{Code: refusal.Code, Message: oneLine(refusal.Text)}
		}
	}
	s.to = append(s.to, to)
	return nil
}

// Data reads the mail, understands it and keeps it.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	mail, err := parse(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "This is not a mail"}
	}
	mail.Received = s.box.cfg.Now().UTC().Truncate(time.Millisecond)
	mails := make([]Message, len(s.to))
	for i, to := range s.to {
		mails[i] = mail
		mails[i].ID, mails[i].To = rand.Text(), to
	}
	if err := s.box.store(mails); err != nil {
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "The mail could not be kept"}
	}
	return nil
}

// Reset forgets the mail being written.
func (s *session) Reset() { s.to = nil }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// oneLine keeps a drill's text from becoming more than one reply.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// selfSigned makes the certificate of this start and the pool that trusts it.
// Its dates follow the machine's clock, by which it will be judged, not the
// demo's, which can be moved.
func selfSigned() (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Aldaba demo mailbox"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots, nil
}
