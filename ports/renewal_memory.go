package ports

import (
	"context"
	"time"

	"nativebridge/domain"
)

// RenewalMemory remembers what became of the renewals of a refresh token, so that the
// issuer is asked once for each, and a lost answer can be given again. It is atomic across
// everybody who shares it. What it keeps is sealed by its callers: it can open nothing.
//
// An error of any method wraps domain.ErrUnavailable if the memory is full or cannot tell.
// It must never forget a live answer, or a live turn, to make room.
type RenewalMemory interface {
	// Begin takes the turn for turn.Owner, or tells why it is not to be had. Of any number
	// of owners who come at once exactly one must get it. The owner who holds it may
	// repeat the call: it is told the same, and holds the turn for another turn.Lease.
	//
	// A turn whose lease ended without an answer leaves doubt: the issuer may have been
	// asked. It may be asked again, by one owner at a time, only while it has
	// turn.Patience and more until turn.Leeway is over, which counts from the first
	// Begin. That must not be said if the memory does not reach back for turn.Leeway
	// before that Begin, because there may have been an earlier one. The doubt ends
	// turn.Keep after the first Begin, and then nothing is known of the token.
	Begin(ctx context.Context, turn domain.Turn) (domain.Standing, error)

	// Keep remembers the issuer's answer to a renewal that went well, for the given time,
	// and returns it. If one is kept already, it must return that and change nothing:
	// everybody gets the same. It does not matter who holds the turn.
	Keep(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) (kept []byte, err error)

	// Refuse remembers for the given time that the issuer refused, or was not asked, for
	// those who wait. It ends the turn and leaves no doubt. If turn.Owner does not hold
	// the turn, it must do nothing and return nil.
	Refuse(ctx context.Context, turn domain.Turn, answer []byte, during time.Duration) error

	// Forget drops the answer that is kept for a refresh token, if there is one: the
	// session is over.
	Forget(ctx context.Context, name domain.RenewalName) error
}
