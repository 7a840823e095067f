package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/auth0/auth0test/scripthost"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/oidc/oidctest"
)

// hop is one request between two of the parties, or a run of the Login script.
type hop struct {
	At      time.Time `json:"at"`
	Took    float64   `json:"ms"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	What    string    `json:"what"`
	Status  int       `json:"status,omitempty"`
	Meaning string    `json:"meaning"`
}

// The parties, as the account and the page name them.
const (
	partyApp        = "app"
	partyBridge     = "bridge"
	partyAuthsignal = "authsignal"
	partyAuth0      = "auth0"
	partyScript     = "login script"
	partyProvider   = "provider"
	partyBackEnd    = "your back-end"
)

// backEndAgent is the User-Agent of what stands for the app's own back-end.
const backEndAgent = "sandbox-back-end"

// hops collects what the emulators observe and the bridge's audit lines, and
// passes both on to whoever listens. It is safe for concurrent use.
type hops struct {
	mu        sync.Mutex
	seen      []hop
	audit     []json.RawMessage
	inspect   func(line []byte) // is shown each audit line; nil if nobody looks
	listeners map[chan<- event]bool
	ignoring  int // how many want only the app's hops to be seen
}

// event is what listeners get: a hop, an audit line, a line of the bridge's log, the id
// of the scenario that was switched to, or the ids of all that is broken now.
type event struct {
	Hop      *hop            `json:"hop,omitempty"`
	Audit    json.RawMessage `json:"audit,omitempty"`
	Log      json.RawMessage `json:"log,omitempty"`
	Scenario string          `json:"scenario,omitempty"`
	Broken   *[]string       `json:"broken,omitempty"`
}

// kept bounds what is remembered of each kind.
const kept = 1000

func newHops() *hops { return &hops{listeners: map[chan<- event]bool{}} }

func (h *hops) add(x hop) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ignoring > 0 && x.From != partyApp && x.From != partyBackEnd {
		return
	}
	h.seen = append(h.seen, x)
	h.seen = h.seen[max(0, len(h.seen)-kept):]
	h.tell(event{Hop: &x})
}

// ignoreBridge leaves out the hops of the bridge, and those that they cause, until the
// function that it returns is called. Doctor asks by the same ways as the bridge does.
func (h *hops) ignoreBridge() (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ignoring++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ignoring--
	}
}

// Write takes audit lines, as the bridge's audit log.
func (h *hops) Write(lines []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range bytes.Lines(lines) {
		if h.inspect != nil {
			h.inspect(line)
		}
		h.audit = append(h.audit, slices.Clone(line))
		h.audit = h.audit[max(0, len(h.audit)-kept):]
		h.tell(event{Audit: h.audit[len(h.audit)-1]})
	}
	return len(lines), nil
}

// logLines takes the bridge's log, a JSON line each, and passes it on.
type logLines struct{ *hops }

func (l logLines) Write(line []byte) (int, error) {
	l.send(event{Log: slices.Clone(line)})
	return len(line), nil
}

// send passes e on to the listeners that keep up.
func (h *hops) send(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell(e)
}

// tell is send with mu held.
func (h *hops) tell(e event) {
	for listener := range h.listeners {
		select {
		case listener <- e:
		default:
		}
	}
}

// listen returns the events from now on. The caller must call stop.
func (h *hops) listen() (events <-chan event, stop func()) {
	listener := make(chan event, 256)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[listener] = true
	return listener, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.listeners, listener)
	}
}

// take returns what was seen since the last take, in the order in which it was
// sent.
func (h *hops) take() ([]hop, []json.RawMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, audit := h.seen, h.audit
	h.seen, h.audit = nil, nil
	slices.SortStableFunc(seen, func(a, b hop) int { return a.At.Compare(b.At) })
	return seen, audit
}

func (h *hops) atAuthsignal(x authsignaltest.Exchange) {
	if x.Method == "OPTIONS" || strings.HasPrefix(x.Path, "/v1/management/") { // no part of a sign-in
		return
	}
	from := partyApp
	switch x.UserAgent {
	case "native-bridge":
		from = partyBridge
	case "node":
		from = partyScript
	case backEndAgent:
		from = partyBackEnd
	}
	what := x.Method + " " + x.Path
	h.add(hop{
		At: x.Time, Took: milliseconds(x.Duration), From: from, To: partyAuthsignal,
		What: what, Status: x.Status, Meaning: meaningAtAuthsignal(from, x.Method+" "+x.Route),
	})
}

func (h *hops) atAuth0(x auth0test.Exchange) {
	if x.Kind != auth0test.Request {
		what, script := "login(username, password)", "the connection's Login script"
		if x.Kind == auth0test.Action {
			what, script = "onExecuteCustomTokenExchange(event, api)", "the exchange's Action"
		}
		h.add(hop{
			At: x.Time, Took: milliseconds(x.Duration), From: partyAuth0, To: partyScript,
			What: what, Meaning: "Auth0 runs " + script + ", which " + meaningOfScript(x.Outcome),
		})
		return
	}
	if strings.HasPrefix(x.Path, "/api/v2/") || x.GrantType == auth0test.GrantClientCredentials { // no part of a sign-in
		return
	}
	h.add(hop{
		At: x.Time, Took: milliseconds(x.Duration), From: partyBridge, To: partyAuth0,
		What: x.Method + " " + x.Path, Status: x.Status, Meaning: meaningAtAuth0(x),
	})
}

// atProvider is atAuth0 for the OpenID provider that stands in its place.
func (h *hops) atProvider(x oidctest.Observation) {
	h.add(hop{
		At: x.Time, Took: milliseconds(x.Duration), From: partyBridge, To: partyProvider,
		What: x.Method + " " + x.Path, Status: x.Status, Meaning: meaningAtProvider(x.Path),
	})
}

func meaningAtProvider(path string) string {
	switch path {
	case "/token":
		return "the bridge asks the OpenID provider for a session, with its own signed assertion about the person"
	case "/revoke":
		return "the bridge ends a session"
	case "/keys":
		return "the bridge fetches the keys that ID tokens are signed with"
	}
	return "the bridge finds the provider's endpoints"
}

func (h *hops) atBridge(start time.Time, method, path string, status int) {
	h.add(hop{
		At: start, Took: milliseconds(time.Since(start)), From: partyApp, To: partyBridge,
		What: method + " " + path, Status: status, Meaning: meaningAtBridge(path, status),
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func meaningAtBridge(path string, status int) string {
	switch {
	case path == "/v1/passkeys" && status == http.StatusOK:
		return "the app, whose user is signed in otherwise, gets permission to add a passkey for the access token"
	case path == "/v1/passkeys":
		return "the app asks for permission to add a passkey and gets none, but a reason"
	case path == "/oauth/token" && status == http.StatusOK:
		return "the app gets new tokens for its refresh token"
	case path == "/oauth/token":
		return "the app asks for new tokens and gets none, but a reason"
	case path == "/oauth/revoke":
		return "the app ends its session"
	case status == http.StatusOK:
		return "the app hands the token to the bridge and gets a session for it"
	}
	return "the app hands the token to the bridge and gets no session, but a reason"
}

// bridgeHops says what each request of the page to the bridge means, for the page to show:
// with an answer, and with a refusal.
func bridgeHops() map[string][2]string {
	texts := map[string][2]string{}
	for _, path := range []string{"/v1/sessions", "/v1/passkeys", "/oauth/token", "/oauth/revoke"} {
		texts[path] = [2]string{meaningAtBridge(path, http.StatusOK), meaningAtBridge(path, http.StatusBadRequest)}
	}
	return texts
}

// meaningAtAuthsignal says what a request is for, by its route in the emulator's
// list of endpoints.
func meaningAtAuthsignal(from, route string) string {
	_, path, _ := strings.Cut(route, "/v1")
	switch path {
	case "/users/{userId}/actions/{action}":
		if from == partyBridge {
			return "the bridge gets permission to add a passkey, for exactly the person of the access token"
		}
		return "the app's own back-end, which knows who asks, gets permission to add a passkey"
	case "/client/user-authenticators/passkey/registration-options":
		return "the app asks what passkey to create"
	case "/client/user-authenticators/passkey":
		return "Authsignal verifies the new passkey and keeps its public key"
	case "/client/challenge":
		return "the app names the action that it signs in for"
	case "/client/user-authenticators/passkey/authentication-options":
		return "the app asks for a challenge to sign"
	case "/client/verify/passkey":
		return "Authsignal verifies the signature and gives the app a token"
	case "/client/user-authenticators":
		return "the app lists its authenticators"
	case "/validate":
		if from == partyScript {
			return "the script asks for itself, so that a stolen client secret alone opens nothing"
		}
		return "the bridge asks whom the token proves, for what, how and when"
	case "/users/{userId}":
		if from == partyScript {
			return "the script fetches the email address and whether it is verified"
		}
		return "the bridge fetches the email address and whether it is verified, to sign both for Auth0"
	}
	return ""
}

// meaningOfScript says how a run of the Login script ended.
func meaningOfScript(outcome scripthost.Kind) string {
	switch outcome {
	case scripthost.Profile, scripthost.UserSet:
		return "vouches for the person"
	case scripthost.Refused, scripthost.TokenRejected:
		return "says no"
	case scripthost.Failed, scripthost.Denied:
		return "cannot tell, and does not refuse"
	}
	return "ends as " + string(outcome)
}

func meaningAtAuth0(x auth0test.Exchange) string {
	switch x.Path {
	case "/oauth/token":
		if x.GrantType == auth0test.GrantRefreshToken {
			return "the bridge renews a session"
		}
		if x.GrantType == auth0test.GrantTokenExchange {
			return "the bridge asks for a session in exchange for the token"
		}
		return "the bridge asks for a session, with the token as the password"
	case "/oauth/revoke":
		return "the bridge ends a session"
	case "/.well-known/jwks.json":
		return "the bridge fetches the keys that ID tokens are signed with"
	}
	return ""
}
