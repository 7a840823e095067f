package oidc

import "context"

// Rediscover fetches the provider's configuration now, for the tests.
func (i *Issuer) Rediscover(ctx context.Context) error {
	_, err := i.discovery.fetch(ctx)
	return err
}
