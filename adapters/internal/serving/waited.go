package serving

import (
	"context"
	"net"
	"syscall"
	"time"
)

type connKey struct{}

// WithConn must be the ConnContext of an http.Server, so that Waited knows about its
// requests.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// Waited returns how long ago the last bytes of a request's connection reached this
// machine; ctx is the request's. Called before the request is handled, it tells how long
// the request has waited, in the queue of new connections and unread in its own. It is
// exact to some milliseconds. Zero means unknown: the operating system is not Linux, or
// the connection is not TCP.
func Waited(ctx context.Context) time.Duration {
	c, _ := ctx.Value(connKey{}).(net.Conn)
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = wrapped.NetConn()
	}
	raw, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return 0
	}
	var waited time.Duration
	_ = control.Control(func(descriptor uintptr) { waited = sinceLastReceived(int(descriptor)) })
	return waited
}
