package portstest

import (
	"context"
	"testing"
	"time"

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
	// Bare makes the next renewal one without an ID token.
	Bare func(t *testing.T)
	// Widen makes the provider grant the next renewal one scope more than the session
	// has had, and returns that scope.
	Widen func(t *testing.T) string
	// Block makes the provider block the person.
	Block func(t *testing.T)
	// Secrets are the credentials that the bridge shows the provider.
	Secrets []string

	// Lock makes the provider refuse the bridge itself.
	Lock func(t *testing.T)
	// Limit makes the provider answer that its limit is reached.
	Limit func(t *testing.T)
	// Garble makes the provider answer what nobody understands, Hang nothing at all,
	// and Stop makes it unreachable.
	Garble, Hang, Stop func(t *testing.T)
}

// SessionRenewer tests the contract of ports.SessionRenewer.
func SessionRenewer(t *testing.T, start func(t *testing.T) RenewerHarness) {
	tests := map[string]func(*testing.T, RenewerHarness){
		"the harness tries everything":                                 renewerKnobs,
		"a session is renewed for the same person":                     renewerRenews,
		"without an ID token nobody is named":                          renewerNamesNobody,
		"a session tells the scope that was granted":                   renewerTellsScope,
		"a refresh token that is used up is good for nothing":          renewerRotates,
		"an unknown refresh token is good for nothing":                 renewerUnknown,
		"an ID token that does not verify is a fault of ours":          renewerSpoiled,
		"a blocked person is refused, with a reason of its own or not": renewerBlocked,
		"a provider that refuses the bridge is a fault of ours":        renewerLocked,
		"a provider whose limit is reached is busy":                    renewerBusy,
		"a provider that is away is unavailable":                       renewerUnavailable,
		"an answer that nobody understands is no verdict":              renewerGarbled,
		"a provider that is silent is given up in time":                renewerSilent,
		"a caller who leaves gets no verdict":                          renewerCancelled,
		"concurrent callers each get their own":                        renewerAtOnce,
		"a refresh token that may be used up is in doubt":              renewerDoubts,
		"a refusal or a limit leaves no doubt":                         renewerIsSure,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func renewerKnobs(t *testing.T, h RenewerHarness) {
	wantKnobs(t, map[string]bool{
		"Open": h.Open != nil, "Spoil": h.Spoil != nil, "Bare": h.Bare != nil, "Widen": h.Widen != nil, "Block": h.Block != nil,
		"Secrets": len(h.Secrets) > 0, "Lock": h.Lock != nil, "Limit": h.Limit != nil,
		"Garble": h.Garble != nil, "Hang": h.Hang != nil, "Stop": h.Stop != nil,
	})
}

func (h RenewerHarness) renew(t *testing.T, refresh domain.Secret) (domain.Session, error) {
	t.Helper()
	session, err := h.Renewer.Renew(t.Context(), refresh, domain.Access{}, domain.Client{})
	if err != nil {
		wantSilent(t, err, append(h.Secrets, refresh.Reveal())...)
		wantNoSession(t, session)
	}
	return session, err
}

func (h RenewerHarness) mustRenew(t *testing.T, refresh domain.Secret) domain.Session {
	t.Helper()
	session, err := h.renew(t, refresh)
	if err != nil {
		t.Fatal(err)
	}
	if session.AccessToken.IsZero() || session.ExpiresIn <= 0 || session.ExpiresIn%time.Second != 0 {
		t.Errorf("session = %+v, want an access token and its expiry in whole seconds", session)
	}
	return session
}

func renewerRenews(t *testing.T, h RenewerHarness) {
	refresh, subject := h.Open(t)
	session := h.mustRenew(t, refresh)
	if session.IDToken.IsZero() || session.Subject != subject {
		t.Errorf("session = %+v, want an ID token and the subject %q", session, subject)
	}
}

func renewerNamesNobody(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	h.Bare(t)
	session := h.mustRenew(t, refresh)
	if !session.IDToken.IsZero() || session.Subject != "" {
		t.Errorf("session = %+v, want no ID token, and so no subject", session)
	}
}

func renewerTellsScope(t *testing.T, h RenewerHarness) {
	for _, asked := range []domain.Access{{}, {Scope: []string{domain.ScopeOpenID}}} {
		refresh, _ := h.Open(t)
		more := h.Widen(t)
		session, err := h.Renewer.Renew(t.Context(), refresh, asked, domain.Client{})
		wantScope(t, session, err, more)
	}
}

func renewerRotates(t *testing.T, h RenewerHarness) {
	if !h.Rotates {
		return // the old refresh token goes on, and nothing can be used up
	}
	refresh, _ := h.Open(t)
	session := h.mustRenew(t, refresh)
	if session.RefreshToken.IsZero() || session.RefreshToken.Equal(refresh) {
		t.Fatal("the rotated refresh token is not passed on")
	}
	_, err := h.renew(t, refresh)
	wantReason(t, err, domain.ErrGrantInvalid)
}

func renewerUnknown(t *testing.T, h RenewerHarness) {
	h.Open(t)
	_, err := h.renew(t, domain.NewSecret("unknown-refresh-token"))
	wantReason(t, err, domain.ErrGrantInvalid)
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

// meets renews a session when the provider is in trouble.
func (h RenewerHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	refresh, _ := h.Open(t)
	trouble(t)
	_, err := h.renew(t, refresh)
	wantReason(t, err, want)
}

func renewerSpoiled(t *testing.T, h RenewerHarness)     { h.meets(t, h.Spoil, "") }
func renewerLocked(t *testing.T, h RenewerHarness)      { h.meets(t, h.Lock, "") }
func renewerBusy(t *testing.T, h RenewerHarness)        { h.meets(t, h.Limit, domain.ErrBusy) }
func renewerUnavailable(t *testing.T, h RenewerHarness) { h.meets(t, h.Stop, domain.ErrUnavailable) }
func renewerGarbled(t *testing.T, h RenewerHarness)     { h.meets(t, h.Garble, domain.ErrUnavailable) }

func renewerSilent(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error {
		_, err := h.Renewer.Renew(ctx, refresh, domain.Access{}, domain.Client{})
		return err
	})
}

func renewerCancelled(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	session, err := h.Renewer.Renew(cancelled(t), refresh, domain.Access{}, domain.Client{})
	wantDeparture(t, err)
	wantNoSession(t, session)
}

func renewerDoubts(t *testing.T, h RenewerHarness) {
	first, _ := h.Open(t)
	second, _ := h.Open(t)
	h.Spoil(t)
	if _, err := h.renew(t, first); !domain.ProofInDoubt(err) {
		t.Errorf("of a session that does not verify: err = %v, want the refresh token in doubt", err)
	}
	h.Garble(t)
	if _, err := h.renew(t, second); !domain.ProofInDoubt(err) {
		t.Errorf("of nonsense: err = %v, want the refresh token in doubt", err)
	}
}

func renewerIsSure(t *testing.T, h RenewerHarness) {
	refresh, _ := h.Open(t)
	h.Limit(t)
	if _, err := h.renew(t, refresh); domain.ProofInDoubt(err) {
		t.Errorf("at a limit: err = %v, want no doubt about the refresh token", err)
	}
	if _, err := h.renew(t, domain.NewSecret("unknown-refresh-token")); domain.ProofInDoubt(err) {
		t.Errorf("of an unknown one: err = %v, want no doubt about the refresh token", err)
	}
}

func renewerAtOnce(t *testing.T, h RenewerHarness) {
	var refresh [callers]domain.Secret
	var subject [callers]string
	for caller := range callers {
		refresh[caller], subject[caller] = h.Open(t)
	}
	atOnce(func(caller int) {
		session, err := h.renew(t, refresh[caller])
		if err != nil || session.Subject != subject[caller] {
			t.Errorf("a session of %q, err = %v, want one of %q", session.Subject, err, subject[caller])
		}
	})
}
