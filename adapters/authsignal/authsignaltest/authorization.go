package authsignaltest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// requireSecret lets only callers with a Server API secret pass, and of these
// only the ones at an address of Faults.AllowedIPs. The password is ignored, as
// Authsignal seems to do.
func (s *Server) requireSecret(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		users := basicUsers(r)
		if !slices.ContainsFunc(s.activeSecrets(), func(secret string) bool { return slices.Contains(users, secret) }) {
			writeError(w, http.StatusUnauthorized, codeUnauthorized, "")
			return
		}
		if faults := s.Faults(); !faults.allows(r.RemoteAddr) {
			writeForbidden(w, faults.IPStatus, "The key may not be used from this address.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// requireTenant reports whether the caller names this tenant. If not, the
// request has been answered.
func (s *Server) requireTenant(w http.ResponseWriter, r *http.Request) bool {
	if slices.Contains(basicUsers(r), s.tenantID) {
		return true
	}
	writeError(w, http.StatusUnauthorized, codeUnauthorized, "")
	return false
}

// requireBearer returns the claims of the caller's token. If the token is no
// good, it returns false and the request has been answered.
func (s *Server) requireBearer(w http.ResponseWriter, r *http.Request) (claims, bool) {
	token, ok := bearer(r)
	if !ok {
		writeError(w, http.StatusUnauthorized, codeUnauthorized, "")
		return claims{}, false
	}
	c, err := s.parseToken(token)
	if err != nil {
		writeError(w, http.StatusUnauthorized, err.code, err.description)
		return claims{}, false
	}
	return c, true
}

// tenantOrBearer accepts either credential of the Client API. The claims are
// nil if the caller only named the tenant.
func (s *Server) tenantOrBearer(w http.ResponseWriter, r *http.Request) (*claims, bool) {
	if _, ok := bearer(r); !ok {
		return nil, s.requireTenant(w, r)
	}
	c, ok := s.requireBearer(w, r)
	return &c, ok
}

// basicUsers returns every user name the Authorization header can be read as.
// net/http's BasicAuth understands only one of Authsignal's callers: the
// browser SDK sends base64 of the percent-encoded tenant id without a colon,
// the iOS SDK base64url without padding, the Android SDK the standard form,
// and the documentation's own connect example the bare secret.
func basicUsers(r *http.Request) []string {
	credentials, ok := cutScheme(r, "Basic")
	if !ok {
		return nil
	}
	users := []string{credentials}
	decoded, err := decodeBase64(credentials)
	if err != nil {
		return users
	}
	user, _, _ := strings.Cut(string(decoded), ":")
	users = append(users, user)
	if plain, err := url.PathUnescape(user); err == nil {
		users = append(users, plain)
	}
	return users
}

func bearer(r *http.Request) (string, bool) { return cutScheme(r, "Bearer") }

func cutScheme(r *http.Request, scheme string) (string, bool) {
	got, rest, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(rest), ok && strings.EqualFold(got, scheme)
}

// decodeBase64 accepts both alphabets, padded or not.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(base64URL(s))
}

// base64URL rewrites any base64 as unpadded base64url.
func base64URL(s string) string {
	return strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
}

// allowBrowsers answers the browser SDK, which runs on another origin and may
// ask for cookies to be sent: hence the exact origin instead of "*".
func allowBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
		}
		w.Header().Add("Vary", "Origin")
		next.ServeHTTP(w, r)
	})
}

func preflight(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
