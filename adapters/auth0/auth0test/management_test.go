package auth0test_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
)

// manager calls the Management API of a tenant.
type manager struct {
	*emulator
	bearer string
}

// manage starts a tenant whose manager has the scopes; nil means all of them.
func manage(t *testing.T, scopes []string, change ...func(*auth0test.Options)) *manager {
	t.Helper()
	opts := managed()
	if scopes == nil {
		scopes = auth0test.ManagementScopes()
	}
	opts.Clients[1].Management = scopes
	for _, c := range change {
		c(&opts)
	}
	m := &manager{emulator: start(t, opts)}
	r := m.token(managerParams(params{"audience": m.ManagementAudience()}))
	if r.status != http.StatusOK {
		t.Fatalf("no token: %d %s", r.status, r.text)
	}
	m.bearer = r.str("access_token")
	return m
}

func (m *manager) call(method, path, body string) reply {
	m.t.Helper()
	req := m.request(method, "/api/v2"+path, "application/json", body)
	req.Header.Set("Authorization", "Bearer "+m.bearer)
	return m.do(req)
}

// must makes a call that has to succeed.
func (m *manager) must(method, path, body string) reply {
	m.t.Helper()
	r := m.call(method, path, body)
	if r.status < 200 || r.status > 299 {
		m.t.Fatalf("%s %s: answered %d %s", method, path, r.status, r.text)
	}
	return r
}

func (r reply) list(t *testing.T) (list []map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.text), &list); err != nil {
		t.Fatalf("%s: %v", r.text, err)
	}
	return list
}

func (r reply) object(name string) map[string]any {
	o, _ := r.body[name].(map[string]any)
	return o
}

// connection is the path of the tenant's first connection.
func (m *manager) connection() string {
	m.t.Helper()
	return "/connections/" + m.must("GET", "/connections?name="+database, "").list(m.t)[0]["id"].(string)
}

func wantAPIError(t *testing.T, r reply, status int, code, message string) {
	t.Helper()
	if r.status != status || r.str("errorCode") != code || !strings.Contains(r.str("message"), message) || r.body["statusCode"] != float64(status) ||
		r.str("error") != http.StatusText(status) {
		t.Errorf("answered %d %s, want %d %s %q", r.status, r.text, status, code, message)
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestTheManagementAPIAsksForAToken(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	session := m.token(signIn(params{"audience": audience})).str("access_token")
	for name, test := range map[string]struct{ header, message string }{
		"no token":                  {"", "Missing authentication"},
		"no token at all":           {"Bearer nonsense", "Invalid token"},
		"a user's token for an API": {"Bearer " + session, "Bad audience"},
		"a token with another sign": {"Bearer " + m.bearer[:strings.LastIndexByte(m.bearer, '.')+1] + "AAAA", "Invalid token"},
	} {
		t.Run(name, func(t *testing.T) {
			req := m.request("GET", "/api/v2/clients", "", "")
			if test.header != "" {
				req.Header.Set("Authorization", test.header)
			}
			wantAPIError(t, m.do(req), 401, "", test.message)
		})
	}
}

func TestEachOperationAsksForItsScope(t *testing.T) {
	t.Parallel()
	m := manage(t, []string{"read:nothing"})
	for call, scopes := range map[string]string{
		"GET /clients": "read:clients,read:client_keys", "POST /clients": "create:clients", "PATCH /clients/x": "update:clients,update:client_keys",
		"GET /connections": "read:connections", "POST /connections": "create:connections", "PATCH /connections/x": "update:connections",
		"PATCH /connections/x/clients": "update:connections", "GET /tenants/settings": "read:tenant_settings",
		"POST /resource-servers": "create:resource_servers", "GET /guardian/policies": "read:mfa_policies",
		"GET /attack-protection/bot-detection": "read:attack_protection", "GET /logs": "read:logs,read:logs_users",
		"POST /actions/actions/x/deploy": "create:actions", "PATCH /actions/triggers/post-login/bindings": "update:actions",
		"POST /token-exchange-profiles": "create:token_exchange_profiles", "GET /rate-limit-policies": "read:rate_limit_policies",
		"DELETE /user-blocks?identifier=x": "update:users", "GET /keys/signing": "read:signing_keys", "GET /custom-domains": "read:custom_domains",
		"POST /client-grants": "create:client_grants",
	} {
		method, path, _ := strings.Cut(call, " ")
		wantAPIError(t, m.call(method, path, "{}"), 403, "insufficient_scope", "Insufficient scope, expected any of: "+scopes)
	}
}

func TestWhatATokenMayNotSeeIsLeftOut(t *testing.T) {
	t.Parallel()
	m := manage(t, []string{"read:connections", "read:clients"})
	for _, conn := range m.must("GET", "/connections", "").list(t) {
		if _, shown := conn["options"]; shown || conn["name"] == nil {
			t.Errorf("without read:connections_options: %v", conn)
		}
	}
	for _, client := range m.must("GET", "/clients", "").list(t) {
		if _, shown := client["client_secret"]; shown || client["client_id"] == nil {
			t.Errorf("without read:client_keys: %v", client)
		}
	}
	all := manage(t, nil)
	if r := all.must("GET", "/clients/"+clientID, ""); r.str("client_secret") != clientSecret {
		t.Errorf("with every scope: %s", r.text)
	}
}

func TestConfigurationComesBackAsCiphertextAndIsTheValueWhenItIsSentBack(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	conn := m.connection()
	shown := func() map[string]any {
		return m.must("GET", conn, "").object("options")["configuration"].(map[string]any)
	}
	patch := func(configuration string) {
		m.must("PATCH", conn, `{"options": {"enabledDatabaseCustomization": true, "customScripts": {"login": `+
			quote(`function login(id, pw, callback) { callback(null, {user_id: configuration.ID || 'none', email: 'e@example.com'}); }`)+`}, "configuration": `+configuration+`}}`)
	}
	subject := func() string { return m.verify(m.token(signIn(nil)).str("id_token"))["sub"].(string) }

	patch(`{"ID": "plain"}`)
	first := shown()["ID"].(string)
	patch(`{"ID": "plain"}`)
	second := shown()["ID"].(string)
	if first == second || strings.Contains(first, "plain") || !strings.HasPrefix(first, "CkIKI") {
		t.Errorf("the value came back as %q and then as %q", first, second)
	}
	if got := subject(); got != "auth0|plain" {
		t.Errorf("the script saw %q", got)
	}
	patch(`{"ID": ` + quote(second) + `}`)
	if got := subject(); got != "auth0|"+second {
		t.Errorf("with the ciphertext sent back the script saw %q", got)
	}
	patch(`{"OTHER": "x"}`)
	if got := subject(); got != "auth0|none" || len(shown()) != 1 {
		t.Errorf("a key that was not sent again is still there: %q, %v", got, shown())
	}
}

func TestAPatchReplacesOptionsAndTheDisplayName(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]bool{"the configuration goes too": false, "or it stays, by a switch": true} {
		t.Run(name, func(t *testing.T) {
			m := manage(t, nil)
			m.SetFaults(auth0test.Faults{Variants: auth0test.Variants{KeepConfiguration: keep}})
			conn := m.connection()
			m.must("PATCH", conn, `{"display_name": "Passkeys"}`)
			if r := m.must("GET", conn, ""); r.str("display_name") != "Passkeys" || r.object("options")["customScripts"] == nil {
				t.Fatalf("a change without options: %s", r.text)
			}
			r := m.must("PATCH", conn, `{"options": {"import_mode": false}}`)
			options := r.object("options")
			_, kept := options["configuration"]
			if options["customScripts"] != nil || options["enabledDatabaseCustomization"] != nil || kept != keep {
				t.Errorf("options are %v", options)
			}
			if r.str("display_name") != database {
				t.Errorf("the display name is %q, want it set back to the name", r.str("display_name"))
			}
			wantError(t, m.token(signIn(nil)), 403, "invalid_grant", "Wrong email or password.") // there is no script to ask any more
		})
	}
}

func TestTheContextObjectCannotBeTurnedOff(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	conn := m.connection()
	script := quote(`function login(id, pw, context, callback) { callback(null, {user_id: typeof context, email: 'e@example.com'}); }`)
	options := func(more string) string {
		return `{"options": {"enabledDatabaseCustomization": true, "customScripts": {"login": ` + script + `}` + more + `}}`
	}
	m.must("PATCH", conn, options(""))
	wantError(t, m.token(signIn(nil)), 403, "access_denied", "Value is not an object: undefined")
	m.must("PATCH", conn, options(`, "enable_script_context": true`))
	wantOK(t, m.token(signIn(nil)))
	m.must("PATCH", conn, options(`, "enable_script_context": false`))
	wantOK(t, m.token(signIn(nil)))
}

func TestABodyWithWhatTheAPIDoesNotKnowIsRefused(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	conn := m.connection()
	for call, message := range map[string]string{
		"PATCH " + conn + ` {"enabled_clients": ["a"]}`:                                 "Payload validation error: 'Additional properties not allowed: enabled_clients'.",
		"PATCH " + conn + ` {"name": "other"}`:                                          "Additional properties not allowed: name",
		"PATCH " + conn + ` {"options": {"bareConfiguration": {"a": "b"}}}`:             "Additional properties not allowed: bareConfiguration",
		"PATCH " + conn + ` {"options": {"attributes": {}, "requires_username": true}}`: "Cannot set both options.attributes and options.requires_username",
		`POST /clients {"name": "a", "grants": []}`:                                     "Additional properties not allowed: grants",
		`POST /clients {"name": 1}`:                                                     "Expected type string but found type number' on property name",
		`POST /clients {}`:                                                              "Missing required property: name",
		`POST /clients {"name": "a", "grant_types": ["passwords"]}`:                     "Invalid grant type: passwords",
		`POST /clients {"name": "a"`:                                                    "Invalid request payload JSON format",
		`POST /connections {"name": "not_a_name", "strategy": "auth0"}`:                 "does not match pattern",
		`POST /token-exchange-profiles {"name": "a", "subject_token_type": "urn:ietf:x", "action_id": "a", "type": "custom_authentication"}`: "reserved namespace",
		"PATCH " + conn + `/clients [{"client_id": "a"}]`: "must have client_id and status",
		"PATCH " + conn + `/clients {"client_id": "a"}`:   "Expected type array but found type object",
		"PATCH " + conn + "/clients [" + strings.Repeat(`{"client_id": "a", "status": true},`, 50) + `{"client_id": "a", "status": true}]`: "Array has 51 items",
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		wantAPIError(t, m.call(method, path, body), 400, "invalid_body", message)
	}
}

func TestTheApplicationsOfAConnectionAreSwitchedOneByOne(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	conn := m.connection()
	ids := func() (ids []string) {
		for _, c := range m.must("GET", conn+"/clients", "").body["clients"].([]any) {
			ids = append(ids, c.(map[string]any)["client_id"].(string))
		}
		return ids
	}
	if r := m.call("PATCH", conn+"/clients", `[{"client_id": "`+managerID+`", "status": true}]`); r.status != 204 || r.text != "" {
		t.Errorf("answered %d %q", r.status, r.text)
	}
	if got := ids(); !slices.Equal(got, []string{clientID, managerID}) {
		t.Errorf("enabled are %q", got)
	}
	wantOK(t, m.token(signIn(nil)))
	m.must("PATCH", conn+"/clients", `[{"client_id": "`+clientID+`", "status": false}]`)
	if got := ids(); !slices.Equal(got, []string{managerID}) {
		t.Errorf("enabled are %q", got)
	}
	wantError(t, m.token(signIn(nil)), 403, "access_denied", "The connection is not enabled for the client.")
	wantAPIError(t, m.call("PATCH", conn+"/clients", `[{"client_id": "nobody", "status": true}]`), 404, "inexistent_client", "does not exist")
}

func TestADeletedConnectionKeepsItsNameForAWhile(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	conn := m.connection()
	create := `{"name": "` + database + `", "strategy": "auth0"}`
	wantAPIError(t, m.call("POST", "/connections", create), 409, "connection_conflict", "A connection with the same name already exists")
	if r := m.call("DELETE", conn, ""); r.status != 202 {
		t.Fatalf("answered %d %s", r.status, r.text)
	}
	wantAPIError(t, m.call("GET", conn, ""), 404, "inexistent_connection", "The connection does not exist")
	tries := 1
	for m.call("POST", "/connections", create).status == 409 {
		tries++
	}
	if tries == 1 || len(m.must("GET", "/connections", "").list(t)) != 1 {
		t.Errorf("the name was free at once, or never: %d tries", tries)
	}
}

// The members that a bridge depends on, each of which is wrong when it is left out.
func TestAClientGetsAuth0sDefaults(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	r := m.must("POST", "/clients", `{"name": "Bridge"}`)
	if r.status != 201 || r.body["oidc_conformant"] != false || r.body["is_token_endpoint_ip_header_trusted"] != false || r.body["is_first_party"] != true ||
		!reflect.DeepEqual(r.body["grant_types"], []any{"authorization_code", "implicit", "refresh_token", "client_credentials"}) ||
		r.object("refresh_token")["rotation_type"] != "non-rotating" || r.object("jwt_configuration")["alg"] != nil || r.str("client_secret") == "" {
		t.Errorf("created %s", r.text)
	}
	again := m.must("POST", "/clients", `{"name": "Bridge"}`)
	if again.str("client_id") == r.str("client_id") {
		t.Error("names are unique")
	}
	path := "/clients/" + r.str("client_id")
	changed := m.must("PATCH", path, `{"grant_types": ["password"], "client_metadata": {"a": "1", "b": "2"}, "description": "x"}`)
	if !reflect.DeepEqual(changed.body["grant_types"], []any{"password"}) {
		t.Errorf("grant types are %v, want them replaced", changed.body["grant_types"])
	}
	changed = m.must("PATCH", path, `{"client_metadata": {"a": null, "c": "3"}, "description": null}`)
	if got := changed.object("client_metadata"); !reflect.DeepEqual(got, map[string]any{"b": "2", "c": "3"}) || changed.body["description"] != nil {
		t.Errorf("metadata is %v, description %v", got, changed.body["description"])
	}
}

// Everything that the API sets of an application, and what becomes of a sign-in.
func TestASignInObeysTheApplication(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]struct {
		status            int
		code, description string
	}{
		`{"grant_types": ["refresh_token"]}`:                    {403, "unauthorized_client", "Grant type 'http://auth0.com/oauth/grant-type/password-realm' not allowed for the client."},
		`{"oidc_conformant": false}`:                            {400, "unsupported_grant_type", ""},
		`{"is_first_party": false}`:                             {403, "unauthorized_client", ""},
		`{"organization_usage": "require"}`:                     {400, "invalid_request", "parameter organization is required for this client"},
		`{"client_secret": "another"}`:                          {401, "invalid_client", "Client authentication failed"},
		`{"token_endpoint_auth_method": "client_secret_basic"}`: {401, "invalid_client", "Client authentication failed"},
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			m := manage(t, nil)
			m.must("PATCH", "/clients/"+clientID, change)
			r := m.token(signIn(params{"grant_type": auth0test.GrantPasswordRealm, "realm": database}))
			if r.status != want.status || r.str("error") != want.code || !strings.Contains(r.str("error_description"), want.description) {
				t.Errorf("answered %d %s", r.status, r.text)
			}
		})
	}
}

func TestTheSettingsOfTokensAreObeyed(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	path := "/clients/" + clientID
	m.must("PATCH", path, `{"jwt_configuration": {"lifetime_in_seconds": 60}}`)
	r := m.token(signIn(params{"scope": "openid offline_access"}))
	claims := m.verify(r.str("id_token"))
	if claims["exp"].(float64)-claims["iat"].(float64) != 60 || r.str("refresh_token") == "" {
		t.Errorf("claims = %v", claims)
	}
	if again := m.token(refresh(r.str("refresh_token"), nil)); again.str("refresh_token") == "" {
		t.Error("the refresh token does not rotate")
	}
	m.must("PATCH", path, `{"refresh_token": {"rotation_type": "non-rotating"}, "jwt_configuration": {"alg": "HS256"}}`)
	r = m.token(signIn(params{"scope": "openid offline_access"}))
	if header, _ := peek(t, r.str("id_token")); header["alg"] != "HS256" {
		t.Errorf("signed with %v, want HS256", header["alg"])
	}
	if again := m.token(refresh(r.str("refresh_token"), nil)); again.status != 200 || again.str("refresh_token") != "" {
		t.Errorf("the refresh token rotates: %s", again.text)
	}
	m.must("PATCH", "/resource-servers/"+url.PathEscape(audience), `{"allow_offline_access": false}`)
	if r := m.token(signIn(params{"scope": "openid offline_access", "audience": audience})); r.str("refresh_token") != "" {
		t.Error("the API allows no offline access, and there is a refresh token")
	}
}

// TestAnAPISetsTheProfileOfItsAccessTokens goes by Auth0's page on access token profiles.
func TestAnAPISetsTheProfileOfItsAccessTokens(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	scope := params{"scope": "openid offline_access read:things", "audience": audience}
	for _, tt := range []struct {
		dialect, typ, claims string
	}{
		{"access_token", "JWT", "aud azp exp gty iat iss scope sub"},
		{"access_token_authz", "JWT", "aud azp exp gty iat iss permissions scope sub"},
		{"rfc9068_profile", "at+jwt", "aud client_id exp iat iss jti scope sub"},
		{"rfc9068_profile_authz", "at+jwt", "aud client_id exp iat iss jti permissions scope sub"},
	} {
		m.must("PATCH", "/resource-servers/"+url.PathEscape(audience), `{"enforce_policies": true, "token_dialect": "`+tt.dialect+`"}`)
		signedIn := m.token(signIn(scope))
		renewed := m.token(refresh(signedIn.str("refresh_token"), nil))
		for _, r := range []reply{signedIn, renewed} {
			header, claims := peek(t, r.str("access_token"))
			names := strings.Join(slices.Sorted(maps.Keys(claims)), " ")
			if header["typ"] != tt.typ || names != tt.claims {
				t.Errorf("%s: typ %v with %s, want %s with %s", tt.dialect, header["typ"], names, tt.typ, tt.claims)
			}
			if client := cmp.Or(claims["azp"], claims["client_id"]); client != clientID {
				t.Errorf("%s: the client is %v", tt.dialect, client)
			}
		}
	}
}

func TestTheDefaultDirectoryIsAsked(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	without := signIn(params{"grant_type": auth0test.GrantPassword, "realm": ""})
	wantError(t, m.token(without), 400, "invalid_request", "Authorization server not configured with default connection.")
	m.must("PATCH", "/tenants/settings", `{"default_directory": "`+database+`"}`)
	wantOK(t, m.token(without))
	wantAPIError(t, m.call("PATCH", "/tenants/settings", `{"default_directory": "nowhere"}`), 400, "invalid_body", "nowhere")
}

func TestAConnectionTellsItsIDWhateverIsAskedFor(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	path := m.connection()
	r := m.must("GET", path+"?fields=strategy,name&include_fields=true", "")
	if want := map[string]any{"id": strings.TrimPrefix(path, "/connections/"), "strategy": "auth0", "name": database}; !reflect.DeepEqual(r.body, want) {
		t.Errorf("it is %s, want %v", r.text, want)
	}
}

func TestPagesOfBothKinds(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	for i := range 4 {
		m.must("POST", "/clients", fmt.Sprintf(`{"name": "App %d"}`, i))
		m.must("POST", "/connections", fmt.Sprintf(`{"name": "connection-%d", "strategy": "auth0"}`, i))
	}
	r := m.must("GET", "/clients?page=1&per_page=2&include_totals=true&fields=name", "")
	if r.body["total"] != 6.0 || r.body["start"] != 2.0 || r.body["limit"] != 2.0 || !reflect.DeepEqual(r.body["clients"], []any{
		map[string]any{"name": "App 0"}, map[string]any{"name": "App 1"},
	}) {
		t.Errorf("the second page is %s", r.text)
	}
	var names []any
	from := ""
	for {
		r := m.must("GET", "/connections?take=2"+from, "")
		for _, c := range r.body["connections"].([]any) {
			names = append(names, c.(map[string]any)["name"])
		}
		next, more := r.body["next"].(string)
		if !more {
			break
		}
		from = "&from=" + url.QueryEscape(next)
	}
	if len(names) != 5 || names[4] != "connection-3" {
		t.Errorf("checkpoints led to %v", names)
	}
	for _, query := range []string{"per_page=101", "per_page=0", "page=x", "take=0", "take=2&from=%21"} {
		wantAPIError(t, m.call("GET", "/connections?"+query, ""), 400, "invalid_query_string", "Query validation error")
	}
}

func TestTheRefreshTokensOfAUserAreDeletedAtOnceAndNobodyElses(t *testing.T) {
	m := manage(t, nil)
	janes, johns := m.OpenSession("bridge", "auth0|jane", time.Now()), m.OpenSession("bridge", "auth0|john", time.Now())
	if r := m.call("DELETE", "/users/auth0%7Cjane/refresh-tokens", ""); r.status != http.StatusAccepted || r.text != "" {
		t.Errorf("answered %d %q, want 202 and nothing", r.status, r.text)
	}
	if m.IsAlive(janes) || !m.IsAlive(johns) {
		t.Errorf("Jane's is alive: %t, John's: %t", m.IsAlive(janes), m.IsAlive(johns))
	}
	stranger := manage(t, []string{"read:refresh_tokens"})
	wantAPIError(t, stranger.call("DELETE", "/users/auth0%7Cjane/refresh-tokens", ""), http.StatusForbidden, "insufficient_scope", "delete:refresh_tokens")
}

func TestTheManagementAPIHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	clock := newClock()
	m := manage(t, nil, func(o *auth0test.Options) { o.Now = clock.Now })
	m.SetFaults(auth0test.Faults{Protection: auth0test.Protection{ManagementPerSecond: 2}})
	m.must("GET", "/clients", "")
	m.must("GET", "/clients", "")
	r := m.call("GET", "/clients", "")
	wantAPIError(t, r, 429, "too_many_requests", "Global limit has been reached")
	if r.header.Get("Retry-After") != "1" || r.header.Get("X-RateLimit-Limit") != "2" || r.header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("headers are %v", r.header)
	}
	clock.forward(1e9)
	m.must("GET", "/clients", "")
}

// A set-up that is stopped at any call must be able to go on: the call had no effect, or
// it had one and nobody was told.
func TestACallIsLostBeforeOrAfterItTakesEffect(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			m := manage(t, nil)
			m.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.Reset, At: auth0test.AtManagement, Skip: 1, Times: 1, After: after}}})
			m.must("GET", "/clients", "")
			req := m.request("POST", "/api/v2/clients", "application/json", `{"name": "Lost"}`)
			req.Header.Set("Authorization", "Bearer "+m.bearer)
			if r, err := m.try(req); err == nil {
				t.Fatalf("answered %d %s", r.status, r.text)
			}
			clients := m.must("GET", "/clients", "").list(t)
			if done := clients[len(clients)-1]["name"] == "Lost"; done != after {
				t.Errorf("the call took effect: %t, want %t", done, after)
			}
		})
	}
	m := manage(t, nil)
	m.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.ServerError, At: auth0test.AtManagement, Times: 1}}})
	wantAPIError(t, m.call("GET", "/clients", ""), 500, "server_error", "Internal server error")
}

func TestTheObserverIsToldEachCallWithItsBody(t *testing.T) {
	t.Parallel()
	calls := make(chan auth0test.ManagementCall, 10)
	m := manage(t, nil, func(o *auth0test.Options) { o.ObserveManagement = func(c auth0test.ManagementCall) { calls <- c } })
	m.must("GET", "/clients?page=0", "")
	m.must("POST", "/clients", `{"name": "Told"}`)
	got := []auth0test.ManagementCall{<-calls, <-calls}
	if want := []auth0test.ManagementCall{
		{Method: "GET", Path: "/api/v2/clients", Query: "page=0", Body: []byte{}}, {Method: "POST", Path: "/api/v2/clients", Body: []byte(`{"name": "Told"}`)},
	}; !reflect.DeepEqual(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	last := m.Exchanges()[len(m.Exchanges())-1]
	if last.Method != "POST" || last.Path != "/api/v2/clients" || last.Status != 201 || last.ClientID != managerID {
		t.Errorf("the exchange is %+v", last)
	}
}
