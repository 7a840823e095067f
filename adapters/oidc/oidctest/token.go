package oidctest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Names of RFC 7523, section 2.
const (
	grantJWTBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionJWTBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// maxAssertionLife is what this provider allows an assertion.
const maxAssertionLife = time.Minute

// token answers POST /token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(r); err != nil {
		refuse(w, err)
		return
	}
	if s.fault == Reset {
		panic(http.ErrAbortHandler)
	}
	var granted session
	var scope []string
	var err error
	switch r.PostForm.Get("grant_type") {
	case grantJWTBearer:
		granted, err = s.jwtBearer(r)
		scope = granted.scope
	case "refresh_token":
		granted, scope, err = s.renew(r)
	default:
		err = refusal{"unsupported_grant_type", "this grant type is not known here"}
	}
	if err == nil {
		err = s.open(w, granted, scope)
	}
	if err != nil {
		refuse(w, err)
	}
}

// revoke answers POST /revoke: 200 for an unknown token too (RFC 7009, section 2.2).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admit(r); err != nil {
		refuse(w, err)
		return
	}
	if s.fault == NotYourToken {
		refuse(w, refusal{"invalid_grant", "the token was issued to another client"})
		return
	}
	delete(s.refresh, r.PostForm.Get("token"))
	w.WriteHeader(http.StatusOK)
}

// admit notes the request and authenticates the client.
func (s *Server) admit(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return refusal{"invalid_request", "the body is no form"}
	}
	s.requests = append(s.requests, Request{Path: r.URL.Path, Header: r.Header.Clone(), Form: r.PostForm})
	if s.fault == InvalidClient || !s.authenticates(r) {
		return refusal{"invalid_client", "client authentication failed"}
	}
	return nil
}

func (s *Server) authenticates(r *http.Request) bool {
	form := r.PostForm
	id, secret, basic := r.BasicAuth()
	switch {
	case s.byKeys:
		claims, err := s.verify(form.Get("client_assertion"), s.clientKeys)
		return err == nil && !basic && form.Get("client_assertion_type") == assertionJWTBearer &&
			claims.Issuer == s.options.ClientID && claims.Subject == s.options.ClientID
	case s.options.SecretInBody:
		return !basic && form.Get("client_id") == s.options.ClientID && form.Get("client_secret") == s.clientSecret
	}
	// Both parts are encoded first (RFC 6749, section 2.3.1).
	return basic && !form.Has("client_secret") && id == url.QueryEscape(s.options.ClientID) && secret == url.QueryEscape(s.clientSecret)
}

// jwtBearer checks an assertion as RFC 7523 section 3 says.
func (s *Server) jwtBearer(r *http.Request) (session, error) {
	claims, err := s.verify(r.PostForm.Get("assertion"), s.assertionKeys)
	switch {
	case err != nil:
		return session{}, err
	case claims.Issuer != s.options.AssertionIssuer:
		return session{}, refusal{"invalid_grant", "the assertion's issuer is not trusted"}
	case claims.Subject == "" || s.forgotten[claims.Subject]:
		return session{}, refusal{"invalid_grant", "the assertion's subject is not known"}
	}
	return session{claims.Subject, strings.Fields(r.PostForm.Get("scope"))}, nil
}

// verify returns the claims of an assertion that one of keys has signed, that is
// for this provider alone, is alive and was not seen before.
func (s *Server) verify(assertion string, keys jose.JSONWebKeySet) (jwt.Claims, error) {
	bad := func(why string) (jwt.Claims, error) { return jwt.Claims{}, refusal{"invalid_grant", why} }
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return bad("the assertion is no signed JWT")
	}
	var claims jwt.Claims
	key := keys.Key(token.Headers[0].KeyID)
	if len(key) != 1 || token.Claims(key[0], &claims) != nil {
		return bad("the assertion is signed by a key that is not trusted")
	}
	now := time.Now()
	switch {
	case len(claims.Audience) != 1 || claims.Audience[0] != s.url:
		return bad("the assertion is for somebody else")
	case claims.Expiry == nil || claims.IssuedAt == nil:
		return bad("the assertion has no exp or no iat")
	case !claims.Expiry.Time().After(now), claims.IssuedAt.Time().After(now):
		return bad("the assertion is expired, or not issued yet")
	case claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > maxAssertionLife:
		return bad("the assertion lives too long")
	case claims.ID == "" || s.seen[claims.ID]:
		return bad("the assertion was seen before")
	}
	s.seen[claims.ID] = true
	return claims, nil
}

// renew uses a refresh token up. The scope is what is asked for, or else all that
// was granted (RFC 6749, section 6).
func (s *Server) renew(r *http.Request) (granted session, scope []string, err error) {
	old := r.PostForm.Get("refresh_token")
	granted, known := s.refresh[old]
	if !known || s.forgotten[granted.subject] {
		return session{}, nil, refusal{"invalid_grant", "the refresh token is not known"}
	}
	scope = strings.Fields(r.PostForm.Get("scope"))
	for _, token := range scope {
		if !slices.Contains(granted.scope, token) {
			return session{}, nil, refusal{"invalid_scope", "this was not granted before"}
		}
	}
	if len(scope) == 0 {
		scope = granted.scope
	}
	delete(s.refresh, old)
	return granted, scope, nil
}

// open answers with a session of the scope (RFC 6749, section 5.1), and with a
// refresh token for all that was granted.
func (s *Server) open(w http.ResponseWriter, granted session, scope []string) error {
	if s.fault == WrongSubject {
		granted.subject += "-or-another"
	}
	if s.fault == MoreScope {
		scope = append(slices.Clone(scope), "admin")
	}
	accessToken := opaque()
	body := map[string]any{
		"access_token": accessToken, "token_type": "Bearer", "expires_in": 300, "scope": strings.Join(scope, " "),
	}
	if slices.Contains(scope, "openid") && s.fault != NoIDToken {
		idToken, err := s.idToken(granted.subject, accessToken)
		if err != nil {
			return err
		}
		body["id_token"] = idToken
	}
	if slices.Contains(granted.scope, "offline_access") {
		refresh := opaque()
		s.refresh[refresh] = granted
		body["refresh_token"] = refresh
	}
	answer(w, http.StatusOK, body)
	return nil
}
