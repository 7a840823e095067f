package limits

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"

	"nativebridge/domain"
)

// rate is a quota in a window of time.
type rate struct {
	name    string // of the policy, and of its keys in a shared store
	setting string
	quota   int
	window  time.Duration
	what    string // is counted, for people
}

func (c *Config) personPerMinute() rate {
	return rate{"person-minute", "RATE_LIMIT_PERSON_PER_MINUTE", c.PersonPerMinute, time.Minute, "ceremonies of one person"}
}

func (c *Config) personPerHour() rate {
	return rate{"person-hour", "RATE_LIMIT_PERSON_PER_HOUR", c.PersonPerHour, time.Hour, "ceremonies of one person"}
}

func (c *Config) failuresPerMinute() rate {
	return rate{"failures-minute", "RATE_LIMIT_FAILURES_PER_MINUTE", c.FailuresPerMinute, time.Minute, "failures of one address"}
}

func (c *Config) failuresPerHour() rate {
	return rate{"failures-hour", "RATE_LIMIT_FAILURES_PER_HOUR", c.FailuresPerHour, time.Hour, "failures of one address"}
}

func (c *Config) successesPerMinute() rate {
	return rate{"successes-minute", "RATE_LIMIT_SUCCESSES_PER_MINUTE", c.SuccessesPerMinute, time.Minute, "successes of one address"}
}

const (
	// Keys is how many persons or addresses each limit remembers in the process. Beyond
	// that it forgets whoever was not heard of for longest.
	Keys = 1 << 15
	// debt is how many windows ahead a key can be charged. What is in flight together is
	// charged when it has failed, so it may come to more than the quota: who sends that
	// much waits longer, and has no more in the long run.
	debt = 10
	// attempts is how often a count is tried that others get in the way of.
	attempts = 100
)

// limit is a rate that each key must keep to. It counts by GCRA (ITU-T I.371): the quota
// may be used at once, and comes back evenly over the window. It decides by what is known
// in this process, and never waits. It is safe for concurrent use.
type limit struct {
	rate
	known  throttled.GCRAStoreCtx
	take   *throttled.GCRARateLimiterCtx // counts, unless the quota is used up
	charge *throttled.GCRARateLimiterCtx // counts, even if it is, up to the debt
	look   *throttled.GCRARateLimiterCtx // counts nothing
	shared *throttled.GCRARateLimiterCtx // charges in the store that replicas share; nil if there is none

	refused atomic.Uint64
}

func newLimit(r rate, now func() time.Time, shared throttled.GCRAStoreCtx) *limit {
	memory := must(memstore.New(Keys))
	memory.SetTimeNow(now)
	known := throttled.WrapStoreWithContext(memory)
	l := &limit{
		rate: r, known: known,
		take: r.limiter(known, 1), charge: r.limiter(known, debt), look: r.limiter(unchanged{known}, 1),
	}
	if shared != nil {
		l.shared = r.limiter(shared, debt)
	}
	return l
}

// limiter returns a limiter of the rate that lets that many windows be used at once.
func (r rate) limiter(store throttled.GCRAStoreCtx, windows int) *throttled.GCRARateLimiterCtx {
	l := must(throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{
		MaxRate: throttled.PerDuration(r.quota, r.window), MaxBurst: r.quota*windows - 1,
	}))
	l.SetMaxCASAttemptsLimit(attempts)
	return l
}

// unchanged is a store that keeps nothing that it is given.
type unchanged struct{ throttled.GCRAStoreCtx }

func (unchanged) SetIfNotExistsWithTTL(context.Context, string, int64, time.Duration) (bool, error) {
	return true, nil
}

func (unchanged) CompareAndSwapWithTTL(context.Context, string, int64, int64, time.Duration) (bool, error) {
	return true, nil
}

// use counts one of key, unless that is over the limit. The error is an *exceeded with
// the time to wait.
func (l *limit) use(key string) error {
	limited, result, err := l.take.RateLimitCtx(context.Background(), key, 1)
	if err != nil || !limited { // what cannot tell lets on
		return nil
	}
	return l.refuse(result.RetryAfter)
}

// check counts nothing. The error is that of use.
func (l *limit) check(key string) error {
	_, result, err := l.look.RateLimitCtx(context.Background(), key, 0)
	if err != nil || result.RetryAfter < 0 {
		return nil
	}
	return l.refuse(result.RetryAfter)
}

// count counts one of key, over the limit or not.
func (l *limit) count(key string) {
	_, _, _ = l.charge.RateLimitCtx(context.Background(), key, 1) // what is beyond the debt is forgiven
}

// share counts one of key in the shared store, and learns what the other replicas have
// counted there.
func (l *limit) share(ctx context.Context, key string) error {
	_, result, err := l.shared.RateLimitCtx(ctx, l.name+":"+key, 1)
	if err != nil {
		return err
	}
	l.learn(key, result.ResetAfter)
	return nil
}

// learn notes when the whole quota of key is back, if that is later than was known. A
// count that comes in between is not overwritten: the next one learns again.
func (l *limit) learn(key string, back time.Duration) {
	ctx := context.Background()
	known, now, _ := l.known.GetWithTime(ctx, key)
	until := now.Add(back).UnixNano()
	switch {
	case known < 0:
		_, _ = l.known.SetIfNotExistsWithTTL(ctx, key, until, 0)
	case known < until:
		_, _ = l.known.CompareAndSwapWithTTL(ctx, key, known, until, 0)
	}
}

func (l *limit) refuse(wait time.Duration) error {
	l.refused.Add(1)
	return domain.WithRetryAfter(&exceeded{l.rate, wait}, wait)
}

// exceeded says that a limit is reached. It wraps domain.ErrBusy.
type exceeded struct {
	rate
	wait time.Duration
}

func (e *exceeded) Error() string {
	return fmt.Sprintf("%s: more than %d %s in %s (%s)", domain.ErrBusy, e.quota, e.what, e.window, e.setting)
}

func (e *exceeded) Unwrap() error { return domain.ErrBusy }

// RateLimit returns what an answer tells of the limit: its name, the quota in a window,
// and after which time there is some again.
func (e *exceeded) RateLimit() (name string, quota int, window, wait time.Duration) {
	return e.name, e.quota, e.window, e.wait
}

// must returns what the libraries make of figures that Config.Check has let through.
func must[T any](made T, err error) T {
	if err != nil {
		panic(fmt.Errorf("a limit that cannot be counted: %w", err))
	}
	return made
}
