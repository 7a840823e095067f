package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"nativebridge/domain"
)

// wantedAction is one of the two actions and what it must be.
type wantedAction struct {
	id, code, use string
	outcomes      []string // the first is for an action that has none of them
	why           string
	pinsMethods   bool   // an action without verificationMethods, which allows all, gets some
	webhook       string // "" leaves it as it is
}

// actions are the two that the tenant needs. A token of the second adds a passkey and
// must not sign anybody in, so they differ.
func (s *Setup) actions() []wantedAction {
	return []wantedAction{
		{stepSignIn, s.wanted.SignInAction, "sign-in", []string{"CHALLENGE"},
			"the bridge accepts a token only if a challenge succeeded", true, s.wanted.VerifyWebhookURL},
		{stepEnrol, s.wanted.EnrolAction, "enrolment", []string{"ALLOW", "CHALLENGE"},
			"whoever is signed in may add a passkey", false, ""},
	}
}

// step is what must be done to the action, which is nil if it is not configured.
func (w wantedAction) step(now *Action) domain.TenantStep {
	step := domain.TenantStep{ID: w.id, Object: fmt.Sprintf("%s action %q", w.use, w.code), Action: domain.Change}
	if now == nil {
		now, step.Action = &Action{}, domain.Create
	}
	whole := w.whole(*now)
	differ := changes{&step.Changes}
	differ.add("defaultUserActionResult", deref(now.Default), *whole.Default, w.why)
	differ.add("verificationMethods", show(now.Methods), show(whole.Methods), "the bridge accepts passkeys only; methods that are there stay")
	differ.add("verificationWebhookUrl", deref(now.VerifyWebhookURL), deref(whole.VerifyWebhookURL), "Authsignal asks the bridge before a sign-in succeeds")
	if step.Action == domain.Create {
		return step
	}
	return settled(step)
}

// whole is the action as it should be, given what it is.
func (w wantedAction) whole(now Action) Action {
	whole := Action{Default: now.Default, Methods: now.Methods, VerifyWebhookURL: now.VerifyWebhookURL}
	if w.pinsMethods || len(now.Methods) > 0 {
		whole.Methods = union(now.Methods, []string{MethodPasskey})
	}
	if !slices.Contains(w.outcomes, deref(now.Default)) {
		whole.Default = &w.outcomes[0]
	}
	if w.webhook != "" {
		whole.VerifyWebhookURL = &w.webhook
	}
	return whole
}

func (s *Setup) applyAction(ctx context.Context, want wantedAction) error {
	before, err := s.api.Action(ctx, want.code)
	if err != nil {
		return err
	}
	var had members
	switch {
	case before == nil:
		created := want.whole(Action{})
		created.Code = want.code
		err = s.api.createAction(ctx, created)
	case want.step(before).Action == domain.Keep:
		return nil
	default:
		had = before.members
		err = s.api.changeAction(ctx, want.code, want.whole(*before))
	}
	if err != nil {
		return err
	}
	after, err := s.api.Action(ctx, want.code)
	if err != nil {
		return err
	}
	if after == nil {
		return fmt.Errorf("the action %q was written and is not there: %s%s", want.code, actionsPortal, want.code)
	}
	return kept(want.step(after), had.missing(after.members))
}

// remarks are about what others set, which setup leaves as it is.
func (w wantedAction) remarks(now Action, rules []Rule) []domain.Instruction {
	where := actionsPortal + w.code
	var remarks []domain.Instruction
	if others := slices.DeleteFunc(slices.Clone(now.Methods), func(m string) bool { return m == MethodPasskey }); w.id == stepSignIn && len(others) > 0 {
		remarks = append(remarks, domain.Instruction{
			Where: where, What: "the action also allows " + strings.Join(others, ", "),
			Why: "the bridge refuses tokens of these methods",
		})
	}
	for _, rule := range rules {
		if rule.Active != nil && !*rule.Active || slices.Contains(w.outcomes, rule.Type) {
			continue
		}
		remarks = append(remarks, domain.Instruction{
			Where: where + ", Rules",
			What:  fmt.Sprintf("the rule %.64q has the outcome %.16q", rule.Name, rule.Type),
			Why:   "where it applies, the " + w.use + " is refused; the bridge goes by the state that Authsignal reports",
		})
	}
	return remarks
}
