package domain

import "time"

// Attempt is one exchange as the audit log keeps it: who, what, when, and how it
// ended, with hashes in place of tokens.
type Attempt struct {
	At        time.Time
	Took      time.Duration
	Client    Client
	TokenHash string
	// Identity is zero when the token proved nobody.
	Identity Identity
	Access   Access
	// Proof is zero when the attempt ended before it claimed one.
	Proof ProofKey
	// Err is how it ended; nil means that a session was delivered.
	Err error
}

// Outcome names how the attempt ended: "session_delivered", the code of the
// reason, or "fault" for a fault of ours.
func (a Attempt) Outcome() string {
	if a.Err == nil {
		return "session_delivered"
	}
	if reason, ok := ReasonOf(a.Err); ok {
		return string(reason)
	}
	return "fault"
}
