package portstest

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// ProbeHarness is a Probe under test. Each call of the harness function must give one
// whose party is well.
type ProbeHarness struct {
	Probe ports.Probe
	// Break makes something wrong at the party that a check finds, and that others build
	// upon if there are several.
	Break func(t *testing.T)
	// Hang makes the party silent. It is nil if the probe asks nobody.
	Hang func(t *testing.T)
	// Secrets are the credentials that the probe is given.
	Secrets []string
}

// Probe tests the contract of ports.Probe.
func Probe(t *testing.T, start func(t *testing.T) ProbeHarness) {
	tests := map[string]func(*testing.T, ProbeHarness){
		"the checks have codes and words, and stay the same":    probeNamesChecks,
		"where all is well, each check is reported once":        probeWell,
		"what is wrong is told, with what mends it":             probeBroken,
		"what builds upon a failure is not made, and names it":  probeDependent,
		"a run whose time is over says that nothing has failed": probeCancelled,
		"a party that is silent is given up in time":            probeSilent,
		"no finding tells a credential":                         probeKeepsSecrets,
		"runs at the same time do not disturb each other":       probeAtOnce,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

var codeForm = regexp.MustCompile(`^NB[0-9]{3}$`)

func probeNamesChecks(t *testing.T, h ProbeHarness) {
	checks := h.Probe.Checks()
	if len(checks) == 0 || !slices.Equal(checks, h.Probe.Checks()) {
		t.Errorf("its checks are %v, and then %v", checks, h.Probe.Checks())
	}
	seen := map[string]bool{}
	for _, check := range checks {
		if !codeForm.MatchString(check.Code) || seen[check.Code] || check.Asks == "" || check.Why == "" {
			t.Errorf("%q is no code, or stands there twice, or says nothing: %v", check.Code, check)
		}
		seen[check.Code] = true
	}
}

// run runs the probe and fails the test unless it reports every check once, in order and
// one at a time.
func (h ProbeHarness) run(ctx context.Context, t *testing.T) domain.Diagnosis {
	t.Helper()
	var diagnosis domain.Diagnosis
	var one sync.Mutex
	h.Probe.Run(ctx, func(finding domain.Finding) {
		if !one.TryLock() {
			t.Error("it reports two findings at once")
			return
		}
		defer one.Unlock()
		diagnosis = append(diagnosis, finding)
	})
	var reported []domain.Check
	for _, finding := range diagnosis {
		reported = append(reported, finding.Check)
	}
	if want := h.Probe.Checks(); !slices.Equal(reported, want) {
		t.Errorf("it reports %v, want each check once and in order: %v", reported, want)
	}
	return diagnosis
}

func probeWell(t *testing.T, h ProbeHarness) {
	for _, finding := range h.run(t.Context(), t) {
		if finding.Outcome == domain.Failed {
			t.Errorf("%s has failed: %s", finding.Code, finding.Problem)
		}
		if finding.Outcome == domain.Passed && finding.Problem+finding.Fix != "" {
			t.Errorf("%s has passed, and the problem is %q", finding.Code, finding.Problem)
		}
	}
}

func probeBroken(t *testing.T, h ProbeHarness) {
	h.Break(t)
	failed := 0
	for _, finding := range h.run(t.Context(), t) {
		if finding.Outcome != domain.Failed {
			continue
		}
		failed++
		if finding.Problem == "" || finding.Fix == "" {
			t.Errorf("%s has failed with the problem %q and the fix %q, want both", finding.Code, finding.Problem, finding.Fix)
		}
	}
	if failed == 0 {
		t.Error("nothing has failed")
	}
}

func probeDependent(t *testing.T, h ProbeHarness) {
	if len(h.Probe.Checks()) < 2 {
		return
	}
	h.Break(t)
	var before []string // that have not passed
	named := 0
	for _, finding := range h.run(t.Context(), t) {
		if finding.Outcome == domain.NotMade && finding.Problem == "" {
			t.Errorf("%s was not made, and it does not say why", finding.Code)
		}
		if finding.Outcome == domain.NotMade && slices.ContainsFunc(before, func(code string) bool { return strings.Contains(finding.Problem, code) }) {
			named++
		}
		if finding.Outcome != domain.Passed {
			before = append(before, finding.Code)
		}
	}
	if named == 0 {
		t.Errorf("of %q nothing is not made because of another that is named", before)
	}
}

func probeCancelled(t *testing.T, h ProbeHarness) {
	h.wantNoFailure(cancelled(t), t)
}

func probeSilent(t *testing.T, h ProbeHarness) {
	if h.Hang == nil {
		return
	}
	h.Hang(t)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.wantNoFailure(ctx, t)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("it waits on although its context has ended")
	}
}

// wantNoFailure runs the probe for which the time ends, and fails the test if it takes
// that for a failure of the party's.
func (h ProbeHarness) wantNoFailure(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, finding := range h.run(ctx, t) {
		if finding.Outcome == domain.Failed {
			t.Errorf("%s has failed because its time was over: %s", finding.Code, finding.Problem)
		}
	}
}

func probeKeepsSecrets(t *testing.T, h ProbeHarness) {
	if len(h.Secrets) == 0 {
		return
	}
	wantSilent(t, h.run(t.Context(), t), h.Secrets...)
	h.Break(t)
	wantSilent(t, h.run(t.Context(), t), h.Secrets...)
}

func probeAtOnce(t *testing.T, h ProbeHarness) {
	atOnce(func(int) {
		for _, finding := range h.run(t.Context(), t) {
			if finding.Outcome == domain.Failed {
				t.Errorf("%s has failed: %s", finding.Code, finding.Problem)
			}
		}
	})
}
