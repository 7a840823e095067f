package ports

import (
	"context"

	"nativebridge/domain"
)

// TokenIssuer opens sessions at the identity provider.
type TokenIssuer interface {
	// Issue opens a session for grant.Identity and returns the issuer's own tokens.
	// It must verify the ID token before it reports its subject, and must report
	// the subject it found there, not the one it asked for: the caller compares.
	// A zero field of the grant is not sent, above all not an address. It asks for
	// grant.Access.Scope and must report the scope that was granted, which may be
	// more: the caller compares that, too.
	//
	// The error wraps
	//   - domain.ErrAccessDenied, ErrMFARequired or ErrAccountBlocked if the issuer
	//     refused this person: the proof is spent,
	//   - domain.ErrBusy or ErrUnavailable if the issuer gave no session and the
	//     same grant could succeed later,
	//   - none of these if the issuer refused the bridge itself, or answered with
	//     a session that does not verify.
	Issue(ctx context.Context, grant domain.Grant) (domain.Session, error)
}
