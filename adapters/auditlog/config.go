package auditlog

import (
	"nativebridge/adapters/internal/settings"
)

// Config is how attempts are recorded.
type Config struct {
	PII      PII                                 `env:"AUDIT_PII" envDefault:"plain" help:"plain: audit lines name people by user id, address and user agent; hashed: they have HMAC-SHA-256 of each instead, by AUDIT_PII_KEY"`
	PIIKey   settings.Rotating[settings.HMACKey] `env:"AUDIT_PII_KEY" help:"the key of AUDIT_PII=hashed, 64 or more hexadecimal digits, such as openssl rand -hex 32 prints; keep it for as long as the lines, or nobody can be found in them"`
	Required bool                                `env:"AUDIT_REQUIRED" envDefault:"false" help:"true: nobody gets a session, or fresh tokens, whose audit line the operating system has not taken, and while lines cannot be written sign-ins and renewals are answered 503; false: lines that are lost are counted and told, and stop nobody"`
}

// Check implements settings.Checker. It wants a key if people's names are hashed, and
// none if they are not: a key that does nothing would look like protection.
func (c *Config) Check() []settings.Fault {
	fault := settings.Fault{Name: "AUDIT_PII_KEY"}
	switch {
	case c.PII != PIIHashed && !c.PIIKey.IsZero():
		fault.Problem, fault.Fix = "is set, though AUDIT_PII is not hashed", "set AUDIT_PII to hashed, or unset the key"
	case c.PII == PIIHashed && c.PIIKey.IsZero():
		fault.Problem, fault.Fix = "is not set, though AUDIT_PII is hashed", "set it to what openssl rand -hex 32 prints, the same for all replicas"
	default:
		return nil
	}
	return []settings.Fault{fault}
}

// PII is how an audit line names a person.
type PII string

// The two ways.
const (
	// PIIPlain is as they are.
	PIIPlain PII = "plain"
	// PIIHashed is by HMAC-SHA-256. Who has the key can look for somebody whom they know,
	// and nobody can read out of the lines who somebody is. A hash without a key would
	// hide nothing: there are few addresses, and user ids are known elsewhere.
	PIIHashed PII = "hashed"
)

// UnmarshalText accepts the two.
func (p *PII) UnmarshalText(text []byte) error {
	return settings.OneOf(p, text, PIIPlain, PIIHashed)
}
