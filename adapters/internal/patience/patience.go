// Package patience is for tests that wait for a goroutine: they fail, and say for
// what they waited in vain, instead of hanging.
package patience

import (
	"testing"
	"time"
)

// Limit is how long something may take that must happen. It judges nobody's speed:
// only what never happens uses it up.
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
