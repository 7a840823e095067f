package auth0test

import "net/http"

// revoke serves POST /oauth/revoke (Auth0 docs: Revoke Refresh Token; RFC
// 7009). It ends the token's whole family. An unknown token, an access token
// and another client's token are answered alike and nothing happens.
func (s *Server) revoke(c *call) (answer, error) {
	client, err := s.authenticateClient(c)
	if err != nil {
		return answer{}, err
	}
	token := c.params["token"]
	if token == "" {
		return answer{}, missing("token")
	}
	s.grants.revoke(token, client)
	return answer{status: http.StatusOK}, nil
}
