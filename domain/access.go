package domain

import (
	"fmt"
	"slices"
	"strings"
)

// ScopeOpenID makes the issuer return an ID token (OpenID Connect Core 1.0,
// section 3.1.2.1), without which nobody can tell whose session it is.
const ScopeOpenID = "openid"

// Access is what a session is to allow. A zero field asks for nothing in
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
	// Complete returns the scope to request for a caller who asks for the given
	// one. It is for issuers that grant more than was named if too little was named.
	// An error that wraps ErrScopeInvalid refuses the caller. It must not change its
	// argument. nil: every scope is requested as it is.
	Complete func(scope []string) ([]string, error)
	// Remedy tells the operator what to do when the issuer grants a scope that is not
	// allowed, and names the settings.
	Remedy string
}

// Offers returns nil if everything that is asked for is offered, and otherwise an
// error that wraps ErrScopeInvalid or ErrTargetInvalid.
func (p AccessPolicy) Offers(asked Access) error {
	for _, scope := range asked.Scope {
		if !p.allows(scope) {
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

// CheckGranted returns nil if a session with the granted scope may be delivered.
// The error says which scopes are not allowed, and what the operator does about it.
// It wraps no reason, because the caller can do nothing.
func (p AccessPolicy) CheckGranted(scope []string) error {
	beyond := slices.DeleteFunc(slices.Clone(scope), p.allows)
	if len(beyond) == 0 {
		return nil
	}
	return fmt.Errorf("the issuer granted the scope %.200q, which is not allowed: %s", strings.Join(beyond, " "), p.Remedy)
}

func (p AccessPolicy) allows(scope string) bool {
	return scope == ScopeOpenID || slices.Contains(p.Default.Scope, scope) || slices.Contains(p.Scopes, scope)
}

// Narrow returns what to request from the issuer for a caller that asked for the
// given access: the default for what was not asked. Its scope always contains
// "openid" and is complete, as Complete has it. What is not offered is refused as
// by Offers, because leaving it out would change the answer silently.
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
	if p.Complete == nil {
		return granted, nil
	}
	scope, err := p.Complete(granted.Scope)
	if err == nil {
		err = p.CheckGranted(scope)
	}
	if err != nil {
		return Access{}, err
	}
	granted.Scope = scope
	return granted, nil
}

// withOpenID returns a copy of scope that contains "openid". It is a copy
// because all exchanges share the offer, and the caller may still use its list.
func withOpenID(scope []string) []string {
	scope = slices.Clone(scope)
	if !slices.Contains(scope, ScopeOpenID) {
		scope = slices.Insert(scope, 0, ScopeOpenID)
	}
	return scope
}
