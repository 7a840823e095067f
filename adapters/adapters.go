// Package adapters is the one place where a choice of the configuration becomes
// an adapter, so that Wire sees exactly one provider for each port.
package adapters

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/wire"

	"nativebridge/adapters/auditlog"
	"nativebridge/adapters/byissuer"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/memory"
	"nativebridge/adapters/ops"
	"nativebridge/adapters/redis"
	"nativebridge/adapters/tracing"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Set provides every port, the use cases, and the policies and limits that they work by,
// of a Config that is free of faults.
var Set = wire.NewSet(
	OpenTracing, NewInstruments, OpenVerifiers, OpenIssuer, OpenStore, OpenAuditLog, OpenLimits, NewGuard, NewAdmission,
	NewIdentityVerifier, NewRenewalMemory, NewRenewOnce, NewExchange, NewRenewal, NewRevocation, NewPasskeys, NewWatchedSessions, OpenEndings, NewUseCases, NewAPI, NewHealth, NewStartupCheck,
	NewSignInPolicies, NewAccessPolicy, NewClientID, NewDeadline, NewOwners,
	wire.FieldsOf(new(Config), "HTTP", "Ops"),
	wire.FieldsOf(new(Runtime), "Log", "Now"),
)

// Runtime is what the process gives the graph besides its configuration. All
// fields but Born, RootCAs, Version, LogStream and Reloads must be set.
type Runtime struct {
	Log     *slog.Logger
	Audit   io.Writer      // takes the audit log's lines, one or several in a call; may hang
	Now     Clock          // tells the time
	Born    time.Time      // no proof that is newer than this can have opened a session yet; zero means now
	Random  io.Reader      // makes owners of claims; must never fail
	RootCAs *x509.CertPool // trusted for TLS to the upstreams; nil means the system's

	Version   string     // of the build, for metrics and traces; "" means what the Go tool knows
	LogStream ops.Stream // tells whether the log's output works; nil if nothing can tell
	Reloads   *Reloads   // of secrets and certificates; nil if nothing reads them again
}

// Clock tells the time.
type Clock func() time.Time

// Client returns a client for the party of that name, with a connection pool of its own.
func (r Runtime) Client(name string) *upstream.Client {
	return upstream.New(upstream.Options{Name: name, RootCAs: r.RootCAs, Now: r.Now})
}

// OpenTracing returns what sends traces, nil unless the OTEL_* variables of the process'
// environment ask for it, and a function that sends the last of them.
func OpenTracing(c Config, run Runtime) (*tracing.Tracing, func()) {
	traces := tracing.Open(c.Tracing, run.Version, run.Log)
	return traces, traces.Close
}

// NewAPI returns the routes that apps call.
func NewAPI(c Config, clientID httpapi.ClientID, use httpapi.UseCases, run Runtime, in Instruments) *httpapi.Server {
	return DecorateAPI(httpapi.NewServer(c.HTTP, clientID, use, run.Log), in)
}

// OpenedVerifiers are the verifiers that are chosen, by name.
type OpenedVerifiers map[string]OpenedVerifier

// OpenVerifiers opens the verifiers that are chosen.
func OpenVerifiers(c Config, run Runtime, in Instruments) OpenedVerifiers {
	opened := OpenedVerifiers{}
	for _, choice := range c.verifiers() {
		verifier := choice.Open(Opening{c, run, in, choice.Name})
		opened[choice.Name] = DecorateVerifier(choice.Name, verifier, in)
	}
	return opened
}

// OpenIssuer opens the issuer that is chosen.
func OpenIssuer(c Config, run Runtime, in Instruments) OpenedIssuer {
	choice, _ := c.issuer()
	issuer := choice.Open(Opening{c, run, in, choice.Name})
	return DecorateIssuer(choice.Name, issuer, in)
}

// NewIdentityVerifier returns the verifier of passkey tokens: the one that is
// chosen, or one that asks each of several about its own tokens.
func NewIdentityVerifier(c Config, opened OpenedVerifiers, in Instruments) ports.IdentityVerifier {
	var only, withoutIssuer ports.IdentityVerifier
	byIssuer := map[string]ports.IdentityVerifier{}
	for _, choice := range c.verifiers() {
		only = opened[choice.Name].IdentityVerifier
		if issuer := choice.Config(&c).TokenIssuer(); issuer != "" {
			byIssuer[issuer] = only
		} else {
			withoutIssuer = only
		}
	}
	if len(opened) == 1 {
		return only
	}
	return DecorateDispatcher(byissuer.NewVerifier(byIssuer, withoutIssuer), in)
}

// OpenedStore is what the replicas share. Redis is nil if they share nothing, so that each
// process remembers by itself. Party tells of its trouble, and Probe looks for what is
// wrong with it; both are nil then too.
type OpenedStore struct {
	Redis *redis.Store
	Party ops.Upstream
	Probe ports.Probe
}

// OpenStore opens the store that is configured. It returns an error if the store is
// unfit, but none if the store cannot be reached. ctx bounds the opening alone.
func OpenStore(ctx context.Context, c Config, run Runtime, in Instruments) (OpenedStore, func(), error) {
	if !c.Redis.Chosen() {
		return OpenedStore{}, func() {}, nil
	}
	store, err := redis.Open(ctx, c.Redis, redis.Options{RootCAs: run.RootCAs, Log: run.Log, Now: run.Now, Watch: in.Traces.Redis})
	if err != nil {
		return OpenedStore{}, nil, err
	}
	return OpenedStore{store, store, DecorateProbe(redis.NewProbe(c.Redis, run.RootCAs), run.Log)}, store.Close, nil
}

// NewGuard returns the guard of used proofs, which remembers them in the store if there
// is one.
func NewGuard(store OpenedStore, run Runtime, in Instruments) ports.ReplayGuard {
	if store.Redis != nil {
		meterStore(store.Redis, in.Metrics)
		return DecorateGuard(redis.NewReplayGuard(store.Redis), in)
	}
	born := run.Born
	if born.IsZero() {
		born = run.Now()
	}
	guard := memory.NewReplayGuard(run.Now, born, memory.Capacity)
	meterMemoryGuard(guard, born, run.Now, in.Metrics)
	return DecorateGuard(guard, in)
}

// NewRenewalMemory returns the memory of renewals, which is in the store if there is one.
func NewRenewalMemory(store OpenedStore, run Runtime, in Instruments) ports.RenewalMemory {
	if store.Redis != nil {
		return DecorateRenewalMemory(redis.NewRenewalMemory(store.Redis), in)
	}
	renewals := memory.NewRenewalMemory(run.Now, memory.RenewalCapacity)
	meterRenewalMemory(renewals, in.Metrics)
	return DecorateRenewalMemory(renewals, in)
}

// OpenedAuditLog is the log of attempts. Stream tells whether its output works; Required,
// whether an attempt fails that is not on record.
type OpenedAuditLog struct {
	ports.AuditLog
	Stream   ops.Stream
	Required bool
}

// OpenAuditLog returns the log of attempts, and a function that writes its last lines.
func OpenAuditLog(c Config, run Runtime, in Instruments) (OpenedAuditLog, func()) {
	log := auditlog.New(run.Audit, c.Audit, string(c.Issuer), run.Now, run.Log)
	meterAuditLog(log.Stream, in.Metrics)
	return DecorateAuditLog(OpenedAuditLog{log, log.Stream, c.Audit.Required}, in), log.Close
}

// NewHealth returns what the probes report. It also warms the adapters up before the
// first caller comes.
func NewHealth(c Config, verifiers OpenedVerifiers, issuer OpenedIssuer, store OpenedStore, audit OpenedAuditLog, run Runtime) *ops.Health {
	warm := map[string]func(context.Context) error{}
	var parties []ops.Upstream
	var keep []func(context.Context)
	add := func(name string, warmUp func(context.Context) error, party Party) {
		if warmUp != nil {
			warm[name] = warmUp
		}
		if party != nil {
			parties = append(parties, party)
		}
		if warmUp != nil && party != nil {
			keep = append(keep, func(ctx context.Context) { party.KeepWarm(ctx, warmUp) })
		}
	}
	for name, verifier := range verifiers {
		add(name, verifier.Warm, verifier.Party)
	}
	add(string(c.Issuer), issuer.Warm, issuer.Party)
	if store.Party != nil {
		parties = append(parties, store.Party)
	}
	if store.Redis == nil && run.Born.IsZero() {
		warm["memory"] = outliveDateLag
	}

	health := ops.NewHealth(warm, parties, run.Log)
	for _, connection := range keep {
		health.Keep(connection)
	}
	for _, breaker := range Breakers(verifiers, issuer) {
		health.WatchBreaker(breaker)
	}
	health.Watch("audit", audit.Stream)
	if run.LogStream != nil {
		health.Watch("log", run.LogStream)
	}
	return health
}

// outliveDateLag waits until a proof that is made now is newer than a guard that was born
// before it, as far as anybody can tell from the Date of the verifier's answers. The guard
// refuses what may be older than its memory.
func outliveDateLag(ctx context.Context) error {
	_ = upstream.Wait(ctx, upstream.DateLag) // it is only cut short when the process stops
	return nil
}

// NewStartupCheck returns the check of the parties that were opened, in the order in which
// a failure of one makes the next ones fail.
func NewStartupCheck(c Config, verifiers OpenedVerifiers, issuer OpenedIssuer, store OpenedStore, run Runtime) *ops.StartupCheck {
	var probes []ports.Probe
	add := func(probe ports.Probe) {
		if probe != nil {
			probes = append(probes, probe)
		}
	}
	for _, choice := range c.verifiers() {
		add(verifiers[choice.Name].Probe)
	}
	add(issuer.Probe)
	add(store.Probe)
	if issuer.Trial.AtStart {
		add(issuer.Trial.Probe)
	}
	return ops.NewStartupCheck(c.Ops, probes, run.Log)
}

// NewSignInPolicies returns the policies of sign-ins, one for each verifier. All of them
// get the issuer's subject rule: with two rules, two users could become one
// (docs/decisions/0035).
func NewSignInPolicies(c Config) domain.SignInPolicies {
	rule, setting := c.issuerConfig().SubjectRule()
	var policies domain.SignInPolicies
	for _, config := range c.verifierConfigs() {
		policy := config.Policy(c.ClockSkew)
		policy.Subjects = rule
		names := slices.DeleteFunc([]string{setting, policy.From.Subject}, func(name string) bool { return name == "" })
		policy.From.Subject = strings.Join(names, " and ")
		policies = append(policies, policy)
	}
	return policies
}

// NewAccessPolicy returns the rules for the sessions that callers may ask for.
func NewAccessPolicy(c Config) domain.AccessPolicy {
	policy := c.issuerConfig().Offer()
	policy.Strict = c.ScopeStrict
	return policy
}

// NewClientID returns the client id that callers of the OAuth endpoints may name.
func NewClientID(c Config) httpapi.ClientID { return httpapi.ClientID(c.issuerConfig().ClientID()) }
