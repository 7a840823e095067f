package serving_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/internal/serving"
)

// counting is a listener that knows how many of its connections are open, and the
// most that ever were.
type counting struct {
	net.Listener
	open, most atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for open := l.open.Add(1); ; {
		most := l.most.Load()
		if open <= most || l.most.CompareAndSwap(most, open) {
			break
		}
	}
	return &counted{c, sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type counted struct {
	net.Conn
	end func()
}

func (c *counted) Close() error {
	c.end()
	return c.Conn.Close()
}

func (c *counted) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// serve serves handler on at most that many connections.
func serve(t *testing.T, most int, handler http.HandlerFunc) *counting {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &counting{Listener: inner}
	server := &http.Server{Handler: handler, ConnContext: serving.WithConn}
	go func() { _ = server.Serve(serving.Limit(l, server, most)) }()
	t.Cleanup(func() { _ = server.Close() })
	return l
}

// caller is a client with one connection.
type caller struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

func dial(t *testing.T, l net.Listener) *caller {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second)) // so that the test fails and does not hang
	return &caller{t, c, bufio.NewReader(c)}
}

func (c *caller) send() {
	c.t.Helper()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: bridge\r\n\r\n")); err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) answered() bool {
	c.t.Helper()
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func TestIdleConnectionsMakeRoomForNewcomers(t *testing.T) {
	l := serve(t, 2, func(http.ResponseWriter, *http.Request) {})
	first, second := dial(t, l), dial(t, l)
	for _, c := range []*caller{first, second} {
		if c.send(); !c.answered() {
			t.Fatal("no answer within the limit")
		}
	}
	third := dial(t, l)
	if third.send(); !third.answered() {
		t.Error("the newcomer got no answer while two connections were idle")
	}
	wantOneClosed(t, first, second)
	if most := l.most.Load(); most > 3 { // the newcomer is taken, and held until there is a place
		t.Errorf("%d connections were open at once, want 2, and the one that waits", most)
	}
}

// wantOneClosed wants one of the callers to be answered, and the connections of the others
// to be closed. The server tells in any order that they are idle.
func wantOneClosed(t *testing.T, callers ...*caller) {
	t.Helper()
	answered := 0
	for _, c := range callers {
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: bridge\r\n\r\n"))
		if c.answered() {
			answered++
		}
	}
	if answered != 1 {
		t.Errorf("%d of %d are still open, want one", answered, len(callers))
	}
}

func TestTheConnectionThatIsIdleForLongestMakesRoom(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute}
	l := serving.Limit(inner, server, 2)
	defer l.Close()
	accept := func() net.Conn {
		dial(t, inner)
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = accepted.Close() })
		return accepted
	}
	first, second := accept(), accept()
	server.ConnState(second, http.StateIdle)
	server.ConnState(first, http.StateIdle)
	accept()
	if _, err := second.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the one that was idle for longest is still open: %v", err)
	}
	if _, err := first.Write([]byte("x")); err != nil {
		t.Errorf("the other was closed: %v", err)
	}
}

// Somebody who connects and sends nothing keeps nobody out.
func TestSilentConnectionsMakeRoomForNewcomers(t *testing.T) {
	l := serve(t, 2, func(http.ResponseWriter, *http.Request) {})
	first, second := dial(t, l), dial(t, l)
	third := dial(t, l)
	if third.send(); !third.answered() {
		t.Error("the newcomer got no answer while two connections were silent")
	}
	wantOneClosed(t, first, second)
}

// The server does not read the rest of such a request, so that the end of the connection
// resets it.
func TestWhoSendsTooLargeHeadersGetsTheWholeAnswer(t *testing.T) {
	l := serve(t, 1, func(http.ResponseWriter, *http.Request) {})
	c := dial(t, l)
	go func() {
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 2*http.DefaultMaxHeaderBytes)))
	}()
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge || len(body) == 0 {
		t.Errorf("answered %d %q, %v, want the whole of a 431", resp.StatusCode, body, err)
	}
}

func TestANewcomerWaitsWhileAllOthersAreServed(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	l := serve(t, 1, func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-leave })
	first := dial(t, l)
	first.send()
	<-entered
	second := dial(t, l)
	second.send()
	select {
	case <-entered:
		t.Fatal("the second is served beside the first, with one place")
	default:
	}
	leave <- struct{}{}
	if !first.answered() {
		t.Error("the first was cut off")
	}
	<-entered // the first is idle now, and makes room
	leave <- struct{}{}
	if !second.answered() {
		t.Error("the second got no answer")
	}
}

// The server tells only after it has read the headers that a request has begun.
func TestAConnectionWhoseNextRequestHasBegunMakesNoRoom(t *testing.T) {
	t.Run("and whose first byte is read", func(t *testing.T) {
		wantNoRoomOf(t, func(server net.Conn) { _, _ = server.Read(make([]byte, 1)) })
	})
	t.Run("and which nobody has read yet", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("only Linux is asked whether bytes have arrived (SIOCINQ)")
		}
		wantNoRoomOf(t, func(net.Conn) {})
	})
}

// wantNoRoomOf fills two places with connections that are idle, sends a request on the
// first and calls arrived. The second must then make room for a newcomer.
func wantNoRoomOf(t *testing.T, arrived func(server net.Conn)) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute}
	l := serving.Limit(inner, server, 2)
	defer l.Close()
	accept := func() (client *caller, accepted net.Conn) {
		client = dial(t, inner)
		if accepted, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = accepted.Close() })
		return client, accepted
	}
	client, first := accept()
	_, second := accept()
	server.ConnState(first, http.StateIdle)
	server.ConnState(second, http.StateIdle)
	client.send()
	arrived(first)
	accept()
	if _, err := first.Write([]byte("x")); err != nil {
		t.Errorf("the connection whose request has begun was closed: %v", err)
	}
	if _, err := second.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection that is idle is still open: %v", err)
	}
}

// The kernel counts in steps of some milliseconds.
const tick = 20 * time.Millisecond

func TestARequestHasWaitedUntilItIsRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says how long a request has waited (TCP_INFO); elsewhere the time counts from its reading")
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, inner) // nobody accepts yet
	c.send()
	sent := time.Now()
	for time.Since(sent) < 5*tick { // time passes: nothing is waited for
		time.Sleep(tick)
	}
	arrived := make(chan time.Time, 1)
	server := &http.Server{ConnContext: serving.WithConn, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		now := time.Now()
		arrived <- now.Add(-serving.Waited(r.Context()))
	})}
	go func() { _ = server.Serve(serving.Limit(inner, server, 1)) }()
	t.Cleanup(func() { _ = server.Close() })
	if !c.answered() {
		t.Fatal("no answer")
	}
	if at := <-arrived; at.After(sent.Add(tick)) {
		t.Errorf("the request is said to have arrived %s after it was sent", at.Sub(sent))
	}
	if waited := serving.Waited(t.Context()); waited != 0 {
		t.Errorf("without a connection a request has waited %s, want nothing", waited)
	}
}

// silent is a connection that does not tell its descriptor.
type silent struct{ net.Conn }

func (silent) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }

func TestAnUnknownWaitIsZero(t *testing.T) {
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "socket"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	unix, err := net.Dial("unix", local.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	pipe, _ := net.Pipe()
	for name, c := range map[string]net.Conn{"within the process": pipe, "without a descriptor": silent{}, "on one machine, not of TCP": unix} {
		if waited := serving.Waited(serving.WithConn(t.Context(), c)); waited != 0 {
			t.Errorf("a connection %s: %s, want nothing", name, waited)
		}
	}
}
