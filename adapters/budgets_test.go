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

// TestOverTheIssuersBudgetNothingIsClaimed holds that a sign-in over the budget stops
// before the guard and the issuer are asked.
func TestOverTheIssuersBudgetNothingIsClaimed(t *testing.T) {
	environ := minimal()
	environ["AUTH0_RATE_LIMIT"] = "0.001"
	o, f, guard := open(t, environ), newFake(nil), newFake(nil)
	o.in.Metrics = metrics.New()
	o.issuer = adapters.DecorateIssuer("auth0", adapters.OpenedIssuer{Issuer: f, Budget: o.issuer.Budget}, o.in)
	o.audit = adapters.OpenedAuditLog{AuditLog: &recorded{}}
	policies := adapters.NewSignInPolicies(o.config)
	identity := domain.Identity{
		Authority: policies[0].Authority, Subject: "auth0|jane", Action: policies[0].Action,
		Method: domain.MethodPasskey, ProofID: "ceremony-1", AuthenticatedAt: time.Now(),
	}
	exchange := adapters.NewExchange(proves{identity}, adapters.NewAdmission(o.issuer, o.audit, nil, o.in), guard, o.issuer, o.audit,
		policies, adapters.NewAccessPolicy(o.config), adapters.NewDeadline(o.config), time.Now, adapters.NewOwners(o.run))
	use := adapters.NewUseCases(o.config, exchange, nil, nil, nil, nil, nil, nil, o.issuer, nil, time.Now, o.in)

	other, release := o.issuer.Budget.Hold(t.Context())
	if err := o.issuer.Budget.Admit(other, identity); err != nil {
		t.Fatal(err)
	}
	_, err := use.Exchange.Execute(t.Context(), app.Exchange{})
	if !errors.Is(err, domain.ErrBusy) || domain.RetryAfterOf(err) == 0 {
		t.Errorf("err = %v, want %v and when to come back", err, domain.ErrBusy)
	}
	_, err = o.issuer.Renew(withTime(t, 10*time.Second), domain.Secret{}, domain.Access{}, domain.Client{})
	if !errors.Is(err, domain.ErrBusy) {
		t.Errorf("a renewal: err = %v, want %v", err, domain.ErrBusy)
	}
	if guard.calls["Claim"] != 0 || f.calls["Issue"]+f.calls["Renew"] != 0 {
		t.Errorf("the guard is asked %v and the issuer %v, want neither", guard.calls, f.calls)
	}
	wantMetric(t, o.in.Metrics, "native_bridge_issuer_budget_refusals_total 2", "native_bridge_issuer_budget_limit 0.001", "native_bridge_issuer_budget_waiting 0")

	release()
	for range 3 { // each gives back its turn, since the guard fails before the issuer is asked
		if _, err := use.Exchange.Execute(t.Context(), app.Exchange{}); errors.Is(err, domain.ErrBusy) {
			t.Errorf("within the budget: %v", err)
		}
	}
	if guard.calls["Claim"] != 3 {
		t.Errorf("the guard is asked %v, want 3 claims", guard.calls)
	}
}

func wantMetric(t *testing.T, m *metrics.Metrics, lines ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(metrics.Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range lines {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func withTime(t *testing.T, has time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), has)
	t.Cleanup(cancel)
	return ctx
}
