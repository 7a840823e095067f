package sampling_test

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/internal/sampling"
)

// told is what a sampler has told, by key.
type told struct {
	mu   sync.Mutex
	left map[string]int
}

func (t *told) tell(key string, leftOut int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left[key] += leftOut
}

func (t *told) want(tt *testing.T, when string, want map[string]int) {
	tt.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !maps.Equal(t.left, want) {
		tt.Errorf("%s it has told %v, want %v", when, t.left, want)
	}
}

// threeOfEach lets three events of a key through in a minute, for two keys at once. Keys
// are a kind and a name.
func threeOfEach() (*sampling.Sampler[string], *told) {
	t := &told{left: map[string]int{}}
	return sampling.New(sampling.Options[string]{
		Each: 3, Window: time.Minute, Keys: 2, Tell: t.tell,
		Common: func(key string) string { kind, _, _ := strings.Cut(key, " "); return kind },
	}), t
}

// taken returns how many of n events are let through.
func taken(s *sampling.Sampler[string], n int, key string) (through int) {
	for range n {
		if s.Take(key) {
			through++
		}
	}
	return through
}

func TestOfManyAlikeAFewAreLetThroughAndTheRestIsToldAtTheEndOfTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, told := threeOfEach()
		if got := taken(s, 2, "malformed a"); got != 2 {
			t.Errorf("%d of 2 are let through, want all", got)
		}
		time.Sleep(time.Minute - 1)
		if got := taken(s, 1000, "malformed a"); got != 1 {
			t.Errorf("%d of 1000 more are let through, want the third", got)
		}
		synctest.Wait()
		told.want(t, "before the end", map[string]int{})
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		told.want(t, "at the end", map[string]int{"malformed a": 999})
		if got := taken(s, 5, "malformed a"); got != 3 {
			t.Errorf("%d of 5 are let through in the next window, want 3", got)
		}
		if got := s.LeftOut(); got != 1001 {
			t.Errorf("%d are left out in all, want 1001", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		told.want(t, "in the end", map[string]int{"malformed a": 1001})
	})
}

func TestNobodyIsLeftOutForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := threeOfEach()
		taken(s, 100, "malformed a")
		if got := taken(s, 3, "malformed b"); got != 3 {
			t.Errorf("%d of 3 are let through beside a flood of another, want all", got)
		}
	})
}

func TestFewEventsTellNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, told := threeOfEach()
		taken(s, 3, "malformed a")
		time.Sleep(time.Hour)
		s.Flush()
		synctest.Wait()
		told.want(t, "in the end", map[string]int{})
	})
}

// Whoever has many addresses gets no more through than some, and takes no more memory.
func TestKeysBeyondTheBoundShareOneWindowOfTheirKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, told := threeOfEach()
		taken(s, 1, "malformed a")
		taken(s, 1, "malformed b")
		through := 0
		for n := range 1000 {
			through += taken(s, 2, fmt.Sprintf("malformed %d", n))
			through += taken(s, 1, fmt.Sprintf("busy %d", n))
		}
		if through != 6 {
			t.Errorf("%d of a thousand keys are let through, want three of each kind", through)
		}
		if got := taken(s, 3, "malformed a"); got != 2 {
			t.Errorf("%d of 3 more are let through of a key that was there before, want the 2 that it had left", got)
		}
		if got := sampling.Windows(s); got != 4 {
			t.Errorf("it has %d windows, want the two keys and the two kinds", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		told.want(t, "at the end", map[string]int{"malformed": 1997, "busy": 997, "malformed a": 1})
		if got := sampling.Windows(s); got != 0 {
			t.Errorf("it has %d windows after their end, want none", got)
		}
	})
}

func TestAFlushTellsWhatWasLeftOutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, told := threeOfEach()
		taken(s, 5, "malformed a")
		s.Flush()
		told.want(t, "after the flush", map[string]int{"malformed a": 2})
		time.Sleep(time.Hour)
		synctest.Wait()
		told.want(t, "an hour later", map[string]int{"malformed a": 2})
	})
}

func TestWhatIsLetThroughIsBoundedWhoeverAsksAtOnce(t *testing.T) {
	s, told := threeOfEach()
	var through atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { through.Add(int64(taken(s, 100, "malformed a"))) })
	}
	all.Wait()
	s.Flush()
	if through.Load() != 3 || s.LeftOut() != 797 {
		t.Errorf("%d are let through and %d are left out, want 3 and 797", through.Load(), s.LeftOut())
	}
	told.want(t, "after the flush", map[string]int{"malformed a": 797})
}
