package auth0test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
)

// The words of Auth0, where its documentation or its SDKs quote them.
const (
	textWrongPassword  = "Wrong email or password."
	textBruteForce     = "Your account has been blocked after multiple consecutive login attempts. We've sent you a notification via your preferred contact method with instructions on how to unblock it."
	textSuspiciousIP   = "We have detected suspicious login behavior and further attempts will be blocked. Please contact the administrator."
	textRateLimit      = "Too many requests. Check the X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset headers."
	textPasswordLeaked = "This login attempt has been blocked because the password you're using was previously disclosed through a data breach (not in this application). Please check your email for more information." // #nosec G101 -- not a credential
	textNoSuchUser     = "The user does not exist."                                                                                                                                                                      // a guess
	textUserBlocked    = "user is blocked"
	textInvalidClient  = "Client authentication failed"
	textNoDefault      = "Authorization server not configured with default connection."
	textInvalidRefresh = "Unknown or invalid refresh token."
	textUserGone       = "The refresh_token was generated for a user who doesn't exist anymore."
)

// answer is a whole HTTP answer, held back until the faults have been applied.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // of an error, for the Exchange
}

// jsonAnswer is a 200.
func jsonAnswer(v any) (answer, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{}, fmt.Errorf("encode the answer: %w", err)
	}
	h := make(http.Header)
	h.Set("Content-Type", "application/json")
	return answer{status: http.StatusOK, header: h, body: body}, nil
}

// refusal is an error that is an answer.
type refusal struct {
	status            int
	code, description string
	mfaToken          string
	form              Form
	header            http.Header
}

func refuse(status int, code, description string) *refusal {
	return &refusal{status: status, code: code, description: description, header: make(http.Header)}
}

// wrongPassword is what Auth0 answers to a username or password that is wrong.
func wrongPassword() *refusal {
	return refuse(http.StatusForbidden, "invalid_grant", textWrongPassword)
}

func missing(param string) *refusal {
	return refuse(http.StatusBadRequest, "invalid_request", "Missing required parameter: "+param)
}

func (r *refusal) Error() string { return r.code + ": " + r.description }

func (r *refusal) answer() (answer, error) {
	h := r.header.Clone()
	a := answer{status: r.status, header: h, code: r.code}
	switch r.form {
	case FormText:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		a.body = []byte(r.description)
		return a, nil
	case FormHTML:
		h.Set("Content-Type", "text/html; charset=utf-8")
		a.body = fmt.Appendf(nil, "<html><body><h1>%d</h1><p>%s</p></body></html>", r.status, html.EscapeString(r.description))
		return a, nil
	}
	h.Set("Content-Type", "application/json")
	body := claims{{"error", r.code}, {"error_description", r.description}}
	switch r.form {
	case FormCode:
		body = claims{{"code", r.code}, {"description", r.description}}
	case formAPI:
		body = claims{{"statusCode", r.status}, {"error", http.StatusText(r.status)}, {"message", r.description}}
		if r.code != "" {
			body.set("errorCode", r.code)
		}
	}
	if r.mfaToken != "" {
		body.set("mfa_token", r.mfaToken)
	}
	var err error
	a.body, err = json.Marshal(body)
	return a, err
}

// newOpaqueToken is unguessable and says nothing about what it is for.
func newOpaqueToken() string { return rand.Text() + rand.Text() }
