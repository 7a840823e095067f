package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/go-chi/chi/v5/middleware"

	"nativebridge/adapters/internal/panics"
	"nativebridge/domain"
)

// deadline gives a request REQUEST_TIMEOUT, counted from its arrival at this machine:
// what it waited before its turn came is gone, and so is what its body takes.
func (s *Server) deadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.config.RequestTimeout-s.waited(r.Context()))
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// farewell has an answer end its connection while the bridge drains: with HTTP/1.1 the
// connection is closed after it, and with HTTP/2 the caller is told to open no more streams
// on it.
func (s *Server) farewell(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// requestID gives every request an id: the caller's, if it has 1 to 128 printable
// ASCII characters and no space, or else a random one. The answer carries it.
func requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !isPrintable(id) || len(id) > 128 {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

func requestIDOf(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func isPrintable(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// recoverer answers 500 for a panic and logs where it happened, and not what was thrown
// unless the Go runtime threw it. It is the last resort: those of adapters do not come
// here.
func (s *Server) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			thrown := recover()
			if thrown == nil {
				return
			}
			if err, ok := thrown.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(thrown)
			}
			s.log.ErrorContext(r.Context(), "panic: this is a fault of native-bridge, please report it",
				"request_id", requestIDOf(r.Context()), "panic", panics.Describe(thrown), "stack", string(debug.Stack()))
			s.refuse(w, r, fault)
		}()
		next.ServeHTTP(w, r)
	})
}

// clientAddr determines the caller's address: the peer's, or, from a trusted
// proxy, the last one in X-Forwarded-For that is not a trusted proxy's.
func (s *Server) clientAddr() func(http.Handler) http.Handler {
	if len(s.config.TrustedProxies) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	var trusted []string
	for _, prefix := range s.config.TrustedProxies {
		trusted = append(trusted, prefix.String())
	}
	return middleware.ClientIPFromXFF(trusted...)
}

// noStore keeps answers out of caches, old ones too (RFC 6749, section 5.1).
func noStore(next http.Handler) http.Handler {
	header := http.Header{"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}, "X-Content-Type-Options": {"nosniff"}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), header) // all answers share the values: whoever wants another one sets it
		next.ServeHTTP(w, r)
	})
}

// clientOf describes the caller of r.
func clientOf(r *http.Request) domain.Client {
	agent := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, r.UserAgent())
	return domain.Client{
		Addr:      middleware.GetClientIPAddr(r.Context()),
		UserAgent: agent[:min(len(agent), 200)],
		RequestID: requestIDOf(r.Context()),
	}
}
