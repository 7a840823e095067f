package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/internal/jwks"
	"nativebridge/adapters/internal/oauth"
	"nativebridge/adapters/internal/upstream"
	"nativebridge/domain"
)

// discoverable serves a discovery document at path, and elsewhere what e does. In
// the document ISSUER stands for the server's address and HOST for its host.
func discoverable(t *testing.T, e *endpoint, path, document string) string {
	t.Helper()
	var address string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			e.ServeHTTP(w, r)
			return
		}
		_, _ = io.WriteString(w, strings.NewReplacer("ISSUER", address, "HOST", r.Host).Replace(document))
	}))
	t.Cleanup(server.Close)
	address = server.URL
	return address
}

func discovered(issuer string) *jwks.Keys {
	client := upstream.New(upstream.Options{Name: "issuer", Now: time.Now})
	return jwks.Discover(oauth.Discovery{Client: client, Issuer: issuer, Setting: "THE_ISSUER", Foreign: "configure it", Now: time.Now}, time.Now)
}

func TestKeysAreDiscovered(t *testing.T) {
	tests := map[string]struct{ path, suffix string }{
		"an issuer without a path":   {"/.well-known/openid-configuration", ""},
		"an issuer with a slash":     {"/.well-known/openid-configuration", "/"},
		"an issuer with a path":      {"/tenant/.well-known/openid-configuration", "/tenant"},
		"an issuer with both, as is": {"/tenant/.well-known/openid-configuration", "/tenant/"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			document := fmt.Sprintf(`{"issuer":"ISSUER%s","jwks_uri":"ISSUER/keys"}`, tt.suffix)
			address := discoverable(t, newEndpoint(t, public("a", rsaKeys()[0])), tt.path, document)
			find(t, discovered(address+tt.suffix), "a", 1)
		})
	}
}

func TestADiscoveryDocumentThatIsNotTheIssuersIsAFault(t *testing.T) {
	elsewhere := newEndpoint(t, public("a", rsaKeys()[0]))
	tests := map[string]struct{ document, says string }{
		"another issuer":            {`{"issuer":"https://other.example.com","jwks_uri":"ISSUER/keys"}`, "THE_ISSUER"},
		"the issuer with a slash":   {`{"issuer":"ISSUER/","jwks_uri":"ISSUER/keys"}`, "THE_ISSUER"},
		"no issuer":                 {`{"jwks_uri":"ISSUER/keys"}`, "THE_ISSUER"},
		"the issuer in other case":  {`{"Issuer":"ISSUER","jwks_uri":"ISSUER/keys"}`, "THE_ISSUER"},
		"keys at another host":      {`{"issuer":"ISSUER","jwks_uri":"` + elsewhere.URL + `/keys"}`, "configure it"},
		"keys at another scheme":    {`{"issuer":"ISSUER","jwks_uri":"ftp://HOST/keys"}`, "configure it"},
		"keys behind a password":    {`{"issuer":"ISSUER","jwks_uri":"http://jane:pass@HOST/keys"}`, "configure it"},
		"keys nowhere in full":      {`{"issuer":"ISSUER","jwks_uri":"/keys"}`, "configure it"},
		"keys at no address at all": {`{"issuer":"ISSUER","jwks_uri":"http://%zz"}`, "configure it"},
		"no keys":                   {`{"issuer":"ISSUER"}`, "jwks_uri"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, public("a", rsaKeys()[0]))
			keys := discovered(discoverable(t, e, "/.well-known/openid-configuration", tt.document))
			for _, find := range []func(context.Context, string) ([]jose.JSONWebKey, error){keys.FindSparingly, keys.FindSparingly, keys.Find} {
				found, err := find(t.Context(), "a")
				if reason, known := domain.ReasonOf(err); err == nil || known || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%d keys, %v (reason %q), want a fault that says %q", len(found), err, reason, tt.says)
				}
			}
			if e.requests() != 0 {
				t.Error("the keys were asked for all the same")
			}
		})
	}
	if elsewhere.requests() != 0 {
		t.Error("keys were fetched from another host")
	}
}

func TestADiscoveryThatFailsIsNoVerdict(t *testing.T) {
	e := newEndpoint(t)
	e.answer(http.StatusServiceUnavailable, "")
	find(t, discovered(e.URL), "a", -1)

	for _, page := range []string{"<html>hello</html>", "[]", "", `{"issuer":1}`, `{"issuer":"ISSUER","issuer":"ISSUER","jwks_uri":"ISSUER/keys"}`} {
		keys := discovered(discoverable(t, newEndpoint(t), "/.well-known/openid-configuration", page))
		if _, err := keys.Find(t.Context(), "a"); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("%q: err = %v, want unavailable", page, err)
		}
	}
}

func TestAFaultOfDiscoveryEndsWithIt(t *testing.T) {
	c := newClock()
	var address string
	var mended atomic.Bool
	e := newEndpoint(t, public("a", rsaKeys()[0]))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/keys":
			e.ServeHTTP(w, r)
		case mended.Load():
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%s/keys"}`, address, address)
		default:
			_, _ = io.WriteString(w, `{"issuer":"https://other.example.com"}`)
		}
	}))
	t.Cleanup(server.Close)
	address = server.URL
	client := upstream.New(upstream.Options{Name: "issuer", Now: c.Now})
	keys := jwks.Discover(oauth.Discovery{Client: client, Issuer: address, Now: c.Now}, c.Now)

	if _, err := keys.FindSparingly(t.Context(), "a"); err == nil {
		t.Fatal("the document was believed")
	}
	mended.Store(true)
	c.Advance(time.Minute)
	if found, err := keys.FindSparingly(t.Context(), "a"); err != nil || len(found) != 1 {
		t.Errorf("%d keys, %v, want the one", len(found), err)
	}
}
