package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"nativebridge/app"
	"nativebridge/domain"
)

// Grant and token types of the OAuth way in.
const (
	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
	grantRefreshToken  = "refresh_token"                                   // RFC 6749, section 6
	typeAccessToken    = "urn:ietf:params:oauth:token-type:access_token"   // RFC 8693, section 3
)

// ClientID is the bridge's own at the issuer: the audience of its ID tokens, and
// the only client_id that a caller may name.
type ClientID string

// token answers POST /oauth/token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	params, bad := s.readParams(w, r)
	if bad != nil {
		s.refuseOAuth(w, r, *bad)
		return
	}
	switch grant := params["grant_type"]; grant {
	case grantTokenExchange:
		s.exchangeToken(w, r, params)
	case grantRefreshToken:
		s.refreshToken(w, r, params)
	case "":
		s.refuseOAuth(w, r, invalidRequest("grant_type is missing"))
	default:
		s.refuseOAuth(w, r, unsupportedGrantType)
	}
}

// exchangeToken is POST /v1/sessions in the words of RFC 8693.
func (s *Server) exchangeToken(w http.ResponseWriter, r *http.Request, params params) {
	token, bad := s.subjectToken(params)
	if bad != nil {
		s.refuseOAuth(w, r, *bad)
		return
	}
	access, bad := accessOf(params)
	if bad != nil {
		s.refuseOAuth(w, r, *bad)
		return
	}
	session, err := s.use.Exchange.Execute(r.Context(), app.Exchange{Token: token, Access: access, Client: clientOf(r)})
	if err != nil {
		s.failOAuth(w, r, err)
		return
	}
	s.writeSession(w, r, session, typeAccessToken)
}

// subjectToken checks everything about the request that would change the answer
// and cannot be honoured, and returns the token.
func (s *Server) subjectToken(params params) (domain.PasskeyToken, *problem) {
	bad := func(format string, args ...any) (domain.PasskeyToken, *problem) {
		return domain.PasskeyToken{}, new(invalidRequest(fmt.Sprintf(format, args...)))
	}
	switch kind := params["subject_token_type"]; {
	case params["subject_token"] == "":
		return bad("subject_token is missing")
	case kind == "":
		return bad("subject_token_type is missing")
	case !slices.Contains(s.config.SubjectTokenTypes, kind):
		return bad("subject_token_type must be %s", strings.Join(s.config.SubjectTokenTypes, " or "))
	case params["actor_token"] != "" || params["actor_token_type"] != "":
		return bad("actor tokens are not accepted here")
	case params["requested_token_type"] != "" && params["requested_token_type"] != typeAccessToken:
		return bad("requested_token_type can only be %s", typeAccessToken)
	case params["refresh_token"] != "":
		return bad("refresh_token does not belong to this grant")
	}
	token, err := domain.ParsePasskeyToken(params["subject_token"])
	if err != nil {
		return bad("subject_token: %s", err.Error())
	}
	return token, nil
}

// refreshToken renews a session.
func (s *Server) refreshToken(w http.ResponseWriter, r *http.Request, params params) {
	if params["subject_token"] != "" {
		s.refuseOAuth(w, r, invalidRequest("subject_token does not belong to this grant"))
		return
	}
	refresh, bad := params.credential("refresh_token")
	if bad != nil {
		s.refuseOAuth(w, r, *bad)
		return
	}
	access, bad := accessOf(params)
	if bad != nil {
		s.refuseOAuth(w, r, *bad)
		return
	}
	session, err := s.use.Renew.Execute(r.Context(), app.Renewal{Refresh: refresh, Access: access, Client: clientOf(r)})
	if err != nil {
		s.failOAuth(w, r, err)
		return
	}
	s.writeSession(w, r, session, "")
}

// revoke answers POST /oauth/revoke (RFC 7009): 200 with an empty body for every
// well-formed request that the issuer could be asked about. Access tokens cannot be
// revoked: a caller whose hint says that the token is one is refused (section 2.2.1).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	params, bad := s.readParams(w, r)
	if bad != nil {
		s.refuseOAuth(w, r, *bad)
		return
	}
	if params["token_type_hint"] == "access_token" {
		s.refuseOAuth(w, r, unsupportedTokenType)
		return
	}
	refresh, bad := params.credential("token")
	if bad != nil {
		s.refuseOAuth(w, r, *bad)
		return
	}
	if err := s.use.Revoke.Execute(r.Context(), app.Revocation{Refresh: refresh, Client: clientOf(r)}); err != nil {
		s.failOAuth(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// jwks answers GET /.well-known/jwks.json with the issuer's keys, so that the
// issuer's SDKs can validate ID tokens with the bridge as their domain.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	keys, err := s.use.Keys.JWKS(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	setCacheable(w)
	_, _ = w.Write(keys)
}

// assertionJWKS answers GET /assertion/jwks.json with the keys that the bridge signs
// assertions with, so that the identity provider can fetch and follow them.
func (s *Server) assertionJWKS(w http.ResponseWriter, _ *http.Request) {
	setCacheable(w)
	_, _ = w.Write(s.use.AssertionKeys.AssertionJWKS())
}

// setCacheable marks an answer as a JSON document that is the same for everybody.
func setCacheable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Del("Pragma")
}

// accessOf reads what the session is for. The use case decides whether that is offered;
// what cannot be asked for at all is refused here.
func accessOf(params params) (domain.Access, *problem) {
	if params["resource"] != "" {
		return domain.Access{}, new(problemOf(fmt.Errorf("%w: resource is not offered, ask for an audience", domain.ErrTargetInvalid)))
	}
	scope, ok := scopeOf(params["scope"])
	if !ok {
		return domain.Access{}, new(problemOf(fmt.Errorf("%w: the scope has a character that no scope has", domain.ErrScopeInvalid)))
	}
	return domain.Access{Scope: scope, Audience: params["audience"], Organization: params["organization"]}, nil
}

// scopeOf splits a scope into its tokens. Each is returned once, however often it was
// asked for.
func scopeOf(text string) ([]string, bool) {
	var scope []string
	seen := map[string]bool{"": true}
	for _, token := range strings.Split(text, " ") {
		if !isScopeToken(token) {
			return nil, false
		}
		if !seen[token] {
			seen[token] = true
			scope = append(scope, token)
		}
	}
	return scope, true
}

// isScopeToken reports whether text has the characters of a scope token only, which
// are printable ASCII without space, quote and backslash (RFC 6749, section 3.3).
func isScopeToken(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' })
}
