package oidc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Config is what the bridge must know of the OpenID provider.
type Config struct {
	Issuer            IssuerURL                     `env:"OIDC_ISSUER,required,notEmpty" help:"the provider's issuer identifier, to the letter as its tokens have it in iss; its configuration is read from <issuer>/.well-known/openid-configuration"`
	Client            string                        `env:"OIDC_CLIENT_ID,required,notEmpty" help:"the client id of the bridge's own confidential client at the provider"`
	ClientSecret      settings.Secret               `env:"OIDC_CLIENT_SECRET" help:"that client's secret; or set OIDC_CLIENT_KEY"`
	ClientSecretOther settings.Secret               `env:"OIDC_CLIENT_SECRET_OTHER" help:"a second client secret, while one takes the place of the other: what the provider refuses because of the one is sent with the other (docs/operate/rotation.md); it may be the same as the first, which is then the only one"`
	ClientKey         settings.Rotating[PrivateKey] `env:"OIDC_CLIENT_KEY" help:"that client's private key, as PEM, if it authenticates by private_key_jwt: EC P-256 (ES256), such as openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 prints, or RSA of 2048 bits or more (RS256)"`

	AssertionKey     settings.Rotating[PrivateKey] `env:"OIDC_ASSERTION_KEY,required,notEmpty" help:"the private key that the bridge signs its assertions with, as PEM: EC P-256 (ES256), such as openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 prints, or RSA of 2048 bits or more (RS256)"`
	AssertionKeyNext settings.Rotating[PrivateKey] `env:"OIDC_ASSERTION_KEY_NEXT" help:"a second private key, made like the first, as PEM, while the first is rotated: it is published beside the first and signs nothing"`
	AssertionIssuer  string                        `env:"OIDC_ASSERTION_ISSUER" help:"the iss of the bridge's assertions, by which the provider knows their keys (default: OIDC_CLIENT_ID)"`

	Audience          string         `env:"OIDC_AUDIENCE" help:"the API that access tokens are for, if the provider wants to be told"`
	AudienceParameter AudienceMember `env:"OIDC_AUDIENCE_PARAMETER" envDefault:"resource" help:"how the provider is told the audience: resource (RFC 8707) or audience"`
	SubjectPrefix     string         `env:"OIDC_SUBJECT_PREFIX" help:"what every user id begins with, such as auth0| where the provider took its users over from Auth0; ids that do not begin with it are refused (default: nothing, and ids with a | are refused)"`
	Scope             settings.Scope `env:"OIDC_SCOPE" envDefault:"openid profile email" help:"the scope of sessions, separated by spaces; openid must be in it"`

	RefreshLeeway settings.Leeway `env:"OIDC_REFRESH_LEEWAY" envDefault:"0s" help:"how long after its first use the provider takes a refresh token once more, such as 60s, or no-rotation if it never changes refresh tokens; within it the bridge asks again for a renewal that got no answer; without it (0s) such a renewal is answered 503 until RENEWAL_GRACE is over, because to ask again could end the session"`

	ScopeAllowed     settings.Scope     `env:"OIDC_SCOPE_ALLOWED" help:"what callers of POST /oauth/token may ask for, and all that any session may have, separated by spaces (default: OIDC_SCOPE)"`
	AudiencesAllowed settings.Audiences `env:"OIDC_AUDIENCES_ALLOWED" help:"the audiences that callers of POST /oauth/token may ask for, separated by commas (default: OIDC_AUDIENCE)"`
}

// Offer returns what sessions callers may ask for.
func (c *Config) Offer() domain.AccessPolicy {
	return domain.AccessPolicy{
		Default:   domain.Access{Scope: c.Scope, Audience: c.Audience},
		Scopes:    c.ScopeAllowed,
		Audiences: c.AudiencesAllowed,
		Remedy:    "have the provider grant its client less, or allow these in OIDC_SCOPE_ALLOWED",
	}
}

// ClientID returns the bridge's client id, which its ID tokens are for.
func (c *Config) ClientID() string { return c.Client }

// SubjectRule returns the rule for user ids, and the setting that chooses it.
func (c *Config) SubjectRule() (rule domain.SubjectRule, setting string) {
	return domain.SubjectRule{Prefix: c.SubjectPrefix}, "OIDC_SUBJECT_PREFIX"
}

// CheckRetired returns a fault for each setting of environ that chose the rule for
// user ids before OIDC_SUBJECT_PREFIX did.
func CheckRetired(environ map[string]string) []settings.Fault {
	var faults []settings.Fault
	for _, name := range []string{"AUTHSIGNAL_SUBJECTS", "JWT_SUBJECTS"} {
		if environ[name] != "" {
			faults = append(faults, settings.Fault{
				Name:    name,
				Problem: "is set, but with TOKEN_ISSUER=oidc OIDC_SUBJECT_PREFIX chooses the rule for user ids",
				Fix:     "unset it; if it was auth0, set OIDC_SUBJECT_PREFIX to auth0|",
			})
		}
	}
	return faults
}

// IssuerURL returns the provider's issuer identifier.
func (c *Config) IssuerURL() string { return string(c.Issuer) }

// IssueTime returns how long the opening of a session may take at most.
func (c *Config) IssueTime() time.Duration { return IssueTimeout }

// Leeway returns how long after its first use a refresh token is good once more, and the
// setting that says so.
func (c *Config) Leeway() (leeway time.Duration, setting string) {
	return time.Duration(c.RefreshLeeway), "OIDC_REFRESH_LEEWAY"
}

// IDTokenAlgorithms returns those that providers sign with and that no shared secret can
// forge.
func (c *Config) IDTokenAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.PS256}
}

// WantsEmail returns false: the provider knows its users.
func (c *Config) WantsEmail() bool { return false }

// assertionIssuer returns the iss of the bridge's assertions.
func (c *Config) assertionIssuer() string { return cmp.Or(c.AssertionIssuer, c.Client) }

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	faults := slices.Concat(c.checkKeys(), c.checkCredential())
	for _, scope := range c.Scope {
		if len(c.ScopeAllowed) > 0 && !slices.Contains(c.ScopeAllowed, scope) {
			faults = append(faults, settings.Fault{
				Name:    "OIDC_SCOPE_ALLOWED",
				Problem: fmt.Sprintf("lacks %q, which is in OIDC_SCOPE", scope),
				Fix:     "add it: what sessions have by default must be allowed",
			})
			break
		}
	}
	return faults
}

// checkKeys wants another key for each purpose: with one for two, a JWT made for the
// one would pass for the other.
func (c *Config) checkKeys() []settings.Fault {
	first, next, client := c.AssertionKey.Get().key, c.AssertionKeyNext.Get().key, c.ClientKey.Get().key
	var faults []settings.Fault
	if next.is(first) {
		faults = append(faults, settings.Fault{Name: "OIDC_ASSERTION_KEY_NEXT", Problem: "is the same key as OIDC_ASSERTION_KEY", Fix: "unset it, or make another one: " + howToMakeAKey})
	}
	if client.is(first) || client.is(next) {
		faults = append(faults, settings.Fault{Name: "OIDC_CLIENT_KEY", Problem: "is a key of the assertions too", Fix: "make another one: " + howToMakeAKey})
	}
	return faults
}

// checkCredential wants one way for the client to authenticate, and only one.
func (c *Config) checkCredential() []settings.Fault {
	switch secret, key := !c.ClientSecret.IsZero(), !c.ClientKey.IsZero(); {
	case secret && key:
		return []settings.Fault{{Name: "OIDC_CLIENT_SECRET", Problem: "is set, and OIDC_CLIENT_KEY too", Fix: "unset the one that the provider does not know the client by"}}
	case !secret && !c.ClientSecretOther.IsZero():
		return []settings.Fault{{Name: "OIDC_CLIENT_SECRET_OTHER", Problem: "is set, but OIDC_CLIENT_SECRET is not", Fix: "unset it: it is only used beside that one"}}
	case !secret && !key:
		return []settings.Fault{{Name: "OIDC_CLIENT_SECRET", Problem: "is not set, and OIDC_CLIENT_KEY neither", Fix: "set one of them: the client's secret, or its private key"}}
	}
	return nil
}

// IssuerURL is an issuer identifier (OpenID Connect Discovery 1.0, section 2). It
// is compared to the letter, a slash at its end included.
type IssuerURL string

// UnmarshalText wants what settings.BaseURL wants, and keeps the text as it is.
func (u *IssuerURL) UnmarshalText(text []byte) error {
	if err := new(settings.BaseURL).UnmarshalText(text); err != nil {
		return err
	}
	*u = IssuerURL(strings.TrimSpace(string(text)))
	return nil
}

// AudienceMember is the request parameter that tells the provider the audience.
type AudienceMember string

// UnmarshalText accepts "resource" and "audience".
func (m *AudienceMember) UnmarshalText(text []byte) error {
	if member := string(text); member != "resource" && member != "audience" {
		return errors.New("that is neither resource nor audience")
	}
	*m = AudienceMember(text)
	return nil
}
