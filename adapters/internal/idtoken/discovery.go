package idtoken

import (
	"context"
	"time"

	"nativebridge/adapters/internal/oauth"
)

// DiscoverKeys returns the keys of the issuer, still to be fetched. Where they are
// is asked of the issuer before each fetch.
func DiscoverKeys(discovery oauth.Discovery, now func() time.Time) *Keys {
	return &Keys{client: discovery.Client, now: now, locate: func(ctx context.Context) (string, error) {
		found, err := discovery.Fetch(ctx)
		return found.JWKSURI, err
	}}
}
