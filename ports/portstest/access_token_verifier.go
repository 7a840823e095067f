package portstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// AccessTokensHarness is an AccessTokenVerifier under test, with an identity provider.
type AccessTokensHarness struct {
	Verifier ports.AccessTokenVerifier
	// Issue has the provider make an access token for the bridge's own API, and returns what
	// it says. TokenID may be left empty.
	Issue func(t *testing.T) (domain.Secret, domain.AccessToken)
	// Other does the same for a token that no policy allows anything: of somebody else, with
	// another scope, and which does not tell when its person signed in.
	Other func(t *testing.T) (domain.Secret, domain.AccessToken)
	// Bad returns tokens that prove nobody here, by what is wrong with them.
	Bad func(t *testing.T) map[string]domain.Secret
	// Lock makes the provider one whose keys can never be had as the bridge is set up. It is
	// nil if there is no such thing.
	Lock func(t *testing.T)
	// Garble makes the provider answer what nobody understands, Hang nothing at all, and Stop
	// makes it unreachable: each before it was asked for its keys.
	Garble, Hang, Stop func(t *testing.T)
}

// AccessTokenVerifier tests the contract of ports.AccessTokenVerifier.
func AccessTokenVerifier(t *testing.T, start func(t *testing.T) AccessTokensHarness) {
	tests := map[string]func(*testing.T, AccessTokensHarness){
		"the harness tries everything":                     accessKnobs,
		"an access token tells its person":                 accessTells,
		"whatever a token says is reported as it is":       accessReports,
		"the same token has the same id every time":        accessRepeats,
		"another spelling of a token is no other token":    accessRespelled,
		"two tokens have different ids":                    accessKeepsApart,
		"what proves nobody here is invalid":               accessRefuses,
		"a provider that is away makes no token invalid":   accessUnavailable,
		"keys that nobody understands make none invalid":   accessGarbled,
		"a provider that is silent is given up in time":    accessSilent,
		"keys that can never be had are a fault of ours":   accessLocked,
		"a caller who leaves is not told that it is wrong": accessCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func accessKnobs(t *testing.T, h AccessTokensHarness) {
	wantKnobs(t, map[string]bool{
		"Issue": h.Issue != nil, "Other": h.Other != nil, "Bad": h.Bad != nil && len(h.Bad(t)) > 0,
		"Garble": h.Garble != nil, "Hang": h.Hang != nil, "Stop": h.Stop != nil,
	})
}

func (h AccessTokensHarness) mustVerify(t *testing.T, token domain.Secret) domain.AccessToken {
	t.Helper()
	access, err := h.Verifier.VerifyAccess(t.Context(), token)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return access
}

// refused checks a failure: the reason, nothing said, nothing told.
func (h AccessTokensHarness) refused(t *testing.T, token domain.Secret, want domain.Error) {
	t.Helper()
	access, err := h.Verifier.VerifyAccess(t.Context(), token)
	wantReason(t, err, want)
	wantSilent(t, err, token.Reveal())
	if access.Issuer+access.Subject+access.TokenID != "" || access.Scope != nil {
		t.Errorf("it says %+v, want nothing", access)
	}
}

func accessTells(t *testing.T, h AccessTokensHarness) {
	token, want := h.Issue(t)
	h.wantAccess(t, token, want)
}

func accessReports(t *testing.T, h AccessTokensHarness) {
	token, want := h.Other(t)
	if !want.AuthenticatedAt.IsZero() {
		t.Fatal("the other token tells when its person signed in")
	}
	h.wantAccess(t, token, want)
}

func (h AccessTokensHarness) wantAccess(t *testing.T, token domain.Secret, want domain.AccessToken) {
	t.Helper()
	got := h.mustVerify(t, token)
	if got.TokenID == "" || got.TokenID == token.Reveal() || got.TokenID == token.Hash() {
		t.Errorf("token id = %q, want one that is neither the token nor a hash of all of it", got.TokenID)
	}
	if got.Issuer != want.Issuer || got.Subject != want.Subject || !slices.Equal(got.Scope, want.Scope) {
		t.Errorf("it says %+v, want %+v", got, want)
	}
	for what, times := range map[string][2]time.Time{"issued": {got.IssuedAt, want.IssuedAt}, "signed in": {got.AuthenticatedAt, want.AuthenticatedAt}} {
		if times[0].IsZero() != times[1].IsZero() || times[0].Sub(times[1]).Abs() > 2*time.Second {
			t.Errorf("%s at %s, want %s", what, times[0], times[1])
		}
	}
	wantSilent(t, got, token.Reveal())
}

func accessRepeats(t *testing.T, h AccessTokensHarness) {
	token, _ := h.Issue(t)
	if first, second := h.mustVerify(t, token), h.mustVerify(t, token); first.TokenID != second.TokenID {
		t.Errorf("its ids are %q and %q", first.TokenID, second.TokenID)
	}
}

func accessRespelled(t *testing.T, h AccessTokensHarness) {
	token, _ := h.Issue(t)
	want := h.mustVerify(t, token)
	for way, text := range respelled(token.Reveal()) {
		got, err := h.Verifier.VerifyAccess(t.Context(), domain.NewSecret(text))
		switch {
		case err != nil:
			wantReason(t, err, domain.ErrAccessTokenInvalid)
		case got.TokenID != want.TokenID:
			t.Errorf("%s: its id is %q, want %q or a refusal", way, got.TokenID, want.TokenID)
		}
	}
}

func accessKeepsApart(t *testing.T, h AccessTokensHarness) {
	one, _ := h.Issue(t)
	other, _ := h.Issue(t)
	if a, b := h.mustVerify(t, one), h.mustVerify(t, other); a.TokenID == b.TokenID {
		t.Errorf("two tokens share the id %q", a.TokenID)
	}
}

func accessRefuses(t *testing.T, h AccessTokensHarness) {
	for name, token := range h.Bad(t) {
		t.Run(name, func(t *testing.T) { h.refused(t, token, domain.ErrAccessTokenInvalid) })
	}
}

func (h AccessTokensHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	if trouble == nil {
		return
	}
	token, _ := h.Issue(t)
	trouble(t)
	h.refused(t, token, want)
}

func accessUnavailable(t *testing.T, h AccessTokensHarness) {
	h.meets(t, h.Stop, domain.ErrUnavailable)
}

func accessGarbled(t *testing.T, h AccessTokensHarness) { h.meets(t, h.Garble, domain.ErrUnavailable) }
func accessLocked(t *testing.T, h AccessTokensHarness)  { h.meets(t, h.Lock, "") }

func accessSilent(t *testing.T, h AccessTokensHarness) {
	token, _ := h.Issue(t)
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error {
		_, err := h.Verifier.VerifyAccess(ctx, token)
		return err
	})
}

func accessCancelled(t *testing.T, h AccessTokensHarness) {
	token, _ := h.Issue(t)
	_, err := h.Verifier.VerifyAccess(cancelled(t), token)
	wantDeparture(t, err)
}
