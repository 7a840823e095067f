package ports

import "context"

// IssuerKeys are the public keys that the identity provider signs ID tokens with.
type IssuerKeys interface {
	// JWKS returns the keys as a JSON Web Key Set (RFC 7517), the last good one
	// while the provider is down. It must contain public keys only. The error wraps
	// domain.ErrUnavailable if there never was a good one.
	JWKS(ctx context.Context) ([]byte, error)
}
