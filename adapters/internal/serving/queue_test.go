package serving_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/internal/serving"
)

// queue is a listener without a network, so that a test knows when somebody waits.
type queue struct {
	newcomers chan net.Conn
	closed    chan struct{}
	err       error // what closing it says
}

func newQueue(err error) queue { return queue{make(chan net.Conn), make(chan struct{}), err} }

var errBroken = errors.New("the queue is broken")

func (q queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.newcomers:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q queue) Close() error { close(q.closed); return q.err }
func (queue) Addr() net.Addr { return &net.TCPAddr{} }

// onePlace is a listener with one place, and the server that is told to serve on it.
type onePlace struct {
	net.Listener
	queue  queue
	server *http.Server
}

// accepted is what Accept returned.
type accepted struct {
	conn net.Conn
	err  error
}

// comes opens a connection. It returns the caller's end, and what the server gets
// when there is a place.
func (l onePlace) comes() (caller net.Conn, served <-chan accepted) {
	caller, end := net.Pipe()
	result := make(chan accepted, 1)
	go func() {
		conn, err := l.Accept()
		result <- accepted{conn, err}
	}()
	l.queue.newcomers <- end
	synctest.Wait()
	return caller, result
}

// onOnePlace runs test with a listener whose one place is taken by first.
func onOnePlace(t *testing.T, test func(t *testing.T, l onePlace, first net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		l := onePlace{queue: newQueue(errBroken), server: &http.Server{ReadHeaderTimeout: time.Minute}}
		l.Listener = serving.Limit(l.queue, l.server, 1)
		_, served := l.comes()
		first := now(t, served)
		defer first.Close()
		test(t, l, first)
	})
}

// now returns the connection that was accepted, and fails if it still waits.
func now(t *testing.T, served <-chan accepted) net.Conn {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-served:
		if got.err != nil {
			t.Fatal(got.err)
		}
		return got.conn
	default:
		t.Fatal("the newcomer still waits")
		return nil
	}
}

func wantWaiting(t *testing.T, served <-chan accepted) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-served:
		t.Fatalf("the newcomer was let in: %v", got)
	default:
	}
}

func isClosed(c net.Conn) bool {
	return errors.Is(c.SetDeadline(time.Time{}), io.ErrClosedPipe)
}

func TestANewcomerTakesThePlaceOfAConnectionThatEnds(t *testing.T) {
	onOnePlace(t, func(t *testing.T, l onePlace, first net.Conn) {
		_, served := l.comes()
		wantWaiting(t, served)
		_ = first.Close()
		_ = now(t, served).Close()
	})
}

func TestANewcomerTakesThePlaceOfAnIdleConnection(t *testing.T) {
	onOnePlace(t, func(t *testing.T, l onePlace, first net.Conn) {
		_, served := l.comes()
		wantWaiting(t, served)
		l.server.ConnState(first, http.StateIdle)
		_ = now(t, served).Close()
		if !isClosed(first) {
			t.Error("two connections are open, in one place")
		}
		if idle := serving.Idle(l.Listener); idle != 0 {
			t.Errorf("%d connections count as idle, want 0", idle)
		}
	})
}

func TestANewcomerWaitsForAConnectionThatIsBusyAgain(t *testing.T) {
	onOnePlace(t, func(t *testing.T, l onePlace, first net.Conn) {
		l.server.ConnState(first, http.StateIdle)
		l.server.ConnState(first, http.StateActive)
		if idle := serving.Idle(l.Listener); idle != 0 {
			t.Errorf("%d connections count as idle, want 0", idle)
		}
		_, served := l.comes()
		wantWaiting(t, served)
		if isClosed(first) {
			t.Error("the connection that is busy was closed")
		}
		_ = first.Close()
		_ = now(t, served).Close()
	})
}

func TestAStopEndsTheWaitForAPlace(t *testing.T) {
	onOnePlace(t, func(t *testing.T, l onePlace, first net.Conn) {
		caller, served := l.comes()
		wantWaiting(t, served)
		if err := l.Close(); !errors.Is(err, errBroken) {
			t.Errorf("close: %v, want what the listener says", err)
		}
		synctest.Wait()
		select {
		case got := <-served:
			if got.conn != nil || !errors.Is(got.err, net.ErrClosed) {
				t.Errorf("accepted %v, %v, want net.ErrClosed", got.conn, got.err)
			}
		default:
			t.Fatal("Accept hangs")
		}
		if _, err := caller.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the caller who waited got %v, want the end", err)
		}
		if isClosed(first) {
			t.Error("a connection that is open was closed")
		}
	})
}

// The bubble fails if a goroutine is left in it.
func TestAStopLeavesNobodyBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- serving.Until(ctx, &http.Server{ReadHeaderTimeout: time.Minute, WriteTimeout: time.Minute}, newQueue(nil))
		}()
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}
