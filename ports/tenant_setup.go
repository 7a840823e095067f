package ports

import (
	"context"

	"nativebridge/domain"
)

// TenantSetup makes a vendor's tenant ready for the bridge. It never deletes
// anything, and it may be stopped after any call: a new plan holds what is left
// to do.
type TenantSetup interface {
	// Plan reads the tenant and says what must be done; it changes nothing. The
	// error says what keeps it from reading, such as the rights that are missing, and
	// how to mend that.
	Plan(ctx context.Context) (domain.TenantPlan, error)
	// Apply takes one step of a plan. It reads the object again before it writes, so
	// that what somebody else changed meanwhile is not lost. A step that is done
	// already is no error.
	Apply(ctx context.Context, step domain.TenantStep) error
	// Settings returns what the bridge must be started with, once no step is pending.
	Settings(ctx context.Context) ([]domain.TenantSetting, error)
}
