package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"nativebridge/adapters/metrics"
	"nativebridge/domain"
)

// scrape returns the lines of the exposition that are no comment.
func scrape(t *testing.T, m *metrics.Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(metrics.Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("a scrape is answered %d: %s", w.Code, w.Body)
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(w.Body.String()), "\n"), func(line string) bool { return strings.HasPrefix(line, "#") })
}

func wantSeries(t *testing.T, m *metrics.Metrics, want ...string) {
	t.Helper()
	got := scrape(t, m)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the scrape has %q, want %q in it", got, line)
		}
	}
}

func TestWhatIsReadFromAFunctionIsReadAtEachScrape(t *testing.T) {
	m, now := metrics.New(), 1.0
	m.Gauge("breaker_state", "The state.", metrics.Labels{"upstream": "a"}, func() float64 { return now })
	m.Gauge("breaker_state", "The state.", metrics.Labels{"upstream": "b"}, func() float64 { return 2 * now })
	m.Counter("refusals_total", "Refusals.", nil, func() float64 { return 3 * now })
	wantSeries(t, m, `native_bridge_breaker_state{upstream="a"} 1`, `native_bridge_breaker_state{upstream="b"} 2`, `native_bridge_refusals_total 3`)
	now = 10
	wantSeries(t, m, `native_bridge_breaker_state{upstream="a"} 10`, `native_bridge_breaker_state{upstream="b"} 20`, `native_bridge_refusals_total 30`)
}

func TestTheSameSeriesAddedAgainReadsTheNewFunction(t *testing.T) {
	m := metrics.New()
	m.Gauge("ready", "Ready.", nil, func() float64 { return 1 })
	m.Gauge("ready", "Ready.", nil, func() float64 { return 2 })
	wantSeries(t, m, "native_bridge_ready 2")
}

func TestMetricsThatAreOffDoNothing(t *testing.T) {
	var off *metrics.Metrics
	never := func() float64 { t.Error("it was asked"); return 0 }
	off.Gauge("ready", "Ready.", nil, never)
	off.Counter("refusals_total", "Refusals.", nil, never)
	off.CountAttempts(nil, "auth0")
	off.Attempt(domain.Attempt{})
	off.Build("")
	if off.Upstream("authsignal") != nil {
		t.Error("it watches")
	}
}

func TestScrapesAtOnceAreAnswered(t *testing.T) {
	m := metrics.New()
	m.Gauge("ready", "Ready.", nil, func() float64 { return 1 })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { wantSeries(t, m, "native_bridge_ready 1") })
	}
	all.Wait()
}
