package adapters

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/jwt"
	"nativebridge/adapters/oidc"
	"nativebridge/adapters/ops"
	"nativebridge/adapters/redis"
	"nativebridge/domain"
)

// Config is the configuration of the whole bridge. Each adapter owns its part. A
// part that is tagged with a verifier's or an issuer's name is read only if that
// is chosen: adding one is a field here and a case in adapters.go.
type Config struct {
	HTTP httpapi.Config
	Ops  ops.Config
	Shared
	Choice
	Redis redis.Config

	Authsignal authsignal.Config `verifier:"authsignal"`
	JWT        jwt.Config        `verifier:"jwt"`

	Auth0 auth0.Config `issuer:"auth0,auth0-token-exchange"`
	OIDC  oidc.Config  `issuer:"oidc"`
}

// Shared is what more than one adapter goes by.
type Shared struct {
	ClockSkew time.Duration `env:"CLOCK_SKEW" envDefault:"30s" help:"how far the clocks of Authsignal, Auth0 and the bridge may differ, up to 5m"`
}

// Choice says which adapters serve the ports.
type Choice struct {
	Verifiers Names  `env:"IDENTITY_VERIFIER" envDefault:"authsignal" help:"who says whom a token proves: authsignal, jwt (a provider's signed token, checked here) or, while users move from one to the other, both, separated by a comma"`
	Issuer    string `env:"TOKEN_ISSUER" envDefault:"auth0" help:"who opens sessions: auth0 (password grant), auth0-token-exchange or oidc (any OpenID provider, by JWT bearer assertion); docs/choosing-an-issuer.md says which"`
}

// Names is a list of names.
type Names []string

// UnmarshalText splits at commas.
func (n *Names) UnmarshalText(text []byte) error {
	*n = strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ' ' })
	return nil
}

// verifierConfig is what a verifier's part must tell the rest of the bridge.
type verifierConfig interface {
	// Policy returns what makes an identity of this verifier a sign-in.
	Policy(skew time.Duration) domain.SignInPolicy
	// Declares returns the "iss" of this verifier's tokens; "" if they have none.
	Declares() string
	// VerifyTime returns how long a verification may take at most.
	VerifyTime() time.Duration
}

// issuerConfig is what an issuer's part must tell the rest of the bridge.
type issuerConfig interface {
	// Offer returns what sessions callers may ask for.
	Offer() domain.AccessPolicy
	// Client returns the bridge's own client id at the issuer.
	Client() string
	// Where returns the issuer identifier of its tokens.
	Where() string
	// Serves reports whether sessions can be opened for identities of the verifier
	// with the given name.
	Serves(verifier string) bool
	// IssueTime returns how long the opening of a session may take at most.
	IssueTime() time.Duration
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
	parts := c.always()
	for _, part := range c.chosen() {
		parts = append(parts, part.config)
	}
	err := settings.Load(environ, append(parts, &agreement{&c})...)
	return c, err
}

// Summary tells an operator what was chosen, as names and values for a log line,
// without anything secret. The configuration must be free of faults.
func (c Config) Summary() []any {
	var verifiers, actions []string
	for _, policy := range NewSignInPolicies(c) {
		verifiers, actions = append(verifiers, policy.Authority), append(actions, policy.Action)
	}
	issuer := c.issuerConfig()
	return []any{"verifiers", verifiers, "actions", actions, "token_issuer", c.Issuer, "issuer", issuer.Where(),
		"client_id", issuer.Client(), "audience", issuer.Offer().Default.Audience}
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
func (c Config) Warnings() []string { return c.Redis.Warnings() }

// UnknownSettings returns a warning for each variable of environ that looks like
// a setting and is none.
func UnknownSettings(environ map[string]string) []string {
	var known []settings.Setting
	prefixes := []string{"REPLAY_"}
	for _, setting := range Settings() {
		known = append(known, setting.Setting)
		if prefix, _, _ := strings.Cut(setting.Name, "_"); setting.When != "" { // an adapter's own
			prefixes = append(prefixes, prefix+"_")
		}
	}
	return settings.Unknown(environ, known, prefixes...)
}

func (c *Config) always() []any { return []any{&c.HTTP, &c.Ops, &c.Shared, &c.Choice, &c.Redis} }

// part is a tagged field of Config.
type part struct {
	variable string   // that makes the choice
	names    []string // which it belongs to
	config   any      // a pointer to the field
	chosen   bool
}

// optional lists the tagged fields. It panics if one cannot be what its tag says,
// which every test of this package then finds.
func (c *Config) optional() []part {
	var parts []part
	config := reflect.ValueOf(c).Elem()
	for i := range config.NumField() {
		tag, field := config.Type().Field(i).Tag, config.Field(i).Addr().Interface()
		if name := tag.Get("verifier"); name != "" {
			parts = append(parts, part{"IDENTITY_VERIFIER", []string{name}, field.(verifierConfig), slices.Contains(c.Verifiers, name)})
		}
		if list := tag.Get("issuer"); list != "" {
			names := strings.Split(list, ",")
			parts = append(parts, part{"TOKEN_ISSUER", names, field.(issuerConfig), slices.Contains(names, c.Issuer)})
		}
	}
	return parts
}

// chosen lists those that are chosen.
func (c *Config) chosen() []part {
	return slices.DeleteFunc(c.optional(), func(p part) bool { return !p.chosen })
}

// verifierConfigs returns the part of each chosen verifier.
func (c *Config) verifierConfigs() []verifierConfig {
	var list []verifierConfig
	for _, part := range c.chosen() {
		if config, ok := part.config.(verifierConfig); ok {
			list = append(list, config)
		}
	}
	return list
}

// issuerConfig returns the part of the chosen issuer.
func (c *Config) issuerConfig() issuerConfig {
	for _, part := range c.chosen() {
		if config, ok := part.config.(issuerConfig); ok {
			return config
		}
	}
	return nil
}

// IsFaults reports whether err is a faulty configuration, which the operator can
// mend, and no other failure.
func IsFaults(err error) bool {
	_, ok := errors.AsType[Faults](err)
	return ok
}
