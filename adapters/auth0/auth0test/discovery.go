package auth0test

import "crypto/fips140"

// discovery serves /.well-known/openid-configuration. The authorization
// endpoint is named because OpenID Connect Discovery section 3 demands it;
// nothing is served there.
func (s *Server) discovery(*call) (answer, error) {
	return jsonAnswer(claims{
		{"issuer", s.Issuer()},
		{"authorization_endpoint", s.url + "/authorize"},
		{"token_endpoint", s.url + "/oauth/token"},
		{"userinfo_endpoint", s.url + "/userinfo"},
		{"jwks_uri", s.url + "/.well-known/jwks.json"},
		{"revocation_endpoint", s.url + "/oauth/revoke"},
		{"scopes_supported", append(standardScopes(), "offline_access")},
		{"response_types_supported", []string{"code"}},
		{"response_modes_supported", []string{"query"}},
		{"grant_types_supported", []string{GrantPassword, GrantPasswordRealm, GrantRefreshToken, GrantTokenExchange}},
		{"subject_types_supported", []string{"public"}},
		{"id_token_signing_alg_values_supported", []string{"HS256", "RS256"}},
		{"token_endpoint_auth_methods_supported", []AuthMethod{AuthBasic, AuthPost}},
		{"claims_supported", []string{"aud", "auth_time", "created_at", "email", "email_verified", "exp", "family_name", "given_name", "iat", "identities", "iss", "name", "nickname", "phone_number", "picture", "sub"}},
		{"request_uri_parameter_supported", false},
	})
}

// jwks serves /.well-known/jwks.json.
func (s *Server) jwks(*call) (answer, error) {
	keys, err := s.keys.public()
	if err != nil {
		return answer{}, err
	}
	var a answer
	fips140.WithoutEnforcement(func() { a, err = jsonAnswer(keys) }) // go-jose compares the thumbprints, which are SHA-1
	return a, err
}
