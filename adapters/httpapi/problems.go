package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nativebridge/adapters/internal/network"
	"nativebridge/domain"
)

// problem is an answer that is no session: a problem of RFC 9457 on /v1, an error of
// RFC 6749 section 5.2 on /oauth. Codes are stable; texts are for developers and
// never tell a cause.
type problem struct {
	Code   string
	Status int
	Title  string
	Detail string // what to mend about a request that is not well-formed
	OAuth  oauthError
}

// oauthError is the same on /oauth. Its status is the problem's unless it has one
// of its own.
type oauthError struct {
	Code        string
	Status      int
	Description string // instead of title and detail, where SDKs go by the words
}

func (p problem) oauthStatus() int {
	if p.OAuth.Status != 0 {
		return p.OAuth.Status
	}
	return p.Status
}

// problemType returns the type of the problem with that code (RFC 9457, section 3.1.1): the
// address of its row in the documents, if the operator says where they are, or else a URN,
// which is a name and no address. docs/errors.md has an anchor for each code.
func (c Config) problemType(code string) string {
	if c.ProblemBaseURL == "" {
		return "urn:native-bridge:problem:" + code
	}
	return string(c.ProblemBaseURL) + "#" + code
}

// Problems of the request itself: nobody was asked about its token.
var (
	notFound             = problem{Code: "not_found", Status: http.StatusNotFound, Title: "There is nothing here"}
	methodNotAllowed     = problem{Code: "method_not_allowed", Status: http.StatusMethodNotAllowed, Title: "The path does not answer to this method"}
	requestTooLarge      = problem{Code: "request_too_large", Status: http.StatusRequestEntityTooLarge, Title: "The body is larger than 16 KiB", OAuth: oauthError{Code: "invalid_request"}}
	requestTimeout       = problem{Code: "request_timeout", Status: http.StatusRequestTimeout, Title: "The body came too slowly", OAuth: oauthError{Code: "invalid_request"}}
	unsupportedGrantType = problem{Code: "unsupported_grant_type", Status: http.StatusBadRequest, Title: "The grant type is not offered", OAuth: oauthError{Code: "unsupported_grant_type"}}
	unsupportedTokenType = problem{Code: "unsupported_token_type", Status: http.StatusBadRequest, Title: "Only refresh tokens can be revoked: an access token ends by itself", OAuth: oauthError{Code: "unsupported_token_type"}}
	invalidClient        = problem{Code: "invalid_client", Status: http.StatusUnauthorized, Title: "The client is not the bridge's own, or it sends a secret: send the bridge's client_id or none, and no secret", OAuth: oauthError{Code: "invalid_client"}}
	accessTokenMissing   = problem{Code: "access_token_missing", Status: http.StatusUnauthorized, Title: "Send an access token in the header Authorization, as Bearer"}
	fault                = problem{Code: "internal_error", Status: http.StatusInternalServerError, Title: "The bridge or its configuration is at fault", OAuth: oauthError{Code: "server_error"}}
)

func invalidRequest(detail string) problem {
	return problem{Code: "invalid_request", Status: http.StatusBadRequest, Title: "The request is not well-formed", Detail: detail, OAuth: oauthError{Code: "invalid_request"}}
}

func unsupportedMediaType(detail string) problem {
	return problem{Code: "unsupported_media_type", Status: http.StatusUnsupportedMediaType, Title: "The media type of the body is not supported", Detail: detail, OAuth: oauthError{Code: "invalid_request"}}
}

// unknownRefreshToken is Auth0's text for a refresh token that is good for nothing.
// Its SDKs compare it to the letter, to know that the session is over
// (AuthenticationError.isInvalidRefreshToken, Auth0.swift).
const unknownRefreshToken = "Unknown or invalid refresh token." // #nosec G101 -- a text, no credential

// problemOf is the one map from the reason of a failure to its answer. What wraps
// no reason is a fault of ours, except that the deadline passed or the caller left.
func problemOf(err error) problem {
	reason, known := domain.ReasonOf(err)
	if !known && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		reason = domain.ErrUnavailable
	}
	later := "the same token works later"
	if domain.ProofInDoubt(err) {
		later = "the same token may work later; if it is refused as used, sign in again"
	}
	answer := func(status int, title string, oauth oauthError) problem {
		return problem{Code: string(reason), Status: status, Title: title, OAuth: oauth}
	}
	//exhaustive:enforce
	switch reason {
	case domain.ErrTokenRejected: // RFC 8693 section 2.2.2: a subject token that is refused is an invalid request
		return answer(http.StatusUnauthorized, "The token does not prove a passkey sign-in", oauthError{Code: "invalid_request", Status: http.StatusBadRequest})
	case domain.ErrTokenReplayed:
		return answer(http.StatusConflict, "The token was used before: sign in again", oauthError{Code: "invalid_request", Status: http.StatusBadRequest})
	case domain.ErrAccessDenied:
		return answer(http.StatusForbidden, "The person is known, and may not sign in", oauthError{Code: "access_denied"})
	case domain.ErrMFARequired:
		return answer(http.StatusForbidden, "Another factor is required, and this flow cannot ask for it", oauthError{Code: "mfa_required"})
	case domain.ErrAccountBlocked:
		return answer(http.StatusForbidden, "The account is blocked", oauthError{Code: "access_denied"})
	case domain.ErrGrantInvalid:
		return answer(http.StatusBadRequest, "The refresh token is no longer valid: sign in again", oauthError{Code: "invalid_grant", Description: unknownRefreshToken})
	case domain.ErrScopeInvalid:
		return answer(http.StatusBadRequest, "The scope is not offered", oauthError{Code: "invalid_scope"})
	case domain.ErrTargetInvalid:
		return answer(http.StatusBadRequest, "The audience or organization is not offered", oauthError{Code: "invalid_target"})
	case domain.ErrBusy:
		return answer(http.StatusTooManyRequests, "Too many requests: "+later, oauthError{Code: "too_many_requests"})
	case domain.ErrUnavailable:
		return answer(http.StatusServiceUnavailable, "A service that the bridge needs does not answer: "+later, oauthError{Code: "temporarily_unavailable"})
	case domain.ErrAccessTokenInvalid: // this and what follows never comes at /oauth
		return answer(http.StatusUnauthorized, "The access token is not accepted here: get a new one for this API", oauthError{})
	case domain.ErrScopeInsufficient:
		return answer(http.StatusForbidden, "The access token lacks the scope for this", oauthError{})
	case domain.ErrSignInTooOld:
		return answer(http.StatusUnauthorized, "The person must sign in again before this", oauthError{})
	case domain.ErrEnrolmentDenied:
		return answer(http.StatusForbidden, "The person is known, and gets no passkey here", oauthError{})
	case domain.ErrPasskeyUnknown:
		return answer(http.StatusNotFound, "The person has no such passkey", oauthError{})
	}
	return fault
}

// defaultRetryAfter is the wait asked of an app when nobody has named one.
const defaultRetryAfter = 5 * time.Second

// fail answers /v1 after a failure, and tells the operator why.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	setRetryAfter(w, p, err)
	setRateLimit(w, err)
	s.logFailure(r, p, p.Status, err)
	s.writeProblem(w, r, p)
}

// failOAuth answers /oauth after a failure, and tells the operator why.
func (s *Server) failOAuth(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	setRetryAfter(w, p, err)
	setRateLimit(w, err)
	s.logFailure(r, p, p.oauthStatus(), err)
	writeOAuthError(w, r, p)
}

// refuse answers a request that never reached a use case.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p problem) {
	s.logFailure(r, p, p.Status, errors.New(p.Detail))
	s.writeProblem(w, r, p)
}

// refuseOAuth does the same on /oauth.
func (s *Server) refuseOAuth(w http.ResponseWriter, r *http.Request, p problem) {
	s.logFailure(r, p, p.oauthStatus(), errors.New(p.Detail))
	writeOAuthError(w, r, p)
}

func setRetryAfter(w http.ResponseWriter, p problem, err error) {
	if p.Status != http.StatusServiceUnavailable && p.Status != http.StatusTooManyRequests {
		return
	}
	wait := domain.RetryAfterOf(err)
	if wait <= 0 {
		wait = defaultRetryAfter
	}
	w.Header().Set("Retry-After", strconv.Itoa(seconds(wait)))
}

// logFailure logs at the level of who must act: the app (info), somebody who looks
// after a vendor's tenant (warning), or whoever configured the bridge (error). All but
// errors are sampled by cause and network, so that no caller can fill the log.
func (s *Server) logFailure(r *http.Request, p problem, status int, cause error) {
	level, message := slog.LevelInfo, "request failed: "+p.Code
	switch {
	case p.Status == http.StatusInternalServerError:
		level = slog.LevelError
	case isUnproven(cause):
		level, message = slog.LevelError, message+", and nobody has signed in since the start"
	case p.Status == http.StatusServiceUnavailable, p.Status == http.StatusTooManyRequests, p.Status == http.StatusForbidden:
		level = slog.LevelWarn
	}
	client := clientOf(r)
	if level < slog.LevelError && !s.refusals.Take(refusal{level, p.Code, network.Of(client.Addr)}) {
		return
	}
	s.log.Log(r.Context(), level, message,
		"code", p.Code, "status", status, "cause", cause.Error(), "request_id", client.RequestID, "client", client.Addr.String())
}

func (s *Server) writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	if p.Status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		// RFC 9110 section 11.6.1 wants a challenge with every 401.
		w.Header().Set("WWW-Authenticate", bearerChallenge+`, error="invalid_token"`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Code      string `json:"code"`
		Detail    string `json:"detail,omitempty"`
		RequestID string `json:"request_id"`
	}{s.config.problemType(p.Code), p.Title, p.Status, p.Code, p.Detail, requestIDOf(r.Context())})
}

// writeOAuthError writes p as RFC 6749 section 5.2 has it. Its texts have no quote
// and no backslash.
func writeOAuthError(w http.ResponseWriter, r *http.Request, p problem) {
	status, description := p.oauthStatus(), p.OAuth.Description
	if description == "" {
		description = p.Title
		if p.Detail != "" {
			description = p.Detail
		}
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", schemeOf(r)+` realm="native-bridge"`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{p.OAuth.Code, description})
}

// schemeOf returns the scheme of the challenge to a client: the one that it used, if
// it used one, and else Basic (RFC 6749 section 5.2, of invalid_client).
func schemeOf(r *http.Request) string {
	used, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for _, scheme := range []string{"Bearer", "DPoP", "Digest", "Negotiate"} {
		if strings.EqualFold(used, scheme) {
			return scheme
		}
	}
	return "Basic"
}
