package adapters_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"nativebridge/adapters"
	"nativebridge/domain"
)

// watching is an observer that notes what it is told.
type watching struct {
	name string
	told *[]string
}

func (w watching) Begin(ctx context.Context, step, adapter string) (context.Context, func(error)) {
	*w.told = append(*w.told, fmt.Sprintf("%s: %s by %s", w.name, step, adapter))
	return ctx, func(err error) { *w.told = append(*w.told, fmt.Sprintf("%s: %s ends with %v", w.name, step, err)) }
}

func TestEachStepIsObservedOnceAndWithItsEnd(t *testing.T) {
	var told []string
	o := newFake(nil).opened(t)
	o.in = adapters.Instruments{Observers: []adapters.Observer{watching{"outer", &told}, watching{"inner", &told}}}
	o = o.wrapped(slog.New(slog.DiscardHandler))
	calls := o.calls()
	for method, want := range map[string]struct{ port, step, adapter string }{
		"Verify":  {"IdentityVerifier", "verify", "authsignal"},
		"Admit":   {"Admission", "admit", "admission"},
		"Claim":   {"ReplayGuard", "claim", "replay guard"},
		"Release": {"ReplayGuard", "release", "replay guard"},
		"Issue":   {"TokenIssuer", "issue", "issuer"},
		"Renew":   {"SessionRenewer", "renew", "issuer"},
		"Revoke":  {"SessionRevoker", "revoke", "issuer"},
		"Begin":   {"RenewalMemory", "turn", "memory of renewals"},
		"Keep":    {"RenewalMemory", "keep", "memory of renewals"},
		"Refuse":  {"RenewalMemory", "keep", "memory of renewals"},
		"Forget":  {"RenewalMemory", "forget", "memory of renewals"},
		"Record":  {"AuditLog", "record", "audit log"},

		"VerifyAccess":  {"AccessTokenVerifier", "verify_access", "access tokens"},
		"Enrol":         {"PasskeyEnroller", "enrol", "authsignal"},
		"Passkeys":      {"PasskeyEnroller", "list", "authsignal"},
		"RemovePasskey": {"PasskeyEnroller", "remove", "authsignal"},
	} {
		told = nil
		_ = calls[want.port][method](t.Context())
		if wanted := []string{
			fmt.Sprintf("outer: %s by %s", want.step, want.adapter),
			fmt.Sprintf("inner: %s by %s", want.step, want.adapter),
			fmt.Sprintf("inner: %s ends with %v", want.step, errFake),
			fmt.Sprintf("outer: %s ends with %v", want.step, errFake),
		}; !slices.Equal(told, wanted) {
			t.Errorf("of %s they are told %q, want %q", method, told, wanted)
		}
	}
}

// inside is what an observer puts into a step's context.
type inside struct{}

type marking struct{}

func (marking) Begin(ctx context.Context, _, _ string) (context.Context, func(error)) {
	return context.WithValue(ctx, inside{}, true), func(error) {}
}

func TestAStepHasTheContextOfItsObservers(t *testing.T) {
	f := newFake(nil)
	o := f.opened(t)
	o.in = adapters.Instruments{Observers: []adapters.Observer{marking{}}}
	for _, methods := range o.wrapped(slog.New(slog.DiscardHandler)).calls() {
		for _, call := range methods {
			_ = call(t.Context())
		}
	}
	if len(f.steps) != 20 {
		t.Errorf("%d steps were taken, want 20", len(f.steps))
	}
	for _, ctx := range f.steps {
		if ctx.Value(inside{}) != true {
			t.Error("a step has the context of its caller")
		}
	}
}

func TestAPanicEndsAStepAsAFault(t *testing.T) {
	var told []string
	o := newFake(func() { panic(thrownSecret) }).opened(t)
	o.in = adapters.Instruments{Observers: []adapters.Observer{watching{"it", &told}}}
	_, err := o.wrapped(slog.New(slog.DiscardHandler)).verifiers["authsignal"].Verify(t.Context(), domain.PasskeyToken{})
	if want := fmt.Sprintf("it: verify ends with %v", err); err == nil || errors.Is(err, errFake) || len(told) != 2 || told[1] != want {
		t.Errorf("it is told %q, want %q", told, want)
	}
}

func TestOneOfSeveralVerifiersVerifiesInOneStep(t *testing.T) {
	var told []string
	config, err := adapters.LoadConfig(withJWT(openID(), "IDENTITY_VERIFIER", "authsignal,jwt"))
	if err != nil {
		t.Fatal(err)
	}
	in := adapters.Instruments{Log: slog.New(slog.DiscardHandler), Observers: []adapters.Observer{watching{"it", &told}}}
	verifiers := adapters.OpenedVerifiers{}
	for _, name := range config.Verifiers {
		verifiers[name] = adapters.DecorateVerifier(name, adapters.OpenedVerifier{IdentityVerifier: newFake(nil)}, in)
	}
	token, err := domain.ParsePasskeyToken("e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"jane"}`)) + ".c2ln")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adapters.NewIdentityVerifier(config, verifiers, in).Verify(t.Context(), token); !errors.Is(err, errFake) {
		t.Fatalf("err = %v, want the fake's", err)
	}
	if len(told) != 2 || told[0] != "it: verify by authsignal" {
		t.Errorf("it is told %q, want one step", told)
	}
}
