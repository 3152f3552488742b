package site

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

// subject is the subject of a person or of a number that nobody has.
func (w *world) subject(p web.DemoPerson) credential.Subject {
	w.t.Helper()
	n, err := credential.ParseNumber(credential.Document(p.Document), p.Number)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.site.config.Keys.Subject(n)
}

// charges gives how many charges of the owner's and of the strangers' counter
// stand.
func (w *world) charges(p web.DemoPerson) [2]int {
	w.t.Helper()
	var n [2]int
	owner := credential.BudgetProof
	if w.policy().ActivationCode {
		owner = credential.BudgetActivation
	}
	w.view(func(tx credential.Tx) error {
		for i, budget := range []credential.Budget{owner, credential.BudgetStrangers} {
			a, err := tx.Attempts(w.subject(p), budget)
			if err != nil {
				return err
			}
			n[i] = len(a.Times)
		}
		return nil
	})
	return n
}

// wrongAnswers is the person with the birth date right, and every answer and the
// activation code wrong;
// wrongDate the other way round.
func wrongAnswers(p web.DemoPerson) web.DemoPerson { p.Answers, p.Activation = nil, ""; return p }
func wrongDate(p web.DemoPerson) web.DemoPerson {
	p.Birth = p.Birth[:5] + "02-01"
	return p
}

// One known answer, sent three times in every way a form can, does not pass for
// three.
func TestS14_OneAnswerIsNotThree(t *testing.T) {
	presetsOnce(t, oneAnswerIsNotThree)
}

func oneAnswerIsNotThree(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, idle())
	p := w.people["con-clave"]
	day, month := strings.TrimLeft(p.Birth[8:], "0"), strings.TrimLeft(p.Birth[5:7], "0")

	page := func() (*answer, []string, string) { // the proof page, its three inputs and the answer of the first
		a := w.browser().begin(credential.Recover, p).follow().want(200)
		var names []string
		known := ""
		for text, q := range a.questions() {
			if !strings.HasPrefix(q.name, "bank.") {
				continue
			}
			if names = append(names, q.name); len(names) == 1 {
				known = p.Answers[text]
			}
		}
		return a, names, known
	}
	// Under the name of one question alone, three times over.
	a, names, known := page()
	action, inputs := a.form("Continuar")
	inputs.Set("dia", day)
	inputs.Set("mes", month)
	for _, name := range names {
		inputs.Del(name)
	}
	inputs[names[0]] = []string{known, known, known}
	a.b.send(http.MethodPost, action, inputs).want(422)
	a.b.get(journey[1]).want(303) // the review was not earned

	// Under all three names.
	a, names, known = page()
	a = a.press("Continuar", "dia", day, "mes", month, names[0], known, names[1], known, names[2], known).want(303).follow().want(200)
	a.press("Aceptar").want(422)

	// In the bank of a generate it counts once, and as an answer given twice.
	bank := w.browser().prove(credential.Generate, w.people["nueva"]).want(303).follow().want(200)
	action, inputs = bank.form("Continuar")
	first := "bank." + string(credential.PersonalQuestions()[0])
	inputs[first] = []string{"Escuela Bolívar", "Calle Sucre", "Tamales de yuca"}
	bank.b.send(http.MethodPost, action, inputs).want(422)
	all := []string{}
	for _, id := range credential.PersonalQuestions()[:3] {
		all = append(all, "bank."+string(id), "Escuela Bolívar")
	}
	bank.press("Continuar", all...).want(422)
	bank.b.get(journey[3]).want(303)
}

// asked gives the questions of a proof page, in page order.
func (a *answer) asked() (texts []string) {
	for n := range descendants(find(a.root, func(n *html.Node) bool { return n.Data == "main" }), "label") {
		if strings.HasPrefix(attr(n, "for"), "bank-") {
			texts = append(texts, textOf(n))
		}
	}
	return texts
}

// Neither another browser, another language, starting again nor a restart of
// the program gives other questions, or the five attempts anew.
func TestS15_NothingRerolls(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, idle())
		kind, provers := w.provers()
		owner, asked := provers[0], 0
		if w.has("questions") {
			asked = credential.AskedAtRecovery
		}
		for _, p := range []web.DemoPerson{owner, w.unknowns("cedula", 1)[0]} {
			var first []string
			for i, language := range []string{"es-EC", "en", "qu", "xx;q=broken", "es-EC"} {
				b := w.browser()
				b.header.Set("Accept-Language", language)
				if i == 3 {
					w.restart()
				}
				page := b.begin(kind, p).follow().want(200)
				got := page.asked()
				if first == nil {
					first = got
				}
				if len(got) != asked || !slices.Equal(got, first) {
					t.Errorf("%s: browser %d is asked %q, the first %q", p.Case, i+1, got, first)
				}
				page = page.press("Continuar", page.proof(wrongAnswers(p))...).want(303).follow().want(200)
				page.press("Aceptar").want(422)
			}
			if n := w.charges(p); n[1] != 5 {
				t.Errorf("%s: %d charges after five lost verdicts", p.Case, n[1])
			}
			w.restart()
			// The sixth is refused with everything right, for owner and for nobody;
			// but for a code, which nobody guesses, and nobody's wrong ones spend.
			sixth := p
			if w.policy().ActivationCode {
				sixth = wrongAnswers(p)
			}
			again := w.browser().verdict(kind, p, sixth).want(429)
			if again.Header().Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", p.Case)
			}
			w.clock.advance(24 * time.Hour)
		}
		owner = w.renewed(owner)
		w.browser().verdict(kind, owner, owner).want(303)
	})
}

// Of fifty wrong answers at once five are compared: the window holds five, every
// other one gets the page of the limit, and the right answers are not even
// looked at until the window has room again. A success gives back its own slot
// alone.
func TestS16_FiftyAtOnce(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, idle())
		accept := func(a *answer) *answer { return a.press("Aceptar") }

		kind, provers := w.provers()
		p := provers[0]
		var pages []*answer
		for range 50 {
			pages = append(pages, w.browser().review(kind, p, wrongAnswers(p)))
		}
		got := map[int]int{}
		for _, a := range together(pages, accept) {
			got[a.Code]++
			if !strings.Contains(a.text(), words.Spanish().Text("page.problem_title")) {
				t.Fatalf("status %d without its page:\n%s", a.Code, clipText(a.text(), 500))
			}
		}
		if diff := cmp.Diff(map[int]int{422: 5, 429: 45}, got); diff != "" {
			t.Errorf("statuses of fifty at once:\n%s", diff)
		}
		// A code of fifty bits bears a hundred tries, so that nobody spends somebody's.
		held, then := [2]int{5, 5}, 429
		if w.policy().ActivationCode {
			held, then = [2]int{50, 5}, 303
		}
		if n := w.charges(p); n != held {
			t.Errorf("the windows hold %v, want %v", n, held)
		}
		w.browser().verdict(kind, p, p).want(then)
		w.clock.advance(24 * time.Hour)
		p = w.renewed(p)
		w.browser().verdict(kind, p, p).want(303)

		// Four wrong and one right at once: all are compared, four charges stay.
		p = w.renewed(provers[1])
		pages = []*answer{w.browser().review(kind, p, p)}
		for range 4 {
			pages = append(pages, w.browser().review(kind, p, wrongAnswers(p)))
		}
		for i, a := range together(pages, accept) {
			a.want(map[bool]int{true: 303, false: 422}[i == 0])
		}
		if n := w.charges(p); n != [2]int{4, 4} {
			t.Errorf("after four wrong and one right the windows hold %v", n)
		}
		w.browser().verdict(kind, p, wrongAnswers(p)).want(422)
		w.browser().verdict(kind, p, p).want(then)
	})
}

// spy calls what a test put into it after each statement.
type spy struct {
	f atomic.Pointer[func(query string)]
}

func (s *spy) set(f func(query string)) {
	if f == nil {
		s.f.Store(nil)
		return
	}
	s.f.Store(&f)
}

func (s *spy) option() option {
	return configured(func(c *Config) {
		c.Observe = func(query string, _ int64, _ time.Duration) {
			if f := s.f.Load(); f != nil {
				(*f)(query)
			}
		}
	})
}

// A charge stands when the request is cut, panics or its writing is rolled back
// after it; what is refused before it costs nothing.
func TestS17_AChargeStands(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		var db spy
		w := newWorld(t, dsn, preset, idle(), with("gate_running", "1", "gate_queue", "0"), db.option())
		kind, provers := w.provers()
		p, other := provers[0], provers[1]
		isVerdict := func(query string) bool { return strings.HasPrefix(query, "INSERT INTO marks") }
		isCharge := func(query string) bool {
			return strings.HasPrefix(query, "UPDATE attempts") || strings.HasPrefix(query, "INSERT INTO attempts")
		}

		// A verdict that panics is rolled back whole; the charge is not, whatever
		// the answer was, and the same review cannot be judged again.
		for i, as := range []web.DemoPerson{wrongAnswers(p), p} {
			charged := 0
			db.set(func(query string) {
				if isCharge(query) {
					charged++
				}
				if isVerdict(query) || charged > 2 { // the third write gives the slot back
					panic("a fault in the verdict")
				}
			})
			review := w.browser().review(kind, p, as)
			review.press("Aceptar").want(500)
			db.set(nil)
			if n := w.charges(p); n != [2]int{i + 1, i + 1} {
				t.Errorf("after %d panics the windows hold %v", i+1, n)
			}
			review.press("Aceptar").want(303).follow().want(200)
			if at := review.b.get(journey[0]).want(200); at.path != journey[0] {
				t.Errorf("stands at %s", at.path)
			}
		}

		// The client goes once the charge is committed: the verdict is written all
		// the same, and a right one gives its slot back.
		review := w.browser().review(kind, p, p)
		action, inputs := review.form("Aceptar")
		ctx, cut := context.WithCancel(t.Context())
		writes := 0
		db.set(func(query string) {
			if isCharge(query) {
				if writes++; writes == 3 {
					cut()
				}
			}
		})
		review.b.sendContext(ctx, http.MethodPost, action, inputs)
		db.set(nil)
		if n := w.charges(p); n != [2]int{2, 2} || ctx.Err() == nil {
			t.Errorf("after a cut request the windows hold %v", n)
		}
		review.b.get(journey[3]).want(200)
		// One that is cut before it was charged compares nothing.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		review = w.browser().review(kind, p, p)
		action, inputs = review.form("Aceptar")
		review.b.sendContext(gone, http.MethodPost, action, inputs)
		if n := w.charges(p); n != [2]int{2, 2} {
			t.Errorf("a request cut before its charge cost something: %v", n)
		}
		review.press("Aceptar").want(303)

		// Refused before the charge: shapes, and a full gate.
		proof := w.browser().begin(kind, other).follow().want(200)
		right := proof.proof(other)
		for _, bad := range [][]string{{"dia", "31", "mes", "2"}, {"dia", "0"}, {"dia", "x"}, {"mes", "13"}, {"mes", ""}} {
			proof.press("Continuar", slices.Concat(right, bad)...).want(422)
		}
		waiting := proof.press("Continuar", right...).want(303).follow().want(200)
		if n := w.charges(other); n != [2]int{} {
			t.Errorf("forms of another shape cost %v", n)
		}
		if !w.has("gate") {
			return
		}
		inside, leave := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		db.set(func(query string) {
			if strings.Contains(query, "FROM attempts") && once.CompareAndSwap(false, true) {
				close(inside)
				<-leave
			}
		})
		slow := w.browser().review(kind, provers[2], provers[2])
		done := make(chan *answer)
		go func() { done <- slow.press("Aceptar") }()
		<-inside // it holds the only place in the gate
		full := waiting.press("Aceptar")
		close(leave)
		(<-done).want(303)
		db.set(nil)
		if full.Code != http.StatusServiceUnavailable || full.Header().Get("Retry-After") == "" {
			t.Errorf("with the gate full: status %d, Retry-After %q", full.Code, full.Header().Get("Retry-After"))
		}
		if n := w.charges(other); n != [2]int{} {
			t.Errorf("what was refused before the charge cost %v", n)
		}
		waiting.press("Aceptar").want(303) // the review still stood
	})
}

// normal takes out of a page what the applicant typed and what is random.
var normal = regexp.MustCompile(` value="[^"]*"| selected| checked`)

func (a *answer) normal() string { return normal.ReplaceAllString(a.sight("", false).Body, "") }

// The reply does not say whether the date or the answers failed.
func TestS18_NothingSaysWhichPartFailed(t *testing.T) {
	presetsOnce(t, nothingSaysWhichPartFailed)
}

func nothingSaysWhichPartFailed(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, idle())
	for kind, p := range map[credential.ProcedureKind]web.DemoPerson{
		credential.Generate: w.people["nueva"], credential.Recover: w.people["con-clave"],
	} {
		if !w.has(string(kind)) {
			continue
		}
		var want sight
		for name, as := range map[string]web.DemoPerson{
			"answers": wrongAnswers(p), "date": wrongDate(p), "both": wrongAnswers(wrongDate(p)),
		} {
			lost := w.browser().verdict(kind, p, as).want(422)
			if !strings.Contains(lost.text(), "Los datos no coinciden") {
				t.Errorf("%s, wrong %s: %s", kind, name, clipText(lost.text(), 300))
			}
			got := lost.sight("", false)
			got.Body = lost.normal()
			got.Header.Del("Content-Length")
			if want.Body == "" {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: a wrong %s shows:\n%s", kind, name, clipText(diff, 1500))
			}
		}
	}
}

// No page shows a true fact of anybody to a stranger who knows the number alone.
func TestS18_NoFactBeforeTheVerdict(t *testing.T) {
	presetsOnce(t, noFactBeforeTheVerdict)
}

func noFactBeforeTheVerdict(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, idle())
	for kind, p := range map[credential.ProcedureKind]web.DemoPerson{
		credential.Generate: w.people["nueva"], credential.Recover: w.people["con-clave"],
	} {
		guess := wrongAnswers(p)
		guess.Birth = "1901-02-01"
		seen := w.browser().begin(kind, p).follow().want(200)
		all := seen.normal()
		seen = seen.press("Continuar", seen.proof(guess)...).want(303).follow().want(200)
		all += seen.normal() + seen.press("Aceptar").follow().normal()
		facts := append(strings.Fields(p.GivenNames+" "+p.Surnames), p.Email, p.Birth, p.Birth[:4])
		for _, id := range credential.PersonalQuestions() {
			facts = append(facts, html.EscapeString(p.Answers[words.Spanish().PersonalQuestion(id)]))
		}
		for _, fact := range facts {
			if fact == p.Birth[:4] && w.policy().AsksRecord(kind) {
				continue // every year is among the options
			}
			if fact != "" && regexp.MustCompile(`(?i)\b`+regexp.QuoteMeta(fact)+`\b`).MatchString(all) {
				t.Errorf("%s: a page before the verdict shows %q", kind, fact)
			}
		}
		// A record question offers the same to everyone, whatever is true.
		if kind == credential.Generate {
			mine, nobodys := w.browser().begin(kind, p).follow(), w.browser().begin(kind, w.unknowns("cedula", 1)[0]).follow()
			if diff := cmp.Diff(nobodys.questions(), mine.questions(), cmp.AllowUnexported(question{})); diff != "" {
				t.Errorf("the questions depend on the person:\n%s", diff)
			}
		}
	}
}

// awaySource is a record that a test takes away.
type awaySource struct {
	credential.Registry
	away *atomic.Bool
}

func (s awaySource) Person(ctx context.Context, subject credential.Subject) (credential.Person, bool, error) {
	if s.away.Load() {
		return credential.Person{}, false, errors.New("connection refused")
	}
	return s.Registry.Person(ctx, subject)
}

// While the record is away no attempt is spent, no path opens, and each step
// says to try later; when it is back the same page goes on.
func TestS19_SourceDown(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		var away atomic.Bool
		w := newWorld(t, dsn, preset, configured(func(c *Config) {
			c.WrapRegistry = func(r credential.Registry) credential.Registry { return awaySource{r, &away} }
		}))
		p := w.people["nueva"]
		down := func(name string, press func() *answer) *answer {
			t.Helper()
			away.Store(true)
			a := press().want(http.StatusServiceUnavailable)
			if a.Header().Get("Retry-After") == "" || len(a.Result().Cookies()) > 0 {
				t.Errorf("%s: Retry-After %q, cookies %v", name, a.Header().Get("Retry-After"), a.Result().Cookies())
			}
			if strings.Contains(a.text(), "[[") || !strings.Contains(a.text(), "intento") && !strings.Contains(a.text(), "minuto") {
				t.Errorf("%s does not say what to do: %s", name, clipText(a.text(), 300))
			}
			away.Store(false)
			return press()
		}
		for kind, p := range map[credential.ProcedureKind]web.DemoPerson{credential.Generate: p, credential.Recover: w.people["con-clave"]} {
			review := w.browser().review(kind, p, p)
			down("verdict of "+string(kind), func() *answer { return review.press("Aceptar") }).want(303)
			if n := w.charges(p); n != [2]int{} {
				t.Errorf("%s: a source that was away cost %v", kind, n)
			}
		}
		away.Store(true) // nobody's number, while the source is away: the same
		w.browser().verdict(credential.Recover, w.unknowns("cedula", 1)[0], p).want(http.StatusServiceUnavailable)
		away.Store(false)

		page := w.browser().prove(credential.Generate, p).want(303).follow().want(200)
		for page.path != journey[4] {
			page = down(page.path, func() *answer { return page.contact("nueva@correo.example") }).want(303).follow().want(200)
		}
		down("sending", func() *answer { return page.press("Aceptar") }).want(303)
		m := w.activation("nueva@correo.example", 1)
		link := page.b.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().want(200)
		clave := link.press("Continuar").want(303).follow().want(200)
		down("Generar", func() *answer { return clave.setClave(goodClave) }).want(303)
		if !w.hasClave(p, goodClave) {
			t.Error("the clave was not set once the source was back")
		}
	})
}

// challenge gives the captcha challenge of a page.
func (a *answer) challenge() credential.CaptchaChallenge {
	a.b.w.t.Helper()
	widget := find(a.root, func(n *html.Node) bool { return n.Data == "altcha-widget" })
	if widget == nil {
		a.b.w.t.Fatalf("%s: no captcha", a.path)
	}
	var c credential.CaptchaChallenge
	err := json.Unmarshal([]byte(attr(widget, "challenge")), &c)
	if err != nil {
		a.b.w.t.Fatal(err)
	}
	return c
}

// solve does the widget's work.
func solve(t testing.TB, c credential.CaptchaChallenge) string {
	t.Helper()
	raw := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	p := c.Parameters
	nonce, salt, prefix := raw(p.Nonce), raw(p.Salt), raw(p.KeyPrefix)
	for counter := range uint32(5000) {
		key, err := pbkdf2.Key(sha256.New, string(binary.BigEndian.AppendUint32(slices.Clone(nonce), counter)), salt, p.Cost, p.KeyLength)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(key), string(prefix)) {
			return solution(t, c, counter)
		}
	}
	t.Fatal("the challenge has no solution")
	return ""
}

func solution(t testing.TB, c credential.CaptchaChallenge, counter uint32) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"challenge": c, "solution": map[string]any{"counter": counter}})
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(text)
}

// A solution counts once, for one step, until it expires; nothing skips it, and
// what failed makes the network's next ones dearer.
func TestS22_CaptchaOnce(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, idle(), with("captcha_cost", "1"))
		p := w.people["nueva"]
		first := func(altcha string, more ...string) *answer {
			t.Helper()
			page := w.browser().get("/clave/generar-recuperar").want(200)
			return page.press("Buscar", append([]string{"necesita", "generate", "documento", p.Document, "soy", "afiliado",
				"numero", p.Number, "altcha", altcha}, more...)...)
		}
		page := w.browser().get("/clave/generar-recuperar").want(200)
		challenge := page.challenge()
		solved := solve(t, challenge)
		forged := challenge
		forged.Parameters.Data.Step = "unlock"
		longer := challenge
		longer.Parameters.Data.Expires += 1000
		cheap := challenge
		cheap.Parameters.Cost = 1

		for name, altcha := range map[string]string{
			"missing": "", "no base64": "%%%", "no JSON": base64.StdEncoding.EncodeToString([]byte("{")),
			"wrong counter": solution(t, challenge, 4_000_000_000), "another step": solution(t, forged, 0),
			"a longer life": solution(t, longer, 0), "a cheaper one": solution(t, cheap, 0), "huge": strings.Repeat("A", 60_000),
		} {
			refused := first(altcha).want(422)
			if refused.challenge().Parameters.Nonce == challenge.Parameters.Nonce {
				t.Errorf("%s: no new challenge", name)
			}
		}
		for _, skip := range [][]string{{"captcha", "0"}, {"captcha.skip", "true"}, {"captcha_cost", "0"}, {"skip", "1"}} {
			first("", skip...).want(422)
		}
		w.browser().send(http.MethodPost, journey[0], url.Values{"altcha": {solved}}).want(http.StatusGone)

		// A step is the captcha's own: one that a form of the shape refuses is
		// still good, and of eight at once with it one goes on.
		w.browser().get("/clave/generar-recuperar").press("Buscar", "necesita", "generate", "documento", "cedula", "soy", "afiliado",
			"numero", "123", "altcha", solved).want(422)
		var pages []*answer
		for range 8 {
			pages = append(pages, w.browser().get("/clave/generar-recuperar").want(200))
		}
		got := map[int]int{}
		for _, a := range together(pages, func(a *answer) *answer {
			return a.press("Buscar", "necesita", "generate", "documento", p.Document, "soy", "afiliado", "numero", p.Number, "altcha", solved)
		}) {
			got[a.Code]++
		}
		if diff := cmp.Diff(map[int]int{303: 1, 422: 7}, got); diff != "" {
			t.Errorf("one solution, eight times:\n%s", diff)
		}
		w.restart()
		first(solved).want(422)

		bad := 7
		if !strings.HasPrefix(dsn, "postgres") { // solving is work, and time no matter of the database
			old := solve(t, w.browser().get("/clave/generar-recuperar").challenge())
			w.clock.advance(10 * time.Minute)
			first(old).want(422)
			bad++
		}

		// Each bad solution counted; an empty one is nobody's failure.
		failures := 0
		err := w.site.Store.View(t.Context(), func(tx credential.Tx) (err error) {
			failures, err = tx.Marks("captcha", w.site.config.Keys.Lookup("network", []byte("192.0.2.10")), time.Time{}, 100)
			return err
		})
		// They count by lot, as one of 64 places: two may share one.
		if err != nil || failures > bad || failures < bad/2 {
			t.Errorf("%d failed captchas counted, want about %d (%v)", failures, bad, err)
		}
	})
}
