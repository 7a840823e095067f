package auth0test_test

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/patience"
)

const (
	clientID     = "bridge"
	clientSecret = "a client secret: with % & reserved + characters"
	database     = "passkeys"
	audience     = "https://api.example"
)

// loginScript ends in the way its password asks for.
const loginScript = `
function login(id, password, callback) {
  switch (password) {
  case 'right':
    return callback(null, {
      user_id: id, email: id + '@example.com', email_verified: true, nickname: 'nick', name: 'N. Ick',
      phone_number: '+64210000000', app_metadata: {secret: 'no claim'}
    });
  case 'other right':    return callback(null, {user_id: id});
  case 'wrong':          return callback(new WrongUsernameOrPasswordError(id, 'token expired'));
  case 'nothing':        return callback();
  case 'unauthorized':   return callback(new UnauthorizedError('come back tomorrow'));
  case 'invalid':        return callback(new ValidationError('code', 'not valid'));
  case 'failed':         return callback(new Error('authsignal is down'));
  case 'no user_id':     return callback(null, {email: 'a@example.com'});
  case 'number user_id': return callback(null, {user_id: 5});
  case 'no object':      return callback(null, 'profile');
  case 'throws':         throw new Error('thrown');
  case 'rejects':        return Promise.reject(new Error('rejected'));
  case 'uncaught':       return setTimeout(() => { throw new Error('uncaught'); }, 1);
  case 'secret':         return callback(null, {user_id: configuration.ID});
  }
}`

// keys are shared by all tenants here, since making some takes a while.
var keys auth0test.Keys

// tenant is a usual set of options, for a test to change.
func tenant() auth0test.Options {
	return auth0test.Options{
		Keys: &keys,
		Clients: []auth0test.Client{{
			ID: clientID, Secret: clientSecret, Name: "Bridge",
			GrantTypes:   []string{auth0test.GrantPassword, auth0test.GrantPasswordRealm, auth0test.GrantRefreshToken},
			Connections:  []string{database},
			RefreshToken: auth0test.RefreshToken{Rotating: true},
		}},
		Connections: []auth0test.Connection{{
			Name: database, LoginScript: loginScript, Configuration: map[string]string{"ID": "configured"},
		}},
		APIs: []auth0test.API{{Identifier: audience, Scopes: []string{"read:things", "write:things"}, AllowOfflineAccess: true}},
	}
}

// emulator is a started server and a client that trusts it and follows no
// redirect.
type emulator struct {
	*auth0test.Server
	client *http.Client
	t      *testing.T
}

func start(t *testing.T, opts auth0test.Options) *emulator {
	t.Helper()
	s, err := auth0test.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: s.CertPool(), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &emulator{Server: s, t: t, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any // nil if the text is no JSON object
}

func (r reply) str(name string) string {
	text, _ := r.body[name].(string)
	return text
}

// do sends a request whose answer must arrive whole.
func (e *emulator) do(req *http.Request) reply {
	e.t.Helper()
	r, err := e.try(req)
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

func (e *emulator) try(req *http.Request) (reply, error) {
	res, err := e.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: res.StatusCode, header: res.Header, text: string(text)}
	_ = json.Unmarshal(text, &r.body)
	return r, nil
}

func (e *emulator) get(path string) reply {
	e.t.Helper()
	return e.do(e.request(http.MethodGet, path, "", ""))
}

func (e *emulator) userinfo(accessToken string) reply {
	e.t.Helper()
	req := e.request(http.MethodGet, "/userinfo", "", "")
	req.Header.Set("Authorization", "Bearer "+accessToken)
	return e.do(req)
}

func (e *emulator) request(method, path, contentType, body string) *http.Request {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.URL()+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

// params are a body's; "" means that the parameter is absent.
type params map[string]string

func (p params) with(change params) params {
	all := make(params)
	for _, from := range []params{p, change} {
		for name, value := range from {
			all[name] = value
			if value == "" {
				delete(all, name)
			}
		}
	}
	return all
}

func (p params) form() string {
	form := make(url.Values)
	for name, value := range p {
		form.Set(name, value)
	}
	return form.Encode()
}

func (e *emulator) tokenRequest(p params) *http.Request {
	e.t.Helper()
	return e.request(http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", p.form())
}

func (e *emulator) token(p params) reply {
	e.t.Helper()
	return e.do(e.tokenRequest(p))
}

// signIn is the request of a bridge; change says what is different.
func signIn(change params) params {
	return params{
		"grant_type": auth0test.GrantPasswordRealm, "realm": database,
		"username": "alice", "password": "right", "scope": "openid offline_access",
		"client_id": clientID, "client_secret": clientSecret,
	}.with(change)
}

func refresh(token string, change params) params {
	return params{
		"grant_type": auth0test.GrantRefreshToken, "refresh_token": token,
		"client_id": clientID, "client_secret": clientSecret,
	}.with(change)
}

func wantError(t *testing.T, r reply, status int, code, description string) {
	t.Helper()
	if r.status != status || r.str("error") != code || r.str("error_description") != description {
		t.Errorf("got %d %s, want %d with error %q, %q", r.status, r.text, status, code, description)
	}
}

func wantOK(t *testing.T, r reply) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", r.status, r.text)
	}
}

// verify checks a JWT as a careful client does and returns its claims.
func (e *emulator) verify(token string) map[string]any {
	e.t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		e.t.Fatal(err)
	}
	published := e.keys()
	keys := published.Key(parsed.Headers[0].KeyID)
	if len(keys) != 1 {
		e.t.Fatalf("the JWKS has %d keys named as the token's, want 1", len(keys))
	}
	claims := make(map[string]any)
	if err := parsed.Claims(keys[0].Key, &claims); err != nil {
		e.t.Fatal(err)
	}
	return claims
}

func (e *emulator) keys() jose.JSONWebKeySet {
	e.t.Helper()
	var set jose.JSONWebKeySet
	var err error
	text := []byte(e.get("/.well-known/jwks.json").text)
	fips140.WithoutEnforcement(func() { err = json.Unmarshal(text, &set) }) // go-jose compares the thumbprints, which are SHA-1
	if err != nil {
		e.t.Fatal(err)
	}
	return set
}

// peek returns a JWT's header and claims without checking anything.
func peek(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts, want 3", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// clock is one that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestStartRefusesOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*auth0test.Options)
		want   string
	}{
		"an address open to the network": {func(o *auth0test.Options) { o.Addr = "0.0.0.0:0" }, "not a loopback address"},
		"an address without a host":      {func(o *auth0test.Options) { o.Addr = ":4400" }, "not a loopback address"},
		"a name for an address":          {func(o *auth0test.Options) { o.Addr = "localhost:0" }, "not a loopback address"},
		"a client twice":                 {func(o *auth0test.Options) { o.Clients = append(o.Clients, o.Clients[0]) }, `client id "bridge" is empty or given twice`},
		"a client without a secret":      {func(o *auth0test.Options) { o.Clients[0].Secret = "" }, "needs a secret"},
		"an unknown method":              {func(o *auth0test.Options) { o.Clients[0].AuthMethod = "mtls" }, "unknown authentication method"},
		"a connection that is not there": {func(o *auth0test.Options) { o.Clients[0].Connections = []string{"other"} }, `connection "other"`},
		"a connection twice":             {func(o *auth0test.Options) { o.Connections = append(o.Connections, o.Connections[0]) }, "given twice"},
		"an API without a name":          {func(o *auth0test.Options) { o.APIs[0].Identifier = "" }, "API identifier"},
		"a default that is not there":    {func(o *auth0test.Options) { o.DefaultDirectory = "other" }, "default directory"},
		"a script that is no JavaScript": {func(o *auth0test.Options) { o.Connections[0].LoginScript = "function login( {" }, `login script of connection "passkeys"`},
		"a script the engine cannot run": {func(o *auth0test.Options) {
			o.Connections[0].LoginScript = "async function login(i, p, cb) { for await (const x of []); cb(); }"
		}, "await"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := tenant()
			test.change(&opts)
			s, err := auth0test.Start(opts)
			if err == nil {
				_ = s.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want it to say %q", err, test.want)
			}
		})
	}
}

func TestStartNamesEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.Addr = "0.0.0.0:0"
	opts.Clients[0].Secret = ""
	_, err := auth0test.Start(opts)
	if err == nil || !strings.Contains(err.Error(), "loopback") || !strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want both faults", err)
	}
}

func TestServerIsReachedOverTLSWithItsOwnAuthorityOnly(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	_, port, _ := strings.Cut(e.Domain(), ":")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		res, err := e.client.Do(e.requestTo("https://" + host + ":" + port + "/.well-known/jwks.json"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.ProtoMajor != 2 {
			t.Errorf("%s speaks %s, want HTTP/2", host, res.Proto)
		}
	}
	if _, err := http.DefaultClient.Do(e.requestTo(e.URL() + "/.well-known/jwks.json")); err == nil {
		t.Error("a client that does not know the authority trusts it")
	}
	if e.URL() != "https://"+e.Domain() || e.Issuer() != e.URL()+"/" {
		t.Errorf("got URL %s, domain %s, issuer %s", e.URL(), e.Domain(), e.Issuer())
	}
	if !bytes.HasPrefix(e.CAPEM(), []byte("-----BEGIN CERTIFICATE-----")) {
		t.Errorf("the authority is no PEM: %q", e.CAPEM())
	}
}

func (e *emulator) requestTo(address string) *http.Request {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		e.t.Fatal(err)
	}
	return req
}

func TestPlainServerHasNoAuthority(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.Plain = true
	e := start(t, opts)
	if e.CAPEM() != nil || e.URL() != "http://"+e.Domain() {
		t.Errorf("got authority %q at %s", e.CAPEM(), e.URL())
	}
	wantOK(t, e.token(signIn(nil)))
}

func TestDiscoveryNamesTheEndpoints(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	r := e.get("/.well-known/openid-configuration")
	wantOK(t, r)
	for name, want := range map[string]string{
		"issuer":              e.URL() + "/",
		"token_endpoint":      e.URL() + "/oauth/token",
		"revocation_endpoint": e.URL() + "/oauth/revoke",
		"userinfo_endpoint":   e.URL() + "/userinfo",
		"jwks_uri":            e.URL() + "/.well-known/jwks.json",
	} {
		if r.str(name) != want {
			t.Errorf("%s is %q, want %q", name, r.str(name), want)
		}
	}
	if r.header.Get("Content-Type") != "application/json" || r.header.Get("Cache-Control") != "" {
		t.Errorf("got headers %v, want JSON that may be cached", r.header)
	}
}

func TestRotatedKeysStayPublished(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	before := e.token(signIn(nil)).str("id_token")
	first, _ := peek(t, before)
	published := e.keys()
	if len(published.Keys) != 2 || published.Keys[0].KeyID == first["kid"] {
		t.Fatalf("got %d keys, the first in use: %v; want two and the next one first", len(published.Keys), published.Keys[0].KeyID == first["kid"])
	}
	e.RotateKeys()
	after := e.token(signIn(nil)).str("id_token")
	second, _ := peek(t, after)
	if second["kid"] != published.Keys[0].KeyID {
		t.Errorf("the new key was not published as the next one before")
	}
	if first["kid"] == second["kid"] {
		t.Error("the key is still the same")
	}
	e.verify(before)
	e.verify(after)
	for _, key := range e.get("/.well-known/jwks.json").body["keys"].([]any) {
		key := key.(map[string]any)
		if key["kty"] != "RSA" || key["use"] != "sig" || key["alg"] != "RS256" || key["d"] != nil {
			t.Errorf("got key %v", key)
		}
		for _, name := range []string{"kid", "n", "e", "x5t", "x5c"} {
			if key[name] == nil {
				t.Errorf("a key lacks %s", name)
			}
		}
	}
}

func TestStoreScriptReplacesTheScriptOrKeepsTheOld(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	if err := e.StoreScript(database, "function login(id, p, cb) { cb(null, {user_id: 'new'}); }"); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"function login(id, p, cb) { if (":                                  "does not parse",
		"function login(id, p, cb) { cb(); } //" + strings.Repeat("x", 1e5): "Auth0 takes at most 100000",
	} {
		if err := e.StoreScript(database, source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
	if err := e.StoreScript("other", loginScript); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("got %v, want an error that names the connection", err)
	}
	if sub := e.verify(e.token(signIn(nil)).str("id_token"))["sub"]; sub != "auth0|new" {
		t.Errorf("sub is %v, want that of the stored script", sub)
	}
}

func TestScriptThatNeedsWhatTheHostLacksIsAScriptFailure(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.Connections[0].LoginScript = `function login(id, p, cb) { try { require('pg') } catch (e) { cb(new WrongUsernameOrPasswordError(id)) } }`
	e := start(t, opts)
	wantError(t, e.token(signIn(nil)), 403, "access_denied", `the module "pg" is not in this host, though Auth0's may have it`)
}

func TestConnectionWithoutAScriptIsAScriptFailure(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.Connections[0].LoginScript = ""
	e := start(t, opts)
	wantError(t, e.token(signIn(nil)), 403, "access_denied", "Sandbox Error: Please implement the Login script for this database connection")
}

func TestCloseEndsRequestsThatHang(t *testing.T) {
	t.Parallel()
	told := make(chan auth0test.Exchange, 1)
	opts := tenant()
	opts.Observe = func(x auth0test.Exchange) { told <- x }
	e := start(t, opts)
	e.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.Hang}}})
	failed := make(chan error, 1)
	go func() {
		_, err := e.try(e.tokenRequest(signIn(nil)))
		failed <- err
	}()
	if x := patience.Receive(t, told, "the request that hangs"); x.Status != 0 { // told when the hanging begins
		t.Errorf("got %+v, want no status", x)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := patience.Receive(t, failed, "the request to fail"); err == nil {
		t.Error("the request was answered")
	}
	if err := e.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestUnknownPathsAreToldAndRefused(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	wantError(t, e.get("/authorize"), 404, "not_found", "this emulator serves no such endpoint")
	wantError(t, e.get("/oauth/token"), 404, "not_found", "this emulator serves no such endpoint")
	paths := []string{}
	for _, x := range e.Exchanges() {
		paths = append(paths, x.Method+" "+x.Path)
	}
	if want := []string{"GET /authorize", "GET /oauth/token"}; !slices.Equal(paths, want) {
		t.Errorf("told of %v, want %v", paths, want)
	}
}

func TestExchangesTellOfRequestsAndScriptsWithoutCredentials(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var observed []auth0test.Exchange
	opts := tenant()
	opts.Observe = func(x auth0test.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		observed = append(observed, x)
	}
	e := start(t, opts)
	req := e.tokenRequest(signIn(params{"password": "wrong"}))
	req.Header.Set("User-Agent", "bridge/1")
	e.do(req)

	kept := e.Exchanges()
	mu.Lock()
	defer mu.Unlock()
	if len(kept) != 2 || len(observed) != 2 {
		t.Fatalf("kept %d and observed %d exchanges, want 2 each", len(kept), len(observed))
	}
	script, request := observed[0], observed[1]
	if script.Kind != auth0test.LoginScript || script.Outcome != "refused" || script.Connection != database || script.ClientID != clientID {
		t.Errorf("got script %+v", script)
	}
	if request.Kind != auth0test.Request || request.Status != 403 || request.Error != "invalid_grant" ||
		request.GrantType != auth0test.GrantPasswordRealm || request.ClientIP != "127.0.0.1" ||
		request.UserAgent != "bridge/1" || request.Proto != "HTTP/2.0" || request.Path != "/oauth/token" {
		t.Errorf("got request %+v", request)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, credential := range []string{"alice", "wrong", clientSecret} {
		if bytes.Contains(text, []byte(credential)) {
			t.Errorf("%q is told: %s", credential, text)
		}
	}
}

func TestTheLastThousandExchangesAreKept(t *testing.T) {
	t.Parallel()
	e := start(t, tenant())
	e.get("/first")
	for range 1000 {
		e.get("/more")
	}
	kept := e.Exchanges()
	if len(kept) != 1000 || kept[0].Path != "/more" {
		t.Errorf("kept %d, the oldest of %s", len(kept), kept[0].Path)
	}
}

func TestEverythingMayHappenAtOnce(t *testing.T) {
	t.Parallel()
	opts := tenant()
	opts.Clients[0].RefreshToken.Leeway = time.Minute
	e := start(t, opts)
	e.SetFaults(auth0test.Faults{Protection: auth0test.Protection{BruteForce: 1000, TokenPerSecond: 1000}})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			session, err := e.try(e.tokenRequest(signIn(params{"username": fmt.Sprint(i)})))
			if err != nil || session.status != http.StatusOK {
				t.Errorf("sign-in: %d, %v", session.status, err)
				return
			}
			e.RotateKeys()
			e.BlockUser("auth0|somebody")
			e.SetFaults(e.Faults())
			if err := e.StoreScript(database, loginScript); err != nil {
				t.Error(err)
			}
			renewed, err := e.try(e.tokenRequest(refresh(session.str("refresh_token"), nil)))
			if err != nil || renewed.status != http.StatusOK {
				t.Errorf("refresh: %d, %v", renewed.status, err)
			}
		})
	}
	all.Wait()
	if users := e.Users(); len(users) != 8 {
		t.Errorf("got %d users, want 8", len(users))
	}
}

func TestScriptRunsOnWhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	done := make(chan auth0test.Exchange, 2)
	opts := tenant()
	opts.Connections[0].LoginScript = `async function login(id, p, cb) { await fetch('https://authsignal.example/'); cb(null, {user_id: id}); }`
	release := make(chan struct{})
	opts.ScriptHost.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
		close(asked)
		<-release
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
	opts.Observe = func(x auth0test.Exchange) { done <- x }
	e := start(t, opts)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	req := e.tokenRequest(signIn(nil)).WithContext(ctx)
	go func() {
		defer close(left)
		_, _ = e.try(req)
	}()
	patience.Receive(t, asked, "the script to ask")
	leave()
	patience.Receive(t, left, "the caller who left")
	close(release)
	if x := patience.Receive(t, done, "the script to end"); x.Kind != auth0test.LoginScript || x.Outcome != "profile" {
		t.Errorf("got %+v, want a script that returned a profile", x)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
