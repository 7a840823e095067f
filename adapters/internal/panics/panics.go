// Package panics says what may be told of a panic.
package panics

import (
	"fmt"
	"runtime"
)

// Describe returns the words of thrown if the Go runtime threw it, such as "index out of
// range [7] with length 3". Of any other value it returns the type alone, because the
// value may hold a credential.
func Describe(thrown any) string {
	if err, ok := thrown.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", thrown)
}
