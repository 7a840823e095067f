package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/rs/cors"
)

// preflightAge is how long a browser may go by the answer to a preflight.
const preflightAge = 10 * time.Minute

// cors lets pages of CORS_ORIGINS read answers (Fetch Standard, CORS protocol). It
// answers preflights by itself, so that no other handler is asked. There are no
// cookies, hence no credentials mode.
func (s *Server) cors() func(http.Handler) http.Handler {
	if len(s.config.CORSOrigins) == 0 { // with none, the library would allow all
		return func(next http.Handler) http.Handler { return next }
	}
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost}
	if s.use.Passkeys != nil {
		methods = append(methods, http.MethodDelete)
	}
	return cors.New(cors.Options{
		AllowOriginFunc: func(origin string) bool { return slices.Contains(s.config.CORSOrigins, origin) },
		AllowedMethods:  methods,
		AllowedHeaders:  []string{"Authorization", "Content-Type", requestIDHeader, "Auth0-Client", "Traceparent", "Tracestate"},
		ExposedHeaders:  []string{requestIDHeader, "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate"},
		MaxAge:          int(preflightAge.Seconds()),
	}).Handler
}
