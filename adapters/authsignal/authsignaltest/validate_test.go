package authsignaltest_test

import (
	"net/http"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
)

func TestValidateTellsTheWholeActionOfACompletedSignIn(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn, IdempotencyKey: "0b0f2f0e"})

	const want = `{"action":"signInWithPasskey","actionCode":"signInWithPasskey","idempotencyKey":"0b0f2f0e","isValid":true,` +
		`"state":"CHALLENGE_SUCCEEDED","stateUpdatedAt":"2026-01-31T10:00:00.000Z","userId":"auth0|66f0c0de","verificationMethod":"PASSKEY"}`
	for range 2 { // validation is a repeatable read by default
		if r := validate(t, s, object{"token": token}); r.status != http.StatusOK || r.raw != want {
			t.Fatalf("got %d %s\nwant %s", r.status, r.raw, want)
		}
	}
}

func TestValidateAcceptsWhatSDKsSend(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn})
	for name, body := range map[string]object{
		"the token alone":             {"token": token},
		"user and action that match":  {"token": token, "userId": jane.ID, "action": signIn},
		"nulls for user and action":   {"token": token, "userId": nil, "action": nil},
		"fields nobody has heard of":  {"token": token, "customDomain": object{"a": 1}},
		"empty strings for user, too": {"token": token, "userId": "", "action": ""},
	} {
		t.Run(name, func(t *testing.T) {
			wantFields(t, validate(t, s, body), object{"isValid": true})
		})
	}
}

func TestValidateRefusesRequestsItCannotRead(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for name, body := range map[string]any{
		"no body":       nil,
		"no token":      object{"userId": jane.ID},
		"null token":    object{"token": nil},
		"not JSON":      `{"token":`,
		"wrong type":    object{"token": 7},
		"not an object": `"token"`,
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, validate(t, s, body), http.StatusBadRequest, "invalid_request")
		})
	}
}

func TestValidateReportsStatesAsTheyAre(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for _, state := range []authsignaltest.State{
		authsignaltest.StateAllow, authsignaltest.StateBlock, authsignaltest.StateChallengeRequired,
		authsignaltest.StateChallengeFailed, authsignaltest.StateReviewRequired,
		authsignaltest.StateReviewFailed, authsignaltest.StateReviewSucceeded,
	} {
		r := validate(t, s, object{"token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn, State: state})})
		wantFields(t, r, object{"isValid": false, "state": state, "userId": jane.ID, "action": signIn})
		if _, has := r.object["verificationMethod"]; has {
			t.Errorf("state %s has a verification method", state)
		}
		if _, has := r.object["error"]; has {
			t.Errorf("state %s has an error: browsers take the answer for a failure", state)
		}
	}
}

func TestValidateRefusesBadTokensInTheChosenForm(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	other := start(t, authsignaltest.Options{Now: c.now})
	good := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	tokens := map[string]struct{ token, code string }{
		"a malformed token":            {"not-a-token", "invalid_token"},
		"a forged signature":           {good[:len(good)-6] + "AAAAAA", "invalid_token"},
		"an unsigned token":            {s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Alg: "none"}), "invalid_token"},
		"another tenant's token":       {other.Mint(authsignaltest.TokenSpec{UserID: jane.ID}), "invalid_token"},
		"a token signed by a stranger": {s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Foreign: true}), "invalid_token"},
		"an RS256 stranger's token":    {s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Foreign: true, Alg: "RS256"}), "invalid_token"},
		"an expired token":             {s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Life: -time.Second}), "expired_token"},
		"a token issued long ago":      {s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, IssuedAt: c.now().Add(-10 * time.Minute)}), "expired_token"},
	}
	for name, bad := range tokens {
		t.Run(name, func(t *testing.T) {
			s.SetFaults(authsignaltest.Faults{})
			wantFields(t, validate(t, s, object{"token": bad.token}), object{"isValid": false, "error": bad.code, "state": nil})
			s.SetFaults(authsignaltest.Faults{BadToken: authsignaltest.FormBadRequest})
			wantError(t, validate(t, s, object{"token": bad.token}), http.StatusBadRequest, "invalid_request")
			s.SetFaults(authsignaltest.Faults{BadToken: authsignaltest.FormUnauthorized})
			wantError(t, validate(t, s, object{"token": bad.token}), http.StatusUnauthorized, bad.code)
		})
	}
}

func TestATokenLivesTenMinutes(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	s.SetFaults(authsignaltest.Faults{TokenSeconds: 5})
	brief := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})

	c.advance(5 * time.Second)
	wantFields(t, validate(t, s, object{"token": brief}), object{"isValid": false, "error": "expired_token"})
	c.advance(10*time.Minute - 6*time.Second)
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": true})
	c.advance(time.Second)
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": false, "error": "expired_token"})
}

func TestValidateTellsAMismatchInTheChosenForm(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn})
	for name, body := range map[string]object{
		"another user":   {"token": token, "userId": "auth0|somebody-else"},
		"another action": {"token": token, "action": "transferMoney"},
	} {
		t.Run(name, func(t *testing.T) {
			s.SetFaults(authsignaltest.Faults{})
			wantFields(t, validate(t, s, body), object{"isValid": false, "error": "invalid_token", "state": nil})
			s.SetFaults(authsignaltest.Faults{Mismatch: authsignaltest.FormInvalidFull})
			wantFields(t, validate(t, s, body), object{"isValid": false, "error": "invalid_token", "state": "CHALLENGE_SUCCEEDED", "userId": jane.ID, "action": signIn})
			s.SetFaults(authsignaltest.Faults{Mismatch: authsignaltest.FormBadRequest})
			wantError(t, validate(t, s, body), http.StatusBadRequest, "invalid_request")
			s.SetFaults(authsignaltest.Faults{Mismatch: authsignaltest.FormUnauthorized})
			wantError(t, validate(t, s, body), http.StatusUnauthorized, "invalid_token")
			s.SetFaults(authsignaltest.Faults{Mismatch: authsignaltest.FormIgnored})
			wantFields(t, validate(t, s, body), object{"isValid": true, "userId": jane.ID, "action": signIn})
		})
	}
}

func TestSingleUseRefusesTheSecondValidationInTheChosenForm(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	second := func(t *testing.T, form authsignaltest.Form) reply {
		s.SetFaults(authsignaltest.Faults{SingleUse: form})
		token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
		wantFields(t, validate(t, s, object{"token": token}), object{"isValid": true})
		return validate(t, s, object{"token": token})
	}
	wantFields(t, second(t, authsignaltest.FormInvalid), object{"isValid": false, "error": "invalid_token", "state": nil})
	wantFields(t, second(t, authsignaltest.FormInvalidFull), object{"isValid": false, "error": "invalid_token", "state": "CHALLENGE_SUCCEEDED"})
	wantError(t, second(t, authsignaltest.FormBadRequest), http.StatusBadRequest, "invalid_request")
	wantError(t, second(t, authsignaltest.FormUnauthorized), http.StatusUnauthorized, "invalid_token")
	wantFields(t, second(t, authsignaltest.FormIgnored), object{"isValid": true})
	wantFields(t, second(t, ""), object{"isValid": true})
}

func TestSingleUseDoesNotCountRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	s.SetFaults(authsignaltest.Faults{SingleUse: authsignaltest.FormUnauthorized})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn})
	wantFields(t, validate(t, s, object{"token": token, "action": "another"}), object{"isValid": false})
	wantFields(t, validate(t, s, object{"token": token, "action": signIn}), object{"isValid": true})

	pending := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, State: authsignaltest.StateChallengeRequired})
	for range 2 {
		wantFields(t, validate(t, s, object{"token": pending}), object{"isValid": false, "state": "CHALLENGE_REQUIRED"})
	}
}

func TestAllowIsValidOnlyByKnob(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, State: authsignaltest.StateAllow})
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": false, "state": "ALLOW"})
	s.SetFaults(authsignaltest.Faults{AllowIsValid: true})
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": true, "state": "ALLOW"})
}

func TestFieldsOfValidateCanBeMissingOrWrong(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	plain := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	bare := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, OmitFields: []string{"stateUpdatedAt", "idempotencyKey"}})
	wantFields(t, validate(t, s, object{"token": bare}), object{"isValid": true, "stateUpdatedAt": nil, "idempotencyKey": nil})

	s.SetFaults(authsignaltest.Faults{
		Omit:    []string{"verificationMethod", "action"},
		Replace: object{"isValid": "true", "verificationMethod": "SMS", "stateUpdatedAt": "yesterday"},
	})
	wantFields(t, validate(t, s, object{"token": plain}), object{
		"isValid": "true", "verificationMethod": "SMS", "stateUpdatedAt": "yesterday", "action": nil, "userId": jane.ID,
	})
}

func TestMintedTokensSayWhatTheirSpecSays(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now, DefaultAction: "fallback"})
	token := s.Mint(authsignaltest.TokenSpec{
		UserID: jane.ID, State: authsignaltest.StateChallengeSucceeded, Method: "SMS",
		StateUpdatedAt: c.now().Add(-time.Hour),
	})
	wantFields(t, validate(t, s, object{"token": token}), object{
		"isValid": true, "action": "fallback", "verificationMethod": "SMS", "stateUpdatedAt": "2026-01-31T09:00:00.000Z",
	})

	// Claims may disappear from the token without the tenant forgetting them.
	for _, claim := range []string{"exp", "sub", "aud", "iat", "scope", "other", "other.tenantId", "other.actionCode", "other.idempotencyKey"} {
		odd := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn, OmitClaims: []string{claim}})
		wantFields(t, validate(t, s, object{"token": odd}), object{"isValid": true, "userId": jane.ID, "action": signIn})
	}
}

func TestTokensOfOneActionShareItsState(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	first := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn, IdempotencyKey: "k", State: authsignaltest.StateChallengeRequired})
	second := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn, IdempotencyKey: "k", Scope: "add:authenticators"})
	if first == second {
		t.Fatal("want two different tokens")
	}
	wantFields(t, validate(t, s, object{"token": first}), object{"isValid": true, "idempotencyKey": "k"})
}

// TestAnswersAreOfTheOneContentTypeThatEachSDKReads is what Authsignal's SDK for Python (authsignal
// 4.1.0 of PyPI) insists on: it compares the whole header.
func TestAnswersAreOfTheOneContentTypeThatEachSDKReads(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	if got := validate(t, s, object{"token": "t"}).header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q, want application/json", got)
	}
}
