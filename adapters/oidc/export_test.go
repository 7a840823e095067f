package oidc

import "context"

// Rediscover fetches the provider's configuration now, for the tests.
func (i *Issuer) Rediscover(ctx context.Context) error {
	_, err := i.discovery.fetch(ctx)
	return err
}

// Stale reports whether the next call fetches the configuration again.
func (i *Issuer) Stale() bool {
	_, stale := i.discovery.look()
	return stale
}

// KeyOf returns the id of the key that signs the issuer's assertions now.
func KeyOf(i *Issuer) string { return i.assertions.key.Get().key.id }
