// Package authsignaltest emulates one Authsignal tenant on loopback: the
// Server API, the Client API that the browser and mobile SDKs speak, and the
// connect host's get-user. It also has a Phone, a software device that goes
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
//	GET    /v1/client/user-authenticators
//	GET    /v1/client/user-authenticators/passkey                 ?credentialId or ?credentialIds
//
// The challenge and the two options endpoints also exist with "/web" appended,
// which the browser SDK uses with cookies; no cookie is set, since its name is
// not public. One-time codes, magic links, push, security keys and the
// pre-built pages are not emulated.
//
// # Knobs
//
// Options: Addr, Secret, TenantID, RPID, Origins, DefaultAction, RS256, Now,
// Observe. Later changes: AllowOrigin, RotateSecret, PutUser.
//
// Faults, which can be changed at any time and written as JSON:
//
//	badToken          how /validate tells a bad token: "200", "400", "401"
//	mismatch          and another user or action: "200", "200-full", "400", "401", "ignored"
//	singleUse         a token works once; how /validate tells the second use: the same forms
//	unverified        how the Client API tells a failed ceremony: "400", "401", "200"
//	strictGetUser     /get-user refuses tokens of challenges not completed
//	allowIsValid      isValid is true for state ALLOW
//	trackState        state of newly tracked actions
//	audience          "aud" of tokens
//	omit              fields left out of /validate's 200 answers
//	replace           fields of them overridden
//	tokenSeconds      life of tokens
//	challengeSeconds  life of passkey challenges
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
// events.
package authsignaltest
