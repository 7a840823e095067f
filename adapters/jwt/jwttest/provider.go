// Package jwttest emulates a passkey provider on loopback: an OpenID discovery
// document, a JSON Web Key Set, and tokens signed with random keys that are kept
// in memory. It is for tests and for trying things out, and must never be linked
// into a product.
//
//	provider, err := jwttest.Start(jwttest.Options{})
//	token := provider.Sign(provider.Claims("auth0|jane"))
//
// # Endpoints
//
//	GET /.well-known/openid-configuration
//	GET /jwks.json
//
// # Knobs
//
// Rotate signs with a new key and withdraws the old ones; Publish adds keys to
// the set; Break makes both endpoints answer with an error, Garble with what is no
// JSON, and Hang not at all; Close makes them unreachable.
package jwttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Audience is the aud of the provider's tokens.
const Audience = "mobile-app"

// Options says how a provider starts. The zero value is usable.
type Options struct {
	Now func() time.Time // clock of the tokens and of the Date header; nil means time.Now
}

// Provider is a passkey provider. It is safe for concurrent use.
type Provider struct {
	url    string
	now    func() time.Time
	http   *http.Server
	served chan struct{}

	mu        sync.Mutex
	signing   jose.JSONWebKey
	published []jose.JSONWebKey
	status    int
	trouble   http.HandlerFunc // answers in place of the endpoints, if it is not nil
	asked     int              // for keys
}

// Start starts a provider on a free port of loopback.
func Start(o Options) (*Provider, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("jwttest: cannot listen: %w", err)
	}
	p := &Provider{url: "http://" + listener.Addr().String(), now: o.Now, status: http.StatusOK, served: make(chan struct{})}
	if p.now == nil {
		p.now = time.Now
	}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /jwks.json", p.keys)
	p.http = &http.Server{Handler: p.misbehave(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(p.served)
		_ = p.http.Serve(listener) // always http.ErrServerClosed: nothing else closes the listener
	}()
	return p, nil
}

// Close makes the provider unreachable.
func (p *Provider) Close() error {
	err := p.http.Close()
	<-p.served
	return err
}

// Issuer returns the iss of the tokens.
func (p *Provider) Issuer() string { return p.url }

// JWKSURL returns the address of the keys.
func (p *Provider) JWKSURL() string { return p.url + "/jwks.json" }

// Requests returns how often the keys were asked for.
func (p *Provider) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Claims returns the claims of a token for a passkey sign-in that ended just now,
// by the person with the given id: a new one at each call.
func (p *Provider) Claims(subject string) map[string]any {
	now := p.now().Unix()
	return map[string]any{
		"iss": p.url, "aud": Audience, "sub": subject, "jti": rand.Text(),
		"iat": now, "auth_time": now, "exp": now + 300, "amr": []string{"user", "hwk"},
	}
}

// Sign returns a token with the given claims, signed with the current key.
func (p *Provider) Sign(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(fmt.Errorf("jwttest: these claims are no JSON: %w", err))
	}
	return p.SignBytes(payload, nil)
}

// SignBytes returns a token with the given payload, whatever it is, and with more
// headers than alg and kid, signed with the current key.
func (p *Provider) SignBytes(payload []byte, headers map[jose.HeaderKey]any) string {
	return SignWith(p.Key(), jose.ES256, payload, headers)
}

// SignWith returns a token signed with any key, whose id is put into the header.
func SignWith(key jose.JSONWebKey, algorithm jose.SignatureAlgorithm, payload []byte, headers map[jose.HeaderKey]any) string {
	all := map[jose.HeaderKey]any{"kid": key.KeyID}
	maps.Copy(all, headers)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key.Key}, &jose.SignerOptions{ExtraHeaders: all})
	if err != nil {
		panic(fmt.Errorf("jwttest: that key does not sign with %s: %w", algorithm, err))
	}
	var jws *jose.JSONWebSignature
	fips140.WithoutEnforcement(func() { jws, err = signer.Sign(payload) }) // whoever forges takes the key that they like
	if err != nil {
		panic(fmt.Errorf("jwttest: sign: %w", err))
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		panic(fmt.Errorf("jwttest: sign: %w", err))
	}
	return text
}

// Key returns the private key that the provider signs with.
func (p *Provider) Key() jose.JSONWebKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signing
}

// Rotate makes the provider sign with a new key, the only one it publishes.
func (p *Provider) Rotate() {
	key := NewKey()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signing, p.published = key, []jose.JSONWebKey{key.Public()}
}

// NewKey returns a private P-256 key with an id, which no provider publishes.
func NewKey() jose.JSONWebKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Errorf("jwttest: no key: %w", err))
	}
	return jose.JSONWebKey{KeyID: rand.Text(), Key: key, Algorithm: string(jose.ES256), Use: "sig"}
}

// Publish adds keys to those that the provider publishes.
func (p *Provider) Publish(keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published = append(p.published, keys...)
}

// Break makes the provider answer every request with status; 200 mends it.
func (p *Provider) Break(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// Garble makes the provider answer every request with a page in place of JSON.
func (p *Provider) Garble() {
	p.meet(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>no keys today</html>") })
}

// Hang makes the provider answer no request before its caller gives up.
func (p *Provider) Hang() {
	p.meet(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

func (p *Provider) meet(trouble http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = trouble
}

func (p *Provider) misbehave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		trouble := p.trouble
		p.mu.Unlock()
		w.Header().Set("Date", p.now().UTC().Format(http.TimeFormat))
		if trouble != nil {
			trouble(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer(w, p.status, map[string]any{
		"issuer": p.url, "jwks_uri": p.url + "/jwks.json",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	answer(w, p.status, jose.JSONWebKeySet{Keys: p.published})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status == http.StatusOK {
		_ = json.NewEncoder(w).Encode(body)
	}
}
