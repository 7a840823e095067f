package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"
)

const user = "auth0|5f7c8ec7c33c6c004bbafe82"

var (
	tokenHeader    = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	tokenSignature = base64.RawURLEncoding.EncodeToString(make([]byte, sha256.Size)) // nobody but Authsignal could check it
)

// mint makes challenge tokens that are all different and look like Authsignal's, some 640
// bytes each. It is safe for concurrent use.
type mint struct {
	name   string
	issued time.Time
	count  atomic.Int64
}

func newMint() *mint { return &mint{name: rand.Text(), issued: time.Now()} }

// token returns the next one. Two mints of the same name and time make the same tokens.
func (m *mint) token() string {
	claims := fmt.Appendf(nil, `{"iat":%d,"sub":"%s","exp":%d,"iss":"https://api.authsignal.com/v1","scope":"read:authenticators add:authenticators update:authenticators remove:authenticators","aud":"https://api.authsignal.com/v1","other":{"tenantId":"6d1c3b8e-98cb-47a4-9a2f-0b5c2f1f2b77","publishableKey":"6d1c3b8e-98cb-47a4-9a2f-0b5c2f1f2b77","userId":"%s","actionCode":"signIn","idempotencyKey":"%s-%d","username":"jane@example.com"}}`,
		m.issued.Unix(), user, m.issued.Add(10*time.Minute).Unix(), user, m.name, m.count.Add(1))
	return tokenHeader + "." + base64.RawURLEncoding.EncodeToString(claims) + "." + tokenSignature
}

// draw returns a number from 0 up to 1 that depends on nothing but token and purpose, so
// that a caller knows what a vendor drew, and all implementations meet the same luck.
func draw(token, purpose string) float64 {
	sum := sha256.Sum256([]byte(purpose + token))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// jitter returns mean, up to a quarter more or less, as drawn for the token. Delays that
// were all the same would let callers march in step.
func jitter(token, purpose string, mean time.Duration) time.Duration {
	if mean == 0 {
		return 0
	}
	return time.Duration(float64(mean) * (0.75 + 0.5*draw(token, purpose)))
}
