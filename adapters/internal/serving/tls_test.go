package serving_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/certtest"
	"nativebridge/adapters/internal/logtest"
	"nativebridge/adapters/internal/serving"
)

// tlsFiles are the files of a listener with TLS.
type tlsFiles struct {
	t         *testing.T
	dir       string
	authority *certtest.Authority
}

func newTLSFiles(t *testing.T) tlsFiles {
	t.Helper()
	return tlsFiles{t, t.TempDir(), certtest.New(t)}
}

func (f tlsFiles) path(name string) string { return filepath.Join(f.dir, name) }

// put writes a new pair, and returns what serves it.
func (f tlsFiles) put(expires time.Time) (config serving.TLS, serial int64) {
	f.t.Helper()
	pair := f.authority.Issue(expires)
	certtest.Write(f.t, f.path("cert"), pair.Cert)
	certtest.Write(f.t, f.path("key"), pair.Key)
	return serving.TLS{CertFile: f.path("cert"), KeyFile: f.path("key")}, pair.Serial
}

// read has config read its files, which must be good.
func (f tlsFiles) read(config serving.TLS) serving.TLS {
	f.t.Helper()
	if faults := config.Check(); len(faults) > 0 {
		f.t.Fatal(faults)
	}
	return config
}

func TestEachFaultOfTLSIsToldAtOnceAndQuotesNothing(t *testing.T) {
	f := newTLSFiles(t)
	good, _ := f.put(time.Now().Add(time.Hour))
	other := f.authority.Issue(time.Now().Add(time.Hour))
	certtest.Write(t, f.path("other-key"), other.Key)
	certtest.Write(t, f.path("nothing"), []byte("hunter2"))
	for name, tt := range map[string]struct {
		config serving.TLS
		want   []string
	}{
		"nothing is set":           {serving.TLS{}, nil},
		"all is well":              {good, nil},
		"no key":                   {serving.TLS{CertFile: good.CertFile}, []string{"TLS_KEY_FILE is not set"}},
		"no certificate":           {serving.TLS{KeyFile: good.KeyFile}, []string{"TLS_CERT_FILE is not set"}},
		"authorities alone":        {serving.TLS{ClientCAFile: good.CertFile}, []string{"TLS_CERT_FILE is not set", "TLS_KEY_FILE is not set"}},
		"files that are not there": {serving.TLS{CertFile: f.path("no"), KeyFile: f.path("no"), ClientCAFile: f.path("no")}, []string{"TLS_CERT_FILE names a file that cannot be read: no such file", "TLS_KEY_FILE names a file that cannot be read", "TLS_CLIENT_CA_FILE names a file that cannot be read"}},
		"a key of another":         {serving.TLS{CertFile: good.CertFile, KeyFile: f.path("other-key")}, []string{"TLS_KEY_FILE names a key that does not fit"}},
		"neither is any":           {serving.TLS{CertFile: f.path("nothing"), KeyFile: f.path("nothing"), ClientCAFile: f.path("nothing")}, []string{"TLS_CLIENT_CA_FILE names a file that has no certificate", "TLS_CERT_FILE names a file whose first certificate", "TLS_KEY_FILE names a file that has no private key"}},
		"the two changed about":    {serving.TLS{CertFile: good.KeyFile, KeyFile: good.CertFile}, []string{"TLS_CERT_FILE names a file whose first certificate", "TLS_KEY_FILE names a file that has no private key"}},
	} {
		t.Run(name, func(t *testing.T) {
			faults := tt.config.Check()
			if len(faults) != len(tt.want) || tt.config.Given() != (tt.config.CertFile != "" && len(tt.want) == 0) {
				t.Fatalf("faults %v, given %t, want %q", faults, tt.config.Given(), tt.want)
			}
			for i, fault := range faults {
				if told := fault.Name + " " + fault.Problem; !strings.HasPrefix(told, tt.want[i]) || fault.Fix == "" || strings.Contains(told+fault.Fix, f.dir) || strings.Contains(told+fault.Fix, "hunter2") {
					t.Errorf("fault %q, fix %q, want %q, and nothing of path or content", told, fault.Fix, tt.want[i])
				}
			}
		})
	}
}

// listen serves config's TLS, and returns the address.
func listen(t *testing.T, config serving.TLS, most int, log *slog.Logger) (address string, limited *serving.Limited) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	errorLog := serving.NewErrorLog(log)
	server := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }),
		TLSConfig: config.Config(), ErrorLog: errorLog.Logger(), ConnContext: serving.WithConn, ReadHeaderTimeout: time.Minute, WriteTimeout: time.Minute,
	}
	limited = serving.Limit(inner, server, most)
	go func() { _ = serving.Until(t.Context(), server, limited) }()
	t.Cleanup(func() { _ = server.Close(); errorLog.Flush() })
	return inner.Addr().String(), limited
}

// client returns one that trusts the authority.
func (f tlsFiles) client(shows ...tls.Certificate) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: f.authority.Pool(), Certificates: shows}}
	f.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask returns the protocol of an answer, and the serial number of who gave it.
func ask(t *testing.T, client *http.Client, address string) (protocol string, serial int64, err error) {
	t.Helper()
	resp, err := client.Get("https://" + address)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp.TLS.PeerCertificates[0].SerialNumber.Int64(), err
}

func TestARenewedCertificateIsTakenAndNoConnectionIsDropped(t *testing.T) {
	f := newTLSFiles(t)
	config, first := f.put(time.Now().Add(time.Hour))
	running := f.read(config)
	address, _ := listen(t, running, 10, slog.New(slog.DiscardHandler))
	stays := f.client()
	if protocol, serial, err := ask(t, stays, address); err != nil || protocol != "HTTP/2.0" || serial != first {
		t.Fatalf("answered by %s with certificate %d, %v, want HTTP/2.0 with %d", protocol, serial, err, first)
	}
	if changed := running.Adopt(f.read(config)); changed != nil {
		t.Errorf("%v are new, though nothing has changed", changed)
	}
	soon := time.Now().Add(2 * time.Hour)
	_, second := f.put(soon)
	if changed := running.Adopt(f.read(config)); !slices.Equal(changed, []string{"TLS_CERT_FILE", "TLS_KEY_FILE"}) {
		t.Errorf("%v are new, want the certificate and the key", changed)
	}
	if got := running.Expires(); got.Unix() != soon.Unix() {
		t.Errorf("it expires at %s, want %s", got, soon)
	}
	if _, serial, err := ask(t, stays, address); err != nil || serial != first {
		t.Errorf("the open connection: certificate %d, %v, want %d still", serial, err, first)
	}
	if _, serial, err := ask(t, f.client(), address); err != nil || serial != second {
		t.Errorf("a new connection: certificate %d, %v, want %d", serial, err, second)
	}
}

func TestWhoShowsNoCertificateOfTheAuthoritiesIsRefused(t *testing.T) {
	f, strangers := newTLSFiles(t), certtest.New(t)
	config, _ := f.put(time.Now().Add(time.Hour))
	config.ClientCAFile = f.path("ca")
	certtest.Write(t, f.path("ca"), f.authority.PEM())
	running := f.read(config)
	address, _ := listen(t, running, 10, slog.New(slog.DiscardHandler))
	ours, theirs := f.authority.Issue(time.Now().Add(time.Hour)).Certificate(t), strangers.Issue(time.Now().Add(time.Hour)).Certificate(t)
	want := func(what string, served bool, shows ...tls.Certificate) {
		t.Helper()
		if _, _, err := ask(t, f.client(shows...), address); (err == nil) != served {
			t.Errorf("%s: err = %v, want one: %t", what, err, !served)
		}
	}
	want("no certificate", false)
	want("a stranger's", false, theirs)
	want("ours", true, ours)
	certtest.Write(t, f.path("ca"), strangers.PEM())
	if changed := running.Adopt(f.read(config)); !slices.Equal(changed, []string{"TLS_CLIENT_CA_FILE"}) {
		t.Errorf("%v are new, want the authorities", changed)
	}
	want("ours, which is no longer signed by an authority", false, ours)
	want("a stranger's, who is one no more", true, theirs)
}

func TestTLSIsOneOfAVersionThatIsSafe(t *testing.T) {
	f := newTLSFiles(t)
	config, _ := f.put(time.Now().Add(time.Hour))
	address, _ := listen(t, f.read(config), 10, slog.New(slog.DiscardHandler))
	for version, served := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: f.authority.Pool(), MinVersion: version, MaxVersion: version}) // #nosec G402 -- an old version is what is tried
		if err == nil {
			_ = c.Close()
		}
		if (err == nil) != served {
			t.Errorf("%s: err = %v, want one: %t", tls.VersionName(version), err, !served)
		}
	}
}

// An idle connection with HTTP/2 gets pings and the like, which are no requests.
func TestWithTLSIdleConnectionsMakeRoomToo(t *testing.T) {
	f := newTLSFiles(t)
	config, _ := f.put(time.Now().Add(time.Hour))
	address, limited := listen(t, f.read(config), 2, slog.New(slog.DiscardHandler))
	for range 6 {
		if _, _, err := ask(t, f.client(), address); err != nil {
			t.Fatal(err)
		}
	}
	if open, _ := limited.Open(); open > 2 {
		t.Errorf("%d connections are open, want 2 at most", open)
	}
}

func TestAFloodOfFailedHandshakesIsCountedAndNotLogged(t *testing.T) {
	f := newTLSFiles(t)
	config, _ := f.put(time.Now().Add(time.Hour))
	log := &logtest.Log{}
	errors := serving.NewErrorLog(slog.New(slog.NewTextHandler(log, nil)))
	for i := range 100 {
		errors.Logger().Printf("http: TLS handshake error from 192.0.2.1:%d: EOF", i)
	}
	errors.Logger().Print("http: Accept error: too many open files")
	errors.Flush()
	if lines := strings.Count(log.String(), "TLS handshake error"); lines != 5 || !strings.Contains(log.String(), "left_out=95") || !strings.Contains(log.String(), "Accept error") {
		t.Errorf("%d lines of handshakes, want 5, 95 left out, and the other error:\n%s", lines, log)
	}

	address, _ := listen(t, f.read(config), 10, slog.New(slog.DiscardHandler))
	resp, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusBadRequest || !bytes.Contains(body, []byte("HTTPS")) {
		t.Errorf("plain HTTP is answered %d %q, want 400 that says so", resp.StatusCode, body)
	}
}

func TestTheWaitOfARequestIsKnownWithTLS(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("only Linux says how long a request has waited (TCP_INFO); elsewhere the time counts from its reading")
	}
	f := newTLSFiles(t)
	config, _ := f.put(time.Now().Add(time.Hour))
	known := make(chan bool, 1)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{TLSConfig: f.read(config).Config(), ConnContext: serving.WithConn, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for wait := time.Duration(0); wait == 0; { // it counts milliseconds since the request came
			if r.Context().Err() != nil {
				return
			}
			wait = serving.Waited(r.Context())
		}
		known <- true
	})}
	go func() { _ = server.ServeTLS(serving.Limit(inner, server, 10), "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	client := f.client()
	client.Timeout = 30 * time.Second
	if _, _, err := ask(t, client, inner.Addr().String()); err != nil || len(known) != 1 {
		t.Errorf("%v, it is known: %t", err, len(known) == 1)
	}
}
