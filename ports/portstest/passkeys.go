package portstest

import (
	"context"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// PasskeysHarness is a Passkeys under test.
type PasskeysHarness struct {
	Passkeys ports.Passkeys
	// Put gives a person a passkey that was made at that time, and Delete takes all of
	// theirs away.
	Put    func(t *testing.T, subject string, at time.Time)
	Delete func(t *testing.T, subject string)
	// Other gives a person an authenticator that is no passkey.
	Other func(t *testing.T, subject string, at time.Time)
	// Secrets are the credentials that the bridge shows the authority.
	Secrets []string

	// Lock makes the authority refuse the bridge itself.
	Lock func(t *testing.T)
	// Limit makes the authority answer that its limit is reached.
	Limit func(t *testing.T)
	// Garble makes the authority answer what nobody understands, Hang nothing at all, and
	// Stop makes it unreachable.
	Garble, Hang, Stop func(t *testing.T)
}

// Passkeys tests the contract of ports.Passkeys.
func Passkeys(t *testing.T, start func(t *testing.T) PasskeysHarness) {
	tests := map[string]func(*testing.T, PasskeysHarness){
		"the harness tries everything":                      passkeysKnobs,
		"a person with a passkey has one":                   passkeysHas,
		"a person without one has none":                     passkeysHasNone,
		"a passkey that was made later does not count":      passkeysLater,
		"an authenticator of another kind is no passkey":    passkeysOther,
		"an authority that refuses the bridge is our fault": passkeysLocked,
		"an authority whose limit is reached is busy":       passkeysBusy,
		"an authority that is away is unavailable":          passkeysAway,
		"an answer that nobody understands is no answer":    passkeysGarbled,
		"an authority that is silent is given up in time":   passkeysSilent,
		"a caller who leaves gets no answer":                passkeysCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func passkeysKnobs(t *testing.T, h PasskeysHarness) {
	wantKnobs(t, map[string]bool{
		"Put": h.Put != nil, "Delete": h.Delete != nil, "Other": h.Other != nil, "Secrets": len(h.Secrets) > 0, "Lock": h.Lock != nil,
		"Limit": h.Limit != nil, "Garble": h.Garble != nil, "Hang": h.Hang != nil, "Stop": h.Stop != nil,
	})
}

func (h PasskeysHarness) wants(t *testing.T, want bool, subject string, by time.Time) {
	t.Helper()
	if has, err := h.Passkeys.Has(t.Context(), subject, by); err != nil || has != want {
		t.Errorf("%s has a passkey: %t, %v, want %t", subject, has, err, want)
	}
}

func passkeysHas(t *testing.T, h PasskeysHarness) {
	h.Put(t, jane, marked.Add(-time.Hour))
	h.Put(t, jane, marked.Add(time.Hour))
	h.wants(t, true, jane, marked)
	h.wants(t, true, jane, marked.Add(-time.Hour)) // at that moment
	h.wants(t, false, john, marked)
}

func passkeysHasNone(t *testing.T, h PasskeysHarness) {
	h.wants(t, false, jane, marked)
	h.Put(t, jane, marked.Add(-time.Hour))
	h.Delete(t, jane)
	h.wants(t, false, jane, marked)
	h.wants(t, false, "", marked)
	h.wants(t, false, "..", marked)
}

func passkeysLater(t *testing.T, h PasskeysHarness) {
	h.Put(t, jane, marked.Add(time.Second))
	h.wants(t, false, jane, marked)
	h.wants(t, true, jane, marked.Add(time.Minute))
}

func passkeysOther(t *testing.T, h PasskeysHarness) {
	h.Other(t, jane, marked.Add(-time.Hour))
	h.wants(t, false, jane, marked)
}

// meets asks about a person with a passkey when the authority is in trouble.
func (h PasskeysHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	h.Put(t, jane, marked.Add(-time.Hour))
	trouble(t)
	has, err := h.Passkeys.Has(t.Context(), jane, marked)
	if has {
		t.Error("it is said that they have one")
	}
	wantReason(t, err, want)
	wantSilent(t, err, h.Secrets...)
}

func passkeysLocked(t *testing.T, h PasskeysHarness)  { h.meets(t, h.Lock, "") }
func passkeysBusy(t *testing.T, h PasskeysHarness)    { h.meets(t, h.Limit, domain.ErrBusy) }
func passkeysAway(t *testing.T, h PasskeysHarness)    { h.meets(t, h.Stop, domain.ErrUnavailable) }
func passkeysGarbled(t *testing.T, h PasskeysHarness) { h.meets(t, h.Garble, domain.ErrUnavailable) }

func passkeysSilent(t *testing.T, h PasskeysHarness) {
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error {
		_, err := h.Passkeys.Has(ctx, jane, marked)
		return err
	})
}

func passkeysCancelled(t *testing.T, h PasskeysHarness) {
	h.Put(t, jane, marked.Add(-time.Hour))
	_, err := h.Passkeys.Has(cancelled(t), jane, marked)
	wantDeparture(t, err)
}
