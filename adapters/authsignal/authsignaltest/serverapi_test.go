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

func TestTheServerAPIAndConnectWantTheSecret(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	tests := map[string]struct {
		auth string
		ok   bool
	}{
		"the secret as user without password":           {basic(s.Secret() + ":"), true},
		"the secret as user and as password":            {basic(s.Secret() + ":" + s.Secret()), true},
		"the secret without a colon":                    {basic(s.Secret()), true},
		"the bare secret, as the connect docs print it": {"Basic " + s.Secret(), true},
		"a scheme in lower case":                        {"basic " + base64.StdEncoding.EncodeToString([]byte(s.Secret()+":")), true},
		"no credentials":                                {"", false},
		"another secret":                                {basic("another:"), false},
		"the tenant id":                                 {basic(s.TenantID() + ":"), false},
		"the secret as password only":                   {basic(":" + s.Secret()), false},
		"the secret as bearer":                          {"Bearer " + s.Secret(), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, url := range []string{s.APIURL() + "/validate", s.ConnectURL() + "/get-user"} {
				r := send(t, http.MethodPost, url, tt.auth, object{"token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})})
				if tt.ok {
					wantFields(t, r, object{"userId": jane.ID})
					continue
				}
				wantError(t, r, http.StatusUnauthorized, "unauthorized")
				if want := "The request is unauthorized. Check that your API key and region base URL are correctly configured."; r.object["errorDescription"] != want {
					t.Errorf("description %q", r.object["errorDescription"])
				}
			}
		})
	}
}

func TestTwoSecretsAreGoodWhileRotating(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	first, token := s.Secret(), s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	works := func(key string) bool {
		return send(t, http.MethodPost, s.APIURL()+"/validate", basic(key+":"), object{"token": token}).object["isValid"] == true
	}
	second := s.RotateSecret()
	if !works(first) || !works(second) {
		t.Error("after one rotation both secrets must work, and tokens signed with either")
	}
	third := s.RotateSecret()
	if send(t, http.MethodGet, s.APIURL()+"/users", basic(first+":"), nil).status != http.StatusUnauthorized {
		t.Error("after two rotations the first secret must not work")
	}
	if works(third) {
		t.Error("a token signed with a retired secret must not be valid")
	}
}

func TestTrackHandsOutATokenThatProvesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	r := send(t, http.MethodPost, s.APIURL()+"/users/"+jane.ID+"/actions/"+signIn, secret(s), object{"email": jane.Email, "deviceId": nil})
	wantFields(t, r, object{"state": "CHALLENGE_REQUIRED", "isEnrolled": false})
	wantFields(t, validate(t, s, object{"token": r.object["token"]}), object{
		"isValid": false, "state": "CHALLENGE_REQUIRED", "userId": jane.ID, "action": signIn,
		"idempotencyKey": r.object["idempotencyKey"], "verificationMethod": nil, "error": nil,
	})
	wantFields(t, send(t, http.MethodGet, s.APIURL()+"/users/"+jane.ID, secret(s), nil), object{"email": jane.Email, "emailVerified": false})
}

func TestUserIDsInPathsAreDecodedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for written, id := range map[string]string{
		"auth0|66f0c0de":   "auth0|66f0c0de", // as Node sends it
		"auth0%7C66f0c0de": "auth0|66f0c0de", // as PHP sends it
		"100%25":           "100%",
		"a%2Fb":            "a/b",
		"a%257Cb":          "a%7Cb",
		"a|%2541":          "a|%41",
		"j%C3%A4ne":        "jäne",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = "/v1/users/" + written + "/actions/" + signIn // sent as it stands
		req.Header.Set("Authorization", secret(s))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var tracked struct{ Token string }
		if err := json.NewDecoder(res.Body).Decode(&tracked); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		wantFields(t, validate(t, s, object{"token": tracked.Token}), object{"userId": id})
	}
}

func TestTrackKnobsAndLimits(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	track := func(action string, body any) reply {
		return send(t, http.MethodPost, s.APIURL()+"/users/u/actions/"+action, secret(s), body)
	}
	for _, action := range []string{"a.b", strings.Repeat("a", 65), "a%20b", "a|b"} {
		wantError(t, track(action, nil), http.StatusBadRequest, "invalid_request")
	}
	wantFields(t, track(strings.Repeat("a", 64), nil), object{"state": "CHALLENGE_REQUIRED"})

	s.SetFaults(authsignaltest.Faults{TrackState: authsignaltest.StateAllow})
	wantFields(t, track(signIn, object{"idempotencyKey": "once"}), object{"state": "ALLOW", "idempotencyKey": "once"})
	s.SetFaults(authsignaltest.Faults{})
	wantFields(t, track(signIn, object{"idempotencyKey": "once"}), object{"state": "ALLOW", "idempotencyKey": "once"})
}

func TestActionsCanBeReadChangedAndQueried(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn, IdempotencyKey: "old"})
	c.advance(time.Hour)
	s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: "pay", IdempotencyKey: "new", State: authsignaltest.StateReviewRequired})
	s.Mint(authsignaltest.TokenSpec{UserID: "auth0|other", Action: "pay"})
	actions := s.APIURL() + "/users/" + jane.ID + "/actions"

	wantFields(t, send(t, http.MethodGet, actions+"/"+signIn+"/old", secret(s), nil), object{
		"state": "CHALLENGE_SUCCEEDED", "createdAt": "2026-01-31T10:00:00.000Z", "verificationMethod": "PASSKEY",
	})
	wantFields(t, send(t, http.MethodPatch, actions+"/pay/new", secret(s), object{"state": "REVIEW_FAILED"}), object{"state": "REVIEW_FAILED"})
	wantError(t, send(t, http.MethodPatch, actions+"/pay/new", secret(s), object{"state": "NO_SUCH_STATE"}), http.StatusBadRequest, "invalid_request")
	wantError(t, send(t, http.MethodGet, actions+"/pay/none", secret(s), nil), http.StatusNotFound, "invalid_request")

	for query, want := range map[string]string{
		"":                                     "new old",
		"?codes=" + signIn + ",none":           "old",
		"?state=REVIEW_FAILED":                 "new",
		"?fromDate=2026-01-31T10:30:00.000Z":   "new",
		"?fromDate=2026-01-31":                 "new old",
		"?codes=pay&state=CHALLENGE_SUCCEEDED": "",
	} {
		r := send(t, http.MethodGet, actions+query, secret(s), nil)
		var list []struct{ ActionCode, IdempotencyKey, State, CreatedAt string }
		if err := json.Unmarshal([]byte(r.raw), &list); err != nil || list == nil {
			t.Fatalf("%s answered %s, want an array", query, r.raw)
		}
		var keys []string
		for _, a := range list {
			keys = append(keys, a.IdempotencyKey)
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("%q found %q, want %q", query, got, want)
		}
	}
	wantError(t, send(t, http.MethodGet, actions+"?fromDate=soon", secret(s), nil), http.StatusBadRequest, "invalid_request")
}

func TestUsersCanBeReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	at := s.APIURL() + "/users/" + jane.ID

	r := send(t, http.MethodGet, at, secret(s), nil)
	wantFields(t, r, object{"isEnrolled": false, "emailVerified": false, "phoneNumberVerified": false, "email": nil})

	s.PutUser(jane)
	r = send(t, http.MethodGet, at, secret(s), nil)
	wantFields(t, r, object{"isEnrolled": false, "email": jane.Email, "emailVerified": true, "username": jane.Username, "displayName": "Jane"})
	if _, has := r.object["userId"]; has {
		t.Error("get user must not tell the userId")
	}

	wantFields(t, send(t, http.MethodPatch, at, secret(s), object{"displayName": "Jane D.", "email": nil, "userId": "x"}), object{"displayName": "Jane D.", "email": jane.Email})
	enrol(t, s, authsignaltest.Browser)
	wantFields(t, send(t, http.MethodGet, at, secret(s), nil), object{
		"isEnrolled": true, "enrolledVerificationMethods": []string{"PASSKEY"}, "defaultVerificationMethod": "PASSKEY",
	})
	if r := send(t, http.MethodDelete, at, secret(s), nil); r.status != http.StatusOK || r.raw != "{}" {
		t.Errorf("delete answered %d %s", r.status, r.raw)
	}
	wantFields(t, send(t, http.MethodGet, at, secret(s), nil), object{"isEnrolled": false, "email": nil})
}

func TestADeletedUserTakesActionsAndSessionsAlong(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	token := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	session := send(t, http.MethodPost, s.APIURL()+"/sessions", secret(s), object{"clientId": "app", "token": token})
	refresh := object{"refreshToken": session.object["refreshToken"]}

	wantFields(t, send(t, http.MethodDelete, s.APIURL()+"/users/"+jane.ID, secret(s), nil), object{})
	wantFields(t, validate(t, s, object{"token": token}), object{"isValid": false, "error": "invalid_token"})
	wantError(t, send(t, http.MethodPost, s.APIURL()+"/sessions/refresh", secret(s), refresh), http.StatusUnauthorized, "invalid_token")
}

func TestUsersCanBeQueried(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	for _, id := range []string{"a", "b", "c"} {
		s.PutUser(authsignaltest.User{ID: id, Email: "shared@example.com", Username: "user-" + id})
	}
	for query, want := range map[string]object{
		"?username=user-b":               {"users": []object{{"userId": "b", "email": "shared@example.com", "emailVerified": false, "phoneNumberVerified": false, "username": "user-b"}}},
		"?email=nobody@example.com":      {"users": []object{}},
		"?limit=2":                       {"lastEvaluatedUserId": "b"},
		"?limit=2&lastEvaluatedUserId=b": {"lastEvaluatedUserId": nil},
	} {
		wantFields(t, send(t, http.MethodGet, s.APIURL()+"/users"+query, secret(s), nil), want)
	}
	wantError(t, send(t, http.MethodGet, s.APIURL()+"/users?limit=none", secret(s), nil), http.StatusBadRequest, "invalid_request")
}

func TestAuthenticatorsCanBeListedAndDeleted(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	phone := enrol(t, s, authsignaltest.Browser)
	at := s.APIURL() + "/users/" + jane.ID + "/authenticators"

	var list []struct {
		UserID, UserAuthenticatorID, VerificationMethod, CreatedAt, Username string
		WebauthnCredential                                                   struct{ CredentialID, AAGUID, CredentialDeviceType string }
	}
	r := send(t, http.MethodGet, at, secret(s), nil)
	if err := json.Unmarshal([]byte(r.raw), &list); err != nil || len(list) != 1 {
		t.Fatalf("got %s", r.raw)
	}
	got := list[0]
	if got.UserID != jane.ID || got.VerificationMethod != "PASSKEY" || got.Username != jane.Username ||
		got.WebauthnCredential.CredentialID == "" || got.WebauthnCredential.CredentialDeviceType != "multiDevice" {
		t.Errorf("got %+v", got)
	}

	wantError(t, send(t, http.MethodDelete, at+"/none", secret(s), nil), http.StatusNotFound, "invalid_request")
	wantFields(t, send(t, http.MethodDelete, at+"/"+got.UserAuthenticatorID, secret(s), nil), object{})
	if r := send(t, http.MethodGet, at, secret(s), nil); r.raw != "[]" {
		t.Errorf("after deletion got %s", r.raw)
	}
	_, err := phone.SignIn(t.Context(), signIn)
	wantAPIError(t, err, http.StatusBadRequest, "unknown_credential")
}

func TestSessions(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := start(t, authsignaltest.Options{Now: c.now})
	s.PutUser(jane)
	post := func(path string, body object) reply {
		return send(t, http.MethodPost, s.APIURL()+"/sessions"+path, secret(s), body)
	}
	open := func() reply {
		return post("", object{"clientId": "app", "token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, Action: signIn}), "action": signIn})
	}

	first := open()
	wantFields(t, post("/validate", object{"accessToken": first.object["accessToken"], "clientIds": []string{"app"}}), object{
		"verificationMethod": "PASSKEY", "expiresAt": c.now().Add(10 * time.Minute).Unix(),
	})
	wantError(t, post("/validate", object{"accessToken": first.object["accessToken"], "clientIds": []string{"other"}}), http.StatusUnauthorized, "invalid_token")
	wantFields(t, validate(t, s, object{"token": first.object["accessToken"]}), object{"isValid": false})

	second := post("/refresh", object{"refreshToken": first.object["refreshToken"]})
	wantFields(t, post("/validate", object{"accessToken": second.object["accessToken"]}), object{"verificationMethod": "PASSKEY"})
	wantError(t, post("/refresh", object{"refreshToken": first.object["refreshToken"]}), http.StatusUnauthorized, "invalid_token")
	wantError(t, post("/validate", object{"accessToken": first.object["accessToken"]}), http.StatusUnauthorized, "invalid_token")

	wantFields(t, post("/revoke", object{"accessToken": second.object["accessToken"]}), object{})
	wantError(t, post("/validate", object{"accessToken": second.object["accessToken"]}), http.StatusUnauthorized, "invalid_token")
	wantError(t, post("/revoke", object{"accessToken": second.object["accessToken"]}), http.StatusUnauthorized, "invalid_token")

	third := open()
	c.advance(10 * time.Minute)
	wantError(t, post("/validate", object{"accessToken": third.object["accessToken"]}), http.StatusUnauthorized, "invalid_token")
	wantFields(t, post("/user/revoke", object{"userId": jane.ID}), object{})
	wantError(t, post("/refresh", object{"refreshToken": third.object["refreshToken"]}), http.StatusUnauthorized, "invalid_token")

	wantError(t, post("", object{"clientId": "app", "token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, State: authsignaltest.StateChallengeRequired})}), http.StatusUnauthorized, "invalid_token")
	wantError(t, post("", object{"clientId": "app", "token": s.Mint(authsignaltest.TokenSpec{UserID: jane.ID}), "action": "other"}), http.StatusUnauthorized, "invalid_token")
}

func TestGetUserOfTheConnectHost(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	s.PutUser(jane)
	getUser := func(body object) reply { return send(t, http.MethodPost, s.ConnectURL()+"/get-user", secret(s), body) }
	done := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID})
	pending := s.Mint(authsignaltest.TokenSpec{UserID: jane.ID, State: authsignaltest.StateChallengeRequired})

	wantFields(t, getUser(object{"token": done}), object{"userId": jane.ID, "email": jane.Email, "emailVerified": true, "isEnrolled": false})
	wantFields(t, getUser(object{"userId": jane.ID}), object{"userId": jane.ID, "email": jane.Email})
	wantFields(t, getUser(object{"token": pending}), object{"userId": jane.ID})
	wantError(t, getUser(object{}), http.StatusBadRequest, "invalid_request")
	wantError(t, getUser(object{"token": "nonsense"}), http.StatusUnauthorized, "invalid_token")

	s.SetFaults(authsignaltest.Faults{BadToken: authsignaltest.FormBadRequest})
	wantError(t, getUser(object{"token": "nonsense"}), http.StatusBadRequest, "invalid_request")

	s.SetFaults(authsignaltest.Faults{StrictGetUser: true})
	wantFields(t, getUser(object{"token": done}), object{"userId": jane.ID})
	wantError(t, getUser(object{"token": pending}), http.StatusUnauthorized, "invalid_token")

	s.SetFaults(authsignaltest.Faults{SingleUse: authsignaltest.FormInvalid})
	wantError(t, getUser(object{"token": done}), http.StatusUnauthorized, "invalid_token")
}

func TestUnknownPathsAndMethodsAnswerErrorsOfTheAPI(t *testing.T) {
	t.Parallel()
	s := start(t, authsignaltest.Options{})
	wantError(t, send(t, http.MethodGet, s.URL()+"/nowhere", "", nil), http.StatusNotFound, "not_found")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		wantError(t, send(t, method, s.APIURL()+"/client/verify/totp", "", nil), http.StatusNotFound, "not_found")
	}
	wantError(t, send(t, http.MethodGet, s.APIURL()+"/validate", secret(s), nil), http.StatusMethodNotAllowed, "method_not_allowed")
}
