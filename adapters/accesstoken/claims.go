package accesstoken

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"nativebridge/adapters/internal/jws"
	"nativebridge/domain"
)

// profile is what kind of access token the header declares.
type profile int

const (
	profileRFC9068 profile = iota // typ at+jwt, which nothing else has
	profileJWT                    // typ JWT, which ID tokens have, too
)

func profileOf(signed jws.Token) (profile, error) {
	switch name, _ := signed.Type(); name {
	case "at+jwt":
		return profileRFC9068, nil
	case "jwt":
		return profileJWT, nil
	}
	return 0, invalid("its typ is neither at+jwt nor JWT")
}

// claims are those of a token whose signature is verified: the registered ones, those of
// access tokens, and the names of all.
type claims struct {
	jwt.Claims
	Scope     string `json:"scope"`
	ClientID  string `json:"client_id"` // RFC 9068
	Party     string `json:"azp"`       // Auth0's profile
	GrantType any    `json:"gty"`       // Auth0's, a text or a list of them
	all       map[string]any
}

// decode reads a payload. The decoder is strict, because two readers must not find different
// people in one token: it refuses a token with a duplicate member, at any depth, or with a
// claim of another form, and names are case-sensitive.
func decode(payload []byte) (claims, error) {
	var c claims
	if json.Unmarshal(payload, &c.all) != nil || json.Unmarshal(payload, &c) != nil {
		return claims{}, invalid("its claims are not those of an access token")
	}
	if strings.ContainsRune(c.Subject+c.Scope+c.ClientID+c.Party, utf8.RuneError) { // two people could become one
		return claims{}, invalid("one of its claims could not be decoded")
	}
	return c, nil
}

// checkRegistered checks the registered claims (RFC 7519, section 4.1; RFC 9068, section 4).
func (c claims) checkRegistered(issuer, audience string, now time.Time, skew time.Duration) error {
	expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}
	if err := c.ValidateWithLeeway(expected, skew); err != nil {
		return domain.WithSettings(invalid("its claims do not hold for the issuer %s and the audience %s: %w", issuer, audience, err),
			"ENROL_AUDIENCE, and which audience the app asks for")
	}
	switch {
	case c.Expiry == nil || c.IssuedAt == nil:
		return invalid("it has no exp or no iat")
	case c.Subject == "":
		return invalid("it has no sub")
	case !c.has("scope"):
		return invalid("it has no scope, so it is no access token")
	case c.ClientID != "" && c.Party != "" && c.ClientID != c.Party:
		return invalid("it names two clients")
	}
	return nil
}

func (c claims) has(name string) bool {
	_, found := c.all[name]
	return found
}

// client returns the client that the token was given to.
func (c claims) client() string {
	if c.ClientID != "" {
		return c.ClientID
	}
	return c.Party
}

// isApplications reports whether an application has the token for itself (Auth0's
// "client-credentials", in a text or a list; RFC 9068, section 2.2: its sub is the client).
func (c claims) isApplications() bool {
	const own = "client-credentials"
	grants, _ := c.GrantType.([]any)
	return c.GrantType == own || slices.Contains(grants, any(own)) || c.Subject == c.client()
}

// isIDToken reports whether a token that does not declare what it is may be an ID token
// (OpenID Connect Core 1.0, sections 2 and 3.3.2.11).
func (c claims) isIDToken(clientID string) bool {
	return slices.Contains(c.Audience, clientID) || c.has("nonce") || c.has("at_hash") || c.has("c_hash")
}

// maxTime bounds the times that are read: the end of the year 9999.
const maxTime = 253402300799

// time returns a claim that is a time in seconds since 1970 (RFC 7519, section 2,
// NumericDate), or zero if there is none.
func (c claims) time(name string) (time.Time, error) {
	if !c.has(name) {
		return time.Time{}, nil
	}
	seconds, ok := c.all[name].(float64)
	if !ok || seconds <= 0 || seconds > maxTime {
		return time.Time{}, domain.WithSettings(invalid("its claim about the time of the sign-in is no time in seconds"), "ENROL_AUTH_TIME_CLAIM, and the Action that adds it")
	}
	return time.Unix(int64(seconds), 0), nil
}
