package auth0_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test/scripthost"
)

// guideDir holds the Login script of Authsignal's guide, which the witnesses of the sandbox run, and the module it needs.
const guideDir = "../../cmd/sandbox/web/witness/guide"

// The guide's script, too, must end alike in the emulator's engine and in Node.
func TestTheGuidesLoginScriptEndsAsInNode(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer http.HandlerFunc // nil: nobody listens
		want   scripthost.Kind
	}{
		"a token that resolves":        {answersWhatItWasAsked("auth0|jane"), scripthost.Profile},
		"a user id without a prefix":   {answersWhatItWasAsked("jane"), scripthost.Profile},
		"a user id outside ASCII":      {answersWhatItWasAsked("auth0|jäne😀"), scripthost.Profile},
		"a token that is refused":      {says(400, `{"error":"invalid_token"}`), scripthost.NoProfile},
		"a service that is down":       {says(503, `{}`), scripthost.NoProfile},
		"a redirect, which it follows": {redirectsOnce(answersWhatItWasAsked("auth0|jane")), scripthost.Profile},
		"nobody listens":               {nil, scripthost.Failed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := "http://" + closedAddress(t)
			if c.answer != nil {
				server := httptest.NewServer(c.answer)
				t.Cleanup(server.Close)
				connect = server.URL
			}
			embedded, node := runGuidesScript(t, connect)
			if embedded.Kind != c.want || embedded.Calls != 1 {
				t.Errorf("the engine ended as %s %q with %d calls, want %s", embedded.Kind, embedded.Message, embedded.Calls, c.want)
			}
			if !reflect.DeepEqual(embedded, node) {
				t.Errorf("the engine ended as %+v, Node as %+v", embedded, node)
			}
		})
	}
}

// runGuidesScript runs the guide's script with another connect host than it names.
func runGuidesScript(t *testing.T, connect string) (embedded, node loginResult) {
	t.Helper()
	source := strings.Replace(readFile(t, filepath.Join(guideDir, "login.cjs")), "https://us.connect.authsignal.com", connect, 1)
	module := filepath.Join(guideDir, "request.cjs")
	in := login{Identifier: provenSubject, Password: challengeToken, Configuration: map[string]string{"AUTHSIGNAL_SECRET": apiSecret}, WithContext: true, Allowance: time.Minute.Milliseconds()}

	host := scripthost.New(scripthost.Options{Limit: 2 * time.Minute, Modules: map[string]string{"request": readFile(t, module)}})
	t.Cleanup(host.Close)
	script, err := host.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	out := host.Login(t.Context(), script, scripthost.Login{Identifier: in.Identifier, Password: in.Password, Configuration: in.Configuration, Context: in.WithContext})
	embedded = loginResult{Kind: out.Kind, Message: out.Message, Calls: out.CalledBack}
	switch out.Kind {
	case scripthost.NoProfile:
		embedded.Message = "" // the host's own words
	case scripthost.Profile:
		if err := json.Unmarshal(out.Profile, &embedded.Profile); err != nil {
			t.Fatal(err)
		}
	}

	file := filepath.Join(t.TempDir(), "login.cjs")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return embedded, inNode[loginResult](t, "testdata/login_node.mjs", file, []login{in}, module)[0]
}

// answersWhatItWasAsked puts the request into the profile, so that the engines are compared in that, too.
func answersWhatItWasAsked(userID string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked := fmt.Sprint(r.Method, " ", r.URL.Path, " ", string(body), r.Header["Authorization"], r.Header["Accept"], r.Header["Content-Type"])
		_ = json.NewEncoder(w).Encode(map[string]string{"userId": userID, "email": asked})
	}
}

func redirectsOnce(then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/get-user" {
			http.Redirect(w, r, "/moved", http.StatusTemporaryRedirect)
			return
		}
		then(w, r)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
