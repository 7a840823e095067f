package authsignal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// problem is the body of an error reply. The code comes under two names, and
// "error" may also hold a text ("Error handling", Authsignal Server API).
type problem struct {
	Error       string `json:"error"`
	ErrorCode   string `json:"errorCode"`
	Description string `json:"errorDescription"`
}

func problemOf(reply upstream.Reply) problem {
	var p problem
	_ = json.Unmarshal(reply.Body, &p) // an HTML page leaves it empty
	return p
}

func (p problem) code() string {
	if p.ErrorCode != "" {
		return p.ErrorCode
	}
	return p.Error
}

// isRejection reports whether a code is about the token. All of these count, because it is
// not documented which of them a live tenant uses for a bad, expired or foreign token.
func isRejection(code string) bool {
	switch code {
	case "expired_token", "token_expired", "invalid_token", "invalid_request", "invalid_credential":
		return true
	}
	return false
}

// refusesKey reports whether a reply refuses the bridge's key, and says nothing about what
// was asked with it.
func refusesKey(reply upstream.Reply) bool {
	return reply.Status == http.StatusUnauthorized && !isRejection(problemOf(reply).code())
}

// refusal returns what an error reply to a validation means.
func (v *Verifier) refusal(reply upstream.Reply, token domain.PasskeyToken) error {
	p := problemOf(reply)
	said := strings.TrimSpace(fmt.Sprintf("authsignal answered %d %s", reply.Status,
		reply.Words(strings.Trim(p.code()+": "+p.Description, ": "), append(v.keys.Secrets(), token.Secret)...)))
	switch reply.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		if isRejection(p.code()) {
			return fmt.Errorf("%w: %s", domain.ErrTokenRejected, said)
		}
	}
	err := v.trouble(reply, said)
	if _, known := domain.ReasonOf(err); !known {
		v.client.Refused(reply)
	}
	return err
}

// trouble is the one table of the error replies that say nothing about a token. The text
// of the error begins with said. An error without a reason means that Authsignal refuses
// the bridge itself.
func (v *Verifier) trouble(reply upstream.Reply, said string) error {
	wait := upstream.RetryAfter(reply.Header, v.now())

	switch s := reply.Status; {
	case s == http.StatusTooManyRequests:
		return domain.WithRetryAfter(fmt.Errorf("%w: %s", domain.ErrBusy, said), wait)
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return errors.New(said + ": check AUTHSIGNAL_SECRET, and that AUTHSIGNAL_API_URL is of the same tenant's region")
	case s == http.StatusRequestTimeout, s >= http.StatusInternalServerError, s < http.StatusMultipleChoices:
		return domain.WithRetryAfter(fmt.Errorf("%w: %s", domain.ErrUnavailable, said), wait)
	}
	// Redirects, 404, 405 and the like: somebody else listens there.
	return errors.New(said + ": check that AUTHSIGNAL_API_URL is the Server API's base URL, which ends in /v1")
}
