package authsignaltest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/authsignal/authsignaltest"
)

func TestItListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0", "example.com:0", "localhost:0", "127.0.0.1"} {
		if s, err := authsignaltest.Start(authsignaltest.Options{Addr: addr}); err == nil {
			_ = s.Close()
			t.Errorf("started on %q", addr)
		}
	}
	s := start(t, authsignaltest.Options{})
	if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") || s.APIURL() != s.URL()+"/v1" {
		t.Errorf("URL is %s, API at %s", s.URL(), s.APIURL())
	}
}

func TestKeysAreRandomUnlessGiven(t *testing.T) {
	t.Parallel()
	one, two := start(t, authsignaltest.Options{}), start(t, authsignaltest.Options{})
	if one.Secret() == two.Secret() || one.TenantID() == two.TenantID() {
		t.Error("two emulators share a secret or tenant id")
	}
	given := strings.Repeat("s", 32)
	if s := start(t, authsignaltest.Options{Secret: given, TenantID: "t"}); s.Secret() != given || s.TenantID() != "t" {
		t.Error("a given secret or tenant id is not used")
	}
	if _, err := authsignaltest.Start(authsignaltest.Options{Secret: "short"}); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short secret: got %v", err)
	}
}

func TestTheRelyingPartyIsADomain(t *testing.T) {
	t.Parallel()
	if _, err := authsignaltest.Start(authsignaltest.Options{RPID: "127.0.0.1"}); err == nil {
		t.Error("an address was accepted as relying party id")
	}
}

func TestCloseTwice(t *testing.T) {
	t.Parallel()
	s, err := authsignaltest.Start(authsignaltest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestExchangesAreRecordedBeforeTheyAreAnswered(t *testing.T) {
	t.Parallel()
	c := newClock()
	var mu sync.Mutex
	var observed []authsignaltest.Exchange
	s := start(t, authsignaltest.Options{Now: c.now, Observe: func(x authsignaltest.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		observed = append(observed, x)
	}})
	phone := enrol(t, s, authsignaltest.IOS)
	if _, err := phone.SignIn(t.Context(), signIn); err != nil {
		t.Fatal(err)
	}
	send(t, http.MethodGet, s.APIURL()+"/users/"+jane.ID+"?token=secret-in-query", "", nil)
	send(t, http.MethodGet, s.URL()+"/nowhere", "", nil)

	var got []string
	for _, x := range s.Exchanges() {
		got = append(got, fmt.Sprint(x.Method, " ", x.Path, " ", x.Route, " ", x.Status))
		if !x.Time.Equal(c.now()) || x.Duration <= 0 || x.UserAgent == "" {
			t.Errorf("recorded %+v", x)
		}
	}
	const passkey = "/v1/client/user-authenticators/passkey"
	want := []string{
		"POST " + passkey + "/registration-options " + passkey + "/registration-options 200",
		"POST " + passkey + " " + passkey + " 200",
		"POST /v1/client/challenge /v1/client/challenge 200",
		"POST " + passkey + "/authentication-options " + passkey + "/authentication-options 200",
		"POST /v1/client/verify/passkey /v1/client/verify/passkey 200",
		"GET /v1/users/auth0|66f0c0de /v1/users/{userId} 401",
		"GET /nowhere  404",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(observed, s.Exchanges()) {
		t.Error("Observe saw something else than Exchanges")
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	r := validate(t, s, object{"token": strings.Repeat("x", 2<<20)})
	wantError(t, r, http.StatusRequestEntityTooLarge, "invalid_request")
}

func TestTokensAreHS256WithTheSecretByDefault(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	s.PutUser(jane)
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn, IdempotencyKey: "k"})
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims object
	if err := parsed.Claims([]byte(s.Secret()), &claims); err != nil {
		t.Fatal(err)
	}
	wantFields(t, reply{status: http.StatusOK, object: claims}, object{
		"aud": s.TenantID(), "sub": jane.ID, "scope": "read:authenticators", "iss": nil,
		"iat": c.now().Unix(), "exp": c.now().Add(10 * time.Minute).Unix(),
		"other": object{
			"tenantId": s.TenantID(), "publishableKey": s.TenantID(), "userId": jane.ID, "username": jane.Username,
			"actionCode": signIn, "idempotencyKey": "k",
		},
	})

	s.SetFaults(authsignaltest.Faults{Audience: "another"})
	parsed, err = jwt.ParseSigned(s.Mint(authsignaltest.TokenSpec{UserID: jane.ID}), []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	var renamed jwt.Claims
	if err := parsed.Claims([]byte(s.Secret()), &renamed); err != nil || !renamed.Audience.Contains("another") {
		t.Errorf("aud is %v, %v", renamed.Audience, err)
	}
}

func TestTokensCanBeRS256WithAPublishedKey(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{RS256: true})
	in, err := enrol(t, s, authsignaltest.Android).SignIn(t.Context(), signIn)
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, validate(t, s, object{"token": in.Token}), object{"isValid": true})

	jwks := s.APIURL() + "/client/public/" + s.TenantID() + "/.well-known/jwks"
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(send(t, http.MethodGet, jwks, "", nil).raw), &keys); err != nil || len(keys.Keys) != 1 || !keys.Keys[0].IsPublic() {
		t.Fatalf("got key set %+v, %v", keys, err)
	}
	parsed, err := jwt.ParseSigned(in.Token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if kid := parsed.Headers[0].KeyID; kid != keys.Keys[0].KeyID {
		t.Errorf("token names key %q, the set holds %q", kid, keys.Keys[0].KeyID)
	}
	if err := parsed.Claims(keys.Keys[0], &object{}); err != nil {
		t.Error(err)
	}
	wantFields(t, validate(t, s, object{"token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Foreign: true})}), object{"isValid": false})
	wantError(t, send(t, http.MethodGet, strings.Replace(jwks, s.TenantID(), "other", 1), "", nil), http.StatusNotFound, "not_found")
}

func TestAKeySetIsNoHMACKey(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{RS256: true})
	set := send(t, http.MethodGet, s.APIURL()+"/client/public/"+s.TenantID()+"/.well-known/jwks", "", nil).raw
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(set)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := jwt.Signed(signer).Claims(object{
		"sub": jane.ID, "exp": time.Now().Add(time.Hour).Unix(), "other": object{"tenantId": s.TenantID(), "userId": jane.ID},
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, validate(t, s, object{"token": forged}), object{"isValid": false, "error": "invalid_token"})
}

func TestWebhooksAreSignedWithEveryActiveSecret(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	first := s.Secret()
	mac := func(secret string, body []byte) string {
		h := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(h, "%d.%s", c.now().Unix(), body)
		return strings.TrimRight(base64.StdEncoding.EncodeToString(h.Sum(nil)), "=")
	}

	signature, body, err := s.Webhook("authenticator.deleted", object{"userId": jane.ID})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("t=%d,v2=%s", c.now().Unix(), mac(first, body)); signature != want {
		t.Errorf("signature %s, want %s", signature, want)
	}
	var event object
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	wantFields(t, reply{status: http.StatusOK, object: event}, object{
		"version": 1, "type": "authenticator.deleted", "source": "https://authsignal.com",
		"time": "2026-01-31T10:00:00.000Z", "tenantId": s.TenantID(), "data": object{"userId": jane.ID},
	})

	second := s.RotateSecret()
	signature, body, err = s.Webhook("authenticator.deleted", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("t=%d,v2=%s,v2=%s", c.now().Unix(), mac(second, body), mac(first, body)); signature != want {
		t.Errorf("signature %s, want %s", signature, want)
	}
	if _, _, err := s.Webhook("bad", func() {}); err == nil {
		t.Error("data that is no JSON was accepted")
	}
}

func TestTheEmulatorIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Browser)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s.SetFaults(authsignaltest.Faults{TokenSeconds: 600 + i})
			s.AllowOrigin(fmt.Sprintf("http://localhost:%d", 9000+i))
			if _, err := phone.SignIn(t.Context(), signIn); err != nil {
				t.Error(err)
			}
			_ = s.Faults()
			_ = s.Exchanges()
		})
	}
	wg.Wait()
}

// rewrite is a transport that changes JSON bodies on their way out.
type rewrite func(path string, body object)

func (f rewrite) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var body object
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	f(r.URL.Path, body)
	if raw, err = json.Marshal(body); err != nil {
		return nil, err
	}
	changed := r.Clone(r.Context())
	changed.Body, changed.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	changed.GetBody = nil
	return http.DefaultTransport.RoundTrip(changed)
}
