package ports

import (
	"context"

	"nativebridge/domain"
)

// AuditLog keeps what a security team asks about afterwards.
type AuditLog interface {
	// Record writes one attempt down before its answer is given: when it returns, the
	// attempt outlives the process. If the place that it writes to hangs, it gives
	// up sooner, at the latest when ctx ends; the attempt is then written late,
	// before those that come after it, or it is lost. An adapter counts lost
	// attempts and tells the operator that attempts are late or lost; it never
	// stops an exchange. It must write no credential and no cause of an error,
	// only the attempt's outcome.
	Record(ctx context.Context, attempt domain.Attempt)
}
