package idtoken_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/cannedtest"
	"nativebridge/adapters/internal/idtoken"
	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// BenchmarkVerify verifies a token with the claims of Auth0's, with a key that is known.
func BenchmarkVerify(b *testing.B) {
	key, c := rsaKeys()[0], newClock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "a"}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": issuer, "aud": clientID, "sub": "auth0|jane", "iat": start.Unix(), "exp": start.Add(10 * time.Hour).Unix(),
		"email": "jane@example.com", "email_verified": true, "name": "jane@example.com", "nickname": "jane",
		"picture": "https://s.gravatar.com/avatar/9e26471d35a78862c17e467d87cddedf?s=480", "updated_at": "2026-01-31T09:59:59.000Z",
	}).Serialize()
	if err != nil {
		b.Fatal(err)
	}
	published, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("a", key)}})
	if err != nil {
		b.Fatal(err)
	}
	url := cannedtest.Serve(b, map[string]cannedtest.Answer{"GET /jwks.json": cannedtest.Text(string(published))})
	keys := jwks.New(upstream.New(upstream.Options{Name: "issuer", Now: c.Now}), url+"/jwks.json", c.Now)
	verifier := &idtoken.Verifier{Keys: keys, Issuer: issuer, ClientID: clientID, Skew: skew, Now: c.Now}
	idToken, access := domain.NewSecret(text), domain.NewSecret(accessToken)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), idToken, access); err != nil {
			b.Fatal(err)
		}
	}
}
