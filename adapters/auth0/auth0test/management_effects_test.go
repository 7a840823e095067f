package auth0test_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nativebridge/adapters/auth0/auth0test"
)

// bind makes an Action, deploys it and binds it to post-login.
func (m *manager) bind(name, code string) {
	m.t.Helper()
	id := m.must("POST", "/actions/actions", `{"name": `+quote(name)+`, "code": `+quote(code)+`, "supported_triggers": [{"id": "post-login", "version": "v3"}]}`).str("id")
	m.deploy(id)
	m.must("PATCH", "/actions/triggers/post-login/bindings", `{"bindings": [{"ref": {"type": "action_id", "value": "`+id+`"}, "display_name": `+quote(name)+`}]}`)
}

// deploy waits for the Action to be built, and deploys it.
func (m *manager) deploy(id string) {
	m.t.Helper()
	for m.must("GET", "/actions/actions/"+id, "").str("status") != "built" {
	}
	m.must("POST", "/actions/actions/"+id+"/deploy", "")
}

// Everything that the tenant may put in a sign-in's way beyond the application and the
// connection.
func TestASignInObeysTheTenantsPolicies(t *testing.T) {
	t.Parallel()
	action := func(body string) func(*manager) {
		return func(m *manager) { m.bind("Login", "exports.onExecutePostLogin = async (event, api) => { "+body+" };") }
	}
	for name, test := range map[string]struct {
		change            func(*manager)
		status            int
		code, description string
	}{
		"MFA for all applications": {func(m *manager) { m.must("PUT", "/guardian/policies", `["all-applications"]`) }, 403, "mfa_required", "Multifactor authentication required"},
		"adaptive MFA":             {func(m *manager) { m.must("PUT", "/guardian/policies", `["confidence-score"]`) }, 200, "", ""},
		"bot detection always": {func(m *manager) {
			m.must("PATCH", "/attack-protection/bot-detection", `{"challenge_password_policy": "always"}`)
		}, 401, "requires_verification", "Suspicious request requires verification"},
		"bot detection as a monitor": {func(m *manager) {
			m.must("PATCH", "/attack-protection/bot-detection", `{"challenge_password_policy": "always", "monitoring_mode_enabled": true}`)
		}, 200, "", ""},
		"bot detection, allowed here": {func(m *manager) {
			m.must("PATCH", "/attack-protection/bot-detection", `{"challenge_password_policy": "always", "allowlist": ["127.0.0.1"]}`)
		}, 200, "", ""},
		"passwords off": {func(m *manager) {
			m.must("PATCH", m.connection(), `{"options": {"authentication_methods": {"password": {"enabled": false}}}}`)
		}, 403, "access_denied", "Password authentication is not enabled for the connection."},
		"custom database off": {func(m *manager) {
			m.must("PATCH", m.connection(), `{"options": {"enabledDatabaseCustomization": false}}`)
		}, 403, "invalid_grant", "Wrong email or password."},
		"a script that cannot be read": {func(m *manager) {
			m.must("PATCH", m.connection(), `{"options": {"enabledDatabaseCustomization": true, "customScripts": {"login": "function login("}}}`)
		}, 403, "access_denied", ""},
		"a realm of another name":     {func(m *manager) { m.must("PATCH", m.connection(), `{"realms": ["elsewhere"]}`) }, 400, "invalid_request", "Unknown realm " + database + "."},
		"an Action that denies":       {action(`api.access.deny('not ' + event.user.user_id + ' by ' + event.transaction.protocol)`), 403, "access_denied", "not auth0|alice by oauth2-password"},
		"an Action that asks for MFA": {action(`api.multifactor.enable('any')`), 403, "mfa_required", "Multifactor authentication required"},
		"an Action that redirects":    {action(`if (api.redirect.canRedirect()) api.access.deny('a browser'); api.redirect.sendUserTo('https://a.example')`), 403, "access_denied", "The Action redirects, and there is no browser."},
		"an Action that throws":       {action(`throw new Error('secret words')`), 500, "server_error", "The Action failed."},
		"an Action that sets a claim": {action(`api.idToken.setCustomClaim('a', 'b')`), 200, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := manage(t, nil)
			wantOK(t, m.token(signIn(nil)))
			test.change(m)
			r := m.token(signIn(nil))
			if r.status != test.status || r.str("error") != test.code || test.description != "" && r.str("error_description") != test.description {
				t.Errorf("answered %d %s, want %d %s %q", r.status, r.text, test.status, test.code, test.description)
			}
		})
	}
}

func TestBruteForceProtectionCountsAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	m.SetFaults(auth0test.Faults{Protection: auth0test.Protection{AsSettings: true}})
	m.must("PATCH", "/attack-protection/brute-force-protection", `{"max_attempts": 2}`)
	wrong := func() reply { return m.token(signIn(params{"password": "wrong"})) }
	wrong()
	wrong()
	if r := wrong(); r.status != 429 || r.str("error") != "too_many_attempts" {
		t.Fatalf("answered %d %s", r.status, r.text)
	}
	username := signIn(nil)["username"]
	blocked := "/user-blocks?identifier=" + url.QueryEscape(username)
	if r := m.must("GET", blocked, ""); !strings.Contains(r.text, `"ip":"127.0.0.1"`) || !strings.Contains(r.text, `"connection":"`+database+`"`) {
		t.Errorf("blocked are %s", r.text)
	}
	m.must("DELETE", blocked, "")
	wantOK(t, m.token(signIn(nil)))
	for name, off := range map[string]string{
		"the protection":     `/attack-protection/brute-force-protection {"enabled": false}`,
		"for this address":   `/attack-protection/brute-force-protection {"enabled": true, "allowlist": ["127.0.0.1"]}`,
		"for the connection": m.connection() + ` {"options": {"brute_force_protection": false, "enabledDatabaseCustomization": true, "customScripts": {"login": ` + quote(loginScript) + `}}}`,
	} {
		path, body, _ := strings.Cut(off, " ")
		m.must("PATCH", path, body)
		for range 4 {
			if r := wrong(); r.status != 403 {
				t.Errorf("%s is off, and the answer is %d %s", name, r.status, r.text)
			}
		}
		m.ResetProtection()
	}
}

func TestARateLimitPolicyHoldsBackItsApplication(t *testing.T) {
	t.Parallel()
	clock := newClock()
	m := manage(t, nil, func(o *auth0test.Options) { o.Now = clock.Now })
	m.must("POST", "/rate-limit-policies", `{"resource": "oauth_authentication_api", "consumer": "client", "consumer_selector": "client_id:`+clientID+`",
		"configuration": {"action": "block", "limit": 1}}`)
	r := m.token(signIn(nil))
	wantOK(t, r)
	if got := r.header.Get("Auth0-RateLimit"); got != "client;q=1;t=1;r=0" {
		t.Errorf("Auth0-RateLimit is %q", got)
	}
	r = m.token(signIn(nil))
	wantError(t, r, 429, "too_many_requests", "Rate limit exceeded.")
	if r.header.Get("Retry-After") != "1" || r.header.Get("X-RateLimit-Limit") != "" {
		t.Errorf("headers are %v", r.header)
	}
	clock.forward(1e9)
	wantOK(t, m.token(signIn(nil)))
	wantAPIError(t, m.call("POST", "/rate-limit-policies", `{"resource": "oauth_authentication_api", "consumer": "client", "consumer_selector": "default",
		"configuration": {"action": "redirect", "limit": 1}}`), 400, "invalid_body", "requires a `redirect_uri`")
}

func TestTheLogTellsWhyAndFromWhere(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	m.must("PATCH", "/clients/"+clientID, `{"is_token_endpoint_ip_header_trusted": true, "token_endpoint_auth_method": "client_secret_post"}`)
	wantOK(t, m.token(signIn(nil)))
	req := m.tokenRequest(signIn(params{"password": "wrong"}))
	req.Header.Set("Auth0-Forwarded-For", "203.0.113.7")
	m.do(req)
	m.must("PATCH", "/clients/"+clientID, `{"grant_types": []}`)
	m.token(signIn(nil))
	var types []string
	for _, entry := range m.must("GET", "/logs?sort=date:1&q="+url.QueryEscape("client_id:"+clientID), "").list(t) {
		types = append(types, entry["type"].(string))
	}
	if got := strings.Join(types, " "); got != "s sepft fp fepft fepft" {
		t.Errorf("the log has %s", got)
	}
	r := m.must("GET", "/logs?include_totals=true&per_page=1&q="+url.QueryEscape(`type:(fp OR f) AND connection:"`+database+`" AND date:[2020-01-01T00:00:00.000Z TO *]`), "")
	entry := r.body["logs"].([]any)[0].(map[string]any)
	if r.body["total"] != 1.0 || entry["ip"] != "203.0.113.7" || entry["client_ip"] != "127.0.0.1" || entry["description"] != "Wrong email or password." ||
		entry["user_name"] != signIn(nil)["username"] || strings.Contains(r.text, "wrong\"") {
		t.Errorf("the entry is %s", r.text)
	}
	if got := m.must("GET", "/logs/"+entry["log_id"].(string), ""); got.str("type") != "fp" {
		t.Errorf("by its id it is %s", got.text)
	}
	newest := m.must("GET", "/logs?per_page=1", "").list(t)[0]
	if newest["description"] != "Grant type '"+signIn(nil)["grant_type"]+"' not allowed for the client." {
		t.Errorf("the newest is %v", newest)
	}
	wantAPIError(t, m.call("GET", "/logs?q=type", ""), 400, "invalid_query_string", "does not understand")
}

func TestAnActionRunsAsItWasLastDeployed(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	action := func(user string) string {
		return `{"name": "Exchange", "code": ` + quote(`exports.onExecuteCustomTokenExchange = async (event, api) => {
			api.authentication.setUserByConnection('`+database+`', {user_id: '`+user+`' + event.secrets.KEY, email: 'a@example.com'}, {}); };`) +
			`, "supported_triggers": [{"id": "custom-token-exchange", "version": "v1"}], "secrets": [{"name": "KEY", "value": "-kept"}]}`
	}
	created := m.must("POST", "/actions/actions", action("a"))
	id := created.str("id")
	profile := `{"name": "p", "subject_token_type": "urn:example:token", "type": "custom_authentication", "action_id": "` + id + `"}`
	if created.str("status") != "pending" || strings.Contains(created.text, "-kept") {
		t.Errorf("created %s", created.text)
	}
	wantAPIError(t, m.call("POST", "/actions/actions/"+id+"/deploy", ""), 400, "", "A draft must be in the 'built' state")
	wantAPIError(t, m.call("POST", "/token-exchange-profiles", profile), 400, "", "be deployed")
	m.deploy(id)
	m.must("PATCH", "/clients/"+clientID, `{"token_exchange": {"allow_any_profile_of_type": ["custom_authentication"]}}`)
	m.must("POST", "/token-exchange-profiles", profile)
	subject := func() string {
		r := m.token(params{"grant_type": tokenExchange, "subject_token_type": "urn:example:token", "subject_token": "x", "scope": "openid", "client_id": clientID, "client_secret": clientSecret})
		wantOK(t, r)
		return m.verify(r.str("id_token"))["sub"].(string)
	}
	if got := subject(); got != "auth0|a-kept" {
		t.Errorf("the Action set %s", got)
	}
	m.must("PATCH", "/actions/actions/"+id, `{"code": `+quote(strings.ReplaceAll(`exports.onExecuteCustomTokenExchange = async (event, api) => {
		api.authentication.setUserByConnection('DB', {user_id: 'b' + event.secrets.KEY, email: 'b@example.com'}, {}); };`, "DB", database))+`, "secrets": [{"name": "KEY"}]}`)
	if r := m.must("GET", "/actions/actions/"+id, ""); r.body["all_changes_deployed"] != false {
		t.Errorf("a change counts as deployed: %s", r.text)
	}
	if got := subject(); got != "auth0|a-kept" {
		t.Errorf("before it is deployed the change runs: %s", got)
	}
	m.deploy(id)
	if got := subject(); got != "auth0|b-kept" {
		t.Errorf("the Action set %s, want the new code and the old secret", got)
	}
	if r := m.must("GET", "/actions/actions/"+id, ""); r.body["all_changes_deployed"] != true {
		t.Errorf("after its deployment: %s", r.text)
	}
	wantAPIError(t, m.call("PATCH", "/token-exchange-profiles/"+m.must("GET", "/token-exchange-profiles", "").body["token_exchange_profiles"].([]any)[0].(map[string]any)["id"].(string),
		`{"action_id": "other"}`), 400, "invalid_body", "Additional properties not allowed: action_id")
}

func TestAnActionMayBeDeployedWithItsCreation(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	r := m.must("POST", "/actions/actions", `{"name": "A", "code": "exports.onExecutePostLogin = async () => {}", "deploy": true, "supported_triggers": [{"id": "post-login", "version": "v3"}]}`)
	if r.body["deployed_version"] != nil {
		t.Errorf("deployed before it is built: %s", r.text)
	}
	for m.must("GET", "/actions/actions/"+r.str("id"), "").body["all_changes_deployed"] != true {
	}
}

func TestALesserPlanLacksSomeOfTheAPI(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	for _, path := range []string{"/token-exchange-profiles", "/rate-limit-policies", "/attack-protection/bot-detection"} {
		m.SetFaults(auth0test.Faults{Variants: auth0test.Variants{LesserPlan: auth0test.PlanForbids}})
		wantAPIError(t, m.call("GET", path, ""), 403, "insufficient_entitlement", "Please upgrade your subscription to use ")
		m.SetFaults(auth0test.Faults{Variants: auth0test.Variants{LesserPlan: auth0test.PlanHides}})
		wantAPIError(t, m.call("GET", path, ""), 404, "", "Not Found")
		m.SetFaults(auth0test.Faults{})
		m.must("GET", path, "")
	}
}

func TestSigningKeysAndCustomDomainsAreListed(t *testing.T) {
	t.Parallel()
	m := manage(t, nil, func(o *auth0test.Options) { o.CustomDomains = []string{"login.example.com"} })
	m.RotateKeys()
	session := m.token(signIn(nil)).str("id_token")
	header, _ := peek(t, session)
	states := ""
	for _, key := range m.must("GET", "/keys/signing", "").list(t) {
		for _, state := range []string{"next", "current", "previous"} {
			if key[state] == true {
				states += state + " "
			}
		}
		if key["current"] == true && key["kid"] != header["kid"] {
			t.Errorf("the current key is %v, a token is signed with %v", key["kid"], header["kid"])
		}
	}
	if states != "next current previous " {
		t.Errorf("the keys are %s", states)
	}
	if domains := m.must("GET", "/custom-domains", "").list(t); len(domains) != 1 || domains[0]["domain"] != "login.example.com" {
		t.Errorf("custom domains are %v", domains)
	}
}

func TestClientGrantsGiveTheManagementAPI(t *testing.T) {
	t.Parallel()
	m := manage(t, nil)
	app := m.must("POST", "/clients", `{"name": "Doctor", "app_type": "non_interactive"}`)
	grant := `{"client_id": "` + app.str("client_id") + `", "audience": "` + m.ManagementAudience() + `", "scope": ["read:clients"]}`
	asks := params{"grant_type": "client_credentials", "client_id": app.str("client_id"), "client_secret": app.str("client_secret"), "audience": m.ManagementAudience()}
	if r := m.token(asks); r.status != http.StatusForbidden {
		t.Errorf("without a grant: %d %s", r.status, r.text)
	}
	m.must("POST", "/client-grants", grant)
	wantAPIError(t, m.call("POST", "/client-grants", grant), 409, "client_grant_conflict", "already exists")
	if r := m.token(asks); r.str("scope") != "read:clients" {
		t.Errorf("with a grant: %d %s", r.status, r.text)
	}
}
