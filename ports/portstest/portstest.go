// Package portstest holds the contract of each port as a test suite. An adapter's
// own test builds a harness and calls the suite; what passes keeps the contract
// written on the interface, as far as a test can tell. The suites are tested too:
// for each sentence of a contract there is an adapter that breaks it and must fail.
//
// A harness says how to make the outside party behave. What it leaves nil cannot
// happen to the adapter, and its comment says why that may be; the suites refuse a
// harness without the rest.
package portstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
)

const (
	// deadline is what a call to a silent party gets. No adapter is judged by how
	// much of it is left.
	deadline = 200 * time.Millisecond
	// patience is how long such a call may take all in all. Only one that does not
	// heed its context uses it up.
	patience = 5 * time.Second
	// callers is how many come at once.
	callers = 8
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

// wantSilent fails the test if the printed value shows one of the secrets. Of
// an error it prints every error inside, too.
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
	switch err := printed.(type) {
	case interface{ Unwrap() error }:
		wantSilent(t, err.Unwrap(), secrets...)
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			wantSilent(t, inner, secrets...)
		}
	}
}

// wantDeparture fails the test unless err is what a caller with an ended
// context may be told: just that, or "cannot tell". It must never be a verdict.
func wantDeparture(t *testing.T, err error) {
	t.Helper()
	reason, known := domain.ReasonOf(err)
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if reason != domain.ErrUnavailable && (known || !ended) {
		t.Errorf("err = %v, want the context's error or unavailable", err)
	}
}

// wantKnobs fails the test if the harness lacks one that every adapter of the port
// must have.
func wantKnobs(t *testing.T, knobs map[string]bool) {
	t.Helper()
	for name, there := range knobs {
		if !there {
			t.Errorf("the harness has no %s, so a part of the contract is not tried", name)
		}
	}
}

// cancelled returns a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// wantInTime calls an adapter whose party is silent, and fails the test unless it
// gives up when its context ends.
func wantInTime(t *testing.T, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	select {
	case err := <-done:
		wantDeparture(t, err)
	case <-time.After(patience):
		t.Fatal("it waits on although its context has ended")
	}
}

// soon waits for something that must happen, by asking, and fails the test if it
// does not.
func soon(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("waited in vain until %s", what)
			return
		}
	}
}

// atOnce calls f for every caller at the same time.
func atOnce(f func(caller int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for caller := range callers {
		all.Go(func() {
			<-begin
			f(caller)
		})
	}
	close(begin)
	all.Wait()
}
