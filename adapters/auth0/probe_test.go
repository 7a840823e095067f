package auth0_test

import (
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

const refusingScript = `function login(username, password, callback) {
  callback(new WrongUsernameOrPasswordError(username, "native-bridge refuses: the token is made up"));
}`

const refusingAction = `exports.onExecuteCustomTokenExchange = async (event, api) => {
  api.access.rejectInvalidSubjectToken("native-bridge refuses: the token is made up");
};`

// probeTenant starts a tenant that refuses everybody, and returns a harness without its
// probe.
func probeTenant(t *testing.T) (auth0.Config, *upstream.Client, portstest.ProbeHarness) {
	t.Helper()
	tenant, err := auth0test.Start(auth0test.Options{
		Clients: []auth0test.Client{{
			ID: "client-1", Secret: "s3cr3t-of-the-application", Connections: []string{"authsignal"}, TokenExchange: true,
			GrantTypes: []string{auth0test.GrantPassword, auth0test.GrantPasswordRealm, auth0test.GrantRefreshToken},
		}},
		APIs:                  []auth0test.API{{Identifier: audience, AllowOfflineAccess: true}},
		Connections:           []auth0test.Connection{{Name: "authsignal", LoginScript: refusingScript}},
		TokenExchangeProfiles: []auth0test.TokenExchangeProfile{{SubjectTokenType: "urn:example:token", Action: refusingAction}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	config := auth0.Config{
		Client: "client-1", ClientSecret: settings.NewSecret("s3cr3t-of-the-application"), Connection: "authsignal",
		Audience: audience, Scope: []string{"openid", "offline_access"}, SubjectTokenType: "urn:example:token",
	}
	if err := config.Domain.UnmarshalText([]byte(tenant.Domain())); err != nil {
		t.Fatal(err)
	}
	fault := func(kind auth0test.FaultKind) func(*testing.T) {
		return func(*testing.T) {
			tenant.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: kind, At: auth0test.Everywhere, Text: "said s3cr3t-of-the-application"}}})
		}
	}
	client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: time.Now})
	return config, client, portstest.ProbeHarness{
		Break: fault(auth0test.UnauthorizedClient), Hang: fault(auth0test.Hang), Secrets: []string{"s3cr3t-of-the-application"},
	}
}

func TestAuth0IsProbedAsAProbeMust(t *testing.T) {
	for name, probe := range map[string]func(auth0.Config, *upstream.Client) ports.Probe{
		"without a try to sign in": func(config auth0.Config, client *upstream.Client) ports.Probe {
			return auth0.NewIssuer(client, config, time.Minute, time.Now).NewProbe()
		},
		"by a sign-in that must be refused": func(config auth0.Config, client *upstream.Client) ports.Probe {
			return auth0.NewIssuer(client, config, time.Minute, time.Now).NewTrial("authsignal", "signIn")
		},
		"by a token exchange that must be refused": func(config auth0.Config, client *upstream.Client) ports.Probe {
			return auth0.NewTokenExchangeIssuer(client, config, time.Minute, time.Now).NewTrial()
		},
	} {
		t.Run(name, func(t *testing.T) {
			portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
				config, client, harness := probeTenant(t)
				harness.Probe = probe(config, client)
				return harness
			})
		})
	}
}
