package adapters_test

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/httpapi"
	streams "nativebridge/adapters/internal/lines"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/memory"
	"nativebridge/adapters/metrics"
	"nativebridge/app"
	"nativebridge/domain"
)

// fake is every port at once. It counts the calls of its methods, keeps the contexts of
// those that are steps of a use case, and panics if thrown is set.
type fake struct {
	mu     sync.Mutex
	calls  map[string]int
	steps  []context.Context
	thrown func()
}

func newFake(thrown func()) *fake { return &fake{calls: map[string]int{}, thrown: thrown} }

func (f *fake) call(method string, of ...context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
	f.steps = append(f.steps, of...)
	if f.thrown != nil {
		f.thrown()
	}
}

var errFake = errors.New("the fake's own")

func (f *fake) Verify(ctx context.Context, _ domain.PasskeyToken) (domain.Identity, error) {
	f.call("Verify", ctx)
	return domain.Identity{}, errFake
}

func (f *fake) Issue(ctx context.Context, _ domain.Grant) (domain.Session, error) {
	f.call("Issue", ctx)
	return domain.Session{}, errFake
}

func (f *fake) Renew(ctx context.Context, _ domain.Secret, _ domain.Access, _ domain.Client) (domain.Session, error) {
	f.call("Renew", ctx)
	return domain.Session{}, errFake
}

func (f *fake) Revoke(ctx context.Context, _ domain.Secret) error {
	f.call("Revoke", ctx)
	return errFake
}

func (f *fake) VerifyAccess(ctx context.Context, _ domain.Secret) (domain.AccessToken, error) {
	f.call("VerifyAccess", ctx)
	return domain.AccessToken{}, errFake
}

func (f *fake) Enrol(ctx context.Context, _ string, _ domain.Client) (domain.Secret, error) {
	f.call("Enrol", ctx)
	return domain.Secret{}, errFake
}

func (f *fake) Passkeys(ctx context.Context, _ string) ([]domain.Passkey, error) {
	f.call("Passkeys", ctx)
	return nil, errFake
}

func (f *fake) RemovePasskey(ctx context.Context, _, _ string) error {
	f.call("RemovePasskey", ctx)
	return errFake
}

func (f *fake) JWKS(context.Context) ([]byte, error) {
	f.call("JWKS")
	return nil, errFake
}

func (f *fake) AssertionJWKS() []byte {
	f.call("AssertionJWKS")
	return nil
}

func (f *fake) Claim(ctx context.Context, _ domain.Claim) error {
	f.call("Claim", ctx)
	return errFake
}

func (f *fake) Release(ctx context.Context, _ domain.Claim) error {
	f.call("Release", ctx)
	return errFake
}

func (f *fake) Begin(ctx context.Context, _ domain.Turn) (domain.Standing, error) {
	f.call("Begin", ctx)
	return domain.Standing{}, errFake
}

func (f *fake) Keep(ctx context.Context, _ domain.Turn, _ []byte, _ time.Duration) ([]byte, error) {
	f.call("Keep", ctx)
	return nil, errFake
}

func (f *fake) Refuse(ctx context.Context, _ domain.Turn, _ []byte, _ time.Duration) error {
	f.call("Refuse", ctx)
	return errFake
}

func (f *fake) Forget(ctx context.Context, _ domain.RenewalName) error {
	f.call("Forget", ctx)
	return errFake
}

func (f *fake) Mark(ctx context.Context, _ string, _ time.Time) error {
	f.call("Mark", ctx)
	return errFake
}

func (f *fake) Ended(ctx context.Context, _ domain.Lineage) (bool, error) {
	f.call("Ended", ctx)
	return false, errFake
}

func (f *fake) Has(ctx context.Context, _ string, _ time.Time) (bool, error) {
	f.call("Has", ctx)
	return false, errFake
}

func (f *fake) End(ctx context.Context, _ string, _ time.Time) error {
	f.call("End", ctx)
	return errFake
}

func (f *fake) Admit(ctx context.Context, _ domain.Identity) error {
	f.call("Admit", ctx)
	return errFake
}

func (f *fake) Record(ctx context.Context, _ domain.Attempt) error {
	f.call("Record", ctx)
	return errFake
}

func (f *fake) Warm(context.Context) error {
	f.call("Warm")
	return errFake
}

func (f *fake) Stream() streams.Status { f.call("Stream"); return streams.Status{} }

// party is the fake as somebody whose trouble is told.
type party struct {
	*fake
	name string
}

func (p party) Name() string { return p.name }

func (p party) Trouble() *upstream.Trouble { p.call("Trouble of " + p.name); return nil }

func (p party) KeepWarm(context.Context, func(context.Context) error) {
	p.call("KeepWarm of " + p.name)
}

// opened returns the fake in the place of every adapter.
func (f *fake) opened(t *testing.T) opened {
	t.Helper()
	o := open(t, minimal())
	o.verifiers = adapters.OpenedVerifiers{"authsignal": {f, f.Warm, party{f, "verifier"}, nil, nil, f, nil, f}}
	o.issuer = adapters.OpenedIssuer{Issuer: f, AssertionKeys: f, Warm: f.Warm, Party: party{f, "issuer"}, Ender: f}
	o.store, o.admission, o.guard, o.renewals, o.tokens, o.ended = adapters.OpenedStore{Party: party{f, "store"}}, f, f, f, f, f
	o.audit = adapters.OpenedAuditLog{AuditLog: f, Stream: f.Stream, Required: true}
	return o
}

// wrapped returns what is opened with every wrapper around it once more.
func (o opened) wrapped(log *slog.Logger) opened {
	in := o.in
	in.Log, in.Metrics = log, metrics.New()
	in.Observers = append(in.Observers, ignorant{})
	verifiers := adapters.OpenedVerifiers{}
	for name, verifier := range o.verifiers {
		verifiers[name] = adapters.DecorateVerifier(name, verifier, in)
	}
	o.verifiers = verifiers
	o.issuer = adapters.DecorateIssuer("issuer", o.issuer, in)
	o.admission = adapters.DecorateAdmission(o.admission, in)
	o.guard = adapters.DecorateGuard(o.guard, in)
	o.tokens = adapters.DecorateAccessTokens(o.tokens, in)
	o.renewals = adapters.DecorateRenewalMemory(o.renewals, in)
	o.ended = adapters.DecorateEnded(o.ended, in)
	o.audit = adapters.DecorateAuditLog(o.audit, in)
	return o
}

// ignorant is an observer that forgets what it is told.
type ignorant struct{}

func (ignorant) Begin(ctx context.Context, _, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// calls are those of the methods of every port, by port and method. Each returns the
// method's error.
func (o opened) calls() map[string]map[string]func(context.Context) error {
	return map[string]map[string]func(context.Context) error{
		"IdentityVerifier": {"Verify": func(ctx context.Context) error {
			_, err := o.verifiers["authsignal"].Verify(ctx, domain.PasskeyToken{})
			return err
		}},
		"TokenIssuer": {"Issue": func(ctx context.Context) error {
			_, err := o.issuer.Issue(ctx, domain.Grant{})
			return err
		}},
		"SessionRenewer": {"Renew": func(ctx context.Context) error {
			_, err := o.issuer.Renew(ctx, domain.Secret{}, domain.Access{}, domain.Client{})
			return err
		}},
		"SessionRevoker": {"Revoke": func(ctx context.Context) error { return o.issuer.Revoke(ctx, domain.Secret{}) }},
		"IssuerKeys": {"JWKS": func(ctx context.Context) error {
			_, err := o.issuer.JWKS(ctx)
			return err
		}},
		"AssertionKeys": {"AssertionJWKS": func(context.Context) error {
			o.issuer.AssertionKeys.AssertionJWKS()
			return errFake // it has none to return
		}},
		"Admission": {"Admit": func(ctx context.Context) error { return o.admission.Admit(ctx, domain.Identity{}) }},
		"ReplayGuard": {
			"Claim":   func(ctx context.Context) error { return o.guard.Claim(ctx, domain.Claim{}) },
			"Release": func(ctx context.Context) error { return o.guard.Release(ctx, domain.Claim{}) },
		},
		"RenewalMemory": {
			"Begin": func(ctx context.Context) error {
				_, err := o.renewals.Begin(ctx, domain.Turn{})
				return err
			},
			"Keep": func(ctx context.Context) error {
				_, err := o.renewals.Keep(ctx, domain.Turn{}, nil, 0)
				return err
			},
			"Refuse": func(ctx context.Context) error { return o.renewals.Refuse(ctx, domain.Turn{}, nil, 0) },
			"Forget": func(ctx context.Context) error { return o.renewals.Forget(ctx, domain.RenewalName{}) },
		},
		"AuditLog": {"Record": func(ctx context.Context) error { return o.audit.Record(ctx, domain.Attempt{}) }},
		"AccessTokenVerifier": {"VerifyAccess": func(ctx context.Context) error {
			_, err := o.tokens.VerifyAccess(ctx, domain.Secret{})
			return err
		}},
		"PasskeyEnroller": {
			"Enrol": func(ctx context.Context) error {
				_, err := o.verifiers["authsignal"].Enroller.Enrol(ctx, "", domain.Client{})
				return err
			},
			"Passkeys": func(ctx context.Context) error {
				_, err := o.verifiers["authsignal"].Enroller.Passkeys(ctx, "")
				return err
			},
			"RemovePasskey": func(ctx context.Context) error {
				return o.verifiers["authsignal"].Enroller.RemovePasskey(ctx, "", "")
			},
		},
		"EndedSessions": {
			"Mark": func(ctx context.Context) error { return o.ended.Mark(ctx, "", time.Time{}) },
			"Ended": func(ctx context.Context) error {
				_, err := o.ended.Ended(ctx, domain.Lineage{})
				return err
			},
		},
		"Passkeys": {"Has": func(ctx context.Context) error {
			_, err := o.verifiers["authsignal"].Passkeys.Has(ctx, "", time.Time{})
			return err
		}},
		"SessionEnder": {"End": func(ctx context.Context) error { return o.issuer.Ender.End(ctx, "", time.Time{}) }},
	}
}

// unwrapped are the ports that this test leaves out: a Probe has no error to return and a
// test of its own, and only setup uses a TenantSetup, which runs for one operator and ends.
var unwrapped = []string{"Probe", "TenantSetup"}

// portMethods lists the methods of each interface in ports that serves callers.
func portMethods(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../ports/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no ports: %v", err)
	}
	all := map[string][]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if port, ok := spec.Type.(*ast.InterfaceType); ok {
				for _, method := range port.Methods.List {
					all[spec.Name.Name] = append(all[spec.Name.Name], method.Names[0].Name)
				}
			}
			return true
		})
	}
	maps.DeleteFunc(all, func(port string, _ []string) bool { return slices.Contains(unwrapped, port) })
	return all
}

func TestEveryPortWrappedTwiceLosesNothing(t *testing.T) {
	f := newFake(nil)
	log := slog.New(slog.DiscardHandler)
	o := f.opened(t).wrapped(log).wrapped(log)

	calls := o.calls()
	for port, methods := range portMethods(t) {
		if got := slices.Sorted(maps.Keys(calls[port])); !slices.Equal(got, slices.Sorted(slices.Values(methods))) {
			t.Errorf("of %s this test calls %q, want %q", port, got, methods)
		}
		for name, call := range calls[port] {
			if err := call(t.Context()); !errors.Is(err, errFake) || f.calls[name] != 1 {
				t.Errorf("%s.%s: it was called %d times and returns %v, want once and its own error", port, name, f.calls[name], err)
			}
		}
	}

	health := adapters.NewHealth(o.config, o.verifiers, o.issuer, o.store, o.audit, o.run)
	health.WarmUp(t.Context())
	if f.calls["Warm"] != 2 {
		t.Errorf("%d were warmed up, want the verifier and the issuer", f.calls["Warm"])
	}
	if got, _ := o.watched(t); !slices.Equal(got, []string{"issuer", "store", "verifier"}) {
		t.Errorf("readiness tells of %q", got)
	}
	for _, told := range []string{"Trouble of verifier", "Trouble of issuer", "Trouble of store", "Stream"} {
		if f.calls[told] != 1 {
			t.Errorf("the %s was asked for %d times, want once", told, f.calls[told])
		}
	}
}

func TestEveryChoiceWrappedTwiceLosesNothing(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for name, choice := range choices() {
		t.Run(name, func(t *testing.T) { open(t, choice.environ).wrapped(log).wrapped(log).canDoAll(t) })
	}
}

func TestTheUseCasesWrappedTwiceLoseNothing(t *testing.T) {
	f, g := newFake(nil), newGate()
	close(g.leave)
	o := open(t, minimal())
	use := httpapi.UseCases{Exchange: gatedExchange{g}, Renew: gatedRenew{g}, Revoke: gatedRevoke{g}, Passkeys: gatedPasskeys(g), Keys: f, AssertionKeys: f}
	for range 2 {
		use = adapters.DecorateUseCases(o.config, use, nil, time.Now, o.in)
	}
	for name, call := range map[string]func() error{
		"an exchange":  func() error { _, err := use.Exchange.Execute(t.Context(), app.Exchange{}); return err },
		"a renewal":    func() error { _, err := use.Renew.Execute(t.Context(), app.Renewal{}); return err },
		"a revocation": func() error { return use.Revoke.Execute(t.Context(), app.Revocation{}) },
		"an enrolment": func() error { _, err := use.Passkeys.Enrol.Execute(t.Context(), app.Enrolment{}); return err },
		"a listing":    func() error { _, err := use.Passkeys.List.Execute(t.Context(), app.Listing{}); return err },
		"a removal":    func() error { return use.Passkeys.Remove.Execute(t.Context(), app.Removal{}) },
	} {
		done := make(chan error, 1)
		go func() { done <- call() }()
		receive(t, name+" to begin", g.entered)
		if err := receive(t, "its end", done); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if use.Keys != f || use.AssertionKeys != f {
		t.Error("the keys are gone")
	}
}

const thrownSecret = "s3cr3t-refresh-token"

func set(m map[string]int) { m["x"] = 1 }

func first(s []int) int { return s[0] }

func TestThePanicOfAnAdapterIsAFaultWithoutItsWords(t *testing.T) {
	for what, tt := range map[string]struct {
		thrown func()
		told   string
	}{
		"a text":                  {func() { panic("revoke " + thrownSecret) }, "a string"},
		"an error":                {func() { panic(errors.New(thrownSecret)) }, "a *errors.errorString"},
		"a reason":                {func() { panic(domain.ErrUnavailable) }, "a domain.Error"},
		"one of the runtime's":    {func() { set(nil) }, "assignment to entry in nil map"},
		"a wrong index, likewise": {func() { _ = first(nil) }, "index out of range [0] with length 0"},
	} {
		var text bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&text, nil))
		o := newFake(tt.thrown).opened(t).wrapped(log)
		calls := o.calls()
		delete(calls, "AssertionKeys") // it gives out what was made at the start
		calls["warm-up"] = map[string]func(context.Context) error{"Warm": o.issuer.Warm, "and the verifier's": o.verifiers["authsignal"].Warm}
		for port, methods := range calls {
			for name, call := range methods {
				t.Run(what+" in "+port+"."+name, func(t *testing.T) {
					text.Reset()
					err := call(t.Context())
					if _, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), tt.told) {
						t.Errorf("err = %v, want a fault of ours that tells %q", err, tt.told)
					}
					if log := text.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "decorate_test.go") || !strings.Contains(log, tt.told) {
						t.Errorf("the log says %s, want where it was", log)
					}
					if strings.Contains(err.Error()+text.String(), thrownSecret) {
						t.Error("what was thrown is told")
					}
				})
			}
		}
	}
}

// proves is a verifier of one and the same proof.
type proves struct{ identity domain.Identity }

func (p proves) Verify(context.Context, domain.PasskeyToken) (domain.Identity, error) {
	return p.identity, nil
}

// recorded keeps what happened.
type recorded struct{ outcomes []string }

func (r *recorded) Record(_ context.Context, attempt domain.Attempt) error {
	r.outcomes = append(r.outcomes, attempt.Outcome())
	return nil
}

func TestAnIssuerThatPanicsSpendsTheProof(t *testing.T) {
	now := time.Now()
	o := newFake(func() { panic(thrownSecret) }).opened(t).wrapped(slog.New(slog.DiscardHandler))
	policies := adapters.NewSignInPolicies(o.config)
	audit := &recorded{}
	o.audit = adapters.OpenedAuditLog{AuditLog: audit}
	exchange := adapters.NewExchange(
		proves{domain.Identity{
			Authority: policies[0].Authority, Subject: "auth0|jane", Action: policies[0].Action,
			Method: domain.MethodPasskey, ProofID: "ceremony-1", AuthenticatedAt: now,
		}},
		adapters.NewAdmission(o.issuer, o.audit, nil, o.in), memory.NewReplayGuard(time.Now, now.Add(-time.Minute), 8), o.issuer, o.audit,
		policies, adapters.NewAccessPolicy(o.config), adapters.NewDeadline(o.config), time.Now, adapters.NewOwners(o.run))
	_, first := exchange.Execute(t.Context(), app.Exchange{})
	_, second := exchange.Execute(t.Context(), app.Exchange{})
	if _, known := domain.ReasonOf(first); first == nil || known {
		t.Errorf("err = %v, want a fault of ours", first)
	}
	if !errors.Is(second, domain.ErrTokenReplayed) {
		t.Errorf("then %v, want the claim kept", second)
	}
	if want := []string{"fault", string(domain.ErrTokenReplayed)}; !slices.Equal(audit.outcomes, want) {
		t.Errorf("recorded are %q, want %q", audit.outcomes, want)
	}
}
