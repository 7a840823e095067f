package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// RenewalName names a refresh token in a store without telling anything of it.
type RenewalName [sha256.Size]byte

// String returns the name in hexadecimal.
func (n RenewalName) String() string { return hex.EncodeToString(n[:]) }

// NoRotation is the Leeway of an issuer whose refresh tokens are good for any number of
// renewals: nothing is ever used up.
const NoRotation = 100 * 366 * 24 * time.Hour

// Turn is one attempt's right to ask the issuer for the renewal of one refresh token.
type Turn struct {
	// Name is that of the refresh token.
	Name RenewalName
	// Owner is the attempt.
	Owner Owner
	// Lease is how long the turn is held from each Begin of its owner. A turn that was not
	// ended by then is that of an attempt which died.
	Lease time.Duration
	// Leeway is how long after its first use the issuer takes a refresh token once more.
	// Zero means that it does not, or that nobody knows.
	Leeway time.Duration
	// Patience is how long the issuer may take to act on what it is asked.
	Patience time.Duration
	// Keep is how long it is remembered that the issuer may have been asked, from the first
	// Begin. It is no shorter than Leeway, unless that is NoRotation.
	Keep time.Duration
}

// Reach is how far a memory must reach back to know the first use of a refresh token, as
// far as that matters.
func (t Turn) Reach() time.Duration {
	if t.Leeway == NoRotation {
		return 0
	}
	return t.Leeway
}

// Standing is what a memory of renewals knows of a refresh token.
type Standing struct {
	Is TurnIs
	// Answer is what was kept, if Is is TurnAnswered.
	Answer []byte
	// Left is, for TurnAgain, how long the issuer may be asked; for TurnInDoubt, how long
	// that will be so.
	Left time.Duration
}

// TurnIs says whose turn it is.
type TurnIs string

// The standings of a turn.
const (
	// TurnYours: ask the issuer. Nobody else does.
	TurnYours TurnIs = "yours"
	// TurnAgain: ask the issuer, which may have been asked before. Its leeway makes that
	// harmless.
	TurnAgain TurnIs = "again"
	// TurnTaken: somebody else asks the issuer. Come back.
	TurnTaken TurnIs = "taken"
	// TurnAnswered: the issuer has answered somebody.
	TurnAnswered TurnIs = "answered"
	// TurnInDoubt: somebody may have asked the issuer, and nobody knows the answer. It must
	// not be asked again: it could take that for the reuse of a stolen token, and end the
	// session.
	TurnInDoubt TurnIs = "in_doubt"
)
