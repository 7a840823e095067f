package serving

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// Limit returns listener with at most that many connections open at once. Server must
// serve on it; Limit sets its ConnState. If there is no place for a new connection, the
// one that has been idle for longest is closed. If none is idle, the new one waits, and
// those behind it wait in the queue of the operating system, until the server has given
// an answer or one of its time limits ends a connection.
func Limit(listener net.Listener, server *http.Server, most int) net.Listener {
	l := &limited{Listener: listener, most: most, idle: list.New(), idleAt: map[net.Conn]*list.Element{}}
	l.changed = sync.NewCond(&l.mu)
	server.ConnState = l.state
	return l
}

type limited struct {
	net.Listener
	most int

	mu      sync.Mutex
	changed *sync.Cond
	open    int
	closed  bool
	idle    *list.List // of net.Conn, the one that has been idle for longest first
	idleAt  map[net.Conn]*list.Element
}

// Accept returns the next connection when there is a place for it.
func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !l.takePlace() {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	return &placed{Conn: c, at: l, leave: sync.OnceFunc(l.leavePlace)}, nil
}

// takePlace waits for a place. It returns false if the listener is closed meanwhile.
func (l *limited) takePlace() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open >= l.most && !l.closed {
		if first := l.idle.Front(); first != nil {
			c := l.idle.Remove(first).(net.Conn)
			delete(l.idleAt, c)
			l.mu.Unlock()
			_ = c.Close() // this leaves its place
			l.mu.Lock()
			continue
		}
		l.changed.Wait()
	}
	if l.closed {
		return false
	}
	l.open++
	return true
}

func (l *limited) leavePlace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.changed.Signal()
}

// Close ends the accepting of connections. Open connections stay open.
func (l *limited) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.changed.Broadcast()
	return err
}

// state follows what the server does with a connection.
func (l *limited) state(c net.Conn, state http.ConnState) {
	if state != http.StateIdle {
		l.busy(c)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idleAt[c] = l.idle.PushBack(c)
	l.changed.Signal()
}

// busy notes that c has something to do, so that it is not closed to make room.
func (l *limited) busy(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, idle := l.idleAt[c]; idle {
		l.idle.Remove(at)
		delete(l.idleAt, c)
	}
}

// placed is a connection that leaves its place when it is closed.
type placed struct {
	net.Conn
	at    *limited
	leave func()
}

// Read makes the connection busy as soon as a request begins. The server tells that
// later, when it has read the headers.
func (c *placed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.at.busy(c)
	}
	return n, err
}

func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// NetConn returns the connection of the operating system.
func (c *placed) NetConn() net.Conn { return c.Conn }
