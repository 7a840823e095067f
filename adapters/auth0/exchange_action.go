package auth0

import (
	_ "embed"
	"time"
)

// ExchangeAction is the Action of the token exchange profile, for Auth0 to run
// ("Custom Token Exchange", auth0.com/docs).
//
//go:embed exchange.js
var ExchangeAction string

// ExchangeActionTimeout is the deadline that the Action keeps for all its calls
// to Authsignal together. It must be the one written in exchange.js.
const ExchangeActionTimeout = 4 * time.Second

// ActionSecrets returns what the Action needs in its secrets besides Authsignal's.
// CREATE_USERS_IN is not among them: whether users are made is the tenant's to say.
func (c Config) ActionSecrets() map[string]string {
	return map[string]string{"NATIVE_BRIDGE_CLIENT_ID": c.Client}
}
