package ports

import (
	"context"

	"nativebridge/domain"
)

// Probe looks for what is wrong at one service, or with one part of the bridge.
// It changes nothing there.
type Probe interface {
	// Checks lists every check that Run makes, in the order in which they build upon
	// each other. Each code belongs to one probe only.
	Checks() []domain.Check
	// Run makes the checks and calls report once for each, in the order of Checks,
	// one call at a time. If ctx ends first, the rest is reported as not made. A
	// check that builds upon one that failed, or was not made, is reported as not
	// made, and names that one. A finding must hold no credential and nothing about
	// a person.
	Run(ctx context.Context, report func(domain.Finding))
}
