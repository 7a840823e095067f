package app

import (
	"context"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// ListPasskeys tells a person who is signed in which passkeys they have. It changes nothing,
// so the sign-in may be an old one. All fields must be set; it is safe for concurrent use.
type ListPasskeys struct {
	Tokens    ports.AccessTokenVerifier
	Admission ports.Admission
	Enroller  ports.PasskeyEnroller
	Audit     ports.AuditLog
	Policy    domain.EnrolPolicy
	Deadline  time.Duration
	Now       func() time.Time
	NewOwner  func() domain.Owner
}

// Listing is what a caller of ListPasskeys asks for.
type Listing struct {
	Access domain.Secret // an access token of the identity provider
	Client domain.Client
}

// Execute returns the passkeys of the access token's person. The error wraps one of domain's
// reasons, or is a fault of ours. The attempt is recorded either way; a list whose attempt
// must be on record and is not is not delivered.
func (uc *ListPasskeys) Execute(ctx context.Context, asked Listing) ([]domain.Passkey, error) {
	ctx, cancel := context.WithTimeout(ctx, uc.Deadline)
	defer cancel()
	attempt := domain.Attempt{
		Event:     domain.EventList,
		At:        uc.Now(),
		Client:    asked.Client,
		TokenHash: asked.Access.Hash(),
	}
	passkeys, err := uc.list(ctx, asked, &attempt)
	attempt.Took, attempt.Err = uc.Now().Sub(attempt.At), err
	if lost := record(ctx, uc.Audit, attempt); lost != nil && err == nil {
		return nil, withdraw(ctx, uc.Audit, attempt, lost)
	}
	return passkeys, err
}

func (uc *ListPasskeys) list(ctx context.Context, asked Listing, attempt *domain.Attempt) ([]domain.Passkey, error) {
	access, err := uc.Tokens.VerifyAccess(ctx, asked.Access)
	if err != nil {
		return nil, fmt.Errorf("verify the access token: %w", err)
	}
	attempt.Identity = access.Identity()
	if err := uc.Policy.MayRead(access); err != nil {
		return nil, err
	}
	if err := uc.Admission.Admit(ctx, once(access, uc.NewOwner())); err != nil {
		return nil, fmt.Errorf("admit the listing: %w", err)
	}
	passkeys, err := uc.Enroller.Passkeys(ctx, access.Subject)
	if err != nil {
		return nil, fmt.Errorf("list the passkeys: %w", err)
	}
	return passkeys, nil
}
