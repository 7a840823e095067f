package portstest

import (
	"context"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
)

// RevokerHarness is a SessionRevoker under test.
type RevokerHarness struct {
	Revoker ports.SessionRevoker
	// Open opens a session and returns its refresh token, and whether it still works.
	Open func(t *testing.T) (refresh domain.Secret, alive func(t *testing.T) bool)
	// Refuse makes the provider refuse the revocation, each function in its own way:
	// for the token, or for the person.
	Refuse map[string]func(t *testing.T)
	// Secrets are the credentials that the bridge shows the provider.
	Secrets []string

	// Lock makes the provider refuse the bridge itself.
	Lock func(t *testing.T)
	// Limit makes the provider answer that its limit is reached.
	Limit func(t *testing.T)
	// Hang makes the provider answer nothing, and Stop makes it unreachable.
	Hang, Stop func(t *testing.T)
}

// SessionRevoker tests the contract of ports.SessionRevoker.
func SessionRevoker(t *testing.T, start func(t *testing.T) RevokerHarness) {
	t.Run("a revocation that is refused is a fault of ours", func(t *testing.T) { revokerRefused(t, start) })
	tests := map[string]func(*testing.T, RevokerHarness){
		"the harness tries everything":                          revokerKnobs,
		"a revoked session is over":                             revokerRevokes,
		"a session that is not revoked goes on":                 revokerSpares,
		"revoking twice succeeds":                               revokerRepeats,
		"revoking an unknown token succeeds":                    revokerUnknown,
		"a provider that refuses the bridge is a fault of ours": revokerLocked,
		"a provider whose limit is reached is busy":             revokerBusy,
		"a provider that is away is unavailable":                revokerUnavailable,
		"a provider that is silent is given up in time":         revokerSilent,
		"a caller who leaves is not told that it is done":       revokerCancelled,
		"concurrent callers each end their own":                 revokerAtOnce,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func revokerKnobs(t *testing.T, h RevokerHarness) {
	wantKnobs(t, map[string]bool{
		"Open": h.Open != nil, "Secrets": len(h.Secrets) > 0, "Lock": h.Lock != nil, "Limit": h.Limit != nil,
		"Hang": h.Hang != nil, "Stop": h.Stop != nil, "Refuse": len(h.Refuse) > 0,
	})
}

func (h RevokerHarness) mustRevoke(t *testing.T, refresh domain.Secret) {
	t.Helper()
	if err := h.Revoker.Revoke(t.Context(), refresh); err != nil {
		t.Errorf("revoke: %v", err)
	}
}

func revokerRevokes(t *testing.T, h RevokerHarness) {
	refresh, alive := h.Open(t)
	h.mustRevoke(t, refresh)
	if alive(t) {
		t.Error("its refresh token still works")
	}
}

func revokerSpares(t *testing.T, h RevokerHarness) {
	refresh, _ := h.Open(t)
	_, alive := h.Open(t)
	h.mustRevoke(t, refresh)
	if !alive(t) {
		t.Error("another session's refresh token works no more")
	}
}

func revokerRepeats(t *testing.T, h RevokerHarness) {
	refresh, _ := h.Open(t)
	h.mustRevoke(t, refresh)
	h.mustRevoke(t, refresh)
}

func revokerUnknown(t *testing.T, h RevokerHarness) {
	h.mustRevoke(t, domain.NewSecret("unknown-refresh-token"))
}

// meets revokes a session when the provider is in trouble.
func (h RevokerHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	refresh, _ := h.Open(t)
	trouble(t)
	err := h.Revoker.Revoke(t.Context(), refresh)
	wantReason(t, err, want)
	wantSilent(t, err, append(h.Secrets, refresh.Reveal())...)
}

func revokerLocked(t *testing.T, h RevokerHarness)      { h.meets(t, h.Lock, "") }
func revokerBusy(t *testing.T, h RevokerHarness)        { h.meets(t, h.Limit, domain.ErrBusy) }
func revokerUnavailable(t *testing.T, h RevokerHarness) { h.meets(t, h.Stop, domain.ErrUnavailable) }

func revokerRefused(t *testing.T, start func(t *testing.T) RevokerHarness) {
	for way := range start(t).Refuse {
		t.Run(way, func(t *testing.T) {
			h := start(t)
			h.meets(t, h.Refuse[way], "")
		})
	}
}

func revokerSilent(t *testing.T, h RevokerHarness) {
	refresh, _ := h.Open(t)
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error { return h.Revoker.Revoke(ctx, refresh) })
}

func revokerCancelled(t *testing.T, h RevokerHarness) {
	refresh, _ := h.Open(t)
	wantDeparture(t, h.Revoker.Revoke(cancelled(t), refresh))
}

func revokerAtOnce(t *testing.T, h RevokerHarness) {
	var refresh [callers]domain.Secret
	var alive [callers]func(*testing.T) bool
	for caller := range callers {
		refresh[caller], alive[caller] = h.Open(t)
	}
	atOnce(func(caller int) { h.mustRevoke(t, refresh[caller]) })
	for caller := range callers {
		if alive[caller](t) {
			t.Errorf("the session of caller %d goes on", caller)
		}
	}
}
