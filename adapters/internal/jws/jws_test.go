package jws_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/jws"
)

const payload = `{"sub":"jane"}`

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signed is a token with any header, also one that no library makes.
func signed(t *testing.T, key *ecdsa.PrivateKey, header string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(string(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)))
}

var es256 = []jose.SignatureAlgorithm{jose.ES256}

func TestATokenIsReadAsItIsSpelt(t *testing.T) {
	text := signed(t, newKey(t), `{"alg":"ES256","kid":"1","typ":"application/AT+JWT","jku":"https://evil.example"}`)
	token, err := jws.Parse(text, es256)
	if err != nil {
		t.Fatal(err)
	}
	if name, declared := token.Type(); name != "at+jwt" || !declared || token.KeyID() != "1" || token.Algorithm() != "ES256" {
		t.Errorf("it is of the type %q, with the key %q", name, token.KeyID())
	}
	if token.Input() != text[:strings.LastIndex(text, ".")] {
		t.Errorf("signed is %q", token.Input())
	}
	for header, want := range map[string]bool{`{"alg":"ES256"}`: false, `{"alg":"ES256","typ":1}`: true} {
		token, err := jws.Parse(signed(t, newKey(t), header), es256)
		if name, declared := token.Type(); err != nil || name != "" || declared != want {
			t.Errorf("%s: the type is %q, declared: %t, %v", header, name, declared, err)
		}
	}
}

func TestATokenThatCouldBeReadInTwoWaysIsRefused(t *testing.T) {
	key := newKey(t)
	good := signed(t, key, `{"alg":"ES256"}`)
	for name, text := range map[string]string{
		"nothing": "", "two parts": "a.b", "a fourth part": good + ".e30", "padding": good + "=", "a bit after its end": good[:len(good)-1] + "_",
		"another algorithm": encode(`{"alg":"HS256"}`) + "." + encode(payload) + ".e30", "none": encode(`{"alg":"none"}`) + "." + encode(payload) + ".",
		"crit": signed(t, key, `{"alg":"ES256","crit":["exp"]}`), "b64": signed(t, key, `{"alg":"ES256","b64":false}`), "cty": signed(t, key, `{"alg":"ES256","cty":"JWT"}`),
	} {
		if _, err := jws.Parse(text, es256); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: err = %v, want a refusal that quotes nothing", name, err)
		}
	}
}

func TestOnlyAKeyThatFitsVerifies(t *testing.T) {
	key := newKey(t)
	token, err := jws.Parse(signed(t, key, `{"alg":"ES256"}`), es256)
	if err != nil {
		t.Fatal(err)
	}
	of := func(key any, algorithm string) jose.JSONWebKey {
		return jose.JSONWebKey{Key: key, Algorithm: algorithm}
	}
	for name, tt := range map[string]struct {
		keys []jose.JSONWebKey
		want bool
	}{
		"no key":                        {nil, false},
		"the key":                       {[]jose.JSONWebKey{of(key.Public(), "")}, true},
		"the key, for its algorithm":    {[]jose.JSONWebKey{of(key.Public(), "ES256")}, true},
		"the key, for another":          {[]jose.JSONWebKey{of(key.Public(), "ES384")}, false},
		"another key":                   {[]jose.JSONWebKey{of(newKey(t).Public(), "")}, false},
		"another key, and then the key": {[]jose.JSONWebKey{of(newKey(t).Public(), ""), of(key.Public(), "")}, true},
	} {
		if got, ok := token.Payload(tt.keys); ok != tt.want || ok && string(got) != payload {
			t.Errorf("%s: %q, %t, want verified: %t", name, got, ok, tt.want)
		}
	}
}
