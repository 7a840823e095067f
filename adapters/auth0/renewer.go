package auth0

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// Renew implements ports.SessionRenewer with the refresh_token grant (RFC 6749,
// section 6). The Login script is not asked again.
func (i *Issuer) Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, from domain.Client) (domain.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, IssueTimeout)
	defer cancel()

	form := i.form()
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", refresh.Reveal())
	if len(asked.Scope) > 0 {
		form.Set("scope", strings.Join(asked.Scope, " "))
	}
	if asked.Audience != "" {
		form.Set("audience", asked.Audience)
	}
	reply, err := i.ask(ctx, form, from.Addr)
	if err != nil {
		return domain.Session{}, oauth.RenewalFailed(fmt.Errorf("%w: %w", domain.ErrUnavailable, err))
	}
	if reply.Status != http.StatusOK {
		return domain.Session{}, oauth.RenewalFailed(i.refusal(reply, domain.ErrGrantInvalid, refresh))
	}
	session, err := i.session(ctx, reply.Body, asked)
	if err != nil { // the refresh token may be rotated
		return domain.Session{}, domain.WithProofInDoubt(err)
	}
	return session, nil
}

// Revoke implements ports.SessionRevoker ("Revoke refresh token", Auth0
// Authentication API; RFC 7009).
func (i *Issuer) Revoke(ctx context.Context, refresh domain.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, IssueTimeout)
	defer cancel()

	form := i.form()
	form.Set("token", refresh.Reveal())
	reply, err := i.post(ctx, "/oauth/revoke", form, netip.Addr{})
	if err != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	switch reply.Status {
	case http.StatusOK:
		return nil
	case http.StatusTooManyRequests: // of either kind: the session goes on, and can be revoked later
		said := i.said(reply, problemOf(reply), refresh)
		return domain.WithRetryAfter(fmt.Errorf("%w: %s", domain.ErrBusy, said), upstream.RetryAfter(reply.Header, i.now()))
	}
	return i.refusal(reply, "", refresh)
}
