//go:build cluster

package redis_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"nativebridge/adapters/redis"
	"nativebridge/adapters/redis/redistest"
	"nativebridge/ports/portstest"
)

// These need more servers and more time than go test should take: .ci/witnesses/redis runs
// them.

// TestTheContractsAreKeptInACluster runs the suites of all that lives in the store, at
// three masters and their replicas. What happens to the server elsewhere happens here to
// the master that holds the slot.
func TestTheContractsAreKeptInACluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cluster, err := redistest.StartCluster(ctx, 3, time.Minute) // nobody takes a hung master's place
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close() })

	t.Run("ReplayGuard", func(t *testing.T) {
		portstest.ReplayGuard(t, func(t *testing.T) portstest.GuardHarness {
			master := emptied(t, cluster)
			guard := open(t, cluster.URL()).ReplayGuard
			return portstest.GuardHarness{
				Guard: guard, Born: born(t, master), Blurred: redis.Patience,
				Advance: func(d time.Duration) { age(t, master, d) },
				Fill:    func(t *testing.T) { do(t, master, "CONFIG", "SET", "maxmemory", "1") },
				Hang:    func(t *testing.T) { mustDo(t, master.Pause) },
				Stop:    func(t *testing.T) { mustDo(t, master.Kill) },
			}
		})
	})
	t.Run("RenewalMemory", func(t *testing.T) {
		portstest.RenewalMemory(t, func(t *testing.T) portstest.RenewalMemoryHarness {
			master := emptied(t, cluster)
			return portstest.RenewalMemoryHarness{
				Memory: redis.NewRenewalMemory(open(t, cluster.URL()).Store),
				Advance: func(d time.Duration) {
					do(t, master, "EVAL", ageRenewals, 1, redistest.BridgeKey, fmt.Sprint(d.Milliseconds()))
				},
				Fill: func(t *testing.T) { do(t, master, "CONFIG", "SET", "maxmemory", "1") },
				Hang: func(t *testing.T) { mustDo(t, master.Pause) },
				Stop: func(t *testing.T) { mustDo(t, master.Kill) },
			}
		})
	})
	t.Run("EndedSessions", func(t *testing.T) {
		portstest.EndedSessions(t, func(t *testing.T) portstest.EndedHarness {
			master := emptied(t, cluster)
			return portstest.EndedHarness{
				Sessions: redis.NewEndedSessions(open(t, cluster.URL()).Store, keepEnded), Keep: keepEnded,
				Advance: func(d time.Duration) { ageKeys(t, master, "native-bridge:{replay}:[eb]*", d) },
				Fill:    func(t *testing.T) { do(t, master, "CONFIG", "SET", "maxmemory", "1") },
				Hang:    func(t *testing.T) { mustDo(t, master.Pause) },
				Stop:    func(t *testing.T) { mustDo(t, master.Kill) },
			}
		})
	})
}

// emptied returns the master of the bridge's keys, which has none. At the test's end it is
// mended, whatever the test did to it.
func emptied(t *testing.T, cluster *redistest.Cluster) *redistest.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	if err := cluster.Whole(ctx); err != nil {
		t.Fatal(err)
	}
	master, _, agreed := cluster.Holders(ctx, redistest.BridgeKey)
	if !agreed {
		t.Fatal("the servers do not agree who holds the slot")
	}
	do(t, master, "FLUSHALL")
	t.Cleanup(func() {
		mustDo(t, master.Resume)
		if !master.Runs() {
			mustDo(t, master.Restart)
			return
		}
		if _, err := master.Do(ctx, "CONFIG", "SET", "maxmemory", "0"); err != nil {
			t.Error(err)
		}
	})
	return master
}
