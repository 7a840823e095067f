package ports

import (
	"context"

	"nativebridge/domain"
)

// IdentityVerifier asks the authority that ran the passkey ceremony what a token
// proves.
type IdentityVerifier interface {
	// Verify returns the identity that token proves. It says only whether the token
	// proves somebody: subject, proof id and time must be set, while action, method
	// and time are reported as the authority gives them and judged by
	// domain.SignInPolicy. The same ceremony must always give the same proof id.
	// AuthenticatedAfter must not be later than the end of the ceremony, however far
	// the authority's clock is ahead; a verifier that cannot tell leaves it zero.
	// Email must be the authority's own for this person: a verifier never takes it from
	// the caller, makes one up, or calls one verified that the authority does not. A
	// verifier that is to tell it, and cannot ask for it, fails with ErrUnavailable or
	// ErrBusy as below. No error may hold it.
	//
	// The error wraps
	//   - domain.ErrTokenRejected if the token proves nobody,
	//   - domain.ErrBusy if the authority's limit is reached,
	//   - domain.ErrUnavailable if the authority could not be asked or gave no
	//     answer that can be understood: a verifier that cannot tell must never
	//     say "rejected",
	//   - none of these if the authority refused the bridge itself.
	Verify(ctx context.Context, token domain.PasskeyToken) (domain.Identity, error)
}
