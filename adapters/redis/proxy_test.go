package redis_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"nativebridge/adapters/redis/redistest"
)

func port(server *redistest.Server) string {
	_, port, _ := net.SplitHostPort(server.Addr())
	return port
}

// proxy stands between a store and its server, as a network does.
type proxy struct {
	addr string
	lost atomic.Int32 // answers, and commands, that did not come through

	mu     sync.Mutex
	target string
	lose   string // the next answer that holds this is lost, with its connection
	drop   string // commands that hold this are lost; "" for none
	open   int    // connections
	conns  []net.Conn
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: listener.Addr().String(), target: target}
	t.Cleanup(func() { listener.Close(); p.failOver("127.0.0.1:1") })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns = append(p.conns, client)
	p.open++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
	}()
	go func() {
		_, _ = io.Copy(&dropping{server, p}, client)
		server.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || p.loses(buf[:n]) {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// dropping passes on every command that the proxy does not drop.
type dropping struct {
	io.Writer
	p *proxy
}

func (d *dropping) Write(command []byte) (int, error) {
	d.p.mu.Lock()
	drops := d.p.drop != "" && bytes.Contains(command, []byte(d.p.drop))
	d.p.mu.Unlock()
	if drops {
		d.p.lost.Add(1)
		return len(command), nil
	}
	return d.Writer.Write(command)
}

// dropCommands loses every command that holds text, without a word to either side.
func (p *proxy) dropCommands(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop = text
}

// connections returns how many are open.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// loseAnswer loses the next answer that holds text. The server has done by then what it
// was asked to do.
func (p *proxy) loseAnswer(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = text
}

func (p *proxy) loses(answer []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose == "" || !bytes.Contains(answer, []byte(p.lose)) {
		return false
	}
	p.lose = ""
	p.lost.Add(1)
	return true
}

// failOver breaks all connections and leads new ones to another server.
func (p *proxy) failOver(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
	for _, conn := range p.conns {
		conn.Close()
	}
	p.conns = nil
}
