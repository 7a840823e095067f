package domain

import (
	"context"
	"errors"
	"time"
)

// Event is what was attempted.
type Event string

// The events, one for each use case.
const (
	EventExchange Event = "exchange"
	EventRenew    Event = "renew"
	EventRevoke   Event = "revoke"

	EventEnrol  Event = "enrol"
	EventList   Event = "list"
	EventRemove Event = "remove"
)

// Attempt is one call of a use case as the audit log keeps it: who, what, when,
// and how it ended, with hashes in place of tokens.
type Attempt struct {
	Event  Event
	At     time.Time
	Took   time.Duration
	Client Client
	// TokenHash is of the passkey token, of the refresh token, or of the access token.
	TokenHash string
	// Identity is zero when the token proved nobody. A renewal knows the subject
	// only, from the new ID token if there is one.
	Identity Identity
	Access   Access
	// Proof is zero when the attempt ended before it claimed one.
	Proof ProofKey
	// Passkey is the id of the passkey that was to be removed; "" otherwise.
	Passkey string
	// Repeated says that a renewal was given the answer to another one with the same
	// refresh token; Waited, that it waited for another one to end.
	Repeated, Waited bool
	// Err is how it ended; nil means well.
	Err error
}

// Outcome names how the attempt ended: "session_delivered", "session_renewed",
// "session_revoked", "enrolment_begun", "passkeys_listed" or "passkey_removed", the code of
// the reason, or "fault" for a fault of ours. A caller who left and a deadline that passed
// are "unavailable", as in the answer.
func (a Attempt) Outcome() string {
	if a.Err == nil {
		switch a.Event {
		case EventRenew:
			return "session_renewed"
		case EventRevoke:
			return "session_revoked"
		case EventEnrol:
			return "enrolment_begun"
		case EventList:
			return "passkeys_listed"
		case EventRemove:
			return "passkey_removed"
		}
		return "session_delivered"
	}
	if reason, ok := ReasonOf(a.Err); ok {
		return string(reason)
	}
	if errors.Is(a.Err, context.Canceled) || errors.Is(a.Err, context.DeadlineExceeded) {
		return string(ErrUnavailable)
	}
	return "fault"
}
