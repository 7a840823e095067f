package httpapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"nativebridge/adapters/httpapi"
)

const (
	authorizationServer = "/.well-known/oauth-authorization-server"
	openIDConfiguration = "/.well-known/openid-configuration"
)

// ofTheTenant is what the metadata tells of sessions.
func ofTheTenant() httpapi.Sessions {
	return httpapi.Sessions{
		Issuer: "https://tenant.example.com/", Algorithms: []jose.SignatureAlgorithm{jose.RS256}, Scopes: []string{"openid", "offline_access"},
	}
}

// withAddress is the real handler of a bridge that knows its own address.
func withAddress(t *testing.T) http.Handler {
	t.Helper()
	config := httpapi.Config{PublicURL: "https://bridge.example.com/in"}
	use := httpapi.UseCases{Exchange: &exchanger{}, Keys: keys{json: `{"keys":[]}`}, Sessions: ofTheTenant()}
	return handlerOf(t, httpapi.NewServer(config, bridgeClientID, use, slog.New(slog.DiscardHandler)))
}

func TestTheMetadataIsWhatIsOffered(t *testing.T) {
	for path, issuer := range map[string]string{
		authorizationServer: "https://bridge.example.com/in", // RFC 8414, section 3.3: where the document is from
		openIDConfiguration: "https://tenant.example.com/",   // OpenID Connect Core 1.0, section 3.1.3.7: what ID tokens say
	} {
		w := httptest.NewRecorder()
		withAddress(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s: %v", path, w.Code, w.Body, err)
		}
		want := map[string]any{
			"issuer":                                     issuer,
			"token_endpoint":                             "https://bridge.example.com/in/oauth/token",
			"revocation_endpoint":                        "https://bridge.example.com/in/oauth/revoke",
			"jwks_uri":                                   "https://bridge.example.com/in/.well-known/jwks.json",
			"scopes_supported":                           []any{"openid", "offline_access"},
			"response_types_supported":                   []any{},
			"grant_types_supported":                      []any{exchangeGrant, "refresh_token"},
			"token_endpoint_auth_methods_supported":      []any{"none"},
			"revocation_endpoint_auth_methods_supported": []any{"none"},
			"subject_types_supported":                    []any{"public"},
			"id_token_signing_alg_values_supported":      []any{"RS256"},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%v\nwant\n%v", path, got, want)
		}
	}
}

func TestTheMetadataIsCacheableAndAnswersToHEAD(t *testing.T) {
	for _, path := range []string{authorizationServer, openIDConfiguration} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := httptest.NewRecorder()
			withAddress(t).ServeHTTP(w, httptest.NewRequest(method, path, nil))
			for name, want := range map[string]string{
				"Content-Type": "application/json", "Cache-Control": "public, max-age=300", "Pragma": "", "X-Content-Type-Options": "nosniff",
			} {
				if got := w.Header().Get(name); w.Code != http.StatusOK || got != want {
					t.Errorf("%s %s: %d, %s = %q, want %q", method, path, w.Code, name, got, want)
				}
			}
		}
	}
}

// Whoever chooses the Host could lead apps, by way of a shared cache, to a token endpoint
// of their own.
func TestNothingOfARequestIsInTheMetadata(t *testing.T) {
	handler := withAddress(t)
	for _, path := range []string{authorizationServer, openIDConfiguration} {
		plain := httptest.NewRecorder()
		handler.ServeHTTP(plain, httptest.NewRequest(http.MethodGet, path, nil))
		r := httptest.NewRequest(http.MethodGet, "https://evil.example"+path+"?issuer=https://evil.example", nil)
		for _, name := range []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Original-URL", "X-Host"} {
			r.Header.Set(name, "host=evil.example")
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.String() != plain.Body.String() {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, plain.Body)
		}
		for name, values := range w.Header() {
			if strings.Contains(strings.Join(values, ","), "evil") {
				t.Errorf("%s: %s is %q", path, name, values)
			}
		}
	}
}

func TestWithoutPublicURLThereIsNoMetadata(t *testing.T) {
	b := newBench(t, httpapi.Config{}, &exchanger{})
	for _, path := range []string{authorizationServer, openIDConfiguration} {
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://bridge.example.com"+path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s, want 404: the bridge does not know its address", path, w.Code, w.Body)
		}
	}
}
