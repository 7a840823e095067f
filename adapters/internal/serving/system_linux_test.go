package serving_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"nativebridge/adapters/internal/serving"
)

func TestDescriptorsAreAsManyAsTheKernelAllows(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	fewer := unix.Rlimit{Cur: 256, Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &fewer); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	if got, known := serving.Descriptors(); got != 256 || !known {
		t.Errorf("%d descriptors (%t), want 256", got, known)
	}
}
