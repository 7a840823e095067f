package portstest_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"nativebridge/domain"
	"nativebridge/ports"
	"nativebridge/ports/portstest"
)

var (
	reachable = domain.Check{Code: "NB101", Asks: "it answers", Why: "nobody can be asked"}
	accepted  = domain.Check{Code: "NB102", Asks: "it takes the key", Why: "nothing is allowed"}
)

const probedKey = "s3cr3t-of-the-probe"

// examiner asks a party that can be broken or silent.
type examiner struct{ broken, silent atomic.Bool }

func (e *examiner) Checks() []domain.Check { return []domain.Check{reachable, accepted} }

// Run is what a good probe does.
func (e *examiner) Run(ctx context.Context, report func(domain.Finding)) {
	switch {
	case !e.answers(ctx):
		report(reachable.CannotTell("the time was over", "give it more"))
	case e.broken.Load():
		report(reachable.Fail("it does not", "start it"))
	default:
		report(reachable.Pass())
		report(accepted.Pass())
		return
	}
	report(accepted.CannotTell("it builds upon NB101", ""))
}

// answers waits for the party, or until ctx ends.
func (e *examiner) answers(ctx context.Context) bool {
	if e.silent.Load() {
		<-ctx.Done()
	}
	return ctx.Err() == nil
}

// brokenProbe is a probe whose parts can be replaced.
type brokenProbe struct {
	checks func() []domain.Check
	run    func(context.Context, func(domain.Finding))
}

func (p brokenProbe) Checks() []domain.Check { return p.checks() }

func (p brokenProbe) Run(ctx context.Context, report func(domain.Finding)) { p.run(ctx, report) }

func startProbe() (portstest.ProbeHarness, map[string]flaw[portstest.ProbeHarness]) {
	e := &examiner{}
	return portstest.ProbeHarness{
		Probe:   e,
		Break:   func(*testing.T) { e.broken.Store(true) },
		Hang:    func(*testing.T) { e.silent.Store(true) },
		Secrets: []string{probedKey},
	}, probeFlaws(e)
}

func probeFlaws(e *examiner) map[string]flaw[portstest.ProbeHarness] {
	by := func(caughtBy string, breaks func(*brokenProbe)) flaw[portstest.ProbeHarness] {
		return flaw[portstest.ProbeHarness]{caughtBy, func(h *portstest.ProbeHarness) {
			broken := brokenProbe{e.Checks, e.Run}
			breaks(&broken)
			h.Probe = broken
		}}
	}
	// instead changes each finding.
	instead := func(change func(domain.Finding) domain.Finding) func(*brokenProbe) {
		return func(p *brokenProbe) {
			p.run = func(ctx context.Context, report func(domain.Finding)) {
				e.Run(ctx, func(f domain.Finding) { report(change(f)) })
			}
		}
	}
	const (
		names = "the checks have codes and words, and stay the same"
		well  = "where all is well, each check is reported once"
	)
	var grows []domain.Check
	var shared struct {
		sync.Mutex
		running bool
	}
	mixed := newMixUp[int]()
	return map[string]flaw[portstest.ProbeHarness]{
		"has a code of no form": by(names, func(p *brokenProbe) {
			p.checks = func() []domain.Check { return []domain.Check{{Code: "reach", Asks: "it answers", Why: "so"}} }
		}),
		"gives one code to two checks": by(names, func(p *brokenProbe) {
			p.checks = func() []domain.Check {
				return []domain.Check{reachable, {Code: "NB101", Asks: "it is quick", Why: "so"}}
			}
		}),
		"does not say why": by(names, func(p *brokenProbe) {
			p.checks = func() []domain.Check { return []domain.Check{{Code: "NB101", Asks: "it answers"}} }
		}),
		"has more checks each time": by(names, func(p *brokenProbe) {
			p.checks = func() []domain.Check { grows = append(grows, reachable); return grows }
		}),
		"leaves a check out": by(well, func(p *brokenProbe) {
			p.run = func(_ context.Context, report func(domain.Finding)) { report(reachable.Pass()) }
		}),
		"reports a check twice": by(well, func(p *brokenProbe) {
			p.run = func(ctx context.Context, report func(domain.Finding)) { report(reachable.Pass()); e.Run(ctx, report) }
		}),
		"reports in another order": by(well, func(p *brokenProbe) {
			p.run = func(_ context.Context, report func(domain.Finding)) {
				report(accepted.Pass())
				report(reachable.Pass())
			}
		}),
		"finds fault where there is none": by(well, instead(func(f domain.Finding) domain.Finding { return f.Fail("who knows", "nothing") })),
		"has a problem with what passed":  by(well, instead(func(f domain.Finding) domain.Finding { f.Problem = "none"; return f })),
		"finds nothing":                   by("what is wrong is told, with what mends it", instead(func(f domain.Finding) domain.Finding { return f.Pass() })),
		"says of a failure only that it is one": by("what is wrong is told, with what mends it", instead(func(f domain.Finding) domain.Finding {
			f.Fix = ""
			return f
		})),
		"takes a consequence for another failure": by("what builds upon a failure is not made, and names it", instead(func(f domain.Finding) domain.Finding {
			if f.Outcome == domain.NotMade {
				return f.Fail("no key is taken", "set it")
			}
			return f
		})),
		"does not say upon what it builds": by("what builds upon a failure is not made, and names it", instead(func(f domain.Finding) domain.Finding {
			if f.Outcome == domain.NotMade {
				f.Problem = "who knows"
			}
			return f
		})),
		"takes the end of its time for a failure": by("a run whose time is over says that nothing has failed", func(p *brokenProbe) {
			p.run = func(ctx context.Context, report func(domain.Finding)) {
				e.Run(ctx, func(f domain.Finding) {
					if ctx.Err() != nil {
						f = f.Fail("no answer", "start it")
					}
					report(f)
				})
			}
		}),
		"waits for ever": by("a party that is silent is given up in time", func(p *brokenProbe) {
			p.run = func(ctx context.Context, report func(domain.Finding)) { e.Run(context.WithoutCancel(ctx), report) }
		}),
		"quotes the key": by("no finding tells a credential", instead(func(f domain.Finding) domain.Finding {
			if f.Outcome == domain.Failed {
				f.Problem += ": it was asked with " + probedKey
			}
			return f
		})),
		"has one run at a time": by("runs at the same time do not disturb each other", func(p *brokenProbe) {
			p.run = func(ctx context.Context, report func(domain.Finding)) {
				shared.Lock()
				busy := shared.running
				shared.running = true
				shared.Unlock()
				mixed.through(0)
				if busy {
					report(reachable.Fail("another run is under way", "wait"))
					report(accepted.CannotTell("it builds upon NB101", ""))
					return
				}
				e.Run(ctx, report)
			}
		}),
	}
}

var _ ports.Probe = (*examiner)(nil)
