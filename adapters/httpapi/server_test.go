package httpapi_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/internal/serving"
	"nativebridge/app"
	"nativebridge/domain"
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
	server := httpapi.NewServer(httpapi.Config{ListenAddr: "127.0.0.1:0", RequestTimeout: 10 * time.Second, MaxInFlight: 1, MaxConnections: 64}, bridgeClientID, httpapi.UseCases{Exchange: e}, logger)
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
		resp, err := described.Client(t, nil).Post(r.url+"/v1/sessions", "application/json", strings.NewReader(`{"token":"a.b.c"}`))
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
	server := httpapi.NewServer(httpapi.Config{ListenAddr: serving.Addr(taken.Addr().String()), MaxInFlight: 1, MaxConnections: 64}, bridgeClientID, httpapi.UseCases{Exchange: &exchanger{}}, logger)
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
		"the headers": {server.ReadHeaderTimeout, time.Second, 5 * time.Second},
		"the request": {server.ReadTimeout, 5 * time.Second, 5 * time.Second},
		"the answer":  {server.WriteTimeout, server.ReadTimeout + request + time.Second, server.ReadTimeout + request + 5*time.Second},
		"a write that does not move, with HTTP/2": {server.HTTP2.WriteByteTimeout, time.Second, 5 * time.Second},
		"between answers":                         {server.IdleTimeout, time.Minute, 2 * time.Minute},
	} {
		if tt.got < tt.atLeast || tt.got > tt.atMost {
			t.Errorf("%s: %s, want %s to %s", name, tt.got, tt.atLeast, tt.atMost)
		}
	}
	if server.MaxHeaderBytes != 16<<10 {
		t.Errorf("headers may have %d bytes, want 16 KiB", server.MaxHeaderBytes)
	}
}

// contextual stands for the use case, and keeps the deadline it was given.
type contextual struct {
	deadline time.Time
	given    bool
}

func (c *contextual) Execute(ctx context.Context, _ app.Exchange) (domain.Session, error) {
	c.deadline, c.given = ctx.Deadline()
	return goodSession(), nil
}

func TestTheTimeOfARequestCountsFromItsArrival(t *testing.T) {
	const request, waited = time.Hour, 20 * time.Minute
	use, logger := &contextual{}, slog.New(slog.DiscardHandler)
	server := httpapi.NewServer(httpapi.Config{RequestTimeout: request}, bridgeClientID, httpapi.UseCases{Exchange: use}, logger)
	server.Waits(waited)
	before := time.Now()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/v1/sessions", strings.NewReader(`{"token":"`+token+`"}`))
	r.Header.Set("Content-Type", "application/json")
	handlerOf(t, server).ServeHTTP(w, r)
	earliest, latest := before.Add(request-waited), time.Now().Add(request-waited)
	if !use.given || use.deadline.Before(earliest) || use.deadline.After(latest) {
		t.Errorf("the exchange must end %s (%t), want within %s of its arrival", use.deadline, use.given, request)
	}
}

func TestConnectionsLeaveRoomForWhatElseTheProcessOpens(t *testing.T) {
	for name, tt := range map[string]struct{ descriptors, want int }{
		"as many as are configured":         {100_000, 2048},
		"as many as there is room":          {1024, 468},
		"just enough":                       {813, 257},
		"too few for what may be in flight": {812, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, httpapi.Config{ListenAddr: "127.0.0.1:0", MaxInFlight: 256, MaxConnections: 2048}, &exchanger{})
			b.server.MayOpen(tt.descriptors)
			got, err := b.server.Connections()
			if got != tt.want || (err == nil) != (tt.want > 0) {
				t.Errorf("%d connections, %v, want %d", got, err, tt.want)
			}
			listener, err := b.server.Listen(t.Context())
			if err == nil {
				_ = listener.Close()
			}
			if tt.want == 0 && (err == nil || !strings.Contains(err.Error(), "MAX_IN_FLIGHT=256") || !strings.Contains(err.Error(), "let it open 1068")) {
				t.Errorf("listen: %v, want it to name the setting and the limit", err)
			}
			if warned := strings.Contains(b.log.String(), "MAX_CONNECTIONS"); warned != (tt.want == 257 || tt.want == 468) {
				t.Errorf("the log says %q, want a warning if fewer are taken", b.log)
			}
		})
	}
}

func TestAProcessThatMayOpenTooFewDoesNotServe(t *testing.T) {
	b := newBench(t, httpapi.Config{MaxInFlight: 256, MaxConnections: 2048}, &exchanger{})
	b.server.MayOpen(100)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := b.server.Serve(t.Context(), listener); err == nil || !strings.Contains(err.Error(), "nofile") {
		t.Errorf("err = %v, want the limit", err)
	}
}

func TestIfNobodyKnowsTheLimitConnectionsAreAsConfigured(t *testing.T) {
	b := newBench(t, httpapi.Config{MaxInFlight: 256, MaxConnections: 2048}, &exchanger{})
	b.server.MayOpenWhoKnowsHowMany()
	if got, err := b.server.Connections(); got != 2048 || err != nil {
		t.Errorf("%d connections, %v, want 2048", got, err)
	}
}

// asked is a connection that knows whether somebody wanted its descriptor.
type asked struct {
	net.Conn
	descriptor bool
}

func (a *asked) SyscallConn() (syscall.RawConn, error) {
	a.descriptor = true
	return nil, errors.ErrUnsupported
}

func TestAConnectionIsAskedHowLongItsRequestHasWaited(t *testing.T) {
	c := &asked{}
	serving.Waited(newBench(t, httpapi.Config{}, &exchanger{}).server.HTTPServer().ConnContext(t.Context(), c))
	if !c.descriptor {
		t.Error("requests do not know their connection")
	}
}

func TestWhatAConnectionDiesOfIsAWarning(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{})
	b.server.HTTPServer().ErrorLog.Print("it died")
	if log := b.log.String(); !strings.Contains(log, `"level":"WARN","msg":"it died"`) {
		t.Errorf("the log says %q", log)
	}
}

func TestAPathSaysWhichMethodsItHas(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{})
	for path, want := range map[string]string{"/v1/sessions": "POST", "/.well-known/jwks.json": "GET, HEAD"} {
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, path, nil))
		if got := w.Header().Get("Allow"); w.Code != http.StatusMethodNotAllowed || got != want {
			t.Errorf("%s: %d, Allow = %q, want %q", path, w.Code, got, want)
		}
	}
}
