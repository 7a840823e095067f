package memory_test

import (
	"testing"
	"time"

	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/memory"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

func TestRenewalMemoryKeepsTheContract(t *testing.T) {
	const capacity = 1 << 17
	portstest.RenewalMemory(t, func(*testing.T) portstest.RenewalMemoryHarness {
		clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
		renewals := memory.NewRenewalMemory(clock.Now, capacity)
		return portstest.RenewalMemoryHarness{
			Memory: renewals, Advance: clock.Advance,
			Fill: func(t *testing.T) {
				if _, err := renewals.Keep(t.Context(), domain.Turn{Name: domain.RenewalName{99}}, make([]byte, capacity), time.Hour); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func TestAnswersThatHaveEndedTakeNoRoomForLong(t *testing.T) {
	clock := clocktest.At(time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC))
	renewals := memory.NewRenewalMemory(clock.Now, 1<<20)
	for n := range byte(200) {
		_, _ = renewals.Keep(t.Context(), domain.Turn{Name: domain.RenewalName{n}}, make([]byte, 4096), time.Minute)
	}
	held := renewals.Held()
	clock.Advance(time.Minute)
	for n := range byte(4) {
		if _, err := renewals.Begin(t.Context(), domain.Turn{Name: domain.RenewalName{n, 1}, Keep: time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	if after := renewals.Held(); held < 200*4096 || after > 4*1024 {
		t.Errorf("%d bytes were held and %d are left, want those of four turns", held, after)
	}
}
