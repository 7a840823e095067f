package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// open opens a session at the provider and returns its refresh token and subject.
func (p *provider) open(t *testing.T) (domain.Secret, string) {
	t.Helper()
	grant := p.grant(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unchecked(grant.Identity.Subject).RefreshToken, grant.Identity.Subject
}

// Renew is what a good renewer does. The provider rotates refresh tokens.
func (p *provider) Renew(ctx context.Context, refresh domain.Secret, _ domain.Access, _ domain.Client) (domain.Session, error) {
	if err := p.err(ctx); err != nil {
		if p.met() == garbled {
			err = domain.WithProofInDoubt(err)
		}
		return domain.Session{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	subject, alive := p.alive[refresh.Reveal()]
	if !alive {
		return domain.Session{}, fmt.Errorf("%w: the provider does not know it", domain.ErrGrantInvalid)
	}
	delete(p.alive, refresh.Reveal())
	session, err := p.session(subject)
	if err != nil {
		err = domain.WithProofInDoubt(err)
	}
	return session, err
}

// renewerFunc is a renewer made of its one method.
type renewerFunc func(context.Context, domain.Secret) (domain.Session, error)

func (f renewerFunc) Renew(ctx context.Context, refresh domain.Secret, _ domain.Access, _ domain.Client) (domain.Session, error) {
	return f(ctx, refresh)
}

func (p *provider) renew(ctx context.Context, refresh domain.Secret) (domain.Session, error) {
	return p.Renew(ctx, refresh, domain.Access{}, domain.Client{})
}

func startRenewer() (portstest.RenewerHarness, map[string]flaw[portstest.RenewerHarness]) {
	p := newProvider()
	return portstest.RenewerHarness{
		Renewer: p,
		Open:    p.open,
		Rotates: true,
		Spoil:   p.set(func(p *provider) { p.spoil = "id_foreign_key" }),
		Bare:    p.set(func(p *provider) { p.spoil = "bare" }),
		Widen:   p.widen,
		Block:   p.set(func(p *provider) { p.refuse = domain.ErrAccountBlocked }),
		Secrets: []string{clientSecret},
		Lock:    p.meet(locked), Limit: p.meet(limited), Garble: p.meet(garbled), Hang: p.meet(silent), Stop: p.meet(stopped),
	}, renewerFlaws(p)
}

func renewerFlaws(p *provider) map[string]flaw[portstest.RenewerHarness] {
	by := func(caughtBy string, broken renewerFunc) flaw[portstest.RenewerHarness] {
		return flaw[portstest.RenewerHarness]{caughtBy, func(h *portstest.RenewerHarness) { h.Renewer = broken }}
	}
	giving := func(change func(*domain.Session)) renewerFunc {
		return func(ctx context.Context, refresh domain.Secret) (domain.Session, error) {
			session, err := p.renew(ctx, refresh)
			if err == nil {
				change(&session)
			}
			return session, err
		}
	}
	failing := func(change func(domain.Secret, error) error) renewerFunc {
		return func(ctx context.Context, refresh domain.Secret) (domain.Session, error) {
			session, err := p.renew(ctx, refresh)
			if err != nil {
				err = change(refresh, err)
			}
			return session, err
		}
	}
	says := func(instead error, when string) renewerFunc {
		return failing(func(_ domain.Secret, err error) error {
			if p.met() == when {
				return instead
			}
			return err
		})
	}
	deaf := func(ctx context.Context, refresh domain.Secret) (domain.Session, error) {
		return p.renew(context.WithoutCancel(ctx), refresh)
	}
	mixed := newMixUp[domain.Secret]()
	const (
		renews  = "a session is renewed for the same person"
		unknown = "an unknown refresh token is good for nothing"
	)
	return map[string]flaw[portstest.RenewerHarness]{
		"loses the access token":                 by(renews, giving(func(s *domain.Session) { s.AccessToken = domain.Secret{} })),
		"loses the ID token":                     by(renews, giving(func(s *domain.Session) { s.IDToken = domain.Secret{} })),
		"loses the expiry":                       by(renews, giving(func(s *domain.Session) { s.ExpiresIn = 0 })),
		"counts the expiry in nanoseconds":       by(renews, giving(func(s *domain.Session) { s.ExpiresIn = time.Hour / time.Second })),
		"names somebody else":                    by(renews, giving(func(s *domain.Session) { s.Subject = "somebody" })),
		"names somebody without an ID token":     by("without an ID token nobody is named", giving(func(s *domain.Session) { s.Subject = "person-1" })),
		"tells nothing of the scope":             by("a session tells the scope that was granted", giving(func(s *domain.Session) { s.Scope = nil })),
		"tells the scope it thinks of":           by("a session tells the scope that was granted", giving(func(s *domain.Session) { s.Scope = []string{domain.ScopeOpenID} })),
		"keeps the rotated token to itself":      by("a refresh token that is used up is good for nothing", giving(func(s *domain.Session) { s.RefreshToken = domain.Secret{} })),
		"calls a dead token an absence":          by(unknown, says(domain.ErrUnavailable, "")),
		"takes a dead token for a fault of ours": by(unknown, says(errors.New("bad request"), "")),
		"tells the refresh token":                by(unknown, failing(func(refresh domain.Secret, err error) error { return fmt.Errorf("%w: %s", err, refresh.Reveal()) })),
		"tells its own secret":                   by(unknown, failing(func(_ domain.Secret, err error) error { return fmt.Errorf("%w: %s", err, clientSecret) })),
		"gives a session with its refusal": by(unknown, func(ctx context.Context, refresh domain.Secret) (domain.Session, error) {
			session, err := p.renew(ctx, refresh)
			session.Subject = "person-1"
			return session, err
		}),
		"believes an ID token that does not verify": by("an ID token that does not verify is a fault of ours", func(ctx context.Context, refresh domain.Secret) (domain.Session, error) {
			p.set(func(p *provider) { p.spoil = "" })(nil)
			return p.renew(ctx, refresh)
		}),
		"calls a blocked person an absence": by("a blocked person is refused, with a reason of its own or not", failing(func(_ domain.Secret, err error) error {
			return fmt.Errorf("%w: try again", domain.ErrUnavailable)
		})),
		"throws a session away for its own secret":  by("a provider that refuses the bridge is a fault of ours", says(domain.ErrGrantInvalid, locked)),
		"throws a session away because of a limit":  by("a provider whose limit is reached is busy", says(domain.ErrGrantInvalid, limited)),
		"throws a session away with the connection": by("a provider that is away is unavailable", says(domain.ErrGrantInvalid, stopped)),
		"throws a session away because of nonsense": by("an answer that nobody understands is no verdict", says(domain.ErrGrantInvalid, garbled)),
		"throws a session away in its impatience":   by("a provider that is silent is given up in time", says(domain.ErrGrantInvalid, silent)),
		"waits for the provider whatever happens":   by("a provider that is silent is given up in time", deaf),
		"gives a session to a caller who left":      by("a caller who leaves gets no verdict", deaf),
		"mixes up callers": by("concurrent callers each get their own", func(ctx context.Context, refresh domain.Secret) (domain.Session, error) {
			return p.renew(ctx, mixed.through(refresh))
		}),
		"is sure of what nobody can know": by("a refresh token that may be used up is in doubt", failing(func(_ domain.Secret, err error) error {
			if reason, known := domain.ReasonOf(err); known {
				return reason
			}
			return errors.New("it does not verify")
		})),
		"doubts whatever happens":          by("a refusal or a limit leaves no doubt", failing(func(_ domain.Secret, err error) error { return domain.WithProofInDoubt(err) })),
		"meets no nonsense in its harness": {"the harness tries everything", func(h *portstest.RenewerHarness) { h.Garble = nil }},
	}
}
