package upstream_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"nativebridge/adapters/internal/upstream"
)

// h2 is a server that speaks HTTP/2 frame by frame, so that a test says what
// becomes of each request.
type h2 struct {
	url   string
	roots *x509.CertPool
	act   func(c *h2conn, stream uint32, body string) // is told each whole request, one by one for a connection

	mu       sync.Mutex
	accepted int
	bodies   []string // of whole requests, in the order of their arrival
}

// h2conn is one connection to an h2, the first being number 1.
type h2conn struct {
	net.Conn
	*http2.Framer
	number int
}

func newH2(t *testing.T, act func(c *h2conn, stream uint32, body string)) *h2 {
	t.Helper()
	cert := httptest.NewTLSServer(nil)
	cert.Close()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Certificate())
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: cert.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	s := &h2{url: "https://" + listener.Addr().String(), roots: roots, act: act}
	var serving sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); listener.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.accepted++
			c := &h2conn{Conn: conn, Framer: http2.NewFramer(conn, conn), number: s.accepted}
			s.mu.Unlock()
			context.AfterFunc(ctx, func() { conn.Close() })
			serving.Go(func() { s.serve(c) })
		}
	})
	return s
}

func (s *h2) serve(c *h2conn) {
	defer c.Close()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c, preface); err != nil || c.WriteSettings() != nil {
		return
	}
	bodies := map[uint32]*bytes.Buffer{}
	for {
		frame, err := c.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = c.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = c.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			bodies[f.StreamID] = new(bytes.Buffer)
		case *http2.DataFrame:
			bodies[f.StreamID].Write(f.Data())
			if f.StreamEnded() {
				body := bodies[f.StreamID].String()
				s.mu.Lock()
				s.bodies = append(s.bodies, body)
				s.mu.Unlock()
				s.act(c, f.StreamID, body)
			}
		}
	}
}

// requests returns how many whole requests have arrived.
func (s *h2) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bodies)
}

func (s *h2) client() *upstream.Client { return newClient(s.roots) }

// answer replies with an empty 200.
func (c *h2conn) answer(stream uint32) {
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
}

// What may be repeated without being done twice is what RFC 9113 says was not
// processed (sections 6.8 and 8.7), and nothing else.
func TestDoTellsWhetherAnHTTP2RequestMayHaveBeenProcessed(t *testing.T) {
	tests := map[string]struct {
		act  func(c *h2conn, stream uint32)
		want error
	}{
		"the stream is refused": {func(c *h2conn, stream uint32) {
			_ = c.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		}, upstream.ErrNotSent},
		"the peer goes away before the stream": {func(c *h2conn, stream uint32) {
			_ = c.WriteGoAway(stream-2, http2.ErrCodeNo, nil)
		}, upstream.ErrNotSent},
		"the peer goes away before the stream and hangs up": {func(c *h2conn, stream uint32) {
			_ = c.WriteGoAway(stream-2, http2.ErrCodeEnhanceYourCalm, nil)
			c.Close()
		}, upstream.ErrNotSent},
		"the peer goes away after the stream and hangs up": {func(c *h2conn, stream uint32) {
			_ = c.WriteGoAway(stream, http2.ErrCodeNo, nil)
			c.Close()
		}, upstream.ErrNoReply},
		"the peer says first that it will go away, and hangs up": {func(c *h2conn, _ uint32) {
			_ = c.WriteGoAway(1<<31-1, http2.ErrCodeNo, nil)
			c.Close()
		}, upstream.ErrNoReply},
		"the peer hangs up": {func(c *h2conn, _ uint32) { c.Close() }, upstream.ErrNoReply},
		"the stream is reset for a protocol error": {func(c *h2conn, stream uint32) {
			_ = c.WriteRSTStream(stream, http2.ErrCodeProtocol)
		}, upstream.ErrNoReply},
		"the stream is reset for an internal error": {func(c *h2conn, stream uint32) {
			_ = c.WriteRSTStream(stream, http2.ErrCodeInternal)
		}, upstream.ErrNoReply},
		"the stream is cancelled": {func(c *h2conn, stream uint32) {
			_ = c.WriteRSTStream(stream, http2.ErrCodeCancel)
		}, upstream.ErrNoReply},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newH2(t, func(c *h2conn, stream uint32, body string) {
				if body == "first" {
					c.answer(stream)
					return
				}
				tt.act(c, stream)
			})
			client := s.client()
			if err := send(t, client, s.url, "first"); err != nil {
				t.Fatal(err)
			}
			err := send(t, client, s.url, "second")
			for _, kind := range []error{upstream.ErrNotSent, upstream.ErrNoReply, upstream.ErrBadReply} {
				if errors.Is(err, kind) != (kind == tt.want) {
					t.Errorf("err = %v, want only %v", err, tt.want)
				}
			}
			if s.requests() != 2 {
				t.Errorf("the server saw %d requests, want each of two once: whoever asks decides about a repeat", s.requests())
			}
		})
	}
}

// send posts body and returns how that failed.
func send(t *testing.T, client *upstream.Client, url, body string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return err
	}
	_, err = client.Do(req)
	return err
}

// A server takes some of a crowd's requests, says up to which, and cuts the
// connection. Whoever repeats what was not sent, once, gets all the others
// answered, and has nothing done twice.
func TestACutAfterGoAwayCostsOnlyWhatMayHaveBeenProcessed(t *testing.T) {
	const crowd, last = 40, 1 + 2*8 // the first stream and eight more
	var lost, answered sync.Map     // what became of the requests that the server took
	taken := 0                      // of the first connection
	s := newH2(t, func(c *h2conn, stream uint32, body string) {
		switch {
		case c.number > 1 || stream == 1:
			if _, again := answered.LoadOrStore(body, true); again {
				t.Errorf("request %s is done twice", body)
			}
			c.answer(stream)
		case stream <= last:
			lost.Store(body, true)
			if taken++; taken == 8 {
				_ = c.WriteGoAway(last, http2.ErrCodeNo, nil)
				c.Close()
			}
		}
	})
	client := s.client()
	if err := send(t, client, s.url, "first"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			body := strconv.Itoa(i)
			err := send(t, client, s.url, body)
			if errors.Is(err, upstream.ErrNotSent) {
				err = send(t, client, s.url, body)
			}
			_, wasLost := lost.Load(body)
			_, wasAnswered := answered.Load(body)
			switch {
			case wasLost && (wasAnswered || !errors.Is(err, upstream.ErrNoReply)):
				t.Errorf("request %s was taken: %v, answered: %v; want %v and no answer", body, err, wasAnswered, upstream.ErrNoReply)
			case !wasLost && err != nil:
				t.Errorf("request %s was not taken: %v", body, err)
			}
		})
	}
	all.Wait()
}

// A party that ends each connection after a reply is asked on a new one each time,
// and the bound of connections counts none that is gone.
func TestConnectionsThatArePutAwayAreNotCounted(t *testing.T) {
	s := newH2(t, func(c *h2conn, stream uint32, _ string) {
		c.answer(stream)
		_ = c.WriteGoAway(stream, http2.ErrCodeNo, nil)
		c.Close()
	})
	client := s.client()
	for range upstream.MaxConns + 10 {
		err := send(t, client, s.url, "x")
		if errors.Is(err, upstream.ErrNotSent) {
			err = send(t, client, s.url, "x")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// swallower passes bytes on between clients and a server until it swallows: then it
// takes what comes on the connections it has, and passes nothing on, as a firewall
// that has forgotten them does. New connections work.
type swallower struct {
	net.Listener
	generation atomic.Int64
}

func newSwallower(t *testing.T, server string) *swallower {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swallower{Listener: listener}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			context.AfterFunc(ctx, func() { client.Close(); behind.Close() })
			generation := s.generation.Load()
			go s.pass(behind, client, generation)
			go s.pass(client, behind, generation)
		}
	}()
	return s
}

func (s *swallower) pass(to, from net.Conn, generation int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if s.generation.Load() == generation {
			_, _ = to.Write(buffer[:n])
			if err != nil {
				to.Close()
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *swallower) swallow() { s.generation.Add(1) }

// The pings are quick here; nothing depends on how quick. Without them each
// request would wait on the dead connection until its time is up.
func TestADeadHTTP2ConnectionIsReplaced(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	path := newSwallower(t, server.Listener.Addr().String())
	client := upstream.New(upstream.Options{
		Name: "vendor", RootCAs: roots, Now: newClock().now,
		PingAfter: 20 * time.Millisecond, PingPatience: time.Second,
	})
	url := "https://" + path.Addr().String()
	if err := send(t, client, url, "before"); err != nil {
		t.Fatal(err)
	}
	path.swallow()
	lost := 0
	for err := send(t, client, url, "after"); err != nil; err = send(t, client, url, "after") {
		if lost++; lost > 2 {
			t.Fatalf("%d requests are lost, the last one with %v, want two at most", lost, err)
		}
	}
}

// HTTP/1.1 has no pings. One request is lost to find a dead connection, and not
// one for each connection that died with it.
func TestDeadHTTP1ConnectionsAreReplacedTogether(t *testing.T) {
	const pooled = 5
	var together sync.WaitGroup
	together.Add(pooled)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) == "before" {
			together.Done()
			together.Wait()
		}
	})
	path := newSwallower(t, server.Listener.Addr().String())
	client, url := newClient(nil), "http://"+path.Addr().String()
	var before sync.WaitGroup
	for range pooled {
		before.Go(func() {
			if err := send(t, client, url, "before"); err != nil {
				t.Error(err)
			}
		})
	}
	before.Wait()
	path.swallow()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("lost"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(req); !errors.Is(err, upstream.ErrNoReply) {
		t.Errorf("err = %v on a dead connection, want %v", err, upstream.ErrNoReply)
	}
	if err := send(t, client, url, "after"); err != nil {
		t.Errorf("the request after the lost one: %v", err)
	}
}

// What waits for a free connection waits within its context and is told so.
func TestConnectionsToAPartyAreBounded(t *testing.T) {
	var open, most atomic.Int64
	held, release := make(chan struct{}, 2*upstream.MaxConns), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) {
		held <- struct{}{}
		<-release
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			most.Store(max(most.Load(), open.Add(1)))
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(nil)
	var all sync.WaitGroup
	for range upstream.MaxConns {
		all.Go(func() {
			if err := send(t, client, server.URL, "x"); err != nil {
				t.Error(err)
			}
		})
	}
	for range upstream.MaxConns {
		<-held
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader("one too many"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Do(req)
	if !errors.Is(err, upstream.ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "all 256 connections are in use") {
		t.Errorf("err = %v, want it to say that no connection was free", err)
	}
	all.Go(func() { // it waits, and is served when another is done
		if err := send(t, client, server.URL, "x"); err != nil {
			t.Error(err)
		}
	})
	close(release)
	all.Wait()
	if most.Load() > upstream.MaxConns {
		t.Errorf("%d connections at once, want %d at most", most.Load(), upstream.MaxConns)
	}
}
