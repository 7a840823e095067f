package jwks_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/clocktest"
	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/upstream"
)

var start = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// rsaKeys returns two keys, made once because that takes long.
var rsaKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// public returns a key as an issuer publishes it.
func public(id string, key *rsa.PrivateKey) jose.JSONWebKey {
	return jose.JSONWebKey{KeyID: id, Key: key.Public(), Algorithm: "RS256", Use: "sig"}
}

func newClock() *clocktest.Clock { return clocktest.At(start) }

// endpoint is an issuer's JWKS endpoint.
type endpoint struct {
	*httptest.Server
	// arrived gets a value for each request, before it is answered.
	arrived chan struct{}

	mu     sync.Mutex
	status int
	body   []byte
	asked  int
	hold   chan struct{} // not nil: answers wait until it is closed
}

func newEndpoint(t *testing.T, keys ...jose.JSONWebKey) *endpoint {
	t.Helper()
	e := &endpoint{arrived: make(chan struct{}, 100)}
	e.publish(t, keys...)
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

// publish makes the endpoint answer with keys from now on.
func (e *endpoint) publish(t *testing.T, keys ...jose.JSONWebKey) {
	t.Helper()
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	e.answer(http.StatusOK, string(body))
}

// answer makes the endpoint answer so from now on.
func (e *endpoint) answer(status int, body string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.body = status, []byte(body)
}

// holdBack makes answers wait until the returned function is called.
func (e *endpoint) holdBack() (release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	hold := make(chan struct{})
	e.hold = hold
	return sync.OnceFunc(func() { close(hold) })
}

// requests returns how many have arrived.
func (e *endpoint) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	e.asked++
	hold := e.hold
	e.mu.Unlock()
	e.arrived <- struct{}{}
	if hold != nil {
		<-hold
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w.WriteHeader(e.status)
	_, _ = w.Write(e.body)
}

// keysOf returns the keys at e, not fetched yet.
func keysOf(e *endpoint, c *clocktest.Clock) *jwks.Keys {
	client := upstream.New(upstream.Options{Name: "issuer", Now: c.Now})
	return jwks.New(client, e.URL+"/jwks.json", c.Now)
}

// caller is a context that tells when its caller begins to wait.
type caller struct {
	context.Context
	waits func()
}

// callerOf returns a context that calls waits once, when it is first waited for.
func callerOf(ctx context.Context, waits func()) caller {
	return caller{ctx, sync.OnceFunc(waits)}
}

func (c caller) Done() <-chan struct{} {
	c.waits()
	return c.Context.Done()
}
