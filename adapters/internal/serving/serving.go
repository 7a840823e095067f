// Package serving opens addresses and answers on them until it is told to stop.
package serving

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// Addr is an address to listen on, host:port or :port.
type Addr string

// UnmarshalText checks the form.
func (a *Addr) UnmarshalText(text []byte) error {
	if _, _, err := net.SplitHostPort(string(text)); err != nil {
		return fmt.Errorf("that is not host:port or :port")
	}
	*a = Addr(text)
	return nil
}

// Overlaps reports whether one process cannot listen on both addresses: the ports are the
// same, and the hosts are the same or one of them means every host. Port 0 overlaps with
// nothing, because it means any free port.
func (a Addr) Overlaps(b Addr) bool {
	hostA, portA, _ := net.SplitHostPort(string(a))
	hostB, portB, _ := net.SplitHostPort(string(b))
	return portA == portB && portA != "0" && (hostA == hostB || everyHost(hostA) || everyHost(hostB))
}

func everyHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// Listen opens the address that the given setting names. The error says what to do
// about it.
func Listen(ctx context.Context, setting string, addr Addr) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", string(addr))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s %s, choose another address or stop what listens there: %w", setting, addr, err)
	}
	return listener, nil
}

// Until serves on listener, with TLS if the server has a TLSConfig, until ctx ends, and then finishes what is in flight: it
// takes no new connections from that moment on, and returns after the last answer, at
// the latest after the server's WriteTimeout. It returns earlier, with an error, if
// serving fails.
func Until(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(listener, "", "")
			return
		}
		failed <- server.Serve(listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), server.WriteTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop: requests were cut off after %s: %w", server.WriteTimeout, errors.Join(err, server.Close()))
	}
	return nil
}
