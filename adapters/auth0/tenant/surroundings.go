package tenant

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/auth0/go-auth0/v3/management"

	"nativebridge/domain"
)

// surrounding is a check of what belongs to the tenant and not to the bridge. Setup
// leaves all of it alone, since others depend on it.
type surrounding struct {
	check domain.Check
	judge func(context.Context, *look) (problem, fix string, err error)
}

func (s surrounding) find(ctx context.Context, l *look) domain.Finding {
	problem, fix, err := s.judge(ctx, l)
	switch {
	case err != nil:
		return s.check.CannotTell(err.Error(), accessFix)
	case problem != "":
		return s.check.Fail(problem, fix)
	}
	return s.check.Pass()
}

var surroundings = []surrounding{
	{checkMFA, judgeMFA},
	{checkActions, judgeActions},
	{checkBots, judgeBots},
	{checkThrottling, judgeThrottling},
	{checkBruteForce, judgeBruteForce},
	{checkBreached, judgeBreached},
	{checkRateLimits, judgeRateLimits},
	{checkRuntime, judgeRuntime},
}

func judgeMFA(ctx context.Context, l *look) (problem, fix string, err error) {
	policies, err := l.management.api.Guardian.Policies.List(ctx)
	if err != nil {
		return "", "", l.management.explain("read the MFA policies", err)
	}
	if len(policies) == 0 {
		return "", "", nil
	}
	return fmt.Sprintf("the policy is %v", policies), "dashboard, Security, Multi-factor Auth, Define policies: Never; ask for it in a post-login Action that exempts the bridge (docs/tenant.md)", nil
}

// hurdles are the calls of a post-login Action that this flow cannot pass.
var hurdles = []string{"api.redirect", "api.multifactor", "api.access.deny", "api.authentication.challenge", "api.authentication.enroll"}

// postLoginActions returns the Actions that run at a sign-in.
func (l *look) postLoginActions(ctx context.Context) ([]object, error) {
	trigger := management.ActionTriggerTypeEnum("post-login")
	list, err := l.management.api.Actions.Triggers.Bindings.List(ctx, &trigger, &management.ListActionTriggerBindingsRequestParameters{})
	if err != nil {
		return nil, l.management.explain("list the post-login Actions", err)
	}
	bindings, err := collect(ctx, list, func(object) bool { return true })
	if err != nil {
		return nil, l.management.explain("list the post-login Actions", err)
	}
	var actions []object
	for _, binding := range bindings {
		read, err := l.management.api.Actions.Get(ctx, binding.text("action.id"))
		if err != nil {
			return nil, l.management.explain("read a post-login Action", err)
		}
		action, err := objectOf(read)
		if err != nil {
			return nil, err
		}
		actions = append(actions, action)
	}
	return actions, nil
}

func judgeActions(ctx context.Context, l *look) (problem, fix string, err error) {
	actions, err := l.postLoginActions(ctx)
	if err != nil {
		return "", "", err
	}
	var names []string
	for _, action := range actions {
		code := action.text("code")
		hurdle := slices.ContainsFunc(hurdles, func(call string) bool { return strings.Contains(code, call) })
		if hurdle && !strings.Contains(code, "client.client_id") {
			names = append(names, fmt.Sprintf("%q", action.text("name")))
		}
	}
	if len(names) == 0 {
		return "", "", nil
	}
	return "for everybody, it seems: " + strings.Join(names, ", "), "dashboard, Actions, Library: let the Action return at once if event.client.client_id is AUTH0_CLIENT_ID", nil
}

func judgeBots(ctx context.Context, l *look) (problem, fix string, err error) {
	read, err := l.management.api.AttackProtection.BotDetection.Get(ctx)
	if err != nil {
		return "", "", l.management.explain("read bot detection", err)
	}
	bots, err := objectOf(read)
	if err != nil {
		return "", "", err
	}
	if bots.text("challenge_password_policy") == "never" || bots.flag("monitoring_mode_enabled") || len(bots.texts("allowlist")) > 0 {
		return "", "", nil
	}
	return fmt.Sprintf("for password flows it is %q, and no address is exempt", bots.text("challenge_password_policy")),
		"dashboard, Security, Attack Protection, Bot Detection: Never for password flows, or the bridge's egress addresses on the IP AllowList", nil
}

func judgeThrottling(ctx context.Context, l *look) (problem, fix string, err error) {
	read, err := l.management.api.AttackProtection.SuspiciousIPThrottling.Get(ctx)
	if err != nil {
		return "", "", l.management.explain("read suspicious IP throttling", err)
	}
	throttling, err := objectOf(read)
	if err != nil {
		return "", "", err
	}
	if !throttling.flag("enabled") || len(throttling.texts("allowlist")) > 0 {
		return "", "", nil
	}
	return "no address is exempt", "dashboard, Security, Attack Protection, Suspicious IP Throttling: the bridge's egress addresses on the IP AllowList", nil
}

func judgeBruteForce(ctx context.Context, l *look) (problem, fix string, err error) {
	read, err := l.management.api.AttackProtection.BruteForceProtection.Get(ctx)
	if err != nil {
		return "", "", l.management.explain("read brute-force protection", err)
	}
	protection, err := objectOf(read)
	if err != nil || protection.flag("enabled") {
		return "", "", err
	}
	return "it is off", "dashboard, Security, Attack Protection, Brute-force Protection: on", nil
}

func judgeBreached(ctx context.Context, l *look) (problem, fix string, err error) {
	read, err := l.management.api.AttackProtection.BreachedPasswordDetection.Get(ctx)
	if err != nil {
		return "", "", l.management.explain("read breached password detection", err)
	}
	detection, err := objectOf(read)
	if err != nil {
		return "", "", err
	}
	if !detection.flag("enabled") || !slices.Contains(detection.texts("shields"), "block") {
		return "", "", nil
	}
	return "it blocks accounts", `dashboard, Security, Attack Protection, Breached Password Detection: "Block compromised user accounts" off, if password_leaked ever comes`, nil
}

func judgeRateLimits(ctx context.Context, l *look) (problem, fix string, err error) {
	list, err := l.management.api.RateLimitPolicies.List(ctx, &management.ListRateLimitPoliciesRequestParameters{})
	if isStatus(err, http.StatusNotFound) {
		return "", "", nil // the plan has none
	}
	if err != nil {
		return "", "", l.management.explain("list the rate-limit policies", err)
	}
	policies, err := collect(ctx, list, func(policy object) bool {
		whom := policy.text("consumer_selector")
		return (whom == "default" || whom == "client_id:"+l.clientID(l.now)) && policy.text("configuration.action") != "allow" && policy.text("configuration.action") != "log"
	})
	if err != nil {
		return "", "", l.management.explain("list the rate-limit policies", err)
	}
	if len(policies) == 0 {
		return "", "", nil
	}
	policy := policies[0]
	return fmt.Sprintf("the policy for %s allows %v calls", policy.text("consumer_selector"), policy.at("configuration.limit")),
		"Management API, rate-limit-policies: make one with the action allow for client_id:" + l.clientID(l.now), nil
}

func judgeRuntime(ctx context.Context, l *look) (problem, fix string, err error) {
	read, err := l.management.api.Tenants.Settings.Get(ctx, &management.GetTenantSettingsRequestParameters{})
	if err != nil {
		return "", "", l.management.explain("read the tenant's settings", err)
	}
	settings, err := objectOf(read)
	version := settings.text("sandbox_version")
	if err != nil || version == "" || version == "18" || version == "22" {
		return "", "", err
	}
	return "it is Node " + version, "dashboard, Settings, Advanced, Extensibility: Node 22", nil
}
