package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// startTenant starts an Authsignal tenant, and an Auth0 tenant that has nothing in it but
// a machine-to-machine application, and sets the environment for setup. With an argument, the application
// lacks that scope.
func startTenant(ts *testscript.TestScript, _ bool, args []string) {
	scopes := auth0test.ManagementScopes()
	for i, scope := range scopes {
		if len(args) > 0 && scope == args[0] {
			scopes = append(scopes[:i], scopes[i+1:]...)
			break
		}
	}
	tenant, err := auth0test.Start(auth0test.Options{Keys: &signingKeys, Clients: []auth0test.Client{{
		ID: "management", Secret: "s3cr3t-management", GrantTypes: []string{auth0test.GrantClientCredentials}, Management: scopes,
	}}})
	ts.Check(err)
	ts.Defer(func() { _ = tenant.Close() })
	authsignal, err := authsignaltest.Start(authsignaltest.Options{Secret: "s3cr3t-authsignal-of-32-bytes-or-more"})
	ts.Check(err)
	ts.Defer(func() { _ = authsignal.Close() })
	ca := filepath.Join(ts.Getenv("WORK"), "ca.pem")
	ts.Check(os.WriteFile(ca, tenant.CAPEM(), 0o600))
	for name, value := range map[string]string{
		"SSL_CERT_FILE": ca, "AUTH0_DOMAIN": tenant.Domain(),
		"AUTH0_MANAGEMENT_CLIENT_ID": "management", "AUTH0_MANAGEMENT_CLIENT_SECRET": "s3cr3t-management",
		"AUTHSIGNAL_API_URL": authsignal.APIURL(), "AUTHSIGNAL_SECRET": authsignal.Secret(),
		"AUTH0_AUDIENCE": "https://api.example.com", "AUTH0_SCOPE": "openid profile email read:things",
	} {
		ts.Setenv(name, value)
	}
}

// startAuthsignal starts an Authsignal tenant that has nothing in it, or with the
// argument "activated" passkeys as the Portal leaves them, and sets the environment for
// setup.
func startAuthsignal(ts *testscript.TestScript, _ bool, args []string) {
	tenant, err := authsignaltest.Start(authsignaltest.Options{Empty: true, ManagementSecret: "s3cr3t-management"})
	ts.Check(err)
	ts.Defer(func() { _ = tenant.Close() })
	if slices.Contains(args, "activated") {
		tenant.SetUpPasskey()
	}
	ts.Setenv("AUTHSIGNAL_API_URL", tenant.APIURL())
	ts.Setenv("AUTHSIGNAL_MANAGEMENT_SECRET", tenant.ManagementSecret())
}

// wantMode fails unless the file has the permissions.
func wantMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode().Perm().String(); !strings.HasSuffix(got, args[0]) {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}
