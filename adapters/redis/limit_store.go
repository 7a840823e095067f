package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/throttled/throttled/v2"

	"nativebridge/domain"
)

const limitPrefix = keyPrefix + "limit:"

var (
	//go:embed limit_read.lua
	limitReadText string
	//go:embed limit_swap.lua
	limitSwapText string

	limitReadScript = newTimedScript(limitReadText)
	limitSwapScript = newTimedScript(limitSwapText)
)

// LimitStore is where the rate limits of any number of replicas keep a number for each
// key, by the server's clock. Each call is one round trip, and ends after Patience. Its
// errors wrap domain.ErrUnavailable, or the ctx.Err() of a caller who left. It is safe
// for concurrent use.
//
// A swap whose answer was lost may be repeated, by go-redis or by the limiter, and then
// one is counted twice.
type LimitStore struct{ store *Store }

var _ throttled.GCRAStoreCtx = (*LimitStore)(nil)

// NewLimitStore returns a LimitStore that keeps its numbers in the store, which must stay
// open.
func NewLimitStore(store *Store) *LimitStore { return &LimitStore{store} }

// GetWithTime implements throttled.GCRAStoreCtx.
func (l *LimitStore) GetWithTime(ctx context.Context, key string) (int64, time.Time, error) {
	answer, err := l.store.runInTime(ctx, limitReadScript, []string{limitPrefix + key}, func(clock) []any { return nil })
	if err != nil {
		return 0, time.Time{}, err
	}
	if len(answer) != 3 {
		return 0, time.Time{}, fmt.Errorf("%w: redis: the reading of a limit was answered in %d parts", domain.ErrUnavailable, len(answer))
	}
	value, valueErr := strconv.ParseInt(answer[1], 10, 64)
	micros, timeErr := strconv.ParseInt(answer[2], 10, 64)
	if err := errors.Join(valueErr, timeErr); err != nil {
		return 0, time.Time{}, fmt.Errorf("%w: redis: a limit that is no number: %w", domain.ErrUnavailable, err)
	}
	return value, time.UnixMicro(micros), nil
}

// SetIfNotExistsWithTTL implements throttled.GCRAStoreCtx.
func (l *LimitStore) SetIfNotExistsWithTTL(ctx context.Context, key string, value int64, ttl time.Duration) (bool, error) {
	return l.swap(ctx, key, -1, value, ttl)
}

// CompareAndSwapWithTTL implements throttled.GCRAStoreCtx.
func (l *LimitStore) CompareAndSwapWithTTL(ctx context.Context, key string, old, value int64, ttl time.Duration) (bool, error) {
	return l.swap(ctx, key, old, value, ttl)
}

// swap sets a number if the one that is there is old; -1 stands for none.
func (l *LimitStore) swap(ctx context.Context, key string, old, value int64, ttl time.Duration) (bool, error) {
	answer, err := l.store.runInTime(ctx, limitSwapScript, []string{limitPrefix + key}, func(clock) []any {
		return []any{strconv.FormatInt(old, 10), strconv.FormatInt(value, 10), max(ttl.Milliseconds(), 1)}
	})
	if err != nil {
		return false, err
	}
	return answer[0] == "swapped", nil
}
