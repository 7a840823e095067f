package authsignal_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const (
	action = "signInWithPasskey"
	secret = "the-server-api-secret-key"
)

func newVerifier(apiURL, secret string) *authsignal.Verifier {
	client := upstream.New(upstream.Options{Name: "authsignal", Now: time.Now})
	return authsignal.NewVerifier(client, authsignal.Config{
		APIURL: settings.BaseURL(apiURL), Secret: settings.NewSecret(secret), Action: action,
		MaxAge: 10 * time.Minute,
	}, 30*time.Second, time.Now)
}

func parse(t *testing.T, text string) domain.PasskeyToken {
	t.Helper()
	token, err := domain.ParsePasskeyToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// signed returns a JWT with the given claims; whose key signed it is not the
// bridge's to check.
func signed(t *testing.T, claims map[string]any) domain.PasskeyToken {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: make([]byte, 32)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

func live(t *testing.T) domain.PasskeyToken {
	return signed(t, map[string]any{"sub": "auth0|jane", "exp": time.Now().Add(10 * time.Minute).Unix()})
}

func TestVerifierKeepsTheContract(t *testing.T) {
	for name, rs256 := range map[string]bool{"with HS256 tokens": false, "with RS256 tokens": true} {
		t.Run(name, func(t *testing.T) {
			portstest.IdentityVerifier(t, func(t *testing.T) portstest.VerifierHarness { return harness(t, rs256) })
		})
	}
}

func harness(t *testing.T, rs256 bool) portstest.VerifierHarness {
	_, h := startHarness(t, rs256)
	return h
}

func startHarness(t *testing.T, rs256 bool) (*authsignaltest.Server, portstest.VerifierHarness) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	tenant, err := authsignaltest.Start(authsignaltest.Options{RS256: rs256, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	phone := tenant.Phone(authsignaltest.IOS)
	if _, err := tenant.Enrol(t.Context(), phone, authsignaltest.User{ID: "auth0|jane", Username: "jane"}); err != nil {
		t.Fatal(err)
	}
	meets := func(fault authsignaltest.Fault) func(*testing.T) {
		return func(*testing.T) { tenant.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{fault}}) }
	}
	return tenant, portstest.VerifierHarness{
		Verifier: newVerifier(tenant.APIURL(), tenant.Secret()),
		Prove: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
			signedIn, err := phone.SignIn(t.Context(), action)
			if err != nil {
				t.Fatal(err)
			}
			return parse(t, signedIn.Token), domain.Identity{
				Subject: "auth0|jane", Action: action, Method: domain.MethodPasskey, AuthenticatedAt: time.Now(),
			}
		},
		Bad: func(t *testing.T) map[string]domain.PasskeyToken {
			return map[string]domain.PasskeyToken{
				"no JWT":                       parse(t, "not-a-jwt"),
				"two parts of three":           parse(t, "e30.e30"),
				"an unsigned token":            parse(t, tenant.Mint(authsignaltest.TokenSpec{UserID: "auth0|jane", Action: action, Alg: "none"})),
				"an expired token":             parse(t, tenant.Mint(authsignaltest.TokenSpec{UserID: "auth0|jane", Action: action, Life: -time.Minute})),
				"a token of another tenant":    parse(t, tenant.Mint(authsignaltest.TokenSpec{UserID: "auth0|jane", Action: action, Foreign: true})),
				"a token nobody issued":        live(t),
				"a challenge not yet answered": parse(t, tenant.Mint(authsignaltest.TokenSpec{UserID: "auth0|jane", Action: action, State: authsignaltest.StateChallengeRequired})),
				"a challenge that failed":      parse(t, tenant.Mint(authsignaltest.TokenSpec{UserID: "auth0|jane", Action: action, State: authsignaltest.StateChallengeFailed})),
				"an action merely allowed":     parse(t, tenant.Mint(authsignaltest.TokenSpec{UserID: "auth0|jane", Action: action, State: authsignaltest.StateAllow})),
			}
		},
		Other: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
			other := domain.Identity{Subject: "auth0|john", Action: "withdraw", Method: "SMS", AuthenticatedAt: time.Now().Add(-time.Hour)}
			return parse(t, tenant.Mint(authsignaltest.TokenSpec{
				UserID: other.Subject, Action: other.Action, Method: other.Method, StateUpdatedAt: other.AuthenticatedAt,
			})), other
		},
		Ahead:   func(_ *testing.T, d time.Duration) { ahead.Store(int64(d)) },
		Secrets: []string{tenant.Secret()},
		Lock: func(t *testing.T) { // the bridge's key is the one before the one before
			tenant.RotateSecret()
			tenant.RotateSecret()
		},
		Limit:  meets(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: http.StatusTooManyRequests}),
		Garble: meets(authsignaltest.Fault{Kind: authsignaltest.FaultMalformed}),
		Hang:   meets(authsignaltest.Fault{Kind: authsignaltest.FaultHang}),
		Stop:   func(t *testing.T) { _ = tenant.Close() },
	}
}

// upstreamWith serves one answer to everything and counts the requests.
func upstreamWith(t *testing.T, answer http.HandlerFunc) (*authsignal.Verifier, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return newVerifier(server.URL+"/v1", secret), &asked
}

func answering(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// good is a validation of a completed sign-in; edits change or take out members.
func good(edits ...string) string {
	members := []string{
		`"isValid":true`, `"state":"CHALLENGE_SUCCEEDED"`, `"stateUpdatedAt":"2026-01-31T10:00:00.000Z"`,
		`"userId":"auth0|jane"`, `"action":"signInWithPasskey"`, `"actionCode":"signInWithPasskey"`,
		`"idempotencyKey":"0b0f2f0e"`, `"verificationMethod":"PASSKEY"`,
	}
	for _, edit := range edits {
		name, _, _ := strings.Cut(edit, ":")
		var kept []string
		for _, member := range members {
			if !strings.HasPrefix(member, name+":") {
				kept = append(kept, member)
			}
		}
		if strings.Contains(edit, ":") {
			kept = append(kept, edit)
		}
		members = kept
	}
	return "{" + strings.Join(members, ",") + "}"
}

func problem(code, description string) string {
	return fmt.Sprintf(`{"error":%q,"errorCode":%q,"errorDescription":%q}`, code, code, description)
}

const fault = domain.Error("") // a fault of ours wraps no reason

func TestEveryAnswerOfAuthsignalHasItsVerdict(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   domain.Error
		says   string
	}{
		"isValid is false":                             {200, `{"isValid":false,"error":"invalid_token"}`, domain.ErrTokenRejected, "not valid"},
		"isValid is false beside a succeeded state":    {200, good(`"isValid":false`), domain.ErrTokenRejected, "not valid"},
		"a challenge is still required":                {200, good(`"isValid":false`, `"state":"CHALLENGE_REQUIRED"`), domain.ErrTokenRejected, "CHALLENGE_REQUIRED"},
		"the state is ALLOW and isValid":               {200, good(`"state":"ALLOW"`), domain.ErrTokenRejected, "ALLOW"},
		"the state is REVIEW_SUCCEEDED":                {200, good(`"state":"REVIEW_SUCCEEDED"`), domain.ErrTokenRejected, "REVIEW_SUCCEEDED"},
		"the state is missing":                         {200, good(`"state"`), domain.ErrTokenRejected, "state"},
		"the user is missing":                          {200, good(`"userId"`), domain.ErrUnavailable, "whom"},
		"the user is empty":                            {200, good(`"userId":""`), domain.ErrUnavailable, "whom"},
		"the user is null":                             {200, good(`"userId":null`), domain.ErrUnavailable, "whom"},
		"the idempotency key is missing":               {200, good(`"idempotencyKey"`), domain.ErrUnavailable, "ceremony"},
		"the time is missing":                          {200, good(`"stateUpdatedAt"`), domain.ErrTokenRejected, "when"},
		"a member is there twice":                      {200, `{"isValid":true,` + good()[1:], domain.ErrUnavailable, "not a validation"},
		"a ceremony that could not be decoded":         {200, good(`"idempotencyKey":"0b\ud800"`), domain.ErrUnavailable, "not a validation"},
		"an action that could not be decoded":          {200, good(`"actionCode":"\ufffd"`, `"action"`), domain.ErrUnavailable, "decoded"},
		"the time is no time":                          {200, good(`"stateUpdatedAt":"yesterday"`), domain.ErrUnavailable, "no time"},
		"isValid is missing":                           {200, good(`"isValid"`), domain.ErrUnavailable, "not a validation"},
		"isValid is a string":                          {200, good(`"isValid":"true"`), domain.ErrUnavailable, "not a validation"},
		"the user is a number":                         {200, good(`"userId":7`), domain.ErrUnavailable, "not a validation"},
		"the two names of the action differ":           {200, good(`"actionCode":"other"`), domain.ErrUnavailable, "two different actions"},
		"the body is empty":                            {200, ``, domain.ErrUnavailable, "not a validation"},
		"the body is HTML":                             {200, `<html>login</html>`, domain.ErrUnavailable, "not a validation"},
		"the body is null":                             {200, `null`, domain.ErrUnavailable, "not a validation"},
		"the body is an array":                         {200, `[]`, domain.ErrUnavailable, "not a validation"},
		"the body is cut":                              {200, good()[:40], domain.ErrUnavailable, "not a validation"},
		"the body is over 1 MiB":                       {200, strings.Repeat(" ", 1<<20) + good(), domain.ErrUnavailable, "longer than"},
		"another 2xx":                                  {202, good(), domain.ErrUnavailable, "202"},
		"400 expired_token":                            {400, problem("expired_token", "expired"), domain.ErrTokenRejected, "expired_token"},
		"400 invalid_token":                            {400, problem("invalid_token", "bad"), domain.ErrTokenRejected, "invalid_token"},
		"400 invalid_request":                          {400, problem("invalid_request", "bad"), domain.ErrTokenRejected, "invalid_request"},
		"400 invalid_credential":                       {400, problem("invalid_credential", "bad"), domain.ErrTokenRejected, "invalid_credential"},
		"401 expired_token":                            {401, problem("expired_token", "expired"), domain.ErrTokenRejected, "expired_token"},
		"401 token_expired, as it was called once":     {401, problem("token_expired", "expired"), domain.ErrTokenRejected, "token_expired"},
		"401 invalid_token":                            {401, problem("invalid_token", "bad"), domain.ErrTokenRejected, "invalid_token"},
		"401 with the code under error only":           {401, `{"error":"invalid_token"}`, domain.ErrTokenRejected, "invalid_token"},
		"401 with the code under errorCode only":       {401, `{"errorCode":"invalid_token"}`, domain.ErrTokenRejected, "invalid_token"},
		"401 with a text under error":                  {401, `{"error":"The token is bad.","errorCode":"expired_token"}`, domain.ErrTokenRejected, "expired_token"},
		"401 whose text under error looks like a code": {401, `{"error":"expired_token","errorCode":"unauthorized"}`, fault, "AUTHSIGNAL_SECRET"},
		"403 invalid_credential":                       {403, problem("invalid_credential", "bad"), domain.ErrTokenRejected, "invalid_credential"},
		"401 unauthorized: our key or region is off":   {401, problem("unauthorized", "The request is unauthorized."), fault, "AUTHSIGNAL_SECRET"},
		"401 without a code":                           {401, ``, fault, "AUTHSIGNAL_SECRET"},
		"403 without a code":                           {403, `<html>forbidden</html>`, fault, "AUTHSIGNAL_SECRET"},
		"400 invalid_configuration":                    {400, problem("invalid_configuration", "bad"), fault, "AUTHSIGNAL_API_URL"},
		"404: another path":                            {404, `{"message":"Not Found"}`, fault, "AUTHSIGNAL_API_URL"},
		"405: another server":                          {405, ``, fault, "AUTHSIGNAL_API_URL"},
		"a redirect":                                   {307, ``, fault, "307"},
		"a redirect to several places":                 {300, ``, fault, "AUTHSIGNAL_API_URL"},
		"what it says is told":                         {400, problem("invalid_token", "it is bad"), domain.ErrTokenRejected, "answered 400 invalid_token: it is bad"},
		"a code alone is told":                         {400, `{"error":"invalid_token"}`, domain.ErrTokenRejected, "answered 400 invalid_token"},
		"a text alone is told":                         {403, `{"errorDescription":"it is bad"}`, fault, "answered 403 it is bad: check"},
		"429 too_many_requests":                        {429, problem("too_many_requests", "slow down"), domain.ErrBusy, "429"},
		"429 in HTML":                                  {429, `<html>slow down</html>`, domain.ErrBusy, "429"},
		"408":                                          {408, ``, domain.ErrUnavailable, "408"},
		"500 in JSON":                                  {500, problem("internal_error", "oops"), domain.ErrUnavailable, "500"},
		"500 that talks of the token":                  {500, problem("invalid_token", "oops"), domain.ErrUnavailable, "500"},
		"502 in HTML keeps its status":                 {502, `<html><h1>502 Bad Gateway</h1></html>`, domain.ErrUnavailable, "502"},
		"503":                                          {503, ``, domain.ErrUnavailable, "503"},
		"504":                                          {504, ``, domain.ErrUnavailable, "504"},
		"429 whose code talks of the token is no 401":  {429, problem("invalid_token", "?"), domain.ErrBusy, "429"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verifier, asked := upstreamWith(t, answering(tt.status, tt.body, "Location", "/elsewhere"))
			identity, err := verifier.Verify(t.Context(), live(t))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v (reason %q), want reason %q", err, reason, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want it to say %q", err, tt.says)
			}
			if identity != (domain.Identity{}) {
				t.Errorf("identity = %+v, want none", identity)
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("asked %d times, want once: every reply is final", n)
			}
		})
	}
}

func TestAGoodAnswerIsReportedAsItIs(t *testing.T) {
	tests := map[string]struct {
		body string
		want domain.Identity
	}{
		"a passkey sign-in":                 {good(), domain.Identity{Subject: "auth0|jane", Action: "signInWithPasskey", Method: "PASSKEY"}},
		"another action":                    {good(`"action":"withdraw"`, `"actionCode":"withdraw"`), domain.Identity{Subject: "auth0|jane", Action: "withdraw", Method: "PASSKEY"}},
		"an action under its old name only": {good(`"action"`), domain.Identity{Subject: "auth0|jane", Action: "signInWithPasskey", Method: "PASSKEY"}},
		"an action under its new name only": {good(`"actionCode"`), domain.Identity{Subject: "auth0|jane", Action: "signInWithPasskey", Method: "PASSKEY"}},
		"no action at all":                  {good(`"action"`, `"actionCode"`), domain.Identity{Subject: "auth0|jane", Method: "PASSKEY"}},
		"another method":                    {good(`"verificationMethod":"SMS"`), domain.Identity{Subject: "auth0|jane", Action: "signInWithPasskey", Method: "SMS"}},
		"no method":                         {good(`"verificationMethod"`), domain.Identity{Subject: "auth0|jane", Action: "signInWithPasskey"}},
		"a user of another provider":        {good(`"userId":"google-oauth2|1"`), domain.Identity{Subject: "google-oauth2|1", Action: "signInWithPasskey", Method: "PASSKEY"}},
		"members that are new":              {good(`"veriffSessionId":{"a":1}`), domain.Identity{Subject: "auth0|jane", Action: "signInWithPasskey", Method: "PASSKEY"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			verifier, _ := upstreamWith(t, answering(200, tt.body))
			got, err := verifier.Verify(t.Context(), live(t))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.ProofID, tt.want.AuthenticatedAt = "0b0f2f0e", time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
			tt.want.Authority, tt.want.AuthenticatedAfter = got.Authority, got.AuthenticatedAfter // the contract tries the latter
			if got != tt.want || !strings.HasPrefix(got.Authority, "authsignal http://127.0.0.1:") {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTheRequestIsWhatTheServerAPIDocuments(t *testing.T) {
	token := live(t)
	verifier, _ := upstreamWith(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if want := `{"token":"` + token.Reveal() + `"}`; string(body) != want {
			t.Errorf("body = %s, want the token and nothing else", body)
		}
		if r.Method != http.MethodPost || r.URL.String() != "/v1/validate" {
			t.Errorf("request = %s %s, want POST /v1/validate", r.Method, r.URL)
		}
		if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(secret+":")); r.Header.Get("Authorization") != want {
			t.Error("the secret is not the user of Basic authentication with an empty password")
		}
		if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("Content-Type = %q, Accept = %q, want JSON both ways", r.Header.Get("Content-Type"), r.Header.Get("Accept"))
		}
		answering(200, good())(w, r)
	})
	if _, err := verifier.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestItIsAskedAgainOnceAndOnlyWhenNoReplyCame(t *testing.T) {
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	truncated := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"isValid":true`)
	}
	tests := map[string]struct {
		answers []http.HandlerFunc
		want    domain.Error // "" means an identity
		asked   int64
	}{
		"the first connection breaks":    {[]http.HandlerFunc{cut, answering(200, good())}, "", 2},
		"both connections break":         {[]http.HandlerFunc{cut, cut, answering(200, good())}, domain.ErrUnavailable, 2},
		"a broken one and a rejection":   {[]http.HandlerFunc{cut, answering(200, `{"isValid":false}`)}, domain.ErrTokenRejected, 2},
		"a reply that is cut off":        {[]http.HandlerFunc{truncated, answering(200, good())}, domain.ErrUnavailable, 1},
		"a 502":                          {[]http.HandlerFunc{answering(502, ""), answering(200, good())}, domain.ErrUnavailable, 1},
		"a 429, even with a short limit": {[]http.HandlerFunc{answering(429, "", "Retry-After", "0"), answering(200, good())}, domain.ErrBusy, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			verifier, asked := upstreamWith(t, func(w http.ResponseWriter, r *http.Request) {
				tt.answers[min(int(n.Add(1))-1, len(tt.answers)-1)](w, r)
			})
			_, err := verifier.Verify(t.Context(), live(t))
			if reason, _ := domain.ReasonOf(err); reason != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("err = %v, want reason %q", err, tt.want)
			}
			if asked.Load() != tt.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), tt.asked)
			}
		})
	}
}

// The first connection is closed before anything is sent over it.
func TestItIsAskedAgainWhereNoConnectionCameAbout(t *testing.T) {
	server := httptest.NewUnstartedServer(answering(200, good()))
	losing := &losingListener{Listener: server.Listener}
	server.Listener = losing
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := upstream.New(upstream.Options{Name: "authsignal", RootCAs: roots, Now: time.Now})
	verifier := authsignal.NewVerifier(client, authsignal.Config{APIURL: settings.BaseURL(server.URL), Secret: settings.NewSecret(secret)}, 0, time.Now)

	if _, err := verifier.Verify(t.Context(), live(t)); err != nil {
		t.Errorf("err = %v, want an identity", err)
	}
	if got := losing.accepted.Load(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// losingListener closes the first connection that it accepts.
type losingListener struct {
	net.Listener
	accepted atomic.Int64
}

func (l *losingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && l.accepted.Add(1) == 1 {
		_ = conn.Close()
	}
	return conn, err
}

func TestWarmingOpensAConnectionToAuthsignal(t *testing.T) {
	verifier, asked := upstreamWith(t, answering(404, ""))
	if err := verifier.Warm(t.Context()); err != nil || asked.Load() != 1 {
		t.Errorf("err = %v, and authsignal was asked %d times, want once", err, asked.Load())
	}
}

func TestATokenIsAliveForTheSkewAfterItsExpiry(t *testing.T) {
	expiry := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	token := signed(t, map[string]any{"exp": expiry.Unix()})
	server := httptest.NewServer(answering(200, good()))
	t.Cleanup(server.Close)
	const skew = 30 * time.Second
	for after, alive := range map[time.Duration]bool{skew: true, skew + 1: false} {
		now := func() time.Time { return expiry.Add(after) }
		client := upstream.New(upstream.Options{Name: "authsignal", Now: now})
		verifier := authsignal.NewVerifier(client, authsignal.Config{APIURL: settings.BaseURL(server.URL), Secret: settings.NewSecret(secret)}, skew, now)
		_, err := verifier.Verify(t.Context(), token)
		if reason, _ := domain.ReasonOf(err); (err == nil) != alive || !alive && reason != domain.ErrTokenRejected {
			t.Errorf("%s after its expiry: %v, alive: want %t", after, err, alive)
		}
	}
}

func TestWhatCannotBeALiveTokenIsRejectedUnasked(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	tests := map[string]domain.PasskeyToken{
		"no JWT":                             parse(t, "abc"),
		"one dot":                            parse(t, "abc.def"),
		"four dots, an encrypted JWT":        parse(t, "a.b.c.d.e"),
		"parts that are no base64url":        parse(t, "a+b.c/d.e=f"),
		"a header that is no JSON":           parse(t, b64([]byte("{"))+"."+b64([]byte("{}"))+".c2ln"),
		"a payload that is no object":        parse(t, b64([]byte(`{"alg":"HS256"}`))+"."+b64([]byte(`[]`))+".c2ln"),
		"alg none":                           parse(t, b64([]byte(`{"alg":"none"}`))+"."+b64([]byte(`{}`))+"."),
		"alg none with a signature":          parse(t, b64([]byte(`{"alg":"none"}`))+"."+b64([]byte(`{}`))+".c2ln"),
		"alg NONE":                           parse(t, b64([]byte(`{"alg":"NONE"}`))+"."+b64([]byte(`{}`))+".c2ln"),
		"no alg":                             parse(t, b64([]byte(`{"typ":"JWT"}`))+"."+b64([]byte(`{}`))+".c2ln"),
		"expired by more than the skew":      signed(t, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"an expiry that is no number":        signed(t, map[string]any{"exp": "tomorrow"}),
		"expired long ago":                   signed(t, map[string]any{"exp": 1}),
		"an expiry before the epoch, as -1 ": signed(t, map[string]any{"exp": -1}),
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			verifier, asked := upstreamWith(t, answering(200, good()))
			_, err := verifier.Verify(t.Context(), token)
			if reason, _ := domain.ReasonOf(err); reason != domain.ErrTokenRejected {
				t.Errorf("err = %v, want token_rejected", err)
			}
			if asked.Load() != 0 {
				t.Error("authsignal was asked")
			}
		})
	}
}

func TestWhatTheScreenDoesNotUnderstandIsAuthsignalsToJudge(t *testing.T) {
	for name, claims := range map[string]map[string]any{
		"no expiry":                     {"sub": "auth0|jane"},
		"expired within the skew":       {"exp": time.Now().Add(-10 * time.Second).Unix()},
		"an audience of another form":   {"aud": 7, "exp": time.Now().Add(time.Minute).Unix()},
		"a subject of another form":     {"sub": []int{1}, "exp": time.Now().Add(time.Minute).Unix()},
		"an expiry with a fraction":     {"exp": float64(time.Now().Add(time.Minute).Unix()) + 0.5},
		"not yet valid, by its own say": {"nbf": time.Now().Add(time.Hour).Unix()},
	} {
		t.Run(name, func(t *testing.T) {
			verifier, asked := upstreamWith(t, answering(200, good()))
			if _, err := verifier.Verify(t.Context(), signed(t, claims)); err != nil {
				t.Error(err)
			}
			if asked.Load() != 1 {
				t.Errorf("asked %d times, want once", asked.Load())
			}
		})
	}
}

func TestAHangingAuthsignalIsUnavailableAtTheDeadline(t *testing.T) {
	hang := make(chan struct{})
	verifier, asked := upstreamWith(t, func(http.ResponseWriter, *http.Request) { <-hang })
	t.Cleanup(func() { close(hang) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := verifier.Verify(ctx, live(t))
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Errorf("err = %v, want unavailable", err)
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times, want once: the deadline has passed", asked.Load())
	}
}

func TestTheWaitThatAuthsignalAsksForIsKept(t *testing.T) {
	verifier, _ := upstreamWith(t, answering(429, "", "Retry-After", "17"))
	if _, err := verifier.Verify(t.Context(), live(t)); domain.RetryAfterOf(err) != 17*time.Second {
		t.Errorf("retry after %s, want 17s", domain.RetryAfterOf(err))
	}
}

func TestWhatAuthsignalEchoesIsNotTold(t *testing.T) {
	token := live(t)
	verifier, _ := upstreamWith(t, answering(400, problem("bad\nthing", "token "+token.Reveal()+" and key "+secret)))
	_, err := verifier.Verify(t.Context(), token)
	if err == nil || strings.Contains(err.Error(), token.Reveal()) || strings.Contains(err.Error(), secret) {
		t.Errorf("err = %v, want neither token nor secret in it", err)
	}
}

// FuzzVerify feeds the token screen and whatever lies behind it.
func FuzzVerify(f *testing.F) {
	b64 := base64.RawURLEncoding.EncodeToString
	f.Add("a.b.c")
	f.Add(b64([]byte(`{"alg":"HS256"}`)) + "." + b64([]byte(`{"exp":1}`)) + ".c2ln")
	f.Add(b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{}`)) + ".")
	f.Add(b64([]byte(`{"alg":"RS256","kid":"x"}`)) + "." + b64([]byte(`{"exp":99999999999}`)) + ".c2ln")
	server := httptest.NewServer(answering(200, `{"isValid":false}`))
	f.Cleanup(server.Close)
	verifier := newVerifier(server.URL+"/v1", secret)
	f.Fuzz(func(t *testing.T, text string) {
		token, err := domain.ParsePasskeyToken(text)
		if err != nil {
			return
		}
		if _, err := verifier.Verify(t.Context(), token); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("err = %v, want a rejection without the secret", err)
		}
	})
}

// Readiness tells that the bridge is refused, and not that a user's token is.
func TestARefusalOfTheBridgeIsAuthsignalsTrouble(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   string // "" means no trouble
	}{
		"our key is wrong":           {401, problem("unauthorized", "x"), "refuses the bridge (401)"},
		"our key is of another kind": {403, `{"message":"Forbidden"}`, "refuses the bridge (403)"},
		"the address is wrong":       {404, "<html>not found</html>", "refuses the bridge (404)"},
		"it takes no POST":           {405, "", "refuses the bridge (405)"},
		"the token is wrong":         {401, problem("invalid_token", "x"), ""},
		"the token has expired":      {400, problem("expired_token", "x"), ""},
		"the limit is reached":       {429, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answering(tt.status, tt.body))
			t.Cleanup(server.Close)
			client := upstream.New(upstream.Options{Name: "authsignal", Now: time.Now})
			verifier := authsignal.NewVerifier(client, authsignal.Config{APIURL: settings.BaseURL(server.URL + "/v1"), Secret: settings.NewSecret(secret)}, 0, time.Now)
			_, _ = verifier.Verify(t.Context(), live(t))
			if trouble := client.Trouble(); (trouble == nil) != (tt.want == "") || trouble != nil && trouble.What != tt.want {
				t.Errorf("trouble = %+v, want %q", trouble, tt.want)
			}
		})
	}
}
