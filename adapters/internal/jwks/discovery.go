package jwks

import (
	"context"
	"time"

	"nativebridge/adapters/internal/oauth"
)

// Discover returns the keys of the issuer, still to be fetched. Where they are
// is asked of the issuer before each fetch.
func Discover(discovery oauth.Discovery, now func() time.Time) *Keys {
	return &Keys{client: discovery.Client, now: now, locate: func(ctx context.Context) (string, error) {
		found, err := discovery.Fetch(ctx)
		return found.JWKSURI, err
	}}
}
