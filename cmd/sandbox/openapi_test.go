package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"nativebridge"
	"nativebridge/adapters"
	"nativebridge/adapters/auth0/auth0test"
	"nativebridge/adapters/authsignal/authsignaltest"
	"nativebridge/adapters/httpapi/openapitest"
)

// described is the description of the bridge that this package's tests keep to.
var described = func() *openapitest.Description {
	description, err := openapitest.Load("../../docs/openapi.yaml")
	if err != nil {
		panic(err)
	}
	return description
}()

// example is an answer that the description shows.
type example struct {
	path, method string
	operation    *openapi3.Operation
	status       int
	mediaType    string
	name         string
	value        any
}

// asking is the request that is to be answered as an example shows. It starts as the
// request that the description shows, with tokens that are good.
type asking struct {
	b            *bench
	t            *testing.T
	base         string
	method, path string
	contentType  string
	params       map[string]any
	raw          string // if set, sent as it is on a connection of its own
	pad          int    // so many blanks follow the body
	access       string // the access token in the header; "" if there is none
}

// showing is how an answer that the description shows comes about, other than by the request
// that it shows.
type showing struct {
	meets *fault        // what goes wrong at the vendors
	asks  func(*asking) // what is wrong about the request, or happens before it
}

// show has each example of the description.
var show = map[string]showing{
	"sign_in": {}, "exchange": {}, "renew": {}, "keys": {}, "auth0": {}, "live": {}, "ready": {}, "enrolment": {}, "passkeys": {},
	"apple_app_site_association": {}, "assetlinks": {}, "passkey_endpoints": {},

	"access_denied":   {meets: new(inject(auth0test.Fault{Kind: auth0test.AccessDenied}))},
	"mfa_required":    {meets: new(inject(auth0test.Fault{Kind: auth0test.MFARequired}))},
	"account_blocked": {meets: new(inject(auth0test.Fault{Kind: auth0test.UserBlocked}))},
	"busy":            {meets: new(inject(auth0test.Fault{Kind: auth0test.RateLimited, ResetSeconds: 60, At: auth0test.Everywhere})), asks: (*asking).ofALimitedBridge},
	"unavailable":     {meets: new(inject(auth0test.Fault{Kind: auth0test.ServerError, Status: 502, At: auth0test.Everywhere})), asks: (*asking).ofANewBridge},
	"internal_error":  {meets: new(inject(auth0test.Fault{Kind: auth0test.InvalidClient, At: auth0test.Everywhere})), asks: (*asking).ofAWrongIssuer},
	"vendor_down": {meets: new(validating(authsignaltest.Fault{Kind: authsignaltest.FaultHTML, Status: 503})), asks: func(a *asking) {
		for range 60 { // until the breaker is open: a good while, however many were answered before
			a.b.want(a.t, a.b.token(a.t, wish{}), http.StatusServiceUnavailable, "unavailable")
		}
	}},
	"draining": {asks: (*asking).ofABridgeThatStops},

	"access_token_missing": {asks: func(a *asking) { a.access = "" }},
	"access_token_invalid": {asks: func(a *asking) { a.access = "made.up" }},
	"insufficient_scope":   {asks: func(a *asking) { a.access = a.b.accessToken(a.t, "auth0|jane", map[string]any{"scope": "openid"}) }},
	"sign_in_too_old":      {asks: func(a *asking) { a.access = a.b.accessToken(a.t, "auth0|jane", map[string]any{"auth_time": nil}) }},
	"enrolment_denied":     {asks: func(a *asking) { a.access = a.b.accessToken(a.t, "google-oauth2|1042", nil) }},
	"passkey_unknown":      {},

	"invalid_request": {asks: func(a *asking) {
		delete(a.params, "token")
		delete(a.params, "subject_token")
		if a.isAboutPasskeys() {
			a.path += "?user=auth0|john"
		}
	}},
	"token_rejected":         {asks: func(a *asking) { a.credential("made.up") }},
	"token_replayed":         {asks: func(a *asking) { a.send() }},
	"grant_invalid":          {asks: func(a *asking) { a.params = map[string]any{"grant_type": "refresh_token", "refresh_token": "unknown"} }},
	"scope_invalid":          {asks: func(a *asking) { a.params["scope"] = "admin" }},
	"target_invalid":         {asks: func(a *asking) { a.params["audience"] = "https://other.example" }},
	"unsupported_grant_type": {asks: func(a *asking) { a.params["grant_type"] = "password" }},
	"unsupported_token_type": {asks: func(a *asking) { a.params["token_type_hint"] = "access_token" }},
	"invalid_client":         {asks: func(a *asking) { a.params["client_id"] = "somebody-else" }},
	"unsupported_media_type": {asks: func(a *asking) { a.contentType = "text/plain" }},
	"request_too_large":      {asks: func(a *asking) { a.pad = 16 << 10 }},
	"not_found": {asks: func(a *asking) {
		a.base, _, _ = a.b.another(a.t, map[string]string{"PUBLIC_URL": "", "ENROL_AUDIENCE": "", "ASSOCIATION_FILES": "off", "PASSKEY_ENROLL_URL": "", "PASSKEY_MANAGE_URL": ""})
	}},
	"method_not_allowed": {asks: func(a *asking) { a.method = http.MethodDelete }},
	"request_timeout": {asks: func(a *asking) {
		a.raw = a.method + " " + a.path + " HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"
	}},
	"headers_too_large": {asks: func(a *asking) {
		a.raw = a.method + " " + a.path + " HTTP/1.1\r\nHost: bridge\r\nX-Large: " + strings.Repeat("a", 24<<10) + "\r\n\r\n"
	}},
}

// TestEveryExampleOfTheDescriptionIsTrue sends each request that openapi.yaml shows to a
// whole bridge, and brings each answer about that it shows, errors included.
func TestEveryExampleOfTheDescriptionIsTrue(t *testing.T) {
	shown := examples(t)
	if got, want := slices.Sorted(maps.Keys(shown)), slices.Sorted(maps.Keys(show)); !slices.Equal(got, want) {
		t.Fatalf("the description has the examples %q, want those that the test can bring about, %q", got, want)
	}
	calm := startBench(t, benchSettings)
	for name, list := range shown {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, how := calm, show[name]
			if how.meets != nil {
				b = startBench(t, benchSettings)
			}
			asked := map[*asking]example{}
			for _, e := range list {
				for _, mediaType := range requestTypes(e.operation) {
					asked[newAsking(t, b, e, mediaType)] = e
				}
			}
			if how.meets != nil {
				b.meets(*how.meets)
			}
			for a, e := range asked {
				t.Run(e.method+" "+e.path+" "+a.contentType, func(t *testing.T) {
					t.Parallel()
					if a.t = t; how.asks != nil {
						how.asks(a)
					}
					status, header, body := a.send()
					e.compare(t, status, header, body)
				})
			}
		})
	}
}

// benchSettings are those of a bridge with all that can be had, and no limits.
var benchSettings = map[string]string{"PUBLIC_URL": "https://bridge.example.com", "RATE_LIMITS": "off", "AUTHSIGNAL_WEBHOOKS": "on", "ENROL_AUDIENCE": enrolAudience,
	"ASSOCIATION_FILES": "on", "RELYING_PARTY_ID": "example.com", "APPLE_APP_IDS": "A1B2C3D4E5.com.example.app",
	"ANDROID_APPS":       "com.example.app/14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5",
	"PASSKEY_ENROLL_URL": "https://example.com/passkeys/new", "PASSKEY_MANAGE_URL": "https://example.com/passkeys",
}

// TestARevocationIsAsTheDescriptionShows sends the one request whose answer is empty.
func TestARevocationIsAsTheDescriptionShows(t *testing.T) {
	operation := described.Paths.Value("/oauth/revoke").Post
	b := startBench(t, nil)
	for i, mediaType := range requestTypes(operation) {
		a := newAsking(t, b, example{path: "/oauth/revoke", method: http.MethodPost, operation: operation, name: "revoke"}, mediaType)
		if status, _, body := a.send(); status != http.StatusOK || len(body) > 0 || b.askedOfAuth0("/oauth/revoke") != i+1 {
			t.Errorf("%s: answered %d %s", mediaType, status, body)
		}
	}
}

// examples are all answers that the description shows, by the name of the example.
func examples(t *testing.T) map[string][]example {
	t.Helper()
	list := map[string][]example{}
	add := func(e example, response *openapi3.Response) {
		for mediaType, content := range response.Content {
			for name, shown := range content.Examples {
				e.mediaType, e.name, e.value = mediaType, name, shown.Value.Value
				list[name] = append(list[name], e)
			}
		}
	}
	for path, item := range described.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				number, err := strconv.Atoi(status)
				if err != nil {
					t.Fatal(err)
				}
				add(example{path: path, method: method, operation: operation, status: number}, response.Value)
			}
		}
	}
	sessions := described.Paths.Value("/v1/sessions").Post
	add(example{path: "/v1/sessions", method: http.MethodPost, operation: sessions, status: http.StatusMethodNotAllowed},
		described.Components.Responses["MethodNotAllowed"].Value)
	return list
}

// requestTypes are the media types in which the operation's requests are shown, or "" alone.
func requestTypes(operation *openapi3.Operation) []string {
	if operation.RequestBody == nil {
		return []string{""}
	}
	return slices.Sorted(maps.Keys(operation.RequestBody.Value.Content))
}

// newAsking returns the request that the description shows under the name of e, or else its
// first, with credentials that are good at b.
func newAsking(t *testing.T, b *bench, e example, mediaType string) *asking {
	t.Helper()
	a := &asking{b: b, t: t, base: b.bridgeURL, method: e.method, path: e.path, contentType: mediaType}
	switch e.operation.Tags[0] {
	case "operations":
		a.base = b.opsURL
	case "passkeys":
		b.token(t, wish{}) // Jane has one
		a.path = strings.ReplaceAll(e.path, "{id}", "no-such-passkey")
		a.access = b.accessToken(t, "auth0|jane", nil)
	}
	if mediaType == "" {
		return a
	}
	requests := e.operation.RequestBody.Value.Content[mediaType].Examples
	name := slices.Sorted(maps.Keys(requests))[0]
	if requests[e.name] != nil {
		name = e.name
	}
	a.params = maps.Clone(requests[name].Value.Value.(map[string]any))
	switch name {
	case "renew", "revoke":
		session := b.want(t, b.token(t, wish{}), http.StatusOK, "")
		a.credential(session.RefreshToken)
	default:
		a.credential(b.token(t, wish{}))
	}
	return a
}

// credential puts a token in the place of the one that is shown.
func (a *asking) credential(token string) {
	for _, name := range []string{"token", "subject_token", "refresh_token"} {
		if _, found := a.params[name]; found {
			a.params[name] = token
		}
	}
}

// ofANewBridge asks a bridge that has fetched no keys yet.
func (a *asking) ofANewBridge() {
	if a.path == "/.well-known/jwks.json" || a.isAboutPasskeys() {
		a.base, _, _ = a.b.another(a.t, nil)
	}
}

func (a *asking) isAboutPasskeys() bool { return strings.HasPrefix(a.path, "/v1/passkeys") }

// ofALimitedBridge asks what asks no vendor at a bridge that has answered one failure of this
// address, and allows no more.
func (a *asking) ofALimitedBridge() {
	if a.method != http.MethodGet && !a.isAboutPasskeys() {
		return
	}
	a.base, _, _ = a.b.another(a.t, map[string]string{
		"RATE_LIMITS": "on", "TRUSTED_PROXIES": "none", "RATE_LIMIT_FAILURES_PER_MINUTE": "1", "RATE_LIMIT_FAILURES_PER_HOUR": "1",
	})
	failed, err := http.Get(a.base + "/not-there")
	if err != nil {
		a.t.Fatal(err)
	}
	_ = failed.Body.Close()
}

// ofAWrongIssuer asks for keys a bridge whose OpenID provider says that it is another.
func (a *asking) ofAWrongIssuer() {
	if a.path != "/.well-known/jwks.json" && !a.isAboutPasskeys() {
		return
	}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"https://another.example"}`)
	}))
	a.t.Cleanup(provider.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.base, _, _ = a.b.another(a.t, map[string]string{
		"TOKEN_ISSUER": "oidc", "OIDC_ISSUER": provider.URL, "OIDC_CLIENT_ID": "bridge", "OIDC_CLIENT_SECRET": rand.Text(),
		"OIDC_ASSERTION_KEY": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})),
	})
}

// ofABridgeThatStops asks the probes of a bridge that has begun to stop.
func (a *asking) ofABridgeThatStops() {
	_, ops, stop := a.b.another(a.t, map[string]string{"DRAIN_DELAY": "1m"})
	stop()
	until(a.t, "it drains", func() bool {
		resp, err := http.Get(ops + a.path)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(text), "draining")
	})
	a.base = ops
}

// send sends the request and returns its answer, which must be as described.
func (a *asking) send() (int, http.Header, []byte) {
	a.t.Helper()
	if a.raw != "" {
		return a.sendRaw()
	}
	var body io.Reader
	if a.params != nil {
		body = strings.NewReader(a.encoded() + strings.Repeat(" ", a.pad))
	}
	r, err := http.NewRequestWithContext(a.t.Context(), a.method, a.base+a.path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.contentType != "" {
		r.Header.Set("Content-Type", a.contentType)
	}
	if a.access != "" {
		r.Header.Set("Authorization", "Bearer "+a.access)
	}
	resp, err := described.Client(a.t, nil).Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	answered, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, answered
}

// encoded is the body, in the type that it is said to have.
func (a *asking) encoded() string {
	if strings.HasPrefix(a.contentType, "application/x-www-form-urlencoded") {
		form := url.Values{}
		for name, value := range a.params {
			form.Set(name, fmt.Sprint(value))
		}
		return form.Encode()
	}
	text, err := json.Marshal(a.params)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// sendRaw sends what no client of net/http would.
func (a *asking) sendRaw() (int, http.Header, []byte) {
	a.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.base, "http://"))
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, a.raw) // it may be answered before it has come
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(a.t.Context(), a.method, a.base+a.path, nil)
	if err := described.Check(openapitest.Exchange{Request: r, Status: resp.StatusCode, Header: resp.Header, Body: body}); err != nil {
		a.t.Error(err)
	}
	return resp.StatusCode, resp.Header, body
}

// compare wants the answer to be the example, but for what differs each time.
func (e example) compare(t *testing.T, status int, header http.Header, body []byte) {
	t.Helper()
	if status != e.status || !strings.HasPrefix(header.Get("Content-Type"), e.mediaType) {
		t.Fatalf("answered %d %s %s", status, header.Get("Content-Type"), body)
	}
	var got any = string(body)
	if e.mediaType != "text/plain" {
		decoder := json.NewDecoder(bytes.NewReader(body))
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
	}
	want := e.value
	if members, ok := want.(map[string]any); ok && members["streams"] != nil { // the sandbox keeps its log itself
		members = maps.Clone(members)
		members["streams"], want = map[string]any{"audit": "ok"}, members
	}
	if set, ok := got.(map[string]any); ok && e.name == "keys" { // one is shown
		set["keys"] = set["keys"].([]any)[:1]
	}
	if got, want := withoutWhatDiffers(got), withoutWhatDiffers(want); !reflect.DeepEqual(got, want) {
		t.Errorf("answered %v, and the description shows %v", got, want)
	}
}

var aTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// withoutWhatDiffers is a JSON value without the texts that are others each time.
func withoutWhatDiffers(value any) any {
	differ := []string{"access_token", "id_token", "refresh_token", "request_id", "kid", "n", "x5c", "x5t", "issuer", "token", "id", "created_at", "last_used_at"}
	switch value := value.(type) {
	case map[string]any:
		plain := map[string]any{}
		for name, member := range value {
			plain[name] = withoutWhatDiffers(member)
			if slices.Contains(differ, name) {
				plain[name] = fmt.Sprintf("some %T", member)
			}
		}
		return plain
	case []any:
		plain := []any{}
		for _, item := range value {
			plain = append(plain, withoutWhatDiffers(item))
		}
		return plain
	case string:
		return aTime.ReplaceAllString(value, "some time")
	case float64, int, uint64, int64:
		return fmt.Sprint(value)
	}
	return value
}

// another starts a bridge with the settings of b's and some more, which begins with no
// connection and no keys. It stops when the test ends.
func (b *bench) another(t *testing.T, more map[string]string) (api, ops string, stop func()) {
	t.Helper()
	settings := maps.Clone(b.settings)
	maps.Copy(settings, map[string]string{"LISTEN_ADDR": "127.0.0.1:0", "OPS_ADDR": "127.0.0.1:0", "STARTUP_CHECK": "off"})
	maps.Copy(settings, more)
	config, err := adapters.LoadConfig(settings)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	server, shut, err := nativebridge.NewServer(ctx, config, adapters.Runtime{
		Log: slog.New(slog.DiscardHandler), Audit: io.Discard, Now: time.Now, Random: rand.Reader,
		RootCAs: b.rootCAs(), Born: time.Now().Add(-time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(shut)
	listeners, err := server.Listen(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(ctx, listeners) }()
	t.Cleanup(stop)
	return urlOf(listeners.API), urlOf(listeners.Ops), stop
}
