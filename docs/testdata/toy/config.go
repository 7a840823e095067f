package toy

import (
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Config is what the bridge must know of whoever signs toy tokens.
type Config struct {
	Key    domain.Secret `env:"TOY_KEY,required,notEmpty" help:"the key that toy tokens are signed with, of 32 characters at least"`
	Action string        `env:"TOY_ACTION" envDefault:"sign-in" help:"the action of a sign-in"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	if len(c.Key.Reveal()) >= 32 {
		return nil
	}
	return []settings.Fault{{Name: "TOY_KEY", Problem: "is shorter than 32 characters", Fix: "make one with 'openssl rand -hex 32'"}}
}

// Policy returns what makes a toy token a sign-in, but for the subject rule, which is the issuer's.
func (c Config) Policy(skew time.Duration) domain.SignInPolicy {
	return domain.SignInPolicy{Authority: "toy", Action: c.Action, MaxAge: 10 * time.Minute, Skew: skew}
}

// TokenIssuer returns "": toy tokens have no issuer.
func (c Config) TokenIssuer() string { return "" }

// VerifyTime returns how long a verification may take: no time, since it asks nobody.
func (c Config) VerifyTime() time.Duration { return 0 }
