package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// Sessions is what the metadata tells of the issuer's sessions.
type Sessions struct {
	Issuer     string                    // the "iss" of ID tokens
	Algorithms []jose.SignatureAlgorithm // ID tokens are signed with one of them
	Scopes     []string                  // that callers may ask for
}

// metadata describes the OAuth endpoints to clients that configure themselves. Its
// members are registered for both documents (IANA, OAuth Authorization Server
// Metadata). No member is registered for the subject token types of RFC 8693.
type metadata struct {
	Issuer                  string                    `json:"issuer"`
	TokenEndpoint           string                    `json:"token_endpoint"`
	RevocationEndpoint      string                    `json:"revocation_endpoint"`
	JWKSURI                 string                    `json:"jwks_uri"`
	ScopesSupported         []string                  `json:"scopes_supported"`
	ResponseTypesSupported  []string                  `json:"response_types_supported"` // required, and empty: there is no authorization endpoint
	GrantTypesSupported     []string                  `json:"grant_types_supported"`
	TokenAuthMethods        []string                  `json:"token_endpoint_auth_methods_supported"`
	RevocationAuthMethods   []string                  `json:"revocation_endpoint_auth_methods_supported"`
	SubjectTypesSupported   []string                  `json:"subject_types_supported"`
	IDTokenSigningAlgorithm []jose.SignatureAlgorithm `json:"id_token_signing_alg_values_supported"`
}

// metadataOf describes the server under the given issuer identifier. All addresses are
// made of PUBLIC_URL and none of what a request says.
func (s *Server) metadataOf(issuer string) metadata {
	base, public := string(s.config.PublicURL), []string{"none"}
	return metadata{
		Issuer:                  issuer,
		TokenEndpoint:           base + "/oauth/token",
		RevocationEndpoint:      base + "/oauth/revoke",
		JWKSURI:                 base + "/.well-known/jwks.json",
		ScopesSupported:         s.use.Sessions.Scopes,
		ResponseTypesSupported:  []string{},
		GrantTypesSupported:     []string{grantTokenExchange, grantRefreshToken},
		TokenAuthMethods:        public,
		RevocationAuthMethods:   public,
		SubjectTypesSupported:   []string{"public"},
		IDTokenSigningAlgorithm: s.use.Sessions.Algorithms,
	}
}

// authorizationServer answers GET /.well-known/oauth-authorization-server (RFC 8414).
// Its issuer is the address that clients derive the document's own from, as section 3.3
// wants.
func (s *Server) authorizationServer() http.HandlerFunc {
	return serveMetadata(s.metadataOf(string(s.config.PublicURL)))
}

// openIDConfiguration answers GET /.well-known/openid-configuration (OpenID Connect
// Discovery 1.0). Its issuer is that of the ID tokens, because clients compare the two
// (OpenID Connect Core 1.0, section 3.1.3.7).
func (s *Server) openIDConfiguration() http.HandlerFunc {
	return serveMetadata(s.metadataOf(s.use.Sessions.Issuer))
}

func serveMetadata(document metadata) http.HandlerFunc {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // texts and lists of them can always be marshalled
	}
	return serveJSON(text)
}

// serveJSON answers with a document that is the same for everybody.
func serveJSON(document []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		setCacheable(w)
		_, _ = w.Write(document)
	}
}
