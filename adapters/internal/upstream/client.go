// Package upstream is the HTTP client that adapters ask outside parties with:
// bounded, without redirects, and exact about how far a request came.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// MaxReplyBytes bounds the body of a reply. The largest honest one, a session
// with its tokens, has some 10 KiB.
const MaxReplyBytes = 1 << 20

var (
	// ErrNotSent means that no connection came about, so nobody has seen the request.
	ErrNotSent = errors.New("no connection")
	// ErrNoReply means that the request may have arrived, but no reply came.
	ErrNoReply = errors.New("no reply")
	// ErrBadReply means that a reply came but its body did not, whole and within MaxReplyBytes.
	ErrBadReply = errors.New("broken reply")
)

// Client asks one outside party. It follows no redirect, because http.Client would
// send the body again to wherever it points, credentials included. It is safe for
// concurrent use.
type Client struct {
	name    string
	http    *http.Transport
	trouble atomic.Pointer[Trouble]
	reading atomic.Pointer[reading] // of its clock, see Earliest
	now     func() time.Time
}

// Options for New.
type Options struct {
	// Name is the party's, for errors and readiness, such as "authsignal".
	Name string
	// RootCAs are the authorities trusted for TLS; nil means the system's.
	RootCAs *x509.CertPool
	// Now tells the time.
	Now func() time.Time
}

// New returns a client with a connection pool of its own.
func New(o Options) *Client {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}
	return &Client{
		name: o.Name,
		now:  o.Now,
		http: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
			TLSHandshakeTimeout:    3 * time.Second,
			MaxIdleConns:           512,
			MaxIdleConnsPerHost:    512,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// Reply is an answer that arrived whole.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends req and returns the reply, whatever its status. The error wraps
// ErrNotSent, ErrNoReply or ErrBadReply (then the reply still tells the status),
// and the context's error if that is why. It never quotes the request.
func (c *Client) Do(req *http.Request) (Reply, error) {
	asked := c.now()
	reply, err := c.do(req)
	c.learn(asked, reply)
	// A caller who leaves says nothing about the party that was asked.
	if !errors.Is(err, context.Canceled) {
		c.note(reply, err)
	}
	return reply, err
}

func (c *Client) do(req *http.Request) (Reply, error) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	req.Header.Set("User-Agent", "native-bridge")

	resp, err := c.http.RoundTrip(req)
	if err != nil {
		kind := ErrNotSent
		if connected.Load() {
			kind = ErrNoReply
		}
		return Reply{}, fmt.Errorf("%s: %w: %w", c.name, kind, err)
	}
	defer resp.Body.Close()
	reply := Reply{Status: resp.StatusCode, Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxReplyBytes+1))
	switch {
	case err != nil:
		return reply, fmt.Errorf("%s: %w of status %d: %w", c.name, ErrBadReply, reply.Status, err)
	case len(body) > MaxReplyBytes:
		return reply, fmt.Errorf("%s: %w of status %d: longer than 1 MiB", c.name, ErrBadReply, reply.Status)
	}
	reply.Body = body
	return reply, nil
}

// Warm opens a connection to address, so that the first caller does not wait for it.
// Any reply will do.
func (c *Client) Warm(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return err
	}
	_, err = c.Do(req)
	return err
}

// Trouble is what the last request to a party met, if it met any.
type Trouble struct {
	Since time.Time
	What  string // "no connection", "no reply", "broken reply" or "status 502"
}

// Name returns the party's name.
func (c *Client) Name() string { return c.name }

// Trouble returns the trouble that the last request met, or nil if it was
// answered. Since is when it began.
func (c *Client) Trouble() *Trouble { return c.trouble.Load() }

func (c *Client) note(reply Reply, err error) {
	what := ""
	for _, kind := range []error{ErrNotSent, ErrNoReply, ErrBadReply} {
		if errors.Is(err, kind) {
			what = kind.Error()
		}
	}
	if err == nil && reply.Status >= http.StatusInternalServerError {
		what = fmt.Sprintf("status %d", reply.Status)
	}
	if what == "" {
		c.trouble.Store(nil)
		return
	}
	since := c.now()
	if before := c.trouble.Load(); before != nil {
		since = before.Since
	}
	c.trouble.Store(&Trouble{Since: since, What: what})
}
