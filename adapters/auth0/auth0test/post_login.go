package auth0test

import (
	"net/http"
	"strings"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// afterLogin is what comes after somebody is authenticated, at a sign-in and at a
// refresh, and before anything is issued: the MFA policy, the Actions bound to
// post-login in their order, and injected faults that stand for them.
func (s *Server) afterLogin(c *call, a access) error {
	if c.params["grant_type"] != GrantRefreshToken {
		if err := s.challenge(c); err != nil {
			return err
		}
	}
	for _, action := range s.boundActions() {
		if err := s.runPostLogin(c, a, action); err != nil {
			return err
		}
	}
	return c.afterLogin()
}

// boundActions are the deployed versions of the Actions bound to post-login.
func (s *Server) boundActions() []*deployedAction {
	t := s.tenant
	t.mu.RLock()
	defer t.mu.RUnlock()
	var bound []*deployedAction
	for _, b := range t.bindings[triggerPostLogin] {
		if action, ok := t.action(b.action); ok && action.deployed != nil {
			bound = append(bound, action.deployed)
		}
	}
	return bound
}

// runPostLogin runs one Action. What Auth0 answers to one that fails, or that redirects
// where there is no browser, is not documented.
func (s *Server) runPostLogin(c *call, a access, action *deployedAction) error {
	outcome := scripthost.Outcome{Kind: scripthost.Failed}
	if action.script != nil {
		began := s.now()
		outcome = s.scripts.PostLogin(s.running, action.script, s.loginEvent(c, a, action.secrets))
		s.tell(Exchange{Kind: Action, Time: began, Duration: outcome.Duration, ClientID: c.seen.ClientID, Outcome: outcome.Kind, Notes: outcome.Notes})
	}
	switch outcome.Kind {
	case scripthost.Continued:
		return nil
	case scripthost.Denied:
		return refuse(http.StatusForbidden, "access_denied", outcome.Message)
	case scripthost.FactorAsked:
		return Fault{Kind: MFARequired}.refusal(c.now)
	case scripthost.Redirected:
		return refuse(http.StatusForbidden, "access_denied", "The Action redirects, and there is no browser.")
	}
	return refuse(http.StatusInternalServerError, "server_error", "The Action failed.")
}

// protocols are event.transaction.protocol by grant type (Auth0 docs: post-login event object).
var protocols = map[string]string{
	GrantPassword: "oauth2-password", GrantPasswordRealm: "oauth2-password", GrantRefreshToken: "oauth2-refresh-token",
	GrantTokenExchange: "oauth2-token-exchange",
}

// loginEvent is the Action's first argument, as far as it makes sense here.
func (s *Server) loginEvent(c *call, a access, secrets map[string]string) map[string]any {
	user := map[string]any{"app_metadata": map[string]any{}, "user_metadata": map[string]any{}}
	for name, value := range a.user.Profile {
		user[name] = value
	}
	user["user_id"] = a.user.ID
	event := map[string]any{
		"user": user, "secrets": secrets, "tenant": map[string]any{"id": "emulator"},
		"client":         map[string]any{"client_id": a.client.ID, "name": a.client.Name, "metadata": map[string]any{}},
		"connection":     map[string]any{"name": a.user.Connection, "strategy": "auth0"},
		"authentication": map[string]any{"methods": []any{}},
		"stats":          map[string]any{"logins_count": a.user.Logins},
		"request":        map[string]any{"ip": c.seen.ClientIP, "method": c.Method, "user_agent": c.UserAgent(), "hostname": s.domain, "query": map[string]any{}, "body": map[string]any{}, "geoip": map[string]any{}},
		"transaction": map[string]any{
			"protocol": protocols[c.params["grant_type"]], "requested_scopes": strings.Fields(c.params["scope"]), "acr_values": []any{}, "locale": "en",
		},
	}
	if a.api != nil {
		event["resource_server"] = map[string]any{"identifier": a.api.Identifier}
	}
	if o := a.organization; o != nil {
		event["organization"] = map[string]any{"id": o.ID, "name": o.Name}
	}
	return event
}
