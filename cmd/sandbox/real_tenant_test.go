package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// TestMain lets a test start this program again as the vendors, in a process of their own.
func TestMain(m *testing.M) {
	if folder := os.Getenv("SANDBOX_TEST_VENDORS"); folder != "" {
		if err := serveVendors(folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// vendors are two tenants that nobody has set up yet, in another process.
type vendors struct {
	Environment map[string]string // what an operator gets from them, to set them up with
	CAFile      string
	TenantID    string // of Authsignal's
}

// serveVendors starts empty tenants, prints how to get in, and serves until its standard
// input ends.
func serveVendors(folder string) error {
	authsignal, err := authsignaltest.Start(authsignaltest.Options{Empty: true})
	if err != nil {
		return err
	}
	authsignal.SetUpPasskey() // the one step that no API can do
	auth0, err := auth0test.Start(auth0test.Options{Keys: &signingKeys, Clients: []auth0test.Client{{
		ID: "setup", Secret: "the-key-of-setup", Name: "setup",
		GrantTypes: []string{auth0test.GrantClientCredentials}, Management: auth0test.ManagementScopes(),
	}}})
	if err != nil {
		return err
	}
	v := vendors{CAFile: filepath.Join(folder, "ca.pem"), TenantID: authsignal.TenantID(), Environment: map[string]string{
		"AUTHSIGNAL_API_URL": authsignal.APIURL(), "AUTHSIGNAL_SECRET": authsignal.Secret(),
		"AUTHSIGNAL_MANAGEMENT_SECRET": authsignal.ManagementSecret(),
		"AUTH0_DOMAIN":                 auth0.Domain(),
		"AUTH0_MANAGEMENT_CLIENT_ID":   "setup", "AUTH0_MANAGEMENT_CLIENT_SECRET": "the-key-of-setup",
	}}
	if err := os.WriteFile(v.CAFile, auth0.CAPEM(), 0o600); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startVendors starts them.
func startVendors(t *testing.T) vendors {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), "SANDBOX_TEST_VENDORS="+t.TempDir())
	command.Stderr = os.Stderr
	stay, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := started(t, command)
	t.Cleanup(func() { _ = stay.Close() })
	var v vendors
	if err := json.NewDecoder(out).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// started starts a command that ends with the test, and returns what it prints.
func started(t *testing.T, command *exec.Cmd) *bufio.Reader {
	t.Helper()
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	return bufio.NewReader(out)
}

// programs builds this program and the product, and returns their folder.
func programs(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", folder+"/", "./cmd/sandbox", "./cmd/native-bridge")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return folder
}

// site is a tenant that was set up, and the programs to use it with.
type site struct {
	vendors
	programs, file string
	page           string // of a sandbox at it
	told           *lockedBuffer
}

// setUp runs 'native-bridge setup' for both vendors, for a page at origin.
func setUp(t *testing.T, rpID, origin string) *site {
	t.Helper()
	s := &site{vendors: startVendors(t), programs: programs(t), file: filepath.Join(t.TempDir(), "native-bridge.env")}
	more := map[string]string{"AUTH0_AUDIENCE": "https://api.example.com", "AUTH0_SCOPE": "openid profile email offline_access"}
	for _, args := range [][]string{
		{"setup", "authsignal", "--yes", "--env-file", s.file, "--rp-id", rpID, "--origin", origin},
		{"setup", "auth0", "--yes", "--env-file", s.file},
	} {
		command := exec.CommandContext(t.Context(), filepath.Join(s.programs, "native-bridge"), args...)
		command.Env = s.environ(more)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	return s
}

// environ is a process' environment with what lets it in at the vendors.
func (s *site) environ(more map[string]string) []string {
	list := append(os.Environ(), "SSL_CERT_FILE="+s.CAFile)
	for name, value := range s.Environment {
		list = append(list, name+"="+value)
	}
	for name, value := range more {
		list = append(list, name+"="+value)
	}
	return list
}

// freePort returns an address of loopback where nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	return port
}

// start starts 'sandbox --tenant' at the site with nothing but the environment file, and
// waits until it tells where the page is.
func (s *site) start(t *testing.T, environ map[string]string, args ...string) {
	t.Helper()
	command := exec.Command(filepath.Join(s.programs, "sandbox"), append([]string{"--tenant", s.file, "--json"}, args...)...)
	command.Env = []string{"SSL_CERT_FILE=" + s.CAFile, "LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0", "HOME=" + t.TempDir()}
	for name, value := range environ {
		command.Env = append(command.Env, name+"="+value)
	}
	s.told = &lockedBuffer{}
	errs := s.told
	command.Stderr = errs
	var addresses map[string]string
	if err := json.NewDecoder(started(t, command)).Decode(&addresses); err != nil {
		_ = command.Wait()
		t.Fatalf("%v: %s", err, errs)
	}
	s.page = addresses["page"]
	for name := range addresses {
		if !slices.Contains([]string{"page", "bridge", "ops", "metrics"}, name) {
			t.Errorf("--json tells %s of a real tenant", name)
		}
	}
}

// Two empty tenants, 'setup' for each, and somebody signs in with a passkey. This process
// knows nothing of it but the environment file.
func TestAnEmptyTenantBecomesOneOnWhichAPasskeySignsIn(t *testing.T) {
	port := freePort(t)
	s := setUp(t, localhost, "http://localhost:"+port)
	s.start(t, map[string]string{"SANDBOX_LISTEN": "127.0.0.1:" + port})

	b := openPageAt(t, noAutofill, s.page)
	if got := b.text("#scenario-story"); !strings.HasPrefix(got, "Nothing is emulated.") {
		t.Errorf("the page says %q, want what it does to a real tenant", got)
	}
	for _, selector := range []string{"#open-scenarios", "#software"} {
		if b.shown(selector) {
			t.Errorf("%s is shown, which a real tenant has not", selector)
		}
	}
	b.create("jane")
	b.click("#sign-in")
	b.signedInAs("auth0|jane")
	if got := b.text(`[data-token="access_token"] [data-claim="aud"] dd`); !strings.Contains(got, "https://api.example.com") {
		t.Errorf("the access token is for %q", got)
	}
	first := b.text(`[data-token="refresh_token"] code`)
	b.click("#renew")
	b.says("Your session is renewed.")
	if second := b.text(`[data-token="refresh_token"] code`); second == first {
		t.Errorf("the refresh token is still %s", first)
	}
	b.click("#sign-out")
	b.until(`document.querySelector("#for-app .actual").textContent.includes("200 the session is ended")`)

	// A second passkey, under the whole id of a user who was there first.
	b.fill("auth0|66F0c0de")
	b.click("#create")
	b.says("Your passkey is ready, auth0|66F0c0de.")

	told := s.told.String()
	for name, secret := range s.Environment {
		if strings.Contains(name, "SECRET") && strings.Contains(told, secret) {
			t.Errorf("%s is printed", name)
		}
	}
	if strings.Contains(told, "eyJ") {
		t.Error("a token is printed")
	}
}

// atTenant starts a sandbox in this process at tenants that were not set up, with a file
// of these settings.
func atTenant(t *testing.T, change map[string]string, environ map[string]string, enrol string) (*sandbox, *authsignaltest.Server, error) {
	t.Helper()
	authsignal, err := authsignaltest.Start(authsignaltest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = authsignal.Close() })
	settings := map[string]string{
		"AUTHSIGNAL_API_URL": authsignal.APIURL(), "AUTHSIGNAL_SECRET": authsignal.Secret(), "SANDBOX_AUTHSIGNAL_TENANT_ID": authsignal.TenantID(),
		"AUTH0_DOMAIN": "127.0.0.1:1", "AUTH0_CLIENT_ID": "bridge", "AUTH0_CLIENT_SECRET": "x",
		"LISTEN_ADDR": ":1", "OPS_ADDR": ":1", "METRICS_ADDR": ":1", // of a machine somewhere else
	}
	maps.Copy(settings, change)
	var text strings.Builder
	for name, value := range settings {
		if value != "" {
			fmt.Fprintf(&text, "# a comment\n%s=%s\n", name, value)
		}
	}
	file := filepath.Join(t.TempDir(), "native-bridge.env")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := map[string]string{"LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0"}
	maps.Copy(whole, environ)
	s, err := start(t.Context(), whole, &realTenant{file: file, enrol: enrol}, io.Discard)
	if err == nil {
		t.Cleanup(s.close)
		s.wantAuditLines(t)
	}
	return s, authsignal, err
}

func TestWhatIsMissingForARealTenantIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		change, environ map[string]string
		enrol, want     string
	}{
		"the tenant's id":            {map[string]string{"SANDBOX_AUTHSIGNAL_TENANT_ID": ""}, nil, "", "SANDBOX_AUTHSIGNAL_TENANT_ID is not set"},
		"the bridge's secret":        {map[string]string{"AUTH0_CLIENT_SECRET": ""}, nil, "", "AUTH0_CLIENT_SECRET is not set"},
		"another verifier":           {map[string]string{"IDENTITY_VERIFIER": "jwt", "TOKEN_ISSUER": "oidc", "JWT_ISSUER": "https://passkeys.example.com", "JWT_AUDIENCE": "x", "JWT_PASSKEY_ONLY": "true", "OIDC_ISSUER": "https://id.example.com", "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "x", "OIDC_ASSERTION_KEY_FILE": keyFile(t)}, nil, "", "IDENTITY_VERIFIER is not authsignal"},
		"two values":                 {nil, map[string]string{"AUTH0_CLIENT_ID": "another"}, "", "AUTH0_CLIENT_ID: unset them"},
		"an action for two purposes": {map[string]string{"AUTHSIGNAL_ACTION": "enrolPasskey"}, nil, "", "AUTHSIGNAL_ENROL_ACTION is the action of AUTHSIGNAL_ACTION"},
		"a user of another provider": {nil, nil, "google-oauth2|1042", "--enrol: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := atTenant(t, tt.change, tt.environ, tt.enrol)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("it says %v, want %q", err, tt.want)
			}
		})
	}
}

func keyFile(t *testing.T) string {
	t.Helper()
	key, err := newAssertionKey()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Setup has the management key in its environment, and may not have written the id.
func TestTheTenantsIDIsAskedForWhereItCanBe(t *testing.T) {
	authsignal, err := authsignaltest.Start(authsignaltest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer authsignal.Close()
	id, err := tenantID(t.Context(), map[string]string{"AUTHSIGNAL_API_URL": authsignal.APIURL(), "AUTHSIGNAL_MANAGEMENT_SECRET": authsignal.ManagementSecret()})
	if err != nil || id != authsignal.TenantID() {
		t.Errorf("it is %q, %v; want %q", id, err, authsignal.TenantID())
	}
}

func TestWhoMayGetAPasskeyAtARealTenant(t *testing.T) {
	everywhere := map[string]string{"SANDBOX_LISTEN": "0.0.0.0:0"}
	byName := map[string]string{"SANDBOX_RP_ID": "example.com"}
	for name, tt := range map[string]struct {
		environ     map[string]string
		enrol, user string
		want        int
	}{
		"anybody, from this machine":          {nil, "", "jane", http.StatusOK},
		"a whole id":                          {nil, "", "auth0|66F0c0de", http.StatusOK},
		"an id of another provider":           {nil, "", "google-oauth2|1", http.StatusBadRequest},
		"a path":                              {nil, "", "../jane", http.StatusBadRequest},
		"nobody, where others can come":       {everywhere, "", "jane", http.StatusForbidden},
		"nobody, under another name":          {byName, "", "jane", http.StatusForbidden},
		"who was named":                       {everywhere, "jane", "jane", http.StatusOK},
		"who was named, by the whole id":      {byName, "jane", "auth0|jane", http.StatusOK},
		"somebody else than who was named":    {everywhere, "jane", "joe", http.StatusForbidden},
		"somebody else, and it is only local": {nil, "jane", "joe", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			s, authsignal, err := atTenant(t, nil, tt.environ, tt.enrol)
			if err != nil {
				t.Fatal(err)
			}
			status, answer := s.post(t, "/dev/enrol", `{"username":"`+tt.user+`"}`)
			if status != tt.want {
				t.Fatalf("answered %d %v, want %d", status, answer, tt.want)
			}
			tracked := slices.ContainsFunc(authsignal.Exchanges(), func(x authsignaltest.Exchange) bool { return strings.Contains(x.Path, "/actions/enrolPasskey") })
			if tracked != (tt.want == http.StatusOK) {
				t.Errorf("Authsignal was asked for a token: %t", tracked)
			}
			for _, path := range []string{"/dev/token", "/authsignal/v1/client/challenge"} {
				if resp, _ := s.ask(t, http.MethodPost, path, `{}`, nil); resp.StatusCode != http.StatusNotFound {
					t.Errorf("%s is answered %d", path, resp.StatusCode)
				}
			}
			if status, _ := s.post(t, "/dev/scenario", `{"id":"auth0_down"}`); status != http.StatusNotFound {
				t.Errorf("a scenario is answered %d", status)
			}
		})
	}
}

// A tenant's refusal is told, and neither the secret nor the token is.
func TestARefusedEnrolmentNamesTheSetting(t *testing.T) {
	s, _, err := atTenant(t, map[string]string{"AUTHSIGNAL_SECRET": "not-the-secret"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	status, answer := s.post(t, "/dev/enrol", `{"username":"jane"}`)
	if told := fmt.Sprint(answer); status != http.StatusBadGateway || !strings.Contains(told, "check AUTHSIGNAL_SECRET") || strings.Contains(told, "not-the-secret") {
		t.Errorf("answered %d %s", status, told)
	}
}

func TestARealTenantHasNoSoftwarePasskey(t *testing.T) {
	for _, args := range [][]string{{"--tenant", "x.env", "--once"}, {"--enrol", "jane"}} {
		var errs strings.Builder
		if got := run(t.Context(), args, nil, io.Discard, &errs); got != 2 || !strings.HasPrefix(errs.String(), "sandbox: ") {
			t.Errorf("%q: exit status %d, %s", args, got, errs.String())
		}
	}
}
