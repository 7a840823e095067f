package app

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// RemovePasskey lets a person who is signed in remove a passkey of their own, such as that of
// a lost phone. All fields but End must be set; it is safe for concurrent use.
type RemovePasskey struct {
	Tokens    ports.AccessTokenVerifier
	Admission ports.Admission
	Enroller  ports.PasskeyEnroller
	Audit     ports.AuditLog
	Policy    domain.EnrolPolicy
	Deadline  time.Duration
	Now       func() time.Time
	NewOwner  func() domain.Owner
	// End ends the sessions of who has no passkey left; nil if they may outlive it.
	End *EndSessions
}

// Removal is what a caller of RemovePasskey asks for.
type Removal struct {
	Access  domain.Secret // an access token of the identity provider
	Passkey string        // the id of the passkey
	Client  domain.Client
}

// Execute removes the passkey. The error wraps one of domain's reasons, or is a fault of
// ours. The attempt is recorded either way. A removal that must be on record and is not has
// taken place all the same: whoever repeats it gets that recorded, with passkey_unknown.
func (uc *RemovePasskey) Execute(ctx context.Context, asked Removal) error {
	ctx, cancel := context.WithTimeout(ctx, uc.Deadline)
	defer cancel()
	attempt := domain.Attempt{
		Event:     domain.EventRemove,
		At:        uc.Now(),
		Client:    asked.Client,
		TokenHash: asked.Access.Hash(),
		Passkey:   asked.Passkey,
	}
	err := uc.remove(ctx, asked, &attempt)
	attempt.Took, attempt.Err = uc.Now().Sub(attempt.At), err
	if lost := record(ctx, uc.Audit, attempt); lost != nil && err == nil {
		return fmt.Errorf("the passkey is removed: %w", lost)
	}
	return err
}

func (uc *RemovePasskey) remove(ctx context.Context, asked Removal, attempt *domain.Attempt) error {
	access, err := uc.Tokens.VerifyAccess(ctx, asked.Access)
	if err != nil {
		return fmt.Errorf("verify the access token: %w", err)
	}
	attempt.Identity = access.Identity()
	if err := uc.Policy.MayChange(access, uc.Now()); err != nil {
		return err
	}
	if err := uc.Admission.Admit(ctx, once(access, uc.NewOwner())); err != nil {
		return fmt.Errorf("admit the removal: %w", err)
	}
	if err := uc.Enroller.RemovePasskey(ctx, access.Subject, asked.Passkey); err != nil {
		return fmt.Errorf("remove the passkey: %w", err)
	}
	uc.endSessions(ctx, access, attempt)
	return nil
}

// endSessions does what a message of the authority's does, which may be lost. It goes on if
// the caller leaves. What fails is on record, and changes nothing of the removal, which has
// taken place.
func (uc *RemovePasskey) endSessions(ctx context.Context, access domain.AccessToken, attempt *domain.Attempt) {
	if uc.End == nil {
		return
	}
	_ = uc.End.Execute(context.WithoutCancel(ctx), Ending{
		Departure: domain.Departure{Authority: access.Issuer, Subject: access.Subject, At: attempt.At, Why: domain.NotePasskeyDeleted},
		Client:    attempt.Client,
	})
}

// once is the identity of one call by an access token that may be used for several, so that
// limits count each.
func once(access domain.AccessToken, call domain.Owner) domain.Identity {
	identity := access.Identity()
	identity.ProofID = hex.EncodeToString(call[:])
	return identity
}
