package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"nativebridge/adapters/internal/upstream"
)

// warmUpTime bounds the warm-up: after it the bridge is ready, warm or not.
const warmUpTime = 5 * time.Second

// Health is what the probes tell. The bridge is ready once it is configured and
// warmed, and false again only while draining: a vendor's trouble is told in the
// body, and answered with 503s of the bridge's own rather than with a load
// balancer's page. Make one with NewHealth.
type Health struct {
	warm      map[string]func(context.Context) error
	upstreams []Upstream
	log       *slog.Logger
	state     atomic.Value // "starting", "ready" or "draining"
}

// Upstream is an outside party whose trouble readiness tells: what the last
// request to it met, or nil if it was answered.
type Upstream interface {
	Name() string
	Trouble() *upstream.Trouble
}

// NewHealth returns the health of a process that is starting. Each function of
// warm opens the way to one party; what fails is logged and left for the first
// request to find.
func NewHealth(warm map[string]func(context.Context) error, upstreams []Upstream, log *slog.Logger) *Health {
	h := &Health{warm: warm, upstreams: upstreams, log: log}
	h.state.Store("starting")
	return h
}

func (h *Health) warmUp(ctx context.Context) {
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

func (h *Health) drain() { h.state.Store("draining") }

// live answers GET /livez: the process answers, so it lives.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	writeHealth(w, http.StatusOK, map[string]any{"status": "live"})
}

// ready answers GET /readyz, asking nobody.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	state := s.health.state.Load().(string)
	status := http.StatusOK
	if state != "ready" {
		status = http.StatusServiceUnavailable
	}
	upstreams := map[string]any{}
	for _, party := range s.health.upstreams {
		upstreams[party.Name()] = "ok"
		if trouble := party.Trouble(); trouble != nil {
			upstreams[party.Name()] = trouble.What + " since " + trouble.Since.UTC().Format(time.RFC3339)
		}
	}
	writeHealth(w, status, map[string]any{"status": state, "upstreams": upstreams})
}

func writeHealth(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
