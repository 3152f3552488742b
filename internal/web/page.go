package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
)

//go:embed base.html partials/*.html pages/*.html
var templateFiles embed.FS

// page is a template of the one set that all pages are in.
type page struct{ tmpl *template.Template }

// loadPages parses every page at start; a missing key is an error then and
// while rendering. The partials stand once in the set, and what differs by page
// carries the page's name: a set for each page would hold them all again, which
// the collector looks through each time that argon2id makes it run.
func (s *Server) loadPages() (map[string]*page, error) {
	names, err := fs.Glob(templateFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	set := template.New("").Option("missingkey=error").Funcs(template.FuncMap{"asset": s.assets.url, "dict": dict, "atSign": atSign})
	set, err = set.ParseFS(templateFiles, "partials/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the partials: %w", err)
	}
	frame, err := templateFiles.ReadFile("base.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*page{}
	for _, file := range names {
		text, err := templateFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(path.Base(file), ".html")
		own := strings.NewReplacer(`"main"`, `"main of `+name+`"`, `"scripts"`, `"scripts of `+name+`"`)
		tmpl, err := set.New("frame of " + name).Parse(own.Replace(string(frame)))
		if err == nil {
			_, err = set.New(file).Parse(own.Replace(string(text)))
		}
		if err != nil {
			return nil, fmt.Errorf("parsing %s: %w", file, err)
		}
		pages[name] = &page{tmpl}
	}
	return pages, nil
}

// dict makes the arguments of a partial from pairs of name and value.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: odd number of arguments")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: name %v is not a text", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// atSign cuts a text after each @, where a line may best end within an address.
func atSign(text string) []string { return strings.SplitAfter(text, "@") }

// handler is a page's code: it answers, or returns why it does not.
type handler func(w http.ResponseWriter, r *http.Request) error

// page adapts a handler: it is the one place where an error becomes a status, a
// page and a word in the log line.
func (s *Server) page(pattern string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteRoute(r, pattern)
		err := h(w, r)
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// httpError is a refusal that only HTTP knows.
type httpError struct {
	status int
	rule   string
}

func (e *httpError) Error() string { return fmt.Sprintf("%d %s", e.status, e.rule) }

// fail answers with the page of an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	_, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	httpFault, isHTTP := errors.AsType[*httpError](err)
	refusal, isRefusal := errors.AsType[*credential.Error](err)
	switch {
	case isTooLarge:
		s.message(w, r, http.StatusRequestEntityTooLarge, "too_large")
	case isHTTP:
		s.message(w, r, httpFault.status, httpFault.rule)
	case isNoSession(err):
		s.toLogIn(w, r)
	case isRefusal && refusal.Kind == credential.Conflict && refusal.Rule == "step":
		s.toStanding(w, r)
	case isRefusal:
		noteRefusal(r, refusal)
		setRetryAfter(w, refusal)
		s.refusalPage(w, r, refusal)
	case errors.Is(err, context.Canceled):
		// The client has gone: nobody reads the answer, and nothing is wrong here.
		eventOf(r).refusal = "gone"
		s.message(w, r, http.StatusServiceUnavailable, "fault")
	default:
		noteError(r, err)
		s.message(w, r, http.StatusInternalServerError, "fault")
	}
}

// statusOf is the status of a refusal.
func statusOf(refusal *credential.Error) int {
	if refusal.Rule == "level" {
		return http.StatusForbidden
	}
	switch refusal.Kind {
	case credential.Invalid, credential.Denied:
		return http.StatusUnprocessableEntity
	case credential.NotFound:
		return http.StatusNotFound
	case credential.Conflict:
		return http.StatusConflict
	case credential.Expired:
		return http.StatusGone
	case credential.TooMany:
		return http.StatusTooManyRequests
	case credential.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// setRetryAfter tells when to come back, in whole seconds, never zero.
func setRetryAfter(w http.ResponseWriter, refusal *credential.Error) {
	if refusal.Kind != credential.TooMany && refusal.Kind != credential.Unavailable {
		return
	}
	seconds := max(1, int(math.Ceil(refusal.RetryAfter.Seconds())))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
}

// messageView is a page that only says something.
type messageView struct {
	base
	Key    string   // words "message.<key>.title", ".text", and the button ".action"
	Action string   // where the button leads; empty for none
	Ways   bool     // the other ways on are named
	Resend string   // procedure id for «Enviar de nuevo»; empty for none
	Inside bool     // it says what a session did, and «Salir» stands on it
	Else   []choice // what somebody may have looked for who came to a page that is none
}

// message shows the page of words "message.<key>" with a way on.
func (s *Server) message(w http.ResponseWriter, r *http.Request, status int, key string) {
	v := messageView{
		base: s.base(r, s.Words.Text("message."+key+".title")), Key: key,
		Action: s.actionOf(key), Ways: !s.staff && namesWays(key), Inside: key == "changed_inside" || key == "changed_kept" || key == "address_cancelled",
	}
	if key == "not_found" && !s.staff {
		v.Else = s.elsewhere()
	}
	s.render(w, r, status, "message", v)
}

// elsewhere is what people look for most: the search, and the procedures of the program.
func (s *Server) elsewhere() []choice {
	list := []choice{{Value: pathSearch, Label: s.Words.Text("search.label")}}
	for _, to := range []string{PathStart, pathChange, pathUnlock} {
		list = append(list, choice{Value: to, Label: s.Words.Text("help.link." + linkKeys[to])})
	}
	return list
}

// said is a page of its own for what a form did, so that loading it again does
// nothing again.
func (s *Server) said(key string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		s.message(w, r, http.StatusOK, key)
		return nil
	}
}

// namesWays reports whether a message is about something that somebody wanted to
// do and cannot do now, so that its page names the other ways.
func namesWays(key string) bool {
	switch key {
	case "expired", "expired_no_procedure", "not_found_procedure", "fault":
		return true
	}
	for _, kind := range []credential.Kind{credential.Denied, credential.TooMany, credential.Unavailable} {
		if key == string(kind) || strings.HasPrefix(key, string(kind)+"_") {
			return true
		}
	}
	return false
}

// actionOf says where the one button of a message leads.
func (s *Server) actionOf(key string) string {
	if !s.Words.Has("message." + key + ".action") {
		return ""
	}
	if s.staff {
		return "/"
	}
	switch key {
	case "not_found", "not_found_link", "method", "forbidden", "too_large", "unreadable", "ended", "web_closed", "expired_finished", "expired_replaced", "logged_out":
		return "/"
	case "changed", "changed_first", "unlocked",
		"expired_address_finished", "expired_address_replaced", "expired_address_over":
		return pathLogIn
	case "changed_inside", "changed_kept", "address_cancelled", "address_confirmed", "conflict_other_change", "denied_level",
		"questions_renewed", "not_found_own_questions":
		return pathAccount
	case "too_large_complaint", "not_found_complaint", "expired_complaint_over":
		return pathComplaints
	case "not_found_complaint_shown":
		return pathComplaintFollow
	case "expired_unlock_over":
		return pathUnlock
	case "denied_proof", "not_found_objection", "expired_objected", "expired_objection":
		return pathHelp
	case "invalid", "not_found_link_mine", "conflict", "conflict_other_procedure", "expired_no_link", "fault":
		return pathProve // leads to where the browser's procedure stands, or to the start
	}
	if strings.HasPrefix(key, "too_many") || strings.HasPrefix(key, "unavailable") {
		return pathProve
	}
	return PathStart
}

// refusalPage shows a refusal that has no form of its own to stand in.
func (s *Server) refusalPage(w http.ResponseWriter, r *http.Request, refusal *credential.Error) {
	key := string(refusal.Kind)
	if s.Words.Has("message." + key + "_" + refusal.Rule + ".title") {
		key += "_" + refusal.Rule
	}
	if _, ok := s.claim(r); ok && key == "not_found_link" {
		key = "not_found_link_mine" // there is a procedure to go back to
	}
	s.message(w, r, statusOf(refusal), key)
}

// toStanding leads to where the browser's procedure stands.
func (s *Server) toStanding(w http.ResponseWriter, r *http.Request) {
	claim, ok := s.claim(r)
	if !ok {
		redirect(w, PathStart)
		return
	}
	err := s.toStandingOf(w, r, claim)
	if err != nil {
		s.fail(w, r, err)
	}
}

// toStandingOf leads to where a claimed procedure stands.
func (s *Server) toStandingOf(w http.ResponseWriter, r *http.Request, claim credential.Claim) error {
	v, err := s.Service.Look(r.Context(), claim)
	if err != nil {
		return err
	}
	redirect(w, pathOf(v.Step))
	return nil
}

// pathOf is the page of a step.
func pathOf(step credential.Step) string {
	switch step {
	case credential.StepProve:
		return pathProve
	case credential.StepProveReview:
		return pathProveReview
	case credential.StepQuestions:
		return pathQuestions
	case credential.StepContact:
		return pathContact
	case credential.StepContactReview:
		return pathContactReview
	case credential.StepSent:
		return pathWaiting
	case credential.StepOwnQuestion:
		return pathOwnQuestion
	case credential.StepClave:
		return pathClave
	case credential.StepDone:
		return pathDone
	}
	return PathStart
}

// redirect answers 303 to a path of ours. It is relative on purpose: no header
// of the request has a part in it.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// base is what every page has.
type base struct {
	Title       string
	Problems    problems // of a refused form
	Institution institution.Institution
	Staff       bool // the staff listener: none of the citizens' links
	Demo        bool
	Mailbox     bool   // the demo keeps the mails itself
	Clock       string // how far the demo's clock was moved, as a sentence; empty for not at all
	Session     bool   // the browser brings a session, maybe an ended one: the menu leads to the account
	Path        string
	Position    int // step of the journey; 0 outside it
	Of          int
	Procedure   string // id, in every form of the journey
	Now         string // RFC 3339, for the warning before the end
	Deadline    string // RFC 3339; empty for none
	DeadlineAt  string // in words
	CanExtend   bool
	Extended    bool         // more time was asked for just now
	Public      *publicView  // nil where the page is for who asked for it alone
	Answer      bool         // to a form, and not to be had by asking for its address
	Languages   []translated // this page in the other languages that there are
	Blank       bool         // a form that nobody has begun: nothing on it is of anybody
	server      *Server
}

func (s *Server) base(r *http.Request, title string) base {
	return base{
		Title: title, Institution: s.Institution, Staff: s.staff, Path: r.URL.Path, server: s,
		Demo: s.Demo != nil, Mailbox: s.Demo != nil && s.Demo.Mails != nil, Clock: s.clockMoved(),
		Session: s.cookie(r, cookieSession) != "", Languages: s.otherLanguages(r), Answer: r.Method == http.MethodPost,
	}
}

// with is the base of a form with what is wrong with it.
func (b base) with(p problems) base {
	b.Problems = p
	return b
}

// Problem reports whether the title says that something is wrong.
func (b base) Problem() bool { return len(b.Problems) > 0 }

// within is base for a page of the journey.
func (s *Server) within(r *http.Request, v credential.Progress, title string) base {
	b := s.base(r, title)
	policy := s.Service.Policy()
	b.Position, b.Of = policy.Position(v)
	b.Procedure = v.ID.String()
	b.Now = v.Now.Format(time.RFC3339)
	if v.CanExtend {
		b.Deadline = v.ExpiresAt.Format(time.RFC3339)
		b.DeadlineAt = s.Words.Clock(v.ExpiresAt)
		b.CanExtend = true
		b.Extended = r.URL.Path == pathMoreTime
	}
	return b
}

// T gives a sentence of the page's language.
func (b base) T(key string, args ...any) string { return b.server.Words.Text(key, args...) }

// Filled gives a sentence that may name, besides its own arguments, what the running
// program decides (values).
func (b base) Filled(key string, args ...any) string {
	return b.server.Words.Text(key, append(args, b.server.values(b.server.Service.Policy())...)...)
}

// Tag is the language of the page, as it declares it.
func (b base) Tag() string { return b.server.Words.Tag() }

// Moment writes an instant given in RFC 3339 in words; what is none stays as it is.
func (b base) Moment(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return b.server.Words.DateTime(at)
}

// Has reports whether there is a sentence for the key.
func (b base) Has(key string) bool { return b.server.Words.Has(key) }

// anyones reports whether the page says the same to whoever asks: no secret and
// nothing of a person stands on it, so that its length tells nothing and it may be
// compressed. See docs/decisions/0023.
func (b base) anyones() bool { return b.Public != nil || b.Blank }

// render executes the page whole, then writes headers, status and body. It is
// the only place that writes HTML.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name string, view any) {
	s.varies(w)
	var body bytes.Buffer
	p, ok := s.pages[name]
	err := errors.New("no such page")
	if ok {
		err = p.tmpl.Execute(&body, view)
	}
	if err != nil {
		noteError(r, fmt.Errorf("rendering %s: %w", name, err))
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString(s.Words.Text("message.fault.title"))
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	content := body.Bytes()
	if page, ok := view.(interface{ anyones() bool }); ok && page.anyones() && status == http.StatusOK {
		w.Header().Add("Vary", "Accept-Encoding")
		if takesGzip(r) {
			if small := compressed(content); small != nil {
				w.Header().Set("Content-Encoding", "gzip")
				content = small
			}
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // the client may be gone; there is nobody to tell
	}
}

// form reads a posted form within its bounds. What does not read as text is 400.
func form(r *http.Request) error {
	err := r.ParseForm()
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	if err != nil {
		return &httpError{http.StatusBadRequest, "unreadable"}
	}
	for name, values := range r.PostForm {
		for _, text := range append(values, name) {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return &httpError{http.StatusBadRequest, "unreadable"}
			}
		}
	}
	return nil
}

// noSuchPage is every path that is none of ours.
func (s *Server) noSuchPage(http.ResponseWriter, *http.Request) error {
	return &httpError{http.StatusNotFound, "not_found"}
}

// crossSite answers a form that another site sent.
func (s *Server) crossSite(http.ResponseWriter, *http.Request) error {
	return &httpError{http.StatusForbidden, "forbidden"}
}
