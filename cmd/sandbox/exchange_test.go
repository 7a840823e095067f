package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// The whole bridge on both emulators: the real graph, real passkeys, the real
// Login script. Only the vendors are replaced.

// bench is a running sandbox whose bridge's log can be read.
type bench struct {
	*sandbox
	log *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func startBench(t *testing.T, environ map[string]string) *bench {
	t.Helper()
	settings := map[string]string{"LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0"}
	for name, value := range environ {
		settings[name] = value
	}
	log := &lockedBuffer{}
	s, err := start(t.Context(), settings, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	s.wantAuditLines(t)
	if err := s.untilReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &bench{sandbox: s, log: log}
}

func (b *bench) token(t *testing.T, w wish) string {
	t.Helper()
	token, _, err := b.phones.token(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// answer is what the bridge says: a session or a problem.
type answer struct {
	session
	Code       string `json:"code"`
	status     int
	retryAfter string
	body       string
}

func (b *bench) exchange(ctx context.Context, t *testing.T, token string) answer {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"token": token})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.bridgeURL+"/v1/sessions", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := described.Client(t, nil).Do(req)
	if err != nil {
		return answer{}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	got := answer{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), body: string(text)}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%d %s: %v", resp.StatusCode, text, err)
	}
	return got
}

func (b *bench) want(t *testing.T, token string, status int, code string) answer {
	t.Helper()
	got := b.exchange(t.Context(), t, token)
	if got.status != status || got.Code != code {
		t.Errorf("answered %d %s, want %d %s\nlog: %s", got.status, got.body, status, code, b.log)
	}
	if strings.Contains(got.body, token) {
		t.Error("the answer holds the token")
	}
	return got
}

// outcomes lists how the attempts ended, as the audit log has it.
func (b *bench) outcomes(t *testing.T) []string {
	t.Helper()
	_, lines := b.hops.take()
	var outcomes []string
	for _, line := range lines {
		var entry struct{ Outcome string }
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, entry.Outcome)
	}
	return outcomes
}

// askedOfAuth0 counts what the bridge asked there. Set-up asks for tokens of its own.
func (b *bench) askedOfAuth0(path string) (n int) {
	for _, x := range b.auth0.Exchanges() {
		if x.Path == path && x.GrantType != auth0test.GrantClientCredentials {
			n++
		}
	}
	return n
}

func (b *bench) validations(agent string) (n int) {
	for _, x := range b.authsignal.Exchanges() {
		if x.Route == "/v1/validate" && x.UserAgent == agent {
			n++
		}
	}
	return n
}

// requests counts the requests that somebody sent to Authsignal.
func (b *bench) requests(agent string) (n int) {
	for _, x := range b.authsignal.Exchanges() {
		if x.UserAgent == agent {
			n++
		}
	}
	return n
}

func TestAPasskeySignInBecomesASessionOfThatPerson(t *testing.T) {
	for name, tt := range map[string]struct{ subjects, user, userID, sub string }{
		"whole Auth0 ids":               {"auth0", "jane", "auth0|jane", "auth0|jane"},
		"whole ids in mixed case":       {"auth0", "auth0|JaneDoe", "auth0|JaneDoe", "auth0|JaneDoe"},
		"ids with a connection in them": {"auth0", "auth0|MyConn|42", "auth0|MyConn|42", "auth0|MyConn|42"},
		"bare ids":                      {"plain", "jane", "jane", "auth0|jane"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBench(t, map[string]string{"AUTHSIGNAL_SUBJECTS": tt.subjects})
			token, userID, err := b.phones.token(t.Context(), wish{User: tt.user})
			if err != nil || userID != tt.userID {
				t.Fatalf("user %q: %v", userID, err)
			}
			got := b.want(t, token, http.StatusOK, "")
			claims, err := decodeClaims(got.IDToken)
			if err != nil {
				t.Fatal(err)
			}
			if claims["sub"] != tt.sub || claims["iss"] != b.auth0.Issuer() || claims["aud"] != clientID || claims["email_verified"] != true {
				t.Errorf("claims = %v, want sub %q", claims, tt.sub)
			}
			if got.TokenType != "Bearer" || got.ExpiresIn != 86400 || got.Scope != "openid profile email offline_access" || got.AccessToken == "" {
				t.Errorf("session = %+v", got.session)
			}
			if b.validations("native-bridge") != 1 || b.validations("node") != 1 {
				t.Error("bridge and Login script did not each ask Authsignal once")
			}
		})
	}
}

func TestATokenThatIsNoSignInOpensNothingAndNeverReachesAuth0(t *testing.T) {
	b := startBench(t, nil)
	for _, flaw := range flaws {
		t.Run(flaw, func(t *testing.T) { b.want(t, b.token(t, wish{Flaw: flaw}), http.StatusUnauthorized, "token_rejected") })
	}
	t.Run("another action", func(t *testing.T) {
		b.want(t, b.token(t, wish{Action: "withdrawFunds"}), http.StatusUnauthorized, "token_rejected")
	})
	if n := b.askedOfAuth0("/oauth/token"); n != 0 {
		t.Errorf("auth0 was asked %d times", n)
	}
	for _, outcome := range b.outcomes(t) {
		if outcome != "token_rejected" {
			t.Errorf("the audit log says %q", outcome)
		}
	}
}

func TestWhatCannotBeALiveTokenReachesNobody(t *testing.T) {
	b := startBench(t, nil)
	for name, token := range map[string]string{
		"no JWT": "not-a-jwt", "an unsigned JWT": b.token(t, wish{Flaw: "alg_none"}), "an expired one": b.token(t, wish{Flaw: "expired"}),
	} {
		t.Run(name, func(t *testing.T) { b.want(t, token, http.StatusUnauthorized, "token_rejected") })
	}
	if n := b.validations("native-bridge") + b.askedOfAuth0("/oauth/token"); n != 0 {
		t.Errorf("somebody was asked %d times", n)
	}
}

func TestATokenWorksOnce(t *testing.T) {
	b := startBench(t, nil)
	token := b.token(t, wish{})
	b.want(t, token, http.StatusOK, "")
	b.want(t, token, http.StatusConflict, "token_replayed")
	b.want(t, b.token(t, wish{}), http.StatusOK, "") // the next ceremony is another proof
	if got, want := b.outcomes(t), []string{"session_delivered", "token_replayed", "session_delivered"}; !slices.Equal(got, want) {
		t.Errorf("the audit log says %q, want %q", got, want)
	}
}

func TestOfManyExchangesOfOneTokenExactlyOneSucceeds(t *testing.T) {
	b := startBench(t, nil)
	token := b.token(t, wish{})
	var sessions, replays atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			switch got := b.exchange(t.Context(), t, token); got.status {
			case http.StatusOK:
				sessions.Add(1)
			case http.StatusConflict:
				replays.Add(1)
			default:
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
	all.Wait()
	if sessions.Load() != 1 || replays.Load() != 49 {
		t.Errorf("%d sessions and %d replays, want 1 and 49", sessions.Load(), replays.Load())
	}
}

// fault is one way for the vendors to fail.
type fault struct {
	auth0      auth0test.Faults
	authsignal authsignaltest.Faults
}

func inject(faults ...auth0test.Fault) fault {
	return fault{auth0: auth0test.Faults{Inject: faults}}
}

func validating(faults ...authsignaltest.Fault) fault {
	for i := range faults {
		faults[i].Route = "/v1/validate"
	}
	return fault{authsignal: authsignaltest.Faults{Inject: faults}}
}

func (b *bench) meets(f fault) {
	b.auth0.SetFaults(f.auth0)
	b.authsignal.SetFaults(f.authsignal)
}

func TestAfterAVendorsTroubleTheSameTokenStillWorks(t *testing.T) {
	tests := map[string]struct {
		fault  fault
		status int
		code   string
	}{
		"Auth0 is down":                      {inject(auth0test.Fault{Kind: auth0test.ServerError, Status: 502, Form: auth0test.FormHTML}), 503, "unavailable"},
		"Auth0 breaks the connection":        {inject(auth0test.Fault{Kind: auth0test.Reset}), 503, "unavailable"},
		"Auth0 opens a session and breaks":   {inject(auth0test.Fault{Kind: auth0test.Reset, After: true}), 503, "unavailable"},
		"Auth0's answer is cut off":          {inject(auth0test.Fault{Kind: auth0test.Truncated}), 503, "unavailable"},
		"Auth0's answer is no JSON":          {inject(auth0test.Fault{Kind: auth0test.Malformed}), 503, "unavailable"},
		"Auth0's rate limit is reached":      {inject(auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 60}), 429, "busy"},
		"Authsignal is down":                 {validating(authsignaltest.Fault{Kind: authsignaltest.FaultHTML}), 503, "unavailable"},
		"Authsignal's rate limit is reached": {validating(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 429, RetryAfter: "7"}), 429, "busy"},
		"Authsignal talks nonsense":          {validating(authsignaltest.Fault{Kind: authsignaltest.FaultMalformed}), 503, "unavailable"},
		"Authsignal fails the Login script":  {validating(authsignaltest.Fault{Kind: authsignaltest.FaultHTML, After: 1}), 503, "unavailable"},
		"the Login script meets a limit":     {validating(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 429, After: 1}), 503, "unavailable"},
	}
	b := startBench(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token := b.token(t, wish{})
			b.meets(tt.fault)
			got := b.want(t, token, tt.status, tt.code)
			if got.retryAfter == "" {
				t.Error("no Retry-After")
			}
			b.meets(fault{})
			b.want(t, token, http.StatusOK, "")
		})
	}
}

func TestAfterARefusalTheTokenIsSpent(t *testing.T) {
	tests := map[string]struct {
		fault  fault
		status int
		code   string
	}{
		"a second factor is required":       {inject(auth0test.Fault{Kind: auth0test.MFARequired}), 403, "mfa_required"},
		"an Action denies access":           {inject(auth0test.Fault{Kind: auth0test.AccessDenied, Text: "Not on weekends."}), 403, "access_denied"},
		"the account is blocked":            {inject(auth0test.Fault{Kind: auth0test.UserBlocked}), 403, "account_blocked"},
		"attack protection":                 {inject(auth0test.Fault{Kind: auth0test.TooManyAttempts}), 403, "account_blocked"},
		"the bridge's secret is wrong":      {inject(auth0test.Fault{Kind: auth0test.InvalidClient}), 500, "internal_error"},
		"the grant is turned off":           {inject(auth0test.Fault{Kind: auth0test.UnauthorizedClient}), 500, "internal_error"},
		"the session is somebody else's":    {inject(auth0test.Fault{Kind: auth0test.WrongSubject}), 500, "internal_error"},
		"the ID token is signed by nobody":  {inject(auth0test.Fault{Kind: auth0test.IDUnsigned}), 500, "internal_error"},
		"the ID token is for another app":   {inject(auth0test.Fault{Kind: auth0test.IDWrongAudience}), 500, "internal_error"},
		"Authsignal's tokens work one time": {fault{authsignal: authsignaltest.Faults{SingleUse: authsignaltest.FormInvalid}}, 403, "access_denied"},
	}
	b := startBench(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token := b.token(t, wish{User: strings.ReplaceAll(name, " ", "-")})
			b.meets(tt.fault)
			b.want(t, token, tt.status, tt.code)
			b.meets(fault{})
			b.want(t, token, http.StatusConflict, "token_replayed")
		})
	}
}

func TestASecondValidationThatIsRefusedIsSaidToTheOperator(t *testing.T) {
	for _, form := range []authsignaltest.Form{authsignaltest.FormInvalid, authsignaltest.FormBadRequest, authsignaltest.FormUnauthorized} {
		t.Run(string(form), func(t *testing.T) {
			b := startBench(t, nil)
			token := b.token(t, wish{})
			b.meets(fault{authsignal: authsignaltest.Faults{SingleUse: form}})
			b.want(t, token, http.StatusForbidden, "access_denied")
			if !strings.Contains(b.log.String(), "refused the second validation of the same token") {
				t.Errorf("the log does not say it: %s", b.log)
			}
		})
	}
}

func TestWithSignedProofsNothingRestsOnASecondValidation(t *testing.T) {
	b := startBench(t, map[string]string{"AUTH0_PROOF": "signed"})
	b.meets(fault{authsignal: authsignaltest.Faults{SingleUse: authsignaltest.FormInvalid}})
	token := b.token(t, wish{})
	got := b.want(t, token, http.StatusOK, "")
	if claims, err := decodeClaims(got.IDToken); err != nil || claims["sub"] != "auth0|jane" || claims["email"] != "jane@example.com" {
		t.Errorf("claims = %v, %v", claims, err)
	}
	if b.validations("native-bridge") != 1 || b.requests("node") != 0 {
		t.Error("the Login script asked Authsignal")
	}
	b.meets(fault{})
	b.want(t, token, http.StatusConflict, "token_replayed")
}

// Whichever way the address takes to Auth0, the profile is the same.
func TestTheProfileIsTheSameWhoeverAsksForTheEmail(t *testing.T) {
	for name, environ := range map[string]map[string]string{
		"the Login script": {"AUTH0_PROOF": "token"}, "the bridge": {"AUTH0_PROOF": "signed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBench(t, environ)
			for _, tt := range []struct {
				user            authsignaltest.User
				email, verified any
			}{
				{authsignaltest.User{ID: "auth0|jane", Email: "jane@example.com", EmailVerified: true}, "jane@example.com", true},
				{authsignaltest.User{ID: "auth0|john", Email: "jöhn@exämple.com"}, "jöhn@exämple.com", false},
				{authsignaltest.User{ID: "auth0|joan"}, nil, nil},
			} {
				token := b.token(t, wish{User: tt.user.ID})
				b.authsignal.PutUser(tt.user)
				got := b.want(t, token, http.StatusOK, "")
				claims, err := decodeClaims(got.IDToken)
				if err != nil || claims["sub"] != tt.user.ID || claims["email"] != tt.email || claims["email_verified"] != tt.verified {
					t.Errorf("claims = %v, %v, want %s with %v, %v", claims, err, tt.user.ID, tt.email, tt.verified)
				}
			}
		})
	}
}

// An Authsignal that cannot tell the address is an outage, and no reason to spend the token.
func TestWhileTheEmailCannotBeHadTheTokenStillWorksLater(t *testing.T) {
	b := startBench(t, map[string]string{"AUTH0_PROOF": "signed"})
	token := b.token(t, wish{})
	b.meets(fault{authsignal: authsignaltest.Faults{Inject: []authsignaltest.Fault{{
		Kind: authsignaltest.FaultError, Status: http.StatusServiceUnavailable, Route: "/v1/users/{userId}",
	}}}})
	b.want(t, token, http.StatusServiceUnavailable, "unavailable")
	b.meets(fault{})
	b.want(t, token, http.StatusOK, "")
}

func TestATokenExchangeOpensTheSameSession(t *testing.T) {
	b := startBench(t, map[string]string{"TOKEN_ISSUER": "auth0-token-exchange"})
	token := b.token(t, wish{})
	got := b.want(t, token, http.StatusOK, "")
	if claims, err := decodeClaims(got.IDToken); err != nil || claims["sub"] != "auth0|jane" {
		t.Errorf("claims = %v, %v", claims, err)
	}
	b.want(t, token, http.StatusConflict, "token_replayed")
	b.meets(validating(authsignaltest.Fault{Kind: authsignaltest.FaultHTML, After: 1}))
	again := b.token(t, wish{})
	b.want(t, again, http.StatusServiceUnavailable, "unavailable")
	b.meets(fault{})
	b.want(t, again, http.StatusOK, "")
}

func TestAnOpenIDProviderOpensTheSessionInstead(t *testing.T) {
	b := startBench(t, map[string]string{"TOKEN_ISSUER": "oidc"})
	token := b.token(t, wish{})
	got := b.want(t, token, http.StatusOK, "")
	claims, err := decodeClaims(got.IDToken)
	if err != nil || claims["sub"] != "jane" || claims["iss"] != b.provider.Issuer() || got.RefreshToken == "" {
		t.Errorf("claims = %v, %v, want a session of the provider's", claims, err)
	}
	b.want(t, token, http.StatusConflict, "token_replayed")
	if b.askedOfAuth0("/oauth/token") != 0 {
		t.Error("auth0 was asked")
	}
	status, renewed := b.oauth(t, "/oauth/token", refreshForm(got.RefreshToken))
	if status != http.StatusOK || renewed["access_token"] == nil {
		t.Errorf("renew: %d %v", status, renewed)
	}
}

// What --json prints is all that another bridge needs to work with the same provider.
func TestTheProviderIsToldToABridgeOfOnesOwn(t *testing.T) {
	b := startBench(t, map[string]string{"TOKEN_ISSUER": "oidc"})
	var told struct {
		Authsignal struct {
			APIURL string `json:"api_url"`
			Secret string `json:"secret"`
			Action string `json:"action"`
		} `json:"authsignal"`
		Provider map[string]string `json:"provider"`
	}
	text, err := json.Marshal(b.addresses())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatal(err)
	}
	own, err := startBridge(t, map[string]string{
		"TOKEN_ISSUER": "oidc", "OIDC_ISSUER": told.Provider["issuer"], "OIDC_CLIENT_ID": told.Provider["client_id"],
		"OIDC_CLIENT_SECRET": told.Provider["client_secret"], "OIDC_ASSERTION_KEY": told.Provider["assertion_key"],
		"AUTHSIGNAL_API_URL": told.Authsignal.APIURL, "AUTHSIGNAL_SECRET": told.Authsignal.Secret, "AUTHSIGNAL_ACTION": told.Authsignal.Action,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.bridgeURL = own
	b.want(t, b.token(t, wish{}), http.StatusOK, "")
}

// With OIDC_ISSUER the sandbox emulates no provider. Here the provider is another sandbox'.
func TestTheSandboxGoesToAProviderOfOnesOwn(t *testing.T) {
	other := startBench(t, map[string]string{"TOKEN_ISSUER": "oidc"})
	b := startBench(t, map[string]string{
		"TOKEN_ISSUER": "oidc", "OIDC_ISSUER": other.provider.Issuer(), "OIDC_CLIENT_ID": clientID,
		"OIDC_CLIENT_SECRET": other.config.OIDC.ClientSecret.Reveal(), "OIDC_ASSERTION_KEY": other.config.OIDC.AssertionKey.Reveal(),
	})
	got := b.want(t, b.token(t, wish{}), http.StatusOK, "")
	if claims, err := decodeClaims(got.IDToken); err != nil || claims["sub"] != "jane" || claims["iss"] != other.provider.Issuer() {
		t.Errorf("claims = %v, %v, want a session of the other provider's", claims, err)
	}
	if !strings.Contains(b.issuerAddress(), other.provider.Issuer()) || !strings.Contains(mustText(t, b.addresses()), `"issuer":"`+other.provider.Issuer()) {
		t.Errorf("it says that the issuer is %q, and that its addresses are %s", b.issuerAddress(), mustText(t, b.addresses()))
	}
}

// mustText is v as JSON.
func mustText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestASessionOfSomebodyElseIsRevoked(t *testing.T) {
	b := startBench(t, map[string]string{"AUTH0_SCOPE": "openid offline_access"})
	b.meets(inject(auth0test.Fault{Kind: auth0test.WrongSubject}))
	got := b.want(t, b.token(t, wish{}), http.StatusInternalServerError, "internal_error")
	if got.AccessToken != "" || b.askedOfAuth0("/oauth/revoke") != 1 {
		t.Error("the session was returned, or its refresh token was not revoked")
	}
}

func TestAWrongKeyOfOursIsNoBadPasskey(t *testing.T) {
	b := startBench(t, nil)
	token := b.token(t, wish{})
	b.meets(validating(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 401}))
	b.want(t, token, http.StatusInternalServerError, "internal_error")
	if !strings.Contains(b.log.String(), "AUTHSIGNAL_SECRET") {
		t.Errorf("the log does not name the setting: %s", b.log)
	}
}

func TestACallerWhoLeavesCanComeBackWithTheSameToken(t *testing.T) {
	b := startBench(t, nil)
	token := b.token(t, wish{})
	b.meets(inject(auth0test.Fault{Kind: auth0test.Hang, Times: 1}))
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		b.exchange(ctx, t, token)
	}()
	until(t, "Auth0 is asked", func() bool { return len(b.auth0.Faults().Inject) == 0 })
	leave()
	until(t, "the caller is gone", closed(gone))
	// The claim is released when the bridge notices; until then it is a replay.
	until(t, "the token works again", func() bool { return b.exchange(t.Context(), t, token).status == http.StatusOK })
}

// until waits for something that happens soon, by asking.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

func TestNoCredentialIsLoggedOrAudited(t *testing.T) {
	for _, proof := range []string{"token", "signed"} {
		t.Run("AUTH0_PROOF="+proof, func(t *testing.T) { noCredentialIsTold(t, proof) })
	}
}

// noCredentialIsTold wants no e-mail address to be told, either.
func noCredentialIsTold(t *testing.T, proof string) {
	b := startBench(t, map[string]string{"AUTH0_SCOPE": "openid offline_access", "AUTH0_PROOF": proof})
	secrets := []string{"jane@example.com", b.config.Auth0.ProofKey.Reveal()}
	for _, f := range []fault{
		{}, inject(auth0test.Fault{Kind: auth0test.MFARequired}), inject(auth0test.Fault{Kind: auth0test.WrongSubject}),
		inject(auth0test.Fault{Kind: auth0test.ServerError}), inject(auth0test.Fault{Kind: auth0test.InvalidClient}),
		validating(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 401}), validating(authsignaltest.Fault{Kind: authsignaltest.FaultHTML}),
	} {
		b.meets(f)
		token := b.token(t, wish{})
		got := b.exchange(t.Context(), t, token)
		secrets = append(secrets, token, got.AccessToken, got.IDToken, got.RefreshToken)
	}
	secrets = append(secrets, b.authsignal.Secret(), b.config.Auth0.ClientSecret.Reveal())
	_, lines := b.hops.take()
	said := b.log.String() + fmt.Sprintf("%s %v %+v %#v", lines, b.config, b.config, b.config)
	for _, secret := range secrets {
		if secret != "" && strings.Contains(said, secret) {
			t.Errorf("a credential is told: %.12s…", secret)
		}
	}
	if len(lines) != 7 {
		t.Errorf("%d audit lines, want one for each of 7 attempts", len(lines))
	}
}

// closed reports whether a channel is.
func closed(channel <-chan struct{}) func() bool {
	return func() bool {
		select {
		case <-channel:
			return true
		default:
			return false
		}
	}
}
