package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/certtest"
	"nativebridge/adapters/httpapi"
	"nativebridge/adapters/internal/serving"
)

func TestPlainHTTPThatTheInternetMayReachIsAWarning(t *testing.T) {
	pair, dir := certtest.New(t).Issue(time.Now().Add(time.Hour)), t.TempDir()
	certtest.Write(t, filepath.Join(dir, "cert"), pair.Cert)
	certtest.Write(t, filepath.Join(dir, "key"), pair.Key)
	encrypted := httpapi.Config{ListenAddr: ":8080", MaxInFlight: 1, MaxConnections: 2, TLS: serving.TLS{CertFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key")}}
	if faults := encrypted.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := encrypted.Warnings(); len(got) > 0 {
		t.Errorf("with TLS it is warned: %q", got)
	}
	for address, warned := range map[serving.Addr]bool{
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "192.0.2.7:8080": true, "[2001:db8::1]:8080": true, "bridge.example.com:8080": true,
		"127.0.0.1:8080": false, "localhost:8080": false, "[::1]:8080": false, "10.1.2.3:8080": false, "[fd00::1]:8080": false, "169.254.1.1:8080": false,
	} {
		for proxies, warned := range map[string]bool{"none are named": warned, "none": warned, "10.0.0.0/8": false} {
			config := httpapi.Config{ListenAddr: address}
			switch proxies {
			case "none":
				config.TrustedProxies = httpapi.Prefixes{}
			case "10.0.0.0/8":
				config.TrustedProxies = httpapi.Prefixes{netip.MustParsePrefix(proxies)}
			}
			got := config.Warnings()
			if (len(got) == 1) != warned || warned && (!strings.HasPrefix(got[0], "LISTEN_ADDR serves plain HTTP") || !strings.Contains(got[0], "TLS_CERT_FILE")) {
				t.Errorf("%s, proxies %s: warned %q, want a warning: %t", address, proxies, got, warned)
			}
		}
	}
}

func TestWhileItDrainsEachAnswerEndsItsConnection(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{})
	ends := func() string {
		answer := httptest.NewRecorder()
		b.server.HTTPServer().Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/openapi.yaml", nil))
		return answer.Header().Get("Connection")
	}
	if got := ends(); got != "" {
		t.Errorf("Connection: %q before it drains, want none", got)
	}
	b.server.Drain()
	if got := ends(); got != "close" {
		t.Errorf("Connection: %q while it drains, want close", got)
	}
}
