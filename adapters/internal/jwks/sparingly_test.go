package jwks_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/patience"
	"nativebridge/domain"
)

// sparingly fails the test unless FindSparingly gives as many keys as wanted, or,
// for -1, says that they are unavailable. It returns the wait that is asked for.
func sparingly(t *testing.T, keys *jwks.Keys, id string, want int) time.Duration {
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

// An unknown id is rejected by a set that was asked for since, and by nothing
// else; the issuer is asked once a second.
func TestAnUnknownIDIsAskedForOnceInACoolDown(t *testing.T) {
	const ms = time.Millisecond
	a, b := public("a", rsaKeys()[0]), public("b", rsaKeys()[1])
	steps := []struct {
		name     string
		wait     time.Duration
		publish  []jose.JSONWebKey // nil: the endpoint is down
		id       string
		want     int // keys; -1: unavailable
		after    time.Duration
		requests int // so far
	}{
		{"the first time", 0, []jose.JSONWebKey{a}, "a", 1, 0, 1},
		{"a made-up id at once", 0, []jose.JSONWebKey{a}, "x", -1, 1000 * ms, 1},
		{"a made-up id after the cool-down", 1000 * ms, []jose.JSONWebKey{a}, "x", 0, 0, 2},
		{"the next is no verdict", 0, []jose.JSONWebKey{a}, "y", -1, 1000 * ms, 2},
		{"nor is one that was rejected before", 0, []jose.JSONWebKey{a}, "x", -1, 1000 * ms, 2},
		{"a key published just now", 400 * ms, []jose.JSONWebKey{a, b}, "b", -1, 600 * ms, 2},
		{"known keys are found meanwhile", 0, []jose.JSONWebKey{a, b}, "a", 1, 0, 2},
		{"and the new one when it has cooled", 600 * ms, []jose.JSONWebKey{a, b}, "b", 1, 0, 3},
		{"the endpoint breaks", 1000 * ms, nil, "x", -1, 0, 4},
		{"it is not asked again at once", 0, nil, "y", -1, 1000 * ms, 4},
		{"nor a moment later", 999 * ms, nil, "y", -1, ms, 4},
		{"the last good key serves", 0, nil, "b", 1, 0, 4},
		{"after the cool-down it is", ms, nil, "x", -1, 0, 5},
		{"mended within the cool-down", 500 * ms, []jose.JSONWebKey{a}, "x", -1, 500 * ms, 5},
		{"mended", 500 * ms, []jose.JSONWebKey{a}, "x", 0, 0, 6},
	}
	e, c := newEndpoint(t), newClock()
	keys := keysOf(e, c)
	for _, step := range steps {
		if e.answer(http.StatusBadGateway, ""); step.publish != nil {
			e.publish(t, step.publish...)
		}
		c.Advance(step.wait)
		if wait := sparingly(t, keys, step.id, step.want); wait != step.after {
			t.Errorf("%s: told to wait %s, want %s", step.name, wait, step.after)
		}
		if e.requests() != step.requests {
			t.Fatalf("%s: %d requests so far, want %d", step.name, e.requests(), step.requests)
		}
	}
}

// Whoever comes while a set is fetched may have a key that is newer than it.
func TestASetThatWasAskedForBeforeRejectsNobody(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	release := e.holdBack()
	defer release()
	first := make(chan error, 1)
	go func() { first <- keys.Fetch(t.Context()) }()
	patience.Receive(t, e.arrived, "the request for keys")

	_, err := keys.FindSparingly(callerOf(t.Context(), release), "b")
	if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable {
		t.Errorf("err = %v, want unavailable", err)
	}
	if err := patience.Receive(t, first, "the first fetch"); err != nil {
		t.Error(err)
	}
}

// Whoever comes while the set is fetched waits for it: its key may be the new one.
// Whoever comes late, having looked before, asks for nothing more.
func TestConcurrentMadeUpIDsShareOneRequest(t *testing.T) {
	e, c := newEndpoint(t, public("a", rsaKeys()[0])), newClock()
	keys := keysOf(e, c)
	sparingly(t, keys, "a", 1)
	e.publish(t, public("b", rsaKeys()[1]))
	c.Advance(time.Minute)

	var done sync.WaitGroup
	for range 50 {
		done.Go(func() { sparingly(t, keys, "b", 1) })
	}
	done.Wait()
	if e.requests() != 2 {
		t.Errorf("%d requests, want one more", e.requests())
	}
}
