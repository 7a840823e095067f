package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/adapters/tracing/otlptest"
)

// startTraced starts a bench with a Redis, whose bridge sends traces.
func startTraced(t *testing.T) (*bench, *otlptest.Collector) {
	t.Helper()
	collector := otlptest.Start(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20"+collectorKey)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	store, err := redistest.Start(redistest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	info, err := store.Do(t.Context(), "INFO", "server")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(fmt.Sprint(info), "run_id:")
	run, _, _ := strings.Cut(rest, "\r")
	// Nobody has used a proof yet, so the memory may begin before the first one.
	if _, err := store.Do(t.Context(), "HSET", "native-bridge:{replay}:memory", "born", time.Now().Add(-time.Minute).UnixMilli(), "run", run); err != nil {
		t.Fatal(err)
	}
	return startBench(t, map[string]string{"REPLAY_STORE": store.URL()}), collector
}

const collectorKey = "c0ll3ct0r-k3y"

// treeOf waits until a request's span has been taken, which ends last, and returns the
// lines of its tree, sorted out of all others.
func treeOf(t *testing.T, collector *otlptest.Collector, nth int, route string) (tree string, trace string) {
	t.Helper()
	var spans []otlptest.Span
	until(t, "the spans of "+route+" are there", func() bool {
		seen := 0
		for _, root := range collector.Spans() {
			if root.Name != route {
				continue
			}
			if seen++; seen == nth {
				spans, trace = nil, root.Trace
				for _, span := range collector.Spans() {
					if span.Trace == trace {
						spans = append(spans, span)
					}
				}
				return true
			}
		}
		return false
	})
	return otlptest.Tree(spans), trace
}

func TestTheTraceOfASignInShowsItsStepsItsUpstreamsAndRedis(t *testing.T) {
	b, collector := startTraced(t)
	b.want(t, b.token(t, wish{}), http.StatusOK, "")
	got, trace := treeOf(t, collector, 1, "POST /v1/sessions")
	t.Log("\n" + got)
	for _, want := range []string{
		"POST /v1/sessions\n  verify\n    POST authsignal\n", "\n  admit\n", "\n  claim\n    evalsha", "\n  issue\n    POST auth0\n", "\n  record\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the tree is\n%swant in it\n%s", got, want)
		}
	}
	_, lines := b.hops.take()
	var line struct {
		TraceID string `json:"trace_id"`
	}
	if len(lines) != 1 || json.Unmarshal(lines[0], &line) != nil || line.TraceID != trace {
		t.Errorf("the audit lines are %s, want one of the trace %s", lines, trace)
	}
}

func TestTheTracesOfFailuresRenewalsAndRevocationsTellTheReasons(t *testing.T) {
	b, collector := startTraced(t)
	status, session := b.oauth(t, "/oauth/token", exchangeForm(b.token(t, wish{}), "openid offline_access"))
	if status != http.StatusOK {
		t.Fatalf("exchange: %d %v", status, session)
	}
	b.oauth(t, "/oauth/token", refreshForm(session["refresh_token"]))
	b.oauth(t, "/oauth/revoke", url.Values{"token": {"no-such-token"}, "client_id": {clientID}})
	for _, route := range []string{"POST /oauth/token\n  turn\n    evalsha (failed)\n    eval\n  renew\n    POST auth0\n  keep\n", "POST /oauth/revoke\n  revoke\n    POST auth0\n"} {
		name, _, _ := strings.Cut(route, "\n")
		nth := map[string]int{"POST /oauth/token": 2, "POST /oauth/revoke": 1}[name]
		if got, _ := treeOf(t, collector, nth, name); !strings.HasPrefix(got, route) || !strings.Contains(got, "\n  record\n") {
			t.Errorf("the tree is\n%swant it to begin with\n%s", got, route)
		}
	}
	b.meets(inject(auth0test.Fault{Kind: auth0test.ServerError}))
	b.want(t, b.token(t, wish{}), http.StatusServiceUnavailable, "unavailable")
	if got, _ := treeOf(t, collector, 1, "POST /v1/sessions"); !strings.Contains(got, "\n  issue (unavailable)\n    POST auth0 (failed)\n  release\n    ") {
		t.Errorf("the tree is\n%swant that the issue failed and the claim was released", got)
	}
}

// TestNoCredentialIsInATrace looks for all that may be in no trace, whatever happens.
func TestNoCredentialIsInATrace(t *testing.T) {
	b, collector := startTraced(t)
	secrets := []string{"jane", "127.0.0.1:", collectorKey, b.authsignal.Secret(), b.config.Auth0.ClientSecret.Reveal()}
	exchanges := 0
	for _, f := range []fault{{}, inject(auth0test.Fault{Kind: auth0test.MFARequired}), inject(auth0test.Fault{Kind: auth0test.WrongSubject}), inject(auth0test.Fault{Kind: auth0test.ServerError})} {
		b.meets(f)
		token := b.token(t, wish{})
		got := b.exchange(t.Context(), t, token)
		exchanges++
		secrets = append(secrets, token, got.AccessToken, got.IDToken, got.RefreshToken)
	}
	treeOf(t, collector, exchanges, "POST /v1/sessions")
	all := otlptest.Everything(collector.Spans())
	if strings.Count(all, `"issue"`) != exchanges {
		t.Errorf("%d spans of an issue, want %d", strings.Count(all, `"issue"`), exchanges)
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(all, secret) {
			t.Errorf("a trace holds %.12s…:\n%s", secret, all)
		}
	}
	if said := b.log.String(); strings.Contains(said, collectorKey) {
		t.Error("the log shows a header for the collector")
	}
}
