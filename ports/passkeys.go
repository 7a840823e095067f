package ports

import (
	"context"
	"time"
)

// Passkeys tells who has a passkey at the authority that runs the ceremonies.
type Passkeys interface {
	// Has reports whether the person has a passkey now that they had by that time already.
	// Subject is written as in domain.Identity. A person whom the authority does not
	// know has none, and authenticators of other kinds are no passkeys.
	//
	// The error wraps domain.ErrBusy or ErrUnavailable if the authority could not be asked
	// or gave no answer that can be understood: an adapter that cannot tell must say
	// neither. It wraps none of the reasons if the authority refused the bridge itself.
	Has(ctx context.Context, subject string, by time.Time) (bool, error)
}
