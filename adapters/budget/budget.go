// Package budget keeps the bridge within the rates that an issuer allows it, before a
// proof is spent: who would be refused there is refused here, and costs nobody anything.
package budget

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// leastForAnswer is what must be left of a request's time after a wait for its turn.
const leastForAnswer = time.Second

// Call is what the issuer is asked for.
type Call string

// The calls that wait for their turn. Revocations spend of the budget and never wait.
const (
	Issue Call = "issue"
	Renew Call = "renew"
)

// Options for New.
type Options struct {
	// PerSecond is how many requests a second the operator allows, all at once after a
	// second of none; 0 leaves it to what the issuer tells.
	PerSecond float64
	// Setting is the name of the setting that PerSecond comes from, for the operator.
	Setting string
	// Read returns what the headers of a reply tell of the issuer's limits.
	Read func(header http.Header, now time.Time) []upstream.Quota
	// Apart is the name of a quota that each Call has one of, "" if there is none.
	Apart string
}

// Budget tells whose turn it is to ask an issuer: first come, first served. A nil *Budget
// has no limit. It is safe for concurrent use. Make one with New.
type Budget struct {
	options    Options
	configured *rate.Limiter // nil if there is none

	mu      sync.Mutex
	windows []*window
	waiting []*turn // in the order in which they came
	out     int     // turns that were given and whose reply the windows do not show yet
	refused uint64
	timer   *time.Timer // serves those who wait; nil if nobody does
}

// New returns a budget that knows the configured rate alone.
func New(o Options) *Budget {
	b := &Budget{options: o}
	if o.PerSecond > 0 {
		b.configured = rate.NewLimiter(rate.Limit(o.PerSecond), max(1, int(o.PerSecond)))
	}
	return b
}

// turn is the right to ask once.
type turn struct {
	call     Call
	given    chan struct{} // closed when it is given
	sent     bool
	answered bool
}

// take waits for a turn. If it would come too late for an answer before ctx ends, or ctx
// ends while it waits, the error wraps domain.ErrBusy; in the first case at once, and it
// carries when to come back.
func (b *Budget) take(ctx context.Context, call Call) (*turn, error) {
	t := &turn{call: call, given: make(chan struct{})}
	b.mu.Lock()
	now := time.Now()
	wait, why := b.delay(call, now, b.waiting)
	if deadline, bounded := ctx.Deadline(); wait > 0 && bounded && deadline.Sub(now) < wait+leastForAnswer {
		defer b.mu.Unlock()
		return nil, b.refusal(wait, why)
	}
	b.waiting = append(b.waiting, t)
	b.serve(now)
	b.mu.Unlock()
	select {
	case <-t.given:
		return t, nil
	case <-ctx.Done():
		b.leave(t)
		return nil, fmt.Errorf("%w: gave up while it waited for its turn at the issuer, kept by %s: %w", domain.ErrBusy, why, ctx.Err())
	}
}

// refusal is the error of a request that could have no turn in time. b.mu is held.
func (b *Budget) refusal(wait time.Duration, why string) error {
	b.refused++
	return domain.WithRetryAfter(fmt.Errorf("%w: over the issuer's budget, so it is not asked: %s, %d wait, and the turn would come in %s: "+
		"if the issuer allows more, raise %s or that limit", domain.ErrBusy, why, len(b.waiting), wait.Round(time.Millisecond), b.options.Setting),
		max(wait, time.Second))
}

// leave ends the wait of a turn, or gives it back.
func (b *Budget) leave(t *turn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.Index(b.waiting, t); at >= 0 {
		b.waiting = slices.Delete(b.waiting, at, at+1)
		return
	}
	b.end(t)
}

// finish ends a turn, whatever became of it.
func (b *Budget) finish(t *turn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(t)
}

// end gives back what a turn did not use. b.mu is held.
func (b *Budget) end(t *turn) {
	if !t.answered {
		t.answered = true
		b.out--
	}
	if t.sent {
		return
	}
	t.sent = true
	now := time.Now()
	if b.configured != nil {
		b.configured.ReserveN(now, -1) // adds one; the limiter caps it at the burst
	}
	for _, w := range b.windowsOf(t.call) {
		w.left++
	}
	b.serve(now)
}

// delay returns how long the next call would wait for its turn behind others, and what
// keeps it waiting. b.mu is held.
func (b *Budget) delay(call Call, now time.Time, behind []*turn) (wait time.Duration, why string) {
	if b.configured != nil {
		missing := float64(len(behind)+1) - b.configured.TokensAt(now)
		if missing > 0 {
			wait = max(time.Millisecond, time.Duration(missing/float64(b.configured.Limit())*float64(time.Second)))
			why = fmt.Sprintf("%s is %g", b.options.Setting, b.options.PerSecond)
		}
	}
	for _, w := range b.windowsOf(call) {
		ahead := 0
		for _, other := range behind {
			if w.isOf(other.call) {
				ahead++
			}
		}
		if d := w.delay(now, ahead, b.out); d > wait {
			wait, why = d, fmt.Sprintf("the limit %q of the issuer is %d", w.name, w.of)
		}
	}
	return wait, why
}

// serve gives turns to those who wait, in their order, and comes back when the next may
// have one. A call that must wait lets calls of another kind pass. b.mu is held.
func (b *Budget) serve(now time.Time) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	next := map[Call]time.Duration{} // of the calls that must wait
	b.waiting = slices.DeleteFunc(b.waiting, func(t *turn) bool {
		if _, waits := next[t.call]; waits {
			return false
		}
		if wait, _ := b.delay(t.call, now, nil); wait > 0 {
			next[t.call] = wait
			return false
		}
		b.spend(t.call, now)
		b.out++
		close(t.given)
		return true
	})
	soonest := time.Duration(0)
	for _, wait := range next {
		if soonest == 0 || wait < soonest {
			soonest = wait
		}
	}
	if soonest > 0 {
		b.timer = time.AfterFunc(soonest, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.serve(time.Now())
		})
	}
}

// spend takes a request from all that bounds it, below zero if need be. b.mu is held.
func (b *Budget) spend(call Call, now time.Time) {
	if b.configured != nil {
		b.configured.ReserveN(now, 1)
	}
	for _, w := range b.windowsOf(call) {
		w.left--
	}
}

// windowsOf returns the limits that bound a call. b.mu is held.
func (b *Budget) windowsOf(call Call) []*window {
	var of []*window
	for _, w := range b.windows {
		if w.isOf(call) {
			of = append(of, w)
		}
	}
	return of
}

// State is what a budget has left.
type State struct {
	Limit, Left float64 // of the limit that has the least left; 0 while none is known
	Waiting     int
	Refused     uint64 // since the process started
}

// State returns what is left now.
func (b *Budget) State() State {
	if b == nil {
		return State{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	s := State{Waiting: len(b.waiting), Refused: b.refused}
	known := b.configured != nil
	if known {
		s.Limit, s.Left = b.options.PerSecond, max(0, b.configured.TokensAt(now))
	}
	for _, w := range b.windows {
		w.refresh(now, b.out)
		if left := float64(max(0, w.left)); !known || left < s.Left {
			s.Limit, s.Left, known = float64(w.of), left, true
		}
	}
	return s
}
