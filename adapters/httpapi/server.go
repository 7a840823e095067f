// Package httpapi is the bridge's HTTP interface: what mobile apps call.
package httpapi

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"nativebridge/adapters/internal/sampling"
	"nativebridge/adapters/internal/serving"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// UseCases are what the routes drive. All but AssertionKeys, Passkeys, Documents, Sessions,
// Limits, Departures and End must be set.
type UseCases struct {
	Exchange Exchanger
	Renew    Renewer
	Revoke   Revoker
	Keys     ports.IssuerKeys
	// AssertionKeys is nil unless sessions are opened by assertion.
	AssertionKeys ports.AssertionKeys
	// Passkeys is nil unless people may manage their passkeys.
	Passkeys *Passkeys
	// Documents are what the relying party's domain publishes, as JSON, by path; empty if the
	// bridge does not do that for it.
	Documents map[string][]byte
	// Sessions is told only if there is a PUBLIC_URL.
	Sessions Sessions
	// Limits is nil if no address is limited.
	Limits Limits
	// Departures and End are nil unless the authority tells of deleted passkeys.
	Departures Departures
	End        Ender
}

// Exchanger is app.ExchangePasskeyForSession.
type Exchanger interface {
	Execute(ctx context.Context, asked app.Exchange) (domain.Session, error)
}

// Renewer is app.RenewSession.
type Renewer interface {
	Execute(ctx context.Context, asked app.Renewal) (domain.Session, error)
}

// Revoker is app.RevokeSession.
type Revoker interface {
	Execute(ctx context.Context, asked app.Revocation) error
}

// Limits on what a caller may send and how slowly. Deadlines of the exchange
// itself are the use case's.
const (
	maxBodyBytes   = 16 << 10
	maxHeaderBytes = 16 << 10
	headerTimeout  = 5 * time.Second
	readTimeout    = 5 * time.Second // for headers and body: what comes later could not be served in time anyway
	idleTimeout    = 2 * time.Minute
	maxStreams     = 16 // requests at once on one connection with HTTP/2: with MAX_CONNECTIONS, a bound of all that are half sent
	// answerTime is what an answer may take beyond the exchange, and, with HTTP/2, for how long
	// nobody may read what is written to a connection.
	answerTime = 5 * time.Second
)

// Server serves the API. Make one with NewServer.
type Server struct {
	config   Config
	clientID ClientID
	use      UseCases
	log      *slog.Logger
	refusals *sampling.Sampler[refusal]
	needs    *sdkNeeds
	forged   *atomic.Int64 // webhooks

	around      []func(http.Handler) http.Handler
	descriptors func() (int, bool)
	waited      func(context.Context) time.Duration
	listening   *atomic.Pointer[serving.Limited] // to nil before it serves
	draining    *atomic.Bool
}

// NewServer returns a server that is not listening yet.
func NewServer(config Config, clientID ClientID, use UseCases, log *slog.Logger) *Server {
	return &Server{
		config: config, clientID: clientID, use: use, log: log, refusals: newRefusals(log), needs: &sdkNeeds{log: log}, forged: new(atomic.Int64),
		descriptors: serving.Descriptors, waited: serving.Waited, listening: &atomic.Pointer[serving.Limited]{}, draining: new(atomic.Bool),
	}
}

// Wrapped returns a server whose routes have more middleware around everything else, the
// outermost first. It sees chi's route once the request is answered.
func (s *Server) Wrapped(by ...func(http.Handler) http.Handler) *Server {
	wrapped := *s
	wrapped.around = slices.Concat(s.around, by)
	return &wrapped
}

// Handler returns the routes with everything that surrounds them.
func (s *Server) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(s.around...)
	r.Use(s.farewell, s.cors(), s.deadline, requestID, s.recoverer, s.clientAddr(), noStore, s.limit, middleware.GetHead)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, notFound) })
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed(r, req.URL.Path), ", "))
		s.refuse(w, req, methodNotAllowed)
	})

	r.Post("/v1/sessions", s.createSession)
	if s.use.Passkeys != nil {
		r.Post("/v1/passkeys", s.enrolPasskey)
		r.Get("/v1/passkeys", s.listPasskeys)
		r.Delete("/v1/passkeys/{id}", s.removePasskey)
	}

	r.Post("/oauth/token", s.token)
	r.Post("/oauth/revoke", s.revoke)
	r.Get("/.well-known/jwks.json", s.jwks)
	if s.use.AssertionKeys != nil {
		r.Get("/assertion/jwks.json", s.assertionJWKS)
	}
	for path, document := range s.use.Documents {
		r.Get(path, serveJSON(document))
	}
	if s.use.Departures != nil {
		r.Post(hookPath, s.hook)
	}
	r.Get("/openapi.yaml", s.openAPI())
	if s.config.PublicURL != "" {
		r.Get("/.well-known/oauth-authorization-server", s.authorizationServer())
		r.Get("/.well-known/openid-configuration", s.openIDConfiguration())
	}
	return r
}

// Listen opens the configured address. The error says what to do about it, also if
// this process could not have as many connections as it must.
func (s *Server) Listen(ctx context.Context) (net.Listener, error) {
	most, err := s.connections()
	if err != nil {
		return nil, err
	}
	if most < s.config.MaxConnections {
		s.log.WarnContext(ctx, "MAX_CONNECTIONS is more than this process may open: it takes fewer, so raise the limit of open files (nofile) or lower it",
			"configured", s.config.MaxConnections, "taken", most)
	}
	return serving.Listen(ctx, "LISTEN_ADDR", s.config.ListenAddr)
}

// Serve answers on listener until ctx ends, and then finishes what is in flight: from
// that moment it takes no new connections, and it returns when the last answer is
// given, at the latest when every deadline has passed. No more connections are open at
// once than MAX_CONNECTIONS and the limit of this process' open files allow.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	most, err := s.connections()
	if err != nil {
		return err
	}
	defer s.refusals.Flush()
	errorLog := serving.NewErrorLog(s.log)
	defer errorLog.Flush()
	server := s.httpServer(errorLog)
	limited := serving.Limit(listener, server, most)
	s.listening.Store(limited)
	return serving.Until(ctx, server, limited)
}

// Drain has each answer from now on end its connection, so that whoever keeps connections
// open opens the next one elsewhere.
func (s *Server) Drain() { s.draining.Store(true) }

// CertificateExpires returns when the certificate that apps see expires; the zero time
// without TLS.
func (s *Server) CertificateExpires() time.Time { return s.config.TLS.Expires() }

// OpenConnections returns how many connections of apps are open now, and how many may be.
// Both are zero before the server serves.
func (s *Server) OpenConnections() (open, most int) {
	if limited := s.listening.Load(); limited != nil {
		return limited.Open()
	}
	return 0, 0
}

// connections returns how many connections of apps there may be.
func (s *Server) connections() (int, error) {
	if descriptors, known := s.descriptors(); known {
		return s.config.connections(descriptors)
	}
	return s.config.MaxConnections, nil
}

func (s *Server) httpServer(errorLog *serving.ErrorLog) *http.Server {
	return &http.Server{
		Handler:           s.Handler(),
		TLSConfig:         s.config.TLS.Config(),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: answerTime}, // WriteTimeout is that of one answer
		ConnContext:       serving.WithConn,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      readTimeout + s.config.RequestTimeout + answerTime,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog.Logger(),
	}
}

// allowed lists the methods that path answers to (RFC 9110, section 10.2.1).
func allowed(routes chi.Routes, path string) []string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), method, path) {
			methods = append(methods, method)
		}
	}
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	return methods
}
