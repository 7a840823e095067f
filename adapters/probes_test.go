package adapters_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/domain"
	"nativebridge/ports"
)

// collect runs probes and returns what they report.
func collect(t *testing.T, probes ...ports.Probe) domain.Diagnosis {
	t.Helper()
	var diagnosis domain.Diagnosis
	for _, probe := range probes {
		probe.Run(t.Context(), func(finding domain.Finding) { diagnosis = append(diagnosis, finding) })
	}
	return diagnosis
}

func quietly() adapters.Runtime {
	return adapters.Runtime{Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: time.Now, Random: strings.NewReader(strings.Repeat("x", 4096))}
}

// panics is a probe that panics behind its first check.
type panics struct{ checks []domain.Check }

func (p panics) Checks() []domain.Check { return p.checks }

func (p panics) Run(_ context.Context, report func(domain.Finding)) {
	report(p.checks[0].Pass())
	panic(thrownSecret)
}

func TestAProbeThatPanicsTellsWhatItHasNotMade(t *testing.T) {
	var text bytes.Buffer
	probe := panics{[]domain.Check{{Code: "NB001"}, {Code: "NB002"}, {Code: "NB003"}}}
	diagnosis := collect(t, adapters.DecorateProbe(probe, slog.New(slog.NewJSONHandler(&text, nil))))
	if len(diagnosis) != 3 || diagnosis[0].Outcome != domain.Passed {
		t.Fatalf("it reports %v, want each check once", diagnosis)
	}
	for _, finding := range diagnosis[1:] {
		if finding.Outcome != domain.NotMade || !strings.Contains(finding.Problem, "panic") {
			t.Errorf("of %s it says %q", finding.Code, finding.Problem)
		}
	}
	if log := text.String(); !strings.Contains(log, "probes_test.go") || strings.Contains(log, thrownSecret) {
		t.Errorf("the log says %s, want where it was and not what was thrown", log)
	}
}

func TestAFaultOfTheConfigurationIsAFindingAndTheRestIsLookedAt(t *testing.T) {
	environ := minimal()
	environ["AUTHSIGNAL_SECRET"] = ""
	environ["AUTH0_DOMIAN"] = "example.eu.auth0.com"
	environ["AUTH0_DOMAIN"] = "http://127.0.0.1:1"

	configuration := collect(t, adapters.NewConfigurationProbe(environ))
	if first, _ := configuration.First(domain.Failure); first.Code != "NB001" || !strings.Contains(first.Problem, "AUTHSIGNAL_SECRET is not set") || !strings.Contains(first.Fix, "AUTHSIGNAL_SECRET: set it to") {
		t.Errorf("the first failure is %v", first)
	}
	if first, _ := configuration.First(domain.Warning); first.Code != "NB002" || !strings.Contains(first.Problem, "AUTH0_DOMIAN") {
		t.Errorf("the first warning is %v", first)
	}

	probes := adapters.NewProbes(environ, quietly())
	for _, finding := range collect(t, probes.Verifiers...) {
		if finding.Outcome != domain.NotMade || !strings.Contains(finding.Problem, "NB001") {
			t.Errorf("%s, which needs AUTHSIGNAL_SECRET: %v", finding.Code, finding)
		}
	}
	if first, failed := collect(t, probes.Issuer...).First(domain.Failure); !failed || first.Code != "NB121" {
		t.Errorf("at Auth0, whose settings are good, the first failure is %v, want that nobody listens there", first)
	}
}

// What is not chosen, or cannot be, has no probe and breaks none.
func TestAChoiceThatDoesNotExistKeepsTheOthersProbed(t *testing.T) {
	for variable, want := range map[string]int{"TOKEN_ISSUER": 1, "IDENTITY_VERIFIER": 0} {
		environ := minimal()
		environ[variable] = "nobody"
		probes := adapters.NewProbes(environ, quietly())
		if len(probes.Verifiers) != want || len(probes.Issuer) != 1-want || len(probes.Trial) != 1-want {
			t.Errorf("%s=nobody: %d verifiers and %d issuers are probed", variable, len(probes.Verifiers), len(probes.Issuer))
		}
	}
}
