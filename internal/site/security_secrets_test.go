package site

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"aldaba/internal/credential"
	"aldaba/internal/mailbox"
	"aldaba/internal/web"
)

// exec runs SQL behind the program's back and gives how many rows it touched.
func (w *world) exec(query string, args ...any) int64 {
	w.t.Helper()
	n := int64(0)
	w.behind(func(db *sql.DB) error {
		result, err := db.ExecContext(w.t.Context(), query, args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n
}

// behind opens the database without the program.
func (w *world) behind(f func(db *sql.DB) error) {
	w.t.Helper()
	driver, dsn := "pgx", w.site.config.Database
	if !strings.HasPrefix(dsn, "postgres") {
		driver, dsn = "sqlite", "file:"+dsn+"?_busy_timeout=5000"
	}
	db, err := sql.Open(driver, dsn)
	if err == nil {
		err = errors.Join(f(db), db.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// safeBuffer is a log that several goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// No secret and nothing personal stands in a log, a Location, a header or a page
// of failure, over two whole journeys with every kind of error on the way; and
// no page lets the browser name it in a Referer.
func TestS28_SecretsStayInside(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		var log safeBuffer
		var db spy
		refused := "noexiste.nunca@correo.example"
		w := newWorld(t, dsn, preset, db.option(), with("resends", "3"),
			configured(func(c *Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			}),
			refusing(func(to string) error {
				if to == refused {
					return &mailbox.Refusal{Code: 550, Text: "no such user <" + to + ">"}
				}
				return nil
			}))
		secrets := map[string]string{} // value → what it is
		keep := func(what string, values ...string) {
			for _, v := range values {
				if v != "" {
					secrets[v] = what
				}
			}
		}
		const wrongClave, typed = "una-clave-distinta-88", "madrugada.azul@correo.example"
		keep("clave", goodClave, wrongClave, "otra-repetida-99")
		keep("address", refused, typed)
		keep("answer", fakeAnswers...)
		var answers []*answer
		var mu sync.Mutex
		w.handler = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(rw, r)
				for _, c := range r.Cookies() { // whatever a browser holds is its own secret
					mu.Lock()
					_, secret, claim := strings.Cut(c.Value, ".")
					if claim {
						keep("cookie "+c.Name, secret)
					} else {
						keep("cookie "+c.Name, c.Value)
					}
					mu.Unlock()
				}
			})
		}(w.handler)
		note := func(a *answer) *answer { answers = append(answers, a); return a }
		noteMail := func(m mailbox.Message, prefix string) string {
			path := linkIn(t, m, prefix)
			keep("link", path[len(prefix):])
			if prefix == "/clave/enlace/" {
				keep("code", lineIn(t, m, "Código"))
			}
			return path
		}
		for kind, p := range map[credential.ProcedureKind]web.DemoPerson{
			credential.Generate: w.people["nueva"], credential.Recover: w.people["con-clave"],
		} {
			keep("number", p.Number)
			keep("birth date", p.Birth)
			keep("address", p.Email)
			keep("name", p.GivenNames, p.Surnames)
			keep("clave", p.Clave)
			keep("activation code", p.Activation)
			b := w.browser()
			// Refused on the way: shapes, a lost verdict, a faulty store.
			note(b.get("/clave/generar-recuperar").press("Buscar", "necesita", string(kind), "documento", p.Document, "soy", "afiliado", "numero", p.Number+"9")).want(422)
			if untold := note(b.verdict(kind, p, wrongDate(p))); w.has("verdict of " + string(kind)) {
				untold.want(422)
			}
			review := b.review(kind, p, p)
			w.settled()
			db.set(func(query string) {
				if strings.Contains(query, "FROM procedures") && !strings.HasPrefix(query, "DELETE") { // else the program's own tasks
					panic("a fault of the store")
				}
			})
			note(review.press("Aceptar")).want(500)
			db.set(nil)
			page := note(review.press("Aceptar")).want(303).follow().want(200)
			if page.path != journey[5] {
				page = note(page.toContact())
				note(page.contact("no es una dirección")).want(422)
			}
			// An address that its server refuses, corrected afterwards.
			if kind == credential.Generate {
				page = note(page.contact(refused)).want(303).follow().want(200)
				note(page.press("Aceptar")).want(303)
				w.waitFor("refusal", func() bool { return strings.Contains(b.get(journey[5]+"/estado").Body.String(), `"refused"`) })
				page = b.get(journey[3]).want(200)
			}
			to := typed
			if kind == credential.Recover {
				to = p.Email
			}
			if page.path != journey[5] {
				page = note(page.contact(to)).want(303).follow().want(200)
				page = note(page.press("Aceptar")).want(303).follow().want(200)
			}
			m := w.activation(to, 1)
			link := noteMail(m, "/clave/enlace/")
			note(page.press("Continuar", "codigo", "000000")) // wrong but for one in a million
			note(page.press("Continuar", "codigo", "12")).want(422)
			note(page.press("Enviar de nuevo")).want(303)
			m = w.activation(to, 2)
			note(b.get(link)).want(410) // the older link, in the browser that waits
			note(w.browser().get(link)).want(410)
			link = noteMail(m, "/clave/enlace/")
			note(w.browser().get(link[:len(link)-1] + "!")).want(404)
			other := w.browser()
			elsewhere := note(other.get(link)).want(303).follow().want(200)
			note(elsewhere.press("Continuar", "dia", "31", "mes", "12"))
			page = note(b.get(link)).want(303).follow().want(200)
			page = note(page.press("Continuar")).want(303).follow().want(200)
			if page.path == pathOwnQuestion {
				keep("own answer", slices.Collect(maps.Values(p.Answers))...)
				note(page.press("Continuar", page.answers(wrongAnswers(p))...)).want(422)
				page = note(page.own(p))
			}
			note(page.press("Generar", "clave", goodClave, "repita", goodClave)).want(422)
			note(page.press("Generar", "declaro", "on", "clave", goodClave, "repita", "otra-repetida-99")).want(422)
			note(page.press("Generar", "declaro", "on", "clave", p.Number, "repita", p.Number)).want(422)
			page = note(page.setClave(goodClave)).want(303).follow().want(200)
			notice := "Aviso: se generó su clave"
			if kind == credential.Recover {
				notice = "Aviso: se recuperó su clave"
			}
			w.waitFor("notice", func() bool { return len(w.mails(to, notice)) > 0 })
			objection := noteMail(w.mails(to, notice)[0], "/no-fui-yo/")
			note(w.browser().get(objection)).want(200)
			note(w.browser().get(objection + "x")).want(404)
			note(page.press("Finalizar")).want(303)
			note(b.get(link)).want(410)
			// Faults of HTTP, with secrets where a clumsy client puts them.
			query := "?" + url.Values{"numero": {p.Number}, "clave": {goodClave}, "correo": {to}}.Encode()
			note(b.get("/clave/generar-recuperar" + query)).want(200)
			note(b.get("/no/hay/" + p.Number + query)).want(404)
			note(b.send(http.MethodPut, "/clave/generar-recuperar"+query, nil)).want(405)
			note(b.send(http.MethodPost, journey[6]+query, url.Values{"clave": {goodClave}, "tramite": {"x"}}))
			note(b.send(http.MethodPost, journey[0], url.Values{"numero": {p.Number + "\x00"}})).want(400)
			note(b.send(http.MethodPost, journey[0], url.Values{"numero": {strings.Repeat(p.Number, 10_000)}})).want(413)
			b.header.Set("Sec-Fetch-Site", "cross-site")
			note(b.send(http.MethodPost, "/clave/generar-recuperar", url.Values{"numero": {p.Number}})).want(403)
		}
		w.halt() // writes the last lines
		w.halt = func() {}

		lines := log.String()
		for _, must := range []string{"request", "panic", "mail not sent", "status=413"} {
			if !strings.Contains(lines, must) {
				t.Errorf("the log of this journey lacks %q: the test tests nothing", must)
			}
		}
		in := func(where, text string, values map[string]string) {
			for value, what := range values {
				if strings.Contains(text, value) || strings.Contains(text, url.QueryEscape(value)) {
					t.Errorf("%s shows a %s: …%s…", where, what, clipText(text[max(0, strings.Index(text, value)-80):], 160))
				}
			}
		}
		in("the log", lines, secrets)
		for _, a := range answers {
			headers := a.Header().Clone()
			headers.Del("Set-Cookie")
			in(a.path+"'s headers", fmt.Sprint(headers), secrets)
			if got := a.Header().Get("Referrer-Policy"); got != "no-referrer" {
				t.Errorf("%s: Referrer-Policy %q", a.path, got)
			}
			if strings.Contains(a.Header().Get("Location"), "?") {
				t.Errorf("%s: leads to %s", a.path, a.Header().Get("Location"))
			}
			// A form that comes back shows what its own applicant typed, and never a
			// secret; a page without one shows nothing at all.
			hidden := map[string]string{}
			for value, what := range secrets {
				switch form := strings.Contains(a.Body.String(), `name="tramite"`) || strings.Contains(a.Body.String(), `name="numero"`); {
				case form && (what == "number" || what == "address" || what == "answer" || what == "birth date"):
				case strings.HasPrefix(a.path, "/no-fui-yo/") && what == "link": // its own form
				default:
					hidden[value] = what
				}
			}
			in(fmt.Sprint(a.path, " → ", a.Code), a.Body.String(), hidden)
		}
	})
}

// «Generar» and «Finalizar» pressed twice, one after the other and at once: one
// effect, and the same kind answer to both.
func TestS29_DoubleClick(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		for i, p := range []web.DemoPerson{w.people["nueva"], w.people["pensionista"]} {
			to := fmt.Sprintf("doble%d@correo.example", i)
			b := w.browser()
			b.sent(credential.Generate, p, to)
			page := b.get(linkIn(t, w.activation(to, 1), "/clave/enlace/")).follow().press("Continuar").want(303).follow().want(200)
			twice := func(page *answer, press func(*answer) *answer) []*answer {
				if i == 0 {
					return []*answer{press(page), press(page)}
				}
				// Two requests of one browser: each with the cookies of before.
				other := *page
				other.b = page.b.clone()
				mine := *page
				mine.b = page.b.clone()
				answers := together([]*answer{&mine, &other}, press)
				for _, a := range answers {
					for name, value := range a.b.cookies {
						page.b.cookies[name] = value
					}
				}
				return answers
			}
			devices, before := 0, w.acts(p, credential.ActClaveGenerated)
			for _, a := range twice(page, func(a *answer) *answer { return a.setClave(goodClave) }) {
				if a.want(303); a.Header().Get("Location") != journey[7] {
					t.Errorf("«Generar» leads to %s", a.Header().Get("Location"))
				}
				for _, c := range a.Result().Cookies() {
					if c.Name == "dispositivo" {
						devices++
					}
				}
			}
			if devices != 1 || !w.hasClave(p, goodClave) {
				t.Errorf("two presses of «Generar» remember the browser %d times, clave set: %v", devices, w.hasClave(p, goodClave))
			}
			w.settled()
			if n := len(w.mails(to, "Aviso: se generó su clave")); n != 1 {
				t.Errorf("two presses of «Generar» sent %d notices", n)
			}
			if n := w.acts(p, credential.ActClaveGenerated) - before; n != 1 {
				t.Errorf("two presses of «Generar» stand in the audit %d times", n)
			}
			done := b.get(journey[7]).want(200)
			for _, a := range twice(done, func(a *answer) *answer { return a.press("Finalizar") }) {
				if a.want(303); a.Header().Get("Location") != "/ingresar" {
					t.Errorf("«Finalizar» leads to %s", a.Header().Get("Location"))
				}
			}
			// What came too late with another clave is told so, and changes nothing.
			page.setClave("otra-clave-cualquiera-5")
			if !w.hasClave(p, goodClave) {
				t.Error("a press after the end changed the clave")
			}
		}
	})
}

// acts counts an act in the chain in which a person's rows stand, with others'.
func (w *world) acts(p web.DemoPerson, act credential.Act) (n int) {
	w.t.Helper()
	w.view(func(tx credential.Tx) error {
		rows, err := tx.AuditRows(credential.AuditShard(w.subject(p)), 0, 1000)
		for _, r := range rows {
			if r.Act == act {
				n++
			}
		}
		return err
	})
	return n
}

// keptHeads reads what the program noted outside the database.
func keptHeads(t testing.TB, path string) (kept []credential.AuditHeads) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var h credential.AuditHeads
		err = json.Unmarshal([]byte(line), &h)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, h)
	}
	return kept
}

// Whatever row of the audit of a real journey is edited or deleted, the verifier
// names it; also where the tail went together with its head, put back to an
// older one that was once true.
func TestS31_AuditEdited(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		kind, provers := w.provers()
		p := provers[0]
		shard := credential.AuditShard(w.subject(p))
		config := w.site.config
		verify := func(want string) {
			t.Helper()
			_, err := VerifyAudit(t.Context(), dsn, config.Keys, keptHeads(t, config.HeadsFile))
			fault, ok := errors.AsType[*credential.AuditFault](err)
			switch {
			case want == "" && err != nil:
				t.Errorf("an untouched audit: %v", err)
			case want != "" && (!ok || fault.Shard != shard || !strings.HasSuffix(fmt.Sprintf("%d %s", fault.Seq, fault.What), want)):
				t.Errorf("verifier says %v, want row %s of chain %d", err, want, shard)
			}
		}
		type head struct {
			seq       int64
			last, mac []byte
		}
		read := func() (h head) {
			w.behind(func(db *sql.DB) error {
				return db.QueryRowContext(t.Context(), "SELECT seq, last, mac FROM audit_heads WHERE shard = $1", shard).Scan(&h.seq, &h.last, &h.mac)
			})
			return h
		}
		w.browser().verdict(kind, p, wrongDate(p)).want(422)
		old := read()
		w.browser().finished(kind, p, cmp.Or(p.Email, "nueva@correo.example"), goodClave)
		w.settled()
		now := read()
		if now.seq < old.seq+5 {
			t.Fatalf("the journey left %d rows", now.seq-old.seq)
		}
		w.restart() // the end of the program notes the heads outside
		verify("")

		middle := old.seq + 2
		lost := old.seq // a lost verdict made a won one
		w.exec("UPDATE audit SET act = 'proof_passed' WHERE shard = $1 AND seq = $2", shard, lost)
		verify(fmt.Sprint(lost, " edited"))
		w.exec("UPDATE audit SET act = 'proof_failed' WHERE shard = $1 AND seq = $2", shard, lost)
		w.exec("UPDATE audit SET at = at + 3600000 WHERE shard = $1 AND seq = $2", shard, middle)
		verify(fmt.Sprint(middle, " edited"))
		w.exec("UPDATE audit SET at = at - 3600000 WHERE shard = $1 AND seq = $2", shard, middle)
		// Sealed details: of another row of the same person.
		w.exec("CREATE TABLE kept_aside AS SELECT shard, seq, details FROM audit")
		w.exec(`UPDATE audit SET details = (SELECT details FROM audit b WHERE b.shard = $1 AND b.seq = $2) WHERE shard = $1 AND seq = $3`, shard, middle+1, middle)
		verify(fmt.Sprint(middle, " edited"))
		w.exec(`UPDATE audit SET details = (SELECT k.details FROM kept_aside k WHERE k.shard = audit.shard AND k.seq = audit.seq) WHERE shard = $1`, shard)
		verify("")

		// The tail, and the head with it.
		w.exec("DELETE FROM audit WHERE shard = $1 AND seq > $2", shard, old.seq)
		verify(fmt.Sprint(old.seq+1, " tail deleted"))
		if n := w.exec("UPDATE audit_heads SET seq = $1, last = $2, mac = $3 WHERE shard = $4", old.seq, old.last, old.mac, shard); n != 1 {
			t.Fatalf("%d heads put back", n)
		}
		verify(fmt.Sprint(old.seq+1, " tail deleted"))
		// Without what was kept outside nobody could know: that is why it is kept.
		if _, err := VerifyAudit(t.Context(), dsn, config.Keys, nil); err != nil {
			t.Errorf("the picture of an older day does not hold by itself: %v", err)
		}
		// The program goes on writing, and the chain is still too short.
		w.browser().verdict(kind, p, wrongDate(p)).want(422)
		verify(" tail deleted")

		// Heads that somebody else made or edited count for nothing.
		kept := keptHeads(t, config.HeadsFile)
		kept[0].Seq[shard] = old.seq
		if _, err := VerifyAudit(t.Context(), dsn, config.Keys, kept); err == nil || !strings.Contains(err.Error(), "signature") {
			t.Errorf("edited heads are believed: %v", err)
		}
	})
}

// What is sealed for one person is of no use in another's row: through the whole
// program no proof, clave or address wanders.
func TestS32_SealedColumnsDoNotWander(t *testing.T) {
	presets(t, func(t *testing.T, dsn string, preset option) {
		w := newWorld(t, dsn, preset)
		thief, victim := w.people["con-clave"], w.people["con-clave-presencial"]
		a, b := w.subject(thief), w.subject(victim)
		for _, c := range []struct {
			table, column string
			status        int
		}{
			{"people", "record", http.StatusServiceUnavailable}, // the thief's birth date over the victim's
			{"accounts", "answers", http.StatusInternalServerError},
			{"accounts", "clave", http.StatusInternalServerError},
		} {
			if c.column == "answers" && !w.has("answers") {
				continue
			}
			column := c.table + "." + c.column
			aside := "aside_" + c.column
			w.exec(fmt.Sprintf("CREATE TABLE %s AS SELECT subject, %s FROM %s", aside, c.column, c.table))
			n := w.exec(fmt.Sprintf("UPDATE %[1]s SET %[2]s = (SELECT o.%[2]s FROM %[3]s o WHERE o.subject = $1) WHERE subject = $2", c.table, c.column, aside), a[:], b[:])
			if n != 1 {
				t.Fatalf("%s: %d rows", column, n)
			}
			before := w.charges(victim)
			as := thief
			as.Document, as.Number = victim.Document, victim.Number
			page := w.browser().beginWith(credential.Recover, victim.Document, victim.Number, "afiliado")
			if page.Code == 303 { // the answers are read there already
				page = page.follow().want(200)
				page = page.press("Continuar", page.proof(as)...).want(303).follow().want(200).press("Aceptar")
			}
			page.want(c.status)
			if n := w.charges(victim); n != before {
				t.Errorf("%s: charged %v", column, n)
			}
			w.exec(fmt.Sprintf("UPDATE %[1]s SET %[2]s = (SELECT o.%[2]s FROM %[3]s o WHERE o.subject = $1) WHERE subject = $1", c.table, c.column, aside), b[:])
		}
		w.browser().verdict(credential.Recover, victim, victim).want(303)

		// The address of a live procedure put into another one's: its mail never
		// leaves, neither here nor there.
		mine, theirs := w.browser(), w.browser()
		review := mine.prove(credential.Generate, w.people["nueva"]).want(303).follow().want(200).toReview("ladron@correo.example")
		victims := theirs.prove(credential.Generate, w.people["pensionista"]).want(303).follow().want(200).toReview("victima@correo.example")
		id := func(b *browser) []byte {
			c, ok := credential.ParseClaim(b.cookies["tramite"])
			if !ok {
				t.Fatal("no claim")
			}
			return c.ID[:]
		}
		w.exec("CREATE TABLE aside_typed AS SELECT id, typed FROM procedures")
		w.exec("UPDATE procedures SET typed = (SELECT o.typed FROM aside_typed o WHERE o.id = $1) WHERE id = $2", id(mine), id(theirs))
		victims.press("Aceptar").want(http.StatusInternalServerError)
		review.press("Aceptar").want(303)
		w.activation("ladron@correo.example", 1)
		if n := len(w.mails("ladron@correo.example", "")); n != 1 {
			t.Errorf("%d mails to the thief, one was his own", n)
		}

		// A level raised in the database alone is noticed.
		w.exec("UPDATE accounts SET level = 2 WHERE subject = $1", a[:])
		if _, err := w.account(thief); !errors.Is(err, credential.ErrSealed) {
			t.Errorf("an account whose level was raised reads as %v", err)
		}
	})
}
