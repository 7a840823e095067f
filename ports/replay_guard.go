package ports

import (
	"context"

	"nativebridge/domain"
)

// ReplayGuard remembers which proofs are used, so that at most one session is
// delivered for each. It is atomic across everybody who shares it.
type ReplayGuard interface {
	// Claim takes the proof for claim.Owner and remembers it for claim.Keep. Of any
	// number of owners exactly one must win; the winner may repeat the call and
	// wins again.
	//
	// The error wraps
	//   - domain.ErrTokenReplayed if somebody else holds the proof, or if
	//     claim.ProvenAt is before the guard's memory begins: it does not vouch for
	//     what it may have forgotten,
	//   - domain.ErrUnavailable if the guard is full or cannot tell. It must never
	//     forget a live claim to make room.
	Claim(ctx context.Context, claim domain.Claim) error

	// Release gives the proof back while claim.Owner holds it, and otherwise must
	// do nothing and return nil. The error wraps domain.ErrUnavailable if the guard
	// could not be asked.
	Release(ctx context.Context, claim domain.Claim) error
}
