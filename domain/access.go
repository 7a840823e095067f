package domain

import (
	"cmp"
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

// AccessPolicy says what sessions are offered. A caller never gets more than that. Of a
// scope that it asks for, it gets what is offered. An audience or an organization is
// offered, or the caller is refused: no other would do instead.
type AccessPolicy struct {
	// Default is granted to callers that ask for nothing.
	Default Access
	// Scopes, Audiences and Organizations are what may be asked for besides what
	// Default has.
	Scopes        []string
	Audiences     []string
	Organizations []string
	// Strict refuses whoever asks for a scope that is not offered, instead of leaving it
	// out.
	Strict bool
	// Complete returns the scope to request for a caller who asks for the given
	// one. It is for issuers that grant more than was named if too little was named.
	// An error that wraps ErrScopeInvalid refuses the caller. It must not change its
	// argument. nil: every scope is requested as it is.
	Complete func(scope []string) ([]string, error)
	// Remedy tells the operator what to do when the issuer grants a scope that is not
	// allowed, and names the settings.
	Remedy string
}

// Offered returns what is offered of what is asked. It adds "openid" to a scope, and
// otherwise nothing: what was not asked for stays zero.
//
// A scope that is not offered is left out (RFC 6749, section 3.3), because the SDKs of
// issuers ask for more than is needed by default, and read in the answer what was granted.
// The error wraps ErrScopeInvalid if nothing is left of the scope, or with Strict if
// anything would be left out. An "openid" that the caller itself asked for counts as
// something left; the one that is added does not. The error wraps ErrTargetInvalid if the
// audience or the organization is not offered.
func (p AccessPolicy) Offered(asked Access) (Access, error) {
	offered := asked
	if beyond := p.beyond(asked.Scope); len(beyond) > 0 {
		if p.Strict || len(beyond) == len(asked.Scope) {
			return Access{}, fmt.Errorf("%w: scope %.64q is not offered", ErrScopeInvalid, beyond[0])
		}
		offered.Scope = slices.DeleteFunc(slices.Clone(asked.Scope), func(scope string) bool { return slices.Contains(beyond, scope) })
	}
	if len(offered.Scope) > 0 {
		offered.Scope = withOpenID(offered.Scope)
	}
	if asked.Audience != "" && asked.Audience != p.Default.Audience && !slices.Contains(p.Audiences, asked.Audience) {
		return Access{}, fmt.Errorf("%w: audience %.64q is not offered", ErrTargetInvalid, asked.Audience)
	}
	if asked.Organization != "" && asked.Organization != p.Default.Organization && !slices.Contains(p.Organizations, asked.Organization) {
		return Access{}, fmt.Errorf("%w: organization %.64q is not offered", ErrTargetInvalid, asked.Organization)
	}
	return offered, nil
}

// CheckGranted returns nil if a session with the granted scope may be delivered.
// The error says which scopes are not allowed, and what the operator does about it.
// It wraps no reason, because the caller can do nothing.
func (p AccessPolicy) CheckGranted(scope []string) error {
	beyond := p.beyond(scope)
	if len(beyond) == 0 {
		return nil
	}
	return fmt.Errorf("the issuer granted the scope %.200q, which is not allowed: %s", strings.Join(beyond, " "), p.Remedy)
}

// beyond returns what of scope is not allowed.
func (p AccessPolicy) beyond(scope []string) []string {
	var beyond []string
	for _, one := range scope {
		if one != ScopeOpenID && !slices.Contains(p.Default.Scope, one) && !slices.Contains(p.Scopes, one) {
			beyond = append(beyond, one)
		}
	}
	return beyond
}

// Narrow returns what to request from the issuer for a new session: what is Offered of
// what is asked, and the default for what was not asked. Its scope always contains
// "openid" and is complete, as Complete has it.
func (p AccessPolicy) Narrow(asked Access) (Access, error) {
	granted, err := p.Offered(asked)
	if err != nil {
		return Access{}, err
	}
	if len(granted.Scope) == 0 {
		granted.Scope = withOpenID(p.Default.Scope)
	}
	granted.Audience = cmp.Or(granted.Audience, p.Default.Audience)
	granted.Organization = cmp.Or(granted.Organization, p.Default.Organization)
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
