package adapters_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestLogLinesThatAreLeftOutAreCounted(t *testing.T) {
	s := serve(t, newGate(), map[string]string{"METRICS_ADDR": "127.0.0.1:0"})
	for range 12 {
		resp, err := http.Post(s.api+"/v1/sessions", "application/json", strings.NewReader("{"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if _, text := get(s.metrics + "/metrics"); !strings.Contains(text, "native_bridge_log_lines_left_out_total 2\n") {
		t.Error("a scrape does not tell of the two lines that were left out")
	}
}
