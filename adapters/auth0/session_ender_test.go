package auth0_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

const enderSecret = "the-secret-of-the-application-that-ends-sessions"

// startEnder starts a tenant in which an application with the scopes may end sessions.
func startEnder(t *testing.T, scopes ...string) (*auth0test.Server, *auth0.SessionEnder) {
	t.Helper()
	tenant := startEnderTenant(t, time.Now, scopes...)
	return tenant, enderFor(t, tenant)
}

func startEnderTenant(t *testing.T, now func() time.Time, scopes ...string) *auth0test.Server {
	t.Helper()
	tenant, err := auth0test.Start(auth0test.Options{Keys: &keys, Now: now, Clients: []auth0test.Client{{
		ID: "ender", Secret: enderSecret, AuthMethod: auth0test.AuthPost, GrantTypes: []string{auth0test.GrantClientCredentials}, Management: scopes,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	return tenant
}

func enderFor(t *testing.T, tenant *auth0test.Server, change ...func(*auth0.Config)) *auth0.SessionEnder {
	t.Helper()
	config := configFor(t, tenant.URL(), change...)
	config.Ender = auth0.SessionEnderConfig{ClientID: "ender", ClientSecret: settings.NewSecret(enderSecret), PerSecond: 1000}
	client := upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: time.Now})
	return auth0.NewSessionEnder(client, config, time.Now)
}

func TestSessionEnderKeepsTheContract(t *testing.T) {
	portstest.SessionEnder(t, func(t *testing.T) portstest.EnderHarness {
		tenant, ender := startEnder(t, "read:refresh_tokens", "delete:refresh_tokens")
		meets := func(kind auth0test.FaultKind) func(*testing.T) {
			return func(*testing.T) { inject(tenant, auth0test.Fault{Kind: kind, At: auth0test.Everywhere}) }
		}
		return portstest.EnderHarness{
			Ender: ender,
			Open: func(_ *testing.T, subject string, at time.Time) func(*testing.T) bool {
				refresh := tenant.OpenSession(clientID, subject, at)
				return func(*testing.T) bool { return tenant.IsAlive(refresh) }
			},
			Secrets: []string{enderSecret},
			Lock:    meets(auth0test.InvalidClient), Limit: meets(auth0test.RateLimited), Hang: meets(auth0test.Hang),
			Stop: func(*testing.T) { _ = tenant.Close() },
		}
	})
}

func TestOnlySessionsOfTheBridgesOwnClientAreEnded(t *testing.T) {
	tenant, ender := startEnder(t, "read:refresh_tokens", "delete:refresh_tokens")
	ours := tenant.OpenSession(clientID, "auth0|jane", time.Now().Add(-time.Hour))
	others := tenant.OpenSession("a-web-shop", "auth0|jane", time.Now().Add(-time.Hour))
	if err := ender.End(t.Context(), "auth0|jane", time.Now()); err != nil || tenant.IsAlive(ours) || !tenant.IsAlive(others) {
		t.Errorf("%v: ours lives: %t, another application's: %t", err, tenant.IsAlive(ours), tenant.IsAlive(others))
	}
}

func TestPlainUserIDsAreEndedUnderTheirAuth0ID(t *testing.T) {
	tenant, _ := startEnder(t, "read:refresh_tokens", "delete:refresh_tokens")
	refresh := tenant.OpenSession(clientID, "auth0|42", time.Now().Add(-time.Hour))
	ender := enderFor(t, tenant, func(c *auth0.Config) { c.Subjects = auth0.SubjectsPlain })
	if err := ender.End(t.Context(), "42", time.Now()); err != nil || tenant.IsAlive(refresh) {
		t.Errorf("%v: the session lives: %t", err, tenant.IsAlive(refresh))
	}
}

// Nobody waits for an ender, so it needs no load: with AUTH0_SESSION_ENDER_CLIENT_SECRET in
// its file before the token of the Management API ends, no request of its own fails either.
func TestAnEnderAsksWithTheSecretOfNow(t *testing.T) {
	const newSecret = "the-secret-that-takes-its-place"
	clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	tenant := startEnderTenant(t, clock.Now, append(auth0test.ManagementScopes(), "read:refresh_tokens", "delete:refresh_tokens")...)
	running, read := configFor(t, tenant.URL()), configFor(t, tenant.URL())
	running.Ender = auth0.SessionEnderConfig{ClientID: "ender", ClientSecret: settings.NewSecret(enderSecret), PerSecond: 1000}
	read.Ender = auth0.SessionEnderConfig{ClientID: "ender", ClientSecret: settings.NewSecret(newSecret), PerSecond: 1000}
	ender := auth0.NewSessionEnder(upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: clock.Now}), running, clock.Now)
	ends := func(when string) {
		t.Helper()
		refresh := tenant.OpenSession(clientID, "auth0|jane", clock.Now().Add(-time.Hour))
		if err := ender.End(t.Context(), "auth0|jane", clock.Now()); err != nil || tenant.IsAlive(refresh) {
			t.Errorf("%s: %v, the session lives: %t", when, err, tenant.IsAlive(refresh))
		}
	}
	ends("before")
	if err := tenant.Manage(t.Context(), "ender", enderSecret, http.MethodPatch, "/clients/ender", map[string]string{"client_secret": newSecret}, nil); err != nil {
		t.Fatal(err)
	}
	ends("when the secret has changed at Auth0")
	if adopted, _ := settings.Adopt(&running, &read); !slices.Contains(adopted, "AUTH0_SESSION_ENDER_CLIENT_SECRET") {
		t.Fatalf("%q are adopted", adopted)
	}
	clock.Advance(24 * time.Hour) // the token of before is no more
	ends("with the new secret")
	for _, asked := range tenant.Exchanges() {
		if asked.Status >= http.StatusBadRequest {
			t.Errorf("%s %s was answered %d", asked.Method, asked.Path, asked.Status)
		}
	}
}

func TestAnEnderWithTooFewRightsSaysWhichAreMissing(t *testing.T) {
	for name, scopes := range map[string][]string{
		"none that helps": {"read:clients"},
		"reading alone":   {"read:refresh_tokens"},
		"deleting alone":  {"delete:refresh_tokens"},
		"a plan without":  {"read:refresh_tokens", "delete:refresh_tokens"},
		"no grant for it": nil,
	} {
		t.Run(name, func(t *testing.T) {
			tenant, ender := startEnder(t, scopes...)
			if name == "a plan without" {
				tenant.SetFaults(auth0test.Faults{Variants: auth0test.Variants{LesserPlan: auth0test.PlanForbids}})
			}
			tenant.OpenSession(clientID, "auth0|jane", time.Now().Add(-time.Hour))
			err := ender.End(t.Context(), "auth0|jane", time.Now())
			if _, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), "AUTH0_SESSION_ENDER_CLIENT_ID") {
				t.Errorf("err = %v, want a fault that names the setting", err)
			}
		})
	}
}

// Auth0 counts the requests of a second, and a storm of deletions needs many. The tenant and
// the ender go by one clock, which moves on while the ender waits for its turn.
func TestAnEnderKeepsWithinItsRateLimit(t *testing.T) {
	const perSecond, persons = 4, 24
	clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	tenant := startEnderTenant(t, clock.Now, "read:refresh_tokens", "delete:refresh_tokens")
	tenant.SetFaults(auth0test.Faults{Protection: auth0test.Protection{ManagementPerSecond: perSecond}})
	config := configFor(t, tenant.URL())
	config.Ender = auth0.SessionEnderConfig{ClientID: "ender", ClientSecret: settings.NewSecret(enderSecret), PerSecond: perSecond}
	ender := auth0.NewSessionEnder(upstream.New(upstream.Options{Name: "auth0", RootCAs: tenant.CertPool(), Now: clock.Now}), config, clock.Now)
	ender.WaitBy(func(_ context.Context, d time.Duration) error {
		clock.Advance(d)
		return nil
	})
	began := clock.Now()
	for n := range persons {
		person := fmt.Sprint("auth0|", n)
		refresh := tenant.OpenSession(clientID, person, began.Add(-time.Hour))
		if err := ender.End(t.Context(), person, began); err != nil || tenant.IsAlive(refresh) {
			t.Fatalf("%s: %v; the session lives: %t", person, err, tenant.IsAlive(refresh))
		}
	}
	// Two requests for each person, and one for the token of all.
	if took, least := clock.Now().Sub(began).Round(time.Millisecond), 2*persons*time.Second/perSecond; took != least {
		t.Errorf("it took %s, want %s: neither faster than allowed nor slower", took, least)
	}
}
