package site

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/mail"
	"aldaba/internal/mailbox"
	"aldaba/internal/sqlstore/pgtest"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// engines runs a test on both databases, under the default policy. What a policy
// has a part in goes through [presets].
func engines(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Parallel()
	onEngines(t, f)
}

// onEngines is engines within a test that is parallel already.
func onEngines(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(t, filepath.Join(t.TempDir(), "aldaba.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); f(t, pgtest.Start(t)) })
}

// testClock is a clock that stands still until a test moves it.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is the whole program in a test: real handler, real database, real SMTP
// conversation, cheap but real argon2id.
type world struct {
	t       testing.TB
	site    *Site
	handler http.Handler
	clock   *testClock
	box     *mailbox.Mailbox
	people  map[string]web.DemoPerson // by case
	stop    func()
	halt    func()
	idle    bool // its tasks do not run
}

// option changes how a world is made.
type option func(*Config, *worldConfig)

type worldConfig struct {
	preset string
	set    map[string]string
	then   map[string]string // from after the seeding on
	people int
	refuse func(to string) error
	idle   bool
	start  time.Time // of the clock
}

// under chooses the policy's preset.
func under(preset string) option { return func(_ *Config, w *worldConfig) { w.preset = preset } }

// with overrides values of the policy.
func with(pairs ...string) option {
	return func(_ *Config, w *worldConfig) {
		for i := 0; i < len(pairs); i += 2 {
			w.set[pairs[i]] = pairs[i+1]
		}
	}
}

// once overrides values of the policy from after the seeding on: what the seeded
// people know is hashed at the cheap cost all the same.
func once(pairs ...string) option {
	return func(_ *Config, w *worldConfig) {
		for i := 0; i < len(pairs); i += 2 {
			w.then[pairs[i]] = pairs[i+1]
		}
	}
}

// configured changes the program's configuration.
func configured(f func(*Config)) option { return func(c *Config, _ *worldConfig) { f(c) } }

// refusing makes the relay refuse by recipient.
func refusing(f func(to string) error) option {
	return func(_ *Config, w *worldConfig) { w.refuse = f }
}

// idle makes a world whose tasks do not run: no mail leaves.
func idle() option { return func(_ *Config, w *worldConfig) { w.idle = true } }

// newWorld seeds a fresh database and starts the program's tasks. Captcha out,
// cheap hashes and no network limit unless the test says otherwise.
func newWorld(t testing.TB, dsn string, options ...option) *world {
	t.Helper()
	keys, err := credential.ParseKeyRing(credential.NewKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	clock := &testClock{}
	publicURL := &url.URL{Scheme: "http", Host: "aldaba.example"}
	config := Config{
		Database: dsn, Keys: keys, PublicURL: publicURL, Institution: DemoInstitution(),
		HeadsFile: filepath.Join(t.TempDir(), "heads.jsonl"), Now: clock.Now, Demo: &web.Demo{},
	}
	wc := worldConfig{preset: credential.Ficha2026, people: 5, set: map[string]string{
		"captcha_cost": "0", "hash_memory_kib": "64", "hash_passes": "1", "numbers_per_network": "0",
	}, then: map[string]string{}, start: time.Date(2026, time.November, 20, 15, 0, 0, 0, time.UTC)}
	for _, o := range options {
		o(&config, &wc)
	}
	clock.now = wc.start
	policy, err := credential.Preset(wc.preset)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range wc.set {
		err = policy.Set(key, value, true)
		if err != nil {
			t.Fatal(err)
		}
	}
	config.Policy = policy
	box, err := mailbox.Open(mailbox.Config{Now: clock.Now, Refuse: wc.refuse})
	if err != nil {
		t.Fatal(err)
	}
	config.SMTP = mail.SMTPConfig{
		Addr: box.Addr(), From: "no-responder@institucion.example", Security: "starttls",
		RootCAs: box.RootCAs(), Username: box.Username(), Password: box.Password(), Now: clock.Now,
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, config)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	fakes, err := seed(ctx, s, DemoConfig{Dir: "test", People: &wc.people, Seed: new("prueba")}, clock.Now())
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	people := shownPeople(s, fakes, words.Spanish())
	if len(wc.then) > 0 {
		err = s.Close()
		for key, value := range wc.then {
			err = errors.Join(err, policy.Set(key, value, true))
		}
		config.Policy = policy
		if err == nil {
			s, err = New(ctx, config)
		}
		if err != nil {
			cancel()
			t.Fatal(err)
		}
	}
	w := &world{t: t, site: s, handler: s.Web.Citizens(), clock: clock, box: box, people: map[string]web.DemoPerson{}}
	w.idle = wc.idle
	w.halt = func() { _ = s.Close() }
	for _, p := range people {
		w.people[p.Case] = p
	}
	boxCtx, closeBox := context.WithCancel(context.Background())
	var boxDone sync.WaitGroup
	if !wc.idle {
		boxDone.Go(func() {
			err := box.Run(boxCtx)
			if err != nil {
				t.Errorf("mailbox: %v", err)
			}
		})
		w.run()
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		w.halt()
		closeBox()
		boxDone.Wait()
		_ = box.Close()
	})
	t.Cleanup(w.stop)
	return w
}

// run starts the tasks of the program; halt ends them and closes the database.
func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		err := w.site.Run(ctx)
		if err != nil {
			w.t.Errorf("tasks: %v", err)
		}
	})
	w.halt = func() {
		cancel()
		tasks.Wait()
		err := w.site.Close()
		if err != nil {
			w.t.Errorf("closing: %v", err)
		}
	}
}

// restart ends the program and starts it again on the same database.
func (w *world) restart() {
	w.t.Helper()
	w.halt()
	s, err := New(context.Background(), w.site.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.site, w.handler = s, s.Web.Citizens()
	if w.idle {
		w.halt = func() { _ = s.Close() }
		return
	}
	w.run()
}

// waitFor waits until ready gives true; it fails the test after a while.
func (w *world) waitFor(what string, ready func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-deadline.C:
			w.t.Fatalf("no %s within 20 s", what)
		case <-tick.C:
		}
	}
}

// mails gives the mails to an address with a subject, newest first; "" for any.
func (w *world) mails(to, subject string) []mailbox.Message {
	var found []mailbox.Message
	for _, m := range w.box.Messages(to) {
		if subject == "" || m.Subject == subject || spanishOf()[m.Subject] == subject {
			found = append(found, m)
		}
	}
	return found
}

// activation waits for the n-th activation mail to an address and until the
// program has noted that the relay took it.
func (w *world) activation(to string, n int) mailbox.Message {
	w.t.Helper()
	const subject = "ACTIVACIÓN CLAVE"
	w.waitFor("activation mail", func() bool { return len(w.mails(to, subject)) >= n })
	w.settled()
	return w.mails(to, subject)[0]
}

// settled waits until no mail that is due waits any more.
func (w *world) settled() {
	w.t.Helper()
	w.waitFor("empty outbox", func() bool {
		waiting, _, err := w.site.Service.MailQueue(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		return waiting == 0
	})
}

// linkIn finds the path of a mail's link of ours under prefix.
func linkIn(t testing.TB, m mailbox.Message, prefix string) string {
	t.Helper()
	for line := range strings.Lines(m.Text) {
		line = strings.TrimSpace(line)
		if path, ok := strings.CutPrefix(line, "http://aldaba.example"); ok && strings.HasPrefix(path, prefix) {
			return path
		}
	}
	t.Fatalf("no link under %s in:\n%s", prefix, m.Text)
	return ""
}

// labels gives how a line of a mail with a label begins, in every language.
func labels(label string) []string {
	all := []string{label + ": "}
	for _, key := range words.Spanish().Keys() {
		if !strings.HasPrefix(words.Spanish().Text(key), label+": {") {
			continue
		}
		for _, l := range words.Languages()[1:] {
			begin, _, _ := strings.Cut(l.Text(key), "{")
			all = append(all, begin)
		}
	}
	return all
}

// lineIn gives what follows "label: " on a line of a mail.
func lineIn(t testing.TB, m mailbox.Message, label string) string {
	t.Helper()
	for line := range strings.Lines(m.Text) {
		for _, begin := range labels(label) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), begin); ok {
				return value
			}
		}
	}
	t.Fatalf("no line %q in:\n%s", label, m.Text)
	return ""
}

// browser is a client with a cookie jar that sends forms back as they were
// rendered.
type browser struct {
	w       *world
	cookies map[string]string
	addr    string
	header  http.Header
	change  func(*http.Request) // done to every request, last; may be nil
}

func (w *world) browser() *browser {
	return &browser{w: w, cookies: map[string]string{}, addr: "192.0.2.10:40000", header: http.Header{}}
}

// clone is the same browser with a jar of its own from now on.
func (b *browser) clone() *browser {
	c := *b
	c.cookies = maps.Clone(b.cookies)
	return &c
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	b    *browser
	path string
	root *html.Node // nil after [browser.peek]
}

func (b *browser) send(method, path string, form url.Values) *answer {
	b.w.t.Helper()
	return b.sendContext(context.Background(), method, path, form)
}

// sendContext sends for a client that goes when ctx ends.
func (b *browser) sendContext(ctx context.Context, method, path string, form url.Values) *answer {
	b.w.t.Helper()
	a := b.exchange(ctx, method, path, form)
	var err error
	a.root, err = html.Parse(strings.NewReader(a.Body.String()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if spoken := a.Header().Get("Content-Language"); spoken != "" && spoken != words.Spanish().Tag() {
		for n := range a.root.Descendants() {
			if text, ok := spanishOf()[strings.Join(strings.Fields(n.Data), " ")]; ok && n.Type == html.TextNode {
				n.Data = text
			}
		}
	}
	return a
}

// spanishOf gives the Spanish of every sentence of the other languages, so that a
// test reads a page in whatever language it was sent.
var spanishOf = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, l := range words.Languages()[1:] {
		for _, key := range l.Keys() {
			if words.Spanish().Has(key) {
				all[l.Text(key)] = words.Spanish().Text(key)
			}
		}
	}
	return all
})

// peek sends for a test that compares bytes: nobody reads the page, so the answer
// has no root. Parsing it would cost as much as serving it.
func (b *browser) peek(method, path string, form url.Values) *answer {
	b.w.t.Helper()
	return b.exchange(context.Background(), method, path, form)
}

// exchange sends, and keeps the cookies that come back.
func (b *browser) exchange(ctx context.Context, method, path string, form url.Values) *answer {
	var body *strings.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	} else {
		body = strings.NewReader("")
	}
	r := httptest.NewRequestWithContext(ctx, method, path, body)
	r.Host = "aldaba.example"
	r.RemoteAddr = b.addr
	r.Header.Set("Accept-Encoding", "gzip")
	maps.Copy(r.Header, b.header)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if b.change != nil {
		b.change(r)
	}
	rec := httptest.NewRecorder()
	b.w.handler.ServeHTTP(rec, r)
	if rec.Header().Get("Content-Encoding") != "" {
		b.decompress(rec, r)
	}
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return &answer{rec, b, path, nil}
}

// compressed are the pages that may be compressed: what stands on them is the same for
// everybody (docs/decisions/0023). So are the figures for the operator.
var compressed = regexp.MustCompile(`^/($|clave/generar-recuperar$|ayuda$|buscar$|tramites(/|$)|transparencia|privacidad$|accesibilidad$|cookies$|static/|metrics$)`)

// decompress puts the content in the place of what was sent for it.
func (b *browser) decompress(rec *httptest.ResponseRecorder, r *http.Request) {
	if r.Method == http.MethodPost || rec.Code != http.StatusOK || !compressed.MatchString(r.URL.Path) {
		b.w.t.Errorf("%s %s (%d) is compressed, and may hold a secret", r.Method, r.URL.Path, rec.Code)
	}
	rec.Header().Del("Content-Encoding")
	rec.Header().Del("Content-Length")
	reader, err := gzip.NewReader(rec.Body)
	if err != nil {
		b.w.t.Error(err)
		return
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		b.w.t.Error(err)
	}
	rec.Body = bytes.NewBuffer(content)
}

func (b *browser) get(path string) *answer { b.w.t.Helper(); return b.send(http.MethodGet, path, nil) }

// follow follows redirects from an answer, as a browser would.
func (a *answer) follow() *answer {
	a.b.w.t.Helper()
	for range 5 {
		if a.Code != http.StatusSeeOther {
			return a
		}
		a = a.b.get(a.Header().Get("Location"))
	}
	a.b.w.t.Fatal("too many redirects")
	return nil
}

// want fails unless the status is the given one.
func (a *answer) want(status int) *answer {
	a.b.w.t.Helper()
	if a.Code != status {
		a.b.w.t.Fatalf("%s: status %d, want %d\n%s", a.path, a.Code, status, clipText(textOf(a.root), 1500))
	}
	return a
}

func clipText(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// text is what a person reads in <main>.
func (a *answer) text() string {
	if main := find(a.root, func(n *html.Node) bool { return n.Data == "main" }); main != nil {
		return textOf(main)
	}
	return textOf(a.root)
}

// form gives action and inputs, as rendered, of the form in <main> whose button
// has the given name.
func (a *answer) form(button string) (action string, inputs url.Values) {
	a.b.w.t.Helper()
	main := find(a.root, func(n *html.Node) bool { return n.Data == "main" })
	if main == nil {
		a.b.w.t.Fatalf("%s: no <main>", a.path)
	}
	for form := range descendants(main, "form") {
		for b := range descendants(form, "button") {
			if strings.EqualFold(strings.TrimSpace(textOf(b)), button) {
				action = attr(form, "action")
				if action == "" {
					action = a.path
				}
				return action, inputsOf(form)
			}
		}
	}
	a.b.w.t.Fatalf("%s: no form with button %q in:\n%s", a.path, button, clipText(textOf(main), 1500))
	return "", nil
}

// press sends the form with that button, with some inputs set. Names and values
// come in pairs.
func (a *answer) press(button string, pairs ...string) *answer {
	a.b.w.t.Helper()
	action, inputs := a.form(button)
	for i := 0; i < len(pairs); i += 2 {
		inputs.Set(pairs[i], pairs[i+1])
	}
	return a.b.send(http.MethodPost, action, inputs)
}

// inputsOf collects what a browser would send of a form as rendered.
func inputsOf(form *html.Node) url.Values {
	values := url.Values{}
	for input := range descendants(form, "input") {
		name, kind := attr(input, "name"), attr(input, "type")
		if name == "" || ((kind == "radio" || kind == "checkbox") && !hasAttr(input, "checked")) {
			continue
		}
		value := attr(input, "value")
		if value == "" && kind == "checkbox" {
			value = "on"
		}
		values.Add(name, value)
	}
	for sel := range descendants(form, "select") {
		first, chosen := "", ""
		n := 0
		for option := range descendants(sel, "option") {
			if n == 0 {
				first = attr(option, "value")
			}
			n++
			if hasAttr(option, "selected") {
				chosen = attr(option, "value")
			}
		}
		if chosen == "" {
			chosen = first
		}
		values.Add(attr(sel, "name"), chosen)
	}
	return values
}

// questions gives the questions of a proof page: text to input name, and for
// those with options the option texts to their values.
func (a *answer) questions() map[string]question {
	found := map[string]question{}
	main := find(a.root, func(n *html.Node) bool { return n.Data == "main" })
	labels := map[string]string{}
	for label := range descendants(main, "label") {
		labels[attr(label, "for")] = strings.TrimSpace(textOf(label))
	}
	for set := range descendants(main, "fieldset") {
		legend := find(set, func(n *html.Node) bool { return n.Data == "legend" })
		if legend == nil {
			continue
		}
		q := question{options: map[string]string{}}
		for input := range descendants(set, "input") {
			if attr(input, "type") == "radio" {
				q.name = attr(input, "name")
				q.options[labels[attr(input, "id")]] = attr(input, "value")
			}
		}
		if q.name != "" {
			found[strings.TrimSpace(textOf(legend))] = q
		}
	}
	for sel := range descendants(main, "select") {
		q := question{name: attr(sel, "name"), options: map[string]string{}}
		for option := range descendants(sel, "option") {
			q.options[strings.TrimSpace(textOf(option))] = attr(option, "value")
		}
		found[labels[attr(sel, "id")]] = q
	}
	for input := range descendants(main, "input") {
		if name := attr(input, "name"); strings.HasPrefix(name, "bank.") {
			found[labels[attr(input, "id")]] = question{name: name}
		}
	}
	return found
}

type question struct {
	name    string
	options map[string]string // nil for a personal question
}

func find(n *html.Node, match func(*html.Node) bool) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(d) {
			return d
		}
	}
	return nil
}

func descendants(n *html.Node, tag string) func(yield func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		if n == nil {
			return
		}
		for d := range n.Descendants() {
			if d.Type == html.ElementNode && d.Data == tag && !yield(d) {
				return
			}
		}
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" {
			b.WriteString(d.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// ── the journey ──

// begin fills the first page for a person and presses «Buscar».
func (b *browser) begin(kind credential.ProcedureKind, p web.DemoPerson) *answer {
	b.w.t.Helper()
	return b.beginWith(kind, p.Document, p.Number, audienceOf(p))
}

func audienceOf(p web.DemoPerson) string {
	if len(p.Audiences) > 0 {
		return p.Audiences[0]
	}
	return "afiliado"
}

func (b *browser) beginWith(kind credential.ProcedureKind, document, number, audience string) *answer {
	b.w.t.Helper()
	return b.get("/clave/generar-recuperar").want(200).press("Buscar",
		"necesita", string(kind), "documento", document, "soy", audience, "numero", number)
}

// wrongCode is an activation code of the right shape that nobody was given.
const wrongCode = "22222-33333"

// proof gives the right values of a proof page for a person, whatever the page
// asks. What the person cannot answer gets a wrong answer of the right shape.
func (a *answer) proof(p web.DemoPerson) []string {
	a.b.w.t.Helper()
	year, day, month := "1970", "1", "1"
	if len(p.Birth) == 10 {
		year, day, month = p.Birth[:4], strings.TrimLeft(p.Birth[8:], "0"), strings.TrimLeft(p.Birth[5:7], "0")
	}
	pairs := append([]string{"dia", day, "mes", month}, a.answers(p)...)
	_, inputs := a.form("Continuar")
	if inputs.Has("anio") {
		pairs = append(pairs, "anio", year)
	}
	if inputs.Has("activacion") {
		pairs = append(pairs, "activacion", cmp.Or(p.Activation, wrongCode))
	}
	return pairs
}

// answers gives a person's answers to the questions of a page.
func (a *answer) answers(p web.DemoPerson) (pairs []string) {
	a.b.w.t.Helper()
	for text, q := range a.questions() {
		if !strings.HasPrefix(q.name, "record.") && !strings.HasPrefix(q.name, "bank.") {
			continue
		}
		value := "respuesta cualquiera"
		if q.options != nil {
			value = credential.NotOnRecord
		}
		if right, ok := p.Answers[text]; ok {
			value = right
			if q.options != nil {
				value = q.options[right]
			}
		}
		pairs = append(pairs, q.name, value)
	}
	return pairs
}

// prove goes from the first page through the verdict, with right answers.
func (b *browser) prove(kind credential.ProcedureKind, p web.DemoPerson) *answer {
	b.w.t.Helper()
	page := b.begin(kind, p).want(303).follow().want(200)
	return page.press("Continuar", page.proof(p)...).want(303).follow().want(200).press("Aceptar")
}

// fakeAnswers are answers to the bank that no rule refuses.
var fakeAnswers = []string{"Escuela del Arrayán", "Calle Larga", "Tamales de yuca", "El Cóndor", "Capulí morado",
	"Laguna verde", "Guitarra vieja", "Mote pillo", "Barco de papel", "Tren azul"}

// chosen is a person who answers as [answer.filled] chose.
func chosen(p web.DemoPerson) web.DemoPerson {
	p.Answers = map[string]string{}
	for i, id := range credential.PersonalQuestions() {
		p.Answers[words.Spanish().PersonalQuestion(id)] = fakeAnswers[i]
	}
	return p
}

// filled gives values for whichever page stands between the verdict and the
// review of the address: the bank of ten, the page of picture and question, the
// contact page.
func (a *answer) filled(email string) (pairs []string) {
	a.b.w.t.Helper()
	_, inputs := a.form("Continuar")
	for i, id := range credential.PersonalQuestions() {
		if name := "bank." + string(id); inputs.Has(name) {
			pairs = append(pairs, name, fakeAnswers[i])
		}
	}
	if inputs.Has("pregunta") {
		pairs = append(pairs, "imagen", string(credential.SecurityImages()[3]), "telefono", "099 876 5432",
			"pregunta", string(credential.PersonalQuestions()[0]), "respuesta", fakeAnswers[0])
	}
	if inputs.Has("correo") {
		pairs = append(pairs, "correo", email)
	}
	return pairs
}

// toContact walks from the page behind the verdict to the one that asks for the
// address.
func (a *answer) toContact() *answer {
	a.b.w.t.Helper()
	_, inputs := a.form("Continuar")
	if a.path == journey[3] || inputs.Has("pregunta") {
		return a
	}
	return a.press("Continuar", a.filled("")...).want(303).follow().want(200).toContact()
}

// contact sends the page that asks for the address.
func (a *answer) contact(email string) *answer {
	a.b.w.t.Helper()
	return a.press("Continuar", a.filled(email)...)
}

// toReview walks from the page behind the verdict to the review of the address.
func (a *answer) toReview(email string) *answer {
	a.b.w.t.Helper()
	return a.toContact().contact(email).want(303).follow().want(200)
}

// sent walks a person up to the waiting page. email is what is typed where an
// address is asked.
func (b *browser) sent(kind credential.ProcedureKind, p web.DemoPerson, email string) *answer {
	b.w.t.Helper()
	page := b.prove(kind, p).want(303).follow().want(200)
	if page.path == journey[5] {
		return page
	}
	return page.toReview(email).press("Aceptar").want(303).follow().want(200)
}

// own answers the own question behind the link, where one is asked.
func (a *answer) own(p web.DemoPerson) *answer {
	a.b.w.t.Helper()
	if a.path != pathOwnQuestion {
		return a
	}
	return a.press("Continuar", a.answers(p)...).want(303).follow().want(200)
}

// opened opens a mailed link in the browser that waits for it, up to the last
// page.
func (b *browser) opened(m mailbox.Message, p web.DemoPerson) *answer {
	b.w.t.Helper()
	page := b.get(linkIn(b.w.t, m, "/clave/enlace/")).want(303).follow().want(200)
	return page.press("Continuar").want(303).follow().want(200).own(p)
}

// goodClave is a clave that no rule refuses.
const goodClave = "colibrí-maletín-abrigo-77"

// setClave fills the last page.
func (a *answer) setClave(clave string) *answer {
	a.b.w.t.Helper()
	return a.press("Generar", "declaro", "on", "clave", clave, "repita", clave)
}

// finished walks the whole journey by the mailed link and returns the mail.
func (b *browser) finished(kind credential.ProcedureKind, p web.DemoPerson, email, clave string) mailbox.Message {
	b.w.t.Helper()
	to := email
	if p.InPerson {
		to = p.Email
	}
	before := len(b.w.mails(to, "ACTIVACIÓN CLAVE"))
	b.sent(kind, p, email)
	m := b.w.activation(to, before+1)
	b.opened(m, p).setClave(clave).want(303).follow().want(200)
	return m
}

// account reads a person's account from the store.
func (w *world) account(p web.DemoPerson) (credential.Account, error) {
	w.t.Helper()
	number, err := credential.ParseNumber(credential.Document(p.Document), p.Number)
	if err != nil {
		w.t.Fatal(err)
	}
	var account credential.Account
	err = w.site.Store.View(context.Background(), func(tx credential.Tx) error {
		account, err = tx.Account(w.site.config.Keys.Subject(number))
		return err
	})
	return account, err
}

// hasClave reports whether a person's stored clave is the given one.
func (w *world) hasClave(p web.DemoPerson, clave string) bool {
	w.t.Helper()
	account, err := w.account(p)
	return err == nil && credential.VerifyHash(account.Clave, []byte(clave))
}

func (a *answer) String() string { return a.path + " → " + http.StatusText(a.Code) }

// view reads the store.
func (w *world) view(f func(tx credential.Tx) error) {
	w.t.Helper()
	err := w.site.Store.View(w.t.Context(), f)
	if err != nil {
		w.t.Fatal(err)
	}
}
