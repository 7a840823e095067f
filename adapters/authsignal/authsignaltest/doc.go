// Package authsignaltest emulates one Authsignal tenant on loopback: the
// Server API, the Client API that the browser and mobile SDKs speak, the
// Management API, and the connect host's get-user. It also has a Phone, a software device that goes
// through passkey ceremonies as those SDKs do.
//
// Passkeys are verified for real, with go-webauthn: challenge, origin, relying
// party, user verification and signature. Everything else follows Authsignal's
// public documentation and the sources of its SDKs. Where these are silent the
// behaviour is a knob, whose default is the form they suggest or, if they
// suggest none, the laxer one. The emulator is for tests and for trying things
// out: it listens on loopback only, keeps keys and people in memory and must
// never be linked into a product.
//
// One line makes a user with a passkey, another signs in:
//
//	phone := server.Phone(authsignaltest.IOS)
//	_, err := server.Enrol(ctx, phone, authsignaltest.User{ID: "auth0|jane"})
//	signedIn, err := phone.SignIn(ctx, "signInWithPasskey")
//
// # Endpoints
//
// Server API; the caller is the secret key, as user of HTTP Basic:
//
//	GET    /v1/authenticators                                     what the tenant offers
//	POST   /v1/validate
//	POST   /v1/users/{userId}/actions/{action}                    track
//	GET    /v1/users/{userId}/actions/{action}/{idempotencyKey}
//	PATCH  /v1/users/{userId}/actions/{action}/{idempotencyKey}
//	GET    /v1/users/{userId}/actions                             ?codes&state&fromDate
//	GET    /v1/users                                              ?username&email&phoneNumber&limit&lastEvaluatedUserId
//	GET    /v1/users/{userId}
//	PATCH  /v1/users/{userId}
//	DELETE /v1/users/{userId}
//	GET    /v1/users/{userId}/authenticators
//	DELETE /v1/users/{userId}/authenticators/{userAuthenticatorId}
//	POST   /v1/sessions
//	POST   /v1/sessions/validate
//	POST   /v1/sessions/refresh
//	POST   /v1/sessions/revoke
//	POST   /v1/sessions/user/revoke
//
// Management API; the caller is the Management API secret key, which is another
// one. "_" may stand for "-" in a path, as some pages of the documentation have it:
//
//	GET    /v1/management/tenant
//	PATCH  /v1/management/tenant
//	GET    /v1/management/authenticator-configurations
//	PATCH  /v1/management/authenticator-configurations/{authenticatorId}
//	GET    /v1/management/action-configurations
//	POST   /v1/management/action-configurations
//	GET    /v1/management/action-configurations/{actionCode}
//	PATCH  /v1/management/action-configurations/{actionCode}
//	DELETE /v1/management/action-configurations/{actionCode}
//	GET    /v1/management/action-configurations/{actionCode}/rules
//	POST   /v1/management/action-configurations/{actionCode}/rules
//	GET    /v1/management/action-configurations/{actionCode}/rules/{ruleId}
//	PATCH  /v1/management/action-configurations/{actionCode}/rules/{ruleId}
//	DELETE /v1/management/action-configurations/{actionCode}/rules/{ruleId}
//
// Connect host; the caller is the secret key:
//
//	POST   /get-user
//
// Client API; the caller is the tenant id, as user of HTTP Basic in any of
// three spellings, or a token as Bearer. Browsers of any origin are answered:
//
//	GET    /v1/client/public/{tenantId}/.well-known/jwks
//	POST   /v1/client/challenge
//	POST   /v1/client/user-authenticators/passkey/authentication-options
//	POST   /v1/client/verify/passkey
//	POST   /v1/client/user-authenticators/passkey/registration-options
//	POST   /v1/client/user-authenticators/passkey
//	GET    /v1/client/authenticators
//	GET    /v1/client/user-authenticators
//	GET    /v1/client/user-authenticators/passkey                 ?credentialId or ?credentialIds
//
// The challenge and the two options endpoints also exist with "/web" appended,
// which the browser SDK uses with cookies; no cookie is set, since its name is
// not public. One-time codes, magic links, push, security keys and the
// pre-built pages are not emulated.
//
// # The tenant's configuration
//
// What the Management API sets is what the other APIs go by: relying party,
// expected origins and user verification of passkey ceremonies, whether PASSKEY
// is active, the life of tokens, and per action its default outcome, its rules
// and its verification methods. An action comes to ALLOW, BLOCK or REVIEW when
// it is tracked, and also when a passkey was verified for it.
//
// Options.Empty starts a tenant as it is born; SetUpPasskey does what only the
// Portal can. PutAuthenticator adds another method with its vendor's
// credentials. Configuration returns everything, to compare two tenants. Which
// Management API requests came is in Exchanges; one of them is broken by a
// fault whose route is "/v1/management/*":
//
//	{"inject": [{"route": "/v1/management/*", "after": 3, "times": 1, "kind": "lost"}]}
//
// Value lists, custom data points, themes and message overrides are not
// emulated.
//
// # Knobs
//
// Options: Addr, Secret, ManagementSecret, TenantID, Empty, RPID, Origins,
// Actions, DefaultAction, RS256, Now, Observe. Later changes: AllowOrigin,
// SetUpPasskey, PutAuthenticator, RotateSecret, PutUser.
//
// Faults, which can be changed at any time and written as JSON:
//
//	badToken          how /validate answers a bad token: "200", "400", "401"
//	mismatch          how it answers another user or action: "200", "200-full", "400", "401", "ignored"
//	singleUse         a token works once; how /validate answers the second use: the same forms
//	unverified        how the Client API answers a failed ceremony: "400", "401", "200"
//	strictGetUser     /get-user refuses tokens of uncompleted challenges
//	allowIsValid      isValid is true for state ALLOW
//	trackState        state of newly tracked actions
//	audience          "aud" of tokens
//	omit              fields left out of /validate's 200 answers
//	replace           fields of them overridden
//	tokenSeconds      life of tokens
//	challengeSeconds  life of passkey challenges
//	unconfiguredAction  what becomes of actions not configured: "CHALLENGE", "ALLOW", "BLOCK", "REVIEW", "REFUSED"
//	useConfigures     the first use of an action configures it
//	facts             values of variables in the conditions of rules
//	userDeletion      what webhooks tell of it: "" (of each passkey), "user", "nothing"
//	serverKeyStatus   how the Management API refuses a Server API key: 403, 401
//	patchReplaces     a PATCH replaces the whole object
//	ignoredFields     members that the Management API does not store
//	hideCredentials   vendors' credentials are not read back
//	duplicateStatus   how an action is refused that exists: 400, 409, or 200 for replaced
//	allowedIPs        addresses that Server API keys may be used from; ipStatus for the others: 403, 401
//	inject            answers broken: route, after, times, delayMillis, kind, status, code, retryAfter
//
// The kinds of injected fault are "error" (401 unauthorized, 429 with or
// without Retry-After, 5xx, any code), "html", "hang", "reset", "lost",
// "truncated", "malformed" and "delay". For example, the second validation of
// every sign-in meets a rate limit:
//
//	{"inject": [{"route": "/v1/validate", "after": 1, "times": 1,
//	             "kind": "error", "status": 429, "retryAfter": "2"}]}
//
// TokenSpec describes single tokens for Mint: other states, methods, times,
// scopes and algorithms, tokens of another tenant, missing claims and fields.
// Flaws make a Phone's ceremonies fail. Webhook and SignWebhook make signed
// events. SendWebhooks has the tenant tell of passkeys that are made and deleted, and
// Deliver sends what is due, up to four times.
package authsignaltest
