package authsignal

import (
	"fmt"
	"regexp"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Config is what the bridge must know of the Authsignal tenant.
type Config struct {
	APIURL      settings.BaseURL `env:"AUTHSIGNAL_API_URL,required,notEmpty" help:"the Server API base URL of your tenant's region, such as https://eu.api.authsignal.com/v1 (there is no default, because a wrong region is a data-residency fault)"`
	Secret      domain.Secret    `env:"AUTHSIGNAL_SECRET,required,notEmpty" help:"the tenant's Server API secret key (Authsignal portal, Settings, API keys)"`
	Action      Action           `env:"AUTHSIGNAL_ACTION" envDefault:"signInWithPasskey" help:"the one action code that the app signs in with; it must be AUTHSIGNAL_ACTION in the Login script's settings too"`
	EnrolAction Action           `env:"AUTHSIGNAL_ENROL_ACTION" envDefault:"enrolPasskey" help:"the action code that people who are signed in add a passkey with (ENROL_AUDIENCE); never the one of AUTHSIGNAL_ACTION, because what it proves must open no session"`
	MaxAge      time.Duration    `env:"AUTHSIGNAL_MAX_AGE" envDefault:"10m" help:"how long after the ceremony its token is accepted, from 10s to 1h; Authsignal's tokens live 10 minutes"`
}

// Check implements settings.Checker.
func (c *Config) Check() []settings.Fault {
	var faults []settings.Fault
	if c.MaxAge < 10*time.Second || c.MaxAge > time.Hour {
		faults = append(faults, settings.Fault{
			Name:    "AUTHSIGNAL_MAX_AGE",
			Problem: fmt.Sprintf("is %s", c.MaxAge),
			Fix:     "set it to something from 10s to 1h, such as 10m",
		})
	}
	if c.EnrolAction == c.Action {
		faults = append(faults, settings.Fault{
			Name:    "AUTHSIGNAL_ENROL_ACTION",
			Problem: "is the action of AUTHSIGNAL_ACTION, so that whoever adds a passkey would have signed in with it",
			Fix:     "set it to another, such as enrolPasskey",
		})
	}
	return faults
}

// Authority names the tenant in identities. One address and key belong to one
// tenant, and keys change.
func (c Config) Authority() string { return "authsignal " + string(c.APIURL) }

// Policy returns what makes an identity of this tenant a sign-in, but for the
// subject rule, which is the issuer's.
func (c Config) Policy(skew time.Duration) domain.SignInPolicy {
	return domain.SignInPolicy{
		Authority: c.Authority(),
		Action:    string(c.Action),
		MaxAge:    c.MaxAge,
		Skew:      skew,
		From: domain.RuleSettings{
			Action: "AUTHSIGNAL_ACTION, and which action the app signs in with",
			Time:   "the clock of the bridge's machine, CLOCK_SKEW and AUTHSIGNAL_MAX_AGE",
		},
	}
}

// TokenIssuer returns the "iss" of this tenant's tokens: they have none.
func (c Config) TokenIssuer() string { return "" }

// VerifyTime returns how long a verification may take at most.
func (c Config) VerifyTime() time.Duration { return VerifyTimeout }

// Action is an action code: 1 to 64 letters, digits, "-" and "_" ("Track action",
// Authsignal Server API).
type Action string

var actionForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// UnmarshalText checks the form.
func (a *Action) UnmarshalText(text []byte) error {
	if !actionForm.Match(text) {
		return fmt.Errorf("an action code has 1 to 64 letters, digits, - and _")
	}
	*a = Action(text)
	return nil
}
