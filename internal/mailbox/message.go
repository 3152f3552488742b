package mailbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
)

// Message is one mail to one recipient, as the page and the JSON show it.
type Message struct {
	ID       string    `json:"id"`       // unique
	To       string    `json:"para"`     // the bare address of the envelope, as sent
	Subject  string    `json:"asunto"`   // decoded
	Text     string    `json:"texto"`    // the first plain body, decoded, lines ended by "\n"
	HTML     string    `json:"html"`     // the first HTML body, decoded, lines ended by "\n"
	Received time.Time `json:"recibido"` // UTC
}

// rfc3339Milli is RFC 3339 with milliseconds, always three digits.
const rfc3339Milli = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON writes exactly id, para, asunto, texto, html and recibido, the
// last in RFC 3339 with milliseconds.
func (m Message) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID       string `json:"id"`
		To       string `json:"para"`
		Subject  string `json:"asunto"`
		Text     string `json:"texto"`
		HTML     string `json:"html"`
		Received string `json:"recibido"`
	}{m.ID, m.To, m.Subject, m.Text, m.HTML, m.Received.UTC().Format(rfc3339Milli)})
}

// Bounds of a mail's structure.
const (
	maxDepth = 8  // multiparts inside one another
	maxParts = 64 // parts in all
)

var errNotMail = errors.New("mailbox: not a readable mail")

// parse reads subject and bodies of a mail as it travelled. It wants UTF-8 or
// ASCII; other bytes become U+FFFD.
func parse(raw []byte) (Message, error) {
	head, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, fmt.Errorf("%w: %v", errNotMail, err)
	}
	decoder := new(mime.WordDecoder)
	subject, err := decoder.DecodeHeader(head.Header.Get("Subject"))
	if err != nil {
		subject = head.Header.Get("Subject") // an unknown charset is shown as it came
	}
	m := Message{Subject: clean(subject)}
	parts := 0
	if err := m.read(textproto.MIMEHeader(head.Header), head.Body, 0, &parts); err != nil {
		return Message{}, err
	}
	return m, nil
}

// read takes the bodies out of one part and the parts inside it.
func (m *Message) read(header textproto.MIMEHeader, body io.Reader, depth int, parts *int) error {
	if *parts++; depth > maxDepth || *parts > maxParts {
		return fmt.Errorf("%w: too many parts", errNotMail)
	}
	contentType := header.Get("Content-Type")
	if contentType == "" {
		contentType = "text/plain" // RFC 2045, 5.2
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("%w: %v", errNotMail, err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		inner := multipart.NewReader(body, parameters["boundary"])
		for {
			// Raw, since NextPart would undo the encoding and hide that it did.
			part, err := inner.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%w: %v", errNotMail, err)
			}
			if err := m.read(part.Header, part, depth+1, parts); err != nil {
				return err
			}
		}
	}
	var into *string
	switch {
	case kind == "text/plain" && m.Text == "":
		into = &m.Text
	case kind == "text/html" && m.HTML == "":
		into = &m.HTML
	default:
		return nil // an attachment; ours have none
	}
	switch strings.ToLower(strings.TrimSpace(header.Get("Content-Transfer-Encoding"))) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("%w: %v", errNotMail, err)
	}
	*into = clean(string(text))
	return nil
}

// clean makes text valid UTF-8 with "\n" at the end of lines.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
}
