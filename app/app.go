// Package app holds the use cases, one file each. They know the domain and the
// ports, and no adapter, transport or configuration.
package app

import (
	"context"
	"fmt"
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

// disown revokes a session that must not be delivered and returns the fault. A
// session without a refresh token cannot be revoked, and is dropped.
func disown(ctx context.Context, revoker ports.SessionRevoker, refresh domain.Secret, fault error) error {
	if refresh.IsZero() {
		return fault
	}
	ctx, cancel := cleanUp(ctx)
	defer cancel()
	if err := revoker.Revoke(ctx, refresh); err != nil {
		// Its reason is not wrapped: this is a fault of ours whatever the revoker says.
		return fmt.Errorf("%w; its refresh token could not be revoked: %s", fault, err.Error())
	}
	return fault
}

// record returns an error if the attempt must be on record and is not.
func record(ctx context.Context, audit ports.AuditLog, attempt domain.Attempt) error {
	ctx, cancel := cleanUp(ctx)
	defer cancel()
	if err := audit.Record(ctx, attempt); err != nil {
		return fmt.Errorf("record the attempt: %w", err)
	}
	return nil
}

// withdraw ends an attempt that succeeded, and whose caller gets nothing all the same,
// because of fault. It records the attempt again, as one that failed: the line that was
// not written in time may yet be, and tells of a success.
func withdraw(ctx context.Context, audit ports.AuditLog, attempt domain.Attempt, fault error) error {
	attempt.Err = domain.WithProofInDoubt(fault)
	_ = record(ctx, audit, attempt) // the answer is fault already
	return attempt.Err
}
