package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// Configuration is what a provider says of itself (OpenID Connect Discovery 1.0,
// section 3; RFC 8414 for the revocation endpoint), as far as it is used.
type Configuration struct {
	Issuer             string   `json:"issuer"`
	TokenEndpoint      string   `json:"token_endpoint"`
	RevocationEndpoint string   `json:"revocation_endpoint"` // empty if there is none
	JWKSURI            string   `json:"jwks_uri"`
	AuthMethods        []string `json:"token_endpoint_auth_methods_supported"` // nil means client_secret_basic
}

// Discovery finds the provider with the given issuer identifier. Its texts are for
// messages to the operator.
type Discovery struct {
	Client *upstream.Client
	Issuer string
	// Setting is the name of the setting that holds Issuer.
	Setting string
	// Foreign says what to do about an endpoint that is not of the issuer's origin.
	Foreign string
	// Now tells the time.
	Now func() time.Time
}

// Fetch asks the provider for its configuration. That must be the issuer's own, to
// the letter (OpenID Connect Discovery 1.0, section 4.3), and its jwks_uri must be
// of the issuer's origin: whoever writes to a discovery document is not thereby
// trusted to name another host.
//
// The error wraps domain.ErrUnavailable if there was no answer, or none that can be
// understood. It wraps no reason if the answer can never be used.
func (d Discovery) Fetch(ctx context.Context) (Configuration, error) {
	address := strings.TrimSuffix(d.Issuer, "/") + "/.well-known/openid-configuration"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Configuration{}, err
	}
	req.Header.Set("Accept", "application/json")
	reply, err := d.Client.Do(req)
	var found Configuration
	switch {
	case err != nil:
		return Configuration{}, fmt.Errorf("%w: fetch the provider's configuration: %w", domain.ErrUnavailable, err)
	case isPassing(reply.Status):
		err := fmt.Errorf("%w: fetch the provider's configuration: status %d", domain.ErrUnavailable, reply.Status)
		return Configuration{}, domain.WithRetryAfter(err, upstream.RetryAfter(reply.Header, d.Now()))
	case reply.Status != http.StatusOK:
		d.Client.Refused(reply)
		return Configuration{}, fmt.Errorf("%s answered %d: check %s", address, reply.Status, d.Setting)
	case json.Unmarshal(reply.Body, &found) != nil:
		return Configuration{}, fmt.Errorf("%w: what %s answered is no discovery document: if that stays so, check %s", domain.ErrUnavailable, address, d.Setting)
	case found.Issuer != d.Issuer:
		return Configuration{}, fmt.Errorf("the provider's configuration is that of issuer %q: set %s to exactly the provider's issuer identifier",
			upstream.Words(found.Issuer), d.Setting)
	}
	return found, d.CheckEndpoint("jwks_uri", found.JWKSURI)
}

// CheckEndpoint returns a fault if address, which the configuration has under name,
// is not of the issuer's origin.
func (d Discovery) CheckEndpoint(name, address string) error {
	if isSameOrigin(address, d.Issuer) {
		return nil
	}
	return fmt.Errorf("the provider's configuration has the %s %q, which is not of the issuer's origin: %s", name, upstream.Words(address), d.Foreign)
}

func isPassing(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// isSameOrigin reports whether two URLs have the same scheme, host and port, and
// the first has no user or password.
func isSameOrigin(a, b string) bool {
	one, err := url.Parse(a)
	if err != nil {
		return false
	}
	other, err := url.Parse(b)
	return err == nil && one.User == nil && one.Scheme == other.Scheme && strings.EqualFold(one.Host, other.Host)
}
