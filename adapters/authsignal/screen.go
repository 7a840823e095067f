package authsignal

import (
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/domain"
)

// algorithms are those a token may be signed with. Authsignal uses HS256 and
// RS256 today and promises neither; "none" is not among them and never will be.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.HS256, jose.HS384, jose.HS512, jose.RS256, jose.RS384, jose.RS512,
		jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// screen rejects what cannot be a live token: no JWT, unsigned, or expired. It
// spares a call and never accepts anything: the signature is Authsignal's to
// check.
func screen(token domain.PasskeyToken, now time.Time, skew time.Duration) error {
	parsed, err := jwt.ParseSigned(token.Reveal(), algorithms())
	if err != nil {
		return fmt.Errorf("%w: the token is not a signed JWT", domain.ErrTokenRejected)
	}
	var claims struct {
		Expiry *jwt.NumericDate `json:"exp"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return fmt.Errorf("%w: the token's claims are not those of a JWT", domain.ErrTokenRejected)
	}
	if claims.Expiry != nil && now.Sub(claims.Expiry.Time()) > skew {
		return fmt.Errorf("%w: the token has expired at %s", domain.ErrTokenRejected, claims.Expiry.Time().UTC().Format(time.RFC3339))
	}
	return nil
}
