package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/app"
	"nativebridge/domain"
)

const (
	token     = "header.payload.signature-of-the-app"
	causeText = "cause-for-the-operator-only"

	bridgeClientID = "bridge-client-id"
)

// exchanger stands for the use case: it answers as it is told and remembers what
// it was asked.
type exchanger struct {
	mu      sync.Mutex
	asked   []app.Exchange
	session domain.Session
	err     error
	panics  any
	entered chan struct{} // if set, told when a call begins
	leave   chan struct{} // if set, waited for before a call ends
}

func (e *exchanger) Execute(_ context.Context, asked app.Exchange) (domain.Session, error) {
	e.mu.Lock()
	e.asked = append(e.asked, asked)
	e.mu.Unlock()
	if e.entered != nil {
		e.entered <- struct{}{}
		<-e.leave
	}
	if e.panics != nil {
		panic(e.panics)
	}
	return e.session, e.err
}

// bench is the real handler with an exchanger and a log that can be read.
type bench struct {
	*exchanger
	server  *httpapi.Server
	handler http.Handler
	log     *logtest.Log
}

func newBench(t *testing.T, config httpapi.Config, e *exchanger) *bench {
	t.Helper()
	log := &logtest.Log{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	server := httpapi.NewServer(config, bridgeClientID, httpapi.UseCases{Exchange: e}, logger)
	return &bench{exchanger: e, server: server, handler: handlerOf(t, server), log: log}
}

func goodSession() domain.Session {
	return domain.Session{
		Subject: "auth0|jane", AccessToken: domain.NewSecret("the-access-token"), IDToken: domain.NewSecret("the-id-token"),
		Scope: []string{"openid", "profile"}, ExpiresIn: 24 * time.Hour,
	}
}

func (b *bench) post(body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/sessions", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func TestATokenBecomesASession(t *testing.T) {
	for name, tt := range map[string]struct {
		refresh, want string
	}{
		"without a refresh token": {"", `{"access_token":"the-access-token","token_type":"Bearer","expires_in":86400,"id_token":"the-id-token","scope":"openid profile"}`},
		"with one":                {"the-refresh-token", `{"access_token":"the-access-token","token_type":"Bearer","expires_in":86400,"id_token":"the-id-token","refresh_token":"the-refresh-token","scope":"openid profile"}`},
	} {
		t.Run(name, func(t *testing.T) {
			session := goodSession()
			session.RefreshToken = domain.NewSecret(tt.refresh)
			b := newBench(t, httpapi.Config{}, &exchanger{session: session})
			w := b.post(`{"token":"` + token + `"}`)
			if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != tt.want {
				t.Errorf("%d %s, want 200 %s", w.Code, w.Body, tt.want)
			}
			for header, want := range map[string]string{
				"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s = %q, want %q", header, got, want)
				}
			}
			if len(b.asked) != 1 || b.asked[0].Token.Reveal() != token {
				t.Errorf("the use case was asked %d times, want once, with the token", len(b.asked))
			}
			if log := b.log.String(); strings.Contains(log, token) || strings.Contains(log, "the-access-token") {
				t.Error("the log holds a credential")
			}
		})
	}
}

func TestBadInputGetsAClearAnswerAndNobodyIsAsked(t *testing.T) {
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code, detail       string
	}{
		"nothing at all":                       {body: ``, status: 400, code: "invalid_request", detail: "JSON document"},
		"no JSON":                              {body: `token=` + token, status: 400, code: "invalid_request", detail: "JSON document"},
		"JSON cut short":                       {body: `{"token":"` + token, status: 400, code: "invalid_request", detail: "JSON document"},
		"two documents":                        {body: `{"token":"a.b.c"}{"token":"a.b.c"}`, status: 400, code: "invalid_request", detail: "one JSON document"},
		"trailing bytes":                       {body: `{"token":"a.b.c"} x`, status: 400, code: "invalid_request", detail: "one JSON document"},
		"a trailing comma":                     {body: `{"token":"a.b.c",}`, status: 400, code: "invalid_request", detail: "JSON document"},
		"a NUL at the end":                     {body: "{\"token\":\"a.b.c\"}\x00", status: 400, code: "invalid_request", detail: "JSON document"},
		"a byte order mark":                    {body: "\xef\xbb\xbf" + `{"token":"a.b.c"}`, status: 400, code: "invalid_request", detail: "JSON document"},
		"an array":                             {body: `[{"token":"a.b.c"}]`, status: 400, code: "invalid_request", detail: "object"},
		"a string":                             {body: `"a.b.c"`, status: 400, code: "invalid_request", detail: "object"},
		"null":                                 {body: `null`, status: 400, code: "invalid_request", detail: "object"},
		"a doubled member":                     {body: `{"token":"a.b.c","token":"d.e.f"}`, status: 400, code: "invalid_request", detail: "twice"},
		"a doubled member, once spelt escaped": {body: `{"token":"a.b.c","\u0074oken":"d.e.f"}`, status: 400, code: "invalid_request", detail: "twice"},
		"a doubled member nobody knows":        {body: `{"token":"a.b.c","x":1,"x":2}`, status: 400, code: "invalid_request", detail: "twice"},
		"a member in other capitals":           {body: `{"Token":"a.b.c"}`, status: 400, code: "invalid_request", detail: "missing"},
		"no token":                             {body: `{}`, status: 400, code: "invalid_request", detail: "missing"},
		"an empty token":                       {body: `{"token":""}`, status: 400, code: "invalid_request", detail: "empty"},
		"a token that is null":                 {body: `{"token":null}`, status: 400, code: "invalid_request", detail: "not a string"},
		"a token that is a number":             {body: `{"token":7}`, status: 400, code: "invalid_request", detail: "not a string"},
		"a token that is a list":               {body: `{"token":["a.b.c"]}`, status: 400, code: "invalid_request", detail: "not a string"},
		"a token that is an object":            {body: `{"token":{"a":"b"}}`, status: 400, code: "invalid_request", detail: "not a string"},
		"a token with a space":                 {body: `{"token":"a.b .c"}`, status: 400, code: "invalid_request", detail: "character"},
		"a token with a line break":            {body: `{"token":"a.b\n.c"}`, status: 400, code: "invalid_request", detail: "character"},
		"a token with a lone surrogate":        {body: `{"token":"a.b.\ud800"}`, status: 400, code: "invalid_request", detail: "one JSON document"},
		"a member twice, further inside":       {body: `{"token":"a.b.c","device":{"id":1,"id":2}}`, status: 400, code: "invalid_request", detail: "twice"},
		"invalid UTF-8":                        {body: "{\"token\":\"a.b.\xff\"}", status: 400, code: "invalid_request", detail: "UTF-8"},
		"invalid UTF-8 in a member's name":     {body: "{\"\xff\":1,\"token\":\"a.b.c\"}", status: 400, code: "invalid_request", detail: "UTF-8"},
		"a token over 8 KiB":                   {body: `{"token":"` + strings.Repeat("a", 8<<10+1) + `"}`, status: 400, code: "invalid_request", detail: "8 KiB"},
		"a body over 16 KiB":                   {body: `{"token":"a.b.c","x":"` + strings.Repeat("a", 16<<10) + `"}`, status: 413, code: "request_too_large"},
		"deeply nested":                        {body: `{"token":` + strings.Repeat("[", 12000), status: 400, code: "invalid_request", detail: "JSON document"},
		"nested and no object":                 {body: strings.Repeat("[", 12000), status: 400, code: "invalid_request", detail: "object"},
		"65 members":                           {body: manyMembers(65), status: 400, code: "invalid_request", detail: "more than 64"},
		"an object that does not end":          {body: `{"token":"a.b.c"`, status: 400, code: "invalid_request", detail: "JSON document"},
		"an object that ends as a list":        {body: `{"token":"a.b.c"]`, status: 400, code: "invalid_request", detail: "JSON document"},
		"a comma too few":                      {body: `{"x":1 "token":"a.b.c"}`, status: 400, code: "invalid_request", detail: "JSON document"},
		"a member without a value":             {body: `{"token"}`, status: 400, code: "invalid_request", detail: "JSON document"},
		"a name that is no string":             {body: `{7:1,"token":"a.b.c"}`, status: 400, code: "invalid_request", detail: "JSON document"},
		"a value that is no JSON":              {body: `{"token":"a.b.c","x":nul}`, status: 400, code: "invalid_request", detail: "JSON document"},
		"no content type":                      {body: `{"token":"a.b.c"}`, headers: []string{"Content-Type", ""}, status: 415, code: "unsupported_media_type", detail: "application/json"},
		"a form":                               {body: `token=a.b.c`, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type", detail: "application/json"},
		"plain text":                           {body: `{"token":"a.b.c"}`, headers: []string{"Content-Type", "text/plain"}, status: 415, code: "unsupported_media_type", detail: "application/json"},
		"a content type that is none":          {body: `{"token":"a.b.c"}`, headers: []string{"Content-Type", "application/json; charset"}, status: 415, code: "unsupported_media_type", detail: "application/json"},
		"another charset":                      {body: `{"token":"a.b.c"}`, headers: []string{"Content-Type", "application/json; charset=utf-16"}, status: 415, code: "unsupported_media_type", detail: "application/json"},
		"a compressed body":                    {body: `{"token":"a.b.c"}`, headers: []string{"Content-Encoding", "gzip"}, status: 415, code: "unsupported_media_type", detail: "Content-Encoding"},
		"GET":                                  {method: http.MethodGet, status: 405, code: "method_not_allowed"},
		"HEAD":                                 {method: http.MethodHead, status: 405, code: "method_not_allowed"},
		"PUT":                                  {method: http.MethodPut, body: `{"token":"a.b.c"}`, status: 405, code: "method_not_allowed"},
		"DELETE":                               {method: http.MethodDelete, status: 405, code: "method_not_allowed"},
		"OPTIONS":                              {method: http.MethodOptions, status: 405, code: "method_not_allowed"},
		"a method nobody knows":                {method: "BREW", status: 405, code: "method_not_allowed"},
		"an unknown path":                      {path: "/v1/session", body: `{"token":"a.b.c"}`, status: 404, code: "not_found"},
		"a slash too many":                     {path: "/v1/sessions/", body: `{"token":"a.b.c"}`, status: 404, code: "not_found"},
		"the root":                             {path: "/", status: 404, code: "not_found"},
		"a credential in the query is ignored": {path: "/v1/sessions?token=a.b.c", body: `{}`, status: 400, code: "invalid_request", detail: "missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, httpapi.Config{}, &exchanger{session: goodSession()})
			if tt.method == "" {
				tt.method = http.MethodPost
			}
			if tt.path == "" {
				tt.path = "/v1/sessions"
			}
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", "application/json")
			for i := 0; i+1 < len(tt.headers); i += 2 {
				r.Header.Set(tt.headers[i], tt.headers[i+1])
			}
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)

			if tt.method == http.MethodHead {
				if w.Code != tt.status {
					t.Errorf("status %d, want %d", w.Code, tt.status)
				}
			} else {
				wantProblem(t, w, tt.status, tt.code, tt.detail)
			}
			if len(b.asked) != 0 {
				t.Error("the use case was asked")
			}
			if tt.status == 405 && w.Header().Get("Allow") != "POST" {
				t.Errorf("Allow = %q, want POST", w.Header().Get("Allow"))
			}
			if tt.body != "" && strings.Contains(w.Body.String(), "a.b") {
				t.Error("the answer quotes the body")
			}
		})
	}
}

// wantProblem checks an answer against RFC 9457 and the bridge's own rules.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code, detail string) {
	t.Helper()
	var got struct {
		Type, Title, Code, Detail string
		Status                    int
		RequestID                 string `json:"request_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || got.Status != status || got.Code != code || got.Type != "urn:native-bridge:problem:"+code || got.Title == "" {
		t.Errorf("%d %+v, want %d %s", w.Code, got, status, code)
	}
	if !strings.Contains(got.Detail, detail) || detail == "" && got.Detail != "" {
		t.Errorf("detail = %q, want it to say %q", got.Detail, detail)
	}
	if got.RequestID == "" || got.RequestID != w.Header().Get("X-Request-Id") {
		t.Errorf("request_id = %q, header %q, want the same", got.RequestID, w.Header().Get("X-Request-Id"))
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v, want an uncached problem+json", w.Header())
	}
}

func TestEveryReasonHasItsAnswer(t *testing.T) {
	tests := map[string]struct {
		err        error
		status     int
		code       string
		retryAfter string
		level      string
	}{
		"rejected":              {domain.ErrTokenRejected, 401, "token_rejected", "", "INFO"},
		"replayed":              {domain.ErrTokenReplayed, 409, "token_replayed", "", "INFO"},
		"denied":                {domain.ErrAccessDenied, 403, "access_denied", "", "WARN"},
		"MFA required":          {domain.ErrMFARequired, 403, "mfa_required", "", "WARN"},
		"blocked":               {domain.ErrAccountBlocked, 403, "account_blocked", "", "WARN"},
		"scope not offered":     {domain.ErrScopeInvalid, 400, "scope_invalid", "", "INFO"},
		"target not offered":    {domain.ErrTargetInvalid, 400, "target_invalid", "", "INFO"},
		"busy":                  {domain.ErrBusy, 429, "busy", "5", "WARN"},
		"busy, with a wait":     {domain.WithRetryAfter(domain.ErrBusy, 1500*time.Millisecond), 429, "busy", "2", "WARN"},
		"busy, for a moment":    {domain.WithRetryAfter(domain.ErrBusy, 1), 429, "busy", "1", "WARN"},
		"busy, and out of time": {fmt.Errorf("%w: %w", domain.ErrBusy, context.DeadlineExceeded), 429, "busy", "5", "WARN"},
		"unavailable":           {domain.ErrUnavailable, 503, "unavailable", "5", "WARN"},
		"unavailable, a minute": {domain.WithRetryAfter(domain.ErrUnavailable, time.Minute), 503, "unavailable", "60", "WARN"},
		"the deadline":          {context.DeadlineExceeded, 503, "unavailable", "5", "WARN"},
		"the caller left":       {context.Canceled, 503, "unavailable", "5", "WARN"},
		"a fault of ours":       {errors.New("invalid_client"), 500, "internal_error", "", "ERROR"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, httpapi.Config{}, &exchanger{session: goodSession()})
			b.post(`{"token":"` + token + `"}`) // until somebody has signed in, some refusals are errors
			b.err = fmt.Errorf("%w: %s", tt.err, causeText)
			w := b.post(`{"token":"` + token + `"}`)

			wantProblem(t, w, tt.status, tt.code, "")
			outcome := domain.Attempt{Err: b.err}.Outcome()
			if want := strings.ReplaceAll(tt.code, "internal_error", "fault"); outcome != want {
				t.Errorf("the audit log says %q, the answer %q", outcome, tt.code)
			}
			if got := w.Header().Get("Retry-After"); got != tt.retryAfter {
				t.Errorf("Retry-After = %q, want %q", got, tt.retryAfter)
			}
			if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate = %q with status %d", challenge, tt.status)
			}
			for _, secret := range []string{causeText, token, "the-access-token"} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("the answer tells %q", secret)
				}
			}
			log := b.log.String()
			if !strings.Contains(log, causeText) || !strings.Contains(log, `"level":"`+tt.level+`"`) {
				t.Errorf("the log says %s, want the cause at level %s", log, tt.level)
			}
			if strings.Contains(log, token) {
				t.Error("the log holds the token")
			}
		})
	}
}

func TestTheAnswerPromisesNoMoreThanIsKnownOfTheProof(t *testing.T) {
	const promise, doubt = "the same token works later", "the same token may work later; if it is refused as used, sign in again"
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"it can be sent again":          {domain.ErrUnavailable, promise},
		"it may be spent":               {domain.WithProofInDoubt(domain.ErrUnavailable), doubt},
		"it can be sent again, limited": {domain.ErrBusy, promise},
		"it may be spent, limited":      {domain.WithProofInDoubt(domain.ErrBusy), doubt},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, httpapi.Config{}, &exchanger{err: tt.err})
			if w := b.post(`{"token":"` + token + `"}`); !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("the answer is %s, want %q", w.Body, tt.want)
			}
		})
	}
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{session: goodSession()})
	if w := b.post(`{"user_id":"auth0|jane","nested":{"token":"x"},"token":"` + token + `","n":1e999}`); w.Code != http.StatusOK {
		t.Errorf("%d %s, want 200", w.Code, w.Body)
	}
}

func TestABodyAndATokenAtTheirLimitsAreRead(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{session: goodSession()})
	long := strings.Repeat("a", 8<<10)
	body := `{"token":"` + long + `","x":"`
	body += strings.Repeat("a", 16<<10-len(body)-2) + `"}`
	if w := b.post(body); w.Code != http.StatusOK || len(body) != 16<<10 {
		t.Errorf("%d bytes: %d %s, want 200", len(body), w.Code, w.Body)
	}
}

func TestAPanicIsAFaultWithoutItsWords(t *testing.T) {
	for name, thrown := range map[string]any{
		"a string": "panic with " + token, "an error": errors.New("panic with " + token),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, httpapi.Config{}, &exchanger{panics: thrown})
			w := b.post(`{"token":"` + token + `"}`)
			wantProblem(t, w, 500, "internal_error", "")
			if log := b.log.String(); strings.Contains(log, token) || !strings.Contains(log, "panic") {
				t.Errorf("the log says %s, want the panic without what was thrown", log)
			}
		})
	}
}

// runtimeError is what the Go runtime throws at an index out of range.
func runtimeError() (thrown any) {
	defer func() { thrown = recover() }()
	return []int{}[len(token)]
}

func TestAPanicOfTheRuntimeIsLoggedInItsWords(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{panics: runtimeError()})
	wantProblem(t, b.post(`{"token":"`+token+`"}`), 500, "internal_error", "")
	if log := b.log.String(); !strings.Contains(log, "index out of range") {
		t.Errorf("the log says %s, want what the runtime says", log)
	}
}

// net/http ends the connection then, as whoever threw it wants.
func TestAnAbortedRequestGetsNoAnswer(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{panics: http.ErrAbortHandler})
	defer func() {
		if thrown := recover(); thrown != http.ErrAbortHandler {
			t.Errorf("thrown: %v, want %v", thrown, http.ErrAbortHandler)
		}
		if log := b.log.String(); log != "" {
			t.Errorf("the log says %s", log)
		}
	}()
	w := b.post(`{"token":"` + token + `"}`)
	t.Errorf("answered %d %s", w.Code, w.Body)
}

// broken is a body that cannot be read.
type broken struct{ error }

func (b broken) Read([]byte) (int, error) { return 0, b.error }

func TestABodyThatDoesNotComeIsTheCallersFault(t *testing.T) {
	for name, tt := range map[string]struct {
		err          error
		status       int
		code, detail string
	}{
		"too slow":  {os.ErrDeadlineExceeded, http.StatusRequestTimeout, "request_timeout", ""},
		"cut short": {io.ErrUnexpectedEOF, http.StatusBadRequest, "invalid_request", "ended early"},
	} {
		t.Run(name, func(t *testing.T) {
			send := func(path string) *httptest.ResponseRecorder {
				b, w := newOAuthBench(t, nil), httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodPost, path, broken{tt.err})
				r.Header.Set("Content-Type", "application/json")
				b.handler.ServeHTTP(w, r)
				if b.asked() != 0 {
					t.Error("a use case was asked")
				}
				return w
			}
			wantProblem(t, send("/v1/sessions"), tt.status, tt.code, tt.detail)
			wantOAuthError(t, send("/oauth/token"), tt.status, "invalid_request", tt.detail)
		})
	}
}

func TestRequestIDsAreBoundedAndPrintableOrReplaced(t *testing.T) {
	for given, kept := range map[string]bool{
		"req-1": true, "!~": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
		"": false, "with space": false, "tab\tbed": false, "ünïcode": false, "line\nbreak": false,
	} {
		b := newBench(t, httpapi.Config{}, &exchanger{session: goodSession()})
		w := b.post(`{"token":"`+token+`"}`, "X-Request-Id", given)
		got := w.Header().Get("X-Request-Id")
		if got == "" || (got == given) != kept {
			t.Errorf("id %q becomes %q, want it kept: %t", given, got, kept)
		}
		if b.asked[0].Client.RequestID != got {
			t.Errorf("the use case was given id %q, the answer %q", b.asked[0].Client.RequestID, got)
		}
	}
}

func TestTheClientsAddressIsThePeersUnlessATrustedProxySaysOtherwise(t *testing.T) {
	trusting := httpapi.Config{TrustedProxies: httpapi.Prefixes{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")}}
	tests := map[string]struct {
		config          httpapi.Config
		peer, forwarded string
		want            string
	}{
		"no proxy is trusted":                      {httpapi.Config{}, "10.0.0.1:1", "203.0.113.7", "10.0.0.1"},
		"a trusted proxy":                          {trusting, "10.0.0.1:1", "203.0.113.7", "203.0.113.7"},
		"a chain of trusted proxies":               {trusting, "10.0.0.1:1", "203.0.113.7, 192.0.2.7", "203.0.113.7"},
		"what the app itself claims is not heard":  {trusting, "10.0.0.1:1", "198.51.100.1, 203.0.113.7", "203.0.113.7"},
		"a peer that is no trusted proxy":          {trusting, "203.0.113.9:1", "198.51.100.1", "203.0.113.9"},
		"a trusted proxy that says nothing":        {trusting, "10.0.0.1:1", "", ""},
		"a trusted proxy that says nonsense":       {trusting, "10.0.0.1:1", "unknown", ""},
		"an address of IPv6":                       {trusting, "10.0.0.1:1", "2001:db8::7", "2001:db8::7"},
		"an IPv4 address in an IPv6 one":           {httpapi.Config{}, "[::ffff:203.0.113.7]:1", "", "203.0.113.7"},
		"X-Real-IP and True-Client-IP are ignored": {trusting, "203.0.113.9:1", "", "203.0.113.9"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.config, &exchanger{session: goodSession()})
			r := httptest.NewRequest(http.MethodPost, "/v1/sessions", strings.NewReader(`{"token":"a.b.c"}`))
			r.RemoteAddr = tt.peer
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Real-IP", "198.51.100.99")
			r.Header.Set("True-Client-IP", "198.51.100.99")
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			b.handler.ServeHTTP(httptest.NewRecorder(), r)
			got := ""
			if addr := b.asked[0].Client.Addr; addr.IsValid() {
				got = addr.String()
			}
			if got != tt.want {
				t.Errorf("address = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheUserAgentIsBoundedAndPrintable(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{session: goodSession()})
	b.post(`{"token":"a.b.c"}`, "User-Agent", "app\x1b[31m/1 ~ é "+strings.Repeat("x", 500))
	agent := b.asked[0].Client.UserAgent
	if len(agent) != 200 || strings.Contains(agent, "\x1b") || !strings.HasPrefix(agent, "app?[31m/1 ~ ? ") {
		t.Errorf("user agent = %q (%d bytes)", agent, len(agent))
	}
}

// FuzzSessionsBody feeds the body decoder: whatever comes, the handler answers one
// of its problems or asks the use case with exactly the token that is there.
func FuzzSessionsBody(f *testing.F) {
	for _, seed := range []string{
		`{"token":"a.b.c"}`, `{"token":"a.b.c","token":"d"}`, `{"\u0074oken":"a.b.c"}`, `[]`, `null`, `{"token":7}`,
		"\xff", `{"token":"a.b.c"}{}`, `{"a":{"b":[1,2,{"token":"x"}]},"token":"é"}`, ``,
	} {
		f.Add([]byte(seed))
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := &exchanger{session: goodSession()}
		server := httpapi.NewServer(httpapi.Config{}, bridgeClientID, httpapi.UseCases{Exchange: e}, logger)
		r := httptest.NewRequest(http.MethodPost, "/v1/sessions", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handlerOf(t, server).ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK:
			var strict map[string]any
			if err := json.Unmarshal(body, &strict); err != nil || len(e.asked) != 1 || strict["token"] != e.asked[0].Token.Reveal() {
				t.Errorf("%q was read as another token than encoding/json reads", body)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if len(e.asked) != 0 {
				t.Errorf("%q was refused and asked about", body)
			}
		default:
			t.Errorf("%q was answered %d", body, w.Code)
		}
	})
}
