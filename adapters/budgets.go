package adapters

import (
	"context"

	"nativebridge/adapters/budget"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/metrics"
	"nativebridge/app"
	"nativebridge/domain"
)

// meterBudget adds the metrics of an issuer's budget, if there is one.
func meterBudget(b *budget.Budget, m *metrics.Metrics) {
	if b == nil {
		return
	}
	m.Gauge("issuer_budget_limit", "Requests that the issuer's tightest limit allows at once; 0 while none is known.",
		nil, func() float64 { return b.State().Limit })
	m.Gauge("issuer_budget_left", "Requests left of that limit.",
		nil, func() float64 { return b.State().Left })
	m.Gauge("issuer_budget_waiting", "Requests that wait for their turn at the issuer.",
		nil, func() float64 { return float64(b.State().Waiting) })
	m.Counter("issuer_budget_refusals_total", "Requests that were refused because their turn would have come too late.",
		nil, func() float64 { return float64(b.State().Refused) })
}

// budgetedExchange gives the turn of a sign-in back if it ends without asking the issuer.
type budgetedExchange struct {
	next   httpapi.Exchanger
	budget *budget.Budget
}

func (e budgetedExchange) Execute(ctx context.Context, asked app.Exchange) (domain.Session, error) {
	ctx, release := e.budget.Hold(ctx)
	defer release()
	return e.next.Execute(ctx, asked)
}

type budgetedIssuer struct {
	Issuer // revokes, which never waits, and tells its keys
	budget *budget.Budget
}

func (i budgetedIssuer) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	return budget.Spend(ctx, i.budget, budget.Issue, func(ctx context.Context) (domain.Session, error) { return i.Issuer.Issue(ctx, grant) })
}

func (i budgetedIssuer) Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, from domain.Client) (domain.Session, error) {
	return budget.Spend(ctx, i.budget, budget.Renew, func(ctx context.Context) (domain.Session, error) {
		return i.Issuer.Renew(ctx, refresh, asked, from)
	})
}
