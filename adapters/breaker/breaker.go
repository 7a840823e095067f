// Package breaker keeps the bridge from asking a party that gives no answer. Callers are
// then told so at once, in place of after a time-out each, and the party can recover.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"nativebridge/domain"
)

// When a breaker opens: within window, at least fewest calls were told apart into answered
// and not, and at least ratio of those were not. A count of failures in a row would open
// it at night, when three failures are three callers in ten minutes; the share alone would
// open it at the first failure. With less than fewest in window, time-outs cost little.
const (
	window = 30 * time.Second
	bucket = 3 * time.Second // by which the window moves on
	fewest = 20
	ratio  = 0.5
)

// OpenFor is how long a breaker is open before one call is let through to try. It is
// short: the party is spared by the breaker, not by the wait, and each second of it
// refuses sign-ins that could succeed.
const OpenFor = 5 * time.Second

// spread is how many seconds the waits that refused callers are told are spread over, so
// that they do not all come back in the same second.
const spread = 5

// Breaker is the breaker of one kind of call to one party. It counts how often the party
// gives no answer, which is what domain.ErrUnavailable says: neither a refusal nor a
// limit counts as that, nor a fault of ours, nor a caller who left or whose time was up. A
// nil *Breaker lets everything through. It is safe for concurrent use. Make one with New.
type Breaker struct {
	upstream, call string
	log            *slog.Logger
	circuit        *gobreaker.CircuitBreaker[struct{}]
	refused        atomic.Uint64

	mu     sync.Mutex
	opened time.Time // when it opened; a trial that fails leaves it
	since  time.Time // when it opened, or the last trial failed: OpenFor counts from it
	met    string    // the last thing that counted
}

// New returns a breaker that is closed. Upstream is the party's name and call what it is
// asked for, such as "issue"; both are for people and metrics.
func New(upstream, call string, log *slog.Logger) *Breaker {
	b := &Breaker{upstream: upstream, call: call, log: log}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   1,
		Interval:      window,
		BucketPeriod:  bucket,
		Timeout:       OpenFor,
		ReadyToTrip:   tooMany,
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return errors.Is(err, errSaysNothing) },
		OnStateChange: b.changed,
	})
	return b
}

func tooMany(counts gobreaker.Counts) bool {
	judged := counts.TotalSuccesses + counts.TotalFailures
	return judged >= fewest && float64(counts.TotalFailures) >= ratio*float64(judged)
}

// Ask calls ask, unless the breaker is open: then the error wraps domain.ErrUnavailable
// and carries when to come back. After OpenFor one caller at a time is let through, until
// the party has answered one.
func Ask[T any](ctx context.Context, b *Breaker, ask func() (T, error)) (T, error) {
	if b == nil {
		return ask()
	}
	var result T
	var failure error
	_, err := b.circuit.Execute(func() (struct{}, error) {
		result, failure = ask()
		return struct{}{}, b.judge(ctx, failure)
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		var none T
		return none, b.refuse()
	}
	return result, failure
}

// errSaysNothing is the judgement of a call that tells nothing of the party.
var errSaysNothing = errors.New("says nothing of the party")

// judge returns nil if the party has answered, err if it has not, and errSaysNothing if
// that cannot be told. A caller whose own time was up may have sent slowly; the adapters'
// time-outs are shorter, so they end first when the party hangs.
func (b *Breaker) judge(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	reason, known := domain.ReasonOf(err)
	switch {
	case ctx.Err() != nil || !known:
		return errSaysNothing
	case reason == domain.ErrUnavailable:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.met = err.Error()
		return err
	case reason == domain.ErrTokenRejected: // perhaps without asking: anybody can make up such tokens
		return errSaysNothing
	}
	return nil
}

// changed is called by gobreaker, which holds its lock then.
func (b *Breaker) changed(_ string, from, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch to {
	case gobreaker.StateOpen:
		b.since = time.Now()
		if from == gobreaker.StateClosed {
			b.opened = b.since
			b.log.Warn("the breaker opened: this party is not asked for a while, and callers are told 503 at once",
				"upstream", b.upstream, "call", b.call, "next_try_in", OpenFor.String(), "met", b.met)
		}
	case gobreaker.StateClosed:
		b.log.Info("the breaker closed: the party answers again", "upstream", b.upstream, "call", b.call,
			"open_for", time.Since(b.opened).Round(time.Second).String())
	case gobreaker.StateHalfOpen:
	}
}

// Admit implements ports.Admission: no proof is claimed for a call that would be refused.
func (b *Breaker) Admit(context.Context, domain.Identity) error {
	if b == nil {
		return nil
	}
	switch b.circuit.State() {
	case gobreaker.StateClosed:
		return nil
	case gobreaker.StateHalfOpen:
		if counts := b.circuit.Counts(); counts.Requests <= counts.TotalExclusions {
			return nil // nobody is on trial
		}
	case gobreaker.StateOpen:
	}
	return b.refuse()
}

// refuse returns the error of a call that is not made.
func (b *Breaker) refuse() error {
	n := b.refused.Add(1)
	b.mu.Lock()
	opened, left, met := b.opened, OpenFor-time.Since(b.since), b.met
	b.mu.Unlock()
	wait := max(left, time.Second) + time.Duration(n%spread)*time.Second
	return domain.WithRetryAfter(fmt.Errorf("%w: %s is not asked (%s): its breaker is open since %s, because most calls met: %s",
		domain.ErrUnavailable, b.upstream, b.call, opened.UTC().Format(time.RFC3339), met), wait)
}

// Name returns whose breaker it is, such as "auth0 issue".
func (b *Breaker) Name() string { return b.upstream + " " + b.call }

// Upstream returns the party's name.
func (b *Breaker) Upstream() string { return b.upstream }

// Call returns what the party is asked for.
func (b *Breaker) Call() string { return b.call }

// State returns 0 for closed, 1 for half-open (one caller may try) and 2 for open.
func (b *Breaker) State() int { return int(b.circuit.State()) }

// Refused returns how many calls were refused since the process started.
func (b *Breaker) Refused() uint64 { return b.refused.Load() }

// String returns the state in words, for an operator.
func (b *Breaker) String() string {
	state := b.circuit.State()
	b.mu.Lock()
	defer b.mu.Unlock()
	opened := " since " + b.opened.UTC().Format(time.RFC3339)
	switch state {
	case gobreaker.StateOpen:
		return "open" + opened + ": callers are refused"
	case gobreaker.StateHalfOpen:
		return "half-open" + opened + ": the next caller tries"
	case gobreaker.StateClosed:
	}
	return "closed"
}
