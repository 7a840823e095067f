package doctor_test

import (
	"crypto/rand"
	"crypto/x509"
	"io"
	"log/slog"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/doctor"
	"nativebridge/app"
	"nativebridge/domain"
)

const (
	audience = "https://api.example.com"
	action   = "signInWithPasskey"
	proofKey = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f"
)

// keys are those of all tenants here, because making some takes a while.
var keys = new(auth0test.Keys)

// world is a bridge's surroundings, all well, before it begins: a test breaks it first.
type world struct {
	Environ    map[string]string // of the bridge; begin adds addresses and credentials that are not there
	Authsignal authsignaltest.Options
	Auth0      auth0test.Options
	Settings   map[string]string // of the Login script or the Action; likewise

	authsignal *authsignaltest.Server
	auth0      *auth0test.Server
	trusted    *x509.CertPool // by the bridge; begin sets it to Auth0's
}

// newWorld returns one with the password grant.
func newWorld() *world {
	w := &world{Environ: map[string]string{
		"AUTH0_CLIENT_ID": "client-1", "AUTH0_CLIENT_SECRET": "s3cr3t-of-the-application",
		"AUTH0_AUDIENCE": audience, "AUTH0_SCOPE": "openid profile email read:things", "TRUSTED_PROXIES": "10.0.0.0/8",
	}, Settings: map[string]string{}}
	w.Auth0.Clients = []auth0test.Client{{
		ID: "client-1", Secret: "s3cr3t-of-the-application", AuthMethod: auth0test.AuthPost, TrustForwardedFor: true,
		GrantTypes: []string{auth0test.GrantPassword, auth0test.GrantPasswordRealm}, Connections: []string{"authsignal"},
	}}
	w.Auth0.Keys = keys
	w.Auth0.Connections = []auth0test.Connection{{Name: "authsignal", LoginScript: auth0.LoginScript}}
	w.Auth0.APIs = []auth0test.API{{Identifier: audience, Scopes: []string{"read:things"}, AllowOfflineAccess: true}}
	return w
}

func (w *world) client() *auth0test.Client         { return &w.Auth0.Clients[0] }
func (w *world) connection() *auth0test.Connection { return &w.Auth0.Connections[0] }

// begin starts the parties. What the world's maps have already is kept.
func (w *world) begin(t *testing.T) {
	t.Helper()
	var err error
	if w.authsignal, err = authsignaltest.Start(w.Authsignal); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.authsignal.Close() })
	unless := func(to map[string]string, name, value string) {
		if _, there := to[name]; !there {
			to[name] = value
		}
	}
	for _, to := range []map[string]string{w.Settings, w.Environ} {
		unless(to, "AUTHSIGNAL_API_URL", w.authsignal.APIURL())
		unless(to, "AUTHSIGNAL_ACTION", action)
	}
	unless(w.Environ, "AUTHSIGNAL_SECRET", w.authsignal.Secret())
	if w.Environ["AUTH0_PROOF"] == "signed" {
		unless(w.Environ, "AUTH0_PROOF_KEY", proofKey)
		unless(w.Settings, "NATIVE_BRIDGE_KEY", proofKey)
		unless(w.Settings, "NATIVE_BRIDGE_CONNECTION", "authsignal")
		unless(w.Settings, "NATIVE_BRIDGE_CLIENT_ID", "client-1")
	} else {
		unless(w.Settings, "AUTHSIGNAL_SECRET", w.authsignal.Secret())
	}
	for i := range w.Auth0.Connections {
		w.Auth0.Connections[i].Configuration = w.Settings
	}
	for i := range w.Auth0.TokenExchangeProfiles {
		unless(w.Settings, "NATIVE_BRIDGE_CLIENT_ID", "client-1")
		w.Auth0.TokenExchangeProfiles[i].Secrets = w.Settings
	}
	if w.auth0, err = auth0test.Start(w.Auth0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.auth0.Close() })
	w.trusted = w.auth0.CertPool()
	unless(w.Environ, "AUTH0_DOMAIN", w.auth0.Domain())
}

// diagnose returns what doctor finds.
func (w *world) diagnose(t *testing.T) domain.Diagnosis {
	t.Helper()
	diagnose := app.Diagnose{Patience: time.Minute, Probes: doctor.Probes(w.Environ, adapters.Runtime{
		Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: time.Now, Random: rand.Reader, RootCAs: w.trusted,
	})}
	return diagnose.Execute(t.Context(), func(domain.Finding) {})
}

// wantFirst fails the test unless the first thing to mend has the code; "" wants nothing
// to mend.
func wantFirst(t *testing.T, diagnosis domain.Diagnosis, code string) {
	t.Helper()
	got := doctor.NewReport(diagnosis).MendFirst
	if got == code {
		return
	}
	t.Errorf("it says to mend %q first, want %q", got, code)
	for _, finding := range diagnosis {
		if finding.Outcome != domain.Passed {
			t.Logf("%s %s: %s", finding.Code, finding.Asks, finding.Problem)
		}
	}
}
