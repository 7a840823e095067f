package adapters

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/breaker"
	"nativebridge/adapters/budget"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/jwt"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/ops"
	"nativebridge/domain"
	"nativebridge/ports"
)

// VerifierChoice is a name that IDENTITY_VERIFIER may hold, and what it stands for.
type VerifierChoice struct {
	Name   string
	About  string // says in a few words how it verifies tokens
	Enrols bool   // whether what it opens has an Enroller
	Config func(*Config) VerifierConfig
	Open   func(Opening) OpenedVerifier
}

// Verifiers are the names that IDENTITY_VERIFIER may hold. Rows have no field names,
// so that one that lacks something does not compile.
func Verifiers() []VerifierChoice {
	return []VerifierChoice{
		{
			"authsignal", "asks Authsignal about its challenge tokens", true,
			func(c *Config) VerifierConfig { return &c.Authsignal },
			func(o Opening) OpenedVerifier {
				client := o.Client()
				verifier := authsignal.NewVerifier(client, o.Authsignal, o.ClockSkew, o.Now)
				if choice, found := o.issuer(); found && choice.Config(&o.Config).WantsEmail() {
					rule, _ := choice.Config(&o.Config).SubjectRule()
					verifier = verifier.WithEmail(rule)
				}
				return OpenedVerifier{verifier, verifier.Warm, client, authsignal.NewProbe(client, o.Authsignal, o.ClockSkew), o.Breaker("verify"),
					authsignal.NewEnroller(client, o.Authsignal, o.Now), authsignal.NewWebhooks(o.Authsignal, o.Now), authsignal.NewPasskeys(client, o.Authsignal, o.Now)}
			},
		},
		{
			"jwt", "checks a passkey provider's signed tokens by itself", false,
			func(c *Config) VerifierConfig { return &c.JWT },
			func(o Opening) OpenedVerifier {
				client := o.Client()
				verifier := jwt.NewVerifier(client, o.JWT, o.ClockSkew, o.Now)
				return OpenedVerifier{verifier, verifier.Warm, client, verifier.NewProbe(), nil, nil, nil, nil}
			},
		},
	}
}

// IssuerChoice is a name that TOKEN_ISSUER may hold, and what it stands for.
type IssuerChoice struct {
	Name   string
	About  string   // says in a few words how it opens sessions
	Serves []string // the verifiers for whose people it can open sessions; nil means all
	Config func(*Config) IssuerConfig
	Check  func(c *Config, environ map[string]string) []settings.Fault // finds settings that this choice would ignore
	Open   func(Opening) OpenedIssuer
}

// Issuers are the names that TOKEN_ISSUER may hold. An OpenID provider takes the
// bridge's word for everybody. At Auth0 the Login script and the Action ask Authsignal
// about tokens, or take the bridge's word about one Authsignal tenant's people only.
func Issuers() []IssuerChoice {
	return []IssuerChoice{
		{
			"auth0", "Auth0's password grant", []string{"authsignal"},
			func(c *Config) IssuerConfig { return &c.Auth0 },
			func(c *Config, _ map[string]string) []settings.Fault { return c.Auth0.CheckPasswordRealm() },
			func(o Opening) OpenedIssuer {
				client, limits := o.auth0("")
				issuer := auth0.NewIssuer(client, o.Auth0, o.ClockSkew, o.Now)
				trial := issuer.NewTrial(o.Authsignal.Authority(), string(o.Authsignal.Action))
				return OpenedIssuer{issuer, nil, issuer.Warm, client, issuer.NewProbe(), Trial{trial, true}, o.IssuerBreakers(), limits, issuer, o.sessionEnder()}
			},
		},
		{
			"auth0-token-exchange", "Auth0's token exchange", []string{"authsignal"},
			func(c *Config) IssuerConfig { return &c.Auth0 },
			func(c *Config, _ map[string]string) []settings.Fault { return c.Auth0.CheckTokenExchange() },
			func(o Opening) OpenedIssuer {
				client, limits := o.auth0(auth0.TenantQuota)
				issuer := auth0.NewTokenExchangeIssuer(client, o.Auth0, o.ClockSkew, o.Now)
				return OpenedIssuer{issuer, nil, issuer.Warm, client, issuer.NewProbe(), Trial{issuer.NewTrial(), false}, o.IssuerBreakers(), limits, issuer, o.sessionEnder()}
			},
		},
		{
			"oidc", "any OpenID provider, by JWT bearer assertion", nil,
			func(c *Config) IssuerConfig { return &c.OIDC },
			func(_ *Config, environ map[string]string) []settings.Fault { return oidc.CheckRetired(environ) },
			func(o Opening) OpenedIssuer {
				client := o.Client()
				issuer := oidc.NewIssuer(client, o.OIDC, o.ClockSkew, o.Now, o.Random)
				return OpenedIssuer{issuer, issuer, issuer.Warm, client, issuer.NewProbe(), Trial{issuer.NewTrial(), true}, o.IssuerBreakers(), nil, issuer, nil}
			},
		},
	}
}

// CanServe reports whether sessions can be opened for the people of the verifier with
// that name.
func (i IssuerChoice) CanServe(verifier string) bool {
	return i.Serves == nil || slices.Contains(i.Serves, verifier)
}

// VerifierConfig is what a verifier's part of the configuration must tell the rest of
// the bridge.
type VerifierConfig interface {
	settings.Checker
	// Policy returns what makes an identity of this verifier a sign-in, but for the
	// subject rule, which is the issuer's.
	Policy(skew time.Duration) domain.SignInPolicy
	// TokenIssuer returns the "iss" of this verifier's tokens; "" if they have none.
	TokenIssuer() string
	// VerifyTime returns how long a verification may take at most.
	VerifyTime() time.Duration
}

// IssuerConfig is what an issuer's part of the configuration must tell the rest of the
// bridge.
type IssuerConfig interface {
	settings.Checker
	// Offer returns what sessions callers may ask for.
	Offer() domain.AccessPolicy
	// SubjectRule returns the rule that all user ids must meet, and the setting that
	// chooses it.
	SubjectRule() (rule domain.SubjectRule, setting string)
	// ClientID returns the bridge's own client id at the issuer.
	ClientID() string
	// IssuerURL returns the issuer identifier of its tokens.
	IssuerURL() string
	// IDTokenAlgorithms returns what its ID tokens may be signed with.
	IDTokenAlgorithms() []jose.SignatureAlgorithm
	// IssueTime returns how long the opening of a session may take at most.
	IssueTime() time.Duration
	// Leeway returns how long after its first use a refresh token is good once more, and the
	// setting that says so.
	Leeway() (leeway time.Duration, setting string)
	// WantsEmail reports whether the issuer needs people's e-mail addresses, so that the
	// verifier must ask for them.
	WantsEmail() bool
}

// Opening is what an adapter is opened with.
type Opening struct {
	Config
	Runtime
	Instruments
	Name string // by which the adapter is chosen
}

// Client returns a client for the adapter's party, with a connection pool of its own.
func (o Opening) Client() *upstream.Client { return o.clientWithin(nil) }

// clientWithin is Client, and what it sends spends of a budget, if there is one.
func (o Opening) clientWithin(limits *budget.Budget) *upstream.Client {
	around := func(next http.RoundTripper) http.RoundTripper {
		return DecorateTransport(o.Name, limits.Watch(next), o.Instruments)
	}
	return upstream.New(upstream.Options{Name: o.Name, RootCAs: o.RootCAs, Now: o.Now, Around: around, Watch: o.Instruments.Metrics.Upstream(o.Name)})
}

// auth0 returns a client for the tenant, and the budget that it spends of. Apart is the
// quota that sign-ins and renewals each have one of: token exchange has a limit of its own.
func (o Opening) auth0(apart string) (*upstream.Client, *budget.Budget) {
	limits := budget.New(budget.Options{
		PerSecond: float64(o.Auth0.RateLimit), Setting: "AUTH0_RATE_LIMIT", Read: auth0.Quotas, Apart: apart,
	})
	return o.clientWithin(limits), limits
}

// sessionEnder returns what ends sessions at Auth0, or nil if there is nothing to ask with.
// It has a client of its own: it may wait for as long as its limit wants.
func (o Opening) sessionEnder() ports.SessionEnder {
	if !o.Auth0.Ender.Given() {
		return nil
	}
	return auth0.NewSessionEnder(o.Client(), o.Auth0, o.Now)
}

// Party is somebody whom an adapter asks. It tells of trouble, and KeepWarm keeps a
// connection open, by warm, until the context ends.
type Party interface {
	ops.Upstream
	KeepWarm(ctx context.Context, warm func(context.Context) error)
}

// OpenedVerifier is a verifier, and what it can do besides its port.
type OpenedVerifier struct {
	ports.IdentityVerifier
	Warm  func(context.Context) error // connects to the party before the first caller comes; nil if there is nothing to do
	Party Party                       // that it asks; nil if it asks none
	Probe ports.Probe                 // looks for what is wrong with it; nil if nothing can be

	// Breaker spares the party while it gives no answer. It is nil if the party is not
	// asked about each token: where keys are kept, anybody could open it with tokens of
	// made-up keys, and shut out those whose keys are known.
	Breaker *breaker.Breaker

	// Enroller manages people's passkeys at the party; nil if it cannot.
	Enroller ports.PasskeyEnroller

	Departures httpapi.Departures // reads what the party tells of deleted passkeys; nil if it tells nothing
	Passkeys   ports.Passkeys     // tells who has a passkey; nil if it cannot
}

// OpenedIssuer is an issuer, and what it can do besides its ports.
type OpenedIssuer struct {
	Issuer
	AssertionKeys ports.AssertionKeys         // of the bridge's own assertions; nil if it makes none
	Warm          func(context.Context) error // as an OpenedVerifier's
	Party         Party                       // as an OpenedVerifier's
	Probe         ports.Probe                 // as an OpenedVerifier's; it tries to open no session
	Trial         Trial
	Breakers      IssuerBreakers // spare the party while it gives no answer
	Budget        *budget.Budget // keeps within the party's limits; nil if they are not known, and its refusals are passed on
	Tokens        AccessTokens

	Ender ports.SessionEnder // ends sessions at the party by itself; nil if it cannot, or is not set up for it
}

// AccessTokens is what an issuer must tell of the access tokens that it makes, so that they
// can be verified: its keys, and whom a "sub" stands for.
type AccessTokens interface {
	FindKeys(ctx context.Context, id string) ([]jose.JSONWebKey, error)
	SubjectOf(sub string) string
}

// Trial is a probe that tries to open a session which must be refused.
type Trial struct {
	ports.Probe
	AtStart bool // whether it may be made whenever a process starts, or costs too much for that
}

// Issuer is what every issuer does: a refresh token is good for nobody but the client
// that it was given to, so whoever opens a session renews and revokes it too.
type Issuer interface {
	ports.TokenIssuer
	ports.SessionRenewer
	ports.SessionRevoker
	ports.IssuerKeys
}

// VerifierNames is what IDENTITY_VERIFIER holds.
type VerifierNames []string

// UnmarshalText splits at commas.
func (n *VerifierNames) UnmarshalText(text []byte) error {
	*n = strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ' ' })
	return nil
}

// Help lists the choices.
func (VerifierNames) Help() string {
	var choices []string
	for _, choice := range Verifiers() {
		choices = append(choices, choice.Name+" ("+choice.About+")")
	}
	return "which verifier tells whose token it is: " + listed(choices) + "; several of them, separated by commas, while users move from one to another"
}

// IssuerName is what TOKEN_ISSUER holds.
type IssuerName string

// Help lists the choices, and whom each can serve.
func (IssuerName) Help() string {
	var choices []string
	for _, choice := range Issuers() {
		whom := "every verifier"
		if choice.Serves != nil {
			whom = "IDENTITY_VERIFIER=" + strings.Join(choice.Serves, " or ") + " alone"
		}
		choices = append(choices, choice.Name+" ("+choice.About+"; for "+whom+")")
	}
	return "who opens sessions: " + listed(choices) + "; docs/choosing-an-issuer.md compares them"
}

// listed returns "a, b or c".
func listed(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " or " + items[last]
}
