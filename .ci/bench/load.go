package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// answer is what became of one request.
type answer struct {
	status   int           // 0 if there was none
	session  bool          // whether it is a session
	took     time.Duration // from when the request was due
	overhead time.Duration // the part of it that the vendors did not wait
}

// load is how callers ask for sessions: each on a connection of its own, in HTTP/1.1, each
// time with another token.
type load struct {
	addresses []string // of the processes that the callers are spread over
	path      string
	mint      *mint
	delayOf   func(token string) time.Duration
	patience  time.Duration // after which a caller gives up
}

// steady has so many callers ask again and again: each asks when it has its answer (a
// closed loop). It returns what is answered between the end of the warm-up and that of the
// length, and calls mark at both.
func (l load) steady(callers int, warmUp, length time.Duration, mark func()) []answer {
	var mu sync.Mutex
	var all sync.WaitGroup
	var answers []answer
	var counts, over atomic.Bool
	for i := range callers {
		all.Go(func() {
			caller := l.caller(i)
			defer caller.hangUp()
			var mine []answer
			for !over.Load() {
				if one := caller.ask(time.Now()); counts.Load() {
					mine = append(mine, one)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, mine...)
		})
	}
	time.Sleep(warmUp)
	mark()
	counts.Store(true)
	time.Sleep(length)
	counts.Store(false)
	mark()
	over.Store(true)
	all.Wait()
	return answers
}

// arriving sends so many requests a second, whatever becomes of those before (an open
// loop), each on a new connection.
func (l load) arriving(rate float64, length time.Duration) []answer {
	var mu sync.Mutex
	var all sync.WaitGroup
	var answers []answer
	began := time.Now()
	for i := range int(rate * length.Seconds()) {
		due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		all.Go(func() {
			caller := l.caller(i)
			defer caller.hangUp()
			one := caller.ask(due)
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, one)
		})
	}
	all.Wait()
	return answers
}

// caller is one app.
type caller struct {
	load
	address string
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

func (l load) caller(i int) *caller {
	return &caller{load: l, address: l.addresses[i%len(l.addresses)]}
}

func (c *caller) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// ask sends one request, on the connection that it has if there is one.
func (c *caller) ask(due time.Time) answer {
	token := c.mint.token()
	status, body, err := c.exchange(token)
	if err != nil {
		c.hangUp()
		status = 0
	}
	a := answer{status: status, session: status == http.StatusOK && bytes.Contains(body, []byte(`"access_token"`)), took: time.Since(due)}
	a.overhead = a.took - c.delayOf(token)
	return a
}

// exchange is written by hand, because net/http's client would take more of the core that
// the vendors run on.
func (c *caller) exchange(token string) (status int, body []byte, err error) {
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", c.address, c.patience); err != nil {
			return 0, nil, err
		}
		c.reader = bufio.NewReader(c.conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, nil, err
	}
	c.request = append(c.request[:0], "POST "+c.path+" HTTP/1.1\r\nHost: "+c.address+"\r\nContent-Type: application/json\r\nContent-Length: "...)
	c.request = strconv.AppendInt(c.request, int64(len(`{"token":""}`)+len(token)), 10)
	c.request = append(c.request, "\r\n\r\n{\"token\":\""+token+"\"}"...)
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if resp.Close {
		c.hangUp()
	}
	return resp.StatusCode, body, err
}
