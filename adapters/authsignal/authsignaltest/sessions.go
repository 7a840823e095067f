package authsignaltest

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// session is an Authsignal session: an RS256 access token and an opaque
// refresh token that changes with every use (/users/session-management).
type session struct {
	id, user, clientID, method string
	expires                    time.Time // of the access token
}

const sessionLife = 10 * time.Minute

// createSession answers POST /v1/sessions: it exchanges the token of a
// completed challenge.
func (s *Server) createSession(w http.ResponseWriter, r *http.Request) {
	var in struct{ ClientID, Token, Action string }
	if !readJSON(w, r, &in) {
		return
	}
	faults := s.Faults()
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	c, bad := s.provingToken(in.Token, faults, true)
	if bad == nil && in.Action != "" && in.Action != c.Other.ActionCode {
		bad = errMismatch
	}
	if bad != nil {
		refuseToken(w, errorForm(faults.BadToken), bad, nil)
		return
	}
	s.openSession(w, session{
		id: newID(), user: c.Subject, clientID: in.ClientID, method: s.store.actions[c.action()].method,
	})
}

// openSession answers with fresh tokens for x.
func (s *Server) openSession(w http.ResponseWriter, x session) {
	now := s.now()
	x.expires = now.Add(sessionLife)
	refresh := newSecret()
	s.store.sessions[refresh] = &x

	signer := must(jose.NewSigner(s.signingKey(jose.RS256, false), (&jose.SignerOptions{}).WithType("JWT")))
	access := must(jwt.Signed(signer).Claims(jwt.Claims{
		ID: x.id, Subject: x.user, Audience: jwt.Audience{x.clientID},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(x.expires),
	}).Serialize())
	writeOK(w, map[string]string{"accessToken": access, "refreshToken": refresh})
}

// validateSession answers POST /v1/sessions/validate.
func (s *Server) validateSession(w http.ResponseWriter, r *http.Request) {
	var in struct {
		AccessToken string
		ClientIDs   []string
	}
	if !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	x := s.findSession(in.AccessToken)
	if x == nil || len(in.ClientIDs) > 0 && !slices.Contains(in.ClientIDs, x.clientID) {
		writeError(w, http.StatusUnauthorized, codeInvalidToken, errInvalidToken.description)
		return
	}
	user := userBody(s.store.users[x.user])
	user["userId"] = x.user
	writeOK(w, map[string]any{"user": user, "expiresAt": x.expires.Unix(), "verificationMethod": x.method})
}

// refreshSession answers POST /v1/sessions/refresh: the old pair ends.
func (s *Server) refreshSession(w http.ResponseWriter, r *http.Request) {
	var in struct{ RefreshToken string }
	if !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	x := s.store.sessions[in.RefreshToken]
	if x == nil {
		writeError(w, http.StatusUnauthorized, codeInvalidToken, errInvalidToken.description)
		return
	}
	delete(s.store.sessions, in.RefreshToken)
	renewed := *x
	renewed.id = newID()
	s.openSession(w, renewed)
}

// revokeSession answers POST /v1/sessions/revoke.
func (s *Server) revokeSession(w http.ResponseWriter, r *http.Request) {
	var in struct{ AccessToken string }
	if !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	revoked := s.findSession(in.AccessToken)
	if revoked == nil {
		writeError(w, http.StatusUnauthorized, codeInvalidToken, errInvalidToken.description)
		return
	}
	maps.DeleteFunc(s.store.sessions, func(_ string, x *session) bool { return x == revoked })
	writeOK(w, struct{}{})
}

// revokeUserSessions answers POST /v1/sessions/user/revoke.
func (s *Server) revokeUserSessions(w http.ResponseWriter, r *http.Request) {
	var in struct{ UserID string }
	if !readJSON(w, r, &in) {
		return
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	maps.DeleteFunc(s.store.sessions, func(_ string, x *session) bool { return x.user == in.UserID })
	writeOK(w, struct{}{})
}

// findSession returns the open session of an access token, or nil. The caller
// holds store.mu.
func (s *Server) findSession(access string) *session {
	parsed, err := jwt.ParseSigned(access, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil
	}
	var c jwt.Claims
	if parsed.Claims(s.keys.rsa().Public(), &c) != nil {
		return nil
	}
	for _, x := range s.store.sessions {
		if x.id == c.ID && s.now().Before(x.expires) {
			return x
		}
	}
	return nil
}
