package adapters_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/adapters"
	streams "nativebridge/adapters/internal/lines"
	"nativebridge/adapters/memory"
	"nativebridge/app"
	"nativebridge/domain"
)

// disk takes what is written to it, or is full.
type disk struct{ full atomic.Bool }

func (d *disk) Write(text []byte) (int, error) {
	if d.full.Load() {
		return 0, errors.New("no space left on device")
	}
	return len(text), nil
}

// openAuditing opens the fake in the place of every adapter but the audit log, which
// writes to out.
func openAuditing(t *testing.T, f *fake, out io.Writer, required string) opened {
	t.Helper()
	environ := minimal()
	environ["AUDIT_REQUIRED"] = required
	o := f.opened(t)
	var err error
	if o.config, err = adapters.LoadConfig(environ); err != nil {
		t.Fatal(err)
	}
	o.run.Audit, o.run.Log = out, slog.New(slog.DiscardHandler)
	var closeAudit func()
	o.audit, closeAudit = adapters.OpenAuditLog(o.config, o.run, o.in)
	t.Cleanup(closeAudit)
	o.admission = adapters.NewAdmission(o.issuer, o.audit, nil, o.in)
	return o
}

func TestWhileNothingCanBeRecordedOnlyRevocationsAreBegunIfItMustBe(t *testing.T) {
	for required, begun := range map[string]bool{"true": false, "false": true} {
		t.Run("AUDIT_REQUIRED="+required, func(t *testing.T) {
			f, out := newFake(nil), &disk{}
			out.full.Store(true)
			o := openAuditing(t, f, out, required)
			_ = o.audit.Record(t.Context(), domain.Attempt{Event: domain.EventExchange}) // the first that fails
			_, exchanged := o.exchange(f).Execute(t.Context(), app.Exchange{})
			_, renewed := o.renewal().Execute(t.Context(), app.Renewal{Refresh: domain.NewSecret("refresh")})
			revoked := o.revocation().Execute(t.Context(), app.Revocation{Refresh: domain.NewSecret("refresh")})

			for what, err := range map[string]error{"exchange": exchanged, "renewal": renewed} {
				if refused := errors.Is(err, domain.ErrUnavailable) && strings.Contains(err.Error(), "AUDIT_REQUIRED"); refused == begun {
					t.Errorf("%s: err = %v, want it begun: %t", what, err, begun)
				}
			}
			for method, want := range map[string]bool{"Claim": begun, "Renew": begun, "Revoke": true} {
				if got := f.calls[method] > 0; got != want {
					t.Errorf("%s was called: %t, want %t", method, got, want)
				}
			}
			if !errors.Is(revoked, errFake) {
				t.Errorf("revocation: err = %v, want the issuer's own", revoked)
			}
		})
	}
}

// What is refused is recorded too, so the end of the trouble is found without help.
func TestTheFirstRefusalThatIsRecordedLetsTheNextSignInThrough(t *testing.T) {
	f, out := newFake(nil), &disk{}
	out.full.Store(true)
	o := openAuditing(t, f, out, "true")
	_ = o.audit.Record(t.Context(), domain.Attempt{Event: domain.EventExchange})
	out.full.Store(false)
	if _, err := o.exchange(f).Execute(t.Context(), app.Exchange{}); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("err = %v, want the first refused", err)
	}
	if _, err := o.exchange(f).Execute(t.Context(), app.Exchange{}); f.calls["Claim"] != 1 {
		t.Errorf("err = %v, want the next let through", err)
	}
}

// proven verifies every token, and leaves the rest to the fake.
type proven struct {
	*fake
	identity domain.Identity
}

func (p proven) Verify(context.Context, domain.PasskeyToken) (domain.Identity, error) {
	return p.identity, nil
}

func (o opened) exchange(f *fake) *app.ExchangePasskeyForSession {
	policies := adapters.NewSignInPolicies(o.config)
	identity := domain.Identity{
		Authority: policies[0].Authority, Subject: "auth0|jane", Action: policies[0].Action,
		Method: domain.MethodPasskey, ProofID: "ceremony-1", AuthenticatedAt: time.Now(),
	}
	return adapters.NewExchange(proven{f, identity}, o.admission, o.guard, o.issuer, o.audit, policies,
		adapters.NewAccessPolicy(o.config), adapters.NewDeadline(o.config), time.Now, adapters.NewOwners(o.run))
}

func (o opened) renewal() *app.RenewSession {
	return adapters.NewRenewal(o.issuer, adapters.NewRenewOnce(o.config, memory.NewRenewalMemory(time.Now, 1<<20), time.Now, adapters.NewOwners(o.run)), o.audit,
		adapters.NewAccessPolicy(o.config), adapters.NewDeadline(o.config), time.Now)
}

func (o opened) revocation() *app.RevokeSession {
	return adapters.NewRevocation(o.issuer, app.RenewOnce{}, o.audit, adapters.NewDeadline(o.config), time.Now)
}

// A panic of the audit log loses the attempt.
func TestAPanicOfTheAuditLogFailsAnAttemptOnlyIfItMustBeOnRecord(t *testing.T) {
	for name, required := range map[string]bool{"as it is": false, "required": true} {
		t.Run(name, func(t *testing.T) {
			f := newFake(func() { panic(thrownSecret) })
			o := f.opened(t)
			o.audit = adapters.DecorateAuditLog(adapters.OpenedAuditLog{
				AuditLog: f, Stream: func() streams.Status { return streams.Status{} }, Required: required,
			}, o.in)
			if err := o.audit.Record(t.Context(), domain.Attempt{}); (err != nil) != required {
				t.Errorf("err = %v, want one: %t", err, required)
			}
		})
	}
}
