package tenant_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/authsignal/tenant"
	"nativebridge/app"
	"nativebridge/domain"
)

const signIn, enrolment = "signInWithPasskey", "addPasskey"

var jane = authsignaltest.User{ID: "auth0|66f0c0de", Username: "jane@example.com"}

func example() tenant.Wanted {
	return tenant.Wanted{
		RelyingParty: "example.com", Origins: []string{"https://app.example.com"},
		SignInAction: signIn, EnrolAction: enrolment, TokenMinutes: 10,
		VerifyWebhookURL: "https://bridge.example.com/verify",
	}
}

func start(t *testing.T, o authsignaltest.Options) *authsignaltest.Server {
	t.Helper()
	s, err := authsignaltest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// activated is a tenant in which somebody has set up passkeys in the Portal, and
// nothing else.
func activated(t *testing.T) *authsignaltest.Server {
	s := start(t, authsignaltest.Options{Empty: true, TenantID: "7752d28e-e627-4b1b-bb81-b45d68d617bc"})
	s.SetUpPasskey()
	return s
}

func connect(t *testing.T, s *authsignaltest.Server) *tenant.Management {
	t.Helper()
	m, err := tenant.Connect(tenant.Access{APIURL: s.APIURL(), Key: domain.NewSecret(s.ManagementSecret())},
		tenant.Options{Wait: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func setUp(t *testing.T, s *authsignaltest.Server, wanted tenant.Wanted) *tenant.Setup {
	t.Helper()
	setup, err := tenant.NewSetup(connect(t, s), wanted)
	if err != nil {
		t.Fatal(err)
	}
	return setup
}

// execute sets the tenant up as the command does, and returns the last plan.
func execute(t *testing.T, s *authsignaltest.Server, wanted tenant.Wanted) (domain.TenantPlan, error) {
	t.Helper()
	return (&app.SetUpTenant{Setup: setUp(t, s, wanted)}).Execute(t.Context(), app.Watcher{
		Agree: func(domain.TenantPlan) bool { return true }, Begin: func(domain.TenantStep) {}, End: func(domain.TenantStep, error) {},
	})
}

// plan reads the tenant and fails if it cannot be read.
func plan(t *testing.T, s *authsignaltest.Server, wanted tenant.Wanted) domain.TenantPlan {
	t.Helper()
	p, err := setUp(t, s, wanted).Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// change does something to the tenant behind the set-up's back.
func change(t *testing.T, s *authsignaltest.Server, method, path string, body any) {
	t.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.ManagementURL()+path, strings.NewReader(string(payload)))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.ManagementSecret(), "")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d", method, path, res.StatusCode)
	}
}

func passkeyPath(s *authsignaltest.Server) string {
	return "/authenticator-configurations/" + s.Configuration().Authenticators[0]["authenticatorId"].(string)
}

// configured is the tenant without what differs between two tenants anyway.
func configured(s *authsignaltest.Server) authsignaltest.Configuration {
	c := s.Configuration()
	for _, a := range c.Authenticators {
		delete(a, "authenticatorId")
	}
	return c
}

func TestAnActivatedTenantBecomesOneThatSignsIn(t *testing.T) {
	t.Parallel()
	s := activated(t)
	s.SetFaults(authsignaltest.Faults{UnconfiguredAction: authsignaltest.OutcomeRefused})
	last, err := execute(t, s, example())
	if err != nil || len(last.Pending()) != 0 || len(last.Steps) != 4 {
		t.Fatalf("plan %+v, %v", last, err)
	}
	want := authsignaltest.Configuration{
		Tenant: map[string]any{"tenantId": s.TenantID(), "name": "Authsignal emulator", "tokenDurationInMinutes": 10.0},
		Authenticators: []map[string]any{{
			"verificationMethod": "PASSKEY", "isActive": true, "relyingParty": "example.com", "userVerificationRequirement": "required",
			"expectedOrigins": []any{"https://example.com", "https://app.example.com"},
		}},
		Actions: []map[string]any{
			{"tenantId": s.TenantID(), "actionCode": signIn, "defaultUserActionResult": "CHALLENGE", "verificationMethods": []any{"PASSKEY"}, "verificationWebhookUrl": "https://bridge.example.com/verify"},
			{"tenantId": s.TenantID(), "actionCode": enrolment, "defaultUserActionResult": "ALLOW"},
		},
		Rules: map[string][]map[string]any{},
	}
	if got := configured(s); !reflect.DeepEqual(got, want) {
		t.Errorf("the tenant is\n%+v, want\n%+v", got, want)
	}

	phone := authsignaltest.NewPhone(authsignaltest.PhoneOptions{APIURL: s.APIURL(), TenantID: s.TenantID(), RPID: "example.com", Origin: "https://app.example.com"})
	if _, err := s.Enrol(t.Context(), phone, jane); err != nil {
		t.Fatal(err)
	}
	if _, err := phone.SignIn(t.Context(), signIn); err != nil {
		t.Error(err)
	}
}

func TestASecondRunHasNothingToDo(t *testing.T) {
	t.Parallel()
	s := activated(t)
	if _, err := execute(t, s, example()); err != nil {
		t.Fatal(err)
	}
	calls := len(s.Exchanges())
	if _, err := execute(t, s, example()); err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Exchanges()[calls:] {
		if x.Method != http.MethodGet {
			t.Errorf("a second run sends %s %s", x.Method, x.Path)
		}
	}
}

// Every call of a set-up fails once, before it takes effect and after it, and in each
// of the two ways in which a PATCH may work.
func TestASetUpThatIsInterruptedIsFinishedByAnother(t *testing.T) {
	t.Parallel()
	for _, replaces := range []bool{false, true} {
		whole := activated(t)
		whole.SetFaults(authsignaltest.Faults{PatchReplaces: replaces})
		_, _ = execute(t, whole, example()) // an API that replaces is complained about
		if _, err := execute(t, whole, example()); err != nil {
			t.Fatal(err)
		}
		calls := len(whole.Exchanges())
		for _, kind := range []authsignaltest.FaultKind{
			authsignaltest.FaultError, authsignaltest.FaultLost, authsignaltest.FaultMalformed,
		} {
			interrupted := 0
			for n := range calls {
				s := activated(t)
				s.SetFaults(authsignaltest.Faults{PatchReplaces: replaces, Inject: []authsignaltest.Fault{
					{Route: "/v1/management/*", After: n, Times: 1, Kind: kind},
				}})
				for range 3 { // the fault, the complaint, and the rest
					if _, err := execute(t, s, example()); err == nil {
						break
					}
					interrupted++
				}
				if got, want := configured(s), configured(whole); !reflect.DeepEqual(got, want) {
					t.Errorf("%s at call %d, PATCH replaces: %v: the tenant is\n%+v, want\n%+v", kind, n, replaces, got, want)
				}
			}
			if interrupted < 4 { // what it writes; a read whose connection breaks is repeated by net/http
				t.Errorf("%s: only %d of %d runs were interrupted", kind, interrupted, calls)
			}
		}
	}
}

func TestWhatWasUndoneIsDoneAgain(t *testing.T) {
	t.Parallel()
	action := "/action-configurations/" + signIn
	for name, tt := range map[string]struct {
		method, path string // "" is the passkey authenticator
		body         map[string]any
		step         string
		change       domain.SettingChange // without Why
	}{
		"passkeys off":              {http.MethodPatch, "", map[string]any{"isActive": false}, "passkey", domain.SettingChange{Setting: "isActive", From: "false", To: "true"}},
		"no relying party":          {http.MethodPatch, "", map[string]any{"relyingParty": nil}, "passkey", domain.SettingChange{Setting: "relyingParty", To: "example.com"}},
		"an origin less":            {http.MethodPatch, "", map[string]any{"expectedOrigins": []string{"https://example.com"}}, "passkey", domain.SettingChange{Setting: "expectedOrigins", From: "https://example.com", To: "https://example.com, https://app.example.com"}},
		"verification preferred":    {http.MethodPatch, "", map[string]any{"userVerificationRequirement": "preferred"}, "passkey", domain.SettingChange{Setting: "userVerificationRequirement", From: "preferred", To: "required"}},
		"no sign-in action":         {http.MethodDelete, action, nil, "sign-in-action", domain.SettingChange{Setting: "defaultUserActionResult", To: "CHALLENGE"}},
		"sign-ins allowed":          {http.MethodPatch, action, map[string]any{"defaultUserActionResult": "ALLOW"}, "sign-in-action", domain.SettingChange{Setting: "defaultUserActionResult", From: "ALLOW", To: "CHALLENGE"}},
		"any method":                {http.MethodPatch, action, map[string]any{"verificationMethods": nil}, "sign-in-action", domain.SettingChange{Setting: "verificationMethods", To: "PASSKEY"}},
		"no verification webhook":   {http.MethodPatch, action, map[string]any{"verificationWebhookUrl": nil}, "sign-in-action", domain.SettingChange{Setting: "verificationWebhookUrl", To: "https://bridge.example.com/verify"}},
		"enrolment blocked":         {http.MethodPatch, "/action-configurations/" + enrolment, map[string]any{"defaultUserActionResult": "BLOCK"}, "enrolment-action", domain.SettingChange{Setting: "defaultUserActionResult", From: "BLOCK", To: "ALLOW"}},
		"the life of tokens unset":  {http.MethodPatch, "/tenant", map[string]any{"tokenDurationInMinutes": nil}, "token-lifetime", domain.SettingChange{Setting: "tokenDurationInMinutes", To: "10"}},
		"the life of tokens longer": {http.MethodPatch, "/tenant", map[string]any{"tokenDurationInMinutes": 15}, "token-lifetime", domain.SettingChange{Setting: "tokenDurationInMinutes", From: "15", To: "10"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := activated(t)
			if _, err := execute(t, s, example()); err != nil {
				t.Fatal(err)
			}
			path := tt.path
			if path == "" {
				path = passkeyPath(s)
			}
			change(t, s, tt.method, path, tt.body)

			pending := plan(t, s, example()).Pending()
			if len(pending) != 1 || pending[0].ID != tt.step {
				t.Fatalf("pending %+v, want %s alone", pending, tt.step)
			}
			got := pending[0].Changes[0]
			if got.Why == "" {
				t.Error("no reason is given")
			}
			got.Why = ""
			if got != tt.change {
				t.Errorf("the change is %+v, want %+v", got, tt.change)
			}
			if last, err := execute(t, s, example()); err != nil || len(last.Pending()) != 0 {
				t.Errorf("after it %+v, %v", last, err)
			}
		})
	}
}

func TestWhatOthersSetStays(t *testing.T) {
	t.Parallel()
	s := activated(t)
	s.PutAuthenticator(map[string]any{"verificationMethod": "EMAIL_OTP", "isActive": true})
	change(t, s, http.MethodPatch, passkeyPath(s), map[string]any{"expectedOrigins": []string{"https://old.example.com"}, "isHiddenToUser": true})
	change(t, s, http.MethodPost, "/action-configurations", map[string]any{
		"actionCode": signIn, "defaultUserActionResult": "ALLOW", "verificationMethods": []string{"EMAIL_OTP"}, "messagingTemplates": map[string]any{"a": 1},
	})
	change(t, s, http.MethodPost, "/action-configurations", map[string]any{"actionCode": enrolment, "defaultUserActionResult": "CHALLENGE"})
	if _, err := execute(t, s, example()); err != nil {
		t.Fatal(err)
	}
	c := s.Configuration()
	passkey, action := c.Authenticators[0], c.Actions[0]
	if passkey["isHiddenToUser"] != true || !reflect.DeepEqual(passkey["expectedOrigins"], []any{"https://old.example.com", "https://example.com", "https://app.example.com"}) {
		t.Errorf("the passkey authenticator is %v", passkey)
	}
	if action["messagingTemplates"] == nil || !reflect.DeepEqual(action["verificationMethods"], []any{"EMAIL_OTP", "PASSKEY"}) {
		t.Errorf("the sign-in action is %v", action)
	}
	if c.Actions[1]["defaultUserActionResult"] != "CHALLENGE" {
		t.Errorf("the enrolment action is %v", c.Actions[1])
	}
}

func TestAVerificationWebhookStaysIfNoOtherIsWanted(t *testing.T) {
	t.Parallel()
	s := activated(t)
	if _, err := execute(t, s, example()); err != nil {
		t.Fatal(err)
	}
	wanted := example()
	wanted.VerifyWebhookURL = ""
	change(t, s, http.MethodPatch, "/action-configurations/"+signIn, map[string]any{"defaultUserActionResult": "BLOCK"})
	if last, err := execute(t, s, wanted); err != nil || len(last.Pending()) != 0 {
		t.Errorf("pending %+v, %v", last.Pending(), err)
	}
	if got := s.Configuration().Actions[0]["verificationWebhookUrl"]; got != "https://bridge.example.com/verify" {
		t.Errorf("the webhook is %v", got)
	}
}

func TestARelyingPartyIsNotMovedUnasked(t *testing.T) {
	t.Parallel()
	s := activated(t)
	change(t, s, http.MethodPatch, passkeyPath(s), map[string]any{"relyingParty": "old.example.com"})

	before := configured(s)
	last, err := execute(t, s, example())
	if !errors.Is(err, app.ErrBlocked) || len(last.Blockers) != 1 || !strings.Contains(last.Blockers[0].What, `"old.example.com"`) {
		t.Errorf("blockers %+v, %v", last.Blockers, err)
	}
	if err := setUp(t, s, example()).Apply(t.Context(), domain.TenantStep{ID: "passkey"}); err == nil || !strings.Contains(err.Error(), "old.example.com") {
		t.Errorf("applied by itself: %v", err)
	}
	if after := configured(s); !reflect.DeepEqual(after, before) {
		t.Errorf("the tenant is %+v, want it unchanged", after)
	}

	moved := example()
	moved.MoveRelyingParty = true
	if _, err := execute(t, s, moved); err != nil || s.Configuration().Authenticators[0]["relyingParty"] != "example.com" {
		t.Errorf("asked to move it: %v", err)
	}
}

func TestPasskeysThatWereNeverSetUpAreAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Empty: true})
	last, err := execute(t, s, example())
	if !errors.Is(err, app.ErrBlocked) || len(last.Blockers) != 1 {
		t.Fatalf("%+v, %v", last.Blockers, err)
	}
	if b := last.Blockers[0]; !strings.Contains(b.Where, "Set up Passkey") || !strings.Contains(b.What, "example.com") {
		t.Errorf("the instruction is %+v", b)
	}
	if err := setUp(t, s, example()).Apply(t.Context(), domain.TenantStep{ID: "passkey"}); err == nil {
		t.Error("applied by itself")
	}
}

func TestWhatOnlyThePortalCanDoIsSaid(t *testing.T) {
	t.Parallel()
	s := activated(t)
	wanted := example()
	wanted.EventsWebhookURL = "https://bridge.example.com/events"
	wanted.Addresses = []string{"203.0.113.7"}
	said := fmt.Sprint(plan(t, s, wanted).ByHand)
	for _, part := range []string{"Settings, API keys", "AUTHSIGNAL_SECRET", "Webhooks, Authenticator events webhook URL", wanted.EventsWebhookURL, "203.0.113.7"} {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not said: %s", part, said)
		}
	}
	if len(plan(t, s, example()).ByHand) != 1 {
		t.Error("what was not asked for is said too")
	}
}

func TestRemarksAreMadeOfWhatOthersSet(t *testing.T) {
	t.Parallel()
	s := activated(t)
	s.PutAuthenticator(map[string]any{"verificationMethod": "SMS", "isActive": true})
	change(t, s, http.MethodPatch, passkeyPath(s), map[string]any{"expectedOrigins": []string{"https://example.org"}})
	change(t, s, http.MethodPost, "/action-configurations", map[string]any{"actionCode": signIn, "defaultUserActionResult": "CHALLENGE", "verificationMethods": []string{"SMS", "PASSKEY"}})
	for i, rule := range []map[string]any{
		{"name": "trusted", "type": "ALLOW", "isActive": true},
		{"name": "asleep", "type": "BLOCK", "isActive": false},
		{"name": "usual", "type": "CHALLENGE", "isActive": true},
	} {
		rule["priority"], rule["conditions"] = i, map[string]any{"var": "device.isRemembered"}
		change(t, s, http.MethodPost, "/action-configurations/"+signIn+"/rules", rule)
	}
	remarks := plan(t, s, example()).Remarks
	if len(remarks) != 3 {
		t.Fatalf("%d remarks: %+v, want 3", len(remarks), remarks)
	}
	for i, part := range []string{"https://example.org", "SMS", `"trusted"`} {
		if !strings.Contains(remarks[i].What, part) {
			t.Errorf("remark %+v, want one about %s", remarks[i], part)
		}
	}
}

func TestWhatIsNotKeptIsNoticed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults authsignaltest.Faults
		said   string
	}{
		"a setting that the API ignores":        {authsignaltest.Faults{IgnoredFields: []string{"userVerificationRequirement"}}, "did not keep userVerificationRequirement of the passkey authenticator"},
		"one of the action":                     {authsignaltest.Faults{IgnoredFields: []string{"verificationWebhookUrl"}}, "did not keep verificationWebhookUrl of the sign-in action"},
		"one of the tenant":                     {authsignaltest.Faults{IgnoredFields: []string{"tokenDurationInMinutes"}}, "did not keep tokenDurationInMinutes of the tenant"},
		"a setting of others that went with it": {authsignaltest.Faults{PatchReplaces: true}, "dropped isHiddenToUser of the passkey authenticator"},
	} {
		t.Run(name, func(t *testing.T) {
			s := activated(t)
			change(t, s, http.MethodPatch, passkeyPath(s), map[string]any{"isHiddenToUser": true})
			s.SetFaults(tt.faults)
			if _, err := execute(t, s, example()); err == nil || !strings.Contains(err.Error(), tt.said) {
				t.Errorf("err = %v, want %q", err, tt.said)
			}
		})
	}
}

func TestTheBridgeIsToldItsSettings(t *testing.T) {
	t.Parallel()
	s := activated(t)
	list, err := setUp(t, s, example()).Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, setting := range list {
		got = append(got, setting.Name+"="+setting.Value.Reveal())
	}
	if want := []string{"AUTHSIGNAL_API_URL=" + s.APIURL(), "AUTHSIGNAL_ACTION=" + signIn, "SANDBOX_AUTHSIGNAL_TENANT_ID=" + s.TenantID()}; !slices.Equal(got, want) {
		t.Errorf("settings %q, want %q", got, want)
	}
}

func TestAStepOfNobodyIsRefused(t *testing.T) {
	t.Parallel()
	if err := setUp(t, activated(t), example()).Apply(t.Context(), domain.TenantStep{ID: "connection"}); err == nil {
		t.Error("an unknown step is applied")
	}
}
