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
	// EventEnd: the authority told that a person lost their passkey, or is gone.
	EventEnd Event = "end"
)

// Note says why something happened to a person's sessions, where the outcome alone does
// not tell.
type Note string

// The notes.
const (
	// NotePasskeyDeleted: a passkey of the person was deleted.
	NotePasskeyDeleted Note = "passkey_deleted"
	// NoteUserDeleted: the person was deleted at the authority.
	NoteUserDeleted Note = "user_deleted"
	// NotePasskeyLeft: a passkey was deleted, and the person has another.
	NotePasskeyLeft Note = "passkey_left"
	// NoteEnded: the session began before the person's sessions were ended.
	NoteEnded Note = "session_ended"
	// NoteNoPasskey: the authority was asked, and the person has no passkey any more.
	NoteNoPasskey Note = "no_passkey"
	// NoteNotRechecked: the authority was to be asked whether the person has a passkey, and
	// could not be.
	NoteNotRechecked Note = "passkey_not_rechecked"
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
	// refresh token.
	Repeated bool
	// Waited says that a renewal waited for another one with the same refresh token.
	Waited bool
	// Note says what the outcome does not; "" if there is nothing.
	Note Note
	// Err is how it ended; nil means well.
	Err error
}

// Outcome names how the attempt ended: "session_delivered", "session_renewed",
// "session_revoked", "enrolment_begun", "passkeys_listed", "passkey_removed",
// "sessions_ended" or "sessions_kept", the code of the reason, or "fault" for a fault of
// ours. A caller who left and a deadline that passed are "unavailable", as in the answer.
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
		case EventEnd:
			if a.Note == NotePasskeyLeft {
				return "sessions_kept"
			}
			return "sessions_ended"
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
