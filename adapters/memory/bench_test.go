package memory_test

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"nativebridge/adapters/memory"
	"nativebridge/domain"
)

// BenchmarkClaim makes claims at 100 sign-ins a second, and forgets those that have ended.
func BenchmarkClaim(b *testing.B) {
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	guard := memory.NewReplayGuard(c.now, c.Time, memory.Capacity)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		one := claim(c, n, 11*time.Minute)
		one.Key = sha256.Sum256(one.Key[:]) // as keys are
		if err := guard.Claim(b.Context(), one); err != nil {
			b.Fatal(err)
		}
		n++
		c.Time = c.Add(10 * time.Millisecond)
	}
}

// BenchmarkKeptAnswer keeps answers of 1,800 bytes, which is what a session with an access
// token and an ID token of 700 bytes takes once it is sealed. Bytes are those of the heap
// that a kept answer holds, in a memory that has many.
func BenchmarkKeptAnswer(b *testing.B) {
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	renewals := memory.NewRenewalMemory(c.now, memory.RenewalCapacity)
	before := heap()
	n := uint64(0)
	for b.Loop() {
		n++
		name := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
		if _, err := renewals.Keep(b.Context(), domain.Turn{Name: name}, make([]byte, 1800), time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(heap()-before)/float64(n), "bytes/answer")
	runtime.KeepAlive(renewals)
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
