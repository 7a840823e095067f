package adapters

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/ops"
)

// Server is the whole bridge: the API that apps call, and the probes and the metrics on
// addresses of their own. Make one with NewServer.
type Server struct {
	API     *httpapi.Server
	Ops     *ops.Server
	Metrics *ops.Server // nil if METRICS_ADDR is not set

	health     *ops.Health
	check      *ops.StartupCheck
	drainDelay time.Duration
	log        *slog.Logger
}

// NewServer returns a server that is not listening yet.
func NewServer(c Config, api *httpapi.Server, probes *ops.Server, health *ops.Health, check *ops.StartupCheck, in Instruments) *Server {
	s := &Server{API: api, Ops: probes, health: health, check: check, drainDelay: c.Ops.DrainDelay, log: in.Log}
	if in.Metrics != nil {
		meterServer(api, health, in.Metrics)
		s.Metrics = ops.NewServerAt("METRICS_ADDR", c.Metrics.Addr, health, in.Metrics.Handler(c.Metrics), in.Log)
	}
	return s
}

// Listeners are the addresses that a Server answers on. Metrics is nil if there are none.
type Listeners struct{ API, Ops, Metrics net.Listener }

// Listen opens all addresses. If one of them cannot be opened, the others are closed and
// the error names the setting.
func (s *Server) Listen(ctx context.Context) (on Listeners, err error) {
	var opened []net.Listener
	open := func(listen func(context.Context) (net.Listener, error)) net.Listener {
		if err != nil {
			return nil
		}
		var listener net.Listener
		if listener, err = listen(ctx); err == nil {
			opened = append(opened, listener)
		}
		return listener
	}
	on.API, on.Ops = open(s.API.Listen), open(s.Ops.Listen)
	if s.Metrics != nil {
		on.Metrics = open(s.Metrics.Listen)
	}
	if err == nil {
		return on, nil
	}
	for _, listener := range opened {
		err = errors.Join(err, listener.Close())
	}
	return Listeners{}, err
}

// Serve answers on all listeners until ctx ends or one of them fails. It becomes
// ready when the warm-up is done, and with STARTUP_CHECK=require not before the check
// is: a failure is the error then.
//
// When ctx ends, it stops being ready at once, and goes on serving for DRAIN_DELAY, so that
// load balancers notice and send no more. Each answer ends its connection from then on, so
// that none is left open on which the next request would be lost. Then it accepts no new connections from apps and
// finishes what is in flight. The probes and the metrics answer until that is done.
func (s *Server) Serve(ctx context.Context, on Listeners) error {
	apiContext, stopAPI := context.WithCancel(context.WithoutCancel(ctx))
	opsContext, stopOps := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAPI()
	defer stopOps()
	probes := inBackground(func() error { return s.serveOperators(opsContext, on) })
	api := inBackground(func() error { return s.API.Serve(apiContext, on.API) })
	refused := make(chan error, 1)
	go s.begin(ctx, refused)

	var failed error
	select {
	case failed = <-api:
	case failed = <-probes:
	case failed = <-refused:
	case <-ctx.Done():
		failed = s.drain(api, probes)
	}
	s.health.Drain()
	stopAPI()
	failed = errors.Join(failed, <-api)
	stopOps()
	return errors.Join(failed, <-probes)
}

// serveOperators answers probes and scrapes until ctx ends or one of the two fails.
func (s *Server) serveOperators(ctx context.Context, on Listeners) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return s.Ops.Serve(ctx, on.Ops) })
	if s.Metrics != nil {
		all.Go(func() error { return s.Metrics.Serve(ctx, on.Metrics) })
	}
	return all.Wait()
}

// begin makes the bridge ready, and makes the start-up check. If that is required and
// fails, the bridge does not become ready, and refused is told why. It goes on to keep
// connections to the parties until ctx ends.
func (s *Server) begin(ctx context.Context, refused chan<- error) {
	if !s.check.ComesFirst() {
		s.health.WarmUp(ctx)
		_ = s.check.Run(ctx) // it has logged what is wrong
		s.health.KeepWarm(ctx)
		return
	}
	if err := s.check.Run(ctx); err != nil {
		refused <- err
		return
	}
	s.health.WarmUp(ctx)
	s.health.KeepWarm(ctx)
}

// drain makes the bridge not ready. It returns when load balancers have had the time to
// notice, or when the API or the probes have failed.
func (s *Server) drain(api, probes <-chan error) error {
	s.health.Drain()
	s.API.Drain()
	s.log.Info("draining: not ready any more, and serving whoever still comes", "for", s.drainDelay.String())
	delay := time.NewTimer(s.drainDelay)
	defer delay.Stop()
	select {
	case err := <-api:
		return err
	case err := <-probes:
		return err
	case <-delay.C:
		s.log.Info("stopping: finishing what is in flight")
		return nil
	}
}

// inBackground runs f and returns a channel that gets its error and is then closed.
func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		defer close(done)
		done <- f()
	}()
	return done
}
