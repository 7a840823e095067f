package upstream_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"nativebridge/adapters/internal/patience"
	"nativebridge/adapters/internal/upstream"
)

// spectator notes what it is told.
type spectator struct {
	mu        sync.Mutex
	asked     []upstream.Asked
	connected int
	gone      chan struct{}
}

func (s *spectator) Asked(_ context.Context, asked upstream.Asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, asked)
}

func (s *spectator) Connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected++
}

func (s *spectator) Disconnected() { s.gone <- struct{}{} }

func TestAWatcherIsToldOfRequestsAndConnections(t *testing.T) {
	party := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/last" {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer party.Close()
	s := &spectator{gone: make(chan struct{}, 1)}
	client := upstream.New(upstream.Options{Name: "party", Now: time.Now, Watch: s})
	for _, path := range []string{"/first", "/last"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, party.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Do(req); err != nil {
			t.Fatal(err)
		}
	}
	patience.Receive(t, s.gone, "the end of the connection")
	if err := client.Warm(t.Context(), "http://127.0.0.1:1/"); err == nil {
		t.Fatal("a port nobody listens on answered")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connected != 1 || len(s.asked) != 3 {
		t.Fatalf("it is told of %d connections and %+v, want 1 and 3 requests", s.connected, s.asked)
	}
	first, failed := s.asked[0], s.asked[2]
	if first.Question != "GET "+party.URL+"/first" || first.Status != http.StatusTeapot || first.Err != nil || first.Took <= 0 || first.Resent != 0 {
		t.Errorf("it is told %+v", first)
	}
	if failed.Status != 0 || !errors.Is(failed.Err, upstream.ErrNotSent) {
		t.Errorf("of what failed it is told %+v", failed)
	}
}
