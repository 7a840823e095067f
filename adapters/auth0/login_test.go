package auth0_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/auth0test/scripthost"
)

const (
	loginFile      = "login.js"
	apiSecret      = "authsignal-secret-of-the-test"
	challengeToken = "eyJhbGciOiJIUzI1NiJ9.token-of-the-test.c2ln"
	pinnedAction   = "signInWithPasskey"
	provenSubject  = "auth0|66f0c0de"
)

// loginCase is one login: how Authsignal answers, what the script is given, and how it must end.
type loginCase struct {
	name       string
	validate   http.HandlerFunc           // default: proves a passkey sign-in of subject
	user       http.HandlerFunc           // default: a person with a verified email
	settings   map[string]string          // over the default ones; "-" removes
	password   func(apiURL string) string // default: challengeToken
	identifier string                     // default: subject
	context    bool                       // the connection has the context object turned on

	want     scripthost.Kind
	message  string // what an error must say
	userID   string
	email    string
	verified bool
}

func loginCases(t *testing.T) []loginCase {
	cases := []loginCase{
		// The person comes from the token alone.
		{name: "a passkey sign-in with a verified email", want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com", verified: true},
		{name: "the context object stands before the callback", context: true, want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com", verified: true},
		{name: "an identifier that differs only in case", identifier: "AUTH0|66F0C0DE", want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com", verified: true},
		{name: "a person whose id has capitals keeps them", validate: proves("userId", "auth0|ABC"), identifier: "auth0|abc", want: scripthost.Profile, userID: "ABC", email: "jane@example.com", verified: true},
		{name: "an identifier of somebody else", identifier: "auth0|another", want: scripthost.Refused, message: "the token is another person's"},
		{name: "an identifier that is the person's email", identifier: "jane@example.com", want: scripthost.Refused, message: "the token is another person's"},
		{name: "an identifier that the person's begins with", identifier: "auth0|66f0", want: scripthost.Refused, message: "the token is another person's"},
		{name: "an identifier that begins with the person's", identifier: provenSubject + "-and-more", want: scripthost.Refused, message: "the token is another person's"},
		{name: "an identifier without its prefix", identifier: "66f0c0de", want: scripthost.Refused, message: "the token is another person's"},

		// The email and its flag come from the user.
		{name: "an email that is not verified", user: says(200, `{"isEnrolled":true,"email":"jane@example.com","emailVerified":false}`), want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com"},
		{name: "an email without a flag is not verified", user: says(200, `{"email":"jane@example.com"}`), want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com"},
		{name: "a flag that is a text is not true", user: says(200, `{"email":"jane@example.com","emailVerified":"true"}`), want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com"},
		{name: "a person without an email gets none", user: says(200, `{"isEnrolled":true,"emailVerified":false}`), want: scripthost.Profile, userID: "66f0c0de"},
		{name: "an empty email is none", user: says(200, `{"email":"","emailVerified":true}`), want: scripthost.Profile, userID: "66f0c0de"},
		{name: "an email that is no text is none", user: says(200, `{"email":["jane@example.com"],"emailVerified":true}`), want: scripthost.Profile, userID: "66f0c0de"},

		// What Authsignal says of the token is judged.
		{name: "a token that is not valid", validate: proves("isValid", false), want: scripthost.Refused, message: "does not accept the token, or no longer"},
		{name: "200 with a validity that is a text", validate: proves("isValid", "true"), want: scripthost.Failed, message: "not a validation"},
		{name: "200 without a validity", validate: says(200, `{"message":"maintenance"}`), want: scripthost.Failed, message: "not a validation"},
		{name: "a token with an error in place of a verdict", validate: says(200, `{"isValid":false,"error":"token `+challengeToken+` is bad"}`), want: scripthost.Refused, message: "does not accept the token, or no longer"},
		{name: "a challenge that was not completed", validate: proves("state", "CHALLENGE_REQUIRED"), want: scripthost.Refused, message: "challenge was not completed"},
		{name: "an action that rules allow without a challenge", validate: proves("state", "ALLOW"), want: scripthost.Refused, message: "challenge was not completed"},
		{name: "a token without a state", validate: proves("state", nil), want: scripthost.Refused, message: "challenge was not completed"},
		{name: "a token for another action", validate: proves("action", "signUp", "actionCode", "signUp"), want: scripthost.Refused, message: "another action"},
		{name: "an action that only begins like the pinned one", validate: proves("action", pinnedAction+"2", "actionCode", pinnedAction+"2"), want: scripthost.Refused, message: "another action"},
		{name: "an action that is null beside its newer name", validate: proves("action", json.RawMessage("null")), want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com", verified: true},
		{name: "two actions that are null", validate: proves("action", json.RawMessage("null"), "actionCode", json.RawMessage("null")), want: scripthost.Refused, message: "another action"},
		{name: "an action in another case", validate: proves("action", "SIGNINWITHPASSKEY", "actionCode", nil), want: scripthost.Refused, message: "another action"},
		{name: "the older name of the action alone", validate: proves("action", nil), want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com", verified: true},
		{name: "the newer name of the action alone", validate: proves("actionCode", nil), want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com", verified: true},
		{name: "two names of the action that disagree", validate: proves("actionCode", "signUp"), want: scripthost.Refused, message: "another action"},
		{name: "a token without an action", validate: proves("action", nil, "actionCode", nil), want: scripthost.Refused, message: "another action"},
		{name: "a one-time code in place of a passkey", validate: proves("verificationMethod", "SMS"), want: scripthost.Refused, message: "not won with a passkey"},
		{name: "a token without a method", validate: proves("verificationMethod", nil), want: scripthost.Refused, message: "not won with a passkey"},
		{name: "a token that does not say who signed in", validate: proves("userId", nil), want: scripthost.Refused, message: "does not say who signed in"},
		{name: "a person who is no text", validate: proves("userId", 42), want: scripthost.Refused, message: "does not say who signed in"},
		{name: "a person who is a list", validate: proves("userId", []string{provenSubject}), want: scripthost.Refused, message: "does not say who signed in"},

		// Refusals of the token by status.
		{name: "400 expired_token", validate: fails(400, "expired_token"), want: scripthost.Refused, message: "or no longer: expired_token"},
		{name: "401 expired_token", validate: fails(401, "expired_token"), want: scripthost.Refused, message: "or no longer: expired_token"},
		{name: "400 invalid_token", validate: fails(400, "invalid_token"), want: scripthost.Refused, message: "or no longer: invalid_token"},
		{name: "400 invalid_request", validate: fails(400, "invalid_request"), want: scripthost.Refused, message: "or no longer: invalid_request"},
		{name: "403 invalid_credential", validate: fails(403, "invalid_credential"), want: scripthost.Refused, message: "or no longer: invalid_credential"},
		{name: "401 with a text under the code's other name", validate: says(401, `{"error":"The token is bad.","errorCode":"expired_token"}`), want: scripthost.Refused, message: "or no longer: expired_token"},
		{name: "401 whose text looks like a code", validate: says(401, `{"error":"expired_token","errorCode":"unauthorized"}`), want: scripthost.Failed, message: "AUTHSIGNAL_SECRET"},
		{name: "400 with the code under its other name", validate: says(400, `{"error":"invalid_token"}`), want: scripthost.Refused, message: "or no longer: invalid_token"},

		// What is no verdict is never a wrong password.
		{name: "401 unauthorized is our secret or region", validate: fails(401, "unauthorized"), want: scripthost.Failed, message: "AUTHSIGNAL_SECRET"},
		{name: "403 without a code", validate: says(403, `{}`), want: scripthost.Failed, message: "Authsignal answered 403"},
		{name: "400 with an unknown code", validate: fails(400, challengeToken), want: scripthost.Failed, message: "Authsignal answered 400"},
		{name: "404 is a wrong base URL", validate: fails(404, "invalid_token"), want: scripthost.Failed, message: "must end in /v1"},
		{name: "429", validate: fails(429, "too_many_requests"), want: scripthost.Failed, message: "rate limit"},
		{name: "500", validate: fails(500, "invalid_token"), want: scripthost.Failed, message: "Authsignal answered 500"},
		{name: "502 in HTML", validate: says(502, `<html>bad gateway</html>`), want: scripthost.Failed, message: "Authsignal answered 502"},
		{name: "200 in HTML", validate: says(200, `<html>maintenance</html>`), want: scripthost.Failed, message: "not a JSON object"},
		{name: "200 without a body", validate: says(200, ``), want: scripthost.Failed, message: "not a JSON object"},
		{name: "200 with half a body", validate: says(200, `{"isValid":tr`), want: scripthost.Failed, message: "not a JSON object"},
		{name: "200 with null", validate: says(200, `null`), want: scripthost.Failed, message: "not a JSON object"},
		{name: "200 with a number", validate: says(200, `7`), want: scripthost.Failed, message: "not a JSON object"},
		{name: "200 with a list", validate: says(200, `[{"isValid":true}]`), want: scripthost.Failed, message: "not a JSON object"},
		{name: "204", validate: says(204, ``), want: scripthost.Failed, message: "Authsignal answered 204"},
		{name: "a redirect is not followed", validate: redirects(307), want: scripthost.Failed, message: "Authsignal answered 307"},
		{name: "a redirect that changes the method is not followed", validate: redirects(302), want: scripthost.Failed, message: "Authsignal answered 302"},
		{name: "a connection that breaks", validate: breaks, want: scripthost.Failed, message: "cannot be reached"},
		{name: "a body that breaks", validate: breaksInBody, want: scripthost.Failed, message: "cannot be reached"},
		{name: "nobody listens", settings: map[string]string{"AUTHSIGNAL_API_URL": "http://" + closedAddress(t) + "/v1"}, want: scripthost.Failed, message: "cannot be reached"},
		{name: "an answer that never comes", validate: hangs, want: scripthost.Failed, message: "did not answer within 4000 ms"},
		{name: "a body that never ends", validate: hangsInBody, want: scripthost.Failed, message: "did not answer within 4000 ms"},
		{name: "a user that never comes", user: hangs, want: scripthost.Failed, message: "did not answer within 4000 ms"},
		{name: "a user whose body never ends", user: hangsInBody, want: scripthost.Failed, message: "did not answer within 4000 ms"},
		{name: "a user behind 401", user: fails(401, "expired_token"), want: scripthost.Failed, message: "AUTHSIGNAL_SECRET"},
		{name: "a user behind 400", user: fails(400, "invalid_request"), want: scripthost.Failed, message: "Authsignal answered 400"},
		{name: "a user behind 404", user: fails(404, "not_found"), want: scripthost.Failed, message: "Authsignal answered 404"},
		{name: "a user behind 429", user: fails(429, "too_many_requests"), want: scripthost.Failed, message: "rate limit"},
		{name: "a user behind 503", user: says(503, `down`), want: scripthost.Failed, message: "Authsignal answered 503"},
		{name: "a user in HTML", user: says(200, `<html></html>`), want: scripthost.Failed, message: "not a JSON object"},
		{name: "a user that is a number", user: says(200, `7`), want: scripthost.Failed, message: "not a JSON object"},
		{name: "a user behind a redirect", user: redirects(307), want: scripthost.Failed, message: "Authsignal answered 307"},

		// Settings.
		{name: "no secret", settings: map[string]string{"AUTHSIGNAL_SECRET": "-"}, want: scripthost.Failed, message: "the setting AUTHSIGNAL_SECRET is missing"},
		{name: "an empty secret", settings: map[string]string{"AUTHSIGNAL_SECRET": ""}, want: scripthost.Failed, message: "the setting AUTHSIGNAL_SECRET is missing"},
		{name: "no base URL", settings: map[string]string{"AUTHSIGNAL_API_URL": "-"}, want: scripthost.Failed, message: "the setting AUTHSIGNAL_API_URL is missing"},
		{name: "no action", settings: map[string]string{"AUTHSIGNAL_ACTION": "-"}, want: scripthost.Failed, message: "the setting AUTHSIGNAL_ACTION is missing"},
		{name: "a base URL in the clear", settings: map[string]string{"AUTHSIGNAL_API_URL": "http://api.authsignal.com/v1"}, want: scripthost.Failed, message: "not an https URL"},
		{name: "a base URL in the clear that only begins like loopback", settings: map[string]string{"AUTHSIGNAL_API_URL": "http://127.0.0.1.example.com/v1"}, want: scripthost.Failed, message: "not an https URL"},
		{name: "a base URL with credentials", settings: map[string]string{"AUTHSIGNAL_API_URL": "https://" + apiSecret + "@api.authsignal.com/v1"}, want: scripthost.Failed, message: "not an https URL"},
		{name: "another rule of subjects", settings: map[string]string{"AUTHSIGNAL_SUBJECTS": "any"}, want: scripthost.Failed, message: "AUTHSIGNAL_SUBJECTS"},
		{name: "no rule of subjects is auth0", settings: map[string]string{"AUTHSIGNAL_SUBJECTS": "-"}, want: scripthost.Profile, userID: "66f0c0de", email: "jane@example.com", verified: true},
		{name: "an id with characters a path cannot hold", validate: proves("userId", "auth0|a/b?c#d é%7C"), identifier: "auth0|a/b?c#d é%7C", want: scripthost.Profile, userID: "a/b?c#d é%7C", email: "jane@example.com", verified: true},
	}
	for _, email := range oddEmails {
		user, _ := json.Marshal(map[string]any{"email": email, "emailVerified": true})
		cases = append(cases, loginCase{name: "the email " + email, user: says(200, string(user)), want: scripthost.Profile, userID: "66f0c0de", email: email, verified: true})
	}
	for i := range cases {
		if cases[i].identifier == "" {
			cases[i].identifier = provenSubject
		}
	}
	return slices.Concat(cases, signedCases(), subjectCases(t), documentCases(t))
}

// documentCases are the answers of Authsignal's that the bridge's own verifier reads, too. Where it finds a person, the
// script must find the same one.
func documentCases(t *testing.T) []loginCase {
	content, err := os.ReadFile("../authsignal/testdata/validations.json")
	if err != nil {
		t.Fatal(err)
	}
	var documents []struct {
		Name, Document, Bridge, Script string
		Base64                         []byte
	}
	if err := json.Unmarshal(content, &documents); err != nil || len(documents) == 0 {
		t.Fatalf("%d documents: %v", len(documents), err)
	}
	var cases []loginCase
	for _, d := range documents {
		if d.Bridge != "" && d.Bridge != d.Script {
			t.Errorf("%s: the bridge reads %q, the script %q", d.Name, d.Bridge, d.Script)
		}
		c := loginCase{
			name:       "read by both: " + d.Name,
			validate:   says(200, d.Document+string(d.Base64)),
			identifier: d.Script,
			want:       anyRefusal,
		}
		if d.Script != "" {
			c.want, c.userID, c.email, c.verified = scripthost.Profile, strings.TrimPrefix(d.Script, "auth0|"), "jane@example.com", true
		}
		cases = append(cases, c)
	}
	return cases
}

// anyRefusal stands for "no" and for "cannot tell".
const anyRefusal = scripthost.Kind("refused_or_failed")

func (c *loginCase) settle(got scripthost.Kind, ways ...scripthost.Kind) {
	if c.want == anyRefusal && slices.Contains(ways, got) {
		c.want = got
	}
}

// proven is the person whom the token proves, where the user is asked for.
func (c loginCase) proven() string {
	switch {
	case c.userID == "":
		return provenSubject
	case c.settings["AUTHSIGNAL_SUBJECTS"] == "plain":
		return c.userID
	}
	return "auth0|" + c.userID
}

// subjectCases are the cases the Login script shares with the sign-in policy and the issuer.
func subjectCases(t *testing.T) []loginCase {
	content, err := os.ReadFile("../../domain/testdata/subjects.json")
	if err != nil {
		t.Fatal(err)
	}
	var shared []struct {
		Name, Subjects, Subject string
		Accepted                bool
		UserID                  string `json:"user_id"`
	}
	if err := json.Unmarshal(content, &shared); err != nil {
		t.Fatal(err)
	}
	cases := make([]loginCase, 0, len(shared))
	for _, s := range shared {
		c := loginCase{
			name:       fmt.Sprintf("subjects %s: %s", s.Subjects, s.Name),
			validate:   proves("userId", s.Subject),
			settings:   map[string]string{"AUTHSIGNAL_SUBJECTS": s.Subjects},
			identifier: s.Subject,
			want:       scripthost.Refused,
		}
		if s.Accepted {
			c.want, c.userID, c.email, c.verified = scripthost.Profile, s.UserID, "jane@example.com", true
		}
		cases = append(cases, c)
	}
	return cases
}

// The script must end alike in the emulator's engine and in Node, and must call back exactly once.
func TestLoginScript(t *testing.T) {
	engines := map[string]func(*testing.T) ([]loginCase, []loginResult){"embedded engine": runEmbedded, "node": runNode}
	for name, run := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, results := run(t)
			for i, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.check(t, results[i]) })
			}
		})
	}
}

func (c loginCase) check(t *testing.T, got loginResult) {
	c.settle(got.Kind, scripthost.Refused, scripthost.Failed)
	if got.Kind != c.want || !strings.Contains(got.Message, c.message) {
		t.Fatalf("ended as %s %q, want %s %q", got.Kind, got.Message, c.want, c.message)
	}
	if got.Calls != 1 {
		t.Errorf("called back %d times, want once", got.Calls)
	}
	for what, text := range map[string]string{"token": challengeToken, "secret": apiSecret, "key": proofKey, "email": "@example.com"} {
		if strings.Contains(got.Message, text) {
			t.Errorf("the message holds the %s: %q", what, got.Message)
		}
	}
	prefix := map[scripthost.Kind]string{scripthost.Refused: "native-bridge refuses: ", scripthost.Failed: "native-bridge cannot tell: "}[c.want]
	if !strings.HasPrefix(got.Message, prefix) {
		t.Errorf("message = %q, want it to begin with %q", got.Message, prefix)
	}
	if c.want != scripthost.Profile {
		return
	}
	want := map[string]any{"user_id": c.userID}
	if c.email != "" {
		want["email"], want["email_verified"] = c.email, c.verified
	}
	if !maps.Equal(got.Profile, want) {
		t.Errorf("profile = %v, want %v", got.Profile, want)
	}
}

// What nobody has foreseen might hold what must not be told.
func TestTheTextOfAnUnexpectedErrorIsNotTold(t *testing.T) {
	authsignal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proves()(w, r)
	}))
	t.Cleanup(authsignal.Close)
	host := scripthost.New(scripthost.Options{Log: func(line string) { t.Logf("the host warns: %s", line) }})
	t.Cleanup(host.Close)
	script, err := host.Compile("function encodeURIComponent(text) { throw new TypeError(`about ${text}`); }\n" + readLoginScript(t))
	if err != nil {
		t.Fatal(err)
	}
	out := host.Login(t.Context(), script, scripthost.Login{
		Identifier: provenSubject, Password: challengeToken,
		Configuration: loginCase{}.login(0, authsignal.URL).Configuration,
	})
	if out.Kind != scripthost.Failed || out.Message != "native-bridge cannot tell: the Login script failed" {
		t.Errorf("ended as %s %q, want the script's own words", out.Kind, out.Message)
	}
}

// The identifier and the password may be anything that Auth0 lets through.
func TestWhatIsNoTextIsRefusedByTheLoginScript(t *testing.T) {
	t.Parallel()
	validated := func(w http.ResponseWriter, r *http.Request) { proves()(w, r) }
	unasked := func(_ http.ResponseWriter, r *http.Request) { t.Errorf("Authsignal was asked %s %s", r.Method, r.URL) }
	for name, tt := range map[string]struct {
		given      string // JavaScript: identifier, password
		settings   map[string]string
		authsignal http.HandlerFunc
		message    string
	}{
		"no password":           {`identifier, undefined`, nil, unasked, "native-bridge refuses: there is no token"},
		"an empty password":     {`identifier, ""`, nil, unasked, "native-bridge refuses: there is no token"},
		"a list of passwords":   {`identifier, [password]`, nil, unasked, "native-bridge refuses: there is no token"},
		"no signed password":    {`identifier, undefined`, signing(), unasked, "native-bridge refuses: the password is not signed by the bridge"},
		"no identifier":         {`undefined, password`, nil, validated, "native-bridge refuses: the token is another person's"},
		"a list of identifiers": {`[identifier], password`, nil, validated, "native-bridge refuses: the token is another person's"},
	} {
		t.Run(name, func(t *testing.T) {
			out := loginAs(t, tt.given, tt.authsignal, challengeToken, tt.settings)
			if out.Kind != scripthost.Refused || out.Message != tt.message {
				t.Errorf("ended as %s %q, want it refused: %q", out.Kind, out.Message, tt.message)
			}
		})
	}
}

// A token is Authsignal's to judge, whatever is in it but what it begins with.
func TestOnlyATokenThatBeginsAsASignedPasswordIsTakenForOne(t *testing.T) {
	t.Parallel()
	token := "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(signedHeader)) + ".c2ln"
	asked := false
	out := loginAs(t, "identifier, password", func(w http.ResponseWriter, r *http.Request) {
		asked = asked || r.URL.Path == "/0/v1/validate"
		proves()(w, r)
	}, token, nil)
	if out.Kind != scripthost.Profile || !asked {
		t.Errorf("ended as %s %q, Authsignal asked: %t; want a profile", out.Kind, out.Message, asked)
	}
}

// loginAs runs the script in the emulator's engine. Given are the script's first two arguments in JavaScript, where
// identifier is provenSubject and password the one that follows.
func loginAs(t *testing.T, given string, authsignal http.HandlerFunc, password string, settings map[string]string) scripthost.Outcome {
	t.Helper()
	server := httptest.NewServer(authsignal)
	t.Cleanup(server.Close)
	host := scripthost.New(scripthost.Options{Log: func(line string) { t.Errorf("the host warns: %s", line) }})
	t.Cleanup(host.Close)
	script, err := host.Compile("function login(identifier, password, callback) { script(" + given + ", callback); }\n" +
		strings.Replace(readLoginScript(t), "function login(", "function script(", 1))
	if err != nil {
		t.Fatal(err)
	}
	return host.Login(t.Context(), script, scripthost.Login{
		Identifier: provenSubject, Password: password,
		Configuration: loginCase{settings: settings}.login(0, server.URL).Configuration,
	})
}

// What is still under way when the script calls back is ended then, and not when Auth0 ends the script.
func TestTheLoginScriptLeavesNothingUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hung := make(chan time.Duration, 1) // for how long the call was under way
		address, transport := serveInMemory(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // from here on the server sees that the caller leaves
			<-r.Context().Done()
			hung <- time.Since(began)
		}))
		host := scripthost.New(scripthost.Options{Transport: transport, Log: func(line string) { t.Errorf("the host warns: %s", line) }})
		in := loginCase{identifier: provenSubject}.login(0, address)
		out := host.Login(t.Context(), compile(t, host), scripthost.Login{Identifier: in.Identifier, Password: in.Password, Configuration: in.Configuration})
		answered := time.Since(began)
		if got := <-hung; out.Kind != scripthost.Failed || got != answered {
			t.Errorf("ended as %s after %s, and the call after %s, want both at once", out.Kind, answered, got)
		}
		host.Close()
	})
}

func TestLoginScriptFitsAuth0(t *testing.T) {
	t.Parallel()
	source := readLoginScript(t)
	if limit := 100_000; len(source) >= limit {
		t.Errorf("the script has %d bytes, Auth0 takes less than %d", len(source), limit)
	}
	for _, found := range regexp.MustCompile(`\b(require|import)\s*\([^)]*\)?|(?m)^\s*import\b`).FindAllString(source, -1) {
		if found != `require("crypto")` {
			t.Errorf("the script needs a module: %q", found)
		}
	}
	deadline := regexp.MustCompile(`DEADLINE_MS = (\d+);`).FindStringSubmatch(source)
	if want := strconv.FormatInt(auth0.LoginScriptTimeout.Milliseconds(), 10); deadline == nil || deadline[1] != want {
		t.Errorf("the script's deadline is %v, want LoginScriptTimeout, %s ms", deadline, want)
	}
}

// login is what a runner executes, loginResult how it ended; both as the Node harness reads and writes them.
type login struct {
	ID            int               `json:"id"`
	Identifier    string            `json:"identifier"`
	Password      string            `json:"password"`
	Configuration map[string]string `json:"configuration"`
	WithContext   bool              `json:"withContext"`
	Allowance     int64             `json:"allowance"`
}

type loginResult struct {
	ID      int             `json:"id"`
	Kind    scripthost.Kind `json:"kind"`
	Message string          `json:"message"`
	Profile map[string]any  `json:"profile"`
	Calls   int             `json:"calls"`
}

// login gives the case to Authsignal's stand-in under a base URL of its own. A slash ends it, which must do no harm.
func (c loginCase) login(id int, authsignal string) login {
	apiURL := fmt.Sprintf("%s/%d/v1", authsignal, id)
	password := challengeToken
	if c.password != nil {
		password = c.password(apiURL)
	}
	settings := map[string]string{
		"AUTHSIGNAL_SECRET":   apiSecret,
		"AUTHSIGNAL_API_URL":  apiURL + "/",
		"AUTHSIGNAL_ACTION":   pinnedAction,
		"AUTHSIGNAL_SUBJECTS": "auth0",
	}
	maps.Copy(settings, c.settings)
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "-" })
	return login{
		ID: id, Identifier: c.identifier, Password: password, Configuration: settings, WithContext: c.context,
		Allowance: c.allowance().Milliseconds(),
	}
}

// allowance is what Node adds to the time limits of a script that is to be answered, because its timers are real and a
// busy machine may be slower than they allow. A script that is to give up has none: its limits pass, however busy.
func (c loginCase) allowance() time.Duration {
	if strings.Contains(c.message, "did not answer within") {
		return 0
	}
	return time.Minute
}

// checkAsked says that a password which is not the token sends the script to nobody.
func (c loginCase) checkAsked(t *testing.T) {
	if c.password != nil {
		t.Errorf("%s: Authsignal was asked", c.name)
	}
}

func logins(cases []loginCase, authsignal string) []login {
	logins := make([]login, len(cases))
	for i, c := range cases {
		logins[i] = c.login(i, authsignal)
	}
	return logins
}

// runEmbedded runs the cases all at once, in a time that passes only while everything waits: how busy the machine is
// decides nothing.
func runEmbedded(t *testing.T) (cases []loginCase, results []loginResult) {
	return embedded(t, loginCases)
}

func embedded(t *testing.T, casesOf func(*testing.T) []loginCase) (cases []loginCase, results []loginResult) {
	synctest.Test(t, func(t *testing.T) {
		cases = casesOf(t)
		address, transport := serveInMemory(t, authsignalOf(t, cases))
		host := scripthost.New(scripthost.Options{Transport: transport, Log: func(line string) { t.Errorf("the host warns: %s", line) }})
		results = make([]loginResult, len(cases))
		var group sync.WaitGroup
		for i, in := range logins(cases, address) {
			script := compile(t, host)
			group.Go(func() {
				out := host.Login(t.Context(), script, scripthost.Login{
					Identifier: in.Identifier, Password: in.Password, Configuration: in.Configuration, Context: in.WithContext,
				})
				results[i] = loginResult{Kind: out.Kind, Message: out.Message, Calls: out.CalledBack}
				if out.Kind == scripthost.Profile {
					if err := json.Unmarshal(out.Profile, &results[i].Profile); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		host.Close() // ends the watch for a second callback, which would be a warning
	})
	return cases, results
}

func compile(t *testing.T, host *scripthost.Host) *scripthost.Script {
	script, err := host.Compile(readLoginScript(t))
	if err != nil {
		t.Fatal(err)
	}
	return script
}

func runNode(t *testing.T) ([]loginCase, []loginResult) {
	skipNodeInShort(t)
	cases := loginCases(t)
	authsignal := httptest.NewServer(authsignalOf(t, cases))
	t.Cleanup(authsignal.Close)
	results := make([]loginResult, len(cases))
	for _, result := range inNode[loginResult](t, "testdata/login_node.mjs", loginFile, logins(cases, authsignal.URL)) {
		results[result.ID] = result
	}
	return cases, results
}

// skipNodeInShort leaves Node out of -test.short, as 'make mutation' wants it first:
// its timers are real, so the cases of a vendor who hangs take seconds.
func skipNodeInShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves Node out, whose timers are real; make test runs these cases in Node too")
	}
}

// inNode has a harness run a script for each of the inputs, and returns what it reports.
func inNode[Result, Input any](t *testing.T, harness, script string, inputs []Input, modules ...string) []Result {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("install Node.js 18 or later, Auth0's scripts must be tested in it: %v", err)
	}
	var input, stderr bytes.Buffer
	for _, in := range inputs {
		if err := json.NewEncoder(&input).Encode(in); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), node, append([]string{harness, script}, modules...)...)
	command.Stdin, command.Stderr = &input, &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	results := make([]Result, len(inputs))
	decoder := json.NewDecoder(bytes.NewReader(output))
	for i := range results {
		if err := decoder.Decode(&results[i]); err != nil {
			t.Fatal(err)
		}
	}
	return results
}

func readLoginScript(t *testing.T) string {
	content, err := os.ReadFile(loginFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// authsignalOf is a stand-in that answers each case as it says, and checks what it is asked.
func authsignalOf(t *testing.T, cases []loginCase) http.Handler {
	mux := http.NewServeMux()
	for i, c := range cases {
		validate, user := c.validate, c.user
		if validate == nil {
			validate = proves()
		}
		if user == nil {
			user = says(200, `{"isEnrolled":true,"email":"jane@example.com","emailVerified":true}`)
		}
		mux.HandleFunc(fmt.Sprintf("POST /%d/v1/validate", i), func(w http.ResponseWriter, r *http.Request) {
			c.checkAsked(t)
			checkHeaders(t, c.name, r)
			checkValidation(t, c.name, r)
			validate(w, r)
		})
		mux.HandleFunc(fmt.Sprintf("GET /%d/v1/users/{id}", i), func(w http.ResponseWriter, r *http.Request) {
			c.checkAsked(t)
			checkHeaders(t, c.name, r)
			if id := r.PathValue("id"); id != c.proven() {
				t.Errorf("%s: asked for the user %q, want %q", c.name, id, c.proven())
			}
			user(w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	})
	return mux
}

// serveInMemory serves without a socket, so that nothing but what is in this process is waited for. Nobody listens at
// any other address than the one it returns.
func serveInMemory(t *testing.T, handler http.Handler) (address string, transport *http.Transport) {
	const host = "127.0.0.1:80"
	listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + host, &http.Transport{DialContext: func(_ context.Context, _, asked string) (net.Conn, error) {
		if asked != host {
			return nil, syscall.ECONNREFUSED
		}
		return listener.dial(), nil
	}}
}

// pipeListener accepts the connections that dial makes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- far
	return near
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { close(l.closed); return nil }

func (l *pipeListener) Addr() net.Addr { return &net.IPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func checkHeaders(t *testing.T, name string, r *http.Request) {
	for header, want := range map[string]string{
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(apiSecret+":")),
		"Accept":        "application/json",
		"Content-Type":  "application/json",
	} {
		if got := r.Header.Get(header); got != want {
			t.Errorf("%s: %s = %q, want %q", name, header, got, want)
		}
	}
}

func checkValidation(t *testing.T, name string, r *http.Request) {
	var asked map[string]any
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if want := map[string]any{"token": challengeToken, "action": pinnedAction}; !maps.Equal(asked, want) {
		t.Errorf("%s: asked to validate %v, want %v", name, asked, want)
	}
}

// proves answers a validation. The proof is a good one but for the fields given, name and value in turn; nil removes.
func proves(changes ...any) http.HandlerFunc {
	proof := map[string]any{
		"isValid": true, "state": "CHALLENGE_SUCCEEDED", "stateUpdatedAt": "2026-01-31T10:00:00.000Z", "userId": provenSubject,
		"action": pinnedAction, "actionCode": pinnedAction, "idempotencyKey": "0b0f2f0e-6f2b-4a0e-9d59-2f2f9a5d7a11", "verificationMethod": "PASSKEY",
	}
	for i := 0; i < len(changes); i += 2 {
		proof[changes[i].(string)] = changes[i+1]
		if changes[i+1] == nil {
			delete(proof, changes[i].(string))
		}
	}
	body, err := json.Marshal(proof)
	if err != nil {
		panic(err)
	}
	return says(http.StatusOK, string(body))
}

func fails(status int, code string) http.HandlerFunc {
	return says(status, fmt.Sprintf(`{"error":%[1]q,"errorCode":%[1]q,"errorDescription":"about %[2]s"}`, code, challengeToken))
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func redirects(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}
}

func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func hangsInBody(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, `{"isValid":`)
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func breaks(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func breaksInBody(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"isValid":true`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// closedAddress returns an address that nobody listens on. A socket without a listener keeps it until the test ends, or else
// another process might listen there.
func closedAddress(t *testing.T) string {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
}
