package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"nativebridge/adapters/httpapi"
	"nativebridge/domain"
)

const webView = "capacitor://localhost"

// fromOrigin sends a request as a browser does from a page of that origin.
func fromOrigin(handler http.Handler, origin, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Origin", origin)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// openTo is a bridge whose pages are those of the given origins.
func openTo(t *testing.T, e *exchanger, origins ...string) http.Handler {
	config := httpapi.Config{PublicURL: "https://bridge.example.com", CORSOrigins: origins, SubjectTokenTypes: httpapi.TokenTypes{challengeType}}
	use := httpapi.UseCases{Exchange: e, Renew: &renewer{session: goodSession()}, Revoke: &revoker{}, Keys: keys{json: `{"keys":[]}`}, Sessions: ofTheTenant()}
	return handlerOf(t, httpapi.NewServer(config, bridgeClientID, use, slog.New(slog.DiscardHandler)))
}

func TestAPageOfAnAllowedOriginReadsEveryAnswer(t *testing.T) {
	handler := openTo(t, &exchanger{session: goodSession()}, "https://app.example.com", webView)
	for _, tt := range []struct{ method, path, body string }{
		{http.MethodPost, "/v1/sessions", `{"token":"` + token + `"}`},
		{http.MethodPost, "/oauth/token", `{"grant_type":"refresh_token","refresh_token":"x"}`},
		{http.MethodPost, "/oauth/revoke", `{"token":"x"}`},
		{http.MethodPost, "/oauth/token", `{}`}, // an error, which the app must be able to read
		{http.MethodGet, "/.well-known/jwks.json", ""},
		{http.MethodGet, authorizationServer, ""},
		{http.MethodGet, openIDConfiguration, ""},
		{http.MethodGet, "/nowhere", ""},
	} {
		w := fromOrigin(handler, webView, tt.method, tt.path, tt.body, "Content-Type", "application/json")
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != webView {
			t.Errorf("%s %s: %d, allowed is %q, want the origin", tt.method, tt.path, w.Code, got)
		}
		if !strings.Contains(strings.Join(w.Header().Values("Vary"), ", "), "Origin") {
			t.Errorf("%s %s varies by %q, want Origin: a cache must not give it to another page", tt.method, tt.path, w.Header().Values("Vary"))
		}
		exposed := strings.ToLower(w.Header().Get("Access-Control-Expose-Headers"))
		for _, name := range []string{"retry-after", "x-request-id", "ratelimit", "ratelimit-policy"} {
			if !slices.Contains(strings.Split(exposed, ", "), name) {
				t.Errorf("%s %s exposes %q, want %s", tt.method, tt.path, exposed, name)
			}
		}
		if got := w.Header().Get("Access-Control-Allow-Credentials"); got != "" {
			t.Errorf("%s %s allows credentials: %q", tt.method, tt.path, got)
		}
	}
}

func TestAPageOfAnotherOriginReadsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		allowed []string
		origin  string
	}{
		"none is allowed":       {nil, "https://app.example.com"},
		"another host":          {[]string{"https://app.example.com"}, "https://evil.example"},
		"a host that ends so":   {[]string{"https://app.example.com"}, "https://notapp.example.com"},
		"a host that begins so": {[]string{"https://app.example.com"}, "https://app.example.com.evil.example"},
		"another scheme":        {[]string{"https://app.example.com"}, "http://app.example.com"},
		"another port":          {[]string{"https://app.example.com"}, "https://app.example.com:8443"},
		"no page of its own":    {[]string{"https://app.example.com"}, "null"},
		"a star":                {[]string{"https://app.example.com"}, "*"},
		"an asterisk in a list": {[]string{"*"}, "https://evil.example"}, // refused at the start, and no pattern here either
	} {
		t.Run(name, func(t *testing.T) {
			e := &exchanger{session: goodSession()}
			handler := openTo(t, e, tt.allowed...)
			actual := fromOrigin(handler, tt.origin, http.MethodPost, "/v1/sessions", `{"token":"`+token+`"}`, "Content-Type", "application/json")
			preflight := fromOrigin(handler, tt.origin, http.MethodOptions, "/v1/sessions", "",
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
			for _, w := range []*httptest.ResponseRecorder{actual, preflight} {
				for name := range w.Header() {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%d has %s: %s", w.Code, name, w.Header().Get(name))
					}
				}
			}
		})
	}
}

func TestAPreflightIsAnsweredAndNobodyIsAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		method, headers string
		allowed         bool
	}{
		"a token":              {"POST", "content-type", true},
		"with a request id":    {"POST", "content-type,x-request-id", true},
		"auth0-spa-js":         {"POST", "auth0-client", true},
		"a client by Basic":    {"POST", "authorization", true},
		"a traced request":     {"POST", "content-type,traceparent,tracestate", true},
		"the metadata":         {"GET", "", true},
		"an unknown header":    {"POST", "content-type,x-evil", false},
		"a proof of DPoP":      {"POST", "dpop", false}, // the bridge refuses it
		"a method it has not":  {"PUT", "content-type", false},
		"another, of the same": {"DELETE", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := &exchanger{session: goodSession()}
			headers := []string{"Access-Control-Request-Method", tt.method}
			if tt.headers != "" {
				headers = append(headers, "Access-Control-Request-Headers", tt.headers)
			}
			w := fromOrigin(openTo(t, e, webView), webView, http.MethodOptions, "/v1/sessions", "", headers...)
			if got := w.Header().Get("Access-Control-Allow-Origin"); (got == webView) != tt.allowed {
				t.Errorf("%d, allowed is %q, want allowed: %t", w.Code, got, tt.allowed)
			}
			if w.Code != http.StatusNoContent || w.Body.Len() > 0 || len(e.asked) > 0 {
				t.Errorf("%d %q, the use case was asked %d times, want 204, nothing, and never", w.Code, w.Body, len(e.asked))
			}
			if got := w.Header().Get("Access-Control-Max-Age"); tt.allowed && got != "600" {
				t.Errorf("it holds for %q s, want 600", got)
			}
			if vary := strings.Join(w.Header().Values("Vary"), ", "); !strings.Contains(vary, "Origin") {
				t.Errorf("it varies by %q", vary)
			}
		})
	}
}

// Nothing stops a request from being sent. CORS is no limit of who may ask, and no
// answer of the bridge depends on a cookie.
func TestCORSRefusesNoRequest(t *testing.T) {
	for _, origins := range [][]string{nil, {webView}} {
		e := &exchanger{session: goodSession()}
		w := fromOrigin(openTo(t, e, origins...), "https://evil.example", http.MethodPost, "/v1/sessions", `{"token":"`+token+`"}`, "Content-Type", "application/json")
		if w.Code != http.StatusOK || len(e.asked) != 1 {
			t.Errorf("with %q: %d, asked %d times", origins, w.Code, len(e.asked))
		}
	}
}

func TestOPTIONSWithoutAPreflightSaysTheMethods(t *testing.T) {
	for _, origins := range [][]string{nil, {webView}} {
		w := fromOrigin(openTo(t, &exchanger{}, origins...), webView, http.MethodOptions, "/v1/sessions", "")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
			t.Errorf("with %q: %d, Allow %q", origins, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestARefusalForLaterTellsAPageWhenToCome(t *testing.T) {
	e := &exchanger{err: domain.ErrUnavailable}
	w := fromOrigin(openTo(t, e, webView), webView, http.MethodPost, "/v1/sessions", `{"token":"`+token+`"}`, "Content-Type", "application/json")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Header().Get("Access-Control-Expose-Headers"), "Retry-After") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
