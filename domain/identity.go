package domain

import "time"

// MethodPasskey is Identity.Method for a passkey ceremony. A verifier that calls
// it something else translates.
const MethodPasskey = "PASSKEY"

// Identity is the person a passkey token proves and the circumstances of the
// proof, as the authority reports them. Whether it is good enough for a session
// is SignInPolicy's to say.
type Identity struct {
	// Authority is who vouches: verifier and tenant.
	Authority string
	// Subject is the user's id at Authority. It is compared byte for byte.
	Subject string
	// Action is what the ceremony was for, such as "signInWithPasskey".
	Action string
	// Method is how the person was verified; see MethodPasskey.
	Method string
	// ProofID names the ceremony, uniquely within Authority, Subject and Action.
	// It is never a hash of the whole token, whose signature has several spellings.
	ProofID string
	// AuthenticatedAt is the end of the ceremony by Authority's clock. Zero means
	// that Authority did not say.
	AuthenticatedAt time.Time
	// AuthenticatedAfter is the same moment by the bridge's clock, as far as that is
	// known: the ceremony did not end earlier. Zero means that nothing told how
	// Authority's clock differs from the bridge's.
	AuthenticatedAfter time.Time
}
