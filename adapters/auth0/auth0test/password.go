package auth0test

import (
	"cmp"
	"net/http"
	"slices"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// passwordGrant serves both password grants. go-auth0 and the auth0 package up
// to 6.4 name the connection with password-realm, @auth0/auth0-auth-js with
// password and a realm beside it.
func (s *Server) passwordGrant(c *call, client *Client) (answer, error) {
	for _, param := range []string{"username", "password"} {
		if c.params[param] == "" {
			return answer{}, missing(param)
		}
	}
	if err := mayUsePasswords(c, client); err != nil {
		return answer{}, err
	}
	a, scope, err := s.ask(c, client)
	if err != nil {
		return answer{}, err
	}
	conn, err := s.realm(c, client)
	if err != nil {
		return answer{}, err
	}
	c.seen.Connection = conn.Name
	if conn.noPassword {
		return answer{}, refuse(http.StatusForbidden, "access_denied", "Password authentication is not enabled for the connection.")
	}
	if err := s.verification(c); err != nil {
		return answer{}, err
	}
	if a.user, err = s.signIn(c, conn); err != nil {
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

// mayUsePasswords refuses applications that Auth0 keeps from the password grants: those
// outside its OIDC pipeline, third-party ones, and those for organizations alone. The
// words are guesses.
func mayUsePasswords(c *call, client *Client) error {
	grant := c.params["grant_type"]
	switch {
	case client.legacy && grant == GrantPasswordRealm:
		return refuse(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: "+grant)
	case client.thirdParty:
		return refuse(http.StatusForbidden, "unauthorized_client", "Grant type '"+grant+"' not allowed for the client.")
	case client.requiresOrganization:
		return refuse(http.StatusBadRequest, "invalid_request", "parameter organization is required for this client")
	}
	return nil
}

// realm finds the connection to ask. Auth0's words are known for the first two
// refusals only.
func (s *Server) realm(c *call, client *Client) (*connection, error) {
	name := c.params["realm"]
	if c.params["grant_type"] == GrantPassword && (name == "" || c.faults.Variants.IgnoreRealm) {
		if name = s.defaultDirectory(); name == "" {
			return nil, refuse(http.StatusBadRequest, "invalid_request", textNoDefault)
		}
	}
	if name == "" {
		return nil, missing("realm")
	}
	conn, ok := s.connection(name)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "Unknown realm "+name+".")
	}
	if !slices.Contains(client.Connections, conn.Name) {
		return nil, refuse(http.StatusForbidden, "access_denied", "The connection is not enabled for the client.")
	}
	return conn, nil
}

// signIn has the password checked, unless the caller has used up its attempts.
func (s *Server) signIn(c *call, conn *connection) (User, error) {
	attempt := attempt{ip: c.seen.ClientIP, who: identifier{conn.Name, c.params["username"]}}
	if err := s.attacks.admit(c, attempt, s.protection(c, conn)); err != nil {
		return User{}, err
	}
	user, refused, err := s.checkPassword(c, conn, attempt.who)
	if refused {
		s.attacks.failed(c, attempt)
	}
	if err != nil {
		return User{}, err
	}
	s.attacks.succeeded(attempt)
	if user.Blocked {
		return User{}, c.unauthorized(textUserBlocked)
	}
	return user, nil
}

// checkPassword asks the Login script, or with import mode the tenant's own
// store first. It reports separately whether the password was refused, because
// nothing else counts as an attack.
func (s *Server) checkPassword(c *call, conn *connection, who identifier) (user User, refused bool, err error) {
	password := c.params["password"]
	if conn.ImportMode {
		if user, right, imported := s.users.importedLogin(who, password, c.now); imported {
			if !right {
				return User{}, true, wrongPassword()
			}
			return user, false, nil
		}
	}
	if conn.ownStore { // which is empty but for what was imported
		return User{}, true, wrongPassword()
	}
	outcome := s.runLoginScript(c, conn, scripthost.Login{
		Identifier:    who.username,
		Password:      password,
		Configuration: conn.Configuration,
		Context:       conn.ScriptContext,
	})
	if err := c.scriptRefusal(outcome); err != nil {
		return User{}, outcome.Kind == scripthost.Refused, err
	}
	userID, profile, ok := decodeProfile(outcome.Profile)
	if !ok {
		return User{}, false, c.scriptFailure("The Login script returned a profile without a user_id that is a string.")
	}
	if email, _ := profile["email"].(string); email == "" && c.faults.Variants.RequireEmail {
		return User{}, false, c.scriptFailure("The Login script returned a profile without an email.")
	}
	user = s.users.login(conn.Name, userID, profile, c.now)
	if conn.ImportMode {
		s.users.importUser(who, password, user.ID)
	}
	return user, false, nil
}

// runLoginScript runs on when the caller leaves, as it does at Auth0, but not
// when the server closes.
func (s *Server) runLoginScript(c *call, conn *connection, login scripthost.Login) scripthost.Outcome {
	if conn.scriptFault != "" {
		return scripthost.Outcome{Kind: scripthost.Failed, Message: "Sandbox Error: " + conn.scriptFault}
	}
	if conn.script == nil {
		return scripthost.Outcome{Kind: scripthost.Failed, Message: "Sandbox Error: Please implement the Login script for this database connection"}
	}
	began := s.now()
	outcome := s.scripts.Login(s.running, conn.script, login)
	s.tell(Exchange{
		Kind:       LoginScript,
		Time:       began,
		Duration:   outcome.Duration,
		ClientID:   c.seen.ClientID,
		Connection: conn.Name,
		Outcome:    outcome.Kind,
		Notes:      outcome.Notes,
	})
	return outcome
}

// scriptRefusal is the one table from a script's outcome to HTTP; nil means
// there is a profile. Auth0 documents its answer to none of the failures (docs:
// Custom Database Error Handling shows the log side only).
func (c *call) scriptRefusal(o scripthost.Outcome) error {
	switch o.Kind {
	case scripthost.Profile:
		return nil
	case scripthost.NoProfile:
		return wrongPassword()
	case scripthost.Refused:
		if c.faults.Variants.ScriptMessage && o.Message != "" {
			return refuse(http.StatusForbidden, "invalid_grant", o.Message)
		}
		return wrongPassword()
	case scripthost.Unauthorized:
		return c.unauthorized(o.Message)
	case scripthost.NeverCalled, scripthost.TimedOut: // a 5xx; which one is a guess
		return refuse(http.StatusServiceUnavailable, "server_error", cmp.Or(o.Message, "The Login script did not call back in time."))
	case scripthost.BadProfile:
		return c.scriptFailure(cmp.Or(o.Message, "The Login script returned a profile that is no object."))
	case scripthost.Invalid, scripthost.Failed, scripthost.Threw, scripthost.Rejected, scripthost.Uncaught, scripthost.Unsupported:
		return c.scriptFailure(cmp.Or(o.Message, "The Login script failed."))
	}
	return c.scriptFailure("The Login script ended as " + string(o.Kind) + ".")
}

func (c *call) scriptFailure(message string) error {
	switch c.faults.Variants.ScriptFailure {
	case ScriptServerError:
		return refuse(http.StatusInternalServerError, "server_error", message)
	case ScriptInvalidRequest:
		return refuse(http.StatusBadRequest, "invalid_request", message)
	}
	return refuse(http.StatusForbidden, "access_denied", message)
}

func (c *call) unauthorized(message string) error {
	if c.faults.Variants.Unauthorized400 {
		return refuse(http.StatusBadRequest, "unauthorized", message)
	}
	return refuse(http.StatusUnauthorized, "unauthorized", message)
}
