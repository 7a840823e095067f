// Package checks makes a ports.Probe of checks that build upon each other.
package checks

import (
	"cmp"
	"context"
	"fmt"

	"nativebridge/domain"
)

// Step is a check, and how it is made.
type Step struct {
	domain.Check
	// After lists the codes of earlier steps of the same probe. Unless all of them have
	// passed, this one is reported as not made.
	After []string
	// Make makes the check. It must return soon after ctx has ended. What it returns
	// needs no Check, and no Fix if that is the check's Remedy.
	Make func(ctx context.Context) domain.Finding
}

// Probe is a ports.Probe. It returns the steps of one run, which may share what they
// find out. The checks must be the same each time.
type Probe func() []Step

// Checks implements ports.Probe.
func (p Probe) Checks() []domain.Check {
	var list []domain.Check
	for _, step := range p() {
		list = append(list, step.Check)
	}
	return list
}

// Run implements ports.Probe.
func (p Probe) Run(ctx context.Context, report func(domain.Finding)) {
	blame := map[string]string{} // for each check that has not passed, the one that was made and is to blame
	for _, step := range p() {
		finding, culprit := step.run(ctx, blame)
		if finding.Outcome != domain.Passed {
			blame[step.Code] = culprit
		}
		report(finding)
	}
}

func (s Step) run(ctx context.Context, blame map[string]string) (finding domain.Finding, culprit string) {
	for _, code := range s.After {
		if culprit, found := blame[code]; found {
			return NotAfter(s.Check, culprit), culprit
		}
	}
	return s.make(ctx), s.Code
}

func (s Step) make(ctx context.Context) domain.Finding {
	if ctx.Err() != nil {
		return outOfTime(s.Check)
	}
	finding := s.Make(ctx)
	finding.Check = s.Check
	if finding.Outcome == domain.Failed {
		finding.Fix = cmp.Or(finding.Fix, s.Remedy)
	}
	if ctx.Err() != nil && finding.Outcome != domain.Passed { // that is why, more likely than not
		return outOfTime(s.Check)
	}
	return finding
}

// NotAfter says that a check was not made because it builds upon another one.
func NotAfter(check domain.Check, code string) domain.Finding {
	return check.CannotTell(fmt.Sprintf("it builds upon %s, which has not passed", code), "")
}

func outOfTime(check domain.Check) domain.Finding {
	return check.CannotTell("the time was over before it was made", "give it more time, such as --timeout 1m, or see why the checks before it take so long")
}

// NotMade returns a probe that makes none of the checks, because another check, which
// has the code, has failed.
func NotMade(list []domain.Check, code string) Probe {
	return func() []Step {
		var steps []Step
		for _, check := range list {
			steps = append(steps, Step{Check: check, Make: func(context.Context) domain.Finding { return NotAfter(check, code) }})
		}
		return steps
	}
}

// Layers returns a probe that makes one attempt and learns from it which layer it broke
// at. The list is in the order in which the layers come. Try returns the code of the
// layer, and what is wrong there; "" if all have passed. What is before that layer has
// passed, and what is behind it is not made.
func Layers(list []domain.Check, try func(ctx context.Context) (code string, finding domain.Finding)) Probe {
	return func() []Step {
		var broken string
		var finding domain.Finding
		read := func(code string) domain.Finding {
			if code == broken {
				return finding
			}
			return domain.Finding{}.Pass()
		}
		var steps []Step
		for i, check := range list {
			step := Step{Check: check, Make: func(context.Context) domain.Finding { return read(check.Code) }}
			if i == 0 {
				step.Make = func(ctx context.Context) domain.Finding {
					broken, finding = try(ctx)
					return read(check.Code)
				}
			} else {
				step.After = []string{list[i-1].Code}
			}
			steps = append(steps, step)
		}
		return steps
	}
}
