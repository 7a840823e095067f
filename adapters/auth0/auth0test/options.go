package auth0test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// The grant types /oauth/token knows, as they stand in [Client.GrantTypes].
const (
	GrantPassword      = "password"
	GrantPasswordRealm = "http://auth0.com/oauth/grant-type/password-realm"
	GrantRefreshToken  = "refresh_token"

	GrantClientCredentials = "client_credentials"
)

// GrantTokenExchange is known too, but no client lists it: see
// [Client.TokenExchange].
const GrantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// tokenTypeAccessToken is RFC 8693 section 3.
const tokenTypeAccessToken = "urn:ietf:params:oauth:token-type:access_token"

// Options describe the tenant to emulate. The zero value is a tenant with
// nothing in it, listening on a free port of 127.0.0.1.
type Options struct {
	// Addr is the loopback address to listen on; "" means 127.0.0.1:0.
	Addr string
	// Plain serves http instead of https.
	Plain bool

	Clients     []Client     // applications
	Connections []Connection // custom database connections
	APIs        []API        // resource servers

	TokenExchangeProfiles []TokenExchangeProfile
	Organizations         []Organization

	// DefaultDirectory is the tenant's default connection, asked when the
	// password grant names no realm; "" as in a new tenant: such a request fails.
	DefaultDirectory string

	// CustomDomains are names that the Management API lists. Nothing is served there.
	CustomDomains []string

	// Keys is what the tenant signs with; nil means keys of its own.
	Keys *Keys

	// Now is the clock of tokens and limits; nil means time.Now.
	// Certificates always follow the real clock.
	Now func() time.Time
	// Observe, if set, is given every [Exchange] when it is over. It may be
	// called by several goroutines at once and must not call Close.
	Observe func(Exchange)
	// ObserveManagement, if set, is given every call of the Management API when it has
	// been read, before anything else happens. The same holds for it as for Observe.
	ObserveManagement func(ManagementCall)
	// ActionBuildReads is how often an Action must be looked at, or its deployment be
	// tried, until it is built; 0 means 2.
	ActionBuildReads int
	// ScriptHost sets the limits and the log of the JavaScript engine.
	ScriptHost scripthost.Options
}

// Client is an application of the tenant. Name and AppType are for people;
// nothing depends on them.
type Client struct {
	ID, Secret, Name, AppType string

	AuthMethod        AuthMethod
	GrantTypes        []string // see [GrantPassword] and its neighbours
	Connections       []string // names of the connections enabled for it
	TokenExchange     bool     // token_exchange.allow_any_profile_of_type has custom_authentication
	Organizations     bool     // organization_usage is not deny; for token exchange only
	Management        []string // scopes of its client grant for the Management API; nil: it has none
	TrustForwardedFor bool     // is_token_endpoint_ip_header_trusted
	RefreshToken      RefreshToken
	IDTokenLifetime   time.Duration // 0 means 10 hours, as with Auth0

	// What only the Management API sets; the zero values are what a bridge needs.
	legacy               bool // oidc_conformant is false
	thirdParty           bool // is_first_party is false
	requiresOrganization bool // organization_usage is require
	symmetric            bool // jwt_configuration.alg is not RS256
}

// AuthMethod is how a client proves itself, Auth0's
// token_endpoint_auth_method. The zero value takes the secret from the body
// or from the Authorization header, whichever is there.
type AuthMethod string

// The methods Auth0 lets one choose. [AuthNone] makes a public client, whose
// auth0-forwarded-for is never believed.
const (
	AuthPost  AuthMethod = "client_secret_post"
	AuthBasic AuthMethod = "client_secret_basic"
	AuthNone  AuthMethod = "none"
)

// RefreshToken is a client's refresh-token policy (Auth0 docs: Refresh Token
// Rotation, Refresh Token Expiration).
type RefreshToken struct {
	// Rotating gives a new token at each use. Using an old one again ends the
	// whole family.
	Rotating bool
	// Leeway is how long the token before the last may still be used; 0: not at all.
	Leeway time.Duration
	// Lifetime counts from the sign-in and is not extended by rotation; 0: no end.
	Lifetime time.Duration
	// IdleLifetime counts from the last use; 0: no end.
	IdleLifetime time.Duration
}

// Connection is a custom database connection.
type Connection struct {
	Name string
	// LoginScript is the script's text. "" means none is stored yet: sign-ins
	// fail as a script failure until [Server.StoreScript].
	LoginScript string
	// Configuration is what the script finds in its global "configuration".
	Configuration map[string]string
	// ImportMode is import_mode: after a first success the password is stored
	// and the script is not asked about that user again (Auth0 docs: Update
	// User Profiles Using Your Database). With one-time tokens for passwords
	// the second sign-in therefore fails, which is the point of having it here.
	ImportMode bool
	// ScriptContext is enable_script_context: the script is given a context object
	// before the callback.
	ScriptContext bool
}

// TokenExchangeProfile lets subject tokens of one type be exchanged (Auth0
// docs: Custom Token Exchange Profile).
type TokenExchangeProfile struct {
	// SubjectTokenType is a URI that begins with https:// or urn: and with none
	// of the namespaces that Auth0 keeps for itself.
	SubjectTokenType string
	// Action is the text of a deployed Action of the trigger custom-token-exchange.
	Action string
	// Secrets are the Action's event.secrets.
	Secrets map[string]string
}

// Organization is a customer of the tenant's with members of its own.
type Organization struct {
	ID      string   // such as org_1
	Name    string   // accepted in place of ID in requests
	Members []string // ids of users, the sub of their tokens
}

// API is a resource server, the audience of access tokens.
type API struct {
	Identifier         string // the audience
	Scopes             []string
	AllowOfflineAccess bool
	TokenLifetime      time.Duration // 0 means 24 hours, as with Auth0
	// Permissions adds the granted scopes as a permissions claim, as RBAC with
	// the dialect access_token_authz does.
	Permissions bool

	asksConsent bool // skip_consent_for_verifiable_first_party_clients is false
	rfc9068     bool // the dialect is rfc9068_profile or rfc9068_profile_authz
}

// withDefaults returns a copy with the zero values filled in.
func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ActionBuildReads == 0 {
		o.ActionBuildReads = 2
	}
	if o.Keys == nil {
		o.Keys = new(Keys)
	}
	o.Clients = slices.Clone(o.Clients)
	for i := range o.Clients {
		if o.Clients[i].IDTokenLifetime == 0 {
			o.Clients[i].IDTokenLifetime = 10 * time.Hour
		}
	}
	o.APIs = slices.Clone(o.APIs)
	for i := range o.APIs {
		if o.APIs[i].TokenLifetime == 0 {
			o.APIs[i].TokenLifetime = defaultTokenLifetime
		}
	}
	return o
}

// check reports every fault of the options at once.
func (o Options) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if !isLoopback(o.Addr) {
		fault("address %q is not a loopback address with a port: use 127.0.0.1:0", o.Addr)
	}
	connections := make(map[string]bool)
	for _, conn := range o.Connections {
		if conn.Name == "" || connections[conn.Name] {
			fault("connection name %q is empty or given twice", conn.Name)
		}
		connections[conn.Name] = true
	}
	if o.DefaultDirectory != "" && !connections[o.DefaultDirectory] {
		fault("default directory %q is not among the connections", o.DefaultDirectory)
	}
	apis := make(map[string]bool)
	for _, api := range o.APIs {
		if api.Identifier == "" || apis[api.Identifier] {
			fault("API identifier %q is empty or given twice", api.Identifier)
		}
		apis[api.Identifier] = true
	}
	types := make(map[string]bool)
	for _, profile := range o.TokenExchangeProfiles {
		if !isOwnURI(profile.SubjectTokenType) || types[profile.SubjectTokenType] {
			fault("subject token type %q is given twice, begins with neither https:// nor urn:, or with a reserved namespace", profile.SubjectTokenType)
		}
		types[profile.SubjectTokenType] = true
	}
	organizations := make(map[string]bool)
	for _, o := range o.Organizations {
		if o.ID == "" || organizations[o.ID] {
			fault("organization id %q is empty or given twice", o.ID)
		}
		organizations[o.ID] = true
	}
	clients := make(map[string]bool)
	for _, client := range o.Clients {
		if client.ID == "" || clients[client.ID] {
			fault("client id %q is empty or given twice", client.ID)
		}
		clients[client.ID] = true
		if !slices.Contains([]AuthMethod{"", AuthPost, AuthBasic, AuthNone}, client.AuthMethod) {
			fault("client %q has the unknown authentication method %q", client.ID, client.AuthMethod)
		}
		if client.Secret == "" && client.AuthMethod != AuthNone {
			fault("client %q needs a secret, or the authentication method %q", client.ID, AuthNone)
		}
		for _, name := range client.Connections {
			if !connections[name] {
				fault("client %q uses connection %q, which is not among the connections", client.ID, name)
			}
		}
	}
	return errors.Join(faults...)
}

// isOwnURI holds Auth0's rules for a subject_token_type.
func isOwnURI(uri string) bool {
	for _, reserved := range []string{"https://auth0.com", "https://okta.com", "urn:ietf", "urn:auth0", "urn:okta"} {
		if strings.HasPrefix(uri, reserved) {
			return false
		}
	}
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "urn:")
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
