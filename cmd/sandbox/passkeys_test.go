package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/authsignal/authsignaltest"
)

const enrolAudience = "https://bridge.example.com/passkeys"

// enrolling are the settings of a bridge where people manage their passkeys.
var enrolling = map[string]string{"ENROL_AUDIENCE": enrolAudience, "RATE_LIMITS": "off"}

// accessToken is one of a person who has signed in a minute ago, with claims over those that
// it has anyway.
func (b *bench) accessToken(t *testing.T, user string, over map[string]any) string {
	t.Helper()
	claims := map[string]any{"auth_time": time.Now().Add(-time.Minute).Unix()}
	for name, value := range over {
		claims[name] = value
	}
	token, err := b.auth0.MintAccessToken(user, enrolAudience, "openid manage:passkeys", claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// passkeysAnswer is what /v1/passkeys says.
type passkeysAnswer struct {
	status   int
	Code     string `json:"code"`
	Token    string `json:"token"`
	Passkeys []struct {
		ID     string `json:"id"`
		Synced bool   `json:"synced"`
	} `json:"passkeys"`
	challenge string
}

func (b *bench) passkeys(t *testing.T, method, path, access string) passkeysAnswer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.bridgeURL+"/v1/passkeys"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	resp, err := described.Client(t, nil).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	got := passkeysAnswer{status: resp.StatusCode, challenge: resp.Header.Get("WWW-Authenticate")}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%d %s: %v", resp.StatusCode, text, err)
		}
	}
	if strings.Contains(string(text), access) {
		t.Error("the answer holds the access token")
	}
	return got
}

func TestASignedInPersonGetsAPasskeyAndSignsInWithIt(t *testing.T) {
	b := startBench(t, enrolling)
	access := b.accessToken(t, "auth0|jane", nil)
	begun := b.passkeys(t, http.MethodPost, "", access)
	if begun.status != http.StatusOK || begun.Token == "" {
		t.Fatalf("%+v\nlog: %s", begun, b.log)
	}
	phone := b.authsignal.Phone(authsignaltest.IOS)
	added, err := phone.SignUp(t.Context(), begun.Token, "jane")
	if err != nil || added.UserID != "auth0|jane" {
		t.Fatalf("added %+v, %v", added, err)
	}

	// What added a passkey validates as a success at Authsignal, and opens nothing here. Nor does
	// the token that it was added with.
	if got := b.validation(t, added.Token); got.State != "CHALLENGE_SUCCEEDED" || !got.IsValid || got.UserID != "auth0|jane" {
		t.Fatalf("it validates as %+v, so this tries nothing", got)
	}
	for _, token := range []string{added.Token, begun.Token} {
		b.want(t, token, http.StatusUnauthorized, "token_rejected")
	}

	signedIn, err := phone.SignIn(t.Context(), string(b.config.Authsignal.Action))
	if err != nil {
		t.Fatal(err)
	}
	b.want(t, signedIn.Token, http.StatusOK, "")

	listed := b.passkeys(t, http.MethodGet, "", b.accessToken(t, "auth0|jane", map[string]any{"auth_time": nil}))
	if listed.status != http.StatusOK || len(listed.Passkeys) != 1 || listed.Passkeys[0].ID != added.UserAuthenticatorID || !listed.Passkeys[0].Synced {
		t.Errorf("listed %+v", listed)
	}
	if gone := b.passkeys(t, http.MethodDelete, "/"+added.UserAuthenticatorID, b.accessToken(t, "auth0|jane", nil)); gone.status != http.StatusNoContent {
		t.Errorf("removed: %+v", gone)
	}
	if left := b.authsignal.Passkeys("auth0|jane"); len(left) != 0 {
		t.Errorf("she still has %q", left)
	}
	want := []string{"enrolment_begun", "token_rejected", "token_rejected", "session_delivered", "passkeys_listed", "passkey_removed"}
	_, lines := b.hops.take()
	var got, told []string
	for _, line := range lines {
		var read struct{ Outcome string }
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatal(err)
		}
		got, told = append(got, read.Outcome), append(told, string(line))
	}
	if !slices.Equal(got, want) {
		t.Errorf("recorded are %q, want %q", got, want)
	}
	if metrics := b.metrics(t); !strings.Contains(metrics, `attempts_total{event="enrol",issuer="auth0",outcome="enrolment_begun",verifier="none"} 1`) {
		t.Error("the enrolment is not counted")
	}
	for _, secret := range []string{access, begun.Token, added.Token} {
		if strings.Contains(strings.Join(told, "")+b.log.String()+b.metrics(t), secret) {
			t.Error("the log, the audit log or the metrics tell a token")
		}
	}
}

func (b *bench) metrics(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(b.metricsURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// validation is what Authsignal says of a token.
func (b *bench) validation(t *testing.T, token string) (got struct {
	IsValid bool   `json:"isValid"`
	State   string `json:"state"`
	UserID  string `json:"userId"`
}) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"token": token})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.authsignal.APIURL()+"/validate", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(b.authsignal.Secret(), "")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestNobodyManagesSomebodyElsesPasskeys has John try everything with the passkey of Jane. None
// of it may reach Authsignal but the request for his own list.
func TestNobodyManagesSomebodyElsesPasskeys(t *testing.T) {
	b := startBench(t, enrolling)
	b.token(t, wish{User: "jane"}) // she has a passkey
	janes := b.authsignal.Passkeys("auth0|jane")[0]
	now := time.Now()
	alg := func(header string, claims map[string]any) string {
		parts := strings.Split(b.accessToken(t, "auth0|jane", claims), ".")
		return encodeText(header) + "." + parts[1] + "."
	}
	session := b.want(t, b.token(t, wish{User: "jane"}), http.StatusOK, "")
	b.hops.take()
	for name, tt := range map[string]struct {
		token  string
		code   string
		toRead string // the code that a list is answered with, if it is another; "-" if a list may be had
	}{
		"a token for another API":            {b.accessToken(t, "auth0|jane", map[string]any{"aud": "https://api.sandbox.example"}), "access_token_invalid", ""},
		"the access token of a session":      {session.AccessToken, "access_token_invalid", ""},
		"the ID token of a session":          {session.IDToken, "access_token_invalid", ""},
		"the refresh token of a session":     {session.RefreshToken, "access_token_invalid", ""},
		"a passkey's own token":              {b.token(t, wish{User: "jane"}), "access_token_invalid", ""},
		"alg none":                           {alg(`{"alg":"none","typ":"JWT"}`, nil), "access_token_invalid", ""},
		"another issuer":                     {b.accessToken(t, "auth0|jane", map[string]any{"iss": "https://evil.example/"}), "access_token_invalid", ""},
		"an expired token":                   {b.accessToken(t, "auth0|jane", map[string]any{"exp": now.Add(-time.Hour).Unix()}), "access_token_invalid", ""},
		"a token without the scope":          {b.accessToken(t, "auth0|jane", map[string]any{"scope": "openid profile"}), "insufficient_scope", ""},
		"an old sign-in":                     {b.accessToken(t, "auth0|jane", map[string]any{"auth_time": now.Add(-time.Hour).Unix()}), "sign_in_too_old", "-"},
		"a sign-in at no known time":         {b.accessToken(t, "auth0|jane", map[string]any{"auth_time": nil}), "sign_in_too_old", "-"},
		"a sign-in in the future":            {b.accessToken(t, "auth0|jane", map[string]any{"auth_time": now.Add(time.Hour).Unix()}), "sign_in_too_old", "-"},
		"a person of another connection":     {b.accessToken(t, "google-oauth2|jane", nil), "enrolment_denied", ""},
		"her id without its prefix":          {b.accessToken(t, "jane", nil), "enrolment_denied", ""},
		"her id behind a path":               {b.accessToken(t, "auth0|..", nil), "enrolment_denied", ""},
		"an application's own token":         {b.accessToken(t, "an-app@clients", map[string]any{"gty": "client-credentials"}), "access_token_invalid", ""},
		"a token that is bound to a key":     {b.accessToken(t, "auth0|jane", map[string]any{"cnf": map[string]any{"jkt": "x"}}), "access_token_invalid", ""},
		"a support agent in her name":        {b.accessToken(t, "auth0|jane", map[string]any{"act": map[string]any{"sub": "auth0|john"}}), "access_token_invalid", ""},
		"a token of nobody's":                {b.accessToken(t, "", nil), "access_token_invalid", ""},
		"a token with two people, by a list": {b.accessToken(t, "auth0|john", map[string]any{"sub": []string{"auth0|john", "auth0|jane"}}), "access_token_invalid", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.authsignal.Exchanges())
			for route, want := range map[string]string{"POST ": tt.code, "DELETE /" + janes: tt.code, "GET ": tt.code} {
				method, path, _ := strings.Cut(route, " ")
				if method == http.MethodGet && tt.toRead == "-" {
					continue
				}
				if got := b.passkeys(t, method, path, tt.token); got.Code != want || got.Token != "" || got.Passkeys != nil {
					t.Errorf("%s: %+v, want %s", method, got, want)
				}
			}
			if asked := len(b.authsignal.Exchanges()); asked != before {
				t.Errorf("Authsignal was asked %d times", asked-before)
			}
		})
	}
	t.Run("the id of somebody else's passkey", func(t *testing.T) {
		for _, path := range []string{"/" + janes, "/..%2F..%2Fauth0%7Cjane%2Fauthenticators%2F" + janes} {
			if got := b.passkeys(t, http.MethodDelete, path, b.accessToken(t, "auth0|john", nil)); got.Code != "passkey_unknown" {
				t.Errorf("%s: %+v, want passkey_unknown", path, got)
			}
		}
		if got := b.passkeys(t, http.MethodGet, "", b.accessToken(t, "auth0|john", nil)); len(got.Passkeys) != 0 {
			t.Errorf("John is listed %+v", got)
		}
	})
	if left := b.authsignal.Passkeys("auth0|jane"); !slices.Equal(left, []string{janes}) {
		t.Errorf("Jane has %q, want %q", left, janes)
	}
}

func TestAnAccessTokenBeginsOneEnrolmentHoweverOftenItComes(t *testing.T) {
	b := startBench(t, enrolling)
	access := b.accessToken(t, "auth0|jane", nil)
	results := make(chan passkeysAnswer)
	const times = 8
	for range times {
		go func() { results <- b.passkeys(t, http.MethodPost, "", access) }()
	}
	codes := map[string]int{}
	for range times {
		codes[(<-results).Code]++
	}
	if codes[""] != 1 || codes["token_replayed"] != times-1 {
		t.Errorf("answered %v, want one enrolment", codes)
	}
}

func TestAnEnrolmentThatAuthsignalDidNotAnswerMayBeTriedAgain(t *testing.T) {
	b := startBench(t, enrolling)
	access := b.accessToken(t, "auth0|jane", nil)
	b.meets(fault{authsignal: authsignaltest.Faults{Inject: []authsignaltest.Fault{{Kind: authsignaltest.FaultHTML, Status: 503}}}})
	if got := b.passkeys(t, http.MethodPost, "", access); got.Code != "unavailable" {
		t.Errorf("%+v, want unavailable", got)
	}
	b.authsignal.SetFaults(authsignaltest.Faults{})
	if got := b.passkeys(t, http.MethodPost, "", access); got.status != http.StatusOK {
		t.Errorf("the same access token again: %+v", got)
	}
	b.authsignal.SetFaults(authsignaltest.Faults{TrackState: authsignaltest.StateBlock})
	if got := b.passkeys(t, http.MethodPost, "", b.accessToken(t, "auth0|jane", nil)); got.Code != "enrolment_denied" {
		t.Errorf("blocked by a rule: %+v", got)
	}
}

func TestOnePersonsCallsAboutPasskeysAreLimitedAndNobodyElses(t *testing.T) {
	b := startBench(t, map[string]string{"ENROL_AUDIENCE": enrolAudience, "RATE_LIMIT_PERSON_PER_MINUTE": "3", "RATE_LIMIT_PERSON_PER_HOUR": "3"})
	for call := range 4 {
		want := ""
		if call == 3 {
			want = "busy"
		}
		if got := b.passkeys(t, http.MethodGet, "", b.accessToken(t, "auth0|jane", nil)); got.Code != want {
			t.Errorf("call %d: %+v, want %q", call, got, want)
		}
	}
	if got := b.passkeys(t, http.MethodGet, "", b.accessToken(t, "auth0|john", nil)); got.Code != "" {
		t.Errorf("John: %+v", got)
	}
	b.want(t, b.token(t, wish{User: "jane"}), http.StatusOK, "") // her sign-ins are counted apart
}

func encodeText(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// Bare user ids: Auth0 puts auth0| before them, and Authsignal has them without.
func TestWhoeverHasABareIDAtAuthsignalIsEnrolledUnderIt(t *testing.T) {
	b := startBench(t, map[string]string{"ENROL_AUDIENCE": enrolAudience, "AUTHSIGNAL_SUBJECTS": "plain", "RATE_LIMITS": "off"})
	begun := b.passkeys(t, http.MethodPost, "", b.accessToken(t, "auth0|jane", nil))
	added, err := b.authsignal.Phone(authsignaltest.IOS).SignUp(context.Background(), begun.Token, "jane")
	if err != nil || added.UserID != "jane" {
		t.Errorf("added %+v, %v", added, err)
	}
	for _, odd := range []string{"jane", "auth0|ja|ne", "google-oauth2|jane"} {
		if got := b.passkeys(t, http.MethodPost, "", b.accessToken(t, odd, nil)); got.Code != "enrolment_denied" {
			t.Errorf("%s: %+v, want enrolment_denied", odd, got)
		}
	}
}
