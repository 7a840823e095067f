package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAHealthcheckSaysInOneLineWhatIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		says   string // "" means ready
	}{
		"ready":              {200, `{"status":"ready"}`, ""},
		"draining":           {503, `{"status":"draining","upstreams":{}}`, "answers 503, draining"},
		"something else":     {404, "<html>\n</html>", "answers 404"},
		"a line too many":    {503, `{"status":"two\nlines"}`, "answers 503"},
		"led somewhere else": {302, "", "answers 302"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/livez")
				if r.URL.Path != "/readyz" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			err := healthcheck(t.Context(), map[string]string{"OPS_ADDR": server.Listener.Addr().String()})
			if (err == nil) != (tt.says == "") || err != nil && (!strings.HasSuffix(err.Error(), tt.says) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("err = %v, want one line that ends in %q", err, tt.says)
			}
		})
	}
}
