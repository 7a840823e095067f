package auth0test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ManagementAudience is the identifier of the tenant's Management API.
func (s *Server) ManagementAudience() string { return s.url + "/api/v2/" }

// clientCredentialsGrant gives an application a token of its own for the
// Management API, as Auth0's management clients ask for it (Auth0 docs:
// Management API Access Tokens). The words of the refusals are from its community
// forum.
func (s *Server) clientCredentialsGrant(c *call, client *Client) (answer, error) {
	audience := c.params["audience"]
	if audience == "" {
		return answer{}, refuse(http.StatusForbidden, "access_denied", "Non-global clients are not allowed access to APIv1")
	}
	if _, known := s.api(audience); !known && audience != s.ManagementAudience() {
		return answer{}, refuse(http.StatusForbidden, "access_denied", "Service not found: "+audience)
	}
	if audience != s.ManagementAudience() || client.Management == nil {
		return answer{}, refuse(http.StatusForbidden, "access_denied",
			fmt.Sprintf("Client is not authorized to access %q. You need to create a \"client-grant\" associated to this API.", audience))
	}
	scope := client.Management
	if asked := strings.Fields(c.params["scope"]); len(asked) > 0 {
		scope = slices.DeleteFunc(slices.Clone(scope), func(s string) bool { return !slices.Contains(asked, s) })
	}
	key, err := s.keys.current()
	if err != nil {
		return answer{}, err
	}
	token, err := sign(key, claims{
		{"iss", s.Issuer()},
		{"sub", client.ID + "@clients"},
		{"aud", audience},
		{"iat", c.now.Unix()},
		{"exp", c.now.Add(defaultTokenLifetime).Unix()},
		{"scope", strings.Join(scope, " ")},
		{"gty", "client-credentials"},
		{"azp", client.ID},
	})
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(claims{
		{"access_token", token},
		{"scope", strings.Join(scope, " ")},
		{"expires_in", int(defaultTokenLifetime / time.Second)},
		{"token_type", "Bearer"},
	})
}
