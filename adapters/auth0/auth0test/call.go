package auth0test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// maxBodySize bounds a request's body, in bytes.
const maxBodySize = 1 << 20

// call is one request on its way through the emulator.
type call struct {
	*http.Request
	at      Endpoint
	raw     []byte            // the body of a call of the Management API
	now     time.Time         // by the tenant's clock
	started time.Time         // by the real one
	params  map[string]string // from the body, form or JSON; never from the URL
	faults  Faults            // those that hit this call
	header  http.Header       // of the answer, whatever it will be
	seen    Exchange          // what is recorded of it
}

// handler answers a call. A *refusal is an answer too; any other error is a
// fault of the emulator.
type handler func(*call) (answer, error)

// serve runs a handler between the faults that come before and after it.
func (s *Server) serve(at Endpoint, handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.inUse.RLock()
		defer s.inUse.RUnlock()
		if s.closed {
			panic(http.ErrAbortHandler)
		}
		c, err := s.newCall(at, r)
		a, settled := s.strike(c, false)
		if !settled {
			if err == nil {
				a, err = handle(c)
			}
			a = toAnswer(a, err)
		}
		if instead, settled := s.strike(c, true); settled {
			a = instead
		}
		c.seen.Status, c.seen.Error = a.status, a.code
		s.tellOf(c) // first, so that a client with the answer finds it in Exchanges
		c.write(w, a)
	}
}

func (s *Server) tellOf(c *call) {
	c.seen.Duration = time.Since(c.started)
	s.tell(c.seen)
}

// newCall reads the body. If it cannot read the body, it returns an error of
// the caller's and a call that the faults can still work on.
func (s *Server) newCall(at Endpoint, r *http.Request) (*call, error) {
	c := &call{Request: r, at: at, now: s.now(), started: time.Now(), header: make(http.Header)}
	if at == AtToken || at == AtRevoke || at == AtUserInfo {
		c.header.Set("Cache-Control", "no-store") // RFC 6749 section 5.1
		c.header.Set("Pragma", "no-cache")
	}
	var err error
	switch {
	case at == AtManagement:
		c.raw, err = s.readRaw(r)
	case r.Method == http.MethodPost:
		c.params, err = readParams(r)
	}
	grant := c.params["grant_type"]
	c.faults = s.switchboard.take(at, grant)
	c.seen = Exchange{
		Kind:         Request,
		Time:         c.now,
		Method:       r.Method,
		Path:         r.URL.Path,
		Proto:        r.Proto,
		GrantType:    knownGrant(grant),
		ForwardedFor: r.Header.Get("Auth0-Forwarded-For"),
		UserAgent:    r.UserAgent(),
	}
	for _, f := range c.faults.Inject {
		c.seen.Faults = append(c.seen.Faults, f.Kind)
	}
	if addr, parseErr := netip.ParseAddrPort(r.RemoteAddr); parseErr == nil {
		c.seen.ClientIP = addr.Addr().String()
	}
	return c, err
}

// readParams takes JSON if the body says it is, else a form. Of JSON only
// strings count; everything else is ignored, like unknown parameters.
func readParams(r *http.Request) (map[string]string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBodySize))
	if err != nil {
		return nil, refuse(http.StatusRequestEntityTooLarge, "invalid_request", "The body is too large or broken off.")
	}
	params := make(map[string]string)
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == "application/json" {
		var object map[string]any
		if err := json.Unmarshal(body, &object); err != nil {
			return nil, refuse(http.StatusBadRequest, "invalid_request", "The body is no JSON object.")
		}
		for name, value := range object {
			if text, ok := value.(string); ok {
				params[name] = text
			}
		}
		return params, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid_request", "The body is no form.")
	}
	for name, values := range form {
		params[name] = values[0]
	}
	return params, nil
}

// fault tells whether one of this kind hits the call.
func (c *call) fault(kind FaultKind) bool {
	for _, f := range c.faults.Inject {
		if f.Kind == kind {
			return true
		}
	}
	return false
}

// strike applies the faults that are due now. It reports whether one of them is
// the answer.
func (s *Server) strike(c *call, after bool) (answer, bool) {
	for _, f := range c.faults.Inject {
		if f.After != after || f.afterLogin() {
			continue
		}
		switch f.Kind {
		case Delay:
			s.pause(c, time.After(time.Duration(f.DelayMillis)*time.Millisecond))
		case Hang:
			s.tellOf(c)
			s.pause(c, nil)
		case Reset:
			s.tellOf(c)
			resetConn(c.Context())
			panic(http.ErrAbortHandler)
		}
		if r := f.refusal(c.now); r != nil {
			if c.at == AtManagement && r.form == FormOAuth {
				r.form = formAPI
			}
			return toAnswer(answer{}, r), true
		}
	}
	return answer{}, false
}

// pause waits for enough. It ends the call when the caller leaves or the server
// closes.
func (s *Server) pause(c *call, enough <-chan time.Time) {
	select {
	case <-enough:
	case <-c.Context().Done():
		panic(http.ErrAbortHandler)
	case <-s.running.Done():
		panic(http.ErrAbortHandler)
	}
}

func toAnswer(a answer, err error) answer {
	if err == nil {
		return a
	}
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = refuse(http.StatusInternalServerError, "emulator_fault", err.Error())
	}
	a, err = r.answer()
	if err != nil {
		return answer{status: http.StatusInternalServerError, code: "emulator_fault", body: []byte(err.Error())}
	}
	return a
}

// write sends the answer, or what the faults leave of it.
func (c *call) write(w http.ResponseWriter, a answer) {
	maps.Copy(w.Header(), c.header)
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	half := a.body[:len(a.body)/2]
	switch {
	case c.fault(Truncated):
		w.WriteHeader(a.status)
		_, _ = w.Write(half)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case c.fault(Malformed):
		a.body = half
		w.Header().Set("Content-Length", strconv.Itoa(len(half)))
	case c.fault(Drip):
		w.WriteHeader(a.status)
		c.drip(w, a.body)
		return
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that hung up does not want it
}

// drip sends a body so slowly that the client's patience ends first.
func (c *call) drip(w http.ResponseWriter, body []byte) {
	pace := time.NewTicker(200 * time.Millisecond)
	defer pace.Stop()
	for i := range body {
		_, _ = w.Write(body[i : i+1])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-c.Context().Done():
			return
		case <-pace.C:
		}
	}
}

type connKey struct{}

// rememberConn lets a fault reach the connection under TLS and HTTP/2.
func rememberConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// resetConn makes the kernel send a TCP reset.
func resetConn(ctx context.Context) {
	conn, _ := ctx.Value(connKey{}).(net.Conn)
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
		_ = plain.Close()
	}
}
