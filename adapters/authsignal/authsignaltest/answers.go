package authsignaltest

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// Error codes of Authsignal (/sdks/server/error-handling and
// /sdks/client/mobile/error-handling of its documentation). The documentation
// gives a status for unauthorized only.
const (
	codeUnauthorized      = "unauthorized"
	codeInvalidRequest    = "invalid_request"
	codeInvalidCredential = "invalid_credential"
	codeInvalidToken      = "invalid_token"
	codeExpiredToken      = "expired_token"
	codeUnknownCredential = "unknown_credential"
	codeTooManyRequests   = "too_many_requests"
	codeNotFound          = "not_found"

	codeInvalidConfiguration  = "invalid_configuration"
	codeAuthenticatorNotFound = "AUTHENTICATOR_NOT_FOUND"
)

const unauthorizedDescription = "The request is unauthorized. Check that your API key and region base URL are correctly configured."

// apiError is the body of every error. The code stands twice because some
// SDKs read it from "error" and some from "errorCode"; Android requires the
// first, Go and iOS the second.
type apiError struct {
	Error            string `json:"error"`
	ErrorCode        string `json:"errorCode"`
	ErrorDescription string `json:"errorDescription"`
}

// writeError answers with an error; code and description may be "" for the
// usual ones of the status.
func writeError(w http.ResponseWriter, status int, code, description string) {
	code = cmp.Or(code, usualCode(status))
	if code == codeUnauthorized {
		description = unauthorizedDescription
	}
	writeJSON(w, status, apiError{code, code, cmp.Or(description, http.StatusText(status))})
}

func usualCode(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return codeUnauthorized
	case status == http.StatusTooManyRequests:
		return codeTooManyRequests
	case status >= http.StatusInternalServerError:
		return "internal_error"
	default:
		return codeInvalidRequest
	}
}

// writeOK answers 200: the mobile SDKs take any other success for a failure.
func writeOK(w http.ResponseWriter, body any) { writeJSON(w, http.StatusOK, body) }

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil { // only a value of Faults.Replace or User.Custom can fail
		b, status = []byte(`{"error":"internal_error","errorCode":"internal_error","errorDescription":"The answer cannot be encoded."}`), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json") // and no more: Authsignal's SDK for Python reads no other
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// readJSON decodes the request body, ignoring unknown fields and taking null
// for absent. An empty body leaves dst alone. If it returns false, the
// request has been answered.
func readJSON(w http.ResponseWriter, r *http.Request, dst any) bool {
	if err := json.NewDecoder(r.Body).Decode(dst); err != nil && err != io.EOF {
		writeError(w, http.StatusBadRequest, codeInvalidRequest, "The request body is not the JSON expected.")
		return false
	}
	return true
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotFound, codeNotFound, "There is no such endpoint.")
}

func methodNotAllowed(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusMethodNotAllowed, "method_not_allowed", "The endpoint does not take this method.")
}

// timestamp formats t as the API does: ISO 8601, UTC, milliseconds.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
