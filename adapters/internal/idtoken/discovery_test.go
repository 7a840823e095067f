package idtoken_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/internal/idtoken"
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

func discovered(issuer string) *idtoken.Keys {
	client := upstream.New(upstream.Options{Name: "issuer", Now: time.Now})
	return idtoken.DiscoverKeys(client, issuer, time.Now)
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

func TestADiscoveryDocumentThatIsNotTheIssuersIsNotBelieved(t *testing.T) {
	elsewhere := newEndpoint(t, public("a", rsaKeys()[0]))
	tests := map[string]struct{ document, says string }{
		"another issuer":            {`{"issuer":"https://other.example.com","jwks_uri":"ISSUER/keys"}`, "another issuer"},
		"the issuer with a slash":   {`{"issuer":"ISSUER/","jwks_uri":"ISSUER/keys"}`, "another issuer"},
		"no issuer":                 {`{"jwks_uri":"ISSUER/keys"}`, "another issuer"},
		"keys at another host":      {`{"issuer":"ISSUER","jwks_uri":"` + elsewhere.URL + `/keys"}`, "configure it"},
		"keys at another scheme":    {`{"issuer":"ISSUER","jwks_uri":"ftp://HOST/keys"}`, "configure it"},
		"keys behind a password":    {`{"issuer":"ISSUER","jwks_uri":"http://jane:pass@HOST/keys"}`, "configure it"},
		"keys nowhere in full":      {`{"issuer":"ISSUER","jwks_uri":"/keys"}`, "configure it"},
		"keys at no address at all": {`{"issuer":"ISSUER","jwks_uri":"http://%zz"}`, "configure it"},
		"no keys":                   {`{"issuer":"ISSUER"}`, "no discovery document"},
		"a page":                    {`<html>hello</html>`, "no discovery document"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, public("a", rsaKeys()[0]))
			address := discoverable(t, e, "/.well-known/openid-configuration", tt.document)
			found, err := discovered(address).Find(t.Context(), "a")
			if reason, _ := domain.ReasonOf(err); reason != domain.ErrUnavailable || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Find = %d keys, %v, want unavailable because of %q", len(found), err, tt.says)
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
}
