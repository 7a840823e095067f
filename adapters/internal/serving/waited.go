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
	var waited time.Duration
	onDescriptor(c, func(descriptor int) { waited = sinceLastReceived(descriptor) })
	return waited
}

// hasUnread reports whether bytes have arrived on a connection that nobody has read.
func hasUnread(c net.Conn) bool {
	var unread bool
	onDescriptor(c, func(descriptor int) { unread = unreadBytes(descriptor) > 0 })
	return unread
}

// onDescriptor calls f with a connection's descriptor, if the connection has one.
func onDescriptor(c net.Conn, f func(descriptor int)) {
	for { // TLS, and what is around the connection of the operating system
		wrapped, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = wrapped.NetConn()
	}
	raw, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return
	}
	_ = control.Control(func(descriptor uintptr) { f(int(descriptor)) })
}
