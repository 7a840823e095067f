package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/app"
	"nativebridge/domain"
)

const (
	challengeType = "urn:authsignal:params:oauth:token-type:challenge"
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessType    = "urn:ietf:params:oauth:token-type:access_token"
)

// renewer, revoker and keys stand for the other use cases.
type renewer struct {
	asked   []app.Renewal
	session domain.Session
	err     error
}

func (r *renewer) Execute(_ context.Context, asked app.Renewal) (domain.Session, error) {
	r.asked = append(r.asked, asked)
	return r.session, r.err
}

type revoker struct {
	asked []app.Revocation
	err   error
}

func (r *revoker) Execute(_ context.Context, asked app.Revocation) error {
	r.asked = append(r.asked, asked)
	return r.err
}

type keys struct {
	json string
	err  error
}

func (k keys) JWKS(context.Context) ([]byte, error) { return []byte(k.json), k.err }

// oauthBench is the real handler with every use case replaced.
type oauthBench struct {
	*exchanger
	renewer *renewer
	revoker *revoker
	handler http.Handler
	log     *logtest.Log
}

func newOAuthBench(t testing.TB, err error) *oauthBench {
	t.Helper()
	return newOAuthBenchWith(t, err, httpapi.DPoPRefuse)
}

func newOAuthBenchWith(t testing.TB, err error, dpop httpapi.DPoP) *oauthBench {
	t.Helper()
	session := goodSession()
	session.RefreshToken = domain.NewSecret("the-refresh-token")
	b := &oauthBench{
		exchanger: &exchanger{session: session, err: err},
		renewer:   &renewer{session: session, err: err},
		revoker:   &revoker{err: err},
		log:       &logtest.Log{},
	}
	logger := slog.New(slog.NewJSONHandler(b.log, nil))
	config := httpapi.Config{DPoP: dpop, SubjectTokenTypes: httpapi.TokenTypes{challengeType, "https://example.com/another-type"}}
	use := httpapi.UseCases{Exchange: b.exchanger, Renew: b.renewer, Revoke: b.revoker, Keys: keys{`{"keys":[]}`, err}}
	b.handler = handlerOf(t, httpapi.NewServer(config, bridgeClientID, use, logger))
	return b
}

func (b *oauthBench) asked() int {
	return len(b.exchanger.asked) + len(b.renewer.asked) + len(b.revoker.asked)
}

func (b *oauthBench) send(path, contentType, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// both sends the parameters as a form and as JSON, each to a bench of its own.
func both(t *testing.T, path string, params map[string]string, check func(t *testing.T, b *oauthBench, w *httptest.ResponseRecorder), err error) {
	t.Helper()
	form := url.Values{}
	for name, value := range params {
		form.Set(name, value)
	}
	object, _ := json.Marshal(params)
	t.Run("as a form", func(t *testing.T) {
		b := newOAuthBench(t, err)
		check(t, b, b.send(path, formType, form.Encode()))
	})
	t.Run("as JSON", func(t *testing.T) {
		b := newOAuthBench(t, err)
		check(t, b, b.send(path, jsonType, string(object)))
	})
}

func exchangeParams(extra ...string) map[string]string {
	params := map[string]string{"grant_type": exchangeGrant, "subject_token": token, "subject_token_type": challengeType}
	for i := 0; i+1 < len(extra); i += 2 {
		params[extra[i]] = extra[i+1]
	}
	return params
}

func refreshParams(extra ...string) map[string]string {
	params := map[string]string{"grant_type": "refresh_token", "refresh_token": "the-old-refresh-token"}
	for i := 0; i+1 < len(extra); i += 2 {
		params[extra[i]] = extra[i+1]
	}
	return params
}

func TestATokenExchangeIsTheSameUseCase(t *testing.T) {
	tests := map[string]struct {
		params map[string]string
		access domain.Access
	}{
		"nothing asked":             {exchangeParams(), domain.Access{}},
		"a scope":                   {exchangeParams("scope", "openid  offline_access"), domain.Access{Scope: []string{"openid", "offline_access"}}},
		"a scope twice counts once": {exchangeParams("scope", "openid email openid email openid"), domain.Access{Scope: []string{"openid", "email"}}},
		"an empty scope is none":    {exchangeParams("scope", ""), domain.Access{}},
		"a scope of odd characters": {exchangeParams("scope", "!~ openid"), domain.Access{Scope: []string{"!~", "openid"}}},
		"an audience":               {exchangeParams("audience", "https://api.example.com"), domain.Access{Audience: "https://api.example.com"}},
		"an organization":           {exchangeParams("organization", "org_1"), domain.Access{Organization: "org_1"}},
		"our client id":             {exchangeParams("client_id", bridgeClientID), domain.Access{}},
		"an access token requested": {exchangeParams("requested_token_type", accessType), domain.Access{}},
		"another accepted type":     {exchangeParams("subject_token_type", "https://example.com/another-type"), domain.Access{}},
		"parameters nobody knows":   {exchangeParams("device", "x"), domain.Access{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			both(t, "/oauth/token", tt.params, func(t *testing.T, b *oauthBench, w *httptest.ResponseRecorder) {
				want := `{"access_token":"the-access-token","issued_token_type":"` + accessType + `","token_type":"Bearer","expires_in":86400,"id_token":"the-id-token","refresh_token":"the-refresh-token","scope":"openid profile"}`
				if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want || w.Header().Get("Cache-Control") != "no-store" {
					t.Fatalf("%d %s, want 200 %s", w.Code, w.Body, want)
				}
				got := b.exchanger.asked[0]
				if got.Token.Reveal() != token || fmt.Sprint(got.Access) != fmt.Sprint(tt.access) {
					t.Errorf("asked for %+v, want %+v", got.Access, tt.access)
				}
				wantCaller(t, got.Client, w)
			}, nil)
		})
	}
}

func TestARefreshTokenIsRenewed(t *testing.T) {
	both(t, "/oauth/token", refreshParams("scope", "openid profile", "audience", "https://api.example.com", "client_id", bridgeClientID),
		func(t *testing.T, b *oauthBench, w *httptest.ResponseRecorder) {
			want := `{"access_token":"the-access-token","token_type":"Bearer","expires_in":86400,"id_token":"the-id-token","refresh_token":"the-refresh-token","scope":"openid profile"}`
			if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
				t.Fatalf("%d %s, want 200 %s", w.Code, w.Body, want)
			}
			got := b.renewer.asked[0]
			if got.Refresh.Reveal() != "the-old-refresh-token" || len(got.Access.Scope) != 2 || got.Access.Audience != "https://api.example.com" {
				t.Errorf("asked for %+v", got)
			}
			wantCaller(t, got.Client, w)
		}, nil)
}

func TestARevocationIsAnsweredWithNothing(t *testing.T) {
	both(t, "/oauth/revoke", map[string]string{"token": "the-old-refresh-token", "client_id": bridgeClientID, "token_type_hint": "refresh_token"},
		func(t *testing.T, b *oauthBench, w *httptest.ResponseRecorder) {
			if w.Code != http.StatusOK || w.Body.Len() != 0 {
				t.Errorf("%d %q, want 200 and an empty body", w.Code, w.Body)
			}
			if len(b.revoker.asked) != 1 || b.revoker.asked[0].Refresh.Reveal() != "the-old-refresh-token" {
				t.Fatalf("asked %+v", b.revoker.asked)
			}
			wantCaller(t, b.revoker.asked[0].Client, w)
		}, nil)
}

// wantCaller checks that the use case was told who asks, as httptest's requests have it.
func wantCaller(t *testing.T, got domain.Client, w *httptest.ResponseRecorder) {
	t.Helper()
	if got.Addr.String() != "192.0.2.1" || got.RequestID == "" || got.RequestID != w.Header().Get("X-Request-Id") {
		t.Errorf("the caller is %+v, want its address and the request id of the answer", got)
	}
}

// wantOAuthError checks an answer against RFC 6749 section 5.2.
func wantOAuthError(t *testing.T, w *httptest.ResponseRecorder, status int, code, says string) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || got["error"] != code || len(got) != 2 {
		t.Errorf("%d %v, want %d %s", w.Code, got, status, code)
	}
	description := got["error_description"]
	if description == "" || !strings.Contains(description, says) || strings.ContainsFunc(description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		t.Errorf("error_description = %q, want it to say %q in printable ASCII", description, says)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" {
		t.Errorf("headers %v, want uncached JSON", w.Header())
	}
	if (w.Header().Get("WWW-Authenticate") != "") != (status == http.StatusUnauthorized) {
		t.Errorf("WWW-Authenticate = %q with status %d", w.Header().Get("WWW-Authenticate"), status)
	}
}

func TestEveryReasonHasItsOAuthError(t *testing.T) {
	tests := map[string]struct {
		err        error
		status     int
		code, says string
		retryAfter string
	}{
		"a subject token that is rejected": {domain.ErrTokenRejected, 400, "invalid_request", "does not prove", ""},
		"a subject token that is replayed": {domain.ErrTokenReplayed, 400, "invalid_request", "used before", ""},
		"denied":                           {domain.ErrAccessDenied, 403, "access_denied", "may not", ""},
		"MFA required":                     {domain.ErrMFARequired, 403, "mfa_required", "factor", ""},
		"blocked":                          {domain.ErrAccountBlocked, 403, "access_denied", "blocked", ""},
		"a refresh token that is over":     {domain.ErrGrantInvalid, 400, "invalid_grant", "Unknown or invalid refresh token.", ""},
		"scope not offered":                {domain.ErrScopeInvalid, 400, "invalid_scope", "scope", ""},
		"target not offered":               {domain.ErrTargetInvalid, 400, "invalid_target", "audience", ""},
		"busy":                             {domain.WithRetryAfter(domain.ErrBusy, 7*time.Second), 429, "too_many_requests", "later", "7"},
		"unavailable":                      {domain.ErrUnavailable, 503, "temporarily_unavailable", "the same token works later", "5"},
		"unavailable, and perhaps spent":   {domain.WithProofInDoubt(domain.ErrUnavailable), 503, "temporarily_unavailable", "if it is refused as used, sign in again", "5"},
		"busy, and perhaps spent":          {domain.WithProofInDoubt(domain.ErrBusy), 429, "too_many_requests", "if it is refused as used, sign in again", "5"},
		"the deadline":                     {context.DeadlineExceeded, 503, "temporarily_unavailable", "later", "5"},
		"a fault of ours":                  {errors.New("invalid_client"), 500, "server_error", "fault", ""},
	}
	requests := map[string]struct {
		path   string
		params map[string]string
	}{
		"exchanging": {"/oauth/token", exchangeParams()},
		"renewing":   {"/oauth/token", refreshParams()},
		"revoking":   {"/oauth/revoke", map[string]string{"token": "the-old-refresh-token"}},
	}
	for name, tt := range tests {
		for doing, request := range requests {
			t.Run(name+" "+doing, func(t *testing.T) {
				both(t, request.path, request.params, func(t *testing.T, b *oauthBench, w *httptest.ResponseRecorder) {
					wantOAuthError(t, w, tt.status, tt.code, tt.says)
					if got := w.Header().Get("Retry-After"); got != tt.retryAfter {
						t.Errorf("Retry-After = %q, want %q", got, tt.retryAfter)
					}
					if said := w.Body.String(); strings.Contains(said, causeText) || strings.Contains(said, token) {
						t.Errorf("the answer tells too much: %s", said)
					}
					if log := b.log.String(); !strings.Contains(log, causeText) || strings.Contains(log, token) || strings.Contains(log, "the-old-refresh-token") {
						t.Errorf("the log says %s, want the cause and no credential", log)
					}
				}, fmt.Errorf("%w: %s", tt.err, causeText))
			})
		}
	}
}

func TestTheRefreshTokenTextIsAuth0sToTheLetter(t *testing.T) {
	b := newOAuthBench(t, domain.ErrGrantInvalid)
	w := b.send("/oauth/token", jsonType, `{"grant_type":"refresh_token","refresh_token":"x"}`)
	if got := strings.TrimSpace(w.Body.String()); got != `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}` {
		t.Errorf("answered %s", got)
	}
}

func TestBadOAuthInputGetsAnOAuthErrorAndNobodyIsAsked(t *testing.T) {
	form := func(params map[string]string) string {
		values := url.Values{}
		for name, value := range params {
			values.Set(name, value)
		}
		return values.Encode()
	}
	tests := map[string]struct {
		path, contentType, body string
		headers                 []string
		status                  int
		code, says              string
	}{
		"no grant type":                        {body: `subject_token=a.b.c`, status: 400, code: "invalid_request", says: "grant_type"},
		"an empty body":                        {status: 400, code: "invalid_request", says: "grant_type"},
		"another grant type":                   {body: `grant_type=password&username=x&password=y`, status: 400, code: "unsupported_grant_type"},
		"client credentials":                   {body: `grant_type=client_credentials`, status: 400, code: "unsupported_grant_type"},
		"no subject token":                     {body: form(exchangeParams("subject_token", "")), status: 400, code: "invalid_request", says: "subject_token is missing"},
		"no subject token type":                {body: form(exchangeParams("subject_token_type", "")), status: 400, code: "invalid_request", says: "subject_token_type is missing"},
		"another subject token type":           {body: form(exchangeParams("subject_token_type", accessType)), status: 400, code: "invalid_request", says: "subject_token_type must be " + challengeType + " or https://example.com/another-type"},
		"a subject token over 8 KiB":           {body: form(exchangeParams("subject_token", strings.Repeat("a", 8<<10+1))), status: 400, code: "invalid_request", says: "8 KiB"},
		"a subject token with a space":         {body: form(exchangeParams("subject_token", "a b")), status: 400, code: "invalid_request", says: "subject_token: the token"},
		"an actor token":                       {body: form(exchangeParams("actor_token", "x")), status: 400, code: "invalid_request", says: "actor"},
		"an actor token type":                  {body: form(exchangeParams("actor_token_type", "x")), status: 400, code: "invalid_request", says: "actor"},
		"a refresh token requested":            {body: form(exchangeParams("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")), status: 400, code: "invalid_request", says: "requested_token_type"},
		"a resource":                           {body: form(exchangeParams("resource", "https://api.example.com")), status: 400, code: "invalid_target"},
		"a resource on renewal":                {body: form(refreshParams("resource", "https://api.example.com")), status: 400, code: "invalid_target"},
		"both kinds of grant":                  {body: form(exchangeParams("refresh_token", "x")), status: 400, code: "invalid_request", says: "refresh_token"},
		"both kinds of grant, the other way":   {body: form(refreshParams("subject_token", "x")), status: 400, code: "invalid_request", says: "subject_token"},
		"control characters in the scope":      {body: form(exchangeParams("scope", "openid\nprofile")), status: 400, code: "invalid_scope"},
		"a quote in the scope":                 {body: form(exchangeParams("scope", `openid "x"`)), status: 400, code: "invalid_scope"},
		"a backslash in the scope":             {body: form(exchangeParams("scope", `openid \x`)), status: 400, code: "invalid_scope"},
		"a scope in another alphabet":          {body: form(refreshParams("scope", "öpenid")), status: 400, code: "invalid_scope"},
		"no refresh token":                     {body: `grant_type=refresh_token`, status: 400, code: "invalid_request", says: "refresh_token is missing"},
		"an empty refresh token":               {body: form(refreshParams("refresh_token", "")), status: 400, code: "invalid_request", says: "refresh_token is missing"},
		"a huge refresh token":                 {body: form(refreshParams("refresh_token", strings.Repeat("a", 4<<10+1))), status: 400, code: "invalid_request", says: "4 KiB"},
		"a refresh token with a line break":    {body: form(refreshParams("refresh_token", "a\nb")), status: 400, code: "invalid_request", says: "character"},
		"another client":                       {body: form(exchangeParams("client_id", "somebody-else")), status: 401, code: "invalid_client"},
		"another client on renewal":            {body: form(refreshParams("client_id", "somebody-else")), status: 401, code: "invalid_client"},
		"a client secret":                      {body: form(exchangeParams("client_id", bridgeClientID, "client_secret", "x")), status: 401, code: "invalid_client"},
		"a client assertion":                   {body: form(exchangeParams("client_assertion", "x")), status: 401, code: "invalid_client"},
		"an Authorization header":              {body: form(exchangeParams()), headers: []string{"Authorization", "Basic eDp5"}, status: 401, code: "invalid_client"},
		"an Authorization header, the second":  {body: form(exchangeParams()), headers: []string{"Authorization", "", "Authorization", "Basic eDp5"}, status: 401, code: "invalid_client"},
		"another public client":                {body: form(exchangeParams()), headers: []string{"Authorization", basic("somebody-else", "")}, status: 401, code: "invalid_client"},
		"our client with a secret":             {body: form(exchangeParams()), headers: []string{"Authorization", basic(bridgeClientID, "x")}, status: 401, code: "invalid_client"},
		"our client and somebody else":         {body: form(exchangeParams()), headers: []string{"Authorization", basic(bridgeClientID, ""), "Authorization", "Bearer x"}, status: 401, code: "invalid_client"},
		"our client, and another in the body":  {body: form(exchangeParams("client_id", "somebody-else")), headers: []string{"Authorization", basic(bridgeClientID, "")}, status: 401, code: "invalid_client"},
		"our client with a broken escape":      {body: form(exchangeParams()), headers: []string{"Authorization", basic("%zz", "")}, status: 401, code: "invalid_client"},
		"an empty DPoP header before another":  {body: form(exchangeParams()), headers: []string{"DPoP", "", "DPoP", "x.y.z"}, status: 400, code: "invalid_request", says: "useDPoP"},
		"DPoP":                                 {body: form(exchangeParams()), headers: []string{"DPoP", "x.y.z"}, status: 400, code: "invalid_request", says: "react-native-auth0, auth0_flutter: useDPoP: false"},
		"DPoP on renewal":                      {body: form(refreshParams()), headers: []string{"DPoP", "x.y.z"}, status: 400, code: "invalid_request", says: "Auth0.swift, Auth0.Android: no useDPoP"},
		"a doubled parameter":                  {body: form(exchangeParams()) + "&subject_token=x", status: 400, code: "invalid_request", says: "twice"},
		"a doubled parameter nobody knows":     {body: form(exchangeParams()) + "&x=1&x=2", status: 400, code: "invalid_request", says: "twice"},
		"a doubled parameter, spelt otherwise": {body: form(exchangeParams()) + "&grant%5Ftype=x", status: 400, code: "invalid_request", says: "twice"},
		"a broken escape":                      {body: "grant_type=%zz", status: 400, code: "invalid_request", says: "form"},
		"a semicolon":                          {body: "grant_type=refresh_token;refresh_token=x", status: 400, code: "invalid_request", says: "form"},
		"invalid UTF-8":                        {body: "grant_type=\xff", status: 400, code: "invalid_request", says: "UTF-8"},
		"invalid UTF-8, escaped":               {body: "grant_type=refresh_token&refresh_token=%ff", status: 400, code: "invalid_request", says: "UTF-8"},
		"credentials in the URL":               {path: "/oauth/token?subject_token=a.b.c", body: form(exchangeParams()), status: 400, code: "invalid_request", says: "URL"},
		"anything in the URL":                  {path: "/oauth/token?x=1", body: form(exchangeParams()), status: 400, code: "invalid_request", says: "URL"},
		"a body over 16 KiB":                   {body: form(exchangeParams("x", strings.Repeat("a", 16<<10))), status: 413, code: "invalid_request"},
		"no content type":                      {contentType: "-", body: form(exchangeParams()), status: 415, code: "invalid_request", says: "Content-Type"},
		"another content type":                 {contentType: "multipart/form-data; boundary=x", body: form(exchangeParams()), status: 415, code: "invalid_request", says: "Content-Type"},
		"two content types":                    {body: form(exchangeParams()), headers: []string{"Content-Type", jsonType}, status: 400, code: "invalid_request", says: "two Content-Type headers"},
		"two content encodings":                {body: form(exchangeParams()), headers: []string{"Content-Encoding", "", "Content-Encoding", "gzip"}, status: 400, code: "invalid_request", says: "two Content-Encoding headers"},
		"JSON in another charset":              {contentType: jsonType + "; charset=utf-16", body: `{}`, status: 415, code: "invalid_request", says: "UTF-8"},
		"65 parameters":                        {body: form(exchangeParams()) + manyParams(62), status: 400, code: "invalid_request", says: "more than 64"},
		"65 members":                           {contentType: jsonType, body: manyMembers(65), status: 400, code: "invalid_request", says: "more than 64"},
		"two audiences":                        {body: form(exchangeParams("audience", "https://api.example.com")) + "&audience=x", status: 400, code: "invalid_target"},
		"two resources":                        {body: form(exchangeParams("resource", "https://api.example.com")) + "&resource=x", status: 400, code: "invalid_target"},
		"two audiences on renewal":             {body: form(refreshParams("audience", "https://api.example.com")) + "&audience=x", status: 400, code: "invalid_target"},
		"a form that says it is JSON":          {contentType: jsonType, body: form(exchangeParams()), status: 400, code: "invalid_request", says: "JSON"},
		"JSON that says it is a form":          {body: `{"grant_type":"refresh_token","refresh_token":"x"}`, status: 400, code: "invalid_request", says: "grant_type"},
		"a compressed body":                    {body: form(exchangeParams()), headers: []string{"Content-Encoding", "gzip"}, status: 415, code: "invalid_request", says: "Content-Encoding"},
		"a JSON parameter that is a number":    {contentType: jsonType, body: `{"grant_type":7}`, status: 400, code: "invalid_request", says: "not a string"},
		"a JSON parameter that is a list":      {contentType: jsonType, body: `{"grant_type":"refresh_token","refresh_token":["x"]}`, status: 400, code: "invalid_request", says: "not a string"},
		"a doubled member":                     {contentType: jsonType, body: `{"grant_type":"refresh_token","refresh_token":"x","refresh_token":"y"}`, status: 400, code: "invalid_request", says: "twice"},
		"trailing bytes":                       {contentType: jsonType, body: `{"grant_type":"refresh_token","refresh_token":"x"} {}`, status: 400, code: "invalid_request", says: "JSON"},
		"an array":                             {contentType: jsonType, body: `[]`, status: 400, code: "invalid_request", says: "object"},
		"revoking nothing":                     {path: "/oauth/revoke", body: `client_id=` + bridgeClientID, status: 400, code: "invalid_request", says: "token is missing"},
		"revoking something huge":              {path: "/oauth/revoke", body: `token=` + strings.Repeat("a", 4<<10+1), status: 400, code: "invalid_request", says: "4 KiB"},
		"revoking as another client":           {path: "/oauth/revoke", body: `token=x&client_id=somebody-else`, status: 401, code: "invalid_client"},
		"revoking an access token":             {path: "/oauth/revoke", body: `token=a.b.c&token_type_hint=access_token`, status: 400, code: "unsupported_token_type", says: "refresh tokens"},
		"revoking with a token in the URL":     {path: "/oauth/revoke?token=x", status: 400, code: "invalid_request", says: "URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.path == "" {
				tt.path = "/oauth/token"
			}
			switch tt.contentType {
			case "":
				tt.contentType = formType
			case "-":
				tt.contentType = ""
			}
			b := newOAuthBench(t, nil)
			w := b.send(tt.path, tt.contentType, tt.body, tt.headers...)
			wantOAuthError(t, w, tt.status, tt.code, tt.says)
			if b.asked() != 0 {
				t.Error("a use case was asked")
			}
			if strings.Contains(w.Body.String(), "a.b.c") || strings.Contains(b.log.String(), "a.b.c") {
				t.Error("the token is told")
			}
		})
	}
}

// The SDKs survive an answer whose token_type is not the one that they made a proof for.
func TestAProofThatIsIgnoredGetsABearerSession(t *testing.T) {
	for name, params := range map[string]map[string]string{"an exchange": exchangeParams(), "a renewal": refreshParams()} {
		body, _ := json.Marshal(params)
		for _, proofs := range [][]string{{"DPoP", "x.y.z"}, {"DPoP", "x.y.z", "DPoP", "x.y.z"}, {"DPoP", ""}} {
			b := newOAuthBenchWith(t, nil, httpapi.DPoPIgnore)
			w := b.send("/oauth/token", jsonType, string(body), proofs...)
			var got struct {
				TokenType string `json:"token_type"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.TokenType != "Bearer" {
				t.Errorf("%s with %q: %d %s, %v, want a bearer session", name, proofs, w.Code, w.Body, err)
			}
			if w.Header().Get("DPoP-Nonce") != "" || b.asked() != 1 {
				t.Errorf("%s with %q: nonce %q, %d use cases asked", name, proofs, w.Header().Get("DPoP-Nonce"), b.asked())
			}
		}
	}
}

func TestDPoPIsRefusedOrIgnored(t *testing.T) {
	for text, want := range map[string]httpapi.DPoP{"refuse": httpapi.DPoPRefuse, "ignore": httpapi.DPoPIgnore} {
		var got httpapi.DPoP
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "Ignore", "relay", "on"} {
		var got httpapi.DPoP
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

func TestACharsetIsUTF8InAnyCase(t *testing.T) {
	for _, charset := range []string{"utf-8", "UTF-8", "Utf-8"} {
		for path, body := range map[string]string{"/v1/sessions": `{"token":"a.b.c"}`, "/oauth/token": `{"grant_type":"refresh_token","refresh_token":"x"}`} {
			if w := newOAuthBench(t, nil).send(path, jsonType+"; charset="+charset, body); w.Code != http.StatusOK {
				t.Errorf("%s in %s is answered %d %s", path, charset, w.Code, w.Body)
			}
		}
	}
}

func TestAFormMayNameAnyCharset(t *testing.T) {
	w := newOAuthBench(t, nil).send("/oauth/token", formType+"; charset=iso-8859-1", "grant_type=refresh_token&refresh_token=x")
	if w.Code != http.StatusOK {
		t.Errorf("%d %s, want 200: what it has beyond ASCII is escaped", w.Code, w.Body)
	}
}

func TestARefreshTokenMayHave4KiB(t *testing.T) {
	w := newOAuthBench(t, nil).send("/oauth/token", formType, "grant_type=refresh_token&refresh_token="+strings.Repeat("a", 4<<10))
	if w.Code != http.StatusOK {
		t.Errorf("%d %s, want 200", w.Code, w.Body)
	}
}

func TestARefusedRequestIsLoggedByItsCode(t *testing.T) {
	for name, tt := range map[string]struct{ path, body, want string }{
		"another grant type": {"/oauth/token", "grant_type=password", `"msg":"request failed: unsupported_grant_type","code":"unsupported_grant_type","status":400`},
		"an access token":    {"/oauth/revoke", "token=x&token_type_hint=access_token", `"msg":"request failed: unsupported_token_type","code":"unsupported_token_type","status":400`},
		"another client":     {"/oauth/revoke", "token=x&client_id=other", `"msg":"request failed: invalid_client","code":"invalid_client","status":401`},
		"no token":           {"/oauth/revoke", "x=y", `"msg":"request failed: invalid_request","code":"invalid_request","status":400,"cause":"token is missing"`},
		"not at /oauth":      {"/v1/sessions", "x=y", `"msg":"request failed: unsupported_media_type","code":"unsupported_media_type","status":415,"cause":"the Content-Type must be application/json"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOAuthBench(t, nil)
			b.send(tt.path, formType, tt.body)
			if log := b.log.String(); !strings.Contains(log, `"level":"INFO",`+tt.want) {
				t.Errorf("the log says %s, want %s", log, tt.want)
			}
		})
	}
}

func manyParams(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "&p%d=x", i)
	}
	return text.String()
}

func manyMembers(n int) string {
	object := map[string]any{}
	for name, value := range exchangeParams() {
		object[name] = value
	}
	for i := range n - len(object) {
		object[fmt.Sprint("p", i)] = []string{"x"}
	}
	text, _ := json.Marshal(object)
	return string(text)
}

func TestUpTo64MembersOrParametersAreRead(t *testing.T) {
	b := newOAuthBench(t, nil)
	form := "grant_type=refresh_token&refresh_token=x"
	if w := b.send("/oauth/token", formType, form+manyParams(62)); w.Code != http.StatusOK {
		t.Errorf("64 parameters were answered %d %s", w.Code, w.Body)
	}
	if w := b.send("/oauth/token", jsonType, manyMembers(64)); w.Code != http.StatusOK {
		t.Errorf("64 members were answered %d %s", w.Code, w.Body)
	}
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// A public client has no secret, and some libraries know no other way to say so.
func TestAPublicClientMayNameItselfByBasicWithoutASecret(t *testing.T) {
	for name, header := range map[string]string{
		"as it is":                 basic(bridgeClientID, ""),
		"form-encoded":             basic("bridge%2Dclient%2Did", ""),
		"the scheme in lower case": strings.Replace(basic(bridgeClientID, ""), "Basic", "basic", 1),
	} {
		t.Run(name, func(t *testing.T) {
			for path, body := range map[string]string{"/oauth/token": "grant_type=refresh_token&refresh_token=x", "/oauth/revoke": "token=x"} {
				b := newOAuthBench(t, nil)
				if w := b.send(path, formType, body, "Authorization", header); w.Code != http.StatusOK || b.asked() != 1 {
					t.Errorf("%s answered %d %s, want 200", path, w.Code, w.Body)
				}
			}
		})
	}
}

func TestTheChallengeHasTheSchemeThatTheClientUsed(t *testing.T) {
	for header, want := range map[string]string{
		"":                  `Basic realm="native-bridge"`,
		"Basic eDp5":        `Basic realm="native-bridge"`,
		"Bearer x":          `Bearer realm="native-bridge"`,
		"bearer x":          `Bearer realm="native-bridge"`,
		"DPoP x":            `DPoP realm="native-bridge"`,
		"Made\"up, Basic x": `Basic realm="native-bridge"`,
	} {
		w := newOAuthBench(t, nil).send("/oauth/token", formType, "grant_type=refresh_token&client_secret=x", "Authorization", header)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != http.StatusUnauthorized || got != want {
			t.Errorf("Authorization: %s is answered %d with the challenge %s, want %s", header, w.Code, got, want)
		}
	}
}

func TestAParameterThatIsNoStringIsRefusedWhicheverItIs(t *testing.T) {
	for _, name := range []string{
		"grant_type", "client_id", "client_secret", "client_assertion", "scope", "audience", "organization", "resource",
		"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type",
		"refresh_token", "token", "token_type_hint",
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/oauth/token", "/oauth/revoke"} {
				object := map[string]any{"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
				object[name] = []string{"x"}
				body, _ := json.Marshal(object)
				b := newOAuthBench(t, nil)
				wantOAuthError(t, b.send(path, jsonType, string(body)), http.StatusBadRequest, "invalid_request", "not a string")
				if b.asked() != 0 {
					t.Error("a use case was asked")
				}
			}
		})
	}
}

func TestMembersThatAreNotParametersMayBeAnything(t *testing.T) {
	b := newOAuthBench(t, nil)
	w := b.send("/oauth/token", jsonType, `{"grant_type":"refresh_token","refresh_token":"x","scope":null,"extra":{"a":[1]}}`)
	if w.Code != http.StatusOK {
		t.Errorf("%d %s, want 200", w.Code, w.Body)
	}
}

// The requests that Auth0.swift and Auth0.Android send to their domain, as their
// sources build them (Authentication.swift, AuthenticationAPIClient.kt), telemetry
// header included.
func TestTheRequestsOfAuth0sNativeSDKsAreUnderstood(t *testing.T) {
	telemetry := []string{"Auth0-Client", "eyJuYW1lIjoiQXV0aDAuc3dpZnQiLCJ2ZXJzaW9uIjoiMi4xMy4wIn0", "Accept", "application/json"}
	tests := map[string]struct {
		path, body string
		check      func(b *oauthBench) bool
	}{
		"customTokenExchange": {"/oauth/token", `{"client_id":"bridge-client-id","grant_type":"urn:ietf:params:oauth:grant-type:token-exchange","scope":"openid profile email offline_access","subject_token":"header.payload.signature-of-the-app","subject_token_type":"urn:authsignal:params:oauth:token-type:challenge"}`,
			func(b *oauthBench) bool {
				return len(b.exchanger.asked) == 1 && len(b.exchanger.asked[0].Access.Scope) == 4
			}},
		"customTokenExchange with an audience": {"/oauth/token", `{"audience":"https://api.example.com","client_id":"bridge-client-id","grant_type":"urn:ietf:params:oauth:grant-type:token-exchange","scope":"openid","subject_token":"header.payload.signature-of-the-app","subject_token_type":"urn:authsignal:params:oauth:token-type:challenge"}`,
			func(b *oauthBench) bool { return b.exchanger.asked[0].Access.Audience == "https://api.example.com" }},
		"renew": {"/oauth/token", `{"client_id":"bridge-client-id","grant_type":"refresh_token","refresh_token":"v1.abc"}`,
			func(b *oauthBench) bool {
				return b.renewer.asked[0].Refresh.Reveal() == "v1.abc" && b.renewer.asked[0].Access.Scope == nil
			}},
		"renew with a scope": {"/oauth/token", `{"client_id":"bridge-client-id","grant_type":"refresh_token","refresh_token":"v1.abc","scope":"openid profile"}`,
			func(b *oauthBench) bool { return len(b.renewer.asked[0].Access.Scope) == 2 }},
		"revoke": {"/oauth/revoke", `{"client_id":"bridge-client-id","token":"v1.abc"}`,
			func(b *oauthBench) bool { return b.revoker.asked[0].Refresh.Reveal() == "v1.abc" }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newOAuthBench(t, nil)
			if w := b.send(tt.path, jsonType, tt.body, telemetry...); w.Code != http.StatusOK || !tt.check(b) {
				t.Errorf("%d %s, want it understood", w.Code, w.Body)
			}
		})
	}
}

func TestTheIssuersKeysAreServed(t *testing.T) {
	get := func(b *oauthBench) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/jwks.json", nil))
		return w
	}
	if w := get(newOAuthBench(t, nil)); w.Code != http.StatusOK || w.Body.String() != `{"keys":[]}` ||
		w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "public, max-age=300" || w.Header().Get("Pragma") != "" {
		t.Errorf("%d %s %v, want the keys", w.Code, w.Body, w.Header())
	}
	w := get(newOAuthBench(t, domain.ErrUnavailable))
	wantProblem(t, w, http.StatusServiceUnavailable, "unavailable", "")
}

// assertionKeys stands for an issuer that signs assertions.
type assertionKeys string

func (k assertionKeys) AssertionJWKS() []byte { return []byte(k) }

func TestTheAssertionsKeysAreServedBesideTheIssuers(t *testing.T) {
	get := func(use httpapi.UseCases, path string) *httptest.ResponseRecorder {
		logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
		use.Keys = keys{`{"keys":[]}`, nil}
		w := httptest.NewRecorder()
		handlerOf(t, httpapi.NewServer(httpapi.Config{}, bridgeClientID, use, logger)).
			ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	signs := httpapi.UseCases{AssertionKeys: assertionKeys(`{"keys":[{"kty":"EC","kid":"own"}]}`)}
	if w := get(signs, "/assertion/jwks.json"); w.Code != http.StatusOK || w.Body.String() != `{"keys":[{"kty":"EC","kid":"own"}]}` ||
		w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "public, max-age=300" || w.Header().Get("Pragma") != "" {
		t.Errorf("%d %s %v, want the assertions' keys", w.Code, w.Body, w.Header())
	}
	if w := get(signs, "/.well-known/jwks.json"); w.Body.String() != `{"keys":[]}` {
		t.Errorf("the issuer's keys are %s, want them alone", w.Body)
	}
	wantProblem(t, get(httpapi.UseCases{}, "/assertion/jwks.json"), http.StatusNotFound, "not_found", "")
}

// FuzzOAuthBody feeds both body decoders of the OAuth way in.
func FuzzOAuthBody(f *testing.F) {
	for _, seed := range []string{
		`grant_type=refresh_token&refresh_token=x`, `{"grant_type":"refresh_token","refresh_token":"x"}`,
		`grant_type=` + url.QueryEscape(exchangeGrant) + `&subject_token=a.b.c&subject_token_type=` + url.QueryEscape(challengeType),
		`grant_type=%zz`, `{"grant_type":7}`, "\xff", `a=1&a=2`, `token=x`, `{}`, ``,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		contentType := formType
		if asJSON {
			contentType = jsonType
		}
		for _, path := range []string{"/oauth/token", "/oauth/revoke"} {
			b := newOAuthBench(t, nil)
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			answer, _ := io.ReadAll(w.Body)
			switch {
			case w.Code == http.StatusOK && b.asked() == 1:
			case w.Code >= 400 && w.Code < 500 && b.asked() == 0 && json.Valid(answer):
			default:
				t.Errorf("%s %q was answered %d %s, with %d use cases asked", path, body, w.Code, answer, b.asked())
			}
		}
	})
}
