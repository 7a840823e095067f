package portstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// AdmissionHarness is an Admission under test. Each call of the harness function must
// give one that has admitted nobody.
type AdmissionHarness struct {
	Admission ports.Admission
	// Most is how many sign-ins it lets on at once.
	Most int
	// PerPerson says that Most is each person's, and not that of all.
	PerPerson bool
	// Advance lets d pass for the Admission.
	Advance func(d time.Duration)
	// Hang makes what it asks silent, and Stop makes it unreachable. They are nil if it
	// asks nobody.
	Hang, Stop func(t *testing.T)
}

// Admission tests the contract of ports.Admission.
func Admission(t *testing.T, start func(t *testing.T) AdmissionHarness) {
	tests := map[string]func(*testing.T, AdmissionHarness){
		"the harness tries everything":                            admissionKnobs,
		"sign-ins within the limit go on":                         admissionAdmits,
		"one beyond the limit is told to come back":               admissionRefuses,
		"whoever comes back when told goes on":                    admissionReturns,
		"a refusal tells nobody's name":                           admissionSilent,
		"one person's sign-ins do not keep another out":           admissionKeepsApart,
		"of many at once no more go on than the limit":            admissionAtOnce,
		"a caller who left is not told a reason of another's":     admissionCancelled,
		"whoever cannot tell admits":                              admissionUnreachable,
		"whoever gets no answer admits, in the time that he has":  admissionHangs,
		"of those who wait for a turn none waits beyond his time": admissionInTime,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func admissionKnobs(t *testing.T, h AdmissionHarness) {
	wantKnobs(t, map[string]bool{"Most": h.Most > 0, "Advance": h.Advance != nil})
	if (h.Hang == nil) != (h.Stop == nil) {
		t.Error("the harness has one of Hang and Stop")
	}
}

// signIn is a proof of a person, who has as many as there are numbers.
func signIn(person string, proof int) domain.Identity {
	return domain.Identity{
		Authority: "authority", Subject: "subject-of-" + person, Action: "signIn", Method: domain.MethodPasskey,
		ProofID: fmt.Sprintf("proof-%d-of-%s", proof, person), AuthenticatedAt: time.Unix(1_800_000_000, 0),
	}
}

// admit asks with little time, so that nobody waits long for a turn.
func (h AdmissionHarness) admit(t *testing.T, identity domain.Identity) error {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	return h.Admission.Admit(ctx, identity)
}

// exhaust lets as many sign-ins of a person on as may.
func (h AdmissionHarness) exhaust(t *testing.T, person string) {
	t.Helper()
	for proof := range h.Most {
		if err := h.admit(t, signIn(person, proof)); err != nil {
			t.Fatalf("sign-in %d of %d: %v", proof+1, h.Most, err)
		}
	}
}

// wantBusy wants the sign-in refused, and returns how long to wait.
func (h AdmissionHarness) wantBusy(t *testing.T, identity domain.Identity) time.Duration {
	t.Helper()
	err := h.admit(t, identity)
	reason, _ := domain.ReasonOf(err)
	if reason != domain.ErrBusy && reason != domain.ErrUnavailable {
		t.Fatalf("err = %v, want busy or unavailable", err)
	}
	wait := domain.RetryAfterOf(err)
	if wait <= 0 {
		t.Errorf("err = %v tells no time to come back", err)
	}
	return wait
}

func admissionAdmits(t *testing.T, h AdmissionHarness) { h.exhaust(t, "jane") }

func admissionRefuses(t *testing.T, h AdmissionHarness) {
	h.exhaust(t, "jane")
	h.wantBusy(t, signIn("jane", h.Most))
}

func admissionReturns(t *testing.T, h AdmissionHarness) {
	h.exhaust(t, "jane")
	again := signIn("jane", h.Most)
	h.Advance(h.wantBusy(t, again))
	if err := h.admit(t, again); err != nil {
		t.Errorf("after the time that it was told: %v", err)
	}
}

func admissionSilent(t *testing.T, h AdmissionHarness) {
	h.exhaust(t, "jane")
	beyond := signIn("jane", h.Most)
	if err := h.admit(t, beyond); err != nil {
		wantSilent(t, err, beyond.Subject, beyond.ProofID)
	}
}

func admissionKeepsApart(t *testing.T, h AdmissionHarness) {
	if !h.PerPerson {
		return
	}
	h.exhaust(t, "jane")
	h.wantBusy(t, signIn("jane", h.Most))
	h.exhaust(t, "joe")
	elsewhere := signIn("jane", h.Most)
	elsewhere.Authority = "another authority"
	if err := h.admit(t, elsewhere); err != nil {
		t.Errorf("who has the same id at another authority: %v", err)
	}
}

func admissionAtOnce(t *testing.T, h AdmissionHarness) {
	admitted := make(chan bool, callers*h.Most)
	atOnce(func(caller int) {
		for i := range h.Most {
			admitted <- h.admit(t, signIn("jane", caller*h.Most+i)) == nil
		}
	})
	close(admitted)
	count := 0
	for ok := range admitted {
		if ok {
			count++
		}
	}
	if count != h.Most {
		t.Errorf("%d went on, want %d", count, h.Most)
	}
}

func admissionCancelled(t *testing.T, h AdmissionHarness) {
	if err := h.Admission.Admit(cancelled(t), signIn("jane", 0)); err != nil {
		wantDeparture(t, err)
	}
}

func admissionUnreachable(t *testing.T, h AdmissionHarness) {
	if h.Stop == nil {
		return
	}
	h.Stop(t)
	if err := h.admit(t, signIn("jane", 0)); err != nil {
		t.Errorf("err = %v, want it admitted", err)
	}
}

func admissionHangs(t *testing.T, h AdmissionHarness) {
	if h.Hang == nil {
		return
	}
	h.Hang(t)
	if err := h.admit(t, signIn("jane", 0)); err != nil {
		t.Errorf("err = %v, want it admitted", err)
	}
}

func admissionInTime(t *testing.T, h AdmissionHarness) {
	h.exhaust(t, "jane")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.admit(t, signIn("jane", h.Most))
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("it waits on although its context has ended")
	}
}
