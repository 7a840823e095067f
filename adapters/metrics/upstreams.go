package metrics

import (
	"context"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"nativebridge/adapters/internal/upstream"
)

// results are how a request to a party can end; see resultOf.
var results = []string{"2xx", "3xx", "4xx", "429", "5xx", "not_sent", "no_reply", "bad_reply", "left"}

type upstreams struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	retries  *prometheus.CounterVec
	opened   *prometheus.CounterVec
	open     *prometheus.GaugeVec
}

func (m *Metrics) newUpstreams() upstreams {
	return upstreams{
		requests: m.counters("upstream_requests_total", "Requests to a party, by the class of the answer or by how far they came: "+
			"not_sent, no_reply, bad_reply, or left if the caller had gone.", "upstream", "result"),
		duration: m.histograms("upstream_request_duration_seconds", "How long a request to a party took, until its answer was read.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "upstream"),
		retries: m.counters("upstream_retries_total", "Requests to a party that were sent again within one step, by an adapter or by the HTTP library.", "upstream"),
		opened:  m.counters("upstream_connections_opened_total", "Connections to a party that were opened.", "upstream"),
		open:    m.gauges("upstream_connections", "Connections to a party that are open.", "upstream"),
	}
}

// Upstream returns what watches the client of the named party, and nil if m is.
func (m *Metrics) Upstream(name string) upstream.Watcher {
	if m == nil {
		return nil
	}
	for _, result := range results {
		m.upstreams.requests.WithLabelValues(name, result)
	}
	return watcher{
		m.upstreams.requests.MustCurryWith(prometheus.Labels{"upstream": name}), m.upstreams.duration.WithLabelValues(name),
		m.upstreams.retries.WithLabelValues(name), m.upstreams.opened.WithLabelValues(name), m.upstreams.open.WithLabelValues(name),
	}
}

// watcher watches one client.
type watcher struct {
	requests        *prometheus.CounterVec
	duration        prometheus.Observer
	retries, opened prometheus.Counter
	open            prometheus.Gauge
}

func (w watcher) Asked(ctx context.Context, asked upstream.Asked) {
	w.requests.WithLabelValues(resultOf(asked)).Inc()
	w.duration.Observe(asked.Took.Seconds())
	w.retries.Add(float64(asked.Resent))
	if repeats(ctx, asked.Question) {
		w.retries.Inc()
	}
}

func (w watcher) Connected()    { w.opened.Inc(); w.open.Inc() }
func (w watcher) Disconnected() { w.open.Dec() }

func resultOf(asked upstream.Asked) string {
	switch {
	case errors.Is(asked.Err, context.Canceled):
		return "left"
	case errors.Is(asked.Err, upstream.ErrNotSent):
		return "not_sent"
	case errors.Is(asked.Err, upstream.ErrBadReply):
		return "bad_reply"
	case asked.Err != nil:
		return "no_reply"
	case asked.Status == http.StatusTooManyRequests:
		return "429"
	case asked.Status >= 500:
		return "5xx"
	case asked.Status >= 400:
		return "4xx"
	case asked.Status >= 300:
		return "3xx"
	}
	return "2xx"
}
