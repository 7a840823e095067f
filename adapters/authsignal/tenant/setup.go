package tenant

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"nativebridge/domain"
	"nativebridge/ports"
)

// Wanted is what the tenant should be.
type Wanted struct {
	// RelyingParty is the domain that passkeys belong to, such as example.com.
	RelyingParty string
	// Origins are where ceremonies come from besides https://RelyingParty, such as
	// https://app.example.com or android:apk-key-hash:…. Those of the tenant stay.
	Origins []string
	// SignInAction is the bridge's AUTHSIGNAL_ACTION. EnrolAction must be another.
	SignInAction, EnrolAction string
	// Enrols says whether people add passkeys by the bridge, with EnrolAction. Only doctor
	// asks: setup makes the action either way.
	Enrols bool
	// TokenMinutes is how long a token is valid, from 1 to 60.
	TokenMinutes int
	// VerifyWebhookURL is asked by Authsignal at each sign-in; "" leaves it as it is.
	VerifyWebhookURL string

	// EventsWebhookURL and Addresses only show in the instructions: the API sets
	// neither. Addresses are those that the bridge's requests come from.
	EventsWebhookURL string
	Addresses        []string

	// MoveRelyingParty allows changing a relying party that is set, which makes every
	// passkey of the tenant useless.
	MoveRelyingParty bool
}

var actionForm = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// Setup makes a tenant what Wanted says. It is a ports.TenantSetup.
//
// A PATCH holds only the settings that are ours, all of them, so that it comes to the
// same whether Authsignal merges or replaces, which is not documented. What it wrote is
// read back.
type Setup struct {
	api    *Management
	wanted Wanted
}

var _ ports.TenantSetup = (*Setup)(nil)

// NewSetup returns a set-up. The error says what is wrong with wanted.
func NewSetup(api *Management, wanted Wanted) (*Setup, error) {
	if err := wanted.Check(); err != nil {
		return nil, err
	}
	if wanted.RelyingParty != "localhost" {
		wanted.Origins = union([]string{"https://" + wanted.RelyingParty}, wanted.Origins)
	}
	return &Setup{api: api, wanted: wanted}, nil
}

// The ids of the steps.
const (
	stepPasskey    = "passkey"
	stepSignIn     = "sign-in-action"
	stepEnrol      = "enrolment-action"
	stepTokenLife  = "token-lifetime"
	passkeyPortal  = "Authsignal Portal, Authenticators, Passkey"
	actionsPortal  = "Authsignal Portal, Actions, "
	keysPortal     = "Authsignal Portal, Settings, API keys"
	webhooksPortal = "Authsignal Portal, Tenant settings, Webhooks, Authenticator events webhook URL"
)

// Plan implements ports.TenantSetup.
func (s *Setup) Plan(ctx context.Context) (domain.TenantPlan, error) {
	settings, err := s.api.Settings(ctx)
	if err != nil {
		return domain.TenantPlan{}, err
	}
	plan := domain.TenantPlan{Tenant: settings.ID, ByHand: s.byHand()}
	passkey, err := s.api.Passkey(ctx)
	if err != nil {
		return plan, err
	}
	plan.Blockers = s.blockers(passkey)
	if passkey != nil {
		plan.Steps = append(plan.Steps, s.passkeyStep(*passkey))
		plan.Remarks = append(plan.Remarks, s.originRemarks(*passkey)...)
	}
	for _, want := range s.actions() {
		action, err := s.api.Action(ctx, want.code)
		if err != nil {
			return plan, err
		}
		plan.Steps = append(plan.Steps, want.step(action))
		if action == nil {
			continue
		}
		rules, err := s.api.Rules(ctx, want.code)
		if err != nil {
			return plan, err
		}
		plan.Remarks = append(plan.Remarks, want.remarks(*action, rules)...)
	}
	plan.Steps = append(plan.Steps, s.tokenStep(settings))
	return plan, nil
}

// Apply implements ports.TenantSetup.
func (s *Setup) Apply(ctx context.Context, step domain.TenantStep) error {
	switch step.ID {
	case stepPasskey:
		return s.applyPasskey(ctx)
	case stepTokenLife:
		return s.applyTokenLife(ctx)
	}
	for _, want := range s.actions() {
		if want.id == step.ID {
			return s.applyAction(ctx, want)
		}
	}
	return fmt.Errorf("there is no step %q", step.ID)
}

// Settings implements ports.TenantSetup. The server's secret key is not among them: no
// interface tells it.
func (s *Setup) Settings(ctx context.Context) ([]domain.TenantSetting, error) {
	tenant, err := s.api.Settings(ctx)
	if err != nil {
		return nil, err
	}
	return []domain.TenantSetting{
		{Name: "AUTHSIGNAL_API_URL", Value: domain.NewSecret(strings.TrimSuffix(s.api.base, "/management")), Note: "the tenant's region"},
		{Name: "AUTHSIGNAL_ACTION", Value: domain.NewSecret(s.wanted.SignInAction), Note: "the action that the app must sign in with"},
		{Name: "SANDBOX_AUTHSIGNAL_TENANT_ID", Value: domain.NewSecret(tenant.ID), Note: "what Authsignal's SDKs need; the bridge does not read it, 'make run TENANT=…' does"},
	}, nil
}

// passkeyStep is what must be done to the passkey authenticator.
func (s *Setup) passkeyStep(now Authenticator) domain.TenantStep {
	step := domain.TenantStep{ID: stepPasskey, Object: "passkey authenticator", Action: domain.Change}
	differ := changes{&step.Changes}
	differ.add("isActive", showBool(now.Active), "true", "people sign in with passkeys")
	differ.add("relyingParty", deref(now.RelyingParty), s.wanted.RelyingParty, "passkeys belong to this domain, for good")
	differ.add("expectedOrigins", show(now.ExpectedOrigins), show(union(now.ExpectedOrigins, s.wanted.Origins)), "ceremonies of any other origin fail; those that are there stay")
	differ.add("userVerificationRequirement", deref(now.UserVerification), "required", "without it a found phone signs its owner in, with no finger, face or PIN asked for")
	return settled(step)
}

func (s *Setup) applyPasskey(ctx context.Context) error {
	before, err := s.api.Passkey(ctx)
	if err != nil {
		return err
	}
	if blockers := s.blockers(before); len(blockers) > 0 {
		return fmt.Errorf("%s: %s", blockers[0].Where, blockers[0].What)
	}
	if s.passkeyStep(*before).Action == domain.Keep {
		return nil
	}
	err = s.api.changeAuthenticator(ctx, before.ID, Authenticator{
		Active:           new(true),
		RelyingParty:     &s.wanted.RelyingParty,
		ExpectedOrigins:  union(before.ExpectedOrigins, s.wanted.Origins),
		UserVerification: new("required"),
	})
	if err != nil {
		return err
	}
	after, err := s.api.Passkey(ctx)
	if err != nil || after == nil {
		return cmp.Or(err, fmt.Errorf("the passkey authenticator is gone: %s", passkeyPortal))
	}
	return kept(s.passkeyStep(*after), before.members.missing(after.members))
}

// blockers are what a person must do or allow first.
func (s *Setup) blockers(passkey *Authenticator) []domain.Instruction {
	switch {
	case passkey == nil:
		return []domain.Instruction{{
			Where: passkeyPortal + ", Set up Passkey",
			What:  "activate passkeys, with the Relying Party ID " + s.wanted.RelyingParty + "; then run this again",
			Why:   "no interface of Authsignal activates a method for the first time",
		}}
	case !s.movesRelyingParty(*passkey) || s.wanted.MoveRelyingParty:
		return nil
	}
	return []domain.Instruction{{
		Where: passkeyPortal + ", Relying Party ID",
		What: fmt.Sprintf("it is %q and not %q: ask for %q, or allow the move explicitly",
			*passkey.RelyingParty, s.wanted.RelyingParty, *passkey.RelyingParty),
		Why: "every passkey that exists stops working when it changes",
	}}
}

func (s *Setup) movesRelyingParty(passkey Authenticator) bool {
	now := deref(passkey.RelyingParty)
	return now != "" && now != s.wanted.RelyingParty
}

// originRemarks are about the origins of the tenant that cannot work.
func (s *Setup) originRemarks(passkey Authenticator) []domain.Instruction {
	var remarks []domain.Instruction
	for _, origin := range passkey.ExpectedOrigins {
		if err := CheckOrigin(s.wanted.RelyingParty, origin); err != nil {
			remarks = append(remarks, domain.Instruction{
				Where: passkeyPortal + ", Expected origins", What: err.Error() + "; remove it if nobody needs it",
				Why: "setup never removes an origin",
			})
		}
	}
	return remarks
}

func (s *Setup) tokenStep(now Settings) domain.TenantStep {
	step := domain.TenantStep{ID: stepTokenLife, Object: "tenant", Action: domain.Change}
	from := ""
	if now.TokenMinutes != nil {
		from = strconv.Itoa(*now.TokenMinutes)
	}
	changes{&step.Changes}.add("tokenDurationInMinutes", from, strconv.Itoa(s.wanted.TokenMinutes),
		"for so long a stolen token can be presented; the default is told in two ways by the vendor")
	return settled(step)
}

func (s *Setup) applyTokenLife(ctx context.Context) error {
	before, err := s.api.Settings(ctx)
	if err != nil || s.tokenStep(before).Action == domain.Keep {
		return err
	}
	if err := s.api.changeSettings(ctx, Settings{TokenMinutes: &s.wanted.TokenMinutes}); err != nil {
		return err
	}
	after, err := s.api.Settings(ctx)
	if err != nil {
		return err
	}
	return kept(s.tokenStep(after), before.members.missing(after.members))
}

// byHand is what only the Portal can do.
func (s *Setup) byHand() []domain.Instruction {
	list := []domain.Instruction{{
		Where: keysPortal,
		What:  "copy the Server API secret key into AUTHSIGNAL_SECRET of the bridge",
		Why:   "no interface tells it; it is another key than the Management API's, which the bridge must not have",
	}}
	if s.wanted.EventsWebhookURL != "" {
		list = append(list, domain.Instruction{
			Where: webhooksPortal, What: "put " + s.wanted.EventsWebhookURL,
			Why: "the bridge ends the sessions of a passkey that was removed",
		})
	}
	if len(s.wanted.Addresses) > 0 {
		list = append(list, domain.Instruction{
			Where: keysPortal + " (ask Authsignal if you see no IP allow-list there: it is not in their public documents)",
			What:  "allow the Server API secret key from " + show(s.wanted.Addresses) + " only",
			Why:   "whoever has the key can plant a passkey for any user",
		})
	}
	return list
}
