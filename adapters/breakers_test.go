package adapters_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/metrics"
	"nativebridge/app"
	"nativebridge/domain"
)

// failing is an issuer and a verifier that give no answer, and count how often they are
// asked.
type failing struct {
	*fake
	err error
}

func (f failing) Verify(context.Context, domain.PasskeyToken) (domain.Identity, error) {
	f.call("Verify")
	return domain.Identity{}, f.err
}

func (f failing) Issue(context.Context, domain.Grant) (domain.Session, error) {
	f.call("Issue")
	return domain.Session{}, f.err
}

func (f failing) Renew(context.Context, domain.Secret, domain.Access, domain.Client) (domain.Session, error) {
	f.call("Renew")
	return domain.Session{}, f.err
}

func (f failing) Revoke(context.Context, domain.Secret) error {
	f.call("Revoke")
	return f.err
}

// away returns parties that give no answer, with breakers, and whatever else is needed.
func away(t *testing.T) (opened, failing) {
	t.Helper()
	f := failing{newFake(nil), domain.ErrUnavailable}
	o := open(t, minimal())
	o.in.Metrics = metrics.New()
	o.issuer = adapters.DecorateIssuer("auth0", adapters.OpenedIssuer{Issuer: f, Breakers: o.issuer.Breakers}, o.in)
	verifier := adapters.OpenedVerifier{IdentityVerifier: f, Breaker: o.verifiers["authsignal"].Breaker}
	o.verifiers = adapters.OpenedVerifiers{"authsignal": adapters.DecorateVerifier("authsignal", verifier, o.in)}
	return o, f
}

func TestAPartyThatGivesNoAnswerIsNotAsked(t *testing.T) {
	o, f := away(t)
	calls := o.calls()
	for method, call := range map[string]func(context.Context) error{
		"Verify": calls["IdentityVerifier"]["Verify"],
		"Issue":  calls["TokenIssuer"]["Issue"],
		"Renew":  calls["SessionRenewer"]["Renew"],
	} {
		for range 30 {
			if err := call(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
				t.Fatalf("%s: %v", method, err)
			}
		}
		if got := f.calls[method]; got != 20 {
			t.Errorf("%s: the party is asked %d times of 30, want 20", method, got)
		}
	}
}

func TestSessionsAreRenewedAndRevokedWhileNoneCanBeOpened(t *testing.T) {
	o, f := away(t)
	calls := o.calls()
	for range 30 {
		_ = calls["TokenIssuer"]["Issue"](t.Context())
		_ = calls["SessionRevoker"]["Revoke"](t.Context())
	}
	_ = calls["SessionRenewer"]["Renew"](t.Context())
	if f.calls["Issue"] != 20 || f.calls["Revoke"] != 30 || f.calls["Renew"] != 1 {
		t.Errorf("asked are %v, want that all but the opening goes on", f.calls)
	}
}

// TestWhileTheIssuerIsAwayNoProofIsClaimed holds that a sign-in which would be refused
// stops before the guard is asked.
func TestWhileTheIssuerIsAwayNoProofIsClaimed(t *testing.T) {
	o, f := away(t)
	policies := adapters.NewSignInPolicies(o.config)
	identity := domain.Identity{
		Authority: policies[0].Authority, Subject: "auth0|jane", Action: policies[0].Action,
		Method: domain.MethodPasskey, ProofID: "ceremony-1", AuthenticatedAt: time.Now(),
	}
	guard := newFake(nil)
	o.audit = adapters.OpenedAuditLog{AuditLog: &recorded{}}
	exchange := adapters.NewExchange(proves{identity}, adapters.NewAdmission(o.issuer, o.audit, nil, o.in), guard, o.issuer, o.audit,
		policies, adapters.NewAccessPolicy(o.config), adapters.NewDeadline(o.config), time.Now, adapters.NewOwners(o.run))
	for range 30 {
		_ = o.calls()["TokenIssuer"]["Issue"](t.Context())
	}
	before := f.calls["Issue"]
	_, err := exchange.Execute(t.Context(), app.Exchange{})
	if !errors.Is(err, domain.ErrUnavailable) || domain.RetryAfterOf(err) == 0 {
		t.Errorf("err = %v, want %v and when to come back", err, domain.ErrUnavailable)
	}
	if guard.calls["Claim"] != 0 || f.calls["Issue"] != before {
		t.Errorf("the guard is asked %d times and the issuer %d times more, want neither", guard.calls["Claim"], f.calls["Issue"]-before)
	}
}

// TestOnlyPartiesThatAreAskedEachTimeHaveABreaker: a verifier that keeps keys says
// "unavailable" to a flood of made-up key ids, so anybody could open its breaker.
func TestOnlyPartiesThatAreAskedEachTimeHaveABreaker(t *testing.T) {
	for name, choice := range choices() {
		o := open(t, choice.environ)
		for verifier, opened := range o.verifiers {
			if want := verifier == "authsignal"; (opened.Breaker != nil) != want {
				t.Errorf("%s: %s has a breaker: %t, want %t", name, verifier, opened.Breaker != nil, want)
			}
		}
		if o.issuer.Breakers.Issue == nil || o.issuer.Breakers.Renew == nil {
			t.Errorf("%s: the issuer lacks a breaker", name)
		}
	}
}

func TestBreakersCanBeOff(t *testing.T) {
	environ := minimal()
	environ["BREAKER"] = "off"
	o := open(t, environ)
	if got := adapters.Breakers(o.verifiers, o.issuer); len(got) != 0 {
		t.Errorf("there are %d breakers", len(got))
	}
}

func TestReadinessAndMetricsTellOfBreakers(t *testing.T) {
	o, _ := away(t)
	for range 30 {
		_ = o.calls()["TokenIssuer"]["Issue"](t.Context())
	}
	w := httptest.NewRecorder()
	o.in.Metrics.Handler(metrics.Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`native_bridge_breaker_state{call="issue",upstream="auth0"} 2`,
		`native_bridge_breaker_state{call="renew",upstream="auth0"} 0`,
		`native_bridge_breaker_state{call="verify",upstream="authsignal"} 0`,
		`native_bridge_breaker_refusals_total{call="issue",upstream="auth0"} 10`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	told := map[string]string{}
	for _, b := range adapters.Breakers(o.verifiers, o.issuer) {
		told[b.Name()] = b.String()
	}
	if len(told) != 3 || told["authsignal verify"] != "closed" || told["auth0 renew"] != "closed" || !strings.HasPrefix(told["auth0 issue"], "open since ") {
		t.Errorf("readiness tells %v", told)
	}
}
