package domain

import (
	"fmt"
	"slices"
	"time"
)

// AccessToken is what an access token of the identity provider says, once it is verified:
// that a person is signed in, and what whoever holds it may do. Whether that is enough to
// manage the person's passkeys is EnrolPolicy's to say.
type AccessToken struct {
	// Issuer is who vouches: the identity provider's issuer identifier.
	Issuer string
	// Subject is the person, written as the authority of Identity writes its user ids.
	Subject string
	// TokenID names the token, uniquely within Issuer. It is never a hash of the whole
	// token, whose signature has several spellings.
	TokenID string
	// Scope is what the token is good for.
	Scope []string
	// IssuedAt is when the token was made, by Issuer's clock.
	IssuedAt time.Time
	// AuthenticatedAt is when the person signed in, by Issuer's clock. Zero means that the
	// token does not say.
	AuthenticatedAt time.Time
}

// Identity returns the person as audit and limits know them. It is no passkey sign-in, and
// no SignInPolicy trusts its authority.
func (t AccessToken) Identity() Identity {
	return Identity{Authority: t.Issuer, Subject: t.Subject, ProofID: t.TokenID, AuthenticatedAt: t.AuthenticatedAt}
}

// EnrolPolicy decides whether whoever holds an access token may manage the passkeys of its
// person. It is the only judge of that: verifiers of access tokens report.
type EnrolPolicy struct {
	// Scope is the one scope that the token must have.
	Scope string
	// MaxAge is how long after the sign-in a passkey may be added or removed.
	MaxAge time.Duration
	// Skew is how far the issuer's clock and ours may differ, either way.
	Skew time.Duration
	// Subjects is the rule that the subject must meet: that of sign-ins, because a passkey
	// is of no use to anybody else.
	Subjects SubjectRule
	// From says where an operator finds the rules.
	From EnrolSettings
}

// EnrolSettings names the settings that the rules of an EnrolPolicy come from, in a text for
// people. It decides nothing; an empty name is left out.
type EnrolSettings struct{ Scope, Time, Subject string }

// MayRead returns nil if the person's passkeys may be listed. The error wraps
// ErrScopeInsufficient or ErrEnrolmentDenied.
func (p EnrolPolicy) MayRead(token AccessToken) error {
	switch {
	case !slices.Contains(token.Scope, p.Scope):
		return WithSettings(fmt.Errorf("%w: the access token has not the scope %q", ErrScopeInsufficient, p.Scope), p.From.Scope)
	case !p.Subjects.Accepts(token.Subject):
		return WithSettings(fmt.Errorf("%w: the subject does not meet the subject rule (prefix %q)", ErrEnrolmentDenied, p.Subjects.Prefix), p.From.Subject)
	}
	return nil
}

// MayChange returns nil if a passkey may be added or removed at the time now: what MayRead
// wants, and a sign-in within MaxAge. A token that does not say when its person signed in is
// of an old sign-in. The error is MayRead's, or wraps ErrSignInTooOld.
func (p EnrolPolicy) MayChange(token AccessToken, now time.Time) error {
	if err := p.MayRead(token); err != nil {
		return err
	}
	tooOld := func(format string, args ...any) error {
		return WithSettings(fmt.Errorf("%w: "+format, append([]any{ErrSignInTooOld}, args...)...), p.From.Time)
	}
	switch at := token.AuthenticatedAt; {
	case at.IsZero():
		return tooOld("the access token does not say when its person signed in")
	case at.After(now.Add(p.Skew)):
		return tooOld("the access token says that its person signed in in the future (%s)", at.UTC().Format(time.RFC3339))
	case now.Sub(at) > p.MaxAge+p.Skew:
		return tooOld("the person signed in too long ago (%s)", at.UTC().Format(time.RFC3339))
	}
	return nil
}

// ClaimFor returns the claim that an enrolment must win before it begins: one access token
// begins one enrolment. It is kept for longer than MayChange could allow the same token
// again. Nothing can have used the token before it was made.
func (p EnrolPolicy) ClaimFor(token AccessToken, owner Owner, deadline time.Duration) Claim {
	return Claim{
		Key:      ProofKeyOf(token.Identity()),
		Owner:    owner,
		ProvenAt: token.IssuedAt.Add(-p.Skew),
		Keep:     p.MaxAge + 2*p.Skew + deadline,
	}
}

// Passkey is one of a person's passkeys, as the authority knows it.
type Passkey struct {
	// ID names it at the authority. It is no secret, and of use to nobody but its person.
	ID string
	// Name is for people, such as "iCloud Keychain"; it may be empty.
	Name string
	// CreatedAt and LastUsedAt are by the authority's clock; zero means that it did not say.
	CreatedAt, LastUsedAt time.Time
	// Synced is true if the authority says that it is on all of the person's devices.
	Synced bool
}
