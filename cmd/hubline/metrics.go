package main

import (
	"context"
	"database/sql"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"hubline/base/db"
	"hubline/base/job"
)

// metrics are what /metrics shows. Labels hold routes and never paths, which may carry tokens and would be without number.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	signIns  *prometheus.CounterVec
}

func newMetrics(store *db.DB, jobs *job.Queue) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hubline_http_request_duration_seconds", Help: "Requests by route, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "method", "status"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hubline_sign_ins_total", Help: "Sign-ins with a password by result: done, refused, slowed.",
		}, []string{"result"}),
	}
	for _, result := range []string{"done", "refused", "slowed"} {
		m.signIns.WithLabelValues(result) // so that a rate exists from the first scrape on
	}
	b := thisBuild()
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "hubline_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "schema": strconv.FormatInt(b.Schema, 10), "engine": store.Engine()}})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.signIns, info, &ground{store: store, jobs: jobs},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// signInRoute is the form that takes a password.
const signInRoute = "/sign-in"

// observe notes one answered request; doors call it with the route's pattern, "" when no route answered.
func (m *metrics) observe(r *http.Request, route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, method(r.Method), strconv.Itoa(status)).Observe(took.Seconds())
	if route == signInRoute && r.Method == http.MethodPost {
		m.countSignIn(status)
	}
	if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
		span.SetName(method(r.Method) + " " + route)
		span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
}

// countSignIn leaves out the form's first step, which asks for the address only and is answered with the second.
func (m *metrics) countSignIn(status int) {
	switch {
	case status == http.StatusSeeOther:
		m.signIns.WithLabelValues("done").Inc()
	case status == http.StatusTooManyRequests:
		m.signIns.WithLabelValues("slowed").Inc()
	case status >= http.StatusBadRequest:
		m.signIns.WithLabelValues("refused").Inc()
	}
}

// method keeps a stranger from making labels without number.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return name
	}
	return "other"
}

// ground collects the numbers of the store and of the job queue when they are asked for.
type ground struct {
	store *db.DB
	jobs  *job.Queue
}

// scrapeLimit bounds the query of a scrape, so that a store that hangs does not also hide the other numbers.
const scrapeLimit = 2 * time.Second

var (
	poolOpen    = prometheus.NewDesc("hubline_db_connections", "Connections to the store by pool and state.", []string{"pool", "state"}, nil)
	poolMost    = prometheus.NewDesc("hubline_db_connections_max", "Most connections of a pool; 0 is without limit.", []string{"pool"}, nil)
	poolWaits   = prometheus.NewDesc("hubline_db_waits_total", "How often something waited for a connection.", []string{"pool"}, nil)
	poolWaited  = prometheus.NewDesc("hubline_db_wait_seconds_total", "Time spent waiting for a connection.", []string{"pool"}, nil)
	storeRetry  = prometheus.NewDesc("hubline_db_retries_total", "Transactions run again because the engine asked for it.", nil, nil)
	jobsQueued  = prometheus.NewDesc("hubline_jobs_queued", "Jobs waiting or running.", nil, nil)
	jobsDead    = prometheus.NewDesc("hubline_jobs_dead", "Jobs given up; staff can retry them.", nil, nil)
	jobsOldest  = prometheus.NewDesc("hubline_jobs_oldest_seconds", "Age of the oldest waiting job.", nil, nil)
	storeAnswer = prometheus.NewDesc("hubline_store_up", "1 when the store answered this scrape.", nil, nil)
)

func (g *ground) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolOpen, poolMost, poolWaits, poolWaited, storeRetry, jobsQueued, jobsDead, jobsOldest, storeAnswer} {
		ch <- d
	}
}

func (g *ground) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	stats := g.store.Stats()
	for pool, s := range map[string]sql.DBStats{"write": stats.Write, "read": stats.Read} {
		gauge(poolOpen, float64(s.InUse), pool, "in use")
		gauge(poolOpen, float64(s.Idle), pool, "idle")
		gauge(poolMost, float64(s.MaxOpenConnections), pool)
		counter(poolWaits, float64(s.WaitCount), pool)
		counter(poolWaited, s.WaitDuration.Seconds(), pool)
	}
	counter(storeRetry, float64(stats.Retries))

	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	queued, dead, oldest, err := g.jobs.Counts(ctx)
	if err != nil {
		gauge(storeAnswer, 0)
		return
	}
	gauge(storeAnswer, 1)
	gauge(jobsQueued, float64(queued))
	gauge(jobsDead, float64(dead))
	age := 0.0
	if !oldest.IsZero() {
		age = time.Since(oldest).Seconds()
	}
	gauge(jobsOldest, age)
}
