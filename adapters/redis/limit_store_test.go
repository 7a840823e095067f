package redis_test

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/throttled/throttled/v2"

	"nativebridge/adapters/redis"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/domain"
)

func openLimitStore(t *testing.T, server *redistest.Server) *redis.LimitStore {
	t.Helper()
	store, err := redis.Open(t.Context(), redis.Config{Store: domain.NewSecret(server.URL())}, redis.Options{Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return redis.NewLimitStore(store)
}

func TestALimitsNumberIsSwappedOnlyIfItIsTheOneThatWasRead(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	store, ctx := openLimitStore(t, server), t.Context()
	value := func() int64 {
		t.Helper()
		value, now, err := store.GetWithTime(ctx, "key")
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Since(now); off < 0 || off > time.Minute {
			t.Errorf("its time is %s, want now", now)
		}
		return value
	}
	want := func(what string, swapped bool, err error, wantSwapped bool, wantValue int64) {
		t.Helper()
		if err != nil || swapped != wantSwapped || value() != wantValue {
			t.Errorf("%s: %t, %v, and it is %d, want %t and %d", what, swapped, err, value(), wantSwapped, wantValue)
		}
	}
	const one, two = int64(1_800_000_000_123_456_789), int64(1_800_000_000_123_456_790) // no double holds both
	if value() != -1 {
		t.Error("there is a number in an empty store")
	}
	swapped, err := store.CompareAndSwapWithTTL(ctx, "key", one, two, time.Minute)
	want("a swap of nothing", swapped, err, false, -1)
	swapped, err = store.SetIfNotExistsWithTTL(ctx, "key", one, time.Minute)
	want("the first", swapped, err, true, one)
	swapped, err = store.SetIfNotExistsWithTTL(ctx, "key", two, time.Minute)
	want("a second first", swapped, err, false, one)
	swapped, err = store.CompareAndSwapWithTTL(ctx, "key", two, one, time.Minute)
	want("a swap of another", swapped, err, false, one)
	swapped, err = store.CompareAndSwapWithTTL(ctx, "key", one, two, time.Minute)
	want("a swap", swapped, err, true, two)
}

func TestALimitsNumberEndsAndHasAKeyOfTheBridge(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	store := openLimitStore(t, server)
	if _, err := store.SetIfNotExistsWithTTL(t.Context(), "a key", 7, 90*time.Second); err != nil {
		t.Fatal(err)
	}
	const key = "native-bridge:{replay}:limit:a key"
	if ttl, _ := do(t, server, "PTTL", key).(int64); ttl <= 0 || ttl > 90_000 {
		t.Errorf("it is kept for %d ms more, want at most 90 s", ttl)
	}
	if swapped, err := store.CompareAndSwapWithTTL(t.Context(), "a key", 7, 8, 0); err != nil || !swapped {
		t.Errorf("a number that ends at once: %t, %v", swapped, err)
	}
}

func TestCountsOfManyReplicasAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	const replicas, each = 4, 10
	quota := throttled.RateQuota{MaxRate: throttled.PerDuration(100, 100*time.Hour), MaxBurst: 99}
	var all sync.WaitGroup
	for range replicas {
		store := openLimitStore(t, server)
		all.Go(func() {
			limiter, err := throttled.NewGCRARateLimiterCtx(store, quota)
			if err != nil {
				t.Error(err)
				return
			}
			limiter.SetMaxCASAttemptsLimit(1000)
			for range each {
				if limited, _, err := limiter.RateLimitCtx(t.Context(), "key", 1); err != nil || limited {
					t.Errorf("limited: %t, %v", limited, err)
				}
			}
		})
	}
	all.Wait()
	limiter, _ := throttled.NewGCRARateLimiterCtx(openLimitStore(t, server), quota)
	if _, result, err := limiter.RateLimitCtx(t.Context(), "key", 1); err != nil || result.Remaining != 100-replicas*each-1 {
		t.Errorf("%d remain, %v, want %d", result.Remaining, err, 100-replicas*each-1)
	}
}

func TestALimitThatCannotBeReadIsUnavailable(t *testing.T) {
	t.Parallel()
	server := startRedis(t, redistest.Options{})
	store := openLimitStore(t, server)
	do(t, server, "SET", "native-bridge:{replay}:limit:broken", "no number")
	if _, _, err := store.GetWithTime(t.Context(), "broken"); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("no number: %v, want unavailable", err)
	}
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.GetWithTime(t.Context(), "key"); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("while the server hangs: %v, want unavailable", err)
	}
	if _, err := store.SetIfNotExistsWithTTL(t.Context(), "key", 1, time.Minute); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("while the server hangs: %v, want unavailable", err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
}
