package site

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
)

const (
	pathQuejas           = "/quejas"
	complaintSubject     = "Confirme lo que escribió a la institución"
	complaintTaken       = "Recibimos lo que escribió a la institución"
	complaintLinkPrefix  = "/quejas/confirmar/"
	whatHappened         = "La página de desbloqueo no me dejó continuar."
	complaintsAtNetwork  = "Desde su conexión se enviaron hoy demasiadas quejas."
	anyWriter            = "quien.escribe@correo.example"
	complaintNumberLabel = "Número"
)

// complain fills the page of complaints. More pairs overwrite what is right.
func (b *browser) complain(email string, pairs ...string) *answer {
	b.w.t.Helper()
	all := append([]string{"tipo", "complaint", "asunto", "unlock", "texto", whatHappened, "correo", email}, pairs...)
	return b.get(pathQuejas).want(200).press("Enviar", all...)
}

// complained sends a complaint and gives number and code as the last page shows them.
func (b *browser) complained(email string, pairs ...string) (number, code string) {
	b.w.t.Helper()
	done := b.complain(email, pairs...).want(303).follow().want(200)
	number, code = lineOf(done, complaintNumberLabel), lineOf(done, "Código")
	if len(number) != 11 || len(code) != 15 {
		b.w.t.Fatalf("number %q and code %q in %s", number, code, clipText(done.text(), 500))
	}
	return number, code
}

// followed asks how a complaint stands.
func (b *browser) followed(number, code string) *answer {
	b.w.t.Helper()
	return b.get(pathQuejas+"/seguimiento").want(200).press("Consultar", "numero", number, "codigo", code)
}

// complaintMail waits for the n-th mail about a complaint to an address.
func (w *world) complaintMail(to, subject string, n int) mailbox.Message {
	w.t.Helper()
	w.waitFor("mail about a complaint", func() bool { return len(w.mails(to, subject)) >= n })
	return w.mails(to, subject)[0]
}

// counted sums up what the figures have of a measure.
func (w *world) counted(measure credential.Measure) (n int64) {
	w.t.Helper()
	w.upkeep()
	w.behind(func(db *sql.DB) error {
		return db.QueryRowContext(w.t.Context(), "SELECT coalesce(sum(n), 0) FROM figure_counts WHERE measure = $1", string(measure)).Scan(&n)
	})
	return n
}

// hrefTo matches a link to a path.
func hrefTo(path string) func(*html.Node) bool {
	return func(n *html.Node) bool {
		href := attr(n, "href")
		return n.Data == "a" && (href == path || strings.HasPrefix(href, path+"?"))
	}
}

// openComplaints are those that staff read.
func (w *world) openComplaints() []credential.Complaint {
	w.t.Helper()
	list, err := w.site.Service.OpenComplaints(w.t.Context(), credential.Actor{Kind: credential.Staff, Route: "test"}, time.Time{}, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// A complaint with an address is confirmed by the link in its mail, once, whoever
// looks at the link before; number and code follow it and are shown once.
func TestComplaintByMail(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		b := w.browser()
		number, code := b.complained(anyWriter)
		again := b.get("/quejas/listo").want(404)
		if strings.Contains(again.text(), number) || strings.Contains(again.text(), code) {
			t.Error("the code is shown twice")
		}
		m := w.complaintMail(anyWriter, complaintSubject, 1)
		if lineIn(t, m, "Número") != number || lineIn(t, m, "Código de seguimiento") != code {
			t.Errorf("the mail has another number or code:\n%s", m.Text)
		}
		if strings.Contains(m.Text+m.HTML, "desbloqueo no me") {
			t.Error("the mail quotes what was written: anybody could write to anybody through us")
		}
		for _, spelled := range [][2]string{
			{number, code}, {strings.ToLower(number[2:]), strings.ToLower(strings.ReplaceAll(code, "-", " "))},
		} {
			text := w.browser().followed(spelled[0], spelled[1]).want(200).text()
			for _, must := range []string{number, "Falta que la confirme", "20 de noviembre de 2026", "5 de diciembre de 2026", "Desbloqueo de clave"} {
				if !strings.Contains(text, must) {
					t.Errorf("following %q lacks %q: %s", spelled[0], must, clipText(text, 600))
				}
			}
			if strings.Contains(text, whatHappened) || strings.Contains(text, "quien") {
				t.Error("whoever has the mail reads what was written")
			}
		}
		// A wrong code and a number that there is not are the same page.
		other := number[:len(number)-1] + "2"
		if other == number {
			other = number[:len(number)-1] + "3"
		}
		refused := func(number, code string) string {
			page := w.browser().followed(number, code).want(422)
			return strings.ReplaceAll(page.Body.String(), number, "N")
		}
		if refused(number, "AAAAA-BBBB-CCCC") != refused(other, "AAAAA-BBBB-CCCC") {
			t.Error("a number that there is and one that there is not differ")
		}

		link := linkIn(t, m, complaintLinkPrefix)
		scanner := w.browser()
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
			scanner.send(method, link, nil).want(200)
		}
		if n := w.counted(credential.FigureComplaint); n != 0 {
			t.Fatalf("%d complaints counted before anybody confirmed", n)
		}
		w.restart()
		page := b.get(link).want(200)
		pressed := make([]*answer, 6)
		var all sync.WaitGroup
		for i := range pressed {
			mine := *page
			mine.b = page.b.clone()
			all.Go(func() { pressed[i] = mine.press("Confirmar") })
		}
		all.Wait()
		for _, a := range append(pressed, page.press("Confirmar")) {
			if text := a.want(303).follow().want(200).text(); !strings.Contains(text, "Quedó confirmada") {
				t.Errorf("after «Confirmar»: %s", clipText(text, 300))
			}
		}
		if n := w.counted(credential.FigureComplaint); n != 1 {
			t.Errorf("%d complaints counted, want 1 however often it was pressed", n)
		}
		if text := w.browser().followed(number, code).want(200).text(); !strings.Contains(text, "Confirmada.") {
			t.Errorf("it does not stand as confirmed: %s", clipText(text, 300))
		}
		b.get(link[:len(link)-2] + "AA").want(404)
		b.get(complaintLinkPrefix + "x").want(404)
		b.send(http.MethodPost, link[:len(link)-2]+"AA", url.Values{}).want(404)
		b.header.Set("Sec-Fetch-Site", "cross-site")
		b.send(http.MethodPost, link, url.Values{}).want(403)
		b.send(http.MethodPost, pathQuejas, url.Values{}).want(403)
	})
}

// What nobody confirms in time is told apart, once, on the day on which it ran out,
// and only complaints count among the complaints.
func TestComplaintNobodyConfirms(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn)
		w.browser().complained(anyWriter)
		number, code := w.browser().complained("")
		w.browser().complained("", "tipo", "suggestion")
		praise := "aplauso@correo.example"
		w.browser().complained(praise, "tipo", "praise")
		if n := len(w.mails("", complaintSubject)); n > 2 {
			t.Errorf("%d mails, want one to each address", n)
		}
		happy := linkIn(t, w.complaintMail(praise, complaintSubject, 1), complaintLinkPrefix)
		w.browser().get(happy).want(200).press("Confirmar").want(303)
		link := linkIn(t, w.complaintMail(anyWriter, complaintSubject, 1), complaintLinkPrefix)
		page := w.browser().get(link).want(200)
		w.settled()
		lapse := func() {
			if err := w.site.Service.LapseComplaints(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		w.clock.advance(7*24*time.Hour - time.Second)
		lapse()
		page.b.get(link).want(200)
		w.clock.advance(time.Second)
		gone := page.press("Confirmar").want(410)
		if !strings.Contains(gone.text(), "7 días") {
			t.Errorf("the page of a link that ended: %s", clipText(gone.text(), 300))
		}
		page.b.get(link).want(410)
		w.clock.advance(15 * time.Minute)
		lapse()
		lapse()
		if open, all := w.counted(credential.FigureComplaintOpen), w.counted(credential.FigureComplaint); open != 2 || all != 0 {
			t.Errorf("%d that nobody confirmed and %d complaints, want the two complaints, and none", open, all)
		}
		var day string
		w.behind(func(db *sql.DB) error {
			return db.QueryRowContext(t.Context(), "SELECT min(day) FROM figure_counts WHERE measure = 'complaint_open'").Scan(&day)
		})
		if day != "2026-11-27" {
			t.Errorf("counted on %s, want the day on which its time was over", day)
		}
		if text := w.browser().followed(number, code).want(200).text(); !strings.Contains(text, "Ya pasó el tiempo") {
			t.Errorf("it stands as %s", clipText(text, 400))
		}
		if n := len(w.openComplaints()); n != 4 {
			t.Errorf("staff can read %d of 4", n)
		}
		w.update(func(tx credential.Tx) error {
			acts, err := tx.AuditOf(credential.Subject{}, credential.AuditQuery{Acts: []credential.Act{credential.ActComplaintsRead}, N: 9})
			if len(acts) != 1 || acts[0].Actor != credential.Staff {
				t.Errorf("the audit has %d acts of staff who read them, want 1", len(acts))
			}
			return err
		})
		// Kept a year unconfirmed, three once confirmed.
		for _, c := range []struct {
			days, left int
		}{{300, 4}, {66, 1}, {730, 0}} {
			w.clock.advance(time.Duration(c.days) * 24 * time.Hour)
			if _, err := w.site.Service.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(w.openComplaints()); n != c.left {
				t.Errorf("after %d days more %d are kept, want %d", c.days, n, c.left)
			}
		}
	})
}

// Who is logged in confirms by that, and it is theirs; who logged out meanwhile
// loses nothing of it.
func TestComplaintInside(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, configured(func(c *Config) { c.Institution.AnswerDays = 3 }))
		p := w.people["con-clave-presencial"]
		b := w.inOf(p)
		page := b.get(pathQuejas).want(200)
		if !strings.Contains(page.text(), "a su nombre") || !strings.Contains(page.text(), "en 3 días") {
			t.Error("nobody is told that it will be in their name, or when it is answered")
		}
		number, code := b.complained(anyWriter)
		if text := w.browser().followed(number, code).want(200).text(); !strings.Contains(text, "Confirmada.") || !strings.Contains(text, "23 de noviembre de 2026") {
			t.Errorf("it stands as %s", clipText(text, 400))
		}
		if m := w.complaintMail(anyWriter, complaintTaken, 1); strings.Contains(m.Text, "://") || !strings.Contains(m.Text, number) || !strings.Contains(m.Text, code) {
			t.Errorf("the mail of one that is confirmed:\n%s", m.Text)
		}
		if n := w.counted(credential.FigureComplaint); n != 1 {
			t.Errorf("%d counted, want 1", n)
		}
		if text := b.get("/mi-cuenta/historia").want(200).text(); !strings.Contains(text, "Se presentó una queja") || !strings.Contains(text, number) {
			t.Error("its owner's history lacks it")
		}
		file := b.get(pathRightsInside).want(200).press("Descargar mis datos", "actual", p.Clave).want(200).Body.String()
		if !strings.Contains(file, number) || !strings.Contains(file, whatHappened) {
			t.Error("its owner's data lack it")
		}
		before := b.get(pathQuejas).want(200)
		b.send(http.MethodPost, "/salir", url.Values{}).want(303)
		done := before.press("Enviar", "tipo", "complaint", "asunto", "other", "texto", "Otra cosa").want(303).follow().want(200)
		if !strings.Contains(done.text(), "sin confirmar") {
			t.Errorf("without a session: %s", clipText(done.text(), 400))
		}
		if n := w.counted(credential.FigureComplaint); n != 1 {
			t.Errorf("%d counted, want 1", n)
		}
	})
}

// Bad input is stored inert or refused with the limit named, and nothing typed is lost.
func TestComplaintRefused(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), once("captcha_cost", "1"), with("hash_passes", "1"))
	b := w.browser()
	page := b.get(pathQuejas).want(200)
	textarea := func(a *answer) string {
		for n := range descendants(a.root, "textarea") {
			if n.FirstChild != nil {
				return n.FirstChild.Data
			}
		}
		return ""
	}
	hostile := "\n=cmd|'/C calc'!A1 <script>alert(1)</script>\n\n  </textarea>{{.}} 👩‍🚒 ñandú"
	solved := solve(t, page.challenge())
	for name, c := range map[string]struct {
		pairs []string
		says  []string
	}{
		"nothing":     {[]string{"altcha", solved}, []string{"Elija si es una queja", "Elija de qué trámite", "Escriba qué pasó."}},
		"strange":     {[]string{"altcha", solved, "tipo", "x", "asunto", "<b>", "correo", "rosa@@"}, []string{"Elija si es", "Elija de qué"}},
		"hidden":      {[]string{"altcha", solved, "tipo", "praise", "asunto", "other", "texto", " \u202e\u200b\x01\r\n\u200d"}, []string{"Escriba qué pasó."}},
		"a letter":    {[]string{"altcha", solved, "tipo", "praise", "asunto", "other", "texto", strings.Repeat("ñ", 2001)}, []string{"2.000 letras"}},
		"100 kB":      {[]string{"altcha", solved, "tipo", "praise", "asunto", "other", "texto", strings.Repeat("ñ", 50_000)}, []string{"2.000 letras"}},
		"no captcha":  {[]string{"tipo", "complaint", "asunto", "unlock", "texto", hostile, "correo", "rosa@correo.example"}, []string{"Falta comprobar"}},
		"bad captcha": {[]string{"tipo", "complaint", "asunto", "unlock", "texto", hostile, "altcha", "x"}, []string{"No se pudo verificar"}},
	} {
		refused := page.press("Enviar", c.pairs...).want(422)
		for _, says := range append(c.says, "Hay un problema") {
			if !strings.Contains(refused.text(), says) {
				t.Errorf("%s: %q is not said: %s", name, says, clipText(refused.text(), 500))
			}
		}
		typed := url.Values{}
		for i := 0; i < len(c.pairs); i += 2 {
			typed.Set(c.pairs[i], c.pairs[i+1])
		}
		shown := strings.NewReplacer("\r\n", "\n", "\x01", "\ufffd").Replace(typed.Get("texto"))
		if got := textarea(refused); name != "hidden" && got != shown {
			t.Errorf("%s: of %d letters typed %d come back: %.80q", name, len(shown), len(got), got)
		}
		_, inputs := refused.form("Enviar")
		if typed.Get("tipo") != "x" && (inputs.Get("tipo") != typed.Get("tipo") || inputs.Get("asunto") != typed.Get("asunto")) || inputs.Get("correo") != typed.Get("correo") {
			t.Errorf("%s: %v comes back as %v", name, typed, inputs)
		}
		if refused.challenge().Signature == page.challenge().Signature {
			t.Errorf("%s: no new challenge", name)
		}
	}
	if n := len(w.openComplaints()); n != 0 {
		t.Fatalf("%d stored of what was refused", n)
	}
	// The solution was not spent by any of them; it is by what is taken.
	good := []string{"tipo", "complaint", "asunto", "unlock", "correo", "rosa@correo.example", "altcha", solved, "texto",
		hostile + "\x00\x07\u202e\xff fin\r\notra\tlínea"}
	page.press("Enviar", good...).want(303)
	page.press("Enviar", good...).want(422)
	if got, want := w.openComplaints()[0].Text.Reveal(), strings.TrimSpace(hostile)+"\ufffd fin\notra línea"; got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
	start := b.get("/clave/generar-recuperar").want(200)
	page.press("Enviar", append(good, "altcha", solve(t, start.challenge()))...).want(422) // of another page
	old := solve(t, b.get(pathQuejas).challenge())
	w.clock.advance(11 * time.Minute)
	refused := page.press("Enviar", append(good, "altcha", old, "texto", hostile)...).want(422)
	if !strings.Contains(refused.text(), "venció") || textarea(refused) != hostile {
		t.Error("what was typed is lost when the captcha expires")
	}
	large := page.press("Enviar", "texto", strings.Repeat("ñ", 200_000)).want(413)
	if !strings.Contains(large.text(), "2.000 letras") || !strings.Contains(large.text(), "sigue ahí") {
		t.Errorf("what is too large to read: %s", clipText(large.text(), 400))
	}
}

// A mailbox gets so many mails a day, however its address is written, and nobody
// learns that it got no more; a network is told its limit.
func TestS12_ComplaintMailboxHasACap(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		w := newWorld(t, dsn, with("unproven_mails", "2", "numbers_per_network", "5"))
		spelled := []string{"rosa.paz@gmail.com", "Rosa.Paz+queja@gmail.com", "rosapaz+x@googlemail.com", "ROSAPAZ@gmail.com", "r.o.s.a.paz@gmail.com"}
		pages := map[string]bool{}
		for _, to := range spelled {
			done := w.browser().complain(to).want(303).follow().want(200)
			text := strings.NewReplacer(lineOf(done, complaintNumberLabel), "N", lineOf(done, "Código"), "C", "R•", "r•", "@•••••", "@gmail.com").Replace(done.text())
			pages[text] = true
		}
		w.settled()
		if n := len(w.box.Messages("")); n != 2 || len(pages) != 1 {
			t.Errorf("%d mails to one mailbox, want 2; %d pages, want one for all", n, len(pages))
		}
		if n := len(w.openComplaints()); n != len(spelled) {
			t.Errorf("%d stored, want all %d", n, len(spelled))
		}
		refused := w.browser().complain("otra@correo.example").want(429)
		if refused.Header().Get("Retry-After") == "" || !strings.Contains(refused.text(), complaintsAtNetwork) || !strings.Contains(refused.Body.String(), whatHappened) {
			t.Errorf("the network's limit: %s", clipText(refused.text(), 400))
		}
		elsewhere := w.browser()
		elsewhere.addr = "198.51.100.7:40000"
		elsewhere.complain("otra@correo.example").want(303)
		w.settled() // before the clock moves: a mail under way would be sent again
		w.clock.advance(25 * time.Hour)
		w.browser().complain(spelled[0]).want(303)
		w.settled()
		if n := len(w.box.Messages("")); n != 4 {
			t.Errorf("%d mails the next day, want 4", n)
		}
	})
}

// A failure's page leads to the complaints; the procedure's reference goes with one
// only if its writer ticks it, in the browser that holds the procedure.
func TestComplaintReference(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"))
	p := w.people["con-clave"]
	b := w.browser()
	page := b.begin(credential.Recover, p).want(303).follow().want(200)
	failed := page.press("Continuar", append(page.proof(p), "dia", "1", "mes", "1")...).want(303).follow().want(200).press("Aceptar").want(422)
	if find(failed.root, hrefTo(pathQuejas)) == nil {
		t.Error("the page of a failed proof does not lead to the complaints")
	}
	plain := b.get(pathQuejas).want(200)
	_, inputs := plain.form("Enviar")
	if _, asked := b.get(pathQuejas + "?asunto=change").want(200).form("Enviar"); inputs.Get("asunto") != "recover" || asked.Get("asunto") != "change" {
		t.Errorf("chosen when the page opens: %q and, from a page about another, %q", inputs.Get("asunto"), asked.Get("asunto"))
	}
	if !strings.Contains(plain.text(), "Incluir la referencia de mi trámite") || inputs.Has("referencia") {
		t.Error("the reference is not offered, or ticked by itself")
	}
	if strings.Contains(w.browser().get(pathQuejas).want(200).text(), "Incluir la referencia") {
		t.Error("a browser without a procedure is offered its reference")
	}
	thief := w.browser() // knows the procedure's id, which stands in every form of it
	thief.begin(credential.Recover, w.people["nueva"]).want(303)
	_, secret, _ := strings.Cut(thief.cookies["tramite"], ".")
	id, _, _ := strings.Cut(b.cookies["tramite"], ".")
	thief.cookies["tramite"] = id + "." + secret
	if strings.Contains(thief.get(pathQuejas).want(200).text(), "Incluir la referencia") {
		t.Error("who does not hold a procedure is offered its reference")
	}
	w.clock.advance(time.Hour) // the procedure is over: its reference still says where it failed
	b.complained("", "texto", "no")
	b.complained("", "texto", "sí", "referencia", "si")
	w.browser().complained("", "texto", "de otro", "referencia", "si")
	stored := w.openComplaints()
	if len(stored) != 3 {
		t.Fatalf("%d stored", len(stored))
	}
	for _, c := range stored {
		carried := c.Reference != "" && strings.Contains(plain.text(), c.Reference)
		if carried != (c.Text.Reveal() == "sí") || !carried && c.Reference != "" {
			t.Errorf("complaint %q carries the reference %q", c.Text.Reveal(), c.Reference)
		}
	}
	for _, path := range []string{"/clave/desbloquear", "/clave/desbloquear/correo"} {
		if find(w.browser().get(path).want(200).root, hrefTo(pathQuejas+"?asunto=unlock")) == nil {
			t.Errorf("%s does not lead to a complaint about it", path)
		}
	}
	bad := w.browser().get("/clave/enlace/" + strings.Repeat("A", 46)).follow()
	for n := range descendants(bad.root, "a") {
		if strings.Contains(attr(n, "href"), "AAAA") {
			t.Errorf("a link carries the token on: %s", attr(n, "href"))
		}
	}
}

// Neither text, address, code nor link of a complaint reaches a log, a header, a
// page that its writer does not see, or the database in a form that can be read.
func TestS28_ComplaintsStayInside(t *testing.T) {
	var log safeBuffer
	dsn := dsnOf(t, "sqlite")
	w := newWorld(t, dsn, configured(func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	b := w.browser()
	number, code := b.complained(anyWriter)
	link := linkIn(t, w.complaintMail(anyWriter, complaintSubject, 1), complaintLinkPrefix)
	secrets := []string{code, strings.ReplaceAll(code, "-", ""), link[len(complaintLinkPrefix):], whatHappened, anyWriter, "quien.escribe"}
	page := b.get(link).want(200)
	for _, a := range []*answer{
		b.complain("rosa@@", "texto", whatHappened).want(422), b.followed(number, code).want(200), b.followed(number, "x").want(422),
		page, page.press("Confirmar").want(303), b.get(link + "x").want(404),
	} {
		headers := a.Header().Clone()
		headers.Del("Set-Cookie")
		if strings.Contains(a.path, complaintLinkPrefix) {
			headers.Del("Location") // to the link itself
		}
		for _, secret := range secrets {
			if strings.Contains(fmt.Sprint(headers), secret) {
				t.Errorf("%s: a header shows %q", a.path, secret)
			}
		}
	}
	w.settled()
	w.halt() // writes the last lines, and the database
	w.halt = func() {}
	content := log.String()
	for _, suffix := range []string{"", "-wal"} {
		file, err := os.ReadFile(dsn + suffix)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		content += string(file)
	}
	if !strings.Contains(content, "/quejas/confirmar/{token}") || !strings.Contains(content, number) {
		t.Error("the test looks at the wrong things")
	}
	for _, secret := range secrets {
		if strings.Contains(content, secret) {
			t.Errorf("log or database show %q", secret)
		}
	}
	if strings.Contains(log.String(), number) {
		t.Error("the log names a complaint")
	}
}

// A complaint that the database does not take is a fault that tells nothing, or
// "later", and what is tried again is taken.
func TestComplaintWithoutDatabase(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	b := w.browser()
	page := b.get(pathQuejas).want(200)
	w.exec("ALTER TABLE complaints RENAME TO away")
	_, inputs := page.form("Enviar")
	for name, value := range map[string]string{"tipo": "complaint", "asunto": "other", "texto": whatHappened} {
		inputs.Set(name, value)
	}
	fault := b.sendContext(context.Background(), http.MethodPost, pathQuejas, inputs)
	if fault.Code != 500 || strings.Contains(fault.Body.String(), "complaints") {
		t.Errorf("without its table: %d %s", fault.Code, clipText(fault.text(), 300))
	}
	w.exec("ALTER TABLE away RENAME TO complaints")
	b.send(http.MethodPost, pathQuejas, inputs).want(303)
	if n := len(w.openComplaints()); n != 1 {
		t.Errorf("%d stored, want the second alone", n)
	}
}
