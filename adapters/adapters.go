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
	"nativebridge/adapters/memory"
	"nativebridge/adapters/redis"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Set provides every port, and the policies and limits that the use cases work by.
var Set = wire.NewSet(
	NewUpstreams, NewIdentityVerifier, NewAuth0Issuer, NewReplayStore, NewAuditLog, NewHealth,
	wire.Bind(new(ports.TokenIssuer), new(*auth0.Issuer)),
	wire.Bind(new(ports.SessionRenewer), new(*auth0.Issuer)),
	wire.Bind(new(ports.SessionRevoker), new(*auth0.Issuer)),
	wire.Bind(new(ports.IssuerKeys), new(*auth0.Issuer)),
	NewSignInPolicies, NewAccessPolicy, NewClientID, NewDeadline, NewOwners,
	wire.FieldsOf(new(Config), "HTTP"),
	wire.FieldsOf(new(ReplayStore), "Guard"),
	wire.FieldsOf(new(Runtime), "Log", "Now"),
)

// Runtime is what the process gives the graph besides its configuration. All
// fields but RootCAs must be set.
type Runtime struct {
	Log     *slog.Logger
	Audit   io.Writer        // takes the audit log's lines
	Now     func() time.Time // tells the time
	Random  io.Reader        // makes owners of claims; must never fail
	RootCAs *x509.CertPool   // trusted for TLS to the upstreams; nil means the system's
}

// Upstreams are the clients of the outside parties.
type Upstreams struct{ Authsignal, Auth0 *upstream.Client }

// NewUpstreams gives each party a connection pool of its own.
func NewUpstreams(run Runtime) Upstreams {
	client := func(name string) *upstream.Client {
		return upstream.New(upstream.Options{Name: name, RootCAs: run.RootCAs, Now: run.Now})
	}
	return Upstreams{Authsignal: client("authsignal"), Auth0: client("auth0")}
}

// NewIdentityVerifier returns the verifier of passkey tokens.
func NewIdentityVerifier(c Config, up Upstreams, run Runtime) ports.IdentityVerifier {
	return authsignal.NewVerifier(up.Authsignal, c.Authsignal, c.ClockSkew, run.Now)
}

// NewAuth0Issuer returns what opens, renews and revokes sessions.
func NewAuth0Issuer(c Config, up Upstreams, run Runtime) *auth0.Issuer {
	return auth0.NewIssuer(up.Auth0, c.Auth0, c.Authsignal.Subjects.Rule(), c.ClockSkew, run.Now)
}

// ReplayStore is the guard of used proofs, and the party that it asks, which is
// nil if it remembers them by itself.
type ReplayStore struct {
	Guard ports.ReplayGuard
	Party httpapi.Upstream
}

// NewReplayStore opens the store that is configured. The error says that it is
// unfit; one that cannot be reached is none. ctx bounds the opening alone.
func NewReplayStore(ctx context.Context, c Config, run Runtime) (ReplayStore, func(), error) {
	if !c.Redis.Chosen() {
		return ReplayStore{Guard: memory.NewReplayGuard(run.Now, memory.Capacity)}, func() {}, nil
	}
	guard, err := redis.Open(ctx, c.Redis, redis.Options{RootCAs: run.RootCAs, Log: run.Log, Now: run.Now})
	if err != nil {
		return ReplayStore{}, nil, err
	}
	return ReplayStore{Guard: guard, Party: guard}, guard.Close, nil
}

// NewAuditLog returns the log of attempts.
func NewAuditLog(run Runtime) ports.AuditLog {
	return auditlog.New(run.Audit, run.Log)
}

// NewHealth returns what the probes tell, and what is warmed before the first
// caller comes.
func NewHealth(c Config, up Upstreams, issuer *auth0.Issuer, store ReplayStore, run Runtime) *httpapi.Health {
	warm := map[string]func(context.Context) error{
		up.Authsignal.Name(): func(ctx context.Context) error { return up.Authsignal.Warm(ctx, string(c.Authsignal.APIURL)) },
		up.Auth0.Name():      issuer.Warm,
	}
	parties := []httpapi.Upstream{up.Authsignal, up.Auth0}
	if store.Party != nil {
		parties = append(parties, store.Party)
	}
	return httpapi.NewHealth(warm, parties, run.Log)
}

// NewSignInPolicies returns the rules of a sign-in.
func NewSignInPolicies(c Config) domain.SignInPolicies {
	return domain.SignInPolicies{c.Authsignal.Policy(c.ClockSkew)}
}

// NewAccessPolicy returns what sessions are offered.
func NewAccessPolicy(c Config) domain.AccessPolicy {
	return domain.AccessPolicy{
		Default:   domain.Access{Scope: c.Auth0.Scope, Audience: c.Auth0.Audience},
		Scopes:    c.Auth0.ScopeAllowed,
		Audiences: c.Auth0.AudiencesAllowed,
	}
}

// NewClientID returns the client id that callers of the OAuth way in may name.
func NewClientID(c Config) httpapi.ClientID { return httpapi.ClientID(c.Auth0.ClientID) }

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
