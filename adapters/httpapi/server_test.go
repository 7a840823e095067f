package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/upstream"
)

// running is a server that listens for real.
type running struct {
	url    string
	cancel context.CancelFunc
	done   chan error
}

func run(t *testing.T, e *exchanger, health *httpapi.Health) *running {
	t.Helper()
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	if health == nil {
		health = httpapi.NewHealth(nil, nil, logger)
	}
	server := httpapi.NewServer(httpapi.Config{ListenAddr: "127.0.0.1:0", RequestTimeout: 10 * time.Second}, bridgeClientID, httpapi.UseCases{Exchange: e}, health, logger)
	listener, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{url: "http://" + listener.Addr().String(), cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- server.Serve(ctx, listener) }()
	t.Cleanup(cancel)
	return r
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

func TestStoppingFinishesWhatIsInFlight(t *testing.T) {
	e := &exchanger{session: goodSession(), entered: make(chan struct{}), leave: make(chan struct{})}
	r := run(t, e, nil)
	answer := make(chan int, 1)
	go func() {
		resp, err := http.Post(r.url+"/v1/sessions", "application/json", strings.NewReader(`{"token":"a.b.c"}`))
		if err != nil {
			answer <- 0
			return
		}
		_ = resp.Body.Close()
		answer <- resp.StatusCode
	}()
	<-e.entered
	r.cancel()
	for refusesConnections := false; !refusesConnections; {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		refusesConnections = err != nil
		if err == nil {
			_ = conn.Close()
		}
	}
	select {
	case err := <-r.done:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	close(e.leave)
	if status := <-answer; status != http.StatusOK {
		t.Errorf("the request in flight was answered %d, want 200", status)
	}
	if err := <-r.done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestReadyOnceWarmAndNotWhileDraining(t *testing.T) {
	warm, warming := make(chan struct{}), make(chan struct{})
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	health := httpapi.NewHealth(map[string]func(context.Context) error{
		"vendor": func(context.Context) error { close(warming); <-warm; return nil },
	}, nil, logger)
	r := run(t, &exchanger{}, health)

	<-warming
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
	log := &lockedBuffer{}
	health := httpapi.NewHealth(map[string]func(context.Context) error{
		"vendor": func(context.Context) error { return errors.New("no connection") },
	}, nil, slog.New(slog.NewJSONHandler(log, nil)))
	r := run(t, &exchanger{}, health)
	untilStatus(t, r, "ready")
	if !strings.Contains(log.String(), "no connection") {
		t.Error("the failed warm-up is not in the log")
	}
}

func TestAVendorsTroubleIsToldAndTheBridgeStaysReady(t *testing.T) {
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	vendor := upstream.New(upstream.Options{Name: "vendor", Now: time.Now})
	r := run(t, &exchanger{}, httpapi.NewHealth(nil, []httpapi.Upstream{vendor}, logger))
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
	r := run(t, &exchanger{}, nil)
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

func TestAPortThatIsTakenIsSaidWithAdvice(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	server := httpapi.NewServer(httpapi.Config{ListenAddr: httpapi.Addr(taken.Addr().String())}, bridgeClientID, httpapi.UseCases{Exchange: &exchanger{}}, httpapi.NewHealth(nil, nil, logger), logger)
	if _, err := server.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "LISTEN_ADDR") {
		t.Errorf("err = %v, want it to name LISTEN_ADDR", err)
	}
}
