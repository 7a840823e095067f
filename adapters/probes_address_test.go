package adapters_test

import (
	"strings"
	"testing"

	"nativebridge/adapters"
)

func TestTheProbesAreAskedWhereTheyAnswer(t *testing.T) {
	for address, want := range map[string]string{
		"": "127.0.0.1:8081", ":9000": "127.0.0.1:9000", "0.0.0.0:9000": "127.0.0.1:9000", "[::]:9000": "[::1]:9000",
		"10.1.2.3:9000": "10.1.2.3:9000", "localhost:9000": "localhost:9000",
	} {
		if got, err := adapters.ProbesAddress(map[string]string{"OPS_ADDR": address}); err != nil || got != want {
			t.Errorf("OPS_ADDR=%s: %s, %v, want %s", address, got, err, want)
		}
	}
	for address, says := range map[string]string{"9000": "OPS_ADDR is", "127.0.0.1:0": "OPS_ADDR has the port 0"} {
		_, err := adapters.ProbesAddress(map[string]string{"OPS_ADDR": address})
		if err == nil || !strings.HasPrefix(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("OPS_ADDR=%s: err = %v, want one line that begins with %q", address, err, says)
		}
	}
}
