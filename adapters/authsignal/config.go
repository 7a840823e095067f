package authsignal

import (
	"crypto/fips140"
	"fmt"
	"regexp"
	"time"

	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// Config is what the bridge must know of the Authsignal tenant.
type Config struct {
	APIURL      settings.BaseURL `env:"AUTHSIGNAL_API_URL,required,notEmpty" help:"the Server API base URL of your tenant's region, such as https://eu.api.authsignal.com/v1 (there is no default, because a wrong region is a data-residency fault)"`
	Secret      settings.Secret  `env:"AUTHSIGNAL_SECRET,required,notEmpty" help:"the tenant's Server API secret key (Authsignal portal, Settings, API keys)"`
	Action      Action           `env:"AUTHSIGNAL_ACTION" envDefault:"signInWithPasskey" help:"the one action code that the app signs in with; it must be AUTHSIGNAL_ACTION in the Login script's settings too"`
	EnrolAction Action           `env:"AUTHSIGNAL_ENROL_ACTION" envDefault:"enrolPasskey" help:"the action code that people who are signed in add a passkey with (ENROL_AUDIENCE); never the one of AUTHSIGNAL_ACTION, because what it proves must open no session"`
	MaxAge      time.Duration    `env:"AUTHSIGNAL_MAX_AGE" envDefault:"10m" help:"how long after the ceremony its token is accepted, from 10s to 1h; Authsignal's tokens live 10 minutes"`

	Webhooks    settings.Switch `env:"AUTHSIGNAL_WEBHOOKS" envDefault:"off" help:"on if Authsignal tells the bridge of deleted passkeys at POST /hooks/authsignal: sessions of that person which began before are then renewed no more (docs/signing-out.md)"`
	SecretOther settings.Secret `env:"AUTHSIGNAL_SECRET_OTHER" help:"the tenant's other Server API secret key, while one takes the place of another: webhooks that either has signed are taken, and what Authsignal refuses because of the one key is asked with the other (docs/operate/rotation.md); it may be the same as the first, which is then the only one"`
	RevokeOn    RevokeOn        `env:"REVOKE_ON" envDefault:"last" help:"last if a person's sessions end when their last passkey is deleted, any if they end when any passkey of theirs is; for AUTHSIGNAL_WEBHOOKS=on"`
	RevokeKeep  time.Duration   `env:"REVOKE_KEEP" envDefault:"720h" help:"how long it is remembered that a person's sessions have ended, from 1h on: as long as a refresh token of yours can live (Auth0: token_lifetime, 30 days unless you changed it)"`
	Recheck     Recheck         `env:"RECHECK_PASSKEY" envDefault:"off" help:"renewal if each renewal is to find out whether the person still has a passkey, because a webhook may be lost; Authsignal is asked once in 5m for each person and process, and if it gives no answer the renewal goes on"`
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
	if c.RevokeKeep < time.Hour {
		faults = append(faults, settings.Fault{
			Name:    "REVOKE_KEEP",
			Problem: fmt.Sprintf("is %s", c.RevokeKeep),
			Fix:     "set it to 1h or more, such as 720h: a session from before could be renewed again after that time",
		})
	}
	if c.RevokeOn == RevokeOnAny && !bool(c.Webhooks) {
		faults = append(faults, settings.Fault{
			Name:    "REVOKE_ON",
			Problem: "is any, though AUTHSIGNAL_WEBHOOKS is off, so that nothing tells of a passkey that was deleted",
			Fix:     "set AUTHSIGNAL_WEBHOOKS to on, or unset this: RECHECK_PASSKEY finds only who has no passkey at all",
		})
	}
	return append(faults, c.tooShortForFIPS()...)
}

// fipsHMACKey is the shortest key, in bytes, that HMAC takes with fips140=only: 112 bits
// (NIST SP 800-131A).
const fipsHMACKey = 14

// tooShortForFIPS finds keys that webhooks cannot be checked with: HMAC would panic.
func (c *Config) tooShortForFIPS() (faults []settings.Fault) {
	if !fips140.Enforced() || !bool(c.Webhooks) {
		return nil
	}
	for _, key := range []struct {
		name   string
		secret settings.Secret
	}{{"AUTHSIGNAL_SECRET", c.Secret}, {"AUTHSIGNAL_SECRET_OTHER", c.SecretOther}} {
		if !key.secret.IsZero() && len(key.secret.Reveal()) < fipsHMACKey {
			faults = append(faults, settings.Fault{
				Name:    key.name,
				Problem: "has less than 112 bits, and GODEBUG=fips140=only allows no such key for the signatures of webhooks",
				Fix:     "copy the whole key from Authsignal's portal, or unset AUTHSIGNAL_WEBHOOKS",
			})
		}
	}
	return faults
}

// WatchesSessions reports whether sessions are to end with the person's passkey.
func (c *Config) WatchesSessions() bool { return bool(c.Webhooks) || c.Recheck == RecheckRenewal }

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

// RevokeOn says the loss of which passkey ends a person's sessions.
type RevokeOn string

// The values of RevokeOn.
const (
	RevokeOnLast RevokeOn = "last"
	RevokeOnAny  RevokeOn = "any"
)

// UnmarshalText accepts the two.
func (r *RevokeOn) UnmarshalText(text []byte) error {
	return settings.OneOf(r, text, RevokeOnLast, RevokeOnAny)
}

// Recheck says when it is asked again whether a person has a passkey.
type Recheck string

// The values of Recheck.
const (
	RecheckOff     Recheck = "off"
	RecheckRenewal Recheck = "renewal"
)

// UnmarshalText accepts the two.
func (r *Recheck) UnmarshalText(text []byte) error {
	return settings.OneOf(r, text, RecheckOff, RecheckRenewal)
}
