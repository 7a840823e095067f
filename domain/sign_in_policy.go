package domain

import (
	"fmt"
	"time"
)

// SignInPolicies has the policy of every authority that is trusted.
type SignInPolicies []SignInPolicy

// For returns the policy for id's authority. The error wraps ErrTokenRejected if
// there is none.
func (p SignInPolicies) For(id Identity) (SignInPolicy, error) {
	for _, policy := range p {
		if policy.Authority == id.Authority {
			return policy, nil
		}
	}
	return SignInPolicy{}, refuse("no policy trusts its authority, %.64q", id.Authority)
}

// SignInPolicy decides whether an identity is a fresh passkey sign-in. It is the
// only judge of that: verifiers report, the policy decides.
type SignInPolicy struct {
	// Authority is the one that the policy is for, compared exactly.
	Authority string
	// Action is the one action that counts as a sign-in, compared exactly. A
	// sign-up or a step-up has another.
	Action string
	// MaxAge is how long after the ceremony its proof is admitted.
	MaxAge time.Duration
	// Skew is how far the authority's clock and ours may differ, either way.
	Skew time.Duration
	// Subjects is the rule that the subject must meet.
	Subjects SubjectRule
	// From says where an operator finds the rules.
	From RuleSettings
}

// RuleSettings names the settings that the rules of a SignInPolicy come from, in a
// text for people. It decides nothing; an empty name is left out.
type RuleSettings struct{ Action, Method, Time, Subject string }

// Admit returns nil if id is a sign-in at the time now, and otherwise an error
// that wraps ErrTokenRejected and says which rule it breaks.
func (p SignInPolicy) Admit(id Identity, now time.Time) error {
	switch {
	case id.Authority != p.Authority:
		return refuse("its authority is %.64q, not %q", id.Authority, p.Authority)
	case id.Action != p.Action:
		return WithSettings(refuse("its action is %.64q, a sign-in has %q", id.Action, p.Action), p.From.Action)
	case id.Method != MethodPasskey:
		return WithSettings(refuse("its method is %.64q, not a passkey", id.Method), p.From.Method)
	case id.AuthenticatedAt.IsZero():
		return refuse("it does not say when the ceremony ended")
	case id.AuthenticatedAt.After(now.Add(p.Skew)):
		return WithSettings(refuse("its ceremony ended in the future (%s)", id.AuthenticatedAt.UTC().Format(time.RFC3339)), p.From.Time)
	case now.Sub(id.AuthenticatedAt) > p.MaxAge+p.Skew:
		return WithSettings(refuse("its ceremony ended too long ago (%s)", id.AuthenticatedAt.UTC().Format(time.RFC3339)), p.From.Time)
	case !p.Subjects.Accepts(id.Subject):
		return WithSettings(refuse("its subject does not meet the subject rule (prefix %q)", p.Subjects.Prefix), p.From.Subject)
	}
	return nil
}

// Left returns how long the proof of id will still be good; it is negative if
// the proof is too old.
func (p SignInPolicy) Left(id Identity, now time.Time) time.Duration {
	return id.AuthenticatedAt.Add(p.MaxAge).Sub(now)
}

// ClaimFor returns the claim an exchange must win before it asks for a session.
// It is kept for longer than Admit could admit the same proof again: the whole
// window of Admit, and the deadline of an exchange that was admitted at its end.
func (p SignInPolicy) ClaimFor(id Identity, owner Owner, deadline time.Duration) Claim {
	return Claim{
		Key:      ProofKeyOf(id),
		Owner:    owner,
		ProvenAt: p.provenAt(id),
		Keep:     p.MaxAge + 2*p.Skew + deadline,
	}
}

// provenAt returns the earliest time by our clock at which the ceremony can have
// ended. If the authority's clock is not known, or seems to be further off than
// Skew, which is not believed, it is taken to be ahead by all of Skew. It is
// never taken to be behind: if that were wrong, an old proof would pass for a
// new one.
func (p SignInPolicy) provenAt(id Identity) time.Time {
	ahead := id.AuthenticatedAt.Sub(id.AuthenticatedAfter)
	switch {
	case id.AuthenticatedAfter.IsZero(), ahead.Abs() > p.Skew:
		return id.AuthenticatedAt.Add(-p.Skew)
	case ahead < 0:
		return id.AuthenticatedAt
	}
	return id.AuthenticatedAfter
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: the proof is not a sign-in: "+format, append([]any{ErrTokenRejected}, args...)...)
}
