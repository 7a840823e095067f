package app

import (
	"context"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// RevokeSession ends a session: its refresh token, and whatever the issuer ends
// with it. All fields must be set, but a zero Once keeps no answers; it is safe for
// concurrent use.
type RevokeSession struct {
	Revoker  ports.SessionRevoker
	Once     RenewOnce
	Audit    ports.AuditLog
	Deadline time.Duration
	Now      func() time.Time
}

// Revocation is what a caller of RevokeSession asks for.
type Revocation struct {
	Refresh domain.Secret
	Client  domain.Client
}

// Execute revokes the refresh token. An unknown one is revoked already (RFC 7009,
// section 2.2). The error wraps one of domain's reasons, or is a fault of ours. A
// revocation that must be on record and is not has taken place all the same: whoever
// repeats it gets it recorded, and ends nothing twice.
func (uc *RevokeSession) Execute(ctx context.Context, asked Revocation) error {
	ctx, cancel := context.WithTimeout(ctx, uc.Deadline)
	defer cancel()
	attempt := domain.Attempt{
		Event:     domain.EventRevoke,
		At:        uc.Now(),
		Client:    asked.Client,
		TokenHash: asked.Refresh.Hash(),
	}
	err := uc.revoke(ctx, asked.Refresh)
	attempt.Took, attempt.Err = uc.Now().Sub(attempt.At), err
	if lost := record(ctx, uc.Audit, attempt); lost != nil && err == nil {
		return fmt.Errorf("the session is revoked: %w", lost)
	}
	return err
}

// revoke ends the session, and then drops the answer that is kept for its refresh token: an
// app that lost that answer signs out with the token that it has.
func (uc *RevokeSession) revoke(ctx context.Context, refresh domain.Secret) error {
	if err := uc.Revoker.Revoke(ctx, refresh); err != nil {
		return fmt.Errorf("revoke the session: %w", err)
	}
	_ = uc.Once.forget(ctx, refresh) // the session is over; while the memory is away it gives no answers either
	return nil
}
