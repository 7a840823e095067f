package tenant

import (
	"context"
	"fmt"
	"slices"

	"github.com/auth0/go-auth0/v3/management/option"

	"nativebridge/domain"
)

// apiSettings are what must hold of the API that access tokens are for. An API that
// exists already keeps everything else.
func (s *Setup) apiSettings(now *state) []setting {
	list := []setting{
		is("skip_consent_for_verifiable_first_party_clients", true, "nobody can be asked for consent in this flow"),
	}
	if s.config.renews() {
		list = append(list, is("allow_offline_access", true, "offline_access is asked for: without this there is no refresh token"))
	}
	if scopes := s.config.apiScopes(); len(scopes) > 0 {
		list = append(list, scopeSetting(scopes))
	}
	if now.api == nil {
		list = append(list,
			is("name", s.config.Audience, "what the dashboard calls it"),
			is("signing_alg", "RS256", "your API checks tokens with Auth0's public keys"))
	}
	return list
}

// scopeSetting wants an API to define scopes, among others.
func scopeSetting(scopes []string) setting {
	return setting{
		path: "scopes", want: anys(scopes), why: "AUTH0_SCOPE or AUTH0_SCOPE_ALLOWED names them",
		holds: func(have any) bool { return subset(scopes, scopeNames(have)) },
		merges: func(have any) any {
			list, _ := have.([]any)
			for _, scope := range scopes {
				if !slices.Contains(scopeNames(have), scope) {
					list = append(list, map[string]any{"value": scope})
				}
			}
			return list
		},
	}
}

// scopeNames lists the scopes that an API defines.
func scopeNames(scopes any) []string {
	list, _ := scopes.([]any)
	var names []string
	for _, item := range list {
		scope, _ := item.(map[string]any)
		names = append(names, object(scope).text("value"))
	}
	return names
}

func (s *Setup) planAPI(now *state) domain.TenantStep {
	return stepOf("api", fmt.Sprintf("API %q", s.config.Audience), now.api, s.apiSettings(now))
}

// newAPI is the API as it is made.
func (s *Setup) newAPI(now *state) object {
	return patched(object{"identifier": s.config.Audience}, s.apiSettings(now))
}

func (s *Setup) applyAPI(ctx context.Context, now *state) error {
	if now.api == nil {
		_, err := s.management.api.ResourceServers.Create(ctx, nil, option.WithBodyProperties(s.newAPI(now)))
		return s.done("create the API", err)
	}
	wanted := s.apiSettings(now)
	_, err := s.management.api.ResourceServers.Update(ctx, now.api.text("id"), nil, option.WithBodyProperties(s.changed(now.api, wanted)))
	return s.done("change the API", err)
}

// apiRemarks tell what setup leaves as it is.
func (s *Setup) apiRemarks(now *state) []domain.Instruction {
	if algorithm := now.api.text("signing_alg"); now.api != nil && algorithm != "RS256" {
		return []domain.Instruction{{
			Where: fmt.Sprintf("dashboard, Applications, APIs, %s, Signing Algorithm", now.api.text("name")),
			What:  fmt.Sprintf("it signs with %s, and stays so", algorithm),
			Why:   "whoever checks such a token needs the API's secret",
		}}
	}
	return nil
}
