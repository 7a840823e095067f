package app

import (
	"context"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// EndSessions ends the sessions of a person who lost their passkey, or is gone: those
// that began before are renewed no more. All fields but Ender must be set; it is safe for
// concurrent use. To execute it again, late or out of order does no harm.
type EndSessions struct {
	Passkeys ports.Passkeys
	Ended    ports.EndedSessions
	// Ender also has the issuer end them; nil if it cannot.
	Ender ports.SessionEnder
	Audit ports.AuditLog
	// AnyPasskey ends the sessions of a person who lost one passkey of several, too.
	AnyPasskey bool
	// Skew is how far the authority's clock may be ahead.
	Skew     time.Duration
	Deadline time.Duration
	Now      func() time.Time
}

// Ending is what a caller of EndSessions tells.
type Ending struct {
	domain.Departure
	Client domain.Client
}

// Execute ends the sessions, or finds that the person has another passkey. It is done once
// it returns nil: what the issuer does besides may come later. The error wraps one of
// domain's reasons, or is a fault of ours; the caller must then tell it again. What
// happened is on record either way.
func (uc *EndSessions) Execute(ctx context.Context, told Ending) error {
	ctx, cancel := context.WithTimeout(ctx, uc.Deadline)
	defer cancel()
	attempt := domain.Attempt{
		Event:    domain.EventEnd,
		At:       uc.Now(),
		Client:   told.Client,
		Identity: domain.Identity{Authority: told.Authority, Subject: told.Subject},
		Note:     told.Why,
	}
	err := uc.end(ctx, told.Departure, &attempt)
	attempt.Took, attempt.Err = uc.Now().Sub(attempt.At), err
	if lost := record(ctx, uc.Audit, attempt); lost != nil && err == nil {
		return fmt.Errorf("the sessions are dealt with: %w", lost)
	}
	return err
}

func (uc *EndSessions) end(ctx context.Context, told domain.Departure, attempt *domain.Attempt) error {
	if told.Why == domain.NotePasskeyDeleted && !uc.AnyPasskey {
		// What they got since does not count: somebody who lost their only passkey may
		// have signed up with another one before this message came.
		left, err := uc.Passkeys.Has(ctx, told.Subject, told.At)
		if err != nil {
			return fmt.Errorf("ask whether the person has another passkey: %w", err)
		}
		if left {
			attempt.Note = domain.NotePasskeyLeft
			return nil
		}
	}
	before := told.At
	if latest := uc.Now().Add(uc.Skew); before.After(latest) { // or sign-ins to come would be over already
		before = latest
	}
	if err := uc.Ended.Mark(ctx, told.Subject, before); err != nil {
		return fmt.Errorf("note that the person's sessions have ended: %w", err)
	}
	if uc.Ender == nil {
		return nil
	}
	if err := uc.Ender.End(ctx, told.Subject, before); err != nil {
		return fmt.Errorf("the sessions are renewed no more, but have the issuer end them: %w", err)
	}
	return nil
}
