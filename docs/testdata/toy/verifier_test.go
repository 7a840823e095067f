package toy_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"nativebridge/adapters/toy"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const key = "the-key-of-whoever-signs-toy-tokens"

// sign returns a toy token that holds the claims.
func sign(t *testing.T, key string, claims map[string]any) domain.PasskeyToken {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	payload := base64.RawURLEncoding.EncodeToString(text)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(payload))
	token, err := domain.ParsePasskeyToken(payload + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// prove signs a ceremony's token.
func prove(t *testing.T, id domain.Identity) (domain.PasskeyToken, domain.Identity) {
	return sign(t, key, map[string]any{
		"subject": id.Subject, "action": id.Action, "method": id.Method, "ceremony": rand.Text(), "at": id.AuthenticatedAt,
	}), id
}

// The harness has nothing that can go wrong elsewhere: the verifier asks nobody.
func TestVerifierKeepsTheContract(t *testing.T) {
	portstest.IdentityVerifier(t, func(*testing.T) portstest.VerifierHarness {
		return portstest.VerifierHarness{
			Verifier: toy.NewVerifier(toy.Config{Key: domain.NewSecret(key)}),
			Secrets:  []string{key},
			Prove: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
				return prove(t, domain.Identity{Subject: "jane", Action: "sign-in", Method: domain.MethodPasskey, AuthenticatedAt: time.Now()})
			},
			Other: func(t *testing.T) (domain.PasskeyToken, domain.Identity) {
				return prove(t, domain.Identity{Subject: "john", Action: "withdraw", Method: "SMS", AuthenticatedAt: time.Now().Add(-time.Hour)})
			},
			Bad: func(t *testing.T) map[string]domain.PasskeyToken {
				return map[string]domain.PasskeyToken{
					"a token of another key":     sign(t, "another key", map[string]any{"subject": "jane", "ceremony": "1", "at": time.Now()}),
					"a token about nobody":       sign(t, key, map[string]any{"ceremony": "1", "at": time.Now()}),
					"a token of no ceremony":     sign(t, key, map[string]any{"subject": "jane", "at": time.Now()}),
					"a token of no time":         sign(t, key, map[string]any{"subject": "jane", "ceremony": "1"}),
					"a subject that is a number": sign(t, key, map[string]any{"subject": 1}),
				}
			},
		}
	})
}
