package adapters

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/ops"
)

// Server is the whole bridge: what apps call, and beside it, on an address of its
// own, what tells how the bridge is. All fields must be set.
type Server struct {
	API *httpapi.Server
	Ops *ops.Server
	Log *slog.Logger
}

// Listeners are the addresses that a Server answers on.
type Listeners struct{ API, Ops net.Listener }

// Listen opens both addresses. The error names the setting of the one that cannot be
// had; the other is closed then.
func (s *Server) Listen(ctx context.Context) (Listeners, error) {
	api, err := s.API.Listen(ctx)
	if err != nil {
		return Listeners{}, err
	}
	probes, err := s.Ops.Listen(ctx)
	if err != nil {
		return Listeners{}, errors.Join(err, api.Close())
	}
	return Listeners{API: api, Ops: probes}, nil
}

// Serve answers on both listeners until ctx ends or one of them fails. It becomes
// ready when the warm-up is done. When ctx ends, it is no longer ready, takes no new
// requests of apps, and finishes what is in flight. The probes answer until that is
// done.
func (s *Server) Serve(ctx context.Context, on Listeners) error {
	health := s.Ops.Health()
	apiContext, stopAPI := context.WithCancel(context.WithoutCancel(ctx))
	opsContext, stopOps := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAPI()
	defer stopOps()
	probes := inBackground(func() error { return s.Ops.Serve(opsContext, on.Ops) })
	api := inBackground(func() error { return s.API.Serve(apiContext, on.API) })
	go health.WarmUp(ctx)

	var failed error
	select {
	case failed = <-api:
	case failed = <-probes:
	case <-ctx.Done():
		s.Log.Info("stopping: finishing what is in flight")
	}
	health.Drain()
	stopAPI()
	failed = errors.Join(failed, <-api)
	stopOps()
	return errors.Join(failed, <-probes)
}

// inBackground runs f and hands over its error when it is done; from then on there
// is none.
func inBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		defer close(done)
		done <- f()
	}()
	return done
}
