package site

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"aldaba/internal/credential"
	"aldaba/internal/web"
)

// figures are what the program counts for Prometheus. Every label is a word of the
// program's own, so that their number is bounded and nothing about a person can
// get into one.
type figures struct {
	requests   *prometheus.HistogramVec
	refusals   *prometheus.CounterVec
	procedures *prometheus.CounterVec
	statements *prometheus.HistogramVec
}

// newFigures registers the figures, and those that are read when asked for.
func newFigures(r prometheus.Registerer, version string, s *Site) (*figures, error) {
	m := &figures{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aldaba_http_request_duration_seconds", Help: "Requests and how long they took, by route pattern, method and status.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "method", "status"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aldaba_refusals_total", Help: "Refusals that a page told, by kind and rule.",
		}, []string{"kind", "rule"}),
		procedures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aldaba_procedure_steps_total", Help: "Steps of procedures, by kind of procedure, step and how the page answered.",
		}, []string{"kind", "step", "outcome"}),
		statements: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aldaba_database_statement_duration_seconds", Help: "Statements in the database and how long they took, by verb.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5},
		}, []string{"verb"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "aldaba_build_info", Help: "1, with the program's version.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	build.Set(1)
	var errs []error
	for _, c := range []prometheus.Collector{
		m.requests, m.refusals, m.procedures, m.statements, build, state{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

// request counts a request.
func (m *figures) request(r web.Request) {
	route := r.Route
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path // of "GET /path"; the method has a label of its own
	}
	m.requests.WithLabelValues(route, r.Method, strconv.Itoa(r.Status)).Observe(r.Took.Seconds())
	if r.Refusal != "" {
		kind, rule, _ := strings.Cut(r.Refusal, "/")
		m.refusals.WithLabelValues(kind, rule).Inc()
	}
}

// step counts a press in a procedure.
func (m *figures) step(e credential.Event) {
	kind := string(e.Kind)
	if kind == "" {
		kind = "none"
	}
	m.procedures.WithLabelValues(kind, string(e.Press), e.Outcome).Inc()
}

// statement counts a statement of the database by its first word.
func (m *figures) statement(query string, took time.Duration) {
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	m.statements.WithLabelValues(strings.ToLower(verb)).Observe(took.Seconds())
}

// state is what is read when Prometheus asks: the outbox and the gate.
type state struct{ *Site }

var (
	mailWaiting = prometheus.NewDesc("aldaba_mail_waiting", "Mails that wait for the relay.", nil, nil)
	mailAge     = prometheus.NewDesc("aldaba_mail_oldest_age_seconds", "Since when the oldest of them waits; 0 for none.", nil, nil)
	gateRunning = prometheus.NewDesc("aldaba_gate_running", "Hashes under way.", nil, nil)
	gateWaiting = prometheus.NewDesc("aldaba_gate_waiting", "Requests that wait for a hash's place.", nil, nil)
	gateRefused = prometheus.NewDesc("aldaba_gate_refused_total", "Requests that were refused a hash's place.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{mailWaiting, mailAge, gateRunning, gateWaiting, gateRefused} {
		out <- d
	}
}

// scrapePatience bounds how long a scrape waits for the database.
const scrapePatience = 5 * time.Second

// Collect implements [prometheus.Collector]. A database that is away leaves the
// outbox out; /readyz says why.
func (s state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	running, waiting, refused := s.Service.GateLoad()
	gauge(gateRunning, float64(running))
	gauge(gateWaiting, float64(waiting))
	out <- prometheus.MustNewConstMetric(gateRefused, prometheus.CounterValue, float64(refused))

	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	queued, oldest, err := s.Service.MailQueue(ctx)
	if err != nil {
		return
	}
	age := 0.0
	if queued > 0 {
		age = max(0, s.config.Now().Sub(oldest).Seconds())
	}
	gauge(mailWaiting, float64(queued))
	gauge(mailAge, age)
}

// metricsHandler answers /metrics. At most two scrapes run at once.
func (s *Site) metricsHandler() http.Handler {
	return promhttp.HandlerFor(s.gathered, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 2 * scrapePatience})
}
