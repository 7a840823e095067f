package metrics_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/adapters/metrics"
	"nativebridge/domain"
)

// counting returns metrics that count attempts.
func counting() *metrics.Metrics {
	m := metrics.New()
	m.CountAttempts(map[string]string{"authsignal:tenant-1": "authsignal"}, "auth0")
	return m
}

func proof(number uint32) (key domain.ProofKey) {
	binary.BigEndian.PutUint32(key[:], number+1)
	return key
}

func TestAReplayIsOneAfterADeliveryOnlyIfThisProcessDelivered(t *testing.T) {
	delivered := func(n uint32) domain.Attempt { return domain.Attempt{Event: domain.EventExchange, Proof: proof(n)} }
	replayed := func(n uint32) domain.Attempt {
		return domain.Attempt{Event: domain.EventExchange, Proof: proof(n), Err: domain.ErrTokenReplayed}
	}
	failed := domain.Attempt{Event: domain.EventExchange, Proof: proof(3), Err: domain.ErrAccessDenied}
	for name, tt := range map[string]struct {
		attempts []domain.Attempt
		want     int
	}{
		"delivered, then twice replayed":     {[]domain.Attempt{delivered(1), replayed(1), replayed(1)}, 2},
		"replayed, and another delivered":    {[]domain.Attempt{delivered(1), replayed(2)}, 0},
		"refused by the issuer before":       {[]domain.Attempt{failed, replayed(3)}, 0},
		"replayed before it was delivered":   {[]domain.Attempt{replayed(1), delivered(1)}, 0},
		"ended before any proof was claimed": {[]domain.Attempt{{Event: domain.EventExchange}, {Event: domain.EventExchange, Err: domain.ErrTokenReplayed}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := counting()
			for _, attempt := range tt.attempts {
				m.Attempt(attempt)
			}
			wantSeries(t, m, fmt.Sprintf("native_bridge_replays_after_delivery_total %d", tt.want))
		})
	}
}

func TestARenewalIsCountedByWhatItMet(t *testing.T) {
	for name, tt := range map[string]struct {
		attempt                   domain.Attempt
		repeated, waited, doubted int
	}{
		"the issuer's answer":            {domain.Attempt{Event: domain.EventRenew}, 0, 0, 0},
		"a kept answer":                  {domain.Attempt{Event: domain.EventRenew, Repeated: true}, 1, 0, 0},
		"a kept refusal":                 {domain.Attempt{Event: domain.EventRenew, Repeated: true, Err: domain.ErrGrantInvalid}, 0, 0, 0},
		"an answer that it waited for":   {domain.Attempt{Event: domain.EventRenew, Repeated: true, Waited: true}, 0, 1, 0},
		"a wait in vain":                 {domain.Attempt{Event: domain.EventRenew, Waited: true, Err: domain.ErrUnavailable}, 0, 1, 0},
		"doubt":                          {domain.Attempt{Event: domain.EventRenew, Err: domain.WithProofInDoubt(domain.ErrUnavailable)}, 0, 0, 1},
		"doubt after a wait":             {domain.Attempt{Event: domain.EventRenew, Waited: true, Err: domain.WithProofInDoubt(domain.ErrUnavailable)}, 0, 1, 1},
		"doubt about what is no renewal": {domain.Attempt{Event: domain.EventExchange, Err: domain.WithProofInDoubt(domain.ErrUnavailable)}, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := counting()
			m.Attempt(tt.attempt)
			wantSeries(t, m, fmt.Sprintf("native_bridge_renewals_repeated_total %d", tt.repeated),
				fmt.Sprintf("native_bridge_renewals_waited_total %d", tt.waited), fmt.Sprintf("native_bridge_renewals_in_doubt_total %d", tt.doubted))
		})
	}
}

func TestTheOldestDeliveriesAreForgotten(t *testing.T) {
	const kept = 1 << 16
	m := counting()
	for n := range uint32(kept + 1) {
		m.Attempt(domain.Attempt{Event: domain.EventExchange, Proof: proof(n)})
	}
	for _, n := range []uint32{0, 1, kept} { // the first was forgotten for the last
		m.Attempt(domain.Attempt{Event: domain.EventExchange, Proof: proof(n), Err: domain.ErrTokenReplayed})
	}
	wantSeries(t, m, "native_bridge_replays_after_delivery_total 2")
}

func TestEveryOutcomeHasItsSeriesFromTheStart(t *testing.T) {
	text, err := os.ReadFile("../../domain/errors.go")
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`Error = "(\w+)"`).FindAllStringSubmatch(string(text), -1)
	if len(reasons) < 10 {
		t.Fatalf("the reasons are %q", reasons)
	}
	m := counting()
	for _, reason := range append(reasons, []string{"", "fault"}) {
		if slices.Contains([]string{"access_token_invalid", "insufficient_scope", "sign_in_too_old", "enrolment_denied", "passkey_unknown"}, reason[1]) {
			for _, event := range []string{"enrol", "list", "remove"} {
				wantSeries(t, m, fmt.Sprintf(`native_bridge_attempts_total{event=%q,issuer="auth0",outcome=%q,verifier="none"} 0`, event, reason[1]))
			}
			continue
		}
		for _, verifier := range []string{"authsignal", "none"} {
			wantSeries(t, m, fmt.Sprintf(`native_bridge_attempts_total{event="exchange",issuer="auth0",outcome=%q,verifier=%q} 0`, reason[1], verifier))
		}
	}
}

func TestAnAuthorityThatNoVerifierHasIsNobody(t *testing.T) {
	m := counting()
	m.Attempt(domain.Attempt{Event: domain.EventExchange, Took: time.Second, Err: errors.New("x"), Identity: domain.Identity{Authority: "jane@example.com"}})
	wantSeries(t, m, `native_bridge_attempts_total{event="exchange",issuer="auth0",outcome="fault",verifier="none"} 1`,
		`native_bridge_attempt_duration_seconds_sum{event="exchange"} 1`)
}

func TestARequestIsCountedByHowFarItCame(t *testing.T) {
	for want, asked := range map[string]upstream.Asked{
		"2xx": {Status: 204}, "3xx": {Status: 307}, "4xx": {Status: 403}, "429": {Status: 429}, "5xx": {Status: 503},
		"not_sent":  {Err: fmt.Errorf("%w: refused", upstream.ErrNotSent)},
		"no_reply":  {Err: fmt.Errorf("%w: %w", upstream.ErrNoReply, context.DeadlineExceeded)},
		"bad_reply": {Err: upstream.ErrBadReply, Status: 200},
		"left":      {Err: fmt.Errorf("%w: %w", upstream.ErrNoReply, context.Canceled)},
	} {
		m := metrics.New()
		m.Upstream("auth0").Asked(t.Context(), asked)
		wantSeries(t, m, fmt.Sprintf(`native_bridge_upstream_requests_total{result=%q,upstream="auth0"} 1`, want),
			`native_bridge_upstream_request_duration_seconds_count{upstream="auth0"} 1`)
	}
}

func TestOnlyTheSameQuestionWithinAStepIsARetry(t *testing.T) {
	m := metrics.New()
	watch := m.Upstream("auth0")
	inStep := func() context.Context {
		ctx, _ := m.Begin(t.Context(), "issue", "auth0")
		return ctx
	}
	same, question := inStep(), upstream.Asked{Question: "POST https://auth0.example/oauth/token", Status: 200}
	for _, ctx := range []context.Context{t.Context(), t.Context(), inStep(), inStep(), same} {
		watch.Asked(ctx, question)
	}
	watch.Asked(same, upstream.Asked{Question: "GET https://auth0.example/jwks", Status: 200})
	wantSeries(t, m, `native_bridge_upstream_retries_total{upstream="auth0"} 0`)
	watch.Asked(same, question)
	wantSeries(t, m, `native_bridge_upstream_retries_total{upstream="auth0"} 1`)
	watch.Asked(t.Context(), upstream.Asked{Question: "x", Status: 200, Resent: 2})
	wantSeries(t, m, `native_bridge_upstream_retries_total{upstream="auth0"} 3`)
	if strings.Contains(strings.Join(scrape(t, m), "\n"), "auth0.example") {
		t.Error("the question is told")
	}
}
