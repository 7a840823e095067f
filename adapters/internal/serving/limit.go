package serving

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limit returns listener with at most that many connections open at once. Server must
// serve on it; Limit sets its ConnState. If there is no place for a new connection, the
// one that has been idle for longest is closed. A new connection that has sent nothing for
// a second is idle, too: whoever connects and stays silent must keep nobody out. One whose
// next request has arrived is not, even if the server has not read it yet (on Linux;
// elsewhere that cannot be told). If none is idle, the new one waits, and those behind it wait in the
// queue of the operating system, until the server has given an answer or one of its time
// limits ends a connection.
func Limit(listener net.Listener, server *http.Server, most int) *Limited {
	l := &Limited{Listener: listener, most: most, idle: list.New(), idleAt: map[net.Conn]*list.Element{}}
	l.changed = sync.NewCond(&l.mu)
	server.ConnState = l.state
	return l
}

// silence is how long a new connection may send nothing before it makes room. Whoever has
// something to send has sent it by then.
const silence = time.Second

// Limited is a listener with a limit of connections. Make one with Limit.
type Limited struct {
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
func (l *Limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !l.takePlace() {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	p := &placed{Conn: c, at: l, leave: sync.OnceFunc(l.leavePlace)}
	time.AfterFunc(silence, func() { l.hasBeenSilent(p) })
	return p, nil
}

// Open returns how many connections are open, and how many may be.
func (l *Limited) Open() (open, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open, l.most
}

// takePlace waits for a place. It returns false if the listener is closed meanwhile.
func (l *Limited) takePlace() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open >= l.most && !l.closed {
		if first := l.idle.Front(); first != nil {
			c := l.idle.Remove(first).(net.Conn)
			delete(l.idleAt, c)
			if hasUnread(c) {
				continue
			}
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

func (l *Limited) leavePlace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.changed.Signal()
}

// Close ends the accepting of connections. Open connections stay open.
func (l *Limited) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.changed.Broadcast()
	return err
}

// state follows what the server does with a connection.
func (l *Limited) state(c net.Conn, state http.ConnState) {
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
		if state == http.StateIdle && encrypted.ConnectionState().NegotiatedProtocol == "h2" {
			l.multiplexes(c)
		}
	}
	if state == http.StateIdle {
		l.makesRoom(c)
		return
	}
	if state != http.StateNew {
		l.busy(c)
	}
}

// multiplexes notes that c carries HTTP/2. Not all that is read from it is a request then,
// and the server alone tells when it is busy.
func (l *Limited) multiplexes(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := c.(*placed); ok {
		p.multiplexed = true
	}
}

// makesRoom notes that c may be closed for a newcomer.
func (l *Limited) makesRoom(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addIdle(c)
}

// hasBeenSilent notes that c may be closed for a newcomer, unless something has been read
// from it by now.
func (l *Limited) hasBeenSilent(c *placed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.used {
		l.addIdle(c)
	}
}

// addIdle wakes whoever waits for a place. l.mu is held.
func (l *Limited) addIdle(c net.Conn) {
	l.idleAt[c] = l.idle.PushBack(c)
	l.changed.Signal()
}

// hasRead notes that something was read from c.
func (l *Limited) hasRead(c *placed) {
	l.mu.Lock()
	multiplexed := c.multiplexed
	l.mu.Unlock()
	if !multiplexed {
		l.busy(c)
	}
}

// busy notes that c has something to do, or has ended, so that it is not closed to make
// room.
func (l *Limited) busy(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := c.(*placed); ok {
		p.used = true
	}
	if at, idle := l.idleAt[c]; idle {
		l.idle.Remove(at)
		delete(l.idleAt, c)
	}
}

// placed is a connection that leaves its place when it is closed.
type placed struct {
	net.Conn
	at    *Limited
	leave func()

	// at.mu guards both.
	used        bool // something was read, or it has ended
	multiplexed bool // see Limited.multiplexes
}

// Read makes the connection busy as soon as a request begins. The server tells that
// later, when it has read the headers.
func (c *placed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.at.hasRead(c)
	}
	return n, err
}

func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite ends what the server says, and not what it hears. net/http does so after it
// refused to read a request to its end: without it the caller would get a reset instead of
// the answer.
func (c *placed) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn returns the connection of the operating system.
func (c *placed) NetConn() net.Conn { return c.Conn }
