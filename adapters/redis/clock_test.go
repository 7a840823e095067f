package redis

import (
	"testing"
	"time"
)

// TestOfTwoReadingsTheOneThatIsSureCounts has a reading by which the server's clock
// is ahead of ours by an hour, and lets another follow a second later.
func TestOfTwoReadingsTheOneThatIsSureCounts(t *testing.T) {
	ten := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	first := clock{run: "a", shown: ten.Add(time.Hour), at: ten}
	after := func(run string, wait, shown time.Duration) clock {
		return clock{run: run, shown: first.shown.Add(shown), at: first.at.Add(wait)}
	}
	tests := map[string]struct {
		before, next clock
		took         time.Duration // from the question to the answer
		taken        bool
	}{
		"the first of all":                         {clock{}, first, time.Second, true},
		"a narrower one":                           {first, after("a", time.Second, time.Second+1), time.Second, true},
		"the same":                                 {first, after("a", time.Second, time.Second), time.Second, false},
		"a wider one, of a slow answer":            {first, after("a", time.Second, time.Second/2), time.Second, false},
		"as wide as a slow answer can be":          {first, after("a", time.Second, 0), time.Second, false},
		"a wider one when the first is old":        {first, after("a", 10*time.Second+1, 10*time.Second), time.Second, true},
		"not yet old":                              {first, after("a", 10*time.Second, 9*time.Second), time.Second, false},
		"the server's clock was set back":          {first, after("a", time.Second, -1), time.Second, true},
		"the server's clock was set forward":       {first, after("a", time.Second, time.Hour), time.Second, true},
		"another server's, whose clock is behind":  {first, after("b", time.Second, time.Second/2), time.Second, true},
		"another server's, whose answer took long": {first, after("b", time.Second, 0), time.Second, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := tt.before
			if tt.taken {
				want = tt.next
			}
			if got := tt.before.then(tt.next, tt.next.at.Add(-tt.took)); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	for _, d := range []time.Duration{-time.Minute, 0, time.Minute} {
		if got := first.earliest(ten.Add(d)); got != ten.Add(time.Hour+d) {
			t.Errorf("at %s it is %s there, want an hour more", ten.Add(d), got)
		}
	}
}
