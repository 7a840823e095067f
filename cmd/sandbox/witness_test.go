package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/auth0test/scripthost"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// The witnesses are other people's software, or an exact replay of it. They
// judge both emulators and the whole way through the bridge. Each file of
// web/witness that ends in .test.mjs is one of them; witness_clients_test.go has those
// that are no packages of Node.js.

const (
	witnessDir   = "web/witness"
	witnessLimit = 5 * time.Minute // auth0-deploy-cli compiles its schemas for a minute on a busy machine
)

// androidOrigin is where the ceremonies of the recorded Android app come from.
const androidOrigin = "android:apk-key-hash:7M_339Q9IdtaTvOGGg4d1YQM7_h-_awN3JAgGlS0cas"

func TestWitnesses(t *testing.T) {
	node := requireNode(t)
	requireInstalled(t)
	files, err := filepath.Glob(witnessDir + "/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no witnesses in %s: %v", witnessDir, err)
	}
	checks := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".test.mjs")
		t.Run(name, func(t *testing.T) {
			b := startBench(t, withoutGrace(witnessSettings[name]))
			b.withoutLeeway(t)
			checks += runWitness(t, node, file, witnessEnviron(t, b))
		})
	}
	for _, other := range otherWitnesses {
		t.Run(other.name, func(t *testing.T) {
			w := &witness{T: t}
			other.testify(w)
			checks += w.checks
		})
	}
	summarise(t, fmt.Sprintf("witnesses: %d kinds of software, %d checks", len(files)+len(otherWitnesses), checks))
}

// witnessSettings are those of the sandbox in which a witness needs another tenant than
// the usual one.
var witnessSettings = map[string]map[string]string{
	"auth0-auth-js": {"TOKEN_ISSUER": "auth0-token-exchange"}, // it exchanges tokens at the tenant itself
}

// withoutGrace returns the settings, and lets the bridge give no answer again.
func withoutGrace(settings map[string]string) map[string]string {
	without := map[string]string{"RENEWAL_GRACE": "0"}
	maps.Copy(without, settings)
	return without
}

// withoutLeeway makes a refresh token good for one use, so that a witness sees the second
// refused. The tenant that setup makes forgives one more use within a minute.
func (b *bench) withoutLeeway(t *testing.T) {
	t.Helper()
	change := map[string]any{"refresh_token": map[string]any{
		"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0, "token_lifetime": 2592000, "idle_token_lifetime": 1296000,
	}}
	if err := b.breaker.write[theApplication](t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// summarise writes the line to the file named by WITNESSES, for make to print: go
// test shows nothing of a package that passes.
func summarise(t *testing.T, line string) {
	t.Log(line)
	file := os.Getenv("WITNESSES")
	if file == "" || t.Failed() {
		return
	}
	if err := os.WriteFile(file, []byte(line+"\n"), 0o644); err != nil {
		t.Error(err)
	}
}

func requireNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("the witnesses need Node.js 20.19 or newer (https://nodejs.org); make test says what else")
	}
	return node
}

// requireInstalled fails unless every package is there in the version that is
// pinned. It reads all that the witnesses are made of, so that go test knows when a
// cached result is out of date.
func requireInstalled(t *testing.T) {
	t.Helper()
	var want struct{ DevDependencies map[string]string }
	readJSONFile(t, "web/package.json", &want)
	for name, version := range want.DevDependencies {
		var got struct{ Version string }
		readJSONFile(t, filepath.Join("web/node_modules", name, "package.json"), &got)
		version = version[strings.LastIndex(version, "@")+1:] // of npm:NAME@VERSION, a second version of a package
		if got.Version != version {
			t.Fatalf("%s is installed in version %s, want %s: run make test, which installs it", name, got.Version, version)
		}
	}
	err := filepath.WalkDir(witnessDir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readJSONFile(t *testing.T, path string, dst any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("the witnesses are not installed: %v: run make test, which installs them", err)
	}
	if err := json.Unmarshal(text, dst); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// witnessEnviron is the environment of a witness, which tells it where everything is.
func witnessEnviron(t *testing.T, b *bench) []string {
	t.Helper()
	b.authsignal.AllowOrigin(androidOrigin)
	guide, address := startGuidesTenant(t, b.authsignal)
	switches := httptest.NewServer(switchboard(t, b.sandbox))
	t.Cleanup(switches.Close)

	text, err := json.Marshal(b.addresses())
	if err != nil {
		t.Fatal(err)
	}
	var where map[string]any
	if err := json.Unmarshal(text, &where); err != nil {
		t.Fatal(err)
	}
	where["guide"] = address
	empty, manager := startEmptyTenant(t)
	where["empty"] = manager
	where["webhook"] = signedWebhooks(t)
	where["control"] = switches.URL
	where["android_origin"] = androidOrigin
	if text, err = json.Marshal(where); err != nil {
		t.Fatal(err)
	}

	authorities := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authorities, slices.Concat(b.auth0.CAPEM(), guide.CAPEM(), empty.CAPEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(),
		"WITNESS_SANDBOX="+string(text), "NODE_EXTRA_CA_CERTS="+authorities, "NO_PROXY=*", "no_proxy=*", "NO_COLOR=1")
}

// startGuidesTenant starts an Auth0 tenant as Authsignal's guide "Auth0 Native
// Bridge" sets one up, with the guide's Login script. It asks the same Authsignal.
// An application of it may use the Management API.
func startGuidesTenant(t *testing.T, tenant *authsignaltest.Server) (*auth0test.Server, map[string]any) {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(witnessDir, "guide", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	secret := rand.Text()
	guide, err := auth0test.Start(auth0test.Options{
		Keys: &signingKeys,
		Clients: []auth0test.Client{{
			ID: "default-app", Secret: secret, Name: "Default App", AppType: "regular_web",
			GrantTypes:  []string{auth0test.GrantPassword, auth0test.GrantPasswordRealm},
			Connections: []string{connection},
		}, {
			ID: "set-up", Secret: secret, Name: "Set-up", AppType: "non_interactive",
			GrantTypes: []string{auth0test.GrantClientCredentials}, Management: []string{"read:clients"},
		}},
		Connections: []auth0test.Connection{{
			Name:          connection,
			LoginScript:   read("login.cjs"),
			ScriptContext: true,
			Configuration: map[string]string{"AUTHSIGNAL_SECRET": tenant.Secret()},
		}},
		APIs: []auth0test.API{{Identifier: defaultAudience}},
		ScriptHost: scripthost.Options{
			Modules:   map[string]string{"request": read("request.cjs")},
			Transport: connectHost{to: tenant.ConnectURL()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guide.Close() })
	return guide, map[string]any{
		"management": map[string]string{"client_id": "set-up", "client_secret": secret},
		"domain":     guide.Domain(), "issuer": guide.Issuer(), "client_id": "default-app", "client_secret": secret,
		"connection": connection, "audience": defaultAudience,
	}
}

// startEmptyTenant starts an Auth0 tenant with nothing in it but an application that may
// use the whole Management API.
func startEmptyTenant(t *testing.T) (*auth0test.Server, map[string]string) {
	t.Helper()
	manager := auth0test.Client{
		ID: "manager", Secret: rand.Text(), Name: "Manager", AppType: "non_interactive", AuthMethod: auth0test.AuthPost,
		GrantTypes: []string{auth0test.GrantClientCredentials}, Management: auth0test.ManagementScopes(),
	}
	empty, err := auth0test.Start(auth0test.Options{Keys: &signingKeys, Clients: []auth0test.Client{manager}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = empty.Close() })
	return empty, map[string]string{"domain": empty.Domain(), "client_id": manager.ID, "client_secret": manager.Secret}
}

// connectHost leads the guide's Login script, which names Authsignal's connect host
// in its text, to an emulator.
type connectHost struct{ to string }

func (c connectHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "us.connect.authsignal.com" {
		return nil, fmt.Errorf("the guide's Login script asks %s", r.URL.Host)
	}
	to, err := url.Parse(c.to)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = to.Scheme, to.Host, to.Host
	return http.DefaultTransport.RoundTrip(r)
}

// signedWebhooks is one event as a tenant sends it: before its secret is rotated,
// while both secrets are active, and six minutes late.
func signedWebhooks(t *testing.T) map[string]string {
	t.Helper()
	s, err := authsignaltest.Start(authsignaltest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	deleted := func() (signature string, body []byte) {
		signature, body, err := s.Webhook("authenticator.deleted", map[string]string{"userId": "auth0|jane", "verificationMethod": "PASSKEY"})
		if err != nil {
			t.Fatal(err)
		}
		return signature, body
	}
	before := s.Secret()
	signature, body := deleted()
	after := s.RotateSecret()
	rotating, rotated := deleted()
	return map[string]string{
		"old_secret": before, "new_secret": after,
		"body": string(body), "signature": signature,
		"rotating_body": string(rotated), "rotating_signature": rotating,
		"stale_signature": authsignaltest.SignWebhook(body, time.Now().Add(-6*time.Minute), before),
	}
}

// switchboard lets the witnesses change what the emulators do, ask the judge, and
// have bridges of their own.
func switchboard(t *testing.T, s *sandbox) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /authsignal/faults", setting(s.authsignal.SetFaults))
	mux.HandleFunc("PUT /auth0/faults", setting(s.auth0.SetFaults))
	mux.HandleFunc("POST /auth0/rotate-keys", func(http.ResponseWriter, *http.Request) { s.auth0.RotateKeys() })
	serveJudge(mux)
	serveBridges(t, mux, s.auth0.CertPool())
	return mux
}

// setting hands the body of a request, as JSON, to set.
func setting[T any](set func(T)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var value T
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&value); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		set(value)
	}
}

// runWitness returns how many checks passed. One that was skipped is a failure. A
// witness ends with its last check, whatever connections it has left open.
func runWitness(t *testing.T, node, file string, environ []string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), witnessLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--test-force-exit", "--test-reporter=spec", file)
	cmd.Env = environ
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	counts := map[string]int{}
	for _, line := range totals.FindAllSubmatch(said, -1) {
		counts[string(line[1])], _ = strconv.Atoi(string(line[2]))
	}
	if counts["pass"] == 0 || counts["pass"] != counts["tests"] {
		t.Fatalf("%d of %d checks passed\n%s", counts["pass"], counts["tests"], said)
	}
	return counts["pass"]
}

// totals matches the lines with which Node.js sums its checks up.
var totals = regexp.MustCompile(`(?m)^ℹ (tests|pass) (\d+)$`)
