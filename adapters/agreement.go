package adapters

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nativebridge/adapters/internal/settings"
)

// agreement checks what holds between the parts.
type agreement struct{ config *Config }

// Check implements settings.Checker.
func (a *agreement) Check() []settings.Fault {
	return slices.Concat(a.names("IDENTITY_VERIFIER", a.config.Verifiers), a.names("TOKEN_ISSUER", []string{a.config.Issuer}),
		a.pairs(), a.auth0(), a.subjects(), a.tokens(), a.times(), a.addresses())
}

// names wants choices that exist.
func (a *agreement) names(variable string, chosen []string) []settings.Fault {
	var known []string
	for _, part := range a.config.optional() {
		if part.variable == variable {
			known = append(known, part.names...)
		}
	}
	for _, name := range chosen {
		if !slices.Contains(known, name) {
			return []settings.Fault{{Name: variable, Problem: "has a name that the bridge does not know", Fix: "set it to " + strings.Join(known, " or ")}}
		}
	}
	if len(chosen) == 0 {
		return []settings.Fault{{Name: variable, Problem: "has no name in it", Fix: "set it to " + strings.Join(known, " or ")}}
	}
	return nil
}

// pairs wants an issuer that serves every verifier.
func (a *agreement) pairs() []settings.Fault {
	issuer := a.config.issuerConfig()
	for _, part := range a.config.chosen() {
		verifier := part.names[0]
		if issuer != nil && part.variable == "IDENTITY_VERIFIER" && !issuer.Serves(verifier) {
			return []settings.Fault{{
				Name:    "TOKEN_ISSUER",
				Problem: fmt.Sprintf("is %s, which cannot open sessions for people of IDENTITY_VERIFIER=%s", a.config.Issuer, verifier),
				Fix:     "choose a pair from the table in docs/choosing-an-issuer.md",
			}}
		}
	}
	return nil
}

// auth0 wants no setting that the chosen one of Auth0's two issuers would ignore:
// it would look as if it did something.
func (a *agreement) auth0() []settings.Fault {
	switch a.config.Issuer {
	case "auth0":
		return a.config.Auth0.CheckPasswordRealm()
	case "auth0-token-exchange":
		return a.config.Auth0.CheckTokenExchange()
	}
	return nil
}

// subjects wants one rule for all verifiers: the issuer has only one namespace.
func (a *agreement) subjects() []settings.Fault {
	for _, config := range a.config.verifierConfigs() {
		if config.Policy(0).Subjects != a.config.verifierConfigs()[0].Policy(0).Subjects {
			return []settings.Fault{{
				Name:    "IDENTITY_VERIFIER",
				Problem: "names verifiers whose subjects follow different rules",
				Fix:     "set AUTHSIGNAL_SUBJECTS and JWT_SUBJECTS to the same word: two rules would let two users become one",
			}}
		}
	}
	return nil
}

// tokens wants verifiers whose tokens can be told apart.
func (a *agreement) tokens() []settings.Fault {
	seen := map[string]bool{}
	for _, config := range a.config.verifierConfigs() {
		if seen[config.Declares()] {
			return []settings.Fault{{
				Name:    "IDENTITY_VERIFIER",
				Problem: "names verifiers whose tokens have the same issuer, or none",
				Fix:     "name one of them: nobody could tell whom to ask about a token",
			}}
		}
		seen[config.Declares()] = true
	}
	return nil
}

// times wants a request that lasts as long as its parts may: each party must give
// up before the one that waits for it does, or else its trouble is told as the
// wrong one's.
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

// addresses wants the probes where apps do not come.
func (a *agreement) addresses() []settings.Fault {
	if !a.config.Ops.Addr.Overlaps(a.config.HTTP.ListenAddr) {
		return nil
	}
	return []settings.Fault{{
		Name:    "OPS_ADDR",
		Problem: fmt.Sprintf("is %s, the same address as LISTEN_ADDR, %s", a.config.Ops.Addr, a.config.HTTP.ListenAddr),
		Fix:     "set it to another port, such as :8081: the probes must answer also while apps flood the other",
	}}
}

// budget returns how long an exchange may take with the chosen adapters, and how
// that is made up. Each share includes the party's own retries; what the bridge
// does itself takes no time that counts.
func (a *agreement) budget() (needed time.Duration, parts string) {
	var verify, issue time.Duration
	for _, config := range a.config.verifierConfigs() { // only one of them is asked about a token
		verify = max(verify, config.VerifyTime())
	}
	if issuer := a.config.issuerConfig(); issuer != nil {
		issue = issuer.IssueTime()
	}
	claim := a.config.Redis.ClaimTime()
	parts = fmt.Sprintf("%s for IDENTITY_VERIFIER, ", verify)
	if claim > 0 {
		parts += fmt.Sprintf("%s for REPLAY_STORE, ", claim)
	}
	return verify + claim + issue, parts + fmt.Sprintf("%s for TOKEN_ISSUER", issue)
}
