package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nativebridge/domain"
	"nativebridge/ports"
)

// ExchangePasskeyForSession turns the token of a completed passkey ceremony into
// a session at the identity provider. At most one session is delivered for one
// proof, whoever asks, however often and at how many replicas, as far as its
// ReplayGuard remembers. All fields must be set; it is safe for concurrent use.
type ExchangePasskeyForSession struct {
	Verifier  ports.IdentityVerifier
	Admission ports.Admission
	Guard     ports.ReplayGuard
	Issuer    ports.TokenIssuer
	Revoker   ports.SessionRevoker
	Audit     ports.AuditLog

	SignIn domain.SignInPolicies
	Access domain.AccessPolicy
	// Deadline bounds an exchange from its first step to its last.
	Deadline time.Duration

	Now      func() time.Time
	NewOwner func() domain.Owner
}

// Exchange is what a caller of ExchangePasskeyForSession asks for.
type Exchange struct {
	Token  domain.PasskeyToken
	Access domain.Access
	Client domain.Client
}

// Execute returns the session that the token is good for. The error wraps one of
// domain's reasons, or is a fault of ours. The attempt is recorded either way,
// before Execute returns. A session that must be on record and is not is revoked, and
// its proof stays spent.
func (uc *ExchangePasskeyForSession) Execute(ctx context.Context, asked Exchange) (domain.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, uc.Deadline)
	defer cancel()
	attempt := domain.Attempt{
		Event:     domain.EventExchange,
		At:        uc.Now(),
		Client:    asked.Client,
		TokenHash: asked.Token.Hash(),
	}
	session, err := uc.exchange(ctx, asked, &attempt)
	attempt.Took, attempt.Err = uc.Now().Sub(attempt.At), err
	if lost := record(ctx, uc.Audit, attempt); lost != nil && err == nil {
		lost = disown(ctx, uc.Revoker, session.RefreshToken, lost)
		return domain.Session{}, withdraw(ctx, uc.Audit, attempt, lost)
	}
	return session, err
}

// exchange is the protocol: narrow, verify, admit, claim, issue, compare. What
// becomes known on the way is noted on attempt.
func (uc *ExchangePasskeyForSession) exchange(ctx context.Context, asked Exchange, attempt *domain.Attempt) (domain.Session, error) {
	access, err := uc.Access.Narrow(asked.Access)
	if err != nil {
		return domain.Session{}, err
	}
	attempt.Access = access

	identity, err := uc.Verifier.Verify(ctx, asked.Token)
	if err != nil {
		return domain.Session{}, fmt.Errorf("verify the token: %w", err)
	}
	attempt.Identity = identity

	policy, err := uc.SignIn.For(identity)
	if err != nil {
		return domain.Session{}, err
	}
	if err := policy.Admit(identity, uc.Now()); err != nil {
		return domain.Session{}, err
	}
	if err := uc.Admission.Admit(ctx, identity); err != nil {
		err = domain.CapRetryAfter(err, policy.Left(identity, uc.Now()))
		return domain.Session{}, fmt.Errorf("admit the sign-in: %w", err)
	}

	claim := policy.ClaimFor(identity, uc.NewOwner(), uc.Deadline)
	attempt.Proof = claim.Key
	if err := uc.Guard.Claim(ctx, claim); err != nil {
		err = domain.CapRetryAfter(err, policy.Left(identity, uc.Now()))
		return domain.Session{}, uc.giveUp(ctx, claim, fmt.Errorf("claim the proof: %w", err))
	}
	if err := ctx.Err(); err != nil { // the claim is kept for as long as an attempt in time may need it, and no longer
		return domain.Session{}, uc.giveUp(ctx, claim, fmt.Errorf("the claim came too late: %w", err))
	}

	session, err := uc.Issuer.Issue(ctx, domain.Grant{
		Identity: identity,
		Token:    asked.Token,
		Access:   access,
		Client:   asked.Client,
	})
	if err != nil {
		return domain.Session{}, uc.giveUp(ctx, claim, fmt.Errorf("open the session: %w", err))
	}
	if err := uc.checkSession(session, identity); err != nil {
		return domain.Session{}, disown(ctx, uc.Revoker, session.RefreshToken, err)
	}
	return session, nil
}

// giveUp ends an attempt that got no session. The claim is released only if the
// same proof could still succeed; a refusal and a fault of ours keep it.
func (uc *ExchangePasskeyForSession) giveUp(ctx context.Context, claim domain.Claim, cause error) error {
	if !couldStillSucceed(cause) {
		return cause
	}
	ctx, cancel := cleanUp(ctx)
	defer cancel()
	if err := uc.Guard.Release(ctx, claim); err != nil {
		return domain.WithProofInDoubt(errors.Join(cause, fmt.Errorf("release the proof, which may be spent now: %w", err)))
	}
	return cause
}

// couldStillSucceed reports whether an exchange that failed with err may be tried
// again with the same proof: nobody refused it, somebody was away. The caller's
// own departure counts as that.
func couldStillSucceed(err error) bool {
	reason, known := domain.ReasonOf(err)
	if !known {
		return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	}
	//exhaustive:enforce
	switch reason {
	case domain.ErrUnavailable, domain.ErrBusy:
		return true
	case domain.ErrTokenRejected, domain.ErrTokenReplayed, domain.ErrAccessDenied, domain.ErrMFARequired,
		domain.ErrAccountBlocked, domain.ErrGrantInvalid, domain.ErrScopeInvalid, domain.ErrTargetInvalid,
		domain.ErrAccessTokenInvalid, domain.ErrScopeInsufficient, domain.ErrSignInTooOld, domain.ErrEnrolmentDenied,
		domain.ErrPasskeyUnknown:
		return false
	}
	return false
}

// checkSession returns the fault of a session that must not be delivered: it is
// somebody else's, or good for more than is allowed. The claim is kept.
func (uc *ExchangePasskeyForSession) checkSession(session domain.Session, identity domain.Identity) error {
	if session.Subject != identity.Subject {
		return fmt.Errorf("the issuer opened a session for %.128q, but the proof is by %.128q: "+
			"compare the issuer's connection and its Login script with the bridge's settings", session.Subject, identity.Subject)
	}
	return uc.Access.CheckGranted(session.Scope)
}
