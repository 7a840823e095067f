package authsignal

import (
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/go-json-experiment/json"

	"nativebridge/adapters/internal/compact"
	"nativebridge/domain"
)

// isSigning reports whether a token may be signed with the algorithm. Authsignal uses
// HS256 and RS256 today and promises neither; "none" is not among them and never will be.
func isSigning(algorithm string) bool {
	switch algorithm {
	case "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA":
		return true
	}
	return false
}

// screen rejects what cannot be a live token: no JWT, unsigned, or expired. It
// spares a call and never accepts anything: the signature is Authsignal's to
// check.
func screen(token domain.PasskeyToken, now time.Time, skew time.Duration) error {
	parsed, err := compact.Parse(token.Reveal())
	if err != nil || !isSigning(parsed.Algorithm) {
		return fmt.Errorf("%w: the token is not a signed JWT", domain.ErrTokenRejected)
	}
	var claims struct {
		Expiry *jwt.NumericDate `json:"exp"`
	}
	if err := json.Unmarshal(parsed.Payload, &claims); err != nil {
		return fmt.Errorf("%w: the token's claims are not those of a JWT", domain.ErrTokenRejected)
	}
	if claims.Expiry != nil && now.Sub(claims.Expiry.Time()) > skew {
		return fmt.Errorf("%w: the token has expired at %s", domain.ErrTokenRejected, claims.Expiry.Time().UTC().Format(time.RFC3339))
	}
	return nil
}
