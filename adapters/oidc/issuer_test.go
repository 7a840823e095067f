package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/oidc/oidctest"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const audience = "https://api.example.com"

// assertionKeys is what a bridge with the minimal configuration publishes.
var assertionKeys = sync.OnceValue(func() []byte {
	config, err := load(minimal())
	if err != nil {
		panic(err)
	}
	return oidc.NewIssuer(nil, config, 0, nil, nil).AssertionJWKS()
})

// startProvider starts a provider that knows the minimal configuration.
func startProvider(t *testing.T, change func(*oidctest.Options)) *oidctest.Server {
	t.Helper()
	options := oidctest.Options{ClientID: clientID, ClientSecret: clientSecret, AssertionIssuer: clientID, AssertionKeys: assertionKeys()}
	if change != nil {
		change(&options)
	}
	provider, err := oidctest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = provider.Close() })
	return provider
}

func configFor(t *testing.T, provider *oidctest.Server, changes ...map[string]string) oidc.Config {
	t.Helper()
	config, err := load(minimal(), append([]map[string]string{{"OIDC_ISSUER": provider.Issuer()}}, changes...)...)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func newIssuer(config oidc.Config) *oidc.Issuer {
	client := upstream.New(upstream.Options{Name: "oidc", Now: time.Now})
	return oidc.NewIssuer(client, config, 30*time.Second, time.Now, rand.Reader)
}

func issuerFor(t *testing.T, provider *oidctest.Server, changes ...map[string]string) *oidc.Issuer {
	t.Helper()
	return newIssuer(configFor(t, provider, changes...))
}

func grantFor(subject string, scope ...string) domain.Grant {
	if len(scope) == 0 {
		scope = []string{"openid", "profile", "email"}
	}
	return domain.Grant{
		Identity: domain.Identity{Authority: "test", Subject: subject, Action: "signIn", Method: domain.MethodPasskey, ProofID: "1", AuthenticatedAt: time.Now()},
		Token:    domain.PasskeyToken{Secret: domain.NewSecret("a.passkey.token")},
		Access:   domain.Access{Scope: scope, Audience: audience},
		Client:   domain.Client{Addr: netip.MustParseAddr("81.2.69.160")},
	}
}

func TestIssuerKeepsTheContract(t *testing.T) {
	portstest.TokenIssuer(t, func(t *testing.T) portstest.IssuerHarness {
		provider := startProvider(t, nil)
		meets := func(fault oidctest.Fault) func(*testing.T) {
			return func(*testing.T) { provider.SetFault(fault) }
		}
		spoil := map[string]func(*testing.T){string(oidctest.NoIDToken): meets(oidctest.NoIDToken)}
		for _, fault := range oidctest.IDTokenFaults() {
			spoil[string(fault)] = meets(fault)
		}
		return portstest.IssuerHarness{
			Issuer: issuerFor(t, provider),
			Grant:  func(*testing.T) domain.Grant { return grantFor("jane") },
			Swap:   meets(oidctest.WrongSubject),
			Widen: func(t *testing.T) string {
				meets(oidctest.MoreScope)(t)
				return "admin"
			},
			Refuse: map[domain.Error]func(*testing.T){
				domain.ErrAccessDenied: func(*testing.T) { provider.Forget("jane") },
			},
			Spoil:   spoil,
			Secrets: []string{clientSecret},
			Lock:    meets(oidctest.InvalidClient),
			Limit:   meets(oidctest.Limited),
			Garble:  meets(oidctest.Garbled),
			Hang:    meets(oidctest.Hang),
			Stop:    func(*testing.T) { _ = provider.Close() },
		}
	})
}

// The emulator's spoilt tokens are an hour off.
func TestHowFarTheProvidersClockMayDifferIsTheSkew(t *testing.T) {
	provider := startProvider(t, nil)
	for _, fault := range []oidctest.Fault{oidctest.IDExpired, oidctest.IDIssuedInFuture} {
		provider.SetFault(fault)
		for skew, accepted := range map[time.Duration]bool{30 * time.Second: false, 2 * time.Hour: true} {
			client := upstream.New(upstream.Options{Name: "oidc", Now: time.Now})
			issuer := oidc.NewIssuer(client, configFor(t, provider), skew, time.Now, rand.Reader)
			if _, err := issuer.Issue(t.Context(), grantFor("jane")); (err == nil) != accepted {
				t.Errorf("%s with a skew of %s: err = %v, accepted: want %t", fault, skew, err, accepted)
			}
		}
	}
}

func TestASessionIsHadInEveryWayThatIsConfigurable(t *testing.T) {
	clientKey := freshKey()
	byKey := map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": clientKey}
	// The client's public key is published by nobody: the provider is told it.
	asAssertion, err := load(minimal(), map[string]string{"OIDC_ASSERTION_KEY": clientKey})
	if err != nil {
		t.Fatal(err)
	}
	clientKeys := oidc.NewIssuer(nil, asAssertion, 0, nil, nil).AssertionJWKS()

	for name, tt := range map[string]struct {
		options func(*oidctest.Options)
		config  map[string]string
	}{
		"client_secret_basic":       {nil, nil},
		"client_secret_post":        {func(o *oidctest.Options) { o.SecretInBody = true }, nil},
		"private_key_jwt":           {func(o *oidctest.Options) { o.ClientKeys = clientKeys }, byKey},
		"ID tokens signed by ES256": {func(o *oidctest.Options) { o.Algorithm = jose.ES256 }, nil},
		"ID tokens signed by PS256": {func(o *oidctest.Options) { o.Algorithm = jose.PS256 }, nil},
		"an issuer of its own":      {func(o *oidctest.Options) { o.AssertionIssuer = "https://b.example" }, map[string]string{"OIDC_ASSERTION_ISSUER": "https://b.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := issuerFor(t, startProvider(t, tt.options), tt.config)
			session, err := issuer.Issue(t.Context(), grantFor("jane"))
			if err != nil || session.Subject != "jane" {
				t.Errorf("session = %+v, err = %v", session, err)
			}
		})
	}
}

func TestSubjectsAreTakenByteForByte(t *testing.T) {
	provider := startProvider(t, nil)
	issuer := issuerFor(t, provider)
	for _, subject := range []string{"66f0c0de", "auth0|66f0c0de", "Jané", "a b", " ", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", `"<>&`} {
		session, err := issuer.Issue(t.Context(), grantFor(subject))
		if err != nil || session.Subject != subject {
			t.Errorf("%q becomes %q, %v", subject, session.Subject, err)
		}
	}
}

// recordedRequest is what a provider was sent.
type recordedRequest struct {
	base   string // of the provider
	path   string
	form   url.Values
	header http.Header
}

// slashed makes plainProvider an issuer with a slash at its end.
var slashed = map[string]string{"OIDC_ISSUER": "/"}

// plainProvider answers everything but discovery as given, and records it.
func plainProvider(t *testing.T, answer http.HandlerFunc, changes ...map[string]string) (*oidc.Issuer, func() []recordedRequest) {
	t.Helper()
	requests := make(chan recordedRequest, 100)
	var config oidc.Config
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":"%[2]s/token?tenant=1","jwks_uri":"%[2]s/keys","revocation_endpoint":"%[2]s/revoke"}`, config.Issuer, server.URL)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		r.PostForm = form
		requests <- recordedRequest{server.URL, r.URL.String(), form, r.Header}
		answer(w, r)
	})
	merged := map[string]string{}
	for _, change := range changes {
		for name, value := range change {
			merged[name] = value
		}
	}
	merged["OIDC_ISSUER"] = server.URL + merged["OIDC_ISSUER"]
	var err error
	if config, err = load(minimal(), merged); err != nil {
		t.Fatal(err)
	}
	return newIssuer(config), func() (all []recordedRequest) {
		for len(requests) > 0 {
			all = append(all, <-requests)
		}
		return all
	}
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

func TestTheRequestIsThatOfRFC7523(t *testing.T) {
	for name, tt := range map[string]struct {
		config map[string]string
		want   url.Values
	}{
		"with a resource": {nil, url.Values{"resource": {audience}}},
		"with an audience": {map[string]string{"OIDC_AUDIENCE_PARAMETER": "audience"},
			url.Values{"audience": {audience}}},
		"with private_key_jwt": {map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": freshKey()},
			url.Values{"resource": {audience}, "client_id": {clientID}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}},
	} {
		t.Run(name, func(t *testing.T) {
			issuer, requests := plainProvider(t, answering(400, `{"error":"invalid_grant"}`), tt.config)
			_, _ = issuer.Issue(t.Context(), grantFor("jane"))
			sent := requests()[0]
			want := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "scope": {"openid profile email"}, "assertion": sent.form["assertion"]}
			for key, value := range tt.want {
				want[key] = value
			}
			if byKey := tt.config["OIDC_CLIENT_KEY"] != ""; byKey {
				want["client_assertion"] = sent.form["client_assertion"]
				if sent.header.Get("Authorization") != "" {
					t.Error("the client authenticates twice")
				}
			} else if id, secret, _ := (&http.Request{Header: sent.header}).BasicAuth(); id != "native+bridge" || secret != url.QueryEscape(clientSecret) {
				t.Errorf("Basic %q %q, want both encoded as RFC 6749 section 2.3.1 has it", id, secret)
			}
			if got := sent.header.Get("Accept"); got != "application/json" {
				t.Errorf("Accept = %q, want JSON", got)
			}
			if sent.path != "/token?tenant=1" || sent.header.Get("Content-Type") != "application/x-www-form-urlencoded" || sent.form.Encode() != want.Encode() {
				t.Errorf("sent %s %v, want %v", sent.path, sent.form, want)
			}
			if strings.Contains(sent.form.Encode(), "passkey") || strings.Contains(sent.form.Encode(), "81.2.69.160") {
				t.Error("the provider is told the passkey token or the app's address")
			}
		})
	}
}

func TestTheClientAssertionIsAboutTheClient(t *testing.T) {
	issuer, requests := plainProvider(t, answering(400, `{"error":"invalid_grant"}`),
		map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": rsaKey(), "OIDC_ASSERTION_ISSUER": "https://bridge.example.com"})
	_, _ = issuer.Issue(t.Context(), grantFor("jane"))
	sent := requests()[0]
	header, claims := parts(t, sent.form.Get("client_assertion"))
	_, about := parts(t, sent.form.Get("assertion"))
	if header["alg"] != "RS256" || claims["iss"] != clientID || claims["sub"] != clientID || claims["aud"] != sent.base || claims["jti"] == about["jti"] {
		t.Errorf("client assertion = %v %v, want one of the client, with an id of its own", header, claims)
	}
}

func TestNoAudienceIsSentWhereNoneIsConfigured(t *testing.T) {
	issuer, requests := plainProvider(t, answering(400, `{"error":"invalid_grant"}`))
	grant := grantFor("jane")
	grant.Access.Audience = ""
	_, _ = issuer.Issue(t.Context(), grant)
	if form := requests()[0].form; form.Has("resource") || form.Has("audience") {
		t.Error("an empty audience was sent")
	}
}

const fault = domain.Error("") // a fault of ours wraps no reason

func TestEveryAnswerOfTheProviderHasItsVerdict(t *testing.T) {
	oauth := func(code, description string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, description)
	}
	tests := map[string]struct {
		status int
		body   string
		want   domain.Error
		says   string
	}{
		"400 invalid_grant":                     {400, oauth("invalid_grant", "User not found"), domain.ErrAccessDenied, "/assertion/jwks.json"},
		"400 invalid_grant tells the words":     {400, oauth("invalid_grant", "User not found"), domain.ErrAccessDenied, "User not found"},
		"400 access_denied":                     {400, oauth("access_denied", "not on weekends"), domain.ErrAccessDenied, "weekends"},
		"403 access_denied":                     {403, oauth("access_denied", ""), domain.ErrAccessDenied, "403"},
		"400 interaction_required":              {400, oauth("interaction_required", ""), domain.ErrAccessDenied, "exempt"},
		"400 login_required":                    {400, oauth("login_required", ""), domain.ErrAccessDenied, "exempt"},
		"400 consent_required":                  {400, oauth("consent_required", ""), domain.ErrAccessDenied, "exempt"},
		"401 invalid_client":                    {401, oauth("invalid_client", ""), fault, "OIDC_CLIENT_SECRET"},
		"400 invalid_client":                    {400, oauth("invalid_client", ""), fault, "OIDC_CLIENT_KEY"},
		"401 unauthorized_client, as Keycloak":  {401, oauth("unauthorized_client", "Invalid client or Invalid client credentials"), fault, "OIDC_CLIENT_SECRET"},
		"400 unauthorized_client":               {400, oauth("unauthorized_client", ""), fault, "allow the client the grants"},
		"400 unsupported_grant_type":            {400, oauth("unsupported_grant_type", ""), fault, "jwt-bearer"},
		"400 invalid_scope":                     {400, oauth("invalid_scope", ""), fault, "OIDC_SCOPE"},
		"400 invalid_target":                    {400, oauth("invalid_target", ""), fault, "OIDC_AUDIENCE_PARAMETER"},
		"400 invalid_request":                   {400, oauth("invalid_request", "Missing parameter: assertion"), fault, "Missing parameter"},
		"400 with a code of its own":            {400, oauth("jti_known", "The jti was already used."), fault, "jti_known"},
		"400 temporarily_unavailable":           {400, oauth("temporarily_unavailable", ""), domain.ErrUnavailable, "400"},
		"404: another server":                   {404, `<html>not found</html>`, fault, "OIDC_ISSUER"},
		"a redirect":                            {307, ``, fault, "307"},
		"a redirect to several places":          {300, ``, fault, "answered 300: check that OIDC_ISSUER"},
		"a code and its words":                  {400, oauth("invalid_target", "no such API"), fault, "answered 400 invalid_target: no such API: check"},
		"a code alone":                          {400, oauth("invalid_target", ""), fault, "answered 400 invalid_target: check"},
		"words alone":                           {400, oauth("", "no such API"), fault, "answered 400 no such API: check"},
		"server_error beside a 400":             {400, oauth("server_error", ""), domain.ErrUnavailable, "400"},
		"408":                                   {408, ``, domain.ErrUnavailable, "408"},
		"429 in OAuth":                          {429, oauth("slow_down", ""), domain.ErrBusy, "429"},
		"429 in plain text":                     {429, `Too Many Requests`, domain.ErrBusy, "429"},
		"500 server_error":                      {500, oauth("server_error", "x"), domain.ErrUnavailable, "server_error"},
		"500 that talks of the client":          {500, oauth("invalid_client", "x"), domain.ErrUnavailable, "500"},
		"502 in HTML":                           {502, `<html>502 Bad Gateway</html>`, domain.ErrUnavailable, "502"},
		"202":                                   {202, `{}`, domain.ErrUnavailable, "202"},
		"200 without a body":                    {200, ``, domain.ErrUnavailable, "token response"},
		"200 without an access token":           {200, `{"token_type":"Bearer","expires_in":1,"id_token":"x"}`, fault, "the provider's token response has no access token"},
		"200 without an expiry":                 {200, `{"access_token":"x","token_type":"Bearer","id_token":"x"}`, fault, "expires_in is missing or zero: give the access token a lifetime"},
		"200 with a token that is no bearer's":  {200, `{"access_token":"x","token_type":"DPoP","expires_in":1,"id_token":"x"}`, fault, `"DPoP": turn sender-constrained tokens`},
		"200 with members of wrong types":       {200, `{"access_token":7}`, fault, "wrong type"},
		"200 without an ID token":               {200, `{"access_token":"x","token_type":"bearer","expires_in":1}`, fault, "no ID token"},
		"200 with an ID token that is none":     {200, `{"access_token":"x","token_type":"Bearer","expires_in":1,"id_token":"x"}`, fault, "RS256 or ES256 or PS256"},
		"200 that is an error, as some have it": {200, oauth("invalid_grant", "x"), domain.ErrUnavailable, "access token"},
		"400 whose code is no text":             {400, `{"error":{"code":1}}`, fault, "400"},
		"401 without a word":                    {401, ``, fault, "401"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer, requests := plainProvider(t, answering(tt.status, tt.body, "Location", "/elsewhere"))
			session, err := issuer.Issue(t.Context(), grantFor("jane"))
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
				t.Errorf("err = %v (reason %q), want reason %q", err, reason, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want it to say %q", err, tt.says)
			}
			if !session.AccessToken.IsZero() {
				t.Error("a session was returned")
			}
			if n := len(requests()); n != 1 {
				t.Errorf("%d requests, want 1: a second could open a second session", n)
			}
		})
	}
}

func TestTheWaitThatTheProviderAsksForIsPassedOn(t *testing.T) {
	issuer, _ := plainProvider(t, answering(429, ``, "Retry-After", "40"))
	_, err := issuer.Issue(t.Context(), grantFor("jane"))
	if wait := domain.RetryAfterOf(err); wait != 40*time.Second {
		t.Errorf("retry after %s, want 40s", wait)
	}
}

func TestABrokenConnectionIsNotTriedAgain(t *testing.T) {
	provider := startProvider(t, nil)
	provider.SetFault(oidctest.Reset)
	_, err := issuerFor(t, provider).Issue(t.Context(), grantFor("jane"))
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Errorf("err = %v, want unavailable", err)
	}
	if n := len(provider.Requests()); n != 1 {
		t.Errorf("%d requests, want 1: the first may have opened a session", n)
	}
}

func TestARequestThatNobodySawIsSentAgainWithFreshAssertions(t *testing.T) {
	d := newDescribed(t, nil)
	config := d.config(t, map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": freshKey()})
	source := &countingReader{}
	client := upstream.New(upstream.Options{Name: "oidc", Now: time.Now})
	issuer := oidc.NewIssuer(client, config, 0, time.Now, source)
	if err := issuer.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Close()
	_, err := issuer.Issue(t.Context(), grantFor("jane"))
	if !errors.Is(err, domain.ErrUnavailable) || !errors.Is(err, upstream.ErrNotSent) {
		t.Fatalf("err = %v, want no connection", err)
	}
	// One id for the assertion and one for the client's, twice.
	if source.ids != 4 {
		t.Errorf("%d ids were made, want 4: two fresh assertions for each of two attempts", source.ids)
	}
}

// Only the first of the two connections to the token endpoint comes to nothing.
func TestTheAnswerToWhatIsSentAgainCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   domain.Error
	}{
		"a refusal": {answering(400, `{"error":"invalid_grant"}`), domain.ErrAccessDenied},
		"the limit": {answering(429, ""), domain.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			server := httptest.NewUnstartedServer(mux)
			losing := &losingListener{Listener: server.Listener, lose: 2}
			server.Listener = losing
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.StartTLS()
			t.Cleanup(server.Close)
			mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "close")
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":"%[1]s/token","jwks_uri":"%[1]s/keys"}`, server.URL)
			})
			mux.HandleFunc("POST /token", tt.answer)
			config, err := load(minimal(), map[string]string{"OIDC_ISSUER": server.URL})
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			client := upstream.New(upstream.Options{Name: "oidc", RootCAs: roots, Now: time.Now})
			_, err = oidc.NewIssuer(client, config, 0, time.Now, rand.Reader).Issue(t.Context(), grantFor("jane"))
			if reason, _ := domain.ReasonOf(err); reason != tt.want {
				t.Errorf("err = %v, want reason %q", err, tt.want)
			}
			if got := losing.accepted.Load(); got != 3 {
				t.Errorf("%d connections, want 3: one for the configuration, and two for the grant", got)
			}
		})
	}
}

// losingListener closes one of the connections that it accepts.
type losingListener struct {
	net.Listener
	lose     int64
	accepted atomic.Int64
}

func (l *losingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && l.accepted.Add(1) == l.lose {
		_ = conn.Close()
	}
	return conn, err
}

// The id of the assertion is the last that there is: the client's has none.
func TestWhereRandomnessEndsNothingIsSent(t *testing.T) {
	provider := startProvider(t, nil)
	config := configFor(t, provider, map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": freshKey()})
	client := upstream.New(upstream.Options{Name: "oidc", Now: time.Now})
	_, err := oidc.NewIssuer(client, config, 0, time.Now, io.LimitReader(rand.Reader, 16)).Issue(t.Context(), grantFor("jane"))
	if reason, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), "no randomness") {
		t.Errorf("err = %v (reason %q), want a fault that says that there is no randomness", err, reason)
	}
	if n := len(provider.Requests()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

// countingReader counts the ids that are made of it.
type countingReader struct{ ids int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.ids++
	return rand.Read(p)
}

func TestAHangingProviderIsUnavailableAtTheDeadline(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	config, err := load(minimal(), map[string]string{"OIDC_ISSUER": "http://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = newIssuer(config).Issue(ctx, grantFor("jane"))
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Errorf("err = %v, want unavailable", err)
	}
}

func TestWhatTheProviderEchoesIsNotTold(t *testing.T) {
	byKey := map[string]string{"OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": freshKey()}
	for _, member := range []string{"assertion", "client_assertion"} {
		issuer, requests := plainProvider(t, func(w http.ResponseWriter, r *http.Request) {
			sent := r.PostForm.Get(member) // and its signature alone, which looks like no JWT
			answering(400, fmt.Sprintf(`{"error":"invalid_grant","error_description":"bad %s: %s"}`, sent, sent[strings.LastIndex(sent, ".")+1:]))(w, r)
		}, byKey)
		_, err := issuer.Issue(t.Context(), grantFor("jane"))
		echoed := requests()[0].form.Get(member)
		if err == nil || echoed == "" || strings.Contains(err.Error(), echoed[:20]) || strings.Contains(err.Error(), echoed[len(echoed)-20:]) {
			t.Errorf("err = %v, want it without the %s", err, member)
		}
	}
	issuer, _ := plainProvider(t, answering(400, fmt.Sprintf(`{"error":"invalid_client","error_description":"bad %s"}`, clientSecret)))
	if _, err := issuer.Issue(t.Context(), grantFor("jane")); err == nil || strings.Contains(err.Error(), clientSecret) {
		t.Errorf("err = %v, want it without the client's secret", err)
	}
}

// Readiness tells that the bridge is refused, and not that a user is.
func TestARefusalOfTheBridgeIsTheProvidersTrouble(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   string // "" means no trouble
	}{
		"our secret is wrong":        {401, `{"error":"invalid_client"}`, "refuses the bridge (401)"},
		"the grant is not turned on": {400, `{"error":"unsupported_grant_type"}`, "refuses the bridge (400)"},
		"nobody listens there":       {404, "<html>not found</html>", "refuses the bridge (404)"},
		"the user is refused":        {400, `{"error":"invalid_grant"}`, ""},
		"the limit is reached":       {429, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			provider := startProvider(t, nil)
			mux := http.NewServeMux()
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":"%[1]s/token","jwks_uri":"%[1]s/keys"}`, server.URL)
			})
			mux.HandleFunc("POST /token", answering(tt.status, tt.body))
			client := upstream.New(upstream.Options{Name: "oidc", Now: time.Now})
			issuer := oidc.NewIssuer(client, configFor(t, provider, map[string]string{"OIDC_ISSUER": server.URL}), 0, time.Now, rand.Reader)
			_, _ = issuer.Issue(t.Context(), grantFor("jane"))
			if trouble := client.Trouble(); (trouble == nil) != (tt.want == "") || trouble != nil && trouble.What != tt.want {
				t.Errorf("trouble = %+v, want %q", trouble, tt.want)
			}
		})
	}
}
