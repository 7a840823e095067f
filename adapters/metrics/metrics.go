// Package metrics counts and measures what the bridge does, for Prometheus.
//
// What a metric tells is bounded: a label holds a name of ours, such as a step's, an
// adapter's or a route's, and never anything that a caller or a vendor has sent. So no
// metric tells of a person, an address or a token, and no flood makes more series.
package metrics

import (
	"net/http"
	"net/http/pprof" // #nosec G108 -- it also adds itself to http.DefaultServeMux, which the bridge does not serve

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of every metric of the bridge's own.
const namespace = "native_bridge"

// Metrics are the metrics of one process, in a registry of their own. A nil *Metrics is
// one that is off: each of its methods does nothing. It is safe for concurrent use. Make
// one with New.
type Metrics struct {
	registry *prometheus.Registry

	attempts  *attempts // nil until CountAttempts
	steps     *prometheus.HistogramVec
	routes    *prometheus.CounterVec
	upstreams upstreams
}

// New returns metrics that nobody has counted anything in yet, besides those of the Go
// runtime and of the process.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.steps = m.newSteps()
	m.routes = m.newRoutes()
	m.upstreams = m.newUpstreams()
	return m
}

// Labels are the names and values of a metric's labels. Values must be names of ours.
type Labels = prometheus.Labels

// Gauge adds a metric that goes up and down. Name comes without "native_bridge_". Value is
// asked at each scrape, perhaps by several at once: it must be quick, and must ask no
// party. To be called before the first scrape. The same name may be added with other
// values of the same labels; with the same values, the new function replaces the old one.
func (m *Metrics) Gauge(name, help string, labels Labels, value func() float64) {
	if m == nil {
		return
	}
	m.read(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help, ConstLabels: labels}, value))
}

// Counter adds a metric that only goes up, and by convention has a name with "_total" at
// its end. All else is as with Gauge.
func (m *Metrics) Counter(name, help string, labels Labels, value func() float64) {
	if m == nil {
		return
	}
	m.read(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help, ConstLabels: labels}, value))
}

// counters adds a counter for each combination of the labels' values.
func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(vec)
	return vec
}

// gauges does the same with gauges.
func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(vec)
	return vec
}

// histograms does the same with histograms.
func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(vec)
	return vec
}

// read adds a collector, in the place of the one that has the same name and labels.
func (m *Metrics) read(collector prometheus.Collector) {
	m.registry.Unregister(collector)
	m.registry.MustRegister(collector)
}

// Handler answers scrapes at /metrics, in Prometheus' text format or what else the caller
// prefers, and with METRICS_PPROF=on profiles at /debug/pprof/.
func (m *Metrics) Handler(config Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	if config.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}
