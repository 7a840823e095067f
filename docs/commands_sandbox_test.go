package docs_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/auditlog/auditlogtest"
)

// runningSandbox is one that the documents' commands are typed at.
type runningSandbox struct {
	programs     string // the folder that the sandbox and the bridge are built in
	Page, Bridge string // URLs
}

// startSandbox builds the programs and starts a sandbox.
func startSandbox(t *testing.T) *runningSandbox {
	t.Helper()
	s := &runningSandbox{programs: t.TempDir()}
	shell(t, "..", nil, "go", "build", "-o", s.programs+"/", "./cmd/sandbox", "./cmd/native-bridge")
	command := exec.Command(filepath.Join(s.programs, "sandbox"), "--json")
	command.Env = append(os.Environ(), "LISTEN_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0")
	out := outputOf(t, command, command.StdoutPipe)
	if err := json.NewDecoder(out).Decode(s); err != nil || s.Page == "" || s.Bridge == "" {
		t.Fatalf("the sandbox does not tell where it is: %+v, %v", s, err)
	}
	return s
}

// outputOf starts a command in a process group of its own, which ends with the test,
// and returns what it prints.
func outputOf(t *testing.T, command *exec.Cmd, pipe func() (io.ReadCloser, error)) *bufio.Reader {
	t.Helper()
	out, err := pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
	})
	// Whoever waits for its output waits for this long at most.
	timer := time.AfterFunc(3*time.Minute, func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	t.Cleanup(func() { timer.Stop() })
	return bufio.NewReader(out)
}

// here puts the addresses of s, and a fresh token, in place of those in a document.
func (s *runningSandbox) here(t *testing.T, text string) string {
	t.Helper()
	return strings.NewReplacer(
		"http://localhost:8400", s.Page, "http://127.0.0.1:8401", s.Bridge, "https://bridge.example.com", s.Bridge,
		`{"token":"…"}`, `{"token":"`+tokenOf(t, s.Page)+`"}`, `{"token":"eyJhbGciOi…"}`, `{"token":"`+tokenOf(t, s.Page)+`"}`,
	).Replace(text)
}

// tokenOf returns a token that a page's sandbox accepts.
func tokenOf(t *testing.T, page string) string {
	t.Helper()
	var answer struct{ Token string }
	if err := json.Unmarshal(post(t, page+"/dev/token", ""), &answer); err != nil || answer.Token == "" {
		t.Fatalf("no token: %v", err)
	}
	return answer.Token
}

// post returns the body of a good answer.
func post(t *testing.T, address, body string) []byte {
	t.Helper()
	status, text := send(t, address, body)
	if status >= http.StatusBadRequest {
		t.Fatalf("%s answers %d %s", address, status, text)
	}
	return text
}

func send(t *testing.T, address, body string) (status int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text
}

func opensASession(t *testing.T, f fence, s *runningSandbox) {
	needs(t, "curl")
	if out := shell(t, "", nil, "sh", "-ec", s.here(t, f.text)); !strings.Contains(out, `"access_token":"`) {
		t.Errorf("it prints %s", out)
	}
}

func switchesAScenario(t *testing.T, f fence, s *runningSandbox) {
	needs(t, "curl")
	shell(t, "", nil, "sh", "-ec", strings.Replace(s.here(t, f.text), "curl -s", "curl -sf", 1))
	post(t, s.Page+"/dev/scenario", `{"id":"all_well"}`)
}

func breaksTheTenant(t *testing.T, f fence, s *runningSandbox) {
	needs(t, "curl")
	out := shell(t, "", nil, "sh", "-ec", strings.ReplaceAll(s.here(t, f.text), "curl -s", "curl -sf"))
	if !strings.Contains(out, `"mend_first":"NB515"`) {
		t.Errorf("doctor does not say to mend the grant first: %s", out)
	}
}

// answersAsShown types a command and compares the members of what it is answered
// with those that are shown, and those values that do not differ each time.
func answersAsShown(t *testing.T, f fence, s *runningSandbox) {
	needs(t, "curl")
	command, shown := session(f)
	out := shell(t, "", []string{"TOKEN=" + tokenOf(t, s.Page)}, "sh", "-ec", s.here(t, command))
	var got, want map[string]any
	if json.Unmarshal([]byte(out), &got) != nil || json.Unmarshal([]byte(shown), &want) != nil {
		t.Fatalf("it prints %s, and shown is %s", out, shown)
	}
	for name, value := range want {
		text, _ := value.(string)
		if _, found := got[name]; !found || got[name] != value && name != "request_id" && !strings.HasSuffix(text, "…") {
			t.Errorf("%s is %v, and shown is %v", name, got[name], value)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("more is printed than is shown: %v", got)
	}
}

// failsAsShown types a command that must print what is shown, and exit as one that
// was configured wrongly.
func failsAsShown(t *testing.T, f fence, s *runningSandbox) {
	command, shown := session(f)
	program := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "bin/native-bridge", filepath.Join(s.programs, "native-bridge"), 1))
	out, err := program.CombinedOutput()
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok || failed.ExitCode() != 2 || strings.TrimSpace(string(out)) != strings.TrimSpace(shown) {
		t.Errorf("it ends with %v and prints\n%s\nshown is\n%s", err, out, shown)
	}
}

// auditLines returns the block of audit.md that has text in it.
func auditLines(t *testing.T, text string) string {
	t.Helper()
	all := fences(t)
	i := slices.IndexFunc(all, func(f fence) bool {
		return f.file == "docs/audit.md" && f.language == "json" && strings.Contains(f.text, text)
	})
	if i < 0 {
		t.Fatalf("audit.md shows no line with %s", text)
	}
	return all[i].text
}

// readsTheAuditLog looks for what is in the audit lines that the page shows.
func readsTheAuditLog(t *testing.T, f fence, _ *runningSandbox) {
	needs(t, "jq")
	folder := t.TempDir()
	log := strings.ReplaceAll(auditLines(t, "auth0|jane"), "auth0|jane", "auth0|66f0c0de")
	if err := os.WriteFile(filepath.Join(folder, "audit.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(shell(t, folder, nil, "sh", "-ec", f.text)), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "session_delivered") || !strings.Contains(lines[1], "token_replayed") ||
		!strings.Contains(lines[2], "session_renewed") || len(lines[3]) != 64 {
		t.Errorf("it finds %q, want three lines of the person and one replayed proof", lines)
	}
}

var exampleKey = regexp.MustCompile("The key of these examples is `([0-9a-f]+)`")

// findsAHashedPerson looks for somebody in the hashed line that the page shows, and in
// plain ones, where nobody is found by a hash.
func findsAHashedPerson(t *testing.T, f fence, _ *runningSandbox) {
	needs(t, "jq")
	needs(t, "openssl")
	folder := t.TempDir()
	log := auditLines(t, "auth0|jane") + auditLines(t, `"subject":"hmac-sha256:`)
	if err := os.WriteFile(filepath.Join(folder, "audit.log"), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	key := exampleKey.FindStringSubmatch(read(t, "audit.md"))
	if key == nil {
		t.Fatal("audit.md does not tell the key of its examples")
	}
	command, shown := session(f)
	if out := shell(t, folder, []string{"AUDIT_PII_KEY=" + key[1]}, "sh", "-ec", command); out != shown {
		t.Errorf("it prints\n%s\nshown is\n%s", out, shown)
	}
}

func TestTheAuditLinesOfTheDocumentsAreOfTheDocumentedForm(t *testing.T) {
	for _, text := range []string{"auth0|jane", `"subject":"hmac-sha256:`} {
		auditlogtest.Check(t, auditLines(t, text))
	}
}

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// runsABridgeOfOnesOwn starts a second sandbox and a bridge beside it, as the page
// says, and signs in there.
func runsABridgeOfOnesOwn(t *testing.T, f fence, s *runningSandbox) {
	needs(t, "jq")
	needs(t, "mktemp")
	text := strings.NewReplacer(
		"go run ./cmd/sandbox", "LISTEN_ADDR=127.0.0.1:0 OPS_ADDR=127.0.0.1:0 "+filepath.Join(s.programs, "sandbox"),
		"go run ./cmd/native-bridge", filepath.Join(s.programs, "native-bridge"), "127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:8081", "127.0.0.1:0",
	).Replace(f.text)
	folder := t.TempDir()
	command := exec.Command("sh", "-ec", text)
	command.Env = append(os.Environ(), "TMPDIR="+folder)
	errs := outputOf(t, command, command.StderrPipe)
	for {
		line, err := errs.ReadString('\n')
		if err != nil {
			t.Fatalf("the bridge does not start: %s, %v", line, err)
		}
		if address := listening.FindStringSubmatch(line); address != nil {
			files := mustGlob(t, filepath.Join(folder, "tmp.*"))
			var second runningSandbox
			if err := json.Unmarshal([]byte(read(t, files[0])), &second); err != nil {
				t.Fatal(err)
			}
			signsIn(t, "http://"+address[1], second.Page)
			return
		}
	}
}

// signsIn opens a session at a bridge that has just been started. Its memory of used
// proofs begins a moment later: till then a fresh token is refused as used.
func signsIn(t *testing.T, bridge, page string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		status, answer := send(t, bridge+"/v1/sessions", `{"token":"`+tokenOf(t, page)+`"}`)
		if status == http.StatusOK && strings.Contains(string(answer), `"access_token":"`) {
			return
		}
		if status != http.StatusConflict || time.Now().After(deadline) {
			t.Fatalf("it answers %d %s", status, answer)
		}
		time.Sleep(100 * time.Millisecond) // asking less often, and waiting for nothing
	}
}

// needs fails if a program that the documents use is not there.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("the documents use %s: 'make needs' installs it, or says that it is missing", program)
	}
}
