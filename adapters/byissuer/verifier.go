// Package byissuer accepts tokens of more than one authority, for the time in which users
// move from one passkey provider to another.
package byissuer

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"nativebridge/domain"
	"nativebridge/ports"
)

// Verifier is a ports.IdentityVerifier that hands a token to the one verifier of its
// issuer. It does not trust the token's iss, which only decides which verifier is asked:
// that verifier checks it again.
type Verifier struct {
	byIssuer      map[string]ports.IdentityVerifier
	withoutIssuer ports.IdentityVerifier
}

var _ ports.IdentityVerifier = (*Verifier)(nil)

// NewVerifier returns a verifier for the tokens of each "iss" in byIssuer, compared
// exactly. WithoutIssuer is for tokens that have no iss, such as Authsignal's; nil
// rejects them.
func NewVerifier(byIssuer map[string]ports.IdentityVerifier, withoutIssuer ports.IdentityVerifier) *Verifier {
	return &Verifier{byIssuer: byIssuer, withoutIssuer: withoutIssuer}
}

// Verify implements ports.IdentityVerifier. It rejects a token of any other issuer
// without asking a verifier.
func (v *Verifier) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	issuer, declared, err := issuerOf(token)
	if err != nil {
		return domain.Identity{}, err
	}
	verifier := v.withoutIssuer
	if declared {
		verifier = v.byIssuer[issuer]
	}
	if verifier == nil {
		return domain.Identity{}, fmt.Errorf("%w: no verifier is configured for the token's issuer", domain.ErrTokenRejected)
	}
	return verifier.Verify(ctx, token)
}

// issuerOf returns the token's "iss", and false if it has none. It is as strict as a
// verifier: it rejects a token with a duplicate claim.
func issuerOf(token domain.PasskeyToken) (issuer string, declared bool, err error) {
	var claims map[string]any
	_, rest, _ := strings.Cut(token.Reveal(), ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil || json.Unmarshal(text, &claims) != nil || claims == nil {
		return "", false, fmt.Errorf("%w: the token is not a JWT", domain.ErrTokenRejected)
	}
	value, declared := claims["iss"]
	if !declared {
		return "", false, nil
	}
	issuer, ok := value.(string)
	if !ok {
		return "", false, fmt.Errorf("%w: the token's iss is no text", domain.ErrTokenRejected)
	}
	return issuer, true, nil
}
