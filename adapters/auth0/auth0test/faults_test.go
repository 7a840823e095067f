package auth0test_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/auth0/auth0test"
)

// leftHalfOfSHA256 is at_hash for RS256, OpenID Connect Core section 3.1.3.6.
func leftHalfOfSHA256(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func inject(faults ...auth0test.Fault) auth0test.Faults { return auth0test.Faults{Inject: faults} }

func TestInjectedRefusalsHaveTheirOwnWords(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	for _, test := range []struct {
		kind              auth0test.FaultKind
		status            int
		code, description string
	}{
		{auth0test.MFARequired, 403, "mfa_required", "Multifactor authentication required"},
		{auth0test.AccessDenied, 403, "access_denied", "Access denied."},
		{auth0test.TooManyAttempts, 429, "too_many_attempts", textBruteForce},
		{auth0test.SuspiciousIP, 429, "too_many_attempts", textSuspiciousIP},
		{auth0test.RateLimited, 429, "too_many_requests", textRateLimit},
		{auth0test.RequiresVerification, 401, "requires_verification", "Suspicious request requires verification"},
		{auth0test.PasswordLeaked, 401, "password_leaked", "This login attempt has been blocked because the password you're using was previously disclosed through a data breach (not in this application). Please check your email for more information."},
		{auth0test.UserBlocked, 401, "unauthorized", "user is blocked"},
		{auth0test.UnauthorizedClient, 403, "unauthorized_client", "The client is not authorized."},
		{auth0test.InvalidClient, 401, "invalid_client", "Client authentication failed"},
		{auth0test.InvalidRequest, 400, "invalid_request", "Invalid request."},
		{auth0test.InvalidGrant, 403, "invalid_grant", "Wrong email or password."},
		{auth0test.ServerError, 500, "server_error", "Internal server error"},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			e.SetFaults(inject(auth0test.Fault{Kind: test.kind}))
			r := e.token(signIn(nil))
			wantError(t, r, test.status, test.code, test.description)
			if r.header.Get("Content-Type") != "application/json" || r.header.Get("Cache-Control") != "no-store" {
				t.Errorf("got headers %v", r.header)
			}
			if mfaToken := r.str("mfa_token"); (mfaToken != "") != (test.kind == auth0test.MFARequired) {
				t.Errorf("mfa_token is %q", mfaToken)
			}
			e.SetFaults(inject(auth0test.Fault{Kind: test.kind, Status: 418, Text: "other words"}))
			wantError(t, e.token(signIn(nil)), 418, test.code, "other words")
		})
	}
}

func TestErrorsComeInFourForms(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	for _, test := range []struct {
		form              auth0test.Form
		contentType, body string
	}{
		{auth0test.FormOAuth, "application/json", `{"error":"server_error","error_description":"a \u003c b"}`},
		{auth0test.FormCode, "application/json", `{"code":"server_error","description":"a \u003c b"}`},
		{auth0test.FormText, "text/plain; charset=utf-8", "a < b"},
		{auth0test.FormHTML, "text/html; charset=utf-8", "<html><body><h1>502</h1><p>a &lt; b</p></body></html>"},
	} {
		e.SetFaults(inject(auth0test.Fault{Kind: auth0test.ServerError, Status: 502, Text: "a < b", Form: test.form}))
		r := e.token(signIn(nil))
		if r.status != 502 || r.header.Get("Content-Type") != test.contentType || r.text != test.body {
			t.Errorf("%q: got %d %s %s, want %s", test.form, r.status, r.header.Get("Content-Type"), r.text, test.body)
		}
	}
}

func TestInjectedRateLimitTellsWhenItIsOver(t *testing.T) {
	t.Parallel()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	e := start(t, opts)
	e.SetFaults(inject(auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 7}))
	wantRateLimit(t, e.token(signIn(nil)), 1, 0, now.Now().Add(7*time.Second))
	e.SetFaults(inject(auth0test.Fault{Kind: auth0test.RateLimited}))
	wantRateLimit(t, e.token(signIn(nil)), 1, 0, now.Now().Add(time.Second))
}

func TestFaultsRunTheScriptOrNot(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	runs := func() (n int) {
		for _, x := range e.Exchanges() {
			if x.Kind == auth0test.LoginScript {
				n++
			}
		}
		return n
	}
	for name, test := range map[string]struct {
		fault auth0test.Fault
		want  int
	}{
		"before":                        {auth0test.Fault{Kind: auth0test.ServerError}, 0},
		"after":                         {auth0test.Fault{Kind: auth0test.ServerError, After: true}, 1},
		"mfa, which an Action asks for": {auth0test.Fault{Kind: auth0test.MFARequired}, 1},
		"denial, which an Action makes": {auth0test.Fault{Kind: auth0test.AccessDenied}, 1},
	} {
		before := runs()
		e.SetFaults(inject(test.fault))
		e.token(signIn(nil))
		if got := runs() - before; got != test.want {
			t.Errorf("%s: the script ran %d times, want %d", name, got, test.want)
		}
	}
	e.SetFaults(inject(auth0test.Fault{Kind: auth0test.MFARequired}))
	wantError(t, e.token(signIn(params{"password": "wrong"})), 403, "invalid_grant", "Wrong email or password.")
}

func TestFaultsStrikeWhereAndAsOftenAsTheySay(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(inject(
		auth0test.Fault{Kind: auth0test.ServerError, Grant: auth0test.GrantPassword, Skip: 1, Times: 2},
		auth0test.Fault{Kind: auth0test.ServerError, Grant: auth0test.GrantRefreshToken, Status: 503, Times: 1},
		auth0test.Fault{Kind: auth0test.ServerError, At: auth0test.AtJWKS, Status: 502},
	))
	session := e.token(signIn(nil))
	wantOK(t, session)
	wantStatus := func(r reply, want int) {
		t.Helper()
		if r.status != want {
			t.Errorf("got %d, want %d", r.status, want)
		}
	}
	wantStatus(e.token(signIn(params{"grant_type": auth0test.GrantPassword})), 500)
	wantStatus(e.token(refresh(session.str("refresh_token"), nil)), 503)
	want := inject(
		auth0test.Fault{Kind: auth0test.ServerError, Grant: auth0test.GrantPassword, Times: 1},
		auth0test.Fault{Kind: auth0test.ServerError, At: auth0test.AtJWKS, Status: 502},
	)
	if got := e.Faults(); !reflect.DeepEqual(got, want) {
		t.Errorf("left are %+v, want %+v", got, want)
	}
	wantStatus(e.token(signIn(nil)), 500)
	wantStatus(e.token(signIn(nil)), 200)
	wantStatus(e.token(refresh(session.str("refresh_token"), nil)), 200)
	for range 3 {
		wantStatus(e.get("/.well-known/jwks.json"), 502)
	}
	wantStatus(e.get("/.well-known/openid-configuration"), 200)
}

func TestFaultsStrikeEveryEndpoint(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	for at, send := range map[auth0test.Endpoint]func() reply{
		auth0test.AtToken:     func() reply { return e.token(signIn(nil)) },
		auth0test.AtRevoke:    func() reply { return e.do(e.request(http.MethodPost, "/oauth/revoke", "", "")) },
		auth0test.AtUserInfo:  func() reply { return e.userinfo("") },
		auth0test.AtJWKS:      func() reply { return e.get("/.well-known/jwks.json") },
		auth0test.AtDiscovery: func() reply { return e.get("/.well-known/openid-configuration") },
	} {
		e.SetFaults(inject(auth0test.Fault{At: at, Kind: auth0test.ServerError, Status: 503}))
		if r := send(); r.status != 503 {
			t.Errorf("%s: got %d, want 503", at, r.status)
		}
		all := e.Exchanges()
		if faults := all[len(all)-1].Faults; len(faults) != 1 || faults[0] != auth0test.ServerError {
			t.Errorf("%s: told of faults %v", at, faults)
		}
	}
}

func TestFaultsAreReadFromJSON(t *testing.T) {
	t.Parallel()
	const text = `{"inject":[{"kind":"rate_limited","at":"token","grant":"password","skip":1,"times":2,"after":true,` +
		`"status":429,"form":"code","text":"slow down","location":"/x","delay_millis":5,"reset_seconds":3}],` +
		`"variants":{"script_failure":"server_error","script_message":true},` +
		`"protection":{"brute_force":10,"token_per_second":25}}`
	want := auth0test.Faults{
		Inject: []auth0test.Fault{{
			Kind: auth0test.RateLimited, At: auth0test.AtToken, Grant: auth0test.GrantPassword, Skip: 1, Times: 2, After: true,
			Status: 429, Form: auth0test.FormCode, Text: "slow down", Location: "/x", DelayMillis: 5, ResetSeconds: 3,
		}},
		Variants:   auth0test.Variants{ScriptFailure: auth0test.ScriptServerError, ScriptMessage: true},
		Protection: auth0test.Protection{BruteForce: 10, TokenPerSecond: 25},
	}
	var got auth0test.Faults
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	again, err := json.Marshal(got)
	if err != nil || string(again) != text {
		t.Errorf("written again: %s, %v", again, err)
	}
	if empty, err := json.Marshal(auth0test.Faults{}); err != nil || string(empty) != "{}" {
		t.Errorf("the zero value is %s, %v", empty, err)
	}
	for _, typo := range []string{
		`{"inject":[{"kind":"rate_limit"}]}`,
		`{"inject":[{"kind":"hang","at":"elsewhere"}]}`,
		`{"inject":[{"kind":"server_error","form":"xml"}]}`,
		`{"variants":{"script_failure":"teapot"}}`,
	} {
		if err := json.Unmarshal([]byte(typo), new(auth0test.Faults)); err == nil {
			t.Errorf("%s is accepted", typo)
		}
	}
}

func TestUnknownFaultIsLoud(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(inject(auth0test.Fault{Kind: "mfa_requird"}))
	wantError(t, e.token(signIn(nil)), 500, "unknown_fault", `no fault of kind "mfa_requird"`)
}

func TestRedirectPointsElsewhere(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	for location, want := range map[string]string{"": "/redirected", "https://evil.example/": "https://evil.example/"} {
		e.SetFaults(inject(auth0test.Fault{Kind: auth0test.Redirect, Location: location}))
		if r := e.token(signIn(nil)); r.status != 307 || r.header.Get("Location") != want {
			t.Errorf("got %d to %q, want 307 to %q", r.status, r.header.Get("Location"), want)
		}
	}
}

func TestWireFaultsLeaveNoWholeAnswer(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		opts := tenant()
		opts.Plain = plain
		e := start(t, opts)
		for name, test := range map[string]struct {
			fault   auth0test.Fault
			scripts int
		}{
			"reset before": {auth0test.Fault{Kind: auth0test.Reset}, 0},
			"reset after":  {auth0test.Fault{Kind: auth0test.Reset, After: true}, 1},
			"truncated":    {auth0test.Fault{Kind: auth0test.Truncated}, 1},
		} {
			before := len(e.Exchanges())
			e.SetFaults(inject(test.fault))
			r, err := e.try(e.tokenRequest(signIn(nil)))
			if err == nil {
				t.Errorf("%s, plain %t: got a whole answer %s", name, plain, r.text)
			}
			// Under HTTP/2 a write of the client's may see the reset first, and its reads the end.
			if plain && test.fault.Kind == auth0test.Reset && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s: got %v, want a reset", name, err)
			}
			if got := len(e.Exchanges()) - before - 1; got != test.scripts {
				t.Errorf("%s, plain %t: %d scripts ran, want %d", name, plain, got, test.scripts)
			}
		}
	}
}

func TestMalformedAnswerIsHalfTheJSON(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(inject(auth0test.Fault{Kind: auth0test.Malformed}))
	r := e.token(signIn(nil))
	if r.status != 200 || r.body != nil || !strings.HasPrefix(r.text, `{"access_token":"`) {
		t.Errorf("got %d %s", r.status, r.text)
	}
}

func TestADripBeginsAndLastsAsLongAsTheCallersPatience(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(inject(auth0test.Fault{Kind: auth0test.Drip}))
	ctx, leave := context.WithCancel(t.Context())
	req := e.tokenRequest(signIn(nil)).WithContext(ctx)
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(resp.Body, first); err != nil || first[0] != '{' {
		t.Errorf("the body begins with %q (%v), want one byte of it", first, err)
	}
	leave()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the whole body came")
	}
	_ = resp.Body.Close()
}

func TestHangLastsAsLongAsTheCallersPatience(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		told := make(chan auth0test.Exchange, 100)
		opts := tenant()
		opts.Observe = func(x auth0test.Exchange) { told <- x }
		e := start(t, opts)
		e.SetFaults(inject(auth0test.Fault{Kind: auth0test.Hang, After: after, Times: 1}))
		ctx, leave := context.WithCancel(t.Context())
		go func() { // leaves once the request has met the fault
			defer leave()
			for ctx.Err() == nil && len(e.Faults().Inject) > 0 {
				time.Sleep(time.Millisecond)
			}
		}()
		if _, err := e.try(e.tokenRequest(signIn(nil)).WithContext(ctx)); err == nil {
			t.Error("the request was answered")
		}
		leave()
		select {
		case x := <-told:
			if (x.Kind == auth0test.LoginScript) != after {
				t.Errorf("after %t: told first of %+v", after, x)
			}
		case <-time.After(time.Minute):
			t.Fatalf("after %t: nothing was told", after)
		}
		wantOK(t, e.token(signIn(nil)))
	}
}

func TestDelayIsFollowedByTheAnswer(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(inject(auth0test.Fault{Kind: auth0test.Delay, DelayMillis: 20}))
	began := time.Now()
	wantOK(t, e.token(signIn(nil)))
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("it took %v, want at least 20ms", took)
	}
	e.SetFaults(inject(
		auth0test.Fault{Kind: auth0test.Delay, DelayMillis: 1},
		auth0test.Fault{Kind: auth0test.ServerError},
	))
	wantError(t, e.token(signIn(nil)), 500, "server_error", "Internal server error")
}

func TestTokensCanBeLeftOut(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	for kind, name := range map[auth0test.FaultKind]string{
		auth0test.NoIDToken:      "id_token",
		auth0test.NoAccessToken:  "access_token",
		auth0test.NoRefreshToken: "refresh_token",
	} {
		wantOK(t, e.token(signIn(nil)))
		e.SetFaults(inject(auth0test.Fault{Kind: kind}))
		r := e.token(signIn(nil))
		wantOK(t, r)
		if _, has := r.body[name]; has || len(r.body) != 4 {
			t.Errorf("%s: got %s", kind, r.text)
		}
		e.SetFaults(auth0test.Faults{})
	}
}

func TestWrongSubjectIsASessionOfSomebodyElse(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.SetFaults(inject(auth0test.Fault{Kind: auth0test.WrongSubject}))
	r := e.token(signIn(params{"audience": audience}))
	for _, name := range []string{"id_token", "access_token"} {
		if sub := e.verify(r.str(name))["sub"]; sub != "auth0|alice-other" {
			t.Errorf("sub of the %s is %v", name, sub)
		}
	}
}

func TestIDTokenFaultsSpoilOneClaim(t *testing.T) {
	t.Parallel()
	now := newClock()
	opts := tenant()
	opts.Now = now.Now
	e := start(t, opts)
	iat := float64(now.Now().Unix())
	for kind, want := range map[auth0test.FaultKind]map[string]any{
		auth0test.IDWrongIssuer:    {"iss": "https://elsewhere.example/"},
		auth0test.IDNoSlashIssuer:  {"iss": e.URL()},
		auth0test.IDWrongAudience:  {"aud": "another-client"},
		auth0test.IDManyAudiences:  {"aud": []any{clientID, "another-client"}},
		auth0test.IDWrongAZP:       {"aud": []any{clientID, "another-client"}, "azp": "another-client"},
		auth0test.IDExpired:        {"iat": iat - 7200, "exp": iat - 3600},
		auth0test.IDIssuedInFuture: {"iat": iat + 3600},
	} {
		e.SetFaults(inject(auth0test.Fault{Kind: kind}))
		claims := e.verify(e.token(signIn(params{"scope": "openid phone"})).str("id_token"))
		good := map[string]any{
			"iss": e.Issuer(), "sub": "auth0|alice", "aud": clientID, "iat": iat, "exp": iat + 36000, "phone_number": "+64210000000",
		}
		for name, value := range want {
			good[name] = value
		}
		t.Run(string(kind), func(t *testing.T) { wantClaims(t, claims, good) })
	}
}

func TestIDTokenFaultsAddOneClaim(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	idClaims := func(kind auth0test.FaultKind) map[string]any {
		e.SetFaults(inject(auth0test.Fault{Kind: kind}))
		return e.verify(e.token(signIn(nil)).str("id_token"))
	}
	if nonce, _ := idClaims(auth0test.IDNonce)["nonce"].(string); nonce == "" {
		t.Error("there is no nonce")
	}
	for kind, right := range map[auth0test.FaultKind]bool{auth0test.IDAtHash: true, auth0test.IDWrongAtHash: false} {
		e.SetFaults(inject(auth0test.Fault{Kind: kind}))
		r := e.token(signIn(nil))
		got := e.verify(r.str("id_token"))["at_hash"]
		if got == nil || (got == leftHalfOfSHA256(r.str("access_token"))) != right {
			t.Errorf("%s: at_hash is %v", kind, got)
		}
	}
}

func TestIDTokenFaultsSpoilTheSignature(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	published := e.keys()
	rs256 := []jose.SignatureAlgorithm{jose.RS256}
	for kind, check := range map[auth0test.FaultKind]func(t *testing.T, token string){
		auth0test.IDUnsigned: func(t *testing.T, token string) {
			if header, _ := peek(t, token); header["alg"] != "none" || !strings.HasSuffix(token, ".") {
				t.Errorf("got header %v", header)
			}
		},
		auth0test.IDHS256: func(t *testing.T, token string) {
			wantHMAC(t, token, []byte(clientSecret))
		},
		auth0test.IDHS256WithKey: func(t *testing.T, token string) {
			der, err := x509.MarshalPKIXPublicKey(published.Keys[1].Key)
			if err != nil {
				t.Fatal(err)
			}
			secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
			wantHMAC(t, token, secret)
		},
		auth0test.IDUnknownKey: func(t *testing.T, token string) {
			parsed, err := jwt.ParseSigned(token, rs256)
			if err != nil {
				t.Fatal(err)
			}
			if len(published.Key(parsed.Headers[0].KeyID)) != 0 {
				t.Error("the key is in the JWKS")
			}
		},
		auth0test.IDForeignKey:   wantBadSignature(&published),
		auth0test.IDBadSignature: wantBadSignature(&published),
	} {
		e.SetFaults(inject(auth0test.Fault{Kind: kind}))
		token := e.token(signIn(nil)).str("id_token")
		t.Run(string(kind), func(t *testing.T) { check(t, token) })
	}
}

func wantHMAC(t *testing.T, token string, secret []byte) {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Claims(secret, new(jwt.Claims)); err != nil {
		t.Errorf("the secret does not fit: %v", err)
	}
}

// wantBadSignature wants a token whose key is published and does not fit.
func wantBadSignature(published *jose.JSONWebKeySet) func(*testing.T, string) {
	return func(t *testing.T, token string) {
		t.Helper()
		parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		keys := published.Key(parsed.Headers[0].KeyID)
		if len(keys) != 1 {
			t.Fatalf("the JWKS has %d such keys, want 1", len(keys))
		}
		if err := parsed.Claims(keys[0].Key, new(jwt.Claims)); !errors.Is(err, jose.ErrCryptoFailure) {
			t.Errorf("got %v, want a bad signature", err)
		}
	}
}
