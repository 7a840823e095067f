package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"nativebridge/adapters/internal/network"
	"nativebridge/adapters/internal/serving"
)

// HTTPServer is httpServer, for the tests.
func (s *Server) HTTPServer() *http.Server { return s.httpServer(serving.NewErrorLog(s.log)) }

// Waits has every request be as old as waited says when its turn comes.
func (s *Server) Waits(waited time.Duration) {
	s.waited = func(context.Context) time.Duration { return waited }
}

// MayOpen has the process be one that may open so many files.
func (s *Server) MayOpen(descriptors int) {
	s.descriptors = func() (int, bool) { return descriptors, true }
}

// Connections is connections, for the tests.
func (s *Server) Connections() (int, error) { return s.connections() }

// MayOpenWhoKnowsHowMany has the process be one that cannot tell.
func (s *Server) MayOpenWhoKnowsHowMany() {
	s.descriptors = func() (int, bool) { return 0, false }
}

// LogsRefusal reports whether a line of a refused request is logged.
func (s *Server) LogsRefusal(code string, addr netip.Addr) bool {
	return s.refusals.Take(refusal{slog.LevelInfo, code, network.Of(addr)})
}

// ReadToken is readToken, for the benchmarks. It reports whether there is a token.
func ReadToken(w http.ResponseWriter, r *http.Request) bool {
	_, bad := readToken(w, r)
	return bad == nil
}
