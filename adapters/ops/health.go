package ops

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"nativebridge/adapters/internal/lines"
	"nativebridge/adapters/internal/upstream"
)

// warmUpTime bounds the warm-up: after it the bridge is ready, warm or not.
const warmUpTime = 5 * time.Second

// Health is what the probes answer. The bridge is ready once it is configured and
// warmed, and stays ready until it drains. A vendor's trouble is only shown in the body,
// so that callers get the bridge's own 503 and not a load balancer's page. Make one with
// NewHealth; it is safe for concurrent use.
type Health struct {
	warm      map[string]func(context.Context) error
	keep      []func(context.Context)
	upstreams []Upstream
	streams   map[string]Stream
	breakers  []Breaker
	log       *slog.Logger
	state     atomic.Value // "starting", "ready" or "draining"
}

// Upstream is a service that the bridge asks. Trouble returns what its last request
// met, or nil if that was answered.
type Upstream interface {
	Name() string
	Trouble() *upstream.Trouble
}

// Stream returns the state of one of the process' outputs: whether somebody reads it,
// and how many lines are lost.
type Stream func() lines.Status

// Breaker keeps the bridge from asking a party that gives no answer. String returns its
// state in words.
type Breaker interface {
	Name() string
	String() string
}

// NewHealth returns the health of a process that is starting. Each function of warm
// connects to one upstream. A failure is only logged: the first request meets it again.
func NewHealth(warm map[string]func(context.Context) error, upstreams []Upstream, log *slog.Logger) *Health {
	h := &Health{warm: warm, upstreams: upstreams, streams: map[string]Stream{}, log: log}
	h.state.Store("starting")
	return h
}

// Keep adds what keeps a connection to a party open until its context ends. To be called
// before KeepWarm.
func (h *Health) Keep(warm func(context.Context)) { h.keep = append(h.keep, warm) }

// KeepWarm keeps the connections open that WarmUp has opened, until ctx ends.
func (h *Health) KeepWarm(ctx context.Context) {
	var all sync.WaitGroup
	for _, keep := range h.keep {
		all.Go(func() { keep(ctx) })
	}
	all.Wait()
}

// WarmUp connects to every upstream and then makes the bridge ready, unless it is
// draining by then. It takes 5 s at most.
func (h *Health) WarmUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, warmUpTime)
	defer cancel()
	var all sync.WaitGroup
	for name, warm := range h.warm {
		all.Go(func() {
			if err := warm(ctx); err != nil {
				h.log.WarnContext(ctx, "warm-up failed: the first sign-ins will be slow or fail", "upstream", name, "cause", err.Error())
			}
		})
	}
	all.Wait()
	if h.state.CompareAndSwap("starting", "ready") {
		h.log.Info("ready")
	}
}

// Watch adds a stream to what readiness shows. It must be called before the first probe.
func (h *Health) Watch(name string, stream Stream) { h.streams[name] = stream }

// WatchBreaker adds a breaker to what readiness shows. It must be called before the first
// probe.
func (h *Health) WatchBreaker(breaker Breaker) { h.breakers = append(h.breakers, breaker) }

// Drain makes the bridge not ready, for good.
func (h *Health) Drain() { h.state.Store("draining") }

// Ready reports whether the bridge is ready.
func (h *Health) Ready() bool { return h.state.Load().(string) == "ready" }

// Upstreams returns the services whose trouble is told.
func (h *Health) Upstreams() []Upstream { return h.upstreams }

// readiness is what GET /readyz answers. It sends no request.
func (h *Health) readiness() (ready bool, body map[string]any) {
	state := h.state.Load().(string)
	upstreams := map[string]any{}
	for _, party := range h.upstreams {
		upstreams[party.Name()] = "ok"
		if trouble := party.Trouble(); trouble != nil {
			upstreams[party.Name()] = trouble.What + " since " + trouble.Since.UTC().Format(time.RFC3339)
		}
	}
	streams := map[string]any{}
	for name, stream := range h.streams {
		streams[name] = stream().String()
	}
	breakers := map[string]any{}
	for _, breaker := range h.breakers {
		breakers[breaker.Name()] = breaker.String()
	}
	return state == "ready", map[string]any{"status": state, "upstreams": upstreams, "breakers": breakers, "streams": streams}
}
