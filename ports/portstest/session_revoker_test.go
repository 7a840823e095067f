package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// Revoke is what a good revoker does.
func (p *provider) Revoke(ctx context.Context, refresh domain.Secret) error {
	if err := p.err(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != "" {
		return fmt.Errorf("the provider refuses it: %s", string(p.refuse))
	}
	delete(p.alive, refresh.Reveal())
	return nil
}

func (p *provider) isAlive(refresh domain.Secret) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive[refresh.Reveal()] != ""
}

// revokerFunc is a revoker made of its one method.
type revokerFunc func(context.Context, domain.Secret) error

func (f revokerFunc) Revoke(ctx context.Context, refresh domain.Secret) error { return f(ctx, refresh) }

func startRevoker() (portstest.RevokerHarness, map[string]flaw[portstest.RevokerHarness]) {
	p := newProvider()
	return portstest.RevokerHarness{
		Revoker: p,
		Open: func(t *testing.T) (domain.Secret, func(*testing.T) bool) {
			refresh, _ := p.open(t)
			return refresh, func(*testing.T) bool { return p.isAlive(refresh) }
		},
		Refuse: map[string]func(*testing.T){
			"the token":  p.set(func(p *provider) { p.refuse = domain.ErrGrantInvalid }),
			"the person": p.set(func(p *provider) { p.refuse = domain.ErrAccountBlocked }),
		},
		Secrets: []string{clientSecret},
		Lock:    p.meet(locked), Limit: p.meet(limited), Hang: p.meet(silent), Stop: p.meet(stopped),
	}, revokerFlaws(p)
}

func revokerFlaws(p *provider) map[string]flaw[portstest.RevokerHarness] {
	by := func(caughtBy string, broken revokerFunc) flaw[portstest.RevokerHarness] {
		return flaw[portstest.RevokerHarness]{caughtBy, func(h *portstest.RevokerHarness) { h.Revoker = broken }}
	}
	says := func(instead error, when string) revokerFunc {
		return func(ctx context.Context, refresh domain.Secret) error {
			err := p.Revoke(ctx, refresh)
			if p.met() == when {
				return instead
			}
			return err
		}
	}
	// strict takes a token that the provider does not know for an error.
	strict := func(ctx context.Context, refresh domain.Secret) error {
		if err := p.err(ctx); err == nil && !p.isAlive(refresh) {
			return domain.ErrGrantInvalid
		}
		return p.Revoke(ctx, refresh)
	}
	deaf := func(ctx context.Context, refresh domain.Secret) error {
		return p.Revoke(context.WithoutCancel(ctx), refresh)
	}
	mixed := newMixUp[domain.Secret]()
	const ours, away = "a provider that refuses the bridge is a fault of ours", "a provider that is away is unavailable"
	return map[string]flaw[portstest.RevokerHarness]{
		"passes a refusal on": by("a revocation that is refused is a fault of ours", func(ctx context.Context, refresh domain.Secret) error {
			err := p.Revoke(ctx, refresh)
			if err != nil && p.met() == "" {
				return fmt.Errorf("%w: %w", p.refuse, err)
			}
			return err
		}),
		"does nothing": by("a revoked session is over", func(context.Context, domain.Secret) error { return nil }),
		"ends every session": by("a session that is not revoked goes on", func(ctx context.Context, refresh domain.Secret) error {
			p.set(func(p *provider) { clear(p.alive) })(nil)
			return p.Revoke(ctx, refresh)
		}),
		"fails at the second time":             by("revoking twice succeeds", strict),
		"fails for an unknown token":           by("revoking an unknown token succeeds", strict),
		"takes its own refusal for success":    by(ours, says(nil, locked)),
		"blames the token for its own secret":  by(ours, says(domain.ErrGrantInvalid, locked)),
		"takes a limit for success":            by("a provider whose limit is reached is busy", says(nil, limited)),
		"takes an absence for success":         by(away, says(nil, stopped)),
		"takes an absence for a fault of ours": by(away, says(errors.New("cannot connect"), stopped)),
		"takes silence for success":            by("a provider that is silent is given up in time", says(nil, silent)),
		"waits for the provider as it pleases": by("a provider that is silent is given up in time", deaf),
		"tells a caller who left that all is done": by("a caller who leaves is not told that it is done", func(ctx context.Context, refresh domain.Secret) error {
			_ = p.Revoke(ctx, refresh)
			return nil
		}),
		"tells the refresh token": by(away, func(ctx context.Context, refresh domain.Secret) error {
			if err := p.Revoke(ctx, refresh); err != nil {
				return fmt.Errorf("%w: %s", err, refresh.Reveal())
			}
			return nil
		}),
		"tells its own secret": by(away, says(fmt.Errorf("%w: %s", domain.ErrUnavailable, clientSecret), stopped)),
		"mixes up callers": by("concurrent callers each end their own", func(ctx context.Context, refresh domain.Secret) error {
			return p.Revoke(ctx, mixed.through(refresh))
		}),
		"meets no refusal in its harness": {"the harness tries everything", func(h *portstest.RevokerHarness) { h.Lock = nil }},
	}
}
