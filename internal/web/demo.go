package web

import (
	"net/http"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/words"
)

// Demo is what the demo shows besides the site: its fake people, its mailbox,
// and a clock that can be moved.
type Demo struct {
	// People are all of them, as personas.json gives them: in Spanish, whatever the
	// language of who asks.
	People []DemoPerson
	// Listed are the first [DemoListed] of them, as the page in each language lists
	// them.
	Listed map[credential.Language][]DemoPerson
	// Mails gives the mailbox, newest first; to narrows it to one address, ""
	// for all. It is nil where mails leave by a relay of one's own.
	Mails   func(to string) []DemoMail
	Advance func(d time.Duration) error
	// Offset is how far the clock was moved so far; nil for not at all.
	Offset func() time.Duration
}

// DemoPerson is a row of personas.json: a fake person as seeded.
type DemoPerson struct {
	Case        string            `json:"caso"`
	Document    string            `json:"tipo"`
	Number      string            `json:"numero"`
	GivenNames  string            `json:"nombres"`
	Surnames    string            `json:"apellidos"`
	Birth       string            `json:"nacimiento"`
	Audiences   []string          `json:"audiencias"`
	Email       string            `json:"correo"`
	InPerson    bool              `json:"presencial"`
	Clave       string            `json:"clave"`
	Locked      bool              `json:"bloqueada"`
	Answers     map[string]string `json:"respuestas"`
	Activation  string            `json:"codigo_activacion"`
	Image       string            `json:"imagen"`
	Explanation string            `json:"-"` // of a named case, for the page
}

// DemoMail is a mail as it arrived in the demo's mailbox.
type DemoMail struct {
	ID       string `json:"id"`
	To       string `json:"para"`
	Subject  string `json:"asunto"`
	Text     string `json:"texto"`
	HTML     string `json:"html"`
	Received string `json:"recibido"` // RFC 3339 with milliseconds, UTC
}

func (s *Server) demoPeople(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, s.Demo.People)
}

// demoPeopleView lists the fake people for somebody who tries the demo.
type demoPeopleView struct {
	base
	People []DemoPerson
}

// DemoListed is how many people the page shows: the named cases and a few more.
const DemoListed = 33

// Born writes the day of a birth in words.
func (v demoPeopleView) Born(iso string) string {
	day, ok := words.ParseDay(iso)
	if !ok {
		return iso
	}
	return v.server.Words.Date(day)
}

func (s *Server) demoPeoplePage(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "demo_people", demoPeopleView{
		s.base(r, s.Words.Text("demo.people.title")), s.Demo.Listed[s.Words.Code()],
	})
	return nil
}

func (s *Server) demoMails(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, s.mails(r.URL.Query().Get("para")))
}

// mails is the mailbox, empty where there is none.
func (s *Server) mails(to string) []DemoMail {
	if s.Demo.Mails == nil {
		return []DemoMail{}
	}
	return s.Demo.Mails(to)
}

// mailboxView is the mailbox as a page.
type mailboxView struct {
	base
	To    string
	Mails []DemoMail
	Total int
}

// mailboxPage is how many mails the page lists.
const mailboxPage = 50

func (s *Server) demoMailbox(w http.ResponseWriter, r *http.Request) error {
	to := r.URL.Query().Get("para")
	mails := s.mails(to)
	s.render(w, r, http.StatusOK, "demo_mailbox", mailboxView{
		s.base(r, s.Words.Text("demo.mailbox.title")), clip(to), mails[:min(mailboxPage, len(mails))], len(mails),
	})
	return nil
}

// demoMailView is one mail as it arrived: its HTML body in a frame, then its text.
type demoMailView struct {
	base
	Mail  DemoMail
	Lines []mailLine
}

// mailLine is a line of the text body; Link where the line is one.
type mailLine struct{ Text, Link string }

func (s *Server) demoMail(w http.ResponseWriter, r *http.Request) error {
	mail, err := s.mail(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "demo_mail", demoMailView{
		s.base(r, mail.Subject), mail, mailLines(mail.Text, s.PublicURL.String()),
	})
	return nil
}

// mail finds the mail that a path names.
func (s *Server) mail(r *http.Request) (DemoMail, error) {
	for _, mail := range s.mails("") {
		if mail.ID == r.PathValue("id") {
			return mail, nil
		}
	}
	return DemoMail{}, &httpError{http.StatusNotFound, "not_found"}
}

// mailPolicy is the content security policy of a mail's HTML body in its frame:
// its own inline styles and nothing else, no scripts, no origin; its links open
// beside the mailbox, as a webmail opens them.
const mailPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; " +
	"sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"

func (s *Server) demoMailHTML(w http.ResponseWriter, r *http.Request) error {
	mail, err := s.mail(r)
	if err != nil {
		return err
	}
	if mail.HTML == "" {
		return &httpError{http.StatusNotFound, "not_found"}
	}
	h := w.Header()
	h.Set("Content-Security-Policy", mailPolicy)
	h.Del("Cross-Origin-Opener-Policy") // a sandboxed page that asks for it is refused
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, err = w.Write([]byte(mail.HTML))
	return err
}

// demoServiceView stands where the institution's own service would be.
type demoServiceView struct {
	base
	Text string // what the service is for
}

// PathDemoService is where the demo's services are; behind it the service's id.
const PathDemoService = "/demo/servicios/"

func (s *Server) demoService(w http.ResponseWriter, r *http.Request) error {
	for _, o := range s.Institution.Services {
		if o.ID == r.PathValue("id") {
			s.render(w, r, http.StatusOK, "demo_service", demoServiceView{s.base(r, o.Name), o.Text})
			return nil
		}
	}
	return s.noSuchPage(w, r)
}

// clockMoved says how far the demo's clock was moved; empty for not at all.
func (s *Server) clockMoved() string {
	if s.Demo == nil || s.Demo.Offset == nil {
		return ""
	}
	by := s.Demo.Offset()
	switch {
	case by > 0:
		return s.Words.Text("demo.clock.ahead", "by", s.span(by))
	case by < 0:
		return s.Words.Text("demo.clock.behind", "by", s.span(-by))
	}
	return ""
}

// span writes a duration above zero in its units, seconds only where there is
// nothing greater.
func (s *Server) span(d time.Duration) string {
	const day = 24 * time.Hour
	var parts []string
	for _, unit := range []struct {
		key    string
		length time.Duration
	}{{"day", day}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if n := int(d / unit.length); n > 0 {
			parts = append(parts, s.Words.Text("demo.clock."+unit.key, "n", n))
			d -= time.Duration(n) * unit.length
		}
	}
	if len(parts) == 0 {
		return s.Words.Text("demo.clock.second", "n", max(1, int(d/time.Second)))
	}
	return strings.Join(parts, " ")
}

// demoClock moves the program's clock.
func (s *Server) demoClock(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	by, err := time.ParseDuration(r.Form.Get("avanza"))
	if err != nil {
		return &httpError{http.StatusUnprocessableEntity, "clock"}
	}
	err = s.Demo.Advance(by)
	if err != nil {
		return &httpError{http.StatusUnprocessableEntity, "clock"}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// mailLines cuts a text body into lines and finds those that are links of ours.
func mailLines(text, ours string) []mailLine {
	var lines []mailLine
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		one := mailLine{Text: line}
		if strings.HasPrefix(strings.TrimSpace(line), ours+"/") {
			one.Link = strings.TrimSpace(line)
		}
		lines = append(lines, one)
	}
	return lines
}
