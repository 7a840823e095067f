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

// LoginScriptVersion is the form of the signed proofs that LoginScript reads. A bridge and
// a Login script of different versions open no session with AUTH0_PROOF=signed.
const LoginScriptVersion = "v2"

// LoginScriptTimeout is the deadline that the Login script keeps for all its
// calls to Authsignal together. It must be the one written in login.js.
const LoginScriptTimeout = 4 * time.Second
