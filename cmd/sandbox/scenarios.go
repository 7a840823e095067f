package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
)

// scenario is a way for a sign-in to go, and what each party gets of it. It is
// brought about by the emulators' faults, or by what the page does with the token.
type scenario struct {
	ID    string `json:"id"`
	Group string `json:"group"` // where the trouble is
	Title string `json:"title"`
	Story string `json:"story"`

	User     string `json:"user"`
	App      string `json:"app"`
	Operator string `json:"operator"`

	// Swap, if set, is the wish for the token that the page sends in place of the
	// one it has.
	Swap *wish `json:"swap,omitempty"`
	// Twice lets the page send the token a second time.
	Twice bool `json:"twice,omitempty"`

	authsignal authsignaltest.Faults
	auth0      auth0test.Faults
}

// stepUpAction is the action of a ceremony that is no sign-in.
const stepUpAction = "approvePayment"

const allWell = "all_well"

// scenarios lists them by group, the ordinary one first.
func scenarios() []scenario {
	var all []scenario
	for _, group := range []struct {
		name string
		list []scenario
	}{
		{"No trouble", wellScenarios()},
		{"The app, or a thief", tokenScenarios()},
		{"Authsignal", authsignalScenarios()},
		{"Auth0", auth0Scenarios()},
	} {
		for _, s := range group.list {
			s.Group = group.name
			all = append(all, s)
		}
	}
	return all
}

func wellScenarios() []scenario {
	return []scenario{{
		ID: allWell, Title: "All well",
		Story:    "Everybody answers. Create a passkey, then sign in with it.",
		User:     "Is signed in after one touch.",
		App:      "Gets Auth0's own tokens from one request.",
		Operator: "Finds one audit line, and nothing in the log.",
	}}
}

func tokenScenarios() []scenario {
	return []scenario{{
		ID: "replayed", Title: "Replayed token", Twice: true,
		Story:    "Somebody copied the token and sends it again, after the app has.",
		User:     "Stays signed in and notices nothing: the first request won.",
		App:      "Gets 409 token_replayed for the second request. A new sign-in works.",
		Operator: "Sees the same proof twice in the audit log, delivered once.",
	}, {
		ID: "expired", Title: "Expired token", Swap: &wish{Flaw: "expired"},
		Story:    "The app comes back from the background with a token from long ago.",
		User:     "Is asked to sign in once more.",
		App:      "Gets 401 token_rejected. Authsignal was not even asked.",
		Operator: "Reads when the token expired.",
	}, {
		ID: "sign_up", Title: "Sign-up token", Swap: &wish{Flaw: "sign_up"},
		Story:    "The app sends the token that it got for creating a passkey. It is genuine, but it proves no sign-in.",
		User:     "Is asked to sign in.",
		App:      "Gets 401 token_rejected.",
		Operator: "Reads which action the token was for.",
	}, {
		ID: "step_up", Title: "Step-up token", Swap: &wish{Action: stepUpAction},
		Story:    "The token comes from a real ceremony, for approving a payment. That must not open a session.",
		User:     "Is asked to sign in.",
		App:      "Gets 401 token_rejected.",
		Operator: "Reads which action the token was for.",
	}}
}

func authsignalScenarios() []scenario {
	validate := func(f authsignaltest.Fault) authsignaltest.Faults {
		f.Route = "/v1/validate"
		return authsignaltest.Faults{Inject: []authsignaltest.Fault{f}}
	}
	return []scenario{{
		ID: "authsignal_down", Title: "Authsignal down",
		Story:      "The ceremony has just worked, but Authsignal's Server API answers 503 to everybody.",
		User:       "Is told to try again, and need not touch the sensor again.",
		App:        "Gets 503 unavailable with Retry-After. The same token works later.",
		Operator:   "Gets a warning that names Authsignal.",
		authsignal: validate(authsignaltest.Fault{Kind: authsignaltest.FaultHTML, Status: http.StatusServiceUnavailable}),
	}, {
		ID: "authsignal_key", Title: "Authsignal refuses our key",
		Story:      "The bridge's Authsignal secret was rotated, or is another region's.",
		User:       "Is told that it is not their fault.",
		App:        "Gets 500 internal_error, and no detail that would help an attacker.",
		Operator:   "Gets an error that names the setting to check.",
		authsignal: validate(authsignaltest.Fault{Kind: authsignaltest.FaultError, Status: http.StatusUnauthorized}),
	}, {
		ID: "single_use", Title: "Authsignal's tokens are single-use",
		Story:      "The bridge's question spends the token, so the Login script is told that it is invalid.",
		User:       "Is told that the sign-in was refused.",
		App:        "Gets 403 access_denied.",
		Operator:   "Reads that the second validation of the same token was refused, and what else it could be.",
		authsignal: authsignaltest.Faults{SingleUse: authsignaltest.FormInvalid},
	}, {
		ID: "script_outage", Title: "The Login script meets an outage",
		Story:    "Authsignal goes away between the bridge's question and the Login script's.",
		User:     "Is told to try again, and need not touch the sensor again.",
		App:      "Gets 503 unavailable, not a wrong password. The same token works later.",
		Operator: "Gets a warning with the script's own words.",
		authsignal: authsignaltest.Faults{Inject: []authsignaltest.Fault{
			{Route: "GET /v1/users/{userId}", Kind: authsignaltest.FaultError, Status: http.StatusServiceUnavailable},
		}},
	}}
}

func auth0Scenarios() []scenario {
	inject := func(f auth0test.Fault) auth0test.Faults {
		return auth0test.Faults{Inject: []auth0test.Fault{f}}
	}
	return []scenario{{
		ID: "mfa_required", Title: "MFA required",
		Story:    "A tenant-wide policy asks for a second factor, which this way in cannot ask for.",
		User:     "Is told that this sign-in needs a further step.",
		App:      "Gets 403 mfa_required, without Auth0's mfa_token, which is a credential.",
		Operator: "Reads how to exempt the bridge's application.",
		auth0:    inject(auth0test.Fault{Kind: auth0test.MFARequired}),
	}, {
		ID: "account_blocked", Title: "Account blocked",
		Story:    "An administrator has blocked this person at Auth0.",
		User:     "Is told that the account is blocked, and to ask for help.",
		App:      "Gets 403 account_blocked.",
		Operator: "Finds who it was in the audit log.",
		auth0:    inject(auth0test.Fault{Kind: auth0test.UserBlocked}),
	}, {
		ID: "denied", Title: "Denied by an Action",
		Story:    "A post-login Action of the tenant denies access.",
		User:     "Is told that the sign-in was refused.",
		App:      "Gets 403 access_denied.",
		Operator: "Reads where to look for the Action.",
		auth0:    inject(auth0test.Fault{Kind: auth0test.AccessDenied}),
	}, {
		ID: "rate_limit", Title: "Auth0 rate limit",
		Story:    "The tenant is at its limit for another 30 seconds, longer than anybody waits.",
		User:     "Is told to try again shortly, and need not touch the sensor again.",
		App:      "Gets 429 busy with Retry-After. The same token works later.",
		Operator: "Gets a warning that names Auth0.",
		auth0:    inject(auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 30}),
	}, {
		ID: "auth0_slow", Title: "Auth0 slow",
		Story:    "Auth0 takes three seconds.",
		User:     "Is told that it takes longer than usual, and is signed in.",
		App:      "Gets its session, late.",
		Operator: "Finds the duration in the audit line.",
		auth0:    inject(auth0test.Fault{Kind: auth0test.Delay, DelayMillis: 3000}),
	}, {
		ID: "auth0_down", Title: "Auth0 down",
		Story:    "A load balancer answers 502 with a page of HTML in Auth0's place, whatever it is asked.",
		User:     "Is told to try again, and need not touch the sensor again.",
		App:      "Gets 503 unavailable, as JSON. The same token works later.",
		Operator: "Gets a warning that names Auth0.",
		auth0:    inject(auth0test.Fault{Kind: auth0test.ServerError, At: auth0test.Everywhere, Status: http.StatusBadGateway, Form: auth0test.FormHTML}),
	}}
}

// stage is which scenario is on. The zero value is the ordinary one.
type stage struct {
	mu sync.Mutex
	id string
}

// current returns the id of the scenario that is on.
func (s *stage) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == "" {
		return allWell
	}
	return s.id
}

// play switches to the scenario, and every other one off.
func (s *sandbox) play(next scenario) {
	s.stage.mu.Lock()
	defer s.stage.mu.Unlock()
	s.authsignal.SetFaults(next.authsignal)
	s.auth0.SetFaults(next.auth0)
	s.stage.id = next.ID
	s.hops.send(event{Scenario: next.ID})
}

// scenarios are those that there are to choose from.
func (s *sandbox) scenarios() []scenario {
	if s.real != nil {
		return realScenarios()
	}
	return scenarios()
}

// devScenarios answers GET /dev/scenarios.
func (s *sandbox) devScenarios(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"current": s.stage.current(), "scenarios": s.scenarios()})
}

// devScenario answers POST /dev/scenario: it switches to the one with the id.
func (s *sandbox) devScenario(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&asked); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": `send {"id":…}: ` + err.Error()})
		return
	}
	if s.real != nil {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "a real tenant has no scenarios: nothing is emulated"})
		return
	}
	all := scenarios()
	i := slices.IndexFunc(all, func(known scenario) bool { return known.ID == asked.ID })
	if i < 0 {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "there is no such scenario: GET /dev/scenarios lists them"})
		return
	}
	s.play(all[i])
	writeJSON(w, http.StatusOK, map[string]string{"current": asked.ID})
}
