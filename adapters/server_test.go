package adapters_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/ops"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// gate is a use case that says when a call begins, and waits until it may end.
type gate struct{ entered, leave chan struct{} }

func newGate() gate { return gate{make(chan struct{}), make(chan struct{})} }

func (g gate) wait() {
	g.entered <- struct{}{}
	<-g.leave
}

// gated is a use case behind a gate.
type (
	gatedExchange struct{ gate }
	gatedRenew    struct{ gate }
	gatedRevoke   struct{ gate }
	staticKeys    struct{}
)

func (g gatedExchange) Execute(context.Context, app.Exchange) (domain.Session, error) {
	g.wait()
	return domain.Session{}, nil
}

func (g gatedRenew) Execute(context.Context, app.Renewal) (domain.Session, error) {
	g.wait()
	return domain.Session{}, nil
}

// gatedCall is any use case behind a gate.
type gatedCall[Asked, Got any] struct{ gate }

func (g gatedCall[Asked, Got]) Execute(context.Context, Asked) (got Got, _ error) {
	g.wait()
	return got, nil
}

type gatedRemoval struct{ gate }

func (g gatedRemoval) Execute(context.Context, app.Removal) error {
	g.wait()
	return nil
}

// gatedPasskeys are all that people do with their passkeys, behind a gate.
func gatedPasskeys(g gate) *httpapi.Passkeys {
	return &httpapi.Passkeys{
		Enrol: gatedCall[app.Enrolment, domain.Secret]{g}, List: gatedCall[app.Listing, []domain.Passkey]{g}, Remove: gatedRemoval{g},
	}
}

func (g gatedRevoke) Execute(context.Context, app.Revocation) error {
	g.wait()
	return nil
}

func (staticKeys) JWKS(context.Context) ([]byte, error) { return []byte(`{"keys":[]}`), nil }

// served is a whole bridge that listens.
type served struct {
	api, ops, metrics string // metrics is "" without METRICS_ADDR
	opened            *counting
	stop              context.CancelFunc
	done              chan error
	log               *logtest.Log
}

// newServer returns a bridge of the settings, whose use cases wait at the gate.
func newServer(t *testing.T, g gate, log *slog.Logger, more map[string]string, probes ...ports.Probe) *adapters.Server {
	t.Helper()
	env := minimal()
	env["STARTUP_CHECK"] = "off"
	env["LISTEN_ADDR"], env["OPS_ADDR"], env["DRAIN_DELAY"], env["REQUEST_TIMEOUT"] = "127.0.0.1:0", "127.0.0.1:0", "0s", "1m"
	maps.Copy(env, more)
	c, err := adapters.LoadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	in := adapters.NewInstruments(c, adapters.Runtime{Log: log}, nil)
	use := adapters.DecorateUseCases(c, httpapi.UseCases{Exchange: gatedExchange{g}, Renew: gatedRenew{g}, Revoke: gatedRevoke{g}, Keys: staticKeys{}}, nil, time.Now, in)
	health := ops.NewHealth(nil, nil, log)
	return adapters.NewServer(c, httpapi.NewServer(c.HTTP, "client-1", use, log), ops.NewServer(c.Ops, health, log), health, ops.NewStartupCheck(c.Ops, probes, log), in)
}

func serve(t *testing.T, g gate, more map[string]string, probes ...ports.Probe) *served {
	t.Helper()
	s := &served{done: make(chan error, 1), log: &logtest.Log{}}
	server := newServer(t, g, slog.New(slog.NewTextHandler(s.log, nil)), more, probes...)
	on, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.api, s.ops, s.opened = "http://"+on.API.Addr().String(), "http://"+on.Ops.Addr().String(), &counting{Listener: on.API}
	on.API = s.opened
	if on.Metrics != nil {
		s.metrics = "http://" + on.Metrics.Addr().String()
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	t.Cleanup(s.stop)
	go func() { s.done <- server.Serve(ctx, on) }()
	return s
}

// counting is a listener that knows the most connections that were open at once.
type counting struct {
	net.Listener
	open, most atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for open := l.open.Add(1); ; {
		most := l.most.Load()
		if open <= most || l.most.CompareAndSwap(most, open) {
			return &counted{c, sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
	}
}

type counted struct {
	net.Conn
	end func()
}

func (c *counted) Close() error {
	c.end()
	return c.Conn.Close()
}

// status returns what readiness says on a new connection; "" if there is no answer.
func (s *served) status() string { return readiness(s.ops) }

func readiness(url string) string {
	resp, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get(url + "/readyz")
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var body struct{ Status string }
	_ = json.NewDecoder(resp.Body).Decode(&body)
	return body.Status
}

// answer is what an app gets. Status 0 means that it gets none.
type answer struct {
	status           int
	code, retryAfter string
}

// post sends body, as a form or as JSON, on a connection of its own.
func (s *served) post(path, body string) answer {
	kind := "application/x-www-form-urlencoded"
	if strings.HasPrefix(body, "{") {
		kind = "application/json"
	}
	resp, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Post(s.api+path, kind, strings.NewReader(body))
	if err != nil {
		return answer{}
	}
	defer resp.Body.Close()
	var told struct{ Code, Error string }
	_ = json.NewDecoder(resp.Body).Decode(&told)
	return answer{resp.StatusCode, told.Code + told.Error, resp.Header.Get("Retry-After")}
}

func (s *served) exchange() answer { return s.post("/v1/sessions", `{"token":"a.b.c"}`) }

// begin asks for a session, and returns when the exchange is under way.
func (s *served) begin(t *testing.T, g gate) <-chan answer {
	t.Helper()
	answered := make(chan answer, 1)
	go func() { answered <- s.exchange() }()
	receive(t, "the exchange to begin", g.entered)
	return answered
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
	s := serve(t, g, nil)
	until(t, "it is ready", func() bool { return s.status() == "ready" })
	answered := s.begin(t, g)

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
	if got := receive(t, "the answer", answered); got.status != http.StatusOK {
		t.Errorf("the exchange in flight was answered %+v, want 200", got)
	}
	if err := receive(t, "the end", s.done); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !refusesConnections(s.ops) {
		t.Error("probes can still connect after the end")
	}
}

// The delay is so long that the test would end before it: all this happens within.
func TestWhileDrainingNewAppsAreServedAndBalancersAreTold(t *testing.T) {
	g := newGate()
	close(g.leave)
	s := serve(t, g, map[string]string{"DRAIN_DELAY": "1m"})
	until(t, "it is ready", func() bool { return s.status() == "ready" })
	s.stop()
	until(t, "a new connection is told that it drains", func() bool { return s.status() == "draining" })
	if got := receive(t, "an answer to a new connection", s.begin(t, g)); got.status != http.StatusOK {
		t.Errorf("a new connection was answered %+v, want 200", got)
	}
	select {
	case err := <-s.done:
		t.Errorf("it stopped before the delay was over: %v", err)
	default:
	}
}

func TestTheProbesAnswerOnTheirOwnAddressOnly(t *testing.T) {
	s := serve(t, newGate(), nil)
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
	for name, breakOne := range map[string]func(on adapters.Listeners) error{
		"the API":     func(on adapters.Listeners) error { return on.API.Close() },
		"the probes":  func(on adapters.Listeners) error { return on.Ops.Close() },
		"the metrics": func(on adapters.Listeners) error { return on.Metrics.Close() },
	} {
		for when, draining := range map[string]bool{"": false, ", while draining": true} {
			t.Run(name+when, func(t *testing.T) {
				log := &logtest.Log{}
				server := newServer(t, newGate(), slog.New(slog.NewTextHandler(log, nil)), map[string]string{"DRAIN_DELAY": "1m", "METRICS_ADDR": "127.0.0.1:0"})
				on, err := server.Listen(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				done := make(chan error, 1)
				go func() { done <- server.Serve(ctx, on) }()
				if draining {
					stop()
					until(t, "it drains", func() bool { return strings.Contains(log.String(), "draining") })
				}
				if err := breakOne(on); err != nil {
					t.Fatal(err)
				}
				if err := receive(t, "the end", done); !errors.Is(err, net.ErrClosed) {
					t.Errorf("err = %v, want the one of the listener", err)
				}
			})
		}
	}
}

func TestAnAddressThatIsTakenLeavesTheOthersFree(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, setting := range []string{"LISTEN_ADDR", "OPS_ADDR", "METRICS_ADDR"} {
		env := map[string]string{}
		for _, name := range []string{"LISTEN_ADDR", "OPS_ADDR", "METRICS_ADDR"} {
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			env[name] = free.Addr().String()
			_ = free.Close()
		}
		env[setting] = taken.Addr().String()
		server := newServer(t, newGate(), slog.New(slog.DiscardHandler), env)
		if _, err := server.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), setting+" "+taken.Addr().String()) {
			t.Errorf("err = %v, want it to name %s and its value", err, setting)
		}
		for name, addr := range env {
			if name != setting && !refusesConnections("http://"+addr) {
				t.Errorf("%s is taken, and %s is still open", setting, name)
			}
		}
	}
}

// A vendor hangs, and a flood comes: what is in flight and what is open stay bounded,
// everybody else is answered at once, and the probes answer.
func TestAFloodWhileAVendorHangsIsShed(t *testing.T) {
	const inFlight, connections, flood = 2, 8, 60
	g := newGate()
	s := serve(t, g, map[string]string{"MAX_IN_FLIGHT": strconv.Itoa(inFlight), "MAX_CONNECTIONS": strconv.Itoa(connections)})
	until(t, "it is ready", func() bool { return s.status() == "ready" })
	var hanging []<-chan answer
	for range inFlight {
		hanging = append(hanging, s.begin(t, g))
	}
	answers := make(chan answer, flood)
	for range flood {
		go func() { answers <- s.exchange() }()
	}
	for range flood {
		select {
		case <-g.entered:
			t.Fatalf("more than MAX_IN_FLIGHT=%d are in flight", inFlight)
		case got := <-answers:
			if got != (answer{http.StatusServiceUnavailable, "unavailable", "5"}) {
				t.Errorf("answered %+v, want 503 and when to come back", got)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the flood waits for the vendor that hangs")
		}
	}
	if most := s.opened.most.Load(); most > connections+1 { // one is held until there is a place
		t.Errorf("%d connections were open at once, want %d, and the one that waits", most, connections)
	}
	if status := s.status(); status != "ready" {
		t.Errorf("readiness says %q, want ready", status)
	}
	if !strings.Contains(s.log.String(), "MAX_IN_FLIGHT=2") {
		t.Error("the log does not name the setting")
	}
	close(g.leave)
	for _, answered := range hanging {
		if got := receive(t, "an answer", answered); got.status != http.StatusOK {
			t.Errorf("one that was in flight was answered %+v, want 200", got)
		}
	}
	if got := receive(t, "an answer afterwards", s.begin(t, g)); got.status != http.StatusOK {
		t.Errorf("afterwards: %+v, want 200", got)
	}
}

func TestWhenAllPlacesAreTakenTheRestIsAnsweredAsEver(t *testing.T) {
	const exchange = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=a.b.c" +
		"&subject_token_type=urn:authsignal:params:oauth:token-type:challenge"
	g := newGate()
	defer close(g.leave)
	s := serve(t, g, map[string]string{"MAX_IN_FLIGHT": "1"})
	s.begin(t, g)
	for name, tt := range map[string]struct {
		path, body string
		want       answer
	}{
		"an exchange":                   {"/v1/sessions", `{"token":"a.b.c"}`, answer{503, "unavailable", "5"}},
		"an exchange, in OAuth's words": {"/oauth/token", exchange, answer{503, "temporarily_unavailable", "5"}},
		"a renewal":                     {"/oauth/token", "grant_type=refresh_token&refresh_token=r", answer{503, "temporarily_unavailable", "5"}},
		"a revocation":                  {"/oauth/revoke", "token=r", answer{503, "temporarily_unavailable", "5"}},
		"what is no token":              {"/v1/sessions", `{"token":7}`, answer{400, "invalid_request", ""}},
		"what is no grant":              {"/oauth/token", "grant_type=password", answer{400, "unsupported_grant_type", ""}},
	} {
		if got := s.post(tt.path, tt.body); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	resp, err := http.Get(s.api + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the keys: %d, want 200", resp.StatusCode)
	}
}

// never is a use case that must not be asked.
type never struct{ t *testing.T }

func (n never) Execute(context.Context, app.Exchange) (domain.Session, error) {
	n.t.Error("the use case was asked")
	return domain.Session{}, nil
}

func TestARequestThatWaitedTooLongIsNotBegun(t *testing.T) {
	env := minimal()
	env["REQUEST_TIMEOUT"] = "1m"
	c, err := adapters.LoadConfig(env)
	if err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithTimeout(t.Context(), 29*time.Second)
	defer cancel()
	use := adapters.DecorateUseCases(c, httpapi.UseCases{Exchange: never{t}}, nil, time.Now, adapters.Instruments{})
	_, err = use.Exchange.Execute(late, app.Exchange{})
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable || !strings.Contains(err.Error(), "REQUEST_TIMEOUT") {
		t.Errorf("with less than half of its time left: %v, want unavailable, and the setting", err)
	}

	g := newGate()
	inTime, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	use = adapters.DecorateUseCases(c, httpapi.UseCases{Exchange: gatedExchange{g}}, nil, time.Now, adapters.Instruments{})
	done := make(chan error, 1)
	go func() {
		_, err := use.Exchange.Execute(inTime, app.Exchange{})
		done <- err
	}()
	receive(t, "the exchange to begin", g.entered)
	close(g.leave)
	if err := receive(t, "its end", done); err != nil {
		t.Errorf("with all its time left: %v", err)
	}
}
