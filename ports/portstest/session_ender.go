package portstest

import (
	"context"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// EnderHarness is a SessionEnder under test.
type EnderHarness struct {
	Ender ports.SessionEnder
	// Open opens a session of a person, and returns whether it is alive. Two calls for
	// different times open two sessions.
	Open func(t *testing.T, subject string, at time.Time) (alive func(t *testing.T) bool)
	// Secrets are the credentials that the bridge shows the provider.
	Secrets []string

	// Lock makes the provider refuse the bridge itself.
	Lock func(t *testing.T)
	// Limit makes the provider answer that its limit is reached.
	Limit func(t *testing.T)
	// Hang makes the provider answer nothing, and Stop makes it unreachable.
	Hang, Stop func(t *testing.T)
}

// SessionEnder tests the contract of ports.SessionEnder.
func SessionEnder(t *testing.T, start func(t *testing.T) EnderHarness) {
	tests := map[string]func(*testing.T, EnderHarness){
		"the harness tries everything":                     enderKnobs,
		"all sessions from before are over":                enderEnds,
		"a session from later goes on":                     enderSparesLater,
		"another person's sessions go on":                  enderSparesOthers,
		"ending twice succeeds":                            enderRepeats,
		"ending what a person without sessions has":        enderNobody,
		"more sessions than are on a page are over":        enderMany,
		"a provider that refuses the bridge is our fault":  enderLocked,
		"a provider whose limit is reached is busy":        enderBusy,
		"a provider that is away is unavailable":           enderAway,
		"a provider that is silent is given up in time":    enderSilent,
		"a caller who leaves is not told that all is over": enderCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func enderKnobs(t *testing.T, h EnderHarness) {
	wantKnobs(t, map[string]bool{
		"Open": h.Open != nil, "Secrets": len(h.Secrets) > 0, "Lock": h.Lock != nil, "Limit": h.Limit != nil, "Hang": h.Hang != nil, "Stop": h.Stop != nil,
	})
}

func (h EnderHarness) mustEnd(t *testing.T, subject string) {
	t.Helper()
	if err := h.Ender.End(t.Context(), subject, marked); err != nil {
		t.Errorf("end the sessions of %s: %v", subject, err)
	}
}

func enderEnds(t *testing.T, h EnderHarness) {
	first, second := h.Open(t, jane, marked.Add(-time.Hour)), h.Open(t, jane, marked.Add(-time.Minute))
	h.mustEnd(t, jane)
	if first(t) || second(t) {
		t.Error("a session goes on")
	}
}

func enderSparesLater(t *testing.T, h EnderHarness) {
	before, later := h.Open(t, jane, marked.Add(-time.Minute)), h.Open(t, jane, marked.Add(time.Minute))
	h.mustEnd(t, jane)
	if before(t) || !later(t) {
		t.Errorf("the session from before lives: %t, the one from later: %t", before(t), later(t))
	}
}

func enderSparesOthers(t *testing.T, h EnderHarness) {
	other := h.Open(t, john, marked.Add(-time.Minute))
	h.Open(t, jane, marked.Add(-time.Minute))
	h.mustEnd(t, jane)
	if !other(t) {
		t.Error("another person's session is over")
	}
}

func enderRepeats(t *testing.T, h EnderHarness) {
	h.Open(t, jane, marked.Add(-time.Minute))
	h.mustEnd(t, jane)
	h.mustEnd(t, jane)
}

func enderNobody(t *testing.T, h EnderHarness) { h.mustEnd(t, "auth0|nobody") }

func enderMany(t *testing.T, h EnderHarness) {
	const sessions = 120
	alive := make([]func(*testing.T) bool, sessions)
	for i := range alive {
		alive[i] = h.Open(t, jane, marked.Add(-time.Duration(i+1)*time.Second))
	}
	h.mustEnd(t, jane)
	for i, lives := range alive {
		if lives(t) {
			t.Fatalf("session %d goes on", i)
		}
	}
}

// meets ends sessions when the provider is in trouble.
func (h EnderHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	h.Open(t, jane, marked.Add(-time.Minute))
	trouble(t)
	err := h.Ender.End(t.Context(), jane, marked)
	wantReason(t, err, want)
	wantSilent(t, err, h.Secrets...)
}

func enderLocked(t *testing.T, h EnderHarness) { h.meets(t, h.Lock, "") }
func enderBusy(t *testing.T, h EnderHarness)   { h.meets(t, h.Limit, domain.ErrBusy) }
func enderAway(t *testing.T, h EnderHarness)   { h.meets(t, h.Stop, domain.ErrUnavailable) }

func enderSilent(t *testing.T, h EnderHarness) {
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error { return h.Ender.End(ctx, jane, marked) })
}

func enderCancelled(t *testing.T, h EnderHarness) {
	h.Open(t, jane, marked.Add(-time.Minute))
	wantDeparture(t, h.Ender.End(cancelled(t), jane, marked))
}
