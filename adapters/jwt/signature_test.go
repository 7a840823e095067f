package jwt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/jwt"
	"nativebridge/adapters/jwt/jwttest"
	"nativebridge/domain"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })

func newRSA(bits int) *rsa.PrivateKey {
	var key *rsa.PrivateKey
	var err error
	fips140.WithoutEnforcement(func() { key, err = rsa.GenerateKey(rand.Reader, bits) }) // whoever forges takes the key that they like
	if err != nil {
		panic(err)
	}
	return key
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

// unsigned returns a token with alg "none", which no library makes.
func unsigned(payload []byte) string {
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
}

// forge returns a token with any header, also one that no library makes, signed
// with ES256.
func forge(t *testing.T, key *ecdsa.PrivateKey, header string, payload []byte) string {
	t.Helper()
	input := encode([]byte(header)) + "." + encode(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func TestWhatTheProviderDidNotSignIsRejected(t *testing.T) {
	b := newBench(t)
	signing := b.Key()
	private := signing.Key.(*ecdsa.PrivateKey)
	ec384 := jose.JSONWebKey{KeyID: "ec384", Key: must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))}
	ed := jose.JSONWebKey{KeyID: "ed", Key: mustEd25519()}
	rsa2048 := jose.JSONWebKey{KeyID: "rsa", Key: rsaKey()}
	rsaPSS := jose.JSONWebKey{KeyID: "pss", Key: rsaKey(), Algorithm: "PS256"}
	rsa1024 := jose.JSONWebKey{KeyID: "short", Key: newRSA(1024)}
	encryption := jose.JSONWebKey{KeyID: "enc", Key: rsaKey(), Use: "enc"}
	shared := jose.JSONWebKey{KeyID: "oct", Key: []byte("a shared secret of 32 bytes, HMAC")}
	b.Publish(ec384.Public(), ed.Public(), rsa2048.Public(), rsaPSS.Public(), rsa1024.Public(), encryption.Public(), shared)

	var elsewhere atomic.Int64
	foreign := jwttest.NewKey()
	foreignSet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{foreign.Public()}})
	}))
	t.Cleanup(foreignSet.Close)

	payload, err := json.Marshal(b.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	good := b.SignBytes(payload, nil)
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	by := func(key jose.JSONWebKey, alg jose.SignatureAlgorithm) string {
		return jwttest.SignWith(key, alg, payload, nil)
	}
	with := func(key jose.JSONWebKey, headers map[jose.HeaderKey]any) string {
		return jwttest.SignWith(key, jose.ES256, payload, headers)
	}
	named := func(key jose.JSONWebKey, id string) jose.JSONWebKey { key.KeyID = id; return key }
	hmac := func(secret []byte, id string) string {
		return by(jose.JSONWebKey{KeyID: id, Key: secret}, jose.HS256)
	}
	pkix := must(x509.MarshalPKIXPublicKey(private.Public()))
	header := func(more string) string { return `{"alg":"ES256","kid":"` + signing.KeyID + `"` + more + `}` }

	const (
		alg, unknown, wrong = "not a JWT signed with", "does not publish", "signature is wrong"
	)
	tests := map[string]struct{ text, says string }{
		"no JWT":                            {"opaq", alg},
		"one dot":                           {head + "." + body, alg},
		"three dots":                        {good + ".AAAA", alg},
		"an encrypted token":                {good + ".AAAA.AAAA", alg},
		"no signature":                      {head + "." + body + ".", wrong},
		"no payload":                        {head + ".." + signature, wrong},
		"no header":                         {"." + body + "." + signature, alg},
		"a header that is no object":        {encode([]byte(`[]`)) + "." + body + "." + signature, alg},
		"alg none":                          {unsigned(payload), alg},
		"alg None":                          {forge(t, private, `{"alg":"None"}`, payload), alg},
		"alg none with the right signature": {unsigned(payload) + signature, alg},
		"no alg":                            {forge(t, private, `{"kid":"`+signing.KeyID+`"}`, payload), alg},
		"alg twice":                         {forge(t, private, header(`,"alg":"ES256"`), payload), alg},
		"kid twice":                         {forge(t, private, header(`,"kid":"x"`), payload), alg},
		"a kid that is a number":            {forge(t, private, `{"alg":"ES256","kid":7}`, payload), alg},

		"HS256 with the public key":           {hmac(pkix, signing.KeyID), alg},
		"HS256 with the public key as PEM":    {hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}), signing.KeyID), alg},
		"HS256 with a published shared key":   {hmac(shared.Key.([]byte), "oct"), alg},
		"ES384, which is not allowed":         {by(ec384, jose.ES384), alg},
		"EdDSA, which is not allowed":         {by(ed, jose.EdDSA), alg},
		"PS256, which is not allowed":         {by(rsa2048, jose.PS256), alg},
		"RS512, which is not allowed":         {by(rsa2048, jose.RS512), alg},
		"RS256 under an EC key's id":          {by(named(rsa2048, signing.KeyID), jose.RS256), wrong},
		"ES256 under an RSA key's id":         {by(named(signing, "rsa"), jose.ES256), wrong},
		"ES256 under a P-384 key's id":        {by(named(signing, "ec384"), jose.ES256), wrong},
		"ES256 under an Ed25519 key's id":     {by(named(signing, "ed"), jose.ES256), wrong},
		"RS256 with a key for PS256":          {by(rsaPSS, jose.RS256), wrong},
		"RS256 with an RSA key of 1024 bits":  {by(rsa1024, jose.RS256), wrong},
		"RS256 with a key for encryption":     {by(encryption, jose.RS256), unknown},
		"an unknown key id":                   {by(foreign, jose.ES256), unknown},
		"no key id":                           {forge(t, private, `{"alg":"ES256"}`, payload), unknown},
		"a foreign key under a known id":      {by(named(foreign, signing.KeyID), jose.ES256), wrong},
		"a foreign key, told by jku":          {with(foreign, map[jose.HeaderKey]any{"jku": foreignSet.URL}), unknown},
		"the same under a known id":           {with(named(foreign, signing.KeyID), map[jose.HeaderKey]any{"jku": foreignSet.URL}), wrong},
		"a foreign key, told by x5u":          {with(named(foreign, signing.KeyID), map[jose.HeaderKey]any{"x5u": foreignSet.URL}), wrong},
		"a foreign key, brought along":        {with(foreign, map[jose.HeaderKey]any{"jwk": foreign.Public()}), unknown},
		"the same, and a known id":            {with(named(foreign, signing.KeyID), map[jose.HeaderKey]any{"jwk": foreign.Public()}), wrong},
		"an extension that must be known":     {forge(t, private, header(`,"crit":["new"],"new":1`), payload), "crit"},
		"an extension that the library knows": {forge(t, private, header(`,"crit":["b64"],"b64":true`), payload), "has"},
		"a payload that is not encoded":       {forge(t, private, header(`,"b64":false`), payload), "b64"},
		"nothing that must be known":          {forge(t, private, header(`,"crit":[]`), payload), "crit"},
		"a nested token, by its header":       {with(signing, map[jose.HeaderKey]any{"cty": "JWT"}), "cty"},
		"an access token, by its type":        {with(signing, map[jose.HeaderKey]any{"typ": "at+jwt"}), "typ"},
		"a logout token, by its type":         {with(signing, map[jose.HeaderKey]any{"typ": "logout+jwt"}), "typ"},
		"a type that is a number":             {with(signing, map[jose.HeaderKey]any{"typ": 1}), "typ"},
		"other claims under the signature":    {head + "." + encode([]byte(`{"sub":"auth0|eve"}`)) + "." + signature, wrong},
		"another header under the signature":  {encode([]byte(header(`,"x":1`))) + "." + body + "." + signature, wrong},
		"a signature cut off":                 {good[:len(good)-6], wrong},
		"a signature of zeros":                {head + "." + body + "." + encode(make([]byte, 64)), wrong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b.Advance(time.Second) // for an unknown key id
			_, err := b.verify(t, tt.text)
			wantReason(t, err, domain.ErrTokenRejected, tt.says)
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("keys were fetched from where a token says")
	}
	for name, text := range map[string]string{
		"the token that the others were made of": good,
		"typ JWT":                                with(signing, map[jose.HeaderKey]any{"typ": "JWT"}),
		"typ jwt":                                with(signing, map[jose.HeaderKey]any{"typ": "jwt"}),
		"RS256":                                  by(rsa2048, jose.RS256),
		"a header that nobody knows":             with(signing, map[jose.HeaderKey]any{"x": 1, "jku": foreignSet.URL}),
	} {
		if _, err := b.verify(t, text); err != nil {
			t.Errorf("%s: err = %v, want it verified", name, err)
		}
	}
}

func mustEd25519() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

func TestEveryAlgorithmThatIsAllowedVerifies(t *testing.T) {
	var all jwt.Algorithms
	if err := all.UnmarshalText([]byte("RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA")); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *jwt.Config) { c.Algorithms = all })
	keys := map[string]any{
		"RS": rsaKey(), "PS": rsaKey(), "Ed": mustEd25519(),
		"ES256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"ES384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"ES512": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
	}
	payload, err := json.Marshal(b.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[jose.SignatureAlgorithm]string{}
	for _, algorithm := range all {
		key := keys[string(algorithm)]
		if key == nil {
			key = keys[string(algorithm)[:2]]
		}
		jwk := jose.JSONWebKey{KeyID: "my " + string(algorithm), Key: key}
		b.Publish(jwk.Public())
		texts[algorithm] = jwttest.SignWith(jwk, algorithm, payload, nil)
	}
	for algorithm, text := range texts {
		if _, err := b.verify(t, text); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// A lenient decoder reads several texts as one token: with padding, with the
// other alphabet, and with other bits after the end.
func TestATokenHasOneSpelling(t *testing.T) {
	b := newBench(t)
	claims := b.claims(nil)
	good, pad := b.Sign(claims), ""
	for !hasSpareBits(good) {
		pad += "x"
		claims["pad"] = pad
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		good = b.SignBytes(payload, map[jose.HeaderKey]any{"pad": pad})
	}
	if _, err := b.verify(t, good); err != nil {
		t.Fatalf("err = %v, want the token verified that the others are made of", err)
	}
	for what, spell := range map[string]func(string) string{
		"other bits after the end": func(s string) string { return s[:len(s)-1] + string(s[len(s)-1]+1) },
		"padding":                  func(s string) string { return s + strings.Repeat("=", 4-len(s)%4) },
		"a plus":                   func(s string) string { return "+" + s[1:] },
		"a slash":                  func(s string) string { return "/" + s[1:] },
		"a tilde":                  func(s string) string { return s[:4] + "~" + s[4:] },
	} {
		for i, part := range []string{"header", "payload", "signature"} {
			parts := strings.Split(good, ".")
			parts[i] = spell(parts[i])
			_, err := b.verify(t, strings.Join(parts, "."))
			if reason, _ := domain.ReasonOf(err); reason != domain.ErrTokenRejected || !strings.Contains(err.Error(), "base64url") {
				t.Errorf("%s in the %s: err = %v, want it rejected as no base64url", what, part, err)
			}
		}
	}
}

// hasSpareBits reports whether the last letter of every part carries bits that
// mean nothing. They are zero, so the next letter differs in nothing else.
func hasSpareBits(text string) bool {
	return !slices.ContainsFunc(strings.Split(text, "."), func(part string) bool { return len(part)%4 == 0 })
}

// Whoever holds an ECDSA signature can make a second one of it (r, n − s). It is
// as good as the first, so it must not make a second proof.
func TestASecondSignatureMakesNoSecondProof(t *testing.T) {
	for name, jti := range map[string]any{"with a jti": "one", "without": nil, "with an empty one": ""} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			text := b.Sign(b.claims(map[string]any{"jti": jti}))
			twin := malleate(t, text)
			first, err := b.verify(t, text)
			if err != nil {
				t.Fatal(err)
			}
			second, err := b.verify(t, twin)
			if err != nil || text == twin {
				t.Fatalf("the twin does not verify (%v): this tests nothing", err)
			}
			if domain.ProofKeyOf(first) != domain.ProofKeyOf(second) {
				t.Errorf("the proofs are %q and %q", first.ProofID, second.ProofID)
			}
			other, err := b.verify(t, b.Sign(b.claims(map[string]any{"jti": jti, "nonce": "another"})))
			if same := other.ProofID == first.ProofID; err != nil || same != (jti == "one") {
				t.Errorf("another token has the proof %q, %v, the first %q", other.ProofID, err, first.ProofID)
			}
		})
	}
}

func malleate(t *testing.T, text string) string {
	t.Helper()
	at := strings.LastIndexByte(text, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(text[at:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return text[:at] + encode(signature)
}

// The domain bounds what is looked at; the verifier is never given more.
func TestAnOversizedTokenIsNotLookedAt(t *testing.T) {
	b := newBench(t)
	sized := func(n int) string { return b.Sign(b.claims(map[string]any{"pad": strings.Repeat("x", n)})) }
	if _, err := b.verify(t, sized(5000)); err != nil {
		t.Errorf("err = %v, want a large token verified", err)
	}
	if _, err := domain.ParsePasskeyToken(sized(6200)); err == nil {
		t.Error("a token over 8 KiB is looked at")
	}
}

// FuzzVerify holds the verifier to what matters: nothing passes that the provider
// did not sign, whatever was made of a token that it did.
func FuzzVerify(f *testing.F) {
	b := newBench(f)
	payload, err := json.Marshal(b.claims(nil))
	if err != nil {
		f.Fatal(err)
	}
	good := b.SignBytes(payload, nil)
	input := good[:strings.LastIndexByte(good, '.')]
	f.Add(good)
	f.Add(unsigned(payload))
	f.Add(good + ".")
	f.Add(strings.ToUpper(good))
	f.Add(jwttest.SignWith(jwttest.NewKey(), jose.ES256, payload, map[jose.HeaderKey]any{"kid": b.Key().KeyID}))
	f.Add(jwttest.SignWith(b.Key(), jose.ES256, []byte(`{"sub":"auth0|jane","sub":"auth0|eve"}`), nil))
	f.Fuzz(func(t *testing.T, text string) {
		token, err := domain.ParsePasskeyToken(text)
		if err != nil {
			return
		}
		identity, err := b.verifier.Verify(t.Context(), token)
		switch reason, _ := domain.ReasonOf(err); {
		case err == nil && !strings.HasPrefix(text, input+"."):
			t.Errorf("%q proves %+v, but was never signed", text, identity)
		case err != nil && reason != domain.ErrTokenRejected:
			t.Errorf("err = %v, want token_rejected", err)
		case err != nil && identity != (domain.Identity{}):
			t.Errorf("identity = %+v, want none", identity)
		}
	})
}
