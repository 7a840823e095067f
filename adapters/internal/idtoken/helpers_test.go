package idtoken_test

import (
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

	mu     sync.Mutex
	status int
	body   []byte
	asked  int
}

func newEndpoint(t *testing.T, keys ...jose.JSONWebKey) *endpoint {
	t.Helper()
	e := &endpoint{}
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

// requests returns how many have arrived.
func (e *endpoint) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	w.WriteHeader(e.status)
	_, _ = w.Write(e.body)
}

// keysOf returns the keys at e, not fetched yet.
func keysOf(e *endpoint, c *clocktest.Clock) *jwks.Keys {
	client := upstream.New(upstream.Options{Name: "issuer", Now: c.Now})
	return jwks.New(client, e.URL+"/jwks.json", c.Now)
}
