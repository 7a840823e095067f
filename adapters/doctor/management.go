package doctor

import (
	"context"
	"errors"

	"nativebridge/adapters"
	auth0 "nativebridge/adapters/auth0/tenant"
	authsignal "nativebridge/adapters/authsignal/tenant"
	"nativebridge/domain"
	"nativebridge/ports"
)

// atAuthsignal returns the probe of the Authsignal tenant by its Management API; none
// if the bridge does not use Authsignal.
func atAuthsignal(environ map[string]string, run adapters.Runtime) []ports.Probe {
	if !adapters.Chooses(environ, "authsignal") {
		return nil
	}
	access, wanted, err := authsignal.LoadForDoctor(environ)
	connect := func() (*authsignal.Management, error) {
		switch {
		case err != nil:
			return nil, err
		case access.Key.IsZero():
			return nil, authsignal.ErrNoKey
		}
		return authsignal.Connect(access, authsignal.Options{RootCAs: run.RootCAs, Now: run.Now})
	}
	return []ports.Probe{adapters.DecorateProbe(authsignal.NewProbe(connect, wanted, environ["RELYING_PARTY_ID"]), run.Log)}
}

// atAuth0 returns the probe of the Auth0 tenant by its Management API; none if the
// bridge has another issuer.
func atAuth0(environ map[string]string, run adapters.Runtime) []ports.Probe {
	if !adapters.Chooses(environ, "auth0") && !adapters.Chooses(environ, "auth0-token-exchange") {
		return nil
	}
	config, err := auth0.Load(environ)
	connect := func(ctx context.Context) (*auth0.Management, error) {
		if err != nil {
			return nil, errors.Join(auth0.ErrNoAccess, errors.New("the configuration has a fault: see NB001"))
		}
		access, err := auth0.LoadAccess(environ, config.Domain)
		switch {
		case err != nil:
			return nil, err
		case !access.Given():
			return nil, auth0.ErrNoAccess
		}
		return auth0.Connect(ctx, access, auth0.Options{RootCAs: run.RootCAs, Now: run.Now})
	}
	return []ports.Probe{adapters.DecorateProbe(auth0.NewProbe(connect, config, environ["AUTH0_CLIENT_ID"]), run.Log)}
}

// managementChecks lists the checks that need a management API.
func managementChecks() []domain.Check {
	nobody := func() (*authsignal.Management, error) { return nil, authsignal.ErrNoKey }
	return append(authsignal.NewProbe(nobody, authsignal.Wanted{}, "").Checks(), auth0.AllChecks()...)
}
