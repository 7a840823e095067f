package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters/httpapi"
	"nativebridge/domain"
)

// ledger is a Limits that notes what it is told, and refuses with an error.
type ledger struct {
	refuses error
	checked []netip.Addr
	counted []bool // whether each failed
}

func (l *ledger) Check(address netip.Addr) error {
	l.checked = append(l.checked, address)
	return l.refuses
}

func (l *ledger) Count(_ netip.Addr, failed bool) { l.counted = append(l.counted, failed) }

// reached is a limit's error.
type reached struct{}

func (reached) Error() string { return "busy: a limit" }

func (reached) Unwrap() error { return domain.ErrBusy }

func (reached) RateLimit() (name string, quota int, window, wait time.Duration) {
	return "failures-minute", 30, time.Minute, 1500 * time.Millisecond
}

// limitedBench is the real handler with limits, for callers whose addresses are certain.
func limitedBench(t *testing.T, config httpapi.Config, l *ledger, err error) http.Handler {
	t.Helper()
	config.SubjectTokenTypes = httpapi.TokenTypes{challengeType}
	session := goodSession()
	use := httpapi.UseCases{
		Exchange: &exchanger{session: session, err: err}, Renew: &renewer{session: session, err: err}, Revoke: &revoker{err: err},
		Keys: keys{`{"keys":[]}`, err}, AssertionKeys: assertionKeys(`{"keys":[]}`), Limits: l,
	}
	return handlerOf(t, httpapi.NewServer(config, bridgeClientID, use, slog.New(slog.DiscardHandler)))
}

func ask(handler http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "198.51.100.7:5000"
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", jsonType)
	} else if body != "" {
		r.Header.Set("Content-Type", formType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestWhatCountsAsAFailureOfTheCaller(t *testing.T) {
	const failure, success, nothing = "[true]", "[false]", "[]"
	const good = `{"token":"a.b.c"}`
	for name, tt := range map[string]struct {
		method, path, body string
		err                error
		status             int
		want               string
	}{
		"a session":                              {"POST", "/v1/sessions", good, nil, 200, success},
		"a token that proves nothing":            {"POST", "/v1/sessions", good, domain.ErrTokenRejected, 401, failure},
		"a token that was used":                  {"POST", "/v1/sessions", good, domain.ErrTokenReplayed, 409, failure},
		"a person who may not":                   {"POST", "/v1/sessions", good, domain.ErrAccessDenied, 403, failure},
		"a malformed body":                       {"POST", "/v1/sessions", `{`, nil, 400, failure},
		"a body that is too large":               {"POST", "/v1/sessions", `{"token":"` + strings.Repeat("a", 17<<10) + `"}`, nil, 413, failure},
		"a body of another type":                 {"POST", "/v1/sessions", "token=x", nil, 415, failure},
		"a vendor's limit":                       {"POST", "/v1/sessions", good, domain.ErrBusy, 429, nothing},
		"an outage":                              {"POST", "/v1/sessions", good, domain.ErrUnavailable, 503, nothing},
		"a fault of ours":                        {"POST", "/v1/sessions", good, errors.New("a fault"), 500, nothing},
		"a refresh token that is unknown":        {"POST", "/oauth/token", "grant_type=refresh_token&refresh_token=x", domain.ErrGrantInvalid, 400, failure},
		"a renewal":                              {"POST", "/oauth/token", "grant_type=refresh_token&refresh_token=x", nil, 200, success},
		"a revocation":                           {"POST", "/oauth/revoke", "token=x", nil, 200, success},
		"a malformed revocation":                 {"POST", "/oauth/revoke", "x=y", nil, 400, failure},
		"a revocation by another client":         {"POST", "/oauth/revoke", "token=x&client_id=other", nil, 401, failure},
		"the issuer's keys":                      {"GET", "/.well-known/jwks.json", "", nil, 200, success},
		"the issuer's keys by HEAD":              {"HEAD", "/.well-known/jwks.json", "", nil, 200, success},
		"the issuer's keys, which are away":      {"GET", "/.well-known/jwks.json", "", domain.ErrUnavailable, 503, nothing},
		"the issuer's keys by another method":    {"POST", "/.well-known/jwks.json", "", nil, 405, failure},
		"the assertions' keys":                   {"GET", "/assertion/jwks.json", "", nil, 200, success},
		"a method that is refused":               {"DELETE", "/v1/sessions", "", nil, 405, failure},
		"a method that nobody knows":             {"BREW", "/oauth/token", "", nil, 405, failure},
		"OPTIONS, while no origin is let in":     {"OPTIONS", "/oauth/token", "", nil, 405, failure},
		"a path that is not there":               {"GET", "/admin.php", "", nil, 404, failure},
		"a path that is not there, below /oauth": {"GET", "/oauth/authorize", "", nil, 404, failure},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledger{}
			w := ask(limitedBench(t, httpapi.Config{}, l, tt.err), tt.method, tt.path, tt.body)
			if w.Code != tt.status {
				t.Errorf("the answer is %d %s, want %d", w.Code, w.Body, tt.status)
			}
			if got := fmt.Sprintf("%v", append([]bool{}, l.counted...)); got != tt.want || len(l.checked) != 1 {
				t.Errorf("counted is %s after %d checks, want %s", got, len(l.checked), tt.want)
			}
		})
	}
}

func TestALimitThatIsReachedIsAnsweredInTheWordsOfThePath(t *testing.T) {
	for name, tt := range map[string]struct{ method, path, body string }{
		"sessions":                {"POST", "/v1/sessions", `{"token":"a.b.c"}`},
		"a malformed request":     {"POST", "/v1/sessions", `{`},
		"tokens":                  {"POST", "/oauth/token", "grant_type=refresh_token&refresh_token=x"},
		"revocations":             {"POST", "/oauth/revoke", "token=x"},
		"the issuer's keys":       {"GET", "/.well-known/jwks.json", ""},
		"the assertions' keys":    {"GET", "/assertion/jwks.json", ""},
		"the description":         {"GET", "/openapi.yaml", ""},
		"a refused method":        {"DELETE", "/v1/sessions", ""},
		"what is not there":       {"GET", "/admin.php", ""},
		"the issuer's keys, HEAD": {"HEAD", "/.well-known/jwks.json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledger{refuses: domain.WithRetryAfter(reached{}, 1500*time.Millisecond)}
			w := ask(limitedBench(t, httpapi.Config{}, l, errors.New("a use case was asked")), tt.method, tt.path, tt.body)
			if strings.HasPrefix(tt.path, "/oauth/") {
				wantOAuthError(t, w, http.StatusTooManyRequests, "too_many_requests", "")
			} else {
				wantProblem(t, w, http.StatusTooManyRequests, "busy", "")
			}
			for header, want := range map[string]string{
				"Retry-After": "2", "RateLimit": `"failures-minute";r=0;t=2`, "RateLimit-Policy": `"failures-minute";q=30;w=60`,
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %s, want %s", header, got, want)
				}
			}
			if len(l.counted) != 0 {
				t.Error("a refusal is counted")
			}
		})
	}
}

func TestALimitOfAPersonTellsItself(t *testing.T) {
	w := ask(limitedBench(t, httpapi.Config{}, &ledger{}, fmt.Errorf("admit: %w", domain.WithRetryAfter(reached{}, time.Second))), "POST", "/v1/sessions", `{"token":"a.b.c"}`)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" || w.Header().Get("RateLimit-Policy") == "" {
		t.Errorf("%d %v, want the limit in the headers", w.Code, w.Header())
	}
}

func TestAVendorsLimitIsNotToldAsOurs(t *testing.T) {
	w := ask(limitedBench(t, httpapi.Config{}, &ledger{}, domain.ErrBusy), "POST", "/v1/sessions", `{"token":"a.b.c"}`)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || w.Header().Get("RateLimit-Policy") != "" {
		t.Errorf("%d %v, want Retry-After alone", w.Code, w.Header())
	}
}

func TestOnlyAnAddressThatIsKnownForCertainIsLimited(t *testing.T) {
	const forwarded = "X-Forwarded-For"
	proxies := httpapi.Prefixes{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")}
	for name, tt := range map[string]struct {
		proxies httpapi.Prefixes
		peer    string
		headers []string
		want    string // the address that is limited; "" for none
	}{
		"nothing is declared, a peer on the internet":               {nil, "198.51.100.7:1", nil, "198.51.100.7"},
		"nothing is declared, a peer on the internet over IPv6":     {nil, "[2001:db8::7]:1", nil, "2001:db8::7"},
		"nothing is declared, a private peer":                       {nil, "10.1.2.3:1", nil, ""},
		"nothing is declared, a peer on this machine":               {nil, "127.0.0.1:1", nil, ""},
		"nothing is declared, a peer on this machine over IPv6":     {nil, "[::1]:1", nil, ""},
		"nothing is declared, a unique local peer":                  {nil, "[fd00::7]:1", nil, ""},
		"nothing is declared, a link-local peer":                    {nil, "[fe80::7%eth0]:1", nil, ""},
		"nothing is declared, a carrier's peer":                     {nil, "100.64.1.1:1", nil, ""},
		"nothing is declared, a private peer in IPv6 form":          {nil, "[::ffff:10.1.2.3]:1", nil, ""},
		"nothing is declared, a proxy on the internet":              {nil, "198.51.100.7:1", []string{forwarded, "203.0.113.9"}, ""},
		"nothing is declared, a proxy that says so otherwise":       {nil, "198.51.100.7:1", []string{"Forwarded", "for=203.0.113.9"}, ""},
		"nothing is declared, a proxy with Via":                     {nil, "198.51.100.7:1", []string{"Via", "1.1 cdn"}, ""},
		"nothing is declared, a proxy with X-Real-IP":               {nil, "198.51.100.7:1", []string{"X-Real-IP", "203.0.113.9"}, ""},
		"a peer that is no address":                                 {nil, "@", nil, ""},
		"no proxies, a peer on the internet":                        {httpapi.Prefixes{}, "198.51.100.7:1", nil, "198.51.100.7"},
		"no proxies, a private peer":                                {httpapi.Prefixes{}, "10.1.2.3:1", nil, "10.1.2.3"},
		"no proxies, a peer that claims to forward":                 {httpapi.Prefixes{}, "198.51.100.7:1", []string{forwarded, "203.0.113.9"}, "198.51.100.7"},
		"proxies, an app behind one":                                {proxies, "10.1.2.3:1", []string{forwarded, "198.51.100.7"}, "198.51.100.7"},
		"proxies, an app behind two":                                {proxies, "10.1.2.3:1", []string{forwarded, "198.51.100.7, 192.0.2.1"}, "198.51.100.7"},
		"proxies, an app that names another":                        {proxies, "10.1.2.3:1", []string{forwarded, "203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		"proxies, an app that names a proxy":                        {proxies, "10.1.2.3:1", []string{forwarded, "10.9.9.9, 198.51.100.7"}, "198.51.100.7"},
		"proxies, an app that comes around them":                    {proxies, "198.51.100.7:1", []string{forwarded, "203.0.113.9"}, "198.51.100.7"},
		"proxies, and one that says nothing":                        {proxies, "10.1.2.3:1", nil, ""},
		"proxies, and one that is not listed, on a private network": {proxies, "10.1.2.3:1", []string{forwarded, "198.51.100.7, 172.16.0.9"}, ""},
		"proxies, and one that is not listed, before them":          {proxies, "172.16.0.9:1", []string{forwarded, "198.51.100.7"}, ""},
		"proxies, and nonsense":                                     {proxies, "10.1.2.3:1", []string{forwarded, "198.51.100.7, unknown"}, ""},
		"proxies, and nothing but proxies":                          {proxies, "10.1.2.3:1", []string{forwarded, "10.9.9.9"}, ""},
		"proxies, an app's address in IPv6 form":                    {proxies, "10.1.2.3:1", []string{forwarded, "::ffff:198.51.100.7"}, "198.51.100.7"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledger{}
			handler := limitedBench(t, httpapi.Config{TrustedProxies: tt.proxies}, l, nil)
			r := httptest.NewRequest("GET", "/.well-known/jwks.json", nil)
			r.RemoteAddr = tt.peer
			for i := 0; i+1 < len(tt.headers); i += 2 {
				r.Header.Set(tt.headers[i], tt.headers[i+1])
			}
			handler.ServeHTTP(httptest.NewRecorder(), r)
			want := 0
			if tt.want != "" {
				want = 1
			}
			if len(l.checked) != want || len(l.counted) != want || want == 1 && l.checked[0].String() != tt.want {
				t.Errorf("limited are %v, and %d answers are counted, want %q", l.checked, len(l.counted), tt.want)
			}
		})
	}
}

func TestACallerWhoLeavesCountsForTheCapOnly(t *testing.T) {
	l := &ledger{}
	ctx, leave := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "POST", "/v1/sessions", strings.NewReader(`{"token":"a.b.c"}`))
	r.RemoteAddr = "198.51.100.7:5000"
	r.Header.Set("Content-Type", jsonType)
	leave()
	limitedBench(t, httpapi.Config{}, l, ctx.Err()).ServeHTTP(httptest.NewRecorder(), r)
	if fmt.Sprint(l.counted) != "[false]" {
		t.Errorf("counted is %v, want one that did not fail", l.counted)
	}
}

func TestProxiesCanBeDeclaredAbsent(t *testing.T) {
	var p httpapi.Prefixes
	if err := p.UnmarshalText([]byte(" none ")); err != nil || p == nil || len(p) != 0 {
		t.Errorf("none is read as %v, %v", p, err)
	}
	if err := p.UnmarshalText([]byte("none,10.0.0.0/8")); err == nil {
		t.Error("none and a network are accepted together")
	}
}
