// Package cannedtest speaks just enough HTTP/1.1 to stand on both sides of what is
// measured, and allocates nothing for a request: what a benchmark counts is then of what
// it measures alone.
package cannedtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Answer appends the JSON body of a 200 to body. It may be called by several connections
// at once.
type Answer func(body []byte) []byte

// Text returns the answer that is always text.
func Text(text string) Answer {
	return func(body []byte) []byte { return append(body, text...) }
}

func nothing(body []byte) []byte { return body }

// Serve answers on a loopback address until the test ends, and returns its URL, such as
// http://127.0.0.1:1234. The answers are named by method and path, such as
// "POST /oauth/token"; HEAD is answered without a body. Any other request fails the test
// and ends its connection.
func Serve(tb testing.TB, answers map[string]Answer) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{tb: tb, answers: answers, open: map[net.Conn]bool{}}
	s.all.Go(func() { s.accept(listener) })
	tb.Cleanup(func() {
		_ = listener.Close()
		s.closeAll()
		s.all.Wait()
	})
	return "http://" + listener.Addr().String()
}

type server struct {
	tb      testing.TB
	answers map[string]Answer
	all     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		if s.closed {
			_ = conn.Close()
		}
		s.mu.Unlock()
		s.all.Go(func() { s.serve(conn) })
	}
}

func (s *server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.open {
		_ = conn.Close()
	}
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	request := message{Reader: bufio.NewReader(conn)}
	var body, reply []byte
	for request.read() == nil { // until the client closes the connection
		what, _, _ := bytes.Cut(request.start, version)
		answer, found := s.answers[string(what)]
		if bytes.HasPrefix(what, head) { // asked to open a connection
			answer, found = nothing, true
		}
		if !found {
			s.tb.Errorf("there is no answer to %q", what)
			return
		}
		body = answer(body[:0])
		reply = append(reply[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "...)
		reply = strconv.AppendInt(reply, int64(len(body)), 10)
		reply = append(append(reply, "\r\n\r\n"...), body...)
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// Caller sends one request again and again, over one connection. Make one with NewCaller.
type Caller struct {
	tb      testing.TB
	conn    net.Conn
	request []byte
	answer  message
}

// NewCaller returns a caller of the server at address, such as 127.0.0.1:1234, who posts
// JSON to path. Its connection is closed when the test ends.
func NewCaller(tb testing.TB, address, path, body string) *Caller {
	tb.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: an app/1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, address, len(body), body)
	return &Caller{tb: tb, conn: conn, request: []byte(request), answer: message{Reader: bufio.NewReader(conn)}}
}

// Call sends the request, and fails the test if it is not answered 200. A 503 is what a
// machine that is busy with other work may make of it, so that it is sent again then.
func (c *Caller) Call() {
	for range maxTries {
		if _, err := c.conn.Write(c.request); err != nil {
			c.tb.Fatal(err)
		}
		if err := c.answer.read(); err != nil || !bytes.HasPrefix(c.answer.start, unavailable) {
			break
		}
	}
	if !bytes.HasPrefix(c.answer.start, good) {
		c.tb.Fatalf("answered %q, want 200", c.answer.start)
	}
}

const maxTries = 10

// message reads requests or answers.
type message struct {
	*bufio.Reader
	start []byte // the first line
}

var (
	head             = []byte("HEAD ")
	version          = []byte(" HTTP/1.1")
	good             = []byte("HTTP/1.1 200 ")
	unavailable      = []byte("HTTP/1.1 503 ")
	contentLength    = []byte("Content-Length: ")
	transferEncoding = []byte("Transfer-Encoding: chunked")
	errNoLength      = errors.New("a body without a length")
)

// read reads the next one and drops its body.
func (m *message) read() error {
	m.start = m.start[:0]
	line, err := m.ReadSlice('\n')
	if err != nil {
		return err
	}
	m.start = append(m.start, bytes.TrimRight(line, "\r\n")...)
	length, isChunked := int64(0), false
	for len(line) > len("\r\n") {
		if line, err = m.ReadSlice('\n'); err != nil {
			return err
		}
		if value, found := bytes.CutPrefix(line, contentLength); found {
			if length, err = strconv.ParseInt(string(bytes.TrimRight(value, "\r\n")), 10, 32); err != nil {
				return errNoLength
			}
		}
		isChunked = isChunked || bytes.HasPrefix(line, transferEncoding)
	}
	if isChunked {
		return m.discardChunks()
	}
	_, err = m.Discard(int(length))
	return err
}

func (m *message) discardChunks() error {
	for {
		line, err := m.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return errNoLength
		}
		if _, err := m.Discard(int(size) + len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}
