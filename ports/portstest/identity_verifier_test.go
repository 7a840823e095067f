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
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

// authority knows what each of its tokens proves.
type authority struct {
	trouble
	ahead  time.Duration // of the clock
	tokens sync.Map      // from text to domain.Identity
}

func (a *authority) prove(identity domain.Identity) domain.PasskeyToken {
	token := domain.PasskeyToken{Secret: domain.NewSecret("head." + rand.Text() + "." + rand.Text())}
	identity.Authority, identity.ProofID = "authority", rand.Text()
	a.tokens.Store(token.Reveal(), identity)
	return token
}

// Verify is what a good verifier does.
func (a *authority) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	if err := a.err(ctx); err != nil {
		return domain.Identity{}, err
	}
	identity, found := a.tokens.Load(token.Reveal())
	if !found {
		return domain.Identity{}, fmt.Errorf("%w: nobody issued it", domain.ErrTokenRejected)
	}
	return identity.(domain.Identity), nil
}

// verifierFunc is a verifier made of its one method.
type verifierFunc func(context.Context, domain.PasskeyToken) (domain.Identity, error)

func (f verifierFunc) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	return f(ctx, token)
}

func startVerifier() (portstest.VerifierHarness, map[string]flaw[portstest.VerifierHarness]) {
	a := &authority{}
	prove := func(subject, action, method string, age time.Duration) (domain.PasskeyToken, domain.Identity) {
		identity := domain.Identity{
			Subject: subject, Action: action, Method: method, AuthenticatedAt: time.Now().Add(-age),
			Email: domain.NewSecret(subject + "@example.com"), EmailVerified: subject == "jane",
		}
		told := identity
		told.AuthenticatedAt = identity.AuthenticatedAt.Add(a.ahead)
		told.AuthenticatedAfter = identity.AuthenticatedAt.Add(-time.Second)
		return a.prove(told), identity
	}
	return portstest.VerifierHarness{
		Verifier: a,
		Prove: func(*testing.T) (domain.PasskeyToken, domain.Identity) {
			return prove("jane", "sign-in", domain.MethodPasskey, 0)
		},
		Other: func(*testing.T) (domain.PasskeyToken, domain.Identity) {
			return prove("john", "withdraw", "SMS", time.Hour)
		},
		Bad: func(*testing.T) map[string]domain.PasskeyToken {
			return map[string]domain.PasskeyToken{"a token nobody issued": {Secret: domain.NewSecret("head.body.tail")}}
		},
		Ahead:   func(_ *testing.T, d time.Duration) { a.ahead = d },
		Secrets: []string{secret},
		Lock:    a.meet(locked), Limit: a.meet(limited), Garble: a.meet(garbled), Hang: a.meet(silent), Stop: a.meet(stopped),
	}, verifierFlaws(a)
}

func verifierFlaws(a *authority) map[string]flaw[portstest.VerifierHarness] {
	by := func(caughtBy string, broken verifierFunc) flaw[portstest.VerifierHarness] {
		return flaw[portstest.VerifierHarness]{caughtBy, func(h *portstest.VerifierHarness) { h.Verifier = broken }}
	}
	lacks := func(forget func(*portstest.VerifierHarness)) flaw[portstest.VerifierHarness] {
		return flaw[portstest.VerifierHarness]{"the harness tries everything", forget}
	}
	reports := func(change func(*domain.Identity)) verifierFunc { return a.reporting(change) }
	says := func(instead error, when ...string) verifierFunc { return a.saying(instead, when...) }
	const (
		proves      = "a completed ceremony proves its person"
		asIs        = "whatever the ceremony was, it is reported as it is"
		rejects     = "what proves nobody is rejected"
		lockedOut   = "an authority that refuses the bridge is a fault of ours"
		unavailable = "an authority that is away is no rejection"
	)
	return map[string]flaw[portstest.VerifierHarness]{
		"tells no authority":              by(proves, reports(func(id *domain.Identity) { id.Authority = "" })),
		"tells no subject":                by(proves, reports(func(id *domain.Identity) { id.Subject = "" })),
		"tells no proof id":               by(proves, reports(func(id *domain.Identity) { id.ProofID = "" })),
		"tells no time":                   by(proves, reports(func(id *domain.Identity) { id.AuthenticatedAt = time.Time{} })),
		"writes subjects in its own way":  by(proves, reports(func(id *domain.Identity) { id.Subject = strings.ToUpper(id.Subject) })),
		"tells the time by its own clock": by(asIs, reports(func(id *domain.Identity) { id.AuthenticatedAt = time.Now() })),
		"takes the authority's clock for the right one": by("no ceremony is said to have ended later than it did",
			reports(func(id *domain.Identity) { id.AuthenticatedAfter = id.AuthenticatedAt })),
		"does not compare the clocks": by("no ceremony is said to have ended later than it did",
			reports(func(id *domain.Identity) { id.AuthenticatedAfter = time.Time{} })),
		"tries no clock in its harness":                   {proves, func(h *portstest.VerifierHarness) { h.Ahead = nil }},
		"tells no e-mail address":                         by(proves, reports(func(id *domain.Identity) { id.Email, id.EmailVerified = domain.Secret{}, false })),
		"tells somebody else's e-mail":                    by(proves, reports(func(id *domain.Identity) { id.Email = domain.NewSecret("john@example.com") })),
		"calls no e-mail address verified":                by(proves, reports(func(id *domain.Identity) { id.EmailVerified = false })),
		"calls every e-mail address verified":             by(asIs, reports(func(id *domain.Identity) { id.EmailVerified = true })),
		"puts the e-mail address into the proof id":       by(proves, reports(func(id *domain.Identity) { id.ProofID += id.Email.Reveal() })),
		"tries no verified e-mail address in its harness": lacks(func(h *portstest.VerifierHarness) { h.Prove = h.Other }),
		"calls every method a passkey":                    by(asIs, reports(func(id *domain.Identity) { id.Method = domain.MethodPasskey })),
		"calls every action a sign-in":                    by(asIs, reports(func(id *domain.Identity) { id.Action = "sign-in" })),
		"judges the action by itself": by(asIs, func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
			identity, err := a.Verify(ctx, token)
			if err == nil && identity.Action != "sign-in" {
				return domain.Identity{}, domain.ErrTokenRejected
			}
			return identity, err
		}),
		"takes the token itself for the proof's id": by(proves, func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
			identity, err := a.Verify(ctx, token)
			identity.ProofID = token.Reveal()
			return identity, err
		}),
		"makes up a proof id at each call": by("the same ceremony has the same proof id every time",
			reports(func(id *domain.Identity) { id.ProofID = rand.Text() })),
		"takes a hash of a leniently read token for the proof's id": by("another spelling of a token is no other proof",
			func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
				read := domain.PasskeyToken{Secret: domain.NewSecret(strings.TrimRight(token.Reveal(), "="))}
				identity, err := a.Verify(ctx, read)
				identity.ProofID = token.Hash()
				return identity, err
			}),
		"gives all proofs the same id": by("two ceremonies have different proof ids",
			reports(func(id *domain.Identity) { id.ProofID = id.Subject })),
		"believes every token": by(rejects, func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
			if identity, err := a.Verify(ctx, token); err == nil {
				return identity, nil
			}
			return domain.Identity{Authority: "authority", Subject: "jane", ProofID: "1", AuthenticatedAt: time.Now()}, nil
		}),
		"does not look at the signature": by("a token that is altered anywhere is rejected",
			func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
				signed := token.Reveal()[:strings.LastIndex(token.Reveal(), ".")]
				a.tokens.Range(func(known, _ any) bool {
					if strings.HasPrefix(known.(string), signed+".") {
						token = domain.PasskeyToken{Secret: domain.NewSecret(known.(string))}
					}
					return true
				})
				return a.Verify(ctx, token)
			}),
		"names somebody in spite of its rejection": by(rejects, func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
			identity, err := a.Verify(ctx, token)
			if err != nil {
				identity.Subject = "jane"
			}
			return identity, err
		}),
		"cannot tell when the token is bad": by(rejects, func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
			identity, err := a.Verify(ctx, token)
			if errors.Is(err, domain.ErrTokenRejected) {
				err = domain.ErrUnavailable
			}
			return identity, err
		}),
		"tells the token": by(rejects, a.failing(func(token domain.PasskeyToken, err error) error {
			return fmt.Errorf("%w: %s", err, token.Reveal())
		})),
		"tells the token deep inside": by(rejects, a.failing(func(token domain.PasskeyToken, err error) error {
			return errors.Join(err, telling{fmt.Errorf("post %s", token.Reveal())})
		})),
		"tells its own key": by(lockedOut, a.failing(func(_ domain.PasskeyToken, err error) error {
			return fmt.Errorf("%w: %s", err, secret)
		})),
		"calls a limit an absence":                      by("an authority whose limit is reached is busy", says(domain.ErrUnavailable, limited)),
		"rejects because of a limit":                    by("an authority whose limit is reached is busy", says(domain.ErrTokenRejected, limited)),
		"rejects what it could not ask about":           by(unavailable, says(domain.ErrTokenRejected, stopped)),
		"takes an absence for a fault of ours":          by(unavailable, says(errors.New("cannot connect"), stopped)),
		"rejects because of nonsense":                   by("an answer that nobody understands is no rejection", says(domain.ErrTokenRejected, garbled)),
		"rejects because its own key is refused":        by(lockedOut, says(domain.ErrTokenRejected, locked)),
		"calls the refusal of its own key an absence":   by(lockedOut, says(domain.ErrUnavailable, locked)),
		"rejects because of its own patience":           by("an authority that is silent is given up in time", says(domain.ErrTokenRejected, silent)),
		"rejects because the caller left":               by("a caller who leaves gets no verdict", says(domain.ErrTokenRejected, "")),
		"waits for the authority whatever happens":      by("an authority that is silent is given up in time", a.deaf),
		"names the person to a caller who left":         by("a caller who leaves gets no verdict", a.deaf),
		"mixes up callers":                              by("concurrent callers each get their own", a.mixing()),
		"is asked for no other ceremony by its harness": lacks(func(h *portstest.VerifierHarness) { h.Other = nil }),
		"sees no bad token in its harness": lacks(func(h *portstest.VerifierHarness) {
			h.Bad = func(*testing.T) map[string]domain.PasskeyToken { return nil }
		}),
		"meets no silence in its harness": lacks(func(h *portstest.VerifierHarness) { h.Hang = nil }),
	}
}

// reporting changes what is reported.
func (a *authority) reporting(change func(*domain.Identity)) verifierFunc {
	return func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
		identity, err := a.Verify(ctx, token)
		if err == nil {
			change(&identity)
		}
		return identity, err
	}
}

// saying says another error when there is such trouble; "" is a caller who left.
func (a *authority) saying(instead error, when ...string) verifierFunc {
	return a.failing(func(_ domain.PasskeyToken, err error) error {
		for _, kind := range when {
			if a.met() == kind && !errors.Is(err, domain.ErrTokenRejected) {
				return instead
			}
		}
		return err
	})
}

// failing changes errors.
func (a *authority) failing(change func(domain.PasskeyToken, error) error) verifierFunc {
	return func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
		identity, err := a.Verify(ctx, token)
		if err != nil {
			err = change(token, err)
		}
		return identity, err
	}
}

// deaf does not hear that its caller leaves.
func (a *authority) deaf(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	return a.Verify(context.WithoutCancel(ctx), token)
}

func (a *authority) mixing() verifierFunc {
	mixed := newMixUp[domain.PasskeyToken]()
	return func(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
		return a.Verify(ctx, mixed.through(token))
	}
}

var _ ports.IdentityVerifier = (*authority)(nil)
