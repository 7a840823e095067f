package auth0test

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"
)

const scopeReadClientKeys = "read:client_keys"

func clientOperations() []operation {
	read := []string{"read:clients", scopeReadClientKeys}
	return []operation{
		{"GET", "/clients", read, listClients},
		{"POST", "/clients", []string{"create:clients"}, createClient},
		{"GET", "/clients/{id}", read, getClient},
		{"PATCH", "/clients/{id}", []string{"update:clients", "update:client_keys"}, updateClient},
		{"DELETE", "/clients/{id}", []string{"delete:clients"}, deleteClient},
		{"POST", "/clients/{id}/rotate-secret", []string{"update:client_keys"}, rotateClientSecret},
		{"GET", "/client-grants", []string{"read:client_grants"}, listClientGrants},
		{"POST", "/client-grants", []string{"create:client_grants"}, createClientGrant},
		{"GET", "/client-grants/{id}", []string{"read:client_grants"}, getClientGrant},
		{"PATCH", "/client-grants/{id}", []string{"update:client_grants"}, updateClientGrant},
		{"DELETE", "/client-grants/{id}", []string{"delete:client_grants"}, deleteClientGrant},
	}
}

func clientMembers() members {
	return membersOf("string: name description logo_uri token_endpoint_auth_method app_type cross_origin_loc custom_login_page" +
		" custom_login_page_preview form_template initiate_login_uri organization_usage organization_require_behavior" +
		" compliance_level resource_server_identifier third_party_security_mode redirection_policy client_secret;" +
		"boolean: is_token_endpoint_ip_header_trusted is_first_party oidc_conformant sso cross_origin_authentication cross_origin_auth" +
		" sso_disabled custom_login_page_on require_pushed_authorization_requests require_proof_of_possession" +
		" skip_non_verifiable_callback_uri_confirmation_prompt;" +
		"array: callbacks allowed_origins web_origins client_aliases allowed_clients allowed_logout_urls grant_types" +
		" organization_discovery_methods async_approval_notification_channels;" +
		"object: oidc_logout oidc_backchannel_logout session_transfer jwt_configuration encryption_key addons client_metadata mobile" +
		" native_social_login fedcm_login refresh_token default_organization client_authentication_methods signed_request_object" +
		" token_vault_privileged_access token_exchange token_quota express_configuration my_organization_configuration;" +
		"number: par_request_expiry")
}

// grantTypes are those that Auth0 lets a client have.
var grantTypes = []string{
	"authorization_code", "implicit", GrantRefreshToken, GrantClientCredentials, GrantPassword, GrantPasswordRealm,
	"http://auth0.com/oauth/grant-type/mfa-oob", "http://auth0.com/oauth/grant-type/mfa-otp", "http://auth0.com/oauth/grant-type/mfa-recovery-code",
	"http://auth0.com/oauth/grant-type/passwordless/otp", "urn:ietf:params:oauth:grant-type:device_code",
	"urn:openid:params:grant-type:ciba", "urn:okta:params:oauth:grant-type:webauthn", "urn:ietf:params:oauth:grant-type:jwt-bearer",
	"urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token",
}

func listClients(m *managed) (answer, error) {
	query := m.URL.Query()
	all := documents{}
	for _, client := range m.tenant.clients {
		if want := query.Get("is_first_party"); want != "" && client.is("is_first_party") != (want == "true") {
			continue
		}
		if query.Get("is_global") == "true" { // the tenant's own, of old, which is not here
			continue
		}
		if want := query.Get("app_type"); want != "" && client.str("app_type") != want {
			continue
		}
		all = append(all, m.showClient(client))
	}
	return m.page("clients", all, query.Has("take") || query.Has("from"))
}

// showClient leaves out the secret, unless the token may see it.
func (m *managed) showClient(client document) document {
	if m.may(scopeReadClientKeys) {
		return client
	}
	return client.without("client_secret")
}

// createClient gives what is left out Auth0's own defaults, which are not what a
// bridge needs.
func createClient(m *managed) (answer, error) {
	body, err := m.object(clientMembers(), "name")
	if err != nil {
		return answer{}, err
	}
	if err := checkClient(body); err != nil {
		return answer{}, err
	}
	client := filled(body, document{
		"client_id": newID(32), "client_secret": newID(64), "tenant": "emulator", "global": false,
		"is_first_party": true, "is_token_endpoint_ip_header_trusted": false, "oidc_conformant": false, "sso_disabled": false,
		"cross_origin_authentication": false, "custom_login_page_on": true, "callbacks": []any{},
		"grant_types": defaultGrantTypes(body.str("app_type"), body.str("token_endpoint_auth_method")),
	})
	client["jwt_configuration"] = filled(body.object("jwt_configuration"), document{"lifetime_in_seconds": 36000.0, "secret_encoded": false})
	client["refresh_token"] = filled(body.object("refresh_token"), defaultRefreshToken())
	m.tenant.clients = append(m.tenant.clients, client)
	return respond(http.StatusCreated, client)
}

// defaultGrantTypes were recorded for an application without a type. For the others
// they are Auth0's documented ones.
func defaultGrantTypes(appType, authMethod string) []any {
	switch {
	case appType == "non_interactive":
		return anySlice([]string{GrantClientCredentials})
	case authMethod == string(AuthNone):
		return anySlice([]string{"authorization_code", "implicit", GrantRefreshToken})
	}
	return anySlice([]string{"authorization_code", "implicit", GrantRefreshToken, GrantClientCredentials})
}

func defaultRefreshToken() document {
	return document{
		"rotation_type": "non-rotating", "expiration_type": "non-expiring", "leeway": 0.0,
		"token_lifetime": 2592000.0, "infinite_token_lifetime": true, "idle_token_lifetime": 1296000.0, "infinite_idle_token_lifetime": true,
	}
}

// filled is a copy of d without its nulls, and with the defaults that it lacks.
func filled(d, defaults document) document {
	full := document{}
	full.merge(d)
	full.fill(defaults)
	return full
}

func checkClient(body document) error {
	if body["grant_types"] != nil {
		for _, grant := range body.strings("grant_types") {
			if !slices.Contains(grantTypes, grant) {
				return payloadError("Invalid grant type: " + grant)
			}
		}
	}
	for name, allowed := range map[string][]string{
		"token_endpoint_auth_method": {string(AuthPost), string(AuthBasic), string(AuthNone)},
		"app_type":                   {"native", "spa", "regular_web", "non_interactive", "resource_server", "express_configuration"},
		"organization_usage":         {"deny", "allow", "require"},
	} {
		if value := body.str(name); body[name] != nil && !slices.Contains(allowed, value) {
			return payloadError("No enum match for: " + value)
		}
	}
	return nil
}

func (m *managed) storedClient() (document, error) {
	client, ok := m.tenant.clients.find("client_id", m.param("id"))
	if !ok {
		return nil, inexistent("client", "inexistent_client")
	}
	return client, nil
}

func getClient(m *managed) (answer, error) {
	client, err := m.storedClient()
	if err != nil {
		return answer{}, err
	}
	return m.one(m.showClient(client))
}

// updateClient replaces each member that is sent, lists too, but merges metadata,
// jwt_configuration and refresh_token.
func updateClient(m *managed) (answer, error) {
	client, err := m.storedClient()
	if err != nil {
		return answer{}, err
	}
	body, err := m.object(clientMembers())
	if err != nil {
		return answer{}, err
	}
	if err := checkClient(body); err != nil {
		return answer{}, err
	}
	for _, name := range []string{"client_metadata", "jwt_configuration", "refresh_token"} {
		if body[name] != nil {
			merged := maps.Clone(client.object(name))
			merged.merge(body.object(name))
			body[name] = merged
		}
	}
	client.merge(body)
	return jsonAnswer(m.showClient(client))
}

// deleteClient takes the application off its connections and ends its grants.
func deleteClient(m *managed) (answer, error) {
	id := m.param("id")
	t := m.tenant
	t.clients = t.clients.remove("client_id", id)
	t.clientGrants = t.clientGrants.remove("client_id", id)
	for _, conn := range t.connections {
		conn.clients = slices.DeleteFunc(conn.clients, func(have string) bool { return have == id })
	}
	return noContent()
}

func rotateClientSecret(m *managed) (answer, error) {
	client, err := m.storedClient()
	if err != nil {
		return answer{}, err
	}
	client["client_secret"] = newID(64)
	return jsonAnswer(client)
}

// clientDocument is what Options describe.
func clientDocument(c Client) document {
	usage := "deny"
	if c.Organizations {
		usage = "allow"
	}
	refresh := defaultRefreshToken()
	if c.RefreshToken.Rotating {
		refresh["rotation_type"], refresh["expiration_type"] = "rotating", "expiring"
	}
	refresh["leeway"] = c.RefreshToken.Leeway.Seconds()
	if c.RefreshToken.Lifetime > 0 {
		refresh["expiration_type"], refresh["infinite_token_lifetime"] = "expiring", false
		refresh["token_lifetime"] = c.RefreshToken.Lifetime.Seconds()
	}
	if c.RefreshToken.IdleLifetime > 0 {
		refresh["expiration_type"], refresh["infinite_idle_token_lifetime"] = "expiring", false
		refresh["idle_token_lifetime"] = c.RefreshToken.IdleLifetime.Seconds()
	}
	doc := document{
		"client_id": c.ID, "client_secret": c.Secret, "name": c.Name, "tenant": "emulator", "global": false,
		"is_first_party": true, "oidc_conformant": true, "sso_disabled": false, "cross_origin_authentication": false,
		"custom_login_page_on": true, "callbacks": []any{}, "grant_types": anySlice(c.GrantTypes), "organization_usage": usage,
		"is_token_endpoint_ip_header_trusted": c.TrustForwardedFor, "refresh_token": refresh,
		"jwt_configuration": document{"alg": "RS256", "lifetime_in_seconds": c.IDTokenLifetime.Seconds(), "secret_encoded": false},
	}
	if c.AppType != "" {
		doc["app_type"] = c.AppType
	}
	if c.AuthMethod != "" {
		doc["token_endpoint_auth_method"] = string(c.AuthMethod)
	}
	if c.TokenExchange {
		doc["token_exchange"] = document{"allow_any_profile_of_type": []any{"custom_authentication"}}
	}
	return doc
}

// clientOf is the application as the authentication API sees it, without what other
// objects say of it.
func clientOf(doc document) *Client {
	refresh := doc.object("refresh_token")
	usage := doc.str("organization_usage")
	c := &Client{
		ID: doc.str("client_id"), Secret: doc.str("client_secret"), Name: doc.str("name"), AppType: doc.str("app_type"),
		AuthMethod:        AuthMethod(doc.str("token_endpoint_auth_method")),
		GrantTypes:        doc.strings("grant_types"),
		TokenExchange:     slices.Contains(doc.object("token_exchange").strings("allow_any_profile_of_type"), "custom_authentication"),
		Organizations:     usage == "allow" || usage == "require",
		TrustForwardedFor: doc.is("is_token_endpoint_ip_header_trusted"),
		IDTokenLifetime:   cmp.Or(doc.object("jwt_configuration").seconds("lifetime_in_seconds"), 10*time.Hour),
		RefreshToken:      RefreshToken{Rotating: refresh.str("rotation_type") == "rotating", Leeway: refresh.seconds("leeway")},

		legacy:               !doc.is("oidc_conformant"),
		thirdParty:           !doc.is("is_first_party"),
		requiresOrganization: usage == "require",
		symmetric:            doc.object("jwt_configuration").str("alg") != "RS256",
	}
	if refresh.str("expiration_type") == "expiring" {
		if !refresh.is("infinite_token_lifetime") {
			c.RefreshToken.Lifetime = refresh.seconds("token_lifetime")
		}
		if !refresh.is("infinite_idle_token_lifetime") {
			c.RefreshToken.IdleLifetime = refresh.seconds("idle_token_lifetime")
		}
	}
	return c
}

// The grants of machine-to-machine applications.

func listClientGrants(m *managed) (answer, error) {
	query := m.URL.Query()
	all := documents{}
	for _, grant := range m.tenant.clientGrants {
		if id := query.Get("client_id"); id != "" && grant.str("client_id") != id {
			continue
		}
		if audience := query.Get("audience"); audience != "" && grant.str("audience") != audience {
			continue
		}
		all = append(all, grant)
	}
	return m.page("client_grants", all, true)
}

func createClientGrant(m *managed) (answer, error) {
	body, err := m.object(membersOf("string: client_id audience organization_usage subject_type default_for; array: scope authorization_details_types;"+
		"boolean: allow_any_organization is_system allow_all_scopes"), "audience")
	if err != nil {
		return answer{}, err
	}
	if _, ok := m.tenant.clients.find("client_id", body.str("client_id")); !ok {
		return answer{}, inexistent("client", "inexistent_client")
	}
	for _, have := range m.tenant.clientGrants {
		if have.str("client_id") == body.str("client_id") && have.str("audience") == body.str("audience") {
			return answer{}, apiRefusal(http.StatusConflict, "client_grant_conflict", "A resource with the same audience and client_id already exists")
		}
	}
	grant := filled(body, document{"id": "cgr_" + newID(16), "scope": []any{}, "subject_type": "client"})
	m.tenant.clientGrants = append(m.tenant.clientGrants, grant)
	return respond(http.StatusCreated, grant)
}

func (m *managed) storedGrant() (document, error) {
	grant, ok := m.tenant.clientGrants.find("id", m.param("id"))
	if !ok {
		return nil, inexistent("client grant", "inexistent_client_grant")
	}
	return grant, nil
}

func getClientGrant(m *managed) (answer, error) {
	grant, err := m.storedGrant()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(grant)
}

func updateClientGrant(m *managed) (answer, error) {
	grant, err := m.storedGrant()
	if err != nil {
		return answer{}, err
	}
	body, err := m.object(membersOf("array: scope authorization_details_types; string: organization_usage; boolean: allow_any_organization allow_all_scopes"))
	if err != nil {
		return answer{}, err
	}
	grant.merge(body)
	return jsonAnswer(grant)
}

func deleteClientGrant(m *managed) (answer, error) {
	m.tenant.clientGrants = m.tenant.clientGrants.remove("id", m.param("id"))
	return noContent()
}
