package authsignal

import (
	"time"

	"nativebridge/domain"
)

// Screen is screen, for the benchmarks.
func Screen(token domain.PasskeyToken, now time.Time, skew time.Duration) error {
	return screen(token, now, skew)
}
