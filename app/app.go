// Package app holds the use cases, one file each. They know the domain and the
// ports, and no adapter, transport or configuration.
package app

import (
	"context"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// cleanUpTime bounds what is still done for a caller who is gone: releasing a
// claim, revoking a session that must not live, recording the attempt.
const cleanUpTime = 2 * time.Second

// cleanUp returns a context that outlives the caller's by at most cleanUpTime.
func cleanUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
}

func record(ctx context.Context, audit ports.AuditLog, attempt domain.Attempt) {
	ctx, cancel := cleanUp(ctx)
	defer cancel()
	audit.Record(ctx, attempt)
}
