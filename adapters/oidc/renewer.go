package oidc

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/domain"
)

// Renew implements ports.SessionRenewer with the refresh_token grant (RFC 6749,
// section 6). No assertion about the person is made.
func (i *Issuer) Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, _ domain.Client) (domain.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, IssueTimeout)
	defer cancel()

	provider, err := i.discovery.provider(ctx)
	if err != nil {
		return domain.Session{}, err
	}
	body, err := i.ask(ctx, provider, provider.TokenEndpoint, domain.ErrGrantInvalid, func() (url.Values, error) {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}}
		if len(asked.Scope) > 0 {
			form.Set("scope", strings.Join(asked.Scope, " "))
		}
		i.setAudience(form, asked.Audience)
		return form, nil
	})
	if err != nil {
		return domain.Session{}, oauth.RenewalFailed(err)
	}
	session, err := i.session(ctx, provider, body, asked.Scope)
	if err != nil { // the refresh token may be rotated
		return domain.Session{}, domain.WithProofInDoubt(err)
	}
	return session, nil
}

// Revoke implements ports.SessionRevoker (RFC 7009). A provider without a
// revocation endpoint cannot end a session, and that is said and not hidden.
func (i *Issuer) Revoke(ctx context.Context, refresh domain.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, IssueTimeout)
	defer cancel()

	provider, err := i.discovery.provider(ctx)
	if err != nil {
		return err
	}
	if provider.RevocationEndpoint == "" {
		return errors.New("the provider cannot revoke: its configuration names no revocation_endpoint, " +
			"so sessions last until their refresh tokens expire")
	}
	_, err = i.ask(ctx, provider, provider.RevocationEndpoint, "", func() (url.Values, error) {
		return url.Values{"token": {refresh.Reveal()}, "token_type_hint": {"refresh_token"}}, nil
	})
	return err
}
