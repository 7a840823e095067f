package adapters

import (
	"context"
	"errors"
	"slices"
	"strings"

	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/settings"
	"nativebridge/adapters/redis"
	"nativebridge/adapters/relyingparty"
	"nativebridge/domain"
	"nativebridge/ports"
)

// Faultless is the code of the check that everything builds upon: the configuration has
// no fault.
const Faultless = "NB001"

// NewConfigurationProbe returns the checks of the environment that the bridge is
// configured by. It is what serve stops for, and what it warns about.
func NewConfigurationProbe(environ map[string]string) ports.Probe {
	config, err := LoadConfig(environ)
	faults, _ := errors.AsType[Faults](err)
	return checks.Probe(func() []checks.Step {
		return []checks.Step{
			{Check: domain.Check{
				Code: Faultless, Asks: "every setting is there, has a value that can be, and contradicts no other",
				Why:    "serve does not start",
				Remedy: "set each variable to what docs/configuration.md says of it",
			}, Make: func(context.Context) domain.Finding { return findingOf(faults) }},
			{Check: domain.Check{
				Code: "NB002", Asks: "no variable looks like a setting and is none",
				Why: "a setting with a misspelt name does nothing", Grade: domain.Warning,
				Remedy: "correct the name, or unset the variable",
			}, Make: func(context.Context) domain.Finding {
				return findingOfWarnings(UnknownSettings(environ))
			}},
			{Check: domain.Check{
				Code: "NB003", Asks: "no setting does what is only right in special cases",
				Why: "serve warns about it at each start", Grade: domain.Warning,
				Remedy: "do as it says, or know why not",
			}, After: []string{Faultless}, Make: func(context.Context) domain.Finding {
				return findingOfWarnings(config.Warnings())
			}},
		}
	})
}

func findingOf(faults Faults) (f domain.Finding) {
	if len(faults) == 0 {
		return f.Pass()
	}
	var problems, fixes []string
	for _, fault := range faults {
		problems = append(problems, fault.Name+" "+fault.Problem)
		fixes = append(fixes, fault.Name+": "+fault.Fix)
	}
	return f.Fail(strings.Join(problems, "\n"), strings.Join(fixes, "\n"))
}

func findingOfWarnings(warnings []string) (f domain.Finding) {
	if len(warnings) == 0 {
		return f.Pass()
	}
	return f.Fail(strings.Join(warnings, "\n"), "")
}

// Probes look for what is wrong at the parties of one configuration, and around the
// bridge.
type Probes struct {
	Verifiers    []ports.Probe
	RelyingParty []ports.Probe
	Issuer       []ports.Probe // none if TOKEN_ISSUER names no issuer, or one without a probe
	Store        []ports.Probe // none if REPLAY_STORE is memory
	Surroundings []ports.Probe
	Trial        []ports.Probe // as Issuer
}

// NewProbes opens the parties that environ names, for their probes alone. The checks of
// a party whose settings have a fault are reported as not made.
func NewProbes(environ map[string]string, run Runtime) Probes {
	config, err := LoadConfig(environ)
	faults, _ := errors.AsType[Faults](err)
	opening := func(name string) Opening { return Opening{config, run, Instruments{Log: run.Log}, name} }
	var probes Probes
	add := func(to *[]ports.Probe, part settings.Checker, probe ports.Probe) {
		switch {
		case probe == nil:
		case areOf(part, faults):
			*to = append(*to, checks.NotMade(probe.Checks(), Faultless))
		default:
			*to = append(*to, DecorateProbe(probe, run.Log))
		}
	}
	for _, choice := range config.verifiers() {
		add(&probes.Verifiers, choice.Config(&config), choice.Open(opening(choice.Name)).Probe)
	}
	add(&probes.RelyingParty, &config.RelyingParty, relyingparty.NewProbe(run.Client("relying party"), config.RelyingParty))
	if choice, found := config.issuer(); found {
		opened := choice.Open(opening(choice.Name))
		add(&probes.Issuer, choice.Config(&config), opened.Probe)
		add(&probes.Trial, choice.Config(&config), opened.Trial.Probe)
	}
	if config.Redis.Chosen() {
		add(&probes.Store, &config.Redis, redis.NewProbe(config.Redis, run.RootCAs))
	}
	add(&probes.Surroundings, &config.HTTP, httpapi.NewProbe(config.HTTP))
	return probes
}

// areOf reports whether one of the faults is of a part of the configuration.
func areOf(part settings.Checker, faults Faults) bool {
	return slices.ContainsFunc(settings.Describe(part), func(setting settings.Setting) bool {
		return slices.ContainsFunc(faults, func(fault settings.Fault) bool {
			return strings.TrimSuffix(fault.Name, "_FILE") == setting.Name
		})
	})
}

// AllChecks lists every check that any probe of an adapter makes, whatever is chosen.
// Parties that are checked in the same way share their checks.
func AllChecks() []domain.Check {
	var list []domain.Check
	add := func(probe ports.Probe) {
		if probe == nil {
			return
		}
		for _, check := range probe.Checks() {
			if !slices.Contains(list, check) {
				list = append(list, check)
			}
		}
	}
	add(NewConfigurationProbe(nil))
	for _, choice := range Verifiers() {
		add(choice.Open(Opening{}).Probe)
	}
	add(relyingparty.NewProbe(nil, relyingparty.Config{}))
	for _, choice := range Issuers() {
		add(choice.Open(Opening{}).Probe)
		add(choice.Open(Opening{}).Trial.Probe)
	}
	add(redis.NewProbe(redis.Config{}, nil))
	add(httpapi.NewProbe(httpapi.Config{}))
	return list
}
