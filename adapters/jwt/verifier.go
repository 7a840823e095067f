// Package jwt checks the signed tokens of a passkey provider by itself: ID tokens
// and session tokens that are JWTs (RFC 7519) and whose keys are published.
package jwt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/jws"
	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// VerifyTimeout bounds a verification, including the fetch of the provider's keys.
const VerifyTimeout = 3 * time.Second

// Verifier is a ports.IdentityVerifier that checks a token's signature with the
// provider's published keys and its claims by configuration. It asks the provider
// for keys only, so it does not notice that a session was revoked. It reports action,
// method, time and subject as they are, and domain.SignInPolicy judges them.
type Verifier struct {
	client *upstream.Client
	keys   *jwks.Keys
	config Config
	skew   time.Duration
	now    func() time.Time
}

var _ ports.IdentityVerifier = (*Verifier)(nil)

// NewVerifier returns a verifier for the provider that config describes. Client
// asks for the provider's keys; skew is how far its clock may differ.
func NewVerifier(client *upstream.Client, config Config, skew time.Duration, now func() time.Time) *Verifier {
	keys := jwks.Discover(oauth.Discovery{
		Client: client, Issuer: string(config.Issuer), Setting: "JWT_ISSUER", Now: now,
		Foreign: "if it is right, set JWT_JWKS_URL to it",
	}, now)
	if config.JWKSURL != "" {
		keys = jwks.New(client, string(config.JWKSURL), now)
	}
	return &Verifier{client: client, keys: keys, config: config, skew: skew, now: now}
}

// Warm fetches the provider's keys, which also opens a connection to it.
func (v *Verifier) Warm(ctx context.Context) error { return v.keys.Fetch(ctx) }

// Verify implements ports.IdentityVerifier.
func (v *Verifier) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	if err := ctx.Err(); err != nil {
		return domain.Identity{}, unavailable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, VerifyTimeout)
	defer cancel()
	signed, err := parse(token, v.config.Algorithms)
	if err != nil {
		return domain.Identity{}, err
	}
	payload, err := v.checkSignature(ctx, signed)
	if err != nil {
		return domain.Identity{}, err
	}
	claims, err := decode(payload)
	if err != nil {
		return domain.Identity{}, err
	}
	if err := v.checkClaims(claims); err != nil {
		return domain.Identity{}, err
	}
	return v.identity(claims, signed)
}

// identity reads the claims that the configuration names.
func (v *Verifier) identity(c claims, s jws.Token) (domain.Identity, error) {
	subject, err := c.mustText(v.config.SubjectClaim)
	if err != nil {
		return domain.Identity{}, domain.WithSettings(err, "JWT_SUBJECT_CLAIM")
	}
	at, err := c.mustTime(v.config.TimeClaim)
	if err != nil {
		return domain.Identity{}, domain.WithSettings(err, "JWT_TIME_CLAIM")
	}
	if at.After(c.IssuedAt.Time().Add(v.skew)) {
		return domain.Identity{}, rejected("the token was issued before its ceremony ended (%s)", v.config.TimeClaim)
	}
	action, err := v.action(c)
	if err != nil {
		return domain.Identity{}, err
	}
	method, err := v.method(c)
	if err != nil {
		return domain.Identity{}, err
	}
	proof, err := v.proof(c, s)
	if err != nil {
		return domain.Identity{}, err
	}
	return domain.Identity{
		Authority:       v.config.Authority(),
		Subject:         subject,
		Action:          action,
		Method:          method,
		ProofID:         proof,
		AuthenticatedAt: at,

		AuthenticatedAfter: v.client.Earliest(at),
	}, nil
}

func (v *Verifier) action(c claims) (string, error) {
	if v.config.ActionClaim == "" {
		return "", nil
	}
	return c.text(v.config.ActionClaim)
}

// method returns domain.MethodPasskey if the token proves a passkey. Otherwise it returns
// amr and acr in a form that no token can make equal to domain.MethodPasskey.
func (v *Verifier) method(c claims) (string, error) {
	if v.config.PasskeyOnly {
		return domain.MethodPasskey, nil
	}
	amr, err := c.texts("amr")
	if err != nil {
		return "", err
	}
	acr, err := c.text("acr")
	if err != nil {
		return "", err
	}
	proves := func(value string) bool { return slices.Contains(v.config.PasskeyAMR, value) }
	if slices.ContainsFunc(amr, proves) || slices.Contains(v.config.PasskeyACR, acr) {
		return domain.MethodPasskey, nil
	}
	return fmt.Sprintf("amr %q, acr %q", amr, acr), nil
}

// proof names the ceremony. If there is no jti, it is a hash of the part that is signed,
// and not of the whole token, because whoever holds a token can write its ECDSA signature
// in a second, equally valid way.
func (v *Verifier) proof(c claims, s jws.Token) (string, error) {
	if v.config.ProofClaim != "" {
		id, err := c.mustText(v.config.ProofClaim)
		return id, domain.WithSettings(err, "JWT_PROOF_CLAIM")
	}
	if id, err := c.text("jti"); id != "" || err != nil {
		return id, err
	}
	sum := sha256.Sum256([]byte(s.Input()))
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
