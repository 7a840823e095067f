package domain

import (
	"net/netip"
	"time"
)

// Grant is everything an issuer may need to open a session: the proven identity,
// the token that proved it, what the session is for, and who is calling.
type Grant struct {
	Identity Identity
	Token    PasskeyToken
	Access   Access
	Client   Client
}

// ShortLife is what an access token must live longer than, for the credentials managers of
// Auth0's SDKs to keep it (minTTL of Auth0.swift 3 and Auth0.Android 4, 60 s by default). They
// renew a token that lives no longer, and throw the answer away if its token does not either:
// with rotation, the session is lost then.
const ShortLife = time.Minute

// Client is the caller of an exchange, as far as the bridge itself knows it.
type Client struct {
	// Addr is the app's address. It is zero when not known for certain, and then
	// no address is passed on.
	Addr netip.Addr
	// UserAgent and RequestID are the caller's words: bounded and printable, but
	// never to be trusted.
	UserAgent string
	RequestID string
}

// Session is what the issuer opened: its own tokens, passed on as they are.
type Session struct {
	// Subject is that of the ID token, which the issuer verified, written as the
	// authority of Identity writes it.
	Subject string
	// AuthenticatedAt is when the person signed in, by the issuer's clock and in whole
	// seconds: the ID token's auth_time. It is zero if the issuer does not tell.
	AuthenticatedAt time.Time

	AccessToken  Secret
	IDToken      Secret
	RefreshToken Secret // empty unless granted
	Scope        []string
	// ExpiresIn is the life of the access token from now, in whole seconds.
	ExpiresIn time.Duration
}

// Lineage is what is known of a session when it begins or is renewed: whose it is, since
// when, and which refresh token continues it.
type Lineage struct {
	// Subject is as in Identity.
	Subject string
	// Began is the earliest time at which the passkey ceremony of the sign-in can have
	// ended, by the clock of who vouches for the person. Zero means that it is not known.
	Began time.Time
	// From is the refresh token that the app has shown; zero when the session begins.
	From Secret
	// To is the refresh token that the app goes on with; zero if it has none.
	To Secret
}
