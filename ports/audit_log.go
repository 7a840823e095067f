package ports

import (
	"context"

	"nativebridge/domain"
)

// AuditLog keeps what a security team asks about afterwards.
type AuditLog interface {
	// Record writes one attempt down before its answer is given. An adapter that
	// fails counts the failure and says so to the operator; it never stops an
	// exchange. It must write no credential and no cause of an error, only the
	// attempt's outcome.
	Record(ctx context.Context, attempt domain.Attempt)
}
