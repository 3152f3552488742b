package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
)

// section is a part of a page of text.
type section struct {
	ID    string // its anchor
	Title string
	Texts []string
	Facts []fact
	Links []choice
	Call  choice // a number that a telephone dials, with what the link to it says; empty for none
}

// fact is a name and what is known of it.
type fact struct{ Name, Text string }

// topic is a question that people ask. Its texts are words below "help.KEY."; what ends
// in "_" stands there once for each way of the policy ([helpWay]).
type topic struct {
	group string // of helpGroupKeys
	id    string // its anchor on the page
	key   string
	texts []string
	links []string // paths; what they say is words "help.link.KEY" (linkKeys)
}

// helpTopics are the questions of the help page, in its order.
var helpTopics = []topic{
	{"start", "que-tramite", "which", []string{"first", "change", "unlock", "free"}, []string{PathStart, pathChange, pathUnlock, pathSheets}},
	{"start", "que-necesito", "needs", []string{"document", "generate_", "recover_", "mail"}, nil},
	{"start", "clave-segura", "good", []string{"length", "free", "phrase"}, nil},
	{"going", "no-coincide", "mismatch", []string{"case", "generate_", "recover_", "counter"}, nil},
	{"going", "olvide", "forgot", []string{"what_", "counter"}, nil},
	{"going", "no-llega", "missing", []string{"look", "again", "code"}, nil},
	{"going", "enlace", "broken", []string{"life", "other", "used"}, nil},
	{"going", "robot", "captcha", []string{"text"}, nil},
	{"going", "bloqueada", "locked", []string{"alone", "web", "other"}, nil},
	{"other", "sin-correo", "no_mail", []string{"new", "family", "counter"}, nil},
	{"other", "correo-anterior", "old_mail", []string{"typed_", "fixed"}, nil},
	{"other", "exterior", "abroad", []string{"online", "hours", "call"}, nil},
	{"other", "sin-cedula", "no_cedula", []string{"number", "foreign", "none"}, nil},
	{"other", "con-ayuda", "helper", []string{"own", "time", "secret", "end", "visit"}, nil},
	{"other", "video", "video", []string{"ask", "never"}, nil},
	{"safe", "nuestros-correos", "mails", []string{"host", "subject", "never", "doubt"}, nil},
	{"safe", "enganos", "fraud", []string{"code", "not_me"}, []string{pathComplaints}},
	{"safe", "mis-datos", "data", []string{"what", "yours"}, []string{pathPrivacy, pathCookies, pathRights}},
}

// helpGroupKeys are the parts of the help page, in its order; their headings are words
// "help.group.KEY".
var helpGroupKeys = []string{"start", "going", "other", "safe"}

// helpWay is by what the running policy proves people, as the help tells it apart.
func helpWay(p credential.Policy) string {
	switch {
	case p.ActivationCode:
		return wayMail
	case p.BirthYear:
		return wayDate
	}
	return wayQuestions
}

// helpGroup is some topics under a heading.
type helpGroup struct {
	Title  string
	Topics []section
}

// helpView is the help page: contact, offices, and the questions people ask.
type helpView struct {
	base
	Cities []cityView
	Groups []helpGroup
}

func (s *Server) help(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "help", helpView{s.public(r, s.Words.Text("help.title"), s.Words.Text("help.lead")), s.cities(), s.helpGroups(s.Service.Policy())})
	return nil
}

func (s *Server) helpGroups(p credential.Policy) []helpGroup {
	var groups []helpGroup
	for _, key := range helpGroupKeys {
		g := helpGroup{Title: s.Words.Text("help.group." + key)}
		for _, t := range helpTopics {
			if t.group == key {
				g.Topics = append(g.Topics, s.topic(t, p))
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// topic is a question with its answer, true for a policy.
func (s *Server) topic(t topic, p credential.Policy) section {
	prefix, values := "help."+t.key+".", s.values(p)
	answer := section{ID: t.id, Title: s.Words.Text(prefix + "title")}
	for _, text := range t.texts {
		if text[len(text)-1] == '_' {
			text += helpWay(p)
		}
		answer.Texts = append(answer.Texts, s.Words.Text(prefix+text, values...))
	}
	if t.key == "abroad" && s.Institution.Phone != "" {
		answer.Call = choice{Value: s.Institution.Phone, Label: s.Words.Text("help.link.phone", "phone", dialled(s.Institution.Phone))}
	}
	for _, to := range t.links {
		answer.Links = append(answer.Links, choice{Value: to, Label: s.Words.Text("help.link." + linkKeys[to])})
	}
	return answer
}

// dialled writes a number of the Ecuador as it is dialled from abroad, in the groups in
// which people read it; another country's stays as it is.
func dialled(phone string) string {
	const code = "+593"
	own, ours := strings.CutPrefix(phone, code)
	if n := len(own); ours && n > 7 {
		return strings.Join([]string{code, own[:n-7], own[n-7 : n-4], own[n-4:]}, "\u00a0")
	}
	return phone
}

// linkKeys are the keys of the links that answers end in, by their paths.
var linkKeys = map[string]string{
	PathStart: "start", pathChange: "change", pathUnlock: "unlock", pathSheets: "sheets", pathComplaints: "complaints",
	pathPrivacy: "privacy", pathCookies: "cookies", pathRights: "rights", pathHelp: "help",
}

// values are what texts about the running program may name: what the policy decides,
// what the program promises, and who runs it.
func (s *Server) values(p credential.Policy) []any {
	const day = 24 * time.Hour
	kept := p.Kept()
	values := []any{
		"host", s.PublicURL.Host, "phone", dialled(s.Institution.Phone), "hours", s.Institution.Hours,
		"password_max", numberText(p.PasswordMax), "freeze_link_life", s.lasting(p.FreezeLinkLife),
		"letter_most", s.Words.Number(credential.MaxLetter), "request_time", s.lasting(credential.RequestDays * day),
		"answer_time", s.lasting(time.Duration(s.Service.AnswerDays()) * day), "confirm_life", s.lasting(credential.ComplaintConfirmLife),
		"complaints_kept", s.lasting(kept.Complaints), "unconfirmed_kept", s.lasting(kept.Unconfirmed),
	}
	for _, mark := range institution.Marks() {
		values = append(values, mark, s.decided(p, mark))
	}
	return values
}

// cityView is the offices of one city, for the help page.
type cityView struct {
	Name    string
	Offices []institution.Office
}

// cities gives the offices by city, in the order in which the institution names them.
func (s *Server) cities() []cityView {
	var list []cityView
	for _, o := range s.Institution.Offices {
		at := slices.IndexFunc(list, func(c cityView) bool { return c.Name == o.City })
		if at < 0 {
			at, list = len(list), append(list, cityView{Name: o.City})
		}
		list[at].Offices = append(list[at].Offices, o)
	}
	return list
}

// textView is a page of text: what is kept, what was tested.
type textView struct {
	base
	Lead     string
	Sections []section
}

// The pages of text.
const (
	pathPrivacy       = "/privacidad"
	pathAccessibility = "/accesibilidad"
	pathCookies       = "/cookies"
)

// text is a page of text with its sections, each of which has words below
// "KEY.SECTION.".
func (s *Server) text(r *http.Request, key string, sections []section) textView {
	lead := s.Words.Text(key + ".lead")
	return textView{base: s.public(r, s.Words.Text(key+".title"), lead), Lead: lead, Sections: sections}
}

// part is a section of such a page; its texts are words below "PAGE.NAME.", which may
// name what the running program decides.
func (s *Server) part(page, name string, texts ...string) section {
	prefix, values := page+"."+name+".", s.values(s.Service.Policy())
	p := section{ID: name, Title: s.Words.Text(prefix + "title")}
	for _, text := range texts {
		p.Texts = append(p.Texts, s.Words.Text(prefix+text, values...))
	}
	return p
}

func (s *Server) privacy(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "text", s.privacyView(r, s.Service.Policy().Kept()))
	return nil
}

// privacyView tells what is kept of people, why and for how long, from the numbers by
// which the program deletes it.
func (s *Server) privacyView(r *http.Request, kept credential.Kept) textView {
	who, of := s.part("privacy", "who"), s.Institution.Privacy
	who.Texts = []string{s.Words.Text("privacy.who.text", "name", of.Controller), s.Words.Text("privacy.who.law")}
	who.Facts = []fact{{s.Words.Text("privacy.who.address"), of.Address}, {s.Words.Text("privacy.who.basis"), strings.Join(of.Basis, " ")}}
	if of.Delegate != "" {
		who.Facts = append(who.Facts, fact{s.Words.Text("privacy.who.delegate"), of.Delegate})
		who.Links = append(who.Links, choice{Value: "mailto:" + of.Delegate, Label: s.Words.Text("privacy.who.write")})
	}
	if of.Policy != "" {
		who.Links = append(who.Links, choice{Value: of.Policy, Label: s.Words.Text("privacy.who.policy")})
	}
	what := s.part("privacy", "what", "text")
	for _, one := range []struct {
		key  string
		args []any
	}{
		{"register", nil},
		{"account", nil},
		{"procedures", []any{"for", s.lasting(kept.Procedures)}},
		{"counters", []any{"for", s.lasting(kept.Counters)}},
		{"marks", []any{"for", s.lasting(kept.Marks)}},
		{"mails", []any{"for", s.lasting(kept.Mails)}},
		{"sessions", []any{"for", s.lasting(kept.SessionsAtMost)}},
		{"devices", []any{"for", s.lasting(kept.Devices)}},
		{"requests", []any{"for", s.lasting(kept.Requests)}},
		{"complaints", []any{"for", s.lasting(kept.Complaints), "open", s.lasting(kept.Unconfirmed)}},
		{"history", nil},
		{"figures", nil},
	} {
		what.Facts = append(what.Facts, fact{s.Words.Text("privacy.kept." + one.key + ".what"), s.Words.Text("privacy.kept."+one.key+".text", one.args...)})
	}
	rights := s.part("privacy", "rights", "text", "how", "term", "authority")
	rights.Links = []choice{{Value: pathRights, Label: s.Words.Text("help.link.rights")}}
	cookies := s.part("privacy", "cookies", "text")
	cookies.Links = []choice{{Value: pathCookies, Label: s.Words.Text("help.link.cookies")}}
	return s.text(r, "privacy", []section{
		who, what, s.part("privacy", "care", "sealed", "clave", "log", "place"),
		s.part("privacy", "shared", "nobody", "mail", "services"), rights, cookies,
	})
}

func (s *Server) accessibility(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "text", s.accessibilityView(r))
	return nil
}

func (s *Server) accessibilityView(r *http.Request) textView {
	tell := s.part("accessibility", "tell", "text")
	tell.Links = []choice{{Value: pathComplaints, Label: s.Words.Text("help.link.complaints")}, {Value: pathHelp, Label: s.Words.Text("help.link.help")}}
	sections := []section{
		s.part("accessibility", "done", "script", "keyboard", "narrow", "time", "forms", "colours"),
		s.part("accessibility", "tested", "axe", "journey", "width", "paper"),
		s.part("accessibility", "limits", "people", "captcha", "pdf", "sheets"),
	}
	if of := s.Institution.Accessibility; !of.Date.IsZero() {
		own := s.part("accessibility", "own")
		own.Texts = of.Texts
		own.Facts = []fact{{s.Words.Text("accessibility.own.date"), s.Words.Date(of.Date)}, {s.Words.Text("accessibility.own.assessed_by"), of.AssessedBy}}
		if of.Contact != "" {
			own.Facts = append(own.Facts, fact{s.Words.Text("accessibility.own.contact"), of.Contact})
			own.Links = []choice{{Value: "mailto:" + of.Contact, Label: s.Words.Text("accessibility.own.write")}}
		}
		sections = append(sections, own)
	}
	return s.text(r, "accessibility", append(sections, tell))
}

func (s *Server) cookies(w http.ResponseWriter, r *http.Request) error {
	s.render(w, r, http.StatusOK, "text", s.cookiesView(r, s.Service.Policy()))
	return nil
}

// cookiesView names every cookie that the program sets, by the name that a browser
// shows.
func (s *Server) cookiesView(r *http.Request, p credential.Policy) textView {
	all := s.part("cookies", "all", "text")
	for _, c := range []struct {
		name string
		life string
	}{
		{cookieProcedure, s.Words.Text("cookies.until_closed")},
		{cookieSession, s.Words.Text("cookies.until_closed")},
		{cookieDevice, s.lasting(p.DeviceLife)},
		{cookieLink, s.lasting(linkCookieLife)},
		{cookieNumber, s.lasting(credential.SealedNumberLife)},
		{cookieComplaint, s.lasting(complaintCookieLife)},
		{cookieLanguage, s.lasting(languageLife)},
	} {
		all.Facts = append(all.Facts, fact{s.cookieName(c.name), s.Words.Text("cookies.for."+c.name, "life", c.life)})
	}
	sections := []section{all, s.part("cookies", "none", "text", "storage"), s.part("cookies", "refuse", "text")}
	if len(s.Institution.Cookies) > 0 {
		own := s.part("cookies", "own")
		own.Texts = s.Institution.Cookies
		sections = append(sections, own)
	}
	return s.text(r, "cookies", sections)
}
