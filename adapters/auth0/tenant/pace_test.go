package tenant_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/auth0"
	"nativebridge/adapters/auth0/tenant"
	"nativebridge/domain"
)

// TestTheBudgetIsKeptTo answers the call for a token and looks at how long each is
// waited for. Time stands still.
func TestTheBudgetIsKeptTo(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	reset := "1795867205" // five seconds later
	const token = `{"access_token":"a.b.c","token_type":"Bearer"}`
	type answer struct {
		status  int
		headers map[string]string
	}
	for name, tt := range map[string]struct {
		answers []answer
		waits   []time.Duration // before each call
		fails   bool
	}{
		"nobody waits while there is a budget": {[]answer{{200, map[string]string{"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": reset}}}, []time.Duration{0}, false},
		"Retry-After is waited for":            {[]answer{{429, map[string]string{"Retry-After": "3"}}, {200, nil}}, []time.Duration{0, 3 * time.Second}, false},
		"else until the reset":                 {[]answer{{429, map[string]string{"X-RateLimit-Reset": reset}}, {200, nil}}, []time.Duration{0, 5 * time.Second}, false},
		"else for a second":                    {[]answer{{429, nil}, {200, nil}}, []time.Duration{0, time.Second}, false},
		"never for more than a minute":         {[]answer{{429, map[string]string{"Retry-After": "86400"}}, {200, nil}}, []time.Duration{0, time.Minute}, false},
		"a limit that does not end is told":    {[]answer{{429, nil}}, []time.Duration{0, time.Second, time.Second, time.Second, time.Second, time.Second}, true},
		"a 503 is not repeated":                {[]answer{{503, nil}, {200, nil}}, []time.Duration{0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil || r.PostForm.Get("client_secret") != accessKey {
					t.Errorf("call %d has the form %v (%v)", calls, r.PostForm, err)
				}
				next := tt.answers[min(calls, len(tt.answers)-1)]
				calls++
				for header, value := range next.headers {
					w.Header().Set(header, value)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(next.status)
				_, _ = w.Write([]byte(token))
			}))
			defer server.Close()
			var at auth0.Domain
			if err := at.UnmarshalText([]byte(server.URL)); err != nil {
				t.Fatal(err)
			}
			var waits []time.Duration
			_, err := tenant.Connect(t.Context(), tenant.Access{Domain: at, ClientID: accessID, ClientSecret: domain.NewSecret(accessKey)}, tenant.Options{
				Now:  func() time.Time { return now },
				Wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
			})
			if (err != nil) != tt.fails {
				t.Errorf("err = %v, want one: %t", err, tt.fails)
			}
			if !slices.Equal(waits, tt.waits) {
				t.Errorf("it waits for %v, want %v", waits, tt.waits)
			}
			if err != nil && strings.Contains(err.Error(), accessKey) {
				t.Errorf("err tells the secret: %v", err)
			}
		})
	}
}
