package upstream_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"nativebridge/adapters/internal/upstream"
)

// TestTheClockOfAPartyIsReadFromItsReplies asks once, at ten o'clock, and then for
// the earliest time at which the party's clock can have shown ten.
func TestTheClockOfAPartyIsReadFromItsReplies(t *testing.T) {
	ten := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return ten.Add(d).Format(http.TimeFormat) }
	tests := map[string]struct {
		header map[string]string
		status int
		later  time.Duration // until we ask
		want   time.Duration // from ten; 1 for not known
	}{
		"it goes as ours":               {map[string]string{"Date": date(0)}, 200, 0, -2 * time.Second},
		"it is ahead":                   {map[string]string{"Date": date(20 * time.Second)}, 200, 0, -22 * time.Second},
		"it is behind":                  {map[string]string{"Date": date(-20 * time.Second)}, 200, 0, 18 * time.Second},
		"a refusal tells it as well":    {map[string]string{"Date": date(0)}, 404, 0, -2 * time.Second},
		"minutes later it is still so":  {map[string]string{"Date": date(0)}, 200, 15 * time.Minute, -2 * time.Second},
		"for ever it is not":            {map[string]string{"Date": date(0)}, 200, 15*time.Minute + 1, 1},
		"no date":                       {map[string]string{"Date": ""}, 200, 0, 1},
		"a date that is none":           {map[string]string{"Date": "today"}, 200, 0, 1},
		"a reply out of a cache":        {map[string]string{"Date": date(0), "Age": "0"}, 200, 0, 1},
		"a failure of its own":          {map[string]string{"Date": date(0)}, 500, 0, 1},
		"a failure, perhaps a proxy's":  {map[string]string{"Date": date(0)}, 502, 0, 1},
		"a date in the oldest spelling": {map[string]string{"Date": ten.Format(time.ANSIC)}, 200, 0, -2 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range tt.header {
					w.Header()[name] = []string{value}
					if value == "" {
						w.Header()[name] = nil
					}
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "{}")
			}))
			defer server.Close()
			now := ten
			client := upstream.New(upstream.Options{Name: "party", Now: func() time.Time { return now }})
			if got := client.Earliest(ten); !got.IsZero() {
				t.Errorf("before any reply: %s, want that it is not known", got)
			}
			if err := client.Warm(t.Context(), server.URL); err != nil {
				t.Fatal(err)
			}
			now = ten.Add(tt.later)
			switch got := client.Earliest(ten); {
			case tt.want == 1 && !got.IsZero():
				t.Errorf("earliest = %s, want that it is not known", got)
			case tt.want != 1 && got.Sub(ten) != tt.want:
				t.Errorf("earliest = %s from ten, want %s", got.Sub(ten), tt.want)
			}
		})
	}
}

// TestASlowReplyMakesTheBoundWider holds that the time counts from before the
// request was sent: the party may have written its date at any time after.
func TestASlowReplyMakesTheBoundWider(t *testing.T) {
	ten := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	now := ten
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now = ten.Add(3 * time.Second)
		w.Header().Set("Date", now.Format(http.TimeFormat))
	}))
	defer server.Close()
	client := upstream.New(upstream.Options{Name: "party", Now: func() time.Time { return now }})
	if err := client.Warm(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	if got := client.Earliest(ten).Sub(ten); got != -5*time.Second {
		t.Errorf("earliest = %s from ten, want -5s", got)
	}
}
