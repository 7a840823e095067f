package auth0test

import (
	"cmp"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// The bounds of setUserByConnection (Auth0 docs, "Custom Token Exchange").
const (
	maxConnectionName = 512
	maxUserAttributes = 24
)

// tokenExchangeGrant serves Custom Token Exchange (RFC 8693; Auth0 docs of
// that name): the Action of the subject token's type says whose session it is.
func (s *Server) tokenExchangeGrant(c *call, client *Client) (answer, error) {
	if !client.TokenExchange || client.legacy || client.thirdParty {
		return answer{}, refuse(http.StatusForbidden, "unauthorized_client", fmt.Sprintf("Grant type '%s' not allowed for the client.", GrantTokenExchange))
	}
	if err := s.attacks.limitExchanges(c); err != nil {
		return answer{}, err
	}
	profile, err := s.profile(c)
	if err != nil {
		return answer{}, err
	}
	a, scope, err := s.ask(c, client)
	if err != nil {
		return answer{}, err
	}
	if a.api != nil && a.api.asksConsent {
		return answer{}, refuse(http.StatusForbidden, "access_denied", "The API does not allow skipping user consent.")
	}
	if a.organization, err = s.requestedOrganization(c, client); err != nil {
		return answer{}, err
	}
	if err := s.attacks.admitExchange(c, s.protection(c, nil)); err != nil {
		return answer{}, err
	}
	if err := s.exchange(c, profile, &a); err != nil {
		return answer{}, err
	}
	if err := s.afterLogin(c, a); err != nil {
		return answer{}, err
	}
	refreshToken := ""
	if a.has("offline_access") {
		refreshToken = s.grants.newFamily(a, c.now)
	}
	return s.tokenAnswer(c, a, refreshToken, scope)
}

// profile finds the profile of the subject token's type. Auth0's words for an
// unknown one are not documented.
func (s *Server) profile(c *call) (*profile, error) {
	for _, param := range []string{"subject_token_type", "subject_token"} {
		if c.params[param] == "" {
			return nil, missing(param)
		}
	}
	p, ok := s.exchangeProfile(c.params["subject_token_type"])
	if !ok {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "No token exchange profile for this subject_token_type.")
	}
	return p, nil
}

// requestedOrganization returns nil if none is asked for.
func (s *Server) requestedOrganization(c *call, client *Client) (*Organization, error) {
	name := c.params["organization"]
	if name == "" {
		return nil, nil
	}
	if !client.Organizations {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "parameter organization is not allowed for this client")
	}
	return s.organization(name)
}

func (s *Server) organization(idOrName string) (*Organization, error) {
	i := slices.IndexFunc(s.organizations, func(o Organization) bool { return o.ID == idOrName || o.Name == idOrName })
	if i < 0 {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "parameter organization is invalid")
	}
	return &s.organizations[i], nil
}

// exchange has the Action decide, and does what it decided. Only a subject
// token that it rejects counts as an attack.
func (s *Server) exchange(c *call, p *profile, a *access) error {
	outcome := s.runAction(c, p, a)
	if outcome.Kind == scripthost.TokenRejected {
		s.attacks.rejectedToken(c)
	}
	if err := c.actionRefusal(outcome); err != nil {
		return err
	}
	var err error
	if outcome.Organization != "" {
		if a.organization, err = s.organization(outcome.Organization); err != nil {
			return err
		}
	}
	if a.user, err = s.setUser(c, a.client, outcome.User); err != nil {
		return err
	}
	if a.user.Blocked {
		return c.unauthorized(textUserBlocked)
	}
	if a.organization != nil && !slices.Contains(a.organization.Members, a.user.ID) {
		return refuse(http.StatusForbidden, "access_denied", fmt.Sprintf("user %s is not part of the %s organization", a.user.ID, a.organization.ID))
	}
	return nil
}

// runAction runs on when the caller leaves, as a Login script does.
func (s *Server) runAction(c *call, p *profile, a *access) scripthost.Outcome {
	if p.script == nil {
		return scripthost.Outcome{Kind: scripthost.Failed, Message: "nothing that can run is deployed"}
	}
	began := s.now()
	outcome := s.scripts.Exchange(s.running, p.script, s.event(c, p, a))
	s.tell(Exchange{
		Kind:     Action,
		Time:     began,
		Duration: outcome.Duration,
		ClientID: c.seen.ClientID,
		Outcome:  outcome.Kind,
		Notes:    outcome.Notes,
	})
	return outcome
}

// event is the Action's first argument (Auth0 docs, "custom-token-exchange
// Event Object"), without geoip, because loopback has none.
func (s *Server) event(c *call, p *profile, a *access) map[string]any {
	event := map[string]any{
		"secrets": p.secrets,
		"client":  map[string]any{"client_id": a.client.ID, "name": a.client.Name, "metadata": map[string]any{}},
		"request": map[string]any{
			"body": c.params, "geoip": map[string]any{}, "hostname": s.domain, "ip": c.seen.ClientIP,
			"method": c.Method, "user_agent": c.UserAgent(),
		},
		"tenant": map[string]any{"id": "emulator"},
		"transaction": map[string]any{
			"requested_scopes":     strings.Fields(c.params["scope"]),
			"requested_token_type": cmp.Or(c.params["requested_token_type"], tokenTypeAccessToken),
			"subject_token":        c.params["subject_token"],
			"subject_token_type":   c.params["subject_token_type"],
		},
	}
	if a.api != nil {
		event["resource_server"] = map[string]any{"identifier": a.api.Identifier}
	}
	if o := a.organization; o != nil {
		event["organization"] = map[string]any{"id": o.ID, "name": o.Name, "display_name": o.Name, "metadata": map[string]any{}}
	}
	return event
}

// actionRefusal is the one table from an Action's outcome to HTTP; nil means
// there is a user. The two rows of api.access are documented (Auth0 docs,
// "Custom Token Exchange"); an example there says that an Action that throws is
// a server error. The others are guesses.
func (c *call) actionRefusal(o scripthost.Outcome) error {
	switch o.Kind {
	case scripthost.UserSet:
		return nil
	case scripthost.TokenRejected:
		return refuse(http.StatusBadRequest, "invalid_request", o.Message)
	case scripthost.Denied:
		if o.Code == "server_error" {
			return refuse(http.StatusInternalServerError, o.Code, o.Message)
		}
		return refuse(http.StatusBadRequest, cmp.Or(o.Code, "invalid_request"), o.Message)
	case scripthost.NoUser, scripthost.ManyUsers:
		return refuse(http.StatusInternalServerError, "server_error", o.Message)
	case scripthost.NeverCalled, scripthost.TimedOut:
		return refuse(http.StatusServiceUnavailable, "server_error", "The Action did not end in time.")
	}
	return refuse(http.StatusInternalServerError, "server_error", "The Action failed.") // the reason is in Exchange.Outcome and in the log
}

// setUser finds, changes or makes the user that the Action names.
func (s *Server) setUser(c *call, client *Client, set scripthost.SetUser) (User, error) {
	if set.Connection == "" {
		user, ok := s.users.seen(set.ID, c.now)
		if !ok {
			return User{}, c.missingUser()
		}
		return user, nil
	}
	conn, ok := s.connection(set.Connection)
	userID, isText := set.Attributes["user_id"].(string)
	switch {
	case len(set.Connection) > maxConnectionName, !ok, !slices.Contains(client.Connections, set.Connection):
		return User{}, refuse(http.StatusBadRequest, "invalid_request", "The connection is not enabled for the client.")
	case conn.ImportMode:
		return User{}, refuse(http.StatusBadRequest, "invalid_request", "The connection imports users, which setUserByConnection does not support.")
	case !isText || userID == "" || len(set.Attributes) > maxUserAttributes:
		return User{}, refuse(http.StatusBadRequest, "invalid_request", "The user has more than 24 attributes, or no user_id.")
	}
	return s.setUserOf(c, conn, userID, set)
}

// setUserOf keeps the rules of creationBehavior and updateBehavior. Without the
// first the user is created, as the reference says; without the second nothing
// is changed.
func (s *Server) setUserOf(c *call, conn *connection, userID string, set scripthost.SetUser) (User, error) {
	profile := profileOf(set.Attributes)
	user, exists := s.users.find("auth0|" + userID)
	switch {
	case !exists && set.Options.CreationBehavior == "none":
		return User{}, c.missingUser()
	case !exists && profile["email"] == nil:
		return User{}, refuse(http.StatusBadRequest, "invalid_request", "The user has no email, which the connection identifies users by.")
	case exists && set.Options.UpdateBehavior != "replace":
		profile = user.Profile
	case exists && !sameIdentifiers(user.Profile, profile):
		return User{}, refuse(http.StatusBadRequest, "invalid_request", "The user's identifiers cannot be changed.")
	}
	return s.users.login(conn.Name, userID, profile, c.now), nil
}

// missingUser is the answer for a user who does not exist; it is not
// documented.
func (c *call) missingUser() error {
	if c.faults.Variants.MissingUserDenied {
		return refuse(http.StatusForbidden, "access_denied", textNoSuchUser)
	}
	return refuse(http.StatusBadRequest, "invalid_request", textNoSuchUser)
}

// profileOf keeps only the attributes that a stored profile has.
func profileOf(attributes map[string]any) map[string]any {
	profile := make(map[string]any)
	for name, value := range attributes {
		if name != "user_id" && name != "verify_email" && value != nil {
			profile[name] = value
		}
	}
	return profile
}

// sameIdentifiers reports whether the attributes that an Action cannot change
// are the same.
func sameIdentifiers(a, b map[string]any) bool {
	return !slices.ContainsFunc([]string{"email", "email_verified", "username", "phone_number", "phone_verified"}, func(name string) bool {
		return !reflect.DeepEqual(a[name], b[name])
	})
}
