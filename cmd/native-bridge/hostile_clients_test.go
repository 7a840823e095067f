package main

import (
	"bufio"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// besieged is a real process with a vendor that the test plays, and little room.
func besieged(t *testing.T, environ ...string) *piped {
	t.Helper()
	return startPiped(t, "audit", append([]string{"MAX_IN_FLIGHT=8", "MAX_CONNECTIONS=64"}, environ...)...)
}

// knock opens a connection to the API and sends what is given. Nothing is expected yet.
func (p *piped) knock(t *testing.T, sent string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // so that the test fails and does not hang
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	return c
}

// isClosed reports whether the process has closed the connection. It waits for that.
func isClosed(c net.Conn) bool {
	_, err := io.Copy(io.Discard, c)
	timeout, ok := err.(net.Error)
	return !ok || !timeout.Timeout()
}

// Five thousand callers connect and say nothing. Everybody else is served meanwhile, and only as
// many as MAX_CONNECTIONS stay open.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	const silent, most = 5000, 2048
	p := startPiped(t, "audit") // MAX_CONNECTIONS has its default
	var all []net.Conn
	for i := range silent {
		if all = append(all, p.knock(t, "")); i%500 == 499 {
			p.refuses(t, 8)
		}
	}
	for i, c := range all[:silent-most] {
		if !isClosed(c) {
			t.Fatalf("connection %d is still open, more than MAX_CONNECTIONS are", i)
		}
	}
	p.refuses(t, 8)
}

func TestSlowClientsKeepNobodyOutAndAreSentAway(t *testing.T) {
	for name, slow := range map[string]struct{ sent, answered string }{
		"slow headers":          {"POST /v1/sessions HTTP/1.1\r\nHost: bridge\r\nX-Slow: ", ""},
		"a slow body":           {"POST /v1/sessions HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408"},
		"a slow body of chunks": {"POST /oauth/token HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "HTTP/1.1 408"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := besieged(t)
			var all []net.Conn
			crowd := func(size int) {
				for len(all) < size {
					all = append(all, p.knock(t, slow.sent))
				}
			}
			crowd(48)
			p.refuses(t, 20) // in the places that are left
			crowd(80)        // more than MAX_CONNECTIONS
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Post(p.api+"/v1/sessions", "application/json", strings.NewReader(`{"token":"no.jwt.atall"}`))
			if err != nil { // its turn comes when the first of them is sent away
				t.Fatalf("with all places taken by slow clients: %v", err)
			}
			_ = resp.Body.Close()
			for _, c := range all {
				answer, err := io.ReadAll(c)
				if err != nil || !strings.HasPrefix(string(answer), slow.answered) {
					t.Fatalf("answered %q (%v), want the end of the connection after %q", answer, err, slow.answered)
				}
			}
		})
	}
}

func TestAFloodOfHeadersIsRefusedEarly(t *testing.T) {
	p := besieged(t)
	for range 8 {
		c := p.knock(t, "GET /.well-known/jwks.json HTTP/1.1\r\nHost: bridge\r\n")
		header := "X-Flood: " + strings.Repeat("x", 1<<10) + "\r\n"
		written := 0
		for written < 64<<20 {
			n, err := io.WriteString(c, header)
			if written += n; err != nil {
				break
			}
		}
		if written == 64<<20 {
			t.Error("the process took 64 MiB of headers")
		}
	}
	c := p.knock(t, "GET / HTTP/1.1\r\nHost: bridge\r\nX-Flood: "+strings.Repeat("x", 20<<10)+"\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("20 KiB of headers are answered %v (%v), want 431", resp, err)
	}
	p.refuses(t, 20)
}

// Callers hang up while a vendor thinks: the request to the vendor ends with them, and
// their places are free again.
func TestWorkAtAVendorStopsWithItsCaller(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	authsignal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost { // the warm-up
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // net/http notices the end of a connection when the body is read
		begun <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	defer authsignal.Close()
	p := besieged(t, "AUTHSIGNAL_API_URL="+authsignal.URL+"/v1")
	token := liveToken()
	request := "POST /v1/sessions HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\nContent-Length: "
	body := `{"token":"` + token + `"}`
	for range 12 { // more than MAX_IN_FLIGHT
		c := p.knock(t, request+strconv.Itoa(len(body))+"\r\n\r\n"+body)
		receive(t, begun, "the vendor to be asked")
		_ = c.Close()
		receive(t, ended, "the vendor's request to end")
	}
	until(t, "the last of them have made room", func() bool {
		status, err := p.ask(http.DefaultClient)
		return err == nil && status == p.refusal.status
	})
	p.refuses(t, 20)
}

func receive(t *testing.T, from <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(30 * time.Second):
		t.Fatalf("waited in vain for %s", what)
	}
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
