package upstream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/checks"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
	"nativebridge/ports/portstest"
)

// probeOf returns a probe of nothing but the way to an address.
func probeOf(client *upstream.Client, address string) checks.Probe {
	return func() []checks.Step {
		return client.Steps(upstream.Way{Party: "the vendor", Setting: "VENDOR_URL", Address: address, Codes: "NB10", Skew: 30 * time.Second})
	}
}

func TestTheWayIsCheckedAsAProbeMust(t *testing.T) {
	portstest.Probe(t, func(t *testing.T) portstest.ProbeHarness {
		silent := make(chan struct{})
		hung := false
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if hung {
				select {
				case <-silent:
				case <-r.Context().Done():
				}
			}
			w.WriteHeader(http.StatusNotFound)
		})
		t.Cleanup(func() { close(silent) })
		client := upstream.New(upstream.Options{Name: "vendor", Now: time.Now})
		return portstest.ProbeHarness{
			Probe: probeOf(client, server.URL),
			Break: func(*testing.T) { server.Close() },
			Hang:  func(*testing.T) { hung = true },
		}
	})
}

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key, cert}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// serveTLS starts a server with a certificate of the authority's.
func (a authority) serveTLS(t *testing.T, change func(*x509.Certificate)) *httptest.Server {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"vendor.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: a.key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestWhatIsWrongOnTheWayIsNamed(t *testing.T) {
	vendor, proxy := newAuthority(t, "Vendor CA"), newAuthority(t, "Corporate Proxy CA")
	well := func(*x509.Certificate) {}
	dated := func(shift time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(shift).UTC().Format(http.TimeFormat))
		}
	}
	for name, tt := range map[string]struct {
		address       func(t *testing.T) string
		code, problem string // of the check that fails; "" if none does
	}{
		"all is well":            {func(t *testing.T) string { return vendor.serveTLS(t, well).URL }, "", ""},
		"a name that nobody has": {func(*testing.T) string { return "https://nobody.invalid" }, "NB100", "looking nobody.invalid up failed"},
		"nobody listens":         {refused, "NB101", "connection refused"},
		"an expired certificate": {func(t *testing.T) string {
			return vendor.serveTLS(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }).URL
		}, "NB102", "this machine's clock shows"},
		"a proxy that opens the connection": {func(t *testing.T) string { return proxy.serveTLS(t, well).URL }, "NB102", `"CN=Corporate Proxy CA", which this machine does not trust: perhaps a proxy`},
		"somebody else's certificate": {func(t *testing.T) string {
			return vendor.serveTLS(t, func(c *x509.Certificate) { c.IPAddresses = nil }).URL
		}, "NB102", "is for vendor.example"},
		"no TLS where it should be": {func(t *testing.T) string {
			return strings.Replace(serve(t, http.NotFound).URL, "http:", "https:", 1)
		}, "NB102", "does not speak TLS"},
		"a connection that is cut": {func(t *testing.T) string {
			return serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).URL
		}, "NB103", "no reply"},
		"a clock that is behind the vendor's":      {func(t *testing.T) string { return serve(t, dated(time.Hour)).URL }, "NB104", "behind the vendor's"},
		"a clock that is ahead of the vendor's":    {func(t *testing.T) string { return serve(t, dated(-time.Hour)).URL }, "NB104", "ahead of the vendor's"},
		"clocks that differ by less than they may": {func(t *testing.T) string { return serve(t, dated(10*time.Second)).URL }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := upstream.New(upstream.Options{Name: "vendor", Now: time.Now, RootCAs: vendor.pool()})
			failed := domain.Finding{}
			probeOf(client, tt.address(t)).Run(t.Context(), func(finding domain.Finding) {
				if finding.Outcome == domain.Failed {
					failed = finding
				}
			})
			if failed.Code != tt.code || !strings.Contains(failed.Problem, tt.problem) {
				t.Errorf("%q fails: %s\nwant %q: … %s …", failed.Code, failed.Problem, tt.code, tt.problem)
			}
		})
	}
}

// The Date of whoever stands in between says nothing about the party's clock.
func TestADateThatIsNotThePartysIsNotGoneBy(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"from a cache":       func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Age", "60") },
		"of a failure":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"that is not a time": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", "today") },
		"that is not there":  func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
				answer(w, r)
			})
			client := upstream.New(upstream.Options{Name: "vendor", Now: time.Now})
			probeOf(client, server.URL).Run(context.WithoutCancel(t.Context()), func(finding domain.Finding) {
				if finding.Code == "NB104" && finding.Outcome != domain.NotMade {
					t.Errorf("the outcome is %v: %s", finding.Outcome, finding.Problem)
				}
			})
		})
	}
}
