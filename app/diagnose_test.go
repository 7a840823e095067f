package app_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/mock/gomock"

	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portsmock"
)

func TestDiagnose(t *testing.T) {
	network := domain.Check{Code: "NB101", Asks: "the name resolves", Grade: domain.Failure}
	eviction := domain.Check{Code: "NB601", Asks: "nothing is evicted", Grade: domain.Warning}
	grants := domain.Check{Code: "NB501", Asks: "the grant is allowed", Grade: domain.Failure}
	probe := func(findings ...domain.Finding) ports.Probe {
		p := portsmock.NewMockProbe(gomock.NewController(t))
		p.EXPECT().Run(gomock.Any(), gomock.Any()).Do(func(ctx context.Context, report func(domain.Finding)) {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("a probe may run for ever")
			}
			for _, finding := range findings {
				report(finding)
			}
		})
		return p
	}
	diagnose := app.Diagnose{
		Patience: time.Minute,
		Probes: []ports.Probe{
			probe(network.Pass()),
			probe(eviction.Fail("allkeys-lru", "set noeviction")),
			probe(grants.Fail("it lacks it", "tick Password")),
		},
	}
	var reported []domain.Finding
	diagnosis := diagnose.Execute(t.Context(), func(f domain.Finding) { reported = append(reported, f) })

	if len(diagnosis) != 3 || len(reported) != 3 {
		t.Fatalf("%d findings, %d of them reported, want 3: a probe that fails does not stop the next", len(diagnosis), len(reported))
	}
	for i, code := range []string{"NB101", "NB601", "NB501"} {
		if diagnosis[i].Code != code || reported[i].Code != code {
			t.Errorf("finding %d is %s, reported as %s, want %s", i, diagnosis[i].Code, reported[i].Code, code)
		}
	}
	if first, found := diagnosis.First(domain.Failure); !found || first.Code != "NB501" {
		t.Errorf("the first failure is %v (%t), want NB501", first, found)
	}
	if first, found := diagnosis.First(domain.Warning); !found || first.Code != "NB601" {
		t.Errorf("the first warning is %v (%t), want NB601", first, found)
	}
}
