package oidc

import (
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// AssertionLifetime is how long an assertion is good for. It must outlast one
// request and the difference of two clocks, and nothing else.
const AssertionLifetime = time.Minute

// asserter signs JWTs as RFC 7523 section 3 has them: about one subject, for one
// audience, for a minute, each with an id of its own.
type asserter struct {
	key      settings.Rotating[PrivateKey]
	issuer   string
	audience string // the issuer identifier as one string, to the letter
	now      func() time.Time
	random   io.Reader
}

// claims of an assertion. There is nothing in it about how the person was verified:
// no provider is known to read that.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	IssuedAt int64  `json:"iat"`
	Expiry   int64  `json:"exp"`
	ID       string `json:"jti"`
}

// about returns an assertion about subject, which is taken byte for byte.
func (a *asserter) about(subject string) (domain.Secret, error) {
	id := make([]byte, 16)
	if _, err := io.ReadFull(a.random, id); err != nil {
		return domain.Secret{}, fmt.Errorf("no randomness for an assertion: %w", err)
	}
	key := a.key.Get().key
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", key.id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.algorithm, Key: key.key}, options)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("sign an assertion: %w", err)
	}
	now := a.now()
	text, err := jwt.Signed(signer).Claims(claims{
		Issuer:   a.issuer,
		Subject:  subject,
		Audience: a.audience,
		IssuedAt: now.Unix(),
		Expiry:   now.Add(AssertionLifetime).Unix(),
		ID:       base64.RawURLEncoding.EncodeToString(id),
	}).Serialize()
	if err != nil {
		return domain.Secret{}, fmt.Errorf("sign an assertion: %w", err)
	}
	return domain.NewSecret(text), nil
}
