package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// EnrolPasskey lets a person who is signed in add a passkey: their own, and nobody else's.
// One access token begins at most one enrolment. All fields must be set; it is safe for
// concurrent use.
type EnrolPasskey struct {
	Tokens    ports.AccessTokenVerifier
	Admission ports.Admission
	Guard     ports.ReplayGuard
	Enroller  ports.PasskeyEnroller
	Audit     ports.AuditLog

	Policy domain.EnrolPolicy
	// Deadline bounds an enrolment from its first step to its last.
	Deadline time.Duration

	Now      func() time.Time
	NewOwner func() domain.Owner
}

// Enrolment is what a caller of EnrolPasskey asks for.
type Enrolment struct {
	Access domain.Secret // an access token of the identity provider
	Client domain.Client
}

// Execute returns a token with which the person of the access token adds one passkey. The
// error wraps one of domain's reasons, or is a fault of ours. The attempt is recorded either
// way, before Execute returns. An enrolment that must be on record and is not is not
// delivered, and its access token stays spent.
func (uc *EnrolPasskey) Execute(ctx context.Context, asked Enrolment) (domain.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, uc.Deadline)
	defer cancel()
	attempt := domain.Attempt{
		Event:     domain.EventEnrol,
		At:        uc.Now(),
		Client:    asked.Client,
		TokenHash: asked.Access.Hash(),
	}
	token, err := uc.enrol(ctx, asked, &attempt)
	attempt.Took, attempt.Err = uc.Now().Sub(attempt.At), err
	if lost := record(ctx, uc.Audit, attempt); lost != nil && err == nil {
		return domain.Secret{}, withdraw(ctx, uc.Audit, attempt, lost)
	}
	return token, err
}

// enrol is the protocol: verify, judge, admit, claim, ask the authority. What becomes known
// on the way is noted on attempt.
func (uc *EnrolPasskey) enrol(ctx context.Context, asked Enrolment, attempt *domain.Attempt) (domain.Secret, error) {
	access, err := uc.Tokens.VerifyAccess(ctx, asked.Access)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("verify the access token: %w", err)
	}
	attempt.Identity = access.Identity()
	if err := uc.Policy.MayChange(access, uc.Now()); err != nil {
		return domain.Secret{}, err
	}
	if err := uc.Admission.Admit(ctx, access.Identity()); err != nil {
		return domain.Secret{}, fmt.Errorf("admit the enrolment: %w", err)
	}
	claim := uc.Policy.ClaimFor(access, uc.NewOwner(), uc.Deadline)
	attempt.Proof = claim.Key
	if err := uc.Guard.Claim(ctx, claim); err != nil {
		return domain.Secret{}, uc.giveUp(ctx, claim, fmt.Errorf("claim the access token: %w", err))
	}
	token, err := uc.Enroller.Enrol(ctx, access.Subject, asked.Client)
	if err != nil {
		return domain.Secret{}, uc.giveUp(ctx, claim, fmt.Errorf("begin the enrolment: %w", err))
	}
	return token, nil
}

// giveUp ends an attempt that began no enrolment. As with an exchange, the claim is released
// only if the same access token could still succeed.
func (uc *EnrolPasskey) giveUp(ctx context.Context, claim domain.Claim, cause error) error {
	if !couldStillSucceed(cause) {
		return cause
	}
	ctx, cancel := cleanUp(ctx)
	defer cancel()
	if err := uc.Guard.Release(ctx, claim); err != nil {
		return domain.WithProofInDoubt(errors.Join(cause, fmt.Errorf("release the access token, which may be spent now: %w", err)))
	}
	return cause
}
