// Package toy checks toy tokens, the smallest that prove somebody: a JSON object
// and its HMAC-SHA256, both in base64url.
package toy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// Verifier is a ports.IdentityVerifier for toy tokens. It asks nobody.
type Verifier struct{ config Config }

var _ ports.IdentityVerifier = (*Verifier)(nil)

// NewVerifier returns a verifier for the tokens that config describes.
func NewVerifier(config Config) *Verifier { return &Verifier{config} }

// Verify implements ports.IdentityVerifier.
func (v *Verifier) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	if err := ctx.Err(); err != nil {
		return domain.Identity{}, unavailable(err)
	}
	payload, signature, _ := strings.Cut(token.Reveal(), ".")
	mac, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || !hmac.Equal(mac, v.sign(payload)) {
		return domain.Identity{}, rejected("is not signed with the key")
	}
	var claims struct {
		Subject, Action, Method, Ceremony string
		At                                time.Time
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return domain.Identity{}, rejected("holds no claims")
	}
	if claims.Subject == "" || claims.Ceremony == "" || claims.At.IsZero() {
		return domain.Identity{}, rejected("does not say whom it proves, by which ceremony and when")
	}
	return domain.Identity{
		Authority:       v.config.Policy(0).Authority,
		Subject:         claims.Subject,
		Action:          claims.Action,
		Method:          claims.Method,
		ProofID:         claims.Ceremony,
		AuthenticatedAt: claims.At,
	}, nil
}

func (v *Verifier) sign(payload string) []byte {
	mac := hmac.New(sha256.New, []byte(v.config.Key.Reveal()))
	mac.Write([]byte(payload))
	return mac.Sum(nil)
}
