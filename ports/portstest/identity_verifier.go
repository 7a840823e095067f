package portstest

import (
	"errors"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
)

// VerifierHarness is an IdentityVerifier under test, with an authority to ask.
type VerifierHarness struct {
	Verifier ports.IdentityVerifier
	// Prove runs a ceremony at the authority and returns its token and the identity
	// it proves. ProofID may be left empty: the suite compares it between ceremonies.
	Prove func(t *testing.T) (domain.PasskeyToken, domain.Identity)
	// Bad returns tokens that prove nobody, by what is wrong with them.
	Bad func(t *testing.T) map[string]domain.PasskeyToken
	// Lock makes the authority refuse the bridge itself, as after a lost key.
	Lock func(t *testing.T)
	// Stop makes the authority unreachable.
	Stop func(t *testing.T)
}

// IdentityVerifier tests the contract of ports.IdentityVerifier.
func IdentityVerifier(t *testing.T, start func(t *testing.T) VerifierHarness) {
	tests := map[string]func(*testing.T, VerifierHarness){
		"a completed ceremony proves its person":                  verifierProves,
		"the same ceremony has the same proof id every time":      verifierRepeats,
		"two ceremonies have different proof ids":                 verifierKeepsApart,
		"what proves nobody is rejected":                          verifierRejects,
		"an authority that is away is no rejection":               verifierUnavailable,
		"an authority that refuses the bridge is a fault of ours": verifierLocked,
		"a caller who leaves gets no verdict":                     verifierCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func (h VerifierHarness) mustVerify(t *testing.T, token domain.PasskeyToken) domain.Identity {
	t.Helper()
	identity, err := h.Verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return identity
}

func verifierProves(t *testing.T, h VerifierHarness) {
	token, want := h.Prove(t)
	got := h.mustVerify(t, token)
	if got.Authority == "" || got.ProofID == "" || got.AuthenticatedAt.IsZero() {
		t.Errorf("identity = %+v, want an authority, a proof id and a time", got)
	}
	if got.Subject != want.Subject || got.Action != want.Action || got.Method != want.Method {
		t.Errorf("identity = %+v, want subject %q, action %q, method %q", got, want.Subject, want.Action, want.Method)
	}
	if !want.AuthenticatedAt.IsZero() && got.AuthenticatedAt.Sub(want.AuthenticatedAt).Abs().Seconds() >= 1 {
		t.Errorf("authenticated at %s, want %s", got.AuthenticatedAt, want.AuthenticatedAt)
	}
	wantSilent(t, got, token.Reveal())
}

func verifierRepeats(t *testing.T, h VerifierHarness) {
	token, _ := h.Prove(t)
	if first, second := h.mustVerify(t, token), h.mustVerify(t, token); first != second {
		t.Errorf("the same token gave %+v and %+v", first, second)
	}
}

func verifierKeepsApart(t *testing.T, h VerifierHarness) {
	one, _ := h.Prove(t)
	other, _ := h.Prove(t)
	if a, b := h.mustVerify(t, one), h.mustVerify(t, other); a.ProofID == b.ProofID {
		t.Errorf("two ceremonies share the proof id %q", a.ProofID)
	}
}

func verifierRejects(t *testing.T, h VerifierHarness) {
	bad := h.Bad(t)
	if len(bad) == 0 {
		t.Fatal("the harness has no bad tokens")
	}
	for name, token := range bad {
		t.Run(name, func(t *testing.T) {
			identity, err := h.Verifier.Verify(t.Context(), token)
			wantReason(t, err, domain.ErrTokenRejected)
			wantSilent(t, err, token.Reveal())
			if identity != (domain.Identity{}) {
				t.Errorf("identity = %+v, want none", identity)
			}
		})
	}
}

func verifierUnavailable(t *testing.T, h VerifierHarness) {
	token, _ := h.Prove(t)
	h.Stop(t)
	_, err := h.Verifier.Verify(t.Context(), token)
	wantReason(t, err, domain.ErrUnavailable)
	wantSilent(t, err, token.Reveal())
}

func verifierLocked(t *testing.T, h VerifierHarness) {
	if h.Lock == nil {
		return // a verifier that shows the authority no credential cannot be refused
	}
	token, _ := h.Prove(t)
	h.Lock(t)
	_, err := h.Verifier.Verify(t.Context(), token)
	wantReason(t, err, "")
	wantSilent(t, err, token.Reveal())
}

func verifierCancelled(t *testing.T, h VerifierHarness) {
	token, _ := h.Prove(t)
	_, err := h.Verifier.Verify(cancelled(t), token)
	wantDeparture(t, err)
	if errors.Is(err, domain.ErrTokenRejected) {
		t.Error("a caller who left was told that the token is rejected")
	}
}
