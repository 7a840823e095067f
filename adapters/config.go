package adapters

import (
	"errors"
	"fmt"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/redis"
)

// Config is the configuration of the whole bridge. Each adapter owns its part.
type Config struct {
	HTTP       httpapi.Config
	Authsignal authsignal.Config
	Auth0      auth0.Config
	Redis      redis.Config
	Shared
}

// Shared is what more than one adapter goes by.
type Shared struct {
	ClockSkew time.Duration `env:"CLOCK_SKEW" envDefault:"30s" help:"how far the clocks of Authsignal, Auth0 and the bridge may differ, up to 5m"`
}

// Setting describes one environment variable, for help and documentation.
type Setting = settings.Setting

// Faults is everything that is wrong with a configuration.
type Faults = settings.Faults

// LoadConfig reads the configuration from environ. The error is a Faults that
// names everything that is wrong with it, and how to mend it.
func LoadConfig(environ map[string]string) (Config, error) {
	var c Config
	err := settings.Load(environ, append(c.parts(), &agreement{&c})...)
	return c, err
}

// Settings lists what LoadConfig reads, in the order of Config.
func Settings() []Setting { return settings.Describe(new(Config).parts()...) }

// UnknownSettings returns a warning for each variable of environ that looks like
// a setting and is none.
func UnknownSettings(environ map[string]string) []string {
	return settings.Unknown(environ, Settings(), "AUTHSIGNAL_", "AUTH0_", "REPLAY_")
}

func (c *Config) parts() []any { return []any{&c.HTTP, &c.Shared, &c.Authsignal, &c.Auth0, &c.Redis} }

// agreement checks what holds between the parts: a party must give up before the
// one that waits for it does, or else its trouble is told as the wrong one's.
type agreement struct{ config *Config }

// Check implements settings.Checker: script < issue < request.
func (a *agreement) Check() []settings.Fault {
	var faults []settings.Fault
	if a.config.HTTP.RequestTimeout <= auth0.IssueTimeout {
		faults = append(faults, settings.Fault{
			Name:    "REQUEST_TIMEOUT",
			Problem: fmt.Sprintf("is %s, not longer than the %s that Auth0 is given", a.config.HTTP.RequestTimeout, auth0.IssueTimeout),
			Fix:     "set it to 10s, or to anything longer than that",
		})
	}
	if skew := a.config.ClockSkew; skew < 0 || skew > 5*time.Minute {
		faults = append(faults, settings.Fault{
			Name:    "CLOCK_SKEW",
			Problem: fmt.Sprintf("is %s", skew),
			Fix:     "set it to something from 0s to 5m, such as 30s",
		})
	}
	return faults
}

// IsFaults reports whether err is a faulty configuration, which the operator can
// mend, and no other failure.
func IsFaults(err error) bool {
	_, ok := errors.AsType[Faults](err)
	return ok
}
