package authsignaltest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
)

var sdks = []authsignaltest.SDK{authsignaltest.Browser, authsignaltest.IOS, authsignaltest.Android}

func TestEverySDKSignsUpAndSignsIn(t *testing.T) {
	t.Parallel()
	for _, sdk := range sdks {
		t.Run(string(sdk), func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := start(t, authsignaltest.Options{Now: c.now})
			phone := s.Phone(sdk)
			up, err := s.Enrol(t.Context(), phone, jane)
			if err != nil {
				t.Fatal(err)
			}
			if up.UserID != jane.ID || up.UserAuthenticatorID == "" {
				t.Errorf("signed up %+v", up)
			}

			c.advance(time.Minute)
			in, err := phone.SignIn(t.Context(), signIn)
			if err != nil {
				t.Fatal(err)
			}
			if in.UserID != jane.ID || in.UserAuthenticatorID != up.UserAuthenticatorID || in.Username != jane.Username || in.DisplayName != "Jane" {
				t.Errorf("signed in %+v", in)
			}
			wantFields(t, validate(t, s, object{"token": in.Token, "action": signIn, "userId": jane.ID}), object{
				"isValid": true, "state": "CHALLENGE_SUCCEEDED", "verificationMethod": "PASSKEY",
				"stateUpdatedAt": "2026-01-31T10:01:00.000Z",
			})
		})
	}
}

func TestEverySignInIsItsOwnAction(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Browser)
	seen := map[any]bool{}
	for range 3 {
		in, err := phone.SignIn(t.Context(), signIn)
		if err != nil {
			t.Fatal(err)
		}
		seen[validate(t, s, object{"token": in.Token}).object["idempotencyKey"]] = true
	}
	if len(seen) != 3 {
		t.Errorf("got %d idempotency keys for 3 sign-ins", len(seen))
	}
}

func TestARegistrationTokenIsNoSignIn(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	up, err := s.Enrol(t.Context(), s.Phone(authsignaltest.Browser), jane)
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, validate(t, s, object{"token": up.Token}), object{"action": authsignaltest.EnrolmentAction, "userId": jane.ID})
	wantFields(t, validate(t, s, object{"token": up.Token, "action": signIn}), object{"isValid": false})
}

func TestASignInWithoutActionGetsTheDefaultAction(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{DefaultAction: "some-default"})
	in, err := enrol(t, s, authsignaltest.Browser).SignIn(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, validate(t, s, object{"token": in.Token}), object{"isValid": true, "action": "some-default"})
}

func TestMobileSDKsGoOnWithoutActionWhenTheChallengeFails(t *testing.T) {
	t.Parallel()
	for _, sdk := range sdks {
		t.Run(string(sdk), func(t *testing.T) {
			t.Parallel()
			s := start(t, authsignaltest.Options{DefaultAction: "some-default"})
			phone := enrol(t, s, sdk)
			s.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Route: "/v1/client/challenge", Kind: authsignaltest.FaultError}}})
			in, err := phone.SignIn(t.Context(), signIn)
			if sdk == authsignaltest.Browser {
				wantAPIError(t, err, http.StatusInternalServerError, "internal_error")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantFields(t, validate(t, s, object{"token": in.Token}), object{"isValid": true, "action": "some-default"})
		})
	}
}

func TestAStepUpCompletesTheTrackedAction(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Android)
	tracked := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: "pay", IdempotencyKey: "order-1", State: authsignaltest.StateChallengeRequired})

	in, err := phone.StepUp(t.Context(), tracked)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{in.Token, tracked} { // both speak of one action
		wantFields(t, validate(t, s, object{"token": token}), object{"isValid": true, "action": "pay", "idempotencyKey": "order-1", "verificationMethod": "PASSKEY"})
	}

	_, err = phone.StepUp(t.Context(), s.Mint(authsignaltest.TokenSpec{UserID: "auth0|no-passkey", Action: "pay"}))
	wantAPIError(t, err, http.StatusBadRequest, "invalid_request")
}

func TestAStepUpWithSomebodyElsesPasskeyFails(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	enrol(t, s, authsignaltest.Browser)
	others := s.Phone(authsignaltest.IOS) // does not look at allowCredentials
	if _, err := s.Enrol(t.Context(), others, authsignaltest.User{ID: "auth0|other"}); err != nil {
		t.Fatal(err)
	}
	_, err := others.StepUp(t.Context(), s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: "pay", State: authsignaltest.StateChallengeRequired}))
	wantAPIError(t, err, http.StatusBadRequest, "invalid_credential")
}

func TestAutofillWaitsForMinutes(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	phone := enrol(t, s, authsignaltest.Browser)
	armed := func() *authsignaltest.Autofill {
		a, err := phone.Autofill(t.Context(), signIn)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	early, late := armed(), armed()
	c.advance(10*time.Minute - time.Second)
	in, err := early.Pick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, validate(t, s, object{"token": in.Token}), object{"isValid": true, "action": signIn})

	c.advance(time.Second)
	_, err = late.Pick(t.Context())
	wantAPIError(t, err, http.StatusBadRequest, "invalid_request")

	s.SetFaults(authsignaltest.Faults{ChallengeSeconds: 30})
	brief := armed()
	c.advance(30 * time.Second)
	_, err = brief.Pick(t.Context())
	wantAPIError(t, err, http.StatusBadRequest, "invalid_request")
}

func TestAPasskeyChallengeIsGoodForOneAttempt(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	pending, err := enrol(t, s, authsignaltest.Browser).Autofill(t.Context(), signIn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pending.Pick(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = pending.Pick(t.Context())
	wantAPIError(t, err, http.StatusBadRequest, "invalid_request")
}

func TestAnActionIsRememberedForMinutes(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	begun := send(t, http.MethodPost, s.APIURL()+"/client/challenge", basic(s.TenantID()), object{"action": signIn})
	ask := func() reply {
		return send(t, http.MethodPost, s.APIURL()+"/client/user-authenticators/passkey/authentication-options", basic(s.TenantID()), object{"challengeId": begun.object["challengeId"]})
	}
	c.advance(10*time.Minute - time.Second)
	wantFields(t, ask(), object{})
	c.advance(time.Second)
	wantError(t, ask(), http.StatusBadRequest, "invalid_request")
}

func TestPasskeyChallengesAreForOneCeremonyOfOneUser(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	enrol(t, s, authsignaltest.Browser)
	const passkeys = "/client/user-authenticators/passkey"
	tenant := basic(s.TenantID())
	janes := "Bearer " + s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Scope: "add:authenticators"})
	others := "Bearer " + s.Mint(authsignaltest.TokenSpec{UserID: "auth0|other"})
	for name, tt := range map[string]struct{ begin, beginAs, end, endAs string }{
		"a registration ended as sign-in": {"/registration-options", janes, "/client/verify/passkey", tenant},
		"a sign-in ended as registration": {"/authentication-options", tenant, passkeys, janes},
		"a step-up ended as registration": {"/authentication-options", janes, passkeys, janes},
		"somebody else's registration":    {"/registration-options", janes, passkeys, others},
		"somebody else's step-up":         {"/authentication-options", janes, "/client/verify/passkey", others},
		"a sign-in ended as step-up":      {"/authentication-options", tenant, "/client/verify/passkey", janes},
	} {
		t.Run(name, func(t *testing.T) {
			begun := send(t, http.MethodPost, s.APIURL()+passkeys+tt.begin, tt.beginAs, object{})
			r := send(t, http.MethodPost, s.APIURL()+tt.end, tt.endAs, object{"challengeId": begun.object["challengeId"]})
			wantError(t, r, http.StatusBadRequest, "invalid_request")
		})
	}
}

func TestBadSignInsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phones := map[authsignaltest.SDK]*authsignaltest.Phone{}
	for _, sdk := range sdks {
		phones[sdk] = enrol(t, s, sdk)
	}
	tests := map[string]struct {
		flaws authsignaltest.Flaws
		code  string
	}{
		"another web origin":    {authsignaltest.Flaws{Origin: "https://evil.example"}, "invalid_credential"},
		"another port":          {authsignaltest.Flaws{Origin: "https://localhost:444"}, "invalid_credential"},
		"another Android app":   {authsignaltest.Flaws{Origin: "android:apk-key-hash:AAAA"}, "invalid_credential"},
		"another challenge":     {authsignaltest.Flaws{WrongChallenge: true}, "invalid_credential"},
		"user not verified":     {authsignaltest.Flaws{NoVerification: true}, "invalid_credential"},
		"a signature of nobody": {authsignaltest.Flaws{BogusSignature: true}, "invalid_credential"},
		"an unknown passkey":    {authsignaltest.Flaws{UnknownCredential: true}, "unknown_credential"},
	}
	for name, tt := range tests {
		for sdk, phone := range phones {
			t.Run(name+" on "+string(sdk), func(t *testing.T) {
				_, err := phone.With(tt.flaws).SignIn(t.Context(), signIn)
				wantAPIError(t, err, http.StatusBadRequest, tt.code)
				if _, err := phone.SignIn(t.Context(), signIn); err != nil {
					t.Errorf("without the flaw: %v", err)
				}
			})
		}
	}
}

func TestBadSignUpsAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for name, flaws := range map[string]authsignaltest.Flaws{
		"another origin":    {Origin: "https://evil.example"},
		"another challenge": {WrongChallenge: true},
		"user not verified": {NoVerification: true},
	} {
		t.Run(name, func(t *testing.T) {
			phone := s.Phone(authsignaltest.Browser)
			_, err := s.Enrol(t.Context(), phone.With(flaws), jane)
			wantAPIError(t, err, http.StatusBadRequest, "invalid_credential")
			if _, err := phone.SignIn(t.Context(), signIn); err != authsignaltest.ErrNoPasskey {
				t.Errorf("got %v, want no passkey", err)
			}
		})
	}
}

func TestUnverifiedCeremoniesAreToldInTheChosenForm(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Browser)
	bad := phone.With(authsignaltest.Flaws{BogusSignature: true})

	s.SetFaults(authsignaltest.Faults{Unverified: authsignaltest.FormUnauthorized})
	_, err := bad.SignIn(t.Context(), signIn)
	wantAPIError(t, err, http.StatusUnauthorized, "invalid_credential")

	s.SetFaults(authsignaltest.Faults{Unverified: authsignaltest.FormInvalid})
	in, err := bad.SignIn(t.Context(), signIn)
	if err != authsignaltest.ErrNotVerified || in.Token != "" {
		t.Errorf("got %+v, %v, want not verified", in, err)
	}
	_, err = phone.With(authsignaltest.Flaws{UnknownCredential: true}).SignIn(t.Context(), signIn)
	wantAPIError(t, err, http.StatusBadRequest, "unknown_credential")
}

func TestAllowedOriginsCanBeAdded(t *testing.T) {
	t.Parallel()
	const page, app = "http://localhost:8081", "android:apk-key-hash:7d1Ff0d"
	s := start(t, authsignaltest.Options{Origins: []string{app}})
	phone := enrol(t, s, authsignaltest.Browser)
	if _, err := phone.With(authsignaltest.Flaws{Origin: app}).SignIn(t.Context(), signIn); err != nil {
		t.Error(err)
	}
	_, err := phone.With(authsignaltest.Flaws{Origin: page}).SignIn(t.Context(), signIn)
	wantAPIError(t, err, http.StatusBadRequest, "invalid_credential")
	s.AllowOrigin(page)
	if _, err := phone.With(authsignaltest.Flaws{Origin: page}).SignIn(t.Context(), signIn); err != nil {
		t.Error(err)
	}
}

func TestTheSecondPasskeyNeedsItsScope(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	first := s.Phone(authsignaltest.Browser)
	plain := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, State: authsignaltest.StateChallengeRequired})
	scoped := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, State: authsignaltest.StateChallengeRequired, Scope: "read:authenticators add:authenticators"})

	if _, err := first.SignUp(t.Context(), plain, "jane"); err != nil {
		t.Fatalf("the first passkey: %v", err)
	}
	_, err := s.Phone(authsignaltest.IOS).SignUp(t.Context(), plain, "jane")
	wantAPIError(t, err, http.StatusBadRequest, "invalid_request")
	if _, err := s.Phone(authsignaltest.IOS).SignUp(t.Context(), scoped, "jane"); err != nil {
		t.Fatalf("the second passkey: %v", err)
	}
	if _, err := first.SignUp(t.Context(), scoped, "jane"); err != authsignaltest.ErrPasskeyExcluded {
		t.Errorf("a second passkey on one phone: got %v", err)
	}
}

func TestTheTenantIsReadFromEverySDKsBasic(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	id := []byte(s.TenantID() + ":")
	for name, tt := range map[string]struct {
		auth string
		ok   bool
	}{
		"browser: percent-encoded, no colon": {basic(s.TenantID()), true},
		"iOS: base64url without padding":     {"Basic " + base64.RawURLEncoding.EncodeToString(id), true},
		"Android: standard base64":           {"Basic " + base64.StdEncoding.EncodeToString(id), true},
		"another tenant":                     {basic("7752d28e-e627-4b1b-bb81-b45d68d617bc:"), false},
		"no credentials":                     {"", false},
		"not base64":                         {"Basic %%%", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := send(t, http.MethodPost, s.APIURL()+"/client/challenge", tt.auth, object{"action": signIn})
			if !tt.ok {
				wantError(t, r, http.StatusUnauthorized, "unauthorized")
				return
			}
			if id, _ := r.object["challengeId"].(string); r.status != http.StatusOK || id == "" || len(r.object) != 1 {
				t.Errorf("got %d %s", r.status, r.raw)
			}
		})
	}

	odd := start(t, authsignaltest.Options{TenantID: "tenant/ä"})
	wantFields(t, send(t, http.MethodPost, odd.APIURL()+"/client/challenge", basic("tenant%2F%C3%A4"), object{}), object{})
}

func TestTheClientAPIChecksTokens(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	const passkeys = "/client/user-authenticators/passkey"
	expired := "Bearer " + s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Life: -time.Second})
	foreign := "Bearer " + s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Foreign: true})
	for _, path := range []string{passkeys + "/registration-options", passkeys, passkeys + "/authentication-options", "/client/verify/passkey"} {
		wantError(t, send(t, http.MethodPost, s.APIURL()+path, expired, object{}), http.StatusUnauthorized, "expired_token")
		wantError(t, send(t, http.MethodPost, s.APIURL()+path, foreign, object{}), http.StatusUnauthorized, "invalid_token")
		wantError(t, send(t, http.MethodPost, s.APIURL()+path, "", object{}), http.StatusUnauthorized, "unauthorized")
	}
	wantError(t, send(t, http.MethodPost, s.APIURL()+passkeys, basic(s.TenantID()), object{}), http.StatusUnauthorized, "unauthorized")
	sibling := start(t, authsignaltest.Options{Secret: s.Secret()}) // same key, another tenant
	odd := "Bearer " + sibling.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	wantError(t, send(t, http.MethodPost, s.APIURL()+passkeys+"/registration-options", odd, object{}), http.StatusUnauthorized, "invalid_token")
	wantError(t, send(t, http.MethodGet, s.APIURL()+"/client/user-authenticators", expired, nil), http.StatusUnauthorized, "expired_token")
}

func TestOptionsAreWhatMobileDecodersNeed(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{RPID: "example.com"})
	s.PutUser(jane)
	token := "Bearer " + s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, State: authsignaltest.StateChallengeRequired})

	for _, mode := range []string{"", "/web"} {
		r := send(t, http.MethodPost, s.APIURL()+"/client/user-authenticators/passkey/authentication-options"+mode, basic(s.TenantID()), object{"challengeId": nil})
		options := r.object["options"].(object)
		wantFields(t, reply{status: r.status, object: options}, object{
			"rpId": "example.com", "userVerification": "required", "allowCredentials": []any{}, "publicKey": nil,
		})
		wantChallenge(t, options)

		r = send(t, http.MethodPost, s.APIURL()+"/client/user-authenticators/passkey/registration-options"+mode, token, object{"username": "jane", "displayName": "J.", "authenticatorAttachment": "platform"})
		options = r.object["options"].(object)
		wantFields(t, reply{status: r.status, object: options}, object{
			"rp":                     object{"id": "example.com", "name": "Authsignal emulator"},
			"pubKeyCredParams":       []object{{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}},
			"attestation":            "none",
			"excludeCredentials":     []any{},
			"authenticatorSelection": object{"authenticatorAttachment": "platform", "requireResidentKey": true, "residentKey": "required", "userVerification": "required"},
		})
		user := options["user"].(object)
		if user["name"] != "jane" || user["displayName"] != "J." || user["id"] == "" || user["id"] == base64.RawURLEncoding.EncodeToString([]byte(jane.ID)) {
			t.Errorf("user is %v: a handle must not tell the user id", user)
		}
		wantChallenge(t, options)
	}
}

// wantChallenge checks for 32 bytes: the iOS SDK cannot decode lengths
// divisible by four.
func wantChallenge(t *testing.T, options object) {
	t.Helper()
	if challenge, _ := options["challenge"].(string); len(challenge) != 43 {
		t.Errorf("challenge %q has not 43 characters", challenge)
	}
	if timeout, _ := options["timeout"].(float64); timeout <= 0 {
		t.Errorf("timeout is %v", options["timeout"])
	}
}

func TestAuthenticationOptionsNarrowedToAUser(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	enrol(t, s, authsignaltest.Browser)
	ask := func(auth string, body object) []any {
		r := send(t, http.MethodPost, s.APIURL()+"/client/user-authenticators/passkey/authentication-options", auth, body)
		return r.object["options"].(object)["allowCredentials"].([]any)
	}
	if got := ask(basic(s.TenantID()), object{"username": jane.Username}); len(got) != 1 {
		t.Errorf("by username: %v", got)
	}
	if got := ask(basic(s.TenantID()), object{"username": "nobody"}); len(got) != 0 {
		t.Errorf("by unknown username: %v", got)
	}
	got := ask("Bearer "+s.Mint(authsignaltest.TokenSpec{UserID: jane.ID}), object{})
	if len(got) != 1 || got[0].(object)["type"] != "public-key" || got[0].(object)["id"] == "" {
		t.Errorf("by token: %v", got)
	}
	r := send(t, http.MethodPost, s.APIURL()+"/client/user-authenticators/passkey/authentication-options", basic(s.TenantID()), object{"challengeId": "unknown"})
	wantError(t, r, http.StatusBadRequest, "invalid_request")
	r = send(t, http.MethodPost, s.APIURL()+"/client/challenge", basic(s.TenantID()), object{"action": "not allowed"})
	wantError(t, r, http.StatusBadRequest, "invalid_request")
}

func TestAChallengeCarriesItsIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Browser)
	// The newer browser SDK names the key; the phone is the older one, so its
	// request is completed on the way.
	rewriting := authsignaltest.NewPhone(authsignaltest.PhoneOptions{
		APIURL: s.APIURL(), TenantID: s.TenantID(),
		HTTPClient: &http.Client{Transport: rewrite(func(path string, body object) {
			if strings.HasSuffix(path, "/client/challenge") {
				body["idempotencyKey"] = "my-own"
			}
		})},
	})
	if _, err := s.Enrol(t.Context(), rewriting, authsignaltest.User{ID: "auth0|second"}); err != nil {
		t.Fatal(err)
	}
	in, err := rewriting.SignIn(t.Context(), signIn)
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, validate(t, s, object{"token": in.Token}), object{"idempotencyKey": "my-own", "userId": "auth0|second"})
	if _, err := phone.SignIn(t.Context(), signIn); err != nil {
		t.Error(err)
	}
}

func TestCredentialsAreReadLeniently(t *testing.T) {
	t.Parallel()
	std := func(v any) string {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(v.(string), "="))
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	for name, change := range map[string]func(credential, response object){
		"every member in padded standard base64": func(credential, response object) {
			for _, o := range []object{credential, response} {
				for _, member := range []string{"id", "rawId", "clientDataJSON", "authenticatorData", "signature", "attestationObject"} {
					if v, ok := o[member]; ok {
						o[member] = std(v)
					}
				}
			}
		},
		"a user handle that is no base64":              func(_, response object) { response["userHandle"] = "auth0|jané" },
		"a user handle of an iOS passkey in a browser": func(_, response object) { response["userHandle"] = "YmFzZTY0dXJsIG9mIGJhc2U2NHVybA" },
		"a null user handle":                           func(_, response object) { response["userHandle"] = nil },
		"no clientExtensionResults":                    func(credential, _ object) { delete(credential, "clientExtensionResults") },
		"no authenticatorAttachment":                   func(credential, _ object) { delete(credential, "authenticatorAttachment") },
		"an authenticatorAttachment nobody knows":      func(credential, _ object) { credential["authenticatorAttachment"] = "orbital" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, authsignaltest.Options{})
			phone := authsignaltest.NewPhone(authsignaltest.PhoneOptions{
				APIURL: s.APIURL(), TenantID: s.TenantID(),
				HTTPClient: &http.Client{Transport: rewrite(func(_ string, body object) {
					for _, member := range []string{"authenticationCredential", "registrationCredential"} {
						if credential, ok := body[member].(object); ok {
							change(credential, credential["response"].(object))
						}
					}
				})},
			})
			if _, err := s.Enrol(t.Context(), phone, jane); err != nil {
				t.Fatal(err)
			}
			if _, err := phone.SignIn(t.Context(), signIn); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCredentialsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for name, credential := range map[string]any{
		"nothing": nil, "a string": "credential", "an empty object": object{}, "no response": object{"id": "AAAA", "rawId": "AAAA", "type": "public-key"},
	} {
		t.Run(name, func(t *testing.T) {
			begun := send(t, http.MethodPost, s.APIURL()+"/client/user-authenticators/passkey/authentication-options", basic(s.TenantID()), object{})
			r := send(t, http.MethodPost, s.APIURL()+"/client/verify/passkey", basic(s.TenantID()), object{"challengeId": begun.object["challengeId"], "authenticationCredential": credential})
			wantError(t, r, http.StatusBadRequest, "invalid_credential")
		})
	}
}

func TestPasskeysCanBeFoundByDevices(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	in, err := enrol(t, s, authsignaltest.Browser).SignIn(t.Context(), signIn)
	if err != nil {
		t.Fatal(err)
	}
	r := send(t, http.MethodGet, s.APIURL()+"/client/user-authenticators", "Bearer "+in.Token, nil)
	var list []struct {
		VerificationMethod string
		WebauthnCredential struct{ CredentialID string }
	}
	if err := json.Unmarshal([]byte(r.raw), &list); err != nil || len(list) != 1 || list[0].VerificationMethod != "PASSKEY" {
		t.Fatalf("got %s", r.raw)
	}

	id := list[0].WebauthnCredential.CredentialID
	find := func(query string) reply {
		return send(t, http.MethodGet, s.APIURL()+"/client/user-authenticators/passkey?"+query, basic(s.TenantID()), nil)
	}
	for _, query := range []string{"credentialId=" + id, "credentialIds=AAAA," + id} {
		if r := find(query); r.object["credentialId"] != id || r.object["verifiedAt"] == nil {
			t.Errorf("%s: got %s", query, r.raw)
		}
	}
	wantError(t, find("credentialId=AAAA"), http.StatusBadRequest, "invalid_credential")
	wantError(t, find(""), http.StatusBadRequest, "invalid_credential")
}

func TestBrowsersMayCallTheClientAPIOnly(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	request := func(method, url string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "http://localhost:8080")
		req.Header.Set("Access-Control-Request-Method", http.MethodPost)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}

	for _, path := range []string{"/client/challenge", "/client/user-authenticators/passkey/authentication-options/web", "/client/verify/passkey"} {
		res := request(http.MethodOptions, s.APIURL()+path)
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":      "http://localhost:8080",
			"Access-Control-Allow-Credentials": "true",
			"Access-Control-Allow-Methods":     "GET, POST, OPTIONS",
			"Access-Control-Allow-Headers":     "Authorization, Content-Type",
			"Access-Control-Max-Age":           "600",
			"Vary":                             "Origin",
		} {
			if got := res.Header.Get(name); res.StatusCode != http.StatusNoContent || got != want {
				t.Errorf("preflight of %s: %d, %s is %q, want %q", path, res.StatusCode, name, got, want)
			}
		}
	}
	// Errors must be readable too, or the SDK reports a network failure.
	for _, path := range []string{"/client/challenge", "/client/nowhere"} {
		if got := request(http.MethodPost, s.APIURL()+path).Header.Get("Access-Control-Allow-Origin"); got != "http://localhost:8080" {
			t.Errorf("%s: Access-Control-Allow-Origin is %q", path, got)
		}
	}
	if got := request(http.MethodPost, s.APIURL()+"/validate").Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("the Server API allows origin %q", got)
	}
}
