package adapters_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/domain"
)

// held is a probe that reports its findings when it is let go.
type held struct {
	findings []domain.Finding
	begun    chan struct{}
	letGo    chan struct{}
}

func newHeld(findings ...domain.Finding) held {
	return held{findings, make(chan struct{}), make(chan struct{})}
}

func (h held) Checks() (list []domain.Check) {
	for _, finding := range h.findings {
		list = append(list, finding.Check)
	}
	return list
}

func (h held) Run(ctx context.Context, report func(domain.Finding)) {
	close(h.begun)
	select {
	case <-h.letGo:
	case <-ctx.Done():
	}
	for _, finding := range h.findings {
		report(finding)
	}
}

var (
	theKey     = domain.Check{Code: "NB202", Asks: "the key is right", Why: "nobody signs in", Grade: domain.Failure}
	theProxies = domain.Check{Code: "NB801", Asks: "the proxies are named", Why: "all share an address", Grade: domain.Warning}
)

func TestByDefaultTheStartIsCheckedInTheBackgroundAndTold(t *testing.T) {
	probe := newHeld(theKey.Fail("it is not", "set it"), theProxies.Fail("none is", "name them"), theKey.CannotTell("who knows", ""), theKey.Pass())
	s := serve(t, newGate(), map[string]string{"STARTUP_CHECK": ""}, probe)
	receive(t, "the check to begin", probe.begun)
	if got := s.status(); got != "ready" {
		t.Errorf("while it is checked the bridge is %q, want ready", got)
	}
	close(probe.letGo)
	until(t, "all findings", func() bool { return strings.Contains(s.log.String(), `msg="startup check: not made"`) })
	for _, line := range []string{
		`level=ERROR msg="startup check: failed" code=NB202 asks="the key is right" problem="it is not" why="nobody signs in" fix="set it"`,
		`level=WARN msg="startup check: failed" code=NB801`,
		`level=INFO msg="startup check: not made" code=NB202`,
	} {
		if !strings.Contains(s.log.String(), line) {
			t.Errorf("the log has no line %s", line)
		}
	}
	if got := s.status(); got != "ready" {
		t.Errorf("after a failure the bridge is %q, want ready: nobody required anything", got)
	}
	s.stop()
	if err := receive(t, "the end", s.done); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestACheckThatIsRequiredComesBeforeReadiness(t *testing.T) {
	probe := newHeld(theKey.Pass(), theProxies.Fail("none is", "name them"), theKey.CannotTell("Authsignal is away", ""))
	s := serve(t, newGate(), map[string]string{"STARTUP_CHECK": "require"}, probe)
	receive(t, "the check to begin", probe.begun)
	if got := s.status(); got != "starting" {
		t.Errorf("while it is checked the bridge is %q, want starting", got)
	}
	close(probe.letGo)
	until(t, "readiness, although there is a warning and something that nobody can tell", func() bool { return s.status() == "ready" })
}

func TestAFailureOfARequiredCheckEndsTheProcess(t *testing.T) {
	probe := newHeld(theKey.Fail("it is not", "set it"))
	close(probe.letGo)
	s := serve(t, newGate(), map[string]string{"STARTUP_CHECK": "require"}, probe)
	err := receive(t, "the end", s.done)
	if err == nil || !strings.Contains(err.Error(), "NB202") || !strings.Contains(err.Error(), "STARTUP_CHECK") {
		t.Errorf("it ends with %v, want what has failed", err)
	}
	if strings.Contains(s.log.String(), "msg=ready") {
		t.Error("it was ready before")
	}
}

func TestAStopEndsARequiredCheck(t *testing.T) {
	probe := newHeld(theKey.CannotTell("the time was over", ""))
	s := serve(t, newGate(), map[string]string{"STARTUP_CHECK": "require"}, probe)
	receive(t, "the check to begin", probe.begun)
	s.stop()
	if err := receive(t, "the end", s.done); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestWhereNoCheckIsWantedNoneIsMade(t *testing.T) {
	probe := newHeld(theKey.Fail("it is not", "set it"))
	close(probe.letGo)
	s := serve(t, newGate(), map[string]string{"STARTUP_CHECK": "off"}, probe)
	until(t, "readiness", func() bool { return s.status() == "ready" })
	s.stop()
	receive(t, "the end", s.done)
	select {
	case <-probe.begun:
		t.Error("it is checked")
	default:
	}
}

func TestAProbeThatPanicsEndsNoProcess(t *testing.T) {
	log := &logtest.Log{}
	probe := adapters.DecorateProbe(panics{[]domain.Check{theKey, theProxies}}, slog.New(slog.NewTextHandler(log, nil)))
	s := serve(t, newGate(), map[string]string{"STARTUP_CHECK": "warn"}, probe)
	until(t, "the finding", func() bool {
		return strings.Contains(s.log.String(), "code=NB801") && strings.Contains(log.String(), "panic")
	})
	if got := s.status(); got != "ready" {
		t.Errorf("the bridge is %q", got)
	}
}

// An exchange that is refused is counted against an address soon, so no start makes one.
func TestTheStartMakesTheTrialsThatCostLittle(t *testing.T) {
	for name, choice := range choices() {
		o := open(t, choice.environ)
		want := choice.environ["TOKEN_ISSUER"] != "auth0-token-exchange"
		if o.issuer.Trial.AtStart != want {
			t.Errorf("%s: the trial is made at the start: %t, want %t", name, o.issuer.Trial.AtStart, want)
		}
		for _, verifier := range o.verifiers {
			if verifier.Probe == nil || o.issuer.Probe == nil || o.issuer.Trial.Probe == nil {
				t.Errorf("%s: something has no probe", name)
			}
		}
		var codes []string
		for _, check := range o.issuer.Probe.Checks() {
			codes = append(codes, check.Code)
		}
		if slices.Contains(codes, o.issuer.Trial.Checks()[0].Code) {
			t.Errorf("%s: the probe makes the trial, too", name)
		}
	}
}
