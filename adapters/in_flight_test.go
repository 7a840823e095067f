package adapters

import (
	"errors"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/domain"
)

func TestWhileWorkWaitsForACPUNothingMoreIsBegun(t *testing.T) {
	for name, tt := range map[string]struct {
		flying     int
		wait, most time.Duration
		refused    bool
	}{
		"the CPUs have time":         {100, 19 * time.Millisecond, 20 * time.Millisecond, false},
		"work waits":                 {100, 20 * time.Millisecond, 20 * time.Millisecond, true},
		"work waits, of few":         {few - 1, time.Second, 20 * time.Millisecond, false},
		"work waits, and it is off":  {100, time.Second, 0, false},
		"just enough are in flight":  {few, time.Second, 20 * time.Millisecond, true},
		"nobody is served meanwhile": {0, time.Second, time.Millisecond, false},
	} {
		bound := newInFlight(httpapi.Config{MaxInFlight: 128, RequestTimeout: time.Minute, MaxCPUWait: tt.most})
		bound.cpuWait = func() time.Duration { return tt.wait }
		for range tt.flying {
			bound.places <- struct{}{}
		}
		leave, err := bound.enter(t.Context())
		if refused := errors.Is(err, domain.ErrUnavailable); refused != tt.refused || (leave == nil) != tt.refused {
			t.Errorf("%s: %v, want refused: %t", name, err, tt.refused)
		}
		if tt.refused && (!strings.Contains(err.Error(), "MAX_CPU_WAIT is 20ms") || bound.slow.Load() != 1) {
			t.Errorf("%s: %v, %d counted, want the setting and one", name, err, bound.slow.Load())
		}
	}
}
