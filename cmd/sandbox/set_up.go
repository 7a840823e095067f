package main

import (
	"context"
	"fmt"

	auth0 "nativebridge/adapters/auth0/tenant"
	authsignal "nativebridge/adapters/authsignal/tenant"
	"nativebridge/app"
	"nativebridge/domain"
	"nativebridge/ports"
)

// setUp does to the emulated tenants what 'native-bridge setup' does to real ones.
func (s *sandbox) setUp(ctx context.Context) error {
	setups := []func(context.Context) (ports.TenantSetup, error){s.setUpAuthsignal}
	if !s.hasProvider() {
		setups = append(setups, s.setUpAuth0)
	}
	watcher := app.Watcher{
		Agree: func(domain.TenantPlan) bool { return true },
		Begin: func(domain.TenantStep) {},
		End:   func(domain.TenantStep, error) {},
	}
	for _, open := range setups {
		setup, err := open(ctx)
		if err != nil {
			return err
		}
		uc := app.SetUpTenant{Setup: setup}
		if plan, err := uc.Execute(ctx, watcher); err != nil {
			return fmt.Errorf("set the tenant %s up: %w %v", plan.Tenant, err, plan.Blockers)
		}
	}
	return nil
}

func (s *sandbox) setUpAuthsignal(context.Context) (ports.TenantSetup, error) {
	access, wanted, err := authsignal.Load(s.settings)
	if err != nil {
		return nil, err
	}
	management, err := authsignal.Connect(access, authsignal.Options{})
	if err != nil {
		return nil, err
	}
	wanted.RelyingParty = s.reach.relyingParty()
	return authsignal.NewSetup(management, wanted)
}

func (s *sandbox) setUpAuth0(ctx context.Context) (ports.TenantSetup, error) {
	config, err := auth0.Load(s.settings)
	if err != nil {
		return nil, err
	}
	access, err := auth0.LoadAccess(s.settings, config.Domain)
	if err != nil {
		return nil, err
	}
	management, err := auth0.Connect(ctx, access, auth0.Options{RootCAs: s.rootCAs()})
	if err != nil {
		return nil, err
	}
	return auth0.NewSetup(management, config, auth0.Choices{Adopt: clientID, Application: clientID, CreateUsersIn: s.config.Auth0.Connection}), nil
}
