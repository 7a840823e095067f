package docs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"nativebridge/adapters"
)

// fence is a fenced block of a document.
type fence struct {
	file     string // from the top of the module
	line     int
	language string
	text     string // without the indentation of the fence
}

// name tells a block by its document and its first line.
func (f fence) name() string {
	first, _, _ := strings.Cut(f.text, "\n")
	return f.file + ": " + first
}

// languages says what is done with the blocks of each language. Shells' have tables
// of their own below.
var languages = map[string]func(t *testing.T, f fence){
	"sh":      func(t *testing.T, f fence) { shell(t, "", nil, "sh", "-n", "-c", f.text) },
	"console": func(t *testing.T, f fence) { shell(t, "", nil, "sh", "-n", "-c", commandOf(f)) },
	"json":    parsesAsJSON,
	"js":      parsesAsJavaScript,
	"http":    parsesAsAnswer,
	"ini":     parsesAsUnit,
	"yaml":    parsesAsYAML,
}

// unchecked are the languages whose blocks this test only counts, and why.
var unchecked = map[string]string{
	"text":   "it is shown and not typed",
	"go":     "adding_an_adapter_test.go compares it with testdata/toy",
	"diff":   "adding_an_adapter_test.go applies it",
	"swift":  "the SDKs' toolchain is Xcode; the witnesses replay what the SDKs send",
	"java":   "make witnesses runs it: resource-servers.md as it stands there, oauth-clients.md's calls as NimbusClientTest makes them",
	"kotlin": "the SDKs' toolchain is Android's; the witnesses replay what the SDKs send",
	"dart":   "the toolchain is Flutter's",
	"python": "make test needs no Python; .ci/witnesses/python makes the same calls",
	"ts":     "its packages are React Native's, which do not load without a phone",
}

// What is done with each block of a shell, by its name: it is an environment, it is
// run, or it is not, for a reason. All of them are parsed.
var (
	environments = map[string]func(t *testing.T, f fence){
		"docs/run.md: # /etc/native-bridge/env":                                  func(t *testing.T, f fence) { loads(t, f, nil) },
		"docs/oidc.md: # to the letter, as the provider's tokens have it in iss": func(t *testing.T, f fence) { loads(t, f, authsignalToo) },
		"docs/oidc.md: IDENTITY_VERIFIER=jwt":                                    isAddedToOIDC,
		"docs/enrol.md: ENROL_AUDIENCE=https://bridge.example.com/passkeys":      isAddedTo,
		"docs/enrol.md: ASSOCIATION_FILES=on":                                    isAddedTo,
	}
	commands = map[string]func(t *testing.T, f fence, s *runningSandbox){
		"docs/api.md: curl -s https://bridge.example.com/v1/sessions \\":                                      opensASession,
		"docs/run.md: curl -si https://bridge.example.com/v1/sessions \\":                                     opensASession,
		"docs/sandbox.md: curl -s -X POST http://localhost:8400/dev/token |":                                  opensASession,
		"docs/sandbox.md: curl -s http://localhost:8400/dev/scenario -d '{\"id\":\"script_outage\"}'":         switchesAScenario,
		"docs/sandbox.md: curl -s http://localhost:8400/dev/breakage -d '{\"id\":\"grant\",\"broken\":true}'": breaksTheTenant,
		"docs/sandbox.md: SANDBOX=$(mktemp)":                                                                  runsABridgeOfOnesOwn,
		"docs/sandbox.md: go doc ./adapters/authsignal/authsignaltest": func(t *testing.T, f fence, _ *runningSandbox) {
			if out := shell(t, "..", nil, "sh", "-ec", f.text); !strings.Contains(out, "singleUse") || !strings.Contains(out, "ScriptFailure") {
				t.Errorf("it does not list the knobs:\n%s", out)
			}
		},
		"docs/sandbox.md: $ curl -s http://localhost:8400/dev/token -d '{\"flaw\":\"sign_up\"}' |": answersAsShown,
		"docs/api.md: $ curl -s http://127.0.0.1:8401/oauth/token \\":                              answersAsShown,
		"docs/run.md: make build          # bin/native-bridge, one static binary": func(t *testing.T, f fence, _ *runningSandbox) {
			if out := shell(t, "..", nil, "sh", "-ec", strings.Replace(f.text, "make", "make -n", 1)); !strings.Contains(out, "CGO_ENABLED=0 go build -trimpath -o bin/native-bridge ./cmd/native-bridge") {
				t.Errorf("it would run %s", out)
			}
		},
		"docs/run.md: $ AUTH0_DOMIAN=example.eu.auth0.com AUTHSIGNAL_API_URL=http://api.authsignal.com/v1 AUTHSIGNAL_SECRET=x \\":                                           failsAsShown,
		"docs/audit.md: jq -c 'select(.subject == \"auth0|66f0c0de\") | [.time, .outcome, .client]' audit.log":                                                              readsTheAuditLog,
		"docs/audit.md: $ jq -c --arg who \"$(printf %s 'auth0|jane' | openssl dgst -sha256 -mac HMAC -macopt \"hexkey:$AUDIT_PII_KEY\" | sed 's/.*= /hmac-sha256:/')\" \\": findsAHashedPerson,
		"docs/oidc.md: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out assertion-key.pem": func(t *testing.T, _ fence, _ *runningSandbox) {
			if key := assertionKey(t); !strings.Contains(key, "PRIVATE KEY") {
				t.Errorf("it makes %q", key)
			}
		},
	}
	notRun = map[string]string{
		"docs/operate/install.md: .ci/release/image native-bridge:mine    # with buildah, podman or docker":                                                                                                                                                   "'make release-check' runs it",
		"docs/operate/install.md: docker run --read-only --cap-drop ALL --security-opt no-new-privileges --env-file env -p 8080:8080 native-bridge:mine":                                                                                                      "the tests have no container runtime; 'make release-check' does the same with chroot",
		"docs/operate/install.md: git checkout v1.2.3 && make snapshot && sha256sum bin/dist/*":                                                                                                                                                               "there is no release yet; 'make snapshot' is run by a workflow",
		"docs/operate/install.md: cosign verify-blob checksums.txt --bundle checksums.txt.sigstore.json --certificate-oidc-issuer https://token.actions.githubusercontent.com --certificate-identity-regexp '/\\.github/workflows/release\\.yml@refs/tags/v'": "there is no release yet",
		"docs/operate/install.md: GOFIPS140=v1.0.0 CGO_ENABLED=0 go build -trimpath -o bin/native-bridge ./cmd/native-bridge":                                                                                                                                 "it compiles everything anew; 'make snapshot' does it",
		"docs/oidc.md: export KEYCLOAK=https://id.example.com REALM=app BRIDGE=https://bridge.example.com":                                                                                                                                                    "'make witnesses' runs the script before a real Keycloak",
		"docs/oidc.md: adapters/oidc/keycloak.sh passkeys passkey-app":                                                                                                                                                                                        "'make witnesses' runs it before a real Keycloak",
		"docs/tenant.md: make build":                                                                                         "it sets up real tenants; cmd/native-bridge/testdata/setup-auth0.txtar and setup-authsignal.txtar run the commands",
		"docs/tenant.md: set -a; . ./native-bridge.env; set +a":                                                              "it looks at a real tenant; cmd/native-bridge/testdata has sessions with doctor",
		"docs/tenant-in-git.md: export AUTHSIGNAL_API_URL=https://eu.api.authsignal.com/v1":                                  "cmd/native-bridge/testdata/setup-auth0-export.txtar runs the commands",
		"docs/tenant-in-git.md: export AUTH0_DOMAIN=example.eu.auth0.com":                                                    "it sets up a real tenant, and 'make test' does not install Terraform",
		"docs/tenant-in-git.md: export AUTH0_DOMAIN=example.eu.auth0.com                           # of one of your tenants": "it sets up a real tenant; cmd/sandbox/deploycli_test.go runs deploy-cli",
		"docs/tenant-token-exchange.md: curl https://YOUR_TENANT/api/v2/token-exchange-profiles -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '{": "it sets up a real tenant",
		"docs/mobile/android.md: keytool -exportcert -keystore release.jks -alias release | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '='":                  "it needs a JDK and a key of an app",
		"docs/operate/helm/README.md: helm upgrade --install native-bridge docs/operate/helm/native-bridge --namespace identity --values values.yaml":                          "it needs a cluster; docs/operate/helm/helmtest renders the chart with helm",
		"docs/model/README.md: $ .ci/model":                       "'make check' runs it, for minutes, and fails if the model does not hold",
		"docs/model/README.md: $ .ci/model -DLOSSES=0 -DNO_OWNER": "a run of 'make check' by itself",
		"docs/model/README.md: $ .ci/model -DLOSSES=1 -DMARGIN=0": "a run of 'make check' by itself",
	}
)

// TestEveryFencedBlockIsWhatItSays wants each block to name a language and to
// be valid in it.
func TestEveryFencedBlockIsWhatItSays(t *testing.T) {
	found := map[string]bool{}
	for _, f := range fences(t) {
		found[f.language] = true
		check, known := languages[f.language]
		if _, why := unchecked[f.language]; !known && !why {
			t.Errorf("%s:%d: the block is of the language %q, which this test does not know", f.file, f.line, f.language)
		}
		if known {
			t.Run(fmt.Sprintf("%s:%d", f.file, f.line), func(t *testing.T) { check(t, f) })
		}
	}
	for _, language := range slices.Concat(slices.Collect(maps.Keys(languages)), slices.Collect(maps.Keys(unchecked))) {
		if !found[language] {
			t.Errorf("no document has a block of the language %q any more", language)
		}
	}
}

// TestEveryCommandIsRunOrHasAReason wants each block of a shell in one of the
// tables, and nothing else in them.
func TestEveryCommandIsRunOrHasAReason(t *testing.T) {
	listed := map[string]int{}
	for name := range environments {
		listed[name]++
	}
	for name := range commands {
		listed[name]++
	}
	for name := range notRun {
		listed[name]++
	}
	for _, f := range shells(t) {
		if listed[f.name()] != 1 {
			t.Errorf("%s:%d is in %d of the tables, want one: %q", f.file, f.line, listed[f.name()], f.name())
		}
		delete(listed, f.name())
	}
	for name := range listed {
		t.Errorf("no document has the block %q", name)
	}
}

func TestEveryEnvironmentFileStartsABridge(t *testing.T) {
	for _, f := range shells(t) {
		if check := environments[f.name()]; check != nil {
			t.Run(f.file, func(t *testing.T) { check(t, f) })
		}
	}
}

// TestEveryCommandWorks runs what can be run without an account, against a sandbox.
func TestEveryCommandWorks(t *testing.T) {
	t.Parallel()
	sandbox := startSandbox(t)
	for _, f := range shells(t) {
		if check := commands[f.name()]; check != nil {
			t.Run(fmt.Sprintf("%s:%d", f.file, f.line), func(t *testing.T) { check(t, f, sandbox) })
		}
	}
}

var fenceForm = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")

// fences returns the blocks of all documents.
func fences(t *testing.T) []fence {
	t.Helper()
	var all []fence
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && slices.Contains([]string{"node_modules", ".git", "bin"}, entry.Name()) {
			return fs.SkipDir
		}
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text := read(t, path)
		for _, at := range fenceForm.FindAllStringSubmatchIndex(text, -1) {
			indent, body := text[at[2]:at[3]], text[at[6]:at[7]]
			all = append(all, fence{
				file: filepath.ToSlash(strings.TrimPrefix(path, "../")), line: 1 + strings.Count(text[:at[0]], "\n"),
				language: text[at[4]:at[5]], text: strings.TrimPrefix(strings.ReplaceAll("\n"+body, "\n"+indent, "\n"), "\n"),
			})
		}
		return nil
	})
	if err != nil || len(all) < 40 {
		t.Fatalf("%d blocks found: %v", len(all), err)
	}
	return all
}

func shells(t *testing.T) []fence {
	return slices.DeleteFunc(fences(t), func(f fence) bool { return f.language != "sh" && f.language != "console" })
}

// shell runs a program, which must succeed, and returns what it prints on standard
// output.
func shell(t *testing.T, folder string, environ []string, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("the documents need %s: 'make needs' installs it, or says where it is", name)
	}
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir, command.Env = folder, append(os.Environ(), environ...)
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command.Args, " "), err, out, errs.Bytes())
	}
	return string(out)
}

// commandOf is what is typed in a session at a terminal: the lines from the "$"
// to the first that is not continued.
func commandOf(f fence) string {
	command, _ := session(f)
	return command
}

// session returns what is typed, and what is shown then.
func session(f fence) (command, shown string) {
	rest := strings.TrimPrefix(f.text, "$ ")
	for rest != "" {
		line, after, _ := strings.Cut(rest, "\n")
		command, rest = command+line+"\n", after
		if !strings.HasSuffix(line, "\\") && !strings.HasSuffix(line, "|") {
			break
		}
	}
	return command, rest
}

func parsesAsJSON(t *testing.T, f fence) {
	decoder, values := json.NewDecoder(strings.NewReader(f.text)), 0
	for {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("value %d: %v", values+1, err)
		}
		values++
	}
	if values == 0 {
		t.Error("there is no JSON in it")
	}
}

func parsesAsYAML(t *testing.T, f fence) {
	var value map[string]any
	if err := yaml.Unmarshal([]byte(f.text), &value); err != nil || len(value) == 0 {
		t.Errorf("%d values: %v", len(value), err)
	}
}

func parsesAsJavaScript(t *testing.T, f fence) {
	file := filepath.Join(t.TempDir(), "script.cjs")
	if strings.Contains(f.text, "\nimport ") {
		file = strings.TrimSuffix(file, ".cjs") + ".mjs"
	}
	if err := os.WriteFile(file, []byte(f.text), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, "", nil, "node", "--check", file)
}

// parsesAsAnswer wants a status, headers and a body of JSON.
func parsesAsAnswer(t *testing.T, f fence) {
	head, body, found := strings.Cut(f.text, "\n\n")
	if !found || !json.Valid([]byte(body)) {
		t.Errorf("the body is no JSON: %s", body)
	}
	for i, line := range strings.Split(head, "\n") {
		if i == 0 && !strings.HasPrefix(line, "HTTP/1.1 ") || i > 0 && !strings.Contains(line, ": ") {
			t.Errorf("%q does not belong in an answer", line)
		}
	}
}

// parsesAsUnit reads a drop-in for our unit of systemd, and wants the environment file
// that run.md shows, and the credentials that it names.
func parsesAsUnit(t *testing.T, f fence) {
	for line := range strings.Lines(f.text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !regexp.MustCompile(`^(\[[A-Z][a-z]+\]|[A-Z][A-Za-z]+=\S.*)$`).MatchString(line) {
			t.Errorf("systemd does not understand %q", line)
		}
	}
	i := slices.IndexFunc(shells(t), func(f fence) bool { return f.name() == "docs/run.md: # /etc/native-bridge/env" })
	if i < 0 || !strings.Contains(read(t, unitFile), "EnvironmentFile=/etc/native-bridge/env\n") {
		t.Fatal("the unit does not read the environment file of this page")
	}
	for _, credential := range regexp.MustCompile(`_FILE=/run/credentials/native-bridge.service/(\S+)`).FindAllStringSubmatch(shells(t)[i].text, -1) {
		if !strings.Contains(f.text, "LoadCredential="+credential[1]+":") {
			t.Errorf("the unit does not load %s", credential[1])
		}
	}
}

// authsignalToo is what every environment for Authsignal needs besides.
var authsignalToo = map[string]string{"AUTHSIGNAL_API_URL": "https://eu.api.authsignal.com/v1", "AUTHSIGNAL_SECRET": "s3cr3t-authsignal"}

// isAddedTo wants the lines to be settings of a bridge that has its environment already.
func isAddedTo(t *testing.T, f fence) {
	environ := map[string]string{"AUTH0_DOMAIN": "example.eu.auth0.com", "AUTH0_CLIENT_ID": "the-client", "AUTH0_CLIENT_SECRET": "s3cr3t-auth0"}
	maps.Copy(environ, authsignalToo)
	completes(t, environ, f)
}

// isAddedToOIDC is isAddedTo for a bridge whose issuer is an OpenID provider.
func isAddedToOIDC(t *testing.T, f fence) {
	completes(t, map[string]string{
		"TOKEN_ISSUER": "oidc", "OIDC_ISSUER": "https://id.example.com/realms/app", "OIDC_CLIENT_ID": "native-bridge",
		"OIDC_CLIENT_SECRET": "s3cr3t-of-the-client", "OIDC_ASSERTION_KEY": assertionKey(t),
	}, f)
}

func completes(t *testing.T, environ map[string]string, f fence) {
	t.Helper()
	maps.Copy(environ, environmentFile(f.text))
	if _, err := adapters.LoadConfig(environ); err != nil {
		t.Error(err)
	}
	if unknown := adapters.UnknownSettings(environ); len(unknown) > 0 {
		t.Errorf("it has %q", unknown)
	}
}

// loads reads an environment file as a shell and as systemd do, which must be the
// same, and loads it. The files that it names are made.
func loads(t *testing.T, f fence, besides map[string]string) {
	secrets := t.TempDir()
	text := regexp.MustCompile(`(?m)(_FILE=)/\S*/([^/\s]+)$`).ReplaceAllString(f.text, "${1}"+secrets+"/$2")
	for _, path := range regexp.MustCompile(`(?m)_FILE=(\S+)$`).FindAllStringSubmatch(text, -1) {
		secret := "s3cr3t-of-this-test"
		if strings.HasSuffix(path[1], ".pem") {
			secret = assertionKey(t)
		}
		if err := os.WriteFile(path[1], []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(secrets, "env")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := map[string]string{}
	for line := range strings.Lines(shell(t, "", nil, "env", "-i", "PATH="+os.Getenv("PATH"), "sh", "-ec", `set -a; . "$1"; env`, "sh", file)) {
		if name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "="); !slices.Contains([]string{"PATH", "PWD", "OLDPWD", "SHLVL", "_"}, name) {
			environ[name] = value
		}
	}
	if bySystemd := environmentFile(text); !maps.Equal(environ, bySystemd) {
		t.Errorf("a shell reads %v, systemd %v", environ, bySystemd)
	}
	if len(environ) < 6 {
		t.Errorf("only %d variables are read", len(environ))
	}
	maps.Copy(environ, besides)
	if warnings := adapters.UnknownSettings(environ); len(warnings) > 0 {
		t.Error(warnings)
	}
	config, err := adapters.LoadConfig(environ)
	if err != nil || len(config.Warnings()) > 0 {
		t.Errorf("%v, %v", err, config.Warnings())
	}
}

// environmentFile reads a file as systemd.exec(5) says of EnvironmentFile=: lines
// that begin with # or ; are comments, values may stand in quotation marks, and what
// stands behind a value belongs to it.
func environmentFile(text string) map[string]string {
	environ := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		environ[name] = value
	}
	return environ
}

// assertionKey makes a key as oidc.md says.
func assertionKey(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, f := range shells(t) {
		if f.file == "docs/oidc.md" && strings.HasPrefix(f.text, "openssl ") {
			shell(t, folder, nil, "sh", "-ec", f.text)
		}
	}
	return read(t, filepath.Join(folder, "assertion-key.pem"))
}
