package portstest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// VerifierHarness is an IdentityVerifier under test, with an authority to ask.
type VerifierHarness struct {
	Verifier ports.IdentityVerifier
	// Prove runs a ceremony at the authority and returns its token and the identity
	// it proves. ProofID may be left empty: the suite compares it between ceremonies.
	// If the verifier tells e-mail addresses, Email must be set and verified.
	Prove func(t *testing.T) (domain.PasskeyToken, domain.Identity)
	// Other does the same for a ceremony that no policy admits: of somebody else, an
	// hour ago and, where the authority's tokens tell them, for another action and by
	// another method. Its AuthenticatedAt must be set. If the verifier tells e-mail
	// addresses, Email must be set and not verified.
	Other func(t *testing.T) (domain.PasskeyToken, domain.Identity)
	// Bad returns tokens that prove nobody, by what is wrong with them.
	Bad func(t *testing.T) map[string]domain.PasskeyToken
	// Ahead sets the authority's clock, by which ceremonies end, ahead of the
	// verifier's by d. What Prove says of the time goes on by the verifier's. It is nil
	// if the verifier reports no AuthenticatedAfter.
	Ahead func(t *testing.T, d time.Duration)
	// Secrets are the credentials that the bridge shows the authority, if any.
	Secrets []string

	// Lock makes the authority refuse the bridge itself, as after a lost key. It is
	// nil if the authority is shown no credential.
	Lock func(t *testing.T)
	// Limit makes the authority answer that its limit is reached. It is nil if it is
	// asked about no token.
	Limit func(t *testing.T)
	// Garble makes the authority answer what nobody understands, Hang nothing at all,
	// and Stop makes it unreachable. They are nil, all three, if it is never asked.
	Garble, Hang, Stop func(t *testing.T)
}

// IdentityVerifier tests the contract of ports.IdentityVerifier.
func IdentityVerifier(t *testing.T, start func(t *testing.T) VerifierHarness) {
	tests := map[string]func(*testing.T, VerifierHarness){
		"the harness tries everything":                            verifierKnobs,
		"a completed ceremony proves its person":                  verifierProves,
		"whatever the ceremony was, it is reported as it is":      verifierReports,
		"no ceremony is said to have ended later than it did":     verifierClock,
		"the same ceremony has the same proof id every time":      verifierRepeats,
		"another spelling of a token is no other proof":           verifierRespelled,
		"two ceremonies have different proof ids":                 verifierKeepsApart,
		"what proves nobody is rejected":                          verifierRejects,
		"a token that is altered anywhere is rejected":            verifierAltered,
		"an authority whose limit is reached is busy":             verifierBusy,
		"an authority that is away is no rejection":               verifierUnavailable,
		"an answer that nobody understands is no rejection":       verifierGarbled,
		"an authority that is silent is given up in time":         verifierSilent,
		"an authority that refuses the bridge is a fault of ours": verifierLocked,
		"a caller who leaves gets no verdict":                     verifierCancelled,
		"concurrent callers each get their own":                   verifierAtOnce,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func verifierKnobs(t *testing.T, h VerifierHarness) {
	asks := h.Lock != nil || h.Limit != nil || h.Garble != nil || h.Hang != nil || h.Stop != nil
	wantKnobs(t, map[string]bool{
		"Prove": h.Prove != nil, "Other": h.Other != nil, "Bad": h.Bad != nil && len(h.Bad(t)) > 0,
		"Garble": h.Garble != nil || !asks, "Hang": h.Hang != nil || !asks, "Stop": h.Stop != nil || !asks,
	})
	if t.Failed() {
		return
	}
	_, proven := h.Prove(t)
	if _, other := h.Other(t); !proven.Email.IsZero() && (!proven.EmailVerified || other.Email.IsZero() || other.EmailVerified) {
		t.Error("the harness does not try one e-mail address that is verified and one that is not")
	}
}

// mustVerify returns the identity without AuthenticatedAfter, which each answer of
// the authority's may tell anew.
func (h VerifierHarness) mustVerify(t *testing.T, token domain.PasskeyToken) domain.Identity {
	t.Helper()
	identity, err := h.Verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if h.Ahead == nil && !identity.AuthenticatedAfter.IsZero() {
		t.Error("it reports AuthenticatedAfter, and the harness has no Ahead to try that")
	}
	identity.AuthenticatedAfter = time.Time{}
	return identity
}

// refused checks a failure: the reason, no identity, nothing told.
func (h VerifierHarness) refused(t *testing.T, token domain.PasskeyToken, want domain.Error) {
	t.Helper()
	identity, err := h.Verifier.Verify(t.Context(), token)
	wantReason(t, err, want)
	wantSilent(t, err, append(h.Secrets, token.Reveal())...)
	if !identity.Equal(domain.Identity{}) {
		t.Errorf("identity = %+v, want none", identity)
	}
}

func verifierProves(t *testing.T, h VerifierHarness) {
	token, want := h.Prove(t)
	h.wantIdentity(t, token, want)
}

func verifierReports(t *testing.T, h VerifierHarness) {
	token, want := h.Other(t)
	if want.AuthenticatedAt.IsZero() {
		t.Fatal("the harness does not say when the other ceremony ended")
	}
	h.wantIdentity(t, token, want)
}

func (h VerifierHarness) wantIdentity(t *testing.T, token domain.PasskeyToken, want domain.Identity) {
	t.Helper()
	got := h.mustVerify(t, token)
	if got.Authority == "" || got.Subject == "" || got.ProofID == "" || got.AuthenticatedAt.IsZero() {
		t.Errorf("identity = %+v, want an authority, a subject, a proof id and a time", got)
	}
	if got.Subject != want.Subject || got.Action != want.Action || got.Method != want.Method {
		t.Errorf("identity = %+v, want subject %q, action %q, method %q", got, want.Subject, want.Action, want.Method)
	}
	if !want.AuthenticatedAt.IsZero() && got.AuthenticatedAt.Sub(want.AuthenticatedAt).Abs() >= time.Minute {
		t.Errorf("authenticated at %s, want %s", got.AuthenticatedAt, want.AuthenticatedAt)
	}
	if !got.Email.Equal(want.Email) || got.EmailVerified != want.EmailVerified {
		t.Errorf("email = %q, verified: %t, want %q, %t", got.Email.Reveal(), got.EmailVerified, want.Email.Reveal(), want.EmailVerified)
	}
	wantSilent(t, got, append(h.Secrets, token.Reveal(), got.Email.Reveal())...)
}

func verifierClock(t *testing.T, h VerifierHarness) {
	if h.Ahead == nil {
		return
	}
	for _, ahead := range []time.Duration{0, 10 * time.Second, 20 * time.Second} {
		h.Ahead(t, ahead)
		token, want := h.Prove(t)
		identity, err := h.Verifier.Verify(t.Context(), token)
		if err != nil {
			t.Fatalf("verify: %v", err)
		}
		switch after := identity.AuthenticatedAfter; {
		case after.IsZero():
			t.Error("it reports no AuthenticatedAfter, and the harness has Ahead to try that")
		case after.After(want.AuthenticatedAt):
			t.Errorf("with the authority's clock ahead by %s: not before %s, but it ended by %s", ahead, after, want.AuthenticatedAt)
		}
	}
}

func verifierRepeats(t *testing.T, h VerifierHarness) {
	token, _ := h.Prove(t)
	if first, second := h.mustVerify(t, token), h.mustVerify(t, token); !first.Equal(second) {
		t.Errorf("the same token gave %+v and %+v", first, second)
	}
}

// verifierRespelled writes a token in ways that a lenient decoder takes for the
// same: a second spelling must not be a second proof.
func verifierRespelled(t *testing.T, h VerifierHarness) {
	token, _ := h.Prove(t)
	want := h.mustVerify(t, token)
	for way, text := range respelled(token.Reveal()) {
		got, err := h.Verifier.Verify(t.Context(), mustParse(t, text))
		switch {
		case err != nil:
			wantReason(t, err, domain.ErrTokenRejected)
		case got.ProofID != want.ProofID:
			t.Errorf("%s: proof id %q, want %q or a rejection", way, got.ProofID, want.ProofID)
		}
	}
}

func respelled(token string) map[string]string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	ways := map[string]string{"with padding": token + "=", "with more padding": token + "=="}
	if last := strings.IndexByte(alphabet, token[len(token)-1]); last >= 0 {
		ways["with a bit after its end"] = token[:len(token)-1] + string(alphabet[last^1])
	}
	return ways
}

func verifierKeepsApart(t *testing.T, h VerifierHarness) {
	one, _ := h.Prove(t)
	other, _ := h.Prove(t)
	if a, b := h.mustVerify(t, one), h.mustVerify(t, other); a.ProofID == b.ProofID {
		t.Errorf("two ceremonies share the proof id %q", a.ProofID)
	}
}

func verifierRejects(t *testing.T, h VerifierHarness) {
	for name, token := range h.Bad(t) {
		t.Run(name, func(t *testing.T) { h.refused(t, token, domain.ErrTokenRejected) })
	}
}

// verifierAltered changes a character in the middle of each part of a token.
func verifierAltered(t *testing.T, h VerifierHarness) {
	token, _ := h.Prove(t)
	h.mustVerify(t, token)
	parts := strings.Split(token.Reveal(), ".")
	for i, part := range parts {
		if part == "" {
			continue
		}
		altered := []byte(part)
		if middle := len(part) / 2; altered[middle] != 'A' {
			altered[middle] = 'A'
		} else {
			altered[middle] = 'B'
		}
		text := strings.Join(slices.Concat(parts[:i], []string{string(altered)}, parts[i+1:]), ".")
		h.refused(t, mustParse(t, text), domain.ErrTokenRejected)
	}
}

func mustParse(t *testing.T, text string) domain.PasskeyToken {
	t.Helper()
	token, err := domain.ParsePasskeyToken(text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// meets verifies a good token when the authority is in trouble; a nil trouble
// cannot happen.
func (h VerifierHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	if trouble == nil {
		return
	}
	token, _ := h.Prove(t)
	trouble(t)
	h.refused(t, token, want)
}

func verifierBusy(t *testing.T, h VerifierHarness)        { h.meets(t, h.Limit, domain.ErrBusy) }
func verifierUnavailable(t *testing.T, h VerifierHarness) { h.meets(t, h.Stop, domain.ErrUnavailable) }
func verifierGarbled(t *testing.T, h VerifierHarness)     { h.meets(t, h.Garble, domain.ErrUnavailable) }
func verifierLocked(t *testing.T, h VerifierHarness)      { h.meets(t, h.Lock, "") }

func verifierSilent(t *testing.T, h VerifierHarness) {
	if h.Hang == nil {
		return
	}
	token, _ := h.Prove(t)
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error {
		_, err := h.Verifier.Verify(ctx, token)
		return err
	})
}

func verifierCancelled(t *testing.T, h VerifierHarness) {
	token, _ := h.Prove(t)
	_, err := h.Verifier.Verify(cancelled(t), token)
	wantDeparture(t, err)
}

func verifierAtOnce(t *testing.T, h VerifierHarness) {
	type proof struct {
		token domain.PasskeyToken
		want  domain.Identity
	}
	var proofs []proof
	for range callers / 2 {
		for _, prove := range []func(*testing.T) (domain.PasskeyToken, domain.Identity){h.Prove, h.Other} {
			token, _ := prove(t)
			proofs = append(proofs, proof{token, h.mustVerify(t, token)})
		}
	}
	atOnce(func(caller int) {
		got, err := h.Verifier.Verify(t.Context(), proofs[caller].token)
		got.AuthenticatedAfter = time.Time{}
		if err != nil || !got.Equal(proofs[caller].want) {
			t.Errorf("identity = %+v, err = %v, want %+v", got, err, proofs[caller].want)
		}
	})
}
