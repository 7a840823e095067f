package upstream_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/internal/upstream"
)

func TestAConnectionThatAPartyClosesIsRenewedBeforeAnybodyAsks(t *testing.T) {
	opened := make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.IdleTimeout = 10 * time.Millisecond
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	client := upstream.New(upstream.Options{Name: "party", Now: time.Now})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		client.KeepWarm(ctx, func(ctx context.Context) error { return client.Warm(ctx, server.URL) })
		close(ended)
	}()
	for range 3 {
		<-opened
	}
	stop()
	<-ended
}

// gaps returns how long KeepOne waits before each of the first calls of open, each of which
// opens a connection that lasts so long; 0 means that none comes about.
func gaps(t *testing.T, calls int, lasts time.Duration) (waited []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		conns := upstream.NewConns()
		lost := time.Now()
		conns.KeepOne(ctx, func(context.Context) {
			if waited = append(waited, time.Since(lost)); len(waited) == calls {
				stop()
			}
			if lost = time.Now(); lasts > 0 {
				conns.Opened()
				lost = lost.Add(lasts)
				time.AfterFunc(lasts, conns.Closed)
			}
		})
	})
	return waited
}

func TestALastingConnectionIsRenewedAtOnce(t *testing.T) {
	for _, wait := range gaps(t, 5, 5*time.Second) {
		if wait != 100*time.Millisecond {
			t.Errorf("it waits %s", wait)
		}
	}
}

func TestAPartyThatKeepsNoConnectionIsAskedLessAndLess(t *testing.T) {
	for name, lasts := range map[string]time.Duration{"none comes about": 0, "each ends at once": time.Millisecond} {
		waited := gaps(t, 15, lasts)
		for i, wait := range waited[2:] {
			if before := waited[i+1]; wait <= before && wait != time.Minute {
				t.Errorf("%s: it waits %s after %s", name, wait, before)
			}
		}
		if last := waited[len(waited)-1]; last != time.Minute {
			t.Errorf("%s: in the end it waits %s, want a minute", name, last)
		}
	}
}
