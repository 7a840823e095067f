package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"nativebridge/adapters/internal/upstream"
)

// DiscoverKeys returns the keys of the issuer, still to be fetched. Where they are
// is asked of the issuer before each fetch (OpenID Connect Discovery 1.0, section
// 4). It must call itself exactly what it is called here, and its keys must be
// of its own origin: whoever writes to a discovery document is not thereby
// trusted to name another host.
func DiscoverKeys(client *upstream.Client, issuer string, now func() time.Time) *Keys {
	return &Keys{client: client, now: now, locate: func(ctx context.Context) (string, error) {
		return discover(ctx, client, issuer)
	}}
}

func discover(ctx context.Context, client *upstream.Client, issuer string) (string, error) {
	body, err := get(ctx, client, strings.TrimRight(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", fmt.Errorf("discover them: %w", err)
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if json.Unmarshal(body, &document) != nil || document.JWKSURI == "" {
		return "", errors.New("discover them: the reply is no discovery document with a jwks_uri")
	}
	if document.Issuer != issuer {
		return "", fmt.Errorf("discover them: the document is of another issuer, %.128q", document.Issuer)
	}
	if !SameOrigin(document.JWKSURI, issuer) {
		return "", fmt.Errorf("discover them: the jwks_uri, %.128q, is not of the issuer's origin: if it is right, configure it", document.JWKSURI)
	}
	return document.JWKSURI, nil
}

// SameOrigin reports whether two URLs have the same scheme, host and port, and the
// first has no user or password.
func SameOrigin(a, b string) bool {
	one, err := url.Parse(a)
	if err != nil {
		return false
	}
	other, err := url.Parse(b)
	return err == nil && one.User == nil && one.Scheme == other.Scheme && strings.EqualFold(one.Host, other.Host)
}
