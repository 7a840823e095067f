package app

import (
	"context"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// Diagnose finds what keeps people from signing in. All fields must be set.
type Diagnose struct {
	// Probes are in the order in which a failure of one makes the next ones fail.
	Probes []ports.Probe
	// Patience bounds each probe.
	Patience time.Duration
}

// Execute runs the probes one after another, reports each finding when it is known,
// and returns all of them. A probe that fails does not keep the next from running:
// two faults are told at once.
func (uc *Diagnose) Execute(ctx context.Context, report func(domain.Finding)) domain.Diagnosis {
	var diagnosis domain.Diagnosis
	for _, probe := range uc.Probes {
		uc.run(ctx, probe, func(finding domain.Finding) {
			diagnosis = append(diagnosis, finding)
			report(finding)
		})
	}
	return diagnosis
}

func (uc *Diagnose) run(ctx context.Context, probe ports.Probe, report func(domain.Finding)) {
	ctx, cancel := context.WithTimeout(ctx, uc.Patience)
	defer cancel()
	probe.Run(ctx, report)
}
