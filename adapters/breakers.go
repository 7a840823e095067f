package adapters

import (
	"context"

	"nativebridge/adapters/breaker"
	"nativebridge/adapters/metrics"
	"nativebridge/domain"
	"nativebridge/ports"
)

// IssuerBreakers are the breakers of an issuer. It has two, because it can fail to open
// sessions and renew them well: Auth0 cannot open one while its Login script gets no
// answer from Authsignal. Revocations clean up and are always tried, and keys are cached.
// Each is nil if there is none.
type IssuerBreakers struct{ Issue, Renew *breaker.Breaker }

// Breaker returns a breaker of one kind of call to the adapter's party, or nil with
// BREAKER=off.
func (o Opening) Breaker(call string) *breaker.Breaker {
	if !o.Config.Breaker.On {
		return nil
	}
	return breaker.New(o.Name, call, o.Instruments.Log)
}

// IssuerBreakers returns the breakers of an issuer.
func (o Opening) IssuerBreakers() IssuerBreakers {
	return IssuerBreakers{Issue: o.Breaker("issue"), Renew: o.Breaker("renew")}
}

// Breakers returns the breakers that there are of the verifiers and the issuer.
func Breakers(verifiers OpenedVerifiers, issuer OpenedIssuer) []*breaker.Breaker {
	all := []*breaker.Breaker{issuer.Breakers.Issue, issuer.Breakers.Renew}
	for _, verifier := range verifiers {
		all = append(all, verifier.Breaker)
	}
	var list []*breaker.Breaker
	for _, one := range all {
		if one != nil {
			list = append(list, one)
		}
	}
	return list
}

// meterBreaker adds the metrics of a breaker, if there is one.
func meterBreaker(b *breaker.Breaker, m *metrics.Metrics) {
	if b == nil {
		return
	}
	labels := metrics.Labels{"upstream": b.Upstream(), "call": b.Call()}
	m.Gauge("breaker_state", "Whether a party is asked: 0 closed (it is), 1 half-open (one caller tries), 2 open (it is not).",
		labels, func() float64 { return float64(b.State()) })
	m.Counter("breaker_refusals_total", "Calls that were not made because the breaker was open.",
		labels, func() float64 { return float64(b.Refused()) })
}

type breakingVerifier struct {
	next    ports.IdentityVerifier
	breaker *breaker.Breaker
}

func (v breakingVerifier) Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error) {
	return breaker.Ask(ctx, v.breaker, func() (domain.Identity, error) { return v.next.Verify(ctx, token) })
}

type breakingIssuer struct {
	Issuer   // revokes, and tells its keys
	breakers IssuerBreakers
}

func (i breakingIssuer) Issue(ctx context.Context, grant domain.Grant) (domain.Session, error) {
	return breaker.Ask(ctx, i.breakers.Issue, func() (domain.Session, error) { return i.Issuer.Issue(ctx, grant) })
}

func (i breakingIssuer) Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, from domain.Client) (domain.Session, error) {
	return breaker.Ask(ctx, i.breakers.Renew, func() (domain.Session, error) { return i.Issuer.Renew(ctx, refresh, asked, from) })
}
