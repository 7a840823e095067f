package oidc

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// How the provider's configuration is cached: it is fetched again in the
// background, and the last good one serves while that fails.
const (
	configurationFreshFor = time.Hour
	configurationCoolDown = 10 * time.Second // between attempts while there is one
	configurationRetry    = time.Second      // between attempts before there is one
	configurationTimeout  = 3 * time.Second
)

// provider is what the provider says of itself, and the keys that it names.
type provider struct {
	oauth.Configuration

	keys *jwks.Keys
}

// discovery finds the provider by its issuer identifier. It is safe for concurrent
// use.
type discovery struct {
	client *upstream.Client
	source oauth.Discovery
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	found   *provider // the last good one
	fetched time.Time
	tried   time.Time
	failure error // of the last attempt
}

func newDiscovery(client *upstream.Client, issuer IssuerURL, now func() time.Time) *discovery {
	return &discovery{client: client, now: now, source: oauth.Discovery{
		Client: client, Issuer: string(issuer), Setting: "OIDC_ISSUER", Now: now,
		Foreign: "credentials are sent to the host of OIDC_ISSUER only",
	}}
}

// provider returns the provider, fetched if it is not known yet. The error wraps
// domain.ErrUnavailable if it could not be fetched, and no reason if what came
// cannot be used.
func (d *discovery) provider(ctx context.Context) (*provider, error) {
	found, stale := d.look()
	if found == nil {
		return d.fetch(ctx)
	}
	if stale {
		d.start(ctx) // nobody waits for it
	}
	return found, nil
}

func (d *discovery) look() (found *provider, stale bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	return d.found, now.Sub(d.fetched) > configurationFreshFor && now.Sub(d.tried) > configurationCoolDown
}

// fetch fetches the configuration. Concurrent calls share one request. After a failure,
// calls get the same error for a second.
func (d *discovery) fetch(ctx context.Context) (*provider, error) {
	select {
	case result := <-d.start(ctx):
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*provider), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: fetch the provider's configuration: %w", domain.ErrUnavailable, ctx.Err())
	}
}

func (d *discovery) start(ctx context.Context) <-chan singleflight.Result {
	return d.flight.DoChan("", func() (any, error) {
		if failure := d.justNow(); failure != nil {
			return nil, failure
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), configurationTimeout)
		defer cancel()
		found, err := d.ask(ctx)
		return d.keep(found, err)
	})
}

// justNow returns the failure of an attempt that is less than a second old.
func (d *discovery) justNow() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now().Sub(d.tried) >= configurationRetry {
		return nil
	}
	return d.failure
}

// keep makes found the last good one. Keys that stay where they were are kept.
func (d *discovery) keep(found *provider, err error) (*provider, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried, d.failure = d.now(), err
	if err != nil {
		return nil, err
	}
	if d.found != nil && d.found.JWKSURI == found.JWKSURI {
		found.keys = d.found.keys
	} else {
		found.keys = jwks.New(d.client, found.JWKSURI, d.now)
	}
	d.found, d.fetched = found, d.tried
	return found, nil
}

// ask fetches the configuration. Its endpoints must be of the issuer's own origin,
// as its keys must be.
func (d *discovery) ask(ctx context.Context) (*provider, error) {
	found, err := d.source.Fetch(ctx)
	if err == nil {
		err = d.source.CheckEndpoint("token_endpoint", found.TokenEndpoint)
	}
	if err == nil && found.RevocationEndpoint != "" {
		err = d.source.CheckEndpoint("revocation_endpoint", found.RevocationEndpoint)
	}
	if err != nil {
		return nil, err
	}
	return &provider{Configuration: found}, nil
}

// wantsSecretInBody reports whether client_secret_post is offered and Basic, which
// every server must have (RFC 6749, section 2.3.1), is not.
func (p *provider) wantsSecretInBody() bool {
	return slices.Contains(p.AuthMethods, "client_secret_post") && !slices.Contains(p.AuthMethods, "client_secret_basic")
}
