package adapters_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nativebridge/adapters"
	"nativebridge/adapters/metrics"
	"nativebridge/domain"
)

// get returns the answer at a URL, on a connection of its own; 0 if there is none.
func get(url string) (status int, body string) {
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func TestMetricsAnswerOnTheirOwnAddressOnly(t *testing.T) {
	s := serve(t, newGate(), map[string]string{"METRICS_ADDR": "127.0.0.1:0"})
	for url, want := range map[string]int{
		s.metrics + "/metrics": 200, s.metrics + "/livez": 200, s.ops + "/metrics": 404, s.api + "/metrics": 404,
		s.metrics + "/v1/sessions": 404, s.metrics + "/.well-known/jwks.json": 404, s.metrics + "/": 404,
		s.metrics + "/debug/pprof/": 404, s.metrics + "/debug/pprof/heap": 404, s.ops + "/debug/pprof/": 404, s.api + "/debug/pprof/": 404,
	} {
		if got, _ := get(url); got != want {
			t.Errorf("GET %s: %d, want %d", strings.TrimPrefix(url, "http://"), got, want)
		}
	}
	until(t, "it is ready", func() bool { return readiness(s.metrics) == "ready" })
}

func TestProfilesAreToBeHadIfAskedFor(t *testing.T) {
	s := serve(t, newGate(), map[string]string{"METRICS_ADDR": "127.0.0.1:0", "METRICS_PPROF": "on"})
	for url, want := range map[string]int{
		s.metrics + "/debug/pprof/heap": 200, s.metrics + "/debug/pprof/": 200, s.metrics + "/debug/pprof/profile?seconds=1": 200,
		s.metrics + "/metrics": 200, s.api + "/debug/pprof/": 404, s.ops + "/debug/pprof/": 404,
	} {
		if got, _ := get(url); got != want {
			t.Errorf("GET %s: %d, want %d", strings.TrimPrefix(url, "http://"), got, want)
		}
	}
}

func TestMetricsAnswerUntilTheLastAppHasItsAnswer(t *testing.T) {
	g := newGate()
	s := serve(t, g, map[string]string{"METRICS_ADDR": "127.0.0.1:0"})
	until(t, "it is ready", func() bool { return s.status() == "ready" })
	answered := s.begin(t, g)
	s.stop()
	until(t, "no app can connect", func() bool { return refusesConnections(s.api) })
	if status, _ := get(s.metrics + "/metrics"); status != http.StatusOK {
		t.Errorf("a scrape while an exchange is in flight is answered %d", status)
	}
	if got := readiness(s.metrics); got != "draining" {
		t.Errorf("readiness says %q there, want draining", got)
	}
	close(g.leave)
	receive(t, "the answer", answered)
	if err := receive(t, "the end", s.done); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !refusesConnections(s.metrics) {
		t.Error("the metrics can still be read after the end")
	}
}

func TestAProfileThatIsTakenKeepsNoBridgeFromStopping(t *testing.T) {
	s := serve(t, newGate(), map[string]string{"METRICS_ADDR": "127.0.0.1:0", "METRICS_PPROF": "on"})
	until(t, "it is ready", func() bool { return s.status() == "ready" })
	taken := make(chan int, 1)
	go func() {
		status, _ := get(s.metrics + "/debug/pprof/trace?seconds=3600")
		taken <- status
	}()
	until(t, "the profile is being taken", func() bool {
		_, stacks := get(s.metrics + "/debug/pprof/goroutine?debug=2")
		return strings.Contains(stacks, "pprof.Trace(")
	})
	s.stop()
	if err := receive(t, "the end", s.done); err != nil {
		t.Errorf("stop: %v", err)
	}
	receive(t, "the end of the profile", taken)
}

func TestWithoutAnAddressThereAreNoMetrics(t *testing.T) {
	server := newServer(t, newGate(), open(t, minimal()).run.Log, nil)
	on, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer on.API.Close()
	defer on.Ops.Close()
	if on.Metrics != nil || open(t, minimal()).in.Metrics != nil {
		t.Error("there are metrics")
	}
}

func TestWhatIsInFlightAndWhatIsShedAreMeasured(t *testing.T) {
	g := newGate()
	s := serve(t, g, map[string]string{"METRICS_ADDR": "127.0.0.1:0", "MAX_IN_FLIGHT": "1", "MAX_CONNECTIONS": "8"})
	answered := s.begin(t, g)
	s.exchange()
	_, text := get(s.metrics + "/metrics")
	for _, want := range []string{
		"native_bridge_in_flight 1", "native_bridge_in_flight_limit 1", `native_bridge_overload_refusals_total{why="in_flight"} 1`,
		`native_bridge_overload_refusals_total{why="too_late"} 0`, "native_bridge_http_connections_limit 8",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the scrape lacks %q", want)
		}
	}
	close(g.leave)
	receive(t, "the answer", answered)
	until(t, "nothing is in flight", func() bool {
		_, text := get(s.metrics + "/metrics")
		return strings.Contains(text, "native_bridge_in_flight 0\n") && strings.Contains(text, "native_bridge_http_connections 0\n")
	})
}

// unwritten is an audit log that cannot write what must be on record.
type unwritten struct{}

func (unwritten) Record(context.Context, domain.Attempt) error { return domain.ErrUnavailable }

// A use case records such a sign-in and such a renewal a second time, as a failure.
func TestASuccessThatIsNotOnRecordIsCountedOnceAndAsAFailure(t *testing.T) {
	for event, counted := range map[domain.Event]bool{domain.EventExchange: false, domain.EventRenew: false, domain.EventRevoke: true, domain.EventEnrol: false, domain.EventList: false, domain.EventRemove: true} {
		in := adapters.Instruments{Log: slog.New(slog.DiscardHandler), Metrics: metrics.New()}
		in.Metrics.CountAttempts(nil, "auth0")
		audit := adapters.DecorateAuditLog(adapters.OpenedAuditLog{AuditLog: unwritten{}, Required: true}, in)
		if err := audit.Record(t.Context(), domain.Attempt{Event: event}); !errors.Is(err, domain.ErrUnavailable) {
			t.Fatalf("err = %v", err)
		}
		if !counted {
			_ = audit.Record(t.Context(), domain.Attempt{Event: event, Err: domain.ErrUnavailable})
		}
		w := httptest.NewRecorder()
		in.Metrics.Handler(metrics.Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for line := range strings.Lines(w.Body.String()) {
			total := strings.HasPrefix(line, "native_bridge_attempts_total{")
			if once := strings.Contains(line, string(event)) && strings.Contains(line, `"unavailable"`); total && once != strings.HasSuffix(line, " 1\n") {
				t.Errorf("%s: %s", event, line)
			}
		}
	}
}
