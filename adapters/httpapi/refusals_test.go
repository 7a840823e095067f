package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/domain"
)

const goodToken = `{"token":"header.payload.signature"}`

// sends sends a body n times from the address.
func (b *bench) sends(n int, addr, body string) {
	for range n {
		r := httptest.NewRequest(http.MethodPost, "/v1/sessions", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = addr
		b.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// logged counts the lines of the log by code and client, and adds up what they say is left
// out by code and network.
func (b *bench) logged(t *testing.T) (lines, leftOut map[string]int) {
	t.Helper()
	lines, leftOut = map[string]int{}, map[string]int{}
	for text := range strings.Lines(b.log.String()) {
		var line struct {
			Code, Client, Network string
			LeftOut               int `json:"left_out"`
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.LeftOut > 0 {
			leftOut[line.Code+" "+line.Network] += line.LeftOut
		} else {
			lines[line.Code+" "+line.Client]++
		}
	}
	return lines, leftOut
}

func TestRefusalsOfOneAddressDoNotFillTheLogAndHideNobodyElses(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		body string
		code string
	}{
		"malformed requests":                 {nil, "{", "invalid_request"},
		"tokens that prove nothing":          {domain.ErrTokenRejected, goodToken, "token_rejected"},
		"one person's valid token, repeated": {domain.ErrTokenReplayed, goodToken, "token_replayed"},
		"one person whom the issuer refuses": {domain.ErrAccessDenied, goodToken, "access_denied"},
		"sign-ins over a limit":              {domain.ErrBusy, goodToken, "busy"},
		"sign-ins while somebody is away":    {domain.ErrUnavailable, goodToken, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, httpapi.Config{RequestTimeout: 10 * time.Second}, &exchanger{err: tt.err})
				b.sends(30, "203.0.113.7:4711", tt.body)
				b.sends(2, "203.0.113.8:4711", tt.body)
				lines, leftOut := b.logged(t)
				if want := map[string]int{tt.code + " 203.0.113.7": 10, tt.code + " 203.0.113.8": 2}; !maps.Equal(lines, want) || len(leftOut) != 0 {
					t.Errorf("logged are %v, left out %v; want %v, and nothing told yet", lines, leftOut, want)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if _, leftOut := b.logged(t); !maps.Equal(leftOut, map[string]int{tt.code + " 203.0.113.7/32": 20}) || b.server.LogLinesLeftOut() != 20 {
					t.Errorf("after a minute the log says that %v are left out and the server %d, want 20 of the first address", leftOut, b.server.LogLinesLeftOut())
				}
				b.sends(1, "203.0.113.7:4711", tt.body)
				if lines, _ := b.logged(t); lines[tt.code+" 203.0.113.7"] != 11 {
					t.Errorf("logged are %v, want one more in the next minute", lines)
				}
			})
		})
	}
}

func TestAnIPv6NetworkOf64BitsIsOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, httpapi.Config{RequestTimeout: 10 * time.Second}, &exchanger{})
		for n := range 15 {
			b.sends(1, fmt.Sprintf("[2001:db8:1:2::%x]:4711", n+1), "{")
		}
		b.sends(1, "[2001:db8:1:3::1]:4711", "{")
		b.sends(10, "[::ffff:203.0.113.7]:4711", "{")
		b.sends(10, "203.0.113.7:4711", "{")
		time.Sleep(time.Minute)
		synctest.Wait()
		_, leftOut := b.logged(t)
		if want := map[string]int{"invalid_request 2001:db8:1:2::/64": 5, "invalid_request 203.0.113.7/32": 10}; !maps.Equal(leftOut, want) {
			t.Errorf("left out are %v, want %v", leftOut, want)
		}
	})
}

func TestOneCauseHidesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, httpapi.Config{RequestTimeout: 10 * time.Second}, &exchanger{err: domain.ErrAccessDenied})
		b.sends(11, "203.0.113.7:4711", "{")
		b.sends(1, "203.0.113.7:4711", goodToken)
		if lines, _ := b.logged(t); lines["access_denied 203.0.113.7"] != 1 {
			t.Errorf("logged are %v, want the refusal among the malformed requests", lines)
		}
	})
}

func TestAFaultOfOursIsAlwaysLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, httpapi.Config{RequestTimeout: 10 * time.Second}, &exchanger{err: errors.New("invalid_client: check AUTH0_CLIENT_ID")})
		b.sends(30, "203.0.113.7:4711", goodToken)
		if lines, _ := b.logged(t); lines["internal_error 203.0.113.7"] != 30 || b.server.LogLinesLeftOut() != 0 {
			t.Errorf("logged are %v, want all thirty", lines)
		}
	})
}

// Whoever has many addresses fills neither the log nor the memory.
func TestManyAddressesShareTheirLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, httpapi.Config{}, &exchanger{})
		const addresses = 3000
		logged := 0
		for n := range addresses {
			if b.server.LogsRefusal("invalid_request", netip.AddrFrom4([4]byte{10, 0, byte(n / 256), byte(n % 256)})) {
				logged++
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		_, leftOut := b.logged(t)
		if logged != 1024+10 || leftOut["invalid_request any"] != addresses-1024-10 {
			t.Errorf("%d lines are logged and %v left out, want 1034 lines and the rest told", logged, leftOut)
		}
	})
}

func TestAStopTellsWhatWasLeftOut(t *testing.T) {
	b := newBench(t, httpapi.Config{RequestTimeout: 10 * time.Second, MaxInFlight: 1, MaxConnections: 64}, &exchanger{})
	b.sends(12, "203.0.113.7:4711", "{")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := b.server.Serve(ctx, listener); err != nil {
		t.Fatal(err)
	}
	if _, leftOut := b.logged(t); leftOut["invalid_request 203.0.113.7/32"] != 2 {
		t.Errorf("left out are %v, want the two", leftOut)
	}
}
