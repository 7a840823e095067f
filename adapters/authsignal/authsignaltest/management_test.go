package authsignaltest_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
)

// manage sends a request to the Management API with its key.
func manage(t *testing.T, s *authsignaltest.Server, method, path string, body any) reply {
	t.Helper()
	return send(t, method, s.ManagementURL()+path, basic(s.ManagementSecret()+":"), body)
}

// passkeyPath is the path of the passkey authenticator, found as a client must.
func passkeyPath(t *testing.T, s *authsignaltest.Server) string {
	t.Helper()
	var list []object
	r := manage(t, s, http.MethodGet, "/authenticator-configurations", nil)
	if err := json.Unmarshal([]byte(r.raw), &list); err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a["verificationMethod"] == "PASSKEY" {
			return "/authenticator-configurations/" + a["authenticatorId"].(string)
		}
	}
	t.Fatalf("no PASSKEY in %s", r.raw)
	return ""
}

func track(t *testing.T, s *authsignaltest.Server, action string) reply {
	t.Helper()
	return send(t, http.MethodPost, s.APIURL()+"/users/"+jane.ID+"/actions/"+action, secret(s), object{})
}

func TestTheManagementAPIWantsItsOwnKey(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	read := func(key string) reply {
		return send(t, http.MethodGet, s.ManagementURL()+"/tenant", basic(key+":"), nil)
	}
	wantFields(t, read(s.ManagementSecret()), object{"tenantId": s.TenantID()})
	wantError(t, read("somebody's"), 401, "unauthorized")
	wantError(t, read(s.Secret()), 403, "forbidden")
	s.SetFaults(authsignaltest.Faults{ServerKeyStatus: 401})
	wantError(t, read(s.Secret()), 401, "unauthorized")

	r := send(t, http.MethodGet, s.APIURL()+"/authenticators", basic(s.ManagementSecret()+":"), nil)
	wantError(t, r, 401, "unauthorized")
}

func TestATenantGrowsFromNothingByTheManagementAPI(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Empty: true})
	phone := authsignaltest.NewPhone(authsignaltest.PhoneOptions{APIURL: s.APIURL(), TenantID: s.TenantID(), RPID: "example.com"})
	signUp := func() error { _, err := s.Enrol(t.Context(), phone, jane); return err }

	wantError(t, track(t, s, signIn), 400, "AUTHENTICATOR_NOT_FOUND")
	wantAPIError(t, signUp(), 400, "invalid_configuration")
	if r := manage(t, s, http.MethodGet, "/authenticator-configurations", nil); r.raw != "[]" {
		t.Errorf("authenticators of an empty tenant: %s", r.raw)
	}

	s.SetUpPasskey()
	s.SetUpPasskey() // a second time does nothing
	wantAPIError(t, signUp(), 400, "invalid_configuration")

	path := passkeyPath(t, s)
	wantFields(t, manage(t, s, http.MethodPatch, path, object{"relyingParty": "example.com"}), object{"relyingParty": "example.com", "isActive": true})
	wantAPIError(t, signUp(), 400, "invalid_credential") // the origin is not expected yet

	wantFields(t, manage(t, s, http.MethodPatch, path, object{"expectedOrigins": []string{phone.Origin()}}), object{"relyingParty": "example.com"})
	if err := signUp(); err != nil {
		t.Fatal(err)
	}
	signedIn, err := phone.SignIn(t.Context(), signIn)
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, validate(t, s, object{"token": signedIn.Token}), object{"isValid": true, "state": "CHALLENGE_SUCCEEDED"})
}

func TestWhatIsUndoneInTheTenantStopsSignIns(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change object
		code   string
	}{
		"passkeys are deactivated":       {object{"isActive": false}, "invalid_configuration"},
		"the relying party is cleared":   {object{"relyingParty": nil}, "invalid_configuration"},
		"it is another":                  {object{"relyingParty": "example.com"}, "invalid_credential"},
		"the origin is not expected":     {object{"expectedOrigins": []string{"https://example.com"}}, "invalid_credential"},
		"no origin is expected, by null": {object{"expectedOrigins": nil}, "invalid_credential"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, authsignaltest.Options{})
			phone := enrol(t, s, authsignaltest.Browser)
			if r := manage(t, s, http.MethodPatch, passkeyPath(t, s), tt.change); r.status != http.StatusOK {
				t.Fatal(r.raw)
			}
			_, err := phone.SignIn(t.Context(), signIn)
			wantAPIError(t, err, 400, tt.code)
		})
	}
}

func TestUserVerificationIsWhatTheTenantRequires(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Browser)
	careless := phone.With(authsignaltest.Flaws{NoVerification: true})
	path := passkeyPath(t, s)

	_, err := careless.SignIn(t.Context(), signIn)
	wantAPIError(t, err, 400, "invalid_credential")
	for _, requirement := range []any{"preferred", "discouraged", nil} {
		manage(t, s, http.MethodPatch, path, object{"userVerificationRequirement": requirement})
		if _, err := careless.SignIn(t.Context(), signIn); err != nil {
			t.Errorf("%v: %v", requirement, err)
		}
	}
}

func TestTheTenantSetsTheLifeOfTokens(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := start(t, authsignaltest.Options{Now: clock.now})
	if r := manage(t, s, http.MethodGet, "/tenant", nil); strings.Contains(r.raw, "tokenDurationInMinutes") {
		t.Errorf("never set, but read: %s", r.raw)
	}
	wantFields(t, manage(t, s, http.MethodPatch, "/tenant", object{"tokenDurationInMinutes": 5, "tenantId": "mine"}),
		object{"tokenDurationInMinutes": 5, "tenantId": s.TenantID()})
	for _, bad := range []any{0, -1, 1.5, "5"} {
		wantError(t, manage(t, s, http.MethodPatch, "/tenant", object{"tokenDurationInMinutes": bad}), 400, "invalid_request")
	}

	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	clock.advance(5*time.Minute - time.Second)
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": true})
	clock.advance(time.Second)
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": false})
}

func TestAnActionComesToWhatItsConfigurationSays(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Actions: []string{signIn}})
	phone := enrol(t, s, authsignaltest.Browser)
	path := "/action-configurations/" + signIn

	for outcome, states := range map[string][2]string{ // tracked, and verified
		"CHALLENGE": {"CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED"},
		"ALLOW":     {"ALLOW", "ALLOW"},
		"BLOCK":     {"BLOCK", "BLOCK"},
		"REVIEW":    {"REVIEW_REQUIRED", "REVIEW_REQUIRED"},
	} {
		wantFields(t, manage(t, s, http.MethodPatch, path, object{"defaultUserActionResult": outcome}), object{"actionCode": signIn})
		wantFields(t, track(t, s, signIn), object{"state": states[0]})
		signedIn, err := phone.SignIn(t.Context(), signIn)
		if err != nil {
			t.Fatal(err)
		}
		wantFields(t, validate(t, s, object{"token": signedIn.Token}), object{"state": states[1], "isValid": outcome == "CHALLENGE"})
	}
	wantFields(t, manage(t, s, http.MethodGet, path, nil), object{"tenantId": s.TenantID()})
	if r := manage(t, s, http.MethodGet, path, nil); r.object["lastActionCreatedAt"] == nil {
		t.Errorf("a used action has no lastActionCreatedAt: %s", r.raw)
	}
}

func TestAnActionWithoutPasskeysRefusesThem(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Actions: []string{signIn}})
	phone := enrol(t, s, authsignaltest.Browser)
	path := "/action-configurations/" + signIn
	only := object{"verificationMethods": []string{"SMS"}}

	r := manage(t, s, http.MethodPatch, path, only)
	wantError(t, r, 400, "invalid_request")
	if want := "SMS is not an enabled verification method."; r.object["errorDescription"] != want {
		t.Errorf("got %s, want %s", r.raw, want)
	}
	s.PutAuthenticator(object{"verificationMethod": "SMS", "isActive": true})
	wantFields(t, manage(t, s, http.MethodPatch, path, only), only)
	wantFields(t, track(t, s, signIn), object{"allowedVerificationMethods": []string{"SMS"}})
	_, err := phone.SignIn(t.Context(), signIn)
	wantAPIError(t, err, 400, "invalid_request")
}

func TestAnActionThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Browser)
	for outcome, state := range map[authsignaltest.Outcome]string{
		"": "CHALLENGE_SUCCEEDED", authsignaltest.OutcomeAllow: "ALLOW", authsignaltest.OutcomeBlock: "BLOCK",
	} {
		s.SetFaults(authsignaltest.Faults{UnconfiguredAction: outcome})
		signedIn, err := phone.SignIn(t.Context(), signIn)
		if err != nil {
			t.Fatal(err)
		}
		wantFields(t, validate(t, s, object{"token": signedIn.Token}), object{"state": state})
	}
	wantError(t, manage(t, s, http.MethodGet, "/action-configurations/"+signIn, nil), 404, "not_found")

	s.SetFaults(authsignaltest.Faults{UnconfiguredAction: authsignaltest.OutcomeRefused})
	wantError(t, track(t, s, signIn), 400, "invalid_configuration")
	_, err := phone.SignIn(t.Context(), signIn)
	wantAPIError(t, err, 400, "invalid_configuration")

	s.SetFaults(authsignaltest.Faults{UseConfigures: true, UnconfiguredAction: authsignaltest.OutcomeRefused})
	wantFields(t, track(t, s, signIn), object{"state": "CHALLENGE_REQUIRED"})
	wantFields(t, manage(t, s, http.MethodGet, "/action-configurations/"+signIn, nil), object{"defaultUserActionResult": "CHALLENGE"})
}

func TestRulesDecideBeforeTheDefault(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Actions: []string{signIn}})
	path := "/action_configurations/" + signIn + "/rules"
	rule := func(kind string, priority int, condition any) object {
		return object{"name": kind, "type": kind, "priority": priority, "isActive": true, "conditions": condition}
	}
	isNew := object{"==": []any{object{"var": "device.isNew"}, true}}
	remembered := object{"and": []any{object{"var": "device.isRemembered"}, object{"!": object{"var": []any{"device.isBot"}}}}}

	if r := manage(t, s, http.MethodPost, path, rule("ALLOW", 5, remembered)); r.status != http.StatusOK {
		t.Fatal(r.raw)
	}
	block := manage(t, s, http.MethodPost, path, rule("BLOCK", 0, isNew))
	if block.status != http.StatusOK {
		t.Fatal(block.raw)
	}
	for name, tt := range map[string]struct {
		facts object
		state string
	}{
		"no rule":                       {nil, "CHALLENGE_REQUIRED"},
		"one rule":                      {object{"device.isRemembered": true}, "ALLOW"},
		"its condition holds in part":   {object{"device.isRemembered": true, "device.isBot": true}, "CHALLENGE_REQUIRED"},
		"two rules, the lower priority": {object{"device.isRemembered": true, "device.isNew": true}, "BLOCK"},
	} {
		s.SetFaults(authsignaltest.Faults{Facts: tt.facts})
		if got := track(t, s, signIn); got.object["state"] != tt.state {
			t.Errorf("%s: %v, want %s", name, got.object["state"], tt.state)
		}
	}

	if r := manage(t, s, http.MethodPatch, path+"/"+block.object["ruleId"].(string), object{"isActive": false}); r.status != http.StatusOK {
		t.Fatal(r.raw)
	}
	s.SetFaults(authsignaltest.Faults{Facts: object{"device.isNew": true}})
	wantFields(t, track(t, s, signIn), object{"state": "CHALLENGE_REQUIRED"})
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Actions: []string{signIn}})
	passkey, actions := passkeyPath(t, s), "/action-configurations"
	rule := func(change object) object {
		whole := object{"name": "n", "type": "BLOCK", "priority": 1, "isActive": true, "conditions": true}
		for name, value := range change {
			whole[name] = value
		}
		return whole
	}
	before := s.Configuration()
	for name, tt := range map[string]struct {
		method, path string
		body         any
	}{
		"a relying party that is no domain":  {http.MethodPatch, passkey, object{"relyingParty": "https://example.com"}},
		"origins that are one string":        {http.MethodPatch, passkey, object{"expectedOrigins": "https://example.com"}},
		"origins that are numbers":           {http.MethodPatch, passkey, object{"expectedOrigins": []int{1}}},
		"an unknown requirement":             {http.MethodPatch, passkey, object{"userVerificationRequirement": "yes"}},
		"an unknown attachment":              {http.MethodPatch, passkey, object{"authenticatorAttachment": "both"}},
		"activity that is a word":            {http.MethodPatch, passkey, object{"isActive": "yes"}},
		"a body that is no object":           {http.MethodPatch, passkey, "[]"},
		"an action without a default":        {http.MethodPost, actions, object{"actionCode": "a"}},
		"an action with a space":             {http.MethodPost, actions, object{"actionCode": "a b", "defaultUserActionResult": "ALLOW"}},
		"no methods":                         {http.MethodPost, actions, object{"actionCode": "a", "defaultUserActionResult": "ALLOW", "verificationMethods": []string{}}},
		"a default method that is not there": {http.MethodPatch, actions + "/" + signIn, object{"verificationMethods": []string{"PASSKEY"}, "defaultVerificationMethod": "SMS"}},
		"the default cleared":                {http.MethodPatch, actions + "/" + signIn, object{"defaultUserActionResult": nil}},
		"a rule without a name":              {http.MethodPost, actions + "/" + signIn + "/rules", rule(object{"name": nil})},
		"a rule of no type":                  {http.MethodPost, actions + "/" + signIn + "/rules", rule(object{"type": "MAYBE"})},
		"a rule of priority 100":             {http.MethodPost, actions + "/" + signIn + "/rules", rule(object{"priority": 100})},
		"a rule without conditions":          {http.MethodPost, actions + "/" + signIn + "/rules", rule(object{"conditions": nil})},
		"a condition the emulator lacks":     {http.MethodPost, actions + "/" + signIn + "/rules", rule(object{"conditions": object{"or": []any{object{"in": []any{1}}}}})},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, manage(t, s, tt.method, tt.path, tt.body), 400, "invalid_request")
			if after := s.Configuration(); !reflect.DeepEqual(after, before) {
				t.Errorf("changed to %+v", after)
			}
		})
	}
}

func TestWhatIsUnknownOfTheManagementAPI(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{Actions: []string{signIn}})
	sms := "/authenticator_configurations/" + s.PutAuthenticator(object{"verificationMethod": "SMS", "isActive": true, "twilioCredentials": object{"authToken": "hush"}})
	again := object{"actionCode": signIn, "defaultUserActionResult": "BLOCK"}

	wantError(t, manage(t, s, http.MethodPost, "/action-configurations", again), 400, "invalid_request")
	s.SetFaults(authsignaltest.Faults{DuplicateStatus: 409})
	wantError(t, manage(t, s, http.MethodPost, "/action-configurations", again), 409, "invalid_request")
	s.SetFaults(authsignaltest.Faults{DuplicateStatus: 200})
	wantFields(t, manage(t, s, http.MethodPost, "/action-configurations", again), object{"defaultUserActionResult": "BLOCK"})
	if got := s.Configuration().Actions; len(got) != 1 {
		t.Errorf("actions %v, want one", got)
	}

	wantFields(t, manage(t, s, http.MethodPatch, sms, object{"isHiddenToUser": true}), object{"twilioCredentials": object{"authToken": "hush"}})
	s.SetFaults(authsignaltest.Faults{HideCredentials: true, IgnoredFields: []string{"isActive"}})
	hidden := manage(t, s, http.MethodPatch, sms, object{"isActive": false})
	wantFields(t, hidden, object{"isActive": true, "isHiddenToUser": true})
	if strings.Contains(hidden.raw, "hush") || strings.Contains(manage(t, s, http.MethodGet, "/authenticator-configurations", nil).raw, "hush") {
		t.Error("hidden credentials are shown")
	}

	s.SetFaults(authsignaltest.Faults{PatchReplaces: true})
	replaced := manage(t, s, http.MethodPatch, sms, object{"isActive": false})
	if want := (object{"authenticatorId": replaced.object["authenticatorId"], "verificationMethod": "SMS", "isActive": false}); !reflect.DeepEqual(replaced.object, want) {
		t.Errorf("replaced by %s, want %v", replaced.raw, want)
	}
	wantError(t, manage(t, s, http.MethodPatch, "/authenticator-configurations/sms", object{}), 404, "not_found")
}

func TestTheServerAPITellsWhatTheTenantOffers(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	manage(t, s, http.MethodPatch, passkeyPath(t, s), object{"isActive": false})
	for path, auth := range map[string]string{"/authenticators": secret(s), "/client/authenticators": basic(s.TenantID())} {
		r := send(t, http.MethodGet, s.APIURL()+path, auth, nil)
		var list []object
		if err := json.Unmarshal([]byte(r.raw), &list); err != nil || len(list) != 1 {
			t.Fatalf("%s: %s", path, r.raw)
		}
		if list[0]["verificationMethod"] != "PASSKEY" || list[0]["isActive"] != false || list[0]["relyingParty"] != nil {
			t.Errorf("%s: %s", path, r.raw)
		}
		wantError(t, send(t, http.MethodGet, s.APIURL()+path, basic("nobody"), nil), 401, "unauthorized")
	}
}

func TestServerKeysAreBoundToAddresses(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	elsewhere := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	list := func() reply { return send(t, http.MethodGet, s.APIURL()+"/authenticators", secret(s), nil) }

	s.SetFaults(authsignaltest.Faults{AllowedIPs: elsewhere})
	wantError(t, list(), 403, "forbidden")
	s.SetFaults(authsignaltest.Faults{AllowedIPs: elsewhere, IPStatus: 401})
	wantError(t, list(), 401, "unauthorized")
	wantFields(t, manage(t, s, http.MethodGet, "/tenant", nil), object{"tenantId": s.TenantID()})
	s.SetFaults(authsignaltest.Faults{AllowedIPs: append(elsewhere, netip.MustParsePrefix("127.0.0.0/8"))})
	if r := list(); r.status != http.StatusOK {
		t.Errorf("an allowed address: %d %s", r.status, r.raw)
	}
}

func TestOneCallOfASetUpIsBroken(t *testing.T) {
	t.Parallel()
	for kind, tookEffect := range map[authsignaltest.FaultKind]bool{authsignaltest.FaultReset: false, authsignaltest.FaultLost: true} {
		s := start(t, authsignaltest.Options{})
		s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Route: "/v1/management/*", After: 1, Times: 1, Kind: kind}}})
		manage(t, s, http.MethodGet, "/tenant", nil)
		if _, _, err := try(t, http.MethodPatch, s.ManagementURL()+"/tenant", basic(s.ManagementSecret()), object{"name": "new"}); err == nil {
			t.Errorf("%s: an answer came", kind)
		}
		if got := manage(t, s, http.MethodGet, "/tenant", nil).object["name"] == "new"; got != tookEffect {
			t.Errorf("%s: took effect: %v, want %v", kind, got, tookEffect)
		}
	}
}
