package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"nativebridge/domain"
)

// problem is an answer that is no session (RFC 9457). Its code is stable; its
// texts are for developers and never tell a cause.
type problem struct {
	Code   string
	Status int
	Title  string
	Detail string // what to mend about a request that is not well-formed
}

// problemType is what each problem's type begins with. It names, and leads
// nowhere: docs/errors.md has the catalogue.
const problemType = "urn:native-bridge:problem:"

// Problems of the request itself: nobody was asked about its token.
var (
	notFound         = problem{Code: "not_found", Status: http.StatusNotFound, Title: "There is nothing here"}
	methodNotAllowed = problem{Code: "method_not_allowed", Status: http.StatusMethodNotAllowed, Title: "The path does not answer to this method"}
	requestTooLarge  = problem{Code: "request_too_large", Status: http.StatusRequestEntityTooLarge, Title: "The body is larger than 16 KiB"}
	requestTimeout   = problem{Code: "request_timeout", Status: http.StatusRequestTimeout, Title: "The body came too slowly"}
	fault            = problem{Code: "internal_error", Status: http.StatusInternalServerError, Title: "The bridge or its configuration is at fault"}
)

func invalidRequest(detail string) problem {
	return problem{Code: "invalid_request", Status: http.StatusBadRequest, Title: "The request is not well-formed", Detail: detail}
}

func unsupportedMediaType(detail string) problem {
	return problem{Code: "unsupported_media_type", Status: http.StatusUnsupportedMediaType, Title: "The body is not JSON", Detail: detail}
}

// problemOf is the one map from the reason of a failure to its answer. What wraps
// no reason is a fault of ours, except that the deadline passed or the caller left.
func problemOf(err error) problem {
	reason, known := domain.ReasonOf(err)
	if !known && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		reason = domain.ErrUnavailable
	}
	answer := func(status int, title string) problem {
		return problem{Code: string(reason), Status: status, Title: title}
	}
	//exhaustive:enforce
	switch reason {
	case domain.ErrTokenRejected:
		return answer(http.StatusUnauthorized, "The token does not prove a passkey sign-in")
	case domain.ErrTokenReplayed:
		return answer(http.StatusConflict, "The token was used before: sign in again")
	case domain.ErrAccessDenied:
		return answer(http.StatusForbidden, "The person is known, and may not sign in")
	case domain.ErrMFARequired:
		return answer(http.StatusForbidden, "A further factor is required, which this way in cannot ask for")
	case domain.ErrAccountBlocked:
		return answer(http.StatusForbidden, "The account is blocked")
	case domain.ErrScopeInvalid:
		return answer(http.StatusBadRequest, "The scope is not offered")
	case domain.ErrTargetInvalid:
		return answer(http.StatusBadRequest, "The audience or organization is not offered")
	case domain.ErrBusy:
		return answer(http.StatusTooManyRequests, "Too many sign-ins at once: the same token works later")
	case domain.ErrUnavailable:
		return answer(http.StatusServiceUnavailable, "Somebody who must be asked is away: the same token works later")
	}
	return fault
}

// defaultRetryAfter is the wait asked of an app when nobody has named one.
const defaultRetryAfter = 5 * time.Second

// fail answers an exchange that failed, and tells the operator why.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		wait := domain.RetryAfterOf(err)
		if wait <= 0 {
			wait = defaultRetryAfter
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	s.logFailure(r, p, "cause", err.Error())
	writeProblem(w, r, p)
}

// refuse answers a request that never became an exchange.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, p problem) {
	s.logFailure(r, p, "cause", p.Detail)
	writeProblem(w, r, p)
}

// logFailure logs at the level of who must act: the app (info), somebody who looks
// after a vendor's tenant (warning), or whoever configured the bridge (error).
func (s *Server) logFailure(r *http.Request, p problem, attrs ...any) {
	level := slog.LevelInfo
	switch p.Status {
	case http.StatusInternalServerError:
		level = slog.LevelError
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusForbidden:
		level = slog.LevelWarn
	}
	client := clientOf(r)
	s.log.Log(r.Context(), level, "request failed: "+p.Code, append([]any{
		"code", p.Code, "status", p.Status, "request_id", client.RequestID, "client", client.Addr.String(),
	}, attrs...)...)
}

func writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	if p.Status == http.StatusUnauthorized {
		// RFC 9110 section 11.6.1 wants a challenge with every 401.
		w.Header().Set("WWW-Authenticate", `Bearer realm="native-bridge", error="invalid_token"`)
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
	}{problemType + p.Code, p.Title, p.Status, p.Code, p.Detail, requestIDOf(r.Context())})
}
