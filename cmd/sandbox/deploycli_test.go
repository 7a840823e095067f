package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/tenant"
	"nativebridge/app"
	"nativebridge/domain"
)

// TestDeployCLIMakesOfAnExportWhatSetupMakes has auth0-deploy-cli import what setup
// exports into an empty tenant, and sets another one up.
func TestDeployCLIMakesOfAnExportWhatSetupMakes(t *testing.T) {
	requireNode(t)
	requireInstalled(t)
	exchange := map[string]string{"TOKEN_ISSUER": "auth0-token-exchange", "AUTH0_ORGANIZATIONS_ALLOWED": "org_1"}
	for name, tt := range map[string]struct {
		change   map[string]string
		supplied map[string]string
	}{
		"the password grant, Auth0 asks Authsignal": {nil, map[string]string{"AUTHSIGNAL_SECRET": "s3cr3t-authsignal"}},
		"the password grant, with signed proofs": {
			map[string]string{"AUTH0_PROOF": "signed", "AUTH0_PROOF_KEY": exportedProofKey},
			map[string]string{"NATIVE_BRIDGE_KEY": exportedProofKey, "NATIVE_BRIDGE_CLIENT_ID": ""},
		},
		"token exchange": {exchange, map[string]string{"AUTHSIGNAL_SECRET": "s3cr3t-authsignal", "NATIVE_BRIDGE_CLIENT_ID": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setUp, imported := startManaged(t, tt.change), startManaged(t, tt.change)
			if _, err := (&app.SetUpTenant{Setup: setUp.setup(t)}).Execute(t.Context(), app.Watcher{
				Agree: func(domain.TenantPlan) bool { return true }, Begin: func(domain.TenantStep) {}, End: func(domain.TenantStep, error) {},
			}); err != nil {
				t.Fatal(err)
			}
			folder := imported.exportTo(t, tt.supplied)
			imported.importFrom(t, folder, tt.supplied)
			if _, needed := tt.supplied["NATIVE_BRIDGE_CLIENT_ID"]; needed { // which the first import has made
				tt.supplied["NATIVE_BRIDGE_CLIENT_ID"] = imported.clientID(t)
				imported.importFrom(t, folder, tt.supplied)
			}

			if got, want := imported.everything(t), setUp.everything(t); got != want {
				t.Errorf("deploy-cli and setup have made different tenants:\n%s", difference(got, want))
			}
			if plan, err := imported.setup(t).Plan(t.Context()); err != nil || len(plan.Pending()) > 0 || len(plan.Blockers) > 0 {
				t.Errorf("setup wants to do %v, blocked by %v, error %v", plan.Pending(), plan.Blockers, err)
			}
			if got, want := imported.diagnosis(t), setUp.diagnosis(t); got != want {
				t.Errorf("doctor says after the import\n%s\nand after setup\n%s", got, want)
			}
		})
	}
}

const exportedProofKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// managed is an empty tenant, and how it is to be set up.
type managed struct {
	*auth0test.Server
	access  map[string]string
	environ map[string]string
}

func startManaged(t *testing.T, change map[string]string) *managed {
	t.Helper()
	server, access := startEmptyTenant(t)
	environ := map[string]string{
		"AUTH0_DOMAIN": server.Domain(), "AUTH0_MANAGEMENT_CLIENT_ID": access["client_id"], "AUTH0_MANAGEMENT_CLIENT_SECRET": access["client_secret"],
		"AUTH0_AUDIENCE": "https://api.example.com", "AUTH0_SCOPE": "openid email read:things", "AUTH0_SCOPE_ALLOWED": "openid email read:things offline_access",
		"AUTHSIGNAL_API_URL": "https://api.authsignal.invalid/v1", "AUTHSIGNAL_SECRET": "s3cr3t-authsignal",
	}
	maps.Copy(environ, change)
	return &managed{server, access, environ}
}

func (m *managed) connect(t *testing.T) (tenant.Config, *tenant.Management) {
	t.Helper()
	config, err := tenant.Load(m.environ)
	if err != nil {
		t.Fatal(err)
	}
	access, err := tenant.LoadAccess(m.environ, config.Domain)
	if err != nil {
		t.Fatal(err)
	}
	management, err := tenant.Connect(t.Context(), access, tenant.Options{RootCAs: m.CertPool(), Wait: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return config, management
}

func (m *managed) setup(t *testing.T) *tenant.Setup {
	t.Helper()
	config, management := m.connect(t)
	return tenant.NewSetup(management, config, tenant.Choices{Application: "Native Bridge"})
}

// exportTo returns the folder of an export, which must ask for exactly what is supplied.
func (m *managed) exportTo(t *testing.T, supplied map[string]string) string {
	t.Helper()
	config, err := tenant.LoadForExport(m.environ)
	if err != nil {
		t.Fatal(err)
	}
	export, err := tenant.NewExport(tenant.DeployCLI, config, tenant.Choices{Application: "Native Bridge"})
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, value := range export.Supplied {
		asked[value.Name] = true
		if _, there := supplied[value.Name]; !there {
			t.Errorf("the export asks for %s", value.Name)
		}
	}
	if len(asked) != len(supplied) {
		t.Errorf("the export asks for %v, want %d values", asked, len(supplied))
	}
	folder := t.TempDir()
	for _, file := range export.Files {
		path := filepath.Join(folder, file.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file.Content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// importFrom runs deploy-cli as docs/tenant-in-git.md says.
func (m *managed) importFrom(t *testing.T, folder string, supplied map[string]string) {
	t.Helper()
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authorities, m.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), witnessLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join("web", "node_modules", ".bin", "a0deploy"), "import", "--input_file", folder)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authorities, "NO_PROXY=*", "no_proxy=*",
		"NODE_OPTIONS=--require="+filepath.Join(here, witnessDir, "without-prompts.cjs"),
		"AUTH0_DOMAIN="+m.access["domain"], "AUTH0_CLIENT_ID="+m.access["client_id"], "AUTH0_CLIENT_SECRET="+m.access["client_secret"])
	for name, value := range supplied {
		if value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}

func (m *managed) clientID(t *testing.T) string {
	t.Helper()
	found, err := m.setup(t).Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range found {
		if setting.Name == "AUTH0_CLIENT_ID" {
			return setting.Value.Reveal()
		}
	}
	t.Fatal("there is no application")
	return ""
}

// diagnosis is what doctor says of the tenant, but for ids.
func (m *managed) diagnosis(t *testing.T) string {
	t.Helper()
	config, management := m.connect(t)
	probe := tenant.NewProbe(func(context.Context) (*tenant.Management, error) { return management, nil }, config, m.clientID(t))
	var said strings.Builder
	probe.Run(t.Context(), func(f domain.Finding) { said.WriteString(f.Code + " " + fmt.Sprint(f.Outcome) + "\n") })
	return said.String()
}

// everything is what the Management API tells of the tenant's objects, but for what is
// random there, and the mark of the script.
func (m *managed) everything(t *testing.T) string {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: m.CertPool(), MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	asking := clientcredentials.Config{
		ClientID: m.access["client_id"], ClientSecret: m.access["client_secret"], TokenURL: m.URL() + "/oauth/token",
		EndpointParams: url.Values{"audience": {m.ManagementAudience()}}, AuthStyle: oauth2.AuthStyleInParams,
	}
	client := asking.Client(context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport}))
	var all strings.Builder
	for _, path := range []string{"/clients", "/connections", "/resource-servers", "/actions/actions", "/token-exchange-profiles"} {
		response, err := client.Get(m.URL() + "/api/v2" + path)
		if err != nil {
			t.Fatal(err)
		}
		var answer any
		err = errors.Join(json.NewDecoder(response.Body).Decode(&answer), response.Body.Close())
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %d, %v", path, response.StatusCode, err)
		}
		text, err := json.MarshalIndent(answer, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(path + "\n" + string(text) + "\n")
	}
	return ownToOneTenant.ReplaceAllString(strings.ReplaceAll(all.String(), m.Domain(), "DOMAIN"), "")
}

// ownToOneTenant matches ids, ciphertext, times, how often an Action was deployed, the
// mark of a script, and the one setting that deploy-cli adds by itself.
var ownToOneTenant = regexp.MustCompile(`"(id|client_id|client_secret|action_id|created_at|updated_at|built_at)": ".*",?|"number": \d,|Settings: \S{22}\\n|` +
	`"(NATIVE_BRIDGE|AUTHSIGNAL)_\w+": "\S{60,}",?|\n +"disable_self_service_change_password": false,`)

// difference has the lines that only one of two texts has.
func difference(got, want string) string {
	var said strings.Builder
	for _, only := range []struct{ sign, text, other string }{{"import: ", got, want}, {"setup:  ", want, got}} {
		others := strings.Split(only.other, "\n")
		for line := range strings.SplitSeq(only.text, "\n") {
			if !slices.Contains(others, line) {
				said.WriteString(only.sign + line + "\n")
			}
		}
	}
	return said.String()
}
