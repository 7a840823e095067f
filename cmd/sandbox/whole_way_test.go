package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The whole way: a person touches a sensor in Chromium, Authsignal's SDK runs the
// ceremony, the bridge opens the session, and an API that express-oauth2-jwt-bearer
// guards knows who is calling.
func TestFromATouchInChromiumToAnAPIThatKnowsThePerson(t *testing.T) {
	b := openPage(t, noAutofill)
	do(b, chromedp.Evaluate[chromedp.Void](`{
		const original = fetch;
		globalThis.fetch = async (...request) => {
			const response = await original(...request);
			if (response.ok && response.url === `+quoted(b.sandbox.bridgeURL+"/v1/sessions")+`) globalThis.opened = await response.clone().json();
			return response;
		};
	}`))
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	token := do(b, chromedp.Evaluate[string](`opened.access_token`))

	api := startAPI(t, b.sandbox)
	status, person := me(t, api, token)
	if status != http.StatusOK || person["sub"] != "auth0|jane" || person["name"] != "jane@example.com" {
		t.Errorf("the API answered %d %v, want jane", status, person)
	}
	if status, _ := me(t, api, token[:len(token)-4]+"AAAA"); status != http.StatusUnauthorized {
		t.Errorf("with a token that is not whole the API answered %d, want 401", status)
	}
}

// startAPI starts the witnesses' guarded API and returns its address.
func startAPI(t *testing.T, s *sandbox) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "web/witness/api.mjs", s.auth0.Issuer(), s.config.Auth0.Audience)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.caFile)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("the API needs Node.js 20.19 or newer and what 'npm ci' installs in cmd/sandbox/web (make test does): %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the API did not start: %v", err)
	}
	return strings.TrimSpace(address)
}

func me(t *testing.T, api, token string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api+"/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&body)
	return resp.StatusCode, body
}
