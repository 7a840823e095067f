package ports

import (
	"context"

	"nativebridge/domain"
)

// Admission decides whether a sign-in may go on now. It knows how many there may be, of
// one person and of all.
type Admission interface {
	// Admit lets a sign-in go on, or says why it may not now. Identity is proven: nobody
	// can be kept out by tokens that somebody else made. It is asked before the proof is
	// claimed, so a sign-in that it refuses costs nobody their proof, and the same token
	// can succeed later. It may wait for a turn, within ctx, and refuses at once what
	// cannot have one in time.
	//
	// The error wraps domain.ErrBusy or ErrUnavailable, and carries when to come back.
	// It must wrap no other reason. An Admission that cannot tell admits.
	Admit(ctx context.Context, identity domain.Identity) error
}
