package auth0

import (
	_ "embed"
	"time"
)

// LoginScript is the Login script of the custom database connection, for Auth0 to
// run ("Custom database connections", auth0.com/docs).
//
//go:embed login.js
var LoginScript string

// LoginScriptTimeout is the deadline that the Login script keeps for all its
// calls to Authsignal together. It must be the one written in login.js.
const LoginScriptTimeout = 4 * time.Second
