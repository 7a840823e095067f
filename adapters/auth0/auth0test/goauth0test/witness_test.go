// Package goauth0test has Auth0's own Go SDK judge the Management API of the emulator.
// It is a folder of its own because the SDK takes a minute to compile.
package goauth0test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/auth0/go-auth0/v3/management"
	"github.com/auth0/go-auth0/v3/management/client"
	"github.com/auth0/go-auth0/v3/management/option"
	"golang.org/x/oauth2"

	"nativebridge/adapters/auth0/auth0test"
)

const (
	script = `function login(id, password, callback) { callback(password === configuration.PASSWORD ? null : new WrongUsernameOrPasswordError(id), {user_id: id, email: id}); }`
	realm  = "passkeys"
)

// emptyTenant has nothing but the application that sets it up.
func emptyTenant(t *testing.T, scopes []string) (*auth0test.Server, *http.Client, *client.Management) {
	t.Helper()
	s, err := auth0test.Start(auth0test.Options{Clients: []auth0test.Client{{
		ID: "set-up", Secret: "secret", Name: "Set-up", AppType: "non_interactive", AuthMethod: auth0test.AuthPost,
		GrantTypes: []string{auth0test.GrantClientCredentials}, Management: scopes,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: s.CertPool(), MinVersion: tls.VersionTLS12}
	t.Cleanup(transport.CloseIdleConnections)
	trusting := &http.Client{Transport: transport}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, trusting)
	m, err := client.New(s.Domain(), option.WithHTTPClient(trusting), option.WithoutRetries(), option.WithClientCredentials(ctx, "set-up", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	return s, trusting, m
}

// request is what the SDK makes of a JSON text.
func request[T any](t *testing.T, text string) *T {
	t.Helper()
	r := new(T)
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// setUp makes what a password sign-in needs, and returns the ids of the application and
// of the connection.
func setUp(t *testing.T, m *client.Management) (clientID, secret, connectionID string) {
	t.Helper()
	ctx := t.Context()
	app, err := m.Clients.Create(ctx, request[management.CreateClientRequestContent](t, `{"name": "Bridge", "app_type": "regular_web", "is_first_party": true,
		"oidc_conformant": true, "grant_types": ["password", "http://auth0.com/oauth/grant-type/password-realm", "refresh_token"],
		"token_endpoint_auth_method": "client_secret_post", "is_token_endpoint_ip_header_trusted": true, "jwt_configuration": {"alg": "RS256"},
		"refresh_token": {"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 10}, "organization_usage": "deny"}`))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := m.Connections.Create(ctx, request[management.CreateConnectionRequestContent](t, `{"name": "`+realm+`", "strategy": "auth0",
		"options": {"enabledDatabaseCustomization": true, "import_mode": false, "disable_signup": true, "customScripts": {"login": `+quoted(script)+`},
		"configuration": {"PASSWORD": "right"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	err = m.Connections.Clients.Update(ctx, *conn.ID, management.UpdateEnabledClientConnectionsRequestContent{{ClientID: *app.ClientID, Status: true}})
	if err != nil {
		t.Fatal(err)
	}
	return *app.ClientID, *app.ClientSecret, *conn.ID
}

func signIn(t *testing.T, s *auth0test.Server, hc *http.Client, clientID, secret string) (status int, body map[string]any) {
	t.Helper()
	r, err := hc.PostForm(s.URL()+"/oauth/token", url.Values{
		"grant_type": {auth0test.GrantPasswordRealm}, "realm": {realm}, "client_id": {clientID}, "client_secret": {secret},
		"username": {"jane@example.com"}, "password": {"right"}, "scope": {"openid offline_access"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, body
}

func TestAnEmptyTenantThatTheSDKSetsUpLetsAUserSignIn(t *testing.T) {
	s, hc, m := emptyTenant(t, auth0test.ManagementScopes())
	clientID, secret, _ := setUp(t, m)
	status, body := signIn(t, s, hc, clientID, secret)
	if status != http.StatusOK || body["id_token"] == nil || body["refresh_token"] == nil {
		t.Errorf("the sign-in was answered %d %v", status, body)
	}
	if users := s.Users(); len(users) != 1 || users[0].ID != "auth0|jane@example.com" {
		t.Errorf("users = %v", users)
	}
}

func TestTheSDKReadsWhatItHasWritten(t *testing.T) {
	_, _, m := emptyTenant(t, auth0test.ManagementScopes())
	clientID, _, connectionID := setUp(t, m)
	ctx := t.Context()
	page, err := m.Connections.List(ctx, &management.ListConnectionsQueryParameters{
		Name: management.String(realm), Strategy: []*management.ConnectionStrategyEnum{management.ConnectionStrategyEnumAuth0.Ptr()},
	})
	if err != nil || len(page.Results) != 1 || *page.Results[0].ID != connectionID {
		t.Fatalf("connections = %v, %v", page, err)
	}
	conn, err := m.Connections.Get(ctx, connectionID, &management.GetConnectionRequestParameters{})
	if err != nil {
		t.Fatal(err)
	}
	options := *conn.Options
	if scripts := options["customScripts"].(map[string]any); scripts["login"] != script {
		t.Errorf("the script came back as %v", scripts)
	}
	if value := options["configuration"].(map[string]any)["PASSWORD"].(string); value == "right" || !strings.HasPrefix(value, "CkIKI") {
		t.Errorf("the configuration came back as %q, want ciphertext", value)
	}
	enabled, err := m.Connections.Clients.Get(ctx, connectionID, &management.GetConnectionEnabledClientsRequestParameters{})
	if err != nil || len(enabled.Results) != 1 || enabled.Results[0].ClientID != clientID {
		t.Errorf("enabled clients = %v, %v", enabled, err)
	}
	clients, err := m.Clients.List(ctx, &management.ListClientsRequestParameters{})
	if err != nil || len(clients.Results) != 2 {
		t.Errorf("clients = %v, %v", clients, err)
	}
	settings, err := m.Tenants.Settings.Get(ctx, &management.GetTenantSettingsRequestParameters{})
	if err != nil || settings == nil {
		t.Errorf("settings: %v", err)
	}
}

func TestTheSDKSeesAuth0sErrors(t *testing.T) {
	_, _, m := emptyTenant(t, slices.DeleteFunc(auth0test.ManagementScopes(), func(s string) bool { return s == "update:connections_options" }))
	_, _, connectionID := setUp(t, m)
	ctx := t.Context()
	_, err := m.Connections.Create(ctx, &management.CreateConnectionRequestContent{Name: realm, Strategy: management.ConnectionIdentityProviderEnumAuth0})
	if conflict, ok := errors.AsType[*management.ConflictError](err); !ok {
		t.Errorf("a name twice: %v, want a conflict", conflict)
	}
	_, err = m.Connections.Update(ctx, connectionID, request[management.UpdateConnectionRequestContent](t, `{"options": {"import_mode": true}}`))
	if forbidden, ok := errors.AsType[*management.ForbiddenError](err); !ok || !strings.Contains(forbidden.Error(), "expected any of: update:connections_options") {
		t.Errorf("without the scope: %v", err)
	}
	_, err = m.Connections.Update(ctx, connectionID, &management.UpdateConnectionRequestContent{EnabledClients: []string{"a"}})
	if bad, ok := errors.AsType[*management.BadRequestError](err); !ok || !strings.Contains(bad.Error(), "Additional properties not allowed: enabled_clients") {
		t.Errorf("enabled_clients: %v", err)
	}
	_, err = m.Clients.Get(ctx, "nobody", &management.GetClientRequestParameters{})
	if _, ok := errors.AsType[*management.NotFoundError](err); !ok {
		t.Errorf("an application that is not there: %v", err)
	}
}

// A doctor reads these. The SDK decodes the answers, some of which have to be of one of two forms.
func TestTheSDKReadsWhatADoctorLooksAt(t *testing.T) {
	s, hc, m := emptyTenant(t, auth0test.ManagementScopes())
	clientID, _, _ := setUp(t, m)
	if status, _ := signIn(t, s, hc, clientID, "wrong"); status != http.StatusUnauthorized {
		t.Fatalf("a wrong secret is answered %d", status)
	}
	ctx := t.Context()
	for name, read := range map[string]func() error{
		"clients of a connection": func() error {
			_, err := m.Clients.Connections.Get(ctx, clientID, &management.ConnectionsGetRequest{})
			return err
		},
		"client grants": func() error {
			_, err := m.ClientGrants.List(ctx, &management.ListClientGrantsRequestParameters{})
			return err
		},
		"resource servers": func() error {
			_, err := m.ResourceServers.List(ctx, &management.ListResourceServerRequestParameters{})
			return err
		},
		"actions": func() error { _, err := m.Actions.List(ctx, &management.ListActionsRequestParameters{}); return err },
		"bindings": func() error {
			_, err := m.Actions.Triggers.Bindings.List(ctx, management.ActionTriggerTypeEnum("post-login").Ptr(), &management.ListActionTriggerBindingsRequestParameters{})
			return err
		},
		"profiles": func() error {
			_, err := m.TokenExchangeProfiles.List(ctx, &management.TokenExchangeProfilesListRequest{})
			return err
		},
		"MFA policies": func() error { _, err := m.Guardian.Policies.List(ctx); return err },
		"brute force":  func() error { _, err := m.AttackProtection.BruteForceProtection.Get(ctx); return err },
		"throttling":   func() error { _, err := m.AttackProtection.SuspiciousIPThrottling.Get(ctx); return err },
		"breaches":     func() error { _, err := m.AttackProtection.BreachedPasswordDetection.Get(ctx); return err },
		"bots":         func() error { _, err := m.AttackProtection.BotDetection.Get(ctx); return err },
		"rate policies": func() error {
			_, err := m.RateLimitPolicies.List(ctx, &management.ListRateLimitPoliciesRequestParameters{})
			return err
		},
		"keys": func() error { _, err := m.Keys.Signing.List(ctx); return err },
		"domains": func() error {
			_, err := m.CustomDomains.List(ctx, &management.ListCustomDomainsRequestParameters{})
			return err
		},
		"blocks": func() error {
			_, err := m.UserBlocks.ListByIdentifier(ctx, &management.ListUserBlocksByIdentifierRequestParameters{Identifier: "jane@example.com"})
			return err
		},
		"logs": func() error {
			page, err := m.Logs.List(ctx, &management.ListLogsRequestParameters{}, option.WithQueryParameters(url.Values{"q": {"type:seccft"}}))
			if err == nil && len(page.Results) != 1 {
				return errors.New("there is no entry of the manager's own token")
			}
			return err
		},
	} {
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
