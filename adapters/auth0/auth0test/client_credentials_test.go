package auth0test_test

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"nativebridge/adapters/auth0/auth0test"
)

const managerID, managerSecret = "manager", "the secret of the manager"

// managed is a tenant with an application that may use the Management API.
func managed() auth0test.Options {
	opts := tenant()
	opts.Clients = append(opts.Clients, auth0test.Client{
		ID: managerID, Secret: managerSecret, Name: "Set-up", AppType: "non_interactive",
		GrantTypes: []string{auth0test.GrantClientCredentials}, Management: []string{"read:clients", "update:clients"},
	})
	return opts
}

func managerParams(change params) params {
	return params{
		"grant_type": "client_credentials", "client_id": managerID, "client_secret": managerSecret,
	}.with(change)
}

func TestAManagementClientGetsAToken(t *testing.T) {
	t.Parallel()
	e := start(t, managed())
	for scope, want := range map[string]string{"": "read:clients update:clients", "read:clients delete:clients": "read:clients"} {
		r := e.token(managerParams(params{"audience": e.URL() + "/api/v2/", "scope": scope}))
		if r.status != http.StatusOK || r.str("scope") != want || r.body["expires_in"] != 86400.0 || r.str("token_type") != "Bearer" {
			t.Fatalf("scope %q: answered %d %s", scope, r.status, r.text)
		}
		claims := e.verify(r.str("access_token"))
		delete(claims, "iat")
		delete(claims, "exp")
		if want := map[string]any{
			"iss": e.Issuer(), "sub": managerID + "@clients", "aud": e.URL() + "/api/v2/", "azp": managerID,
			"scope": want, "gty": "client-credentials",
		}; !reflect.DeepEqual(claims, want) {
			t.Errorf("claims = %v, want %v", claims, want)
		}
	}
}

// go-auth0 sends its secret in the header (golang.org/x/oauth2, AuthStyleAutoDetect).
func TestAManagementClientMayAuthenticateByHeader(t *testing.T) {
	t.Parallel()
	e := start(t, managed())
	body := url.Values{"grant_type": {"client_credentials"}, "audience": {e.ManagementAudience()}}.Encode()
	req := e.request(http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", body)
	req.SetBasicAuth(managerID, url.QueryEscape(managerSecret))
	if r := e.do(req); r.status != http.StatusOK || r.str("access_token") == "" {
		t.Errorf("answered %d %s", r.status, r.text)
	}
}

func TestNobodyElseManagesTheTenant(t *testing.T) {
	t.Parallel()
	opts := managed()
	opts.Clients = append(opts.Clients, auth0test.Client{
		ID: "stranger", Secret: managerSecret, GrantTypes: []string{auth0test.GrantClientCredentials},
	})
	e := start(t, opts)
	management := e.ManagementAudience()
	for name, test := range map[string]struct {
		change            params
		status            int
		code, description string
	}{
		"an application without the grant type": {params{"client_id": clientID, "client_secret": clientSecret, "audience": management},
			403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client."},
		"an application without a client grant": {params{"client_id": "stranger", "audience": management},
			403, "access_denied", `Client is not authorized to access "` + management + `". You need to create a "client-grant" associated to this API.`},
		"no audience": {params{}, 403, "access_denied", "Non-global clients are not allowed access to APIv1"},
		"another API": {params{"audience": audience},
			403, "access_denied", `Client is not authorized to access "` + audience + `". You need to create a "client-grant" associated to this API.`},
		"no API":                     {params{"audience": "https://no.example/"}, 403, "access_denied", "Service not found: https://no.example/"},
		"an audience without a port": {params{"audience": "https://127.0.0.1/api/v2/"}, 403, "access_denied", "Service not found: https://127.0.0.1/api/v2/"},
		"a wrong secret":             {params{"audience": management, "client_secret": "wrong"}, 401, "invalid_client", "Client authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, e.token(managerParams(test.change)), test.status, test.code, test.description)
		})
	}
}
