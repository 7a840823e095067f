package memory_test

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"nativebridge/adapters/memory"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// clock is a time that only tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func TestReplayGuardKeepsTheContract(t *testing.T) {
	const capacity = 2048
	portstest.ReplayGuard(t, func(*testing.T) portstest.GuardHarness {
		c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
		guard := memory.NewReplayGuard(c.now, c.Time, capacity)
		return portstest.GuardHarness{
			Guard:   guard,
			Born:    c.Time,
			Advance: func(d time.Duration) { c.Time = c.Add(d) },
			Fill: func(t *testing.T) {
				for n := range uint64(capacity) {
					_ = guard.Claim(t.Context(), claim(c, 1<<40+n, time.Hour)) // there is no room for the last
				}
			},
		}
	})
}

func claim(c *clock, n uint64, keep time.Duration) domain.Claim {
	claim := domain.Claim{ProvenAt: c.Time, Keep: keep}
	binary.BigEndian.PutUint64(claim.Key[:], n)
	binary.BigEndian.PutUint64(claim.Owner[:], n)
	return claim
}

func TestAFullGuardEvictsNoLiveClaim(t *testing.T) {
	const capacity = 8
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	guard := memory.NewReplayGuard(c.now, c.Time, capacity)
	for n := range uint64(capacity) {
		if err := guard.Claim(t.Context(), claim(c, n, time.Duration(n+1)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}

	c.Time = c.Add(20 * time.Second)
	err := guard.Claim(t.Context(), claim(c, 99, time.Minute))
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Fatalf("err = %v, want unavailable", err)
	}
	if wait := domain.RetryAfterOf(err); wait != 40*time.Second {
		t.Errorf("retry after %s, want 40s: the first claim ends then", wait)
	}
	for n := range uint64(capacity) {
		thief := claim(c, n, time.Minute)
		thief.Owner = domain.Owner{0xff}
		if reason, _ := domain.ReasonOf(guard.Claim(t.Context(), thief)); reason != domain.ErrTokenReplayed {
			t.Errorf("claim %d was forgotten", n)
		}
	}

	c.Time = c.Add(40 * time.Second)
	if err := guard.Claim(t.Context(), claim(c, 99, time.Minute)); err != nil {
		t.Errorf("after the first claim ended: %v, want room", err)
	}
}

// docs/run.md and docs/operate.md tell the capacity and its cost.
func TestTheCapacityIsTheOneThatIsDocumented(t *testing.T) {
	if memory.Capacity != 262_144 {
		t.Errorf("the bridge's guard holds %d claims, and the documents say 262,144", memory.Capacity)
	}
}

func TestReleasingMakesRoom(t *testing.T) {
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	guard := memory.NewReplayGuard(c.now, c.Time, 1)
	for n := range uint64(100) {
		if err := guard.Claim(t.Context(), claim(c, n, time.Minute)); err != nil {
			t.Fatalf("claim %d: %v", n, err)
		}
		if err := guard.Release(t.Context(), claim(c, n, time.Minute)); err != nil {
			t.Fatalf("release %d: %v", n, err)
		}
	}
}

// TestEndedClaimsAreForgottenInBatches lets a full guard's claims end all at once, as
// after a flood: no claim waits until all of them are forgotten.
func TestEndedClaimsAreForgottenInBatches(t *testing.T) {
	const capacity = 20 * memory.Batch
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	guard := memory.NewReplayGuard(c.now, c.Time, capacity)
	win := func(n, owner uint64) {
		t.Helper()
		claim := claim(c, n, time.Minute)
		binary.BigEndian.PutUint64(claim.Owner[:], owner)
		if err := guard.Claim(t.Context(), claim); err != nil {
			t.Fatalf("claim %d: %v, want it won", n, err)
		}
	}
	for n := range uint64(capacity) {
		win(n, 1)
	}
	c.Time = c.Add(time.Minute)

	win(capacity, 1)
	if got, want := guard.Held(), capacity-memory.Batch+1; got != want {
		t.Errorf("after one claim %d are held, want %d", got, want)
	}
	for n := range uint64(capacity - 1) { // the same proofs, forgotten or not; and there is room for all
		win(n, 2)
	}
	for n := range uint64(capacity - 1) {
		win(n, 2)
	}
	if got := guard.Held(); got != capacity {
		t.Errorf("in the end %d are held, want the %d that live", got, capacity)
	}
	err := guard.Claim(t.Context(), claim(c, 2*capacity, time.Minute))
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Errorf("full again: %v, want unavailable", err)
	}
}

// BenchmarkAFullGuard makes and forgets claims in a guard that is full.
func BenchmarkAFullGuard(b *testing.B) {
	c := &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}
	guard := memory.NewReplayGuard(c.now, c.Time, memory.Capacity)
	n := uint64(0)
	win := func() {
		hashed := claim(c, n, memory.Capacity*time.Millisecond)
		hashed.Key = sha256.Sum256(hashed.Key[:]) // as keys are
		if err := guard.Claim(b.Context(), hashed); err != nil {
			b.Fatal(err)
		}
		n++
		c.Time = c.Add(time.Millisecond)
	}
	for range memory.Capacity {
		win()
	}
	for b.Loop() {
		win()
	}
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	b.ReportMetric(float64(stats.HeapAlloc)/(1<<20), "MiB-live")
	runtime.KeepAlive(guard)
}
