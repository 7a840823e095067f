package keycloak

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// tampering changes a request to the token endpoint, and signing makes an assertion with the
// bridge's own key.
type (
	tampering func(*http.Request, url.Values, signing)
	signing   func(claims map[string]any) string
)

// proxy stands before Keycloak, at an address of its own, and changes what the bridge sends
// to the token endpoint.
type proxy struct {
	mu     sync.Mutex
	tamper tampering
	key    any // of the bridge's assertions
}

func (p *proxy) start(t *testing.T, keycloak string) (address string) {
	target, err := url.Parse(keycloak)
	if err != nil {
		t.Fatal(err)
	}
	// The Host stays that of the proxy, so that Keycloak's issuer is there.
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.change(r); err != nil {
			t.Error(err)
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (p *proxy) set(tamper tampering) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tamper = tamper
}

// trust takes the private key of the bridge's assertions.
func (p *proxy) trust(t *testing.T, text string) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("the sandbox tells no assertion key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	p.key = key
}

func (p *proxy) change(r *http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tamper == nil || !strings.HasSuffix(r.URL.Path, "/token") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err == nil && form.Has("assertion") {
		kid, _ := decode(form.Get("assertion"), 0)["kid"].(string)
		p.tamper(r, form, func(claims map[string]any) string {
			signed, failed := p.sign(kid, claims)
			err = errors.Join(err, failed)
			return signed
		})
		body = []byte(form.Encode())
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return err
}

func (p *proxy) sign(kid string, claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.key}, new(jose.SignerOptions).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// decode reads a part of a JWT, or returns nil.
func decode(token string, part int) (members map[string]any) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err != nil || json.Unmarshal(text, &members) != nil {
		return nil
	}
	return members
}
