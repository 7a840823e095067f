package auth0test

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// defaultTokenLifetime is Auth0's default for access tokens.
const defaultTokenLifetime = 24 * time.Hour

// standardScopes are those of OpenID Connect Core section 5.4.
func standardScopes() []string { return []string{"openid", "profile", "email", "address", "phone"} }

// access is what one session may do.
type access struct {
	client  *Client
	user    User
	api     *API // nil without an audience
	scope   []string
	idToken bool
	gty     string // of the grant that opened the session

	organization *Organization // nil without one
}

func (a access) has(scope string) bool { return slices.Contains(a.scope, scope) }

func (a access) lifetime() time.Duration {
	if a.api == nil {
		return defaultTokenLifetime
	}
	return a.api.TokenLifetime
}

// ask decides what a client gets of what it asks for (Auth0 docs: Call Your API
// Using Resource Owner Password Flow). Scopes that do not exist are left out.
// The answer names the scope only if it differs from the one asked for.
func (s *Server) ask(c *call, client *Client) (a access, scope string, err error) {
	a.client, a.gty = client, GrantPassword
	if c.params["grant_type"] == GrantTokenExchange {
		a.gty = GrantTokenExchange
	}
	if audience := c.params["audience"]; audience != "" {
		if a.api, _ = s.api(audience); a.api == nil {
			return a, "", refuse(http.StatusForbidden, "access_denied", "Service not found: "+audience)
		}
	}
	asked := strings.Fields(c.params["scope"])
	wider := widened(asked, a.api)
	if a.gty == GrantTokenExchange && c.faults.Variants.ExchangeScopeAsAsked {
		wider = asked
	}
	a.scope = existing(wider, client, a.api)
	// Recorded: without a scope the answer names openid and holds no ID token.
	a.idToken = slices.Contains(asked, "openid")
	if !sameScope(asked, a.scope) {
		scope = strings.Join(a.scope, " ")
	}
	return a, scope, nil
}

// widened adds all standard scopes to a request for no scope or for openid
// alone, and all scopes of the API to a request for none of them.
func widened(asked []string, api *API) []string {
	if len(asked) == 0 || slices.Equal(asked, []string{"openid"}) {
		asked = append(standardScopes(), asked...)
	}
	if api != nil && !slices.ContainsFunc(asked, func(scope string) bool { return slices.Contains(api.Scopes, scope) }) {
		asked = slices.Concat(asked, api.Scopes)
	}
	return asked
}

// existing leaves out scopes that do not exist, and offline_access where it is
// not allowed.
func existing(asked []string, client *Client, api *API) []string {
	var granted []string
	for _, scope := range asked {
		ok := slices.Contains(standardScopes(), scope) || api != nil && slices.Contains(api.Scopes, scope) ||
			scope == "offline_access" && offersRefresh(client, api)
		if ok && !slices.Contains(granted, scope) {
			granted = append(granted, scope)
		}
	}
	return granted
}

// offersRefresh checks Auth0's conditions for a refresh token, except the
// scope.
func offersRefresh(client *Client, api *API) bool {
	return slices.Contains(client.GrantTypes, GrantRefreshToken) && (api == nil || api.AllowOfflineAccess)
}

func sameScope(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// MintAccessToken makes an access token in Auth0's own profile, outside of any grant: of the
// user, for the audience, with the scope, and with claims over those that it has anyway. A
// claim that is nil is left out.
func (s *Server) MintAccessToken(userID, audience, scope string, over map[string]any) (string, error) {
	now := s.now()
	body := claims{
		{"iss", s.Issuer()}, {"sub", userID}, {"aud", []string{audience, s.Issuer() + "userinfo"}}, {"iat", now.Unix()},
		{"exp", now.Add(defaultTokenLifetime).Unix()}, {"scope", scope}, {"azp", "an-app"}, {"jti", rand.Text()},
	}
	for name, value := range over {
		body.set(name, value)
	}
	body = slices.DeleteFunc(body, func(c claim) bool { return c.value == nil })
	key, err := s.keys.current()
	if err != nil {
		return "", err
	}
	return sign(key, body)
}

// newAccessToken makes a JWT for the API or, without an API, an opaque token
// that only /userinfo accepts.
func (s *Server) newAccessToken(c *call, a access) (string, error) {
	expires := c.now.Add(a.lifetime())
	if a.api == nil {
		token := newOpaqueToken()
		s.grants.rememberAccess(token, a, expires)
		return token, nil
	}
	body := claims{
		{"iss", s.Issuer()},
		{"sub", a.user.ID},
		{"aud", a.api.Identifier},
		{"iat", c.now.Unix()},
		{"exp", expires.Unix()},
		{"scope", strings.Join(a.scope, " ")},
	}
	typ, own := a.profile(c.params["grant_type"] == GrantRefreshToken)
	body = append(body, own...)
	if a.organization != nil {
		body.set("org_id", a.organization.ID)
	}
	if a.has("openid") {
		body.set("aud", []string{a.api.Identifier, s.Issuer() + "userinfo"})
	}
	if a.api.Permissions {
		body.set("permissions", slices.DeleteFunc(slices.Clone(a.scope), func(scope string) bool {
			return !slices.Contains(a.api.Scopes, scope)
		}))
	}
	key, err := s.keys.current()
	if err != nil {
		return "", err
	}
	token, err := signAs(typ, key, body)
	if err != nil {
		return "", err
	}
	s.grants.rememberAccess(token, a, expires)
	return token, nil
}

// profile returns the typ of an access token for an API, and the claims in which the
// profiles of Auth0 and of RFC 9068 differ
// (https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles).
func (a access) profile(renewal bool) (typ jose.ContentType, own claims) {
	if a.api.rfc9068 {
		return "at+jwt", claims{{"jti", rand.Text()}, {"client_id", a.client.ID}}
	}
	var gty any = a.gty
	if renewal {
		gty = []string{GrantRefreshToken, a.gty}
	}
	return "JWT", claims{{"gty", gty}, {"azp", a.client.ID}}
}
