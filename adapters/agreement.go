package adapters

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/authsignal"
	"nativebridge/adapters/internal/serving"
	"nativebridge/adapters/internal/settings"
	"nativebridge/domain"
)

// agreement checks the rules that concern more than one part of the configuration.
type agreement struct {
	config  *Config
	environ map[string]string
}

// Check implements settings.Checker.
func (a *agreement) Check() []settings.Fault {
	return slices.Concat(a.names(), a.pairs(), a.tokens(), a.watching(), a.times(), a.renewals(), a.addresses(), a.enrolment())
}

// names finds choices that do not exist.
func (a *agreement) names() []settings.Fault {
	var verifiers, issuers []string
	for _, choice := range Verifiers() {
		verifiers = append(verifiers, choice.Name)
	}
	for _, choice := range Issuers() {
		issuers = append(issuers, choice.Name)
	}
	return slices.Concat(unknown("IDENTITY_VERIFIER", a.config.Verifiers, verifiers), unknown("TOKEN_ISSUER", []string{string(a.config.Issuer)}, issuers))
}

func unknown(variable string, chosen, known []string) []settings.Fault {
	fault := settings.Fault{Name: variable, Fix: "set it to " + strings.Join(known, " or ")}
	switch {
	case len(chosen) == 0:
		fault.Problem = "has no name in it"
	case slices.ContainsFunc(chosen, func(name string) bool { return !slices.Contains(known, name) }):
		fault.Problem = "has a name that the bridge does not know"
	default:
		return nil
	}
	return []settings.Fault{fault}
}

// pairs finds a verifier that the issuer cannot serve, and settings that the issuer
// ignores: they would look as if they did something.
func (a *agreement) pairs() []settings.Fault {
	issuer, found := a.config.issuer()
	if !found {
		return nil
	}
	faults := issuer.Check(a.config, a.environ)
	for _, verifier := range a.config.verifiers() {
		if !issuer.CanServe(verifier.Name) {
			return append(faults, settings.Fault{
				Name:    "TOKEN_ISSUER",
				Problem: fmt.Sprintf("is %s, which cannot open sessions for people of IDENTITY_VERIFIER=%s", issuer.Name, verifier.Name),
				Fix:     "choose a pair from the table in docs/choosing-an-issuer.md",
			})
		}
	}
	return faults
}

// tokens finds verifiers whose tokens cannot be told apart.
func (a *agreement) tokens() []settings.Fault {
	seen := map[string]bool{}
	for _, config := range a.config.verifierConfigs() {
		if seen[config.TokenIssuer()] {
			return []settings.Fault{{
				Name:    "IDENTITY_VERIFIER",
				Problem: "names verifiers whose tokens have the same issuer, or none",
				Fix:     "name only one of them: the bridge could not tell which verifier to ask about a token",
			}}
		}
		seen[config.TokenIssuer()] = true
	}
	return nil
}

// watching finds settings for the end of sessions that do not go together.
func (a *agreement) watching() []settings.Fault {
	var faults []settings.Fault
	if a.config.Authsignal.Recheck == authsignal.RecheckRenewal && len(a.config.verifiers()) > 1 {
		faults = append(faults, settings.Fault{
			Name:    "RECHECK_PASSKEY",
			Problem: "is renewal, though IDENTITY_VERIFIER names others than authsignal, whose people have no passkey at Authsignal",
			Fix:     "set it to off until all users have moved to Authsignal",
		})
	}
	if a.config.Auth0.Ender.Given() && !bool(a.config.Authsignal.Webhooks) {
		faults = append(faults, settings.Fault{
			Name:    "AUTH0_SESSION_ENDER_CLIENT_ID",
			Problem: "is set, though AUTHSIGNAL_WEBHOOKS is off, so that nothing tells whose sessions to end",
			Fix:     "set AUTHSIGNAL_WEBHOOKS to on, or unset this",
		})
	}
	return faults
}

// times finds a REQUEST_TIMEOUT that is shorter than its parts together. Each party must
// give up before whoever waits for it does; otherwise the wrong one is blamed.
func (a *agreement) times() []settings.Fault {
	var faults []settings.Fault
	if needed, parts := a.budget(); a.config.HTTP.RequestTimeout < needed {
		faults = append(faults, settings.Fault{
			Name:    "REQUEST_TIMEOUT",
			Problem: fmt.Sprintf("is %s, and an exchange may take %s: %s", a.config.HTTP.RequestTimeout, needed, parts),
			Fix:     fmt.Sprintf("set it to %s or more, or unset it: the default is long enough", needed),
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

// enrolment finds settings by which nobody could get a passkey, or by which ID tokens would
// pass for access tokens.
func (a *agreement) enrolment() []settings.Fault {
	issuer, found := a.config.issuer()
	if !a.config.Enrolment.On() || !found {
		return nil
	}
	fault := settings.Fault{Name: "ENROL_AUDIENCE"}
	switch {
	case !slices.ContainsFunc(a.config.verifiers(), func(v VerifierChoice) bool { return v.Enrols }):
		fault.Problem, fault.Fix = "is set, though no verifier of IDENTITY_VERIFIER can add a passkey", "unset it: only authsignal can"
	case a.config.Enrolment.Audience == issuer.Config(a.config).ClientID():
		fault.Problem, fault.Fix = "is the bridge's client id, which ID tokens are made for", "set it to the identifier of an API"
	default:
		return nil
	}
	return []settings.Fault{fault}
}

// renewals finds a leeway that the bridge cannot go by: it must be remembered, and there
// must be time to ask within it.
func (a *agreement) renewals() []settings.Fault {
	issuer, found := a.config.issuer()
	if !found {
		return nil
	}
	config, grace := issuer.Config(a.config), a.config.Renewals.Grace
	leeway, setting := config.Leeway()
	fault := settings.Fault{Name: setting}
	switch {
	case leeway == 0 || leeway == domain.NoRotation || grace == 0:
		return nil
	case leeway < config.IssueTime():
		fault.Problem = fmt.Sprintf("is %s, and the issuer may take %s to answer", leeway, config.IssueTime())
		fault.Fix = "set the issuer's leeway to something longer, such as 60s, and this too; or unset this"
	case leeway > grace:
		fault.Problem = fmt.Sprintf("is %s, longer than RENEWAL_GRACE, which is %s", leeway, grace)
		fault.Fix = "set RENEWAL_GRACE to " + leeway.String() + " or more, or this to less: no more than what the issuer has"
	default:
		return nil
	}
	return []settings.Fault{fault}
}

// addresses finds an address that has more than one use.
func (a *agreement) addresses() []settings.Fault {
	used := []struct {
		setting string
		addr    serving.Addr
		fix     string
	}{
		{"LISTEN_ADDR", a.config.HTTP.ListenAddr, ""},
		{"OPS_ADDR", a.config.Ops.Addr, "set it to another port, such as :8081: the probes must answer also while apps flood the other"},
		{"METRICS_ADDR", a.config.Metrics.Addr, "set it to another port, such as :9464, or unset it"},
	}
	var faults []settings.Fault
	for i, one := range used {
		for _, before := range used[:i] {
			if one.addr != "" && one.addr.Overlaps(before.addr) {
				faults = append(faults, settings.Fault{
					Name:    one.setting,
					Problem: fmt.Sprintf("is %s, the same address as %s, %s", one.addr, before.setting, before.addr),
					Fix:     one.fix,
				})
			}
		}
	}
	return faults
}

// budget returns how long an exchange may take with the chosen adapters, and the parts
// of that time. Each part includes the party's own retries. The bridge's own work takes
// so little time that it is left out.
func (a *agreement) budget() (needed time.Duration, parts string) {
	var verify, issue time.Duration
	for _, config := range a.config.verifierConfigs() { // only one of them is asked about a token
		verify = max(verify, config.VerifyTime())
	}
	if issuer, found := a.config.issuer(); found {
		issue = issuer.Config(a.config).IssueTime()
	}
	claim := a.config.Redis.ClaimTime()
	parts = fmt.Sprintf("%s for IDENTITY_VERIFIER, ", verify)
	if claim > 0 {
		parts += fmt.Sprintf("%s for REPLAY_STORE, ", claim)
	}
	return verify + claim + issue, parts + fmt.Sprintf("%s for TOKEN_ISSUER", issue)
}
