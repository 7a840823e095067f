package portstest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const clientSecret = "s3cr3t-of-the-client"

// provider opens, renews and ends sessions.
type provider struct {
	trouble

	mu     sync.Mutex
	people int                  // so far
	spoil  string               // what is wrong with the next ID token
	refuse domain.Error         // why the next person is refused
	told   string               // the client's address
	wider  bool                 // the next session is good for more
	opened domain.Secret        // the last access token
	alive  map[string]string    // refresh tokens and their subjects
	ended  map[string]time.Time // those that were revoked or used up
}

func newProvider() *provider {
	return &provider{alive: map[string]string{}, ended: map[string]time.Time{}}
}

func (p *provider) set(change func(*provider)) func(*testing.T) {
	return func(*testing.T) {
		p.mu.Lock()
		defer p.mu.Unlock()
		change(p)
	}
}

func (p *provider) grant(*testing.T) domain.Grant {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people++
	return domain.Grant{
		Identity: domain.Identity{Subject: fmt.Sprintf("person-%d", p.people)},
		Token:    domain.PasskeyToken{Secret: domain.NewSecret("passkey-token-" + rand.Text())},
		Access:   domain.Access{Scope: []string{domain.ScopeOpenID}},
		Client:   domain.Client{Addr: netip.MustParseAddr("81.2.69.160")},
	}
}

// Issue is what a good issuer does.
func (p *provider) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	if err := p.err(ctx); err != nil {
		return domain.Session{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = ""
	if grant.Client.Addr.IsValid() {
		p.told = grant.Client.Addr.String()
	}
	return p.session(grant.Identity.Subject)
}

// session is what a good adapter makes of the provider's answer.
func (p *provider) session(subject string) (domain.Session, error) {
	switch p.spoil {
	case "", "bare":
	case "swap":
		subject = "somebody-else"
	default:
		return domain.Session{}, fmt.Errorf("the ID token does not verify: %s", p.spoil)
	}
	if p.refuse != "" {
		return domain.Session{}, fmt.Errorf("%w: the provider says so", p.refuse)
	}
	session := p.unchecked(subject)
	if p.spoil == "bare" {
		session.IDToken, session.Subject = domain.Secret{}, ""
	}
	return session, nil
}

func (p *provider) unchecked(subject string) domain.Session {
	scope := []string{domain.ScopeOpenID}
	if p.wider {
		scope = append(scope, "more")
	}
	session := domain.Session{
		Subject: subject, Scope: scope, ExpiresIn: time.Hour,
		AccessToken: domain.NewSecret(rand.Text()), IDToken: domain.NewSecret(rand.Text()), RefreshToken: domain.NewSecret(rand.Text()),
	}
	p.opened = session.AccessToken
	p.alive[session.RefreshToken.Reveal()] = subject
	return session
}

// widen grants more to the next session.
func (p *provider) widen(t *testing.T) string {
	p.set(func(p *provider) { p.wider = true })(t)
	return "more"
}

// issuerFunc is an issuer made of its one method.
type issuerFunc func(context.Context, domain.Grant) (domain.Session, error)

func (f issuerFunc) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	return f(ctx, grant)
}

// spoilt are ways of spoiling an ID token.
func spoilt() []string {
	return []string{
		"no_id_token", "id_unsigned", "id_foreign_key", "id_unknown_key", "id_wrong_issuer", "id_wrong_audience",
		"id_expired", "id_issued_in_future", "id_some_other_way",
	}
}

func startIssuer() (portstest.IssuerHarness, map[string]flaw[portstest.IssuerHarness]) {
	p := newProvider()
	spoil := map[string]func(*testing.T){}
	for _, way := range spoilt() {
		spoil[way] = p.set(func(p *provider) { p.spoil = way })
	}
	refuse := map[domain.Error]func(*testing.T){}
	for _, reason := range []domain.Error{domain.ErrAccessDenied, domain.ErrMFARequired, domain.ErrAccountBlocked} {
		refuse[reason] = p.set(func(p *provider) { p.refuse = reason })
	}
	return portstest.IssuerHarness{
		Issuer:  p,
		Grant:   p.grant,
		Opened:  func(*testing.T) domain.Secret { return p.opened },
		Told:    func(*testing.T) string { return p.told },
		Swap:    p.set(func(p *provider) { p.spoil = "swap" }),
		Widen:   p.widen,
		Refuse:  refuse,
		Spoil:   spoil,
		Secrets: []string{clientSecret},
		Lock:    p.meet(locked), Limit: p.meet(limited), Garble: p.meet(garbled), Hang: p.meet(silent), Stop: p.meet(stopped),
	}, issuerFlaws(p)
}

func issuerFlaws(p *provider) map[string]flaw[portstest.IssuerHarness] {
	by := func(caughtBy string, broken issuerFunc) flaw[portstest.IssuerHarness] {
		return flaw[portstest.IssuerHarness]{caughtBy, func(h *portstest.IssuerHarness) { h.Issuer = broken }}
	}
	lacks := func(forget func(*portstest.IssuerHarness)) flaw[portstest.IssuerHarness] {
		return flaw[portstest.IssuerHarness]{"the harness tries everything", forget}
	}
	const (
		issues  = "a grant becomes a session of the person in it"
		refuses = "a refusal has its reason and gives no session"
		away    = "a provider that is away is unavailable"
		busy    = "a provider whose limit is reached is busy"
		ours    = "a provider that refuses the bridge is a fault of ours"
	)
	says := func(instead error, when string) issuerFunc {
		return p.failing(func(_ domain.Grant, err error) error {
			if p.met() == when {
				return instead
			}
			return err
		})
	}
	flaws := map[string]flaw[portstest.IssuerHarness]{
		"gives a token of its own":         by(issues, p.giving(func(s *domain.Session) { s.AccessToken = domain.NewSecret("ours") })),
		"loses the access token":           by(issues, p.giving(func(s *domain.Session) { s.AccessToken = domain.Secret{} })),
		"loses the ID token":               by(issues, p.giving(func(s *domain.Session) { s.IDToken = domain.Secret{} })),
		"loses the scope":                  by(issues, p.giving(func(s *domain.Session) { s.Scope = nil })),
		"loses the expiry":                 by(issues, p.giving(func(s *domain.Session) { s.ExpiresIn = 0 })),
		"counts the expiry in nanoseconds": by(issues, p.giving(func(s *domain.Session) { s.ExpiresIn = 3600 })),
		"writes subjects in its own way":   by(issues, p.giving(func(s *domain.Session) { s.Subject = "x|" + s.Subject })),
		"puts a token where it is printed": by(issues, p.giving(func(s *domain.Session) { s.Scope = append(s.Scope, s.AccessToken.Reveal()) })),
		"reports the subject it asked for": by("a session tells the subject that its ID token has", func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			session, err := p.Issue(ctx, grant)
			session.Subject = grant.Identity.Subject
			return session, err
		}),
		"calls another subject a refusal": by("a session tells the subject that its ID token has", func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			session, err := p.Issue(ctx, grant)
			if err == nil && session.Subject != grant.Identity.Subject {
				return domain.Session{}, domain.ErrAccessDenied
			}
			return session, err
		}),
		"tells the scope it asked for": by("a session tells the scope that was granted", func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			session, err := p.Issue(ctx, grant)
			session.Scope = grant.Access.Scope
			return session, err
		}),
		"calls more scope a refusal": by("a session tells the scope that was granted", func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			session, err := p.Issue(ctx, grant)
			if len(session.Scope) > len(grant.Access.Scope) {
				return domain.Session{}, domain.ErrAccessDenied
			}
			return session, err
		}),
		"tells an address that nobody knows": by("an address that is not known is not told", func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			session, err := p.Issue(ctx, grant)
			p.told = grant.Client.Addr.String() // "invalid IP"
			return session, err
		}),
		"gives a session with its refusal": by(refuses, func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			session, err := p.Issue(ctx, grant)
			if err != nil {
				session.AccessToken = domain.NewSecret("a token")
			}
			return session, err
		}),
		"calls a refusal an absence": by(refuses, p.failing(func(_ domain.Grant, err error) error {
			if errors.Is(err, domain.ErrAccountBlocked) {
				return domain.ErrUnavailable
			}
			return err
		})),
		"tells the passkey token":                by(refuses, p.failing(func(g domain.Grant, err error) error { return fmt.Errorf("%w: %s", err, g.Token.Reveal()) })),
		"tells its own secret deep inside":       by(refuses, p.failing(func(_ domain.Grant, err error) error { return errors.Join(err, telling{errors.New(clientSecret)}) })),
		"blames the person for its own secret":   by(ours, says(domain.ErrAccessDenied, locked)),
		"calls the refusal of itself an absence": by(ours, says(domain.ErrUnavailable, locked)),
		"calls a limit a block":                  by(busy, says(domain.ErrAccountBlocked, limited)),
		"calls a limit an absence":               by(busy, says(domain.ErrUnavailable, limited)),
		"calls an absence a refusal":             by(away, says(domain.ErrAccessDenied, stopped)),
		"takes an absence for a fault of ours":   by(away, says(errors.New("cannot connect"), stopped)),
		"takes nonsense for a fault of ours":     by("an answer that nobody understands is no verdict", says(errors.New("bad JSON"), garbled)),
		"calls its own patience a refusal":       by("a provider that is silent is given up in time", says(domain.ErrAccessDenied, silent)),
		"waits for the provider whatever happens": by("a provider that is silent is given up in time", func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			return p.Issue(context.WithoutCancel(ctx), grant)
		}),
		"gives a session to a caller who left": by("a caller who leaves gets no verdict", func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
			return p.Issue(context.WithoutCancel(ctx), grant)
		}),
		"mixes up callers":              by("concurrent callers each get their own", p.mixing()),
		"meets no limit in its harness": lacks(func(h *portstest.IssuerHarness) { h.Limit = nil }),
		"sees one bad ID token in its harness": lacks(func(h *portstest.IssuerHarness) {
			h.Spoil = map[string]func(*testing.T){"id_expired": h.Spoil["id_expired"]}
		}),
		"is refused for no reason by its harness": {refuses, func(h *portstest.IssuerHarness) {
			h.Refuse[domain.ErrTokenReplayed] = p.set(func(p *provider) { p.refuse = domain.ErrTokenReplayed })
		}},
	}
	for _, way := range spoilt() {
		flaws["believes an ID token of "+way] = by("a session that does not verify is a fault of ours", p.believing(way))
	}
	return flaws
}

// giving changes the session.
func (p *provider) giving(change func(*domain.Session)) issuerFunc {
	return func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
		session, err := p.Issue(ctx, grant)
		if err == nil {
			change(&session)
		}
		return session, err
	}
}

// failing changes errors.
func (p *provider) failing(change func(domain.Grant, error) error) issuerFunc {
	return func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
		session, err := p.Issue(ctx, grant)
		if err != nil {
			err = change(grant, err)
		}
		return session, err
	}
}

// believing does not see one way in which an ID token is spoilt.
func (p *provider) believing(way string) issuerFunc {
	return func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
		p.mu.Lock()
		if p.spoil == way {
			p.spoil = ""
		}
		p.mu.Unlock()
		return p.Issue(ctx, grant)
	}
}

func (p *provider) mixing() issuerFunc {
	mixed := newMixUp[domain.Grant]()
	return func(ctx context.Context, grant domain.Grant) (domain.Session, error) {
		return p.Issue(ctx, mixed.through(grant))
	}
}
