package ports

import (
	"context"

	"nativebridge/domain"
)

// SessionRenewer renews sessions at the identity provider.
type SessionRenewer interface {
	// Renew exchanges refresh for fresh tokens. Asked is zero where nothing is asked
	// for, and then the session keeps what it has. A rotated refresh token is in the
	// answer; without one, the old goes on. An ID token that comes must be verified,
	// and only then is its subject reported. The granted scope must be reported,
	// which may be more than was asked for: the caller compares. It is nil if
	// nothing was asked for and the issuer does not tell it.
	//
	// The error wraps
	//   - domain.ErrGrantInvalid if the refresh token is good for nothing any more:
	//     the app must forget it,
	//   - domain.ErrAccessDenied, ErrMFARequired or ErrAccountBlocked if the issuer
	//     refuses the person,
	//   - domain.ErrBusy or ErrUnavailable if the same token could work later,
	//   - none of these if the issuer refused the bridge itself, or answered with a
	//     session that does not verify.
	//
	// It says that the refresh token is in doubt (domain.ProofInDoubt) if the provider may
	// have used it up: what was sent may have been acted on, and no session came of it. It
	// must not say so of a refusal, of a limit, or of what was never sent.
	Renew(ctx context.Context, refresh domain.Secret, asked domain.Access, from domain.Client) (domain.Session, error)
}
