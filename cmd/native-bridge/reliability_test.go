package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
)

const reliabilityDoc = "../../docs/reliability.md"

// trial is a fault, and the alert that tells of it if it lasts.
type trial struct {
	name  string
	begin func(*testing.T, *site)
	end   func(*testing.T, *site)
	alert string // of docs/operate/alerts.yml
}

// The faults are those of a load rig that breaks the two vendors, and those of Redis. Each
// meets one sign-in of a bridge on which another one has just gone well.
func trials() []trial {
	atAuthsignal := func(name string, fault authsignaltest.Fault, alert string) trial {
		fault.Route = "/v1/validate"
		return trial{"Authsignal " + name,
			func(_ *testing.T, s *site) {
				s.authsignal.SetFaults(authsignaltest.Faults{Inject: []authsignaltest.Fault{fault}})
			},
			func(_ *testing.T, s *site) { s.authsignal.SetFaults(authsignaltest.Faults{}) }, alert}
	}
	atAuth0 := func(name string, fault auth0test.Fault, alert string) trial {
		return trial{"Auth0 " + name,
			func(_ *testing.T, s *site) { s.auth0.SetFaults(auth0test.Faults{Inject: []auth0test.Fault{fault}}) },
			func(_ *testing.T, s *site) { s.auth0.SetFaults(auth0test.Faults{}) }, alert}
	}
	return []trial{
		atAuthsignal("answers 500", authsignaltest.Fault{Kind: authsignaltest.FaultError}, "NativeBridgeUnavailable"),
		atAuthsignal("answers a load balancer's page", authsignaltest.Fault{Kind: authsignaltest.FaultHTML}, "NativeBridgeUnavailable"),
		atAuthsignal("answers 429", authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 429, RetryAfter: "7"}, "NativeBridgeUpstreamLimit"),
		atAuthsignal("hangs", authsignaltest.Fault{Kind: authsignaltest.FaultHang}, "NativeBridgeUnavailable"),
		atAuthsignal("resets connections", authsignaltest.Fault{Kind: authsignaltest.FaultReset}, "NativeBridgeUnavailable"),
		atAuthsignal("breaks off in its answer", authsignaltest.Fault{Kind: authsignaltest.FaultTruncated}, "NativeBridgeUnavailable"),
		atAuthsignal("sends half of its JSON", authsignaltest.Fault{Kind: authsignaltest.FaultMalformed}, "NativeBridgeUnavailable"),
		atAuthsignal("drips", authsignaltest.Fault{Kind: authsignaltest.FaultDrip}, "NativeBridgeUnavailable"),
		atAuthsignal("refuses the bridge's key", authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: 401}, "NativeBridgeFaults"),

		atAuth0("answers 500", auth0test.Fault{Kind: auth0test.ServerError}, "NativeBridgeUnavailable"),
		atAuth0("answers 429 for 3 s", auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 3, Times: 1}, "NativeBridgeUpstreamLimit"),
		atAuth0("answers 429 for a minute", auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 60}, "NativeBridgeUpstreamLimit"),
		atAuth0("hangs", auth0test.Fault{Kind: auth0test.Hang}, "NativeBridgeUnavailable"),
		atAuth0("resets connections", auth0test.Fault{Kind: auth0test.Reset}, "NativeBridgeUnavailable"),
		atAuth0("opens the session and loses the answer", auth0test.Fault{Kind: auth0test.Reset, After: true}, "NativeBridgeUnavailable"),
		atAuth0("breaks off in its answer", auth0test.Fault{Kind: auth0test.Truncated}, "NativeBridgeUnavailable"),
		atAuth0("sends half of its JSON", auth0test.Fault{Kind: auth0test.Malformed}, "NativeBridgeUnavailable"),
		atAuth0("drips", auth0test.Fault{Kind: auth0test.Drip}, "NativeBridgeUnavailable"),
		atAuth0("refuses the client secret", auth0test.Fault{Kind: auth0test.InvalidClient}, "NativeBridgeFaults"),
		atAuth0("denies access", auth0test.Fault{Kind: auth0test.AccessDenied}, "NativeBridgeNobodySignsIn"),
		atAuth0("blocks the account", auth0test.Fault{Kind: auth0test.TooManyAttempts}, "NativeBridgeNobodySignsIn"),

		{"Redis is gone",
			func(t *testing.T, s *site) { must(t, s.redis.Kill()) },
			func(t *testing.T, s *site) { must(t, s.redis.Restart()) }, "NativeBridgeReplayGuardUnusable"},
		{"Redis hangs",
			func(t *testing.T, s *site) { must(t, s.redis.Pause()) },
			func(t *testing.T, s *site) { must(t, s.redis.Resume()) }, "NativeBridgeReplayGuardUnusable"},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shown is what a fault looks like.
type shown struct {
	answer, afterwards, log string
	metrics                 []string
}

// TestReliabilityIsMeasured meets every fault with a real process and real Redis, and holds
// docs/reliability.md against what it shows. With -update it writes the page anew.
func TestReliabilityIsMeasured(t *testing.T) {
	all := trials()
	rows := make([]shown, len(all))
	t.Run("each fault", func(t *testing.T) {
		for i, one := range all {
			t.Run(one.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = meet(t, one)
			})
		}
	})
	if t.Failed() {
		return
	}
	alerts, err := os.ReadFile("../../docs/operate/alerts.yml")
	must(t, err)
	for _, one := range all {
		if !strings.Contains(string(alerts), "- alert: "+one.alert+"\n") {
			t.Errorf("%s: there is no alert %s", one.name, one.alert)
		}
	}
	want := reliabilityPage(all, rows)
	if *update {
		must(t, os.WriteFile(reliabilityDoc, []byte(want), 0o600))
	}
	got, err := os.ReadFile(reliabilityDoc)
	must(t, err)
	if string(got) != want {
		t.Errorf("docs/reliability.md says otherwise: read it, and write it anew by go test ./cmd/native-bridge -run TestReliabilityIsMeasured -update\n%s", want)
	}
}

// meet lets one sign-in go well and the next one meet the fault. Then the fault ends, and
// the same token is sent again.
func meet(t *testing.T, one trial) shown {
	s := newSite(t, "")
	r := s.replica(t, "METRICS_ADDR=127.0.0.1:0")
	r.want(t, signIn(t, s.somebody(t)), http.StatusOK, "")
	token := signIn(t, s.somebody(t))
	before := r.metrics(t)
	logged := len(r.log.String())

	one.begin(t, s)
	status, code, retryAfter := r.answers(t, token)
	said := shown{answer: told(status, code, retryAfter), log: "nothing"}
	if status != http.StatusOK {
		said.log = r.complaint(t, logged)
	}
	said.metrics = changed(before, r.metrics(t))
	one.end(t, s)
	until(t, "the bridge is well again", func() bool { redis, _ := r.health(t); return redis == "ok" })
	status, code, _ = r.answers(t, token)
	for status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests { // a wait that was asked for
		status, code, _ = r.answers(t, token)
	}
	said.afterwards = told(status, code, "")
	return said
}

func told(status int, code, retryAfter string) string {
	if code != "" {
		code = " `" + code + "`"
	}
	switch retryAfter {
	case "":
	case "58", "59", "60", "61": // x-ratelimit-reset has whole seconds
		retryAfter = ", come back in a minute"
	default:
		retryAfter = ", come back in " + retryAfter + " s"
	}
	return fmt.Sprintf("%d%s%s", status, code, retryAfter)
}

// answers exchanges a token and returns what an app sees.
func (r *replica) answers(t *testing.T, token string) (status int, code, retryAfter string) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"token": token})
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, r.url+"/v1/sessions", bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	var problem struct{ Code string }
	must(t, json.NewDecoder(resp.Body).Decode(&problem))
	return resp.StatusCode, problem.Code, resp.Header.Get("Retry-After")
}

// wire begins the operating system's and net/http's own words, which differ from run to
// run.
var wire = regexp.MustCompile(`(no connection|no reply|broken reply of status \d+|unavailable: redis): [^\n]*`)

// complaint returns the level and the cause of the line about the exchange, which is logged
// after that many bytes.
func (r *replica) complaint(t *testing.T, after int) (said string) {
	t.Helper()
	until(t, "the exchange is in the log", func() bool {
		for line := range strings.Lines(r.log.String()[after:]) {
			var entry struct{ Level, Msg, Cause string }
			if json.Unmarshal([]byte(line), &entry) == nil && strings.HasPrefix(entry.Msg, "request failed") {
				said = fmt.Sprintf("%s `%s`", entry.Level, strings.ReplaceAll(wire.ReplaceAllString(entry.Cause, "$1: …"), "\n", "; "))
			}
		}
		return said != ""
	})
	return said
}

// metrics returns the counters and the states that an operator looks at.
func (r *replica) metrics(t *testing.T) map[string]string {
	t.Helper()
	values := seriesOf(scrape(t, r.metricsURL))
	maps.DeleteFunc(values, func(name, _ string) bool { return !isTelling(name) })
	return values
}

// isTelling leaves out what moves with every request, and what is a matter of timing.
func isTelling(name string) bool {
	for _, usual := range []string{"http_", "in_flight", "_seconds", "connections", "guard_", "issuer_budget_left", "build_info", "rate_limit_local"} {
		if strings.Contains(name, usual) {
			return false
		}
	}
	return true
}

// changed lists what is not as before.
func changed(before, after map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if after[name] != before[name] && (before[name] != "" || after[name] != "0") {
			names = append(names, "`"+name+"`")
		}
	}
	return names
}

func reliabilityPage(all []trial, rows []shown) string {
	var text strings.Builder
	text.WriteString(reliabilityIntro)
	for i, one := range all {
		row := rows[i]
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | [%s](operate/runbook.md#%s) |\n", one.name, row.answer, row.afterwards,
			strings.ReplaceAll(row.log, "|", `\|`), strings.Join(row.metrics, "<br>"), one.alert, strings.ToLower(one.alert))
	}
	text.WriteString(reliabilityRest)
	return text.String()
}

const reliabilityIntro = `# When something breaks

<!-- Written by 'go test ./cmd/native-bridge -run TestReliabilityIsMeasured -update'. Do not edit. -->

Each row was measured: a real process with a real Redis and one sign-in behind it meets the fault at its next sign-in.
Then the fault ends, and the app sends the same token again. ` + "`make test`" + ` meets all of them and fails if this page says
otherwise.

- **The app sees** the status, the code of [errors.md](errors.md) and ` + "`Retry-After`" + `.
- **The same token afterwards** is what the app gets once the fault is over and the wait has passed. 200 is a session.
  409 means that the proof is used, because a session may have been opened for it: the person signs in again.
- **The log** has one line; its level and ` + "`cause`" + ` are shown.
- **Metrics** that moved, without ` + "`native_bridge_`" + ` before them and without those that move at each request
  ([metrics.md](operate/metrics.md)). While Redis is away ` + "`rate_limit_local`" + ` is 1, too.
- **The alert** fires if the fault lasts ([alerts.yml](operate/alerts.yml)). One broken sign-in fires none.

| fault | the app sees | the same token afterwards | the log | metrics that moved | alert |
|---|---|---|---|---|---|
`

const reliabilityRest = `
## Hostile clients and too many of them

| what comes | what happens | held by |
|---|---|---|
| 5,000 connections that send nothing | others are served at once. A connection that has been silent for a second makes room for a new one; at most ` + "`MAX_CONNECTIONS`" + ` are open. Measured: memory went from 23.5 to 45.4 MB, and a request among them was answered in 5 ms | ` + "`TestSilentConnectionsKeepNobodyOut`" + ` |
| headers or a body that come slowly | the connection ends after 5 s, a slow body is ` + "`408`" + `; others are served in the places that are left | ` + "`TestSlowClientsKeepNobodyOutAndAreSentAway`" + ` |
| headers without an end | ` + "`431`" + ` at 20 KiB, and the connection is closed | ` + "`TestAFloodOfHeadersIsRefusedEarly`" + ` |
| callers who hang up | what is asked of a vendor for them ends at once | ` + "`TestWorkAtAVendorStopsWithItsCaller`" + ` |
| more requests than ` + "`MAX_IN_FLIGHT`" + ` while a vendor hangs | ` + "`503`" + ` at once; no proof is claimed, and those in flight are answered | ` + "`TestAFloodWhileAVendorHangsIsShed`" + ` |
| more requests than the CPUs can work off | ` + "`503`" + ` at once while work waits for ` + "`MAX_CPU_WAIT`" + `; those accepted keep their pace ([figures](operate.md#when-more-comes-than-can-be-served)) | ` + "`BenchmarkOverload`" + ` |

## Whoever dies during a renewal

Apps, bridges and Redis are killed with ` + "`SIGKILL`" + ` at each point of a renewal, as real processes, at an issuer that ends a
session when a refresh token is used twice. Then the app sends the refresh token that it has. No session is lost:

| who dies | when | the app then gets | what it takes |
|---|---|---|---|
| the app | at any time | the same answer, for ` + "`RENEWAL_GRACE`" + ` | nothing |
| a bridge | before it has the turn | fresh tokens, from another replica | nothing |
| a bridge | before the answer is kept | fresh tokens, after 2 s | ` + "`AUTH0_REFRESH_LEEWAY`" + ` or ` + "`OIDC_REFRESH_LEEWAY`" + `, and an app that comes within that time. Without it: ` + "`503`" + ` until ` + "`RENEWAL_GRACE`" + ` is over; then the issuer decides, and if it had used the token up, the session ends |
| a bridge | after the answer is kept | the same answer, from another replica | a Redis |
| Redis | before the issuer is asked | ` + "`503`" + `, and fresh tokens once it is back | nothing; or, if Redis had given the turn by then and forgets nothing, as with a bridge that dies then |
| Redis | later | its answer: the bridge has it. If that gets lost, too: the same answer once Redis is back, or fresh tokens | for the former ` + "`appendfsync always`" + ` and an answer that was kept; for the latter a Redis that forgot the turn, and an app that comes within the issuer's leeway |

Held by ` + "`TestNoSessionIsLostToADeathThoughTheIssuerHasNoLeeway`" + ` and ` + "`TestNoSessionIsLostToADeathWithinTheIssuersLeeway`" + `. With
` + "`REPLAY_STORE=memory`" + ` a bridge that dies takes the answers with it, as a Redis does that saves nothing.
`
