package authsignaltest

import (
	"cmp"
	"reflect"
	"slices"
)

// Outcome is what an action comes to by its rules and its default.
type Outcome string

// The outcomes ("Action configurations", Authsignal Management API), and one of
// the emulator's own.
const (
	OutcomeAllow     Outcome = "ALLOW"
	OutcomeBlock     Outcome = "BLOCK"
	OutcomeChallenge Outcome = "CHALLENGE"
	OutcomeReview    Outcome = "REVIEW"
	OutcomeRefused   Outcome = "REFUSED" // for Faults.UnconfiguredAction: 400 invalid_configuration
)

// UnmarshalText accepts the outcomes above and "".
func (o *Outcome) UnmarshalText(text []byte) error {
	return oneOf(o, text, "", OutcomeAllow, OutcomeBlock, OutcomeChallenge, OutcomeReview, OutcomeRefused)
}

// tracked is the state of an action that was only tracked.
func (o Outcome) tracked() State {
	switch o {
	case OutcomeAllow:
		return StateAllow
	case OutcomeBlock:
		return StateBlock
	case OutcomeReview:
		return StateReviewRequired
	default:
		return StateChallengeRequired
	}
}

// verified is the state of an action once a passkey was verified for it. That
// rules of type ALLOW, BLOCK and REVIEW prevail is inferred.
func (o Outcome) verified() State {
	if o == OutcomeChallenge {
		return StateChallengeSucceeded
	}
	return o.tracked()
}

// verdict is what the tenant's configuration says of an action.
type verdict struct {
	outcome Outcome
	methods []string // that it may be verified with
}

func (v verdict) allowsPasskey() bool { return slices.Contains(v.methods, MethodPasskey) }

var errActionRefused = &tokenError{codeInvalidConfiguration, "The action is not configured."} // never changed

// judge returns what becomes of an action, or why it is refused. The caller
// holds store.mu.
func (s *Server) judge(code string) (verdict, *tokenError) {
	faults, config := s.Faults(), &s.store.config
	configured := config.action(code)
	if configured == nil && faults.UseConfigures {
		config.putAction(s.tenantID, code)
		configured = config.action(code)
	}
	v := verdict{OutcomeChallenge, config.activeMethods()}
	if configured == nil {
		v.outcome = cmp.Or(faults.UnconfiguredAction, OutcomeChallenge)
		if v.outcome == OutcomeRefused {
			return verdict{}, errActionRefused
		}
		return v, nil
	}
	v.outcome = Outcome(text(configured.fields, "defaultUserActionResult"))
	v.restrict(configured.fields)
	if rule := configured.firstRule(faults.Facts); rule != nil {
		v.outcome = Outcome(text(rule, "type"))
		v.restrict(rule)
	}
	return v, nil
}

// restrict takes over the verificationMethods of an action or a rule.
func (v *verdict) restrict(o object) {
	if methods := texts(o, "verificationMethods"); len(methods) > 0 {
		v.methods = methods
	}
}

// firstRule returns the active rule of the lowest priority whose conditions
// hold, or nil.
func (a *actionConfiguration) firstRule(facts map[string]any) object {
	var first object
	for _, rule := range a.rules {
		if isTrue(rule, "isActive") && truthy(evaluate(rule["conditions"], facts)) && (first == nil || priority(rule) < priority(first)) {
			first = rule
		}
	}
	return first
}

func priority(rule object) float64 {
	value, _ := rule["priority"].(float64)
	return value
}

// The part of JsonLogic (jsonlogic.com) that the emulator knows. "==" compares
// as "===" does.
var operators = []string{"var", "==", "===", "!=", "!==", "!", "and", "or"} // never changed

// unknownOperator returns an operator of a condition that the emulator cannot
// evaluate, or "".
func unknownOperator(condition any) string {
	switch c := condition.(type) {
	case []any:
		for _, part := range c {
			if name := unknownOperator(part); name != "" {
				return name
			}
		}
	case object:
		for name, arguments := range c {
			if !slices.Contains(operators, name) {
				return name
			}
			if inner := unknownOperator(arguments); inner != "" {
				return inner
			}
		}
	}
	return ""
}

// evaluate returns the value of a condition. Variables are looked up in facts by
// their whole dotted names; one that is not there is null.
func evaluate(condition any, facts map[string]any) any {
	operation, ok := condition.(object)
	if !ok || len(operation) != 1 {
		return condition
	}
	for name, arguments := range operation {
		return apply(name, operands(arguments), facts)
	}
	return nil
}

func apply(operator string, arguments []any, facts map[string]any) any {
	var values []any
	for _, argument := range arguments {
		values = append(values, evaluate(argument, facts))
	}
	first, second := nth(values, 0), nth(values, 1)
	switch operator {
	case "var":
		name, _ := first.(string)
		return facts[name]
	case "==", "===":
		return reflect.DeepEqual(first, second)
	case "!=", "!==":
		return !reflect.DeepEqual(first, second)
	case "!":
		return !truthy(first)
	case "and":
		return !slices.ContainsFunc(values, func(v any) bool { return !truthy(v) })
	default: // or: creating a rule refuses every other operator
		return slices.ContainsFunc(values, truthy)
	}
}

func nth(values []any, i int) any {
	if i < len(values) {
		return values[i]
	}
	return nil
}

// operands returns the arguments of an operator: one need not stand in an array.
func operands(arguments any) []any {
	if list, ok := arguments.([]any); ok {
		return list
	}
	return []any{arguments}
}

func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	default:
		return true
	}
}
