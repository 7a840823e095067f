package upstream_test

import (
	"crypto/tls"
	"testing"
	"time"

	"nativebridge/adapters/internal/upstream"
)

func TestEveryTimeOfAConnectionIsBounded(t *testing.T) {
	transport := newClient(nil).Transport()
	for name, tt := range map[string]struct{ got, want time.Duration }{
		"connecting":                 {upstream.NewDialer().Timeout, 3 * time.Second},
		"the handshake of TLS":       {transport.TLSHandshakeTimeout, 3 * time.Second},
		"between two requests":       {transport.IdleConnTimeout, 90 * time.Second},
		"silence before a ping":      {transport.HTTP2.SendPingTimeout, time.Second},
		"waiting for the pong":       {transport.HTTP2.PingTimeout, 1500 * time.Millisecond},
		"a write that does not move": {transport.HTTP2.WriteByteTimeout, 3 * time.Second},
	} {
		if tt.got != tt.want {
			t.Errorf("%s may take %s, want %s", name, tt.got, tt.want)
		}
	}
	chosen := upstream.New(upstream.Options{Now: time.Now, PingAfter: time.Minute, PingPatience: time.Hour}).Transport().HTTP2
	if chosen.SendPingTimeout != time.Minute || chosen.PingTimeout != time.Hour {
		t.Errorf("pings after %s, for %s, want what was chosen", chosen.SendPingTimeout, chosen.PingTimeout)
	}
}

func TestEveryNumberOfAConnectionIsBounded(t *testing.T) {
	transport := newClient(nil).Transport()
	for name, tt := range map[string]struct{ got, want int }{
		"connections to a host":      {transport.MaxConnsPerHost, 256},
		"connections that are idle":  {transport.MaxIdleConns, 256},
		"idle connections to a host": {transport.MaxIdleConnsPerHost, 256},
		"bytes of headers":           {int(transport.MaxResponseHeaderBytes), 64 << 10},
		"bytes of a body":            {upstream.MaxReplyBytes, 1 << 20},
		"the version of TLS":         {int(transport.TLSClientConfig.MinVersion), tls.VersionTLS12},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %d, want %d", name, tt.got, tt.want)
		}
	}
	if transport.Proxy == nil {
		t.Error("no proxy is asked for")
	}
}
