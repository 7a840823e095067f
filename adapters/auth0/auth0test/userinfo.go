package auth0test

import (
	"net/http"
	"strings"
)

// userinfo serves GET /userinfo for every access token whose scope has openid.
func (s *Server) userinfo(c *call) (answer, error) {
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	a, known := s.grants.findAccess(token, c.now)
	user, exists := s.users.find(a.user.ID)
	if !strings.EqualFold(scheme, "Bearer") || !known || !exists {
		return answer{}, c.challenge(http.StatusUnauthorized, "invalid_token", "The access token is unknown or expired.")
	}
	if !a.has("openid") {
		return answer{}, c.challenge(http.StatusForbidden, "insufficient_scope", "The access token was issued without openid.")
	}
	if err := s.attacks.limitUserInfo(c, user.ID); err != nil {
		return answer{}, err
	}
	return jsonAnswer(append(claims{{"sub", user.ID}}, user.claims(a.scope)...))
}

// challenge is a refusal in the words of RFC 6750 section 3.
func (c *call) challenge(status int, code, description string) error {
	c.header.Set("WWW-Authenticate", `Bearer error="`+code+`", error_description="`+description+`"`)
	return refuse(status, code, description)
}
