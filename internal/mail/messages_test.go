package mail

import (
	"bufio"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/words"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newRenderer(tb testing.TB, change func(*Config)) *Renderer {
	tb.Helper()
	c := Config{
		PublicURL: &url.URL{Scheme: "https", Host: "clave.institucion.test"},
	}
	for _, l := range words.Languages() {
		c.Voices = append(c.Voices, Voice{Words: l, Institution: "Institución Ñandú", HelpText: "teléfono 140"})
	}
	if change != nil {
		change(&c)
	}
	r, err := NewRenderer(c)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// anID is a fixed id that ends in n.
func anID(n byte) credential.ID { return credential.ID{0: 0xfb, 1: 0xff, 15: n} }

// anOutgoing is a mail of the outbox, with everything its kind needs.
func anOutgoing(tb testing.TB, kind credential.MailKind, n byte) credential.Outgoing {
	tb.Helper()
	o := credential.Outgoing{
		Mail: credential.Mail{
			ID: anID(n), Kind: kind, To: mustEmail(tb, secretAddress), Procedure: anID(200),
			Facts: credential.MailFacts{
				GivenName: "Rosa", Reference: "AB23-CD45", Browser: "android",
				At: time.Date(2026, time.March, 1, 17, 30, 0, 0, time.UTC),
			},
		},
		Life: 3 * time.Minute,
	}
	switch kind {
	case credential.MailActivation:
		o.Facts.Browser = ""
		o.Link, o.Code = credential.Link{ID: anID(200), Generation: 2}, "012345"
	case credential.MailAddressChange:
		o.Facts.NewMask = "l•••••@gmail.com"
		o.Facts.HoldUntil = o.Facts.At.Add(24 * time.Hour)
	case credential.MailUnlock:
		o.Facts.Browser = ""
		o.Link = credential.Link{ID: anID(200), Generation: 2}
	case credential.MailActivationCode:
		o.Facts.Browser = ""
	case credential.MailAddressCode:
		o.Facts.Browser, o.Facts.NewMask, o.Code = "", "l•••••@gmail.com", "012345"
	case credential.MailAddressLink:
		o.Facts.Browser, o.Life = "", 24*time.Hour
		o.Link = credential.Link{ID: anID(200), Generation: 2}
	case credential.MailDataRequest:
		o.Facts.LastDay = o.Facts.At.Add(15 * 24 * time.Hour)
	case credential.MailAddressChanged:
		o.Facts.NewMask = "l•••••@gmail.com"
	case credential.MailNewDevice:
		o.Facts.Network = credential.NetworkNew
	case credential.MailLocked:
		o.Facts.Network, o.Repeats, o.LatestAt = credential.NetworkKnown, 2, o.Facts.At.Add(time.Minute)
	case credential.MailFrozen:
		o.Facts.Case = "C-AB2C-3DEF"
	case credential.MailComplaint, credential.MailComplaintTaken:
		o.Facts.Browser, o.Facts.GivenName, o.Facts.Reference, o.Code = "", "", "Q-AB23-CD45", "ABCDE-FGHJ-KLMN"
		o.Facts.LastDay, o.Facts.HoldUntil = o.Facts.At.Add(15*24*time.Hour), o.Facts.At.Add(7*24*time.Hour)
		o.Complaint = credential.ComplaintLink{ID: anID(202)}
	case credential.MailRegisterChange:
		o.Facts.Browser, o.Facts.NewMask = "", "l•••••@gmail.com"
	}
	switch kind {
	case credential.MailActivation, credential.MailUnlock, credential.MailAddressCode, credential.MailAddressLink, credential.MailComplaint, credential.MailComplaintTaken:
	default:
		o.Notice = anID(201)
		o.Objection = credential.Objection{Notice: anID(201)}
	}
	return o
}

var allKinds = []credential.MailKind{
	credential.MailActivation, credential.MailClaveSet, credential.MailClaveRecovered, credential.MailAddressChange,
	credential.MailRegisterChange, credential.MailActivationCode, credential.MailClaveChanged, credential.MailUnlock, credential.MailUnlocked,
	credential.MailAddressCode, credential.MailAddressLink, credential.MailAddressChanged,
	credential.MailLocked, credential.MailNewDevice, credential.MailFrozen,
	credential.MailQuestionsRenewed, credential.MailWebClosed, credential.MailDataRequest, credential.MailComplaint, credential.MailComplaintTaken,
}

func mustRender(tb testing.TB, r *Renderer, o credential.Outgoing) Message {
	tb.Helper()
	m, err := r.Render(o)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestRenderGolden(t *testing.T) {
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			m := mustRender(t, newRenderer(t, nil), anOutgoing(t, kind, 1))
			golden(t, string(kind)+".txt.golden", "Subject: "+m.Subject+"\n\n"+m.Text)
			golden(t, string(kind)+".html.golden", m.HTML)
		})
	}
	// Markup is the same in every language: that of the others shows in one mail.
	for _, l := range words.Languages()[1:] {
		for _, kind := range allKinds {
			t.Run(string(l.Code())+"/"+string(kind), func(t *testing.T) {
				o := anOutgoing(t, kind, 1)
				o.Facts.Language = l.Code()
				m := mustRender(t, newRenderer(t, nil), o)
				golden(t, string(l.Code())+"."+string(kind)+".txt.golden", "Subject: "+m.Subject+"\n\n"+m.Text)
				if kind == credential.MailActivation {
					golden(t, string(l.Code())+"."+string(kind)+".html.golden", m.HTML)
				}
			})
		}
	}
	t.Run("demo", func(t *testing.T) {
		r := newRenderer(t, func(c *Config) { c.Demo, c.Voices[0].HelpText = true, "" })
		o := anOutgoing(t, credential.MailActivation, 1)
		o.Facts.GivenName = ""
		m := mustRender(t, r, o)
		golden(t, "demo.txt.golden", "Subject: "+m.Subject+"\n\n"+m.Text)
		golden(t, "demo.html.golden", m.HTML)
	})
}

// anchor is a link of an HTML mail.
type anchor struct{ Text, Href string }

// read takes an HTML mail apart: its text, its links, the names of its elements.
func read(tb testing.TB, body string) (text string, links []anchor, elements map[string]int) {
	tb.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	elements = map[string]int{}
	var all strings.Builder
	for n := range root.Descendants() {
		switch {
		case n.Type == html.TextNode && n.Parent.Data != "style":
			all.WriteString(n.Data)
		case n.Type == html.ElementNode:
			elements[n.Data]++
			if n.Data == "a" {
				a := anchor{}
				for c := range n.Descendants() {
					a.Text += c.Data
				}
				for _, attr := range n.Attr {
					if attr.Key == "href" {
						a.Href = attr.Val
					}
				}
				links = append(links, a)
			}
			for _, attr := range n.Attr {
				if strings.HasPrefix(attr.Key, "on") {
					tb.Errorf("<%s> has %s", n.Data, attr.Key)
				}
			}
		}
	}
	return all.String(), links, elements
}

func lines(text string) []string {
	var all []string
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		all = append(all, s.Text())
	}
	return all
}

// TestRender holds what the contract promises of a mail, whatever its words.
func TestRender(t *testing.T) {
	const home = "https://clave.institucion.test"
	r := newRenderer(t, nil)
	subjects := map[string]bool{}
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			o := anOutgoing(t, kind, 7)
			m := mustRender(t, r, o)
			if subjects[m.Subject] {
				t.Errorf("another mail has the subject %q", m.Subject)
			}
			subjects[m.Subject] = true
			if kind == credential.MailComplaint || kind == credential.MailComplaintTaken {
				return // see TestRenderComplaint
			}
			name, link := "No fui yo", home+"/no-fui-yo/"+o.Objection.Token()
			switch kind {
			case credential.MailUnlock:
				name, link = "CLIC PARA DESBLOQUEAR", home+"/clave/enlace/"+o.Link.Token()
			case credential.MailAddressLink:
				name, link = "CLIC PARA CONFIRMAR", home+"/clave/enlace/"+o.Link.Token()
			case credential.MailAddressCode:
				name = "" // it has a code alone
			}
			if kind == credential.MailActivation {
				name, link = "CLIC PARA CONTINUAR", home+"/clave/enlace/"+o.Link.Token()
				if m.Subject != "ACTIVACIÓN CLAVE" {
					t.Errorf("subject = %q", m.Subject)
				}
			}
			if o.Code != "" {
				if !slices.Contains(lines(m.Text), "Código: 012345") {
					t.Errorf("no line with the code:\n%s", m.Text)
				}
				if strings.Index(m.Text, "Nadie de la institución") > strings.Index(m.Text, "012345") ||
					strings.Index(m.HTML, "Nadie de la institución") > strings.Index(m.HTML, "012345") {
					t.Error("the warning does not stand above the code")
				}
			} else if strings.Contains(m.Text, "Código:") {
				t.Error("a mail without a code has one")
			}
			if kind != credential.MailActivation && strings.Contains(m.Subject, "ACTIVACIÓN") {
				t.Errorf("a notice looks like an activation: %q\n%s", m.Subject, m.Text)
			}
			want := []anchor{{name, link}}
			if name == "" {
				want, link = nil, ""
			}
			for _, line := range []string{"Referencia: AB23-CD45", link} {
				if !slices.Contains(lines(m.Text), line) {
					t.Errorf("no line %q:\n%s", line, m.Text)
				}
			}
			if n := strings.Count(m.Text, "://"); n != len(want) {
				t.Errorf("%d addresses in the text, want the link only", n)
			}
			text, links, elements := read(t, m.HTML)
			if diff := cmp.Diff(want, links); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
			for _, never := range []string{"img", "script", "form", "input", "link", "iframe"} {
				if elements[never] > 0 {
					t.Errorf("the HTML has <%s>", never)
				}
			}
			greeting := "Hola, Rosa:"
			if kind == credential.MailAddressLink {
				greeting = "Hola:" // to an address that nobody has confirmed
			}
			for _, body := range []string{m.Text, text} {
				for _, want := range []string{greeting, "Institución Ñandú", "1 de marzo de 2026, 12:30", "teléfono 140", "clave.institucion.test/"} {
					if !strings.Contains(body, want) {
						t.Errorf("%q is missing:\n%s", want, body)
					}
				}
				for _, never := range []string{"[[", "{", "quishpe", "Demostración"} {
					if strings.Contains(body, never) {
						t.Errorf("%q is in the mail:\n%s", never, body)
					}
				}
			}
			if m.ID != o.ID.String() || m.Reference != "AB23-CD45" || m.To != o.To {
				t.Errorf("message is for %q, id %q, reference %q", m.To.Reveal(), m.ID, m.Reference)
			}
			o.Tries++
			if again := mustRender(t, r, o); !cmp.Equal(m, again, cmp.Comparer(func(a, b credential.Email) bool { return a == b })) {
				t.Error("a retry is another message")
			}
			s := newSenderTo(t, "relay.test:25")
			if _, err := s.compose(o.To.Reveal(), m); err != nil {
				t.Errorf("it cannot be sent: %v", err)
			}
		})
	}
}

// newSenderTo returns a sender that never connects.
func newSenderTo(tb testing.TB, addr string) *SMTP {
	tb.Helper()
	s, err := NewSMTP(SMTPConfig{Addr: addr, From: "clave@institucion.test"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestRenderComplaint: number, code and last day stand in both mails, a link in one
// alone, and the address may be anybody's, so that nobody is called by a name.
func TestRenderComplaint(t *testing.T) {
	r := newRenderer(t, nil)
	for kind, links := range map[credential.MailKind]int{credential.MailComplaint: 1, credential.MailComplaintTaken: 0} {
		o := anOutgoing(t, kind, 7)
		m := mustRender(t, r, o)
		text, anchors, _ := read(t, m.HTML)
		for _, body := range []string{m.Text, text} {
			for _, want := range []string{"Hola:", "Número: Q-AB23-CD45", "Código de seguimiento: ABCDE-FGHJ-KLMN", "16 de marzo de 2026", "clave.institucion.test/quejas"} {
				if !strings.Contains(body, want) {
					t.Errorf("%s: %q is missing:\n%s", kind, want, body)
				}
			}
			if strings.Contains(body, "Código: ") {
				t.Errorf("%s: the code looks like an activation's:\n%s", kind, body)
			}
		}
		link := "https://clave.institucion.test/quejas/confirmar/" + o.Complaint.Token()
		if len(anchors) != links || strings.Count(m.Text, "://") != links || links == 1 && (anchors[0].Href != link || !slices.Contains(lines(m.Text), link)) {
			t.Errorf("%s: links %v in\n%s", kind, anchors, m.Text)
		}
		o.Facts.LastDay = time.Time{}
		if _, err := r.Render(o); err == nil {
			t.Errorf("%s: rendered without its last day", kind)
		}
	}
}

func TestRenderAddressChange(t *testing.T) {
	m := mustRender(t, newRenderer(t, nil), anOutgoing(t, credential.MailAddressChange, 1))
	text, _, _ := read(t, m.HTML)
	for _, body := range []string{m.Text, text} {
		for _, want := range []string{"l•••••@gmail.com", "2 de marzo de 2026, 12:30", "un teléfono o tableta Android"} {
			if !strings.Contains(body, want) {
				t.Errorf("%q is missing:\n%s", want, body)
			}
		}
	}
}

func TestRenderDevices(t *testing.T) {
	r := newRenderer(t, nil)
	seen := map[string]string{}
	for _, key := range []string{"android", "iphone", "ipad", "windows", "mac", "linux", "chromebook", "unknown"} {
		o := anOutgoing(t, credential.MailClaveSet, 1)
		o.Facts.Browser = key
		line := regexp.MustCompile(`(?m)^Desde: .+$`).FindString(mustRender(t, r, o).Text)
		if line == "" || seen[line] != "" {
			t.Errorf("%s is %q, as is %q", key, line, seen[line])
		}
		seen[line] = key
	}
	for _, key := range []string{"", "amiga", "../mail"} {
		o := anOutgoing(t, credential.MailClaveSet, 1)
		o.Facts.Browser = key
		if text := mustRender(t, r, o).Text; !strings.Contains(text, "un equipo que no pudimos reconocer") {
			t.Errorf("device %q:\n%s", key, text)
		}
	}
}

func TestRenderLife(t *testing.T) {
	r := newRenderer(t, nil)
	for life, want := range map[time.Duration]string{
		time.Minute: "vale 1 minuto desde", 3 * time.Minute: "vale 3 minutos desde", 90 * time.Second: "vale 90 segundos desde", 24 * time.Hour: "vale 24 horas desde",
	} {
		o := anOutgoing(t, credential.MailActivation, 1)
		o.Life = life
		if text := mustRender(t, r, o).Text; !strings.Contains(text, want) {
			t.Errorf("%v: no %q in\n%s", life, want, text)
		}
	}
}

func TestRenderLinkIsOfThePublicAddress(t *testing.T) {
	for public, want := range map[string]string{
		"http://127.0.0.1:8080":     "http://127.0.0.1:8080/clave/enlace/",
		"http://127.0.0.1:8080/":    "http://127.0.0.1:8080/clave/enlace/",
		"https://portal.test/ceap":  "https://portal.test/ceap/clave/enlace/",
		"https://portal.test/ceap/": "https://portal.test/ceap/clave/enlace/",
	} {
		r := newRenderer(t, func(c *Config) {
			var err error
			if c.PublicURL, err = url.Parse(public); err != nil {
				t.Fatal(err)
			}
		})
		o := anOutgoing(t, credential.MailActivation, 1)
		if m := mustRender(t, r, o); !slices.Contains(lines(m.Text), want+o.Link.Token()) {
			t.Errorf("%s: no link in\n%s", public, m.Text)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	r := newRenderer(t, nil)
	for name, tt := range map[string]struct {
		kind   credential.MailKind
		change func(*credential.Outgoing)
	}{
		"unknown kind":   {"nothing we know", func(*credential.Outgoing) {}},
		"no id":          {credential.MailClaveSet, func(o *credential.Outgoing) { o.ID = credential.ID{} }},
		"no link":        {credential.MailActivation, func(o *credential.Outgoing) { o.Link = credential.Link{} }},
		"no code":        {credential.MailActivation, func(o *credential.Outgoing) { o.Code = "" }},
		"no unlock link": {credential.MailUnlock, func(o *credential.Outgoing) { o.Link = credential.Link{} }},
		"no unlock life": {credential.MailUnlock, func(o *credential.Outgoing) { o.Life = 0 }},
		"no life":        {credential.MailActivation, func(o *credential.Outgoing) { o.Life = 0 }},
		"no objection":   {credential.MailClaveRecovered, func(o *credential.Outgoing) { o.Objection = credential.Objection{} }},
		"no new address": {credential.MailAddressChange, func(o *credential.Outgoing) { o.Facts.NewMask = "" }},
		"no new one":     {credential.MailRegisterChange, func(o *credential.Outgoing) { o.Facts.NewMask = "" }},
		"no hold":        {credential.MailAddressChange, func(o *credential.Outgoing) { o.Facts.HoldUntil = time.Time{} }},
	} {
		o := anOutgoing(t, tt.kind, 1)
		tt.change(&o)
		_, err := r.Render(o)
		if err == nil {
			t.Errorf("%s: rendered", name)
			continue
		}
		for _, secret := range []string{"Rosa", "quishpe", "012345", "AB23"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error says %q: %v", name, secret, err)
			}
		}
	}
}

func TestNewRendererRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no voice":   func(c *Config) { c.Voices = nil },
		"no words":   func(c *Config) { c.Voices[0].Words = nil },
		"no address": func(c *Config) { c.PublicURL = nil },
		"no host":    func(c *Config) { c.PublicURL = &url.URL{Scheme: "https"} },
		"script":     func(c *Config) { c.PublicURL = &url.URL{Scheme: "javascript", Host: "a.test"} },
		"query":      func(c *Config) { c.PublicURL = &url.URL{Scheme: "https", Host: "a.test", RawQuery: "a=b"} },
		"password": func(c *Config) {
			c.PublicURL = &url.URL{Scheme: "https", Host: "a.test", User: url.UserPassword("a", "b")}
		},
		"no institution": func(c *Config) { c.Voices[0].Institution = " \n" },
	} {
		c := Config{PublicURL: &url.URL{Scheme: "https", Host: "a.test"}, Voices: []Voice{{Words: words.Spanish(), Institution: "Institución"}}}
		change(&c)
		if _, err := NewRenderer(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestRenderWhereNobodySpeaks holds that a mail whose language this program has no
// words for is written in the first.
func TestRenderWhereNobodySpeaks(t *testing.T) {
	r := newRenderer(t, nil)
	plain := anOutgoing(t, credential.MailClaveSet, 1)
	foreign := plain
	foreign.Facts.Language = "tlh"
	if got, want := mustRender(t, r, foreign), mustRender(t, r, plain); got.Text != want.Text || got.HTML != want.HTML {
		t.Errorf("got %q", got.Subject)
	}
}

// FuzzRenderName holds that a name, a mask and a reference of the register are
// read as text and change nothing else of the mail.
func FuzzRenderName(f *testing.F) {
	for _, s := range []string{
		"Rosa", `<b>"O'Hara" & Hijos</b>`, "Rosa\nCódigo: 999999", "\u202easoR", "{when}", "[[x]]", "{{.Link}}",
		"</title><script>alert(1)</script>", "\xff\x00", "Rosa\u2028https://mal.test", strings.Repeat("ñ", 1000),
	} {
		f.Add(s)
	}
	r := newRenderer(f, nil)
	type shape struct {
		Lines    int
		Links    []anchor
		Elements map[string]int
	}
	shapeOf := func(tb testing.TB, m Message) shape {
		_, links, elements := read(tb, m.HTML)
		return shape{len(lines(m.Text)), links, elements}
	}
	f.Fuzz(func(t *testing.T, name string) {
		shown := oneLine(name, maxName)
		for _, kind := range []credential.MailKind{credential.MailActivation, credential.MailAddressChange} {
			o := anOutgoing(t, kind, 1)
			want := shapeOf(t, mustRender(t, r, o))
			o.Facts.GivenName = name
			if kind == credential.MailAddressChange {
				o.Facts.NewMask = "x" + name
			}
			m := mustRender(t, r, o)
			if diff := cmp.Diff(want, shapeOf(t, m)); diff != "" {
				t.Fatalf("name %q changes the mail (-want +got):\n%s", name, diff)
			}
			greeting := "Hola, " + shown + ":"
			if shown == "" {
				greeting = "Hola:"
			}
			text, _, _ := read(t, m.HTML)
			if !slices.Contains(lines(m.Text), greeting) || !strings.Contains(text, greeting) {
				t.Errorf("%q greets otherwise than %q", name, greeting)
			}
		}
	})
}
