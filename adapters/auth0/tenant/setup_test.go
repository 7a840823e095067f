package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/tenant"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/app"
	"nativebridge/domain"
)

const (
	accessID  = "management-client"
	accessKey = "the-secret-of-the-management-client"
	audience  = "https://api.example.com"
	proofKey  = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

// keys are shared by all tenants here, since making some takes a while.
var keys auth0test.Keys

// site is an emulated tenant, and what sets it up.
type site struct {
	*auth0test.Server
	calls []string // of the Management API, while the tenant is set up
}

// emptyTenant has nothing but the application that setup asks with.
func emptyTenant(t *testing.T, scopes []string, more ...func(*auth0test.Options)) *site {
	t.Helper()
	s := &site{}
	options := auth0test.Options{
		Keys:    &keys,
		Clients: []auth0test.Client{{ID: accessID, Secret: accessKey, Name: "setup", GrantTypes: []string{auth0test.GrantClientCredentials}, Management: scopes}},
		ObserveManagement: func(call auth0test.ManagementCall) {
			s.calls = append(s.calls, call.Method+" "+call.Path)
		},
	}
	for _, change := range more {
		change(&options)
	}
	server, err := auth0test.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = server
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// environ is a whole environment of setup, with whatever is changed. An empty value
// takes a variable away.
func (s *site) environ(change map[string]string) map[string]string {
	environ := map[string]string{
		"AUTH0_DOMAIN": s.Domain(), "AUTH0_MANAGEMENT_CLIENT_ID": accessID, "AUTH0_MANAGEMENT_CLIENT_SECRET": accessKey,
		"AUTH0_AUDIENCE": audience, "AUTH0_SCOPE": "openid profile email read:things", "AUTH0_SCOPE_ALLOWED": "openid profile email read:things offline_access",
		"AUTH0_PROOF": "signed", "AUTH0_PROOF_KEY": proofKey,
		"AUTHSIGNAL_API_URL": "https://api.authsignal.invalid/v1", "AUTHSIGNAL_SECRET": "s3cr3t-authsignal",
	}
	maps.Copy(environ, change)
	maps.DeleteFunc(environ, func(_, value string) bool { return value == "" })
	return environ
}

func (s *site) connect(t *testing.T, environ map[string]string, choices tenant.Choices) (*tenant.Setup, error) {
	t.Helper()
	config, err := tenant.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	access, err := tenant.LoadAccess(environ, config.Domain)
	if err != nil {
		t.Fatal(err)
	}
	if choices.Application == "" {
		choices.Application = "Native Bridge"
	}
	passes := func(context.Context, time.Duration) error { return nil }
	management, err := tenant.Connect(t.Context(), access, tenant.Options{RootCAs: s.CertPool(), Wait: passes})
	if err != nil {
		return nil, err
	}
	return tenant.NewSetup(management, config, choices), nil
}

var agrees = app.Watcher{
	Agree: func(domain.TenantPlan) bool { return true },
	Begin: func(domain.TenantStep) {},
	End:   func(domain.TenantStep, error) {},
}

func (s *site) setUp(t *testing.T, change map[string]string, choices tenant.Choices) (domain.TenantPlan, error) {
	t.Helper()
	setup, err := s.connect(t, s.environ(change), choices)
	if err != nil {
		return domain.TenantPlan{}, err
	}
	return (&app.SetUpTenant{Setup: setup}).Execute(t.Context(), agrees)
}

// mustSetUp sets the tenant up, and returns the bridge's settings.
func (s *site) mustSetUp(t *testing.T, change map[string]string, choices tenant.Choices) map[string]string {
	t.Helper()
	setup, err := s.connect(t, s.environ(change), choices)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&app.SetUpTenant{Setup: setup}).Execute(t.Context(), agrees); err != nil {
		t.Fatal(err)
	}
	calls := s.calls
	defer func() { s.calls = calls }()
	found, err := setup.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{}
	for _, setting := range found {
		environ[setting.Name] = setting.Value.Reveal()
	}
	return environ
}

func TestTheBridgeIsToldTheLeewayThatTheApplicationHas(t *testing.T) {
	for name, tt := range map[string]struct{ scope, set, want string }{
		"nothing is set":                 {"openid offline_access", "", "60s"},
		"less is set":                    {"openid offline_access", "20s", ""}, // and stays as it is
		"more is set":                    {"openid offline_access", "90s", "60s"},
		"sessions are not renewed":       {"openid", "", ""},
		"tokens are said to be for good": {"openid offline_access", "no-rotation", "60s"},
	} {
		t.Run(name, func(t *testing.T) {
			change := map[string]string{"AUTH0_SCOPE": tt.scope, "AUTH0_SCOPE_ALLOWED": tt.scope}
			if tt.set != "" {
				change["AUTH0_REFRESH_LEEWAY"] = tt.set
			}
			s := emptyTenant(t, auth0test.ManagementScopes())
			if got := s.mustSetUp(t, change, tenant.Choices{})["AUTH0_REFRESH_LEEWAY"]; got != tt.want {
				t.Errorf("setup tells the bridge %q, want %q", got, tt.want)
			}
		})
	}
}

// signIn opens a session by the settings, as the bridge would with signed proofs.
func (s *site) signIn(t *testing.T, environ map[string]string) (domain.Session, error) {
	t.Helper()
	config := auth0.Config{
		Client: environ["AUTH0_CLIENT_ID"], ClientSecret: settings.NewSecret(environ["AUTH0_CLIENT_SECRET"]),
		Connection: environ["AUTH0_CONNECTION"], Audience: environ["AUTH0_AUDIENCE"],
		Scope: strings.Fields(environ["AUTH0_SCOPE"]), ScopeAllowed: strings.Fields(environ["AUTH0_SCOPE_ALLOWED"]),
		Proof: auth0.Proof(environ["AUTH0_PROOF"]),
	}
	for _, err := range []error{config.Domain.UnmarshalText([]byte(environ["AUTH0_DOMAIN"])), setProofKey(&config, environ["AUTH0_PROOF_KEY"])} {
		if err != nil {
			t.Fatal(err)
		}
	}
	client := upstream.New(upstream.Options{Name: "auth0", RootCAs: s.CertPool(), Now: time.Now})
	token, err := domain.ParsePasskeyToken("a.passkey.token")
	if err != nil {
		t.Fatal(err)
	}
	issuer := auth0.NewIssuer(client, config, 30*time.Second, time.Now)
	return issuer.Issue(t.Context(), domain.Grant{
		Identity: domain.Identity{
			Authority: "authsignal https://api.authsignal.invalid/v1", Subject: "auth0|jane", Action: "signInWithPasskey", Method: domain.MethodPasskey, ProofID: "1", AuthenticatedAt: time.Now(),
			Email: domain.NewSecret("jane@example.com"), EmailVerified: true,
		},
		Token:  token,
		Access: domain.Access{Scope: append(strings.Fields(environ["AUTH0_SCOPE"]), "offline_access"), Audience: environ["AUTH0_AUDIENCE"]},
	})
}

func (s *site) mustSignIn(t *testing.T, environ map[string]string) {
	t.Helper()
	for range 2 { // with import_mode the second fails
		session, err := s.signIn(t, environ)
		if err != nil {
			t.Fatalf("a sign-in fails: %v", err)
		}
		if session.Subject != "auth0|jane" || session.RefreshToken.IsZero() {
			t.Errorf("the session is %v, want one of auth0|jane that can be renewed", session)
		}
	}
}

func TestAnEmptyTenantBecomesOneThatOpensSessions(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes())
	environ := s.mustSetUp(t, nil, tenant.Choices{})
	s.mustSignIn(t, environ)

	s.calls = nil
	plan, err := s.setUp(t, nil, tenant.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	if pending := plan.Pending(); len(pending) > 0 {
		t.Errorf("the second run wants to %s %s: %v", pending[0].Action, pending[0].Object, pending[0].Changes)
	}
	if i := slices.IndexFunc(s.calls, func(call string) bool { return !strings.HasPrefix(call, "GET ") }); i >= 0 {
		t.Errorf("the second run changes something: %s", s.calls[i])
	}
}

func TestSetupNeedsNoMoreRightsThanItNames(t *testing.T) {
	s := emptyTenant(t, nil)
	for _, change := range []map[string]string{nil, {"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_PROOF": "", "AUTH0_PROOF_KEY": ""}} {
		config, err := tenant.Load(s.environ(change))
		if err != nil {
			t.Fatal(err)
		}
		scopes := tenant.NewSetup(&tenant.Management{}, config, tenant.Choices{}).Scopes()
		exact := emptyTenant(t, scopes)
		exact.mustSetUp(t, change, tenant.Choices{})

		for _, missing := range scopes {
			less := emptyTenant(t, slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == missing }))
			if _, err := less.setUp(t, change, tenant.Choices{}); err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("without %s: %v, want an error that names it", missing, err)
			}
			if i := slices.IndexFunc(less.calls, func(call string) bool { return !strings.HasPrefix(call, "GET ") }); i >= 0 {
				t.Errorf("without %s it has changed something: %s", missing, less.calls[i])
			}
		}
	}
}

// TestSetupFinishesAfterAnyCallFailed fails each call once, in turn: before it has
// done anything, and when it has and only the answer is lost.
func TestSetupFinishesAfterAnyCallFailed(t *testing.T) {
	for kind, change := range map[string]map[string]string{
		"the password grant": nil,
		"token exchange":     {"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_PROOF": "", "AUTH0_PROOF_KEY": ""},
	} {
		whole := emptyTenant(t, auth0test.ManagementScopes())
		want := whole.mustSetUp(t, change, tenant.Choices{})
		calls := slices.Clone(whole.calls)
		for n, call := range calls {
			for _, after := range []bool{false, true} {
				if after && strings.HasPrefix(call, "GET ") {
					continue // it has no effect
				}
				t.Run(fmt.Sprintf("%s, call %d, %s, after it was done %t", kind, n, call, after), func(t *testing.T) {
					t.Parallel()
					s := emptyTenant(t, auth0test.ManagementScopes())
					s.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.Reset, At: auth0test.AtManagement, Skip: n, Times: 1, After: after}}})
					if _, err := s.setUp(t, change, tenant.Choices{}); err == nil {
						t.Fatal("it does not fail")
					}
					got := s.mustSetUp(t, change, tenant.Choices{})
					for _, own := range []string{"AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET"} {
						if got[own] == "" {
							t.Errorf("%s is empty", own)
						}
						got[own] = want[own]
					}
					if !maps.Equal(got, want) {
						t.Errorf("the settings are %v, want %v", got, want)
					}
					if plan, err := s.setUp(t, change, tenant.Choices{}); err != nil || len(plan.Pending()) > 0 || len(plan.Blockers) > 0 {
						t.Errorf("after that, the plan is %v (%v), want nothing to do", plan, err)
					}
				})
			}
		}
	}
}

func TestTheRateLimitOnlySlowsSetupDown(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes())
	s.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{
		{Kind: auth0test.RateLimited, At: auth0test.AtManagement, Skip: 2, Times: 2},
		{Kind: auth0test.RateLimited, At: auth0test.AtManagement, Skip: 6, Times: 1},
	}})
	s.mustSignIn(t, s.mustSetUp(t, nil, tenant.Choices{}))
}

func TestWrongCredentialsAreNamed(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes())
	for name, tt := range map[string]struct {
		change map[string]string
		want   string
	}{
		"a wrong secret":  {map[string]string{"AUTH0_MANAGEMENT_CLIENT_SECRET": "wrong-s3cr3t"}, "AUTH0_MANAGEMENT_CLIENT_SECRET"},
		"a wrong client":  {map[string]string{"AUTH0_MANAGEMENT_CLIENT_ID": "nobody"}, "AUTH0_MANAGEMENT_CLIENT_ID"},
		"nobody is there": {map[string]string{"AUTH0_DOMAIN": "127.0.0.1:1"}, "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.connect(t, s.environ(tt.change), tenant.Choices{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want it to name %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("err tells a secret: %v", err)
			}
		})
	}
}

func blockers(plan domain.TenantPlan) string {
	var told []string
	for _, blocker := range plan.Blockers {
		told = append(told, blocker.Where+": "+blocker.What)
	}
	return strings.Join(told, "\n")
}

func TestSetupStaysAwayFromWhatIsSomebodyElses(t *testing.T) {
	foreign := func(options *auth0test.Options) {
		options.Connections = []auth0test.Connection{{Name: "authsignal", LoginScript: "function login(a, b, callback) {}", Configuration: map[string]string{"LDAP_PASSWORD": "s3cr3t"}}}
	}
	namesake := func(options *auth0test.Options) {
		options.Clients = append(options.Clients, auth0test.Client{ID: "older", Secret: "x", Name: "Native Bridge", GrantTypes: []string{"authorization_code"}})
	}
	for name, tt := range map[string]struct {
		there func(*auth0test.Options)
		want  string
	}{
		"a parameter of another script": {foreign, "LDAP_PASSWORD"},
		"an application of that name":   {namesake, "--adopt older"},
	} {
		t.Run(name, func(t *testing.T) {
			s := emptyTenant(t, auth0test.ManagementScopes(), tt.there)
			plan, err := s.setUp(t, nil, tenant.Choices{})
			if !errors.Is(err, app.ErrBlocked) || !strings.Contains(blockers(plan), tt.want) {
				t.Errorf("err = %v, blockers: %s; want one with %s", err, blockers(plan), tt.want)
			}
			if i := slices.IndexFunc(s.calls, func(call string) bool { return !strings.HasPrefix(call, "GET ") }); i >= 0 {
				t.Errorf("it has changed something: %s", s.calls[i])
			}
		})
	}
}

func TestAnApplicationIsAdopted(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes(), func(options *auth0test.Options) {
		options.Clients = append(options.Clients, auth0test.Client{ID: "older", Secret: "the-older-secret", Name: "Web shop", GrantTypes: []string{"authorization_code"}})
	})
	environ := s.mustSetUp(t, nil, tenant.Choices{Adopt: "older"})
	if environ["AUTH0_CLIENT_ID"] != "older" || environ["AUTH0_CLIENT_SECRET"] != "the-older-secret" {
		t.Errorf("the settings are %v, want those of the adopted application", environ)
	}
	s.mustSignIn(t, environ)
	plan, err := s.setUp(t, nil, tenant.Choices{Adopt: "older"})
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(plan.Remarks, func(r domain.Instruction) bool { return strings.Contains(r.What, "authorization_code") }); i < 0 {
		t.Errorf("the remarks are %v, want one about the grant authorization_code", plan.Remarks)
	}
}

// TestSwitchingToSignedProofsTakesTheKeyAway sets up with Authsignal's key at Auth0,
// and then without it.
func TestSwitchingToSignedProofsTakesTheKeyAway(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes())
	s.mustSetUp(t, map[string]string{"AUTH0_PROOF": "token", "AUTH0_PROOF_KEY": ""}, tenant.Choices{})
	if !slices.Contains(s.parameters(t), "AUTHSIGNAL_SECRET") {
		t.Fatal("with tokens, the Login script lacks the key that it asks Authsignal with")
	}
	environ := s.mustSetUp(t, nil, tenant.Choices{})
	if names := s.parameters(t); slices.Contains(names, "AUTHSIGNAL_SECRET") || !slices.Contains(names, "NATIVE_BRIDGE_KEY") {
		t.Errorf("with signed proofs, the parameters are %q", names)
	}
	s.mustSignIn(t, environ)
}

// parameters lists the names in the connection's configuration.
func (s *site) parameters(t *testing.T) []string {
	t.Helper()
	options, _ := s.byHand(t, "GET", "/connections/"+s.connectionID(t), nil)["options"].(map[string]any)
	configuration, _ := options["configuration"].(map[string]any)
	return slices.Sorted(maps.Keys(configuration))
}

// Auth0 never tells what stands in the parameters, so a change of the bridge's settings
// is found by the mark in the script.
func TestAChangedSettingIsWrittenToTheScriptsParameters(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes())
	s.mustSetUp(t, nil, tenant.Choices{})
	change := map[string]string{"AUTHSIGNAL_ACTION": "another"}
	setup, err := s.connect(t, s.environ(change), tenant.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := setup.Plan(t.Context())
	if pending := plan.Pending(); err != nil || len(pending) != 1 || pending[0].ID != "connection" {
		t.Fatalf("the plan is to do %v (%v), want the connection written anew", pending, err)
	}
	s.mustSetUp(t, change, tenant.Choices{})
	if codes := failed(s.diagnose(t, s.environ(map[string]string{"AUTHSIGNAL_ACTION": "another", "AUTH0_CLIENT_ID": s.clientID(t)}))); slices.Contains(codes, "NB540") {
		t.Errorf("afterwards %q fail", codes)
	}
}

func (s *site) clientID(t *testing.T) string {
	t.Helper()
	found, _ := s.byHand(t, "GET", "/clients?include_totals=true", nil)["clients"].([]any)
	for _, item := range found {
		client, _ := item.(map[string]any)
		if id, _ := client["client_id"].(string); client["name"] == "Native Bridge" {
			return id
		}
	}
	t.Fatal("there is no application")
	return ""
}

func TestTheActionMakesUsersInAConnectionThatIsThere(t *testing.T) {
	change := map[string]string{"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_PROOF": "", "AUTH0_PROOF_KEY": ""}
	choices := tenant.Choices{CreateUsersIn: "customers"}
	missing := emptyTenant(t, auth0test.ManagementScopes())
	if plan, err := missing.setUp(t, change, choices); !errors.Is(err, app.ErrBlocked) || !strings.Contains(blockers(plan), "customers") {
		t.Errorf("err = %v, blockers: %s; want one about the connection", err, blockers(plan))
	}
	s := emptyTenant(t, auth0test.ManagementScopes(), func(options *auth0test.Options) {
		options.Connections = []auth0test.Connection{{Name: "customers"}}
	})
	plan, err := s.setUp(t, change, choices)
	if err != nil {
		t.Fatal(err)
	}
	last := plan.Steps[len(plan.Steps)-1]
	if last.ID != "users-connection" || last.Action != domain.Keep {
		t.Errorf("the last step is %v, want the connection enabled", last)
	}
}

func TestPlansTellNoSecret(t *testing.T) {
	s := emptyTenant(t, auth0test.ManagementScopes())
	setup, err := s.connect(t, s.environ(map[string]string{"AUTH0_PROOF": "token", "AUTH0_PROOF_KEY": ""}), tenant.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := setup.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"s3cr3t-authsignal", accessKey, proofKey} {
		if told := fmt.Sprintf("%+v", plan); strings.Contains(told, secret) {
			t.Errorf("the plan tells %s: %s", secret, told)
		}
	}
}

// Whoever makes the machine-to-machine application goes by the document.
func TestTheDocumentNamesEveryRight(t *testing.T) {
	text, err := os.ReadFile("../../../docs/tenant.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, found := strings.Cut(string(text), "## Let the commands in\n")
	page, _, _ = strings.Cut(page, "\n## ")
	scopes := tenant.DoctorScopes()
	s := emptyTenant(t, nil)
	for _, change := range []map[string]string{nil, {"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_PROOF": "", "AUTH0_PROOF_KEY": ""}} {
		config, err := tenant.Load(s.environ(change))
		if err != nil {
			t.Fatal(err)
		}
		scopes = append(scopes, tenant.NewSetup(&tenant.Management{}, config, tenant.Choices{}).Scopes()...)
	}
	for _, scope := range scopes {
		if !found || !strings.Contains(page, "`"+scope+"`") {
			t.Errorf("docs/tenant.md does not name %s", scope)
		}
	}
}
