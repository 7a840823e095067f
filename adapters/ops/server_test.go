package ops_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/adapters/internal/lines"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/internal/serving"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/ops"
)

var quiet = slog.New(slog.NewJSONHandler(io.Discard, nil))

// running is a server that listens for real.
type running struct{ url string }

func run(t *testing.T, health *ops.Health) *running {
	t.Helper()
	server := ops.NewServer(ops.Config{Addr: "127.0.0.1:0"}, health, quiet)
	listener, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := patience.Receive(t, done, "the server to stop"); err != nil {
			t.Error(err)
		}
	})
	go health.WarmUp(ctx)
	return &running{url: "http://" + listener.Addr().String()}
}

func (r *running) get(t *testing.T, path string) (int, map[string]any) {
	t.Helper()
	resp, err := http.Get(r.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func TestReadyOnceWarmAndNotWhileDraining(t *testing.T) {
	warm, warming := make(chan struct{}), make(chan struct{})
	health := ops.NewHealth(map[string]func(context.Context) error{
		"vendor": func(context.Context) error { close(warming); <-warm; return nil },
	}, nil, quiet)
	r := run(t, health)

	patience.Receive(t, warming, "the warm-up to begin")
	if status, body := r.get(t, "/readyz"); status != 503 || body["status"] != "starting" {
		t.Errorf("while warming up: %d %v, want 503 starting", status, body)
	}
	if status, body := r.get(t, "/livez"); status != 200 || body["status"] != "live" {
		t.Errorf("while warming up: %d %v, want alive", status, body)
	}
	close(warm)
	untilStatus(t, r, "ready")

	health.Drain()
	if status, body := r.get(t, "/readyz"); status != 503 || body["status"] != "draining" {
		t.Errorf("while draining: %d %v, want 503 draining", status, body)
	}
	if status, _ := r.get(t, "/livez"); status != 200 {
		t.Errorf("while draining: %d, want alive", status)
	}
}

func untilStatus(t *testing.T, r *running, want string) {
	t.Helper()
	for {
		if _, body := r.get(t, "/readyz"); body["status"] == want {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("never %s", want)
		}
	}
}

func TestReadyEvenIfTheWarmUpFails(t *testing.T) {
	log := &logtest.Log{}
	health := ops.NewHealth(map[string]func(context.Context) error{
		"vendor": func(context.Context) error { return errors.New("no connection") },
	}, nil, slog.New(slog.NewJSONHandler(log, nil)))
	r := run(t, health)
	untilStatus(t, r, "ready")
	if !strings.Contains(log.String(), "no connection") {
		t.Error("the failed warm-up is not in the log")
	}
}

func TestAStreamThatNobodyReadsIsToldAndTheBridgeStaysReady(t *testing.T) {
	status := lines.Status{}
	health := ops.NewHealth(nil, nil, quiet)
	health.Watch("audit", func() lines.Status { return status })
	health.Watch("log", func() lines.Status { return lines.Status{} })
	r := run(t, health)
	untilStatus(t, r, "ready")
	for want, now := range map[string]lines.Status{
		"ok": {},
		"nobody reads it since 2026-01-31T10:00:00Z, 3 lines lost since the start": {
			Trouble: "nobody reads it", Since: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), Lost: 3},
	} {
		status = now
		if code, body := r.get(t, "/readyz"); code != 200 || body["streams"].(map[string]any)["audit"] != want || body["streams"].(map[string]any)["log"] != "ok" {
			t.Errorf("%d %v, want 200 and %q", code, body, want)
		}
	}
}

func TestAVendorsTroubleIsToldAndTheBridgeStaysReady(t *testing.T) {
	vendor := upstream.New(upstream.Options{Name: "vendor", Now: time.Now})
	r := run(t, ops.NewHealth(nil, []ops.Upstream{vendor}, quiet))
	untilStatus(t, r, "ready")
	if _, body := r.get(t, "/readyz"); body["upstreams"].(map[string]any)["vendor"] != "ok" {
		t.Errorf("body = %v, want the vendor ok", body)
	}
	if err := vendor.Warm(t.Context(), "http://127.0.0.1:1/"); err == nil {
		t.Fatal("a port nobody listens on answered")
	}
	status, body := r.get(t, "/readyz")
	if told := body["upstreams"].(map[string]any)["vendor"]; status != 200 || !strings.HasPrefix(told.(string), "no connection since ") {
		t.Errorf("%d %v, want 200 and the trouble told", status, body)
	}
}

func TestProbesAnswerToHEAD(t *testing.T) {
	r := run(t, ops.NewHealth(nil, nil, quiet))
	for _, path := range []string{"/livez", "/readyz"} {
		resp, err := http.Head(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusMethodNotAllowed {
			t.Errorf("HEAD %s is not allowed", path)
		}
	}
	resp, err := http.Post(r.url+"/livez", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := resp.Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow = %q, want GET, HEAD", got)
	}
}

func TestAPortThatIsTakenIsReportedWithAdvice(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	server := ops.NewServer(ops.Config{Addr: serving.Addr(taken.Addr().String())}, ops.NewHealth(nil, nil, quiet), quiet)
	if _, err := server.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "OPS_ADDR") {
		t.Errorf("err = %v, want it to name OPS_ADDR", err)
	}
}

func TestEveryTimeOfAProbesConnectionIsBounded(t *testing.T) {
	server := ops.NewServer(ops.Config{}, ops.NewHealth(nil, nil, quiet), quiet).HTTPServer()
	for name, tt := range map[string]struct{ got, atMost time.Duration }{
		"the headers":     {server.ReadHeaderTimeout, 5 * time.Second},
		"the request":     {server.ReadTimeout, 5 * time.Second},
		"the answer":      {server.WriteTimeout, 10 * time.Second},
		"between answers": {server.IdleTimeout, 2 * time.Minute},
	} {
		if tt.got < time.Second || tt.got > tt.atMost {
			t.Errorf("%s: %s, want 1s to %s", name, tt.got, tt.atMost)
		}
	}
	if server.MaxHeaderBytes != 8<<10 {
		t.Errorf("headers may have %d bytes, want 8 KiB", server.MaxHeaderBytes)
	}
}

func TestAProbesAnswerIsFreshAndJSON(t *testing.T) {
	r := run(t, ops.NewHealth(nil, nil, quiet))
	untilStatus(t, r, "ready")
	for path, want := range map[string]string{
		"/livez": `{"status":"live"}`, "/readyz": `{"breakers":{},"status":"ready","streams":{},"upstreams":{}}`,
	} {
		resp, err := http.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := strings.TrimSpace(string(body)); got != want {
			t.Errorf("%s answers %s, want %s", path, got, want)
		}
		if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s has the headers %v, want JSON that must not be cached", path, resp.Header)
		}
	}
}

// party is an upstream that is in trouble.
type party struct{ since time.Time }

func (party) Name() string { return "vendor" }

func (p party) Trouble() *upstream.Trouble {
	return &upstream.Trouble{What: "no reply", Since: p.since}
}

func TestTroubleIsToldInUTC(t *testing.T) {
	since := time.Date(2026, 1, 31, 10, 0, 0, 0, time.FixedZone("", 3600))
	r := run(t, ops.NewHealth(nil, []ops.Upstream{party{since}}, quiet))
	if _, body := r.get(t, "/readyz"); body["upstreams"].(map[string]any)["vendor"] != "no reply since 2026-01-31T09:00:00Z" {
		t.Errorf("body = %v", body)
	}
}

func TestTheWarmUpHasFiveSeconds(t *testing.T) {
	var deadline time.Time
	var other atomic.Bool
	log := &logtest.Log{}
	health := ops.NewHealth(map[string]func(context.Context) error{
		"vendor": func(ctx context.Context) error { deadline, _ = ctx.Deadline(); return errors.New("no connection") },
		"other":  func(context.Context) error { other.Store(true); return nil },
	}, nil, slog.New(slog.NewJSONHandler(log, nil)))
	earliest := time.Now().Add(5 * time.Second)
	health.WarmUp(t.Context())
	if latest := time.Now().Add(5 * time.Second); deadline.Before(earliest) || deadline.After(latest) {
		t.Errorf("the warm-up may take until %s, want from %s to %s", deadline, earliest, latest)
	}
	if !other.Load() {
		t.Error("the other upstream was not connected to")
	}
	for _, want := range []string{`"level":"WARN"`, `"upstream":"vendor"`, `"cause":"no connection"`, `"msg":"ready"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says %s, want %s in it", log, want)
		}
	}
}

func TestABridgeThatDrainsWhileItWarmsUpIsNeverReady(t *testing.T) {
	log := &logtest.Log{}
	health := ops.NewHealth(nil, nil, slog.New(slog.NewJSONHandler(log, nil)))
	health.Drain()
	health.WarmUp(t.Context())
	w := httptest.NewRecorder()
	ops.NewServer(ops.Config{}, health, quiet).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"status":"draining"`) {
		t.Errorf("%d %s, want 503 draining", w.Code, w.Body)
	}
	if strings.Contains(log.String(), "ready") {
		t.Errorf("the log says %s", log)
	}
}

func TestTheDrainDelayIsFrom0sTo1m(t *testing.T) {
	for delay, good := range map[time.Duration]bool{0: true, 5 * time.Second: true, time.Minute: true, -1: false, time.Minute + 1: false} {
		faults := (&ops.Config{DrainDelay: delay}).Check()
		if good && len(faults) != 0 || !good && (len(faults) != 1 || faults[0].Name != "DRAIN_DELAY" ||
			faults[0].Problem != "is "+delay.String() || faults[0].Fix == "") {
			t.Errorf("%s: faults %+v, want one: %t", delay, faults, !good)
		}
	}
}

func TestAFailureOfAProbesConnectionIsAWarning(t *testing.T) {
	log := &logtest.Log{}
	ops.NewServer(ops.Config{}, ops.NewHealth(nil, nil, quiet), slog.New(slog.NewJSONHandler(log, nil))).HTTPServer().ErrorLog.Print("it died")
	if !strings.Contains(log.String(), `"level":"WARN","msg":"it died"`) {
		t.Errorf("the log says %q", log)
	}
}

func TestAtMost32ConnectionsOfProbesAreOpen(t *testing.T) {
	r := run(t, ops.NewHealth(nil, nil, quiet))
	var clients []net.Conn
	var readers []*bufio.Reader
	alive := func(i int) bool {
		_, _ = clients[i].Write([]byte("GET /livez HTTP/1.1\r\nHost: bridge\r\n\r\n"))
		resp, err := http.ReadResponse(readers[i], nil)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close() == nil
	}
	open := func() (count int) {
		for i := range clients {
			if alive(i) {
				count++
			}
		}
		return count
	}
	for i := range 33 {
		c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience.Limit)) // so that the test fails and does not hang
		clients, readers = append(clients, c), append(readers, bufio.NewReader(c))
		if !alive(i) {
			t.Fatalf("connection %d got no answer", i+1)
		}
		if i == 31 && open() != 32 {
			t.Error("fewer than 32 may be open")
		}
	}
	if got := open(); got != 32 {
		t.Errorf("%d connections are open, want 32", got)
	}
}
