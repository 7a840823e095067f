package app

import (
	"context"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// RenewSession exchanges a refresh token for fresh tokens of the same session.
// The refresh token belongs to the bridge's own client at the issuer, so an app
// cannot renew without it. All fields but Watched must be set; it is safe for concurrent use.
type RenewSession struct {
	Renewer  ports.SessionRenewer
	Once     RenewOnce
	Revoker  ports.SessionRevoker
	Audit    ports.AuditLog
	Access   domain.AccessPolicy
	Watched  *WatchedSessions // keeps sessions from outliving their person's passkey; nil if they may
	Deadline time.Duration
	Now      func() time.Time
}

// Renewal is what a caller of RenewSession asks for. A zero Access keeps what the
// session has.
type Renewal struct {
	Refresh domain.Secret
	Access  domain.Access
	Client  domain.Client
}

// Execute returns the renewed session, with a new refresh token if the issuer
// rotates them. The error wraps one of domain's reasons, or is a fault of ours. Fresh
// tokens whose renewal must be on record and is not are dropped. The session lives on:
// it was there before, and nobody has more of it than they had.
func (uc *RenewSession) Execute(ctx context.Context, asked Renewal) (domain.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, uc.Deadline)
	defer cancel()
	attempt := domain.Attempt{
		Event:     domain.EventRenew,
		At:        uc.Now(),
		Client:    asked.Client,
		TokenHash: asked.Refresh.Hash(),
	}
	session, err := uc.renew(ctx, asked, &attempt)
	attempt.Took, attempt.Err = uc.Now().Sub(attempt.At), err
	if lost := record(ctx, uc.Audit, attempt); lost != nil && err == nil {
		return domain.Session{}, withdraw(ctx, uc.Audit, attempt, lost)
	}
	return session, err
}

// renew is: what is asked is offered, obtain the answer, check it. What becomes known on
// the way is noted on attempt.
func (uc *RenewSession) renew(ctx context.Context, asked Renewal, attempt *domain.Attempt) (domain.Session, error) {
	access, err := uc.Access.Offered(asked.Access)
	if err != nil {
		return domain.Session{}, err
	}
	attempt.Access, asked.Access = access, uc.Watched.ask(access)
	session, err := uc.Once.obtain(ctx, uc.Renewer, asked, attempt)
	if err != nil {
		return domain.Session{}, fmt.Errorf("renew the session: %w", err)
	}
	attempt.Identity.Subject = session.Subject
	alive := session.RefreshToken
	if alive.IsZero() { // it was not rotated
		alive = asked.Refresh
	}
	if err := uc.check(session); err != nil {
		return domain.Session{}, disown(ctx, uc.Revoker, alive, err)
	}
	if over, err := uc.Watched.check(ctx, asked.Refresh, alive, session, attempt); over {
		return domain.Session{}, disown(ctx, uc.Revoker, alive, err)
	} else if err != nil {
		return domain.Session{}, err
	}
	return session, nil
}

// check returns why a renewed session must not be delivered, whoever it was obtained from.
func (uc *RenewSession) check(session domain.Session) error {
	return uc.Access.CheckGranted(session.Scope)
}
