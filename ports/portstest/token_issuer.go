package portstest

import (
	"maps"
	"slices"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
)

// IssuerHarness is a TokenIssuer under test, with an identity provider behind it.
type IssuerHarness struct {
	Issuer ports.TokenIssuer
	// Grant returns a grant that the provider honours. Every call is another proof.
	Grant func(t *testing.T) domain.Grant
	// Swap makes the provider open the next session for somebody else.
	Swap func(t *testing.T)
	// Refuse makes the provider refuse the person of the next grant, for the reason
	// that it must then give.
	Refuse map[domain.Error]func(t *testing.T)
	// Spoil makes the ID token of the next session one that must not verify, each
	// function in its own way.
	Spoil map[string]func(t *testing.T)
	// Lock makes the provider refuse the bridge itself.
	Lock func(t *testing.T)
	// Stop makes the provider unreachable.
	Stop func(t *testing.T)
}

// TokenIssuer tests the contract of ports.TokenIssuer.
func TokenIssuer(t *testing.T, start func(t *testing.T) IssuerHarness) {
	t.Run("a refusal has its reason and gives no session", func(t *testing.T) { issuerRefuses(t, start) })
	t.Run("a session that does not verify is a fault of ours", func(t *testing.T) { issuerSpoiled(t, start) })
	tests := map[string]func(*testing.T, IssuerHarness){
		"a grant becomes a session of the person in it":         issuerIssues,
		"a session tells the subject that its ID token has":     issuerReports,
		"a provider that refuses the bridge is a fault of ours": issuerLocked,
		"a provider that is away is unavailable":                issuerUnavailable,
		"a caller who leaves gets no verdict":                   issuerCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

// refused checks a failure: the reason, no session, nothing told.
func (h IssuerHarness) refused(t *testing.T, grant domain.Grant, want domain.Error) {
	t.Helper()
	session, err := h.Issuer.Issue(t.Context(), grant)
	wantReason(t, err, want)
	wantSilent(t, err, grant.Token.Reveal())
	if session.Subject != "" || !session.AccessToken.IsZero() || !session.IDToken.IsZero() || !session.RefreshToken.IsZero() {
		t.Errorf("session = %+v, want none", session)
	}
}

func issuerIssues(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	session, err := h.Issuer.Issue(t.Context(), grant)
	if err != nil {
		t.Fatal(err)
	}
	if session.Subject != grant.Identity.Subject {
		t.Errorf("subject = %q, want %q", session.Subject, grant.Identity.Subject)
	}
	if session.AccessToken.IsZero() || session.IDToken.IsZero() || session.ExpiresIn <= 0 {
		t.Errorf("session = %+v, want access token, ID token and expiry", session)
	}
	if !slices.Contains(session.Scope, domain.ScopeOpenID) {
		t.Errorf("scope = %q, want openid in it", session.Scope)
	}
	wantSilent(t, session, session.AccessToken.Reveal(), session.IDToken.Reveal(), session.RefreshToken.Reveal())
}

func issuerReports(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	h.Swap(t)
	session, err := h.Issuer.Issue(t.Context(), grant)
	if err == nil && session.Subject == grant.Identity.Subject {
		t.Error("the issuer reports the subject it asked for, and not the one of the ID token")
	}
	if reason, known := domain.ReasonOf(err); err != nil && known {
		t.Errorf("err = %v (reason %q), want a session of somebody else, or a fault", err, reason)
	}
}

func issuerRefuses(t *testing.T, start func(t *testing.T) IssuerHarness) {
	reasons := slices.Collect(maps.Keys(start(t).Refuse))
	if len(reasons) == 0 {
		t.Fatal("the harness knows no refusal")
	}
	for _, reason := range reasons {
		t.Run(string(reason), func(t *testing.T) {
			h := start(t)
			grant := h.Grant(t)
			h.Refuse[reason](t)
			h.refused(t, grant, reason)
		})
	}
}

func issuerSpoiled(t *testing.T, start func(t *testing.T) IssuerHarness) {
	ways := slices.Collect(maps.Keys(start(t).Spoil))
	if len(ways) == 0 {
		t.Fatal("the harness spoils no ID token")
	}
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			h := start(t)
			grant := h.Grant(t)
			h.Spoil[way](t)
			h.refused(t, grant, "")
		})
	}
}

func issuerLocked(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	h.Lock(t)
	h.refused(t, grant, "")
}

func issuerUnavailable(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	h.Stop(t)
	h.refused(t, grant, domain.ErrUnavailable)
}

func issuerCancelled(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	session, err := h.Issuer.Issue(cancelled(t), grant)
	wantDeparture(t, err)
	if !session.AccessToken.IsZero() {
		t.Error("a session was returned to a caller who left")
	}
}

// RevokerHarness is a SessionRevoker under test.
type RevokerHarness struct {
	Revoker ports.SessionRevoker
	// Open opens a session and returns its refresh token, and whether it still works.
	Open func(t *testing.T) (refresh domain.Secret, alive func(t *testing.T) bool)
	// Stop makes the provider unreachable.
	Stop func(t *testing.T)
}

// SessionRevoker tests the contract of ports.SessionRevoker.
func SessionRevoker(t *testing.T, start func(t *testing.T) RevokerHarness) {
	t.Run("a revoked session is over", func(t *testing.T) {
		h := start(t)
		refresh, alive := h.Open(t)
		if err := h.Revoker.Revoke(t.Context(), refresh); err != nil {
			t.Fatal(err)
		}
		if alive(t) {
			t.Error("its refresh token still works")
		}
	})
	t.Run("revoking twice succeeds", func(t *testing.T) {
		h := start(t)
		refresh, _ := h.Open(t)
		for range 2 {
			if err := h.Revoker.Revoke(t.Context(), refresh); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("revoking an unknown token succeeds", func(t *testing.T) {
		if err := start(t).Revoker.Revoke(t.Context(), domain.NewSecret("unknown-refresh-token")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a provider that is away is unavailable", func(t *testing.T) {
		h := start(t)
		refresh, _ := h.Open(t)
		h.Stop(t)
		err := h.Revoker.Revoke(t.Context(), refresh)
		wantReason(t, err, domain.ErrUnavailable)
		wantSilent(t, err, refresh.Reveal())
	})
}
