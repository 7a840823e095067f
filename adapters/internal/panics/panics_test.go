package panics_test

import (
	"errors"
	"testing"

	"nativebridge/adapters/internal/panics"
)

// recovered returns what f panics with.
func recovered(f func()) (thrown any) {
	defer func() { thrown = recover() }()
	f()
	return nil
}

func TestOnlyTheRuntimesWordsAreTold(t *testing.T) {
	index, items := 7, []int{1, 2, 3}
	for name, tt := range map[string]struct {
		thrown any
		want   string
	}{
		"a text":               {"Bearer s3cr3t", "a string"},
		"an error":             {errors.New("Bearer s3cr3t"), "a *errors.errorString"},
		"one of the runtime's": {recovered(func() { _ = items[index] }), "runtime error: index out of range [7] with length 3"},
	} {
		if got := panics.Describe(tt.thrown); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
