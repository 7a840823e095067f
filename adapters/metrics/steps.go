package metrics

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func (m *Metrics) newSteps() *prometheus.HistogramVec {
	steps := m.histograms("step_duration_seconds", "How long a step of a use case took.",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "step")
	for _, step := range []string{"verify", "admit", "claim", "release", "issue", "turn", "renew", "keep", "forget", "revoke", "record", "verify_access", "enrol", "list", "remove", "mark", "ended", "passkeys", "end"} {
		steps.WithLabelValues(step)
	}
	return steps
}

// Begin measures a step of a use case until end is called. The context that it returns
// lets a Watcher tell a request that is repeated within the step.
func (m *Metrics) Begin(ctx context.Context, step, _ string) (inside context.Context, end func(error)) {
	began, duration := time.Now(), m.steps.WithLabelValues(step)
	return context.WithValue(ctx, questionsKey{}, &questions{}), func(error) { duration.Observe(time.Since(began).Seconds()) }
}

type questionsKey struct{}

// questions are those that parties were asked within a step. They may name a person, and
// end with the step.
type questions struct {
	mu    sync.Mutex
	asked []string
}

// repeats reports whether the question was asked before within the step of ctx.
func repeats(ctx context.Context, question string) bool {
	q, within := ctx.Value(questionsKey{}).(*questions)
	if !within {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if slices.Contains(q.asked, question) {
		return true
	}
	q.asked = append(q.asked, question)
	return false
}
