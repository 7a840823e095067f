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
	// known: the ceremony did not end earlier. Zero means that it is not known how
	// Authority's clock differs from the bridge's.
	AuthenticatedAfter time.Time
	// Email is the address that Authority has of the person, as it writes it. It is
	// empty if Authority has none, or if the verifier was not set up to ask for it. It
	// is a Secret because it is personal data: no log, error or audit line may tell it.
	Email Secret
	// EmailVerified is true only if Email is set and Authority says that it has been
	// verified.
	EmailVerified bool
}

// Equal reports whether both identities say the same, Email by its text. The
// operator == would compare which Secret it is.
func (id Identity) Equal(other Identity) bool {
	sameEmail := id.Email.Equal(other.Email)
	id.Email, other.Email = Secret{}, Secret{}
	return sameEmail && id == other
}
