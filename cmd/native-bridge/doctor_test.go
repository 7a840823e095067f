package main

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// startParties starts an Authsignal tenant and an Auth0 tenant that are set up for the
// bridge, and sets the bridge's environment.
func startParties(ts *testscript.TestScript, _ bool, _ []string) {
	authsignal, err := authsignaltest.Start(authsignaltest.Options{})
	ts.Check(err)
	ts.Defer(func() { _ = authsignal.Close() })
	tenant, err := auth0test.Start(auth0test.Options{
		Keys: &signingKeys,
		Clients: []auth0test.Client{{
			ID: "client-1", Secret: "s3cr3t-auth0", Connections: []string{"authsignal"},
			GrantTypes: []string{auth0test.GrantPassword, auth0test.GrantPasswordRealm},
		}},
		Connections: []auth0test.Connection{{Name: "authsignal", LoginScript: auth0.LoginScript, Configuration: map[string]string{
			"AUTHSIGNAL_SECRET": authsignal.Secret(), "AUTHSIGNAL_API_URL": authsignal.APIURL(), "AUTHSIGNAL_ACTION": "signInWithPasskey",
		}}},
		APIs: []auth0test.API{{Identifier: "https://api.example.com"}},
	})
	ts.Check(err)
	ts.Defer(func() { _ = tenant.Close() })
	ca := filepath.Join(ts.Getenv("WORK"), "ca.pem")
	ts.Check(os.WriteFile(ca, tenant.CAPEM(), 0o600))
	for name, value := range map[string]string{
		"SSL_CERT_FILE": ca, "LISTEN_ADDR": "127.0.0.1:0",
		"AUTHSIGNAL_API_URL": authsignal.APIURL(), "AUTHSIGNAL_SECRET": authsignal.Secret(),
		"AUTH0_DOMAIN": tenant.Domain(), "AUTH0_CLIENT_ID": "client-1", "AUTH0_CLIENT_SECRET": "s3cr3t-auth0",
		"AUTH0_AUDIENCE": "https://api.example.com",
	} {
		ts.Setenv(name, value)
	}
}
