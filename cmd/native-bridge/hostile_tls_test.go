package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"nativebridge/adapters/certtest"
)

// guarded is a real process that serves TLS and has little room.
type guarded struct {
	*piped
	address   string
	authority *certtest.Authority
}

func startGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{authority: certtest.New(t)}
	pair, dir := g.authority.Issue(time.Now().Add(time.Hour)), t.TempDir()
	certtest.Write(t, filepath.Join(dir, "cert"), pair.Cert)
	certtest.Write(t, filepath.Join(dir, "key"), pair.Key)
	g.piped = besieged(t, "TLS_CERT_FILE="+filepath.Join(dir, "cert"), "TLS_KEY_FILE="+filepath.Join(dir, "key"))
	g.address = strings.TrimPrefix(g.api, "http://")
	return g
}

// serves signs two people in who have done nothing wrong, on new connections. Their tokens open
// nothing, but they are told so.
func (g *guarded) serves(t *testing.T, when string) {
	t.Helper()
	for _, two := range []bool{false, true} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!two)
		protocols.SetHTTP2(two)
		client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
			Protocols: protocols, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: g.authority.Pool(), MinVersion: tls.VersionTLS12},
		}}
		resp, err := client.Post("https://"+g.address+"/v1/sessions", "application/json", strings.NewReader(`{"token":"no.jwt.atall"}`))
		if err != nil {
			t.Errorf("%s, HTTP/2 %t: %v", when, two, err)
			continue
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusUnauthorized || (resp.ProtoMajor == 2) != two {
			t.Errorf("%s, %s: answered %d, want 401", when, resp.Proto, resp.StatusCode)
		}
	}
}

// dial opens a connection with TLS that speaks the protocol.
func (g *guarded) dial(t *testing.T, protocol string) *tls.Conn {
	t.Helper()
	c := tls.Client(g.knock(t, ""), &tls.Config{RootCAs: g.authority.Pool(), ServerName: "localhost", NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// sends returns a connection with HTTP/1.1 on which that was sent.
func (g *guarded) sends(t *testing.T, text string) net.Conn {
	t.Helper()
	c := g.dial(t, "http/1.1")
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// frames returns a connection with HTTP/2, and the framer of what it sends. Nobody reads
// from it.
func (g *guarded) frames(t *testing.T) (net.Conn, *http2.Framer) {
	t.Helper()
	c := g.dial(t, "h2")
	framer := http2.NewFramer(c, nil)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return c, framer
}

// stolen is a credential that hostile clients send where none belongs.
const stolen = "s3cr3t-that-somebody-stole"

// What trickles: each of these is sent, and then nothing. The bridge ends the connection when
// a handshake, or a request, has taken five seconds, and with HTTP/2 the request alone, whose
// first bytes may take ten.
func TestWhoIsSlowWithTLSIsSentAwayAndKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + stolen // 512 bytes are to come
	slow := map[string]net.Conn{
		"nothing but a connection":      g.knock(t, ""),
		"a part of a handshake":         g.knock(t, hello),
		"a handshake, and nothing more": g.dial(t, "http/1.1"),
		"a part of the headers":         g.sends(t, "POST /v1/sessions HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer "+stolen),
		"a part of the body":            g.sends(t, "POST /v1/sessions HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"token\":\""+stolen),
		"a handshake for HTTP/2":        g.dial(t, "h2"),
	}
	answered := g.sendsPartOfABody(t)
	g.serves(t, "while they trickle")
	if status := answered(); status != "408" {
		t.Errorf("a part of the body, with HTTP/2: answered %q, want 408", status)
	}
	for what, c := range slow {
		if !isClosed(c) {
			t.Errorf("%s: the connection is still open", what)
		}
	}
	g.serves(t, "after that")
	g.toldNothing(t)
}

// sendsPartOfABody begins a request with HTTP/2, and returns what waits for the status of the
// answer.
func (g *guarded) sendsPartOfABody(t *testing.T) (answered func() string) {
	t.Helper()
	c, framer := g.frames(t)
	block := append(headers("POST", "/v1/sessions"), headerField("content-type", "application/json")...)
	must(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true}))
	must(t, framer.WriteData(1, false, []byte(`{"token":"`+stolen)))
	return func() string {
		reader := http2.NewFramer(io.Discard, c)
		reader.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		for {
			frame, err := reader.ReadFrame()
			if err != nil {
				return err.Error()
			}
			if answer, ok := frame.(*http2.MetaHeadersFrame); ok {
				return answer.PseudoValue("status")
			}
		}
	}
}

// What floods: each of these would go on for ever, and the bridge ends it.
func TestWhoFloodsWithTLSIsCutOffAndKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	for name, flood := range map[string]func(t *testing.T) (send func() error){
		"headers": func(t *testing.T) func() error {
			c := g.sends(t, "GET /.well-known/jwks.json HTTP/1.1\r\nHost: bridge\r\n")
			header := "X-Flood: " + strings.Repeat(stolen, 1<<8) + "\r\n"
			return func() error { _, err := io.WriteString(c, header); return err }
		},
		"headers of one request, with HTTP/2": func(t *testing.T) func() error {
			_, framer := g.frames(t)
			block := headers("GET", "/.well-known/jwks.json")
			must(t, framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndStream: true}))
			more := headerField("x-flood", strings.Repeat(stolen, 1<<8))
			return func() error { return framer.WriteContinuation(1, false, more) }
		},
		"pings whose answers nobody reads": func(t *testing.T) func() error {
			return g.batches(t, func(framer *http2.Framer) error { return framer.WritePing(false, [8]byte{}) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			send := flood(t)
			var err error
			for sent := 0; err == nil; sent++ {
				if err = send(); sent > 1<<16 {
					t.Fatal("it takes all")
				}
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("it takes no more, and does not end the connection")
			}
			g.serves(t, "after that")
		})
	}
	g.toldNothing(t)
}

// What costs the bridge no memory: one confirmation of settings waits at most, and 16 requests
// are begun at most. So it may take these for as long as they come, at its own pace. It ends the
// second when 64 requests wait to be begun, which depends on who is faster.
func TestWhoFloodsWithWhatIsSmallKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	g, id := startGuarded(t), uint32(1)
	for name, send := range map[string]func() error{
		"settings": g.batches(t, func(framer *http2.Framer) error {
			return framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 16})
		}),
		"requests that are taken back": g.batches(t, func(framer *http2.Framer) error {
			err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers("GET", "/v1/sessions/"+stolen), EndStream: true, EndHeaders: true})
			if err == nil {
				err = framer.WriteRSTStream(id, http2.ErrCodeCancel)
			}
			id += 2
			return err
		}),
	} {
		for range 200 {
			if send() != nil {
				break
			}
		}
		g.serves(t, "while somebody floods it with "+name)
	}
	g.toldNothing(t)
}

// batches returns what sends a hundred frames at once. The client takes little of what the
// bridge says.
func (g *guarded) batches(t *testing.T, frame func(*http2.Framer) error) func() error {
	c, _ := g.frames(t)
	var batch bytes.Buffer
	framer := http2.NewFramer(&batch, nil)
	return func() error {
		batch.Reset()
		for range 100 {
			if err := frame(framer); err != nil {
				return err
			}
		}
		_, err := c.Write(batch.Bytes())
		return err
	}
}

// Whoever asks by HTTP/2 for more than they read holds a connection, and what waits to be
// written to it.
func TestWhoReadsNoAnswersIsCutOff(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	c, framer := g.frames(t)
	_ = c.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(1 << 12) // the answers wait at the bridge soon
	must(t, framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}))
	must(t, framer.WriteWindowUpdate(0, 1<<31-1<<16))
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	var err error
	for id := uint32(1); err == nil; id += 2 {
		err = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers("GET", "/openapi.yaml"), EndStream: true, EndHeaders: true})
		<-again.C // slowly: a flood would be ended for what it is
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is still open")
	}
	g.serves(t, "after that")
	g.toldNothing(t)
}

// headers returns the header block of a request.
func headers(method, path string) []byte {
	return bytes.Join([][]byte{headerField(":method", method), headerField(":scheme", "https"), headerField(":authority", "bridge"), headerField(":path", path)}, nil)
}

// headerField returns a field as it is without any compression.
func headerField(name, value string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0)
	_ = encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: true})
	return block.Bytes()
}

// What is no handshake that the bridge takes.
func TestWhoSpeaksNoTLSThatIsSafeIsTurnedAway(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	plain := g.knock(t, "GET /v1/sessions?token="+stolen+" HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer "+stolen+"\r\n\r\n")
	if answer, err := io.ReadAll(plain); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.0 400")) {
		t.Errorf("plain HTTP is answered %q (%v), want 400 and the end", answer, err)
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		c := tls.Client(g.knock(t, ""), &tls.Config{RootCAs: g.authority.Pool(), ServerName: "localhost", MinVersion: version, MaxVersion: version}) // #nosec G402 -- an old version is what is tried
		if c.Handshake() == nil {
			t.Errorf("%s is spoken", tls.VersionName(version))
		}
	}
	g.handshakesOnce(t)
	noise := g.knock(t, strings.Repeat(stolen, 100))
	if !isClosed(noise) {
		t.Error("noise does not end the connection")
	}
	g.serves(t, "after that")
	g.toldNothing(t)
}

// handshakesOnce wants a second handshake on a connection (renegotiation) refused.
func (g *guarded) handshakesOnce(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	openssl := exec.CommandContext(ctx, "openssl", "s_client", "-connect", g.address, "-tls1_2")
	var said bytes.Buffer
	openssl.Stdout, openssl.Stderr = &said, &said
	typed, err := openssl.StdinPipe()
	must(t, err)
	must(t, openssl.Start())
	_, err = io.WriteString(typed, "R\n") // begins one
	must(t, err)
	if err := openssl.Wait(); err == nil || !strings.Contains(said.String(), "RENEGOTIATING") || !strings.Contains(said.String(), "SSL alert number") {
		t.Errorf("a second handshake on a connection: %v\n%s", err, said.String())
	}
}

// toldNothing ends the process, and wants no credential of theirs in its log.
func (g *guarded) toldNothing(t *testing.T) {
	t.Helper()
	g.stops(t)
	if said := g.log.String(); strings.Contains(said, "s3cr3t") || strings.Contains(said, "panic") {
		t.Errorf("the log tells a secret, or of a panic:\n%s", said)
	}
}
