package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"nativebridge/adapters/internal/idtoken"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// How the provider's configuration is cached: it is fetched again in the
// background, and the last good one serves while that fails.
const (
	configurationFreshFor = time.Hour
	configurationCoolDown = 10 * time.Second
	configurationTimeout  = 3 * time.Second
)

// provider is what the provider says of itself (OpenID Connect Discovery 1.0,
// section 3; RFC 8414 for the revocation endpoint), as far as it is used.
type provider struct {
	Issuer             string   `json:"issuer"`
	TokenEndpoint      string   `json:"token_endpoint"`
	RevocationEndpoint string   `json:"revocation_endpoint"` // empty if there is none
	JWKSURI            string   `json:"jwks_uri"`
	AuthMethods        []string `json:"token_endpoint_auth_methods_supported"` // nil means client_secret_basic

	keys *idtoken.Keys
}

// discovery finds the provider by its issuer identifier. It is safe for concurrent
// use.
type discovery struct {
	client *upstream.Client
	issuer IssuerURL
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	found   *provider // the last good one
	fetched time.Time
	tried   time.Time
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

// fetch fetches the configuration now. Concurrent calls share one request.
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
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), configurationTimeout)
		defer cancel()
		found, err := d.ask(ctx)
		return d.keep(found, err)
	})
}

// keep makes found the last good one. Keys that stay where they were are kept.
func (d *discovery) keep(found *provider, err error) (*provider, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried = d.now()
	if err != nil {
		return nil, err
	}
	if d.found != nil && d.found.JWKSURI == found.JWKSURI {
		found.keys = d.found.keys
	} else {
		found.keys = idtoken.NewKeys(d.client, found.JWKSURI, d.now)
	}
	d.found, d.fetched = found, d.tried
	return found, nil
}

func (d *discovery) ask(ctx context.Context) (*provider, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.issuer.Configuration(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	reply, err := d.client.Do(req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: fetch the provider's configuration: %w", domain.ErrUnavailable, err)
	case reply.Status >= http.StatusInternalServerError, reply.Status == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: fetch the provider's configuration: status %d", domain.ErrUnavailable, reply.Status)
	case reply.Status != http.StatusOK:
		return nil, fmt.Errorf("%s answered %d: check OIDC_ISSUER", d.issuer.Configuration(), reply.Status)
	}
	found := new(provider)
	if err := json.Unmarshal(reply.Body, found); err != nil {
		return nil, fmt.Errorf("%s is no OpenID configuration: check OIDC_ISSUER", d.issuer.Configuration())
	}
	return found, found.check(d.issuer)
}

// check holds the configuration against the issuer it was fetched for (OpenID
// Connect Discovery 1.0, section 4.3). Its endpoints must be of the issuer's own
// origin: whoever writes to a discovery document is not thereby trusted to name
// another host.
func (p *provider) check(issuer IssuerURL) error {
	if p.Issuer != string(issuer) {
		return fmt.Errorf("the provider's configuration is that of issuer %q: set OIDC_ISSUER to exactly the provider's issuer identifier",
			upstream.Words(p.Issuer))
	}
	for _, endpoint := range []struct{ name, address string }{
		{"token_endpoint", p.TokenEndpoint}, {"jwks_uri", p.JWKSURI}, {"revocation_endpoint", p.RevocationEndpoint},
	} {
		if endpoint.address == "" && endpoint.name == "revocation_endpoint" {
			continue
		}
		if !idtoken.SameOrigin(endpoint.address, string(issuer)) {
			return fmt.Errorf("the provider's configuration has the %s %q, which is not of the issuer's origin: "+
				"credentials are sent to the host of OIDC_ISSUER only", endpoint.name, upstream.Words(endpoint.address))
		}
	}
	return nil
}

// wantsSecretInBody reports whether client_secret_post is offered and Basic, which
// every server must have (RFC 6749, section 2.3.1), is not.
func (p *provider) wantsSecretInBody() bool {
	return slices.Contains(p.AuthMethods, "client_secret_post") && !slices.Contains(p.AuthMethods, "client_secret_basic")
}
