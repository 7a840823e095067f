package adapters

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/accesstoken"
	"nativebridge/adapters/auditlog"
	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/breaker"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/jwt"
	"nativebridge/adapters/limits"
	"nativebridge/adapters/metrics"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/ops"
	"nativebridge/adapters/redis"
	"nativebridge/adapters/relyingparty"
	"nativebridge/adapters/renewals"
	"nativebridge/adapters/tracing"
)

// Config is the configuration of the whole bridge. Each adapter owns its part. The part
// of a verifier or an issuer is read only if that is chosen: adding one is a field here
// and a row in choices.go.
type Config struct {
	HTTP    httpapi.Config
	Ops     ops.Config
	Metrics metrics.Config
	Shared
	Choice
	Redis   redis.Config
	Limits  limits.Config
	Audit   auditlog.Config
	Tracing tracing.Config
	Breaker breaker.Config

	Renewals renewals.Config

	RelyingParty relyingparty.Config
	Enrolment    accesstoken.Config

	Authsignal authsignal.Config
	JWT        jwt.Config

	Auth0 auth0.Config
	OIDC  oidc.Config
}

// Shared has the settings that more than one adapter uses.
type Shared struct {
	ClockSkew time.Duration `env:"CLOCK_SKEW" envDefault:"30s" help:"how far the clocks of Authsignal, Auth0 and the bridge may differ, up to 5m"`

	ScopeStrict bool `env:"SCOPE_STRICT" envDefault:"false" help:"true: who asks for a scope that is not offered is refused with invalid_scope; false: it is left out, as at Auth0, the answer tells the scope that was granted, and only who asks for nothing that is offered is refused"`
}

// Choice says which adapters serve the ports.
type Choice struct {
	Verifiers VerifierNames `env:"IDENTITY_VERIFIER" envDefault:"authsignal"`
	Issuer    IssuerName    `env:"TOKEN_ISSUER" envDefault:"auth0"`
}

// Setting describes one environment variable, for help and documentation. When
// says what must be chosen for it to be read; "" means that it always is.
type Setting struct {
	settings.Setting
	When string
}

// Faults is everything that is wrong with a configuration.
type Faults = settings.Faults

// LoadConfig reads the configuration from environ. The error is a Faults that
// names everything that is wrong with it, and how to mend it.
func LoadConfig(environ map[string]string) (Config, error) {
	var c Config
	_ = settings.Load(environ, &c.Choice) // what is wrong with it is found again below
	err := settings.Load(environ, append(c.chosen(), &agreement{&c, environ})...)
	return c, err
}

// chosen returns the parts of the configuration that are read.
func (c *Config) chosen() []any {
	parts := c.always()
	for _, verifier := range c.verifiers() {
		parts = append(parts, verifier.Config(c))
	}
	if issuer, found := c.issuer(); found {
		parts = append(parts, issuer.Config(c))
	}
	return parts
}

// Chooses reports whether environ chooses the verifier or the issuer with that name.
func Chooses(environ map[string]string, name string) bool {
	var c Config
	_ = settings.Load(environ, &c.Choice) // LoadConfig says what is wrong with it
	return slices.Contains(c.Verifiers, name) || string(c.Issuer) == name
}

// Summary tells an operator what was chosen, as names and values for a log line,
// without anything secret. The configuration must be free of faults.
func (c Config) Summary() []any {
	var verifiers, actions []string
	for _, policy := range NewSignInPolicies(c) {
		verifiers, actions = append(verifiers, policy.Authority), append(actions, policy.Action)
	}
	issuer := c.issuerConfig()
	return []any{"verifiers", verifiers, "actions", actions, "token_issuer", string(c.Issuer), "issuer", issuer.IssuerURL(),
		"client_id", issuer.ClientID(), "audience", issuer.Offer().Default.Audience}
}

// Settings lists everything that LoadConfig may read, in the order of Config.
func Settings() []Setting {
	var c Config
	var list []Setting
	for _, setting := range settings.Describe(c.always()...) {
		list = append(list, Setting{Setting: setting})
	}
	for _, part := range c.optional() {
		for _, setting := range settings.Describe(part.config) {
			list = append(list, Setting{setting, part.variable + " is " + strings.Join(part.names, " or ")})
		}
	}
	return list
}

// Warnings tells what an operator should know of a configuration that is free of
// faults, and never a secret.
func (c Config) Warnings() []string { return slices.Concat(c.HTTP.Warnings(), c.Redis.Warnings()) }

// UnknownSettings returns a warning for each variable of environ that looks like
// a setting but is none.
func UnknownSettings(environ map[string]string) []string {
	var known []settings.Setting
	prefixes := []string{"REPLAY_", "RATE_", "AUDIT_", "ENROL_", "RENEWAL_"}
	for _, setting := range Settings() {
		known = append(known, setting.Setting)
		if prefix, _, _ := strings.Cut(setting.Name, "_"); setting.When != "" { // an adapter's own
			prefixes = append(prefixes, prefix+"_")
		}
	}
	others := maps.Clone(environ)
	maps.DeleteFunc(others, func(name, _ string) bool { return isForOperators(name) })
	return settings.Unknown(others, known, prefixes...)
}

// isForOperators reports whether a variable is of setup and doctor: those let them in at
// a management API.
func isForOperators(name string) bool { return strings.Contains(name, "_MANAGEMENT_") }

// NeedlessCredentials returns a warning for each credential of environ that serve does
// not need.
func NeedlessCredentials(environ map[string]string) []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if isForOperators(name) && environ[name] != "" {
			warnings = append(warnings, name+" is set, which only setup and doctor need: take it out of serve's environment, or whoever takes over the bridge has it too")
		}
	}
	return warnings
}

func (c *Config) always() []any {
	return []any{&c.HTTP, &c.Ops, &c.Metrics, &c.Shared, &c.Choice, &c.Redis, &c.Limits, &c.Audit, &c.Tracing, &c.Breaker, &c.Renewals, &c.RelyingParty, &c.Enrolment}
}

// part is a part of the configuration that is read only if its adapter is chosen.
type part struct {
	variable string   // makes the choice
	names    []string // the choices that it belongs to
	config   settings.Checker
}

// optional lists those parts, each once.
func (c *Config) optional() []part {
	var parts []part
	add := func(variable, name string, config settings.Checker) {
		if last := len(parts) - 1; last >= 0 && parts[last].config == config {
			parts[last].names = append(parts[last].names, name)
			return
		}
		parts = append(parts, part{variable, []string{name}, config})
	}
	for _, choice := range Verifiers() {
		add("IDENTITY_VERIFIER", choice.Name, choice.Config(c))
	}
	for _, choice := range Issuers() {
		add("TOKEN_ISSUER", choice.Name, choice.Config(c))
	}
	return parts
}

// verifiers returns the verifiers that are chosen.
func (c *Config) verifiers() []VerifierChoice {
	return slices.DeleteFunc(Verifiers(), func(choice VerifierChoice) bool { return !slices.Contains(c.Verifiers, choice.Name) })
}

// verifierConfigs returns the part of each verifier that is chosen.
func (c *Config) verifierConfigs() []VerifierConfig {
	var list []VerifierConfig
	for _, choice := range c.verifiers() {
		list = append(list, choice.Config(c))
	}
	return list
}

// issuer returns the issuer that is chosen, and false if there is none of that name.
func (c *Config) issuer() (choice IssuerChoice, found bool) {
	choices := Issuers()
	i := slices.IndexFunc(choices, func(choice IssuerChoice) bool { return choice.Name == string(c.Issuer) })
	if i < 0 {
		return IssuerChoice{}, false
	}
	return choices[i], true
}

// issuerConfig returns the part of the issuer that is chosen. The configuration must be
// free of faults.
func (c *Config) issuerConfig() IssuerConfig {
	choice, _ := c.issuer()
	return choice.Config(c)
}

// IsFaults reports whether err is a faulty configuration, which the operator can
// mend, and no other failure.
func IsFaults(err error) bool {
	_, ok := errors.AsType[Faults](err)
	return ok
}
