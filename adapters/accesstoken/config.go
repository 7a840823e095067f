package accesstoken

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Config says which access tokens let a person manage their passkeys. Without an Audience
// none does.
type Config struct {
	Audience  string        `env:"ENROL_AUDIENCE" help:"the identifier of the bridge's own API at the identity provider, such as https://bridge.example.com/passkeys: people who are signed in may then add, list and remove their passkeys at /v1/passkeys, with an access token for that audience; without it those paths are 404"`
	Scope     ScopeToken    `env:"ENROL_SCOPE" envDefault:"manage:passkeys" help:"the one scope that such an access token must have"`
	MaxAge    time.Duration `env:"ENROL_MAX_AGE" envDefault:"10m" help:"how long after a person signed in a passkey may be added or removed, from 1m to 24h; after that they must sign in again"`
	TimeClaim string        `env:"ENROL_AUTH_TIME_CLAIM" envDefault:"auth_time" help:"the claim of an access token that says when its person signed in, in seconds since 1970; Auth0 puts none there by itself, so there set it to the one that an Action adds, such as https://bridge.example.com/auth_time (docs/enrol.md)"`
	Clients   ClientIDs     `env:"ENROL_CLIENT_IDS" help:"the client ids of the apps whose access tokens are accepted, separated by commas; without it, every client's that the identity provider gives the scope to"`
}

// On reports whether people may manage their passkeys at all.
func (c Config) On() bool { return c.Audience != "" }

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	var faults []settings.Fault
	if c.MaxAge < time.Minute || c.MaxAge > 24*time.Hour {
		faults = append(faults, settings.Fault{Name: "ENROL_MAX_AGE", Problem: fmt.Sprintf("is %s", c.MaxAge), Fix: "set it to something from 1m to 24h, such as 10m"})
	}
	if !c.On() && len(c.Clients) > 0 {
		faults = append(faults, settings.Fault{Name: "ENROL_CLIENT_IDS", Problem: "is set, though ENROL_AUDIENCE is not, so that nobody manages passkeys here", Fix: "set ENROL_AUDIENCE, or unset this"})
	}
	if c.TimeClaim == "" {
		faults = append(faults, settings.Fault{Name: "ENROL_AUTH_TIME_CLAIM", Problem: "is empty", Fix: "set it to the name of a claim, or unset it"})
	}
	return faults
}

// Policy returns what an access token must be like, but for the subject rule, which is the
// issuer's.
func (c Config) Policy(skew time.Duration) domain.EnrolPolicy {
	return domain.EnrolPolicy{
		Scope:  string(c.Scope),
		MaxAge: c.MaxAge,
		Skew:   skew,
		From: domain.EnrolSettings{
			Scope: "ENROL_SCOPE, and whether the app asks for it",
			Time:  "ENROL_AUTH_TIME_CLAIM, the Action that adds that claim, ENROL_MAX_AGE and the clock of the bridge's machine",
		},
	}
}

// ScopeToken is one scope token (RFC 6749, section 3.3).
type ScopeToken string

// UnmarshalText wants exactly one.
func (s *ScopeToken) UnmarshalText(text []byte) error {
	if len(text) == 0 || strings.ContainsFunc(string(text), func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' }) {
		return errors.New("it is one word without quotation marks, such as manage:passkeys")
	}
	*s = ScopeToken(text)
	return nil
}

// ClientIDs is a list of client ids.
type ClientIDs []string

// UnmarshalText splits at commas.
func (c *ClientIDs) UnmarshalText(text []byte) error {
	*c = strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ' ' })
	return nil
}
