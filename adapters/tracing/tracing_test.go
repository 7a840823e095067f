package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/tracing"
	"nativebridge/adapters/tracing/otlptest"
	"nativebridge/domain"
)

const (
	credential = "s3cr3t-t0k3n"
	parent     = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// open returns what the variables ask for. No other OTEL_* variable is set.
func open(t *testing.T, variables map[string]string) (*tracing.Tracing, *logtest.Log) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
	said := &logtest.Log{}
	traces := tracing.Open(tracing.Config{Upstreams: variables["TRACE_UPSTREAMS"] != ""}, "1.2.3", slog.New(slog.NewTextHandler(said, nil)))
	t.Cleanup(traces.Close)
	return traces, said
}

// routes answers what a bridge with traces might: a route that takes one step.
func routes(traces *tracing.Tracing, step func(ctx context.Context) error) http.Handler {
	r := chi.NewRouter()
	r.Use(traces.Handler, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r.WithContext(r.Context())) })
	})
	r.Post("/v1/people/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := step(r.Context()); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	return r
}

// ask sends a request that has a credential wherever one can be.
func ask(handler http.Handler, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "https://"+credential+".example.com/v1/people/"+credential+"?q="+credential, strings.NewReader(credential))
	r.Header.Set("User-Agent", credential)
	r.Header.Set("X-Forwarded-For", "203.0.113.99")
	r.RemoteAddr = "203.0.113.99:1234"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func nothing(context.Context) error { return nil }

func TestARequestItsStepsAndItsUpstreamsAreOneTree(t *testing.T) {
	collector := otlptest.Start(t)
	traces, said := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL})
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(vendor.Close)
	client := traces.Transport("vendor", http.DefaultTransport)
	ask(routes(traces, func(ctx context.Context) error {
		ctx, end := traces.Begin(ctx, "verify", "authsignal")
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, vendor.URL+"/users/"+credential+"?q="+credential, strings.NewReader(credential))
		resp, err := client.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer resp.Body.Close()
		end(fmt.Errorf("about %s: %w", credential, domain.ErrTokenRejected))
		return domain.ErrTokenRejected
	}))
	traces.Close()
	spans := collector.Spans()
	want := "POST /v1/people/{id}\n  verify (token_rejected)\n    POST vendor (failed)\n"
	if got := otlptest.Tree(spans); got != want {
		t.Fatalf("the tree is\n%swant\n%s%s", got, want, said)
	}
	for i, want := range []map[string]string{
		{"http.route": "/v1/people/{id}", "http.request.method": "POST", "http.response.status_code": "401"},
		{"native_bridge.adapter": "authsignal", "native_bridge.outcome": "token_rejected"},
		{"http.request.method": "POST", "http.response.status_code": "502", "server.address": "127.0.0.1"},
	} {
		for name, value := range want {
			if spans[i].Attributes[name] != value {
				t.Errorf("%s of %s is %q, want %q", name, spans[i].Name, spans[i].Attributes[name], value)
			}
		}
	}
	if spans[0].Kind != "server" || spans[1].Kind != "internal" || spans[2].Kind != "client" || spans[0].Resource["service.name"] != "native-bridge" {
		t.Errorf("the kinds are %s, %s and %s, of %q", spans[0].Kind, spans[1].Kind, spans[2].Kind, spans[0].Resource)
	}
	for _, secret := range []string{credential, "203.0.113.99"} {
		if all := otlptest.Everything(spans); strings.Contains(all, secret) {
			t.Errorf("the spans hold %s:\n%s", secret, all)
		}
	}
}

// TestNothingButWhatIsListedIsSent looks at what a library notes of a failure by itself.
func TestNothingButWhatIsListedIsSent(t *testing.T) {
	collector := otlptest.Start(t)
	traces, _ := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL})
	client := traces.Transport("vendor", failing{})
	ask(routes(traces, func(ctx context.Context) error {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://vendor.example.com/"+credential, nil)
		resp, err := client.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
			t.Error("no error")
		}
		return nil
	}))
	traces.Close()
	spans := collector.Spans()
	if got, want := otlptest.Tree(spans), "POST /v1/people/{id}\n  GET vendor (failed)\n"; got != want {
		t.Errorf("the tree is\n%swant\n%s", got, want)
	}
	if all := otlptest.Everything(spans); strings.Contains(all, credential) {
		t.Errorf("the spans hold the words of an error:\n%s", all)
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("an error about " + credential)
}

func TestACallersTraceGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		variables                map[string]string
		traceparent              string
		sent, same, seenByVendor bool
	}{
		"none":                                         {nil, "", true, false, false},
		"one that is sampled":                          {nil, parent, true, true, false},
		"one that is not":                              {nil, unsampled, false, true, false},
		"one that is malformed":                        {nil, "00-" + credential, true, false, false},
		"a sampler that heeds no caller":               {map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, parent, false, true, false},
		"a sampler for callers alone":                  {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, parent, true, true, false},
		"a sampler for callers alone, without one":     {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, "", false, false, false},
		"no propagation":                               {map[string]string{"OTEL_PROPAGATORS": "none"}, parent, true, false, false},
		"vendors are to see it":                        {map[string]string{"TRACE_UPSTREAMS": "on"}, parent, true, true, true},
		"vendors are to see it, and nothing is to be":  {map[string]string{"TRACE_UPSTREAMS": "on", "OTEL_PROPAGATORS": "none"}, parent, true, false, false},
		"vendors are to see one that is not sampled":   {map[string]string{"TRACE_UPSTREAMS": "on"}, unsampled, false, true, true},
		"vendors are not to see it whoever it is from": {nil, "", true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.Start(t)
			variables := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}
			for name, value := range tt.variables {
				variables[name] = value
			}
			traces, said := open(t, variables)
			var seen string
			client := traces.Transport("vendor", seeing{&seen})
			ask(routes(traces, func(ctx context.Context) error {
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://vendor.example.com", nil)
				resp, err := client.RoundTrip(req)
				if err == nil {
					resp.Body.Close()
				}
				return err
			}), "Traceparent", tt.traceparent, "Baggage", "person="+credential)
			traces.Close()
			spans := collector.Spans()
			if (len(spans) > 0) != tt.sent {
				t.Fatalf("%d spans are sent, want some: %t\n%s", len(spans), tt.sent, said)
			}
			if tt.sent && (spans[0].Trace == strings.Split(parent, "-")[1]) != tt.same {
				t.Errorf("the trace is %s with the parent %s, want the caller's: %t", spans[0].Trace, spans[0].Parent, tt.same)
			}
			if strings.Contains(seen, "0af7651916cd43dd8448eb211c80319c") != tt.seenByVendor || !tt.seenByVendor && seen != "" {
				t.Errorf("the vendor sees %q, want the trace: %t", seen, tt.seenByVendor)
			}
		})
	}
}

// seeing notes what a vendor is told of the trace.
type seeing struct{ seen *string }

func (s seeing) RoundTrip(r *http.Request) (*http.Response, error) {
	*s.seen = r.Header.Get("Traceparent") + r.Header.Get("Tracestate") + r.Header.Get("Baggage")
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func TestWhatIsDoneForNoRequestIsInNoTrace(t *testing.T) {
	collector := otlptest.Start(t)
	traces, _ := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "TRACE_UPSTREAMS": "on"})
	_, end := traces.Begin(t.Context(), "verify", "authsignal")
	end(nil)
	var seen string
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://vendor.example.com", nil)
	resp, err := traces.Transport("vendor", seeing{&seen}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	traces.Close()
	if spans := collector.Spans(); len(spans) > 0 || seen != "" {
		t.Errorf("a warm-up is in a trace: %v %q", spans, seen)
	}
}

func TestTracesAreOffUnlessAskedFor(t *testing.T) {
	collector := otlptest.Start(t)
	for name, tt := range map[string]struct {
		variables map[string]string
		warned    string
	}{
		"no variable at all":          {nil, ""},
		"the SDK is disabled":         {map[string]string{"OTEL_SDK_DISABLED": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}, ""},
		"no exporter":                 {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}, ""},
		"an exporter that we lack":    {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL}, "OTEL_TRACES_EXPORTER"},
		"an exporter, but no address": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		"an address that is none":     {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		"an address for traces that is none": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://[" + credential, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL},
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		"other variables only": {map[string]string{"OTEL_SERVICE_NAME": "bridge", "OTEL_TRACES_SAMPLER": "always_on"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			traces, said := open(t, tt.variables)
			if traces != nil {
				t.Fatal("traces are on")
			}
			if after := runtime.NumGoroutine(); after > before {
				t.Errorf("%d goroutines, and %d before", after, before)
			}
			handler, transport := http.NotFoundHandler(), http.RoundTripper(seeing{})
			if traces.Transport("vendor", transport) != transport || fmt.Sprintf("%p", traces.Handler(handler)) != fmt.Sprintf("%p", handler) {
				t.Error("something is wrapped")
			}
			if (said.String() != "") != (tt.warned != "") || !strings.Contains(said.String(), tt.warned) || strings.Contains(said.String(), credential) {
				t.Errorf("the log says %q, want it to name %q", said, tt.warned)
			}
		})
	}
	if asked := collector.Requests(); len(asked) > 0 {
		t.Errorf("the collector was asked %d times", len(asked))
	}
}

func TestAWrongVariableIsNamedAndStopsNothing(t *testing.T) {
	notes := filepath.Join(t.TempDir(), credential)
	if err := os.WriteFile(notes, []byte(credential), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string][]string{
		"OTEL_SDK_DISABLED":                      {credential},
		"OTEL_TRACES_SAMPLER":                    {credential, "parentbased"},
		"OTEL_TRACES_SAMPLER_ARG":                {credential, "2", "-0.1"},
		"OTEL_PROPAGATORS":                       {credential, "b3"},
		"OTEL_RESOURCE_ATTRIBUTES":               {credential, "=" + credential, "a=%zz" + credential},
		"OTEL_BSP_MAX_QUEUE_SIZE":                {credential, "-1", "0", "99999999999"},
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE":         {credential, "-1"},
		"OTEL_BSP_SCHEDULE_DELAY":                {credential, "-1", "5s"},
		"OTEL_BSP_EXPORT_TIMEOUT":                {credential},
		"OTEL_EXPORTER_OTLP_TIMEOUT":             {credential, "0"},
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT":      {credential},
		"OTEL_EXPORTER_OTLP_PROTOCOL":            {credential, "grpc"},
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL":     {"http/json"},
		"OTEL_EXPORTER_OTLP_COMPRESSION":         {credential, "zstd"},
		"OTEL_EXPORTER_OTLP_HEADERS":             {credential, "authorization:" + credential, "a b=" + credential, "a=%zz" + credential, "a=b%0d%0a" + credential},
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS":      {credential},
		"OTEL_EXPORTER_OTLP_CERTIFICATE":         {credential, notes},
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE":  {credential, notes},
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT":        {credential},
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT":      {credential},
		"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE":  {credential},
		"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": {credential},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				collector := otlptest.Start(t)
				traces, said := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, name: value})
				ask(routes(traces, nothing))
				traces.Close()
				if len(collector.Spans()) != 1 {
					t.Errorf("%d spans are sent, want one as if it were not set", len(collector.Spans()))
				}
				if !strings.Contains(said.String(), name+" ") || strings.Count(said.String(), "level=WARN") != 1 || strings.Contains(said.String(), credential) {
					t.Errorf("the log says %q, want one warning that names %s", said, name)
				}
			})
		}
	}
}

func TestWhatTheVariablesSayIsDone(t *testing.T) {
	collector := otlptest.Start(t)
	traces, said := open(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://nobody.invalid", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.URL + "/traces/here",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20" + credential + ", x-tenant=a", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		"OTEL_SERVICE_NAME": "bridge-eu", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TIMEOUT": "9000",
	})
	ask(routes(traces, nothing))
	traces.Close()
	spans, requests := collector.Spans(), collector.Requests()
	if len(spans) != 1 || len(requests) != 1 || said.String() != "" {
		t.Fatalf("%d spans in %d requests, want one\n%s", len(spans), len(requests), said)
	}
	if spans[0].Resource["service.name"] != "bridge-eu" || spans[0].Resource["deployment.environment"] != "prod" || spans[0].Resource["service.version"] != "1.2.3" {
		t.Errorf("the resource is %q", spans[0].Resource)
	}
	r := requests[0]
	if r.URL.Path != "/traces/here" || r.Header.Get("Authorization") != "Basic "+credential || r.Header.Get("X-Tenant") != "a" || r.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%s %v is not what the variables say", r.URL.Path, r.Header)
	}
}

func TestTheAddressOfAllSignalsHasThePathOfTraces(t *testing.T) {
	for base, want := range map[string]string{"": "/v1/traces", "/": "/v1/traces", "/otlp": "/otlp/v1/traces", "/otlp/": "/otlp/v1/traces"} {
		collector := otlptest.Start(t)
		traces, _ := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL + base})
		ask(routes(traces, nothing))
		traces.Close()
		if asked := collector.Requests(); len(asked) != 1 || asked[0].URL.Path != want {
			t.Errorf("%q: asked %v, want %s", base, asked, want)
		}
	}
}

func TestRatiosAreOfRequestsWithoutACaller(t *testing.T) {
	collector := otlptest.Start(t)
	traces, _ := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"})
	handler := routes(traces, nothing)
	ask(handler)
	ask(handler, "Traceparent", parent)
	traces.Close()
	if spans := collector.Spans(); len(spans) != 1 || spans[0].Parent == "" {
		t.Errorf("the spans are %v, want the one of the caller's trace", spans)
	}
}

func TestACollectorsTroubleIsToldOnceAndHoldsNobodyUp(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		cause  string
	}{
		"it answers 500": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, credential)
		}, "status 500"},
		"it answers 401": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		}, "status 401"},
		"it sends elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "status 307"},
		"it rejects some": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x0a\x02\x08\x07")) }, "rejects 7"},
		"it hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.Start(t)
			answered := make(chan struct{}, 100)
			collector.Answer(func(w http.ResponseWriter, r *http.Request) { tt.answer(w, r); answered <- struct{}{} })
			traces, said := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_BSP_SCHEDULE_DELAY": "1",
				"OTEL_EXPORTER_OTLP_HEADERS": "authorization=" + credential})
			handler := routes(traces, nothing)
			for range 3 {
				if ask(handler).Code != http.StatusOK {
					t.Error("a request failed")
				}
				<-answered
			}
			traces.Close()
			if strings.Count(said.String(), "spans are lost") != 1 || !strings.Contains(said.String(), tt.cause) {
				t.Errorf("the log says %q, want once %q", said, tt.cause)
			}
			if strings.Contains(said.String(), credential) {
				t.Errorf("the log shows the collector's words or a header: %s", said)
			}
		})
	}
}

func TestACollectorThatIsAwayIsToldOnce(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	traces, said := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": gone.URL + "/" + credential})
	ask(routes(traces, nothing))
	traces.Close()
	if !strings.Contains(said.String(), "connection refused") || strings.Contains(said.String(), credential) {
		t.Errorf("the log says %q, want that the connection is refused", said)
	}
}

func TestTheEndOfACollectorsTroubleIsTold(t *testing.T) {
	collector := otlptest.Start(t)
	refused := make(chan struct{}, 100)
	collector.Answer(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		refused <- struct{}{}
	})
	traces, said := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_BSP_SCHEDULE_DELAY": "1"})
	handler := routes(traces, nothing)
	ask(handler)
	<-refused
	collector.Answer(nil)
	ask(handler)
	traces.Close()
	if len(collector.Spans()) != 1 || !strings.Contains(said.String(), "takes spans again") || !strings.Contains(said.String(), "lost_so_far=1") {
		t.Errorf("%d spans, and the log says %q, want that one was lost and that the trouble is over", len(collector.Spans()), said)
	}
}

// TestACollectorThatHangsDelaysNoRequestAndNoStop holds the first request of spans for as
// long as the test lasts. Nothing here could end if anything waited for it.
func TestACollectorThatHangsDelaysNoRequestAndNoStop(t *testing.T) {
	collector := otlptest.Start(t)
	hanging, over := make(chan struct{}, 100), make(chan struct{})
	collector.Answer(func(http.ResponseWriter, *http.Request) { hanging <- struct{}{}; <-over })
	t.Cleanup(func() { close(over) })
	traces, said := open(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_BSP_MAX_QUEUE_SIZE": "4"})
	handler := routes(traces, nothing)
	ask(handler)
	<-hanging
	for range 20 {
		if ask(handler).Code != http.StatusOK {
			t.Error("a request failed")
		}
	}
	if strings.Count(said.String(), "spans are lost") != 1 || !strings.Contains(said.String(), "more spans end than it takes") {
		t.Errorf("the log says %q, want once that spans are lost", said)
	}
	began := time.Now()
	traces.Close()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the stop took %s, though the collector's time is 10 s and the stop's 2 s", took)
	}
	if !strings.Contains(said.String(), "did not take the last spans") || !strings.Contains(said.String(), "lost=4") || !strings.Contains(said.String(), "lost_so_far=21") {
		t.Errorf("the log says %q, want that 4 are lost at the end and 21 in all", said)
	}
}
