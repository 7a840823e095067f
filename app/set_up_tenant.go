package app

import (
	"context"
	"errors"
	"fmt"

	"nativebridge/domain"
	"nativebridge/ports"
)

// SetUpTenant makes a vendor's tenant ready for the bridge. Setup must be set.
type SetUpTenant struct {
	Setup ports.TenantSetup
}

// Watcher is told what SetUpTenant does, and decides whether it goes on. All fields
// must be set.
type Watcher struct {
	// Agree is shown a plan that has pending steps and no blockers, and says whether
	// they are to be taken.
	Agree func(domain.TenantPlan) bool
	// Begin is called before each step.
	Begin func(domain.TenantStep)
	// End is called after each step, with nil or with what went wrong.
	End func(domain.TenantStep, error)
}

// The ways in which a set-up ends early.
var (
	// ErrBlocked means that the plan has blockers: nothing was changed.
	ErrBlocked = errors.New("the plan is blocked")
	// ErrDeclined means that Agree said no: nothing was changed.
	ErrDeclined = errors.New("nothing was changed")
	// ErrNotConverged means that all steps were taken and the tenant is still not as
	// planned, because somebody else changes it or the vendor did not keep what it
	// was told.
	ErrNotConverged = errors.New("the tenant is not as planned although every step succeeded")
)

// Execute plans, asks, takes each step that is pending, and plans once more to see
// that nothing is left. It returns the last plan, also with an error. It may be
// stopped at any time and executed again.
func (uc *SetUpTenant) Execute(ctx context.Context, watcher Watcher) (domain.TenantPlan, error) {
	plan, err := uc.Setup.Plan(ctx)
	switch {
	case err != nil:
		return plan, fmt.Errorf("read the tenant: %w", err)
	case len(plan.Blockers) > 0:
		return plan, ErrBlocked
	case len(plan.Pending()) == 0:
		return plan, nil
	case !watcher.Agree(plan):
		return plan, ErrDeclined
	}
	for _, step := range plan.Pending() {
		watcher.Begin(step)
		err := uc.Setup.Apply(ctx, step)
		watcher.End(step, err)
		if err != nil {
			return plan, fmt.Errorf("%s %s: %w", step.Action, step.Object, err)
		}
	}
	return uc.verify(ctx)
}

// verify wants a plan with nothing left to do.
func (uc *SetUpTenant) verify(ctx context.Context) (domain.TenantPlan, error) {
	plan, err := uc.Setup.Plan(ctx)
	if err != nil {
		return plan, fmt.Errorf("read the tenant again: %w", err)
	}
	if pending := plan.Pending(); len(pending) > 0 {
		return plan, fmt.Errorf("%w: %s %s is still to be done", ErrNotConverged, pending[0].Action, pending[0].Object)
	}
	return plan, nil
}
