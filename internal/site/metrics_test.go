package site

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// scrape gives what Prometheus is told.
func (w *world) scrape() string {
	w.t.Helper()
	citizens := w.handler
	w.handler = w.site.Operation()
	defer func() { w.handler = citizens }()
	return w.browser().get("/metrics").want(200).Body.String()
}

// figuresIn gives the lines of a scrape that count something of ours, how long it
// took left out.
func figuresIn(w *world, scrape string) map[string]int {
	w.t.Helper()
	found := map[string]int{}
	for line := range strings.Lines(scrape) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok && strings.HasPrefix(name, "aldaba_") && !strings.Contains(name, "_seconds_bucket") && !strings.Contains(name, "_seconds_sum") {
			n, err := strconv.Atoi(value)
			if err != nil {
				w.t.Fatalf("%s is counted as %s", name, value)
			}
			found[name+"}"] = n
		}
	}
	return found
}

// TestMetrics: what is counted, and that nothing about a person gets in.
func TestMetrics(t *testing.T) {
	presetsOnce(t, metricsOfAJourney)
}

func metricsOfAJourney(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, configured(func(c *Config) { c.Version = "prueba" }))
	p, to := w.people["nueva"], "nueva.metricas@correo.example"
	b := w.browser()
	b.finished(credential.Generate, p, to, goodClave)
	w.browser().verdict(credential.Generate, w.people["con-clave"], w.people["con-clave"]).want(422)
	b.get("/" + p.Number).want(404)
	b.send("PROPFIND", "/"+p.Number, nil)
	b.get("/clave/enlace/" + strings.Repeat("A", 40))
	w.settled()

	scrape := w.scrape()
	for _, step := range []string{"questions", "contact"} { // the pages between the verdict and the mail
		line := `aldaba_procedure_steps_total{kind="generate",outcome="done",step="` + step + `"} 1`
		if strings.Contains(scrape, line) != w.has(step) {
			t.Errorf("%s is counted: %v", step, !w.has(step))
		}
	}
	for _, line := range []string{
		`aldaba_procedure_steps_total{kind="generate",outcome="done",step="start"} 2`,
		`aldaba_procedure_steps_total{kind="generate",outcome="done",step="verdict"} 1`,
		`aldaba_procedure_steps_total{kind="generate",outcome="denied",step="verdict"} 1`,
		`aldaba_procedure_steps_total{kind="generate",outcome="done",step="send"} 1`,
		`aldaba_procedure_steps_total{kind="generate",outcome="done",step="clave"} 1`,
		`aldaba_refusals_total{kind="denied",rule="proof"} 1`,
		`aldaba_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1`,
		`aldaba_http_request_duration_seconds_count{method="other",route="none",status="404"} 1`,
		`aldaba_http_request_duration_seconds_count{method="POST",route="/clave/generar-recuperar",status="303"} 2`,
		`aldaba_mail_waiting 0`, `aldaba_mail_oldest_age_seconds 0`,
		`aldaba_gate_running 0`, `aldaba_gate_waiting 0`, `aldaba_gate_refused_total 0`,
		`version="prueba"`, `aldaba_database_statement_duration_seconds_count{verb="insert"}`, "go_goroutines", "process_cpu_seconds_total",
	} {
		if !strings.Contains(scrape, line) {
			t.Errorf("not counted: %s", line)
		}
	}
	if t.Failed() {
		for name, n := range figuresIn(w, scrape) {
			t.Log(name, n)
		}
	}
	var secrets []string
	for _, one := range []web.DemoPerson{p, w.people["con-clave"]} {
		secrets = append(secrets, one.Number, one.Email, one.Birth)
		secrets = append(secrets, strings.Fields(one.GivenNames+" "+one.Surnames)...)
	}
	m := w.mails(to, "")[0]
	secrets = append(secrets, to, "192.0.2.10", goodClave, m.ID, "AAAAAAAA")
	for name, value := range b.cookies {
		secrets = append(secrets, name+"=", value)
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(scrape, secret) {
			t.Errorf("the scrape holds %q", secret)
		}
	}
	if got := w.browser().get("/metrics").Code; got != http.StatusNotFound {
		t.Errorf("citizens get %d for /metrics, want 404", got)
	}
}

// TestMetricsOfGhosts: whoever reads the figures learns no more of a number than
// its page said: a lost verdict counts the same for people and for nobody.
func TestMetricsOfGhosts(t *testing.T) {
	presetsOnce(t, metricsOfGhosts)
}

func metricsOfGhosts(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, idle())
	ghost := w.unknowns("cedula", 1)[0]
	ghost.Birth = "1980-05-05"
	var first map[string]int
	for i, who := range []web.DemoPerson{w.people["fallecida"], w.people["con-clave"], ghost, w.people["registro-delgado"], w.people["bloqueada"]} {
		before := figuresIn(w, w.scrape())
		w.browser().verdict(credential.Generate, who, w.people["fallecida"]).want(422)
		more := figuresIn(w, w.scrape())
		for name := range more {
			more[name] -= before[name]
		}
		// Statements are compared one by one by the ghost tests; their number differs
		// by chance, with the chain of the audit that a number falls to.
		maps.DeleteFunc(more, func(name string, n int) bool { return n == 0 || strings.Contains(name, "_database_") })
		if i == 0 {
			first = more
		} else if diff := cmp.Diff(first, more); diff != "" {
			t.Errorf("%s counts otherwise:\n%s", who.Case, diff)
		}
	}
}
