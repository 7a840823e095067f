package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// errNotProcessed keeps net/http from repeating a request by itself.
var errNotProcessed = errors.New("the peer ended the connection or the stream before it processed the request")

// flight watches how far one request comes.
type flight struct {
	client  *Client
	getBody func() (io.ReadCloser, error) // of the request; nil if it cannot be read again

	sent      atomic.Int32         // how often it was given a connection
	dialled   atomic.Bool          // a connection was begun for it
	connected atomic.Bool          // it was given a connection
	reused    atomic.Bool          // which had carried others before
	http2     atomic.Bool          // and speaks HTTP/2
	conn      atomic.Pointer[conn] // below HTTP/2; nil if it is none of ours, as through a proxy
	begun     atomic.Bool          // it was begun to be written
	unwritten atomic.Bool          // the connection was broken by then
	written   atomic.Bool          // it was written whole, as far as net/http knows
}

// board returns req, watched.
func (f *flight) board(req *http.Request) *http.Request {
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { f.dialled.Store(true) },
		ConnectStart: func(string, string) { f.dialled.Store(true) },
		GotConn:      f.gotConn,
		WroteHeaders: f.wroteHeaders,
		WroteRequest: func(info httptrace.WroteRequestInfo) { f.written.Store(info.Err == nil) },
	}))
	if f.getBody = req.GetBody; f.getBody != nil {
		req.GetBody = f.repeat
	}
	return req
}

// gotConn is called again if net/http repeats the request, and so it resets what was
// noted of the first attempt.
func (f *flight) gotConn(info httptrace.GotConnInfo) {
	f.sent.Add(1)
	secure, _ := info.Conn.(*tls.Conn)
	f.http2.Store(secure != nil && secure.ConnectionState().NegotiatedProtocol == "h2")
	f.conn.Store(nil)
	if f.http2.Load() {
		if c, ok := secure.NetConn().(*conn); ok {
			c.shared.Store(true)
			f.conn.Store(c)
		}
	}
	f.reused.Store(info.Reused)
	f.begun.Store(false)
	f.written.Store(false)
	f.connected.Store(true)
}

// resent returns how often net/http has repeated the request.
func (f *flight) resent() int { return max(0, int(f.sent.Load())-1) }

// wroteHeaders is called before anything else is written to a connection of HTTP/2.
func (f *flight) wroteHeaders() {
	c := f.conn.Load()
	f.unwritten.Store(c != nil && c.broken.Load())
	f.begun.Store(true)
}

// repeat is asked by net/http for the body once more when it would repeat the
// request by itself. Over HTTP/1.1 it only does that with a POST of which nothing
// was written, and over HTTP/2 in the cases of ErrNotSent.
func (f *flight) repeat() (io.ReadCloser, error) {
	if f.http2.Load() && f.begun.Load() {
		return nil, errNotProcessed
	}
	return f.getBody()
}

// lost says how far a request came whose reply did not come, because of err.
func (f *flight) lost(ctx context.Context, err error) error {
	if !f.connected.Load() && !f.dialled.Load() && ctx.Err() != nil {
		err = fmt.Errorf("all %d connections are in use: %w", MaxConns, err)
	}
	if f.untouched(ctx, err) {
		return fmt.Errorf("%s: %w: %w", f.client.name, ErrNotSent, err)
	}
	// If one kept connection has died, the other kept ones have most likely died too.
	if f.reused.Load() && !errors.Is(err, context.Canceled) {
		f.client.http.CloseIdleConnections()
	}
	return fmt.Errorf("%s: %w: %w", f.client.name, ErrNoReply, err)
}

// untouched reports whether nobody can have acted on the request. While ctx is
// alive, a request that is lost is not being written any more.
func (f *flight) untouched(ctx context.Context, err error) bool {
	return !f.connected.Load() || errors.Is(err, errNotProcessed) ||
		ctx.Err() == nil && (f.unwritten.Load() || !f.written.Load())
}
