package tenant

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nativebridge/domain"
)

// changes collects the settings that differ.
type changes struct{ list *[]domain.SettingChange }

func (c changes) add(setting, from, to, why string) {
	if from != to {
		*c.list = append(*c.list, domain.SettingChange{Setting: setting, From: from, To: to, Why: why})
	}
}

// settled returns step, as a Keep if nothing differs.
func settled(step domain.TenantStep) domain.TenantStep {
	if len(step.Changes) == 0 {
		step.Action = domain.Keep
	}
	return step
}

// kept judges what was read back: step is what is still to be done, and lost are the
// settings of others that went with the write.
func kept(step domain.TenantStep, lost []string) error {
	if len(lost) > 0 {
		return fmt.Errorf("authsignal dropped %s of the %s, which was not sent: its API replaces what it should change; put it back in the Authsignal Portal, and run this again", strings.Join(lost, ", "), step.Object)
	}
	if step.Action != domain.Keep {
		return fmt.Errorf("authsignal answered well and did not keep %s of the %s: set it in the Authsignal Portal", step.Changes[0].Setting, step.Object)
	}
	return nil
}

// union returns a and what b has besides.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, item := range b {
		if !slices.Contains(all, item) {
			all = append(all, item)
		}
	}
	return all
}

func show(list []string) string { return strings.Join(list, ", ") }

func showBool(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
