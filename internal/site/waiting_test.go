package site

import (
	"database/sql"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

const noticeOfChange = "Aviso: piden usar otro correo para su clave"

// pass moves the clock and wakes who waits for it.
func (w *world) pass(d time.Duration) {
	w.clock.advance(d)
	w.site.dispatcher.Wake()
}

// state asks what the waiting page's script asks.
func (b *browser) state() string {
	b.w.t.Helper()
	_, rest, _ := strings.Cut(b.get(journey[5]+"/estado").want(200).Body.String(), `"state":"`)
	state, _, _ := strings.Cut(rest, `"`)
	return state
}

// changing walks con-clave up to the waiting page with another address, and
// waits for the notice at the old one.
func (b *browser) changing(p web.DemoPerson, email string, n int) (*answer, mailbox.Message) {
	b.w.t.Helper()
	kind, p := b.w.retyping(p)
	page := b.sent(kind, p, email)
	b.w.waitFor("notice of the change", func() bool {
		waiting, _, err := b.w.site.Service.MailQueue(b.w.t.Context())
		return err == nil && waiting == 1 && len(b.w.mails(p.Email, noticeOfChange)) >= n // the held one waits
	})
	return page, b.w.mails(p.Email, noticeOfChange)[0]
}

// A change of address: the old one is told first, the link waits for the hold
// and leaves then; until then nothing is to be had at the new one.
func TestAddressHold(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p, to := w.people["con-clave"], "otra.direccion@correo.example"
		b := w.browser()
		page, notice := b.changing(p, to, 1)
		if !strings.Contains(page.text(), "si nadie se opone") || b.state() != "held" {
			t.Errorf("the page of a held mail says %q: %s", b.state(), clipText(page.text(), 400))
		}
		if strings.Contains(notice.Text, to) || !strings.Contains(notice.Text, "o•••••@•••••") {
			t.Errorf("the notice does not show the new address masked:\n%s", notice.Text)
		}
		// Neither waiting nor «Enviar de nuevo» hurries it.
		for range 3 {
			_, inputs := page.form("Terminar aquí")
			b.send(http.MethodPost, journey[5]+"/reenviar", inputs).want(303)
		}
		w.pass(24*time.Hour - time.Second)
		if n := len(w.mails(to, "")); n != 0 {
			t.Fatalf("%d mails reached the new address within the hold", n)
		}
		w.pass(time.Second)
		m := w.activation(to, 1)
		if n := len(w.mails(p.Email, noticeOfChange)); n != 1 {
			t.Errorf("%d notices of one change", n)
		}
		// «No fui yo» comes too late only once the clave is set.
		objection := linkIn(t, notice, "/no-fui-yo/")
		if !strings.Contains(w.browser().get(objection).want(200).text(), words.Spanish().Text("objection.button_cancel")) {
			t.Error("the change cannot be cancelled although the clave is not set")
		}
		b.opened(m, p).setClave(goodClave).want(303)
		level, told := credential.Declared, "Aviso: se recuperó su clave"
		if !w.has("recover") {
			level, told = credential.InPerson, "Aviso: se generó su clave"
		}
		if w.mustAccount(p).Level != level || !w.hasClave(p, goodClave) {
			t.Errorf("after the change: level %v", w.mustAccount(p).Level)
		}
		w.settled()
		for _, address := range []string{p.Email, to} { // old and new are told
			if len(w.mails(address, told)) != 1 {
				t.Errorf("%s was not told once", address)
			}
		}
		late := w.browser().get(objection).want(200)
		if strings.Contains(late.text(), words.Spanish().Text("objection.button_cancel")) {
			t.Error("a finished change offers to be cancelled")
		}
		// The address now counts as confirmed: the next recovery goes straight there.
		w.browser().sent(credential.Recover, web.DemoPerson{Document: p.Document, Number: p.Number, Birth: p.Birth, Answers: p.Answers}, to)
		w.activation(to, 2)
	})
}

// mustAccount reads the account of somebody who has one.
func (w *world) mustAccount(p web.DemoPerson) credential.Account {
	w.t.Helper()
	a, err := w.account(p)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// «No fui yo» cancels a change that waits, once, for good, and a second press
// does no harm. Looking at the page cancels nothing.
func TestObjection(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p, to := w.people["con-clave"], "ajena@correo.example"
		thief := w.browser()
		_, notice := thief.changing(p, to, 1)
		path := linkIn(t, notice, "/no-fui-yo/")
		for range 3 { // a scanner looks at the link
			w.browser().get(path).want(200)
			w.browser().send(http.MethodHead, path, nil).want(200)
		}
		if thief.state() != "held" {
			t.Fatalf("looking at the link made the change %q", thief.state())
		}
		pages := []*answer{w.browser().get(path), w.browser().get(path), w.browser().get(path)}
		action := path
		pressed := together(pages, func(a *answer) *answer { return a.b.send(http.MethodPost, action, nil) })
		cancelled := 0
		for _, a := range pressed {
			if strings.Contains(a.want(200).text(), words.Spanish().Text("objection.cancelled")) {
				cancelled++
			}
		}
		if cancelled != 1 {
			t.Errorf("%d of three presses at once cancelled", cancelled)
		}
		again := w.browser().send(http.MethodPost, path, nil).want(200)
		if !strings.Contains(again.text(), words.Spanish().Text("objection.used")) {
			t.Errorf("a second press says: %s", clipText(again.text(), 400))
		}
		if thief.state() != "over" {
			t.Errorf("the cancelled procedure is %q", thief.state())
		}
		w.pass(25 * time.Hour)
		w.settled()
		if n := len(w.mails(to, "")); n != 0 {
			t.Errorf("%d mails left after the objection", n)
		}
		if !w.hasClave(p, p.Clave) {
			t.Error("the clave changed")
		}
		// The owner is not kept out by it.
		w.browser().finished(credential.Recover, p, p.Email, goodClave)

		w.browser().get(path[:len(path)-2] + "AA").want(404)
		w.clock.advance(240 * time.Hour)
		w.browser().get(path).want(410)
	})
}

// Where nobody had an address before, nothing is held; where it was verified in
// person, it is not asked for and cannot be changed.
func TestContactFollowsTheRecord(t *testing.T) {
	presetsOnce(t, contactFollowsTheRecord)
}

func contactFollowsTheRecord(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset)
	b := w.browser()
	b.sent(credential.Generate, w.people["nueva"], "primera@correo.example")
	w.activation("primera@correo.example", 1)

	kind, p := w.retyping(w.people["con-clave-presencial"])
	b = w.browser()
	page := b.prove(kind, p).want(303).follow().want(200)
	_, inputs := page.form("Continuar")
	if inputs.Has("correo") {
		t.Error("an address verified in person can be typed over")
	}
	if strings.Contains(page.Body.String(), p.Email) {
		t.Error("the address verified in person is shown in the open")
	}
	page = page.press("Continuar", "correo", "ladron@correo.example").want(303).follow().want(200)
	page.press("Aceptar").want(303)
	w.activation(p.Email, 1)
	if n := len(w.mails("ladron@correo.example", "")); n != 0 {
		t.Errorf("%d mails went to a typed address instead", n)
	}
}

// Trust, the table of the design: what each way of proving is worth.
func TestTrustTable(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		for _, c := range []struct {
			name  string
			kind  credential.ProcedureKind
			who   string
			email string // typed; "" for the one on record
			level credential.Level
			from  credential.Origin // of the address afterwards
		}{
			{"record questions and a typed address", credential.Generate, "nueva", "a1@correo.example", credential.Declared, credential.OriginConfirmed},
			{"own questions and an address confirmed before", credential.Recover, "con-clave", "", credential.Declared, credential.OriginConfirmed},
			{"own questions and a new typed address, after its hold", credential.Recover, "con-clave", "a2@correo.example", credential.Declared, credential.OriginConfirmed},
			{"record questions and an address verified in person", credential.Generate, "nueva-presencial", "", credential.InPerson, credential.OriginInPerson},
			{"own questions and an address verified in person", credential.Recover, "con-clave-presencial", "", credential.InPerson, credential.OriginInPerson},
			{"again", credential.Recover, "con-clave-presencial", "", credential.InPerson, credential.OriginInPerson},
		} {
			p := w.people[c.who]
			to := c.email
			if to == "" {
				to = p.Email
			}
			before := len(w.mails(to, "ACTIVACIÓN CLAVE"))
			b := w.browser()
			b.sent(c.kind, p, to)
			if b.state() == "held" {
				w.pass(24 * time.Hour)
			}
			m := w.activation(to, before+1)
			// Until the link is used, nothing is earned.
			if a, err := w.account(p); err == nil && c.kind == credential.Generate {
				t.Errorf("%s: an account of level %v before the link was used", c.name, a.Level)
			}
			b.opened(m, p).setClave(goodClave).want(303)
			if got := w.mustAccount(p).Level; got != c.level {
				t.Errorf("%s: level %v, want %v", c.name, got, c.level)
			}
			var got []string
			err := w.site.Store.View(t.Context(), func(tx credential.Tx) error {
				on, err := tx.Addresses(w.subject(p))
				for _, a := range on {
					got = append(got, a.Email.Reveal()+" "+string(a.Provenance.Origin))
				}
				return err
			})
			if diff := cmp.Diff([]string{to + " " + string(c.from)}, got); err != nil || diff != "" {
				t.Errorf("%s: addresses on record (%v):\n%s", c.name, err, diff)
			}
		}
		// Waiting never raises a level.
		w.clock.advance(365 * 24 * time.Hour)
		if got := w.mustAccount(w.people["nueva"]).Level; got != credential.Declared {
			t.Errorf("after a year the level is %v", got)
		}
	})
}

// The first act that raises an account to level 2 ends the answers made below.
func TestRaisingEndsTheAnswers(t *testing.T) {
	presetsOnce(t, raisingEndsTheAnswers)
}

func raisingEndsTheAnswers(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset)
	p := w.people["con-clave"]
	number, err := credential.ParseNumber(credential.Document(p.Document), p.Number)
	if err != nil {
		t.Fatal(err)
	}
	email, err := credential.ParseEmail(p.Email)
	if err != nil {
		t.Fatal(err)
	}
	s := w.site.config.Keys.Subject(number)
	err = w.site.Store.Update(t.Context(), s.Shard(), func(tx credential.Tx) error { // an officer saw the person
		return tx.PutAddress(credential.Address{Subject: s, ID: credential.NewSeedID(s), Email: email,
			Provenance: credential.Provenance{Origin: credential.OriginInPerson, At: w.clock.Now(), Officer: "x", Office: "y"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	p.InPerson = true
	w.browser().finished(credential.Recover, p, p.Email, goodClave)
	a := w.mustAccount(p)
	if a.Level != credential.InPerson || !a.Answers.IsZero() {
		t.Errorf("raised to level %v with answers of below: %v", a.Level, !a.Answers.IsZero())
	}
	w.browser().verdict(credential.Recover, p, p).want(422) // by questions no more
}

// Each mail sent again kills the one before; their number is bounded, and the
// number of codes over all of them; over all procedures of a number mails are
// capped in silence.
func TestResendsAndCodes(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		var holding atomic.Bool
		release := make(chan struct{})
		w := newWorld(t, dsn, preset, with("resends", "2", "proven_mails", "4"), refusing(func(string) error {
			if holding.Load() {
				<-release
			}
			return nil
		}))
		p, to := w.people["nueva"], "nueva@correo.example"
		b := w.browser()
		page := b.sent(credential.Generate, p, to)
		var codes, links []string
		for n := 1; n <= 3; n++ {
			m := w.activation(to, n)
			codes, links = append(codes, lineIn(t, m, "Código")), append(links, linkIn(t, m, "/clave/enlace/"))
			if n < 3 {
				page.press("Enviar de nuevo").want(303)
			}
		}
		_, inputs := page.form("Enviar de nuevo")
		if a := b.send(http.MethodPost, journey[5]+"/reenviar", inputs).want(429); a.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After on the last of the mails")
		}
		b.get(links[0]).want(410)
		b.get(links[1]).want(410)
		page = b.get(journey[5]).want(200)
		wrong := "000000"
		if codes[2] == wrong {
			wrong = "000001"
		}
		for _, code := range []string{codes[0], codes[1], wrong, wrong} {
			if code == codes[2] {
				code = wrong
			}
			page.press("Continuar", "codigo", code).want(422)
		}
		page.press("Continuar", "codigo", "12345").want(422) // of another shape: costs nothing
		page.press("Continuar", "codigo", wrong).want(422)
		page.press("Continuar", "codigo", codes[2]).want(429) // the five are spent
		// Not so the link, which nobody guesses.
		b.get(links[2]).want(303).follow().press("Continuar").want(303)

		// Three mails are gone; the fourth leaves, the fifth does not, and the pages
		// look the same.
		var texts []string
		holding.Store(true)
		for n := 4; n <= 5; n++ {
			b := w.browser()
			page := b.sent(credential.Generate, p, to)
			texts = append(texts, strings.ReplaceAll(page.text(), lineOf(page, "Referencia"), ""))
			if n == 4 {
				close(release)
				w.activation(to, 4)
			}
		}
		w.settled()
		if n := len(w.mails(to, "ACTIVACIÓN CLAVE")); n != 4 {
			t.Errorf("%d mails left, the cap is four", n)
		}
		if texts[0] != texts[1] {
			t.Errorf("the cap shows:\n%s", cmp.Diff(texts[0], texts[1]))
		}
		w.clock.advance(24 * time.Hour)
		w.browser().sent(credential.Generate, w.renewed(p), to)
		w.activation(to, 5)
	})
}

// lineOf gives the word after a label of a page.
func lineOf(a *answer, label string) string {
	_, rest, _ := strings.Cut(a.text(), label+" ")
	word, _, _ := strings.Cut(rest, " ")
	return word
}

// Twenty codes a day for a number, over all its procedures and browsers.
func TestCodesOfADay(t *testing.T) {
	presetsOnce(t, codesOfADay)
}

func codesOfADay(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, with("proven_mails", "100", "code_tries", "10"))
	p, to := w.people["nueva"], "nueva@correo.example"
	typed := 0
	for n := 1; n <= 3; n++ {
		b := w.browser()
		page := b.sent(credential.Generate, p, to)
		right := lineIn(t, w.activation(to, n), "Código")
		wrong := "000000"
		if right == wrong {
			wrong = "000001"
		}
		for range 10 {
			want := 422
			if typed >= 20 {
				want = 429
			}
			page.press("Continuar", "codigo", wrong).want(want)
			typed++
		}
		if n == 3 {
			page.press("Continuar", "codigo", right).want(429)
			w.clock.advance(2 * time.Minute)
			b.get(linkIn(t, w.mails(to, "ACTIVACIÓN CLAVE")[0], "/clave/enlace/")).want(303)
		}
	}
}

// A mailbox serves a few people a month, its other spellings counted with it; who
// already uses it is no new one.
func TestPeoplePerMailbox(t *testing.T) {
	presetsOnce(t, peoplePerMailbox)
}

func peoplePerMailbox(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, with("people_per_mailbox", "2"), idle())
	at := func(p web.DemoPerson, email string) *answer {
		t.Helper()
		return w.browser().prove(credential.Generate, p).want(303).follow().want(200).toContact().contact(email)
	}
	a, b, c := w.people["nueva"], w.people["pensionista"], w.people["derechohabiente"]
	for _, p := range []web.DemoPerson{a, b} {
		at(p, "Familia.Perez@gmail.com").want(303).follow().press("Aceptar").want(303)
	}
	for _, email := range []string{"familia.perez@gmail.com", "familiaperez@gmail.com", "familia.perez+abuela@gmail.com"} {
		if full := at(c, email).want(422); !strings.Contains(full.text(), "Hay un problema") {
			t.Errorf("%s: %s", email, clipText(full.text(), 300))
		}
	}
	at(a, "familia.perez@gmail.com").want(303)
	at(c, "otra.familia@gmail.com").want(303)
	w.clock.advance(32 * 24 * time.Hour)
	at(w.renewed(c), "familia.perez@gmail.com").want(303)
}

// A procedure ends after its time, unless one press renews it, at most ten
// times; after that its pages say so and lead on.
func TestProcedureTime(t *testing.T) {
	presetsOnce(t, procedureTime)
}

func procedureTime(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, idle())
	p := w.people["nueva"]
	b := w.browser()
	page := b.begin(credential.Generate, p).follow().want(200)
	w.clock.advance(30*time.Minute - time.Second)
	page.press("Continuar", page.proof(p)...).want(303).follow().want(200)
	w.clock.advance(time.Second)
	b.get(journey[1]).want(410)
	page.press("Continuar", page.proof(p)...).want(410)

	page = b.begin(credential.Generate, p).follow().want(200)
	_, inputs := page.form("Continuar")
	inputs.Set("dia", "17")
	for range 10 {
		w.clock.advance(29 * time.Minute)
		again := b.send(http.MethodPost, "/clave/generar-recuperar/mas-tiempo", inputs).want(200)
		if _, kept := again.form("Continuar"); kept.Get("dia") != "17" {
			t.Fatalf("after asking for more time the day is %q", kept.Get("dia"))
		}
	}
	if again := b.get(journey[0]).want(200); strings.Contains(again.Body.String(), "mas-tiempo") {
		t.Error("an eleventh extension is offered")
	}
	b.send(http.MethodPost, "/clave/generar-recuperar/mas-tiempo", inputs).want(429)
	w.clock.advance(29 * time.Minute)
	page.press("Continuar", page.proof(p)...).want(303)
	w.clock.advance(time.Minute)
	b.get(journey[1]).want(410)
}

// The program may end at any step and start again on the same database: each
// page goes on where it was, and nothing that a page confirmed is lost.
func TestRestartInTheMiddle(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p, to := w.people["nueva"], "nueva@correo.example"
		b := w.browser()
		page := b.begin(credential.Generate, p).want(303).follow().want(200)
		w.restart()
		page = page.press("Continuar", page.proof(p)...).want(303).follow().want(200)
		w.restart()
		page = page.press("Aceptar").want(303).follow().want(200)
		w.restart()
		for page.path != journey[4] {
			page = page.contact(to).want(303).follow().want(200)
			w.restart()
		}
		// Confirmed, and the program is gone before the mail can leave.
		w.site.dispatcher.Wake()
		page.press("Aceptar").want(303).follow().want(200)
		w.restart()
		m := w.activation(to, 1)
		w.restart()
		page = b.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().want(200)
		page = page.press("Continuar").want(303).follow().want(200)
		w.restart()
		page = page.setClave(goodClave).want(303).follow().want(200)
		w.restart()
		page.press("Finalizar").want(303)
		if !w.hasClave(p, goodClave) {
			t.Error("the clave is lost")
		}
		w.settled()
		if n := len(w.mails(to, "")); n != 2 {
			t.Errorf("%d mails, want the activation and the notice", n)
		}
		if rows, err := VerifyAudit(t.Context(), dsn, w.site.config.Keys, keptHeads(t, w.site.config.HeadsFile)); err != nil || rows == 0 {
			t.Errorf("the audit of %d rows: %v", rows, err)
		}
	})
}

// While the relay is away the procedure goes on and the page says that it may
// take longer; when it is back the mail leaves, with the link of the first
// attempt, which holds until its cap.
func TestRelayDown(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		var down atomic.Bool
		w := newWorld(t, dsn, preset, refusing(func(string) error {
			if down.Load() {
				return &mailbox.Refusal{Code: 451, Text: "try later"}
			}
			return nil
		}))
		down.Store(true)
		p, to := w.people["nueva"], "nueva@correo.example"
		b := w.browser()
		b.sent(credential.Generate, p, to)
		w.waitFor("first attempt", func() bool { return b.state() == "trying" })
		if text := b.get(journey[5]).want(200).text(); !strings.Contains(text, "puede tardar más de lo normal") {
			t.Errorf("the page does not say that it may take longer: %s", clipText(text, 400))
		}
		w.pass(15 * time.Second)
		if text := b.get(journey[5]).want(200).text(); !strings.Contains(text, "tarda más de lo normal") {
			t.Errorf("the page does not say that it takes longer: %s", clipText(text, 400))
		}
		w.waitFor("another try", func() bool { // which makes the mail due later, and no less late
			due := int64(0)
			w.behind(func(db *sql.DB) error {
				return db.QueryRowContext(t.Context(), "SELECT min(due) FROM outbox WHERE ended = ''").Scan(&due)
			})
			return due > w.clock.Now().UnixMilli()
		})
		if _, body := w.ready(); !strings.Contains(body, "smtp: waiting, 1 queued") {
			t.Errorf("readyz says %q", body)
		}
		w.pass(119*time.Minute - 15*time.Second) // one minute before the cap
		down.Store(false)
		w.site.dispatcher.Wake()
		m := w.activation(to, 1)
		if status, body := w.ready(); status != 200 || body != "ok" {
			t.Errorf("readyz says %d %q", status, body)
		}
		link := linkIn(t, m, "/clave/enlace/")
		w.clock.advance(time.Minute - time.Second)
		b.get(link).want(303)
		w.clock.advance(time.Second) // the cap, though the link's own time is not over
		b.get(link).want(410)
		if b.state() != "over" {
			t.Errorf("after the cap the page says %q", b.state())
		}
	})
}

// ready asks the operators' page.
func (w *world) ready() (int, string) {
	w.t.Helper()
	b := w.browser()
	citizens := w.handler
	w.handler = w.site.Operation()
	defer func() { w.handler = citizens }()
	a := b.get("/readyz")
	return a.Code, strings.TrimSpace(a.Body.String())
}

// An address that its server refuses for good: the page offers to correct it,
// and the corrected one gets the mail, nothing else typed again.
func TestAddressRefused(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset, refusing(func(to string) error {
			if strings.HasPrefix(to, "noexiste") {
				return &mailbox.Refusal{Code: 550, Text: "no such user"}
			}
			return nil
		}))
		p := w.people["nueva"]
		b := w.browser()
		b.sent(credential.Generate, p, "noexiste@correo.example")
		w.waitFor("refusal", func() bool { return b.state() == "refused" })
		page := b.get(journey[5]).want(200)
		if !strings.Contains(page.text(), words.Spanish().Text("waiting.correct")) {
			t.Errorf("the page does not offer to correct the address: %s", clipText(page.text(), 400))
		}
		page = b.get(journey[3]).want(200)
		if _, inputs := page.form("Continuar"); inputs.Get("correo") != "noexiste@correo.example" {
			t.Errorf("the page to correct it holds %q", inputs.Get("correo"))
		}
		page.press("Continuar", "correo", "existe@correo.example").want(303).follow().press("Aceptar").want(303)
		m := w.activation("existe@correo.example", 1)
		b.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().press("Continuar").want(303).follow().setClave(goodClave).want(303)
		if !w.hasClave(p, goodClave) {
			t.Error("the clave was not set")
		}
		// A mail that left is no reason to change where it went.
		other := w.browser()
		other.sent(credential.Generate, w.people["pensionista"], "bien@correo.example")
		w.activation("bien@correo.example", 1)
		if a := other.get(journey[3]); a.Code != 303 || a.Header().Get("Location") != journey[5] {
			t.Errorf("the address can be changed after the mail left: %d", a.Code)
		}
	})
}

// A link opened too late in a browser that did not ask for it sends another mail
// to the same address, once day and month are right, and to nobody else.
func TestResendFromAnExpiredLink(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		p := w.people["nueva"]
		const to = "nueva@correo.example"
		w.browser().sent(credential.Generate, p, to)
		path := linkIn(t, w.activation(to, 1), "/clave/enlace/")
		w.clock.advance(w.policy().LinkLife + time.Minute)
		elsewhere := w.browser()
		page := elsewhere.get(path).want(410)
		page.press("Enviar de nuevo", "dia", "31", "mes", "12").want(422)
		if n := len(w.mails(to, "")); n != 1 {
			t.Fatalf("%d mails after a wrong birth date, want 1", n)
		}
		page.press("Enviar de nuevo", proofDate(p)...).want(200)
		m := w.activation(to, 2)
		page = elsewhere.get(linkIn(t, m, "/clave/enlace/")).want(303).follow().want(200)
		page = page.press("Continuar", proofDate(p)...).want(303).follow().want(200)
		page.setClave(goodClave).want(303)
		elsewhere.get(path).want(410)
	})
}
