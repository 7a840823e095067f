package doctor

import (
	"context"

	"nativebridge/adapters"
	auth0 "nativebridge/adapters/auth0/tenant"
	authsignal "nativebridge/adapters/authsignal/tenant"
	"nativebridge/adapters/internal/checks"
	"nativebridge/domain"
	"nativebridge/ports"
)

// atAuthsignal returns the probe of the Authsignal tenant by its Management API; none
// if the bridge does not use Authsignal.
func atAuthsignal(environ map[string]string, run adapters.Runtime) []ports.Probe {
	if !adapters.Chooses(environ, "authsignal") {
		return nil
	}
	access, wanted, fault := authsignal.LoadForDoctor(environ)
	connect := func() (*authsignal.Management, error) {
		if access.Key.IsZero() {
			return nil, authsignal.ErrNoKey
		}
		return authsignal.Connect(access, authsignal.Options{RootCAs: run.RootCAs, Now: run.Now})
	}
	return faultlessOnly(fault, authsignal.NewProbe(connect, wanted, environ["RELYING_PARTY_ID"]), run)
}

// atAuth0 returns the probe of the Auth0 tenant by its Management API; none if the
// bridge has another issuer.
func atAuth0(environ map[string]string, run adapters.Runtime) []ports.Probe {
	if !adapters.Chooses(environ, "auth0") && !adapters.Chooses(environ, "auth0-token-exchange") {
		return nil
	}
	config, fault := auth0.Load(environ)
	connect := func(ctx context.Context) (*auth0.Management, error) {
		access, err := auth0.LoadAccess(environ, config.Domain)
		switch {
		case err != nil:
			return nil, err
		case !access.Given():
			return nil, auth0.ErrNoAccess
		}
		return auth0.Connect(ctx, access, auth0.Options{RootCAs: run.RootCAs, Now: run.Now})
	}
	return faultlessOnly(fault, auth0.NewProbe(connect, config, environ["AUTH0_CLIENT_ID"]), run)
}

// faultlessOnly returns the probe, or if its settings have a fault one that makes none of
// its checks.
func faultlessOnly(fault error, probe ports.Probe, run adapters.Runtime) []ports.Probe {
	if fault != nil {
		return []ports.Probe{checks.NotMade(probe.Checks(), adapters.Faultless)}
	}
	return []ports.Probe{adapters.DecorateProbe(probe, run.Log)}
}

// managementChecks lists the checks that need a management API.
func managementChecks() []domain.Check {
	nobody := func() (*authsignal.Management, error) { return nil, authsignal.ErrNoKey }
	return append(authsignal.NewProbe(nobody, authsignal.Wanted{}, "").Checks(), auth0.AllChecks()...)
}
