// Package adapters is the one place where a choice of the configuration becomes
// an adapter, so that Wire sees exactly one provider for each port.
package adapters

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/wire"

	"nativebridge/adapters/auditlog"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/jwt"
	"nativebridge/adapters/memory"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/ops"
	"nativebridge/adapters/redis"
	"nativebridge/adapters/several"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Set provides every port, and the policies and limits that the use cases work by.
var Set = wire.NewSet(
	NewUpstreams, NewIdentityVerifier, NewIssuer, NewAssertionKeys, NewReplayStore, NewAuditLog, NewHealth, NewUseCases,
	wire.Bind(new(ports.TokenIssuer), new(Issuer)),
	wire.Bind(new(ports.SessionRenewer), new(Issuer)),
	wire.Bind(new(ports.SessionRevoker), new(Issuer)),
	wire.Bind(new(ports.IssuerKeys), new(Issuer)),
	wire.Bind(new(ports.AuditLog), new(*auditlog.Log)),
	NewSignInPolicies, NewAccessPolicy, NewClientID, NewDeadline, NewOwners,
	wire.FieldsOf(new(Config), "HTTP", "Ops"),
	wire.FieldsOf(new(ReplayStore), "Guard"),
	wire.FieldsOf(new(Runtime), "Log", "Now"),
)

// newVerifier returns the verifier with the given name.
func newVerifier(name string, c Config, up *Upstreams) (ports.IdentityVerifier, error) {
	switch name {
	case "authsignal":
		return authsignal.NewVerifier(up.Client(name), c.Authsignal, c.ClockSkew, up.run.Now), nil
	case "jwt":
		return jwt.NewVerifier(up.Client(name), c.JWT, c.ClockSkew, up.run.Now), nil
	}
	return nil, fmt.Errorf("there is no verifier %q", name)
}

// newIssuer returns the issuer with the given name, for subjects that meet the
// rule.
func newIssuer(name string, c Config, subjects domain.SubjectRule, up *Upstreams) (Issuer, error) {
	switch name {
	case "auth0":
		return auth0.NewIssuer(up.Client(name), c.Auth0, subjects, c.ClockSkew, up.run.Now), nil
	case "auth0-token-exchange":
		return auth0.NewTokenExchangeIssuer(up.Client(name), c.Auth0, subjects, c.ClockSkew, up.run.Now), nil
	case "oidc":
		return oidc.NewIssuer(up.Client(name), c.OIDC, c.ClockSkew, up.run.Now, up.run.Random), nil
	}
	return nil, fmt.Errorf("there is no issuer %q", name)
}

// Runtime is what the process gives the graph besides its configuration. All
// fields but Born, RootCAs and LogStream must be set.
type Runtime struct {
	Log     *slog.Logger
	Audit   io.Writer        // takes the audit log's lines, one or several in a call; may hang
	Now     func() time.Time // tells the time
	Born    time.Time        // when the process' own memory of used proofs begins: earlier ones are refused. Zero means now
	Random  io.Reader        // makes owners of claims; must never fail
	RootCAs *x509.CertPool   // trusted for TLS to the upstreams; nil means the system's

	LogStream ops.Stream // tells how the log's output is; nil if nothing can tell
}

// Issuer is what an issuer's adapter does.
type Issuer interface {
	ports.TokenIssuer
	ports.SessionRenewer
	ports.SessionRevoker
	ports.IssuerKeys
}

// warmer is an adapter that can open the way to its party before the first caller
// comes.
type warmer interface {
	Warm(ctx context.Context) error
}

// Upstreams makes the clients of the outside parties, and remembers them and how
// they are warmed.
type Upstreams struct {
	run     Runtime
	clients []ops.Upstream
	warm    map[string]func(context.Context) error
}

// NewUpstreams returns no clients yet.
func NewUpstreams(run Runtime) *Upstreams {
	return &Upstreams{run: run, warm: map[string]func(context.Context) error{}}
}

// Client returns a client for the party of that name, with a connection pool of
// its own.
func (u *Upstreams) Client(name string) *upstream.Client {
	client := upstream.New(upstream.Options{Name: name, RootCAs: u.run.RootCAs, Now: u.run.Now})
	u.clients = append(u.clients, client)
	return client
}

// warms remembers the adapter of that name if it can be warmed.
func (u *Upstreams) warms(name string, adapter any) {
	if w, ok := adapter.(warmer); ok {
		u.warm[name] = w.Warm
	}
}

// NewIdentityVerifier returns the verifier of passkey tokens: the one that is
// chosen, or one that asks each of several about its own tokens.
func NewIdentityVerifier(c Config, up *Upstreams) (ports.IdentityVerifier, error) {
	byIssuer := map[string]ports.IdentityVerifier{}
	var only, withoutIssuer ports.IdentityVerifier
	for _, part := range c.chosen() {
		config, ok := part.config.(verifierConfig)
		if !ok {
			continue
		}
		verifier, err := newVerifier(part.names[0], c, up)
		if err != nil {
			return nil, err
		}
		up.warms(part.names[0], verifier)
		if only = verifier; config.Declares() == "" {
			withoutIssuer = verifier
		} else {
			byIssuer[config.Declares()] = verifier
		}
	}
	if len(c.Verifiers) == 1 {
		return only, nil
	}
	return several.NewVerifier(byIssuer, withoutIssuer), nil
}

// NewIssuer returns what opens, renews and revokes sessions.
func NewIssuer(c Config, up *Upstreams) (Issuer, error) {
	issuer, err := newIssuer(c.Issuer, c, NewSignInPolicies(c)[0].Subjects, up)
	up.warms(c.Issuer, issuer)
	return issuer, err
}

// NewAssertionKeys returns the keys of the bridge's own assertions, or nil if the
// issuer takes none.
func NewAssertionKeys(issuer Issuer) ports.AssertionKeys {
	keys, _ := issuer.(ports.AssertionKeys)
	return keys
}

// ReplayStore is the guard of used proofs, and the party that it asks, which is
// nil if it remembers them by itself.
type ReplayStore struct {
	Guard ports.ReplayGuard
	Party ops.Upstream
}

// NewReplayStore opens the store that is configured. The error says that it is
// unfit; one that cannot be reached is none. ctx bounds the opening alone.
func NewReplayStore(ctx context.Context, c Config, run Runtime) (ReplayStore, func(), error) {
	if !c.Redis.Chosen() {
		born := run.Born
		if born.IsZero() {
			born = run.Now()
		}
		return ReplayStore{Guard: memory.NewReplayGuard(run.Now, born, memory.Capacity)}, func() {}, nil
	}
	guard, err := redis.Open(ctx, c.Redis, redis.Options{RootCAs: run.RootCAs, Log: run.Log, Now: run.Now})
	if err != nil {
		return ReplayStore{}, nil, err
	}
	return ReplayStore{Guard: guard, Party: guard}, guard.Close, nil
}

// NewAuditLog returns the log of attempts, and what writes its last lines.
func NewAuditLog(c Config, run Runtime) (*auditlog.Log, func()) {
	log := auditlog.New(run.Audit, c.Issuer, run.Now, run.Log)
	return log, log.Close
}

// NewHealth returns what the probes tell, and what is warmed before the first
// caller comes. It is made when verifier and issuer have been.
func NewHealth(up *Upstreams, _ ports.IdentityVerifier, _ Issuer, store ReplayStore, audit *auditlog.Log, run Runtime) *ops.Health {
	parties := up.clients
	if store.Party != nil {
		parties = append(parties, store.Party)
	}
	health := ops.NewHealth(up.warm, parties, run.Log)
	health.Watch("audit", audit.Stream)
	if run.LogStream != nil {
		health.Watch("log", run.LogStream)
	}
	return health
}

// NewSignInPolicies returns the rules of a sign-in, one for each verifier.
func NewSignInPolicies(c Config) domain.SignInPolicies {
	var policies domain.SignInPolicies
	for _, config := range c.verifierConfigs() {
		policies = append(policies, config.Policy(c.ClockSkew))
	}
	return policies
}

// NewAccessPolicy returns what sessions are offered.
func NewAccessPolicy(c Config) domain.AccessPolicy { return c.issuerConfig().Offer() }

// NewClientID returns the client id that callers of the OAuth way in may name.
func NewClientID(c Config) httpapi.ClientID { return httpapi.ClientID(c.issuerConfig().Client()) }

// NewDeadline returns how long an exchange may take.
func NewDeadline(c Config) time.Duration { return c.HTTP.RequestTimeout }

// NewOwners returns a source of owners for claims.
func NewOwners(run Runtime) func() domain.Owner {
	return func() (owner domain.Owner) {
		if _, err := io.ReadFull(run.Random, owner[:]); err != nil {
			panic(fmt.Errorf("no randomness for the owner of a claim: %w", err))
		}
		return owner
	}
}
