// Package oidctest emulates an OpenID provider that trusts a bridge: it opens
// sessions with the JWT bearer grant (RFC 7523), renews and ends them, and goes
// wrong on request.
//
// It answers on loopback only, makes new keys at every start and keeps all it
// knows in memory: it is for tests and for trying things out, and nothing that
// guards anything may link it.
//
// # Endpoints
//
//	GET  /.well-known/openid-configuration
//	GET  /keys
//	POST /token   urn:ietf:params:oauth:grant-type:jwt-bearer, and refresh_token with rotation
//	POST /revoke  unless Options.NoRevocation
//
// The client authenticates by client_secret_basic, by client_secret_post if
// [Options.SecretInBody], or by private_key_jwt if [Options.ClientKeys]; any
// other way is invalid_client. An assertion must be signed by a key of
// [Options.AssertionKeys], be for this issuer alone, live a minute at most and
// have a jti that was not seen before. Any subject is known until
// [Server.Forget]. A refresh token is given for the scope offline_access.
//
// # Faults
//
// [Server.SetFault] takes one [Fault], until the next. What the provider was
// asked is in [Server.Requests].
package oidctest
