// Package accesstoken verifies access tokens of the identity provider, as a resource server
// does: those of RFC 9068, and those of Auth0's own profile ("Access Token Profiles",
// auth0.com/docs).
package accesstoken

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/jws"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Issuer is the identity provider, as far as its access tokens go.
type Issuer struct {
	// URL is its issuer identifier, compared exactly.
	URL string
	// Algorithms are what its tokens may be signed with: none of them symmetric.
	Algorithms []jose.SignatureAlgorithm
	// ClientID is the bridge's own, for which ID tokens are made.
	ClientID string
	// FindKeys returns its keys with the given id, which a stranger may have made up. No keys
	// and no error means that it has none.
	FindKeys func(ctx context.Context, id string) ([]jose.JSONWebKey, error)
	// SubjectOf writes a "sub" as the authority of the passkeys writes its user ids. A sub
	// that stands for nobody there becomes one that no subject rule accepts.
	SubjectOf func(sub string) string
}

// Verifier is a ports.AccessTokenVerifier that checks a token's signature with the issuer's
// published keys, and its claims by configuration.
type Verifier struct {
	issuer Issuer
	config Config
	skew   time.Duration
	now    func() time.Time
}

var _ ports.AccessTokenVerifier = (*Verifier)(nil)

// NewVerifier returns a verifier of the tokens that issuer makes for config.Audience. Skew is
// how far the issuer's clock may differ.
func NewVerifier(issuer Issuer, config Config, skew time.Duration, now func() time.Time) *Verifier {
	return &Verifier{issuer: issuer, config: config, skew: skew, now: now}
}

// VerifyAccess implements ports.AccessTokenVerifier.
func (v *Verifier) VerifyAccess(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
	if err := ctx.Err(); err != nil {
		return domain.AccessToken{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	signed, err := jws.Parse(token.Reveal(), v.issuer.Algorithms)
	if err != nil {
		return domain.AccessToken{}, invalid("%w", err)
	}
	profile, err := profileOf(signed)
	if err != nil {
		return domain.AccessToken{}, err
	}
	payload, err := v.checkSignature(ctx, signed)
	if err != nil {
		return domain.AccessToken{}, err
	}
	claims, err := decode(payload)
	if err != nil {
		return domain.AccessToken{}, err
	}
	if err := v.check(claims, profile); err != nil {
		return domain.AccessToken{}, err
	}
	return v.accessToken(claims, signed)
}

// checkSignature returns the payload if one of the issuer's keys verifies it.
func (v *Verifier) checkSignature(ctx context.Context, signed jws.Token) ([]byte, error) {
	keys, err := v.issuer.FindKeys(ctx, signed.KeyID())
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, invalid("it is signed with a key (%.64q) that the issuer does not publish", signed.KeyID())
	}
	payload, ok := signed.Payload(keys)
	if !ok {
		return nil, invalid("its signature is wrong, or the key is too short or not for %s", signed.Algorithm())
	}
	return payload, nil
}

// accessToken reads what domain.EnrolPolicy judges.
func (v *Verifier) accessToken(c claims, signed jws.Token) (domain.AccessToken, error) {
	authenticated, err := c.time(v.config.TimeClaim)
	if err != nil {
		return domain.AccessToken{}, err
	}
	id := sha256.Sum256([]byte(signed.Input()))
	return domain.AccessToken{
		Issuer:          v.issuer.URL,
		Subject:         v.issuer.SubjectOf(c.Subject),
		TokenID:         "sha256:" + hex.EncodeToString(id[:]),
		Scope:           strings.Fields(c.Scope),
		IssuedAt:        c.IssuedAt.Time(),
		AuthenticatedAt: authenticated,
	}, nil
}

// check judges the claims of a token whose signature is verified.
func (v *Verifier) check(c claims, profile profile) error {
	if err := c.checkRegistered(v.issuer.URL, v.config.Audience, v.now(), v.skew); err != nil {
		return err
	}
	client := c.client()
	switch {
	case profile == profileJWT && c.isIDToken(v.issuer.ClientID):
		return invalid("it is an ID token and no access token")
	case c.has("cnf"):
		return invalid("it is bound to a key (RFC 7800) whose possession the bridge cannot check")
	case c.has("act"):
		return invalid("somebody else acts in the name of its person (RFC 8693, section 4.1)")
	case c.has("events"):
		return invalid("it is about events (RFC 8417)")
	case c.isApplications():
		return invalid("it is an application's own, and no person's")
	case len(v.config.Clients) > 0 && !slices.Contains(v.config.Clients, client):
		return domain.WithSettings(invalid("it is of the client %.64q", client), "ENROL_CLIENT_IDS")
	case client == "": // then nobody could tell an application's own
		return invalid("it has neither client_id nor azp")
	}
	return nil
}

// invalid says why a token proves nobody here. Callers pass our own words, and at most a short
// quote from the token that is no credential.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{domain.ErrAccessTokenInvalid}, args...)...)
}
