package ports

import (
	"context"
	"time"

	"nativebridge/domain"
)

// EndedSessions remembers, for each person, the time before which their sessions have
// ended: the mark. It is shared by everybody who renews sessions.
type EndedSessions interface {
	// Mark notes that the sessions of subject have ended whose sign-in was before the
	// time, to the millisecond. A mark only moves forward: an earlier one, which comes late
	// or again, must change nothing. It is remembered for as long as a refresh token can
	// live, from the moment it is set, and concerns nobody else.
	//
	// The error wraps domain.ErrUnavailable if the mark is not known to be remembered.
	// Marks must never be forgotten to make room.
	Mark(ctx context.Context, subject string, before time.Time) error

	// Ended reports whether the session has ended. If its person has no mark, it has not,
	// whatever else is not known of it. If there is one, the session has ended unless it is
	// known to have begun at that time or later: then it is remembered that session.To
	// continues a session of that beginning, for as long as it can live, so that each
	// renewal finds out. What is remembered of session.From goes before session.Began, which is less
	// exact. What is not known counts as before the mark.
	//
	// The error wraps domain.ErrUnavailable if it could not be found out: it must never say
	// that a session goes on because it could not be found out.
	Ended(ctx context.Context, session domain.Lineage) (bool, error)
}
