package serving_test

import (
	"math"
	"runtime/metrics"
	"testing"
	"time"

	"nativebridge/adapters/internal/serving"
)

func TestTheWaitForACPUIsThatOfTheSlowestTenthSinceTheLastLook(t *testing.T) {
	buckets := []float64{math.Inf(-1), 0, 0.001, 0.01, 0.1, math.Inf(1)}
	for name, tt := range map[string]struct {
		before, now []uint64
		want        time.Duration
	}{
		"nothing ran":               {[]uint64{0, 5, 5, 5, 5}, []uint64{0, 5, 5, 5, 5}, 0},
		"all but a few ran at once": {[]uint64{0, 0, 0, 0, 0}, []uint64{0, 90, 3, 3, 3}, 0},
		"a tenth waited":            {[]uint64{0, 0, 0, 0, 0}, []uint64{0, 88, 2, 5, 5}, time.Millisecond},
		"a quarter waited":          {[]uint64{0, 900, 0, 0, 0}, []uint64{0, 930, 1, 8, 1}, 10 * time.Millisecond},
		"what waited long before":   {[]uint64{0, 0, 0, 0, 90}, []uint64{0, 3, 0, 0, 90}, 0},
		"all waited for long":       {[]uint64{0, 0, 0, 0, 0}, []uint64{0, 0, 0, 0, 9}, 100 * time.Millisecond},
	} {
		if got := serving.TenthSince(tt.before, &metrics.Float64Histogram{Counts: tt.now, Buckets: buckets}); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestTheRuntimeTellsHowLongItsWorkWaits(t *testing.T) {
	var cpu serving.CPU
	if got := cpu.Wait(); got != 0 {
		t.Errorf("at the first look: %s, want 0", got)
	}
}
