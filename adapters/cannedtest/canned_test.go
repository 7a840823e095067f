//go:build !race

package cannedtest_test

import (
	"strings"
	"testing"

	"nativebridge/adapters/cannedtest"
)

func TestNothingIsAllocatedForARequest(t *testing.T) {
	address, _ := strings.CutPrefix(cannedtest.Serve(t, map[string]cannedtest.Answer{"POST /path": cannedtest.Text(`{"answer":42}`)}), "http://")
	caller := cannedtest.NewCaller(t, address, "/path", `{"question":6}`)
	if got := testing.AllocsPerRun(200, caller.Call); got != 0 {
		t.Errorf("%v allocations for a request, want 0", got)
	}
}
