package upstream

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is a connection from which everything can be read that the peer sent before it
// hung up. After a failed write, HTTP/2 would close the connection at once, and would
// not read the GOAWAY that says which requests were never processed. So a failed write
// is not reported; instead reading fails, once all that has arrived is read.
type conn struct {
	net.Conn
	shared atomic.Bool // by the streams of HTTP/2
	broken atomic.Bool // a write has failed, and nothing is written any more
	ended  func()      // tells whoever counts
}

func newDialer() *net.Dialer {
	return &net.Dialer{
		Timeout: 3 * time.Second,
		// An idle connection that died is found within half a minute.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
}

// dialWith returns a DialContext that makes conns, counts them and tells the watcher of them.
func dialWith(dialer *net.Dialer, conns *openConns, watch Watcher) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conns.opened()
		watch.Connected()
		return &conn{Conn: c, ended: sync.OnceFunc(func() {
			watch.Disconnected()
			conns.closed()
		})}, nil
	}
}

func (c *conn) Close() error {
	defer c.ended()
	return c.Conn.Close()
}

func (c *conn) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return len(p), nil
	}
	n, err := c.Conn.Write(p)
	hungUp := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if !hungUp || !c.shared.Load() {
		return n, err
	}
	c.broken.Store(true)
	return len(p), nil
}
