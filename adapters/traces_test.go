package adapters_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/tracing/otlptest"
)

func TestALogLineOfARequestNamesItsTrace(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlptest.Start(t).URL)
	var out logtest.Log
	log := adapters.NewLog(&out, time.Now)
	traces, stop := adapters.OpenTracing(adapters.Config{}, adapters.Runtime{Log: log.Logger})
	handler := traces.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		log.With("a", 1).InfoContext(r.Context(), "inside")
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	stop()
	log.Close()
	var line struct {
		Msg     string
		TraceID string `json:"trace_id"`
		SpanID  string `json:"span_id"`
	}
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil || line.Msg != "inside" {
		t.Fatalf("the log says %q: %v", out.String(), err)
	}
	if line.TraceID != "0af7651916cd43dd8448eb211c80319c" || len(line.SpanID) != 16 || line.SpanID == "b7ad6b7169203331" {
		t.Errorf("the line has trace %q and span %q, want the caller's trace and a span of its own", line.TraceID, line.SpanID)
	}
}

func TestALogLineOutsideOfTracesNamesNone(t *testing.T) {
	var out logtest.Log
	log := adapters.NewLog(&out, time.Now)
	log.InfoContext(t.Context(), "outside")
	log.Close()
	if strings.Contains(out.String(), "trace_id") || !strings.Contains(out.String(), "outside") {
		t.Errorf("the log says %q", out.String())
	}
}

func TestVariablesOfOpenTelemetryAreNoMisspeltSettings(t *testing.T) {
	environ := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "x", "OTEL_BSP_SCHEDULE_DELAY": "x", "OTEL_SDK_DISABLED": "x",
		"OTEL_METRICS_EXPORTER": "x", "OTEL_LOGS_EXPORTER": "x",
	}
	if warnings := adapters.UnknownSettings(environ); len(warnings) > 0 {
		t.Errorf("warned: %q", warnings)
	}
	if warnings := adapters.UnknownSettings(map[string]string{"TRACE_UPSTREAM": "true"}); len(warnings) != 1 {
		t.Errorf("a setting of ours that is misspelt is warned about %d times, want once", len(warnings))
	}
}
