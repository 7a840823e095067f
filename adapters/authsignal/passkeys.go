package authsignal

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	strict "github.com/go-jose/go-jose/v4/json"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports"
)

// PasskeysTimeout bounds a question about a person's passkeys, its one retry included.
const PasskeysTimeout = 2 * time.Second

// Passkeys is a ports.Passkeys that asks Authsignal's Server API ("Retrieve
// authenticators", GET /users/{userId}/authenticators). It is safe for concurrent use.
type Passkeys struct{ asks *Verifier }

var _ ports.Passkeys = (*Passkeys)(nil)

// NewPasskeys returns one for the tenant that config describes.
func NewPasskeys(client *upstream.Client, config Config, now func() time.Time) *Passkeys {
	return &Passkeys{NewVerifier(client, config, 0, now)}
}

// Has implements ports.Passkeys. The ids "." and ".." would lead to another path of the
// API; no policy lets them in, so they have no passkey.
func (p *Passkeys) Has(ctx context.Context, subject string, by time.Time) (bool, error) {
	switch subject {
	case "", ".", "..":
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, PasskeysTimeout)
	defer cancel()
	reply, err := p.asks.ask(ctx, func() (*http.Request, error) {
		return p.asks.request(ctx, http.MethodGet, "/users/"+url.PathEscape(subject)+"/authenticators", nil)
	})
	if err != nil {
		return false, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if reply.Status != http.StatusOK {
		return false, p.asks.trouble(reply, saidOfUser(reply))
	}
	return hasPasskey(reply.Body, by)
}

// hasPasskey reads a 200: the person's authenticators.
func hasPasskey(body []byte, by time.Time) (bool, error) {
	var list []struct {
		VerificationMethod string `json:"verificationMethod"`
		CreatedAt          string `json:"createdAt"`
	}
	if err := strict.Unmarshal(body, &list); err != nil || list == nil {
		return false, fmt.Errorf("%w: authsignal's answer is no list of authenticators", domain.ErrUnavailable)
	}
	has := false
	for _, one := range list {
		if one.VerificationMethod == "" {
			return false, fmt.Errorf("%w: authsignal's answer has an authenticator of no kind", domain.ErrUnavailable)
		}
		if one.VerificationMethod != domain.MethodPasskey {
			continue
		}
		created, err := time.Parse(time.RFC3339, one.CreatedAt)
		if err != nil {
			return false, fmt.Errorf("%w: authsignal does not say when a passkey was made", domain.ErrUnavailable)
		}
		has = has || !created.After(by)
	}
	return has, nil
}
