package keycloak

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds a wait for Keycloak, which takes minutes for seconds' work on a machine that is full.
const patience = 5 * time.Minute

// world is a Keycloak, a proxy before it, and a sandbox whose bridge goes through the proxy.
type world struct {
	front, issuer, admin, bridge, page string

	environ    []string // of a bridge that has Keycloak as its provider
	client     string   // the bridge's credential at Keycloak, as a header
	adminToken string
	proxy      *proxy
	log        *log
}

func start(t *testing.T) *world {
	keycloak := os.Getenv("KEYCLOAK")
	if keycloak == "" {
		t.Fatal("KEYCLOAK is not set: .ci/witnesses/keycloak/run runs this test")
	}
	w := &world{proxy: &proxy{}, log: &log{}}
	w.front = w.proxy.start(t, keycloak)
	w.issuer, w.admin = w.front+"/realms/native-bridge-sandbox", w.front+"/admin/realms/native-bridge-sandbox"
	var told struct {
		Bridge   string            `json:"bridge"`
		Ops      string            `json:"ops"`
		Page     string            `json:"page"`
		Provider map[string]string `json:"provider"`
	}
	first := w.run(t, exec.CommandContext(t.Context(), "./sandbox", "--json"), "KEYCLOAK="+w.front, "LISTEN_ADDR="+freeAddress(t),
		"OPS_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0", "RATE_LIMITS=off", "BREAKER=off", "TRUSTED_PROXIES=127.0.0.0/8")
	line, err := bufio.NewReader(first).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the sandbox did not start: %v\n%s", err, w.log)
	}
	if err := json.Unmarshal(line, &told); err != nil {
		t.Fatalf("the sandbox printed %q: %v", line, err)
	}
	w.bridge, w.page = told.Bridge, told.Page
	w.proxy.trust(t, told.Provider["assertion_key"])
	w.environ = []string{
		"TOKEN_ISSUER=oidc", "OIDC_ISSUER=" + w.issuer, "OIDC_CLIENT_ID=" + told.Provider["client_id"], "OIDC_CLIENT_SECRET=" + told.Provider["client_secret"],
		"OIDC_ASSERTION_KEY=" + told.Provider["assertion_key"], "OIDC_ASSERTION_ISSUER=" + w.bridge,
		"IDENTITY_VERIFIER=jwt", "JWT_ISSUER=" + w.issuer, "JWT_AUDIENCE=passkey-app", "JWT_PASSKEY_AMR=passkey",
	}
	w.client = "Basic " + base64.StdEncoding.EncodeToString([]byte(told.Provider["client_id"]+":"+told.Provider["client_secret"]))
	w.ready(t, told.Ops)
	tokens := w.call(t, http.MethodPost, w.front+"/realms/master/protocol/openid-connect/token", "", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {os.Getenv("KEYCLOAK_PASSWORD")},
	})
	w.adminToken = fmt.Sprint(tokens["access_token"])
	return w
}

// run starts a program whose standard error is the log, and returns its standard output. It
// is stopped at the end of the test.
func (w *world) run(t *testing.T, cmd *exec.Cmd, environ ...string) io.Reader {
	t.Helper()
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stderr = w.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context has ended by then
	return out
}

// startBridge starts a bridge that goes by these settings beside those that lead to Keycloak.
func (w *world) startBridge(t *testing.T, settings []string) (address string) {
	t.Helper()
	listen, ops := freeAddress(t), freeAddress(t)
	out := w.run(t, exec.CommandContext(t.Context(), "../../../bin/native-bridge", "serve"), append(append(w.environ, settings...),
		"LISTEN_ADDR="+listen, "OPS_ADDR="+ops, "METRICS_ADDR=127.0.0.1:0", "RATE_LIMITS=off", "BREAKER=off", "STARTUP_CHECK=off", "DRAIN_DELAY=0s")...)
	go func() { _, _ = io.Copy(w.log, out) }()
	w.ready(t, "http://"+ops)
	return "http://" + listen
}

func (w *world) ready(t *testing.T, ops string) {
	t.Helper()
	until(t, patience, "the bridge is ready", func() bool {
		resp, err := http.Get(ops + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// script runs keycloak.sh, and returns the settings that it prints.
func (w *world) script(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../../adapters/oidc/keycloak.sh", args...)
	cmd.Env = append(os.Environ(), "KEYCLOAK="+w.front, "REALM=native-bridge-sandbox", "ADMIN_TOKEN="+w.adminToken)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("keycloak.sh %q: %v: %s%s", args, err, out, exit.Stderr)
		}
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// finding is one of doctor's.
type finding struct{ Code, Outcome, Problem string }

// doctor runs it, and again while Keycloak takes longer than it waits.
func (w *world) doctor(t *testing.T) (findings map[string]finding) {
	t.Helper()
	until(t, patience, "Keycloak answers doctor in time", func() bool {
		findings = w.diagnosis(t)
		return findings["NB133"].Outcome == "passed" && findings["NB811"].Outcome == "passed" && findings["NB812"].Outcome != "not_made"
	})
	return findings
}

func (w *world) diagnosis(t *testing.T) map[string]finding {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../../bin/native-bridge", "doctor", "--json")
	cmd.Env = append(os.Environ(), w.environ...)
	out, _ := cmd.Output() // its exit status says what it found
	var report struct{ Findings []finding }
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("doctor printed %q: %v", out, err)
	}
	byCode := map[string]finding{}
	for _, f := range report.Findings {
		byCode[f.Code] = f
	}
	return byCode
}

// passkeyToken is that of a sign-in of the user's at the emulated Authsignal.
func (w *world) passkeyToken(t *testing.T, user string) string {
	t.Helper()
	got := send(t, http.MethodPost, w.page+"/dev/token", "", mustJSON(map[string]string{"user": user}))
	return fmt.Sprint(got.body["token"])
}

// answer is an answer of JSON, or of nothing.
type answer struct {
	status int
	body   map[string]any
}

func (a answer) want(t *testing.T, status int, code string) {
	t.Helper()
	if said, _ := a.body["code"].(string); a.status != status || said != code {
		t.Fatalf("the bridge answered %d %q, want %d %q", a.status, said, status, code)
	}
}

// session opens one for a passkey sign-in of the user's, and returns the token of that.
func (w *world) session(t *testing.T, user string) (got answer, token string) {
	t.Helper()
	got = retried(t, func() answer {
		token = w.passkeyToken(t, user)
		return w.exchange(t, w.bridge, token)
	})
	return got, token
}

func (w *world) exchange(t *testing.T, bridge, token string) answer {
	t.Helper()
	return send(t, http.MethodPost, bridge+"/v1/sessions", "", mustJSON(map[string]string{"token": token}))
}

// retried asks again while the bridge says 503: on a machine that is full Keycloak takes
// longer than the bridge waits, and apps do the same.
func retried(t *testing.T, ask func() answer) (got answer) {
	t.Helper()
	until(t, patience, "Keycloak answers in time", func() bool {
		got = ask()
		return got.status != http.StatusServiceUnavailable
	})
	return got
}

func (w *world) post(t *testing.T, address string, form url.Values) answer {
	t.Helper()
	return send(t, http.MethodPost, address, "", form.Encode())
}

// call asks Keycloak, and wants success.
func (w *world) call(t *testing.T, method, address, authorization string, body any) map[string]any {
	t.Helper()
	text := ""
	switch body := body.(type) {
	case nil:
	case url.Values:
		text = body.Encode()
	default:
		text = mustJSON(body)
	}
	got := send(t, method, address, authorization, text)
	if got.status >= http.StatusBadRequest {
		t.Fatalf("%s %s: Keycloak answered %d %v", method, address, got.status, got.body)
	}
	return got.body
}

// senders counts requests: each comes from a network of its own, because the bridge leaves
// out log lines of which there are many from one.
var senders atomic.Uint32

// send sends JSON or a form, and reads an object or a list of one.
func send(t *testing.T, method, address, authorization, body string) (got answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	sender := senders.Add(1)
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", sender>>8, sender&0xff))
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got.status = resp.StatusCode
	text = bytes.Trim(text, "[]")
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got.body); err != nil {
			t.Fatalf("%s %s: %d %.300s: %v", method, address, got.status, text, err)
		}
	}
	return got
}

// changing changes an object by the Admin API, and its undo puts it back.
func (w *world) changing(path string, change func(map[string]any) map[string]any) func(*testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		put := func(object map[string]any) { w.call(t, http.MethodPut, w.admin+path, "Bearer "+w.adminToken, object) }
		was := w.call(t, http.MethodGet, w.admin+path, "Bearer "+w.adminToken, nil)
		now := change(maps.Clone(was))
		put(now)
		return func() { put(emptied(now, was)) }
	}
}

// emptied is an object as it was, with "" for each of its attributes that is new: one that
// is not sent stays.
func emptied(now, was map[string]any) map[string]any {
	old, _ := was["attributes"].(map[string]any)
	attributes := maps.Clone(old)
	added, _ := now["attributes"].(map[string]any)
	for name := range added {
		if _, had := old[name]; !had {
			attributes[name] = ""
		}
	}
	was = maps.Clone(was)
	if attributes != nil {
		was["attributes"] = attributes
	}
	return was
}

// changingClient is changing for the bridge's client.
func (w *world) changingClient(change func(map[string]any) map[string]any) func(*testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		client := w.call(t, http.MethodGet, w.admin+"/clients?clientId=native-bridge", "Bearer "+w.adminToken, nil)
		return w.changing(fmt.Sprint("/clients/", client["id"]), change)(t)
	}
}

// log is what the sandbox and the bridge say.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) len() int { return len(l.String()) }

// mustSay waits for words that are logged after the first so many bytes.
func (l *log) mustSay(t *testing.T, after int, words string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("the log says:\n%s", l.String()[after:])
		}
	}()
	until(t, 10*time.Second, fmt.Sprintf("the log says %q", words), func() bool { return strings.Contains(l.String()[after:], words) })
}

// until waits for something that happens soon, by asking.
func until(t *testing.T, limit time.Duration, what string, happened func() bool) {
	t.Helper()
	deadline, again := time.After(limit), time.NewTicker(20*time.Millisecond)
	defer again.Stop()
	for !happened() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-again.C:
		}
	}
}

// held notes a check that held, unless the test has failed.
func held(t *testing.T, what string) {
	t.Helper()
	path := os.Getenv("WITNESSES")
	if t.Failed() || path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "Keycloak %s\t%s\n", os.Getenv("KEYCLOAK_VERSION"), what); err != nil {
		t.Fatal(err)
	}
}

// claimsOf reads a token whose signature the bridge, or nobody, has checked.
func claimsOf(t *testing.T, token any) map[string]any {
	t.Helper()
	claims := decode(fmt.Sprint(token), 1)
	if claims == nil {
		t.Fatalf("%.20v is no JWT", token)
	}
	return claims
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
