package upstream

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
)

// Transport is what the client asks through, for the tests.
func (c *Client) Transport() *http.Transport { return c.http }

// NewDialer makes the connections.
func NewDialer() *net.Dialer { return newDialer() }

// TCP is what the operating system has of a connection that the client has dialled.
func (c *Client) TCP(dialled net.Conn) *net.TCPConn { return dialled.(*conn).Conn.(*net.TCPConn) }

// Dialled returns a connection as the client has one that it has dialled.
func Dialled(c net.Conn) net.Conn { return &conn{Conn: c, ended: func() {}} }

// Flight is one request on its way, for tests that say what becomes of it.
type Flight struct {
	Request *http.Request
	*httptrace.ClientTrace

	flight *flight
}

// Board begins a flight.
func (c *Client) Board(req *http.Request) Flight {
	f := &flight{client: c}
	req = f.board(req)
	return Flight{req, httptrace.ContextClientTrace(req.Context()), f}
}

// Lost ends it without a reply.
func (f Flight) Lost(err error) error { return f.flight.lost(f.Request.Context(), err) }

// Conns counts connections.
type Conns struct{ *openConns }

// NewConns returns a count of none.
func NewConns() Conns { return Conns{newOpenConns()} }

// Opened and Closed count one.
func (c Conns) Opened() { c.opened() }
func (c Conns) Closed() { c.closed() }

// KeepOne is what KeepWarm does.
func (c Conns) KeepOne(ctx context.Context, open func(context.Context)) { c.keepOne(ctx, open) }
