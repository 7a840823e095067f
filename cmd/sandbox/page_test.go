package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"nativebridge/adapters/auditlog/auditlogtest"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// startSandbox starts a sandbox on free ports.
func startSandbox(t *testing.T, settings map[string]string) *sandbox {
	t.Helper()
	environ := map[string]string{"LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0"}
	for name, value := range settings {
		environ[name] = value
	}
	s, err := start(t.Context(), environ, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	s.wantAuditLines(t)
	return s
}

// wantAuditLines wants each audit line from now on to be of the documented form.
func (s *sandbox) wantAuditLines(t *testing.T) {
	lines := auditlogtest.New(t)
	s.hops.mu.Lock()
	defer s.hops.mu.Unlock()
	s.hops.inspect = func(line []byte) { _, _ = lines.Write(line) }
}

// ask sends a request to the page and returns the answer with its body.
func (s *sandbox) ask(t *testing.T, method, path, body string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.pageURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// post sends JSON to the page and reads JSON from it.
func (s *sandbox) post(t *testing.T, path, body string) (status int, answer map[string]any) {
	t.Helper()
	resp, text := s.ask(t, http.MethodPost, path, body, http.Header{"Content-Type": {"application/json"}})
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("POST %s answered %d %q, which is no JSON object", path, resp.StatusCode, text)
	}
	return resp.StatusCode, answer
}

// tokenFor asks the page for a token.
func (s *sandbox) tokenFor(t *testing.T, wanted wish) string {
	t.Helper()
	body, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := s.post(t, "/dev/token", string(body))
	token, _ := answer["token"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("/dev/token answered %d %v", status, answer)
	}
	return token
}

func TestWithoutItsBundleThePageSaysHowToBuildIt(t *testing.T) {
	s := startSandbox(t, nil)
	bundle := &fstest.MapFile{Data: []byte("// the app")}
	tests := map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"not built": {fstest.MapFS{}, "npm run build"},
		"built":     {fstest.MapFS{"dist/app.js": bundle}, "Sign in with a passkey"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, file := range []string{"index.html", "unbuilt.html"} {
				text, err := embedded.ReadFile("web/" + file)
				if err != nil {
					t.Fatal(err)
				}
				tt.files[file] = &fstest.MapFile{Data: text}
			}
			answer := httptest.NewRecorder()
			s.page(tt.files).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, s.pageURL+"/", nil))
			if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), tt.want) {
				t.Errorf("GET / answered %d without %q", answer.Code, tt.want)
			}
		})
	}
}

func TestThePageMayLoadNothingButItsOwn(t *testing.T) {
	s := startSandbox(t, nil)
	resp, _ := s.ask(t, http.MethodGet, "/", "", nil)
	policy := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self' " + s.authsignal.URL() + " " + s.bridgeURL + ";", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy is %q, want %q in it", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q, want nothing unsafe in it", policy)
	}
}

func TestOnlyNamesOfThisMachineAreAnswered(t *testing.T) {
	s := startSandbox(t, nil)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.pageURL, "http://"), ":")
	tests := map[string]struct {
		host, path string
		want       int
	}{
		"localhost":                         {"localhost:" + port, "/dev/config", http.StatusOK},
		"the address":                       {"127.0.0.1:" + port, "/dev/config", http.StatusOK},
		"the address, by a person":          {"127.0.0.1:" + port, "/", http.StatusTemporaryRedirect},
		"a name that was made to lead here": {"rebound.example:" + port, "/dev/config", http.StatusMisdirectedRequest},
		"that name, for the page":           {"rebound.example:" + port, "/", http.StatusMisdirectedRequest},
		"localhost at another port":         {"localhost:1", "/dev/config", http.StatusMisdirectedRequest},
		"localhost without a port":          {"localhost", "/dev/config", http.StatusMisdirectedRequest},
		"a name that begins so":             {"localhost.example:" + port, "/dev/config", http.StatusMisdirectedRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp, _ := s.ask(t, http.MethodGet, tt.path, "", http.Header{"Host": {tt.host}})
			if resp.StatusCode != tt.want {
				t.Errorf("answered %d, want %d", resp.StatusCode, tt.want)
			}
			if to := resp.Header.Get("Location"); tt.want == http.StatusTemporaryRedirect && to != s.pageURL {
				t.Errorf("sent on to %q, want %q", to, s.pageURL)
			}
		})
	}
}

func TestAnotherSitesPageCanSwitchNothing(t *testing.T) {
	s := startSandbox(t, nil)
	tests := map[string]struct {
		header http.Header
		want   int
	}{
		"another origin":               {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"another port of this machine": {http.Header{"Origin": {"http://localhost:1"}}, http.StatusForbidden},
		"a sandboxed frame":            {http.Header{"Origin": {"null"}}, http.StatusForbidden},
		"the browser says cross-site":  {http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"the browser says same-site":   {http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		"the page itself":              {http.Header{"Origin": {s.pageURL}, "Sec-Fetch-Site": {"same-origin"}}, http.StatusOK},
		"a shell":                      {http.Header{}, http.StatusOK},
	}
	bodies := map[string]string{"/dev/scenario": `{"id":"expired"}`, "/dev/enrol": `{"username":"jane"}`, "/dev/token": `{}`}
	for name, tt := range tests {
		for path, body := range bodies {
			t.Run(name+path, func(t *testing.T) {
				s.play(scenarios()[0])
				resp, text := s.ask(t, http.MethodPost, path, body, tt.header)
				if resp.StatusCode != tt.want {
					t.Errorf("answered %d %s, want %d", resp.StatusCode, text, tt.want)
				}
				if switched := s.stage.current() != allWell; switched && tt.want != http.StatusOK {
					t.Error("the scenario was switched all the same")
				}
			})
		}
	}
}

func TestTheConfigurationIsWhatAnAppWouldKnow(t *testing.T) {
	s := startSandbox(t, nil)
	_, text := s.ask(t, http.MethodGet, "/dev/config", "", nil)
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"tenant_id": s.authsignal.TenantID(), "authsignal_url": s.authsignal.APIURL(), "action": "signInWithPasskey", "bridge_url": s.bridgeURL,
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	s.holdsNoSecret(t, text)
}

// holdsNoSecret fails the test if text holds one of the servers' secrets.
func (s *sandbox) holdsNoSecret(t *testing.T, text string) {
	t.Helper()
	for name, secret := range map[string]string{
		"Authsignal's secret": s.authsignal.Secret(), "the bridge's secret at Auth0": s.config.Auth0.ClientSecret.Reveal(),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is told", name)
		}
	}
}

func TestEnrollingGivesLeaveToAddAPasskeyAndNothingElse(t *testing.T) {
	for subjects, want := range map[string]string{"auth0": "auth0|jane", "plain": "jane"} {
		t.Run(subjects, func(t *testing.T) {
			s := startSandbox(t, map[string]string{"AUTHSIGNAL_SUBJECTS": subjects})
			status, answer := s.post(t, "/dev/enrol", `{"username":"jane"}`)
			if status != http.StatusOK || answer["user_id"] != want || answer["username"] != "jane@example.com" {
				t.Fatalf("answered %d %v, want the user id %q", status, answer, want)
			}
			token, _ := answer["token"].(string)
			if _, err := s.authsignal.Phone(authsignaltest.Browser).SignUp(t.Context(), token, "jane@example.com"); err != nil {
				t.Errorf("a passkey cannot be added with the token: %v", err)
			}
			if status, answer := s.post(t, "/bridge/v1/sessions", `{"token":"`+token+`"}`); status != http.StatusUnauthorized {
				t.Errorf("the bridge took the token for a sign-in: %d %v", status, answer)
			}
		})
	}
}

func TestOnlyPlainNamesAreEnrolled(t *testing.T) {
	s := startSandbox(t, nil)
	for name, body := range map[string]string{
		"nothing":                `{}`,
		"no JSON":                `jane`,
		"another database's id":  `{"username":"google-oauth2|jane"}`,
		"a space":                `{"username":"ja ne"}`,
		"capitals":               `{"username":"Jane"}`,
		"a path":                 `{"username":"../jane"}`,
		"sixty-five characters":  fmt.Sprintf(`{"username":"%065d"}`, 0),
		"more than a kilobyte":   fmt.Sprintf(`{"username":"%02000d"}`, 0),
		"a list":                 `["jane"]`,
		"a name that is no text": `{"username":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			if status, answer := s.post(t, "/dev/enrol", body); status != http.StatusBadRequest || answer["error"] == "" {
				t.Errorf("answered %d %v, want 400 and why", status, answer)
			}
		})
	}
}

func TestATokenCanBeWishedFor(t *testing.T) {
	s := startSandbox(t, nil)
	tests := map[string]struct {
		wish   string
		status int
	}{
		"nothing at all":   {``, http.StatusOK},
		"somebody":         {`{"user":"joe"}`, http.StatusOK},
		"another action":   {`{"action":"approvePayment"}`, http.StatusOK},
		"an unknown flaw":  {`{"flaw":"haunted"}`, http.StatusBadRequest},
		"an unknown field": {`{"usr":"joe"}`, http.StatusBadRequest},
		"no JSON":          {`joe`, http.StatusBadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if status, answer := s.post(t, "/dev/token", tt.wish); status != tt.status {
				t.Errorf("answered %d %v, want %d", status, answer, tt.status)
			}
		})
	}
	for _, flaw := range flaws {
		t.Run(flaw, func(t *testing.T) {
			token := s.tokenFor(t, wish{Flaw: flaw})
			if status, answer := s.post(t, "/bridge/v1/sessions", `{"token":"`+token+`"}`); status != http.StatusUnauthorized {
				t.Errorf("the bridge answered %d %v, want 401", status, answer)
			}
		})
	}
}

func TestScenariosAreDistinctAndSaidToEveryParty(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenarios() {
		for _, said := range []string{s.ID, s.Group, s.Title, s.Story, s.User, s.App, s.Operator} {
			if said == "" {
				t.Errorf("scenario %q leaves something unsaid: %+v", s.ID, s)
			}
		}
		if seen[s.ID] || seen[s.Title] {
			t.Errorf("scenario %q, %q is there twice", s.ID, s.Title)
		}
		seen[s.ID], seen[s.Title] = true, true
	}
}

func TestAScenarioIsOnUntilTheNextIs(t *testing.T) {
	s := startSandbox(t, nil)
	for _, step := range []struct {
		id     string
		status int
	}{
		{allWell, http.StatusOK}, // the bridge has Auth0's keys then, and asks for them at most once a second
		{"auth0_down", http.StatusServiceUnavailable},
		{"authsignal_key", http.StatusInternalServerError},
		{"mfa_required", http.StatusForbidden},
		{allWell, http.StatusOK},
	} {
		if status, answer := s.post(t, "/dev/scenario", `{"id":"`+step.id+`"}`); status != http.StatusOK || answer["current"] != step.id {
			t.Fatalf("switching to %s was answered %d %v", step.id, status, answer)
		}
		if _, text := s.ask(t, http.MethodGet, "/dev/scenarios", "", nil); !strings.Contains(text, `"current":"`+step.id+`"`) {
			t.Errorf("the list does not tell that %s is on", step.id)
		}
		token := s.tokenFor(t, wish{User: strings.ReplaceAll(step.id, "_", "-")})
		if status, answer := s.post(t, "/bridge/v1/sessions", `{"token":"`+token+`"}`); status != step.status {
			t.Errorf("%s: the bridge answered %d %v, want %d", step.id, status, answer, step.status)
		}
	}
}

func TestAuth0IsDownAtEveryEndpoint(t *testing.T) {
	s := startSandbox(t, nil)
	_, session := s.post(t, "/bridge/v1/sessions", `{"token":"`+s.tokenFor(t, wish{})+`"}`)
	s.play(scenarioOf(t, "auth0_down"))

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.auth0.CertPool(), MinVersion: tls.VersionTLS12}}}
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/openid-configuration", "/userinfo", "/", "/api/v2/clients"} {
		resp, err := client.Get(s.auth0.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadGateway {
			t.Errorf("GET %s was answered %d, want 502", path, resp.StatusCode)
		}
	}
	body := fmt.Sprintf(`{"client_id":%q,"token":%q}`, clientID, session["refresh_token"])
	if status, answer := s.post(t, "/bridge/oauth/revoke", body); status != http.StatusServiceUnavailable {
		t.Errorf("a revocation was answered %d %v, want 503", status, answer)
	}
}

func TestAScenarioThatIsNotThereChangesNothing(t *testing.T) {
	s := startSandbox(t, nil)
	s.play(scenarios()[1])
	for body, want := range map[string]int{`{"id":"sunshine"}`: http.StatusNotFound, `{}`: http.StatusNotFound, `sunshine`: http.StatusBadRequest} {
		if status, answer := s.post(t, "/dev/scenario", body); status != want {
			t.Errorf("%s was answered %d %v, want %d", body, status, answer, want)
		}
	}
	if got := s.stage.current(); got != scenarios()[1].ID {
		t.Errorf("%q is on", got)
	}
}

// The page is an app like any other. It is at another origin than the bridge.
func TestTheBridgeLetsThePageAndNoOtherReadItsAnswers(t *testing.T) {
	s := startSandbox(t, map[string]string{"CORS_ORIGINS": "capacitor://localhost"})
	for origin, want := range map[string]string{
		s.pageURL: s.pageURL, "capacitor://localhost": "capacitor://localhost",
		"http://localhost:1": "", "https://evil.example": "", strings.Replace(s.pageURL, "localhost", "127.0.0.1", 1): "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.bridgeURL+"/v1/sessions", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: allowed is %q, want %q", origin, got, want)
		}
	}
}

func TestUnderANameOfOnesOwnTheBridgeIsReachedThroughThePage(t *testing.T) {
	s := startSandbox(t, nil)
	header := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"one-of-mine"}}
	resp, text := s.ask(t, http.MethodPost, "/bridge/v1/sessions", `{"token":"x"}`, header)
	if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Content-Type") != "application/problem+json" ||
		resp.Header.Get("X-Request-Id") != "one-of-mine" || !strings.Contains(text, `"code":"token_rejected"`) {
		t.Errorf("the bridge's answer came as %d %v %s", resp.StatusCode, resp.Header, text)
	}
	hops, _ := s.hops.take()
	if !slices.ContainsFunc(hops, func(h hop) bool {
		return h.From == partyApp && h.To == partyBridge && h.What == "POST /v1/sessions" && h.Status == http.StatusUnauthorized
	}) {
		t.Errorf("the hop was not noted: %+v", hops)
	}
	if resp, _ := s.ask(t, http.MethodGet, "/bridge/readyz", "", nil); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET was answered %d, want 405", resp.StatusCode)
	}
}

func TestABridgeThatIsGoneIsSaidToBe(t *testing.T) {
	s := startSandbox(t, nil)
	gone := httptest.NewServer(nil)
	s.bridgeURL = gone.URL
	gone.Close()
	if status, answer := s.post(t, "/bridge/v1/sessions", `{}`); status != http.StatusBadGateway || answer["error"] == "" {
		t.Errorf("answered %d %v, want 502 and why", status, answer)
	}
}

func TestEventsTellHopsLogAuditAndSwitchesButNoSecret(t *testing.T) {
	s := startSandbox(t, nil)
	next := s.listenToEvents(t)

	var token string
	var told strings.Builder
	for _, step := range []struct {
		do   func()
		want []string
	}{
		{func() { s.play(scenarioOf(t, "mfa_required")) }, []string{`{"scenario":"mfa_required"}`}},
		{func() { s.post(t, "/dev/enrol", `{"username":"joe"}`) }, []string{`"from":"your back-end","to":"authsignal"`}},
		{func() { token = s.tokenFor(t, wish{}) }, []string{"/client/verify/passkey"}},
		{func() { s.post(t, "/bridge/v1/sessions", `{"token":"`+token+`"}`) }, []string{
			`"from":"bridge","to":"authsignal"`, `"from":"login script","to":"authsignal"`, `"to":"login script"`,
			`"from":"bridge","to":"auth0"`, `{"audit":{`, `{"log":{`, `"from":"app","to":"bridge"`,
		}},
	} {
		step.do()
		for len(step.want) > 0 {
			event := next()
			told.WriteString(event)
			step.want = slices.DeleteFunc(step.want, func(want string) bool { return strings.Contains(event, want) })
		}
	}
	s.holdsNoSecret(t, told.String())
	if strings.Contains(told.String(), token) {
		t.Error("the token is told")
	}
}

// listenToEvents returns a function that waits for the next event.
func (s *sandbox) listenToEvents(t *testing.T) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.pageURL+"/dev/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("the stream is %q", got)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		t.Helper()
		for lines.Scan() {
			if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
				return data
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
}

func TestThePageIsAtANameThatPasskeysCanHave(t *testing.T) {
	s := startSandbox(t, nil)
	page, err := url.Parse(s.pageURL)
	if err != nil || page.Hostname() != "localhost" {
		t.Errorf("the page is at %s, want localhost: an IP address cannot be a relying party", s.pageURL)
	}
}
