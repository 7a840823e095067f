package auth0

import (
	"fmt"
	"slices"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Auth0's rule for scopes that a request does not name ("Call Your API Using Resource
// Owner Password Flow", auth0.com/docs): a request that names no scope of the API gets all
// of them, and one that names openid alone gets all the standard ones. This is documented
// for the password grants; the bridge assumes it for token exchange too. A renewal may
// only ask for less, so its scope is sent as it is.

// profileScopes are the standard scopes about a person (OpenID Connect Core 1.0,
// section 5.4).
func profileScopes() []string { return []string{"profile", "email", "address", "phone"} }

func isOfProfile(scope string) bool { return slices.Contains(profileScopes(), scope) }

// isOfAPI reports whether a scope is neither a standard one nor about refresh tokens.
func isOfAPI(scope string) bool {
	return scope != domain.ScopeOpenID && scope != "offline_access" && scope != "online_access" && !isOfProfile(scope)
}

func isOpenIDAlone(scope []string) bool {
	return !slices.ContainsFunc(scope, func(s string) bool { return s != domain.ScopeOpenID })
}

// complete returns a scope to which Auth0's rule adds nothing. If scope has none of the
// API, it adds those of AUTH0_SCOPE. If it is openid alone then, it adds the standard ones
// of AUTH0_SCOPE. It never adds offline_access.
func (c *Config) complete(scope []string) ([]string, error) {
	if !slices.ContainsFunc(scope, isOfAPI) {
		scope = slices.Concat(scope, only(c.Scope, isOfAPI))
	}
	if isOpenIDAlone(scope) {
		scope = slices.Concat(scope, only(c.Scope, isOfProfile))
	}
	if isOpenIDAlone(scope) {
		return nil, fmt.Errorf("%w: openid alone makes Auth0 grant all standard scopes: ask for one more", domain.ErrScopeInvalid)
	}
	return scope, nil
}

func only(scope []string, wanted func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(scope), func(s string) bool { return !wanted(s) })
}

// scopeRemedy is the advice when a session has more scope than is allowed.
const scopeRemedy = "Auth0 grants all scopes of an API to a request that names none of them, and an Action may add some. " +
	"Name at least one scope of the API in AUTH0_SCOPE, or allow these in AUTH0_SCOPE_ALLOWED"

// checkScope finds a scope that Auth0 is certain to widen, or that is not allowed.
func (c *Config) checkScope() []settings.Fault {
	for _, scope := range c.Scope {
		if len(c.ScopeAllowed) > 0 && !slices.Contains(c.ScopeAllowed, scope) {
			return []settings.Fault{{
				Name:    "AUTH0_SCOPE_ALLOWED",
				Problem: fmt.Sprintf("lacks %q, which is in AUTH0_SCOPE", scope),
				Fix:     "add it: what sessions have by default must be allowed",
			}}
		}
	}
	if len(c.Scope) > 0 && isOpenIDAlone(c.Scope) {
		return []settings.Fault{{
			Name:    "AUTH0_SCOPE",
			Problem: "is openid alone, for which Auth0 grants profile, email, address and phone too",
			Fix:     "add those that sessions may have, such as profile, or a scope of the API",
		}}
	}
	// With more than one audience, the scopes may be another API's.
	oneAPI := c.Audience != "" && !slices.ContainsFunc(c.AudiencesAllowed, func(a string) bool { return a != c.Audience })
	if allowed := only(c.ScopeAllowed, isOfAPI); oneAPI && len(allowed) > 0 && !slices.ContainsFunc(c.Scope, isOfAPI) {
		return []settings.Fault{{
			Name: "AUTH0_SCOPE",
			Problem: fmt.Sprintf("names no scope of the API, though AUTH0_SCOPE_ALLOWED has %q: "+
				"Auth0 would grant all of them to everybody who asks for none", allowed[0]),
			Fix: "add at least one scope of the API that every session may have",
		}}
	}
	return nil
}
