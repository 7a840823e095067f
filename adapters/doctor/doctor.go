// Package doctor puts the probes of all adapters in order, and shows what they find.
package doctor

import (
	"slices"
	"strings"

	"nativebridge/adapters"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Probes returns the probes of the bridge that environ configures, in the order in which
// a failure of one makes the next ones fail. Where the configuration has a fault, what it
// leaves is still looked at.
func Probes(environ map[string]string, run adapters.Runtime) []ports.Probe {
	probes := adapters.NewProbes(environ, run)
	return slices.Concat(
		[]ports.Probe{adapters.NewConfigurationProbe(environ)},
		probes.Verifiers,
		probes.RelyingParty,
		atAuthsignal(environ, run),
		atAuth0(environ, run),
		probes.Issuer,
		probes.Store,
		probes.Surroundings,
		probes.Trial,
	)
}

// Checks lists every check that there is, by code.
func Checks() []domain.Check {
	list := append(adapters.AllChecks(), managementChecks()...)
	list = append(list, Exchange(nil, adapters.Runtime{}, domain.Secret{}).Checks()...)
	slices.SortFunc(list, func(a, b domain.Check) int { return strings.Compare(a.Code, b.Code) })
	return list
}

// areas says what the checks are about whose codes begin so. The longest beginning counts.
var areas = map[string]string{
	"NB0":  "Configuration",
	"NB11": "The way to Authsignal",
	"NB12": "The way to Auth0",
	"NB13": "The way to the OpenID provider",
	"NB14": "The way to the passkey provider",
	"NB2":  "Authsignal",
	"NB25": "Authsignal, with the management key",
	"NB26": "Authsignal, with the management key",
	"NB27": "Authsignal, with the management key",
	"NB28": "Authsignal, with the management key",
	"NB29": "Authsignal, with the management key",
	"NB3":  "The relying party's domain",
	"NB4":  "Auth0",
	"NB41": "Auth0: a sign-in that must be refused",
	"NB42": "Auth0: a token exchange that must be refused",
	"NB5":  "Auth0, with the Management API",
	"NB6":  "Auth0, with the Management API",
	"NB7":  "Redis",
	"NB80": "Around the bridge",
	"NB81": "The OpenID provider",
	"NB82": "The passkey provider",
	"NB90": "Auth0: a sign-in that must be refused",
	"NB91": "Auth0: a token exchange that must be refused",
	"NB92": "The OpenID provider",
	"NB95": "A sign-in with the token given",
}

// AreaOf says what a check is about, and "" if its code is of no range.
func AreaOf(check domain.Check) string {
	for length := min(len(check.Code), 5); length > 2; length-- {
		if area, found := areas[check.Code[:length]]; found {
			return area
		}
	}
	return ""
}
