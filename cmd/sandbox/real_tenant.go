package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"nativebridge/adapters"
	"nativebridge/adapters/authsignal/tenant"
)

// realTenant is what the sandbox knows of a tenant that it does not emulate.
type realTenant struct {
	file  string // the environment file that 'native-bridge setup' wrote
	enrol string // the user whom the page may give a passkey, though others can reach it; "" for nobody
}

// realScenario is the id of the only scenario of a real tenant.
const realScenario = "real_tenant"

// readTenant configures the bridge by the environment file in place of starting
// emulators.
func (s *sandbox) readTenant(ctx context.Context, environ map[string]string) error {
	settings, err := tenantSettings(s.real.file, environ)
	if err != nil {
		return err
	}
	s.settings = s.withPage(s.reach.withAddresses(settings))
	if s.config, err = adapters.LoadConfig(s.settings); err != nil {
		return err
	}
	if !slices.Contains(s.config.Verifiers, "authsignal") {
		return errors.New("IDENTITY_VERIFIER is not authsignal: the page signs in with Authsignal's SDK")
	}
	if user := s.real.enrol; user != "" {
		if s.real.enrol, err = s.userID(user); err != nil {
			return fmt.Errorf("--enrol: %w", err)
		}
	}
	s.tenantID, err = tenantID(ctx, settings)
	s.stage.id = realScenario
	return err
}

// tenantSettings are those of the file, completed by the environment. Where the bridge
// of the file is, and how it is stopped, does not matter here.
func tenantSettings(path string, environ map[string]string) (map[string]string, error) {
	content, err := os.ReadFile(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, fmt.Errorf("--tenant: %w", err)
	}
	settings, err := adapters.ParseEnv(string(content))
	if err != nil {
		return nil, fmt.Errorf("--tenant: %s: %w", path, err)
	}
	for _, name := range []string{"LISTEN_ADDR", "OPS_ADDR", "METRICS_ADDR", "DRAIN_DELAY", "PUBLIC_URL", "CORS_ORIGINS"} {
		delete(settings, name)
	}
	var differ []string
	for name, value := range environ {
		if saved := settings[name]; saved != "" && value != "" && saved != value {
			differ = append(differ, name)
		}
		if value != "" {
			settings[name] = value
		}
	}
	if len(differ) > 0 {
		slices.Sort(differ)
		return nil, fmt.Errorf("the environment has other values than %s of %s: unset them", path, strings.Join(differ, ", "))
	}
	return settings, nil
}

// tenantID returns what Authsignal's SDK names the tenant by. It is no secret, and none
// of the bridge's settings.
func tenantID(ctx context.Context, settings map[string]string) (string, error) {
	if id := settings["SANDBOX_AUTHSIGNAL_TENANT_ID"]; id != "" {
		return id, nil
	}
	if settings["AUTHSIGNAL_MANAGEMENT_SECRET"] == "" && settings["AUTHSIGNAL_MANAGEMENT_SECRET_FILE"] == "" {
		return "", errors.New("SANDBOX_AUTHSIGNAL_TENANT_ID is not set, and Authsignal's browser SDK needs it: 'native-bridge setup authsignal' writes it, and the Portal shows it (Settings, API keys)")
	}
	access, _, err := tenant.Load(settings)
	if err != nil {
		return "", err
	}
	management, err := tenant.Connect(access, tenant.Options{})
	if err != nil {
		return "", err
	}
	known, err := management.Settings(ctx)
	if err != nil {
		return "", fmt.Errorf("SANDBOX_AUTHSIGNAL_TENANT_ID is not set, and cannot be asked for: %w", err)
	}
	return known.ID, nil
}

// userID makes a whole id of a name, as the subject rule wants it, and refuses one that
// the bridge would refuse.
func (s *sandbox) userID(name string) (string, error) {
	id, rule := name, adapters.NewSignInPolicies(s.config)[0].Subjects
	if !strings.Contains(name, "|") {
		id = rule.Prefix + name
	}
	if !rule.Accepts(id) {
		return "", fmt.Errorf("%q is no user id that the bridge accepts: see AUTHSIGNAL_SUBJECTS, or OIDC_SUBJECT_PREFIX", id)
	}
	return id, nil
}

// realScenarios say what there is to see at a real tenant.
func realScenarios() []scenario {
	return []scenario{{
		ID: realScenario, Group: "No trouble", Title: "A real tenant",
		Story: "Nothing is emulated. Whoever creates a passkey here makes a user at Authsignal, or adds the passkey to one who is there; " +
			"whoever signs in opens a session at Auth0 and becomes a user there. Take a name made for this.",
		User:     "Is signed in after one touch.",
		App:      "Gets Auth0's own tokens from one request.",
		Operator: "Finds one audit line, and nothing in the log. If something is wrong, runs doctor.",
	}}
}

// tellTenant says where everything is, and what the page does there.
func (a account) tellTenant(s *sandbox) {
	auth := s.config.Authsignal
	a.say("Native Bridge sandbox at a real tenant: nothing is emulated\n")
	a.say("  settings    %s", s.real.file)
	a.say("  authsignal  %s, action %s", auth.APIURL, auth.Action)
	a.say("  issuer      %s (TOKEN_ISSUER=%s)", s.issuerURL(), s.config.Issuer)
	a.say("  bridge      %s (its probes: %s/readyz)", s.bridgeURL, s.opsURL)
	a.say(`
This is a real tenant. "Create a passkey" on the page makes a user at Authsignal, or adds
a passkey to the one who has the name; signing in makes the user at Auth0. Take a name
made for this, and stop the sandbox afterwards.
%s
Authsignal must let passkeys come from the page:
  native-bridge setup authsignal --env-file %s --rp-id %s --origin %s
`, s.whoIsEnrolled(), s.real.file, s.reach.relyingParty(), s.origin())
}

// issuerURL is that of the issuer that the settings choose.
func (s *sandbox) issuerURL() string {
	for _, choice := range adapters.Issuers() {
		if choice.Name == string(s.config.Issuer) {
			return choice.Config(&s.config).IssuerURL()
		}
	}
	return ""
}

// whoIsEnrolled says whom the page gives a passkey.
func (s *sandbox) whoIsEnrolled() string {
	switch {
	case s.reach.onlyHere():
		return "Only this machine can open it.\n"
	case s.real.enrol != "":
		return "Whoever opens it can add a passkey to " + s.real.enrol + ", and to nobody else.\n"
	}
	return "Others can open it, so it creates no passkey. --enrol USER allows it for one user.\n"
}

// origin is where the browser says that ceremonies on the page come from.
func (s *sandbox) origin() string {
	if own := s.ownURL(); own != "" {
		return own
	}
	return s.pageURL
}
