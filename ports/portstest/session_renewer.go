package portstest

import (
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
)

// RenewerHarness is a SessionRenewer under test.
type RenewerHarness struct {
	Renewer ports.SessionRenewer
	// Open opens a session of the given subject and returns its refresh token.
	Open func(t *testing.T) (refresh domain.Secret, subject string)
	// Rotates says that the provider rotates refresh tokens.
	Rotates bool
	// Spoil makes the ID token of the next renewal one that must not verify.
	Spoil func(t *testing.T)
	// Block makes the provider block the person.
	Block func(t *testing.T)
	// Lock makes the provider refuse the bridge itself.
	Lock func(t *testing.T)
	// Stop makes the provider unreachable.
	Stop func(t *testing.T)
}

// SessionRenewer tests the contract of ports.SessionRenewer.
func SessionRenewer(t *testing.T, start func(t *testing.T) RenewerHarness) {
	tests := map[string]func(*testing.T, RenewerHarness){
		"a session is renewed for the same person":                  renewerRenews,
		"a refresh token that is used up is good for nothing":       renewerRotates,
		"an unknown refresh token is good for nothing":              renewerUnknown,
		"an ID token that does not verify is a fault of ours":       renewerSpoiled,
		"a person who is blocked is refused, and may be told apart": renewerBlocked,
		"a provider that refuses the bridge is a fault of ours":     renewerLocked,
		"a provider that is away is unavailable":                    renewerUnavailable,
		"a caller who leaves gets no verdict":                       renewerCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func (h RenewerHarness) renew(t *testing.T, refresh domain.Secret) (domain.Session, error) {
	t.Helper()
	session, err := h.Renewer.Renew(t.Context(), refresh, domain.Access{}, domain.Client{})
	wantSilent(t, err, refresh.Reveal())
	if err != nil && !session.AccessToken.IsZero() {
		t.Errorf("session = %+v with err = %v, want none", session, err)
	}
	return session, err
}

func renewerRenews(t *testing.T, h RenewerHarness) {
	refresh, subject := h.Open(t)
	session, err := h.renew(t, refresh)
	if err != nil {
		t.Fatal(err)
	}
	if session.AccessToken.IsZero() || session.ExpiresIn <= 0 {
		t.Errorf("session = %+v, want an access token and its expiry", session)
	}
	if !session.IDToken.IsZero() && session.Subject != subject {
		t.Errorf("subject = %q, want %q", session.Subject, subject)
	}
	if session.IDToken.IsZero() && session.Subject != "" {
		t.Errorf("subject = %q without an ID token that says so", session.Subject)
	}
}

func renewerRotates(t *testing.T, h RenewerHarness) {
	if !h.Rotates {
		return // the old refresh token goes on, and nothing can be used up
	}
	refresh, _ := h.Open(t)
	session, err := h.renew(t, refresh)
	if err != nil {
		t.Fatal(err)
	}
	if session.RefreshToken.IsZero() || session.RefreshToken.Equal(refresh) {
		t.Fatal("the rotated refresh token is not passed on")
	}
	_, err = h.renew(t, refresh)
	wantReason(t, err, domain.ErrGrantInvalid)
}

func renewerUnknown(t *testing.T, h RenewerHarness) {
	h.Open(t)
	_, err := h.renew(t, domain.NewSecret("unknown-refresh-token"))
	wantReason(t, err, domain.ErrGrantInvalid)
}

func renewerSpoiled(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	h.Spoil(t)
	_, err := h.renew(t, refresh)
	wantReason(t, err, "")
}

func renewerBlocked(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	h.Block(t)
	_, err := h.renew(t, refresh)
	switch reason, _ := domain.ReasonOf(err); reason {
	case domain.ErrAccountBlocked, domain.ErrAccessDenied, domain.ErrGrantInvalid:
	default:
		t.Errorf("err = %v, want a refusal", err)
	}
}

func renewerLocked(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	h.Lock(t)
	_, err := h.renew(t, refresh)
	wantReason(t, err, "")
}

func renewerUnavailable(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	h.Stop(t)
	_, err := h.renew(t, refresh)
	wantReason(t, err, domain.ErrUnavailable)
}

func renewerCancelled(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	_, err := h.Renewer.Renew(cancelled(t), refresh, domain.Access{}, domain.Client{})
	wantDeparture(t, err)
}
