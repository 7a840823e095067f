package domain

import (
	"fmt"
	"slices"
)

// ScopeOpenID makes the issuer return an ID token (OpenID Connect Core 1.0,
// section 3.1.2.1), without which nobody can tell whose session it is.
const ScopeOpenID = "openid"

// Access is what a session is to be good for. A zero field asks for nothing in
// particular.
type Access struct {
	Scope        []string
	Audience     string
	Organization string
}

// AccessPolicy says what sessions are offered. A caller may ask for less than
// that, never for more.
type AccessPolicy struct {
	// Default is granted to callers that ask for nothing.
	Default Access
	// Scopes, Audiences and Organizations are what may be asked for besides what
	// Default has.
	Scopes        []string
	Audiences     []string
	Organizations []string
}

// Offers returns nil if everything that is asked for is offered, and otherwise an
// error that wraps ErrScopeInvalid or ErrTargetInvalid.
func (p AccessPolicy) Offers(asked Access) error {
	for _, scope := range asked.Scope {
		if !slices.Contains(p.Default.Scope, scope) && !slices.Contains(p.Scopes, scope) && scope != ScopeOpenID {
			return fmt.Errorf("%w: scope %.64q is not offered", ErrScopeInvalid, scope)
		}
	}
	if asked.Audience != "" && asked.Audience != p.Default.Audience && !slices.Contains(p.Audiences, asked.Audience) {
		return fmt.Errorf("%w: audience %.64q is not offered", ErrTargetInvalid, asked.Audience)
	}
	if asked.Organization != "" && asked.Organization != p.Default.Organization && !slices.Contains(p.Organizations, asked.Organization) {
		return fmt.Errorf("%w: organization %.64q is not offered", ErrTargetInvalid, asked.Organization)
	}
	return nil
}

// Narrow returns what to request from the issuer for a caller that asked for the
// given access: the default for what was not asked. Its scope always contains
// "openid". What is not offered is refused as by Offers, because leaving it out
// would change the answer silently.
func (p AccessPolicy) Narrow(asked Access) (Access, error) {
	if err := p.Offers(asked); err != nil {
		return Access{}, err
	}
	granted := p.Default
	if len(asked.Scope) > 0 {
		granted.Scope = asked.Scope
	}
	if asked.Audience != "" {
		granted.Audience = asked.Audience
	}
	if asked.Organization != "" {
		granted.Organization = asked.Organization
	}
	granted.Scope = withOpenID(granted.Scope)
	return granted, nil
}

// withOpenID returns a copy of scope that contains "openid". It is a copy because
// the offer is every exchange's, and the caller's list is the caller's.
func withOpenID(scope []string) []string {
	scope = slices.Clone(scope)
	if !slices.Contains(scope, ScopeOpenID) {
		scope = slices.Insert(scope, 0, ScopeOpenID)
	}
	return scope
}
