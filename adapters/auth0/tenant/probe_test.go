package tenant_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/tenant"
	"nativebridge/domain"
)

// diagnose runs the probe of the tenant that environ describes.
func (s *site) diagnose(t *testing.T, environ map[string]string) domain.Diagnosis {
	t.Helper()
	config, err := tenant.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	probe := tenant.NewProbe(func(ctx context.Context) (*tenant.Management, error) {
		access, err := tenant.LoadAccess(environ, config.Domain)
		if err != nil || !access.Given() {
			return nil, tenant.ErrNoAccess
		}
		passes := func(context.Context, time.Duration) error { return nil }
		return tenant.Connect(ctx, access, tenant.Options{RootCAs: s.CertPool(), Wait: passes})
	}, config, environ["AUTH0_CLIENT_ID"])
	var diagnosis domain.Diagnosis
	probe.Run(t.Context(), func(f domain.Finding) { diagnosis = append(diagnosis, f) })

	var want, got []string
	for _, check := range probe.Checks() {
		want = append(want, check.Code)
	}
	for _, finding := range diagnosis {
		got = append(got, finding.Code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("reported are %q, want %q", got, want)
	}
	if told := fmt.Sprintf("%+v", diagnosis); strings.Contains(told, "s3cr3t") || strings.Contains(told, accessKey) || strings.Contains(told, proofKey) || strings.Contains(told, "jane") {
		t.Errorf("the findings tell a secret or a name: %s", told)
	}
	return diagnosis
}

// failed lists the codes of what failed, failures before warnings.
func failed(d domain.Diagnosis) []string {
	var codes []string
	for _, grade := range []domain.Grade{domain.Failure, domain.Warning} {
		for _, f := range d {
			if f.Outcome == domain.Failed && f.Grade == grade {
				codes = append(codes, f.Code)
			}
		}
	}
	return codes
}

// byHand calls the Management API as somebody at the dashboard does. The answer is nil
// unless it is an object.
func (s *site) byHand(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	var answer any
	if err := s.Manage(t.Context(), accessID, accessKey, method, path, body, &answer); err != nil {
		t.Fatal(err)
	}
	object, _ := answer.(map[string]any)
	return object
}

// undoing is somebody's change by hand, and what doctor says first.
type undoing struct {
	undo func(*testing.T, *site, map[string]string)
	code string
}

func application(change map[string]any) func(*testing.T, *site, map[string]string) {
	return func(t *testing.T, s *site, environ map[string]string) {
		s.byHand(t, "PATCH", "/clients/"+environ["AUTH0_CLIENT_ID"], change)
	}
}

// rotating is the application's policy with a leeway in seconds.
func rotating(leeway int) map[string]any {
	return map[string]any{"refresh_token": map[string]any{
		"rotation_type": "rotating", "expiration_type": "expiring", "leeway": leeway, "token_lifetime": 2592000, "idle_token_lifetime": 1296000,
	}}
}

// The bridge asks again for a renewal that got no answer while it knows that this does no
// harm, and a leeway in which it could not ask again is none.
func TestALeewayThatDoesNoHarmIsRight(t *testing.T) {
	for name, tt := range map[string]struct {
		application map[string]any
		bridge      string
		fix         string // "" if the check passes
	}{
		"the same":                                    {rotating(60), "60s", ""},
		"less":                                        {rotating(60), "10s", ""},
		"more":                                        {rotating(60), "61s", "AUTH0_REFRESH_LEEWAY to 60s"},
		"none, where there is one":                    {rotating(60), "0s", "AUTH0_REFRESH_LEEWAY to 60s"},
		"none, where there is too little":             {rotating(5), "0s", ""},
		"one, where there is too little":              {rotating(5), "60s", "AUTH0_REFRESH_LEEWAY to 0s"},
		"none, where there is more than is kept":      {rotating(3600), "0s", "AUTH0_REFRESH_LEEWAY to 600s"},
		"as if tokens lasted, and they do":            {map[string]any{"refresh_token": map[string]any{"rotation_type": "non-rotating", "leeway": 0}}, "no-rotation", ""},
		"as if tokens lasted, and they are exchanged": {rotating(60), "no-rotation", "AUTH0_REFRESH_LEEWAY to 60s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := emptyTenant(t, auth0test.ManagementScopes())
			environ := s.managed(s.mustSetUp(t, nil, tenant.Choices{}))
			s.byHand(t, "PATCH", "/clients/"+environ["AUTH0_CLIENT_ID"], tt.application)
			environ["AUTH0_REFRESH_LEEWAY"] = tt.bridge
			for _, finding := range s.diagnose(t, environ) {
				if finding.Code == "NB527" && (finding.Outcome == domain.Failed != (tt.fix != "") || !strings.Contains(finding.Fix, tt.fix)) {
					t.Errorf("finding = %+v, want the fix %q", finding, tt.fix)
				}
			}
		})
	}
}

// connectionID finds the connection by its name.
func (s *site) connectionID(t *testing.T) string {
	found := s.byHand(t, "GET", "/connections?name=authsignal&take=50", nil)
	list, _ := found["connections"].([]any)
	if len(list) != 1 {
		t.Fatalf("there are %d connections", len(list))
	}
	connection, _ := list[0].(map[string]any)
	id, _ := connection["id"].(string)
	return id
}

// options changes single options, as the dashboard does: it sends the values of the
// configuration that somebody types in.
func options(change map[string]any, configuration map[string]string) func(*testing.T, *site, map[string]string) {
	return func(t *testing.T, s *site, environ map[string]string) {
		id := s.connectionID(t)
		whole, _ := s.byHand(t, "GET", "/connections/"+id, nil)["options"].(map[string]any)
		values := map[string]any{
			"AUTHSIGNAL_API_URL": environ["AUTHSIGNAL_API_URL"], "AUTHSIGNAL_ACTION": environ["AUTHSIGNAL_ACTION"], "AUTHSIGNAL_SUBJECTS": environ["AUTHSIGNAL_SUBJECTS"],
			"NATIVE_BRIDGE_KEY": environ["AUTH0_PROOF_KEY"], "NATIVE_BRIDGE_CLIENT_ID": environ["AUTH0_CLIENT_ID"], "NATIVE_BRIDGE_CONNECTION": "authsignal",
		}
		for name, value := range configuration {
			values[name] = value
			if value == "" {
				delete(values, name)
			}
		}
		whole["configuration"] = values
		maps.Copy(whole, change)
		s.byHand(t, "PATCH", "/connections/"+id, map[string]any{"options": whole})
	}
}

func (s *site) apiID(t *testing.T) string {
	t.Helper()
	return s.apiOf(t, audience)
}

// apiOf finds an API by its identifier.
func (s *site) apiOf(t *testing.T, identifier string) string {
	t.Helper()
	found, _ := s.byHand(t, "GET", "/resource-servers?include_totals=true", nil)["resource_servers"].([]any)
	for _, item := range found {
		api, _ := item.(map[string]any)
		if id, _ := api["id"].(string); api["identifier"] == identifier {
			return id
		}
	}
	t.Fatal("there is no such API")
	return ""
}

func api(change map[string]any) func(*testing.T, *site, map[string]string) {
	return func(t *testing.T, s *site, _ map[string]string) {
		s.byHand(t, "PATCH", "/resource-servers/"+s.apiID(t), change)
	}
}

func TestWhateverIsUndoneByHandIsNamedFirst(t *testing.T) {
	for name, tt := range map[string]undoing{
		"the application is deleted": {func(t *testing.T, s *site, environ map[string]string) {
			s.byHand(t, "DELETE", "/clients/"+environ["AUTH0_CLIENT_ID"], nil)
		}, "NB510"},
		"the application becomes a native one":    {application(map[string]any{"app_type": "native"}), "NB511"},
		"the application becomes a third party's": {application(map[string]any{"is_first_party": false}), "NB512"},
		"the application leaves OIDC":             {application(map[string]any{"oidc_conformant": false}), "NB513"},
		"the secret goes into the header":         {application(map[string]any{"token_endpoint_auth_method": "client_secret_basic"}), "NB514"},
		"the realm grant is taken away":           {application(map[string]any{"grant_types": []string{"password", "refresh_token"}}), "NB515"},
		"the refresh grant is taken away":         {application(map[string]any{"grant_types": []string{"password", "http://auth0.com/oauth/grant-type/password-realm"}}), "NB515"},
		"ID tokens are signed with the secret":    {application(map[string]any{"jwt_configuration": map[string]any{"alg": "HS256"}}), "NB516"},
		"organizations are required":              {application(map[string]any{"organization_usage": "require"}), "NB517"},
		"the address is not trusted":              {application(map[string]any{"is_token_endpoint_ip_header_trusted": false}), "NB519"},
		"refresh tokens do not rotate":            {application(map[string]any{"refresh_token": map[string]any{"rotation_type": "non-rotating", "expiration_type": "expiring", "leeway": 60, "token_lifetime": 2592000, "idle_token_lifetime": 1296000}}), "NB520"},
		"refresh tokens have no leeway":           {application(map[string]any{"refresh_token": map[string]any{"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0, "token_lifetime": 2592000, "idle_token_lifetime": 1296000}}), "NB522"},
		"refresh tokens do not expire":            {application(map[string]any{"refresh_token": map[string]any{"rotation_type": "rotating", "expiration_type": "non-expiring", "leeway": 60, "token_lifetime": 2592000, "idle_token_lifetime": 1296000}}), "NB521"},
		"sessions have no end":                    {application(map[string]any{"refresh_token": map[string]any{"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 60, "token_lifetime": 0, "idle_token_lifetime": 1296000}}), "NB523"},
		"idle sessions have no end":               {application(map[string]any{"refresh_token": map[string]any{"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 60, "token_lifetime": 2592000, "idle_token_lifetime": 0}}), "NB524"},
		"the leeway is shortened":                 {application(rotating(30)), "NB527"},
		"the bridge knows of no leeway": {func(_ *testing.T, _ *site, environ map[string]string) {
			delete(environ, "AUTH0_REFRESH_LEEWAY")
		}, "NB527"},
		"the bridge takes tokens for lasting": {func(_ *testing.T, _ *site, environ map[string]string) {
			environ["AUTH0_REFRESH_LEEWAY"] = "no-rotation"
		}, "NB527"},
		"people sign in on the web": {application(map[string]any{"callbacks": []string{"https://shop.example.com/callback"}}), "NB525"},
		"another grant is added":    {application(map[string]any{"grant_types": []string{"password", "http://auth0.com/oauth/grant-type/password-realm", "refresh_token", "authorization_code"}}), "NB525"},

		"the connection is deleted": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "DELETE", "/connections/"+s.connectionID(t), nil)
		}, "NB530"},
		"the connection keeps its own passwords": {options(map[string]any{"enabledDatabaseCustomization": false}, nil), "NB531"},
		"users are imported":                     {options(map[string]any{"import_mode": true}, nil), "NB532"},
		"passwords are off":                      {options(map[string]any{"authentication_methods": map[string]any{"password": map[string]any{"enabled": false}}}, nil), "NB533"},
		"the script is gone":                     {options(map[string]any{"customScripts": map[string]any{}}, nil), "NB534"},
		"the script is another":                  {options(map[string]any{"customScripts": map[string]any{"login": "function login(a, b, callback) { callback(null, {user_id: a}); }"}}, nil), "NB534"},
		"a parameter is missing":                 {options(nil, map[string]string{"AUTHSIGNAL_ACTION": ""}), "NB535"},
		"the Authsignal key is there":            {options(nil, map[string]string{"AUTHSIGNAL_SECRET": "another-s3cr3t"}), "NB535"},
		"sign-ups are on":                        {options(map[string]any{"disable_signup": false}, nil), "NB536"},
		"guessing is free":                       {options(map[string]any{"brute_force_protection": false}, nil), "NB537"},
		"attributes are overwritten":             {options(map[string]any{"set_user_root_attributes": "on_each_login"}, nil), "NB539"},
		"the connection is off for the application": {func(t *testing.T, s *site, environ map[string]string) {
			s.byHand(t, "PATCH", "/connections/"+s.connectionID(t)+"/clients", []any{map[string]any{"client_id": environ["AUTH0_CLIENT_ID"], "status": false}})
		}, "NB541"},
		"the connection is on for another application": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "PATCH", "/connections/"+s.connectionID(t)+"/clients", []any{map[string]any{"client_id": accessID, "status": true}})
		}, "NB542"},
		"the application has another connection": {func(t *testing.T, s *site, environ map[string]string) {
			made := s.byHand(t, "POST", "/connections", map[string]any{"name": "customers", "strategy": "auth0"})
			s.byHand(t, "PATCH", fmt.Sprintf("/connections/%s/clients", made["id"]), []any{map[string]any{"client_id": environ["AUTH0_CLIENT_ID"], "status": true}})
		}, "NB543"},
		"the bridge has other settings than the script": {func(_ *testing.T, _ *site, environ map[string]string) {
			environ["AUTHSIGNAL_ACTION"] = "login"
		}, "NB540"},

		"the API is deleted": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "DELETE", "/resource-servers/"+s.apiID(t), nil)
		}, "NB550"},
		"the API gives no refresh tokens":  {api(map[string]any{"allow_offline_access": false}), "NB551"},
		"the API asks for consent":         {api(map[string]any{"skip_consent_for_verifiable_first_party_clients": false}), "NB552"},
		"the API loses a scope":            {api(map[string]any{"scopes": []any{map[string]any{"value": "write:things"}}}), "NB553"},
		"access tokens live for a minute":  {api(map[string]any{"token_lifetime": 60}), "NB557"},
		"the API signs with a shared word": {api(map[string]any{"signing_alg": "HS256"}), "NB554"},

		"MFA is asked of everybody": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "PUT", "/guardian/policies", []string{"all-applications"})
		}, "NB601"},
		"an Action redirects": {func(t *testing.T, s *site, _ map[string]string) {
			s.bind(t, `exports.onExecutePostLogin = async (event, api) => { api.redirect.sendUserTo("https://example.com"); };`)
		}, "NB602"},
		"bot detection may strike": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "PATCH", "/attack-protection/bot-detection", map[string]any{"challenge_password_policy": "when_risky"})
		}, "NB603"},
		"brute-force protection is off": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "PATCH", "/attack-protection/brute-force-protection", map[string]any{"enabled": false})
		}, "NB605"},
		"a policy limits the application": {func(t *testing.T, s *site, environ map[string]string) {
			s.byHand(t, "POST", "/rate-limit-policies", map[string]any{
				"resource": "oauth_authentication_api", "consumer": "client", "consumer_selector": "client_id:" + environ["AUTH0_CLIENT_ID"],
				"configuration": map[string]any{"action": "block", "limit": 1},
			})
		}, "NB607"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyTenant(t, auth0test.ManagementScopes())
			environ := s.environ(s.mustSetUp(t, nil, tenant.Choices{}))
			s.calm(t)
			if codes := failed(s.diagnose(t, environ)); len(codes) > 0 {
				t.Fatalf("before that, %q fail", codes)
			}
			tt.undo(t, s, environ)
			if codes := failed(s.diagnose(t, environ)); len(codes) == 0 || codes[0] != tt.code {
				t.Errorf("failed are %q, want %s first", codes, tt.code)
			}
		})
	}
}

// calm makes the surroundings of a new tenant such that nothing is to be said of them.
func (s *site) calm(t *testing.T) {
	t.Helper()
	for path, body := range map[string]map[string]any{
		"/attack-protection/bot-detection":            {"challenge_password_policy": "never"},
		"/attack-protection/suspicious-ip-throttling": {"allowlist": []string{"203.0.113.7"}},
		"/attack-protection/brute-force-protection":   {"enabled": true},
	} {
		s.byHand(t, "PATCH", path, body)
	}
}

// bind makes a post-login Action of the code, deploys it and binds it.
func (s *site) bind(t *testing.T, code string) {
	t.Helper()
	made := s.byHand(t, "POST", "/actions/actions", map[string]any{
		"name": "gate", "code": code, "supported_triggers": []any{map[string]any{"id": "post-login", "version": "v3"}},
	})
	id, _ := made["id"].(string)
	for range 5 {
		if s.byHand(t, "GET", "/actions/actions/"+id, nil)["status"] == "built" {
			break
		}
	}
	s.byHand(t, "POST", "/actions/actions/"+id+"/deploy", nil)
	s.byHand(t, "PATCH", "/actions/triggers/post-login/bindings", map[string]any{
		"bindings": []any{map[string]any{"ref": map[string]any{"type": "action_id", "value": id}, "display_name": "gate"}},
	})
}

func TestTokenExchangeUndoneByHand(t *testing.T) {
	change := map[string]string{"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_PROOF": "", "AUTH0_PROOF_KEY": ""}
	actionID := func(t *testing.T, s *site) string {
		found, _ := s.byHand(t, "GET", "/actions/actions?include_totals=true", nil)["actions"].([]any)
		for _, item := range found {
			action, _ := item.(map[string]any)
			id, _ := action["id"].(string)
			return id
		}
		t.Fatal("there is no Action")
		return ""
	}
	action := func(change map[string]any) func(*testing.T, *site, map[string]string) {
		return func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "PATCH", "/actions/actions/"+actionID(t, s), change)
		}
	}
	for name, tt := range map[string]undoing{
		"the application may not exchange": {application(map[string]any{"token_exchange": map[string]any{"allow_any_profile_of_type": []string{}}}), "NB518"},
		"the profile is deleted": {func(t *testing.T, s *site, _ map[string]string) {
			found, _ := s.byHand(t, "GET", "/token-exchange-profiles", nil)["token_exchange_profiles"].([]any)
			profile, _ := found[0].(map[string]any)
			s.byHand(t, "DELETE", fmt.Sprintf("/token-exchange-profiles/%s", profile["id"]), nil)
		}, "NB565"},
		"the code is another": {action(map[string]any{"code": "exports.onExecuteCustomTokenExchange = async () => {};"}), "NB561"},
		"a secret is missing": {action(map[string]any{"secrets": []any{map[string]any{"name": "AUTHSIGNAL_SECRET", "value": "x"}}}), "NB563"},
		"the bridge has other settings than the Action": {func(_ *testing.T, _ *site, environ map[string]string) {
			environ["AUTHSIGNAL_ACTION"] = "login"
		}, "NB540"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyTenant(t, auth0test.ManagementScopes())
			environ := s.environ(s.mustSetUp(t, change, tenant.Choices{}))
			delete(environ, "AUTH0_PROOF")
			delete(environ, "AUTH0_PROOF_KEY")
			s.calm(t)
			if codes := failed(s.diagnose(t, environ)); len(codes) > 0 {
				t.Fatalf("before that, %q fail", codes)
			}
			tt.undo(t, s, environ)
			if codes := failed(s.diagnose(t, environ)); len(codes) == 0 || codes[0] != tt.code {
				t.Errorf("failed are %q, want %s first", codes, tt.code)
			}
		})
	}
}

// What people need to manage their passkeys is made by hand, as docs/enrol.md says.
func TestWhatEnrolmentNeedsAndIsUndoneIsNamedFirst(t *testing.T) {
	const enrolAudience, claim = "https://bridge.example.com/passkeys", "https://bridge.example.com/auth_time"
	const code = `exports.onExecutePostLogin = async (event, api) => { api.accessToken.setCustomClaim('` + claim + `', 1); };`
	api := func(change map[string]any) func(*testing.T, *site, map[string]string) {
		return func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "PATCH", "/resource-servers/"+s.apiOf(t, enrolAudience), change)
		}
	}
	for name, tt := range map[string]undoing{
		"nothing": {func(*testing.T, *site, map[string]string) {}, ""},
		"the API is deleted": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "DELETE", "/resource-servers/"+s.apiOf(t, enrolAudience), nil)
		}, "NB571"},
		"the bridge asks for another API":   {func(_ *testing.T, _ *site, e map[string]string) { e["ENROL_AUDIENCE"] = enrolAudience + "/" }, "NB571"},
		"the API loses its permission":      {api(map[string]any{"scopes": []any{map[string]any{"value": "read:passkeys"}}}), "NB572"},
		"the bridge asks for another scope": {func(_ *testing.T, _ *site, e map[string]string) { e["ENROL_SCOPE"] = "passkeys" }, "NB572"},
		"the API signs with a shared word":  {api(map[string]any{"signing_alg": "HS256"}), "NB573"},
		"the API wants bound tokens":        {api(map[string]any{"proof_of_possession": map[string]any{"mechanism": "dpop", "required": true}}), "NB574"},
		"the claim is left at its default":  {func(_ *testing.T, _ *site, e map[string]string) { delete(e, "ENROL_AUTH_TIME_CLAIM") }, "NB575"},
		"the Action names another claim":    {func(_ *testing.T, _ *site, e map[string]string) { e["ENROL_AUTH_TIME_CLAIM"] = claim + "_2" }, "NB575"},
		"the Action is taken off its trigger": {func(t *testing.T, s *site, _ map[string]string) {
			s.byHand(t, "PATCH", "/actions/triggers/post-login/bindings", map[string]any{"bindings": []any{}})
		}, "NB575"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyTenant(t, auth0test.ManagementScopes())
			environ := s.environ(s.mustSetUp(t, nil, tenant.Choices{}))
			environ["ENROL_AUDIENCE"], environ["ENROL_AUTH_TIME_CLAIM"] = enrolAudience, claim
			s.calm(t)
			s.byHand(t, "POST", "/resource-servers", map[string]any{
				"identifier": enrolAudience, "name": "Passkeys", "signing_alg": "RS256", "scopes": []any{map[string]any{"value": "manage:passkeys"}},
			})
			s.bind(t, code)
			tt.undo(t, s, environ)
			if first := slices.Concat(failed(s.diagnose(t, environ)), []string{""})[0]; first != tt.code {
				t.Errorf("%q is named first, want %q", first, tt.code)
			}
		})
	}
}

func TestWithoutCredentialsNothingFailsAndNothingPasses(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes())
	environ := s.environ(map[string]string{"AUTH0_MANAGEMENT_CLIENT_ID": "", "AUTH0_MANAGEMENT_CLIENT_SECRET": "", "AUTH0_CLIENT_ID": "x"})
	for _, finding := range s.diagnose(t, environ) {
		if finding.Outcome != domain.NotMade || !strings.Contains(finding.Fix, "AUTH0_MANAGEMENT_CLIENT_ID") {
			t.Errorf("%s is %v, fix %q; want it not made, and the credentials named", finding.Code, finding.Outcome, finding.Fix)
		}
	}
}

func TestAMissingRightIsNoFailure(t *testing.T) {
	for _, missing := range tenant.DoctorScopes() {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			s := emptyTenant(t, slices.DeleteFunc(tenant.DoctorScopes(), func(scope string) bool { return scope == missing }),
				func(o *auth0test.Options) {
					o.Clients = append(o.Clients, auth0test.Client{ID: "bridge", Secret: "x", Name: "bridge", Connections: []string{"authsignal"}})
					o.Connections = []auth0test.Connection{{Name: "authsignal"}}
				})
			change := map[string]string{"AUTH0_CLIENT_ID": "bridge"}
			if missing == "read:token_exchange_profiles" {
				change["TOKEN_ISSUER"], change["AUTH0_PROOF"], change["AUTH0_PROOF_KEY"] = "auth0-token-exchange", "", ""
			}
			told := false
			for _, finding := range s.diagnose(t, s.environ(change)) {
				if finding.Outcome == domain.NotMade && strings.Contains(finding.Problem, missing) {
					told = true
				}
			}
			if !told {
				t.Errorf("no check says that %s is missing", missing)
			}
		})
	}
}
