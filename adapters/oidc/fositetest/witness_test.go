package fositetest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/oidc/fositetest"
	"nativebridge/domain"
)

const (
	clientID     = "native bridge"
	clientSecret = "a+client/secret=with%all:that" // #nosec G101 -- of the witness
	name         = "https://bridge.example.com"    // of the bridge, as the issuer of assertions
)

func newEC(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(t, key)
}

func newRSA(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(t, key)
}

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// bridge is what a test may change of the bridge; the rest is as it should be.
type bridge struct {
	key, next string // of the assertions
	clientKey string // instead of the secret
	issuer    string // of the assertions
	now       func() time.Time
	random    io.Reader
}

// issuer returns the adapter as b has it, for the provider at url.
func (b bridge) at(t *testing.T, url string) *oidc.Issuer {
	t.Helper()
	env := map[string]string{
		"OIDC_ISSUER": url, "OIDC_CLIENT_ID": clientID, "OIDC_CLIENT_SECRET": clientSecret,
		"OIDC_ASSERTION_KEY": b.key, "OIDC_ASSERTION_KEY_NEXT": b.next, "OIDC_ASSERTION_ISSUER": name,
	}
	if b.clientKey != "" {
		env["OIDC_CLIENT_SECRET"], env["OIDC_CLIENT_KEY"] = "", b.clientKey
	}
	if b.issuer != "" {
		env["OIDC_ASSERTION_ISSUER"] = b.issuer
	}
	if b.now == nil {
		b.now = time.Now
	}
	if b.random == nil {
		b.random = rand.Reader
	}
	var config oidc.Config
	if err := settings.Load(env, &config); err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{Name: "oidc", Now: time.Now})
	return oidc.NewIssuer(client, config, 30*time.Second, b.now, b.random)
}

// keysOf returns what a bridge with the given keys publishes.
func keysOf(t *testing.T, key, next string) []byte {
	return bridge{key: key, next: next}.at(t, "https://nowhere.example").AssertionJWKS()
}

// start starts a provider that trusts the given keys.
func start(t *testing.T, keys []byte, change func(*fositetest.Options)) *fositetest.Provider {
	t.Helper()
	options := fositetest.Options{
		ClientID: clientID, ClientSecret: clientSecret,
		AssertionIssuer: name, Subject: "jane", AssertionKeys: keys, Scope: []string{"openid", "profile", "email"},
	}
	if change != nil {
		change(&options)
	}
	provider, err := fositetest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	return provider
}

func grant(scope ...string) domain.Grant {
	return domain.Grant{
		Identity: domain.Identity{Authority: "test", Subject: "jane", Action: "signIn", Method: domain.MethodPasskey, ProofID: "1", AuthenticatedAt: time.Now()},
		Token:    domain.PasskeyToken{Secret: domain.NewSecret("a.passkey.token")},
		Access:   domain.Access{Scope: append([]string{"openid"}, scope...)},
	}
}

// The whole contract is held against oidctest, which can go wrong in every way. Here
// is what a real engine answers.
func TestWhatFositeAnswersHasItsVerdict(t *testing.T) {
	const session, fault = domain.Error("a session"), domain.Error("")
	tests := map[string]struct {
		change func(*fositetest.Provider)
		want   domain.Error
	}{
		"a grant that it honours":                  {func(*fositetest.Provider) {}, session},
		"an assertion it does not trust":           {func(p *fositetest.Provider) { p.Distrust() }, domain.ErrAccessDenied},
		"an ID token by a key it does not publish": {func(p *fositetest.Provider) { p.Spoil() }, fault},
		"a client it does not know":                {func(p *fositetest.Provider) { p.ForgetClients() }, fault},
		"a provider that is away":                  {func(p *fositetest.Provider) { p.Close() }, domain.ErrUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			key := newEC(t)
			provider := start(t, keysOf(t, key, ""), nil)
			issuer := bridge{key: key}.at(t, provider.Issuer())
			tt.change(provider)
			got, err := issuer.Issue(t.Context(), grant("profile"))
			if err == nil {
				if tt.want != session || got.Subject != "jane" || got.AccessToken.IsZero() {
					t.Errorf("session = %+v, want %q", got, tt.want)
				}
				return
			}
			if reason, _ := domain.ReasonOf(err); reason != tt.want || !got.AccessToken.IsZero() {
				t.Errorf("err = %v (reason %q), want %q", err, reason, tt.want)
			}
		})
	}
}

func TestASessionOfSomebodyElseIsReportedAsTheirs(t *testing.T) {
	key := newEC(t)
	provider := start(t, keysOf(t, key, ""), nil)
	provider.Swap()
	got, err := bridge{key: key}.at(t, provider.Issuer()).Issue(t.Context(), grant("profile"))
	if err != nil || got.Subject == "jane" || got.Subject == "" {
		t.Errorf("session = %+v, err = %v, want somebody else's", got, err)
	}
}

func TestFositeAcceptsEveryKeyAndWayToAuthenticate(t *testing.T) {
	ec, rsa, client := newEC(t), newRSA(t), newEC(t)
	for name, b := range map[string]bridge{
		"ES256, client_secret_basic":              {key: ec},
		"RS256, client_secret_basic":              {key: rsa},
		"ES256, private_key_jwt with ES256":       {key: ec, clientKey: client},
		"ES256, private_key_jwt with RS256":       {key: ec, clientKey: rsa},
		"ES256 while the key is rotated to RS256": {key: ec, next: rsa},
	} {
		t.Run(name, func(t *testing.T) {
			provider := start(t, keysOf(t, b.key, b.next), func(o *fositetest.Options) {
				if b.clientKey != "" {
					o.ClientKeys = keysOf(t, b.clientKey, "")
				}
			})
			session, err := b.at(t, provider.Issuer()).Issue(t.Context(), grant("profile"))
			if err != nil || session.Subject != "jane" {
				t.Errorf("session = %+v, err = %v", session, err)
			}
		})
	}
}

func TestBothKeysOfARotationAreTrusted(t *testing.T) {
	old, fresh := newEC(t), newEC(t)
	provider := start(t, keysOf(t, old, fresh), nil)
	for _, b := range []bridge{{key: old, next: fresh}, {key: fresh, next: old}, {key: fresh}} {
		if _, err := b.at(t, provider.Issuer()).Issue(t.Context(), grant()); err != nil {
			t.Error(err)
		}
	}
}

func TestFositeRefusesAssertionsThatAreNotAsTheyShouldBe(t *testing.T) {
	key, client := newEC(t), newEC(t)
	const fault = domain.Error("")
	for name, tt := range map[string]struct {
		bridge bridge
		want   domain.Error
		why    string
	}{
		"a key that is not registered":     {bridge{key: newEC(t)}, domain.ErrAccessDenied, "No public JWK was registered"},
		"an issuer that is not registered": {bridge{key: key, issuer: "https://elsewhere.example"}, domain.ErrAccessDenied, "No public JWK was registered"},
		"an expired one":                   {bridge{key: key, now: func() time.Time { return time.Now().Add(-61 * time.Second) }}, domain.ErrAccessDenied, "expired"},
		"a client's key that is not its":   {bridge{key: key, clientKey: newEC(t)}, fault, "could not be found"},
		"a secret where a key is wanted":   {bridge{key: key}, fault, "client_secret_basic"},
	} {
		t.Run(name, func(t *testing.T) {
			provider := start(t, keysOf(t, key, ""), func(o *fositetest.Options) {
				if tt.want == fault {
					o.ClientKeys = keysOf(t, client, "")
				}
			})
			_, err := tt.bridge.at(t, provider.Issuer()).Issue(t.Context(), grant())
			if reason, _ := domain.ReasonOf(err); err == nil || reason != tt.want || !strings.Contains(provider.Why(), tt.why) {
				t.Errorf("err = %v (reason %q) because %q, want reason %q because %q", err, reason, provider.Why(), tt.want, tt.why)
			}
		})
	}
}

func TestFositeRefusesAnIDThatItHasSeen(t *testing.T) {
	key := newEC(t)
	provider := start(t, keysOf(t, key, ""), nil)
	issuer := bridge{key: key, random: zeros{}}.at(t, provider.Issuer())
	if _, err := issuer.Issue(t.Context(), grant()); err != nil {
		t.Fatal(err)
	}
	_, err := issuer.Issue(t.Context(), grant())
	if _, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), "jti_known") {
		t.Errorf("err = %v, want a fault that says jti_known", err)
	}
}

// zeros makes every id the same.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestFositeGrantsAKeyItsScopesOnly(t *testing.T) {
	key := newEC(t)
	provider := start(t, keysOf(t, key, ""), nil)
	_, err := bridge{key: key}.at(t, provider.Issuer()).Issue(t.Context(), grant("admin"))
	if _, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), "OIDC_SCOPE") {
		t.Errorf("err = %v, want a fault that names OIDC_SCOPE", err)
	}
}

// Ory Hydra, which is fosite as it comes, wants its token endpoint for the audience
// and answers without an ID token: docs/oidc.md says that it cannot be used.
func TestAProviderLikeOryHydraGivesNoSessionAndSaysWhy(t *testing.T) {
	key := newEC(t)
	for name, tt := range map[string]struct {
		change    func(*fositetest.Options)
		says, why string
	}{
		"the token endpoint as the audience": {func(o *fositetest.Options) { o.TokenURLAsAudience = true }, "takes its issuer identifier", `"aud" (audience) claim containing a value`},
		"no ID token":                        {func(o *fositetest.Options) { o.NoIDToken = true }, "gives no ID token cannot be used", ""},
	} {
		t.Run(name, func(t *testing.T) {
			provider := start(t, keysOf(t, key, ""), tt.change)
			session, err := bridge{key: key}.at(t, provider.Issuer()).Issue(t.Context(), grant())
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(provider.Why(), tt.why) || !session.AccessToken.IsZero() {
				t.Errorf("session = %+v, err = %v because %q, want none, %q because %q", session, err, provider.Why(), tt.says, tt.why)
			}
		})
	}
}
