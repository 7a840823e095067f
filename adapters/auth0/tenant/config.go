package tenant

import (
	"slices"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Access is what the Management API is asked with: a token, or the id and the secret of
// a machine-to-machine application that is authorized for it.
type Access struct {
	Domain       auth0.Domain  `env:"AUTH0_MANAGEMENT_DOMAIN" help:"the tenant's own domain, if AUTH0_DOMAIN is a custom one: the Management API does not answer for that"`
	ClientID     string        `env:"AUTH0_MANAGEMENT_CLIENT_ID" help:"the client id of a machine-to-machine application that is authorized for the Auth0 Management API"`
	ClientSecret domain.Secret `env:"AUTH0_MANAGEMENT_CLIENT_SECRET" help:"that application's client secret"`
	Token        domain.Secret // in place of the two
}

// LoadAccess reads who may ask the Management API of the tenant with the domain, for
// which no other is named. The error names everything that is wrong.
func LoadAccess(environ map[string]string, tenant auth0.Domain) (Access, error) {
	access := Access{}
	if err := settings.Load(environ, &access); err != nil {
		return access, err
	}
	if access.Domain == (auth0.Domain{}) {
		access.Domain = tenant
	}
	return access, nil
}

// Check implements settings.Checker.
func (a *Access) Check() []settings.Fault {
	switch {
	case a.ClientID == "" && !a.ClientSecret.IsZero():
		return []settings.Fault{{Name: "AUTH0_MANAGEMENT_CLIENT_ID", Problem: "is not set, though its secret is", Fix: "set it to the client id of the machine-to-machine application"}}
	case a.ClientID != "" && a.ClientSecret.IsZero():
		return []settings.Fault{{Name: "AUTH0_MANAGEMENT_CLIENT_SECRET", Problem: "is not set, though the client id is", Fix: "set it to the client secret of the machine-to-machine application"}}
	}
	return nil
}

// Given reports whether there is anything to ask with.
func (a Access) Given() bool { return !a.Token.IsZero() || a.ClientID != "" }

// Config is what a tenant is set up with. Names are those of the bridge's own
// settings, so that its environment file serves here too.
type Config struct {
	Domain     auth0.Domain `env:"AUTH0_DOMAIN,required,notEmpty" help:"the tenant's domain, such as example.eu.auth0.com, or its custom domain"`
	Connection string       `env:"AUTH0_CONNECTION" envDefault:"authsignal" help:"the name of the custom database connection to make"`
	Audience   string       `env:"AUTH0_AUDIENCE" help:"the identifier of the API that access tokens are for; it is made if it does not exist"`

	Scope        settings.Scope `env:"AUTH0_SCOPE" envDefault:"openid profile email" help:"the scope of sessions, separated by spaces"`
	ScopeAllowed settings.Scope `env:"AUTH0_SCOPE_ALLOWED" help:"all that a session may have, separated by spaces; offline_access in it lets apps renew their sessions"`

	RefreshLeeway settings.Leeway `env:"AUTH0_REFRESH_LEEWAY" envDefault:"0s" help:"how long after its first use the bridge takes a refresh token to be good once more"`

	Issuer   string           `env:"TOKEN_ISSUER" envDefault:"auth0" help:"auth0 or auth0-token-exchange"`
	Proof    auth0.Proof      `env:"AUTH0_PROOF" envDefault:"token" help:"token or signed; with signed, Auth0 holds no key of Authsignal's"`
	ProofKey settings.HMACKey `env:"AUTH0_PROOF_KEY" help:"the key of AUTH0_PROOF=signed"`

	SubjectTokenType auth0.SubjectTokenType `env:"AUTH0_SUBJECT_TOKEN_TYPE" envDefault:"urn:native-bridge:authsignal:challenge" help:"the subject_token_type of the token exchange profile"`
	Organizations    auth0.Organizations    `env:"AUTH0_ORGANIZATIONS_ALLOWED" help:"the ids of the organizations that callers may ask for, for auth0-token-exchange"`

	EnrolAudience string `env:"ENROL_AUDIENCE" help:"the identifier of the API by whose access tokens people manage their passkeys; only doctor looks at it"`
	EnrolScope    string `env:"ENROL_SCOPE" envDefault:"manage:passkeys" help:"the scope that such a token must have"`
	EnrolClaim    string `env:"ENROL_AUTH_TIME_CLAIM" envDefault:"auth_time" help:"the claim of such a token that says when its person signed in"`

	AuthsignalURL      settings.BaseURL `env:"AUTHSIGNAL_API_URL,required,notEmpty" help:"the Server API base URL of your Authsignal tenant's region, such as https://eu.api.authsignal.com/v1"`
	AuthsignalSecret   domain.Secret    `env:"AUTHSIGNAL_SECRET,required,notEmpty" help:"the Authsignal tenant's Server API secret key"`
	AuthsignalAction   string           `env:"AUTHSIGNAL_ACTION" envDefault:"signInWithPasskey" help:"the action code that the app signs in with"`
	AuthsignalSubjects auth0.Subjects   `env:"AUTHSIGNAL_SUBJECTS" envDefault:"auth0" help:"auth0 or plain, as at the bridge"`
}

// Load reads the configuration from environ. The error names everything that is wrong
// with it, and how to mend it.
func Load(environ map[string]string) (Config, error) {
	var c Config
	err := settings.Load(environ, &c)
	return c, err
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	var faults []settings.Fault
	if c.Issuer != issuerPassword && c.Issuer != issuerExchange {
		faults = append(faults, settings.Fault{Name: "TOKEN_ISSUER", Problem: "is no issuer at Auth0", Fix: "set it to auth0 or auth0-token-exchange"})
	}
	if c.Proof == auth0.ProofSigned && c.ProofKey.IsZero() {
		faults = append(faults, settings.Fault{Name: "AUTH0_PROOF_KEY", Problem: "is not set, though AUTH0_PROOF is signed", Fix: "set it to what openssl rand -hex 32 prints"})
	}
	return faults
}

// The values of TOKEN_ISSUER that mean Auth0.
const (
	issuerPassword = "auth0"
	issuerExchange = "auth0-token-exchange"
)

func (c Config) exchanges() bool { return c.Issuer == issuerExchange }

// renews reports whether sessions may have refresh tokens.
func (c Config) renews() bool {
	return slices.Contains(c.Scope, "offline_access") || slices.Contains(c.ScopeAllowed, "offline_access")
}

// apiScopes returns the scopes that belong to the API and not to OpenID Connect.
func (c Config) apiScopes() []string {
	standard := []string{"openid", "profile", "email", "address", "phone", "offline_access"} // OpenID Connect Core 1.0, sections 5.4 and 11
	var scopes []string
	for _, scope := range slices.Concat(c.Scope, c.ScopeAllowed) {
		if !slices.Contains(standard, scope) && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}
