// Package portstest holds the contract of each port as a test suite. An adapter's
// own test builds a harness and calls the suite; what passes keeps the contract
// written on the interface, as far as a test can tell.
package portstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"nativebridge/domain"
)

// wantReason fails the test unless err wraps want; "" wants a fault of ours.
func wantReason(t *testing.T, err error, want domain.Error) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that wraps %q", want)
	}
	if got, _ := domain.ReasonOf(err); got != want {
		t.Errorf("err = %v (reason %q), want reason %q", err, got, want)
	}
}

// wantSilent fails the test if what is printed tells one of the secrets.
func wantSilent(t *testing.T, printed any, secrets ...string) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		text := fmt.Sprintf(verb, printed)
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("printed with %s it tells a credential", verb)
			}
		}
	}
}

// wantDeparture fails the test unless err is what a caller who left may be told:
// its own cancellation, or "cannot tell". It must never be a verdict.
func wantDeparture(t *testing.T, err error) {
	t.Helper()
	if err == nil || (!errors.Is(err, context.Canceled) && !errors.Is(err, domain.ErrUnavailable)) {
		t.Errorf("err = %v, want context.Canceled or unavailable", err)
	}
}

// cancelled returns a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
