package ports

import (
	"context"

	"nativebridge/domain"
)

// AccessTokenVerifier verifies access tokens of the identity provider, as a resource server
// does.
type AccessTokenVerifier interface {
	// VerifyAccess returns what token says. It must accept nothing but an access token that
	// the provider made for the bridge's own API, that is good now, and that its holder may
	// use without proving anything more: no ID token, no token of another issuer or for
	// another API. It says whose it is, with which scope, and when the person signed in, as
	// the token tells them, and domain.EnrolPolicy judges them; what the token does not tell
	// stays zero. The same token must always give the same token id, however it is spelt, and
	// no other token the same.
	//
	// The error wraps
	//   - domain.ErrAccessTokenInvalid if the token proves nobody here,
	//   - domain.ErrUnavailable if the provider's keys could not be had: a verifier that
	//     cannot tell must never say "invalid",
	//   - none of these if the provider's keys can never be had as the bridge is set up.
	VerifyAccess(ctx context.Context, token domain.Secret) (domain.AccessToken, error)
}
