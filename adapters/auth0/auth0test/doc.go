// Package auth0test emulates the part of an Auth0 tenant that a bridge needs:
// it opens sessions with the password grants, asking the Login script of a
// custom database connection, and with Custom Token Exchange, asking an Action,
// renews and ends them, and goes wrong on request.
//
// It answers on loopback only, makes new keys at every start and keeps all it
// knows in memory: it is for tests and for trying things out, and no product
// may link it. Auth0's SDKs work with it unchanged once they trust
// [Server.CAPEM]: their domain is [Server.Domain]. That was tried with the npm
// packages auth0 6.4.0 and @auth0/auth0-auth-js 1.16.0, and for the Management API with
// auth0 7.1.0, auth0-deploy-cli 8.44.0 and go-auth0 3.0.0.
//
// # Endpoints
//
//	GET  /.well-known/openid-configuration
//	GET  /.well-known/jwks.json  the key in use is neither the only nor the first one
//	POST /oauth/token            form or JSON; client secret in the body or by Basic
//	       password                                          with a realm, or Options.DefaultDirectory
//	       http://auth0.com/oauth/grant-type/password-realm
//	       refresh_token                                     rotation, leeway, reuse detection
//	       urn:ietf:params:oauth:grant-type:token-exchange   profiles, organizations
//	       client_credentials                                tokens for the Management API
//	POST /oauth/revoke           form or JSON
//	GET  /userinfo
//	*    /api/v2/...             the Management API, see below
//
// Unknown parameters and a DPoP header are ignored; so is an organization
// outside token exchange. There is no /authorize, no MFA continuation, no
// client assertion, no actor token and no mTLS; sub is always "auth0|" and the
// user_id of the script, as it stands.
//
// # Scripts
//
// Login scripts and Actions really run, in the engine of package scripthost. One
// that the engine does not parse is refused by [Start], [Server.StoreScript] and
// [Server.StoreAction]. One that uses what the host lacks fails when it does, as
// [scripthost.Unsupported], so that it cannot look like a wrong password.
// Only a password that the script refuses, and a subject token that the Action
// rejects, counts as an attack: failures do not. One that does not end is
// stopped after Auth0's limit of 20 s, and the answer is a 5xx;
// [Options.ScriptHost] can set a shorter limit.
//
// # The Management API
//
// It changes the same tenant that the authentication API obeys, so that a sign-in
// works or fails by what was set up. An empty tenant is one whose [Options] have a
// single [Client] with Management scopes ([ManagementScopes] has all of them). Served
// are clients, client grants, connections and their clients, resource servers,
// Actions and their bindings, token-exchange profiles, tenant settings, MFA policies,
// attack protection, rate-limit policies, user blocks, logs, signing keys and the names
// of custom domains. The forms of the answers are those that Auth0's Terraform provider
// has recorded.
//
// It is as awkward as Auth0's:
//
//   - The scope is looked at for each call. Without read:connections_options a
//     connection has no options, and without read:client_keys a client no secret.
//
//   - options.configuration comes back as ciphertext, another one for each write. What
//     is sent is the value, also when it is ciphertext.
//
//   - A PATCH of a connection replaces options as a whole, sets display_name back to
//     the name unless it is sent, and refuses enabled_clients. On create that is
//     ignored.
//
//   - PATCH /connections/{id}/clients takes a bare list of at most 50.
//
//   - Names of connections are unique, and stay taken for a few calls after a DELETE,
//     which is answered with 202. Names of clients are not unique.
//
//   - What a new client leaves out gets Auth0's defaults: not OIDC conformant, no
//     password grant, ID tokens signed with HS256. grant_types is replaced.
//
//   - An Action is deployed only when it is built, which takes a few looks at it
//     ([Options.ActionBuildReads]); a change of it runs after the next deployment.
//
//   - Members that Auth0's API does not describe are refused, but not within options.
//
//   - GET /logs understands of the query q only terms with AND between them, and refuses
//     the rest. An entry is there at once; Auth0's take a while.
//
// These are guesses: the words of a refusal that no recording has; that PATCH of a
// client merges client_metadata, jwt_configuration and refresh_token; that a Login
// script which the engine does not parse is stored, and fails each sign-in; what the
// authentication API answers when oidc_conformant or is_first_party is false, when
// organization_usage is require, when a connection's password method is off, and when
// an API of a token exchange asks for consent. [Variants.KeepConfiguration] and
// [Variants.LesserPlan] are switches for two more. [Protection.AsSettings] has the
// limits follow the tenant's attack protection. An
// Action bound to post-login runs, and may deny, ask for MFA or fail; the claims that it
// sets are dropped. These are stored and have no effect: adaptive MFA, breached-password detection, bot detection
// other than "always", and address ranges in an allow-list.
//
// [Fault] strikes here as [AtManagement], before a call takes effect or, with After,
// when only the answer is lost. [Server.Exchanges] lists the calls, and
// [Options.ObserveManagement] is told their bodies.
//
// # Switches
//
// [Server.SetFaults] takes everything that can be switched at run time, in Go
// or as JSON:
//
//   - [Fault]: what goes wrong, at which [Endpoint], for which grant, after how
//     many good requests and how many times. [FaultKind] lists the kinds: Auth0's
//     refusals, trouble on the wire, spoilt answers, ID tokens that must not be
//     believed.
//   - [Variants]: the form of answers that are not documented.
//   - [Protection]: attack protection and rate limits that really count.
//
// Beside these, [Server.CreateUser], [Server.BlockUser], [Server.DeleteUser],
// [Server.RotateKeys], [Server.StoreScript] and [Server.StoreAction] change the
// tenant, and [Client] and [Connection] hold what an operator may get wrong: a
// grant type, a connection or token exchange that is not enabled, import mode, an
// address header that is not trusted.
//
// # What is not known of the real thing
//
// Where [Variants] has a switch, both forms are emulated, and the zero value is
// the likelier one: the answer to a script that fails
// ([Variants.ScriptFailure]) or refuses with words of its own
// ([Variants.ScriptMessage]), the status of a blocked user, the error of a
// wrong client secret, whether the grant password uses a realm, whether an
// email is needed, whether there is a sid, the answer to an Action that sets a
// user who does not exist. The status of any injected answer can be set;
// the documents give two for mfa_required and none for requires_verification.
//
// These are guesses without a switch: the words for a connection that is not
// enabled for the client; that callback() without a profile is a wrong password;
// that a failed script is no attack; which 5xx follows a script that does not end; the answer to too many sign-ins of one
// user; that a refresh leaves out scopes it cannot give; gty of a refreshed
// access token, and of one from a token exchange; every error about an
// organization, a profile or a connection that an Action names; that setUserByConnection creates users unless it is told not to.
// There is no limit to a password's length, and whether Auth0 has one is unknown:
// inject invalid_request to see what would happen.
package auth0test
