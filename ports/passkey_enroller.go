package ports

import (
	"context"

	"nativebridge/domain"
)

// PasskeyEnroller manages people's passkeys at the authority that runs their ceremonies.
// Subject is always a person who is proven, as the authority writes its user ids, and
// nothing that it does may be about anybody else.
//
// The error of each method wraps domain.ErrBusy if the authority's limit is reached,
// domain.ErrUnavailable if it could not be asked or gave no answer that can be understood,
// or a reason that the method names; and none of these if the authority refused the bridge
// itself.
type PasskeyEnroller interface {
	// Enrol returns a token with which whoever holds it adds one passkey to subject. It must
	// be one for an action that is no sign-in: what it proves later opens no session. From
	// tells the authority who asks; its zero fields are not sent. The error may wrap
	// domain.ErrEnrolmentDenied if the authority does not want this person to have one now.
	Enrol(ctx context.Context, subject string, from domain.Client) (domain.Secret, error)
	// Passkeys returns subject's passkeys and nothing else that they sign in with; none for a
	// person whom the authority does not know.
	Passkeys(ctx context.Context, subject string) ([]domain.Passkey, error)
	// RemovePasskey removes the passkey with that id, if it is subject's. It must touch no
	// other authenticator of theirs, and nobody else's. The error wraps
	// domain.ErrPasskeyUnknown if subject has no such passkey. Id comes from the caller and
	// may be any text.
	RemovePasskey(ctx context.Context, subject, id string) error
}
