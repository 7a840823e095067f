package auth0

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Config is what the bridge must know of the Auth0 tenant.
type Config struct {
	Domain       Domain          `env:"AUTH0_DOMAIN,required,notEmpty" help:"the tenant's domain, such as example.eu.auth0.com, or its custom domain; the issuer of its tokens is https://<domain>/"`
	Client       string          `env:"AUTH0_CLIENT_ID,required,notEmpty" help:"the client id of the bridge's own Regular Web Application (Auth0 dashboard, Applications)"`
	ClientSecret settings.Secret `env:"AUTH0_CLIENT_SECRET,required,notEmpty" help:"that application's client secret"`

	ClientSecretOther settings.Secret `env:"AUTH0_CLIENT_SECRET_OTHER" help:"a second client secret, while one takes the place of the other: what Auth0 refuses because of the one is sent with the other (docs/operate/rotation.md); it may be the same as the first, which is then the only one"`

	Connection string         `env:"AUTH0_CONNECTION" envDefault:"authsignal" help:"the name of the custom database connection that has the Login script"`
	Audience   string         `env:"AUTH0_AUDIENCE" help:"the identifier of the API that access tokens are for; without one they are opaque and good for /userinfo only"`
	Subjects   Subjects       `env:"AUTHSIGNAL_SUBJECTS" envDefault:"auth0" help:"auth0 if Authsignal's user ids are whole Auth0 ids (auth0|…), plain if they are bare ids without |; it must be AUTHSIGNAL_SUBJECTS in the settings of the Login script, or in the secrets of the Action, too"`
	Scope      settings.Scope `env:"AUTH0_SCOPE" envDefault:"openid profile email" help:"the scope of sessions, separated by spaces; openid must be in it, and at least one scope of the API if it has any: Auth0 grants all of them to a request that names none"`

	RateLimit RateLimit `env:"AUTH0_RATE_LIMIT" help:"how many requests a second this process may send to Auth0's token endpoint, such as 25: your plan's figure, less what other applications need, divided by the number of replicas; with token exchange its own limit, 4 or 15; without it the bridge goes by what Auth0's headers tell alone"`

	RefreshLeeway settings.Leeway `env:"AUTH0_REFRESH_LEEWAY" envDefault:"0s" help:"how long after its first use Auth0 takes a refresh token once more, such as 60s, or no-rotation if it never changes refresh tokens: the Rotation Overlap Period of the application, which setup sets to 60s; within it the bridge asks again for a renewal that got no answer; without it (0s) such a renewal is answered 503 until RENEWAL_GRACE is over, because to ask again could end the session"`

	Proof    Proof                               `env:"AUTH0_PROOF" envDefault:"token" help:"token if the Login script has Authsignal validate the passkey token itself, signed if it takes the bridge's own word, signed with AUTH0_PROOF_KEY, and Auth0 needs no key of Authsignal's"`
	ProofKey settings.Rotating[settings.HMACKey] `env:"AUTH0_PROOF_KEY" help:"the key of AUTH0_PROOF=signed, 64 or more hexadecimal digits, such as openssl rand -hex 32 prints; it must be NATIVE_BRIDGE_KEY in the Login script's settings too"`

	Ender SessionEnderConfig

	ScopeAllowed     settings.Scope     `env:"AUTH0_SCOPE_ALLOWED" help:"what callers of POST /oauth/token may ask for, and all that any session may have, separated by spaces; add offline_access for sessions that can be renewed (default: AUTH0_SCOPE)"`
	AudiencesAllowed settings.Audiences `env:"AUTH0_AUDIENCES_ALLOWED" help:"the audiences that callers of POST /oauth/token may ask for, separated by commas (default: AUTH0_AUDIENCE)"`

	SubjectTokenType     SubjectTokenType `env:"AUTH0_SUBJECT_TOKEN_TYPE" envDefault:"urn:native-bridge:authsignal:challenge" help:"the subject_token_type of the token exchange profile that has the Action, for TOKEN_ISSUER=auth0-token-exchange"`
	OrganizationsAllowed Organizations    `env:"AUTH0_ORGANIZATIONS_ALLOWED" help:"the ids of the organizations that callers of POST /oauth/token may ask for, such as org_1a2B3c, separated by commas; for TOKEN_ISSUER=auth0-token-exchange"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	return slices.Concat(c.checkScope(), c.checkProof(), c.Ender.check())
}

// Offer returns what sessions callers may ask for.
func (c *Config) Offer() domain.AccessPolicy {
	return domain.AccessPolicy{
		Default:       domain.Access{Scope: c.Scope, Audience: c.Audience},
		Scopes:        c.ScopeAllowed,
		Audiences:     c.AudiencesAllowed,
		Organizations: c.OrganizationsAllowed,
		Complete:      c.complete,
		Remedy:        scopeRemedy,
	}
}

// ClientID returns the bridge's client id, which its ID tokens are for.
func (c *Config) ClientID() string { return c.Client }

// SubjectRule returns the rule for Authsignal's user ids, and the setting that chooses it.
func (c *Config) SubjectRule() (rule domain.SubjectRule, setting string) {
	return c.Subjects.Rule(), "AUTHSIGNAL_SUBJECTS"
}

// IssuerURL returns the tenant's issuer identifier.
func (c *Config) IssuerURL() string { return c.Domain.Issuer() }

// IssueTime returns how long the opening of a session may take at most.
func (c *Config) IssueTime() time.Duration { return IssueTimeout }

// Leeway returns how long after its first use a refresh token is good once more, and the
// setting that says so.
func (c *Config) Leeway() (leeway time.Duration, setting string) {
	return time.Duration(c.RefreshLeeway), "AUTH0_REFRESH_LEEWAY"
}

// IDTokenAlgorithms returns RS256, the one that setup chooses and the bridge accepts.
func (c *Config) IDTokenAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256}
}

// WantsEmail reports whether the bridge tells the Login script the person's e-mail
// address. Where it does not, the script and the Action ask Authsignal for it.
func (c *Config) WantsEmail() bool { return c.Proof == ProofSigned }

// checkProof wants a key if proofs are signed, and none if they are not: a key
// that does nothing would look like protection.
func (c *Config) checkProof() []settings.Fault {
	fault := settings.Fault{Name: "AUTH0_PROOF_KEY"}
	switch {
	case c.Proof != ProofSigned && !c.ProofKey.IsZero():
		fault.Problem, fault.Fix = "is set, though AUTH0_PROOF is not signed", "set AUTH0_PROOF to signed, or unset the key"
	case c.Proof == ProofSigned && c.ProofKey.IsZero():
		fault.Problem, fault.Fix = "is not set, though AUTH0_PROOF is signed", "set it to what openssl rand -hex 32 prints, here and as NATIVE_BRIDGE_KEY in the Login script's settings"
	default:
		return nil
	}
	return []settings.Fault{fault}
}

// Domain is the tenant's base URL, made of a host or a whole URL. Plain http is
// for loopback only.
type Domain struct{ base settings.BaseURL }

// UnmarshalText accepts a host, with or without port, or a URL without a path.
func (d *Domain) UnmarshalText(text []byte) error {
	address := strings.TrimSpace(string(text))
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	if err := d.base.UnmarshalText([]byte(address)); err != nil {
		return err
	}
	if _, rest, _ := strings.Cut(string(d.base), "://"); strings.Contains(rest, "/") {
		return errors.New("a path does not belong into it")
	}
	return nil
}

// URL returns the address of a path at the tenant.
func (d Domain) URL(path string) string { return string(d.base) + path }

// Issuer returns the "iss" of the tenant's tokens: its URL with a slash at the end
// ("Get OpenID Connect configuration", auth0.com/docs).
func (d Domain) Issuer() string { return d.URL("/") }
