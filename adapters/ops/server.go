// Package ops tells those who run the bridge whether it lives, and whether it is ready.
// It has listeners of its own. So a flood of the listener that apps call, or its limit
// of connections, does not reach the probes.
package ops

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"time"

	"nativebridge/adapters/internal/serving"
)

// Limits of connections at once, and of the size and the time of a request.
const (
	maxConnections = 32
	maxHeaderBytes = 8 << 10
	readTimeout    = 5 * time.Second
	writeTimeout   = 10 * time.Second
	idleTimeout    = 2 * time.Minute
)

// Server answers the probes, and what else those who run the bridge ask. Make one with
// NewServer or NewServerAt.
type Server struct {
	setting string // the name of the one that has addr
	addr    serving.Addr
	health  *Health
	more    http.Handler // nil if there are only the probes
	log     *slog.Logger
}

// NewServer returns a server of the probes at OPS_ADDR. It is not listening yet.
func NewServer(config Config, health *Health, log *slog.Logger) *Server {
	return NewServerAt("OPS_ADDR", config.Addr, health, nil, log)
}

// NewServerAt returns a server of the probes at an address that the named setting has.
// More answers whatever asks for no probe. It is not listening yet.
func NewServerAt(setting string, addr serving.Addr, health *Health, more http.Handler, log *slog.Logger) *Server {
	return &Server{setting: setting, addr: addr, health: health, more: more, log: log}
}

// Handler returns the probes and what else there is.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", s.live)
	mux.HandleFunc("GET /readyz", s.ready)
	if s.more != nil {
		mux.Handle("/", s.more)
	}
	return mux
}

// live answers GET /livez: the process answers, so it lives.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"status": "live"})
}

// ready answers GET /readyz.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	status := http.StatusOK
	ready, body := s.health.readiness()
	if !ready {
		status = http.StatusServiceUnavailable
	}
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// Listen opens the configured address. The error says what to do about it.
func (s *Server) Listen(ctx context.Context) (net.Listener, error) {
	return serving.Listen(ctx, s.setting, s.addr)
}

// Serve answers on listener until ctx ends. Requests in flight are told then, so that one
// that takes long, such as for a profile, can end.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := s.httpServer()
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	return serving.Until(ctx, server, serving.Limit(listener, server, maxConnections))
}

func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}
