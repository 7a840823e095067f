package redis

import (
	"crypto/x509"

	"github.com/redis/go-redis/v9"
)

// ClaimScript is the whole text that a claim runs.
var ClaimScript = storeText + claimText

// What is what, for the tests.
var What = what

// Addrs returns the addresses that the store's URL names.
func (c *Config) Addrs() ([]string, error) {
	t, err := c.parse()
	return t.Addrs, err
}

// ClientOptions returns what a guard makes its client of.
func (c *Config) ClientOptions(roots *x509.CertPool) (*redis.UniversalOptions, error) {
	t, err := c.parse()
	return t.bounded(roots), err
}
