package doctor_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/tenant"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/doctor"
	"nativebridge/app"
	"nativebridge/domain"
)

// site is a pair of tenants that setup has set up, and the environment of a doctor that
// may read Auth0's.
type site struct {
	environ    map[string]string
	authsignal *authsignaltest.Server
	auth0      *auth0test.Server
}

const managementKey = "s3cr3t-of-the-management-client"

// setUp lets setup make a tenant out of nothing.
func setUp(t *testing.T, now func() time.Time) *site {
	t.Helper()
	s := &site{}
	var err error
	if s.authsignal, err = authsignaltest.Start(authsignaltest.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.authsignal.Close() })
	s.auth0, err = auth0test.Start(auth0test.Options{Keys: keys, Clients: []auth0test.Client{{
		ID: "management", Secret: managementKey, GrantTypes: []string{auth0test.GrantClientCredentials}, Management: auth0test.ManagementScopes(),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.auth0.Close() })
	s.environ = map[string]string{
		"AUTH0_DOMAIN": s.auth0.Domain(), "AUTH0_MANAGEMENT_CLIENT_ID": "management", "AUTH0_MANAGEMENT_CLIENT_SECRET": managementKey,
		"AUTH0_AUDIENCE": audience, "AUTH0_SCOPE": "openid profile email read:things", "AUTH0_SCOPE_ALLOWED": "openid profile email read:things offline_access",
		"AUTH0_PROOF": "signed", "AUTH0_PROOF_KEY": proofKey, "TRUSTED_PROXIES": "10.0.0.0/8",
		"AUTHSIGNAL_API_URL": s.authsignal.APIURL(), "AUTHSIGNAL_SECRET": s.authsignal.Secret(),
	}
	s.runSetup(t)
	s.call(t, "PATCH", "/attack-protection/suspicious-ip-throttling", map[string]any{"allowlist": []string{"203.0.113.7"}})
	s.call(t, "PATCH", "/attack-protection/bot-detection", map[string]any{"challenge_password_policy": "never"})
	return s
}

func (s *site) runSetup(t *testing.T) {
	t.Helper()
	config, err := tenant.Load(s.environ)
	if err != nil {
		t.Fatal(err)
	}
	access, err := tenant.LoadAccess(s.environ, config.Domain)
	if err != nil {
		t.Fatal(err)
	}
	passes := func(context.Context, time.Duration) error { return nil }
	management, err := tenant.Connect(t.Context(), access, tenant.Options{RootCAs: s.auth0.CertPool(), Wait: passes})
	if err != nil {
		t.Fatal(err)
	}
	setup := tenant.NewSetup(management, config, tenant.Choices{Application: "Native Bridge"})
	if _, err := (&app.SetUpTenant{Setup: setup}).Execute(t.Context(), app.Watcher{
		Agree: func(domain.TenantPlan) bool { return true }, Begin: func(domain.TenantStep) {}, End: func(domain.TenantStep, error) {},
	}); err != nil {
		t.Fatal(err)
	}
	found, err := setup.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range found {
		s.environ[setting.Name] = setting.Value.Reveal()
	}
}

func (s *site) diagnose(t *testing.T) domain.Diagnosis {
	t.Helper()
	diagnose := app.Diagnose{Patience: time.Minute, Probes: doctor.Probes(s.environ, adapters.Runtime{
		Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: time.Now, Random: rand.Reader, RootCAs: s.auth0.CertPool(),
	})}
	return diagnose.Execute(t.Context(), func(domain.Finding) {})
}

// call changes the tenant by its Management API, as the dashboard does. The answer is nil
// unless it is an object.
func (s *site) call(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	var answer any
	if err := s.auth0.Manage(t.Context(), "management", managementKey, method, path, body, &answer); err != nil {
		t.Fatal(err)
	}
	object, _ := answer.(map[string]any)
	return object
}

func (s *site) application(t *testing.T, change map[string]any) {
	t.Helper()
	s.call(t, "PATCH", "/clients/"+s.environ["AUTH0_CLIENT_ID"], change)
}

// only returns the one item of a list that has the member with the value.
func (s *site) only(t *testing.T, path, list, member, value string) map[string]any {
	t.Helper()
	found, _ := s.call(t, "GET", path, nil)[list].([]any)
	for _, item := range found {
		if object, _ := item.(map[string]any); object[member] == value {
			return object
		}
	}
	t.Fatalf("GET %s has no %s with %s %s", path, list, member, value)
	return nil
}

func (s *site) api(t *testing.T, change map[string]any) {
	t.Helper()
	id := s.only(t, "/resource-servers?include_totals=true", "resource_servers", "identifier", audience)["id"]
	s.call(t, "PATCH", fmt.Sprintf("/resource-servers/%s", id), change)
}

// options changes options of the connection. Configuration is what stands in its
// parameters afterwards; nil leaves what setup has put there.
func (s *site) options(t *testing.T, change map[string]any, without ...string) {
	t.Helper()
	id := s.connection(t)
	whole, _ := s.call(t, "GET", "/connections/"+id, nil)["options"].(map[string]any)
	parameters := map[string]any{
		"AUTHSIGNAL_API_URL": s.environ["AUTHSIGNAL_API_URL"], "AUTHSIGNAL_ACTION": s.environ["AUTHSIGNAL_ACTION"], "AUTHSIGNAL_SUBJECTS": s.environ["AUTHSIGNAL_SUBJECTS"],
		"NATIVE_BRIDGE_KEY": proofKey, "NATIVE_BRIDGE_CLIENT_ID": s.environ["AUTH0_CLIENT_ID"], "NATIVE_BRIDGE_CONNECTION": "authsignal",
	}
	for _, name := range without {
		delete(parameters, name)
	}
	whole["configuration"] = parameters
	maps.Copy(whole, change)
	s.call(t, "PATCH", "/connections/"+id, map[string]any{"options": whole})
}

func (s *site) connection(t *testing.T) string {
	t.Helper()
	id, _ := s.only(t, "/connections?take=50", "connections", "name", "authsignal")["id"].(string)
	return id
}

func script(text string) map[string]any {
	return map[string]any{"customScripts": map[string]any{"login": text}}
}

// breakage is what somebody does to the tenant, or to the bridge's settings, and the
// code that doctor must name first.
type breakage struct {
	code string
	does func(*testing.T, *site)
}

// managedRows are more rows of "What goes wrong" in docs/tenant.md: those that take a
// look at the tenant.
func managedRows() map[string]breakage {
	return map[string]breakage{
		"the Login script refused a token": {"NB540", func(_ *testing.T, s *site) { s.environ["AUTHSIGNAL_SUBJECTS"] = "plain" }},
		"the second of the same person":    {"NB532", func(t *testing.T, s *site) { s.options(t, map[string]any{"import_mode": true}) }},
		"the issuer opened a session for": {"NB534", func(t *testing.T, s *site) {
			s.options(t, script(`function login(id, password, callback) { callback(null, {user_id: "auth0|auth0|" + id}); }`))
		}},
		"`503` after 6 s": {"NB534", func(t *testing.T, s *site) {
			s.options(t, script(`function login(id, password, callback) {}`))
		}},
		"`403 mfa_required`": {"NB601", func(t *testing.T, s *site) {
			s.call(t, "PUT", "/guardian/policies", []string{"all-applications"})
		}},
		"is not a JWT signed with RS256": {"NB516", func(t *testing.T, s *site) {
			s.application(t, map[string]any{"jwt_configuration": map[string]any{"alg": "HS256"}})
		}},
		"no `refresh_token`": {"NB551", func(t *testing.T, s *site) { s.api(t, map[string]any{"allow_offline_access": false}) }},
		"which is not allowed\"": {"NB555", func(_ *testing.T, s *site) {
			s.environ["AUTH0_SCOPE"], s.environ["AUTH0_SCOPE_ALLOWED"] = "openid profile email", "openid profile email offline_access"
		}},
		"is no bearer token": {"NB526", func(t *testing.T, s *site) {
			s.application(t, map[string]any{"require_proof_of_possession": true})
		}},
		"renewals fail one by one": {"NB522", func(t *testing.T, s *site) {
			s.application(t, map[string]any{"refresh_token": map[string]any{"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0, "token_lifetime": 2592000, "idle_token_lifetime": 1296000}})
		}},
		"the access token is no JWT": {"NB405", func(_ *testing.T, s *site) {
			delete(s.environ, "AUTH0_AUDIENCE")
			s.environ["AUTH0_SCOPE"], s.environ["AUTH0_SCOPE_ALLOWED"] = "openid profile email", "openid profile email offline_access"
		}},
	}
}

// causes are what has gone wrong for others who set the password grant up at Auth0, as
// issue trackers and forums have it.
func causes() map[string]breakage {
	return map[string]breakage{
		"the password-realm grant is missing": {"NB515", func(t *testing.T, s *site) {
			s.application(t, map[string]any{"grant_types": []string{"password", "refresh_token"}})
		}},
		"the application is not OIDC conformant": {"NB513", func(t *testing.T, s *site) { s.application(t, map[string]any{"oidc_conformant": false}) }},
		"the connection is not enabled for the application": {"NB541", func(t *testing.T, s *site) {
			s.call(t, "PATCH", "/connections/"+s.connection(t)+"/clients", []any{map[string]any{"client_id": s.environ["AUTH0_CLIENT_ID"], "status": false}})
		}},
		"a post-login Action denies": {"NB602", func(t *testing.T, s *site) {
			s.bind(t, `exports.onExecutePostLogin = async (event, api) => { if (!event.user.email.endsWith("@example.com")) api.access.deny("staff only"); };`)
		}},
		"MFA is required of everybody": {"NB601", func(t *testing.T, s *site) {
			s.call(t, "PUT", "/guardian/policies", []string{"all-applications"})
		}},
		"the server's address counts as the users'": {"NB519", func(t *testing.T, s *site) {
			s.application(t, map[string]any{"is_token_endpoint_ip_header_trusted": false})
		}},
		"bot detection asks for a CAPTCHA": {"NB603", func(t *testing.T, s *site) {
			s.call(t, "PATCH", "/attack-protection/bot-detection", map[string]any{"challenge_password_policy": "when_risky"})
		}},
		"offline access is off at the API": {"NB551", func(t *testing.T, s *site) { s.api(t, map[string]any{"allow_offline_access": false}) }},
		"the refresh grant is off": {"NB515", func(t *testing.T, s *site) {
			s.application(t, map[string]any{"grant_types": []string{"password", "http://auth0.com/oauth/grant-type/password-realm"}})
		}},
		"openid is not asked for": {"NB001", func(_ *testing.T, s *site) { s.environ["AUTH0_SCOPE"] = "profile email" }},
		"no audience is asked for": {"NB405", func(_ *testing.T, s *site) {
			delete(s.environ, "AUTH0_AUDIENCE")
			s.environ["AUTH0_SCOPE"], s.environ["AUTH0_SCOPE_ALLOWED"] = "openid profile email", "openid profile email offline_access"
		}},
		"the script returns ids that have the prefix already": {"NB534", func(t *testing.T, s *site) {
			s.options(t, script(`function login(id, password, callback) { callback(null, {user_id: id}); }`))
		}},
		"users are imported":                   {"NB532", func(t *testing.T, s *site) { s.options(t, map[string]any{"import_mode": true}) }},
		"a parameter of the script is missing": {"NB535", func(t *testing.T, s *site) { s.options(t, nil, "NATIVE_BRIDGE_KEY") }},
		"the database customization is off":    {"NB531", func(t *testing.T, s *site) { s.options(t, map[string]any{"enabledDatabaseCustomization": false}) }},
		"organizations are required":           {"NB517", func(t *testing.T, s *site) { s.application(t, map[string]any{"organization_usage": "require"}) }},
		"the script never calls back": {"NB534", func(t *testing.T, s *site) {
			s.options(t, script(`function login(id, password, callback) { while (false) callback(); }`))
		}},
		"the script runs on an old Node": {"NB608", func(t *testing.T, s *site) {
			s.call(t, "PATCH", "/tenants/settings", map[string]any{"sandbox_version": "12"})
		}},
	}
}

// bind makes a post-login Action of the code, deploys it and binds it.
func (s *site) bind(t *testing.T, code string) {
	t.Helper()
	made := s.call(t, "POST", "/actions/actions", map[string]any{
		"name": "gate", "code": code, "supported_triggers": []any{map[string]any{"id": "post-login", "version": "v3"}},
	})
	id, _ := made["id"].(string)
	for range 5 {
		if s.call(t, "GET", "/actions/actions/"+id, nil)["status"] == "built" {
			break
		}
	}
	s.call(t, "POST", "/actions/actions/"+id+"/deploy", nil)
	s.call(t, "PATCH", "/actions/triggers/post-login/bindings", map[string]any{
		"bindings": []any{map[string]any{"ref": map[string]any{"type": "action_id", "value": id}, "display_name": "gate"}},
	})
}

func (b breakage) try(t *testing.T) {
	t.Parallel()
	s := setUp(t, nil)
	wantFirst(t, s.diagnose(t), "")
	b.does(t, s)
	diagnosis := s.diagnose(t)
	wantFirst(t, diagnosis, b.code)
	for _, secret := range []string{managementKey, proofKey, s.authsignal.Secret(), s.environ["AUTH0_CLIENT_SECRET"]} {
		if strings.Contains(fmt.Sprintf("%+v", diagnosis), secret) {
			t.Errorf("the findings tell a credential")
		}
	}
}

func TestDoctorNamesWhatGoesWrongByLookingAtTheTenant(t *testing.T) {
	text, err := os.ReadFile("../../docs/tenant.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## What goes wrong\n")
	for symptom, breakage := range managedRows() {
		if !strings.Contains(table, symptom) {
			t.Errorf("docs/tenant.md has no row with %s", symptom)
		}
		t.Run(symptom, breakage.try)
	}
}

func TestDoctorNamesWhatHasGoneWrongForOthers(t *testing.T) {
	for cause, breakage := range causes() {
		t.Run(cause, breakage.try)
	}
	fmt.Printf("doctor: names %d causes that issue trackers know of\n", len(causes()))
}

// A clock that is wrong looks like a refused token.
func TestDoctorNamesAWrongClock(t *testing.T) {
	s := setUp(t, func() time.Time { return time.Now().Add(time.Hour) })
	wantFirst(t, s.diagnose(t), "NB114")
}
