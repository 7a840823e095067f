package ports

import (
	"context"

	"nativebridge/domain"
)

// SessionRevoker ends sessions at the identity provider.
type SessionRevoker interface {
	// Revoke ends the session that refresh belongs to. Revoking an unknown or
	// already revoked token succeeds (RFC 7009 section 2.2).
	//
	// The error wraps domain.ErrBusy or ErrUnavailable if the issuer could not be
	// asked, and must wrap no other reason: if the issuer refuses, the session
	// goes on, and the fault is the bridge's.
	Revoke(ctx context.Context, refresh domain.Secret) error
}
