// Package patience is for tests that wait for a goroutine: instead of hanging, they
// fail and say what did not happen.
package patience

import (
	"testing"
	"time"
)

// Limit is how long a test waits for something that must happen. It is no limit of
// speed: only what never happens takes so long.
const Limit = 30 * time.Second

// Receive returns what comes from the channel, the zero value if it is closed. If
// nothing comes within Limit, the test ends with what it waited for. It must be
// called from the goroutine of the test.
func Receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(Limit):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}
