package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-chi/chi/v5/middleware"
)

// Limits are what one address may ask for. Both methods are called for each request from
// an address that is known for certain, by many goroutines at once, and must not wait.
type Limits interface {
	// Check returns an error if nothing from the address is to be answered now. It wraps
	// domain.ErrBusy and carries how long to wait.
	Check(address netip.Addr) error
	// Count counts an answer: one to a request that failed by the caller's fault, or one
	// that did not.
	Count(address netip.Addr, failed bool)
}

// limit refuses a request if a limit of its caller's address is reached, and counts how
// it was answered if none is. What is malformed is answered as malformed, and counts as a
// failure. A fault of ours, an outage and a limit that was reached elsewhere do not count.
func (s *Server) limit(next http.Handler) http.Handler {
	if s.use.Limits == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, certain := s.certainAddr(r)
		if !certain || s.isHook(r) {
			next.ServeHTTP(w, r)
			return
		}
		if err := s.use.Limits.Check(caller); err != nil {
			s.failAnywhere(w, r, err)
			return
		}
		answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(answer, r)
		status, left := answer.Status(), errors.Is(r.Context().Err(), context.Canceled)
		if counts := status < http.StatusInternalServerError && status != http.StatusTooManyRequests; counts || left {
			s.use.Limits.Count(caller, counts && status >= http.StatusBadRequest)
		}
	})
}

// failAnywhere is failOAuth for what only OAuth clients ask, and else fail.
func (s *Server) failAnywhere(w http.ResponseWriter, r *http.Request, err error) {
	if isOAuth := r.URL.Path == "/oauth/token" || r.URL.Path == "/oauth/revoke"; isOAuth && r.Method == http.MethodPost {
		s.failOAuth(w, r, err)
		return
	}
	s.fail(w, r, err)
}

// certainAddr returns the caller's address, and whether it is known for certain. It is
// not if it may be a proxy's that nobody has declared, because all apps behind that one
// would be limited as one caller:
//
//   - TRUSTED_PROXIES lists proxies: an address on a private network is no app's, but one
//     more proxy's.
//   - TRUSTED_PROXIES=none: the peer is the app.
//   - TRUSTED_PROXIES is not set: a peer on a private network, or one that forwards, is a
//     proxy.
func (s *Server) certainAddr(r *http.Request) (netip.Addr, bool) {
	addr := middleware.GetClientIPAddr(r.Context())
	switch proxies := s.config.TrustedProxies; {
	case !addr.IsValid():
		return addr, false
	case proxies.areNone():
		return addr, true
	default:
		return addr, isPublic(addr) && (len(proxies) > 0 || !isForwarded(r))
	}
}

// shared is the network of RFC 6598, between a carrier and its customers. Clouds use it too.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// isPublic reports whether addr is outside of private networks.
func isPublic(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !shared.Contains(addr)
}

// isForwarded reports whether a header says that a proxy has sent the request on.
func isForwarded(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"} {
		if len(r.Header.Values(name)) > 0 {
			return true
		}
	}
	return false
}

// setRateLimit tells an app of the limit that it has reached, if err is about one, in the
// fields of draft-ietf-httpapi-ratelimit-headers-10. Nothing of the quota is left, and
// RateLimit's t says, as Retry-After does, in how many seconds there is some again.
func setRateLimit(w http.ResponseWriter, err error) {
	reached, ok := errors.AsType[interface {
		error
		RateLimit() (name string, quota int, window, wait time.Duration)
	}](err)
	if !ok {
		return
	}
	name, quota, window, wait := reached.RateLimit()
	w.Header().Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", name, quota, seconds(window)))
	w.Header().Set("RateLimit", fmt.Sprintf("%q;r=0;t=%d", name, seconds(wait)))
}

// seconds returns d in whole seconds, rounded up.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
