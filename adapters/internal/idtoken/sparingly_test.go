package idtoken_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/internal/idtoken"
	"nativebridge/domain"
)

// sparingly fails the test unless FindSparingly gives as many keys as wanted, or,
// for -1, says that they are unavailable. It returns the wait that is asked for.
func sparingly(t *testing.T, keys *idtoken.Keys, id string, want int) time.Duration {
	t.Helper()
	found, err := keys.FindSparingly(t.Context(), id)
	reason, _ := domain.ReasonOf(err)
	switch {
	case want < 0 && reason != domain.ErrUnavailable:
		t.Errorf("FindSparingly(%q) = %d keys, %v, want unavailable", id, len(found), err)
	case want >= 0 && (err != nil || len(found) != want):
		t.Errorf("FindSparingly(%q) = %d keys, %v, want %d", id, len(found), err, want)
	}
	return domain.RetryAfterOf(err)
}

func TestAMadeUpIDIsAskedForOnceInACoolDown(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	steps := []struct {
		name     string
		wait     time.Duration
		status   int
		id       string
		want     int // keys; -1: unavailable
		after    time.Duration
		requests int // so far
	}{
		{"the first time", 0, http.StatusOK, "a", 1, 0, 1},
		{"an unknown id at once", 0, http.StatusOK, "b", 0, 0, 1},
		{"another within the cool-down", 10*time.Second - 1, http.StatusOK, "c", 0, 0, 1},
		{"the endpoint breaks", 1, http.StatusBadGateway, "b", -1, 0, 2},
		{"it is not asked again at once", 0, http.StatusBadGateway, "c", -1, 10 * time.Second, 2},
		{"nor after seven seconds", 7 * time.Second, http.StatusBadGateway, "b", -1, 3 * time.Second, 2},
		{"the last good key serves", 0, http.StatusBadGateway, "a", 1, 0, 2},
		{"after the cool-down it is", 3 * time.Second, http.StatusBadGateway, "b", -1, 0, 3},
		{"mended within the cool-down", time.Second, http.StatusOK, "b", -1, 9 * time.Second, 3},
		{"mended", 9 * time.Second, http.StatusOK, "b", 0, 0, 4},
	}
	for _, step := range steps {
		e.mu.Lock()
		e.status = step.status
		e.mu.Unlock()
		c.advance(step.wait)
		if wait := sparingly(t, keys, step.id, step.want); wait != step.after {
			t.Errorf("%s: told to wait %s, want %s", step.name, wait, step.after)
		}
		if e.requests() != step.requests {
			t.Fatalf("%s: %d requests so far, want %d", step.name, e.requests(), step.requests)
		}
	}
}

func TestAnEndpointThatIsDownAtFirstIsAskedOnceInACoolDown(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	e.mu.Lock()
	e.status = http.StatusBadGateway
	e.mu.Unlock()
	keys := keysOf(e, c)
	sparingly(t, keys, "a", -1)
	sparingly(t, keys, "a", -1)
	if e.requests() != 1 {
		t.Errorf("%d requests, want 1", e.requests())
	}
	e.publish(t, public("a", rsaKeys()[0]))
	c.advance(10 * time.Second)
	sparingly(t, keys, "a", 1)
}

// Whoever comes while the set is fetched waits for it: its key may be the new one.
// Whoever comes late, having looked before, asks for nothing more.
func TestConcurrentMadeUpIDsShareOneRequest(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	sparingly(t, keys, "a", 1)
	e.publish(t, public("b", rsaKeys()[1]))
	c.advance(time.Minute)

	var done sync.WaitGroup
	for range 50 {
		done.Go(func() { sparingly(t, keys, "b", 1) })
	}
	done.Wait()
	if e.requests() != 2 {
		t.Errorf("%d requests, want one more", e.requests())
	}
}
