package portstest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// accessIssuer knows what each of its access tokens says.
type accessIssuer struct {
	trouble
	tokens sync.Map // from text to domain.AccessToken
}

func (a *accessIssuer) issue(says domain.AccessToken) (domain.Secret, domain.AccessToken) {
	token := domain.NewSecret("head." + rand.Text() + "." + rand.Text())
	says.Issuer, says.TokenID, says.IssuedAt = "issuer", rand.Text(), time.Now()
	a.tokens.Store(token.Reveal(), says)
	return token, says
}

// VerifyAccess is what a good verifier does.
func (a *accessIssuer) VerifyAccess(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
	if err := a.err(ctx); err != nil {
		return domain.AccessToken{}, err
	}
	says, found := a.tokens.Load(token.Reveal())
	if !found {
		return domain.AccessToken{}, fmt.Errorf("%w: nobody issued it", domain.ErrAccessTokenInvalid)
	}
	return says.(domain.AccessToken), nil
}

// accessFunc is a verifier made of its one method.
type accessFunc func(context.Context, domain.Secret) (domain.AccessToken, error)

func (f accessFunc) VerifyAccess(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
	return f(ctx, token)
}

func startAccessTokens() (portstest.AccessTokensHarness, map[string]flaw[portstest.AccessTokensHarness]) {
	a := &accessIssuer{}
	return portstest.AccessTokensHarness{
		Verifier: a,
		Issue: func(*testing.T) (domain.Secret, domain.AccessToken) {
			return a.issue(domain.AccessToken{Subject: "jane", Scope: []string{"openid", "manage"}, AuthenticatedAt: time.Now().Add(-time.Minute)})
		},
		Other: func(*testing.T) (domain.Secret, domain.AccessToken) {
			return a.issue(domain.AccessToken{Subject: "john", Scope: []string{"read"}})
		},
		Bad: func(*testing.T) map[string]domain.Secret {
			return map[string]domain.Secret{"a token nobody issued": domain.NewSecret("head.body.tail")}
		},
		Lock: a.meet(locked), Garble: a.meet(garbled), Hang: a.meet(silent), Stop: a.meet(stopped),
	}, accessFlaws(a)
}

func accessFlaws(a *accessIssuer) map[string]flaw[portstest.AccessTokensHarness] {
	by := func(caughtBy string, broken accessFunc) flaw[portstest.AccessTokensHarness] {
		return flaw[portstest.AccessTokensHarness]{caughtBy, func(h *portstest.AccessTokensHarness) { h.Verifier = broken }}
	}
	reports := func(change func(*domain.AccessToken, domain.Secret)) accessFunc {
		return func(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
			says, err := a.VerifyAccess(ctx, token)
			if err == nil {
				change(&says, token)
			}
			return says, err
		}
	}
	says := func(instead error, when string) accessFunc {
		return func(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
			says, err := a.VerifyAccess(ctx, token)
			if a.met() == when || when == "left" && ctx.Err() != nil {
				return domain.AccessToken{}, instead
			}
			return says, err
		}
	}
	const tells, asIs, refuses = "an access token tells its person", "whatever a token says is reported as it is", "what proves nobody here is invalid"
	return map[string]flaw[portstest.AccessTokensHarness]{
		"tells no issuer":            by(tells, reports(func(s *domain.AccessToken, _ domain.Secret) { s.Issuer = "" })),
		"tells another person":       by(tells, reports(func(s *domain.AccessToken, _ domain.Secret) { s.Subject = "john" })),
		"tells no scope":             by(tells, reports(func(s *domain.AccessToken, _ domain.Secret) { s.Scope = nil })),
		"tells no sign-in":           by(tells, reports(func(s *domain.AccessToken, _ domain.Secret) { s.AuthenticatedAt = time.Time{} })),
		"tells no time of its own":   by(tells, reports(func(s *domain.AccessToken, _ domain.Secret) { s.IssuedAt = time.Time{} })),
		"takes the token for its id": by(tells, reports(func(s *domain.AccessToken, token domain.Secret) { s.TokenID = token.Reveal() })),
		"takes a hash of it all":     by(tells, reports(func(s *domain.AccessToken, token domain.Secret) { s.TokenID = token.Hash() })),
		"takes its making for the sign-in": by(asIs, reports(func(s *domain.AccessToken, _ domain.Secret) {
			if s.AuthenticatedAt.IsZero() {
				s.AuthenticatedAt = s.IssuedAt
			}
		})),
		"gives all the same scope": by(asIs, reports(func(s *domain.AccessToken, _ domain.Secret) { s.Scope = []string{"openid", "manage"} })),
		"makes up an id each time": by("the same token has the same id every time", reports(func(s *domain.AccessToken, _ domain.Secret) { s.TokenID = rand.Text() })),
		"reads leniently": by("another spelling of a token is no other token", func(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
			says, err := a.VerifyAccess(ctx, domain.NewSecret(strings.TrimRight(token.Reveal(), "=")))
			says.TokenID = token.Reveal()
			return says, err
		}),
		"gives all the same id": by("two tokens have different ids", reports(func(s *domain.AccessToken, _ domain.Secret) { s.TokenID = s.Subject })),
		"believes every token": by(refuses, func(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
			if says, err := a.VerifyAccess(ctx, token); err == nil {
				return says, nil
			}
			return domain.AccessToken{Subject: "jane"}, nil
		}),
		"takes a bad token for a fault of ours": by(refuses, func(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
			says, err := a.VerifyAccess(ctx, token)
			if errors.Is(err, domain.ErrAccessTokenInvalid) {
				err = errors.New("a bad token")
			}
			return says, err
		}),
		"tells the token": by(refuses, func(ctx context.Context, token domain.Secret) (domain.AccessToken, error) {
			says, err := a.VerifyAccess(ctx, token)
			if err != nil {
				err = fmt.Errorf("%w: %s", err, token.Reveal())
			}
			return says, err
		}),
		"takes an absence for a bad token":     by("a provider that is away makes no token invalid", says(domain.ErrAccessTokenInvalid, stopped)),
		"takes a strange answer for one":       by("keys that nobody understands make none invalid", says(domain.ErrAccessTokenInvalid, garbled)),
		"takes silence for one":                by("a provider that is silent is given up in time", says(domain.ErrAccessTokenInvalid, silent)),
		"calls a wrong set-up an outage":       by("keys that can never be had are a fault of ours", says(domain.ErrUnavailable, locked)),
		"tells who left that it is a bad one":  by("a caller who leaves is not told that it is wrong", says(domain.ErrAccessTokenInvalid, "left")),
		"tries no bad token in its harness":    {"the harness tries everything", func(h *portstest.AccessTokensHarness) { h.Bad = nil }},
		"is tried with no absence, either way": {"the harness tries everything", func(h *portstest.AccessTokensHarness) { h.Stop = nil }},
	}
}
