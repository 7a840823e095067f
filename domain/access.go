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
	// Default is granted to callers that ask for nothing. Its scope is also all
	// that may be asked for.
	Default Access
}

// Narrow returns what to request from the issuer for a caller that asked for the
// given access. It always contains "openid". What is not offered is refused, with
// ErrScopeInvalid or ErrTargetInvalid, because leaving it out would change the
// answer silently.
func (p AccessPolicy) Narrow(asked Access) (Access, error) {
	granted := p.Default
	if len(asked.Scope) > 0 {
		granted.Scope = asked.Scope
	}
	for _, scope := range granted.Scope {
		if !slices.Contains(p.Default.Scope, scope) {
			return Access{}, fmt.Errorf("%w: scope %.64q is not offered", ErrScopeInvalid, scope)
		}
	}
	if asked.Audience != "" && asked.Audience != p.Default.Audience {
		return Access{}, fmt.Errorf("%w: audience %.64q is not offered", ErrTargetInvalid, asked.Audience)
	}
	if asked.Organization != "" {
		return Access{}, fmt.Errorf("%w: organization %.64q is not offered", ErrTargetInvalid, asked.Organization)
	}
	if !slices.Contains(granted.Scope, ScopeOpenID) {
		granted.Scope = append([]string{ScopeOpenID}, granted.Scope...)
	}
	return granted, nil
}
