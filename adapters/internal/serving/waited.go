package serving

import (
	"context"
	"net"
	"syscall"
	"time"
)

type connKey struct{}

// WithConn is for an http.Server's ConnContext, so that Waited can be asked about its
// requests.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// Waited returns how long ago the last bytes of the request's connection reached this
// machine: what the request has waited, in the queue of new connections and unread in
// its connection, when ctx is that of a request that is just about to be handled. It
// is exact to some milliseconds. Zero means that it cannot be told: the operating
// system is not Linux, or the connection is not one of TCP.
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
