package oidc_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/oidc"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// document is a provider's configuration.
type document struct {
	Issuer             string   `json:"issuer,omitempty"`
	TokenEndpoint      string   `json:"token_endpoint,omitempty"`
	JWKSURI            string   `json:"jwks_uri,omitempty"`
	RevocationEndpoint string   `json:"revocation_endpoint,omitempty"`
	AuthMethods        []string `json:"token_endpoint_auth_methods_supported,omitempty"`
}

// described is a host that serves such a document, and some keys.
type described struct {
	*httptest.Server
	// arrived gets a value for each request, before it is answered.
	arrived chan struct{}

	mu       sync.Mutex
	status   int
	body     string
	keys     []byte
	keysDown bool
}

// newDescribed serves a good document, changed.
func newDescribed(t *testing.T, change func(*document)) *described {
	t.Helper()
	d := &described{status: http.StatusOK, keys: assertionKeys(), arrived: make(chan struct{}, 100)}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	good := document{Issuer: d.URL, TokenEndpoint: d.URL + "/token", JWKSURI: d.URL + "/keys", RevocationEndpoint: d.URL + "/revoke"}
	if change != nil {
		change(&good)
	}
	body, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	d.body = string(body)
	return d
}

func (d *described) answer(status int, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status, d.body = status, body
}

func (d *described) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.Header().Set("Connection", "close") // once the host is away, no old connection says otherwise
	switch {
	case r.URL.Path == "/keys" && !d.keysDown:
		_, _ = w.Write(d.keys)
	case r.URL.Path == "/.well-known/openid-configuration":
		d.arrived <- struct{}{}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(d.status)
		_, _ = w.Write([]byte(d.body))
	default:
		http.Error(w, "not served here", http.StatusTeapot)
	}
}

func (d *described) config(t *testing.T, changes ...map[string]string) oidc.Config {
	t.Helper()
	config, err := load(minimal(), append(changes, map[string]string{"OIDC_ISSUER": d.URL})...)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestAConfigurationThatCannotBeUsedIsSaid(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*document)
		says   string
	}{
		"another issuer":           {func(d *document) { d.Issuer = "https://elsewhere.example" }, "is that of issuer"},
		"the issuer and a slash":   {func(d *document) { d.Issuer += "/" }, "is that of issuer"},
		"no issuer":                {func(d *document) { d.Issuer = "" }, "is that of issuer"},
		"no token endpoint":        {func(d *document) { d.TokenEndpoint = "" }, "token_endpoint"},
		"no keys":                  {func(d *document) { d.JWKSURI = "" }, "jwks_uri"},
		"tokens at another host":   {func(d *document) { d.TokenEndpoint = "https://id.example.com/token" }, "token_endpoint"},
		"keys at another host":     {func(d *document) { d.JWKSURI = "https://id.example.com/keys" }, "jwks_uri"},
		"revocation at another":    {func(d *document) { d.RevocationEndpoint = "https://id.example.com/x" }, "revocation_endpoint"},
		"tokens at another port":   {func(d *document) { d.TokenEndpoint = "http://127.0.0.1:1/token" }, "token_endpoint"},
		"a relative endpoint":      {func(d *document) { d.TokenEndpoint = "/token" }, "token_endpoint"},
		"an endpoint that is none": {func(d *document) { d.TokenEndpoint = "://" }, "token_endpoint"},
		"an endpoint with a user": {func(d *document) {
			d.TokenEndpoint = strings.Replace(d.TokenEndpoint, "//", "//u:p@", 1)
		}, "token_endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newIssuer(newDescribed(t, tt.change).config(t)).Issue(t.Context(), grantFor("jane"))
			if reason, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v (reason %q), want a fault that says %q", err, reason, tt.says)
			}
		})
	}
}

func TestEveryAnswerToDiscoveryHasItsVerdict(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   domain.Error
	}{
		"404":           {404, "", fault},
		"a redirect":    {302, "", fault},
		"no JSON":       {200, "<html>", domain.ErrUnavailable},
		"429":           {429, "", domain.ErrUnavailable},
		"503":           {503, "", domain.ErrUnavailable},
		"JSON of lists": {200, "[]", domain.ErrUnavailable},
	} {
		d := newDescribed(t, nil)
		d.answer(tt.status, tt.body)
		issuer := newIssuer(d.config(t))
		err := issuer.Warm(t.Context())
		if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want {
			t.Errorf("%s: err = %v, want reason %q", name, err, tt.want)
		}
		if _, err := issuer.JWKS(t.Context()); err == nil {
			t.Errorf("%s: there are keys", name)
		}
		if err := issuer.Revoke(t.Context(), domain.NewSecret("refresh")); err == nil {
			t.Errorf("%s: a session is revoked", name)
		}
		if _, err := issuer.Renew(t.Context(), domain.NewSecret("refresh"), domain.Access{}, domain.Client{}); err == nil {
			t.Errorf("%s: a session is renewed", name)
		}
	}
}

func TestTheConfigurationIsCachedAndTheLastGoodOneServes(t *testing.T) {
	c := clocktest.At(time.Now())
	d := newDescribed(t, nil)
	client := upstream.New(upstream.Options{Name: "oidc", Now: c.Now})
	issuer := oidc.NewIssuer(client, d.config(t), 0, c.Now, zeros{})

	issue := func() {
		t.Helper()
		if _, err := issuer.Issue(t.Context(), grantFor("jane")); err == nil || !strings.Contains(err.Error(), "418") {
			t.Errorf("err = %v, want the token endpoint asked, which answers 418", err)
		}
	}
	issue()
	patience.Receive(t, d.arrived, "the request for the configuration")
	c.Advance(time.Hour)
	issue()
	if len(d.arrived) != 0 {
		t.Error("the configuration is fetched again within the hour")
	}
	c.Advance(1)
	d.answer(http.StatusServiceUnavailable, "")
	issue()
	patience.Receive(t, d.arrived, "the request for the configuration, in the background")
	issue()
}

func TestAConfigurationIsStaleAfterAnHourAndTriedEveryTenSeconds(t *testing.T) {
	c := clocktest.At(time.Now())
	d := newDescribed(t, nil)
	issuer := oidc.NewIssuer(upstream.New(upstream.Options{Name: "oidc", Now: c.Now}), d.config(t), 0, c.Now, zeros{})
	if err := issuer.Rediscover(t.Context()); err != nil {
		t.Fatal(err)
	}
	stale := func(after time.Duration, want bool) {
		t.Helper()
		c.Advance(after)
		if issuer.Stale() != want {
			t.Errorf("stale: %t, want %t", !want, want)
		}
	}
	stale(time.Hour, false)
	stale(1, true)
	d.answer(http.StatusServiceUnavailable, "")
	if err := issuer.Rediscover(t.Context()); err == nil {
		t.Fatal("the provider is down, and its configuration was fetched")
	}
	stale(0, false)
	stale(10*time.Second, false)
	stale(1, true)
}

func TestWarmingWantsTheKeysToo(t *testing.T) {
	d := newDescribed(t, nil)
	d.keysDown = true
	if err := newIssuer(d.config(t)).Warm(t.Context()); err == nil {
		t.Error("a provider without its keys is warm")
	}
}

func TestTheIssuersKeysOutliveAFreshConfiguration(t *testing.T) {
	c := clocktest.At(time.Now())
	d := newDescribed(t, nil)
	issuer := oidc.NewIssuer(upstream.New(upstream.Options{Name: "oidc", Now: c.Now}), d.config(t), 0, c.Now, zeros{})
	if err := issuer.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.keysDown = true
	d.mu.Unlock()
	if err := issuer.Rediscover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.JWKS(t.Context()); err != nil {
		t.Errorf("err = %v, want the keys that were there before", err)
	}
}

func (d *described) publish(keys []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys = keys
}

func TestIssuerKeysKeepTheContract(t *testing.T) {
	portstest.IssuerKeys(t, func(t *testing.T) portstest.KeysHarness {
		d := newDescribed(t, nil)
		c := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
		issuer := oidc.NewIssuer(upstream.New(upstream.Options{Name: "oidc", Now: c.Now}), d.config(t), 0, c.Now, zeros{})
		return portstest.KeysHarness{
			Keys: issuer,
			Publish: func(_ *testing.T, body string) {
				d.publish([]byte(body))
				c.Advance(time.Hour)
			},
			Stop: func(*testing.T) {
				d.Close()
				c.Advance(time.Hour)
			},
		}
	})
}

// zeros is a source of ids that nobody looks at.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestTheIssuersKeysAreNotTheAssertions(t *testing.T) {
	provider := startProvider(t, nil)
	issuer := issuerFor(t, provider)
	if err := issuer.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := issuer.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, theirs := keySet(t, issuer.AssertionJWKS()), keySet(t, text)
	if len(own.Keys) != 1 || len(theirs.Keys) != 1 || len(theirs.Key(own.Keys[0].KeyID)) != 0 {
		t.Errorf("own keys %d, the issuer's %s: want one each, and not the same", len(own.Keys), text)
	}
}

// However many ask for keys, a provider that is down is asked once a second.
func TestAProviderThatIsDownAtFirstIsAskedOnceInASecond(t *testing.T) {
	var asked, later atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(server.Close)
	config, err := load(minimal(), map[string]string{"OIDC_ISSUER": server.URL})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Unix(1e9, later.Load()) }
	issuer := oidc.NewIssuer(upstream.New(upstream.Options{Name: "oidc", Now: now}), config, 0, now, zeros{})
	for second := range int64(3) {
		later.Store(second * int64(time.Second))
		for range 20 {
			if _, err := issuer.JWKS(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
				t.Errorf("err = %v, want unavailable", err)
			}
		}
		if asked.Load() != second+1 {
			t.Fatalf("%d requests in %d seconds, want one each", asked.Load(), second+1)
		}
	}
}
