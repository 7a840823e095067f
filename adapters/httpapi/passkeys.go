package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"nativebridge/app"
	"nativebridge/domain"
)

// Passkeys are what people who are signed in do with their passkeys. All fields must be set.
type Passkeys struct {
	Enrol  PasskeyEnroller
	List   PasskeyLister
	Remove PasskeyRemover
	// Scope is the one that an access token needs, and MaxAge how old a sign-in may be: a
	// caller who has not got that is told what to ask for.
	Scope  string
	MaxAge time.Duration
}

// PasskeyEnroller is app.EnrolPasskey.
type PasskeyEnroller interface {
	Execute(ctx context.Context, asked app.Enrolment) (domain.Secret, error)
}

// PasskeyLister is app.ListPasskeys.
type PasskeyLister interface {
	Execute(ctx context.Context, asked app.Listing) ([]domain.Passkey, error)
}

// PasskeyRemover is app.RemovePasskey.
type PasskeyRemover interface {
	Execute(ctx context.Context, asked app.Removal) error
}

// enrolPasskey answers POST /v1/passkeys: an access token in the header in, a token for the
// SDK's passkey.signUp out. What the body says is never read: who is enrolled is the person of
// the access token.
func (s *Server) enrolPasskey(w http.ResponseWriter, r *http.Request) {
	access, bad := s.accessToken(w, r)
	if bad != nil {
		s.refuse(w, r, *bad)
		return
	}
	token, err := s.use.Passkeys.Enrol.Execute(r.Context(), app.Enrolment{Access: access, Client: clientOf(r)})
	if err != nil {
		s.failPasskeys(w, r, err)
		return
	}
	writeJSON(w, struct {
		Token string `json:"token"`
	}{token.Reveal()})
}

// passkeyBody is a passkey as apps get it.
type passkeyBody struct {
	ID         string `json:"id"`
	Name       string `json:"name,omitempty"`
	CreatedAt  string `json:"created_at,omitempty"`
	LastUsedAt string `json:"last_used_at,omitempty"`
	Synced     bool   `json:"synced"`
}

// listPasskeys answers GET /v1/passkeys with the passkeys of the access token's person.
func (s *Server) listPasskeys(w http.ResponseWriter, r *http.Request) {
	access, bad := s.accessToken(w, r)
	if bad != nil {
		s.refuse(w, r, *bad)
		return
	}
	passkeys, err := s.use.Passkeys.List.Execute(r.Context(), app.Listing{Access: access, Client: clientOf(r)})
	if err != nil {
		s.failPasskeys(w, r, err)
		return
	}
	list := []passkeyBody{}
	for _, p := range passkeys {
		list = append(list, passkeyBody{p.ID, p.Name, timestamp(p.CreatedAt), timestamp(p.LastUsedAt), p.Synced})
	}
	writeJSON(w, struct {
		Passkeys []passkeyBody `json:"passkeys"`
	}{list})
}

// removePasskey answers DELETE /v1/passkeys/{id}: 204 if it was the person's, and 404 if it
// was not, whoever else has it.
func (s *Server) removePasskey(w http.ResponseWriter, r *http.Request) {
	access, bad := s.accessToken(w, r)
	if bad != nil {
		s.refuse(w, r, *bad)
		return
	}
	err := s.use.Passkeys.Remove.Execute(r.Context(), app.Removal{Access: access, Passkey: pathID(r), Client: clientOf(r)})
	if err != nil {
		s.failPasskeys(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// pathID returns the id in the path. chi matches the path as it is spelt if it has escapes
// that were not needed, and else as it was decoded.
func pathID(r *http.Request) string {
	id := chi.URLParam(r, "id")
	if r.URL.RawPath == "" {
		return id
	}
	if decoded, err := url.PathUnescape(id); err == nil {
		return decoded
	}
	return id
}

const bearerChallenge = `Bearer realm="native-bridge"`

// accessToken returns the token of r's one Authorization header (RFC 6750, section 2.1).
// Nowhere else is one looked for: proxies log what is in a URL.
func (s *Server) accessToken(w http.ResponseWriter, r *http.Request) (domain.Secret, *problem) {
	headers := r.Header.Values("Authorization")
	switch {
	case r.URL.RawQuery != "":
		return domain.Secret{}, new(invalidRequest("there are no parameters in the URL: proxies log what is there"))
	case len(headers) > 1:
		return domain.Secret{}, new(invalidRequest("there are two Authorization headers"))
	}
	scheme, text, _ := strings.Cut(strings.Join(headers, ""), " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 6750, section 3.1: no error code if nothing was sent
		w.Header().Set("WWW-Authenticate", bearerChallenge)
		return domain.Secret{}, new(accessTokenMissing)
	}
	token, err := domain.ParsePasskeyToken(strings.TrimSpace(text))
	if err != nil {
		return domain.Secret{}, new(invalidRequest("Authorization: " + err.Error()))
	}
	return token.Secret, nil
}

// failPasskeys is fail, and tells an app by the challenge what its access token lacks.
func (s *Server) failPasskeys(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, domain.ErrScopeInsufficient): // RFC 6750, section 3.1
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("%s, error=%q, scope=%q", bearerChallenge, "insufficient_scope", s.use.Passkeys.Scope))
	case errors.Is(err, domain.ErrSignInTooOld): // RFC 9470, section 3
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s, error=%q, max_age="%d"`, bearerChallenge, "insufficient_user_authentication", seconds(s.use.Passkeys.MaxAge)))
	}
	s.fail(w, r, err)
}

// timestamp writes a time of RFC 3339 in UTC, and "" for one that is not known.
func timestamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // an app that left before its answer is not told so by anybody
}
