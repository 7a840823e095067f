package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"nativebridge"
	"nativebridge/adapters"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/certtest"
)

// measured is a whole bridge in this process, between two emulators, whose metrics are read.
type measured struct {
	site
	api, metrics string
}

func startMeasured(t *testing.T, more map[string]string) *measured {
	t.Helper()
	b := &measured{}
	var err error
	if b.authsignal, err = authsignaltest.Start(authsignaltest.Options{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.authsignal.Close() })
	tenant := emulators(b.authsignal)
	tenant.Clients[0].GrantTypes = append(tenant.Clients[0].GrantTypes, auth0test.GrantRefreshToken)
	tenant.APIs[0].AllowOfflineAccess = true
	if b.auth0, err = auth0test.Start(tenant); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.auth0.Close() })
	environ := map[string]string{
		"LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0", "DRAIN_DELAY": "0s", "STARTUP_CHECK": "off",
		"AUTHSIGNAL_API_URL": b.authsignal.APIURL(), "AUTHSIGNAL_SECRET": b.authsignal.Secret(), "RATE_LIMITS": "off", "MAX_CPU_WAIT": "0",
		"AUTH0_DOMAIN": b.auth0.Domain(), "AUTH0_CLIENT_ID": "client-1", "AUTH0_CLIENT_SECRET": "s3cr3t-auth0",
		"AUTH0_CONNECTION": connection, "AUTH0_AUDIENCE": audience,
		"AUTH0_SCOPE": "openid offline_access", "AUTH0_SCOPE_ALLOWED": "openid offline_access",
	}
	maps.Copy(environ, more)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.auth0.CAPEM())
	b.api, b.metrics = startHere(t, environ, roots)
	b.untilReady(t)
	return b
}

// startHere starts a whole bridge in this process, with metrics, and returns where it
// listens. It is stopped when the test ends.
func startHere(t testing.TB, environ map[string]string, roots *x509.CertPool) (api, metrics string) {
	t.Helper()
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	log := adapters.NewLog(t.Output(), time.Now)
	ctx, stop := context.WithCancel(context.Background())
	server, shut, err := nativebridge.NewServer(ctx, config, adapters.Runtime{
		Log: log.Logger, LogStream: log.Stream, Audit: io.Discard, Now: time.Now, Random: rand.Reader, RootCAs: roots,
		Reloads: adapters.NewReloads(environ, config, log.Logger, time.Now), Born: time.Now().Add(-time.Minute), Version: "v0.0.0-test",
	})
	if err != nil {
		t.Fatal(err)
	}
	on, err := server.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, on) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		shut()
		log.Close()
	})
	return "http://" + on.API.Addr().String(), "http://" + on.Metrics.Addr().String()
}

// untilReady waits until the parties have been connected to, which counts as requests.
func (b *measured) untilReady(t *testing.T) {
	t.Helper()
	for b.series(t)["ready"] != "1" {
		if t.Context().Err() != nil {
			t.Fatal("it never is ready")
		}
	}
}

func (b *measured) exposition(t *testing.T) string { return scrape(t, b.metrics) }

// scrape returns what a scrape is answered.
func scrape(t *testing.T, at string) string {
	t.Helper()
	resp, err := http.Get(at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("a scrape is answered %d, %v", resp.StatusCode, err)
	}
	return string(text)
}

func (b *measured) series(t *testing.T) map[string]string { return seriesOf(b.exposition(t)) }

// seriesOf returns the value of each series of the bridge's own, by its name without the
// prefix. Of histograms only _count is kept.
func seriesOf(exposition string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(exposition) {
		name, own := strings.CutPrefix(strings.TrimSpace(line), "native_bridge_")
		if i := strings.LastIndex(name, " "); own && !strings.Contains(name, "_bucket{") && !strings.Contains(name, "_sum") {
			values[name[:i]] = name[i+1:]
		}
	}
	return values
}

// post sends a body and returns the answer's.
func (b *measured) post(t *testing.T, path, kind, body string) string {
	t.Helper()
	resp, err := http.Post(b.api+path, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

func (b *measured) exchange(t *testing.T, token string) string {
	t.Helper()
	return b.post(t, "/v1/sessions", "application/json", fmt.Sprintf(`{"token":%q}`, token))
}

func (b *measured) form(t *testing.T, path, body string) string {
	t.Helper()
	return b.post(t, path, "application/x-www-form-urlencoded", body)
}

func refreshToken(session string) string {
	_, rest, _ := strings.Cut(session, `"refresh_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// moved lists what changed between two scrapes.
func moved(before, after map[string]string) []string {
	var list []string
	for name, now := range after {
		if was := before[name]; was != now {
			list = append(list, fmt.Sprintf("%s %s→%s", name, was, now))
		}
	}
	slices.Sort(list)
	return list
}

func TestEachMetricMovesByWhatItNames(t *testing.T) {
	b := startMeasured(t, nil)
	phone := b.somebody(t)
	b.exchange(t, signIn(t, phone)) // whoever signs in first has the issuer's keys fetched
	var token, refresh string
	for _, step := range []struct {
		what string
		do   func()
		want []string // each is the beginning of a series that goes up by one
	}{
		{"a sign-in", func() { token = signIn(t, phone); refresh = refreshToken(b.exchange(t, token)) }, []string{
			`attempts_total{event="exchange",issuer="auth0",outcome="session_delivered",verifier="authsignal"}`,
			`attempt_duration_seconds_count{event="exchange"}`, `http_requests_total{method="POST",route="/v1/sessions",status="200"}`,
			`step_duration_seconds_count{step="verify"}`, `step_duration_seconds_count{step="admit"}`, `step_duration_seconds_count{step="claim"}`,
			`step_duration_seconds_count{step="issue"}`, `step_duration_seconds_count{step="record"}`, `guard_claims`,
			`upstream_requests_total{result="2xx",upstream="authsignal"}`, `upstream_requests_total{result="2xx",upstream="auth0"}`,
		}},
		{"its replay", func() { b.exchange(t, token) }, []string{
			`replays_after_delivery_total`, `attempts_total{event="exchange",issuer="auth0",outcome="token_replayed",verifier="authsignal"}`,
			`http_requests_total{method="POST",route="/v1/sessions",status="409"}`,
		}},
		{"a renewal", func() { b.form(t, "/oauth/token", "grant_type=refresh_token&refresh_token="+refresh) }, []string{
			`attempts_total{event="renew",issuer="auth0",outcome="session_renewed",verifier="none"}`, `step_duration_seconds_count{step="renew"}`,
			`http_requests_total{method="POST",route="/oauth/token",status="200"}`,
		}},
		{"a revocation", func() { b.form(t, "/oauth/revoke", "token="+refresh) }, []string{
			`attempts_total{event="revoke",issuer="auth0",outcome="session_revoked",verifier="none"}`, `step_duration_seconds_count{step="revoke"}`,
		}},
		{"a token that proves nobody", func() { b.exchange(t, token+"x") }, []string{
			`attempts_total{event="exchange",issuer="auth0",outcome="token_rejected",verifier="none"}`,
		}},
		{"an outage of the issuer", func() {
			b.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{{Kind: auth0test.ServerError}}})
			b.exchange(t, signIn(t, phone))
			b.auth0.SetFaults(auth0test.Faults{})
		}, []string{
			`upstream_requests_total{result="5xx",upstream="auth0"}`, `upstream_trouble{upstream="auth0"}`, `step_duration_seconds_count{step="release"}`,
			`attempts_total{event="exchange",issuer="auth0",outcome="unavailable",verifier="authsignal"}`,
		}},
		{"a verifier that drops a connection once", func() {
			b.authsignal.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{{Route: "/v1/validate", Times: 1, Kind: authsignaltest.FaultReset}}})
			b.exchange(t, signIn(t, phone))
		}, []string{
			`upstream_retries_total{upstream="authsignal"}`, `upstream_requests_total{result="no_reply",upstream="authsignal"}`,
			`upstream_connections_opened_total{upstream="authsignal"}`,
		}},
		{"a path that is none", func() { _, _ = http.Get(b.api + "/nowhere") }, []string{`http_requests_total{method="GET",route="other",status="404"}`}},
	} {
		before := b.series(t)
		step.do()
		after := b.series(t)
		for _, name := range step.want {
			var was, now float64
			_, _ = fmt.Sscan(before[name], &was)
			_, _ = fmt.Sscan(after[name], &now)
			if now != was+1 {
				t.Errorf("%s: %s goes from %q to %q, want one more; moved are\n  %s", step.what, name, before[name], after[name], strings.Join(moved(before, after), "\n  "))
			}
		}
	}
	for name, want := range map[string]string{
		"ready": "1", "http_connections_limit": "2048", "in_flight": "0", "in_flight_limit": "256", "guard_capacity": "262144",
		`upstream_trouble{upstream="authsignal"}`: "0", "audit_lines_lost_total": "0", "audit_trouble": "0", "log_lines_lost_total": "0", "log_trouble": "0",
		`overload_refusals_total{why="in_flight"}`: "0", `overload_refusals_total{why="too_late"}`: "0",
	} {
		if got := b.series(t)[name]; got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	var age float64
	if _, err := fmt.Sscan(b.series(t)["guard_memory_age_seconds"], &age); err != nil || age < 60 {
		t.Errorf("the guard remembers %f s, want a minute at least", age)
	}
	if !strings.Contains(b.exposition(t), `native_bridge_build_info{commit=`) || !strings.Contains(b.exposition(t), `version="v0.0.0-test"`) {
		t.Error("the build is not told")
	}
}

// mostSeries is how many series one bridge may have, whatever is sent to it: some 450 of
// its own for one verifier and one issuer, and those of the Go runtime.
const mostSeries = 700

func TestHostileInputMakesNoSeriesAndIsInNone(t *testing.T) {
	b := startMeasured(t, nil)
	phone := b.somebody(t)
	token := signIn(t, phone)
	session := b.exchange(t, token)
	marks := []string{token, "person-1", "127.0.0.1", "s3cr3t", b.authsignal.Secret()}
	if _, rest, found := strings.Cut(session, `"access_token":"`); found {
		marks = append(marks, rest[:40])
	} else {
		t.Fatalf("no session: %s", session)
	}
	flood := func(from, to int) {
		for i := from; i < to; i++ {
			mark := fmt.Sprintf("Hostile%dMark", i)
			for path, body := range map[string]string{
				"/" + mark: "", "/v1/sessions/" + mark: "", "/v1/sessions": `{"token":"` + unsignedToken(mark) + `"}`,
				"/oauth/token": "grant_type=" + mark + "&client_id=" + mark, "/oauth/revoke": "token=" + mark, "/.well-known/" + mark: "",
			} {
				for _, method := range []string{strings.ToUpper(mark), "POST", "GET", "PATCH"} {
					b.send(t, method, path, body, mark)
				}
			}
		}
	}
	flood(0, 5)
	few := len(b.series(t))
	flood(5, 25)
	if many := len(b.series(t)); many != few {
		t.Errorf("there are %d series, then %d after four times as much", few, many)
	}
	text := b.exposition(t)
	for _, mark := range append(marks, "Hostile", "HOSTILE", "hostile") {
		if strings.Contains(text, mark) {
			t.Errorf("the exposition has %q in it", mark)
		}
	}
	count := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			count++
		}
	}
	if count > mostSeries {
		t.Errorf("there are %d series, want %d at most", count, mostSeries)
	}
	t.Logf("%d series", count)
}

// unsignedToken is a token that claims to be of an authority and a person who do not exist.
func unsignedToken(mark string) string {
	part := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	return part(`{"alg":"none"}`) + "." + part(`{"iss":"https://`+mark+`.example","sub":"`+mark+`","other":{"tenantId":"`+mark+`"}}`) + "." + part(mark)
}

// send sends a request that a hostile caller could make up.
func (b *measured) send(t *testing.T, method, path, body, mark string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.api+path+"?q="+mark, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", mark)
	req.Header.Set("User-Agent", mark)
	req.Header.Set("X-Forwarded-For", "192.0.2.77")
	req.Header.Set("Traceparent", mark)
	req.Header.Set("Origin", "https://"+mark+".example")
	req.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/oauth/") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}

func TestTheExpositionIsAsPrometheusWantsIt(t *testing.T) {
	b := startMeasured(t, nil)
	b.exchange(t, "a.b.c")
	text := b.exposition(t)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil || len(families) < 30 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

const metricsDoc = "../../docs/operate/metrics.md"

// withTLS returns the settings of a bridge with a certificate.
func withTLS(t *testing.T) map[string]string {
	pair, dir := certtest.New(t).Issue(time.Now().Add(time.Hour)), t.TempDir()
	certtest.Write(t, filepath.Join(dir, "cert"), pair.Cert)
	certtest.Write(t, filepath.Join(dir, "key"), pair.Key)
	return map[string]string{"TLS_CERT_FILE": filepath.Join(dir, "cert"), "TLS_KEY_FILE": filepath.Join(dir, "key")}
}

const (
	metricsBegin = "<!-- Written by 'make generate' from the metrics of a bridge that runs. Do not edit. -->\n"
	metricsEnd   = "<!-- End. -->\n"
)

// TestEveryMetricIsDocumented holds the table of docs/operate/metrics.md against the
// metrics of bridges with a memory, with a Redis and with TLS; 'make generate' writes it anew.
func TestEveryMetricIsDocumented(t *testing.T) {
	rows := map[string]string{}
	more := map[string]string{"RATE_LIMITS": "on", "AUTHSIGNAL_WEBHOOKS": "on", "AUTH0_SESSION_ENDER_CLIENT_ID": "ender", "AUTH0_SESSION_ENDER_CLIENT_SECRET": "s3cr3t-ender"}
	for _, bridge := range []map[string]string{{"REPLAY_STORE": "memory"}, {"REPLAY_STORE": "redis://127.0.0.1:1"}, withTLS(t)} {
		maps.Copy(bridge, more)
		b := startMeasured(t, bridge)
		if bridge["TLS_CERT_FILE"] == "" {
			b.exchange(t, "a.b.c")
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(b.exposition(t)))
		if err != nil {
			t.Fatal(err)
		}
		for name, family := range families {
			if !strings.HasPrefix(name, "native_bridge_") {
				continue
			}
			var labels []string
			for _, label := range family.GetMetric()[0].GetLabel() {
				labels = append(labels, "`"+label.GetName()+"`")
			}
			rows[name] = fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, strings.ToLower(family.GetType().String()), strings.Join(labels, ", "), family.GetHelp())
		}
	}
	table := "\n| metric | kind | labels | what it tells |\n|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		table += rows[name]
	}
	text, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), metricsBegin)
	_, tail, ends := strings.Cut(rest, metricsEnd)
	if !begins || !ends {
		t.Fatal("docs/operate/metrics.md has no place for the table")
	}
	want := head + metricsBegin + table + "\n" + metricsEnd + tail
	if *update {
		if err := os.WriteFile(metricsDoc, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("docs/operate/metrics.md is out of date: run 'make generate'")
	}
}
