package upstream_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nativebridge/adapters/internal/upstream"
)

const credential = "s3cr3t-t0k3n"

// clock is a time that only tests move.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)} }

func newClient(roots *x509.CertPool) *upstream.Client {
	return upstream.New(upstream.Options{Name: "vendor", RootCAs: roots, Now: newClock().now})
}

// serve starts a server that answers with handler.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// refused returns the address of a port that nobody listens on.
func refused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

// post returns a request that carries a credential wherever one can be.
func post(ctx context.Context, t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/path-"+credential+"?q="+credential, strings.NewReader("password="+credential))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(credential, credential)
	return req
}

// hangUp closes the connection of a request that has arrived.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestDoReturnsTheReplyWhateverItsStatus(t *testing.T) {
	for _, status := range []int{200, 204, 302, 400, 401, 404, 429, 500, 503} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("X-Got", r.Method+" "+string(body))
				w.WriteHeader(status)
				if status != http.StatusNoContent {
					_, _ = io.WriteString(w, "the body")
				}
			})
			reply, err := newClient(nil).Do(post(t.Context(), t, server.URL))
			if err != nil {
				t.Fatal(err)
			}
			if reply.Status != status || reply.Header.Get("X-Got") != "POST password="+credential {
				t.Errorf("status %d, X-Got %q: not what the server answered", reply.Status, reply.Header.Get("X-Got"))
			}
			if want := "the body"; status != http.StatusNoContent && string(reply.Body) != want {
				t.Errorf("body = %q, want %q", reply.Body, want)
			}
		})
	}
}

func TestDoNamesItself(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.UserAgent()) })
	req := post(t.Context(), t, server.URL)
	req.Header.Set("User-Agent", "somebody else")
	reply, err := newClient(nil).Do(req)
	if err != nil || string(reply.Body) != "native-bridge" {
		t.Errorf("User-Agent = %q, %v, want native-bridge", reply.Body, err)
	}
}

func TestDoTellsHowFarARequestCame(t *testing.T) {
	tests := map[string]struct {
		url    func(t *testing.T) string
		want   error
		status int
	}{
		"nobody listens": {refused, upstream.ErrNotSent, 0},
		"a certificate of nobody trusted": {func(t *testing.T) string {
			server := httptest.NewUnstartedServer(nil)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			return server.URL
		}, upstream.ErrNotSent, 0},
		"no TLS where it is expected": {func(t *testing.T) string {
			return strings.Replace(serve(t, nil).URL, "http:", "https:", 1)
		}, upstream.ErrNotSent, 0},
		"the connection is closed without a reply": {func(t *testing.T) string {
			return serve(t, hangUp).URL
		}, upstream.ErrNoReply, 0},
		"the reply is not HTTP": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, out, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_, _ = out.WriteString("220 mail.example.com\r\n\r\n")
					_ = out.Flush()
					conn.Close()
				}
			}).URL
		}, upstream.ErrNoReply, 0},
		"the body is cut off": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				w.WriteHeader(http.StatusBadGateway)
				_, _ = io.WriteString(w, "too short")
			}).URL
		}, upstream.ErrBadReply, http.StatusBadGateway},
		"the body is a byte too long": {func(t *testing.T) string {
			return serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write(make([]byte, upstream.MaxReplyBytes+1))
			}).URL
		}, upstream.ErrBadReply, http.StatusBadRequest},
	}
	kinds := []error{upstream.ErrNotSent, upstream.ErrNoReply, upstream.ErrBadReply}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			reply, err := newClient(nil).Do(post(t.Context(), t, tt.url(t)))
			for _, kind := range kinds {
				if errors.Is(err, kind) != (kind == tt.want) {
					t.Errorf("err = %v, want only %v", err, tt.want)
				}
			}
			if reply.Status != tt.status || len(reply.Body) != 0 {
				t.Errorf("status %d with %d bytes, want %d with none", reply.Status, len(reply.Body), tt.status)
			}
			if err != nil && (strings.Contains(err.Error(), credential) || strings.Contains(err.Error(), "path-") || !strings.HasPrefix(err.Error(), "vendor: ")) {
				t.Errorf("err = %v, want the party's name and no part of the request", err)
			}
		})
	}
}

func TestTheLongestReplyArrivesWhole(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, upstream.MaxReplyBytes)) })
	reply, err := newClient(nil).Do(post(t.Context(), t, server.URL))
	if err != nil || len(reply.Body) != upstream.MaxReplyBytes {
		t.Errorf("%d bytes, %v, want %d", len(reply.Body), err, upstream.MaxReplyBytes)
	}
}

func TestTLSToATrustedParty(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	if reply, err := newClient(roots).Do(post(t.Context(), t, server.URL)); err != nil || reply.Status != http.StatusOK {
		t.Errorf("status %d, %v, want 200", reply.Status, err)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for name, location := range map[string]string{
		"to another host":    other.URL,
		"to a relative path": "/elsewhere",
		"to nowhere":         "",
		"to what is no URL":  "http://[" + credential,
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(name+" "+http.StatusText(status), func(t *testing.T) {
				var asked atomic.Int64
				server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					asked.Add(1)
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				reply, err := newClient(nil).Do(post(t.Context(), t, server.URL))
				if err != nil || reply.Status != status {
					t.Errorf("status %d, %v, want the redirect itself", reply.Status, err)
				}
				if asked.Load() != 1 || elsewhere.Load() != 0 {
					t.Errorf("asked %d times, and %d times elsewhere, want once", asked.Load(), elsewhere.Load())
				}
			})
		}
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	// Each stage holds a request until the test ends, and says that it does.
	stages := map[string]func(w http.ResponseWriter){
		"before the reply": func(http.ResponseWriter) {},
		"within the body": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
		},
	}
	for name, hold := range stages {
		held, release := make(chan struct{}, 1), make(chan struct{})
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			hold(w)
			held <- struct{}{}
			<-release
		})
		t.Cleanup(func() { close(release) }) // before the server is closed, which waits for its handlers

		t.Run("the caller leaves "+name, func(t *testing.T) {
			client := newClient(nil)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-held; cancel() }()
			_, err := client.Do(post(ctx, t, server.URL))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want context.Canceled in it", err)
			}
			if trouble := client.Trouble(); trouble != nil {
				t.Errorf("trouble = %+v, but the party did nothing wrong", trouble)
			}
		})
		t.Run("the time is up "+name, func(t *testing.T) {
			client := newClient(nil)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := client.Do(post(ctx, t, server.URL))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v, want context.DeadlineExceeded in it", err)
			}
			if trouble := client.Trouble(); trouble == nil {
				t.Error("no trouble, but the party did not answer in time")
			}
		})
	}
}

func TestTroubleIsWhatTheLastRequestMet(t *testing.T) {
	now := newClock()
	start := now.Time
	client := upstream.New(upstream.Options{Name: "vendor", Now: now.now})
	var status atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch status.Load() {
		case 0:
			hangUp(w, r)
			return
		case 503:
			w.Header().Set("Content-Length", "100") // which do not follow
		}
		w.WriteHeader(int(status.Load()))
	})
	nobody := refused(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	steps := []struct {
		name   string
		ctx    context.Context
		url    string
		status int64 // 0: the server hangs up
		what   string
		since  time.Duration // after start
	}{
		{"an answer", t.Context(), server.URL, 200, "", 0},
		{"nobody listens", t.Context(), nobody, 0, "no connection", 2 * time.Minute},
		{"and still does not", t.Context(), nobody, 0, "no connection", 2 * time.Minute},
		{"other trouble is the same trouble", t.Context(), server.URL, 0, "no reply", 2 * time.Minute},
		{"an error of theirs that is cut off", t.Context(), server.URL, 503, "broken reply", 2 * time.Minute},
		{"an error of theirs too", t.Context(), server.URL, 502, "status 502", 2 * time.Minute},
		{"a caller who leaves changes nothing", cancelled, server.URL, 200, "status 502", 2 * time.Minute},
		{"a refusal is an answer", t.Context(), server.URL, 429, "", 0},
		{"a caller who leaves is no trouble", cancelled, server.URL, 200, "", 0},
		{"new trouble is counted anew", t.Context(), server.URL, 500, "status 500", 10 * time.Minute},
	}
	for i, step := range steps {
		now.Time = start.Add(time.Duration(i+1) * time.Minute)
		status.Store(step.status)
		_, _ = client.Do(post(step.ctx, t, step.url))
		trouble := client.Trouble()
		switch {
		case step.what == "" && trouble != nil:
			t.Errorf("%s: trouble = %+v, want none", step.name, trouble)
		case step.what != "" && (trouble == nil || trouble.What != step.what || !trouble.Since.Equal(start.Add(step.since))):
			t.Errorf("%s: trouble = %+v, want %q since %s", step.name, trouble, step.what, start.Add(step.since))
		}
	}
}

func TestWarmTakesAnyReply(t *testing.T) {
	var method, body string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		method, body = r.Method, string(text)
		w.WriteHeader(http.StatusForbidden)
	})
	if err := newClient(nil).Warm(t.Context(), server.URL); err != nil || method != http.MethodHead || body != "" {
		t.Errorf("%s with body %q: %v, want a HEAD request and no error", method, body, err)
	}
	if err := newClient(nil).Warm(t.Context(), refused(t)); !errors.Is(err, upstream.ErrNotSent) {
		t.Errorf("err = %v, want %v", err, upstream.ErrNotSent)
	}
	if err := newClient(nil).Warm(t.Context(), "://"); err == nil {
		t.Error("an address that is no URL is warmed")
	}
}

func TestAClientHasItsPartysName(t *testing.T) {
	if got := newClient(nil).Name(); got != "vendor" {
		t.Errorf("Name() = %q, want vendor", got)
	}
}

// A refusal of the bridge itself lasts until the same is answered well; what the
// party says of somebody's token, or to another question, does not end it.
func TestARefusalOfTheBridgeIsTrouble(t *testing.T) {
	now := newClock()
	start := now.Time
	client := upstream.New(upstream.Options{Name: "vendor", Now: now.now})
	var status atomic.Int64
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	steps := []struct {
		name    string
		path    string
		status  int64
		refuses bool // the adapter finds that the reply refuses the bridge
		what    string
		since   time.Duration // after start
	}{
		{"an answer", "/a", 200, false, "", 0},
		{"a token is refused", "/a", 401, false, "", 0},
		{"the bridge is refused", "/a", 401, true, "refuses the bridge (401)", 3 * time.Minute},
		{"and still is", "/a", 401, true, "refuses the bridge (401)", 3 * time.Minute},
		{"a token is refused meanwhile", "/a", 400, false, "refuses the bridge (401)", 3 * time.Minute},
		{"another question is answered", "/b", 200, false, "refuses the bridge (401)", 3 * time.Minute},
		{"they break down as well", "/a", 502, false, "status 502", 3 * time.Minute},
		{"and refuse again", "/a", 404, true, "refuses the bridge (404)", 7*time.Minute + time.Minute},
		{"the same leads elsewhere", "/a", 300, false, "refuses the bridge (404)", 8 * time.Minute},
		{"the same is answered", "/a", 200, false, "", 0},
	}
	for i, step := range steps {
		now.Time = start.Add(time.Duration(i+1) * time.Minute)
		status.Store(step.status)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+step.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if step.refuses {
			client.Refused(reply)
		}
		trouble := client.Trouble()
		switch {
		case step.what == "" && trouble != nil:
			t.Errorf("%s: trouble = %+v, want none", step.name, trouble)
		case step.what != "" && (trouble == nil || trouble.What != step.what || !trouble.Since.Equal(start.Add(step.since))):
			t.Errorf("%s: trouble = %+v, want %q since %s", step.name, trouble, step.what, start.Add(step.since))
		}
	}
}
