package auth0test

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

func apiOperations() []operation {
	return []operation{
		{"GET", "/resource-servers", []string{"read:resource_servers"}, listAPIs},
		{"POST", "/resource-servers", []string{"create:resource_servers"}, createAPI},
		{"GET", "/resource-servers/{id}", []string{"read:resource_servers"}, getAPI},
		{"PATCH", "/resource-servers/{id}", []string{"update:resource_servers"}, updateAPI},
		{"DELETE", "/resource-servers/{id}", []string{"delete:resource_servers"}, deleteAPI},
	}
}

func apiMembers() members {
	return membersOf("string: name signing_alg signing_secret token_dialect consent_policy client_id;" +
		"boolean: allow_offline_access allow_online_access skip_consent_for_verifiable_first_party_clients enforce_policies;" +
		"number: token_lifetime token_lifetime_for_web; array: scopes authorization_details;" +
		"object: token_encryption proof_of_possession subject_type_authorization")
}

func listAPIs(m *managed) (answer, error) {
	all := documents{}
	for _, api := range m.tenant.apis {
		if want := m.URL.Query()["identifiers"]; len(want) > 0 && !slices.Contains(want, api.str("identifier")) {
			continue
		}
		all = append(all, api)
	}
	return m.page("resource_servers", append(all, m.server.managementAPI()), true)
}

// managementAPI is the Management API among the APIs, which nobody can change.
func (s *Server) managementAPI() document {
	scopes := []any{}
	for _, scope := range ManagementScopes() {
		scopes = append(scopes, document{"value": scope})
	}
	return document{
		"id": "management", "name": "Auth0 Management API", "identifier": s.ManagementAudience(), "is_system": true,
		"allow_offline_access": false, "skip_consent_for_verifiable_first_party_clients": false,
		"token_lifetime": 86400.0, "token_lifetime_for_web": 7200.0, "signing_alg": "RS256", "scopes": scopes,
	}
}

func createAPI(m *managed) (answer, error) {
	allowed := apiMembers()
	allowed["identifier"] = "string"
	body, err := m.object(allowed, "identifier")
	if err != nil {
		return answer{}, err
	}
	if _, taken := m.tenant.apis.find("identifier", body.str("identifier")); taken || body.str("identifier") == m.server.ManagementAudience() {
		return answer{}, apiRefusal(http.StatusConflict, "resource_server_conflict", "A resource server with the same identifier already exists")
	}
	api := filled(body, document{
		"id": newHexID(), "allow_offline_access": false, "skip_consent_for_verifiable_first_party_clients": false, "is_system": false,
		"token_lifetime": defaultTokenLifetime.Seconds(), "token_lifetime_for_web": 7200.0, "signing_alg": "RS256",
		"subject_type_authorization": document{"user": document{"policy": "allow_all"}, "client": document{"policy": "require_client_grant"}},
	})
	m.tenant.apis = append(m.tenant.apis, api)
	return respond(http.StatusCreated, api)
}

// storedAPI takes the id or, as Auth0 does, the identifier.
func (m *managed) storedAPI() (document, error) {
	for _, member := range []string{"id", "identifier"} {
		if api, ok := m.tenant.apis.find(member, m.param("id")); ok {
			return api, nil
		}
	}
	return nil, inexistent("resource server", "inexistent_resource_server")
}

func getAPI(m *managed) (answer, error) {
	api, err := m.storedAPI()
	if err != nil {
		return answer{}, err
	}
	return m.one(api)
}

func updateAPI(m *managed) (answer, error) {
	api, err := m.storedAPI()
	if err != nil {
		return answer{}, err
	}
	body, err := m.object(apiMembers())
	if err != nil {
		return answer{}, err
	}
	api.merge(body)
	return jsonAnswer(api)
}

func deleteAPI(m *managed) (answer, error) {
	api, err := m.storedAPI()
	if err != nil {
		return noContent()
	}
	m.tenant.apis = m.tenant.apis.remove("id", api.str("id"))
	return noContent()
}

// apiDocument is what Options describe. First-party applications need no consent.
func apiDocument(a API) document {
	scopes := []any{}
	for _, scope := range a.Scopes {
		scopes = append(scopes, document{"value": scope})
	}
	dialect := "access_token"
	if a.Permissions {
		dialect = "access_token_authz"
	}
	return document{
		"id": newHexID(), "name": a.Identifier, "identifier": a.Identifier, "is_system": false, "scopes": scopes,
		"allow_offline_access": a.AllowOfflineAccess, "skip_consent_for_verifiable_first_party_clients": true,
		"token_lifetime": a.TokenLifetime.Seconds(), "token_lifetime_for_web": 7200.0, "signing_alg": "RS256",
		"token_dialect": dialect, "enforce_policies": a.Permissions,
	}
}

// apiOf is the API as the authentication API sees it.
func apiOf(doc document) *API {
	dialect, authz := strings.CutSuffix(doc.str("token_dialect"), "_authz")
	api := &API{
		Identifier:         doc.str("identifier"),
		AllowOfflineAccess: doc.is("allow_offline_access"),
		TokenLifetime:      cmp.Or(doc.seconds("token_lifetime"), defaultTokenLifetime),
		Permissions:        authz && doc.is("enforce_policies"),
		asksConsent:        !doc.is("skip_consent_for_verifiable_first_party_clients"),
		rfc9068:            dialect == "rfc9068_profile",
	}
	scopes, _ := doc["scopes"].([]any)
	for _, scope := range scopes {
		if value := (document{"scope": scope}).object("scope").str("value"); value != "" {
			api.Scopes = append(api.Scopes, value)
		}
	}
	return api
}
