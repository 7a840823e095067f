package portstest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// ender is a provider that ends sessions.
type ender struct {
	trouble

	mu       sync.Mutex
	sessions map[string][]*opened
}

type opened struct {
	at   time.Time
	over bool
}

// End is what a good one does.
func (e *ender) End(ctx context.Context, subject string, before time.Time) error {
	if err := e.err(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.sessions[subject] {
		one.over = one.over || one.at.Before(before)
	}
	return nil
}

type enderFunc func(context.Context, string, time.Time) error

func (f enderFunc) End(ctx context.Context, subject string, before time.Time) error {
	return f(ctx, subject, before)
}

func startEnder() (portstest.EnderHarness, map[string]flaw[portstest.EnderHarness]) {
	e := &ender{sessions: map[string][]*opened{}}
	return portstest.EnderHarness{
		Ender: e,
		Open: func(_ *testing.T, subject string, at time.Time) func(*testing.T) bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			one := &opened{at: at}
			e.sessions[subject] = append(e.sessions[subject], one)
			return func(*testing.T) bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return !one.over
			}
		},
		Secrets: []string{clientSecret},
		Lock:    e.meet(locked), Limit: e.meet(limited), Hang: e.meet(silent), Stop: e.meet(stopped),
	}, enderFlaws(e)
}

func enderFlaws(e *ender) map[string]flaw[portstest.EnderHarness] {
	by := func(caughtBy string, broken enderFunc) flaw[portstest.EnderHarness] {
		return flaw[portstest.EnderHarness]{caughtBy, func(h *portstest.EnderHarness) { h.Ender = broken }}
	}
	says := func(instead error, when string) enderFunc {
		return func(ctx context.Context, subject string, before time.Time) error {
			if err := e.End(ctx, subject, before); err != nil && e.met() == when {
				return instead
			} else if err != nil {
				return err
			}
			return nil
		}
	}
	// first ends the first n sessions of a person alone.
	first := func(n int) enderFunc {
		return func(ctx context.Context, subject string, before time.Time) error {
			e.mu.Lock()
			all := e.sessions[subject]
			e.sessions[subject] = all[:min(n, len(all))]
			e.mu.Unlock()
			err := e.End(ctx, subject, before)
			e.mu.Lock()
			defer e.mu.Unlock()
			e.sessions[subject] = all
			return err
		}
	}
	const ours, away = "a provider that refuses the bridge is our fault", "a provider that is away is unavailable"
	return map[string]flaw[portstest.EnderHarness]{
		"ends one session": by("all sessions from before are over", first(1)),
		"ends a page":      by("more sessions than are on a page are over", first(100)),
		"ends all sessions": by("a session from later goes on", func(ctx context.Context, subject string, before time.Time) error {
			return e.End(ctx, subject, before.AddDate(1, 0, 0))
		}),
		"ends everybody's sessions": by("another person's sessions go on", func(ctx context.Context, _ string, before time.Time) error {
			for subject := range e.sessions {
				_ = e.End(ctx, subject, before)
			}
			return e.err(ctx)
		}),
		"fails at the second time":      by("ending twice succeeds", failsIfOver(e)),
		"fails for an unknown person":   by("ending what a person without sessions has", failsForNobody(e)),
		"takes its refusal for success": by(ours, says(nil, locked)),
		"takes a limit for success":     by("a provider whose limit is reached is busy", says(nil, limited)),
		"takes an absence for success":  by(away, says(nil, stopped)),
		"takes an absence for a fault":  by(away, says(errors.New("cannot connect"), stopped)),
		"tells its own secret":          by(away, says(fmt.Errorf("%w: %s", domain.ErrUnavailable, clientSecret), stopped)),
		"waits as it pleases": by("a provider that is silent is given up in time", func(ctx context.Context, subject string, before time.Time) error {
			return e.End(context.WithoutCancel(ctx), subject, before)
		}),
		"tells a caller who left that all is over": by("a caller who leaves is not told that all is over", func(ctx context.Context, subject string, before time.Time) error {
			_ = e.End(ctx, subject, before)
			return nil
		}),
		"meets no refusal in its harness": {"the harness tries everything", func(h *portstest.EnderHarness) { h.Lock = nil }},
	}
}

func failsIfOver(e *ender) enderFunc {
	return func(ctx context.Context, subject string, before time.Time) error {
		e.mu.Lock()
		for _, one := range e.sessions[subject] {
			if one.over {
				e.mu.Unlock()
				return errors.New("it is over already")
			}
		}
		e.mu.Unlock()
		return e.End(ctx, subject, before)
	}
}

func failsForNobody(e *ender) enderFunc {
	return func(ctx context.Context, subject string, before time.Time) error {
		e.mu.Lock()
		known := len(e.sessions[subject]) > 0
		e.mu.Unlock()
		if !known {
			return errors.New("nobody knows them")
		}
		return e.End(ctx, subject, before)
	}
}
