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
	// Required says that each attempt must be on record.
	Required bool
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
		"an attempt is written down before its answer is given":                          auditWrites,
		"an outcome is written down without its cause":                                   auditHidesCause,
		"a lost attempt is counted and reported, and fails only if it must be on record": auditBreaks,
		"a reader that hangs keeps nobody waiting":                                       auditHangs,
		"concurrent attempts are written down one by one":                                auditAtOnce,
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
	at := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	identity := domain.Identity{
		Authority: "authority", Subject: "somebody", Action: "sign-in", Method: domain.MethodPasskey,
		ProofID: "ceremony", AuthenticatedAt: at.Add(-time.Second),
	}
	return domain.Attempt{
		Event: domain.EventExchange, At: at, Took: time.Second,
		Client:    domain.Client{RequestID: fmt.Sprintf("request-%d.", n)},
		TokenHash: domain.NewSecret(auditToken).Hash(),
		Identity:  identity, Proof: domain.ProofKeyOf(identity),
		Err: err,
	}
}

// record wants an attempt to be on record.
func (h AuditHarness) record(t *testing.T, attempt domain.Attempt) {
	t.Helper()
	if err := h.Log.Record(t.Context(), attempt); err != nil {
		t.Errorf("err = %v, want the attempt on record", err)
	}
}

// wantNotOnRecord wants err to be what a log returns for an attempt that is late or lost.
func (h AuditHarness) wantNotOnRecord(t *testing.T, err error) {
	t.Helper()
	switch {
	case !h.Required && err != nil:
		t.Errorf("err = %v, want none: the exchange goes on", err)
	case h.Required && !errors.Is(err, domain.ErrUnavailable):
		t.Errorf("err = %v, want %v: the attempt must be on record, and is not", err, domain.ErrUnavailable)
	case h.Required && strings.Contains(err.Error(), auditSecret):
		t.Errorf("err = %v tells the cause of the attempt's own error", err)
	}
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
		err := h.Log.Record(t.Context(), attempt(n, errors.New("key "+auditSecret+" is wrong")))
		h.wantNotOnRecord(t, err)
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
		inTime, err := h.recordsInTime(t, attempt(n, nil))
		if !inTime {
			t.Fatal("the exchange waits on for the reader although its context has ended")
		}
		h.wantNotOnRecord(t, err)
	}
	if h.Told(t) == "" {
		t.Error("the operator is not told that attempts are late or lost")
	}

	resume()
	resume = func() {}
	kept := func(n int) int { return strings.Count(h.Written(t), fmt.Sprintf("request-%d.", n)) }
	_ = h.Log.Record(t.Context(), attempt(callers, nil)) // it may be late too, behind those that wait
	soon(t, "attempts are written down again", func() bool { return kept(callers) == 1 })
	written := 0
	for n := range callers {
		written += kept(n)
	}
	if int64(written)+h.Lost() != callers {
		t.Errorf("of %d attempts %d are written down late and %d are counted as lost", callers, written, h.Lost())
	}
}

// recordsInTime returns what the log does, if it returns although the reader hangs.
func (h AuditHarness) recordsInTime(t *testing.T, attempt domain.Attempt) (inTime bool, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.Log.Record(ctx, attempt) }()
	select {
	case err := <-done:
		return true, err
	case <-time.After(patience):
		return false, nil
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
