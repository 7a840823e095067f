package portstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// AuditHarness is an AuditLog under test.
type AuditHarness struct {
	Log ports.AuditLog
	// Written returns everything that was written down so far.
	Written func(t *testing.T) string
	// Told returns everything that the operator was told so far.
	Told func(t *testing.T) string
	// Lost returns how many attempts were lost so far.
	Lost func() int64
	// Break makes writing fail from now on.
	Break func(t *testing.T)
	// Hang makes the reader of the log stop reading, until resume is called.
	Hang func(t *testing.T) (resume func())
}

// AuditLog tests the contract of ports.AuditLog. The adapter chooses the form
// in which an attempt is written down.
func AuditLog(t *testing.T, start func(t *testing.T) AuditHarness) {
	tests := map[string]func(*testing.T, AuditHarness){
		"an attempt is written down before its answer is given":     auditWrites,
		"an outcome is written down without its cause":              auditHidesCause,
		"a lost attempt is counted and reported, and stops nothing": auditBreaks,
		"a reader that hangs stops no exchange":                     auditHangs,
		"concurrent attempts are written down one by one":           auditAtOnce,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			wantKnobs(t, map[string]bool{"Break": h.Break != nil, "Hang": h.Hang != nil})
			test(t, h)
		})
	}
}

const (
	auditToken  = "header.payload.signature"
	auditSecret = "s3cr3t-of-the-vendor"
)

// attempt is one of the n-th caller that ended with err.
func attempt(n int, err error) domain.Attempt {
	return domain.Attempt{
		Event: domain.EventExchange, At: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC), Took: time.Second,
		Client:    domain.Client{RequestID: fmt.Sprintf("request-%d.", n)},
		TokenHash: domain.NewSecret(auditToken).Hash(),
		Identity:  domain.Identity{Authority: "authority", Subject: "somebody", Action: "sign-in", Method: domain.MethodPasskey},
		Err:       err,
	}
}

// record fails the test if the log stops the exchange.
func (h AuditHarness) record(t *testing.T, attempt domain.Attempt) {
	t.Helper()
	defer func() {
		if reason := recover(); reason != nil {
			t.Errorf("the exchange is stopped: %v", reason)
		}
	}()
	h.Log.Record(t.Context(), attempt)
}

func auditWrites(t *testing.T, h AuditHarness) {
	h.record(t, attempt(1, nil))
	for _, want := range []string{"request-1.", "session_delivered", "somebody", domain.NewSecret(auditToken).Hash()} {
		if written := h.Written(t); strings.Count(written, want) != 1 {
			t.Errorf("written is %q, want %s once in it", written, want)
		}
	}
}

func auditHidesCause(t *testing.T, h AuditHarness) {
	h.record(t, attempt(1, fmt.Errorf("%w: the vendor said %s to %s", domain.ErrAccessDenied, auditSecret, auditToken)))
	h.record(t, attempt(2, errors.New("key "+auditSecret+" is wrong for "+auditToken)))
	written := h.Written(t) + h.Told(t)
	for _, want := range []string{"access_denied", "fault"} {
		if !strings.Contains(written, want) {
			t.Errorf("written is %q, want the outcome %s in it", written, want)
		}
	}
	for _, never := range []string{auditSecret, auditToken, "the vendor said"} {
		if strings.Contains(written, never) {
			t.Errorf("%q is written down", never)
		}
	}
}

func auditBreaks(t *testing.T, h AuditHarness) {
	h.Break(t)
	for n := range 2 {
		h.record(t, attempt(n, errors.New("key "+auditSecret+" is wrong")))
	}
	if h.Lost() != 2 {
		t.Errorf("%d attempts are counted as lost, want 2", h.Lost())
	}
	if told := h.Told(t); told == "" || strings.Contains(told, auditSecret) {
		t.Errorf("the operator is told %q, want that attempts are lost, and no cause", told)
	}
}

func auditHangs(t *testing.T, h AuditHarness) {
	resume := h.Hang(t)
	defer func() { resume() }()
	for n := range callers {
		if !h.recordsInTime(t, attempt(n, nil)) {
			t.Fatal("the exchange waits on for the reader although its context has ended")
		}
	}
	if h.Told(t) == "" {
		t.Error("the operator is not told that attempts are late or lost")
	}

	resume()
	resume = func() {}
	kept := func(n int) int { return strings.Count(h.Written(t), fmt.Sprintf("request-%d.", n)) }
	h.record(t, attempt(callers, nil))
	soon(t, "attempts are written down again", func() bool { return kept(callers) == 1 })
	written := 0
	for n := range callers {
		written += kept(n)
	}
	if int64(written)+h.Lost() != callers {
		t.Errorf("of %d attempts %d are written down late and %d are counted as lost", callers, written, h.Lost())
	}
}

// recordsInTime reports whether the log returns although the reader hangs.
func (h AuditHarness) recordsInTime(t *testing.T, attempt domain.Attempt) bool {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Log.Record(ctx, attempt)
	}()
	select {
	case <-done:
		return true
	case <-time.After(patience):
		return false
	}
}

func auditAtOnce(t *testing.T, h AuditHarness) {
	atOnce(func(caller int) { h.record(t, attempt(caller, nil)) })
	for caller := range callers {
		if written := h.Written(t); strings.Count(written, fmt.Sprintf("request-%d.", caller)) != 1 {
			t.Errorf("written is %q, want request %d once in it", written, caller)
		}
	}
}
