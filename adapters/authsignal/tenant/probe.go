package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nativebridge/adapters/internal/checks"
	"nativebridge/domain"
	"nativebridge/ports"
)

// keyFix says how doctor gets in.
const keyFix = "set AUTHSIGNAL_MANAGEMENT_SECRET to the Management API secret key (Authsignal Portal, Settings, API keys); the bridge itself must not have it"

var (
	checkKey = domain.Check{
		Code: "NB250", Asks: "the Management API lets doctor in", Why: "without it, doctor sees only what the Server API shows",
		Remedy: keyFix,
	}
	checkTokenLife = domain.Check{
		Code: "NB251", Asks: "tokens live as long as the bridge accepts them", Grade: domain.Warning,
		Why:    "a token is refused before its time, or a stolen one can be presented for longer than you meant",
		Remedy: "native-bridge setup authsignal, or AUTHSIGNAL_MAX_AGE",
	}
	checkActive = domain.Check{
		Code: "NB252", Asks: "passkeys are switched on", Why: "nobody can sign in with one",
		Remedy: passkeyPortal + ": set passkeys up",
	}
	checkParty = domain.Check{
		Code: "NB253", Asks: "passkeys belong to the app's domain", Why: "phones find no passkey for any other domain",
		Remedy: passkeyPortal + ", Relying Party ID; changing it makes every passkey useless",
	}
	checkOrigins = domain.Check{
		Code: "NB254", Asks: "ceremonies may come from the app's domain", Why: "Authsignal refuses ceremonies of any other origin",
		Remedy: "native-bridge setup authsignal --rp-id DOMAIN --origin ORIGIN",
	}
	checkVerification = domain.Check{
		Code: "NB255", Asks: "a passkey asks for a finger, a face or a PIN", Why: "whoever finds a phone is signed in as its owner",
		Remedy: "native-bridge setup authsignal",
	}
	checkSignIn = domain.Check{
		Code: "NB256", Asks: "the sign-in action challenges, and by passkeys", Why: "the bridge accepts a token only if a challenge succeeded with a passkey",
		Remedy: "native-bridge setup authsignal",
	}
	checkRules = domain.Check{
		Code: "NB257", Asks: "no rule of the sign-in action decides without a challenge", Grade: domain.Warning,
		Why:    "where such a rule holds, the bridge refuses the sign-in",
		Remedy: actionsPortal + "the action, Rules",
	}
	checkEnrol = domain.Check{
		Code: "NB258", Asks: "the enrolment action lets people add a passkey", Why: "whoever is signed in and wants a passkey is told enrolment_denied",
		Remedy: "native-bridge setup authsignal, or AUTHSIGNAL_ENROL_ACTION",
	}
	checkEnrolRules = domain.Check{
		Code: "NB259", Asks: "no rule of the enrolment action keeps people from adding a passkey", Grade: domain.Warning,
		Why:    "where such a rule holds, people are told enrolment_denied",
		Remedy: actionsPortal + "the action, Rules",
	}
)

// ErrNoKey is what connect returns if nothing was configured to let doctor in.
var ErrNoKey = errors.New("AUTHSIGNAL_MANAGEMENT_SECRET is not set")

// NewProbe returns a probe of an Authsignal tenant by its Management API. It asks for
// what setup makes. relyingParty may be "": then any domain will do. connect is called
// once in a run.
func NewProbe(connect func() (*Management, error), wanted Wanted, relyingParty string) ports.Probe {
	return checks.Probe(func() []checks.Step {
		l := &look{wanted: wanted, party: relyingParty}
		after := []string{checkKey.Code}
		withPasskey := []string{checkKey.Code, checkActive.Code}
		withAction := []string{checkKey.Code, checkSignIn.Code}
		return []checks.Step{
			{Check: checkKey, Make: func(ctx context.Context) domain.Finding { return l.letIn(ctx, connect) }},
			{Check: checkActive, After: after, Make: l.active},
			{Check: checkParty, After: withPasskey, Make: l.relyingParty},
			{Check: checkOrigins, After: withPasskey, Make: l.origins},
			{Check: checkVerification, After: withPasskey, Make: l.verification},
			{Check: checkSignIn, After: after, Make: l.signIn},
			{Check: checkRules, After: withAction, Make: l.rules},
			{Check: checkTokenLife, After: after, Make: l.tokenLife},
			{Check: checkEnrol, After: after, Make: l.enrol},
			{Check: checkEnrolRules, After: []string{checkKey.Code, checkEnrol.Code}, Make: l.enrolRules},
		}
	})
}

// look is one run of the probe.
type look struct {
	wanted   Wanted
	party    string
	api      *Management
	settings Settings
	passkey  *Authenticator
}

func (l *look) letIn(ctx context.Context, connect func() (*Management, error)) (f domain.Finding) {
	var err error
	if l.api, err = connect(); err != nil {
		return f.CannotTell(err.Error(), keyFix)
	}
	if l.settings, err = l.api.Settings(ctx); errors.Is(err, ErrKey) {
		return f.Fail(err.Error(), "")
	}
	return cannotTell(err)
}

// cannotTell reports that a check could not be made, or that it passed if err is nil.
func cannotTell(err error) (f domain.Finding) {
	if err != nil {
		return f.CannotTell(err.Error(), "")
	}
	return f.Pass()
}

func (l *look) active(ctx context.Context) (f domain.Finding) {
	var err error
	l.passkey, err = l.api.Passkey(ctx)
	switch {
	case err != nil:
		return cannotTell(err)
	case l.passkey == nil:
		return f.Fail("they were never set up", "")
	case l.passkey.Active != nil && !*l.passkey.Active:
		return f.Fail("they are switched off", "")
	}
	return f.Pass()
}

func (l *look) relyingParty(context.Context) (f domain.Finding) {
	switch have := deref(l.passkey.RelyingParty); {
	case have == "":
		return f.Fail("the relying party is not set", "native-bridge setup authsignal --rp-id DOMAIN")
	case l.party != "" && have != l.party:
		return f.Fail(fmt.Sprintf("the relying party is %s, and RELYING_PARTY_ID is %s", have, l.party), "")
	}
	return f.Pass()
}

func (l *look) origins(context.Context) (f domain.Finding) {
	party := deref(l.passkey.RelyingParty)
	if len(l.passkey.ExpectedOrigins) == 0 {
		return f.Fail("no origin is expected", "")
	}
	var strange []string
	for _, origin := range l.passkey.ExpectedOrigins {
		if CheckOrigin(party, origin) != nil {
			strange = append(strange, origin)
		}
	}
	if len(strange) == len(l.passkey.ExpectedOrigins) {
		return f.Fail("none of the expected origins can use a passkey of "+party+": "+strings.Join(strange, ", "), "")
	}
	return f.Pass()
}

func (l *look) verification(context.Context) (f domain.Finding) {
	if have := deref(l.passkey.UserVerification); have != "required" {
		return f.Fail(fmt.Sprintf("userVerificationRequirement is %q, and must be required", have), "")
	}
	return f.Pass()
}

func (l *look) signIn(ctx context.Context) (f domain.Finding) {
	action, err := l.api.Action(ctx, l.wanted.SignInAction)
	switch {
	case err != nil:
		return cannotTell(err)
	case action == nil:
		return f.Fail(fmt.Sprintf("the action %q (AUTHSIGNAL_ACTION) is not configured", l.wanted.SignInAction), "")
	case deref(action.Default) != "CHALLENGE":
		return f.Fail(fmt.Sprintf("its outcome is %s, and must be CHALLENGE", deref(action.Default)), "")
	case len(action.Methods) > 0 && !slices.Contains(action.Methods, MethodPasskey):
		return f.Fail("it allows "+show(action.Methods)+", and no passkeys", "")
	}
	return f.Pass()
}

func (l *look) rules(ctx context.Context) domain.Finding {
	return l.noRules(ctx, l.wanted.SignInAction, "CHALLENGE")
}

// enrolOutcomes are what the bridge takes for leave to add a passkey.
var enrolOutcomes = []string{"ALLOW", "CHALLENGE"}

func (l *look) enrol(ctx context.Context) (f domain.Finding) {
	if !l.wanted.Enrols {
		return f.CannotTell("ENROL_AUDIENCE is not set, so nobody adds a passkey by the bridge", "docs/enrol.md, if people are to")
	}
	action, err := l.api.Action(ctx, l.wanted.EnrolAction)
	switch {
	case err != nil:
		return cannotTell(err)
	case action == nil:
		return f.Fail(fmt.Sprintf("the action %q (AUTHSIGNAL_ENROL_ACTION) is not configured", l.wanted.EnrolAction), "")
	case !slices.Contains(enrolOutcomes, deref(action.Default)):
		return f.Fail(fmt.Sprintf("its outcome is %s, and must be %s", deref(action.Default), strings.Join(enrolOutcomes, " or ")), "")
	case len(action.Methods) > 0 && !slices.Contains(action.Methods, MethodPasskey):
		return f.Fail("it allows "+show(action.Methods)+", and no passkeys", "")
	}
	return f.Pass()
}

func (l *look) enrolRules(ctx context.Context) domain.Finding {
	return l.noRules(ctx, l.wanted.EnrolAction, enrolOutcomes...)
}

// noRules wants an action to have no active rule of another outcome.
func (l *look) noRules(ctx context.Context, action string, outcomes ...string) (f domain.Finding) {
	rules, err := l.api.Rules(ctx, action)
	if err != nil {
		return cannotTell(err)
	}
	var names []string
	for _, rule := range rules {
		if !slices.Contains(outcomes, rule.Type) && (rule.Active == nil || *rule.Active) {
			names = append(names, fmt.Sprintf("%q (%s)", rule.Name, rule.Type))
		}
	}
	if len(names) > 0 {
		return f.Fail("these do: "+strings.Join(names, ", "), "")
	}
	return f.Pass()
}

func (l *look) tokenLife(context.Context) (f domain.Finding) {
	if have := l.settings.TokenMinutes; have == nil || *have != l.wanted.TokenMinutes {
		told := "it is not set, so that the vendor's default counts"
		if have != nil {
			told = fmt.Sprintf("they live for %d minutes", *have)
		}
		return f.Fail(fmt.Sprintf("%s, and AUTHSIGNAL_MAX_AGE is %d minutes", told, l.wanted.TokenMinutes), "")
	}
	return f.Pass()
}
