package mailbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// start opens a mailbox and runs it until the test ends or stop is called.
func start(tb testing.TB, cfg Config) (box *Mailbox, stop func()) {
	tb.Helper()
	box, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- box.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
		if err := box.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	tb.Cleanup(stop)
	return box, stop
}

// login returns a conversation that may send.
func login(tb testing.TB, box *Mailbox) *smtp.Client {
	tb.Helper()
	c := encrypted(tb, box)
	if err := c.Auth(smtp.PlainAuth("", box.Username(), box.Password(), "127.0.0.1")); err != nil {
		tb.Fatal(err)
	}
	return c
}

// encrypted returns a conversation over proven TLS without a password yet.
func encrypted(tb testing.TB, box *Mailbox) *smtp.Client {
	tb.Helper()
	c, err := smtp.Dial(box.Addr())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	if err := c.StartTLS(&tls.Config{ServerName: "127.0.0.1", RootCAs: box.RootCAs()}); err != nil {
		tb.Fatal(err)
	}
	return c
}

// send sends raw over c.
func send(c *smtp.Client, raw string, to ...string) error {
	if err := c.Mail("clave@institucion.test"); err != nil {
		return err
	}
	for _, address := range to {
		if err := c.Rcpt(address); err != nil {
			return errors.Join(err, c.Reset())
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(raw)); err != nil {
		return err
	}
	return w.Close()
}

func plainMail(text string) string {
	return "Subject: hola\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text
}

const richMail = "From: x@y.test\r\nSubject: =?utf-8?q?ACTIVACI=C3=93N?=\r\n =?utf-8?q?_CLAVE?=\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" +
	"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"C=C3=B3digo: 123456\r\n\r\nhttps://clave.test/enlace?x=\r\n=3D1\r\n..punto\r\n\r\n--b\r\n" +
	"Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+\r\nw7E8L3A+\r\n\r\n--b--\r\n"

func wantCode(tb testing.TB, err error, code int) {
	tb.Helper()
	reply, ok := errors.AsType[*textproto.Error](err)
	if !ok || reply.Code != code {
		tb.Errorf("error is %v, want code %d", err, code)
	}
}

func TestMailboxKeepsMail(t *testing.T) {
	at := time.Date(2026, 3, 1, 7, 8, 9, 120_456_789, time.FixedZone("", -5*3600))
	box, _ := start(t, Config{Now: func() time.Time { return at }})
	c := login(t, box)
	if err := send(c, richMail, "Rosa@Correo.test", "luis@correo.test"); err != nil {
		t.Fatal(err)
	}
	if err := send(c, plainMail("otro"), "rosa@correo.test"); err != nil {
		t.Fatal(err)
	}
	all := box.Messages("")
	if len(all) != 3 || all[0].Text != "otro\n" {
		t.Fatalf("messages %+v, want three, newest first", all)
	}
	if got := len(box.Messages("ROSA@correo.test")); got != 2 {
		t.Errorf("%d mails to Rosa in any case, want 2", got)
	}
	for _, part := range []string{"rosa", "osa@correo.test", "rosa@correo.tes", " rosa@correo.test"} {
		if got := box.Messages(part); got == nil || len(got) != 0 {
			t.Errorf("Messages(%q) = %v, want none and not nil", part, got)
		}
	}
	ids := map[string]bool{}
	for _, m := range all {
		ids[m.ID] = true
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("identifiers %v, want three different ones", ids)
	}

	text, err := json.Marshal(box.Messages("rosa@correo.test")[1])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "id")
	want := map[string]any{
		"para": "Rosa@Correo.test", "asunto": "ACTIVACIÓN CLAVE", "html": "<p>ñ</p>",
		"texto": "Código: 123456\n\nhttps://clave.test/enlace?x=1\n..punto\n", "recibido": "2026-03-01T12:08:09.120Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestMailboxWantsEncryptionAndPassword(t *testing.T) {
	box, _ := start(t, Config{})

	plain, err := smtp.Dial(box.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if offered, _ := plain.Extension("STARTTLS"); !offered {
		t.Error("STARTTLS is not offered")
	}
	if offered, _ := plain.Extension("AUTH"); offered {
		t.Error("AUTH is offered without TLS")
	}
	wantCode(t, plain.Auth(smtp.PlainAuth("", box.Username(), box.Password(), "127.0.0.1")), 523)

	fresh, err := smtp.Dial(box.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	wantCode(t, send(fresh, plainMail("x"), "a@b.test"), 530)
	wantCode(t, send(encrypted(t, box), plainMail("x"), "a@b.test"), 530)
	wantCode(t, encrypted(t, box).Auth(smtp.PlainAuth("", box.Username(), "otra", "127.0.0.1")), 535)
	wantCode(t, encrypted(t, box).Auth(smtp.PlainAuth("", "otro", box.Password(), "127.0.0.1")), 535)

	stranger, err := smtp.Dial(box.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	err = stranger.StartTLS(&tls.Config{ServerName: "127.0.0.1", RootCAs: x509.NewCertPool()})
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		t.Errorf("a client that does not know the certificate got %v", err)
	}
	if got := box.Messages(""); len(got) != 0 {
		t.Errorf("kept %v, want nothing", got)
	}

	other, _ := start(t, Config{})
	if other.Password() == box.Password() || len(box.Password()) < 20 {
		t.Errorf("passwords %q and %q, want two long different ones", box.Password(), other.Password())
	}
}

func TestMailboxDrills(t *testing.T) {
	box, _ := start(t, Config{Refuse: func(to string) error {
		switch to {
		case "lleno@b.test":
			return &Refusal{Code: 452, Text: "full\r\n250 ok"}
		case "nadie@b.test":
			return fmt.Errorf("drill: %w", &Refusal{Code: 550, Text: "nobody"})
		case "raro@b.test":
			return &Refusal{Code: 250, Text: "nonsense"}
		case "error@b.test":
			return errors.New("boom")
		}
		return nil
	}})
	c := login(t, box)
	wantCode(t, send(c, plainMail("x"), "lleno@b.test"), 452)
	wantCode(t, send(c, plainMail("x"), "nadie@b.test"), 550)
	wantCode(t, send(c, plainMail("x"), "raro@b.test"), 451)
	wantCode(t, send(c, plainMail("x"), "error@b.test"), 451)
	if err := send(c, plainMail("x"), "rosa@b.test"); err != nil {
		t.Error(err)
	}
	if got := box.Messages(""); len(got) != 1 || got[0].To != "rosa@b.test" {
		t.Errorf("kept %v, want one for rosa", got)
	}
}

func TestMailboxRefusesWhatIsNoMail(t *testing.T) {
	box, _ := start(t, Config{})
	c := login(t, box)
	deep := "Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
	for i := range maxDepth + 1 {
		deep += fmt.Sprintf("--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", i, i+1)
	}
	for name, raw := range map[string]string{
		"no header":    "hola\r\n\r\nhola",
		"torn part":    strings.TrimSuffix(richMail, "--b--\r\n"),
		"bad type":     "Content-Type: text/\r\n\r\nx",
		"bad base64":   "Content-Transfer-Encoding: base64\r\n\r\n?",
		"many parts":   "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", maxParts+1) + "--b--\r\n",
		"nested parts": deep,
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, send(c, raw, "a@b.test"), 554) })
	}
	wantCode(t, send(c, plainMail(strings.Repeat("línea\r\n", maxMessage/8+1)), "a@b.test"), 552)
	if got := box.Messages(""); len(got) != 0 {
		t.Errorf("kept %d mails, want none", len(got))
	}
	if err := send(c, plainMail("x"), "a@b.test"); err != nil {
		t.Errorf("a mail afterwards: %v", err)
	}
}

func TestMailboxOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	box, stop := start(t, Config{Dir: dir})
	c := login(t, box)
	for i := range 3 {
		if err := send(c, plainMail(fmt.Sprint("n", i)), "a@b.test"); err != nil {
			t.Fatal(err)
		}
	}
	want := box.Messages("")

	// What kill -9 leaves is the file as it stands, without any Close.
	killed := t.TempDir()
	text, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, journalName), text, 0o600); err != nil {
		t.Fatal(err)
	}
	stop()
	for _, folder := range []string{dir, killed} {
		again, _ := start(t, Config{Dir: folder})
		if diff := cmp.Diff(want, again.Messages("")); diff != "" {
			t.Errorf("after starting again (-want +got):\n%s", diff)
		}
	}
}

func TestMailboxToleratesTornLine(t *testing.T) {
	whole := func(id string) string {
		return `{"id":"` + id + `","para":"a@b.test","asunto":"s","texto":"t","html":"","recibido":"2026-03-01T12:08:09.120Z"}` + "\n"
	}
	for name, torn := range map[string]string{
		"half a line":       `{"id":"x","para":"a@`,
		"without its end":   strings.TrimSuffix(whole("x"), "\n"),
		"zeros":             "\x00\x00\x00",
		"an endless line":   strings.Repeat("x", maxLine+10),
		"nothing":           "",
		"a line not a mail": "hola\n{}\n[]\n" + strings.Repeat("x", maxLine+10) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, journalName)
			if err := os.WriteFile(path, []byte(whole("1")+whole("2")+torn), 0o600); err != nil {
				t.Fatal(err)
			}
			box, stop := start(t, Config{Dir: dir})
			if err := send(login(t, box), plainMail("tres"), "a@b.test"); err != nil {
				t.Fatal(err)
			}
			stop()
			box, _ = start(t, Config{Dir: dir})
			got := box.Messages("")
			if len(got) != 3 || got[0].Text != "tres\n" || got[1].ID != "2" || got[2].ID != "1" {
				t.Errorf("messages %v, want the new one, 2 and 1", got)
			}
		})
	}
}

func TestMailboxKeepsTheLast(t *testing.T) {
	const keep, sent = 5, 43
	for _, dir := range []string{"", t.TempDir()} {
		box, stop := start(t, Config{Dir: dir, Keep: keep})
		c := login(t, box)
		for i := range sent {
			if err := send(c, plainMail(fmt.Sprint("n", i)), "a@b.test"); err != nil {
				t.Fatal(err)
			}
		}
		check := func(box *Mailbox) {
			t.Helper()
			got := box.Messages("")
			if len(got) != keep {
				t.Fatalf("%d mails, want %d", len(got), keep)
			}
			for i, m := range got {
				if want := fmt.Sprint("n", sent-1-i, "\n"); m.Text != want {
					t.Errorf("mail %d is %q, want %q", i, m.Text, want)
				}
			}
		}
		check(box)
		if dir == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, journalName))
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); lines > 2*keep {
			t.Errorf("the file has %d lines, want at most %d", lines, 2*keep)
		}
		info, err := os.Stat(filepath.Join(dir, journalName))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
		}
		stop()
		again, _ := start(t, Config{Dir: dir, Keep: keep})
		check(again)
	}
}

func TestMailboxFileFails(t *testing.T) {
	dir := t.TempDir()
	box, _ := start(t, Config{Dir: dir})
	c := login(t, box)
	if err := send(c, plainMail("uno"), "a@b.test"); err != nil {
		t.Fatal(err)
	}
	// A file that cannot be written to: what is not kept is not answered for.
	box.mu.Lock()
	box.file.file.Close()
	box.mu.Unlock()
	wantCode(t, send(c, plainMail("dos"), "a@b.test"), 452)
	if got := box.Messages(""); len(got) != 1 {
		t.Errorf("%d mails, want 1", len(got))
	}
	box.mu.Lock()
	box.file = nil // so that the closing at the end has nothing to close twice
	box.mu.Unlock()

	if _, err := Open(Config{Dir: filepath.Join(dir, "no")}); err == nil {
		t.Error("a folder that is not there was opened")
	}
	if _, err := Open(Config{Keep: -1}); err == nil {
		t.Error("a negative Keep was taken")
	}
}

func TestMailboxEnds(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	box, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Run(ended); err != nil {
		t.Errorf("Run with a context that is over: %v", err)
	}
	// Not by a dial: the port may be somebody else's by now.
	if _, err := box.listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Run the listener gives %v, want that it is closed", err)
	}
	closed, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := closed.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := closed.Run(t.Context()); err != nil {
		t.Errorf("Run after Close: %v", err)
	}
	if err := closed.store([]Message{{ID: "x"}}); err == nil {
		t.Error("a closed mailbox kept a mail")
	}
}

func TestMailboxConcurrent(t *testing.T) {
	const senders, each = 8, 25
	dir := t.TempDir()
	box, stop := start(t, Config{Dir: dir, Keep: senders * each})
	var all sync.WaitGroup
	for i := range senders {
		c := login(t, box)
		all.Go(func() {
			for n := range each {
				if err := send(c, plainMail(fmt.Sprint(i, "-", n)), fmt.Sprintf("a%d@b.test", i)); err != nil {
					t.Error(err)
				}
				if got := len(box.Messages(fmt.Sprintf("A%d@b.test", i))); got != n+1 {
					t.Errorf("sender %d sees %d mails, want %d", i, got, n+1)
				}
			}
		})
	}
	all.Wait()
	stop()
	again, _ := start(t, Config{Dir: dir, Keep: senders * each})
	if got := len(again.Messages("")); got != senders*each {
		t.Errorf("%d mails, want %d", got, senders*each)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(richMail))
	f.Add([]byte(plainMail("hola")))
	f.Add([]byte("Subject: =?x?q?a?=\r\nContent-Type: multipart/mixed; boundary=\"\"\r\n\r\n----\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parse(raw)
		if err != nil {
			return
		}
		for _, s := range []string{m.Subject, m.Text, m.HTML} {
			if strings.ToValidUTF8(s, "") != s {
				t.Errorf("%q is not UTF-8", s)
			}
		}
		m.ID, m.To = "1", "a@b.test"
		text, err := encode([]Message{m})
		if err != nil || strings.Count(string(text), "\n") != 1 || len(text) > 6*len(raw)+4096 {
			t.Fatalf("encoded as %q, %v, want one line", text, err)
		}
		var again Message
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	})
}
