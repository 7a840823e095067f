package ports

import (
	"context"
	"time"
)

// SessionEnder ends a person's sessions at the identity provider, whoever holds their
// refresh tokens.
type SessionEnder interface {
	// End has the issuer end the sessions of subject that the bridge's client began before
	// the time. Subject is written as in domain.Identity. It must end no session of another
	// person, and none that began later. To end what has ended, or what a person without
	// sessions has, succeeds. The issuer may take some time after End has returned.
	//
	// The error wraps domain.ErrBusy or ErrUnavailable if the same call could succeed
	// later, and must wrap no other reason: that the issuer refuses the bridge is a fault of
	// the bridge.
	End(ctx context.Context, subject string, before time.Time) error
}
