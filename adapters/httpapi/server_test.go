package httpapi_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/internal/serving"
)

// running is a server that listens for real.
type running struct {
	url    string
	cancel context.CancelFunc
	done   chan error
}

func run(t *testing.T, e *exchanger) *running {
	t.Helper()
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	server := httpapi.NewServer(httpapi.Config{ListenAddr: "127.0.0.1:0", RequestTimeout: 10 * time.Second}, bridgeClientID, httpapi.UseCases{Exchange: e}, logger, time.Now)
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

func TestStoppingFinishesWhatIsInFlight(t *testing.T) {
	e := &exchanger{session: goodSession(), entered: make(chan struct{}), leave: make(chan struct{})}
	r := run(t, e)
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
	patience.Receive(t, e.entered, "the exchange to begin")
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
	if status := patience.Receive(t, answer, "the answer"); status != http.StatusOK {
		t.Errorf("the request in flight was answered %d, want 200", status)
	}
	if err := patience.Receive(t, r.done, "the server to stop"); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestAPortThatIsTakenIsSaidWithAdvice(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	server := httpapi.NewServer(httpapi.Config{ListenAddr: serving.Addr(taken.Addr().String())}, bridgeClientID, httpapi.UseCases{Exchange: &exchanger{}}, logger, time.Now)
	if _, err := server.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "LISTEN_ADDR") {
		t.Errorf("err = %v, want it to name LISTEN_ADDR", err)
	}
}

// A caller who sends nothing, or sends or reads slowly, must not hold a connection
// for ever; and nobody's answer may be cut off within its REQUEST_TIMEOUT.
func TestEveryTimeOfAConnectionIsBounded(t *testing.T) {
	const request = 20 * time.Second
	server := newBench(t, httpapi.Config{RequestTimeout: request}, &exchanger{}).server.HTTPServer()
	for name, tt := range map[string]struct{ got, atLeast, atMost time.Duration }{
		"the headers":     {server.ReadHeaderTimeout, time.Second, 5 * time.Second},
		"the request":     {server.ReadTimeout, 5 * time.Second, 10 * time.Second},
		"the answer":      {server.WriteTimeout, server.ReadTimeout + request, server.ReadTimeout + request + 5*time.Second},
		"between answers": {server.IdleTimeout, time.Minute, 2 * time.Minute},
	} {
		if tt.got < tt.atLeast || tt.got > tt.atMost {
			t.Errorf("%s: %s, want %s to %s", name, tt.got, tt.atLeast, tt.atMost)
		}
	}
	if server.MaxHeaderBytes != 16<<10 {
		t.Errorf("headers may have %d bytes, want 16 KiB", server.MaxHeaderBytes)
	}
}
