package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestTheFiguresAreThoseOfTheMetrics(t *testing.T) {
	got, err := readFigures(strings.NewReader(`
# TYPE native_bridge_attempts_total counter
native_bridge_attempts_total{event="exchange",outcome="fault",issuer="auth0",verifier="authsignal"} 0
native_bridge_attempts_total{event="renew",outcome="session_renewed",issuer="auth0",verifier=""} 1
native_bridge_attempts_total{event="exchange",outcome="session_delivered",issuer="auth0",verifier="authsignal"} 3
native_bridge_attempts_total{event="exchange",outcome="token_rejected",issuer="auth0",verifier="authsignal"} 1
native_bridge_attempts_total{event="enrol",outcome="enrolment_begun",issuer="auth0",verifier="none"} 1
native_bridge_attempts_total{event="end",outcome="sessions_kept",issuer="auth0",verifier="none"} 1
# TYPE native_bridge_attempt_duration_seconds histogram
native_bridge_attempt_duration_seconds_bucket{event="exchange",le="0.1"} 3
native_bridge_attempt_duration_seconds_bucket{event="exchange",le="+Inf"} 4
native_bridge_attempt_duration_seconds_sum{event="exchange"} 0.5
native_bridge_attempt_duration_seconds_count{event="exchange"} 4
native_bridge_attempt_duration_seconds_bucket{event="renew",le="+Inf"} 1
native_bridge_attempt_duration_seconds_sum{event="renew"} 9
native_bridge_attempt_duration_seconds_count{event="renew"} 1
# TYPE native_bridge_step_duration_seconds histogram
native_bridge_step_duration_seconds_bucket{step="issue",le="+Inf"} 3
native_bridge_step_duration_seconds_sum{step="issue"} 0.3
native_bridge_step_duration_seconds_count{step="issue"} 3
native_bridge_step_duration_seconds_bucket{step="verify",le="+Inf"} 4
native_bridge_step_duration_seconds_sum{step="verify"} 0.02
native_bridge_step_duration_seconds_count{step="verify"} 4
native_bridge_step_duration_seconds_bucket{step="revoke",le="+Inf"} 0
native_bridge_step_duration_seconds_sum{step="revoke"} 0
native_bridge_step_duration_seconds_count{step="revoke"} 0
# TYPE native_bridge_breaker_state gauge
native_bridge_breaker_state{upstream="auth0",call="issue"} 2
native_bridge_breaker_state{upstream="authsignal",call="verify"} 0
# TYPE native_bridge_issuer_budget_limit gauge
native_bridge_issuer_budget_limit 100
# TYPE native_bridge_issuer_budget_left gauge
native_bridge_issuer_budget_left 97
# TYPE native_bridge_issuer_budget_waiting gauge
native_bridge_issuer_budget_waiting 2
`))
	if err != nil {
		t.Fatal(err)
	}
	want := figures{
		Attempts: []attempts{
			{"exchange", "session_delivered", true, 3}, {"end", "sessions_kept", true, 1}, {"enrol", "enrolment_begun", true, 1},
			{"exchange", "token_rejected", false, 1}, {"renew", "session_renewed", true, 1},
		},
		Latency:  []latency{{"exchange", 4, 125}, {"verify", 4, 5}, {"issue", 3, 100}},
		Breakers: []breaking{{"auth0", "issue", "open"}, {"authsignal", "verify", "closed"}},
		Budget:   &budget{100, 97, 2},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v %+v\nwant %+v %+v", got, got.Budget, want, want.Budget)
	}
}

func TestFiguresThatNobodyMadeYetAreEmptyAndNotMissing(t *testing.T) {
	got, err := readFigures(strings.NewReader(""))
	if err != nil || got.Attempts == nil || got.Latency == nil || got.Breakers == nil || got.Budget != nil {
		t.Errorf("got %+v, %v: want empty lists and no budget", got, err)
	}
}
