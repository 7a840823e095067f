package portstest

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// IssuerHarness is a TokenIssuer under test, with an identity provider behind it.
type IssuerHarness struct {
	Issuer ports.TokenIssuer
	// Grant returns a grant that the provider honours. Every call is another proof,
	// and of another person where that is no trouble.
	Grant func(t *testing.T) domain.Grant
	// Opened returns the access token that the provider gave out last. It is nil if
	// the provider cannot tell.
	Opened func(t *testing.T) domain.Secret
	// Told returns the client address that the provider was told last, as text and
	// "" for none. It is nil if the issuer never tells one.
	Told func(t *testing.T) string
	// Swap makes the provider open the next session for somebody else.
	Swap func(t *testing.T)
	// Widen makes the provider grant the next session one scope more than it is asked
	// for, and returns that scope.
	Widen func(t *testing.T) string
	// Refuse makes the provider refuse the person of the next grant, for the reason
	// that it must then give: ErrAccessDenied at least.
	Refuse map[domain.Error]func(t *testing.T)
	// Spoil makes the ID token of the next session one that must not verify, each
	// function in its own way, and each of these at least: no_id_token, id_unsigned,
	// id_foreign_key (under an id that is published), id_unknown_key, id_wrong_issuer,
	// id_wrong_audience, id_expired, id_issued_in_future.
	Spoil map[string]func(t *testing.T)
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

// TokenIssuer tests the contract of ports.TokenIssuer.
func TokenIssuer(t *testing.T, start func(t *testing.T) IssuerHarness) {
	t.Run("a refusal has its reason and gives no session", func(t *testing.T) { issuerRefuses(t, start) })
	t.Run("a session that does not verify is a fault of ours", func(t *testing.T) { issuerSpoiled(t, start) })
	tests := map[string]func(*testing.T, IssuerHarness){
		"the harness tries everything":                          issuerKnobs,
		"a grant becomes a session of the person in it":         issuerIssues,
		"a session tells the subject that its ID token has":     issuerReports,
		"a session tells the scope that was granted":            issuerTellsScope,
		"an address that is not known is not told":              issuerTellsNoAddress,
		"a provider that refuses the bridge is a fault of ours": issuerLocked,
		"a provider whose limit is reached is busy":             issuerBusy,
		"a provider that is away is unavailable":                issuerUnavailable,
		"an answer that nobody understands is no verdict":       issuerGarbled,
		"a provider that is silent is given up in time":         issuerSilent,
		"a caller who leaves gets no verdict":                   issuerCancelled,
		"concurrent callers each get their own":                 issuerAtOnce,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func issuerKnobs(t *testing.T, h IssuerHarness) {
	knobs := map[string]bool{
		"Grant": h.Grant != nil, "Swap": h.Swap != nil, "Widen": h.Widen != nil, "Secrets": len(h.Secrets) > 0, "Lock": h.Lock != nil,
		"Limit": h.Limit != nil, "Garble": h.Garble != nil, "Hang": h.Hang != nil, "Stop": h.Stop != nil,
		"Refuse of access_denied": h.Refuse[domain.ErrAccessDenied] != nil,
	}
	for _, way := range []string{
		"no_id_token", "id_unsigned", "id_foreign_key", "id_unknown_key", "id_wrong_issuer", "id_wrong_audience",
		"id_expired", "id_issued_in_future",
	} {
		knobs["Spoil of "+way] = h.Spoil[way] != nil
	}
	wantKnobs(t, knobs)
}

// refused checks a failure: the reason, no session, nothing told.
func (h IssuerHarness) refused(t *testing.T, grant domain.Grant, want domain.Error) {
	t.Helper()
	session, err := h.Issuer.Issue(t.Context(), grant)
	wantReason(t, err, want)
	wantSilent(t, err, append(h.Secrets, grant.Token.Reveal())...)
	wantNoSession(t, session)
}

func wantNoSession(t *testing.T, session domain.Session) {
	t.Helper()
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
	if session.AccessToken.IsZero() || session.IDToken.IsZero() || session.ExpiresIn <= 0 || session.ExpiresIn%time.Second != 0 {
		t.Errorf("session = %+v, want access token, ID token and expiry in whole seconds", session)
	}
	if h.Opened != nil && !session.AccessToken.Equal(h.Opened(t)) {
		t.Error("the access token is not the provider's own")
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

func issuerTellsScope(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	more := h.Widen(t)
	session, err := h.Issuer.Issue(t.Context(), grant)
	wantScope(t, session, err, more)
}

// wantScope fails the test unless a session with more scope says so, or is a
// fault.
func wantScope(t *testing.T, session domain.Session, err error, more string) {
	t.Helper()
	switch reason, known := domain.ReasonOf(err); {
	case err != nil && known:
		t.Errorf("err = %v (reason %q), want a session that tells its scope, or a fault", err, reason)
	case err == nil && !slices.Contains(session.Scope, more):
		t.Errorf("scope = %q, but %q was granted too", session.Scope, more)
	}
}

func issuerTellsNoAddress(t *testing.T, h IssuerHarness) {
	if h.Told == nil {
		return
	}
	known, unknown := h.Grant(t), h.Grant(t)
	known.Client, unknown.Client = domain.Client{Addr: netip.MustParseAddr("81.2.69.160")}, domain.Client{}
	for _, tt := range []struct {
		grant domain.Grant
		want  string
	}{{known, "81.2.69.160"}, {unknown, ""}} {
		if _, err := h.Issuer.Issue(t.Context(), tt.grant); err != nil {
			t.Fatal(err)
		}
		if told := h.Told(t); told != tt.want {
			t.Errorf("for %s the provider was told the address %q", tt.grant.Client.Addr, told)
		}
	}
}

func issuerRefuses(t *testing.T, start func(t *testing.T) IssuerHarness) {
	for reason := range start(t).Refuse {
		t.Run(string(reason), func(t *testing.T) {
			if !slices.Contains([]domain.Error{domain.ErrAccessDenied, domain.ErrMFARequired, domain.ErrAccountBlocked}, reason) {
				t.Errorf("%q is no refusal of a person", reason)
			}
			h := start(t)
			grant := h.Grant(t)
			h.Refuse[reason](t)
			h.refused(t, grant, reason)
		})
	}
}

func issuerSpoiled(t *testing.T, start func(t *testing.T) IssuerHarness) {
	for way := range maps.Keys(start(t).Spoil) {
		t.Run(way, func(t *testing.T) {
			h := start(t)
			grant := h.Grant(t)
			h.Spoil[way](t)
			h.refused(t, grant, "")
		})
	}
}

// meets opens a session when the provider is in trouble.
func (h IssuerHarness) meets(t *testing.T, trouble func(*testing.T), want domain.Error) {
	t.Helper()
	grant := h.Grant(t)
	trouble(t)
	h.refused(t, grant, want)
}

func issuerLocked(t *testing.T, h IssuerHarness)      { h.meets(t, h.Lock, "") }
func issuerBusy(t *testing.T, h IssuerHarness)        { h.meets(t, h.Limit, domain.ErrBusy) }
func issuerUnavailable(t *testing.T, h IssuerHarness) { h.meets(t, h.Stop, domain.ErrUnavailable) }
func issuerGarbled(t *testing.T, h IssuerHarness)     { h.meets(t, h.Garble, domain.ErrUnavailable) }

func issuerSilent(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	h.Hang(t)
	wantInTime(t, func(ctx context.Context) error {
		_, err := h.Issuer.Issue(ctx, grant)
		return err
	})
}

func issuerCancelled(t *testing.T, h IssuerHarness) {
	grant := h.Grant(t)
	session, err := h.Issuer.Issue(cancelled(t), grant)
	wantDeparture(t, err)
	wantNoSession(t, session)
}

func issuerAtOnce(t *testing.T, h IssuerHarness) {
	var grants [callers]domain.Grant
	for caller := range grants {
		grants[caller] = h.Grant(t)
	}
	atOnce(func(caller int) {
		session, err := h.Issuer.Issue(t.Context(), grants[caller])
		if err != nil || session.Subject != grants[caller].Identity.Subject {
			t.Errorf("a session of %q, err = %v, want one of %q", session.Subject, err, grants[caller].Identity.Subject)
		}
	})
}
