package upstream_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"nativebridge/adapters/internal/upstream"
)

// wire is a connection whose writes fail once a test says how.
type wire struct {
	net.Conn
	fails  error
	writes int
}

func (w *wire) Write(p []byte) (int, error) {
	w.writes++
	if w.fails != nil {
		return 0, w.fails
	}
	return w.Conn.Write(p)
}

// pipe returns both ends of a connection.
func pipe(t *testing.T) (near *wire, far net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return &wire{Conn: a}, b
}

// agreed returns a connection on which protocol was agreed, and the wire below.
func agreed(t *testing.T, protocol string, dialled func(net.Conn) net.Conn) (*tls.Conn, *wire) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	near, far := pipe(t)
	done := make(chan error, 1)
	go func() {
		done <- tls.Server(far, &tls.Config{
			Certificates: server.TLS.Certificates, NextProtos: []string{protocol},
			SessionTicketsDisabled: true, MinVersion: tls.VersionTLS12,
		}).HandshakeContext(t.Context())
	}()
	secure := tls.Client(dialled(near), &tls.Config{RootCAs: roots, ServerName: "example.com", NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12})
	if err := errors.Join(secure.HandshakeContext(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	return secure, near
}

// flight is a request that a test takes along its way.
type flight struct {
	upstream.Flight
	*testing.T
	leave func() // its caller leaves
}

func board(t *testing.T, client *upstream.Client) flight {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://vendor.example", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	return flight{client.Board(req), t, leave}
}

func (f flight) http1() {
	near, _ := pipe(f.T)
	f.GotConn(httptrace.GotConnInfo{Conn: upstream.Dialled(near)})
}

// http2 gives it a connection of HTTP/2, and returns how a write of another stream breaks it.
func (f flight) http2() (breaks func()) {
	secure, near := agreed(f.T, "h2", upstream.Dialled)
	f.GotConn(httptrace.GotConnInfo{Conn: secure})
	return func() {
		near.fails = syscall.ECONNRESET
		if _, err := secure.Write([]byte("x")); err != nil {
			f.Fatalf("the connection is shared and told of its end at once: %v", err)
		}
	}
}

func (f flight) written() {
	f.WroteHeaders()
	f.WroteRequest(httptrace.WroteRequestInfo{})
}

func TestALostRequestWasNotSentOnlyIfNobodyCanHaveActedOnIt(t *testing.T) {
	const full = "all 256 connections are in use"
	tests := map[string]struct {
		way  func(f flight)
		want error
		full bool
	}{
		"no connection was free in time": {func(f flight) { f.leave() }, upstream.ErrNotSent, true},
		"its host was not found in time": {func(f flight) { f.DNSStart(httptrace.DNSStartInfo{}); f.leave() }, upstream.ErrNotSent, false},
		"it was not connected in time":   {func(f flight) { f.ConnectStart("tcp", "192.0.2.1:443"); f.leave() }, upstream.ErrNotSent, false},
		"no connection came about":       {func(flight) {}, upstream.ErrNotSent, false},
		"it was not written":             {func(f flight) { f.http1() }, upstream.ErrNotSent, false},
		"it was not written whole": {func(f flight) {
			f.http1()
			f.WroteHeaders()
			f.WroteRequest(httptrace.WroteRequestInfo{Err: io.ErrClosedPipe})
		}, upstream.ErrNotSent, false},
		"it may still be written":                                {func(f flight) { f.http1(); f.leave() }, upstream.ErrNoReply, false},
		"it was written":                                         {func(f flight) { f.http1(); f.written() }, upstream.ErrNoReply, false},
		"it was written in HTTP/2":                               {func(f flight) { f.http2(); f.written() }, upstream.ErrNoReply, false},
		"it was written to what was broken":                      {func(f flight) { f.http2()(); f.written() }, upstream.ErrNotSent, false},
		"it was written to what was broken, and its caller left": {func(f flight) { f.http2()(); f.written(); f.leave() }, upstream.ErrNoReply, false},
		"its connection broke after it was written":              {func(f flight) { breaks := f.http2(); f.written(); breaks() }, upstream.ErrNoReply, false},
		"a second connection was not written to":                 {func(f flight) { f.http1(); f.written(); f.http1() }, upstream.ErrNotSent, false},
		"a second connection was written to":                     {func(f flight) { f.http2()(); f.written(); f.http1(); f.written() }, upstream.ErrNoReply, false},
		"it was written through a proxy": {func(f flight) {
			secure, _ := agreed(f.T, "h2", func(c net.Conn) net.Conn { return c })
			f.GotConn(httptrace.GotConnInfo{Conn: secure})
			f.written()
		}, upstream.ErrNoReply, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := board(t, newClient(nil))
			tt.way(f)
			cause := errors.New("the cause")
			err := f.Lost(cause)
			for _, kind := range []error{upstream.ErrNotSent, upstream.ErrNoReply} {
				if errors.Is(err, kind) != (kind == tt.want) {
					t.Errorf("err = %v, want only %v", err, tt.want)
				}
			}
			if !errors.Is(err, cause) || strings.Contains(err.Error(), full) != tt.full {
				t.Errorf("err = %v, want the cause, and %q: %v", err, full, tt.full)
			}
		})
	}
}

// Whether net/http gets the body decides whether it repeats the request by itself.
func TestARequestIsRepeatedByItselfOnlyIfItWasNotBegun(t *testing.T) {
	tests := map[string]struct {
		way     func(f flight)
		repeats bool
	}{
		"not begun in HTTP/1.1": {func(f flight) { f.http1() }, true},
		"begun in HTTP/1.1":     {func(f flight) { f.http1(); f.WroteHeaders() }, true},
		"begun in HTTP/1.1 over TLS": {func(f flight) {
			secure, _ := agreed(f.T, "http/1.1", upstream.Dialled)
			f.GotConn(httptrace.GotConnInfo{Conn: secure})
			f.WroteHeaders()
		}, true},
		"not begun in HTTP/2": {func(f flight) { f.http2() }, true},
		"begun in HTTP/2":     {func(f flight) { f.http2(); f.WroteHeaders() }, false},
		"begun in HTTP/2, but not on the connection after that": {func(f flight) { f.http2(); f.WroteHeaders(); f.http2() }, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := board(t, newClient(nil))
			tt.way(f)
			body, err := f.Request.GetBody()
			if !tt.repeats {
				f.written()
				f.leave()
				if body != nil || err == nil || !errors.Is(f.Lost(err), upstream.ErrNotSent) {
					t.Errorf("GetBody = %v, %v, want none, as the peer did not process it", body, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(body); string(text) != "body" || err != nil {
				t.Errorf("the body is %q, %v once more, want %q", text, err, "body")
			}
		})
	}
}

func TestABodyThatCanBeReadOnceIsNotReadAgain(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://vendor.example", io.NopCloser(strings.NewReader("body")))
	if err != nil {
		t.Fatal(err)
	}
	if newClient(nil).Board(req).Request.GetBody != nil {
		t.Error("the body could be read once, and now once more")
	}
}

// What died with a connection that was kept is likely to be all that were kept.
func TestAReplyLostOnAKeptConnectionPutsAllAway(t *testing.T) {
	lost := errors.New("lost")
	for name, tt := range map[string]struct {
		reused, written bool
		err             error
		want            int64 // connections, for the requests before and after
	}{
		"on a connection that was kept":       {true, true, lost, 2},
		"on a new one":                        {false, true, lost, 1},
		"as its caller left":                  {true, true, fmt.Errorf("%w: %w", lost, context.Canceled), 1},
		"on a new one, as its caller left":    {false, true, context.Canceled, 1},
		"without being sent on a kept one":    {true, false, lost, 1},
		"on a kept one, as its time was over": {true, true, context.DeadlineExceeded, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			server.Start()
			t.Cleanup(server.Close)
			client := newClient(nil)
			if err := send(t, client, server.URL, "before"); err != nil {
				t.Fatal(err)
			}
			f := board(t, client)
			near, _ := pipe(t)
			f.GotConn(httptrace.GotConnInfo{Conn: near, Reused: tt.reused})
			if tt.written {
				f.written()
			}
			_ = f.Lost(tt.err)
			if err := send(t, client, server.URL, "after"); err != nil {
				t.Fatal(err)
			}
			if connections.Load() != tt.want {
				t.Errorf("%d connections, want %d", connections.Load(), tt.want)
			}
		})
	}
}

// HTTP/2 reads what the peer said before it hung up only if no write has failed.
func TestASharedConnectionKeepsToItselfThatThePeerHungUp(t *testing.T) {
	other := errors.New("another error")
	for name, tt := range map[string]struct {
		shared bool
		fails  error
		want   error
	}{
		"shared, reset":         {true, &net.OpError{Op: "write", Err: syscall.ECONNRESET}, nil},
		"shared, closed":        {true, &net.OpError{Op: "write", Err: syscall.EPIPE}, nil},
		"shared, another error": {true, other, other},
		"alone, reset":          {false, syscall.ECONNRESET, syscall.ECONNRESET},
		"alone, closed":         {false, syscall.EPIPE, syscall.EPIPE},
		"alone, another error":  {false, other, other},
	} {
		t.Run(name, func(t *testing.T) {
			var dialled net.Conn
			secure, near := agreed(t, "h2", func(c net.Conn) net.Conn { dialled = upstream.Dialled(c); return dialled })
			if tt.shared {
				board(t, newClient(nil)).GotConn(httptrace.GotConnInfo{Conn: secure})
			}
			near.fails = tt.fails
			before := near.writes
			for range 2 {
				n, err := dialled.Write([]byte("four"))
				if !errors.Is(err, tt.want) || tt.want == nil && (n != 4 || err != nil) || tt.want != nil && n != 0 {
					t.Errorf("Write = %d, %v, want %v", n, err, tt.want)
				}
			}
			wanted := 2
			if tt.want == nil {
				wanted = 1
			}
			if got := near.writes - before; got != wanted {
				t.Errorf("%d writes, want %d: nothing is written to what is broken", got, wanted)
			}
		})
	}
}

func TestADialerTellsWhyNobodyAnswers(t *testing.T) {
	_, err := newClient(nil).Transport().DialContext(t.Context(), "tcp", strings.TrimPrefix(refused(t), "http://"))
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("err = %v, want %v", err, syscall.ECONNREFUSED)
	}
}

// A connection whose reply is not read to its end cannot carry another.
func TestTheConnectionOfAReplyThatIsTooLongIsClosed(t *testing.T) {
	ended := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for part := bytes.Repeat([]byte("x"), 64<<10); ; {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	if _, err := newClient(nil).Do(post(t.Context(), t, server.URL)); !errors.Is(err, upstream.ErrBadReply) {
		t.Fatalf("err = %v, want %v", err, upstream.ErrBadReply)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the server still writes to a connection that nobody reads")
		server.CloseClientConnections()
	}
}
