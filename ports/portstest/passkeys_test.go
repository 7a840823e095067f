package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// passkeys is an authority that knows who has a passkey.
type passkeys struct {
	trouble

	mu    sync.Mutex
	made  map[string][]time.Time
	other map[string]bool
}

// Has is what a good one does.
func (p *passkeys) Has(ctx context.Context, subject string, by time.Time) (bool, error) {
	if err := p.err(ctx); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.made[subject], func(at time.Time) bool { return !at.After(by) }), nil
}

type passkeysFunc func(context.Context, string, time.Time) (bool, error)

func (f passkeysFunc) Has(ctx context.Context, subject string, by time.Time) (bool, error) {
	return f(ctx, subject, by)
}

func startPasskeys() (portstest.PasskeysHarness, map[string]flaw[portstest.PasskeysHarness]) {
	p := &passkeys{made: map[string][]time.Time{}, other: map[string]bool{}}
	hold := func(f func()) {
		p.mu.Lock()
		defer p.mu.Unlock()
		f()
	}
	return portstest.PasskeysHarness{
		Passkeys: p,
		Put: func(_ *testing.T, subject string, at time.Time) {
			hold(func() { p.made[subject] = append(p.made[subject], at) })
		},
		Delete:  func(_ *testing.T, subject string) { hold(func() { p.made[subject] = nil }) },
		Other:   func(_ *testing.T, subject string, _ time.Time) { hold(func() { p.other[subject] = true }) },
		Secrets: []string{clientSecret},
		Lock:    p.meet(locked), Limit: p.meet(limited), Garble: p.meet(garbled), Hang: p.meet(silent), Stop: p.meet(stopped),
	}, passkeysFlaws(p)
}

func passkeysFlaws(p *passkeys) map[string]flaw[portstest.PasskeysHarness] {
	by := func(caughtBy string, broken passkeysFunc) flaw[portstest.PasskeysHarness] {
		return flaw[portstest.PasskeysHarness]{caughtBy, func(h *portstest.PasskeysHarness) { h.Passkeys = broken }}
	}
	says := func(has bool, instead error, when string) passkeysFunc {
		return func(ctx context.Context, subject string, at time.Time) (bool, error) {
			got, err := p.Has(ctx, subject, at)
			if err != nil && p.met() == when {
				return has, instead
			}
			return got, err
		}
	}
	always := func(has bool) passkeysFunc {
		return func(ctx context.Context, _ string, _ time.Time) (bool, error) {
			err := p.err(ctx)
			return has && err == nil, err
		}
	}
	const ours, away = "an authority that refuses the bridge is our fault", "an authority that is away is unavailable"
	return map[string]flaw[portstest.PasskeysHarness]{
		"says that nobody has one":    by("a person with a passkey has one", always(false)),
		"says that everybody has one": by("a person without one has none", always(true)),
		"counts those of today": by("a passkey that was made later does not count", func(ctx context.Context, subject string, at time.Time) (bool, error) {
			return p.Has(ctx, subject, at.AddDate(1, 0, 0))
		}),
		"counts everything": by("an authenticator of another kind is no passkey", func(ctx context.Context, subject string, at time.Time) (bool, error) {
			has, err := p.Has(ctx, subject, at)
			p.mu.Lock()
			defer p.mu.Unlock()
			return has || err == nil && p.other[subject], err
		}),
		"takes its own refusal for none":      by(ours, says(false, nil, locked)),
		"takes its own refusal for a passkey": by(ours, says(true, nil, locked)),
		"takes a limit for none":              by("an authority whose limit is reached is busy", says(false, nil, limited)),
		"takes an absence for none":           by(away, says(false, nil, stopped)),
		"takes an absence for a fault":        by(away, says(false, errors.New("cannot connect"), stopped)),
		"tells its own secret":                by(away, says(false, fmt.Errorf("%w: %s", domain.ErrUnavailable, clientSecret), stopped)),
		"takes nonsense for none":             by("an answer that nobody understands is no answer", says(false, nil, garbled)),
		"waits as it pleases": by("an authority that is silent is given up in time", func(ctx context.Context, subject string, at time.Time) (bool, error) {
			return p.Has(context.WithoutCancel(ctx), subject, at)
		}),
		"takes a departure for none": by("a caller who leaves gets no answer", func(ctx context.Context, subject string, at time.Time) (bool, error) {
			has, _ := p.Has(ctx, subject, at)
			return has, nil
		}),
		"meets no refusal in its harness": {"the harness tries everything", func(h *portstest.PasskeysHarness) { h.Lock = nil }},
	}
}
