package memory_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"nativebridge/adapters/memory"
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
