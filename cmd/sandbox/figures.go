package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"nativebridge/domain"
)

// figures are those of the bridge's metrics that the page shows.
type figures struct {
	Attempts []attempts `json:"attempts"` // by outcome, without those that nobody had
	Latency  []latency  `json:"latency"`  // of sign-ins and of their steps, in their order
	Breakers []breaking `json:"breakers"`
	Budget   *budget    `json:"budget,omitempty"` // of the issuer, if it has one
}

type attempts struct {
	Event   string  `json:"event"`
	Outcome string  `json:"outcome"`
	Good    bool    `json:"good"`
	Count   float64 `json:"count"`
}

// latency is how long something took on average since the start.
type latency struct {
	What  string  `json:"what"`
	Count uint64  `json:"count"`
	Mean  float64 `json:"ms"`
}

type breaking struct {
	Upstream string `json:"upstream"`
	Call     string `json:"call"`
	State    string `json:"state"` // closed, half-open or open
}

type budget struct {
	Limit   float64 `json:"limit"`
	Left    float64 `json:"left"`
	Waiting float64 `json:"waiting"`
}

// devFigures answers GET /dev/figures with what the bridge's own /metrics tell now.
func (s *sandbox) devFigures(w http.ResponseWriter, r *http.Request) {
	now, err := s.figures(r.Context())
	if err != nil {
		writeJSON(w, http.StatusBadGateway, map[string]string{"error": "the bridge's metrics: " + err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, now)
}

func (s *sandbox) figures(ctx context.Context) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.metricsURL+"/metrics", nil)
	if err != nil {
		return figures{}, err
	}
	req.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return figures{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return figures{}, fmt.Errorf("answered %d", resp.StatusCode)
	}
	return readFigures(resp.Body)
}

// steps are what a sign-in goes through, in this order.
var steps = []string{"verify", "admit", "claim", "issue", "release", "revoke", "record"}

func readFigures(text io.Reader) (figures, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return figures{}, err
	}
	of := func(name string) []*dto.Metric { return families["native_bridge_"+name].GetMetric() }

	now := figures{Attempts: []attempts{}, Latency: []latency{}, Breakers: []breaking{}}
	for _, m := range of("attempts_total") {
		event, outcome := label(m, "event"), label(m, "outcome")
		if n := m.GetCounter().GetValue(); n > 0 {
			now.Attempts = append(now.Attempts, attempts{event, outcome, isGood(event, outcome), n})
		}
	}
	slices.SortFunc(now.Attempts, func(a, b attempts) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Event+a.Outcome, b.Event+b.Outcome))
	})
	now.Latency = append(mean(of("attempt_duration_seconds"), "event", "exchange"), mean(of("step_duration_seconds"), "step", steps...)...)
	for _, m := range of("breaker_state") {
		state := [...]string{"closed", "half-open", "open"}[int(m.GetGauge().GetValue())%3]
		now.Breakers = append(now.Breakers, breaking{label(m, "upstream"), label(m, "call"), state})
	}
	if limit := value(of("issuer_budget_limit")); limit > 0 {
		now.Budget = &budget{limit, value(of("issuer_budget_left")), value(of("issuer_budget_waiting"))}
	}
	return now, nil
}

// isGood says whether an attempt with that outcome did not fail.
func isGood(event, outcome string) bool {
	well := domain.Attempt{Event: domain.Event(event)}
	kept := domain.Attempt{Event: domain.Event(event), Note: domain.NotePasskeyLeft}
	return outcome == well.Outcome() || outcome == kept.Outcome()
}

// mean returns the mean of each of the wanted values of a label that a histogram has seen.
func mean(of []*dto.Metric, by string, wanted ...string) []latency {
	all := []latency{}
	for _, want := range wanted {
		for _, m := range of {
			if seen := m.GetHistogram(); label(m, by) == want && seen.GetSampleCount() > 0 {
				ms := 1000 * seen.GetSampleSum() / float64(seen.GetSampleCount())
				all = append(all, latency{want, seen.GetSampleCount(), ms})
			}
		}
	}
	return all
}

// value is that of a gauge without labels, or 0 if there is none.
func value(of []*dto.Metric) float64 {
	if len(of) == 0 {
		return 0
	}
	return of[0].GetGauge().GetValue()
}

func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}
