package adapters_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/ops"
	"nativebridge/app"
	"nativebridge/domain"
)

// gate is a use case that says when a call begins, and waits until it may end.
type gate struct{ entered, leave chan struct{} }

func newGate() gate { return gate{make(chan struct{}), make(chan struct{})} }

func (g gate) Execute(context.Context, app.Exchange) (domain.Session, error) {
	g.entered <- struct{}{}
	<-g.leave
	return domain.Session{}, nil
}

// served is a whole bridge that listens.
type served struct {
	api, ops string
	stop     context.CancelFunc
	done     chan error
}

func serve(t *testing.T, exchange httpapi.Exchanger, opsConfig ops.Config) *served {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	opsConfig.Addr = "127.0.0.1:0"
	server := &adapters.Server{
		API: httpapi.NewServer(httpapi.Config{ListenAddr: "127.0.0.1:0", RequestTimeout: time.Minute}, "client-1", httpapi.UseCases{Exchange: exchange}, log, time.Now),
		Ops: ops.NewServer(opsConfig, ops.NewHealth(nil, nil, log), log),
		Log: log,
	}
	on, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	s := &served{"http://" + on.API.Addr().String(), "http://" + on.Ops.Addr().String(), stop, make(chan error, 1)}
	go func() { s.done <- server.Serve(ctx, on) }()
	return s
}

// status returns what readiness says on a new connection; "" if there is no answer.
func (s *served) status() string {
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(s.ops + "/readyz")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var body struct{ Status string }
	_ = json.NewDecoder(resp.Body).Decode(&body)
	return body.Status
}

func (s *served) exchange(answered chan<- int) {
	resp, err := http.Post(s.api+"/v1/sessions", "application/json", strings.NewReader(`{"token":"a.b.c"}`))
	if err != nil {
		answered <- 0
		return
	}
	_ = resp.Body.Close()
	answered <- resp.StatusCode
}

// until waits for what happens soon, by asking.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// receive returns what comes soon.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(30 * time.Second):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func refusesConnections(url string) bool {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func TestProbesAnswerUntilTheLastAppHasItsAnswer(t *testing.T) {
	g := newGate()
	s := serve(t, g, ops.Config{})
	until(t, "it is ready", func() bool { return s.status() == "ready" })
	answered := make(chan int, 1)
	go s.exchange(answered)
	receive(t, "the exchange to begin", g.entered)

	s.stop()
	until(t, "no app can connect", func() bool { return refusesConnections(s.api) })
	if status := s.status(); status != "draining" {
		t.Errorf("readiness says %q while an exchange is in flight, want draining", status)
	}
	select {
	case err := <-s.done:
		t.Fatalf("it stopped with an exchange in flight: %v", err)
	default:
	}
	close(g.leave)
	if status := receive(t, "the answer", answered); status != http.StatusOK {
		t.Errorf("the exchange in flight was answered %d, want 200", status)
	}
	if err := receive(t, "the end", s.done); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !refusesConnections(s.ops) {
		t.Error("probes can still connect after the end")
	}
}

func TestTheProbesAnswerOnTheirOwnAddressOnly(t *testing.T) {
	s := serve(t, newGate(), ops.Config{})
	for url, want := range map[string]int{
		s.ops + "/livez": http.StatusOK, s.api + "/livez": http.StatusNotFound, s.api + "/readyz": http.StatusNotFound,
		s.ops + "/v1/sessions": http.StatusNotFound, s.ops + "/.well-known/jwks.json": http.StatusNotFound,
	} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", strings.TrimPrefix(url, "http://"), resp.StatusCode, want)
		}
	}
}

func TestIfOneAddressFailsTheWholeBridgeEnds(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for name, breakOne := range map[string]func(on adapters.Listeners) error{
		"the API":    func(on adapters.Listeners) error { return on.API.Close() },
		"the probes": func(on adapters.Listeners) error { return on.Ops.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			server := &adapters.Server{
				API: httpapi.NewServer(httpapi.Config{ListenAddr: "127.0.0.1:0"}, "client-1", httpapi.UseCases{}, log, time.Now),
				Ops: ops.NewServer(ops.Config{Addr: "127.0.0.1:0"}, ops.NewHealth(nil, nil, log), log),
				Log: log,
			}
			on, err := server.Listen(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- server.Serve(context.Background(), on) }()
			if err := breakOne(on); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, "the end", done); !errors.Is(err, net.ErrClosed) {
				t.Errorf("err = %v, want the one of the listener", err)
			}
		})
	}
}

func TestAnAddressThatIsTakenLeavesTheOtherFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	env := minimal()
	env["OPS_ADDR"] = taken.Addr().String()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	env["LISTEN_ADDR"] = free.Addr().String()
	_ = free.Close()
	config, err := adapters.LoadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	server := &adapters.Server{
		API: httpapi.NewServer(config.HTTP, "client-1", httpapi.UseCases{}, log, time.Now),
		Ops: ops.NewServer(config.Ops, ops.NewHealth(nil, nil, log), log),
		Log: log,
	}
	if _, err := server.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "OPS_ADDR "+env["OPS_ADDR"]) {
		t.Errorf("err = %v, want it to name OPS_ADDR and its value", err)
	}
	if !refusesConnections("http://" + env["LISTEN_ADDR"]) {
		t.Error("the other address is still open")
	}
}
