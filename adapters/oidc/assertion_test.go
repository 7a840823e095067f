package oidc_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/oidc"
	"nativebridge/domain"
)

func keySet(t *testing.T, text []byte) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// parts decodes a JWT without looking at its signature.
func parts(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	for i, to := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, to); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func TestAnAssertionHasWhatItsVerifierNeedsAndNothingElse(t *testing.T) {
	for algorithm, key := range map[string]string{"ES256": ecKey(), "RS256": rsaKey()} {
		t.Run(algorithm, func(t *testing.T) {
			issuer, requests := plainProvider(t, answering(400, `{"error":"invalid_grant"}`), map[string]string{
				"OIDC_ASSERTION_KEY": key, "OIDC_ASSERTION_ISSUER": "https://bridge.example.com"})
			before := time.Now().Unix()
			for range 2 {
				_, _ = issuer.Issue(t.Context(), grantFor("jane|doe\u00e9 "))
			}
			after := time.Now().Unix()
			sent := requests()
			header, claims := parts(t, sent[0].form.Get("assertion"))
			public := keySet(t, issuer.AssertionJWKS()).Keys[0]
			if header["alg"] != algorithm || header["typ"] != "JWT" || header["kid"] != public.KeyID || len(header) != 3 {
				t.Errorf("header = %v, want alg %s, typ and the kid %s of the published key", header, algorithm, public.KeyID)
			}
			issued, expires := int64(claims["iat"].(float64)), int64(claims["exp"].(float64))
			if issued < before || issued > after || expires <= issued || expires-issued > 60 {
				t.Errorf("iat %d, exp %d, want now and at most 60 s later", issued, expires)
			}
			if claims["iss"] != "https://bridge.example.com" || claims["sub"] != "jane|doe\u00e9 " || claims["aud"] != sent[0].base || len(claims) != 6 {
				t.Errorf("claims = %v, want iss, sub, aud as one string, iat, exp and jti", claims)
			}
			_, again := parts(t, sent[1].form.Get("assertion"))
			if id, _ := claims["jti"].(string); len(id) < 22 || again["jti"] == id {
				t.Errorf("jti = %v and then %v, want 128 fresh bits each", claims["jti"], again["jti"])
			}
			token, err := jwt.ParseSigned(sent[0].form.Get("assertion"), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil || token.Claims(public.Key, new(jwt.Claims)) != nil {
				t.Errorf("the published key does not verify the assertion: %v", err)
			}
		})
	}
}

func TestTheAudienceIsTheIssuerToTheLetter(t *testing.T) {
	issuer, requests := plainProvider(t, answering(400, `{"error":"invalid_grant"}`), slashed)
	_, _ = issuer.Issue(t.Context(), grantFor("jane"))
	sent := requests()[0]
	if _, claims := parts(t, sent.form.Get("assertion")); claims["aud"] != sent.base+"/" {
		t.Errorf("aud = %v, want %s/", claims["aud"], sent.base)
	}
}

func TestPublishedKeysArePublicAndNamedByTheirThumbprint(t *testing.T) {
	config, err := load(minimal(), map[string]string{"OIDC_ASSERTION_KEY_NEXT": rsaKey(), "OIDC_CLIENT_SECRET": "", "OIDC_CLIENT_KEY": freshKey()})
	if err != nil {
		t.Fatal(err)
	}
	text := oidc.NewIssuer(nil, config, 0, nil, nil).AssertionJWKS()
	set := keySet(t, text)
	if len(set.Keys) != 2 || set.Keys[0].Algorithm != "ES256" || set.Keys[1].Algorithm != "RS256" {
		t.Fatalf("set = %s, want the key, the next key and not the client's", text)
	}
	for _, key := range set.Keys {
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		if err != nil || key.KeyID != base64.RawURLEncoding.EncodeToString(thumbprint) || !key.IsPublic() || key.Use != "sig" {
			t.Errorf("key = %s, want a public one whose id is its RFC 7638 thumbprint", key.KeyID)
		}
	}
	for _, member := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"dq"`, `"qi"`} {
		if strings.Contains(string(text), member) {
			t.Errorf("the set has a private member %s", member)
		}
	}
}

// The three steps of docs/oidc.md, with a provider that has cached the key set of
// the step before.
func TestRotationHasNoGap(t *testing.T) {
	old, fresh := freshKey(), freshKey()
	provider := startProvider(t, nil)
	step := func(key, next string) (*oidc.Issuer, []byte) {
		issuer := issuerFor(t, provider, map[string]string{"OIDC_ASSERTION_KEY": key, "OIDC_ASSERTION_KEY_NEXT": next})
		return issuer, issuer.AssertionJWKS()
	}
	issues := func(when string, issuer *oidc.Issuer, cached []byte) {
		t.Helper()
		if err := provider.TrustAssertionKeys(cached); err != nil {
			t.Fatal(err)
		}
		if _, err := issuer.Issue(t.Context(), grantFor("jane")); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	before, setBefore := step(old, "")
	published, setPublished := step(old, fresh)
	swapped, setSwapped := step(fresh, old)
	done, setDone := step(fresh, "")

	issues("before", before, setBefore)
	issues("the next key is published, the provider does not know yet", published, setBefore)
	issues("the provider knows both", published, setPublished)
	issues("swapped, the provider has not asked again", swapped, setPublished)
	issues("swapped, and another replica still signs with the old key", published, setSwapped)
	issues("the old key is gone, the provider has not asked again", done, setSwapped)
	issues("done", done, setDone)

	if err := provider.TrustAssertionKeys(setDone); err != nil {
		t.Fatal(err)
	}
	if _, err := before.Issue(t.Context(), grantFor("jane")); !errors.Is(err, domain.ErrAccessDenied) {
		t.Errorf("the old key: err = %v, want it refused", err)
	}
}

func TestWithoutRandomnessNothingIsAsserted(t *testing.T) {
	provider := startProvider(t, nil)
	config := configFor(t, provider)
	client := upstream.New(upstream.Options{Name: "oidc", Now: time.Now})
	issuer := oidc.NewIssuer(client, config, 0, time.Now, iotest.ErrReader(errors.New("empty")))
	if _, err := issuer.Issue(t.Context(), grantFor("jane")); err == nil || !strings.Contains(err.Error(), "randomness") {
		t.Errorf("err = %v, want it to name the randomness", err)
	}
	if n := len(provider.Requests()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}
