package redis_test

import (
	"testing"
	"time"

	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/redis/redistest"
)

func TestTheAgeOfTheMemoryIsKnownWithoutAskingAndEndsWithIt(t *testing.T) {
	server := startRedis(t, redistest.Options{})
	if unreachable := open(t, "redis://127.0.0.1:1"); unreachable.MemoryAge() != 0 {
		t.Error("a store that never answered has a memory")
	}
	store := open(t, server.URL())
	run := do(t, server, "HGET", "native-bridge:{replay}:memory", "run")
	do(t, server, "HSET", "native-bridge:{replay}:memory", "born", time.Now().Add(-time.Hour).UnixMilli(), "run", run)
	older := func() bool { return store.MemoryAge() > 59*time.Minute }
	wait := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(patience.Limit); !is(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain until %s; it is %s", what, store.MemoryAge())
			}
		}
	}
	wait("a look tells that it is an hour old", older)
	if age := store.MemoryAge(); age > time.Hour+patience.Limit {
		t.Errorf("it is %s old, want an hour", age)
	}
	do(t, server, "FLUSHALL")
	wait("a look tells that it began anew", func() bool { return !older() })
}
