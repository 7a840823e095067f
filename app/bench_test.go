package app_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"nativebridge/app"
	"nativebridge/domain"
)

// agreeable stands for all parties, and says yes to everything.
type agreeable struct {
	identity domain.Identity
	session  domain.Session
}

func (a agreeable) Verify(context.Context, domain.PasskeyToken) (domain.Identity, error) {
	return a.identity, nil
}

func (a agreeable) Issue(context.Context, domain.Grant) (domain.Session, error) {
	return a.session, nil
}
func (agreeable) Admit(context.Context, domain.Identity) error { return nil }
func (agreeable) Claim(context.Context, domain.Claim) error    { return nil }
func (agreeable) Release(context.Context, domain.Claim) error  { return nil }
func (agreeable) Revoke(context.Context, domain.Secret) error  { return nil }
func (agreeable) Record(context.Context, domain.Attempt) error { return nil }

// BenchmarkExecute is an exchange in which nobody else has anything to do.
func BenchmarkExecute(b *testing.B) {
	token, err := domain.ParsePasskeyToken("header.payload.signature")
	if err != nil {
		b.Fatal(err)
	}
	yes := agreeable{
		identity: domain.Identity{Authority: "authority", Subject: "auth0|jane", Action: "signIn", Method: domain.MethodPasskey,
			ProofID: "proof-1", AuthenticatedAt: now.Add(-time.Minute), AuthenticatedAfter: now.Add(-time.Minute)},
		session: domain.Session{Subject: "auth0|jane", AccessToken: domain.NewSecret("access"), Scope: []string{"openid", "profile"}},
	}
	exchange := &app.ExchangePasskeyForSession{
		Verifier: yes, Admission: yes, Guard: yes, Issuer: yes, Revoker: yes, Audit: yes,
		SignIn: domain.SignInPolicies{{Authority: "authority", Action: "signIn", MaxAge: 10 * time.Minute, Skew: 30 * time.Second,
			Subjects: domain.SubjectRule{Prefix: "auth0|"}}},
		Access:   domain.AccessPolicy{Default: domain.Access{Scope: []string{"openid", "profile"}}},
		Deadline: 10 * time.Second,
		Now:      func() time.Time { return now },
		NewOwner: func() domain.Owner { return domain.Owner{1} },
	}
	asked := app.Exchange{Token: token, Client: domain.Client{Addr: netip.MustParseAddr("203.0.113.7"), UserAgent: "app/1", RequestID: "req-1"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := exchange.Execute(b.Context(), asked); err != nil {
			b.Fatal(err)
		}
	}
}
