package memory_test

import (
	"encoding/binary"
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
					_ = guard.Claim(t.Context(), claim(c, 1<<40+n, time.Hour)) // the last finds no room
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

	err := guard.Claim(t.Context(), claim(c, 99, time.Minute))
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Fatalf("err = %v, want unavailable", err)
	}
	if wait := domain.RetryAfterOf(err); wait != time.Minute {
		t.Errorf("retry after %s, want 1m0s: the first claim ends then", wait)
	}
	for n := range uint64(capacity) {
		thief := claim(c, n, time.Minute)
		thief.Owner = domain.Owner{0xff}
		if reason, _ := domain.ReasonOf(guard.Claim(t.Context(), thief)); reason != domain.ErrTokenReplayed {
			t.Errorf("claim %d was forgotten", n)
		}
	}

	c.Time = c.Add(time.Minute)
	if err := guard.Claim(t.Context(), claim(c, 99, time.Minute)); err != nil {
		t.Errorf("after the first claim ended: %v, want room", err)
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
