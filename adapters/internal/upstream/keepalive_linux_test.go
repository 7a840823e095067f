package upstream_test

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// A connection that died while it was idle is found within half a minute.
func TestAnIdleConnectionIsProbed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := newClient(nil)
	c, err := client.Transport().DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := client.TCP(c).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ level, option, want int }{
		"it is probed":             {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		"seconds until it is":      {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		"seconds between two":      {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
		"probes without an answer": {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		var got int
		var failed error
		if err := raw.Control(func(descriptor uintptr) { got, failed = unix.GetsockoptInt(int(descriptor), tt.level, tt.option) }); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
