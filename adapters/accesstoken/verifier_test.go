package accesstoken_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/accesstoken"
	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const (
	issuerURL = "https://tenant.example/"
	audience  = "https://bridge.example/passkeys"
	ownClient = "the-bridge"
	kid       = "key-1"
)

var (
	issuersKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	foreignKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// provider publishes keys, or does otherwise.
type provider struct {
	*httptest.Server
	meets atomic.Pointer[http.HandlerFunc]
	asked atomic.Int64
}

func startProvider(t *testing.T) *provider {
	p := &provider{}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: issuersKey().Public(), KeyID: kid, Algorithm: "RS256", Use: "sig"}}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		if instead := p.meets.Load(); instead != nil {
			(*instead)(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(p.Close)
	return p
}

func config() accesstoken.Config {
	return accesstoken.Config{Audience: audience, Scope: "manage:passkeys", MaxAge: 10 * time.Minute, TimeClaim: "auth_time"}
}

func newVerifier(p *provider, config accesstoken.Config) *accesstoken.Verifier {
	return newVerifierAt(p, config, time.Now)
}

// newVerifierAt is newVerifier, whose keys grow old by another clock.
func newVerifierAt(p *provider, config accesstoken.Config, keysNow func() time.Time) *accesstoken.Verifier {
	keys := jwks.New(upstream.New(upstream.Options{Name: "provider", Now: time.Now}), p.URL+"/jwks.json", keysNow)
	return accesstoken.NewVerifier(accesstoken.Issuer{
		URL: issuerURL, Algorithms: []jose.SignatureAlgorithm{jose.RS256}, ClientID: ownClient,
		FindKeys: keys.FindSparingly, SubjectOf: func(sub string) string { return sub },
	}, config, 30*time.Second, time.Now)
}

type object = map[string]any

// claimsOf are those of a good token in Auth0's profile, with some changed; nil takes one out.
func claimsOf(changes object) object {
	claims := object{
		"iss": issuerURL, "sub": "auth0|jane", "aud": []string{audience, issuerURL + "userinfo"}, "azp": "the-app",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "scope": "openid manage:passkeys",
		"auth_time": time.Now().Add(-time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// token signs claims with RS256 and the header; it can make what no library would.
func token(key *rsa.PrivateKey, header, claims object) domain.Secret {
	whole := object{"alg": "RS256", "typ": "JWT", "kid": kid}
	maps.Copy(whole, header)
	maps.DeleteFunc(whole, func(_ string, value any) bool { return value == nil })
	return signedText(key, encodeJSON(whole)+"."+encodeJSON(claims))
}

func encodeJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return encode(text)
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

func signedText(key *rsa.PrivateKey, input string) domain.Secret {
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return domain.NewSecret(input + "." + encode(signature))
}

func good(changes object) domain.Secret { return token(issuersKey(), nil, claimsOf(changes)) }

// mac is a token signed with HS256 and some secret.
func mac(secret []byte) domain.Secret {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(claimsOf(nil))
	signed, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	compact, _ := signed.CompactSerialize()
	return domain.NewSecret(compact)
}

// publicPEM is what a verifier would take for the secret if it let the token choose HS256.
func publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(issuersKey().Public())
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func elliptical() domain.Secret {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(claimsOf(nil))
	signed, _ := signer.Sign(text)
	compact, _ := signed.CompactSerialize()
	return domain.NewSecret(compact)
}

// attacks are tokens with which somebody might try to be somebody else. None must verify.
var attacks = sync.OnceValue(makeAttacks)

func makeAttacks() map[string]domain.Secret {
	ownKey := jose.JSONWebKey{Key: foreignKey().Public(), KeyID: "mine", Algorithm: "RS256"}
	jwk := object{}
	text, _ := json.Marshal(ownKey)
	_ = json.Unmarshal(text, &jwk)
	now := time.Now()
	list := map[string]domain.Secret{
		"nothing":                              domain.NewSecret("nothing-of-a-token"),
		"no JWT":                               domain.NewSecret("a.b.c"),
		"alg none":                             domain.NewSecret(encodeJSON(object{"alg": "none", "typ": "JWT"}) + "." + encodeJSON(claimsOf(nil)) + "."),
		"alg NoNe":                             domain.NewSecret(encodeJSON(object{"alg": "NoNe", "typ": "JWT"}) + "." + encodeJSON(claimsOf(nil)) + "."),
		"HS256 by a made-up secret":            mac(make([]byte, 32)),
		"HS256 by the issuer's public key":     mac(publicPEM()),
		"ES256 by a key of its own":            elliptical(),
		"a key that is not the issuer's":       token(foreignKey(), nil, claimsOf(nil)),
		"an unknown key id":                    token(foreignKey(), object{"kid": "mine"}, claimsOf(nil)),
		"no key id":                            token(foreignKey(), object{"kid": nil}, claimsOf(nil)),
		"a key in the header (jwk)":            token(foreignKey(), object{"jwk": jwk}, claimsOf(nil)),
		"a key in the header, by its id":       token(foreignKey(), object{"jwk": jwk, "kid": "mine"}, claimsOf(nil)),
		"an address of keys (jku)":             token(foreignKey(), object{"jku": "https://evil.example/jwks.json", "kid": "mine"}, claimsOf(nil)),
		"an address of a certificate (x5u)":    token(foreignKey(), object{"x5u": "https://evil.example/cert.pem"}, claimsOf(nil)),
		"a key id that is a path":              token(foreignKey(), object{"kid": "../../../../dev/null"}, claimsOf(nil)),
		"an extension that must be understood": token(issuersKey(), object{"crit": []string{"exp"}}, claimsOf(nil)),
		"a payload that is not encoded":        token(issuersKey(), object{"b64": false}, claimsOf(nil)),
		"a token in the token":                 token(issuersKey(), object{"cty": "JWT"}, claimsOf(nil)),
		"a logout token":                       token(issuersKey(), object{"typ": "logout+jwt"}, claimsOf(nil)),
		"a DPoP proof":                         token(issuersKey(), object{"typ": "dpop+jwt"}, claimsOf(nil)),
		"no declared type":                     token(issuersKey(), object{"typ": nil}, claimsOf(nil)),
		"a type that is no text":               token(issuersKey(), object{"typ": 1}, claimsOf(nil)),

		"another issuer":                   good(object{"iss": "https://other.example/"}),
		"the issuer without its slash":     good(object{"iss": strings.TrimSuffix(issuerURL, "/")}),
		"the issuer in capitals":           good(object{"iss": strings.ToUpper(issuerURL)}),
		"no issuer":                        good(object{"iss": nil}),
		"another audience":                 good(object{"aud": "https://api.example"}),
		"an audience that begins alike":    good(object{"aud": audience + "/other"}),
		"no audience":                      good(object{"aud": nil}),
		"an empty list of audiences":       good(object{"aud": []string{}}),
		"an expired one":                   good(object{"iat": now.Add(-2 * time.Hour).Unix(), "exp": now.Add(-time.Hour).Unix()}),
		"one that never expires":           good(object{"exp": nil}),
		"one from the future":              good(object{"iat": now.Add(time.Hour).Unix(), "exp": now.Add(2 * time.Hour).Unix()}),
		"one that is not good yet":         good(object{"nbf": now.Add(time.Hour).Unix()}),
		"one made at no time":              good(object{"iat": nil}),
		"nobody's":                         good(object{"sub": nil}),
		"an empty person's":                good(object{"sub": ""}),
		"a person who is a number":         good(object{"sub": 1}),
		"a person who is a list":           good(object{"sub": []string{"auth0|jane", "auth0|john"}}),
		"a person who cannot be decoded":   signedText(issuersKey(), encodeJSON(object{"alg": "RS256", "typ": "JWT", "kid": kid})+"."+encode([]byte(strings.ReplaceAll(jsonOf(claimsOf(nil)), "jane", "ja\xffne")))),
		"two people":                       signedText(issuersKey(), encodeJSON(object{"alg": "RS256", "typ": "JWT", "kid": kid})+"."+encode([]byte(strings.Replace(jsonOf(claimsOf(nil)), "{", `{"sub":"auth0|john",`, 1)))),
		"no scope at all":                  good(object{"scope": nil}),
		"a scope that is a list":           good(object{"scope": []string{"manage:passkeys"}}),
		"a sign-in at a time that is text": good(object{"auth_time": "now"}),
		"a sign-in before 1970":            good(object{"auth_time": -1}),
		"a sign-in after the year 9999":    good(object{"auth_time": 1e15}),

		"an ID token":                              token(issuersKey(), nil, object{"iss": issuerURL, "sub": "auth0|jane", "aud": ownClient, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "auth_time": now.Unix()}),
		"an ID token that names the audience":      good(object{"aud": []string{ownClient, audience}}),
		"an ID token with a nonce":                 good(object{"nonce": "n"}),
		"an ID token with the access token's hash": good(object{"at_hash": "h"}),
		"an application's own":                     good(object{"sub": "the-app@clients", "gty": "client-credentials"}),
		"an application's own, of RFC 9068":        token(issuersKey(), object{"typ": "at+jwt"}, claimsOf(object{"sub": "the-app", "azp": nil, "client_id": "the-app"})),
		"an application's own, by a list":          good(object{"sub": "auth0|service", "gty": []string{"refresh_token", "client-credentials"}}),
		"one of no client":                         good(object{"azp": nil}),
		"one of no client, of RFC 9068":            token(issuersKey(), object{"typ": "at+jwt"}, claimsOf(object{"azp": nil})),
		"one that is bound to a key":               good(object{"cnf": object{"jkt": "thumbprint"}}),
		"one by which somebody acts for another":   good(object{"act": object{"sub": "auth0|support"}}),
		"one about events":                         good(object{"events": object{}}),
		"one of two clients":                       good(object{"client_id": "another-app"}),
	}
	parts := strings.Split(good(nil).Reveal(), ".")
	other := strings.Split(good(object{"sub": "auth0|john"}).Reveal(), ".")
	list["somebody else's claims under the same signature"] = domain.NewSecret(parts[0] + "." + other[1] + "." + parts[2])
	list["no signature"] = domain.NewSecret(parts[0] + "." + parts[1] + ".")
	list["a fourth part"] = domain.NewSecret(good(nil).Reveal() + ".e30")
	list["a JSON serialization"] = domain.NewSecret(fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]))
	return list
}

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestVerifierKeepsTheContract(t *testing.T) {
	for name, typ := range map[string]string{"with Auth0's own profile": "JWT", "with RFC 9068": "application/AT+JWT"} {
		t.Run(name, func(t *testing.T) {
			portstest.AccessTokenVerifier(t, func(t *testing.T) portstest.AccessTokensHarness { return harness(t, typ) })
		})
	}
}

func harness(t *testing.T, typ string) portstest.AccessTokensHarness {
	p := startProvider(t)
	var issued atomic.Int64
	issue := func(subject, scope string, authenticated any) domain.Secret {
		return token(issuersKey(), object{"typ": typ}, claimsOf(object{"sub": subject, "scope": scope, "auth_time": authenticated, "jti": fmt.Sprint(issued.Add(1))}))
	}
	meets := func(instead http.HandlerFunc) func(*testing.T) {
		return func(*testing.T) { p.meets.Store(&instead) }
	}
	// Keys with an unknown id are asked for once a second. For them it is later each time.
	var seconds atomic.Int64
	later := func() time.Time { return time.Now().Add(time.Duration(seconds.Add(2)) * time.Second) }
	return portstest.AccessTokensHarness{
		Verifier: newVerifierAt(p, config(), later),
		Issue: func(*testing.T) (domain.Secret, domain.AccessToken) {
			at := time.Now().Add(-time.Minute)
			return issue("auth0|jane", "openid manage:passkeys", at.Unix()), domain.AccessToken{
				Issuer: issuerURL, Subject: "auth0|jane", Scope: []string{"openid", "manage:passkeys"}, IssuedAt: time.Now(), AuthenticatedAt: at,
			}
		},
		Other: func(*testing.T) (domain.Secret, domain.AccessToken) {
			return issue("google-oauth2|1042", "read:orders", nil), domain.AccessToken{
				Issuer: issuerURL, Subject: "google-oauth2|1042", Scope: []string{"read:orders"}, IssuedAt: time.Now(),
			}
		},
		Bad:    func(*testing.T) map[string]domain.Secret { return attacks() },
		Garble: meets(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }),
		Hang:   meets(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		Stop:   func(*testing.T) { p.Close() },
	}
}

// An ID token says typ JWT as Auth0's access tokens do; of at+jwt it is known what it is.
func TestWhatMayBeAnIDTokenIsNone(t *testing.T) {
	verifier := newVerifier(startProvider(t), config())
	for _, odd := range []object{{"nonce": "n"}, {"at_hash": "h"}, {"c_hash": "h"}, {"aud": []string{ownClient, audience}}} {
		for typ, ok := range map[string]bool{"JWT": false, "at+jwt": true} {
			_, err := verifier.VerifyAccess(t.Context(), token(issuersKey(), object{"typ": typ}, claimsOf(odd)))
			if (err == nil) != ok {
				t.Errorf("%s with %v: err = %v", typ, odd, err)
			}
		}
	}
}

func TestTheTimeOfTheSignInIsInTheClaimThatIsConfigured(t *testing.T) {
	c := config()
	c.TimeClaim = "https://bridge.example/auth_time"
	at := time.Now().Add(-2 * time.Minute).Unix()
	access, err := newVerifier(startProvider(t), c).VerifyAccess(t.Context(), good(object{"https://bridge.example/auth_time": at}))
	if err != nil || access.AuthenticatedAt.Unix() != at {
		t.Errorf("signed in at %s, %v", access.AuthenticatedAt, err)
	}
}

func TestOnlyTheClientsThatAreConfiguredCount(t *testing.T) {
	c := config()
	c.Clients = accesstoken.ClientIDs{"the-app", "the-web-app"}
	verifier := newVerifier(startProvider(t), c)
	for client, ok := range map[string]bool{"the-app": true, "the-web-app": true, "THE-APP": false, "another": false, "": false} {
		_, err := verifier.VerifyAccess(t.Context(), good(object{"azp": client}))
		if (err == nil) != ok {
			t.Errorf("of %q: err = %v", client, err)
		}
		if err != nil && domain.SettingsOf(err) != "ENROL_CLIENT_IDS" {
			t.Errorf("it names %q", domain.SettingsOf(err))
		}
	}
}

// A flood of made-up key ids must not become a flood at the issuer.
func TestStrangersAskForKeysSparingly(t *testing.T) {
	p := startProvider(t)
	verifier := newVerifier(p, config())
	for i := range 12 {
		_, _ = verifier.VerifyAccess(t.Context(), token(foreignKey(), object{"kid": fmt.Sprint(i)}, claimsOf(nil)))
	}
	if asked := p.asked.Load(); asked > 6 { // one a second, on a machine that takes its time
		t.Errorf("the issuer was asked %d times", asked)
	}
}

func TestFaultsOfTheConfigurationAreFound(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*accesstoken.Config)
		want   string
	}{
		"nothing":               {func(*accesstoken.Config) {}, ""},
		"too short an age":      {func(c *accesstoken.Config) { c.MaxAge = time.Second }, "ENROL_MAX_AGE"},
		"too long an age":       {func(c *accesstoken.Config) { c.MaxAge = 25 * time.Hour }, "ENROL_MAX_AGE"},
		"no claim for the time": {func(c *accesstoken.Config) { c.TimeClaim = "" }, "ENROL_AUTH_TIME_CLAIM"},
	} {
		c := config()
		tt.change(&c)
		var got string
		for _, fault := range c.Check() {
			got += fault.Name
		}
		if got != tt.want {
			t.Errorf("%s: the faults are of %q, want %q", name, got, tt.want)
		}
	}
	for _, text := range []string{"", "two words", `qu"ote`} {
		if err := new(accesstoken.ScopeToken).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a scope", text)
		}
	}
}
