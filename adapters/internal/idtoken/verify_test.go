package idtoken_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/idtoken"
	"nativebridge/domain"
)

const (
	issuer       = "https://tenant.example.com/"
	clientID     = "bridge"
	clientSecret = "a-client-secret-of-the-bridge-application"
	accessToken  = "an-access-token"
	skew         = 30 * time.Second
)

// issued is an ID token in the making: what to sign, with what and how.
type issued struct {
	claims  map[string]any
	alg     jose.SignatureAlgorithm
	key     any
	headers map[jose.HeaderKey]any
}

// good returns a token that verifies at start.
func good() *issued {
	return &issued{
		claims: map[string]any{
			"iss": issuer, "aud": clientID, "sub": "auth0|jane",
			"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
		},
		alg:     jose.RS256,
		key:     rsaKeys()[0],
		headers: map[jose.HeaderKey]any{"kid": "a"},
	}
}

// sign returns the token's text. No library signs with alg "none", so that is done
// by hand.
func (i *issued) sign(t *testing.T) string {
	t.Helper()
	payload, err := json.Marshal(i.claims)
	if err != nil {
		t.Fatal(err)
	}
	if i.alg == "none" {
		return encode(`{"alg":"none","kid":"a"}`) + "." + encode(string(payload)) + "."
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: i.alg, Key: i.key}, &jose.SignerOptions{ExtraHeaders: i.headers})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// atHash computes at_hash by its definition (OpenID Connect Core 1.0, section
// 3.1.3.6).
func atHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return encode(string(sum[:16]))
}

func verifierOf(e *endpoint, c *clocktest.Clock) *idtoken.Verifier {
	return &idtoken.Verifier{Keys: keysOf(e, c), Issuer: issuer, ClientID: clientID, Skew: skew, Now: c.Now}
}

// check verifies text and fails the test if the error tells it.
func check(t *testing.T, v *idtoken.Verifier, text string) (idtoken.Claims, error) {
	t.Helper()
	claims, err := v.Verify(t.Context(), domain.NewSecret(text), domain.NewSecret(accessToken))
	if err != nil {
		for _, part := range append(strings.Split(text, "."), accessToken) {
			if len(part) > 8 && strings.Contains(err.Error(), part) {
				t.Errorf("err = %v, which quotes a token", err)
			}
		}
	}
	return claims, err
}

func TestVerifyChecksTheClaims(t *testing.T) {
	seconds := func(d time.Duration) int64 { return start.Add(d).Unix() }
	const (
		ok       = ""
		claims   = "claims do not hold"
		party    = "azp is not this client"
		noTimes  = "has no exp or no iat"
		badHash  = "at_hash"
		badNonce = "nonce"
		form     = "claims' form"
	)
	tests := map[string]struct {
		claims map[string]any // nil: taken out
		want   string         // part of the error
	}{
		"a good token":                   {nil, ok},
		"another issuer":                 {map[string]any{"iss": "https://other.example.com/"}, claims},
		"the issuer without its slash":   {map[string]any{"iss": "https://tenant.example.com"}, claims},
		"the issuer in capitals":         {map[string]any{"iss": "https://TENANT.example.com/"}, claims},
		"no issuer":                      {map[string]any{"iss": nil}, claims},
		"another audience":               {map[string]any{"aud": "another app"}, claims},
		"an audience that begins alike":  {map[string]any{"aud": "bridge2"}, claims},
		"no audience":                    {map[string]any{"aud": nil}, claims},
		"an empty list of audiences":     {map[string]any{"aud": []string{}}, claims},
		"a list of this client alone":    {map[string]any{"aud": []string{clientID}}, ok},
		"two audiences and no azp":       {map[string]any{"aud": []string{clientID, "api"}}, party},
		"two audiences, this client azp": {map[string]any{"aud": []string{"api", clientID}, "azp": clientID}, ok},
		"two audiences, another azp":     {map[string]any{"aud": []string{clientID, "api"}, "azp": "api"}, party},
		"one audience, this client azp":  {map[string]any{"azp": clientID}, ok},
		"one audience, another azp":      {map[string]any{"azp": "another app"}, party},
		"another audience, our azp":      {map[string]any{"aud": "api", "azp": clientID}, claims},
		"expired within the skew":        {map[string]any{"exp": seconds(-skew)}, ok},
		"expired a second longer":        {map[string]any{"exp": seconds(-skew - time.Second)}, claims},
		"issued ahead within the skew":   {map[string]any{"iat": seconds(skew)}, ok},
		"issued a second further ahead":  {map[string]any{"iat": seconds(skew + time.Second)}, claims},
		"not valid yet":                  {map[string]any{"nbf": seconds(skew + time.Second)}, claims},
		"no expiry":                      {map[string]any{"exp": nil}, noTimes},
		"no time of issue":               {map[string]any{"iat": nil}, noTimes},
		"an expiry that is text":         {map[string]any{"exp": "tomorrow"}, form},
		"no subject":                     {map[string]any{"sub": nil}, "has no sub"},
		"an empty subject":               {map[string]any{"sub": ""}, "has no sub"},
		"a subject that is a number":     {map[string]any{"sub": 42}, form},
		"a nonce":                        {map[string]any{"nonce": "n-1"}, badNonce},
		"an empty nonce":                 {map[string]any{"nonce": ""}, badNonce},
		"the access token's hash":        {map[string]any{"at_hash": atHash(accessToken)}, ok},
		"another access token's hash":    {map[string]any{"at_hash": atHash("another")}, badHash},
		"the hash, longer":               {map[string]any{"at_hash": atHash(accessToken) + "A"}, badHash},
		"the hash, cut":                  {map[string]any{"at_hash": atHash(accessToken)[:20]}, badHash},
		"claims that nobody asked for":   {map[string]any{"email": "jane@example.com", "https://x/": 1}, ok},
	}
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	v := verifierOf(e, c)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token := good()
			maps.Copy(token.claims, tt.claims)
			maps.DeleteFunc(token.claims, func(_ string, value any) bool { return value == nil })
			got, err := check(t, v, token.sign(t))
			if tt.want == ok {
				if err != nil || got.Subject != "auth0|jane" {
					t.Errorf("claims = %+v, %v, want auth0|jane's", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || got != (idtoken.Claims{}) {
				t.Errorf("claims = %+v, err = %v, want none because of %q", got, err, tt.want)
			}
			if reason, given := domain.ReasonOf(err); given {
				t.Errorf("err = %v has the reason %q, but a token that does not verify is a fault", err, reason)
			}
		})
	}
}

// Sessions end by this time. One that is not known for certain must not look like one of late.
func TestVerifyTellsWhenThePersonSignedIn(t *testing.T) {
	seconds := func(d time.Duration) int64 { return start.Add(d).Unix() }
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	v := verifierOf(e, c)
	for name, tt := range map[string]struct {
		authTime any
		want     time.Time
	}{
		"an hour ago":             {seconds(-time.Hour), start.Add(-time.Hour)},
		"with a fraction":         {float64(seconds(-time.Hour)) + 0.7, start.Add(-time.Hour)},
		"ahead within the skew":   {seconds(skew), start.Add(skew)},
		"a second further ahead":  {seconds(skew + time.Second), time.Time{}},
		"in milliseconds":         {start.UnixMilli(), time.Time{}},
		"after all time":          {1e300, time.Time{}},
		"at the beginning of all": {0, time.Time{}},
		"before it":               {-1, time.Time{}},
		"null":                    {json.RawMessage("null"), time.Time{}},
		"not at all":              {nil, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			token := good()
			if tt.authTime != nil {
				token.claims["auth_time"] = tt.authTime
			}
			got, err := check(t, v, token.sign(t))
			if err != nil || !got.AuthenticatedAt.Equal(tt.want) || got.AuthenticatedAt.IsZero() != tt.want.IsZero() {
				t.Errorf("signed in at %s, %v, want %s", got.AuthenticatedAt, err, tt.want)
			}
		})
	}
}

func TestVerifyChecksTheSignature(t *testing.T) {
	ours, foreign := rsaKeys()[0], rsaKeys()[1]
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := x509.MarshalPKCS1PublicKey(&ours.PublicKey)
	pkix, err := x509.MarshalPKIXPublicKey(&ours.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newEndpoint(t, public("b", foreign))

	const (
		notRS256 = "not a JWT signed with RS256"
		unknown  = "does not publish"
		wrong    = "signature"
	)
	signed := func(change func(*issued)) string {
		token := good()
		change(token)
		return token.sign(t)
	}
	hmac := func(key []byte) string {
		return signed(func(i *issued) { i.alg, i.key = jose.HS256, key })
	}
	text := good().sign(t)
	head, rest, _ := strings.Cut(text, ".")
	payload, signature, _ := strings.Cut(rest, ".")

	tests := map[string]struct{ text, want string }{
		"alg none": {signed(func(i *issued) { i.alg = "none" }), notRS256},
		"alg none with the right signature behind it": {signed(func(i *issued) { i.alg = "none" }) + signature, notRS256},
		"HS256 with the client secret":                {hmac([]byte(clientSecret)), notRS256},
		"HS256 with the public key":                   {hmac(der), notRS256},
		"HS256 with the public key as PKIX":           {hmac(pkix), notRS256},
		"HS256 with the public key as PEM":            {hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix})), notRS256},
		"RS512 with the issuer's key":                 {signed(func(i *issued) { i.alg = jose.RS512 }), notRS256},
		"PS256 with the issuer's key":                 {signed(func(i *issued) { i.alg = jose.PS256 }), notRS256},
		"ES256 with the issuer's other key": {signed(func(i *issued) {
			i.alg, i.key, i.headers["kid"] = jose.ES256, ec, "ec"
		}), notRS256},
		"an unknown key id": {signed(func(i *issued) { i.headers["kid"] = "b" }), unknown},
		"no key id":         {signed(func(i *issued) { delete(i.headers, "kid") }), unknown},
		"the id of a key of another kind": {signed(func(i *issued) {
			i.headers["kid"] = "ec"
		}), wrong},
		"a foreign key under a known id": {signed(func(i *issued) { i.key = foreign }), wrong},
		"a foreign key, told by jku": {signed(func(i *issued) {
			i.key, i.headers["kid"], i.headers["jku"] = foreign, "b", elsewhere.URL
		}), unknown},
		"a foreign key under a known id, told by jku": {signed(func(i *issued) {
			i.key, i.headers["jku"] = foreign, elsewhere.URL
		}), wrong},
		"a foreign key, brought along as jwk": {signed(func(i *issued) {
			i.key, i.headers["kid"], i.headers["jwk"] = foreign, "b", public("b", foreign)
		}), unknown},
		"a foreign key under a known id, brought along": {signed(func(i *issued) {
			i.key, i.headers["jwk"] = foreign, public("a", foreign)
		}), wrong},
		"an extension that must be understood": {signed(func(i *issued) {
			i.headers["crit"], i.headers["new"] = []string{"new"}, true
		}), wrong},
		"other claims under the signature": {head + "." + encode(`{"sub":"auth0|eve"}`) + "." + signature, wrong},
		"no signature":                     {head + "." + payload + ".", wrong},
		"a signature cut off":              {text[:len(text)-8], wrong},
		"two parts":                        {head + "." + payload, notRS256},
		"four parts":                       {text + ".x", notRS256},
		"a JWS in JSON":                    {`{"protected":"` + head + `","payload":"` + payload + `","signature":"` + signature + `"}`, notRS256},
		"no JWT":                           {"opaque", notRS256},
		"nothing":                          {"", notRS256},
	}
	e, c := newEndpoint(t, public("a", ours), jose.JSONWebKey{KeyID: "ec", Key: ec.Public(), Use: "sig"}), newClock()
	v := verifierOf(e, c)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			claims, err := check(t, v, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || claims != (idtoken.Claims{}) {
				t.Errorf("claims = %+v, err = %v, want none because of %q", claims, err, tt.want)
			}
		})
	}
	if elsewhere.requests() != 0 {
		t.Error("keys were fetched from where a token says")
	}
	if _, err := check(t, v, text); err != nil {
		t.Errorf("err = %v, want the token verified that the others were made of", err)
	}
}

func TestVerifyAcceptsTheAlgorithmsOfItsList(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e, c := newEndpoint(t, public("a", rsaKeys()[0]), jose.JSONWebKey{KeyID: "ec", Key: ec.Public(), Use: "sig"}), newClock()
	v := verifierOf(e, c)
	v.Algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}
	for name, tt := range map[string]struct {
		alg  jose.SignatureAlgorithm
		kid  string
		key  any
		want string
	}{
		"RS256":                     {jose.RS256, "a", rsaKeys()[0], ""},
		"ES256":                     {jose.ES256, "ec", ec, ""},
		"PS256, which is not in it": {jose.PS256, "a", rsaKeys()[0], "not a JWT signed with RS256 or ES256"},
		"HS256, which is never":     {jose.HS256, "a", []byte(clientSecret), "not a JWT signed with RS256 or ES256"},
		"ES256 under the RSA key's": {jose.ES256, "a", ec, "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			token := good()
			token.alg, token.key, token.headers["kid"] = tt.alg, tt.key, tt.kid
			token.claims["at_hash"] = atHash(accessToken)
			_, err := check(t, v, token.sign(t))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestVerifyTriesEveryKeyOfAnID(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[1]), public("a", rsaKeys()[0])), newClock()
	if _, err := check(t, verifierOf(e, c), good().sign(t)); err != nil {
		t.Errorf("err = %v, want it verified with the second key", err)
	}
}

func TestVerifyFollowsARotation(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	v := verifierOf(e, c)
	if _, err := check(t, v, good().sign(t)); err != nil {
		t.Fatal(err)
	}
	e.publish(t, public("b", rsaKeys()[1]))
	c.Advance(time.Minute)

	rotated := good()
	rotated.key, rotated.headers["kid"] = rsaKeys()[1], "b"
	if _, err := check(t, v, rotated.sign(t)); err != nil {
		t.Errorf("err = %v, want the new key's token verified", err)
	}
	if _, err := check(t, v, good().sign(t)); err == nil {
		t.Error("a token by the withdrawn key still verifies")
	}
}

func TestVerifyCannotTellWithoutKeys(t *testing.T) {
	e, c := newEndpoint(t), newClock()
	e.answer(http.StatusServiceUnavailable, "")
	v := verifierOf(e, c)
	if _, err := check(t, v, good().sign(t)); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("err = %v, want unavailable", err)
	}
	e.publish(t, public("a", rsaKeys()[0]))
	c.Advance(time.Second)
	if _, err := check(t, v, good().sign(t)); err != nil {
		t.Errorf("err = %v, want it verified once the keys are there", err)
	}
}
