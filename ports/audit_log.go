package ports

import (
	"context"

	"nativebridge/domain"
)

// AuditLog keeps what a security team asks about afterwards.
type AuditLog interface {
	// Record writes one attempt down before its answer is given: when it returns nil, the
	// attempt outlives the process. If the place that it writes to hangs, it gives
	// up sooner, at the latest when ctx ends; the attempt is then written late,
	// before those that come after it, or it is lost. An adapter counts lost
	// attempts and tells the operator that attempts are late or lost. It must write no
	// credential and no cause of an error, only the attempt's outcome.
	//
	// The error says that the attempt is not on record, although it must be: a caller who
	// would have got something gets nothing. It wraps domain.ErrUnavailable. A log whose
	// attempts need not be on record must return nil for a late or lost one, so that it
	// stops no exchange.
	Record(ctx context.Context, attempt domain.Attempt) error
}
