package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"aldaba/internal/credential"
	"aldaba/internal/words"
)

//go:embed messages
var templates embed.FS

// Bounds of what comes from outside and stands in a mail.
const (
	maxName = 60 // runes of a name, a mask or a reference
	maxHelp = 300
)

// Config is what every mail has in common. PublicURL and one voice are required.
type Config struct {
	// PublicURL is the address of the site as people see it: http or https,
	// a host, maybe a path. The links of all mails are made from it alone and
	// never from a request (security case S11).
	PublicURL *url.URL
	Demo      bool    // adds the line that says that nothing of it is real
	Voices    []Voice // one a language; the first also writes mails in none or another
}

// Voice is how the institution speaks in one language. Words and Institution are
// required.
type Voice struct {
	Words       *words.Language
	Institution string // name at head and foot of every mail
	HelpText    string // telephone or address for help, at the foot; may be empty
}

// Renderer writes the mails of the outbox. It is safe for concurrent use.
type Renderer struct {
	first  writer
	others map[credential.Language]writer
}

// writer writes the mails of one language.
type writer struct {
	Config
	Voice
	html *htmltemplate.Template
	text *texttemplate.Template
}

// NewRenderer checks c and reads the templates.
func NewRenderer(c Config) (*Renderer, error) {
	if c.PublicURL == nil || len(c.Voices) == 0 {
		return nil, errors.New("mail: a public address and a voice are both needed")
	}
	u := *c.PublicURL
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("mail: public address %q is not a plain http or https address", u.Redacted())
	}
	c.PublicURL = &u
	r := &Renderer{others: map[credential.Language]writer{}}
	for n, v := range c.Voices {
		w, err := newWriter(c, v)
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		if n == 0 {
			r.first = w
		} else {
			r.others[v.Words.Code()] = w
		}
	}
	return r, nil
}

func newWriter(c Config, v Voice) (writer, error) {
	v.Institution, v.HelpText = oneLine(v.Institution, maxName*2), oneLine(v.HelpText, maxHelp)
	switch {
	case v.Words == nil:
		return writer{}, errors.New("a voice without words")
	case v.Institution == "":
		return writer{}, errors.New("the institution has no name")
	}
	w := writer{Config: c, Voice: v}
	sentence := map[string]any{"t": v.Words.Text, "tag": v.Words.Tag}
	var err error
	w.html, err = htmltemplate.New("").Funcs(sentence).Option("missingkey=error").ParseFS(templates, "messages/*.html")
	if err == nil {
		w.text, err = texttemplate.New("").Funcs(sentence).Option("missingkey=error").ParseFS(templates, "messages/*.txt")
	}
	return w, err
}

// frame is what head and foot of every mail need.
type frame struct {
	Subject     string
	Institution string
	HelpText    string
	Host        string // where our links lead, as people compare it
	Demo        bool
	Name        string // given name; may be empty
	When        string // of the act, in words
	Reference   string // may be empty
	Link        string
}

// activationView is the mail «ACTIVACIÓN CLAVE» (mission M10), the one that ends a
// lock (M17), and the two of a change of address.
type activationView struct {
	frame
	Kind string
	Life string // in words
	Code string // empty in a mail with a link alone
	Mask string // of the new address; empty unless the code proves a change to it
}

// complaintView is the mail about a complaint (mission M20), with its link where it
// is to be confirmed.
type complaintView struct {
	frame
	Kind    string
	Code    string // that follows it
	Until   string // when the link ends, in words
	LastDay string // on which it is answered, in words
}

// noticeView is a mail that tells of an act and carries «No fui yo» (mission P5).
type noticeView struct {
	frame
	Kind   string
	Device string // in words; empty where it was no browser
	Place  string // what is known of the network, in words; empty where nothing is
	Mask   string // of the new address; empty unless Kind is a change of address
	Until  string // end of the hold, in words; empty where there is none
	Case   string // number of the case that was opened; empty for none
	Again  string // that it happened again since, in words; empty where it did not
	Stuck  bool   // its reader cannot log in: the mail says what opens the account
	// LastDay is on which a request is answered, in words; empty where there is none.
	LastDay string
}

// Render writes the mail for a claimed row of the outbox, in its language. The same row
// always gives the same Message, its ID included. An error means that the row and this
// version of the program do not fit; it holds no personal data.
func (r *Renderer) Render(o credential.Outgoing) (Message, error) {
	if o.ID.IsZero() {
		return Message{}, errors.New("rendering a mail: it has no id")
	}
	if w, ok := r.others[o.Facts.Language]; ok {
		return w.render(o)
	}
	return r.first.render(o) // also where a language is spoken no more
}

func (w writer) render(o credential.Outgoing) (Message, error) {
	f := frame{
		Institution: w.Institution,
		HelpText:    w.HelpText,
		Host:        w.PublicURL.Host,
		Demo:        w.Demo,
		Name:        oneLine(o.Facts.GivenName, maxName),
		When:        w.moment(o.Facts.At),
		Reference:   oneLine(o.Facts.Reference, maxName),
	}
	var view any
	var page string
	switch o.Kind {
	case credential.MailActivation:
		if o.Link.ID.IsZero() || len(o.Code) != 6 || o.Life < time.Second {
			return Message{}, fmt.Errorf("rendering mail %v: an activation without link, code or life", o.ID)
		}
		f.Subject = w.Words.Text("mail.activation.subject")
		f.Link = w.PublicURL.JoinPath("clave", "enlace", o.Link.Token()).String()
		view, page = activationView{frame: f, Kind: string(o.Kind), Life: w.Words.Lasting(o.Life), Code: o.Code}, "activation"
	case credential.MailUnlock, credential.MailAddressLink:
		if o.Link.ID.IsZero() || o.Life < time.Second {
			return Message{}, fmt.Errorf("rendering mail %v: a link without token or life", o.ID)
		}
		f.Subject = w.Words.Text("mail." + string(o.Kind) + ".subject")
		f.Link = w.PublicURL.JoinPath("clave", "enlace", o.Link.Token()).String()
		if o.Kind == credential.MailAddressLink {
			f.Name = "" // nobody has confirmed that whoever reads this address is that person
		}
		view, page = activationView{frame: f, Kind: string(o.Kind), Life: w.Words.Lasting(o.Life)}, "unlock"
	case credential.MailAddressCode:
		if len(o.Code) != 6 || o.Life < time.Second || o.Facts.NewMask == "" {
			return Message{}, fmt.Errorf("rendering mail %v: a code to the old address without code, life or new address", o.ID)
		}
		f.Subject = w.Words.Text("mail.address_code.subject")
		view = activationView{
			frame: f, Kind: string(o.Kind), Life: w.Words.Lasting(o.Life), Code: o.Code, Mask: oneLine(o.Facts.NewMask, maxName),
		}
		page = "address_code"
	case credential.MailComplaint, credential.MailComplaintTaken:
		if o.Complaint.ID.IsZero() || o.Code == "" || f.Reference == "" || o.Facts.LastDay.IsZero() {
			return Message{}, fmt.Errorf("rendering mail %v: a complaint without link, code, number or last day", o.ID)
		}
		f.Subject = w.Words.Text("mail." + string(o.Kind) + ".subject")
		v := complaintView{frame: f, Kind: string(o.Kind), Code: o.Code, LastDay: w.Words.Date(o.Facts.LastDay)}
		if o.Kind == credential.MailComplaint {
			v.Link = w.PublicURL.JoinPath("quejas", "confirmar", o.Complaint.Token()).String()
			v.Until = w.moment(o.Facts.HoldUntil)
		}
		view, page = v, "complaint"
	case credential.MailUnlocked, credential.MailClaveSet, credential.MailClaveRecovered, credential.MailClaveChanged, credential.MailAddressChange, credential.MailRegisterChange,
		credential.MailActivationCode, credential.MailAddressChanged, credential.MailLocked, credential.MailNewDevice, credential.MailFrozen,
		credential.MailQuestionsRenewed, credential.MailWebClosed, credential.MailDataRequest:
		if o.Objection.Notice.IsZero() {
			return Message{}, fmt.Errorf("rendering mail %v: a notice without a way to object", o.ID)
		}
		f.Subject = w.Words.Text("mail." + string(o.Kind) + ".subject")
		f.Link = w.PublicURL.JoinPath("no-fui-yo", o.Objection.Token()).String()
		v := noticeView{frame: f, Kind: string(o.Kind), Device: w.device(o.Facts.Browser), Case: oneLine(o.Facts.Case, maxName)}
		v.Stuck = o.Kind == credential.MailLocked || o.Kind == credential.MailFrozen
		if o.Facts.Network != "" {
			v.Place = w.Words.Text("mail.network." + string(o.Facts.Network))
		}
		if o.Repeats > 0 {
			v.Again = w.Words.Text("mail.notice.again", "n", o.Repeats+1, "when", w.Words.DateTime(o.LatestAt))
		}
		if o.Kind == credential.MailAddressChange {
			if o.Facts.NewMask == "" || o.Facts.HoldUntil.IsZero() {
				return Message{}, fmt.Errorf("rendering mail %v: a change of address without address or hold", o.ID)
			}
			v.Mask, v.Until = oneLine(o.Facts.NewMask, maxName), w.moment(o.Facts.HoldUntil)
		}
		if o.Kind == credential.MailRegisterChange {
			if o.Facts.NewMask == "" {
				return Message{}, fmt.Errorf("rendering mail %v: a change of the register without address", o.ID)
			}
			v.Mask, v.Device = oneLine(o.Facts.NewMask, maxName), "" // no browser did it
		}
		if o.Kind == credential.MailDataRequest {
			if o.Facts.LastDay.IsZero() {
				return Message{}, fmt.Errorf("rendering mail %v: a request without its last day", o.ID)
			}
			v.LastDay = w.Words.Date(o.Facts.LastDay)
		}
		if o.Kind == credential.MailAddressChanged {
			v.Mask = oneLine(o.Facts.NewMask, maxName)
		}
		if o.Kind == credential.MailActivationCode || o.Kind == credential.MailAddressChanged && o.Facts.Browser == "" {
			v.Device = "" // staff did it
		}
		view, page = v, "notice"
	default:
		return Message{}, fmt.Errorf("rendering mail %v: there is no mail %q", o.ID, o.Kind)
	}
	m := Message{To: o.To, Subject: f.Subject, Reference: f.Reference, ID: o.ID.String()}
	var body bytes.Buffer
	if err := w.text.ExecuteTemplate(&body, page+".txt", view); err != nil {
		return Message{}, fmt.Errorf("rendering mail %v as text: %w", o.ID, err)
	}
	m.Text = body.String()
	body.Reset()
	if err := w.html.ExecuteTemplate(&body, page+".html", view); err != nil {
		return Message{}, fmt.Errorf("rendering mail %v as HTML: %w", o.ID, err)
	}
	m.HTML = body.String()
	return m, nil
}

// moment writes an instant with the zone it is told in, for those on Galápagos
// or abroad.
func (w writer) moment(t time.Time) string {
	return w.Words.Text("mail.moment", "when", w.Words.DateTime(t))
}

// device names the kind of device behind a word key.
func (w writer) device(key string) string {
	if key = "browser." + key; w.Words.Has(key) {
		return w.Words.Text(key)
	}
	return w.Words.Text("browser.unknown")
}

// oneLine makes of s one line of at most limit visible characters. A register's
// name with a line break in it could else write a line «Código: …» of its own,
// and one that turns the direction of writing could reorder the rest.
func oneLine(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, " "))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > limit {
		s = strings.TrimSpace(string(runes[:limit-1])) + "…"
	}
	return s
}
