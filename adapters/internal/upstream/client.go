// Package upstream is the HTTP client that adapters ask outside parties with:
// bounded, without redirects, and exact about how far a request came.
package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"nativebridge/adapters/internal/sized"
)

// MaxReplyBytes bounds the body of a reply. The largest honest one, a session
// with its tokens, has some 10 KiB.
const MaxReplyBytes = 1 << 20

// MaxConns bounds the connections to one host. It is the default of MAX_IN_FLIGHT, so
// that no request of those in flight waits for a connection even if the vendor has no
// HTTP/2; with HTTP/2 one connection carries a hundred and more. A request that finds
// none free waits for one within its context.
const MaxConns = 256

// DefaultPingAfter and DefaultPingPatience bound how long a connection that died
// without a word takes requests with it. Together they are less than any adapter
// waits for a reply, so that a read can still be repeated.
const (
	DefaultPingAfter    = time.Second
	DefaultPingPatience = 1500 * time.Millisecond
)

var (
	// ErrNotSent means that nobody can have acted on the request, so that it may be
	// repeated whatever it asks for: no connection came about; or the connection was
	// lost before the request was written whole; or the peer says that it did not
	// process it, by REFUSED_STREAM or a GOAWAY for streams before it (RFC 9113,
	// sections 8.7 and 6.8).
	ErrNotSent = errors.New("no connection")
	// ErrNoReply means that the request may have been acted on, but no reply came.
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
	around  http.RoundTripper       // http with what Options.Around put around it
	reading atomic.Pointer[reading] // of its clock, see Earliest
	now     func() time.Time
	watch   Watcher
	conns   *openConns

	mu      sync.Mutex
	trouble *Trouble
}

// Options for New.
type Options struct {
	// Name is the party's, for errors and readiness, such as "authsignal".
	Name string
	// RootCAs are the authorities trusted for TLS; nil means the system's.
	RootCAs *x509.CertPool
	// Now tells the time.
	Now func() time.Time

	// Around, if it is set, returns the client's transport with something around it that
	// watches requests. What it puts there may not repeat a request.
	Around func(http.RoundTripper) http.RoundTripper
	// Watch, if it is set, is told what the client does.
	Watch Watcher

	// PingAfter is how long an HTTP/2 connection may be silent before it is pinged,
	// and PingPatience how long the pong may take before the connection counts as
	// dead. Zero means DefaultPingAfter and DefaultPingPatience.
	PingAfter, PingPatience time.Duration
}

// New returns a client with a connection pool of its own.
func New(o Options) *Client {
	c := &Client{name: o.Name, now: o.Now, watch: o.Watch, conns: newOpenConns()}
	if c.watch == nil {
		c.watch = nobody{}
	}
	c.http = &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialWith(newDialer(), c.conns, c.watch),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    3 * time.Second,
		MaxConnsPerHost:        MaxConns,
		MaxIdleConns:           MaxConns,
		MaxIdleConnsPerHost:    MaxConns,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  cmp.Or(o.PingAfter, DefaultPingAfter),
			PingTimeout:      cmp.Or(o.PingPatience, DefaultPingPatience),
			WriteByteTimeout: 3 * time.Second,
		},
	}
	// net/http's own HTTP/2 would repeat a request whose stream was reset with
	// PROTOCOL_ERROR, though it may have been processed. This one does not.
	if err := http2.ConfigureTransport(c.http); err != nil { //nolint:staticcheck // see above
		panic(fmt.Errorf("HTTP/2 for a transport that has none yet: %w", err))
	}
	c.around = c.http
	if o.Around != nil {
		c.around = o.Around(c.around)
	}
	return c
}

// Reply is an answer that arrived whole.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte

	question string // method and address of what was asked
}

// Do sends req and returns the reply, whatever its status. The error wraps
// ErrNotSent, ErrNoReply or ErrBadReply (then the reply still tells the status),
// and the context's error if that is why. It never quotes the request. A request
// with a body is sent once: repeating is for the caller to decide.
func (c *Client) Do(req *http.Request) (Reply, error) {
	asked, f := c.now(), &flight{client: c}
	question := req.Method + " " + req.URL.String()
	reply, err := c.do(f, req)
	reply.question = question
	c.watch.Asked(req.Context(), Asked{question, reply.Status, err, c.now().Sub(asked), f.resent()})
	c.learn(asked, reply)
	// A caller who leaves says nothing about the party that was asked.
	if !errors.Is(err, context.Canceled) {
		c.note(reply, err)
	}
	return reply, err
}

func (c *Client) do(f *flight, req *http.Request) (Reply, error) {
	if err := req.Context().Err(); err != nil {
		return Reply{}, fmt.Errorf("%s: %w: %w", c.name, ErrNotSent, err)
	}
	req = f.board(req)
	req.Header.Set("User-Agent", "native-bridge")

	resp, err := c.around.RoundTrip(req)
	if err != nil {
		return Reply{}, f.lost(req.Context(), err)
	}
	defer resp.Body.Close()
	reply := Reply{Status: resp.StatusCode, Header: resp.Header}
	body, err := sized.Read(resp.Body, resp.ContentLength, MaxReplyBytes+1)
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
	What  string // "no connection", "no reply", "broken reply", "status 502" or "refuses the bridge (401)"

	question string // that is refused
}

// Name returns the party's name.
func (c *Client) Name() string { return c.name }

// Trouble returns the trouble that the last request met, or nil if it was
// answered. Since is when it began.
func (c *Client) Trouble() *Trouble {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trouble
}

// Refused notes that a reply of Do refuses the bridge itself and not the person whom it
// asked about: the bridge's credentials are wrong, or something else listens at that
// address. Only an adapter can know that. It is the party's trouble until the same
// request is answered with a status in the 200s.
func (c *Client) Refused(reply Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meet(fmt.Sprintf("refuses the bridge (%d)", reply.Status), reply.question)
}

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
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case what != "":
		c.meet(what, "")
	case c.trouble != nil && c.trouble.question != "" && (reply.Status >= http.StatusMultipleChoices || reply.question != c.trouble.question):
		// The refused request may be refused again.
	default:
		c.trouble = nil
	}
}

// meet notes trouble. c.mu is held.
func (c *Client) meet(what, question string) {
	since := c.now()
	if c.trouble != nil {
		since = c.trouble.Since
	}
	c.trouble = &Trouble{Since: since, What: what, question: question}
}
