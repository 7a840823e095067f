package tenant

import (
	"context"
	"fmt"
	"slices"

	"github.com/auth0/go-auth0/v3/management/option"

	"nativebridge/domain"
)

// madeBy is the member of an application's metadata by which setup knows its own again.
const madeBy = "made_by"

const (
	grantPassword      = "password"
	grantPasswordRealm = "http://auth0.com/oauth/grant-type/password-realm"
	grantRefresh       = "refresh_token"
)

// deadCallback is a callback that nobody can own (RFC 2606, section 2). Auth0 wants one
// of every web application.
const deadCallback = "https://native-bridge.invalid/callback"

func (s *Setup) grants() []string {
	grants := []string{}
	if !s.config.exchanges() {
		grants = append(grants, grantPassword, grantPasswordRealm)
	}
	if s.config.renews() {
		grants = append(grants, grantRefresh)
	}
	return grants
}

// applicationSettings are what must hold of the bridge's application. What may also
// hold of one that is adopted is left to it, and remarked upon.
func (s *Setup) applicationSettings() []setting {
	adopted := s.choices.Adopt != ""
	list := []setting{
		is("client_metadata."+madeBy, "native-bridge setup", "setup knows its own application again by this"),
		is("app_type", "regular_web", "only an application with a secret may name the address of its users"),
		is("is_first_party", true, "a third party's application has no password grant"),
		is("oidc_conformant", true, "the older pipeline has other grants and other claims"),
		is("token_endpoint_auth_method", "client_secret_post", "the bridge sends its secret in the body"),
		is("is_token_endpoint_ip_header_trusted", true, "attack protection must count failures for the user's address, not for the bridge's"),
		is("jwt_configuration.alg", "RS256", "the bridge checks ID tokens with Auth0's public keys"),
		s.organizations(),
	}
	if adopted {
		list = append(list, includes("grant_types", s.grants(), "sessions are opened and renewed with these grants"))
	} else {
		list = append(list,
			exactly("grant_types", s.grants(), "sessions are opened and renewed with these grants, and nobody can use another"),
			exactly("callbacks", []string{deadCallback}, "a web application must have a callback, and nobody is to sign in there"))
	}
	if s.config.renews() {
		list = append(list, refreshSettings()...)
	}
	if s.config.exchanges() {
		list = append(list, includes("token_exchange.allow_any_profile_of_type", []string{"custom_authentication"}, "without it the application has no token exchange"))
	}
	return list
}

func (s *Setup) organizations() setting {
	if s.config.exchanges() && len(s.config.Organizations) > 0 {
		return setting{
			path: "organization_usage", want: "allow", why: "callers may ask for an organization",
			holds: func(have any) bool { return have == "allow" || have == "require" },
		}
	}
	return setting{
		path: "organization_usage", want: "deny", why: "no session of the bridge belongs to an organization",
		holds: func(have any) bool { return have == "deny" },
	}
}

// refreshSettings make a stolen refresh token betray itself. The times are Auth0's
// defaults ("Configure Refresh Token Expiration", auth0.com/docs).
func refreshSettings() []setting {
	positive := func(have any) bool { n, ok := have.(float64); return ok && n > 0 }
	return []setting{
		is("refresh_token.rotation_type", "rotating", "a stolen refresh token is found out when it is used twice"),
		is("refresh_token.expiration_type", "expiring", "rotation needs an end"),
		{path: "refresh_token.leeway", want: 60, holds: positive, why: "an app whose answer was lost may renew once more, within a minute"},
		{path: "refresh_token.token_lifetime", want: 2592000, holds: positive, why: "a session ends 30 days after the sign-in"},
		{path: "refresh_token.idle_token_lifetime", want: 1296000, holds: positive, why: "a session ends 15 days after its last renewal"},
	}
}

func (s *Setup) applicationName() string {
	if s.choices.Adopt != "" {
		return fmt.Sprintf("application %s", s.choices.Adopt)
	}
	return fmt.Sprintf("application %q", s.choices.Application)
}

func (s *Setup) planApplication(now *state) domain.TenantStep {
	return stepOf("application", s.applicationName(), now.application, s.applicationSettings())
}

// newApplication is the bridge's application as it is made.
func (s *Setup) newApplication() object {
	return patched(object{"name": s.choices.Application}, s.applicationSettings())
}

func (s *Setup) applyApplication(ctx context.Context, now *state) error {
	if now.application == nil {
		_, err := s.management.api.Clients.Create(ctx, nil, option.WithBodyProperties(s.newApplication()))
		return s.done("create the application", err)
	}
	changed := s.changed(now.application, s.applicationSettings())
	_, err := s.management.api.Clients.Update(ctx, now.application.text("client_id"), nil, option.WithBodyProperties(changed))
	return s.done("change the application", err)
}

// changed returns those members of o that differ, whole: Auth0 replaces each member.
func (s *Setup) changed(o object, wanted []setting) object {
	after, body := patched(o, wanted), object{}
	for name, value := range after {
		if !same(value, o[name]) {
			body[name] = value
		}
	}
	if configuration, ok := body["jwt_configuration"].(map[string]any); ok {
		delete(configuration, "secret_encoded") // is told, and may not be sent
	}
	return body
}

// done explains an error; nil stays nil.
func (s *Setup) done(doing string, err error) error {
	if err == nil {
		return nil
	}
	return s.management.explain(doing, err)
}

// applicationBlockers keep setup away from an application of somebody else.
func (s *Setup) applicationBlockers(now *state) []domain.Instruction {
	if now.application != nil || len(now.namesakes) == 0 {
		return nil
	}
	return []domain.Instruction{{
		Where: "--adopt " + now.namesakes[0].text("client_id"),
		What:  fmt.Sprintf("an application named %q exists that setup did not make: adopt it, or choose another --application", s.choices.Application),
		Why:   "the bridge's application must be its own: whoever has its secret can open sessions",
	}}
}

// applicationRemarks tell what an adopted application can do besides.
func (s *Setup) applicationRemarks(now *state) []domain.Instruction {
	if now.application == nil || s.choices.Adopt == "" {
		return nil
	}
	var remarks []domain.Instruction
	where := fmt.Sprintf("dashboard, Applications, %s", now.application.text("name"))
	for _, grant := range now.application.texts("grant_types") {
		if !slices.Contains(s.grants(), grant) {
			remarks = append(remarks, domain.Instruction{
				Where: where + ", Settings, Advanced Settings, Grant Types",
				What:  fmt.Sprintf("it also has the grant %s", grant),
				Why:   "the bridge lends this application's secret to whoever holds one of its refresh tokens, whichever way it was obtained",
			})
		}
	}
	for _, callback := range now.application.texts("callbacks") {
		if callback != deadCallback {
			remarks = append(remarks, domain.Instruction{
				Where: where + ", Settings, Allowed Callback URLs",
				What:  fmt.Sprintf("people can sign in on the web through it, at %s", callback),
				Why:   "the bridge should have an application of its own",
			})
		}
	}
	return remarks
}
