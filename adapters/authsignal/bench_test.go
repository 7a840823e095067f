package authsignal_test

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/cannedtest"
	"nativebridge/domain"
)

// usual returns a live token of the size and with the claims of Authsignal's.
func usual(b *testing.B) domain.PasskeyToken {
	b.Helper()
	part := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"aud":"https://api.authsignal.com","iat":%[1]d,"exp":%[2]d,"sub":"auth0|jane","scope":"read:authenticators","other":{`+
		`"tenantId":"5d1f0a52-4a0a-4c2f-9a3c-0d8d3d3b1a11","userId":"auth0|jane","actionCode":%[3]q,"idempotencyKey":"b6b6d21c-9d0c-4f3a-8a36-3f0d9b1f2c55",`+
		`"publishableKey":"5d1f0a52-4a0a-4c2f-9a3c-0d8d3d3b1a11","username":"jane","tenantName":"example"}}`,
		time.Now().Unix(), time.Now().Add(10*time.Minute).Unix(), action)
	text := part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(claims)) + "." + part(make([]byte, 32))
	token, err := domain.ParsePasskeyToken(text)
	if err != nil {
		b.Fatal(err)
	}
	return token
}

func BenchmarkScreen(b *testing.B) {
	token, now := usual(b), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if err := authsignal.Screen(token, now, 30*time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify asks a party on the same machine, which allocates nothing itself.
func BenchmarkVerify(b *testing.B) {
	url := cannedtest.Serve(b, map[string]cannedtest.Answer{"POST /v1/validate": cannedtest.Text(`{"isValid":true,"state":"CHALLENGE_SUCCEEDED",` +
		`"stateUpdatedAt":"2026-01-31T10:00:00.000Z","userId":"auth0|jane","action":"signInWithPasskey","actionCode":"signInWithPasskey",` +
		`"idempotencyKey":"b6b6d21c-9d0c-4f3a-8a36-3f0d9b1f2c55","verificationMethod":"PASSKEY"}`)})
	verifier, token := newVerifier(url+"/v1", secret), usual(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
